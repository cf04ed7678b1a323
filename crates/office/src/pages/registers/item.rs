//! An item: what it says, what can be done with it now, and its story in the ledger.

use askama::Template;
use axum::extract::Request;
use axum::response::{IntoResponse as _, Redirect, Response};
use mamori_kernel::permission::Permission;
use mamori_web::components::{Cell, Event, percent_encoded};
use mamori_web::{Field, Page, Tone, WebError, apart, form_page, html};
use serde_json::{Map, Value};

use super::act::find;
use super::sent::Sent;
use super::{Here, desk_error, label, value};
use crate::api::way_for;
use crate::office::Office;
use crate::pages::names::Names;
use crate::pages::view;
use crate::pages::{DOCUMENT, LEDGER};
use crate::register::form::FileRef;
use crate::register::{HistoryEntry, Stored};

/// A possible act.
struct Act {
    href: String,
    label: String,
    kind: &'static str,
}

#[derive(Template)]
#[template(path = "registers/item.html")]
struct ItemPage {
    page: Page,
    number: String,
    state: String,
    tone: Tone,
    waits: String,
    acts: Vec<Act>,
    facts: Vec<(String, Cell)>,
    files: Vec<(String, Cell)>,
    story: Vec<Event>,
    erase: Option<Vec<Field>>,
    erase_action: String,
    hidden: bool,
}

/// The page of an item.
pub(super) async fn page(here: &Here, reference: &str) -> Result<Response, WebError> {
    let item = find(here, reference).await?;
    html(&made(here, item, "").await?)
}

async fn made(here: &Here, item: Stored, problem: &str) -> Result<ItemPage, WebError> {
    let spec = here.register.spec;
    let mut page = here.page("");
    page.title.clone_from(&item.title);
    let history = here
        .desk
        .history(&here.contract, here.register, &item.id)
        .await
        .map_err(desk_error)?;
    let waiting = value::waiting(here, &item);
    let waits = match (waiting.running, waiting.days) {
        (true, days) => page.t1("registers-waiting-days", "days", days),
        (false, 0) => String::new(),
        (false, days) => page.t1("registers-waited-days", "days", days),
    };
    let address = here.item(&item.number);
    let mut acts: Vec<Act> = spec
        .possible(Some(&item.state))
        .filter_map(|act| {
            let way = way_for(here.register, act, &here.visitor)?;
            Some(Act {
                href: format!("{address}/{}{}", act.name, way.suffix),
                label: label::act(&page, spec, act),
                kind: match act.name {
                    "withdraw" => "quiet",
                    "return" | "refuse" | "amend" | "correct" | "end" => "secondary",
                    // What was done can be done again, but is not the next thing to do.
                    _ if act.to.is_none_or(|to| to == item.state) => "secondary",
                    _ => "",
                },
            })
        })
        .collect();
    // What goes on first, what takes back last.
    acts.sort_by_key(|act| {
        ["", "secondary", "quiet"]
            .iter()
            .position(|one| *one == act.kind)
    });
    let (tone, state) = value::badge(here, &page, &item.state);
    let may_erase = here.visitor.may(Permission::administer(spec.key))
        && history.iter().any(|entry| entry.personal.is_some());
    let erase = may_erase.then(|| {
        let reason = Field::long("reason", page.t("registers-erase-reason"), 500)
            .required()
            .error(problem);
        vec![reason]
    });
    let title = label::register(&page, spec);
    let names = Names::read(&here.app, &here.visitor, &page).await?;
    let mut facts = value::facts(here, &page, &named_all(&names, &item.data));
    let paper = paper(here, &item).await?;
    facts.extend(paper.map(|cell| (page.t("registers-paper"), cell)));
    Ok(ItemPage {
        facts,
        files: files(here, &page, &history),
        story: story(here, &page, &names, &history),
        hidden: !here.personal && history.iter().any(|entry| entry.personal.is_some()),
        page: page.under(&title, here.list()).here(),
        number: item.number,
        state,
        tone,
        waits,
        acts,
        erase,
        erase_action: format!("{address}/erase-personal"),
    })
}

/// The paper that was made of an approval, for those who may read papers.
async fn paper(here: &Here, item: &Stored) -> Result<Option<Cell>, WebError> {
    if here.register.spec.key != "approval" || !here.visitor.may(DOCUMENT) {
        return Ok(None);
    }
    // Without contracts in force there are registers and no papers.
    let Ok(office) = Office::of(&here.app) else {
        return Ok(None);
    };
    let live = office.contracts.live(&here.contract).await;
    let live = live.map_err(view::contract_error)?;
    let gate = item.data.get("gate").and_then(Value::as_str);
    let document = gate
        .and_then(|gate| live.contract().gate(gate))
        .and_then(|gate| gate.deliverable.as_deref());
    let Some(document) = document else {
        return Ok(None);
    };
    // A paper is asked for by the number that people know, or by the id.
    for about in [&item.number, &item.id] {
        let found = office.papers.find(&here.contract, document, about).await;
        if let Some(found) = found.map_err(view::paper_error)? {
            let number = percent_encoded(&found.number);
            let href = here.visitor.at(&format!("/documents/{number}"));
            let words = format!("{} {}", found.number, found.title);
            return Ok(Some(Cell::link(href, words)));
        }
    }
    Ok(None)
}

/// The values with people's names where they name accounts: ids are for the ledger.
fn named_all(names: &Names, values: &Map<String, Value>) -> Map<String, Value> {
    values
        .iter()
        .map(|(key, one)| (key.clone(), named(names, one)))
        .collect()
}

fn named(names: &Names, value: &Value) -> Value {
    match value {
        Value::String(text) if text.starts_with("person:") => Value::String(names.of(text)),
        Value::Array(list) => list.iter().map(|one| named(names, one)).collect(),
        Value::Object(map) => Value::Object(named_all(names, map)),
        other => other.clone(),
    }
}

/// Every file that the item's records name, the newest first.
fn files(here: &Here, page: &Page, history: &[HistoryEntry]) -> Vec<(String, Cell)> {
    let mut files = Vec::new();
    for entry in history.iter().rev() {
        for file in &entry.attachments {
            let reference = FileRef {
                name: file.name.clone(),
                media_type: file.media_type.clone(),
                sha256: file.sha256.to_hex(),
            };
            let told = format!("{} {}", page.moment(entry.at), act_label(here, page, entry));
            let href = value::file_href(here, &reference);
            files.push((told, Cell::link(href, reference.name)));
        }
    }
    files
}

/// The story, the newest first: each record with what it changed.
fn story(here: &Here, page: &Page, names: &Names, history: &[HistoryEntry]) -> Vec<Event> {
    let mut before = Map::new();
    let mut events = Vec::new();
    for entry in history {
        let mut after = entry
            .payload
            .as_object()
            .map(|values| named_all(names, values))
            .unwrap_or_default();
        if here.personal
            && let Some(personal) = entry.personal.as_ref().and_then(Value::as_object)
        {
            after.extend(named_all(names, personal));
        }
        let state = after
            .get("state")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let mut text = changes(here, page, &before, &after);
        if entry.erased {
            text.push(' ');
            text.push_str(&page.t("registers-erased"));
        }
        let entered = match after.get("entered_by").and_then(Value::as_str) {
            Some("city") => page.t("registers-by-city"),
            Some("contractor") => page.t("registers-by-contractor"),
            _ => String::new(),
        };
        events.push(Event {
            iso: entry.at.to_string(),
            at: page.moment(entry.at),
            tone: super::listed::tone(here.register.spec.key, state),
            title: act_label(here, page, entry),
            text,
            who: format!("{} {entered}", names.of(&entry.actor))
                .trim()
                .to_owned(),
            // The desk sees its own work's story, but not the ledger.
            href: if here.visitor.may(LEDGER) {
                here.visitor.at(&format!("/ledger?seq={}", entry.seq))
            } else {
                String::new()
            },
        });
        // Personal values are those of one act; the public ones are the whole item.
        before = after;
    }
    events.reverse();
    events
}

fn act_label(here: &Here, page: &Page, entry: &HistoryEntry) -> String {
    let spec = here.register.spec;
    let act = spec.acts.iter().find(|act| act.kind == entry.kind);
    act.map_or_else(
        || entry.kind_ja.clone(),
        |act| {
            page.t_or(
                &format!("register-{}-did-{}", spec.key, act.name),
                &entry.kind_ja,
            )
        },
    )
}

/// What a record says that the one before did not.
fn changes(
    here: &Here,
    page: &Page,
    before: &Map<String, Value>,
    after: &Map<String, Value>,
) -> String {
    let spec = here.register.spec;
    let mut told = Vec::new();
    for name in value::names(spec) {
        let (old, new) = (before.get(name), after.get(name));
        if old == new || new.is_none_or(Value::is_null) {
            continue;
        }
        let words = value::words(&value::cell(here, page, name, new));
        let words = apart(&words);
        told.push(format!("{}: {words}", label::named(page, spec, name)));
    }
    told.join(page.t("registers-between").as_str())
}

/// Erases the personal values of an item, with the reason for it.
pub(super) async fn erase(
    here: &Here,
    reference: &str,
    request: Request,
) -> Result<Response, WebError> {
    let sent = Sent::read(request).await?;
    let reason = sent.value("reason").unwrap_or_default().trim().to_owned();
    let item = find(here, reference).await?;
    let page = here.page("");
    if reason.is_empty() || reason.chars().count() > 500 {
        let problem = page.t("registers-erase-reason-wrong");
        return form_page(&made(here, item, &problem).await?);
    }
    let erased = here
        .desk
        .erase_personal(
            &here.contract,
            here.register,
            &item.id,
            &reason,
            &here.visitor.actor(),
        )
        .await
        .map_err(desk_error)?;
    let text = page.t1("registers-erase-done", "count", erased);
    here.visitor.flash(&here.app, Tone::Ok, text).await?;
    Ok(Redirect::to(&here.item(&item.number)).into_response())
}
