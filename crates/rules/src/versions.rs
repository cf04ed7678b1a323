//! Versions of the rule set on this machine: put in place, made the current one, taken back.
//!
//! ```text
//! waf/rules/4.28.0/        what a release holds, with mamori.json: where it came from
//! waf/rules/.staging-…/    being put together; swept away by the next command
//! waf/current              link to the version in force, replaced by one rename
//! waf/history.json         which version was in force from when; the way back
//! ```
//!
//! A version is complete or not there: it is unpacked, loaded and synced beside the others and then
//! renamed. The history is written before the link, so a crash between the two leaves the old
//! version in force and the way back still right: it is looked up from the version in force.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::archive::{self, ArchiveError, Unpacked};
use crate::folder::{Folders, Loaded, RulesError, Wanted, load};
use crate::signature::Signature;

/// The largest archive: releases have less than a tenth of it.
const ARCHIVE: u64 = 64 << 20;
/// Changes that are remembered.
const HISTORY: usize = 200;
const MANIFEST: &str = "mamori.json";
const HOME: &str = "waf";
const CURRENT: &str = "current";

/// Where the version in force lies below a data directory, whether there is one or not.
pub fn in_force(data_dir: &Path) -> PathBuf {
    data_dir.join(HOME).join(CURRENT)
}

/// Where a version came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Its name here.
    pub version: String,
    /// Name of the archive.
    pub archive: String,
    /// SHA-256 of the archive.
    pub sha256: String,
    /// What is known about its signature.
    pub signature: Signature,
    /// When it was installed.
    pub installed_at: Timestamp,
    /// How many rules it loads.
    pub rules: usize,
    /// How many files it has.
    pub files: usize,
}

/// A version and whether it is in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Installed {
    /// Where it came from.
    #[serde(flatten)]
    pub manifest: Manifest,
    /// In force.
    pub active: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Change {
    at: Timestamp,
    version: String,
}

/// A version cannot be installed or made the current one.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// The archive.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// The rules in it do not load.
    #[error("この版は入れません。{0}")]
    Rules(#[from] RulesError),
    /// A file cannot be read or written.
    #[error("{path}: {error}。権限と空き容量を確かめてください")]
    Disk {
        /// Which.
        path: String,
        /// Why.
        error: io::Error,
    },
    /// The archive is larger than any release.
    #[error("{0} は 64 MiB を超えています。OWASP CRS の配布物か確かめてください")]
    Large(String),
    /// Not the archive that was meant.
    #[error(
        "チェックサムが違います（期待: {expected}、実際: {found}）。配布元から取り直してください"
    )]
    Checksum {
        /// As given.
        expected: String,
        /// Of the file.
        found: String,
    },
    /// The signature does not hold.
    #[error(
        "署名が正しくありません: {0}。この配布物は使わないでください（鍵束が配布元のものかも確かめてください）"
    )]
    Signature(String),
    /// A keyring was given, but nothing could be verified with it.
    #[error("署名を検証できません: {0}")]
    Unverified(String),
    /// The version's name cannot be told.
    #[error("版の名前が分かりません。--name 4.28.0 のように付けてください")]
    NoName,
    /// The name is no name of a folder.
    #[error(
        "版の名前「{0}」は使えません。英数字で始め、英数字と . _ - だけで 64 字までにしてください"
    )]
    Name(String),
    /// Another archive was installed under that name.
    #[error(
        "版 {version} は別の配布物（SHA-256 {sha256}）から入っています。--name で別の名前を付けてください"
    )]
    Taken {
        /// The name.
        version: String,
        /// The other's checksum.
        sha256: String,
    },
    /// There is no such version.
    #[error("版 {version} は入っていません。入っている版: {known}")]
    Unknown {
        /// As asked for.
        version: String,
        /// What there is.
        known: String,
    },
    /// There is nothing to go back to.
    #[error(
        "戻す先の版がありません。`mamori waf list` で版を確かめ、`mamori waf activate VERSION` で選んでください"
    )]
    NoWayBack,
}

/// A version that was unpacked and loads, not yet among the others.
#[derive(Debug)]
pub struct Staged {
    folder: PathBuf,
    /// What will be known about it.
    pub manifest: Manifest,
    /// Its rules, loaded for refusing.
    pub loaded: Loaded,
}

impl Staged {
    /// Where it lies until it is kept.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Staged {
    /// What was not kept goes; what was kept lies elsewhere by now.
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// The versions under a data directory.
#[derive(Debug)]
pub struct Versions {
    home: PathBuf,
    /// One command at a time.
    _lock: File,
}

impl Versions {
    /// Opens the place, and waits for another command that works on it.
    pub fn open(data_dir: &Path) -> Result<Self, InstallError> {
        let home = data_dir.join(HOME);
        let rules = home.join("rules");
        fs::create_dir_all(&rules).map_err(disk(&rules))?;
        let path = home.join("lock");
        let lock = File::create(&path).map_err(disk(&path))?;
        lock.lock().map_err(disk(&path))?;
        let versions = Self { home, _lock: lock };
        versions.sweep()?;
        Ok(versions)
    }

    /// Removes what a broken installation left.
    fn sweep(&self) -> Result<(), InstallError> {
        for path in entries(&self.rules())? {
            if name(&path).starts_with(".staging-") {
                fs::remove_dir_all(&path).map_err(disk(&path))?;
            }
        }
        Ok(())
    }

    fn rules(&self) -> PathBuf {
        self.home.join("rules")
    }

    /// The folder of a version.
    pub fn folder(&self, version: &str) -> PathBuf {
        self.rules().join(version)
    }

    /// Checks, unpacks and loads an archive. Nothing is in place yet.
    pub fn stage(
        &self,
        file: &Path,
        called: Option<&str>,
        sha256: &str,
        signature: Signature,
        now: Timestamp,
    ) -> Result<Staged, InstallError> {
        // Two may be put together at the same time, also by one process.
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = self
            .rules()
            .join(format!(".staging-{}-{number}", std::process::id()));
        fs::create_dir(&folder).map_err(disk(&folder))?;
        let staged = Self::fill(folder.clone(), file, called, sha256, signature, now);
        if staged.is_err() {
            let _ = fs::remove_dir_all(&folder);
        }
        staged
    }

    fn fill(
        folder: PathBuf,
        file: &Path,
        called: Option<&str>,
        sha256: &str,
        signature: Signature,
        now: Timestamp,
    ) -> Result<Staged, InstallError> {
        let unpacked = archive::unpack(file, &folder)?;
        if let Some(top) = &unpacked.top {
            lift(&folder, top)?;
        }
        let folders = Folders {
            rules: folder.clone(),
            plugins: Vec::new(),
        };
        let loaded = load(&folders, &Wanted::default())?;
        let version = match called {
            Some(called) => called.to_owned(),
            None => version(&loaded, &unpacked).ok_or(InstallError::NoName)?,
        };
        if !fits(&version) {
            return Err(InstallError::Name(version));
        }
        let manifest = Manifest {
            version,
            archive: name(file).to_owned(),
            sha256: sha256.to_owned(),
            signature,
            installed_at: now,
            rules: loaded.rules.len(),
            files: unpacked.files,
        };
        write(&folder.join(MANIFEST), &manifest)?;
        sync_tree(&folder)?;
        Ok(Staged {
            folder,
            manifest,
            loaded,
        })
    }

    /// Puts a staged version among the others. The same archive a second time changes nothing.
    pub fn keep(&self, staged: &Staged) -> Result<Manifest, InstallError> {
        let place = self.folder(&staged.manifest.version);
        if place.exists() {
            let there = manifest(&place)?;
            if there.sha256 == staged.manifest.sha256 {
                return Ok(there);
            }
            return Err(InstallError::Taken {
                version: there.version,
                sha256: there.sha256,
            });
        }
        fs::rename(&staged.folder, &place).map_err(disk(&place))?;
        sync(&self.rules())?;
        Ok(staged.manifest.clone())
    }

    /// All versions, the latest first.
    pub fn list(&self) -> Result<Vec<Installed>, InstallError> {
        let active = self.active();
        let mut all = Vec::new();
        for path in entries(&self.rules())? {
            if name(&path).starts_with('.') || !path.is_dir() {
                continue;
            }
            let manifest = manifest(&path)?;
            let active = active.as_deref() == Some(name(&path));
            all.push(Installed { manifest, active });
        }
        all.sort_by_key(|one: &Installed| std::cmp::Reverse(one.manifest.installed_at));
        Ok(all)
    }

    /// The version in force.
    pub fn active(&self) -> Option<String> {
        let target = fs::read_link(self.home.join(CURRENT)).ok()?;
        Some(name(&target).to_owned()).filter(|version| self.folder(version).is_dir())
    }

    /// Makes a version the current one. It must load: an edited one may not.
    pub fn activate(&self, version: &str, now: Timestamp) -> Result<(), InstallError> {
        if !fits(version) || !self.folder(version).is_dir() {
            let known: Vec<String> = self
                .list()?
                .into_iter()
                .map(|one| one.manifest.version)
                .collect();
            return Err(InstallError::Unknown {
                version: version.to_owned(),
                known: if known.is_empty() {
                    "なし".to_owned()
                } else {
                    known.join(", ")
                },
            });
        }
        let folders = Folders {
            rules: self.folder(version),
            plugins: Vec::new(),
        };
        load(&folders, &Wanted::default())?;
        let mut history = self.history()?;
        // Without a record of what was in force before, there would be no way back.
        for version in self.active().into_iter().chain([version.to_owned()]) {
            if history.last().is_none_or(|last| last.version != version) {
                history.push(Change { at: now, version });
            }
        }
        let surplus = history.len().saturating_sub(HISTORY);
        write(&self.home.join("history.json"), &history[surplus..])?;
        sync(&self.home)?;
        let link = self.home.join(".current-new");
        let _ = fs::remove_file(&link);
        std::os::unix::fs::symlink(Path::new("rules").join(version), &link).map_err(disk(&link))?;
        let current = self.home.join(CURRENT);
        fs::rename(&link, &current).map_err(disk(&current))?;
        sync(&self.home)
    }

    /// Goes back to the version that was in force before the current one.
    pub fn revert(&self, now: Timestamp) -> Result<String, InstallError> {
        let active = self.active().ok_or(InstallError::NoWayBack)?;
        let history = self.history()?;
        let since = history
            .iter()
            .rposition(|change| change.version == active)
            .unwrap_or(history.len());
        let before = history[..since]
            .iter()
            .rev()
            .find(|change| change.version != active && self.folder(&change.version).is_dir())
            .ok_or(InstallError::NoWayBack)?
            .version
            .clone();
        self.activate(&before, now)?;
        Ok(before)
    }

    fn history(&self) -> Result<Vec<Change>, InstallError> {
        let path = self.home.join("history.json");
        match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| disk(&path)(error.into())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(disk(&path)(error)),
        }
    }
}

/// SHA-256 of an archive, compared with what was expected.
pub fn checksum(archive: &Path, expected: Option<&str>) -> Result<String, InstallError> {
    let failed = disk(archive);
    let mut file = File::open(archive).map_err(&failed)?;
    if file.metadata().map_err(&failed)?.len() > ARCHIVE {
        return Err(InstallError::Large(archive.display().to_string()));
    }
    let mut digest = Sha256::new();
    let mut buffer = vec![0; 64 << 10];
    loop {
        match file.read(&mut buffer).map_err(&failed)? {
            0 => break,
            count => digest.update(&buffer[..count]),
        }
    }
    let found = hex::encode(digest.finalize());
    match expected {
        Some(expected) if !expected.trim().eq_ignore_ascii_case(&found) => {
            Err(InstallError::Checksum {
                expected: expected.to_owned(),
                found,
            })
        }
        _ => Ok(found),
    }
}

/// As the rules call themselves, else as the archive calls its folder.
fn version(loaded: &Loaded, unpacked: &Unpacked) -> Option<String> {
    let of_rules = loaded
        .rules
        .settings()
        .components
        .iter()
        .find_map(|component| {
            let number = component.strip_prefix("OWASP_CRS/")?;
            number.split_whitespace().next().map(str::to_owned)
        });
    let top = unpacked.top.as_deref();
    of_rules.or_else(|| Some(top?.strip_prefix("coreruleset-")?.to_owned()))
}

/// A name that can be a folder and cannot be anything else.
fn fits(version: &str) -> bool {
    version.len() <= 64
        && version.starts_with(|first: char| first.is_ascii_alphanumeric())
        && version
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '+'))
}

/// Takes away the one folder around everything.
fn lift(folder: &Path, top: &str) -> Result<(), InstallError> {
    // Out of the way first: within it there may be something of its own name.
    let aside = folder.join(".top");
    fs::rename(folder.join(top), &aside).map_err(disk(&aside))?;
    for path in entries(&aside)? {
        let place = folder.join(name(&path));
        // Files beside the one folder stay; nothing replaces them.
        if !place.exists() {
            fs::rename(&path, &place).map_err(disk(&place))?;
        }
    }
    fs::remove_dir_all(&aside).map_err(disk(&aside))
}

fn manifest(folder: &Path) -> Result<Manifest, InstallError> {
    let path = folder.join(MANIFEST);
    let bytes = fs::read(&path).map_err(disk(&path))?;
    serde_json::from_slice(&bytes).map_err(|error| disk(&path)(error.into()))
}

/// Writes a file that is there as a whole or not at all.
fn write(path: &Path, value: &(impl Serialize + ?Sized)) -> Result<(), InstallError> {
    let beside = path.with_extension("new");
    let bytes = serde_json::to_vec_pretty(value).expect("our own types are JSON");
    File::create(&beside)
        .and_then(|mut file| {
            file.write_all(&bytes)?;
            file.sync_all()
        })
        .and_then(|()| fs::rename(&beside, path))
        .map_err(disk(path))
}

fn sync_tree(folder: &Path) -> Result<(), InstallError> {
    for path in entries(folder)? {
        if path.is_dir() {
            sync_tree(&path)?;
        }
    }
    sync(folder)
}

fn sync(folder: &Path) -> Result<(), InstallError> {
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(disk(folder))
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, InstallError> {
    fs::read_dir(folder)
        .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect())
        .map_err(disk(folder))
}

fn name(path: &Path) -> &str {
    path.file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default()
}

fn disk(path: &Path) -> impl Fn(io::Error) -> InstallError + use<> {
    let path = path.display().to_string();
    move |error| InstallError::Disk {
        path: path.clone(),
        error,
    }
}

#[cfg(test)]
mod tests;
