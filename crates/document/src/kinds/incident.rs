//! 障害報告書 (5(2)イ(イ), O-014, O-020…O-029): what happened when, who was told when, why, what was
//! done, and what keeps it from happening again.

use jiff::civil::DateTime;
use serde::{Deserialize, Serialize};

use crate::chart::{Chart, TimelineChart, TimelineEvent};
use crate::date::date_in_words;
use crate::letter::Letterhead;
use crate::report::{Block, Fact, Report, Section};
use crate::table::{Align, Cell, Column, Table};

/// Report of an incident. Times are local (Asia/Tokyo).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IncidentReport {
    /// Letter head.
    pub head: Letterhead,
    /// One line: what it was.
    pub summary: String,
    /// What visitors and staff noticed.
    pub effect: String,
    /// Beginning as far as known.
    pub began_at: DateTime,
    /// Noticed.
    pub detected_at: DateTime,
    /// Over. None: still going on.
    #[serde(default)]
    pub recovered_at: Option<DateTime>,
    /// What happened and was done, in order of time.
    pub steps: Vec<IncidentStep>,
    /// Who was told when.
    pub told: Vec<Told>,
    /// 原因. Empty: under investigation.
    #[serde(default)]
    pub cause: String,
    /// 復旧の内容.
    #[serde(default)]
    pub recovery: String,
    /// 再発防止策 in order.
    #[serde(default)]
    pub prevention: Vec<String>,
    /// Whether personal data was or may have been touched, in words.
    #[serde(default)]
    pub personal_data: String,
    /// Further sections.
    #[serde(default)]
    pub sections: Vec<Section>,
}

/// A line of the timeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IncidentStep {
    /// When.
    pub at: DateTime,
    /// What happened or was done.
    pub what: String,
    /// Who or which machine.
    pub by: String,
    /// Short word for the drawing (検知, 報告, 復旧…); empty: not drawn.
    #[serde(default)]
    pub mark: String,
}

/// Somebody was told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// When.
    pub at: DateTime,
    /// Whom.
    pub whom: String,
    /// Telephone, mail, notice on the site.
    pub how: String,
    /// What was said.
    pub what: String,
}

impl IncidentReport {
    pub(crate) fn to_report(&self) -> Report {
        let lasted = match self.recovered_at {
            Some(end) => duration_in_words(self.began_at, end),
            None => "継続中".into(),
        };
        let opening = vec![Block::Facts(vec![
            Fact::new("概要", &self.summary),
            Fact::new("影響", &self.effect),
            Fact::new("発生", time_in_words(self.began_at)),
            Fact::new("検知", time_in_words(self.detected_at)),
            Fact::new(
                "復旧",
                self.recovered_at
                    .map_or_else(|| "未復旧".into(), time_in_words),
            ),
            Fact::new("継続時間", lasted),
            Fact::new(
                "個人情報",
                if self.personal_data.is_empty() {
                    "確認中"
                } else {
                    &self.personal_data
                },
            ),
        ])];
        let mut timeline = Section::new("1　経過");
        let mut events = vec![
            TimelineEvent {
                at: self.began_at,
                label: "発生".into(),
            },
            TimelineEvent {
                at: self.detected_at,
                label: "検知".into(),
            },
        ];
        events.extend(
            self.steps
                .iter()
                .filter(|step| !step.mark.is_empty())
                .map(|step| TimelineEvent {
                    at: step.at,
                    label: step.mark.clone(),
                }),
        );
        if let Some(end) = self.recovered_at {
            events.push(TimelineEvent {
                at: end,
                label: "復旧".into(),
            });
        }
        events.sort_by_key(|event| event.at);
        timeline = timeline.chart(Chart::Timeline(TimelineChart {
            title: "経過の図".into(),
            events,
        }));
        let mut table = Table::new(
            "経過の記録",
            vec![
                Column::new("日時", 2.2, Align::Left),
                Column::new("事象・対応", 5.0, Align::Left),
                Column::new("実施者", 1.6, Align::Left),
            ],
        );
        for step in &self.steps {
            table = table.row(vec![
                Cell::text(short_time(step.at)),
                Cell::text(&step.what),
                Cell::text(&step.by),
            ]);
        }
        timeline = timeline.table(table);
        let mut told = Table::new(
            "",
            vec![
                Column::new("日時", 2.2, Align::Left),
                Column::new("相手", 2.2, Align::Left),
                Column::new("方法", 1.4, Align::Left),
                Column::new("内容", 3.6, Align::Left),
            ],
        );
        for t in &self.told {
            told = told.row(vec![
                Cell::text(short_time(t.at)),
                Cell::text(&t.whom),
                Cell::text(&t.how),
                Cell::text(&t.what),
            ]);
        }
        let or_open = |text: &str| {
            if text.is_empty() {
                "調査中".to_owned()
            } else {
                text.to_owned()
            }
        };
        let prevention = if self.prevention.is_empty() {
            Block::Paragraph("検討中".into())
        } else {
            Block::Steps(self.prevention.clone())
        };
        let mut sections = vec![
            timeline,
            Section::new("2　連絡・報告・掲載").table(told),
            Section::new("3　原因").paragraph(or_open(&self.cause)),
            Section::new("4　復旧の内容").paragraph(or_open(&self.recovery)),
            Section::new("5　再発防止策").block(prevention),
        ];
        sections.extend(self.sections.iter().cloned());
        Report {
            head: self.head.clone(),
            opening,
            sections,
            landscape: false,
        }
    }
}

/// `令和8年10月8日（木）14時05分`.
fn time_in_words(at: DateTime) -> String {
    format!(
        "{}{}時{:02}分",
        date_in_words(at.date()),
        at.hour(),
        at.minute()
    )
}

/// `10/8（木）14:05`.
fn short_time(at: DateTime) -> String {
    format!(
        "{}\n{:02}:{:02}",
        crate::date::day_in_words(at.date()),
        at.hour(),
        at.minute()
    )
}

/// `1日2時間05分`; a span that runs backwards is a fault of the data and shown as such.
fn duration_in_words(from: DateTime, to: DateTime) -> String {
    let minutes = i64::from(crate::chart::minutes_between(from, to));
    if minutes < 0 {
        return "（復旧が発生より前になっている）".into();
    }
    let (days, hours, rest) = (minutes / 1440, minutes / 60 % 24, minutes % 60);
    match (days, hours) {
        (0, 0) => format!("{rest}分"),
        (0, h) => format!("{h}時間{rest:02}分"),
        (d, h) => format!("{d}日{h}時間{rest:02}分"),
    }
}
