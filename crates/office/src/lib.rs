//! The people's side of a contract: what people do, ask, approve and vouch for leaves evidence
//! here, and the contract's obligations and documents are worked out from it.
//!
//! * [`register`]: the one mechanism behind all lists (work entries, requests, approvals, …);
//!   [`work`] is its smallest complete example.
//! * [`terms`]: what the registers ask of the contract, as a port.
//! * [`gate`]: acts that wait for an approval or a consultation.
//!
//! Invariants: every change is one transaction with its evidence; personal data never enters
//! the chain in clear; this crate invents no limit that the contract does not state.

pub mod api;
pub mod approval;
pub mod asset;
pub mod attestation;
pub mod cli_work;
pub mod consultation;
pub mod contracts;
pub mod deadlines;
pub mod documents;
pub mod evidence;
pub mod expiry;
pub mod files;
pub mod gate;
pub mod handover;
pub mod measure;
pub mod media;
pub mod office;
pub mod pages;
pub mod pulse;
pub mod question;
pub(crate) mod reading;
pub mod record;
pub mod register;
pub mod request;
pub mod settings;
pub mod subcontract;
pub mod terms;
pub mod training;
pub mod work;

use mamori_runtime::Capability;
use mamori_runtime::capability::start_hook;
use mamori_store::Migration;

pub use office::Office;
use register::Register;

/// Every register, in the order of menus. Adding one is one line here.
pub static REGISTERS: [Register; 13] = [
    Register::of::<work::WorkEntry>(),
    Register::of::<request::Request>(),
    Register::of::<question::Question>(),
    Register::of::<approval::Approval>(),
    Register::of::<consultation::Consultation>(),
    Register::of::<attestation::Attestation>(),
    Register::of::<subcontract::Subcontract>(),
    Register::of::<training::Training>(),
    Register::of::<measure::Measure>(),
    Register::of::<handover::Handover>(),
    Register::of::<record::PersonRecord>(),
    Register::of::<asset::Asset>(),
    Register::of::<media::Medium>(),
];

/// The register of this key (`work`, `request`, …).
pub fn register(key: &str) -> Option<&'static Register> {
    REGISTERS.iter().find(|register| register.spec.key == key)
}

/// The people's side of a contract.
pub fn capability() -> Capability {
    Capability {
        id: "office",
        title_ja: "契約の記録",
        migrations: vec![
            Migration {
                name: "20261122_office_register",
                sql: include_str!("../migrations/20261122_office_register.sql"),
            },
            Migration {
                name: "20261122_office_contract",
                sql: include_str!("../migrations/20261122_office_contract.sql"),
            },
            Migration {
                name: "20261123_office_start",
                sql: include_str!("../migrations/20261123_office_start.sql"),
            },
            Migration {
                name: "20261123_office_file",
                sql: include_str!("../migrations/20261123_office_file.sql"),
            },
        ],
        jobs: documents::jobs::kinds()
            .into_iter()
            .chain([expiry::kind(), pages::calendar::remind::job()])
            .collect(),
        schedules: documents::jobs::schedules()
            .into_iter()
            .chain([expiry::schedule(), pages::calendar::remind::schedule()])
            .collect(),
        routes: api::routes().into_iter().chain(pages::routes()).collect(),
        navigation: pages::navigation(),
        texts: pages::texts(),
        evidence: evidence::kinds(),
        tiles: pages::tiles(),
        settings: settings::settings(),
        choices: Some(pages::registers::choice_words),
        start: Some(start_hook(Office::start)),
        ..Capability::default()
    }
}

#[cfg(test)]
mod registers_tests;
#[cfg(test)]
mod rules_tests;
