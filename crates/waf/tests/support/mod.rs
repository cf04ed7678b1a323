//! The Core Rule Set on this machine, if it is there, and rule sets made from it.

#![allow(dead_code, clippy::unwrap_used)] // Each test binary uses a part of this.

pub mod corpus;
pub mod ftw;
pub mod peer;
pub mod regression;
pub mod request;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use mamori_waf::{Builder, RuleSet, Source};

/// Rule files from the disk.
pub struct Disk;

impl Source for Disk {
    fn read(&mut self, path: &str) -> Result<Vec<u8>, String> {
        std::fs::read(path).map_err(|error| error.to_string())
    }

    fn list(&mut self, directory: &str) -> Result<Vec<String>, String> {
        let entries = std::fs::read_dir(directory).map_err(|error| error.to_string())?;
        entries
            .map(|entry| {
                let entry = entry.map_err(|error| error.to_string())?;
                Ok(entry.file_name().to_string_lossy().into_owned())
            })
            .collect()
    }
}

/// The directory with `rules/`, `plugins/`, `tests/` and `crs-setup.conf.example`: named by
/// `MAMORI_TEST_CRS`, or the shared data beside the repository. `None` is said aloud.
pub fn crs() -> Option<PathBuf> {
    let found = match std::env::var_os("MAMORI_TEST_CRS") {
        Some(named) => PathBuf::from(named),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/crs"),
    };
    if found.join("rules").is_dir() {
        return Some(found);
    }
    eprintln!(
        "SKIPPED: no Core Rule Set at {}; set MAMORI_TEST_CRS to a directory that has rules/ and tests/",
        found.display()
    );
    None
}

/// What comes before the Core Rule Set.
const HEAD: &str = r#"
SecRequestBodyAccess On
SecResponseBodyAccess On
SecResponseBodyMimeType text/plain text/html text/xml application/json
SecRequestBodyLimit 13107200
SecRequestBodyNoFilesLimit 1310720
SecRule REQUEST_HEADERS:Content-Type "^(?:application(?:/soap\+|/)|text/)xml" "id:200000,phase:1,t:none,t:lowercase,pass,nolog,ctl:requestBodyProcessor=XML"
SecRule REQUEST_HEADERS:Content-Type "^application/(?:[a-z0-9.-]+\+)?json" "id:200001,phase:1,t:none,t:lowercase,pass,nolog,ctl:requestBodyProcessor=JSON"
"#;

/// Rules against bodies that are not what they claim to be.
const BODIES: &str = r#"
SecRule REQBODY_ERROR "!@eq 0" "id:200002,phase:2,t:none,log,deny,status:400,msg:'Failed to parse request body.',severity:2"
SecRule MULTIPART_STRICT_ERROR "!@eq 0" "id:200003,phase:2,t:none,log,deny,status:400,msg:'Multipart request body failed strict validation.'"
SecRule MULTIPART_UNMATCHED_BOUNDARY "@eq 1" "id:200004,phase:2,t:none,log,deny,status:400,msg:'Multipart parser detected a possible unmatched boundary.'"
"#;

/// A rule set with the Core Rule Set in it.
pub fn load(crs: &Path, before: &str, after_setup: &str, wordpress: bool) -> Arc<RuleSet> {
    let path = |part: &str| crs.join(part).to_string_lossy().into_owned();
    let mut builder = Builder::new();
    let disk = &mut Disk;
    let mut load = || -> Result<(), mamori_waf::LoadError> {
        builder.inline("head", HEAD)?;
        builder.inline("before", before)?;
        builder.file(disk, &path("crs-setup.conf.example"))?;
        builder.inline("after setup", after_setup)?;
        if wordpress {
            builder.file(disk, &path("plugins/wordpress-rule-exclusions-config.conf"))?;
            builder.file(disk, &path("plugins/wordpress-rule-exclusions-before.conf"))?;
        }
        builder.text(disk, &path("rules.conf"), "Include rules/*.conf")?;
        Ok(())
    };
    if let Err(error) = load() {
        panic!("{error}");
    }
    match builder.build() {
        Ok(rules) => rules,
        Err(error) => panic!("{error}"),
    }
}

/// Forms in Shift_JIS and EUC-JP still arrive: a site that takes them must not demand UTF-8.
const ANY_ENCODING: &str =
    r#"SecAction "id:900950,phase:1,pass,t:none,nolog,setvar:tx.crs_validate_utf8_encoding=0""#;

/// As a site runs it: paranoia level 1, threshold 5, refusing, any encoding.
pub fn production(crs: &Path, wordpress: bool) -> Arc<RuleSet> {
    load(
        crs,
        &format!("SecRuleEngine On\n{BODIES}"),
        ANY_ENCODING,
        wordpress,
    )
}

/// The same for a site where all is UTF-8.
pub fn production_utf8(crs: &Path, wordpress: bool) -> Arc<RuleSet> {
    load(crs, &format!("SecRuleEngine On\n{BODIES}"), "", wordpress)
}

/// What stands before the Core Rule Set in production.
pub fn production_head() -> String {
    format!("SecRuleEngine On\n{HEAD}{BODIES}{ANY_ENCODING}\n")
}

/// As the regression tests want it.
pub fn regression(crs: &Path) -> Arc<RuleSet> {
    load(
        crs,
        "SecRuleEngine DetectionOnly",
        regression::SETTINGS,
        false,
    )
}
