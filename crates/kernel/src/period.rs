//! Periods: the stretches of time for which something is due. A day, a month, a quarter or
//! half of the fiscal year, a fiscal year (April to March), or a free range such as the term
//! of a contract. Their texts are stable: they are stored, printed and parsed.
//!
//! Not here: clock times (see `calendar::ServiceHours`) and weeks, which no contract read so
//! far reports by.

use std::fmt;
use std::str::FromStr;

use jiff::ToSpan;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::wareki;

/// First and last year that months and fiscal years may name.
pub const YEARS: std::ops::RangeInclusive<i16> = 1868..=9998;

/// Why a text or a number is no period.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PeriodError {
    /// The text has none of the known shapes.
    #[error(
        "期間「{0}」を読めません。2026-10-05（日）、2026-10（月）、2026-Q3（年度の四半期）、2026-H1（年度の半期）、FY2026（年度）、2026-04-01..2027-03-31（範囲）のいずれかで書いてください (unknown period)"
    )]
    Unknown(String),
    /// A year outside [`YEARS`].
    #[error("{0}年は扱えません。1868年から9998年までにしてください (year out of range)")]
    Year(i64),
    /// A month outside 1–12.
    #[error("{0}月はありません。1から12までにしてください (no such month)")]
    Month(i64),
    /// A range that ends before it begins.
    #[error(
        "範囲の終わり {last} が始め {first} より前です。順を直してください (range ends before it begins)"
    )]
    Backward {
        /// The range's first day.
        first: Date,
        /// The range's last day.
        last: Date,
    },
}

/// A month of a year. Text: `2026-10`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct YearMonth {
    year: i16,
    month: i8,
}

impl YearMonth {
    /// A month, 1–12, of a year.
    pub fn new(year: i16, month: i8) -> Result<Self, PeriodError> {
        if !YEARS.contains(&year) {
            return Err(PeriodError::Year(year.into()));
        }
        if !(1..=12).contains(&month) {
            return Err(PeriodError::Month(month.into()));
        }
        Ok(Self { year, month })
    }

    /// The month of a day (years outside [`YEARS`] are taken to its ends).
    pub fn of(day: Date) -> Self {
        Self {
            year: day.year().clamp(*YEARS.start(), *YEARS.end()),
            month: day.month(),
        }
    }

    /// The year.
    pub fn year(self) -> i16 {
        self.year
    }

    /// The month, 1–12.
    pub fn month(self) -> i8 {
        self.month
    }

    /// Its first day.
    pub fn first(self) -> Date {
        Date::new(self.year, self.month, 1).expect("year and month were checked")
    }

    /// Its last day.
    pub fn last(self) -> Date {
        self.first().last_of_month()
    }

    /// The month `count` months later (negative: earlier); stops at the ends of [`YEARS`].
    #[must_use]
    pub fn plus(self, count: i32) -> Self {
        let index = i64::from(self.year) * 12 + i64::from(self.month) - 1 + i64::from(count);
        let first = i64::from(*YEARS.start()) * 12;
        let last = i64::from(*YEARS.end()) * 12 + 11;
        let index = index.clamp(first, last);
        Self {
            year: (index / 12) as i16,
            month: (index % 12) as i8 + 1,
        }
    }

    /// The fiscal year it belongs to.
    pub fn fiscal_year(self) -> FiscalYear {
        FiscalYear::of(self.first())
    }
}

impl fmt::Display for YearMonth {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:04}-{:02}", self.year, self.month)
    }
}

impl FromStr for YearMonth {
    type Err = PeriodError;

    fn from_str(text: &str) -> Result<Self, PeriodError> {
        match text.parse()? {
            Period::Month(month) => Ok(month),
            _ => Err(PeriodError::Unknown(text.to_owned())),
        }
    }
}

/// A Japanese fiscal year, named by the year in which its April lies. Text: `FY2026`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FiscalYear(i16);

impl FiscalYear {
    /// The fiscal year that begins on 1 April of `year`.
    pub fn new(year: i16) -> Result<Self, PeriodError> {
        if YEARS.contains(&year) {
            Ok(Self(year))
        } else {
            Err(PeriodError::Year(year.into()))
        }
    }

    /// The fiscal year of a day (years outside [`YEARS`] are taken to its ends).
    pub fn of(day: Date) -> Self {
        let year = if day.month() >= 4 {
            day.year()
        } else {
            day.year() - 1
        };
        Self(year.clamp(*YEARS.start(), *YEARS.end()))
    }

    /// The year in which its April lies.
    pub fn year(self) -> i16 {
        self.0
    }

    /// 1 April.
    pub fn first(self) -> Date {
        Date::new(self.0, 4, 1).expect("the year was checked")
    }

    /// 31 March of the next year.
    pub fn last(self) -> Date {
        Date::new(self.0 + 1, 3, 31).expect("the year was checked")
    }

    /// Its `number`-th month counted from April, 0–11.
    fn month(self, number: u8) -> YearMonth {
        YearMonth::of(self.first()).plus(i32::from(number))
    }
}

impl fmt::Display for FiscalYear {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "FY{:04}", self.0)
    }
}

/// A quarter of the fiscal year.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Quarter {
    /// April to June.
    Q1,
    /// July to September.
    Q2,
    /// October to December.
    Q3,
    /// January to March of the next calendar year.
    Q4,
}

impl Quarter {
    const ALL: [Self; 4] = [Self::Q1, Self::Q2, Self::Q3, Self::Q4];

    /// 1–4.
    pub fn number(self) -> u8 {
        self as u8 + 1
    }
}

/// A half of the fiscal year.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Half {
    /// April to September, 上半期.
    H1,
    /// October to March, 下半期.
    H2,
}

impl Half {
    /// 1 or 2.
    pub fn number(self) -> u8 {
        self as u8 + 1
    }
}

/// A stretch of whole days for which something is due.
///
/// The order is by first day, then last day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Period {
    /// One day: `2026-10-05`.
    Day(Date),
    /// One month: `2026-10`.
    Month(YearMonth),
    /// A quarter of a fiscal year: `2026-Q3` is October to December 2026, `2026-Q4` is
    /// January to March 2027.
    Quarter(FiscalYear, Quarter),
    /// A half of a fiscal year: `2026-H1`.
    Half(FiscalYear, Half),
    /// A fiscal year: `FY2026`.
    FiscalYear(FiscalYear),
    /// A range of days, such as a contract's term: `2026-04-01..2027-03-31`.
    Term(Term),
}

/// A range of days that does not end before it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Term {
    first: Date,
    last: Date,
}

impl Term {
    /// The days from `first` to `last`, both included.
    pub fn new(first: Date, last: Date) -> Result<Self, PeriodError> {
        if last < first {
            Err(PeriodError::Backward { first, last })
        } else {
            Ok(Self { first, last })
        }
    }

    /// The first day.
    pub fn first(self) -> Date {
        self.first
    }

    /// The last day, included.
    pub fn last(self) -> Date {
        self.last
    }
}

/// The kinds of period that repeat, for asking which period holds a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PeriodKind {
    /// Days.
    Day,
    /// Months.
    Month,
    /// Quarters of the fiscal year.
    Quarter,
    /// Halves of the fiscal year.
    Half,
    /// Fiscal years.
    FiscalYear,
}

impl PeriodKind {
    /// The period of this kind that holds `day`.
    pub fn containing(self, day: Date) -> Period {
        let year = FiscalYear::of(day);
        let month_of_year = (day.month() + 8) % 12; // April = 0
        match self {
            Self::Day => Period::Day(day),
            Self::Month => Period::Month(YearMonth::of(day)),
            Self::Quarter => Period::Quarter(year, Quarter::ALL[(month_of_year / 3) as usize]),
            Self::Half if month_of_year < 6 => Period::Half(year, Half::H1),
            Self::Half => Period::Half(year, Half::H2),
            Self::FiscalYear => Period::FiscalYear(year),
        }
    }

    /// The periods of this kind that share at least one day with `first..=last`, in order.
    pub fn over(self, first: Date, last: Date) -> impl Iterator<Item = Period> {
        let start = (first <= last).then(|| self.containing(first));
        std::iter::successors(start, move |period| {
            period.next().filter(|next| next.first() <= last)
        })
    }
}

impl Period {
    /// A month.
    pub fn month(year: i16, month: i8) -> Result<Self, PeriodError> {
        YearMonth::new(year, month).map(Self::Month)
    }

    /// A range of days, both ends included.
    pub fn term(first: Date, last: Date) -> Result<Self, PeriodError> {
        Term::new(first, last).map(Self::Term)
    }

    /// The kind, or none for a range.
    pub fn kind(self) -> Option<PeriodKind> {
        match self {
            Self::Day(_) => Some(PeriodKind::Day),
            Self::Month(_) => Some(PeriodKind::Month),
            Self::Quarter(..) => Some(PeriodKind::Quarter),
            Self::Half(..) => Some(PeriodKind::Half),
            Self::FiscalYear(_) => Some(PeriodKind::FiscalYear),
            Self::Term(_) => None,
        }
    }

    /// The first day.
    pub fn first(self) -> Date {
        match self {
            Self::Day(day) => day,
            Self::Month(month) => month.first(),
            Self::Quarter(year, quarter) => year.month(quarter as u8 * 3).first(),
            Self::Half(year, half) => year.month(half as u8 * 6).first(),
            Self::FiscalYear(year) => year.first(),
            Self::Term(term) => term.first,
        }
    }

    /// The last day, included.
    pub fn last(self) -> Date {
        match self {
            Self::Day(day) => day,
            Self::Month(month) => month.last(),
            Self::Quarter(year, quarter) => year.month(quarter as u8 * 3 + 2).last(),
            Self::Half(year, half) => year.month(half as u8 * 6 + 5).last(),
            Self::FiscalYear(year) => year.last(),
            Self::Term(term) => term.last,
        }
    }

    /// Whether the day lies in it.
    pub fn contains(self, day: Date) -> bool {
        self.first() <= day && day <= self.last()
    }

    /// Whether all of `other` lies in it.
    pub fn covers(self, other: Self) -> bool {
        self.first() <= other.first() && other.last() <= self.last()
    }

    /// Its days, in order.
    pub fn days(self) -> impl Iterator<Item = Date> {
        let last = self.last();
        std::iter::successors(Some(self.first()), move |day| {
            day.tomorrow().ok().filter(|next| *next <= last)
        })
    }

    /// The period of the same kind that follows; none after a range or the last year.
    pub fn next(self) -> Option<Self> {
        let kind = self.kind()?;
        let day = self.last().tomorrow().ok()?;
        Some(kind.containing(day)).filter(|next| self.last() < next.first())
    }

    /// The period of the same kind before it; none before a range or the first year.
    pub fn previous(self) -> Option<Self> {
        let kind = self.kind()?;
        let day = self.first().checked_sub(1.day()).ok()?;
        Some(kind.containing(day)).filter(|previous| previous.last() < self.first())
    }

    /// Japanese text: `令和8年10月5日`, `令和8年10月分`, `令和8年度第3四半期`,
    /// `令和8年度上半期`, `令和8年度`, `令和8年4月1日から令和9年3月31日まで`.
    pub fn japanese(self) -> String {
        match self {
            Self::Day(day) => wareki::long(day),
            Self::Month(month) => format!("{}分", wareki::month(month)),
            Self::Quarter(year, quarter) => {
                format!("{}第{}四半期", wareki::fiscal_year(year), quarter.number())
            }
            Self::Half(year, half) => {
                let name = if half == Half::H1 {
                    "上半期"
                } else {
                    "下半期"
                };
                format!("{}{name}", wareki::fiscal_year(year))
            }
            Self::FiscalYear(year) => wareki::fiscal_year(year),
            Self::Term(term) => format!(
                "{}から{}まで",
                wareki::long(term.first),
                wareki::long(term.last)
            ),
        }
    }
}

impl PartialOrd for Period {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Period {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        // The kind breaks ties (a day may also be a one-day range), so that equal order
        // means equal periods.
        let key = |period: &Self| {
            (
                period.first(),
                period.last(),
                period.kind().map(|k| k as u8),
            )
        };
        key(self).cmp(&key(other))
    }
}

impl fmt::Display for Period {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Day(day) => write!(out, "{day}"),
            Self::Month(month) => write!(out, "{month}"),
            Self::Quarter(year, quarter) => write!(out, "{:04}-Q{}", year.0, quarter.number()),
            Self::Half(year, half) => write!(out, "{:04}-H{}", year.0, half.number()),
            Self::FiscalYear(year) => write!(out, "{year}"),
            Self::Term(term) => write!(out, "{}..{}", term.first, term.last),
        }
    }
}

impl FromStr for Period {
    type Err = PeriodError;

    fn from_str(text: &str) -> Result<Self, PeriodError> {
        let unknown = || PeriodError::Unknown(text.to_owned());
        let day = |part: &str| iso_date(part).ok_or_else(unknown);
        if let Some((first, last)) = text.split_once("..") {
            return Self::term(day(first)?, day(last)?);
        }
        if let Some(year) = text.strip_prefix("FY") {
            return FiscalYear::new(four_digits(year).ok_or_else(unknown)?).map(Self::FiscalYear);
        }
        let (year, rest) = text.split_once('-').ok_or_else(unknown)?;
        let number = four_digits(year).ok_or_else(unknown)?;
        let fiscal = || FiscalYear::new(number);
        match rest {
            "Q1" => Ok(Self::Quarter(fiscal()?, Quarter::Q1)),
            "Q2" => Ok(Self::Quarter(fiscal()?, Quarter::Q2)),
            "Q3" => Ok(Self::Quarter(fiscal()?, Quarter::Q3)),
            "Q4" => Ok(Self::Quarter(fiscal()?, Quarter::Q4)),
            "H1" => Ok(Self::Half(fiscal()?, Half::H1)),
            "H2" => Ok(Self::Half(fiscal()?, Half::H2)),
            _ if rest.len() == 2 && rest.bytes().all(|byte| byte.is_ascii_digit()) => {
                Self::month(number, rest.parse().map_err(|_| unknown())?)
            }
            _ => day(text).map(Self::Day),
        }
    }
}

impl TryFrom<String> for Period {
    type Error = PeriodError;

    fn try_from(text: String) -> Result<Self, PeriodError> {
        text.parse()
    }
}

impl From<Period> for String {
    fn from(period: Period) -> String {
        period.to_string()
    }
}

fn four_digits(text: &str) -> Option<i16> {
    (text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| text.parse().ok())
        .flatten()
}

/// Exactly `YYYY-MM-DD`; jiff's own parser also takes other shapes and trailing times.
fn iso_date(text: &str) -> Option<Date> {
    let (year, rest) = text.split_once('-')?;
    let (month, day) = rest.split_once('-')?;
    if month.len() != 2 || day.len() != 2 {
        return None;
    }
    let number = |part: &str| {
        part.bytes()
            .all(|byte| byte.is_ascii_digit())
            .then(|| part.parse::<i8>().ok())
            .flatten()
    };
    Date::new(four_digits(year)?, number(month)?, number(day)?).ok()
}

#[cfg(test)]
#[path = "period_tests.rs"]
mod tests;
