//! Clients that take their time, and clients that take too much.

use std::time::{Duration, Instant};

use mamori_proxy::{Outcome, PolicyParts, Refusal};

use crate::support::site::Behind;
use crate::support::wire::{Plain, ask, get, request, two_with_window};
use crate::support::{Gateway, HOST, parts, tls_parts};

fn hurried(mut parts: PolicyParts) -> PolicyParts {
    let limits = &mut parts.limits;
    limits.head_within = Duration::from_millis(400);
    limits.handshake_within = Duration::from_millis(400);
    limits.idle = Duration::from_millis(600);
    limits.stall = Duration::from_millis(400);
    limits.grace = Duration::from_millis(600);
    limits.least_rate = 1000;
    limits.linger = Duration::from_millis(50);
    parts
}

#[tokio::test]
async fn a_head_that_drips_in_is_cut_off() {
    let behind = Behind::start().await;
    let mut gateway = Gateway::start(hurried(parts(&[behind.address])));
    let mut plain = Plain::open(gateway.http).await;
    let begun = Instant::now();
    plain.send("GET / HTTP/1.1\r\n").await;
    for _ in 0..20 {
        use tokio::io::AsyncWriteExt as _;
        tokio::time::sleep(Duration::from_millis(50)).await;
        if plain.stream.write_all(b"X-A: b\r\n").await.is_err() {
            break;
        }
    }
    assert!(plain.ends().await);
    assert!(begun.elapsed() < Duration::from_secs(3));
    assert_eq!(gateway.refusal().await, Refusal::TooSlow);
    assert!(behind.seen().is_empty());
}

#[tokio::test]
async fn a_connection_that_asks_nothing_is_closed_without_a_word() {
    let behind = Behind::start().await;
    let mut gateway = Gateway::start(hurried(parts(&[behind.address])));
    let mut silent = Plain::open(gateway.http).await;
    let mut kept = Plain::open(gateway.http).await;
    kept.send(get("/", "")).await;
    assert_eq!(kept.answer().await.unwrap().status, 200);
    assert!(silent.ends().await);
    assert!(kept.ends().await);
    gateway.access().await;
    gateway.silence().await;
    assert_eq!(gateway.server.connections(), 0);
}

#[tokio::test]
async fn a_body_that_stops_or_drips_is_refused() {
    let behind = Behind::start().await;
    let mut gateway = Gateway::start(hurried(parts(&[behind.address])));
    let head = format!("POST / HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 1000\r\n\r\n");
    let mut stopped = Plain::open(gateway.http).await;
    stopped.send(format!("{head}abc")).await;
    assert_eq!(stopped.answer().await.unwrap().status, 408);
    assert_eq!(gateway.outcome().await, Outcome::Refused(Refusal::TooSlow));

    let mut drips = Plain::open(gateway.http).await;
    drips.send(&head).await;
    let (mut reader, mut writer) = drips.stream.split();
    let drip = async {
        use tokio::io::AsyncWriteExt as _;
        loop {
            tokio::time::sleep(Duration::from_millis(100)).await;
            if writer.write_all(b"x").await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    };
    let read = async {
        use tokio::io::AsyncReadExt as _;
        let mut all = vec![0; 64];
        let count = reader.read(&mut all).await.unwrap();
        String::from_utf8_lossy(&all[..count]).into_owned()
    };
    let begun = Instant::now();
    let answer = tokio::select! {
        answer = read => answer,
        () = drip => unreachable!(),
    };
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(begun.elapsed() < Duration::from_secs(4));
    assert_eq!(gateway.outcome().await, Outcome::Refused(Refusal::TooSlow));
    assert!(behind.seen().iter().all(|seen| !seen.complete));
}

#[tokio::test]
async fn an_answer_that_nobody_takes_is_given_up() {
    let behind = Behind::start().await;
    let mut gateway = Gateway::start(hurried(parts(&[behind.address])));
    let mut plain = Plain::open(gateway.http).await;
    plain.send(get("/large", "")).await;
    let access = gateway.access().await;
    assert!(!access.complete);
    assert!(access.bytes_out < 16 << 20);
    assert_eq!(access.status, 200);
}

#[tokio::test]
async fn a_site_that_takes_its_time_is_not_the_clients_fault() {
    let behind = Behind::start().await;
    let mut gateway = Gateway::start(hurried(parts(&[behind.address])));
    let answer = ask(gateway.http, get("/slow", "")).await;
    assert_eq!(
        answer.text(),
        "late",
        "three seconds are longer than every limit of clients"
    );
    assert_eq!(gateway.outcome().await, Outcome::Served);
}

#[tokio::test]
async fn a_handshake_has_its_time() {
    let behind = Behind::start().await;
    let (parts, root) = tls_parts(&[behind.address]);
    let mut gateway = Gateway::start_with(hurried(parts), root);
    let mut silent = Plain::open(gateway.https).await;
    assert!(silent.ends().await);
    assert_eq!(gateway.refusal().await, Refusal::TooSlow);
    let mut plain = Plain::open(gateway.https).await;
    plain.send(get("/", "")).await;
    while let Some(answer) = tokio::time::timeout(Duration::from_secs(5), async {
        use tokio::io::AsyncReadExt as _;
        let mut byte = [0; 64];
        plain
            .stream
            .read(&mut byte)
            .await
            .ok()
            .filter(|count| *count > 0)
    })
    .await
    .unwrap()
    {
        assert!(answer < 64, "an alert at most");
    }
    assert_eq!(gateway.refusal().await, Refusal::Tls);
}

#[tokio::test]
async fn a_client_has_only_so_many_connections() {
    let behind = Behind::start().await;
    let mut parts = parts(&[behind.address]);
    parts.limits.connections_of_client = 3;
    let mut gateway = Gateway::start(parts);
    let mut open = Vec::new();
    for _ in 0..3 {
        let mut plain = Plain::open(gateway.http).await;
        plain.send(get("/", "")).await;
        assert_eq!(plain.answer().await.unwrap().status, 200);
        gateway.access().await;
        open.push(plain);
    }
    let mut fourth = Plain::open(gateway.http).await;
    assert!(fourth.ends().await);
    assert_eq!(gateway.refusal().await, Refusal::TooManyOfClient);
    open.pop();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(ask(gateway.http, get("/", "")).await.status, 200);
}

#[tokio::test]
async fn a_client_of_http2_that_opens_no_window_is_left() {
    let behind = Behind::start().await;
    let (parts, root) = tls_parts(&[behind.address]);
    let mut parts = hurried(parts);
    let pool = &mut parts.sites[0].pool;
    pool.answer_within = Duration::from_millis(500);
    pool.stall = Duration::from_millis(500);
    pool.wait = Duration::from_millis(100);
    let mut gateway = Gateway::start_with(parts, root);
    let mut sender = two_with_window(&gateway, 1000).await;
    let answer = sender
        .send_request(request("GET", "/large", ""))
        .await
        .unwrap();
    assert_eq!(gateway.refusal().await, Refusal::TooSlow);
    let access = gateway.access().await;
    assert!(!access.complete && access.bytes_out < 1 << 20);
    drop(answer);
    assert_eq!(gateway.server.connections(), 0);
}
