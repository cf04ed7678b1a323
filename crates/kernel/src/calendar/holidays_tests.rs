use std::collections::BTreeMap;

use jiff::civil::date;

use super::*;

/// What the packages say about one day.
struct Claim {
    by_holidays: bool,
    by_jpholiday: bool,
    names: Vec<String>,
}

fn oracle() -> BTreeMap<Date, Claim> {
    let mut claims = BTreeMap::new();
    for line in include_str!("../../testdata/holidays.txt").lines() {
        if line.starts_with('#') {
            continue;
        }
        let mut words = line.split(' ');
        let year: i16 = words.next().unwrap().parse().unwrap();
        for word in words {
            let plain = word.trim_start_matches(['h', 'j']);
            let (month, rest) = plain.split_at(2);
            let (day, names) = rest.split_at(2);
            let claim = Claim {
                by_holidays: !word.starts_with('j'),
                by_jpholiday: !word.starts_with('h'),
                names: names.split('|').map(str::to_owned).collect(),
            };
            let day = date(year, month.parse().unwrap(), day.parse().unwrap());
            claims.insert(day, claim);
        }
    }
    claims
}

/// jpholiday applies 国民の休日 from 1948 on, but the day between two holidays became free
/// only on 1985-12-27 (昭和60年法律第103号). `holidays` follows the law.
const MAY_FOURTH_BEFORE_1985: [i16; 32] = [
    1948, 1949, 1950, 1951, 1953, 1954, 1955, 1956, 1957, 1959, 1960, 1961, 1962, 1963, 1964, 1965,
    1966, 1967, 1968, 1970, 1971, 1972, 1973, 1974, 1976, 1977, 1978, 1979, 1982, 1983, 1984, 1985,
];

/// Other days that jpholiday alone has, and why they are no holidays.
const OTHERS_WITHOUT_LAW: [(Date, &str); 6] = [
    // 振替休日 exists since 1973-04-12 (昭和48年法律第10号), so the Sunday 1973-02-11 had none.
    (Date::constant(1973, 2, 12), "before the law of 1973-04-12"),
    // The law is in force since 1948-07-20.
    (Date::constant(1948, 1, 1), "before the law"),
    (Date::constant(1948, 1, 15), "before the law"),
    (Date::constant(1948, 3, 21), "before the law"),
    (Date::constant(1948, 4, 29), "before the law"),
    (Date::constant(1948, 5, 3), "before the law"),
];
const CHILDRENS_DAY_BEFORE_THE_LAW: Date = Date::constant(1948, 5, 5);

fn known_error_of_jpholiday(day: Date) -> bool {
    (day.month() == 5 && day.day() == 4 && MAY_FOURTH_BEFORE_1985.contains(&day.year()))
        || OTHERS_WITHOUT_LAW.iter().any(|(known, _)| *known == day)
        || day == CHILDRENS_DAY_BEFORE_THE_LAW
}

/// Days whose names the packages write differently; ours are those of the special laws.
const NAMED_DIFFERENTLY: [(Date, &str); 5] = [
    (Date::constant(1959, 4, 10), "皇太子明仁親王の結婚の儀"),
    (Date::constant(1989, 2, 24), "昭和天皇の大喪の礼"),
    (Date::constant(1990, 11, 12), "即位礼正殿の儀"),
    (Date::constant(1993, 6, 9), "皇太子徳仁親王の結婚の儀"),
    (Date::constant(2019, 10, 22), "即位礼正殿の儀の行われる日"),
];

#[test]
fn every_day_from_1948_to_2150_agrees_with_both_packages() {
    let claims = oracle();
    let law = HolidayLaw::standard();
    let mut errors_seen = 0;
    let mut names_seen = 0;
    let mut day = date(1948, 1, 1);
    while day <= date(2150, 12, 31) {
        let ours = law.holiday(day);
        let claim = claims.get(&day);
        let both_defined = (1949..=2099).contains(&day.year());
        match claim {
            None => assert!(ours.is_none(), "{day}: only ours {ours:?}"),
            Some(claim) if known_error_of_jpholiday(day) => {
                errors_seen += 1;
                assert!(claim.by_jpholiday && !claim.by_holidays, "{day}");
                assert!(ours.is_none(), "{day}: {ours:?}");
            }
            Some(claim) => {
                assert!(claim.by_jpholiday, "{day}: jpholiday lacks it");
                assert_eq!(claim.by_holidays, both_defined, "{day}: packages disagree");
                let ours = ours.unwrap_or_else(|| panic!("{day}: ours lacks {:?}", claim.names));
                let special = NAMED_DIFFERENTLY.iter().find(|(known, _)| *known == day);
                let expected = if let Some((_, name)) = special {
                    names_seen += 1;
                    *name
                } else {
                    assert_eq!(claim.names.len(), 1, "{day}: {:?}", claim.names);
                    &claim.names[0]
                };
                assert_eq!(&*ours.name, expected, "{day}");
            }
        }
        day = next(day);
    }
    // No entry of the lists is idle.
    assert_eq!(
        errors_seen,
        MAY_FOURTH_BEFORE_1985.len() + OTHERS_WITHOUT_LAW.len() + 1
    );
    assert_eq!(names_seen, NAMED_DIFFERENTLY.len());
}

fn names(first: Date, last: Date) -> Vec<String> {
    HolidayLaw::standard()
        .between(first, last)
        .map(|holiday| format!("{} {}", holiday.date, holiday.name))
        .collect()
}

#[test]
fn the_enthronement_of_2019_makes_ten_days_in_a_row() {
    assert_eq!(
        names(date(2019, 4, 27), date(2019, 5, 6)),
        [
            "2019-04-29 昭和の日",
            "2019-04-30 国民の休日",
            "2019-05-01 天皇の即位の日",
            "2019-05-02 国民の休日",
            "2019-05-03 憲法記念日",
            "2019-05-04 みどりの日",
            "2019-05-05 こどもの日",
            "2019-05-06 振替休日",
        ]
    );
    assert!(!HolidayLaw::standard().is_holiday(date(2019, 2, 23)));
    assert!(!HolidayLaw::standard().is_holiday(date(2019, 12, 23)));
}

#[test]
fn the_games_moved_days_in_2020_and_2021_only() {
    assert_eq!(
        names(date(2020, 7, 1), date(2020, 10, 31)),
        [
            "2020-07-23 海の日",
            "2020-07-24 スポーツの日",
            "2020-08-10 山の日",
            "2020-09-21 敬老の日",
            "2020-09-22 秋分の日",
        ]
    );
    assert_eq!(
        names(date(2021, 7, 1), date(2021, 8, 31)),
        [
            "2021-07-22 海の日",
            "2021-07-23 スポーツの日",
            "2021-08-08 山の日",
            "2021-08-09 振替休日",
        ]
    );
    assert!(!HolidayLaw::standard().is_holiday(date(2026, 8, 10)));
}

#[test]
fn kinds_tell_substitutes_from_days_between() {
    let kind = |day| HolidayLaw::standard().holiday(day).map(|found| found.kind);
    // 1973: the first substitute. 1987: Sunday 3 May is substituted on the 4th, which
    // therefore is no day between. 1988: the first day between. 1986: such a day was a Sunday.
    assert_eq!(kind(date(1973, 4, 30)), Some(HolidayKind::Substitute));
    assert_eq!(kind(date(1986, 5, 4)), None);
    assert_eq!(kind(date(1987, 5, 4)), Some(HolidayKind::Substitute));
    assert_eq!(kind(date(1988, 5, 4)), Some(HolidayKind::Between));
    // Since 2007 the substitute passes over holidays.
    assert_eq!(kind(date(2026, 5, 6)), Some(HolidayKind::Substitute));
    assert_eq!(kind(date(2026, 9, 22)), Some(HolidayKind::Between));
}

#[test]
fn years_outside_the_law_have_no_holidays() {
    let law = HolidayLaw::standard();
    assert!(law.in_year(1947).is_empty());
    assert!(law.in_year(2151).is_empty());
    assert!(law.holiday(Date::MIN).is_none() && law.holiday(Date::MAX).is_none());
    assert_eq!(law.in_year(1948).len(), 3);
    assert_eq!(law.between(date(2027, 1, 1), date(2026, 1, 1)).count(), 0);
}

#[test]
fn announced_equinoxes_and_new_laws_are_data() {
    let overrides = Overrides::default()
        .equinox(date(2027, 3, 22))
        .and_then(|overrides| overrides.equinox(date(2027, 9, 22)))
        .unwrap()
        .added(date(2027, 6, 13), "水無月の日") // a Sunday
        .added(date(2027, 11, 5), "霜月の日") // two days after 文化の日
        .removed(date(2027, 8, 11));
    let law = HolidayLaw::with(overrides);
    let name = |day| law.holiday(day).map(|found| found.name.to_string());
    assert_eq!(name(date(2027, 3, 22)).as_deref(), Some("春分の日"));
    assert_eq!(name(date(2027, 3, 21)), None);
    // 敬老の日 is the 20th, so an equinox on the 22nd frees the 21st.
    assert_eq!(name(date(2027, 9, 21)).as_deref(), Some("国民の休日"));
    assert_eq!(name(date(2027, 9, 22)).as_deref(), Some("秋分の日"));
    assert_eq!(name(date(2027, 9, 23)), None);
    for wrong in [date(2027, 4, 1), date(2027, 3, 17), date(2027, 9, 26)] {
        let refused = Overrides::default().equinox(wrong);
        assert_eq!(refused, Err(CalendarError::NotAnEquinox(wrong)));
    }
    assert_eq!(name(date(2027, 6, 13)).as_deref(), Some("水無月の日"));
    assert_eq!(name(date(2027, 6, 14)).as_deref(), Some("振替休日"));
    assert_eq!(name(date(2027, 11, 4)).as_deref(), Some("国民の休日"));
    assert_eq!(name(date(2027, 8, 11)), None);
    // Other years and the shared law are untouched.
    assert!(law.is_holiday(date(2026, 8, 11)));
    assert!(HolidayLaw::standard().is_holiday(date(2027, 8, 11)));
    assert_ne!(law, HolidayLaw::standard());
}

#[test]
fn equinoxes_announced_by_the_observatory() {
    // 暦要項 of 国立天文台 for 2026 and 2027: the days the contract year rests on.
    assert_eq!(equinox_day(2026, Equinox::Vernal), 20);
    assert_eq!(equinox_day(2026, Equinox::Autumnal), 23);
    assert_eq!(equinox_day(2027, Equinox::Vernal), 21);
    assert_eq!(equinox_day(2027, Equinox::Autumnal), 23);
}
