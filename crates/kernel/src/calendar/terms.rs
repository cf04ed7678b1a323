//! Terms counted in days, weeks, months and years as the Civil Code counts them.
//!
//! 民法140条: the first day does not count, unless the term begins at 0:00 or the contract
//! says 「当日から起算」. 141条: the term ends with the end of its last day. 143条: weeks,
//! months and years follow the calendar; a term that does not begin with a week, month or
//! year ends the day before the day that corresponds to its first, and where the last month
//! has no such day, with that month's last day.
//!
//! Not here: 142条 (a last day that is a holiday), for a contract either writes its own roll
//! or none; apply a [`super::Roll`] to the result. Terms in hours and minutes (139条) run from
//! the instant: [`super::ServiceHours`].

use jiff::ToSpan;
use jiff::civil::Date;

use super::{CalendarError, DaySet};

/// Whether the day of the event is the first day of the term.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FirstDay {
    /// 初日算入: the event's day is day 1.
    Counted,
    /// 初日不算入 (民法140条, the default of law): the next day is day 1.
    NotCounted,
}

/// Whether the limit itself is still within.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// 以内, までに: the last day is within. Before an event: the N-th day before it is.
    Inclusive,
    /// 未満: the last day is already too late. Before an event: N clear days (中N日) lie
    /// between.
    Strict,
}

/// After or before the event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The term runs from the event.
    After,
    /// The act must come before the event.
    Before,
}

/// A length of time in whole days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Span {
    /// Calendar days.
    Days(u32),
    /// Open days of a set.
    OpenDays(u32, DaySet),
    /// Weeks.
    Weeks(u32),
    /// Months by the calendar.
    Months(u32),
    /// Years by the calendar.
    Years(u32),
}

/// A term, e.g. 「契約締結後1週間以内」: one week after, first day not counted, inclusive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayTerm {
    /// Its length.
    pub span: Span,
    /// After or before the event.
    pub side: Side,
    /// Whether the event's day counts.
    pub first_day: FirstDay,
    /// Whether the last day is within.
    pub bound: Bound,
}

impl DayTerm {
    /// `span` after the event by the default of law: first day not counted, last day within.
    pub fn after(span: Span) -> Self {
        Self {
            span,
            side: Side::After,
            first_day: FirstDay::NotCounted,
            bound: Bound::Inclusive,
        }
    }

    /// `span` before the event: the event's day not counted, the N-th day before still good.
    pub fn before(span: Span) -> Self {
        Self {
            side: Side::Before,
            ..Self::after(span)
        }
    }

    /// The last day on which the act is in time.
    pub fn last_day(&self, event: Date) -> Result<Date, CalendarError> {
        let zero = match &self.span {
            Span::Days(n)
            | Span::OpenDays(n, _)
            | Span::Weeks(n)
            | Span::Months(n)
            | Span::Years(n) => *n == 0,
        };
        if zero {
            let plain = self.first_day == FirstDay::NotCounted && self.bound == Bound::Inclusive;
            return if plain {
                Ok(event)
            } else {
                Err(CalendarError::EmptySpan)
            };
        }
        if let Span::OpenDays(count, set) = &self.span {
            return self.open_days(event, *count, set);
        }
        let out_of_range = |_| CalendarError::OutOfRange(event);
        let end = match self.side {
            Side::After => self.calendar_after(event),
            Side::Before => self.calendar_before(event),
        }
        .map_err(out_of_range)?;
        match self.bound {
            Bound::Inclusive => Ok(end),
            // Both ways the strict reading is one day earlier.
            Bound::Strict => end.checked_sub(1.day()).map_err(out_of_range),
        }
    }

    fn calendar_after(&self, event: Date) -> Result<Date, jiff::Error> {
        let first = match self.first_day {
            FirstDay::Counted => event,
            FirstDay::NotCounted => event.tomorrow()?,
        };
        match self.span {
            Span::Days(days) => first.checked_add(i64::from(days).days())?.yesterday(),
            Span::Weeks(weeks) => first.checked_add(i64::from(weeks).weeks())?.yesterday(),
            Span::Months(months) => months_end(first, i64::from(months)),
            Span::Years(years) => months_end(first, i64::from(years) * 12),
            Span::OpenDays(..) => unreachable!("open days are counted elsewhere"),
        }
    }

    /// Backwards by analogy: day 1 is the day before the event (the event's day if counted),
    /// and the N-th day back is the last on which the act is in time.
    fn calendar_before(&self, event: Date) -> Result<Date, jiff::Error> {
        let from = match self.first_day {
            FirstDay::Counted => event.tomorrow()?,
            FirstDay::NotCounted => event,
        };
        match self.span {
            Span::Days(days) => from.checked_sub(i64::from(days).days()),
            Span::Weeks(weeks) => from.checked_sub(i64::from(weeks).weeks()),
            // jiff takes a missing day to the month's last, as 143条 does.
            Span::Months(months) => from.checked_sub(i64::from(months).months()),
            Span::Years(years) => from.checked_sub(i64::from(years).years()),
            Span::OpenDays(..) => unreachable!("open days are counted elsewhere"),
        }
    }

    fn open_days(&self, event: Date, count: u32, set: &DaySet) -> Result<Date, CalendarError> {
        let count = i32::try_from(count).map_err(|_| CalendarError::OutOfRange(event))?;
        let counted = self.first_day == FirstDay::Counted && set.is_open(event);
        // An open event day that counts is open day 1; a closed one is no open day anyway.
        let beyond = count - i32::from(counted);
        let steps = match (self.side, self.bound) {
            (Side::After, Bound::Inclusive) => beyond,
            (Side::After, Bound::Strict) => beyond - 1,
            (Side::Before, Bound::Inclusive) => -beyond,
            (Side::Before, Bound::Strict) => -(beyond + 1),
        };
        if steps < 0 && self.side == Side::After {
            // 1開庁日未満 with the event's day as day 1: no day is left.
            return Err(CalendarError::EmptySpan);
        }
        set.add_open_days(event, steps)
    }
}

/// 民法143条2項: the last day of a term of `months` whose first day is `first`.
fn months_end(first: Date, months: i64) -> Result<Date, jiff::Error> {
    let corresponding = first.checked_add(months.months())?;
    if corresponding.day() == first.day() {
        corresponding.yesterday()
    } else {
        // No such day in the last month: jiff gave that month's last day, which is the end.
        Ok(corresponding)
    }
}

/// The day that corresponds to `day` after `months` (negative: before), or that month's last
/// day if there is none: due dates such as 「Nか月後の同日」.
pub fn same_day_months_later(day: Date, months: i32) -> Result<Date, CalendarError> {
    day.checked_add(i64::from(months).months())
        .map_err(|_| CalendarError::OutOfRange(day))
}

#[cfg(test)]
#[path = "terms_tests.rs"]
mod tests;
