//! Holidays under 国民の祝日に関する法律 (昭和23年法律第178号, in force from 1948-07-20) with
//! every amendment, and under the special laws that made or moved single days.
//!
//! A year is computed once from the tables below: no list of dates is typed in beyond what
//! the laws themselves name. The equinoxes follow the usual approximation of the ephemeris,
//! good for 1900 to 2150; the lawful day is the one announced in 暦要項 each February for
//! the next year, and [`Overrides`] takes it as data.
//!
//! Tested against the packages `holidays` and `jpholiday`, see `testdata/README.md`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use jiff::ToSpan;
use jiff::civil::{Date, Weekday};

use super::CalendarError;

/// The day from which the law is in force.
const IN_FORCE: Date = Date::constant(1948, 7, 20);
const FIRST_YEAR: i16 = 1948;
const LAST_YEAR: i16 = 2150;
const YEARS: usize = (LAST_YEAR - FIRST_YEAR) as usize + 1;

/// 振替休日 exists from the day of this amendment (昭和48年法律第10号).
const SUBSTITUTES_FROM: Date = Date::constant(1973, 4, 12);
/// The day between two holidays is free from the day of this amendment (昭和60年法律第103号).
const BETWEEN_FROM: Date = Date::constant(1985, 12, 27);
/// 振替休日 goes to the next day that is no holiday, and a Sunday between two holidays is no
/// longer left out (平成17年法律第43号).
const SUBSTITUTES_PASS_HOLIDAYS_FROM: Date = Date::constant(2007, 1, 1);

/// When in the year a holiday falls.
#[derive(Clone, Copy)]
enum When {
    On(i8, i8),
    Monday { month: i8, nth: i8 },
    Vernal,
    Autumnal,
}

/// One line of the law: a holiday, where it falls, and the years it did so.
struct Line {
    name: &'static str,
    when: When,
    from: i16,
    until: i16,
}

const EVER: i16 = i16::MAX;

const fn line(name: &'static str, when: When, from: i16, until: i16) -> Line {
    Line {
        name,
        when,
        from,
        until,
    }
}

const fn monday(month: i8, nth: i8) -> When {
    When::Monday { month, nth }
}

/// Article 2 with its amendments. 2019 has no 天皇誕生日: the day moved to 23 February on
/// 2019-05-01 (平成29年法律第63号附則10条). 2020 and 2021 miss the three days that the laws
/// for the Olympic Games moved; see [`SINGLE_DAYS`].
const LAW: [Line; 31] = [
    line("元日", When::On(1, 1), 1949, EVER),
    line("成人の日", When::On(1, 15), 1949, 1999),
    line("成人の日", monday(1, 2), 2000, EVER), // 平成10年法律第141号
    line("建国記念の日", When::On(2, 11), 1967, EVER), // 昭和41年法律第86号, 政令第376号
    line("天皇誕生日", When::On(2, 23), 2020, EVER),
    line("春分の日", When::Vernal, 1949, EVER),
    line("天皇誕生日", When::On(4, 29), 1949, 1988),
    line("みどりの日", When::On(4, 29), 1989, 2006), // 平成元年法律第5号
    line("昭和の日", When::On(4, 29), 2007, EVER),   // 平成17年法律第43号
    line("憲法記念日", When::On(5, 3), 1949, EVER),
    line("みどりの日", When::On(5, 4), 2007, EVER),
    line("こどもの日", When::On(5, 5), 1949, EVER),
    line("海の日", When::On(7, 20), 1996, 2002), // 平成7年法律第22号
    line("海の日", monday(7, 3), 2003, 2019),    // 平成13年法律第59号
    line("海の日", monday(7, 3), 2022, EVER),
    line("山の日", When::On(8, 11), 2016, 2019), // 平成26年法律第43号
    line("山の日", When::On(8, 11), 2022, EVER),
    line("敬老の日", When::On(9, 15), 1966, 2002),
    line("敬老の日", monday(9, 3), 2003, EVER),
    line("秋分の日", When::Autumnal, 1948, EVER),
    line("体育の日", When::On(10, 10), 1966, 1999),
    line("体育の日", monday(10, 2), 2000, 2019),
    line("スポーツの日", monday(10, 2), 2022, EVER), // 平成30年法律第57号
    line("文化の日", When::On(11, 3), 1948, EVER),
    line("勤労感謝の日", When::On(11, 23), 1948, EVER),
    line("天皇誕生日", When::On(12, 23), 1989, 2018),
    // Moved for the Games: 平成30年法律第55号 (2020) and 令和2年法律第68号 (2021).
    line("海の日", When::On(7, 23), 2020, 2020),
    line("スポーツの日", When::On(7, 24), 2020, 2020),
    line("山の日", When::On(8, 10), 2020, 2020),
    line("海の日", When::On(7, 22), 2021, 2021),
    line("スポーツの日", When::On(7, 23), 2021, 2021),
];

/// Days that one law made free, and 山の日 of 2021. `true`: counts as 国民の祝日, so that
/// a Sunday is substituted and a day between two of them is free.
const SINGLE_DAYS: [(Date, &str, bool); 7] = [
    (
        Date::constant(1959, 4, 10),
        "皇太子明仁親王の結婚の儀",
        false,
    ), // 昭和34年法律第16号
    (Date::constant(1989, 2, 24), "昭和天皇の大喪の礼", false), // 平成元年法律第4号
    (Date::constant(1990, 11, 12), "即位礼正殿の儀", false),    // 平成2年法律第24号
    (
        Date::constant(1993, 6, 9),
        "皇太子徳仁親王の結婚の儀",
        false,
    ), // 平成5年法律第32号
    (Date::constant(2019, 5, 1), "天皇の即位の日", true),       // 平成30年法律第99号
    (
        Date::constant(2019, 10, 22),
        "即位礼正殿の儀の行われる日",
        true,
    ), // 平成30年法律第99号
    (Date::constant(2021, 8, 8), "山の日", true),               // 令和2年法律第68号
];

/// Why a day is a holiday.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HolidayKind {
    /// A day named by the law or by a special law.
    Named,
    /// 振替休日: stands in for a holiday that fell on a Sunday.
    Substitute,
    /// 国民の休日: between two holidays.
    Between,
    /// Added by [`Overrides`].
    Added,
}

/// A holiday.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holiday {
    /// The day.
    pub date: Date,
    /// Its Japanese name.
    pub name: Arc<str>,
    /// Why it is one.
    pub kind: HolidayKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Equinox {
    /// 春分, in March.
    Vernal,
    /// 秋分, in September.
    Autumnal,
}

/// What is known beyond the law's text: announced equinoxes, days made free or taken away.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overrides {
    equinoxes: BTreeMap<(i16, Equinox), Date>,
    added: BTreeMap<Date, String>,
    removed: BTreeSet<Date>,
}

impl Overrides {
    /// The day of an equinox as 国立天文台 announced it in 暦要項, in place of the computed
    /// one. Equinoxes fall on 18–22 March and 21–25 September; other days are refused.
    pub fn equinox(mut self, day: Date) -> Result<Self, CalendarError> {
        let which = match (day.month(), day.day()) {
            (3, 18..=22) => Equinox::Vernal,
            (9, 21..=25) => Equinox::Autumnal,
            _ => return Err(CalendarError::NotAnEquinox(day)),
        };
        self.equinoxes.insert((day.year(), which), day);
        Ok(self)
    }

    /// A day made a holiday by a law newer than this program. It counts as 国民の祝日: a
    /// Sunday is substituted, and a day between two of them is free.
    #[must_use]
    pub fn added(mut self, day: Date, name: impl Into<String>) -> Self {
        self.added.insert(day, name.into());
        self
    }

    /// A day that a newer law took away, e.g. the old place of a moved holiday.
    #[must_use]
    pub fn removed(mut self, day: Date) -> Self {
        self.removed.insert(day);
        self
    }
}

/// The holidays of one year, with an index by day of the year.
#[derive(Debug)]
struct Year {
    holidays: Vec<Holiday>,
    /// Day of the year (1–366) → position in `holidays` + 1, or 0.
    index: [u8; 367],
}

/// The holiday law, with overrides if there are any.
///
/// Each year is computed when first asked for and kept; clones share the years.
#[derive(Debug, Clone)]
pub struct HolidayLaw {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    overrides: Overrides,
    years: Box<[OnceLock<Year>]>,
}

impl PartialEq for HolidayLaw {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner) || self.inner.overrides == other.inner.overrides
    }
}

impl Eq for HolidayLaw {}

impl Default for HolidayLaw {
    fn default() -> Self {
        Self::standard()
    }
}

impl HolidayLaw {
    /// The law as this program knows it; all callers share one.
    pub fn standard() -> Self {
        static STANDARD: OnceLock<HolidayLaw> = OnceLock::new();
        STANDARD
            .get_or_init(|| Self::with(Overrides::default()))
            .clone()
    }

    /// The law with overrides.
    pub fn with(overrides: Overrides) -> Self {
        Self {
            inner: Arc::new(Inner {
                overrides,
                years: std::iter::repeat_with(OnceLock::new).take(YEARS).collect(),
            }),
        }
    }

    /// First and last year that can be asked for; other years have no holidays.
    pub fn years() -> std::ops::RangeInclusive<i16> {
        FIRST_YEAR..=LAST_YEAR
    }

    /// The holiday on `day`, if it is one.
    pub fn holiday(&self, day: Date) -> Option<&Holiday> {
        let year = self.year(day.year())?;
        match year.index[day.day_of_year() as usize] {
            0 => None,
            position => Some(&year.holidays[position as usize - 1]),
        }
    }

    /// Whether `day` is a holiday.
    pub fn is_holiday(&self, day: Date) -> bool {
        self.year(day.year())
            .is_some_and(|year| year.index[day.day_of_year() as usize] != 0)
    }

    /// The holidays of a year, in order.
    pub fn in_year(&self, year: i16) -> &[Holiday] {
        self.year(year).map_or(&[], |year| &year.holidays)
    }

    /// The holidays from `first` to `last`, both included, in order.
    pub fn between(&self, first: Date, last: Date) -> impl Iterator<Item = &Holiday> {
        let years = first.year().max(FIRST_YEAR)..=last.year().min(LAST_YEAR);
        years
            .flat_map(|year| self.in_year(year))
            .filter(move |holiday| first <= holiday.date && holiday.date <= last)
    }

    fn year(&self, year: i16) -> Option<&Year> {
        let at = usize::try_from(year.checked_sub(FIRST_YEAR)?).ok()?;
        let cell = self.inner.years.get(at)?;
        Some(cell.get_or_init(|| compute(year, &self.inner.overrides)))
    }
}

/// The day of the month of an equinox in Japan, 1900–2150.
///
/// The usual approximation (新こよみ便利帳, 海上保安庁水路部 暦計算研究会): a mean day in
/// 1980 that drifts by the tropical year less the Julian leap days. Compared with VSOP87
/// (PyEphem) for 1948–2150 it is wrong once: the autumnal equinox of 2107 comes at 23:36 of
/// the 23rd, and the line gives 24.007.
fn equinox_day(year: i16, equinox: Equinox) -> i8 {
    if (equinox, year) == (Equinox::Autumnal, 2107) {
        return 23;
    }
    let base = match (equinox, year) {
        (Equinox::Vernal, ..=1979) => 20.8357,
        (Equinox::Vernal, 1980..=2099) => 20.8431,
        (Equinox::Vernal, _) => 21.8510,
        (Equinox::Autumnal, ..=1979) => 23.2588,
        (Equinox::Autumnal, 1980..=2099) => 23.2488,
        (Equinox::Autumnal, _) => 24.2488,
    };
    let since = i32::from(year) - 1980;
    // Before 1980 the leap days are counted from 1983, rounding towards zero.
    let leap_days = if since < 0 {
        (since - 3) / 4
    } else {
        since / 4
    };
    let day = base + 0.242_194 * f64::from(since) - f64::from(leap_days);
    day as i8
}

fn equinox_date(year: i16, equinox: Equinox) -> Date {
    let month = match equinox {
        Equinox::Vernal => 3,
        Equinox::Autumnal => 9,
    };
    Date::new(year, month, equinox_day(year, equinox))
        .expect("equinoxes fall between the 19th and the 24th")
}

fn compute(year: i16, overrides: &Overrides) -> Year {
    let mut days: BTreeMap<Date, (Arc<str>, HolidayKind)> = BTreeMap::new();
    // 国民の祝日 proper: only these are substituted and hold a day between them.
    let mut national: Vec<Date> = Vec::new();
    for line in &LAW {
        if (line.from..=line.until).contains(&year) {
            let date = date_of(line.when, year, overrides);
            if date >= IN_FORCE {
                national.push(date);
                days.insert(date, (line.name.into(), HolidayKind::Named));
            }
        }
    }
    for (date, name, counts) in SINGLE_DAYS {
        if date.year() == year {
            days.insert(date, (name.into(), HolidayKind::Named));
            if counts {
                national.push(date);
            }
        }
    }
    for (date, name) in &overrides.added {
        if date.year() == year {
            days.insert(*date, (name.as_str().into(), HolidayKind::Added));
            national.push(*date);
        }
    }
    for date in &overrides.removed {
        days.remove(date);
        national.retain(|day| day != date);
    }
    national.sort_unstable();
    national.dedup();
    add_substitutes(&national, &mut days);
    add_days_between(&national, &mut days);

    let mut index = [0; 367];
    let mut holidays = Vec::with_capacity(days.len());
    for (date, (name, kind)) in days {
        holidays.push(Holiday { date, name, kind });
        index[date.day_of_year() as usize] = u8::try_from(holidays.len()).unwrap_or(u8::MAX);
    }
    Year { holidays, index }
}

fn date_of(when: When, year: i16, overrides: &Overrides) -> Date {
    let valid = "the law's tables hold real days";
    let equinox = |which| {
        overrides
            .equinoxes
            .get(&(year, which))
            .copied()
            .unwrap_or_else(|| equinox_date(year, which))
    };
    match when {
        When::On(month, day) => Date::new(year, month, day).expect(valid),
        When::Monday { month, nth } => Date::new(year, month, 1)
            .and_then(|first| first.nth_weekday_of_month(nth, Weekday::Monday))
            .expect(valid),
        When::Vernal => equinox(Equinox::Vernal),
        When::Autumnal => equinox(Equinox::Autumnal),
    }
}

/// Article 3(2): a holiday on a Sunday moves its rest to the next day, since 2007 to the next
/// day that is no 国民の祝日.
fn add_substitutes(national: &[Date], days: &mut BTreeMap<Date, (Arc<str>, HolidayKind)>) {
    for &date in national {
        if date.weekday() != Weekday::Sunday || date < SUBSTITUTES_FROM {
            continue;
        }
        let mut rest = next(date);
        while date >= SUBSTITUTES_PASS_HOLIDAYS_FROM && national.binary_search(&rest).is_ok() {
            rest = next(rest);
        }
        days.entry(rest)
            .or_insert_with(|| ("振替休日".into(), HolidayKind::Substitute));
    }
}

/// Article 3(3): the day between two holidays is free; until 2006 not when it is a Sunday or
/// already a substitute.
fn add_days_between(national: &[Date], days: &mut BTreeMap<Date, (Arc<str>, HolidayKind)>) {
    for pair in national.windows(2) {
        let middle = next(pair[0]);
        let between = next(middle) == pair[1] && middle >= BETWEEN_FROM;
        let left_out =
            middle < SUBSTITUTES_PASS_HOLIDAYS_FROM && middle.weekday() == Weekday::Sunday;
        if between && !left_out {
            days.entry(middle)
                .or_insert_with(|| ("国民の休日".into(), HolidayKind::Between));
        }
    }
}

fn next(date: Date) -> Date {
    date.saturating_add(1.day())
}

#[cfg(test)]
#[path = "holidays_tests.rs"]
mod tests;
