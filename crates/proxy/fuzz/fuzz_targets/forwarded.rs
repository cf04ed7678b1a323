//! Who the client is, by fields that anybody can write: reading them ends, and an address that no
//! trusted proxy vouches for is never one of the proxies' own. Lines are values of the field; the
//! first byte chooses which field.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mamori_proxy::fuzzing;

fuzz_target!(|input: &[u8]| {
    let Some((first, values)) = input.split_first() else { return };
    let found = fuzzing::client(first & 1 == 1, values.split(|byte| *byte == b'\n'));
    assert!(found.through.len() <= 32);
    if found.through.is_empty() {
        assert!(found.is_peer, "believed without a proxy");
    }
    assert!(found.trusted_between, "looked through somebody who is not trusted");
});
