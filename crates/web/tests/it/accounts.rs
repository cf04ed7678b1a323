//! Accounts and what the ledger keeps of them.

use mamori_kernel::ledger::Actor;
use mamori_kernel::permission::Role;
use mamori_runtime::{SYSTEM_CHAIN, Secret};
use mamori_store::LedgerQuery;
use mamori_testkit::TestApp;
use mamori_web::account::{self, AccountError, NewAccount};

fn new(name: &str, password: &str) -> NewAccount {
    NewAccount {
        name: name.to_owned(),
        display_name: "田中 花子".to_owned(),
        role: Role::Staff,
        password: Secret::new(password),
    }
}

#[tokio::test]
async fn names_are_checked_and_unique() {
    let test = TestApp::with(vec![]).await;
    let actor = || Actor::machine("test");
    let good = "correct horse battery";
    account::add(&test.app, actor(), new("tanaka", good))
        .await
        .expect("added");
    let twice = account::add(&test.app, actor(), new("tanaka", good)).await;
    assert!(matches!(twice, Err(AccountError::Taken(_))), "{twice:?}");
    for wrong in ["", "t", "Tanaka", "田中", "1abc", "a b"] {
        let refused = account::add(&test.app, actor(), new(wrong, good)).await;
        assert!(matches!(refused, Err(AccountError::Name(_))), "{wrong}");
    }
    let weak = account::add(&test.app, actor(), new("suzuki", "password1234")).await;
    assert!(matches!(weak, Err(AccountError::Weak(_))), "{weak:?}");
    assert_eq!(account::list(&test.app).await.expect("list").len(), 1);
}

#[tokio::test]
async fn the_ledger_knows_accounts_by_id_only() {
    let test = TestApp::with(vec![]).await;
    let actor = Actor::machine("test");
    let made = account::add(
        &test.app,
        actor.clone(),
        new("tanaka", "correct horse battery"),
    )
    .await
    .expect("added");
    account::set_enabled(&test.app, actor, "tanaka", false)
        .await
        .expect("disabled");
    let records = test
        .app
        .db
        .ledger_records(&LedgerQuery::new(SYSTEM_CHAIN))
        .await
        .expect("records");
    let kinds: Vec<&str> = records.iter().map(|record| record.kind.as_str()).collect();
    assert_eq!(kinds, ["user.added", "user.removed"]);
    for record in &records {
        let declared = test
            .app
            .capabilities()
            .iter()
            .flat_map(|capability| &capability.evidence)
            .find(|kind| kind.kind == record.kind)
            .expect("declared");
        let payload: serde_json::Value =
            serde_json::from_str(record.payload.as_str()).expect("JSON");
        assert_eq!(declared.check(&payload), []);
        assert_eq!(record.subject, made.id.to_string());
        assert!(!record.payload.as_str().contains("tanaka"));
        assert!(!record.payload.as_str().contains("田中"));
    }
}
