//! An item's values for people: days, hours, names of keys, files as links.

use jiff::Timestamp;
use jiff::civil::Date;
use mamori_kernel::clock::tokyo_date;
use mamori_web::components::{Cell, percent_encoded};
use mamori_web::{Language, Page, Tone};
use serde_json::{Map, Value};

use super::{Here, label, listed};
use crate::register::form::FileRef;
use crate::register::rules::CityWait;
use crate::register::typed::minutes_ja;
use crate::register::{FieldKind, FieldSpec, RegisterSpec, Stored, awaits_city};
use crate::terms::Counts;

/// Fields that are only for machines.
const HIDDEN: [&str; 6] = [
    "state",
    "number",
    "request_id",
    "approval_id",
    "consultation_id",
    "entered_by",
];

/// A length of work.
pub(super) fn minutes(page: &Page, minutes: u64) -> String {
    let minutes = u32::try_from(minutes).unwrap_or(u32::MAX);
    match page.language {
        Language::Ja => minutes_ja(minutes),
        Language::En => format!("{}:{:02}", minutes / 60, minutes % 60),
    }
}

/// Address of a file.
pub(super) fn file_href(here: &Here, file: &FileRef) -> String {
    let name = percent_encoded(&file.name);
    here.visitor.at(&format!("/files/{}/{name}", file.sha256))
}

/// The description of a field: of the first act that takes it.
pub(super) fn described(spec: &RegisterSpec, name: &str) -> Option<&'static FieldSpec> {
    spec.acts
        .iter()
        .flat_map(|act| act.fields)
        .find(|field| field.name == name)
}

/// The value of a field.
pub(super) fn cell(here: &Here, page: &Page, name: &str, value: Option<&Value>) -> Cell {
    let spec = here.register.spec;
    let Some(value) = value.filter(|value| !value.is_null()) else {
        return Cell::text("―");
    };
    let text = value.as_str();
    let kind = described(spec, name).map(|field| field.kind);
    match (kind, value) {
        (Some(FieldKind::Date), _) => day(page, text.unwrap_or_default()),
        (Some(FieldKind::Minutes), Value::Number(number)) => {
            Cell::text(minutes(page, number.as_u64().unwrap_or(0)))
        }
        (Some(FieldKind::Choice(choices)), _) => {
            let key = text.unwrap_or_default();
            let other = choices.iter().find(|(one, _)| *one == key);
            let other = other.map_or(key, |(_, title)| *title);
            Cell::text(label::choice(page, spec, name, key, other))
        }
        (Some(FieldKind::File), _) => file(here, value),
        (Some(FieldKind::Rows(inner)), Value::Array(rows)) => Cell::sentences(
            rows.iter()
                .map(|row| self::row(here, page, inner, row))
                .collect(),
        ),
        (_, Value::Array(list)) if name == "city_waits" => Cell::sentences(waits(page, list)),
        (_, Value::Array(list)) => Cell::sentences(list.iter().map(plain).collect()),
        (_, Value::Bool(truth)) => Cell::text(page.t(if *truth {
            "registers-yes"
        } else {
            "registers-no"
        })),
        (_, Value::Number(number)) if name.ends_with("minutes") => {
            Cell::text(minutes(page, number.as_u64().unwrap_or(0)))
        }
        (_, Value::String(text)) => named(here, page, name, text),
        _ => Cell::text(plain(value)),
    }
}

/// A day in ISO as people read it.
fn day(page: &Page, iso: &str) -> Cell {
    match iso.parse::<Date>() {
        Ok(day) => Cell::time(iso, page.day(day)),
        Err(_) => Cell::text(iso),
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A text that may be a key of the contract.
fn named(here: &Here, page: &Page, name: &str, text: &str) -> Cell {
    let terms = here.terms.as_ref();
    match name {
        "category" => Cell::text(
            terms
                .category(text)
                .map_or(text, |category| category.title_ja.as_str()),
        ),
        "counts" => Cell::text(match text {
            "yes" => page.t_or("registers-counts-yes", Counts::Yes.title_ja()),
            "no" => page.t_or("registers-counts-no", Counts::No.title_ja()),
            _ => page.t_or("registers-counts-undecided", Counts::Undecided.title_ja()),
        }),
        "applicability" => Cell::text(page.t(match text {
            "not_applicable" => "registers-applies-not",
            _ => "registers-applies",
        })),
        "gate" => Cell::text(terms.gate(text).map_or(text, |gate| gate.title_ja.as_str())),
        "obligation" => Cell::link(
            here.visitor
                .at(&format!("/obligations/{}", percent_encoded(text))),
            terms
                .obligation(text)
                .map_or_else(|| text.to_owned(), |one| format!("{text} {}", one.title_ja)),
        ),
        "request_number" => Cell::link(
            here.visitor
                .at(&format!("/request/{}", percent_encoded(text))),
            text,
        ),
        "reading" => {
            let readings = terms.notes().iter().flat_map(|note| &note.readings);
            let title = readings
                .clone()
                .find(|(key, _)| key == text)
                .map_or(text, |(_, title)| title);
            Cell::text(title)
        }
        _ => Cell::text(text),
    }
}

fn file(here: &Here, value: &Value) -> Cell {
    match serde_json::from_value::<FileRef>(value.clone()) {
        Ok(file) => Cell::link(file_href(here, &file), file.name),
        Err(_) => Cell::text("―"),
    }
}

fn row(here: &Here, page: &Page, fields: &[FieldSpec], row: &Value) -> String {
    let words: Vec<String> = fields
        .iter()
        .filter_map(|field| {
            let value = row.get(field.name).filter(|value| !value.is_null())?;
            let text = match field.kind {
                FieldKind::File => file(here, value).text,
                _ => plain(value),
            };
            let key = format!("register-{}-row-{}", here.register.spec.key, field.name);
            Some(format!("{}: {text}", page.t_or(&key, field.label_ja)))
        })
        .collect();
    words.join(" / ")
}

fn waits(page: &Page, list: &[Value]) -> Vec<String> {
    list.iter()
        .filter_map(|wait| serde_json::from_value::<CityWait>(wait.clone()).ok())
        .map(|wait| {
            page.t_with(
                "registers-waited",
                &[
                    ("what", wait.what.as_str().into()),
                    ("from", page.day(wait.from).into()),
                    ("to", page.day(wait.to).into()),
                    ("days", wait.days().into()),
                ],
            )
        })
        .collect()
}

/// The facts of an item: every value that it has and the visitor may see, in the order in which
/// the register's acts ask for them.
pub(super) fn facts(here: &Here, page: &Page, data: &Map<String, Value>) -> Vec<(String, Cell)> {
    let mut facts = Vec::new();
    for name in names(here.register.spec) {
        let hidden = here.register.spec.is_personal(name) && !here.personal;
        let Some(value) = data.get(name).filter(|value| !value.is_null() && !hidden) else {
            continue;
        };
        facts.push((
            label::named(page, here.register.spec, name),
            cell(here, page, name, Some(value)),
        ));
    }
    facts
}

/// All fields of a register, each once, without those for machines.
pub(super) fn names(spec: &'static RegisterSpec) -> Vec<&'static str> {
    let typed = spec
        .acts
        .iter()
        .flat_map(|act| act.fields)
        .map(|field| field.name);
    let derived = spec.derived.iter().map(|(name, _)| *name);
    let mut names: Vec<&'static str> = Vec::new();
    for name in typed.chain(derived) {
        if !names.contains(&name) && !HIDDEN.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// A cell's words: for the CSV, for what changed.
pub(super) fn words(cell: &Cell) -> String {
    if cell.list.is_empty() {
        cell.text.clone()
    } else {
        cell.list.join(" / ")
    }
}

/// Days for which the city has had the next word, and whether it has it now.
pub(super) struct Waiting {
    /// Calendar days so far.
    pub days: u32,
    /// Whether they go on.
    pub running: bool,
}

/// The days an item waited for the city, those that still run included.
pub(super) fn waiting(here: &Here, item: &Stored) -> Waiting {
    let spans: Vec<CityWait> = item
        .data
        .get("city_waits")
        .and_then(|value| serde_json::from_value(value.clone()).ok())
        .unwrap_or_default();
    let mut days: u32 = spans.iter().map(CityWait::days).sum();
    let entry = listed::of(here.register.spec.key)
        .waits
        .iter()
        .find(|(state, _)| *state == item.state);
    let running = awaits_city(here.register, &item.state) && entry.is_some();
    if let Some((_, field)) = entry.filter(|_| running) {
        let since = item
            .data
            .get(*field)
            .and_then(Value::as_str)
            .and_then(|iso| iso.parse().ok())
            .or_else(|| {
                let at = Timestamp::from_millisecond(item.updated_ms).ok()?;
                Some(tokyo_date(at))
            })
            .unwrap_or(here.today);
        let span = CityWait {
            what: String::new(),
            from: since,
            to: here.today.max(since),
        };
        days = days.saturating_add(span.days());
    }
    Waiting { days, running }
}

/// The badge of an item's state.
pub(super) fn badge(here: &Here, page: &Page, state: &str) -> (Tone, String) {
    let spec = here.register.spec;
    (
        listed::tone(spec.key, state),
        label::state(page, spec, state),
    )
}
