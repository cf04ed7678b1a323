//! Tables: one model for PDF, Word, Excel, text and as the data behind a chart.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::date::{date_in_words, day_in_words, hours_in_words};

/// A ruled table with a header row.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Table {
    /// Caption above the table. Also its accessible name; empty where the section's heading says it.
    #[serde(default)]
    pub caption: String,
    /// Columns from the left; at least one.
    pub columns: Vec<Column>,
    /// Rows, each with one cell per column (missing cells are blank).
    pub rows: Vec<Vec<Cell>>,
    /// A closing row that adds up one column.
    #[serde(default)]
    pub total: Option<Total>,
    /// The first column names its row (row header).
    #[serde(default)]
    pub row_headers: bool,
}

/// One column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Column {
    /// Heading as printed.
    pub title: String,
    /// Share of the width relative to the other columns; > 0.
    pub weight: f64,
    /// Where the cells stand.
    #[serde(default)]
    pub align: Align,
}

impl Column {
    /// A column of the given share.
    pub fn new(title: impl Into<String>, weight: f64, align: Align) -> Self {
        Self {
            title: title.into(),
            weight,
            align,
        }
    }
}

/// Horizontal place of a cell's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Align {
    /// Text.
    #[default]
    Left,
    /// Short marks and dates.
    Center,
    /// Numbers.
    Right,
}

/// One datum.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cell {
    /// Nothing.
    Empty,
    /// Text; `\n` breaks the line.
    Text(String),
    /// A number with its decimals.
    Number {
        /// Value; must be finite.
        value: f64,
        /// Digits after the point.
        decimals: u8,
    },
    /// Working time in minutes.
    Minutes(u32),
    /// A day with its era: 令和8年10月3日（土）.
    Date(Date),
    /// A day without year: 10月3日（土）.
    Day(Date),
}

impl Cell {
    /// A text cell.
    pub fn text(text: impl Into<String>) -> Self {
        Cell::Text(text.into())
    }

    /// A day with its era, or a dash.
    pub fn date_or_dash(date: Option<Date>) -> Self {
        date.map_or_else(|| Cell::text("—"), Cell::Date)
    }

    /// Text as printed.
    pub(crate) fn in_words(&self, style: HourStyle) -> String {
        match self {
            Cell::Empty => String::new(),
            Cell::Text(text) => crate::clean::clean(text).into_owned(),
            Cell::Number { value, decimals } => grouped(*value, *decimals),
            Cell::Minutes(minutes) => hours_in_words(*minutes, style),
            Cell::Date(date) => date_in_words(*date),
            Cell::Day(date) => day_in_words(*date),
        }
    }

    /// A whole number.
    pub fn count(value: u64) -> Self {
        Cell::Number {
            value: value as f64,
            decimals: 0,
        }
    }
}

/// How minutes are written in one table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HourStyle {
    /// `1.5時間`: all values are multiples of three minutes, so two decimals are exact.
    Decimal,
    /// `1時間20分`.
    HoursMinutes,
}

impl HourStyle {
    /// The style in which all these values are exact.
    pub fn for_minutes(minutes: impl IntoIterator<Item = u32>) -> Self {
        if minutes.into_iter().all(|m| m % 3 == 0) {
            HourStyle::Decimal
        } else {
            HourStyle::HoursMinutes
        }
    }
}

/// A closing row: the sum of one column, of all rows or of those that carry a mark.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Total {
    /// Label of the row, e.g. `上記仕様該当合計時間`.
    pub label: String,
    /// Index of the column added up.
    pub column: usize,
    /// Only rows whose cell in this column holds this text.
    #[serde(default)]
    pub only: Option<(usize, String)>,
    /// Only in Excel, as a formula: on paper the sum stands elsewhere (別紙3 has it above the table).
    #[serde(default)]
    pub spreadsheet_only: bool,
}

impl Table {
    /// An empty table with these columns.
    pub fn new(caption: impl Into<String>, columns: Vec<Column>) -> Self {
        Self {
            caption: caption.into(),
            columns,
            ..Self::default()
        }
    }

    /// Adds a row.
    #[must_use]
    pub fn row(mut self, cells: Vec<Cell>) -> Self {
        self.rows.push(cells);
        self
    }

    /// Style in which all minutes of this table, and so their sums, are exact.
    pub fn hour_style(&self) -> HourStyle {
        HourStyle::for_minutes(self.rows.iter().flatten().filter_map(|cell| match cell {
            Cell::Minutes(m) => Some(*m),
            _ => None,
        }))
    }

    /// Rows as printed, each exactly as long as the header.
    pub(crate) fn text_rows(&self) -> Vec<Vec<String>> {
        let style = self.hour_style();
        self.rows
            .iter()
            .map(|row| {
                (0..self.columns.len())
                    .map(|i| {
                        row.get(i)
                            .map_or_else(String::new, |cell| cell.in_words(style))
                    })
                    .collect()
            })
            .collect()
    }

    /// The sum of the total row as a cell.
    pub(crate) fn total_cell(&self, total: &Total) -> Cell {
        let rows = self.rows.iter().filter(|row| match &total.only {
            None => true,
            Some((column, mark)) => {
                matches!(row.get(*column), Some(Cell::Text(text)) if text == mark)
            }
        });
        let (mut minutes, mut number, mut decimals, mut timed) = (0u32, 0.0f64, 0u8, false);
        for cell in rows.filter_map(|row| row.get(total.column)) {
            match cell {
                Cell::Minutes(m) => {
                    timed = true;
                    minutes = minutes.saturating_add(*m);
                }
                Cell::Number { value, decimals: d } => {
                    number += value;
                    decimals = decimals.max(*d);
                }
                _ => {}
            }
        }
        let holds_time = timed
            || self
                .rows
                .iter()
                .any(|row| matches!(row.get(total.column), Some(Cell::Minutes(_))));
        if holds_time {
            Cell::Minutes(minutes)
        } else {
            Cell::Number {
                value: number,
                decimals,
            }
        }
    }

    /// The total row as printed: blank cells, the label over the columns before the sum.
    pub(crate) fn total_text(&self) -> Option<(String, usize, String)> {
        let total = self
            .total
            .as_ref()
            .filter(|total| !total.spreadsheet_only)?;
        let cell = self.total_cell(total);
        Some((
            total.label.clone(),
            total.column,
            cell.in_words(self.hour_style()),
        ))
    }
}

/// `1,234.5`; a value that is not finite is shown as a dash.
pub(crate) fn grouped(value: f64, decimals: u8) -> String {
    if !value.is_finite() {
        return "—".to_owned();
    }
    let plain = format!("{:.*}", usize::from(decimals), value.abs());
    let (whole, fraction) = plain.split_once('.').unwrap_or((&plain, ""));
    let mut out = String::new();
    if value < 0.0 && plain.bytes().any(|b| b.is_ascii_digit() && b != b'0') {
        out.push('-');
    }
    for (i, digit) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    if !fraction.is_empty() {
        out.push('.');
        out.push_str(fraction);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(grouped(1_234_567.0, 0), "1,234,567");
        assert_eq!(grouped(-1234.56, 1), "-1,234.6");
        assert_eq!(grouped(-0.01, 1), "0.0");
        assert_eq!(grouped(999.0, 2), "999.00");
        assert_eq!(grouped(f64::NAN, 2), "—");
    }

    #[test]
    fn hours_are_exact_in_their_style() {
        let style = HourStyle::for_minutes([90, 45, 3]);
        assert_eq!(style, HourStyle::Decimal);
        assert_eq!(hours_in_words(90, style), "1.5時間");
        assert_eq!(hours_in_words(45, style), "0.75時間");
        assert_eq!(hours_in_words(3, style), "0.05時間");
        assert_eq!(hours_in_words(120, style), "2時間");
        let style = HourStyle::for_minutes([90, 20]);
        assert_eq!(style, HourStyle::HoursMinutes);
        assert_eq!(hours_in_words(80, style), "1時間20分");
        assert_eq!(hours_in_words(20, style), "20分");
        assert_eq!(hours_in_words(125, style), "2時間05分");
    }

    #[test]
    fn a_total_adds_only_marked_rows() {
        let table = Table {
            columns: vec![
                Column::new("時間", 1.0, Align::Right),
                Column::new("※", 1.0, Align::Center),
            ],
            total: Some(Total {
                label: "計".into(),
                column: 0,
                only: Some((1, "※".into())),
                spreadsheet_only: false,
            }),
            ..Table::default()
        }
        .row(vec![Cell::Minutes(90), Cell::text("※")])
        .row(vec![Cell::Minutes(30), Cell::text("協議中")])
        .row(vec![Cell::Minutes(60)]);
        assert_eq!(table.total_text(), Some(("計".into(), 0, "1.5時間".into())));
    }
}
