//! Lines of the access log as they lie on a disk: what reads as one is written as the same again, and
//! in combined format it stays one line.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mamori_proxy::access_log::{Line, combined};

fuzz_target!(|input: &[u8]| {
    let Ok(line) = serde_json::from_slice::<Line>(input) else { return };
    let text = serde_json::to_string(&line).expect("written");
    let again: Line = serde_json::from_str(&text).expect("read again");
    assert_eq!(line, again);
    if let Line::Access(access) = line {
        assert!(!combined(&access).contains(char::is_control));
    }
});
