//! The regression tests of the Core Rule Set, and what their tool does to a request before it sends
//! it.

use std::collections::BTreeMap;
use std::path::Path;

use base64::Engine as _;
use serde::Deserialize;

use super::request::{Request, encode};

#[derive(Debug, Deserialize)]
pub struct File {
    pub rule_id: u64,
    pub tests: Option<Vec<Test>>,
}

#[derive(Debug, Deserialize)]
pub struct Test {
    pub test_id: u64,
    pub stages: Vec<Stage>,
}

#[derive(Debug, Deserialize)]
pub struct Stage {
    pub input: Input,
    pub output: Output,
}

#[derive(Debug, Deserialize)]
pub struct Input {
    pub method: Option<String>,
    pub uri: Option<String>,
    pub version: Option<String>,
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    pub data: Option<String>,
    pub autocomplete_headers: Option<bool>,
    pub encoded_request: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
pub struct Output {
    pub log: Option<Log>,
    /// The status of the answer.
    pub status: Option<u16>,
    /// The tool itself cannot send the request, or cannot read the answer.
    #[serde(default)]
    pub expect_error: bool,
}

#[derive(Debug, Default, Deserialize)]
pub struct Log {
    #[serde(default)]
    pub expect_ids: Vec<u64>,
    #[serde(default)]
    pub no_expect_ids: Vec<u64>,
    /// Must stand in the log.
    pub match_regex: Option<String>,
    /// Must not.
    pub no_match_regex: Option<String>,
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

pub fn decode(base64: &str) -> Vec<u8> {
    let joined: String = base64.split_whitespace().collect();
    base64::engine::general_purpose::STANDARD
        .decode(joined)
        .unwrap()
}

/// The request as it goes over the wire.
pub fn request(input: &Input) -> Request {
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

/// All tests of a folder with their names (`942100-1`), in order. The folder is the one of the
/// files, or one above it as the project lays them out.
pub fn all(folder: &Path) -> Vec<(String, Test)> {
    let below = ["tests/regression/tests", "regression/tests"]
        .iter()
        .map(|place| folder.join(place))
        .find(|place| place.is_dir());
    let mut paths = Vec::new();
    files(&below.unwrap_or_else(|| folder.to_owned()), &mut paths);
    paths.retain(|path| !path.to_string_lossy().ends_with("overrides.yaml"));
    paths.sort();
    let mut all = Vec::new();
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
            all.push((format!("{}-{}", file.rule_id, test.test_id), test));
        }
    }
    all
}
