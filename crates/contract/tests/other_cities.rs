//! Invented contracts of other bodies: expressed as data alone, judged by the same engine.
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::sync::Arc;

use mamori_contract::Contract;
use mamori_contract::engine::{Engine, Verdict};
use serde_json::{Value, json};
use support::{WRITTEN, at, day, facts};

fn load(name: &str) -> Arc<Contract> {
    let path = format!("{}/testdata/{name}", env!("CARGO_MANIFEST_DIR"));
    support::parse(&std::fs::read_to_string(path).unwrap())
}

fn dues(contract: &Contract, key: &str) -> Vec<(String, String)> {
    contract
        .due(day("2025-01-01"), day("2029-01-01"))
        .into_iter()
        .filter(|due| due.obligation == key)
        .map(|due| {
            (
                due.period.to_string(),
                due.due.map_or("-".into(), |day| day.to_string()),
            )
        })
        .collect()
}

fn verdict(
    contract: &Arc<Contract>,
    list: &[(&str, &str, Value)],
    now: &str,
    key: &str,
    period: &str,
) -> Verdict {
    let mut engine = Engine::new(Arc::clone(contract), WRITTEN.iter().copied());
    for fact in facts(list) {
        engine.apply(&fact);
    }
    engine.advance(at(now));
    let state = engine.state(key).unwrap();
    let found = state.period(period.parse().unwrap());
    found
        .unwrap_or_else(|| panic!("no {period} in {state:#?}"))
        .verdict
}

#[test]
fn quarterly_report_rolls_backward_over_the_towns_own_days() {
    let contract = load("quarterly-town.toml");
    let expected = [
        ("2025-Q1", "2025-07-15"),
        ("2025-Q2", "2025-10-15"),
        ("2025-Q3", "2026-01-15"),
        ("2025-Q4", "2026-04-15"),
    ];
    let found = dues(&contract, "O-001");
    let found: Vec<(&str, &str)> = found
        .iter()
        .map(|(a, b)| (a.as_str(), b.as_str()))
        .collect();
    assert_eq!(found, expected);
    let completion = dues(&contract, "O-009");
    assert_eq!(completion, [("FY2025".to_owned(), "2026-04-10".to_owned())]);
}

#[test]
fn availability_with_proved_stops_and_money() {
    let contract = load("quarterly-town.toml");
    let told = |down: u32, planned: u32, proof: &str| {
        let mut payload = json!({ "day": "2025-05-10", "total_minutes": 131_040, "down_minutes": down, "planned_minutes": planned });
        if !proof.is_empty() {
            payload["approval_id"] = proof.into();
        }
        vec![("2025-05-10", "watch.availability", payload)]
    };
    assert_eq!(
        verdict(
            &contract,
            &told(655, 0, ""),
            "2025-07-02",
            "O-002",
            "2025-Q1"
        ),
        Verdict::Met
    );
    assert_eq!(
        verdict(
            &contract,
            &told(656, 0, ""),
            "2025-07-02",
            "O-002",
            "2025-Q1"
        ),
        Verdict::NotMet
    );
    assert_eq!(
        verdict(
            &contract,
            &told(1000, 600, "s1"),
            "2025-07-02",
            "O-002",
            "2025-Q1"
        ),
        Verdict::Met
    );
    assert_eq!(
        verdict(
            &contract,
            &told(1000, 600, ""),
            "2025-07-02",
            "O-002",
            "2025-Q1"
        ),
        Verdict::NotMet
    );
}

#[test]
fn hours_from_monday_to_saturday_holidays_in() {
    let contract = load("quarterly-town.toml");
    let incident = |opened: &'static str, closed: &'static str| {
        [
            (opened, "incident.opened", json!({ "incident_id": "i" })),
            (closed, "incident.closed", json!({ "incident_id": "i" })),
        ]
    };
    // Saturday 17:00 + 4 service hours = Monday 12:00; the holiday Monday 2025-05-05 counts.
    assert_eq!(
        verdict(
            &contract,
            &incident("2025-05-03T17:00", "2025-05-05T12:00"),
            "2025-05-10",
            "O-004",
            "2025-05"
        ),
        Verdict::Met
    );
    assert_eq!(
        verdict(
            &contract,
            &incident("2025-05-03T17:00", "2025-05-05T13:01"),
            "2025-05-10",
            "O-004",
            "2025-05"
        ),
        Verdict::NotMet
    );
    let question = |asked: &'static str, answered: &'static str| {
        [
            (asked, "question.received", json!({ "question_id": "q" })),
            (answered, "question.answered", json!({ "question_id": "q" })),
        ]
    };
    assert_eq!(
        verdict(
            &contract,
            &question("2025-05-08T10:00", "2025-05-08T18:00"),
            "2025-05-31",
            "O-003",
            "2025-05"
        ),
        Verdict::Met
    );
    assert_eq!(
        verdict(
            &contract,
            &question("2025-05-10T14:00", "2025-05-12T12:00"),
            "2025-05-31",
            "O-003",
            "2025-05"
        ),
        Verdict::Met
    );
    assert_eq!(
        verdict(
            &contract,
            &question("2025-05-10T14:00", "2025-05-12T12:01"),
            "2025-05-31",
            "O-003",
            "2025-05"
        ),
        Verdict::NotMet
    );
}

#[test]
fn penalty_points_and_visits() {
    let contract = load("quarterly-town.toml");
    let item = |on: &'static str, item: &str| {
        (
            on,
            "record.filed",
            json!({ "obligation": "O-005", "day": on, "item": item }),
        )
    };
    let list = [item("2025-05-01", "late"), item("2025-06-01", "late")];
    assert_eq!(
        verdict(&contract, &list, "2025-06-02", "O-005", "2025-06"),
        Verdict::Met
    );
    let more = [
        item("2025-05-01", "late"),
        item("2025-06-01", "late"),
        item("2025-06-10", "stop"),
    ];
    assert_eq!(
        verdict(&contract, &more, "2025-06-11", "O-005", "2025-06"),
        Verdict::NotMet
    );
    let visit = |on: &'static str, job: &str| {
        (
            on,
            "visit.made",
            json!({ "visit_id": on, "visited_on": on, "job": job }),
        )
    };
    let few = [
        visit("2025-05-01", "点検"),
        visit("2025-11-01", "サーバ更新"),
    ];
    assert_eq!(
        verdict(&contract, &few, "2026-04-01", "O-006", "FY2025"),
        Verdict::Met
    );
    let many = [
        visit("2025-05-01", "サーバ更新"),
        visit("2025-11-01", "サーバ更新"),
        visit("2025-12-01", "点検"),
    ];
    assert_eq!(
        verdict(&contract, &many, "2026-04-01", "O-006", "FY2025"),
        Verdict::NotMet
    );
    assert_eq!(
        verdict(&contract, &few[..1], "2026-04-01", "O-006", "FY2025"),
        Verdict::NotMet,
        "no visit in the second half"
    );
}

#[test]
fn planned_stops_need_writing_and_notice() {
    let contract = load("quarterly-town.toml");
    let stop = (
        "2026-01-13",
        "stop.planned",
        json!({ "stop_id": "s", "stops_on": "2026-01-13", "approval_id": "a" }),
    );
    let approved = |written: bool| {
        (
            "2025-12-20",
            "approval.granted",
            json!({ "approval_id": "a", "gate": "stop", "written": written }),
        )
    };
    let told = |on: &'static str| {
        (
            on,
            "request.received",
            json!({ "stop_id": "s", "received_on": on }),
        )
    };
    assert_eq!(
        verdict(
            &contract,
            &[approved(true), stop.clone()],
            "2026-01-14",
            "O-007",
            "2026-01"
        ),
        Verdict::Met
    );
    assert_eq!(
        verdict(
            &contract,
            &[approved(false), stop.clone()],
            "2026-01-14",
            "O-007",
            "2026-01"
        ),
        Verdict::NotMet
    );
    // The town is closed 12-31 to 01-05 and on 01-12: five open days before 01-13 is 12-30 … 01-06.
    assert_eq!(
        verdict(
            &contract,
            &[told("2026-01-06"), stop.clone()],
            "2026-01-14",
            "O-008",
            "2026-01"
        ),
        Verdict::NotMet
    );
    assert_eq!(
        verdict(
            &contract,
            &[told("2025-12-30"), stop],
            "2026-01-14",
            "O-008",
            "2026-01"
        ),
        Verdict::Met
    );
}

#[test]
fn month_end_backward_with_closures_of_their_own() {
    let contract = load("winter-closure.toml");
    let found = dues(&contract, "O-001");
    let of = |period: &str| {
        found
            .iter()
            .find(|(name, _)| name == period)
            .map(|(_, day)| day.as_str())
            .unwrap()
    };
    assert_eq!(of("2026-06"), "2026-06-29", "one-off closure");
    assert_eq!(of("2026-12"), "2026-12-28");
    assert_eq!(of("2026-10"), "2026-10-30");
    // From the change on: the 7th of the next month; the summer closure holds from 2027.
    assert_eq!(of("2027-03"), "2027-03-31");
    assert_eq!(of("2027-04"), "2027-05-07");
    assert_eq!(of("2027-12"), "2028-01-07");
    assert_eq!(found.len(), 24);
}

#[test]
fn an_unknown_contract_date_is_said() {
    let contract = load("winter-closure.toml");
    let due = contract.due(day("2026-04-01"), day("2026-04-30"));
    let plan = due.iter().find(|due| due.obligation == "O-002").unwrap();
    assert_eq!(plan.due, None);
    assert!(
        plan.unknown
            .as_deref()
            .unwrap()
            .contains("契約書の日付を教えてください。")
    );
}

#[test]
fn a_change_ends_and_begins_duties_and_moves_parameters() {
    let contract = load("winter-closure.toml");
    let question = |asked: &'static str, answered: &'static str| {
        [
            (asked, "question.received", json!({ "question_id": "q" })),
            (answered, "question.answered", json!({ "question_id": "q" })),
        ]
    };
    assert_eq!(
        verdict(
            &contract,
            &question("2027-03-01", "2027-03-06"),
            "2027-05-01",
            "O-003",
            "2027-03"
        ),
        Verdict::NotMet
    );
    assert_eq!(
        verdict(
            &contract,
            &question("2027-04-01", "2027-04-06"),
            "2027-05-01",
            "O-003",
            "2027-04"
        ),
        Verdict::Met
    );
    let sub = [(
        "2026-05-01",
        "subcontract.registered",
        json!({ "subcontract_id": "s", "starts_on": "2026-05-01" }),
    )];
    assert_eq!(
        verdict(&contract, &sub, "2026-06-01", "O-004", "2026-05"),
        Verdict::NotMet
    );
    let mut engine = Engine::new(Arc::clone(&contract), WRITTEN.iter().copied());
    engine.advance(at("2027-06-01"));
    let ended = engine.state("O-004").unwrap();
    assert!(
        ended.period("2027-04".parse().unwrap()).is_none(),
        "no state after its end"
    );
    assert!(ended.period("2027-03".parse().unwrap()).is_some());
    let begun = engine.state("O-005").unwrap();
    assert!(
        begun.period("2027-03".parse().unwrap()).is_none(),
        "no state before its beginning"
    );
    assert!(begun.period("2027-04".parse().unwrap()).is_some());
}
