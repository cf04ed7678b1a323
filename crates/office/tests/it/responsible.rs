//! Who answers for an obligation: named, changed, and two people at it at once.

use axum::http::StatusCode;
use mamori_kernel::permission::Role;
use mamori_web::account;
use serde_json::json;

use crate::board::payloads;
use crate::contracts::{ID, activate, on_both};
use crate::start::text;

#[tokio::test(flavor = "multi_thread")]
async fn a_person_answers_for_an_obligation_and_the_ledger_says_since_when() {
    on_both(|test| async move {
        activate(&test).await;
        let mut manager = test.sign_in(Role::Manager).await;
        let mut viewer = test.sign_in(Role::Viewer).await;
        test.add_user("tanto", Role::Staff).await;
        test.add_user("shi", Role::City).await;
        let id = |name: &'static str| {
            let app = test.app.clone();
            async move {
                account::find(&app, name)
                    .await
                    .expect("a user")
                    .id
                    .to_string()
            }
        };
        let (tanto, city) = (id("tanto").await, id("shi").await);
        let one = format!("/c/{ID}/obligations/O-017");
        let path = format!("{one}/person");
        for _ in 0..2 {
            let done = manager.post_form(&path, &[("person", &tanto)]).await;
            assert_eq!(done.location(), one);
        }
        let records = payloads(&test, "obligation.assigned").await;
        assert_eq!(
            records,
            [json!({"obligation": "O-017", "user": tanto, "before": ""})]
        );
        // Whoever does not work for the contractor cannot answer for its duties.
        let refused = manager.post_form(&path, &[("person", &city)]).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        let refused = viewer.post_form(&path, &[("person", "")]).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN);

        let list = format!("/c/{ID}/obligations?format=csv&who={tanto}");
        assert_eq!(text(&mut manager, &list).await.matches("\nO-").count(), 1);
        // An onlooker learns that somebody does, not who.
        assert_eq!(text(&mut viewer, &list).await.matches("\nO-").count(), 0);
        let page = text(&mut viewer, &one).await;
        assert!(
            page.contains("担当者あり") && !page.contains("tanto"),
            "{page}"
        );
        let done = manager.post_form(&path, &[("person", "")]).await;
        assert_eq!(done.status, StatusCode::SEE_OTHER);
        assert_eq!(payloads(&test, "obligation.assigned").await.len(), 2);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_who_name_somebody_at_once_see_each_others_choice() {
    on_both(|test| async move {
        activate(&test).await;
        let mut one = test.sign_in(Role::Manager).await;
        let mut other = test.sign_in(Role::Administrator).await;
        let mut ids = Vec::new();
        for name in ["tanto", "sato"] {
            test.add_user(name, Role::Staff).await;
            let found = account::find(&test.app, name).await.expect("a user");
            ids.push(found.id.to_string());
        }
        let [tanto, sato] = [ids[0].as_str(), ids[1].as_str()];
        let path = format!("/c/{ID}/obligations/O-017/person");
        let field = |was: &str| format!("name=\"was\" value=\"{was}\"");

        let done = one
            .post_form(&path, &[("person", tanto), ("was", "")])
            .await;
        assert_eq!(done.status, StatusCode::SEE_OTHER);
        let refused = other
            .post_form(&path, &[("person", sato), ("was", "")])
            .await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        let shown = refused.text();
        assert!(shown.contains("ほかの人が担当者を変えました"), "{shown}");
        for said in ["<dd><bdi>tanto</bdi></dd>", "<dd><bdi>sato</bdi></dd>"] {
            assert!(shown.contains(said), "both choices: {shown}");
        }
        assert!(
            shown.contains(&format!("<option value=\"{sato}\" selected")),
            "what was chosen stays: {shown}"
        );
        assert!(shown.contains(&field(tanto)), "{shown}");
        assert_eq!(payloads(&test, "obligation.assigned").await.len(), 1);

        // Sent again it is a choice made in the knowledge of the other's.
        let done = other
            .post_form(&path, &[("person", sato), ("was", tanto)])
            .await;
        assert_eq!(done.status, StatusCode::SEE_OTHER);
        // Whoever chooses what is so already has nothing to be asked.
        let done = one
            .post_form(&path, &[("person", sato), ("was", tanto)])
            .await;
        assert_eq!(done.status, StatusCode::SEE_OTHER);
        let refused = one.post_form(&path, &[("person", ""), ("was", "")]).await;
        assert!(refused.text().contains("<dd><bdi>担当者なし</bdi></dd>"));
        let records = payloads(&test, "obligation.assigned").await;
        assert_eq!(records.len(), 2);
        assert_eq!(records[1]["before"], json!(tanto));
    })
    .await;
}
