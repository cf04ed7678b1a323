//! The JSON API of changes of people and rights: `GET /audit/changes?who&from&to`, for
//! administrators and auditors.

use axum::extract::{Query, State};
use axum::response::Response;
use mamori_kernel::permission::{AUDIT, Permission};
use mamori_runtime::describe::{Operation, schema};
use mamori_runtime::{App, Route};
use serde::Deserialize;
use serde_json::{Value, json};

use super::people::personal;
use super::readings::days;
use super::{PageQuery, page};
use crate::changes::{self, About, Change, Search};
use crate::error::WebError;

pub(super) fn routes() -> Vec<Route> {
    let about = |ja: &str, en: &str| Operation::new("people", ja, en);
    vec![
        Route::get("/api/v1/audit/changes", Permission::read(AUDIT), list)
            .personal(AUDIT, [])
            .describe(
                about(
                    "利用者と権限の変更（新しい順）",
                    "Changes of people and rights, newest first",
                )
                .query(
                    "who",
                    "した人かされた人の id",
                    "Id of who did it or to whom it was done",
                    schema::text_within(60),
                )
                .query("from", "初日", "First day", schema::date())
                .query("to", "末日", "Last day, included", schema::date())
                .paged()
                .gives(schema::page(change())),
            ),
    ]
}

fn change() -> Value {
    schema::named(
        "Change",
        schema::object([
            ("seq", schema::integer_from(1)),
            ("at", schema::timestamp()),
            ("act", schema::text()),
            ("about", schema::word(About::ALL.map(About::as_str))),
            ("subject", schema::text()),
            ("subject_name", personal(schema::text())),
            ("role", schema::text()),
            ("who", schema::text()),
            ("who_kind", schema::word(["person", "job", "machine"])),
            ("name", personal(schema::text())),
        ]),
    )
}

#[derive(Debug, Default, Deserialize)]
struct ChangesQuery {
    #[serde(default)]
    who: String,
    from: Option<String>,
    to: Option<String>,
    #[serde(flatten)]
    page: PageQuery,
}

fn change_json(one: &Change) -> Value {
    json!({
        "seq": one.seq,
        "at": one.at,
        "act": one.act,
        "about": one.about.as_str(),
        "subject": one.subject,
        "subject_name": one.subject_name,
        "role": one.role,
        "who": one.who,
        "who_kind": one.who_kind,
        "name": one.name,
    })
}

async fn list(
    State(app): State<App>,
    Query(query): Query<ChangesQuery>,
) -> Result<Response, WebError> {
    let days = days(query.from.as_ref(), query.to.as_ref())?;
    let search = Search::on_days(&query.who, days);
    let paging = query.page.of(changes::count(&app, &search).await?);
    let rows = changes::list(&app, &search, paging.offset(), paging.per_page).await?;
    Ok(page(
        &rows.iter().map(change_json).collect::<Vec<_>>(),
        paging,
    ))
}
