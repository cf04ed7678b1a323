//! The pages of tokens and webhooks: what a person types, sees once, and ends.

use axum::http::StatusCode;
use mamori_kernel::ledger::{Actor, NewRecord};
use mamori_kernel::permission::Role;
use mamori_testkit::{Answer, TestApp};
use serde_json::json;

use crate::sample;

async fn open() -> TestApp {
    let test = TestApp::with(vec![sample::capability()]).await;
    let app = &test.app;
    let record = NewRecord::new(
        "c1",
        app.now(),
        Actor::machine("test"),
        "work.recorded",
        "x",
        &json!({}),
    );
    let mut tx = app.db.begin_write().await.expect("a transaction");
    app.append(&mut tx, record.expect("a record"))
        .await
        .expect("appended");
    tx.commit().await.expect("committed");
    test
}

/// The secret that a page shows, if it shows one.
fn secret(answer: &Answer) -> Option<String> {
    let text = answer.text();
    let (_, rest) = text.split_once("class=\"secret\">")?;
    Some(rest.split_once('<')?.0.to_owned())
}

#[tokio::test]
async fn a_token_is_made_shown_once_and_revoked() {
    let test = open().await;
    let mut staff = test.sign_in(Role::Staff).await;
    let empty = staff.get("/account/tokens").await;
    assert_eq!(empty.status, StatusCode::OK);
    let wrong = [
        ("name", ""),
        ("scopes", "wrok.read"),
        ("days", "x"),
        ("key", "k0"),
    ];
    let wrong = staff.post_form("/account/tokens", &wrong).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        wrong.text().contains("value=\"wrok.read\""),
        "what was typed stays"
    );
    assert_eq!(wrong.text().matches("class=\"error\"").count(), 3);
    let form = [
        ("name", "取込み <b>"),
        ("scopes", "sample.read"),
        ("contracts", "c1"),
        ("days", "7"),
        ("key", "k1"),
    ];
    let made = staff.post_form("/account/tokens", &form).await;
    let shown = secret(&made).unwrap_or_else(|| panic!("{}", made.text()));
    assert!(
        made.text().contains("取込み &#60;b&#62;"),
        "{}",
        made.text()
    );
    // Sent twice: one token, no secret.
    let twice = staff.post_form("/account/tokens", &form).await;
    assert_eq!((twice.status, secret(&twice)), (StatusCode::OK, None));
    let list = staff.get("/account/tokens").await;
    assert!(!list.text().contains(&shown));
    let id = staff.get("/api/v1/tokens").await.json()["items"][0]["id"].clone();
    let path = format!("/account/tokens/{}/revoke", id.as_str().expect("an id"));
    let mut other = test.sign_in(Role::Manager).await;
    assert_eq!(
        other.post_form(&path, &[]).await.status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        staff.post_form(&path, &[]).await.status,
        StatusCode::SEE_OTHER
    );
    let items = staff.get("/api/v1/tokens").await.json();
    assert_eq!(items["total"], 1);
    assert!(items["items"][0]["revoked_at"].is_string());
}

#[tokio::test]
async fn a_webhook_is_made_tried_and_ended_by_an_administrator_only() {
    let test = open().await;
    let mut admin = test.sign_in(Role::Administrator).await;
    let inside = [
        ("url", "https://10.0.0.1/"),
        ("kinds", "work.*"),
        ("key", "k0"),
    ];
    let refused = admin.post_form("/c/c1/webhooks", &inside).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.text().contains("value=\"https://10.0.0.1/\""));
    let form = [
        ("url", "https://hooks.example.jp/m"),
        ("kinds", "work.*, document.submitted"),
        ("key", "k1"),
    ];
    let made = admin.post_form("/c/c1/webhooks", &form).await;
    assert!(secret(&made).is_some(), "{}", made.text());
    let twice = admin.post_form("/c/c1/webhooks", &form).await;
    assert_eq!((twice.status, secret(&twice)), (StatusCode::OK, None));
    let items = admin.get("/api/v1/contracts/c1/webhooks").await.json();
    assert_eq!(items["total"], 1);
    let path = format!(
        "/c/c1/webhooks/{}",
        items["items"][0]["id"].as_str().expect("an id")
    );
    assert!(admin.get(&path).await.text().contains("hooks.example.jp"));
    assert_eq!(
        admin
            .post_form(&format!("{path}/test"), &[])
            .await
            .location(),
        path
    );
    let again = admin
        .post_form(&format!("{path}/again"), &[("seq", "x")])
        .await;
    assert_eq!(again.status, StatusCode::NOT_FOUND);
    assert_eq!(
        admin.get("/c/nowhere/webhooks").await.status,
        StatusCode::NOT_FOUND
    );
    for role in [Role::Staff, Role::City, Role::Viewer] {
        let mut person = test.sign_in(role).await;
        let answer = person.post_form(&format!("{path}/end"), &[]).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{role}");
    }
    let ended = admin.post_form(&format!("{path}/end"), &[]).await;
    assert_eq!(
        (ended.status, ended.location()),
        (StatusCode::SEE_OTHER, "/c/c1/webhooks")
    );
    assert_eq!(admin.get(&path).await.status, StatusCode::NOT_FOUND);
}
