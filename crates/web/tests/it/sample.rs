//! A small capability with pages of every kind.

use std::time::Duration;

use askama::Template as _;
use axum::Json;
use axum::extract::{Form, Multipart, State};
use axum::response::{Redirect, Response};
use mamori_kernel::permission::Permission;
use mamori_runtime::{App, Capability, NavEntry, NavGroup, Route};
use mamori_web::{FieldError, Language, Page, Tone, Visitor, WebError, html};
use serde::Deserialize;
use serde_json::{Value, json};

const READ: Permission = Permission::read("sample");
const WRITE: Permission = Permission::write("sample");

pub fn capability() -> Capability {
    Capability {
        id: "sample",
        title_ja: "見本",
        routes: vec![
            Route::get("/sample", READ, page),
            Route::get("/sample/first", READ, leads_on),
            Route::post("/sample", WRITE, add),
            Route::post("/sample/files", WRITE, upload).with_body_limit(4 * 1024 * 1024),
            Route::get("/c/{contract}/sample", READ, page),
            Route::post("/c/{contract}/sample", WRITE, add),
            Route::get("/api/v1/contracts/{contract}/sample", READ, list),
            Route::get("/api/v1/sample", READ, list),
            Route::post("/api/v1/sample", WRITE, create),
            Route::get("/sample/broken", READ, broken),
            Route::get("/sample/late", READ, late).within(Duration::from_millis(50)),
            Route::get("/sample/personal/{id}", READ, personal).personal("question", []),
        ],
        navigation: vec![NavEntry {
            label: "見本の一覧",
            href: "/sample",
            permission: READ,
            group: NavGroup::Today,
            order: 10,
        }],
        ..Capability::default()
    }
}

#[derive(askama::Template)]
#[template(
    source = r#"{% extends "shell.html" %}{% block content %}<h1>{{ page.title }}</h1>{% call ui::badge(tone, "済") %}{% endcall %}{% call ui::table("一覧") %}<caption>一覧</caption><tbody><tr><td>a</td></tr></tbody>{% endcall %}{% endblock %}"#,
    ext = "html"
)]
struct SamplePage {
    page: Page,
    tone: Tone,
}

async fn page(State(app): State<App>, visitor: Visitor) -> Result<Response, WebError> {
    let page = Page::new(&app, &visitor, "見本の一覧").here();
    html(&SamplePage {
        page,
        tone: Tone::Ok,
    })
}

async fn late() -> &'static str {
    tokio::time::sleep(Duration::from_millis(500)).await;
    "late"
}

#[derive(Deserialize)]
struct New {
    title: String,
}

async fn add(
    State(app): State<App>,
    visitor: Visitor,
    Form(new): Form<New>,
) -> Result<Redirect, WebError> {
    visitor
        .flash(&app, Tone::Ok, format!("「{}」を追加しました", new.title))
        .await?;
    Ok(Redirect::to("/sample"))
}

/// A page that only leads on, as the first page does with one contract.
async fn leads_on() -> Redirect {
    Redirect::to("/sample")
}

async fn upload(mut parts: Multipart) -> Result<String, WebError> {
    let mut sizes = Vec::new();
    while let Some(part) = parts.next_field().await.map_err(WebError::bug)? {
        let name = part.name().unwrap_or_default().to_owned();
        let bytes = part.bytes().await.map_err(WebError::bug)?;
        sizes.push(format!("{name}={}", bytes.len()));
    }
    Ok(sizes.join(","))
}

async fn list(visitor: Visitor) -> Json<Value> {
    Json(json!({ "who": visitor.actor().to_string() }))
}

async fn create(Json(body): Json<Value>) -> Result<Json<Value>, WebError> {
    if body["title"].as_str().unwrap_or("").is_empty() {
        return Err(WebError::Invalid {
            message: "題名がありません".to_owned(),
            fields: vec![FieldError {
                field: "title".to_owned(),
                message: "題名を書いてください".to_owned(),
            }],
        });
    }
    Ok(Json(json!({ "title": body["title"] })))
}

async fn personal() -> &'static str {
    "090-0000-0000"
}

async fn broken() -> Response {
    panic!("a handler with a mistake");
}

/// The page renders by itself too: the template is checked when this crate's tests are built.
#[tokio::test]
async fn the_shell_renders() {
    let test = mamori_testkit::TestApp::with(vec![capability()]).await;
    let page = SamplePage {
        page: Page::bare(&test.app, Language::Ja, "題"),
        tone: Tone::Bad,
    };
    let shown = page.render().expect("renders");
    assert!(shown.contains("<html lang=\"ja\">"), "{shown}");
    assert!(shown.contains("class=\"badge bad\""), "{shown}");
}
