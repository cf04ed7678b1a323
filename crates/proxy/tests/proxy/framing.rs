//! Attacks on framing: 400, one event, nothing at the site.

use std::sync::atomic::Ordering;

use mamori_proxy::framing::Fault;
use mamori_proxy::{Event, Outcome, Refusal};
use proptest::prelude::*;

use crate::support::site::Behind;
use crate::support::wire::{Plain, get};
use crate::support::{Gateway, HOST, parts};

#[tokio::test]
async fn what_two_readers_could_understand_differently_is_answered_with_400_and_told_once() {
    let behind = Behind::start().await;
    let mut gateway = Gateway::start(parts(&[behind.address]));
    let with = |fields: &str| {
        format!(
            "POST / HTTP/1.1\r\nHost: {HOST}\r\n{fields}\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: {HOST}\r\n\r\n"
        )
    };
    let cases = [
        (
            with("Content-Length: 5\r\nTransfer-Encoding: chunked"),
            Fault::LengthAndEncoding,
        ),
        (
            with("Transfer-Encoding: chunked\r\nContent-Length: 5"),
            Fault::LengthAndEncoding,
        ),
        (
            with("Content-Length: 5\r\nContent-Length: 5"),
            Fault::ManyLengths,
        ),
        (
            with("Content-Length: 5\r\nContent-Length: 50"),
            Fault::ManyLengths,
        ),
        (
            with("Transfer-Encoding: chunked, identity"),
            Fault::Encoding,
        ),
        (with("Transfer-Encoding:\x0bchunked"), Fault::FieldValue),
        (with("Transfer-Encoding : chunked"), Fault::FieldName),
        (with("X: y\r\n Transfer-Encoding: chunked"), Fault::Folded),
        (with("X: y\nTransfer-Encoding: chunked"), Fault::LineEnd),
        (with("X: y\0"), Fault::FieldValue),
        (with(&format!("Host: {HOST}")), Fault::ManyHosts),
        ("GET / HTTP/1.1\r\n\r\n".to_owned(), Fault::NoHost),
        (
            format!("GET http://other.example/ HTTP/1.1\r\nHost: {HOST}\r\n\r\n"),
            Fault::HostMismatch,
        ),
        (
            format!("GET /\x7f HTTP/1.1\r\nHost: {HOST}\r\n\r\n"),
            Fault::Target,
        ),
        (
            format!("CONNECT {HOST}:443 HTTP/1.1\r\nHost: {HOST}\r\n\r\n"),
            Fault::Target,
        ),
        (
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(),
            Fault::Version,
        ),
        ("\x16\x03\x01\x02\x00\x01\x00\n".to_owned(), Fault::LineEnd),
        (
            format!("GET /{} HTTP/1.1\r\nHost: {HOST}\r\n\r\n", "a".repeat(9000)),
            Fault::TargetTooLong,
        ),
        (
            with(&format!("X: {}", "a".repeat(40_000))),
            Fault::HeadTooLarge,
        ),
        // Passes the scanner, but not the reader of addresses behind it.
        (
            format!("GET /a\"b<c HTTP/1.1\r\nHost: {HOST}\r\n\r\n"),
            Fault::Malformed,
        ),
    ];
    for (bytes, fault) in cases {
        let mut plain = Plain::open(gateway.http).await;
        plain.send(&bytes).await;
        if fault == Fault::Malformed {
            // Some readers take such targets: then it simply passes.
            let answer = plain.answer().await.unwrap();
            if answer.status == 200 {
                gateway.access().await;
                continue;
            }
        } else {
            let answer = plain.answer().await.unwrap();
            assert_eq!(answer.status, fault.status(), "{bytes:?}");
            let id = answer.field("x-request-id").unwrap().to_owned();
            assert!(answer.text().contains(&id));
            assert!(plain.ends().await, "nothing more is read after {bytes:?}");
        }
        assert_eq!(
            gateway.refusal().await,
            Refusal::Framing(fault),
            "{bytes:?}"
        );
        gateway.silence().await;
    }
    assert!(
        behind
            .seen()
            .iter()
            .all(|seen| !seen.uri.contains("smuggled"))
    );
}

#[tokio::test]
async fn a_refusal_within_a_pipeline_comes_after_the_answers_before_it() {
    let behind = Behind::start().await;
    let mut gateway = Gateway::start(parts(&[behind.address]));
    let mut plain = Plain::open(gateway.http).await;
    plain
        .send(format!(
            "{}GET / HTTP/1.1\r\nBad Name: x\r\n\r\n{}",
            get("/good", ""),
            get("/after", "")
        ))
        .await;
    assert_eq!(plain.answer().await.unwrap().text(), "GET /good 0");
    assert_eq!(plain.answer().await.unwrap().status, 400);
    assert!(plain.ends().await);
    assert_eq!(gateway.outcome().await, Outcome::Served);
    assert_eq!(gateway.refusal().await, Refusal::Framing(Fault::FieldName));
    gateway.silence().await;
    assert_eq!(behind.seen().len(), 1);
}

#[tokio::test]
async fn a_broken_chunk_ends_the_request_and_is_told_once() {
    let behind = Behind::start().await;
    let mut gateway = Gateway::start(parts(&[behind.address]));
    for body in [
        "3\r\nabcX\r\n",
        "zz\r\n",
        "3\nabc\r\n",
        "3\r\nabc\r\n0\r\nbad trailer\r\n\r\n",
    ] {
        let mut plain = Plain::open(gateway.http).await;
        plain
            .send(format!(
                "POST / HTTP/1.1\r\nHost: {HOST}\r\nTransfer-Encoding: chunked\r\n\r\n{body}"
            ))
            .await;
        assert_eq!(plain.answer().await.unwrap().status, 400, "{body:?}");
        let outcome = gateway.outcome().await;
        assert!(
            matches!(
                outcome,
                Outcome::Refused(Refusal::Framing(Fault::Chunk | Fault::Trailer))
            ),
            "{body:?}: {outcome:?}"
        );
        gateway.silence().await;
    }
    assert!(behind.seen().iter().all(|seen| !seen.complete));
}

#[tokio::test]
async fn a_body_that_ends_early_is_not_passed_as_whole() {
    use tokio::io::AsyncWriteExt as _;
    let behind = Behind::start().await;
    let mut gateway = Gateway::start(parts(&[behind.address]));
    let mut plain = Plain::open(gateway.http).await;
    plain
        .send(format!(
            "POST / HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 100\r\n\r\nabc"
        ))
        .await;
    plain.stream.shutdown().await.unwrap();
    let access = gateway.access().await;
    assert!(
        matches!(
            access.outcome,
            Outcome::Refused(Refusal::BodyBroken) | Outcome::Gone
        ),
        "{access:?}"
    );
    assert!(behind.seen().iter().all(|seen| !seen.complete));
}

fn piece() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => Just(get("/", "").into_bytes()),
        2 => Just(format!("POST /f HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 3\r\n\r\nabc").into_bytes()),
        2 => Just(format!("POST /f HTTP/1.1\r\nHost: {HOST}\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n").into_bytes()),
        1 => Just(b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n".to_vec()),
        1 => Just(b"\r\n".to_vec()),
        1 => proptest::collection::vec(any::<u8>(), 1..30),
    ]
}

/// Whatever is sent, the gateway answers the next client, and the site sees only whole requests.
#[test]
fn no_bytes_stop_the_gateway() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let (behind, mut gateway) = runtime.block_on(async {
        let behind = Behind::start().await;
        let gateway = Gateway::start(parts(&[behind.address]));
        (behind, gateway)
    });
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: 150,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let address = gateway.http;
    let handle = runtime.handle().clone();
    runner
        .run(&proptest::collection::vec(piece(), 1..6), |pieces| {
            handle.block_on(async {
                use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
                let mut plain = Plain::open(address).await;
                let _ = plain.stream.write_all(&pieces.concat()).await;
                let _ = plain.stream.shutdown().await;
                let mut all = Vec::new();
                let read = plain.stream.read_to_end(&mut all);
                let ended = tokio::time::timeout(std::time::Duration::from_secs(5), read).await;
                assert!(ended.is_ok(), "the connection ends");
            });
            Ok(())
        })
        .unwrap();
    let mut faults = 0;
    while let Some(event) = gateway.events.try_next() {
        faults += usize::from(matches!(event, Event::Refused { .. }));
    }
    assert!(faults > 0, "some of it was refused");
    // A client that stops sending has gone: then its body may have stopped on the way, too.
    assert!(
        behind
            .seen()
            .iter()
            .all(|seen| !seen.complete || matches!(seen.body.len(), 0 | 3))
    );
    assert!(behind.state.connections.load(Ordering::SeqCst) > 0);
    runtime.block_on(async {
        let answer = crate::support::wire::ask(address, get("/still", "")).await;
        assert_eq!(answer.text(), "GET /still 0");
    });
}
