//! What people typed survives a session that ended, a file that is too large, a second click and
//! somebody who was faster; and it is shown to nobody else.

use axum::http::StatusCode;
use jiff::SignedDuration;
use mamori_kernel::permission::Role;
use mamori_testkit::{Answer, Client, PASSWORD, TestApp};
use mamori_web::account;

use crate::sample;

fn between<'t>(text: &'t str, before: &str, after: &str) -> &'t str {
    let (_, rest) = text
        .split_once(before)
        .unwrap_or_else(|| panic!("{before} in {text}"));
    rest.split_once(after).expect("an end").0
}

fn hidden(page: &str, name: &str) -> String {
    between(page, &format!("name=\"{name}\" value=\""), "\"").to_owned()
}

async fn enters(client: &mut Client, name: &str, kept: &str) -> Answer {
    let fields = [("name", name), ("password", PASSWORD), ("kept", kept)];
    client.post_raw_form("/sign-in", &fields).await
}

#[tokio::test]
async fn what_somebody_typed_is_offered_to_nobody_else() {
    let test = TestApp::with(vec![sample::capability()]).await;
    let mut client = test.sign_in(Role::Staff).await;
    test.add_user("tanaka", Role::Staff).await;
    let csrf = client.form_token().await.expect("a token");
    test.clock.advance(SignedDuration::from_hours(2));
    let typed = "保護者の電話のこと";
    let asked = client
        .post_raw_form("/sample", &[("csrf", &csrf), ("title", typed)])
        .await;
    assert_eq!(asked.status, StatusCode::UNAUTHORIZED);
    assert!(!asked.text().contains(typed), "not even in the source");
    let kept = hidden(&asked.text(), "kept");

    let mut other = test.anonymous();
    let entered = enters(&mut other, "tanaka", &kept).await;
    assert_eq!(entered.status, StatusCode::SEE_OTHER);
    assert_eq!(entered.location(), "/", "nor is it led to the page");
    let first = other.open("/").await.text();
    assert!(first.contains("別の人が入力していた"), "{first}");
    assert!(!first.contains(typed), "{first}");

    let own = enters(&mut client, "staff-0", &kept).await;
    assert!(own.text().contains(typed), "{}", own.text());
}

#[tokio::test]
async fn a_form_of_an_older_session_is_not_carried_out_but_offered_again() {
    let test = TestApp::with(vec![sample::capability()]).await;
    let mut client = test.sign_in(Role::Staff).await;
    let older = client.form_token().await.expect("a token");
    let mut again = test.anonymous();
    again.sign_in("staff-0", PASSWORD).await;
    let fields = [("csrf", older.as_str()), ("title", "前の画面で書いた")];
    let refused = again.post_raw_form("/sample", &fields).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    let page = refused.text();
    assert!(page.contains("前の画面で書いた"), "{page}");
    let (_, form) = page
        .split_once("action=\"/sample\"")
        .expect("the form is there again");
    let now = hidden(form, "csrf");
    let fields = [("csrf", now.as_str()), ("title", "前の画面で書いた")];
    let sent = again.post_raw_form("/sample", &fields).await;
    assert_eq!(sent.status, StatusCode::SEE_OTHER, "{}", sent.text());

    let mut stranger = test.sign_in(Role::Staff).await;
    let fields = [("csrf", older.as_str()), ("title", "前の画面で書いた")];
    let refused = stranger.post_raw_form("/sample", &fields).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert!(!refused.text().contains("前の画面で書いた"));
}

#[tokio::test]
async fn a_file_that_is_too_large_takes_no_text_with_it() {
    let test = TestApp::with(vec![sample::capability()]).await;
    let mut client = test.sign_in(Role::Staff).await;
    let huge = vec![7_u8; 6 * 1024 * 1024];
    let files = [("file", "a.bin", "application/octet-stream", huge.as_slice())];
    let fields = [("note", "添え書きは残る")];
    let answer = client.post_files("/sample/files", &fields, &files).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    let page = answer.text();
    assert!(page.contains("大きすぎる"), "{page}");
    assert!(page.contains("添え書きは残る"), "{page}");
    assert!(page.contains("type=\"file\" name=\"file\""), "{page}");
    let foreign = "5a".repeat(80);
    let answer = client
        .post_files_as(&foreign, "/sample/files", &fields, &files)
        .await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN, "a forged one is not");
    assert!(!answer.text().contains("添え書きは残る"));
}

#[tokio::test]
async fn a_form_sent_twice_is_carried_out_once() {
    let test = TestApp::with(vec![]).await;
    let mut admin = test.sign_in(Role::Administrator).await;
    let csrf = admin.form_token().await.expect("a token");
    let invite = |csrf: &str, name: &str| {
        [
            ("csrf", csrf.to_owned()),
            ("display_name", name.to_owned()),
            ("role", "city".to_owned()),
            ("every", "1".to_owned()),
        ]
    };
    let send = async |mut client: Client, csrf: &str, name: &str| {
        let fields = invite(csrf, name);
        let fields: Vec<(&str, &str)> = fields.iter().map(|(a, b)| (*a, b.as_str())).collect();
        let answer = client.post_raw_form("/people/invite", &fields).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        between(&answer.text(), "/invitation/", "\"").to_owned()
    };
    let (first, second) = tokio::join!(
        send(admin.clone(), &csrf, "佐藤"),
        send(admin.clone(), &csrf, "佐藤")
    );
    assert_eq!(first, second, "a double click");
    let open = async |admin: &mut Client| {
        let list = admin.get("/people").await.text();
        list.matches("/people/invitations/").count()
    };
    assert_eq!(open(&mut admin).await, 1);
    assert_ne!(
        send(admin.clone(), &csrf, "鈴木").await,
        first,
        "another name"
    );
    assert_ne!(
        send(admin.clone(), &csrf, "佐藤").await,
        first,
        "after another act it is meant anew"
    );
    let fresh = admin.form_token().await.expect("a token");
    send(admin.clone(), &fresh, "佐藤").await;
    assert_eq!(open(&mut admin).await, 4);
    test.clock.advance(SignedDuration::from_mins(4));
    let wrong = admin
        .post_raw_form(
            "/people/invite",
            &[("csrf", &fresh), ("role", "city"), ("every", "1")],
        )
        .await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    send(admin.clone(), &fresh, "佐藤").await;
    assert_eq!(open(&mut admin).await, 4, "a refusal is no act in between");
}

#[tokio::test]
async fn passwords_are_not_carried_and_that_is_said() {
    let test = TestApp::with(vec![]).await;
    let mut client = test.sign_in(Role::Staff).await;
    let csrf = client.form_token().await.expect("a token");
    test.clock.advance(SignedDuration::from_hours(2));
    let fields = [
        ("csrf", csrf.as_str()),
        ("username", "staff-0"),
        ("current_password", PASSWORD),
        ("password", "maple lantern orbit cedar"),
        ("password_again", "maple lantern orbit cedar"),
    ];
    let asked = client.post_raw_form("/account/password", &fields).await;
    assert_eq!(asked.status, StatusCode::UNAUTHORIZED);
    let page = asked.text();
    assert!(
        page.contains("パスワードや確認コードは残していません"),
        "{page}"
    );
    let entered = enters(&mut client, "staff-0", &hidden(&page, "kept")).await;
    assert_eq!(entered.status, StatusCode::SEE_OTHER, "{}", entered.text());
    let first = client.open("/").await.text();
    assert!(first.contains("もう一度入力してください"), "{first}");
    client.post_form("/sign-out", &[]).await;
    client.sign_in("staff-0", PASSWORD).await;
    assert_eq!(
        client.get("/account").await.status,
        StatusCode::OK,
        "unchanged"
    );
}

#[tokio::test]
async fn rights_that_somebody_else_changed_are_shown_in_both_versions() {
    let test = TestApp::with(vec![]).await;
    test.add_user("tanaka", Role::Staff).await;
    let account = account::find(&test.app, "tanaka").await.expect("is there");
    let id = account.id.to_string();
    let (mut one, mut two) = (
        test.sign_in(Role::Administrator).await,
        test.sign_in(Role::Administrator).await,
    );
    let address = format!("/people/{id}");
    let seen = hidden(&two.get(&address).await.text(), "was");
    let rights = format!("/people/{id}/rights");
    let fields = [("was", seen.as_str()), ("role", "manager"), ("every", "1")];
    let changed = one.post_form(&rights, &fields).await;
    assert_eq!(changed.status, StatusCode::SEE_OTHER, "{}", changed.text());

    let fields = [("was", seen.as_str()), ("role", "viewer"), ("every", "1")];
    let stale = two.post_form(&rights, &fields).await;
    assert_eq!(stale.status, StatusCode::CONFLICT);
    let page = stale.text();
    for (label, role) in [("いまの内容", "責任者"), ("あなたが選んだ内容", "閲覧者")]
    {
        let shown = between(&page, &format!("<dt>{label}</dt><dd>"), "</dd>");
        assert!(shown.contains(role), "{label}: {shown}");
    }
    assert!(
        page.contains("<option value=\"viewer\" selected>"),
        "{page}"
    );
    let now = hidden(&page, "was");
    assert_ne!(now, seen);
    let fields = [("was", now.as_str()), ("role", "viewer"), ("every", "1")];
    let sent = two.post_form(&rights, &fields).await;
    assert_eq!(sent.status, StatusCode::SEE_OTHER, "{}", sent.text());
    let fields = [("was", seen.as_str()), ("role", "viewer"), ("every", "1")];
    let same = one.post_form(&rights, &fields).await;
    assert_eq!(same.status, StatusCode::SEE_OTHER, "both want the same");
}

#[tokio::test]
async fn a_name_that_cannot_be_kept_is_said_beside_its_field() {
    let test = TestApp::with(vec![]).await;
    let mut client = test.sign_in(Role::Staff).await;
    for (name, said) in [
        (" \u{200f}", "名前を書いて"),
        (&*"長".repeat(61), "いま61文字"),
    ] {
        let fields = [
            ("display_name", name),
            ("language", "en"),
            ("date_style", "iso"),
        ];
        let answer = client.post_form("/account", &fields).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        let page = answer.text();
        assert!(
            between(&page, "id=\"e-display_name\"", "</p>").contains(said),
            "{page}"
        );
        assert!(page.contains(name.trim()), "{page}");
        assert!(page.contains("<option value=\"iso\" selected>"), "{page}");
    }
    let fields = [
        ("display_name", "محمد 😀"),
        ("language", "ja"),
        ("date_style", "iso"),
    ];
    client.post_form("/account", &fields).await;
    let page = client.get("/account").await.text();
    assert!(page.contains("<bdi>محمد 😀</bdi>"), "{page}");
}
