//! Five-field cron lines (minute hour day month weekday), in Japanese time.
//!
//! Hand-written (one screen): the cron crates bring their own date library, and ours has to share
//! `jiff` and the driven clock with the other rules. As in POSIX `crontab`, when both day and
//! weekday are restricted a date matches if either does. Names (`mon`, `jan`) and `@daily` are not
//! understood.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::Date;

use super::At;

/// A parsed cron line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cron {
    text: String,
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    either_day: bool,
}

/// Why a text is no cron line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "cron「{text}」の{field}が読めません。分 時 日 月 曜日 の 5 欄を * 数字 a-b */n , で書いてください (例: 0 9 * * 1-5)"
)]
pub struct CronError {
    text: String,
    field: &'static str,
}

impl FromStr for Cron {
    type Err = CronError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fail = |field| CronError {
            text: text.to_owned(),
            field,
        };
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [minute, hour, day, month, weekday] = fields[..] else {
            return Err(fail("欄の数"));
        };
        let weekdays = set(weekday, 0, 7).ok_or_else(|| fail("曜日"))?;
        Ok(Self {
            text: fields.join(" "),
            minutes: set(minute, 0, 59).ok_or_else(|| fail("分"))?,
            hours: set(hour, 0, 23).ok_or_else(|| fail("時"))?,
            days: set(day, 1, 31).ok_or_else(|| fail("日"))?,
            months: set(month, 1, 12).ok_or_else(|| fail("月"))?,
            // 7 is Sunday too.
            weekdays: weekdays | (weekdays >> 7 & 1),
            either_day: !day.starts_with('*') && !weekday.starts_with('*'),
        })
    }
}

fn set(field: &str, low: u8, high: u8) -> Option<u64> {
    field.split(',').try_fold(0_u64, |bits, part| {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, step.parse::<u8>().ok().filter(|step| *step > 0)?),
            None => (part, 1),
        };
        let (from, to) = if range == "*" {
            (low, high)
        } else if let Some((from, to)) = range.split_once('-') {
            (from.parse().ok()?, to.parse().ok()?)
        } else {
            let from = range.parse().ok()?;
            // `5/10` means from 5 on.
            (from, if part.contains('/') { high } else { from })
        };
        if from < low || to > high || from > to {
            return None;
        }
        Some(
            (from..=to)
                .step_by(usize::from(step))
                .fold(bits, |bits, n| bits | 1 << n),
        )
    })
}

fn has(bits: u64, n: i8) -> bool {
    bits >> n & 1 == 1
}

impl Cron {
    fn matches(&self, date: Date) -> bool {
        let day = has(self.days, date.day());
        let weekday = has(self.weekdays, date.weekday().to_sunday_zero_offset());
        has(self.months, date.month())
            && if self.either_day {
                day || weekday
            } else {
                day && weekday
            }
    }

    /// The first instant on `date` that is after `after`.
    pub(super) fn first_on(&self, date: Date, after: Timestamp) -> Option<Timestamp> {
        if !self.matches(date) {
            return None;
        }
        (0..24)
            .filter(|hour| has(self.hours, *hour))
            .flat_map(|hour| {
                (0..60)
                    .filter(|minute| has(self.minutes, *minute))
                    .map(move |minute| At::new(hour, minute).on(date))
            })
            .find(|instant| *instant > after)
    }
}

impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
