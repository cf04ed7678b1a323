//! Named sets of closed days and arithmetic with the open days between them.
//!
//! A set is a list of closures, each with the days from and until which it holds, so that
//! 「年末年始は2019年まで12月31日～1月5日、以後12月29日～1月3日」 is data. Exceptional open
//! days win over every closure.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use jiff::civil::{Date, Weekday};

use super::{CalendarError, HolidayLaw};
use crate::period::YearMonth;
use crate::wareki;

/// How many days a search for an open day looks at: longer closures are mistakes in data.
const SEARCH_LIMIT: u32 = 400;

/// A set of weekdays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Weekdays(u8);

impl Weekdays {
    /// No day.
    pub const NONE: Self = Self(0);
    /// Monday to Friday.
    pub const MONDAY_TO_FRIDAY: Self = Self(0b001_1111);
    /// Saturday and Sunday.
    pub const WEEKEND: Self = Self(0b110_0000);
    /// All seven.
    pub const ALL: Self = Self(0b111_1111);

    /// The set of the given days.
    pub fn of(days: impl IntoIterator<Item = Weekday>) -> Self {
        Self(days.into_iter().fold(0, |set, day| set | Self::bit(day)))
    }

    /// Whether it holds `day`.
    pub fn contains(self, day: Weekday) -> bool {
        self.0 & Self::bit(day) != 0
    }

    /// Whether it holds no day.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    fn bit(day: Weekday) -> u8 {
        1 << day.to_monday_zero_offset()
    }
}

impl fmt::Display for Weekdays {
    /// `月火水木金`.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        (0..7)
            .filter_map(|offset| Weekday::from_monday_zero_offset(offset).ok())
            .filter(|day| self.contains(*day))
            .try_for_each(|day| out.write_str(wareki::weekday(day)))
    }
}

impl FromStr for Weekdays {
    type Err = CalendarError;

    /// `mon..fri`, `sat,sun`, `月火水木金`, `all`.
    fn from_str(text: &str) -> Result<Self, CalendarError> {
        let bad = || CalendarError::NotWeekdays(text.to_owned());
        let named = |name: &str| {
            ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
                .iter()
                .position(|known| name.trim().eq_ignore_ascii_case(known))
                .ok_or_else(bad)
        };
        if text.trim() == "all" {
            return Ok(Self::ALL);
        }
        let kanji = |c: char| "月火水木金土日".chars().position(|known| known == c);
        let mut set = 0;
        if !text.is_empty() && text.chars().all(|c| kanji(c).is_some()) {
            set = text
                .chars()
                .filter_map(kanji)
                .fold(0, |set, at| set | 1 << at);
        } else {
            for part in text.split(',') {
                match part.split_once("..") {
                    Some((first, last)) => {
                        let (first, last) = (named(first)?, named(last)?);
                        // `sat..mon` runs over the week's end.
                        let length = (last + 7 - first) % 7;
                        set |= (0..=length).fold(0, |set, step| set | 1 << ((first + step) % 7));
                    }
                    None => set |= 1 << named(part)?,
                }
            }
        }
        Ok(Self(set))
    }
}

/// A month and a day of every year. Text: `12-29`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MonthDay {
    month: i8,
    day: i8,
}

impl MonthDay {
    /// A month and day that exist in some year (02-29 does).
    pub fn new(month: i8, day: i8) -> Option<Self> {
        Date::new(2000, month, day).ok()?;
        Some(Self { month, day })
    }

    /// Of a date.
    pub fn of(date: Date) -> Self {
        Self {
            month: date.month(),
            day: date.day(),
        }
    }
}

impl fmt::Display for MonthDay {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:02}-{:02}", self.month, self.day)
    }
}

/// A range of days of every year, both ends included; it may cross the new year.
/// Text: `12-29..01-03`, or one day `12-31`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct YearlyRange {
    /// The first day.
    pub first: MonthDay,
    /// The last day, included.
    pub last: MonthDay,
}

impl YearlyRange {
    /// 12-29 to 01-03, the year-end closure in most ordinances.
    pub const YEAR_END: Self = Self {
        first: MonthDay { month: 12, day: 29 },
        last: MonthDay { month: 1, day: 3 },
    };

    /// Whether the date lies in it.
    pub fn contains(self, date: Date) -> bool {
        let day = MonthDay::of(date);
        if self.first <= self.last {
            self.first <= day && day <= self.last
        } else {
            self.first <= day || day <= self.last
        }
    }
}

impl fmt::Display for YearlyRange {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}..{}", self.first, self.last)
    }
}

impl FromStr for YearlyRange {
    type Err = CalendarError;

    fn from_str(text: &str) -> Result<Self, CalendarError> {
        let month_day = |part: &str| {
            let (month, day) = part.trim().split_once('-')?;
            MonthDay::new(month.parse().ok()?, day.parse().ok()?)
        };
        let (first, last) = text.split_once("..").unwrap_or((text, text));
        match (month_day(first), month_day(last)) {
            (Some(first), Some(last)) => Ok(Self { first, last }),
            _ => Err(CalendarError::NotDays(text.to_owned())),
        }
    }
}

/// One reason for which days are closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Closure {
    /// These weekdays.
    Weekdays(Weekdays),
    /// The holidays of the law; none outside [`HolidayLaw::years`], so check far dates first.
    LawHolidays(HolidayLaw),
    /// A range of every year, with its name, e.g. 年末年始.
    Yearly(YearlyRange, String),
    /// Days from the first to the last, with their name, e.g. 庁舎停電.
    Days(Date, Date, String),
    /// Days from the first to the last that are open in spite of every closure.
    Open(Date, Date),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Rule {
    closure: Closure,
    from: Date,
    until: Date,
}

impl Rule {
    fn holds(&self, day: Date) -> bool {
        self.from <= day
            && day <= self.until
            && match &self.closure {
                Closure::Weekdays(set) => set.contains(day.weekday()),
                Closure::LawHolidays(law) => law.is_holiday(day),
                Closure::Yearly(range, _) => range.contains(day),
                Closure::Days(first, last, _) | Closure::Open(first, last) => {
                    *first <= day && day <= *last
                }
            }
    }

    fn reason(&self, day: Date) -> String {
        match &self.closure {
            Closure::Weekdays(_) => wareki::weekday(day.weekday()).to_owned(),
            Closure::LawHolidays(law) => law
                .holiday(day)
                .map(|holiday| holiday.name.to_string())
                .unwrap_or_default(),
            Closure::Yearly(_, name) | Closure::Days(_, _, name) => name.clone(),
            Closure::Open(..) => String::new(),
        }
    }
}

/// A named set of closed days. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DaySet {
    inner: Arc<Inner>,
}

#[derive(Debug, PartialEq, Eq)]
struct Inner {
    name: String,
    closures: Vec<Rule>,
    openings: Vec<Rule>,
}

/// Puts a [`DaySet`] together.
#[derive(Debug)]
pub struct DaySetBuilder {
    inner: Inner,
}

impl DaySetBuilder {
    /// Adds a closure that always holds.
    #[must_use]
    pub fn with(self, closure: Closure) -> Self {
        self.with_during(closure, None, None)
    }

    /// Adds a closure that holds from and until the given days, both included.
    #[must_use]
    pub fn with_during(
        mut self,
        closure: Closure,
        from: Option<Date>,
        until: Option<Date>,
    ) -> Self {
        let list = if matches!(closure, Closure::Open(..)) {
            &mut self.inner.openings
        } else {
            &mut self.inner.closures
        };
        list.push(Rule {
            closure,
            from: from.unwrap_or(Date::MIN),
            until: until.unwrap_or(Date::MAX),
        });
        self
    }

    /// The set.
    pub fn build(self) -> DaySet {
        DaySet {
            inner: Arc::new(self.inner),
        }
    }
}

impl DaySet {
    /// Begins a set with no closed day.
    pub fn builder(name: impl Into<String>) -> DaySetBuilder {
        DaySetBuilder {
            inner: Inner {
                name: name.into(),
                closures: Vec::new(),
                openings: Vec::new(),
            },
        }
    }

    /// No day is closed.
    pub fn never_closed() -> Self {
        Self::builder("閉庁日なし").build()
    }

    /// 土日祝: Saturdays, Sundays and the holidays of the law.
    pub fn law() -> Self {
        Self::law_builder("土日祝", HolidayLaw::standard()).build()
    }

    /// 閉庁日: [`DaySet::law`] and a year-end closure.
    pub fn closed_days(year_end: YearlyRange) -> Self {
        Self::law_builder("閉庁日", HolidayLaw::standard())
            .with(Closure::Yearly(year_end, "年末年始".to_owned()))
            .build()
    }

    /// Begins a set that holds Saturdays, Sundays and the holidays of `law`.
    pub fn law_builder(name: impl Into<String>, law: HolidayLaw) -> DaySetBuilder {
        Self::builder(name)
            .with(Closure::Weekdays(Weekdays::WEEKEND))
            .with(Closure::LawHolidays(law))
    }

    /// Begins a set with all closures of this one.
    pub fn extend(&self, name: impl Into<String>) -> DaySetBuilder {
        DaySetBuilder {
            inner: Inner {
                name: name.into(),
                closures: self.inner.closures.clone(),
                openings: self.inner.openings.clone(),
            },
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// Whether the day is in the set, that is closed.
    pub fn contains(&self, day: Date) -> bool {
        self.inner.closures.iter().any(|rule| rule.holds(day))
            && !self.inner.openings.iter().any(|rule| rule.holds(day))
    }

    /// Whether the day is open.
    pub fn is_open(&self, day: Date) -> bool {
        !self.contains(day)
    }

    /// Why the day is closed, in Japanese (`土`, `スポーツの日`, `日・憲法記念日`); none if it
    /// is open.
    pub fn reason(&self, day: Date) -> Option<String> {
        if self.is_open(day) {
            return None;
        }
        let mut reasons: Vec<String> = Vec::new();
        for rule in self.inner.closures.iter().filter(|rule| rule.holds(day)) {
            let reason = rule.reason(day);
            if !reasons.contains(&reason) {
                reasons.push(reason);
            }
        }
        Some(reasons.join("・"))
    }

    /// The first open day after `day`.
    pub fn next_open(&self, day: Date) -> Result<Date, CalendarError> {
        self.search(day, Date::tomorrow)
    }

    /// The last open day before `day`.
    pub fn previous_open(&self, day: Date) -> Result<Date, CalendarError> {
        self.search(day, Date::yesterday)
    }

    /// `day` if it is open, else the first open day after it.
    pub fn open_on_or_after(&self, day: Date) -> Result<Date, CalendarError> {
        if self.is_open(day) {
            Ok(day)
        } else {
            self.next_open(day)
        }
    }

    /// `day` if it is open, else the last open day before it.
    pub fn open_on_or_before(&self, day: Date) -> Result<Date, CalendarError> {
        if self.is_open(day) {
            Ok(day)
        } else {
            self.previous_open(day)
        }
    }

    fn search(
        &self,
        day: Date,
        step: fn(Date) -> Result<Date, jiff::Error>,
    ) -> Result<Date, CalendarError> {
        let mut at = day;
        for _ in 0..SEARCH_LIMIT {
            at = step(at).map_err(|_| CalendarError::OutOfRange(day))?;
            if self.is_open(at) {
                return Ok(at);
            }
        }
        Err(CalendarError::NoOpenDay {
            set: self.inner.name.clone(),
            from: day,
            limit: SEARCH_LIMIT,
        })
    }

    /// The `count`-th open day after `day` (before it if negative); `day` itself, open or
    /// not, if `count` is 0.
    pub fn add_open_days(&self, day: Date, count: i32) -> Result<Date, CalendarError> {
        let mut at = day;
        for _ in 0..count.unsigned_abs() {
            at = if count > 0 {
                self.next_open(at)?
            } else {
                self.previous_open(at)?
            };
        }
        Ok(at)
    }

    /// The open days from `first` to `last`, both included, in order.
    pub fn open_days(&self, first: Date, last: Date) -> impl Iterator<Item = Date> + '_ {
        let start = (first <= last).then_some(first);
        std::iter::successors(start, move |day| {
            day.tomorrow().ok().filter(|next| *next <= last)
        })
        .filter(|day| self.is_open(*day))
    }

    /// How many open days there are from `first` to `last`, both included.
    pub fn count_open(&self, first: Date, last: Date) -> u32 {
        u32::try_from(self.open_days(first, last).count()).unwrap_or(u32::MAX)
    }

    /// The last open day of a month.
    pub fn last_open_of(&self, month: YearMonth) -> Result<Date, CalendarError> {
        self.open_days(month.first(), month.last())
            .last()
            .ok_or_else(|| self.no_such(month, 1))
    }

    /// The `nth` open day of a month, from 1.
    pub fn nth_open_of(&self, month: YearMonth, nth: u32) -> Result<Date, CalendarError> {
        nth.checked_sub(1)
            .and_then(|skip| {
                self.open_days(month.first(), month.last())
                    .nth(skip as usize)
            })
            .ok_or_else(|| self.no_such(month, nth))
    }

    fn no_such(&self, month: YearMonth, asked: u32) -> CalendarError {
        CalendarError::NoSuchOpenDay {
            month: month.to_string(),
            open: self.count_open(month.first(), month.last()),
            asked,
        }
    }
}

#[cfg(test)]
#[path = "days_tests.rs"]
mod tests;
