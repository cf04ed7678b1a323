//! The contract engine's data as the registers ask for it ([`crate::terms`]).

use std::sync::Arc;

use jiff::civil::Date;
use mamori_contract::Contract;
use mamori_contract::language::evidence::Check;
use mamori_contract::language::{self, Type};

use crate::REGISTERS;
use crate::terms::{
    Cap, Category, ContractTerms, Counts, Gate, GateKind, Note, ObligationRef, Prohibition, Window,
};

/// The terms of one contract as of one day.
#[derive(Debug)]
pub struct Terms {
    contract: Arc<Contract>,
    day: Date,
    categories: Vec<Category>,
    cap: Option<Cap>,
    gates: Vec<Gate>,
    obligations: Vec<ObligationRef>,
    notes: Vec<Note>,
    prohibitions: Vec<(String, Prohibition)>,
}

impl Terms {
    /// Reads the terms off the contract.
    pub fn new(contract: Arc<Contract>, day: Date) -> Self {
        let file = &contract.file;
        let version = contract
            .versions
            .iter()
            .rposition(|version| version.from <= day)
            .unwrap_or(0);
        let categories = file
            .categories
            .iter()
            .map(|(key, category)| Category {
                key: key.clone(),
                title_ja: category.title.clone(),
                clause: category.clause.clone().unwrap_or_default(),
                counts: counts(category.counts),
                may_differ: !category.confirmed || category.counts == language::Counts::Undecided,
                in_window: true,
            })
            .collect();
        let cap = work_counter(&contract).and_then(|(_, counter)| {
            Some(Cap {
                title_ja: counter.title.clone(),
                clause: clause_of_counter(&contract, counter),
                minutes: contract.number(&counter.cap, version)? as u32,
            })
        });
        let gates = file
            .gates
            .iter()
            .filter_map(|(key, gate)| {
                Some(Gate {
                    key: key.clone(),
                    title_ja: gate.title.clone(),
                    clause: gate.clause.clone().unwrap_or_default(),
                    kind: gate_kind(gate.kind)?,
                    written: gate.written || gate.kind == language::GateKind::PriorWrittenApproval,
                    guards: gate
                        .acts
                        .iter()
                        .flat_map(|act| guarded(&act.kind))
                        .collect(),
                })
            })
            .collect();
        let current = &contract.versions[version].obligations;
        let obligations = current
            .values()
            .map(|obligation| ObligationRef {
                key: obligation.key.clone(),
                title_ja: obligation.title.clone(),
                clause: obligation.clause.clone(),
                by_attestation: obligation
                    .evidence
                    .iter()
                    .any(|check| matches!(check, Check::Attestation { .. })),
            })
            .collect();
        let prohibitions = current
            .values()
            .filter(|obligation| obligation.type_ == Type::Prohibition)
            .flat_map(|obligation| {
                deeds(obligation).map(|deed| {
                    let prohibition = Prohibition {
                        clause: obligation.clause.clone(),
                        text_ja: obligation.text.clone(),
                    };
                    (deed, prohibition)
                })
            })
            .collect();
        let notes = file
            .ambiguity
            .iter()
            .map(|ambiguity| Note {
                key: ambiguity.key.clone(),
                title_ja: ambiguity.text.clone(),
                readings: ambiguity
                    .reading
                    .iter()
                    .map(|reading| (reading.key.clone(), reading.title.clone()))
                    .collect(),
            })
            .collect();
        Self {
            contract,
            day,
            categories,
            cap,
            gates,
            obligations,
            notes,
            prohibitions,
        }
    }
}

/// The counter that work entries feed, if the contract has one.
pub fn work_counter(contract: &Contract) -> Option<(&str, &language::Counter)> {
    contract
        .file
        .counters
        .iter()
        .find(|(_, counter)| counter.of.kinds().contains(&"work.recorded"))
        .map(|(key, counter)| (key.as_str(), counter))
}

fn clause_of_counter(contract: &Contract, counter: &language::Counter) -> String {
    contract
        .file
        .obligation
        .iter()
        .find(|obligation| {
            obligation
                .counter
                .as_deref()
                .and_then(|key| contract.counter(key))
                .is_some_and(|known| std::ptr::eq(known, counter))
        })
        .map(|obligation| obligation.clause.clone())
        .unwrap_or_default()
}

/// The contract's word as the registers' word.
pub fn counts(counts: language::Counts) -> Counts {
    match counts {
        language::Counts::Yes => Counts::Yes,
        language::Counts::No => Counts::No,
        language::Counts::Undecided => Counts::Undecided,
    }
}

/// Kinds of gate that an item of a register opens; the others are judged by the engine alone.
fn gate_kind(kind: language::GateKind) -> Option<GateKind> {
    use language::GateKind as K;
    match kind {
        K::PriorApproval
        | K::PriorWrittenApproval
        | K::Plan
        | K::Exception
        | K::Extension
        | K::Application => Some(GateKind::Approval),
        K::Consult => Some(GateKind::Consultation),
        K::Inspection | K::OpenerCloses | K::Attestation | K::ErasureCertificate => None,
    }
}

/// The acts of registers that write an evidence kind, as `REGISTER.ACT`.
fn guarded(kind: &str) -> Vec<String> {
    REGISTERS
        .iter()
        .flat_map(|register| {
            register
                .spec
                .acts
                .iter()
                .filter(|act| act.kind == kind)
                .map(|act| format!("{}.{}", register.spec.key, act.name))
        })
        .collect()
}

/// What a prohibition forbids to registers: `none` of a register's kind with a flag set.
fn deeds(obligation: &language::Obligation) -> impl Iterator<Item = String> + '_ {
    obligation.evidence.iter().flat_map(|check| {
        let Check::None { of, .. } = check else {
            return Vec::new();
        };
        let areas: Vec<&str> = of
            .kinds()
            .into_iter()
            .filter_map(|kind| kind.split('.').next())
            .collect();
        of.conditions()
            .iter()
            .filter(|condition| condition.eq == Some(serde_json::Value::Bool(true)))
            .filter_map(|condition| condition.field.as_deref())
            .flat_map(|field| areas.iter().map(move |area| format!("{area}.{field}")))
            .collect()
    })
}

impl ContractTerms for Terms {
    fn term(&self) -> (Date, Date) {
        (self.contract.term.first(), self.contract.term.last())
    }

    fn categories(&self) -> &[Category] {
        &self.categories
    }

    fn window(&self, day: Date) -> Window {
        let file = &self.contract.file;
        let book = &self.contract.on(day).book;
        let Some(name) = file.contract.service_hours.as_deref() else {
            return Window::None;
        };
        let (Some(text), Some(hours)) = (file.hours.get(name), book.hours.get(name)) else {
            return Window::None;
        };
        if let Some(reason) = hours.closed.reason(day) {
            return Window::Closed(reason);
        }
        let planned = text
            .weekdays
            .iter()
            .any(|planned| planned.weekday() == day.weekday());
        let (Some(first), Some(last)) = (text.windows.first(), text.windows.last()) else {
            return Window::None;
        };
        if planned {
            Window::Between {
                from: first.from.time(),
                to: last.to.time(),
            }
        } else {
            Window::Closed(format!("{}の外の曜日", hours.title))
        }
    }

    fn cap(&self) -> Option<&Cap> {
        self.cap.as_ref()
    }

    fn gates(&self) -> &[Gate] {
        &self.gates
    }

    fn obligations(&self) -> &[ObligationRef] {
        &self.obligations
    }

    fn notes(&self) -> &[Note] {
        &self.notes
    }

    fn is_open_day(&self, day: Date) -> bool {
        open_day(&self.contract, day)
    }

    fn prohibition(&self, deed: &str) -> Option<&Prohibition> {
        self.prohibitions
            .iter()
            .find(|(known, _)| known == deed)
            .map(|(_, found)| found)
    }
}

/// Whether the city works on a day by the contract's calendar (by the holiday law without one).
pub fn open_day(contract: &Contract, day: Date) -> bool {
    let book = &contract.on(day).book;
    match book
        .city_calendar
        .as_ref()
        .and_then(|name| book.calendars.get(name))
    {
        Some(calendar) => calendar.is_open(day),
        None => mamori_kernel::calendar::DaySet::law().is_open(day),
    }
}

impl Terms {
    /// The day these terms hold for.
    pub fn day(&self) -> Date {
        self.day
    }
}
