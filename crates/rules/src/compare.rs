//! What a change of rules would do: stored requests judged by the rules of now and of then.

use std::io::{self, BufRead, BufReader, Read};
use std::sync::Arc;

use mamori_waf::RuleSet;
use serde::Serialize;

use crate::request::Request;
use crate::verdict::{Judged, judge};

/// A request on which the two differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Line of the file, from 1.
    pub line: u64,
    /// Its request line.
    pub request: String,
    /// By the rules of now.
    pub now: Judged,
    /// By the new ones.
    pub new: Judged,
}

/// How two rule sets compare.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Comparison {
    /// Requests judged.
    pub judged: u64,
    /// Requests with another decision.
    pub different: u64,
    /// Of these: passed by the rules of now, refused by the new ones.
    pub newly_blocked: u64,
    /// The first of them.
    pub differences: Vec<Difference>,
    /// Lines that were no request, with what is wrong.
    pub bad: Vec<(u64, String)>,
}

/// More are counted, not listed.
const LISTED: usize = 1000;

/// Judges every stored request twice.
pub fn compare(now: &Arc<RuleSet>, new: &Arc<RuleSet>, input: impl Read) -> io::Result<Comparison> {
    let mut comparison = Comparison::default();
    for (line, text) in (1..).zip(BufReader::new(input).split(b'\n')) {
        let text = text?;
        if text.trim_ascii().is_empty() {
            continue;
        }
        let request = match Request::parse(&text) {
            Ok(request) => request,
            Err(bad) => {
                comparison.bad.push((line, bad.to_string()));
                continue;
            }
        };
        comparison.judged += 1;
        let (old, young) = (judge(now, &request, false), judge(new, &request, false));
        if old.agrees(&young) {
            continue;
        }
        comparison.different += 1;
        comparison.newly_blocked += u64::from(young.action == "block" && old.action == "pass");
        if comparison.differences.len() < LISTED {
            comparison.differences.push(Difference {
                line,
                request: format!(
                    "{} {}",
                    String::from_utf8_lossy(&request.method),
                    String::from_utf8_lossy(&request.uri)
                ),
                now: old,
                new: young,
            });
        }
    }
    Ok(comparison)
}
