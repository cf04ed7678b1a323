//! The records of a contract: filtered, the newest first, page by page along their numbers. A
//! million records answer as fast as a hundred, because no page counts them.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use jiff::ToSpan as _;
use jiff::civil::Date;
use mamori_kernel::clock::tokyo_midnight;
use mamori_kernel::ledger::{Actor, Record};
use mamori_kernel::permission::Permission;
use mamori_runtime::App;
use mamori_store::LedgerQuery;
use mamori_web::components::{csv, percent_encoded};
use mamori_web::{Field, Page, Visitor, WebError, html};
use serde::Deserialize;

use crate::pages::names::Names;
use crate::pages::view::{self, At};
use crate::register::typed;

/// Records of one page.
const ROWS: u32 = 50;
/// When several conditions hold together only one has an index: so many records are looked through
/// at a time, and the page says how far it got.
const WINDOW: u64 = 20_000;
/// Windows of one answer.
const WINDOWS: u32 = 2;
/// Records of a CSV, and the windows they may take; narrower questions give the rest.
const MOST_ROWS: u32 = 20_000;
const MOST_WINDOWS: u32 = 50;

#[derive(Debug, Default, Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    seq: String,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    subject: String,
    #[serde(default)]
    actor: String,
    #[serde(default)]
    from: String,
    #[serde(default)]
    to: String,
    #[serde(default)]
    before: String,
    #[serde(default)]
    after: String,
    /// `asc`: the oldest first.
    #[serde(default)]
    dir: String,
    /// `csv`: as a file.
    #[serde(default)]
    format: String,
}

struct Row {
    seq: u64,
    at: String,
    iso: String,
    who: String,
    kind: String,
    title: String,
    subject: String,
    href: String,
    personal: bool,
    files: usize,
}

#[derive(Template)]
#[template(path = "ledger/list.html")]
struct ListPage {
    page: Page,
    head: Option<(u64, String)>,
    fields: Vec<Field>,
    wrong: Vec<Field>,
    rows: Vec<Row>,
    filtered: bool,
    /// Whether the oldest come first, and where the other way is.
    oldest_first: bool,
    turned: String,
    csv: String,
    /// Where the rest is.
    rest: Option<String>,
    /// The number down to which was searched, when the search stopped early.
    searched: Option<u64>,
    newest: String,
    export: String,
}

pub(super) async fn page(
    State(app): State<App>,
    visitor: Visitor,
    at: At,
    Query(asked): Query<Asked>,
) -> Result<Response, WebError> {
    // The address of a record before it had a page of its own.
    if let Ok(seq) = asked.seq.parse::<u64>() {
        return Ok(Redirect::to(&visitor.at(&format!("/ledger/{seq}"))).into_response());
    }
    let page = Page::new(&app, &visitor, "ledger-title").here();
    let names = Names::read(&app, &visitor, &page).await?;
    let today = mamori_kernel::clock::tokyo_date(app.now());
    let day = |text: &str| {
        if text.is_empty() {
            Ok(None)
        } else {
            typed::date(text, today).map(Some)
        }
    };
    let (from, to) = (day(&asked.from), day(&asked.to));
    let fields = fields(&app, &visitor, &page, &names, &asked, (&from, &to));
    let wrong: Vec<Field> = fields
        .iter()
        .filter(|field| !field.error.is_empty())
        .cloned()
        .collect();
    let contract = at.live.id();
    let head = app.db.ledger_head(contract).await?;
    let as_file = asked.format == "csv";
    let found = if wrong.is_empty() {
        let days = (from.unwrap_or_default(), to.unwrap_or_default());
        let most = if as_file {
            (MOST_ROWS, MOST_WINDOWS)
        } else {
            (ROWS, WINDOWS)
        };
        search(&app, contract, &asked, days, most).await?
    } else {
        Found::default()
    };
    let last = found.records.last().map(|record| record.seq);
    let rest = match (found.searched, last) {
        (Some(searched), _) => Some(searched),
        (None, last) if found.more => last,
        _ => None,
    };
    let rows: Vec<Row> = found
        .records
        .iter()
        .map(|record| row(&app, &page, &names, record))
        .collect();
    if as_file {
        return Ok(as_csv(&page, rows));
    }
    html(&ListPage {
        head: head.map(|head| (head.seq, head.to_string())),
        fields,
        wrong,
        rows,
        filtered: asked.is_filtered(),
        oldest_first: asked.oldest_first(),
        turned: asked.turned(&page),
        csv: format!("{}&format=csv", asked.href(&page, None)),
        rest: rest.map(|seq| asked.href(&page, Some(seq))),
        searched: found.searched,
        newest: page.at("/ledger"),
        export: {
            let range = [("from", &asked.from), ("to", &asked.to)]
                .into_iter()
                .filter(|(_, value)| !value.is_empty())
                .map(|(name, value)| format!("{name}={}", percent_encoded(value)))
                .collect::<Vec<_>>()
                .join("&");
            page.at(&format!("/ledger/export?{range}"))
        },
        page,
    })
}

impl Asked {
    fn is_filtered(&self) -> bool {
        [
            &self.kind,
            &self.subject,
            &self.actor,
            &self.from,
            &self.to,
            &self.before,
            &self.after,
        ]
        .iter()
        .any(|text| !text.is_empty())
    }

    fn oldest_first(&self) -> bool {
        self.dir == "asc"
    }

    /// The address of the same question, read from the other end.
    fn turned(&self, page: &Page) -> String {
        let href = self.href(page, None);
        match href.strip_suffix("dir=asc") {
            Some(newest) => newest.trim_end_matches('&').to_owned(),
            None if href.ends_with('?') => format!("{href}dir=asc"),
            None => format!("{href}&dir=asc"),
        }
    }

    /// The address of the same question from a number on.
    fn href(&self, page: &Page, beyond: Option<u64>) -> String {
        let beyond = beyond.map(|seq| seq.to_string()).unwrap_or_default();
        let (before, after, dir) = if self.oldest_first() {
            (String::new(), beyond, "asc".to_owned())
        } else {
            (beyond, String::new(), String::new())
        };
        let pairs = [
            ("kind", &self.kind),
            ("subject", &self.subject),
            ("actor", &self.actor),
            ("from", &self.from),
            ("to", &self.to),
            ("before", &before),
            ("after", &after),
            ("dir", &dir),
        ];
        let query: Vec<String> = pairs
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| format!("{name}={}", percent_encoded(value)))
            .collect();
        page.at(&format!("/ledger?{}", query.join("&")))
    }
}

/// A page of records.
#[derive(Default)]
struct Found {
    records: Vec<Record>,
    more: bool,
    searched: Option<u64>,
}

async fn search(
    app: &App,
    contract: &str,
    asked: &Asked,
    (from, to): (Option<Date>, Option<Date>),
    (rows, windows): (u32, u32),
) -> Result<Found, WebError> {
    let oldest_first = asked.oldest_first();
    let instant = |day: Date| tokyo_midnight(day);
    let until = to.map(|day| instant(day.saturating_add(1.day())));
    let Some((mut low, mut high)) = app
        .db
        .ledger_seq_range(contract, from.map(instant), until)
        .await?
    else {
        return Ok(Found::default());
    };
    if let Ok(before) = asked.before.parse::<u64>() {
        high = high.min(before.saturating_sub(1));
    }
    if let Ok(after) = asked.after.parse::<u64>() {
        low = low.max(after.saturating_add(1));
    }
    let actor: Option<Actor> = asked.actor.parse().ok();
    if actor.is_none() && !asked.actor.is_empty() {
        return Ok(Found::default());
    }
    let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let base = LedgerQuery {
        kinds: text(&asked.kind).into_iter().collect(),
        subject: text(asked.subject.trim()),
        actor,
        newest_first: !oldest_first,
        limit: rows + 1,
        ..LedgerQuery::new(contract)
    };
    let conditions =
        base.kinds.len() + usize::from(base.subject.is_some()) + usize::from(base.actor.is_some());
    let window = if conditions > 1 { WINDOW } else { u64::MAX };
    let mut found = Found::default();
    for turn in 0..windows {
        if high < low || high == 0 {
            return Ok(found);
        }
        let (bottom, top) = if oldest_first {
            (low, low.saturating_add(window - 1).min(high))
        } else {
            (high.saturating_sub(window - 1).max(low).max(1), high)
        };
        let query = LedgerQuery {
            from_seq: Some(bottom),
            to_seq: Some(top),
            limit: rows + 1 - found.records.len() as u32,
            ..base.clone()
        };
        found.records.extend(app.db.ledger_records(&query).await?);
        if found.records.len() > rows as usize {
            found.records.truncate(rows as usize);
            found.more = true;
            return Ok(found);
        }
        let (ended, edge) = if oldest_first {
            low = top.saturating_add(1);
            (top >= high, top)
        } else {
            high = bottom - 1;
            (bottom <= low || bottom <= 1, bottom)
        };
        if ended {
            return Ok(found);
        }
        if turn + 1 == windows {
            found.searched = Some(edge);
        }
    }
    Ok(found)
}

/// What the list shows, as a file.
fn as_csv(page: &Page, rows: Vec<Row>) -> Response {
    let header = ["seq", "at", "kind", "subject", "actor"]
        .map(|column| page.t(&format!("ledger-col-{column}")));
    let lines = rows.into_iter().map(|row| {
        vec![
            row.seq.to_string(),
            row.iso,
            row.title,
            row.subject,
            row.who,
        ]
    });
    csv::response("ledger", &header, lines.collect::<Vec<_>>())
}

fn row(app: &App, page: &Page, names: &Names, record: &Record) -> Row {
    Row {
        seq: record.seq,
        at: page.moment(record.at),
        iso: record.at.to_string(),
        who: names.of(&record.actor.to_string()),
        title: view::kind_title(app, page, &record.kind),
        kind: record.kind.clone(),
        href: super::subject_href(page, record),
        subject: super::subject(record),
        personal: record.personal.is_some(),
        files: record.attachments.len(),
    }
}

/// A day as typed: none, or what is wrong with it.
type TypedDay = Result<Option<Date>, String>;

fn fields(
    app: &App,
    visitor: &Visitor,
    page: &Page,
    names: &Names,
    asked: &Asked,
    (from, to): (&TypedDay, &TypedDay),
) -> Vec<Field> {
    let day = |name: &'static str, typed: &str, read: &TypedDay| {
        let field = Field::new("date", name, page.t(&format!("ledger-filter-{name}")));
        match read {
            Ok(Some(day)) => field.value(day.to_string()),
            Ok(None) => field,
            // A browser's date field would drop what it cannot read.
            Err(message) => Field {
                kind: "text",
                ..field
            }
            .value(typed)
            .error(message.clone()),
        }
    };
    let mut fields = vec![
        Field::select(
            "kind",
            page.t("ledger-filter-kind"),
            kinds(app, page, &asked.kind),
        )
        .value(asked.kind.clone()),
        Field::new("search", "subject", page.t("ledger-filter-subject"))
            .value(asked.subject.clone()),
    ];
    if visitor.may(Permission::read("user")) {
        let mut people: Vec<(String, String)> = names.people().collect();
        if !asked.actor.is_empty() && !people.iter().any(|(actor, _)| *actor == asked.actor) {
            people.insert(0, (asked.actor.clone(), names.of(&asked.actor)));
        }
        people.insert(0, (String::new(), page.t("papers-every")));
        fields.push(
            Field::select("actor", page.t("ledger-filter-actor"), people)
                .value(asked.actor.clone()),
        );
    } else if !asked.actor.is_empty() {
        fields.push(
            Field::new("hidden", "actor", page.t("ledger-filter-actor")).value(asked.actor.clone()),
        );
    }
    fields.push(day("from", &asked.from, from));
    fields.push(day("to", &asked.to, to));
    fields
}

/// The kinds to choose from: all that a capability declares, and the one asked for.
fn kinds(app: &App, page: &Page, asked: &str) -> Vec<(String, String)> {
    let mut kinds: Vec<(String, String)> = app
        .capabilities()
        .iter()
        .flat_map(|capability| &capability.evidence)
        .map(|declared| {
            (
                declared.kind.to_owned(),
                view::kind_title(app, page, declared.kind),
            )
        })
        .collect();
    kinds.sort();
    kinds.dedup_by(|one, other| one.0 == other.0);
    if !asked.is_empty() && !kinds.iter().any(|(kind, _)| kind == asked) {
        kinds.insert(0, (asked.to_owned(), view::kind_title(app, page, asked)));
    }
    kinds.insert(0, (String::new(), page.t("papers-every")));
    kinds
}
