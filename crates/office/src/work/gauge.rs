//! The month's gauge: hours that count against the contract's cap, and what is apart.

use std::collections::BTreeMap;

use mamori_kernel::period::YearMonth;
use serde::{Deserialize, Serialize};

use super::WorkEntry;
use crate::terms::{Cap, ContractTerms, Counts};

/// Hours of a month. Nothing is carried over (仕様書 7(2)): each month stands alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gauge {
    /// The month, `2026-10`.
    #[serde(serialize_with = "as_text", deserialize_with = "from_text")]
    pub month: YearMonth,
    /// The contract's cap, if it has one.
    pub cap: Option<Cap>,
    /// Minutes that count.
    pub counted_minutes: u32,
    /// Minutes of which the text does not say whether they count.
    pub undecided_minutes: u32,
    /// Minutes that do not count.
    pub not_counted_minutes: u32,
    /// Minutes left under the cap.
    pub left_minutes: u32,
    /// Minutes beyond the cap: shown, never billed, never a ground to refuse.
    pub over_minutes: u32,
    /// Minutes beyond the cap if everything undecided counted too.
    pub over_minutes_at_most: u32,
    /// Sums by category, in the contract's order; categories it no longer knows come last.
    pub categories: Vec<CategorySum>,
}

/// The sum of one category.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CategorySum {
    /// Key.
    pub category: String,
    /// Name for people.
    pub title_ja: String,
    /// Minutes.
    pub minutes: u32,
    /// Number of entries.
    pub entries: u32,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference"
)]
fn as_text<S: serde::Serializer>(month: &YearMonth, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(month)
}

fn from_text<'de, D: serde::Deserializer<'de>>(from: D) -> Result<YearMonth, D::Error> {
    String::deserialize(from)?
        .parse()
        .map_err(serde::de::Error::custom)
}

impl Gauge {
    /// Sums the entries of `month`; others are left out. Withdrawn entries must not be given.
    pub fn of<'e>(
        month: YearMonth,
        entries: impl IntoIterator<Item = &'e WorkEntry>,
        terms: &dyn ContractTerms,
    ) -> Self {
        let (mut counted, mut undecided, mut not_counted) = (0_u32, 0_u32, 0_u32);
        let mut sums: BTreeMap<&str, (u32, u32)> = BTreeMap::new();
        for entry in entries {
            if YearMonth::of(entry.date) != month {
                continue;
            }
            let sum = match entry.counts {
                Counts::Yes => &mut counted,
                Counts::Undecided => &mut undecided,
                Counts::No => &mut not_counted,
            };
            *sum = sum.saturating_add(entry.minutes);
            let (minutes, entries) = sums.entry(&entry.category).or_default();
            *minutes = minutes.saturating_add(entry.minutes);
            *entries += 1;
        }
        let mut categories = Vec::new();
        for category in terms.categories() {
            if let Some((minutes, entries)) = sums.remove(category.key.as_str()) {
                categories.push(CategorySum {
                    category: category.key.clone(),
                    title_ja: category.title_ja.clone(),
                    minutes,
                    entries,
                });
            }
        }
        categories.extend(
            sums.into_iter()
                .map(|(key, (minutes, entries))| CategorySum {
                    category: key.to_owned(),
                    title_ja: key.to_owned(),
                    minutes,
                    entries,
                }),
        );
        let cap = terms.cap().cloned();
        let over = |sum: u32| {
            cap.as_ref()
                .map_or(0, |cap| sum.saturating_sub(cap.minutes))
        };
        Self {
            month,
            counted_minutes: counted,
            undecided_minutes: undecided,
            not_counted_minutes: not_counted,
            left_minutes: cap
                .as_ref()
                .map_or(0, |cap| cap.minutes.saturating_sub(counted)),
            over_minutes: over(counted),
            over_minutes_at_most: over(counted.saturating_add(undecided)),
            cap,
            categories,
        }
    }
}
