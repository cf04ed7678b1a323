use jiff::civil::date;

use super::*;

fn bars() -> Chart {
    Chart::Bar(BarChart {
        title: "月別の作業時間".into(),
        unit: "時間".into(),
        bars: [("4月", 5.5), ("5月", 7.25), ("6月", 0.0)]
            .map(|(l, value)| Bar {
                label: l.into(),
                value,
            })
            .into(),
        limit: Some(("月の上限".into(), 7.0)),
        decimals: 2,
    })
}

#[test]
fn a_drawing_is_well_formed_and_named() {
    for theme in [Theme::Print, Theme::Console] {
        let svg = bars().svg(theme);
        let mut reader = quick_xml::Reader::from_str(&svg);
        reader.config_mut().check_end_names = true;
        loop {
            if reader.read_event().unwrap() == quick_xml::events::Event::Eof {
                break;
            }
        }
        assert!(svg.contains("<title id=") && svg.contains(">月別の作業時間</title>"));
        assert!(svg.contains("<desc id=") && svg.contains("role=\"img\""));
        assert!(
            !svg.contains("style="),
            "a strict content policy forbids style attributes"
        );
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        assert_eq!(svg.contains("currentColor"), theme == Theme::Console);
    }
}

#[test]
fn the_sentence_says_what_is_seen() {
    assert_eq!(
        bars().sentence(),
        "最大は5月の7.25時間、最小は6月の0.00時間。月の上限（7.00時間）を超えたのは5月。"
    );
    let gauge = Gauge {
        title: "g".into(),
        unit: "時間".into(),
        value: 5.5,
        limit: 7.0,
        undecided: 0.5,
        decimals: 1,
    };
    assert_eq!(
        Chart::Gauge(gauge.clone()).sentence(),
        "上限7.0時間のうち5.5時間（79％）を使った。残りは1.5時間。ほかに該当するかどうか協議中が0.5時間ある。"
    );
    let over = Chart::Gauge(Gauge {
        value: 8.0,
        undecided: 0.0,
        ..gauge
    });
    assert!(over.sentence().contains("上限を1.0時間超えた"));
}

#[test]
fn the_table_holds_every_number_and_gaps_stay_gaps() {
    let chart = Chart::Line(LineChart {
        title: "可用性".into(),
        unit: "％".into(),
        labels: vec!["1日".into(), "2日".into()],
        series: vec![Series {
            name: "公開面".into(),
            values: vec![Some(99.5), None],
        }],
        from: 0.0,
        limit: None,
        decimals: 1,
    });
    assert_eq!(chart.table().text_rows(), [["1日", "99.5"], ["2日", "—"]]);
    assert!(chart.sentence().contains("値のない項目が1件"));
}

#[test]
fn values_that_cannot_be_drawn_are_refused() {
    let bad = |value| {
        Chart::Bar(BarChart {
            title: "図".into(),
            unit: String::new(),
            bars: vec![Bar {
                label: "a".into(),
                value,
            }],
            limit: None,
            decimals: 0,
        })
    };
    assert!(bad(f64::NAN).check().is_err());
    assert!(bad(-1.0).check().is_err());
    assert!(bad(f64::INFINITY).check().is_err());
    bad(0.0).check().unwrap();
    let stacked = Chart::Stacked(StackedChart {
        title: "図".into(),
        unit: String::new(),
        labels: vec!["a".into()],
        series: vec![Series {
            name: "x".into(),
            values: vec![],
        }],
        limit: None,
        decimals: 0,
    });
    assert!(stacked.check().unwrap_err().to_string().contains("値の数"));
}

#[test]
fn series_differ_without_colour() {
    let chart = Chart::Stacked(StackedChart {
        title: "図".into(),
        unit: "時間".into(),
        labels: vec!["4月".into()],
        series: (0..4)
            .map(|i| Series {
                name: format!("s{i}"),
                values: vec![Some(1.0)],
            })
            .collect(),
        limit: None,
        decimals: 0,
    });
    let svg = chart.svg(Theme::Print);
    assert_eq!(
        svg.matches("<pattern ").count(),
        3,
        "one solid, three patterns"
    );
}

#[test]
fn crowded_events_get_rows_of_their_own() {
    let chart = Chart::Timeline(TimelineChart {
        title: "経過".into(),
        events: (0..4)
            .map(|i| TimelineEvent {
                at: date(2026, 10, 8).at(14, i, 0, 0),
                label: "検知".into(),
            })
            .chain([TimelineEvent {
                at: date(2026, 10, 8).at(18, 0, 0, 0),
                label: "復旧".into(),
            }])
            .collect(),
    });
    let svg = chart.svg(Theme::Print);
    let ys: std::collections::BTreeSet<&str> = svg
        .split("<text ")
        .skip(1)
        .filter_map(|t| t.split("y=\"").nth(1)?.split('"').next())
        .collect();
    assert_eq!(
        ys.len(),
        4,
        "four labels at nearly the same minute need four rows"
    );
    assert_eq!(
        chart.sentence(),
        "検知から復旧まで240分の間に5件の出来事があった。"
    );
}
