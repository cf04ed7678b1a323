//! Dates and hours in words, as they stand on a Japanese official paper.

use jiff::civil::Date;
use mamori_kernel::wareki;

/// `令和8年11月10日（火）`; the first year of an era is 元年.
pub fn date_in_words(date: Date) -> String {
    wareki::with_weekday(date)
}

/// `10月3日（土）`: inside a paper whose period already names the year.
pub fn day_in_words(date: Date) -> String {
    format!(
        "{}月{}日（{}）",
        date.month(),
        date.day(),
        wareki::weekday(date.weekday())
    )
}

/// `令和8年10月`.
pub fn month_in_words(date: Date) -> String {
    format!("{}{}月", wareki::year(date), date.month())
}

/// Minutes as hours. `1.5時間` when every value shown together is exact with two decimals (a
/// multiple of three minutes), otherwise `1時間20分`: a rounded column would not add up.
pub fn hours_in_words(minutes: u32, style: crate::HourStyle) -> String {
    match style {
        crate::HourStyle::Decimal => {
            let hundredths = u64::from(minutes) * 100 / 60;
            let (whole, rest) = (hundredths / 100, hundredths % 100);
            if rest == 0 {
                format!("{whole}時間")
            } else if rest % 10 == 0 {
                format!("{whole}.{}時間", rest / 10)
            } else {
                format!("{whole}.{rest:02}時間")
            }
        }
        crate::HourStyle::HoursMinutes => match (minutes / 60, minutes % 60) {
            (h, 0) => format!("{h}時間"),
            (0, m) => format!("{m}分"),
            (h, m) => format!("{h}時間{m:02}分"),
        },
    }
}
