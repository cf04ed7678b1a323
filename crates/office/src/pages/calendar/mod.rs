//! 期限の暦: a month as a grid with its closed days, three months as a list, each date with its
//! reason; and the feed for a person's own calendar program ([`feed`]).

mod feed;
mod ics;
pub mod remind;

use askama::Template;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use jiff::civil::Date;
use jiff::{ToSpan as _, Unit};
use mamori_contract::Contract;
use mamori_kernel::calendar::DaySet;
use mamori_kernel::clock::tokyo_date;
use mamori_kernel::period::YearMonth;
use mamori_kernel::wareki;
use mamori_runtime::{App, Guard, Route};
use mamori_web::{DateStyle, Language, Page, Tone, Visitor, WebError, html};
use serde::Deserialize;

use super::CONTRACT;
use super::view::{self, At};
use crate::deadlines::Deadline;
use crate::pulse::Pulse;

/// Months listed below the grid, the shown one included.
const LISTED_MONTHS: i32 = 3;
/// Months before and after the term that can be turned to.
const MONTHS_AROUND: i32 = 14;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/c/{contract}/calendar", CONTRACT, page),
        // A feed is the person's own; it shows what the person may see and no more.
        Route::post("/c/{contract}/calendar/feed", CONTRACT, renew),
        Route::post("/c/{contract}/calendar/feed/stop", CONTRACT, stop),
        Route::get("/calendar/{file}", Guard::Public, feed::serve),
    ]
}

struct Item {
    title: String,
    period: String,
    href: String,
    tone: Tone,
    state: String,
}

struct DayCell {
    iso: String,
    number: i8,
    name: String,
    closed: String,
    today: bool,
    items: Vec<Item>,
}

struct ListRow {
    iso: String,
    day: String,
    closed: String,
    tone: Tone,
    state: String,
    title: String,
    period: String,
    href: String,
    why: Vec<String>,
}

struct ListMonth {
    id: String,
    name: String,
    rows: Vec<ListRow>,
}

#[derive(Template)]
#[template(path = "start/calendar.html")]
struct CalendarPage {
    page: Page,
    month: String,
    weekdays: Vec<String>,
    weeks: Vec<Vec<Option<DayCell>>>,
    previous: Option<(String, String)>,
    next: Option<(String, String)>,
    now: String,
    months: Vec<ListMonth>,
    undated: Vec<ListRow>,
    feed_since: String,
    feed_address: String,
}

#[derive(Debug, Deserialize)]
struct Asked {
    #[serde(default)]
    month: String,
}

async fn page(
    State(app): State<App>,
    visitor: Visitor,
    at: At,
    Query(asked): Query<Asked>,
) -> Result<Response, WebError> {
    html(&calendar(&app, &visitor, &at, &asked.month, String::new()).await?)
}

/// Makes the feed's address and shows it this once.
async fn renew(State(app): State<App>, visitor: Visitor, at: At) -> Result<Response, WebError> {
    let secret = feed::renew(&app, &visitor.id, at.live.id()).await?;
    let host = app.config.public_url.clone().unwrap_or_default();
    let address = format!("{}/calendar/{secret}.ics", host.trim_end_matches('/'));
    html(&calendar(&app, &visitor, &at, "", address).await?)
}

async fn stop(State(app): State<App>, visitor: Visitor, at: At) -> Result<Response, WebError> {
    feed::revoke(&app, &visitor.id, at.live.id()).await?;
    let text = Page::bare(&app, visitor.language, "").t("feed-stopped");
    visitor.flash(&app, Tone::Ok, text).await?;
    Ok(Redirect::to(&visitor.at("/calendar")).into_response())
}

async fn calendar(
    app: &App,
    visitor: &Visitor,
    at: &At,
    month: &str,
    feed_address: String,
) -> Result<CalendarPage, WebError> {
    let now = app.now();
    let today = tokyo_date(now);
    let live = &at.live;
    let page = Page::new(app, visitor, "nav-calendar").here();
    let dates = Pulse::dates(&at.office, live, now)
        .await
        .map_err(view::paper_error)?;
    let term = live.contract().term;
    let first = YearMonth::of(term.first()).plus(-MONTHS_AROUND);
    let last = YearMonth::of(term.last()).plus(MONTHS_AROUND);
    let present = YearMonth::of(today).clamp(first, last);
    let shown = month
        .parse()
        .ok()
        .filter(|month| (first..=last).contains(month))
        .unwrap_or(present);
    let turn = |month: YearMonth| {
        (first..=last).contains(&month).then(|| {
            (
                page.at(&format!("/calendar?month={month}")),
                month_name(&page, month),
            )
        })
    };
    let look = Look {
        page: &page,
        contract: live.contract(),
        today,
    };
    let since = feed::since(app, &visitor.id, live.id()).await?;
    Ok(CalendarPage {
        month: month_name(&page, shown),
        weekdays: look.weekdays(),
        weeks: look.weeks(shown, &dates),
        previous: turn(shown.plus(-1)),
        next: turn(shown.plus(1)),
        now: page.at("/calendar"),
        months: (0..LISTED_MONTHS)
            .map(|n| look.list(shown.plus(n), &dates))
            .collect(),
        undated: dates
            .iter()
            .filter(|deadline| deadline.day().is_none())
            .map(|deadline| look.row(deadline))
            .collect(),
        feed_since: since.map_or_else(String::new, |at| page.moment(at)),
        feed_address,
        page,
    })
}

/// `令和8年12月（2026年12月）`, or `December 2026`.
fn month_name(page: &Page, month: YearMonth) -> String {
    match (page.language, page.date_style) {
        (Language::Ja, DateStyle::Wareki) => format!(
            "{}（{}年{}月）",
            wareki::month(month),
            month.year(),
            month.month()
        ),
        (Language::Ja, DateStyle::Iso) => format!("{}年{}月", month.year(), month.month()),
        (Language::En, _) => month.first().strftime("%B %Y").to_string(),
    }
}

/// What the days of a page have in common.
struct Look<'a> {
    page: &'a Page,
    contract: &'a Contract,
    today: Date,
}

impl Look<'_> {
    /// Why the city is closed on a day; empty when it is open. A plain Saturday or Sunday says so.
    fn closed(&self, day: Date) -> String {
        let book = &self.contract.on(day).book;
        let calendar = book
            .city_calendar
            .as_ref()
            .and_then(|name| book.calendars.get(name))
            .cloned()
            .unwrap_or_else(DaySet::law);
        match calendar.reason(day).as_deref() {
            None => String::new(),
            Some("土" | "日") => self.page.t("calendar-closed"),
            Some(reason) => {
                let named = reason
                    .split('・')
                    .filter(|one| !matches!(*one, "土" | "日"));
                named.collect::<Vec<_>>().join("・")
            }
        }
    }

    /// Sunday to Saturday.
    fn weekdays(&self) -> Vec<String> {
        ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
            .map(|key| self.page.t(&format!("weekday-{key}")))
            .to_vec()
    }

    fn weeks(&self, month: YearMonth, dates: &[Deadline]) -> Vec<Vec<Option<DayCell>>> {
        let before = month.first().weekday().to_sunday_zero_offset();
        let mut cells: Vec<Option<DayCell>> = (0..before).map(|_| None).collect();
        let days = month
            .first()
            .until((Unit::Day, month.last()))
            .map_or(0, |span| span.get_days());
        cells.extend((0..=days).map(|n| {
            let day = month.first().saturating_add(n.days());
            Some(self.cell(day, dates))
        }));
        while !cells.len().is_multiple_of(7) {
            cells.push(None);
        }
        let mut weeks = Vec::new();
        let mut rest = cells.into_iter().peekable();
        while rest.peek().is_some() {
            weeks.push(rest.by_ref().take(7).collect());
        }
        weeks
    }

    fn cell(&self, day: Date, dates: &[Deadline]) -> DayCell {
        DayCell {
            iso: day.to_string(),
            number: day.day(),
            name: self.page.day(day),
            closed: self.closed(day),
            today: day == self.today,
            items: dates
                .iter()
                .filter(|deadline| deadline.day() == Some(day))
                .map(|deadline| {
                    let (state, tone) = view::days_left(self.page, deadline, self.today);
                    Item {
                        title: deadline.title().to_owned(),
                        period: view::period(self.page, deadline.due.period),
                        href: self.href(deadline),
                        tone,
                        state,
                    }
                })
                .collect(),
        }
    }

    fn href(&self, deadline: &Deadline) -> String {
        self.page
            .at(&format!("/obligations/{}", deadline.due.obligation))
    }

    fn list(&self, month: YearMonth, dates: &[Deadline]) -> ListMonth {
        ListMonth {
            id: format!("m-{month}"),
            name: month_name(self.page, month),
            rows: dates
                .iter()
                .filter(|deadline| {
                    deadline
                        .day()
                        .is_some_and(|day| YearMonth::of(day) == month)
                })
                .map(|deadline| self.row(deadline))
                .collect(),
        }
    }

    fn row(&self, deadline: &Deadline) -> ListRow {
        let (state, tone) = view::days_left(self.page, deadline, self.today);
        let day = deadline.day();
        ListRow {
            iso: day.map(|day| day.to_string()).unwrap_or_default(),
            day: self.page.day_or_dash(day),
            closed: day.map(|day| self.closed(day)).unwrap_or_default(),
            tone,
            state,
            title: deadline.title().to_owned(),
            period: view::period(self.page, deadline.due.period),
            href: self.href(deadline),
            why: view::reasons_of_day(&deadline.due, |day| self.page.day(day)),
        }
    }
}
