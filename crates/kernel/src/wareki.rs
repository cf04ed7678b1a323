//! 和暦: dates of the Japanese eras, out and in.
//!
//! Out: `令和8年4月1日（水）`, `R8.4.1`, `令和8年度`. In: the same, with full-width digits,
//! kanji numerals, 元年, short era names (`R`, `令`, `㋿`), and Western dates, for people type
//! what they see. The eras are data ([`ERAS`]): a new era is one row.
//!
//! Not here: days before 1873-01-01. Japan then used a lunisolar calendar, so that
//! 明治5年12月2日 is no day this formula can name; parsing refuses it and says so, printing
//! falls back to 西暦. No library serves: `icu_calendar` knows the eras, but neither 元年,
//! kanji numerals nor the errors that say what would be right.

use jiff::civil::{Date, Weekday};

use crate::given;
use crate::period::{FiscalYear, YearMonth};

/// An era.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Era {
    /// Its name, e.g. 令和.
    pub name: &'static str,
    /// Its Latin initial, e.g. `R`.
    pub initial: char,
    /// Other names that are read, besides the name and the initial in either case.
    pub aliases: &'static [&'static str],
    /// Its first day. It ends the day before the next era's first day.
    pub first: Date,
}

/// The eras, oldest first. The first days are those of the era orders (改元の詔書, 政令):
/// the day of change itself already belongs to the new era, as it is written today.
pub const ERAS: [Era; 5] = [
    Era {
        name: "明治",
        initial: 'M',
        aliases: &["明", "㍾"],
        first: Date::constant(1868, 1, 25),
    },
    Era {
        name: "大正",
        initial: 'T',
        aliases: &["大", "㍽"],
        first: Date::constant(1912, 7, 30),
    },
    Era {
        name: "昭和",
        initial: 'S',
        aliases: &["昭", "㍼"],
        first: Date::constant(1926, 12, 25),
    },
    Era {
        name: "平成",
        initial: 'H',
        aliases: &["平", "㍻"],
        first: Date::constant(1989, 1, 8),
    },
    Era {
        name: "令和",
        initial: 'R',
        aliases: &["令", "㋿"],
        first: Date::constant(2019, 5, 1),
    },
];

/// The first day of the Gregorian calendar in Japan (明治5年太政官布告第337号).
pub const FIRST_DAY: Date = Date::constant(1873, 1, 1);

/// Fiscal years named by an era that began after their 1 April: the cabinet's agreement of
/// 2019-04-01 calls the whole of fiscal 2019 令和元年度. (Both names are read.)
const FISCAL_YEAR_NAMED_BY_LATER_ERA: [i16; 1] = [2019];

/// Why a text is no date.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WarekiError {
    /// The text has none of the known shapes.
    #[error(
        "{}。2026-04-01、令和8年4月1日、R8.4.1 のいずれかの形で書いてください (not a date)",
        given::wrong(.0, "を日付として読めません")
    )]
    NotADate(String),
    /// The text is no fiscal year.
    #[error(
        "{}。令和8年度、R8年度、2026年度、FY2026 のいずれかの形で書いてください (not a fiscal year)",
        given::wrong(.0, "を年度として読めません")
    )]
    NotAFiscalYear(String),
    /// The text is no month.
    #[error(
        "{}。2026-10、令和8年10月、R8.10 のいずれかの形で書いてください (not a month)",
        given::wrong(.0, "を月として読めません")
    )]
    NotAMonth(String),
    /// Month and day do not exist in that year.
    #[error(
        "「{text}」という日はありません（{year}年{month}月は{days}日まで）。日を直してください (no such day)"
    )]
    NoSuchDay {
        /// What was given.
        text: String,
        /// The Western year.
        year: i16,
        /// The month.
        month: i8,
        /// How many days it has.
        days: i8,
    },
    /// A month outside 1–12.
    #[error("「{text}」の{month}月はありません。月は1から12までです (no such month)")]
    NoSuchMonth {
        /// What was given.
        text: String,
        /// The month given.
        month: u32,
    },
    /// The year or day lies after the era.
    #[error(
        "「{text}」は{era}の最後の日（{last}）より後です。「{instead}」と書いてください (after the end of the era)"
    )]
    AfterEra {
        /// What was given.
        text: String,
        /// The era's name.
        era: &'static str,
        /// The era's last day, in 和暦.
        last: String,
        /// The same day in its right era.
        instead: String,
    },
    /// The day lies before the era.
    #[error(
        "「{text}」は{era}の最初の日（{first}）より前です。「{instead}」と書いてください (before the start of the era)"
    )]
    BeforeEra {
        /// What was given.
        text: String,
        /// The era's name.
        era: &'static str,
        /// The era's first day, in ISO form.
        first: Date,
        /// The same day in its right era.
        instead: String,
    },
    /// Year 0 of an era.
    #[error(
        "「{text}」の{era}0年はありません。{era}は元年（1年）から始まります (eras begin with year 1)"
    )]
    YearZero {
        /// What was given.
        text: String,
        /// The era's name.
        era: &'static str,
    },
    /// Before the Gregorian calendar.
    #[error(
        "「{0}」は扱えません。明治5年までは旧暦（太陰太陽暦）で、日付がそのまま対応しないためです。1873年1月1日（明治6年1月1日）以後の日付か、西暦に換算した日付を書いてください (lunisolar calendar before 1873)"
    )]
    Lunisolar(String),
    /// The weekday printed beside the date is wrong.
    #[error(
        "「{text}」の曜日が合いません。{date}は{weekday}曜日です。日付か曜日を直してください (wrong weekday)"
    )]
    WrongWeekday {
        /// What was given.
        text: String,
        /// The date read.
        date: Date,
        /// Its weekday.
        weekday: &'static str,
    },
    /// A Western year that does not fit.
    #[error(
        "「{0}」の年は扱えません。1873年から9999年までの日付を書いてください (year out of range)"
    )]
    YearOutOfRange(String),
}

/// The one-character Japanese name of a weekday: 月 to 日.
pub fn weekday(day: Weekday) -> &'static str {
    ["月", "火", "水", "木", "金", "土", "日"][day.to_monday_zero_offset() as usize]
}

/// The era of a day and the year within it (元年 is 1); none before 1873.
pub fn era_of(day: Date) -> Option<(&'static Era, i16)> {
    if day < FIRST_DAY {
        return None;
    }
    let era = ERAS.iter().rev().find(|era| era.first <= day)?;
    Some((era, day.year() - era.first.year() + 1))
}

fn number_of_year(year: i16) -> String {
    if year == 1 {
        "元".to_owned()
    } else {
        year.to_string()
    }
}

/// `令和8年` or `令和元年`, by the era of the day.
pub fn year(day: Date) -> String {
    match era_of(day) {
        Some((era, year)) => format!("{}{}年", era.name, number_of_year(year)),
        None => format!("西暦{}年", day.year()),
    }
}

/// `令和8年4月1日`.
pub fn long(day: Date) -> String {
    format!("{}{}月{}日", year(day), day.month(), day.day())
}

/// `令和8年4月1日（水）`.
pub fn with_weekday(day: Date) -> String {
    format!("{}（{}）", long(day), weekday(day.weekday()))
}

/// `R8.4.1`; before 1873 the ISO form.
pub fn short(day: Date) -> String {
    match era_of(day) {
        Some((era, year)) => format!("{}{year}.{}.{}", era.initial, day.month(), day.day()),
        None => day.to_string(),
    }
}

/// `令和8年10月`, by the era of the month's first day.
pub fn month(month: YearMonth) -> String {
    format!("{}{}月", year(month.first()), month.month())
}

/// `令和8年度`, by the era of its 1 April; fiscal 2019 is 令和元年度.
pub fn fiscal_year(fiscal: FiscalYear) -> String {
    let named_by = if FISCAL_YEAR_NAMED_BY_LATER_ERA.contains(&fiscal.year()) {
        fiscal.last()
    } else {
        fiscal.first()
    };
    match era_of(named_by) {
        Some((era, _)) => {
            let number = fiscal.year() - era.first.year() + 1;
            format!("{}{}年度", era.name, number_of_year(number))
        }
        None => format!("西暦{}年度", fiscal.year()),
    }
}

/// Reads a date: ISO, Western (`2026年4月1日`, `2026/4/1`) or 和暦 in any usual writing.
///
/// A weekday in brackets may follow and must be right.
pub fn parse(text: &str) -> Result<Date, WarekiError> {
    let plain = normalise(text);
    let not_a_date = || WarekiError::NotADate(text.to_owned());
    let (body, printed_weekday) = split_weekday(&plain).ok_or_else(not_a_date)?;
    let (calendar, rest) = split_era(body);
    let [year, month, day] = numbers(rest).ok_or_else(not_a_date)?;
    let date = match calendar {
        Some(era) => resolve_era(text, era, year, month, day)?,
        // Two or three digits could be a year of an era: never guess.
        None if rest.len() < 4 || year < 1000 => return Err(not_a_date()),
        None => {
            let year = i16::try_from(year)
                .ok()
                .filter(|year| (FIRST_DAY.year()..=9999).contains(year))
                .ok_or_else(|| WarekiError::YearOutOfRange(text.to_owned()))?;
            civil(text, year, month, day)?
        }
    };
    match printed_weekday {
        Some(printed) if printed != weekday(date.weekday()) => Err(WarekiError::WrongWeekday {
            text: text.to_owned(),
            date,
            weekday: weekday(date.weekday()),
        }),
        _ => Ok(date),
    }
}

/// Reads a fiscal year: `令和8年度`, `R8年度`, `R8`, `令和八年度`, `2026年度`, `FY2026`.
///
/// A year that straddles a change of era may bear either name: 平成31年度 is 令和元年度.
pub fn parse_fiscal_year(text: &str) -> Result<FiscalYear, WarekiError> {
    let bad = || WarekiError::NotAFiscalYear(text.to_owned());
    let plain = normalise(text);
    let body = plain.strip_suffix("年度").unwrap_or(&plain);
    let out_of_range = || WarekiError::YearOutOfRange(text.to_owned());
    let western = body.strip_prefix("FY").unwrap_or(body);
    if western.len() == 4 && western.bytes().all(|byte| byte.is_ascii_digit()) {
        let year = western.parse().map_err(|_| bad())?;
        return FiscalYear::new(year).map_err(|_| out_of_range());
    }
    let (Some(era), rest) = split_era(body) else {
        return Err(bad());
    };
    let number = number(rest).ok_or_else(bad)?;
    if number == 0 {
        return Err(WarekiError::YearZero {
            text: text.to_owned(),
            era: era.name,
        });
    }
    let western = i64::from(era.first.year()) + i64::from(number) - 1;
    let year = i16::try_from(western)
        .ok()
        .and_then(|year| FiscalYear::new(year).ok())
        .ok_or_else(out_of_range)?;
    if year.first() < FIRST_DAY {
        return Err(WarekiError::Lunisolar(text.to_owned()));
    }
    if let Some(last) = last_day(era).filter(|last| *last < year.first()) {
        return Err(WarekiError::AfterEra {
            text: text.to_owned(),
            era: era.name,
            last: long(last),
            instead: fiscal_year(year),
        });
    }
    if year.last() < era.first {
        return Err(WarekiError::BeforeEra {
            text: text.to_owned(),
            era: era.name,
            first: era.first,
            instead: fiscal_year(year),
        });
    }
    Ok(year)
}

/// Reads a month: `2026-10`, `2026年10月`, `令和8年10月`, `R8.10`, with 分 after it or not.
///
/// A month with a change of era may bear either name: 昭和64年1月 is 平成元年1月.
pub fn parse_month(text: &str) -> Result<YearMonth, WarekiError> {
    let bad = || WarekiError::NotAMonth(text.to_owned());
    let plain = normalise(text);
    let body = plain.strip_suffix('分').unwrap_or(&plain);
    // A month is read as one of its days.
    let separator = body.chars().rev().find(|c| ['.', '/', '-'].contains(c));
    let day = |day: u8| match separator {
        _ if body.ends_with('月') => parse(&format!("{body}{day}日")),
        Some(separator) => parse(&format!("{body}{separator}{day}")),
        None => Err(bad()),
    };
    // An era may begin or end within the month: some day of it bears the name.
    match day(1).or_else(|first| day(28).or_else(|_| day(31)).map_err(|_| first)) {
        Ok(found) => Ok(YearMonth::of(found)),
        Err(WarekiError::NotADate(_)) => Err(bad()),
        Err(error) => Err(error),
    }
}

/// The era's last day; none for the present one.
fn last_day(era: &Era) -> Option<Date> {
    ERAS.iter()
        .find(|next| next.first > era.first)
        .and_then(|next| next.first.yesterday().ok())
}

fn resolve_era(
    text: &str,
    era: &'static Era,
    year: u32,
    month: u32,
    day: u32,
) -> Result<Date, WarekiError> {
    if year == 0 {
        return Err(WarekiError::YearZero {
            text: text.to_owned(),
            era: era.name,
        });
    }
    let western = i16::try_from(i64::from(era.first.year()) + i64::from(year) - 1)
        .ok()
        .filter(|year| *year <= 9999)
        .ok_or_else(|| WarekiError::YearOutOfRange(text.to_owned()))?;
    if western < FIRST_DAY.year() {
        return Err(WarekiError::Lunisolar(text.to_owned()));
    }
    let date = civil(text, western, month, day)?;
    if date < era.first {
        return Err(WarekiError::BeforeEra {
            text: text.to_owned(),
            era: era.name,
            first: era.first,
            instead: long(date),
        });
    }
    if let Some(last) = last_day(era).filter(|last| *last < date) {
        // 1912-07-30 and 1926-12-25 were the last day of the old era as well.
        let shared = last.tomorrow().is_ok_and(|first| first == date) && date.year() < 1989;
        if !shared {
            return Err(WarekiError::AfterEra {
                text: text.to_owned(),
                era: era.name,
                last: long(last),
                instead: long(date),
            });
        }
    }
    Ok(date)
}

fn civil(text: &str, year: i16, month: u32, day: u32) -> Result<Date, WarekiError> {
    let month = i8::try_from(month)
        .ok()
        .filter(|month| (1..=12).contains(month))
        .ok_or(WarekiError::NoSuchMonth {
            text: text.to_owned(),
            month,
        })?;
    let days = Date::new(year, month, 1)
        .expect("year and month were checked")
        .days_in_month();
    i8::try_from(day)
        .ok()
        .and_then(|day| Date::new(year, month, day).ok())
        .ok_or(WarekiError::NoSuchDay {
            text: text.to_owned(),
            year,
            month,
            days,
        })
}

/// Full-width letters, digits and signs to ASCII; blanks away; one kind of dot and dash.
fn normalise(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_whitespace())
        .map(|c| match c {
            '！'..='～' => char::from_u32(c as u32 - 0xFEE0).unwrap_or(c),
            '・' | '。' => '.',
            '‐' | '‑' | '–' | '−' | 'ー' => '-',
            other => other,
        })
        .collect()
}

/// Splits off a weekday in brackets: `(水)`, `(水曜)`, `(水曜日)`, or `水曜日` without them.
fn split_weekday(text: &str) -> Option<(&str, Option<&str>)> {
    let (body, inside) = if let Some(open) = text.find(['(', '〔', '[']) {
        let inside = text[open..]
            .strip_prefix(['(', '〔', '['])?
            .strip_suffix([')', '〕', ']'])?;
        (&text[..open], inside)
    } else if text.ends_with("曜日") {
        let at = text.char_indices().rev().nth(2)?.0;
        (&text[..at], &text[at..])
    } else {
        return Some((text, None));
    };
    let name = inside
        .strip_suffix("曜日")
        .or_else(|| inside.strip_suffix('曜'))
        .unwrap_or(inside);
    ["月", "火", "水", "木", "金", "土", "日"]
        .contains(&name)
        .then_some((body, Some(name)))
}

/// Splits off an era's name, alias or initial; 西暦 is taken off too.
fn split_era(text: &str) -> (Option<&'static Era>, &str) {
    for era in &ERAS {
        for name in std::iter::once(&era.name).chain(era.aliases) {
            if let Some(rest) = text.strip_prefix(name) {
                return (Some(era), rest);
            }
        }
        let initial = [era.initial, era.initial.to_ascii_lowercase()];
        if let Some(rest) = text.strip_prefix(initial) {
            return (Some(era), rest.strip_prefix('.').unwrap_or(rest));
        }
    }
    (None, text.strip_prefix("西暦").unwrap_or(text))
}

/// `8年4月1日`, `8.4.1`, `8/4/1` or `8-4-1`.
fn numbers(text: &str) -> Option<[u32; 3]> {
    let parts: Vec<&str> = if text.contains('年') {
        let (year, rest) = text.split_once('年')?;
        let (month, rest) = rest.split_once('月')?;
        vec![year, month, rest.strip_suffix('日')?]
    } else {
        let separator = ['.', '/', '-'].into_iter().find(|c| text.contains(*c))?;
        text.split(separator).collect()
    };
    let [year, month, day] = parts.as_slice() else {
        return None;
    };
    Some([number(year)?, number(month)?, number(day)?])
}

/// ASCII digits, 元, or kanji numerals (`二十八`, `二〇二六`) up to 9999.
fn number(text: &str) -> Option<u32> {
    if text == "元" {
        return Some(1);
    }
    if !text.is_empty() && text.len() <= 4 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().ok();
    }
    kanji_number(text)
}

fn kanji_number(text: &str) -> Option<u32> {
    if text.is_empty() || text.chars().count() > 7 {
        return None;
    }
    let digit = |c: char| "〇一二三四五六七八九".chars().position(|d| d == c);
    if text.chars().all(|c| digit(c).is_some()) && text.chars().count() <= 4 {
        return text
            .chars()
            .try_fold(0, |sum, c| Some(sum * 10 + digit(c)? as u32));
    }
    // Written with units: each of 千百十 at most once, in falling order.
    let (mut total, mut pending, mut ceiling) = (0, None, 10_000);
    for c in text.chars() {
        let unit = match c {
            '千' => 1000,
            '百' => 100,
            '十' => 10,
            _ => {
                let value = digit(c).filter(|value| *value > 0)? as u32;
                if pending.replace(value).is_some() {
                    return None;
                }
                continue;
            }
        };
        if unit >= ceiling {
            return None;
        }
        ceiling = unit;
        total += pending.take().unwrap_or(1) * unit;
    }
    Some(total + pending.unwrap_or(0))
}

#[cfg(test)]
#[path = "wareki_tests.rs"]
mod tests;
