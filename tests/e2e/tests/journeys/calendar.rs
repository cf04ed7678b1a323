//! The Japanese calendar by the command line.

use mamori_e2e::Home;
use serde_json::Value;

fn dates(values: &[Value]) -> Vec<String> {
    values
        .iter()
        .filter_map(|value| value["date"].as_str().or_else(|| value.as_str()))
        .map(str::to_owned)
        .collect()
}

#[test]
fn holidays_of_2026_with_the_day_between_and_the_substitute() {
    let home = Home::new();
    let found = dates(
        &home
            .run(&["calendar", "holidays", "--year", "2026", "--json"])
            .json(),
    );
    assert_eq!(found.len(), 18, "{found:?}");
    // 国民の休日 between 敬老の日 and 秋分の日; 振替休日 after 憲法記念日 on a Sunday.
    for day in ["2026-01-01", "2026-05-06", "2026-09-22", "2026-11-23"] {
        assert!(found.iter().any(|date| date == day), "{day} in {found:?}");
    }
}

#[test]
fn the_calendar_needs_no_data_directory() {
    let home = Home::new();
    home.run(&["calendar", "holidays", "--year", "2026"]).good();
    assert!(!home.data().exists(), "asking the calendar writes nothing");
}
