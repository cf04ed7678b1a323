//! Content-addressed files: `blobs/ab/cdef…`, named by the SHA-256 of their bytes.
//!
//! Written to a temporary file, synced, renamed, folder synced: a blob is there whole or not at
//! all. Every read is checked against the name. Erasing removes the file and leaves a row with
//! time and reason (table `blob`), so that "erased" and "lost" stay different.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use mamori_kernel::merkle::Digest;
use sha2::{Digest as _, Sha256};

use crate::args;
use crate::db::Db;
use crate::error::{Error, Result};
use crate::tx::Tx;

/// Bytes per read.
const CHUNK: usize = 64 * 1024;

/// The folder of blobs. Methods block: call them from a blocking thread for large files.
#[derive(Debug, Clone)]
pub struct Blobs {
    folder: PathBuf,
}

/// A stored blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Blob {
    /// SHA-256 of the bytes.
    pub sha256: Digest,
    /// Number of bytes.
    pub size: u64,
}

/// What is known of a blob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BlobState {
    /// The bytes are there.
    Present {
        /// Number of bytes.
        size: u64,
    },
    /// Erased on purpose.
    Erased {
        /// When.
        at: Timestamp,
        /// Why.
        reason: String,
    },
    /// Neither there nor erased.
    Missing,
}

impl Blobs {
    /// Uses `folder` (made on first write).
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
        }
    }

    /// Where a blob lies.
    pub fn path(&self, sha256: &Digest) -> PathBuf {
        let hex = sha256.to_hex();
        self.folder.join(&hex[..2]).join(&hex[2..])
    }

    /// Stores bytes from memory.
    pub fn put(&self, bytes: &[u8]) -> Result<Blob> {
        self.put_from(bytes)
    }

    /// Stores bytes from a reader; durable when this returns.
    pub fn put_from(&self, mut source: impl Read) -> Result<Blob> {
        let failed = |e: io::Error| Error::file(&self.folder, "ファイルの保存", &e);
        fs::create_dir_all(&self.folder).map_err(failed)?;
        let mut temporary = tempfile::NamedTempFile::new_in(&self.folder).map_err(failed)?;
        let mut hasher = Sha256::new();
        let mut buffer = vec![0u8; CHUNK];
        let mut size = 0u64;
        loop {
            let count = source.read(&mut buffer).map_err(failed)?;
            if count == 0 {
                break;
            }
            hasher.update(&buffer[..count]);
            temporary.write_all(&buffer[..count]).map_err(failed)?;
            size += count as u64;
        }
        let sha256 = Digest::from_bytes(hasher.finalize().into());
        let path = self.path(&sha256);
        if self.copy_to(&sha256, &mut io::sink()).is_ok() {
            return Ok(Blob { sha256, size });
        }
        let folder = path.parent().unwrap_or(&self.folder);
        temporary.as_file().sync_all().map_err(failed)?;
        fs::create_dir_all(folder).map_err(failed)?;
        temporary
            .persist(&path)
            .map_err(|e| Error::file(&path, "ファイルの保存", &e.error))?;
        sync_folder(folder)?;
        sync_folder(&self.folder)?;
        Ok(Blob { sha256, size })
    }

    /// All bytes of a blob, checked.
    pub fn read(&self, sha256: &Digest) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.copy_to(sha256, &mut bytes)?;
        Ok(bytes)
    }

    /// Streams a blob into `target` and returns its size. When the bytes do not fit the name, the
    /// error comes after they were written: use what was written only on `Ok`.
    pub fn copy_to(&self, sha256: &Digest, target: &mut dyn Write) -> Result<u64> {
        let path = self.path(sha256);
        let mut file = match File::open(&path) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                return Err(Error::not_found(format!("ファイル {sha256}")));
            }
            Err(e) => return Err(Error::file(&path, "ファイルの読込み", &e)),
        };
        let failed = |e: io::Error| Error::file(&path, "ファイルの読込み", &e);
        let mut hasher = Sha256::new();
        let mut buffer = vec![0u8; CHUNK];
        let mut size = 0u64;
        loop {
            let count = file.read(&mut buffer).map_err(failed)?;
            if count == 0 {
                break;
            }
            hasher.update(&buffer[..count]);
            target.write_all(&buffer[..count]).map_err(failed)?;
            size += count as u64;
        }
        if Digest::from_bytes(hasher.finalize().into()) == *sha256 {
            Ok(size)
        } else {
            Err(Error::Corrupt {
                detail: format!("{}: 内容が名前のダイジェストと違います", path.display()),
            })
        }
    }

    /// Size of a blob; `None` when it is not there.
    pub fn size(&self, sha256: &Digest) -> Option<u64> {
        fs::metadata(self.path(sha256)).ok().map(|m| m.len())
    }

    /// Names of all blobs, sorted.
    pub fn list(&self) -> Result<Vec<Digest>> {
        let failed = |e: io::Error| Error::file(&self.folder, "ファイルの一覧", &e);
        let mut found = Vec::new();
        if !self.folder.exists() {
            return Ok(found);
        }
        for outer in fs::read_dir(&self.folder).map_err(failed)? {
            let outer = outer.map_err(failed)?;
            if !outer.file_type().map_err(failed)?.is_dir() {
                continue;
            }
            for inner in fs::read_dir(outer.path()).map_err(failed)? {
                let inner = inner.map_err(failed)?;
                let name = [outer.file_name(), inner.file_name()]
                    .iter()
                    .map(|part| part.to_string_lossy().into_owned())
                    .collect::<String>();
                found.extend(Digest::from_hex(&name));
            }
        }
        found.sort();
        Ok(found)
    }

    /// Removes the bytes after the tombstone was committed ([`Tx::record_blob_erased`]).
    pub fn remove(&self, sha256: &Digest) -> Result<()> {
        let path = self.path(sha256);
        match fs::remove_file(&path) {
            Ok(()) => sync_folder(path.parent().unwrap_or(&self.folder)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(e) => Err(Error::file(&path, "ファイルの削除", &e)),
        }
    }
}

/// Makes names in a folder durable.
pub(crate) fn sync_folder(folder: &Path) -> Result<()> {
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|e| Error::file(folder, "フォルダーの書込み", &e))
}

impl Tx {
    /// Notes a blob as stored (again, when it had been erased).
    pub async fn record_blob(&mut self, blob: &Blob, at: Timestamp) -> Result<()> {
        self.execute(
            "INSERT INTO blob (sha256, size, stored_ms) VALUES ($1, $2, $3) \
             ON CONFLICT (sha256) DO UPDATE SET stored_ms = excluded.stored_ms, \
             erased_ms = NULL, reason = NULL WHERE blob.erased_ms IS NOT NULL",
            args![blob.sha256, blob.size as i64, at],
        )
        .await?;
        Ok(())
    }

    /// Leaves the tombstone of a blob. Commit, then call [`Blobs::remove`]; both may be repeated.
    pub async fn record_blob_erased(
        &mut self,
        sha256: &Digest,
        reason: &str,
        at: Timestamp,
    ) -> Result<()> {
        let touched = self
            .execute(
                "UPDATE blob SET erased_ms = $2, reason = $3 \
                 WHERE sha256 = $1 AND erased_ms IS NULL",
                args![*sha256, at, reason],
            )
            .await?;
        if touched == 0 {
            return Err(Error::not_found(format!("ファイル {sha256}")));
        }
        Ok(())
    }
}

impl Db {
    /// What is known of a blob.
    pub async fn blob_state(&self, blobs: &Blobs, sha256: &Digest) -> Result<BlobState> {
        let tombstone = self
            .fetch_optional(
                "SELECT erased_ms, reason FROM blob \
                 WHERE sha256 = $1 AND erased_ms IS NOT NULL",
                args![*sha256],
            )
            .await?;
        if let Some(row) = tombstone {
            return Ok(BlobState::Erased {
                at: row.timestamp("erased_ms")?,
                reason: row.get::<Option<String>>("reason")?.unwrap_or_default(),
            });
        }
        Ok(blobs
            .size(sha256)
            .map_or(BlobState::Missing, |size| BlobState::Present { size }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blobs_are_found_by_their_digest_and_checked() {
        let folder = tempfile::tempdir().expect("temp folder");
        let blobs = Blobs::new(folder.path().join("blobs"));
        assert_eq!(blobs.list(), Ok(vec![]));
        let bytes = vec![7u8; 200_000];
        let blob = blobs.put(&bytes).expect("stored");
        assert_eq!(blob, blobs.put(&bytes).expect("stored again"));
        assert_eq!((blob.sha256, blob.size), (Digest::of(&bytes), 200_000));
        assert_eq!(blobs.read(&blob.sha256).expect("read"), bytes);
        assert_eq!(blobs.list(), Ok(vec![blob.sha256]));
        fs::write(blobs.path(&blob.sha256), b"changed").expect("write");
        assert!(matches!(
            blobs.read(&blob.sha256),
            Err(Error::Corrupt { .. })
        ));
        // Storing the right bytes again repairs a damaged file.
        blobs.put(&bytes).expect("repaired");
        assert_eq!(blobs.read(&blob.sha256).expect("read"), bytes);
        blobs.remove(&blob.sha256).expect("removed");
        blobs.remove(&blob.sha256).expect("again");
        assert!(matches!(
            blobs.read(&blob.sha256),
            Err(Error::NotFound { .. })
        ));
    }
}
