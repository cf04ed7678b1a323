use jiff::civil::Weekday;
use proptest::prelude::*;

use super::*;

fn weekdays(date: Date) -> bool {
    !matches!(date.weekday(), Weekday::Saturday | Weekday::Sunday)
}

/// The rule's next instants after a Japanese civil time, as Japanese civil times.
fn check(rule: &Rule, after: &str, expected: &[&str]) {
    let mut instant = tokyo_instant(after.parse().expect("civil time"));
    for want in expected {
        instant = rule.next_after(instant, &weekdays).expect("a next instant");
        assert_eq!(
            tokyo_datetime(instant)
                .strftime("%Y-%m-%dT%H:%M")
                .to_string(),
            *want,
            "{rule}"
        );
    }
}

fn cron(text: &str) -> Rule {
    Rule::Cron(text.parse().expect("cron line"))
}

#[test]
fn rules_give_the_instants_a_person_expects() {
    let nine = At::new(9, 0);
    check(
        &Rule::EveryMinutes(7),
        "2026-10-31T23:50",
        &["2026-10-31T23:55", "2026-11-01T00:00", "2026-11-01T00:07"],
    );
    check(
        &Rule::Daily(At::new(23, 55)),
        "2026-10-31T23:55",
        &["2026-11-01T23:55"],
    );
    check(
        &Rule::OpenDays(nine),
        "2026-11-20T09:00",
        &["2026-11-23T09:00", "2026-11-24T09:00"],
    );
    // 2026-10-10 is a Saturday, 2026-11-10 a Tuesday.
    check(
        &Rule::Monthly(MonthDay::Day(10, Roll::Forward), nine),
        "2026-10-01T00:00",
        &["2026-10-12T09:00", "2026-11-10T09:00"],
    );
    check(
        &Rule::Monthly(MonthDay::Day(10, Roll::Backward), nine),
        "2026-10-01T00:00",
        &["2026-10-09T09:00", "2026-11-10T09:00"],
    );
    // The last day of October 2026 is a Saturday: rolled into November, found from November.
    check(
        &Rule::Monthly(MonthDay::Last(Roll::Forward), nine),
        "2026-11-01T00:00",
        &["2026-11-02T09:00", "2026-11-30T09:00"],
    );
    check(
        &Rule::Monthly(MonthDay::Day(31, Roll::None), nine),
        "2027-02-01T00:00",
        &["2027-02-28T09:00", "2027-03-31T09:00"],
    );
    check(
        &Rule::Monthly(MonthDay::OpenDay(3), nine),
        "2026-11-01T00:00",
        &["2026-11-04T09:00", "2026-12-03T09:00"],
    );
    check(
        &Rule::Monthly(MonthDay::OpenDayAfter(30), nine),
        "2026-10-01T00:00",
        &["2026-10-01T09:00", "2026-11-02T09:00", "2026-12-01T09:00"],
    );
}

#[test]
fn cron_lines() {
    check(
        &cron("30 8 * * 1-5"),
        "2026-11-20T08:30",
        &["2026-11-23T08:30"],
    );
    check(
        &cron("*/20 * * * *"),
        "2026-11-20T08:30",
        &["2026-11-20T08:40", "2026-11-20T09:00"],
    );
    check(
        &cron("0 0 1 4 *"),
        "2026-11-20T08:30",
        &["2027-04-01T00:00"],
    );
    check(
        &cron("0 0 29 2 *"),
        "2026-11-20T08:30",
        &["2028-02-29T00:00"],
    );
    // Day or weekday, as crontab has it: the 13th and every Friday.
    check(
        &cron("0 12 13 * 5"),
        "2026-12-10T00:00",
        &["2026-12-11T12:00", "2026-12-13T12:00", "2026-12-18T12:00"],
    );
    check(
        &cron("0 12 * * 7"),
        "2026-11-20T00:00",
        &["2026-11-22T12:00"],
    );
    assert_eq!(
        cron("0 0 30 2 *").next_after(Timestamp::UNIX_EPOCH, &weekdays),
        None
    );
    for bad in [
        "",
        "* * * *",
        "60 * * * *",
        "* * 0 * *",
        "*/0 * * * *",
        "5-1 * * * *",
        "x * * * *",
    ] {
        assert!(bad.parse::<Cron>().is_err(), "{bad}");
    }
}

#[test]
fn an_office_that_never_opens_gives_nothing_instead_of_a_loop() {
    let never = |_: Date| false;
    let rule = Rule::OpenDays(At::new(9, 0));
    assert_eq!(rule.next_after(Timestamp::UNIX_EPOCH, &never), None);
    let rule = Rule::Monthly(MonthDay::Day(1, Roll::Forward), At::new(9, 0));
    assert_eq!(rule.next_after(Timestamp::UNIX_EPOCH, &never), None);
}

fn any_rule() -> impl Strategy<Value = Rule> {
    let at = (0_i8..24, 0_i8..60).prop_map(|(hour, minute)| At::new(hour, minute));
    let roll = prop_oneof![Just(Roll::None), Just(Roll::Forward), Just(Roll::Backward)];
    let day = prop_oneof![
        (1_i8..=31, roll.clone()).prop_map(|(day, roll)| MonthDay::Day(day, roll)),
        roll.prop_map(MonthDay::Last),
        (1_u8..=15).prop_map(MonthDay::OpenDay),
        (1_i8..=31).prop_map(MonthDay::OpenDayAfter),
    ];
    prop_oneof![
        (1_u16..=1440).prop_map(Rule::EveryMinutes),
        at.clone().prop_map(Rule::Daily),
        at.clone().prop_map(Rule::OpenDays),
        (day, at).prop_map(|(day, at)| Rule::Monthly(day, at)),
    ]
}

proptest! {
    /// Strictly forward, and nothing is jumped over: from just before the found instant the same
    /// instant is found again.
    #[test]
    fn next_is_the_very_next(rule in any_rule(), second in 1_700_000_000_i64..2_000_000_000) {
        let after = Timestamp::from_second(second).expect("in range");
        let next = rule.next_after(after, &weekdays).expect("exists");
        prop_assert!(next > after);
        let middle = after + (next.duration_since(after) / 2);
        prop_assert_eq!(rule.next_after(middle, &weekdays), Some(next));
        let just_before = next - SignedDuration::from_millis(1);
        if just_before >= after {
            prop_assert_eq!(rule.next_after(just_before, &weekdays), Some(next));
        }
    }
}
