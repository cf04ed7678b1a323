//! The renderings of a paper: every record that came with files is one, and its files are kept for
//! good, so that each version can be read and compared long after it was replaced.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::Deserialize;
use serde_json::Value;

use crate::register::HistoryEntry;
use crate::register::form::FileRef;

/// Files of a paper as a record names them.
#[derive(Debug, Clone, Deserialize)]
struct Files {
    version: u32,
    state: String,
    rendered_on: Option<Date>,
    submitted_on: Option<Date>,
    pdf: FileRef,
    #[serde(default)]
    docx: Option<FileRef>,
    #[serde(default)]
    xlsx: Option<FileRef>,
    model: FileRef,
}

/// One rendering.
#[derive(Debug, Clone)]
pub struct Rendition {
    /// Number of the record that came with it.
    pub seq: u64,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: String,
    /// What was done: the kind of the record, and its Japanese title.
    pub kind: String,
    /// The title.
    pub kind_ja: String,
    /// Version, from 1.
    pub version: u32,
    /// State of the paper afterwards.
    pub state: String,
    /// Day of submission, when it was submitted as this.
    pub submitted_on: Option<Date>,
    /// Day of rendering.
    pub rendered_on: Option<Date>,
    /// PDF.
    pub pdf: FileRef,
    /// Word.
    pub docx: Option<FileRef>,
    /// Excel.
    pub xlsx: Option<FileRef>,
    /// The typed model.
    pub model: FileRef,
}

impl Rendition {
    /// The file of this format.
    pub fn file(&self, format: &str) -> Option<&FileRef> {
        match format {
            "pdf" => Some(&self.pdf),
            "docx" => self.docx.as_ref(),
            "xlsx" => self.xlsx.as_ref(),
            _ => None,
        }
    }
}

/// The renderings in a paper's story, oldest first.
pub fn renditions(story: &[HistoryEntry]) -> Vec<Rendition> {
    story
        .iter()
        .filter(|entry| {
            matches!(
                entry.kind.as_str(),
                "document.rendered" | "document.replaced" | "document.submitted"
            )
        })
        .filter_map(|entry| {
            let files: Files = serde_json::from_value(with_version(&entry.payload)).ok()?;
            Some(Rendition {
                seq: entry.seq,
                at: entry.at,
                actor: entry.actor.clone(),
                kind: entry.kind.clone(),
                kind_ja: entry.kind_ja.clone(),
                version: files.version,
                state: files.state,
                submitted_on: files.submitted_on,
                rendered_on: files.rendered_on,
                pdf: files.pdf,
                docx: files.docx,
                xlsx: files.xlsx,
                model: files.model,
            })
        })
        .collect()
}

/// A payload that says no version is of the first.
fn with_version(payload: &Value) -> Value {
    let mut payload = payload.clone();
    if let Some(fields) = payload.as_object_mut() {
        fields.entry("version").or_insert(Value::from(1));
    }
    payload
}
