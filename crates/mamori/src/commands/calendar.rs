//! `mamori calendar`: holidays, open days and rolled dates, to look at and to check a
//! contract's dates by hand. It asks the kernel's calendar and prints; it reads no data
//! directory, so a city's own closed days are given as options.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::ExitCode;

use jiff::civil::Date;
use mamori_kernel::calendar::{
    CalendarError, Closure, DaySet, Direction, HolidayLaw, Roll, YearlyRange,
};
use mamori_kernel::period::Term;
use mamori_kernel::{Clock, wareki};
use mamori_runtime::SystemClock;
use serde_json::{Value, json};

use crate::global::Global;

/// Exit code for input that cannot be used, the same as clap's own.
const BAD_INPUT: u8 = 2;
/// The most open days that `--add` counts.
const MOST_OPEN_DAYS: i32 = 100_000;

/// Arguments of `mamori calendar`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List the holidays of the law (祝日・振替休日・国民の休日)
    ///
    /// Without options: those of this year. Dates may be ISO (2026-04-01) or 和暦
    /// (令和8年4月1日, R8.4.1).
    Holidays(HolidayArgs),
    /// Count and list open days, or go N open days from a day
    OpenDays(OpenDayArgs),
    /// Move a date off closed days and say why
    Roll(RollArgs),
}

#[derive(Debug, Default, clap::Args)]
struct HolidayArgs {
    /// A year (2026, 令和8年) or fiscal year (FY2026, 令和8年度)
    #[arg(long, conflicts_with_all = ["from", "to"])]
    year: Option<String>,
    /// First day
    #[arg(long, value_name = "DATE", requires = "to")]
    from: Option<String>,
    /// Last day, included
    #[arg(long, value_name = "DATE", requires = "from")]
    to: Option<String>,
}

#[derive(Debug, Clone, clap::Args)]
struct ClosureArgs {
    /// Days closed every year besides weekends and holidays, or "none"
    #[arg(long, value_name = "RANGE", default_value = "12-29..01-03")]
    year_end: String,
    /// A day or range that is closed too, with a name if it has one: DATE, DATE..DATE, DATE=NAME
    #[arg(long, value_name = "DAYS")]
    closed: Vec<String>,
    /// A day or range that is open in spite of all: DATE or DATE..DATE
    #[arg(long, value_name = "DAYS")]
    open: Vec<String>,
}

#[derive(Debug, clap::Args)]
struct OpenDayArgs {
    /// First day, or the day to count from
    #[arg(long, value_name = "DATE")]
    from: String,
    /// Last day, included
    #[arg(
        long,
        value_name = "DATE",
        conflicts_with = "add",
        required_unless_present = "add"
    )]
    to: Option<String>,
    /// Go this many open days on (negative: back) from --from, which itself does not count
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    add: Option<i32>,
    #[command(flatten)]
    closures: ClosureArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Set {
    /// Saturdays, Sundays and the holidays of the law
    Law,
    /// Those and the year-end, --closed and --open days
    Closed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Way {
    /// To the next open day
    Forward,
    /// To the open day before
    Backward,
}

#[derive(Debug, clap::Args)]
struct RollArgs {
    /// The date to move
    date: String,
    /// Which days make the date move
    #[arg(long, value_enum, default_value = "law")]
    trigger: Set,
    /// Which days it may not land on
    #[arg(long, value_enum, default_value = "closed")]
    target: Set,
    /// Where it moves
    #[arg(long, value_enum, default_value = "forward")]
    direction: Way,
    #[command(flatten)]
    closures: ClosureArgs,
}

/// Input that cannot be used. Every message says what to write instead.
#[derive(Debug, thiserror::Error)]
enum InputError {
    #[error("{option}: {source}")]
    Date {
        option: &'static str,
        source: wareki::WarekiError,
    },
    #[error(
        "--year: 「{0}」を年として読めません。2026、令和8年、令和8年度、FY2026 のいずれかの形で書いてください (not a year)"
    )]
    Year(String),
    #[error(
        "{0}は祝日法で計算できる範囲の外です。1948年から2150年までの日付にしてください (outside the holiday law)"
    )]
    OutsideLaw(Date),
    #[error(
        "--to {to} が --from {from} より前です。--from と --to を入れ替えてください (range ends before it begins)"
    )]
    Backward { from: Date, to: Date },
    #[error(
        "{option}: 「{text}」の終わりが始めより前です。順を直してください (range ends before it begins)"
    )]
    BackwardDays { option: &'static str, text: String },
    #[error("--add {0} は大きすぎます。-100000から100000までにしてください (too many open days)")]
    TooMany(i32),
    #[error("--year-end: {0}、または none と書いてください")]
    YearEnd(CalendarError),
    #[error(transparent)]
    Calendar(#[from] CalendarError),
}

/// What a command has to say, in both forms.
struct Answer {
    text: String,
    json: Value,
}

/// Runs the command. Bad input ends with exit code 2 and a message that says what to write.
pub fn run(args: Args, global: &Global) -> anyhow::Result<ExitCode> {
    let answer = match args.command {
        Command::Holidays(args) => holidays(&args, || SystemClock.today()),
        Command::OpenDays(args) => open_days(&args),
        Command::Roll(args) => roll(&args),
    };
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => {
            eprintln!("mamori calendar: {error}");
            return Ok(ExitCode::from(BAD_INPUT));
        }
    };
    let mut out = if global.json {
        serde_json::to_string_pretty(&answer.json)?
    } else {
        answer.text
    };
    if !out.ends_with('\n') && !out.is_empty() {
        out.push('\n');
    }
    match std::io::stdout().lock().write_all(out.as_bytes()) {
        // `mamori calendar … | head` is no error.
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(ExitCode::SUCCESS),
    }
}

fn holidays(args: &HolidayArgs, today: impl FnOnce() -> Date) -> Result<Answer, InputError> {
    let (first, last) = match (&args.year, &args.from, &args.to) {
        (Some(year), ..) => year_range(year)?,
        (None, Some(from), Some(to)) => range(from, to)?,
        _ => whole_year(today().year()),
    };
    within_law(first)?;
    within_law(last)?;
    let law = HolidayLaw::standard();
    let mut text = String::new();
    let mut found = Vec::new();
    for holiday in law.between(first, last) {
        let (date, name) = (holiday.date, &*holiday.name);
        let weekday = wareki::weekday(date.weekday());
        let japanese = wareki::long(date);
        let _ = writeln!(text, "{date}（{weekday}） {japanese} {name}");
        found.push(json!({"date": date, "name": name, "weekday": weekday, "wareki": japanese}));
    }
    if found.is_empty() {
        text.push_str("この期間に祝日はありません\n");
    }
    Ok(Answer {
        text,
        json: Value::Array(found),
    })
}

fn open_days(args: &OpenDayArgs) -> Result<Answer, InputError> {
    let set = closed_days(&args.closures)?;
    let from = date("--from", &args.from)?;
    within_law(from)?;
    if let Some(count) = args.add {
        return add_open_days(&set, from, count);
    }
    let to = args.to.as_deref().unwrap_or(&args.from);
    let (first, last) = range(&args.from, to)?;
    within_law(last)?;
    let days: Vec<Date> = set.open_days(first, last).collect();
    let mut text = lines(&days);
    let _ = writeln!(text, "{first}～{last}の開庁日: {}日", days.len());
    Ok(Answer {
        text,
        json: json!({"from": first, "to": last, "count": days.len(), "days": days}),
    })
}

fn add_open_days(set: &DaySet, from: Date, count: i32) -> Result<Answer, InputError> {
    if !(-MOST_OPEN_DAYS..=MOST_OPEN_DAYS).contains(&count) {
        return Err(InputError::TooMany(count));
    }
    let mut days = Vec::new();
    let mut day = from;
    for _ in 0..count.unsigned_abs() {
        day = set.add_open_days(day, count.signum())?;
        within_law(day)?;
        days.push(day);
    }
    let japanese = wareki::with_weekday(day);
    let mut text = lines(&days);
    let direction = if count < 0 { "前" } else { "後" };
    let _ = writeln!(
        text,
        "{from}の{}開庁日{direction}: {day} {japanese}",
        count.unsigned_abs()
    );
    Ok(Answer {
        text,
        json: json!({
            "from": from,
            "add": count,
            "date": day,
            "weekday": wareki::weekday(day.weekday()),
            "wareki": wareki::long(day),
            "count": days.len(),
            "days": days,
        }),
    })
}

fn roll(args: &RollArgs) -> Result<Answer, InputError> {
    let closed = closed_days(&args.closures)?;
    let set = |which| match which {
        Set::Law => DaySet::law(),
        Set::Closed => closed.clone(),
    };
    let rule = Roll {
        trigger: set(args.trigger),
        target: set(args.target),
        direction: match args.direction {
            Way::Forward => Direction::Forward,
            Way::Backward => Direction::Backward,
        },
    };
    let date = date("DATE", &args.date)?;
    within_law(date)?;
    let rolled = rule.apply(date)?;
    within_law(rolled.date)?;
    let mut text = if rolled.moved() {
        format!(
            "{}（{}） → {} {}\n",
            date,
            wareki::weekday(date.weekday()),
            rolled.date,
            wareki::with_weekday(rolled.date)
        )
    } else {
        format!("{} {}（動かない）\n", date, wareki::with_weekday(date))
    };
    for skipped in &rolled.skipped {
        let _ = writeln!(text, "  {skipped}");
    }
    Ok(Answer {
        text,
        json: json!({
            "date": date,
            "rolled": rolled.date,
            "weekday": wareki::weekday(rolled.date.weekday()),
            "wareki": wareki::long(rolled.date),
            "moved": rolled.skipped,
        }),
    })
}

fn lines(days: &[Date]) -> String {
    days.iter().fold(String::new(), |mut text, day| {
        let _ = writeln!(text, "{day} {}", wareki::with_weekday(*day));
        text
    })
}

/// The law's holidays with the closures of the command line.
fn closed_days(args: &ClosureArgs) -> Result<DaySet, InputError> {
    let mut set = DaySet::law().extend("閉庁日");
    if args.year_end != "none" {
        let range: YearlyRange = args.year_end.parse().map_err(InputError::YearEnd)?;
        set = set.with(Closure::Yearly(range, "年末年始".to_owned()));
    }
    for text in &args.closed {
        let (days, name) = text.split_once('=').unwrap_or((text, "臨時閉庁"));
        let days = day_or_days("--closed", days)?;
        set = set.with(Closure::Days(days.first(), days.last(), name.to_owned()));
    }
    for text in &args.open {
        let days = day_or_days("--open", text)?;
        set = set.with(Closure::Open(days.first(), days.last()));
    }
    Ok(set.build())
}

fn day_or_days(option: &'static str, text: &str) -> Result<Term, InputError> {
    let (first, last) = text.split_once("..").unwrap_or((text, text));
    Term::new(date(option, first)?, date(option, last)?).map_err(|_| InputError::BackwardDays {
        option,
        text: text.to_owned(),
    })
}

fn date(option: &'static str, text: &str) -> Result<Date, InputError> {
    wareki::parse(text).map_err(|source| InputError::Date { option, source })
}

fn range(from: &str, to: &str) -> Result<(Date, Date), InputError> {
    let (from, to) = (date("--from", from)?, date("--to", to)?);
    if to < from {
        return Err(InputError::Backward { from, to });
    }
    Ok((from, to))
}

fn whole_year(year: i16) -> (Date, Date) {
    let day = |month, day| Date::new(year, month, day).expect("every year has this day");
    (day(1, 1), day(12, 31))
}

/// A calendar year (`2026`, `2026年`, `令和8年`) or a fiscal year (`FY2026`, `令和8年度`).
fn year_range(text: &str) -> Result<(Date, Date), InputError> {
    let bad = |source| match source {
        wareki::WarekiError::NotADate(_) | wareki::WarekiError::NotAFiscalYear(_) => {
            InputError::Year(text.to_owned())
        }
        source => InputError::Date {
            option: "--year",
            source,
        },
    };
    let text = text.trim();
    if text.ends_with("年度") || text.starts_with("FY") {
        let year = wareki::parse_fiscal_year(text).map_err(bad)?;
        return Ok((year.first(), year.last()));
    }
    // An era's first year has no 1 January and its last no 31 December.
    let number = text.strip_suffix('年').unwrap_or(text);
    let day = wareki::parse(&format!("{number}年12月31日"))
        .or_else(|_| wareki::parse(&format!("{number}年1月1日")))
        .map_err(bad)?;
    Ok(whole_year(day.year()))
}

/// Without this a year the law cannot tell would silently have no holidays.
fn within_law(day: Date) -> Result<(), InputError> {
    if HolidayLaw::years().contains(&day.year()) {
        Ok(())
    } else {
        Err(InputError::OutsideLaw(day))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn today() -> Date {
        Date::constant(2026, 11, 22)
    }

    fn year(text: &str) -> Result<Answer, InputError> {
        let args = HolidayArgs {
            year: Some(text.to_owned()),
            ..HolidayArgs::default()
        };
        holidays(&args, today)
    }

    #[test]
    fn years_and_fiscal_years_are_told_apart() {
        for text in ["2026", "2026年", "令和8年", "R8", "令和８"] {
            let answer = year(text).unwrap();
            assert_eq!(answer.json[0]["date"], "2026-01-01", "{text}");
        }
        for text in ["FY2026", "令和8年度", "2026年度"] {
            let answer = year(text).unwrap();
            assert_eq!(answer.json[0]["date"], "2026-04-29", "{text}");
        }
        for (text, first) in [
            ("令和元年", "2019-01-01"),
            ("昭和64年", "1989-01-01"),
            ("平成元", "1989-01-01"),
        ] {
            assert_eq!(year(text).unwrap().json[0]["date"], first, "{text}");
        }
        let message = year("平成40年").err().unwrap().to_string();
        assert!(message.contains("令和10年"), "{message}");
        for text in ["", "8", "令和", "26", "来年"] {
            let message = year(text).err().unwrap().to_string();
            assert!(message.contains("2026、令和8年"), "{message}");
        }
    }

    #[test]
    fn without_options_this_year_is_listed() {
        let answer = holidays(&HolidayArgs::default(), today).unwrap();
        assert_eq!(answer.json.as_array().map(Vec::len), Some(18));
        assert!(
            answer
                .text
                .contains("2026-09-22（火） 令和8年9月22日 国民の休日\n")
        );
    }
}
