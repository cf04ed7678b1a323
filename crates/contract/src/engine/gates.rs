//! Approvals and consultations: who asked when, what was decided, how long the city took.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::data::Deed;
use super::fact::{Fact, Moment, read_date};
use crate::language::{Gate, GateKind};

/// One approval or consultation.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Approval {
    /// When it was asked for.
    pub requested: Option<Moment>,
    /// When it was decided.
    pub decided: Option<Moment>,
    /// Granted or agreed.
    pub granted: bool,
    /// When it was taken back.
    pub withdrawn: Option<Moment>,
    /// In writing.
    pub written: bool,
    /// What it is about.
    pub about: String,
    /// Numbers of its records.
    pub records: Vec<u64>,
}

/// An extension: another due date for one period.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Extension {
    /// Which obligation.
    pub obligation: String,
    /// Which period.
    pub period: String,
    /// Its due date.
    pub due: Date,
    /// By whom.
    pub by: String,
    /// When it was decided.
    pub on: Date,
    /// Number of the record.
    pub seq: u64,
}

/// All approvals by gate.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Gatebook {
    /// Gate → id → approval.
    pub gates: BTreeMap<String, BTreeMap<String, Approval>>,
    ids: BTreeMap<String, String>,
    /// Extensions granted.
    pub extensions: Vec<Extension>,
}

/// What the software shows of a gate.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GateState {
    /// Ids waiting for the city, with the days waited.
    pub waiting: Vec<(String, i64)>,
    /// Ids granted and in force.
    pub granted: Vec<String>,
    /// Whether one of the waiting is beyond the city's own days.
    pub overdue: bool,
}

impl Gatebook {
    /// Whether the kind is an approval's or a consultation's.
    pub fn concerns(kind: &str) -> bool {
        kind.starts_with("approval.") || kind.starts_with("consultation.")
    }

    /// Takes a record; returns the gate it touched.
    pub fn take(&mut self, fact: &Fact, date_field: Option<&str>) -> Option<String> {
        let consultation = fact.kind.starts_with("consultation.");
        let id = fact
            .text(if consultation {
                "consultation_id"
            } else {
                "approval_id"
            })
            .unwrap_or_else(|| fact.subject.clone());
        let gate = fact.text("gate").or_else(|| self.ids.get(&id).cloned())?;
        self.ids.insert(id.clone(), gate.clone());
        let when = fact.when(date_field);
        let approval = self
            .gates
            .entry(gate.clone())
            .or_default()
            .entry(id)
            .or_default();
        approval.records.push(fact.seq);
        if let Some(about) = fact.text("about").or_else(|| fact.text("topic")) {
            approval.about = about;
        }
        if fact
            .value("written")
            .is_some_and(|value| value.as_bool() == Some(true))
        {
            approval.written = true;
        }
        match fact.kind.as_str() {
            "approval.requested" | "consultation.opened" => approval.requested = Some(when),
            "approval.granted" | "consultation.agreed" => {
                approval.decided = Some(when);
                approval.granted = true;
                let due = fact.value("due").and_then(read_date);
                if let (Some(obligation), Some(due)) = (fact.text("obligation"), due) {
                    self.extensions.push(Extension {
                        obligation,
                        period: fact.text("period").unwrap_or_else(|| "term".to_owned()),
                        due,
                        by: fact.text("by").unwrap_or_default(),
                        on: when.day,
                        seq: fact.seq,
                    });
                }
            }
            "approval.refused" | "consultation.closed" if approval.decided.is_none() => {
                approval.decided = Some(when);
            }
            "approval.withdrawn" => approval.withdrawn = Some(when),
            _ => {}
        }
        Some(gate)
    }

    fn of(&self, gate: &str) -> impl Iterator<Item = (&String, &Approval)> {
        self.gates.get(gate).into_iter().flatten()
    }

    /// Whether a gate was passed before a deed, or why not.
    pub fn passed(&self, key: &str, gate: &Gate, deed: &Deed) -> Result<Vec<u64>, String> {
        if let Some(wrong) = &deed.wrong {
            return Err(wrong.clone());
        }
        let needs_writing = gate.written || gate.kind == GateKind::PriorWrittenApproval;
        let word = match gate.kind {
            GateKind::Consult => "協議の合意",
            GateKind::Application => "申請",
            _ if needs_writing => "書面による承認",
            _ => "承認",
        };
        if matches!(
            gate.kind,
            GateKind::OpenerCloses | GateKind::ErasureCertificate | GateKind::Attestation
        ) {
            return Ok(Vec::new());
        }
        let before = |approval: &Approval| match gate.kind {
            GateKind::Application => approval.requested.is_some_and(|at| at.not_after(deed.when)),
            _ => approval.granted && approval.decided.is_some_and(|at| at.not_after(deed.when)),
        };
        let in_force =
            |approval: &Approval| approval.withdrawn.is_none_or(|at| !at.not_after(deed.when));
        let named = |id: &str| deed.approval.as_deref().is_none_or(|wanted| wanted == id);
        let candidates: Vec<(&String, &Approval)> =
            self.of(key).filter(|(id, _)| named(id)).collect();
        let found = candidates.iter().find(|(_, approval)| {
            before(approval) && in_force(approval) && (approval.written || !needs_writing)
        });
        if let Some((_, approval)) = found {
            return Ok(approval.records.clone());
        }
        let unwritten = candidates
            .iter()
            .any(|(_, approval)| before(approval) && in_force(approval));
        Err(if unwritten && needs_writing {
            format!(
                "{}の行為に先立つ{}は書面ではありません",
                deed.when.day, gate.title
            )
        } else {
            format!(
                "{}の行為より前の{word}（{}）がありません",
                deed.when.day, gate.title
            )
        })
    }

    /// Whether an approval or agreement exists as of a day, whatever the act.
    pub fn granted(&self, key: &str, gate: &Gate, on: Date) -> Option<(Date, Vec<u64>)> {
        let needs_writing = gate.written || gate.kind == GateKind::PriorWrittenApproval;
        self.of(key)
            .filter(|(_, approval)| approval.granted && (approval.written || !needs_writing))
            .filter(|(_, approval)| approval.withdrawn.is_none_or(|at| at.day > on))
            .filter_map(|(_, approval)| {
                let decided = approval.decided.filter(|at| at.day <= on)?;
                Some((decided.day, approval.records.clone()))
            })
            .min()
    }

    /// Seconds within `from..to` in which at least one of the gates waited for the city.
    pub fn waiting_seconds<'a>(
        &self,
        gates: impl IntoIterator<Item = &'a str>,
        from: Timestamp,
        to: Timestamp,
        now: Timestamp,
    ) -> i64 {
        let mut spans: Vec<(i64, i64)> = gates
            .into_iter()
            .flat_map(|gate| {
                self.of(gate)
                    .map(|(_, approval)| approval)
                    .collect::<Vec<_>>()
            })
            .filter_map(|approval| {
                let asked = approval.requested?.at.max(from);
                let until = approval
                    .decided
                    .or(approval.withdrawn)
                    .map_or(now, |end| end.at)
                    .min(to);
                (asked < until).then(|| (asked.as_second(), until.as_second()))
            })
            .collect();
        spans.sort_unstable();
        let mut total = 0;
        let mut reached = i64::MIN;
        for (start, end) in spans {
            total += (end - start.max(reached)).max(0);
            reached = reached.max(end);
        }
        total
    }

    /// What to show of a gate.
    pub fn state(&self, key: &str, gate: Option<&Gate>, now: Moment) -> GateState {
        let mut state = GateState {
            waiting: Vec::new(),
            granted: Vec::new(),
            overdue: false,
        };
        for (id, approval) in self.of(key) {
            if approval.withdrawn.is_some() {
                continue;
            }
            if approval.granted {
                state.granted.push(id.clone());
            } else if let (Some(asked), None) = (approval.requested, approval.decided) {
                let days = asked
                    .day
                    .until(now.day)
                    .map_or(0, |span| i64::from(span.get_days()));
                state.overdue |= gate
                    .and_then(|gate| gate.days)
                    .is_some_and(|limit| days > i64::from(limit));
                state.waiting.push((id.clone(), days));
            }
        }
        state
    }
}
