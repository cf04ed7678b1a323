use jiff::civil::date;
use proptest::prelude::*;

use super::super::testing::{any_day, any_set};
use super::super::{Closure, YearlyRange};
use super::*;
use crate::period::YearMonth;

fn sapporo() -> Roll {
    Roll {
        trigger: DaySet::law(),
        target: DaySet::closed_days(YearlyRange::YEAR_END),
        direction: Direction::Forward,
    }
}

#[test]
fn the_monthly_reports_of_fiscal_2026_fall_due_as_the_contract_says() {
    // obligations.md, section 3: period, the 10th after it, why it moved, due date.
    let table = [
        ("2026-04", "2026-05-10", "5/10 日", "2026-05-11"),
        ("2026-05", "2026-06-10", "", "2026-06-10"),
        ("2026-06", "2026-07-10", "", "2026-07-10"),
        ("2026-07", "2026-08-10", "", "2026-08-10"),
        ("2026-08", "2026-09-10", "", "2026-09-10"),
        (
            "2026-09",
            "2026-10-10",
            "10/10 土、10/11 日、10/12 スポーツの日",
            "2026-10-13",
        ),
        ("2026-10", "2026-11-10", "", "2026-11-10"),
        ("2026-11", "2026-12-10", "", "2026-12-10"),
        (
            "2026-12",
            "2027-01-10",
            "1/10 日、1/11 成人の日",
            "2027-01-12",
        ),
        ("2027-01", "2027-02-10", "", "2027-02-10"),
        ("2027-02", "2027-03-10", "", "2027-03-10"),
        ("2027-03", "2027-04-10", "4/10 土、4/11 日", "2027-04-12"),
    ];
    for rule in [sapporo(), Roll::same(sapporo().target, Direction::Forward)] {
        for (period, tenth, reason, due) in table {
            let month: YearMonth = period.parse().unwrap();
            let next = month.plus(1).first();
            let original = date(next.year(), next.month(), 10);
            assert_eq!(original.to_string(), tenth);
            let rolled = rule.apply(original).unwrap();
            assert_eq!(rolled.date.to_string(), due, "{period}");
            assert_eq!(rolled.reason(), reason, "{period}");
            assert_eq!(rolled.moved(), !reason.is_empty());
            assert_eq!(rule.date(original), Ok(rolled.date));
        }
    }
}

#[test]
fn trigger_and_target_are_two_sets() {
    // 12-30 is a Wednesday: closed, but no law holiday, so this contract does not move it.
    let rolled = sapporo().apply(date(2026, 12, 30)).unwrap();
    assert_eq!(rolled, Rolled::unmoved(date(2026, 12, 30)));
    // 2028-12-30 is a Saturday: it moves, and past the whole year-end closure.
    let rolled = sapporo().apply(date(2028, 12, 30)).unwrap();
    assert_eq!(rolled.date, date(2029, 1, 4));
    assert_eq!(
        rolled.reason(),
        "12/30 土、12/31 日・年末年始、1/1 元日・年末年始、1/2 年末年始、1/3 年末年始"
    );
    // With one set for both, every closed day moves.
    let rule = Roll::same(sapporo().target, Direction::Forward);
    assert_eq!(rule.date(date(2026, 12, 30)), Ok(date(2027, 1, 4)));
}

#[test]
fn a_triggered_day_moves_even_if_the_target_set_is_open_on_it() {
    // The body opens on Saturdays; the text still says 「土曜日に当たるときは翌開庁日」.
    let saturdays_open = DaySet::builder("図書館")
        .with(Closure::Weekdays("sun".parse().unwrap()))
        .build();
    let rule = Roll {
        trigger: DaySet::law(),
        target: saturdays_open,
        direction: Direction::Forward,
    };
    let rolled = rule.apply(date(2026, 10, 10)).unwrap();
    assert_eq!(rolled.date, date(2026, 10, 12)); // スポーツの日, but this body is open
    assert_eq!(rolled.reason(), "10/10 土、10/11 日");
}

#[test]
fn backward_and_none() {
    let set = DaySet::closed_days(YearlyRange::YEAR_END);
    let back = Roll::same(set.clone(), Direction::Backward);
    let rolled = back.apply(date(2027, 1, 3)).unwrap();
    assert_eq!(rolled.date, date(2026, 12, 28));
    assert_eq!(rolled.skipped.len(), 6);
    assert_eq!(rolled.skipped[0].to_string(), "1/3 日・年末年始");
    let none = Roll::same(set, Direction::None);
    assert_eq!(none.apply(date(2027, 1, 3)).unwrap().date, date(2027, 1, 3));
    assert_eq!(Roll::none().date(date(2027, 1, 3)), Ok(date(2027, 1, 3)));
}

#[test]
fn japanese_text_and_json() {
    let rolled = sapporo().apply(date(2026, 10, 10)).unwrap();
    assert_eq!(
        rolled.japanese(),
        "令和8年10月13日（火）［10/10 土、10/11 日、10/12 スポーツの日］"
    );
    assert_eq!(
        sapporo().apply(date(2026, 11, 10)).unwrap().japanese(),
        "令和8年11月10日（火）"
    );
    let json = serde_json::to_value(&rolled.skipped[0]).unwrap();
    assert_eq!(
        json,
        serde_json::json!({"date": "2026-10-10", "reason": "土"})
    );
}

proptest! {
    #[test]
    fn a_roll_never_lands_on_a_closed_day(
        trigger in any_set(),
        target in any_set(),
        day in any_day(),
        forward in any::<bool>(),
    ) {
        let direction = if forward { Direction::Forward } else { Direction::Backward };
        let rule = Roll { trigger: trigger.clone(), target: target.clone(), direction };
        let rolled = rule.apply(day).unwrap();
        prop_assert_eq!(rule.date(day).unwrap(), rolled.date);
        if trigger.is_open(day) {
            prop_assert_eq!(rolled, Rolled::unmoved(day));
        } else {
            prop_assert!(target.is_open(rolled.date));
            prop_assert_eq!(rolled.date > day, forward);
            prop_assert!(rolled.skipped.iter().all(|skipped| !skipped.reason.is_empty()));
            prop_assert_eq!(rolled.skipped[0].date, day);
        }
    }

    #[test]
    fn with_one_set_rolling_is_idempotent_and_monotone(
        set in any_set(), a in any_day(), gap in 0..20_i64,
    ) {
        let rule = Roll::same(set, Direction::Forward);
        let b = a.checked_add(jiff::ToSpan::days(gap)).unwrap();
        let (first, second) = (rule.date(a).unwrap(), rule.date(b).unwrap());
        prop_assert!(first <= second);
        prop_assert_eq!(rule.date(first).unwrap(), first);
    }
}
