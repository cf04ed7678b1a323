//! Operators on bytes.

use crate::ruleset::ByteSet;

/// Whether `needle` stands in `value` with no word character on either side.
pub(super) fn contains_word(value: &[u8], needle: &[u8]) -> bool {
    if needle.is_empty() {
        return true;
    }
    let word =
        |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    memchr::memmem::find_iter(value, needle).any(|at| {
        let before = at.checked_sub(1).and_then(|at| value.get(at));
        !word(before) && !word(value.get(at + needle.len()))
    })
}

/// Whether some byte is not in the set.
pub(super) fn outside(seen: &ByteSet, allowed: &ByteSet) -> bool {
    seen.0
        .iter()
        .zip(allowed.0)
        .any(|(seen, allowed)| seen & !allowed != 0)
}

/// Whether a percent sign begins no valid escape.
pub(super) fn invalid_url_encoding(value: &[u8]) -> bool {
    memchr::memchr_iter(b'%', value).any(|at| {
        !matches!(&value[at + 1..], [a, b, ..] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit())
    })
}

/// Whether a text is not UTF-8.
pub(super) fn invalid_utf8(value: &[u8]) -> bool {
    std::str::from_utf8(value).is_err()
}

/// The check digit of card numbers.
pub(super) fn luhn(digits: &[u8]) -> bool {
    let mut sum = 0u32;
    let mut count = 0u32;
    for digit in digits.iter().rev().filter(|byte| byte.is_ascii_digit()) {
        let value = u32::from(digit - b'0') * (1 + count % 2);
        sum += if value > 9 { value - 9 } else { value };
        count += 1;
    }
    count > 0 && sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_encodings() {
        assert!(contains_word(b"a foo b", b"foo"));
        assert!(!contains_word(b"afoo b", b"foo"));
        assert!(contains_word("あfooあ".as_bytes(), b"foo"));
        assert!(invalid_url_encoding(b"a%4"));
        assert!(!invalid_url_encoding(b"a%41"));
        assert!(invalid_utf8(b"\x82\xa0"));
        assert!(luhn(b"4111 1111 1111 1111"));
        assert!(!luhn(b"4111111111111112"));
    }
}
