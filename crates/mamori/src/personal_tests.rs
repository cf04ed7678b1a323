//! Who was shown personal data is written down, whatever page or address of the API it was.
//!
//! It walks the list of capabilities and of registers: a new register with a personal field, or a
//! new page that shows one, fails here until it is declared.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use mamori_kernel::permission::Role;
use mamori_office::REGISTERS;
use mamori_runtime::{Route, Verb};
use mamori_testkit::TestApp;
use mamori_web::audit::{self, Search};
use serde_json::{Value, json};

use crate::matrix_tests::{CONTRACT, open, routes};

/// Stands in every personal field and nowhere else.
const MARK: &str = "標本之介";

/// An item of each register with a personal field that can be made by itself, that field filled.
fn marked() -> Vec<(&'static str, Value)> {
    vec![
        (
            "question",
            json!({ "topic": "印刷", "channel": "phone", "received_on": "2026-10-30",
                    "caller": MARK, "detail": MARK }),
        ),
        (
            "request",
            json!({ "title": "更新", "channel": "mail", "received_on": "2026-10-30",
                    "requester": MARK }),
        ),
        (
            "training",
            json!({ "topic": "個人情報", "field": "personal_data", "held_on": "2026-10-30",
                    "attendee_names": [MARK] }),
        ),
        (
            "media",
            json!({ "name": "端末", "kind": "computer", "holds": "写し",
                    "registered_on": "2026-04-01", "keeper": MARK }),
        ),
        (
            "record",
            json!({ "obligation": "O-001", "title": "確かめた", "day": "2026-10-30",
                    "witness": MARK }),
        ),
    ]
}

fn is_of(route: &Route, register: &str) -> bool {
    ["/c/{contract}/", "/api/v1/contracts/{contract}/"]
        .into_iter()
        .filter_map(|start| route.path.strip_prefix(start))
        .any(|rest| rest == register || rest.starts_with(&format!("{register}/")))
}

#[tokio::test]
async fn what_shows_personal_data_says_so() {
    let test = open(|_| {}).await;
    let personal: Vec<&str> = REGISTERS
        .iter()
        .filter(|register| register.spec.has_personal())
        .map(|register| register.spec.key)
        .collect();
    assert!(personal.len() >= 8, "{personal:?}");
    let mut others = BTreeSet::new();
    for route in routes(&test) {
        let register = personal.iter().find(|key| is_of(&route, key));
        let declared = route.personal.as_ref().map(|personal| personal.area);
        match register {
            Some(key) => {
                // Sums and states of a register hold no names.
                let figures = ["/work/gauge", "/attestation/standings"]
                    .iter()
                    .any(|end| route.path.ends_with(end));
                assert!(
                    figures || declared == Some(key),
                    "{route:?} shows {key} and does not say so"
                );
            }
            None => others.extend(declared.map(|area| {
                let verb = route.verb.as_str();
                format!("{area}: {verb} {}", route.path)
            })),
        }
    }
    let others: Vec<String> = others.into_iter().collect();
    assert_eq!(
        others,
        [
            "audit: GET /api/v1/audit",
            "audit: GET /api/v1/audit/changes",
            "audit: GET /people/audit",
            "audit: GET /people/audit.csv",
            "audit: GET /people/changes",
            "file: GET /api/v1/contracts/{contract}/files/{sha256}",
            "file: GET /c/{contract}/files/{sha256}/{name}",
            "gateway: GET /api/v1/contracts/{contract}/gateway/access",
            "gateway: GET /api/v1/contracts/{contract}/gateway/bans",
            "gateway: GET /api/v1/contracts/{contract}/gateway/blocked",
            "gateway: GET /api/v1/contracts/{contract}/gateway/blocked/{id}",
            "gateway: GET /c/{contract}/gateway/access",
            "gateway: GET /c/{contract}/gateway/access/file",
            "gateway: GET /c/{contract}/gateway/bans",
            "gateway: GET /c/{contract}/gateway/blocked",
            "gateway: GET /c/{contract}/gateway/blocked/{id}",
            "mail: GET /api/v1/contracts/{contract}/letters",
            "mail: GET /api/v1/system/jobs",
            "mail: GET /api/v1/system/jobs/{id}",
            "mail: GET /c/{contract}/letters",
            "mail: GET /system/mail",
            "mail: POST /api/v1/contracts/{contract}/letters/{id}/release",
            "mail: POST /api/v1/contracts/{contract}/letters/{id}/withdraw",
            "mail: POST /api/v1/system/jobs/{id}/cancel",
            "mail: POST /api/v1/system/jobs/{id}/release",
            "mail: POST /api/v1/system/jobs/{id}/retry",
            "search: GET /api/v1/search",
            "search: GET /search",
            "search: GET /search.json",
            "user: DELETE /api/v1/invitations/{id}",
            "user: GET /api/v1/invitations",
            "user: GET /api/v1/people",
            "user: GET /api/v1/people/{id}",
            "user: GET /people",
            "user: GET /people/{id}",
            "user: POST /api/v1/invitations",
            "user: POST /api/v1/people/{id}/disable",
            "user: POST /api/v1/people/{id}/enable",
            "user: POST /api/v1/people/{id}/end-sessions",
            "user: POST /api/v1/people/{id}/oidc/remove",
            "user: POST /api/v1/people/{id}/reset",
            "user: POST /api/v1/people/{id}/rights",
            "user: POST /api/v1/people/{id}/second-factor/remove",
            "user: POST /people/invite",
            "user: POST /people/{id}/reset",
        ]
    );
}

async fn readings(test: &TestApp) -> u64 {
    audit::count(&test.app, &Search::default())
        .await
        .expect("readable")
}

#[tokio::test]
async fn nothing_shows_a_personal_value_without_a_note() {
    let test = open(|_| {}).await;
    let mut program = test.token(Role::Administrator).await;
    let mut person = test.sign_in(Role::Administrator).await;
    let mut viewer = test.sign_in(Role::Viewer).await;
    let api = format!("/api/v1/contracts/{CONTRACT}");
    for (register, body) in marked() {
        let made = program.post_json(&format!("{api}/{register}"), &body).await;
        assert_eq!(
            made.status,
            StatusCode::CREATED,
            "{register}: {}",
            made.text()
        );
        let number = made.json()["number"].as_str().expect("a number").to_owned();
        let number = mamori_web::components::percent_encoded(&number);
        for path in [
            format!("{api}/{register}/{number}"),
            format!("{api}/{register}/{number}/history"),
            format!("{api}/{register}"),
        ] {
            let before = readings(&test).await;
            let answer = program.get(&path).await;
            assert!(answer.text().contains(MARK), "{path}: {}", answer.text());
            assert_eq!(readings(&test).await, before + 1, "{path}");
        }
        let page = format!("/c/{CONTRACT}/{register}/{number}");
        let before = readings(&test).await;
        assert!(person.get(&page).await.text().contains(MARK), "{page}");
        assert_eq!(readings(&test).await, before + 1, "{page}");
        // Who does not see it leaves no note.
        assert!(!viewer.get(&page).await.text().contains(MARK), "{page}");
        assert_eq!(readings(&test).await, before + 1, "{page}");
    }
    let head = test.app.db.ledger_head(CONTRACT).await.expect("readable");
    let last = head.expect("there are records").seq;
    let mut looked = 0;
    for route in routes(&test) {
        // Events never end; what is declared may show it.
        if route.verb != Verb::Get || route.personal.is_some() || route.path.ends_with("/events") {
            continue;
        }
        let paths: Vec<String> = if route.path.contains("{seq}") {
            (1..=last)
                .map(|seq| route.path.replace("{seq}", &seq.to_string()))
                .collect()
        } else {
            vec![route.path.to_owned()]
        };
        for path in paths {
            let path = path
                .replace("{contract}", CONTRACT)
                .replace("{key}", "O-001");
            let parts: Vec<&str> = path
                .split('/')
                .map(|part| if part.starts_with('{') { "x-1" } else { part })
                .collect();
            let path = parts.join("/");
            let client = if route.path.starts_with("/api/") {
                &mut program
            } else {
                &mut person
            };
            let answer = client.get(&path).await;
            assert!(!answer.text().contains(MARK), "{route:?} ({path}) shows it");
            looked += 1;
        }
    }
    assert!(looked > 50, "{looked}");
}
