//! `cargo xtask setup`: installs what building and running Mamori with its gateway needs.

use std::process::ExitCode;

use crate::apt;
use crate::step::Steps;

/// Arguments of `cargo xtask setup`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What the tests need, too
    #[arg(long)]
    tests: bool,
}

/// Runs the command.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let steps = Steps::start();
    let tests = args.tests.then_some(apt::TEST);
    let needs: Vec<_> = [apt::DEMO, apt::GATEWAY].into_iter().chain(tests).collect();
    apt::ensure(&steps, &needs)?;
    steps.say("everything is there");
    Ok(ExitCode::SUCCESS)
}
