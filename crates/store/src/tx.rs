//! A transaction: the same verbs as [`Db`], plus appending to ledgers.

use std::collections::HashMap;

use sqlx::{Any, AssertSqlSafe, Transaction};

use crate::db::Db;
use crate::error::{Error, Result};
use crate::ledger::ChainEnd;
use crate::sql::{Args, Row};

/// A running transaction. Rolls back when dropped.
pub struct Tx {
    inner: Transaction<'static, Any>,
    pub(crate) db: Db,
    /// Ends of the chains that this transaction appended to; written once, at commit.
    pub(crate) chains: HashMap<String, ChainEnd>,
    /// An append failed half-way: what is in memory no longer fits the database.
    pub(crate) broken: bool,
}

impl std::fmt::Debug for Tx {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tx").finish_non_exhaustive()
    }
}

impl Tx {
    pub(crate) fn new(inner: Transaction<'static, Any>, db: Db) -> Self {
        Self {
            inner,
            db,
            chains: HashMap::new(),
            broken: false,
        }
    }

    /// The database that this transaction belongs to.
    pub fn db(&self) -> &Db {
        &self.db
    }

    /// All rows of a query.
    pub async fn fetch_all(&mut self, sql: &str, args: Args) -> Result<Vec<Row>> {
        let rows = sqlx::query_with(AssertSqlSafe(sql), args.into_any()?)
            .fetch_all(&mut *self.inner)
            .await?;
        Ok(rows.into_iter().map(Row).collect())
    }

    /// The first row of a query, if any.
    pub async fn fetch_optional(&mut self, sql: &str, args: Args) -> Result<Option<Row>> {
        let row = sqlx::query_with(AssertSqlSafe(sql), args.into_any()?)
            .fetch_optional(&mut *self.inner)
            .await?;
        Ok(row.map(Row))
    }

    /// The first row of a query; [`Error::NotFound`] when there is none.
    pub async fn fetch_one(&mut self, sql: &str, args: Args) -> Result<Row> {
        self.fetch_optional(sql, args)
            .await?
            .ok_or_else(|| Error::not_found("行(row)"))
    }

    /// One statement; returns the number of rows it touched.
    pub async fn execute(&mut self, sql: &str, args: Args) -> Result<u64> {
        let done = sqlx::query_with(AssertSqlSafe(sql), args.into_any()?)
            .execute(&mut *self.inner)
            .await?;
        Ok(done.rows_affected())
    }

    /// Makes everything durable, then tells those who follow the ledger.
    pub async fn commit(mut self) -> Result<()> {
        if self.broken {
            return Err(Error::Invalid(
                "途中で失敗した取引は確定できません(transaction failed half-way and was rolled back)"
                    .to_owned(),
            ));
        }
        self.write_chain_ends().await?;
        self.inner.commit().await?;
        self.db.announce(
            self.chains
                .into_iter()
                .map(|(contract, end)| (contract, end.seq())),
        );
        Ok(())
    }

    /// Undoes everything. Dropping does the same, later.
    pub async fn rollback(self) -> Result<()> {
        self.inner.rollback().await?;
        Ok(())
    }
}
