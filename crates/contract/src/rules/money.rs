//! Money and points: computed and shown, judged only where a limit is written.

use jiff::civil::Date;

use super::dates::minus;
use crate::language::Span;

/// Fee × (100 − achievement) %, never below zero.
pub fn shortfall(fee: f64, achievement_percent: f64) -> f64 {
    fee * (100.0 - achievement_percent).clamp(0.0, 100.0) / 100.0
}

/// Fee × percent.
pub fn percent_cut(fee: f64, percent: f64) -> f64 {
    fee * percent / 100.0
}

/// Interest for days of lateness: amount × rate % a year × days ÷ days of the year. The first day
/// counted is the day after the due day (民法140条; 政府契約の支払遅延防止等に関する法律8条).
/// Whole yen, fractions dropped.
pub fn late_interest(amount: f64, rate_percent: f64, due: Date, paid: Date, year_days: f64) -> f64 {
    let days = due.until(paid).map_or(0, |span| span.get_days()).max(0);
    (amount * rate_percent / 100.0 * f64::from(days) / year_days).floor()
}

/// Penalty points as of a day: the second and later of one item weigh `repeat` times; points older
/// than `expires` are gone. `events` are (day, item, points), in order of day.
pub fn penalty_points(
    events: &[(Date, usize, f64)],
    repeat: f64,
    expires: Option<Span>,
    on: Date,
) -> f64 {
    let oldest = expires.and_then(|span| minus(on, span));
    let mut seen: Vec<usize> = Vec::new();
    let mut total = 0.0;
    for (day, item, points) in events {
        if *day > on || oldest.is_some_and(|oldest| *day <= oldest) {
            continue;
        }
        total += if seen.contains(item) {
            points * repeat
        } else {
            *points
        };
        seen.push(*item);
    }
    total
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn shortfall_is_fee_times_what_is_missing() {
        assert!((shortfall(500_000.0, 97.5) - 12_500.0).abs() < 1e-6);
        assert!(shortfall(500_000.0, 101.0).abs() < 1e-9);
        assert!((percent_cut(500_000.0, 3.0) - 15_000.0).abs() < 1e-6);
    }

    #[test]
    fn interest_runs_from_the_day_after() {
        let interest = |paid| late_interest(1_000_000.0, 2.5, date(2026, 4, 30), paid, 365.0);
        assert!(interest(date(2026, 4, 30)).abs() < 1e-9);
        assert!((interest(date(2026, 5, 1)) - 68.0).abs() < 1e-9);
        assert!((interest(date(2027, 4, 30)) - 25_000.0).abs() < 1e-9);
        assert!(interest(date(2026, 4, 1)).abs() < 1e-9);
    }

    #[test]
    fn points_repeat_and_expire() {
        let events = [
            (date(2026, 4, 10), 0, 2.0),
            (date(2026, 5, 10), 0, 2.0),
            (date(2026, 6, 1), 1, 1.0),
        ];
        let six_months = Some("6か月".parse().unwrap());
        let total = |on| penalty_points(&events, 1.5, six_months, on);
        assert!((total(date(2026, 4, 30)) - 2.0).abs() < 1e-9);
        assert!((total(date(2026, 6, 30)) - 6.0).abs() < 1e-9);
        // The first has expired; the second is now the first of its item.
        assert!((total(date(2026, 10, 10)) - 3.0).abs() < 1e-9);
        assert!(total(date(2027, 1, 1)).abs() < 1e-9);
    }
}
