//! Servers behind that are spoken to over TLS.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use mamori_proxy::{Event, Outcome, PolicyParts, Upstream, UpstreamTls, UpstreamTrouble};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::support::wire::{Plain, ask, get, post};
use crate::support::{Gateway, HOST, parts};

/// A site that speaks TLS and says how it was spoken to.
struct Secured {
    address: SocketAddr,
    pem: String,
    connections: Arc<AtomicUsize>,
}

async fn secured(names: &[&str], protocols: &[&str]) -> Secured {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let made = rcgen::generate_simple_self_signed(names).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    config.alpn_protocols = protocols
        .iter()
        .map(|one| one.as_bytes().to_vec())
        .collect();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, counted) = (acceptor.clone(), Arc::clone(&counted));
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(stream).await else {
                    return;
                };
                counted.fetch_add(1, Ordering::SeqCst);
                let two = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                let service = service_fn(told);
                let io = TokioIo::new(stream);
                if two {
                    let _ = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                        .serve_connection(io, service)
                        .await;
                } else {
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(io, service)
                        .await;
                }
            });
        }
    });
    Secured {
        address,
        pem: made.cert.pem(),
        connections,
    }
}

async fn told(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let body = body
        .collect()
        .await
        .map(http_body_util::Collected::to_bytes)
        .unwrap_or_default();
    let host = parts.headers.get("host").map_or_else(
        || parts.uri.authority().unwrap().to_string(),
        |host| host.to_str().unwrap().to_owned(),
    );
    let path = parts.uri.path();
    if path == "/large" {
        return Ok(Response::new(Full::new(Bytes::from(vec![b'x'; 16 << 20]))));
    }
    let text = format!("{:?} {host} {path} {}", parts.version, body.len());
    Ok(Response::new(Full::new(Bytes::from(text))))
}

fn over_tls(secured: &Secured, tls: UpstreamTls) -> PolicyParts {
    let mut parts = parts(&[secured.address]);
    parts.sites[0].upstreams = vec![Upstream::tls(&secured.address.to_string(), tls)];
    parts
}

#[tokio::test]
async fn both_versions_of_http_are_spoken_as_the_server_likes() {
    for (protocols, version, connections) in [
        (&["h2", "http/1.1"][..], "HTTP/2.0", 1),
        (&["http/1.1"][..], "HTTP/1.1", 1),
        (&[][..], "HTTP/1.1", 1),
    ] {
        let site = secured(&["site.internal"], protocols).await;
        let tls = UpstreamTls::of_authorities(site.pem.as_bytes()).unwrap();
        let gateway = Gateway::start(over_tls(&site, tls.named("site.internal")));
        for at in 0..5 {
            let answer = ask(gateway.http, post(&format!("/{at}"), "", "a=b")).await;
            assert_eq!(answer.text(), format!("{version} {HOST} /{at} 3"));
        }
        let answer = ask(gateway.http, get("/last", "")).await;
        assert_eq!(answer.text(), format!("{version} {HOST} /last 0"));
        assert_eq!(site.connections.load(Ordering::SeqCst), connections);
    }
}

#[tokio::test]
async fn requests_at_the_same_time_share_a_connection_of_http2() {
    let site = secured(&["127.0.0.1"], &["h2"]).await;
    let tls = UpstreamTls::of_authorities(site.pem.as_bytes()).unwrap();
    let gateway = Gateway::start(over_tls(&site, tls));
    ask(gateway.http, get("/first", "")).await;
    let mut asking = tokio::task::JoinSet::new();
    for at in 0..50 {
        let address = gateway.http;
        asking.spawn(async move { ask(address, get(&format!("/{at}"), "")).await.status });
    }
    while let Some(status) = asking.join_next().await {
        assert_eq!(status.unwrap(), 200);
    }
    assert_eq!(site.connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn slow_clients_do_not_stop_others_on_a_connection_of_http2() {
    let site = secured(&["127.0.0.1"], &["h2"]).await;
    let tls = UpstreamTls::of_authorities(site.pem.as_bytes()).unwrap();
    let gateway = Gateway::start(over_tls(&site, tls));
    ask(gateway.http, get("/first", "")).await;
    let mut slow = Vec::new();
    for _ in 0..8 {
        let mut plain = Plain::open(gateway.http).await;
        plain.send(get("/large", "")).await;
        slow.push(plain);
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    for at in 0..3 {
        let answer = ask(gateway.http, get(&format!("/{at}"), ""));
        let answer = tokio::time::timeout(Duration::from_secs(2), answer).await;
        assert_eq!(answer.expect("at once").status, 200);
    }
    assert_eq!(site.connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_server_that_cannot_prove_its_name_gets_nothing() {
    let site = secured(&["site.internal"], &["h2", "http/1.1"]).await;
    let other = secured(&["site.internal"], &["http/1.1"]).await;
    let own = UpstreamTls::of_authorities(site.pem.as_bytes()).unwrap();
    let foreign = UpstreamTls::of_authorities(other.pem.as_bytes()).unwrap();
    for tls in [
        own.clone().named("other.internal"),
        own,
        foreign.named("site.internal"),
        UpstreamTls::public().named("site.internal"),
    ] {
        let mut gateway = Gateway::start(over_tls(&site, tls));
        for _ in 0..2 {
            assert_eq!(ask(gateway.http, get("/", "")).await.status, 502);
        }
        match gateway.event().await {
            Event::Access(access) => {
                assert_eq!(access.outcome, Outcome::Upstream(UpstreamTrouble::Connect));
            }
            other => panic!("{other:?}"),
        }
        let mut reason = String::new();
        while let Some(event) = gateway.events.try_next() {
            if let Event::UpstreamDown { reason: seen, .. } = event {
                reason = seen;
            }
        }
        assert!(reason.contains("certificate"), "{reason}");
    }
    assert_eq!(site.connections.load(Ordering::SeqCst), 0);
}
