use jiff::civil::date;
use mamori_kernel::period::YearMonth;
use serde_json::{Value, json};

use super::{Gauge, WorkEntry, gauge};
use crate::register::trial::{Trial, fields};
use crate::register::{Refusal, Register};
use crate::terms::{Counts, FixedTerms};

static WORK: Register = Register::of::<WorkEntry>();

/// A valid form, with these fields changed (`null` removes one).
fn form(changes: &Value) -> Value {
    let mut form = json!({
        "date": "2026-10-05", "hours": "1.5", "category": "site-correction",
        "event": "トップページの画像の差替え", "response": "差替え後、表示を確認した。"
    });
    let target = form.as_object_mut().expect("an object");
    for (field, value) in changes.as_object().expect("an object") {
        if value.is_null() {
            target.remove(field);
        } else {
            target.insert(field.clone(), value.clone());
        }
    }
    form
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "cases read better without references"
)]
fn record(trial: &mut Trial, changes: Value) -> Result<String, Refusal> {
    trial.act(&WORK, None, "record", form(&changes))
}

fn entry(trial: &Trial, id: &str) -> WorkEntry {
    trial.row(id).read().expect("fits")
}

#[test]
fn length_comes_from_hours_or_from_start_and_end() {
    let cases = [
        (json!({"hours": "1:30"}), 90),
        (json!({"hours": 1.5}), 90),
        (json!({"hours": "90m"}), 90),
        (json!({"hours": "１時間３０分"}), 90),
        (json!({"hours": null, "start": "9:00", "end": "10:15"}), 75),
        (json!({"hours": "1", "start": "9:00", "end": "10:15"}), 60),
        (
            json!({"hours": null, "start": "23:00", "end": "24:00", "outside_hours_reason": "緊急"}),
            60,
        ),
    ];
    for (changes, minutes) in cases {
        let mut trial = Trial::new();
        let id = record(&mut trial, changes.clone()).unwrap_or_else(|e| panic!("{changes}: {e}"));
        assert_eq!(entry(&trial, &id).minutes, minutes, "{changes}");
        assert!(
            !trial.row(&id).data.contains_key("hours"),
            "as typed is not kept"
        );
    }
}

#[test]
fn what_is_wrong_is_told_field_by_field() {
    let cases = [
        (json!({"hours": null}), vec!["hours"]),
        (json!({"hours": "abc"}), vec!["hours"]),
        (
            json!({"hours": "2", "start": "9:00", "end": "10:15"}),
            vec!["hours"],
        ),
        (json!({"start": "9:00"}), vec!["end"]),
        (json!({"end": "9:00"}), vec!["start"]),
        (json!({"start": "22:00", "end": "1:00"}), vec!["end"]),
        (json!({"date": "2026-11-02"}), vec!["date"]),
        (json!({"date": "2026-03-31"}), vec!["date"]),
        (json!({"date": "2026-02-30"}), vec!["date"]),
        (json!({"category": "site-corection"}), vec!["category"]),
        (json!({"event": " "}), vec!["event"]),
        (json!({"evnt": "x"}), vec!["evnt"]),
        (
            json!({"date": null, "event": null, "hours": "x"}),
            vec!["date", "event", "hours"],
        ),
        (json!({"request": "依頼-R8-999"}), vec!["request"]),
        (json!({"counts_as": "no"}), vec!["counts_as"]),
        (
            json!({"category": "fault", "counts_as": "yes"}),
            vec!["counts_reason"],
        ),
    ];
    for (changes, wrong) in cases {
        let mut trial = Trial::new();
        let refusal = record(&mut trial, changes.clone()).expect_err("wrong");
        let mut named = fields(&refusal);
        named.sort_unstable();
        assert_eq!(named, wrong, "{changes}: {refusal}");
        assert!(trial.ledger.is_empty());
    }
}

#[test]
fn a_mistyped_category_or_key_is_answered_with_the_right_one() {
    let mut trial = Trial::new();
    let refusal = record(&mut trial, json!({"category": "site-corection"})).expect_err("unknown");
    let text = refusal.to_string();
    assert!(text.contains("site-correction のことですか"), "{text}");
    assert!(
        text.contains("upkeep（運用管理）"),
        "all categories are named: {text}"
    );
    let text = record(&mut trial, json!({"catgory": "upkeep"}))
        .expect_err("unknown")
        .to_string();
    assert!(text.contains("category のことですか"), "{text}");
}

#[test]
fn work_outside_the_window_needs_a_reason() {
    let late = json!({"hours": null, "start": "17:00", "end": "18:00"});
    let cases = [
        (
            late.clone(),
            Some("17:00～18:00 は作業時間帯（8:45～17:15）の外"),
        ),
        (
            json!({"hours": null, "start": "8:00", "end": "9:00"}),
            Some("外"),
        ),
        (json!({"date": "2026-10-10"}), Some("土曜日")),
        (json!({"date": "2026-10-12"}), Some("スポーツの日")),
        (
            json!({"hours": null, "start": "8:45", "end": "17:15"}),
            None,
        ),
        (json!({}), None),
        (json!({"category": "question", "date": "2026-10-10"}), None),
    ];
    for (changes, why) in cases {
        let mut trial = Trial::new();
        match (record(&mut trial, changes.clone()), why) {
            (Ok(_), None) => {}
            (Err(refusal), Some(why)) => {
                assert_eq!(fields(&refusal), ["outside_hours_reason"], "{changes}");
                assert!(refusal.to_string().contains(why), "{refusal}");
            }
            (outcome, _) => panic!("{changes}: {outcome:?}"),
        }
    }
    let mut trial = Trial::new();
    let mut with_reason = late;
    with_reason["outside_hours_reason"] = json!("改ざんの緊急対応");
    record(&mut trial, with_reason).expect("has a reason");
}

#[test]
fn counting_follows_the_table_and_a_person_only_where_it_is_open() {
    let mut trial = Trial::new();
    for (category, counts) in [
        ("site-correction", "yes"),
        ("upkeep", "no"),
        ("fault", "undecided"),
    ] {
        let id = record(&mut trial, json!({"category": category})).expect("ok");
        assert_eq!(trial.row(&id).data["counts"], counts);
    }
    assert!(trial.codes().contains(&"undecided"), "{:?}", trial.warnings);
    let claim = json!({"category": "fault", "counts_as": "yes", "counts_reason": "協議-R8-003"});
    let id = record(&mut trial, claim).expect("the text is open");
    assert_eq!(entry(&trial, &id).counts, Counts::Yes);
    // Another category: the answer given for the old one says nothing.
    trial
        .act(
            &WORK,
            Some(&id),
            "correct",
            json!({"category": "upkeep", "correction_reason": "区分の誤り"}),
        )
        .expect("ok");
    let row = trial.row(&id);
    assert_eq!(row.data["counts"], "no");
    assert!(!row.data.contains_key("counts_as"));
}

#[test]
fn corrections_and_withdrawals_are_records_of_their_own() {
    let mut trial = Trial::new();
    let id = record(
        &mut trial,
        json!({"start": "9:00", "end": "10:00", "hours": null}),
    )
    .expect("ok");
    let correct = |trial: &mut Trial, form: Value| trial.act(&WORK, Some(&id), "correct", form);
    let refusal = correct(&mut trial, json!({"end": "10:30"})).expect_err("no reason");
    assert_eq!(fields(&refusal), ["correction_reason"]);
    correct(
        &mut trial,
        json!({"end": "10:30", "correction_reason": "終了時刻の誤り"}),
    )
    .expect("ok");
    assert_eq!(entry(&trial, &id).minutes, 90);
    correct(
        &mut trial,
        json!({"event": "画像とリンクの差替え", "correction_reason": "追記"}),
    )
    .expect("ok");
    assert_eq!(entry(&trial, &id).minutes, 90, "what is not named stays");
    let refusal =
        correct(&mut trial, json!({"date": null, "correction_reason": "x"})).expect_err("needed");
    assert_eq!(fields(&refusal), ["date"]);
    trial
        .act(
            &WORK,
            Some(&id),
            "withdraw",
            json!({"withdrawn_reason": "二重に記録した"}),
        )
        .expect("ok");
    let kinds: Vec<&str> = trial
        .ledger
        .iter()
        .map(|(_, event)| event.kind.as_str())
        .collect();
    assert_eq!(
        kinds,
        [
            "work.recorded",
            "work.corrected",
            "work.corrected",
            "work.withdrawn"
        ]
    );
    assert_eq!(
        trial.ledger[0].1.payload["minutes"], 60,
        "the first record still says what it said"
    );
    let refusal =
        correct(&mut trial, json!({"hours": "1", "correction_reason": "x"})).expect_err("gone");
    assert!(refusal.to_string().contains("取消し"), "{refusal}");
}

#[test]
fn overlaps_of_one_person_are_warned_of() {
    let span = |start: &str, end: &str, by: Option<&str>| json!({"hours": null, "start": start, "end": end, "by": by});
    let mut trial = Trial::new();
    record(&mut trial, span("9:00", "10:00", Some("佐藤"))).expect("ok");
    let cases = [
        (span("9:59", "11:00", Some("佐藤")), true),
        (span("10:00", "11:00", Some("佐藤")), false),
        (span("9:00", "10:00", Some("鈴木")), false),
        (span("9:00", "10:00", None), false),
        (json!({"by": "佐藤"}), false),
    ];
    for (changes, warned) in cases {
        let mut trial_now = Trial::new();
        trial_now.rows.clone_from(&trial.rows);
        trial_now.ledger.clone_from(&trial.ledger);
        record(&mut trial_now, changes.clone()).expect("a warning, never a refusal");
        assert_eq!(trial_now.codes().contains(&"overlap"), warned, "{changes}");
    }
}

#[test]
fn beyond_seven_hours_is_shown_and_never_refused() {
    let mut trial = Trial::new();
    record(&mut trial, json!({"hours": "6"})).expect("ok");
    record(&mut trial, json!({"hours": "1"})).expect("ok");
    assert_eq!(
        trial.codes(),
        Vec::<&str>::new(),
        "exactly the cap is within it"
    );
    record(&mut trial, json!({"hours": "3", "category": "upkeep"})).expect("ok");
    assert_eq!(
        trial.codes(),
        Vec::<&str>::new(),
        "what does not count warns of nothing"
    );
    record(&mut trial, json!({"hours": "0:30"})).expect("not refused");
    assert_eq!(trial.codes(), ["over_cap"]);
    assert!(
        trial.warnings[0].message_ja.contains("7時間30分")
            && trial.warnings[0].message_ja.contains("30分 超え"),
        "{:?}",
        trial.warnings
    );
    record(&mut trial, json!({"hours": "2", "category": "fault"})).expect("ok");
    record(&mut trial, json!({"hours": "5", "date": "2026-09-30"})).expect("another month");
    let month = YearMonth::new(2026, 10).expect("a month");
    let sums = gauge(month, &trial.rows, &trial.terms);
    assert_eq!(
        (
            sums.counted_minutes,
            sums.not_counted_minutes,
            sums.undecided_minutes
        ),
        (450, 180, 120)
    );
    assert_eq!(
        (
            sums.left_minutes,
            sums.over_minutes,
            sums.over_minutes_at_most
        ),
        (0, 30, 150)
    );
    let categories: Vec<(&str, u32, u32)> = sums
        .categories
        .iter()
        .map(|c| (c.category.as_str(), c.minutes, c.entries))
        .collect();
    assert_eq!(
        categories,
        [
            ("upkeep", 180, 1),
            ("site-correction", 450, 3),
            ("fault", 120, 1)
        ]
    );
    // A withdrawn entry no longer counts.
    let first = trial.rows[0].id.clone();
    trial
        .act(
            &WORK,
            Some(&first),
            "withdraw",
            json!({"withdrawn_reason": "誤り"}),
        )
        .expect("ok");
    assert_eq!(gauge(month, &trial.rows, &trial.terms).counted_minutes, 90);
}

#[test]
fn a_contract_without_cap_and_window_has_neither() {
    let mut trial = Trial::new();
    trial.terms.cap = None;
    trial.terms.weekdays = None;
    record(&mut trial, json!({"date": "2026-10-10", "hours": "9"})).expect("no window, no cap");
    let sums = Gauge::of(
        YearMonth::of(date(2026, 10, 10)),
        [],
        &FixedTerms {
            cap: None,
            ..FixedTerms::example()
        },
    );
    assert_eq!(
        (sums.cap, sums.left_minutes, sums.over_minutes),
        (None, 0, 0)
    );
}

#[test]
fn an_entry_is_tied_to_its_request() {
    let requests = Register::of::<crate::request::Request>();
    let mut trial = Trial::new();
    let request = trial
        .act(
            &requests,
            None,
            "receive",
            json!({"title": "画像の差替え", "received_on": "2026-10-01", "channel": "mail"}),
        )
        .expect("ok");
    let number = trial.row(&request).number.clone();
    let id = record(&mut trial, json!({"request": number})).expect("known");
    assert_eq!(trial.row(&id).link.as_deref(), Some(request.as_str()));
    assert_eq!(trial.row(&id).data["request_number"], number);
    trial
        .act(
            &WORK,
            Some(&id),
            "correct",
            json!({"request": "なし", "correction_reason": "別件"}),
        )
        .expect("ok");
    assert_eq!(trial.row(&id).link, None);
    record(&mut trial, json!({"request": request, "hours": "0:30"})).expect("by id too");
    trial
        .act(
            &requests,
            Some(&request),
            "estimate",
            json!({"estimate_minutes": "15m", "estimated_on": "2026-10-02"}),
        )
        .expect("ok");
    trial
        .act(
            &requests,
            Some(&request),
            "approve",
            json!({"approved_on": "2026-10-05"}),
        )
        .expect("ok");
    trial
        .act(
            &requests,
            Some(&request),
            "finish",
            json!({"done_on": "2026-10-06", "result": "差し替えた"}),
        )
        .expect("ok");
    assert_eq!(trial.row(&request).data["worked_minutes"], 30);
    assert_eq!(trial.codes(), ["over_estimate"]);
    trial
        .act(
            &requests,
            Some(&request),
            "accept",
            json!({"accepted_on": "2026-10-09"}),
        )
        .expect("ok");
    let waits = &trial.row(&request).data["city_waits"];
    assert_eq!(
        *waits,
        json!([
            {"what": "承認", "from": "2026-10-02", "to": "2026-10-05"},
            {"what": "検収", "from": "2026-10-06", "to": "2026-10-09"}
        ])
    );
}
