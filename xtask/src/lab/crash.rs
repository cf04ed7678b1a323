//! kill -9 while the ledger is written: the store's example `crash_ledger` does it, this reads what
//! it found.

use std::process::Command;

use anyhow::{Context, ensure};
use serde_json::Value;

use crate::bench::examples;
use crate::step;

/// What the trials found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// Records whose append was acknowledged before the kill, over all trials.
    pub acknowledged: u64,
    /// Of those, not there afterwards or changed.
    pub lost: u64,
    /// Problems found in the chain.
    pub broken: u64,
}

/// Runs the trials.
pub fn trials(count: u32) -> anyhow::Result<Outcome> {
    let mut last = String::new();
    let program = examples::built("crash_ledger")?;
    // Ends badly when records are lost, and says so in its JSON line all the same.
    step::watched(
        Command::new(program).args(["--trials", &count.to_string()]),
        |line| {
            if line.starts_with('{') {
                line.clone_into(&mut last);
            }
        },
    )?;
    read(&last, u64::from(count))
}

fn read(line: &str, count: u64) -> anyhow::Result<Outcome> {
    let found: Value = serde_json::from_str(line).context("the trials printed no result")?;
    let number = |name: &str| {
        found[name]
            .as_u64()
            .with_context(|| format!("no {name} in {line}"))
    };
    ensure!(
        number("trials")? == count,
        "{count} trials asked for: {line}"
    );
    let outcome = Outcome {
        acknowledged: number("acknowledged")?,
        lost: number("lost")?,
        broken: number("chain_problems")?,
    };
    ensure!(
        outcome.acknowledged > 0,
        "no record was ever acknowledged: the trials prove nothing"
    );
    Ok(outcome)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_counts_only_when_it_proves_something() {
        let line = |acknowledged: u64| {
            format!(
                "{{\"trials\": 3, \"acknowledged\": {acknowledged}, \"lost\": 1, \"chain_problems\": 2}}"
            )
        };
        let expected = Outcome {
            acknowledged: 9,
            lost: 1,
            broken: 2,
        };
        assert_eq!(read(&line(9), 3).expect("well formed"), expected);
        assert!(read(&line(0), 3).is_err(), "nothing acknowledged");
        assert!(read(&line(9), 4).is_err(), "fewer trials than asked for");
        assert!(read("", 3).is_err());
    }
}
