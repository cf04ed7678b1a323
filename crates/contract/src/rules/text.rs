//! Deadline rules in Japanese, as a person would write them beside the date.

use mamori_kernel::period::Period;
use mamori_kernel::wareki;

use super::dates::Book;
use crate::language::{
    Bound, CalendarText, ClockKind, Deadline, Direction, FirstDay, OrParam, Per, PeriodName,
    PeriodOverride, Roll, Rule, Spacing, Span,
};

/// Calendars as the file writes them, for naming their closed days.
pub type Calendars = std::collections::BTreeMap<String, CalendarText>;

fn closed_days(name: &str, calendars: &Calendars) -> String {
    let Some(calendar) = calendars.get(name) else {
        return name.to_owned();
    };
    let weekend = calendar.weekdays.len() == 2;
    if !calendar.ranges.is_empty() || !calendar.closed.is_empty() || !calendar.include.is_empty() {
        "閉庁日".to_owned()
    } else if weekend && calendar.law_holidays {
        "土日祝".to_owned()
    } else {
        calendar.title.clone()
    }
}

fn roll_text(roll: Option<&Roll>, calendars: &Calendars) -> String {
    let Some(roll) = roll else {
        return String::new();
    };
    let target = match roll.direction {
        Direction::Forward => "翌開庁日",
        Direction::Backward => "前開庁日",
    };
    format!("、{}なら{target}", closed_days(&roll.when, calendars))
}

fn next(per: Per, months: i32) -> String {
    match (per, months) {
        (Per::Month, 0) => "当月".into(),
        (Per::Month, 1) => "翌月".into(),
        (Per::Month, 2) => "翌々月".into(),
        (Per::Month, n) => format!("{n}か月後の"),
        (Per::Quarter, 1) => "四半期の翌月".into(),
        (Per::Quarter, n) => format!("四半期の{n}か月後の月の"),
        (Per::Half, 1) => "半期の翌月".into(),
        (Per::Half, n) => format!("半期の{n}か月後の月の"),
        (Per::FiscalYear, 1) => "年度の翌月".into(),
        (Per::FiscalYear, n) => format!("年度の{n}か月後の月の"),
        (Per::Term, 1) => "履行期間の翌月".into(),
        (Per::Term, n) => format!("履行期間の{n}か月後の月の"),
    }
}

fn end_of(per: Per) -> &'static str {
    match per {
        Per::Month => "月末",
        Per::Quarter => "四半期末",
        Per::Half => "半期末",
        Per::FiscalYear => "年度末",
        Per::Term => "履行期間の末日",
    }
}

fn bound_text(bound: Bound) -> &'static str {
    match bound {
        Bound::Within => "以内",
        Bound::Before => "未満",
    }
}

fn first_text(first: FirstDay) -> &'static str {
    match first {
        FirstDay::Excluded => "（初日不算入）",
        FirstDay::Included => "（初日算入）",
    }
}

fn length(within: Option<&OrParam<Span>>, open_days: Option<i64>) -> String {
    match (within, open_days) {
        (Some(OrParam::Value(span)), _) => span.japanese(),
        (Some(OrParam::Param(name)), _) => format!("「{name}」の長さ"),
        (None, Some(days)) => format!("{days}開庁日"),
        (None, None) => "定めのない長さ".into(),
    }
}

fn override_text(overrides: &[PeriodOverride], period: Option<Period>) -> Option<String> {
    let found = overrides.iter().find(|each| match each.period {
        PeriodName::Term => matches!(period, Some(Period::Term(_))),
        PeriodName::Period(named) => Some(named) == period,
    })?;
    let day = match (found.date, found.day) {
        (Some(date), _) => wareki::with_weekday(date.0),
        (None, Some(day)) => format!("翌月{day}日"),
        (None, None) => return None,
    };
    Some(format!(
        "{day}（{}の特例）",
        period.map_or(String::new(), |period| period
            .japanese()
            .trim_end_matches('分')
            .to_owned())
    ))
}

/// A deadline in Japanese; for a period with an override, the override.
pub fn deadline_text(
    deadline: &Deadline,
    per: Per,
    period: Option<Period>,
    book: &Book,
    calendars: &Calendars,
) -> String {
    let body = match &deadline.rule {
        Rule::Fixed {
            date: OrParam::Value(date),
            roll,
        } => {
            format!(
                "{}まで{}",
                wareki::with_weekday(date.0),
                roll_text(roll.as_ref(), calendars)
            )
        }
        Rule::Fixed {
            date: OrParam::Param(name),
            ..
        } => format!("「{name}」の日まで"),
        Rule::AfterPeriod {
            day,
            months,
            days,
            open_days,
            month_end,
            month_day,
            plus_months,
            closing_day,
            first_day,
            bound,
            roll,
            overrides,
            ..
        } => {
            if let Some(text) = override_text(overrides, period) {
                return text;
            }
            let end = closing_day.map_or(end_of(per).to_owned(), |day| format!("毎月{day}日締め"));
            let core = if let Some(day) = day {
                format!("{}{day}日", next(per, months.unwrap_or(1)))
            } else if let Some(days) = days {
                format!(
                    "{end}から{days}日{}{}",
                    bound_text(*bound),
                    first_text(*first_day)
                )
            } else if let Some(days) = open_days {
                format!(
                    "{end}から{days}開庁日{}{}",
                    bound_text(*bound),
                    first_text(*first_day)
                )
            } else if let Some(count) = month_end {
                format!("{}末", next(per, *count).trim_end_matches('の'))
            } else if let Some(month_day) = month_day {
                format!("{end}の後の{}月{}日", month_day.month, month_day.day)
            } else if let Some(count) = plus_months {
                format!(
                    "{end}から{count}か月{}{}",
                    bound_text(*bound),
                    first_text(*first_day)
                )
            } else {
                "定めなし".to_owned()
            };
            format!("{core}{}", roll_text(roll.as_ref(), calendars))
        }
        Rule::PeriodEnd { roll, overrides } => match override_text(overrides, period) {
            Some(text) => return text,
            None => format!("{}{}", end_of(per), roll_text(roll.as_ref(), calendars)),
        },
        Rule::AfterDate {
            from,
            within,
            open_days,
            first_day,
            bound,
            roll,
            ..
        } => {
            let base = match from {
                None => "契約締結".to_owned(),
                Some(OrParam::Value(date)) => wareki::long(date.0),
                Some(OrParam::Param(name)) => format!("「{name}」の日"),
            };
            format!(
                "{base}から{}{}{}{}",
                length(within.as_ref(), *open_days),
                bound_text(*bound),
                first_text(*first_day),
                roll_text(roll.as_ref(), calendars)
            )
        }
        Rule::AfterEvent {
            within,
            open_days,
            clock,
            hours,
            first_day,
            bound,
            roll,
            ..
        } => {
            let by_day = match within {
                Some(OrParam::Value(span)) => !span.is_clock(),
                _ => open_days.is_some(),
            };
            let clock = match clock {
                ClockKind::Wall => String::new(),
                ClockKind::Hours => {
                    let title = book
                        .hours(hours.as_deref())
                        .map_or("受付時間", |hours| hours.title.as_str());
                    format!("（{title}で数える）")
                }
            };
            format!(
                "事象から{}{}{}{clock}{}",
                length(within.as_ref(), *open_days),
                bound_text(*bound),
                if by_day { first_text(*first_day) } else { "" },
                roll_text(roll.as_ref(), calendars)
            )
        }
        Rule::BeforeEvent {
            within, open_days, ..
        } => format!("事象の{}前まで", length(within.as_ref(), *open_days)),
        Rule::HalfDay { .. } => "午前の受付は当日午後まで、午後の受付は翌開庁日の午前まで".into(),
        Rule::Window {
            hours, principle, ..
        } => {
            let title = book
                .hours(Some(hours))
                .map_or(hours.as_str(), |hours| hours.title.as_str());
            format!(
                "{}{title}の間に行う",
                if *principle { "原則、" } else { "" }
            )
        }
        Rule::AtLeast {
            count,
            spacing,
            min_gap,
            ..
        } => {
            let span = match per {
                Per::Month => "月",
                Per::Quarter => "四半期に",
                Per::Half => "半期に",
                Per::FiscalYear => "年",
                Per::Term => "履行期間中に",
            };
            let apart = match (spacing, min_gap) {
                (Some(Spacing::Month), _) => "、各月に1回以上".to_owned(),
                (Some(Spacing::Quarter), _) => "、各四半期に1回以上".to_owned(),
                (Some(Spacing::Half), _) => "、各半期に1回以上".to_owned(),
                (None, Some(gap)) => format!("、間隔は{}以上", gap.japanese()),
                (None, None) => String::new(),
            };
            format!("{span}{count}回以上{apart}")
        }
        Rule::OnRequest { within } => match within {
            Some(within) => format!("市の求めから{}以内", length(Some(within), None)),
            None => "市の求めに応じて（期限の定めなし）".into(),
        },
        Rule::EndOfTerm { days, roll } => {
            let offset = match days.unwrap_or(0) {
                0 => String::new(),
                days if days > 0 => format!("から{days}日後"),
                days => format!("の{}日前", -days),
            };
            format!(
                "履行期間の末日{offset}まで{}",
                roll_text(roll.as_ref(), calendars)
            )
        }
        Rule::Soft { word } => return format!("「{word}」（数の定めなし）"),
    };
    match &deadline.soft {
        Some(word) => format!("{body}（「{word}」）"),
        None => body,
    }
}
