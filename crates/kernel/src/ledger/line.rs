//! The line of a record in an archive: canonical JSON with fixed members, read without a tree.
//!
//! A record has exactly one line and a line is accepted only when it is byte for byte what
//! [`write_line`] would write. Reading checks spelling only; the hash is checked by the caller
//! with [`Line::fields`] and [`super::record_hash`].

use std::borrow::Cow;
use std::fmt::Write as _;

use super::{ActorKind, Attachment, Fields, Record};
use crate::canonical::{check_number, check_string, check_value, read_string_body, write_string};
use crate::merkle::Digest;

/// The line is not the canonical line of any record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("記録の行が正規の形ではありません(not a canonical record line, byte {0})")]
pub struct LineError(pub usize);

/// Appends the record's canonical line, without the line feed.
pub fn write_line(record: &Record, out: &mut String) {
    out.push_str("{\"actor\":{\"id\":");
    write_string(&record.actor.id, out);
    let _ = write!(
        out,
        ",\"kind\":\"{}\"}},\"at_ms\":{},\"attachments\":[",
        record.actor.kind.as_str(),
        record.at.as_millisecond()
    );
    for (index, attachment) in record.attachments.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        write_attachment(attachment, out);
    }
    out.push_str("],\"contract\":");
    write_string(&record.contract, out);
    let _ = write!(out, ",\"hash\":\"{}\",\"kind\":", record.hash);
    write_string(&record.kind, out);
    if let Some(observed) = record.observed {
        let _ = write!(out, ",\"observed_ms\":{}", observed.as_millisecond());
    }
    out.push_str(",\"payload\":");
    out.push_str(record.payload.as_str());
    if let Some(personal) = &record.personal {
        let _ = write!(out, ",\"personal\":\"{personal}\"");
    }
    let _ = write!(
        out,
        ",\"prev\":\"{}\",\"seq\":{},\"subject\":",
        record.prev, record.seq
    );
    write_string(&record.subject, out);
    let _ = write!(out, ",\"version\":{}}}", record.version);
}

fn write_attachment(attachment: &Attachment, out: &mut String) {
    out.push_str("{\"media_type\":");
    write_string(&attachment.media_type, out);
    out.push_str(",\"name\":");
    write_string(&attachment.name, out);
    let _ = write!(
        out,
        ",\"sha256\":\"{}\",\"size\":{}}}",
        attachment.sha256, attachment.size
    );
}

/// A record as read from a line; borrows from the line where nothing is escaped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line<'a> {
    /// Contract id.
    pub contract: Cow<'a, str>,
    /// Position.
    pub seq: u64,
    /// Milliseconds UTC.
    pub at_ms: i64,
    /// Milliseconds UTC, when the clock was behind.
    pub observed_ms: Option<i64>,
    /// Kind of actor.
    pub actor_kind: ActorKind,
    /// Id of the actor.
    pub actor_id: Cow<'a, str>,
    /// Evidence kind.
    pub kind: Cow<'a, str>,
    /// Version of the payload's form.
    pub version: u32,
    /// Subject.
    pub subject: Cow<'a, str>,
    /// Canonical JSON object.
    pub payload: &'a str,
    /// Attachments.
    pub attachments: Vec<Attachment>,
    /// Salted digest of personal data.
    pub personal: Option<Digest>,
    /// Hash of the record before.
    pub prev: Digest,
    /// Hash as written in the line.
    pub hash: Digest,
}

impl<'a> Line<'a> {
    /// Reads a line (without line feed). Hostile bytes give an error, never a panic.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, LineError> {
        let text = std::str::from_utf8(bytes).map_err(|e| LineError(e.valid_up_to()))?;
        let mut cursor = Cursor { text, at: 0 };
        cursor.expect("{\"actor\":{\"id\":")?;
        let actor_id = cursor.string()?;
        cursor.expect(",\"kind\":\"")?;
        let actor_kind = cursor.actor_kind()?;
        cursor.expect("\"},\"at_ms\":")?;
        let at_ms = cursor.integer()?;
        cursor.expect(",\"attachments\":[")?;
        let attachments = cursor.attachments()?;
        cursor.expect("],\"contract\":")?;
        let contract = cursor.string()?;
        cursor.expect(",\"hash\":\"")?;
        let hash = cursor.digest()?;
        cursor.expect("\",\"kind\":")?;
        let kind = cursor.string()?;
        let observed_ms = if cursor.skip(",\"observed_ms\":") {
            Some(cursor.integer()?)
        } else {
            None
        };
        cursor.expect(",\"payload\":")?;
        let payload = cursor.object()?;
        let personal = if cursor.skip(",\"personal\":\"") {
            let personal = cursor.digest()?;
            cursor.expect("\"")?;
            Some(personal)
        } else {
            None
        };
        cursor.expect(",\"prev\":\"")?;
        let prev = cursor.digest()?;
        cursor.expect("\",\"seq\":")?;
        let seq = cursor.unsigned()?;
        cursor.expect(",\"subject\":")?;
        let subject = cursor.string()?;
        cursor.expect(",\"version\":")?;
        let version = u32::try_from(cursor.unsigned()?).map_err(|_| LineError(cursor.at))?;
        cursor.expect("}")?;
        if cursor.at != text.len() {
            return Err(LineError(cursor.at));
        }
        Ok(Self {
            contract,
            seq,
            at_ms,
            observed_ms,
            actor_kind,
            actor_id,
            kind,
            version,
            subject,
            payload,
            attachments,
            personal,
            prev,
            hash,
        })
    }

    /// Fields as the encoding takes them.
    pub fn fields(&self) -> Fields<'_> {
        Fields {
            contract: &self.contract,
            seq: self.seq,
            at_ms: self.at_ms,
            observed_ms: self.observed_ms,
            actor_kind: self.actor_kind,
            actor_id: &self.actor_id,
            kind: &self.kind,
            version: self.version,
            subject: &self.subject,
            payload: self.payload,
            attachments: &self.attachments,
            personal: self.personal,
        }
    }
}

struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    fn skip(&mut self, literal: &str) -> bool {
        let matches = self.text.as_bytes()[self.at..].starts_with(literal.as_bytes());
        if matches {
            self.at += literal.len();
        }
        matches
    }

    fn expect(&mut self, literal: &str) -> Result<(), LineError> {
        if self.skip(literal) {
            Ok(())
        } else {
            Err(LineError(self.at))
        }
    }

    fn string(&mut self) -> Result<Cow<'a, str>, LineError> {
        let start = self.at;
        let end = check_string(self.text.as_bytes(), start).map_err(|_| LineError(start))?;
        self.at = end;
        let body = self.text.get(start + 1..end - 1).ok_or(LineError(start))?;
        if body.contains('\\') {
            read_string_body(body.as_bytes())
                .map(Cow::Owned)
                .ok_or(LineError(start))
        } else {
            Ok(Cow::Borrowed(body))
        }
    }

    fn number(&mut self) -> Result<&'a str, LineError> {
        let start = self.at;
        let end = check_number(self.text.as_bytes(), start).map_err(|_| LineError(start))?;
        self.at = end;
        self.text.get(start..end).ok_or(LineError(start))
    }

    fn integer(&mut self) -> Result<i64, LineError> {
        let start = self.at;
        self.number()?.parse().map_err(|_| LineError(start))
    }

    fn unsigned(&mut self) -> Result<u64, LineError> {
        let start = self.at;
        self.number()?.parse().map_err(|_| LineError(start))
    }

    fn digest(&mut self) -> Result<Digest, LineError> {
        let start = self.at;
        let digest = self
            .text
            .as_bytes()
            .get(start..start + 64)
            .and_then(Digest::from_hex_bytes)
            .ok_or(LineError(start))?;
        self.at += 64;
        Ok(digest)
    }

    fn actor_kind(&mut self) -> Result<ActorKind, LineError> {
        [ActorKind::Person, ActorKind::Job, ActorKind::Machine]
            .into_iter()
            .find(|kind| self.skip(kind.as_str()))
            .ok_or(LineError(self.at))
    }

    fn object(&mut self) -> Result<&'a str, LineError> {
        let start = self.at;
        if self.text.as_bytes().get(start) != Some(&b'{') {
            return Err(LineError(start));
        }
        let end = check_value(self.text.as_bytes(), start).map_err(|_| LineError(start))?;
        self.at = end;
        self.text.get(start..end).ok_or(LineError(start))
    }

    fn attachments(&mut self) -> Result<Vec<Attachment>, LineError> {
        let mut attachments = Vec::new();
        while self.skip(if attachments.is_empty() {
            "{\"media_type\":"
        } else {
            ",{\"media_type\":"
        }) {
            let media_type = self.string()?.into_owned();
            self.expect(",\"name\":")?;
            let name = self.string()?.into_owned();
            self.expect(",\"sha256\":\"")?;
            let sha256 = self.digest()?;
            self.expect("\",\"size\":")?;
            let size = self.unsigned()?;
            self.expect("}")?;
            attachments.push(Attachment {
                name,
                media_type,
                sha256,
                size,
            });
        }
        Ok(attachments)
    }
}
