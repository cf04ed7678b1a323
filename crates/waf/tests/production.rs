//! As a site runs it: paranoia level 1, threshold 5, refusing; with the exclusions for WordPress.

mod support;

use mamori_waf::{Builder, Exclusion, PathMatch, RuleChoice};
use support::corpus::{ATTACKS, INQUIRIES, benign, posts};
use support::request::{Request, describe, encode};

#[test]
fn japanese_forms_and_pages_pass() {
    let Some(crs) = support::crs() else { return };
    let rules = support::production(&crs, true);
    let mut wrong = Vec::new();
    let all = benign();
    for (name, request) in &all {
        let report = request.inspect(&rules);
        if !report.decision.passes() {
            wrong.push(format!("{name}: {}", describe(&report)));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {} refused:\n{}",
        wrong.len(),
        all.len(),
        wrong.join("\n")
    );
}

/// A site where all is UTF-8 may demand it: forms in UTF-8 pass, others do not.
#[test]
fn a_site_may_demand_utf8() {
    let Some(crs) = support::crs() else { return };
    let rules = support::production_utf8(&crs, true);
    for (name, request) in benign() {
        let other = ["shift_jis", "euc-jp"]
            .iter()
            .any(|kind| name.contains(kind));
        let broken = name.contains("broken");
        let report = request.inspect(&rules);
        if !broken {
            assert_eq!(
                report.decision.passes(),
                !other,
                "{name}: {}",
                describe(&report)
            );
        }
    }
}

#[test]
fn posts_in_the_editors_pass_with_the_exclusions_for_wordpress() {
    let Some(crs) = support::crs() else { return };
    let rules = support::production(&crs, true);
    for (name, request) in posts() {
        let report = request.inspect(&rules);
        assert!(report.decision.passes(), "{name}: {}", describe(&report));
    }
}

/// What is remembered of values changes nothing: neither verdict nor findings nor the work counted.
#[test]
fn what_is_known_of_values_changes_no_report() {
    let Some(crs) = support::crs() else { return };
    let rules = support::production(&crs, true);
    let attacks = ATTACKS.iter().map(|uri| Request::get(uri));
    let harmless = benign().into_iter().chain(posts());
    let all: Vec<Request> = harmless
        .map(|(_, request)| request)
        .chain(attacks)
        .collect();
    let report = |request: &Request| format!("{:?}", request.inspect(&rules));
    let strange: Vec<String> = all
        .iter()
        .map(|request| {
            // A transaction that does not end takes what was known with it.
            drop(rules.transaction());
            report(request)
        })
        .collect();
    for round in 0..2 {
        for (request, strange) in all.iter().zip(&strange) {
            assert_eq!(report(request), *strange, "round {round}");
        }
    }
    for (request, strange) in all.iter().zip(&strange).rev() {
        assert_eq!(report(request), *strange);
        assert_eq!(report(request), *strange);
    }
}

#[test]
fn attacks_are_refused_however_they_are_sent() {
    let Some(crs) = support::crs() else { return };
    let rules = support::production(&crs, true);
    let mut passed = Vec::new();
    for uri in ATTACKS {
        let mut requests = vec![("get", Request::get(uri))];
        if let Some((_, value)) = uri.split_once('=') {
            let value = decoded(value);
            let padded = format!("{}\r\n{value}", INQUIRIES[0]);
            let in_text = Request::form("/contact/", &[("m", padded.as_bytes())]);
            requests.push(("in a text", in_text));
            requests.push((
                "form",
                Request::form("/contact/", &[("m", value.as_bytes())]),
            ));
            requests.push((
                "multipart",
                Request::multipart("/contact/", &[("m", value.as_bytes())]),
            ));
            requests.push((
                "json",
                Request::json("/api", &serde_json::json!({"m": value})),
            ));
            let mut sjis = b"\x82\xa0\x82\xa2 ".to_vec();
            sjis.extend_from_slice(value.as_bytes());
            requests.push((
                "after shift_jis",
                Request::form("/contact/", &[("m", &sjis)]),
            ));
        }
        for (kind, request) in requests {
            let report = request.inspect(&rules);
            if report.decision.passes() {
                passed.push(format!("{kind} {uri}: {}", describe(&report)));
            }
        }
    }
    assert!(
        passed.is_empty(),
        "{} passed:\n{}",
        passed.len(),
        passed.join("\n")
    );
}

fn decoded(text: &str) -> String {
    let mut out = Vec::new();
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let escape = (bytes[at] == b'%')
            .then(|| text.get(at + 1..at + 3))
            .flatten()
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        out.push(escape.unwrap_or(bytes[at]));
        at += if escape.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[test]
fn a_report_says_what_a_narrow_exclusion_needs() {
    let Some(crs) = support::crs() else { return };
    let rules = support::production(&crs, false);
    let request = Request::form("/contact/", &[("m", b"' OR 1=1 -- "), ("n", b"x")]);
    let report = request.inspect(&rules);
    assert!(!report.decision.passes());
    assert!(report.score >= 5);
    let sqli = report
        .matches
        .iter()
        .find(|one| one.id == 942_100)
        .expect("libinjection");
    assert_eq!(sqli.hits[0].target(), "ARGS:m");
    assert_eq!(sqli.severity_name(), Some("CRITICAL"));
    assert!(sqli.tags(&rules).iter().any(|tag| tag == "attack-sqli"));
    assert!(rules.rule(942_100).is_some_and(|rule| rule.place.line > 1));

    // The proposal that a page makes of it: each rule that scored, its parameter, this path.
    let mut builder = Builder::new();
    builder
        .inline("t", "SecRuleEngine On\nSecRequestBodyAccess On\nSecRule ARGS \"@detectSQLi\" \"id:942100,phase:2,deny\"")
        .expect("rules");
    builder.exclusion(Exclusion {
        name: "contact form".to_owned(),
        rules: RuleChoice::Id(sqli.id),
        target: Some(sqli.hits[0].target()),
        path: PathMatch::Exact("/contact/".to_owned()),
    });
    let narrowed = builder.build().expect("builds");
    assert!(request.inspect(&narrowed).decision.passes());
    let elsewhere = Request::form("/other/", &[("m", b"' OR 1=1 -- ")]);
    assert!(!elsewhere.inspect(&narrowed).decision.passes());
}

/// Doubling a value at most doubles what is looked at, also for values made to be expensive.
#[test]
fn cost_grows_in_step_with_the_input() {
    let Some(crs) = support::crs() else { return };
    let rules = support::production(&crs, false);
    for piece in [
        "a",
        "あ",
        "'\"`(",
        "<a ",
        "/*",
        "../",
        "%u3042",
        "\\x41",
        "&#x41;",
        "select ",
        "union select ",
        "${",
        "a=b&",
        ";;",
        "((",
        "--",
        "0x",
        "e'",
        "<script",
        "\\",
        "&&",
        "[",
        "{{",
        "@@",
        "1 or 1 ",
        "javascript:",
        "on",
        "x.y(",
        "http://",
        "|cat ",
        "\u{3000}",
    ] {
        let work = |count: usize| {
            let value = piece.repeat(count / piece.len());
            let body = format!("m={}", encode(value.as_bytes()));
            Request::post(
                "/contact/",
                "application/x-www-form-urlencoded",
                body.into_bytes(),
            )
            .inspect(&rules)
            .work
        };
        let (small, large) = (work(8 * 1024), work(16 * 1024));
        assert!(large * 10 <= small * 22, "{piece:?}: {small} then {large}");
    }
}
