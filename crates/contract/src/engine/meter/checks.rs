//! Adding a record to the aggregates of an evidence query. Corrections and withdrawals are
//! settled before (`Meter::take`).

use jiff::Timestamp;

use super::{Data, Door, Port, Spec};
use crate::engine::data::{Deed, Paper, Part, Snap};
use crate::engine::fact::{Fact, Moment, read_date};
use crate::kinds::glob;
use crate::language::{Check, Condition, GateKind};
use crate::model::Contract;

impl Data {
    pub(super) fn take_check(&mut self, check: &Check, spec: &Spec, door: &Door<'_>) {
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
