//! What is kept secret at rest: sealed with a key that lies beside the database, not in it, so that
//! a copy of the database alone yields no one-time codes and signs no webhook.
//!
//! AES-256-GCM under `keys/web.key` (32 bytes as hex, mode 0600, made on first use). What is sealed
//! is bound to a purpose: a sealed text moved to another row or used for another end does not open.

use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aes_gcm::aead::{Aead as _, Payload};
use aes_gcm::{Aes256Gcm, Key, KeyInit as _, Nonce};
use sha2::{Digest as _, Sha256};

use crate::{App, HookError};

const NONCE_BYTES: usize = 12;

/// The key file cannot be used.
#[derive(Debug, thiserror::Error)]
#[error(
    "鍵 {path} を{action}できません（{detail}）。フォルダーの権限を確かめてください。鍵を失ったときは、二段階認証と通知先（webhook）を設定し直す必要があります"
)]
pub struct KeyError {
    path: String,
    action: &'static str,
    detail: String,
}

/// Seals and opens small secrets. Kept in a slot of [`App`].
pub struct Sealer {
    cipher: Aes256Gcm,
    key: [u8; 32],
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sealer(***)")
    }
}

impl Sealer {
    fn new(key: [u8; 32]) -> Self {
        Self {
            cipher: Aes256Gcm::new(&Key::<Aes256Gcm>::from(key)),
            key,
        }
    }

    /// A key of its own for another purpose.
    pub fn derived(&self, purpose: &str) -> [u8; 32] {
        Sha256::new()
            .chain_update(self.key)
            .chain_update(purpose.as_bytes())
            .finalize()
            .into()
    }

    /// Reads the key file, or makes it. Of two processes that make it at once the first wins.
    pub fn open_or_create(path: &Path) -> Result<Self, KeyError> {
        match fs::read_to_string(path) {
            Ok(text) => Self::from_text(path, &text),
            Err(error) if error.kind() == ErrorKind::NotFound => Self::create(path),
            Err(error) => Err(failed(path, "読込み", &error.to_string())),
        }
    }

    fn from_text(path: &Path, text: &str) -> Result<Self, KeyError> {
        let mut key = [0; 32];
        hex::decode_to_slice(text.trim(), &mut key)
            .map_err(|_| failed(path, "読込み", "16 進 64 文字ではありません"))?;
        Ok(Self::new(key))
    }

    fn create(path: &Path) -> Result<Self, KeyError> {
        use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
        let refused = |error: std::io::Error| failed(path, "作成", &error.to_string());
        let folder = path.parent().unwrap_or(Path::new("."));
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(refused)?;
        let key: [u8; 32] = rand::random();
        let temporary = folder.join(format!(".web.key.{:016x}", rand::random::<u64>()));
        let written = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&temporary)
            .and_then(|mut file| {
                writeln!(file, "{}", hex::encode(key))?;
                file.sync_all()
            })
            // A hard link fails when the name exists: the first maker wins.
            .and_then(|()| fs::hard_link(&temporary, path));
        let _ = fs::remove_file(&temporary);
        match written {
            Ok(()) => Ok(Self::new(key)),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                let text = fs::read_to_string(path).map_err(refused)?;
                Self::from_text(path, &text)
            }
            Err(error) => Err(refused(error)),
        }
    }

    /// Seals `plain` for a purpose.
    pub fn seal(&self, purpose: &str, plain: &[u8]) -> String {
        let nonce: [u8; NONCE_BYTES] = rand::random();
        let payload = Payload {
            msg: plain,
            aad: purpose.as_bytes(),
        };
        let sealed = self
            .cipher
            .encrypt(&Nonce::from(nonce), payload)
            .expect("AES-GCM seals every text of less than 64 GiB");
        hex::encode([&nonce[..], &sealed].concat())
    }

    /// Opens what was sealed for the same purpose; `None` when it was not, or was changed.
    pub fn open(&self, purpose: &str, sealed: &str) -> Option<Vec<u8>> {
        let bytes = hex::decode(sealed).ok()?;
        let (nonce, sealed) = bytes.split_at_checked(NONCE_BYTES)?;
        let nonce: [u8; NONCE_BYTES] = nonce.try_into().ok()?;
        let payload = Payload {
            msg: sealed,
            aad: purpose.as_bytes(),
        };
        self.cipher.decrypt(&Nonce::from(nonce), payload).ok()
    }
}

fn failed(path: &Path, action: &'static str, detail: &str) -> KeyError {
    KeyError {
        path: path.display().to_string(),
        action,
        detail: detail.to_owned(),
    }
}

fn path(app: &App) -> PathBuf {
    app.config.data_dir.join("keys/web.key")
}

/// Reads or makes the key when the application opens.
pub(crate) fn open(app: &App) -> Result<(), HookError> {
    let sealer = Sealer::open_or_create(&path(app))
        .map_err(|error| HookError::caused_by(error.to_string(), error))?;
    app.provide(Arc::new(sealer));
    Ok(())
}

/// The sealer of this installation.
pub fn of(app: &App) -> Arc<Sealer> {
    app.slot::<Sealer>()
        .expect("the runtime's start hook provides the sealer")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_key_is_made_once_and_for_its_owner_only() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("keys/web.key");
        let sealed = Sealer::open_or_create(&path)
            .expect("made")
            .seal("a", b"secret");
        let again = Sealer::open_or_create(&path).expect("read");
        assert_eq!(again.open("a", &sealed).as_deref(), Some(&b"secret"[..]));
        let mode = fs::metadata(&path).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let entries = fs::read_dir(path.parent().expect("a folder")).expect("readable");
        assert_eq!(entries.count(), 1, "nothing temporary stays");
    }

    #[test]
    fn a_spoilt_key_file_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("web.key");
        fs::write(&path, "not a key").expect("written");
        let error = Sealer::open_or_create(&path).expect_err("refused");
        assert!(error.to_string().contains("16 進 64 文字"), "{error}");
    }

    proptest! {
        #[test]
        fn what_was_sealed_opens_for_its_purpose_only(plain in prop::collection::vec(any::<u8>(), 0..200), flip in any::<prop::sample::Index>()) {
            let sealer = Sealer::new([7; 32]);
            let sealed = sealer.seal("second-factor:1", &plain);
            prop_assert_eq!(sealer.open("second-factor:1", &sealed), Some(plain.clone()));
            prop_assert_eq!(sealer.open("second-factor:2", &sealed), None);
            prop_assert_eq!(Sealer::new([8; 32]).open("second-factor:1", &sealed), None);
            let mut bytes = hex::decode(&sealed).expect("hex");
            let place = flip.index(bytes.len());
            bytes[place] ^= 1;
            prop_assert_eq!(sealer.open("second-factor:1", &hex::encode(bytes)), None);
        }
    }
}
