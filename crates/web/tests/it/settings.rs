//! A contract's settings and its mails to the city: pages and API, on both databases.

use std::sync::Arc;

use axum::http::{Method, StatusCode};
use jiff::SignedDuration;
use mamori_kernel::permission::Role;
use mamori_runtime::setting::{MAIL_CITY, MAIL_CITY_RELEASE};
use mamori_runtime::{Config, Notification};
use mamori_store::LedgerQuery;
use mamori_testkit::{PrivatePostgres, TestApp};
use mamori_web::{ContractTitle, Installation};
use serde_json::{Value, json};

use crate::sample;

pub(crate) async fn open(configure: impl FnOnce(&mut Config) + Send + 'static) -> TestApp {
    let test = TestApp::builder()
        .with(sample::capability())
        .configured(configure)
        .open()
        .await;
    let title = |id: &str| ContractTitle {
        id: id.to_owned(),
        title: format!("{id}市の保守"),
    };
    test.app.provide(Arc::new(Installation {
        contracts: vec![title("aoba"), title("kita")],
        sample: false,
    }));
    test
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

async fn ledger(test: &TestApp, contract: &str) -> Vec<(String, String)> {
    let records = test
        .app
        .db
        .ledger_records(&LedgerQuery::new(contract))
        .await
        .expect("records");
    records
        .into_iter()
        .map(|record| (record.kind.clone(), record.payload.to_string()))
        .collect()
}

pub(crate) async fn write_to_the_city(test: &TestApp, contract: &str, subject: &str) {
    let mut tx = test.app.db.begin_write().await.expect("a transaction");
    let mail = Notification {
        subject: subject.to_owned(),
        body: "内容をご確認ください。".to_owned(),
        ..Notification::default()
    };
    test.app
        .notify_city(&mut tx, contract, mail)
        .await
        .expect("queued");
    tx.commit().await.expect("committed");
}

#[tokio::test]
async fn a_setting_holds_for_its_contract_leaves_evidence_and_hides_addresses() {
    on_both(|test| async move {
        let mut manager = test.sign_in(Role::Manager).await;
        let form = [
            (
                MAIL_CITY,
                "koho@aoba.example.jp\r\n\r\nkeiyaku@aoba.example.jp",
            ),
            ("was-mail-city", "[]"),
        ];
        let done = manager.post_form("/c/aoba/settings", &form).await;
        assert_eq!(done.location(), "/c/aoba/settings", "{}", done.text());
        let page = manager.get("/c/aoba/settings").await.text();
        assert!(page.contains("設定を保存しました") && page.contains("keiyaku@aoba.example.jp"));
        let other = manager.get("/c/kita/settings").await.text();
        assert!(!other.contains("aoba.example.jp"));
        let records = ledger(&test, "aoba").await;
        assert_eq!(records.len(), 1);
        assert_eq!(records[0].0, "setting.changed");
        assert!(!records[0].1.contains('@'), "{}", records[0].1);

        // The same once more changes nothing and says so.
        let same = [(MAIL_CITY, "koho@aoba.example.jp\nkeiyaku@aoba.example.jp")];
        manager.post_form("/c/aoba/settings", &same).await;
        assert!(
            manager
                .get("/c/aoba/settings")
                .await
                .text()
                .contains("変更はありません")
        );
        assert_eq!(ledger(&test, "aoba").await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn what_is_wrong_stands_beside_the_field_and_a_conflict_shows_both() {
    let test = open(|_| {}).await;
    let mut manager = test.sign_in(Role::Manager).await;
    let wrong = [(MAIL_CITY, "市役所"), ("reminder-days", "7")];
    let refused = manager.post_form("/c/aoba/settings", &wrong).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    let answer = refused.text();
    assert!(
        answer.contains("「市役所」は使えません") && answer.contains("aria-invalid"),
        "{answer}"
    );

    let mine = [(MAIL_CITY, "a@example.jp"), ("was-mail-city", "[]")];
    manager.post_form("/c/aoba/settings", &mine).await;
    let theirs = [(MAIL_CITY, "b@example.jp"), ("was-mail-city", "[]")];
    let conflict = manager.post_form("/c/aoba/settings", &theirs).await;
    assert_eq!(conflict.status, StatusCode::UNPROCESSABLE_ENTITY);
    let answer = conflict.text();
    assert!(
        answer.contains("「a@example.jp」へ変更しました"),
        "{answer}"
    );
    assert!(
        answer.contains(">b@example.jp</textarea>"),
        "what was typed is kept: {answer}"
    );
}

#[tokio::test]
async fn rights_are_the_managers_and_the_city_sees_nothing() {
    let test = open(|_| {}).await;
    let form = [(MAIL_CITY, "x@example.jp")];
    for (role, look, change) in [
        (Role::Viewer, StatusCode::FORBIDDEN, StatusCode::FORBIDDEN),
        (Role::City, StatusCode::FORBIDDEN, StatusCode::FORBIDDEN),
        (
            Role::Counsellor,
            StatusCode::FORBIDDEN,
            StatusCode::FORBIDDEN,
        ),
        (Role::Staff, StatusCode::OK, StatusCode::FORBIDDEN),
        (Role::Manager, StatusCode::OK, StatusCode::SEE_OTHER),
    ] {
        let mut person = test.sign_in(role).await;
        for path in ["/c/aoba/settings", "/c/aoba/letters"] {
            assert_eq!(person.get(path).await.status, look, "{role} {path}");
        }
        let answer = person.post_form("/c/aoba/settings", &form).await;
        assert_eq!(answer.status, change, "{role}");
    }
}

#[tokio::test]
async fn mail_to_the_city_waits_for_a_persons_word() {
    on_both(|test| async move {
        let mut manager = test.sign_in(Role::Manager).await;
        write_to_the_city(&test, "aoba", "宛先がないうちは送らない").await;
        manager
            .post_form("/c/aoba/settings", &[(MAIL_CITY, "koho@aoba.example.jp")])
            .await;
        write_to_the_city(&test, "aoba", "一通目").await;
        write_to_the_city(&test, "aoba", "二通目").await;
        test.advance(SignedDuration::from_mins(30)).await;
        assert!(test.mails().is_empty(), "nothing went by itself");

        let waiting = test.app.letters("aoba", Vec::new()).await.expect("letters");
        let subjects: Vec<&str> = waiting
            .iter()
            .map(|one| one.mail.subject.as_str())
            .collect();
        assert_eq!(subjects, ["二通目", "一通目"]);
        let page = manager.get("/c/aoba/letters").await.text();
        assert!(
            page.contains("内容をご確認ください") && page.contains("二通目"),
            "{page}"
        );
        assert!(
            !manager
                .get("/c/kita/letters")
                .await
                .text()
                .contains("二通目")
        );

        let (second, first) = (&waiting[0].job.id, &waiting[1].job.id);
        let elsewhere = format!("/c/kita/letters/{first}/release");
        let answer = manager.post_form(&elsewhere, &[]).await;
        assert_eq!(
            answer.status,
            StatusCode::NOT_FOUND,
            "another contract's mail is not there"
        );
        let release = format!("/c/aoba/letters/{first}/release");
        let answer = manager.post_form(&release, &[]).await;
        assert_eq!(answer.location(), "/c/aoba/letters", "{}", answer.text());
        assert_eq!(
            manager.post_form(&release, &[]).await.status,
            StatusCode::CONFLICT
        );
        let withdraw = format!("/c/aoba/letters/{second}/withdraw");
        manager.post_form(&withdraw, &[]).await;
        test.advance(SignedDuration::from_mins(1)).await;
        assert_eq!(test.mails().len(), 1);
        let kinds: Vec<String> = ledger(&test, "aoba")
            .await
            .into_iter()
            .map(|one| one.0)
            .collect();
        assert_eq!(
            kinds,
            ["setting.changed", "letter.released", "letter.withdrawn"]
        );

        manager
            .post_form("/c/aoba/settings", &[(MAIL_CITY_RELEASE, "at-once")])
            .await;
        write_to_the_city(&test, "aoba", "三通目").await;
        test.advance(SignedDuration::from_mins(1)).await;
        assert_eq!(test.mails().len(), 2, "the setting lets it go at once");
    })
    .await;
}

#[tokio::test]
async fn the_api_reads_and_changes_settings() {
    let test = open(|_| {}).await;
    let mut program = test.token(Role::Manager).await;
    let path = "/api/v1/contracts/aoba/settings";
    let list = program.get(path).await.json();
    let keys: Vec<&str> = list["items"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|item| item["key"].as_str().expect("a key"))
        .collect();
    assert_eq!(keys, ["mail-city", "mail-city-release", "mail-contractor"]);
    let put = |value: Value| json!({ "value": value });
    let one = format!("{path}/mail-city");
    let done = program
        .send_json(Method::PUT, &one, &put(json!(["a@example.jp"])))
        .await;
    assert_eq!(
        done.json()["value"],
        json!(["a@example.jp"]),
        "{}",
        done.text()
    );
    let stale = json!({ "value": [], "was": ["z@example.jp"] });
    let refused = program.send_json(Method::PUT, &one, &stale).await;
    assert_eq!(refused.status, StatusCode::CONFLICT, "{}", refused.text());
    for (key, value, status) in [
        (
            "mail-city",
            json!(["nobody"]),
            StatusCode::UNPROCESSABLE_ENTITY,
        ),
        ("mail-city", json!("word"), StatusCode::UNPROCESSABLE_ENTITY),
        (
            "mail-city",
            json!({"a": 1}),
            StatusCode::UNPROCESSABLE_ENTITY,
        ),
        (
            "mail-city-release",
            json!("never"),
            StatusCode::UNPROCESSABLE_ENTITY,
        ),
        ("nothing", json!("word"), StatusCode::NOT_FOUND),
    ] {
        let answer = program
            .send_json(Method::PUT, &format!("{path}/{key}"), &put(value.clone()))
            .await;
        assert_eq!(answer.status, status, "{key} {value}: {}", answer.text());
    }
}
