//! The JSON API of the registers, as a program and as people of every role see it.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use mamori_kernel::permission::Role;
use mamori_office::register::Side;
use mamori_runtime::{Guard, Verb};
use mamori_testkit::{Answer, Client};
use mamori_web::audit;
use serde_json::{Value, json};

use crate::open;

const BASE: &str = "/api/v1/contracts/example-r8";

fn work() -> Value {
    json!({"date": "2026-10-05", "hours": "1.5", "category": "site-correction", "event": "画像の差替え", "by": "佐藤 花子"})
}

async fn post_with(
    client: &mut Client,
    path: &str,
    headers: &[(&str, &str)],
    body: &Value,
) -> Answer {
    let mut request = Request::builder()
        .method("POST")
        .uri(path)
        .header("content-type", "application/json");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    client
        .send(
            request
                .body(Body::from(body.to_string()))
                .expect("a request"),
        )
        .await
}

#[tokio::test]
async fn an_entry_is_made_read_corrected_and_told() {
    let test = open(|_| {}).await;
    let mut staff = test.token(Role::Staff).await;
    let made = staff.post_json(&format!("{BASE}/work"), &work()).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text());
    let (item, path) = (made.json(), made.location().to_owned());
    assert_eq!(
        (&item["number"], &item["state_ja"], &item["data"]["minutes"]),
        (&json!("作業-R8-001"), &json!("記録"), &json!(90))
    );
    assert_eq!(made.header("etag"), "\"1\"");
    let acts: Vec<&str> = item["acts"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|act| act["name"].as_str().expect("text"))
        .collect();
    assert_eq!(acts, ["correct", "withdraw"]);
    assert_eq!(staff.get(&path).await.json()["id"], item["id"]);
    let by_number = format!("{BASE}/work/%E4%BD%9C%E6%A5%AD-R8-001");
    assert_eq!(staff.get(&by_number).await.json()["id"], item["id"]);
    let correct = json!({"hours": "2", "correction_reason": "計り直し"});
    let stale = post_with(
        &mut staff,
        &format!("{path}/correct"),
        &[("if-match", "\"7\"")],
        &correct,
    )
    .await;
    assert_eq!(stale.status, StatusCode::PRECONDITION_FAILED);
    let done = post_with(
        &mut staff,
        &format!("{path}/correct"),
        &[("if-match", "\"1\"")],
        &correct,
    )
    .await;
    assert_eq!(
        (done.status, done.header("etag")),
        (StatusCode::OK, "\"2\""),
        "{}",
        done.text()
    );
    let history = staff.get(&format!("{path}/history")).await.json();
    assert_eq!(history["history"][1]["kind_ja"], "作業記録の訂正");
    assert_eq!(history["history"][0]["personal"]["by"], "佐藤 花子");
    let gauge = staff
        .get(&format!("{BASE}/work/gauge?month=2026-10"))
        .await
        .json();
    assert_eq!(
        (&gauge["counted_minutes"], &gauge["left_minutes"]),
        (&json!(120), &json!(300))
    );
    assert_eq!(
        staff
            .get(&format!("{BASE}/work/gauge?month=x"))
            .await
            .status,
        StatusCode::UNPROCESSABLE_ENTITY
    );
}

#[tokio::test]
async fn what_is_wrong_comes_as_a_problem_with_fields() {
    let test = open(|_| {}).await;
    let mut staff = test.token(Role::Staff).await;
    let answer = staff
        .post_json(
            &format!("{BASE}/work"),
            &json!({"date": "明日", "hours": "1.33", "catgory": "x", "event": ""}),
        )
        .await;
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (StatusCode::UNPROCESSABLE_ENTITY, "application/problem+json")
    );
    let problem = answer.json();
    let fields: Vec<&str> = problem["errors"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|error| error["field"].as_str().expect("text"))
        .collect();
    assert_eq!(fields, ["catgory", "date", "category", "event", "hours"]);
    assert!(
        problem["errors"][4]["message"]
            .as_str()
            .expect("text")
            .starts_with("作業時間: "),
        "{problem}"
    );
    let cases = [
        (format!("{BASE}/work/nothing"), StatusCode::NOT_FOUND),
        (
            format!("{BASE}/work?state=recrded"),
            StatusCode::UNPROCESSABLE_ENTITY,
        ),
        (
            format!("{BASE}/work?from=someday&page=0"),
            StatusCode::UNPROCESSABLE_ENTITY,
        ),
        (format!("{BASE}/gates/nothing"), StatusCode::NOT_FOUND),
        (format!("{BASE}/nothing"), StatusCode::NOT_FOUND),
    ];
    for (path, status) in cases {
        assert_eq!(staff.get(&path).await.status, status, "{path}");
    }
    let gated =
        json!({"party": "A社", "scope": "デザイン", "core": false, "starts_on": "2026-10-30"});
    let answer = staff
        .post_json(&format!("{BASE}/subcontract"), &gated)
        .await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
    assert!(
        answer.json()["title"]
            .as_str()
            .expect("text")
            .contains("再委託の承認"),
        "{}",
        answer.text()
    );
    let bad_key = post_with(
        &mut staff,
        &format!("{BASE}/work"),
        &[("idempotency-key", "a b")],
        &work(),
    )
    .await;
    assert_eq!(bad_key.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn the_same_idempotency_key_makes_one_entry() {
    let test = open(|_| {}).await;
    let mut staff = test.token(Role::Staff).await;
    let path = format!("{BASE}/work");
    let key = [("idempotency-key", "6f0c")];
    let first = post_with(&mut staff, &path, &key, &work()).await;
    let again = post_with(&mut staff, &path, &key, &work()).await;
    assert_eq!(
        (first.status, again.status),
        (StatusCode::CREATED, StatusCode::OK)
    );
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(first.json()["id"], again.json()["id"]);
    let other = post_with(&mut staff, &path, &key, &json!({"date": "2026-10-06"})).await;
    assert_eq!(other.status, StatusCode::CONFLICT);
    assert_eq!(staff.get(&path).await.json()["total"], 1);
}

#[tokio::test]
async fn roles_may_what_they_should_and_lookers_on_see_no_names() {
    let test = open(|_| {}).await;
    let mut staff = test.token(Role::Staff).await;
    let mut manager = test.token(Role::Manager).await;
    let mut city = test.token(Role::City).await;
    let mut viewer = test.token(Role::Viewer).await;
    let mut admin = test.token(Role::Administrator).await;
    for client in [&mut city, &mut viewer] {
        assert_eq!(
            client
                .post_json(&format!("{BASE}/work"), &work())
                .await
                .status,
            StatusCode::FORBIDDEN
        );
    }
    assert_eq!(
        test.anonymous().get(&format!("{BASE}/work")).await.status,
        StatusCode::UNAUTHORIZED
    );
    // The city enters a request itself, the contractor estimates, the city approves.
    let request = json!({"title": "バナーの追加", "received_on": "2026-10-29", "channel": "portal", "requester": "札幌 太郎"});
    assert_eq!(
        staff
            .post_json(&format!("{BASE}/request"), &request)
            .await
            .status,
        StatusCode::UNPROCESSABLE_ENTITY,
        "portal is the city's"
    );
    assert_eq!(
        staff
            .post_json(&format!("{BASE}/request/as-city"), &request)
            .await
            .status,
        StatusCode::FORBIDDEN
    );
    let made = city
        .post_json(&format!("{BASE}/request/as-city"), &request)
        .await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text());
    assert_eq!(made.json()["data"]["entered_by"], "city");
    let path = made.location().to_owned();
    let seen = viewer.get(&path).await.json();
    assert!(
        seen["data"].get("requester").is_none()
            && seen["acts"].as_array().expect("a list").is_empty(),
        "{seen}"
    );
    assert_eq!(
        viewer.get(&format!("{path}/history")).await.json()["history"][0]["personal"],
        Value::Null
    );
    assert_eq!(
        city.get(&path).await.json()["data"]["requester"],
        "札幌 太郎"
    );
    let estimate = json!({"estimate_minutes": "2", "estimated_on": "2026-10-29"});
    assert_eq!(
        staff
            .post_json(&format!("{path}/estimate"), &estimate)
            .await
            .status,
        StatusCode::OK
    );
    let approve = json!({"approved_on": "2026-10-30", "approved_how": "mail"});
    assert_eq!(
        staff
            .post_json(&format!("{path}/approve"), &approve)
            .await
            .status,
        StatusCode::FORBIDDEN
    );
    assert_eq!(
        manager
            .post_json(&format!("{path}/approve/as-city"), &approve)
            .await
            .status,
        StatusCode::FORBIDDEN
    );
    assert_eq!(
        city.post_json(&format!("{path}/approve"), &approve)
            .await
            .status,
        StatusCode::FORBIDDEN
    );
    let done = manager
        .post_json(&format!("{path}/approve"), &approve)
        .await;
    assert_eq!(
        done.json()["data"]["entered_by"],
        "contractor",
        "{}",
        done.text()
    );
    let finish = json!({"done_on": "2026-10-30", "result": "追加した"});
    let finished = staff
        .post_json(&format!("{path}/finish"), &finish)
        .await
        .json();
    assert_eq!(finished["warnings"][0]["code"], "no_work");
    let shown = city.get(&path).await.json();
    let hrefs: Vec<&str> = shown["acts"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|act| act["href"].as_str().expect("text"))
        .collect();
    assert!(
        hrefs.iter().any(|href| href.ends_with("/accept/as-city")),
        "{hrefs:?}"
    );
    let accepted = city
        .post_json(hrefs[1], &json!({"accepted_on": "2026-10-30"}))
        .await;
    assert_eq!(accepted.json()["state"], "accepted", "{}", accepted.text());
    // Erasure is the administrator's, with a reason.
    let erase = format!("{path}/erase-personal");
    assert_eq!(
        manager
            .post_json(&erase, &json!({"reason": "x"}))
            .await
            .status,
        StatusCode::FORBIDDEN
    );
    assert_eq!(
        admin
            .post_json(&erase, &json!({"reason": " "}))
            .await
            .status,
        StatusCode::UNPROCESSABLE_ENTITY
    );
    let erased = admin
        .post_json(&erase, &json!({"reason": "本人の求め"}))
        .await;
    assert_eq!(erased.json()["erased_records"], 1, "{}", erased.text());
    assert!(
        city.get(&path).await.json()["data"]
            .get("requester")
            .is_none()
    );
    let readings = audit::list(&test.app, &audit::Search::default(), 0, 100)
        .await
        .expect("readings");
    assert!(
        readings.iter().any(|one| one.area == "request"
            && BASE.ends_with(&one.contract)
            && path.ends_with(&one.item)),
        "{readings:?}"
    );
}

#[tokio::test]
async fn a_file_is_sent_first_and_then_named_by_an_act() {
    let test = open(|_| {}).await;
    let mut staff = test.token(Role::Staff).await;
    let filed = |file: &Value| json!({"obligation": "O-118", "issuer": "事業者", "issued_on": "2026-04-01", "expires_on": "2026-12-01", "file": file});
    let unsent =
        json!({"name": "証明書.pdf", "media_type": "application/pdf", "sha256": "0".repeat(64)});
    let answer = staff
        .post_json(&format!("{BASE}/attestation"), &filed(&unsent))
        .await;
    assert_eq!(
        (answer.status, &answer.json()["errors"][0]["field"]),
        (StatusCode::UNPROCESSABLE_ENTITY, &json!("file"))
    );
    let upload = |name: &str, body: &'static str| {
        Request::builder()
            .method("POST")
            .uri(format!("{BASE}/files?name={name}"))
            .header("content-type", "application/pdf")
            .body(Body::from(body))
            .expect("a request")
    };
    assert_eq!(
        staff.send(upload("a%2Fb", "x")).await.status,
        StatusCode::UNPROCESSABLE_ENTITY
    );
    assert_eq!(
        staff.send(upload("a", "")).await.status,
        StatusCode::UNPROCESSABLE_ENTITY
    );
    let sent = staff
        .send(upload("certificate.pdf", "%PDF-1.7 certificate"))
        .await;
    assert_eq!(sent.status, StatusCode::CREATED, "{}", sent.text());
    let made = staff
        .post_json(&format!("{BASE}/attestation"), &filed(&sent.json()))
        .await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text());
    let history = staff
        .get(&format!("{}/history", made.location()))
        .await
        .json();
    let attachment = &history["history"][0]["attachments"][0];
    assert_eq!(
        (&attachment["name"], &attachment["size"]),
        (&json!("certificate.pdf"), &json!(20))
    );
    let standings = staff
        .get(&format!("{BASE}/attestation/standings"))
        .await
        .json();
    assert_eq!(standings["gaps"], 2);
    let mine = standings["standings"]
        .as_array()
        .expect("a list")
        .iter()
        .find(|standing| standing["obligation"]["key"] == "O-118")
        .expect("is listed");
    assert_eq!(
        (
            &mine["attestation"]["validity"],
            &mine["attestation"]["days"],
            &mine["gap"]
        ),
        (&json!("expiring"), &json!(32), &json!(false))
    );
    let closed = staff
        .get(&format!("{BASE}/gates/chat-change?about=x"))
        .await
        .json();
    assert_eq!(closed["verdict"]["gate"], "closed");
}

#[tokio::test]
async fn registers_describe_themselves_and_every_route_is_guarded() {
    let test = open(|_| {}).await;
    let described = test
        .token(Role::Viewer)
        .await
        .get("/api/v1/registers")
        .await
        .json();
    let registers = described["registers"].as_array().expect("a list");
    assert_eq!(registers.len(), mamori_office::REGISTERS.len());
    let training = registers
        .iter()
        .find(|register| register["key"] == "training")
        .expect("is there");
    let names = &training["acts"][0]["fields"][3];
    assert_eq!(
        (&names["name"], &names["personal"], &names["required"]),
        (&json!("attendee_names"), &json!(true), &json!(true))
    );
    for route in mamori_office::api::routes() {
        let Guard::Needs(permission) = route.guard else {
            // What describes the program to anybody, and what shows each only what they may open.
            let open = ["/api/v1/registers", "/api/v1/search"];
            assert_eq!(route.guard, Guard::SignedIn, "{}", route.path);
            assert!(open.contains(&route.path), "{}", route.path);
            continue;
        };
        if route.verb != Verb::Get {
            assert!(
                !Role::Viewer.allows(permission),
                "{} {}",
                route.verb.as_str(),
                route.path
            );
        }
        if route.path.ends_with("/as-city") {
            assert!(
                Role::ALL
                    .iter()
                    .all(|role| role.allows(permission) == (*role == Role::City)),
                "{}",
                route.path
            );
        }
    }
    for register in &mamori_office::REGISTERS {
        for act in register
            .spec
            .acts
            .iter()
            .filter(|act| act.side == Side::City)
        {
            let path = format!("{{item}}/{}", act.name);
            let decided = mamori_office::api::routes().into_iter().any(|route| {
                route.path.ends_with(&path) && matches!(route.guard, Guard::Needs(p) if Role::Manager.allows(p) && !Role::Staff.allows(p))
            });
            assert!(decided, "{}.{}", register.spec.key, act.name);
        }
    }
}
