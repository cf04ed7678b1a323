//! What has to outlive a crash: the account, an order that has begun, certificates with their keys.
//!
//! Files below `DATA/gateway/acme`, readable by their owner alone, each written beside its place,
//! synced and put there by one rename: whoever reads finds the old one or the new one, whole. A
//! certificate stands in one file with its key, so that the two never part.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use instant_acme::AccountCredentials;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::trouble::Trouble;

/// The folder.
#[derive(Debug, Clone)]
pub struct Keep {
    folder: PathBuf,
}

/// The account at an authority.
#[derive(Serialize, Deserialize)]
pub struct Account {
    /// Mail addresses that the authority knows.
    pub contact: Vec<String>,
    /// Its address there, and its key.
    pub credentials: AccountCredentials,
}

impl std::fmt::Debug for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Account")
            .field("contact", &self.contact)
            .finish_non_exhaustive()
    }
}

/// An order that has begun.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begun {
    /// The directory it was ordered at.
    pub directory: String,
    /// For which names.
    pub hosts: Vec<String>,
    /// Its address.
    pub order: String,
    /// The key that the certificate will be for (PEM).
    pub key: String,
}

impl std::fmt::Debug for Begun {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Begun")
            .field("order", &self.order)
            .field("hosts", &self.hosts)
            .finish_non_exhaustive()
    }
}

impl Keep {
    /// Below a data directory.
    pub fn new(data_dir: &Path) -> Self {
        Self {
            folder: data_dir.join("gateway").join("acme"),
        }
    }

    /// The file of a site's certificate and key.
    pub fn certificate(&self, site: &str) -> PathBuf {
        self.folder.join(format!("{}.pem", stem(site)))
    }

    /// The file of a site's self-made certificate and key.
    pub fn self_made(&self, site: &str) -> PathBuf {
        self.folder.join(format!("{}.self-made.pem", stem(site)))
    }

    fn account_file(&self, directory: &str) -> PathBuf {
        let digest = hex::encode(Sha256::digest(directory));
        self.folder.join(format!("account-{}.json", &digest[..16]))
    }

    fn begun_file(&self, site: &str) -> PathBuf {
        self.folder.join(format!("{}.order.json", stem(site)))
    }

    /// The account at a directory.
    pub fn account(&self, directory: &str) -> Result<Option<Account>, Trouble> {
        read_json(&self.account_file(directory))
    }

    /// Keeps it.
    pub fn put_account(&self, directory: &str, account: &Account) -> Result<(), Trouble> {
        write_json(&self.account_file(directory), account)
    }

    /// Forgets it: the authority does not know it any more.
    pub fn forget_account(&self, directory: &str) -> Result<(), Trouble> {
        remove(&self.account_file(directory))
    }

    /// The order of a site that has begun.
    pub fn begun(&self, site: &str) -> Result<Option<Begun>, Trouble> {
        read_json(&self.begun_file(site))
    }

    /// Keeps it.
    pub fn put_begun(&self, site: &str, begun: &Begun) -> Result<(), Trouble> {
        write_json(&self.begun_file(site), begun)
    }

    /// It has ended.
    pub fn forget_begun(&self, site: &str) -> Result<(), Trouble> {
        remove(&self.begun_file(site))
    }
}

/// A site's name as the name of a file.
fn stem(site: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if !site.is_empty() && site.bytes().all(plain) {
        return site.to_owned();
    }
    // No name of the form above holds a dot.
    format!("site.{}", hex::encode(site))
}

fn read_json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, Trouble> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Trouble::file(path, &error)),
    };
    serde_json::from_slice(&bytes)
        .map(Some)
        .map_err(|error| Trouble::file(path, &io::Error::other(error)))
}

fn write_json<T: Serialize>(path: &Path, value: &T) -> Result<(), Trouble> {
    let bytes =
        serde_json::to_vec(value).map_err(|error| Trouble::file(path, &io::Error::other(error)))?;
    write(path, &bytes)
}

/// Writes a file that is there whole or not at all, for its owner alone.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), Trouble> {
    durable(path, bytes).map_err(|error| Trouble::file(path, &error))
}

fn durable(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    own_folder(folder)?;
    // Made with mode 0600.
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    fs::File::open(folder)?.sync_all()
}

fn own_folder(folder: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
    }
    #[cfg(not(unix))]
    fs::create_dir_all(folder)
}

fn remove(path: &Path) -> Result<(), Trouble> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Trouble::file(path, &error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_for_its_owner_alone_and_comes_back() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().expect("a folder");
        let keep = Keep::new(folder.path());
        let begun = Begun {
            directory: "https://ca.example.jp/dir".to_owned(),
            hosts: vec!["www.example.jp".to_owned()],
            order: "https://ca.example.jp/order/1".to_owned(),
            key: "SECRET".to_owned(),
        };
        assert_eq!(keep.begun("site"), Ok(None));
        keep.put_begun("site", &begun).expect("written");
        keep.put_begun("site", &begun).expect("written again");
        assert_eq!(keep.begun("site"), Ok(Some(begun.clone())));
        assert!(!format!("{begun:?}").contains("SECRET"));
        let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
        let file = keep.begun_file("site");
        assert_eq!((mode(&file), mode(&keep.folder)), (0o600, 0o700));
        let files = fs::read_dir(&keep.folder).expect("a folder").count();
        assert_eq!(files, 1, "nothing is left beside it");
        keep.forget_begun("site").expect("removed");
        keep.forget_begun("site").expect("nothing to remove");
        assert_eq!(keep.begun("site"), Ok(None));
    }

    #[test]
    fn a_broken_file_is_told_and_names_stay_within_the_folder() {
        let folder = tempfile::tempdir().expect("a folder");
        let keep = Keep::new(folder.path());
        write(&keep.begun_file("site"), b"{").expect("written");
        let told = keep.begun("site").expect_err("no JSON");
        assert!(told.detail.contains("site.order.json"), "{told:?}");
        for name in ["../../etc", "サイト", "", "a.b"] {
            let file = keep.certificate(name);
            assert_eq!(file.parent(), Some(keep.folder.as_path()), "{name}");
        }
        assert_ne!(keep.certificate("a.b"), keep.certificate("a-b"));
    }
}
