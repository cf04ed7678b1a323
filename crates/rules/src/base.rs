//! What stands around the rule files: the engine's own settings, and what the caller decides.

use std::fmt::Write as _;

use mamori_waf::Mode;

/// Before everything: bodies are read, by the kind that they say they are. Files in them are not kept,
/// so how large an upload may be is the site's to say (`body_limit` of the data plane); what is kept,
/// everything that is no file, has its own bound.
pub const HEAD: &str = r#"
SecRequestBodyAccess On
SecResponseBodyAccess On
SecResponseBodyMimeType text/plain text/html text/xml application/json
SecRequestBodyLimit 4294967296
SecRequestBodyNoFilesLimit 1310720
SecRule REQUEST_HEADERS:Content-Type "^(?:application(?:/soap\+|/)|text/)xml" "id:200000,phase:1,t:none,t:lowercase,pass,nolog,ctl:requestBodyProcessor=XML"
SecRule REQUEST_HEADERS:Content-Type "^application/(?:[a-z0-9.-]+\+)?json" "id:200001,phase:1,t:none,t:lowercase,pass,nolog,ctl:requestBodyProcessor=JSON"
"#;

/// Bodies that are not what they claim to be are refused before the rules look at them.
pub const BODIES: &str = r#"
SecRule REQBODY_ERROR "!@eq 0" "id:200002,phase:2,t:none,log,deny,status:400,msg:'Failed to parse request body.',severity:2"
SecRule MULTIPART_STRICT_ERROR "!@eq 0" "id:200003,phase:2,t:none,log,deny,status:400,msg:'Multipart request body failed strict validation.'"
SecRule MULTIPART_UNMATCHED_BOUNDARY "@eq 1" "id:200004,phase:2,t:none,log,deny,status:400,msg:'Multipart parser detected a possible unmatched boundary.'"
"#;

/// In place of `crs-setup.conf`: the rules' own defaults hold, and they are told that this is meant.
pub const SETUP: &str = r#"
SecDefaultAction "phase:1,log,auditlog,pass"
SecDefaultAction "phase:2,log,auditlog,pass"
SecAction "id:900990,phase:1,pass,t:none,nolog,setvar:tx.crs_setup_version=400"
"#;

/// Ids beyond those that rule sets and sites number theirs with.
const OWN: u64 = 99_000_000;

/// The blocking level. What only detects must not lie below it; CRS 3 has other names for both.
pub fn paranoia(level: u8) -> String {
    let mut text = format!(
        "SecAction \"id:{OWN},phase:1,pass,t:none,nolog,\
         setvar:tx.blocking_paranoia_level={level},setvar:tx.paranoia_level={level}\"\n"
    );
    for (id, name) in (OWN + 1..).zip(["detection_paranoia_level", "executing_paranoia_level"]) {
        let _ = writeln!(
            text,
            "SecRule TX:{name} \"@lt {level}\" \"id:{id},phase:1,pass,t:none,nolog,setvar:tx.{name}={level}\""
        );
    }
    text
}

/// Whether the engine refuses or only says what it would refuse.
pub fn mode(mode: Mode) -> &'static str {
    match mode {
        Mode::On => "SecRuleEngine On",
        Mode::DetectionOnly => "SecRuleEngine DetectionOnly",
        Mode::Off => "SecRuleEngine Off",
    }
}

#[cfg(test)]
mod tests {
    use mamori_waf::{Builder, Decision, Transaction};

    use super::{HEAD, mode};

    fn begun(kind: &str) -> Transaction {
        let mut builder = Builder::new();
        let rules = [mode(mamori_waf::Mode::On), HEAD].join("\n");
        builder.inline("mamori", &rules).expect("rules");
        let mut transaction = builder.build().expect("rules").transaction();
        transaction.request_line(b"POST", b"/", b"HTTP/1.1");
        transaction.request_header(b"Content-Type", kind.as_bytes());
        transaction.request_headers();
        transaction
    }

    #[test]
    fn files_may_be_large_and_fields_may_not() {
        let piece = vec![b'x'; 1 << 16];
        let mut upload = begun("multipart/form-data; boundary=b");
        upload.request_body_chunk(
            b"--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a.mp4\"\r\n\r\n",
        );
        // More than any page, less than a film.
        for _ in 0..512 {
            upload.request_body_chunk(&piece);
        }
        upload.request_body_chunk(b"\r\n--b--\r\n");
        assert_eq!(upload.request_body(), Decision::Pass);
        let mut fields = begun("application/x-www-form-urlencoded");
        for _ in 0..32 {
            fields.request_body_chunk(&piece);
        }
        assert!(!fields.request_body().passes());
    }
}
