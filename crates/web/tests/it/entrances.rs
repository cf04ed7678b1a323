//! Ways in: the first set-up, invitations, links for a new password. Forged and used links open
//! nothing.

use axum::http::StatusCode;
use jiff::SignedDuration;
use mamori_kernel::ledger::Actor;
use mamori_kernel::permission::Role;
use mamori_runtime::SYSTEM_CHAIN;
use mamori_store::LedgerQuery;
use mamori_testkit::{Client, PASSWORD, PrivatePostgres, TestApp};
use mamori_web::account::{self, Scope};
use mamori_web::invitation::{self, Purpose};
use mamori_web::setup;

const NEW: &str = "maple lantern orbit cedar";

fn form<'a>(name: &'a str, token: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("token", token),
        ("name", name),
        ("display_name", "田中 花子"),
        ("password", NEW),
        ("password_again", NEW),
    ]
}

async fn set_up_link(test: &TestApp) -> String {
    let path = setup::open(&test.app)
        .await
        .expect("the database answers")
        .expect("no account yet");
    path.expose().to_owned()
}

#[tokio::test]
async fn the_first_administrator_comes_by_the_printed_link_and_nobody_after() {
    let test = TestApp::with(vec![]).await;
    let path = set_up_link(&test).await;
    let token = path.split_once('=').expect("a token").1.to_owned();
    let mut client = test.anonymous();
    let page = client.get(&path).await;
    assert_eq!(page.status, StatusCode::OK);
    assert_eq!(page.header("referrer-policy"), "no-referrer");
    for wrong in ["", "0", &token[1..]] {
        let refused = client.post_raw_form("/setup", &form("tanaka", wrong)).await;
        assert_eq!(refused.status, StatusCode::NOT_FOUND, "{wrong}");
    }
    let mut weak = form("tanaka", &token);
    weak[3].1 = "short";
    weak[4].1 = "short";
    let refused = client.post_raw_form("/setup", &weak).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.text().contains("短すぎます"), "{}", refused.text());
    let made = client
        .post_raw_form("/setup", &form("tanaka", &token))
        .await;
    assert_eq!(made.status, StatusCode::SEE_OTHER, "{}", made.text());
    assert!(client.get("/people").await.text().contains("田中 花子"));
    let again = test
        .anonymous()
        .post_raw_form("/setup", &form("suzuki", &token))
        .await;
    assert_eq!(again.status, StatusCode::NOT_FOUND);
    assert!(setup::open(&test.app).await.expect("answers").is_none());
    assert_eq!(account::list(&test.app).await.expect("a list").len(), 1);
}

#[tokio::test]
async fn two_set_ups_at_once_make_one_administrator() {
    let test = TestApp::with(vec![]).await;
    two_at_once(&test).await;
    if let Some(server) = PrivatePostgres::shared() {
        let url = server.fresh_database().await;
        let test = TestApp::builder()
            .configured(move |config| config.database.url = Some(url))
            .open()
            .await;
        two_at_once(&test).await;
    }
}

async fn two_at_once(test: &TestApp) {
    let path = set_up_link(test).await;
    let token = path.split_once('=').expect("a token").1;
    let (mut a, mut b) = (test.anonymous(), test.anonymous());
    let (tanaka, suzuki) = (form("tanaka", token), form("suzuki", token));
    let (a, b) = tokio::join!(
        a.post_raw_form("/setup", &tanaka),
        b.post_raw_form("/setup", &suzuki)
    );
    let made = [a.status, b.status]
        .into_iter()
        .filter(|status| *status == StatusCode::SEE_OTHER)
        .count();
    assert_eq!(made, 1, "{} {}", a.status, b.status);
    assert_eq!(account::list(&test.app).await.expect("a list").len(), 1);
}

/// An administrator invites by the page; the link stands in the answer.
async fn invited(admin: &mut Client, fields: &[(&str, &str)]) -> String {
    let answer = admin.post_form("/people/invite", fields).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    let text = answer.text();
    let (_, rest) = text.split_once("/invitation/").expect("a link");
    let token = rest.split_once('"').expect("an end").0;
    format!("/invitation/{token}")
}

#[tokio::test]
async fn an_invited_person_chooses_name_and_password_once() {
    let test = TestApp::with(vec![]).await;
    let mut admin = test.sign_in(Role::Administrator).await;
    let link = invited(
        &mut admin,
        &[("display_name", "佐藤"), ("role", "city"), ("every", "1")],
    )
    .await;
    assert!(admin.get("/people").await.text().contains("佐藤"));
    let mut guest = test.anonymous();
    let page = guest.get(&link).await;
    assert_eq!(page.header("referrer-policy"), "no-referrer");
    assert!(page.text().contains("市担当者"), "{}", page.text());
    let taken = guest
        .post_raw_form(&link, &form("administrator-0", ""))
        .await;
    assert!(
        taken.text().contains("すでに使われています"),
        "{}",
        taken.text()
    );
    let entered = guest.post_raw_form(&link, &form("sato", "")).await;
    assert_eq!(entered.status, StatusCode::SEE_OTHER, "{}", entered.text());
    let made = account::find(&test.app, "sato").await.expect("made");
    assert_eq!((made.role, made.every_contract), (Role::City, true));
    let replayed = test
        .anonymous()
        .post_raw_form(&link, &form("other", ""))
        .await;
    assert_eq!(replayed.status, StatusCode::NOT_FOUND);
    let records = test
        .app
        .db
        .ledger_records(&LedgerQuery::new(SYSTEM_CHAIN))
        .await
        .expect("records");
    let added = records
        .iter()
        .rev()
        .find(|record| record.kind == "user.added");
    assert_eq!(added.expect("a record").subject, made.id.to_string());
    let last = records.last().expect("a record");
    assert_eq!(last.kind, "user.session");
    assert_eq!(last.subject, made.id.to_string());
}

#[tokio::test]
async fn links_end_by_time_by_revocation_and_by_a_newer_one() {
    let test = TestApp::with(vec![]).await;
    test.add_user("tanaka", Role::Staff).await;
    let user = account::find(&test.app, "tanaka").await.expect("there").id;
    let purpose = Purpose::Reset {
        user: user.to_string(),
    };
    let actor = Actor::machine("test");
    let make = || invitation::make(&test.app, &actor, "", &purpose);
    let (first, second) = (make().await.expect("made"), make().await.expect("made"));
    let reset = [("password", NEW), ("password_again", NEW)];
    let mut guest = test.anonymous();
    let old = invitation::path(&first).expose().to_owned();
    assert_eq!(
        guest.post_raw_form(&old, &reset).await.status,
        StatusCode::NOT_FOUND
    );
    let mut signed_in = test.anonymous();
    signed_in.sign_in("tanaka", PASSWORD).await;
    let new = invitation::path(&second).expose().to_owned();
    let done = guest.post_raw_form(&new, &reset).await;
    assert_eq!(done.status, StatusCode::OK, "{}", done.text());
    assert_eq!(
        signed_in.get("/account").await.status,
        StatusCode::SEE_OTHER
    );
    guest.sign_in("tanaka", NEW).await;
    let join = Purpose::Join {
        role: Role::Staff,
        scope: Scope::Contracts(vec![("a".to_owned(), Role::Viewer)]),
    };
    let late = invitation::make(&test.app, &actor, "遅い人", &join)
        .await
        .expect("made");
    let open = invitation::open_ones(&test.app).await.expect("a list");
    assert_eq!(open.len(), 1);
    assert_eq!(open[0].purpose, join);
    test.clock.advance(SignedDuration::from_hours(7 * 24));
    let late = invitation::path(&late).expose().to_owned();
    assert_eq!(guest.get(&late).await.status, StatusCode::NOT_FOUND);
    let revoked = invitation::make(&test.app, &actor, "", &join)
        .await
        .expect("made");
    let open = invitation::open_ones(&test.app).await.expect("a list");
    assert!(
        invitation::revoke(&test.app, actor.clone(), &open[0].id)
            .await
            .expect("answers")
    );
    let revoked = invitation::path(&revoked).expose().to_owned();
    assert_eq!(guest.get(&revoked).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn guessing_links_is_stopped_and_people_of_the_same_office_sign_in() {
    let test = TestApp::with(vec![]).await;
    test.add_user("tanaka", Role::Staff).await;
    let mut office = test.anonymous().coming_from([203, 0, 113, 5]);
    for number in 0..40 {
        let answer = office.get(&format!("/invitation/{number:064}")).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND);
    }
    office.sign_in("tanaka", PASSWORD).await;
    for number in 40..70 {
        office.get(&format!("/invitation/{number:064}")).await;
    }
    let answer = office.get("/invitation/more").await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn the_last_administrator_stays() {
    let test = TestApp::with(vec![]).await;
    let mut admin = test.sign_in(Role::Administrator).await;
    let own = account::find(&test.app, "administrator-0")
        .await
        .expect("there");
    let refused = admin
        .post_form(&format!("/people/{}/disable", own.id), &[])
        .await;
    assert_eq!(refused.status, StatusCode::CONFLICT, "{}", refused.text());
    let demote = [("role", "staff"), ("every", "1")];
    let path = format!("/people/{}/rights", own.id);
    assert_eq!(
        admin.post_form(&path, &demote).await.status,
        StatusCode::CONFLICT
    );
    test.add_user("second", Role::Administrator).await;
    assert_eq!(
        admin.post_form(&path, &demote).await.status,
        StatusCode::SEE_OTHER
    );
    let actor = Actor::machine("test");
    let last = account::set_enabled(&test.app, actor, "second", false).await;
    assert!(last.is_err(), "{last:?}");
}

#[tokio::test]
async fn breached_passwords_are_refused_and_a_spoilt_list_is_told() {
    let test = TestApp::with(vec![]).await;
    let mut client = test.sign_in(Role::Staff).await;
    let list = mamori_web::breach::path(&test.app);
    // A list without the new password, then one in the wrong form, then one with it.
    std::fs::write(&list, "0B3E5B5F6E0C9F6A7E7D2F3C4B5A69788796A5B4:3\n").expect("written");
    let change = [
        ("current_password", PASSWORD),
        ("password", NEW),
        ("password_again", NEW),
    ];
    assert_eq!(
        client.post_form("/account/password", &change).await.status,
        StatusCode::SEE_OTHER
    );
    std::fs::write(&list, "not a hash\n").expect("written");
    let back = [
        ("current_password", NEW),
        ("password", "quiet river stone pocket"),
        ("password_again", "quiet river stone pocket"),
    ];
    let refused = client.post_form("/account/password", &back).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.text().contains("SHA-1"), "{}", refused.text());
    let known = {
        use sha1::Digest as _;
        hex::encode_upper(sha1::Sha1::digest(b"quiet river stone pocket"))
    };
    std::fs::write(&list, format!("{known}\n")).expect("written");
    let refused = client.post_form("/account/password", &back).await;
    assert!(
        refused.text().contains("漏れたパスワード"),
        "{}",
        refused.text()
    );
}
