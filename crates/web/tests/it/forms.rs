//! Requests that change something come from our own pages, or not at all.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use mamori_kernel::permission::Role;
use mamori_testkit::TestApp;
use serde_json::json;

use crate::sample;

fn post(path: &str, headers: &[(&str, &str)], body: String) -> Request<Body> {
    let mut request = Request::builder()
        .method("POST")
        .uri(path)
        .header("content-type", "application/x-www-form-urlencoded");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Body::from(body)).expect("a request")
}

#[tokio::test]
async fn a_form_needs_the_right_origin_and_the_right_token() {
    let test = TestApp::with(vec![sample::capability()]).await;
    let mut client = test.sign_in(Role::Staff).await;
    let mut other = test.sign_in(Role::Staff).await;
    let token = client.form_token().await.expect("a page with a form");
    let foreign = other.form_token().await.expect("a page with a form");
    let body = |token: &str| format!("csrf={token}&title=a");
    let cases = [
        (vec![("sec-fetch-site", "same-origin")], body(&token), true),
        (vec![("origin", "http://localhost")], body(&token), true),
        (vec![], body(&token), true),
        (vec![("sec-fetch-site", "cross-site")], body(&token), false),
        (vec![("sec-fetch-site", "same-site")], body(&token), false),
        (
            vec![("origin", "https://evil.example")],
            body(&token),
            false,
        ),
        (vec![("origin", "null")], body(&token), false),
        (
            vec![("sec-fetch-site", "same-origin")],
            "title=a".to_owned(),
            false,
        ),
        (vec![("sec-fetch-site", "same-origin")], body(""), false),
        (
            vec![("sec-fetch-site", "same-origin")],
            body(&foreign),
            false,
        ),
        (
            vec![("sec-fetch-site", "same-origin")],
            body(&token[2..]),
            false,
        ),
    ];
    for (headers, body, taken) in cases {
        let answer = client.send(post("/sample", &headers, body.clone())).await;
        if taken {
            assert_eq!(answer.status, StatusCode::SEE_OTHER, "{headers:?} {body}");
        } else {
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{headers:?} {body}");
            assert!(answer.text().contains("読み込み直し"), "{}", answer.text());
        }
    }
}

#[tokio::test]
async fn another_site_cannot_sign_somebody_in() {
    let test = TestApp::with(vec![]).await;
    test.add_user("tanaka", Role::Staff).await;
    let body = "name=tanaka&password=correct+horse+battery".to_owned();
    let request = post("/sign-in", &[("sec-fetch-site", "cross-site")], body);
    let answer = test.anonymous().send(request).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn files_pass_with_the_token_as_first_part() {
    let test = TestApp::with(vec![sample::capability()]).await;
    let mut client = test.sign_in(Role::Staff).await;
    let big = vec![7_u8; 3 * 1024 * 1024];
    let files = [("file", "a.bin", "application/octet-stream", big.as_slice())];
    let answer = client
        .post_files("/sample/files", &[("note", "x")], &files)
        .await;
    assert_eq!(answer.text(), format!("csrf=160,note=1,file={}", big.len()));
    let huge = vec![7_u8; 5 * 1024 * 1024];
    let files = [("file", "a.bin", "application/octet-stream", huge.as_slice())];
    let answer = client.post_files("/sample/files", &[], &files).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(answer.text().contains("大きすぎます"), "{}", answer.text());
}

#[tokio::test]
async fn json_by_cookie_needs_the_token_and_by_bearer_does_not() {
    let test = TestApp::with(vec![sample::capability()]).await;
    let mut person = test.sign_in(Role::Staff).await;
    let answer = person
        .post_json("/api/v1/sample", &json!({"title": "a"}))
        .await;
    assert_eq!(answer.json(), json!({"title": "a"}));
    let request = Request::builder()
        .method("POST")
        .uri("/api/v1/sample")
        .header("content-type", "application/json")
        .body(Body::from("{\"title\":\"a\"}"))
        .expect("a request");
    assert_eq!(person.send(request).await.status, StatusCode::FORBIDDEN);
    let mut program = test.token(Role::Staff).await;
    let answer = program
        .post_json("/api/v1/sample", &json!({"title": "b"}))
        .await;
    assert_eq!(answer.status, StatusCode::OK);
}

#[tokio::test]
async fn a_message_shows_once() {
    let test = TestApp::with(vec![sample::capability()]).await;
    let mut client = test.sign_in(Role::Staff).await;
    client.form_token().await;
    let answer = client.post_form("/sample", &[("title", "<b>\n太字")]).await;
    let first = client.get(answer.location()).await.text();
    assert!(
        first.contains("「&#60;b&#62; 太字」を追加しました"),
        "{first}"
    );
    let second = client.get("/sample").await.text();
    assert!(!second.contains("追加しました"), "{second}");
}

#[tokio::test]
async fn a_message_outlives_a_page_that_only_leads_on() {
    let test = TestApp::with(vec![sample::capability()]).await;
    let mut client = test.sign_in(Role::Staff).await;
    client
        .post_form("/sample", &[("title", "先の画面で")])
        .await;
    let first = client.get("/sample/first").await;
    assert_eq!(first.location(), "/sample");
    let shown = client.get("/sample").await.text();
    assert!(shown.contains("「先の画面で」を追加しました"), "{shown}");
    let again = client.get("/sample").await.text();
    assert!(!again.contains("追加しました"), "once: {again}");
}
