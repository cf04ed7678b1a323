//! Incremental judging equals judging anew; snapshots lose nothing; the clock may jump back.
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::sync::Arc;

use jiff::ToSpan;
use jiff::civil::Date;
use mamori_contract::Contract;
use mamori_contract::engine::{Engine, Fact, State};
use proptest::prelude::*;
use serde_json::{Value, json};
use support::WRITTEN;

fn contract() -> Arc<Contract> {
    let head = support::HEAD;
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/everything.toml");
    support::parse(&format!("{head}{}", std::fs::read_to_string(path).unwrap()))
}

fn date() -> impl Strategy<Value = Date> {
    (0_i64..120).prop_map(|days| Date::constant(2026, 4, 1).checked_add(days.days()).unwrap())
}

/// A kind and payload, dated anywhere in the first months.
fn event() -> impl Strategy<Value = (String, Value)> {
    let id = 0_u8..6;
    let pick = proptest::sample::select(vec![
        "work.recorded",
        "work.corrected",
        "work.withdrawn",
        "incident.opened",
        "incident.reported",
        "incident.closed",
        "document.submitted",
        "document.returned",
        "backup.finished",
        "approval.requested",
        "approval.granted",
        "waf.changed",
        "watch.availability",
        "watch.probe",
        "attestation.filed",
        "attestation.withdrawn",
        "record.filed",
        "a11y.pages",
        "a11y.auto",
        "contract.reading",
        "tls.checked",
        "other.kind",
    ]);
    (pick, id, date(), 0_u32..600, any::<bool>()).prop_map(|(kind, id, day, number, flag)| {
        let month = day.strftime("%Y-%m").to_string();
        let payload = json!({
            "work_id": format!("w{id}"), "incident_id": format!("i{id}"), "attestation_id": format!("t{id}"),
            "approval_id": format!("a{id}"), "gate": "g", "written": flag,
            "date": day.to_string(), "day": day.to_string(), "submitted_on": day.to_string(), "decided_on": day.to_string(),
            "requested_on": day.to_string(), "detected_at": day.to_string(), "reported_at": day.to_string(),
            "minutes": number, "category": if flag { "modify" } else { "fault" }, "start": "16:00", "end": "18:00",
            "document": "report", "period": month, "class": "data", "method": if flag { "full" } else { "differential" },
            "generations": number % 4, "total_minutes": 1440, "down_minutes": number % 30, "seconds": f64::from(number) / 100.0,
            "obligation": "O-008", "issuer": "iDC", "expires_on": day.checked_add(60.days()).unwrap().to_string(),
            "page": format!("/p{id}"), "pages": [format!("/p{id}"), "/p0", "/p1"],
            "note": "A-01", "reading": if flag { "hard" } else { "soft" }, "from": day.to_string(),
            "ok": flag, "not_after": day.checked_add(20.days()).unwrap().to_string(),
        });
        (kind.to_owned(), payload)
    })
}

/// Facts in ledger order: numbers and instants rise, what they tell may be of any day.
fn sequence() -> impl Strategy<Value = Vec<Fact>> {
    proptest::collection::vec((event(), 0_i64..2_000), 1..60).prop_map(|events| {
        let mut at = support::at("2026-04-01T00:00");
        events
            .into_iter()
            .enumerate()
            .map(|(index, ((kind, payload), minutes))| {
                at = at.checked_add(minutes.minutes()).unwrap();
                Fact {
                    seq: index as u64 + 1,
                    at,
                    kind,
                    subject: format!("s{}", index % 3),
                    payload,
                }
            })
            .collect()
    })
}

fn anew(contract: &Arc<Contract>, facts: &[Fact], days: i64) -> Vec<State> {
    let mut engine = Engine::new(Arc::clone(contract), WRITTEN.iter().copied());
    for fact in facts {
        engine.apply(fact);
    }
    finish(&mut engine, facts, days)
}

fn finish(engine: &mut Engine, facts: &[Fact], days: i64) -> Vec<State> {
    let end = facts
        .last()
        .map_or(engine.now(), |fact| fact.at)
        .checked_add((days * 24).hours())
        .unwrap();
    engine.advance(end);
    engine
        .states()
        .iter()
        .map(|state| (**state).clone())
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn incremental_equals_anew(facts in sequence(), asks in proptest::collection::vec(any::<bool>(), 60), days in 0_i64..90) {
        let contract = contract();
        let mut engine = Engine::new(Arc::clone(&contract), WRITTEN.iter().copied());
        for (fact, ask) in facts.iter().zip(asks) {
            if ask {
                // Asking in between forms and keeps verdicts that later facts must undo.
                engine.advance(fact.at);
                engine.states();
            }
            let before = engine.states();
            let touched = engine.apply(fact);
            let after = engine.states();
            if fact.at <= engine.now() && ask {
                for (old, new) in before.iter().zip(&after) {
                    prop_assert!(old == new || touched.contains(&new.key) || fact.at == engine.now() && rolls_up(&contract, &new.key),
                        "{} changed untouched by {}", new.key, fact.kind);
                }
            }
        }
        prop_assert_eq!(finish(&mut engine, &facts, days), anew(&contract, &facts, days));
    }

    #[test]
    fn snapshots_lose_nothing(facts in sequence(), cut in 0_usize..60, days in 0_i64..90) {
        let contract = contract();
        let cut = cut.min(facts.len());
        let mut engine = Engine::new(Arc::clone(&contract), WRITTEN.iter().copied());
        for fact in &facts[..cut] {
            engine.apply(fact);
        }
        let snapshot = engine.snapshot();
        let mut restored = Engine::restore(Arc::clone(&contract), &snapshot).unwrap();
        prop_assert_eq!(restored.snapshot(), snapshot);
        for fact in &facts {
            // Those before the cut are known already and change nothing.
            restored.apply(fact);
        }
        prop_assert_eq!(finish(&mut restored, &facts, days), anew(&contract, &facts, days));
    }

    #[test]
    fn the_clock_may_jump_back(facts in sequence(), days in 0_i64..90) {
        let contract = contract();
        let mut engine = Engine::new(Arc::clone(&contract), WRITTEN.iter().copied());
        for fact in &facts {
            engine.apply(fact);
        }
        engine.advance(support::at("2028-01-01"));
        engine.states();
        prop_assert_eq!(finish(&mut engine, &facts, days), anew(&contract, &facts, days));
    }
}

fn rolls_up(contract: &Contract, key: &str) -> bool {
    contract.latest(key).is_some_and(|obligation| {
        obligation
            .evidence
            .iter()
            .any(|check| matches!(check, mamori_contract::language::Check::Rollup { .. }))
    })
}

#[test]
fn a_snapshot_of_another_contract_is_refused() {
    let one = support::contract("monthly", "evidence = [ { check = \"record\" } ]");
    let other = support::contract(
        "monthly",
        "evidence = [ { check = \"exists\", of = \"work.recorded\" } ]",
    );
    let snapshot = support::engine(&one).snapshot();
    assert!(Engine::restore(Arc::clone(&one), &snapshot).is_ok());
    assert!(Engine::restore(other, &snapshot).is_err());
    assert!(Engine::restore(one, "{").is_err());
}
