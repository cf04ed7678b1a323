//! Service hours: 「平日8時45分～17時15分」, 「24時間365日」, 「月～土22時～翌5時」.
//!
//! Windows repeat by weekday; a window belongs to the day on which it begins, so one that
//! crosses midnight from an open Friday runs into the closed Saturday. Times are those of
//! `Asia/Tokyo`, in whole seconds; a window holds its beginning and not its end. Overlapping
//! windows count once.

use std::fmt;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};

use super::{CalendarError, DaySet, Weekdays};
use crate::clock::{tokyo_datetime, tokyo_instant};

const MINUTES_PER_DAY: u16 = 1440;
const SECONDS_PER_DAY: i64 = 86_400;
/// How many days without any service a search passes before it gives up.
const SEARCH_LIMIT: u32 = 400;

/// A stretch of the day, for some weekdays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Window {
    weekdays: Weekdays,
    start_minute: u16,
    length_minutes: u16,
}

impl Window {
    /// From `start` to `end` (an end that is not after the start is on the next day; equal
    /// times are 24 hours) on the weekdays on which it begins. Seconds are dropped.
    pub fn new(weekdays: Weekdays, start: Time, end: Time) -> Self {
        let minute = |time: Time| time.hour() as u16 * 60 + time.minute() as u16;
        let (start_minute, end_minute) = (minute(start), minute(end));
        let length_minutes = if end_minute > start_minute {
            end_minute - start_minute
        } else {
            end_minute + MINUTES_PER_DAY - start_minute
        };
        Self {
            weekdays,
            start_minute,
            length_minutes,
        }
    }

    /// Reads `08:45-17:15`, `22:00-05:00` or `00:00-24:00` for the given weekdays.
    pub fn parse(weekdays: Weekdays, text: &str) -> Result<Self, CalendarError> {
        let time = |part: &str| {
            let (hour, minute) = part.trim().split_once(':')?;
            let two = |digits: &str| {
                (matches!(digits.len(), 1 | 2) && digits.bytes().all(|byte| byte.is_ascii_digit()))
                    .then(|| digits.parse::<i8>().ok())
                    .flatten()
            };
            Some((two(hour)?, two(minute)?))
        };
        let bad = || CalendarError::NotWindow(text.to_owned());
        let (start, end) = text.split_once(['-', '～', '–']).ok_or_else(bad)?;
        let (start, end) = (time(start).ok_or_else(bad)?, time(end).ok_or_else(bad)?);
        let end = if end == (24, 0) { (0, 0) } else { end };
        let civil = |(hour, minute)| Time::new(hour, minute, 0, 0).map_err(|_| bad());
        Ok(Self::new(weekdays, civil(start)?, civil(end)?))
    }

    /// The weekdays on which it begins.
    pub fn weekdays(self) -> Weekdays {
        self.weekdays
    }
}

impl fmt::Display for Window {
    /// `月火水木金 08:45-17:15`.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = self.start_minute + self.length_minutes;
        let end = if end > MINUTES_PER_DAY {
            end - MINUTES_PER_DAY
        } else {
            end
        };
        write!(
            out,
            "{} {:02}:{:02}-{:02}:{:02}",
            self.weekdays,
            self.start_minute / 60,
            self.start_minute % 60,
            end / 60,
            end % 60
        )
    }
}

/// When a service is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceHours {
    windows: Vec<Window>,
    closed: DaySet,
}

impl ServiceHours {
    /// Windows, none of which begins on a day of `closed`.
    pub fn new(windows: Vec<Window>, closed: DaySet) -> Result<Self, CalendarError> {
        if windows.iter().all(|window| window.weekdays.is_empty()) {
            return Err(CalendarError::NeverOpen);
        }
        Ok(Self { windows, closed })
    }

    /// 24時間365日.
    pub fn always() -> Self {
        let midnight = Time::midnight();
        Self {
            windows: vec![Window::new(Weekdays::ALL, midnight, midnight)],
            closed: DaySet::never_closed(),
        }
    }

    /// The stretches of service of a day, in civil seconds, sorted and merged. They may run
    /// into the next day.
    fn stretches(&self, day: Date) -> Vec<(i64, i64)> {
        if self.closed.contains(day) {
            return Vec::new();
        }
        let midnight = civil_seconds(day.to_datetime(Time::midnight()));
        let mut list: Vec<(i64, i64)> = self
            .windows
            .iter()
            .filter(|window| window.weekdays.contains(day.weekday()))
            .map(|window| {
                let start = midnight + i64::from(window.start_minute) * 60;
                (start, start + i64::from(window.length_minutes) * 60)
            })
            .collect();
        list.sort_unstable();
        list.dedup_by(|later, earlier| {
            let touches = later.0 <= earlier.1;
            if touches {
                earlier.1 = earlier.1.max(later.1);
            }
            touches
        });
        list
    }

    /// The stretches that begin on the day before `from` or later, in order, without overlap.
    /// Ends after [`SEARCH_LIMIT`] days without one.
    fn stretches_from(&self, from: Date) -> impl Iterator<Item = (i64, i64)> + '_ {
        let start = from.yesterday().unwrap_or(from);
        let mut empty_days = 0;
        let mut covered_to = i64::MIN;
        std::iter::successors(Some(start), |day| day.tomorrow().ok())
            .map(|day| self.stretches(day))
            .take_while(move |list| {
                empty_days = if list.is_empty() { empty_days + 1 } else { 0 };
                empty_days <= SEARCH_LIMIT
            })
            .flatten()
            .filter_map(move |(start, end)| {
                // A window from yesterday may reach into today's.
                let start = start.max(covered_to);
                covered_to = covered_to.max(end);
                (start < end).then_some((start, end))
            })
    }

    /// Whether the instant is within service hours. Their end is outside.
    pub fn contains(&self, at: Timestamp) -> bool {
        let civil = tokyo_datetime(at);
        let now = civil_seconds(civil);
        let today = civil.date();
        let holds = |day: Date| {
            self.stretches(day)
                .iter()
                .any(|(start, end)| *start <= now && now < *end)
        };
        holds(today) || today.yesterday().is_ok_and(holds)
    }

    /// Whether all of `from..=to` is within service hours, their end included: work until
    /// 17:15 sharp is inside 8:45–17:15.
    pub fn covers(&self, from: Timestamp, to: Timestamp) -> bool {
        if to <= from {
            return from == to && self.contains(from);
        }
        // Part of a second is asked for as the whole of it.
        let start = tokyo_datetime(from);
        let (first, last) = (civil_seconds(start), ceiling_seconds(tokyo_datetime(to)));
        let mut at = first;
        for (open, close) in self.stretches_from(start.date()) {
            if open > at {
                return false;
            }
            at = at.max(close);
            if at >= last {
                return true;
            }
        }
        false
    }

    /// Seconds of service between two instants; 0 if `to` is not after `from`.
    pub fn seconds_between(&self, from: Timestamp, to: Timestamp) -> i64 {
        if to <= from {
            return 0;
        }
        let start = tokyo_datetime(from);
        let (first, last) = (civil_seconds(start), civil_seconds(tokyo_datetime(to)));
        self.stretches_from(start.date())
            .take_while(|(open, _)| *open < last)
            .map(|(open, close)| (close.min(last) - open.max(first)).max(0))
            .sum()
    }

    /// Whole minutes of service between two instants.
    pub fn minutes_between(&self, from: Timestamp, to: Timestamp) -> i64 {
        self.seconds_between(from, to) / 60
    }

    /// The first instant at or after `at` within service hours.
    pub fn next_opening(&self, at: Timestamp) -> Result<Timestamp, CalendarError> {
        if self.contains(at) {
            return Ok(at);
        }
        let civil = tokyo_datetime(at);
        let now = civil_seconds(civil);
        self.stretches_from(civil.date())
            .find(|(open, _)| *open > now)
            .map(|(open, _)| instant(open))
            .ok_or(CalendarError::NeverOpen)
    }

    /// The instant at which `minutes` of service have passed since `from`. Zero minutes end
    /// at once, in service or not; otherwise parts of a second in `from` are dropped.
    pub fn end_after(&self, from: Timestamp, minutes: u32) -> Result<Timestamp, CalendarError> {
        if minutes == 0 {
            return Ok(from);
        }
        let start = tokyo_datetime(from);
        let first = civil_seconds(start);
        let mut left = i64::from(minutes) * 60;
        for (open, close) in self.stretches_from(start.date()) {
            let begin = open.max(first);
            let available = close - begin;
            if available <= 0 {
                continue;
            }
            if available >= left {
                return Ok(instant(begin + left));
            }
            left -= available;
        }
        Err(CalendarError::NeverOpen)
    }
}

/// 「午前に受けたものは当日午後、午後に受けたものは翌開庁日の午前まで」.
///
/// What comes on a closed day counts as received on the morning of the next open day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HalfDayRule {
    /// Which days are closed.
    pub closed: DaySet,
    /// Where the morning ends and the afternoon begins, e.g. 12:00: the due time of what came
    /// in an afternoon.
    pub noon: Time,
    /// Where the afternoon ends, e.g. 17:15: the due time of what came in a morning.
    pub day_end: Time,
}

impl HalfDayRule {
    /// The civil time in Japan by which something received at `received` is due.
    pub fn due(&self, received: DateTime) -> Result<DateTime, CalendarError> {
        let day = received.date();
        if self.closed.contains(day) {
            return Ok(self.closed.next_open(day)?.to_datetime(self.day_end));
        }
        if received.time() < self.noon {
            Ok(day.to_datetime(self.day_end))
        } else {
            Ok(self.closed.next_open(day)?.to_datetime(self.noon))
        }
    }

    /// [`HalfDayRule::due`] for instants.
    pub fn due_instant(&self, received: Timestamp) -> Result<Timestamp, CalendarError> {
        self.due(tokyo_datetime(received)).map(tokyo_instant)
    }
}

/// Seconds on the civil time line (no offset): Japan has had no summer time since 1951.
fn civil_seconds(at: DateTime) -> i64 {
    let days = i64::from(
        at.date()
            .since(Date::new(1970, 1, 1).expect("1970 exists"))
            .map_or(0, |span| span.get_days()),
    );
    let time = at.time();
    days * SECONDS_PER_DAY
        + i64::from(time.hour()) * 3600
        + i64::from(time.minute()) * 60
        + i64::from(time.second())
}

fn ceiling_seconds(at: DateTime) -> i64 {
    civil_seconds(at) + i64::from(at.subsec_nanosecond() > 0)
}

fn instant(civil: i64) -> Timestamp {
    let epoch = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);
    let at = epoch
        .checked_add(jiff::SignedDuration::from_secs(civil))
        .unwrap_or(DateTime::MAX);
    tokyo_instant(at)
}

#[cfg(test)]
#[path = "hours_tests.rs"]
mod tests;
