//! Clients that hold what others need: connections to the site, memory for bodies, places.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use mamori_proxy::{Event, Outcome, PolicyParts, Refusal, UpstreamTrouble, WafMode};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpSocket;

use crate::support::site::Behind;
use crate::support::wire::{Plain, ask, get, post, request, two_with_window};
use crate::support::{Gateway, HOST, firewall, parts, tls_parts};

/// Somebody else than all those who come from 127.0.0.1.
const VISITOR: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
/// What a visitor may wait for at most, where all is held by slow clients: they count as slow after
/// a second, and the gateway waits ten before it says that the site is busy.
const SOON: Duration = Duration::from_secs(4);

fn scarce(mut parts: PolicyParts) -> PolicyParts {
    parts.sites[0].pool.connections = 4;
    parts
}

/// One request of a visitor; gives its status, in time.
async fn visit(gateway: SocketAddr, bytes: String) -> u16 {
    let asked = async {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((VISITOR, 0).into()).unwrap();
        let mut plain = Plain::from(socket.connect(gateway).await.unwrap());
        plain.send(bytes).await;
        plain.answer().await.expect("an answer").status
    };
    let begun = Instant::now();
    let status = tokio::time::timeout(Duration::from_secs(15), asked).await;
    assert!(begun.elapsed() < SOON, "after {:?}", begun.elapsed());
    status.unwrap()
}

#[tokio::test]
async fn readers_that_take_nothing_make_room_for_visitors() {
    let behind = Behind::start().await;
    let gateway = Gateway::start(scarce(parts(&[behind.address])));
    let mut readers = Vec::new();
    for _ in 0..8 {
        let mut plain = Plain::open(gateway.http).await;
        plain.send(get("/large", "")).await;
        readers.push(plain);
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    for _ in 0..3 {
        assert_eq!(visit(gateway.http, get("/", "")).await, 200);
    }
    drop(readers);
}

#[tokio::test]
async fn a_connection_of_http2_without_windows_makes_room_for_visitors() {
    let behind = Behind::start().await;
    let (parts, root) = tls_parts(&[behind.address]);
    let gateway = Gateway::start_with(scarce(parts), root);
    let mut sender = two_with_window(&gateway, 1).await;
    let mut answers = Vec::new();
    for _ in 0..4 {
        answers.push(sender.send_request(request("GET", "/large", "")).await);
    }
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(visit(gateway.http, get("/", "")).await, 200);
}

#[tokio::test]
async fn uploads_that_drip_make_room_for_visitors() {
    let behind = Behind::start().await;
    let gateway = Gateway::start(scarce(parts(&[behind.address])));
    let mut uploads = Vec::new();
    for _ in 0..4 {
        let mut plain = Plain::open(gateway.http).await;
        // Without a firewall a body passes as it comes.
        plain
            .send(&post("/sink", "", &"x".repeat(100_000))[..1000])
            .await;
        uploads.push(plain);
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(visit(gateway.http, post("/form", "", "a=b")).await, 200);
    drop(uploads);
}

#[tokio::test]
async fn bodies_that_only_were_announced_make_room_for_forms() {
    let behind = Behind::start().await;
    let mut parts = parts(&[behind.address]);
    parts.sites[0].firewall = firewall(WafMode::Block);
    parts.inspection.memory = 500 * 1024;
    let mut gateway = Gateway::start(parts);
    let announced =
        format!("POST /form HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 250000\r\n\r\n");
    let mut waiting = Vec::new();
    for _ in 0..2 {
        let mut plain = Plain::open(gateway.http).await;
        plain.send(&announced).await;
        waiting.push(plain);
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    let form = post("/form", "", &"a=b&".repeat(5000));
    assert_eq!(visit(gateway.http, form).await, 200);
    // Told when one of the two had to go; what they asked for is on record as well.
    loop {
        if let Event::Refused { refusal, .. } = gateway.event().await {
            assert_eq!(refusal, Refusal::TooSlow);
            break;
        }
    }
    drop(waiting);
}

#[tokio::test]
async fn who_keeps_the_pace_is_not_sent_away_for_others() {
    let behind = Behind::start().await;
    let mut parts = parts(&[behind.address]);
    parts.sites[0].pool.connections = 1;
    parts.sites[0].pool.wait = Duration::from_millis(2500);
    let mut gateway = Gateway::start(parts);
    let mut reader = Plain::open(gateway.http).await;
    reader.send(get("/large", "")).await;
    let reads = async {
        // About a megabyte a second.
        let mut buffer = vec![0; 100 * 1024];
        loop {
            tokio::time::sleep(Duration::from_millis(100)).await;
            reader
                .stream
                .read_exact(&mut buffer)
                .await
                .expect("it goes on");
        }
    };
    let asks = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        ask(gateway.http, get("/", "")).await.status
    };
    let status = tokio::select! {
        status = asks => status,
        () = reads => unreachable!(),
    };
    assert_eq!(status, 503, "the site is busy for as long");
    assert_eq!(
        gateway.outcome().await,
        Outcome::Upstream(UpstreamTrouble::Busy)
    );
    reader.stream.read_exact(&mut [0; 1024]).await.unwrap();
}

#[tokio::test]
async fn one_client_cannot_ask_for_all_of_the_site_at_once() {
    let behind = Behind::start().await;
    let mut parts = scarce(parts(&[behind.address]));
    parts.sites[0].pool.connections_of_client = 3;
    let gateway = Gateway::start(parts);
    let mut busy = Vec::new();
    for _ in 0..12 {
        let mut plain = Plain::open(gateway.http).await;
        plain.send(get("/slow", "")).await;
        busy.push(plain);
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    let begun = Instant::now();
    assert_eq!(visit(gateway.http, get("/", "")).await, 200);
    assert!(begun.elapsed() < Duration::from_secs(1), "at once");
    drop(busy);
}

#[tokio::test]
async fn unused_connections_are_closed_sooner_where_places_are_scarce() {
    let behind = Behind::start().await;
    let mut parts = parts(&[behind.address]);
    parts.limits.connections = 4;
    parts.limits.idle = Duration::from_secs(8);
    parts.limits.stall = Duration::from_secs(1);
    let gateway = Gateway::start(parts);
    let mut idle = Vec::new();
    for _ in 0..3 {
        idle.push(Plain::open(gateway.http).await);
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(gateway.server.connections(), 3, "there is room");
    idle.push(Plain::open(gateway.http).await);
    let begun = Instant::now();
    let closed = |plain: &Plain| matches!(plain.stream.try_read(&mut [0]), Ok(0));
    while !idle.iter().any(closed) {
        assert!(begun.elapsed() < SOON);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(visit(gateway.http, get("/", "")).await, 200);
}
