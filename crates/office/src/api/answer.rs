//! What the API answers: items with their state in words and the acts that are possible now.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use mamori_kernel::permission::{ASKING, Permission};
use mamori_web::api::Paging;
use mamori_web::{FieldError, Visitor, WebError};
use serde::Serialize;

use crate::register::{DeskError, Page, Refusal, Register, Stored, Warning};
use crate::terms::TermsError;

/// An item as the API shows it.
#[derive(Debug, Serialize)]
pub struct ItemView {
    #[serde(flatten)]
    item: Stored,
    state_ja: &'static str,
    acts: Vec<ActView>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Warning>,
    /// Versions of a paper, oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub versions: Vec<serde_json::Value>,
}

/// An act that this person may do on the item now.
#[derive(Debug, Serialize)]
struct ActView {
    name: &'static str,
    title_ja: &'static str,
    href: String,
}

impl ItemView {
    /// The item as `visitor` may see it.
    pub fn new(register: &'static Register, mut item: Stored, visitor: &Visitor) -> Self {
        let spec = register.spec;
        if !sees_personal(register, visitor) {
            item.data.retain(|field, _| !spec.is_personal(field));
        }
        let base = address(&item);
        let mut acts = Vec::new();
        for act in spec.possible(Some(&item.state)) {
            if let Some(way) = super::way_for(register, act, visitor) {
                acts.push(ActView {
                    name: act.name,
                    title_ja: act.title_ja,
                    href: format!("{base}/{}{}", act.name, way.suffix),
                });
            }
        }
        let state_ja = spec
            .states
            .iter()
            .find(|(key, _)| *key == item.state)
            .map_or("", |(_, title)| *title);
        Self {
            item,
            state_ja,
            acts,
            warnings: Vec::new(),
            versions: Vec::new(),
        }
    }
}

/// To whom personal values are shown: to those who work with the register, not to lookers-on.
pub fn seen_by(register: &Register) -> Vec<Permission> {
    let area = register.spec.key;
    let mut permissions = vec![Permission::write(area), Permission::accept(area)];
    if area == "question" {
        permissions.push(Permission::write(ASKING));
    }
    permissions
}

/// Whether personal values are shown to this person.
pub fn sees_personal(register: &Register, visitor: &Visitor) -> bool {
    seen_by(register).into_iter().any(|one| visitor.may(one))
}

fn address(item: &Stored) -> String {
    address_of(&item.contract, &item.register, &item.id)
}

/// The address of an item, by its id or (encoded) number.
pub(crate) fn address_of(contract: &str, register: &str, item: &str) -> String {
    let list = match register {
        "document" => "documents",
        register => register,
    };
    format!("/api/v1/contracts/{contract}/{list}/{item}")
}

/// An item with its `ETag`, and its `Location` when it is new.
pub fn item(status: StatusCode, view: &ItemView) -> Response {
    let mut response = (status, Json(view)).into_response();
    let headers = response.headers_mut();
    let tag = format!("\"{}\"", view.item.revision);
    headers.insert(
        header::ETAG,
        HeaderValue::from_str(&tag).expect("digits in quotes"),
    );
    if status == StatusCode::CREATED
        && let Ok(location) = HeaderValue::from_str(&address(&view.item))
    {
        headers.insert(header::LOCATION, location);
    }
    response
}

/// A page of a list as `visitor` may see it.
pub fn page(register: &'static Register, page: Page, visitor: &Visitor) -> Response {
    let paging = Paging {
        total: page.total,
        page: u64::from(page.page),
        per_page: u64::from(page.per_page),
    };
    let items: Vec<ItemView> = page
        .items
        .into_iter()
        .map(|item| ItemView::new(register, item, visitor))
        .collect();
    mamori_web::api::page(&items, paging)
}

/// What the desk refused, as an answer.
pub fn refuse(error: DeskError) -> WebError {
    let text = error.to_string();
    match error {
        DeskError::Refused(Refusal::Fields(problems)) => WebError::Invalid {
            message: "入力に誤りがあります".to_owned(),
            fields: problems
                .into_iter()
                .map(|problem| FieldError {
                    field: problem.field,
                    message: format!("{}: {}", problem.label_ja, problem.message_ja),
                })
                .collect(),
        },
        DeskError::Refused(_) | DeskError::KeyReused(_) => WebError::Conflict(text),
        DeskError::Stale { revision, .. } => WebError::Stale {
            message: text,
            present: revision,
        },
        DeskError::NotFound {
            register_ja,
            reference,
        } => WebError::NotFound(format!("{register_ja}「{reference}」")),
        DeskError::UnknownAct { .. } => WebError::invalid(text),
        DeskError::Terms(TermsError::NoContract(contract)) => {
            WebError::NotFound(format!("有効な契約「{contract}」"))
        }
        DeskError::Terms(error @ TermsError::Unavailable(_)) => WebError::Unavailable(error.into()),
        DeskError::Store(error) => error.into(),
        DeskError::Ledger(error) => error.into(),
        error @ (DeskError::Misfit(_) | DeskError::Notify(_)) => WebError::bug(error),
    }
}
