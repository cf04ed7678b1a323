//! Passwords: which are good enough, how they are kept, how they are checked.
//!
//! Kept as argon2id PHC strings with the parameters OWASP names first (19 MiB, 2 passes, 1 lane).
//! Goodness is length first (NIST SP 800-63B: no composition rules), then a small built-in list,
//! then an estimate of how many guesses a password stands (`zxcvbn`); the installation's own list of
//! breached passwords is asked by [`crate::breach`]. Nothing asks the network.

use std::sync::LazyLock;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use mamori_runtime::config::Secret;
use tokio::sync::Semaphore;
use zxcvbn::feedback::{Feedback, Warning};
use zxcvbn::{Score, zxcvbn};

/// Least number of characters.
pub const MIN_CHARACTERS: usize = 12;
/// Greatest number of bytes: keeps hashing time and request size bounded.
pub const MAX_BYTES: usize = 256;

const COMMON: &str = include_str!("../assets/common-passwords.txt");

/// Why a new password is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Weakness {
    /// Fewer than [`MIN_CHARACTERS`] characters.
    #[error(
        "パスワードが短すぎます。12 文字以上にしてください（言葉をいくつかつなぐと覚えやすくなります）"
    )]
    TooShort,
    /// More than [`MAX_BYTES`] bytes.
    #[error("パスワードが長すぎます。256 バイトまでにしてください")]
    TooLong,
    /// On the list of common passwords.
    #[error("よく使われるパスワードです。ほかのものにしてください")]
    Common,
    /// Guessed too soon; what would be better.
    #[error("推測されやすいパスワードです。{0}")]
    Guessable(&'static str),
    /// On the installation's list of breached passwords.
    #[error(
        "ほかのサービスから漏れたパスワードの一覧に載っています。ほかのものにしてください（言葉をいくつかつなぐと覚えやすくなります）"
    )]
    Breached,
    /// Holds the user's name.
    #[error("利用者名が含まれています。ほかのものにしてください")]
    HoldsName,
}

/// Checks a new password for a user.
pub fn check(password: &str, user_name: &str) -> Result<(), Weakness> {
    if password.chars().count() < MIN_CHARACTERS {
        return Err(Weakness::TooShort);
    }
    if password.len() > MAX_BYTES {
        return Err(Weakness::TooLong);
    }
    let lower = password.to_lowercase();
    if COMMON.lines().any(|common| common == lower) {
        return Err(Weakness::Common);
    }
    let name = user_name.to_lowercase();
    if name.chars().count() >= 4 && lower.contains(&name) {
        return Err(Weakness::HoldsName);
    }
    judge_guesses(password, &name)
}

/// The estimate looks at this many characters: its time grows with the square of the length, and
/// what is beyond them only makes a password better.
const ESTIMATED_CHARACTERS: usize = 72;

fn judge_guesses(password: &str, name: &str) -> Result<(), Weakness> {
    let beginning: String = password.chars().take(ESTIMATED_CHARACTERS).collect();
    let estimate = zxcvbn(&beginning, &[name, "mamori", "まもり"]);
    if estimate.score() >= Score::Three {
        return Ok(());
    }
    let advice = estimate
        .feedback()
        .and_then(Feedback::warning)
        .map_or(ADVICE_WORDS, advice);
    Err(Weakness::Guessable(advice))
}

const ADVICE_WORDS: &str = "関係のない言葉を 3 つ以上つないでください";

fn advice(warning: Warning) -> &'static str {
    match warning {
        Warning::StraightRowsOfKeysAreEasyToGuess
        | Warning::ShortKeyboardPatternsAreEasyToGuess => {
            "キーボードの並びを避け、関係のない言葉をつないでください"
        }
        Warning::RepeatsLikeAaaAreEasyToGuess
        | Warning::RepeatsLikeAbcAbcAreOnlySlightlyHarderToGuess => {
            "同じ文字や言葉の繰り返しを避けてください"
        }
        Warning::SequencesLikeAbcAreEasyToGuess => "abc や 123 のような並びを避けてください",
        Warning::RecentYearsAreEasyToGuess | Warning::DatesAreOftenEasyToGuess => {
            "年や日付を避けてください"
        }
        Warning::ThisIsACommonPassword | Warning::ThisIsSimilarToACommonlyUsedPassword => {
            "よく使われるパスワードに似ています。関係のない言葉を 3 つ以上つないでください"
        }
        _ => ADVICE_WORDS,
    }
}

fn argon2() -> Argon2<'static> {
    let params = Params::new(19 * 1024, 2, 1, None).expect("OWASP's parameters are valid");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

/// At most this many hashes at a time: each takes 19 MiB and a core.
static HASHING: Semaphore = Semaphore::const_new(2);

/// Something to compare with when there is no such user, so that the answer takes as long.
static NOBODY: LazyLock<String> = LazyLock::new(|| hash_now("nobody has this password"));

fn hash_now(password: &str) -> String {
    argon2()
        .hash_password(password.as_bytes())
        .expect("argon2 accepts every password of at most 256 bytes")
        .to_string()
}

fn verify_now(password: &str, phc: &str) -> bool {
    PasswordHash::new(phc)
        .is_ok_and(|hash| argon2().verify_password(password.as_bytes(), &hash).is_ok())
}

/// The PHC string of a password; runs off the async threads.
pub async fn hash(password: &Secret) -> String {
    let password = password.clone();
    let _permit = HASHING
        .acquire()
        .await
        .expect("the semaphore is never closed");
    tokio::task::spawn_blocking(move || hash_now(password.expose()))
        .await
        .expect("hashing does not panic and is never aborted")
}

/// Whether `password` fits `phc`; without a `phc` it takes as long and says no.
pub async fn verify(password: &Secret, phc: Option<String>) -> bool {
    if password.expose().len() > MAX_BYTES {
        return false;
    }
    let password = password.clone();
    let _permit = HASHING
        .acquire()
        .await
        .expect("the semaphore is never closed");
    tokio::task::spawn_blocking(move || {
        let known = phc.is_some();
        verify_now(password.expose(), phc.as_deref().unwrap_or(&NOBODY)) && known
    })
    .await
    .expect("verification does not panic and is never aborted")
}

/// A password by chance: five groups of four from 32 signs that are not mistaken for each other
/// (100 bits).
pub fn generate() -> Secret {
    const SIGNS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let bytes: [u8; 20] = rand::random();
    let mut out = String::with_capacity(24);
    for (n, byte) in bytes.iter().enumerate() {
        if n > 0 && n % 4 == 0 {
            out.push('-');
        }
        out.push(char::from(SIGNS[usize::from(byte % 32)]));
    }
    Secret::new(out)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn weak_passwords_are_told_why() {
        for (password, why) in [
            ("short", Weakness::TooShort),
            ("Password1234", Weakness::Common),
            ("tanaka-no-himitsu", Weakness::HoldsName),
        ] {
            assert_eq!(check(password, "tanaka"), Err(why), "{password}");
        }
        for guessable in [
            "aaaaaaaaaaaaaa",
            "abcdefghijklmnop",
            "987654321098765",
            "zxcvbnm,./zxcvbn",
            "passwordpassword",
            "iloveyouiloveyou",
        ] {
            assert!(
                matches!(
                    check(guessable, "tanaka"),
                    Err(Weakness::Guessable(_) | Weakness::Common)
                ),
                "{guessable}: {:?}",
                check(guessable, "tanaka")
            );
        }
        assert_eq!(check(&"あ".repeat(100), "x"), Err(Weakness::TooLong));
        for good in [
            "correct horse battery",
            "さくら咲く四月の朝に散歩する",
            "t9#kQ2!mZx7&",
        ] {
            assert_eq!(check(good, "tanaka"), Ok(()), "{good}");
        }
    }

    #[test]
    fn the_list_holds_only_what_the_length_lets_through() {
        for line in COMMON.lines() {
            assert!(line.chars().count() >= 12, "{line}");
            assert_eq!(line, line.to_lowercase());
        }
    }

    #[tokio::test]
    async fn a_hash_fits_its_password_and_no_other() {
        let secret = Secret::new("correct horse battery");
        let phc = hash(&secret).await;
        assert!(phc.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{phc}");
        assert!(verify(&secret, Some(phc.clone())).await);
        assert!(!verify(&Secret::new("Correct horse battery"), Some(phc)).await);
        assert!(!verify(&Secret::new("nobody has this password"), None).await);
        assert!(!verify(&secret, Some("not a hash".to_owned())).await);
    }

    proptest! {
        #[test]
        fn generated_passwords_pass_the_check(_n in 0..200) {
            let secret = generate();
            prop_assert_eq!(secret.expose().len(), 24);
            prop_assert_eq!(check(secret.expose(), "tanaka"), Ok(()));
        }
    }
}
