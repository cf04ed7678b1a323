//! 書類: the list, one paper with its renderings and its story, and the acts on it.
//!
//! | page | what |
//! |---|---|
//! | `/documents` | what is to be made, what waits for the city, all papers |
//! | `/documents/{number}` | one paper: clock, acts, preview, renderings, story |
//! | `/documents/{number}/compare?from&to` | two renderings side by side |
//! | `/documents/{number}/paper.pdf?record` | a file, of the newest rendering or of a record's |

mod acts;
mod compare;
mod files;
mod forms;
mod list;
mod one;

use jiff::Unit;
use jiff::civil::Date;
use mamori_kernel::period::Period;
use mamori_kernel::permission::Permission;
use mamori_runtime::Route;
use mamori_web::components::percent_encoded;
use mamori_web::{Page, Tone, Visitor, WebError};

pub(crate) use self::files::model;
pub(super) use self::forms::{Acts, Typed};
use super::DOCUMENT;
use super::view::{self, At};
use crate::documents::{Paper, Papers};
use crate::pulse;
use crate::register::Stored;

pub(crate) const WRITE: Permission = Permission::write("document");
pub(super) const DECIDE: Permission = Permission::decide("document");
pub(crate) const ACCEPT: Permission = Permission::accept("document");

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/c/{contract}/documents", DOCUMENT, list::page),
        Route::post("/c/{contract}/documents/draft", WRITE, acts::draft),
        Route::get("/c/{contract}/documents/{number}", DOCUMENT, one::page),
        Route::get(
            "/c/{contract}/documents/{number}/compare",
            DOCUMENT,
            compare::page,
        ),
        Route::get(
            "/c/{contract}/documents/{number}/{file}",
            DOCUMENT,
            files::page,
        ),
        Route::post(
            "/c/{contract}/documents/{number}/refresh",
            WRITE,
            acts::refresh,
        ),
        Route::post("/c/{contract}/documents/{number}/words", WRITE, acts::words),
        Route::post(
            "/c/{contract}/documents/{number}/submit",
            DECIDE,
            acts::submit,
        ),
        Route::post(
            "/c/{contract}/documents/{number}/receipt",
            WRITE,
            acts::receipt,
        ),
        Route::post(
            "/c/{contract}/documents/{number}/replace",
            DECIDE,
            acts::replace,
        ),
        Route::post(
            "/c/{contract}/documents/{number}/accept",
            ACCEPT,
            acts::accept,
        ),
        Route::post(
            "/c/{contract}/documents/{number}/return",
            ACCEPT,
            acts::send_back,
        ),
    ]
}

/// Japanese name and badge of a paper's state.
pub(super) fn state(key: &str) -> (&'static str, Tone) {
    match key {
        "draft" => ("案", Tone::Wait),
        "submitted" => ("提出済み", Tone::Info),
        "returned" => ("差戻し", Tone::Bad),
        "accepted" => ("検収済み", Tone::Ok),
        _ => ("不明", Tone::Quiet),
    }
}

/// The state in the page's language, with its badge.
pub(super) fn state_of(page: &Page, key: &str) -> (String, Tone) {
    let (ja, tone) = state(key);
    (page.t_or(&format!("papers-state-{key}"), ja), tone)
}

/// A period for people.
pub(super) fn period(page: &Page, text: &str) -> String {
    match text.parse::<Period>() {
        Ok(Period::Term(_)) => page.t("papers-term"),
        Ok(period) => page.period(period),
        Err(_) => text.to_owned(),
    }
}

/// How long until a day, as a badge.
pub(super) fn left(page: &Page, day: Date, today: Date) -> (String, Tone) {
    let days = today
        .until((Unit::Day, day))
        .map_or(0, |span| i64::from(span.get_days()));
    match days {
        0 => (page.t("papers-today"), Tone::Warn),
        days if days < 0 => (page.t1("papers-over", "days", -days), Tone::Bad),
        days if days <= 3 => (page.t1("papers-left", "days", days), Tone::Warn),
        days => (page.t1("papers-left", "days", days), Tone::Wait),
    }
}

/// A paper that the city has and has not answered: the ten days of 検収, seen by both sides.
pub(super) struct Waiting {
    pub(super) number: String,
    pub(super) title: String,
    pub(super) version: u32,
    pub(super) submitted: String,
    pub(super) due: String,
    pub(super) left: String,
    pub(super) tone: Tone,
}

/// The papers that wait for the city, the most urgent first.
pub(super) fn waiting(page: &Page, papers: &[(Stored, Paper)], today: Date) -> Vec<Waiting> {
    let mut open: Vec<&(Stored, Paper)> = papers
        .iter()
        .filter(|(item, _)| item.state == "submitted")
        .collect();
    open.sort_by_key(|(_, paper)| paper.acceptance_due.unwrap_or(Date::MAX));
    open.into_iter()
        .map(|(item, paper)| {
            let (left, tone) = match paper.acceptance_due {
                Some(due) => left(page, due, today),
                None => (page.t("papers-no-clock"), Tone::Quiet),
            };
            Waiting {
                number: item.number.clone(),
                title: item.title.clone(),
                version: paper.version,
                submitted: page.day_or_dash(paper.submitted_on),
                due: page.day_or_dash(paper.acceptance_due),
                left,
                tone,
            }
        })
        .collect()
}

/// Every paper of the contract, oldest first.
pub(super) async fn all(at: &At) -> Result<Vec<(Stored, Paper)>, WebError> {
    pulse::papers(&at.office, &at.live)
        .await
        .map_err(view::paper_error)
}

/// One paper by its number or id.
pub(super) async fn find(at: &At, number: &str) -> Result<(Stored, Paper), WebError> {
    let item = at
        .office
        .desk
        .get(at.live.id(), Papers::register(), number)
        .await
        .map_err(view::desk_error)?;
    let paper = item.read().map_err(WebError::bug)?;
    Ok((item, paper))
}

/// Where somebody of the city asks about a paper; empty for those who cannot ask and for the
/// contractor, who would ask himself.
pub(super) fn ask(page: &Page, visitor: &Visitor, item: &Stored) -> String {
    let way = crate::register("question")
        .filter(|_| !visitor.may(WRITE))
        .and_then(|register| {
            let opening = register.spec.acts.iter().find(|act| act.opens())?;
            crate::api::way_for(register, opening, visitor)
        });
    let Some(way) = way else {
        return String::new();
    };
    let topic = percent_encoded(&format!("{} {}", item.number, item.title));
    page.at(&format!("/question/new{}?topic={topic}", way.suffix))
}
