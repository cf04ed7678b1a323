//! What `cargo xtask crs --http` is made of: requests as bytes, the site behind, the judgement; and a
//! few of the rule set's own tests through the gateway, where the rule set is on this machine.

#[path = "../examples/crs_http/judge.rs"]
mod judge;
#[path = "../examples/crs_http/run.rs"]
mod run;
#[path = "../examples/crs_http/site.rs"]
mod site;
#[path = "../../waf/tests/support/mod.rs"]
mod support;
#[path = "../examples/crs_http/wire.rs"]
mod wire;

use judge::Seen;
use support::ftw::{self, File, Stage};
use wire::Length;

fn stage(yaml: &str) -> Stage {
    let text = format!("rule_id: 1\ntests:\n  - test_id: 1\n    stages:\n{yaml}");
    let file: File = serde_saphyr::from_str(&text).expect("a test");
    let mut tests = file.tests.expect("tests");
    tests.remove(0).stages.remove(0)
}

const BARE: &str = "      - input:
          version: TEST
          uri: \"1.2.3.4:80\"
          autocomplete_headers: false
          headers:
            Host: localhost
";

#[test]
fn a_request_goes_out_as_the_test_has_it() {
    let stage = stage(&format!("{BARE}        output:\n          status: 400\n"));
    assert_eq!(
        wire::bytes(&stage.input),
        b"GET 1.2.3.4:80 TEST\r\nHost: localhost\r\n\r\n"
    );
}

#[test]
fn an_answer_is_complete_when_its_length_says_so() {
    let whole = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 3\r\n\r\nabc";
    assert_eq!(wire::status(whole, false, false), Some(403));
    assert_eq!(wire::status(&whole[..whole.len() - 1], false, false), None);
    let open = b"HTTP/1.0 200 OK\r\n\r\nabc";
    assert_eq!(wire::status(open, false, false), None);
    assert_eq!(wire::status(open, false, true), Some(200));
    let first = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No\r\n\r\n";
    assert_eq!(wire::status(first, false, false), Some(204));
    let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n";
    assert_eq!(wire::status(chunked, false, false), Some(200));
    assert_eq!(
        wire::status(&chunked[..chunked.len() - 2], false, false),
        None
    );
    assert_eq!(wire::status(b"no HTTP at all\r\n\r\n", false, true), None);
}

#[test]
fn lengths_and_chunks_are_read() {
    assert_eq!(
        wire::length(b"POST / HTTP/1.1\r\ncontent-length: 12\r\n\r\n"),
        Length::Sized(12)
    );
    assert_eq!(
        wire::length(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"),
        Length::Chunked
    );
    assert_eq!(wire::length(b"GET / HTTP/1.1\r\n\r\n"), Length::Open);
    let body = b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\nGET";
    assert_eq!(wire::chunks(body), Some((20, b"abcde".to_vec())));
    assert_eq!(wire::chunks(&body[..9]), None);
}

#[test]
fn the_site_answers_as_the_body_says() {
    let head = b"POST /reflect HTTP/1.1\r\n\r\n";
    let wanted = br#"{"status": 500, "headers": {"X-A": "b"}, "encodedBody": "YWJj"}"#;
    assert_eq!(
        site::answer(head, wanted),
        b"HTTP/1.1 500 Answer\r\nContent-Type: text/html\r\nX-A: b\r\nContent-Length: 3\r\n\r\nabc"
    );
    assert_eq!(
        site::answer(b"HEAD /get HTTP/1.1\r\n\r\n", b""),
        b"HTTP/1.1 200 Answer\r\nContent-Type: text/html\r\nContent-Length: 0\r\n\r\n"
    );
}

#[test]
fn a_stage_is_judged_by_ids_status_and_log() {
    let wanted = stage(&format!(
        "{BARE}        output:\n          status: 200\n          log:\n            expect_ids: [942100]\n            \
         no_expect_ids: [920100]\n            match_regex: 'within ARGS:x'\n"
    ));
    let seen = |status, ids: &[u64], log: &str| Seen {
        status,
        ids: ids.to_vec(),
        log: log.to_owned(),
        refused: Vec::new(),
    };
    let log = "found within ARGS:x: 1";
    assert_eq!(
        judge::wrong(&wanted, &seen(Some(200), &[942_100], log)),
        None
    );
    for other in [
        seen(Some(403), &[942_100], log),
        seen(None, &[942_100], log),
        seen(Some(200), &[], log),
        seen(Some(200), &[942_100, 920_100], log),
        seen(Some(200), &[942_100], ""),
    ] {
        assert!(judge::wrong(&wanted, &other).is_some(), "{other:?}");
    }
    let unreadable = stage(&format!(
        "{BARE}        output:\n          expect_error: true\n"
    ));
    assert_eq!(judge::wrong(&unreadable, &seen(None, &[], "")), None);
    assert!(judge::wrong(&unreadable, &seen(Some(400), &[], "")).is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn tests_of_statuses_logs_and_answers_go_through_the_gateway() {
    let Some(crs) = support::crs() else { return };
    let mut chosen = ftw::all(&crs.join("tests"));
    chosen.retain(|(name, _)| {
        ["9201", "920430", "922130", "9591"]
            .iter()
            .any(|start| name.starts_with(start))
    });
    assert!(chosen.len() > 50, "{} tests", chosen.len());
    let mut gateway = run::Gateway::start(crs).await.expect("started");
    let outcome = gateway.run_all(&chosen, false).await.expect("ran");
    let unexpected = outcome.unexpected(false);
    assert!(unexpected.is_empty(), "{unexpected:?} {:?}", outcome.failed);
    // Not everything may end as an exception.
    assert!(outcome.passed() > outcome.judged * 9 / 10);
}
