//! Whatever stands in a rule file, reading and compiling it ends.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mamori_waf::Builder;

fuzz_target!(|text: &str| {
    let mut builder = Builder::new();
    if builder.inline("fuzz", text).is_ok() {
        let _ = builder.build();
    }
});
