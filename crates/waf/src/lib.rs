//! A web application firewall that runs SecLang rules such as the OWASP Core Rule Set.
//!
//! Pure and synchronous: bytes in, decision out. It opens no file (a [`Source`] does), knows no HTTP
//! server and no clock. Values are bytes, not text: Shift_JIS, EUC-JP and broken UTF-8 arrive.
//!
//! - [`Builder`] reads rules and compiles them into an immutable [`RuleSet`]; whatever it does not
//!   know is a [`LoadError`] with file, line and remedy.
//! - [`Transaction`] is fed one request with its response and gives a [`Decision`] after each phase,
//!   and a [`Report`] at the end.
//! - [`Exclusion`] takes a parameter on a path away from a rule, without touching rule files.
//!
//! Invariants: every regular expression runs in linear time; the cost of a transaction is counted
//! and bounded ([`Limits`]); a value goes through a chain of transformations once, whatever the
//! number of rules; only rules whose necessary conditions a value fulfils are run on it.

// Tables of names and escapes read better with one row per case.
#![allow(clippy::match_same_arms)]
// Flags of SecLang are many and independent; enums of two would only rename them.
#![allow(clippy::struct_excessive_bools)]

mod body;
mod error;
mod limits;
mod network;
mod pattern;
mod report;
mod ruleset;
mod seclang;
mod transaction;
mod transform;
mod variable;

pub use error::{LoadError, Place, Problem};
pub use limits::{Exhausted, Limits};
pub use report::{Decision, Hit, Report, RuleMatch, Why};
pub use ruleset::{Builder, Exclusion, PathMatch, RuleChoice, RuleInfo, RuleSet};
pub use seclang::Source;
pub use seclang::ctl::{BodyProcessor, Mode};
pub use seclang::settings::{Beyond, Settings};
pub use transaction::Transaction;
pub use variable::Variable;
