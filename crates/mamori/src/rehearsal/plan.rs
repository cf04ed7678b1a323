//! What would have to happen in a year for the contract to be kept: acts planned from the
//! contract's own evidence queries, for any contract, without knowing a city.
//!
//! Every query that machine evidence answers becomes a demand (kind, fields, how often); demands
//! for the same records are merged. A few demands are left short on purpose, chosen by the seed:
//! a rehearsal in which nothing ever goes wrong would show nothing.
//!
//! Here: when the demanded records happen and what they say; `demand` reads the demands from the
//! contract, `events` plans incidents and their answers.

mod demand;
mod events;

use std::collections::BTreeMap;

use jiff::ToSpan as _;
use jiff::civil::{Date, DateTime};
use mamori_contract::kinds::Kinds;
use mamori_contract::language::ContractFile;
use mamori_contract::language::evidence::{Check, Condition, Select};
use mamori_contract::language::value::{Quantity, Span};
use serde_json::{Map, Value, json};

use self::demand::{Demand, Often, merge};
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

/// Plans machine evidence for the whole term.
pub fn machine_evidence(file: &ContractFile, seed: u64) -> Vec<Evidence> {
    let planner = Planner::new(file, seed);
    let mut demands = BTreeMap::new();
    for obligation in file.obligation.iter().filter(|o| o.type_.is_judged()) {
        for demand in planner.demands(obligation) {
            merge(&mut demands, demand);
        }
    }
    let mut evidence = Vec::new();
    for (number, demand) in demands.into_values().enumerate() {
        planner.schedule(&demand, number as u64, &mut evidence);
    }
    planner.events(&mut evidence);
    evidence.sort_by(|a, b| (a.at, &a.kind).cmp(&(b.at, &b.kind)));
    evidence
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
}

/// `…_at` fields hold instants with Japan's offset, the others days.
fn instant_or_day(field: &str, at: DateTime) -> Value {
    if field.ends_with("_at") {
        json!(format!("{at}+09:00"))
    } else {
        json!(at.date().to_string())
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
