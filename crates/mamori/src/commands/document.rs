//! `mamori document`.

use std::process::ExitCode;

use crate::global::Global;

/// Arguments of `mamori document`.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs the command.
pub fn run(_args: Args, _global: &Global) -> anyhow::Result<ExitCode> {
    anyhow::bail!("document: under construction")
}
