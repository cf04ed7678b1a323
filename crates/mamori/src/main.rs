//! The `mamori` binary: command line, the list of capabilities, wiring.
//!
//! Nothing is decided here: commands parse, call a lower row, print.

#[cfg(test)]
mod bad_input_tests;
mod capabilities;
#[cfg(test)]
mod carried_tests;
mod commands;
#[cfg(test)]
mod empty_tests;
mod global;
#[cfg(test)]
mod help_tests;
#[cfg(test)]
mod matrix_tests;
#[cfg(test)]
mod personal_tests;
mod rehearsal;
#[cfg(test)]
mod search_tests;
#[cfg(test)]
mod twins_tests;
mod wiring;

use clap::{Parser, Subcommand};

use crate::global::Global;

/// Requests ask for hundreds of small pieces of memory on several threads at once, and rule sets come
/// and go: the system's allocator took about a tenth of the gateway's time and kept what was given back.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Mamori (守り): run, keep and prove a city's public website under its contract.
#[derive(Debug, Parser)]
#[command(name = "mamori", version, about)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check a contract file, print its schema, due dates and states
    Contract(commands::contract::Args),
    /// Japanese holidays, open days and rolled dates
    Calendar(commands::calendar::Args),
    /// Record and list work
    Work(commands::work::Args),
    /// List, render and submit documents
    Document(commands::document::Args),
    /// Append to, show, export and verify the evidence ledger
    Ledger(commands::ledger::Args),
    /// Run a whole contract year with a driven clock
    Rehearse(commands::rehearse::Args),
    /// Serve the console and run the jobs
    Serve(commands::serve::Args),
    /// Prepare and serve a sample installation
    Demo(commands::demo::Args),
    /// Print the description of the JSON API
    Api(commands::api::Args),
    /// Manage users
    User(commands::user::Args),
    /// Rules of the web application firewall: try them on stored requests, install versions
    Waf(commands::waf::Args),
}

impl Command {
    /// Refuses `--server` where the command would silently work on this machine instead.
    fn can_be_told_to(&self, global: &Global) -> anyhow::Result<()> {
        let name = match self {
            Self::Contract(_)
            | Self::Work(_)
            | Self::Document(_)
            | Self::Ledger(_)
            | Self::User(_)
            // These touch no installation.
            | Self::Calendar(_)
            | Self::Api(_) => return Ok(()),
            Self::Rehearse(_) => "rehearse",
            Self::Serve(_) => "serve",
            Self::Demo(_) => "demo",
            Self::Waf(_) => "waf",
        };
        anyhow::ensure!(
            global.server.is_none(),
            "{name} は --server では使えません。サーバーの機械で実行するか、--server（MAMORI_SERVER）を外してください"
        );
        Ok(())
    }
}

fn main() -> std::process::ExitCode {
    let cli = Cli::parse();
    let global = &cli.global;
    if let Err(error) = cli.command.can_be_told_to(global) {
        eprintln!("mamori: {error:#}");
        return std::process::ExitCode::FAILURE;
    }
    let outcome = match cli.command {
        Command::Contract(args) => commands::contract::run(args, global),
        Command::Calendar(args) => commands::calendar::run(args, global),
        Command::Work(args) => commands::work::run(args, global),
        Command::Document(args) => commands::document::run(args, global),
        Command::Ledger(args) => commands::ledger::run(args, global),
        Command::Rehearse(args) => commands::rehearse::run(args, global),
        Command::Serve(args) => commands::serve::run(args, global),
        Command::Demo(args) => commands::demo::run(&args, global),
        Command::Api(args) => commands::api::run(&args),
        Command::User(args) => commands::user::run(args, global),
        Command::Waf(args) => commands::waf::run(args, global),
    };
    match outcome {
        Ok(code) => code,
        Err(error) => {
            eprintln!("mamori: {error:#}");
            std::process::ExitCode::FAILURE
        }
    }
}
