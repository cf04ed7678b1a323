//! The same console on PostgreSQL: tables, sign-in, messages, tokens, sessions that end.

use axum::http::StatusCode;
use jiff::SignedDuration;
use mamori_kernel::permission::Role;
use mamori_testkit::{PrivatePostgres, TestApp};
use serde_json::json;

use crate::sample;

#[tokio::test]
async fn the_console_works_on_postgresql() {
    let Some(server) = PrivatePostgres::shared() else {
        return;
    };
    let url = server.fresh_database().await;
    let test = TestApp::builder()
        .configured(move |config| config.database.url = Some(url))
        .with(sample::capability())
        .open()
        .await;
    let mut person = test.sign_in(Role::Staff).await;
    let answer = person.post_form("/sample", &[("title", "題名")]).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text());
    let page = person.get("/sample").await.text();
    assert!(page.contains("「題名」を追加しました"), "{page}");
    let mut program = test.token(Role::Viewer).await;
    assert_eq!(program.get("/api/v1/sample").await.status, StatusCode::OK);
    let answer = program
        .post_json("/api/v1/sample", &json!({"title": "a"}))
        .await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    test.clock.advance(SignedDuration::from_mins(61));
    assert_eq!(person.get("/sample").await.status, StatusCode::SEE_OTHER);
    let summary = test.advance(SignedDuration::from_hours(24)).await;
    assert_eq!(summary.failed + summary.again, 0);
}
