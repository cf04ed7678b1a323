//! What matching rules do to the transaction.

use std::sync::Arc;

use super::tx::{TxValue, number};
use super::{Removal, Transaction};
use crate::report::{Decision, Why};
use crate::ruleset::{Effect, Link, RuleSet};
use crate::seclang::actions::{Allow, Disruptive};
use crate::seclang::ctl::{Ctl, Mode};
use crate::seclang::setvar::{Amount, Change, Name, SetVar};
use crate::variable::Variable;

impl Transaction {
    /// Runs the effects of a link for one match.
    pub(super) fn effects(&mut self, rules: &RuleSet, link: &Link, number: u32, place: u32) {
        for (at, effect) in link.effects.iter().enumerate() {
            match effect {
                // What is only observed adds to no score; other values may be needed by its chain.
                Effect::Set(SetVar {
                    change: Change::Add(_),
                    ..
                }) if rules.observed.contains(number) => {}
                Effect::Set(set) => self.assign(rules, set),
                Effect::Remove(selection) => {
                    self.removed.union(&rules.selections[*selection as usize]);
                }
                Effect::RemoveTarget(selection, target) => {
                    self.narrowed_variables.insert_all_of(target.variable);
                    self.narrowed.union(&rules.selections[*selection as usize]);
                    let removal = Removal::Effect {
                        rule: number,
                        link: place,
                        effect: at as u32,
                    };
                    self.removals.push(removal);
                }
                Effect::Ctl(ctl) => self.control(ctl),
                Effect::Identify(variable, text) => {
                    let mut value = Vec::new();
                    self.write_text(rules, text, &mut value);
                    self.identity[usize::from(*variable == Variable::Userid)] = value;
                }
                Effect::Hide(Some(what)) => self.hidden.push(what.clone()),
                Effect::Hide(None) => {
                    if let Some(found) = &self.matched.last {
                        let name = self.store.bytes(found.name).to_vec();
                        self.hidden.push((found.variable, name));
                    }
                }
            }
        }
    }

    fn assign(&mut self, rules: &RuleSet, set: &SetVar) {
        let amount = |own: &Self, amount: &Amount| match amount {
            Amount::Fixed(number) => *number,
            Amount::Text(text) => {
                let mut digits = Vec::new();
                own.write_text(rules, text, &mut digits);
                number(&digits)
            }
        };
        let name = match &set.name {
            Name::Slot(_) => Vec::new(),
            Name::Text(text) => {
                let mut name = Vec::new();
                self.write_text(rules, text, &mut name);
                name.make_ascii_lowercase();
                name
            }
        };
        let old = |own: &Self| {
            let value = match &set.name {
                Name::Slot(slot) => own.tx.slot(*slot),
                Name::Text(_) => own.tx.get(&rules.names, set.collection, &name),
            };
            value.map_or(0, TxValue::number)
        };
        let value = match &set.change {
            Change::Number(number) => Some(TxValue::Number(*number)),
            Change::Fixed(text) => Some(TxValue::Fixed(Arc::clone(text))),
            Change::Text(text) => {
                let mut value = Vec::new();
                self.write_text(rules, text, &mut value);
                Some(TxValue::Text(value))
            }
            Change::Add(by) => Some(TxValue::Number(old(self).saturating_add(amount(self, by)))),
            Change::Subtract(by) => {
                Some(TxValue::Number(old(self).saturating_sub(amount(self, by))))
            }
            Change::Unset => None,
        };
        match &set.name {
            Name::Slot(slot) => self.tx.set_slot(*slot, value),
            Name::Text(_) => self.tx.set(&rules.names, set.collection, name, value),
        }
    }

    fn control(&mut self, ctl: &Ctl) {
        match ctl {
            Ctl::Engine(mode) => self.mode = *mode,
            Ctl::Processor(processor) => self.request.processor = Some(*processor),
            Ctl::ForceBodyVariable(on) => self.request.force_body_variable = *on,
            Ctl::BodyAccess(on) => self.request.access = *on,
            Ctl::ResponseBodyAccess(on) => self.response.access = *on,
            Ctl::BodyLimit(limit) => self.request.limit = *limit,
            Ctl::ResponseBodyLimit(limit) => self.response.limit = *limit,
            Ctl::Audit(on) => self.report.audit = *on,
            // Resolved when the rules were compiled.
            Ctl::Remove(_) | Ctl::RemoveTarget(..) => {}
        }
    }

    /// Runs the disruptive action of a rule. `true`: the phase ends here.
    pub(super) fn disrupt(&mut self, rules: &RuleSet, number: u32) -> bool {
        let rule = &rules.rules[number as usize];
        let why = Why::Rule(rule.id);
        let decision = match &rule.disruptive {
            Disruptive::Pass | Disruptive::Block => return false,
            Disruptive::Allow(_) if rules.observed.contains(number) => return false,
            Disruptive::Allow(reach) => {
                let phase = usize::from(rule.phase);
                match reach {
                    Allow::Phase => {}
                    Allow::Request => self.allowed[..2].fill(true),
                    Allow::All => self.allowed.fill(true),
                }
                // In the mode that only detects, allowing is carried out too: it lets pass.
                return phase < 5 || *reach == Allow::Phase;
            }
            Disruptive::Deny => Decision::Refuse {
                status: rule.status,
                why,
            },
            Disruptive::Drop => Decision::Drop { why },
            Disruptive::Redirect(to) => {
                let mut target = Vec::new();
                self.write_text(rules, to, &mut target);
                Decision::Redirect {
                    status: if (300..400).contains(&rule.status) {
                        rule.status
                    } else {
                        302
                    },
                    to: target,
                    why,
                }
            }
        };
        if rules.observed.contains(number) {
            self.note(&decision);
            return false;
        }
        self.decide(decision)
    }

    /// Notes what would have been decided, had nobody said only to observe.
    fn note(&mut self, decision: &Decision) {
        if self.report.would.passes() {
            self.report.would = decision.clone();
        }
    }

    /// Takes a decision, or notes it where the engine only detects. `true`: the phase ends here.
    fn decide(&mut self, decision: Decision) -> bool {
        self.note(&decision);
        if self.mode == Mode::On && self.report.decision.passes() {
            self.report.decision = decision;
            return true;
        }
        false
    }

    /// Refuses for a reason that is no rule.
    pub(super) fn refuse(&mut self, status: u16, why: Why) {
        self.decide(Decision::Refuse { status, why });
    }
}
