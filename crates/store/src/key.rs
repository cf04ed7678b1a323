//! The installation's signing key (Ed25519) at `keys/ledger.key`.
//!
//! Made on first use from the system's random source, PKCS#8 PEM, mode 0600, never replaced. The
//! signature says which installation vouched for a checkpoint; whoever holds the key file can
//! sign anything, so what convinces is a head that somebody else kept.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _, EncodePublicKey as _};
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use mamori_kernel::ledger::Checkpoint;
use mamori_kernel::merkle::Digest;

use crate::error::{Error, Result};

/// The private key.
pub struct LedgerKey {
    key: SigningKey,
}

impl std::fmt::Debug for LedgerKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("LedgerKey")
            .field(&self.public().id())
            .finish()
    }
}

impl LedgerKey {
    /// Reads the key file, or makes it when there is none. Two processes that make it at once end
    /// up with the same key.
    pub fn open_or_create(path: &Path) -> Result<Self> {
        match fs::read_to_string(path) {
            Ok(pem) => Self::from_pem(path, &pem),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Self::create(path),
            Err(e) => Err(Error::file(path, "署名鍵の読込み", &e)),
        }
    }

    fn from_pem(path: &Path, pem: &str) -> Result<Self> {
        let key = SigningKey::from_pkcs8_pem(pem).map_err(|e| Error::File {
            path: path.display().to_string(),
            action: "署名鍵の読込み",
            detail: format!("Ed25519 の PKCS#8 PEM ではありません: {e}"),
        })?;
        Ok(Self { key })
    }

    fn create(path: &Path) -> Result<Self> {
        use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
        let failed = |e: std::io::Error| Error::file(path, "署名鍵の作成", &e);
        let folder = path.parent().unwrap_or(Path::new("."));
        if !folder.exists() {
            fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(folder)
                .map_err(failed)?;
        }
        let seed = zeroize::Zeroizing::new(rand::random::<[u8; 32]>());
        let key = SigningKey::from_bytes(&seed);
        let pem = key
            .to_pkcs8_pem(LineEnding::LF)
            .map_err(|e| failed(std::io::Error::other(e.to_string())))?;
        let temporary = folder.join(format!(".ledger.key.{:016x}", rand::random::<u64>()));
        let written = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&temporary)
            .and_then(|mut file| {
                file.write_all(pem.as_bytes())?;
                file.sync_all()
            })
            // A hard link fails when the name exists: the first maker wins.
            .and_then(|()| fs::hard_link(&temporary, path));
        let _ = fs::remove_file(&temporary);
        match written {
            Ok(()) => {
                crate::blob::sync_folder(folder)?;
                Ok(Self { key })
            }
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {
                let pem = fs::read_to_string(path).map_err(failed)?;
                Self::from_pem(path, &pem)
            }
            Err(e) => Err(failed(e)),
        }
    }

    /// The public half.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.key.verifying_key())
    }

    /// Signs a text; 128 hex digits.
    pub fn sign(&self, text: &[u8]) -> String {
        hex::encode(self.key.sign(text).to_bytes())
    }
}

/// The public key that archives carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// Reads 64 hex digits.
    pub fn from_hex(text: &str) -> Option<Self> {
        let bytes = Digest::from_hex(text)?;
        VerifyingKey::from_bytes(bytes.as_bytes()).ok().map(Self)
    }

    /// 64 hex digits.
    pub fn to_hex(self) -> String {
        hex::encode(self.0.as_bytes())
    }

    /// SubjectPublicKeyInfo in PEM, as `openssl` reads it.
    pub fn to_pem(self) -> String {
        self.0.to_public_key_pem(LineEnding::LF).unwrap_or_default()
    }

    /// Key id: SHA-256 of the 32 bytes.
    pub fn id(self) -> Digest {
        Digest::of(self.0.as_bytes())
    }

    /// The id in groups of four digits, as people compare it by eye.
    pub fn fingerprint(self) -> String {
        let hex = self.id().to_hex();
        let groups: Vec<&str> = (0..hex.len() / 4).map(|i| &hex[i * 4..i * 4 + 4]).collect();
        groups.join(" ")
    }

    /// Whether `signature` (128 lower-case hex digits) is this key's over `text`.
    /// Strict: a signature has one spelling and weak keys are refused.
    pub fn verifies(self, text: &[u8], signature: &str) -> bool {
        if signature.len() != 128 || signature.bytes().any(|b| b.is_ascii_uppercase()) {
            return false;
        }
        let mut bytes = [0u8; 64];
        hex::decode_to_slice(signature, &mut bytes).is_ok()
            && self
                .0
                .verify_strict(text, &Signature::from_bytes(&bytes))
                .is_ok()
    }

    /// Whether a checkpoint is signed by this key.
    pub fn vouches(self, checkpoint: &Checkpoint) -> bool {
        checkpoint.key_id == self.id()
            && self.verifies(checkpoint.signed_text().as_bytes(), &checkpoint.signature)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_made_once_private_and_read_again() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().expect("temp folder");
        let path = folder.path().join("keys/ledger.key");
        let ids: Vec<Digest> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| LedgerKey::open_or_create(&path).map(|k| k.public().id())))
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().expect("no panic").expect("key"))
                .collect()
        });
        assert!(ids.iter().all(|id| *id == ids[0]), "one key for all");
        let mode = fs::metadata(&path).expect("exists").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let left = fs::read_dir(path.parent().expect("folder")).expect("folder");
        assert_eq!(left.count(), 1, "no temporary files");
        fs::write(&path, "nonsense").expect("write");
        assert!(matches!(
            LedgerKey::open_or_create(&path),
            Err(Error::File { .. })
        ));
    }

    #[test]
    fn signatures_are_checked_strictly() {
        let folder = tempfile::tempdir().expect("temp folder");
        let key = LedgerKey::open_or_create(&folder.path().join("k")).expect("key");
        let public = PublicKey::from_hex(&key.public().to_hex()).expect("round trip");
        let signature = key.sign(b"text");
        assert!(public.verifies(b"text", &signature));
        assert!(!public.verifies(b"texT", &signature));
        assert!(!public.verifies(b"text", &signature.to_uppercase()));
        assert!(!public.verifies(b"text", &signature[..126]));
        assert!(!public.verifies(b"text", &"0".repeat(128)));
        assert!(public.to_pem().starts_with("-----BEGIN PUBLIC KEY-----"));
    }
}
