//! The calendar of Japanese contracts: law holidays, closed days, open-day arithmetic,
//! rolled dates, terms counted by law, service hours.
//!
//! Everything a contract may choose is an explicit field: which days trigger a roll and which
//! days it may not land on ([`Roll`]), whether the first day counts ([`FirstDay`]), 以内 or
//! 未満 ([`Bound`]), calendar or open days ([`Span`]), which hours serve ([`ServiceHours`]).
//! All pure; days are civil days in Japan.
//!
//! Not here: what a contract says (crate `contract`) and what day it is ([`crate::Clock`]).
//! No library serves: crates that list Japanese holidays stop at a year or are tables
//! typed by hand, and none knows 民法 140 to 143 or closed days of a public body.

mod days;
mod holidays;
mod hours;
mod roll;
mod terms;
#[cfg(test)]
mod testing;

pub use days::{Closure, DaySet, DaySetBuilder, MonthDay, Weekdays, YearlyRange};
pub use holidays::{Holiday, HolidayKind, HolidayLaw, Overrides};
pub use hours::{HalfDayRule, ServiceHours, Window};
pub use roll::{Direction, Roll, Rolled, Skipped};
pub use terms::{Bound, DayTerm, FirstDay, Side, Span, same_day_months_later};

use jiff::civil::Date;

/// Why the calendar has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CalendarError {
    /// No open day within the search limit: the set closes (nearly) every day.
    #[error(
        "{from}から{limit}日以内に「{set}」の開庁日がありません。閉庁日の指定を見直してください (no open day)"
    )]
    NoOpenDay {
        /// The set's name.
        set: String,
        /// The day the search began.
        from: Date,
        /// How many days were looked at.
        limit: u32,
    },
    /// A count ran out of the years 1 to 9999.
    #[error(
        "{0}から数えた日が西暦9999年までに収まりません。日数を小さくしてください (date out of range)"
    )]
    OutOfRange(Date),
    /// The month has fewer open days than were asked for.
    #[error("{month}の開庁日は{open}日で、第{asked}開庁日はありません (no such open day)")]
    NoSuchOpenDay {
        /// The month, `2026-10`.
        month: String,
        /// How many open days it has.
        open: u32,
        /// The one asked for.
        asked: u32,
    },
    /// A span of zero that is strict or counts the first day.
    #[error("0の期間に「未満」や「初日算入」は使えません。1以上にしてください (empty span)")]
    EmptySpan,
    /// A day that no equinox can fall on.
    #[error(
        "{0}は春分日・秋分日になりえません。暦要項の日付（3月18～22日、9月21～25日）を書いてください (not an equinox)"
    )]
    NotAnEquinox(Date),
    /// A text that is no month and day, or a range of them.
    #[error(
        "「{0}」を月日の範囲として読めません。12-29..01-03 の形で書いてください (not a range of days)"
    )]
    NotDays(String),
    /// A text that names no weekdays.
    #[error(
        "「{0}」を曜日として読めません。mon..fri、sat,sun、月火水 の形で書いてください (not weekdays)"
    )]
    NotWeekdays(String),
    /// A text that is no window of time.
    #[error(
        "「{0}」を時間帯として読めません。08:45-17:15、22:00-05:00、00:00-24:00 の形で書いてください (not a window of time)"
    )]
    NotWindow(String),
    /// Service hours without any window, or that never open.
    #[error(
        "サービス時間帯に開いている時間がありません。曜日と時間帯を見直してください (service hours never open)"
    )]
    NeverOpen,
}
