//! People's own mail addresses: confirmed by a link before anything is sent there.

use axum::http::StatusCode;
use base64::Engine as _;
use jiff::SignedDuration;
use mamori_kernel::permission::Role;
use mamori_testkit::{PASSWORD, PrivatePostgres, TestApp};
use mamori_web::{account, mail_address};

const OWN: &str = "hanako@example.jp";

/// Mails to an address, newest last, their bodies decoded.
pub(crate) async fn mails_to(test: &TestApp, address: &str) -> Vec<String> {
    test.advance(SignedDuration::from_secs(2)).await;
    let to = format!("To: {address}");
    test.mails()
        .iter()
        .filter(|mail| mail.contains(&to))
        .map(|mail| {
            let (head, body) = mail.split_once("\r\n\r\n").expect("head and body");
            assert!(head.contains("base64"), "{head}");
            let packed: String = body.split_whitespace().collect();
            let bytes = base64::engine::general_purpose::STANDARD.decode(packed);
            String::from_utf8(bytes.expect("base64")).expect("text")
        })
        .collect()
}

/// The path of the one link in a mail.
pub(crate) fn link(mail: &str) -> String {
    let (_, rest) = mail.split_once("://").expect("a link");
    let link = rest.split_whitespace().next().expect("its end");
    link[link.find('/').expect("a path")..].to_owned()
}

async fn confirm_and_change(test: &TestApp) {
    let mut owner = test.sign_in(Role::Staff).await;
    let mut other = test.sign_in(Role::Staff).await;
    let user = account::find(&test.app, "staff-0")
        .await
        .expect("there")
        .id
        .to_string();
    let known = || async {
        mail_address::of(&test.app, &user)
            .await
            .expect("readable")
            .address
    };
    for wrong in ["hanako", "a@b, c@d", "花子 <hanako@example.jp>", ""] {
        let refused = owner.post_form("/account/mail", &[("mail", wrong)]).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{wrong}");
        let page = refused.text();
        assert!(
            page.contains(r#"id="e-mail""#) && page.contains("data-error-summary"),
            "said beside the field: {page}"
        );
        let typed = wrong.replace('<', "&#60;").replace('>', "&#62;");
        assert!(
            page.contains(&format!(r#"value="{typed}""#)),
            "kept: {page}"
        );
    }
    let asked = owner.post_form("/account/mail", &[("mail", OWN)]).await;
    assert_eq!(asked.status, StatusCode::SEE_OTHER, "{}", asked.text());
    let soon = owner.post_form("/account/mail", &[("mail", OWN)]).await;
    assert_eq!(soon.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(known().await, None, "not before the link is used");
    let mails = mails_to(test, OWN).await;
    assert_eq!(mails.len(), 1);
    let path = link(&mails[0]);
    // A stranger who got the mail cannot confirm it, nor does looking confirm.
    let strange = other.post_form(&path, &[]).await;
    assert_eq!(strange.status, StatusCode::NOT_FOUND);
    assert!(owner.get(&path).await.text().contains(OWN));
    assert_eq!(known().await, None);
    owner.post_form(&path, &[]).await;
    assert_eq!(known().await.as_deref(), Some(OWN));
    assert_eq!(owner.get(&path).await.status, StatusCode::NOT_FOUND, "once");
    assert!(owner.get("/account").await.text().contains(OWN));
    let mut admin = test.sign_in(Role::Administrator).await;
    let page = admin.get(&format!("/people/{user}")).await.text();
    assert!(page.contains(OWN), "{page}");

    // Another address: the one of before is told when it changes, and holds until then.
    test.clock.advance(SignedDuration::from_mins(2));
    let next = "hanako@example.lg.jp";
    owner.post_form("/account/mail", &[("mail", next)]).await;
    assert_eq!(known().await.as_deref(), Some(OWN));
    let path = link(&mails_to(test, next).await[0]);
    owner.post_form(&path, &[]).await;
    assert_eq!(known().await.as_deref(), Some(next));
    let told = mails_to(test, OWN).await;
    assert!(told.last().expect("a mail").contains("変わりました"));

    // A link for a new password goes there, and nobody else sees it.
    let reset = admin.post_form(&format!("/people/{user}/reset"), &[]).await;
    assert!(reset.text().contains(next), "{}", reset.text());
    assert!(!reset.text().contains("/invitation/"), "{}", reset.text());
    let mails = mails_to(test, next).await;
    let path = link(mails.last().expect("a mail"));
    let new = "maple lantern orbit cedar";
    let done = test
        .anonymous()
        .post_raw_form(&path, &[("password", new), ("password_again", new)])
        .await;
    assert_eq!(done.status, StatusCode::OK, "{}", done.text());
    let mut owner = test.anonymous();
    owner.sign_in("staff-0", new).await;
    owner.post_form("/account/mail/remove", &[]).await;
    assert_eq!(known().await, None);
}

#[tokio::test]
async fn an_address_counts_once_its_link_was_used_by_its_owner() {
    confirm_and_change(&TestApp::with(vec![]).await).await;
}

#[tokio::test]
async fn an_address_counts_once_its_link_was_used_by_its_owner_on_postgresql() {
    let Some(server) = PrivatePostgres::shared() else {
        return;
    };
    let url = server.fresh_database().await;
    let test = TestApp::builder()
        .configured(move |config| config.database.url = Some(url))
        .open()
        .await;
    confirm_and_change(&test).await;
}

#[tokio::test]
async fn changing_it_needs_a_fresh_proof_and_links_end() {
    let test = TestApp::with(vec![]).await;
    let mut owner = test.sign_in(Role::Staff).await;
    owner.post_form("/account/mail", &[("mail", OWN)]).await;
    let path = link(&mails_to(&test, OWN).await[0]);
    test.clock.advance(SignedDuration::from_mins(6));
    let again = owner.post_form("/account/mail", &[("mail", OWN)]).await;
    assert_eq!(again.status, StatusCode::UNAUTHORIZED);
    test.clock.advance(SignedDuration::from_hours(24));
    let mut owner = test.anonymous();
    owner.sign_in("staff-0", PASSWORD).await;
    let late = owner.post_form(&path, &[]).await;
    assert_eq!(late.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn an_invitation_is_sent_and_its_address_kept() {
    let test = TestApp::with(vec![]).await;
    let mut admin = test.sign_in(Role::Administrator).await;
    let form = |mail: &'static str| {
        [
            ("display_name", "田中 花子"),
            ("role", "staff"),
            ("every", "1"),
            ("mail", mail),
        ]
    };
    let wrong = admin.post_form("/people/invite", &form("hanako")).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    let made = admin.post_form("/people/invite", &form(OWN)).await;
    assert_eq!(made.status, StatusCode::OK, "{}", made.text());
    assert!(!made.text().contains("/invitation/"), "{}", made.text());
    let path = link(&mails_to(&test, OWN).await[0]);
    let new = "maple lantern orbit cedar";
    let fields = [
        ("name", "tanaka"),
        ("password", new),
        ("password_again", new),
    ];
    let joined = test.anonymous().post_raw_form(&path, &fields).await;
    assert_eq!(joined.status, StatusCode::SEE_OTHER, "{}", joined.text());
    let user = account::find(&test.app, "tanaka").await.expect("there");
    let known = mail_address::of(&test.app, &user.id.to_string()).await;
    assert_eq!(known.expect("readable").address.as_deref(), Some(OWN));
    // Without an address the link is shown, as before.
    let shown = admin.post_form("/people/invite", &form("")).await;
    assert!(shown.text().contains("/invitation/"), "{}", shown.text());
}
