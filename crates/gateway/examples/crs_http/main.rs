//! The regression tests of the Core Rule Set over real HTTP, for `cargo xtask crs --http`:
//!
//! `crs_http --rules DIR --tests DIR [--only 942100]`
//!
//! The gateway's data plane listens on loopback, with the rules in it and a small site behind it.
//! Every test goes over a socket of its own, byte for byte as the tests' own tool sends it, and is
//! judged by what the gateway tells (the ids of the rules, what a log would say) and by the status
//! that came back. Prints each failure with what was expected and found, and `passed N of M`. Ends
//! with 1 if a test fails that is not listed with its reason, or if a listed one passes.

#![allow(clippy::print_stdout, clippy::print_stderr)]

mod judge;
mod run;
mod site;
#[path = "../../../waf/tests/support/mod.rs"]
mod support;
mod wire;

use std::path::PathBuf;
use std::process::ExitCode;

use support::ftw;

fn option(name: &str) -> Option<String> {
    let mut arguments = std::env::args().skip_while(|argument| argument != name);
    arguments.nth(1)
}

async fn run(rules: PathBuf, tests: PathBuf) -> Result<ExitCode, String> {
    if !tests.is_dir() {
        return Err(format!(
            "{} is no folder: name the folder of the regression tests (tests/ of the rule set)",
            tests.display()
        ));
    }
    let only = option("--only");
    let mut chosen = ftw::all(&tests);
    chosen.retain(|(name, _)| only.as_deref().is_none_or(|only| name.starts_with(only)));
    if chosen.is_empty() {
        return Err(format!("no such test in {}", tests.display()));
    }
    let mut gateway = run::Gateway::start(rules).await?;
    let outcome = gateway.run_all(&chosen, only.is_some()).await?;
    for (name, wrong) in &outcome.failed {
        println!("{name}: {}", wrong.join("; "));
        if let Some(reason) = judge::reason(name) {
            println!("    known: {reason}");
        }
    }
    let unexpected = outcome.unexpected(only.is_none());
    for line in &unexpected {
        println!("{line}");
    }
    println!("passed {} of {}", outcome.passed(), outcome.judged);
    Ok(if unexpected.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

#[tokio::main]
async fn main() -> ExitCode {
    let (Some(rules), Some(tests)) = (option("--rules"), option("--tests")) else {
        eprintln!("usage: crs_http --rules DIR --tests DIR [--only 942100]");
        return ExitCode::from(2);
    };
    match run(PathBuf::from(rules), PathBuf::from(tests)).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("crs_http: {error}");
            ExitCode::FAILURE
        }
    }
}
