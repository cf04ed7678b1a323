//! Whatever a request holds, all transformations and operators end.
#![no_main]

use std::sync::{Arc, LazyLock};

use libfuzzer_sys::fuzz_target;
use mamori_waf::{Builder, RuleSet};

const TRANSFORMS: &str = "base64Decode base64DecodeExt base64Encode cmdLine compressWhitespace cssDecode escapeSeqDecode hexDecode hexEncode htmlEntityDecode jsDecode length lowercase md5 normalizePath normalizePathWin parityEven7bit parityOdd7bit parityZero7bit removeComments removeCommentsChar removeNulls removeWhitespace replaceComments replaceNulls sha1 sqlHexDecode trim trimLeft trimRight uppercase urlDecode urlDecodeUni urlEncode utf8toUnicode";

static RULES: LazyLock<Arc<RuleSet>> = LazyLock::new(|| {
    let mut text = "SecRuleEngine On\nSecRequestBodyAccess On\n".to_owned();
    for (at, name) in TRANSFORMS.split(' ').enumerate() {
        text.push_str(&format!(
            "SecRule REQUEST_URI_RAW|ARGS|REQUEST_HEADERS \"@detectXSS\" \"id:{},phase:1,pass,t:urlDecodeUni,t:{name},multiMatch,setvar:'tx.%{{MATCHED_VAR}}=+1'\"\n",
            at + 1
        ));
    }
    text.push_str("SecRule ARGS \"@detectSQLi\" \"id:100,phase:1,pass,capture,logdata:'%{TX.0} %{MATCHED_VAR}'\"\n");
    let mut builder = Builder::new();
    builder.inline("fuzz", &text).expect("rules");
    builder.build().expect("rules")
});

fuzz_target!(|input: &[u8]| {
    let mut transaction = RULES.transaction();
    let (uri, header) = input.split_at(input.len() / 2);
    transaction.request_line(b"GET", uri, b"HTTP/1.1");
    transaction.request_header(header, header);
    transaction.request_header(b"Cookie", header);
    transaction.request_headers();
    transaction.request_body();
    assert!(transaction.finish().decision.passes());
});
