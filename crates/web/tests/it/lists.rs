//! Lists of the house: sorted, filtered and saved like every other list.

use mamori_kernel::ledger::Actor;
use mamori_kernel::permission::Role;
use mamori_testkit::{Client, TestApp};
use mamori_web::account;

/// Names for signing in, in the order of the CSV.
async fn names(client: &mut Client, address: &str) -> Vec<String> {
    let csv = client.get(address).await.text();
    csv.lines()
        .skip(1)
        .map(|line| line.split(',').nth(1).expect("a name").to_owned())
        .collect()
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
