//! The evidence ledger in the database: appending, reading, proving, erasing.
//!
//! Appending happens inside the caller's transaction ([`crate::Tx::append`]) or through
//! [`Ledger`], which joins the appends of many callers into one transaction and answers when it is
//! durable. The end of a chain (`ledger_head`) and its records change together. What a record
//! is and how it is hashed is `mamori_kernel::ledger`'s business.

mod about;
mod append;
mod audit;
mod batch;
mod proof;
mod read;
mod record_proof;

pub use about::LedgerAbout;
pub use append::{Appended, ChainEnd, Erasure};
pub use audit::{Audit, AuditProblem};
pub use batch::Ledger;
pub use proof::InclusionProof;
pub use read::LedgerQuery;
pub use record_proof::{Path, ProofFault, ProvenRecord, RecordProof, SignedCheckpoint};
