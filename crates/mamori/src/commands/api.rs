//! `mamori api`: the description of the API, as the server tells it.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use mamori_web::api::openapi;

use crate::capabilities;

/// Arguments of `mamori api`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Print the OpenAPI 3.1 description, made from the code
    Describe {
        /// Write it into this file instead
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
}

/// Runs the command. Nothing is opened: the description is the program's, not an installation's.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let Command::Describe { out } = &args.command;
    let all = capabilities::all();
    let document = openapi::document(all.iter().flat_map(|capability| &capability.routes));
    let text = serde_json::to_string_pretty(&document)? + "\n";
    match out {
        Some(file) => std::fs::write(file, text).with_context(|| {
            format!(
                "{} に書けません。場所と権限を確かめてください",
                file.display()
            )
        })?,
        None => print!("{text}"),
    }
    Ok(ExitCode::SUCCESS)
}
