//! A checkpoint: size, head and Merkle root of a chain at a moment, signed by the installation.
//!
//! A checkpoint is *not* a record of the chain: signing would change the head that is signed, and
//! an export would make the ledger grow. It is a row beside the chain and travels in archives.
//! (The record `ledger.checkpoint` says that a head was handed to somebody, e.g. mailed.)

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Head;
use crate::merkle::Digest;

/// A signed statement about a chain. The signature (Ed25519) is over [`Checkpoint::signed_text`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Contract id.
    pub contract: String,
    /// Number of records.
    pub size: u64,
    /// Hash of record `size` ([`Digest::ZERO`] when there is none).
    pub head: Digest,
    /// Root of the Merkle tree over the first `size` records.
    pub root: Digest,
    /// When it was made, milliseconds UTC.
    pub at_ms: i64,
    /// Key id: SHA-256 of the 32 bytes of the public key.
    pub key_id: Digest,
    /// Signature, 128 hex digits.
    pub signature: String,
}

impl Checkpoint {
    /// The text that is signed: readable, one field per line, so that any Ed25519 tool can check.
    pub fn signed_text(&self) -> String {
        format!(
            "mamori-checkpoint-v1\ncontract: {}\nsize: {}\nhead: {}\nroot: {}\nat_ms: {}\nkey: {}\n",
            self.contract, self.size, self.head, self.root, self.at_ms, self.key_id
        )
    }

    /// The head that the checkpoint vouches for.
    pub fn head(&self) -> Head {
        Head {
            contract: self.contract.clone(),
            seq: self.size,
            hash: self.head,
        }
    }

    /// When it was made; `None` when the number is no instant.
    pub fn at(&self) -> Option<Timestamp> {
        Timestamp::from_millisecond(self.at_ms).ok()
    }
}
