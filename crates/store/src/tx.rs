//! A transaction: the same verbs as [`Db`], plus appending to ledgers.
//!
//! `BEGIN` and `COMMIT` are ours, not the driver's: SQLite ends a transaction by itself when the
//! disk is full, the driver does not notice, and its connection would refuse every later
//! transaction. A transaction that is dropped or that fails to end closes its connection, which
//! rolls back on both databases; the pool opens a new one.

use std::collections::HashMap;

use sqlx::pool::PoolConnection;
use sqlx::{Any, AssertSqlSafe, Executor as _};

use crate::db::Db;
use crate::error::{Error, Result};
use crate::ledger::ChainEnd;
use crate::sql::{Args, Row};

/// A running transaction. Rolls back when dropped.
pub struct Tx {
    connection: PoolConnection<Any>,
    /// Not yet ended by `COMMIT` or `ROLLBACK`.
    open: bool,
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
    pub(crate) async fn begin(
        db: Db,
        connection: PoolConnection<Any>,
        begin: &'static str,
    ) -> Result<Self> {
        // Made before `BEGIN` runs: a caller that stops waiting here drops an open transaction.
        let mut tx = Self {
            connection,
            open: true,
            db,
            chains: HashMap::new(),
            broken: false,
        };
        tx.connection.execute(begin).await?;
        Ok(tx)
    }

    /// The database that this transaction belongs to.
    pub fn db(&self) -> &Db {
        &self.db
    }

    /// All rows of a query.
    pub async fn fetch_all(&mut self, sql: &str, args: Args) -> Result<Vec<Row>> {
        let rows = sqlx::query_with(AssertSqlSafe(sql), args.into_any()?)
            .fetch_all(&mut *self.connection)
            .await?;
        Ok(rows.into_iter().map(Row).collect())
    }

    /// The first row of a query, if any.
    pub async fn fetch_optional(&mut self, sql: &str, args: Args) -> Result<Option<Row>> {
        let row = sqlx::query_with(AssertSqlSafe(sql), args.into_any()?)
            .fetch_optional(&mut *self.connection)
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
            .execute(&mut *self.connection)
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
        self.connection.execute("COMMIT").await?;
        self.open = false;
        self.db.wrote();
        self.db.announce(
            std::mem::take(&mut self.chains)
                .into_iter()
                .map(|(contract, end)| (contract, end.seq())),
        );
        Ok(())
    }

    /// Undoes everything. Dropping does the same, later.
    pub async fn rollback(mut self) -> Result<()> {
        self.connection.execute("ROLLBACK").await?;
        self.open = false;
        Ok(())
    }
}

impl Drop for Tx {
    fn drop(&mut self) {
        if self.open {
            self.connection.close_on_drop();
        }
    }
}
