//! A contract from its interesting lines, and facts from one line each.
#![allow(dead_code, reason = "each test binary uses its own part")]
#![allow(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use mamori_contract::engine::{Engine, Fact, PeriodState, State, Verdict};
use mamori_contract::{Contract, Due};
use mamori_kernel::clock::tokyo_instant;
use serde_json::Value;

pub const HEAD: &str = r#"
language = 1
[contract]
id = "test"
name = "試験の契約"
city = "試験市"
term = { from = "2026-04-01", to = "2027-03-31" }
signed_on = "$signed"
city_calendar = "city"
service_hours = "service"
[parameters.signed]
title = "契約締結日"
source = "contract"
question = "契約締結日はいつですか。"
[calendars.law]
title = "土日祝"
weekdays = ["sat", "sun"]
law_holidays = true
[calendars.city]
title = "閉庁日"
weekdays = ["sat", "sun"]
law_holidays = true
ranges = [ { from = "12-29", to = "01-03", title = "年末年始" } ]
[hours.service]
title = "平日8時45分から17時15分まで"
weekdays = ["mon", "tue", "wed", "thu", "fri"]
windows = [ { from = "08:45", to = "17:15" } ]
closed_on = "city"
"#;

/// One duty O-001 with these fields after the head and these other parts.
pub fn contract_with(parts: &str, kind: &str, fields: &str) -> Arc<Contract> {
    let source = format!(
        "{HEAD}\n{parts}\n[[obligation]]\nkey = \"O-001\"\nclause = \"1\"\ntitle = \"試験\"\ntext = \"試験すること。\"\ntype = \"duty\"\nkind = \"{kind}\"\n{fields}\n"
    );
    parse(&source)
}

pub fn contract(kind: &str, fields: &str) -> Arc<Contract> {
    contract_with("", kind, fields)
}

pub fn parse(source: &str) -> Arc<Contract> {
    match Contract::parse("test.toml", source) {
        Ok((contract, _)) => Arc::new(contract),
        Err(report) => panic!("{report}"),
    }
}

/// `2026-10-05T09:30` in Japan.
pub fn at(text: &str) -> Timestamp {
    let text = if text.len() == 10 {
        format!("{text}T12:00")
    } else {
        text.to_owned()
    };
    tokyo_instant(text.parse().unwrap())
}

pub fn day(text: &str) -> Date {
    text.parse().unwrap()
}

/// Facts from (when, kind, payload), numbered in order.
pub fn facts(list: &[(&str, &str, Value)]) -> Vec<Fact> {
    list.iter()
        .enumerate()
        .map(|(index, (when, kind, payload))| Fact {
            seq: index as u64 + 1,
            at: at(when),
            kind: (*kind).to_owned(),
            subject: "test".to_owned(),
            payload: payload.clone(),
        })
        .collect()
}

pub const WRITTEN: &[&str] = &[
    "work.recorded",
    "work.corrected",
    "work.withdrawn",
    "request.received",
    "request.done",
    "question.received",
    "question.answered",
    "approval.requested",
    "approval.granted",
    "approval.refused",
    "consultation.opened",
    "consultation.agreed",
    "attestation.filed",
    "record.filed",
    "document.rendered",
    "document.submitted",
    "document.returned",
    "document.accepted",
    "watch.availability",
    "watch.probe",
    "incident.opened",
    "incident.reported",
    "incident.closed",
    "backup.finished",
    "backup.drill",
    "waf.changed",
    "capacity.mail",
    "a11y.pages",
    "a11y.auto",
    "wordpress.inventory",
    "browser.tested",
    "tls.checked",
    "log.kept",
    "erasure.done",
    "erasure.certificate",
    "subcontract.registered",
    "mail.volume",
    "vulnerability.test",
];

pub fn engine(contract: &Arc<Contract>) -> Engine {
    Engine::new(Arc::clone(contract), WRITTEN.iter().copied())
}

/// The state after facts, as of a moment.
pub fn state(contract: &Arc<Contract>, list: &[(&str, &str, Value)], now: &str) -> State {
    let mut engine = engine(contract);
    for fact in facts(list) {
        if fact.at <= at(now) {
            engine.apply(&fact);
        }
    }
    engine.advance(at(now));
    engine.state("O-001").unwrap()
}

pub fn period<'a>(state: &'a State, name: &str) -> &'a PeriodState {
    if name == "term" {
        return &state.periods[0];
    }
    state
        .period(name.parse().unwrap())
        .unwrap_or_else(|| panic!("no period {name} in {state:#?}"))
}

/// Checks the verdict of one period after facts.
pub fn check(
    contract: &Arc<Contract>,
    list: &[(&str, &str, Value)],
    now: &str,
    name: &str,
    expected: Verdict,
) -> PeriodState {
    let state = state(contract, list, now);
    let found = period(&state, name);
    assert_eq!(found.verdict, expected, "as of {now}: {found:#?}");
    found.clone()
}

/// The due date of O-001 for a period.
pub fn due(contract: &Contract, name: &str) -> Due {
    let all = contract.due(Date::MIN, Date::MAX);
    let wanted = |due: &&Due| name == "term" || due.period.to_string() == name;
    all.iter()
        .find(wanted)
        .unwrap_or_else(|| panic!("no due date for {name} in {all:#?}"))
        .clone()
}

/// Checks a due date written ISO (or `-` for unknown).
pub fn check_due(contract: &Contract, name: &str, expected: &str) -> Due {
    let due = due(contract, name);
    let found = due.due.map_or("-".to_owned(), |day| day.to_string());
    assert_eq!(found, expected, "{due:#?}");
    due
}
