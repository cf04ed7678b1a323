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
    /// What a WordPress to try the gateway on needs, too (part of --tests)
    #[arg(long)]
    site: bool,
}

/// Runs the command.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let steps = Steps::start();
    let tests = args.tests.then_some(apt::TEST);
    let site = (args.tests || args.site).then_some(apt::SITE);
    let needs: Vec<_> = [apt::DEMO, apt::GATEWAY]
        .into_iter()
        .chain(tests)
        .chain(site)
        .collect();
    apt::ensure(&steps, &needs)?;
    steps.say("everything is there");
    Ok(ExitCode::SUCCESS)
}
