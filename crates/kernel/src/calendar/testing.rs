//! Strategies shared by the property tests of the calendar.

use jiff::ToSpan;
use jiff::civil::{Date, date};
use proptest::prelude::*;

use super::{Closure, DaySet, HolidayLaw, Weekdays, YearlyRange};

/// Days from 1950 to 2149.
pub fn any_day() -> impl Strategy<Value = Date> {
    (0..73_000_i64).prop_map(|offset| date(1950, 1, 1).checked_add(offset.days()).unwrap())
}

/// Sets such as contracts have: some weekdays, perhaps the law, perhaps a year-end closure,
/// perhaps a closed week and an exceptional open day.
pub fn any_set() -> impl Strategy<Value = DaySet> {
    let year_end = prop_oneof![
        Just(None),
        Just(Some("12-29..01-03")),
        Just(Some("12-31..01-03")),
        Just(Some("12-29..01-04")),
        Just(Some("12-31..01-05")),
    ];
    (0..64_u8, any::<bool>(), year_end, any_day(), any_day()).prop_map(
        |(weekdays, law, year_end, closed_from, open)| {
            let days = (0..6)
                .filter(|bit| weekdays & (1 << bit) != 0)
                .map(|bit| jiff::civil::Weekday::from_monday_zero_offset(6 - bit).unwrap());
            let mut set = DaySet::builder("試験用")
                .with(Closure::Weekdays(Weekdays::of(days)))
                .with(Closure::Days(
                    closed_from,
                    closed_from.checked_add(6.days()).unwrap(),
                    "臨時休館".into(),
                ))
                .with(Closure::Open(open, open));
            if law {
                set = set.with(Closure::LawHolidays(HolidayLaw::standard()));
            }
            if let Some(range) = year_end {
                let range: YearlyRange = range.parse().unwrap();
                set = set.with(Closure::Yearly(range, "年末年始".into()));
            }
            set.build()
        },
    )
}
