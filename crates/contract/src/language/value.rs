//! The small values of the language: dates (ISO or 和暦), durations, clock times, period names,
//! quantities, each with its own text form.
//!
//! Every type here names a `format` in its JSON Schema; `diagnostics` calls [`check_format`] for
//! it, so that a wrong text is reported with its place together with all other mistakes.
//! Not here: arithmetic (see `rules::dates`).

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use jiff::civil::{Date, Time};
use mamori_kernel::period::Period;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Turns full-width digits, letters and signs into ASCII and drops spaces at the ends.
pub fn normalize(text: &str) -> String {
    text.trim()
        .chars()
        .map(|c| match c {
            '！'..='～' => char::from_u32(c as u32 - 0xFEE0).unwrap_or(c),
            '\u{3000}' => ' ',
            other => other,
        })
        .collect()
}

/// A date; text is ISO (`2027-02-19`) or 和暦 (`令和9年2月19日（金）`), weekday checked if printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DateText(pub Date);

impl FromStr for DateText {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        mamori_kernel::wareki::parse(text)
            .map(Self)
            .map_err(|error| error.to_string())
    }
}

impl fmt::Display for DateText {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

/// The unit of a [`Span`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Unit {
    /// Seconds.
    Second,
    /// Minutes.
    Minute,
    /// Hours.
    Hour,
    /// Calendar days.
    Day,
    /// Weeks of seven days.
    Week,
    /// Calendar months.
    Month,
    /// Calendar years.
    Year,
}

/// A length of time as written: a whole number and a unit, never converted silently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Span {
    /// How many.
    pub amount: i64,
    /// Of what.
    pub unit: Unit,
}

impl Span {
    /// Seconds of a clock length (`s m h`) and of whole days and weeks; none for months and years,
    /// whose length depends on where they start.
    pub fn seconds(self) -> Option<i64> {
        let each = match self.unit {
            Unit::Second => 1,
            Unit::Minute => 60,
            Unit::Hour => 3600,
            Unit::Day => 86_400,
            Unit::Week => 604_800,
            Unit::Month | Unit::Year => return None,
        };
        self.amount.checked_mul(each)
    }

    /// Whether it is measured by the clock rather than by the calendar.
    pub fn is_clock(self) -> bool {
        matches!(self.unit, Unit::Second | Unit::Minute | Unit::Hour)
    }

    /// Japanese text: `30分`, `1週間`.
    pub fn japanese(self) -> String {
        let unit = match self.unit {
            Unit::Second => "秒",
            Unit::Minute => "分",
            Unit::Hour => "時間",
            Unit::Day => "日",
            Unit::Week => "週間",
            Unit::Month => "か月",
            Unit::Year => "年",
        };
        format!("{}{unit}", self.amount)
    }
}

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let plain = normalize(text);
        let digits = plain
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(plain.len());
        let unit = match plain[digits..].trim() {
            "s" | "秒" => Unit::Second,
            "m" | "分" => Unit::Minute,
            "h" | "時間" => Unit::Hour,
            "d" | "日" | "日間" => Unit::Day,
            "w" | "週間" | "週" => Unit::Week,
            "mo" | "か月" | "カ月" | "ヶ月" | "ケ月" | "箇月" | "か月間" => {
                Unit::Month
            }
            "y" | "年" | "年間" => Unit::Year,
            _ => {
                return Err(format!(
                    "長さ「{text}」を読めません。\"30m\" \"4時間\" \"7日\" \"1週間\" \"3か月\" \"1年\" の形で書いてください"
                ));
            }
        };
        let amount = plain[..digits].parse().map_err(|_| {
            format!("長さ「{text}」に数がありません。\"7日\" のように数から書いてください")
        })?;
        Ok(Self { amount, unit })
    }
}

impl fmt::Display for Span {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = match self.unit {
            Unit::Second => "s",
            Unit::Minute => "m",
            Unit::Hour => "h",
            Unit::Day => "d",
            Unit::Week => "w",
            Unit::Month => "mo",
            Unit::Year => "y",
        };
        write!(out, "{}{unit}", self.amount)
    }
}

/// A day of every year: `12-29`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MonthDay {
    /// 1–12.
    pub month: i8,
    /// 1–31.
    pub day: i8,
}

impl FromStr for MonthDay {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let plain = normalize(text);
        plain
            .split_once('-')
            .and_then(|(month, day)| Some((month.parse().ok()?, day.parse().ok()?)))
            .filter(|(month, day)| Date::new(2024, *month, *day).is_ok())
            .map(|(month, day)| Self { month, day })
            .ok_or_else(|| format!("月日「{text}」を読めません。\"12-29\" の形で書いてください"))
    }
}

impl fmt::Display for MonthDay {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:02}-{:02}", self.month, self.day)
    }
}

/// A clock time: `08:45`; `24:00` is the end of the day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClockTime {
    /// Minutes from midnight, 0–1440.
    pub minutes: u16,
}

impl ClockTime {
    /// The civil time; the end of the day becomes its last second.
    pub fn time(self) -> Time {
        if self.minutes >= 1440 {
            return Time::constant(23, 59, 59, 0);
        }
        Time::new((self.minutes / 60) as i8, (self.minutes % 60) as i8, 0, 0)
            .expect("minutes below 1440 are a time of day")
    }
}

impl FromStr for ClockTime {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let plain = normalize(text);
        plain
            .split_once(':')
            .and_then(|(hour, minute)| {
                Some((hour.parse::<u16>().ok()?, minute.parse::<u16>().ok()?))
            })
            .filter(|(hour, minute)| *minute < 60 && hour * 60 + minute <= 1440)
            .map(|(hour, minute)| Self {
                minutes: hour * 60 + minute,
            })
            .ok_or_else(|| format!("時刻「{text}」を読めません。\"08:45\" の形で書いてください"))
    }
}

impl fmt::Display for ClockTime {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:02}:{:02}", self.minutes / 60, self.minutes % 60)
    }
}

/// The name of a period in the file: a kernel period or `term`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PeriodName {
    /// The whole term of the contract.
    Term,
    /// One month, quarter, half, fiscal year or day.
    Period(Period),
}

impl FromStr for PeriodName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let plain = normalize(text);
        if plain == "term" {
            return Ok(Self::Term);
        }
        plain
            .parse()
            .map(Self::Period)
            .map_err(|error: mamori_kernel::period::PeriodError| error.to_string())
    }
}

impl fmt::Display for PeriodName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Term => out.write_str("term"),
            Self::Period(period) => period.fmt(out),
        }
    }
}

/// The name after `$`, if the text is a reference to a parameter.
pub fn reference(text: &str) -> Option<&str> {
    text.strip_prefix('$')
}

/// Either a value as written or `$name`, the value of a parameter.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum OrParam<T> {
    /// Written here.
    Value(T),
    /// Taken from `[parameters.NAME]`.
    Param(String),
}

impl<T: FromStr<Err = String>> FromStr for OrParam<T> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match reference(text) {
            Some(name) => Ok(Self::Param(name.to_owned())),
            None => text.parse().map(Self::Value),
        }
    }
}

impl<T: fmt::Display> fmt::Display for OrParam<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(value) => value.fmt(out),
            Self::Param(name) => write!(out, "${name}"),
        }
    }
}

/// A number, a length (`"4時間"`) or `"$name"`, as thresholds and caps write it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Quantity {
    /// A plain number.
    Number(f64),
    /// A length, a version, or a reference.
    Text(String),
}

impl JsonSchema for Quantity {
    fn schema_name() -> Cow<'static, str> {
        "Quantity".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "a number, a length such as \"4時間\", or \"$parameter\"",
            "anyOf": [ { "type": "number" }, { "type": "string" } ]
        })
    }
}

macro_rules! text_value {
    ($type:ty, $name:literal, $format:literal, $description:literal) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }

        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                $name.into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "format": $format, "description": $description })
            }
        }
    };
}

text_value!(
    DateText,
    "Date",
    "mamori-date",
    "ISO or 和暦 date; a printed weekday is checked"
);
text_value!(
    Span,
    "Span",
    "mamori-span",
    "a length: 30m, 4時間, 7日, 1週間, 3か月, 1年"
);
text_value!(
    MonthDay,
    "MonthDay",
    "mamori-month-day",
    "a day of every year: 12-29"
);
text_value!(ClockTime, "ClockTime", "mamori-time", "a clock time: 08:45");
text_value!(
    PeriodName,
    "PeriodName",
    "mamori-period",
    "2026-10, 2026-Q3, 2026-H1, FY2026 or term"
);
text_value!(
    OrParam<DateText>,
    "DateOrParam",
    "mamori-date-or-param",
    "a date or $parameter"
);
text_value!(
    OrParam<Span>,
    "SpanOrParam",
    "mamori-span-or-param",
    "a length or $parameter"
);

/// Checks a text against one of the formats above; the error is a Japanese sentence.
pub fn check_format(format: &str, text: &str) -> Result<(), String> {
    match format {
        "mamori-date" => text.parse::<DateText>().map(drop),
        "mamori-span" => text.parse::<Span>().map(drop),
        "mamori-month-day" => text.parse::<MonthDay>().map(drop),
        "mamori-time" => text.parse::<ClockTime>().map(drop),
        "mamori-period" => text.parse::<PeriodName>().map(drop),
        "mamori-date-or-param" => text.parse::<OrParam<DateText>>().map(drop),
        "mamori-span-or-param" => text.parse::<OrParam<Span>>().map(drop),
        _ => Ok(()),
    }
}
