//! What nobody should send to the API, sent to every route that writes: bodies that are no JSON, too
//! deep, too large, of another type, with values that no person types; the same twice; acts on a
//! revision that is no longer the present one.
//!
//! None may make the program fail, and what is refused may change nothing: the whole content of the
//! database is compared before and after. The routes come from the list of capabilities and the
//! fields from their descriptions, so a new route is covered by being in them.

mod bench;
mod reach;

use axum::http::{Method, StatusCode};
use mamori_kernel::permission::Role;
use mamori_runtime::describe::{self, Operation};
use mamori_runtime::{Route, Verb};
use mamori_testkit::{Answer, PrivatePostgres, TestApp};
use mamori_web::BODY_LIMIT_BYTES;
use serde_json::{Map, Value, json};

use self::bench::{Bench, JSON, Sent, forms, post, who, with_a_site};
use crate::matrix_tests::{CONTRACT, open, routes};

/// Bodies that are wrong whatever the route takes: what it is, media type, bytes, what must come.
type Raw = (&'static str, Option<&'static str>, Vec<u8>, &'static [u16]);

fn raw(limit: usize) -> Vec<Raw> {
    let text = |text: &str| text.as_bytes().to_vec();
    let deep = |open: &str, close: &str| {
        format!("{}1{}", open.repeat(5_000), close.repeat(5_000)).into_bytes()
    };
    vec![
        ("nothing", JSON, Vec::new(), &[400]),
        ("broken off", JSON, text("{\"a\":"), &[400]),
        ("NUL", JSON, vec![0], &[400]),
        ("no UTF-8", JSON, vec![b'"', 0xff, 0xfe, b'"'], &[400]),
        (
            "half a surrogate",
            JSON,
            text("{\"a\":\"\\ud800\"}"),
            &[400],
        ),
        ("a list", JSON, text("[]"), &[422]),
        ("a text", JSON, text("\"x\""), &[422]),
        ("a number", JSON, text("1e999"), &[400, 422]),
        ("null", JSON, text("null"), &[422]),
        ("a deep list", JSON, deep("[", "]"), &[400]),
        ("a deep object", JSON, deep("{\"a\":", "}"), &[400]),
        ("a key twice", JSON, text("{\"zz\":1,\"zz\":2}"), &[400]),
        // An act that the item's state does not allow is refused before its words are read.
        (
            "an unknown key",
            JSON,
            text("{\"zz-unknown\":1}"),
            &[409, 422],
        ),
        (
            "a key with NUL",
            JSON,
            text("{\"z\\u0000\":1}"),
            &[409, 422],
        ),
        ("two documents", JSON, text("{}{}"), &[400]),
        ("too large", JSON, vec![b' '; limit + 1], &[413]),
        ("plain text", Some("text/plain"), text("{}"), &[415]),
        (
            "a form",
            Some("application/x-www-form-urlencoded"),
            text("a=1"),
            &[415],
        ),
        (
            "a multipart",
            Some("multipart/form-data; boundary=x"),
            text("--x--"),
            &[415],
        ),
        ("XML", Some("application/xml"), text("<a/>"), &[415]),
        ("no type", None, text("{}"), &[415]),
    ]
}

/// Values that no field should take for granted.
fn values() -> Vec<(&'static str, Value)> {
    vec![
        ("long", json!("あ".repeat(60_000))),
        ("empty", json!("")),
        ("blank", json!("  \u{3000}\u{200b} ")),
        ("NUL", json!("a\u{0}b")),
        ("escape", json!("\u{1b}[31m\u{7}\u{9b}")),
        ("right to left", json!("\u{202e}守\u{2066}り\u{200f}")),
        ("emoji", json!("👩‍👩‍👧🏳️‍🌈")),
        (
            "SQL and HTML",
            json!("'; DROP TABLE x; -- <script>alert(1)</script>"),
        ),
        ("no day", json!("2026-02-30")),
        ("far day", json!("9999-12-31")),
        ("below", json!(-1)),
        ("huge", json!(1e300)),
        ("true", json!(true)),
        ("null", Value::Null),
        ("a list", json!([[], {}])),
        ("an object", json!({"a": {"b": []}})),
    ]
}

fn schema(operation: &Operation) -> Option<&Value> {
    match &operation.body {
        Some(describe::Body::Json(schema) | describe::Body::Form(schema)) => Some(schema),
        _ => None,
    }
}

/// The properties of a body; of several forms, those of all.
fn properties(schema: &Value) -> Vec<(String, Value)> {
    let forms = schema["anyOf"].as_array();
    let forms = forms.map_or_else(|| vec![schema], |forms| forms.iter().collect());
    forms
        .iter()
        .filter_map(|form| form["properties"].as_object())
        .flatten()
        .map(|(name, schema)| (name.clone(), schema.clone()))
        .collect()
}

/// Something that fits a field well enough to come past the description.
fn plausible(name: &str, schema: &Value) -> Value {
    let schema = schema["anyOf"].get(0).unwrap_or(schema);
    if let Some(word) = schema["enum"].get(0).or(schema.get("const")) {
        return word.clone();
    }
    let kind = match &schema["type"] {
        Value::Array(kinds) => &kinds[0],
        kind => kind,
    };
    match kind.as_str().unwrap_or("string") {
        "object" => body_of(schema),
        "array" => json!([plausible("", &schema["items"])]),
        "integer" | "number" => json!(1),
        "boolean" => json!(false),
        _ if schema["format"] == "date" || name.ends_with("_on") => json!("2026-10-20"),
        _ => match name {
            "role" => json!("viewer"),
            "document" => json!("monthly-report"),
            "period" => json!("2026-10"),
            "from" => json!("2026-10-20"),
            "sha256" => json!("ab".repeat(32)),
            "url" => json!("https://hooks.example.jp/x"),
            "hours" | "minutes" | "estimate_minutes" => json!("1.5"),
            _ => json!("見本"),
        },
    }
}

/// A body with all that it must have.
fn body_of(schema: &Value) -> Value {
    let schema = schema["anyOf"].get(0).unwrap_or(schema);
    let required = schema["required"].as_array().into_iter().flatten();
    let body: Map<String, Value> = required
        .filter_map(Value::as_str)
        .map(|name| {
            (
                name.to_owned(),
                plausible(name, &schema["properties"][name]),
            )
        })
        .collect();
    Value::Object(body)
}

fn method(route: &Route) -> Method {
    Method::from_bytes(route.verb.as_str().as_bytes()).expect("a verb")
}

fn writing(test: &TestApp) -> Vec<Route> {
    routes(test)
        .into_iter()
        .filter(|route| route.path.starts_with("/api/") && route.verb != Verb::Get)
        .collect()
}

/// Whether a problem has a text with nothing to be seen between the brackets: 「」.
fn quotes_nothing(problem: &Value) -> bool {
    let text = problem.to_string();
    text.split('「').skip(1).any(|rest| {
        let quoted = rest.split('」').next().unwrap_or_default();
        let unseen = |c: char| c.is_whitespace() || c == '\u{200b}';
        quoted.chars().all(unseen)
    })
}

/// What is wrong with an answer, if anything; a refusal must have left everything as it was.
fn judge(sent: &str, answer: &Answer, must: &[u16], changed: bool) -> Option<String> {
    let status = answer.status.as_u16();
    let start: String = answer.text().chars().take(200).collect();
    let complain = |what: &str| Some(format!("{sent}: {what}: {status} {start}"));
    if status >= 500 {
        return complain("the program failed");
    }
    if !must.is_empty() && !must.contains(&status) {
        return complain("another status was meant");
    }
    if status < 400 {
        return None;
    }
    let problem = answer.json();
    let said = |name: &str| problem[name].as_str().is_some_and(|text| !text.is_empty());
    if !(said("type") && said("title") && said("detail") && said("request_id")) {
        return complain("the problem does not say what to do");
    }
    if changed {
        return complain("it was refused and changed something");
    }
    if quotes_nothing(&problem) {
        return complain("it quotes what is empty instead of saying that it is");
    }
    None
}

/// Both databases, where there are both.
async fn benches() -> Vec<Bench> {
    let mut benches = vec![Bench::new(open(with_a_site).await, true).await];
    benches.extend(on_postgresql().await);
    benches
}

async fn on_postgresql() -> Option<Bench> {
    let url = PrivatePostgres::shared()?.fresh_database().await;
    let test = open(move |config| {
        config.database.url = Some(url);
        with_a_site(config);
    })
    .await;
    Some(Bench::new(test, false).await)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_body_of_the_route_is_refused_and_changes_nothing() {
    for mut bench in benches().await {
        let (mut wrong, mut sent_in_all) = (Vec::new(), 0);
        for route in writing(&bench.test) {
            let Some(operation) = route.operation.clone() else {
                panic!("{route:?} has no description");
            };
            if schema(&operation).is_none() {
                continue;
            }
            let limit = route.body_limit_bytes.unwrap_or(BODY_LIMIT_BYTES);
            for (what, kind, body, must) in raw(limit) {
                let sent = Sent {
                    method: method(&route),
                    path: bench.address(&route),
                    kind,
                    headers: Vec::new(),
                    body,
                };
                let answer = bench.send(who(&route), &sent).await;
                let told = format!("{route:?} {what}");
                wrong.extend(judge(&told, &answer, must, bench.changed));
                sent_in_all += 1;
            }
        }
        assert!(
            wrong.is_empty(),
            "{} wrong:\n{}",
            wrong.len(),
            wrong.join("\n")
        );
        assert!(sent_in_all > 1_000, "only {sent_in_all} were sent");
    }
}

/// Values that one database may take otherwise than the other; what no database sees is judged once.
const STORED_OTHERWISE: [&str; 7] = [
    "long",
    "NUL",
    "escape",
    "right to left",
    "emoji",
    "far day",
    "huge",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn values_that_nobody_types_are_taken_whole_or_refused_whole() {
    let sqlite = Bench::new(open(with_a_site).await, true).await;
    send_values(sqlite, values()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn values_that_a_database_stores_otherwise_are_so_on_postgresql() {
    if let Some(postgres) = on_postgresql().await {
        let stored = |(what, _): &(&str, Value)| STORED_OTHERWISE.contains(what);
        send_values(postgres, values().into_iter().filter(stored).collect()).await;
    }
}

async fn send_values(mut bench: Bench, values: Vec<(&'static str, Value)>) {
    let forms = forms();
    let (mut wrong, mut refused, mut taken) = (Vec::new(), 0, 0);
    for route in writing(&bench.test) {
        let operation = route.operation.clone().expect("is described");
        let Some(schema) = schema(&operation) else {
            continue;
        };
        let below = route
            .path
            .trim_start_matches("/api/v1/contracts/{contract}/");
        let register = below.split('/').next().unwrap_or_default();
        let form = forms.iter().find(|(key, _)| *key == register);
        let opens = form.filter(|_| below == register);
        let base = opens.map_or_else(|| body_of(schema), |(_, form)| form.clone());
        for (name, _) in properties(schema) {
            for (what, value) in &values {
                let mut body = base.clone();
                body[&name] = value.clone();
                let mut sent = post(&bench.address(&route), &body.to_string());
                sent.method = method(&route);
                let answer = bench.send(who(&route), &sent).await;
                let told = format!("{route:?} {name}: {what}");
                wrong.extend(judge(&told, &answer, &[], bench.changed));
                if answer.status.is_client_error() {
                    refused += 1;
                    continue;
                }
                taken += 1;
                if matches!(*what, "NUL" | "escape") && answer.text().contains("\\u00") {
                    wrong.push(format!("{told}: control characters were kept"));
                }
                // The item was brought forward: the next value meets one as it was.
                if let (Some((key, form)), true) = (form, below != register) {
                    bench.reopen(key, form).await;
                }
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(
        refused > 60 * values.len() && taken > 50,
        "{refused} refused, {taken} taken"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_twice_counts_once_with_a_key_and_an_old_revision_is_told_both() {
    for mut bench in benches().await {
        for (register, form) in forms() {
            let path = format!("/api/v1/contracts/{CONTRACT}/{register}");
            let mut sent = post(&path, &form.to_string());
            sent.headers
                .push(("idempotency-key", format!("twice-{register}")));
            let first = bench.send(Role::Administrator, &sent).await;
            assert_eq!(
                first.status,
                StatusCode::CREATED,
                "{register}: {}",
                first.text()
            );
            let again = bench.send(Role::Administrator, &sent).await;
            assert!(!bench.changed, "{register}: a repetition changed something");
            assert_eq!(again.status, StatusCode::OK, "{register}: {}", again.text());
            assert_eq!(again.header("idempotency-replayed"), "true");
            assert_eq!(again.json()["id"], first.json()["id"], "{register}");
            let mut other = sent.clone();
            let mut changed = form.clone();
            changed["zz"] = json!(1);
            other.body = changed.to_string().into_bytes();
            let second_use = bench.send(Role::Administrator, &other).await;
            assert!(!bench.changed, "{register}: a reused key changed something");
            assert!(
                second_use.status.is_client_error(),
                "{register}: {}",
                second_use.text()
            );
            let long = "k".repeat(101);
            for key in ["", "a b", long.as_str()] {
                let mut odd = sent.clone();
                odd.headers = vec![("idempotency-key", key.to_owned())];
                let answer = bench.send(Role::Administrator, &odd).await;
                let is_refused = answer.status == StatusCode::UNPROCESSABLE_ENTITY;
                assert!(is_refused, "{register} {key:?}: {}", answer.text());
            }
            // Without a key it is a second item: nobody can know that it was meant as the same.
            sent.headers.clear();
            let second = bench.send(Role::Administrator, &sent).await;
            assert_eq!(
                second.status,
                StatusCode::CREATED,
                "{register}: {}",
                second.text()
            );
            assert_ne!(second.json()["id"], first.json()["id"]);
        }
        let mut asked = 0;
        for route in writing(&bench.test) {
            let operation = route.operation.clone().expect("is described");
            if !operation.if_match {
                continue;
            }
            let body = schema(&operation).map_or(json!({}), body_of);
            let mut sent = post(&bench.address(&route), &body.to_string());
            sent.headers.push(("if-match", "\"77\"".to_owned()));
            let answer = bench.send(who(&route), &sent).await;
            assert_eq!(
                answer.status,
                StatusCode::PRECONDITION_FAILED,
                "{route:?}: {}",
                answer.text()
            );
            assert!(!bench.changed, "{route:?}");
            let told = answer.json()["errors"][0]["message"].to_string();
            let present = answer.header("etag");
            assert!(
                present.starts_with('"') && present != "\"77\"",
                "{route:?}: {present}"
            );
            assert!(
                told.contains("77") && told.contains(present.trim_matches('"')),
                "{told}"
            );
            for odd in ["77x", "\"\"", "W/\"1\", \"2\""] {
                sent.headers = vec![("if-match", odd.to_owned())];
                let answer = bench.send(who(&route), &sent).await;
                assert!(
                    answer.status.is_client_error(),
                    "{route:?} {odd}: {}",
                    answer.text()
                );
            }
            asked += 1;
        }
        assert!(asked > 30, "only {asked} routes look at If-Match");
    }
}

/// Files are bodies of their own: nothing, too much, and what is not what its name says.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_are_refused_for_their_size_their_name_and_their_content() {
    for mut bench in benches().await {
        let path = format!("/api/v1/contracts/{CONTRACT}/files");
        let png = b"\x89PNG\r\n\x1a\n".to_vec();
        for (name, body, status) in [
            ("a.png", Vec::new(), 422),
            ("a.png", b"<script>".to_vec(), 422),
            ("a.exe", b"MZ".to_vec(), 422),
            ("", png.clone(), 422),
            ("%00.png", png.clone(), 404),
            ("a.png", vec![0; 31 * 1024 * 1024], 413),
        ] {
            let mut sent = post(&format!("{path}?name={name}"), "");
            sent.kind = Some("application/octet-stream");
            sent.body = body;
            let answer = bench.send(Role::Administrator, &sent).await;
            assert_eq!(answer.status, status, "{name:?}: {}", answer.text());
            assert!(!bench.changed, "{name:?}");
        }
    }
}
