//! Appending to chains inside a transaction.

use std::collections::HashMap;
use std::fmt::Write as _;

use jiff::Timestamp;
use mamori_kernel::canonical::Canonical;
use mamori_kernel::evidence;
use mamori_kernel::ledger::{Actor, Head, NewRecord, Record};
use mamori_kernel::merkle::{CompactRange, Digest, leaf_hash};
use serde_json::json;

use super::read::{COLUMNS, record_from_row};
use crate::args;
use crate::error::{Error, Result};
use crate::sql::{Arg, Args};
use crate::tx::Tx;

/// Records per `INSERT`; 15 parameters each, far below both databases' limits.
const ROWS_PER_INSERT: usize = 32;
/// Complete Merkle subtrees of 2^12 records are stored (`ledger_node`).
pub(crate) const NODE_LEVEL: u32 = 12;

/// What an append gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appended {
    /// The record in the chain.
    pub record: Record,
    /// True when the dedup key was known: nothing was written, the record is the first one.
    pub existed: bool,
}

/// What an erasure did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erasure {
    /// The record whose personal data was erased.
    pub seq: u64,
    /// The `ledger.erased` record that proves it.
    pub tombstone: Record,
}

/// The end of a chain in memory while a transaction appends.
#[derive(Debug, Clone)]
pub struct ChainEnd {
    seq: u64,
    at: Option<Timestamp>,
    hash: Digest,
    range: CompactRange,
    nodes: Vec<(u64, Digest)>,
    changed: bool,
}

impl ChainEnd {
    /// Last position.
    pub fn seq(&self) -> u64 {
        self.seq
    }
}

impl Tx {
    /// Appends a record to its contract's chain; durable when the transaction commits.
    ///
    /// With a dedup key that the contract knows, the first record is returned and nothing is
    /// written; the same key with another kind, subject or payload is [`Error::Conflict`].
    pub async fn append(&mut self, new: NewRecord) -> Result<Record> {
        let appended = self.append_all(vec![new]).await?.pop();
        appended
            .expect("one outcome per record")
            .map(|appended| appended.record)
    }

    /// Appends several records in order, with one outcome each: a record that breaks a rule fails
    /// alone. The outer error means that the transaction as a whole has failed.
    pub async fn append_all(&mut self, new: Vec<NewRecord>) -> Result<Vec<Result<Appended>>> {
        let outcome = self.try_append_all(new).await;
        if outcome.is_err() {
            self.broken = true;
        }
        outcome
    }

    async fn try_append_all(&mut self, new: Vec<NewRecord>) -> Result<Vec<Result<Appended>>> {
        let mut outcomes = Vec::with_capacity(new.len());
        let mut rows: Vec<(Record, Option<String>)> = Vec::with_capacity(new.len());
        let mut keys: HashMap<(String, String), usize> = HashMap::new();
        for new in new {
            if let Err(error) = new.validate() {
                outcomes.push(Err(error.into()));
                continue;
            }
            self.load_chain_end(&new.contract).await?;
            if let Some(key) = new.dedup.clone() {
                let earlier = match keys.get(&(new.contract.clone(), key.clone())) {
                    Some(&index) => Some(rows[index].0.clone()),
                    None => self.find_dedup(&new.contract, &key).await?,
                };
                if let Some(record) = earlier {
                    outcomes.push(repeat(record, &new, &key));
                    continue;
                }
                keys.insert((new.contract.clone(), key), rows.len());
            }
            let dedup = new.dedup.clone();
            let record = self.chain(new).await?;
            rows.push((record.clone(), dedup));
            outcomes.push(Ok(Appended {
                record,
                existed: false,
            }));
        }
        for chunk in rows.chunks(ROWS_PER_INSERT) {
            self.insert(chunk).await?;
        }
        Ok(outcomes)
    }

    /// Hashes the record onto the chain in memory and stores its personal data.
    async fn chain(&mut self, mut new: NewRecord) -> Result<Record> {
        let end = self.end(&new.contract);
        let (seq, prev, prev_at) = (end.seq + 1, end.hash, end.at);
        let personal = match new.personal.take() {
            None => None,
            Some(body) => Some(self.store_personal(&new.contract, seq, &body).await?),
        };
        let record = Record::chain(new, seq, prev, prev_at, personal);
        let end = self.end(&record.contract);
        end.seq = seq;
        end.at = Some(record.at);
        end.hash = record.hash;
        end.changed = true;
        let ChainEnd { range, nodes, .. } = end;
        range.push_with(leaf_hash(record.hash.as_bytes()), |level, index, root| {
            if level == NODE_LEVEL {
                nodes.push((index, root));
            }
        });
        Ok(record)
    }

    fn end(&mut self, contract: &str) -> &mut ChainEnd {
        self.chains
            .get_mut(contract)
            .expect("loaded before chaining")
    }

    /// Reads the end of the chain and keeps it locked until the transaction ends.
    async fn load_chain_end(&mut self, contract: &str) -> Result<()> {
        if self.chains.contains_key(contract) {
            return Ok(());
        }
        let sql = format!(
            "SELECT seq, at_ms, hash, peaks FROM ledger_head WHERE contract = $1{}",
            self.db.for_update()
        );
        let mut row = self.fetch_optional(&sql, args![contract]).await?;
        if row.is_none() {
            // Two processes may begin a chain at once: one inserts, the other waits and finds it.
            self.execute(
                "INSERT INTO ledger_head (contract, seq, at_ms, hash, peaks) \
                 VALUES ($1, 0, NULL, $2, '') ON CONFLICT (contract) DO NOTHING",
                args![contract, Digest::ZERO],
            )
            .await?;
            row = self.fetch_optional(&sql, args![contract]).await?;
        }
        let row = row.ok_or_else(|| Error::BrokenLedger(format!("{contract}: head is missing")))?;
        let seq: u64 = row.get("seq")?;
        let range = read_peaks(seq, &row.text("peaks")?)
            .ok_or_else(|| Error::BrokenLedger(format!("{contract}: peaks do not fit {seq}")))?;
        let end = ChainEnd {
            seq,
            at: row.get("at_ms")?,
            hash: row.get("hash")?,
            range,
            nodes: Vec::new(),
            changed: false,
        };
        self.chains.insert(contract.to_owned(), end);
        Ok(())
    }

    async fn find_dedup(&mut self, contract: &str, key: &str) -> Result<Option<Record>> {
        let sql = format!("SELECT {COLUMNS} FROM ledger_record WHERE contract = $1 AND dedup = $2");
        self.fetch_optional(&sql, args![contract, key])
            .await?
            .map(|row| record_from_row(&row))
            .transpose()
    }

    async fn store_personal(
        &mut self,
        contract: &str,
        seq: u64,
        body: &Canonical,
    ) -> Result<Digest> {
        let salt: [u8; 32] = rand::random();
        self.execute(
            "INSERT INTO ledger_personal (contract, seq, salt, body) VALUES ($1, $2, $3, $4)",
            args![contract, seq as i64, hex::encode(salt), body.as_str()],
        )
        .await?;
        Ok(personal_digest(&salt, body.as_str()))
    }

    async fn insert(&mut self, rows: &[(Record, Option<String>)]) -> Result<()> {
        let mut sql = format!("INSERT INTO ledger_record ({COLUMNS}, dedup) VALUES ");
        let mut values: Vec<Arg> = Vec::with_capacity(rows.len() * 15);
        for (index, (record, dedup)) in rows.iter().enumerate() {
            sql.push_str(if index == 0 { "(" } else { ",(" });
            for column in 1..=15 {
                let comma = if column == 1 { "" } else { "," };
                let _ = write!(sql, "{comma}${}", index * 15 + column);
            }
            sql.push(')');
            let attachments = Canonical::from_serialize(&record.attachments)
                .map_err(|e| Error::Invalid(e.to_string()))?;
            values.extend([
                Arg::from(&record.contract),
                Arg::from(record.seq as i64),
                Arg::from(record.at),
                Arg::from(record.observed),
                Arg::from(record.actor.kind.as_str()),
                Arg::from(&record.actor.id),
                Arg::from(&record.kind),
                Arg::from(record.version),
                Arg::from(&record.subject),
                Arg::from(record.payload.as_str()),
                Arg::from(attachments.into_string()),
                Arg::from(record.personal),
                Arg::from(record.prev),
                Arg::from(record.hash),
                Arg::from(dedup.clone()),
            ]);
        }
        self.execute(&sql, Args::from(values)).await?;
        Ok(())
    }

    /// Writes the ends of all chains that were appended to. Called by [`Tx::commit`].
    pub(crate) async fn write_chain_ends(&mut self) -> Result<()> {
        let mut chains = std::mem::take(&mut self.chains);
        for (contract, end) in &mut chains {
            if !end.changed {
                continue;
            }
            for (index, root) in end.nodes.drain(..) {
                self.execute(
                    "INSERT INTO ledger_node (contract, level, idx, hash) VALUES ($1, $2, $3, $4)",
                    args![contract.as_str(), i64::from(NODE_LEVEL), index as i64, root],
                )
                .await?;
            }
            self.execute(
                "UPDATE ledger_head SET seq = $2, at_ms = $3, hash = $4, peaks = $5 \
                 WHERE contract = $1",
                args![
                    contract.as_str(),
                    end.seq as i64,
                    end.at,
                    end.hash,
                    write_peaks(&end.range)
                ],
            )
            .await?;
        }
        chains.retain(|_, end| end.changed);
        self.chains = chains;
        Ok(())
    }

    /// Erases the personal data of record `seq` and appends the `ledger.erased` record that
    /// proves it was done lawfully. [`Error::NotFound`] when there is nothing to erase.
    pub async fn erase_personal(
        &mut self,
        contract: &str,
        seq: u64,
        reason: &str,
        actor: Actor,
        at: Timestamp,
    ) -> Result<Erasure> {
        let digest: Option<Digest> = self
            .fetch_optional(
                "SELECT personal FROM ledger_record WHERE contract = $1 AND seq = $2",
                args![contract, seq as i64],
            )
            .await?
            .ok_or_else(|| Error::not_found(format!("記録 {contract} #{seq}")))?
            .get("personal")?;
        let erased = self
            .execute(
                "DELETE FROM ledger_personal WHERE contract = $1 AND seq = $2",
                args![contract, seq as i64],
            )
            .await?;
        let Some(digest) = digest.filter(|_| erased == 1) else {
            return Err(Error::not_found(format!(
                "記録 {contract} #{seq} の個人情報(消去済みか、もともとありません)"
            )));
        };
        let tombstone = NewRecord::new(
            contract,
            at,
            actor,
            evidence::LEDGER_ERASED,
            format!("seq:{seq}"),
            &json!({"what": "personal", "seq": seq, "digest": digest, "reason": reason}),
        )?;
        let tombstone = self.append(tombstone).await?;
        Ok(Erasure { seq, tombstone })
    }

    /// The head of a chain as this transaction sees it; `None` when there is no such chain.
    pub async fn ledger_head(&mut self, contract: &str) -> Result<Option<Head>> {
        if let Some(end) = self.chains.get(contract) {
            return Ok(Some(Head {
                contract: contract.to_owned(),
                seq: end.seq,
                hash: end.hash,
            }));
        }
        self.fetch_optional(
            "SELECT contract, seq, hash FROM ledger_head WHERE contract = $1",
            args![contract],
        )
        .await?
        .map(|row| {
            Ok(Head {
                contract: row.text("contract")?,
                seq: row.get("seq")?,
                hash: row.get("hash")?,
            })
        })
        .transpose()
    }
}

/// The outcome of an append whose dedup key is known already.
fn repeat(record: Record, new: &NewRecord, key: &str) -> Result<Appended> {
    let same =
        record.kind == new.kind && record.subject == new.subject && record.payload == new.payload;
    if same {
        Ok(Appended {
            record,
            existed: true,
        })
    } else {
        Err(Error::conflict(format!(
            "重複防止キー {key:?} は、内容の違う記録 #{} が使っています",
            record.seq
        )))
    }
}

/// What the chain holds of personal data: SHA-256(salt ‖ canonical text).
pub(crate) fn personal_digest(salt: &[u8], body: &str) -> Digest {
    Digest::of_parts(&[salt, body.as_bytes()])
}

fn write_peaks(range: &CompactRange) -> String {
    range.peaks().iter().map(|peak| peak.to_hex()).collect()
}

pub(crate) fn read_peaks(size: u64, text: &str) -> Option<CompactRange> {
    if !text.is_ascii() || !text.len().is_multiple_of(64) {
        return None;
    }
    let peaks = (0..text.len() / 64)
        .map(|index| Digest::from_hex(&text[index * 64..(index + 1) * 64]))
        .collect::<Option<Vec<Digest>>>()?;
    CompactRange::from_parts(size, peaks)
}
