use jiff::SignedDuration;
use jiff::civil::{Weekday, date, datetime, time};
use proptest::prelude::*;

use super::super::{Closure, HolidayLaw, YearlyRange};
use super::*;

fn at(text: &str) -> Timestamp {
    tokyo_instant(text.parse().unwrap())
}

fn windows(parts: &[(&str, &str)]) -> Vec<Window> {
    parts
        .iter()
        .map(|(days, times)| Window::parse(days.parse().unwrap(), times).unwrap())
        .collect()
}

fn office() -> ServiceHours {
    ServiceHours::new(
        windows(&[("mon..fri", "08:45-17:15")]),
        DaySet::closed_days(YearlyRange::YEAR_END),
    )
    .unwrap()
}

#[test]
fn office_hours_hold_their_beginning_and_not_their_end() {
    let hours = office();
    let inside = |text| hours.contains(at(text));
    assert!(!inside("2026-10-09T08:44:59"));
    assert!(inside("2026-10-09T08:45:00"));
    assert!(inside("2026-10-09T17:14:59"));
    assert!(!inside("2026-10-09T17:15:00"));
    assert!(!inside("2026-10-10T10:00:00")); // 土
    assert!(!inside("2026-10-12T10:00:00")); // スポーツの日
    assert!(!inside("2026-12-29T10:00:00")); // 年末年始
    // Work until the closing time is inside all the same.
    let covers = |from, to| hours.covers(at(from), at(to));
    assert!(covers("2026-10-09T08:45:00", "2026-10-09T17:15:00"));
    assert!(!covers("2026-10-09T08:44:59", "2026-10-09T09:00:00"));
    assert!(!covers("2026-10-09T17:00:00", "2026-10-09T17:15:01"));
    assert!(!covers("2026-10-09T17:00:00", "2026-10-13T09:00:00"));
    assert!(!covers("2026-10-09T12:00:00", "2026-10-09T11:00:00"));
}

#[test]
fn minutes_and_ends_jump_over_closed_hours() {
    let hours = office();
    let friday = at("2026-10-09T16:15:00");
    assert_eq!(hours.minutes_between(friday, at("2026-10-13T09:15:00")), 90);
    assert_eq!(hours.seconds_between(friday, friday), 0);
    assert_eq!(hours.seconds_between(at("2026-10-13T09:15:00"), friday), 0);
    let end = |minutes| hours.end_after(friday, minutes).unwrap();
    assert_eq!(end(0), friday);
    assert_eq!(end(60), at("2026-10-09T17:15:00"));
    assert_eq!(end(61), at("2026-10-13T08:46:00"));
    // 510 minutes a day: over the year's end.
    let from = at("2026-12-28T17:00:00");
    assert_eq!(
        hours.end_after(from, 15 + 510).unwrap(),
        at("2027-01-04T17:15:00")
    );
    assert_eq!(hours.next_opening(from).unwrap(), from);
    assert_eq!(
        hours.next_opening(at("2026-12-28T17:15:00")).unwrap(),
        at("2027-01-04T08:45:00")
    );
    assert_eq!(
        hours.next_opening(at("2027-01-04T07:00:00")).unwrap(),
        at("2027-01-04T08:45:00")
    );
    // Received at night: the count begins in the morning.
    assert_eq!(
        hours.end_after(at("2026-10-12T23:00:00"), 30).unwrap(),
        at("2026-10-13T09:15:00")
    );
}

#[test]
fn a_window_across_midnight_belongs_to_the_day_it_begins() {
    let night = ServiceHours::new(windows(&[("mon..fri", "22:00-05:00")]), DaySet::law()).unwrap();
    assert!(night.contains(at("2026-10-10T04:59:00"))); // Saturday morning, from Friday
    assert!(!night.contains(at("2026-10-10T22:30:00")));
    assert!(!night.contains(at("2026-10-12T22:30:00"))); // スポーツの日
    assert!(!night.contains(at("2026-10-13T04:00:00"))); // would have begun on the holiday
    assert_eq!(
        night.minutes_between(at("2026-10-09T00:00:00"), at("2026-10-14T00:00:00")),
        5 * 60 + 7 * 60 + 2 * 60
    );
    assert_eq!(
        night
            .end_after(at("2026-10-09T23:00:00"), 6 * 60 + 1)
            .unwrap(),
        at("2026-10-13T22:01:00")
    );
}

#[test]
fn several_windows_touching_and_overlapping_count_once() {
    let hours = ServiceHours::new(
        windows(&[
            ("mon..sat", "08:45-12:15"),
            ("mon..sat", "13:00-17:15"),
            ("mon", "12:00-13:30"),
            ("sun", "20:00-09:00"),
        ]),
        // Mon–Sat without holidays: the days left out are part of the rule.
        DaySet::builder("祝日")
            .with(Closure::LawHolidays(HolidayLaw::standard()))
            .build(),
    )
    .unwrap();
    let minutes = |from, to| hours.minutes_between(at(from), at(to));
    assert_eq!(minutes("2026-10-10T00:00:00", "2026-10-11T00:00:00"), 465); // Saturday
    // Sunday 20:00 runs into Monday 09:00 and its window from 8:45; the lunch is filled.
    assert_eq!(
        minutes("2026-10-04T00:00:00", "2026-10-06T00:00:00"),
        240 + 1035
    );
    assert!(hours.covers(at("2026-10-04T20:00:00"), at("2026-10-05T17:15:00")));
    assert!(!hours.covers(at("2026-10-06T12:00:00"), at("2026-10-06T13:00:00")));
}

#[test]
fn around_the_clock() {
    let hours = ServiceHours::always();
    let (from, to) = (at("2026-04-01T00:00:00"), at("2027-04-01T00:00:00"));
    assert_eq!(hours.minutes_between(from, to), 365 * 1440);
    assert!(hours.covers(from, to));
    assert_eq!(hours.end_after(from, 365 * 1440).unwrap(), to);
    assert!(hours.contains(at("2027-01-01T00:00:00")));
    let written = ServiceHours::new(windows(&[("all", "00:00-24:00")]), DaySet::never_closed());
    assert_eq!(written.unwrap(), hours);
}

#[test]
fn windows_are_read_printed_and_refused() {
    let check = |text: &str, printed: &str| {
        let window = Window::parse(Weekdays::MONDAY_TO_FRIDAY, text).unwrap();
        assert_eq!(window.to_string(), format!("月火水木金 {printed}"));
    };
    check("8:45-17:15", "08:45-17:15");
    check("08:45～17:15", "08:45-17:15");
    check("22:00-05:00", "22:00-05:00");
    check("00:00-24:00", "00:00-24:00");
    check("22:00-24:00", "22:00-24:00");
    for bad in [
        "",
        "08:45",
        "8-17",
        "25:00-26:00",
        "08:60-09:00",
        "08:45-17:15-",
        "24:00-25:00",
    ] {
        assert!(Window::parse(Weekdays::ALL, bad).is_err(), "{bad}");
    }
    assert_eq!(
        ServiceHours::new(Vec::new(), DaySet::law()),
        Err(CalendarError::NeverOpen)
    );
    // Sundays only, with Sundays closed: found out when asked.
    let never = ServiceHours::new(windows(&[("sun", "09:00-10:00")]), DaySet::law()).unwrap();
    let now = at("2026-04-01T00:00:00");
    assert_eq!(never.next_opening(now), Err(CalendarError::NeverOpen));
    assert_eq!(never.end_after(now, 1), Err(CalendarError::NeverOpen));
    assert_eq!(never.minutes_between(now, at("2026-05-01T00:00:00")), 0);
}

#[test]
fn half_days() {
    let rule = HalfDayRule {
        closed: DaySet::closed_days(YearlyRange::YEAR_END),
        noon: time(12, 0, 0, 0),
        day_end: time(17, 15, 0, 0),
    };
    let check = |received, due| assert_eq!(rule.due(received), Ok(due), "{received}");
    // Friday morning, Friday afternoon before スポーツの日, the weekend.
    check(
        datetime(2026, 10, 9, 11, 59, 0, 0),
        datetime(2026, 10, 9, 17, 15, 0, 0),
    );
    check(
        datetime(2026, 10, 9, 12, 0, 0, 0),
        datetime(2026, 10, 13, 12, 0, 0, 0),
    );
    check(
        datetime(2026, 10, 9, 23, 0, 0, 0),
        datetime(2026, 10, 13, 12, 0, 0, 0),
    );
    check(
        datetime(2026, 10, 11, 9, 0, 0, 0),
        datetime(2026, 10, 13, 17, 15, 0, 0),
    );
    assert_eq!(
        rule.due_instant(at("2026-10-09T11:59:00")).unwrap(),
        at("2026-10-09T17:15:00")
    );
}

#[test]
fn fractions_of_a_second_do_not_leak_out_of_the_window() {
    let hours = office();
    let late = at("2026-10-09T17:15:00") + SignedDuration::from_millis(1);
    assert!(!hours.covers(at("2026-10-09T17:00:00"), late));
    assert!(!hours.contains(late));
}

fn any_hours() -> impl Strategy<Value = ServiceHours> {
    let window = (1..128_u8, 0..1440_u16, 0..1440_u16).prop_map(|(days, start, end)| {
        let minute = |at: u16| time((at / 60) as i8, (at % 60) as i8, 0, 0);
        let days = (0..7)
            .filter(|bit| days & (1 << bit) != 0)
            .map(|bit| Weekday::from_monday_zero_offset(bit).unwrap());
        Window::new(Weekdays::of(days), minute(start), minute(end))
    });
    (prop::collection::vec(window, 1..4), any::<bool>()).prop_filter_map(
        "some window begins on a weekday that is not closed",
        |(windows, closed)| {
            let set = if closed {
                DaySet::law()
            } else {
                DaySet::never_closed()
            };
            let open = windows.iter().any(|window| {
                !closed
                    || window
                        .weekdays
                        .to_string()
                        .contains(['月', '火', '水', '木', '金'])
            });
            open.then(|| ServiceHours::new(windows, set).unwrap())
        },
    )
}

fn any_instant() -> impl Strategy<Value = Timestamp> {
    (0..60_i64 * 24 * 400).prop_map(|minute| {
        tokyo_instant(date(2026, 1, 1).to_datetime(Time::midnight()))
            + SignedDuration::from_mins(minute)
    })
}

proptest! {
    #[test]
    fn the_end_holds_exactly_the_minutes_asked_for(
        hours in any_hours(), from in any_instant(), minutes in 1..20_000_u32,
    ) {
        let end = hours.end_after(from, minutes).unwrap();
        prop_assert_eq!(hours.minutes_between(from, end), i64::from(minutes));
        // Not a second earlier would do.
        let before = end - SignedDuration::from_secs(1);
        prop_assert_eq!(hours.seconds_between(from, before), i64::from(minutes) * 60 - 1);
        prop_assert!(hours.contains(before));
    }

    #[test]
    fn time_adds_up(hours in any_hours(), mut instants in prop::array::uniform3(any_instant())) {
        instants.sort();
        let [a, b, c] = instants;
        prop_assert_eq!(
            hours.seconds_between(a, b) + hours.seconds_between(b, c),
            hours.seconds_between(a, c)
        );
        prop_assert!(hours.seconds_between(a, c) <= c.duration_since(a).as_secs());
        if a < b {
            let full = hours.seconds_between(a, b) == b.duration_since(a).as_secs();
            prop_assert_eq!(hours.covers(a, b), full);
        }
    }

    #[test]
    fn the_next_opening_is_open_and_nothing_before_it(hours in any_hours(), from in any_instant()) {
        let opening = hours.next_opening(from).unwrap();
        prop_assert!(opening >= from && hours.contains(opening));
        prop_assert_eq!(hours.seconds_between(from, opening), 0);
    }

    #[test]
    fn half_day_dues_are_monotone(a in any_instant(), b in any_instant()) {
        let rule = HalfDayRule {
            closed: DaySet::law(),
            noon: time(12, 0, 0, 0),
            day_end: time(17, 15, 0, 0),
        };
        let (first, second) = (a.min(b), a.max(b));
        prop_assert!(rule.due_instant(first).unwrap() <= rule.due_instant(second).unwrap());
    }
}
