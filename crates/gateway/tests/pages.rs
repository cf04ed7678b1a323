//! The gateway's pages and its API: what people see of refused requests, and what they decide.

use axum::http::StatusCode;
use jiff::Timestamp;
use mamori_gateway::model::{Finding, Matched};
use mamori_gateway::{capability, store};
use mamori_kernel::permission::Role;
use mamori_proxy::WafMode;
use mamori_runtime::config::{Gateway, GatewaySite};
use mamori_testkit::TestApp;
use serde_json::json;

fn site(name: &str, contract: &str) -> GatewaySite {
    GatewaySite {
        name: name.to_owned(),
        contract: contract.to_owned(),
        hosts: vec![format!("{name}.example.jp")],
        upstreams: vec!["127.0.0.1:1".to_owned()],
        certificate: None,
    }
}

fn finding(id: &str, site: &str, at: Timestamp) -> Finding {
    let matched = |rule, target: &str| Matched {
        rule,
        message: "XSS Filter - Category 1".to_owned(),
        tags: vec!["attack-xss".to_owned()],
        hits: vec![(target.to_owned(), "<script>alert(1)</script>".to_owned())],
    };
    Finding {
        id: id.to_owned(),
        site: site.to_owned(),
        at,
        client: "203.0.113.9".to_owned(),
        method: "POST".to_owned(),
        path: "/wp-comments-post.php".to_owned(),
        mode: WafMode::Block,
        refused: true,
        score: 5,
        incomplete: false,
        matches: vec![
            matched(941_110, "ARGS:comment"),
            matched(949_110, "TX:blocking_inbound_anomaly_score"),
        ],
    }
}

async fn open() -> TestApp {
    let test = TestApp::builder()
        .configured(|config| {
            config.gateway = Some(Gateway {
                http: Vec::new(),
                https: Vec::new(),
                rules: None,
                plugin: None,
                trusted_proxies: Vec::new(),
                allowed: Vec::new(),
                plan_gigabytes: 400,
                sites: vec![site("a", "c1"), site("b", "c2")],
            });
        })
        .with(capability())
        .open()
        .await;
    let mut tx = test.app.db.begin_write().await.expect("a transaction");
    let found = [
        finding("0a1b", "a", test.app.now()),
        finding("ffff", "b", test.app.now()),
    ];
    store::add_findings(&mut tx, &found).await.expect("written");
    tx.commit().await.expect("committed");
    test
}

#[tokio::test]
async fn a_refused_request_is_found_by_its_number_and_excluded_narrowly() {
    let test = open().await;
    let mut person = test.sign_in(Role::Manager).await;
    let list = person.get("/c/c1/gateway/blocked?q=0a1b").await;
    assert_eq!(list.status, StatusCode::OK, "{}", list.text());
    assert!(list.text().contains("941110"), "{}", list.text());
    assert!(
        !person
            .get("/c/c1/gateway/blocked?rule=94")
            .await
            .text()
            .contains("0a1b</code>")
    );
    let one = person.get("/c/c1/gateway/blocked/0a1b").await.text();
    assert!(
        one.contains("&#60;script&#62;alert(1)") || one.contains("&lt;script&gt;"),
        "{one}"
    );
    assert!(!one.contains("<script>alert(1)"));
    let link = one
        .split('"')
        .find(|part| part.contains("/gateway/exclusions/new?"))
        .unwrap_or_else(|| panic!("no link to the narrowest exclusion: {one}"))
        .replace("&#38;", "&")
        .replace("&amp;", "&");
    assert!(
        link.contains("rule=941110") && link.contains("target=ARGS%3Acomment"),
        "{link}"
    );
    assert_eq!(
        one.matches("/gateway/exclusions/new?").count(),
        1,
        "sums are not excluded"
    );
    let form = person.get(&link).await.text();
    assert!(
        form.contains("/wp-comments-post.php") && form.contains("2026-12-30"),
        "{form}"
    );

    let mut fields = vec![
        ("site", "a"),
        ("rule", "941110"),
        ("target", "ARGS:comment"),
        ("path", "/wp-comments-post.php"),
        ("reach", ""),
        ("reason", ""),
        ("expires_on", "2026-12-30"),
        ("request", "0a1b"),
    ];
    let wrong = person
        .post_form("/c/c1/gateway/exclusions/new", &fields)
        .await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.text().contains("理由を 500 字までで書いてください"));
    assert!(
        wrong.text().contains("/wp-comments-post.php"),
        "what was typed stays"
    );
    fields[5].1 = "意見の中の例";
    let added = person
        .post_form("/c/c1/gateway/exclusions/new", &fields)
        .await;
    assert_eq!(added.status, StatusCode::SEE_OTHER, "{}", added.text());
    let held = store::exclusions(&test.app.db, "a", true)
        .await
        .expect("read");
    assert_eq!(
        (held.len(), held[0].rule, held[0].request.as_str()),
        (1, 941_110, "0a1b")
    );
    let list = person.get("/c/c1/gateway/exclusions").await.text();
    assert!(
        list.contains("意見の中の例") && list.contains("有効"),
        "{list}"
    );
    let end = format!("/c/c1/gateway/exclusions/a/{}/end", held[0].id);
    assert_eq!(
        person.post_form(&end, &[]).await.status,
        StatusCode::SEE_OTHER
    );
    assert_eq!(
        person.post_form(&end, &[]).await.status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn sites_of_other_contracts_are_out_of_reach() {
    let test = open().await;
    let mut person = test.sign_in(Role::Manager).await;
    for path in [
        "/c/c1/gateway/blocked/ffff",
        "/api/v1/contracts/c1/gateway/blocked/ffff",
    ] {
        assert_eq!(
            person.get(path).await.status,
            StatusCode::NOT_FOUND,
            "{path}"
        );
    }
    let list = person.get("/c/c1/gateway/blocked").await.text();
    assert!(!list.contains("ffff"));
    let change = [("mode", "off"), ("paranoia", "1"), ("retry_minutes", "5")];
    let other = person.post_form("/c/c1/gateway/sites/b", &change).await;
    assert_eq!(other.status, StatusCode::NOT_FOUND);
    assert_eq!(
        store::policy(&test.app.db, "b").await.expect("read").mode,
        WafMode::Block
    );
}

#[tokio::test]
async fn a_site_is_changed_by_page_and_by_program() {
    let test = open().await;
    let mut person = test.sign_in(Role::Manager).await;
    let page = person.get("/c/c1/gateway").await.text();
    assert!(
        page.contains("動いていません") && page.contains("a.example.jp"),
        "{page}"
    );
    let change = [
        ("mode", "detect"),
        ("paranoia", "2"),
        ("retry_minutes", "30"),
        ("closed", "yes"),
    ];
    let done = person.post_form("/c/c1/gateway/sites/a", &change).await;
    assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.text());
    let policy = store::policy(&test.app.db, "a").await.expect("read");
    assert_eq!(
        (policy.mode, policy.paranoia, policy.closed),
        (WafMode::Detect, 2, true)
    );
    let wrong = [
        ("mode", "detect"),
        ("paranoia", "2"),
        ("retry_minutes", "20000"),
    ];
    let refused = person.post_form("/c/c1/gateway/sites/a", &wrong).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    let page = refused.text();
    assert!(
        page.contains("<details class=\"panel\" open>") && page.contains("value=\"20000\""),
        "the form stays open with what was typed: {page}"
    );
    assert!(page.contains("id=\"e-a-retry_minutes\""), "{page}");
    let other = person.post_form("/c/c1/gateway/sites/b", &wrong).await;
    assert_eq!(other.status, StatusCode::NOT_FOUND);

    let mut program = test.token(Role::Manager).await;
    let path = "/api/v1/contracts/c1/gateway/sites/a";
    let body = json!({"mode": "block", "paranoia": 1, "closed": false, "retry_minutes": 60});
    let answer = program.post_json(path, &body).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    let now = program.get("/api/v1/contracts/c1/gateway").await.json();
    assert_eq!(
        (&now["sites"][0]["mode"], &now["serving"]),
        (&json!("block"), &json!(false))
    );
    let mut city = test.token(Role::City).await;
    assert_eq!(
        city.get("/api/v1/contracts/c1/gateway").await.status,
        StatusCode::OK
    );
    assert_eq!(
        city.post_json(path, &body).await.status,
        StatusCode::FORBIDDEN
    );
    let wish = json!({
        "site": "a", "rule": 941_110, "target": "ARGS:comment", "reason": "見本",
        "expires_on": "2026-12-30",
    });
    let path = "/api/v1/contracts/c1/gateway/exclusions";
    let first = program.post_json(path, &wish).await.json();
    let again = program.post_json(path, &wish).await.json();
    assert_eq!(first["id"], again["id"], "the same is not made twice");
    assert_eq!(program.get(path).await.json()["total"], 1);
}
