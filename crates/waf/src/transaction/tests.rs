//! What rules mean, one small rule set at a time.

use std::sync::Arc;

use crate::{
    Builder, Decision, Exclusion, Exhausted, Limits, PathMatch, Report, RuleChoice, RuleSet, Why,
};

const ON: &str = "SecRuleEngine On\nSecRequestBodyAccess On\nSecResponseBodyAccess On\n";

fn rules(text: &str) -> Arc<RuleSet> {
    let mut builder = Builder::new();
    builder
        .inline("test", &format!("{ON}{text}"))
        .unwrap_or_else(|error| panic!("{error}"));
    builder.build().unwrap_or_else(|error| panic!("{error}"))
}

fn send(rules: &Arc<RuleSet>, uri: &str, headers: &[(&str, &str)], body: &[u8]) -> Report {
    let mut transaction = rules.transaction();
    transaction.connection([192, 0, 2, 1].into(), 1, [192, 0, 2, 2].into(), 443);
    transaction.request_line(
        if body.is_empty() { b"GET" } else { b"POST" },
        uri.as_bytes(),
        b"HTTP/1.1",
    );
    for (name, value) in headers {
        transaction.request_header(name.as_bytes(), value.as_bytes());
    }
    transaction.request_headers();
    transaction.request_body_chunk(body);
    transaction.request_body();
    transaction.response_line(200, b"HTTP/1.1");
    transaction.response_header(b"Content-Type", b"text/html");
    transaction.response_headers();
    transaction.response_body_chunk(b"<p>secret</p>");
    transaction.response_body();
    transaction.finish()
}

const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");

fn get(text: &str, uri: &str) -> Vec<u64> {
    ids(&send(&rules(text), uri, &[], b""))
}

fn ids(report: &Report) -> Vec<u64> {
    report.matches.iter().map(|one| one.id).collect()
}

/// Transactions work in memory that others have left.
#[test]
fn nothing_of_a_request_reaches_the_next() {
    let text = r#"SecRule ARGS:a "@rx ^(.*)$" "id:1,phase:2,pass,capture,setvar:tx.seen=%{ARGS.a},setvar:'tx.%{ARGS.a}=1',ctl:ruleRemoveById=4,ctl:ruleRemoveTargetById=5;ARGS:b"
        SecRule TX:seen|TX:0|TX:/left/ "@rx ." "id:2,phase:2,pass"
        SecRule &ARGS "@gt 1" "id:3,phase:2,pass"
        SecRule ARGS:b "@contains x" "id:4,phase:2,pass"
        SecRule ARGS:b "@contains x" "id:5,phase:2,deny,status:418"
        SecRule REQUEST_COOKIES|REQUEST_HEADERS:X-Old|AUTH_TYPE "@rx ." "id:6,phase:2,pass""#;
    let fresh = send(&rules(text), "/?b=x", &[], b"");
    assert_eq!(ids(&fresh), [4, 5]);
    let used = rules(text);
    let headers = [
        ("Cookie", "c=1"),
        ("X-Old", "1"),
        ("Authorization", "Basic eA=="),
        FORM,
    ];
    let first = send(&used, "/?a=left&b=x", &headers, b"z=1&b=x");
    assert_eq!(ids(&first), [1, 2, 3, 6], "{first:?}");
    for _ in 0..3 {
        let again = send(&used, "/?b=x", &[], b"");
        assert_eq!(format!("{again:?}"), format!("{fresh:?}"));
    }
}

#[test]
fn a_pattern_may_hold_macros() {
    let text = r#"SecAction "id:1,phase:1,nolog,pass,setvar:'tx.allowed=utf-8|iso-8859-1',setvar:tx.broken=("
        SecRule ARGS:c "@rx ^charset=([a-z0-9-]+)$" "id:2,phase:2,deny,capture,chain"
            SecRule TX:1 "!@rx ^(?:%{tx.allowed})$"
        SecRule ARGS:d "@rx %{tx.broken}" "id:3,phase:2,pass"
        SecRule ARGS:e "@rx ^x(?:%{tx.allowed})" "id:4,phase:2,pass,capture,chain"
            SecRule TX:0 "@streq xutf-8""#;
    assert_eq!(get(text, "/?c=charset=utf-8"), Vec::<u64>::new());
    assert_eq!(get(text, "/?c=charset=iso-8859-1"), Vec::<u64>::new());
    assert_eq!(get(text, "/?c=charset=utf-7"), [2]);
    assert_eq!(
        get(text, "/?d=("),
        Vec::<u64>::new(),
        "no expression matches nothing"
    );
    assert_eq!(get(text, "/?e=xutf-8x"), [4]);
}

#[test]
fn a_chain_matches_as_a_whole() {
    let text = r#"SecRule ARGS:a "@streq 1" "id:1,phase:2,deny,chain,setvar:tx.half=1"
        SecRule ARGS:b "@rx ^2$"
        SecRule TX:half "@eq 1" "id:2,phase:2,pass""#;
    assert_eq!(get(text, "/?a=1&b=2"), [1]);
    assert_eq!(get(text, "/?a=1&b=3"), [2]);
    assert_eq!(get(text, "/?a=2&b=2"), Vec::<u64>::new());
}

#[test]
fn a_rule_counts_every_match() {
    let text = r#"SecRule ARGS "@rx x" "id:1,phase:2,pass,nolog,setvar:tx.s=+5"
        SecRule TX:s "@eq 10" "id:2,phase:2,pass,setvar:tx.s=-%{tx.nothing}3"
        SecRule TX:s "@eq 7" "id:3,phase:2,deny,status:406,msg:'score %{tx.s} of %{ARGS.b}'""#;
    let report = send(&rules(text), "/?a=1x&b=2x&c=3", &[], b"");
    assert_eq!(ids(&report), [2, 3]);
    assert_eq!(
        report.decision,
        Decision::Refuse {
            status: 406,
            why: Why::Rule(3)
        }
    );
    assert_eq!(report.matches[1].message, b"score 7 of 2x");
}

#[test]
fn jumps_and_markers() {
    let text = r#"SecAction "id:1,phase:1,pass,nolog,skipAfter:END"
        SecAction "id:2,phase:1,pass"
        SecAction "id:3,phase:2,pass"
        SecMarker END
        SecAction "id:4,phase:1,pass,skip:1"
        SecAction "id:5,phase:1,pass"
        SecAction "id:6,phase:1,pass""#;
    assert_eq!(get(text, "/"), [4, 6, 3]);
    let error = Builder::new()
        .inline("t", "SecAction \"id:1,phase:1,pass,skipAfter:X\"")
        .and_then(|builder| std::mem::take(builder).build())
        .expect_err("no marker");
    assert!(error.to_string().starts_with("t:1: skipAfter names X"));
}

#[test]
fn captures_and_matched_values() {
    let text = r#"SecRule ARGS "@rx ^(a)(b)?" "id:1,phase:2,pass,capture,chain,logdata:'%{TX.0} in %{MATCHED_VAR_NAME}: %{MATCHED_VAR}'"
        SecRule MATCHED_VARS "@rx c" "chain"
        SecRule TX:1 "@streq a""#;
    let report = send(&rules(text), "/?q=abc&r=ad&s=x", &[], b"");
    assert_eq!(ids(&report), [1]);
    // The last match of the first link.
    assert_eq!(report.matches[0].data, b"a in ARGS:r: ad");
    assert_eq!(report.matches[0].hits[0].target(), "ARGS:q");
}

#[test]
fn transformations_and_multi_match() {
    let text = r#"SecRule ARGS "@streq ABC" "id:1,phase:2,pass,t:lowercase,multiMatch"
        SecRule ARGS "@streq ABC" "id:2,phase:2,pass,t:lowercase"
        SecRule ARGS "@rx abc" "id:3,phase:2,pass,t:none,t:lowercase"
        SecRule ARGS "@contains abc" "id:4,phase:2,pass,t:urlDecodeUni,t:lowercase""#;
    assert_eq!(get(text, "/?a=ABC"), [1, 3, 4]);
    assert_eq!(get(text, "/?a=A%2542C"), [4]);
}

#[test]
fn selectors_counts_and_exclusions() {
    let text = r#"SecRule ARGS|!ARGS:/^p[0-9]$/|!ARGS:skip "@rx x" "id:1,phase:2,pass"
        SecRule &ARGS "@eq 2" "id:2,phase:2,pass"
        SecRule ARGS_NAMES "@rx ^SKIP$" "id:3,phase:2,pass"
        SecRule &ARGS:none "@eq 0" "id:4,phase:2,pass"
        SecRule ARGS:/^s/ "@rx x" "id:5,phase:2,pass""#;
    assert_eq!(get(text, "/?p1=x&SKIP=x"), [2, 3, 4, 5]);
    assert_eq!(get(text, "/?p1=x&q=x&none=1"), [1]);
}

#[test]
fn ctl_takes_rules_and_targets_away() {
    let text = r#"SecRule REQUEST_FILENAME "@beginsWith /a" "id:1,phase:1,pass,nolog,ctl:ruleRemoveById=10"
        SecRule REQUEST_FILENAME "@beginsWith /b" "id:2,phase:1,pass,nolog,ctl:ruleRemoveByTag=attack"
        SecRule REQUEST_FILENAME "@beginsWith /c" "id:3,phase:1,pass,nolog,ctl:ruleRemoveTargetById=10-11;ARGS:q"
        SecRule REQUEST_FILENAME "@beginsWith /d" "id:4,phase:1,pass,nolog,ctl:ruleRemoveTargetByTag=attack;ARGS:/^q/"
        SecRule REQUEST_FILENAME "@beginsWith /e" "id:5,phase:1,pass,nolog,ctl:ruleRemoveTargetByMsg=Bad;ARGS"
        SecRule REQUEST_FILENAME "@beginsWith /f" "id:6,phase:1,pass,nolog,ctl:ruleEngine=DetectionOnly"
        SecRule REQUEST_FILENAME "@beginsWith /g" "id:7,phase:1,pass,nolog,ctl:ruleEngine=Off"
        SecRule REQUEST_FILENAME "@beginsWith /h" "id:8,phase:1,pass,nolog,ctl:ruleRemoveByMsg=Bad"
        SecRule ARGS "@rx x" "id:10,phase:2,deny,tag:'attack/x',msg:'Bad %{TX.0}'""#;
    let rules = rules(text);
    let run = |uri: &str| send(&rules, uri, &[], b"");
    for uri in [
        "/a?q=x",
        "/b?q=x",
        "/c?q=x",
        "/d?q1=x&q=x",
        "/e?q=x",
        "/g?q=x",
        "/h?q=x",
    ] {
        assert_eq!(ids(&run(uri)), Vec::<u64>::new(), "{uri}");
    }
    for uri in ["/?q=x", "/c?r=x", "/d?r=x"] {
        assert!(!run(uri).decision.passes(), "{uri}");
    }
    let detected = run("/f?q=x");
    assert!(detected.decision.passes() && !detected.would.passes());
}

#[test]
fn updates_of_rules() {
    let text = r#"SecRule ARGS "@rx x" "id:1,phase:2,deny,tag:a,msg:'One'"
        SecRule ARGS "@rx x" "id:2,phase:2,pass,tag:b"
        SecRule ARGS "@rx x" "id:3,phase:2,pass,tag:c,msg:'Three'"
        SecRule ARGS "@rx x" "id:4,phase:2,pass"
        SecRuleUpdateTargetById 1-2 "!ARGS:q"
        SecRuleUpdateTargetByTag c "REQUEST_HEADERS:X" "ARGS"
        SecRuleRemoveById 4
        SecRuleUpdateActionById 1 "pass""#;
    let rules = rules(text);
    assert_eq!(ids(&send(&rules, "/?q=x", &[], b"")), Vec::<u64>::new());
    let report = send(&rules, "/?r=x", &[("X", "x")], b"");
    assert_eq!(ids(&report), [1, 2, 3]);
    assert!(report.decision.passes());
}

#[test]
fn bodies_fill_variables() {
    let text = r#"SecRule REQUEST_HEADERS:Content-Type "@rx json" "id:1,phase:1,pass,nolog,ctl:requestBodyProcessor=JSON"
        SecRule REQUEST_HEADERS:Content-Type "@rx xml" "id:2,phase:1,pass,nolog,ctl:requestBodyProcessor=XML"
        SecRule ARGS:json.a.b "@streq x" "id:10,phase:2,pass"
        SecRule XML:/* "@streq x" "id:11,phase:2,pass"
        SecRule XML://@* "@streq y" "id:12,phase:2,pass"
        SecRule ARGS_POST:f "@streq x" "id:13,phase:2,pass"
        SecRule FILES "@streq n.txt" "id:14,phase:2,pass"
        SecRule MULTIPART_PART_HEADERS:f "@rx ^content-disposition" "id:15,phase:2,pass,t:lowercase"
        SecRule REQBODY_ERROR "!@eq 0" "id:16,phase:2,pass"
        SecRule RESPONSE_BODY "@contains secret" "id:17,phase:4,pass""#;
    let rules = rules(text);
    let run = |kind: &str, body: &[u8]| ids(&send(&rules, "/", &[("Content-Type", kind)], body));
    assert_eq!(run("application/json", br#"{"a":{"b":"x"}}"#), [10, 17]);
    assert_eq!(run("application/json", br#"{"a":"#), [16, 17]);
    assert_eq!(run("text/xml", b"<a c='y'>x</a>"), [11, 12, 17]);
    assert_eq!(run(FORM.1, b"f=x"), [13, 17]);
    let multipart = b"--B\r\nContent-Disposition: form-data; name=\"f\"; filename=\"n.txt\"\r\n\r\nx\r\n--B--\r\n";
    assert_eq!(
        run("multipart/form-data; boundary=B", multipart),
        [14, 15, 17]
    );
}

#[test]
fn a_body_beyond_its_limit_is_refused_or_said_to_be_cut() {
    let limit = "SecRequestBodyLimit 10\nSecRequestBodyNoFilesLimit 10\n";
    let report = send(&rules(limit), "/", &[FORM], b"a=123456789");
    assert_eq!(
        report.decision,
        Decision::Refuse {
            status: 413,
            why: Why::RequestBodyTooLarge
        }
    );
    let partial = format!(
        "{limit}SecRequestBodyLimitAction ProcessPartial\n\
         SecRule INBOUND_DATA_ERROR \"@eq 1\" \"id:1,phase:2,pass\"\n\
         SecRule ARGS:a \"@streq 12345678\" \"id:2,phase:2,pass\""
    );
    assert_eq!(
        ids(&send(&rules(&partial), "/", &[FORM], b"a=123456789")),
        [1, 2]
    );
}

#[test]
fn exclusions_of_the_caller() {
    let build = |exclusion: Exclusion| {
        let mut builder = Builder::new();
        builder
            .inline(
                "t",
                &format!("{ON}SecRule ARGS \"@rx x\" \"id:1,phase:2,deny,tag:t\""),
            )
            .expect("rules");
        builder.exclusion(exclusion);
        builder.build()
    };
    let exclusion = |target: Option<&str>, path: PathMatch| Exclusion {
        name: "e".to_owned(),
        rules: RuleChoice::Id(1),
        target: target.map(str::to_owned),
        path,
    };
    let narrow = build(exclusion(
        Some("ARGS:q"),
        PathMatch::Prefix("/a".to_owned()),
    ))
    .expect("builds");
    let passes = |uri: &str| send(&narrow, uri, &[], b"").decision.passes();
    assert!(passes("/a?q=x") && passes("/a/b?q=x"));
    for uri in [
        "/a?r=x",
        "/ab?q=x",
        "/b?q=x",
        "/a/../b?q=x",
        "/a/%2e%2e/b?q=x",
        "/a//b?q=x",
    ] {
        assert!(!passes(uri), "{uri}");
    }
    assert_eq!(send(&narrow, "/a?q=1", &[], b"").exclusions, ["e"]);
    let whole = build(exclusion(None, PathMatch::Exact("/a".to_owned()))).expect("builds");
    assert!(send(&whole, "/a?z=x", &[], b"").decision.passes());
    assert!(build(exclusion(Some("ARGZ:q"), PathMatch::Any)).is_err());
    assert!(build(exclusion(None, PathMatch::Exact("a".to_owned()))).is_err());
}

#[test]
fn observed_rules_are_reported_and_decide_nothing() {
    let text = format!(
        "{ON}SecRule ARGS \"@rx x\" \"id:1,phase:2,pass,tag:attack-x,setvar:tx.score=+5\"\n\
         SecRule ARGS \"@rx y\" \"id:2,phase:2,pass,tag:attack-y,setvar:tx.score=+5\"\n\
         SecRule ARGS \"@rx (z)\" \"id:3,phase:2,deny,status:403,capture,setvar:tx.kept=%{{tx.1}},chain\"\n\
         SecRule TX:kept \"@streq z\" \"setvar:tx.score=+5\"\n\
         SecRule TX:score \"@ge 5\" \"id:9,phase:2,deny,status:403\""
    );
    let build = |observed: &[RuleChoice]| {
        let mut builder = Builder::new();
        builder.inline("t", &text).expect("rules");
        for choice in observed {
            builder.observe(choice.clone());
        }
        builder.build().expect("builds")
    };
    let one = build(&[RuleChoice::Id(1), RuleChoice::Id(3)]);
    let seen = send(&one, "/?q=x", &[], b"");
    assert!(seen.decision.passes() && seen.would.passes());
    assert_eq!(ids(&seen), [1]);
    assert!(seen.matches[0].observed);
    let both = send(&one, "/?q=xy", &[], b"");
    assert!(!both.decision.passes(), "what others find still counts");
    assert_eq!(ids(&both), [1, 2, 9]);
    assert!(!both.matches[1].observed);
    // A chain still runs by what its links keep; it refuses nothing itself.
    let chained = send(&one, "/?q=z", &[], b"");
    assert!(chained.decision.passes() && !chained.would.passes());
    assert_eq!(ids(&chained), [3]);

    let tagged = build(&[RuleChoice::Tag("attack-y".to_owned())]);
    assert!(send(&tagged, "/?q=y", &[], b"").decision.passes());
    assert!(!send(&tagged, "/?q=x", &[], b"").decision.passes());
    assert!(!send(&build(&[]), "/?q=z", &[], b"").decision.passes());
}

#[test]
fn cost_is_counted_and_bounded() {
    let build = |work: u64, exhausted: Exhausted| {
        let mut builder = Builder::new();
        builder
            .inline(
                "t",
                &format!("{ON}SecRule ARGS \"@rx (?:x|y)$\" \"id:1,phase:2,pass\""),
            )
            .expect("rules");
        builder.limits(Limits {
            work,
            exhausted,
            ..Limits::default()
        });
        builder.build().expect("builds")
    };
    let uri = format!("/?a={}x", "y".repeat(1000));
    let report = send(&build(500, Exhausted::Refuse), &uri, &[], b"");
    assert_eq!(
        report.decision,
        Decision::Refuse {
            status: 413,
            why: Why::TooCostly
        }
    );
    let report = send(&build(500, Exhausted::Pass), &uri, &[], b"");
    assert!(report.decision.passes() && report.incomplete);
    let report = send(&build(1 << 20, Exhausted::Refuse), &uri, &[], b"");
    assert_eq!(ids(&report), [1]);
    assert!(report.work >= 1000);
}

/// Values beyond the limit are not silently left out.
#[test]
fn too_many_values_are_refused() {
    let mut builder = Builder::new();
    builder
        .inline("t", &format!("{ON}SecAction \"id:1,phase:1,pass\""))
        .expect("rules");
    builder.limits(Limits {
        values: 10,
        ..Limits::default()
    });
    let rules = builder.build().expect("builds");
    let query = "/?".to_owned() + &"a=1&".repeat(20);
    for (uri, headers) in [
        (query.as_str(), vec![]),
        (
            "/",
            vec![("Cookie", "a=1;a=1;a=1;a=1;a=1;a=1;a=1;a=1;a=1;a=1")],
        ),
        ("/", vec![("X", "y"); 12]),
    ] {
        let report = send(&rules, uri, &headers, b"");
        assert!(
            matches!(
                report.decision,
                Decision::Refuse {
                    why: Why::TooCostly,
                    ..
                }
            ),
            "{uri}"
        );
    }
}

#[test]
fn allow_and_redirect() {
    let text = r#"SecRule REQUEST_FILENAME "@streq /ok" "id:1,phase:1,allow,nolog"
        SecRule REQUEST_FILENAME "@streq /req" "id:2,phase:1,allow:request,nolog"
        SecRule REQUEST_FILENAME "@streq /go" "id:3,phase:1,redirect:'https://%{SERVER_NAME}/x',nolog"
        SecAction "id:4,phase:2,pass"
        SecAction "id:5,phase:3,pass""#;
    let rules = rules(text);
    let run = |uri: &str| send(&rules, uri, &[("Host", "h:8080")], b"");
    assert_eq!(ids(&run("/ok")), Vec::<u64>::new());
    assert_eq!(ids(&run("/req")), [5]);
    assert_eq!(ids(&run("/")), [4, 5]);
    assert_eq!(
        run("/go").decision,
        Decision::Redirect {
            status: 302,
            to: b"https://h/x".to_vec(),
            why: Why::Rule(3)
        }
    );
}

#[test]
fn values_can_be_hidden() {
    let text = r#"SecRule ARGS:card "@rx [0-9]" "id:1,phase:2,pass,sanitiseMatched"
        SecRule ARGS "@rx x" "id:2,phase:2,pass,sanitiseArg:pass""#;
    let report = send(&rules(text), "/?card=4111&pass=x&b=x", &[], b"");
    let values: Vec<&[u8]> = report
        .matches
        .iter()
        .flat_map(|one| &one.hits)
        .map(|hit| hit.value.as_slice())
        .collect();
    assert_eq!(values, [&b""[..], b"", b"x"]);
}

#[test]
fn what_the_engine_does_not_know_does_not_load() {
    for (text, message) in [
        ("SecFoo On", "t:1: unknown directive SecFoo"),
        (
            "\nSecRule ARGS \"@foo\" \"id:1\"",
            "t:2: unknown operator @foo",
        ),
        ("SecRule ARGS \"x\" \"id:1,foo\"", "t:1: unknown action foo"),
        (
            "SecRule ARGS \"x\" \"id:1,t:foo\"",
            "t:1: unknown transformation t:foo",
        ),
        ("SecRule ARGZ \"x\" \"id:1\"", "t:1: unknown variable ARGZ"),
        ("SecRule ARGS \"x\" \"phase:1\"", "t:1: the rule has no id"),
        (
            "SecAction \"id:1\"\nSecAction \"id:1\"",
            "t:2: rule id 1 is used already at t:1",
        ),
        (
            "SecRule ARGS \"a(?=b)\" \"id:1\"",
            "t:1: regular expression uses look-ahead",
        ),
        (
            "SecRule ARGS \"x\" \"id:1,chain\"",
            "t:1: the rule ends with chain",
        ),
        ("SecRuleScript a.lua", "t:1: directive"),
    ] {
        let mut builder = Builder::new();
        let error = builder.inline("t", text).expect_err(text).to_string();
        let expected = message
            .strip_prefix("t:1: directive")
            .map_or(message, |_| "t:1: SecRuleScript is not supported");
        assert!(error.starts_with(expected), "{error}");
    }
}

#[test]
fn the_clock_is_given() {
    let rules = rules(
        "SecRule TIME_HOUR \"@eq 8\" \"id:1,phase:1,pass,msg:'%{TIME_YEAR} %{TIME_MON} %{TIME_DAY} %{TIME_WDAY} %{TIME}'\"",
    );
    let mut transaction = rules.transaction();
    transaction.time(1_764_547_199, 9 * 3600);
    transaction.request_line(b"GET", b"/", b"HTTP/1.1");
    transaction.request_headers();
    let report = transaction.finish();
    assert_eq!(
        report.matches[0].message,
        b"2025 11 1 1 08:59:59".map(|byte| byte).as_slice()
    );
}

proptest::proptest! {
    /// Whatever is fed, the engine answers.
    #[test]
    fn no_request_panics(
        uri in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..60),
        header in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..60),
        kind in proptest::sample::select(vec!["application/json", "text/xml", "multipart/form-data; boundary=B", "application/x-www-form-urlencoded", "x"]),
        body in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200),
    ) {
        let rules = rules(r#"SecRule REQUEST_HEADERS:Content-Type "@rx json" "id:1,phase:1,pass,nolog,ctl:requestBodyProcessor=JSON"
            SecRule REQUEST_HEADERS:Content-Type "@rx xml" "id:2,phase:1,pass,nolog,ctl:requestBodyProcessor=XML,ctl:forceRequestBodyVariable=On"
            SecRule ARGS|ARGS_NAMES|REQUEST_HEADERS|REQUEST_COOKIES|REQUEST_BODY|XML:/* "@rx (a|%)" "id:3,phase:2,pass,capture,t:none,t:utf8toUnicode,t:urlDecodeUni,t:htmlEntityDecode,t:jsDecode,t:cssDecode,t:cmdLine,setvar:'tx.x_%{MATCHED_VAR_NAME}=+1'"
            SecRule ARGS|REQUEST_URI "@detectSQLi" "id:4,phase:2,pass,multiMatch,t:normalizePath,t:base64Decode"
            SecRule ARGS|REQUEST_URI "@detectXSS" "id:5,phase:2,pass""#);
        let mut transaction = rules.transaction();
        transaction.request_line(b"POST", &uri, b"HTTP/1.1");
        transaction.request_header(b"Cookie", &header);
        transaction.request_header(&header, &header);
        transaction.request_header(b"Content-Type", kind.as_bytes());
        transaction.request_headers();
        for chunk in body.chunks(7) {
            transaction.request_body_chunk(chunk);
        }
        transaction.request_body();
        proptest::prop_assert!(transaction.finish().decision.passes());
    }

    /// Whatever stands in a rule file, reading it ends.
    #[test]
    fn no_rule_file_panics(text in "(Sec(Rule|Action|Marker|DefaultAction)|[ \"'\\\\\n,:|!&@]|ARGS|rx|id:[0-9]|phase:2|%\\{tx\\.a\\}|setvar:|ctl:|/|=|[a-z(\\[{*])") {
        let _ = Builder::new().inline("t", &text).map(|builder| std::mem::take(builder).build());
    }
}
