//! What would have to happen in a year for the contract to be kept: acts planned from the
//! contract's own evidence queries, for any contract, without knowing a city.
//!
//! Every query that machine evidence answers becomes a demand (kind, fields, how often); demands
//! for the same records are merged. A few demands are left short on purpose, chosen by the seed:
//! a rehearsal in which nothing ever goes wrong would show nothing.

use std::collections::BTreeMap;

use jiff::ToSpan as _;
use jiff::civil::{Date, DateTime};
use mamori_contract::kinds::Kinds;
use mamori_contract::language::evidence::{Check, Condition, Each, Select};
use mamori_contract::language::threshold::{Cycle, Shape, Threshold};
use mamori_contract::language::value::{Quantity, Span, Unit};
use mamori_contract::language::{ContractFile, Obligation};
use serde_json::{Map, Value, json};

use super::payload;

/// One record of a machine, or of a person outside the registers.
#[derive(Debug, Clone, PartialEq)]
pub struct Evidence {
    /// Japanese civil time at which it happens.
    pub at: DateTime,
    /// Evidence kind.
    pub kind: String,
    /// Subject of the record.
    pub subject: String,
    /// Payload.
    pub payload: Map<String, Value>,
}

/// Kinds that the registers write: planned in [`super::people`].
const PEOPLE: &[&str] = &[
    "work.",
    "request.",
    "question.",
    "approval.",
    "consultation.",
    "attestation.",
    "subcontract.",
    "training.",
    "personal_data.",
    "handover.",
    "record.",
    "document.",
    "contract.",
    "ledger.",
    "job.",
    "user.",
    "demo.",
];

/// Whether a kind is written by the registers rather than by machines.
pub fn is_peoples(kind: &str) -> bool {
    PEOPLE.iter().any(|prefix| kind.starts_with(prefix))
}

/// `2026-10`.
pub fn month_of(day: Date) -> String {
    format!("{:04}-{:02}", day.year(), day.month())
}

/// How often a demand asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Often {
    /// Every so many days.
    Days(u32),
    /// Once a month.
    Monthly,
    /// Once, by a day.
    Once(Date),
}

#[derive(Debug, Clone)]
struct Demand {
    kind: String,
    fixed: Vec<Condition>,
    often: Often,
    extra: Map<String, Value>,
}

/// Plans machine evidence for the whole term.
pub fn machine_evidence(file: &ContractFile, seed: u64) -> Vec<Evidence> {
    let planner = Planner::new(file, seed);
    let mut demands = BTreeMap::new();
    for obligation in file.obligation.iter().filter(|o| o.type_.is_judged()) {
        for demand in planner.demands(obligation) {
            merge(&mut demands, demand);
        }
    }
    let mut planned = Vec::new();
    for (number, demand) in demands.into_values().enumerate() {
        planner.schedule(&demand, number as u64, &mut planned);
    }
    planner.events(&mut planned);
    planned.sort_by(|a, b| (a.at, &a.kind).cmp(&(b.at, &b.kind)));
    planned
}

fn merge(into: &mut BTreeMap<String, Demand>, demand: Demand) {
    let mut signature: Vec<String> = demand
        .fixed
        .iter()
        .filter(|condition| condition.eq.is_some() || condition.contains.is_some())
        .map(|condition| format!("{condition:?}"))
        .chain(
            demand
                .extra
                .iter()
                .map(|(field, value)| format!("{field}={value}")),
        )
        .collect();
    signature.sort();
    let key = format!("{} {}", demand.kind, signature.join(" "));
    match into.get_mut(&key) {
        Some(known) => {
            known.often = known.often.min(demand.often);
            known.fixed.extend(demand.fixed);
        }
        None => {
            into.insert(key, demand);
        }
    }
}

struct Planner<'a> {
    file: &'a ContractFile,
    kinds: Kinds,
    seed: u64,
    from: Date,
    to: Date,
    /// Conditions that every record of a kind must fulfil (`each`), with when they apply.
    each: Vec<(Select, Vec<Condition>)>,
}

impl<'a> Planner<'a> {
    fn new(file: &'a ContractFile, seed: u64) -> Self {
        let each = file
            .obligation
            .iter()
            .flat_map(|obligation| &obligation.evidence)
            .filter_map(|check| match check {
                Check::Each { of, must } => Some((of.clone(), must.clone())),
                _ => None,
            })
            .collect();
        Self {
            file,
            kinds: Kinds::with(&file.evidence_kinds),
            seed,
            from: file.contract.term.from.0,
            to: file.contract.term.to.0,
            each,
        }
    }

    fn resolve(&self, value: &Value) -> Value {
        value
            .as_str()
            .and_then(|text| text.strip_prefix('$'))
            .and_then(|name| self.file.parameters.get(name))
            .and_then(|parameter| parameter.value.clone())
            .unwrap_or_else(|| value.clone())
    }

    fn number(&self, quantity: &Quantity) -> Option<f64> {
        match quantity {
            Quantity::Number(number) => Some(*number),
            Quantity::Text(text) => self.resolve(&json!(text)).as_f64().or_else(|| {
                let span: Span = text.parse().ok()?;
                Some(span.seconds()? as f64 / 60.0)
            }),
        }
    }

    /// A number that is the same for the same seed and place.
    fn chance(&self, place: u64) -> u64 {
        let mut x = self.seed ^ place.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        x ^ (x >> 31)
    }

    /// The day by which a one-off duty is due, if the contract fixes one.
    fn due(&self, obligation: &Obligation) -> Date {
        use mamori_contract::language::deadline::Rule;
        use mamori_contract::language::value::OrParam;
        match obligation.deadline.as_ref().map(|deadline| &deadline.rule) {
            Some(Rule::Fixed {
                date: OrParam::Value(date),
                ..
            }) => date.0,
            _ => self.to,
        }
    }

    /// Some while before the due day, so that a rehearsed one-off duty is done in time.
    fn before(&self, obligation: &Obligation) -> Date {
        let due = self.due(obligation).min(self.to);
        let salt = obligation
            .key
            .bytes()
            .fold(0u64, |sum, byte| sum * 31 + u64::from(byte));
        let early = 12 + (self.chance(salt) % 10) as i64;
        due.saturating_sub(early.days()).max(self.from)
    }

    fn demands(&self, obligation: &Obligation) -> Vec<Demand> {
        let mut demands = Vec::new();
        let once = Often::Once(self.before(obligation));
        for check in &obligation.evidence {
            match check {
                Check::Exists { of, .. } => {
                    let often = if self.is_once(obligation) {
                        once
                    } else {
                        Often::Monthly
                    };
                    self.demand(of, &[], often, &mut demands);
                }
                Check::Newest {
                    of,
                    must,
                    max_age,
                    by,
                    subjects,
                } => {
                    let often = max_age.map_or(Often::Monthly, half_of);
                    let before = demands.len();
                    self.demand(of, must, often, &mut demands);
                    if let Some(by) = by {
                        spread(&mut demands, before, by, subjects);
                    }
                }
                Check::Every { of, each, .. } => {
                    let often = match each {
                        Each::Day | Each::OpenDay => Often::Days(1),
                        Each::Week => Often::Days(7),
                        Each::Month | Each::Quarter | Each::Half => Often::Monthly,
                    };
                    self.demand(of, &[], often, &mut demands);
                }
                Check::Cover {
                    universe,
                    universe_field,
                    covered,
                    covered_field,
                    at_least,
                    ..
                } => {
                    self.cover(
                        obligation,
                        universe,
                        universe_field,
                        covered,
                        covered_field.as_deref().unwrap_or(universe_field),
                        at_least.unwrap_or(3),
                        &mut demands,
                    );
                }
                _ => {}
            }
        }
        for threshold in &obligation.thresholds {
            self.threshold(threshold, &mut demands);
        }
        demands
    }

    fn is_once(&self, obligation: &Obligation) -> bool {
        use mamori_contract::language::Kind;
        matches!(obligation.kind, Kind::OneOff | Kind::Yearly)
    }

    fn demand(&self, of: &Select, must: &[Condition], often: Often, into: &mut Vec<Demand>) {
        // One kind is enough; a glob has no record of its own.
        let Some(kind) = of.kinds().into_iter().find(|kind| !kind.contains('*')) else {
            return;
        };
        if is_peoples(kind) {
            return;
        }
        into.push(Demand {
            kind: kind.to_owned(),
            fixed: of.conditions().iter().chain(must).cloned().collect(),
            often,
            extra: Map::new(),
        });
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one query")]
    fn cover(
        &self,
        obligation: &Obligation,
        universe: &Select,
        universe_field: &str,
        covered: &Select,
        covered_field: &str,
        at_least: u64,
        into: &mut Vec<Demand>,
    ) {
        let names = |select: &Select| {
            select
                .kinds()
                .into_iter()
                .find(|kind| !kind.contains('*'))
                .map(str::to_owned)
        };
        let (Some(all), Some(part)) = (names(universe), names(covered)) else {
            return;
        };
        if is_peoples(&all) || is_peoples(&part) {
            return;
        }
        let midnight = DateTime::from_parts(self.from, jiff::civil::Time::midnight());
        let base = payload::base(&all, midnight, 0);
        let elements: Vec<Value> = match payload::get(&base, universe_field) {
            Some(Value::Array(list)) => list.clone(),
            Some(other) => vec![other.clone()],
            None => (1..=at_least)
                .map(|n| json!(format!("{universe_field}-{n:02}")))
                .collect(),
        };
        let by = self.before(obligation);
        let mut extra = Map::new();
        payload::put(&mut extra, universe_field, json!(elements));
        into.push(Demand {
            kind: all,
            fixed: universe.conditions().to_vec(),
            often: Often::Once(by.saturating_sub(30.days()).max(self.from)),
            extra,
        });
        for element in elements {
            let mut extra = Map::new();
            payload::put(&mut extra, covered_field, element);
            into.push(Demand {
                kind: part.clone(),
                fixed: covered.conditions().to_vec(),
                often: Often::Once(by),
                extra,
            });
        }
    }

    fn threshold(&self, threshold: &Threshold, into: &mut Vec<Demand>) {
        let Some(of) = &threshold.of else { return };
        let before = into.len();
        match &threshold.shape {
            Shape::Availability { .. } => self.demand(of, &[], Often::Days(1), into),
            Shape::Generations {
                class,
                class_field,
                full,
                differential,
                keep,
                method_field,
                generations_field,
            } => {
                let class_field = class_field.as_deref().unwrap_or("class");
                let method_field = method_field.as_deref().unwrap_or("method");
                let generations_field = generations_field.as_deref().unwrap_or("generations");
                let cycle = |cycle: &Cycle| match cycle {
                    Cycle::Day => Often::Days(1),
                    Cycle::Week => Often::Days(7),
                    Cycle::Month => Often::Monthly,
                };
                let methods = [
                    ("full", Some(full)),
                    ("differential", differential.as_ref()),
                ];
                for (method, every) in methods {
                    let Some(every) = every else { continue };
                    let start = into.len();
                    self.demand(of, &[], cycle(every), into);
                    for demand in &mut into[start..] {
                        if let Some(class) = class {
                            payload::put(&mut demand.extra, class_field, json!(class));
                        }
                        payload::put(&mut demand.extra, method_field, json!(method));
                        payload::put(&mut demand.extra, generations_field, json!(keep + 1));
                    }
                }
            }
            shape => {
                self.demand(of, &[], Often::Monthly, into);
                let Some(field) = measured_field(shape) else {
                    return;
                };
                let value = self.within(threshold, shape);
                for demand in &mut into[before..] {
                    if let Some(value) = &value {
                        payload::put(&mut demand.extra, field, value.clone());
                    }
                }
            }
        }
    }

    /// A value on the right side of the limit.
    fn within(&self, threshold: &Threshold, shape: &Shape) -> Option<Value> {
        if let Shape::Range { min, max, .. } = shape {
            let value = match (min, max) {
                (Some(min), Some(max)) => f64::midpoint(*min, *max),
                (Some(min), None) => min + 1.0,
                (None, Some(max)) => max - 1.0,
                (None, None) => return None,
            };
            return Some(payload::whole(value));
        }
        let low = threshold.at_least.as_ref().or(threshold.more_than.as_ref());
        if let Some(limit) = low {
            return match limit {
                Quantity::Text(text) if self.number(limit).is_none() => Some(json!(text)),
                _ => self
                    .number(limit)
                    .map(|limit| payload::whole((limit * 1.25).ceil())),
            };
        }
        let high = threshold.at_most.as_ref().or(threshold.less_than.as_ref());
        if let Some(limit) = high.and_then(|limit| self.number(limit)) {
            return Some(payload::whole((limit * 0.02).floor()));
        }
        threshold
            .exactly
            .as_ref()
            .and_then(|limit| self.number(limit))
            .map(payload::whole)
    }

    fn schedule(&self, demand: &Demand, number: u64, into: &mut Vec<Evidence>) {
        let hour = (6 + self.chance(number * 977) % 14) as i8;
        match demand.often {
            Often::Once(day) => self.write(demand, day.at(hour, 10, 0, 0), number, into),
            Often::Days(step) => {
                let mut day = self.from;
                let mut turn = 0;
                while day <= self.to {
                    turn += 1;
                    self.write(demand, day.at(hour, 5, 0, 0), number + turn * 131, into);
                    let Ok(next) = day.checked_add(i64::from(step).days()) else {
                        return;
                    };
                    day = next;
                }
            }
            Often::Monthly => {
                let mut first = self.from.first_of_month();
                let mut turn = 0;
                while first <= self.to {
                    turn += 1;
                    let last = first.last_of_month().min(self.to);
                    let day = first.saturating_add(20.days()).min(last).max(self.from);
                    self.write(demand, day.at(hour, 20, 0, 0), number + turn * 17, into);
                    let Ok(next) = first.checked_add(1.month()) else {
                        return;
                    };
                    first = next;
                }
            }
        }
    }

    fn write(&self, demand: &Demand, at: DateTime, variant: u64, into: &mut Vec<Evidence>) {
        let mut filled = payload::base(&demand.kind, at, self.chance(variant));
        for (field, value) in &demand.extra {
            filled.insert(field.clone(), value.clone());
        }
        let resolve = |value: &Value| self.resolve(value);
        for condition in &demand.fixed {
            payload::satisfy(&mut filled, condition, at.date(), &resolve);
        }
        self.finish(&demand.kind, at, filled, into);
    }

    /// Applies what every record of the kind must fulfil, then plans it.
    fn finish(
        &self,
        kind: &str,
        at: DateTime,
        mut filled: Map<String, Value>,
        into: &mut Vec<Evidence>,
    ) {
        let resolve = |value: &Value| self.resolve(value);
        for (of, must) in &self.each {
            let applies = of.kinds().contains(&kind)
                && of
                    .conditions()
                    .iter()
                    .all(|condition| holds(&filled, condition));
            if applies {
                for condition in must {
                    payload::satisfy(&mut filled, condition, at.date(), &resolve);
                }
            }
        }
        if let Some(date) = self.kinds.get(kind).and_then(|info| info.date.clone()) {
            filled
                .entry(date.clone())
                .or_insert_with(|| instant_or_day(&date, at));
        }
        let subject = [
            "host",
            "class",
            "page",
            "scenario",
            "target",
            "domain",
            "incident_id",
        ]
        .iter()
        .find_map(|field| filled.get(*field).and_then(Value::as_str))
        .map_or_else(|| kind.to_owned(), |name| format!("{kind}:{name}"));
        into.push(Evidence {
            at,
            kind: kind.to_owned(),
            subject,
            payload: filled,
        });
    }

    /// Events and their responses (`pair`): a few of each kind of trigger in the term.
    fn events(&self, into: &mut Vec<Evidence>) {
        let mut triggers: BTreeMap<String, (String, Vec<Condition>)> = BTreeMap::new();
        for check in self.checks() {
            let Check::Pair { trigger, .. } = check else {
                continue;
            };
            for kind in trigger.kinds() {
                if is_peoples(kind) || kind.contains('*') || self.is_gated(kind) {
                    continue;
                }
                // The most particular trigger of a kind stands for all of its kind.
                let known = triggers
                    .entry(kind.to_owned())
                    .or_insert_with(|| (kind.to_owned(), Vec::new()));
                for condition in trigger.conditions() {
                    if !known.1.contains(condition) {
                        known.1.push(condition.clone());
                    }
                }
            }
        }
        let span = self.days();
        for (number, (kind, conditions)) in triggers.values().enumerate() {
            for turn in 0..2u64 {
                let place = self.chance(number as u64 * 7919 + turn);
                let offset = (20 + place % span.saturating_sub(60).max(1)) as i64;
                let day = self.from.saturating_add(offset.days());
                let at = day.at((9 + place % 10) as i8, (place % 50) as i8, 0, 0);
                self.event(kind, conditions, turn, at, into);
            }
        }
    }

    fn event(
        &self,
        kind: &str,
        conditions: &[Condition],
        turn: u64,
        at: DateTime,
        into: &mut Vec<Evidence>,
    ) {
        let resolve = |value: &Value| self.resolve(value);
        let id = self
            .kinds
            .get(kind)
            .and_then(|info| info.id.clone())
            .unwrap_or_else(|| "event_id".to_owned());
        let name = format!(
            "{}-{}{:02}",
            kind.split('.').next().unwrap_or(kind),
            month_of(at.date()),
            turn + 1
        );
        let mut filled = payload::base(kind, at, turn);
        filled.insert(id.clone(), json!(name));
        filled.insert("title".to_owned(), json!("見本の事象"));
        // The second event of a kind is an ordinary one: the conditions of the special duties fail.
        if turn == 0 {
            for condition in conditions {
                payload::satisfy(&mut filled, condition, at.date(), &resolve);
            }
        }
        let trigger = filled.clone();
        self.finish(kind, at, filled, into);
        let mut delay = 12;
        for obligation in &self.file.obligation {
            for check in &obligation.evidence {
                let Check::Pair {
                    trigger: of,
                    response,
                    matching,
                    ..
                } = check
                else {
                    continue;
                };
                let fits = of.kinds().contains(&kind)
                    && of
                        .conditions()
                        .iter()
                        .all(|condition| holds(&trigger, condition));
                let Some(answer) = response
                    .kinds()
                    .into_iter()
                    .find(|kind| !kind.contains('*'))
                else {
                    continue;
                };
                if !fits || is_peoples(answer) {
                    continue;
                }
                let field = matching.clone().unwrap_or_else(|| id.clone());
                let value = trigger.get(&field).cloned().unwrap_or_else(|| json!(name));
                delay += 9;
                // Closing comes last: answers after it would be too late.
                let after = if answer.ends_with(".closed") {
                    delay + 150
                } else {
                    delay
                };
                let moment = at.saturating_add(i64::from(after).minutes());
                let mut answered = payload::base(answer, moment, turn);
                answered.insert(field, value);
                for condition in response.conditions() {
                    payload::satisfy(&mut answered, condition, moment.date(), &resolve);
                }
                self.finish(answer, moment, answered, into);
            }
        }
    }

    fn checks(&self) -> impl Iterator<Item = &Check> {
        self.file
            .obligation
            .iter()
            .flat_map(|obligation| &obligation.evidence)
    }

    /// Acts behind a gate need an approval first: a rehearsal does not change services.
    fn is_gated(&self, kind: &str) -> bool {
        self.file
            .gates
            .values()
            .flat_map(|gate| &gate.acts)
            .any(|act| act.kind == kind)
            || ["breach.", "guidance.", "erasure.", "annex.", "stop."]
                .iter()
                .any(|prefix| kind.starts_with(prefix))
    }

    fn days(&self) -> u64 {
        self.from
            .until((jiff::Unit::Day, self.to))
            .map_or(1, |span| u64::try_from(span.get_days()).unwrap_or(1))
    }
}

/// `…_at` fields hold instants with Japan's offset, the others days.
fn instant_or_day(field: &str, at: DateTime) -> Value {
    if field.ends_with("_at") {
        json!(format!("{at}+09:00"))
    } else {
        json!(at.date().to_string())
    }
}

fn half_of(span: Span) -> Often {
    let days = match span.unit {
        Unit::Second | Unit::Minute | Unit::Hour => 1,
        Unit::Day => span.amount,
        Unit::Week => span.amount * 7,
        Unit::Month => span.amount * 30,
        Unit::Year => span.amount * 365,
    };
    match days {
        ..=2 => Often::Days(1),
        3..=30 => Often::Days(u32::try_from(days / 2).unwrap_or(7)),
        _ => Often::Monthly,
    }
}

/// One demand per subject that must be there.
fn spread(demands: &mut Vec<Demand>, from: usize, by: &str, subjects: &[String]) {
    let plain: Vec<Demand> = demands.drain(from..).collect();
    for demand in plain {
        if subjects.is_empty() {
            demands.push(demand);
            continue;
        }
        for subject in subjects {
            let mut one = demand.clone();
            payload::put(&mut one.extra, by, json!(subject));
            demands.push(one);
        }
    }
}

fn measured_field(shape: &Shape) -> Option<&str> {
    match shape {
        Shape::Performance { field, .. }
        | Shape::RecoveryTime { field }
        | Shape::Sum { field }
        | Shape::Capacity { field, .. }
        | Shape::Value { field, .. }
        | Shape::Range { field, .. }
        | Shape::Version { field, .. } => Some(field),
        Shape::Longest { field, .. } | Shape::PlanCap { field, .. } => field.as_deref(),
        _ => None,
    }
}

/// Whether a payload fulfils a condition, for the plain operators that select events.
fn holds(payload: &Map<String, Value>, condition: &Condition) -> bool {
    let Some(field) = condition.field.as_deref() else {
        return condition
            .all
            .iter()
            .flatten()
            .all(|inner| holds(payload, inner));
    };
    let value = payload::get(payload, field);
    let in_list = condition
        .one_of
        .as_ref()
        .is_none_or(|list| value.is_some_and(|value| list.contains(value)));
    condition
        .eq
        .as_ref()
        .is_none_or(|wanted| value == Some(wanted))
        && condition
            .exists
            .is_none_or(|wanted| value.is_some() == wanted)
        && in_list
}
