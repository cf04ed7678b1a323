use jiff::civil::date;
use proptest::prelude::*;

use super::*;

fn period(text: &str) -> Period {
    text.parse().unwrap()
}

#[test]
fn every_kind_is_read_printed_bounded_and_named() {
    let check = |text: &str, first: Date, last: Date, japanese: &str| {
        let period = period(text);
        assert_eq!(period.to_string(), text);
        assert_eq!((period.first(), period.last()), (first, last), "{text}");
        assert_eq!(period.japanese(), japanese);
    };
    check(
        "2026-10-05",
        date(2026, 10, 5),
        date(2026, 10, 5),
        "令和8年10月5日",
    );
    check(
        "2026-10",
        date(2026, 10, 1),
        date(2026, 10, 31),
        "令和8年10月分",
    );
    check(
        "2026-Q1",
        date(2026, 4, 1),
        date(2026, 6, 30),
        "令和8年度第1四半期",
    );
    check(
        "2026-Q3",
        date(2026, 10, 1),
        date(2026, 12, 31),
        "令和8年度第3四半期",
    );
    check(
        "2026-Q4",
        date(2027, 1, 1),
        date(2027, 3, 31),
        "令和8年度第4四半期",
    );
    check(
        "2026-H1",
        date(2026, 4, 1),
        date(2026, 9, 30),
        "令和8年度上半期",
    );
    check(
        "2026-H2",
        date(2026, 10, 1),
        date(2027, 3, 31),
        "令和8年度下半期",
    );
    check("FY2026", date(2026, 4, 1), date(2027, 3, 31), "令和8年度");
    check(
        "2026-04-01..2027-03-31",
        date(2026, 4, 1),
        date(2027, 3, 31),
        "令和8年4月1日から令和9年3月31日まで",
    );
}

#[test]
fn other_texts_are_refused() {
    for bad in [
        "",
        "2026",
        "2026-13",
        "2026-00",
        "2026-1",
        "26-10",
        "2026-Q0",
        "2026-Q5",
        "2026-q3",
        "2026-H3",
        "FY26",
        "FY20266",
        "fy2026",
        "2026-02-30",
        "2026-2-3",
        "2026-10-05T00:00",
        "2026-10-05 ",
        "1800-01",
        "FY9999",
        "2026-04-01..",
        "..2027-03-31",
        "2026-04..2027-03",
        "2027-03-31..2026-04-01",
        "+026-10",
        "2026-+1",
        "2026-10-+5",
        "令和8年度",
    ] {
        assert!(bad.parse::<Period>().is_err(), "{bad}");
    }
    assert!("2026-10-05".parse::<YearMonth>().is_err());
    let backward = "2027-03-31..2026-04-01".parse::<Period>().unwrap_err();
    assert!(backward.to_string().contains("順を直して"));
}

#[test]
fn periods_over_a_range() {
    let texts = |kind: PeriodKind, first, last| -> Vec<String> {
        kind.over(first, last)
            .map(|period| period.to_string())
            .collect()
    };
    let (first, last) = (date(2026, 4, 1), date(2027, 3, 31));
    assert_eq!(texts(PeriodKind::Month, first, last).len(), 12);
    assert_eq!(texts(PeriodKind::Day, first, last).len(), 365);
    assert_eq!(
        texts(PeriodKind::Quarter, first, last),
        ["2026-Q1", "2026-Q2", "2026-Q3", "2026-Q4"]
    );
    assert_eq!(texts(PeriodKind::Half, first, last), ["2026-H1", "2026-H2"]);
    assert_eq!(texts(PeriodKind::FiscalYear, first, last), ["FY2026"]);
    // A range that cuts periods holds those it touches.
    assert_eq!(
        texts(PeriodKind::Month, date(2026, 12, 31), date(2027, 2, 1)),
        ["2026-12", "2027-01", "2027-02"]
    );
    assert_eq!(
        texts(PeriodKind::FiscalYear, date(2026, 3, 31), first),
        ["FY2025", "FY2026"]
    );
    assert!(texts(PeriodKind::Month, last, first).is_empty());
    assert_eq!(period("2026-H1").days().count(), 183);
}

#[test]
fn periods_hold_days_and_periods() {
    assert!(period("2026-Q4").contains(date(2027, 1, 1)));
    assert!(!period("2026-Q4").contains(date(2026, 12, 31)));
    assert!(period("FY2026").covers(period("2026-04-01..2027-03-31")));
    assert!(period("FY2026").covers(period("2027-03")));
    assert!(!period("FY2026").covers(period("2027-04")));
    assert_eq!(period("2026-04-01..2027-03-31").next(), None);
    assert_eq!(period("2026-04-01..2027-03-31").kind(), None);
    assert!(period("2026-10") < period("2026-11"));
    assert!(period("2026-10-01") < period("2026-10"));
    assert_ne!(period("2026-10-01"), period("2026-10-01..2026-10-01"));
}

#[test]
fn json_is_the_text() {
    let json = serde_json::to_string(&period("2026-Q3")).unwrap();
    assert_eq!(json, "\"2026-Q3\"");
    assert_eq!(
        serde_json::from_str::<Period>(&json).unwrap(),
        period("2026-Q3")
    );
    assert!(serde_json::from_str::<Period>("\"2026-Q9\"").is_err());
}

#[test]
fn the_ends_of_time_do_not_wrap() {
    let last = PeriodKind::Month.containing(date(9998, 12, 31));
    assert_eq!(last.next(), None);
    assert_eq!(
        YearMonth::new(9998, 12).unwrap().plus(5),
        YearMonth::new(9998, 12).unwrap()
    );
    assert_eq!(
        YearMonth::new(1868, 1).unwrap().plus(i32::MIN).to_string(),
        "1868-01"
    );
    assert_eq!(Period::Day(Date::MAX).next(), None);
    assert_eq!(Period::Day(Date::MIN).previous(), None);
}

fn any_day() -> impl Strategy<Value = Date> {
    (0..90_000_i64).prop_map(|offset| date(1900, 1, 1).checked_add(offset.days()).unwrap())
}

const KINDS: [PeriodKind; 5] = [
    PeriodKind::Day,
    PeriodKind::Month,
    PeriodKind::Quarter,
    PeriodKind::Half,
    PeriodKind::FiscalYear,
];

proptest! {
    #[test]
    fn text_round_trip(day in any_day(), length in 0..2_000_i64) {
        let last = day.checked_add(length.days()).unwrap();
        let range = Period::term(day, last).unwrap();
        prop_assert_eq!(period(&range.to_string()), range);
        for kind in KINDS {
            let one = kind.containing(day);
            prop_assert_eq!(period(&one.to_string()), one);
        }
    }

    #[test]
    fn periods_of_a_kind_tile_the_days(day in any_day()) {
        for kind in KINDS {
            let one = kind.containing(day);
            prop_assert!(one.contains(day));
            prop_assert_eq!(one.kind(), Some(kind));
            let (next, previous) = (one.next().unwrap(), one.previous().unwrap());
            prop_assert_eq!(one.last().tomorrow().unwrap(), next.first());
            prop_assert_eq!(previous.last().tomorrow().unwrap(), one.first());
            prop_assert_eq!(next.previous(), Some(one));
            prop_assert!(previous < one && one < next);
            prop_assert_eq!(kind.containing(one.first()), kind.containing(one.last()));
        }
    }

    #[test]
    // Within the years that months may name: beyond them `plus` stops.
    fn month_arithmetic_adds_up(day in any_day(), a in -180..180_i32, b in -180..180_i32) {
        let month = YearMonth::of(day);
        prop_assert_eq!(month.plus(a).plus(b), month.plus(a + b));
        prop_assert_eq!(month.plus(1).first(), month.last().tomorrow().unwrap());
    }
}
