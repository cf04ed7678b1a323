use jiff::civil::date;
use proptest::prelude::*;

use super::super::YearlyRange;
use super::super::testing::{any_day, any_set};
use super::*;

fn check(term: &DayTerm, event: Date, expected: Date) {
    assert_eq!(term.last_day(event), Ok(expected), "{term:?} from {event}");
}

fn months_after(count: u32) -> DayTerm {
    DayTerm::after(Span::Months(count))
}

#[test]
fn one_week_after_the_contract_of_april_first_is_april_eighth() {
    let term = DayTerm::after(Span::Weeks(1));
    check(&term, date(2026, 4, 1), date(2026, 4, 8));
    let counted = DayTerm {
        first_day: FirstDay::Counted,
        ..term.clone()
    };
    check(&counted, date(2026, 4, 1), date(2026, 4, 7));
    let strict = DayTerm {
        bound: Bound::Strict,
        ..term
    };
    check(&strict, date(2026, 4, 1), date(2026, 4, 7));
}

#[test]
fn months_end_before_the_corresponding_day() {
    // 民法143条2項. The first day is the day after the event.
    check(&months_after(1), date(2026, 4, 10), date(2026, 5, 10));
    check(&months_after(3), date(2026, 3, 31), date(2026, 6, 30));
    check(&months_after(1), date(2026, 4, 30), date(2026, 5, 31));
    // First day 1-29, 1-30, 1-31: February 2026 has none of them, so its last day.
    check(&months_after(1), date(2026, 1, 28), date(2026, 2, 28));
    check(&months_after(1), date(2026, 1, 29), date(2026, 2, 28));
    check(&months_after(1), date(2026, 1, 30), date(2026, 2, 28));
    // First day 1-28 has its corresponding day, so the day before it; 2-01 too.
    check(&months_after(1), date(2026, 1, 27), date(2026, 2, 27));
    check(&months_after(1), date(2026, 1, 31), date(2026, 2, 28));
    // In a leap year 1-29 corresponds to 2-29.
    check(&months_after(1), date(2028, 1, 28), date(2028, 2, 28));
    check(&months_after(1), date(2028, 1, 29), date(2028, 2, 29));
}

#[test]
fn years_and_counted_first_days() {
    let year = DayTerm::after(Span::Years(1));
    check(&year, date(2026, 3, 31), date(2027, 3, 31));
    check(&year, date(2028, 2, 28), date(2029, 2, 28));
    // 初日算入: a year from 1 April ends with 31 March.
    let counted = DayTerm {
        first_day: FirstDay::Counted,
        ..year
    };
    check(&counted, date(2026, 4, 1), date(2027, 3, 31));
    check(&counted, date(2028, 2, 29), date(2029, 2, 28));
}

#[test]
fn before_an_event() {
    let week_before = DayTerm::before(Span::Days(7));
    check(&week_before, date(2026, 10, 15), date(2026, 10, 8));
    let clear = DayTerm {
        bound: Bound::Strict,
        ..week_before.clone()
    };
    check(&clear, date(2026, 10, 15), date(2026, 10, 7)); // 中7日
    let counted = DayTerm {
        first_day: FirstDay::Counted,
        ..week_before
    };
    check(&counted, date(2026, 10, 15), date(2026, 10, 9));
    let month_before = DayTerm::before(Span::Months(1));
    check(&month_before, date(2026, 3, 31), date(2026, 2, 28));
    let years_before = DayTerm::before(Span::Years(2));
    check(&years_before, date(2028, 2, 29), date(2026, 2, 28));
}

#[test]
fn open_days_after_and_before() {
    let set = DaySet::closed_days(YearlyRange::YEAR_END);
    let after = |count| DayTerm::after(Span::OpenDays(count, set.clone()));
    // Friday before スポーツの日: the first open day after it is Tuesday.
    check(&after(1), date(2026, 10, 9), date(2026, 10, 13));
    check(&after(5), date(2026, 10, 9), date(2026, 10, 19));
    let counted = DayTerm {
        first_day: FirstDay::Counted,
        ..after(5)
    };
    check(&counted, date(2026, 10, 9), date(2026, 10, 16));
    // A closed event day is no open day, counted or not.
    check(&counted, date(2026, 10, 10), date(2026, 10, 19));
    let strict = DayTerm {
        bound: Bound::Strict,
        ..after(5)
    };
    check(&strict, date(2026, 10, 9), date(2026, 10, 16));
    let before = DayTerm::before(Span::OpenDays(3, set.clone()));
    check(&before, date(2026, 10, 14), date(2026, 10, 8));
    let clear = DayTerm {
        bound: Bound::Strict,
        ..before
    };
    check(&clear, date(2026, 10, 14), date(2026, 10, 7));
}

#[test]
fn empty_and_endless_spans() {
    check(
        &DayTerm::after(Span::Days(0)),
        date(2026, 4, 1),
        date(2026, 4, 1),
    );
    let strict = |span| DayTerm {
        bound: Bound::Strict,
        ..DayTerm::after(span)
    };
    let empty = Err(CalendarError::EmptySpan);
    let day = date(2026, 4, 1);
    assert_eq!(strict(Span::Months(0)).last_day(day), empty);
    assert_eq!(
        strict(Span::OpenDays(0, DaySet::law())).last_day(day),
        empty
    );
    let no_day_left = |span| DayTerm {
        first_day: FirstDay::Counted,
        ..strict(span)
    };
    assert_eq!(no_day_left(Span::Days(1)).last_day(day), empty);
    assert_eq!(
        no_day_left(Span::OpenDays(1, DaySet::law())).last_day(day),
        empty
    );
    for span in [
        Span::Days(u32::MAX),
        Span::Weeks(u32::MAX),
        Span::Months(u32::MAX),
        Span::Years(u32::MAX),
    ] {
        let term = DayTerm::after(span.clone());
        assert_eq!(
            term.last_day(day),
            Err(CalendarError::OutOfRange(day)),
            "{span:?}"
        );
        let term = DayTerm::before(span);
        assert_eq!(term.last_day(day), Err(CalendarError::OutOfRange(day)));
    }
    assert_eq!(
        same_day_months_later(day, i32::MAX),
        Err(CalendarError::OutOfRange(day))
    );
}

#[test]
fn the_same_day_months_later() {
    let later = |day, months| same_day_months_later(day, months).unwrap();
    assert_eq!(later(date(2026, 1, 31), 1), date(2026, 2, 28));
    assert_eq!(later(date(2026, 3, 31), -1), date(2026, 2, 28));
    assert_eq!(later(date(2026, 12, 15), 2), date(2027, 2, 15));
}

proptest! {
    #[test]
    fn the_strict_bound_is_one_day_earlier(event in any_day(), count in 1..60_u32, before in any::<bool>()) {
        for span in [Span::Days(count), Span::Weeks(count), Span::Months(count), Span::Years(count)] {
            let side = if before { Side::Before } else { Side::After };
            let term = DayTerm { side, ..DayTerm::after(span) };
            let strict = DayTerm { bound: Bound::Strict, ..term.clone() };
            let last = term.last_day(event).unwrap();
            prop_assert_eq!(strict.last_day(event).unwrap(), last.yesterday().unwrap());
        }
    }

    #[test]
    fn month_arithmetic_follows_article_143(event in any_day(), count in 1..40_u32) {
        // The reference is the article's wording, spelled out by hand.
        let first = event.tomorrow().unwrap();
        let index = i32::from(first.year()) * 12 + i32::from(first.month()) - 1 + count as i32;
        let (year, month) = ((index / 12) as i16, (index % 12) as i8 + 1);
        let expected = match Date::new(year, month, first.day()) {
            Ok(corresponding) => corresponding.yesterday().unwrap(),
            Err(_) => date(year, month, 1).last_of_month(),
        };
        prop_assert_eq!(months_after(count).last_day(event).unwrap(), expected);
        let years = DayTerm::after(Span::Years(count)).last_day(event).unwrap();
        prop_assert_eq!(years, months_after(count * 12).last_day(event).unwrap());
    }

    #[test]
    fn longer_and_later_never_ends_earlier(
        set in any_set(), event in any_day(), gap in 0..40_i64, count in 1..50_u32,
    ) {
        let later = event.checked_add(gap.days()).unwrap();
        for (span, longer) in [
            (Span::Days(count), Span::Days(count + 1)),
            (Span::Months(count), Span::Months(count + 1)),
            (Span::OpenDays(count, set.clone()), Span::OpenDays(count + 1, set)),
        ] {
            let last = DayTerm::after(span.clone()).last_day(event).unwrap();
            prop_assert!(last <= DayTerm::after(span.clone()).last_day(later).unwrap());
            prop_assert!(last < DayTerm::after(longer).last_day(event).unwrap());
            prop_assert!(DayTerm::before(span).last_day(event).unwrap() < event);
        }
    }
}
