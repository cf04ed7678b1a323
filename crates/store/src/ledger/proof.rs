//! Merkle proofs and compact ranges from what is stored: complete subtrees of 2^12 records in
//! `ledger_node`, single records for the rest. At most 4,095 hashes are read per proof step.

use std::ops::Range;

use mamori_kernel::ledger::Checkpoint;
use mamori_kernel::merkle::{
    self, CompactRange, Digest, consistency_path, inclusion_path, leaf_hash, node_hash,
};

use super::append::NODE_LEVEL;
use crate::args;
use crate::db::Db;
use crate::error::{Error, Result};
use crate::key::LedgerKey;
use crate::sql::Row;

const NODE_SIZE: u64 = 1 << NODE_LEVEL;

/// Proof that one record is in the tree of the first `size` records (RFC 6962 §2.1.1).
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct InclusionProof {
    /// Contract id.
    pub contract: String,
    /// The record's position; its leaf index is `seq - 1`.
    pub seq: u64,
    /// Number of records in the tree.
    pub size: u64,
    /// SHA-256(0x00 ‖ hash of the record).
    pub leaf: Digest,
    /// Sibling digests, nearest first.
    pub path: Vec<Digest>,
    /// Root of the tree.
    pub root: Digest,
}

impl InclusionProof {
    /// Whether leaf, path and root fit together.
    pub fn holds(&self) -> bool {
        self.seq >= 1
            && merkle::verify_inclusion(self.leaf, self.seq - 1, self.size, &self.path, self.root)
    }
}

impl Db {
    /// The compact range over the first `size` records.
    pub async fn ledger_compact_range(&self, contract: &str, size: u64) -> Result<CompactRange> {
        let peaks = self.peaks(contract, 0..size).await?;
        CompactRange::from_parts(size, peaks)
            .ok_or_else(|| Error::BrokenLedger(format!("{contract}: 木の節が足りません")))
    }

    /// Proof that record `seq` is among the first `size` records.
    pub async fn ledger_inclusion_proof(
        &self,
        contract: &str,
        seq: u64,
        size: u64,
    ) -> Result<InclusionProof> {
        if seq == 0 || seq > size {
            return Err(Error::not_found(format!("記録 {contract} #{seq}")));
        }
        let leaf = self.leaves(contract, seq - 1..seq).await?[0];
        let mut path = Vec::new();
        for range in inclusion_path(seq - 1, size) {
            path.push(self.subtree(contract, range).await?);
        }
        Ok(InclusionProof {
            contract: contract.to_owned(),
            seq,
            size,
            leaf,
            path,
            root: self.ledger_compact_range(contract, size).await?.root(),
        })
    }

    /// Proof that the first `new` records begin with the first `old` records (RFC 6962 §2.1.2).
    pub async fn ledger_consistency_proof(
        &self,
        contract: &str,
        old: u64,
        new: u64,
    ) -> Result<Vec<Digest>> {
        let mut path = Vec::new();
        for range in consistency_path(old, new) {
            path.push(self.subtree(contract, range).await?);
        }
        Ok(path)
    }

    async fn subtree(&self, contract: &str, range: Range<u64>) -> Result<Digest> {
        let peaks = self.peaks(contract, range).await?;
        let mut peaks = peaks.into_iter().rev();
        let smallest = peaks.next().unwrap_or_else(merkle::empty_root);
        Ok(peaks.fold(smallest, |right, left| node_hash(&left, &right)))
    }

    /// Roots of the complete subtrees of an aligned range of leaf indices, largest first.
    async fn peaks(&self, contract: &str, range: Range<u64>) -> Result<Vec<Digest>> {
        let mut blocks = CompactRange::new();
        let mut rest_from = range.start;
        if range.start.is_multiple_of(NODE_SIZE) {
            let (first, last) = (range.start / NODE_SIZE, range.end / NODE_SIZE);
            let rows = self
                .fetch_all(
                    "SELECT idx, hash FROM ledger_node \
                     WHERE contract = $1 AND level = $2 AND idx >= $3 AND idx < $4 ORDER BY idx",
                    args![contract, i64::from(NODE_LEVEL), first as i64, last as i64],
                )
                .await?;
            if rows.len() as u64 != last - first {
                return Err(Error::BrokenLedger(format!(
                    "{contract}: 木の節が足りません"
                )));
            }
            for row in &rows {
                blocks.push(row.get("hash")?);
            }
            rest_from = last * NODE_SIZE;
        }
        let mut rest = CompactRange::new();
        for leaf in self.leaves(contract, rest_from..range.end).await? {
            rest.push(leaf);
        }
        Ok([blocks.peaks(), rest.peaks()].concat())
    }

    async fn leaves(&self, contract: &str, range: Range<u64>) -> Result<Vec<Digest>> {
        if range.is_empty() {
            return Ok(Vec::new());
        }
        let rows = self
            .fetch_all(
                "SELECT hash FROM ledger_record \
                 WHERE contract = $1 AND seq > $2 AND seq <= $3 ORDER BY seq",
                args![contract, range.start as i64, range.end as i64],
            )
            .await?;
        if rows.len() as u64 != range.end - range.start {
            return Err(Error::BrokenLedger(format!(
                "{contract}: #{} から #{} までの記録が足りません",
                range.start + 1,
                range.end
            )));
        }
        rows.iter()
            .map(|row| Ok(leaf_hash(row.get::<Digest>("hash")?.as_bytes())))
            .collect()
    }

    /// Signs the chain as it is now; the same size gives the same checkpoint again.
    /// `None` when the chain has no record.
    pub async fn ledger_checkpoint(
        &self,
        contract: &str,
        key: &LedgerKey,
        at: jiff::Timestamp,
    ) -> Result<Option<Checkpoint>> {
        let Some(head) = self.ledger_head(contract).await?.filter(|h| h.seq > 0) else {
            return Ok(None);
        };
        let root = self.ledger_compact_range(contract, head.seq).await?.root();
        self.sign_checkpoint(contract, head.seq, head.hash, root, key, at)
            .await
            .map(Some)
    }

    /// Stores a checkpoint for `size`, or returns the stored one when it says the same.
    pub(crate) async fn sign_checkpoint(
        &self,
        contract: &str,
        size: u64,
        head: Digest,
        root: Digest,
        key: &LedgerKey,
        at: jiff::Timestamp,
    ) -> Result<Checkpoint> {
        let mut checkpoint = Checkpoint {
            contract: contract.to_owned(),
            size,
            head,
            root,
            at_ms: at.as_millisecond(),
            key_id: key.public().id(),
            signature: String::new(),
        };
        checkpoint.signature = key.sign(checkpoint.signed_text().as_bytes());
        let mut tx = self.begin_write().await?;
        tx.execute(
            "INSERT INTO ledger_checkpoint (contract, size, head, root, at_ms, key_id, signature) \
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (contract, size) DO NOTHING",
            checkpoint_args(&checkpoint),
        )
        .await?;
        let stored = tx
            .fetch_one(
                "SELECT * FROM ledger_checkpoint WHERE contract = $1 AND size = $2",
                args![contract, size as i64],
            )
            .await?;
        let stored = checkpoint_from_row(&stored)?;
        if (stored.head, stored.root) != (head, root) {
            return Err(Error::BrokenLedger(format!(
                "{contract}: #{size} までの台帳が、以前に署名した内容と違います"
            )));
        }
        if key.public().vouches(&stored) {
            tx.commit().await?;
            return Ok(stored);
        }
        // Signed by a key that is gone: vouch for the same content with the present one.
        tx.execute(
            "UPDATE ledger_checkpoint SET head = $3, root = $4, at_ms = $5, key_id = $6, \
             signature = $7 WHERE contract = $1 AND size = $2",
            checkpoint_args(&checkpoint),
        )
        .await?;
        tx.commit().await?;
        Ok(checkpoint)
    }

    /// All stored checkpoints of a chain, smallest first.
    pub async fn ledger_checkpoints(&self, contract: &str) -> Result<Vec<Checkpoint>> {
        self.fetch_all(
            "SELECT * FROM ledger_checkpoint WHERE contract = $1 ORDER BY size",
            args![contract],
        )
        .await?
        .iter()
        .map(checkpoint_from_row)
        .collect()
    }
}

fn checkpoint_args(checkpoint: &Checkpoint) -> crate::sql::Args {
    args![
        checkpoint.contract.as_str(),
        checkpoint.size as i64,
        checkpoint.head,
        checkpoint.root,
        checkpoint.at_ms,
        checkpoint.key_id,
        checkpoint.signature.as_str()
    ]
}

pub(super) fn checkpoint_from_row(row: &Row) -> Result<Checkpoint> {
    Ok(Checkpoint {
        contract: row.text("contract")?,
        size: row.get("size")?,
        head: row.get("head")?,
        root: row.get("root")?,
        at_ms: row.i64("at_ms")?,
        key_id: row.get("key_id")?,
        signature: row.text("signature")?,
    })
}
