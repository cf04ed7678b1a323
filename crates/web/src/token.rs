//! Secrets that the program itself makes: session and API tokens, form tokens.

use mamori_runtime::Secret;
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

/// A form token as it stands in a page: hidden behind a random mask, so that compressed pages do
/// not leak it (BREACH).
pub(crate) fn masked(token: &str) -> String {
    let mask: [u8; 32] = rand::random();
    let digest = Sha256::digest(token.as_bytes());
    let hidden: Vec<u8> = mask.iter().zip(digest).map(|(m, d)| m ^ d).collect();
    format!("{}{}", hex::encode(mask), hex::encode(hidden))
}

/// Whether `given` is some masking of `token`.
pub(crate) fn unmasks(given: &str, token: &str) -> bool {
    let Ok(bytes) = hex::decode(given) else {
        return false;
    };
    let Some((mask, hidden)) = bytes.split_at_checked(32) else {
        return false;
    };
    let shown: Vec<u8> = mask.iter().zip(hidden).map(|(m, h)| m ^ h).collect();
    hidden.len() == 32 && bool::from(shown.ct_eq(&Sha256::digest(token.as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_masked_token_differs_each_time_and_fits_its_token_only() {
        let token = new();
        let (a, b) = (masked(token.expose()), masked(token.expose()));
        assert_ne!(a, b);
        assert!(unmasks(&a, token.expose()) && unmasks(&b, token.expose()));
        assert!(!unmasks(&a, new().expose()));
        for wrong in ["", "zz", &a[..64], &format!("{a}00")] {
            assert!(!unmasks(wrong, token.expose()), "{wrong}");
        }
    }
}
