//! The API of how a contract stands: start page, calendar, closing, search, what people decide about
//! obligations and add to papers, and the ledger to take home.

use axum::http::StatusCode;
use mamori_kernel::permission::Role;
use mamori_testkit::{Answer, Client, PASSWORD, TestApp};
use serde_json::{Value, json};

use crate::contracts::{ID, activate, on_both};

fn base() -> String {
    format!("/api/v1/contracts/{ID}")
}

async fn get(client: &mut Client, rest: &str) -> Value {
    let answer = client.get(&format!("{}{rest}", base())).await;
    assert_eq!(answer.status, StatusCode::OK, "{rest}: {}", answer.text());
    answer.json()
}

async fn post(client: &mut Client, rest: &str, body: &Value) -> Answer {
    client.post_json(&format!("{}{rest}", base()), body).await
}

async fn records(test: &TestApp) -> u64 {
    let head = test.app.db.ledger_head(ID).await.expect("is read");
    head.expect("a chain").seq
}

#[tokio::test(flavor = "multi_thread")]
async fn the_contract_says_how_it_stands_and_whose_turn_it_is() {
    on_both(|test| async move {
        activate(&test).await;
        let mut manager = test.token(Role::Manager).await;
        let now = get(&mut manager, "").await;
        let tiles = now["tiles"].as_array().expect("a list");
        assert!(tiles.iter().any(|tile| tile["key"] == "overdue"), "{now}");
        let health = &now["health"];
        let listed = get(&mut manager, "/calendar?standing=overdue&per_page=200").await;
        assert_eq!(health["overdue"], listed["total"], "one count, one list");
        assert_eq!(health["my_turn"], json!([]));
        let made = post(
            &mut manager,
            "/documents",
            &json!({"document": "monthly-report", "period": "2026-10"}),
        )
        .await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.text());
        let now = get(&mut manager, "").await;
        let turn = &now["health"]["my_turn"][0];
        assert_eq!(
            (&turn["register"], &turn["act"]),
            (&json!("document"), &json!("submit")),
            "{now}"
        );
        let href = turn["href"].as_str().expect("an address");
        assert_eq!(
            manager
                .get(&href.replace('書', "%E6%9B%B8").replace('類', "%E9%A1%9E"))
                .await
                .status,
            StatusCode::OK
        );
        // A counsellor comes to the start page and sees nothing of the contract.
        let mut counsellor = test.token(Role::Counsellor).await;
        let now = get(&mut counsellor, "").await;
        assert!(now["health"].is_null(), "{now}");
        let closed = counsellor.get(&format!("{}/calendar", base())).await;
        assert_eq!(closed.status, StatusCode::FORBIDDEN);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_calendar_says_what_became_of_each_date() {
    on_both(|test| async move {
        activate(&test).await;
        let mut viewer = test.token(Role::Viewer).await;
        let all = get(&mut viewer, "/calendar").await;
        let mut sum = 0;
        for word in [
            "open",
            "done",
            "overdue",
            "unproved",
            "undecided",
            "unknown",
        ] {
            let some = get(&mut viewer, &format!("/calendar?standing={word}")).await;
            sum += some["total"].as_u64().expect("a number");
            for entry in some["items"].as_array().expect("a list") {
                assert_eq!(entry["standing"], word);
            }
        }
        assert_eq!(all["total"], sum, "every date is in exactly one state");
        let month = get(&mut viewer, "/calendar?from=2026-11-01&to=2026-11-30").await;
        for entry in month["items"].as_array().expect("a list") {
            let day = entry["due"].as_str().expect("a day");
            assert!(day.starts_with("2026-11-"), "{entry}");
            assert!(!entry["reasons"].as_array().expect("a list").is_empty());
        }
        for wrong in ["standing=late", "from=someday"] {
            let answer = viewer.get(&format!("{}/calendar?{wrong}", base())).await;
            assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{wrong}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_month_is_closed_over_the_api() {
    on_both(|test| async move {
        activate(&test).await;
        let mut manager = test.token(Role::Manager).await;
        let month = get(&mut manager, "/closing?month=2026-10").await;
        let papers = month["papers"].as_array().expect("a list");
        let report = papers
            .iter()
            .find(|paper| paper["document"] == "monthly-report")
            .expect("a report is due");
        assert_eq!((&report["state"], &report["open"]), (&json!("not_made"), &json!(true)));
        assert!(!report["gaps"].as_array().expect("a list").is_empty(), "{report}");
        let wrong = manager.get(&format!("{}/closing?month=2026-13", base())).await;
        assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);

        let made = post(
            &mut manager,
            "/documents",
            &json!({"document": "monthly-report", "period": "2026-10"}),
        )
        .await;
        let id = made.json()["id"].as_str().expect("an id").to_owned();
        let paper = format!("/documents/{id}");
        let words = json!({"findings": "大きな障害はありませんでした。\n来月も続けます。", "plans": "証明書の更新"});
        let worded = post(&mut manager, &format!("{paper}/words"), &words).await;
        assert_eq!(worded.status, StatusCode::OK, "{}", worded.text());
        assert_eq!(worded.json()["data"]["plans"], "証明書の更新");
        let before = records(&test).await;
        let again = post(&mut manager, &format!("{paper}/words"), &words).await;
        assert_eq!(again.json()["revision"], worded.json()["revision"]);
        assert_eq!(records(&test).await, before, "the same words leave no evidence");
        let unprintable = json!({"findings": "象形\u{13000}文字"});
        let refused = post(&mut manager, &format!("{paper}/words"), &unprintable).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", refused.text());
        assert!(refused.text().contains("U+13000"), "{}", refused.text());
        let renditions = get(&mut manager, &format!("{paper}/renditions")).await;
        assert_eq!(renditions["total"], 2, "{renditions}");
        let compared = get(&mut manager, &format!("{paper}/compare")).await;
        assert!(compared["changes"].as_u64() > Some(0), "{compared}");
        assert!(compared.to_string().contains("大きな障害はありませんでした"));
        let nothing = manager.get(&format!("{}{paper}/compare?from=1", base())).await;
        assert_eq!(nothing.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", nothing.text());

        let early = post(&mut manager, &format!("{paper}/receipt"), &json!({"receipt": "受付第5号"})).await;
        assert_eq!(early.status, StatusCode::CONFLICT, "a draft has no receipt: {}", early.text());
        let submitted = post(&mut manager, &format!("{paper}/submit"), &json!({})).await;
        assert_eq!(submitted.status, StatusCode::OK, "{}", submitted.text());
        let receipt = json!({"receipt": "受付第5号"});
        let done = post(&mut manager, &format!("{paper}/receipt"), &receipt).await;
        assert_eq!(done.json()["data"]["receipt"], "受付第5号", "{}", done.text());
        let late = post(&mut manager, &format!("{paper}/words"), &json!({"plans": "遅い"})).await;
        assert_eq!(late.status, StatusCode::CONFLICT, "{}", late.text());
        let month = get(&mut manager, "/closing?month=2026-10").await;
        let report = &month["papers"].as_array().expect("a list").iter()
            .find(|paper| paper["document"] == "monthly-report").expect("it is there").clone();
        assert_eq!((&report["state"], &report["open"]), (&json!("submitted"), &json!(false)));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn words_are_found_over_all_that_one_may_open() {
    on_both(|test| async move {
        activate(&test).await;
        let mut staff = test.token(Role::Staff).await;
        let entry = json!({"date": "2026-10-05", "hours": "1.5", "category": "correct", "event": "観光ページの画像の差替え", "by": "佐藤 花子"});
        let made = post(&mut staff, "/work", &entry).await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.text());
        let search = |q: &str| format!("/api/v1/search?q={}", mamori_web::components::percent_encoded(q));
        let found = staff.get(&search("観光ページ")).await.json();
        assert_eq!(found["total"], 1, "{found}");
        let href = found["items"][0]["href"].as_str().expect("an address");
        assert_eq!(staff.get(href).await.json()["id"], made.json()["id"]);
        let obligation = staff.get(&search("O-107")).await.json();
        assert_eq!(
            obligation["items"][0]["href"],
            format!("/api/v1/contracts/{ID}/obligations/O-107")
        );
        // Somebody's name is found by those only who may read it.
        let mut viewer = test.token(Role::Viewer).await;
        assert_eq!(viewer.get(&search("佐藤 花子")).await.json()["total"], 0);
        assert_eq!(staff.get(&search("佐藤 花子")).await.json()["total"], 1);
        for wrong in ["/api/v1/search", "/api/v1/search?q="] {
            let answer = staff.get(wrong).await;
            assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{wrong}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_answers_for_an_obligation() {
    on_both(|test| async move {
        activate(&test).await;
        test.add_user("sato", Role::Staff).await;
        let mut sato = test.anonymous();
        sato.sign_in("sato", PASSWORD).await;
        let id = sato.get("/api/v1/me").await.json()["id"]
            .as_str()
            .expect("an id")
            .to_owned();
        let mut manager = test.token(Role::Manager).await;
        let path = "/obligations/O-107/person";
        assert_eq!(get(&mut manager, path).await["assigned"], false);
        let before = records(&test).await;
        let named = post(&mut manager, path, &json!({"person": id})).await;
        assert_eq!(named.json()["person"], json!(id), "{}", named.text());
        post(&mut manager, path, &json!({"person": id})).await;
        assert_eq!(
            records(&test).await,
            before + 1,
            "the same person again changes nothing"
        );
        let mut viewer = test.token(Role::Viewer).await;
        let seen = get(&mut viewer, path).await;
        assert_eq!(
            (&seen["assigned"], &seen["name"]),
            (&json!(true), &Value::Null),
            "{seen}"
        );
        let nobody = post(&mut manager, path, &json!({"person": "nobody"})).await;
        assert_eq!(nobody.status, StatusCode::UNPROCESSABLE_ENTITY);
        let cleared = post(&mut manager, path, &json!({"person": ""})).await;
        assert_eq!(cleared.json()["assigned"], false);
        let mut staff = test.token(Role::Staff).await;
        let refused = post(&mut staff, path, &json!({"person": ""})).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_city_decided_of_a_text_is_recorded_once() {
    on_both(|test| async move {
        activate(&test).await;
        let mut manager = test.token(Role::Manager).await;
        let listed = get(&mut manager, "/obligations?per_page=200").await;
        let mut noted = None;
        for line in listed["items"].as_array().expect("a list") {
            let key = line["key"].as_str().expect("a key");
            let full = get(&mut manager, &format!("/obligations/{key}")).await;
            let note = full["notes"].as_array().expect("a list").iter()
                .find(|note| !note["readings"].as_array().expect("a list").is_empty()).cloned();
            if let Some(note) = note {
                noted = Some((key.to_owned(), note));
                break;
            }
        }
        let (key, note) = noted.expect("some text is not decided");
        let path = format!("/obligations/{key}/reading");
        let mut wish = json!({"note": note["key"], "reading": note["readings"][0]["key"],
            "consultation": "協議-R8-999", "from": "2026-11-01"});
        let early = post(&mut manager, &path, &wish).await;
        assert_eq!(early.status, StatusCode::UNPROCESSABLE_ENTITY, "nothing was agreed");
        assert_eq!(early.json()["errors"][0]["field"], "consultation");
        let opened = post(&mut manager, "/consultation", &json!({"topic": "読み方の確認", "note": note["key"], "opened_on": "2026-10-20"})).await;
        assert_eq!(opened.status, StatusCode::CREATED, "{}", opened.text());
        let item = opened.json();
        let agree = format!("/consultation/{}/agree", item["id"].as_str().expect("an id"));
        let agreed = post(&mut manager, &agree, &json!({"outcome": "狭く読む", "decided_on": "2026-10-30", "how": "mail", "reading": note["readings"][0]["key"]})).await;
        assert_eq!(agreed.status, StatusCode::OK, "{}", agreed.text());
        wish["consultation"] = item["number"].clone();
        let send = |wish: &Value| {
            axum::http::Request::post(format!("{}{path}", base()))
                .header("content-type", "application/json")
                .header("idempotency-key", "decision-1")
                .body(axum::body::Body::from(wish.to_string()))
                .expect("a request")
        };
        let before = records(&test).await;
        let done = manager.send(send(&wish)).await;
        assert_eq!(done.status, StatusCode::OK, "{}", done.text());
        assert_eq!(done.json()["key"], json!(key));
        let again = manager.send(send(&wish)).await;
        assert_eq!(again.status, StatusCode::OK, "{}", again.text());
        assert_eq!(records(&test).await, before + 1, "the same key is one decision");
        let mut other = wish.clone();
        other["from"] = json!("2026-11-15");
        let refused = manager.send(send(&other)).await;
        assert_eq!(refused.status, StatusCode::CONFLICT, "{}", refused.text());
        let elsewhere = post(&mut manager, &path, &json!({"note": "A-999", "reading": "x", "consultation": "x", "from": "2026-11-01"})).await;
        assert_eq!(elsewhere.json()["errors"][0]["field"], "note");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ledger_is_taken_home_and_its_checkpoints_are_listed() {
    on_both(|test| async move {
        activate(&test).await;
        let mut viewer = test.token(Role::Viewer).await;
        let proof = get(&mut viewer, "/ledger/1/proof").await;
        let listed = get(&mut viewer, "/ledger/checkpoints").await;
        let found = listed["items"]
            .as_array()
            .expect("a list")
            .iter()
            .find(|one| one["root"] == proof["checkpoint"]["root"])
            .expect("what was proved with");
        assert_eq!(found["vouched"], true);
        let zip = viewer
            .get(&format!("{}/ledger/export?from=2026-10-01", base()))
            .await;
        assert_eq!(
            (zip.status, zip.header("content-type")),
            (StatusCode::OK, "application/zip")
        );
        let report = mamori_store::archive::verify(std::io::Cursor::new(zip.bytes.clone()), None);
        assert_eq!(report.expect("it verifies").contract, ID);
        let wrong = viewer
            .get(&format!("{}/ledger/export?to=someday", base()))
            .await;
        assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
        let nothing = viewer
            .get(&format!("{}/files/{}", base(), "0".repeat(64)))
            .await;
        assert_eq!(nothing.status, StatusCode::NOT_FOUND);
    })
    .await;
}
