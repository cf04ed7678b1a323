//! What pages say, in Japanese first and English second: one Fluent source per capability and
//! language, put together when the application opens.
//!
//! Fluent because word order and plurals are the language's, not ours. Names that are data (the
//! contract's text, a register's labels, the rules' refusals) are not here: they stay as written.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use fluent_bundle::bundle::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use intl_memoizer::concurrent::IntlLangMemoizer;
use mamori_runtime::{App, Capability, Finding, FindingValue, HookError};
use unic_langid::LanguageIdentifier;

/// A language of the console.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Language {
    /// 日本語.
    #[default]
    Ja,
    /// English.
    En,
}

impl Language {
    /// Both, the first one first.
    pub const ALL: [Self; 2] = [Self::Ja, Self::En];

    /// `ja` or `en`: the value of `lang`, of the cookie and of the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ja => "ja",
            Self::En => "en",
        }
    }

    /// The language of that code; Japanese for anything unknown.
    pub fn of(code: &str) -> Self {
        if code == "en" { Self::En } else { Self::Ja }
    }

    /// Its own name.
    pub const fn own_name(self) -> &'static str {
        match self {
            Self::Ja => "日本語",
            Self::En => "English",
        }
    }
}

/// A value put into a text.
pub type Value<'a> = FluentValue<'a>;

type Bundle = FluentBundle<FluentResource, IntlLangMemoizer>;

/// All texts of the program.
#[derive(Default)]
pub struct TextBook(BTreeMap<Language, Bundle>);

impl fmt::Debug for TextBook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TextBook").finish_non_exhaustive()
    }
}

impl TextBook {
    /// Puts the texts of all capabilities together; a source with a mistake, or a key that
    /// appears twice, is an error.
    pub fn of(capabilities: &[Capability]) -> Result<Self, String> {
        let mut bundles = BTreeMap::new();
        for language in Language::ALL {
            bundles.insert(language, empty(language));
        }
        let all = capabilities.iter().flat_map(|capability| &capability.texts);
        for texts in all {
            let place = format!("locales/{}/{}", texts.language, texts.name);
            let resource = FluentResource::try_new(texts.source.to_owned())
                .map_err(|(_, errors)| format!("{place}: {errors:?}"))?;
            bundles
                .get_mut(&Language::of(texts.language))
                .expect("every language has a bundle")
                .add_resource(resource)
                .map_err(|errors| format!("{place}: {errors:?}"))?;
        }
        Ok(Self(bundles))
    }

    /// The text of a key, or `None` when there is none.
    pub fn text(
        &self,
        language: Language,
        key: &str,
        args: &[(&str, Value<'_>)],
    ) -> Option<String> {
        let bundle = self.0.get(&language)?;
        let pattern = bundle.get_message(key)?.value()?;
        let mut values = FluentArgs::with_capacity(args.len());
        for (name, value) in args {
            values.set(*name, value.clone());
        }
        let mut errors = Vec::new();
        let text = bundle
            .format_pattern(pattern, Some(&values), &mut errors)
            .into_owned();
        if !errors.is_empty() {
            tracing::warn!(key, ?errors, "a text lacks a value");
        }
        Some(text)
    }

    /// What a check found.
    pub fn finding(&self, language: Language, finding: &Finding) -> String {
        let key = format!("system-found-{}", finding.key);
        let values = finding.values.iter().map(|(name, value)| {
            let value = match value {
                FindingValue::Count(count) => Value::from(*count),
                FindingValue::Words(words) => Value::from(words.as_str()),
            };
            (*name, value)
        });
        self.say(language, &key, &values.collect::<Vec<_>>())
    }

    /// The text of a key; the key itself, and a line in the log, when there is none.
    pub fn say(&self, language: Language, key: &str, args: &[(&str, Value<'_>)]) -> String {
        self.text(language, key, args).unwrap_or_else(|| {
            tracing::warn!(key, language = language.as_str(), "no text of this key");
            key.to_owned()
        })
    }
}

fn empty(language: Language) -> Bundle {
    let id: LanguageIdentifier = language.as_str().parse().expect("a language tag");
    let mut bundle = FluentBundle::new_concurrent(vec![id]);
    // Marks of direction around values confuse searching, copying and tests; our values are text
    // of the same page, and names from outside stand in elements of their own with dir="auto".
    bundle.set_use_isolating(false);
    bundle
}

/// The texts of an application.
pub fn texts(app: &App) -> Arc<TextBook> {
    app.slot_or_default::<TextBook>()
}

/// Reads all texts when the application opens.
pub(crate) fn load(app: &App) -> Result<(), HookError> {
    let book = TextBook::of(app.capabilities())
        .map_err(|error| HookError::new(format!("画面の文言を読めません: {error}")))?;
    app.provide(Arc::new(book));
    Ok(())
}

#[cfg(test)]
mod tests {
    use mamori_runtime::Texts;

    use super::*;

    fn book(sources: &[(&'static str, &'static str)]) -> Result<TextBook, String> {
        TextBook::of(&[Capability {
            texts: sources
                .iter()
                .map(|(language, source)| Texts {
                    language,
                    name: "test.ftl",
                    source,
                })
                .collect(),
            ..Capability::default()
        }])
    }

    #[test]
    fn a_text_is_said_in_its_language_with_its_values() {
        let book = book(&[
            ("ja", "left = あと { $days } 日"),
            (
                "en",
                "left = { $days ->\n    [one] one day left\n   *[other] { $days } days left\n }",
            ),
        ])
        .expect("two sources");
        let say = |language, days: i64| book.say(language, "left", &[("days", days.into())]);
        assert_eq!(say(Language::Ja, 3), "あと 3 日");
        assert_eq!(say(Language::En, 1), "one day left");
        assert_eq!(say(Language::En, 3), "3 days left");
        assert_eq!(book.say(Language::Ja, "nothing", &[]), "nothing");
        assert_eq!(book.text(Language::Ja, "nothing", &[]), None);
    }

    #[test]
    fn mistakes_and_twins_are_errors() {
        assert!(book(&[("ja", "a = { $")]).is_err());
        assert!(book(&[("ja", "a = 1"), ("ja", "a = 2")]).is_err());
    }
}
