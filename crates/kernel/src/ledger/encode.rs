//! The binary form of a record that is hashed. It never changes; a new form is a new version byte.
//!
//! ```text
//! hash   = SHA-256( "mamori-ledger-record\0" ‖ version(1) ‖ prev(32) ‖ fields )
//! fields = text(contract) ‖ seq(u64) ‖ at_ms(i64) ‖ opt(observed_ms(i64))
//!          ‖ text(actor kind) ‖ text(actor id) ‖ text(kind) ‖ version(u32) ‖ text(subject)
//!          ‖ text(payload, canonical JSON)
//!          ‖ count(u32) ‖ count × ( text(name) ‖ text(media type) ‖ size(u64) ‖ sha256(32) )
//!          ‖ opt(personal(32))
//! text   = length in bytes(u64) ‖ UTF-8 bytes         opt = 0x00, or 0x01 ‖ value
//! leaf   = SHA-256( 0x00 ‖ hash )                      (RFC 6962)
//! ```
//!
//! Integers are big-endian. Every variable part carries its length, so two different records
//! never give the same bytes; the domain prefix keeps these digests apart from all others.

use super::{ActorKind, Attachment};
use crate::merkle::Digest;

/// Version byte of the encoding.
pub const ENCODING_VERSION: u8 = 1;

const DOMAIN: &[u8] = b"mamori-ledger-record\0";

/// Borrowed fields of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fields<'a> {
    /// Contract id.
    pub contract: &'a str,
    /// Position, from 1.
    pub seq: u64,
    /// Time in milliseconds UTC.
    pub at_ms: i64,
    /// Observed clock in milliseconds UTC, when it was behind.
    pub observed_ms: Option<i64>,
    /// Kind of actor.
    pub actor_kind: ActorKind,
    /// Id of the actor.
    pub actor_id: &'a str,
    /// Evidence kind.
    pub kind: &'a str,
    /// Version of the payload's form.
    pub version: u32,
    /// Subject.
    pub subject: &'a str,
    /// Canonical JSON.
    pub payload: &'a str,
    /// Attachments.
    pub attachments: &'a [Attachment],
    /// Salted digest of personal data.
    pub personal: Option<Digest>,
}

/// Hash of a record after `prev`. `buffer` is scratch space that callers may reuse.
pub fn record_hash(prev: &Digest, fields: &Fields<'_>, buffer: &mut Vec<u8>) -> Digest {
    buffer.clear();
    buffer.extend_from_slice(DOMAIN);
    buffer.push(ENCODING_VERSION);
    buffer.extend_from_slice(prev.as_bytes());
    put_text(buffer, fields.contract);
    buffer.extend_from_slice(&fields.seq.to_be_bytes());
    buffer.extend_from_slice(&fields.at_ms.to_be_bytes());
    match fields.observed_ms {
        None => buffer.push(0),
        Some(observed_ms) => {
            buffer.push(1);
            buffer.extend_from_slice(&observed_ms.to_be_bytes());
        }
    }
    put_text(buffer, fields.actor_kind.as_str());
    put_text(buffer, fields.actor_id);
    put_text(buffer, fields.kind);
    buffer.extend_from_slice(&fields.version.to_be_bytes());
    put_text(buffer, fields.subject);
    put_text(buffer, fields.payload);
    buffer.extend_from_slice(&(fields.attachments.len() as u32).to_be_bytes());
    for attachment in fields.attachments {
        put_text(buffer, &attachment.name);
        put_text(buffer, &attachment.media_type);
        buffer.extend_from_slice(&attachment.size.to_be_bytes());
        buffer.extend_from_slice(attachment.sha256.as_bytes());
    }
    match &fields.personal {
        None => buffer.push(0),
        Some(personal) => {
            buffer.push(1);
            buffer.extend_from_slice(personal.as_bytes());
        }
    }
    Digest::of(buffer)
}

fn put_text(buffer: &mut Vec<u8>, text: &str) {
    buffer.extend_from_slice(&(text.len() as u64).to_be_bytes());
    buffer.extend_from_slice(text.as_bytes());
}
