//! The JSON API of who was shown personal data: `GET /audit?who&contract&from&to`, for administrators
//! and auditors.

use axum::extract::{Query, State};
use axum::response::Response;
use jiff::civil::Date;
use mamori_kernel::permission::{AUDIT, Permission};
use mamori_runtime::describe::{Operation, schema};
use mamori_runtime::{App, Route};
use serde::Deserialize;
use serde_json::{Value, json};

use super::people::personal;
use super::{PageQuery, page};
use crate::audit::{self, Reading, Search};
use crate::error::{FieldError, WebError};

pub(super) fn routes() -> Vec<Route> {
    let about = |ja: &str, en: &str| Operation::new("people", ja, en);
    vec![
        Route::get("/api/v1/audit", Permission::read(AUDIT), readings)
            .personal(AUDIT, [])
            .describe(
                about(
                    "個人情報を見た記録（新しい順）",
                    "Who was shown personal data, newest first",
                )
                .query(
                    "who",
                    "利用者かトークンの id",
                    "Id of a person or token",
                    schema::text_within(60),
                )
                .query(
                    "contract",
                    "契約の番号",
                    "Id of a contract",
                    schema::text_within(100),
                )
                .query("from", "初日", "First day", schema::date())
                .query("to", "末日", "Last day, included", schema::date())
                .paged()
                .gives(schema::page(reading())),
            ),
    ]
}

fn reading() -> Value {
    schema::named(
        "Reading",
        schema::object([
            ("at", schema::timestamp()),
            ("who", schema::text()),
            ("who_kind", schema::word(["person", "token"])),
            ("name", personal(schema::text())),
            ("contract", schema::text()),
            ("area", schema::text()),
            ("item", schema::text()),
            ("address", personal(schema::text())),
        ]),
    )
}

#[derive(Debug, Default, Deserialize)]
struct AuditQuery {
    #[serde(default)]
    who: String,
    #[serde(default)]
    contract: String,
    from: Option<String>,
    to: Option<String>,
    #[serde(flatten)]
    page: PageQuery,
}

/// `from` and `to` of a query; each that is no day is told.
pub(super) fn days(
    from: Option<&String>,
    to: Option<&String>,
) -> Result<(Option<Date>, Option<Date>), WebError> {
    let mut wrong = Vec::new();
    let mut day = |field: &str, text: Option<&String>| -> Option<Date> {
        let day = text?.parse().ok();
        if day.is_none() {
            wrong.push(FieldError {
                field: field.to_owned(),
                message: "2026-10-01 のように書いてください".to_owned(),
            });
        }
        day
    };
    let days = (day("from", from), day("to", to));
    if wrong.is_empty() {
        return Ok(days);
    }
    Err(WebError::Invalid {
        message: "条件に誤りがあります".to_owned(),
        fields: wrong,
    })
}

impl AuditQuery {
    fn search(&self) -> Result<Search, WebError> {
        let days = days(self.from.as_ref(), self.to.as_ref())?;
        Ok(Search::on_days(&self.who, &self.contract, days))
    }
}

fn reading_json(row: &Reading) -> Value {
    json!({
        "at": row.at,
        "who": row.who,
        "who_kind": row.who_kind,
        "name": row.name,
        "contract": row.contract,
        "area": row.area,
        "item": row.item,
        "address": row.address,
    })
}

async fn readings(
    State(app): State<App>,
    Query(query): Query<AuditQuery>,
) -> Result<Response, WebError> {
    let search = query.search()?;
    let paging = query.page.of(audit::count(&app, &search).await?);
    let rows = audit::list(&app, &search, paging.offset(), paging.per_page).await?;
    Ok(page(
        &rows.iter().map(reading_json).collect::<Vec<_>>(),
        paging,
    ))
}
