//! The JSON API of what people decide about an obligation: who answers for it, and how an ambiguity
//! of its text is to be read.
//!
//! | verb and path | permission | what |
//! |---|---|---|
//! | `GET …/obligations/{key}/person` | contract.read | who answers for it |
//! | `POST …/obligations/{key}/person` (`{"person"}`) | obligation.decide | says who; nobody when empty |
//! | `POST …/obligations/{key}/reading` | consultation.decide | records how the city decided |
//!
//! The same person again changes nothing, so naming one needs no `Idempotency-Key`.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use mamori_kernel::merkle::Digest;
use mamori_runtime::{App, Route};
use mamori_web::api::idempotency_key;
use mamori_web::{FieldError, Page, Visitor, WebError};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::contract::{live, obligation_json, obligation_of, office};
use super::{describe, schemas_now};
use crate::pages::CONTRACT;
use crate::pages::board::assign::{self, ASSIGN, Outcome, People};
use crate::pages::board::reading::{self, DECIDE};

pub fn routes() -> Vec<Route> {
    vec![
        Route::get(
            "/api/v1/contracts/{contract}/obligations/{key}/person",
            CONTRACT,
            person,
        )
        .describe(schemas_now::person()),
        Route::post(
            "/api/v1/contracts/{contract}/obligations/{key}/person",
            ASSIGN,
            name,
        )
        .describe(schemas_now::name(describe::of::<Named>())),
        Route::post(
            "/api/v1/contracts/{contract}/obligations/{key}/reading",
            DECIDE,
            settle,
        )
        .describe(schemas_now::settle(describe::of::<Decided>())),
    ]
}

async fn told(
    app: &App,
    contract: &str,
    visitor: &Visitor,
    key: &str,
) -> Result<Json<Value>, WebError> {
    let people = People::read(app, contract, visitor).await?;
    let id = people.of(key);
    let shown = id.filter(|_| people.are_shown());
    let name = shown.and_then(|id| people.colleagues.iter().find(|one| one.id == id));
    Ok(Json(json!({
        "obligation": key,
        "assigned": id.is_some(),
        "person": shown,
        "name": name.map(|one| &one.name),
    })))
}

async fn person(
    State(app): State<App>,
    Path((contract, key)): Path<(String, String)>,
    visitor: Visitor,
) -> Result<Json<Value>, WebError> {
    let live = live(&app, &contract).await?;
    obligation_of(&live, &key)?;
    told(&app, live.id(), &visitor, &key).await
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Named {
    /// Id of the account that answers for it; nobody when empty.
    #[schemars(length(max = 60))]
    person: String,
}

fn wrong(field: &str, message: impl Into<String>) -> FieldError {
    FieldError {
        field: field.to_owned(),
        message: message.into(),
    }
}

async fn name(
    State(app): State<App>,
    Path((contract, key)): Path<(String, String)>,
    visitor: Visitor,
    Json(body): Json<Named>,
) -> Result<Json<Value>, WebError> {
    let live = live(&app, &contract).await?;
    obligation_of(&live, &key)?;
    let user = body.person.trim();
    let named = assign::assign(&app, &visitor, (live.id(), &key), user, None).await?;
    if !matches!(named, Outcome::Named) {
        let text = Page::bare(&app, visitor.language, "").t("board-who-wrong");
        return Err(WebError::Invalid {
            message: "担当する人を決められません".to_owned(),
            fields: vec![wrong("person", text)],
        });
    }
    told(&app, live.id(), &visitor, &key).await
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Decided {
    /// The ambiguity, `A-07`.
    #[schemars(length(min = 1, max = 20))]
    note: String,
    /// Key of the reading that was agreed.
    #[schemars(length(min = 1, max = 60))]
    reading: String,
    /// Number of the consultation in which it was agreed.
    #[schemars(length(min = 1, max = 64))]
    consultation: String,
    /// First day for which it holds.
    #[schemars(length(min = 1, max = 40))]
    from: String,
    /// Section of the city that decided; no person's name.
    #[serde(default)]
    #[schemars(length(max = 100))]
    by: String,
}

async fn settle(
    State(app): State<App>,
    Path((contract, key)): Path<(String, String)>,
    headers: HeaderMap,
    visitor: Visitor,
    Json(body): Json<Decided>,
) -> Result<Json<Value>, WebError> {
    let live = live(&app, &contract).await?;
    let obligation = obligation_of(&live, &key)?;
    let note = obligation
        .notes
        .iter()
        .find(|note| **note == body.note)
        .and_then(|note| live.contract().ambiguity(note))
        .ok_or_else(|| WebError::Invalid {
            message: "読み方を記録できません".to_owned(),
            fields: vec![wrong(
                "note",
                format!("この義務の注記: {}", obligation.notes.join(", ")),
            )],
        })?;
    // A key counts for whoever sends it, and has no length of its own in the chain.
    let once = idempotency_key(&headers)?.map_or_else(String::new, |key| {
        Digest::of(format!("{} {key}", visitor.id).as_bytes()).to_hex()
    });
    let form = reading::Form {
        note: body.note,
        reading: body.reading,
        consultation: body.consultation,
        from: body.from,
        by: body.by,
        once,
    };
    let texts = Page::bare(&app, visitor.language, "");
    let office = office(&app)?;
    match reading::record(&app, &office, &live, &visitor, &texts, note, &form).await? {
        Ok(()) => Ok(Json(obligation_json(&app, &live, &key).await?)),
        Err(problems) => Err(WebError::Invalid {
            message: "読み方を記録できません".to_owned(),
            fields: problems
                .named()
                .filter(|(_, message)| !message.is_empty())
                .map(|(field, message)| wrong(field, message))
                .collect(),
        }),
    }
}
