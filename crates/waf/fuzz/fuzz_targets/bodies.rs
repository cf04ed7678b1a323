//! Whatever a body claims to be, reading it ends. The first byte chooses the claim.
#![no_main]

use std::sync::{Arc, LazyLock};

use libfuzzer_sys::fuzz_target;
use mamori_waf::{Builder, RuleSet};

static RULES: LazyLock<Arc<RuleSet>> = LazyLock::new(|| {
    let mut builder = Builder::new();
    builder
        .inline(
            "fuzz",
            r#"SecRuleEngine On
SecRequestBodyAccess On
SecRule REQUEST_HEADERS:Content-Type "@rx json" "id:1,phase:1,pass,nolog,ctl:requestBodyProcessor=JSON"
SecRule REQUEST_HEADERS:Content-Type "@rx xml" "id:2,phase:1,pass,nolog,ctl:requestBodyProcessor=XML"
SecRule ARGS|ARGS_NAMES|FILES|MULTIPART_PART_HEADERS|XML:/*|XML://@* "@rx x" "id:3,phase:2,pass""#,
        )
        .expect("rules");
    builder.build().expect("rules")
});

const KINDS: [&str; 4] = [
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=B",
    "application/json",
    "text/xml",
];

fuzz_target!(|input: &[u8]| {
    let Some((first, body)) = input.split_first() else { return };
    let mut transaction = RULES.transaction();
    transaction.request_line(b"POST", b"/", b"HTTP/1.1");
    let kind = KINDS[usize::from(first & 3)];
    transaction.request_header(b"Content-Type", kind.as_bytes());
    transaction.request_headers();
    // The other bits choose where the body is cut.
    for chunk in body.chunks(usize::from(first >> 2) + 1) {
        transaction.request_body_chunk(chunk);
    }
    transaction.request_body();
    assert!(transaction.finish().decision.passes());
});
