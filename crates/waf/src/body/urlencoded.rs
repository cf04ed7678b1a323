//! `application/x-www-form-urlencoded`, also query strings.

use crate::transform::decode_form;

/// What was found beside the values.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// Some escape was not valid (`URLENCODED_ERROR`).
    pub(crate) invalid: bool,
    /// The reader wanted no more.
    pub(crate) stopped: bool,
}

/// Gives every pair to `take`, decoded.
pub(crate) fn parse(
    input: &[u8],
    separator: u8,
    mut take: impl FnMut(&[u8], &[u8]) -> bool,
) -> Outcome {
    let mut outcome = Outcome::default();
    let mut pair = Vec::new();
    for part in input.split(|byte| *byte == separator) {
        if part.is_empty() {
            continue;
        }
        let (name, value) = match memchr::memchr(b'=', part) {
            Some(at) => (&part[..at], &part[at + 1..]),
            None => (part, &b""[..]),
        };
        pair.clear();
        outcome.invalid |= !decode_form(name, &mut pair);
        let middle = pair.len();
        outcome.invalid |= !decode_form(value, &mut pair);
        if !take(&pair[..middle], &pair[middle..]) {
            outcome.stopped = true;
            break;
        }
    }
    outcome
}
