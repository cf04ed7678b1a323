//! Documents (書類): papers for the city, made from evidence, numbered, versioned, handed in.
//!
//! ```text
//! registers, ledger, engine ─▶ Sources ─▶ build ─▶ mamori-document ─▶ PDF, Word, Excel ─▶ blobs
//!                                                                  └▶ the desk: document.rendered …
//! ```
//!
//! Invariants: a paper is never edited, only rendered anew or replaced; the submitted files are
//! attachments of the record that says they were submitted; the PDF is the record, Word and Excel
//! are courtesy copies with the same content.

mod asked;
pub mod build;
#[cfg(test)]
mod build_tests;
mod gather;
pub mod jobs;
pub mod paper;
pub mod service;
pub mod sources;
pub mod versions;

pub use asked::deliverable_dues;
pub use paper::Paper;
pub use service::{PaperError, Papers, Rendered, Submission, Wording};
pub use versions::{Rendition, renditions};
