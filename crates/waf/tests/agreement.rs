//! Decisions compared with libmodsecurity's on the same requests with the same rules.

mod support;

use std::collections::BTreeMap;
use std::sync::Arc;

use mamori_waf::{Builder, RuleSet};
use support::corpus::{ATTACKS, benign, posts, refused_by_the_rules};
use support::ftw;
use support::peer::Peer;
use support::request::{Request, describe};

/// Requests of the Core Rule Set's own tests that we let pass and the peer refuses, by the start of
/// their names, each with the reason. One that is not listed fails the run, and so does a list that
/// names one that agrees.
const PASS_HERE: &[(&str, &str)] = &[
    (
        "920100-16",
        "the peer keeps scheme and host in REQUEST_FILENAME, where a rule finds its own host",
    ),
    (
        "920120-39",
        "a part whose name is empty: the test says that it passes, the peer calls the body malformed",
    ),
    (
        "920470-1",
        "the peer takes an empty body of XML for malformed",
    ),
    (
        "921421-",
        "the peer takes an empty body of XML for malformed",
    ),
    (
        "921422-",
        "the peer takes an empty body of XML for malformed",
    ),
    (
        "922110-",
        "the tests say that these pass; the peer's list of part headers differs",
    ),
    (
        "9441",
        "the tests say that these pass; the peer fills REQUEST_BODY for XML too",
    ),
];

/// Of all requests of the Core Rule Set's tests this share is judged alike.
const ALIKE: f64 = 0.99;

/// Requests of the regression tests with the names of their tests.
fn requests_of_the_rules(crs: &std::path::Path) -> Vec<(String, Request)> {
    ftw::all(crs)
        .into_iter()
        .flat_map(|(name, test)| {
            test.stages
                .into_iter()
                .map(move |stage| (name.clone(), ftw::request(&stage.input)))
        })
        .collect()
}

#[test]
fn japanese_requests_are_judged_alike() {
    let Some(crs) = support::crs() else { return };
    let Some(peer) = Peer::production(&crs) else {
        return;
    };
    let rules = support::production(&crs, true);
    let mut all = benign();
    all.extend(posts());
    all.extend(refused_by_the_rules());
    all.extend(
        ATTACKS
            .iter()
            .map(|uri| (format!("attack {uri}"), Request::get(uri))),
    );
    let requests: Vec<&Request> = all.iter().map(|(_, request)| request).collect();
    let mut wrong = Vec::new();
    for ((name, request), outcome) in all.iter().zip(peer.run(&requests, 1)) {
        let report = request.inspect(&rules);
        if report.decision.passes() != (outcome.status == 200) {
            wrong.push(format!(
                "{name}: peer {} {:?}; ours {}",
                outcome.status,
                outcome.ids,
                describe(&report)
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} differ:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn requests_of_the_core_rule_set_are_judged_alike() {
    let Some(crs) = support::crs() else { return };
    let Some(peer) = Peer::production(&crs) else {
        return;
    };
    let rules = support::production(&crs, true);
    let all = requests_of_the_rules(&crs);
    let requests: Vec<&Request> = all.iter().map(|(_, request)| request).collect();
    let listed: BTreeMap<&str, &str> = PASS_HERE.iter().copied().collect();
    let (mut alike, mut looser) = (0, Vec::new());
    let mut stricter = Vec::new();
    for ((name, request), outcome) in all.iter().zip(peer.run(&requests, 1)) {
        let report = request.inspect(&rules);
        match (report.decision.passes(), outcome.status == 200) {
            (true, false) => looser.push(format!(
                "{name}: peer {} {:?}; ours {}",
                outcome.status,
                outcome.ids,
                describe(&report)
            )),
            (false, true) => stricter.push(format!("{name}: {}", describe(&report))),
            _ => alike += 1,
        }
    }
    eprintln!(
        "{alike} of {} alike, {} stricter here, {} looser",
        all.len(),
        stricter.len(),
        looser.len()
    );
    for line in &stricter {
        eprintln!("stricter {line}");
    }
    for name in listed.keys() {
        assert!(
            looser.iter().any(|line| line.starts_with(name)),
            "{name} is listed but agrees; take it out"
        );
    }
    looser.retain(|line| !listed.keys().any(|name| line.starts_with(name)));
    assert!(looser.is_empty(), "looser:\n{}", looser.join("\n"));
    assert!(f64::from(alike) >= ALIKE * all.len() as f64);
}

/// libinjection in Rust and in C find the same in every value of the regression tests and of our
/// own texts.
#[test]
fn libinjection_finds_the_same_as_in_c() {
    const RULES: &str = "SecRuleEngine On\nSecRequestBodyAccess On\nSecRequestBodyNoFilesLimit 1310720\n\
        SecRule ARGS|ARGS_NAMES|REQUEST_HEADERS|REQUEST_COOKIES \"@detectSQLi\" \"id:1,phase:2,pass,log,t:none,t:urlDecodeUni\"\n\
        SecRule ARGS|ARGS_NAMES|REQUEST_HEADERS|REQUEST_COOKIES \"@detectXSS\" \"id:2,phase:2,pass,log,t:none,t:urlDecodeUni\"\n";
    let Some(crs) = support::crs() else { return };
    let Some(peer) = Peer::build(&crs, RULES, &[]) else {
        return;
    };
    let rules = inline(RULES);
    let mut all = requests_of_the_rules(&crs);
    all.extend(benign());
    all.extend(posts());
    // What only one of the two readers of a request sees is no matter of libinjection.
    all.retain(|(_, request)| {
        request
            .headers
            .iter()
            .all(|(name, value)| !name.contains(&b'_') && !value.contains(&b'\r'))
    });
    let requests: Vec<&Request> = all.iter().map(|(_, request)| request).collect();
    let mut wrong = Vec::new();
    for ((name, request), outcome) in all.iter().zip(peer.run(&requests, 1)) {
        let report = request.inspect(&rules);
        for id in [1, 2] {
            if report.has(id) != outcome.ids.contains(&id) {
                wrong.push(format!(
                    "{name} {id}: peer {:?}; ours {}",
                    outcome.ids,
                    describe(&report)
                ));
            }
        }
    }
    eprintln!("{} of {} requests differ", wrong.len(), all.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn inline(text: &str) -> Arc<RuleSet> {
    let mut builder = Builder::new();
    builder.inline("differential", text).expect("rules");
    builder.build().expect("rules")
}
