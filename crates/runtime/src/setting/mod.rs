//! Settings: what people decide about a contract in daily work, without the configuration file and
//! without a restart.
//!
//! A capability declares its settings ([`Setting`]); the console makes one page of them, the API one
//! resource. A value is checked against its [`Shape`] before it is kept, every change leaves
//! evidence, and a key that nobody has set has the default that its capability says. What must be
//! known before the database opens stays in `mamori.toml` ([`crate::config`]).
//!
//! Addresses are personal data: the table holds them, the ledger only how many there are.

mod kept;
mod shape;

use std::fmt;

use jiff::Timestamp;
use mamori_kernel::evidence::EvidenceKind;

pub use kept::{SettingChange, SettingError};
pub use shape::{SettingValue, Shape, WrongValue};

use crate::config::Config;

/// A person changed a setting.
pub(crate) const SETTING_CHANGED: &str = "setting.changed";

/// Receivers at the city.
pub const MAIL_CITY: &str = "mail-city";
/// Receivers at the contractor.
pub const MAIL_CONTRACTOR: &str = "mail-contractor";
/// Whether mail to the city waits for a person's word.
pub const MAIL_CITY_RELEASE: &str = "mail-city-release";
/// Value of [`MAIL_CITY_RELEASE`]: a person lets each mail go.
pub const RELEASE_BY_PERSON: &str = "person";
/// Value of [`MAIL_CITY_RELEASE`]: mail goes by itself.
pub const RELEASE_AT_ONCE: &str = "at-once";

/// A setting of a contract, as its capability declares it. Its texts are `setting-KEY`,
/// `setting-KEY-help` and, for choices, `setting-KEY-CHOICE`.
#[derive(Clone)]
pub struct Setting {
    /// Stable key, unique in the program: `mail-city`.
    pub key: &'static str,
    /// What it may be.
    pub shape: Shape,
    /// Place on the page, small first (steps of 10).
    pub order: u16,
    /// What holds while nobody has said otherwise.
    pub default: fn(&Config) -> SettingValue,
}

impl fmt::Debug for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Setting({})", self.key)
    }
}

/// A setting with the value that holds now.
#[derive(Debug, Clone)]
pub struct SettingNow {
    /// The declaration.
    pub setting: Setting,
    /// What holds.
    pub value: SettingValue,
    /// When and by whom it was set; `None` while the default holds.
    pub changed: Option<(Timestamp, String)>,
}

/// The runtime's own settings: who is written to.
pub(crate) fn settings() -> Vec<Setting> {
    vec![
        Setting {
            key: MAIL_CITY,
            shape: Shape::Addresses,
            order: 10,
            default: |config| SettingValue::Words(config.mail.city.clone()),
        },
        Setting {
            key: MAIL_CITY_RELEASE,
            shape: Shape::Choice(&[RELEASE_BY_PERSON, RELEASE_AT_ONCE]),
            order: 20,
            default: |_| SettingValue::Word(RELEASE_BY_PERSON.to_owned()),
        },
        Setting {
            key: MAIL_CONTRACTOR,
            shape: Shape::Addresses,
            order: 30,
            default: |config| SettingValue::Words(config.mail.contractor.clone()),
        },
    ]
}

/// What a change leaves.
pub(crate) fn evidence() -> EvidenceKind {
    EvidenceKind {
        kind: SETTING_CHANGED,
        version: 1,
        title_ja: "設定の変更",
        fields: &[
            ("setting", "設定"),
            ("before", "変更前（宛先は件数だけ）"),
            ("after", "変更後（宛先は件数だけ）"),
        ],
    }
}
