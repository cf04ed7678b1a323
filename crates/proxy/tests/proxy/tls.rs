//! TLS and HTTP/2.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use mamori_proxy::{Host, Hsts, Outcome, Refusal, Site, TlsVersion};
use rustls::version::{TLS12, TLS13};

use crate::support::site::Behind;
use crate::support::wire::{one, request, text, tls, two};
use crate::support::{Gateway, HOST, certificate, tls_parts};

async fn gateway() -> (Behind, Gateway) {
    let behind = Behind::start().await;
    let (parts, root) = tls_parts(&[behind.address]);
    (behind, Gateway::start_with(parts, root))
}

#[tokio::test]
async fn both_versions_of_http_and_of_tls_are_spoken() {
    let (behind, mut gateway) = gateway().await;
    for version in [&TLS12, &TLS13] {
        let stream = tls(
            gateway.https,
            &gateway.root,
            HOST,
            &["http/1.1"],
            &[version],
        )
        .await
        .unwrap();
        assert_eq!(stream.get_ref().1.protocol_version(), Some(version.version));
    }
    let mut sender = one(&gateway).await;
    let mut plain = request("GET", "/one", "");
    plain.headers_mut().insert("host", HOST.parse().unwrap());
    let answer = sender.send_request(plain).await.unwrap();
    assert_eq!(text(answer).await, "GET /one 0");
    let access = gateway.access().await;
    assert_eq!((access.version, access.tls), ("HTTP/1.1", true));
    let mut sender = two(&gateway).await;
    for at in 0..10 {
        let answer = sender
            .send_request(request("POST", &format!("/two/{at}"), "abc"))
            .await
            .unwrap();
        assert_eq!(text(answer).await, format!("POST /two/{at} 3"));
        let access = gateway.access().await;
        assert_eq!((access.version, access.bytes_in), ("HTTP/2.0", 3));
    }
    let seen = behind.last();
    assert_eq!(seen.headers["host"], HOST);
    assert_eq!(seen.headers["x-forwarded-proto"], "https");
}

#[tokio::test]
async fn many_requests_share_a_connection_of_http2() {
    let (_behind, gateway) = gateway().await;
    let sender = two(&gateway).await;
    let mut asking = tokio::task::JoinSet::new();
    for at in 0..80 {
        let mut sender = sender.clone();
        asking.spawn(async move {
            sender.ready().await.unwrap();
            let answer = sender
                .send_request(request("GET", &format!("/{at}"), ""))
                .await
                .unwrap();
            text(answer).await == format!("GET /{at} 0")
        });
    }
    assert!(asking.join_all().await.into_iter().all(|right| right));
    assert_eq!(gateway.server.connections(), 1);
}

#[tokio::test]
async fn cookies_and_hosts_of_http2_are_those_of_http1() {
    let (behind, mut gateway) = gateway().await;
    let mut sender = two(&gateway).await;
    let mut plain = request("GET", "/", "");
    for cookie in ["a=1", "b=2"] {
        plain
            .headers_mut()
            .append("cookie", cookie.parse().unwrap());
    }
    sender.send_request(plain).await.unwrap();
    assert_eq!(behind.last().headers["cookie"], "a=1; b=2");
    gateway.access().await;
    let mut two_hosts = request("GET", "/", "");
    two_hosts
        .headers_mut()
        .insert("host", "other.example".parse().unwrap());
    let answer = sender.send_request(two_hosts).await.unwrap();
    assert_eq!(answer.status(), 400);
    assert_eq!(
        gateway.refusal().await,
        Refusal::Framing(mamori_proxy::framing::Fault::HostMismatch)
    );
    let elsewhere = Request::get("https://other.example/")
        .body(Full::new(Bytes::new()))
        .unwrap();
    assert_eq!(sender.send_request(elsewhere).await.unwrap().status(), 421);
    assert_eq!(
        gateway.outcome().await,
        Outcome::Refused(Refusal::UnknownHost)
    );
    assert_eq!(behind.seen().len(), 1);
}

#[tokio::test]
async fn a_name_chooses_its_certificate_and_its_versions() {
    let behind = Behind::start().await;
    let (mut parts, root) = tls_parts(&[behind.address]);
    let (second, second_root) = certificate(&["new.example.jp"]);
    let mut site = Site::new(
        "new",
        vec![Host::parse("new.example.jp").unwrap()],
        &[&behind.address.to_string()],
    );
    site.certificate = Some(second);
    site.least_tls = TlsVersion::Tls13;
    site.hsts = Some(Hsts {
        max_age: Duration::from_hours(8760),
        subdomains: true,
    });
    parts.sites.push(site);
    let mut gateway = Gateway::start_with(parts, root.clone());
    let open = |root: Vec<u8>, name: &'static str, version: &'static _| {
        let address = gateway.https;
        async move { tls(address, &root, name, &["h2"], &[version]).await }
    };
    assert!(open(root.clone(), HOST, &TLS12).await.is_ok());
    assert!(
        open(second_root.clone(), "new.example.jp", &TLS12)
            .await
            .is_err()
    );
    assert!(
        open(root, "new.example.jp", &TLS13).await.is_err(),
        "another certificate"
    );
    assert!(
        open(second_root.clone(), "none.example", &TLS13)
            .await
            .is_err()
    );
    let stream = open(second_root, "new.example.jp", &TLS13).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http2::handshake(
        hyper_util::rt::TokioExecutor::new(),
        hyper_util::rt::TokioIo::new(stream),
    )
    .await
    .unwrap();
    tokio::spawn(connection);
    let to = |host: &str| {
        Request::get(format!("https://{host}/"))
            .body(Full::new(Bytes::new()))
            .unwrap()
    };
    let answer = sender.send_request(to("new.example.jp")).await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(
        answer.headers()["strict-transport-security"],
        "max-age=31536000; includeSubDomains"
    );
    // This connection was opened for another name.
    assert_eq!(sender.send_request(to(HOST)).await.unwrap().status(), 421);
    let mut outcomes = Vec::new();
    while outcomes.len() < 2 {
        outcomes.push(gateway.outcome().await);
    }
    assert!(outcomes.contains(&Outcome::Refused(Refusal::Misdirected)));
}

#[tokio::test]
async fn a_certificate_authority_finds_its_proof_in_the_handshake() {
    let behind = Behind::start().await;
    let (mut parts, root) = tls_parts(&[behind.address]);
    let (proof, proof_root) = certificate(&[HOST]);
    parts.challenges.tls.insert(HOST.to_owned(), proof);
    let gateway = Gateway::start_with(parts, root.clone());
    let stream = tls(gateway.https, &proof_root, HOST, &["acme-tls/1"], &[&TLS13])
        .await
        .unwrap();
    let (_, session) = stream.get_ref();
    assert_eq!(session.alpn_protocol(), Some(&b"acme-tls/1"[..]));
    assert_eq!(session.peer_certificates().unwrap()[0].as_ref(), proof_root);
    // Visitors get the site's own certificate as before.
    assert!(
        tls(gateway.https, &root, HOST, &["h2"], &[&TLS13])
            .await
            .is_ok()
    );
    assert!(behind.seen().is_empty());
}

#[tokio::test]
async fn a_body_of_http2_has_its_limit_and_its_pace() {
    let behind = Behind::start().await;
    let (mut parts, root) = tls_parts(&[behind.address]);
    parts.sites[0].body_limit = 1000;
    parts.limits.stall = Duration::from_millis(300);
    let mut gateway = Gateway::start_with(parts, root);
    let mut sender = two(&gateway).await;
    let answer = sender
        .send_request(request("POST", "/", &"x".repeat(2000)))
        .await
        .unwrap();
    assert_eq!(answer.status(), 413);
    assert_eq!(
        gateway.outcome().await,
        Outcome::Refused(Refusal::BodyTooLarge)
    );
    let answer = sender
        .send_request(request("GET", "/after", ""))
        .await
        .unwrap();
    assert_eq!(
        answer.into_body().collect().await.unwrap().to_bytes(),
        "GET /after 0"
    );
}

/// A frame of HTTP/2.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = length[1..].to_vec();
    bytes.extend_from_slice(&[kind, flags]);
    bytes.extend_from_slice(&stream.to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

#[tokio::test]
async fn broken_http2_is_ended_and_told_once() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let (behind, mut gateway) = gateway().await;
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    let settings = frame(4, 0, 0, b"");
    let start = [&preface[..], &settings].concat();
    // GET / over https, host `a`; then resets without end.
    let headers = [0x82, 0x84, 0x87, 0x41, 0x01, b'a'];
    let mut resets = start.clone();
    for at in 0..500_u32 {
        resets.extend(frame(1, 5, at * 2 + 1, &headers));
        resets.extend(frame(3, 0, at * 2 + 1, &8_u32.to_be_bytes()));
    }
    for bytes in [
        b"GET / HTTP/1.1\r\nHost: www.example.jp\r\n\r\n".to_vec(),
        // Data for a stream that was never opened; a header block that is none; an even stream.
        [&start[..], &frame(0, 0, 1, b"abc")].concat(),
        [
            &start[..],
            &frame(1, 5, 1, b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"),
        ]
        .concat(),
        [&start[..], &frame(1, 5, 2, &headers)].concat(),
        resets,
    ] {
        let mut stream = tls(
            gateway.https,
            &gateway.root,
            HOST,
            &["h2"],
            rustls::DEFAULT_VERSIONS,
        )
        .await
        .unwrap();
        stream.write_all(&bytes).await.unwrap();
        let mut rest = Vec::new();
        let read = stream.read_to_end(&mut rest);
        let _ = tokio::time::timeout(Duration::from_secs(10), read)
            .await
            .expect("the connection ends");
        let refused = loop {
            match gateway.event().await {
                mamori_proxy::Event::Refused { refusal, .. } => break refusal,
                mamori_proxy::Event::Access(access) => assert_ne!(access.outcome, Outcome::Served),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(
            refused,
            Refusal::Framing(mamori_proxy::framing::Fault::Malformed)
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
        while let Some(event) = gateway.events.try_next() {
            assert!(
                !matches!(event, mamori_proxy::Event::Refused { .. }),
                "{event:?}"
            );
        }
    }
    assert!(behind.seen().is_empty());
    let mut sender = two(&gateway).await;
    let answer = sender.send_request(request("GET", "/", "")).await.unwrap();
    assert_eq!(answer.status(), 200, "the gateway goes on");
}

#[tokio::test]
async fn the_gateways_own_pages_are_as_careful_as_the_sites() {
    let behind = Behind::start().await;
    let (mut parts, root) = tls_parts(&[behind.address]);
    parts.sites[0].hsts = Some(Hsts {
        max_age: Duration::from_hours(24),
        subdomains: false,
    });
    parts.sites[0].headers =
        mamori_proxy::HeaderPolicy::new(&[], &[("Permissions-Policy", "camera=()")], &[]).unwrap();
    parts.blocked = mamori_proxy::AddressSet::parse(["0.0.0.0/0"]).unwrap();
    // Who is connected comes in, who is asked for does not.
    parts.trusted_proxies = mamori_proxy::AddressSet::parse(["127.0.0.1"]).unwrap();
    let gateway = Gateway::start_with(parts, root);
    let mut sender = one(&gateway).await;
    let mut asked = request("GET", "/", "");
    asked.headers_mut().insert("host", HOST.parse().unwrap());
    asked
        .headers_mut()
        .insert("x-forwarded-for", "192.0.2.1".parse().unwrap());
    let answer = sender.send_request(asked).await.unwrap();
    assert_eq!(answer.status(), 403);
    for (field, value) in [
        ("strict-transport-security", "max-age=86400"),
        ("permissions-policy", "camera=()"),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "no-referrer"),
        (
            "content-security-policy",
            "default-src 'none'; frame-ancestors 'none'",
        ),
    ] {
        assert_eq!(answer.headers()[field], value, "{field}");
    }
}
