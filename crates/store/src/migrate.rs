//! Forward-only migrations: one linear list of SQL texts that both databases take.
//!
//! A migration is named by date, crate and purpose (`20261122_store_ledger`), applied once, in the
//! order of names, all pending ones in one transaction, and recorded with the digest of its text.
//! An edited text or a database that a newer program migrated is refused before anything is
//! touched. Several processes may migrate at once: the first does it, the others wait and find it
//! done. An existing SQLite file is copied first (`FILE.before-NAME`).
//!
//! There are no "down" migrations: the way back is the copy.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use mamori_kernel::merkle::Digest;

use crate::db::{Backend, Db};
use crate::error::{Error, Result};
use crate::sql::Args;
use crate::tx::Tx;

/// One step of the schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migration {
    /// `YYYYMMDD_crate_purpose`; the crate is the area of [`Db::migrate`].
    pub name: &'static str,
    /// Portable SQL; several statements separated by `;`.
    pub sql: &'static str,
}

impl Migration {
    /// Digest of the text with line ends made equal.
    fn checksum(&self) -> Digest {
        Digest::of(self.sql.replace("\r\n", "\n").as_bytes())
    }

    /// The crate in the name: `store` in `20261122_store_ledger`.
    fn area(name: &str) -> &str {
        name.split('_').nth(1).unwrap_or(name)
    }
}

/// What [`Db::migrate`] did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MigrationReport {
    /// Names applied now, in order.
    pub applied: Vec<&'static str>,
    /// The copy that was made before, on SQLite.
    pub copy: Option<PathBuf>,
}

/// Advisory lock of PostgreSQL that serialises migrations ("mamori" in ASCII).
const ADVISORY_LOCK: i64 = 0x6d61_6d6f_7269;

const BOOK: &str = "CREATE TABLE IF NOT EXISTS schema_migration (\
     name TEXT NOT NULL PRIMARY KEY, checksum TEXT NOT NULL)";

impl Db {
    /// Applies what is missing of `migrations` (any order; they are sorted by name).
    ///
    /// Migrations recorded in the database that `migrations` does not name are refused when they
    /// are of the same areas (crates): the database is newer than the program. Pass the list of
    /// the whole program; [`Db::check_no_foreign_migrations`] also judges the other areas.
    pub async fn migrate(&self, migrations: &[Migration]) -> Result<MigrationReport> {
        let sorted = sort(migrations)?;
        let pending = self.pending(&sorted).await?;
        let Some(first) = pending.first() else {
            return Ok(MigrationReport::default());
        };
        let unfinished = self.copy_before().await?;
        let outcome = self.apply_pending(&sorted).await;
        let copy = match (&unfinished, &outcome) {
            (Some(unfinished), Ok(applied)) if !applied.is_empty() => {
                Some(self.keep_copy(unfinished, first.name)?)
            }
            (Some(unfinished), _) => {
                // Nothing changed here, or another process was faster and keeps its own copy.
                let _ = std::fs::remove_file(unfinished);
                None
            }
            (None, _) => None,
        };
        Ok(MigrationReport {
            applied: outcome?,
            copy,
        })
    }

    async fn apply_pending(&self, sorted: &[&Migration]) -> Result<Vec<&'static str>> {
        let mut tx = self.begin_write().await?;
        if !self.is_sqlite() {
            tx.execute(
                "SELECT pg_advisory_xact_lock($1)",
                crate::args![ADVISORY_LOCK],
            )
            .await?;
        }
        tx.execute(BOOK, Args::new()).await?;
        // Another process may have been faster: look again under the lock.
        let known = read_book(&mut tx).await?;
        let pending = compare(sorted, &known)?;
        let mut applied = Vec::new();
        for migration in pending {
            apply(&mut tx, migration)
                .await
                .map_err(|error| match error {
                    Error::Bug { detail } | Error::Invalid(detail) => Error::Migration {
                        name: migration.name.to_owned(),
                        detail,
                    },
                    other => other,
                })?;
            applied.push(migration.name);
        }
        tx.commit().await?;
        Ok(applied)
    }

    /// Checks without changing anything: [`Error::OlderDatabase`] when migrations are missing,
    /// otherwise as [`Db::migrate`].
    pub async fn check_migrated(&self, migrations: &[Migration]) -> Result<()> {
        let sorted = sort(migrations)?;
        let pending = self.pending(&sorted).await?;
        if pending.is_empty() {
            return Ok(());
        }
        let names: Vec<&str> = pending.iter().map(|m| m.name).collect();
        Err(Error::OlderDatabase {
            names: names.join(", "),
        })
    }

    /// Refuses migrations of areas that `migrations` (of the whole program) does not have.
    pub async fn check_no_foreign_migrations(&self, migrations: &[Migration]) -> Result<()> {
        let ours: BTreeSet<&str> = migrations.iter().map(|m| m.name).collect();
        let known = self.read_book().await?;
        let foreign: Vec<&str> = known
            .keys()
            .map(String::as_str)
            .filter(|name| !ours.contains(name))
            .collect();
        if foreign.is_empty() {
            return Ok(());
        }
        Err(Error::NewerDatabase {
            names: foreign.join(", "),
        })
    }

    /// Migrations of the list that are not recorded yet, after checking those that are.
    async fn pending<'m>(&self, sorted: &[&'m Migration]) -> Result<Vec<&'m Migration>> {
        compare(sorted, &self.read_book().await?)
    }

    async fn read_book(&self) -> Result<BTreeMap<String, String>> {
        if !self.has_table("schema_migration").await? {
            return Ok(BTreeMap::new());
        }
        let mut tx = self.begin_read().await?;
        let book = read_book(&mut tx).await?;
        tx.rollback().await?;
        Ok(book)
    }

    /// Whether a table of that name exists.
    pub async fn has_table(&self, table: &str) -> Result<bool> {
        let sql = if self.is_sqlite() {
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name = $1"
        } else {
            "SELECT CAST(table_name AS TEXT) AS name FROM information_schema.tables \
             WHERE table_schema = current_schema() AND table_name = $1"
        };
        Ok(self
            .fetch_optional(sql, crate::args![table])
            .await?
            .is_some())
    }

    /// Copies an existing, non-empty SQLite database beside itself, under a name of this attempt.
    async fn copy_before(&self) -> Result<Option<PathBuf>> {
        let Backend::Sqlite { path } = self.backend() else {
            return Ok(None);
        };
        if !self.has_table("schema_migration").await? {
            return Ok(None);
        }
        let unfinished = beside(path, &format!("unfinished-{:016x}", rand::random::<u64>()));
        let target = unfinished.to_string_lossy().replace('\'', "''");
        if let Err(error) = self.execute_raw(format!("VACUUM INTO '{target}'")).await {
            let _ = std::fs::remove_file(&unfinished);
            return Err(error);
        }
        Ok(Some(unfinished))
    }

    fn keep_copy(&self, unfinished: &Path, name: &str) -> Result<PathBuf> {
        let Backend::Sqlite { path } = self.backend() else {
            return Ok(unfinished.to_path_buf());
        };
        let copy = beside(path, &format!("before-{name}"));
        std::fs::rename(unfinished, &copy).map_err(|e| Error::file(&copy, "写しの作成", &e))?;
        Ok(copy)
    }
}

/// `FILE.SUFFIX` in the folder of `path`.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(".");
    name.push(suffix);
    path.with_file_name(name)
}

async fn read_book(tx: &mut Tx) -> Result<BTreeMap<String, String>> {
    tx.fetch_all("SELECT name, checksum FROM schema_migration", Args::new())
        .await?
        .iter()
        .map(|row| Ok((row.text("name")?, row.text("checksum")?)))
        .collect()
}

async fn apply(tx: &mut Tx, migration: &Migration) -> Result<()> {
    for statement in split_statements(migration.sql)? {
        tx.execute(statement, Args::new()).await?;
    }
    tx.execute(
        "INSERT INTO schema_migration (name, checksum) VALUES ($1, $2)",
        crate::args![migration.name, migration.checksum()],
    )
    .await?;
    Ok(())
}

fn sort(migrations: &[Migration]) -> Result<Vec<&Migration>> {
    let mut sorted: Vec<&Migration> = migrations.iter().collect();
    sorted.sort_by_key(|m| m.name);
    for pair in sorted.windows(2) {
        if pair[0].name == pair[1].name {
            return Err(Error::Bug {
                detail: format!("migration {} occurs twice", pair[0].name),
            });
        }
    }
    for migration in &sorted {
        let date = migration.name.split('_').next().unwrap_or_default();
        if date.len() != 8 || !date.bytes().all(|b| b.is_ascii_digit()) {
            return Err(Error::Bug {
                detail: format!(
                    "migration {}: name is YYYYMMDD_crate_purpose",
                    migration.name
                ),
            });
        }
    }
    Ok(sorted)
}

fn compare<'m>(
    sorted: &[&'m Migration],
    known: &BTreeMap<String, String>,
) -> Result<Vec<&'m Migration>> {
    let areas: BTreeSet<&str> = sorted.iter().map(|m| Migration::area(m.name)).collect();
    let newer: Vec<&str> = known
        .keys()
        .map(String::as_str)
        .filter(|name| areas.contains(Migration::area(name)))
        .filter(|name| !sorted.iter().any(|m| m.name == *name))
        .collect();
    if !newer.is_empty() {
        return Err(Error::NewerDatabase {
            names: newer.join(", "),
        });
    }
    let mut pending = Vec::new();
    for migration in sorted {
        match known.get(migration.name) {
            None => pending.push(*migration),
            Some(checksum) if *checksum == migration.checksum().to_hex() => {}
            Some(_) => {
                return Err(Error::EditedMigration {
                    name: migration.name.to_owned(),
                });
            }
        }
    }
    Ok(pending)
}

/// Cuts SQL at the semicolons that end statements: not those inside `'…'`, `"…"`, `-- …`,
/// `/* … */` or PostgreSQL's `$tag$ … $tag$`.
fn split_statements(sql: &str) -> Result<Vec<&str>> {
    let bytes = sql.as_bytes();
    let mut statements = Vec::new();
    let (mut start, mut at) = (0, 0);
    let mut has_content = false;
    let unclosed = |what: &str| Error::Bug {
        detail: format!("SQL: {what} is not closed"),
    };
    while at < bytes.len() {
        match bytes[at] {
            b';' => {
                if has_content {
                    statements.push(sql[start..at].trim());
                }
                at += 1;
                start = at;
                has_content = false;
            }
            quote @ (b'\'' | b'"') => {
                has_content = true;
                let end = sql[at + 1..]
                    .find(char::from(quote))
                    .ok_or_else(|| unclosed("a quote"))?;
                // A doubled quote is two literals side by side, which cuts the same.
                at += end + 2;
            }
            b'-' if bytes.get(at + 1) == Some(&b'-') => {
                at += sql[at..].find('\n').unwrap_or(sql.len() - at);
            }
            b'/' if bytes.get(at + 1) == Some(&b'*') => {
                let end = sql[at + 2..]
                    .find("*/")
                    .ok_or_else(|| unclosed("a comment"))?;
                at += end + 4;
            }
            b'$' => {
                has_content = true;
                let tag_end = sql[at + 1..].find('$').map(|length| at + length + 2);
                match tag_end {
                    Some(end) if is_dollar_tag(&sql[at + 1..end - 1]) => {
                        let tag = &sql[at..end];
                        let close = sql[end..]
                            .find(tag)
                            .ok_or_else(|| unclosed("a dollar quote"))?;
                        at = end + close + tag.len();
                    }
                    _ => at += 1,
                }
            }
            other => {
                has_content |= !other.is_ascii_whitespace();
                at += 1;
            }
        }
    }
    if has_content {
        statements.push(sql[start..].trim());
    }
    Ok(statements)
}

fn is_dollar_tag(tag: &str) -> bool {
    !tag.starts_with(|c: char| c.is_ascii_digit())
        && tag.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_are_cut_where_they_end() {
        let sql = "-- first; not an end\nCREATE TABLE a (x TEXT DEFAULT 'a;''b');\n\n\
                   /* ; */ INSERT INTO \"a;b\" VALUES ($1);\n\
                   CREATE FUNCTION f() AS $body$ BEGIN; END; $body$;\n\
                   CREATE FUNCTION g() AS $$ ; $$; ;\n-- the end;\n";
        let statements = split_statements(sql).expect("closed");
        assert_eq!(statements.len(), 4);
        assert!(statements[0].ends_with("'a;''b')"));
        assert!(statements[1].ends_with("VALUES ($1)"));
        assert!(statements[2].ends_with("$body$"));
        assert!(statements[3].ends_with("$$ ; $$"));
        assert_eq!(split_statements(" ; -- x").expect("closed"), [""; 0]);
        for open in ["'a", "/* a", "$x$ a", "\"a"] {
            assert!(split_statements(open).is_err(), "{open}");
        }
    }

    #[test]
    fn lists_are_compared_with_the_book() {
        let first = Migration {
            name: "20260101_store_a",
            sql: "SELECT 1",
        };
        let second = Migration {
            name: "20260102_store_b",
            sql: "SELECT 2",
        };
        let book = |entries: &[(&str, &str)]| -> BTreeMap<String, String> {
            entries
                .iter()
                .map(|(name, sql)| ((*name).to_owned(), Digest::of(sql.as_bytes()).to_hex()))
                .collect()
        };
        let sorted = [&first, &second];
        let applied = book(&[("20260101_store_a", "SELECT 1"), ("20260101_web_x", "")]);
        assert_eq!(compare(&sorted, &applied), Ok(vec![&second]));
        let edited = book(&[("20260101_store_a", "SELECT 9")]);
        assert!(matches!(
            compare(&sorted, &edited),
            Err(Error::EditedMigration { .. })
        ));
        let newer = book(&[("20270101_store_c", "")]);
        assert!(matches!(
            compare(&sorted, &newer),
            Err(Error::NewerDatabase { .. })
        ));
        assert!(sort(&[first, first]).is_err());
        assert!(
            sort(&[Migration {
                name: "store",
                sql: ""
            }])
            .is_err()
        );
    }
}
