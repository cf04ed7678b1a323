//! `mamori calendar` from outside: the real binary, its text, its JSON, its exit codes.

#![allow(clippy::unwrap_used, reason = "a panic is a failed test")]

use std::process::{Command, Output};

use serde_json::{Value, json};

fn mamori(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_mamori"))
        .arg("calendar")
        .args(arguments)
        .output()
        .expect("the binary runs")
}

fn text(arguments: &[&str]) -> String {
    let output = mamori(arguments);
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn json(arguments: &[&str]) -> Value {
    let arguments = [arguments, &["--json"]].concat();
    serde_json::from_str(&text(&arguments)).unwrap()
}

fn refused(arguments: &[&str], remedy: &str) {
    let output = mamori(arguments);
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {message}");
    assert!(message.contains(remedy), "{arguments:?}: {message}");
    assert!(output.stdout.is_empty());
}

#[test]
fn holidays_of_a_range_and_of_years() {
    assert_eq!(
        json(&["holidays", "--from", "令和8年9月20日", "--to", "R8.9.30"]),
        json!([
            {"date": "2026-09-21", "name": "敬老の日", "weekday": "月", "wareki": "令和8年9月21日"},
            {"date": "2026-09-22", "name": "国民の休日", "weekday": "火", "wareki": "令和8年9月22日"},
            {"date": "2026-09-23", "name": "秋分の日", "weekday": "水", "wareki": "令和8年9月23日"},
        ])
    );
    assert_eq!(
        json(&["holidays", "--year", "2026"])
            .as_array()
            .unwrap()
            .len(),
        18
    );
    let fiscal = json(&["holidays", "--year", "令和8年度"]);
    assert_eq!(fiscal[0]["date"], "2026-04-29");
    assert!(
        text(&["holidays", "--year", "2019"])
            .contains("2019-05-01（水） 令和元年5月1日 天皇の即位の日\n")
    );
    assert_eq!(
        json(&["holidays", "--from", "2026-06-01", "--to", "2026-06-30"]),
        json!([])
    );
    assert!(json(&["holidays"]).as_array().unwrap().len() >= 14);
}

#[test]
fn open_days_of_the_contract_year() {
    let year = ["open-days", "--from", "2026-04-01", "--to", "2027-03-31"];
    assert_eq!(json(&year)["count"], 241);
    let with = |more: &[&str]| json(&[&year, more].concat())["count"].clone();
    assert_eq!(with(&["--year-end", "none"]), 244);
    assert_eq!(with(&["--year-end", "12-29..01-04"]), 240);
    assert_eq!(
        with(&[
            "--closed",
            "2026-08-12..2026-08-14=夏季閉庁",
            "--closed",
            "令和8年8月17日"
        ]),
        237
    );
    assert_eq!(with(&["--open", "2026-08-15"]), 242);
    let december = json(&["open-days", "--from", "2026-12-25", "--to", "2027-01-05"]);
    assert_eq!(
        december["days"],
        json!(["2026-12-25", "2026-12-28", "2027-01-04", "2027-01-05"])
    );
}

#[test]
fn open_days_from_a_day() {
    let after = json(&["open-days", "--from", "2026-10-09", "--add", "2"]);
    assert_eq!(after["date"], "2026-10-14");
    assert_eq!(after["count"], 2);
    assert_eq!(after["days"], json!(["2026-10-13", "2026-10-14"]));
    let before = json(&["open-days", "--from", "2027-01-04", "--add", "-1"]);
    assert_eq!(before["date"], "2026-12-28");
    assert!(
        text(&["open-days", "--from", "2026-10-09", "--add", "2"])
            .contains("2026-10-09の2開庁日後: 2026-10-14 令和8年10月14日（水）")
    );
}

#[test]
fn rolled_dates_tell_why() {
    assert_eq!(
        json(&["roll", "2026-10-10"]),
        json!({
            "date": "2026-10-10",
            "rolled": "2026-10-13",
            "weekday": "火",
            "wareki": "令和8年10月13日",
            "moved": [
                {"date": "2026-10-10", "reason": "土"},
                {"date": "2026-10-11", "reason": "日"},
                {"date": "2026-10-12", "reason": "スポーツの日"},
            ],
        })
    );
    assert!(text(&["roll", "令和８年１０月１０日"]).ends_with("  10/12 スポーツの日\n"));
    assert_eq!(json(&["roll", "2026-08-10"])["moved"], json!([]));
    let rolled = |more: &[&str]| json(&[&["roll", "2026-12-30"], more].concat())["rolled"].clone();
    assert_eq!(rolled(&[]), "2026-12-30");
    assert_eq!(rolled(&["--trigger", "closed"]), "2027-01-04");
    assert_eq!(
        rolled(&["--trigger", "closed", "--target", "law"]),
        "2026-12-31"
    );
    assert_eq!(
        rolled(&["--trigger", "closed", "--direction", "backward"]),
        "2026-12-28"
    );
}

#[test]
fn bad_input_is_refused_with_its_remedy() {
    refused(&["roll", "明日"], "2026-04-01、令和8年4月1日");
    refused(
        &["roll", "平成32年4月1日"],
        "「令和2年4月1日」と書いてください",
    );
    refused(&["roll", "2026-02-30"], "2026年2月は28日まで");
    refused(&["roll", "2151-01-01"], "2150年までの日付");
    refused(
        &["roll", "2026-10-10", "--direction", "sideways"],
        "forward, backward",
    );
    refused(&["holidays", "--year", "来年"], "令和8年度");
    refused(&["holidays", "--year", "1947"], "1948年から");
    refused(&["holidays", "--from", "2026-04-01"], "--to");
    refused(
        &["open-days", "--from", "2027-03-31", "--to", "2026-04-01"],
        "入れ替えてください",
    );
    refused(&["open-days", "--from", "2026-04-01"], "--to");
    refused(
        &[
            "open-days",
            "--from",
            "2026-04-01",
            "--add",
            "1",
            "--year-end",
            "正月",
        ],
        "12-29..01-03",
    );
    refused(
        &["open-days", "--from", "2026-04-01", "--add", "999999"],
        "100000まで",
    );
    refused(
        &["open-days", "--from", "2026-04-01", "--add", "90000"],
        "2150年までの日付",
    );
    refused(
        &["roll", "2026-10-10", "--closed", "2026-08-02..2026-08-01"],
        "順を直してください",
    );
    refused(
        &["roll", "2026-10-10", "--closed", "2026-10-11..2028-10-11"],
        "閉庁日の指定を見直してください",
    );
}
