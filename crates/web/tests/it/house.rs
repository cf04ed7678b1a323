//! The house's pages: health with its acts, help, live updates.

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use jiff::SignedDuration;
use mamori_kernel::ledger::{Actor, NewRecord};
use mamori_kernel::permission::Role;
use mamori_runtime::{Config, Notification};
use mamori_store::{LedgerQuery, args};
use mamori_testkit::{Answer, Client, PASSWORD, PrivatePostgres, TestApp};
use mamori_web::account::{self, Scope};
use mamori_web::house::events::RightsEvery;
use serde_json::{Value, json};
use tokio_stream::StreamExt as _;

use crate::sample;

async fn open(configure: impl FnOnce(&mut Config) + Send + 'static) -> TestApp {
    TestApp::builder()
        .with(sample::capability())
        .configured(configure)
        .open()
        .await
}

async fn on_both<F, Fut>(story: F)
where
    F: Fn(TestApp) -> Fut,
    Fut: Future<Output = ()>,
{
    story(open(|_| {}).await).await;
    if let Some(server) = PrivatePostgres::shared() {
        let url = server.fresh_database().await;
        story(open(move |config| config.database.url = Some(url)).await).await;
    }
}

/// Queues a mail that can never be sent, and lets it fail.
async fn a_mail_that_fails(test: &TestApp) -> String {
    let mail = Notification {
        to: vec!["no address".to_owned()],
        subject: "期限の知らせ".to_owned(),
        body: "…".to_owned(),
        ..Notification::default()
    };
    let mut tx = test.app.db.begin_write().await.expect("a transaction");
    test.app.notify(&mut tx, &mail).await.expect("queued");
    tx.commit().await.expect("committed");
    let summary = test.advance(SignedDuration::ZERO).await;
    assert_eq!(summary.failed, 1);
    let row = test
        .app
        .db
        .fetch_one("SELECT id FROM job WHERE state = 'failed'", args![])
        .await
        .expect("a failed job");
    row.text("id").expect("an id")
}

fn assert_shows(answer: &Answer, words: &[&str]) {
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    for word in words {
        assert!(answer.text().contains(word), "{word}: {}", answer.text());
    }
}

#[tokio::test]
async fn health_shows_checks_jobs_storage_and_versions_on_both_databases() {
    on_both(|test| async move {
        let id = a_mail_that_fails(&test).await;
        test.advance(SignedDuration::from_hours(24)).await;
        let mut staff = test.sign_in(Role::Staff).await;
        let database = if test.app.db.is_sqlite() {
            "SQLite"
        } else {
            "PostgreSQL"
        };
        let page = staff.get("/system").await;
        assert_shows(
            &page,
            &[database, "台帳の先頭値の通知", "毎日 23:55", "正常"],
        );
        let jobs = staff.get("/system/jobs").await;
        assert_shows(
            &jobs,
            &["期限の知らせ", "no address", "時刻に遅れた定時処理"],
        );
        assert!(!jobs.text().contains(&format!("/system/jobs/{id}/retry")));
        assert_shows(&staff.get("/system/mail").await, &["期限の知らせ", "失敗"]);
        assert_shows(&staff.get("/system/logs").await, &["警告"]);
        staff
            .post_form("/language", &[("to", "en"), ("next", "/system")])
            .await;
        let english = staff.get("/system").await;
        assert_shows(&english, &["It answers", " running, ", "No list"]);
        assert!(!english.text().contains("応答あり"), "{}", english.text());
        let mut city = test.sign_in(Role::City).await;
        assert_eq!(city.get("/system").await.status, StatusCode::FORBIDDEN);
    })
    .await;
}

#[tokio::test]
async fn an_administrator_retries_and_cancels_and_both_leave_evidence() {
    on_both(|test| async move {
        let id = a_mail_that_fails(&test).await;
        let mut person = test.sign_in(Role::Administrator).await;
        let retry = format!("/system/jobs/{id}/retry");
        let cancel = format!("/system/jobs/{id}/cancel");
        let answer = person.post_form(&retry, &[("back", "mail")]).await;
        assert_eq!(answer.location(), "/system/mail", "{}", answer.text());
        let told = person.get("/system/mail").await;
        assert_shows(&told, &["もう一度実行します", &cancel]);
        let answer = person.post_form(&cancel, &[]).await;
        assert_eq!(answer.location(), "/system/jobs");
        let again = person.post_form(&cancel, &[]).await;
        assert_eq!(again.status, StatusCode::CONFLICT, "{}", again.text());
        assert_eq!(test.advance(SignedDuration::from_hours(1)).await.runs(), 0);
        let counts = test.app.job_counts().await.expect("counts");
        assert_eq!((counts.cancelled, counts.failed), (1, 0));
        let records = test
            .app
            .db
            .ledger_records(&LedgerQuery {
                kinds: vec!["job.changed".to_owned()],
                ..LedgerQuery::new("system")
            })
            .await
            .expect("records");
        let declared = test
            .app
            .capabilities()
            .iter()
            .flat_map(|capability| &capability.evidence)
            .find(|kind| kind.kind == "job.changed")
            .expect("declared");
        let acts: Vec<Value> = records
            .iter()
            .map(|record| serde_json::from_str(record.payload.as_str()).expect("JSON"))
            .collect();
        for payload in &acts {
            assert_eq!(declared.check(payload), []);
        }
        let acts: Vec<&str> = acts.iter().filter_map(|one| one["act"].as_str()).collect();
        assert_eq!(acts, ["retry", "cancel"]);
        let gone = person
            .post_form("/system/jobs/../../etc/passwd/retry", &[])
            .await;
        assert_eq!(gone.status, StatusCode::NOT_FOUND);
    })
    .await;
}

#[tokio::test]
async fn only_administrators_change_jobs() {
    let test = open(|_| {}).await;
    let id = a_mail_that_fails(&test).await;
    for role in [Role::Staff, Role::Manager, Role::City, Role::Viewer] {
        let mut person = test.sign_in(role).await;
        let answer = person
            .post_form(&format!("/system/jobs/{id}/retry"), &[])
            .await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{role}");
    }
}

#[tokio::test]
async fn help_begins_with_ones_own_first_day_and_has_no_dead_links() {
    let test = open(|_| {}).await;
    let mut person = test.sign_in(Role::Counsellor).await;
    let list = person.get("/help").await.text();
    let own = list.find("/help/first-counsellor").expect("a link");
    let other = list.find("/help/first-city").expect("a link");
    assert!(own < other, "{list}");
    let links: Vec<&str> = list
        .split("href=\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .filter(|href| href.starts_with("/help/"))
        .collect();
    assert_eq!(links.len(), 24);
    for link in links {
        let answer = person.get(link).await;
        assert_shows(&answer, &["<h1>", "<h2>"]);
        assert!(
            !answer.text().replace("help-link", "").contains("help-"),
            "{link} lacks a text"
        );
    }
    assert_eq!(
        person.get("/help/nothing").await.status,
        StatusCode::NOT_FOUND
    );
    for nul in ["/help/%00", "/help?q=%00"] {
        assert_eq!(person.get(nul).await.status, StatusCode::NOT_FOUND, "{nul}");
    }
}

async fn grow(test: &TestApp) {
    let record = NewRecord::new(
        "aoba",
        test.app.now(),
        Actor::machine("test"),
        "record.filed",
        "x",
        &json!({ "n": 1 }),
    )
    .expect("a record");
    test.app.ledger.append(record).await.expect("appended");
}

/// The next piece of a stream, as text; empty when it has ended.
async fn next(stream: &mut axum::body::BodyDataStream) -> String {
    tokio::time::timeout(Duration::from_secs(20), stream.next())
        .await
        .expect("something comes")
        .map(|bytes| String::from_utf8_lossy(&bytes.expect("bytes")).into_owned())
        .unwrap_or_default()
}

#[tokio::test]
async fn a_page_hears_that_its_ledger_grew_and_of_no_other() {
    let test = open(|_| {}).await;
    grow(&test).await;
    let mut person = test.sign_in(Role::City).await;
    let answer = person.listen("/c/aoba/events").await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    let mut stream = answer.into_body().into_data_stream();
    let first = next(&mut stream).await;
    assert!(
        first.contains("id: 1\n") && first.contains(r#"{"values":{"ledger-seq":"1"}}"#),
        "{first}"
    );
    grow(&test).await;
    let second = next(&mut stream).await;
    assert!(second.contains("id: 2\n"), "{second}");
    assert!(!second.contains("system"), "{second}");
}

async fn somebody(test: &TestApp, name: &str) -> Client {
    test.add_user(name, Role::Staff).await;
    let mut person = test.anonymous();
    person.sign_in(name, PASSWORD).await;
    person
}

#[tokio::test]
async fn a_connection_ends_with_the_right_to_it() {
    let test = open(|_| {}).await;
    test.app
        .provide(Arc::new(RightsEvery(Duration::from_millis(20))));
    grow(&test).await;
    for how in ["sign-out", "role"] {
        let mut person = somebody(&test, how).await;
        let mut stream = person
            .listen("/c/aoba/events")
            .await
            .into_body()
            .into_data_stream();
        next(&mut stream).await;
        if how == "sign-out" {
            person.post_form("/sign-out", &[]).await;
        } else {
            let nowhere = Scope::Contracts(Vec::new());
            account::set_scope(&test.app, Actor::machine("test"), how, &nowhere)
                .await
                .expect("the scope is set");
        }
        assert_eq!(next(&mut stream).await, "", "{how}");
    }
}

#[tokio::test]
async fn nobody_holds_more_than_ten_connections() {
    let test = open(|_| {}).await;
    let mut person = somebody(&test, "hanako").await;
    let mut held = Vec::new();
    for _ in 0..10 {
        let answer = person.listen("/c/aoba/events").await;
        assert_eq!(answer.status(), StatusCode::OK);
        held.push(answer);
    }
    let one_more = person.listen("/c/aoba/events").await;
    assert_eq!(one_more.status(), StatusCode::TOO_MANY_REQUESTS);
    let mut other = somebody(&test, "taro").await;
    assert_eq!(
        other.listen("/c/aoba/events").await.status(),
        StatusCode::OK
    );
    drop(held);
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(
        person.listen("/c/aoba/events").await.status(),
        StatusCode::OK
    );
}
