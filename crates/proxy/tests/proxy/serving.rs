//! What passes, and how it looks on the other side.

use mamori_proxy::{AddressSet, Outcome, Refusal};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::site::Behind;
use crate::support::wire::{Plain, ask, get, post};
use crate::support::{Gateway, HOST, parts};

#[tokio::test]
async fn a_request_passes_and_leaves_one_record() {
    let behind = Behind::start().await;
    let mut gateway = Gateway::start(parts(&[behind.address]));
    let answer = ask(
        gateway.http,
        get(
            "/a/b?c=d",
            "User-Agent: Test\r\nReferer: https://example.jp/before\r\n",
        ),
    )
    .await;
    assert_eq!(
        (answer.status, answer.text().as_str()),
        (200, "GET /a/b?c=d 0")
    );
    let access = gateway.access().await;
    assert_eq!(
        answer.field("x-request-id"),
        Some(access.id.to_string().as_str())
    );
    assert_eq!(access.method, "GET");
    assert_eq!(access.host, HOST);
    assert_eq!(
        (access.path.as_str(), access.query.as_deref()),
        ("/a/b", Some("c=d"))
    );
    assert_eq!(access.site.as_deref(), Some("city"));
    assert_eq!(access.user_agent.as_deref(), Some("Test"));
    assert_eq!(
        access.referrer.as_deref(),
        Some("https://example.jp/before")
    );
    assert_eq!(
        (access.status, access.bytes_in, access.bytes_out),
        (200, 0, 14)
    );
    assert_eq!(access.version, "HTTP/1.1");
    assert_eq!(access.outcome, Outcome::Served);
    assert_eq!(access.client.to_string(), "127.0.0.1");
    assert!(access.complete && access.upstream_took.is_some() && !access.tls);
    assert_eq!(
        access.upstream.as_deref(),
        Some(behind.address.to_string().as_str())
    );
    gateway.silence().await;
}

#[tokio::test]
async fn bodies_of_all_kinds_arrive_whole() {
    let behind = Behind::start().await;
    let mut gateway = Gateway::start(parts(&[behind.address]));
    let answer = ask(gateway.http, post("/form", "", "name=%E5%B1%B1")).await;
    assert_eq!(answer.text(), "POST /form 14");
    assert_eq!(gateway.access().await.bytes_in, 14);
    let chunked = format!(
        "PUT /chunks HTTP/1.1\r\nHost: {HOST}\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nX-Trailer: a\r\n\r\n"
    );
    assert_eq!(ask(gateway.http, chunked).await.text(), "PUT /chunks 5");
    assert_eq!(behind.last().body, b"abcde");
    let continues = format!(
        "POST /wait HTTP/1.1\r\nHost: {HOST}\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"
    );
    let mut plain = Plain::open(gateway.http).await;
    plain.send(continues).await;
    assert_eq!(plain.answer_to_head().await.unwrap().status, 100);
    plain.send("xyz").await;
    assert_eq!(plain.answer().await.unwrap().text(), "POST /wait 3");
}

#[tokio::test]
async fn connections_are_kept_on_both_sides() {
    let behind = Behind::start().await;
    let gateway = Gateway::start(parts(&[behind.address]));
    let mut plain = Plain::open(gateway.http).await;
    for at in 0..20 {
        plain.send(get(&format!("/{at}"), "")).await;
        assert_eq!(plain.answer().await.unwrap().text(), format!("GET /{at} 0"));
    }
    // Pipelined: answered in order.
    plain
        .send(format!(
            "{}{}{}",
            get("/x", ""),
            post("/y", "", "abc"),
            get("/z", "")
        ))
        .await;
    for expected in ["GET /x 0", "POST /y 3", "GET /z 0"] {
        assert_eq!(plain.answer().await.unwrap().text(), expected);
    }
    let connections = behind
        .state
        .connections
        .load(std::sync::atomic::Ordering::SeqCst);
    assert_eq!(connections, 1, "one connection served all");
}

#[tokio::test]
async fn answers_of_all_kinds_pass() {
    let behind = Behind::start().await;
    let mut gateway = Gateway::start(parts(&[behind.address]));
    let streamed = ask(gateway.http, get("/stream", "")).await;
    assert_eq!(
        streamed.text(),
        "piece 0\npiece 1\npiece 2\npiece 3\npiece 4\n"
    );
    let large = ask(gateway.http, get("/large", "")).await;
    assert_eq!(large.body.len(), 16 << 20);
    gateway.access().await;
    let access = gateway.access().await;
    assert_eq!((access.bytes_out, access.complete), (16 << 20, true));
    assert_eq!(ask(gateway.http, get("/nothing", "")).await.status, 204);
    let mut plain = Plain::open(gateway.http).await;
    plain
        .send(format!("HEAD /page HTTP/1.1\r\nHost: {HOST}\r\n\r\n"))
        .await;
    let head = plain.answer_to_head().await.unwrap();
    assert_eq!((head.status, head.body.len()), (200, 0));
    plain.send(get("/again", "")).await;
    assert_eq!(
        plain.answer().await.unwrap().status,
        200,
        "the connection goes on"
    );
    let old = ask(
        gateway.http,
        format!("GET /old HTTP/1.0\r\nHost: {HOST}\r\n\r\n"),
    )
    .await;
    assert_eq!(old.text(), "GET /old 0");
}

#[tokio::test]
async fn the_site_learns_who_asks_and_nothing_the_client_made_up() {
    let behind = Behind::start().await;
    let gateway = Gateway::start(parts(&[behind.address]));
    ask(
        gateway.http,
        get(
            "/",
            "X-Forwarded-For: 6.6.6.6\r\nForwarded: for=6.6.6.6\r\nX-Real-IP: 6.6.6.6\r\nX_Forwarded_For: 6.6.6.6\r\n\
             X-Forwarded-Proto: https\r\nX-Request-Id: mine\r\nProxy: http://6.6.6.6\r\nTE: trailers\r\n\
             Connection: keep-alive, X-Hop, X-Forwarded-For\r\nX-Hop: 1\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\nAccept: text/html\r\n",
        ),
    )
    .await;
    let seen = behind.last();
    let field = |name: &str| {
        let values: Vec<_> = seen.headers.get_all(name).iter().collect();
        assert!(values.len() <= 1, "{name} came more than once");
        values
            .first()
            .map(|value| value.to_str().unwrap().to_owned())
    };
    assert_eq!(field("x-forwarded-for").as_deref(), Some("127.0.0.1"));
    assert_eq!(field("x-real-ip").as_deref(), Some("127.0.0.1"));
    assert_eq!(field("x-forwarded-proto").as_deref(), Some("http"));
    assert_eq!(field("x-forwarded-host").as_deref(), Some(HOST));
    assert_eq!(field("host").as_deref(), Some(HOST));
    assert_eq!(field("accept").as_deref(), Some("text/html"));
    assert_eq!(field("x-request-id").map(|id| id.len()), Some(24));
    for gone in [
        "forwarded",
        "x_forwarded_for",
        "proxy",
        "te",
        "x-hop",
        "upgrade",
        "connection",
    ] {
        assert_eq!(field(gone), None, "{gone}");
    }
}

#[tokio::test]
async fn a_trusted_proxy_is_believed() {
    let behind = Behind::start().await;
    let mut parts = parts(&[behind.address]);
    parts.trusted_proxies = AddressSet::parse(["127.0.0.1"]).unwrap();
    parts.blocked = AddressSet::parse(["203.0.113.0/24"]).unwrap();
    parts.allowed = AddressSet::parse(["203.0.113.77"]).unwrap();
    let mut gateway = Gateway::start(parts);
    let from = |address: &str| get("/", &format!("X-Forwarded-For: 6.6.6.6, {address}\r\n"));
    assert_eq!(ask(gateway.http, from("198.51.100.1")).await.status, 200);
    assert_eq!(gateway.access().await.client.to_string(), "198.51.100.1");
    assert_eq!(
        behind.last().headers["x-forwarded-for"],
        "198.51.100.1, 127.0.0.1"
    );
    assert_eq!(ask(gateway.http, from("203.0.113.5")).await.status, 403);
    let access = gateway.access().await;
    assert_eq!(access.outcome, Outcome::Refused(Refusal::Blocked));
    assert_eq!(access.client.to_string(), "203.0.113.5");
    assert_eq!(
        ask(gateway.http, from("203.0.113.77")).await.status,
        200,
        "allowed goes first"
    );
}

#[tokio::test]
async fn answers_lose_what_tells_too_much_and_get_what_protects() {
    let behind = Behind::start().await;
    let gateway = Gateway::start(parts(&[behind.address]));
    let answer = ask(gateway.http, get("/page", "")).await;
    for gone in ["server", "x-powered-by", "x-private"] {
        assert_eq!(answer.field(gone), None, "{gone}");
    }
    assert_eq!(answer.field("x-content-type-options"), Some("nosniff"));
    assert_eq!(answer.field("x-frame-options"), Some("SAMEORIGIN"));
    assert_eq!(
        answer.field("strict-transport-security"),
        None,
        "not on a plain connection"
    );
}

#[tokio::test]
async fn a_tunnel_for_websocket_carries_bytes_both_ways() {
    let behind = Behind::start().await;
    let mut gateway = Gateway::start(parts(&[behind.address]));
    let mut plain = Plain::open(gateway.http).await;
    plain
        .send(get(
            "/socket",
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: eA==\r\n",
        ))
        .await;
    let answer = plain.answer().await.unwrap();
    assert_eq!(answer.status, 101);
    assert_eq!(answer.field("sec-websocket-accept"), Some("x"));
    assert_eq!(behind.last().headers["upgrade"], "websocket");
    for text in ["\u{1}first", "GET / HTTP/1.1\r\n\r\n"] {
        plain.send(text).await;
        let mut back = vec![0; text.len()];
        plain.stream.read_exact(&mut back).await.unwrap();
        assert_eq!(back, text.as_bytes());
    }
    plain.stream.shutdown().await.unwrap();
    let access = gateway.access().await;
    assert_eq!((access.outcome, access.status), (Outcome::Tunnel, 101));
    assert_eq!((access.bytes_in, access.bytes_out), (24, 24));
}

#[tokio::test]
async fn a_site_that_wants_no_tunnel_keeps_the_connection_readable() {
    let behind = Behind::start().await;
    let gateway = Gateway::start(parts(&[behind.address]));
    let mut plain = Plain::open(gateway.http).await;
    let upgrade = get("/plain", "Connection: Upgrade\r\nUpgrade: websocket\r\n");
    // The second request must be read as a request, with all checks.
    plain.send(format!("{upgrade}{}", get("/next", ""))).await;
    assert_eq!(plain.answer().await.unwrap().text(), "GET /plain 0");
    assert_eq!(plain.answer().await.unwrap().text(), "GET /next 0");
    plain.send(format!("{upgrade}GET / HTTP/1.1\r\n\r\n")).await;
    assert_eq!(plain.answer().await.unwrap().status, 200);
    assert_eq!(plain.answer().await.unwrap().status, 400, "no host");
}

#[tokio::test]
async fn a_client_that_goes_leaves_a_record() {
    let behind = Behind::start().await;
    let mut gateway = Gateway::start(parts(&[behind.address]));
    let mut plain = Plain::open(gateway.http).await;
    plain.send(get("/slow", "")).await;
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    drop(plain);
    let access = gateway.access().await;
    assert_eq!((access.outcome, access.complete), (Outcome::Gone, false));
}
