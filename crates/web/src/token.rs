//! Secrets that the program itself makes: session and API tokens, form tokens.

use mamori_runtime::{App, Secret, seal};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// A new token: 256 bits by chance, as hex.
pub(crate) fn new() -> Secret {
    Secret::new(hex::encode(rand::random::<[u8; 32]>()))
}

/// What is stored of a token. A digest without salt is enough for 256 random bits.
pub(crate) fn digest(token: &str) -> String {
    hex::encode(Sha256::digest(token.as_bytes()))
}

/// Bytes of a mask, and of what is hidden behind it.
const HALF: usize = 32;
/// Bytes of the mark that tells whose page a form token was made for.
const MARK: usize = 16;

/// The form token of a person's session as it stands in a page: hidden behind a random mask, so
/// that compressed pages do not leak it (BREACH), and marked with whose page it is, so that a form
/// whose session has ended is given back to nobody else ([`is_of`]).
pub(crate) fn masked(app: &App, token: &str, person: &str) -> String {
    let mask: [u8; HALF] = rand::random();
    let digest = Sha256::digest(token.as_bytes());
    let hidden: Vec<u8> = mask.iter().zip(digest).map(|(m, d)| m ^ d).collect();
    let owner = mark(app, &mask, person);
    format!(
        "{}{}{}",
        hex::encode(mask),
        hex::encode(hidden),
        hex::encode(owner)
    )
}

fn mark(app: &App, mask: &[u8], person: &str) -> [u8; MARK] {
    let key = seal::of(app).derived(&format!("form of {} {person}", hex::encode(mask)));
    let mut made = [0; MARK];
    made.copy_from_slice(&key[..MARK]);
    made
}

/// Mask, hidden token and mark.
fn parts(given: &str) -> Option<(Vec<u8>, Vec<u8>, Vec<u8>)> {
    let mask_and_more = hex::decode(given).ok()?;
    let (mask, more) = mask_and_more.split_at_checked(HALF)?;
    let (hidden, owner) = more.split_at_checked(HALF)?;
    (owner.len() == MARK).then(|| (mask.to_vec(), hidden.to_vec(), owner.to_vec()))
}

/// Whether `given` is some masking of `token`.
pub(crate) fn unmasks(given: &str, token: &str) -> bool {
    let Some((mask, hidden, _)) = parts(given) else {
        return false;
    };
    let shown: Vec<u8> = mask.iter().zip(hidden).map(|(m, h)| m ^ h).collect();
    bool::from(shown.ct_eq(&Sha256::digest(token.as_bytes())))
}

/// Whether `given` was made for a page of that person, in whichever session.
pub(crate) fn is_of(app: &App, given: &str, person: &str) -> bool {
    let Some((mask, _, given)) = parts(given) else {
        return false;
    };
    bool::from(given.ct_eq(&mark(app, &mask, person)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_masked_token_differs_each_time_and_fits_its_token_and_person_only() {
        let test = mamori_testkit::TestApp::with(vec![]).await;
        let token = new();
        let made = || masked(&test.app, token.expose(), "tanaka");
        let (a, b) = (made(), made());
        assert_ne!(a, b);
        assert!(unmasks(&a, token.expose()) && unmasks(&b, token.expose()));
        assert!(!unmasks(&a, new().expose()));
        assert!(is_of(&test.app, &a, "tanaka") && is_of(&test.app, &b, "tanaka"));
        assert!(!is_of(&test.app, &a, "sato"));
        let mixed = format!("{}{}", &a[..128], &b[128..]);
        assert!(!is_of(&test.app, &mixed, "tanaka"), "a mark fits its mask");
        for wrong in ["", "zz", &a[..64], &a[..128], &format!("{a}00")] {
            assert!(!unmasks(wrong, token.expose()), "{wrong}");
            assert!(!is_of(&test.app, wrong, "tanaka"), "{wrong}");
        }
    }
}
