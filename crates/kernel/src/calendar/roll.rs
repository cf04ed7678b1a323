//! Moving a date off closed days: 「10日が土日祝日に当たるときは翌開庁日」.
//!
//! The set that triggers the move and the set the date may not land on are two: one contract
//! moves on 土日祝 only but lands on the city's open days, another moves on every closed day.

use jiff::civil::Date;

use super::{CalendarError, DaySet};
use crate::wareki;

/// Where a triggered date moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// To the next open day (翌開庁日).
    Forward,
    /// To the open day before (前開庁日).
    Backward,
    /// Nowhere: the date stands.
    None,
}

/// A rule that moves dates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roll {
    /// A date in this set moves.
    pub trigger: DaySet,
    /// It moves to the nearest other day that is not in this set, …
    pub target: DaySet,
    /// … in this direction.
    pub direction: Direction,
}

/// A day that a rolled date passed over.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Skipped {
    /// The day.
    pub date: Date,
    /// Why, in Japanese: `土`, `スポーツの日`, `日・憲法記念日`.
    pub reason: String,
}

impl std::fmt::Display for Skipped {
    /// `10/12 スポーツの日`.
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            out,
            "{}/{} {}",
            self.date.month(),
            self.date.day(),
            self.reason
        )
    }
}

/// A date after a roll, with every day passed over and why.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Rolled {
    /// The date before.
    pub original: Date,
    /// The date after.
    pub date: Date,
    /// The days passed over, beginning with the original; empty if the date stands.
    pub skipped: Vec<Skipped>,
}

impl Rolled {
    /// A date that stands.
    pub fn unmoved(date: Date) -> Self {
        Self {
            original: date,
            date,
            skipped: Vec::new(),
        }
    }

    /// Whether the date moved.
    pub fn moved(&self) -> bool {
        self.date != self.original
    }

    /// `10/10 土、10/11 日、10/12 スポーツの日`; empty if the date stands.
    pub fn reason(&self) -> String {
        let parts: Vec<String> = self.skipped.iter().map(ToString::to_string).collect();
        parts.join("、")
    }

    /// `令和8年10月13日（火）`, followed by the reason in brackets if it moved.
    pub fn japanese(&self) -> String {
        let date = wareki::with_weekday(self.date);
        if self.moved() {
            format!("{date}［{}］", self.reason())
        } else {
            date
        }
    }
}

impl Roll {
    /// A rule whose trigger and target are one set.
    pub fn same(set: DaySet, direction: Direction) -> Self {
        Self {
            trigger: set.clone(),
            target: set,
            direction,
        }
    }

    /// No rule: every date stands.
    pub fn none() -> Self {
        Self::same(DaySet::never_closed(), Direction::None)
    }

    /// The date by this rule, without the reasons: for callers that ask often.
    pub fn date(&self, date: Date) -> Result<Date, CalendarError> {
        if self.direction == Direction::None || !self.trigger.contains(date) {
            return Ok(date);
        }
        self.land(date)
    }

    /// The date by this rule, with the reasons.
    pub fn apply(&self, date: Date) -> Result<Rolled, CalendarError> {
        if self.direction == Direction::None || !self.trigger.contains(date) {
            return Ok(Rolled::unmoved(date));
        }
        let landed = self.land(date)?;
        let mut skipped = Vec::new();
        let mut day = date;
        while day != landed {
            let set = if day == date {
                &self.trigger
            } else {
                &self.target
            };
            skipped.push(Skipped {
                date: day,
                reason: set.reason(day).unwrap_or_default(),
            });
            let step = if self.direction == Direction::Backward {
                day.yesterday()
            } else {
                day.tomorrow()
            };
            day = step.map_err(|_| CalendarError::OutOfRange(date))?;
        }
        Ok(Rolled {
            original: date,
            date: landed,
            skipped,
        })
    }

    fn land(&self, date: Date) -> Result<Date, CalendarError> {
        // Strictly after or before: 「翌開庁日」 of a triggered day is never the day itself,
        // even where the target set is open on it.
        if self.direction == Direction::Backward {
            self.target.previous_open(date)
        } else {
            self.target.next_open(date)
        }
    }
}

#[cfg(test)]
#[path = "roll_tests.rs"]
mod tests;
