//! Passwords that became known elsewhere, looked up without asking anybody.
//!
//! The installation may hold `breached-passwords.txt` in its data directory: lines of upper-case
//! SHA-1 in hexadecimal, sorted, each with an optional `:COUNT` (the form in which such lists are
//! handed out). The file may be tens of gigabytes; it is searched by bisection and never read
//! whole. SHA-1 is the list's choice and protects nothing here.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use mamori_runtime::{App, Finding, HealthCheck, Secret};
use sha1::{Digest as _, Sha1};

const HASH: usize = 40;
/// A hash, a colon, a count, the line's end.
const LONGEST_LINE: usize = 72;

/// The list cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// The file system.
    #[error(
        "漏えいパスワードの一覧 {path} を読めません（{detail}）。ファイルと権限を確かめてください"
    )]
    Unreadable {
        /// The file.
        path: String,
        /// The cause.
        detail: String,
    },
    /// A line of another form.
    #[error(
        "漏えいパスワードの一覧 {path} の {offset} バイト目の行が「大文字の SHA-1（16 進 40 文字）」か「SHA-1:件数」ではありません。書式を直すか、ファイルを外してください"
    )]
    Form {
        /// The file.
        path: String,
        /// Where the line begins.
        offset: u64,
    },
    /// Lines in another order.
    #[error(
        "漏えいパスワードの一覧 {path} が並んでいません（{offset} バイト目の行）。LC_ALL=C sort で並べ直してください"
    )]
    NotSorted {
        /// The file.
        path: String,
        /// Where the line begins.
        offset: u64,
    },
}

impl ListError {
    /// The same for the page of the checks.
    fn finding(&self) -> Finding {
        match self {
            Self::Unreadable { path, detail } => Finding::new("breached-unreadable")
                .words("path", path)
                .words("detail", detail),
            Self::Form { path, offset } => Finding::new("breached-form")
                .words("path", path)
                .words("offset", offset),
            Self::NotSorted { path, offset } => Finding::new("breached-not-sorted")
                .words("path", path)
                .words("offset", offset),
        }
    }
}

/// Where the list lies, if there is one.
pub fn path(app: &App) -> PathBuf {
    app.config.data_dir.join("breached-passwords.txt")
}

/// Whether the password is on the installation's list; without a list it is not.
pub async fn holds(app: &App, password: &Secret) -> Result<bool, ListError> {
    let path = path(app);
    let password = password.clone();
    tokio::task::spawn_blocking(move || search(&path, &sha1_hex(password.expose())))
        .await
        .expect("the search does not panic and is never aborted")
}

fn sha1_hex(password: &str) -> String {
    hex::encode_upper(Sha1::digest(password.as_bytes()))
}

/// Looks a hash up in the file; a missing file holds nothing.
pub fn search(path: &Path, wanted: &str) -> Result<bool, ListError> {
    match List::open(path)? {
        Some(mut list) => list.bisect(wanted),
        None => Ok(false),
    }
}

/// Lines that [`check`] looks at, evenly spread.
const SAMPLES: u64 = 1024;

/// Looks whether the file is a sorted list, at [`SAMPLES`] places: a bisection meets a contradiction
/// only where it passes by. Gives the number of bytes; a missing file has none.
pub fn check(path: &Path) -> Result<u64, ListError> {
    let Some(mut list) = List::open(path)? else {
        return Ok(0);
    };
    let mut before: Option<Line> = None;
    for sample in 0..SAMPLES {
        let offset = list.length / SAMPLES * sample + list.length % SAMPLES * sample / SAMPLES;
        let Some(line) = list.line_from(offset, offset == 0)? else {
            break;
        };
        if before
            .as_ref()
            .is_some_and(|before| line.hash < before.hash)
        {
            return Err(list.not_sorted(line.start));
        }
        before = Some(line);
    }
    Ok(list.length)
}

/// What `/readyz` says of the list.
pub(crate) fn health() -> HealthCheck {
    HealthCheck::new("breached-passwords", |app: App| async move {
        let path = path(&app);
        let checked = tokio::task::spawn_blocking(move || check(&path)).await;
        match checked {
            Ok(Ok(0)) => Ok(Finding::new("breached-none")),
            Ok(Ok(bytes)) => Ok(Finding::new("breached").words("bytes", &bytes)),
            Ok(Err(error)) => Err(error.finding()),
            Err(error) => Err(Finding::error(&error)),
        }
    })
}

struct List<'p> {
    path: &'p Path,
    file: File,
    length: u64,
}

/// A line of the list.
struct Line {
    start: u64,
    end: u64,
    hash: String,
}

impl<'p> List<'p> {
    fn open(path: &'p Path) -> Result<Option<Self>, ListError> {
        let unreadable = |error: std::io::Error| ListError::Unreadable {
            path: path.display().to_string(),
            detail: error.to_string(),
        };
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unreadable(error)),
        };
        let length = file.metadata().map_err(unreadable)?.len();
        Ok(Some(Self { path, file, length }))
    }

    /// Lines that begin before `low` are smaller than `wanted`, those from `high` on are greater;
    /// whatever contradicts a line seen before proves that the file is not sorted.
    fn bisect(&mut self, wanted: &str) -> Result<bool, ListError> {
        let (mut low, mut high) = (0, self.length);
        let (mut below, mut above): (Option<String>, Option<String>) = (None, None);
        while low < high {
            let middle = low + (high - low) / 2;
            let Some(line) = self.line_from(middle, middle == low)? else {
                high = middle;
                continue;
            };
            if line.start >= high {
                high = middle;
                continue;
            }
            let in_order = below.as_ref().is_none_or(|hash| *hash <= line.hash)
                && above.as_ref().is_none_or(|hash| line.hash <= *hash);
            if !in_order {
                return Err(self.not_sorted(line.start));
            }
            match line.hash.as_str().cmp(wanted) {
                std::cmp::Ordering::Equal => return Ok(true),
                std::cmp::Ordering::Less => {
                    low = line.end;
                    below = Some(line.hash);
                }
                std::cmp::Ordering::Greater => {
                    high = middle;
                    above = Some(line.hash);
                }
            }
        }
        Ok(false)
    }

    /// The first line that begins at `offset` or after it; `exact` says that one begins there.
    fn line_from(&mut self, offset: u64, exact: bool) -> Result<Option<Line>, ListError> {
        let from = if exact { offset } else { offset - 1 };
        let mut bytes = Vec::with_capacity(2 * LONGEST_LINE);
        self.file
            .seek(SeekFrom::Start(from))
            .and_then(|_| {
                (&mut self.file)
                    .take(2 * LONGEST_LINE as u64)
                    .read_to_end(&mut bytes)
            })
            .map_err(|error| ListError::Unreadable {
                path: self.path.display().to_string(),
                detail: error.to_string(),
            })?;
        let skipped = if exact {
            0
        } else {
            match bytes.iter().position(|byte| *byte == b'\n') {
                Some(place) => place + 1,
                // The last line has begun before.
                None if from + bytes.len() as u64 >= self.length => return Ok(None),
                None => return Err(self.form(from)),
            }
        };
        let start = from + skipped as u64;
        if start >= self.length {
            return Ok(None);
        }
        let rest = &bytes[skipped..];
        let (line, end) = match rest.iter().position(|byte| *byte == b'\n') {
            Some(place) => (&rest[..place], start + place as u64 + 1),
            None if start + rest.len() as u64 >= self.length => (rest, self.length),
            None => return Err(self.form(start)),
        };
        let hash = hash_of(line).ok_or_else(|| self.form(start))?;
        Ok(Some(Line { start, end, hash }))
    }

    fn not_sorted(&self, offset: u64) -> ListError {
        ListError::NotSorted {
            path: self.path.display().to_string(),
            offset,
        }
    }

    fn form(&self, offset: u64) -> ListError {
        ListError::Form {
            path: self.path.display().to_string(),
            offset,
        }
    }
}

/// The hash of a line `HASH` or `HASH:COUNT`.
fn hash_of(line: &[u8]) -> Option<String> {
    let line = std::str::from_utf8(line).ok()?.trim_end_matches('\r');
    let (hash, count) = line.split_at_checked(HASH)?;
    let is_hash = hash
        .bytes()
        .all(|byte| byte.is_ascii_digit() || (b'A'..=b'F').contains(&byte));
    let is_count = count.is_empty()
        || count
            .strip_prefix(':')
            .is_some_and(|n| !n.is_empty() && n.bytes().all(|byte| byte.is_ascii_digit()));
    (is_hash && is_count).then(|| hash.to_owned())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fmt::Write as _;

    use proptest::prelude::*;

    use super::*;

    fn list(text: &str) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("list.txt");
        std::fs::write(&path, text).expect("written");
        (folder, path)
    }

    #[test]
    fn a_password_of_a_known_list_is_found_by_its_sha1() {
        // The SHA-1 of "password", as every such list has it.
        let known = "5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8";
        assert_eq!(sha1_hex("password"), known);
        let (_folder, path) = list(&format!(
            "0000000000000000000000000000000000000001:3\r\n{known}:9659365\r\nFF{}:1\r\n",
            "0".repeat(38)
        ));
        assert!(search(&path, known).expect("sorted"));
        assert!(!search(&path, &sha1_hex("other")).expect("sorted"));
    }

    #[test]
    fn without_a_list_nothing_is_known() {
        let folder = tempfile::tempdir().expect("a folder");
        assert!(!search(&folder.path().join("none"), &"A".repeat(40)).expect("no file"));
        let (_folder, path) = list("");
        assert!(!search(&path, &"A".repeat(40)).expect("empty"));
    }

    #[test]
    fn a_list_in_another_order_or_form_is_told() {
        let hashes = [
            "A".repeat(40),
            "C".repeat(40),
            "B".repeat(40),
            "D".repeat(40),
        ];
        let (_folder, path) = list(&hashes.join("\n"));
        let error = check(&path).expect_err("not sorted");
        assert!(
            matches!(error, ListError::NotSorted { offset: 82, .. }),
            "{error:?}"
        );
        let reversed: Vec<String> = (0..64).rev().map(|n| format!("{n:040X}")).collect();
        let (_folder, path) = list(&reversed.join("\n"));
        let error = search(&path, &format!("{:040X}", 5)).expect_err("reversed");
        assert!(error.to_string().contains("sort"), "{error}");
        for wrong in [
            "5baa61e4c9b93f3f0682250b6cf8331b7ee68fd8".to_owned(),
            "password".to_owned(),
            format!("{}:", "A".repeat(40)),
            "A".repeat(4000),
        ] {
            let (_folder, path) = list(&wrong);
            let error = search(&path, &"B".repeat(40)).expect_err(&wrong);
            assert!(matches!(error, ListError::Form { .. }), "{error:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        /// Whatever the lines' lengths: what is on the list is found, and nothing else.
        #[test]
        fn bisection_finds_what_is_there(
            entries in prop::collection::btree_map(0_u32..400, 0_u64..10_000_000, 0..120),
            counts in any::<bool>(), crlf in any::<bool>(), last_line_ends in any::<bool>(),
        ) {
            let there: BTreeSet<u32> = entries.keys().copied().collect();
            let mut text = String::new();
            for (number, count) in &entries {
                let _ = write!(text, "{number:040X}");
                if counts { let _ = write!(text, ":{count}"); }
                text.push_str(if crlf { "\r\n" } else { "\n" });
            }
            if !last_line_ends { text = text.trim_end().to_owned(); }
            let (_folder, path) = list(&text);
            prop_assert_eq!(check(&path).expect("sorted"), text.len() as u64);
            for number in 0..400_u32 {
                let found = search(&path, &format!("{number:040X}")).expect("sorted");
                prop_assert_eq!(found, there.contains(&number), "{}", number);
            }
        }
    }
}
