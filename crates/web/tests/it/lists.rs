//! Lists of the house: sorted, filtered and saved like every other list.

use jiff::SignedDuration;
use mamori_kernel::ledger::Actor;
use mamori_kernel::permission::Role;
use mamori_runtime::Notification;
use mamori_runtime::setting::{MAIL_CITY, MAIL_CITY_RELEASE};
use mamori_testkit::{Client, TestApp};
use mamori_web::account;

use crate::settings;

/// A column of the CSV, from 0, in its order.
async fn column(client: &mut Client, address: &str, at: usize) -> Vec<String> {
    let csv = client.get(address).await.text();
    csv.lines()
        .skip(1)
        .map(|line| line.split(',').nth(at).expect("a cell").to_owned())
        .collect()
}

/// Names for signing in, in the order of the CSV.
async fn names(client: &mut Client, address: &str) -> Vec<String> {
    column(client, address, 1).await
}

/// A mail, tried at once.
async fn mail(test: &TestApp, subject: &str, to: &str) {
    let mail = Notification {
        to: vec![to.to_owned()],
        subject: subject.to_owned(),
        body: "…".to_owned(),
        ..Notification::default()
    };
    let mut tx = test.app.db.begin_write().await.expect("a transaction");
    test.app.notify(&mut tx, &mail).await.expect("queued");
    tx.commit().await.expect("committed");
    test.advance(SignedDuration::from_mins(1)).await;
}

#[tokio::test]
async fn jobs_and_mail_are_sorted_filtered_and_saved_without_their_buttons() {
    let test = settings::open(|_| {}).await;
    let mut admin = test.sign_in(Role::Administrator).await;
    mail(&test, "B", "b@example.jp").await;
    mail(&test, "A", "a@example.jp").await;
    mail(&test, "C", "no address").await;
    for (asked, expected) in [
        ("", &["C", "A", "B"][..]),
        ("sort=queued&dir=asc&", &["B", "A", "C"]),
        ("sort=about&", &["A", "B", "C"]),
        ("sort=to&dir=desc&", &["C", "B", "A"]),
        ("state=failed&", &["C"]),
        ("q=B%40EXAMPLE&", &["B"]),
    ] {
        let address = format!("/system/mail?{asked}format=csv");
        assert_eq!(column(&mut admin, &address, 0).await, expected, "{asked}");
    }
    let failed = column(&mut admin, "/system/jobs?state=failed&format=csv", 1).await;
    assert_eq!(failed, ["C"]);
    let waiting = column(&mut admin, "/system/jobs?state=waiting&format=csv", 1).await;
    assert!(!waiting.contains(&"C".to_owned()), "{waiting:?}");
    let found = column(&mut admin, "/system/jobs?q=notify.mail&format=csv", 0).await;
    assert_eq!(found, ["メールの送信"]);
    for list in ["/system/mail", "/system/jobs"] {
        let page = admin.get(&format!("{list}?sort=state")).await.text();
        for there in [
            ">操作<",
            "/retry\"",
            "aria-sort=\"ascending\"",
            "format=csv",
        ] {
            assert!(page.contains(there), "{list} {there}: {page}");
        }
        let csv = admin.get(&format!("{list}?format=csv")).await;
        let header = csv.text().lines().next().expect("a header").to_owned();
        assert!(!header.contains("操作"), "{header}");
        let none = admin.get(&format!("{list}?q=nothing")).await.text();
        assert!(none.contains("絞り込みを"), "{none}");
    }
    // Who only looks has no column for buttons.
    let mut staff = test.sign_in(Role::Staff).await;
    let page = staff.get("/system/jobs").await.text();
    assert!(!page.contains(">操作<") && page.contains("no address"));
}

#[tokio::test]
async fn letters_are_sorted_and_saved() {
    let test = settings::open(|_| {}).await;
    let mut manager = test.sign_in(Role::Manager).await;
    let form = [
        (MAIL_CITY, "koho@aoba.example.jp"),
        (MAIL_CITY_RELEASE, "at-once"),
    ];
    for one in form {
        manager.post_form("/c/aoba/settings", &[one]).await;
    }
    for subject in ["B", "A", "C"] {
        settings::write_to_the_city(&test, "aoba", subject).await;
        test.advance(SignedDuration::from_mins(1)).await;
    }
    let list = "/c/aoba/letters";
    for (asked, expected) in [
        ("", ["C", "A", "B"]),
        ("sort=when&dir=asc&", ["B", "A", "C"]),
        ("sort=subject&", ["A", "B", "C"]),
        ("sort=subject&dir=desc&", ["C", "B", "A"]),
    ] {
        let address = format!("{list}?{asked}format=csv");
        assert_eq!(column(&mut manager, &address, 0).await, expected, "{asked}");
    }
    let csv = manager.get(&format!("{list}?format=csv")).await;
    assert!(csv.header("content-disposition").contains("letters.csv"));
    assert!(
        csv.text().contains("koho@aoba.example.jp"),
        "{}",
        csv.text()
    );
    let page = manager.get(&format!("{list}?sort=subject")).await.text();
    assert!(page.contains("aria-sort=\"ascending\"") && page.contains("format=csv"));
    let elsewhere = manager.get("/c/kita/letters?format=csv").await.text();
    assert_eq!(elsewhere.lines().count(), 1, "{elsewhere}");
}

#[tokio::test]
async fn people_are_sorted_filtered_and_saved() {
    let test = TestApp::with(vec![]).await;
    let mut admin = test.sign_in(Role::Administrator).await;
    for (name, role) in [("bunko", Role::City), ("aiko", Role::Staff)] {
        test.add_user(name, role).await;
    }
    let machine = Actor::machine("test");
    account::set_enabled(&test.app, machine, "aiko", false)
        .await
        .expect("is stopped");
    let all = names(&mut admin, "/people?format=csv").await;
    assert_eq!(all, ["administrator-0", "aiko", "bunko"]);
    let turned = names(&mut admin, "/people?sort=sign-in&dir=desc&format=csv").await;
    assert_eq!(turned, ["bunko", "aiko", "administrator-0"]);
    // Never signed in counts as before everybody.
    let latest = names(&mut admin, "/people?sort=signed-in&dir=desc&format=csv").await;
    assert_eq!(latest[0], "administrator-0");
    for (filter, expected) in [
        ("q=%EF%BC%A2UN", "bunko"),
        ("role=city", "bunko"),
        ("state=disabled", "aiko"),
    ] {
        let found = names(&mut admin, &format!("/people?{filter}&format=csv")).await;
        assert_eq!(found, [expected], "{filter}");
    }
    let page = admin.get("/people?role=city").await.text();
    assert!(page.contains("<code>bunko</code>") && !page.contains("<code>aiko</code>"));
    assert!(page.contains("aria-sort=\"ascending\""), "{page}");
    let none = admin.get("/people?q=nobody").await.text();
    assert!(none.contains("絞り込みを"), "{none}");
}
