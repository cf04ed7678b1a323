//! Wrong contract files: every mistake at once, each with its place and what would be right.
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use mamori_contract::Contract;
use mamori_contract::parse::diagnostics::{Report, Severity};

fn refuse(source: &str) -> Report {
    Contract::parse("bad.toml", source)
        .map(|_| ())
        .expect_err("the file must be refused")
}

/// One duty with these fields after the head, and what must be found: code, the marked text, part of the help.
fn check(fields: &str, code: &str, marked: &str, help: &str) {
    let source = format!(
        "{}\n[[obligation]]\nkey = \"O-001\"\nclause = \"1\"\ntitle = \"題\"\ntext = \"文\"\ntype = \"duty\"\nkind = \"monthly\"\n{fields}\n",
        support::HEAD
    );
    let report =
        Contract::parse("bad.toml", &source).map_or_else(|report| report, |(_, report)| report);
    let found = report.diagnostics.iter().find(|each| each.code == code);
    let found = found.unwrap_or_else(|| panic!("no {code} in\n{report}"));
    assert_eq!(&source[found.span.clone()], marked, "{report}");
    let said = format!(
        "{} {}",
        found.message,
        found.help.clone().unwrap_or_default()
    );
    assert!(said.contains(help), "{help:?} not in {said:?}");
    // The line and column point at the marked text.
    let line = source.lines().nth(found.line - 1).unwrap();
    let from: String = line.chars().skip(found.column - 1).collect();
    assert!(from.starts_with(marked.lines().next().unwrap()), "{from:?}");
    // The rendering shows the line and a caret under it.
    let text = report.to_string();
    assert!(
        text.contains(&format!("bad.toml:{}:{}", found.line, found.column)),
        "{text}"
    );
    assert!(text.contains(&format!("{} | {line}", found.line)), "{text}");
    assert!(text.contains('^'));
}

#[test]
fn each_mistake_has_its_place_and_its_remedy() {
    check(
        "dedline = { rule = \"period-end\" }",
        "unknown-key",
        "dedline",
        "deadline",
    );
    check(
        "deadline = { rule = \"after-perid\", day = 10 }",
        "unknown-word",
        "\"after-perid\"",
        "after-period",
    );
    check(
        "deadline = { day = 10 }",
        "missing-key",
        "{ day = 10 }",
        "rule",
    );
    check(
        "deadline = { rule = \"after-period\", dya = 10 }",
        "unknown-key",
        "dya",
        "day",
    );
    check(
        "deadline = { rule = \"after-period\" }",
        "missing-key",
        "{ rule = \"after-period\" }",
        "month_end",
    );
    check(
        "deadline = { rule = \"after-period\", day = 10, days = 5 }",
        "contradiction",
        "{ rule = \"after-period\", day = 10, days = 5 }",
        "day、days",
    );
    check(
        "deadline = { rule = \"after-period\", day = 32 }",
        "bad-value",
        "32",
        "31",
    );
    check(
        "deadline = { rule = \"after-period\", day = \"10\" }",
        "wrong-type",
        "\"10\"",
        "整数",
    );
    check(
        "deadline = { rule = \"fixed\", date = \"令和9年2月30日\" }",
        "bad-value",
        "\"令和9年2月30日\"",
        "ありません",
    );
    check(
        "deadline = { rule = \"fixed\", date = \"令和9年2月19日（土）\" }",
        "bad-value",
        "\"令和9年2月19日（土）\"",
        "金曜日",
    );
    check(
        "deadline = { rule = \"fixed\", date = \"2027-04-01\" }",
        "outside-term",
        "\"2027-04-01\"",
        "履行期間",
    );
    check(
        "deadline = { rule = \"fixed\", date = \"$sined\" }",
        "unknown-reference",
        "\"$sined\"",
        "signed",
    );
    check(
        "deadline = { rule = \"period-end\", roll = { when = \"citi\" } }",
        "unknown-reference",
        "\"citi\"",
        "city",
    );
    check(
        "deadline = { rule = \"window\", hours = \"servce\" }",
        "unknown-reference",
        "\"servce\"",
        "service",
    );
    check(
        "deadline = { rule = \"after-event\", within = \"三日\" }",
        "bad-value",
        "\"三日\"",
        "7日",
    );
    check(
        "deadline = { rule = \"after-period\", day = 1, overrides = [ { period = \"2027-04\", date = \"2027-04-05\" } ] }",
        "outside-term",
        "\"2027-04\"",
        "使われることがありません",
    );
    check(
        "gates = [\"g\"]",
        "unknown-reference",
        "\"g\"",
        "まだ一つも",
    );
    check(
        "notes = [\"A-99\"]",
        "unknown-reference",
        "\"A-99\"",
        "注記",
    );
    check(
        "deliverable = \"x\"",
        "unknown-reference",
        "\"x\"",
        "成果物",
    );
    check("counter = \"x\"", "unknown-reference", "\"x\"", "枠");
    check("reach = \"B\"", "unknown-word", "\"B\"", "A");
    check(
        "evidence = [ { check = \"exist\", of = \"work.recorded\" } ]",
        "unknown-word",
        "\"exist\"",
        "exists",
    );
    check(
        "evidence = [ { check = \"exists\", of = \"work.recordde\" } ]",
        "unknown-kind",
        "\"work.recordde\"",
        "work.recorded",
    );
    check(
        "evidence = [ { check = \"exists\", of = \"parking.counted\" } ]",
        "unknown-kind",
        "\"parking.counted\"",
        "evidence_kinds",
    );
    check(
        "evidence = [ { check = \"exists\", of = { kind = \"work.recorded\", where = [ { field = \"a\" } ] } } ]",
        "condition",
        "{ check = \"exists\", of = { kind = \"work.recorded\", where = [ { field = \"a\" } ] } }",
        "比べ方",
    );
    check(
        "evidence = [ { check = \"document\" } ]",
        "missing-key",
        "{ check = \"document\" }",
        "deliverable",
    );
    check(
        "thresholds = [ { shape = \"count\", of = \"work.recorded\" } ]",
        "missing-key",
        "{ shape = \"count\", of = \"work.recorded\" }",
        "at_least",
    );
    check(
        "thresholds = [ { shape = \"availability\", of = \"watch.availability\", at_least = 99 } ]",
        "missing-key",
        "{ shape = \"availability\", of = \"watch.availability\", at_least = 99 }",
        "total",
    );
    check("text = \"二度\"", "syntax", "text", "二度");
}

#[test]
fn what_is_no_toml_is_said_with_its_place() {
    let report = refuse("language = 1\n[contract]\nid = \"x\"\ndeadline = { rule = \n");
    assert!(
        report
            .diagnostics
            .iter()
            .all(|each| each.code == "syntax" && each.line == 4),
        "{report}"
    );
    assert!(report.to_string().contains("TOML"), "{report}");
    // Everything that is missing, from an empty file too.
    assert!(
        refuse("")
            .diagnostics
            .iter()
            .any(|each| each.message.contains("「contract」"))
    );
}

#[test]
fn all_at_once() {
    let source = format!(
        "{}\n[[obligation]]\nkey = \"O-1\"\nclause = \"1\"\ntext = \"令和9年2月19日（木）まで\"\ntype = \"dutty\"\nkind = \"monthly\"\ngates = [\"a\"]\nnotes = [\"A-01\", \"A-02\"]\n\n[[obligation]]\nkey = \"O-1\"\nclauze = \"1\"\n",
        support::HEAD
    );
    let report = refuse(&source);
    let codes: Vec<&str> = report.diagnostics.iter().map(|each| each.code).collect();
    for code in [
        "missing-key",
        "unknown-word",
        "unknown-reference",
        "repeated-key",
        "unknown-key",
        "weekday",
    ] {
        assert!(codes.contains(&code), "{code} missing in {codes:?}");
    }
    assert_eq!(
        codes
            .iter()
            .filter(|code| **code == "unknown-reference")
            .count(),
        3
    );
    assert!(report.counts().0 >= 10, "{report}");
    let places: Vec<usize> = report.diagnostics.iter().map(|each| each.line).collect();
    assert!(places.is_sorted(), "in the order of the file");
}

#[test]
fn patches_are_checked_like_obligations() {
    let report = refuse(&format!(
        "{}\n[[obligation]]\nkey = \"O-001\"\nclause = \"1\"\ntitle = \"題\"\ntext = \"文\"\ntype = \"duty\"\nkind = \"monthly\"\n[[ambiguity]]\nkey = \"A-01\"\ntext = \"t\"\nhandling = \"h\"\nworking = \"c\"\n[[ambiguity.reading]]\nkey = \"a\"\ntitle = \"a\"\npatch = {{ \"O-002\" = {{ kind = \"monthly\" }}, \"O-001\" = {{ deadlin = 1, kind = \"monthy\" }} }}\n[[ambiguity.reading]]\nkey = \"b\"\ntitle = \"b\"\nparameters = {{ signd = \"2026-04-01\" }}\n",
        support::HEAD
    ));
    let paths: Vec<&str> = report
        .diagnostics
        .iter()
        .map(|each| each.path.as_str())
        .collect();
    for path in [
        "ambiguity[0].reading[0].patch.O-002",
        "ambiguity[0].reading[0].patch.O-001.deadlin",
        "ambiguity[0].reading[0].patch.O-001.kind",
        "ambiguity[0].reading[1].parameters.signd",
    ] {
        assert!(paths.contains(&path), "{path} missing in {paths:?}");
    }
}

#[test]
fn warnings_do_not_refuse() {
    let source = format!(
        "{}\n[[obligation]]\nkey = \"O-001\"\nclause = \"1\"\ntitle = \"題\"\ntext = \"令和9年2月19日（木）\"\ntype = \"duty\"\nkind = \"one-off\"\nevidence = [ {{ check = \"exists\", of = \"parking.counted\" }} ]\n",
        support::HEAD
    );
    let (_, report) = Contract::parse("odd.toml", &source).unwrap();
    assert!(
        report
            .diagnostics
            .iter()
            .all(|each| each.severity == Severity::Warning)
    );
    assert_eq!(report.diagnostics.len(), 2, "{report}");
}
