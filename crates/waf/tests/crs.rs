//! The regression tests of the Core Rule Set, judged by the ids of the rules that log.
//!
//! The driver does what the tool that these tests are written for does before it sends a request;
//! what only an HTTP server can decide (statuses, texts of a server's log) is left out.

#![allow(clippy::unwrap_used)]

mod support;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use mamori_waf::{Report, RuleSet};
use serde::Deserialize;
use support::request::{Request, encode};

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

#[derive(Debug, Deserialize)]
struct File {
    rule_id: u64,
    tests: Option<Vec<Test>>,
}

#[derive(Debug, Deserialize)]
struct Test {
    test_id: u64,
    stages: Vec<Stage>,
}

#[derive(Debug, Deserialize)]
struct Stage {
    input: Input,
    output: Output,
}

#[derive(Debug, Deserialize)]
struct Input {
    method: Option<String>,
    uri: Option<String>,
    version: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    data: Option<String>,
    autocomplete_headers: Option<bool>,
    encoded_request: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
struct Output {
    log: Option<Log>,
    /// The tool itself cannot send the request.
    #[serde(default)]
    expect_error: bool,
}

#[derive(Debug, Default, Deserialize)]
struct Log {
    #[serde(default)]
    expect_ids: Vec<u64>,
    #[serde(default)]
    no_expect_ids: Vec<u64>,
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

fn files(directory: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|end| end == "yaml") {
            found.push(path);
        }
    }
}

fn decode(base64: &str) -> Vec<u8> {
    let joined: String = base64.split_whitespace().collect();
    base64::engine::general_purpose::STANDARD
        .decode(joined)
        .unwrap()
}

/// The request as it goes over the wire.
fn request(input: &Input) -> Request {
    if let Some(encoded) = &input.encoded_request {
        return parse(&decode(encoded));
    }
    let mut request = Request {
        method: input.method.clone().unwrap_or_else(|| "GET".to_owned()),
        uri: input
            .uri
            .clone()
            .unwrap_or_else(|| "/".to_owned())
            .into_bytes(),
        version: input
            .version
            .clone()
            .unwrap_or_else(|| "HTTP/1.1".to_owned()),
        headers: input
            .headers
            .iter()
            .map(|(name, value)| (name.clone().into_bytes(), value.clone().into_bytes()))
            .collect(),
        body: input.data.clone().unwrap_or_default().into_bytes(),
    };
    let content_type = request
        .get_header("content-type")
        .map(<[u8]>::to_vec)
        .unwrap_or_default();
    if content_type.starts_with(b"multipart/form-data;") {
        let text = String::from_utf8(request.body).unwrap();
        request.body = text
            .replace("\r\n", "\n")
            .replace('\n', "\r\n")
            .into_bytes();
    }
    if input.autocomplete_headers != Some(false) {
        if request.get_header("connection").is_none() {
            request.header("Connection", "close");
        }
        if !request.body.is_empty() && content_type.is_empty() {
            request.header("Content-Type", "application/x-www-form-urlencoded");
        }
        let form = request
            .get_header("content-type")
            .is_some_and(|kind| kind == b"application/x-www-form-urlencoded");
        if form {
            request.body = encode_form(&request.body);
        }
        let sends = matches!(request.method.as_str(), "POST" | "PUT" | "PATCH" | "DELETE");
        if (!request.body.is_empty() || sends) && request.get_header("content-length").is_none() {
            let length = request.body.len().to_string();
            request.header("Content-Length", &length);
        }
    }
    request
}

/// Encodes a form whose author did not.
fn encode_form(body: &[u8]) -> Vec<u8> {
    if body.contains(&b'+') || body.contains(&b'%') || body.contains(&b';') {
        return body.to_vec();
    }
    body.split(|byte| *byte == b'&')
        .map(|pair| match pair.iter().position(|byte| *byte == b'=') {
            Some(at) => format!("{}={}", encode(&pair[..at]), encode(&pair[at + 1..])),
            None => encode(pair),
        })
        .collect::<Vec<_>>()
        .join("&")
        .into_bytes()
}

/// A raw request.
fn parse(raw: &[u8]) -> Request {
    let end = raw.windows(4).position(|window| window == b"\r\n\r\n");
    let (head, body) = match end {
        Some(at) => (&raw[..at], &raw[at + 4..]),
        None => (raw, &b""[..]),
    };
    let head = String::from_utf8_lossy(head).into_owned();
    let mut lines = head.split("\r\n");
    let line = lines.next().unwrap_or_default();
    let mut words = line.splitn(2, ' ');
    let method = words.next().unwrap_or_default().to_owned();
    let rest = words.next().unwrap_or_default();
    let (uri, version) = rest.rsplit_once(' ').unwrap_or((rest, ""));
    Request {
        method,
        uri: uri.as_bytes().to_vec(),
        version: version.to_owned(),
        headers: lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.as_bytes().to_vec(), value.trim().as_bytes().to_vec()))
            .collect(),
        body: body.to_vec(),
    }
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
    let mut paths = Vec::new();
    files(&crs.join("tests/regression/tests"), &mut paths);
    paths.sort();
    let only = std::env::var("MAMORI_TEST_CRS_ONLY").ok();
    let (mut judged, mut passed) = (0, 0);
    let mut wrong = Vec::new();
    for path in &paths {
        let text = std::fs::read_to_string(path).unwrap();
        // A file may hold nothing but comments.
        if text
            .lines()
            .all(|line| line.trim().is_empty() || line.starts_with(['#', '-']))
        {
            continue;
        }
        let file: File = serde_saphyr::from_str(&text)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        for test in file.tests.unwrap_or_default() {
            let name = format!("{}-{}", file.rule_id, test.test_id);
            if only
                .as_ref()
                .is_some_and(|only| !name.starts_with(only.as_str()))
            {
                continue;
            }
            let by_id =
                test.stages.iter().any(|stage| {
                    stage.output.log.as_ref().is_some_and(|log| {
                        !(log.expect_ids.is_empty() && log.no_expect_ids.is_empty())
                    })
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
