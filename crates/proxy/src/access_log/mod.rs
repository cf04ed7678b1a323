//! The access log: one line of JSON for each request (別紙2: access records are kept).
//!
//! This is no part of the data plane, which opens no files: whoever takes the [`Event`]s hands them
//! to an [`AccessLog`] on a thread that may wait for a disk. Files are named by their day in Japan
//! and a number, `access-2026-10-05-001.jsonl`; a file that is full or of yesterday is followed by
//! the next, and the [`Archive`] packs and, when their term is over, removes the old ones.
//!
//! After a crash the last line of a file may be torn. Readers pass over it, and the writer goes on
//! in a file of its own, so nothing is ever mended in place. The [`Transfer`] of each month is
//! written beside the log with the place up to which it was counted; what stands behind that place
//! is counted again at the next start, so a crash loses none of it.

mod archive;
mod combined;
mod line;
mod transfer;

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::civil::Date;
use mamori_kernel::clock::tokyo_date;

pub use archive::{Archive, Lines, LogFile, Packed};
pub use combined::combined;
pub use line::{AccessLine, Line, Verdict};
pub use transfer::{Sum, Transfer};

use crate::event::{Event, RequestId};
use transfer::{Cursor, Meter};

/// Findings that wait for the record of their request.
const WAITING: usize = 4096;

/// How the log is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogPolicy {
    /// Where. Only this log's files may lie there.
    pub directory: PathBuf,
    /// Bytes after which the next file begins.
    pub size: u64,
}

/// Why the log cannot be written or read.
#[derive(Debug, thiserror::Error)]
#[error("{what} {path}: {error}; check that the directory exists, is writable and has room", path = path.display())]
pub struct LogError {
    what: &'static str,
    path: PathBuf,
    error: io::Error,
}

fn wrong(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> LogError + use<> {
    let path = path.to_owned();
    move |error| LogError { what, path, error }
}

/// The writer. One at a time for a directory.
#[derive(Debug)]
pub struct AccessLog {
    policy: LogPolicy,
    open: Option<Open>,
    meter: Arc<Meter>,
    rules: HashMap<RequestId, Vec<u64>>,
}

/// The file that is written.
#[derive(Debug)]
struct Open {
    name: LogFile,
    path: PathBuf,
    file: BufWriter<File>,
    bytes: u64,
}

impl AccessLog {
    /// Opens the log and counts what was written but not yet counted.
    pub fn open(policy: LogPolicy) -> Result<Self, LogError> {
        let directory = &policy.directory;
        std::fs::create_dir_all(directory).map_err(wrong(
            "cannot make the directory of the access log",
            directory,
        ))?;
        let meter = Arc::new(Meter::open(directory)?);
        Ok(Self {
            policy,
            open: None,
            meter,
            rules: HashMap::new(),
        })
    }

    /// What was transferred; goes on counting with this log.
    pub fn transfer(&self) -> Transfer {
        Transfer::new(&self.meter)
    }

    /// Writes what an event says, if it belongs into the log.
    pub fn write(&mut self, event: &Event) -> Result<(), LogError> {
        let Some(line) = self.line(event) else {
            return Ok(());
        };
        let Ok(mut text) = serde_json::to_vec(&line) else {
            // Strings, numbers and instants: nothing here can fail to be JSON.
            return Ok(());
        };
        text.push(b'\n');
        let open = self.file(tokyo_date(line.at()))?;
        open.file
            .write_all(&text)
            .map_err(wrong("cannot write the access log", &open.path))?;
        open.bytes += text.len() as u64;
        self.meter.add(&line);
        Ok(())
    }

    /// Hands everything to the disk, with the transfer as it is counted now. Once a second is often
    /// enough; a crash of the machine loses what was written since.
    pub fn flush(&mut self) -> Result<(), LogError> {
        let Some(open) = &mut self.open else {
            return Ok(());
        };
        open.file
            .flush()
            .and_then(|()| open.file.get_ref().sync_data())
            .map_err(wrong("cannot write the access log", &open.path))?;
        let cursor = Cursor {
            file: open.name.to_string(),
            offset: open.bytes,
        };
        self.meter.store(&self.policy.directory, cursor)
    }

    /// The file of a day. Days that are past go to the newest file: records come at the end of
    /// requests.
    fn file(&mut self, day: Date) -> Result<&mut Open, LogError> {
        let fits = self
            .open
            .as_ref()
            .is_some_and(|open| open.bytes < self.policy.size && day <= open.name.day);
        if !fits {
            self.flush()?;
            self.open = Some(self.next(day)?);
        }
        match &mut self.open {
            Some(open) => Ok(open),
            None => unreachable!("a file was opened just now"),
        }
    }

    fn next(&self, day: Date) -> Result<Open, LogError> {
        let directory = &self.policy.directory;
        let last = Archive::new(directory).files()?.pop();
        let name = match last {
            Some(last) if last.day >= day => LogFile {
                number: last.number + 1,
                packed: false,
                ..last
            },
            _ => LogFile {
                day,
                number: 1,
                packed: false,
            },
        };
        let path = directory.join(name.to_string());
        let file = OpenOptions::new()
            .create_new(true)
            .append(true)
            .open(&path)
            .map_err(wrong("cannot begin a file of the access log", &path))?;
        Ok(Open {
            name,
            path,
            file: BufWriter::with_capacity(64 * 1024, file),
            bytes: 0,
        })
    }

    fn line(&mut self, event: &Event) -> Option<Line> {
        match event {
            Event::Access(access) => {
                let rules = self.rules.remove(&access.id).unwrap_or_default();
                Some(Line::Access(Box::new(AccessLine::of(access, rules))))
            }
            Event::Waf(findings) => {
                // Records of findings always come, but they may have been dropped on the way.
                if self.rules.len() >= WAITING {
                    self.rules.clear();
                }
                let rules = findings.matches.iter().map(|one| one.rule).collect();
                self.rules.insert(findings.id, rules);
                None
            }
            Event::Refused {
                at,
                peer,
                listener,
                id,
                refusal,
            } => Some(Line::Refused {
                at: *at,
                peer: *peer,
                listener: listener.to_string(),
                id: id.map(|id| id.to_string()),
                refusal: refusal.to_string(),
            }),
            Event::Intrusion(intrusion) => Some(Line::intrusion(intrusion)),
            Event::UpstreamDown { .. }
            | Event::UpstreamUp { .. }
            | Event::CertificatePending { .. } => None,
        }
    }
}

impl Drop for AccessLog {
    fn drop(&mut self) {
        if let Err(error) = self.flush() {
            tracing::error!(%error, "the end of the access log was not written");
        }
    }
}

#[cfg(test)]
mod tests;
