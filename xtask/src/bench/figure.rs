//! A figure: what is measured, what it must reach, and what was seen.

use std::fmt::Write as _;

use serde_json::{Value, json};

/// What a figure must reach.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Goal {
    AtLeast(f64),
    AtMost(f64),
}

/// What is measured.
#[derive(Debug, Clone, Copy)]
pub struct Figure {
    /// Stable key in the JSON.
    pub key: &'static str,
    /// For people.
    pub what: &'static str,
    pub unit: &'static str,
    pub goal: Goal,
}

/// A figure with its runs, or with the reason why there are none.
#[derive(Debug)]
pub struct Measured {
    pub figure: Figure,
    pub runs: Result<Vec<f64>, String>,
}

/// All figures of one bench.
#[derive(Debug)]
pub struct Sheet(Vec<Measured>);

impl From<Vec<Measured>> for Sheet {
    fn from(rows: Vec<Measured>) -> Self {
        Self(rows)
    }
}

impl Measured {
    pub fn new(figure: Figure, runs: anyhow::Result<Vec<f64>>) -> Self {
        let runs = match runs {
            Ok(runs) if runs.is_empty() => Err("no run".to_owned()),
            Ok(runs) => Ok(runs),
            Err(error) => Err(format!("{error:#}")),
        };
        Self { figure, runs }
    }

    fn median(&self) -> Option<f64> {
        median(self.runs.as_ref().ok()?.clone())
    }

    fn reached(&self) -> bool {
        match (self.median(), self.figure.goal) {
            (None, _) => false,
            (Some(median), Goal::AtLeast(goal)) => median >= goal,
            (Some(median), Goal::AtMost(goal)) => median <= goal,
        }
    }
}

impl Sheet {
    pub fn all_reached(&self) -> bool {
        !self.0.is_empty() && self.0.iter().all(Measured::reached)
    }

    /// For people: one row per figure.
    pub fn table(&self) -> String {
        let mut text = format!(
            "{:<52} {:>14} {:>16} {:>5}  result\n",
            "figure", "to reach", "median", "runs"
        );
        for row in &self.0 {
            let Figure {
                what, unit, goal, ..
            } = row.figure;
            let goal = match goal {
                Goal::AtLeast(goal) => format!(">= {}", number(goal)),
                Goal::AtMost(goal) => format!("<= {}", number(goal)),
            };
            let (median, count) = match (&row.runs, row.median()) {
                (Ok(runs), Some(median)) => (format!("{} {unit}", number(median)), runs.len()),
                _ => ("-".to_owned(), 0),
            };
            let result = match (&row.runs, row.reached()) {
                (Err(why), _) => {
                    format!("not measured: {}", why.lines().next().unwrap_or_default())
                }
                (_, true) => "ok".to_owned(),
                (_, false) => "MISSED".to_owned(),
            };
            let _ = writeln!(
                text,
                "{what:<52} {goal:>14} {median:>16} {count:>5}  {result}"
            );
        }
        text
    }

    /// For machines: every run.
    pub fn json(&self) -> Value {
        let rows = self.0.iter().map(|row| {
            let (bound, goal) = match row.figure.goal {
                Goal::AtLeast(goal) => ("at_least", goal),
                Goal::AtMost(goal) => ("at_most", goal),
            };
            json!({
                "key": row.figure.key, "what": row.figure.what, "unit": row.figure.unit, bound: goal,
                "median": row.median(), "runs": row.runs.as_ref().ok(), "error": row.runs.as_ref().err(),
                "reached": row.reached(),
            })
        });
        json!({ "cores": std::thread::available_parallelism().map_or(0, usize::from), "figures": rows.collect::<Vec<_>>() })
    }
}

/// The value in the middle; none of none.
pub fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    Some(if values.len() % 2 == 1 {
        values[middle]
    } else {
        f64::midpoint(*values.get(middle.checked_sub(1)?)?, values[middle])
    })
}

/// The value that so many percent of all do not exceed; one of those seen. Of none it is infinite, so
/// that what was not measured keeps no bound.
pub fn percentile(values: &[f64], percent: usize) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    let at = (values.len() * percent).div_ceil(100).saturating_sub(1);
    values.get(at).copied().unwrap_or(f64::INFINITY)
}

/// Three figures of precision, thousands apart.
fn number(value: f64) -> String {
    if value.abs() < 100.0 {
        let text = format!("{value:.3}");
        return text.trim_end_matches('0').trim_end_matches('.').to_owned();
    }
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(goal: Goal, runs: &[f64]) -> Measured {
        Measured::new(
            Figure {
                key: "k",
                what: "w",
                unit: "s",
                goal,
            },
            Ok(runs.to_vec()),
        )
    }

    #[test]
    fn percentiles_are_values_that_were_seen() {
        let times: Vec<f64> = (1..=200).map(f64::from).collect();
        assert_eq!(percentile(&times, 50).to_string(), "100");
        assert_eq!(percentile(&times, 99).to_string(), "198");
        assert_eq!(percentile(&times, 100).to_string(), "200");
        assert!(percentile(&[], 99).is_infinite());
    }

    #[test]
    fn the_median_decides() {
        assert!(measured(Goal::AtMost(2.0), &[9.0, 1.0, 2.0]).reached());
        assert!(!measured(Goal::AtMost(2.0), &[9.0, 1.0, 3.0]).reached());
        assert!(measured(Goal::AtLeast(2.0), &[1.0, 3.0]).reached());
        assert!(!measured(Goal::AtLeast(2.1), &[1.0, 3.0]).reached());
    }

    #[test]
    fn an_unmeasured_figure_is_not_reached() {
        let none = measured(Goal::AtMost(2.0), &[]);
        assert!(!none.reached());
        assert!(!Sheet::from(vec![none]).all_reached());
        assert!(!Sheet::from(Vec::new()).all_reached());
    }

    #[test]
    fn numbers_are_readable() {
        assert_eq!(number(0.25), "0.25");
        assert_eq!(number(5_000.0), "5,000");
        assert_eq!(number(1_234_567.4), "1,234,567");
        assert_eq!(number(123.0), "123");
    }
}
