//! Comparisons, percentages, versions, retention: pure functions behind thresholds.

use std::cmp::Ordering;

use jiff::civil::Date;
use mamori_kernel::period::{FiscalYear, YearMonth};

use super::dates::plus;
use crate::language::Span;
use crate::language::threshold::Basis;

/// A comparison with its edge explicit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Comparison {
    /// 以上.
    AtLeast(f64),
    /// 超.
    MoreThan(f64),
    /// 以内, 以下.
    AtMost(f64),
    /// 未満.
    LessThan(f64),
    /// Exactly.
    Exactly(f64),
}

impl Comparison {
    /// Whether a value holds.
    pub fn holds(self, value: f64) -> bool {
        match self {
            Self::AtLeast(limit) => value >= limit,
            Self::MoreThan(limit) => value > limit,
            Self::AtMost(limit) => value <= limit,
            Self::LessThan(limit) => value < limit,
            Self::Exactly(limit) => (value - limit).abs() < 1e-9,
        }
    }

    /// Whether more of the same (counts, sums, maxima only grow) can still turn a miss into a hit.
    pub fn may_still_hold(self, value: f64) -> bool {
        match self {
            Self::AtLeast(_) | Self::MoreThan(_) => true,
            Self::AtMost(_) | Self::LessThan(_) => self.holds(value),
            Self::Exactly(limit) => value <= limit,
        }
    }

    /// Whether more of the same can no longer break it.
    pub fn is_settled(self, value: f64) -> bool {
        matches!(self, Self::AtLeast(_) | Self::MoreThan(_)) && self.holds(value)
    }

    /// Japanese text: `99.5%以上`.
    pub fn japanese(self, unit: &str) -> String {
        let (limit, word) = match self {
            Self::AtLeast(limit) => (limit, "以上"),
            Self::MoreThan(limit) => (limit, "超"),
            Self::AtMost(limit) => (limit, "以内"),
            Self::LessThan(limit) => (limit, "未満"),
            Self::Exactly(limit) => (limit, "ちょうど"),
        };
        format!("{}{unit}{word}", number(limit))
    }
}

/// A number without needless digits.
pub fn number(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Percent of `part` in `whole`; none of nothing.
pub fn percent(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| part / whole * 100.0)
}

/// Availability in percent: planned minutes less excluded ones, and how much of that was up.
/// Excluded minutes are left out on both sides; downtime cannot exceed what is left.
pub fn availability(planned: f64, down: f64, excluded: f64) -> Option<f64> {
    let base = (planned - excluded).max(0.0);
    percent(base - down.clamp(0.0, base), base)
}

/// Compares dotted versions by their numbers; letters after a number come before none
/// (`7.0-beta` < `7.0`).
pub fn compare_versions(a: &str, b: &str) -> Ordering {
    let parts = |text: &str| -> Vec<(i64, String)> {
        text.trim_start_matches(['v', 'V'])
            .split(['.', '-', '_', '+', ' '])
            .map(|part| {
                let digits: String = part.chars().take_while(char::is_ascii_digit).collect();
                let rest = part[digits.len()..].to_owned();
                // A part without a number (beta, rc) ranks below a missing one.
                (
                    if digits.is_empty() {
                        -1
                    } else {
                        digits.parse().unwrap_or(i64::MAX)
                    },
                    rest,
                )
            })
            .collect()
    };
    let (left, right) = (parts(a), parts(b));
    for index in 0..left.len().max(right.len()) {
        let zero = (0, String::new());
        let order = left
            .get(index)
            .unwrap_or(&zero)
            .cmp(right.get(index).unwrap_or(&zero));
        if order != Ordering::Equal {
            return order;
        }
    }
    Ordering::Equal
}

/// The last day until which something of `day` must be kept.
pub fn keep_until(day: Date, keep: Span, basis: Basis) -> Option<Date> {
    let from = match basis {
        Basis::Event => day,
        Basis::MonthEnd => YearMonth::of(day).last(),
        Basis::FiscalYear => FiscalYear::of(day).last(),
    };
    plus(from, keep)
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn edges_are_as_written() {
        for (comparison, below, at, above) in [
            (Comparison::AtLeast(3.0), false, true, true),
            (Comparison::MoreThan(3.0), false, false, true),
            (Comparison::AtMost(3.0), true, true, false),
            (Comparison::LessThan(3.0), true, false, false),
            (Comparison::Exactly(3.0), false, true, false),
        ] {
            let got = (
                comparison.holds(2.0),
                comparison.holds(3.0),
                comparison.holds(4.0),
            );
            assert_eq!(got, (below, at, above), "{comparison:?}");
        }
    }

    #[test]
    fn availability_leaves_excluded_time_out_on_both_sides() {
        let month = 30.0 * 1440.0;
        assert!((availability(month, 216.0, 0.0).unwrap() - 99.5).abs() < 1e-9);
        assert!((availability(month, 0.0, 240.0).unwrap() - 100.0).abs() < 1e-9);
        assert_eq!(availability(100.0, 10.0, 100.0), None);
        assert!(availability(100.0, 500.0, 0.0).unwrap().abs() < 1e-9);
    }

    #[test]
    fn versions_compare_by_number() {
        for (a, b, order) in [
            ("6.9", "6.10", Ordering::Less),
            ("6.9.0", "6.9", Ordering::Equal),
            ("7.0-beta", "7.0", Ordering::Less),
            ("v131", "130.0.6723", Ordering::Greater),
            ("2020-12", "2024-02", Ordering::Less),
        ] {
            assert_eq!(compare_versions(a, b), order, "{a} {b}");
        }
    }

    #[test]
    fn retention_counts_from_its_basis() {
        let day = date(2026, 5, 10);
        let keep = "1年".parse().unwrap();
        assert_eq!(keep_until(day, keep, Basis::Event), Some(date(2027, 5, 10)));
        assert_eq!(
            keep_until(day, keep, Basis::MonthEnd),
            Some(date(2027, 5, 31))
        );
        assert_eq!(
            keep_until(day, keep, Basis::FiscalYear),
            Some(date(2028, 3, 31))
        );
        assert_eq!(
            keep_until(day, "3か月".parse().unwrap(), Basis::Event),
            Some(date(2026, 8, 10))
        );
    }
}
