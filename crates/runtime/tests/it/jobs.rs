//! Queue, retries, schedules, catching up: on one runner with a driven clock, without sleeps.

use std::sync::atomic::Ordering;

use jiff::civil::{date, time};
use jiff::{SignedDuration, Timestamp};
use mamori_kernel::clock::tokyo_instant;
use mamori_kernel::ledger::Record;
use mamori_runtime::schedule::{At, MonthDay, Roll, Rule};
use mamori_runtime::{App, NewJob, Runner, SYSTEM_CHAIN, Schedule};
use mamori_store::{LedgerQuery, args};
use mamori_testkit::TestApp;
use serde_json::{Value, json};

use crate::capability::{capability, diary, queue};

fn note(text: &str) -> NewJob {
    NewJob::new("test.note", &json!({ "text": text }))
}

async fn records(app: &App, kind: &str) -> Vec<(Record, Value)> {
    app.db
        .ledger_records(&LedgerQuery::new(SYSTEM_CHAIN))
        .await
        .expect("records")
        .into_iter()
        .filter(|record| record.kind == kind)
        .map(|record| {
            let payload = serde_json::from_str(record.payload.as_str()).expect("JSON");
            (record, payload)
        })
        .collect()
}

async fn check_declared(app: &App, kind: &str) {
    let declared = app
        .capabilities()
        .iter()
        .flat_map(|capability| &capability.evidence)
        .find(|declared| declared.kind == kind)
        .expect("declared");
    for (_, payload) in records(app, kind).await {
        assert_eq!(declared.check(&payload), [], "{payload}");
    }
}

fn instant(text: &str) -> Timestamp {
    tokyo_instant(text.parse().expect("a civil time"))
}

#[tokio::test]
async fn jobs_run_in_order_once_and_only_when_committed() {
    let test = TestApp::with(vec![capability(vec![])]).await;
    for text in ["a", "b", "c", "d", "e"] {
        assert!(queue(&test.app, note(text)).await);
    }
    let mut tx = test.app.db.begin_write().await.expect("a transaction");
    test.app
        .enqueue(&mut tx, note("never"))
        .await
        .expect("queued");
    tx.rollback().await.expect("rolled back");
    let summary = test.advance(SignedDuration::ZERO).await;
    assert_eq!(summary.done, 5);
    test.advance(SignedDuration::from_hours(1)).await;
    assert_eq!(diary(&test.app).texts(), ["a", "b", "c", "d", "e"]);
}

#[tokio::test]
async fn a_waiting_job_is_queued_once_and_a_later_one_waits_for_its_time() {
    let test = TestApp::with(vec![capability(vec![])]).await;
    assert!(queue(&test.app, note("x").dedup("k")).await);
    assert!(!queue(&test.app, note("y").dedup("k")).await);
    assert!(queue(&test.app, note("z").dedup("other")).await);
    let at = test.app.now() + SignedDuration::from_mins(30);
    queue(&test.app, note("later").at(at)).await;
    test.advance(SignedDuration::from_mins(29)).await;
    assert_eq!(diary(&test.app).texts(), ["x", "z"]);
    assert!(queue(&test.app, note("again").dedup("k")).await);
    test.advance(SignedDuration::from_mins(1)).await;
    assert_eq!(diary(&test.app).texts(), ["x", "z", "again", "later"]);
}

#[tokio::test]
async fn an_unknown_kind_is_refused() {
    let test = TestApp::with(vec![]).await;
    let mut tx = test.app.db.begin_write().await.expect("a transaction");
    let refused = test
        .app
        .enqueue(&mut tx, NewJob::new("test.unknown", &json!({})))
        .await;
    assert!(refused.is_err());
}

#[tokio::test]
async fn a_failure_is_recorded_and_tried_again_after_the_pause() {
    let test = TestApp::with(vec![capability(vec![])]).await;
    let diary = diary(&test.app);
    diary.failures_left.store(2, Ordering::SeqCst);
    queue(&test.app, NewJob::new("test.fragile", &json!({}))).await;
    assert_eq!(test.advance(SignedDuration::ZERO).await.again, 1);
    assert_eq!(test.advance(SignedDuration::from_secs(59)).await.runs(), 0);
    assert_eq!(test.advance(SignedDuration::from_secs(1)).await.again, 1);
    assert_eq!(test.advance(SignedDuration::from_secs(119)).await.runs(), 0);
    assert_eq!(test.advance(SignedDuration::from_secs(1)).await.done, 1);
    assert_eq!(diary.tries.load(Ordering::SeqCst), 3);
    let failures = records(&test.app, "job.failed").await;
    assert_eq!(failures.len(), 2);
    assert_eq!(failures[0].1["error"], "relay is away");
    assert_eq!(failures[0].1["given_up"], false);
    check_declared(&test.app, "job.failed").await;
}

#[tokio::test]
async fn a_panic_is_a_failure_like_any_other() {
    let test = TestApp::with(vec![capability(vec![])]).await;
    queue(&test.app, NewJob::new("test.panic", &json!({}))).await;
    queue(&test.app, note("after")).await;
    let summary = test.advance(SignedDuration::ZERO).await;
    assert_eq!((summary.again, summary.done), (1, 1));
    test.advance(SignedDuration::from_mins(1)).await;
    let last = test.advance(SignedDuration::from_mins(2)).await;
    assert_eq!(last.failed, 1);
    assert_eq!(test.advance(SignedDuration::from_hours(10)).await.runs(), 0);
    let failures = records(&test.app, "job.failed").await;
    let given_up: Vec<bool> = failures
        .iter()
        .map(|(_, payload)| payload["given_up"].as_bool().expect("a truth value"))
        .collect();
    assert_eq!(given_up, [false, false, true]);
    assert_eq!(failures[0].1["error"], "panicked: index out of bounds");
    assert_eq!(test.app.job_counts().await.expect("counts").failed, 1);
}

#[tokio::test]
async fn what_cannot_help_is_not_tried_again() {
    let test = TestApp::with(vec![capability(vec![])]).await;
    queue(&test.app, NewJob::new("test.hopeless", &json!({}))).await;
    assert_eq!(test.advance(SignedDuration::ZERO).await.failed, 1);
    assert_eq!(
        records(&test.app, "job.failed").await[0].1["given_up"],
        true
    );
}

#[tokio::test]
async fn schedules_run_on_time_and_a_new_one_does_not_look_back() {
    let daily = Schedule::new("test.daily", "test.note", Rule::Daily(At::new(8, 30)));
    let monthly = Schedule::new(
        "test.monthly",
        "test.note",
        Rule::Monthly(MonthDay::Day(10, Roll::Forward), At::new(10, 0)),
    );
    let test = TestApp::builder()
        .with(capability(vec![daily, monthly]))
        .at(date(2026, 10, 9), time(9, 0, 0, 0))
        .open()
        .await;
    test.advance(SignedDuration::ZERO).await;
    // Every ten minutes, as a runner would: 10 October is a Saturday, Monday the 12th is スポーツの日
    // (a holiday), so the monthly job runs on the 13th.
    while test.app.now() < instant("2026-10-13T12:00") {
        test.advance(SignedDuration::from_mins(10)).await;
    }
    assert_eq!(
        diary(&test.app).instants(),
        [
            "10-10 08:30",
            "10-11 08:30",
            "10-12 08:30",
            "10-13 08:30",
            "10-13 10:00"
        ]
    );
    assert_eq!(records(&test.app, "job.missed").await, []);
}

#[tokio::test]
async fn after_downtime_each_period_is_caught_up_and_the_delay_is_evidence() {
    let daily = Schedule::new("test.daily", "test.note", Rule::Daily(At::new(8, 30)));
    let test = TestApp::with(vec![capability(vec![daily])]).await;
    test.advance(SignedDuration::ZERO).await;
    test.advance_to(instant("2026-10-04T08:35")).await;
    assert_eq!(
        diary(&test.app).instants(),
        ["10-02 08:30", "10-03 08:30", "10-04 08:30"]
    );
    let missed: Vec<(String, i64)> = records(&test.app, "job.missed")
        .await
        .into_iter()
        .filter(|(record, _)| record.subject == "test.daily")
        .map(|(_, payload)| {
            (
                payload["scheduled_for"].as_str().expect("text").to_owned(),
                payload["late_seconds"].as_i64().expect("a number"),
            )
        })
        .collect();
    // Five minutes late is within the tolerance of ten.
    assert_eq!(
        missed,
        [
            ("2026-10-01T23:30:00Z".to_owned(), 2 * 86_400 + 300),
            ("2026-10-02T23:30:00Z".to_owned(), 86_400 + 300),
        ]
    );
    check_declared(&test.app, "job.missed").await;
}

#[tokio::test]
async fn a_probe_is_not_run_for_the_past() {
    let probe = Schedule::new("test.probe", "test.note", Rule::EveryMinutes(5)).latest_only();
    let test = TestApp::with(vec![capability(vec![probe])]).await;
    test.advance(SignedDuration::ZERO).await;
    test.advance_to(instant("2026-10-01T15:02")).await;
    assert_eq!(diary(&test.app).instants(), ["10-01 15:00"]);
    let missed = records(&test.app, "job.missed").await;
    let gap = &missed
        .iter()
        .find(|(record, _)| record.subject == "test.probe")
        .expect("the gap is recorded")
        .1;
    assert_eq!(gap["periods"], 71);
    assert_eq!(gap["run"], false);
    check_declared(&test.app, "job.missed").await;
}

#[tokio::test]
async fn a_clock_that_was_far_ahead_does_not_stop_a_schedule() {
    let daily = Schedule::new("test.daily", "test.note", Rule::Daily(At::new(8, 30)));
    let test = TestApp::with(vec![capability(vec![daily.latest_only()])]).await;
    test.advance(SignedDuration::ZERO).await;
    test.advance_to(instant("2030-01-01T12:00")).await;
    test.advance_to(instant("2026-10-02T07:00")).await;
    let before = diary(&test.app).instants().len();
    test.advance_to(instant("2026-10-02T08:31")).await;
    assert_eq!(diary(&test.app).instants()[before..], ["10-02 08:30"]);
}

#[tokio::test]
async fn a_clock_that_steps_back_a_little_repeats_nothing() {
    let daily = Schedule::new("test.daily", "test.note", Rule::Daily(At::new(8, 30)));
    let test = TestApp::with(vec![capability(vec![daily])]).await;
    test.advance(SignedDuration::ZERO).await;
    for at in [
        "2026-10-02T08:31",
        "2026-10-02T08:00",
        "2026-10-02T08:31",
        "2026-10-02T09:00",
    ] {
        test.advance_to(instant(at)).await;
    }
    assert_eq!(diary(&test.app).instants(), ["10-02 08:30"]);
}

#[tokio::test]
async fn finished_jobs_are_deleted_after_their_term() {
    let test = TestApp::with(vec![capability(vec![])]).await;
    test.advance(SignedDuration::ZERO).await;
    queue(&test.app, note("old")).await;
    test.advance(SignedDuration::from_hours(1)).await;
    let old = |app: App| async move {
        app.db
            .fetch_all("SELECT id FROM job WHERE kind = 'test.note'", args![])
            .await
            .expect("rows")
            .len()
    };
    test.advance(SignedDuration::from_hours(24 * 34)).await;
    assert_eq!(old(test.app.clone()).await, 1);
    test.advance(SignedDuration::from_hours(24 * 2)).await;
    assert_eq!(old(test.app.clone()).await, 0);
}

#[tokio::test]
async fn the_daily_head_is_signed_recorded_and_mailed() {
    let test = TestApp::builder()
        .configured(|config| config.mail.city = vec!["koho@city.example.jp".to_owned()])
        .open()
        .await;
    test.advance(SignedDuration::ZERO).await;
    test.add_user("tanaka", mamori_kernel::permission::Role::Staff)
        .await;
    let head = test
        .app
        .db
        .ledger_head(SYSTEM_CHAIN)
        .await
        .expect("read")
        .expect("a record");
    test.advance_to(instant("2026-10-01T23:55")).await;
    let mails = test.mails();
    assert_eq!(mails.len(), 1);
    let mail = decoded(&mails[0]);
    assert!(mail.contains("To: koho@city.example.jp"), "{mail}");
    assert!(mail.contains(&head.to_string()), "{mail}");
    assert!(mail.contains("mamori ledger verify"), "{mail}");
    let recorded = &records(&test.app, "ledger.checkpoint").await[0].1;
    assert_eq!(recorded["head"], head.to_string());
    check_declared(&test.app, "ledger.checkpoint").await;
    let checkpoints = test
        .app
        .db
        .ledger_checkpoints(SYSTEM_CHAIN)
        .await
        .expect("read");
    assert!(test.app.ledger_key.public().vouches(&checkpoints[0]));
}

/// Header and body of a mail whose body is base64 or quoted-printable, as far as ASCII goes.
fn decoded(mail: &str) -> String {
    let (head, body) = mail.split_once("\r\n\r\n").expect("a header and a body");
    let body = if head.contains("base64") {
        let packed: String = body.split_whitespace().collect();
        base64_decoded(&packed)
    } else {
        body.replace("=\r\n", "")
    };
    format!("{head}\n\n{body}")
}

fn base64_decoded(text: &str) -> String {
    const SIGNS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut bits = 0_u32;
    let mut count = 0;
    let mut out = Vec::new();
    for byte in text.bytes().filter(|byte| *byte != b'=') {
        let value = SIGNS.iter().position(|sign| *sign == byte).expect("base64");
        bits = bits << 6 | value as u32;
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count) as u8);
            bits &= (1 << count) - 1;
        }
    }
    String::from_utf8(out).expect("UTF-8")
}

#[tokio::test]
async fn a_served_runner_stops_gracefully() {
    let test = TestApp::with(vec![capability(vec![])]).await;
    let (sender, stop) = tokio::sync::watch::channel(false);
    let runner = tokio::spawn(Runner::new(test.app.clone()).serve(stop));
    queue(
        &test.app,
        NewJob::new("test.slow", &json!({ "ms": 300, "text": "slow" })),
    )
    .await;
    while test.app.job_counts().await.expect("counts").running == 0 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    sender.send_replace(true);
    runner.await.expect("the runner ends");
    assert_eq!(diary(&test.app).texts(), ["slow"]);
}
