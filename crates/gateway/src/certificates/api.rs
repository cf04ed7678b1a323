//! The JSON API of certificates: `/api/v1/contracts/{contract}/gateway/certificates…`.
//!
//! | verb and path | permission | what |
//! |---|---|---|
//! | `GET /gateway/certificates` | read | each site's certificate and how its renewal stands |
//! | `POST /gateway/certificates/{site}/renew` | decide | asks the authority for a new one now |
//!
//! Asked twice, one order is made, so no `Idempotency-Key` is needed.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use mamori_runtime::describe::{Operation, schema};
use mamori_runtime::{App, Route};
use mamori_web::api::PageQuery;
use mamori_web::{Visitor, WebError};
use serde_json::{Value, json};

use super::desk::{self, Held};
use super::jobs::source_word;
use crate::acme::Standing;
use crate::acme::trouble::Kind;
use crate::pages::{self, DECIDE, READ};

const SOURCES: [&str; 4] = ["files", "acme", "self-made", "none"];
const STANDINGS: [&str; 3] = ["fine", "due", "waits"];

/// The routes.
pub fn routes() -> Vec<Route> {
    let about = |ja: &str, en: &str| Operation::new("gateway", ja, en);
    vec![
        Route::get(
            "/api/v1/contracts/{contract}/gateway/certificates",
            READ,
            list,
        )
        .describe(
            about("サイトの証明書", "Certificates of the sites")
                .paged()
                .gives(schema::page(certificate_schema())),
        ),
        Route::post(
            "/api/v1/contracts/{contract}/gateway/certificates/{site}/renew",
            DECIDE,
            renew,
        )
        .describe(
            about("証明書をいますぐ更新する", "Ask for a new certificate now")
                .gives(certificate_schema()),
        ),
    ]
}

fn certificate_schema() -> Value {
    let mut words = vec![""];
    words.extend(Kind::ALL.iter().map(|kind| kind.word()));
    schema::named(
        "SiteCertificate",
        schema::object([
            ("site", schema::text()),
            ("hosts", schema::list(schema::text())),
            ("source", schema::word(SOURCES)),
            ("issuer", schema::nullable(schema::text())),
            ("names", schema::list(schema::text())),
            ("not_before", schema::nullable(schema::timestamp())),
            ("not_after", schema::nullable(schema::timestamp())),
            ("days_left", schema::nullable(schema::integer())),
            ("covers_hosts", schema::boolean()),
            ("renews_at", schema::nullable(schema::timestamp())),
            ("order", schema::word(STANDINGS)),
            ("waits_until", schema::nullable(schema::timestamp())),
            ("tried_at", schema::nullable(schema::timestamp())),
            ("trouble", schema::word(words)),
            ("detail", schema::text()),
        ]),
    )
}

fn certificate_json(app: &App, held: &Held) -> Value {
    let (facts, ordered) = (held.facts.as_ref(), held.is_ordered());
    let (order, waits_until) = match held.standing {
        _ if !ordered => ("fine", None),
        Standing::Fine => ("fine", None),
        Standing::Due => ("due", None),
        Standing::Waits(until) => ("waits", Some(until)),
    };
    json!({
        "site": held.site.name,
        "hosts": held.site.hosts,
        "source": source_word(&held.site),
        "issuer": facts.map(|facts| &facts.issuer),
        "names": facts.map(|facts| facts.names.clone()).unwrap_or_default(),
        "not_before": facts.map(|facts| facts.not_before),
        "not_after": facts.map(|facts| facts.not_after),
        "days_left": facts.map(|facts| facts.days_left(app.now())),
        "covers_hosts": facts.is_some_and(|facts| facts.covers(&held.site.hosts)),
        "renews_at": held.renews_at(),
        "order": order,
        "waits_until": waits_until,
        "tried_at": held.state.tried_at,
        "trouble": held.state.trouble,
        "detail": held.state.detail,
    })
}

async fn list(
    State(app): State<App>,
    Path(contract): Path<String>,
    Query(asked): Query<PageQuery>,
) -> Result<Response, WebError> {
    let held = desk::held(&app, &contract).await?;
    let items: Vec<Value> = held
        .iter()
        .map(|held| certificate_json(&app, held))
        .collect();
    Ok(asked.cut(&items))
}

async fn renew(
    State(app): State<App>,
    Path((contract, site)): Path<(String, String)>,
    visitor: Visitor,
) -> Result<Json<Value>, WebError> {
    let held = desk::want(&app, &contract, &site, visitor.actor())
        .await
        .map_err(pages::refused)?;
    Ok(Json(certificate_json(&app, &held)))
}
