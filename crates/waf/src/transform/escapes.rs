//! Escapes of CSS, JavaScript, C, HTML, and Unicode as `%uHHHH`.

use super::{hex, narrow};

/// What one escape stands for, and how many bytes of the input it took.
fn escaped(rest: &[u8]) -> Option<(u8, usize)> {
    match rest {
        [b'x' | b'X', a, b, ..] => match (hex(*a), hex(*b)) {
            (Some(a), Some(b)) => Some((a << 4 | b, 3)),
            _ => None,
        },
        [b'0'..=b'7', ..] => {
            let mut count = rest
                .iter()
                .take(3)
                .take_while(|byte| (b'0'..=b'7').contains(*byte))
                .count();
            // Three digits make a byte only up to \377.
            if count == 3 && rest[0] > b'3' {
                count = 2;
            }
            let value = rest[..count]
                .iter()
                .fold(0u32, |value, digit| value * 8 + u32::from(digit - b'0'));
            Some((value as u8, count))
        }
        _ => None,
    }
}

fn control(letter: u8) -> Option<u8> {
    Some(match letter {
        b'a' => 0x07,
        b'b' => 0x08,
        b'f' => 0x0c,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'v' => 0x0b,
        _ => return None,
    })
}

/// `\uHHHH`, `\xHH`, octal, `\n` …; any other escaped character stands for itself.
pub(super) fn javascript(input: &[u8], out: &mut Vec<u8>) {
    let mut at = 0;
    while let Some(after) = next_escape(input, &mut at, out) {
        if let [b'u', a, b, c, d, ..] = after
            && let (Some(a), Some(b), Some(c), Some(d)) = (hex(*a), hex(*b), hex(*c), hex(*d))
        {
            out.push(narrow(a << 4 | b, c << 4 | d));
            at += 6;
        } else if let Some((byte, taken)) = escaped(after) {
            out.push(byte);
            at += 1 + taken;
        } else if let Some(next) = after.first() {
            out.push(control(*next).unwrap_or(*next));
            at += 2;
        } else {
            out.push(b'\\');
            at += 1;
        }
    }
}

/// Copies what stands before the next `\`, moves `at` onto it and gives what follows it; `None` at
/// the end. Who decodes moves on behind the escape.
fn next_escape<'a>(input: &'a [u8], at: &mut usize, out: &mut Vec<u8>) -> Option<&'a [u8]> {
    let rest = input.get(*at..)?;
    let next = memchr::memchr(b'\\', rest).unwrap_or(rest.len());
    out.extend_from_slice(&rest[..next]);
    *at += next;
    rest.get(next + 1..)
}

/// Escapes of ANSI C; what is not valid stays.
pub(super) fn ansi_c(input: &[u8], out: &mut Vec<u8>) {
    let mut at = 0;
    while let Some(after) = next_escape(input, &mut at, out) {
        if let Some((byte, taken)) = escaped(after) {
            out.push(byte);
            at += 1 + taken;
            continue;
        }
        match after.first() {
            Some(byte @ (b'\\' | b'?' | b'\'' | b'"')) => {
                out.push(*byte);
                at += 2;
            }
            Some(byte) => {
                match control(*byte) {
                    Some(control) => out.push(control),
                    None => out.extend_from_slice(&[b'\\', *byte]),
                }
                at += 2;
            }
            None => {
                out.push(b'\\');
                at += 1;
            }
        }
    }
}

/// `\` and up to six hexadecimal digits with one space after them; `\` before a line end vanishes.
pub(super) fn css(input: &[u8], out: &mut Vec<u8>) {
    let mut at = 0;
    while let Some(after) = next_escape(input, &mut at, out) {
        let digits = after
            .iter()
            .take(6)
            .take_while(|byte| hex(**byte).is_some())
            .count();
        if digits == 0 {
            match after.first() {
                Some(b'\n') => {}
                Some(byte) => out.push(*byte),
                None => {}
            }
            at += 2;
            continue;
        }
        let value = after[..digits].iter().fold(0u32, |value, digit| {
            value << 4 | u32::from(hex(*digit).unwrap_or(0))
        });
        out.push(narrow((value >> 8 & 0xff) as u8, value as u8));
        at += 1 + digits;
        if matches!(
            input.get(at),
            Some(b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c)
        ) {
            at += 1;
        }
    }
}

/// Numeric references and the five names that matter; the semicolon may be absent.
pub(super) fn html(input: &[u8], out: &mut Vec<u8>) {
    let mut at = 0;
    while at < input.len() {
        let rest = &input[at..];
        let [b'&', after @ ..] = rest else {
            let next = memchr::memchr(b'&', rest).unwrap_or(rest.len());
            out.extend_from_slice(&rest[..next]);
            at += next;
            continue;
        };
        let taken = reference(after, out);
        if taken == 0 {
            out.push(b'&');
            at += 1;
        } else {
            at += 1 + taken;
            if input.get(at) == Some(&b';') {
                at += 1;
            }
        }
    }
}

/// Writes what a reference stands for; gives back its length without `&` and `;`, 0 if it is none.
fn reference(after: &[u8], out: &mut Vec<u8>) -> usize {
    if let [b'#', rest @ ..] = after {
        let (radix, skip) = match rest {
            [b'x' | b'X', ..] => (16, 1),
            _ => (10, 0),
        };
        let digits = rest[skip..]
            .iter()
            .take_while(|byte| char::from(**byte).is_digit(radix))
            .count();
        if digits == 0 {
            return 0;
        }
        let value = rest[skip..skip + digits].iter().fold(0u32, |value, digit| {
            value
                .saturating_mul(radix)
                .saturating_add(char::from(*digit).to_digit(radix).unwrap_or(0))
        });
        match (u8::try_from(value), char::from_u32(value)) {
            (Ok(byte), _) => out.push(byte),
            (Err(_), Some(c)) => {
                out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            }
            (Err(_), None) => out.push(value as u8),
        }
        return 1 + skip + digits;
    }
    let letters = after
        .iter()
        .take(5)
        .take_while(|byte| byte.is_ascii_alphanumeric())
        .count();
    for (name, byte) in [
        (&b"quot"[..], b'"'),
        (b"amp", b'&'),
        (b"apos", b'\''),
        (b"nbsp", 0xa0),
        (b"lt", b'<'),
        (b"gt", b'>'),
    ] {
        if after[..letters].eq_ignore_ascii_case(name) {
            out.push(byte);
            return name.len();
        }
    }
    0
}

/// Characters of more than one byte in valid UTF-8 become `%uHHHH`.
pub(super) fn utf8_to_unicode(input: &[u8], out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for chunk in input.utf8_chunks() {
        for c in chunk.valid().chars() {
            let value = u32::from(c);
            if value < 0x80 {
                out.push(value as u8);
                continue;
            }
            out.extend_from_slice(b"%u");
            let digits = if value > 0xffff { 5 } else { 4 };
            for at in (0..digits).rev() {
                out.push(DIGITS[(value >> (4 * at) & 15) as usize]);
            }
        }
        out.extend_from_slice(chunk.invalid());
    }
}
