//! Checking that bytes are canonical JSON without building anything: one pass, no tree. Writing
//! the canonical form, and reading any other JSON, is the parent module's work.

use std::cmp::Ordering;

use super::{CanonicalError, MAX_DEPTH, MAX_FRACTION, compare_names, format_fraction};

/// Checks that a canonical JSON value starts at `start` and returns the offset after it.
///
/// Builds nothing: this is what lets an archive be verified at hundreds of thousands of records a
/// second. `bytes` must be valid UTF-8 (the caller checks the whole line once); hostile bytes give
/// an error, never a panic.
pub fn check_value(bytes: &[u8], start: usize) -> Result<usize, CanonicalError> {
    check_nested(bytes, start, 0)
}

fn check_nested(bytes: &[u8], start: usize, depth: usize) -> Result<usize, CanonicalError> {
    match bytes.get(start) {
        Some(b'{') => check_object(bytes, start, depth),
        Some(b'[') => {
            if depth >= MAX_DEPTH {
                return Err(CanonicalError::Depth);
            }
            let mut at = start + 1;
            if bytes.get(at) == Some(&b']') {
                return Ok(at + 1);
            }
            loop {
                at = check_nested(bytes, at, depth + 1)?;
                match bytes.get(at) {
                    Some(b',') => at += 1,
                    Some(b']') => return Ok(at + 1),
                    _ => return Err(CanonicalError::NotCanonical(at)),
                }
            }
        }
        Some(b'"') => check_string(bytes, start),
        Some(b't') => check_literal(bytes, start, b"true"),
        Some(b'f') => check_literal(bytes, start, b"false"),
        Some(b'n') => check_literal(bytes, start, b"null"),
        Some(b'-' | b'0'..=b'9') => check_number(bytes, start),
        _ => Err(CanonicalError::NotCanonical(start)),
    }
}

fn check_object(bytes: &[u8], start: usize, depth: usize) -> Result<usize, CanonicalError> {
    if depth >= MAX_DEPTH {
        return Err(CanonicalError::Depth);
    }
    let mut at = start + 1;
    if bytes.get(at) == Some(&b'}') {
        return Ok(at + 1);
    }
    let mut previous: Option<(usize, usize)> = None;
    loop {
        let end = check_string(bytes, at)?;
        if let Some((from, to)) = previous
            && !names_increase(&bytes[from..to], &bytes[at..end])
        {
            return Err(CanonicalError::NotCanonical(at));
        }
        previous = Some((at, end));
        if bytes.get(end) != Some(&b':') {
            return Err(CanonicalError::NotCanonical(end));
        }
        at = check_nested(bytes, end + 1, depth + 1)?;
        match bytes.get(at) {
            Some(b',') => at += 1,
            Some(b'}') => return Ok(at + 1),
            _ => return Err(CanonicalError::NotCanonical(at)),
        }
    }
}

/// Strict order of two quoted canonical strings, as RFC 8785 sorts names.
fn names_increase(a: &[u8], b: &[u8]) -> bool {
    // The quotes are ASCII and end each slice, so they are cut off before comparing.
    let (a, b) = (&a[1..a.len() - 1], &b[1..b.len() - 1]);
    let plain = |name: &[u8]| name.iter().all(|&c| c < 0x80 && c != b'\\');
    if plain(a) && plain(b) {
        return a < b;
    }
    match (read_string_body(a), read_string_body(b)) {
        (Some(a), Some(b)) => compare_names(&a, &b) == Ordering::Less,
        _ => false,
    }
}

/// Checks a canonical string literal starting at `start`; returns the offset after its quote.
pub(crate) fn check_string(bytes: &[u8], start: usize) -> Result<usize, CanonicalError> {
    if bytes.get(start) != Some(&b'"') {
        return Err(CanonicalError::NotCanonical(start));
    }
    let mut at = start + 1;
    loop {
        match bytes.get(at) {
            Some(b'"') => return Ok(at + 1),
            Some(b'\\') => match bytes.get(at + 1) {
                Some(b'"' | b'\\' | b'b' | b't' | b'n' | b'f' | b'r') => at += 2,
                Some(b'u') => {
                    let code = bytes
                        .get(at + 2..at + 6)
                        .ok_or(CanonicalError::NotCanonical(at))?;
                    let value = control_code(code).ok_or(CanonicalError::NotCanonical(at))?;
                    if matches!(value, 0x08 | 0x09 | 0x0a | 0x0c | 0x0d) {
                        return Err(CanonicalError::NotCanonical(at));
                    }
                    at += 6;
                }
                _ => return Err(CanonicalError::NotCanonical(at)),
            },
            Some(0x20..) => at += 1,
            _ => return Err(CanonicalError::NotCanonical(at)),
        }
    }
}

/// `00` then `0`/`1` and a lower-case hex digit: the only `\u` escapes that are canonical.
fn control_code(code: &[u8]) -> Option<u8> {
    match code {
        [
            b'0',
            b'0',
            high @ (b'0' | b'1'),
            low @ (b'0'..=b'9' | b'a'..=b'f'),
        ] => {
            let low = if low.is_ascii_digit() {
                low - b'0'
            } else {
                low - b'a' + 10
            };
            Some((high - b'0') * 16 + low)
        }
        _ => None,
    }
}

/// Decodes the inside of a string literal that [`check_string`] accepted.
pub(crate) fn read_string_body(body: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(body).ok()?;
    if !text.contains('\\') {
        return Some(text.to_owned());
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.push_str(rest.get(..at)?);
        let (decoded, length) = match *rest.as_bytes().get(at + 1)? {
            b'b' => ('\u{8}', 2),
            b't' => ('\t', 2),
            b'n' => ('\n', 2),
            b'f' => ('\u{c}', 2),
            b'r' => ('\r', 2),
            b'u' => (
                char::from(control_code(rest.as_bytes().get(at + 2..at + 6)?)?),
                6,
            ),
            other => (char::from(other), 2),
        };
        out.push(decoded);
        rest = rest.get(at + length..)?;
    }
    out.push_str(rest);
    Some(out)
}

fn check_literal(bytes: &[u8], start: usize, literal: &[u8]) -> Result<usize, CanonicalError> {
    let end = start + literal.len();
    if bytes.get(start..end) == Some(literal) {
        Ok(end)
    } else {
        Err(CanonicalError::NotCanonical(start))
    }
}

pub(crate) fn check_number(bytes: &[u8], start: usize) -> Result<usize, CanonicalError> {
    let refuse = || CanonicalError::NotCanonical(start);
    let mut end = start;
    let mut is_integer = true;
    while let Some(&byte) = bytes.get(end) {
        match byte {
            b'0'..=b'9' => {}
            b'-' if end == start => {}
            b'-' | b'+' | b'.' | b'e' => is_integer = false,
            _ => break,
        }
        end += 1;
    }
    let literal = std::str::from_utf8(&bytes[start..end]).map_err(|_| refuse())?;
    let digits = literal.strip_prefix('-').unwrap_or(literal);
    if is_integer {
        let leading_zero = digits.len() > 1 && digits.starts_with('0');
        // Up to 18 digits always fit; only longer ones need the real parse.
        let fits = !digits.is_empty()
            && (digits.len() <= 18
                || literal.parse::<i64>().is_ok()
                || literal.parse::<u64>().is_ok());
        if leading_zero || literal == "-0" || !fits {
            return Err(refuse());
        }
        return Ok(end);
    }
    let value: f64 = literal.parse().map_err(|_| refuse())?;
    if value.is_finite() && value.abs() <= MAX_FRACTION && format_fraction(value) == literal {
        Ok(end)
    } else {
        Err(refuse())
    }
}
