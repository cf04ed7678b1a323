//! Builds the engine from a contract: units, their variants by version and reading, one meter for
//! each distinct question, and who depends on whom.

use std::collections::HashMap;
use std::sync::Arc;

use super::meter::{Data, Meter, Question, Spec};
use super::{Engine, Unit, Variant};
use crate::language::{Check, Obligation, Rule, Shape};

impl Engine {
    pub(super) fn build(&mut self) {
        let contract = Arc::clone(&self.contract);
        let mut known: HashMap<String, usize> = HashMap::new();
        for key in contract.keys() {
            let Some(latest) = contract.latest(key) else {
                continue;
            };
            if !latest.type_.is_judged() {
                continue;
            }
            let unit = self.units.len();
            let mut variants = Vec::new();
            for version in 0..contract.versions.len() {
                for reading in contract.readings(key, version) {
                    variants.push(self.variant(unit, version, reading, &mut known));
                }
            }
            let periods = if variants
                .iter()
                .any(|variant| once(&variant.reading.obligation))
            {
                // A date that does not depend on a period is judged once, over the term.
                contract.due_periods(latest)
            } else {
                contract.periods(latest)
            };
            let rolls_up = variants.iter().any(|variant| {
                variant
                    .reading
                    .obligation
                    .evidence
                    .iter()
                    .any(|check| matches!(check, Check::Rollup { .. }))
            });
            self.by_key.insert(key.to_owned(), unit);
            self.units.push(Unit {
                key: key.to_owned(),
                variants,
                periods,
                followers: Vec::new(),
                rolls_up,
            });
        }
        for unit in 0..self.units.len() {
            for variant in &self.units[unit].variants {
                let obligation = &variant.reading.obligation;
                let internal = obligation.waiting.iter().flatten().chain(&obligation.gates);
                let asked = obligation.evidence.iter().filter_map(|check| match check {
                    Check::Gate { gate }
                    | Check::None {
                        unless_gate: Some(gate),
                        ..
                    } => Some(gate),
                    _ => None,
                });
                for gate in internal.chain(asked) {
                    let users = self.by_gate.entry(gate.clone()).or_default();
                    if users.last() != Some(&unit) {
                        users.push(unit);
                    }
                }
            }
        }
        self.link_rollups();
        for (index, meter) in self.meters.iter().enumerate() {
            self.doors.extend(
                meter
                    .spec
                    .ports(&contract)
                    .into_iter()
                    .map(|(port, of)| (index, port, of)),
            );
        }
        self.kept = vec![None; self.units.len()];
    }

    fn link_rollups(&mut self) {
        for unit in 0..self.units.len() {
            if !self.units[unit].rolls_up {
                continue;
            }
            let checks: Vec<Check> = self.units[unit]
                .variants
                .iter()
                .flat_map(|variant| variant.reading.obligation.evidence.clone())
                .collect();
            for check in checks {
                let Check::Rollup {
                    obligations,
                    clause,
                } = check
                else {
                    continue;
                };
                for other in 0..self.units.len() {
                    let key = &self.units[other].key;
                    let clause_fits = clause.as_deref().is_some_and(|clause| {
                        self.contract
                            .latest(key)
                            .is_some_and(|each| each.clause.starts_with(clause))
                    });
                    if other != unit
                        && (clause_fits || obligations.contains(key))
                        && !self.units[other].followers.contains(&unit)
                    {
                        self.units[other].followers.push(unit);
                    }
                }
            }
        }
    }

    fn meter(&mut self, unit: usize, spec: Spec, known: &mut HashMap<String, usize>) -> usize {
        let name = serde_json::to_string(&spec).expect("a question is plain data");
        let meters = &mut self.meters;
        let index = *known.entry(name).or_insert_with(|| {
            meters.push(Meter {
                spec,
                data: Data::default(),
            });
            meters.len() - 1
        });
        if self.users.len() <= index {
            self.users.resize(index + 1, Vec::new());
        }
        if !self.users[index].contains(&unit) {
            self.users[index].push(unit);
        }
        index
    }

    fn variant(
        &mut self,
        unit: usize,
        version: usize,
        reading: crate::model::Reading,
        known: &mut HashMap<String, usize>,
    ) -> Variant {
        let obligation = Arc::clone(&reading.obligation);
        let mut parts = Vec::new();
        let mut money = Vec::new();
        let plain = |question: Question| Spec {
            question,
            obligation: None,
            window: None,
            unless: None,
            deliverable: None,
        };
        for check in &obligation.evidence {
            parts.push(self.meter(unit, check_spec(check, &obligation), known));
        }
        for gate in &obligation.gates {
            let asked = obligation
                .evidence
                .iter()
                .any(|check| matches!(check, Check::Gate { gate: named } if named == gate));
            if !asked {
                let check = Check::Gate { gate: gate.clone() };
                parts.push(self.meter(unit, plain(Question::Check(check)), known));
            }
        }
        for threshold in &obligation.thresholds {
            if matches!(
                threshold.shape,
                Shape::PenaltyMoney { .. } | Shape::LateInterest { .. }
            ) {
                money.push(threshold.clone());
            } else {
                parts.push(self.meter(
                    unit,
                    plain(Question::Threshold(Box::new(threshold.clone()))),
                    known,
                ));
            }
        }
        if let Some(counter) = &obligation.counter {
            parts.push(self.meter(unit, plain(Question::Counter(counter.clone())), known));
        }
        let targets = obligation
            .internal
            .iter()
            .flat_map(|internal| internal.thresholds.clone());
        let internal = targets
            .map(|each| self.meter(unit, plain(Question::Threshold(Box::new(each))), known))
            .collect();
        Variant {
            version,
            reading,
            parts,
            internal,
            money,
        }
    }
}

/// Whether the duty's date does not depend on a period.
fn once(obligation: &Obligation) -> bool {
    matches!(
        obligation.deadline.as_ref().map(|deadline| &deadline.rule),
        Some(Rule::Fixed { .. } | Rule::AfterDate { .. } | Rule::EndOfTerm { .. })
    )
}

fn check_spec(check: &Check, obligation: &Obligation) -> Spec {
    let rule = obligation.deadline.as_ref().map(|deadline| &deadline.rule);
    let own = matches!(
        check,
        Check::Attestation { .. } | Check::Record { .. } | Check::Rollup { .. }
    );
    let window = match (check, rule) {
        (
            Check::Each { .. },
            Some(Rule::Window {
                hours,
                principle,
                reason,
            }),
        ) => Some((hours.clone(), *principle, reason.clone())),
        _ => None,
    };
    let unless = match (check, rule) {
        (Check::Exists { .. } | Check::Record { .. }, Some(Rule::AtLeast { unless, .. })) => {
            unless.clone()
        }
        _ => None,
    };
    let deliverable = match check {
        Check::Document { deliverable, .. } => deliverable
            .clone()
            .or_else(|| obligation.deliverable.clone()),
        _ => None,
    };
    Spec {
        question: Question::Check(check.clone()),
        obligation: own.then(|| obligation.key.clone()),
        window,
        unless,
        deliverable,
    }
}
