use jiff::ToSpan;
use jiff::civil::date;
use proptest::prelude::*;

use super::*;

#[test]
fn dates_are_written_in_their_era() {
    let day = date(2026, 4, 1);
    assert_eq!(long(day), "令和8年4月1日");
    assert_eq!(with_weekday(day), "令和8年4月1日（水）");
    assert_eq!(short(day), "R8.4.1");
    assert_eq!(year(day), "令和8年");
    assert_eq!(month(YearMonth::new(2026, 10).unwrap()), "令和8年10月");
    let check = |day: Date, expected: &str| assert_eq!(long(day), expected);
    check(date(2019, 4, 30), "平成31年4月30日");
    check(date(2019, 5, 1), "令和元年5月1日");
    check(date(1989, 1, 7), "昭和64年1月7日");
    check(date(1989, 1, 8), "平成元年1月8日");
    check(date(1926, 12, 24), "大正15年12月24日");
    check(date(1926, 12, 25), "昭和元年12月25日");
    check(date(1912, 7, 29), "明治45年7月29日");
    check(date(1912, 7, 30), "大正元年7月30日");
    check(date(1873, 1, 1), "明治6年1月1日");
    check(date(1872, 12, 31), "西暦1872年12月31日");
    assert_eq!(short(date(2019, 5, 1)), "R1.5.1");
    assert_eq!(short(date(1872, 12, 31)), "1872-12-31");
}

#[test]
fn fiscal_years_are_written_and_read() {
    let fiscal = |year| FiscalYear::new(year).unwrap();
    let check = |year, text: &str| {
        assert_eq!(fiscal_year(fiscal(year)), text);
        assert_eq!(parse_fiscal_year(text), Ok(fiscal(year)), "{text}");
    };
    check(2026, "令和8年度");
    check(2020, "令和2年度");
    check(2019, "令和元年度");
    check(2018, "平成30年度");
    check(1989, "平成元年度");
    check(1988, "昭和63年度");
    for text in [
        "R8年度",
        "R8",
        "令和８年度",
        "令和八年度",
        "2026年度",
        "FY2026",
        "２０２６年度",
        "㋿8年度",
    ] {
        assert_eq!(parse_fiscal_year(text), Ok(fiscal(2026)), "{text}");
    }
    // A fiscal year with a change of era bears both names.
    assert_eq!(parse_fiscal_year("平成31年度"), Ok(fiscal(2019)));
    assert_eq!(
        parse_fiscal_year("昭和64年度").unwrap_err().to_string(),
        "「昭和64年度」は昭和の最後の日（昭和64年1月7日）より後です。「平成元年度」と書いてください (after the end of the era)"
    );
    for bad in [
        "",
        "年度",
        "8年度",
        "令和年度",
        "令和0年度",
        "平成32年度",
        "明治5年度",
        "99999年度",
    ] {
        assert!(parse_fiscal_year(bad).is_err(), "{bad}");
    }
    assert_eq!(fiscal(2026).first(), date(2026, 4, 1));
    assert_eq!(fiscal(2026).last(), date(2027, 3, 31));
}

#[test]
fn dates_are_read_as_people_write_them() {
    let expected = date(2026, 4, 1);
    for text in [
        "令和8年4月1日",
        "令和８年４月１日",
        "令和八年四月一日",
        "令和 8 年 4 月 1 日",
        "令和8年04月01日",
        "令和8年4月1日（水）",
        "令和8年4月1日(水曜日)",
        "令和8年4月1日水曜日",
        "令8.4.1",
        "R8.4.1",
        "R.8.4.1",
        "r8/4/1",
        "Ｒ８．４．１",
        "R08-04-01",
        "㋿8年4月1日",
        "2026-04-01",
        "2026/4/1",
        "2026年4月1日",
        "２０２６年４月１日",
        "西暦2026年4月1日",
        "二〇二六年四月一日",
    ] {
        assert_eq!(parse(text), Ok(expected), "{text}");
    }
    let check = |text: &str, day: Date| assert_eq!(parse(text), Ok(day), "{text}");
    check("令和元年5月1日", date(2019, 5, 1));
    check("令和1年5月1日", date(2019, 5, 1));
    check("平成31年4月30日", date(2019, 4, 30));
    check("平成三十一年四月三十日", date(2019, 4, 30));
    check("平成三一年四月三〇日", date(2019, 4, 30));
    check("昭和六十三年十二月二十八日", date(1988, 12, 28));
    check("S64.1.7", date(1989, 1, 7));
    check("㍻31年4月30日", date(2019, 4, 30));
    check("M45.7.30", date(1912, 7, 30));
    check("大正元年7月30日", date(1912, 7, 30));
    check("大正15年12月25日", date(1926, 12, 25));
    check("昭和元年12月25日", date(1926, 12, 25));
    check("明治6年1月1日", date(1873, 1, 1));
}

#[test]
fn errors_say_what_would_be_right() {
    let check = |text: &str, parts: &[&str]| {
        let message = parse(text).unwrap_err().to_string();
        assert!(message.contains(text), "{message}");
        for part in parts {
            assert!(message.contains(part), "{text}: {message}");
        }
    };
    check(
        "平成32年4月1日",
        &["平成31年4月30日", "「令和2年4月1日」と書いてください"],
    );
    check("平成31年5月1日", &["「令和元年5月1日」と書いてください"]);
    check("昭和64年1月8日", &["昭和64年1月7日", "平成元年1月8日"]);
    check("令和元年4月30日", &["2019-05-01", "平成31年4月30日"]);
    check("令和0年4月1日", &["元年"]);
    check("明治5年12月2日", &["旧暦", "1873年1月1日"]);
    check("明治元年1月1日", &["旧暦"]);
    check("令和8年2月29日", &["2026年2月は28日まで"]);
    check("令和8年13月1日", &["13月はありません"]);
    check("令和8年0月1日", &["0月はありません"]);
    check("令和8年4月1日（木）", &["水曜日", "2026-04-01"]);
    check("1872-12-31", &["1873年から"]);
    check("令和9999年1月1日", &["の年は扱えません"]);
    for bad in [
        "",
        "明日",
        "8.4.1",
        "26-04-01",
        "令和8年4月",
        "令和8年4月1日（祝）",
        "2026-04",
        "2026-04-01T00:00",
        "令和十十年四月一日",
        "令和8.4/1",
        "令和-8年4月1日",
        "R",
        "（水）",
        "曜日",
        "令和8年4月1日(水",
    ] {
        assert_eq!(
            parse(bad),
            Err(WarekiError::NotADate(bad.to_owned())),
            "{bad}"
        );
    }
}

#[test]
fn months_are_read() {
    let check = |text: &str, year, month| {
        let expected = YearMonth::new(year, month).unwrap();
        assert_eq!(parse_month(text), Ok(expected), "{text}");
    };
    for text in [
        "2026-10",
        "2026/10",
        "2026年10月",
        "令和8年10月",
        "令和８年１０月分",
        "R8.10",
        "令和八年十月",
    ] {
        check(text, 2026, 10);
    }
    check("平成31年4月", 2019, 4);
    check("令和元年5月", 2019, 5);
    // Both names of a month in which the era changed.
    check("昭和64年1月", 1989, 1);
    check("平成元年1月", 1989, 1);
    check("大正15年12月", 1926, 12);
    check("昭和元年12月", 1926, 12);
    check("大正元年7月", 1912, 7);
    let message = parse_month("平成31年5月").unwrap_err().to_string();
    assert!(message.contains("令和元年5月1日"), "{message}");
    for bad in [
        "",
        "10月",
        "2026",
        "2026-10-05",
        "2026-13",
        "令和8年10月5日",
        "R.10",
        "2026-10月",
        "令和8年",
        "-",
        "分",
    ] {
        assert!(parse_month(bad).is_err(), "{bad}");
    }
}

#[test]
fn kanji_numbers() {
    let check = |text: &str, value| assert_eq!(kanji_number(text), value, "{text}");
    check("十", Some(10));
    check("十二", Some(12));
    check("二十", Some(20));
    check("六十四", Some(64));
    check("百二", Some(102));
    check("千九百八十九", Some(1989));
    check("二〇二六", Some(2026));
    check("三一", Some(31));
    for bad in ["", "十百", "二二十", "〇十", "十〇", "八四二一〇", "年"] {
        check(bad, None);
    }
}

proptest! {
    #[test]
    fn every_day_since_1873_survives_the_round_trip(offset in 0..100_000_i64) {
        let day = FIRST_DAY.checked_add(offset.days()).unwrap();
        prop_assert_eq!(parse(&long(day)), Ok(day));
        prop_assert_eq!(parse(&with_weekday(day)), Ok(day));
        prop_assert_eq!(parse(&short(day)), Ok(day));
        prop_assert_eq!(parse(&day.to_string()), Ok(day));
    }

    #[test]
    fn every_fiscal_year_since_1873_survives_the_round_trip(year in 1873..9998_i16) {
        let fiscal = FiscalYear::new(year).unwrap();
        prop_assert_eq!(parse_fiscal_year(&fiscal_year(fiscal)), Ok(fiscal));
        prop_assert_eq!(parse_fiscal_year(&fiscal.to_string()), Ok(fiscal));
    }

    #[test]
    fn no_text_breaks_the_parser(text in "[0-9元年月日.()（）/ー令和平成昭RHSrMｍ一二十百千〇曜水 -]{0,16}") {
        let _ = parse(&text);
        let _ = parse_fiscal_year(&text);
        let _ = parse_month(&text);
    }

    #[test]
    fn no_unicode_breaks_the_parser(text in any::<String>()) {
        let _ = parse(&text);
        let _ = parse_fiscal_year(&text);
        let _ = parse_month(&text);
    }
}
