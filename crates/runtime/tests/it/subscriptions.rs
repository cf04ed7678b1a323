//! Subscriptions: in order, at least once, never into our own network unless allowed.

use jiff::SignedDuration;
use mamori_kernel::ledger::{Actor, NewRecord};
use mamori_runtime::App;
use mamori_runtime::notify::signature;
use mamori_runtime::notify::subscription::{self, Made, NewSubscription, SubscriptionError};
use mamori_store::args;
use mamori_testkit::TestApp;
use serde_json::{Value, json};

use crate::notifications::hook;

async fn open() -> TestApp {
    TestApp::builder()
        .configured(|config| {
            config.webhook_private = true;
            config.mail.city = vec!["koho@example.lg.jp".to_owned()];
            config.mail.contractor = vec!["noc@example.jp".to_owned()];
        })
        .open()
        .await
}

async fn append(app: &App, kind: &str, number: u32) {
    let payload = json!({ "number": number });
    let record = NewRecord::new("c1", app.now(), Actor::person("p1"), kind, "x", &payload);
    let mut tx = app.db.begin_write().await.expect("a transaction");
    app.append(&mut tx, record.expect("a record"))
        .await
        .expect("appended");
    tx.commit().await.expect("committed");
}

async fn subscribe(app: &App, url: &str, kinds: &[&str]) -> Made {
    let new = NewSubscription {
        contract: "c1".to_owned(),
        url: url.to_owned(),
        kinds: kinds.iter().map(|kind| (*kind).to_owned()).collect(),
        key: None,
    };
    subscription::add(app, &Actor::person("p1"), new)
        .await
        .expect("made")
}

fn body(request: &str) -> Value {
    let (_, body) = request.split_once("\r\n\r\n").expect("head and body");
    serde_json::from_str(body).expect("JSON")
}

#[tokio::test]
async fn what_is_written_later_arrives_in_order_and_signed() {
    let (url, seen) = hook(&[200, 503, 200, 200]).await;
    let test = open().await;
    append(&test.app, "work.recorded", 0).await;
    let made = subscribe(&test.app, &url, &["work.*"]).await;
    for (kind, number) in [
        ("work.recorded", 1),
        ("request.received", 2),
        ("work.corrected", 3),
        ("work.recorded", 4),
    ] {
        append(&test.app, kind, number).await;
    }
    assert_eq!(test.advance(SignedDuration::ZERO).await.again, 1);
    let waiting = subscription::get(&test.app, "c1", &made.subscription.id)
        .await
        .expect("there");
    assert!(waiting.failing_since.is_some());
    assert_eq!(test.advance(SignedDuration::from_mins(1)).await.done, 1);
    let seen = seen.lock().expect("not poisoned").clone();
    let numbers: Vec<Value> = seen
        .iter()
        .map(|each| body(each)["data"]["payload"]["number"].clone())
        .collect();
    // The refused one came again before the next: nothing is lost, nothing overtakes.
    assert_eq!(numbers, [1, 3, 3, 4].map(|number| json!(number)));
    let ids: Vec<Value> = seen.iter().map(|each| body(each)["id"].clone()).collect();
    assert_eq!(ids, [2, 4, 4, 5].map(|seq| json!(seq)));
    let secret = made.secret.expect("shown once");
    let (head, content) = seen[3].split_once("\r\n\r\n").expect("head and body");
    let sent = signature(&secret, test.app.now().as_second(), content);
    assert!(head.to_lowercase().contains(&sent), "{head}");
    let done = subscription::get(&test.app, "c1", &made.subscription.id)
        .await
        .expect("there");
    assert_eq!((done.sent_seq, done.failing_since), (5, None));
    let log = subscription::deliveries(&test.app, &done.id, 10)
        .await
        .expect("a log");
    let statuses: Vec<Option<u16>> = log.iter().map(|each| each.status).collect();
    assert_eq!(
        statuses
            .iter()
            .filter(|status| **status == Some(503))
            .count(),
        1
    );
    assert_eq!(log.len(), 4);
}

#[tokio::test]
async fn a_receiver_that_stays_away_is_stopped_with_a_notice_and_goes_on_where_it_was() {
    let (url, seen) = hook(&[
        500, 500, 500, 500, 500, 500, 500, 500, 500, 500, 500, 500, 200, 200,
    ])
    .await;
    let test = open().await;
    let made = subscribe(&test.app, &url, &["work.*"]).await;
    append(&test.app, "work.recorded", 1).await;
    for _ in 0..12 {
        test.advance(SignedDuration::from_hours(6)).await;
    }
    let id = made.subscription.id;
    let stopped = subscription::get(&test.app, "c1", &id)
        .await
        .expect("there");
    assert!(stopped.disabled_at.is_some(), "{stopped:?}");
    assert!(stopped.disabled_reason.expect("a reason").contains("500"));
    test.advance(SignedDuration::from_mins(1)).await;
    let told = |mail: &&String| mail.contains("To: noc@example.jp");
    assert_eq!(test.mails().iter().filter(told).count(), 1);
    append(&test.app, "work.recorded", 2).await;
    assert!(matches!(
        subscription::test(&test.app, "c1", &id).await,
        Err(SubscriptionError::Stopped)
    ));
    subscription::resume(&test.app, &Actor::person("p1"), "c1", &id)
        .await
        .expect("resumed");
    test.advance(SignedDuration::from_mins(1)).await;
    let seen = seen.lock().expect("not poisoned").clone();
    let last: Vec<Value> = seen[12..]
        .iter()
        .map(|each| body(each)["data"]["payload"]["number"].clone())
        .collect();
    assert_eq!(last, [json!(1), json!(2)]);
}

#[tokio::test]
async fn tests_and_repetitions_are_sent_once_and_an_ended_subscription_gets_nothing() {
    let (url, seen) = hook(&[200, 200, 200]).await;
    let test = open().await;
    let id = subscribe(&test.app, &url, &["work.*"])
        .await
        .subscription
        .id;
    append(&test.app, "work.recorded", 1).await;
    subscription::test(&test.app, "c1", &id)
        .await
        .expect("queued");
    test.advance(SignedDuration::ZERO).await;
    subscription::again(&test.app, "c1", &id, 1)
        .await
        .expect("queued");
    test.advance(SignedDuration::ZERO).await;
    let mut events: Vec<Value> = seen
        .lock()
        .expect("not poisoned")
        .iter()
        .map(|each| body(each)["event"].clone())
        .collect();
    events.sort_by_key(Value::to_string);
    assert_eq!(
        events,
        [
            json!("webhook.test"),
            json!("work.recorded"),
            json!("work.recorded")
        ]
    );
    assert!(subscription::again(&test.app, "c1", &id, 99).await.is_err());
    subscription::end(&test.app, &Actor::person("p1"), "c1", &id)
        .await
        .expect("ended");
    append(&test.app, "work.recorded", 2).await;
    test.advance(SignedDuration::ZERO).await;
    assert_eq!(seen.lock().expect("not poisoned").len(), 3);
    assert!(
        subscription::list(&test.app, "c1")
            .await
            .expect("a list")
            .is_empty()
    );
}

#[tokio::test]
async fn the_same_key_makes_one_and_our_own_network_is_refused() {
    let test = TestApp::with(Vec::new()).await;
    let new = |url: &str| NewSubscription {
        contract: "c1".to_owned(),
        url: url.to_owned(),
        kinds: vec!["*".to_owned()],
        key: Some("k".to_owned()),
    };
    let actor = Actor::person("p1");
    for inside in [
        "https://127.0.0.1/",
        "http://localhost/",
        "https://[fd00::1]/",
    ] {
        let refused = subscription::add(&test.app, &actor, new(inside)).await;
        assert!(
            matches!(refused, Err(SubscriptionError::Address(_))),
            "{inside}"
        );
    }
    let outside = "https://hooks.example.jp/a";
    let first = subscription::add(&test.app, &actor, new(outside))
        .await
        .expect("made");
    let again = subscription::add(&test.app, &actor, new(outside))
        .await
        .expect("found");
    assert_eq!(first.subscription.id, again.subscription.id);
    assert!(first.secret.is_some() && again.secret.is_none());
    let other = subscription::add(&test.app, &actor, new("https://hooks.example.jp/b")).await;
    assert!(matches!(other, Err(SubscriptionError::KeyReused)));
}

async fn kept_secret(test: &TestApp) -> String {
    test.app
        .db
        .fetch_one("SELECT secret FROM webhook_subscription", args![])
        .await
        .expect("a row")
        .text("secret")
        .expect("a text")
}

/// A copy of the database signs nothing, and what an earlier version kept in the clear is sealed
/// when the application opens; messages go on being signed with the same secret.
#[tokio::test]
async fn secrets_are_sealed_at_rest_also_those_of_before() {
    let (url, seen) = hook(&[200]).await;
    let test = open().await;
    let made = subscribe(&test.app, &url, &["work.*"]).await;
    let secret = made.secret.expect("shown once");
    assert!(!kept_secret(&test).await.contains(&secret));
    let id = made.subscription.id;
    test.app
        .db
        .execute(
            "UPDATE webhook_subscription SET secret = $1 WHERE id = $2",
            args![&secret, &id],
        )
        .await
        .expect("as it was");
    test.open_again().await;
    let sealed = kept_secret(&test).await;
    assert!(!sealed.contains(&secret) && sealed.len() > secret.len());
    append(&test.app, "work.recorded", 1).await;
    assert_eq!(test.advance(SignedDuration::ZERO).await.done, 1);
    let seen = seen.lock().expect("not poisoned").clone();
    let (head, content) = seen[0].split_once("\r\n\r\n").expect("head and body");
    let sent = signature(&secret, test.app.now().as_second(), content);
    assert!(head.to_lowercase().contains(&sent), "{head}");
}
