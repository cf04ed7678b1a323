//! Checking the installation's own ledger: every record, link, time, tree node, checkpoint,
//! personal part and attachment. Reports what is wrong instead of stopping at the first.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use jiff::Timestamp;
use mamori_kernel::canonical::Canonical;
use mamori_kernel::evidence::LEDGER_ERASED;
use mamori_kernel::ledger::{Checkpoint, Head, HeadText, Record};
use mamori_kernel::merkle::{CompactRange, Digest, leaf_hash};
use serde::Serialize;

use super::append::{NODE_LEVEL, personal_digest, read_peaks};
use super::read::{LedgerQuery, record_from_row};
use crate::args;
use crate::blob::{BlobState, Blobs};
use crate::db::Db;
use crate::error::{Error, Result};
use crate::key::PublicKey;

/// Records per page.
const PAGE: u32 = 5_000;
/// Problems that are listed; the rest is counted.
const MAX_LISTED: usize = 100;

/// Something that is wrong with a ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(tag = "problem", rename_all = "snake_case")]
pub enum AuditProblem {
    /// A position has no record.
    #[error("記録 #{seq} がありません(missing)")]
    MissingRecord {
        /// Position.
        seq: u64,
    },
    /// A row cannot be read as a record.
    #[error("記録 #{seq} が読めません(unreadable): {detail}")]
    Unreadable {
        /// Position.
        seq: u64,
        /// Why.
        detail: String,
    },
    /// The content does not fit the hash.
    #[error("記録 #{seq} の内容が変わっています(hash differs)")]
    Hash {
        /// Position.
        seq: u64,
    },
    /// The record does not continue the one before.
    #[error("記録 #{seq} が前の記録とつながりません(link broken)")]
    Link {
        /// Position.
        seq: u64,
    },
    /// Time goes back.
    #[error("記録 #{seq} の時刻が前後と合いません(clock)")]
    Clock {
        /// Position.
        seq: u64,
    },
    /// The stored end of the chain is not the end.
    #[error("台帳の末尾の控えが記録と合いません(head differs)")]
    Head,
    /// Records after the stored end of the chain.
    #[error("台帳の末尾より後に記録があります(records beyond the head)")]
    Beyond,
    /// A stored tree node is wrong.
    #[error("木の節 {index} が記録と合いません(tree node differs)")]
    Node {
        /// Index of the subtree of 4,096 records.
        index: u64,
    },
    /// A signed checkpoint says something else.
    #[error("#{size} の検証点が記録または署名と合いません(checkpoint differs)")]
    Checkpoint {
        /// Size that it vouches for.
        size: u64,
    },
    /// Personal data changed.
    #[error("記録 #{seq} の個人情報が変わっています(personal data differs)")]
    PersonalChanged {
        /// Position.
        seq: u64,
    },
    /// Personal data is gone without a tombstone.
    #[error("記録 #{seq} の個人情報が、消去の記録なしに失われています(personal data missing)")]
    PersonalMissing {
        /// Position.
        seq: u64,
    },
    /// An attachment is gone without a tombstone.
    #[error("記録 #{seq} の添付 {sha256} が失われています(attachment missing)")]
    AttachmentMissing {
        /// A record that names it.
        seq: u64,
        /// Its digest.
        sha256: Digest,
    },
    /// An attachment's bytes changed.
    #[error("記録 #{seq} の添付 {sha256} の内容が変わっています(attachment differs)")]
    AttachmentChanged {
        /// A record that names it.
        seq: u64,
        /// Its digest.
        sha256: Digest,
    },
    /// The head that was given does not fit.
    #[error("先頭値 {head} と合いません(head mismatch): {detail}")]
    Against {
        /// The head given.
        head: String,
        /// What differs.
        detail: String,
    },
}

/// The outcome of an audit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Audit {
    /// Contract id.
    pub contract: String,
    /// Records checked.
    pub count: u64,
    /// Time of the first record.
    pub first_at: Option<Timestamp>,
    /// Time of the last record.
    pub last_at: Option<Timestamp>,
    /// Head after the last record.
    pub head: Head,
    /// Merkle root over all records.
    pub root: Digest,
    /// Checkpoints compared.
    pub checkpoints: u64,
    /// Records whose personal data is there and fits.
    pub personal_kept: u64,
    /// Records whose personal data was erased lawfully.
    pub personal_erased: u64,
    /// Attachments that are there and fit.
    pub attachments: u64,
    /// Attachments erased on purpose.
    pub attachments_erased: u64,
    /// Records written while the clock had jumped back.
    pub clock_jumps: u64,
    /// What is wrong, at most a hundred.
    pub problems: Vec<AuditProblem>,
    /// How many things are wrong.
    pub problem_count: u64,
}

impl Audit {
    /// Nothing is wrong.
    pub fn is_intact(&self) -> bool {
        self.problem_count == 0
    }

    fn note(&mut self, problem: AuditProblem) {
        self.problem_count += 1;
        if self.problems.len() < MAX_LISTED {
            self.problems.push(problem);
        }
    }
}

/// What the audit carries from record to record.
struct Walk {
    audit: Audit,
    hash: Digest,
    at: Option<Timestamp>,
    range: CompactRange,
    nodes: BTreeMap<u64, Digest>,
    /// Subtrees that were complete when the audit began.
    node_count: u64,
    checkpoints: BTreeMap<u64, Checkpoint>,
    attachments: BTreeMap<Digest, u64>,
    /// Positions whose personal data is not there.
    without_personal: BTreeMap<u64, Digest>,
    /// Positions (and digests) that `ledger.erased` records name.
    tombstones: BTreeSet<(u64, Digest)>,
    against: Option<HeadText>,
}

#[derive(serde::Deserialize)]
struct Tombstone {
    seq: u64,
    digest: Digest,
}

impl Db {
    /// Checks one chain completely. `key` checks the signatures of its checkpoints.
    pub async fn audit_ledger(
        &self,
        contract: &str,
        blobs: &Blobs,
        key: Option<PublicKey>,
        against: Option<&HeadText>,
    ) -> Result<Audit> {
        // Nodes and checkpoints are read before the head: what others append meanwhile can only
        // make the head newer, so a checkpoint beyond the head means that records were cut off.
        let mut walk = self.start_walk(contract, against).await?;
        let row = self
            .fetch_optional(
                "SELECT seq, hash, peaks FROM ledger_head WHERE contract = $1",
                args![contract],
            )
            .await?
            .ok_or_else(|| Error::not_found(format!("契約 {contract} の台帳")))?;
        let head = Head {
            contract: contract.to_owned(),
            seq: row.get("seq")?,
            hash: row.get("hash")?,
        };
        let peaks = row.text("peaks")?;
        walk.audit.head = head.clone();
        let mut query = LedgerQuery::new(contract);
        query.limit = PAGE;
        let mut next = 1;
        while next <= head.seq {
            query.from_seq = Some(next);
            query.to_seq = Some((next + u64::from(PAGE) - 1).min(head.seq));
            let personal = self.personal_of(&query).await?;
            let (sql, args) = query.sql();
            for row in self.fetch_all(&sql, args).await? {
                let seq: u64 = row.get("seq")?;
                while next < seq {
                    walk.audit.note(AuditProblem::MissingRecord { seq: next });
                    next += 1;
                }
                next = seq + 1;
                match record_from_row(&row) {
                    Ok(record) => walk.record(&record, personal.get(&seq), key),
                    Err(error) => walk.audit.note(AuditProblem::Unreadable {
                        seq,
                        detail: error.to_string(),
                    }),
                }
            }
            let page_end = query.to_seq.unwrap_or(head.seq);
            while next <= page_end {
                walk.audit.note(AuditProblem::MissingRecord { seq: next });
                next += 1;
            }
        }
        walk.finish(&head, &peaks);
        let Walk {
            mut audit,
            attachments,
            ..
        } = walk;
        self.audit_beyond(contract, head.seq, &mut audit).await?;
        self.audit_attachments(blobs, attachments, &mut audit)
            .await?;
        Ok(audit)
    }

    async fn start_walk(&self, contract: &str, against: Option<&HeadText>) -> Result<Walk> {
        let seq = self.ledger_head(contract).await?.map_or(0, |head| head.seq);
        let nodes = self
            .fetch_all(
                "SELECT idx, hash FROM ledger_node WHERE contract = $1 AND level = $2",
                args![contract, i64::from(NODE_LEVEL)],
            )
            .await?
            .iter()
            .map(|row| Ok((row.get("idx")?, row.get("hash")?)))
            .collect::<Result<BTreeMap<u64, Digest>>>()?;
        let checkpoints = self
            .ledger_checkpoints(contract)
            .await?
            .into_iter()
            .map(|checkpoint| (checkpoint.size, checkpoint))
            .collect();
        Ok(Walk {
            audit: Audit {
                contract: contract.to_owned(),
                count: 0,
                first_at: None,
                last_at: None,
                head: Head {
                    contract: contract.to_owned(),
                    seq: 0,
                    hash: Digest::ZERO,
                },
                root: Digest::ZERO,
                checkpoints: 0,
                personal_kept: 0,
                personal_erased: 0,
                attachments: 0,
                attachments_erased: 0,
                clock_jumps: 0,
                problems: Vec::new(),
                problem_count: 0,
            },
            hash: Digest::ZERO,
            at: None,
            range: CompactRange::new(),
            nodes,
            node_count: seq >> NODE_LEVEL,
            checkpoints,
            attachments: BTreeMap::new(),
            without_personal: BTreeMap::new(),
            tombstones: BTreeSet::new(),
            against: against.cloned(),
        })
    }

    async fn personal_of(&self, query: &LedgerQuery) -> Result<BTreeMap<u64, (String, String)>> {
        self.fetch_all(
            "SELECT seq, salt, body FROM ledger_personal \
             WHERE contract = $1 AND seq >= $2 AND seq <= $3",
            args![
                query.contract.as_str(),
                query.from_seq.unwrap_or(0) as i64,
                query.to_seq.unwrap_or(0) as i64
            ],
        )
        .await?
        .iter()
        .map(|row| Ok((row.get("seq")?, (row.text("salt")?, row.text("body")?))))
        .collect()
    }

    async fn audit_beyond(&self, contract: &str, last: u64, audit: &mut Audit) -> Result<()> {
        // Records appended while the audit ran come with a head of their own.
        let row = self
            .fetch_one(
                "SELECT CAST(COALESCE(MAX(seq), 0) AS BIGINT) AS last FROM ledger_record \
                 WHERE contract = $1",
                args![contract],
            )
            .await?;
        let stored = self.ledger_head(contract).await?.map_or(0, |head| head.seq);
        if row.get::<u64>("last")? > stored.max(last) {
            audit.note(AuditProblem::Beyond);
        }
        Ok(())
    }

    async fn audit_attachments(
        &self,
        blobs: &Blobs,
        attachments: BTreeMap<Digest, u64>,
        audit: &mut Audit,
    ) -> Result<()> {
        for (sha256, seq) in attachments {
            match self.blob_state(blobs, &sha256).await? {
                BlobState::Erased { .. } => audit.attachments_erased += 1,
                BlobState::Missing => {
                    audit.note(AuditProblem::AttachmentMissing { seq, sha256 });
                }
                BlobState::Present { .. } => match blobs.copy_to(&sha256, &mut io::sink()) {
                    Ok(_) => audit.attachments += 1,
                    Err(Error::Corrupt { .. }) => {
                        audit.note(AuditProblem::AttachmentChanged { seq, sha256 });
                    }
                    Err(error) => return Err(error),
                },
            }
        }
        Ok(())
    }
}

impl Walk {
    fn record(
        &mut self,
        record: &Record,
        personal: Option<&(String, String)>,
        key: Option<PublicKey>,
    ) {
        let seq = record.seq;
        if record.compute_hash() != record.hash {
            self.audit.note(AuditProblem::Hash { seq });
        }
        if record.prev != self.hash {
            self.audit.note(AuditProblem::Link { seq });
        }
        let back = self.at.is_some_and(|before| record.at < before);
        if back
            || record
                .observed
                .is_some_and(|observed| observed >= record.at)
        {
            self.audit.note(AuditProblem::Clock { seq });
        }
        self.audit.clock_jumps += u64::from(record.clock_jump_ms().is_some());
        self.audit.count += 1;
        self.audit.first_at.get_or_insert(record.at);
        self.audit.last_at = Some(record.at);
        self.at = Some(record.at);
        self.hash = record.hash;
        self.push_leaf(record);
        self.check_checkpoint(seq, key);
        if let Some(against) = self.against.clone().filter(|against| against.seq == seq) {
            self.check_against(&against, record.hash);
        }
        for attachment in &record.attachments {
            self.attachments.entry(attachment.sha256).or_insert(seq);
        }
        self.check_personal(record, personal);
        if record.kind == LEDGER_ERASED
            && let Ok(tombstone) = record.payload_as::<Tombstone>()
        {
            self.tombstones.insert((tombstone.seq, tombstone.digest));
        }
    }

    fn push_leaf(&mut self, record: &Record) {
        let Self {
            range,
            nodes,
            node_count,
            ..
        } = self;
        let mut wrong = None;
        range.push_with(leaf_hash(record.hash.as_bytes()), |level, index, root| {
            // Nodes that were completed after the audit began are not in the list.
            let listed = level == NODE_LEVEL && index < *node_count;
            if listed && nodes.remove(&index) != Some(root) {
                wrong = Some(index);
            }
        });
        if let Some(index) = wrong {
            self.audit.note(AuditProblem::Node { index });
        }
    }

    fn check_checkpoint(&mut self, size: u64, key: Option<PublicKey>) {
        let Some(checkpoint) = self.checkpoints.remove(&size) else {
            return;
        };
        self.audit.checkpoints += 1;
        // A checkpoint of an earlier key cannot be checked here, its content can.
        let signed = key
            .filter(|key| key.id() == checkpoint.key_id)
            .is_none_or(|key| key.vouches(&checkpoint));
        if checkpoint.head != self.hash || checkpoint.root != self.range.root() || !signed {
            self.audit.note(AuditProblem::Checkpoint { size });
        }
    }

    fn check_against(&mut self, against: &HeadText, found: Digest) {
        self.against = None;
        if against.check(&self.audit.contract, &found).is_err() {
            self.audit.note(AuditProblem::Against {
                head: against.to_string(),
                detail: format!("#{} は {found} です", against.seq),
            });
        }
    }

    fn check_personal(&mut self, record: &Record, personal: Option<&(String, String)>) {
        let Some(digest) = record.personal else {
            return;
        };
        match personal {
            None => {
                self.without_personal.insert(record.seq, digest);
            }
            Some((salt, body)) => {
                let fits = hex::decode(salt)
                    .is_ok_and(|salt| personal_digest(&salt, body) == digest)
                    && Canonical::from_canonical(body.clone()).is_ok();
                if fits {
                    self.audit.personal_kept += 1;
                } else {
                    self.audit
                        .note(AuditProblem::PersonalChanged { seq: record.seq });
                }
            }
        }
    }

    fn finish(&mut self, head: &Head, peaks: &str) {
        let stored = read_peaks(head.seq, peaks);
        if self.hash != head.hash || stored.as_ref() != Some(&self.range) {
            self.audit.note(AuditProblem::Head);
        }
        self.audit.root = self.range.root();
        for (size, _) in std::mem::take(&mut self.checkpoints) {
            if size > 0 {
                self.audit.note(AuditProblem::Checkpoint { size });
            }
        }
        for (index, _) in std::mem::take(&mut self.nodes) {
            if index >= head.seq >> NODE_LEVEL {
                self.audit.note(AuditProblem::Node { index });
            }
        }
        for (seq, digest) in std::mem::take(&mut self.without_personal) {
            if self.tombstones.contains(&(seq, digest)) {
                self.audit.personal_erased += 1;
            } else {
                self.audit.note(AuditProblem::PersonalMissing { seq });
            }
        }
        match self.against.take() {
            Some(against) if against.contract != self.audit.contract => {
                self.audit.note(AuditProblem::Against {
                    head: against.to_string(),
                    detail: "別の契約の先頭値です(other contract)".to_owned(),
                });
            }
            Some(against) if against.seq == 0 => self.check_against(&against, Digest::ZERO),
            Some(against) => self.audit.note(AuditProblem::Against {
                head: against.to_string(),
                detail: format!("台帳には #{} までしかありません(out of range)", head.seq),
            }),
            None => {}
        }
    }
}
