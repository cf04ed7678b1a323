//! 年間総括: the fiscal year on a few pages: obligations by clause with their state, hours of the
//! twelve months, what was submitted when.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::chart::{Bar, BarChart, Chart, Series, StackedChart};
use crate::kinds::ConformityState;
use crate::letter::Letterhead;
use crate::report::{Block, Report, Section};
use crate::table::{Align, Cell, Column, Table};

/// The yearly overview.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct YearlyOverview {
    /// Letter head.
    pub head: Letterhead,
    /// A paragraph on the year.
    #[serde(default)]
    pub opening: String,
    /// Obligations grouped by clause.
    pub groups: Vec<ObligationGroup>,
    /// Hours per month.
    pub hours: Vec<HoursMonth>,
    /// Monthly limit in minutes, drawn as a line; None where the contract has none.
    #[serde(default)]
    pub limit_minutes: Option<u32>,
    /// Papers of the year.
    pub submissions: Vec<SubmissionLine>,
    /// Further sections.
    #[serde(default)]
    pub sections: Vec<Section>,
}

/// Obligations of a clause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObligationGroup {
    /// E.g. `5(1) サーバ、ドメインの保守管理`.
    pub clause: String,
    /// Its obligations.
    pub lines: Vec<ObligationLine>,
}

/// An obligation and its state at the year's end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObligationLine {
    /// Key.
    pub obligation: String,
    /// Short text.
    pub text: String,
    /// State.
    pub state: ConformityState,
    /// Why, where it is not met or not decided.
    #[serde(default)]
    pub remark: String,
}

/// Hours of a month.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoursMonth {
    /// E.g. `4月`.
    pub month: String,
    /// Minutes that count.
    pub counted: u32,
    /// Minutes that do not.
    pub other: u32,
}

/// A paper and its days.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubmissionLine {
    /// Title with period.
    pub title: String,
    /// Due.
    pub due_on: Option<Date>,
    /// Handed in.
    pub submitted_on: Option<Date>,
    /// 検収.
    pub accepted_on: Option<Date>,
}

impl YearlyOverview {
    pub(crate) fn to_report(&self) -> Report {
        let mut opening = Vec::new();
        if !self.opening.is_empty() {
            opening.push(Block::Paragraph(self.opening.clone()));
        }
        let mut sections = vec![
            self.state_section(),
            self.hours_section(),
            self.submission_section(),
            self.line_section(),
        ];
        sections.extend(self.sections.iter().cloned());
        Report {
            head: self.head.clone(),
            opening,
            sections,
            landscape: false,
        }
    }

    fn state_section(&self) -> Section {
        let states = [
            ConformityState::Met,
            ConformityState::NotMet,
            ConformityState::Undecided,
            ConformityState::Pending,
            ConformityState::Unmeasured,
            ConformityState::NotApplicable,
        ];
        let mut columns = vec![Column::new("条項", 3.2, Align::Left)];
        columns.extend(
            states
                .iter()
                .map(|s| Column::new(s.in_words(), 1.3, Align::Right)),
        );
        columns.push(Column::new("計", 0.8, Align::Right));
        let mut table = Table::new("", columns);
        table.row_headers = true;
        let count = |lines: &mut dyn Iterator<Item = &ObligationLine>, label: &str| {
            let lines: Vec<&ObligationLine> = lines.collect();
            let mut row = vec![Cell::text(label)];
            row.extend(
                states
                    .iter()
                    .map(|s| Cell::count(lines.iter().filter(|l| l.state == *s).count() as u64)),
            );
            row.push(Cell::count(lines.len() as u64));
            row
        };
        for group in &self.groups {
            table
                .rows
                .push(count(&mut group.lines.iter(), &group.clause));
        }
        table.rows.push(count(
            &mut self.groups.iter().flat_map(|g| &g.lines),
            "合計",
        ));
        Section::new("1　義務の状態（条項別）").table(table)
    }

    fn hours_section(&self) -> Section {
        let section = Section::new("2　作業時間（月別）");
        if self.hours.is_empty() {
            return section.paragraph("作業の記録はない。");
        }
        let hours = |minutes: u32| f64::from(minutes) / 60.0;
        let chart = if self.hours.iter().all(|m| m.other == 0) {
            Chart::Bar(BarChart {
                title: "月別の該当作業時間".into(),
                unit: "時間".into(),
                bars: self
                    .hours
                    .iter()
                    .map(|m| Bar {
                        label: m.month.clone(),
                        value: hours(m.counted),
                    })
                    .collect(),
                limit: self
                    .limit_minutes
                    .map(|l| ("月の上限".to_owned(), hours(l))),
                decimals: 2,
            })
        } else {
            Chart::Stacked(StackedChart {
                title: "月別の作業時間".into(),
                unit: "時間".into(),
                labels: self.hours.iter().map(|m| m.month.clone()).collect(),
                series: vec![
                    Series {
                        name: "該当".into(),
                        values: self.hours.iter().map(|m| Some(hours(m.counted))).collect(),
                    },
                    Series {
                        name: "該当しない".into(),
                        values: self.hours.iter().map(|m| Some(hours(m.other))).collect(),
                    },
                ],
                limit: self
                    .limit_minutes
                    .map(|l| ("該当分の月の上限".to_owned(), hours(l))),
                decimals: 2,
            })
        };
        section.chart(chart)
    }

    fn submission_section(&self) -> Section {
        let mut table = Table::new(
            "",
            vec![
                Column::new("書類", 4.0, Align::Left),
                Column::new("期限", 2.2, Align::Left),
                Column::new("提出日", 2.2, Align::Left),
                Column::new("検収日", 2.2, Align::Left),
                Column::new("期限内", 0.9, Align::Center),
            ],
        );
        for line in &self.submissions {
            let in_time = match (line.due_on, line.submitted_on) {
                (Some(due), Some(day)) if day <= due => "○",
                (Some(_), Some(_)) => "遅れ",
                (None, Some(_)) => "—",
                (_, None) => "未提出",
            };
            table = table.row(vec![
                Cell::text(&line.title),
                Cell::date_or_dash(line.due_on),
                Cell::date_or_dash(line.submitted_on),
                Cell::date_or_dash(line.accepted_on),
                Cell::text(in_time),
            ]);
        }
        Section::new("3　書類の提出と検収").table(table)
    }

    fn line_section(&self) -> Section {
        let mut table = Table::new(
            "",
            vec![
                Column::new("番号", 0.8, Align::Center),
                Column::new("条項", 2.2, Align::Left),
                Column::new("義務", 4.0, Align::Left),
                Column::new("状態", 1.2, Align::Left),
                Column::new("備考", 2.6, Align::Left),
            ],
        );
        for group in &self.groups {
            for line in &group.lines {
                table = table.row(vec![
                    Cell::text(&line.obligation),
                    Cell::text(&group.clause),
                    Cell::text(&line.text),
                    Cell::text(line.state.in_words()),
                    Cell::text(&line.remark),
                ]);
            }
        }
        Section {
            new_page: true,
            ..Section::new("4　義務の一覧")
        }
        .table(table)
    }
}
