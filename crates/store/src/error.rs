//! The one error type of the store: few variants, chosen by what the caller can do about them.
//!
//! Messages are for the people who run the installation: what happened, then what to do. The
//! driver's own text is kept as `detail` for the log.

use mamori_kernel::ledger::LedgerError;

/// Result with [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

/// What went wrong in the store.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// There is no such thing.
    #[error("{what} は見つかりません(not found)")]
    NotFound {
        /// What was looked for.
        what: String,
    },
    /// Something with the same key is there already, or changed in between.
    #[error("ほかの記録と重なりました(conflict): {what}")]
    Conflict {
        /// What collides.
        what: String,
    },
    /// Somebody else holds the lock; trying again can succeed.
    #[error(
        "データベースが使用中です(locked)。少し待ってからもう一度お試しください。続くときは、ほかの mamori やバックアップのプログラムが書込みの途中で止まっていないか確かめてください({detail})"
    )]
    Busy {
        /// The driver's text.
        detail: String,
    },
    /// No space left. Nothing was written.
    #[error(
        "ディスクがいっぱいで書き込めません(disk full)。記録は何も書かれていません。空きを作ってからもう一度実行してください({detail})"
    )]
    DiskFull {
        /// The driver's text.
        detail: String,
    },
    /// The database or its folder cannot be written.
    #[error(
        "データベースに書き込めません(read-only)。ファイルとフォルダーの所有者と権限を確かめてください({detail})"
    )]
    ReadOnly {
        /// The driver's text.
        detail: String,
    },
    /// The database cannot be opened at all: wrong URL, no rights, no such folder.
    #[error(
        "データベースを開けません(cannot open)。database.url(または MAMORI_DATABASE_URL)と、フォルダーの権限を確かめてください({detail})"
    )]
    CannotOpen {
        /// The driver's text.
        detail: String,
    },
    /// The file is damaged or is no database.
    #[error(
        "データベースのファイルが壊れているか、データベースではありません(corrupt)。書込みを止め、ファイルを写してから、バックアップを戻してください。`mamori ledger verify` で台帳が無事か確かめられます({detail})"
    )]
    Corrupt {
        /// The driver's text.
        detail: String,
    },
    /// The schema was made by a newer program.
    #[error(
        "データベースはこのプログラムより新しい版で作られています(database is newer than this program): {names}。mamori を新しい版に更新してから開いてください。データには触れていません"
    )]
    NewerDatabase {
        /// Migrations that this program does not know.
        names: String,
    },
    /// The schema is older than the program and migrations were not asked for.
    #[error(
        "データベースの形が古く、移行が要ります(database is older than this program): {names}。`mamori serve` または書込みのコマンドを一度実行すると、写しを取ってから移行します"
    )]
    OlderDatabase {
        /// Migrations that are not applied.
        names: String,
    },
    /// A migration was changed after it had been applied.
    #[error(
        "移行 {name} の内容が、このデータベースに適用されたものと違います(migration was edited)。プログラムを正規の版に戻してください"
    )]
    EditedMigration {
        /// Name of the migration.
        name: String,
    },
    /// A migration failed; the database is as before.
    #[error(
        "移行 {name} に失敗しました(migration failed)。データベースは移行の前のままです: {detail}"
    )]
    Migration {
        /// Name of the migration.
        name: String,
        /// The cause.
        detail: String,
    },
    /// The database server or the worker cannot be reached; trying later can succeed.
    #[error("データベースにつながりません(unavailable)。動いているか確かめてください({detail})")]
    Unavailable {
        /// The driver's text.
        detail: String,
    },
    /// The caller gave something that cannot be stored.
    #[error("{0}")]
    Invalid(String),
    /// A record breaks the rules of the ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// A stored ledger contradicts itself.
    #[error("台帳が壊れています(ledger is broken): {0}")]
    BrokenLedger(String),
    /// A file could not be read or written.
    #[error("{path}: {action}に失敗しました: {detail}")]
    File {
        /// The file.
        path: String,
        /// What was tried, in Japanese.
        action: &'static str,
        /// The operating system's text.
        detail: String,
    },
    /// A statement or a column does not fit the schema: a mistake in the program.
    #[error("プログラムの誤りです(SQL error): {detail}")]
    Bug {
        /// The driver's text.
        detail: String,
    },
}

impl Error {
    /// A [`Error::NotFound`].
    pub fn not_found(what: impl Into<String>) -> Self {
        Self::NotFound { what: what.into() }
    }

    /// A [`Error::Conflict`].
    pub fn conflict(what: impl Into<String>) -> Self {
        Self::Conflict { what: what.into() }
    }

    /// Whether the same call can succeed a little later.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Busy { .. } | Self::Unavailable { .. })
    }

    /// Stable code for logs, metrics and the API.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotFound { .. } => "not_found",
            Self::Conflict { .. } => "conflict",
            Self::Busy { .. } => "busy",
            Self::DiskFull { .. } => "disk_full",
            Self::ReadOnly { .. } => "read_only",
            Self::CannotOpen { .. } => "cannot_open",
            Self::Corrupt { .. } => "corrupt",
            Self::NewerDatabase { .. } => "newer_database",
            Self::OlderDatabase { .. } => "older_database",
            Self::EditedMigration { .. } => "edited_migration",
            Self::Migration { .. } => "migration",
            Self::Unavailable { .. } => "unavailable",
            Self::Invalid(_) | Self::Ledger(_) => "invalid",
            Self::BrokenLedger(_) => "broken_ledger",
            Self::File { .. } => "file",
            Self::Bug { .. } => "bug",
        }
    }

    pub(crate) fn file(
        path: &std::path::Path,
        action: &'static str,
        error: &std::io::Error,
    ) -> Self {
        if error.kind() == std::io::ErrorKind::StorageFull {
            return Self::DiskFull {
                detail: format!("{}: {error}", path.display()),
            };
        }
        Self::File {
            path: path.display().to_string(),
            action,
            detail: error.to_string(),
        }
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        let detail = error.to_string();
        match error {
            sqlx::Error::RowNotFound => Self::not_found("行(row)"),
            sqlx::Error::PoolTimedOut => Self::Busy {
                detail: "no free connection in time".to_owned(),
            },
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => Self::Unavailable { detail },
            sqlx::Error::Configuration(_) => Self::CannotOpen { detail },
            sqlx::Error::Database(error) => {
                let code = error.code().unwrap_or_default().into_owned();
                // SQLSTATE codes have five characters, SQLite's numbers at most four.
                if code.len() == 5 {
                    postgres_error(&code, detail)
                } else {
                    sqlite_error(code.parse().unwrap_or(1), detail)
                }
            }
            _ => Self::Bug { detail },
        }
    }
}

/// Result codes of SQLite (<https://www.sqlite.org/rescode.html>); the low byte is the primary.
fn sqlite_error(code: i32, detail: String) -> Error {
    // Extended codes for a unique index and for a primary key.
    if matches!(code, 1555 | 2067) {
        return Error::Conflict { what: detail };
    }
    match code & 0xff {
        5 | 6 => Error::Busy { detail },
        8 => Error::ReadOnly { detail },
        10 => Error::Unavailable { detail },
        11 | 26 => Error::Corrupt { detail },
        13 => Error::DiskFull { detail },
        14 => Error::CannotOpen { detail },
        19 => Error::Invalid(format!("整合性の規則に合いません(constraint): {detail}")),
        _ => Error::Bug { detail },
    }
}

/// SQLSTATE codes (PostgreSQL's appendix A).
fn postgres_error(code: &str, detail: String) -> Error {
    match code {
        "23505" => Error::Conflict { what: detail },
        "40001" | "40P01" | "55P03" => Error::Busy { detail },
        "53100" => Error::DiskFull { detail },
        "25006" => Error::ReadOnly { detail },
        "3D000" | "42501" => Error::CannotOpen { detail },
        "XX001" | "XX002" => Error::Corrupt { detail },
        _ => match &code[..2] {
            "23" => Error::Invalid(format!("整合性の規則に合いません(constraint): {detail}")),
            "28" => Error::CannotOpen { detail },
            "08" | "53" | "57" | "58" => Error::Unavailable { detail },
            _ => Error::Bug { detail },
        },
    }
}
