//! Records that have to do with somebody, page by page: what they did and what was done to them.

use std::fmt::Write as _;

use jiff::Timestamp;
use mamori_kernel::ledger::Record;

use crate::db::Db;
use crate::error::Result;
use crate::sql::Args;

use super::read::{COLUMNS, record_from_row};

/// What is looked for in a chain, and which page of it.
#[derive(Debug, Clone)]
pub struct LedgerAbout<'a> {
    /// Contract id.
    pub contract: &'a str,
    /// Any of these kinds; few, as each is read by the index of kinds.
    pub kinds: &'a [&'a str],
    /// Id of an actor or subject; empty: everybody.
    pub who: &'a str,
    /// First instant.
    pub from: Option<Timestamp>,
    /// Last instant, excluded.
    pub until: Option<Timestamp>,
    /// Newest first instead of oldest first.
    pub newest_first: bool,
}

impl LedgerAbout<'_> {
    /// The condition; `None` when nothing can match.
    async fn condition(&self, db: &Db) -> Result<Option<(String, Args)>> {
        let range = db
            .ledger_seq_range(self.contract, self.from, self.until)
            .await?;
        let Some((first, last)) = range else {
            return Ok(None);
        };
        let mut args = Args::new();
        let contract = args.push(self.contract);
        let kinds: Vec<String> = self.kinds.iter().map(|kind| args.push(*kind)).collect();
        let low = args.push(i64::try_from(first).unwrap_or(i64::MAX));
        let high = args.push(i64::try_from(last).unwrap_or(i64::MAX));
        let mut sql = format!(
            "contract = {contract} AND kind IN ({}) AND seq BETWEEN {low} AND {high}",
            kinds.join(", ")
        );
        if !self.who.is_empty() {
            let who = args.push(self.who);
            let _ = write!(sql, " AND (subject = {who} OR actor_id = {who})");
        }
        Ok(Some((sql, args)))
    }
}

impl Db {
    /// How many records have to do with it.
    pub async fn ledger_count_about(&self, about: &LedgerAbout<'_>) -> Result<u64> {
        let Some((condition, args)) = about.condition(self).await? else {
            return Ok(0);
        };
        let sql =
            format!("SELECT CAST(COUNT(*) AS BIGINT) AS n FROM ledger_record WHERE {condition}");
        let count = self.fetch_one(&sql, args).await?.i64("n")?;
        Ok(u64::try_from(count).unwrap_or_default())
    }

    /// Those of one page.
    pub async fn ledger_about(
        &self,
        about: &LedgerAbout<'_>,
        offset: u64,
        most: u64,
    ) -> Result<Vec<Record>> {
        let Some((condition, mut args)) = about.condition(self).await? else {
            return Ok(Vec::new());
        };
        let limit = args.push(i64::try_from(most).unwrap_or(i64::MAX));
        let offset = args.push(i64::try_from(offset).unwrap_or(i64::MAX));
        let order = if about.newest_first { "DESC" } else { "ASC" };
        let sql = format!(
            "SELECT {COLUMNS} FROM ledger_record WHERE {condition} \
             ORDER BY seq {order} LIMIT {limit} OFFSET {offset}"
        );
        let rows = self.fetch_all(&sql, args).await?;
        rows.iter().map(record_from_row).collect()
    }
}
