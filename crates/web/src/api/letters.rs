//! The JSON API of mails to the city of a contract: what waits for a person's word, and that word.
//!
//! | verb and path | permission | what |
//! |---|---|---|
//! | `GET /contracts/{c}/letters?state` | setting.read | mails to the city, newest first |
//! | `POST /contracts/{c}/letters/{id}/{release,withdraw}` | setting.decide | lets one go, takes one back |
//!
//! A mail that no longer waits refuses both, so they need no `Idempotency-Key`.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use mamori_runtime::describe::{Operation, schema};
use mamori_runtime::notify::{Letter, LetterAct};
use mamori_runtime::{App, Route};
use serde::Deserialize;
use serde_json::{Value, json};

use super::PageQuery;
use super::system::{states_of, words};
use crate::error::WebError;
use crate::house::settings::{DECIDE, READ};
use crate::session::Visitor;

pub(super) fn routes() -> Vec<Route> {
    let about = |ja: &str, en: &str| Operation::new("letter", ja, en);
    vec![
        Route::get("/api/v1/contracts/{contract}/letters", READ, list)
            .personal("mail", [])
            .describe(
                about(
                    "市へのメールの一覧（新しい順）",
                    "Mails to the city, newest first",
                )
                .query(
                    "state",
                    "状態（コンマで区切る）",
                    "States, separated by commas",
                    schema::words(words()),
                )
                .paged()
                .gives(schema::page(letter())),
            ),
        Route::post(
            "/api/v1/contracts/{contract}/letters/{id}/release",
            DECIDE,
            release,
        )
        .personal("mail", [])
        .describe(
            about("送信を許可する", "Let a waiting mail go")
                .conflicting()
                .gives(letter()),
        ),
        Route::post(
            "/api/v1/contracts/{contract}/letters/{id}/withdraw",
            DECIDE,
            withdraw,
        )
        .personal("mail", [])
        .describe(
            about("送らないことにする", "Take a waiting mail back")
                .conflicting()
                .gives(letter()),
        ),
    ]
}

fn letter() -> Value {
    let mut to = schema::list(schema::text());
    to["x-personal"] = json!(true);
    schema::named(
        "Letter",
        schema::object([
            ("id", schema::text()),
            ("state", schema::word(words())),
            ("to", to),
            ("subject", schema::text()),
            ("body", schema::text()),
            ("queued_at", schema::timestamp()),
            ("finished_at", schema::nullable(schema::timestamp())),
            ("last_error", schema::nullable(schema::text())),
        ]),
    )
}

fn json_of(letter: &Letter) -> Value {
    let (job, mail) = (&letter.job, &letter.mail);
    json!({
        "id": job.id,
        "state": job.state.as_str(),
        "to": mail.to,
        "subject": mail.subject,
        "body": mail.body,
        "queued_at": job.queued_at,
        "finished_at": job.finished_at,
        "last_error": job.last_error,
    })
}

#[derive(Default, Deserialize)]
struct LetterQuery {
    #[serde(default)]
    state: String,
    #[serde(flatten)]
    page: PageQuery,
}

async fn list(
    State(app): State<App>,
    Path(contract): Path<String>,
    Query(query): Query<LetterQuery>,
) -> Result<Response, WebError> {
    let found = app.letters(&contract, states_of(&query.state)).await?;
    Ok(query
        .page
        .cut(&found.iter().map(json_of).collect::<Vec<_>>()))
}

/// A mail to the city of a contract; one of another contract is not there.
pub(crate) async fn of(app: &App, contract: &str, id: &str) -> Result<Letter, WebError> {
    let all = app.letters(contract, Vec::new()).await?;
    all.into_iter()
        .find(|letter| letter.job.id == id)
        .ok_or_else(|| WebError::NotFound(format!("市へのメール「{id}」")))
}

async fn release(
    app: State<App>,
    visitor: Visitor,
    path: Path<(String, String)>,
) -> Result<Json<Value>, WebError> {
    settle(app, visitor, path, LetterAct::Release).await
}

async fn withdraw(
    app: State<App>,
    visitor: Visitor,
    path: Path<(String, String)>,
) -> Result<Json<Value>, WebError> {
    settle(app, visitor, path, LetterAct::Withdraw).await
}

async fn settle(
    State(app): State<App>,
    visitor: Visitor,
    Path((contract, id)): Path<(String, String)>,
    act: LetterAct,
) -> Result<Json<Value>, WebError> {
    of(&app, &contract, &id).await?;
    app.settle_letter(&contract, &id, act, visitor.actor())
        .await?;
    Ok(Json(json_of(&of(&app, &contract, &id).await?)))
}
