//! Percent encoding.

use super::{hex, narrow};

/// Decodes `%HH` and `+`, and `%uHHHH` where asked; what is not valid stays.
pub(super) fn decode(input: &[u8], unicode: bool, out: &mut Vec<u8>) {
    let mut at = 0;
    while at < input.len() {
        let rest = &input[at..];
        match rest {
            [b'%', b'u' | b'U', a, b, c, d, ..] if unicode => {
                if let (Some(a), Some(b), Some(c), Some(d)) = (hex(*a), hex(*b), hex(*c), hex(*d)) {
                    out.push(narrow(a << 4 | b, c << 4 | d));
                    at += 6;
                } else {
                    out.push(b'%');
                    at += 1;
                }
            }
            [b'%', a, b, ..] => {
                if let (Some(a), Some(b)) = (hex(*a), hex(*b)) {
                    out.push(a << 4 | b);
                    at += 3;
                } else {
                    out.push(b'%');
                    at += 1;
                }
            }
            [b'+', ..] => {
                out.push(b' ');
                at += 1;
            }
            _ => {
                // Up to the next byte that means something.
                let next = memchr::memchr2(b'%', b'+', &rest[1..]).map_or(rest.len(), |n| n + 1);
                out.extend_from_slice(&rest[..next]);
                at += next;
            }
        }
    }
}

/// Decodes one name or value of a form into `out` (appending). `false`: an escape was not valid.
pub(crate) fn decode_form(input: &[u8], out: &mut Vec<u8>) -> bool {
    let valid = memchr::memchr_iter(b'%', input)
        .all(|at| matches!(&input[at + 1..], [a, b, ..] if hex(*a).is_some() && hex(*b).is_some()));
    decode(input, false, out);
    valid
}

/// Encodes everything but letters, digits and `*`.
pub(super) fn encode(input: &[u8], out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for byte in input {
        match byte {
            b' ' => out.push(b'+'),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'*' => out.push(*byte),
            _ => out.extend_from_slice(&[
                b'%',
                DIGITS[usize::from(byte >> 4)],
                DIGITS[usize::from(byte & 15)],
            ]),
        }
    }
}
