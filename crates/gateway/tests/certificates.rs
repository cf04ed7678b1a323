//! Certificates from an authority, ordered at a real one: names are proved over connections that it
//! opens, and what goes wrong is what goes wrong there or on the way to it.

mod authority;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use authority::{Bench, CONTRACT, HOST, LIFE_DAYS, Wanted};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use jiff::SignedDuration;
use mamori_gateway::acme::Standing;
use mamori_gateway::acme::trouble::Kind;
use mamori_gateway::{acme, certificates, evidence};
use mamori_kernel::ledger::Actor;
use mamori_kernel::permission::Role;
use mamori_runtime::config::AcmeChallenge;
use mamori_runtime::outgoing::{NoAnswer, Returned};
use mamori_runtime::setting::{MAIL_CONTRACTOR, SettingChange, SettingValue};
use mamori_store::LedgerQuery;
use serde_json::Value;

const DAY: SignedDuration = SignedDuration::from_hours(24);

impl Bench {
    async fn records(&self, kind: &str) -> Vec<Value> {
        let query = LedgerQuery {
            kinds: vec![kind.to_owned()],
            ..LedgerQuery::new(CONTRACT)
        };
        let records = self.test.app.db.ledger_records(&query).await;
        let records = records.expect("the ledger");
        records
            .into_iter()
            .map(|record| record.payload.value().clone())
            .collect()
    }
}

impl Bench {
    /// Bodies of the mails to an address.
    fn mails_to(&self, address: &str) -> Vec<String> {
        let to = format!("To: {address}");
        let mails = self.test.mails();
        let own = mails.iter().filter(|mail| mail.contains(&to));
        own.map(|mail| {
            let (_, body) = mail.split_once("\r\n\r\n").expect("head and body");
            let packed: String = body.split_whitespace().collect();
            let bytes = BASE64_STANDARD.decode(packed).expect("base64");
            String::from_utf8(bytes).expect("text")
        })
        .collect()
    }
}

fn refusal(status: u16, word: &str, more: &[(&str, &str)]) -> Returned {
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let body = format!(
        r#"{{"type":"urn:ietf:params:acme:error:{word}","detail":"as the test says","status":{status}}}"#
    );
    Returned {
        status,
        headers: more.iter().map(own).collect(),
        body: body.into_bytes(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_comes_over_http_and_is_renewed_while_visitors_come() {
    use std::os::unix::fs::PermissionsExt as _;
    let wanted = Wanted {
        hosts: vec![HOST, "example.jp"],
        ..Wanted::default()
    };
    let Some(bench) = Bench::open(wanted).await else {
        return;
    };
    assert!(bench.visit(HOST).await.is_err(), "there is none yet");
    // The gateway asks for what is due as soon as it serves; the job does it.
    let queued = async || {
        let counts = bench.test.app.job_counts().await.expect("the queue");
        counts.queued > 0
    };
    while !queued().await {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    bench.test.advance(SignedDuration::ZERO).await;
    assert_eq!(bench.state().await.trouble, "", "{:?}", bench.state().await);
    for host in [HOST, "example.jp"] {
        let seen = bench.serves(host, |_| true).await;
        assert_eq!(seen.doubt, None, "{host}");
        let answer = String::from_utf8_lossy(&seen.answer);
        assert!(answer.contains("strict-transport-security"), "{answer}");
    }
    let first = bench.facts().expect("a certificate");
    let before = bench.certificate();
    assert_eq!(first.names.len(), 2);
    assert_eq!(first.days_left(bench.test.app.now()), LIFE_DAYS - 1);
    let issued = bench.records(evidence::CERTIFICATE_ISSUED).await;
    assert_eq!((issued.len(), &issued[0]["site"]), (1, &"site".into()));

    let folder = bench.test.data_dir().join("gateway/acme");
    for file in std::fs::read_dir(&folder).expect("the folder") {
        let file = file.expect("a file");
        let mode = file.metadata().expect("there").permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{file:?}");
        assert!(
            !file.file_name().to_string_lossy().contains("order"),
            "{file:?}"
        );
    }

    // Two thirds of its life later it is renewed; nobody who comes meanwhile notices.
    bench.look_after().await;
    assert_eq!(bench.between.count("/order-plz"), 1, "nothing is due");
    bench.test.clock.advance(DAY * 61);
    let stop = Arc::new(AtomicBool::new(false));
    let bench = Arc::new(bench);
    let visitors = {
        let (bench, stop) = (Arc::clone(&bench), Arc::clone(&stop));
        tokio::spawn(async move {
            let mut visits = 0;
            while !stop.load(Ordering::Relaxed) {
                let seen = bench.visit(HOST).await.expect("served without a break");
                assert!(seen.answer.starts_with(b"HTTP/1.1 50"), "{seen:?}");
                visits += 1;
            }
            visits
        })
    };
    bench.look_after().await;
    assert_eq!(bench.state().await.trouble, "", "{:?}", bench.state().await);
    let second = bench.facts().expect("a certificate");
    assert_ne!(bench.certificate(), before);
    bench.serves(HOST, |facts| *facts == second).await;
    stop.store(true, Ordering::Relaxed);
    let visits = visitors.await.expect("no visit failed");
    assert!(visits > 10, "{visits} visits");
    assert_eq!(bench.between.count("/sign-me-up"), 1, "one account");
    // What has just come is not ordered again, however the clocks differ.
    bench.look_after().await;
    assert_eq!(bench.between.count("/order-plz"), 2);

    // Every day somebody looks at what visitors get.
    bench.test.advance(SignedDuration::from_secs(1)).await;
    bench.test.advance(DAY).await;
    let checked = bench.records(evidence::TLS_CHECKED).await;
    let of = |host: &str| {
        checked
            .iter()
            .rev()
            .find(|one| one["host"] == *host)
            .cloned()
    };
    let last = of(HOST).expect("looked at");
    assert_eq!(
        (&last["ok"], &last["version"]),
        (&true.into(), &"1.3".into()),
        "{last}"
    );
    assert!(
        last["not_after"].is_string() && of("example.jp").is_some(),
        "{last}"
    );
    let way = bench.records(evidence::ENCRYPTION_CHECKED).await;
    let way = way.last().expect("looked at");
    assert_eq!(
        (&way["ok"], &way["findings"]),
        (&true.into(), &0.into()),
        "{way}"
    );
    let bench = Arc::into_inner(bench).expect("the last one");
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_comes_over_tls_alone_with_a_bound_account() {
    let wanted = Wanted {
        challenge: AcmeChallenge::TlsAlpn,
        binding: true,
        ..Wanted::default()
    };
    let Some(bench) = Bench::open(wanted).await else {
        return;
    };
    bench.look_after().await;
    assert_eq!(bench.state().await.trouble, "", "{:?}", bench.state().await);
    let seen = bench.serves(HOST, |_| true).await;
    assert_eq!(seen.doubt, None);
    let left = certificates::store::challenges(&bench.test.app.db).await;
    assert_eq!(left, Ok(Vec::new()), "answers are taken back");
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authority_that_is_down_leaves_the_old_certificate_and_is_told() {
    let Some(mut bench) = Bench::open(Wanted::default()).await else {
        return;
    };
    bench.look_after().await;
    let first = bench.facts().expect("a certificate");
    let before = bench.certificate();
    bench.authority.stop();
    bench.test.clock.advance(DAY * 70);
    bench.look_after().await;
    let state = bench.state().await;
    assert_eq!(state.trouble, Kind::Unreachable.word(), "{state:?}");
    assert_eq!(bench.facts(), Some(first.clone()));
    bench.serves(HOST, |facts| *facts == first).await;
    let now = bench.test.app.now();
    let standing = acme::standing(bench.site(), Some(&first), &state, now);
    assert!(
        matches!(standing, Standing::Waits(until) if until > now),
        "{standing:?}"
    );

    // The page says what to do; the daily look warns.
    let mut person = bench.test.sign_in(Role::Manager).await;
    let page = person.get("/c/c1/gateway/certificates").await.text();
    for said in [
        "認証局につながりません",
        "ca_file が正しいか",
        "19 日",
        "今すぐ更新",
    ] {
        assert!(page.contains(said), "{said}: {page}");
    }
    let tried = bench.between.count("/dir");
    bench.look_after().await;
    assert_eq!(
        bench.between.count("/dir"),
        tried,
        "not before the pause ends"
    );
    let renew = "/c/c1/gateway/certificates/site/renew";
    assert_eq!(person.post_form(renew, &[]).await.status, 303);
    assert_eq!(bench.records(evidence::CERTIFICATE_WANTED).await.len(), 1);
    bench.look_after().await;
    assert!(
        bench.between.count("/dir") > tried,
        "a person need not wait"
    );

    // People are told, once for each step of the way to the end.
    let change = SettingChange {
        key: MAIL_CONTRACTOR.to_owned(),
        was: None,
        value: SettingValue::Words(vec!["staff@example.jp".to_owned()]),
    };
    let person = Actor::person("u1");
    let changed = bench
        .test
        .app
        .change_settings(CONTRACT, vec![change], &person);
    changed.await.expect("changed");
    bench.test.advance(SignedDuration::from_secs(1)).await;
    for _ in 0..2 {
        bench.test.advance(DAY).await;
    }
    let mails = bench.mails_to("staff@example.jp");
    assert_eq!(mails.len(), 1, "{mails:?}");
    assert!(
        mails[0].contains("自動の更新がうまくいっていません"),
        "{mails:?}"
    );
    let checked = bench.records(evidence::TLS_CHECKED).await;
    let last = checked.last().expect("looked at");
    assert_eq!(last["ok"], true, "it is still good: {last}");

    // It is back, and knows nobody any more.
    bench.authority.run().await;
    let mut program = bench.test.token(Role::Manager).await;
    let asked = program
        .post_json(
            "/api/v1/contracts/c1/gateway/certificates/site/renew",
            &serde_json::json!({}),
        )
        .await;
    assert_eq!(asked.status, 200, "{}", asked.text());
    bench.look_after().await;
    assert_eq!(bench.state().await.trouble, "", "{:?}", bench.state().await);
    assert_ne!(bench.certificate(), before);
    assert_eq!(bench.between.count("/sign-me-up"), 2, "a new account");
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_leads_elsewhere_is_not_proved() {
    let wanted = Wanted {
        astray: true,
        ..Wanted::default()
    };
    let Some(bench) = Bench::open(wanted).await else {
        return;
    };
    bench.look_after().await;
    let state = bench.state().await;
    assert_eq!(state.trouble, Kind::Unproved.word(), "{state:?}");
    assert!(state.detail.starts_with("www.example.jp: "), "{state:?}");
    assert_eq!((bench.facts(), state.failures, state.tries), (None, 1, 1));
    let left = certificates::store::challenges(&bench.test.app.db).await;
    assert_eq!(left, Ok(Vec::new()));
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_asked_while_the_gateway_does_not_serve() {
    let Some(bench) = Bench::open(Wanted::default()).await else {
        return;
    };
    let Bench {
        test,
        between,
        gateway,
        authority,
        ..
    } = bench;
    // Another process, whose gateway listens nowhere.
    let elsewhere = mamori_runtime::config::Gateway {
        http: vec!["127.0.0.1:1".parse().expect("an address")],
        ..gateway
    };
    let actor = Actor::job("gateway.certificates");
    let looked = acme::look_after(&test.app, &elsewhere, &elsewhere.sites[0], actor).await;
    looked.expect("the database");
    let state = certificates::store::state(&test.app.db, "site")
        .await
        .expect("read");
    assert_eq!(state.trouble, Kind::NotServing.word());
    assert_eq!((between.count("/"), state.tries), (0, 0));
    drop(authority);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nonce_that_is_refused_is_replaced_and_a_limit_is_waited_for() {
    let Some(bench) = Bench::open(Wanted::default()).await else {
        return;
    };
    // The first order is sent with a nonce that was used up: the authority refuses it by itself.
    let spoiled = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&spoiled);
    bench.between.meddle(move |sent| {
        let first = sent.method == "HEAD" && counted.fetch_add(1, Ordering::Relaxed) == 0;
        first.then(|| {
            Ok(Returned {
                status: 200,
                headers: vec![("replay-nonce".to_owned(), "dXNlZC11cA".to_owned())],
                body: Vec::new(),
            })
        })
    });
    bench.look_after().await;
    assert_eq!(bench.state().await.trouble, "", "{:?}", bench.state().await);
    assert!(spoiled.load(Ordering::Relaxed) >= 1);
    assert!(bench.between.count("/sign-me-up") >= 2, "said again");
    let first = bench.facts().expect("a certificate");
    let before = bench.certificate();

    bench.test.clock.advance(DAY * 61);
    bench.between.meddle(|sent| {
        let order = sent.url.contains("/order-plz");
        order.then(|| Ok(refusal(429, "rateLimited", &[("retry-after", "86400")])))
    });
    bench.look_after().await;
    let state = bench.state().await;
    assert_eq!(state.trouble, Kind::RateLimited.word(), "{state:?}");
    let told = bench.test.app.now() + DAY;
    // As the database keeps it.
    let told = jiff::Timestamp::from_millisecond(told.as_millisecond()).expect("an instant");
    assert_eq!(state.told_until, Some(told));
    let (standing, now) = (
        |state: &_, now| acme::standing(bench.site(), Some(&first), state, now),
        bench.test.app.now(),
    );
    assert_eq!(standing(&state, now), Standing::Waits(told));
    // A person cannot shorten what the authority asked for.
    bench.between.leave_alone();
    let orders = bench.between.count("/order-plz");
    let mut person = bench.test.sign_in(Role::Manager).await;
    person
        .post_form("/c/c1/gateway/certificates/site/renew", &[])
        .await;
    bench.look_after().await;
    assert_eq!(bench.between.count("/order-plz"), orders);
    bench.test.clock.advance(DAY);
    bench.look_after().await;
    assert_eq!(bench.state().await.trouble, "", "{:?}", bench.state().await);
    assert_ne!(bench.certificate(), before);
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_begun_before_a_crash_is_gone_on_with() {
    let Some(bench) = Bench::open(Wanted::default()).await else {
        return;
    };
    let broken = |url: &str| {
        Err(NoAnswer {
            url: url.to_owned(),
            detail: "the process ends here".to_owned(),
        })
    };
    // It ends after the authority issued, before the certificate was fetched.
    bench.between.meddle(move |sent| {
        let fetches = sent.url.contains("/certZ/");
        fetches.then(|| broken(&sent.url))
    });
    bench.look_after().await;
    assert_eq!(bench.state().await.trouble, Kind::Unreachable.word());
    assert_eq!(
        (bench.facts(), bench.between.count("/finalize-order/")),
        (None, 1)
    );
    let keep = acme::keep::Keep::new(bench.test.data_dir());
    let begun = keep.begun("site").expect("read").expect("begun");
    bench.between.leave_alone();
    bench.test.clock.advance(SignedDuration::from_hours(1));
    bench.look_after().await;
    assert_eq!(bench.state().await.trouble, "", "{:?}", bench.state().await);
    let count = |part: &str| bench.between.count(part);
    assert_eq!(
        (count("/order-plz"), count("/finalize-order/")),
        (1, 1),
        "the same order"
    );
    let first = bench.facts().expect("a certificate");
    let before = bench.certificate();
    bench.serves(HOST, |facts| *facts == first).await;

    // It ends after the certificate was kept, before the order was forgotten: the next renewal does
    // not stop at the old certificate. And again it ends, before the order is finalized.
    keep.put_begun("site", &begun).expect("written");
    bench.test.clock.advance(DAY * 61);
    bench.between.meddle(move |sent| {
        let finalizes = sent.url.contains("/finalize-order/");
        finalizes.then(|| broken(&sent.url))
    });
    bench.look_after().await;
    assert_eq!(count("/order-plz"), 2);
    bench.between.leave_alone();
    bench.test.clock.advance(SignedDuration::from_hours(1));
    bench.look_after().await;
    assert_eq!(bench.state().await.trouble, "", "{:?}", bench.state().await);
    assert_eq!(count("/order-plz"), 2, "gone on with again");
    assert_ne!(bench.certificate(), before);

    // Two who order at once: one does.
    bench.test.clock.advance(DAY * 61);
    let orders = count("/order-plz");
    tokio::join!(bench.look_after(), bench.look_after());
    assert_eq!(count("/order-plz"), orders + 1);
    bench.end().await;
}
