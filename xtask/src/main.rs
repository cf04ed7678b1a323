//! `cargo xtask`: the commands a developer, a newcomer and the build machine run.
//!
//! What it does not do: nothing here is part of the product. It names no crate of ours and few of
//! others, because a fresh machine builds it before it can say anything.

mod apt;
mod bench;
mod binary;
mod crs;
mod demo;
mod docs;
mod lab;
mod layers;
mod licences;
mod lint;
mod setup;
mod site;
mod step;
mod suite;
mod tidy;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

/// Tasks of the Mamori workspace.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Install what building and the gateway need, the Core Rule Set among it
    Setup(setup::Args),
    /// Install what is missing, build, and serve a sample installation on loopback
    Demo(demo::Args),
    /// A real WordPress behind the gateway on loopback, until Ctrl-C
    Site(site::Args),
    /// Install what tests need and run everything: lint, Rust tests, browser walks
    Test(suite::Args),
    /// Layers, licences, formatting, clippy, tidiness
    Lint(lint::Args),
    /// Measure the figures of an issue in release and compare them with what was promised
    Bench(bench::Args),
    /// Run the regression tests of the Core Rule Set, in process or through the gateway
    Crs(crs::Args),
    /// Fault experiments that take long
    Lab(lab::Args),
    /// Build rustdoc; check that links and the README's commands exist
    Docs(docs::Args),
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().task {
        Task::Setup(args) => setup::run(&args),
        Task::Demo(args) => demo::run(&args),
        Task::Site(args) => site::run(&args),
        Task::Test(args) => suite::run(&args),
        Task::Lint(args) => Ok(lint::run(&args)),
        Task::Bench(args) => bench::run(&args),
        Task::Crs(args) => crs::run(&args),
        Task::Lab(args) => lab::run(&args),
        Task::Docs(args) => docs::run(&args, &Cli::command()),
    };
    match outcome {
        Ok(code) => code,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
