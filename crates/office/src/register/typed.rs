//! What people type, read into canonical values: full-width digits, 和暦, `1時間30分`.
//!
//! Every reader answers with a Japanese sentence that names a right example. Nothing is
//! rounded or guessed silently.

use jiff::civil::{Date, Time};
use mamori_kernel::given;
use mamori_kernel::wareki;

/// Normal form for comparing and searching: NFKC, lower case, single spaces.
pub fn normal(text: &str) -> String {
    mamori_runtime::search::folded(text)
}

/// A day: whatever [`wareki::parse`] reads, and `今日`, `昨日`.
pub fn date(text: &str, today: Date) -> Result<Date, String> {
    match normal(text).as_str() {
        "今日" | "本日" | "today" => Ok(today),
        "昨日" | "yesterday" => today.yesterday().map_err(|error| error.to_string()),
        _ => wareki::parse(text).map_err(|error| error.to_string()),
    }
}

/// A time of day in minutes after midnight, 0 to 1440 (`24:00` ends a day).
pub fn clock_minutes(text: &str) -> Result<u32, String> {
    let typed = normal(text);
    let wrong = || {
        format!(
            "{}。9:05 や 17時15分 のように書いてください",
            given::wrong(text, "は時刻として読めません")
        )
    };
    let (hour, minute) = typed
        .split_once(':')
        .or_else(|| typed.split_once('時'))
        .ok_or_else(wrong)?;
    let minute = minute.trim_end_matches('分').trim();
    let hour: u32 = hour.trim().parse().map_err(|_| wrong())?;
    let minute: u32 = if minute.is_empty() {
        0
    } else {
        minute.parse().map_err(|_| wrong())?
    };
    let total = hour * 60 + minute;
    if minute > 59 || total > 24 * 60 {
        return Err(format!(
            "「{text}」という時刻はありません。0:00 から 24:00 までで書いてください"
        ));
    }
    Ok(total)
}

/// Minutes after midnight as `HH:MM`.
pub fn clock_text(minutes: u32) -> String {
    format!("{:02}:{:02}", minutes / 60, minutes % 60)
}

/// Minutes after midnight of a time.
pub fn minutes_of(time: Time) -> u32 {
    u32::from(time.hour().unsigned_abs()) * 60 + u32::from(time.minute().unsigned_abs())
}

/// A length of work in minutes: `1.5` (hours), `1:30`, `90m`, `90分`, `1時間30分`, `1h30m`.
pub fn work_minutes(text: &str) -> Result<u32, String> {
    let typed: String = normal(text).replace(' ', "");
    let wrong = || {
        format!(
            "{}。1.5、1:30、90m、90分、1時間30分 のように書いてください",
            given::wrong(text, "は時間として読めません")
        )
    };
    let minutes = if let Some((hours, minutes)) = typed.split_once(':') {
        let hours: u32 = hours.parse().map_err(|_| wrong())?;
        let rest: u32 = minutes.parse().map_err(|_| wrong())?;
        if rest > 59 || minutes.len() != 2 {
            return Err(wrong());
        }
        hours
            .checked_mul(60)
            .and_then(|minutes| minutes.checked_add(rest))
            .ok_or_else(wrong)?
    } else {
        let unified = typed
            .replace("時間", "h")
            .replace("hours", "h")
            .replace("hour", "h")
            .replace("分間", "m")
            .replace('分', "m")
            .replace("minutes", "m")
            .replace("min", "m");
        match unified.split_once('h') {
            Some((hours, "")) => decimal_hours(hours, text)?,
            Some((hours, rest)) => {
                let rest = rest.strip_suffix('m').ok_or_else(wrong)?;
                let rest: u32 = rest.parse().map_err(|_| wrong())?;
                let hours: u32 = hours.parse().map_err(|_| wrong())?;
                if rest > 59 {
                    return Err(wrong());
                }
                hours
                    .checked_mul(60)
                    .and_then(|minutes| minutes.checked_add(rest))
                    .ok_or_else(wrong)?
            }
            None => match unified.strip_suffix('m') {
                Some(minutes) => minutes.parse().map_err(|_| wrong())?,
                None => decimal_hours(&unified, text)?,
            },
        }
    };
    match minutes {
        0 => Err("0分の作業は記録できません".to_owned()),
        1..=1440 => Ok(minutes),
        _ => Err(format!(
            "「{text}」は24時間を超えています。日ごとに分けて記録してください"
        )),
    }
}

/// Decimal hours, exact to the minute: `1.25` is 75, `1.33` is refused.
fn decimal_hours(number: &str, text: &str) -> Result<u32, String> {
    let wrong = || {
        format!(
            "{}。1.5、1:30、90m、90分、1時間30分 のように書いてください",
            given::wrong(text, "は時間として読めません")
        )
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty()
        || fraction.len() > 4
        || !whole
            .bytes()
            .chain(fraction.bytes())
            .all(|byte| byte.is_ascii_digit())
    {
        return Err(wrong());
    }
    let scale = 10_u32.pow(u32::try_from(fraction.len()).expect("at most four digits"));
    let hours: u32 = whole.parse().map_err(|_| wrong())?;
    let part: u32 = if fraction.is_empty() {
        0
    } else {
        fraction.parse().map_err(|_| wrong())?
    };
    let sixtieths = part * 60;
    if !sixtieths.is_multiple_of(scale) {
        return Err(format!(
            "「{text}」時間は分で割り切れません。{}:{:02} のように時:分で書いてください",
            hours,
            sixtieths / scale
        ));
    }
    hours
        .checked_mul(60)
        .and_then(|minutes| minutes.checked_add(sixtieths / scale))
        .ok_or_else(wrong)
}

/// Minutes for people: `1時間30分`, `45分`.
pub fn minutes_ja(minutes: u32) -> String {
    match (minutes / 60, minutes % 60) {
        (0, rest) => format!("{rest}分"),
        (hours, 0) => format!("{hours}時間"),
        (hours, rest) => format!("{hours}時間{rest}分"),
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date as day;

    use super::*;

    #[test]
    fn lengths_of_work_are_read_as_people_write_them() {
        let cases = [
            ("1.5", 90),
            ("1:30", 90),
            ("90m", 90),
            ("90分", 90),
            ("1時間30分", 90),
            ("１．５", 90),
            ("１時間３０分", 90),
            ("1h30m", 90),
            ("1.5h", 90),
            ("2時間", 120),
            ("0.25", 15),
            ("1.25時間", 75),
            ("0:05", 5),
            ("24", 1440),
            (" 90 min ", 90),
        ];
        for (typed, minutes) in cases {
            assert_eq!(work_minutes(typed), Ok(minutes), "{typed}");
        }
        for typed in [
            "",
            "0",
            "0:00",
            "-1",
            "1.33",
            "25",
            "1:75",
            "1:5",
            "一時間",
            "1h90m",
            "1e3",
            "99999999999",
            "1..5",
            ".5",
        ] {
            assert!(work_minutes(typed).is_err(), "{typed}");
        }
        assert!(work_minutes("1.33").unwrap_err().contains("1:19"));
    }

    #[test]
    fn days_are_read_in_western_and_japanese_years() {
        let today = day(2026, 10, 5);
        for typed in [
            "2026-10-05",
            "2026/10/5",
            "R8.10.5",
            "r8-10-05",
            "令和8年10月5日",
            "令和８年１０月５日",
            "今日",
            "2026年10月5日",
        ] {
            assert_eq!(date(typed, today), Ok(today), "{typed}");
        }
        assert_eq!(date("令和元年5月1日", today), Ok(day(2019, 5, 1)));
        assert_eq!(date("H31.4.30", today), Ok(day(2019, 4, 30)));
        assert_eq!(date("昨日", today), Ok(day(2026, 10, 4)));
        for typed in ["", "10/5", "2026-02-30", "来週", "2026-10-05-01", "R8"] {
            assert!(date(typed, today).is_err(), "{typed}");
        }
    }

    #[test]
    fn times_of_day_reach_to_the_end_of_the_day() {
        for (typed, minutes) in [
            ("9:05", 545),
            ("09:05", 545),
            ("17時15分", 1035),
            ("９時", 540),
            ("24:00", 1440),
            ("0:00", 0),
        ] {
            assert_eq!(clock_minutes(typed), Ok(minutes), "{typed}");
        }
        for typed in ["", "9", "24:01", "9:60", "-1:00", "朝"] {
            assert!(clock_minutes(typed).is_err(), "{typed}");
        }
        assert_eq!(clock_text(545), "09:05");
    }
}
