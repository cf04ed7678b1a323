//! An item is what its evidence says: pure functions from an act to evidence and from
//! evidence to the item.
//!
//! Each record of an item carries the whole public part of the item as it is after the act,
//! so a reader of the ledger needs only the latest one; and the personal values that this act
//! brought, apart, so that they can be erased. [`fold`] rebuilds the item from its records:
//! after an erasure the personal values are gone and everything else stands.

use serde_json::{Map, Value, json};

use super::form::{self, FileRef, Filled};
use super::item::{Context, Decision, Extra, Lookup, Register, Stored, Warning};
use super::refusal::{FieldProblem, Refusal};
use super::spec::{ActSpec, RegisterSpec, Side};
use crate::gate::{self, Verdict};
use crate::terms::{ContractTerms, Gate};

/// One record about an item, as the fold needs it.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Evidence kind.
    pub kind: String,
    /// The public part, whole.
    pub payload: Map<String, Value>,
    /// Personal values that came with this record; `None` once erased.
    pub personal: Option<Map<String, Value>>,
}

/// An act that was allowed: what is to be written.
#[derive(Debug)]
pub struct Allowed {
    /// The item's own evidence.
    pub event: Event,
    /// The item afterwards.
    pub data: Map<String, Value>,
    /// The state afterwards.
    pub state: String,
    /// Further evidence.
    pub also: Vec<Extra>,
    /// Warnings.
    pub warnings: Vec<Warning>,
    /// Files to attach.
    pub files: Vec<FileRef>,
}

/// A bug or a damaged row: data that does not fit its register.
#[derive(Debug, thiserror::Error)]
#[error("register {register}: {source}")]
pub struct Misfit {
    /// Register key.
    pub register: &'static str,
    /// What does not fit.
    pub source: serde_json::Error,
}

/// An act read from its form but not yet decided.
#[derive(Debug)]
pub struct Proposal {
    act: &'static ActSpec,
    filled: Filled,
    proposed: Map<String, Value>,
    state: String,
    about: String,
    gate_day: jiff::civil::Date,
    /// What the rules want to see.
    pub lookups: Vec<Lookup>,
}

/// A gate that stands before a proposed act.
#[derive(Debug)]
pub struct Guard<'t> {
    gate: &'t Gate,
    about: String,
    day: jiff::civil::Date,
}

impl Guard<'_> {
    /// What must be found to judge it.
    pub fn lookup(&self) -> Lookup {
        gate::lookup(self.gate)
    }

    /// Judges the gate by the items found. When it is open, notes in
    /// `opened` which item opened it; otherwise refuses the act with what is missing.
    fn check(
        &self,
        act: &ActSpec,
        found: &[Stored],
        opened: &mut Map<String, Value>,
    ) -> Result<(), Refusal> {
        match gate::judge(self.gate, &self.about, self.day, found) {
            Verdict::Open { register, id, .. } => {
                opened.insert(format!("{register}_id"), json!(id));
                Ok(())
            }
            Verdict::Closed { missing_ja } => {
                Err(gate::refusal(self.gate, act.title_ja, missing_ja))
            }
        }
    }
}

impl Proposal {
    /// The gates that the contract puts before this act.
    pub fn guards<'t>(&self, register: &Register, terms: &'t dyn ContractTerms) -> Vec<Guard<'t>> {
        terms
            .guards(&format!("{}.{}", register.spec.key, self.act.name))
            .into_iter()
            .map(|gate| Guard {
                gate,
                about: self.about.clone(),
                day: self.gate_day,
            })
            .collect()
    }
}

/// The item an act is applied to.
#[derive(Debug, Clone, Copy)]
pub struct Current<'a> {
    /// UUID text.
    pub id: &'a str,
    /// Number for people.
    pub number: &'a str,
    /// State key.
    pub state: &'a str,
    /// The item.
    pub data: &'a Map<String, Value>,
}

/// Reads a form for an act on an item (or for opening one): state and fields.
pub fn propose(
    register: &Register,
    act: &'static ActSpec,
    current: Option<Current<'_>>,
    form: &Map<String, Value>,
    today: jiff::civil::Date,
) -> Result<Result<Proposal, Refusal>, Misfit> {
    let spec = register.spec;
    if let Some(item) = current
        && !act.from.contains(&item.state)
    {
        let possible: Vec<&str> = spec
            .possible(Some(item.state))
            .map(|act| act.title_ja)
            .collect();
        let possible_ja = if possible.is_empty() {
            "なし".to_owned()
        } else {
            possible.join("、")
        };
        return Ok(Err(Refusal::State {
            number: item.number.to_owned(),
            state_ja: spec.state_ja(item.state).to_owned(),
            act_ja: act.title_ja.to_owned(),
            possible_ja,
        }));
    }
    let filled = match form::read(act, form, today) {
        Ok(filled) => filled,
        Err(problems) => return Ok(Err(Refusal::Fields(problems))),
    };
    let emptied = emptied(spec, act, &filled);
    if !emptied.is_empty() {
        return Ok(Err(Refusal::Fields(emptied)));
    }
    let state = act
        .to
        .or(current.map(|item| item.state))
        .expect("an act that opens an item names the state")
        .to_owned();
    let mut proposed = current.map(|item| item.data.clone()).unwrap_or_default();
    merge(&mut proposed, &filled.public);
    merge(&mut proposed, &filled.personal);
    proposed.insert("state".to_owned(), json!(state));
    let misfit = |source| Misfit {
        register: spec.key,
        source,
    };
    let lookups = (register.lookups)(&proposed, act).map_err(misfit)?;
    let description = (register.describe)(&proposed).map_err(misfit)?;
    Ok(Ok(Proposal {
        act,
        filled,
        proposed,
        state,
        about: description.about,
        gate_day: description.gate_day.unwrap_or(today),
        lookups,
    }))
}

/// Fields that an act empties although an item cannot be without them: those that every opening
/// act which knows them asks for.
fn emptied(spec: &RegisterSpec, act: &ActSpec, filled: &Filled) -> Vec<FieldProblem> {
    let needed = |name: &str| {
        spec.possible(None)
            .flat_map(|opening| opening.fields)
            .any(|field| field.name == name && field.required)
    };
    act.fields
        .iter()
        .filter(|field| {
            let value = filled
                .public
                .get(field.name)
                .or_else(|| filled.personal.get(field.name));
            value.is_some_and(Value::is_null) && needed(field.name)
        })
        .map(|field| {
            FieldProblem::new(
                field.name,
                field.label_ja,
                "空にはできません。変えないときは項目ごと省いてください",
            )
        })
        .collect()
}

/// Decides a proposal. `id` is the item's, new or old; `guarded` holds the contract's gates
/// with what was found for each. The rules speak before the gates: what is forbidden or wrong
/// needs no approval first.
pub fn decide(
    register: &Register,
    proposal: Proposal,
    guarded: &[(Guard<'_>, Vec<Stored>)],
    id: &str,
    current: Option<Current<'_>>,
    context: &Context<'_>,
) -> Result<Result<Allowed, Refusal>, Misfit> {
    let misfit = |source| Misfit {
        register: register.spec.key,
        source,
    };
    let mut decision = Decision::default();
    let judged = (register.judge)(
        &proposal.proposed,
        current.map(|item| item.data),
        proposal.act,
        context,
        &mut decision,
    )
    .map_err(misfit)?;
    if let Err(refusal) = judged {
        return Ok(Err(refusal));
    }
    if !decision.problems.is_empty() {
        return Ok(Err(Refusal::Fields(decision.problems)));
    }
    let mut opened = Map::new();
    for (guard, found) in guarded {
        if let Err(refusal) = guard.check(proposal.act, found, &mut opened) {
            return Ok(Err(refusal));
        }
    }
    let mut personal = proposal.filled.personal;
    merge_keeping_null(&mut personal, &decision.set_personal);
    let mut payload = proposal.proposed;
    merge(&mut payload, &decision.set);
    payload.extend(opened);
    payload.remove("entered_by");
    if proposal.act.side != Side::Contractor {
        let entered_by = if context.side == Side::City {
            "city"
        } else {
            "contractor"
        };
        payload.insert("entered_by".to_owned(), json!(entered_by));
    }
    payload.retain(|field, _| !register.spec.is_personal(field) && !personal.contains_key(field));
    payload.insert(register.spec.id_field.to_owned(), json!(id));
    payload.insert("number".to_owned(), json!(context.number));
    payload.insert("state".to_owned(), json!(proposal.state));
    let event = Event {
        kind: proposal.act.kind.to_owned(),
        payload,
        personal: (!personal.is_empty()).then_some(personal),
    };
    let mut data = current.map(|item| item.data.clone()).unwrap_or_default();
    apply(register, &mut data, &event);
    // A derived value must leave an item that its type can read.
    (register.describe)(&data).map_err(misfit)?;
    Ok(Ok(Allowed {
        event,
        data,
        state: proposal.state,
        also: decision.also,
        warnings: decision.warnings,
        files: proposal.filled.files,
    }))
}

/// The item after one more record.
pub fn apply(register: &Register, data: &mut Map<String, Value>, event: &Event) {
    data.retain(|field, _| register.spec.is_personal(field));
    merge(data, &event.payload);
    if let Some(personal) = &event.personal {
        merge(data, personal);
    }
}

/// The item that its records tell, oldest first; `None` without records.
pub fn fold<'a>(
    register: &Register,
    events: impl IntoIterator<Item = &'a Event>,
) -> Option<Map<String, Value>> {
    let mut data = Map::new();
    for event in events {
        apply(register, &mut data, event);
    }
    (!data.is_empty()).then_some(data)
}

/// Sets fields; `null` clears.
fn merge(into: &mut Map<String, Value>, from: &Map<String, Value>) {
    for (field, value) in from {
        if value.is_null() {
            into.remove(field);
        } else {
            into.insert(field.clone(), value.clone());
        }
    }
}

fn merge_keeping_null(into: &mut Map<String, Value>, from: &Map<String, Value>) {
    for (field, value) in from {
        into.insert(field.clone(), value.clone());
    }
}
