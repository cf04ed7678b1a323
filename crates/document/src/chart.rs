//! Drawings: a small SVG writer for the handful of shapes reports need. One output serves PDF and
//! console; each drawing comes with its title, a generated Japanese sentence and its numbers as a
//! table, and says nothing by colour alone (hatching, dashes, markers and labels).
//!
//! Self-written because chart libraries bring a browser engine or many crates and give no hooks
//! for title, description and patterns; three hundred lines are all that is needed.

mod svg;

use std::fmt::Write as _;

use jiff::civil::DateTime;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::table::{Align, Cell, Column, Table, grouped};

/// Where the drawing is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Theme {
    /// Paper: fixed colours on white.
    Print,
    /// Web page: texts in `currentColor`, marks with classes `chart-1`… that a style sheet may
    /// recolour; no style attributes, so that a strict content policy holds.
    Console,
}

/// A drawing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "shape", rename_all = "snake_case")]
pub enum Chart {
    /// One value per label.
    Bar(BarChart),
    /// Values over an axis, one line per series.
    Line(LineChart),
    /// Several values on top of each other per label.
    Stacked(StackedChart),
    /// How much of a limit is used.
    Gauge(Gauge),
    /// Events on an axis of time.
    Timeline(TimelineChart),
}

/// Bars.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BarChart {
    /// Title.
    pub title: String,
    /// Unit of the values, e.g. `時間`.
    pub unit: String,
    /// Bars from the left.
    pub bars: Vec<Bar>,
    /// A line across with its name, e.g. the month's limit.
    #[serde(default)]
    pub limit: Option<(String, f64)>,
    /// Digits after the point in the table.
    #[serde(default)]
    pub decimals: u8,
}

/// A bar.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Bar {
    /// Below the bar.
    pub label: String,
    /// Value ≥ 0.
    pub value: f64,
}

/// Named values, one per label of the chart. `None` is a gap: not measured, never zero.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// Name.
    pub name: String,
    /// Values.
    pub values: Vec<Option<f64>>,
}

/// Lines.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LineChart {
    /// Title.
    pub title: String,
    /// Unit of the values.
    pub unit: String,
    /// Along the axis.
    pub labels: Vec<String>,
    /// One line each; at most four.
    pub series: Vec<Series>,
    /// Where the axis of values begins; above 0 only where the shape near the top matters
    /// (availability), and then the drawing says so.
    #[serde(default)]
    pub from: f64,
    /// A line across with its name.
    #[serde(default)]
    pub limit: Option<(String, f64)>,
    /// Digits after the point in the table.
    #[serde(default)]
    pub decimals: u8,
}

/// Stacked bars.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StackedChart {
    /// Title.
    pub title: String,
    /// Unit of the values.
    pub unit: String,
    /// Below the bars.
    pub labels: Vec<String>,
    /// From the bottom; at most four; values ≥ 0.
    pub series: Vec<Series>,
    /// A line across with its name.
    #[serde(default)]
    pub limit: Option<(String, f64)>,
    /// Digits after the point in the table.
    #[serde(default)]
    pub decimals: u8,
}

/// What a gauge says beside its bar, in the language of whoever looks at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GaugeWords {
    /// At the limit.
    pub limit: String,
    /// Below the bar: what is used, and what the hatching means.
    pub used: String,
    /// All of it in a sentence, for those who do not see it.
    pub sentence: String,
}

impl GaugeWords {
    /// As papers have it.
    fn of_paper(gauge: &Gauge) -> Self {
        let amount = |v: f64| format!("{}{}", grouped(v, gauge.decimals), gauge.unit);
        let mut used = format!("使用 {}", amount(gauge.value));
        if gauge.undecided > 0.0 {
            let _ = write!(used, "　斜線：協議中 {}", amount(gauge.undecided));
        }
        Self {
            limit: format!("上限 {}", amount(gauge.limit)),
            used,
            sentence: String::new(),
        }
    }
}

impl Gauge {
    /// The drawing with the words of a page.
    pub fn svg(&self, theme: Theme, words: &GaugeWords) -> String {
        svg::draw_gauge(self, theme, words)
    }
}

/// Use of a limit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Gauge {
    /// Title.
    pub title: String,
    /// Unit.
    pub unit: String,
    /// Used, ≥ 0.
    pub value: f64,
    /// The limit, > 0.
    pub limit: f64,
    /// Not yet decided whether it counts, ≥ 0; drawn hatched behind the used part.
    #[serde(default)]
    pub undecided: f64,
    /// Digits after the point.
    #[serde(default)]
    pub decimals: u8,
}

/// Events in time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TimelineChart {
    /// Title.
    pub title: String,
    /// Events; drawn in order of time.
    pub events: Vec<TimelineEvent>,
}

/// An event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimelineEvent {
    /// When, local time.
    pub at: DateTime,
    /// A short word.
    pub label: String,
}

/// Whole minutes from one local time to another; negative when the second is earlier.
pub(crate) fn minutes_between(from: DateTime, to: DateTime) -> i32 {
    i32::try_from(to.duration_since(from).as_mins()).unwrap_or(i32::MAX)
}

impl Chart {
    /// Title.
    pub fn title(&self) -> &str {
        match self {
            Chart::Bar(c) => &c.title,
            Chart::Line(c) => &c.title,
            Chart::Stacked(c) => &c.title,
            Chart::Gauge(c) => &c.title,
            Chart::Timeline(c) => &c.title,
        }
    }

    /// The drawing as SVG with `title` and `desc`, without XML declaration.
    pub fn svg(&self, theme: Theme) -> String {
        svg::draw(self, theme)
    }

    /// The same with the sentence of a page in another language; all other texts in it are the
    /// caller's.
    pub fn svg_saying(&self, theme: Theme, sentence: &str) -> String {
        svg::draw_saying(self, theme, sentence)
    }

    /// Refuses values that cannot be drawn.
    pub(crate) fn check(&self) -> Result<()> {
        let fail = |what: &str| Err(Error::Invalid(format!("図「{}」：{what}", self.title())));
        let amount = |v: f64| v.is_finite() && v >= 0.0;
        let limit = |l: &Option<(String, f64)>| l.as_ref().is_none_or(|(_, v)| amount(*v));
        match self {
            Chart::Bar(c) if !c.bars.iter().all(|b| amount(b.value)) || !limit(&c.limit) => {
                fail("値は 0 以上の数でなければなりません")
            }
            Chart::Line(c) if !amount(c.from) => {
                fail("軸の始まりは 0 以上の数でなければなりません")
            }
            Chart::Line(LineChart {
                labels,
                series,
                limit: l,
                ..
            })
            | Chart::Stacked(StackedChart {
                labels,
                series,
                limit: l,
                ..
            }) => {
                if series.len() > 4 {
                    return fail("系列は 4 本までです");
                }
                if series.iter().any(|s| s.values.len() != labels.len()) {
                    return fail("値の数と目盛りの数が違います");
                }
                if !series
                    .iter()
                    .flat_map(|s| &s.values)
                    .flatten()
                    .all(|v| amount(*v))
                    || !limit(l)
                {
                    return fail("値は 0 以上の数でなければなりません");
                }
                Ok(())
            }
            Chart::Gauge(g) if !amount(g.value) || !amount(g.undecided) => {
                fail("値は 0 以上の数でなければなりません")
            }
            Chart::Gauge(g) if !(g.limit.is_finite() && g.limit > 0.0) => {
                fail("上限は 0 より大きい数でなければなりません")
            }
            _ => Ok(()),
        }
    }

    /// The numbers behind the drawing.
    pub fn table(&self) -> Table {
        let number = |value: f64, decimals: u8| Cell::Number { value, decimals };
        let with_unit = |name: &str, unit: &str| {
            if unit.is_empty() {
                name.to_owned()
            } else {
                format!("{name}（{unit}）")
            }
        };
        let caption = format!("{}の数値", self.title());
        let mut table =
            match self {
                Chart::Bar(c) => {
                    let mut t = Table::new(
                        caption,
                        vec![
                            Column::new("項目", 2.0, Align::Left),
                            Column::new(with_unit("値", &c.unit), 1.0, Align::Right),
                        ],
                    );
                    for bar in &c.bars {
                        t = t.row(vec![Cell::text(&bar.label), number(bar.value, c.decimals)]);
                    }
                    t
                }
                Chart::Line(LineChart {
                    unit,
                    labels,
                    series,
                    decimals,
                    ..
                })
                | Chart::Stacked(StackedChart {
                    unit,
                    labels,
                    series,
                    decimals,
                    ..
                }) => {
                    let mut columns = vec![Column::new("項目", 1.4, Align::Left)];
                    columns.extend(
                        series
                            .iter()
                            .map(|s| Column::new(with_unit(&s.name, unit), 1.0, Align::Right)),
                    );
                    let mut t = Table::new(caption, columns);
                    for (i, label) in labels.iter().enumerate() {
                        let mut row = vec![Cell::text(label)];
                        row.extend(series.iter().map(
                            |s| match s.values.get(i).copied().flatten() {
                                Some(value) => number(value, *decimals),
                                None => Cell::text("—"),
                            },
                        ));
                        t = t.row(row);
                    }
                    t
                }
                Chart::Gauge(g) => {
                    let mut t = Table::new(
                        caption,
                        vec![
                            Column::new("項目", 2.0, Align::Left),
                            Column::new(with_unit("値", &g.unit), 1.0, Align::Right),
                        ],
                    )
                    .row(vec![Cell::text("使用"), number(g.value, g.decimals)]);
                    if g.undecided > 0.0 {
                        t = t.row(vec![
                            Cell::text("協議中（使用に含まない）"),
                            number(g.undecided, g.decimals),
                        ]);
                    }
                    t = t.row(vec![Cell::text("上限"), number(g.limit, g.decimals)]);
                    let rest = g.limit - g.value;
                    if rest < 0.0 {
                        t.row(vec![
                            Cell::text("上限を超えた分"),
                            number(-rest, g.decimals),
                        ])
                    } else {
                        t.row(vec![Cell::text("残り"), number(rest, g.decimals)])
                    }
                }
                Chart::Timeline(c) => {
                    let mut t = Table::new(
                        caption,
                        vec![
                            Column::new("日時", 1.6, Align::Left),
                            Column::new("事象", 2.0, Align::Left),
                            Column::new("最初からの時間", 1.4, Align::Right),
                        ],
                    );
                    let events = c.sorted();
                    for event in &events {
                        let minutes = minutes_between(events[0].at, event.at);
                        t = t.row(vec![
                            Cell::text(format!(
                                "{} {:02}:{:02}",
                                crate::date::day_in_words(event.at.date()),
                                event.at.hour(),
                                event.at.minute()
                            )),
                            Cell::text(&event.label),
                            Cell::text(format!("{}分", grouped(f64::from(minutes), 0))),
                        ]);
                    }
                    t
                }
            };
        table.row_headers = true;
        table
    }

    /// What the drawing shows, in one or two Japanese sentences.
    pub fn sentence(&self) -> String {
        match self {
            Chart::Bar(c) => {
                let points: Vec<(&str, f64)> =
                    c.bars.iter().map(|b| (b.label.as_str(), b.value)).collect();
                let mut text = extremes(&points, &c.unit, c.decimals);
                text.push_str(&over_limit(&points, c.limit.as_ref(), &c.unit, c.decimals));
                text
            }
            Chart::Line(c) => c
                .series
                .iter()
                .map(|s| {
                    let points = points(&c.labels, s);
                    let mut text =
                        format!("{}：{}", s.name, extremes(&points, &c.unit, c.decimals));
                    text.push_str(&over_limit(&points, c.limit.as_ref(), &c.unit, c.decimals));
                    let gaps = s.values.iter().filter(|v| v.is_none()).count();
                    if gaps > 0 && !points.is_empty() {
                        let _ = write!(text, "値のない項目が{gaps}件ある。");
                    }
                    text
                })
                .collect(),
            Chart::Stacked(c) => {
                let mut text = String::new();
                for s in &c.series {
                    let sum: f64 = s.values.iter().flatten().sum();
                    let _ = write!(
                        text,
                        "{}の合計は{}{}。",
                        s.name,
                        grouped(sum, c.decimals),
                        c.unit
                    );
                }
                let sums: Vec<(&str, f64)> = c
                    .labels
                    .iter()
                    .enumerate()
                    .map(|(i, label)| {
                        (
                            label.as_str(),
                            c.series.iter().filter_map(|s| s.values[i]).sum(),
                        )
                    })
                    .collect();
                let _ = write!(text, "全体では{}", extremes(&sums, &c.unit, c.decimals));
                text
            }
            Chart::Gauge(g) => {
                let n = |v: f64| format!("{}{}", grouped(v, g.decimals), g.unit);
                let percent = grouped(g.value / g.limit * 100.0, 0);
                let mut text = format!(
                    "上限{}のうち{}（{percent}％）を使った。",
                    n(g.limit),
                    n(g.value)
                );
                if g.value > g.limit {
                    let _ = write!(text, "上限を{}超えた。", n(g.value - g.limit));
                } else {
                    let _ = write!(text, "残りは{}。", n(g.limit - g.value));
                }
                if g.undecided > 0.0 {
                    let _ = write!(
                        text,
                        "ほかに該当するかどうか協議中が{}ある。",
                        n(g.undecided)
                    );
                }
                text
            }
            Chart::Timeline(c) => {
                let events = c.sorted();
                let Some((first, last)) = events.first().zip(events.last()) else {
                    return "記録はない。".into();
                };
                format!(
                    "{}から{}まで{}分の間に{}件の出来事があった。",
                    first.label,
                    last.label,
                    grouped(f64::from(minutes_between(first.at, last.at)), 0),
                    events.len()
                )
            }
        }
    }
}

impl TimelineChart {
    pub(crate) fn sorted(&self) -> Vec<&TimelineEvent> {
        let mut events: Vec<&TimelineEvent> = self.events.iter().collect();
        events.sort_by_key(|event| event.at);
        events
    }
}

fn points<'a>(labels: &'a [String], series: &Series) -> Vec<(&'a str, f64)> {
    labels
        .iter()
        .zip(&series.values)
        .filter_map(|(l, v)| v.map(|v| (l.as_str(), v)))
        .collect()
}

fn extremes(points: &[(&str, f64)], unit: &str, decimals: u8) -> String {
    let n = |v: f64| format!("{}{unit}", grouped(v, decimals));
    let Some(first) = points.first() else {
        return "値はない。".into();
    };
    // The earliest of equal values: reading order decides, not the sort.
    let max = points
        .iter()
        .fold(first, |a, b| if b.1 > a.1 { b } else { a });
    let min = points
        .iter()
        .fold(first, |a, b| if b.1 < a.1 { b } else { a });
    if grouped(max.1, decimals) == grouped(min.1, decimals) {
        return if points.len() == 1 {
            format!("{}は{}。", max.0, n(max.1))
        } else {
            format!("すべて{}。", n(max.1))
        };
    }
    format!(
        "最大は{}の{}、最小は{}の{}。",
        max.0,
        n(max.1),
        min.0,
        n(min.1)
    )
}

fn over_limit(
    points: &[(&str, f64)],
    limit: Option<&(String, f64)>,
    unit: &str,
    decimals: u8,
) -> String {
    let Some((name, limit)) = limit else {
        return String::new();
    };
    let over: Vec<&str> = points
        .iter()
        .filter(|p| p.1 > *limit)
        .map(|p| p.0)
        .collect();
    let n = format!("{name}（{}{unit}）", grouped(*limit, decimals));
    if over.is_empty() {
        format!("{n}を超えた項目はない。")
    } else {
        format!("{n}を超えたのは{}。", over.join("、"))
    }
}

#[cfg(test)]
mod tests;
