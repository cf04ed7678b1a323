//! Servers behind: several, broken ones, and ones that come back.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use mamori_proxy::{Event, Outcome, UpstreamTrouble};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::support::site::Behind;
use crate::support::wire::{Plain, ask, get, post};
use crate::support::{Gateway, parts};

#[tokio::test]
async fn several_servers_share_the_work() {
    let (one, two) = (Behind::start().await, Behind::start().await);
    let gateway = Gateway::start(parts(&[one.address, two.address]));
    for _ in 0..10 {
        assert_eq!(ask(gateway.http, get("/", "")).await.status, 200);
    }
    assert_eq!((one.seen().len(), two.seen().len()), (5, 5));
}

#[tokio::test]
async fn a_server_that_goes_is_passed_over_and_found_again() {
    let (one, two) = (Behind::start().await, Behind::start().await);
    let address = two.address;
    let mut gateway = Gateway::start(parts(&[one.address, address]));
    drop(two);
    tokio::time::sleep(Duration::from_millis(50)).await;
    for _ in 0..10 {
        assert_eq!(ask(gateway.http, get("/", "")).await.status, 200);
        assert_eq!(ask(gateway.http, post("/", "", "a=b")).await.status, 200);
    }
    let mut down = false;
    while let Some(event) = gateway.events.try_next() {
        if let Event::UpstreamDown { upstream, .. } = event {
            assert_eq!(*upstream, *address.to_string());
            assert!(!down, "told once");
            down = true;
        }
    }
    assert!(down);
    let two = Behind::on(TcpListener::bind(address).await.unwrap());
    match gateway.event().await {
        Event::UpstreamUp { upstream, .. } => assert_eq!(*upstream, *address.to_string()),
        other => panic!("{other:?}"),
    }
    for _ in 0..4 {
        assert_eq!(ask(gateway.http, get("/", "")).await.status, 200);
    }
    assert_eq!(two.seen().len(), 2);
}

#[tokio::test]
async fn without_any_server_the_page_says_so_at_once() {
    let behind = Behind::start().await;
    let address = behind.address;
    drop(behind);
    tokio::time::sleep(Duration::from_millis(50)).await;
    let mut gateway = Gateway::start(parts(&[address]));
    let mut statuses = Vec::new();
    for _ in 0..4 {
        let answer = ask(gateway.http, get("/", "")).await;
        assert!(answer.text().contains("サイトから応答がありません"));
        assert!(answer.field("retry-after").is_some());
        statuses.push(answer.status);
    }
    assert_eq!(statuses, [502, 502, 503, 503]);
    let last = loop {
        let access = gateway.access().await;
        if access.status == 503 {
            break access;
        }
    };
    assert_eq!(last.outcome, Outcome::Upstream(UpstreamTrouble::Down));
}

/// A server that does something with a connection instead of serving HTTP.
async fn odd<F>(
    act: impl Fn(tokio::net::TcpStream, usize) -> F + Send + 'static,
) -> (SocketAddr, Arc<AtomicUsize>)
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let at = counted.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(act(stream, at));
        }
    });
    (address, count)
}

async fn read_head(stream: &mut tokio::net::TcpStream) -> bool {
    let mut all = Vec::new();
    let mut byte = [0];
    while !all.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte).await {
            Ok(1) => all.push(byte[0]),
            _ => return false,
        }
    }
    true
}

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

#[tokio::test]
async fn a_kept_connection_that_broke_is_replaced_where_that_is_safe() {
    // Each connection answers once, and closes when it is asked again.
    let (address, connections) = odd(|mut stream, _| async move {
        if read_head(&mut stream).await {
            stream.write_all(OK).await.unwrap();
        }
        read_head(&mut stream).await;
    })
    .await;
    let mut gateway = Gateway::start(parts(&[address]));
    for _ in 0..5 {
        assert_eq!(ask(gateway.http, get("/", "")).await.status, 200);
    }
    assert_eq!(connections.load(Ordering::SeqCst), 5);
    while gateway.events.try_next().is_some() {}
    // A post might have been carried out: it is not sent again.
    let answer = ask(gateway.http, post("/", "", "a=b")).await;
    assert_eq!(answer.status, 502);
    assert_eq!(
        gateway.outcome().await,
        Outcome::Upstream(UpstreamTrouble::Broken)
    );
    assert_eq!(connections.load(Ordering::SeqCst), 5);
}

#[tokio::test]
async fn a_connection_that_the_server_has_closed_is_not_used() {
    let (address, connections) = odd(|mut stream, _| async move {
        read_head(&mut stream).await;
        stream.write_all(OK).await.unwrap();
    })
    .await;
    let gateway = Gateway::start(parts(&[address]));
    for _ in 0..5 {
        assert_eq!(ask(gateway.http, get("/", "")).await.status, 200);
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(
            ask(gateway.http, post("/", "", "")).await.status,
            200,
            "even a post is safe: nothing was sent"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(connections.load(Ordering::SeqCst), 10);
}

#[tokio::test]
async fn servers_that_are_silent_talk_nonsense_or_break_off_are_told_apart() {
    let (silent, _) = odd(|stream, _| async move {
        tokio::time::sleep(Duration::from_secs(30)).await;
        drop(stream);
    })
    .await;
    let (nonsense, _) = odd(|mut stream, _| async move {
        read_head(&mut stream).await;
        let _ = stream.write_all(b"SSH-2.0-nonsense\r\n\r\n").await;
    })
    .await;
    let (breaks, _) = odd(|mut stream, _| async move {
        read_head(&mut stream).await;
        let _ = stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this")
            .await;
    })
    .await;
    for (address, status, outcome, complete) in [
        (
            silent,
            504,
            Outcome::Upstream(UpstreamTrouble::TimedOut),
            true,
        ),
        (
            nonsense,
            502,
            Outcome::Upstream(UpstreamTrouble::Broken),
            true,
        ),
        (breaks, 200, Outcome::Served, false),
    ] {
        let mut parts = parts(&[address]);
        parts.sites[0].pool.answer_within = Duration::from_millis(200);
        let mut gateway = Gateway::start(parts);
        let answer = ask(gateway.http, get("/", "")).await;
        assert_eq!(answer.status, status);
        let access = gateway.access().await;
        assert_eq!((access.outcome, access.complete), (outcome, complete));
    }
}

#[tokio::test]
async fn an_upload_may_take_longer_than_an_answer() {
    let behind = Behind::start().await;
    let mut parts = parts(&[behind.address]);
    parts.sites[0].pool.answer_within = Duration::from_millis(300);
    let gateway = Gateway::start(parts);
    let mut plain = Plain::open(gateway.http).await;
    let head = post("/", "", &"x".repeat(10));
    plain.send(&head[..head.len() - 10]).await;
    for _ in 0..10 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        plain.send("x").await;
    }
    assert_eq!(plain.answer().await.unwrap().text(), "POST / 10");
}

#[tokio::test]
async fn a_busy_server_is_waited_for_and_then_said_to_be_busy() {
    let behind = Behind::start().await;
    let mut parts = parts(&[behind.address]);
    parts.sites[0].pool.connections = 1;
    parts.sites[0].pool.wait = Duration::from_millis(300);
    let mut gateway = Gateway::start(parts);
    let mut slow = Plain::open(gateway.http).await;
    slow.send(get("/slow", "")).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(ask(gateway.http, get("/", "")).await.status, 503);
    assert_eq!(
        gateway.outcome().await,
        Outcome::Upstream(UpstreamTrouble::Busy)
    );
    assert_eq!(slow.answer().await.unwrap().text(), "late");
    assert_eq!(ask(gateway.http, get("/", "")).await.status, 200);
}
