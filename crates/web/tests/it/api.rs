//! What all of the API keeps, the tokens, and the subscriptions, as programs see them.

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use mamori_kernel::ledger::{Actor, NewRecord};
use mamori_kernel::permission::Role;
use mamori_testkit::{Answer, Client, PASSWORD, TestApp};
use mamori_web::account;
use serde_json::{Value, json};

use crate::sample;

const HOOKS: &str = "/api/v1/contracts/c1/webhooks";

async fn open() -> TestApp {
    let test = TestApp::with(vec![sample::capability()]).await;
    for contract in ["c1", "c2"] {
        append(&test, contract).await;
    }
    test
}

async fn append(test: &TestApp, contract: &str) {
    let app = &test.app;
    let payload = json!({ "number": 1 });
    let actor = Actor::machine("test");
    let record = NewRecord::new(contract, app.now(), actor, "work.recorded", "x", &payload);
    let mut tx = app.db.begin_write().await.expect("a transaction");
    app.append(&mut tx, record.expect("a record"))
        .await
        .expect("appended");
    tx.commit().await.expect("committed");
}

async fn send(
    client: &mut Client,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Answer {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    client
        .send(
            request
                .body(Body::from(body.to_owned()))
                .expect("a request"),
        )
        .await
}

fn fields(answer: &Answer) -> Vec<String> {
    let problem = answer.json();
    let errors = problem["errors"].as_array().expect("a list");
    errors
        .iter()
        .map(|each| each["field"].as_str().expect("text").to_owned())
        .collect()
}

const JSON: (&str, &str) = ("content-type", "application/json");

#[tokio::test]
async fn what_cannot_be_read_is_refused_with_its_place() {
    let test = open().await;
    let mut admin = test.token(Role::Administrator).await;
    let broken = send(&mut admin, "POST", HOOKS, &[JSON], "{\"url\":\n  nope}").await;
    assert_eq!(broken.status, StatusCode::BAD_REQUEST);
    let problem = broken.json();
    assert_eq!(
        (
            &problem["errors"][0]["line"],
            &problem["errors"][0]["field"]
        ),
        (&json!(2), &json!("body"))
    );
    for media_type in ["text/plain", "application/x-www-form-urlencoded", ""] {
        let other = send(
            &mut admin,
            "POST",
            HOOKS,
            &[("content-type", media_type)],
            "{}",
        )
        .await;
        assert_eq!(
            other.status,
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "{media_type}"
        );
    }
    let wrong = send(
        &mut admin,
        "POST",
        HOOKS,
        &[JSON],
        "{\"kinds\": [1], \"uri\": 3}",
    )
    .await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(fields(&wrong), ["url", "kinds[0]", "uri"]);
    assert!(
        wrong.text().contains("url のことですか"),
        "{}",
        wrong.text()
    );
    let nul = send(
        &mut admin,
        "POST",
        HOOKS,
        &[JSON],
        r#"{"url": "https://a.example/\u0000", "kinds": ["*"]}"#,
    )
    .await;
    assert_eq!(fields(&nul), ["url"]);
    let big = format!("{{\"url\": \"{}\"}}", "x".repeat(2 * 1024 * 1024));
    let big = send(&mut admin, "POST", HOOKS, &[JSON], &big).await;
    assert_eq!(big.status, StatusCode::PAYLOAD_TOO_LARGE);
    let deep = "[".repeat(5000);
    let deep = send(&mut admin, "POST", HOOKS, &[JSON], &deep).await;
    assert_eq!(deep.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn queries_and_verbs_that_are_unknown_are_refused() {
    let test = open().await;
    let mut viewer = test.token(Role::Viewer).await;
    let wrong = viewer.get("/api/v1/tokens?pge=2&per_page=0").await;
    assert_eq!(
        (wrong.status, fields(&wrong)),
        (
            StatusCode::UNPROCESSABLE_ENTITY,
            vec!["pge".to_owned(), "per_page".to_owned()]
        )
    );
    assert_eq!(
        viewer.get("/api/v1/tokens?page=1&page=2").await.status,
        StatusCode::UNPROCESSABLE_ENTITY
    );
    assert_eq!(
        test.token(Role::Administrator)
            .await
            .get("/api/v1/contracts/c1/webhooks/%00")
            .await
            .status,
        StatusCode::NOT_FOUND
    );
    let put = send(&mut viewer, "PUT", "/api/v1/tokens", &[], "").await;
    assert_eq!(
        (put.status, put.header("allow")),
        (StatusCode::METHOD_NOT_ALLOWED, "GET, POST, HEAD, OPTIONS")
    );
    let options = send(&mut test.anonymous(), "OPTIONS", "/api/v1/tokens", &[], "").await;
    assert_eq!(
        (options.status, options.header("allow")),
        (StatusCode::NO_CONTENT, "GET, POST, HEAD, OPTIONS")
    );
    let head = send(&mut viewer, "HEAD", "/api/v1/tokens", &[], "").await;
    assert_eq!((head.status, head.bytes.len()), (StatusCode::OK, 0));
    let nobody = test.anonymous().get("/api/v1/tokens").await;
    assert_eq!(
        (nobody.status, nobody.header("www-authenticate")),
        (StatusCode::UNAUTHORIZED, "Bearer realm=\"mamori\"")
    );
}

#[tokio::test]
async fn lists_have_links_and_answers_have_tags() {
    let test = open().await;
    let mut admin = test.token(Role::Administrator).await;
    for _ in 0..3 {
        test.token(Role::Viewer).await;
    }
    let list = admin.get("/api/v1/tokens?per_page=2").await;
    assert_eq!(list.json()["total"], 4);
    assert!(
        list.header("link")
            .contains("</api/v1/tokens?per_page=2&page=2>; rel=\"next\""),
        "{}",
        list.header("link")
    );
    let tag = list.header("etag").to_owned();
    assert_eq!(list.header("cache-control"), "private, no-cache");
    let same = send(
        &mut admin,
        "GET",
        "/api/v1/tokens?per_page=2",
        &[("if-none-match", &tag)],
        "",
    )
    .await;
    assert_eq!(
        (same.status, same.bytes.len()),
        (StatusCode::NOT_MODIFIED, 0)
    );
    test.token(Role::Viewer).await;
    let changed = send(
        &mut admin,
        "GET",
        "/api/v1/tokens?per_page=2",
        &[("if-none-match", &tag)],
        "",
    )
    .await;
    assert_eq!(changed.status, StatusCode::OK);
    // An error's body is written anew, so it must not claim to be compressed as the first was.
    let refused = send(
        &mut admin,
        "GET",
        "/api/v1/tokens?nothing=1",
        &[("accept-encoding", "gzip")],
        "",
    )
    .await;
    assert_eq!(
        (refused.header("content-encoding"), fields(&refused).len()),
        ("", 1)
    );
}

async fn made(client: &mut Client, wish: &Value) -> Answer {
    client.post_json("/api/v1/tokens", wish).await
}

async fn with(test: &TestApp, secret: &str, path: &str) -> StatusCode {
    let value = format!("Bearer {secret}");
    send(
        &mut test.anonymous(),
        "GET",
        path,
        &[("authorization", &value)],
        "",
    )
    .await
    .status
}

#[tokio::test]
async fn a_token_does_what_its_maker_may_and_no_more() {
    let test = open().await;
    let mut staff = test.sign_in(Role::Staff).await;
    staff.open("/").await;
    let wish =
        json!({"name": "夜間の取込み", "scopes": ["sample.read"], "contracts": ["c1"], "days": 7});
    let answer = made(&mut staff, &wish).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    let secret = answer.json()["secret"]
        .as_str()
        .expect("shown once")
        .to_owned();
    let sample = |contract: &str| format!("/api/v1/contracts/{contract}/sample");
    assert_eq!(with(&test, &secret, &sample("c1")).await, StatusCode::OK);
    assert_eq!(
        with(&test, &secret, &sample("c2")).await,
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        with(&test, &secret, "/api/v1/sample").await,
        StatusCode::FORBIDDEN
    );
    assert_eq!(with(&test, &secret, HOOKS).await, StatusCode::FORBIDDEN);
    let listed = staff.get("/api/v1/tokens").await.json();
    assert_eq!(
        (&listed["total"], &listed["items"][0]["scopes"]),
        (&json!(1), &json!(["sample.read"]))
    );
    assert!(listed["items"][0]["last_used_at"].is_string());
    assert!(!listed.to_string().contains(&secret));

    for (wish, field) in [
        (
            json!({"name": "x", "scopes": ["webhook.administer"]}),
            "scopes",
        ),
        (json!({"name": "x", "scopes": ["sampel.read"]}), "scopes"),
        (json!({"name": "x", "contracts": ["c 9"]}), "contracts"),
        (json!({"name": " "}), "name"),
        (json!({"name": "x", "days": 0}), "days"),
        (json!({"name": "x", "days": 1000}), "days"),
    ] {
        let refused = made(&mut staff, &wish).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{wish}");
        assert_eq!(fields(&refused), [field], "{wish}");
    }
    // A token makes no tokens.
    let mut program = test.token(Role::Administrator).await;
    assert_eq!(
        made(&mut program, &json!({"name": "x"})).await.status,
        StatusCode::FORBIDDEN
    );
}

#[tokio::test]
async fn a_token_ends_with_its_term_its_revocation_and_its_maker() {
    let test = open().await;
    test.add_user("sato", Role::Staff).await;
    let mut sato = test.anonymous();
    sato.sign_in("sato", PASSWORD).await;
    let secret = |answer: &Answer| {
        answer.json()["secret"]
            .as_str()
            .expect("a secret")
            .to_owned()
    };
    let first = made(&mut sato, &json!({"name": "a"})).await;
    let second = secret(&made(&mut sato, &json!({"name": "b"})).await);
    let path = "/api/v1/contracts/c1/sample";
    assert_eq!(with(&test, &secret(&first), path).await, StatusCode::OK);
    let one = format!(
        "/api/v1/tokens/{}",
        first.json()["id"].as_str().expect("an id")
    );
    let mut other = test.sign_in(Role::Staff).await;
    other.open("/").await;
    let not_mine = other.send_json(Method::DELETE, &one, &json!({})).await;
    assert_eq!(not_mine.status, StatusCode::NOT_FOUND);
    assert_eq!(
        sato.send_json(Method::DELETE, &one, &json!({}))
            .await
            .status,
        StatusCode::NO_CONTENT
    );
    assert_eq!(
        with(&test, &secret(&first), path).await,
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(with(&test, &second, path).await, StatusCode::OK);
    account::set_enabled(&test.app, Actor::machine("test"), "sato", false)
        .await
        .expect("disabled");
    assert_eq!(with(&test, &second, path).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn the_same_key_makes_one_token_and_shows_its_secret_once() {
    let test = open().await;
    let mut staff = test.sign_in(Role::Staff).await;
    staff.open("/").await;
    let token = staff.form_token().await.expect("a form token");
    let headers = [
        JSON,
        ("idempotency-key", "k1"),
        ("x-csrf-token", token.as_str()),
        ("sec-fetch-site", "same-origin"),
    ];
    let body = json!({"name": "a"}).to_string();
    let first = send(&mut staff, "POST", "/api/v1/tokens", &headers, &body).await;
    let again = send(&mut staff, "POST", "/api/v1/tokens", &headers, &body).await;
    assert_eq!(
        (first.status, again.status),
        (StatusCode::CREATED, StatusCode::OK),
        "{}",
        first.text()
    );
    assert_eq!(first.json()["id"], again.json()["id"]);
    assert!(again.json()["secret"].is_null());
}

#[tokio::test]
async fn subscriptions_are_made_seen_tested_and_ended() {
    let test = open().await;
    let mut admin = test.token(Role::Administrator).await;
    let wish = json!({"url": "https://hooks.example.jp/m", "kinds": ["work.*"]});
    let key = [JSON, ("idempotency-key", "k1")];
    let first = send(&mut admin, "POST", HOOKS, &key, &wish.to_string()).await;
    let again = send(&mut admin, "POST", HOOKS, &key, &wish.to_string()).await;
    assert_eq!(
        (first.status, again.status),
        (StatusCode::CREATED, StatusCode::OK),
        "{}",
        first.text()
    );
    assert!(first.json()["secret"].is_string() && again.json()["secret"].is_null());
    let path = first.location().to_owned();
    assert_eq!(admin.get(&path).await.json()["state"], "active");
    assert_eq!(admin.get(HOOKS).await.json()["total"], 1);
    assert_eq!(
        admin.get("/api/v1/contracts/c2/webhooks").await.json()["total"],
        0
    );
    assert_eq!(
        admin.get("/api/v1/contracts/system/webhooks").await.status,
        StatusCode::NOT_FOUND
    );
    let tested = admin.post_json(&format!("{path}/test"), &json!({})).await;
    assert_eq!(tested.status, StatusCode::ACCEPTED);
    let repeated = admin
        .post_json(&format!("{path}/deliveries"), &json!({"seq": 1}))
        .await;
    assert_eq!(repeated.status, StatusCode::ACCEPTED);
    let beyond = admin
        .post_json(&format!("{path}/deliveries"), &json!({"seq": 99}))
        .await;
    assert_eq!(beyond.status, StatusCode::NOT_FOUND);
    let inside = json!({"url": "https://127.0.0.1/", "kinds": ["*"]});
    let inside = admin.post_json(HOOKS, &inside).await;
    assert_eq!(
        (inside.status, fields(&inside)),
        (StatusCode::UNPROCESSABLE_ENTITY, vec!["url".to_owned()])
    );
    for role in [Role::Staff, Role::City, Role::Viewer] {
        let mut client = test.token(role).await;
        assert_eq!(
            client.post_json(HOOKS, &wish).await.status,
            StatusCode::FORBIDDEN,
            "{role}"
        );
    }
    let ended = send(&mut admin, "DELETE", &path, &[], "").await;
    assert_eq!(ended.status, StatusCode::NO_CONTENT);
    assert_eq!(admin.get(&path).await.status, StatusCode::NOT_FOUND);
}
