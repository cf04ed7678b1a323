//! Events and the answers to them: a few of each kind of trigger in the term, each answered by
//! every obligation that it concerns.

use std::collections::BTreeMap;

use jiff::ToSpan as _;
use jiff::civil::DateTime;
use mamori_contract::language::evidence::{Check, Condition};
use serde_json::{Value, json};

use super::{Evidence, Planner, holds, is_peoples, month_of};
use crate::rehearsal::payload;

impl Planner<'_> {
    /// Events and their responses (`pair`): a few of each kind of trigger in the term.
    pub(super) fn events(&self, into: &mut Vec<Evidence>) {
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
