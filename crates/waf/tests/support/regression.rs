//! The regression tests of the Core Rule Set, judged by the ids of the rules that log.
//!
//! The driver does what the tool that these tests are written for does before it sends a request;
//! what only an HTTP server can decide (statuses, texts of a server's log) is left out.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use mamori_waf::{Report, RuleSet};
use serde::Deserialize;

use super::ftw::{Test, decode, request};
use super::request::{Request, describe};

/// Tests that this engine fails, each with the reason. A test that fails and is not listed fails
/// the run, and so does one that is listed and passes.
pub const EXCEPTIONS: &[(&str, &str)] = &[
    (
        "920181-1",
        "Content-Length beside Transfer-Encoding must not reach the engine: the HTTP server refuses or rewrites it",
    ),
    (
        "920620-1",
        "two Content-Type headers must not reach the engine: the HTTP server joins or refuses them",
    ),
    (
        "920640-5",
        "a body without Content-Length cannot arrive over HTTP/1.1: the HTTP server takes it for empty",
    ),
    (
        "921140-1",
        "a header broken by a line end must not reach the engine: the HTTP server refuses it",
    ),
];

/// What the tests want to be set, after the setup.
pub const SETTINGS: &str = r#"SecAction "id:900005,phase:1,nolog,pass,ctl:ruleEngine=DetectionOnly,ctl:ruleRemoveById=910000,setvar:tx.blocking_paranoia_level=4,setvar:tx.crs_validate_utf8_encoding=1,setvar:tx.arg_name_length=100,setvar:tx.arg_length=400,setvar:tx.total_arg_length=64000,setvar:tx.max_num_args=255,setvar:tx.max_file_size=64100,setvar:tx.combined_file_sizes=65535""#;

/// A stage in which other rules logged than the test wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Must log.
    pub expected: Vec<u64>,
    /// Must not log.
    pub unwanted: Vec<u64>,
    /// Logged.
    pub found: Vec<u64>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {:?}", self.expected)?;
        if !self.unwanted.is_empty() {
            write!(f, ", unwanted {:?}", self.unwanted)?;
        }
        write!(f, ", found {:?}", self.found)
    }
}

/// How the tests went.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Tests that judge by id.
    pub judged: usize,
    /// Failed, by name.
    pub failed: Vec<(String, Vec<Failure>)>,
}

impl Outcome {
    pub fn passed(&self) -> usize {
        self.judged - self.failed.len()
    }

    /// Why this test may fail, if it may.
    pub fn reason(name: &str) -> Option<&'static str> {
        EXCEPTIONS
            .iter()
            .find(|(listed, _)| *listed == name)
            .map(|(_, reason)| *reason)
    }

    /// What nobody expects: failures that are not listed, and listed tests that pass.
    pub fn unexpected(&self, all: bool) -> Vec<String> {
        let failures = self
            .failed
            .iter()
            .filter(|(name, _)| Self::reason(name).is_none())
            .map(|(name, failures)| {
                let failures: Vec<String> = failures.iter().map(ToString::to_string).collect();
                format!("{name} fails: {}", failures.join("; "))
            });
        let passing = EXCEPTIONS
            .iter()
            .filter(|(listed, _)| all && !self.failed.iter().any(|(name, _)| name == listed))
            .map(|(name, _)| format!("{name} is listed as an exception but passes; take it out"));
        failures.chain(passing).collect()
    }
}

/// Runs those tests that judge by id; `only`: whose name begins so, and says what came out.
pub fn run_all(rules: &Arc<RuleSet>, tests: &[(String, Test)], only: Option<&str>) -> Outcome {
    let mut outcome = Outcome::default();
    let chosen = tests
        .iter()
        .filter(|(name, _)| only.is_none_or(|only| name.starts_with(only)));
    for (name, test) in chosen.filter(|(_, test)| by_id(test)) {
        outcome.judged += 1;
        let mut failures = Vec::new();
        for stage in &test.stages {
            let report = run(rules, &request(&stage.input));
            if only.is_some() {
                eprintln!("{name}: {}", describe(&report));
            }
            let Some(log) = &stage.output.log else {
                continue;
            };
            let right = log.expect_ids.iter().all(|id| report.has(*id))
                && !log.no_expect_ids.iter().any(|id| report.has(*id));
            if !right {
                failures.push(Failure {
                    expected: log.expect_ids.clone(),
                    unwanted: log.no_expect_ids.clone(),
                    found: report.matches.iter().map(|one| one.id).collect(),
                });
            }
        }
        if !failures.is_empty() {
            outcome.failed.push((name.clone(), failures));
        }
    }
    outcome
}

fn by_id(test: &Test) -> bool {
    let names_rules = test.stages.iter().any(|stage| {
        stage
            .output
            .log
            .as_ref()
            .is_some_and(|log| !(log.expect_ids.is_empty() && log.no_expect_ids.is_empty()))
    });
    names_rules && !test.stages.iter().any(|stage| stage.output.expect_error)
}

#[derive(Debug, Default, Deserialize)]
struct Reflect {
    status: Option<u16>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    body: String,
    #[serde(default, rename = "encodedBody")]
    encoded_body: String,
}

fn run(rules: &Arc<RuleSet>, request: &Request) -> Report {
    let mut transaction = rules.transaction();
    transaction.unique_id("0123456789abcdef");
    request.feed(&mut transaction);
    let reflects = request.uri.starts_with(b"/reflect");
    if let Some(reflect) = reflects
        .then(|| serde_json::from_slice::<Reflect>(&request.body).ok())
        .flatten()
    {
        transaction.response_line(reflect.status.unwrap_or(200), b"HTTP/1.1");
        for (name, value) in &reflect.headers {
            transaction.response_header(name.as_bytes(), value.as_bytes());
        }
        if !reflect
            .headers
            .keys()
            .any(|name| name.eq_ignore_ascii_case("content-type"))
        {
            transaction.response_header(b"Content-Type", b"text/html");
        }
        transaction.response_headers();
        let body = if reflect.encoded_body.is_empty() {
            reflect.body.into_bytes()
        } else {
            decode(&reflect.encoded_body)
        };
        transaction.response_body_chunk(&body);
        transaction.response_body();
    } else {
        transaction.response_line(200, b"HTTP/1.1");
        transaction.response_header(b"Content-Type", b"text/html");
        transaction.response_headers();
        transaction.response_body();
    }
    transaction.finish()
}
