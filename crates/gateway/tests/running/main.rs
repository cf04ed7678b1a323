//! The whole gateway in front of a site: rules from the machine, decisions from the desk, findings
//! and traffic in the database.

mod modes;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mamori_gateway::access::{self, search};
use mamori_gateway::model::{SitePolicy, Wish};
use mamori_gateway::store::{self, Search};
use mamori_gateway::{bans, capability, desk, evidence, service};
use mamori_kernel::ledger::Actor;
use mamori_proxy::WafMode;
use mamori_runtime::config::{Gateway, GatewaySite};
use mamori_store::LedgerQuery;
use mamori_testkit::TestApp;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

const CONTRACT: &str = "c1";
const ATTACK: &str = "/?s=%3Cscript%3Ealert(1)%3C/script%3E";

/// The Core Rule Set of this machine. Without it nothing can be tried, and that is said aloud.
fn rules() -> Option<PathBuf> {
    let found = std::env::var_os("MAMORI_TEST_CRS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/crs"),
        PathBuf::from,
    );
    if found.join("rules").is_dir() {
        return Some(found);
    }
    eprintln!("SKIPPED: no Core Rule Set at {}", found.display());
    None
}

/// A site that answers every request with one line.
async fn site_behind() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut head = [0; 4096];
                while let Ok(read @ 1..) = stream.read(&mut head).await {
                    if head[..read].windows(4).any(|end| end == b"\r\n\r\n") {
                        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
                        if stream.write_all(answer).await.is_err() {
                            return;
                        }
                    }
                }
            });
        }
    });
    address
}

struct Bench {
    test: TestApp,
    settings: Gateway,
    address: SocketAddr,
    stop: watch::Sender<bool>,
    served: Served,
}

async fn open(rules: PathBuf) -> Bench {
    begin(Some(rules)).await
}

/// With rules, or with the firewall off.
async fn begin(rules: Option<PathBuf>) -> Bench {
    let mode = match rules {
        Some(_) => WafMode::Block,
        None => WafMode::Off,
    };
    let policy = SitePolicy {
        mode,
        ..SitePolicy::default()
    };
    open_as(rules, &policy).await
}

async fn open_as(rules: Option<PathBuf>, policy: &SitePolicy) -> Bench {
    let behind = site_behind().await;
    // Who tries the rules attacks again and again and would be kept out.
    let here = "127.0.0.0/8".parse().expect("a network");
    let settings = Gateway {
        allowed: rules.iter().map(|_| here).collect(),
        http: vec!["127.0.0.1:0".parse().expect("an address")],
        rules,
        sites: vec![GatewaySite {
            name: "site".to_owned(),
            contract: CONTRACT.to_owned(),
            hosts: vec!["www.example.jp".to_owned()],
            upstreams: vec![behind.to_string()],
            certificate: None,
            inspect_answers: false,
        }],
        ..Gateway::default()
    };
    let own = settings.clone();
    let test = TestApp::builder()
        .configured(move |config| config.gateway = Some(own))
        .with(capability())
        .open()
        .await;
    let mut tx = test.app.db.begin_write().await.expect("begun");
    store::set_policy(&mut tx, "site", policy, test.app.now(), "u1")
        .await
        .expect("decided");
    tx.commit().await.expect("kept");
    let (address, stop, served) = serve(&test, settings.clone());
    Bench {
        test,
        settings,
        address,
        stop,
        served,
    }
}

type Served = tokio::task::JoinHandle<Result<(), service::ServeError>>;

fn serve(test: &TestApp, settings: Gateway) -> (SocketAddr, watch::Sender<bool>, Served) {
    let sockets = service::bind(&settings).expect("bound");
    let address = sockets[0].1.local_addr().expect("an address");
    let (stop, stopped) = watch::channel(false);
    let served = tokio::spawn(service::serve(test.app.clone(), settings, sockets, stopped));
    (address, stop, served)
}

impl Bench {
    /// Ends and begins anew with the same database.
    async fn restart(self) -> Self {
        self.stop.send_replace(true);
        self.served.await.expect("no panic").expect("served");
        let (address, stop, served) = serve(&self.test, self.settings.clone());
        Self {
            address,
            stop,
            served,
            ..self
        }
    }

    async fn ask(&self, target: &str) -> u16 {
        for _ in 0..200 {
            if let Some(status) = ask(self.address, target).await {
                return status;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the gateway never answered");
    }

    /// Asks until the answer has this status: decisions come into force beside the traffic.
    async fn becomes(&self, target: &str, status: u16) {
        for _ in 0..200 {
            if self.ask(target).await == status {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{target} never became {status}");
    }

    async fn kinds(&self) -> Vec<String> {
        let records = self
            .test
            .app
            .db
            .ledger_records(&LedgerQuery::new(CONTRACT))
            .await;
        let records = records.expect("the ledger");
        records.into_iter().map(|record| record.kind).collect()
    }
}

async fn ask(address: SocketAddr, target: &str) -> Option<u16> {
    let mut stream = TcpStream::connect(address).await.ok()?;
    let request = format!(
        "GET {target} HTTP/1.1\r\nHost: www.example.jp\r\nUser-Agent: Mozilla/5.0 (X11)\r\n\
         Accept: text/html\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.ok()?;
    let text = String::from_utf8_lossy(&answer).into_owned();
    text.split(' ').nth(1)?.parse().ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attack_is_refused_found_excluded_and_refused_again() {
    let Some(rules) = rules() else { return };
    let bench = open(rules).await;
    assert_eq!(bench.ask("/").await, 200);
    assert_eq!(bench.ask(ATTACK).await, 403);

    // What was refused stands in the database within moments.
    let db = &bench.test.app.db;
    let search = Search {
        sites: vec!["site".to_owned()],
        ..Search::default()
    };
    let found = loop {
        let found = store::findings(db, &search, 0, 10).await.expect("read");
        if let [one] = found.as_slice() {
            break one.clone();
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert!(found.refused && found.score >= 5, "{found:?}");
    assert_eq!(found.path, "/");
    let by_words = Search {
        words: found.id.clone(),
        ..search.clone()
    };
    assert_eq!(store::count_findings(db, &by_words).await, Ok(1));
    let rule = found.excludable().next().expect("a rule").rule;
    let by_rule = |rule| Search {
        rule: Some(rule),
        ..search.clone()
    };
    assert_eq!(store::count_findings(db, &by_rule(rule)).await, Ok(1));
    assert_eq!(store::count_findings(db, &by_rule(rule / 10)).await, Ok(0));

    // Every rule that matched is taken away from this parameter on this path.
    let today = mamori_kernel::clock::tokyo_date(bench.test.app.now()).to_string();
    for matched in found.excludable() {
        let wish = Wish {
            rule: matched.rule.to_string(),
            target: "ARGS:s".to_owned(),
            path: "/".to_owned(),
            reason: "記事の検索".to_owned(),
            expires_on: today.clone(),
            request: found.id.clone(),
            ..Wish::default()
        };
        desk::exclude(
            &bench.test.app,
            CONTRACT,
            "site",
            &wish,
            Actor::person("u1"),
        )
        .await
        .expect("excluded");
    }
    bench.becomes(ATTACK, 200).await;
    assert_eq!(
        bench.ask("/?q=%3Cscript%3Ealert(1)%3C/script%3E").await,
        403
    );
    let held = store::exclusions(db, "site", true).await.expect("read");
    for exclusion in &held {
        desk::end_exclusion(
            &bench.test.app,
            CONTRACT,
            "site",
            &exclusion.id.to_string(),
            Actor::person("u1"),
        )
        .await
        .expect("ended");
    }
    bench.becomes(ATTACK, 403).await;
    for gone in [held[0].id.to_string(), "e".to_owned()] {
        let again = desk::end_exclusion(
            &bench.test.app,
            CONTRACT,
            "site",
            &gone,
            Actor::person("u1"),
        );
        assert!(matches!(again.await, Err(desk::DeskError::NoExclusion)));
    }

    let kinds = bench.kinds().await;
    assert!(kinds.contains(&evidence::EXCLUDED.to_owned()), "{kinds:?}");
    assert!(kinds.contains(&evidence::EXCLUSION_ENDED.to_owned()));
    bench.stop.send_replace(true);
    bench.served.await.expect("no panic").expect("served");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_is_observed_closed_and_opened_and_its_traffic_is_counted() {
    let Some(rules) = rules() else { return };
    let bench = open(rules).await;
    let decide = async |policy: SitePolicy| {
        desk::decide(
            &bench.test.app,
            CONTRACT,
            "site",
            &policy,
            Actor::person("u1"),
        )
        .await
        .expect("decided")
    };
    assert_eq!(bench.ask(ATTACK).await, 403);
    let observed = SitePolicy {
        mode: WafMode::Detect,
        ..SitePolicy::default()
    };
    assert!(decide(observed.clone()).await.changed);
    assert!(!decide(observed.clone()).await.changed, "nothing changed");
    bench.becomes(ATTACK, 200).await;
    assert_eq!(bench.ask(ATTACK).await, 200, "and once more");
    decide(SitePolicy {
        closed: true,
        ..observed
    })
    .await;
    bench.becomes("/", 503).await;
    decide(SitePolicy::default()).await;
    bench.becomes("/", 200).await;
    let (app, anybody) = (&bench.test.app, Actor::person("u1"));
    let wrong = desk::decide(app, "another", "site", &SitePolicy::default(), anybody).await;
    assert!(matches!(wrong, Err(desk::DeskError::NoSite)));
    let kinds = bench.kinds().await;
    let changed = kinds.iter().filter(|kind| *kind == evidence::CHANGED);
    assert_eq!(changed.count(), 3);

    bench.stop.send_replace(true);
    bench.served.await.expect("no panic").expect("served");
    let today = mamori_kernel::clock::tokyo_date(bench.test.app.now());
    let days = store::traffic(&bench.test.app.db, "site", today, today)
        .await
        .expect("read");
    let traffic = days.get(&today).copied().unwrap_or_default();
    assert!(traffic.requests >= 4 && traffic.refused >= 1, "{traffic:?}");
    assert!(traffic.observed >= 2, "{traffic:?}");
    assert!(traffic.bytes_out > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_daily_check_tries_the_rules_and_the_transfer_is_noted() {
    let Some(rules) = rules() else { return };
    let bench = open(rules).await;
    assert_eq!(bench.ask("/").await, 200);
    bench.stop.send_replace(true);
    bench.served.await.expect("no panic").expect("served");
    // It said that it runs; a day later nobody does any more.
    let db = &bench.test.app.db;
    let mut alive = store::alive(db).await.expect("read").expect("said");
    assert_eq!(alive.trouble, "");
    let record = async |kind: &str| {
        let query = LedgerQuery {
            kinds: vec![kind.to_owned()],
            ..LedgerQuery::new(CONTRACT)
        };
        let records = bench.test.app.db.ledger_records(&query).await;
        let records = records.expect("the ledger");
        records.last().map(|record| record.payload.value().clone())
    };
    // The first tick plans, the second runs what is due.
    bench
        .test
        .advance(jiff::SignedDuration::from_hours(1))
        .await;
    bench
        .test
        .advance(jiff::SignedDuration::from_hours(24))
        .await;
    let checked = record(evidence::CHECKED).await.expect("checked");
    assert_eq!(checked["host"], "site");
    assert_eq!(
        (&checked["missed"], &checked["wronged"]),
        (&0.into(), &0.into())
    );
    assert!(
        checked["rules"].as_u64().is_some_and(|rules| rules > 100),
        "{checked}"
    );
    assert_eq!(checked["serving"], false);
    assert_eq!(checked["ok"], false, "what does not run guards nothing");
    let transfer = record(evidence::TRANSFER).await.expect("noted");
    assert_eq!(
        (&transfer["date"], &transfer["requests"]),
        (&"2026-10-01".into(), &1.into())
    );

    alive.at = bench
        .test
        .clock
        .advance(jiff::SignedDuration::from_hours(24));
    store::say_alive(db, &alive).await.expect("said");
    bench.test.advance_to(alive.at).await;
    let checked = record(evidence::CHECKED).await.expect("checked");
    assert_eq!(
        (&checked["serving"], &checked["ok"]),
        (&true.into(), &true.into()),
        "{checked}"
    );
}

/// Sends what two readers could understand differently.
async fn malformed(address: SocketAddr) {
    let mut stream = TcpStream::connect(address).await.expect("connected");
    let request = b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n";
    stream.write_all(request).await.expect("sent");
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_overdoes_it_is_kept_out_until_lifted_also_after_a_restart() {
    let bench = begin(None).await;
    assert_eq!(bench.ask("/").await, 200);
    for _ in 0..31 {
        malformed(bench.address).await;
    }
    bench.becomes("/", 403).await;
    let bench = bench.restart().await;
    bench.becomes("/", 403).await;

    let app = &bench.test.app;
    let held = bans::store::in_force(&app.db, app.now(), 0, 10)
        .await
        .expect("read");
    let [one] = held.as_slice() else {
        panic!("one ban: {held:?}")
    };
    assert_eq!(one.ban.network.to_string(), "127.0.0.1/32");
    let today = mamori_kernel::clock::tokyo_date(app.now());
    let seen = bans::store::seen(&app.db, today, today)
        .await
        .expect("read");
    assert_eq!(seen["malformed"].banned, 1, "{seen:?}");

    let person = || Actor::person("u1");
    bans::lift(app, CONTRACT, "127.0.0.1/32", person())
        .await
        .expect("lifted");
    bench.becomes("/", 200).await;
    let again = bans::lift(app, CONTRACT, "127.0.0.1/32", person()).await;
    assert!(matches!(again, Err(desk::DeskError::NoBan)));

    let wish = bans::BanWish {
        network: "127.0.0.1".to_owned(),
        hours: "2".to_owned(),
        reason: "フォームへの連続した送信".to_owned(),
    };
    bans::ban(app, CONTRACT, &wish, person())
        .await
        .expect("banned");
    bench.becomes("/", 403).await;
    bans::lift(app, CONTRACT, "127.0.0.1/32", person())
        .await
        .expect("lifted");
    bench.becomes("/", 200).await;

    let records = app.db.ledger_records(&LedgerQuery::new(CONTRACT)).await;
    let records = records.expect("the ledger");
    let of = |kind: &str| records.iter().filter(|record| record.kind == kind).count();
    assert_eq!((of(evidence::BANNED), of(evidence::BAN_LIFTED)), (1, 2));
    let all = format!("{records:?}");
    assert!(
        !all.contains("127.0.0.1"),
        "no address is in the ledger: {all}"
    );
    bench.stop.send_replace(true);
    bench.served.await.expect("no panic").expect("served");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_request_is_recorded_and_what_is_kept_is_evidence() {
    let bench = begin(None).await;
    assert_eq!(bench.ask("/soudan?secret=1").await, 200);
    malformed(bench.address).await;
    // Put in order as the gateway begins: by now there is something.
    let bench = bench.restart().await;
    assert_eq!(bench.ask("/").await, 200);
    let app = bench.test.app.clone();
    let kept = loop {
        let kept = access::store::kept(&app.db).await.expect("read");
        match kept {
            Some(kept) if kept.oldest_on.is_some() => break kept,
            _ => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    };
    assert_eq!(kept.trouble, "");
    bench.stop.send_replace(true);
    bench.served.await.expect("no panic").expect("served");
    let wanted = search::Wanted {
        sites: vec!["site".to_owned()],
        day: mamori_kernel::clock::tokyo_date(app.now()),
        words: "soudan".to_owned(),
        status: search::Status::Any,
    };
    let folder = access::folder(&app);
    let found = search::newest(&folder, &wanted, 10, Duration::from_mins(1)).expect("read");
    let [line] = found.lines.as_slice() else {
        panic!("one request: {found:?}")
    };
    assert_eq!((line.path.as_str(), line.status), ("/soudan", 200));

    for hours in [1, 24] {
        bench
            .test
            .advance(jiff::SignedDuration::from_hours(hours))
            .await;
    }
    let query = LedgerQuery {
        kinds: vec![evidence::LOG_KEPT.to_owned()],
        ..LedgerQuery::new(CONTRACT)
    };
    let records = app.db.ledger_records(&query).await.expect("the ledger");
    let payload = records.last().expect("a record").payload.value().clone();
    assert_eq!(
        (&payload["log"], &payload["oldest_on"]),
        (&"access".into(), &"2026-10-01".into())
    );
    assert_eq!(payload["ok"], false, "nobody writes any more");
}
