//! 義務の一覧: every judged obligation with its state, its next date and who answers for it; by
//! clause, state, date, person and words. One obligation: [`one`].

pub(crate) mod assign;
mod one;
pub(crate) mod reading;

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use jiff::civil::Date;
use mamori_contract::engine::{State as Standing, Verdict};
use mamori_contract::language::Obligation;
use mamori_kernel::clock::tokyo_date;
use mamori_runtime::{App, Route};
use mamori_web::components::{Cell, Column, Empty, Row, Shape, Table, TableQuery, TableSpec, csv};
use mamori_web::{Field, Page, Visitor, WebError, html};

use super::CONTRACT;
use super::view::{self, At};
use crate::contracts::Live;
use crate::deadlines::{self, Deadline};
use crate::pulse::{Pulse, SOON_DAYS};
use crate::register::typed::normal;

use assign::People;
pub(crate) use assign::assigned;

const SPEC: TableSpec = TableSpec {
    sortable: &["key", "clause", "title", "verdict", "due", "who"],
    sort: "key",
    descending: false,
    filters: &["q", "verdict", "chapter", "due", "who"],
    per_page: 50,
};

/// Days that count as a month in the filter of dates.
const MONTH_DAYS: i32 = 31;

pub(super) fn routes() -> Vec<Route> {
    let mut routes = vec![Route::get("/c/{contract}/obligations", CONTRACT, list)];
    routes.extend(one::routes());
    routes
}

#[derive(Template)]
#[template(path = "start/obligations.html")]
struct ListPage {
    page: Page,
    table: Table,
}

struct Line {
    place: usize,
    state: Arc<Standing>,
    obligation: Arc<Obligation>,
    due: Option<Date>,
    who: String,
}

async fn list(
    State(app): State<App>,
    visitor: Visitor,
    At { office, live }: At,
    uri: Uri,
) -> Result<Response, WebError> {
    let query = TableQuery::read(&SPEC, &uri);
    let page = Page::new(&app, &visitor, "nav-obligations").here();
    let now = app.now();
    let today = tokyo_date(now);
    let states = live.states(now).await.map_err(view::contract_error)?;
    let dates = Pulse::dates(&office, &live, now)
        .await
        .map_err(view::paper_error)?;
    let people = People::read(&app, live.id(), &visitor).await?;
    let asked = Asked {
        words: normal(query.filter("q")),
        query: &query,
        dates: by_obligation(&dates),
        people: &people,
        me: &visitor.id,
        today,
    };
    let total = states.len();
    let chapters = chapters(&live, &states);
    let lines: Vec<Line> = states
        .into_iter()
        .enumerate()
        .filter(|(_, state)| asked.fits(&live, state))
        .filter_map(|(place, state)| {
            Some(Line {
                place,
                obligation: Arc::clone(live.contract().latest(&state.key)?),
                due: state.next_due,
                who: people.name(&page, &state.key),
                state,
            })
        })
        .collect();
    let (lines, pages) = query.cut(lines, compare);
    let columns = columns(&page);
    if query.csv {
        let mut header: Vec<String> = columns.iter().map(|column| column.label.clone()).collect();
        header.push(page.t("board-text"));
        let rows: Vec<Vec<String>> = lines.iter().map(|line| csv_row(&page, line)).collect();
        let name = format!("{}-{today}", page.title);
        return Ok(csv::response(&name, &header, rows));
    }
    let rows = lines
        .iter()
        .map(|line| Row::new(line.state.key.clone(), cells(&page, line)))
        .collect();
    let everything = Empty::new(page.t("board-nothing"))
        .action(page.at("/obligations"), page.t("board-everything"));
    let table = Table::new(
        "board",
        page.t("board-caption"),
        &query,
        columns,
        rows,
        pages,
    )
    .note(page.t1("board-total", "count", total))
    .heading(2)
    .filter(filter(&page, &people, chapters))
    .with_csv()
    .empty(Empty::new(page.t("board-empty")))
    .nothing_found(everything);
    html(&ListPage { page, table })
}

fn by_obligation(dates: &[Deadline]) -> BTreeMap<&str, Vec<&Deadline>> {
    let mut by: BTreeMap<&str, Vec<&Deadline>> = BTreeMap::new();
    for deadline in dates {
        by.entry(&deadline.due.obligation)
            .or_default()
            .push(deadline);
    }
    by
}

/// What the filter asks of each obligation.
struct Asked<'a> {
    words: String,
    query: &'a TableQuery,
    dates: BTreeMap<&'a str, Vec<&'a Deadline>>,
    people: &'a People,
    me: &'a str,
    today: Date,
}

impl Asked<'_> {
    fn fits(&self, live: &Live, state: &Standing) -> bool {
        let verdict = self.query.filter("verdict");
        (verdict.is_empty() || view::key(state.verdict) == verdict)
            && self.fits_chapter(live, state)
            && self.fits_date(state)
            && self.fits_person(state)
            && self.fits_words(live, state)
    }

    fn fits_chapter(&self, live: &Live, state: &Standing) -> bool {
        let wanted = self.query.filter("chapter");
        wanted.is_empty()
            || live
                .contract()
                .latest(&state.key)
                .is_some_and(|obligation| chapter(&obligation.clause) == wanted)
    }

    fn fits_date(&self, state: &Standing) -> bool {
        let dates = self
            .dates
            .get(state.key.as_str())
            .map_or(&[][..], Vec::as_slice);
        let within = |days: i32| {
            dates.iter().any(|deadline| {
                deadline.standing == deadlines::Standing::Open
                    && deadline
                        .days_left(self.today)
                        .is_some_and(|left| left <= days)
            })
        };
        match self.query.filter("due") {
            "overdue" => dates
                .iter()
                .any(|deadline| deadline.standing == deadlines::Standing::Overdue),
            "week" => within(SOON_DAYS),
            "month" => within(MONTH_DAYS),
            "none" => dates.is_empty(),
            _ => true,
        }
    }

    fn fits_person(&self, state: &Standing) -> bool {
        let assigned = self.people.of(&state.key);
        match self.query.filter("who") {
            "" => true,
            "nobody" => assigned.is_none(),
            "somebody" => assigned.is_some(),
            "me" => assigned == Some(self.me),
            // A name that may not be seen may not be tried out either.
            id => self.people.are_shown() && assigned == Some(id),
        }
    }

    fn fits_words(&self, live: &Live, state: &Standing) -> bool {
        self.words.is_empty()
            || live
                .words()
                .iter()
                .find(|(key, _)| *key == state.key)
                .is_some_and(|(_, text)| self.words.split(' ').all(|word| text.contains(word)))
    }
}

/// The part of the text that a clause belongs to: `7(2)-1` is in 7, `別紙2 運用・1` in 別紙2.
fn chapter(clause: &str) -> &str {
    let end = clause
        .find(|c: char| !c.is_alphanumeric())
        .unwrap_or(clause.len());
    &clause[..end]
}

/// The chapters in the contract's order.
fn chapters(live: &Live, states: &[Arc<Standing>]) -> Vec<String> {
    let mut chapters: Vec<String> = Vec::new();
    for state in states {
        if let Some(obligation) = live.contract().latest(&state.key) {
            let chapter = chapter(&obligation.clause);
            if !chapters.iter().any(|known| known == chapter) {
                chapters.push(chapter.to_owned());
            }
        }
    }
    let rank = |chapter: &String| chapter.parse::<u32>().map_or((1, 0), |number| (0, number));
    chapters.sort_by_key(rank);
    chapters
}

fn columns(page: &Page) -> Vec<Column> {
    vec![
        Column::new("key", page.t("start-number"))
            .shape(Shape::Fixed)
            .sortable(),
        Column::new("clause", page.t("start-clause"))
            .shape(Shape::Brief)
            .sortable(),
        Column::new("title", page.t("start-obligation"))
            .shape(Shape::Long)
            .sortable(),
        Column::new("verdict", page.t("start-state"))
            .shape(Shape::Fixed)
            .sortable(),
        Column::new("due", page.t("board-next"))
            .shape(Shape::Fixed)
            .sortable(),
        Column::new("who", page.t("board-who"))
            .shape(Shape::Brief)
            .sortable(),
        Column::new("reasons", page.t("start-reason")).shape(Shape::Long),
    ]
}

fn cells(page: &Page, line: &Line) -> Vec<Cell> {
    let href = page.at(&format!("/obligations/{}", line.state.key));
    vec![
        Cell::text(&line.state.key),
        Cell::text(&line.obligation.clause),
        Cell::link(href, &line.obligation.title),
        Cell::badge(
            view::tone(line.state.verdict),
            view::verdict(page, line.state.verdict),
        ),
        match line.due {
            Some(day) => Cell::time(day.to_string(), page.day(day)),
            None => Cell::text("―"),
        },
        Cell::text(if line.who.is_empty() {
            "―"
        } else {
            &line.who
        }),
        Cell::sentences(
            line.state
                .reasons
                .iter()
                .map(|reason| view::told(page, reason))
                .collect(),
        ),
    ]
}

fn csv_row(page: &Page, line: &Line) -> Vec<String> {
    vec![
        line.state.key.clone(),
        line.obligation.clause.clone(),
        line.obligation.title.clone(),
        view::verdict(page, line.state.verdict),
        line.due.map(|day| day.to_string()).unwrap_or_default(),
        line.who.clone(),
        line.state.reasons.join("\n"),
        line.obligation.text.clone(),
    ]
}

fn compare(key: &str, a: &Line, b: &Line) -> Ordering {
    let order = match key {
        "clause" => clause_order(&a.obligation.clause).cmp(&clause_order(&b.obligation.clause)),
        "title" => a.obligation.title.cmp(&b.obligation.title),
        "verdict" => severity(a.state.verdict).cmp(&severity(b.state.verdict)),
        // Without a date, without a person: last.
        "due" => (a.due.is_none(), a.due).cmp(&(b.due.is_none(), b.due)),
        "who" => (a.who.is_empty(), &a.who).cmp(&(b.who.is_empty(), &b.who)),
        _ => a.state.key.cmp(&b.state.key),
    };
    order.then(a.place.cmp(&b.place))
}

fn severity(verdict: Verdict) -> usize {
    view::VERDICTS
        .iter()
        .position(|one| *one == verdict)
        .unwrap_or(usize::MAX)
}

/// Clauses as people count them: 7(2) before 10(3), annexes after the text.
fn clause_order(clause: &str) -> (u8, u32, &str) {
    match chapter(clause).parse() {
        Ok(number) => (0, number, clause),
        Err(_) => (1, 0, clause),
    }
}

fn filter(page: &Page, people: &People, chapters: Vec<String>) -> Vec<Field> {
    let all = || (String::new(), page.t("board-all"));
    let verdicts = std::iter::once(all()).chain(
        view::VERDICTS
            .into_iter()
            .map(|verdict| (view::key(verdict).to_owned(), view::verdict(page, verdict))),
    );
    let chapters = std::iter::once(all()).chain(
        chapters
            .into_iter()
            .map(|chapter| (chapter.clone(), chapter)),
    );
    let dates = std::iter::once(all()).chain(
        ["overdue", "week", "month", "none"]
            .map(|key| (key.to_owned(), page.t(&format!("board-due-{key}")))),
    );
    let mut who = vec![all()];
    who.extend(
        ["me", "somebody", "nobody"]
            .map(|key| (key.to_owned(), page.t(&format!("board-who-{key}")))),
    );
    if people.are_shown() {
        who.extend(
            people
                .assignable()
                .map(|one| (one.id.clone(), one.name.clone())),
        );
    }
    vec![
        Field::new("search", "q", page.t("board-words")),
        Field::select("verdict", page.t("start-state"), verdicts),
        Field::select("chapter", page.t("board-chapter"), chapters),
        Field::select("due", page.t("start-day"), dates),
        Field::select("who", page.t("board-who"), who),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clause_belongs_to_the_part_it_begins_with() {
        for (clause, expected) in [
            ("7(2)-1", "7"),
            ("5(2)イ(イ)なお・6", "5"),
            ("別紙2 運用・6b", "別紙2"),
            ("別紙3-4", "別紙3"),
            ("13、別紙3", "13"),
            ("9", "9"),
            ("", ""),
        ] {
            assert_eq!(chapter(clause), expected, "{clause}");
        }
        let mut clauses = ["別紙2 建物・2", "10(3)", "7(4)-1", "7(2)-1"];
        clauses.sort_by_key(|clause| clause_order(clause));
        assert_eq!(clauses, ["7(2)-1", "7(4)-1", "10(3)", "別紙2 建物・2"]);
    }
}
