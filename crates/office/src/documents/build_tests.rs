//! What the builders make of evidence, as the plain text of each paper.

use jiff::civil::date;
use mamori_contract::Contract;
use mamori_document::{ConformityState, LedgerHead, Status, render_text};
use mamori_kernel::period::Period;
use serde_json::json;

use super::build::build;
use super::sources::{About, PaperLine, Sources, Standing, Wanted};
use crate::register::rules::CityWait;

const CONTRACT: &str = include_str!("../../../../contracts/kokoshelju-r8.toml");

fn standing(key: &str, clause: &str, verdict: ConformityState, reason: &str) -> Standing {
    Standing {
        key: key.to_owned(),
        clause: clause.to_owned(),
        title: format!("{key} の題"),
        text: format!("{key} の文"),
        verdict,
        reason: reason.to_owned(),
        deliverable: None,
        by_attestation: clause.starts_with("別紙2"),
    }
}

/// Sources of a paper of the real contract, with a little of everything.
fn sources(document: &str, about: &str) -> Sources {
    let (contract, _) = Contract::parse("kokoshelju-r8.toml", CONTRACT).expect("is right");
    let deliverable = contract.deliverable(document).expect("is in the contract");
    let mut head = contract.file.contract.clone();
    head.contractor.name = "株式会社見本".to_owned();
    let work = |value| serde_json::from_value(value).expect("is a work entry");
    Sources {
        wanted: Wanted {
            document: document.to_owned(),
            about: about
                .parse::<Period>()
                .map_or_else(|_| About::Item(about.to_owned()), About::Period),
            number: "書類-R8-001".to_owned(),
            version: 1,
            replaced_on: None,
            status: Status::Draft,
            issued_on: None,
            words: Default::default(),
        },
        head,
        deliverable: deliverable.clone(),
        cap_minutes: Some(420),
        cap_title: "月7時間の対応枠".to_owned(),
        categories: contract
            .file
            .categories
            .iter()
            .map(|(key, category)| (key.clone(), category.title.clone()))
            .collect(),
        work: vec![
            work(json!({"date": "2026-10-05", "minutes": 90, "category": "correct",
                "counts": "yes", "event": "求人ページの画像", "response": "差し替えた"})),
            work(json!({"date": "2026-10-06", "minutes": 45, "category": "fault",
                "counts": "undecided", "event": "表示の遅れ", "response": "キャッシュを直した"})),
            work(json!({"date": "2026-10-07", "minutes": 30, "category": "support",
                "counts": "no", "event": "職員からの電話"})),
        ],
        months: vec![("9月".to_owned(), 400, 20), ("10月".to_owned(), 90, 75)],
        standings: vec![
            standing("O-017", "5(2)イ(ア)", ConformityState::Met, "毎日の計測がある"),
            standing("O-099", "13-1", ConformityState::NotMet, "9月分：提出が2日遅れ　ほか1件"),
            standing("O-051", "7(2)-1", ConformityState::Undecided, "A-07 が決まっていない"),
            standing("O-118", "別紙2 建物・1a", ConformityState::Met, "証明書類"),
            standing("O-119", "別紙2 建物・1b", ConformityState::Unmeasured, "証明書類が無い"),
            standing("O-120", "別紙2 電気・1", ConformityState::NotMet, "証明書類が6月で切れた"),
            standing("O-155", "別紙2 ※-1", ConformityState::Pending, ""),
        ],
        papers: vec![PaperLine {
            title: deliverable.title.clone(),
            period: "令和8年9月".to_owned(),
            due: Some(date(2026, 10, 13)),
            submitted_on: Some(date(2026, 10, 15)),
            accepted_on: None,
        }],
        waits: vec![(
            "承認-R8-001".to_owned(),
            CityWait {
                what: "承認".to_owned(),
                from: date(2026, 10, 1),
                to: date(2026, 10, 8),
            },
        )],
        attestations: [(
            "O-118".to_owned(),
            serde_json::from_value(json!({"obligation": "O-118", "applicability": "applies",
                "issuer": "データセンター事業者", "issued_on": "2026-04-01", "expires_on": "2027-03-31"}))
            .expect("is an attestation"),
        )]
        .into(),
        approval: None,
        approval_granted: false,
        consultation: None,
        signed_on: Some(date(2026, 4, 1)),
        remedy_due: Some(date(2026, 9, 30)),
        sections: Vec::new(),
        ledger_head: Some(LedgerHead {
            contract: "kokoshelju-r8".to_owned(),
            seq: 1234,
            on: date(2026, 11, 2),
            hash: "ab".repeat(32),
        }),
        ledger_seq: 1234,
        sample: false,
        today: date(2026, 11, 2),
    }
}

fn text(sources: &Sources) -> String {
    render_text(&build(sources))
}

#[test]
fn the_monthly_report_follows_the_form_and_keeps_undecided_hours_apart() {
    let sources = sources("monthly-report", "2026-10");
    let text = text(&sources);
    // Only what counts is in the form's total: 1.5 hours, not the 45 undecided minutes.
    assert!(text.contains("1.50") || text.contains("1.5"), "{text}");
    insta::assert_snapshot!(text);
}

#[test]
fn hours_over_the_cap_are_said_not_to_be_charged() {
    let mut sources = sources("monthly-report", "2026-10");
    sources.work[0].minutes = 430;
    let with = text(&sources);
    assert!(with.contains("請求しない"), "{with}");
    sources.work[0].minutes = 420;
    let without = text(&sources);
    assert!(!without.contains("請求しない"), "{without}");
}

#[test]
fn a_submitted_second_version_says_so() {
    let mut sources = sources("monthly-report", "2026-10");
    sources.wanted.version = 2;
    sources.wanted.status = Status::Submitted;
    sources.wanted.issued_on = Some(date(2026, 11, 5));
    sources.wanted.replaced_on = Some(date(2026, 11, 4));
    let text = text(&sources);
    for part in ["令和8年11月5日", "第2版"] {
        assert!(text.contains(part), "{part} is missing:\n{text}");
    }
}

#[test]
fn the_change_plan_lists_what_is_missing_or_unproved_and_nothing_else() {
    let sources = sources("server-change-plan", "2026-10");
    let text = text(&sources);
    for (key, listed) in [
        ("O-119", true),
        ("O-120", true),
        ("O-118", false),
        ("O-099", false),
    ] {
        assert_eq!(text.contains(key), listed, "{key}:\n{text}");
    }
    insta::assert_snapshot!(text);
}

#[test]
fn the_conformity_table_shows_the_annex_with_its_attestations() {
    insta::assert_snapshot!(text(&sources("conformity-table", "FY2026")));
}

#[test]
fn the_yearly_overview_groups_duties_by_clause() {
    insta::assert_snapshot!(text(&sources("yearly-overview", "FY2026")));
}

#[test]
fn an_approval_request_carries_the_citys_decision_once_there_is_one() {
    let mut sources = sources("change-approval", "承認-R8-001");
    let mut approval = json!({"gate": "waf-change", "about": "WAF の変更",
        "requested_on": "2026-10-01", "reason": "費用を下げるため", "valid_from": "2026-11-01"});
    sources.approval = serde_json::from_value(approval.clone()).ok();
    assert!(sources.approval.is_some());
    let before = text(&sources);
    assert!(!before.contains("令和8年10月8日"), "{before}");
    approval["decided_on"] = json!("2026-10-08");
    approval["conditions"] = json!("夜間に行うこと");
    sources.approval = serde_json::from_value(approval).ok();
    sources.approval_granted = true;
    insta::assert_snapshot!(text(&sources));
}

#[test]
fn a_consultation_record_keeps_question_and_agreement() {
    let mut sources = sources("consultation-record", "協議-R8-001");
    sources.consultation = serde_json::from_value(json!({"topic": "障害対応の時間の算入",
        "opened_on": "2026-10-06", "note": "A-07", "how": "meeting", "proposal": "算入しない",
        "outcome": "算入しない", "decided_on": "2026-10-09", "effective_from": "2026-11-01"}))
    .ok();
    assert!(sources.consultation.is_some());
    insta::assert_snapshot!(text(&sources));
}

#[test]
fn a_paper_without_a_builder_becomes_a_report_that_owns_up_to_its_gaps() {
    let mut sources = sources("training-record", "2026-10");
    sources.standings[0].deliverable = Some("training-record".to_owned());
    sources.deliverable.model = Some("a-model-of-another-city".to_owned());
    let text = text(&sources);
    assert!(text.contains("欠測"), "{text}");
    assert!(text.contains("O-017") && !text.contains("O-099"), "{text}");
    insta::assert_snapshot!(text);
}

#[test]
fn the_words_of_people_close_the_paper_under_their_headings() {
    let mut sources = sources("monthly-report", "2026-10");
    let without = render_text(&build(&sources));
    assert!(
        !without.contains("所見") && !without.contains("連絡事項"),
        "{without}"
    );
    sources.wanted.words = [
        "安定して動いた。\n\n費用は変わらない。".to_owned(),
        String::new(),
        "年末は 29 日まで。".to_owned(),
    ];
    let with = render_text(&build(&sources));
    let added: Vec<&str> = with
        .lines()
        .filter(|line| !line.is_empty() && !without.lines().any(|known| known == *line))
        .collect();
    assert_eq!(
        added,
        [
            "■ 5　所見",
            "安定して動いた。",
            "費用は変わらない。",
            "■ 6　連絡事項",
            "年末は 29 日まで。",
        ]
    );
    assert_eq!(
        with.lines().filter(|line| line.contains("時間")).count(),
        without.lines().filter(|line| line.contains("時間")).count(),
        "words change no figure"
    );
}
