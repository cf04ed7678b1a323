//! Sign-in, its limits, and how sessions end.

use axum::http::StatusCode;
use jiff::SignedDuration;
use mamori_kernel::ledger::Actor;
use mamori_kernel::permission::Role;
use mamori_store::args;
use mamori_testkit::{Client, TestApp};
use mamori_web::account;
use proptest::prelude::*;

use crate::sample;

async fn try_sign_in(client: &mut Client, name: &str, password: &str) -> StatusCode {
    client
        .post_raw_form("/sign-in", &[("name", name), ("password", password)])
        .await
        .status
}

#[tokio::test]
async fn a_person_signs_in_lands_where_they_wanted_and_signs_out() {
    let test = TestApp::with(vec![sample::capability()]).await;
    test.add_user("tanaka", Role::Staff).await;
    let mut client = test.anonymous();
    let asked = client.get("/sample?x=1&y=2").await;
    assert_eq!(asked.location(), "/sign-in?next=/sample%3Fx%3D1%26y%3D2");
    let form = client.get(asked.location()).await.text();
    assert!(
        form.contains("name=\"next\" value=\"/sample?x=1&#38;y=2\""),
        "{form}"
    );
    let answer = client
        .post_raw_form(
            "/sign-in",
            &[
                ("name", "Tanaka "),
                ("password", "correct horse battery"),
                ("next", "/sample?x=1&y=2"),
            ],
        )
        .await;
    assert_eq!(answer.location(), "/sample?x=1&y=2");
    let cookie = answer.header("set-cookie");
    for part in ["mamori=", "; HttpOnly", "; SameSite=Lax", "; Path=/"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(
        !cookie.contains("Secure"),
        "plain http on loopback: {cookie}"
    );
    assert_eq!(client.get("/sample").await.status, StatusCode::OK);
    let before = client.clone();
    let out = client.post_form("/sign-out", &[]).await;
    assert_eq!(out.location(), "/sign-in");
    assert_eq!(client.cookie(), None);
    // The old cookie opens nothing any more.
    let mut before = before;
    assert_eq!(before.get("/sample").await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn behind_https_the_cookie_is_bound_to_the_host() {
    let test = TestApp::builder()
        .configured(|config| config.public_url = Some("https://mamori.example.lg.jp".to_owned()))
        .open()
        .await;
    test.add_user("tanaka", Role::Staff).await;
    let mut client = test.anonymous();
    let answer = client
        .post_raw_form(
            "/sign-in",
            &[("name", "tanaka"), ("password", "correct horse battery")],
        )
        .await;
    let cookie = answer.header("set-cookie");
    assert!(cookie.starts_with("__Host-mamori="), "{cookie}");
    assert!(cookie.contains("; Secure"), "{cookie}");
    assert!(
        answer
            .header("strict-transport-security")
            .contains("max-age")
    );
}

#[tokio::test]
async fn the_database_holds_no_token_and_no_password() {
    let test = TestApp::with(vec![]).await;
    let client = test.sign_in(Role::Staff).await;
    let token = client.cookie().expect("signed in").replace("mamori=", "");
    let row = test
        .app
        .db
        .fetch_one("SELECT token_hash FROM session", args![])
        .await
        .expect("one session");
    let hash = row.text("token_hash").expect("text");
    assert_ne!(hash, token);
    assert_eq!(hash.len(), 64);
    let mut thief = test.anonymous();
    thief.set_cookie(format!("mamori={hash}"));
    assert_eq!(thief.get("/").await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn wrong_name_and_wrong_password_look_alike() {
    let test = TestApp::with(vec![]).await;
    test.add_user("tanaka", Role::Staff).await;
    let mut client = test.anonymous();
    let a = client
        .post_raw_form("/sign-in", &[("name", "tanaka"), ("password", "wrong")])
        .await;
    let b = client
        .post_raw_form("/sign-in", &[("name", "nobody"), ("password", "wrong")])
        .await;
    assert_eq!(a.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(
        a.text().replace("tanaka", ""),
        b.text().replace("nobody", "")
    );
}

#[tokio::test]
async fn slips_block_one_person_for_a_while_and_not_the_office() {
    let test = TestApp::with(vec![]).await;
    test.add_user("tanaka", Role::Staff).await;
    test.add_user("suzuki", Role::Staff).await;
    let mut office = test.anonymous().coming_from([203, 0, 113, 5]);
    for _ in 0..6 {
        let status = try_sign_in(&mut office, "tanaka", "wrong").await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    }
    let good = "correct horse battery";
    let refused = office
        .post_raw_form("/sign-in", &[("name", "tanaka"), ("password", good)])
        .await;
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(refused.text().contains("15 分ほど"), "{}", refused.text());
    assert_eq!(refused.header("retry-after"), "900");
    assert_eq!(
        try_sign_in(&mut office, "suzuki", good).await,
        StatusCode::SEE_OTHER
    );
    test.clock.advance(SignedDuration::from_mins(15));
    let mut later = test.anonymous().coming_from([203, 0, 113, 5]);
    assert_eq!(
        try_sign_in(&mut later, "tanaka", good).await,
        StatusCode::SEE_OTHER
    );
}

#[tokio::test]
async fn a_disabled_person_is_out_at_once() {
    let test = TestApp::with(vec![sample::capability()]).await;
    test.add_user("tanaka", Role::Staff).await;
    let mut client = test.anonymous();
    client.sign_in("tanaka", "correct horse battery").await;
    account::set_enabled(&test.app, Actor::machine("test"), "tanaka", false)
        .await
        .expect("disabled");
    assert_eq!(client.get("/sample").await.status, StatusCode::SEE_OTHER);
    assert_eq!(
        try_sign_in(&mut test.anonymous(), "tanaka", "correct horse battery").await,
        StatusCode::UNPROCESSABLE_ENTITY
    );
}

#[tokio::test]
async fn a_new_role_holds_at_once() {
    let test = TestApp::with(vec![sample::capability()]).await;
    test.add_user("tanaka", Role::Viewer).await;
    let mut client = test.anonymous();
    client.sign_in("tanaka", "correct horse battery").await;
    let refused = client.post_form("/sample", &[("title", "a")]).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    account::set_role(&test.app, Actor::machine("test"), "tanaka", Role::Staff)
        .await
        .expect("changed");
    let answer = client.post_form("/sample", &[("title", "a")]).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn an_ended_token_opens_nothing() {
    let test = TestApp::with(vec![sample::capability()]).await;
    let mut program = test.token(Role::Staff).await;
    let who = program.get("/api/v1/sample").await.json();
    assert!(
        who["who"]
            .as_str()
            .expect("text")
            .starts_with("machine:token-"),
        "{who}"
    );
    let mut same = program.clone();
    let tokens = account::list_tokens(&test.app).await.expect("tokens");
    account::revoke_token(&test.app, Actor::machine("test"), &tokens[0].id)
        .await
        .expect("revoked");
    assert_eq!(
        program.get("/api/v1/sample").await.status,
        StatusCode::UNAUTHORIZED
    );
    let mut second = test.token(Role::Staff).await;
    test.clock.advance(SignedDuration::from_hours(25));
    assert_eq!(
        second.get("/api/v1/sample").await.status,
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(
        same.get("/api/v1/sample").await.status,
        StatusCode::UNAUTHORIZED
    );
}

/// Whether a session is alive after requests at these minutes, by the rule in words: no pause of
/// an hour or more, and less than twelve hours in all.
fn expected(minutes: &[i64]) -> bool {
    let mut last = 0;
    for minute in minutes {
        if minute - last >= 60 || *minute >= 12 * 60 {
            return false;
        }
        last = *minute;
    }
    true
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    /// Sessions live and end exactly by the idle and the absolute limit.
    #[test]
    fn sessions_end_by_rule(pauses in prop::collection::vec(2_i64..75, 1..20)) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            let test = TestApp::with(vec![sample::capability()]).await;
            let mut client = test.sign_in(Role::Staff).await;
            let mut minutes = Vec::new();
            let mut total = 0;
            for pause in pauses {
                total += pause;
                minutes.push(total);
                test.clock.advance(SignedDuration::from_mins(pause));
                let alive = client.get("/sample").await.status == StatusCode::OK;
                prop_assert_eq!(alive, expected(&minutes), "{:?}", minutes);
            }
            Ok(())
        })?;
    }
}
