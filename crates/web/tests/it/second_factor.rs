//! The second factor, fresh proofs, sessions, and forms that outlive a session.

use axum::http::StatusCode;
use jiff::SignedDuration;
use mamori_kernel::permission::Role;
use mamori_testkit::{Answer, Client, PASSWORD, PrivatePostgres, TestApp};
use mamori_web::{account, second};
use proptest::prelude::*;

use crate::sample;

/// The code that an app shows now for the secret of the page.
pub(crate) fn code_of(test: &TestApp, secret: &str) -> String {
    let plain: String = secret.split_whitespace().collect();
    let secret = totp_rs::Secret::try_from_base32(plain).expect("base32");
    let totp = totp_rs::Builder::new()
        .with_secret(secret)
        .build()
        .expect("an app");
    let seconds = u64::try_from(test.app.now().as_second()).expect("after 1970");
    totp.generate(seconds).to_string()
}

pub(crate) fn between<'t>(text: &'t str, before: &str, after: &str) -> &'t str {
    let (_, rest) = text
        .split_once(before)
        .unwrap_or_else(|| panic!("{before} in {text}"));
    rest.split_once(after).expect("an end").0
}

/// Sets the second factor up by the pages; gives the secret and the recovery codes.
async fn set_up(test: &TestApp, client: &mut Client) -> (String, Vec<String>) {
    let begun = client.post_form("/account/second-factor", &[]).await;
    assert_eq!(
        begun.location(),
        "/account/second-factor",
        "{}",
        begun.text()
    );
    let page = client.get("/account/second-factor").await.text();
    let picture = client.get("/account/second-factor/picture.svg").await;
    assert_eq!(picture.header("content-type"), "image/svg+xml");
    assert!(picture.text().contains("<svg"));
    let secret = between(&page, "<br><span class=\"mono\">", "</span>").to_owned();
    let wrong = client
        .post_form("/account/second-factor/confirm", &[("code", "000000")])
        .await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    let code = code_of(test, &secret);
    let done = client
        .post_form("/account/second-factor/confirm", &[("code", &code)])
        .await;
    assert_eq!(done.status, StatusCode::OK, "{}", done.text());
    let shown = done.text();
    let codes: Vec<String> = shown
        .split("<li class=\"mono\">")
        .skip(1)
        .map(|rest| rest.split_once('<').expect("an end").0.to_owned())
        .collect();
    assert_eq!(codes.len(), second::RECOVERY_CODES);
    (secret, codes)
}

/// Name and password, then the page for the code.
async fn first_step(client: &mut Client, name: &str) -> String {
    let answer = client
        .post_raw_form("/sign-in", &[("name", name), ("password", PASSWORD)])
        .await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    assert_eq!(client.cookie(), None, "no session before the code");
    between(&answer.text(), "name=\"pending\" value=\"", "\"").to_owned()
}

async fn second_step(client: &mut Client, pending: &str, code: &str) -> Answer {
    client
        .post_raw_form("/sign-in/code", &[("pending", pending), ("code", code)])
        .await
}

async fn codes_open_once(test: &TestApp) {
    let mut client = test.sign_in(Role::Staff).await;
    let (secret, recovery) = set_up(test, &mut client).await;
    let mut other = test.anonymous();
    let pending = first_step(&mut other, "staff-0").await;
    let used = code_of(test, &secret);
    let replayed = second_step(&mut other, &pending, &used).await;
    assert_eq!(
        replayed.status,
        StatusCode::UNPROCESSABLE_ENTITY,
        "the code that set it up is used"
    );
    test.clock.advance(SignedDuration::from_secs(30));
    let code = code_of(test, &secret);
    let entered = second_step(&mut other, &pending, &code).await;
    assert_eq!(entered.status, StatusCode::SEE_OTHER, "{}", entered.text());
    let mut thief = test.anonymous();
    let replayed = second_step(&mut thief, &pending, &code).await;
    assert_eq!(replayed.status, StatusCode::UNPROCESSABLE_ENTITY);
    let pending = first_step(&mut thief, "staff-0").await;
    let by_recovery = second_step(&mut thief, &pending, &recovery[0].to_uppercase()).await;
    assert_eq!(by_recovery.status, StatusCode::SEE_OTHER);
    let mut again = test.anonymous();
    let pending = first_step(&mut again, "staff-0").await;
    let replayed = second_step(&mut again, &pending, &recovery[0]).await;
    assert_eq!(replayed.status, StatusCode::UNPROCESSABLE_ENTITY);
    // Too late, forged, of another installation.
    test.clock.advance(SignedDuration::from_secs(301));
    let code = code_of(test, &secret);
    for note in [pending.as_str(), "", "00", &"0".repeat(200)] {
        let late = second_step(&mut again, note, &code).await;
        assert_eq!(late.status, StatusCode::UNPROCESSABLE_ENTITY, "{note}");
        assert!(late.text().contains("時間が過ぎました"), "{}", late.text());
    }
}

#[tokio::test]
async fn a_code_opens_once() {
    codes_open_once(&TestApp::with(vec![]).await).await;
}

#[tokio::test]
async fn a_code_opens_once_on_postgresql() {
    let Some(server) = PrivatePostgres::shared() else {
        return;
    };
    let url = server.fresh_database().await;
    let test = TestApp::builder()
        .configured(move |config| config.database.url = Some(url))
        .open()
        .await;
    codes_open_once(&test).await;
}

#[tokio::test]
async fn guessing_codes_is_stopped() {
    let test = TestApp::with(vec![]).await;
    let mut client = test.sign_in(Role::Staff).await;
    set_up(&test, &mut client).await;
    let mut thief = test.anonymous().coming_from([198, 51, 100, 7]);
    let pending = first_step(&mut thief, "staff-0").await;
    let mut refused = 0;
    for _ in 0..8 {
        let answer = second_step(&mut thief, &pending, "123456").await;
        refused += usize::from(answer.status == StatusCode::TOO_MANY_REQUESTS);
    }
    assert_eq!(
        refused, 2,
        "six wrong codes; the right password before was none"
    );
    // Knowing the password does not wash the wrong codes away.
    let again = [("name", "staff-0"), ("password", PASSWORD)];
    let answer = thief.post_form("/sign-in", &again).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn acts_of_weight_need_a_fresh_proof_and_keep_what_was_typed() {
    let test = TestApp::with(vec![]).await;
    let mut admin = test.sign_in(Role::Administrator).await;
    test.clock.advance(SignedDuration::from_mins(6));
    let fields = [
        ("display_name", "佐藤\n二行目"),
        ("role", "city"),
        ("every", "1"),
    ];
    let asked = admin.post_form("/people/invite", &fields).await;
    assert_eq!(asked.status, StatusCode::UNAUTHORIZED);
    let shown = asked.text();
    let kept = unescaped(between(&shown, "name=\"kept\" value=\"", "\""));
    let before = admin.cookie().expect("signed in").to_owned();
    let wrong = admin
        .post_form("/prove", &[("password", "wrong"), ("kept", &kept)])
        .await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.text().contains("name=\"kept\""), "still carried");
    let proved = admin
        .post_form("/prove", &[("password", PASSWORD), ("kept", &kept)])
        .await;
    assert_eq!(proved.status, StatusCode::OK, "{}", proved.text());
    assert_ne!(admin.cookie(), Some(before.as_str()), "a new token");
    let mut old = test.anonymous();
    old.set_cookie(before);
    assert_eq!(old.get("/account").await.status, StatusCode::SEE_OTHER);
    let page = proved.text();
    assert!(page.contains("action=\"/people/invite\""), "{page}");
    let csrf = between(
        &page,
        "<form method=\"post\" action=\"/people/invite\"",
        "佐藤",
    );
    let csrf = between(csrf, "name=\"csrf\" value=\"", "\"").to_owned();
    let mut all = vec![("csrf", csrf.as_str())];
    all.extend_from_slice(&fields);
    let sent = admin.post_raw_form("/people/invite", &all).await;
    assert_eq!(sent.status, StatusCode::OK, "{}", sent.text());
    assert!(sent.text().contains("/invitation/"));
}

fn unescaped(text: &str) -> String {
    text.replace("&#34;", "\"")
        .replace("&#38;", "&")
        .replace("&#60;", "<")
        .replace("&#62;", ">")
        .replace("&#39;", "'")
}

#[tokio::test]
async fn a_form_outlives_its_session() {
    let test = TestApp::with(vec![sample::capability()]).await;
    let mut client = test.sign_in(Role::Staff).await;
    let csrf = client.form_token().await.expect("a token");
    test.clock.advance(SignedDuration::from_hours(2));
    let typed = "<b>長い文\r\n\u{202e}逆</b> 😀";
    let asked = client
        .post_raw_form("/sample", &[("csrf", &csrf), ("title", typed)])
        .await;
    assert_eq!(asked.status, StatusCode::UNAUTHORIZED);
    assert!(asked.text().contains("残っています"), "{}", asked.text());
    let kept = unescaped(between(&asked.text(), "name=\"kept\" value=\"", "\""));
    let entered = client
        .post_raw_form(
            "/sign-in",
            &[("name", "staff-0"), ("password", PASSWORD), ("kept", &kept)],
        )
        .await;
    assert_eq!(entered.status, StatusCode::OK, "{}", entered.text());
    let page = entered.text();
    let (_, rest) = page
        .split_once("<form method=\"post\" action=\"/sample\"")
        .expect("the form");
    let csrf = between(rest, "name=\"csrf\" value=\"", "\"");
    let title = unescaped(between(rest, "name=\"title\" value=\"", "\""));
    assert_eq!(title, typed);
    let sent = client
        .post_raw_form("/sample", &[("csrf", csrf), ("title", &title)])
        .await;
    assert_eq!(sent.status, StatusCode::SEE_OTHER, "{}", sent.text());
}

#[tokio::test]
async fn only_our_own_forms_are_carried() {
    let test = TestApp::with(vec![sample::capability()]).await;
    test.add_user("tanaka", Role::Staff).await;
    for path in [
        "https://evil.example/",
        "//evil.example",
        "/sign-in",
        "/api/v1/sample",
        "/nothing",
    ] {
        let kept = serde_json::json!({"path": path, "fields": [["a", "b"]]}).to_string();
        let mut client = test.anonymous();
        let answer = client
            .post_raw_form(
                "/sign-in",
                &[("name", "tanaka"), ("password", PASSWORD), ("kept", &kept)],
            )
            .await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{path}");
        assert_eq!(answer.location(), "/", "{path}");
    }
    let mut stranger = test.anonymous();
    let large = "あ".repeat(100_000);
    let answer = stranger
        .post_raw_form("/sample", &[("title", &large)])
        .await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert!(
        !answer.text().contains("name=\"kept\""),
        "too large to carry"
    );
}

#[tokio::test]
async fn files_cannot_be_carried_and_that_is_said() {
    let test = TestApp::with(vec![sample::capability()]).await;
    let mut client = test.sign_in(Role::Staff).await;
    let csrf = client.form_token().await.expect("a token");
    test.clock.advance(SignedDuration::from_hours(2));
    // Larger than what is carried: the file is dropped, what was typed beside it is not.
    let big = vec![7_u8; 3 * 1024 * 1024];
    let files = [("file", "a.bin", "application/octet-stream", &big[..])];
    let asked = client
        .post_files_as(&csrf, "/sample/files", &[("note", "添え書き")], &files)
        .await;
    assert_eq!(asked.status, StatusCode::UNAUTHORIZED);
    let shown = asked.text();
    assert!(shown.contains("ファイルは残せません"), "{shown}");
    assert!(!shown.contains("添え書き"), "whoever comes next reads it");
    let kept = between(&shown, "name=\"kept\" value=\"", "\"").to_owned();
    let entered = client
        .post_raw_form(
            "/sign-in",
            &[("name", "staff-0"), ("password", PASSWORD), ("kept", &kept)],
        )
        .await;
    let page = entered.text();
    assert!(page.contains("添え書き"), "{page}");
    assert!(page.contains("type=\"file\" name=\"file\""), "{page}");
}

#[tokio::test]
async fn sessions_are_listed_and_ended() {
    let test = TestApp::with(vec![]).await;
    let mut here = test.sign_in(Role::Staff).await;
    let mut there = test.anonymous().coming_from([203, 0, 113, 9]);
    there.sign_in("staff-0", PASSWORD).await;
    let page = here.get("/account").await.text();
    assert!(page.contains("203.0.113.9"), "{page}");
    let id = between(&page, "/account/sessions/", "/end\"").to_owned();
    assert_ne!(id, "end-others");
    let mut stranger = test.sign_in(Role::Staff).await;
    stranger
        .post_form(&format!("/account/sessions/{id}/end"), &[])
        .await;
    assert_eq!(there.get("/account").await.status, StatusCode::OK);
    here.post_form(&format!("/account/sessions/{id}/end"), &[])
        .await;
    assert_eq!(there.get("/account").await.status, StatusCode::SEE_OTHER);
    there.sign_in("staff-0", PASSWORD).await;
    here.post_form("/account/sessions/end-others", &[]).await;
    assert_eq!(there.get("/account").await.status, StatusCode::SEE_OTHER);
    assert_eq!(here.get("/account").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_changed_password_ends_other_sessions_and_the_old_token() {
    let test = TestApp::with(vec![]).await;
    let mut here = test.sign_in(Role::Staff).await;
    let mut there = test.anonymous();
    there.sign_in("staff-0", PASSWORD).await;
    let before = here.cookie().expect("signed in").to_owned();
    let new = "maple lantern orbit cedar";
    let wrong = here
        .post_form(
            "/account/password",
            &[
                ("current_password", "wrong"),
                ("password", new),
                ("password_again", new),
            ],
        )
        .await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    let changed = here
        .post_form(
            "/account/password",
            &[
                ("current_password", PASSWORD),
                ("password", new),
                ("password_again", new),
            ],
        )
        .await;
    assert_eq!(changed.location(), "/account", "{}", changed.text());
    assert!(
        here.get("/account")
            .await
            .text()
            .contains("パスワードを変え")
    );
    assert_eq!(there.get("/account").await.status, StatusCode::SEE_OTHER);
    let mut old = test.anonymous();
    old.set_cookie(before);
    assert_eq!(old.get("/account").await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn passkey_pages_do_not_tell_which_names_exist() {
    let test = TestApp::with(vec![]).await;
    test.add_user("tanaka", Role::Staff).await;
    let mut client = test.anonymous();
    let mut ask = async |name: &str| {
        let answer = client
            .post_raw_form("/sign-in/passkey", &[("name", name)])
            .await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        unescaped(between(&answer.text(), "data-options=\"", "\""))
    };
    let allowed = |options: &str| -> serde_json::Value {
        let options: serde_json::Value = serde_json::from_str(options).expect("JSON");
        options["publicKey"]["allowCredentials"].clone()
    };
    let (known, unknown) = (ask("tanaka").await, ask("nobody").await);
    assert!(!allowed(&known).as_array().expect("a list").is_empty());
    assert!(!allowed(&unknown).as_array().expect("a list").is_empty());
    assert_eq!(
        allowed(&ask("nobody").await),
        allowed(&unknown),
        "the same each time"
    );
    for credential in ["", "{}", "not json"] {
        let answer = test
            .anonymous()
            .post_raw_form(
                "/sign-in/passkey/answer",
                &[
                    ("name", "tanaka"),
                    ("challenge", "00"),
                    ("credential", credential),
                ],
            )
            .await;
        assert_eq!(
            answer.status,
            StatusCode::UNPROCESSABLE_ENTITY,
            "{credential}"
        );
    }
}

#[tokio::test]
async fn only_listed_networks_reach_pages_and_api() {
    let test = TestApp::builder()
        .configured(|config| {
            config.networks = vec!["203.0.113.0/24".parse().expect("a network")];
        })
        .with(sample::capability())
        .open()
        .await;
    test.add_user("tanaka", Role::Staff).await;
    let mut inside = test.anonymous().coming_from([203, 0, 113, 5]);
    inside.sign_in("tanaka", PASSWORD).await;
    assert_eq!(inside.get("/sample").await.status, StatusCode::OK);
    let mut outside = test.anonymous().coming_from([198, 51, 100, 5]);
    outside.set_cookie(inside.cookie().expect("signed in"));
    for path in [
        "/sample",
        "/sign-in",
        "/readyz",
        "/api/v1/sample",
        "/assets/x",
    ] {
        let answer = outside.get(path).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path}");
    }
    assert_eq!(outside.get("/healthz").await.status, StatusCode::OK);
}

#[tokio::test]
async fn readings_of_personal_data_are_kept_for_three_years() {
    let test = TestApp::with(vec![sample::capability()]).await;
    let mut admin = test.sign_in(Role::Administrator).await;
    let who = account::find(&test.app, "administrator-0")
        .await
        .expect("there");
    let empty = admin.get("/people/audit").await.text();
    assert!(empty.contains("記録はありません"), "{empty}");
    assert_eq!(
        admin.get("/sample/personal/12").await.status,
        StatusCode::OK
    );
    let shown = admin
        .get(&format!(
            "/people/audit?who={}&from=2026-10-01&to=2026-10-01",
            who.id
        ))
        .await
        .text();
    assert!(shown.contains("<td>12</td>"), "{shown}");
    let later = admin.get("/people/audit?from=2026-10-02").await.text();
    assert!(later.contains("記録はありません"), "{later}");
    let wrong = admin.get("/people/audit?from=yesterday").await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    let file = admin.get("/people/audit.csv").await;
    assert!(file.header("content-type").starts_with("text/csv"));
    assert!(file.text().contains("question"), "{}", file.text());
    let mut staff = test.sign_in(Role::City).await;
    assert_eq!(
        staff.get("/people/audit").await.status,
        StatusCode::FORBIDDEN
    );
    let mut auditor = test.sign_in(Role::Viewer).await;
    assert_eq!(auditor.get("/people/audit").await.status, StatusCode::OK);
    // The first tick plans, the others run what is due.
    test.advance(SignedDuration::from_hours(1)).await;
    test.advance(SignedDuration::from_hours(24 * (3 * 366 + 1)))
        .await;
    test.advance(SignedDuration::from_hours(24)).await;
    let count = mamori_web::audit::count(&test.app, &mamori_web::audit::Search::default())
        .await
        .expect("a number");
    assert_eq!(count, 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// Whatever is sent as note and code: nothing opens, nothing breaks.
    #[test]
    fn forged_notes_and_codes_open_nothing(note in "[0-9a-f]{0,200}|.{0,60}", code in ".{0,30}") {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            let test = TestApp::with(vec![]).await;
            let mut client = test.anonymous();
            let answer = second_step(&mut client, &note, &code).await;
            prop_assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
            prop_assert_eq!(client.cookie(), None);
            Ok(())
        })?;
    }
}
