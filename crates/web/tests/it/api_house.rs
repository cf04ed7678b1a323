//! The API of the installation itself: its health, its jobs, its log, its people, who read what.

use axum::http::{Method, StatusCode};
use mamori_kernel::ledger::{Actor, NewRecord};
use mamori_kernel::permission::Role;
use mamori_runtime::Notification;
use mamori_testkit::{Client, PASSWORD, TestApp};
use mamori_web::audit;
use serde_json::{Value, json};

use crate::sample;

async fn open() -> TestApp {
    TestApp::with(vec![sample::capability()]).await
}

async fn post(client: &mut Client, path: &str, body: &Value) -> (StatusCode, Value) {
    let answer = client.post_json(path, body).await;
    let told = if answer.text().is_empty() {
        Value::Null
    } else {
        answer.json()
    };
    (answer.status, told)
}

/// Queues a mail that waits for nobody.
async fn queue_mail(test: &TestApp) {
    let mail = Notification {
        to: vec!["city@example.jp".to_owned()],
        subject: "月次報告書を提出しました".to_owned(),
        body: "本文は一覧に出ない".to_owned(),
        attachments: Vec::new(),
        contract: None,
    };
    let mut tx = test.app.db.begin_write().await.expect("a transaction");
    test.app.notify(&mut tx, &mail).await.expect("is queued");
    tx.commit().await.expect("is committed");
}

#[tokio::test]
async fn the_installation_tells_its_health_and_its_jobs() {
    let test = open().await;
    queue_mail(&test).await;
    let mut admin = test.token(Role::Administrator).await;
    let health = admin.get("/api/v1/system").await.json();
    assert_eq!(health["ready"], true, "{health}");
    assert_eq!(health["jobs"]["queued"], 1);
    assert!(health["storage"]["database_bytes"].as_u64() > Some(0));
    assert!(!health["schedules"].as_array().expect("a list").is_empty());

    let path = "/api/v1/system/jobs?state=queued&kind=notify.mail";
    let jobs = admin.get(path).await.json();
    let job = &jobs["items"][0];
    assert_eq!(
        (&jobs["total"], &job["to"]),
        (&json!(1), &json!("city@example.jp"))
    );
    assert!(!jobs.to_string().contains("本文は一覧に出ない"), "{jobs}");
    let href = job["href"].as_str().expect("an address").to_owned();
    let none = admin
        .get("/api/v1/system/jobs?state=done,failed")
        .await
        .json();
    assert_eq!(none["total"], 0);
    let unknown = admin.get("/api/v1/system/jobs?kind=notify.mial").await;
    assert_eq!(unknown.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(unknown.text().contains("notify.mail"), "{}", unknown.text());

    let (status, told) = post(&mut admin, &format!("{href}/release"), &Value::Null).await;
    assert_eq!(status, StatusCode::CONFLICT, "{told}");
    let (status, told) = post(&mut admin, &format!("{href}/cancel"), &Value::Null).await;
    assert_eq!(
        (status, &told["state"]),
        (StatusCode::OK, &json!("cancelled"))
    );
    let (status, _) = post(&mut admin, &format!("{href}/cancel"), &Value::Null).await;
    assert_eq!(status, StatusCode::CONFLICT, "it was taken back before");
    let (status, told) = post(&mut admin, &format!("{href}/retry"), &Value::Null).await;
    assert_eq!((status, &told["state"]), (StatusCode::OK, &json!("queued")));
    let nowhere = post(&mut admin, "/api/v1/system/jobs/x/retry", &Value::Null).await;
    assert_eq!(nowhere.0, StatusCode::NOT_FOUND);

    assert_eq!(admin.get("/api/v1/system/missed").await.json()["total"], 0);
    let logs = admin.get("/api/v1/system/logs?level=error").await;
    assert_eq!(logs.status, StatusCode::OK, "{}", logs.text());
    for role in [Role::City, Role::Counsellor, Role::Viewer] {
        let mut client = test.token(role).await;
        for path in ["/api/v1/system", "/api/v1/system/jobs", "/api/v1/people"] {
            let status = client.get(path).await.status;
            assert_eq!(status, StatusCode::FORBIDDEN, "{role} {path}");
        }
    }
    // The contractor's staff look, and change nothing.
    let mut staff = test.token(Role::Staff).await;
    assert_eq!(staff.get(&href).await.status, StatusCode::OK);
    let (status, _) = post(&mut staff, &format!("{href}/cancel"), &Value::Null).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn people_get_rights_are_shut_out_and_let_in() {
    let test = open().await;
    test.add_user("sato", Role::Staff).await;
    let mut sato = test.anonymous();
    sato.sign_in("sato", PASSWORD).await;
    assert_eq!(sato.get("/api/v1/me").await.status, StatusCode::OK);
    let mut admin = test.token(Role::Administrator).await;
    let people = admin.get("/api/v1/people").await.json();
    let person = people["items"]
        .as_array()
        .expect("a list")
        .iter()
        .find(|person| person["name"] == "sato")
        .expect("sato is there")
        .clone();
    assert_eq!(person["role"], "staff");
    assert!(!people.to_string().contains("argon2"));
    let href = person["href"].as_str().expect("an address").to_owned();

    let before = kinds(&test).await;
    let rights = json!({"role": "manager", "every_contract": true});
    let (status, told) = post(&mut admin, &format!("{href}/rights"), &rights).await;
    assert_eq!(
        (status, &told["role"]),
        (StatusCode::OK, &json!("manager")),
        "{told}"
    );
    assert_eq!(kinds(&test).await, before + 1, "one change is one record");
    post(&mut admin, &format!("{href}/rights"), &rights).await;
    assert_eq!(kinds(&test).await, before + 1, "the same again is none");
    for (wrong, field) in [
        (json!({"role": "boss"}), "role"),
        (
            json!({"role": "staff", "contracts": [{"id": "nowhere", "role": "staff"}]}),
            "contracts[0].id",
        ),
        (json!({"role": "staff", "contarcts": []}), "contarcts"),
    ] {
        let (status, told) = post(&mut admin, &format!("{href}/rights"), &wrong).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{wrong}");
        assert_eq!(told["errors"][0]["field"], field, "{told}");
    }

    let (status, told) = post(&mut admin, &format!("{href}/disable"), &Value::Null).await;
    assert_eq!(status, StatusCode::OK);
    assert!(told["disabled_at"].is_string(), "{told}");
    assert_eq!(
        sato.get("/api/v1/me").await.status,
        StatusCode::UNAUTHORIZED
    );
    let (_, told) = post(&mut admin, &format!("{href}/enable"), &Value::Null).await;
    assert!(told["disabled_at"].is_null(), "{told}");
    sato.sign_in("sato", PASSWORD).await;
    let (status, _) = post(&mut admin, &format!("{href}/end-sessions"), &Value::Null).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(
        sato.get("/api/v1/me").await.status,
        StatusCode::UNAUTHORIZED
    );
    let path = format!("{href}/second-factor/remove");
    let (status, told) = post(&mut admin, &path, &Value::Null).await;
    assert_eq!(
        (status, &told["second_factor"]),
        (StatusCode::OK, &json!(false))
    );
    let (status, told) = post(&mut admin, &format!("{href}/reset"), &Value::Null).await;
    assert_eq!(status, StatusCode::CREATED);
    assert!(
        told["link"]
            .as_str()
            .expect("a link")
            .contains("/invitation/")
    );
    let (status, _) = post(&mut admin, "/api/v1/people/x/disable", &Value::Null).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_last_administrator_stays() {
    let test = open().await;
    test.add_user("kanri", Role::Administrator).await;
    let mut admin = test.token(Role::Administrator).await;
    let people = admin.get("/api/v1/people").await.json();
    let href = people["items"][0]["href"].as_str().expect("an address");
    for (act, body) in [
        ("disable", Value::Null),
        ("rights", json!({"role": "viewer", "every_contract": true})),
    ] {
        let (status, told) = post(&mut admin, &format!("{href}/{act}"), &body).await;
        assert_eq!(status, StatusCode::CONFLICT, "{told}");
        assert!(
            told["title"].as_str().expect("text").contains("管理者"),
            "{told}"
        );
    }
}

#[tokio::test]
async fn an_invitation_is_made_once_per_key_and_ends() {
    let test = open().await;
    let mut admin = test.token(Role::Administrator).await;
    let wish =
        json!({"display_name": "田中 花子", "rights": {"role": "city", "every_contract": true}});
    let send = |key: &'static str, wish: Value| {
        axum::http::Request::post("/api/v1/invitations")
            .header("content-type", "application/json")
            .header("idempotency-key", key)
            .body(axum::body::Body::from(wish.to_string()))
            .expect("a request")
    };
    let first = admin.send(send("k-1", wish.clone())).await;
    assert_eq!(first.status, StatusCode::CREATED, "{}", first.text());
    let again = admin.send(send("k-1", wish.clone())).await;
    assert_eq!(again.status, StatusCode::OK);
    assert_eq!(again.json()["id"], first.json()["id"]);
    assert!(again.json()["link"].is_null(), "a link is shown once");
    let other =
        json!({"display_name": "別の人", "rights": {"role": "city", "every_contract": true}});
    let refused = admin.send(send("k-1", other)).await;
    assert_eq!(refused.status, StatusCode::CONFLICT, "{}", refused.text());
    let open = admin.get("/api/v1/invitations").await.json();
    assert_eq!(
        (&open["total"], &open["items"][0]["role"]),
        (&json!(1), &json!("city"))
    );
    assert!(!open.to_string().contains("/invitation/"), "{open}");
    let path = format!(
        "/api/v1/invitations/{}",
        first.json()["id"].as_str().expect("an id")
    );
    let ended = admin.send_json(Method::DELETE, &path, &Value::Null).await;
    assert_eq!(ended.status, StatusCode::NO_CONTENT, "{}", ended.text());
    let twice = admin.send_json(Method::DELETE, &path, &Value::Null).await;
    assert_eq!(twice.status, StatusCode::NOT_FOUND);
    let mut manager = test.token(Role::Manager).await;
    let (status, _) = post(&mut manager, "/api/v1/invitations", &wish).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn auditors_see_who_was_shown_personal_data() {
    let test = open().await;
    let mut staff = test.token(Role::Staff).await;
    let me = staff.get("/api/v1/me").await.json();
    let id = me["id"].as_str().expect("an id").to_owned();
    // What the registers note when they show personal values.
    test.app
        .db
        .execute(
            "INSERT INTO audit_read (id, at, who, who_kind, contract, area, item, address) \
             VALUES ('a1', $1, $2, 'token', 'c1', 'question', '*', '')",
            mamori_store::args![test.app.now(), &id],
        )
        .await
        .expect("is written");
    assert_eq!(
        audit::count(&test.app, &audit::Search::default())
            .await
            .expect("counted"),
        1
    );
    let mut viewer = test.token(Role::Viewer).await;
    let all = viewer.get("/api/v1/audit").await.json();
    assert_eq!(
        (&all["total"], &all["items"][0]["who"]),
        (&json!(1), &json!(id))
    );
    for (query, total) in [
        (format!("who={id}"), 1),
        ("who=somebody".to_owned(), 0),
        ("contract=c2".to_owned(), 0),
        ("from=2000-01-01&to=2000-01-31".to_owned(), 0),
    ] {
        let found = viewer.get(&format!("/api/v1/audit?{query}")).await.json();
        assert_eq!(found["total"], total, "{query}");
    }
    let empty = viewer.get("/api/v1/audit?from=").await;
    assert_eq!(empty.status, StatusCode::UNPROCESSABLE_ENTITY);
    let wrong = viewer.get("/api/v1/audit?from=yesterday").await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(staff.get("/api/v1/audit").await.status, StatusCode::OK);
    let mut city = test.token(Role::City).await;
    assert_eq!(
        city.get("/api/v1/audit").await.status,
        StatusCode::FORBIDDEN
    );
}

/// Records about people in the installation's own chain.
async fn kinds(test: &TestApp) -> usize {
    let query = mamori_store::LedgerQuery {
        kinds: vec!["user.added".to_owned()],
        ..mamori_store::LedgerQuery::new("system")
    };
    let records = test.app.db.ledger_records(&query).await;
    records.expect("the ledger is read").len()
}

#[tokio::test]
async fn a_list_of_the_house_is_paged_like_every_other() {
    let test = open().await;
    for number in 0..3 {
        test.add_user(&format!("user{number}"), Role::Staff).await;
    }
    let mut admin = test.token(Role::Administrator).await;
    let answer = admin.get("/api/v1/people?per_page=2&page=2").await;
    let told = answer.json();
    assert_eq!((&told["total"], &told["page"]), (&json!(3), &json!(2)));
    assert_eq!(told["items"].as_array().expect("a list").len(), 1);
    assert!(answer.header("link").contains("page=1>; rel=\"prev\""));
    assert!(!answer.header("etag").is_empty());
    let actor = Actor::machine("test");
    let record = NewRecord::new(
        "c1",
        test.app.now(),
        actor,
        "work.recorded",
        "x",
        &json!({}),
    );
    let mut tx = test.app.db.begin_write().await.expect("a transaction");
    test.app
        .append(&mut tx, record.expect("a record"))
        .await
        .expect("appended");
    tx.commit().await.expect("committed");
    let health = admin.get("/api/v1/system").await.json();
    let chains = health["chains"].as_array().expect("a list");
    assert!(
        chains
            .iter()
            .any(|chain| chain["contract"] == "c1" && chain["records"] == 1)
    );
}
