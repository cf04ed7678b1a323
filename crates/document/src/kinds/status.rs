//! 別紙3: the monthly status report (clause 13, O-099, O-157…O-160).
//!
//! The first page is the form: date line, title with its month, note, total, table. Whatever the
//! evidence adds follows on further pages as sections.

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::date::hours_in_words;
use crate::letter::Letterhead;
use crate::report::{Block, Report, Section};
use crate::table::{Align, Cell, Column, HourStyle, Table, Total};

/// The monthly report of work done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StatusReport {
    /// The title already names the month: `…状況報告書（10月分）`.
    pub head: Letterhead,
    /// The form's note on what counts, e.g. `※仕様書「7 …」の「(2)…」の対応時間：月7時間`.
    #[serde(default)]
    pub note: String,
    /// Label of the total, e.g. `・上記仕様該当合計時間：`.
    pub total_label: String,
    /// The form's columns from the left.
    pub columns: Vec<StatusColumn>,
    /// Work of the month in order.
    pub rows: Vec<StatusRow>,
    /// Pages after the form.
    #[serde(default)]
    pub sections: Vec<Section>,
}

/// A column of the form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusColumn {
    /// Heading as on the form, e.g. `事　象`.
    pub title: String,
    /// What stands in it.
    pub field: StatusField,
}

/// What a column of the form shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StatusField {
    /// 発生日.
    Date,
    /// 事象.
    Event,
    /// 対応.
    Response,
    /// 作業時間.
    Hours,
    /// ※該当.
    Counts,
    /// A named field of the row's `extra`, for other cities' forms.
    Extra(String),
}

/// One piece of work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusRow {
    /// Day it happened.
    pub date: Date,
    /// What happened.
    pub event: String,
    /// What was done.
    pub response: String,
    /// Working time.
    pub minutes: u32,
    /// Whether the time counts to the monthly hours.
    pub counts: Counts,
    /// Further fields by name.
    #[serde(default)]
    pub extra: BTreeMap<String, String>,
}

/// Whether work counts to the hours of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Counts {
    /// Counts: marked ※ and in the total.
    Yes,
    /// Does not count.
    No,
    /// The contract's text does not decide; in no total until the city has agreed.
    Undecided,
}

impl Counts {
    /// As in the form's last column.
    pub fn mark(self) -> &'static str {
        match self {
            Counts::Yes => "※",
            Counts::No => "",
            Counts::Undecided => "協議中",
        }
    }
}

impl StatusReport {
    /// The columns of 別紙3.
    pub fn standard_columns() -> Vec<StatusColumn> {
        [
            ("発生日", StatusField::Date),
            ("事　象", StatusField::Event),
            ("対　応", StatusField::Response),
            ("作業時間", StatusField::Hours),
            ("※該当", StatusField::Counts),
        ]
        .into_iter()
        .map(|(title, field)| StatusColumn {
            title: title.to_owned(),
            field,
        })
        .collect()
    }

    /// Minutes of the rows with this mark.
    pub fn minutes(&self, counts: Counts) -> u32 {
        self.rows
            .iter()
            .filter(|row| row.counts == counts)
            .fold(0, |sum, row| sum.saturating_add(row.minutes))
    }

    /// Style in which every time of this paper, and so every sum, is exact.
    pub fn hour_style(&self) -> HourStyle {
        HourStyle::for_minutes(self.rows.iter().map(|row| row.minutes))
    }

    /// The total of the form in words, e.g. `5.5時間`.
    pub fn total_in_words(&self) -> String {
        hours_in_words(self.minutes(Counts::Yes), self.hour_style())
    }

    /// The form's table. Its total stands above it, as on the form.
    pub(crate) fn table(&self) -> Table {
        let columns = self
            .columns
            .iter()
            .map(|column| {
                let (weight, align) = match column.field {
                    StatusField::Date => (1.95, Align::Center),
                    StatusField::Event => (3.0, Align::Left),
                    StatusField::Response => (3.9, Align::Left),
                    StatusField::Hours => (1.35, Align::Right),
                    StatusField::Counts => (1.0, Align::Center),
                    StatusField::Extra(_) => (1.6, Align::Left),
                };
                Column::new(&column.title, weight, align)
            })
            .collect();
        let rows = self.rows.iter().map(|row| self.cells(row)).collect();
        let at = |field: &StatusField| self.columns.iter().position(|c| c.field == *field);
        // The sum as a formula needs both columns; the printed form has no closing row.
        let total = at(&StatusField::Hours).map(|column| Total {
            label: self
                .total_label
                .trim_start_matches('・')
                .trim_end_matches('：')
                .to_owned(),
            column,
            only: at(&StatusField::Counts).map(|i| (i, Counts::Yes.mark().to_owned())),
            spreadsheet_only: true,
        });
        Table {
            caption: String::new(),
            columns,
            rows,
            total,
            row_headers: false,
        }
    }

    fn cells(&self, row: &StatusRow) -> Vec<Cell> {
        self.columns
            .iter()
            .map(|column| match &column.field {
                StatusField::Date => Cell::Day(row.date),
                StatusField::Event => Cell::text(&row.event),
                StatusField::Response => Cell::text(&row.response),
                StatusField::Hours => Cell::Minutes(row.minutes),
                StatusField::Counts => Cell::text(row.counts.mark()),
                StatusField::Extra(name) => row.extra.get(name).map_or(Cell::Empty, Cell::text),
            })
            .collect()
    }

    pub(crate) fn to_report(&self) -> Report {
        let mut opening = Vec::new();
        if !self.note.is_empty() {
            opening.push(Block::Paragraph(self.note.clone()));
        }
        opening.push(Block::Emphasis(format!(
            "{} {}",
            self.total_label,
            self.total_in_words()
        )));
        let undecided: Vec<&StatusRow> = self
            .rows
            .iter()
            .filter(|row| row.counts == Counts::Undecided)
            .collect();
        if !undecided.is_empty() {
            opening.push(Block::Note(format!(
                "該当するかどうかを協議中の作業：{}件 {}（上の合計に含めていない。表では「協議中」と記す。）",
                undecided.len(),
                hours_in_words(self.minutes(Counts::Undecided), self.hour_style()),
            )));
        }
        opening.push(Block::Table(self.table()));
        let mut sections = self.sections.clone();
        if let Some(first) = sections.first_mut() {
            first.new_page = true;
        }
        Report {
            head: self.head.clone(),
            opening,
            sections,
            landscape: false,
        }
    }
}
