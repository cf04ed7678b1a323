//! Walks over all routes: nobody gets in without the permission, by page or by API.

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use mamori_kernel::permission::Role;
use mamori_runtime::{Guard, Route};
use mamori_testkit::{Answer, Client, TestApp};

use crate::sample;

/// What may be open to everybody. A new public route must be added here on purpose.
const PUBLIC: [(&str, &str); 16] = [
    ("GET", "/setup"),
    ("POST", "/setup"),
    ("GET", "/invitation/{token}"),
    ("POST", "/invitation/{token}"),
    ("POST", "/invitation/{token}/oidc"),
    ("POST", "/sign-in/code"),
    ("POST", "/sign-in/oidc"),
    ("POST", "/sign-in/passkey"),
    ("POST", "/sign-in/passkey/answer"),
    ("GET", "/sign-in"),
    ("GET", "/sign-in/oidc/answer"),
    ("POST", "/sign-in"),
    ("POST", "/language"),
    ("GET", "/assets/{name}"),
    ("GET", "/healthz"),
    ("GET", "/readyz"),
];

async fn call(client: &mut Client, route: &Route) -> Answer {
    let path = route
        .path
        .replace("{name}", "x")
        .replace("{id}", "x")
        .replace("{contract}", "x");
    let request = Request::builder()
        .method(Method::from_bytes(route.verb.as_str().as_bytes()).expect("a verb"))
        .uri(path)
        .header("sec-fetch-site", "same-origin")
        .body(Body::empty())
        .expect("a request");
    client.send(request).await
}

#[tokio::test]
async fn public_routes_are_the_known_ones() {
    let test = TestApp::with(vec![sample::capability()]).await;
    let mut open = mamori_web::public_routes(&test.app);
    open.sort_unstable();
    let mut known = PUBLIC.to_vec();
    known.sort_unstable();
    assert_eq!(open, known);
}

#[tokio::test]
async fn every_other_route_turns_away_strangers_and_the_wrong_role() {
    let test = TestApp::with(vec![sample::capability()]).await;
    let mut stranger = test.anonymous();
    let mut people = Vec::new();
    for role in Role::ALL {
        people.push((role, test.sign_in(role).await, test.token(role).await));
    }
    let routes: Vec<&Route> = test
        .app
        .capabilities()
        .iter()
        .flat_map(|capability| &capability.routes)
        .filter(|route| route.guard != Guard::Public)
        .collect();
    assert!(routes.len() >= 7, "{}", routes.len());
    for route in routes {
        let answer = call(&mut stranger, route).await;
        let is_page = route.verb.as_str() == "GET" && !route.path.starts_with("/api/");
        if is_page {
            assert_eq!(answer.status, StatusCode::SEE_OTHER, "{route:?}");
            assert!(answer.location().starts_with("/sign-in"), "{route:?}");
        } else {
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{route:?}");
        }
        let Guard::Needs(permission) = route.guard else {
            continue;
        };
        for (role, person, program) in &mut people {
            for client in [person, program] {
                let answer = call(client, route).await;
                let refused = answer.status == StatusCode::FORBIDDEN
                    && answer.text().contains("権限がありません");
                assert_eq!(refused, !role.allows(permission), "{role} {route:?}");
            }
        }
    }
}

#[tokio::test]
async fn every_job_has_attempts_and_every_schedule_a_job() {
    let test = TestApp::with(vec![sample::capability()]).await;
    mamori_runtime::app::check(test.app.capabilities()).expect("the list is sound");
    for capability in test.app.capabilities() {
        for kind in &capability.jobs {
            assert!(kind.retry.attempts >= 1, "{kind:?}");
        }
    }
}
