//! What a setting may be, read from what a person typed.

use std::collections::BTreeSet;

use mamori_kernel::given;
use serde::{Deserialize, Serialize};

use crate::config;

/// Most receivers of one kind: more is a mailing list, which has one address.
const MOST_ADDRESSES: usize = 20;

/// What a setting may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Mail addresses, one a line.
    Addresses,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Whole numbers between `least` and `most`, each once, separated by spaces or commas.
    Numbers {
        /// Least number.
        least: i64,
        /// Greatest number.
        most: i64,
    },
}

/// A value of a setting. As JSON: a text, a list of texts, a list of numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum SettingValue {
    /// Of [`Shape::Choice`].
    Word(String),
    /// Of [`Shape::Numbers`].
    Numbers(Vec<i64>),
    /// Of [`Shape::Addresses`].
    Words(Vec<String>),
}

/// Why a value does not fit: what was typed and what would do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct WrongValue(pub String);

impl Shape {
    /// Reads what a person typed.
    pub fn read(self, text: &str) -> Result<SettingValue, WrongValue> {
        let value = match self {
            Self::Addresses => SettingValue::Words(
                text.lines()
                    .map(str::trim)
                    .filter(|line| !line.is_empty())
                    .map(str::to_owned)
                    .collect(),
            ),
            Self::Choice(_) => SettingValue::Word(text.trim().to_owned()),
            Self::Numbers { .. } => SettingValue::Numbers(
                text.split(|c: char| c.is_whitespace() || matches!(c, ',' | '、' | '，'))
                    .filter(|part| !part.is_empty())
                    .map(|part| {
                        part.parse()
                            .map_err(|_| WrongValue(format!("「{part}」は整数ではありません")))
                    })
                    .collect::<Result<_, _>>()?,
            ),
        };
        self.check(value)
    }

    /// Checks a value and brings it into its one form: doubles out, numbers from the greatest.
    pub fn check(self, value: SettingValue) -> Result<SettingValue, WrongValue> {
        match (self, value) {
            (Self::Addresses, SettingValue::Words(list)) => addresses(list),
            // An empty list of JSON has no type of its own.
            (Self::Addresses, SettingValue::Numbers(list)) if list.is_empty() => {
                Ok(SettingValue::Words(Vec::new()))
            }
            (Self::Choice(words), SettingValue::Word(word)) => {
                if words.contains(&word.as_str()) {
                    Ok(SettingValue::Word(word))
                } else {
                    Err(WrongValue(format!(
                        "{}（{} のどれかです）",
                        given::wrong(&word, "は選べません"),
                        words.join("・")
                    )))
                }
            }
            (Self::Numbers { least, most }, SettingValue::Numbers(list)) => {
                if let Some(wrong) = list.iter().find(|n| !(least..=most).contains(*n)) {
                    return Err(WrongValue(format!(
                        "{wrong} は使えません（{least}～{most} の整数です）"
                    )));
                }
                let once: BTreeSet<i64> = list.into_iter().collect();
                Ok(SettingValue::Numbers(once.into_iter().rev().collect()))
            }
            (Self::Addresses, _) => {
                Err(WrongValue("メールアドレスの並びではありません".to_owned()))
            }
            (Self::Choice(words), _) => Err(WrongValue(format!(
                "{} のどれかを選んでください",
                words.join("・")
            ))),
            (Self::Numbers { .. }, _) => Err(WrongValue("整数の並びではありません".to_owned())),
        }
    }
}

fn addresses(list: Vec<String>) -> Result<SettingValue, WrongValue> {
    if list.len() > MOST_ADDRESSES {
        return Err(WrongValue(format!(
            "宛先が {} 件あります（{MOST_ADDRESSES} 件まで）。多いときは同報用のアドレスを 1 つ書いてください",
            list.len()
        )));
    }
    let mut known = Vec::with_capacity(list.len());
    for address in list {
        if let Err(why) = config::address(&address) {
            return Err(WrongValue(format!(
                "{}（{why}）。例: koho@example.lg.jp",
                given::wrong(&address, "は使えません")
            )));
        }
        if !known.contains(&address) {
            known.push(address);
        }
    }
    Ok(SettingValue::Words(known))
}

impl SettingValue {
    /// As a person types it.
    pub fn typed(&self) -> String {
        match self {
            Self::Word(word) => word.clone(),
            Self::Words(list) => list.join("\n"),
            Self::Numbers(list) => list
                .iter()
                .map(i64::to_string)
                .collect::<Vec<_>>()
                .join(", "),
        }
    }

    /// What the ledger may hold of it: no address.
    pub(super) fn for_ledger(&self) -> String {
        match self {
            Self::Words(list) => format!("{} 件", list.len()),
            other => other.typed(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_is_read_checked_and_brought_into_one_form() {
        let read = Shape::Addresses.read(" a@example.jp \n\nb@example.lg.jp\na@example.jp\n");
        assert_eq!(read.unwrap().typed(), "a@example.jp\nb@example.lg.jp");
        assert_eq!(
            Shape::Addresses.read("").unwrap(),
            SettingValue::Words(Vec::new())
        );
        let days = Shape::Numbers { least: 0, most: 90 };
        assert_eq!(days.read("1、7, 3 7").unwrap().typed(), "7, 3, 1");
        assert_eq!(
            Shape::Choice(&["a", "b"]).read("b").unwrap(),
            SettingValue::Word("b".to_owned())
        );
    }

    #[test]
    fn what_does_not_fit_is_refused_with_what_would_do() {
        for (shape, text, part) in [
            (Shape::Addresses, "市役所", "例:"),
            (Shape::Addresses, "a@example.jp\r\nBcc: x@example.jp", "Bcc"),
            (Shape::Choice(&["a", "b"]), "c", "a・b"),
            (Shape::Numbers { least: 0, most: 9 }, "10", "0～9"),
            (Shape::Numbers { least: 0, most: 9 }, "七", "整数"),
        ] {
            let WrongValue(message) = shape.read(text).unwrap_err();
            assert!(message.contains(part), "{text:?}: {message}");
        }
        let many = (0..21)
            .map(|n| format!("a{n}@example.jp"))
            .collect::<Vec<_>>()
            .join("\n");
        assert!(Shape::Addresses.read(&many).is_err());
    }

    #[test]
    fn the_ledger_learns_no_address() {
        let value = Shape::Addresses.read("a@example.jp").unwrap();
        assert!(!value.for_ledger().contains('@'));
    }
}
