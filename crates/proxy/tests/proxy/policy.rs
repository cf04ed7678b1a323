//! What policy answers itself.

use std::time::Duration;

use mamori_proxy::{AddressSet, Event, Host, Outcome, Policy, Refusal, Serving, Site};

use crate::support::site::Behind;
use crate::support::wire::{Plain, ask, get};
use crate::support::{Gateway, HOST, parts, tls_parts};

#[tokio::test]
async fn sites_are_found_by_their_names() {
    let (one, two) = (Behind::start().await, Behind::start().await);
    let mut parts = parts(&[one.address]);
    parts.sites.push(Site::new(
        "other",
        vec![Host::parse("*.other.example").unwrap()],
        &[&two.address.to_string()],
    ));
    let mut gateway = Gateway::start(parts);
    let to = |host: &str| format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");
    for (host, site) in [
        ("WWW.Example.JP:8080", Some("city")),
        ("a.other.example", Some("other")),
        ("unknown.example", None),
    ] {
        let answer = ask(gateway.http, to(host)).await;
        assert_eq!(
            answer.status,
            if site.is_some() { 200 } else { 421 },
            "{host}"
        );
        let access = gateway.access().await;
        assert_eq!(access.site.as_deref(), site);
    }
    assert_eq!((one.seen().len(), two.seen().len()), (1, 1));
    assert_eq!(one.last().headers["host"], "www.example.jp:8080");
}

#[tokio::test]
async fn a_site_that_waits_for_its_certificate_is_served_plainly_until_it_has_come() {
    let behind = Behind::start().await;
    let (mut ready, _) = tls_parts(&[behind.address]);
    ready.sites[0].to_https = true;
    ready.sites[0].acme = true;
    let mut waiting = ready.clone();
    waiting.sites[0].certificate = None;
    let mut gateway = Gateway::start(waiting);
    match gateway.event().await {
        Event::CertificatePending { site, host, .. } => {
            assert_eq!((&*site, host.as_str()), ("city", HOST));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(ask(gateway.http, get("/", "")).await.status, 200);
    assert_eq!(gateway.outcome().await, Outcome::Served);
    gateway.server.swap(Policy::new(ready).unwrap()).unwrap();
    assert_eq!(ask(gateway.http, get("/", "")).await.status, 308);
    assert_eq!(gateway.outcome().await, Outcome::ToHttps);
    gateway.silence().await;
}

#[tokio::test]
async fn plain_requests_are_sent_to_tls_except_the_authoritys() {
    let behind = Behind::start().await;
    let (mut parts, root) = tls_parts(&[behind.address]);
    parts.sites[0].to_https = true;
    parts
        .challenges
        .http
        .insert("token-1".to_owned(), "token-1.print".to_owned());
    let mut gateway = Gateway::start_with(parts, root);
    let answer = ask(gateway.http, get("/a?b=c", "")).await;
    assert_eq!(answer.status, 308);
    assert_eq!(
        answer.field("location"),
        Some("https://www.example.jp/a?b=c")
    );
    assert_eq!(gateway.outcome().await, Outcome::ToHttps);
    let answer = ask(gateway.http, get("/.well-known/acme-challenge/token-1", "")).await;
    assert_eq!(
        (answer.status, answer.text().as_str()),
        (200, "token-1.print")
    );
    assert_eq!(gateway.outcome().await, Outcome::Challenge);
    let answer = ask(gateway.http, get("/.well-known/acme-challenge/other", "")).await;
    assert_eq!(answer.status, 308);
    assert!(behind.seen().is_empty());
}

#[tokio::test]
async fn a_closed_site_says_when_to_come_again() {
    let behind = Behind::start().await;
    let mut parts = parts(&[behind.address]);
    parts.trusted_proxies = AddressSet::parse(["127.0.0.1"]).unwrap();
    parts.sites[0].serving = Serving::Closed {
        page: None,
        retry_after: Duration::from_mins(30),
        except: AddressSet::parse(["198.51.100.7"]).unwrap(),
    };
    let mut gateway = Gateway::start(parts);
    let answer = ask(gateway.http, get("/", "")).await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.field("retry-after"), Some("1800"));
    assert!(answer.text().contains("<html lang=\"ja\">"));
    assert_eq!(gateway.outcome().await, Outcome::Maintenance);
    let answer = ask(gateway.http, get("/", "X-Forwarded-For: 198.51.100.7\r\n")).await;
    assert_eq!(answer.status, 200, "the operator sees the site");
}

#[tokio::test]
async fn methods_expectations_and_sizes_are_checked() {
    let behind = Behind::start().await;
    let mut parts = parts(&[behind.address]);
    parts.sites[0].body_limit = 10;
    let mut gateway = Gateway::start(parts);
    let cases = [
        (
            format!("TRACE / HTTP/1.1\r\nHost: {HOST}\r\n\r\n"),
            405,
            Refusal::Method,
        ),
        (get("/", "Expect: miracles\r\n"), 417, Refusal::Expectation),
        (
            format!("POST / HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 11\r\n\r\nabcdefghijk"),
            413,
            Refusal::BodyTooLarge,
        ),
        (
            format!(
                "POST / HTTP/1.1\r\nHost: {HOST}\r\nTransfer-Encoding: chunked\r\n\r\nb\r\nabcdefghijk\r\n0\r\n\r\n"
            ),
            413,
            Refusal::BodyTooLarge,
        ),
    ];
    for (bytes, status, refusal) in cases {
        assert_eq!(ask(gateway.http, &bytes).await.status, status, "{bytes}");
        assert_eq!(gateway.outcome().await, Outcome::Refused(refusal));
    }
    assert!(behind.seen().iter().all(|seen| !seen.complete));
}

#[tokio::test]
async fn a_client_that_sends_more_than_allowed_still_reads_why() {
    use tokio::io::AsyncWriteExt as _;
    let behind = Behind::start().await;
    let mut parts = parts(&[behind.address]);
    parts.sites[0].body_limit = 1000;
    let gateway = Gateway::start(parts);
    for _ in 0..20 {
        let mut plain = Plain::open(gateway.http).await;
        plain
            .send(format!(
                "POST / HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 2000000\r\n\r\n"
            ))
            .await;
        let _ = plain.stream.write_all(&vec![b'x'; 2_000_000]).await;
        assert_eq!(
            plain.answer().await.expect("the answer arrives").status,
            413
        );
    }
}

#[tokio::test]
async fn blocked_addresses_are_not_even_greeted() {
    let behind = Behind::start().await;
    let mut parts = parts(&[behind.address]);
    parts.blocked = AddressSet::parse(["127.0.0.0/8"]).unwrap();
    let mut gateway = Gateway::start(parts);
    let mut plain = Plain::open(gateway.http).await;
    assert!(plain.ends().await);
    assert_eq!(gateway.refusal().await, Refusal::Blocked);
}
