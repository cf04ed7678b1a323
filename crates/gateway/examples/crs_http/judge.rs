//! Whether a test went as it should, by what came back and what the gateway told.

use std::fmt::Write as _;

use mamori_proxy::{Event, Match, Outcome as Ending};
use regex::Regex;

use super::support::ftw::{Output, Stage};

/// Tests that fail here, with the reason. A test that fails and is not listed fails the run, and so
/// does one that is listed and passes.
const EXCEPTIONS: &[(&str, &[&str])] = &[
    (
        "the target holds a character that no address may hold (<, >, a quotation mark): refused \
         with 400 before the rules are asked",
        &[
            "921120-1",
            "921120-2",
            "921210-1",
            "930120-9",
            "932236-21",
            "932240-9",
            "932240-14",
            "932240-15",
            "932250-5",
            "932260-28",
            "932371-1",
            "934100-13",
            "934100-14",
            "934100-23",
            "934101-4",
            "934130-7",
            "934160-7",
            "934160-22",
            "941100-1",
            "941110-2",
            "941160-1",
            "941240-2",
            "942130-9",
            "942500-1",
            "942500-2",
            "943100-1",
            "949110-1",
            "949110-5",
        ],
    ),
    (
        "a version other than HTTP/1.0 and HTTP/1.1 is answered with 505, not 400",
        &["920280-3", "920430-3", "920430-9"],
    ),
    (
        "a version other than HTTP/1.0 and HTTP/1.1 is refused with 505 before the rules are asked",
        &["920430-8"],
    ),
    (
        "a request line without a version is refused with 400, in an answer that can be read",
        &["920430-5"],
    ),
    (
        "a target that is neither a path nor an address is refused with 400; the test wants it passed",
        &["920100-4"],
    ),
    (
        "Content-Length beside Transfer-Encoding is refused with 400; the test wants it rewritten",
        &["920181-1"],
    ),
    (
        "an empty Host is refused with 400 before the rules are asked",
        &["920290-4"],
    ),
    (
        "a colon in a path and a fragment are left to the rules, which find them; the test wants 400",
        &["920100-8", "920610-2"],
    ),
    (
        "two Content-Type fields are shown to the rules, which find them; the test wants them joined",
        &["920620-1"],
    ),
    (
        "the gateway tells the target and its whole value, not which part of it matched",
        &["932207-7", "932300-10", "933120-2"],
    ),
];

/// Why this test may fail, if it may.
pub fn reason(name: &str) -> Option<&'static str> {
    EXCEPTIONS
        .iter()
        .find(|(_, listed)| listed.contains(&name))
        .map(|(reason, _)| *reason)
}

/// What became of one request.
#[derive(Debug, Default)]
pub struct Seen {
    /// The status of the answer; `None`: no answer that could be read.
    pub status: Option<u16>,
    /// The rules that matched.
    pub ids: Vec<u64>,
    /// What a log would say of them, a line each.
    pub log: String,
    /// Why the gateway itself refused it.
    pub refused: Vec<String>,
}

impl Seen {
    /// Takes what the gateway told.
    pub fn take(&mut self, event: &Event) {
        match event {
            Event::Waf(found) => {
                for matched in &found.matches {
                    self.ids.push(matched.rule);
                    self.log.push_str(&line(matched));
                }
            }
            Event::Refused { refusal, .. } => self.refused.push(format!("{refusal:?}")),
            Event::Access(access) => match access.outcome {
                Ending::Served => {}
                other => self.refused.push(format!("{other:?}")),
            },
            Event::UpstreamDown { reason, .. } => self.refused.push(reason.clone()),
            Event::Intrusion(_) | Event::CertificatePending { .. } | Event::UpstreamUp { .. } => {}
        }
    }
}

/// A rule that matched, as the logs that the tests are written for have it.
fn line(matched: &Match) -> String {
    let hits: Vec<String> = matched
        .hits
        .iter()
        .map(|(target, value)| format!("found within {target}: {value}"))
        .collect();
    format!(
        "{} [id \"{}\"] [msg \"{}\"]\n",
        hits.join(", "),
        matched.rule,
        matched.message
    )
}

/// What is wrong with a stage, in words; nothing if it is as it should be.
pub fn wrong(stage: &Stage, seen: &Seen) -> Option<String> {
    let Output {
        log,
        status,
        expect_error,
    } = &stage.output;
    // The tests' own tool stops here: it could not read what came.
    if *expect_error && seen.status.is_none() {
        return None;
    }
    let mut wants = Vec::new();
    let mut right = !expect_error;
    if *expect_error {
        wants.push("no answer that can be read".to_owned());
    }
    if let Some(wanted) = status {
        wants.push(format!("status {wanted}"));
        right &= seen.status == Some(*wanted);
    }
    if let Some(log) = log {
        if !log.expect_ids.is_empty() {
            wants.push(format!("{:?}", log.expect_ids));
        }
        if !log.no_expect_ids.is_empty() {
            wants.push(format!("not {:?}", log.no_expect_ids));
        }
        right &= log.expect_ids.iter().all(|id| seen.ids.contains(id))
            && !log.no_expect_ids.iter().any(|id| seen.ids.contains(id));
        for (pattern, wanted) in [(&log.match_regex, true), (&log.no_match_regex, false)] {
            let Some(pattern) = pattern else { continue };
            let not = if wanted { "" } else { "not " };
            wants.push(format!("log {not}/{pattern}/"));
            right &= Regex::new(pattern).is_ok_and(|regex| regex.is_match(&seen.log) == wanted);
        }
    }
    (!right).then(|| format!("expected {}, {}", wants.join(", "), found(seen)))
}

/// What was seen, for people.
pub fn found(seen: &Seen) -> String {
    let status = seen
        .status
        .map_or_else(|| "no answer".to_owned(), |status| status.to_string());
    let mut text = format!("found {:?}, status {status}", seen.ids);
    if !seen.refused.is_empty() {
        let _ = write!(text, " ({})", seen.refused.join(", "));
    }
    text
}

/// How the tests went.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Tests that were run.
    pub judged: usize,
    /// Failed, by name.
    pub failed: Vec<(String, Vec<String>)>,
}

impl Outcome {
    pub fn passed(&self) -> usize {
        self.judged - self.failed.len()
    }

    /// What nobody expects: failures that are not listed, and listed tests that pass.
    pub fn unexpected(&self, all: bool) -> Vec<String> {
        let failing = self
            .failed
            .iter()
            .filter(|(name, _)| reason(name).is_none())
            .map(|(name, _)| format!("{name} fails and is not listed with a reason"));
        let passing = EXCEPTIONS
            .iter()
            .flat_map(|(_, listed)| *listed)
            .filter(|listed| all && !self.failed.iter().any(|(name, _)| name == *listed))
            .map(|name| format!("{name} is listed as an exception but passes; take it out"));
        failing.chain(passing).collect()
    }
}
