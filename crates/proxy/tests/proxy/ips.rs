//! Clients that overdo it.

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use mamori_kernel::BanCause;
use mamori_proxy::{
    AddressSet, Event, Intrusion, IpsPolicy, NetworkRule, Outcome, PathPattern, Policy,
    PolicyParts, Rate, Refusal, Requests, Sign, WafMode, Watch,
};

use crate::support::site::Behind;
use crate::support::wire::{Answer, Plain, ask, get, post};
use crate::support::{Gateway, firewall, parts};

/// Clients are told apart by what a trusted proxy in front says.
fn several(behind: &Behind, ips: IpsPolicy) -> PolicyParts {
    let mut parts = parts(&[behind.address]);
    parts.trusted_proxies = AddressSet::parse(["127.0.0.1"]).unwrap();
    parts.ips = ips;
    parts
}

fn from(client: &str) -> String {
    format!("X-Forwarded-For: {client}\r\n")
}

async fn asks(gateway: &Gateway, client: &str, path: &str) -> Answer {
    ask(gateway.http, get(path, &from(client))).await
}

async fn signs_in(gateway: &Gateway, client: &str, password: &str) -> Answer {
    let body = format!("log=editor&pwd={password}");
    ask(gateway.http, post("/wp-login.php", &from(client), &body)).await
}

/// What watches told, once everything that was asked has ended.
async fn intrusions(gateway: &mut Gateway) -> Vec<Intrusion> {
    tokio::time::sleep(Duration::from_millis(50)).await;
    let mut all = Vec::new();
    while let Some(event) = gateway.events.try_next() {
        if let Event::Intrusion(intrusion) = event {
            all.push(*intrusion);
        }
    }
    all
}

fn one_rate(burst: u32) -> IpsPolicy {
    IpsPolicy {
        rates: vec![Rate {
            name: "requests".into(),
            requests: Requests::default(),
            burst,
            count: 60,
            within: Duration::from_mins(1),
        }],
        ..IpsPolicy::default()
    }
}

#[tokio::test]
async fn a_client_that_asks_too_often_waits_and_others_do_not() {
    let behind = Behind::start().await;
    let mut parts = several(&behind, one_rate(3));
    parts.allowed = AddressSet::parse(["198.51.100.0/24"]).unwrap();
    let mut gateway = Gateway::start(parts);
    for _ in 0..3 {
        assert_eq!(asks(&gateway, "2001:db8::1", "/").await.status, 200);
    }
    let answer = asks(&gateway, "2001:db8::ffff:1", "/").await;
    assert_eq!(answer.status, 429, "one /64 is one client");
    assert_eq!(answer.field("retry-after"), Some("1"));
    assert!(answer.text().contains("しばらく待って"));
    for _ in 0..3 {
        gateway.access().await;
    }
    let access = gateway.access().await;
    assert_eq!(access.outcome, Outcome::Refused(Refusal::TooManyRequests));
    assert_eq!(access.by.as_deref(), Some("requests"));
    assert_eq!(asks(&gateway, "2001:db8:0:1::1", "/").await.status, 200);
    for _ in 0..20 {
        assert_eq!(
            asks(&gateway, "198.51.100.9", "/").await.status,
            200,
            "an office"
        );
        assert_eq!(
            ask(gateway.http, get("/", "")).await.status,
            200,
            "the proxy itself"
        );
    }
    gateway.clock.advance(SignedDuration::from_secs(1));
    assert_eq!(asks(&gateway, "2001:db8::1", "/").await.status, 200);
    assert_eq!(asks(&gateway, "2001:db8::1", "/").await.status, 429);
    assert_eq!(behind.seen().len(), 45);
}

#[tokio::test]
async fn what_was_used_up_stays_so_under_the_next_policy() {
    let behind = Behind::start().await;
    let gateway = Gateway::start(several(&behind, one_rate(2)));
    for _ in 0..2 {
        assert_eq!(asks(&gateway, "192.0.2.1", "/").await.status, 200);
    }
    let mut next = several(&behind, one_rate(2));
    next.ips.rates.insert(
        0,
        Rate {
            name: "other".into(),
            ..next.ips.rates[0].clone()
        },
    );
    gateway.server.swap(Policy::new(next).unwrap()).unwrap();
    assert_eq!(asks(&gateway, "192.0.2.1", "/").await.status, 429);
}

#[tokio::test]
async fn failed_sign_ins_lead_to_bans_that_grow() {
    let behind = Behind::start().await;
    let mut ips = IpsPolicy::wordpress();
    ips.rates.clear();
    let mut gateway = Gateway::start(several(&behind, ips));
    let guesser = "203.0.113.7";
    for _ in 0..20 {
        assert_eq!(signs_in(&gateway, "192.0.2.5", "right").await.status, 302);
    }
    for length in [10, 40] {
        // Eight within ten minutes are too many.
        for _ in 0..8 {
            assert_eq!(signs_in(&gateway, guesser, "guess").await.status, 200);
        }
        let told = intrusions(&mut gateway).await;
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!(&*told[0].watch, "failed-logins");
        let ban = told[0].ban.clone().unwrap();
        assert_eq!(ban.network.to_string(), "203.0.113.7/32");
        assert_eq!(
            ban.until.unwrap().duration_since(ban.since).as_mins(),
            length
        );
        let before = behind.seen().len();
        let answer = asks(&gateway, guesser, "/").await;
        assert_eq!(answer.status, 403);
        let wait = (length * 60).to_string();
        assert_eq!(answer.field("retry-after"), Some(wait.as_str()));
        assert_eq!(behind.seen().len(), before);
        assert_eq!(asks(&gateway, "203.0.113.8", "/").await.status, 200);
        gateway.clock.advance(SignedDuration::from_mins(length));
        assert_eq!(asks(&gateway, guesser, "/").await.status, 200);
    }
    assert!(
        !behind.last().headers.contains_key("accept-encoding"),
        "no request of this test asked for packing"
    );
}

#[tokio::test]
async fn an_answer_that_is_read_is_asked_for_unpacked() {
    let behind = Behind::start().await;
    let gateway = Gateway::start(several(&behind, IpsPolicy::wordpress()));
    let fields = format!("{}Accept-Encoding: gzip\r\n", from("192.0.2.1"));
    ask(gateway.http, post("/wp-login.php", &fields, "pwd=x")).await;
    assert!(!behind.last().headers.contains_key("accept-encoding"));
    ask(gateway.http, post("/other", &fields, "pwd=x")).await;
    assert!(behind.last().headers.contains_key("accept-encoding"));
}

#[tokio::test]
async fn who_searches_or_attacks_is_kept_out() {
    let behind = Behind::start().await;
    let watch = |name: &str, sign, count| Watch {
        name: name.into(),
        requests: Requests::default(),
        signs: vec![sign],
        count,
        within: Duration::from_mins(1),
        bans: true,
    };
    let mut parts = several(
        &behind,
        IpsPolicy {
            watches: vec![
                watch("searching", Sign::Status(404, 404), 5),
                watch("attacks", Sign::Firewall, 2),
            ],
            ..IpsPolicy::default()
        },
    );
    parts.sites[0].firewall = firewall(WafMode::Block);
    let mut gateway = Gateway::start(parts.clone());
    for at in 0..5 {
        let path = format!("/missing/{at}");
        assert_eq!(asks(&gateway, "192.0.2.1", &path).await.status, 404);
    }
    assert_eq!(asks(&gateway, "192.0.2.1", "/").await.status, 403);
    for _ in 0..2 {
        assert_eq!(asks(&gateway, "192.0.2.2", "/?a=attack").await.status, 403);
    }
    assert_eq!(asks(&gateway, "192.0.2.2", "/").await.status, 403);
    let told = intrusions(&mut gateway).await;
    let watches: Vec<&str> = told.iter().map(|one| &*one.watch).collect();
    assert_eq!(watches, ["searching", "attacks"]);
    // Observing counts alike, and one is enough where the policy says so.
    parts.sites[0].firewall = firewall(WafMode::Detect);
    parts.ips.watches[1].count = 1;
    parts.ips.watches[1].bans = false;
    gateway.server.swap(Policy::new(parts).unwrap()).unwrap();
    assert_eq!(asks(&gateway, "192.0.2.3", "/?a=attack").await.status, 200);
    assert_eq!(asks(&gateway, "192.0.2.3", "/?a=attack").await.status, 200);
    let told = intrusions(&mut gateway).await;
    assert_eq!(told.len(), 2);
    assert!(told.iter().all(|one| one.ban.is_none()));
}

#[tokio::test]
async fn what_is_no_request_counts_for_who_is_connected() {
    let behind = Behind::start().await;
    let mut parts = parts(&[behind.address]);
    parts.ips.watches = vec![Watch {
        name: "malformed".into(),
        requests: Requests::default(),
        signs: vec![Sign::Malformed],
        count: 2,
        within: Duration::from_mins(1),
        bans: true,
    }];
    parts.ips.banning.close = true;
    let mut gateway = Gateway::start(parts);
    for _ in 0..2 {
        assert_eq!(
            ask(gateway.http, "GET / HTTP/1.1\r\n\r\n").await.status,
            400
        );
    }
    let told = intrusions(&mut gateway).await;
    assert_eq!(
        told[0].ban.as_ref().unwrap().network.to_string(),
        "127.0.0.1/32"
    );
    let mut plain = Plain::open(gateway.http).await;
    assert!(plain.ends().await, "closed at once");
    assert_eq!(gateway.refusal().await, Refusal::Banned);
    let lifted = gateway.server.ips().lift("127.0.0.1/32".parse().unwrap());
    assert_eq!(
        lifted.unwrap().cause,
        BanCause::Watch {
            watch: "malformed".to_owned()
        }
    );
    assert_eq!(ask(gateway.http, get("/", "")).await.status, 200);
}

#[tokio::test]
async fn persons_set_lift_and_restore_bans() {
    let behind = Behind::start().await;
    let mut parts = several(&behind, IpsPolicy::default());
    parts.allowed = AddressSet::parse(["192.0.2.7"]).unwrap();
    let gateway = Gateway::start(parts);
    let ips = gateway.server.ips();
    let network = "192.0.2.0/24".parse().unwrap();
    ips.ban(network, None, "noise at night");
    assert_eq!(asks(&gateway, "192.0.2.200", "/").await.status, 403);
    assert_eq!(
        asks(&gateway, "192.0.2.7", "/").await.status,
        200,
        "an office comes in whoever bans its network"
    );
    assert_eq!(
        ips.ban_of("192.0.2.200".parse().unwrap()).unwrap().network,
        network
    );
    let stored = ips.remembered();
    assert_eq!((stored.len(), ips.figures().bans), (1, 1));
    let other = Gateway::start(several(&behind, IpsPolicy::default()));
    other.server.ips().restore(stored);
    assert_eq!(asks(&other, "192.0.2.200", "/").await.status, 403);
    assert!(ips.lift(network).is_some());
    assert_eq!(asks(&gateway, "192.0.2.200", "/").await.status, 200);
    assert!(ips.figures().bytes <= 131_072 * 32);
}

#[tokio::test]
async fn networks_are_kept_out_of_what_the_policy_says() {
    let behind = Behind::start().await;
    let office = Arc::new(AddressSet::parse(["192.0.2.0/24"]).unwrap());
    let feed = Arc::new(AddressSet::parse(["203.0.113.0/24"]).unwrap());
    let rule = |name: &str, networks: &Arc<AddressSet>, inside, refuses| NetworkRule {
        name: name.into(),
        networks: Arc::clone(networks),
        inside,
        requests: Requests::default(),
        refuses,
    };
    let mut only_office = rule("console-from-the-office", &office, false, true);
    only_office.requests.paths = vec![PathPattern::Below("/wp-admin".to_owned())];
    let mut gateway = Gateway::start(several(
        &behind,
        IpsPolicy {
            networks: vec![only_office, rule("feed", &feed, true, false)],
            ..IpsPolicy::default()
        },
    ));
    assert_eq!(asks(&gateway, "192.0.2.1", "/wp-admin/").await.status, 200);
    assert_eq!(asks(&gateway, "203.0.113.1", "/").await.status, 200);
    assert_eq!(
        asks(&gateway, "203.0.113.1", "//wp-admin/").await.status,
        403
    );
    gateway.access().await;
    assert_eq!(
        gateway.access().await.by.as_deref(),
        Some("feed"),
        "only told"
    );
    let access = gateway.access().await;
    assert_eq!(access.outcome, Outcome::Refused(Refusal::Network));
    assert_eq!(access.by.as_deref(), Some("console-from-the-office"));
}
