//! Base64, hexadecimal, digests.

use md5::Digest as _;

use super::hex;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn sextet(byte: u8) -> Option<u32> {
    Some(u32::from(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    }))
}

/// Decodes up to the first byte that is not in the alphabet; `lenient` steps over those bytes.
pub(super) fn base64_decode(input: &[u8], lenient: bool, out: &mut Vec<u8>) {
    let mut held = 0u32;
    let mut count = 0;
    for byte in input {
        match sextet(*byte) {
            Some(bits) => {
                held = held << 6 | bits;
                count += 1;
                if count == 4 {
                    out.extend_from_slice(&held.to_be_bytes()[1..]);
                    held = 0;
                    count = 0;
                }
            }
            None if *byte == b'=' => break,
            None if lenient || matches!(byte, b'\r' | b'\n') => {}
            None => break,
        }
    }
    match count {
        2 => out.push((held >> 4) as u8),
        3 => out.extend_from_slice(&[(held >> 10) as u8, (held >> 2) as u8]),
        _ => {}
    }
}

/// Standard alphabet, padded.
pub(super) fn base64_encode(input: &[u8], out: &mut Vec<u8>) {
    for chunk in input.chunks(3) {
        let byte = |at: usize| u32::from(chunk.get(at).copied().unwrap_or(0));
        let held = byte(0) << 16 | byte(1) << 8 | byte(2);
        for at in 0..4usize {
            if at <= chunk.len() {
                out.push(ALPHABET[(held >> (18 - 6 * at) & 63) as usize]);
            } else {
                out.push(b'=');
            }
        }
    }
}

/// Pairs of digits; what is not a pair stays.
pub(super) fn hex_decode(input: &[u8], out: &mut Vec<u8>) {
    for pair in input.chunks(2) {
        match pair {
            [a, b] => match (hex(*a), hex(*b)) {
                (Some(a), Some(b)) => out.push(a << 4 | b),
                _ => out.extend_from_slice(pair),
            },
            _ => out.extend_from_slice(pair),
        }
    }
}

pub(super) fn hex_encode(input: &[u8], out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for byte in input {
        out.push(DIGITS[usize::from(byte >> 4)]);
        out.push(DIGITS[usize::from(byte & 15)]);
    }
}

/// `0x6162` as SQL writes text.
pub(super) fn sql_hex_decode(input: &[u8], out: &mut Vec<u8>) {
    let mut at = 0;
    while at < input.len() {
        if let [b'0', b'x' | b'X', rest @ ..] = &input[at..] {
            let digits = rest.iter().take_while(|byte| hex(**byte).is_some()).count() & !1;
            if digits > 0 {
                hex_decode(&rest[..digits], out);
                at += 2 + digits;
                continue;
            }
        }
        out.push(input[at]);
        at += 1;
    }
}

pub(super) fn md5(input: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&md5::Md5::digest(input));
}

pub(super) fn sha1(input: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&sha1::Sha1::digest(input));
}
