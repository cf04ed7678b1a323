//! What each obligation demands of the records: kind, fields, how often. When the records happen
//! is the parent module's work.

use std::collections::BTreeMap;

use jiff::ToSpan as _;
use jiff::civil::{Date, DateTime};
use mamori_contract::language::Obligation;
use mamori_contract::language::evidence::{Check, Condition, Each, Select};
use mamori_contract::language::threshold::{Cycle, Shape, Threshold};
use mamori_contract::language::value::{Quantity, Span, Unit};
use serde_json::{Map, Value, json};

use super::{Planner, is_peoples};
use crate::rehearsal::payload;

/// How often a demand asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Often {
    /// Every so many days.
    Days(u32),
    /// Once a month.
    Monthly,
    /// Once, by a day.
    Once(Date),
}

#[derive(Debug, Clone)]
pub(super) struct Demand {
    pub(super) kind: String,
    pub(super) fixed: Vec<Condition>,
    pub(super) often: Often,
    pub(super) extra: Map<String, Value>,
}

pub(super) fn merge(into: &mut BTreeMap<String, Demand>, demand: Demand) {
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

impl Planner<'_> {
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

    pub(super) fn demands(&self, obligation: &Obligation) -> Vec<Demand> {
        let mut demands = Vec::new();
        let once = Often::Once(self.before(obligation));
        for check in &obligation.evidence {
            match check {
                Check::Exists { of, .. } => {
                    let often = if Self::is_once(obligation) {
                        once
                    } else {
                        Often::Monthly
                    };
                    Self::demand(of, &[], often, &mut demands);
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
                    Self::demand(of, must, often, &mut demands);
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
                    Self::demand(of, &[], often, &mut demands);
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

    fn is_once(obligation: &Obligation) -> bool {
        use mamori_contract::language::Kind;
        matches!(obligation.kind, Kind::OneOff | Kind::Yearly)
    }

    fn demand(of: &Select, must: &[Condition], often: Often, into: &mut Vec<Demand>) {
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
            Shape::Availability { .. } => Self::demand(of, &[], Often::Days(1), into),
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
                    Self::demand(of, &[], cycle(every), into);
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
                Self::demand(of, &[], Often::Monthly, into);
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
