//! Reading chains.

use std::fmt::Write as _;

use jiff::Timestamp;
use mamori_kernel::canonical::Canonical;
use mamori_kernel::ledger::{Actor, Attachment, Head, Record};

use crate::args;
use crate::db::Db;
use crate::error::{Error, Result};
use crate::sql::{Args, Row};

pub(crate) const COLUMNS: &str = "contract, seq, at_ms, observed_ms, actor_kind, actor_id, kind, \
     version, subject, payload, attachments, personal, prev, hash";

/// With more kinds than these a query reads the chain: asking for each by itself no longer pays.
const BRANCHES: usize = 8;

/// Which records to read. All conditions hold together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerQuery {
    /// Contract id.
    pub contract: String,
    /// Any of these kinds; empty means all.
    pub kinds: Vec<String>,
    /// Exactly this subject.
    pub subject: Option<String>,
    /// Recorded by exactly this actor.
    pub actor: Option<Actor>,
    /// First position.
    pub from_seq: Option<u64>,
    /// Last position, included.
    pub to_seq: Option<u64>,
    /// First instant.
    pub from: Option<Timestamp>,
    /// Last instant, excluded.
    pub until: Option<Timestamp>,
    /// Newest first instead of oldest first.
    pub newest_first: bool,
    /// At most this many.
    pub limit: u32,
}

impl LedgerQuery {
    /// The first 1,000 records of a contract, oldest first; narrow it with struct update.
    pub fn new(contract: impl Into<String>) -> Self {
        Self {
            contract: contract.into(),
            kinds: Vec::new(),
            subject: None,
            actor: None,
            from_seq: None,
            to_seq: None,
            from: None,
            until: None,
            newest_first: false,
            limit: 1_000,
        }
    }

    /// The statement; times must have become positions before.
    pub(super) fn sql(&self) -> (String, Args) {
        let mut args = args![self.contract.as_str()];
        let select = format!("SELECT {COLUMNS} FROM ledger_record WHERE contract = $1");
        let rest = self.conditions(&mut args);
        let order = if self.newest_first { "DESC" } else { "ASC" };
        let end = format!(" ORDER BY seq {order} LIMIT {}", args.push(self.limit));
        let kinds: Vec<String> = self.kinds.iter().map(|kind| args.push(kind)).collect();
        let sql = match &kinds[..] {
            [] => format!("{select}{rest}{end}"),
            [kind] => format!("{select} AND kind = {kind}{rest}{end}"),
            few if few.len() <= BRANCHES => {
                // One kind after another, each by the index of kinds: asked for two kinds at once,
                // SQLite reads the chain from its end until it has found enough, and of rare kinds
                // there never is enough.
                let branches: Vec<String> = few
                    .iter()
                    .enumerate()
                    .map(|(n, kind)| {
                        format!(
                            "SELECT * FROM ({select} AND kind = {kind}{rest}{end}) AS branch_{n}"
                        )
                    })
                    .collect();
                format!("{}{end}", branches.join(" UNION ALL "))
            }
            many => format!("{select} AND kind IN ({}){rest}{end}", many.join(", ")),
        };
        (sql, args)
    }

    /// What a record must be besides one of the kinds.
    fn conditions(&self, args: &mut Args) -> String {
        let mut sql = String::new();
        if let Some(subject) = &self.subject {
            let _ = write!(sql, " AND subject = {}", args.push(subject.as_str()));
        }
        if let Some(actor) = &self.actor {
            let _ = write!(
                sql,
                " AND actor_kind = {} AND actor_id = {}",
                args.push(actor.kind.as_str()),
                args.push(actor.id.as_str())
            );
        }
        if self.from_seq.is_some() || self.to_seq.is_some() {
            // `BETWEEN` even when one side is open: with two comparisons SQLite takes the primary
            // key instead of the index of kinds and reads the whole chain.
            let _ = write!(
                sql,
                " AND seq BETWEEN {} AND {}",
                args.push(clamp(self.from_seq.unwrap_or(0))),
                args.push(clamp(self.to_seq.unwrap_or(u64::MAX)))
            );
        }
        sql
    }
}

fn clamp(seq: u64) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}

pub(crate) fn record_from_row(row: &Row) -> Result<Record> {
    let seq: u64 = row.get("seq")?;
    let broken = |what: &str| Error::BrokenLedger(format!("記録 #{seq}: {what}"));
    let attachments: Vec<Attachment> = match row.text("attachments")?.as_str() {
        "[]" => Vec::new(),
        text => serde_json::from_str(text).map_err(|_| broken("attachments"))?,
    };
    let payload = row.text("payload")?;
    Ok(Record {
        contract: row.text("contract")?,
        seq,
        at: row.get("at_ms")?,
        observed: row.get("observed_ms")?,
        actor: Actor {
            kind: row
                .text("actor_kind")?
                .parse()
                .map_err(|_| broken("actor"))?,
            id: row.text("actor_id")?,
        },
        kind: row.text("kind")?,
        version: row.get("version")?,
        subject: row.text("subject")?,
        payload: Canonical::from_canonical(payload).map_err(|_| broken("payload"))?,
        attachments,
        personal: row.get("personal")?,
        prev: row.get("prev")?,
        hash: row.get("hash")?,
    })
}

impl Db {
    /// Records that match, in order of position.
    pub async fn ledger_records(&self, query: &LedgerQuery) -> Result<Vec<Record>> {
        let Some(query) = self.by_position(query).await? else {
            return Ok(Vec::new());
        };
        let (sql, args) = query.sql();
        self.fetch_all(&sql, args)
            .await?
            .iter()
            .map(record_from_row)
            .collect()
    }

    /// The query with positions instead of times, which order a chain alike; `None` when nothing
    /// can match. One index serves positions together with kinds or subjects, none serves times.
    async fn by_position(&self, query: &LedgerQuery) -> Result<Option<LedgerQuery>> {
        let mut query = query.clone();
        if query.from.is_some() || query.until.is_some() {
            let (from, until) = (query.from.take(), query.until.take());
            let range = self.ledger_seq_range(&query.contract, from, until).await?;
            let Some((first, last)) = range else {
                return Ok(None);
            };
            query.from_seq = Some(query.from_seq.map_or(first, |seq| seq.max(first)));
            query.to_seq = Some(query.to_seq.map_or(last, |seq| seq.min(last)));
        }
        Ok(Some(query))
    }

    /// One record.
    pub async fn ledger_record(&self, contract: &str, seq: u64) -> Result<Record> {
        let sql = format!("SELECT {COLUMNS} FROM ledger_record WHERE contract = $1 AND seq = $2");
        let row = self
            .fetch_optional(&sql, args![contract, clamp(seq)])
            .await?
            .ok_or_else(|| Error::not_found(format!("記録 {contract} #{seq}")))?;
        record_from_row(&row)
    }

    /// Personal data of a record, while it is not erased.
    pub async fn ledger_personal(&self, contract: &str, seq: u64) -> Result<Option<Canonical>> {
        self.fetch_optional(
            "SELECT body FROM ledger_personal WHERE contract = $1 AND seq = $2",
            args![contract, clamp(seq)],
        )
        .await?
        .map(|row| {
            Canonical::from_canonical(row.text("body")?)
                .map_err(|_| Error::BrokenLedger(format!("個人情報 #{seq}")))
        })
        .transpose()
    }

    /// The heads of all chains, by contract id.
    pub async fn ledger_heads(&self) -> Result<Vec<Head>> {
        self.fetch_all(
            "SELECT contract, seq, hash FROM ledger_head ORDER BY contract",
            Args::new(),
        )
        .await?
        .iter()
        .map(head_from_row)
        .collect()
    }

    /// The head of a chain; `None` when nothing was appended yet.
    pub async fn ledger_head(&self, contract: &str) -> Result<Option<Head>> {
        self.fetch_optional(
            "SELECT contract, seq, hash FROM ledger_head WHERE contract = $1",
            args![contract],
        )
        .await?
        .map(|row| head_from_row(&row))
        .transpose()
    }

    /// First and last position of the records from an instant on and before another; `None` when
    /// there are none. Two look-ups, however long the chain is: times never go back along it.
    pub async fn ledger_seq_range(
        &self,
        contract: &str,
        from: Option<Timestamp>,
        until: Option<Timestamp>,
    ) -> Result<Option<(u64, u64)>> {
        let first = match from {
            None => 1,
            Some(from) => self
                .ledger_head_before(contract, from)
                .await?
                .map_or(1, |head| head.seq + 1),
        };
        let last = match until {
            None => self.ledger_head(contract).await?,
            Some(until) => self.ledger_head_before(contract, until).await?,
        };
        let last = last.map_or(0, |head| head.seq);
        Ok((first <= last).then_some((first, last)))
    }

    /// The head as it was before `until` (for the footer of a day's or month's report): the last
    /// record earlier than `until`; `None` when there is none.
    pub async fn ledger_head_before(
        &self,
        contract: &str,
        until: Timestamp,
    ) -> Result<Option<Head>> {
        self.fetch_optional(
            "SELECT contract, seq, hash FROM ledger_record WHERE contract = $1 AND at_ms < $2 \
             ORDER BY at_ms DESC, seq DESC LIMIT 1",
            args![contract, until],
        )
        .await?
        .map(|row| head_from_row(&row))
        .transpose()
    }
}

fn head_from_row(row: &Row) -> Result<Head> {
    Ok(Head {
        contract: row.text("contract")?,
        seq: row.get("seq")?,
        hash: row.get("hash")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MIGRATIONS;

    /// How SQLite would go about it, each step as a line.
    async fn plan(db: &Db, query: &LedgerQuery) -> Vec<String> {
        let (sql, args) = query.sql();
        let rows = db
            .fetch_all(&format!("EXPLAIN QUERY PLAN {sql}"), args)
            .await
            .expect("a plan");
        rows.iter()
            .map(|row| row.text("detail").expect("a detail"))
            .collect()
    }

    #[tokio::test]
    async fn rare_kinds_are_found_by_their_index_and_not_by_reading_the_chain() {
        let folder = tempfile::tempdir().expect("a folder");
        let db = Db::open_path(&folder.path().join("m.db"))
            .await
            .expect("opens");
        db.migrate(MIGRATIONS).await.expect("migrates");
        let ends = [
            (None, None),
            (Some(7), None),
            (None, Some(9)),
            (Some(7), Some(9)),
        ];
        for kinds in 1..=BRANCHES {
            for (from_seq, to_seq) in ends {
                for newest_first in [true, false] {
                    let query = LedgerQuery {
                        kinds: (0..kinds).map(|n| format!("kind.{n}")).collect(),
                        from_seq,
                        to_seq,
                        newest_first,
                        ..LedgerQuery::new("a")
                    };
                    let steps = plan(&db, &query).await;
                    let reads =
                        |index: &str| steps.iter().filter(|step| step.contains(index)).count();
                    assert_eq!(reads("ledger_record_kind"), kinds, "{query:?}: {steps:#?}");
                    assert_eq!(reads("sqlite_autoindex"), 0, "{query:?}: {steps:#?}");
                }
            }
        }
    }
}
