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
