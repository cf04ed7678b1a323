//! `cargo xtask lint`: what the compiler does not say.

use std::process::ExitCode;

use crate::layers;
use crate::licences;
use crate::step::{self, Steps};
use crate::suite::Count;
use crate::tidy;

/// Arguments of `cargo xtask lint`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Leave out clippy, which compiles
    #[arg(long)]
    fast: bool,
}

/// How much is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// What takes seconds.
    Fast,
    /// Clippy as well.
    Full,
}

/// Runs the command.
pub fn run(args: &Args) -> ExitCode {
    let steps = Steps::start();
    let count = all(&steps, if args.fast { Depth::Fast } else { Depth::Full });
    eprintln!(
        "{} passed, {} failed, {} skipped",
        count.passed, count.failed, count.skipped
    );
    if count.failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

type Check = fn() -> anyhow::Result<Vec<String>>;

/// Runs every check, even after one failed.
pub fn all(steps: &Steps, depth: Depth) -> Count {
    let mut checks: Vec<(&str, Check)> = vec![
        ("layers", layers::findings),
        ("licences", licences::findings),
        ("tidy", tidy::findings),
        ("rustfmt", rustfmt),
    ];
    let mut count = Count::default();
    if step::which("cargo-deny").is_some() {
        checks.push(("cargo-deny", cargo_deny));
    } else {
        steps.say("lint cargo-deny: not installed; its licence, ban and source rules were checked by `licences`");
        count.skipped += 1;
    }
    match depth {
        Depth::Full => checks.push(("clippy", clippy)),
        Depth::Fast => count.skipped += 1,
    }
    for (name, check) in checks {
        steps.say(format!("lint {name}"));
        let findings = check().unwrap_or_else(|error| vec![format!("{error:#}")]);
        if findings.is_empty() {
            count.passed += 1;
            continue;
        }
        count.failed += 1;
        for finding in &findings {
            eprintln!("  {name}: {finding}");
        }
        steps.say(format!(
            "lint {name}: FAILED, {} finding(s)",
            findings.len()
        ));
    }
    count
}

fn rustfmt() -> anyhow::Result<Vec<String>> {
    let output = step::cargo()
        .args(["fmt", "--all", "--", "--check", "--files-with-diff"])
        .output()?;
    let mut findings: Vec<String> = String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(|path| {
            let path = path
                .strip_prefix(&*step::root().to_string_lossy())
                .unwrap_or(path);
            format!(
                "{} is not formatted (cargo fmt)",
                path.trim_start_matches('/')
            )
        })
        .collect();
    findings.sort();
    findings.dedup();
    if findings.is_empty() && !output.status.success() {
        findings.push(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    Ok(findings)
}

fn clippy() -> anyhow::Result<Vec<String>> {
    step::run(step::cargo().args([
        "clippy",
        "--workspace",
        "--all-targets",
        "--quiet",
        "--",
        "-D",
        "warnings",
    ]))?;
    Ok(Vec::new())
}

fn cargo_deny() -> anyhow::Result<Vec<String>> {
    step::run(step::cargo().args(["deny", "check", "licenses", "bans", "sources"]))?;
    Ok(Vec::new())
}
