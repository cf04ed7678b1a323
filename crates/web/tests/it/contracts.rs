//! Several contracts in one installation: rights hold where they were given and nowhere else.

use std::sync::Arc;

use axum::http::StatusCode;
use mamori_kernel::ledger::Actor;
use mamori_kernel::permission::Role;
use mamori_testkit::{Client, PASSWORD, TestApp};
use mamori_web::account::{self, Scope};
use mamori_web::{ContractTitle, Installation};

use crate::sample;

async fn two_contracts() -> TestApp {
    let test = TestApp::with(vec![sample::capability()]).await;
    let title = |id: &str, title: &str| ContractTitle {
        id: id.to_owned(),
        title: title.to_owned(),
    };
    test.app.provide(Arc::new(Installation {
        contracts: vec![title("aoba", "青葉市の保守"), title("kita", "北市の保守")],
        sample: false,
    }));
    test
}

/// A person of a role with rights on some contracts only.
async fn limited(test: &TestApp, name: &str, own: Role, rights: &[(&str, Role)]) -> Client {
    test.add_user(name, own).await;
    let list = rights
        .iter()
        .map(|(contract, role)| ((*contract).to_owned(), *role))
        .collect();
    account::set_scope(
        &test.app,
        Actor::machine("test"),
        name,
        &Scope::Contracts(list),
    )
    .await
    .expect("the scope is set");
    let mut client = test.anonymous();
    client.sign_in(name, PASSWORD).await;
    client
}

#[tokio::test]
async fn a_contract_that_is_none_of_ones_business_does_not_exist() {
    let test = two_contracts().await;
    let mut city = limited(&test, "koho", Role::City, &[("aoba", Role::City)]).await;
    assert_eq!(city.get("/c/aoba/sample").await.status, StatusCode::OK);
    let other = city.get("/c/kita/sample").await;
    let nowhere = city.get("/c/nowhere/sample").await;
    assert_eq!(other.status, StatusCode::NOT_FOUND);
    assert_eq!(nowhere.status, StatusCode::NOT_FOUND);
    assert!(!other.text().contains("北市"), "{}", other.text());
    let api = city.get("/api/v1/contracts/kita/sample").await;
    assert_eq!(api.status, StatusCode::NOT_FOUND);
    assert_eq!(city.get("/").await.location(), "/c/aoba");
}

#[tokio::test]
async fn a_role_holds_on_its_contract_only() {
    let test = two_contracts().await;
    let rights = [("aoba", Role::Staff), ("kita", Role::Viewer)];
    let mut person = limited(&test, "tanaka", Role::Viewer, &rights).await;
    let form = [("title", "あ")];
    let on_aoba = person.post_form("/c/aoba/sample", &form).await;
    assert_eq!(on_aoba.status, StatusCode::SEE_OTHER, "{}", on_aoba.text());
    let on_kita = person.post_form("/c/kita/sample", &form).await;
    assert_eq!(on_kita.status, StatusCode::FORBIDDEN, "{}", on_kita.text());
    let without = person.post_form("/sample", &form).await;
    assert_eq!(without.status, StatusCode::FORBIDDEN);
    let first = person.get("/").await.text();
    assert!(first.contains("青葉市の保守") && first.contains("北市の保守"));
}

#[tokio::test]
async fn the_switcher_keeps_the_kind_of_page_where_one_may_open_it() {
    let test = two_contracts().await;
    let rights = [("aoba", Role::Staff), ("kita", Role::Viewer)];
    let mut person = limited(&test, "suzuki", Role::Viewer, &rights).await;
    let page = person.get("/c/aoba/sample").await.text();
    assert!(page.contains(r#"<a href="/c/kita/sample">"#), "{page}");
    let nowhere = person.get("/c/aoba/nowhere").await.text();
    assert!(nowhere.contains(r#"<a href="/c/kita">"#), "{nowhere}");
    let rights = [("aoba", Role::Staff), ("kita", Role::Counsellor)];
    let mut other = limited(&test, "sato", Role::Viewer, &rights).await;
    let page = other.get("/c/aoba/sample").await.text();
    assert!(page.contains(r#"<a href="/c/kita">"#), "{page}");
}

#[tokio::test]
async fn rights_that_are_taken_away_are_gone_with_the_next_request() {
    let test = two_contracts().await;
    let mut person = limited(&test, "sato", Role::Manager, &[("aoba", Role::Manager)]).await;
    assert_eq!(person.get("/c/aoba/sample").await.status, StatusCode::OK);
    account::set_scope(
        &test.app,
        Actor::machine("test"),
        "sato",
        &Scope::Contracts(Vec::new()),
    )
    .await
    .expect("the scope is set");
    let answer = person.get("/c/aoba/sample").await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_language_is_kept_by_the_browser_and_by_the_account() {
    let test = two_contracts().await;
    let mut person = test.sign_in(Role::Viewer).await;
    let shown = person.get("/").await.text();
    assert!(shown.contains("<html lang=\"ja\">"), "{shown}");
    let answer = person
        .post_form("/language", &[("to", "en"), ("next", "/c/aoba/sample")])
        .await;
    assert_eq!(answer.location(), "/c/aoba/sample");
    assert!(answer.header("set-cookie").contains("mamori_language=en"));
    let mut elsewhere = test.anonymous();
    elsewhere.sign_in("viewer-0", PASSWORD).await;
    let shown = elsewhere.get("/").await.text();
    assert!(shown.contains("<html lang=\"en\">"), "{shown}");
    assert!(shown.contains("Sign out"), "{shown}");
}
