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
        "states_p99_ms",
        Figure {
            key: "states.all",
            what: "state of all obligations, 1,000,000 records, p99",
            unit: "ms",
            goal: Goal::AtMost(50.0),
        },
    ),
    (
        "apply_ms",
        Figure {
            key: "states.one",
            what: "one new record re-evaluated",
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
    example("bench_ledger", LEDGER, runs)
}

pub fn states(runs: u32) -> Vec<Measured> {
    example("bench_states", STATES, runs)
}

pub fn documents(runs: u32) -> Vec<Measured> {
    example("bench_status_report", DOCUMENTS, runs)
}

/// Builds an example with the features of the whole workspace, as the binary is built.
fn built(name: &str) -> anyhow::Result<PathBuf> {
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

fn example(name: &str, wanted: &[Wanted], runs: u32) -> Vec<Measured> {
    let outputs: anyhow::Result<Vec<BTreeMap<String, f64>>> = built(name).and_then(|program| {
        (0..runs)
            .map(|_| Ok(numbers(&step::output(&mut Command::new(&program))?)))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_taken_from_json_lines_only() {
        let found = numbers("warming up 5\n{\"a\": 1.5, \"name\": \"x\"}\n  {\"b\": 2}\n[3]\n");
        assert_eq!(
            found,
            BTreeMap::from([("a".to_owned(), 1.5), ("b".to_owned(), 2.0)])
        );
    }
}
