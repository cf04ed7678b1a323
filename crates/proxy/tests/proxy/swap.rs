//! A policy is replaced while traffic flows; a server stops without cutting requests off.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use mamori_proxy::{Listener, Policy, SwapError, WafMode};

use crate::support::site::Behind;
use crate::support::wire::{Plain, ask, get, post, request, text, two};
use crate::support::{Gateway, firewall, parts, tls_parts};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_policies_under_load_fail_no_request() {
    let behind = Behind::start().await;
    let (parts, root) = tls_parts(&[behind.address]);
    let mut gateway = Gateway::start_with(parts.clone(), root);
    let stop = Arc::new(AtomicBool::new(false));
    let done = Arc::new(AtomicUsize::new(0));
    let mut asking = tokio::task::JoinSet::new();
    for client in 0..6 {
        let (stop, done, address) = (Arc::clone(&stop), Arc::clone(&done), gateway.http);
        let sender = two(&gateway).await;
        asking.spawn(async move {
            let mut plain = Plain::open(address).await;
            let mut sender = sender;
            let mut at = 0;
            while !stop.load(Ordering::Relaxed) {
                at += 1;
                let path = format!("/{client}/{at}");
                if client % 3 == 0 {
                    sender.ready().await.unwrap();
                    let answer = sender
                        .send_request(request("POST", &path, "abc"))
                        .await
                        .unwrap();
                    assert_eq!(text(answer).await, format!("POST {path} 3"));
                } else {
                    if at % 50 == 0 {
                        plain = Plain::open(address).await;
                    }
                    plain.send(post(&path, "", "a=b")).await;
                    let answer = plain.answer().await.expect("an answer");
                    assert_eq!(answer.text(), format!("POST {path} 3"));
                }
                done.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    let firewalls = [firewall(WafMode::Block), firewall(WafMode::Off)];
    for at in 0..200 {
        let mut next = parts.clone();
        next.sites[0].firewall = firewalls[at % 2].clone();
        next.sites[0].name = format!("city-{at}").into();
        gateway.server.swap(Policy::new(next).unwrap()).unwrap();
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    while done.load(Ordering::Relaxed) < 300 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    stop.store(true, Ordering::Relaxed);
    while let Some(client) = asking.join_next().await {
        client.expect("no request failed");
    }
    let done = done.load(Ordering::Relaxed);
    let mut names = std::collections::HashSet::new();
    let mut records = 0;
    while let Some(event) = gateway.events.try_next() {
        if let mamori_proxy::Event::Access(access) = event {
            assert_eq!(access.status, 200);
            names.insert(access.site);
            records += 1;
        }
    }
    assert_eq!(
        records + usize::try_from(gateway.events.lost()).unwrap(),
        done
    );
    assert!(names.len() > 20, "policies took turns: {}", names.len());
    let connections = behind.state.connections.load(Ordering::SeqCst);
    assert!(
        connections <= 12,
        "connections to the site are kept: {connections}"
    );
}

#[tokio::test]
async fn a_policy_that_cannot_be_served_changes_nothing() {
    let behind = Behind::start().await;
    let gateway = Gateway::start(parts(&[behind.address]));
    let mut other = parts(&[behind.address]);
    other.listeners = vec![Listener {
        name: "elsewhere".into(),
        tls: false,
    }];
    assert!(matches!(
        gateway.server.swap(Policy::new(other).unwrap()),
        Err(SwapError::Listeners)
    ));
    assert_eq!(ask(gateway.http, get("/", "")).await.status, 200);
}

#[tokio::test]
async fn a_connection_follows_the_new_policy_with_its_next_request() {
    let (one, two) = (Behind::start().await, Behind::start().await);
    let gateway = Gateway::start(parts(&[one.address]));
    let mut plain = Plain::open(gateway.http).await;
    plain.send(get("/", "")).await;
    assert_eq!(plain.answer().await.unwrap().status, 200);
    let mut next = parts(&[two.address]);
    next.sites[0].firewall = firewall(WafMode::Block);
    gateway.server.swap(Policy::new(next).unwrap()).unwrap();
    plain.send(get("/", "")).await;
    assert_eq!(plain.answer().await.unwrap().status, 200);
    assert_eq!((one.seen().len(), two.seen().len()), (1, 1));
    plain.send(get("/?a=attack", "")).await;
    assert_eq!(plain.answer().await.unwrap().status, 403);
}

#[tokio::test]
async fn stopping_lets_requests_end() {
    let behind = Behind::start().await;
    let gateway = Gateway::start(parts(&[behind.address]));
    let mut running = Plain::open(gateway.http).await;
    running.send(get("/slow", "")).await;
    let mut idle = Plain::open(gateway.http).await;
    idle.send(get("/", "")).await;
    assert_eq!(idle.answer().await.unwrap().status, 200);
    tokio::time::sleep(Duration::from_millis(200)).await;
    let address = gateway.http;
    let stopping = tokio::spawn(gateway.server.stop(Duration::from_secs(20)));
    assert!(idle.ends().await, "who asks nothing is sent away");
    assert_eq!(running.answer().await.unwrap().text(), "late");
    assert!(stopping.await.unwrap(), "everything ended by itself");
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn stopping_does_not_wait_for_ever() {
    let behind = Behind::start().await;
    let gateway = Gateway::start(parts(&[behind.address]));
    let mut running = Plain::open(gateway.http).await;
    running.send(get("/slow", "")).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    let begun = std::time::Instant::now();
    assert!(!gateway.server.stop(Duration::from_millis(400)).await);
    assert!(begun.elapsed() < Duration::from_secs(2));
    assert!(running.ends().await);
}
