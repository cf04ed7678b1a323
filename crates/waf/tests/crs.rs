//! The regression tests of the Core Rule Set, judged by the ids of the rules that log.
//!
//! The driver does what the tool that these tests are written for does before it sends a request;
//! what only an HTTP server can decide (statuses, texts of a server's log) is left out.

#![allow(clippy::unwrap_used)]

mod support;

use std::collections::BTreeMap;
use std::sync::Arc;

use mamori_waf::{Report, RuleSet};
use serde::Deserialize;
use support::ftw::{self, decode, request};
use support::request::Request;

/// Tests that this engine fails, each with the reason. A test that fails and is not listed fails
/// the run, and so does one that is listed and passes.
const EXCEPTIONS: &[(&str, &str)] = &[
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

#[test]
fn regression_tests_of_the_core_rule_set() {
    let Some(crs) = support::crs() else { return };
    let rules = support::regression(&crs);
    let only = std::env::var("MAMORI_TEST_CRS_ONLY").ok();
    let (mut judged, mut passed) = (0, 0);
    let mut wrong = Vec::new();
    for (name, test) in ftw::all(&crs) {
        if only
            .as_ref()
            .is_some_and(|only| !name.starts_with(only.as_str()))
        {
            continue;
        }
        let by_id = test.stages.iter().any(|stage| {
            stage
                .output
                .log
                .as_ref()
                .is_some_and(|log| !(log.expect_ids.is_empty() && log.no_expect_ids.is_empty()))
        });
        if !by_id || test.stages.iter().any(|stage| stage.output.expect_error) {
            continue;
        }
        judged += 1;
        let mut failures = Vec::new();
        for stage in &test.stages {
            let report = run(&rules, &request(&stage.input));
            let log = stage.output.log.as_ref();
            let missing: Vec<u64> = log
                .map(|log| {
                    log.expect_ids
                        .iter()
                        .copied()
                        .filter(|id| !report.has(*id))
                        .collect()
                })
                .unwrap_or_default();
            let spurious: Vec<u64> = log
                .map(|log| {
                    log.no_expect_ids
                        .iter()
                        .copied()
                        .filter(|id| report.has(*id))
                        .collect()
                })
                .unwrap_or_default();
            if !missing.is_empty() || !spurious.is_empty() {
                let found: Vec<u64> = report.matches.iter().map(|one| one.id).collect();
                failures.push(format!(
                    "missing {missing:?} spurious {spurious:?} of {found:?}"
                ));
            }
            if only.is_some() {
                eprintln!("{name}: {}", support::request::describe(&report));
            }
        }
        if failures.is_empty() {
            passed += 1;
        } else {
            wrong.push((name, failures.join("; ")));
        }
    }
    eprintln!("passed {passed} of {judged}");
    let listed: BTreeMap<&str, &str> = EXCEPTIONS.iter().copied().collect();
    let mut unexpected: Vec<String> = wrong
        .iter()
        .filter(|(name, _)| !listed.contains_key(name.as_str()))
        .map(|(name, failure)| format!("{name} fails: {failure}"))
        .collect();
    if only.is_none() {
        for name in listed.keys() {
            if !wrong.iter().any(|(failed, _)| failed == name) {
                unexpected.push(format!(
                    "{name} is listed as an exception but passes; take it out"
                ));
            }
        }
    }
    assert!(unexpected.is_empty(), "{}", unexpected.join("\n"));
    assert!(
        only.is_some() || judged == 5009,
        "the number of tests has changed: {judged}"
    );
}
