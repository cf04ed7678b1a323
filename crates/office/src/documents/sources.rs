//! What a document is built from, gathered beforehand: plain data, so that [`super::build`] is a
//! pure function and tested without a database.

use std::collections::BTreeMap;

use jiff::civil::Date;
use mamori_document::{LedgerHead, Section, Status};
use mamori_kernel::period::Period;

use crate::approval::Approval;
use crate::attestation::Attestation;
use crate::consultation::Consultation;
use crate::register::rules::CityWait;
use crate::work::WorkEntry;

/// Which paper is wanted, in which version and state.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Key of the deliverable.
    pub document: String,
    /// What it covers.
    pub about: About,
    /// Number for people (`書類-R8-012`), once the register gave one.
    pub number: String,
    /// Version, from 1.
    pub version: u32,
    /// Day on which this version replaced the one before.
    pub replaced_on: Option<Date>,
    /// Draft or submitted.
    pub status: Status,
    /// Day on the paper; none on a draft.
    pub issued_on: Option<Date>,
    /// Words of people, under the headings of [`super::paper::WORDS`].
    pub words: [String; 3],
}

/// What a paper covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum About {
    /// A period: month, quarter, year, the term.
    Period(Period),
    /// An item of a register (`approval:…`), for papers that belong to one matter.
    Item(String),
}

/// An obligation and how it stands.
#[derive(Debug, Clone)]
pub struct Standing {
    /// Key (`O-118`).
    pub key: String,
    /// Clause as the contract numbers it.
    pub clause: String,
    /// Short name.
    pub title: String,
    /// The contract's words.
    pub text: String,
    /// How it stands.
    pub verdict: mamori_document::ConformityState,
    /// Why, for people.
    pub reason: String,
    /// Deliverable it asks for.
    pub deliverable: Option<String>,
    /// Whether an attestation proves it.
    pub by_attestation: bool,
}

/// A paper among the deliverables of the contract.
#[derive(Debug, Clone)]
pub struct PaperLine {
    /// Title.
    pub title: String,
    /// Period in words.
    pub period: String,
    /// Due day.
    pub due: Option<Date>,
    /// Submitted on.
    pub submitted_on: Option<Date>,
    /// Accepted on.
    pub accepted_on: Option<Date>,
}

/// Everything a builder may use.
#[derive(Debug, Clone)]
pub struct Sources {
    /// The paper.
    pub wanted: Wanted,
    /// Head of the contract.
    pub head: mamori_contract::language::Head,
    /// The deliverable's description.
    pub deliverable: mamori_contract::language::Deliverable,
    /// Minutes of the monthly cap, if the contract has one.
    pub cap_minutes: Option<u32>,
    /// Name of the cap (`月7時間の対応枠`).
    pub cap_title: String,
    /// Category titles by key.
    pub categories: BTreeMap<String, String>,
    /// Work entries in force whose day lies in the period, for a paper that prints them.
    pub work: Vec<WorkEntry>,
    /// Minutes (counted, other) by month of the term, up to today, for a paper that prints
    /// them.
    pub months: Vec<(String, u32, u32)>,
    /// All judged obligations.
    pub standings: Vec<Standing>,
    /// Papers due or submitted in the period (in the term, for yearly papers).
    pub papers: Vec<PaperLine>,
    /// Finished spans of waiting for the city, with the item's number.
    pub waits: Vec<(String, CityWait)>,
    /// Valid attestations by obligation.
    pub attestations: BTreeMap<String, Attestation>,
    /// The approval the paper is about.
    pub approval: Option<Approval>,
    /// Whether that approval was granted.
    pub approval_granted: bool,
    /// The consultation the paper is about.
    pub consultation: Option<Consultation>,
    /// Signing day of the contract, if known.
    pub signed_on: Option<Date>,
    /// Day by which gaps must be closed, from the contract.
    pub remedy_due: Option<Date>,
    /// Sections of other capabilities.
    pub sections: Vec<Section>,
    /// Head of the ledger the paper rests on.
    pub ledger_head: Option<LedgerHead>,
    /// Last record the paper rests on.
    pub ledger_seq: u64,
    /// Sample data: 見本.
    pub sample: bool,
    /// Today in Japan.
    pub today: Date,
}
