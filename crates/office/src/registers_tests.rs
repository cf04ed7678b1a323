//! The registers as data, their state machines as tables, and any sequence of acts.

use std::fmt::Write as _;

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::REGISTERS;
use crate::register::spec::{FieldKind, Side};
use crate::register::trial::Trial;
use crate::register::{ActSpec, FieldSpec, Refusal, Register};

fn register(key: &str) -> &'static Register {
    crate::register(key).unwrap_or_else(|| panic!("no register {key}"))
}

/// Every possible step, as `state -act-> state`; `-` is "no item yet".
#[test]
fn the_machines_are_these() {
    let expected = "
        work: - record recorded; recorded correct recorded; recorded withdraw withdrawn
        request: - receive received; received amend received; estimated amend estimated; approved amend approved; received estimate estimated; estimated estimate estimated; estimated approve approved; received finish done; approved finish done; done return approved; done accept accepted; received withdraw withdrawn; estimated withdraw withdrawn; approved withdraw withdrawn
        question: - receive received; received answer answered; answered answer answered; received withdraw withdrawn; answered withdraw withdrawn
        approval: - request requested; requested grant granted; granted confirm granted; requested refuse refused; requested withdraw withdrawn; granted withdraw withdrawn
        consultation: - open opened; opened agree agreed; opened close closed
        attestation: - file filed; - exempt filed; filed accept accepted; filed withdraw withdrawn; accepted withdraw withdrawn
        subcontract: - register registered; registered end ended
        training: - hold held; held correct held; held withdraw withdrawn
        measure: - plan planned; planned put_in_place in_place; in_place confirm in_place; planned end ended; in_place end ended
        handover: - hand done; done receive received; done withdraw withdrawn
        record: - file filed; filed withdraw withdrawn
        asset: - register registered; registered change registered; registered retire retired
        media: - register registered; registered return returned; registered erase erased";
    let mut actual = String::new();
    for register in &REGISTERS {
        let mut steps = Vec::new();
        for act in register.spec.acts {
            if act.opens() {
                steps.push(format!(
                    "- {} {}",
                    act.name,
                    act.to.expect("an opening act names the state")
                ));
            }
            for from in act.from {
                steps.push(format!("{from} {} {}", act.name, act.to.unwrap_or(from)));
            }
        }
        let _ = write!(
            actual,
            "\n        {}: {}",
            register.spec.key,
            steps.join("; ")
        );
    }
    assert_eq!(actual, expected);
}

#[test]
fn descriptions_are_consistent() {
    let mut keys = std::collections::BTreeSet::new();
    for register in &REGISTERS {
        let spec = register.spec;
        assert!(keys.insert(spec.key), "{} twice", spec.key);
        let states: Vec<&str> = spec.states.iter().map(|(key, _)| *key).collect();
        for act in spec.acts {
            let named = act.from.iter().chain(act.to.iter());
            for state in named {
                assert!(
                    states.contains(state),
                    "{}.{}: unknown state {state}",
                    spec.key,
                    act.name
                );
            }
            assert!(
                !act.opens() || act.to.is_some(),
                "{}.{}",
                spec.key,
                act.name
            );
            let mut fields = std::collections::BTreeSet::new();
            for field in act.fields {
                assert!(
                    fields.insert(field.name),
                    "{}.{}: {} twice",
                    spec.key,
                    act.name,
                    field.name
                );
                assert_eq!(
                    field.personal,
                    spec.is_personal(field.name),
                    "{}: {} is personal in one act and not in another",
                    spec.key,
                    field.name
                );
                // A field of names or of a person must never reach the chain.
                if field.name.ends_with("_name") || field.name.ends_with("_names") {
                    assert!(field.personal, "{}.{}: {}", spec.key, act.name, field.name);
                }
            }
        }
        for state in states {
            let reachable = spec.acts.iter().any(|act| act.to == Some(state));
            assert!(reachable, "{}: nothing leads to {state}", spec.key);
        }
    }
}

/// A value that the field's kind takes; `day` counts days since 2026-10-01.
fn value(register: &Register, field: &FieldSpec, day: u32) -> Value {
    match (register.spec.key, field.name) {
        (_, "category") => return json!("site-correction"),
        (_, "obligation") => return json!("O-107"),
        ("approval", "gate") => return json!("chat-change"),
        ("consultation", "gate") => return json!("a11y-pages"),
        (_, "reading") => return json!("wide"),
        (_, "note") if register.spec.key == "consultation" => return json!("A-07"),
        (_, "outside_hours_reason") => return json!("緊急対応"),
        (_, "core") => return json!(false),
        (_, "starts_on") => return json!("2026-10-01"),
        _ => {}
    }
    match field.kind {
        FieldKind::Date => json!(format!("2026-10-{:02}", 1 + day.min(28))),
        FieldKind::Time => json!("10:00"),
        FieldKind::Minutes => json!("1:30"),
        FieldKind::Count => json!(2),
        FieldKind::Text(_) => json!("てすと 本文"),
        FieldKind::Bool => json!("はい"),
        FieldKind::Choice(choices) => json!(choices[0].0),
        FieldKind::Names => json!(["佐藤 花子", "鈴木 一郎"]),
        FieldKind::Rows(fields) => {
            let row: Map<String, Value> = fields
                .iter()
                .filter(|field| !matches!(field.kind, FieldKind::File))
                .map(|field| (field.name.to_owned(), value(register, field, day)))
                .collect();
            json!([row])
        }
        FieldKind::File => json!({
            "name": "資料.pdf", "media_type": "application/pdf", "sha256": "ab".repeat(32)
        }),
    }
}

/// A form of the act: all required fields, and the optional ones that `mask` picks. Fields that
/// only make sense together are left to the registers' own tests.
fn form(register: &Register, act: &ActSpec, mask: u32, day: u32) -> Value {
    const TOGETHER: &[&str] = &[
        "start",
        "end",
        "hours",
        "request",
        "counts_as",
        "valid_until",
        "answered_at",
        "received_at",
        "expires_on",
        "review_on",
        "ends_on",
    ];
    let mut fields: Map<String, Value> = act
        .fields
        .iter()
        .enumerate()
        .filter(|(index, field)| {
            field.required || (mask >> (index % 32) & 1 == 1 && !TOGETHER.contains(&field.name))
        })
        .map(|(index, field)| {
            let clear = !field.required && (mask >> ((index + 7) % 32)) & 3 == 3;
            let value = if clear {
                Value::Null
            } else {
                value(register, field, day)
            };
            (field.name.to_owned(), value)
        })
        .collect();
    if act.name == "record" && register.spec.key == "work" {
        fields.insert("hours".to_owned(), json!("0.5"));
    }
    Value::Object(fields)
}

/// Opens the gate of sub-contracts.
fn approve_subcontract(trial: &mut Trial) {
    let approval = register("approval");
    let id = trial
        .act(
            approval,
            None,
            "request",
            json!({"gate": "subcontract", "about": "てすと 本文", "requested_on": "2026-09-01"}),
        )
        .expect("is asked");
    trial
        .act(
            approval,
            Some(&id),
            "grant",
            json!({"decided_on": "2026-09-05", "how": "paper"}),
        )
        .expect("is granted");
}

/// Each act in each state: allowed exactly where the table says, and refused with words that
/// name the state and what is possible.
#[test]
fn acts_are_possible_exactly_in_their_states() {
    for register in &REGISTERS {
        let spec = register.spec;
        for (state, state_ja) in spec.states {
            for act in spec.acts.iter().filter(|act| !act.opens()) {
                let mut trial = Trial::new();
                approve_subcontract(&mut trial);
                let (id, day) = walk_to(&mut trial, register, state);
                let outcome = trial.act(register, Some(&id), act.name, form(register, act, 0, day));
                if act.from.contains(state) {
                    outcome.unwrap_or_else(|refusal| {
                        panic!("{}: {state} {}: {refusal}", spec.key, act.name)
                    });
                    let after = &trial.row(&id).state;
                    assert_eq!(after, act.to.unwrap_or(state), "{} {}", spec.key, act.name);
                } else {
                    let refusal = outcome.expect_err("not possible here");
                    assert!(
                        matches!(refusal, Refusal::State { .. }),
                        "{}: {state} {}: {refusal}",
                        spec.key,
                        act.name
                    );
                    let text = refusal.to_string();
                    assert!(
                        text.contains(state_ja) && text.contains(act.title_ja),
                        "{text}"
                    );
                    for possible in spec.possible(Some(state)) {
                        assert!(text.contains(possible.title_ja), "{text}");
                    }
                    assert_eq!(
                        trial.row(&id).state,
                        *state,
                        "a refused act changes nothing"
                    );
                }
            }
        }
    }
}

/// Brings a new item to a state by the shortest way of the table.
fn walk_to(trial: &mut Trial, register: &Register, goal: &str) -> (String, u32) {
    let spec = register.spec;
    let mut ways: Vec<Vec<&'static ActSpec>> = spec.possible(None).map(|act| vec![act]).collect();
    let way = loop {
        let at = |way: &[&'static ActSpec]| {
            way.last()
                .and_then(|act| act.to)
                .expect("a way ends in a state")
        };
        if let Some(way) = ways.iter().find(|way| at(way) == goal) {
            break way.clone();
        }
        assert!(ways[0].len() < 8, "{}: no way to {goal}", spec.key);
        ways = ways
            .iter()
            .flat_map(|way| {
                spec.possible(Some(at(way)))
                    .filter(|act| act.to.is_some_and(|to| to != at(way)))
                    .map(|act| [way.as_slice(), &[act]].concat())
                    .collect::<Vec<_>>()
            })
            .collect();
    };
    let mut id = None;
    for (day, act) in (0_u32..).zip(&way) {
        let form = form(register, act, 0, day);
        let done = trial.act(register, id.as_deref(), act.name, form);
        id = Some(done.unwrap_or_else(|refusal| panic!("{} {}: {refusal}", spec.key, act.name)));
    }
    (
        id.expect("a way opens an item"),
        u32::try_from(way.len()).expect("short"),
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Any sequence of acts on any register: the row is the fold of its evidence and no personal
    /// value is in a payload (asserted by every act of the trial); a refused act leaves no trace.
    #[test]
    fn rows_are_the_fold_of_their_evidence(
        which in 0..REGISTERS.len(),
        steps in proptest::collection::vec((0_usize..12, any::<u32>(), any::<bool>()), 1..14),
    ) {
        let register = &REGISTERS[which];
        let mut trial = Trial::new();
        approve_subcontract(&mut trial);
        let mut item: Option<String> = None;
        for (day, (pick, mask, city)) in (0_u32..).zip(steps) {
            trial.side = if city { Side::City } else { Side::Contractor };
            let acts: Vec<&ActSpec> = register.spec.acts.iter().filter(|act| act.opens() == item.is_none()).collect();
            if acts.is_empty() {
                break;
            }
            let act = acts[pick % acts.len()];
            let before = (trial.rows.clone(), trial.ledger.len());
            let outcome = trial.act(register, item.as_deref(), act.name, form(register, act, mask, day));
            if let Ok(id) = outcome {
                prop_assert!(trial.ledger.len() > before.1);
                let written = &trial.ledger[before.1].1;
                prop_assert_eq!(&written.kind, act.kind);
                prop_assert_eq!(written.payload.contains_key("entered_by"), act.side != Side::Contractor);
                let chain = Value::Object(written.payload.clone()).to_string();
                prop_assert!(!chain.contains("佐藤") && !chain.contains("鈴木"));
                item = Some(id);
            } else {
                prop_assert_eq!(&trial.rows, &before.0);
                prop_assert_eq!(trial.ledger.len(), before.1);
            }
        }
    }
}
