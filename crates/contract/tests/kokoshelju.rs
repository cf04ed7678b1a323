//! The real contract, `contracts/kokoshelju-r8.toml`: nothing of the 仕様書 is lost in it, what it
//! quotes stands in the text, and its dates are those counted by hand.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use jiff::Timestamp;
use jiff::civil::{Date, date};
use mamori_contract::due::Due;
use mamori_contract::engine::{Engine, Fact, PeriodState, Verdict};
use mamori_contract::language::{ContractFile, Kind, Obligation, Reach, Type};
use mamori_contract::model::Contract;
use mamori_contract::parse::diagnostics::Severity;
use mamori_contract::parse::parse;
use mamori_kernel::clock::tokyo_instant;
use serde_json::{Value, json};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn source() -> &'static str {
    static TEXT: OnceLock<String> = OnceLock::new();
    TEXT.get_or_init(|| {
        fs::read_to_string(repository().join("contracts/kokoshelju-r8.toml"))
            .expect("the contract file is in the repository")
    })
}

fn file() -> &'static ContractFile {
    static FILE: OnceLock<ContractFile> = OnceLock::new();
    FILE.get_or_init(|| match parse("contracts/kokoshelju-r8.toml", source()) {
        Ok((file, _)) => file,
        Err(report) => panic!("{report}"),
    })
}

fn obligations() -> impl Iterator<Item = &'static Obligation> {
    file()
        .obligation
        .iter()
        .filter(|each| each.type_.is_judged())
}

fn row(key: &str) -> &'static Obligation {
    file()
        .obligation
        .iter()
        .find(|each| each.key == key)
        .unwrap_or_else(|| panic!("{key} is in the contract"))
}

#[test]
fn it_reads_without_errors_and_without_warnings() {
    match parse("contracts/kokoshelju-r8.toml", source()) {
        Err(report) => panic!("{report}"),
        Ok((_, report)) => {
            let warnings: Vec<_> = report
                .diagnostics
                .iter()
                .filter(|each| each.severity == Severity::Warning)
                .collect();
            assert!(warnings.is_empty(), "{report}");
        }
    }
}

#[test]
fn every_row_is_there_exactly_once_and_in_the_order_of_the_text() {
    let keys: Vec<String> = file()
        .obligation
        .iter()
        .map(|each| each.key.clone())
        .collect();
    let expected: Vec<String> = (1..=160).map(|number| format!("O-{number:03}")).collect();
    assert_eq!(keys, expected);
}

#[test]
fn there_are_149_obligations_nine_rules_and_two_permissions() {
    let count = |type_: Type| {
        file()
            .obligation
            .iter()
            .filter(|each| each.type_ == type_)
            .count()
    };
    assert_eq!((count(Type::Duty), count(Type::Prohibition)), (145, 4));
    assert_eq!((count(Type::Rule), count(Type::Permission)), (9, 2));
    assert_eq!(obligations().count(), 149);

    let kind = |kind: Kind| obligations().filter(|each| each.kind == kind).count();
    assert_eq!(
        [
            Kind::Continuous,
            Kind::Conditional,
            Kind::OneOff,
            Kind::PerEvent,
            Kind::Monthly,
            Kind::Yearly
        ]
        .map(kind),
        [76, 27, 21, 12, 8, 5]
    );
}

#[test]
fn the_reach_of_every_part_agrees_with_the_count_by_hand() {
    let reach = |part: fn(&Obligation) -> bool| {
        [Reach::A, Reach::S, Reach::H, Reach::X].map(|reach| {
            obligations()
                .filter(|each| part(each) && each.reach == Some(reach))
                .count()
        })
    };
    assert_eq!(reach(|_| true), [50, 53, 18, 28]);
    assert_eq!(
        reach(|each| !each.clause.starts_with("別紙")),
        [35, 47, 15, 9]
    );
    assert_eq!(
        reach(|each| each.clause.starts_with("別紙2")),
        [12, 5, 3, 19]
    );
    assert_eq!(reach(|each| each.clause.starts_with("別紙3")), [3, 1, 0, 0]);
}

#[test]
fn quoted_texts_stand_in_the_specification() {
    let path = repository().join("../shared/contract/specification-ja.txt");
    let Ok(specification) = fs::read_to_string(&path) else {
        eprintln!(
            "SKIPPED: 仕様書 not found at ../shared/contract/specification-ja.txt; quotations were NOT compared"
        );
        return;
    };
    let squeeze = |text: &str| {
        text.chars()
            .filter(|each| !each.is_whitespace())
            .collect::<String>()
    };
    let specification = squeeze(&specification);
    let mut missing = Vec::new();
    for each in &file().obligation {
        for fragment in each.text.split('…') {
            let fragment = squeeze(fragment);
            if fragment.is_empty() || !specification.contains(&fragment) {
                missing.push(format!("{}: {fragment}", each.key));
            }
        }
    }
    assert!(
        missing.is_empty(),
        "not in the 仕様書:\n{}",
        missing.join("\n")
    );
}

#[test]
fn rows_agree_with_the_table_counted_by_hand() {
    let path = repository().join("../shared/contract/obligations.md");
    let Ok(table) = fs::read_to_string(&path) else {
        eprintln!(
            "SKIPPED: ../shared/contract/obligations.md not found; clauses, kinds and reach were NOT compared row by row"
        );
        return;
    };
    let mut rows = 0;
    for line in table.lines().filter(|line| line.starts_with("| O-")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [key, clause, type_, kind, .., reach] = cells[..] else {
            panic!("a row of twelve or more cells: {line}")
        };
        let each = row(key);
        let words = serde_json::to_value(each).expect("an obligation serializes");
        assert_eq!(each.clause, clause, "{key}");
        let letter = match each.type_ {
            Type::Duty => "D",
            Type::Prohibition => "P",
            Type::Rule => "U",
            Type::Permission => "R",
        };
        assert_eq!(letter, type_, "{key}");
        assert_eq!(
            words["kind"].as_str(),
            Some(kind.replace(' ', "-").as_str()),
            "{key}"
        );
        assert_eq!(words["reach"].as_str(), Some(reach), "{key}");
        rows += 1;
    }
    assert_eq!(rows, 160);
}

#[test]
fn every_obligation_can_be_shown_by_something() {
    for each in obligations() {
        assert!(
            !each.evidence.is_empty()
                || !each.thresholds.is_empty()
                || each.counter.is_some()
                || !each.gates.is_empty(),
            "{} has no evidence, threshold, counter or gate",
            each.key
        );
    }
}

#[test]
fn what_is_outside_software_rests_on_attestations_alone() {
    for each in obligations().filter(|each| each.reach == Some(Reach::X)) {
        let words = serde_json::to_value(each).expect("an obligation serializes");
        let checks: Vec<&str> = words["evidence"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|one| one["check"].as_str())
            .collect();
        assert_eq!(checks, ["attestation"], "{}", each.key);
        assert!(
            each.thresholds.iter().all(|one| one.guide),
            "{}: a 目安 must not decide",
            each.key
        );
    }
}

#[test]
fn all_twenty_ambiguities_ask_the_city_and_are_named_by_the_rows_they_affect() {
    let keys: Vec<&str> = file()
        .ambiguity
        .iter()
        .map(|each| each.key.as_str())
        .collect();
    let expected: Vec<String> = (1..=20).map(|number| format!("A-{number:02}")).collect();
    assert_eq!(keys, expected);

    let mut named: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for each in &file().obligation {
        for note in &each.notes {
            named.entry(note).or_default().insert(&each.key);
        }
    }
    for each in &file().ambiguity {
        let affects: BTreeSet<&str> = each.affects.iter().map(String::as_str).collect();
        assert!(!affects.is_empty(), "{} affects nothing", each.key);
        assert_eq!(
            named.get(each.key.as_str()),
            Some(&affects),
            "{}: affects and notes differ",
            each.key
        );
        let question = each.question.as_deref().unwrap_or_default();
        assert!(
            question.ends_with('。'),
            "{} has no question to the city",
            each.key
        );
        for reading in &each.reading {
            for key in reading.patch.keys() {
                assert!(
                    affects.contains(key.as_str()),
                    "{} patches {key} without naming it",
                    each.key
                );
            }
        }
    }
}

#[test]
fn readings_stand_where_a_verdict_or_a_date_hangs_on_them() {
    let open: Vec<&str> = file()
        .ambiguity
        .iter()
        .filter(|each| {
            each.reading.iter().any(|one| {
                !one.patch.is_empty() || !one.parameters.is_empty() || !one.categories.is_empty()
            })
        })
        .map(|each| each.key.as_str())
        .collect();
    assert_eq!(
        open,
        [
            "A-03", "A-04", "A-05", "A-06", "A-07", "A-09", "A-10", "A-12", "A-13", "A-16"
        ]
    );
    for each in &file().ambiguity {
        assert_ne!(each.reading.len(), 1, "{}", each.key);
        assert_eq!(
            each.working.is_some(),
            !each.reading.is_empty(),
            "{}",
            each.key
        );
    }
}

#[test]
fn values_that_the_text_does_not_give_are_marked_unconfirmed_with_a_question() {
    for (name, parameter) in &file().parameters {
        let source =
            serde_json::to_value(parameter).expect("a parameter serializes")["source"].clone();
        if source == "assumption"
            || source == "plan"
            || source == "national-rule"
            || source == "city-policy"
        {
            assert!(
                !parameter.confirmed,
                "{name} comes from {source} and cannot be confirmed"
            );
            assert!(
                parameter.question.is_some(),
                "{name} needs a question to the city"
            );
        }
    }
    assert!(file().parameters.contains_key("signed_on"));
}

fn contract(source: &str) -> Contract {
    match Contract::parse("contracts/kokoshelju-r8.toml", source) {
        Ok((contract, _)) => contract,
        Err(report) => panic!("{report}"),
    }
}

/// Every due date of the contract, also those after its term.
fn all_due(source: &str) -> Vec<Due> {
    contract(source).due(date(2026, 4, 1), date(2027, 12, 31))
}

/// Month, due date, and whether the 10th was closed, as counted by hand from the calendar.
const MONTHLY: [(&str, Date, bool); 11] = [
    ("2026-04", date(2026, 5, 11), true),
    ("2026-05", date(2026, 6, 10), false),
    ("2026-06", date(2026, 7, 10), false),
    ("2026-07", date(2026, 8, 10), false), // 山の日 is 8/11; the 10th is an ordinary Monday
    ("2026-08", date(2026, 9, 10), false),
    ("2026-09", date(2026, 10, 13), true), // Saturday, Sunday, スポーツの日
    ("2026-10", date(2026, 11, 10), false),
    ("2026-11", date(2026, 12, 10), false),
    ("2026-12", date(2027, 1, 12), true), // Sunday, 成人の日
    ("2027-01", date(2027, 2, 10), false),
    ("2027-02", date(2027, 3, 10), false),
];

#[test]
fn both_monthly_reports_are_due_on_the_days_counted_by_hand() {
    let all = all_due(source());
    for (key, march) in [("O-065", date(2027, 4, 12)), ("O-099", date(2027, 3, 31))] {
        let rows: Vec<&Due> = all.iter().filter(|due| due.obligation == key).collect();
        assert_eq!(rows.len(), 12, "{key}");
        for (row, (period, day, moved)) in rows.iter().zip(MONTHLY) {
            assert_eq!(
                (row.period.to_string().as_str(), row.due),
                (period, Some(day)),
                "{key}"
            );
            assert_eq!(
                row.reason.is_some(),
                moved,
                "{key} {period}: {:?}",
                row.reason
            );
        }
        let last = rows[11];
        assert_eq!(
            (last.period.to_string().as_str(), last.due),
            ("2027-03", Some(march)),
            "{key}"
        );
        assert_eq!(last.after_term, key == "O-065");
    }
}

#[test]
fn all_other_dated_duties_are_those_of_the_text() {
    let found: Vec<(String, Option<Date>, bool)> = all_due(source())
        .into_iter()
        .filter(|due| due.obligation != "O-065" && due.obligation != "O-099")
        .map(|due| (due.obligation, due.due, due.soft.is_some()))
        .collect();
    let hard = |key: &str, day| (key.to_owned(), Some(day), false);
    let soft = |key: &str, day| (key.to_owned(), Some(day), true);
    let (checks, report, end) = (date(2027, 2, 19), date(2027, 3, 5), date(2027, 3, 31));
    let expected = vec![
        soft("O-045", date(2026, 4, 1)),
        soft("O-059", date(2026, 4, 1)),
        hard("O-156", date(2026, 4, 8)),
        hard("O-155", date(2026, 9, 30)),
        soft("O-072", checks),
        soft("O-073", checks),
        soft("O-074", checks),
        soft("O-075", checks),
        soft("O-076", checks),
        soft("O-077", checks),
        hard("O-078", checks),
        hard("O-079", checks),
        hard("O-080", report),
        hard("O-081", report),
        hard("O-083", report),
        hard("O-070", end),
        hard("O-071", end),
        hard("O-082", end),
        hard("O-084", end),
        hard("O-085", end),
        hard("O-086", end),
        hard("O-091", end),
        hard("O-092", end),
        hard("O-101", end),
        hard("O-107", end),
        hard("O-113", end),
    ];
    assert_eq!(found, expected);
}

#[test]
fn dates_that_hang_on_a_reading_show_the_other_date() {
    let all = all_due(source());
    let others = |key: &str, period: &str| -> Vec<(String, Option<Date>)> {
        let row = all
            .iter()
            .find(|due| {
                due.obligation == key && (period.is_empty() || due.period.to_string() == period)
            })
            .unwrap_or_else(|| panic!("{key} {period} is due"));
        row.other_readings
            .iter()
            .map(|other| (other.note.clone(), other.due))
            .collect()
    };
    assert_eq!(
        others("O-065", "2027-03"),
        [("A-03".to_owned(), Some(date(2027, 3, 31)))]
    );
    assert_eq!(others("O-065", "2026-10"), []);
    assert_eq!(
        others("O-082", ""),
        [("A-10".to_owned(), Some(date(2027, 3, 5)))]
    );
    assert_eq!(
        others("O-156", ""),
        [("A-16".to_owned(), Some(date(2026, 4, 7)))]
    );
}

#[test]
fn the_change_plan_hangs_on_the_day_of_signing_and_nothing_is_guessed_without_it() {
    let plan = |source: &str| {
        let row = all_due(source)
            .into_iter()
            .find(|due| due.obligation == "O-156")
            .expect("O-156 is listed");
        (row.due, row.unknown)
    };
    let line = "value = \"2026-04-01\"\n";
    assert_eq!(
        source().matches(line).count(),
        1,
        "the assumed day of signing stands once"
    );
    assert_eq!(
        plan(&source().replace(line, "value = \"2026-04-10\"\n")),
        (Some(date(2026, 4, 17)), None)
    );
    let (due, unknown) = plan(&source().replace(line, ""));
    assert_eq!(due, None);
    assert!(unknown.is_some_and(|text| text.contains("契約締結日")));
}

/// The contract in force with every kind of evidence written, at noon of a day.
struct Trial {
    engine: Engine,
    seq: u64,
}

impl Trial {
    fn new() -> Self {
        let contract = contract(source());
        let kinds: Vec<String> = contract.kinds.names().map(str::to_owned).collect();
        Self {
            engine: Engine::new(Arc::new(contract), kinds),
            seq: 0,
        }
    }

    fn record(&mut self, day: Date, kind: &str, payload: Value) {
        self.seq += 1;
        let at = noon(day);
        self.engine.advance(at);
        self.engine.apply(&Fact {
            seq: self.seq,
            at,
            kind: kind.to_owned(),
            subject: String::new(),
            payload,
        });
    }

    fn at(&mut self, day: Date) -> &mut Self {
        self.engine.advance(noon(day));
        self
    }

    fn state(&mut self, key: &str, period: &str) -> PeriodState {
        let state = self
            .engine
            .state(key)
            .unwrap_or_else(|| panic!("{key} is judged"));
        let found = state
            .periods
            .iter()
            .find(|each| period == "term" || each.period.to_string() == period)
            .cloned();
        found.unwrap_or_else(|| panic!("{key} has a state for {period}: {state:?}"))
    }

    fn verdict(&mut self, key: &str, period: &str) -> Verdict {
        self.state(key, period).verdict
    }
}

fn noon(day: Date) -> Timestamp {
    tokyo_instant(day.at(12, 0, 0, 0))
}

#[test]
fn without_evidence_nothing_is_met() {
    let mut trial = Trial::new();
    trial.at(date(2026, 11, 22));
    let states = trial.engine.states();
    assert_eq!(states.len(), 149);
    let met: Vec<&str> = states
        .iter()
        .filter(|each| each.verdict == Verdict::Met)
        .map(|each| each.key.as_str())
        .collect();
    // O-040 is a frame: with no work at all, 0 of 420 minutes is inside it.
    assert!(
        met.iter().all(|key| *key == "O-040"),
        "met although nothing was recorded: {met:?}"
    );
}

#[test]
fn where_no_capability_writes_evidence_the_machine_rows_are_unmeasured() {
    let mut engine = Engine::new(Arc::new(contract(source())), Vec::<String>::new());
    engine.advance(noon(date(2026, 11, 22)));
    for key in [
        "O-008", "O-012", "O-017", "O-023", "O-087", "O-118", "O-139", "O-149",
    ] {
        assert_eq!(
            engine.state(key).expect("judged").verdict,
            Verdict::Unmeasured,
            "{key}"
        );
    }
}

#[test]
fn a_stop_is_undecided_because_the_text_sets_no_rate() {
    for (down, expected) in [(0, Verdict::Met), (3, Verdict::Undecided)] {
        let mut trial = Trial::new();
        for day in 1..=30 {
            let day = date(2026, 6, day);
            let down = if day.day() == 14 { down } else { 0 };
            trial.record(
                day,
                "watch.availability",
                json!({ "day": day.to_string(), "total_minutes": 1440, "down_minutes": down, "planned_minutes": 0 }),
            );
        }
        let state = trial.at(date(2026, 7, 1)).state("O-017", "2026-06");
        assert_eq!(state.verdict, expected, "{state:?}");
        assert_eq!(state.questions.is_empty(), expected == Verdict::Met);
    }
}

#[test]
fn a_report_on_the_tenth_is_met_and_one_two_days_later_hangs_on_the_word_about() {
    let submit = |trial: &mut Trial, document: &str, day: Date| {
        let id = format!("{document}-{day}");
        trial.record(
            day,
            "document.submitted",
            json!({ "document_id": id, "document": document, "period": "2026-10", "title": "2026-10",
                "submitted_on": day.to_string(), "pdf": { "sha256": "00" } }),
        );
    };
    let mut trial = Trial::new();
    submit(&mut trial, "monthly-report", date(2026, 11, 10));
    submit(&mut trial, "access-report", date(2026, 11, 12));
    assert_eq!(trial.verdict("O-099", "2026-10"), Verdict::Met);
    assert_eq!(
        trial.verdict("O-065", "2026-10"),
        Verdict::NotMet,
        "8 says までに"
    );
    for key in ["O-157", "O-158", "O-159"] {
        assert_eq!(trial.verdict(key, "2026-11"), Verdict::Met, "{key}");
    }

    let mut trial = Trial::new();
    submit(&mut trial, "monthly-report", date(2026, 11, 12));
    let state = trial.state("O-099", "2026-10");
    assert_eq!(state.verdict, Verdict::Undecided, "{state:?}");
    assert!(
        state.candidates.iter().all(|each| each.note == "A-04"),
        "{state:?}"
    );
    assert_eq!(state.late_by_days, Some(2));
}

#[test]
fn a_change_without_approval_is_a_breach_and_an_oral_approval_is_undecided() {
    let approve = |trial: &mut Trial, written: bool| {
        let day = date(2026, 9, 1);
        trial.record(
            day,
            "approval.granted",
            json!({ "approval_id": "P-1", "gate": "waf-change", "about": "WAF", "written": written, "decided_on": day.to_string() }),
        );
    };
    let change = |trial: &mut Trial| {
        let day = date(2026, 9, 10);
        trial.record(
            day,
            "waf.changed",
            json!({ "change_id": "W-1", "changed_on": day.to_string(), "approval_id": "P-1", "service": "別のサービス" }),
        );
        trial.at(date(2026, 10, 1));
    };
    for (approval, expected) in [
        (None, Verdict::NotMet),
        (Some(true), Verdict::Met),
        (Some(false), Verdict::Undecided),
    ] {
        let mut trial = Trial::new();
        if let Some(written) = approval {
            approve(&mut trial, written);
        }
        change(&mut trial);
        let state = trial.state("O-032", "2026-09");
        assert_eq!(state.verdict, expected, "{approval:?}: {state:?}");
    }
}

#[test]
fn a_row_without_counterpart_on_a_rented_server_is_undecided_until_the_city_answers() {
    let mut trial = Trial::new();
    for key in ["O-118", "O-132"] {
        trial.record(
            date(2026, 4, 3),
            "attestation.filed",
            json!({ "attestation_id": format!("T-{key}"), "obligation": key, "applicability": "not_applicable",
                "reason": "VPSのため設備が無い", "issuer": "受託者", "issued_on": "2026-04-03" }),
        );
    }
    trial.at(date(2026, 5, 1));
    assert_eq!(trial.verdict("O-118", "2026-04"), Verdict::NotApplicable);
    assert_eq!(trial.verdict("O-132", "2026-04"), Verdict::Undecided);
    trial.record(
        date(2026, 5, 2),
        "contract.reading",
        json!({ "note": "A-12", "reading": "mutatis-mutandis", "from": "2026-04-01", "by": "札幌市" }),
    );
    assert_eq!(trial.verdict("O-132", "2026-04"), Verdict::NotApplicable);
}

#[test]
fn the_change_plan_is_asked_for_only_if_a_gap_was_found() {
    let mut trial = Trial::new();
    assert_eq!(
        trial.at(date(2026, 6, 1)).verdict("O-156", "term"),
        Verdict::NotApplicable
    );

    for (submitted, expected) in [
        (None, Verdict::NotMet),
        (Some(date(2026, 4, 7)), Verdict::Met),
        (Some(date(2026, 4, 8)), Verdict::Undecided), // 初日を数えるか
        (Some(date(2026, 4, 9)), Verdict::NotMet),
    ] {
        let mut trial = Trial::new();
        trial.record(
            date(2026, 4, 2),
            "annex.gap-found",
            json!({ "gap_id": "G-1", "found_on": "2026-04-02", "obligation": "O-127" }),
        );
        if let Some(day) = submitted {
            trial.record(
                day,
                "document.submitted",
                json!({ "document_id": "D-1", "document": "server-change-plan", "period": "term", "submitted_on": day.to_string() }),
            );
        }
        let state = trial.at(date(2026, 5, 1)).state("O-156", "term");
        assert_eq!(state.verdict, expected, "{submitted:?}: {state:?}");
        assert_eq!(trial.verdict("O-155", "term"), Verdict::Pending);
        assert_eq!(
            trial.at(date(2026, 10, 1)).verdict("O-155", "term"),
            Verdict::NotMet
        );
    }
}

#[test]
fn forty_pages_are_chosen_and_every_one_is_checked() {
    let pages = |count: usize| {
        (1..=count)
            .map(|number| format!("/page-{number:02}"))
            .collect::<Vec<_>>()
    };
    let mut trial = Trial::new();
    trial.record(
        date(2026, 12, 1),
        "a11y.pages",
        json!({ "pages": pages(40) }),
    );
    assert_eq!(
        trial.verdict("O-072", "term"),
        Verdict::Pending,
        "more pages could still be chosen"
    );
    for page in pages(39) {
        trial.record(date(2027, 2, 1), "a11y.auto", json!({ "page": page }));
    }
    assert_eq!(
        trial.at(date(2027, 2, 19)).verdict("O-078", "term"),
        Verdict::Pending
    );
    assert_eq!(
        trial.at(date(2027, 2, 20)).verdict("O-078", "term"),
        Verdict::NotMet
    );
    assert_eq!(
        trial.at(date(2027, 4, 1)).verdict("O-072", "term"),
        Verdict::Met
    );

    let mut trial = Trial::new();
    trial.record(
        date(2026, 12, 1),
        "a11y.pages",
        json!({ "pages": pages(39) }),
    );
    assert_ne!(
        trial.at(date(2027, 3, 31)).verdict("O-072", "term"),
        Verdict::Met
    );
}

#[test]
fn failing_items_are_corrected_after_consultation_within_the_term() {
    let fixed =
        |trial: &mut Trial, day: Date| trial.record(day, "a11y.fixed", json!({ "item": "1.4.3" }));
    let agreed = |trial: &mut Trial| {
        trial.record(
            date(2027, 3, 2),
            "consultation.agreed",
            json!({ "consultation_id": "K-1", "topic": "修正", "gate": "a11y-corrections", "decided_on": "2027-03-02" }),
        );
    };
    let judged = |failing: &[&str]| {
        let mut trial = Trial::new();
        trial.record(
            date(2027, 3, 1),
            "a11y.judged",
            json!({ "level": "AA", "failing": failing }),
        );
        trial
    };
    let end = date(2027, 4, 1);

    let mut nothing = judged(&[]);
    assert!(matches!(
        nothing.at(end).verdict("O-082", "term"),
        Verdict::Met | Verdict::NotApplicable
    ));

    let mut never = judged(&["1.4.3"]);
    assert_eq!(never.at(end).verdict("O-082", "term"), Verdict::NotMet);

    let mut unasked = judged(&["1.4.3"]);
    fixed(&mut unasked, date(2027, 3, 4));
    assert_eq!(
        unasked.at(end).verdict("O-082", "term"),
        Verdict::NotMet,
        "協議の上"
    );

    let mut early = judged(&["1.4.3"]);
    agreed(&mut early);
    fixed(&mut early, date(2027, 3, 4));
    assert_eq!(early.at(end).verdict("O-082", "term"), Verdict::Met);

    let mut late = judged(&["1.4.3"]);
    agreed(&mut late);
    fixed(&mut late, date(2027, 3, 20));
    assert_eq!(
        late.at(end).verdict("O-082", "term"),
        Verdict::Undecided,
        "after the report, within the term (A-10)"
    );
}

#[test]
fn every_finding_of_the_vulnerability_test_carries_threat_risk_and_advice() {
    let finding =
        json!({ "id": "V-1", "threat": "6.1", "risk": "中", "advice": "入力値の検査を追加する" });
    let mut trial = Trial::new();
    assert_eq!(
        trial.at(date(2026, 12, 1)).verdict("O-094", "FY2026"),
        Verdict::Pending
    );
    trial.record(
        date(2026, 12, 2),
        "vulnerability.test",
        json!({ "test_id": "VT-1", "scope": "公開サイト", "findings": [finding] }),
    );
    for key in ["O-091", "O-093", "O-094", "O-095"] {
        assert_eq!(trial.verdict(key, "FY2026"), Verdict::Met, "{key}");
    }
    let bare = json!({ "id": "V-2", "threat": "3.7" });
    trial.record(
        date(2026, 12, 3),
        "vulnerability.test",
        json!({ "test_id": "VT-2", "scope": "公開サイト", "findings": [bare] }),
    );
    assert_eq!(trial.verdict("O-093", "FY2026"), Verdict::Met);
    assert_eq!(trial.verdict("O-094", "FY2026"), Verdict::NotMet);
}
