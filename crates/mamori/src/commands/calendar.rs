//! `mamori calendar`.

use std::process::ExitCode;

use crate::global::Global;

/// Arguments of `mamori calendar`.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs the command.
pub fn run(_args: Args, _global: &Global) -> anyhow::Result<ExitCode> {
    anyhow::bail!("calendar: under construction")
}
