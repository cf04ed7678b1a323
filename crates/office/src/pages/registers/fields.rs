//! The fields of an act as a form: made from the register's description and the contract.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use mamori_runtime::capability::BoxFuture;
use mamori_runtime::{App, Chosen};
use mamori_web::components::Upload;
use mamori_web::{Field, Language, Page};
use serde_json::{Map, Value};

use super::value::described;
use super::{Here, label};
use crate::REGISTERS;
use crate::files::{ACCEPT, MAX_BYTES};
use crate::register::form::FileRef;
use crate::register::{ActSpec, Desk, FieldKind, FieldProblem, FieldSpec, Filter, Side, Stored};
use crate::terms::{ContractTerms, GateKind};

/// Most rows of a field of rows that a form offers.
pub(super) const MAX_ROWS: usize = 20;
/// Empty rows offered beyond those that are filled.
const SPARE_ROWS: usize = 3;
/// Longest text that stands in one line.
const ONE_LINE: usize = 300;

/// A part of a form, in the order in which it stands there.
#[expect(
    clippy::large_enum_variant,
    reason = "a form has a few dozen parts and most of them are fields"
)]
pub(super) enum Part {
    /// A field; with the file that it has already, if it is one for files.
    Field {
        /// The field.
        field: Field,
        /// A kept file: name of the hidden field, its value, name of the file.
        kept: Option<(String, String, String)>,
    },
    /// Begins a group: a row of a field of rows.
    Group(String),
    /// Ends it.
    End,
}

/// Name of a field inside a row.
pub(super) fn row_name(field: &str, row: usize, inner: &str) -> String {
    format!("{field}[{row}].{inner}")
}

/// Names of all fields inside rows: they live as long as the program and are made once.
static ROW_NAMES: LazyLock<BTreeMap<String, &'static str>> = LazyLock::new(|| {
    let fields = REGISTERS
        .iter()
        .flat_map(|register| register.spec.acts)
        .flat_map(|act| act.fields);
    let mut names = BTreeMap::new();
    for field in fields {
        let FieldKind::Rows(inner) = field.kind else {
            continue;
        };
        for (row, one) in (0..MAX_ROWS).flat_map(|row| inner.iter().map(move |one| (row, one))) {
            let name = row_name(field.name, row, one.name);
            names.entry(name.clone()).or_insert_with(|| &*name.leak());
        }
    }
    names
});

/// What a form is made for.
pub(super) struct Wanted<'a> {
    /// The act.
    pub act: &'static ActSpec,
    /// Who speaks.
    pub side: Side,
    /// The item, if there is one.
    pub item: Option<&'a Stored>,
    /// What stands in the fields.
    pub values: &'a Map<String, Value>,
    /// What is wrong with them.
    pub problems: &'a [FieldProblem],
    /// Whether nothing was typed yet, so that what is usual may stand there.
    pub fresh: bool,
}

/// The parts of an act's form.
pub(super) async fn parts(
    here: &Here,
    page: &Page,
    wanted: &Wanted<'_>,
) -> Result<Vec<Part>, crate::register::DeskError> {
    let mut parts = Vec::new();
    for field in wanted.act.fields {
        let label = label::field(page, here.register.spec, wanted.act, field);
        let value = wanted.values.get(field.name);
        if let FieldKind::Rows(inner) = field.kind {
            rows(here, page, wanted, field, inner, &label, &mut parts);
            continue;
        }
        let mut made = match options(here, wanted, field).await? {
            Some(options) => with_options(page, field, label, options, &shown(field, value)),
            None => control(here, page, wanted, field, field.name, label, value),
        };
        made.required = field.required && field_is_to_be_sent(field, value);
        made.error = error_of(wanted.problems, field.name);
        let is_choice = !made.options.is_empty();
        if field.required && is_choice && made.value.is_empty() && !made.error.is_empty() {
            // Nobody can write into a choice.
            made.error = page.t("registers-choose");
        }
        if wanted.fresh && made.value.is_empty() {
            made.value = usual(here, wanted, field);
        }
        parts.push(Part::Field {
            kept: kept(field, field.name, value),
            field: made,
        });
    }
    Ok(parts)
}

/// A file that is there already need not be chosen again.
fn field_is_to_be_sent(field: &FieldSpec, value: Option<&Value>) -> bool {
    !matches!(field.kind, FieldKind::File) || !value.is_some_and(Value::is_object)
}

fn error_of(problems: &[FieldProblem], name: &str) -> String {
    let own: Vec<&str> = problems
        .iter()
        .filter(|problem| problem.field == name)
        .map(|problem| problem.message_ja.as_str())
        .collect();
    own.join(" ")
}

/// What nobody has to type: today where something happens, the portal where the city speaks here.
fn usual(here: &Here, wanted: &Wanted<'_>, field: &FieldSpec) -> String {
    match field.kind {
        FieldKind::Date if field.required => here.today.to_string(),
        FieldKind::Choice(choices)
            if wanted.side == Side::City && choices.iter().any(|(key, _)| *key == "portal") =>
        {
            "portal".to_owned()
        }
        FieldKind::Choice([(only, _)]) if field.required => (*only).to_owned(),
        _ => String::new(),
    }
}

/// A value as a person would type it.
pub(super) fn shown(field: &FieldSpec, value: Option<&Value>) -> String {
    match (field.kind, value) {
        (FieldKind::Minutes, Some(Value::Number(number))) => {
            let minutes = number.as_u64().unwrap_or(0);
            format!("{}:{:02}", minutes / 60, minutes % 60)
        }
        (_, Some(Value::String(text))) => text.clone(),
        (_, Some(Value::Bool(truth))) => if *truth { "yes" } else { "no" }.to_owned(),
        (_, Some(Value::Number(number))) => number.to_string(),
        (_, Some(Value::Array(list))) => list
            .iter()
            .filter_map(Value::as_str)
            .collect::<Vec<_>>()
            .join("\n"),
        _ => String::new(),
    }
}

fn control(
    here: &Here,
    page: &Page,
    wanted: &Wanted<'_>,
    field: &FieldSpec,
    name: &'static str,
    label: String,
    value: Option<&Value>,
) -> Field {
    let shown = shown(field, value);
    let made = match field.kind {
        // A browser shows nothing in a field for days when the text is none: typed text is kept.
        FieldKind::Date if shown.is_empty() || shown.parse::<jiff::civil::Date>().is_ok() => {
            Field::new("date", name, label)
        }
        FieldKind::Date => Field::text(name, label).help(page.t("registers-help-date")),
        FieldKind::Time => Field::text(name, label).help(page.t("registers-help-time")),
        FieldKind::Minutes => Field::text(name, label).help(page.t("registers-help-minutes")),
        FieldKind::Count => Field::text(name, label).help(page.t("registers-help-count")),
        FieldKind::Text(limit) if limit <= ONE_LINE => Field::text(name, label),
        FieldKind::Text(limit) => Field::long(name, label, limit),
        FieldKind::Names => Field::long(name, label, 0).help(page.t("registers-help-names")),
        FieldKind::Bool => {
            let yes_no = [
                ("yes", page.t("registers-yes")),
                ("no", page.t("registers-no")),
            ];
            if field.required {
                Field::radio(name, label, yes_no)
            } else {
                let open = ("", page.t("registers-open"));
                Field::select(name, label, std::iter::once(open).chain(yes_no))
            }
        }
        FieldKind::Choice(choices) => {
            let offered: Vec<(String, String)> = choices
                .iter()
                .filter(|(key, _)| *key != "portal" || portal_is_offered(here, wanted))
                .map(|(key, title)| {
                    let spec = here.register.spec;
                    let title = label::choice(page, spec, field.name, key, title);
                    ((*key).to_owned(), title)
                })
                .collect();
            with_options(page, field, label, offered, &shown)
        }
        FieldKind::File => Field::file(
            name,
            label,
            Upload {
                accept: ACCEPT,
                most_bytes: MAX_BYTES as u64,
                several: false,
            },
        ),
        FieldKind::Rows(_) => Field::text(name, label),
    };
    let made = made.value(shown);
    if field.personal {
        let help = page.t("registers-help-personal");
        let both = if made.help.is_empty() {
            help
        } else {
            format!("{} {help}", made.help)
        };
        made.help(both)
    } else {
        made
    }
}

/// "By portal" is what the city enters itself ([`crate::register::rules::heard`]).
fn portal_is_offered(here: &Here, wanted: &Wanted<'_>) -> bool {
    wanted.side == Side::City || here.register.spec.key == "handover"
}

/// A choice; a value that is none of the options stays and can be seen.
fn with_options(
    page: &Page,
    field: &FieldSpec,
    label: String,
    options: Vec<(String, String)>,
    value: &str,
) -> Field {
    let nothing = if field.required {
        "registers-choose"
    } else {
        "registers-choose-nothing"
    };
    let mut all = vec![(String::new(), page.t(nothing))];
    let known = options.iter().any(|(key, _)| key == value);
    all.extend(options);
    if !value.is_empty() && !known {
        all.push((value.to_owned(), value.to_owned()));
    }
    Field::select(field.name, label, all).value(value)
}

/// What the contract, or another register, offers for a field.
async fn options(
    here: &Here,
    wanted: &Wanted<'_>,
    field: &FieldSpec,
) -> Result<Option<Vec<(String, String)>>, crate::register::DeskError> {
    let register = here.register.spec.key;
    let options = if (register, field.name) == ("work", "request") {
        requests(here).await?
    } else {
        let own = wanted.item.and_then(|item| item.data.get("note"));
        let own = own.and_then(Value::as_str);
        of_contract(here.terms.as_ref(), register, field.name, own)
    };
    Ok((!options.is_empty()).then_some(options))
}

/// What the contract offers for a field; of readings those of `note`, or all.
fn of_contract(
    terms: &dyn ContractTerms,
    register: &str,
    field: &str,
    note: Option<&str>,
) -> Vec<(String, String)> {
    match (register, field) {
        ("work", "category") => terms
            .categories()
            .iter()
            .map(|one| {
                (
                    one.key.clone(),
                    format!("{}（{}）", one.title_ja, one.clause),
                )
            })
            .collect(),
        (_, "obligation") => {
            let only = register == "attestation";
            terms
                .obligations()
                .iter()
                .filter(|one| !only || one.by_attestation)
                .map(|one| (one.key.clone(), format!("{} {}", one.key, one.title_ja)))
                .collect()
        }
        ("approval", "gate") => gates(terms, GateKind::Approval),
        ("consultation", "gate") => gates(terms, GateKind::Consultation),
        ("consultation", "note") => terms
            .notes()
            .iter()
            .map(|note| (note.key.clone(), format!("{} {}", note.key, note.title_ja)))
            .collect(),
        ("consultation", "reading") => terms
            .notes()
            .iter()
            .filter(|one| note.is_none_or(|key| key == one.key))
            .flat_map(|one| {
                one.readings
                    .iter()
                    .map(|(key, title)| (key.clone(), format!("{}: {title}", one.key)))
            })
            .collect(),
        _ => Vec::new(),
    }
}

fn gates(terms: &dyn ContractTerms, kind: GateKind) -> Vec<(String, String)> {
    terms
        .gates()
        .iter()
        .filter(|gate| gate.kind == kind)
        .map(|gate| {
            (
                gate.key.clone(),
                format!("{}（{}）", gate.title_ja, gate.clause),
            )
        })
        .collect()
}

/// The words of a choice of a register's form, or of a paper's, for a form that is carried along.
pub(crate) fn words(app: App, chosen: Chosen) -> BoxFuture<Option<String>> {
    Box::pin(async move {
        let (contract, below) = chosen.of_contract()?;
        let page = Page::bare(&app, Language::of(chosen.language), "");
        let (name, value) = (chosen.name.as_str(), chosen.value.as_str());
        if below.first() == Some(&"documents") && name == "how" {
            return Some(page.t_or(&format!("papers-how-{value}"), value));
        }
        let spec = crate::register(below.first()?)?.spec;
        let field = described(spec, name)?;
        match field.kind {
            FieldKind::Choice(choices) => {
                let (key, title) = choices.iter().find(|(key, _)| *key == value)?;
                Some(label::choice(&page, spec, name, key, title))
            }
            FieldKind::Bool if matches!(value, "yes" | "no") => {
                Some(page.t(&format!("registers-{value}")))
            }
            _ => {
                let desk = Desk::of(&app).ok()?;
                let terms = desk.terms(contract, desk.today()).await.ok()?;
                let offered = of_contract(terms.as_ref(), spec.key, name, None);
                let found = offered.into_iter().find(|(key, _)| key == value);
                found.map(|(_, words)| words)
            }
        }
    })
}

/// The requests that are being worked on, the newest first.
async fn requests(here: &Here) -> Result<Vec<(String, String)>, crate::register::DeskError> {
    let Some(register) = crate::register("request") else {
        return Ok(Vec::new());
    };
    let filter = Filter {
        states: ["received", "estimated", "approved", "done"]
            .map(str::to_owned)
            .to_vec(),
        per_page: 100,
        ..Filter::default()
    };
    let page = here.desk.list(&here.contract, register, &filter).await?;
    Ok(page
        .items
        .into_iter()
        .map(|item| {
            (
                item.number.clone(),
                format!("{} {}", item.number, item.title),
            )
        })
        .chain([("なし".to_owned(), "なし".to_owned())])
        .collect())
}

fn rows(
    here: &Here,
    page: &Page,
    wanted: &Wanted<'_>,
    field: &FieldSpec,
    inner: &'static [FieldSpec],
    label: &str,
    parts: &mut Vec<Part>,
) {
    let given: Vec<&Value> = wanted
        .values
        .get(field.name)
        .and_then(Value::as_array)
        .map(|rows| rows.iter().collect())
        .unwrap_or_default();
    let count = (given.len() + SPARE_ROWS).min(MAX_ROWS);
    let whole = error_of(wanted.problems, field.name);
    for row in 0..count {
        parts.push(Part::Group(format!("{label} {}", row + 1)));
        for one in inner {
            let name = row_name(field.name, row, one.name);
            let Some(name) = ROW_NAMES.get(&name).copied() else {
                continue;
            };
            let value = given.get(row).and_then(|row| row.get(one.name));
            let key = format!("register-{}-row-{}", here.register.spec.key, one.name);
            let label = page.t_or(&key, one.label_ja);
            let mut made = control(here, page, wanted, one, name, label, value);
            made.required = one.required && row == 0;
            made.error = error_of(wanted.problems, name);
            if row == 0 && one.required && made.error.is_empty() {
                made.error.clone_from(&whole);
            }
            parts.push(Part::Field {
                kept: kept(one, name, value),
                field: made,
            });
        }
        parts.push(Part::End);
    }
}

/// The file that a field has already.
fn kept(field: &FieldSpec, name: &str, value: Option<&Value>) -> Option<(String, String, String)> {
    if !matches!(field.kind, FieldKind::File) {
        return None;
    }
    let value = value?;
    let file: FileRef = serde_json::from_value(value.clone()).ok()?;
    Some((
        format!("{name}{}", super::sent::KEPT),
        value.to_string(),
        file.name,
    ))
}

/// The fields alone, for the summary of what is wrong.
pub(super) fn fields_of(parts: &[Part]) -> Vec<Field> {
    parts
        .iter()
        .filter_map(|part| match part {
            Part::Field { field, .. } => Some(field.clone()),
            _ => None,
        })
        .collect()
}
