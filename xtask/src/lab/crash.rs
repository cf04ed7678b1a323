//! kill -9 while a child appends to the ledger.
//!
//! The child (an example of the store) prints the sequence number of each record after the append
//! was acknowledged. Whatever it printed before it died must be there afterwards, and the chain
//! must verify.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, ensure};

use crate::bench::serving::{Running, scratch};
use crate::step;

/// What the trials found.
#[derive(Debug, Default, Clone, Copy)]
pub struct Outcome {
    /// Records whose append the child had acknowledged, over all trials.
    pub acknowledged: u64,
    /// Of those, not there afterwards.
    pub lost: u64,
    /// Trials after which the chain did not verify.
    pub broken: u64,
}

/// Runs the trials, each on the data that the trials before it left behind.
pub fn trials(count: u32) -> anyhow::Result<Outcome> {
    let child = build()?;
    let data = scratch("crash")?;
    let mut outcome = Outcome::default();
    let mut before = 0;
    for trial in 0..count {
        let last = write_and_kill(&child, &data, trial)?;
        outcome.acknowledged += last.saturating_sub(before);
        let (there, whole) = look(&child, &data)?;
        if !whole {
            outcome.broken += 1;
        }
        outcome.lost += last.saturating_sub(there);
        before = there;
        if (trial + 1) % 20 == 0 {
            eprintln!(
                "  {} of {count} trials, {there} records, {} lost",
                trial + 1,
                outcome.lost
            );
        }
    }
    ensure!(
        outcome.acknowledged > 0,
        "the child never acknowledged a record: the trials prove nothing"
    );
    Ok(outcome)
}

fn build() -> anyhow::Result<PathBuf> {
    step::run(step::cargo().args([
        "build",
        "--quiet",
        "--release",
        "--package",
        "mamori-store",
        "--example",
        "crash_writer",
    ]))?;
    Ok(step::target_dir()?.join("release/examples/crash_writer"))
}

/// Lets the child write for a while, kills it, and returns the last number it acknowledged (0: none).
fn write_and_kill(child: &Path, data: &Path, trial: u32) -> anyhow::Result<u64> {
    let mut running = Running(
        Command::new(child)
            .arg("write")
            .arg(data)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .context("could not start the writer")?,
    );
    let output = running.0.stdout.take().expect("stdout is piped");
    let reader = std::thread::spawn(move || {
        BufReader::new(output)
            .lines()
            .map_while(Result::ok)
            .filter_map(|line| line.trim().parse::<u64>().ok())
            .max()
            .unwrap_or(0)
    });
    // Spread over 0.2–1.2 s, so that opening, writing and checkpointing are all hit.
    std::thread::sleep(Duration::from_millis(200 + u64::from(trial) * 397 % 1000));
    running
        .0
        .kill()
        .context("the writer ended before it was killed")?;
    running.0.wait()?;
    Ok(reader.join().expect("the reader does not panic"))
}

/// How many records are there, and whether the chain verifies.
fn look(child: &Path, data: &Path) -> anyhow::Result<(u64, bool)> {
    let output = Command::new(child)
        .arg("check")
        .arg(data)
        .stdin(Stdio::null())
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let count = text
        .lines()
        .filter_map(|line| line.trim().parse::<u64>().ok())
        .next_back();
    match (output.status.success(), count) {
        (true, Some(count)) => Ok((count, true)),
        (false, count) => {
            eprint!("{}", String::from_utf8_lossy(&output.stderr));
            Ok((count.unwrap_or(0), false))
        }
        (true, None) => anyhow::bail!("the check printed no number: {text}"),
    }
}
