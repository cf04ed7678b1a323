//! Figures that examples of the lower crates measure in release.
//!
//! An example prints JSON objects, one a line, whose numbers are the figures of one run; it is run
//! as often as the bench asks, each time as a process of its own.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Context;
use serde_json::Value;

use super::figure::{Figure, Goal, Measured};
use crate::step;

/// A figure and the name of the number in the example's output.
type Wanted = (&'static str, Figure);

const LEDGER: &[Wanted] = &[
    (
        "append_per_second",
        Figure {
            key: "ledger.append",
            what: "ledger append, fsync batched",
            unit: "records/s",
            goal: Goal::AtLeast(5_000.0),
        },
    ),
    (
        "verify_per_second",
        Figure {
            key: "ledger.verify",
            what: "ledger verify",
            unit: "records/s",
            goal: Goal::AtLeast(300_000.0),
        },
    ),
];

const STATES: &[Wanted] = &[
    (
        "states p99",
        Figure {
            key: "states.all",
            what: "state of all obligations, 1,000,000 records, p99",
            unit: "ms",
            goal: Goal::AtMost(50.0),
        },
    ),
    (
        "one p99",
        Figure {
            key: "states.one",
            what: "one new record re-evaluated, p99",
            unit: "ms",
            goal: Goal::AtMost(5.0),
        },
    ),
];

const DOCUMENTS: &[Wanted] = &[
    (
        "pdf_first_ms",
        Figure {
            key: "document.pdf",
            what: "status report with 200 rows as PDF, first one",
            unit: "ms",
            goal: Goal::AtMost(1_000.0),
        },
    ),
    (
        "docx_first_ms",
        Figure {
            key: "document.word",
            what: "status report with 200 rows as Word, first one",
            unit: "ms",
            goal: Goal::AtMost(1_000.0),
        },
    ),
];

pub fn ledger(runs: u32) -> Vec<Measured> {
    example("bench_ledger", &[], numbers, LEDGER, runs)
}

pub fn states(runs: u32) -> Vec<Measured> {
    example(
        "contract_bench",
        &[super::serving::CONTRACT, "1000000"],
        percentiles,
        STATES,
        runs,
    )
}

pub fn documents(runs: u32) -> Vec<Measured> {
    example("bench_status_report", &[], numbers, DOCUMENTS, runs)
}

/// What is read from an example's output.
type Read = fn(&str) -> BTreeMap<String, f64>;

/// Builds an example with the features of the whole workspace, as the binary is built.
pub fn built(name: &str) -> anyhow::Result<PathBuf> {
    step::run(step::cargo().args([
        "build",
        "--quiet",
        "--release",
        "--workspace",
        "--example",
        name,
    ]))?;
    Ok(step::target_dir()?.join("release/examples").join(name))
}

fn example(
    name: &str,
    arguments: &[&str],
    read: Read,
    wanted: &[Wanted],
    runs: u32,
) -> Vec<Measured> {
    let outputs: anyhow::Result<Vec<BTreeMap<String, f64>>> = built(name).and_then(|program| {
        (0..runs)
            .map(|_| {
                let mut command = Command::new(&program);
                Ok(read(&step::output(
                    command.args(arguments).current_dir(step::root()),
                )?))
            })
            .collect()
    });
    wanted
        .iter()
        .map(|(number, figure)| {
            let runs = match &outputs {
                Ok(outputs) => outputs
                    .iter()
                    .map(|output| {
                        output
                            .get(*number)
                            .copied()
                            .with_context(|| format!("{name} printed no {number}"))
                    })
                    .collect(),
                Err(error) => Err(anyhow::anyhow!("{error:#}")),
            };
            Measured::new(*figure, runs)
        })
        .collect()
}

/// All numbers in the JSON objects among the lines; a later object wins.
fn numbers(text: &str) -> BTreeMap<String, f64> {
    text.lines()
        .filter_map(|line| serde_json::from_str::<Value>(line.trim()).ok())
        .filter_map(|value| value.as_object().cloned())
        .flatten()
        .filter_map(|(name, value)| Some((name, value.as_f64()?)))
        .collect()
}

/// Lines such as `one record re-evaluated: median 91.2µs, p99 1.3ms`, as milliseconds under
/// `one p99` (the first word before the colon).
fn percentiles(text: &str) -> BTreeMap<String, f64> {
    text.lines()
        .filter_map(|line| {
            let (what, figures) = line.split_once(": median ")?;
            let (_, p99) = figures.split_once(", p99 ")?;
            let first = what.split_whitespace().next()?;
            Some((format!("{first} p99"), milliseconds(p99.trim())?))
        })
        .collect()
}

/// A duration as Rust prints it.
fn milliseconds(text: &str) -> Option<f64> {
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, unit) = text.split_at(split);
    let factor = match unit {
        "s" => 1_000.0,
        "ms" => 1.0,
        "µs" => 0.001,
        "ns" => 0.000_001,
        _ => return None,
    };
    Some(number.parse::<f64>().ok()? * factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_read_as_milliseconds() {
        let text = "apply 10: 1s\nstates of 149: median 1.5ms, p99 2.5ms\none record re-evaluated: median 9µs, p99 250µs\n";
        let found = percentiles(text);
        assert_eq!(
            found,
            BTreeMap::from([("states p99".to_owned(), 2.5), ("one p99".to_owned(), 0.25)])
        );
        assert_eq!(milliseconds("1.2s"), Some(1_200.0));
        assert_eq!(milliseconds("soon"), None);
    }

    #[test]
    fn numbers_are_taken_from_json_lines_only() {
        let found = numbers("warming up 5\n{\"a\": 1.5, \"name\": \"x\"}\n  {\"b\": 2}\n[3]\n");
        assert_eq!(
            found,
            BTreeMap::from([("a".to_owned(), 1.5), ("b".to_owned(), 2.0)])
        );
    }
}
