//! How big things are and which versions answer: for the page about the installation's health.

use crate::args;
use crate::db::{Backend, Db};
use crate::error::Result;

/// Figures of the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figures {
    /// `SQLite` or `PostgreSQL`.
    pub database: &'static str,
    /// Its version.
    pub version: String,
    /// Size on disk, write-ahead log included.
    pub size_bytes: u64,
    /// Files that are stored.
    pub blobs: u64,
    /// Their size.
    pub blob_bytes: u64,
    /// Migrations applied, oldest first.
    pub migrations: Vec<String>,
}

/// Bytes that a program may still write where `path` lies; `None` where the system does not say.
pub fn free_disk_bytes(path: &std::path::Path) -> Option<u64> {
    let room = rustix::fs::statvfs(path).ok()?;
    room.f_bavail.checked_mul(room.f_frsize)
}

impl Db {
    /// Reads the figures of this database.
    pub async fn figures(&self) -> Result<Figures> {
        let blobs = self
            .fetch_one(
                "SELECT CAST(COUNT(*) AS BIGINT) AS n, \
                 CAST(COALESCE(SUM(size), 0) AS BIGINT) AS bytes \
                 FROM blob WHERE erased_ms IS NULL",
                args![],
            )
            .await?;
        let migrations = self
            .fetch_all("SELECT name FROM schema_migration ORDER BY name", args![])
            .await?;
        let (database, version, size_bytes) = match self.backend() {
            Backend::Sqlite { path } => {
                let row = self
                    .fetch_one("SELECT sqlite_version() AS version", args![])
                    .await?;
                let log = path.with_file_name(format!(
                    "{}-wal",
                    path.file_name().unwrap_or_default().to_string_lossy()
                ));
                // A log that is not there has no size.
                let size = |path: &std::path::Path| std::fs::metadata(path).map_or(0, |m| m.len());
                ("SQLite", row.text("version")?, size(path) + size(&log))
            }
            Backend::Postgres => {
                let row = self
                    .fetch_one(
                        "SELECT current_setting('server_version') AS version, \
                         CAST(pg_database_size(current_database()) AS BIGINT) AS bytes",
                        args![],
                    )
                    .await?;
                (
                    "PostgreSQL",
                    row.text("version")?,
                    row.i64("bytes")?.unsigned_abs(),
                )
            }
        };
        Ok(Figures {
            database,
            version,
            size_bytes,
            blobs: blobs.i64("n")?.unsigned_abs(),
            blob_bytes: blobs.i64("bytes")?.unsigned_abs(),
            migrations: migrations
                .iter()
                .map(|row| row.text("name"))
                .collect::<Result<_>>()?,
        })
    }
}
