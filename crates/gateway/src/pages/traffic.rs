//! Traffic: now, by hour, by day, and what the attacks aimed at. Everything is read from counts by
//! minute and by day, so that the page is as light with millions of requests as with ten.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use jiff::civil::Date;
use jiff::{Timestamp, ToSpan as _};
use mamori_document::{Bar, BarChart, Chart, Series, StackedChart, Theme};
use mamori_kernel::clock::{tokyo_date, tokyo_datetime, tokyo_midnight};
use mamori_runtime::{App, Route};
use mamori_web::components::{Cell, Figure, Stat, grouped};
use mamori_web::{Page, Tone, Visitor, WebError, html};

use super::{READ, contract_of, site_names};
use crate::model::Traffic;
use crate::tally::read::{DAYS, MOST, NOW};
use crate::tally::{Minute, What, kind, read};
use crate::{desk, store};

pub(super) fn routes() -> Vec<Route> {
    vec![Route::get("/c/{contract}/gateway/traffic", READ, look)]
}

/// The most frequent of something: name, refused, observed.
struct Ranking {
    title: String,
    of: String,
    rows: Vec<(Cell, String, String)>,
}

#[derive(Template)]
#[template(path = "gateway/traffic.html")]
struct TrafficPage {
    page: Page,
    serving: bool,
    now: Vec<Stat>,
    hours: Vec<Figure>,
    days: Vec<Figure>,
    rankings: Vec<Ranking>,
    paths: Vec<(String, String)>,
}

async fn look(State(app): State<App>, visitor: Visitor) -> Result<Response, WebError> {
    let contract = contract_of(&visitor)?;
    let page = Page::new(&app, &visitor, "gateway-traffic-title")
        .under("gateway-title", visitor.at("/gateway"))
        .here();
    let alive = store::alive(&app.db).await?;
    let now = app.now();
    let today = tokyo_date(now);
    let first = today.saturating_sub((DAYS - 1).days());
    let sites = site_names(&app, &contract);
    let minutes = read::minutes(&app.db, &sites, now).await?;
    let by_day = desk::traffic(&app, &contract, first, today).await?;
    html(&TrafficPage {
        serving: crate::jobs::serves(&app, alive.as_ref()),
        now: stats(&page, &minutes, now),
        hours: hours(&page, &minutes, now),
        days: days(&page, &by_day, first, today),
        rankings: rankings(&app, &page, &sites, first, today).await?,
        paths: read::paths(&app.db, &sites, tokyo_midnight(first))
            .await?
            .into_iter()
            .map(|(path, count)| (path, grouped(count)))
            .collect(),
        page,
    })
}

fn stats(page: &Page, minutes: &BTreeMap<i64, Minute>, now: Timestamp) -> Vec<Stat> {
    let lately = read::lately(minutes, now);
    let note = page.t1("gateway-last-minutes", "minutes", NOW);
    let rate = read::rate(lately);
    let classes = ["2xx", "3xx", "4xx", "5xx"].into_iter().zip(lately.answers);
    let counts = [
        (page.t("gateway-refused"), lately.refused),
        (page.t("gateway-observed"), lately.observed),
    ];
    [Stat::new(
        page.t("gateway-rate"),
        format!("{rate:.1}"),
        page.t("gateway-rate-unit"),
    )
    .note(note.clone())]
    .into_iter()
    .chain(
        counts
            .into_iter()
            .chain(classes.map(|(class, count)| {
                let label = page.t1("gateway-answers", "class", class);
                (label, count)
            }))
            .map(|(label, count)| Stat::new(label, grouped(count), "").note(note.clone())),
    )
    .collect()
}

/// A point of a chart.
struct Point {
    label: String,
    requests: u64,
    refused: u64,
    observed: u64,
}

/// The hour that runs is the last one.
fn hours(page: &Page, minutes: &BTreeMap<i64, Minute>, now: Timestamp) -> Vec<Figure> {
    let points: Vec<Point> = read::hours(minutes, now)
        .into_iter()
        .map(|(began, sum)| Point {
            label: format!("{}:00", tokyo_datetime(began).hour()),
            requests: sum.requests,
            refused: sum.refused,
            observed: sum.observed,
        })
        .collect();
    figures(
        page,
        ("gateway-hours-requests", "gateway-hours-attacks"),
        &points,
    )
}

fn days(page: &Page, by_day: &BTreeMap<Date, Traffic>, first: Date, today: Date) -> Vec<Figure> {
    let points: Vec<Point> = first
        .series(1.day())
        .take_while(|day| *day <= today)
        .map(|day| {
            let traffic = by_day.get(&day).copied().unwrap_or_default();
            Point {
                label: format!("{}/{}", day.month(), day.day()),
                requests: traffic.requests,
                refused: traffic.refused,
                observed: traffic.observed,
            }
        })
        .collect();
    figures(
        page,
        ("gateway-days-requests", "gateway-days-attacks"),
        &points,
    )
}

/// Requests, and what of them was refused: two drawings, since one would hide the other.
fn figures(page: &Page, (requests, attacks): (&str, &str), points: &[Point]) -> Vec<Figure> {
    let bars = points.iter().map(|point| Bar {
        label: point.label.clone(),
        value: point.requests as f64,
    });
    let drawn = Chart::Bar(BarChart {
        title: page.t(requests),
        unit: page.t("gateway-chart-unit"),
        bars: bars.collect(),
        limit: None,
        decimals: 0,
    });
    let of = |count: fn(&Point) -> u64| points.iter().map(|one| Some(count(one) as f64)).collect();
    let refused = Chart::Stacked(StackedChart {
        title: page.t(attacks),
        unit: page.t("gateway-chart-unit"),
        labels: points.iter().map(|point| point.label.clone()).collect(),
        series: vec![
            Series {
                name: page.t("gateway-refused"),
                values: of(|point| point.refused),
            },
            Series {
                name: page.t("gateway-observed"),
                values: of(|point| point.observed),
            },
        ],
        limit: None,
        decimals: 0,
    });
    let one = |point: &Point| vec![point.requests];
    let both = |point: &Point| vec![point.refused, point.observed];
    vec![
        figure(page, &drawn, &["gateway-requests"], points, one),
        figure(
            page,
            &refused,
            &["gateway-refused", "gateway-observed"],
            points,
            both,
        ),
    ]
}

fn figure(
    page: &Page,
    chart: &Chart,
    columns: &[&str],
    points: &[Point],
    values: impl Fn(&Point) -> Vec<u64>,
) -> Figure {
    let sums = points
        .iter()
        .map(|point| values(point).into_iter().sum::<u64>());
    let sum: u64 = sums.clone().sum();
    let most = points.iter().zip(sums).max_by_key(|(_, sum)| *sum);
    let sentence = match most {
        Some((point, most)) if most > 0 => page.t_with(
            "gateway-chart-says",
            &[
                ("sum", grouped(sum).into()),
                ("label", point.label.clone().into()),
                ("most", grouped(most).into()),
            ],
        ),
        _ => page.t("gateway-chart-nothing"),
    };
    let header = [page.t("gateway-chart-when")]
        .into_iter()
        .chain(columns.iter().map(|key| page.t(key)));
    let rows = points.iter().map(|point| {
        let numbers = values(point).into_iter().map(|number| number.to_string());
        [point.label.clone()].into_iter().chain(numbers).collect()
    });
    Figure {
        title: chart.title().to_owned(),
        svg: chart.svg_saying(Theme::Console, &sentence),
        sentence,
        header: header.collect(),
        rows: rows.collect(),
    }
}

async fn rankings(
    app: &App,
    page: &Page,
    sites: &[String],
    first: Date,
    today: Date,
) -> Result<Vec<Ranking>, WebError> {
    let mut rankings = Vec::new();
    for (what, title, of) in [
        (What::Kind, "gateway-top-kinds", "gateway-kind"),
        (What::Rule, "gateway-top-rules", "gateway-rule"),
    ] {
        let names = read::found(&app.db, sites, what, first, today).await?;
        let rows = names.into_iter().take(MOST).map(|(name, found)| {
            let cell = match what {
                What::Kind => Cell::text(kind::in_words(page, &name)),
                What::Rule => Cell::link(
                    page.at(&format!("/gateway/blocked?rule={name}")),
                    name.as_str(),
                ),
            };
            (cell, grouped(found.refused), grouped(found.observed))
        });
        rankings.push(Ranking {
            title: page.t(title),
            of: page.t(of),
            rows: rows.collect(),
        });
    }
    Ok(rankings)
}
