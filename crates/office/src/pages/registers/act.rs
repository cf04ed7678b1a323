//! Opens an item or acts on one: the form, and what becomes of it.
//!
//! Whatever is wrong, the form comes back with everything that was typed: beside its fields what
//! they lack (422), above it what forbids the act (409), and when somebody else was faster what
//! changed in between, with the form ready for the new state (409).

use askama::Template;
use axum::extract::{Query, Request};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse as _, Redirect, Response};
use mamori_web::components::{Comparison, form_key, percent_encoded};
use mamori_web::{Field, Page, Tone, WebError, form_page, html};
use serde_json::{Map, Value, json};

use super::fields::{self, Part, Wanted};
use super::sent::Sent;
use super::{Here, desk_error, label, recent, takes_file, value, work};
use crate::api::speaker;
use crate::register::{
    ActSpec, DeskError, Done, FieldKind, FieldProblem, Order, Refusal, Side, Stored,
};

/// Longest value taken from an address.
const LONGEST_PREFILL: usize = 4000;

#[derive(Template)]
#[template(path = "registers/act.html")]
struct ActPage {
    page: Page,
    lead: String,
    notice: String,
    remedy: Option<(String, String)>,
    compared: Option<Comparison>,
    parts: Vec<Part>,
    fields: Vec<Field>,
    action: String,
    once: String,
    revision: String,
    /// Whether sending it means a second item with the same words.
    again: bool,
    act: &'static str,
    others: Vec<(String, String)>,
    multipart: bool,
    draft: String,
    send: String,
    back: String,
}

/// What is shown around a form.
#[derive(Default)]
struct Around {
    notice: String,
    remedy: Option<(String, String)>,
    compared: Option<Comparison>,
    once: Option<String>,
    again: bool,
}

/// The form for a new item.
pub(super) async fn show_new(here: &Here, side: Side, uri: &Uri) -> Result<Response, WebError> {
    let pairs: Vec<(String, String)> =
        Query::try_from_uri(uri).map_or_else(|_| Vec::new(), |Query(pairs)| pairs);
    let asked = |name: &str| {
        pairs
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    };
    let act = opening_act(here, asked("act"))?;
    let mut values = Map::new();
    for field in act.fields {
        if matches!(field.kind, FieldKind::File | FieldKind::Rows(_)) {
            continue;
        }
        if let Some(value) = asked(field.name) {
            let value: String = value.chars().take(LONGEST_PREFILL).collect();
            values.insert(field.name.to_owned(), json!(value));
        }
    }
    let form = Form {
        act,
        side,
        item: None,
        values: &values,
        problems: &[],
        fresh: true,
    };
    html(&page(here, &form, Around::default()).await?)
}

/// Opens an item.
pub(super) async fn perform_new(
    here: &Here,
    side: Side,
    request: Request,
) -> Result<Response, WebError> {
    let sent = Sent::read(request).await?;
    let act = opening_act(here, sent.value("act").filter(|act| !act.is_empty()))?;
    carry_out(here, act, side, None, sent).await
}

/// The form of an act on an item.
pub(super) async fn show(
    here: &Here,
    act: &'static ActSpec,
    side: Side,
    reference: &str,
) -> Result<Response, WebError> {
    let item = find(here, reference).await?;
    let form = Form {
        act,
        side,
        values: &present(act, &item),
        item: Some(&item),
        problems: &[],
        fresh: true,
    };
    let mut around = Around::default();
    if !act.from.contains(&item.state.as_str()) {
        around.notice = not_now(here, act, &item);
    }
    html(&page(here, &form, around).await?)
}

/// Acts on an item.
pub(super) async fn perform(
    here: &Here,
    act: &'static ActSpec,
    side: Side,
    reference: &str,
    request: Request,
) -> Result<Response, WebError> {
    let sent = Sent::read(request).await?;
    let item = find(here, reference).await?;
    carry_out(here, act, side, Some(item), sent).await
}

/// The item of that number, without what the visitor may not see.
pub(super) async fn find(here: &Here, reference: &str) -> Result<Stored, WebError> {
    let mut item = here
        .desk
        .get(&here.contract, here.register, reference)
        .await
        .map_err(desk_error)?;
    let spec = here.register.spec;
    if !here.personal {
        item.data.retain(|field, _| !spec.is_personal(field));
    }
    Ok(item)
}

/// What stands in an act's fields when its form is opened: what the item says already.
fn present(act: &ActSpec, item: &Stored) -> Map<String, Value> {
    act.fields
        .iter()
        .filter_map(|field| {
            // A work entry keeps minutes, not what was typed as its hours.
            let name = match field.name {
                "request" => "request_number",
                name => name,
            };
            let value = item.data.get(name)?;
            Some((field.name.to_owned(), value.clone()))
        })
        .collect()
}

fn opening_act(here: &Here, name: Option<&str>) -> Result<&'static ActSpec, WebError> {
    let mut acts = here.register.spec.possible(None);
    let found = match name {
        None => acts.next(),
        Some(name) => acts.find(|act| act.name == name),
    };
    found.ok_or_else(|| WebError::NotFound(format!("操作「{}」", name.unwrap_or_default())))
}

/// A form to be shown.
struct Form<'a> {
    act: &'static ActSpec,
    side: Side,
    item: Option<&'a Stored>,
    values: &'a Map<String, Value>,
    problems: &'a [FieldProblem],
    fresh: bool,
}

async fn carry_out(
    here: &Here,
    act: &'static ActSpec,
    way: Side,
    item: Option<Stored>,
    mut sent: Sent,
) -> Result<Response, WebError> {
    let side = speaker(here.register, act, way, &here.visitor);
    let (values, problems) = sent.form(here, act).await?;
    if item.is_none()
        && problems.is_empty()
        && sent.value("again").is_none()
        && let Some(number) = recent::same(here, act, &values, sent.once().as_deref())
    {
        return same_again(here, act, way, &values, &number).await;
    }
    let outcome = if problems.is_empty() {
        let order = Order {
            side,
            revision: sent.revision(),
            key: sent.once(),
            ..Order::new(
                &here.contract,
                here.register,
                item.as_ref().map(|item| item.id.as_str()),
                act.name,
                values.clone(),
                here.visitor.actor(),
            )
        };
        here.desk.act(order).await
    } else {
        Err(Refusal::Fields(problems).into())
    };
    let error = match outcome {
        Ok(done) => {
            if item.is_none() {
                recent::note(here, act, &values, sent.once(), &done.item.number);
            }
            return said(here, act, done, sent.value("back") == Some("list")).await;
        }
        Err(error) => error,
    };
    let message = error.to_string();
    let mut around = Around {
        once: sent.once(),
        ..Around::default()
    };
    let mut problems = Vec::new();
    let mut item = item;
    let mut status = StatusCode::CONFLICT;
    match error {
        DeskError::Refused(Refusal::Fields(found)) => {
            status = StatusCode::UNPROCESSABLE_ENTITY;
            let known = |problem: &FieldProblem| {
                let name = problem.field.split(['[', '.']).next().unwrap_or_default();
                act.fields.iter().any(|field| field.name == name)
            };
            let (beside, above): (Vec<_>, Vec<_>) = found.into_iter().partition(known);
            problems = beside;
            around.notice = above
                .into_iter()
                .map(|problem| format!("{}: {}", problem.label_ja, problem.message_ja))
                .collect::<Vec<_>>()
                .join(" ");
        }
        DeskError::Refused(Refusal::Gate { gate, .. }) => {
            around.remedy = remedy(here, &gate, item.as_ref(), &values);
            around.notice = message;
        }
        DeskError::Refused(_) => around.notice = message,
        DeskError::Stale { revision, .. } => {
            let seen = sent.revision().unwrap_or_default();
            around.notice = message;
            let present = find(here, item.as_ref().map_or("", |item| item.id.as_str())).await?;
            around.compared = Some(compare(here, &present, seen, revision).await?);
            item = Some(present);
        }
        DeskError::KeyReused(_) => {
            let page = here.page("");
            around.once = None;
            around.notice = page.t("registers-sent-before");
        }
        error => return Err(crate::api::answer::refuse(error)),
    }
    let form = Form {
        act,
        side: way,
        item: item.as_ref(),
        values: &values,
        problems: &problems,
        fresh: false,
    };
    let mut response = form_page(&page(here, &form, around).await?)?;
    *response.status_mut() = status;
    Ok(response)
}

/// Asks whether the same is meant a second time.
async fn same_again(
    here: &Here,
    act: &'static ActSpec,
    way: Side,
    values: &Map<String, Value>,
    number: &str,
) -> Result<Response, WebError> {
    let form = Form {
        act,
        side: way,
        item: None,
        values,
        problems: &[],
        fresh: false,
    };
    let around = Around {
        notice: here.page("").t1("registers-same-again", "number", number),
        again: true,
        ..Around::default()
    };
    let mut response = form_page(&page(here, &form, around).await?)?;
    *response.status_mut() = StatusCode::CONFLICT;
    Ok(response)
}

/// Where the approval or consultation can be asked for that an act waits for.
fn remedy(
    here: &Here,
    gate: &str,
    item: Option<&Stored>,
    values: &Map<String, Value>,
) -> Option<(String, String)> {
    let gate = here.terms.gate(gate)?;
    let (register, field) = match gate.kind {
        crate::terms::GateKind::Approval => ("approval", "about"),
        crate::terms::GateKind::Consultation => ("consultation", "topic"),
    };
    let other = crate::register(register)?;
    crate::api::way_for(other, crate::api::opening(other), &here.visitor)?;
    let about = item.map(|item| item.title.as_str()).or_else(|| {
        ["party", "title", "topic", "about"]
            .iter()
            .find_map(|name| values.get(*name)?.as_str())
    });
    let href = here.visitor.at(&format!(
        "/{register}/new?gate={}&{field}={}",
        percent_encoded(&gate.key),
        percent_encoded(about.unwrap_or_default())
    ));
    Some((href, gate.title_ja.clone()))
}

/// What the item said when the person opened the form, beside what it says now.
async fn compare(
    here: &Here,
    present: &Stored,
    seen: i64,
    revision: i64,
) -> Result<Comparison, WebError> {
    let page = here.page("");
    let history = here
        .desk
        .history(&here.contract, here.register, &present.id)
        .await
        .map_err(desk_error)?;
    let before = usize::try_from(seen - 1)
        .ok()
        .and_then(|at| history.get(at))
        .and_then(|entry| entry.payload.as_object().cloned())
        .unwrap_or_default();
    let told = |data: &Map<String, Value>| {
        let spec = here.register.spec;
        let state = data
            .get("state")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let mut lines = vec![format!(
            "{}: {}",
            page.t("registers-state"),
            label::state(&page, spec, state)
        )];
        for (name, cell) in value::facts(here, &page, data) {
            lines.push(format!("{name}: {}", value::words(&cell)));
        }
        lines.join("\n")
    };
    let mut now = present.data.clone();
    now.retain(|field, _| !here.register.spec.is_personal(field));
    now.insert("state".to_owned(), json!(present.state));
    Ok(Comparison::of(
        (&page.t1("registers-seen", "revision", seen), &told(&before)),
        (&page.t1("registers-now", "revision", revision), &told(&now)),
    ))
}

/// The act is not possible in the item's state.
fn not_now(here: &Here, act: &ActSpec, item: &Stored) -> String {
    let page = here.page("");
    let spec = here.register.spec;
    page.t_with(
        "registers-not-now",
        &[
            ("number", item.number.as_str().into()),
            ("state", label::state(&page, spec, &item.state).into()),
            ("act", label::act(&page, spec, act).into()),
        ],
    )
}

/// Says what was done and what is worth knowing about it.
async fn said(
    here: &Here,
    act: &ActSpec,
    done: Done,
    back_to_list: bool,
) -> Result<Response, WebError> {
    let page = here.page("");
    let key = if done.repeated {
        "registers-done-before"
    } else {
        "registers-done"
    };
    let mut text = page.t_with(
        key,
        &[
            ("number", done.item.number.as_str().into()),
            ("act", label::act(&page, here.register.spec, act).into()),
        ],
    );
    if back_to_list && let Some(sum) = work::sum(here, &page, &done.item).await? {
        text.push(' ');
        text.push_str(&sum);
    }
    let tone = if done.warnings.is_empty() {
        Tone::Ok
    } else {
        Tone::Warn
    };
    for warning in &done.warnings {
        text.push(' ');
        text.push_str(&page.t1("registers-warning", "text", warning.message_ja.as_str()));
    }
    here.visitor.flash(&here.app, tone, text).await?;
    let to = if back_to_list {
        work::back(here, &done.item)
    } else if here
        .visitor
        .may(mamori_kernel::permission::Permission::read(
            here.register.spec.key,
        ))
    {
        here.item(&done.item.number)
    } else {
        here.visitor.at("")
    };
    Ok(Redirect::to(&to).into_response())
}

async fn page(here: &Here, form: &Form<'_>, around: Around) -> Result<ActPage, WebError> {
    let spec = here.register.spec;
    let act = form.act;
    let mut page = here.page("");
    page.title = label::act(&page, spec, act);
    let wanted = Wanted {
        act,
        side: form.side,
        item: form.item,
        values: form.values,
        problems: form.problems,
        fresh: form.fresh,
    };
    let parts = fields::parts(here, &page, &wanted)
        .await
        .map_err(desk_error)?;
    let suffix = if form.side == Side::City {
        "/as-city"
    } else {
        ""
    };
    let asks = form.item.is_none() && label::asks(here);
    if form.item.is_none() {
        // 「受付」 alone does not say of what.
        page.title = page.t_or(
            &format!("registers-new-{}-{}", spec.key, act.name),
            &page.title,
        );
    }
    if asks {
        page.title = page.t(&format!("registers-ask-{}", spec.key));
    }
    let title = label::register(&page, spec);
    let (action, back, lead) = if let Some(item) = form.item {
        let address = here.item(&item.number);
        let lead = format!("{} {}", item.number, item.title);
        (format!("{address}/{}{suffix}", act.name), address, lead)
    } else {
        let list = here.list();
        (format!("{list}/new{suffix}"), list, title.clone())
    };
    let others = if form.item.is_none() {
        spec.possible(None)
            .filter(|other| other.name != act.name)
            .map(|other| {
                let href = format!("{action}?act={}", other.name);
                (href, label::act(&page, spec, other))
            })
            .collect()
    } else {
        Vec::new()
    };
    page = page.under(&title, here.list());
    if let Some(item) = form.item {
        page = page.under(&item.number, here.item(&item.number));
    }
    // 「登録の記録」を記録する would say it twice.
    let send = if asks {
        page.t("registers-ask-send")
    } else if act.title_ja.ends_with("登録") {
        page.t("registers-send-filed")
    } else if act.title_ja.ends_with("記録") {
        page.t("registers-send-noted")
    } else {
        page.t1("registers-send", "act", page.title.as_str())
    };
    Ok(ActPage {
        page: page.here(),
        lead,
        notice: around.notice,
        remedy: around.remedy,
        compared: around.compared,
        fields: fields::fields_of(&parts),
        parts,
        draft: action.clone(),
        action,
        once: around.once.unwrap_or_else(form_key),
        again: around.again,
        revision: form
            .item
            .map(|item| item.revision.to_string())
            .unwrap_or_default(),
        act: act.name,
        others,
        multipart: act.fields.iter().any(takes_file),
        send,
        back,
    })
}
