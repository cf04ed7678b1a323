//! Meters: one per distinct question that obligations ask of the records. A meter says which
//! records it takes (`ports`) and adds each to its aggregates (`checks` for evidence queries,
//! `thresholds` for limits, here for counters). Judging them is `judge`'s work.

mod checks;
mod ports;
mod thresholds;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::data::{Covering, Deed, Latest, Life, Outage, Pair, Paper, Part, Tally};
use super::fact::{Fact, Moment};
use crate::kinds::KindInfo;
use crate::language::{Check, Quantity, Select, Threshold};
use crate::model::Contract;
use crate::rules::numbers::Comparison;

/// What a meter asks.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub enum Question {
    /// An evidence query.
    Check(Check),
    /// A threshold.
    Threshold(Box<Threshold>),
    /// A counter by name.
    Counter(String),
}

/// A question with all that its aggregates depend on; equal specs share one meter.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Spec {
    /// The question.
    pub question: Question,
    /// The obligation, where the question is about its own papers.
    pub obligation: Option<String>,
    /// Hours in which the records must lie, whether that is a principle, the field with a reason.
    pub window: Option<(String, bool, Option<String>)>,
    /// Records that excuse a missing one.
    pub unless: Option<Select>,
    /// The deliverable a document query is about.
    pub deliverable: Option<String>,
}

/// Through which door a record comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Port {
    /// The records asked about.
    Main,
    /// Records that excuse, or on whose existence the question depends.
    Side,
    /// Answers.
    Answer,
    /// Closings.
    Close,
    /// Newest known versions.
    Known,
}

/// What to do with a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Take it; nothing corrects it later.
    Take,
    /// Take it, keeping what it added: later records may correct or withdraw it.
    Keep,
    /// It takes an earlier record back.
    Withdraw,
}

/// The aggregates of a meter.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Data {
    /// Sums of the main records.
    pub tally: Tally,
    /// Sums of the side records.
    pub side: Tally,
    /// Newest records.
    pub latest: Latest,
    /// Newest known versions.
    pub known: Latest,
    /// Triggers and answers.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub pairs: BTreeMap<String, Pair>,
    /// Universe and cover.
    pub cover: Covering,
    /// Papers by id.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub papers: BTreeMap<String, Paper>,
    /// Documents by period.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub lives: BTreeMap<String, Life>,
    /// Acts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub deeds: Vec<Deed>,
    /// Outages.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub outages: Vec<Outage>,
    /// Instants, for gaps between records.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub times: BTreeSet<Timestamp>,
    /// Penalty points: day, item, points, record.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub points: Vec<(jiff::civil::Date, usize, f64, u64)>,
}

/// A question and what it has seen.
#[derive(Debug, Clone)]
pub struct Meter {
    /// The question.
    pub spec: Spec,
    /// What it has seen.
    pub data: Data,
}

/// The comparison of a threshold, if its limit is a number.
pub fn comparison(threshold: &Threshold) -> Option<Comparison> {
    let number = |quantity: &Quantity| match quantity {
        Quantity::Number(number) => Some(*number),
        Quantity::Text(text) => match text.parse::<crate::language::Span>() {
            // Lengths compare in the threshold's unit; minutes unless told.
            Ok(span) => {
                let seconds = span.seconds()? as f64;
                Some(match threshold.unit.as_deref() {
                    Some("seconds" | "秒" | "s") => seconds,
                    Some("hours" | "時間" | "h") => seconds / 3600.0,
                    Some("days" | "日" | "d") => seconds / 86_400.0,
                    _ => seconds / 60.0,
                })
            }
            Err(_) => text.parse().ok(),
        },
    };
    let limit = |quantity: &Option<Quantity>| quantity.as_ref().and_then(number);
    limit(&threshold.at_least)
        .map(Comparison::AtLeast)
        .or_else(|| limit(&threshold.more_than).map(Comparison::MoreThan))
        .or_else(|| limit(&threshold.at_most).map(Comparison::AtMost))
        .or_else(|| limit(&threshold.less_than).map(Comparison::LessThan))
        .or_else(|| limit(&threshold.exactly).map(Comparison::Exactly))
}

/// The parameter a limit waits for, if it has no value yet.
pub fn missing_parameter(threshold: &Threshold) -> Option<&str> {
    [
        &threshold.at_least,
        &threshold.more_than,
        &threshold.at_most,
        &threshold.less_than,
        &threshold.exactly,
    ]
    .into_iter()
    .flatten()
    .find_map(|quantity| match quantity {
        Quantity::Text(text) => text.strip_prefix('$'),
        Quantity::Number(_) => None,
    })
}

impl Meter {
    /// Adds a record that came in through a port; says whether anything changed.
    pub fn take(
        &mut self,
        port: Port,
        of: &Select,
        action: Action,
        fact: &Fact,
        contract: &Contract,
    ) -> bool {
        let unknown = KindInfo::default();
        let info = contract.kinds.get(&fact.kind).unwrap_or(&unknown);
        let id = || info.id.as_deref().and_then(|field| fact.text(field));
        let when = fact.when(of.at().or(info.date.as_deref()));
        let hours = &contract.versions[0].book.hours;
        if action == Action::Withdraw {
            return port == Port::Main && id().is_some_and(|id| self.data.withdraw(id, fact.seq));
        }
        if !fact.selected(of, when, hours) {
            // A correction may move a thing out of the selection.
            return action == Action::Keep
                && port == Port::Main
                && id().is_some_and(|id| self.data.withdraw(id, fact.seq));
        }
        let door = Door {
            port,
            fact,
            when,
            id: (action == Action::Keep).then(id).flatten(),
            contract,
        };
        let Self { spec, data } = self;
        match (&spec.question, port) {
            (_, Port::Side) => data.side.add(&Part::of(fact.seq, when.day)),
            (Question::Check(check), _) => data.take_check(check, spec, &door),
            (Question::Threshold(threshold), _) => data.take_threshold(threshold, &door),
            (Question::Counter(name), _) => {
                let Some(counter) = contract.counter(name) else {
                    return false;
                };
                let mut added = Part::of(fact.seq, when.day);
                let amount = counter
                    .amount
                    .as_deref()
                    .map_or(Some(1.0), |field| fact.number(field))
                    .unwrap_or(0.0);
                let weight = counter.weights.as_ref().map_or(1.0, |weights| {
                    fact.text(&weights.field)
                        .and_then(|value| weights.values.get(&value).copied())
                        .unwrap_or(weights.other.unwrap_or(1.0))
                });
                added.values[0] = amount * weight;
                added.valued = true;
                let category = counter
                    .category
                    .as_deref()
                    .and_then(|field| fact.text(field))
                    .unwrap_or_default();
                let own = counter
                    .counts
                    .as_deref()
                    .and_then(|field| fact.text(field))
                    .unwrap_or_default();
                added.group = Some(format!("{category}\n{own}"));
                data.put_part(added, &door);
            }
        }
        true
    }
}

/// A record on its way in.
struct Door<'a> {
    port: Port,
    fact: &'a Fact,
    when: Moment,
    /// The thing's id, where it may be corrected later.
    id: Option<String>,
    contract: &'a Contract,
}

impl Data {
    fn put_part(&mut self, part: Part, door: &Door<'_>) {
        match &door.id {
            Some(id) => self.tally.put(id.clone(), door.fact.seq, Some(part)),
            None => self.tally.add(&part),
        }
    }

    fn withdraw(&mut self, id: String, seq: u64) -> bool {
        if let Some(pair) = self.pairs.get_mut(&id) {
            pair.trigger = None;
        }
        self.tally.put(id, seq, None);
        true
    }

    fn cover(&mut self, port: Port, field: &str, fact: &Fact, when: Moment) {
        let elements = fact.texts(field);
        let cover = &mut self.cover;
        cover.note(fact.seq);
        if port == Port::Answer {
            for element in elements {
                let first = cover.covered.entry(element).or_insert(when.day);
                *first = (*first).min(when.day);
            }
        } else if fact.value(field).is_some_and(serde_json::Value::is_array) {
            // A list replaces the list before it.
            if cover.listed.is_none_or(|known| known < (when, fact.seq)) {
                cover.universe = elements.into_iter().collect();
                cover.listed = Some((when, fact.seq));
            }
        } else {
            cover.universe.extend(elements);
            cover.listed = cover.listed.max(Some((when, fact.seq)));
        }
    }

    fn valued(
        &mut self,
        mut part: Part,
        value: Option<f64>,
        limit: Option<Comparison>,
        door: &Door<'_>,
    ) {
        let Some(value) = value else { return };
        part.valued = true;
        part.values[0] = value;
        if let Some(limit) = limit
            && !limit.holds(value)
        {
            part.good = false;
        }
        self.put_part(part, door);
    }
}
