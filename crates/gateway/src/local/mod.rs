//! Where the firewall does something else than on the rest of a site: on a path and below, or with
//! one rule or all rules of a tag.
//!
//! What lets more pass than the site's own mode has a reason, an author and a last day. A path that
//! is stricter may last. For each path, rule and tag one decision is open at most; another one takes
//! its place.

pub mod desk;
pub mod store;

use jiff::Timestamp;
use jiff::civil::Date;
use mamori_kernel::clock::tokyo_date;
use mamori_proxy::WafMode;
use mamori_waf::RuleChoice;
use serde::Deserialize;

use crate::model::{WrongWish, is_reason, last_day, mode_of};

const PATH_BYTES: usize = 500;
const TAG_CHARS: usize = 100;

mamori_kernel::typed_id! {
    /// A mode that holds for a part of a site.
    LocalModeId,
}

/// What it holds for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// A path and what lies below.
    Path(String),
    /// A rule.
    Rule(u64),
    /// All rules with a tag.
    Tag(String),
}

impl Scope {
    /// As tables, addresses and the ledger write what it is: `path`, `rule`, `tag`.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Path(_) => "path",
            Self::Rule(_) => "rule",
            Self::Tag(_) => "tag",
        }
    }

    /// The path, the number, the tag.
    pub fn name(&self) -> String {
        match self {
            Self::Path(name) | Self::Tag(name) => name.clone(),
            Self::Rule(number) => number.to_string(),
        }
    }

    /// The scope of a word and a name; `None` where they make none.
    pub fn of(word: &str, name: &str) -> Option<Self> {
        match word {
            "path" => is_path(name).then(|| Self::Path(name.to_owned())),
            "rule" => {
                let number = name.parse().ok().filter(|number| *number > 0)?;
                Some(Self::Rule(number))
            }
            "tag" => is_tag(name).then(|| Self::Tag(name.to_owned())),
            _ => None,
        }
    }

    /// The rules, where it is about rules.
    pub fn rules(&self) -> Option<RuleChoice> {
        match self {
            Self::Path(_) => None,
            Self::Rule(number) => Some(RuleChoice::Id(*number)),
            Self::Tag(tag) => Some(RuleChoice::Tag(tag.clone())),
        }
    }
}

/// Whether it is a path of a part of a site that can mean only itself: the data plane holds others
/// to the site's mode. The whole site has a mode of its own.
fn is_path(text: &str) -> bool {
    let odd = ["/.", "//", "%", "\\", ";", "?", "#"];
    text.len() > 1
        && text.len() <= PATH_BYTES
        && text.starts_with('/')
        && text.bytes().all(|byte| byte.is_ascii_graphic())
        && !odd.iter().any(|odd| text.contains(odd))
}

fn is_tag(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_./:".contains(c);
    !text.is_empty() && text.len() <= TAG_CHARS && text.chars().all(allowed)
}

/// A mode for a part of a site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalMode {
    /// Its name.
    pub id: LocalModeId,
    /// Name of the site.
    pub site: String,
    /// For what.
    pub scope: Scope,
    /// What the firewall does there.
    pub mode: WafMode,
    /// Why.
    pub reason: String,
    /// Who decided it.
    pub author: String,
    /// Since when.
    pub created_at: Timestamp,
    /// The last day on which it holds; `None`: until somebody ends it.
    pub expires_on: Option<Date>,
    /// When a person ended it.
    pub ended_at: Option<Timestamp>,
}

impl LocalMode {
    /// Whether it holds now.
    pub fn holds(&self, now: Timestamp) -> bool {
        self.ended_at.is_none() && self.expires_on.is_none_or(|last| tokyo_date(now) <= last)
    }
}

/// A local mode as somebody asks for it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Wish {
    /// `path`, `rule` or `tag`.
    pub about: String,
    /// Which.
    pub name: String,
    /// `block`, `detect` or `off`.
    pub mode: String,
    /// Why.
    pub reason: String,
    /// Last day; may be empty where a path is stricter.
    pub expires_on: String,
}

impl Wish {
    /// Checks everything that can be known without the rules; whether they know the name is asked by
    /// the desk.
    pub fn check(&self, today: Date) -> Result<(Scope, WafMode, Option<Date>), Vec<WrongWish>> {
        let mut wrong = Vec::new();
        let name = self.name.trim();
        let scope = Scope::of(&self.about, name);
        if scope.is_none() {
            wrong.push(match self.about.as_str() {
                "path" => ("name", "gateway-wrong-mode-path"),
                "rule" => ("name", "gateway-wrong-rule"),
                "tag" => ("name", "gateway-wrong-tag"),
                _ => ("about", "gateway-wrong-about"),
            });
        }
        let mode = mode_of(&self.mode);
        if mode.is_none() {
            wrong.push(("mode", "gateway-wrong-mode"));
        }
        if mode == Some(WafMode::Block) && matches!(self.about.as_str(), "rule" | "tag") {
            // That is what rules do unless somebody decides otherwise.
            wrong.push(("mode", "gateway-wrong-rule-mode"));
        }
        if !is_reason(&self.reason) {
            wrong.push(("reason", "gateway-wrong-reason"));
        }
        let expires_on = match (self.expires_on.trim(), mode) {
            ("", Some(WafMode::Block)) => None,
            (text, _) => {
                let day = last_day(text, today);
                if day.is_none() {
                    wrong.push(("expires_on", "gateway-wrong-expiry"));
                }
                day
            }
        };
        match (scope, mode) {
            (Some(scope), Some(mode)) if wrong.is_empty() => Ok((scope, mode, expires_on)),
            _ => Err(wrong),
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn wish(about: &str, name: &str, mode: &str, expires_on: &str) -> Wish {
        Wish {
            about: about.to_owned(),
            name: name.to_owned(),
            mode: mode.to_owned(),
            reason: "見本".to_owned(),
            expires_on: expires_on.to_owned(),
        }
    }

    fn wrong(wish: &Wish) -> Vec<&'static str> {
        let wrong = wish.check(date(2026, 11, 23)).expect_err("wrong");
        wrong.into_iter().map(|(_, key)| key).collect()
    }

    #[test]
    fn what_lets_more_pass_ends_with_a_day_and_what_is_stricter_may_last() {
        let today = date(2026, 11, 23);
        assert_eq!(
            wish("path", "/wp-login.php", "block", "").check(today),
            Ok((
                Scope::Path("/wp-login.php".to_owned()),
                WafMode::Block,
                None
            ))
        );
        let until = Some(date(2026, 12, 31));
        assert_eq!(
            wish("rule", " 942100 ", "detect", "2026-12-31").check(today),
            Ok((Scope::Rule(942_100), WafMode::Detect, until))
        );
        assert_eq!(
            wish("tag", "attack-sqli", "off", "2026-12-31").check(today),
            Ok((Scope::Tag("attack-sqli".to_owned()), WafMode::Off, until))
        );
        for mode in ["off", "detect"] {
            assert_eq!(
                wrong(&wish("path", "/a", mode, "")),
                ["gateway-wrong-expiry"]
            );
        }
        assert_eq!(
            wrong(&wish("path", "/a", "block", "2028-01-01")),
            ["gateway-wrong-expiry"],
            "a day that is given is one"
        );
    }

    #[test]
    fn a_wish_names_everything_that_is_wrong() {
        for path in ["/", "a", "/a/../b", "/a//b", "/%61", "/a b", "/あ", "/a?b"] {
            assert_eq!(
                wrong(&wish("path", path, "block", "")),
                ["gateway-wrong-mode-path"],
                "{path}"
            );
        }
        assert_eq!(
            wrong(&wish("rule", "0", "block", "")),
            ["gateway-wrong-rule", "gateway-wrong-rule-mode"]
        );
        assert_eq!(
            wrong(&wish("tag", "a b", "off", "2026-12-31")),
            ["gateway-wrong-tag"]
        );
        let nothing = Wish::default();
        assert_eq!(
            wrong(&nothing),
            [
                "gateway-wrong-about",
                "gateway-wrong-mode",
                "gateway-wrong-reason",
                "gateway-wrong-expiry"
            ]
        );
    }

    #[test]
    fn words_lead_back_to_their_scope() {
        for scope in [
            Scope::Path("/a/".to_owned()),
            Scope::Rule(942_100),
            Scope::Tag("OWASP_CRS/ATTACK-SQLI".to_owned()),
        ] {
            assert_eq!(Scope::of(scope.word(), &scope.name()), Some(scope.clone()));
        }
        assert_eq!(Scope::of("site", "a"), None);
    }
}
