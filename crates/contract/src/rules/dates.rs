//! Deadline rules as arithmetic: period or event in, last day or instant out.
//!
//! All calendar work (rolls, open days, 民法140–143条, service hours, half days) is the kernel's;
//! here the contract's fields are put into its terms.

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp, ToSpan};
use mamori_kernel::calendar::{self as cal, DaySet, DayTerm, HalfDayRule, Rolled, ServiceHours};
use mamori_kernel::clock::{tokyo_datetime, tokyo_midnight};
use mamori_kernel::period::{Period, Term, YearMonth};

use crate::language::{
    Bound, ClockKind, Direction, FirstDay, OrParam, PeriodName, PeriodOverride, Roll, Rule, Span,
    Unit,
};

/// Service hours with the name and the point that divides the day.
#[derive(Debug, Clone)]
pub struct Hours {
    /// Japanese name.
    pub title: String,
    /// When the service is given.
    pub service: ServiceHours,
    /// Closed days, for the half-day rule.
    pub closed: DaySet,
    /// Where morning ends.
    pub noon: jiff::civil::Time,
    /// Where the last window of the day ends.
    pub day_end: jiff::civil::Time,
}

/// What rules refer to by name.
#[derive(Debug, Clone)]
pub struct Book {
    /// 履行期間.
    pub term: Term,
    /// 契約締結日, or the parameter that is still without a value.
    pub signed_on: Result<Date, String>,
    /// Closed days by calendar name.
    pub calendars: BTreeMap<String, DaySet>,
    /// Service hours by name.
    pub hours: BTreeMap<String, Hours>,
    /// The calendar when a rule names none.
    pub city_calendar: Option<String>,
    /// The hours when a rule names none.
    pub service_hours: Option<String>,
}

/// Why there is no date.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoDate {
    /// A parameter has no value yet.
    #[error("値「{0}」がまだ決まっていません")]
    Needs(String),
    /// The rule yields no date for a period or event.
    #[error("この規則からは日付が決まりません")]
    NotDated,
    /// The calendar cannot answer.
    #[error(transparent)]
    Calendar(#[from] cal::CalendarError),
    /// Out of the years that can be computed.
    #[error("日付が計算できる範囲を超えました")]
    Range,
}

/// A due day and how it came about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueDay {
    /// The day after rolling.
    pub date: Date,
    /// Days passed over, in Japanese, if it moved.
    pub moved: Option<String>,
    /// Whether it comes from an override, and its reason.
    pub exception: Option<String>,
}

impl From<Rolled> for DueDay {
    fn from(rolled: Rolled) -> Self {
        let moved = rolled.moved().then(|| rolled.reason());
        Self {
            date: rolled.date,
            moved,
            exception: None,
        }
    }
}

/// The last moment at which an answer to an event is in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// Until the end of this day.
    Day(Date),
    /// Until this instant.
    Instant(Timestamp),
    /// Before this instant: the instant itself is late (未満).
    Before(Timestamp),
}

impl Limit {
    /// Whether something at `at` is in time.
    pub fn allows(self, at: Timestamp) -> bool {
        match self {
            Self::Day(day) => tokyo_datetime(at).date() <= day,
            Self::Instant(last) => at <= last,
            Self::Before(end) => at < end,
        }
    }

    /// The first instant that is late.
    pub fn late_from(self) -> Timestamp {
        match self {
            Self::Day(day) => day.tomorrow().map_or(Timestamp::MAX, tokyo_midnight),
            Self::Instant(last) => last
                .saturating_add(SignedDuration::from_nanos(1))
                .unwrap_or(Timestamp::MAX),
            Self::Before(end) => end,
        }
    }

    /// The same limit, later by a number of seconds (whole days for a day).
    #[must_use]
    pub fn extended(self, seconds: i64) -> Self {
        let later = |at: Timestamp| {
            at.saturating_add(SignedDuration::from_secs(seconds))
                .unwrap_or(Timestamp::MAX)
        };
        match self {
            Self::Day(day) => {
                let days = (seconds + 86_399) / 86_400;
                Self::Day(day.checked_add(days.days()).unwrap_or(day))
            }
            Self::Instant(last) => Self::Instant(later(last)),
            Self::Before(end) => Self::Before(later(end)),
        }
    }
}

impl Book {
    /// A calendar by name, or the city's.
    pub fn calendar(&self, name: Option<&str>) -> Result<&DaySet, NoDate> {
        name.or(self.city_calendar.as_deref())
            .and_then(|name| self.calendars.get(name))
            .ok_or_else(|| NoDate::Needs("city_calendar".into()))
    }

    /// Hours by name, or the contract's.
    pub fn hours(&self, name: Option<&str>) -> Result<&Hours, NoDate> {
        name.or(self.service_hours.as_deref())
            .and_then(|name| self.hours.get(name))
            .ok_or_else(|| NoDate::Needs("service_hours".into()))
    }

    fn roll(&self, roll: Option<&Roll>, date: Date) -> Result<DueDay, NoDate> {
        let Some(roll) = roll else {
            return Ok(Rolled::unmoved(date).into());
        };
        let rule = cal::Roll {
            trigger: self.calendar(Some(&roll.when))?.clone(),
            target: self
                .calendar(Some(roll.to.as_deref().unwrap_or(&roll.when)))?
                .clone(),
            direction: match roll.direction {
                Direction::Forward => cal::Direction::Forward,
                Direction::Backward => cal::Direction::Backward,
            },
        };
        Ok(rule.apply(date)?.into())
    }
}

fn unknown<T>(value: &OrParam<T>) -> NoDate {
    match value {
        OrParam::Param(name) => NoDate::Needs(name.clone()),
        OrParam::Value(_) => NoDate::NotDated,
    }
}

fn clamp_day(month: YearMonth, day: i8) -> Date {
    let last = month.last();
    if day >= last.day() {
        last
    } else {
        month.first().with().day(day.max(1)).build().unwrap_or(last)
    }
}

fn first_day(given: FirstDay) -> cal::FirstDay {
    match given {
        FirstDay::Excluded => cal::FirstDay::NotCounted,
        FirstDay::Included => cal::FirstDay::Counted,
    }
}

fn bound(given: Bound) -> cal::Bound {
    match given {
        Bound::Within => cal::Bound::Inclusive,
        Bound::Before => cal::Bound::Strict,
    }
}

fn day_span(span: Span) -> Option<cal::Span> {
    let amount = u32::try_from(span.amount).ok()?;
    Some(match span.unit {
        Unit::Day => cal::Span::Days(amount),
        Unit::Week => cal::Span::Weeks(amount),
        Unit::Month => cal::Span::Months(amount),
        Unit::Year => cal::Span::Years(amount),
        Unit::Second | Unit::Minute | Unit::Hour => return None,
    })
}

/// The last day of a term counted from `event` by the Civil Code and the contract's own fields.
fn counted(
    event: Date,
    span: cal::Span,
    side: cal::Side,
    first: FirstDay,
    limit: Bound,
) -> Result<Date, NoDate> {
    let term = DayTerm {
        span,
        side,
        first_day: first_day(first),
        bound: bound(limit),
    };
    Ok(term.last_day(event)?)
}

fn open_span(days: i64, set: &DaySet) -> Result<cal::Span, NoDate> {
    u32::try_from(days)
        .map(|days| cal::Span::OpenDays(days, set.clone()))
        .map_err(|_| NoDate::Range)
}

fn override_for(
    book: &Book,
    overrides: &[PeriodOverride],
    period: Period,
    month: YearMonth,
    roll: Option<&Roll>,
) -> Option<Result<DueDay, NoDate>> {
    let is = |name: PeriodName| match name {
        PeriodName::Term => matches!(period, Period::Term(_)),
        PeriodName::Period(named) => named == period,
    };
    let found = overrides.iter().find(|each| is(each.period))?;
    let (date, rolls) = match (found.date, found.day) {
        (Some(date), _) => (date.0, found.no_roll == Some(false)),
        (None, Some(day)) => (clamp_day(month, day), found.no_roll != Some(true)),
        (None, None) => return None,
    };
    let due = if rolls {
        book.roll(roll, date)
    } else {
        Ok(Rolled::unmoved(date).into())
    };
    Some(due.map(|due| {
        DueDay {
            exception: Some(
                found
                    .reason
                    .clone()
                    .unwrap_or_else(|| format!("{}の特例", found.period)),
            ),
            ..due
        }
    }))
}

/// The due day of a rule for a period. Rules that count from events have none.
pub fn period_due(rule: &Rule, period: Period, book: &Book) -> Result<DueDay, NoDate> {
    let end = period.last();
    match rule {
        Rule::Fixed {
            date: OrParam::Value(date),
            roll,
        } => book.roll(roll.as_ref(), date.0),
        Rule::Fixed { date, .. } => Err(unknown(date)),
        Rule::AfterPeriod {
            day,
            months,
            days,
            open_days,
            month_end,
            month_day,
            plus_months,
            closing_day,
            calendar,
            first_day,
            bound,
            roll,
            overrides,
        } => {
            let last_month = YearMonth::of(end);
            let closing = closing_day.map_or(end, |day| clamp_day(last_month, day));
            let target = last_month.plus(months.unwrap_or(1));
            if let Some(due) = override_for(book, overrides, period, target, roll.as_ref()) {
                return due;
            }
            let after = |span| counted(closing, span, cal::Side::After, *first_day, *bound);
            let date = if let Some(day) = day {
                clamp_day(target, *day)
            } else if let Some(days) = days {
                after(cal::Span::Days(
                    u32::try_from(*days).map_err(|_| NoDate::Range)?,
                ))?
            } else if let Some(days) = open_days {
                after(open_span(*days, book.calendar(calendar.as_deref())?)?)?
            } else if let Some(count) = month_end {
                last_month.plus(*count).last()
            } else if let Some(month_day) = month_day {
                next_month_day(closing, *month_day)?
            } else if let Some(months) = plus_months {
                after(cal::Span::Months(
                    u32::try_from(*months).map_err(|_| NoDate::Range)?,
                ))?
            } else {
                return Err(NoDate::NotDated);
            };
            book.roll(roll.as_ref(), date)
        }
        Rule::PeriodEnd { roll, overrides } => {
            match override_for(book, overrides, period, YearMonth::of(end), roll.as_ref()) {
                Some(due) => due,
                None => book.roll(roll.as_ref(), end),
            }
        }
        Rule::AfterDate {
            from,
            within,
            open_days,
            calendar,
            first_day,
            bound,
            roll,
        } => {
            let base = match from {
                Some(OrParam::Value(date)) => date.0,
                Some(other) => return Err(unknown(other)),
                None => book.signed_on.clone().map_err(NoDate::Needs)?,
            };
            let span = match (within, open_days) {
                (Some(OrParam::Value(span)), _) => day_span(*span).ok_or(NoDate::NotDated)?,
                (Some(other), _) => return Err(unknown(other)),
                (None, Some(days)) => open_span(*days, book.calendar(calendar.as_deref())?)?,
                (None, None) => return Err(NoDate::NotDated),
            };
            book.roll(
                roll.as_ref(),
                counted(base, span, cal::Side::After, *first_day, *bound)?,
            )
        }
        Rule::AtLeast { .. } => Ok(Rolled::unmoved(end.min(book.term.last())).into()),
        Rule::EndOfTerm { days, roll } => {
            let date = book
                .term
                .last()
                .checked_add(days.unwrap_or(0).days())
                .map_err(|_| NoDate::Range)?;
            book.roll(roll.as_ref(), date)
        }
        Rule::AfterEvent { .. }
        | Rule::BeforeEvent { .. }
        | Rule::HalfDay { .. }
        | Rule::Window { .. }
        | Rule::OnRequest { .. }
        | Rule::Soft { .. } => Err(NoDate::NotDated),
    }
}

fn next_month_day(after: Date, wanted: crate::language::MonthDay) -> Result<Date, NoDate> {
    (after.year()..=after.year() + 8)
        .filter_map(|year| Date::new(year, wanted.month, wanted.day).ok())
        .find(|date| *date > after)
        .ok_or(NoDate::Range)
}

/// The limit of a rule for an event. Rules that count from periods have none.
pub fn event_limit(rule: &Rule, event: Timestamp, book: &Book) -> Result<Limit, NoDate> {
    let civil = tokyo_datetime(event);
    match rule {
        Rule::AfterEvent {
            within,
            open_days,
            calendar,
            clock,
            hours,
            first_day,
            bound,
            roll,
        } => {
            if let Some(days) = open_days {
                let span = open_span(*days, book.calendar(calendar.as_deref())?)?;
                let date = counted(civil.date(), span, cal::Side::After, *first_day, *bound)?;
                return Ok(Limit::Day(book.roll(roll.as_ref(), date)?.date));
            }
            let span = match within {
                Some(OrParam::Value(span)) => *span,
                Some(other) => return Err(unknown(other)),
                None => return Err(NoDate::NotDated),
            };
            if let Some(span) = day_span(span) {
                let date = counted(civil.date(), span, cal::Side::After, *first_day, *bound)?;
                return Ok(Limit::Day(book.roll(roll.as_ref(), date)?.date));
            }
            let seconds = span.seconds().ok_or(NoDate::Range)?;
            let end = match clock {
                ClockKind::Wall => event
                    .checked_add(SignedDuration::from_secs(seconds))
                    .map_err(|_| NoDate::Range)?,
                ClockKind::Hours => {
                    let minutes = u32::try_from((seconds + 59) / 60).map_err(|_| NoDate::Range)?;
                    book.hours(hours.as_deref())?
                        .service
                        .end_after(event, minutes)?
                }
            };
            Ok(match bound {
                Bound::Within => Limit::Instant(end),
                Bound::Before => Limit::Before(end),
            })
        }
        Rule::OnRequest {
            within: Some(within),
        } => {
            let rule = Rule::AfterEvent {
                within: Some(within.clone()),
                open_days: None,
                calendar: None,
                clock: ClockKind::Wall,
                hours: None,
                first_day: FirstDay::Excluded,
                bound: Bound::Within,
                roll: None,
            };
            event_limit(&rule, event, book)
        }
        Rule::BeforeEvent {
            within,
            open_days,
            calendar,
        } => {
            if let Some(days) = open_days {
                let span = open_span(*days, book.calendar(calendar.as_deref())?)?;
                return counted(
                    civil.date(),
                    span,
                    cal::Side::Before,
                    FirstDay::Excluded,
                    Bound::Within,
                )
                .map(Limit::Day);
            }
            match within {
                Some(OrParam::Value(span)) => {
                    if let Some(days) = day_span(*span) {
                        return counted(
                            civil.date(),
                            days,
                            cal::Side::Before,
                            FirstDay::Excluded,
                            Bound::Within,
                        )
                        .map(Limit::Day);
                    }
                    let seconds = span.seconds().ok_or(NoDate::Range)?;
                    event
                        .checked_sub(SignedDuration::from_secs(seconds))
                        .map(Limit::Instant)
                        .map_err(|_| NoDate::Range)
                }
                Some(other) => Err(unknown(other)),
                None => Err(NoDate::NotDated),
            }
        }
        Rule::HalfDay { hours } => {
            let hours = book.hours(hours.as_deref())?;
            let rule = HalfDayRule {
                closed: hours.closed.clone(),
                noon: hours.noon,
                day_end: hours.day_end,
            };
            Ok(Limit::Instant(rule.due_instant(event)?))
        }
        Rule::Fixed { .. } | Rule::EndOfTerm { .. } | Rule::AfterDate { .. } => {
            let term = Period::Term(book.term);
            Ok(Limit::Day(period_due(rule, term, book)?.date))
        }
        _ => Err(NoDate::NotDated),
    }
}

/// Adds a span to a day by the calendar, without the Civil Code's counting: ages and expiries.
pub fn plus(day: Date, span: Span) -> Option<Date> {
    let span = match span.unit {
        Unit::Day => span.amount.days(),
        Unit::Week => span.amount.weeks(),
        Unit::Month => span.amount.months(),
        Unit::Year => span.amount.years(),
        Unit::Second | Unit::Minute | Unit::Hour => (span.seconds()? / 86_400).days(),
    };
    day.checked_add(span).ok()
}

/// The day before `day` by a span.
pub fn minus(day: Date, span: Span) -> Option<Date> {
    plus(
        day,
        Span {
            amount: -span.amount,
            ..span
        },
    )
}

/// The instant at which something seen at `at` becomes older than `age`.
pub fn age_limit(at: Timestamp, age: Span) -> Timestamp {
    if let Some(seconds) = age.seconds() {
        return at
            .checked_add(SignedDuration::from_secs(seconds))
            .unwrap_or(Timestamp::MAX);
    }
    let civil = tokyo_datetime(at);
    let day = plus(civil.date(), age);
    day.map_or(Timestamp::MAX, |day| {
        mamori_kernel::clock::tokyo_instant(day.to_datetime(civil.time()))
    })
}
