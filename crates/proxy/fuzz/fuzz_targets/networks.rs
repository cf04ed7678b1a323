//! Lists of networks from elsewhere, and hosts as they are asked for.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mamori_proxy::framing::Authority;
use mamori_proxy::{AddressSet, Host};

fuzz_target!(|input: &[u8]| {
    if let Some(authority) = Authority::parse(input) {
        let port = authority.port.map(|port| format!(":{port}")).unwrap_or_default();
        let again = Authority::parse(format!("{}{port}", authority.host).as_bytes());
        assert_eq!(again, Some(authority));
    }
    let Ok(text) = std::str::from_utf8(input) else { return };
    let _ = Host::parse(text);
    let _ = AddressSet::from_list(text);
    if let Ok(set) = AddressSet::parse(text.lines()) {
        for line in text.lines() {
            if let Ok(address) = line.trim().parse() {
                assert!(set.contains(address), "{address}");
            }
        }
    }
});
