//! The detached signature beside a release archive, verified by the system's `gpgv`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::{Deserialize, Serialize};

/// What is known about the signature of an archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum Signature {
    /// There is no FILE.asc.
    Missing,
    /// There is one, and it was not verified.
    Unverified {
        /// Why not.
        why: String,
    },
    /// Made by a key of the keyring, over exactly this archive.
    Good {
        /// Fingerprint of the key.
        fingerprint: String,
        /// Whose key it says it is.
        signer: String,
    },
    /// Not by a key of the keyring, or not over this archive.
    Bad {
        /// What `gpgv` said.
        why: String,
    },
}

impl Signature {
    /// Looks at the signature beside the archive.
    pub fn of(archive: &Path, keyring: Option<&Path>) -> Self {
        let signature = beside(archive);
        if !signature.is_file() {
            return Self::Missing;
        }
        let Some(keyring) = keyring else {
            return Self::Unverified {
                why: "--keyring が指定されていません".to_owned(),
            };
        };
        let keyring = match keyring.canonicalize() {
            Ok(keyring) => keyring,
            Err(error) => {
                return Self::Unverified {
                    why: format!("鍵束 {} が読めません（{error}）", keyring.display()),
                };
            }
        };
        verify(archive, &signature, &keyring)
    }
}

/// `FILE.asc`.
fn beside(archive: &Path) -> PathBuf {
    let mut name = archive.as_os_str().to_owned();
    name.push(".asc");
    name.into()
}

fn verify(archive: &Path, signature: &Path, keyring: &Path) -> Signature {
    // A name that begins with a dash would be taken for an option.
    let full = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let outcome = Command::new("gpgv")
        .args(["--status-fd", "1", "--keyring"])
        .arg(keyring)
        .arg(full(signature))
        .arg(full(archive))
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .output();
    match outcome {
        Err(error) => Signature::Unverified {
            why: format!("gpgv を実行できません（{error}）。gpgv パッケージを入れてください"),
        },
        Ok(output) => read(
            output.status.success(),
            &String::from_utf8_lossy(&output.stdout),
            &String::from_utf8_lossy(&output.stderr),
        ),
    }
}

/// Reads the lines that `gpgv` writes for programs.
fn read(success: bool, status: &str, said: &str) -> Signature {
    let after = |word: &str| {
        status
            .lines()
            .filter_map(|line| line.strip_prefix("[GNUPG:] "))
            .find_map(|line| line.strip_prefix(word)?.strip_prefix(' '))
    };
    match (success, after("VALIDSIG")) {
        (true, Some(valid)) => Signature::Good {
            fingerprint: valid.split(' ').next().unwrap_or_default().to_owned(),
            signer: after("GOODSIG")
                .and_then(|good| good.split_once(' '))
                .map_or("", |(_, signer)| signer)
                .to_owned(),
        },
        _ => Signature::Bad {
            why: said.lines().collect::<Vec<_>>().join(" / "),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_valid_signature_is_good() {
        let status = "[GNUPG:] NEWSIG\n[GNUPG:] GOODSIG 38EEACA1AB8A6E72 A B <a@example.org>\n[GNUPG:] VALIDSIG 36006F0E0BA167832158821138EEACA1AB8A6E72 2026-01-01 0\n";
        assert_eq!(
            read(true, status, ""),
            Signature::Good {
                fingerprint: "36006F0E0BA167832158821138EEACA1AB8A6E72".to_owned(),
                signer: "A B <a@example.org>".to_owned(),
            }
        );
        for (success, status) in [
            (false, status),
            (true, ""),
            (false, "[GNUPG:] BADSIG 1 x\n"),
        ] {
            let read = read(success, status, "gpgv: BAD signature");
            assert!(matches!(read, Signature::Bad { why } if why.contains("BAD")));
        }
    }
}
