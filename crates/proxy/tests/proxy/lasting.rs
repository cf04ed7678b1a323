//! What lasts as long as its visitor wants: tunnels and streams of events. It arrives as it is said,
//! outlives waits that are meant for pages, and takes nothing away from those who ask for pages.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use mamori_proxy::{Outcome, PolicyParts, UpstreamTrouble, WafMode};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::broadcast;

use crate::support::site::Behind;
use crate::support::wire::{Plain, ask, get};
use crate::support::{Gateway, RULES, firewall, parts};

const UPGRADE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\n";

async fn open_as(client: [u8; 4], gateway: SocketAddr) -> Plain {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((Ipv4Addr::from(client), 0).into()).unwrap();
    Plain::from(socket.connect(gateway).await.unwrap())
}

#[tokio::test]
async fn tunnels_have_places_of_their_own_and_a_client_its_share_of_them() {
    let behind = Behind::start().await;
    let mut parts = parts(&[behind.address]);
    let pool = &mut parts.sites[0].pool;
    (pool.connections, pool.connections_of_client) = (1, 1);
    (pool.lasting, pool.lasting_of_client) = (3, 2);
    let mut gateway = Gateway::start(parts);
    let mut tunnels = Vec::new();
    for client in [[127, 0, 0, 2], [127, 0, 0, 2], [127, 0, 0, 3]] {
        let mut plain = open_as(client, gateway.http).await;
        plain.send(get("/socket", UPGRADE)).await;
        assert_eq!(plain.answer().await.unwrap().status, 101);
        // What holds no place any more is asked through the only one that there is.
        assert_eq!(ask(gateway.http, get("/", "")).await.status, 200);
        assert_eq!(gateway.outcome().await, Outcome::Served);
        tunnels.push(plain);
    }
    for client in [[127, 0, 0, 2], [127, 0, 0, 4]] {
        let mut plain = open_as(client, gateway.http).await;
        plain.send(get("/socket", UPGRADE)).await;
        let begun = std::time::Instant::now();
        let answer = plain.answer().await.unwrap();
        assert_eq!(answer.status, 503, "its share, then all of them");
        assert!(begun.elapsed() < Duration::from_secs(2), "said at once");
        assert_eq!(
            gateway.outcome().await,
            Outcome::Upstream(UpstreamTrouble::Busy)
        );
        plain.send(get("/", "")).await;
        assert_eq!(plain.answer().await.unwrap().status, 200);
        assert_eq!(gateway.outcome().await, Outcome::Served);
    }
    // A refused tunnel takes no place away, and one that ended gives its own back.
    drop(tunnels.remove(0));
    assert_eq!(gateway.outcome().await, Outcome::Tunnel);
    let mut plain = open_as([127, 0, 0, 2], gateway.http).await;
    plain.send(get("/plain", UPGRADE)).await;
    assert_eq!(plain.answer().await.unwrap().status, 200);
    plain.send(get("/socket", UPGRADE)).await;
    assert_eq!(plain.answer().await.unwrap().status, 101);
}

/// A site that says one event to whoever is connected each time it is told to.
async fn events() -> (SocketAddr, broadcast::Sender<&'static str>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (say, _) = broadcast::channel(16);
    let sayer = say.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut said = sayer.subscribe();
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(stream.read_u8().await.unwrap());
                }
                let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n\
                     Cache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n\r\n";
                let mut next = ": welcome";
                stream.write_all(head.as_bytes()).await.unwrap();
                loop {
                    let text = format!("{:x}\r\n{next}\n\n\r\n", next.len() + 2);
                    if stream.write_all(text.as_bytes()).await.is_err() {
                        return;
                    }
                    match said.recv().await {
                        Ok("end") | Err(_) => break,
                        Ok(text) => next = text,
                    }
                }
                let _ = stream.write_all(b"0\r\n\r\n").await;
            });
        }
    });
    (address, say)
}

/// Reads until this was said; what is held back never comes.
async fn hears(plain: &mut Plain, text: &str) {
    let mut heard = Vec::new();
    let read = async {
        while !String::from_utf8_lossy(&heard).contains(text) {
            let mut some = [0; 4096];
            let count = plain.stream.read(&mut some).await.unwrap();
            assert!(count > 0, "it ended: {}", String::from_utf8_lossy(&heard));
            heard.extend_from_slice(&some[..count]);
        }
    };
    let read = tokio::time::timeout(Duration::from_secs(5), read).await;
    assert!(read.is_ok(), "{text} is held back");
}

/// Every wait that is meant for pages is over long before the next event.
fn impatient(upstream: SocketAddr) -> PolicyParts {
    let mut parts = parts(&[upstream]);
    let short = Duration::from_millis(100);
    let pool = &mut parts.sites[0].pool;
    (pool.answer_within, pool.stall, pool.wait) = (short, short, short);
    let limits = &mut parts.limits;
    (limits.stall, limits.idle, limits.grace) = (short, short, short);
    limits.least_rate = 1_000_000;
    limits.tunnel_idle = Duration::from_secs(3);
    parts
}

const PAUSE: Duration = Duration::from_secs(1);

#[tokio::test]
async fn events_arrive_one_by_one_and_are_not_cut_whatever_inspects_them() {
    for (mode, responses) in [
        (WafMode::Off, false),
        (WafMode::Block, false),
        (WafMode::Block, true),
    ] {
        let (upstream, say) = events().await;
        let mut parts = impatient(upstream);
        if mode != WafMode::Off {
            parts.sites[0].firewall = firewall(mode);
            // The worst case: a rule set that wants to read such answers too.
            let mut builder = mamori_waf::Builder::new();
            builder.inline("test", RULES).unwrap();
            let types = "SecResponseBodyMimeType text/html text/event-stream";
            builder.inline("test", types).unwrap();
            parts.sites[0].firewall.rules = Some(builder.build().unwrap());
            parts.sites[0].firewall.responses = responses;
        }
        let mut gateway = Gateway::start(parts);
        let mut plain = Plain::open(gateway.http).await;
        plain
            .send(get("/events", "Accept: text/event-stream\r\n"))
            .await;
        hears(&mut plain, ": welcome").await;
        for text in ["data: one", "data: two", "data: three"] {
            tokio::time::sleep(PAUSE).await;
            say.send(text).unwrap();
            hears(&mut plain, text).await;
        }
        say.send("end").unwrap();
        hears(&mut plain, "0\r\n\r\n").await;
        let access = gateway.access().await;
        assert_eq!((access.outcome, access.status), (Outcome::Served, 200));
        assert!(access.complete);
    }
}

#[tokio::test]
async fn a_stream_that_says_nothing_for_too_long_ends() {
    let (upstream, _say) = events().await;
    let mut parts = impatient(upstream);
    parts.limits.tunnel_idle = Duration::from_millis(500);
    let mut gateway = Gateway::start(parts);
    let mut plain = Plain::open(gateway.http).await;
    plain.send(get("/events", "")).await;
    hears(&mut plain, ": welcome").await;
    let access = gateway.access().await;
    assert!(!access.complete);
}

#[tokio::test]
async fn streams_of_events_count_as_what_lasts() {
    let (upstream, say) = events().await;
    let mut parts = impatient(upstream);
    let pool = &mut parts.sites[0].pool;
    (pool.connections, pool.connections_of_client) = (1, 1);
    (pool.lasting, pool.lasting_of_client) = (2, 2);
    let gateway = Gateway::start(parts);
    let mut streams = Vec::new();
    for _ in 0..2 {
        let mut plain = Plain::open(gateway.http).await;
        plain.send(get("/events", "")).await;
        hears(&mut plain, ": welcome").await;
        streams.push(plain);
    }
    let answer = ask(gateway.http, get("/events", "")).await;
    assert_eq!(answer.status, 503);
    say.send("data: still").unwrap();
    for plain in &mut streams {
        hears(plain, "data: still").await;
    }
}
