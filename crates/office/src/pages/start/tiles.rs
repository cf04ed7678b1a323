//! The office's own tiles, and those of measurements that other capabilities will make: until one
//! writes its evidence, the tile says that nothing is measured.

use std::sync::Arc;

use jiff::Timestamp;
use mamori_contract::engine::Verdict;
use mamori_kernel::clock::tokyo_date;
use mamori_kernel::ledger::Record;
use mamori_kernel::permission::{Permission, Role};
use mamori_runtime::{App, HookError, Tile, TileRequest, TileTone, TileView};
use mamori_store::LedgerQuery;
use mamori_web::{DateStyle, Language, Page};

use super::super::{CONTRACT, DOCUMENT, START};
use crate::Office;
use crate::deadlines::Deadline;
use crate::pulse::{Pulse, SOON_DAYS};

/// Every tile that the office brings.
pub fn tiles() -> Vec<Tile> {
    vec![
        Tile::new("due-soon", CONTRACT, 10, due_soon),
        Tile::new("overdue", CONTRACT, 20, overdue),
        Tile::new("my-turn", START, 30, my_turn),
        Tile::new("city-turn", CONTRACT, 40, city_turn),
        Tile::new("not-met", CONTRACT, 50, not_met),
        Tile::new("unproved", CONTRACT, 60, unproved),
        Tile::new("undecided", CONTRACT, 70, undecided),
        Tile::new("work-hours", Permission::read("work"), 80, work_hours),
        Tile::new("papers", DOCUMENT, 90, papers),
        Tile::new("availability", CONTRACT, 100, availability),
        Tile::new("backup", CONTRACT, 110, backup),
        Tile::new("incidents", CONTRACT, 120, incidents),
    ]
}

type Answer = Result<Option<TileView>, HookError>;

/// The pulse of the contract, read once for all tiles of a page.
pub(super) async fn pulse(app: &App, request: &TileRequest) -> Result<Arc<Pulse>, HookError> {
    let read = async {
        let failed = |error: crate::documents::PaperError| {
            HookError::caused_by("契約の状況を読めません", error)
        };
        let office = Office::of(app)?;
        let live = office
            .contracts
            .live(&request.contract)
            .await
            .map_err(|error| failed(error.into()))?;
        Pulse::read(&office, &live, request.now)
            .await
            .map_err(failed)
    };
    request.shared(read).await
}

/// Words and days as the page wants them.
fn words(app: &App, request: &TileRequest) -> Page {
    let mut page = Page::bare(app, Language::of(request.language), "");
    if request.iso_dates {
        page.date_style = DateStyle::Iso;
    }
    page
}

fn at(request: &TileRequest, rest: &str) -> String {
    format!("/c/{}{rest}", request.contract)
}

/// A tile that counts: nothing to count is good or quiet, something has its tone and word.
fn counted(page: &Page, key: &str, count: usize, tone: TileTone, href: String) -> TileView {
    TileView {
        label: page.t(&format!("tile-{key}")),
        figure: count.to_string(),
        unit: page.t1("tile-unit-items", "count", count),
        tone: if count == 0 { TileTone::Ok } else { tone },
        state: if count == 0 {
            page.t("tile-none")
        } else {
            page.t(&format!("tile-{key}-state"))
        },
        detail: String::new(),
        href,
    }
}

/// The day, what is due then, and why then.
fn told(page: &Page, deadline: &Deadline) -> String {
    let why = deadline.due.reason.as_ref().unwrap_or(&deadline.due.rule);
    page.t_with(
        "tile-due-detail",
        &[
            ("day", page.day_or_dash(deadline.day()).into()),
            ("title", deadline.title().to_owned().into()),
            ("why", why.clone().into()),
        ],
    )
}

async fn due_soon(app: App, request: TileRequest) -> Answer {
    let pulse = pulse(&app, &request).await?;
    let page = words(&app, &request);
    let coming: Vec<&Deadline> = pulse.coming(SOON_DAYS).collect();
    let today = pulse.coming(0).count();
    let href = at(&request, "/calendar");
    let mut view = counted(&page, "due-soon", coming.len(), TileTone::Warn, href);
    if today > 0 {
        view.state = page.t1("tile-due-today", "count", today);
    }
    let next = coming
        .first()
        .copied()
        .or_else(|| pulse.coming(i32::MAX).next());
    view.detail = next.map_or_else(String::new, |deadline| told(&page, deadline));
    Ok(Some(view))
}

async fn overdue(app: App, request: TileRequest) -> Answer {
    let pulse = pulse(&app, &request).await?;
    let page = words(&app, &request);
    let href = at(&request, "/obligations?due=overdue");
    let count = pulse.overdue().count();
    let mut view = counted(&page, "overdue", count, TileTone::Bad, href);
    view.detail = pulse
        .overdue()
        .next()
        .map_or_else(String::new, |deadline| told(&page, deadline));
    Ok(Some(view))
}

async fn my_turn(app: App, request: TileRequest) -> Answer {
    if matches!(request.role, Role::Viewer | Role::Counsellor) {
        return Ok(None);
    }
    let pulse = pulse(&app, &request).await?;
    let page = words(&app, &request);
    let items: Vec<_> = pulse.awaiting(request.role).collect();
    let href = at(&request, "#my-turn");
    let mut view = counted(&page, "my-turn", items.len(), TileTone::Warn, href);
    view.detail = items
        .first()
        .map_or_else(String::new, |item| item.title.clone());
    Ok(Some(view))
}

async fn city_turn(app: App, request: TileRequest) -> Answer {
    if request.role == Role::City {
        return Ok(None);
    }
    let pulse = pulse(&app, &request).await?;
    let page = words(&app, &request);
    let longest = pulse
        .awaiting_city()
        .map(|item| pulse.waited(item))
        .max()
        .unwrap_or(0);
    let count = pulse.awaiting_city().count();
    let href = at(&request, "#city-turn");
    let mut view = counted(&page, "city-turn", count, TileTone::Wait, href);
    if count > 0 {
        view.detail = page.t1("tile-city-turn-longest", "days", longest);
    }
    Ok(Some(view))
}

async fn verdicts(
    app: App,
    request: TileRequest,
    key: &'static str,
    verdict: Verdict,
    tone: TileTone,
) -> Answer {
    let pulse = pulse(&app, &request).await?;
    let page = words(&app, &request);
    let href = at(
        &request,
        &format!("/obligations?verdict={}", super::super::view::key(verdict)),
    );
    let count = pulse.with(verdict).count();
    let mut view = counted(&page, key, count, tone, href);
    view.detail = page.t1("tile-of-obligations", "total", pulse.states.len());
    Ok(Some(view))
}

async fn not_met(app: App, request: TileRequest) -> Answer {
    verdicts(app, request, "not-met", Verdict::NotMet, TileTone::Bad).await
}

async fn unproved(app: App, request: TileRequest) -> Answer {
    verdicts(
        app,
        request,
        "unproved",
        Verdict::Unmeasured,
        TileTone::Quiet,
    )
    .await
}

async fn undecided(app: App, request: TileRequest) -> Answer {
    verdicts(
        app,
        request,
        "undecided",
        Verdict::Undecided,
        TileTone::Doubt,
    )
    .await
}

/// Hours with at most two decimals and no trailing noughts.
pub fn hours(minutes: u32) -> String {
    let hundredths = (u64::from(minutes) * 100 + 30) / 60;
    match (hundredths / 100, hundredths % 100) {
        (whole, 0) => whole.to_string(),
        (whole, rest) if rest % 10 == 0 => format!("{whole}.{}", rest / 10),
        (whole, rest) => format!("{whole}.{rest:02}"),
    }
}

async fn work_hours(app: App, request: TileRequest) -> Answer {
    let pulse = pulse(&app, &request).await?;
    let page = words(&app, &request);
    let gauge = &pulse.gauge;
    let Some(cap) = &gauge.cap else {
        return Ok(None);
    };
    let (tone, state) = if gauge.over_minutes > 0 {
        (TileTone::Bad, "tile-work-hours-over")
    } else if gauge.over_minutes_at_most > 0 || gauge.left_minutes * 5 < cap.minutes {
        (TileTone::Warn, "tile-work-hours-little")
    } else {
        (TileTone::Ok, "tile-work-hours-within")
    };
    let detail = if gauge.undecided_minutes > 0 {
        page.t1(
            "tile-work-hours-undecided",
            "hours",
            hours(gauge.undecided_minutes),
        )
    } else {
        String::new()
    };
    Ok(Some(TileView {
        label: page.t("tile-work-hours"),
        figure: hours(gauge.counted_minutes),
        unit: page.t1("tile-work-hours-of", "cap", hours(cap.minutes)),
        tone,
        state: page.t(state),
        detail,
        href: at(&request, "/work"),
    }))
}

async fn papers(app: App, request: TileRequest) -> Answer {
    let pulse = pulse(&app, &request).await?;
    let page = words(&app, &request);
    let count = |state: &str| {
        pulse
            .papers
            .iter()
            .filter(|(item, _)| item.state == state)
            .count()
    };
    let (drafts, submitted, returned) = (count("draft"), count("submitted"), count("returned"));
    let (tone, state) = if returned > 0 {
        (
            TileTone::Bad,
            page.t1("tile-papers-returned", "count", returned),
        )
    } else if submitted > 0 {
        (
            TileTone::Wait,
            page.t1("tile-papers-submitted", "count", submitted),
        )
    } else {
        (TileTone::Quiet, String::new())
    };
    Ok(Some(TileView {
        label: page.t("tile-papers"),
        figure: pulse.papers.len().to_string(),
        unit: page.t1("tile-unit-items", "count", pulse.papers.len()),
        tone,
        state,
        detail: page.t1("tile-papers-drafts", "count", drafts),
        href: at(&request, "/documents"),
    }))
}

/// The newest records of some kinds, newest first.
async fn newest(
    app: &App,
    request: &TileRequest,
    kinds: &[&str],
    limit: u32,
) -> Result<Vec<Record>, HookError> {
    let query = LedgerQuery {
        kinds: kinds.iter().map(|kind| (*kind).to_owned()).collect(),
        newest_first: true,
        limit,
        ..LedgerQuery::new(&request.contract)
    };
    app.db
        .ledger_records(&query)
        .await
        .map_err(|error| HookError::caused_by("証跡台帳を読めません", error))
}

/// A tile of a measurement of which there is none.
fn unmeasured(page: &Page, request: &TileRequest, key: &str) -> TileView {
    TileView {
        label: page.t(&format!("tile-{key}")),
        figure: "―".to_owned(),
        unit: String::new(),
        tone: TileTone::Quiet,
        state: page.t("tile-unmeasured"),
        detail: String::new(),
        href: at(request, "/ledger"),
    }
}

fn measured_at(page: &Page, at: Timestamp) -> String {
    page.t1("tile-measured-at", "at", page.moment(at))
}

/// This month's availability as the records of its days say it.
async fn availability(app: App, request: TileRequest) -> Answer {
    let page = words(&app, &request);
    let records = newest(&app, &request, &["watch.availability"], 40).await?;
    let Some(last) = records.first() else {
        return Ok(Some(unmeasured(&page, &request, "availability")));
    };
    let month = tokyo_date(request.now).strftime("%Y-%m").to_string();
    // A day that was recorded again counts as it was recorded last.
    let mut days: Vec<String> = Vec::new();
    let (mut total, mut down) = (0.0, 0.0);
    for record in &records {
        let payload = record.payload.value();
        let day = payload["day"].as_str().unwrap_or_default().to_owned();
        if day.starts_with(&month) && !days.contains(&day) {
            days.push(day);
            let planned = payload["planned_minutes"].as_f64().unwrap_or(0.0);
            total += payload["total_minutes"].as_f64().unwrap_or(0.0) - planned;
            down += payload["down_minutes"].as_f64().unwrap_or(0.0);
        }
    }
    if total <= 0.0 {
        let mut view = unmeasured(&page, &request, "availability");
        view.detail = measured_at(&page, last.at);
        return Ok(Some(view));
    }
    let percent = ((total - down).max(0.0) / total * 100_000.0).floor() / 1000.0;
    Ok(Some(TileView {
        label: page.t("tile-availability"),
        figure: format!("{percent}"),
        unit: "%".to_owned(),
        // Whether it is enough is the contract's to say: the board does.
        tone: TileTone::Quiet,
        state: page.t1("tile-availability-days", "count", days.len()),
        detail: measured_at(&page, last.at),
        href: at(&request, "/ledger?kind=watch.availability"),
    }))
}

async fn backup(app: App, request: TileRequest) -> Answer {
    let page = words(&app, &request);
    let backups = newest(&app, &request, &["backup.finished"], 1).await?;
    let drills = newest(&app, &request, &["backup.drill"], 1).await?;
    let Some(last) = backups.first() else {
        return Ok(Some(unmeasured(&page, &request, "backup")));
    };
    let hours = (request.now.as_second() - last.at.as_second()).max(0) / 3600;
    let failed = last.payload.value()["ok"].as_bool() == Some(false);
    let drill = drills.first().map_or_else(
        || page.t("tile-backup-no-drill"),
        |drill| page.t1("tile-backup-drill", "at", page.moment(drill.at)),
    );
    Ok(Some(TileView {
        label: page.t("tile-backup"),
        figure: hours.to_string(),
        unit: page.t1("tile-backup-hours", "count", hours),
        tone: if failed {
            TileTone::Bad
        } else {
            TileTone::Quiet
        },
        state: if failed {
            page.t("tile-backup-failed")
        } else {
            String::new()
        },
        detail: drill,
        href: at(&request, "/ledger?kind=backup.finished"),
    }))
}

async fn incidents(app: App, request: TileRequest) -> Answer {
    let page = words(&app, &request);
    let records = newest(&app, &request, &["incident.opened", "incident.closed"], 500).await?;
    let id = |record: &Record| {
        record.payload.value()["incident_id"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    if records.is_empty() {
        return Ok(Some(unmeasured(&page, &request, "incidents")));
    }
    let closed: Vec<String> = records
        .iter()
        .filter(|record| record.kind == "incident.closed")
        .map(id)
        .collect();
    let open: Vec<&Record> = records
        .iter()
        .filter(|record| record.kind == "incident.opened" && !closed.contains(&id(record)))
        .collect();
    let href = at(&request, "/ledger?kind=incident.opened");
    let mut view = counted(&page, "incidents", open.len(), TileTone::Bad, href);
    view.detail = open.first().map_or_else(String::new, |record| {
        record.payload.value()["title"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    });
    Ok(Some(view))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_are_said_without_noise() {
        for (minutes, said) in [
            (0, "0"),
            (420, "7"),
            (330, "5.5"),
            (75, "1.25"),
            (5, "0.08"),
            (100, "1.67"),
        ] {
            assert_eq!(hours(minutes), said);
        }
    }
}
