//! What a register's parts are called in the page's language. Japanese names stand in the
//! registers' descriptions; other languages translate them by key.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::LazyLock;

use mamori_kernel::permission::Permission;
use mamori_runtime::Texts;
use mamori_web::Page;

use super::Here;
use crate::REGISTERS;
use crate::pages::view;
use crate::register::{ActSpec, FieldKind, FieldSpec, RegisterSpec};

/// What the pages of the registers say.
pub(crate) fn texts() -> Vec<Texts> {
    vec![
        Texts {
            language: "ja",
            name: "registers.ftl",
            source: include_str!("../../../locales/ja/registers.ftl"),
        },
        Texts {
            language: "en",
            name: "registers.ftl",
            source: include_str!("../../../locales/en/registers.ftl"),
        },
        Texts {
            language: "ja",
            name: "register-labels.ftl",
            source: &JAPANESE,
        },
        Texts {
            language: "en",
            name: "register-labels.ftl",
            source: include_str!("../../../locales/en/register-labels.ftl"),
        },
        Texts {
            language: "ja",
            name: "kinds.ftl",
            source: include_str!("../../../locales/ja/kinds.ftl"),
        },
        Texts {
            language: "en",
            name: "kinds.ftl",
            source: include_str!("../../../locales/en/kinds.ftl"),
        },
    ]
}

/// The names that stand in the descriptions, as the texts of the Japanese pages: written once,
/// held against the English ones by a test.
static JAPANESE: LazyLock<String> = LazyLock::new(|| {
    let mut texts: BTreeMap<String, &'static str> = BTreeMap::new();
    let mut add = |key: String, text| {
        texts.entry(key).or_insert(text);
    };
    for register in &REGISTERS {
        let spec = register.spec;
        let key = spec.key;
        for (state, title) in spec.states {
            add(format!("register-{key}-state-{state}"), title);
        }
        for (name, title) in spec.derived {
            add(format!("register-{key}-derived-{name}"), title);
        }
        for act in spec.acts {
            add(format!("register-{key}-act-{}", act.name), act.title_ja);
            add(format!("register-{key}-did-{}", act.name), act.kind_ja);
            add(view::kind_key(act.kind), act.kind_ja);
            for field in act.fields {
                let name = field.name;
                add(
                    format!("register-{key}-{}-{name}", act.name),
                    field.label_ja,
                );
                match field.kind {
                    FieldKind::Choice(choices) => {
                        for (choice, title) in choices {
                            add(format!("register-{key}-{name}-choice-{choice}"), title);
                        }
                    }
                    FieldKind::Rows(inner) => {
                        for one in inner {
                            add(format!("register-{key}-row-{}", one.name), one.label_ja);
                        }
                    }
                    _ => {}
                }
            }
        }
    }
    texts.iter().fold(String::new(), |mut source, (key, text)| {
        let _ = writeln!(source, "{key} = {text}");
        source
    })
});

/// The register.
pub(super) fn register(page: &Page, spec: &RegisterSpec) -> String {
    view::register_name(page, spec)
}

/// A state.
pub(super) fn state(page: &Page, spec: &'static RegisterSpec, state: &str) -> String {
    view::state_name(page, spec, state)
}

/// An act.
pub(super) fn act(page: &Page, spec: &RegisterSpec, act: &ActSpec) -> String {
    let key = format!("register-{}-act-{}", spec.key, act.name);
    page.t_or(&key, act.title_ja)
}

/// Whether the visitor is one who asks the contractor here, and does not keep its register.
pub(super) fn asks(here: &Here) -> bool {
    matches!(here.register.spec.key, "question" | "request")
        && !here.visitor.may(Permission::write(here.register.spec.key))
}

/// A field of an act.
pub(super) fn field(page: &Page, spec: &RegisterSpec, act: &ActSpec, field: &FieldSpec) -> String {
    let key = format!("register-{}-{}-{}", spec.key, act.name, field.name);
    page.t_or(&key, field.label_ja)
}

/// A field by its name alone: of the first act that has it, or a derived one.
pub(super) fn named(page: &Page, spec: &RegisterSpec, name: &str) -> String {
    // What was derived is called as what was typed.
    let name = match (spec.key, name) {
        ("work", "counts") => "counts_as",
        ("work", "minutes") => "hours",
        (_, name) => name,
    };
    for act in spec.acts {
        if let Some(found) = act.fields.iter().find(|field| field.name == name) {
            return field(page, spec, act, found);
        }
    }
    let other = spec
        .derived
        .iter()
        .find(|(key, _)| *key == name)
        .map_or(name, |(_, title)| *title);
    page.t_or(&format!("register-{}-derived-{name}", spec.key), other)
}

/// A choice of a field.
pub(super) fn choice(
    page: &Page,
    spec: &RegisterSpec,
    field: &str,
    value: &str,
    other: &str,
) -> String {
    let key = format!("register-{}-{field}-choice-{value}", spec.key);
    page.t_or(&key, other)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_text_is_written_in_both_languages() {
        let keys = |language: &str| -> BTreeSet<String> {
            texts()
                .iter()
                .filter(|texts| texts.language == language)
                .flat_map(|texts| texts.source.lines())
                .filter(|line| !line.starts_with([' ', '#']))
                .filter_map(|line| Some(line.split_once(" =")?.0.to_owned()))
                .collect()
        };
        let (ja, en) = (keys("ja"), keys("en"));
        let lacking: Vec<_> = ja.symmetric_difference(&en).collect();
        assert!(lacking.is_empty(), "{lacking:?}");
        assert!(ja.len() > 400, "{}", ja.len());
    }
}
