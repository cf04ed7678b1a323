//! Files of the log that are not written any more: packed, read, and removed when their term is over.

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek as _, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use jiff::civil::Date;

use super::line::Line;
use super::{LogError, wrong};

/// Bytes of a line; a longer one is none of ours.
const LONGEST: u64 = 64 * 1024;

/// The name of a file of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogFile {
    /// The day on which it was begun.
    pub day: Date,
    /// Which of that day.
    pub number: u32,
    /// Whether it is packed.
    pub packed: bool,
}

impl fmt::Display for LogFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = if self.packed { ".gz" } else { "" };
        write!(f, "access-{}-{:03}.jsonl{end}", self.day, self.number)
    }
}

impl FromStr for LogFile {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        let rest = name.strip_prefix("access-").ok_or(())?;
        let (rest, packed) = match rest.strip_suffix(".gz") {
            Some(rest) => (rest, true),
            None => (rest, false),
        };
        let (day, number) = rest
            .strip_suffix(".jsonl")
            .and_then(|rest| rest.rsplit_once('-'))
            .ok_or(())?;
        Ok(Self {
            day: day.parse().map_err(|_| ())?,
            number: number.parse().map_err(|_| ())?,
            packed,
        })
    }
}

/// What packing did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packed {
    /// The file as it is now.
    pub file: LogFile,
    /// Bytes before.
    pub before: u64,
    /// Bytes now.
    pub after: u64,
}

/// The files of a log.
#[derive(Debug, Clone)]
pub struct Archive {
    directory: PathBuf,
}

impl Archive {
    /// The files in this directory.
    pub fn new(directory: &Path) -> Self {
        Self {
            directory: directory.to_owned(),
        }
    }

    /// All files, the oldest first. What was packed but not yet removed is named once, packed.
    pub fn files(&self) -> Result<Vec<LogFile>, LogError> {
        let cannot = || {
            wrong(
                "cannot read the directory of the access log",
                &self.directory,
            )
        };
        let mut files: Vec<LogFile> = Vec::new();
        for entry in std::fs::read_dir(&self.directory).map_err(cannot())? {
            let entry = entry.map_err(cannot())?;
            files.extend(
                entry
                    .file_name()
                    .to_str()
                    .and_then(|name| name.parse::<LogFile>().ok()),
            );
        }
        // The packed one comes last of two, and stays.
        files.sort_unstable();
        files.reverse();
        files.dedup_by_key(|file| (file.day, file.number));
        files.reverse();
        Ok(files)
    }

    /// Packs every file but the newest, which may still be written. A crash in between leaves both,
    /// and the next time finishes.
    pub fn pack(&self) -> Result<Vec<Packed>, LogError> {
        let files = self.files()?;
        let mut done = Vec::new();
        for file in files.iter().take(files.len().saturating_sub(1)) {
            let plain = LogFile {
                packed: false,
                ..*file
            };
            let source = self.directory.join(plain.to_string());
            if file.packed {
                // Left by a crash between the two steps below.
                if source.exists() {
                    std::fs::remove_file(&source)
                        .map_err(wrong("cannot remove a packed file", &source))?;
                }
                continue;
            }
            let packed = LogFile {
                packed: true,
                ..plain
            };
            let target = self.directory.join(packed.to_string());
            let (before, after) =
                pack(&source, &target).map_err(wrong("cannot pack the access log", &source))?;
            std::fs::remove_file(&source).map_err(wrong("cannot remove a packed file", &source))?;
            done.push(Packed {
                file: packed,
                before,
                after,
            });
        }
        Ok(done)
    }

    /// Removes what was begun before a day, never the newest; gives what was removed, for the
    /// evidence of it.
    pub fn remove_before(&self, day: Date) -> Result<Vec<LogFile>, LogError> {
        let files = self.files()?;
        let mut removed = Vec::new();
        for file in files.iter().take(files.len().saturating_sub(1)) {
            if file.day >= day {
                break;
            }
            for packed in [false, true] {
                let path = self.directory.join(LogFile { packed, ..*file }.to_string());
                if path.exists() {
                    std::fs::remove_file(&path)
                        .map_err(wrong("cannot remove an old access log", &path))?;
                }
            }
            removed.push(*file);
        }
        Ok(removed)
    }

    /// The lines of one file, from a byte on (of what it was before packing).
    pub fn lines(&self, file: LogFile, offset: u64) -> Result<Lines, LogError> {
        let path = self.directory.join(file.to_string());
        let cannot = || wrong("cannot read the access log", &path);
        let mut opened = File::open(&path).map_err(cannot())?;
        let reader: Box<dyn BufRead> = if file.packed {
            let mut reader = BufReader::new(MultiGzDecoder::new(opened));
            io::copy(&mut (&mut reader).take(offset), &mut io::sink()).map_err(cannot())?;
            Box::new(reader)
        } else {
            opened.seek(SeekFrom::Start(offset)).map_err(cannot())?;
            Box::new(BufReader::new(opened))
        };
        Ok(Lines {
            reader,
            torn: 0,
            path,
        })
    }
}

fn pack(source: &Path, target: &Path) -> io::Result<(u64, u64)> {
    let unfinished = target.with_extension("tmp");
    let mut input = File::open(source)?;
    let mut output = GzEncoder::new(File::create(&unfinished)?, Compression::default());
    let before = io::copy(&mut input, &mut output)?;
    let mut output = output.finish()?;
    output.flush()?;
    output.sync_all()?;
    let after = output.metadata()?.len();
    std::fs::rename(&unfinished, target)?;
    Ok((before, after))
}

/// Lines of a file.
pub struct Lines {
    reader: Box<dyn BufRead>,
    torn: u64,
    path: PathBuf,
}

impl fmt::Debug for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lines({})", self.path.display())
    }
}

impl Lines {
    /// Lines so far that could not be read: torn by a crash.
    pub fn torn(&self) -> u64 {
        self.torn
    }

    fn line(&mut self) -> Result<Option<Vec<u8>>, LogError> {
        let mut line = Vec::new();
        let cannot = wrong("cannot read the access log", &self.path);
        let read = (&mut self.reader)
            .take(LONGEST)
            .read_until(b'\n', &mut line);
        read.map_err(cannot)?;
        Ok((!line.is_empty()).then_some(line))
    }
}

impl Iterator for Lines {
    type Item = Result<Line, LogError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let line = match self.line() {
                Ok(line) => line?,
                Err(error) => return Some(Err(error)),
            };
            // Without its end a line may be the beginning of another that is as well-formed.
            let read = line
                .strip_suffix(b"\n")
                .and_then(|line| serde_json::from_slice(line).ok());
            match read {
                Some(line) => return Some(Ok(line)),
                None => self.torn += 1,
            }
        }
    }
}
