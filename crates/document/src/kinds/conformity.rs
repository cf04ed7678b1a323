//! 別紙2 適合表 (O-118…O-156): each requirement with whether it applies, how it stands, on which
//! evidence, and until when that evidence holds.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::letter::Letterhead;
use crate::report::{Block, Report, Section};
use crate::table::{Align, Cell, Column, Table};

/// The table of requirements.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ConformityTable {
    /// Letter head.
    pub head: Letterhead,
    /// What the table is about.
    #[serde(default)]
    pub opening: String,
    /// Day the states were taken.
    pub as_of: Date,
    /// Requirements in the annex's order; equal neighbouring groups share a heading.
    pub items: Vec<ConformityItem>,
    /// Further sections.
    #[serde(default)]
    pub sections: Vec<Section>,
}

/// A requirement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConformityItem {
    /// Obligation key.
    pub obligation: String,
    /// Heading in the annex, e.g. `建物`.
    pub group: String,
    /// Text of the requirement.
    pub requirement: String,
    /// Whether it applies to this way of operation; a reason when it does not.
    #[serde(default)]
    pub not_applicable: Option<String>,
    /// How it stands.
    pub state: ConformityState,
    /// What shows it: attestation with issuer and day, or measured evidence.
    #[serde(default)]
    pub evidence: String,
    /// Until when the evidence holds.
    #[serde(default)]
    pub expires_on: Option<Date>,
}

/// How a requirement stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConformityState {
    /// 適合.
    Met,
    /// 不適合.
    NotMet,
    /// The text does not decide.
    Undecided,
    /// Not due yet.
    Pending,
    /// No evidence yet.
    Unmeasured,
    /// Does not apply, with a reason.
    NotApplicable,
}

impl ConformityState {
    const ALL: [Self; 6] = [
        Self::Met,
        Self::NotMet,
        Self::Undecided,
        Self::Pending,
        Self::Unmeasured,
        Self::NotApplicable,
    ];

    /// In words with a sign that does not rest on colour.
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Met => "○ 適合",
            Self::NotMet => "× 不適合",
            Self::Undecided => "△ 協議中",
            Self::Pending => "… 期限前",
            Self::Unmeasured => "－ 未確認",
            Self::NotApplicable => "／ 対象外",
        }
    }
}

impl ConformityTable {
    pub(crate) fn to_report(&self) -> Report {
        let mut counts = Table::new(
            "",
            ConformityState::ALL
                .iter()
                .map(|state| Column::new(state.in_words(), 1.0, Align::Center))
                .collect(),
        );
        counts = counts.row(
            ConformityState::ALL
                .iter()
                .map(|state| {
                    Cell::count(self.items.iter().filter(|i| i.state == *state).count() as u64)
                })
                .collect(),
        );
        let mut opening = Vec::new();
        if !self.opening.is_empty() {
            opening.push(Block::Paragraph(self.opening.clone()));
        }
        opening.push(Block::Paragraph(format!(
            "{}現在　全{}項目",
            crate::date::date_in_words(self.as_of),
            self.items.len()
        )));
        opening.push(Block::Table(counts));
        let mut table = Table::new(
            "",
            vec![
                Column::new("番号", 0.8, Align::Center),
                Column::new("区分", 1.3, Align::Left),
                Column::new("要件", 4.2, Align::Left),
                Column::new("適用", 1.7, Align::Left),
                Column::new("状態", 1.2, Align::Left),
                Column::new("根拠となる証跡", 3.4, Align::Left),
                Column::new("有効期限", 2.35, Align::Left),
            ],
        );
        for item in &self.items {
            let applies = match &item.not_applicable {
                None => "適用".to_owned(),
                Some(reason) => format!("対象外：{reason}"),
            };
            let expiry = match item.expires_on {
                None => Cell::text("—"),
                Some(day) if day < self.as_of => {
                    Cell::text(format!("{}\n（期限切れ）", crate::date::date_in_words(day)))
                }
                Some(day) => Cell::Date(day),
            };
            table = table.row(vec![
                Cell::text(&item.obligation),
                Cell::text(&item.group),
                Cell::text(&item.requirement),
                Cell::text(applies),
                Cell::text(item.state.in_words()),
                Cell::text(if item.evidence.is_empty() {
                    "—"
                } else {
                    &item.evidence
                }),
                expiry,
            ]);
        }
        let mut sections = vec![Section::new("要件ごとの状態").table(table)];
        sections.extend(self.sections.iter().cloned());
        Report {
            head: self.head.clone(),
            opening,
            sections,
            landscape: true,
        }
    }
}
