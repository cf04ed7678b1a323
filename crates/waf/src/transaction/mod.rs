//! One request with its response, inspected phase by phase.

mod body;
mod collect;
mod effects;
mod feed;
mod injection;
mod known;
mod operate;
mod phase;
mod store;
mod tx;
mod workspace;

use std::sync::Arc;

use crate::body::multipart::Multipart;
use crate::report::{Decision, Report};
use crate::ruleset::{Bits, RuleSet};
use crate::seclang::ctl::{BodyProcessor, Mode};
use crate::seclang::settings::Beyond;
use crate::variable::{Variable, VariableSet};
use collect::Choices;
use store::{Store, ValueId};
use tx::Tx;
pub(crate) use workspace::Spare;
use workspace::Workspace;

/// The inspection of one transaction. It is fed in the order in which things arrive; after each
/// phase it says what to do.
///
/// ```text
/// connection → request_line → request_header* → request_headers (phase 1)
///   → request_body_chunk* → request_body (phase 2)
///   → response_line → response_header* → response_headers (phase 3)
///   → response_body_chunk* → response_body (phase 4) → finish (phase 5)
/// ```
#[derive(Debug)]
pub struct Transaction {
    rules: Arc<RuleSet>,
    store: Store,
    tx: Tx,
    mode: Mode,
    /// Rules that do not run any more.
    removed: Bits,
    /// Rules of which some do not look at some target any more.
    narrowed: Bits,
    removals: Vec<Removal>,
    /// Variables that some removal is about.
    narrowed_variables: VariableSet,
    request: Request,
    response: Response,
    matched: Matched,
    /// The rule being run.
    current: u32,
    /// Candidates of every group in this phase: a row for each, and whether it is filled.
    group_rows: Vec<u64>,
    group_known: Vec<bool>,
    /// Phases that `allow` has taken out.
    allowed: [bool; 4],
    highest_severity: u8,
    identity: [Vec<u8>; 2],
    hidden: Vec<(Variable, Vec<u8>)>,
    report: Report,
    found: Vec<Found>,
    choices: Choices,
}

/// What is known of the request beside the values.
#[derive(Debug)]
struct Request {
    headers_seen: bool,
    processor: Option<BodyProcessor>,
    force_body_variable: bool,
    access: bool,
    limit: u64,
    limit_without_files: u64,
    beyond: Beyond,
    body: Vec<u8>,
    multipart: Option<Box<Multipart>>,
    received: u64,
    /// Nothing more is taken in.
    cut: bool,
    head: Vec<u8>,
}

/// What is known of the response beside the values.
#[derive(Debug)]
struct Response {
    access: bool,
    limit: u64,
    beyond: Beyond,
    body: Vec<u8>,
    cut: bool,
}

/// What the last operators matched.
#[derive(Debug, Default)]
struct Matched {
    last: Option<Found>,
    /// Matches of the link before, for `MATCHED_VARS`.
    before: Vec<Found>,
    /// Matches of the link that runs.
    now: Vec<Found>,
}

/// A value of a variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Found {
    variable: Variable,
    name: ValueId,
    value: ValueId,
}

/// A target that some rules do not look at any more; where it is written down.
#[derive(Debug, Clone, Copy)]
enum Removal {
    /// By an effect of a rule.
    Effect { rule: u32, link: u32, effect: u32 },
    /// By an exclusion of the caller.
    Exclusion(u32),
}

impl Transaction {
    pub(crate) fn new(rules: Arc<RuleSet>) -> Self {
        let settings = &rules.settings;
        let Workspace {
            store,
            tx,
            removed,
            narrowed,
            group_rows,
            group_known,
            found,
            choices,
        } = rules.spare.take().unwrap_or_else(|| Workspace::new(&rules));
        Self {
            store,
            tx,
            mode: settings.mode,
            removed,
            narrowed,
            removals: Vec::new(),
            narrowed_variables: VariableSet::default(),
            request: Request {
                headers_seen: false,
                processor: None,
                force_body_variable: false,
                access: settings.request_body,
                limit: settings.request_limit,
                limit_without_files: settings.request_limit_without_files,
                beyond: settings.request_beyond,
                body: Vec::new(),
                multipart: None,
                received: 0,
                cut: false,
                head: Vec::new(),
            },
            response: Response {
                access: settings.response_body,
                limit: settings.response_limit,
                beyond: settings.response_beyond,
                body: Vec::new(),
                cut: false,
            },
            matched: Matched::default(),
            current: 0,
            group_rows,
            group_known,
            allowed: [false; 4],
            highest_severity: u8::MAX,
            identity: [Vec::new(), Vec::new()],
            hidden: Vec::new(),
            report: Report {
                audit: true,
                ..Report::default()
            },
            found,
            choices,
            rules,
        }
    }

    /// Overrides the mode that the rules set, for instance to observe a path.
    pub fn set_mode(&mut self, mode: Mode) {
        self.mode = mode;
    }

    /// The mode now; rules may have changed it.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Whether chunks of the request body are still wanted.
    pub fn wants_request_body(&self) -> bool {
        self.mode != Mode::Off
            && self.request.access
            && !self.request.cut
            && self.report.decision.passes()
    }

    /// Whether the body of this response is to be inspected. Known after phase 3.
    pub fn wants_response_body(&self) -> bool {
        self.mode != Mode::Off
            && self.response.access
            && !self.response.cut
            && self.report.decision.passes()
            && self.response_type_is_inspected()
    }

    /// The decision so far.
    pub fn decision(&self) -> &Decision {
        &self.report.decision
    }

    /// Phase 5, and everything that came out.
    pub fn finish(mut self) -> Report {
        self.run(5);
        self.report.work = self.store.work;
        self.report.score = self
            .rules
            .score_slots
            .iter()
            .flatten()
            .find_map(|slot| self.tx.slot(*slot))
            .map_or(0, tx::TxValue::number);
        let hidden = std::mem::take(&mut self.hidden);
        for hit in self.report.matches.iter_mut().flat_map(|one| &mut one.hits) {
            if hidden.iter().any(|(variable, name)| {
                *variable == hit.variable && name.eq_ignore_ascii_case(&hit.name)
            }) {
                hit.value.clear();
            }
        }
        self.rules.spare.put(Workspace {
            store: self.store,
            tx: self.tx,
            removed: self.removed,
            narrowed: self.narrowed,
            group_rows: self.group_rows,
            group_known: self.group_known,
            found: self.found,
            choices: self.choices,
        });
        self.report
    }
}

#[cfg(test)]
mod tests;
