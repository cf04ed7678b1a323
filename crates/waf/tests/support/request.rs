//! Requests as data, and how they go through an inspection.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use mamori_waf::{Decision, Report, RuleSet, Transaction};

/// One request.
#[derive(Debug, Clone, Default)]
pub struct Request {
    pub method: String,
    pub uri: Vec<u8>,
    pub version: String,
    pub headers: Vec<(Vec<u8>, Vec<u8>)>,
    pub body: Vec<u8>,
}

/// What a browser of our time sends beside.
const BROWSER: &[(&str, &str)] = &[
    ("Host", "www.city.example.jp"),
    (
        "User-Agent",
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36",
    ),
    (
        "Accept",
        "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
    ),
    ("Accept-Language", "ja,en-US;q=0.9,en;q=0.8"),
    ("Accept-Encoding", "gzip, deflate, br, zstd"),
    ("Sec-Fetch-Site", "same-origin"),
    ("Sec-Fetch-Mode", "navigate"),
    ("Sec-Fetch-Dest", "document"),
    ("Upgrade-Insecure-Requests", "1"),
    (
        "Referer",
        "https://www.city.example.jp/soshiki/kurashi/index.html",
    ),
    (
        "Cookie",
        "_ga=GA1.2.1234567890.1700000000; wp-settings-time-3=1764000000; font_size=large",
    ),
];

impl Request {
    /// A page asked for by a browser.
    pub fn get(uri: &str) -> Self {
        Self {
            method: "GET".to_owned(),
            uri: uri.as_bytes().to_vec(),
            version: "HTTP/1.1".to_owned(),
            headers: BROWSER
                .iter()
                .map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec()))
                .collect(),
            body: Vec::new(),
        }
    }

    /// A body sent by a browser.
    pub fn post(uri: &str, content_type: &str, body: Vec<u8>) -> Self {
        let mut request = Self::get(uri);
        "POST".clone_into(&mut request.method);
        request.header("Content-Type", content_type);
        request.header("Content-Length", &body.len().to_string());
        request.header("Origin", "https://www.city.example.jp");
        request.body = body;
        request
    }

    /// A form sent by a browser.
    pub fn form(uri: &str, fields: &[(&str, &[u8])]) -> Self {
        let body = fields
            .iter()
            .map(|(name, value)| format!("{}={}", encode(name.as_bytes()), encode(value)))
            .collect::<Vec<_>>()
            .join("&");
        Self::post(uri, "application/x-www-form-urlencoded", body.into_bytes())
    }

    /// The same form as multipart.
    pub fn multipart(uri: &str, fields: &[(&str, &[u8])]) -> Self {
        let mut body = Vec::new();
        for (name, value) in fields {
            body.extend_from_slice(
                format!("------WebKitFormBoundaryq8R2\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n").as_bytes(),
            );
            body.extend_from_slice(value);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(b"------WebKitFormBoundaryq8R2--\r\n");
        Self::post(
            uri,
            "multipart/form-data; boundary=----WebKitFormBoundaryq8R2",
            body,
        )
    }

    /// JSON sent by a script.
    pub fn json(uri: &str, value: &serde_json::Value) -> Self {
        Self::post(uri, "application/json", value.to_string().into_bytes())
    }

    pub fn header(&mut self, name: &str, value: &str) {
        self.headers
            .push((name.as_bytes().to_vec(), value.as_bytes().to_vec()));
    }

    pub fn get_header(&self, name: &str) -> Option<&[u8]> {
        self.headers
            .iter()
            .find(|(own, _)| own.eq_ignore_ascii_case(name.as_bytes()))
            .map(|(_, value)| value.as_slice())
    }

    /// Feeds the request phases.
    pub fn feed(&self, transaction: &mut Transaction) -> Decision {
        let local = IpAddr::V4(Ipv4Addr::LOCALHOST);
        transaction.connection(local, 40_000, local, 443);
        transaction.request_line(self.method.as_bytes(), &self.uri, self.version.as_bytes());
        for (name, value) in &self.headers {
            transaction.request_header(name, value);
        }
        let decision = transaction.request_headers();
        if !decision.passes() {
            return decision;
        }
        for chunk in self.body.chunks(8192) {
            let decision = transaction.request_body_chunk(chunk);
            if !decision.passes() {
                return decision;
            }
        }
        transaction.request_body()
    }

    /// Inspects the request alone.
    pub fn inspect(&self, rules: &Arc<RuleSet>) -> Report {
        let mut transaction = rules.transaction();
        self.feed(&mut transaction);
        transaction.finish()
    }
}

/// Percent encoding as forms do it.
pub fn encode(bytes: &[u8]) -> String {
    bytes
        .iter()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'*' => {
                char::from(*byte).to_string()
            }
            b' ' => "+".to_owned(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

/// A report in one line, for messages of tests.
pub fn describe(report: &Report) -> String {
    let rules: Vec<String> = report
        .matches
        .iter()
        .map(|one| {
            let hit = one.hits.first();
            format!(
                "{} {} {}",
                one.id,
                hit.map(mamori_waf::Hit::target).unwrap_or_default(),
                hit.map(|hit| String::from_utf8_lossy(&hit.value).into_owned())
                    .unwrap_or_default()
            )
        })
        .collect();
    format!(
        "{:?} score {}: {}",
        report.decision,
        report.score,
        rules.join(" | ")
    )
}
