//! Meters: one per distinct question that obligations ask of the records. A meter says which
//! records it takes (ports) and adds each to its aggregates. Judging them is `judge`'s work.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::data::{Covering, Deed, Latest, Life, Outage, Pair, Paper, Part, Snap, Tally};
use super::fact::{Fact, Moment, read_date};
use crate::kinds::{KindInfo, glob};
use crate::language::threshold::{Aggregate, NumberOrField};
use crate::language::{Check, Condition, GateKind, Quantity, Select, Shape, Threshold};
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

fn select(kind: &str, conditions: Vec<Condition>) -> Select {
    Select::Table(Box::new(crate::language::evidence::SelectTable {
        kind: crate::language::evidence::Kinds::One(kind.to_owned()),
        conditions,
        at: None,
        subject: None,
    }))
}

fn field_is(field: &str, value: &str) -> Condition {
    Condition {
        field: Some(field.to_owned()),
        eq: Some(value.into()),
        ..Condition::default()
    }
}

impl Spec {
    /// Which records come in where.
    pub fn ports(&self, contract: &Contract) -> Vec<(Port, Select)> {
        let mut ports = Vec::new();
        match &self.question {
            Question::Check(check) => self.check_ports(check, contract, &mut ports),
            Question::Threshold(threshold) => match &threshold.shape {
                Shape::Coverage {
                    universe, covered, ..
                } => {
                    ports.push((Port::Main, universe.clone()));
                    ports.push((Port::Answer, covered.clone()));
                }
                shape => {
                    if let Some(of) = &threshold.of {
                        ports.push((Port::Main, of.clone()));
                    }
                    if let Shape::Version {
                        newest_from: Some(newest),
                        ..
                    } = shape
                    {
                        ports.push((Port::Known, newest.of.clone()));
                    }
                }
            },
            Question::Counter(name) => {
                if let Some(counter) = contract.counter(name) {
                    ports.push((Port::Main, counter.of.clone()));
                }
            }
        }
        if let Some(unless) = &self.unless {
            ports.push((Port::Side, unless.clone()));
        }
        ports
    }

    fn check_ports(&self, check: &Check, contract: &Contract, ports: &mut Vec<(Port, Select)>) {
        let own = self.obligation.as_deref().unwrap_or_default();
        match check {
            Check::Exists { of, when, .. } => {
                ports.push((Port::Main, of.clone()));
                if let Some(when) = when {
                    ports.push((Port::Side, when.clone()));
                }
            }
            Check::Newest { of, .. } | Check::Every { of, .. } | Check::Each { of, .. } => {
                ports.push((Port::Main, of.clone()));
            }
            Check::None { of, .. } => ports.push((Port::Main, of.clone())),
            Check::Pair {
                trigger,
                response,
                closed_by,
                ..
            } => {
                ports.push((Port::Main, trigger.clone()));
                ports.push((Port::Answer, response.clone()));
                if let Some(closed) = closed_by {
                    ports.push((Port::Close, closed.clone()));
                }
            }
            Check::Cover {
                universe, covered, ..
            } => {
                ports.push((Port::Main, universe.clone()));
                ports.push((Port::Answer, covered.clone()));
            }
            Check::Attestation { .. } => {
                ports.push((
                    Port::Main,
                    select("attestation.filed", vec![field_is("obligation", own)]),
                ));
                ports.push((Port::Answer, Select::Kind("attestation.accepted".into())));
                ports.push((Port::Close, Select::Kind("attestation.withdrawn".into())));
            }
            Check::Record { .. } => ports.push((
                Port::Main,
                select("record.filed", vec![field_is("obligation", own)]),
            )),
            Check::Document { when, .. } => {
                let document = self.deliverable.as_deref().unwrap_or_default();
                for kind in [
                    "document.rendered",
                    "document.submitted",
                    "document.accepted",
                    "document.returned",
                ] {
                    ports.push((
                        Port::Main,
                        select(kind, vec![field_is("document", document)]),
                    ));
                }
                if let Some(when) = when {
                    ports.push((Port::Side, when.clone()));
                }
            }
            Check::Gate { gate } => {
                for act in contract
                    .gate(gate)
                    .map(|gate| gate.acts.as_slice())
                    .unwrap_or_default()
                {
                    let mut of = select(&act.kind, act.conditions.clone());
                    if let Select::Table(table) = &mut of {
                        table.at.clone_from(&act.at);
                    }
                    ports.push((Port::Main, of));
                }
            }
            Check::Rollup { .. } => {}
        }
    }
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

    fn take_check(&mut self, check: &Check, spec: &Spec, door: &Door<'_>) {
        let Door {
            port,
            fact,
            when,
            contract,
            ..
        } = *door;
        let hours = &contract.versions[0].book.hours;
        let mut part = Part::of(fact.seq, when.day);
        match check {
            Check::Exists { distinct, .. } => {
                if let Some(field) = distinct {
                    part.distinct = fact.texts(field);
                }
                self.put_part(part, door);
            }
            Check::Newest { must, by, .. } => {
                let (timed, plain): (Vec<&Condition>, Vec<&Condition>) = must
                    .iter()
                    .partition(|condition| condition.min_days_left.is_some());
                let mut ok = plain
                    .iter()
                    .all(|condition| fact.holds(condition, when, hours));
                let mut keep_away = Vec::new();
                for condition in timed {
                    let value = condition
                        .field
                        .as_deref()
                        .and_then(|field| fact.value(field));
                    match (value.and_then(read_date), condition.min_days_left) {
                        (Some(day), Some(days)) => keep_away.push((day, days)),
                        _ => ok = false,
                    }
                }
                let by = by
                    .as_deref()
                    .and_then(|field| fact.text(field))
                    .unwrap_or_default();
                self.latest.put(
                    by,
                    Snap {
                        when,
                        seq: fact.seq,
                        ok,
                        keep_away,
                        value: None,
                        text: None,
                    },
                );
            }
            Check::Every { by, .. } => match by.as_deref() {
                Some(field) => {
                    // Per value: one group of days each, kept as pairs of value and day.
                    let value = fact.text(field).unwrap_or_default();
                    part.distinct = vec![format!("{value}\n{}", when.day)];
                    self.tally.add(&part);
                }
                None => self.put_part(part, door),
            },
            Check::Each { must, .. } => {
                if let Some(broken) = must
                    .iter()
                    .find(|condition| !fact.holds(condition, when, hours))
                {
                    part.good = false;
                    part.bad = Some(format!(
                        "{}の記録が条件（{}）を満たしていません",
                        when.day,
                        broken.field.as_deref().unwrap_or("組合せ")
                    ));
                }
                window(spec, &mut part, fact, when, contract);
                self.put_part(part, door);
            }
            Check::None { unless_gate, .. } => {
                if unless_gate.is_some() {
                    let approval = fact.text("approval_id");
                    self.deeds.push(Deed {
                        when,
                        seq: fact.seq,
                        approval,
                        wrong: None,
                    });
                }
                self.put_part(part, door);
            }
            Check::Pair {
                matching,
                trigger,
                responses,
                ..
            } => {
                let trigger_id = || {
                    trigger
                        .kinds()
                        .first()
                        .and_then(|kind| contract.kinds.get(kind))
                        .and_then(|info| info.id.clone())
                };
                let field = matching.clone().or_else(trigger_id);
                let key = field
                    .as_deref()
                    .and_then(|field| fact.text(field))
                    .unwrap_or_else(|| fact.subject.clone());
                let most = responses.unwrap_or(1).max(1) as usize + 4;
                let pair = self.pairs.entry(key).or_default();
                match port {
                    Port::Main => {
                        // The first telling of an event counts; a later one may only be newer in the ledger.
                        if pair.trigger.is_none_or(|(_, seq)| seq > fact.seq) {
                            pair.trigger = Some((when, fact.seq));
                        }
                    }
                    Port::Answer => {
                        pair.answers.push((when, fact.seq));
                        pair.answers.sort_unstable();
                        pair.answers.truncate(most);
                    }
                    _ => pair.closed = Some(pair.closed.map_or(when, |known| known.min(when))),
                }
            }
            Check::Cover {
                universe_field,
                covered_field,
                ..
            } => {
                let field = match port {
                    Port::Answer => covered_field.as_deref().unwrap_or(universe_field),
                    _ => universe_field,
                }
                .to_owned();
                self.cover(port, &field, fact, when);
            }
            Check::Attestation { .. } => self.paper(port, fact, when),
            Check::Record { .. } => {
                self.latest.put(
                    String::new(),
                    Snap {
                        when,
                        seq: fact.seq,
                        ok: true,
                        keep_away: Vec::new(),
                        value: None,
                        text: None,
                    },
                );
                self.put_part(part, door);
            }
            Check::Document { must, .. } => {
                let ok = must
                    .iter()
                    .all(|condition| fact.holds(condition, when, hours));
                let period = fact.text("period").unwrap_or_default();
                let life = self.lives.entry(period).or_default();
                match fact.kind.as_str() {
                    "document.rendered" => life.rendered.push((when, fact.seq, ok)),
                    "document.submitted" => life.submitted.push((when, fact.seq, ok)),
                    "document.accepted" => life.accepted.push((when, fact.seq, ok)),
                    _ => life.returned.push((when, fact.seq)),
                }
            }
            Check::Gate { gate } => {
                let Some(gate) = contract.gate(gate) else {
                    return;
                };
                let field = gate
                    .acts
                    .iter()
                    .find(|act| glob(&act.kind, &fact.kind))
                    .and_then(|act| act.matching.as_deref())
                    .unwrap_or("approval_id");
                let wrong = match gate.kind {
                    GateKind::OpenerCloses => {
                        let (opened, closed) = (fact.text("opened_by"), fact.text("closed_by"));
                        (opened.is_none() || opened != closed)
                            .then(|| "開いた者と閉じた者が違います".to_owned())
                    }
                    GateKind::ErasureCertificate => {
                        let missing: Vec<&str> = gate
                            .fields
                            .iter()
                            .map(String::as_str)
                            .filter(|field| fact.texts(field).is_empty())
                            .collect();
                        (!missing.is_empty())
                            .then(|| format!("欄がありません: {}", missing.join("、")))
                    }
                    _ => None,
                };
                self.deeds.push(Deed {
                    when,
                    seq: fact.seq,
                    approval: fact.text(field),
                    wrong,
                });
            }
            Check::Rollup { .. } => {}
        }
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

    fn paper(&mut self, port: Port, fact: &Fact, when: Moment) {
        let id = fact
            .text("attestation_id")
            .unwrap_or_else(|| fact.subject.clone());
        match port {
            Port::Main => {
                let day = |field: &str| fact.value(field).and_then(read_date);
                let away = fact.text("applicability").as_deref() == Some("not_applicable");
                let reason = fact
                    .text("reason")
                    .unwrap_or_else(|| "理由の記載なし".to_owned());
                let paper = Paper {
                    filed: when,
                    seq: fact.seq,
                    issued: day("issued_on"),
                    expires: day("expires_on"),
                    not_applicable: away.then_some(reason),
                    issuer: fact.text("issuer").unwrap_or_default(),
                    accepted: None,
                    withdrawn: None,
                };
                self.papers.insert(id, paper);
            }
            Port::Answer => {
                if let Some(paper) = self.papers.get_mut(&id) {
                    paper.accepted = Some(when);
                }
            }
            _ => {
                if let Some(paper) = self.papers.get_mut(&id) {
                    paper.withdrawn = Some(when);
                }
            }
        }
    }

    fn take_threshold(&mut self, threshold: &Threshold, door: &Door<'_>) {
        let Door {
            port,
            fact,
            when,
            contract,
            ..
        } = *door;
        let hours = &contract.versions[0].book.hours;
        let limit = comparison(threshold);
        let mut part = Part::of(fact.seq, when.day);
        let snap = |value: Option<f64>, text: Option<String>, ok: bool| Snap {
            when,
            seq: fact.seq,
            ok,
            keep_away: Vec::new(),
            value,
            text,
        };
        match &threshold.shape {
            Shape::Availability {
                total: Some(total),
                down: Some(down),
                exclude,
                ..
            } => {
                let planned = fact.number(total).unwrap_or(0.0);
                let out = fact.number(down).unwrap_or(0.0);
                let excluded: f64 = exclude
                    .iter()
                    .filter(|each| {
                        each.proof
                            .as_deref()
                            .is_none_or(|field| !fact.texts(field).is_empty())
                    })
                    .filter(|each| {
                        each.conditions
                            .iter()
                            .all(|condition| fact.holds(condition, when, hours))
                    })
                    .filter_map(|each| fact.number(each.field.as_deref()?))
                    .sum();
                part.values = [planned, out, excluded];
                part.valued = true;
                self.put_part(part, door);
            }
            Shape::Availability {
                from, to, exclude, ..
            } => {
                let instant = |field: &Option<String>| {
                    field
                        .as_deref()
                        .and_then(|field| fact.text(field))
                        .and_then(|text| {
                            text.parse::<Timestamp>().ok().or_else(|| {
                                text.parse::<jiff::civil::DateTime>()
                                    .ok()
                                    .map(mamori_kernel::clock::tokyo_instant)
                            })
                        })
                };
                let Some(start) = instant(from) else { return };
                let end = instant(to);
                let seconds = end.map_or(i64::MAX, |end| end.as_second() - start.as_second());
                let excluded = exclude
                    .iter()
                    .find(|each| {
                        each.proof
                            .as_deref()
                            .is_none_or(|field| !fact.texts(field).is_empty())
                            && each
                                .conditions
                                .iter()
                                .all(|condition| fact.holds(condition, when, hours))
                            && each.shorter_than.is_none_or(|span| {
                                span.seconds().is_some_and(|least| seconds < least)
                            })
                    })
                    .map(|each| each.title.clone());
                // The same outage told again (closed later) replaces the open one.
                self.outages
                    .retain(|known| known.from != start || known.seq > fact.seq);
                if !self.outages.iter().any(|known| known.from == start) {
                    self.outages.push(Outage {
                        from: start,
                        to: end,
                        excluded,
                        seq: fact.seq,
                    });
                    self.outages.sort_by_key(|outage| (outage.from, outage.seq));
                }
                self.tally.first = Some(
                    self.tally
                        .first
                        .map_or(when.day, |first| first.min(when.day)),
                );
            }
            Shape::Share { good } => {
                part.good = good
                    .iter()
                    .all(|condition| fact.holds(condition, when, hours));
                self.put_part(part, door);
            }
            Shape::Performance { field, .. } => {
                let value = fact.number(field);
                part.good = value
                    .zip(limit)
                    .is_some_and(|(value, limit)| limit.holds(value));
                part.valued = value.is_some();
                part.values[0] = value.unwrap_or(0.0);
                self.put_part(part, door);
            }
            Shape::Longest { field, from, to } => {
                let value = match field {
                    Some(field) => fact.number(field),
                    None => duration(
                        fact,
                        from.as_deref(),
                        to.as_deref(),
                        threshold.unit.as_deref(),
                    ),
                };
                self.valued(part, value, limit, door);
            }
            Shape::RecoveryTime { field } | Shape::Sum { field } => {
                let value = fact.number(field);
                self.valued(part, value, limit, door);
            }
            Shape::Value { field, aggregate } => {
                let value = fact.number(field);
                if *aggregate == Aggregate::Newest {
                    self.latest.put(String::new(), snap(value, None, true));
                }
                let each = (*aggregate == Aggregate::Each).then_some(limit).flatten();
                self.valued(part, value, each, door);
            }
            Shape::PlanCap { field, .. } => {
                let value = field
                    .as_deref()
                    .map_or(Some(1.0), |field| fact.number(field));
                if value.is_some() {
                    self.latest.put(String::new(), snap(value, None, true));
                }
                self.valued(part, value, None, door);
            }
            Shape::Count { distinct } => {
                if let Some(field) = distinct {
                    part.distinct = fact.texts(field);
                }
                self.put_part(part, door);
            }
            Shape::RecoveryPoint => {
                self.times.insert(when.at);
                self.put_part(part, door);
            }
            Shape::Capacity { field, by } => {
                let by = by
                    .as_deref()
                    .and_then(|field| fact.text(field))
                    .unwrap_or_default();
                self.latest.put(by, snap(fact.number(field), None, true));
            }
            Shape::Coverage {
                universe_field,
                covered_field,
                ..
            } => {
                let field = match port {
                    Port::Answer => covered_field.as_deref().unwrap_or(universe_field),
                    _ => universe_field,
                };
                self.cover(port, field, fact, when);
            }
            Shape::Generations {
                class,
                class_field,
                method_field,
                generations_field,
                ..
            } => {
                let class_field = class_field.as_deref().unwrap_or("class");
                if class
                    .as_ref()
                    .is_some_and(|class| fact.text(class_field).as_ref() != Some(class))
                {
                    return;
                }
                if fact.value("ok") == Some(&serde_json::Value::Bool(false)) {
                    return;
                }
                let method = fact
                    .text(method_field.as_deref().unwrap_or("method"))
                    .unwrap_or_default();
                let generations =
                    fact.number(generations_field.as_deref().unwrap_or("generations"));
                if method == "full" {
                    self.tally.add(&part);
                } else {
                    self.side.add(&part);
                }
                if generations.is_some() {
                    self.latest
                        .put(String::new(), snap(generations, None, true));
                }
            }
            Shape::Retention {
                oldest: Some(field),
                ..
            } => {
                let oldest = fact.value(field).and_then(read_date);
                self.latest.put(
                    String::new(),
                    snap(None, oldest.map(|day| day.to_string()), true),
                );
                self.tally.add(&part);
            }
            Shape::Retention {
                keep,
                basis,
                deleted,
                ..
            } => {
                let original = deleted
                    .as_deref()
                    .and_then(|field| fact.value(field))
                    .and_then(read_date);
                if let (Some(original), crate::language::OrParam::Value(keep)) = (original, keep) {
                    let until = crate::rules::numbers::keep_until(original, *keep, *basis);
                    if until.is_some_and(|until| when.day <= until) {
                        part.good = false;
                        part.bad = Some(format!(
                            "{original}の記録を保存期間の終わる前（{}）に消しています",
                            when.day
                        ));
                    }
                }
                self.put_part(part, door);
            }
            Shape::Range { field, min, max } => {
                let value = fact.number(field);
                if let Some(value) = value {
                    let out = min.is_some_and(|least| value < least)
                        || max.is_some_and(|most| value > most);
                    if out {
                        part.good = false;
                        part.bad = Some(format!("{}の値 {value} が範囲の外です", when.day));
                    }
                    self.latest
                        .put(String::new(), snap(Some(value), None, !out));
                }
                part.valued = value.is_some();
                part.values[0] = value.unwrap_or(0.0);
                self.put_part(part, door);
            }
            Shape::Version {
                field,
                newest_from,
                by,
                ..
            } => {
                let by = by
                    .as_deref()
                    .and_then(|field| fact.text(field))
                    .unwrap_or_default();
                if port == Port::Known {
                    let field = newest_from
                        .as_ref()
                        .map_or("version", |newest| newest.field.as_str());
                    self.known.put(by, snap(None, fact.text(field), true));
                } else {
                    self.latest.put(by, snap(None, fact.text(field), true));
                }
            }
            Shape::Score { points, full } => {
                let whole = match full {
                    NumberOrField::Number(number) => Some(*number),
                    NumberOrField::Field(field) => fact.number(field),
                };
                part.values = [
                    fact.number(points).unwrap_or(0.0),
                    whole.unwrap_or(0.0),
                    0.0,
                ];
                part.valued = true;
                self.put_part(part, door);
            }
            Shape::PenaltyPoints { items, .. } => {
                for (index, item) in items.iter().enumerate() {
                    if item
                        .conditions
                        .iter()
                        .all(|condition| fact.holds(condition, when, hours))
                    {
                        let entry = (when.day, index, item.points, fact.seq);
                        let at = self
                            .points
                            .partition_point(|known| (known.0, known.3) <= (entry.0, entry.3));
                        self.points.insert(at, entry);
                    }
                }
                self.put_part(part, door);
            }
            Shape::PenaltyMoney { .. } | Shape::LateInterest { .. } => {}
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

fn duration(fact: &Fact, from: Option<&str>, to: Option<&str>, unit: Option<&str>) -> Option<f64> {
    let at = |field: Option<&str>| {
        field
            .and_then(|field| fact.value(field))
            .map(|_| fact.when(field).at.as_second())
    };
    let seconds = (at(to)? - at(from)?) as f64;
    Some(match unit {
        Some("seconds" | "秒" | "s") => seconds,
        Some("hours" | "時間" | "h") => seconds / 3600.0,
        Some("days" | "日" | "d") => seconds / 86_400.0,
        _ => seconds / 60.0,
    })
}

/// Records outside the hours: bad, or doubtful where the hours are a principle.
fn window(spec: &Spec, part: &mut Part, fact: &Fact, when: Moment, contract: &Contract) {
    let Some((name, principle, reason)) = &spec.window else {
        return;
    };
    let Some(hours) = contract.versions[0].book.hours.get(name) else {
        return;
    };
    let time = |field: &str| {
        let text = fact.text(field)?;
        match text.parse::<crate::language::ClockTime>() {
            Ok(time) => Some(mamori_kernel::clock::tokyo_instant(
                when.day.to_datetime(time.time()),
            )),
            Err(_) => text.parse::<Timestamp>().ok(),
        }
    };
    let has_own_times = fact.value("start").is_some() || fact.value("date").is_some();
    let inside = match (time("start"), time("end")) {
        (Some(from), Some(to)) if to >= from => Some(hours.service.covers(from, to)),
        (Some(from), _) => Some(hours.service.contains(from)),
        _ if when.exact && !has_own_times => Some(hours.service.contains(when.at)),
        _ => None,
    };
    let excused = reason
        .as_deref()
        .is_some_and(|field| !fact.texts(field).iter().all(|text| text.trim().is_empty()));
    match inside {
        Some(true) => {}
        Some(false) if excused => {}
        Some(false) if *principle => {
            part.doubtful = Some(format!(
                "{}の作業は{}の外で、理由の記録がありません",
                when.day, hours.title
            ));
        }
        Some(false) => {
            part.good = false;
            part.bad = Some(format!("{}の作業は{}の外です", when.day, hours.title));
        }
        None => part.doubtful = Some(format!("{}の作業は時刻の記録がありません", when.day)),
    }
}
