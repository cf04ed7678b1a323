//! Unpacking a release archive that nobody has vouched for yet.
//!
//! Nothing is written outside the folder, nothing but plain files and folders is made, and size and
//! number are bounded while unpacking, not after. Of a release only what runs is kept: rules,
//! plugins, setup, licence; its tests and tools are passed over (and checked all the same).

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Read, Seek, Write};
use std::path::{Component, Path, PathBuf};

use flate2::read::GzDecoder;

/// Bytes of all files together.
const TOTAL: u64 = 256 << 20;
/// Bytes of one file.
const ONE: u64 = 32 << 20;
/// Files and folders.
const ENTRIES: usize = 20_000;
/// Folders within folders.
const DEEPEST: usize = 16;
/// Folders that are kept.
const KEPT: &[&str] = &["rules", "plugins"];

/// What was unpacked.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Unpacked {
    /// Files written.
    pub files: usize,
    /// Their bytes.
    pub bytes: u64,
    /// Name of the one folder that holds everything, if the archive has such a folder.
    pub top: Option<String>,
}

/// An archive that is not unpacked.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// Neither form.
    #[error("アーカイブの形式が分かりません。.tar.gz か .zip を指定してください")]
    Form,
    /// It cannot be read.
    #[error(
        "アーカイブが読めません（{0}）。壊れていないか、チェックサムを確かめて取り直してください"
    )]
    Broken(String),
    /// A name that leads outside, or that is no name.
    #[error(
        "アーカイブの中の「{0}」は置き場所の外を指すか、使えない名前です。この配布物は使わないでください"
    )]
    Path(String),
    /// A link.
    #[error("アーカイブの中の「{0}」は外へのリンクです。この配布物は使わないでください")]
    Link(String),
    /// The same name twice.
    #[error("アーカイブの中に「{0}」が 2 度あります。この配布物は使わないでください")]
    Twice(String),
    /// Larger than any rule set.
    #[error("アーカイブが大きすぎます（{0}）。OWASP CRS の配布物か確かめてください")]
    Large(&'static str),
    /// Neither rules nor a folder with rules.
    #[error(
        "アーカイブの中に rules/ がありません。OWASP CRS の配布物（例: coreruleset-4.x-minimal.tar.gz）を指定してください"
    )]
    NoRules,
    /// The disk.
    #[error("{path} に書けません（{error}）。空き容量と権限を確かめてください")]
    Disk {
        /// Where.
        path: String,
        /// Why.
        error: io::Error,
    },
}

/// Unpacks into a folder that exists and is empty.
pub fn unpack(archive: &Path, into: &Path) -> Result<Unpacked, ArchiveError> {
    let broken = |error: io::Error| ArchiveError::Broken(error.to_string());
    let mut file = File::open(archive).map_err(broken)?;
    let mut magic = [0; 2];
    let known = file.read_exact(&mut magic).is_ok();
    file.rewind().map_err(broken)?;
    let mut taker = Taker {
        into,
        seen: HashSet::new(),
        entries: 0,
        tops: HashSet::new(),
        bytes: 0,
    };
    match &magic {
        [0x1f, 0x8b] if known => tar(file, &mut taker)?,
        b"PK" if known => zip(file, &mut taker)?,
        _ => return Err(ArchiveError::Form),
    }
    taker.finish()
}

fn tar(file: File, taker: &mut Taker<'_>) -> Result<(), ArchiveError> {
    let broken = |error: io::Error| ArchiveError::Broken(error.to_string());
    // Bounded before anything is read of it: a small file may unpack to terabytes.
    let most = TOTAL + (ENTRIES as u64) * 1024;
    let mut archive = tar::Archive::new(GzDecoder::new(file).take(most));
    for entry in archive.entries().map_err(broken)? {
        let mut entry = entry.map_err(broken)?;
        let kind = entry.header().entry_type();
        if kind.is_pax_global_extensions() {
            continue;
        }
        let path = entry.path().map_err(broken)?.into_owned();
        if kind.is_symlink() || kind.is_hard_link() {
            let target = entry.link_name().map_err(broken)?;
            // A hard link names a place from the root of the archive.
            let from = if kind.is_hard_link() {
                Path::new("")
            } else {
                path.parent().unwrap_or(&path)
            };
            taker.link(&path, &from.join(target.unwrap_or_default()))?;
        } else if kind.is_dir() {
            taker.folder(&path)?;
        } else if kind.is_file() || kind.is_contiguous() {
            let size = entry.size();
            taker.file(&path, size, &mut entry)?;
        } else {
            return Err(ArchiveError::Path(path.display().to_string()));
        }
    }
    Ok(())
}

fn zip(file: File, taker: &mut Taker<'_>) -> Result<(), ArchiveError> {
    let broken = |error: zip::result::ZipError| ArchiveError::Broken(error.to_string());
    let mut archive = zip::ZipArchive::new(file).map_err(broken)?;
    for at in 0..archive.len() {
        let mut entry = archive.by_index(at).map_err(broken)?;
        let path = PathBuf::from(entry.name().map_err(broken)?.into_owned());
        if entry.is_symlink() {
            let mut target = String::new();
            (&mut entry)
                .take(4096)
                .read_to_string(&mut target)
                .map_err(|error| ArchiveError::Broken(error.to_string()))?;
            taker.link(&path, &path.parent().unwrap_or(&path).join(target))?;
        } else if entry.is_dir() {
            taker.folder(&path)?;
        } else {
            let size = entry.size();
            taker.file(&path, size, &mut entry)?;
        }
    }
    Ok(())
}

/// Takes what an archive holds, and refuses what it must not hold.
struct Taker<'a> {
    into: &'a Path,
    seen: HashSet<PathBuf>,
    entries: usize,
    /// First parts of all names.
    tops: HashSet<String>,
    /// Written so far.
    bytes: u64,
}

impl Taker<'_> {
    fn folder(&mut self, path: &Path) -> Result<(), ArchiveError> {
        self.count()?;
        parts(path).map(|_| ())
    }

    /// Links are never made; one that leads outside says that the archive means harm.
    fn link(&mut self, path: &Path, target: &Path) -> Result<(), ArchiveError> {
        self.count()?;
        parts(path)?;
        let mut depth = 0_i32;
        for part in target.components() {
            match part {
                Component::Normal(_) => depth += 1,
                Component::CurDir => {}
                Component::ParentDir => depth -= 1,
                Component::RootDir | Component::Prefix(_) => depth = i32::MIN / 2,
            }
            if depth < 0 {
                return Err(ArchiveError::Link(path.display().to_string()));
            }
        }
        Ok(())
    }

    fn file(&mut self, path: &Path, size: u64, from: &mut dyn Read) -> Result<(), ArchiveError> {
        self.count()?;
        let parts = parts(path)?;
        let joined: PathBuf = parts.iter().collect();
        if !self.seen.insert(joined.clone()) {
            return Err(ArchiveError::Twice(path.display().to_string()));
        }
        if size > ONE {
            return Err(ArchiveError::Large("1 つのファイルが 32 MiB を超えます"));
        }
        if let [top, _, ..] = parts.as_slice() {
            self.tops.insert(top.clone());
        }
        let within = |parts: &[String]| match parts {
            [_] => true,
            [folder, ..] => KEPT.contains(&folder.as_str()),
            [] => false,
        };
        // With or without the one folder around everything; which of both is known at the end.
        if !(within(&parts) || within(&parts[1..])) {
            return Ok(());
        }
        let place = self.into.join(&joined);
        let disk = |error: io::Error| ArchiveError::Disk {
            path: place.display().to_string(),
            error,
        };
        if let Some(folder) = place.parent() {
            fs::create_dir_all(folder).map_err(disk)?;
        }
        let mut file = File::create_new(&place).map_err(disk)?;
        // The size that the archive states may be a lie.
        let mut from = from.take(ONE + 1);
        let mut buffer = vec![0; 64 << 10];
        let mut written = 0;
        loop {
            let count = match from.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(ArchiveError::Broken(error.to_string())),
            };
            written += count as u64;
            if written > ONE {
                return Err(ArchiveError::Large("1 つのファイルが 32 MiB を超えます"));
            }
            if self.bytes + written > TOTAL {
                return Err(ArchiveError::Large("展開すると 256 MiB を超えます"));
            }
            file.write_all(&buffer[..count]).map_err(disk)?;
        }
        file.sync_all().map_err(disk)?;
        self.bytes += written;
        Ok(())
    }

    fn count(&mut self) -> Result<(), ArchiveError> {
        self.entries += 1;
        if self.entries > ENTRIES {
            return Err(ArchiveError::Large("ファイルが 20,000 を超えます"));
        }
        Ok(())
    }

    /// Knows now whether one folder is around everything, and drops what belongs to neither form.
    fn finish(self) -> Result<Unpacked, ArchiveError> {
        let mut tops = self.tops.into_iter();
        let top = match (tops.next(), tops.next()) {
            (Some(top), None) if !KEPT.contains(&top.as_str()) => Some(top),
            _ => None,
        };
        let home = top
            .as_ref()
            .map_or_else(|| self.into.to_owned(), |top| self.into.join(top));
        if !home.join("rules").is_dir() {
            return Err(ArchiveError::NoRules);
        }
        let keep = |name: &str| {
            top.as_deref()
                .map_or(KEPT.contains(&name), |top| name == top)
        };
        let mut unpacked = Unpacked::default();
        for path in folder(self.into)? {
            let name = path
                .file_name()
                .map(|name| name.to_string_lossy().into_owned());
            if path.is_dir() && !name.is_some_and(|name| keep(&name)) {
                fs::remove_dir_all(&path).map_err(|error| ArchiveError::Disk {
                    path: path.display().to_string(),
                    error,
                })?;
            }
        }
        measure(self.into, &mut unpacked)?;
        unpacked.top = top;
        Ok(unpacked)
    }
}

fn folder(path: &Path) -> Result<Vec<PathBuf>, ArchiveError> {
    fs::read_dir(path)
        .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect())
        .map_err(|error| ArchiveError::Disk {
            path: path.display().to_string(),
            error,
        })
}

/// Counts what is there.
fn measure(place: &Path, unpacked: &mut Unpacked) -> Result<(), ArchiveError> {
    for path in folder(place)? {
        if path.is_dir() {
            measure(&path, unpacked)?;
        } else {
            unpacked.files += 1;
            unpacked.bytes += fs::metadata(&path).map_or(0, |about| about.len());
        }
    }
    Ok(())
}

/// The parts of a name that leads inside.
fn parts(path: &Path) -> Result<Vec<String>, ArchiveError> {
    let refused = || ArchiveError::Path(path.display().to_string());
    let mut parts = Vec::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::Normal(name) => {
                let name = name.to_str().ok_or_else(refused)?;
                if name.len() > 255 || name.contains(['\\', '\0', '\n', '\r']) {
                    return Err(refused());
                }
                parts.push(name.to_owned());
            }
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => {
                return Err(refused());
            }
        }
    }
    if parts.len() > DEEPEST {
        return Err(refused());
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One entry of a tar made by hand: libraries refuse to make what is tested here.
    fn entry(name: &str, kind: u8, link: &str, content: &[u8]) -> Vec<u8> {
        let mut header = tar::Header::new_ustar();
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.as_mut_bytes()[157..157 + link.len()].copy_from_slice(link.as_bytes());
        header.set_entry_type(tar::EntryType::new(kind));
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        let mut bytes = header.as_bytes().to_vec();
        bytes.extend_from_slice(content);
        bytes.resize(bytes.len().next_multiple_of(512), 0);
        bytes
    }

    fn gz(entries: &[Vec<u8>]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        for entry in entries {
            encoder.write_all(entry).expect("written");
        }
        encoder.write_all(&[0; 1024]).expect("written");
        encoder.finish().expect("finished")
    }

    fn run(archive: &[u8]) -> (Result<Unpacked, ArchiveError>, tempfile::TempDir) {
        let folder = tempfile::tempdir().expect("a folder");
        let (file, into) = (folder.path().join("a"), folder.path().join("into"));
        fs::write(&file, archive).expect("written");
        fs::create_dir(&into).expect("made");
        (unpack(&file, &into), folder)
    }

    fn file(name: &str) -> Vec<u8> {
        entry(name, b'0', "", b"x")
    }

    #[test]
    fn a_release_is_unpacked_without_its_tests() {
        let archive = gz(&[
            entry("pax_global_header", b'g', "", b"9 a=b\n"),
            entry("crs-4/", b'5', "", b""),
            file("crs-4/rules/REQUEST-901.conf"),
            file("crs-4/crs-setup.conf.example"),
            file("crs-4/tests/regression/x.yaml"),
            entry("crs-4/rules/alias.conf", b'2', "REQUEST-901.conf", b""),
        ]);
        let (unpacked, folder) = run(&archive);
        let unpacked = unpacked.expect("unpacked");
        assert_eq!(
            unpacked,
            Unpacked {
                files: 2,
                bytes: 2,
                top: Some("crs-4".to_owned())
            }
        );
        let home = folder.path().join("into/crs-4");
        assert!(home.join("rules/REQUEST-901.conf").is_file());
        assert!(!home.join("tests").exists() && !home.join("rules/alias.conf").exists());
    }

    #[test]
    fn a_zip_is_unpacked_too() {
        let mut writer = zip::ZipWriter::new(io::Cursor::new(Vec::new()));
        let options = zip::write::SimpleFileOptions::default();
        for name in ["rules/a.conf", "crs-setup.conf.example", "docs/x.md"] {
            writer.start_file(name, options).expect("begun");
            writer.write_all(b"x").expect("written");
        }
        let archive = writer.finish().expect("finished").into_inner();
        let unpacked = run(&archive).0.expect("unpacked");
        assert_eq!(
            unpacked,
            Unpacked {
                files: 2,
                bytes: 2,
                top: None
            }
        );
    }

    #[test]
    fn what_means_harm_is_refused_and_nothing_is_written_outside() {
        let rules = || file("rules/a.conf");
        let cases: Vec<(&str, Vec<Vec<u8>>)> = vec![
            ("置き場所の外", vec![rules(), file("../evil")]),
            ("置き場所の外", vec![rules(), file("rules/../../evil")]),
            ("置き場所の外", vec![rules(), file("/tmp/mamori-evil")]),
            ("置き場所の外", vec![rules(), file("rules\\..\\evil")]),
            (
                "置き場所の外",
                vec![rules(), entry("rules/pipe", b'6', "", b"")],
            ),
            (
                "リンク",
                vec![rules(), entry("rules/l", b'2', "../../etc/passwd", b"")],
            ),
            (
                "リンク",
                vec![rules(), entry("rules/l", b'2', "/etc/passwd", b"")],
            ),
            ("リンク", vec![rules(), entry("l", b'1', "../x", b"")]),
            ("2 度", vec![rules(), rules()]),
            ("2 度", vec![rules(), file("./rules/a.conf")]),
            ("rules/ がありません", vec![file("x.conf")]),
            ("rules/ がありません", vec![]),
            (
                "32 MiB",
                vec![entry(
                    "rules/b.data",
                    b'0',
                    "",
                    &vec![0; (ONE + 1) as usize],
                )],
            ),
            (
                "20,000",
                (0..=ENTRIES)
                    .map(|at| entry(&format!("d{at}"), b'5', "", b""))
                    .collect(),
            ),
        ];
        for (said, entries) in cases {
            let (outcome, folder) = run(&gz(&entries));
            let message = outcome.expect_err(said).to_string();
            assert!(message.contains(said), "{said}: {message}");
            assert!(!folder.path().join("evil").exists());
        }
    }

    #[test]
    fn what_is_no_archive_is_refused() {
        for archive in [
            &b""[..],
            b"x",
            b"plain text",
            b"\x1f\x8bbroken",
            b"PK\x03\x04broken",
        ] {
            assert!(run(archive).0.is_err(), "{archive:?}");
        }
        let whole = gz(&[
            file("rules/a.conf"),
            entry("rules/b.conf", b'0', "", &[7; 5000]),
        ]);
        let cut = run(&whole[..whole.len() / 2]).0.expect_err("cut");
        assert!(matches!(cut, ArchiveError::Broken(_)), "{cut}");
    }
}
