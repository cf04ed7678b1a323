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

/// A calendar length, after weeks became days and years months.
#[derive(Clone, Copy)]
enum Length {
    Days(i64),
    Months(i64),
}

impl Length {
    fn is_zero(self) -> bool {
        matches!(self, Self::Days(0) | Self::Months(0))
    }

    /// Fails beyond what a date can be moved by.
    fn span(self) -> Result<jiff::Span, jiff::Error> {
        match self {
            Self::Days(days) => jiff::Span::new().try_days(days),
            Self::Months(months) => jiff::Span::new().try_months(months),
        }
    }
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
        let length = match &self.span {
            Span::OpenDays(count, set) => return self.open_days(event, *count, set),
            Span::Days(days) => Length::Days(i64::from(*days)),
            Span::Weeks(weeks) => Length::Days(i64::from(*weeks) * 7),
            Span::Months(months) => Length::Months(i64::from(*months)),
            Span::Years(years) => Length::Months(i64::from(*years) * 12),
        };
        if length.is_zero() {
            return self.empty(event);
        }
        let out_of_range = |_| CalendarError::OutOfRange(event);
        let end = match self.side {
            Side::After => self.calendar_after(event, length),
            Side::Before => self.calendar_before(event, length),
        }
        .map_err(out_of_range)?;
        let last = match self.bound {
            Bound::Inclusive => end,
            // Both ways the strict reading is one day earlier.
            Bound::Strict => end.checked_sub(1.day()).map_err(out_of_range)?,
        };
        if self.side == Side::After && last < event {
            // 1日未満 with the event's day as day 1: no day is left.
            return Err(CalendarError::EmptySpan);
        }
        Ok(last)
    }

    /// A span of zero: the event's day by the plain reading, nothing by any other.
    fn empty(&self, event: Date) -> Result<Date, CalendarError> {
        if self.first_day == FirstDay::NotCounted && self.bound == Bound::Inclusive {
            Ok(event)
        } else {
            Err(CalendarError::EmptySpan)
        }
    }

    fn calendar_after(&self, event: Date, length: Length) -> Result<Date, jiff::Error> {
        let first = match self.first_day {
            FirstDay::Counted => event,
            FirstDay::NotCounted => event.tomorrow()?,
        };
        let corresponding = first.checked_add(length.span()?)?;
        if matches!(length, Length::Months(_)) && corresponding.day() != first.day() {
            // 143条2項ただし書: no such day in the last month; jiff gave that month's last
            // day, which is the end.
            Ok(corresponding)
        } else {
            corresponding.yesterday()
        }
    }

    /// Backwards by analogy: day 1 is the day before the event (the event's day if counted),
    /// and the N-th day back is the last on which the act is in time.
    fn calendar_before(&self, event: Date, length: Length) -> Result<Date, jiff::Error> {
        let from = match self.first_day {
            FirstDay::Counted => event.tomorrow()?,
            FirstDay::NotCounted => event,
        };
        // jiff takes a missing day to the month's last, as 143条 does.
        from.checked_sub(length.span()?)
    }

    fn open_days(&self, event: Date, count: u32, set: &DaySet) -> Result<Date, CalendarError> {
        if count == 0 {
            return self.empty(event);
        }
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

/// The day that corresponds to `day` after `months` (negative: before), or that month's last
/// day if there is none: due dates such as 「Nか月後の同日」.
pub fn same_day_months_later(day: Date, months: i32) -> Result<Date, CalendarError> {
    Length::Months(i64::from(months))
        .span()
        .and_then(|span| day.checked_add(span))
        .map_err(|_| CalendarError::OutOfRange(day))
}

#[cfg(test)]
#[path = "terms_tests.rs"]
mod tests;
