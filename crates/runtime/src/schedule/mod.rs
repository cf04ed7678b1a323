//! When things run: rules on the Japanese calendar, evaluated without asking the machine's clock.
//!
//! Cron cannot say 翌開庁日 or "day 10, moved to the next open day", so rules are our own; a plain
//! five-field cron line is one of them. All times of day are Japanese (`Asia/Tokyo`).

mod cron;

use std::fmt;

use jiff::Timestamp;
use jiff::civil::{Date, Time};
use jiff::{SignedDuration, ToSpan};
use mamori_kernel::clock::{tokyo_datetime, tokyo_instant, tokyo_midnight};

pub use cron::{Cron, CronError};

/// Which days the city office is open.
pub trait OpenDays: Send + Sync {
    /// Whether the office is open on `date`.
    fn is_open(&self, date: Date) -> bool;
}

impl<F: Fn(Date) -> bool + Send + Sync> OpenDays for F {
    fn is_open(&self, date: Date) -> bool {
        self(date)
    }
}

/// A time of day in Japan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct At {
    /// Hour, 0–23.
    pub hour: i8,
    /// Minute, 0–59.
    pub minute: i8,
}

impl At {
    /// `hour:minute`.
    ///
    /// # Panics
    /// When the values are no time of day.
    pub const fn new(hour: i8, minute: i8) -> Self {
        assert!(hour >= 0 && hour < 24 && minute >= 0 && minute < 60);
        Self { hour, minute }
    }

    fn on(self, date: Date) -> Timestamp {
        let time = Time::new(self.hour, self.minute, 0, 0).expect("At holds a valid time of day");
        tokyo_instant(date.to_datetime(time))
    }
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.hour, self.minute)
    }
}

/// Where a date goes that falls on a closed day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Roll {
    /// Stays.
    None,
    /// 翌開庁日: to the next open day.
    Forward,
    /// 前開庁日: to the open day before.
    Backward,
}

/// Which day of a month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MonthDay {
    /// Day N (1–31; the last day in a shorter month), then rolled.
    Day(i8, Roll),
    /// The last day, then rolled.
    Last(Roll),
    /// The n-th open day (第n開庁日), from 1.
    OpenDay(u8),
    /// The open day after day N, even when day N is open (翌開庁日).
    OpenDayAfter(i8),
}

/// A recurring instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rule {
    /// At the multiples of n minutes (1–1440) since midnight in Japan.
    EveryMinutes(u16),
    /// Each day.
    Daily(At),
    /// Each open day.
    OpenDays(At),
    /// Once a month.
    Monthly(MonthDay, At),
    /// A five-field cron line.
    Cron(Cron),
}

/// Days searched before a rule gives up on an office that never opens.
const HORIZON_DAYS: i64 = 366 * 9;

impl Rule {
    /// The first instant of the rule strictly after `after`.
    ///
    /// `None` when there is none within nine years (a cron line for February 30, an office that
    /// never opens).
    pub fn next_after(&self, after: Timestamp, days: &dyn OpenDays) -> Option<Timestamp> {
        let today = tokyo_datetime(after).date();
        match self {
            Self::EveryMinutes(minutes) => Some(next_multiple(after, today, *minutes)),
            Self::Daily(at) => dates_from(today)
                .map(|date| at.on(date))
                .find(|instant| *instant > after),
            Self::OpenDays(at) => dates_from(today)
                .filter(|date| days.is_open(*date))
                .map(|date| at.on(date))
                .find(|instant| *instant > after),
            Self::Monthly(day, at) => months_around(today)
                .filter_map(|first| day.in_month(first, days))
                .map(|date| at.on(date))
                .filter(|instant| *instant > after)
                .min(),
            Self::Cron(cron) => dates_from(today).find_map(|date| cron.first_on(date, after)),
        }
    }
}

fn next_multiple(after: Timestamp, today: Date, minutes: u16) -> Timestamp {
    let step = i64::from(minutes.clamp(1, 1440));
    let midnight = tokyo_midnight(today);
    let passed = after.duration_since(midnight).as_secs() / 60;
    let next = (passed / step + 1) * step;
    if next >= 1440 {
        return tokyo_midnight(today.saturating_add(1.day()));
    }
    midnight
        .checked_add(SignedDuration::from_mins(next))
        .unwrap_or(Timestamp::MAX)
}

fn dates_from(first: Date) -> impl Iterator<Item = Date> {
    (0..HORIZON_DAYS).map(move |n| first.saturating_add(n.days()))
}

/// First days of the month before `today` (its date may have rolled over) and the 25 after.
fn months_around(today: Date) -> impl Iterator<Item = Date> {
    let first = today.first_of_month();
    (-1..25).map(move |n| first.saturating_add(n.months()))
}

impl MonthDay {
    fn in_month(self, first: Date, days: &dyn OpenDays) -> Option<Date> {
        let day = |n: i8| {
            let n = n.clamp(1, first.days_in_month());
            first.saturating_add(i64::from(n - 1).days())
        };
        match self {
            Self::Day(n, roll) => rolled(day(n), roll, days),
            Self::Last(roll) => rolled(first.last_of_month(), roll, days),
            Self::OpenDay(n) => dates_from(first)
                .take(usize::from(first.days_in_month().unsigned_abs()))
                .filter(|date| days.is_open(*date))
                .nth(usize::from(n.max(1)) - 1),
            Self::OpenDayAfter(n) => next_open_day(day(n), days),
        }
    }
}

fn rolled(date: Date, roll: Roll, days: &dyn OpenDays) -> Option<Date> {
    match roll {
        Roll::None => Some(date),
        Roll::Forward => dates_from(date).take(60).find(|d| days.is_open(*d)),
        Roll::Backward => (0..60_i64)
            .map(|n| date.saturating_sub(n.days()))
            .find(|d| days.is_open(*d)),
    }
}

/// 翌開庁日: the first open day after `date`; `None` when the office stays closed for 60 days.
pub fn next_open_day(date: Date, days: &dyn OpenDays) -> Option<Date> {
    dates_from(date).skip(1).take(60).find(|d| days.is_open(*d))
}

impl fmt::Display for MonthDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let roll = |roll: &Roll| match roll {
            Roll::None => "",
            Roll::Forward => " forward",
            Roll::Backward => " backward",
        };
        match self {
            Self::Day(n, r) => write!(f, "{n}{}", roll(r)),
            Self::Last(r) => write!(f, "last{}", roll(r)),
            Self::OpenDay(n) => write!(f, "open-day {n}"),
            Self::OpenDayAfter(n) => write!(f, "open-day after {n}"),
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EveryMinutes(minutes) => write!(f, "every {minutes}m"),
            Self::Daily(at) => write!(f, "daily {at}"),
            Self::OpenDays(at) => write!(f, "open-days {at}"),
            Self::Monthly(day, at) => write!(f, "monthly {day} {at}"),
            Self::Cron(cron) => write!(f, "cron {cron}"),
        }
    }
}

#[cfg(test)]
mod tests;
