//! What the rules say of a stored request, as a JSON object.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use mamori_waf::{Decision, Report, RuleSet, Transaction, Why};
use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;
use serde_json::Value;

use crate::request::Request;

/// The decision on one request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Judged {
    /// The request's.
    pub id: Value,
    /// `pass` or `block`.
    pub action: &'static str,
    /// What the client would be answered: 200 where nothing stands against the request, 0 where the
    /// connection would be closed without an answer.
    pub status: u16,
    /// The inbound anomaly score that counts for blocking.
    pub score: i64,
    /// Ids of the rules that matched and are logged, in order; rules that only count or steer are
    /// not among them.
    pub rules: Vec<u64>,
    /// CPU time of the inspection, in microseconds.
    pub cpu_us: u64,
    /// What decided: `rule 949110`, or the limit that was reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Where the engine only detects: what it would have done, and with which status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub would: Option<&'static str>,
    /// Its status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub would_status: Option<u16>,
    /// The inspection was cut short by a limit.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub incomplete: bool,
}

impl Judged {
    /// Whether two decisions are the same for the client and for the record.
    pub fn agrees(&self, other: &Self) -> bool {
        self.outcome() == other.outcome() && self.status() == other.status()
    }

    /// What happens, or would happen.
    pub fn outcome(&self) -> &'static str {
        self.would.unwrap_or(self.action)
    }

    fn status(&self) -> u16 {
        self.would_status.unwrap_or(self.status)
    }
}

/// Inspects a request; `detect`: nothing is refused, what would have been is said.
pub fn judge(rules: &Arc<RuleSet>, request: &Request, detect: bool) -> Judged {
    let before = clock_gettime(ClockId::ThreadCPUTime);
    let report = report(rules, request);
    let after = clock_gettime(ClockId::ThreadCPUTime);
    let spent = nanoseconds(after).saturating_sub(nanoseconds(before));
    // Rules may switch the engine by themselves: on, where it must not refuse, or off.
    let decided = if detect && report.decision.passes() {
        &report.would
    } else {
        &report.decision
    };
    let (outcome, outcome_status, why) = words(decided);
    let (action, status) = if detect {
        ("pass", 200)
    } else {
        (outcome, outcome_status)
    };
    Judged {
        id: request.id.clone(),
        action,
        status,
        score: report.score,
        rules: report.matches.iter().map(|one| one.id).collect(),
        cpu_us: spent.div_ceil(1000),
        why,
        would: detect.then_some(outcome),
        would_status: detect.then_some(outcome_status),
        incomplete: report.incomplete,
    }
}

fn nanoseconds(time: rustix::time::Timespec) -> u64 {
    Duration::try_from(time).map_or(0, |time| time.as_nanos() as u64)
}

fn words(decision: &Decision) -> (&'static str, u16, Option<String>) {
    let (status, why) = match decision {
        Decision::Pass => return ("pass", 200, None),
        Decision::Refuse { status, why } | Decision::Redirect { status, why, .. } => (*status, why),
        Decision::Drop { why } => (0, why),
    };
    let why = match why {
        Why::Rule(id) => format!("rule {id}"),
        Why::RequestBodyTooLarge => "request body too large".to_owned(),
        Why::ResponseBodyTooLarge => "response body too large".to_owned(),
        Why::TooCostly => "too costly".to_owned(),
    };
    ("block", status, Some(why))
}

/// All phases, as far as the request and the stored response go.
fn report(rules: &Arc<RuleSet>, request: &Request) -> Report {
    let mut transaction = rules.transaction();
    let passes = feed_request(&mut transaction, request);
    if let Some(response) = request.response.as_ref().filter(|_| passes) {
        transaction.response_line(response.status, b"HTTP/1.1");
        for (name, value) in &response.headers {
            transaction.response_header(name, value);
        }
        if transaction.response_headers().passes() {
            transaction.response_body_chunk(&response.body);
            transaction.response_body();
        }
    }
    transaction.finish()
}

fn feed_request(transaction: &mut Transaction, request: &Request) -> bool {
    /// As bodies arrive from a network.
    const CHUNK: usize = 16 * 1024;
    if let Some(client) = request.client {
        let server = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        transaction.connection(client.ip(), client.port(), server, 0);
    }
    transaction.request_line(&request.method, &request.uri, &request.version);
    for (name, value) in &request.headers {
        transaction.request_header(name, value);
    }
    transaction.request_headers().passes()
        && request
            .body
            .chunks(CHUNK)
            .all(|chunk| transaction.request_body_chunk(chunk).passes())
        && transaction.request_body().passes()
}
