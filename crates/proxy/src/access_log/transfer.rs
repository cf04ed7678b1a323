//! What went through in each month, by site: bodies of requests and of answers. Header fields and
//! what TLS adds are not in it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use mamori_kernel::YearMonth;
use mamori_kernel::clock::tokyo_date;
use serde::{Deserialize, Serialize};

use super::archive::{Archive, LogFile};
use super::line::Line;
use super::{LogError, wrong};

const FILE: &str = "transfer.json";

/// What is counted for one site in one month.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sum {
    /// Requests.
    pub requests: u64,
    /// Bytes of their bodies.
    pub bytes_in: u64,
    /// Bytes of the bodies of answers.
    pub bytes_out: u64,
}

impl Sum {
    /// Bytes both ways.
    pub fn bytes(&self) -> u64 {
        self.bytes_in.saturating_add(self.bytes_out)
    }
}

/// Up to where the log was counted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Cursor {
    pub(super) file: String,
    pub(super) offset: u64,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Counted {
    cursor: Cursor,
    /// Month, then site. Requests for no site are under the empty name.
    months: BTreeMap<String, BTreeMap<String, Sum>>,
}

impl Counted {
    fn add(&mut self, line: &Line) {
        let Line::Access(access) = line else { return };
        let month = YearMonth::of(tokyo_date(access.at)).to_string();
        let site = access.site.clone().unwrap_or_default();
        let sum = self
            .months
            .entry(month)
            .or_default()
            .entry(site)
            .or_default();
        sum.requests += 1;
        sum.bytes_in = sum.bytes_in.saturating_add(access.bytes_in);
        sum.bytes_out = sum.bytes_out.saturating_add(access.bytes_out);
    }
}

/// Counts what is logged.
#[derive(Debug, Default)]
pub(super) struct Meter {
    counted: Mutex<Counted>,
}

impl Meter {
    /// What was stored, and what was logged after that.
    pub(super) fn open(directory: &Path) -> Result<Self, LogError> {
        let path = directory.join(FILE);
        let mut counted = match std::fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text)
                .map_err(|error| wrong("the transfer counter is damaged; restore it from a backup, or remove it to count the kept log anew:", &path)(error.into()))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Counted::default(),
            Err(error) => return Err(wrong("cannot read the transfer counter", &path)(error)),
        };
        let archive = Archive::new(directory);
        let from: Option<LogFile> = counted.cursor.file.parse().ok();
        for file in archive.files()? {
            let offset = match from {
                Some(from) if (file.day, file.number) < (from.day, from.number) => continue,
                Some(from) if (file.day, file.number) == (from.day, from.number) => {
                    counted.cursor.offset
                }
                _ => 0,
            };
            for line in archive.lines(file, offset)? {
                counted.add(&line?);
            }
        }
        Ok(Self {
            counted: Mutex::new(counted),
        })
    }

    pub(super) fn add(&self, line: &Line) {
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        counted.add(line);
    }

    /// Stores what was counted up to this place, at once or not at all.
    pub(super) fn store(&self, directory: &Path, cursor: Cursor) -> Result<(), LogError> {
        let text = {
            let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
            if counted.cursor == cursor {
                return Ok(());
            }
            counted.cursor = cursor;
            serde_json::to_vec_pretty(&*counted).unwrap_or_default()
        };
        let path = directory.join(FILE);
        let unfinished = path.with_extension("tmp");
        let write = || {
            let mut file = File::create(&unfinished)?;
            file.write_all(&text)?;
            file.sync_all()?;
            std::fs::rename(&unfinished, &path)
        };
        write().map_err(wrong("cannot write the transfer counter", &path))
    }
}

/// What was transferred, as it is counted. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Transfer {
    meter: Arc<Meter>,
}

impl Transfer {
    pub(super) fn new(meter: &Arc<Meter>) -> Self {
        Self {
            meter: Arc::clone(meter),
        }
    }

    /// One month, by site. What no site answered is under the empty name.
    pub fn month(&self, month: YearMonth) -> BTreeMap<String, Sum> {
        let counted = self
            .meter
            .counted
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        counted
            .months
            .get(&month.to_string())
            .cloned()
            .unwrap_or_default()
    }

    /// One month altogether.
    pub fn total(&self, month: YearMonth) -> Sum {
        let mut total = Sum::default();
        for sum in self.month(month).values() {
            total.requests += sum.requests;
            total.bytes_in = total.bytes_in.saturating_add(sum.bytes_in);
            total.bytes_out = total.bytes_out.saturating_add(sum.bytes_out);
        }
        total
    }
}
