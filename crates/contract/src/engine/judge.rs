//! Verdicts of single questions for one period: aggregates in, a part with its reasons out.
//!
//! Here: what a verdict depends on, being in time or late, and the choice of the question's own
//! judge. `often` judges how often records must come, `content` what they must say, `whole` what
//! must be reached as a whole; papers, events, gates and limits have modules of their own beside
//! this one.

mod content;
mod often;
mod whole;

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use mamori_kernel::clock::tokyo_midnight;
use mamori_kernel::period::Period;

use super::fact::Moment;
use super::gates::Gatebook;
use super::meter::{Data, Question, Spec};
use super::state::{Figure, MOST_EVIDENCE, Verdict};
use crate::language::evidence::Over;
use crate::language::{Binding, Check, Counts, Obligation};
use crate::model::Contract;
use crate::rules::dates::{Book, DueDay, NoDate};

/// Everything a verdict depends on besides the aggregates.
pub struct Context<'a> {
    /// The contract.
    pub contract: &'a Contract,
    /// Calendars and hours of the version and reading.
    pub book: &'a Book,
    /// The obligation under the reading.
    pub obligation: &'a Obligation,
    /// The period.
    pub period: Period,
    /// Its first day within the term.
    pub first: Date,
    /// Its last day within the term.
    pub last: Date,
    /// The present.
    pub now: Moment,
    /// Due date of the period, if the rule gives one.
    pub due: Option<Result<DueDay, NoDate>>,
    /// Approvals.
    pub gates: &'a Gatebook,
    /// Whether a kind (or glob) is written by anything here.
    pub written: &'a dyn Fn(&str) -> bool,
    /// Verdicts of other obligations for this period.
    pub others: &'a dyn Fn(&str) -> Option<Verdict>,
    /// What the city decided of work categories, for a period.
    pub settled_categories: &'a dyn Fn(Period) -> BTreeMap<String, Counts>,
}

/// The verdict of one question.
#[derive(Debug, Clone)]
pub struct Part {
    /// The verdict.
    pub verdict: Verdict,
    /// Why.
    pub reasons: Vec<String>,
    /// Warnings.
    pub warnings: Vec<String>,
    /// Records behind it.
    pub evidence: Vec<u64>,
    /// Days late, waiting subtracted.
    pub late: Option<i64>,
    /// Days the city took.
    pub waiting: i64,
    /// Measured values.
    pub figures: Vec<Figure>,
    /// When it may change by time alone, before the next midnight.
    pub next: Option<Timestamp>,
}

impl Part {
    /// A bare verdict with its reason.
    pub fn new(verdict: Verdict, reason: impl Into<String>) -> Self {
        let reason = reason.into();
        Self {
            verdict,
            reasons: if reason.is_empty() {
                Vec::new()
            } else {
                vec![reason]
            },
            warnings: Vec::new(),
            evidence: Vec::new(),
            late: None,
            waiting: 0,
            figures: Vec::new(),
            next: None,
        }
    }

    /// With the records behind it.
    #[must_use]
    pub fn from(mut self, evidence: impl IntoIterator<Item = u64>) -> Self {
        self.evidence.extend(evidence);
        self.evidence.sort_unstable();
        self.evidence.dedup();
        let extra = self.evidence.len().saturating_sub(MOST_EVIDENCE);
        self.evidence.drain(..extra);
        self
    }

    /// With a warning.
    #[must_use]
    pub fn warn(mut self, warning: impl Into<String>) -> Self {
        self.warnings.push(warning.into());
        self
    }

    /// Which time alone may change, from an instant on.
    #[must_use]
    pub fn until(mut self, next: Timestamp) -> Self {
        self.next = Some(self.next.map_or(next, |known| known.min(next)));
        self
    }
}

/// The first instant after another.
pub(super) fn just_after(at: Timestamp) -> Timestamp {
    at.checked_add(jiff::SignedDuration::from_nanos(1))
        .unwrap_or(Timestamp::MAX)
}

pub(super) fn days_between(from: Date, to: Date) -> i64 {
    from.until(to).map_or(0, |span| i64::from(span.get_days()))
}

impl Context<'_> {
    /// The last day of evidence that may be looked at: today, or the period's last.
    pub fn as_of(&self) -> Date {
        self.now.day.min(self.last)
    }

    /// Whether the period is over.
    pub fn over(&self) -> bool {
        self.now.day > self.last
    }

    pub(super) fn binding(&self) -> Binding {
        self.obligation
            .deadline
            .as_ref()
            .map_or(Binding::Hard, crate::language::Deadline::binding)
    }

    pub(super) fn soft_word(&self) -> &str {
        self.obligation
            .deadline
            .as_ref()
            .and_then(crate::language::Deadline::soft_word)
            .unwrap_or("定めのない語")
    }

    /// Until when something is in time: the due date, or the period's last day.
    pub(super) fn limit(&self) -> Date {
        match &self.due {
            Some(Ok(due)) => due.date,
            _ => self.last,
        }
    }

    pub(super) fn waiting_gates(&self) -> Vec<&str> {
        self.obligation
            .waiting
            .as_ref()
            .unwrap_or(&self.obligation.gates)
            .iter()
            .map(String::as_str)
            .collect()
    }

    /// Whole days the city took between two days.
    pub(super) fn waited(&self, from: Date, to: Date) -> i64 {
        let end = to.tomorrow().map_or(self.now.at, tokyo_midnight);
        // Whole days: what still waits has waited until this morning.
        let morning = tokyo_midnight(self.now.day);
        self.gates
            .waiting_seconds(self.waiting_gates(), tokyo_midnight(from), end, morning)
            / 86_400
    }

    pub(super) fn unwritten(&self, kinds: &[&str]) -> Option<Part> {
        (!kinds.iter().any(|kind| (self.written)(kind))).then(|| {
            Part::new(
                Verdict::Unmeasured,
                format!("証跡「{}」を書く機能がまだありません", kinds.join("、")),
            )
        })
    }

    /// Something was done on a day: in time or late.
    pub(super) fn done(&self, day: Date, what: &str) -> Part {
        let limit = self.limit();
        if day <= limit {
            return Part::new(Verdict::Met, format!("{what}（{day}）"));
        }
        let waiting = self.waited(self.first, day);
        let late = days_between(limit, day) - waiting;
        if late <= 0 {
            let mut part = Part::new(
                Verdict::Met,
                format!(
                    "{what}（{day}）。期限 {limit} の後ですが、市の回答待ち {waiting} 日を除くと期限内です"
                ),
            );
            part.waiting = waiting;
            return part;
        }
        let text = format!("{what}（{day}）は期限 {limit} から {late} 日遅れです");
        let mut part = match self.binding() {
            Binding::Hard => Part::new(Verdict::NotMet, text),
            Binding::Soft => Part::new(Verdict::Met, format!("{what}（{day}）")).warn(format!(
                "{text}。ただし「{}」なので警告だけです",
                self.soft_word()
            )),
            Binding::Undecided => Part::new(
                Verdict::Undecided,
                format!(
                    "{text}。「{}」の意味を仕様書は定めていません",
                    self.soft_word()
                ),
            ),
        };
        part.late = Some(late);
        part.waiting = waiting;
        part
    }

    /// Something was not done so far.
    pub(super) fn missing(&self, what: &str) -> Part {
        if let Some(Err(why)) = &self.due {
            let text = format!("{what}。期限は未定です: {}", self.contract.unknown_ja(why));
            let over = self.now.day > self.contract.term.last();
            return Part::new(
                if over {
                    Verdict::Undecided
                } else {
                    Verdict::Pending
                },
                text,
            );
        }
        let limit = self.limit();
        if self.now.day <= limit {
            return Part::new(Verdict::Pending, format!("{what}。期限は {limit} です"));
        }
        let waiting = self.waited(self.first, self.now.day);
        let late = days_between(limit, self.now.day) - waiting;
        if late <= 0 {
            let mut part = Part::new(
                Verdict::Pending,
                format!("{what}。市の回答待ち {waiting} 日を除くと期限内です"),
            );
            part.waiting = waiting;
            return part;
        }
        let text = format!("{what}。期限 {limit} を {late} 日過ぎています");
        let mut part = match self.binding() {
            Binding::Hard => Part::new(Verdict::NotMet, text),
            Binding::Soft if self.now.day > self.contract.term.last() => {
                Part::new(Verdict::NotMet, text)
            }
            Binding::Soft => Part::new(Verdict::Pending, what).warn(format!(
                "{text}。ただし「{}」なので警告だけです",
                self.soft_word()
            )),
            Binding::Undecided => Part::new(Verdict::Undecided, text),
        };
        part.late = Some(late);
        part.waiting = waiting;
        part
    }

    /// The verdict of a question.
    pub fn judge(&self, spec: &Spec, data: &Data) -> Part {
        match &spec.question {
            Question::Check(check) => self.check(check, spec, data),
            Question::Threshold(threshold) => self.threshold(threshold, data),
            Question::Counter(name) => self.counter(name, &data.tally),
        }
    }

    fn check(&self, check: &Check, spec: &Spec, data: &Data) -> Part {
        match check {
            Check::Exists {
                of,
                count,
                distinct,
                at_most,
                exactly,
                over,
                when,
            } => {
                let (kinds, from) = (
                    of.kinds(),
                    match over {
                        Over::Period => self.first,
                        Over::Term => self.contract.term.first(),
                    },
                );
                if let Some(when) = when
                    && data.side.count(from, self.as_of()) == 0
                {
                    return self.not_asked(&when.kinds());
                }
                if let Some(part) = self.unwritten(&kinds) {
                    return part;
                }
                self.exists(data, from, *count, distinct.is_some(), *at_most, *exactly)
            }
            Check::Newest {
                of,
                max_age,
                subjects,
                must,
                ..
            } => match self.unwritten(&of.kinds()) {
                Some(part) => part,
                None => self.newest(data, *max_age, subjects, must.is_empty()),
            },
            Check::Every {
                of,
                each,
                count,
                allow_missing,
                calendar,
                by,
            } => match self.unwritten(&of.kinds()) {
                Some(part) => part,
                None => self.every(
                    data,
                    *each,
                    count.unwrap_or(1),
                    allow_missing.unwrap_or(0),
                    calendar.as_deref(),
                    by.is_some(),
                ),
            },
            Check::Each { of, .. } => match self.unwritten(&of.kinds()) {
                Some(part) => part,
                None => self.each(&data.tally),
            },
            Check::None { of, unless_gate } => match self.unwritten(&of.kinds()) {
                Some(part) => part,
                None => self.none(data, unless_gate.as_deref()),
            },
            Check::Pair {
                trigger,
                response,
                response_first,
                responses,
                closed_by,
                ..
            } => {
                if let Some(part) = self.unwritten(&trigger.kinds()) {
                    return part;
                }
                self.pairs(
                    data,
                    &response.kinds(),
                    *response_first,
                    responses.unwrap_or(1).max(1) as usize,
                    closed_by.is_some(),
                )
            }
            Check::Cover {
                universe,
                covered,
                share,
                at_least,
                ..
            } => {
                match self
                    .unwritten(&universe.kinds())
                    .or_else(|| self.unwritten(&covered.kinds()))
                {
                    Some(part) => part,
                    None => self.cover(data, share.unwrap_or(100.0), *at_least),
                }
            }
            Check::Attestation {
                warn_before,
                expired,
                review,
                accepted,
            } => self.attestation(data, *warn_before, *expired, *review, *accepted),
            Check::Record { max_age, count } => self.record(data, *max_age, *count),
            Check::Document {
                deliverable,
                stage,
                when,
                ..
            } => {
                if let Some(when) = when
                    && data.side.count(self.contract.term.first(), self.now.day) == 0
                {
                    return self.not_asked(&when.kinds());
                }
                let key = deliverable
                    .as_ref()
                    .or(self.obligation.deliverable.as_ref());
                let title = key
                    .and_then(|key| self.contract.deliverable(key))
                    .map_or("書類", |deliverable| deliverable.title.as_str());
                self.document(data, *stage, title)
            }
            Check::Gate { gate } => self.gate(gate, data),
            Check::Rollup {
                obligations,
                clause,
            } => self.rollup(obligations, clause.as_deref(), spec),
        }
    }

    fn not_asked(&self, kinds: &[&str]) -> Part {
        self.unwritten(kinds).unwrap_or_else(|| {
            Part::new(
                Verdict::NotApplicable,
                format!("「{}」の記録がなく、求められていません", kinds.join("、")),
            )
        })
    }
}

/// Takes over a worse verdict, with its reason; reasons of better ones are dropped.
pub fn worsen(part: &mut Part, verdict: Verdict, reason: String) {
    match verdict.cmp(&part.verdict) {
        std::cmp::Ordering::Greater => {
            part.verdict = verdict;
            part.reasons = vec![reason];
        }
        std::cmp::Ordering::Equal => part.reasons.push(reason),
        std::cmp::Ordering::Less => {}
    }
}
