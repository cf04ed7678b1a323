//! Which records a question takes, and through which door. What is done with them afterwards is
//! the work of the sibling modules.

use super::{Port, Question, Spec};
use crate::language::{Check, Condition, Select, Shape};
use crate::model::Contract;

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
