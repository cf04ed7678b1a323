//! 月次の締め: the papers of a month from evidence to acceptance, step by step.
//!
//! Every step is a page with an address of its own and can be left and come back to; what was done
//! is read from the paper's state, so two people can share a closing. The acts themselves are those
//! of [`super::papers`]. The city sees the same papers without the steps: read, ask, accept, return.

mod figures;
mod gaps;
mod tasks;

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use jiff::civil::Date;
use mamori_document::render_html;
use mamori_kernel::clock::tokyo_date;
use mamori_kernel::period::YearMonth;
use mamori_runtime::{App, Route};
use mamori_web::components::{Stage, Stat, Step};
use mamori_web::{Page, Tone, Visitor, WebError, html};
use serde::Deserialize;

use self::figures::WorkRow;
use self::gaps::Gap;
use super::DOCUMENT;
use super::papers::{self, Acts, Typed, Waiting};
use super::view::{self, At};
use crate::documents::{Paper, PaperError};
use crate::register::Stored;

pub(crate) use self::figures::work;
pub(crate) use self::gaps::gaps;
pub(crate) use self::tasks::{Calendar, Task};
pub(crate) use super::papers::{ACCEPT, WRITE};

pub(super) fn routes() -> Vec<Route> {
    vec![Route::get("/c/{contract}/closing", DOCUMENT, page)]
}

/// The steps in their order: name in addresses and end of the text keys.
const STEPS: [&str; 6] = ["figures", "missing", "words", "look", "submit", "receipt"];

#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    month: String,
    #[serde(default)]
    document: String,
    #[serde(default)]
    step: String,
}

/// A paper of the month, to choose.
struct TaskRow {
    title: String,
    period: String,
    state: String,
    tone: Tone,
    due: String,
    left: String,
    left_tone: Tone,
    href: String,
    current: bool,
}

/// Rows of a table of the flow; a month has far fewer, and the paper itself shows all.
const MOST_ROWS: usize = 100;

/// What the chosen step shows.
struct Shown {
    step: &'static str,
    steps: Vec<Step>,
    title: String,
    /// Address of the paper's own page; empty while there is none.
    paper: String,
    document: String,
    about: String,
    next: String,
    figures: Vec<Stat>,
    work: Vec<WorkRow>,
    content: String,
    gaps: Vec<Gap>,
    acts: Option<Acts>,
    draft: bool,
    behind: bool,
    compare: String,
    clock: Option<(Tone, String, String)>,
    facts: Vec<(String, String)>,
    returned: String,
    ask: String,
    words: bool,
}

#[derive(Template)]
#[template(path = "closing/page.html")]
struct ClosingPage {
    page: Page,
    month: String,
    previous: Option<(String, String)>,
    next: Option<(String, String)>,
    monthly: bool,
    tasks: Vec<TaskRow>,
    waiting: Vec<Waiting>,
    flow: bool,
    shown: Option<Shown>,
}

async fn page(
    State(app): State<App>,
    visitor: Visitor,
    at: At,
    Query(asked): Query<Asked>,
) -> Result<Response, WebError> {
    let page = Page::new(&app, &visitor, "closing-title").here();
    let today = tokyo_date(app.now());
    let made = papers::all(&at).await?;
    let waiting = papers::waiting(&page, &made, today);
    let calendar = Calendar::of(&at.live, made);
    let flow = visitor.may(papers::WRITE);
    let month: YearMonth = if asked.month.is_empty() {
        calendar.first_open(today, visitor.may(papers::ACCEPT))
    } else {
        asked
            .month
            .parse()
            .map_err(|_| WebError::invalid(page.t("closing-bad-month")))?
    };
    let tasks = calendar.of_month(month);
    let chosen = tasks
        .iter()
        .find(|task| task.document == asked.document)
        .or_else(|| {
            // Where one's own word is waited for.
            tasks.iter().find(|task| {
                if flow {
                    task.is_open()
                } else {
                    task.state() == "submitted"
                }
            })
        })
        .or_else(|| tasks.first())
        .copied();
    let looking = Looking {
        app: &app,
        visitor: &visitor,
        at: &at,
        page: &page,
        today,
        month,
    };
    let rows = tasks
        .iter()
        .map(|task| looking.row(task, chosen.is_some_and(|own| std::ptr::eq(own, *task))))
        .collect();
    let shown = match chosen {
        Some(task) => Some(looking.shown(task, &asked.step, flow).await?),
        None => None,
    };
    let months = calendar.months();
    let beside = |month: Option<&YearMonth>| {
        month.map(|month| {
            let href = page.at(&format!("/closing?month={month}"));
            (href, papers::period(&page, &month.to_string()))
        })
    };
    let previous = beside(months.iter().rev().find(|one| **one < month));
    let next = beside(months.iter().find(|one| **one > month));
    let month = papers::period(&page, &month.to_string());
    // Months lie open beside each other in tabs of the browser.
    let mut page = page;
    page.title = format!("{} {month}", page.title);
    html(&ClosingPage {
        month,
        previous,
        next,
        monthly: calendar.is_monthly(),
        tasks: rows,
        waiting,
        flow,
        shown,
        page,
    })
}

/// Who looks at which month.
struct Looking<'a> {
    app: &'a App,
    visitor: &'a Visitor,
    at: &'a At,
    page: &'a Page,
    today: Date,
    month: YearMonth,
}

impl Looking<'_> {
    fn href(&self, task: &Task, step: &str) -> String {
        self.page.at(&format!(
            "/closing?month={}&document={}&step={step}",
            self.month, task.document
        ))
    }

    fn row(&self, task: &Task, current: bool) -> TaskRow {
        let page = self.page;
        let (state, tone) = match task.state() {
            "none" => (page.t("closing-state-none"), Tone::Quiet),
            state => papers::state_of(page, state),
        };
        let (left, left_tone) = match (task.is_open(), task.due.due) {
            (true, Some(due)) => papers::left(page, due, self.today),
            _ => (String::new(), Tone::Quiet),
        };
        TaskRow {
            title: task.title.clone(),
            period: papers::period(page, &task.about()),
            state,
            tone,
            due: page.day_or_dash(task.due.due),
            left,
            left_tone,
            href: page.at(&format!(
                "/closing?month={}&document={}",
                self.month, task.document
            )),
            current,
        }
    }

    async fn shown(&self, task: &Task, asked: &str, flow: bool) -> Result<Shown, WebError> {
        let page = self.page;
        let step = Self::step(task, asked);
        let made = task.made.as_ref();
        let mut shown = Shown {
            step,
            steps: Vec::new(),
            title: task.title.clone(),
            paper: made.map_or_else(String::new, |(item, _)| {
                page.at(&format!("/documents/{}", item.number))
            }),
            document: task.document.clone(),
            about: task.about(),
            next: STEPS
                .iter()
                .skip_while(|one| **one != step)
                .nth(1)
                .map_or_else(String::new, |next| self.href(task, next)),
            figures: Vec::new(),
            work: Vec::new(),
            content: String::new(),
            gaps: Vec::new(),
            acts: None,
            draft: task.state() == "draft",
            behind: false,
            compare: String::new(),
            clock: None,
            facts: Vec::new(),
            returned: String::new(),
            ask: String::new(),
            words: made.is_some_and(|(_, paper)| paper.words().iter().any(|text| !text.is_empty())),
        };
        if flow && matches!(step, "figures" | "missing" | "submit") && task.is_open() {
            self.show_evidence(task, &mut shown).await?;
        }
        if let Some((item, paper)) = made {
            self.show_paper(item, paper, flow, &mut shown).await?;
        }
        if flow {
            shown.steps = self.steps(task, &shown);
        }
        Ok(shown)
    }

    /// The step that was asked for, or the first that is not done.
    fn step(task: &Task, asked: &str) -> &'static str {
        let asked = STEPS.iter().find(|one| **one == asked);
        let first = match task.state() {
            "submitted" | "accepted" | "returned" => "receipt",
            _ => "figures",
        };
        match (asked, task.state()) {
            // What needs a draft waits for one.
            (Some(&("look" | "submit" | "receipt")), "none") => "words",
            // A draft cannot be receipted.
            (Some(&"receipt"), "draft") => "submit",
            (Some(asked), _) => asked,
            (None, _) => first,
        }
    }

    async fn show_evidence(&self, task: &Task, shown: &mut Shown) -> Result<(), WebError> {
        let office = &self.at.office;
        let id = self.at.live.id();
        let preview = office
            .papers
            .preview(id, &task.document, &task.about())
            .await;
        let (sources, document) = match preview {
            Ok(found) => found,
            // A paper about one matter has no figures before somebody names the matter.
            Err(PaperError::UnknownAbout { .. }) => return Ok(()),
            Err(error) => return Err(view::paper_error(error)),
        };
        let work = if gaps::is_about_work(&document) {
            figures::work(office, id, task.due.period).await?
        } else {
            Vec::new()
        };
        shown.gaps = gaps::gaps(self.page, task, &sources, &document, &work, self.today);
        if shown.step == "figures" {
            shown.figures = figures::stats(self.page, task, &sources, &document);
            shown.work = figures::rows(self.page, &document, &work);
            shown.content = render_html(&document, 3);
        }
        Ok(())
    }

    async fn show_paper(
        &self,
        item: &Stored,
        paper: &Paper,
        flow: bool,
        shown: &mut Shown,
    ) -> Result<(), WebError> {
        let page = self.page;
        let from = if flow { "closing" } else { "" };
        shown.acts = Some(Acts::of(
            page,
            self.visitor,
            (item, paper),
            self.today,
            &Typed::default(),
            from,
        ));
        let head = self.app.db.ledger_head(self.at.live.id()).await?;
        shown.behind = item.state == "draft"
            && head.is_some_and(|head| head.seq > u64::from(paper.ledger_seq) + 1);
        if shown.step == "look" || !flow || (shown.step == "receipt" && item.state == "returned") {
            let model = papers::model(self.app, &paper.model).await?;
            shown.content = render_html(&model, 3);
        }
        if let Some(due) = paper.acceptance_due.filter(|_| item.state == "submitted") {
            let (left, tone) = papers::left(page, due, self.today);
            let text = page.t_with(
                "papers-clock",
                &[
                    ("submitted", page.day_or_dash(paper.submitted_on).into()),
                    ("due", page.day(due).into()),
                ],
            );
            shown.clock = Some((tone, text, left));
        }
        shown.compare = page.at(&format!("/documents/{}/compare", item.number));
        shown.returned = match item.state.as_str() {
            "returned" => paper.returned_reason.clone().unwrap_or_default(),
            _ => String::new(),
        };
        let mut facts = vec![
            ("state", papers::state_of(page, &item.state).0),
            ("number", item.number.clone()),
            (
                "version",
                page.t1("papers-version", "version", paper.version),
            ),
        ];
        for (key, day) in [
            ("due", paper.due),
            ("submitted", paper.submitted_on),
            ("accepted", paper.accepted_on),
        ] {
            if let Some(day) = day {
                facts.push((key, page.day(day)));
            }
        }
        if let Some(receipt) = &paper.receipt {
            facts.push(("receipt", receipt.clone()));
        }
        shown.facts = facts
            .into_iter()
            .map(|(key, text)| (page.t(&format!("papers-fact-{key}")), text))
            .collect();
        shown.ask = papers::ask(page, self.visitor, item);
        Ok(())
    }

    fn steps(&self, task: &Task, shown: &Shown) -> Vec<Step> {
        let now = STEPS.iter().position(|one| *one == shown.step).unwrap_or(0);
        let handed_in = !task.is_open();
        STEPS
            .iter()
            .enumerate()
            .map(|(index, step)| {
                let is_done = index < now || (handed_in && index < 5);
                let stage = match index {
                    index if index == now => Stage::Now,
                    _ if is_done => Stage::Done,
                    _ => Stage::Next,
                };
                let reachable = match *step {
                    "figures" | "missing" | "words" => task.is_open(),
                    "look" => task.made.is_some(),
                    "submit" => shown.draft,
                    _ => handed_in || task.state() == "returned",
                };
                Step {
                    label: self.page.t(&format!("closing-step-{step}")),
                    stage,
                    href: if reachable && index != now {
                        self.href(task, step)
                    } else {
                        String::new()
                    },
                    note: match *step {
                        "missing" if !shown.gaps.is_empty() => {
                            self.page.t1("closing-gaps", "count", shown.gaps.len())
                        }
                        "words" if shown.words => self.page.t("closing-words-there"),
                        _ => String::new(),
                    },
                }
            })
            .collect()
    }
}
