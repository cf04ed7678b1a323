//! Headers, error answers, health, metrics, the 見本 mark.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use mamori_kernel::permission::Role;
use mamori_testkit::TestApp;
use mamori_web::{ContractTitle, Installation};
use serde_json::json;

use crate::sample;

#[tokio::test]
async fn pages_allow_only_our_own_script_and_nothing_inline() {
    let test = TestApp::with(vec![sample::capability()]).await;
    let mut client = test.sign_in(Role::Staff).await;
    for path in ["/sample", "/sign-in", "/nowhere", "/sample/broken"] {
        let answer = client.get(path).await;
        let policy = answer.header("content-security-policy");
        assert!(
            policy.starts_with(
                "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'"
            ),
            "{path}: {policy}"
        );
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(answer.header("x-request-id").len(), 16);
        let shown = answer.text();
        assert!(
            !shown.contains("<script>")
                && !shown.contains(" onclick=")
                && !shown.contains(" style=")
                && !shown.contains("<style"),
            "{shown}"
        );
    }
}

#[tokio::test]
async fn assets_are_kept_for_ever_under_a_name_of_their_content() {
    let test = TestApp::with(vec![]).await;
    let mut client = test.anonymous();
    let page = client.get("/sign-in").await.text();
    let (_, rest) = page
        .split_once("rel=\"stylesheet\" href=\"")
        .expect("a style sheet");
    let (href, _) = rest.split_once('"').expect("an address");
    let css = client.get(href).await;
    assert_eq!(css.header("content-type"), "text/css; charset=utf-8");
    assert_eq!(
        css.header("cache-control"),
        "public, max-age=31536000, immutable"
    );
    assert_eq!(
        client
            .get("/assets/mamori.0000000000000000.css")
            .await
            .status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn errors_are_pages_for_people_and_problems_for_programs() {
    let test = TestApp::with(vec![sample::capability()]).await;
    let mut client = test.sign_in(Role::Staff).await;
    let missing = client.get("/nowhere").await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
    assert!(
        missing.text().contains("ページが見つかりません"),
        "{}",
        missing.text()
    );
    let broken = client.get("/sample/broken").await;
    assert_eq!(broken.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(
        !broken.text().contains("mistake"),
        "the cause stays in the log"
    );
    assert!(
        broken.text().contains(broken.header("x-request-id")),
        "{}",
        broken.text()
    );

    let mut program = test.token(Role::Staff).await;
    for (answer, status, code) in [
        (program.get("/api/v1/nowhere").await, 404, "not-found"),
        (
            program.post_json("/api/v1/sample", &json!({})).await,
            422,
            "invalid",
        ),
        (
            program
                .send_json(axum::http::Method::DELETE, "/api/v1/sample", &json!({}))
                .await,
            405,
            "method-not-allowed",
        ),
        (
            test.anonymous().get("/api/v1/sample").await,
            401,
            "sign-in-needed",
        ),
    ] {
        assert_eq!(answer.header("content-type"), "application/problem+json");
        let problem = answer.json();
        assert_eq!(problem["status"], status, "{problem}");
        assert_eq!(problem["type"], format!("urn:mamori:problem:{code}"));
        assert_eq!(problem["request_id"], answer.header("x-request-id"));
    }
    let invalid = program.post_json("/api/v1/sample", &json!({})).await.json();
    assert_eq!(
        invalid["errors"],
        json!([{"field": "title", "message": "題名を書いてください"}])
    );
}

#[tokio::test]
async fn a_foreign_host_name_reaches_nothing() {
    let test = TestApp::builder()
        .configured(|config| config.public_url = Some("https://mamori.example.lg.jp".to_owned()))
        .open()
        .await;
    for (host, status) in [
        ("evil.example", StatusCode::MISDIRECTED_REQUEST),
        ("evil.example:8080", StatusCode::MISDIRECTED_REQUEST),
        ("localhost:8080", StatusCode::OK),
        ("127.0.0.1:8080", StatusCode::OK),
        ("[::1]:8080", StatusCode::OK),
        ("mamori.example.lg.jp", StatusCode::OK),
    ] {
        let request = Request::builder()
            .uri("/sign-in")
            .header("host", host)
            .body(Body::empty())
            .expect("a request");
        let answer = test.anonymous().send(request).await;
        assert_eq!(answer.status, status, "{host}");
    }
}

#[tokio::test]
async fn text_is_compressed_when_asked() {
    let test = TestApp::with(vec![]).await;
    let ask = async |accepted: &str| {
        let request = Request::builder()
            .uri("/help")
            .header("accept-encoding", accepted)
            .body(Body::empty())
            .expect("a request");
        let mut person = test.sign_in(Role::Staff).await;
        let answer = person.send(request).await;
        assert_eq!(answer.status, StatusCode::OK);
        answer
    };
    let plain = ask("identity").await;
    assert_eq!(plain.header("content-encoding"), "");
    let gzip = ask("gzip").await;
    assert_eq!(gzip.header("content-encoding"), "gzip");
    assert_eq!(&gzip.bytes[..2], [0x1f, 0x8b]);
    for accepted in ["br", "gzip, deflate, br, zstd"] {
        let answer = ask(accepted).await;
        assert_eq!(answer.header("content-encoding"), "br", "{accepted}");
        assert!(answer.header("vary").contains("accept-encoding"));
        let mut said = Vec::new();
        brotli::BrotliDecompress(&mut &answer.bytes[..], &mut said).expect("is Brotli");
        let said = String::from_utf8(said).expect("is text");
        assert!(said.contains("</html>") && said.contains("<h1"), "{said}");
        assert!(answer.bytes.len() * 2 < plain.bytes.len(), "{accepted}");
    }
}

#[tokio::test]
async fn health_is_public_and_its_details_are_not() {
    let test = TestApp::with(vec![]).await;
    let mut stranger = test.anonymous();
    assert_eq!(
        stranger.get("/healthz").await.json(),
        json!({"status": "ok"})
    );
    let ready = stranger.get("/readyz").await.json();
    assert_eq!(ready["checks"]["database"], json!({"ok": true}));
    let mut person = test.sign_in(Role::Staff).await;
    let ready = person.get("/readyz").await.json();
    assert_eq!(ready["checks"]["database"]["detail"], "応答あり");
    let figures = person.get("/metrics").await.text();
    assert!(figures.contains("mamori_http_seconds_count{"), "{figures}");
    assert!(figures.contains("route=\"/readyz\""), "{figures}");
    test.app.db.close().await;
    let answer = stranger.get("/readyz").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.json()["checks"]["database"]["ok"], false);
}

#[tokio::test]
async fn a_request_is_given_up_after_the_time_of_its_route() {
    let test = TestApp::with(vec![sample::capability()]).await;
    let mut person = test.sign_in(Role::Staff).await;
    let answer = person.get("/sample/late").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer.text().contains("もう一度"), "{}", answer.text());
}

#[tokio::test]
async fn sample_data_is_marked_on_every_page() {
    let test = TestApp::with(vec![sample::capability()]).await;
    test.app.provide(Arc::new(Installation {
        contracts: vec![ContractTitle {
            id: "a".to_owned(),
            title: "保守業務".to_owned(),
        }],
        sample: true,
    }));
    let mut client = test.sign_in(Role::Staff).await;
    for path in ["/sample", "/nowhere"] {
        let shown = client.get(path).await.text();
        assert!(shown.contains("<title>【見本】"), "{shown}");
        assert!(shown.contains("試用のために作ったもの"), "{shown}");
        assert!(shown.contains("保守業務"), "{shown}");
    }
}

#[tokio::test]
async fn the_mark_is_a_setting_of_the_installation() {
    let test = TestApp::with(vec![]).await;
    assert!(
        !test
            .anonymous()
            .get("/sign-in")
            .await
            .text()
            .contains("見本")
    );
    test.app
        .db
        .execute(
            "INSERT INTO setting (key, value) VALUES ($1, '1')",
            mamori_store::args![mamori_web::SAMPLE_SETTING],
        )
        .await
        .expect("stored");
    let again = mamori_runtime::App::open(
        mamori_runtime::Config::for_data_dir(test.data_dir()),
        Arc::new(test.clock.clone()),
        vec![mamori_web::capability()],
    )
    .await
    .expect("opens again");
    let installation = again.slot::<Installation>().expect("read at the start");
    assert!(installation.sample);
}

#[tokio::test]
async fn the_menu_shows_what_one_may_open_and_where_one_is() {
    let test = TestApp::with(vec![sample::capability()]).await;
    let mut client = test.sign_in(Role::Viewer).await;
    let first = client.get("/").await;
    assert_eq!(first.status, StatusCode::OK);
    assert!(first.text().contains("開ける契約がまだありません"));
    let shown = client.get("/sample").await.text();
    assert!(
        shown.contains("<a href=\"/sample\" data-key=\"1\" aria-current=\"page\">見本の一覧</a>"),
        "{shown}"
    );
    assert!(shown.contains("（閲覧者）"), "{shown}");
}
