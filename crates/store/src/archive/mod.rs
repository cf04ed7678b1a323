//! Archives of a period: one ZIP whose bytes follow from its content, checked offline.
//!
//! ```text
//! manifest.json            what is inside, signed
//! records.jsonl            one canonical line per record, in order
//! attachments/<sha256>     each attached file once, sorted by name
//! README.txt               what this proves, what not, how to check
//! ```
//!
//! [`export`] writes, [`verify`] accepts exactly what export would write for the same content
//! and nothing else. Verification needs neither database nor network and holds a few megabytes
//! in memory whatever the archive's size.

mod export;
mod manifest;
mod records;
mod verify;
mod zip;

pub use export::{ExportReport, ExportRequest, export};
pub use manifest::{Absence, Absent, FORMAT, Manifest};
pub use verify::{Refusal, VerifyReport, verify};

/// Name of the first entry.
const MANIFEST_NAME: &str = "manifest.json";
/// Name of the entry that holds the records.
const RECORDS_NAME: &str = "records.jsonl";
/// Folder of attachments.
const ATTACHMENTS: &str = "attachments/";
/// Name of the last entry.
const README_NAME: &str = "README.txt";
/// Text of the last entry.
const README: &str = include_str!("README.txt");
