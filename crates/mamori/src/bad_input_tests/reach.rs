//! Rows of one contract asked for under the address of another, by people who may do everything
//! in both: they are not there, whatever page or operation asks, and nothing changes.

use axum::http::StatusCode;
use mamori_kernel::permission::Role;
use mamori_runtime::{Route, Verb};
use serde_json::json;

use super::bench::{Bench, JSON, Sent, who};
use super::{benches, body_of, method, schema};
use crate::matrix_tests::{CONTRACT, ELSEWHERE, activate_elsewhere, routes};

/// What every contract has under the same name.
const EACH_ITS_OWN: [&str; 2] = ["obligations", "settings"];

/// The route's part behind the contract, if it goes on with a parameter.
fn behind(route: &Route) -> Option<&str> {
    let (_, behind) = route.path.split_once("/{contract}/")?;
    behind.contains('{').then_some(behind)
}

fn request(route: &Route, path: String) -> Sent {
    let is_api = route.path.starts_with("/api/");
    let operation = route.operation.as_ref().filter(|_| is_api);
    let body = operation
        .and_then(|operation| schema(operation))
        .map_or_else(|| json!({}), body_of)
        .to_string();
    let (kind, body) = match (route.verb, is_api) {
        (Verb::Get, _) => (None, String::new()),
        (_, true) => (JSON, body),
        (_, false) => (
            Some("application/x-www-form-urlencoded"),
            "nothing=1".to_owned(),
        ),
    };
    Sent {
        method: method(route),
        path,
        kind,
        headers: Vec::new(),
        body: body.into_bytes(),
    }
}

/// Id of what the route is about, and its number where it has one.
async fn references(bench: &mut Bench, what: &str) -> Vec<String> {
    let id = bench.value(what).to_owned();
    let path = format!("/api/v1/contracts/{CONTRACT}/{what}/{id}");
    let sent = Sent {
        method: axum::http::Method::GET,
        path,
        kind: None,
        headers: Vec::new(),
        body: Vec::new(),
    };
    let answer = bench.send(Role::Administrator, &sent).await;
    let mut found = vec![id];
    if answer.status == StatusCode::OK
        && let Some(number) = answer.json()["number"].as_str()
    {
        found.push(number.to_owned());
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_of_one_contract_are_not_there_under_another() {
    for mut bench in benches().await {
        activate_elsewhere(&bench.test).await;
        bench.hold_a_letter().await;
        let (mut wrong, mut asked, mut shown, mut numbers) = (Vec::new(), 0, 0, 0);
        for route in routes(&bench.test) {
            let Some(behind) = behind(&route) else {
                continue;
            };
            let what = behind.split('/').next().unwrap_or_default();
            if EACH_ITS_OWN.contains(&what) {
                continue;
            }
            let references = references(&mut bench, what).await;
            numbers += references.len() - 1;
            for reference in references {
                let path = |contract| Bench::address_of(&route, contract, &reference);
                if route.verb == Verb::Get {
                    let sent = request(&route, path(CONTRACT));
                    let answer = bench.send(who(&route), &sent).await;
                    shown += usize::from(answer.status == StatusCode::OK);
                }
                let sent = request(&route, path(ELSEWHERE));
                let answer = bench.send(who(&route), &sent).await;
                asked += 1;
                if answer.status != StatusCode::NOT_FOUND || bench.changed {
                    let start: String = answer.text().chars().take(200).collect();
                    let changed = if bench.changed { ", changed" } else { "" };
                    wrong.push(format!(
                        "{route:?} {reference}: {}{changed} {start}",
                        answer.status
                    ));
                }
            }
        }
        assert!(
            wrong.is_empty(),
            "{} of {asked} were there:\n{}",
            wrong.len(),
            wrong.join("\n")
        );
        println!("reach: {asked} asked for, {shown} shown to their own, {numbers} by number");
        assert!(asked > 200, "only {asked} were asked for");
        assert!(
            shown > 40,
            "only {shown} are there under their own contract"
        );
        assert!(numbers > 60, "only {numbers} were asked for by number");
    }
}
