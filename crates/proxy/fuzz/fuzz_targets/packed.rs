//! Packed bodies: whatever they unpack to, it ends, within its limit, and pieces change nothing.
//! The first byte chooses the packing and the pieces.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mamori_proxy::fuzzing;

const LIMIT: u64 = 1 << 20;

fuzz_target!(|input: &[u8]| {
    let Some((first, body)) = input.split_first() else { return };
    let whole = fuzzing::unpacked(first & 3, body, usize::MAX, LIMIT);
    let parts = fuzzing::unpacked(first & 3, body, usize::from(first >> 2) + 1, LIMIT);
    assert_eq!(whole, parts);
    assert!(whole.is_none_or(|plain| plain.len() as u64 <= LIMIT));
});
