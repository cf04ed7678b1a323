//! 予定表の購読: the dates of a contract for a person's own calendar program. The address is the
//! only key to it, so it is secret, per person and contract, kept as its digest, and can be
//! renewed or taken away; it holds dates and titles and nothing else.

use std::collections::BTreeMap;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use mamori_kernel::clock::tokyo_midnight;
use mamori_kernel::merkle::Digest;
use mamori_runtime::App;
use mamori_store::args;
use mamori_web::{WebError, colleague, trail};

use super::super::CONTRACT;
use super::super::view;
use super::ics::{self, Event};
use crate::Office;
use crate::contracts::Live;
use crate::deadlines;

/// Since when a person has a feed of a contract.
pub async fn since(
    app: &App,
    user: &str,
    contract: &str,
) -> Result<Option<jiff::Timestamp>, WebError> {
    let row = app
        .db
        .fetch_optional(
            "SELECT created_ms FROM office_feed WHERE user_id = $1 AND contract = $2",
            args![user, contract],
        )
        .await?;
    Ok(row.map(|row| row.get("created_ms")).transpose()?)
}

/// Makes a feed, in place of the one there was; gives its secret, which nobody can ask for again.
pub async fn renew(app: &App, user: &str, contract: &str) -> Result<String, WebError> {
    // A program with a token has no calendar.
    colleague::find(app, contract, user)
        .await?
        .filter(|person| person.role.allows(CONTRACT))
        .ok_or(WebError::Forbidden)?;
    let secret = Digest::of(&rand::random::<[u8; 32]>()).to_hex();
    let mut tx = app.db.begin_write().await?;
    tx.execute(
        "DELETE FROM office_feed WHERE user_id = $1 AND contract = $2",
        args![user, contract],
    )
    .await?;
    tx.execute(
        "INSERT INTO office_feed (token_hash, user_id, contract, created_ms) \
         VALUES ($1, $2, $3, $4)",
        args![kept(&secret), user, contract, app.now()],
    )
    .await?;
    trail::own(app, &mut tx, user, contract, "feed-opened").await?;
    tx.commit().await?;
    Ok(secret)
}

/// Takes a feed away.
pub async fn revoke(app: &App, user: &str, contract: &str) -> Result<(), WebError> {
    let mut tx = app.db.begin_write().await?;
    let sql = "DELETE FROM office_feed WHERE user_id = $1 AND contract = $2";
    if tx.execute(sql, args![user, contract]).await? > 0 {
        trail::own(app, &mut tx, user, contract, "feed-closed").await?;
    }
    tx.commit().await?;
    Ok(())
}

/// What is kept of a secret. A digest without salt is enough for 256 random bits.
fn kept(secret: &str) -> String {
    Digest::of(secret.as_bytes()).to_hex()
}

/// `GET /calendar/{secret}.ics`: for whoever has the address, as long as the person it was made
/// for may look into the contract.
pub(super) async fn serve(
    State(app): State<App>,
    Path(file): Path<String>,
    headers: HeaderMap,
) -> Result<Response, WebError> {
    let missing = || WebError::NotFound("予定表".to_owned());
    let secret = file.strip_suffix(".ics").ok_or_else(missing)?;
    let row = app
        .db
        .fetch_optional(
            "SELECT user_id, contract FROM office_feed WHERE token_hash = $1",
            args![kept(secret)],
        )
        .await?
        .ok_or_else(missing)?;
    let contract = row.text("contract")?;
    colleague::find(&app, &contract, &row.text("user_id")?)
        .await?
        .filter(|person| person.role.allows(CONTRACT))
        .ok_or_else(missing)?;
    let office = Office::of(&app).map_err(WebError::bug)?;
    let live = office
        .contracts
        .live(&contract)
        .await
        .map_err(view::contract_error)?;
    let name = &live.contract().file.contract.name;
    let stamp = tokyo_midnight(live.contract().term.first());
    let body = ics::calendar(name, stamp, &events(&live));
    let tag = ics::tag(&body);
    let known = headers
        .get(header::IF_NONE_MATCH)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|tags| tags == "*" || tags.split(',').any(|one| is_tag(one, &tag)));
    let mut response = if known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        body.into_response()
    };
    let headers = response.headers_mut();
    headers.insert(
        header::ETAG,
        HeaderValue::from_str(&tag).expect("hex in quotes"),
    );
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("private, no-cache"),
    );
    if !known {
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/calendar; charset=utf-8"),
        );
    }
    Ok(response)
}

/// Compression makes a tag weak; it still names the same feed.
fn is_tag(given: &str, tag: &str) -> bool {
    let given = given.trim();
    given.strip_prefix("W/").unwrap_or(given) == tag
}

/// The dates of a contract, each with the same id whenever it is asked for.
fn events(live: &Live) -> Vec<Event> {
    let mut seen: BTreeMap<String, u32> = BTreeMap::new();
    live.dues()
        .iter()
        .filter_map(|due| {
            let day = due.due?;
            let what = due.deliverable.as_deref().unwrap_or(&due.obligation);
            let key = format!("{what}/{}", due.period);
            // Two dates of one duty in one period are told apart by their order.
            let nth = seen.entry(key.clone()).or_default();
            *nth += 1;
            let place = if *nth == 1 {
                String::new()
            } else {
                format!("/{nth}")
            };
            Some(Event {
                uid: format!("{key}{place}@{}.mamori", live.id()),
                day,
                title: format!("{} {}", deadlines::title(due), view::period_ja(due.period)),
            })
        })
        .collect()
}
