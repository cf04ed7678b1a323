//! Registers: lists that the contractor or the city keeps, with evidence for every change.
//!
//! One mechanism serves work entries, requests, questions, approvals, consultations,
//! attestations, sub-contracts, trainings, measures, hand-overs, people's records, assets and
//! media. A register
//! is a description as data ([`RegisterSpec`]) and a pure function of rules ([`Item::decide`]);
//! the [`Desk`] does the rest, in one transaction per act: read what the rules want to see,
//! check the contract's gates, decide, write the row, append the evidence.
//!
//! **Invariants.** An item's row says what its ledger records say ([`fold`]): the row can be
//! rebuilt from them, and is after an erasure. Nothing is edited or deleted; a correction is
//! a record of its own. Personal data is in the erasable part of records and in rows, never in
//! the chain. Acts on the same item by two people at once: the second is told, nothing is lost.
//!
//! Not here: what the contract says (a port, [`crate::terms`]), who may act (the routes'
//! permissions), documents (made from the evidence).

pub mod across;
mod desk;
pub mod fold;
pub mod form;
mod history;
mod item;
mod noted;
mod refusal;
pub mod rules;
pub mod spec;
mod store;
#[cfg(test)]
pub(crate) mod trial;
pub mod typed;

pub(crate) use desk::awaits_city;
pub use desk::{Desk, DeskError, Done, ItemId, Order, TermsPort, form as form_of};
pub use history::HistoryEntry;
pub use item::{
    Context, Decision, Description, Extra, Item, Lookup, Register, Stored, Warning, subject,
};
pub(crate) use noted::{file as file_of, remind_once};
pub use refusal::{FieldProblem, Refusal, nearest};
pub use spec::{ActSpec, FieldKind, FieldSpec, RegisterSpec, Side, may, must};
pub use store::{Filter, MAX_PAGE, Page, Sort};
