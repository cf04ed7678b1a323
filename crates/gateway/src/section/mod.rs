//! The firewall in the monthly report (clauses 5(1)イ(エ), 6, 13): what it saw and refused, on which
//! days it was checked, how much of the plan was used, and what people decided about it.
//!
//! Everything comes from the ledger and from counts by day. No address of a visitor, no value of a
//! request and no path that somebody asked for stands in a paper; paths of decisions do.

mod gather;

use std::collections::BTreeMap;

use jiff::civil::Date;
use mamori_document::{Align, Bar, BarChart, Cell, Chart, Column, Gauge, Section, Table};
use mamori_kernel::period::Period;
use mamori_runtime::{App, DocumentSection, HookError, SectionRequest};
use serde_json::Value;

use crate::model::Traffic;
use crate::tally::Found;

/// Kinds of attack that are listed.
const MOST_KINDS: usize = 8;
/// Days of failed checks that are listed.
const MOST_DAYS: usize = 10;

/// What the gateway gives to papers.
pub fn sections() -> Vec<DocumentSection> {
    vec![DocumentSection::new("monthly-report", "waf", section)]
}

async fn section(app: App, request: SectionRequest) -> Result<Value, HookError> {
    let Period::Month(_) = request.period else {
        return Ok(Value::Null);
    };
    let failed = |error| HookError::caused_by("ゲートウェイの記録を読めません", error);
    let month = gather::month(&app, &request.contract, request.period)
        .await
        .map_err(failed)?;
    month.map_or(Ok(Value::Null), |month| {
        serde_json::to_value(build(&month))
            .map_err(|error| HookError::caused_by("WAF の状況を書類にできません", error))
    })
}

/// The daily checks of a site.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Checks {
    passed: u64,
    failed: Vec<(Date, String)>,
    /// Days without a record.
    missing: u64,
}

/// A site in a month.
#[derive(Debug, Clone)]
struct SiteMonth {
    name: String,
    traffic: Traffic,
    checks: Checks,
}

/// Something that people decided, or that ended by its day.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Decision {
    day: Date,
    site: String,
    what: String,
    reason: String,
}

/// What the paper says.
#[derive(Debug, Clone)]
struct Month {
    sites: Vec<SiteMonth>,
    by_day: BTreeMap<Date, Traffic>,
    /// In words, the most frequent first.
    kinds: Vec<(String, Found)>,
    plan_gigabytes: u64,
    decisions: Vec<Decision>,
    /// Exclusions and modes of parts in force at the end.
    in_force: usize,
}

impl Month {
    fn sum(&self) -> Traffic {
        let mut sum = Traffic::default();
        for site in &self.sites {
            sum.add(site.traffic);
        }
        sum
    }
}

fn build(month: &Month) -> Section {
    let mut section = Section::new("ファイアウォール（WAF）の状況")
        .paragraph(
            "サイトの前に置いたゲートウェイの WAF が、リクエストを規則と照らして攻撃を止めた結果である。来訪者の情報は含まない。",
        )
        .table(traffic(month));
    if month.sum().refused > 0 {
        section = section.chart(refused_by_week(month));
    }
    if !month.kinds.is_empty() {
        section = section.table(kinds(month));
        section = section.note(
            "※1件のリクエストが2つ以上の種類に当たることがあるため、種類の合計は止めた攻撃の数と一致しない。",
        );
    }
    section = section.table(checks(month));
    let failed = failed_days(month);
    if !failed.rows.is_empty() {
        section = section.table(failed);
    }
    section = section.chart(transfer(month));
    section = if month.decisions.is_empty() {
        section.paragraph("この月に決めた設定の変更及び除外はない。")
    } else {
        section.table(decisions(month))
    };
    section.paragraph(format!(
        "月末（作成時）に有効な除外及び場所・規則ごとの動作：{}件",
        month.in_force
    ))
}

fn counts(traffic: Traffic) -> Vec<Cell> {
    [
        traffic.requests,
        traffic.refused,
        traffic.observed,
        traffic.broken,
    ]
    .map(Cell::count)
    .to_vec()
}

fn traffic(month: &Month) -> Table {
    let number = |title: &str| Column::new(title, 1.2, Align::Right);
    let mut table = Table::new(
        "リクエストと止めた攻撃",
        vec![
            Column::new("サイト", 2.0, Align::Left),
            number("リクエスト"),
            number("止めた攻撃"),
            number("記録だけした攻撃"),
            number("サイトの不応答"),
        ],
    );
    for site in &month.sites {
        let name = vec![Cell::text(&site.name)];
        table = table.row([name, counts(site.traffic)].concat());
    }
    if month.sites.len() > 1 {
        table = table.row([vec![Cell::text("合計")], counts(month.sum())].concat());
    }
    table.row_headers = true;
    table
}

/// Weeks from the first of the month: days would fill a page with their numbers.
fn refused_by_week(month: &Month) -> Chart {
    let days: Vec<(Date, u64)> = month
        .by_day
        .iter()
        .map(|(day, traffic)| (*day, traffic.refused))
        .collect();
    let bars = days.chunks(7).filter_map(|week| {
        let (first, last) = (week.first()?.0, week.last()?.0);
        Some(Bar {
            label: format!("{}〜{}日", first.day(), last.day()),
            value: week.iter().map(|(_, refused)| *refused).sum::<u64>() as f64,
        })
    });
    Chart::Bar(BarChart {
        title: "週ごとに止めた攻撃".to_owned(),
        unit: "件".to_owned(),
        bars: bars.collect(),
        limit: None,
        decimals: 0,
    })
}

fn kinds(month: &Month) -> Table {
    let mut table = Table::new(
        "多かった攻撃の種類",
        vec![
            Column::new("種類", 4.0, Align::Left),
            Column::new("止めた数", 1.2, Align::Right),
            Column::new("記録だけした数", 1.4, Align::Right),
        ],
    );
    for (words, found) in month.kinds.iter().take(MOST_KINDS) {
        table = table.row(vec![
            Cell::text(words),
            Cell::count(found.refused),
            Cell::count(found.observed),
        ]);
    }
    table.row_headers = true;
    table
}

fn checks(month: &Month) -> Table {
    let number = |title: &str| Column::new(title, 1.3, Align::Right);
    let mut table = Table::new(
        "毎日の点検（攻撃の見本を止め、ふつうの文章を通すか）",
        vec![
            Column::new("サイト", 2.0, Align::Left),
            number("良好な日"),
            number("不良の日"),
            number("記録の無い日"),
        ],
    );
    for SiteMonth { name, checks, .. } in &month.sites {
        table = table.row(vec![
            Cell::text(name),
            Cell::count(checks.passed),
            Cell::count(checks.failed.len() as u64),
            Cell::count(checks.missing),
        ]);
    }
    table.row_headers = true;
    table
}

fn failed_days(month: &Month) -> Table {
    let mut table = Table::new(
        "点検が不良の日",
        vec![
            Column::new("日", 2.4, Align::Left),
            Column::new("サイト", 1.6, Align::Left),
            Column::new("理由", 4.4, Align::Left),
        ],
    );
    let all = month.sites.iter().flat_map(|site| {
        let days = site.checks.failed.iter();
        days.map(|(day, why)| (*day, site.name.as_str(), why.as_str()))
    });
    let mut all: Vec<_> = all.collect();
    all.sort_unstable();
    for (day, site, why) in all.iter().take(MOST_DAYS) {
        table = table.row(vec![Cell::Date(*day), Cell::text(*site), Cell::text(*why)]);
    }
    if all.len() > MOST_DAYS {
        table = table.row(vec![
            Cell::text(format!("ほか{}件", all.len() - MOST_DAYS)),
            Cell::Empty,
            Cell::Empty,
        ]);
    }
    table
}

fn transfer(month: &Month) -> Chart {
    Chart::Gauge(Gauge {
        title: "転送量とプランの上限".to_owned(),
        unit: "GB".to_owned(),
        value: month.sum().gigabytes(),
        limit: month.plan_gigabytes as f64,
        undecided: 0.0,
        decimals: 1,
    })
}

fn decisions(month: &Month) -> Table {
    let mut table = Table::new(
        "設定の変更と除外",
        vec![
            Column::new("日", 2.4, Align::Left),
            Column::new("サイト", 1.4, Align::Left),
            Column::new("内容", 3.4, Align::Left),
            Column::new("理由", 2.8, Align::Left),
        ],
    );
    for one in &month.decisions {
        table = table.row(vec![
            Cell::Date(one.day),
            Cell::text(&one.site),
            Cell::text(&one.what),
            Cell::text(if one.reason.is_empty() {
                "―"
            } else {
                &one.reason
            }),
        ]);
    }
    table
}
