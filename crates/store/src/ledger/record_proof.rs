//! The proof of one record as a document of its own, and its verification without any database:
//! the record's fields give its hash, the hash is a leaf, the path leads from the leaf to a root,
//! and the root is the one that the installation signed.
//!
//! It proves that the record was in the ledger, unchanged, when the checkpoint was signed. It does
//! not prove that what the record says was true, nor that nothing was left out.

use jiff::Timestamp;
use mamori_kernel::canonical::Canonical;
use mamori_kernel::ledger::{Actor, Attachment, Checkpoint, Fields, HeadText, Record, record_hash};
use mamori_kernel::merkle::{self, Digest, InclusionStep, inclusion_steps, leaf_hash};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::proof::checkpoint_from_row;
use crate::args;
use crate::db::Db;
use crate::error::{Error, Result};
use crate::key::{LedgerKey, PublicKey};

/// A record with its way to a signed root.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordProof {
    /// The record.
    pub record: ProvenRecord,
    /// Its way to the root.
    pub proof: Path,
    /// What the installation signed.
    pub checkpoint: SignedCheckpoint,
    /// Key of the installation, 64 hex digits.
    pub public_key: String,
}

/// The record without its contract, which the checkpoint names.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProvenRecord {
    /// Position, from 1.
    pub seq: u64,
    /// When.
    pub at: Timestamp,
    /// What the clock showed, when it was behind.
    pub observed: Option<Timestamp>,
    /// `person:ID`, `job:ID`, `machine:ID`.
    pub actor: String,
    /// Evidence kind.
    pub kind: String,
    /// Version of the payload's form.
    pub version: u32,
    /// Subject.
    pub subject: String,
    /// What happened.
    pub payload: Value,
    /// Files.
    pub attachments: Vec<Attachment>,
    /// Salted digest of personal data.
    pub personal: Option<Digest>,
    /// Hash of the record before.
    pub prev: Digest,
    /// Hash of this record.
    pub hash: Digest,
}

/// An inclusion proof (RFC 6962 §2.1.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Path {
    /// The record's position, from 0.
    pub leaf_index: u64,
    /// Records in the tree.
    pub tree_size: u64,
    /// SHA-256(0x00 ‖ hash of the record).
    pub leaf: Digest,
    /// Sibling digests, nearest first.
    pub path: Vec<Digest>,
    /// Root of the tree.
    pub root: Digest,
}

/// A checkpoint with the text whose signature it carries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedCheckpoint {
    /// The checkpoint.
    #[serde(flatten)]
    pub checkpoint: Checkpoint,
    /// The text that was signed, for other tools; verification makes it anew.
    pub signed_text: String,
}

/// Why a proof does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProofFault {
    /// The fields do not give the hash.
    #[error("記録の内容と要約値が合いません。内容が変えられています(record differs from its hash)")]
    Record,
    /// The hash does not give the leaf.
    #[error("記録の要約値と木の葉が合いません(leaf differs)")]
    Leaf,
    /// Record, path and checkpoint speak of different places.
    #[error("記録の番号・木の大きさ・根が、署名された控えと合いません(places differ)")]
    Place,
    /// The path does not lead to the root.
    #[error("葉から根までの計算が合いません(path does not lead to the root)")]
    Path,
    /// The signature is not the key's.
    #[error("署名が公開鍵と合いません(signature is not of this key)")]
    Signature,
    /// The head that somebody kept says otherwise.
    #[error("控えの先頭値と合いません。台帳が作り直されています(head differs)")]
    Head,
    /// The head that somebody kept is of another position.
    #[error(
        "控えの先頭値は別の番号のものなので、この証明とは比べられません。mamori ledger export で書き出した ZIP と比べてください(head of another position)"
    )]
    OtherHead,
}

impl ProvenRecord {
    fn of(record: Record) -> Self {
        Self {
            seq: record.seq,
            at: record.at,
            observed: record.observed,
            actor: record.actor.to_string(),
            kind: record.kind,
            version: record.version,
            subject: record.subject,
            payload: record.payload.value(),
            attachments: record.attachments,
            personal: record.personal,
            prev: record.prev,
            hash: record.hash,
        }
    }

    /// The hash that the fields give; `None` when they cannot be those of a record.
    fn hash_in(&self, contract: &str) -> Option<Digest> {
        let actor: Actor = self.actor.parse().ok()?;
        let payload = Canonical::from_value(&self.payload).ok()?;
        let fields = Fields {
            contract,
            seq: self.seq,
            at_ms: self.at.as_millisecond(),
            observed_ms: self.observed.map(Timestamp::as_millisecond),
            actor_kind: actor.kind,
            actor_id: &actor.id,
            kind: &self.kind,
            version: self.version,
            subject: &self.subject,
            payload: payload.as_str(),
            attachments: &self.attachments,
            personal: self.personal,
        };
        Some(record_hash(&self.prev, &fields, &mut Vec::new()))
    }
}

impl RecordProof {
    /// Whether everything fits together; `against` is a head that somebody kept.
    pub fn verify(&self, against: Option<&HeadText>) -> std::result::Result<(), ProofFault> {
        let (record, path) = (&self.record, &self.proof);
        let checkpoint = &self.checkpoint.checkpoint;
        if record.hash_in(&checkpoint.contract) != Some(record.hash) {
            return Err(ProofFault::Record);
        }
        if leaf_hash(record.hash.as_bytes()) != path.leaf {
            return Err(ProofFault::Leaf);
        }
        let in_place = record.seq.checked_sub(1) == Some(path.leaf_index)
            && path.tree_size == checkpoint.size
            && path.root == checkpoint.root;
        if !in_place {
            return Err(ProofFault::Place);
        }
        if !merkle::verify_inclusion(
            path.leaf,
            path.leaf_index,
            path.tree_size,
            &path.path,
            path.root,
        ) {
            return Err(ProofFault::Path);
        }
        let vouched =
            PublicKey::from_hex(&self.public_key).is_some_and(|key| key.vouches(checkpoint));
        if !vouched {
            return Err(ProofFault::Signature);
        }
        match against {
            None => Ok(()),
            Some(head) => self.fits(head),
        }
    }

    fn fits(&self, head: &HeadText) -> std::result::Result<(), ProofFault> {
        let checkpoint = &self.checkpoint.checkpoint;
        let hash = if head.seq == checkpoint.size {
            checkpoint.head
        } else if head.seq == self.record.seq {
            self.record.hash
        } else {
            return Err(ProofFault::OtherHead);
        };
        head.check(&checkpoint.contract, &hash)
            .map_err(|_| ProofFault::Head)
    }

    /// The way from leaf to root, step by step.
    pub fn steps(&self) -> Vec<InclusionStep> {
        let path = &self.proof;
        inclusion_steps(path.leaf, path.leaf_index, path.tree_size, &path.path).unwrap_or_default()
    }
}

impl Db {
    /// The proof of a record up to the newest checkpoint of this key; a new one is signed only for
    /// a record that no signature covers yet.
    pub async fn ledger_record_proof(
        &self,
        contract: &str,
        seq: u64,
        key: &LedgerKey,
        now: Timestamp,
    ) -> Result<RecordProof> {
        let record = self.ledger_record(contract, seq).await?;
        let stored = self
            .fetch_all(
                "SELECT * FROM ledger_checkpoint WHERE contract = $1 AND size >= $2 \
                 ORDER BY size DESC LIMIT 8",
                args![contract, record.seq as i64],
            )
            .await?;
        let mut covering = None;
        for row in &stored {
            let checkpoint = checkpoint_from_row(row)?;
            if covering.is_none() && key.public().vouches(&checkpoint) {
                covering = Some(checkpoint);
            }
        }
        let checkpoint = match covering {
            Some(checkpoint) => checkpoint,
            None => self
                .ledger_checkpoint(contract, key, now)
                .await?
                .ok_or_else(|| Error::not_found(format!("記録 {contract} #{seq}")))?,
        };
        let proof = self
            .ledger_inclusion_proof(contract, seq, checkpoint.size)
            .await?;
        Ok(RecordProof {
            record: ProvenRecord::of(record),
            proof: Path {
                leaf_index: proof.seq - 1,
                tree_size: proof.size,
                leaf: proof.leaf,
                path: proof.path,
                root: proof.root,
            },
            checkpoint: SignedCheckpoint {
                signed_text: checkpoint.signed_text(),
                checkpoint,
            },
            public_key: key.public().to_hex(),
        })
    }
}
