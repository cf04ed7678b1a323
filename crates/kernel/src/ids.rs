//! Typed identifiers: UUIDv7 newtypes for things the system makes, text newtypes for names
//! that people give. This crate has no clock and no chance of its own, so an id is made from
//! an instant and random bytes that the caller brings.

use std::fmt;
use std::str::FromStr;

/// Why a text is no identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Not a UUID.
    #[error(
        "「{text}」は{what}の識別子ではありません。UUID（例 019a1b2c-…）で指定してください (not a UUID)"
    )]
    NotUuid {
        /// The type's name.
        what: &'static str,
        /// What was given.
        text: String,
    },
    /// A name breaks its rule.
    #[error("「{text}」は{what}に使えません。{rule} (invalid name)")]
    Name {
        /// The type's name.
        what: &'static str,
        /// What was given.
        text: String,
        /// The rule, in Japanese.
        rule: &'static str,
    },
}

/// Declares a newtype over a UUIDv7: `typed_id! { /// A work entry. WorkId }`.
///
/// The type is `Copy`, ordered by creation time, (de)serialised as its hyphenated text, and
/// made by `new(at, random)`, where `random` is 10 bytes from the caller's source of chance.
#[macro_export]
macro_rules! typed_id {
    ($($(#[$meta:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name($crate::ids::Uuid);

        impl $name {
            /// A new id from its instant (milliseconds are kept) and 10 random bytes.
            pub fn new(at: $crate::ids::Timestamp, random: [u8; 10]) -> Self {
                Self($crate::ids::uuid_v7(at, random))
            }

            /// The id as a UUID.
            pub fn as_uuid(self) -> $crate::ids::Uuid {
                self.0
            }
        }

        impl From<$crate::ids::Uuid> for $name {
            fn from(uuid: $crate::ids::Uuid) -> Self {
                Self(uuid)
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, out: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                ::std::fmt::Display::fmt(&self.0.hyphenated(), out)
            }
        }

        impl ::std::str::FromStr for $name {
            type Err = $crate::ids::IdError;

            fn from_str(text: &str) -> ::std::result::Result<Self, Self::Err> {
                $crate::ids::parse_uuid(stringify!($name), text).map(Self)
            }
        }

        impl $crate::ids::serde::Serialize for $name {
            fn serialize<S: $crate::ids::serde::Serializer>(
                &self,
                to: S,
            ) -> ::std::result::Result<S::Ok, S::Error> {
                to.collect_str(self)
            }
        }

        impl<'de> $crate::ids::serde::Deserialize<'de> for $name {
            fn deserialize<D: $crate::ids::serde::Deserializer<'de>>(
                from: D,
            ) -> ::std::result::Result<Self, D::Error> {
                let text = <::std::string::String as $crate::ids::serde::Deserialize>::deserialize(from)?;
                text.parse().map_err($crate::ids::serde::de::Error::custom)
            }
        }
    )+};
}

// For `typed_id!` in other crates, which need not name these dependencies themselves.
#[doc(hidden)]
pub use jiff::Timestamp;
#[doc(hidden)]
pub use serde;
#[doc(hidden)]
pub use uuid::Uuid;

#[doc(hidden)]
pub fn uuid_v7(at: Timestamp, random: [u8; 10]) -> Uuid {
    // RFC 9562 5.7: 48 bits of milliseconds since 1970; earlier instants have no place.
    let milliseconds = u64::try_from(at.as_millisecond()).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(milliseconds, &random).into_uuid()
}

#[doc(hidden)]
pub fn parse_uuid(what: &'static str, text: &str) -> Result<Uuid, IdError> {
    Uuid::try_parse(text).map_err(|_| IdError::NotUuid {
        what,
        text: text.to_owned(),
    })
}

typed_id! {
    /// A work entry.
    WorkId,
    /// A request of the city.
    RequestId,
    /// A question of the city's staff.
    QuestionId,
    /// An approval asked of the city.
    ApprovalId,
    /// A consultation (協議).
    ConsultationId,
    /// An attestation (証明書類).
    AttestationId,
    /// A registered sub-contract.
    SubcontractId,
    /// A training held.
    TrainingId,
    /// A measure for personal data.
    MeasureId,
    /// A hand-over of deliverables.
    HandoverId,
    /// A document (書類).
    DocumentId,
    /// A person who signs in.
    UserId,
    /// A row of the job queue.
    JobId,
}

/// Declares a newtype over a checked text.
macro_rules! text_id {
    ($(#[$meta:meta])* $name:ident, $valid:path, $rule:literal) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(std::sync::Arc<str>);

        impl $name {
            /// Checks a text and takes it.
            pub fn new(text: impl AsRef<str>) -> Result<Self, IdError> {
                let text = text.as_ref();
                if $valid(text) {
                    Ok(Self(text.into()))
                } else {
                    Err(IdError::Name {
                        what: stringify!($name),
                        text: text.to_owned(),
                        rule: $rule,
                    })
                }
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.pad(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;

            fn try_from(text: String) -> Result<Self, IdError> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.as_str().to_owned()
            }
        }
    };
}

text_id! {
    /// A contract's name in files, addresses and the ledger, e.g. `kokoshelju-r8`: 1 to 64
    /// of `a-z 0-9 -`, beginning and ending with a letter or digit.
    ContractId, is_contract_id,
    "半角の英小文字・数字・ハイフンで1～64文字、両端は英数字にしてください（例 kokoshelju-r8）"
}

text_id! {
    /// An obligation's stable key within its contract, e.g. `O-001`: 1 to 32 of
    /// `A-Z a-z 0-9 - _ .`, beginning with a letter and ending with a letter or digit.
    ObligationKey, is_obligation_key,
    "半角の英字で始まり英数字で終わる32文字以内（途中に - _ . も可）にしてください（例 O-001）"
}

fn is_contract_id(text: &str) -> bool {
    let edge = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = text.as_bytes();
    bytes.len() <= 64
        && bytes.first().copied().is_some_and(edge)
        && bytes.last().copied().is_some_and(edge)
        && bytes.iter().all(|&byte| edge(byte) || byte == b'-')
}

fn is_obligation_key(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() <= 32
        && bytes.first().is_some_and(u8::is_ascii_alphabetic)
        && bytes.last().is_some_and(u8::is_ascii_alphanumeric)
        && bytes
            .iter()
            .all(|&byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_time_and_survive_text_and_json() {
        let early = WorkId::new("2026-04-01T00:00:00Z".parse().unwrap(), [0xff; 10]);
        let late = WorkId::new("2026-04-01T00:00:00.001Z".parse().unwrap(), [0; 10]);
        assert!(early < late);
        assert_eq!(early.as_uuid().get_version_num(), 7);
        assert_eq!(early.to_string().parse::<WorkId>().unwrap(), early);
        let json = serde_json::to_string(&late).unwrap();
        assert_eq!(json, format!("\"{late}\""));
        assert_eq!(serde_json::from_str::<WorkId>(&json).unwrap(), late);
        assert!(serde_json::from_str::<WorkId>("\"O-001\"").is_err());
    }

    #[test]
    fn names_are_checked() {
        for good in ["kokoshelju-r8", "a", "0", &"x".repeat(64)] {
            assert_eq!(ContractId::new(good).unwrap().as_str(), good);
        }
        for bad in [
            "",
            "-a",
            "a-",
            "Koko",
            "契約",
            "a b",
            "../a",
            &"x".repeat(65),
        ] {
            assert!(ContractId::new(bad).is_err(), "{bad}");
        }
        for good in ["O-001", "A-01", "x", "O-1.a_2"] {
            assert_eq!(ObligationKey::new(good).unwrap().to_string(), good);
        }
        for bad in ["", "1-O", "O-", "O 1", "義務", &"O".repeat(33)] {
            assert!(ObligationKey::new(bad).is_err(), "{bad}");
        }
        assert!(serde_json::from_str::<ObligationKey>("\"O 1\"").is_err());
        let message = ContractId::new("Koko").unwrap_err().to_string();
        assert!(message.contains("英小文字"), "{message}");
    }
}
