//! One paper: where it stands and until when, what may be done, what it says, its renderings, its
//! story.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use mamori_document::render_html;
use mamori_kernel::clock::tokyo_date;
use mamori_runtime::App;
use mamori_web::components::{Cell, Event};
use mamori_web::{Page, Tone, Visitor, WebError, form_page, html};

use super::{Acts, Typed, compare, files, find, left, period, state_of};
use crate::documents::{Paper, Papers, Rendition, renditions};
use crate::pages::names::Names;
use crate::pages::view::{self, At};
use crate::register::{HistoryEntry, Stored};

struct RenditionRow {
    label: String,
    seq: u64,
    who: String,
    newest: bool,
    docx: bool,
    xlsx: bool,
    /// The rendering before, to compare with.
    before: Option<u64>,
}

/// Time that the city has left.
struct Clock {
    tone: Tone,
    left: String,
    text: String,
}

#[derive(Template)]
#[template(path = "papers/one.html")]
struct OnePage {
    page: Page,
    base: String,
    state: String,
    tone: Tone,
    clock: Option<Clock>,
    facts: Vec<(String, Cell)>,
    pdf: (String, String),
    docx: bool,
    xlsx: bool,
    content: String,
    behind: bool,
    renditions: Vec<RenditionRow>,
    story: Vec<Event>,
    acts: Acts,
    wrong: Vec<mamori_web::Field>,
    message: String,
    ask: String,
    closing: String,
}

pub(super) async fn page(
    State(app): State<App>,
    visitor: Visitor,
    Path((_, number)): Path<(String, String)>,
    at: At,
) -> Result<Response, WebError> {
    html(&build(&app, &visitor, &at, &number, &Typed::default()).await?)
}

/// The page again, with what was typed and why it was not taken.
pub(super) async fn refused(
    app: &App,
    visitor: &Visitor,
    at: &At,
    number: &str,
    typed: &Typed,
) -> Result<Response, WebError> {
    form_page(&build(app, visitor, at, number, typed).await?)
}

async fn build(
    app: &App,
    visitor: &Visitor,
    at: &At,
    number: &str,
    typed: &Typed,
) -> Result<OnePage, WebError> {
    let (item, paper) = find(at, number).await?;
    let page = Page::new(app, visitor, &item.title)
        .under("papers-title", visitor.at("/documents"))
        .here();
    let today = tokyo_date(app.now());
    let (state, tone) = state_of(&page, &item.state);
    let story = at
        .office
        .desk
        .history(at.live.id(), Papers::register(), &item.id)
        .await
        .map_err(view::desk_error)?;
    let names = Names::read(app, visitor, &page).await?;
    let model = files::model(app, &paper.model).await?;
    let head = app.db.ledger_head(at.live.id()).await?;
    let acts = Acts::of(&page, visitor, (&item, &paper), today, typed, "");
    let is_month = paper
        .period
        .parse()
        .is_ok_and(|period| matches!(period, mamori_kernel::period::Period::Month(_)));
    Ok(OnePage {
        base: page.at(&format!("/documents/{}", item.number)),
        state,
        tone,
        clock: clock(&page, &item, &paper, today),
        facts: facts(&page, &item, &paper),
        pdf: (paper.pdf.name.clone(), paper.pdf.sha256.clone()),
        docx: paper.docx.is_some(),
        xlsx: paper.xlsx.is_some(),
        content: render_html(&model, 3),
        behind: item.state == "draft"
            && head.is_some_and(|head| head.seq > u64::from(paper.ledger_seq) + 1),
        renditions: rows(&page, &names, &renditions(&story)),
        story: events(&page, &names, &story),
        wrong: acts.wrong(),
        acts,
        message: typed.message.clone(),
        ask: super::ask(&page, visitor, &item),
        closing: if is_month {
            page.at(&format!(
                "/closing?month={}&document={}",
                paper.period, paper.document
            ))
        } else {
            String::new()
        },
        page,
    })
}

fn clock(page: &Page, item: &Stored, paper: &Paper, today: jiff::civil::Date) -> Option<Clock> {
    if item.state != "submitted" {
        return None;
    }
    let due = paper.acceptance_due?;
    let (left, tone) = left(page, due, today);
    let text = page.t_with(
        "papers-clock",
        &[
            ("submitted", page.day_or_dash(paper.submitted_on).into()),
            ("due", page.day(due).into()),
        ],
    );
    Some(Clock { tone, left, text })
}

fn facts(page: &Page, item: &Stored, paper: &Paper) -> Vec<(String, Cell)> {
    let day = |day: Option<jiff::civil::Date>| match day {
        Some(day) => Cell::time(day.to_string(), page.day(day)),
        None => Cell::text("―"),
    };
    let mut facts = vec![
        ("number", Cell::text(item.number.clone())),
        (
            "version",
            Cell::text(page.t1("papers-version", "version", paper.version)),
        ),
        ("period", Cell::text(period(page, &paper.period))),
        ("due", day(paper.due)),
        ("rendered", day(Some(paper.rendered_on))),
        ("submitted", day(paper.submitted_on)),
    ];
    if let Some(how) = &paper.how {
        let how = page.t_or(&format!("papers-how-{how}"), how);
        facts.push(("how", Cell::text(how)));
    }
    if let Some(receipt) = &paper.receipt {
        facts.push(("receipt", Cell::text(receipt.clone())));
    }
    if item.state == "submitted" {
        facts.push(("acceptance-due", day(paper.acceptance_due)));
    }
    facts.push(("accepted", day(paper.accepted_on)));
    if let Some(by) = &paper.by {
        facts.push(("by", Cell::text(by.clone())));
    }
    for (key, text) in [
        ("returned-reason", &paper.returned_reason),
        ("replaced-reason", &paper.replaced_reason),
    ] {
        if let Some(text) = text {
            facts.push((key, Cell::text(text.clone())));
        }
    }
    facts.push((
        "evidence",
        Cell::link(
            page.at(&format!(
                "/ledger?before={}",
                u64::from(paper.ledger_seq) + 1
            )),
            page.t1("papers-evidence-upto", "seq", paper.ledger_seq),
        ),
    ));
    facts
        .into_iter()
        .map(|(key, cell)| (page.t(&format!("papers-fact-{key}")), cell))
        .collect()
}

fn rows(page: &Page, names: &Names, all: &[Rendition]) -> Vec<RenditionRow> {
    all.iter()
        .enumerate()
        .rev()
        .map(|(index, one)| RenditionRow {
            label: compare::label(page, one),
            seq: one.seq,
            who: names.of(&one.actor),
            newest: index + 1 == all.len(),
            docx: one.docx.is_some(),
            xlsx: one.xlsx.is_some(),
            before: index.checked_sub(1).map(|before| all[before].seq),
        })
        .collect()
}

fn events(page: &Page, names: &Names, story: &[HistoryEntry]) -> Vec<Event> {
    story
        .iter()
        .rev()
        .map(|entry| {
            let text = |field: &str| entry.payload[field].as_str().unwrap_or_default().to_owned();
            let (tone, text) = match entry.kind.as_str() {
                "document.submitted" => (Tone::Info, String::new()),
                "document.accepted" => (Tone::Ok, text("by")),
                "document.returned" => (Tone::Bad, text("returned_reason")),
                "document.replaced" => (Tone::Warn, text("replaced_reason")),
                "document.receipted" => (Tone::Info, text("receipt")),
                _ => (Tone::Quiet, String::new()),
            };
            Event {
                iso: entry.at.to_string(),
                at: page.moment(entry.at),
                tone,
                title: format!(
                    "{}{}",
                    page.t_or(&view::kind_key(&entry.kind), &entry.kind_ja),
                    page.t1("ui-of", "what", format!("#{}", entry.seq))
                ),
                text,
                who: names.of(&entry.actor),
                href: page.at(&format!("/ledger/{}", entry.seq)),
            }
        })
        .collect()
}
