//! Access records: written beside the data plane, packed, removed when their term is over, read by
//! the console (別紙2 運用: access records are kept).
//!
//! They lie in files on the machine of the gateway, not in the database: a day of an attack holds
//! millions of them, and nothing but a search ever reads them. What the database knows of them is
//! [`Kept`]: which days are there. Whoever may look at them sees addresses, so each look is noted.

pub mod search;
pub mod store;

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan as _};
use mamori_kernel::clock::tokyo_date;
use mamori_proxy::Event;
use mamori_proxy::access_log::{AccessLog, Archive, LogError, LogPolicy};
use mamori_runtime::App;
use mamori_store::Db;
use percent_encoding::percent_decode_str;

/// Bytes after which the next file begins.
const FILE_BYTES: u64 = 256 << 20;

/// Which access records there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// When that was looked at.
    pub at: Timestamp,
    /// The oldest day; `None`: nothing is kept yet.
    pub oldest_on: Option<Date>,
    /// The newest day.
    pub newest_on: Option<Date>,
    /// Files.
    pub files: u64,
    /// Bytes on the disk.
    pub bytes: u64,
    /// Files removed because their term was over, since the gateway was set up.
    pub removed: u64,
    /// Why records cannot be written or kept in order; empty: they can.
    pub trouble: String,
}

impl Kept {
    fn nothing(at: Timestamp) -> Self {
        Self {
            at,
            oldest_on: None,
            newest_on: None,
            files: 0,
            bytes: 0,
            removed: 0,
            trouble: String::new(),
        }
    }
}

/// A path as people read it: Japanese letters instead of their numbers. What is no text, or would
/// show something else than it is, stays as it arrived.
pub fn readable(path: &str) -> Cow<'_, str> {
    match percent_decode_str(path).decode_utf8() {
        Ok(text) if !text.chars().any(char::is_control) => text,
        _ => Cow::Borrowed(path),
    }
}

/// What lies in the files of this machine; nothing where no gateway runs here. Blocks.
pub fn look(folder: &Path, now: Timestamp) -> Result<Kept, LogError> {
    let mut kept = Kept::nothing(now);
    if folder.is_dir() {
        count(folder, &mut kept)?;
    }
    Ok(kept)
}

/// Where this installation keeps them.
pub fn folder(app: &App) -> PathBuf {
    app.config.data_dir.join("gateway").join("access")
}

/// The log, and whether it can be written.
#[derive(Debug)]
pub struct Writer {
    folder: PathBuf,
    log: Option<AccessLog>,
    trouble: String,
    /// The next batch breaks the thread that writes it.
    #[cfg(test)]
    pub(crate) breaks: bool,
}

/// Whether an event leaves a line in the log.
fn is_record(event: &Event) -> bool {
    matches!(
        event,
        Event::Access(_) | Event::Refused { .. } | Event::Intrusion(_)
    )
}

/// How many of these events leave a line in the log.
pub(crate) fn records(events: &[Event]) -> u64 {
    events.iter().filter(|event| is_record(event)).count() as u64
}

impl Writer {
    /// Opens the log. A log that cannot be opened is tried again with each batch; visitors are served
    /// all the same.
    pub fn open(folder: PathBuf) -> Self {
        let mut writer = Self::unopened(folder);
        writer.try_open();
        writer
    }

    /// Opens the log with the first batch.
    pub(crate) fn unopened(folder: PathBuf) -> Self {
        Self {
            folder,
            log: None,
            trouble: String::new(),
            #[cfg(test)]
            breaks: false,
        }
    }

    /// Why records cannot be written; empty: they can.
    pub fn trouble(&self) -> &str {
        &self.trouble
    }

    fn try_open(&mut self) {
        let policy = LogPolicy {
            directory: self.folder.clone(),
            size: FILE_BYTES,
        };
        match AccessLog::open(policy) {
            Ok(log) => {
                self.log = Some(log);
                self.trouble.clear();
            }
            Err(error) => self.fail(&error),
        }
    }

    fn fail(&mut self, error: &LogError) {
        if self.trouble.is_empty() {
            tracing::error!(%error, "access records are not written");
        }
        self.trouble = error.to_string();
        self.log = None;
    }

    /// Writes a batch and hands it to the disk. Blocks. Gives how many records may be missing.
    pub fn write(&mut self, events: &[Event]) -> u64 {
        #[cfg(test)]
        assert!(!std::mem::take(&mut self.breaks), "as a test wants it");
        if self.log.is_none() {
            self.try_open();
        }
        let Some(log) = &mut self.log else {
            return records(events);
        };
        let written = events.iter().try_for_each(|event| log.write(event));
        match written.and_then(|()| log.flush()) {
            Ok(()) => 0,
            Err(error) => {
                self.fail(&error);
                records(events)
            }
        }
    }
}

/// Packs, removes what is older than the term, and notes what is kept and what troubles the writer. Blocks on the disk, so it runs
/// on a thread that may.
pub async fn tidy(
    db: &Db,
    folder: PathBuf,
    now: Timestamp,
    days: u32,
    trouble: String,
) -> Result<(), mamori_store::Error> {
    let before = store::kept(db).await?;
    let oldest = tokyo_date(now).saturating_sub(i64::from(days).days());
    let kept = tokio::task::spawn_blocking(move || {
        let archive = Archive::new(&folder);
        let mut kept = Kept {
            removed: before.map_or(0, |before| before.removed),
            trouble,
            ..Kept::nothing(now)
        };
        if let Err(error) = tidied(&archive, &folder, oldest, &mut kept) {
            tracing::error!(%error, "access records were not put in order");
            kept.trouble = error.to_string();
        }
        kept
    });
    let kept = kept
        .await
        .map_err(|error| mamori_store::Error::Invalid(error.to_string()))?;
    store::set_kept(db, &kept).await
}

fn tidied(archive: &Archive, folder: &Path, oldest: Date, kept: &mut Kept) -> Result<(), LogError> {
    if !folder.is_dir() {
        return Ok(());
    }
    kept.removed += archive.remove_before(oldest)?.len() as u64;
    archive.pack()?;
    count(folder, kept)
}

fn count(folder: &Path, kept: &mut Kept) -> Result<(), LogError> {
    let files = Archive::new(folder).files()?;
    kept.oldest_on = files.first().map(|file| file.day);
    kept.newest_on = files.last().map(|file| file.day);
    kept.files = files.len() as u64;
    kept.bytes = files
        .iter()
        .filter_map(|file| std::fs::metadata(folder.join(file.to_string())).ok())
        .map(|about| about.len())
        .sum();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read_as_japanese_unless_that_would_hide_something() {
        assert_eq!(readable("/%E7%9B%B8%E8%AB%87/"), "/相談/");
        assert_eq!(readable("/plain"), "/plain");
        for kept in ["/%ff%fe", "/a%00b", "/a%0d%0ab", "/100%"] {
            assert_eq!(readable(kept), kept);
        }
    }
}
