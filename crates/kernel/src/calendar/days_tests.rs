use jiff::civil::date;
use proptest::prelude::*;

use super::super::testing::{any_day, any_set};
use super::*;

fn sapporo() -> DaySet {
    DaySet::closed_days(YearlyRange::YEAR_END)
}

#[test]
fn sapporo_has_241_open_days_in_fiscal_2026() {
    let set = sapporo();
    assert_eq!(set.count_open(date(2026, 4, 1), date(2027, 3, 31)), 241);
    let months: Vec<u32> = (0..12)
        .map(|step| YearMonth::new(2026, 4).unwrap().plus(step))
        .map(|month| set.count_open(month.first(), month.last()))
        .collect();
    assert_eq!(months, [21, 18, 22, 22, 20, 19, 21, 19, 20, 19, 18, 22]);
}

#[test]
fn open_days_of_a_month() {
    let set = sapporo();
    let december = YearMonth::new(2026, 12).unwrap();
    assert_eq!(set.last_open_of(december), Ok(date(2026, 12, 28)));
    assert_eq!(set.nth_open_of(december, 1), Ok(date(2026, 12, 1)));
    assert_eq!(set.nth_open_of(december, 20), Ok(date(2026, 12, 28)));
    assert_eq!(
        set.nth_open_of(december, 21),
        Err(CalendarError::NoSuchOpenDay {
            month: "2026-12".into(),
            open: 20,
            asked: 21
        })
    );
    assert!(set.nth_open_of(december, 0).is_err());
    let january = YearMonth::new(2027, 1).unwrap();
    assert_eq!(set.nth_open_of(january, 1), Ok(date(2027, 1, 4)));
}

#[test]
fn reasons_name_every_closure_that_holds() {
    let set = sapporo();
    let reason = |day| set.reason(day);
    assert_eq!(reason(date(2026, 10, 10)).as_deref(), Some("土"));
    assert_eq!(reason(date(2026, 10, 12)).as_deref(), Some("スポーツの日"));
    assert_eq!(reason(date(2026, 5, 3)).as_deref(), Some("日・憲法記念日"));
    assert_eq!(reason(date(2027, 1, 1)).as_deref(), Some("元日・年末年始"));
    assert_eq!(reason(date(2026, 12, 29)).as_deref(), Some("年末年始"));
    assert_eq!(reason(date(2026, 10, 13)), None);
}

#[test]
fn closures_hold_from_and_until_their_days() {
    // A town that closed 12-31..01-05 until 2019 and 12-29..01-03 since.
    let old = Closure::Yearly("12-31..01-05".parse().unwrap(), "年末年始".into());
    let new = Closure::Yearly(YearlyRange::YEAR_END, "年末年始".into());
    let town = DaySet::builder("当別町")
        .with_during(old, None, Some(date(2019, 11, 30)))
        .with_during(new, Some(date(2019, 12, 1)), None)
        .build();
    assert!(town.contains(date(2019, 1, 5)));
    assert!(town.is_open(date(2018, 12, 29)));
    assert!(town.contains(date(2019, 12, 29)));
    assert!(town.is_open(date(2020, 1, 5)));
}

#[test]
fn extra_closed_days_and_exceptional_open_days() {
    let set = sapporo()
        .extend("札幌市")
        .with(Closure::Days(
            date(2026, 8, 13),
            date(2026, 8, 14),
            "庁舎停電".into(),
        ))
        .with(Closure::Open(date(2026, 8, 15), date(2026, 8, 15)))
        .build();
    assert_eq!(set.reason(date(2026, 8, 13)).as_deref(), Some("庁舎停電"));
    assert_eq!(set.next_open(date(2026, 8, 12)), Ok(date(2026, 8, 15)));
    assert_eq!(set.reason(date(2026, 8, 15)), None);
    assert!(sapporo().is_open(date(2026, 8, 13)));
}

#[test]
fn year_ends_of_every_kind() {
    let check = |text: &str, closed: &[(i8, i8)], open: &[(i8, i8)]| {
        let range: YearlyRange = text.parse().unwrap();
        let on = |(month, day): &(i8, i8)| range.contains(date(2026, *month, *day));
        assert!(closed.iter().all(on), "{text}");
        assert!(!open.iter().any(on), "{text}");
        assert_eq!(range.to_string(), text);
    };
    check(
        "12-29..01-03",
        &[(12, 29), (12, 31), (1, 1), (1, 3)],
        &[(12, 28), (1, 4), (7, 1)],
    );
    check("12-31..01-03", &[(12, 31), (1, 3)], &[(12, 30), (1, 4)]);
    check("12-29..01-04", &[(12, 29), (1, 4)], &[(12, 28), (1, 5)]);
    check("08-13..08-15", &[(8, 13), (8, 15)], &[(8, 12), (12, 31)]);
    for bad in [
        "",
        "12-29",
        "12-29..",
        "12-32..01-03",
        "12/29..1/3",
        "02-30..03-01",
    ] {
        let parsed = bad.parse::<YearlyRange>();
        assert_eq!(parsed.is_ok(), bad == "12-29", "{bad}: {parsed:?}");
    }
    assert!("02-29..03-01".parse::<YearlyRange>().is_ok());
}

#[test]
fn weekday_sets_are_read_and_printed() {
    let check = |text: &str, expected: &str| {
        let set: Weekdays = text.parse().unwrap();
        assert_eq!(set.to_string(), expected, "{text}");
    };
    check("mon..fri", "月火水木金");
    check("sat,sun", "土日");
    check("sat..mon", "月土日");
    check("Mon, Wed..Thu", "月水木");
    check("月火水木金土", "月火水木金土");
    check("all", "月火水木金土日");
    assert_eq!("mon..fri".parse(), Ok(Weekdays::MONDAY_TO_FRIDAY));
    for bad in ["", "monday", "mon..", "祝", "1-5"] {
        assert!(bad.parse::<Weekdays>().is_err(), "{bad}");
    }
}

#[test]
fn a_set_without_open_days_is_refused_and_the_end_of_time_too() {
    let never = DaySet::builder("休館")
        .with(Closure::Weekdays(Weekdays::ALL))
        .build();
    let error = never.next_open(date(2026, 4, 1)).unwrap_err();
    assert!(error.to_string().contains("「休館」の開庁日がありません"));
    assert_eq!(
        DaySet::law().next_open(Date::MAX),
        Err(CalendarError::OutOfRange(Date::MAX))
    );
}

proptest! {
    #[test]
    fn neighbours_are_open_and_nothing_lies_between(set in any_set(), day in any_day()) {
        let after = set.next_open(day).unwrap();
        prop_assert!(set.is_open(after) && after > day);
        prop_assert_eq!(set.count_open(day.tomorrow().unwrap(), after), 1);
        let before = set.previous_open(day).unwrap();
        prop_assert!(set.is_open(before) && before < day);
        prop_assert_eq!(set.count_open(before, day.yesterday().unwrap()), 1);
    }

    #[test]
    fn adding_then_subtracting_returns(set in any_set(), day in any_day(), count in 0..80_i32) {
        let start = set.open_on_or_after(day).unwrap();
        let there = set.add_open_days(start, count).unwrap();
        prop_assert_eq!(set.add_open_days(there, -count).unwrap(), start);
        // From an open day, n open days further on there are n + 1 open days, ends included.
        prop_assert_eq!(set.count_open(start, there), count as u32 + 1);
    }

    #[test]
    fn adding_is_monotone(set in any_set(), a in any_day(), gap in 0..40_i64, count in -60..60_i32) {
        let b = a.checked_add(jiff::ToSpan::days(gap)).unwrap();
        prop_assert!(set.add_open_days(a, count).unwrap() <= set.add_open_days(b, count).unwrap());
    }

    #[test]
    fn a_day_is_open_or_has_a_reason(set in any_set(), day in any_day()) {
        prop_assert_eq!(set.is_open(day), set.reason(day).is_none());
        prop_assert_eq!(set.reason(day).is_some_and(|reason| reason.is_empty()), false);
    }
}
