//! The evidence ledger as data: records, their digests, heads and checkpoints. Pure.
//!
//! Each contract has one chain. A record's [`Record::hash`] covers a fixed, length-prefixed binary
//! encoding of every field and the hash of the record before it ([`encode`]); the same hash is a
//! leaf of an RFC 6962 Merkle tree ([`crate::merkle`]), so that one record can be proved without
//! the whole chain. The binary encoding is the truth; the JSON line of an archive ([`line`]) is
//! only a spelling of it that has exactly one form.
//!
//! **Clock.** `at` never decreases along a chain. When the clock of the writer is behind the last
//! record, the record is kept: `at` becomes the last record's `at` and the time that the clock
//! showed is stored in `observed` (and is covered by the hash). Nothing is lost and nothing is
//! hidden; [`CLOCK_TOLERANCE_MS`] separates ordinary overtaking of concurrent writers from a
//! clock that jumped back.
//!
//! What a ledger does not prove: that a record was true when it was written, that nothing was
//! left out before it was written, and anything newer than the last head that is held elsewhere.

mod checkpoint;
mod encode;
mod head;
mod line;

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use checkpoint::Checkpoint;
pub use encode::{ENCODING_VERSION, Fields, record_hash};
pub use head::{Head, HeadMismatch, HeadText, SHORT_HEX_DIGITS};
pub use line::{Line, LineError, write_line};

use crate::canonical::{Canonical, CanonicalError};
use crate::merkle::Digest;

/// Longest payload or personal part in bytes (of canonical text). Larger things are attachments.
pub const MAX_PAYLOAD_BYTES: usize = 1024 * 1024;
/// Most attachments of one record.
pub const MAX_ATTACHMENTS: usize = 100;
/// Being this far (in milliseconds) behind the previous record is reported as a clock that jumped
/// back; less is the ordinary overtaking of concurrent writers.
pub const CLOCK_TOLERANCE_MS: i64 = 5_000;

/// Why something is not a record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// A field breaks its rule.
    #[error("{field} が正しくありません(invalid {field}): {problem}")]
    Field {
        /// Name of the field.
        field: &'static str,
        /// The rule that it breaks.
        problem: String,
    },
    /// Payload or personal part has no canonical form.
    #[error("{field}: {source}")]
    Json {
        /// `payload` or `personal`.
        field: &'static str,
        /// Why.
        source: CanonicalError,
    },
}

fn refuse(field: &'static str, problem: impl Into<String>) -> LedgerError {
    LedgerError::Field {
        field,
        problem: problem.into(),
    }
}

/// What kind of actor wrote a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ActorKind {
    /// A signed-in person.
    Person,
    /// A scheduled or queued job.
    Job,
    /// A machine or program outside the job runner (probe, gateway, command line).
    Machine,
}

impl ActorKind {
    /// `person`, `job` or `machine`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Job => "job",
            Self::Machine => "machine",
        }
    }
}

impl FromStr for ActorKind {
    type Err = LedgerError;

    fn from_str(text: &str) -> Result<Self, LedgerError> {
        match text {
            "person" => Ok(Self::Person),
            "job" => Ok(Self::Job),
            "machine" => Ok(Self::Machine),
            other => Err(refuse(
                "actor.kind",
                format!("person・job・machine のどれかです(got {other:?})"),
            )),
        }
    }
}

/// Who wrote a record. Prints and parses as `person:ID`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Actor {
    /// Kind of actor.
    pub kind: ActorKind,
    /// Id within the kind: a user's id, a job's name, a machine's name. No personal names.
    pub id: String,
}

impl Actor {
    /// A signed-in person.
    pub fn person(id: impl Into<String>) -> Self {
        Self {
            kind: ActorKind::Person,
            id: id.into(),
        }
    }

    /// A job of the runner.
    pub fn job(id: impl Into<String>) -> Self {
        Self {
            kind: ActorKind::Job,
            id: id.into(),
        }
    }

    /// A machine or program.
    pub fn machine(id: impl Into<String>) -> Self {
        Self {
            kind: ActorKind::Machine,
            id: id.into(),
        }
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind.as_str(), self.id)
    }
}

impl FromStr for Actor {
    type Err = LedgerError;

    fn from_str(text: &str) -> Result<Self, LedgerError> {
        let (kind, id) = text.split_once(':').ok_or_else(|| {
            refuse(
                "actor",
                format!("person:ID・job:ID・machine:ID の形で書きます(got {text:?})"),
            )
        })?;
        let actor = Self {
            kind: kind.parse()?,
            id: id.to_owned(),
        };
        check_text("actor.id", &actor.id, 200)?;
        Ok(actor)
    }
}

/// A file that belongs to a record; its bytes live in the blob store under the digest.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Attachment {
    /// File name without folders.
    pub name: String,
    /// Media type such as `application/pdf`.
    pub media_type: String,
    /// SHA-256 of the bytes.
    pub sha256: Digest,
    /// Number of bytes.
    pub size: u64,
}

/// A record that is about to be appended.
#[derive(Debug, Clone, PartialEq)]
pub struct NewRecord {
    /// Contract id; each contract has its own chain.
    pub contract: String,
    /// What the clock of the writer shows.
    pub at: Timestamp,
    /// Who writes.
    pub actor: Actor,
    /// Evidence kind, `area.event`.
    pub kind: String,
    /// Version of the payload's form, from 1.
    pub version: u32,
    /// What the record is about: an obligation key, a document id, a probe.
    pub subject: String,
    /// What happened: a JSON object.
    pub payload: Canonical,
    /// Files.
    pub attachments: Vec<Attachment>,
    /// Personal data: kept beside the chain, erasable; the chain holds a salted digest.
    pub personal: Option<Canonical>,
    /// Appending the same key twice in one contract returns the first record.
    pub dedup: Option<String>,
}

impl NewRecord {
    /// A record of version 1 without attachments. `payload` must serialise to a JSON object.
    pub fn new<T: Serialize + ?Sized>(
        contract: impl Into<String>,
        at: Timestamp,
        actor: Actor,
        kind: impl Into<String>,
        subject: impl Into<String>,
        payload: &T,
    ) -> Result<Self, LedgerError> {
        let payload = Canonical::from_serialize(&payload).map_err(|source| LedgerError::Json {
            field: "payload",
            source,
        })?;
        let record = Self {
            contract: contract.into(),
            at,
            actor,
            kind: kind.into(),
            version: 1,
            subject: subject.into(),
            payload,
            attachments: Vec::new(),
            personal: None,
            dedup: None,
        };
        record.validate()?;
        Ok(record)
    }

    /// Sets the version of the payload's form.
    #[must_use]
    pub fn version(mut self, version: u32) -> Self {
        self.version = version;
        self
    }

    /// Adds an attachment.
    #[must_use]
    pub fn attach(mut self, attachment: Attachment) -> Self {
        self.attachments.push(attachment);
        self
    }

    /// Adds personal data (an object), which is kept beside the chain and can be erased.
    pub fn personal<T: Serialize + ?Sized>(mut self, personal: &T) -> Result<Self, LedgerError> {
        let personal =
            Canonical::from_serialize(&personal).map_err(|source| LedgerError::Json {
                field: "personal",
                source,
            })?;
        self.personal = Some(personal);
        self.validate()?;
        Ok(self)
    }

    /// Makes appending idempotent under `key`.
    #[must_use]
    pub fn dedup(mut self, key: impl Into<String>) -> Self {
        self.dedup = Some(key.into());
        self
    }

    /// Checks every field; the storage calls it again before writing.
    pub fn validate(&self) -> Result<(), LedgerError> {
        check_contract_id(&self.contract)?;
        check_text("actor.id", &self.actor.id, 200)?;
        check_kind(&self.kind)?;
        if self.version == 0 {
            return Err(refuse("version", "1 以上です"));
        }
        check_text("subject", &self.subject, 500)?;
        check_object("payload", &self.payload)?;
        if let Some(personal) = &self.personal {
            check_object("personal", personal)?;
        }
        if let Some(key) = &self.dedup {
            check_text("dedup", key, 300)?;
        }
        if self.attachments.len() > MAX_ATTACHMENTS {
            return Err(refuse(
                "attachments",
                format!("{MAX_ATTACHMENTS} 件までです"),
            ));
        }
        for attachment in &self.attachments {
            check_text("attachment.name", &attachment.name, 255)?;
            check_text("attachment.media_type", &attachment.media_type, 100)?;
            if attachment.name.contains(['/', '\\']) {
                return Err(refuse("attachment.name", "フォルダーは含められません"));
            }
            if i64::try_from(attachment.size).is_err() {
                return Err(refuse("attachment.size", "大きすぎます"));
            }
        }
        Ok(())
    }
}

/// Contract ids name chains and head texts: `a-z 0-9 . _ -`, starting with a letter or digit,
/// at most 64 characters.
pub fn check_contract_id(id: &str) -> Result<(), LedgerError> {
    let fits = id.len() <= 64
        && id.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && id
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b));
    if fits {
        Ok(())
    } else {
        Err(refuse(
            "contract",
            format!("英小文字・数字・. _ - で 64 文字まで、先頭は英数字です(got {id:?})"),
        ))
    }
}

/// Kinds are text without spaces and control characters, at most 100 bytes. Capabilities use
/// `area.event`; other programs may bring their own.
pub fn check_kind(kind: &str) -> Result<(), LedgerError> {
    check_text("kind", kind, 100)?;
    if kind.contains(char::is_whitespace) {
        return Err(refuse("kind", format!("空白は使えません(got {kind:?})")));
    }
    Ok(())
}

fn check_text(field: &'static str, text: &str, max_bytes: usize) -> Result<(), LedgerError> {
    if text.is_empty() {
        return Err(refuse(field, "空です(empty)"));
    }
    if text.len() > max_bytes {
        return Err(refuse(
            field,
            format!("{max_bytes} バイトまでです({} バイトあります)", text.len()),
        ));
    }
    if text.contains(char::is_control) {
        return Err(refuse(field, "改行などの制御文字は使えません"));
    }
    Ok(())
}

fn check_object(field: &'static str, json: &Canonical) -> Result<(), LedgerError> {
    if !json.is_object() {
        return Err(LedgerError::Json {
            field,
            source: CanonicalError::NotAnObject,
        });
    }
    if json.as_str().len() > MAX_PAYLOAD_BYTES {
        return Err(refuse(
            field,
            format!("{MAX_PAYLOAD_BYTES} バイトまでです。大きなものは添付にしてください"),
        ));
    }
    Ok(())
}

/// A record of the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Contract id.
    pub contract: String,
    /// Position in the chain, from 1 without gaps.
    pub seq: u64,
    /// When; never before the previous record's (millisecond precision).
    pub at: Timestamp,
    /// What the clock showed, when that was before the previous record's `at`.
    pub observed: Option<Timestamp>,
    /// Who.
    pub actor: Actor,
    /// Evidence kind.
    pub kind: String,
    /// Version of the payload's form.
    pub version: u32,
    /// What it is about.
    pub subject: String,
    /// What happened.
    pub payload: Canonical,
    /// Files.
    pub attachments: Vec<Attachment>,
    /// SHA-256(salt ‖ canonical personal data), when the record has any.
    pub personal: Option<Digest>,
    /// Hash of the record before ([`Digest::ZERO`] for the first).
    pub prev: Digest,
    /// Hash of this record.
    pub hash: Digest,
}

impl Record {
    /// Chains a new record after `prev` (whose `at` is `prev_at`), applying the clock rule.
    /// The new record must have been validated.
    pub fn chain(
        new: NewRecord,
        seq: u64,
        prev: Digest,
        prev_at: Option<Timestamp>,
        personal: Option<Digest>,
    ) -> Self {
        let clock = whole_millisecond(new.at);
        let (at, observed) = match prev_at {
            Some(prev_at) if clock < prev_at => (prev_at, Some(clock)),
            _ => (clock, None),
        };
        let mut record = Self {
            contract: new.contract,
            seq,
            at,
            observed,
            actor: new.actor,
            kind: new.kind,
            version: new.version,
            subject: new.subject,
            payload: new.payload,
            attachments: new.attachments,
            personal,
            prev,
            hash: Digest::ZERO,
        };
        record.hash = record.compute_hash();
        record
    }

    /// The hash that the fields and `prev` give; equals [`Record::hash`] in an unchanged record.
    pub fn compute_hash(&self) -> Digest {
        record_hash(&self.prev, &self.fields(), &mut Vec::with_capacity(512))
    }

    /// Borrowed fields, as the encoding takes them.
    pub fn fields(&self) -> Fields<'_> {
        Fields {
            contract: &self.contract,
            seq: self.seq,
            at_ms: self.at.as_millisecond(),
            observed_ms: self.observed.map(Timestamp::as_millisecond),
            actor_kind: self.actor.kind,
            actor_id: &self.actor.id,
            kind: &self.kind,
            version: self.version,
            subject: &self.subject,
            payload: self.payload.as_str(),
            attachments: &self.attachments,
            personal: self.personal,
        }
    }

    /// The head of the chain after this record.
    pub fn head(&self) -> Head {
        Head {
            contract: self.contract.clone(),
            seq: self.seq,
            hash: self.hash,
        }
    }

    /// How far (milliseconds) the writer's clock was behind the chain, when more than
    /// [`CLOCK_TOLERANCE_MS`].
    pub fn clock_jump_ms(&self) -> Option<i64> {
        let observed = self.observed?;
        let behind = self.at.as_millisecond() - observed.as_millisecond();
        (behind > CLOCK_TOLERANCE_MS).then_some(behind)
    }

    /// The payload as a typed struct.
    pub fn payload_as<T: serde::de::DeserializeOwned>(&self) -> Result<T, LedgerError> {
        self.payload.read().map_err(|source| LedgerError::Json {
            field: "payload",
            source,
        })
    }

    /// The canonical line of an archive, without the line feed.
    pub fn to_line(&self) -> String {
        let mut line = String::with_capacity(640);
        write_line(self, &mut line);
        line
    }
}

/// Instants of the ledger are whole milliseconds; what is finer is cut off.
fn whole_millisecond(at: Timestamp) -> Timestamp {
    // Flooring keeps order; every millisecond of a valid Timestamp is itself valid.
    Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(at)
}

impl Serialize for Record {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct as _;
        let mut out = serializer.serialize_struct("Record", 13)?;
        out.serialize_field("contract", &self.contract)?;
        out.serialize_field("seq", &self.seq)?;
        out.serialize_field("at", &self.at)?;
        if let Some(observed) = &self.observed {
            out.serialize_field("observed", observed)?;
        }
        out.serialize_field("actor", &self.actor)?;
        out.serialize_field("kind", &self.kind)?;
        out.serialize_field("version", &self.version)?;
        out.serialize_field("subject", &self.subject)?;
        out.serialize_field("payload", &self.payload)?;
        out.serialize_field("attachments", &self.attachments)?;
        if let Some(personal) = &self.personal {
            out.serialize_field("personal", personal)?;
        }
        out.serialize_field("prev", &self.prev)?;
        out.serialize_field("hash", &self.hash)?;
        out.end()
    }
}

#[cfg(test)]
mod tests;
