//! The database behind five verbs: `fetch_all`, `fetch_optional`, `fetch_one`, `execute` and a
//! write transaction. SQLite by default, PostgreSQL by another URL; one text of SQL for both.
//!
//! * SQLite: WAL, `synchronous=FULL`, one writer connection (`BEGIN IMMEDIATE`), a pool of
//!   readers and one that checkpoints beside them. Several processes may share the file: a writer waits up to [`BUSY_TIMEOUT_MS`] for
//!   another process and then answers [`Error::Busy`].
//! * PostgreSQL: one pool; rows are locked with [`Db::for_update`]. Connections are not encrypted
//!   (the driver is built without TLS): use the loopback interface, a Unix socket or a tunnel.
//!
//! Portable SQL only: `TEXT`, `BIGINT`, `DOUBLE PRECISION`; `$1`; `ON CONFLICT`, `RETURNING`,
//! CTEs; aggregates wrapped in `CAST(… AS BIGINT)`. Nothing else of the program names the driver.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Once};
use std::time::{Duration, Instant};

use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::{Any, AssertSqlSafe, Executor as _, Pool};
use tokio::sync::watch;

use crate::checkpoint::{BACKSTOP_PAGES, Checkpointer};
use crate::error::{Error, Result};
use crate::sql::{Args, Row};
use crate::tx::Tx;

/// How long a SQLite connection waits for another process's lock.
pub const BUSY_TIMEOUT_MS: u64 = 10_000;
/// How long a caller waits for a free connection of the pool.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(15);
const SQLITE_READERS: u32 = 4;
const POSTGRES_CONNECTIONS: u32 = 10;

/// Which database answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Backend {
    /// A file.
    Sqlite {
        /// Its absolute path.
        path: PathBuf,
    },
    /// A server.
    Postgres,
}

/// Handle to the database. Cloning is cheap; all clones share the pools.
#[derive(Clone)]
pub struct Db {
    shared: Arc<Shared>,
}

struct Shared {
    backend: Backend,
    writer: Pool<Any>,
    reader: Pool<Any>,
    /// SQLite's; PostgreSQL has its own.
    checkpointer: Option<Checkpointer>,
    /// Last committed position per contract, as far as this process wrote it.
    appended: watch::Sender<BTreeMap<String, u64>>,
}

impl std::fmt::Debug for Db {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Db").field(&self.shared.backend).finish()
    }
}

impl Db {
    /// Opens `sqlite:PATH` (created with its folder when missing) or `postgres://…`.
    /// Does not migrate; see [`Db::migrate`].
    pub async fn open(url: &str) -> Result<Self> {
        if let Some(path) = url.strip_prefix("sqlite:") {
            Self::open_sqlite(sqlite_path(path)?).await
        } else if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            Self::open_postgres(url).await
        } else {
            Err(Error::CannotOpen {
                detail: "URL は sqlite:PATH か postgres://USER@HOST/DB です".to_owned(),
            })
        }
    }

    /// Opens a SQLite file by its path.
    pub async fn open_path(path: &Path) -> Result<Self> {
        let path = std::path::absolute(path).map_err(|e| Error::file(path, "場所の確認", &e))?;
        Self::open_sqlite(path).await
    }

    async fn open_sqlite(path: PathBuf) -> Result<Self> {
        install_drivers();
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)
                .map_err(|e| Error::file(folder, "フォルダーの作成", &e))?;
        }
        create_private(&path)?;
        let options = sqlite_options(&path)?;
        // The first connection may find the file locked while another process switches it to WAL,
        // a moment for which SQLite does not use its own waiting.
        let started = Instant::now();
        loop {
            match try_connection(&options, WRITER_PRAGMAS).await {
                Err(Error::Busy { .. })
                    if started.elapsed() < Duration::from_millis(BUSY_TIMEOUT_MS) =>
                {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                outcome => break outcome?,
            }
        }
        let writer = sqlite_pool(&options, 1, WRITER_PRAGMAS).await?;
        let reader = sqlite_pool(&options, SQLITE_READERS, READER_PRAGMAS).await?;
        let checkpointer = Checkpointer::start(&options).await?;
        Ok(Self::new(
            Backend::Sqlite { path },
            writer,
            reader,
            Some(checkpointer),
        ))
    }

    async fn open_postgres(url: &str) -> Result<Self> {
        install_drivers();
        let options = quiet(url.parse()?);
        try_connection(&options, "SELECT 1").await?;
        let pool = AnyPoolOptions::new()
            .max_connections(POSTGRES_CONNECTIONS)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_with(options)
            .await?;
        Ok(Self::new(Backend::Postgres, pool.clone(), pool, None))
    }

    fn new(
        backend: Backend,
        writer: Pool<Any>,
        reader: Pool<Any>,
        checkpointer: Option<Checkpointer>,
    ) -> Self {
        Self {
            shared: Arc::new(Shared {
                backend,
                writer,
                reader,
                checkpointer,
                appended: watch::Sender::new(BTreeMap::new()),
            }),
        }
    }

    /// Which database this is.
    pub fn backend(&self) -> &Backend {
        &self.shared.backend
    }

    /// True on SQLite.
    pub fn is_sqlite(&self) -> bool {
        matches!(self.shared.backend, Backend::Sqlite { .. })
    }

    /// Waits for running statements and closes all connections.
    pub async fn close(&self) {
        if let Some(checkpointer) = &self.shared.checkpointer {
            checkpointer.close().await;
        }
        self.shared.reader.close().await;
        self.shared.writer.close().await;
    }

    /// All rows of a query.
    pub async fn fetch_all(&self, sql: &str, args: Args) -> Result<Vec<Row>> {
        let rows = sqlx::query_with(AssertSqlSafe(sql), args.into_any()?)
            .fetch_all(self.pool_for(sql))
            .await?;
        self.wrote_by(sql);
        Ok(rows.into_iter().map(Row).collect())
    }

    /// The first row of a query, if any.
    pub async fn fetch_optional(&self, sql: &str, args: Args) -> Result<Option<Row>> {
        let row = sqlx::query_with(AssertSqlSafe(sql), args.into_any()?)
            .fetch_optional(self.pool_for(sql))
            .await?;
        self.wrote_by(sql);
        Ok(row.map(Row))
    }

    /// The first row of a query; [`Error::NotFound`] when there is none.
    pub async fn fetch_one(&self, sql: &str, args: Args) -> Result<Row> {
        self.fetch_optional(sql, args)
            .await?
            .ok_or_else(|| Error::not_found("行(row)"))
    }

    /// One writing statement in its own transaction; returns the number of rows it touched.
    pub async fn execute(&self, sql: &str, args: Args) -> Result<u64> {
        let done = sqlx::query_with(AssertSqlSafe(sql), args.into_any()?)
            .execute(&self.shared.writer)
            .await?;
        self.wrote();
        Ok(done.rows_affected())
    }

    /// Begins a write transaction. On SQLite there is one at a time in this process: a task that
    /// holds one must not begin a second. Dropping it without [`Tx::commit`] rolls back.
    pub async fn begin_write(&self) -> Result<Tx> {
        let begin = if self.is_sqlite() {
            "BEGIN IMMEDIATE"
        } else {
            "BEGIN"
        };
        Tx::begin(self.clone(), self.shared.writer.acquire().await?, begin).await
    }

    /// Begins a read transaction: all its queries see the same moment.
    pub async fn begin_read(&self) -> Result<Tx> {
        let begin = if self.is_sqlite() {
            "BEGIN"
        } else {
            "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
        };
        Tx::begin(self.clone(), self.shared.reader.acquire().await?, begin).await
    }

    /// ` FOR UPDATE` on PostgreSQL, empty on SQLite (whose writer holds the whole database).
    /// Appended to a `SELECT` inside a write transaction.
    pub fn for_update(&self) -> &'static str {
        if self.is_sqlite() { "" } else { " FOR UPDATE" }
    }

    /// ` FOR UPDATE SKIP LOCKED` on PostgreSQL, empty on SQLite: for claiming jobs.
    pub fn for_update_skip_locked(&self) -> &'static str {
        if self.is_sqlite() {
            ""
        } else {
            " FOR UPDATE SKIP LOCKED"
        }
    }

    /// Follows what this process commits to ledgers: the map holds the last position per
    /// contract. Appends of other processes are not seen here; poll `ledger_head` for those.
    pub fn follow_ledger(&self) -> watch::Receiver<BTreeMap<String, u64>> {
        self.shared.appended.subscribe()
    }

    pub(crate) fn announce(&self, heads: impl Iterator<Item = (String, u64)>) {
        let heads: Vec<(String, u64)> = heads.collect();
        if heads.is_empty() {
            return;
        }
        self.shared.appended.send_modify(|known| {
            for (contract, seq) in heads {
                let last = known.entry(contract).or_default();
                *last = seq.max(*last);
            }
        });
    }

    /// Removes what was deleted from SQLite's log as well (the file itself is overwritten by
    /// `secure_delete`). On PostgreSQL the server's own VACUUM does this; nothing happens here.
    /// While another process reads, the log stays until its next checkpoint.
    pub async fn wipe_deleted(&self) -> Result<()> {
        if self.is_sqlite() {
            self.execute_raw("PRAGMA wal_checkpoint(TRUNCATE)".to_owned())
                .await?;
        }
        Ok(())
    }

    /// Runs one statement outside any transaction on the writer (`VACUUM INTO`, checkpoints).
    pub(crate) async fn execute_raw(&self, sql: String) -> Result<()> {
        self.shared.writer.execute(AssertSqlSafe(sql)).await?;
        Ok(())
    }

    /// Statements that write (`INSERT … RETURNING`) need the writer, queries take a reader.
    fn pool_for(&self, sql: &str) -> &Pool<Any> {
        if writes(sql) {
            &self.shared.writer
        } else {
            &self.shared.reader
        }
    }

    fn wrote_by(&self, sql: &str) {
        if writes(sql) {
            self.wrote();
        }
    }

    /// A commit went through: its place in the log may be brought into the file.
    pub(crate) fn wrote(&self) {
        if let Some(checkpointer) = &self.shared.checkpointer {
            checkpointer.wrote();
        }
    }
}

fn writes(sql: &str) -> bool {
    let verb = sql.trim_start().get(..6).unwrap_or_default();
    ["insert", "update", "delete"]
        .iter()
        .any(|word| verb.eq_ignore_ascii_case(word))
}

fn install_drivers() {
    static DRIVERS: Once = Once::new();
    DRIVERS.call_once(sqlx::any::install_default_drivers);
}

const WRITER_PRAGMAS: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
     PRAGMA foreign_keys = ON; PRAGMA secure_delete = ON; PRAGMA journal_size_limit = 67108864;";
const READER_PRAGMAS: &str = "PRAGMA foreign_keys = ON; PRAGMA query_only = ON;";

/// One connection by itself: the pool would answer a damaged file or a refused connection by
/// trying until its time is up, and then say nothing about the cause.
async fn try_connection(options: &AnyConnectOptions, statements: &'static str) -> Result<()> {
    use sqlx::{ConnectOptions as _, Connection as _};
    let mut connection = options.connect().await?;
    connection.execute(statements).await?;
    connection.close().await?;
    Ok(())
}

pub(crate) async fn sqlite_pool(
    options: &AnyConnectOptions,
    connections: u32,
    pragmas: &'static str,
) -> Result<Pool<Any>> {
    let pool = AnyPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .after_connect(move |connection, _| {
            Box::pin(async move {
                let waiting = format!("PRAGMA busy_timeout = {BUSY_TIMEOUT_MS};");
                connection.execute(AssertSqlSafe(waiting)).await?;
                connection.execute(pragmas).await?;
                let backstop = format!("PRAGMA wal_autocheckpoint = {BACKSTOP_PAGES};");
                connection.execute(AssertSqlSafe(backstop)).await?;
                Ok(())
            })
        })
        .connect_with(options.clone())
        .await?;
    Ok(pool)
}

/// `PATH`, `//PATH` and `///PATH` all name a file; query parameters are ours to set.
fn sqlite_path(text: &str) -> Result<PathBuf> {
    let path = text.strip_prefix("//").unwrap_or(text);
    if path.is_empty() || path.contains('?') || path.contains(":memory:") {
        return Err(Error::CannotOpen {
            detail: format!("sqlite:{text}: sqlite:PATH の形でファイルを指定してください"),
        });
    }
    let path = Path::new(path);
    std::path::absolute(path).map_err(|e| Error::file(path, "場所の確認", &e))
}

/// Makes a missing database readable by its owner only: it will hold personal data and sessions.
/// (An empty file is an empty database; SQLite's other files take over its rights.)
fn create_private(path: &Path) -> Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let made = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    match made {
        Ok(_) => Ok(()),
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(e) => Err(Error::file(path, "データベースの作成", &e)),
    }
}

/// The driver takes a URL, in which `..` would be resolved by text and `%`, `?`, `#` have
/// meanings: the folder is resolved first and every unusual byte is percent-encoded.
fn sqlite_options(path: &Path) -> Result<AnyConnectOptions> {
    use std::fmt::Write as _;
    let folder = path.parent().unwrap_or(Path::new("/"));
    let folder = folder
        .canonicalize()
        .map_err(|e| Error::file(folder, "フォルダーの確認", &e))?;
    let file = folder.join(path.file_name().unwrap_or_default());
    let file = file.to_str().ok_or_else(|| Error::CannotOpen {
        detail: format!("{}: 名前が UTF-8 ではありません", file.display()),
    })?;
    let mut url = "sqlite://".to_owned();
    for byte in file.bytes() {
        if byte.is_ascii_alphanumeric() || b"/._-".contains(&byte) {
            url.push(char::from(byte));
        } else {
            let _ = write!(url, "%{byte:02X}");
        }
    }
    url.push_str("?mode=rwc");
    Ok(quiet(url.parse()?))
}

/// Statements are not logged: they may carry personal data.
fn quiet(options: AnyConnectOptions) -> AnyConnectOptions {
    use sqlx::ConnectOptions as _;
    options.disable_statement_logging()
}
