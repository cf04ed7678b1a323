//! The pages of all registers, made from their descriptions: one list, one form, one page of an
//! item, whatever the register is.
//!
//! | address below `/c/{contract}/KEY` | what |
//! |---|---|
//! | (itself) | the list, as a page or as CSV |
//! | `/new`, `/new/as-city` | opens an item |
//! | `/{item}` | an item with its story |
//! | `/{item}/{act}`, `…/as-city` | an act, with the permission of the API's route of that name |
//! | `/{item}/erase-personal` | lawful erasure |
//!
//! Who may do what is not said here: [`crate::api::ways`] says it for pages and API alike. What a
//! register shows in its list is data ([`listed`]); what only one register has (the month's gauge
//! of work, the standings of attestations) is an own small module that the list asks.

mod act;
mod fields;
pub(crate) mod files;
mod item;
mod label;
mod list;
mod listed;
mod recent;
mod sent;
mod standings;
mod value;
mod work;

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::http::Uri;
use jiff::civil::Date;
use mamori_kernel::permission::Permission;
use mamori_runtime::{App, NavEntry, Route};
use mamori_web::components::percent_encoded;
use mamori_web::{Page, Visitor, WebError};

pub(crate) use fields::words as choice_words;

use super::view::desk_error;
use crate::REGISTERS;
use crate::api::{opening, ways};
use crate::files::MAX_BYTES;
use crate::reading;
use crate::register::{ActSpec, Desk, FieldKind, FieldSpec, Register};
use crate::terms::ContractTerms;

pub(super) use label::texts;
pub(super) use work::sentence;

/// What a form may weigh beside its file: every text field at its longest, in UTF-8, encoded.
const FORM_BYTES: usize = 1024 * 1024;

/// The routes of all registers' pages.
pub(super) fn routes() -> Vec<Route> {
    let mut routes = vec![
        Route::get(
            "/c/{contract}/files/{sha256}/{name}",
            Permission::read("file"),
            files::give,
        )
        .personal("file", []),
    ];
    for register in &REGISTERS {
        routes.extend(reading::declare(register, of(register)));
    }
    routes
}

/// The registers' menu.
pub(super) fn navigation() -> Vec<NavEntry> {
    listed::LISTED
        .iter()
        .map(|listed| NavEntry {
            label: listed.nav,
            href: listed.href,
            permission: Permission::read(listed.key),
            group: listed.group,
            order: listed.order,
        })
        .collect()
}

fn of(register: &'static Register) -> Vec<Route> {
    let key = register.spec.key;
    // Paths live as long as the program and are made once per process.
    let path = |rest: &str| -> &'static str { format!("/c/{{contract}}/{key}{rest}").leak() };
    let mut routes = vec![
        Route::get(
            path(""),
            Permission::read(key),
            move |State(app): State<App>, visitor: Visitor, uri: Uri| async move {
                list::page(Here::new(app, visitor, register).await?, uri).await
            },
        ),
        Route::get(
            path("/{item}"),
            Permission::read(key),
            move |State(app): State<App>,
                  visitor: Visitor,
                  Path((_, item)): Path<(String, String)>| async move {
                item::page(&Here::new(app, visitor, register).await?, &item).await
            },
        ),
        Route::post(
            path("/{item}/erase-personal"),
            Permission::administer(key),
            move |State(app): State<App>,
                  visitor: Visitor,
                  Path((_, item)): Path<(String, String)>,
                  request: Request| async move {
                item::erase(&Here::new(app, visitor, register).await?, &item, request).await
            },
        ),
    ];
    for way in ways(register, opening(register)) {
        let address = path(&format!("/new{}", way.suffix));
        routes.push(Route::get(
            address,
            way.permission,
            move |State(app): State<App>, visitor: Visitor, uri: Uri| async move {
                act::show_new(&Here::new(app, visitor, register).await?, way.side, &uri).await
            },
        ));
        routes.push(
            Route::post(
                address,
                way.permission,
                move |State(app): State<App>, visitor: Visitor, request: Request| async move {
                    let here = Here::new(app, visitor, register).await?;
                    act::perform_new(&here, way.side, request).await
                },
            )
            .with_body_limit(body_limit(register.spec.possible(None))),
        );
    }
    for act in register.spec.acts.iter().filter(|act| !act.opens()) {
        for way in ways(register, act) {
            let address = path(&format!("/{{item}}/{}{}", act.name, way.suffix));
            routes.push(Route::get(
                address,
                way.permission,
                move |State(app): State<App>,
                      visitor: Visitor,
                      Path((_, item)): Path<(String, String)>| async move {
                    let here = Here::new(app, visitor, register).await?;
                    act::show(&here, act, way.side, &item).await
                },
            ));
            routes.push(
                Route::post(
                    address,
                    way.permission,
                    move |State(app): State<App>,
                          visitor: Visitor,
                          Path((_, item)): Path<(String, String)>,
                          request: Request| async move {
                        let here = Here::new(app, visitor, register).await?;
                        act::perform(&here, act, way.side, &item, request).await
                    },
                )
                .with_body_limit(body_limit(std::iter::once(act))),
            );
        }
    }
    routes
}

/// What the forms of these acts may weigh.
fn body_limit<'a>(acts: impl Iterator<Item = &'a ActSpec>) -> usize {
    let with_file = acts.flat_map(|act| act.fields).any(takes_file);
    if with_file {
        MAX_BYTES + FORM_BYTES
    } else {
        FORM_BYTES
    }
}

/// Whether a file can be given in a field.
fn takes_file(field: &FieldSpec) -> bool {
    match field.kind {
        FieldKind::File => true,
        FieldKind::Rows(inner) => inner.iter().any(takes_file),
        _ => false,
    }
}

/// What every page of a register knows.
struct Here {
    app: App,
    visitor: Visitor,
    register: &'static Register,
    desk: Desk,
    terms: Arc<dyn ContractTerms>,
    contract: String,
    today: Date,
    /// Whether the visitor sees personal values.
    personal: bool,
}

impl Here {
    async fn new(
        app: App,
        visitor: Visitor,
        register: &'static Register,
    ) -> Result<Self, WebError> {
        // The guard has read the address and knows that the visitor may come here.
        let contract = visitor
            .contract
            .clone()
            .ok_or_else(|| WebError::NotFound("契約".to_owned()))?;
        let desk = Desk::of(&app).map_err(crate::api::answer::refuse)?;
        let today = desk.today();
        let terms = desk
            .terms(&contract, today)
            .await
            .map_err(|error| crate::api::answer::refuse(error.into()))?;
        Ok(Self {
            personal: crate::api::answer::sees_personal(register, &visitor),
            app,
            visitor,
            register,
            desk,
            terms,
            contract,
            today,
        })
    }

    /// The shell of a page of this register; `title` is data.
    fn page(&self, title: &str) -> Page {
        Page::new(&self.app, &self.visitor, title)
    }

    /// Address of the list.
    fn list(&self) -> String {
        self.visitor.at(&format!("/{}", self.register.spec.key))
    }

    /// Address of an item.
    fn item(&self, number: &str) -> String {
        format!("{}/{}", self.list(), percent_encoded(number))
    }

    /// Where a visitor who may open an item does it.
    fn new_href(&self) -> Option<String> {
        let way = crate::api::way_for(self.register, opening(self.register), &self.visitor)?;
        Some(format!("{}/new{}", self.list(), way.suffix))
    }
}
