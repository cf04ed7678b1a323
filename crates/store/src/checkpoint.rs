//! Brings SQLite's log into its file beside the writers, not in their time.
//!
//! SQLite's own automatic checkpoint runs in the commit that happens to pass a thousand pages: on
//! a large file that one caller waits for thousands of scattered writes and their sync, a tenth of
//! a second and more, and with it all who wait for the writer. Here a connection of its own does
//! it shortly after a write; what is left to the writers is a backstop ([`BACKSTOP_PAGES`]) for
//! floods, which a passive checkpoint never overtakes, and for a process that lost this task.
//!
//! Nothing depends on it for durability: a commit is durable in the log.

use std::time::Duration;

use sqlx::any::AnyConnectOptions;
use sqlx::{Any, Executor as _, Pool};
use tokio::sync::watch;

use crate::db::sqlite_pool;
use crate::error::Result;

/// Pages in the log from which on a commit does the work itself (32 MiB of 4 KiB pages).
pub const BACKSTOP_PAGES: u32 = 8_192;
/// From a write to the checkpoint that takes it along: long enough to gather the writes of a
/// moment, short enough to leave little to do.
const PAUSE: Duration = Duration::from_millis(250);
const PRAGMAS: &str = "PRAGMA synchronous = FULL;";
const CHECKPOINT: &str = "PRAGMA wal_checkpoint(PASSIVE)";

/// The connection, and the bell that writers ring. The task ends when this is dropped or closed.
pub struct Checkpointer {
    pool: Pool<Any>,
    wrote: watch::Sender<()>,
}

impl Checkpointer {
    /// Starts the task on the current tokio runtime.
    pub async fn start(options: &AnyConnectOptions) -> Result<Self> {
        let pool = sqlite_pool(options, 1, PRAGMAS).await?;
        let (wrote, writes) = watch::channel(());
        tokio::spawn(follow(pool.clone(), writes));
        Ok(Self { pool, wrote })
    }

    /// Something was written.
    pub fn wrote(&self) {
        self.wrote.send_replace(());
    }

    /// Ends the task's connection.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

async fn follow(pool: Pool<Any>, mut writes: watch::Receiver<()>) {
    while writes.changed().await.is_ok() {
        let gone = async { while writes.changed().await.is_ok() {} };
        if tokio::time::timeout(PAUSE, gone).await.is_ok() {
            return;
        }
        // Another process may be at it; then there is nothing to do here.
        if let Err(error) = pool.execute(CHECKPOINT).await {
            if pool.is_closed() {
                return;
            }
            tracing::warn!(%error, "the database's log was not brought into its file");
        }
    }
}
