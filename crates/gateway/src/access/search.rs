//! Access records of a day, found by what people know of a request.
//!
//! Files are read from their beginning, for they may be packed; what is kept of them in memory is
//! bounded, and so is the time.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::net::IpAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use jiff::civil::Date;
use mamori_proxy::access_log::{AccessLine, Archive, Line, LogError, combined};

use super::readable;

/// Which requests are looked for.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Names of sites; none: nothing is found.
    pub sites: Vec<String>,
    /// The day of the file: that on which the request ended.
    pub day: Date,
    /// Part of the path, the whole number of a request, or the address of a client; empty: all.
    pub words: String,
    /// Which answers.
    pub status: Status,
}

/// Which answers are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// All.
    Any,
    /// A hundred: 4 for 400 to 499.
    Hundred(u16),
    /// One.
    Exactly(u16),
}

impl Status {
    /// What people write: `404` or `4xx`; empty: all. `None`: something else.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim().to_ascii_lowercase();
        if text.is_empty() {
            return Some(Self::Any);
        }
        let in_range = |n: &u16, range: std::ops::RangeInclusive<u16>| range.contains(n);
        match text.strip_suffix("xx") {
            Some(hundred) => hundred
                .parse()
                .ok()
                .filter(|n| in_range(n, 1..=5))
                .map(Self::Hundred),
            None => text
                .parse()
                .ok()
                .filter(|n| in_range(n, 100..=599))
                .map(Self::Exactly),
        }
    }

    fn fits(self, status: u16) -> bool {
        match self {
            Self::Any => true,
            Self::Hundred(hundred) => status / 100 == hundred,
            Self::Exactly(wanted) => status == wanted,
        }
    }
}

/// What was found.
#[derive(Debug, Default)]
pub struct Found {
    /// The newest ones, the newest first.
    pub lines: Vec<AccessLine>,
    /// How many there are in what was read.
    pub matched: u64,
    /// Whether the whole day was read; otherwise time ran out.
    pub whole: bool,
}

impl Wanted {
    /// What somebody asks for; without a day it is today. `None`: day or status mean nothing.
    pub fn asked(
        sites: Vec<String>,
        today: Date,
        (day, words, status): (&str, &str, &str),
    ) -> Option<Self> {
        Some(Self {
            sites,
            day: match day.trim() {
                "" => today,
                day => day.parse().ok()?,
            },
            words: words.trim().to_owned(),
            status: Status::parse(status)?,
        })
    }

    fn fits(&self, line: &AccessLine, client: Option<IpAddr>) -> bool {
        let own = line
            .site
            .as_ref()
            .is_some_and(|site| self.sites.contains(site));
        own && self.status.fits(line.status)
            && (self.words.is_empty()
                || client == Some(line.client)
                || line.id == self.words
                || line.path.contains(&self.words)
                || readable(&line.path).contains(&self.words))
    }

    /// Calls for each request that is looked for, in the order of the files, until it says stop.
    fn each(
        &self,
        folder: &Path,
        mut take: impl FnMut(AccessLine) -> bool,
    ) -> Result<(), LogError> {
        if !folder.is_dir() {
            return Ok(());
        }
        let archive = Archive::new(folder);
        let client = self.words.parse().ok();
        for file in archive.files()? {
            if file.day != self.day {
                continue;
            }
            for line in archive.lines(file, 0)? {
                if let Line::Access(line) = line?
                    && self.fits(&line, client)
                    && !take(*line)
                {
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}

/// The newest requests of the day, at most so many, within a time. Blocks.
pub fn newest(
    folder: &Path,
    wanted: &Wanted,
    most: usize,
    within: Duration,
) -> Result<Found, LogError> {
    let begun = Instant::now();
    let mut kept: VecDeque<AccessLine> = VecDeque::new();
    let mut found = Found {
        whole: true,
        ..Found::default()
    };
    wanted.each(folder, |line| {
        if kept.len() == most {
            kept.pop_front();
        }
        kept.push_back(line);
        found.matched += 1;
        found.whole = begun.elapsed() < within;
        found.whole
    })?;
    // Records come at the end of requests, people look for their beginning.
    let mut lines = Vec::from(kept);
    lines.sort_by_key(|line| std::cmp::Reverse(line.at));
    found.lines = lines;
    Ok(found)
}

/// How an export writes its lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// The combined log format, which other tools read.
    Combined,
    /// JSON, one object a line, with all that is known.
    Json,
}

/// Something went wrong on the way from the records to an export.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The records.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The export.
    #[error("the export cannot be written: {0}")]
    Write(#[from] io::Error),
}

/// Writes all requests of the day that are looked for; gives how many. Blocks.
pub fn export(
    folder: &Path,
    wanted: &Wanted,
    format: Format,
    into: &mut impl Write,
) -> Result<u64, ExportError> {
    let mut count = 0;
    let mut failed = None;
    wanted.each(folder, |line| {
        let written = match format {
            Format::Combined => writeln!(into, "{}", combined(&line)),
            Format::Json => serde_json::to_writer(&mut *into, &line)
                .map_err(io::Error::from)
                .and_then(|()| into.write_all(b"\n")),
        };
        count += 1;
        failed = written.err();
        failed.is_none()
    })?;
    match failed {
        Some(error) => Err(error.into()),
        None => Ok(count),
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use serde_json::json;

    use super::*;

    /// A day with requests of two sites, one file packed, and a line torn by a crash.
    fn day(folder: &Path) {
        let line = |at: &str, site: &str, client: &str, path: &str, status: u16| {
            json!({
                "kind": "access", "at": at, "id": format!("{:024x}", at.len() + path.len()),
                "listener": "http-0", "site": site, "client": client, "method": "GET",
                "host": "www.example.jp", "path": path, "version": "HTTP/1.1", "tls": false,
                "status": status, "bytes_in": 0, "bytes_out": 10, "complete": true, "took_us": 5,
                "outcome": "served", "verdict": "passed", "score": 0,
            })
            .to_string()
        };
        let first = [
            line("2026-10-05T01:00:00Z", "a", "192.0.2.1", "/", 200),
            line(
                "2026-10-05T01:00:03Z",
                "a",
                "192.0.2.2",
                "/%E7%9B%B8%E8%AB%87",
                404,
            ),
            line("2026-10-05T01:00:01Z", "b", "192.0.2.1", "/", 200),
        ];
        let second = [line(
            "2026-10-05T02:00:00Z",
            "a",
            "2001:db8::1",
            "/soudan",
            500,
        )];
        let write = |name: &str, lines: &[String], end: &str| {
            let text = lines.join("\n") + "\n" + end;
            std::fs::write(folder.join(name), text).expect("written");
        };
        write("access-2026-10-05-001.jsonl", &first, "");
        Archive::new(folder).pack().expect("nothing to pack");
        write("access-2026-10-05-002.jsonl", &second, "{\"kind\":\"acc");
        let packed = Archive::new(folder).pack().expect("packed");
        assert_eq!(packed.len(), 1);
    }

    fn wanted(words: &str, status: &str) -> Wanted {
        Wanted {
            sites: vec!["a".to_owned()],
            day: date(2026, 10, 5),
            words: words.to_owned(),
            status: Status::parse(status).expect("a status"),
        }
    }

    fn paths(folder: &Path, wanted: &Wanted, most: usize) -> Vec<String> {
        let found = newest(folder, wanted, most, Duration::from_mins(1)).expect("read");
        assert!(found.whole);
        found.lines.into_iter().map(|line| line.path).collect()
    }

    #[test]
    fn requests_are_found_by_what_is_known_of_them_and_only_those_of_own_sites() {
        let folder = tempfile::tempdir().expect("a folder");
        day(folder.path());
        let of = |words: &str, status: &str| paths(folder.path(), &wanted(words, status), 10);
        assert_eq!(of("", ""), ["/soudan", "/%E7%9B%B8%E8%AB%87", "/"]);
        assert_eq!(of("相談", ""), ["/%E7%9B%B8%E8%AB%87"]);
        assert_eq!(of("2001:db8:0::1", ""), ["/soudan"]);
        assert_eq!(of("%E7%9B%B8", "4xx"), ["/%E7%9B%B8%E8%AB%87"]);
        assert_eq!(of("", "500"), ["/soudan"]);
        assert_eq!(paths(folder.path(), &wanted("", ""), 1), ["/soudan"]);
        let mut other = wanted("", "");
        other.day = date(2026, 10, 6);
        assert!(paths(folder.path(), &other, 10).is_empty());
        other.sites.clear();
        other.day = date(2026, 10, 5);
        assert!(paths(folder.path(), &other, 10).is_empty());
        assert!(paths(&folder.path().join("none"), &wanted("", ""), 10).is_empty());
    }

    #[test]
    fn an_export_holds_the_whole_day_in_a_form_that_tools_read() {
        let folder = tempfile::tempdir().expect("a folder");
        day(folder.path());
        let mut combined = Vec::new();
        let count = export(
            folder.path(),
            &wanted("", ""),
            Format::Combined,
            &mut combined,
        );
        assert_eq!(count.expect("written"), 3);
        let text = String::from_utf8(combined).expect("UTF-8");
        assert!(
            text.starts_with(
                "192.0.2.1 - - [05/Oct/2026:10:00:00 +0900] \"GET / HTTP/1.1\" 200 10"
            ),
            "{text}"
        );
        let mut json = Vec::new();
        export(folder.path(), &wanted("", "5xx"), Format::Json, &mut json).expect("written");
        let line: AccessLine = serde_json::from_slice(&json).expect("one line");
        assert_eq!(line.path, "/soudan");
    }

    #[test]
    fn a_status_is_a_number_or_a_hundred() {
        assert_eq!(Status::parse(" 4XX "), Some(Status::Hundred(4)));
        assert_eq!(Status::parse("404"), Some(Status::Exactly(404)));
        assert_eq!(Status::parse(""), Some(Status::Any));
        for wrong in ["9xx", "xx", "99", "700", "ok"] {
            assert_eq!(Status::parse(wrong), None, "{wrong}");
        }
    }
}
