//! What happens around accounts leaves records in the chain of the installation.

use axum::http::StatusCode;
use jiff::SignedDuration;
use mamori_kernel::ledger::Record;
use mamori_kernel::permission::Role;
use mamori_runtime::SYSTEM_CHAIN;
use mamori_store::LedgerQuery;
use mamori_testkit::TestApp;
use serde_json::Value;

use super::second_factor::between;

async fn records(test: &TestApp) -> Vec<Record> {
    let query = LedgerQuery::new(SYSTEM_CHAIN);
    test.app.db.ledger_records(&query).await.expect("records")
}

/// Acts of the chain, each as its kind declares it, and without names.
async fn acts(test: &TestApp) -> Vec<String> {
    let capabilities = test.app.capabilities();
    let declared: Vec<_> = capabilities.iter().flat_map(|one| &one.evidence).collect();
    let mut acts = Vec::new();
    let all = records(test).await;
    for record in all.iter().filter(|one| one.kind.starts_with("user.")) {
        let payload: Value = serde_json::from_str(record.payload.as_str()).expect("JSON");
        let kind = declared
            .iter()
            .find(|kind| kind.kind == record.kind)
            .expect("declared");
        assert_eq!(kind.check(&payload), [], "{payload}");
        for secret in ["staff-0", "佐藤", "example.jp", "203.0.113"] {
            assert!(!record.payload.as_str().contains(secret), "{payload}");
        }
        acts.push(payload["act"].as_str().expect("an act").to_owned());
    }
    acts
}

async fn new_acts(test: &TestApp, before: usize) -> Vec<String> {
    acts(test).await.split_off(before)
}

#[tokio::test]
async fn links_that_let_somebody_in_are_recorded() {
    let test = TestApp::with(vec![]).await;
    test.add_user("tanaka", Role::Staff).await;
    let mut admin = test.sign_in(Role::Administrator).await;
    let before = acts(&test).await.len();
    let invited = [("display_name", "佐藤"), ("role", "city"), ("every", "1")];
    admin.post_form("/people/invite", &invited).await;
    let mailed = [invited.to_vec(), vec![("mail", "sato@example.jp")]].concat();
    admin.post_form("/people/invite", &mailed).await;
    let page = admin.get("/people").await.text();
    let id = between(&page, "/people/invitations/", "/revoke").to_owned();
    let revoke = format!("/people/invitations/{id}/revoke");
    admin.post_form(&revoke, &[]).await;
    // What is revoked already changes nothing.
    admin.post_form(&revoke, &[]).await;
    let person = mamori_web::account::find(&test.app, "tanaka")
        .await
        .expect("there");
    let reset = admin
        .post_form(&format!("/people/{}/reset", person.id), &[])
        .await;
    assert_eq!(reset.status, StatusCode::OK, "{}", reset.text());
    assert_eq!(
        new_acts(&test, before).await,
        [
            "invitation-made",
            "invitation-mailed",
            "invitation-revoked",
            "reset-made"
        ]
    );
    let last = records(&test).await.pop().expect("a record");
    assert_eq!(last.subject, person.id.to_string());
}

#[tokio::test]
async fn sessions_that_begin_and_end_are_recorded() {
    let test = TestApp::with(vec![]).await;
    let mut here = test.sign_in(Role::Staff).await;
    let mut admin = test.sign_in(Role::Administrator).await;
    let before = acts(&test).await.len();
    let password = mamori_testkit::PASSWORD;
    let mut there = test.anonymous();
    there.sign_in("staff-0", password).await;
    here.post_form("/account/sessions/end-others", &[]).await;
    // Nothing was left to end.
    here.post_form("/account/sessions/end-others", &[]).await;
    there.sign_in("staff-0", password).await;
    there.post_form("/sign-out", &[]).await;
    let person = mamori_web::account::find(&test.app, "staff-0")
        .await
        .expect("there");
    let all = format!("/people/{}/end-sessions", person.id);
    admin.post_form(&all, &[]).await;
    assert_eq!(
        new_acts(&test, before).await,
        [
            "signed-in",
            "other-sessions-ended",
            "signed-in",
            "signed-out",
            "sessions-ended"
        ]
    );
}

#[tokio::test]
async fn refused_sign_ins_are_recorded_without_letting_a_stranger_fill_the_chain() {
    let test = TestApp::with(vec![]).await;
    test.add_user("tanaka", Role::Staff).await;
    let before = acts(&test).await.len();
    let guess = async |name: &str, from: u8, times: usize| {
        let mut stranger = test.anonymous().coming_from([203, 0, 113, from]);
        for _ in 0..times {
            stranger
                .post_raw_form("/sign-in", &[("name", name), ("password", "wrong")])
                .await;
        }
    };
    guess("tanaka", 1, 6).await;
    // A slip is no event: only a limit that was reached is one.
    assert_eq!(acts(&test).await.len(), before);
    guess("tanaka", 1, 20).await;
    guess("tanaka", 2, 20).await;
    for name in ["nobody", "no-one", "someone"] {
        guess(name, 3, 10).await;
    }
    assert_eq!(
        new_acts(&test, before).await,
        ["sign-in-refused", "sign-in-refused"]
    );
    test.advance(SignedDuration::from_hours(1)).await;
    let before = acts(&test).await.len();
    guess("tanaka", 1, 10).await;
    assert_eq!(new_acts(&test, before).await, ["sign-in-refused"]);
}

#[tokio::test]
async fn changes_of_people_and_rights_are_shown_to_who_may_see_them() {
    let test = TestApp::with(vec![]).await;
    let mut admin = test.sign_in(Role::Administrator).await;
    test.add_user("tanaka", Role::Staff).await;
    let tanaka = mamori_web::account::find(&test.app, "tanaka")
        .await
        .expect("there");
    let disable = format!("/people/{}/disable", tanaka.id);
    admin.post_form(&disable, &[]).await;
    let mut auditor = test.sign_in(Role::Viewer).await;
    let page = auditor.get("/people/changes").await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text());
    assert!(page.text().contains("使えなくした"), "{}", page.text());
    assert!(page.text().contains("サインインした"));
    // One person: what was done to them, nothing else; oldest first when asked.
    let of = format!("/people/changes?who={}&sort=at&dir=asc", tanaka.id);
    let page = auditor.get(&of).await.text();
    let (made, stopped) = (page.find("利用者を登録した"), page.find("使えなくした"));
    assert!(made.is_some() && made < stopped, "{page}");
    assert!(!page.contains("サインインした"), "{page}");
    let csv = auditor.get(&format!("{of}&format=csv")).await.text();
    assert_eq!(csv.lines().count(), 3, "{csv}");
    // By day, both included.
    let day = mamori_kernel::clock::tokyo_date(test.app.now());
    let next = day.tomorrow().expect("a day");
    let there = format!("/people/changes?from={day}&to={day}");
    assert!(auditor.get(&there).await.text().contains("使えなくした"));
    let later = format!("/people/changes?from={next}");
    assert!(!auditor.get(&later).await.text().contains("使えなくした"));
    let wrong = auditor.get("/people/changes?from=x").await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    // Programs see the same.
    let mut program = test.token(Role::Viewer).await;
    let address = format!("/api/v1/audit/changes?who={}", tanaka.id);
    let rows = program.get(&address).await.json();
    let acts: Vec<&str> = rows["items"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|row| row["act"].as_str())
        .collect();
    assert_eq!(acts, ["disabled", "added"], "{rows}");
    for role in [Role::City, Role::Counsellor] {
        let mut other = test.sign_in(role).await;
        let refused = other.get("/people/changes").await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{role:?}");
    }
}
