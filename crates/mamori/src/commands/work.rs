//! `mamori work`: record, list, correct and withdraw work. The words and rules are
//! [`mamori_office::cli_work`]'s; here are only the contract, the actor and the exit.

use std::io::Write as _;
use std::process::ExitCode;

use mamori_kernel::ledger::Actor;
use mamori_office::Office;
use mamori_office::cli_work::{self, WorkCommand};
use mamori_runtime::App;

use crate::global::Global;
use crate::wiring;

/// Arguments of `mamori work`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Contract id (needed only when several contracts are in force)
    #[arg(long, global = true, value_name = "ID")]
    contract: Option<String>,
    #[command(subcommand)]
    command: WorkCommand,
}

/// Runs the command.
pub fn run(args: Args, global: &Global) -> anyhow::Result<ExitCode> {
    let text = if let Some(remote) = global.remote()? {
        let place = super::remote::place(&remote, args.contract.as_deref(), global.json)?;
        place.work(args.command)?
    } else {
        here(args, global)?
    };

    let mut out = std::io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| {
        if global.json {
            out.write_all(b"\n")
        } else {
            Ok(())
        }
    });
    match written {
        // Who reads only the beginning (`| head`) has what they wanted.
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(ExitCode::SUCCESS),
    }
}

fn here(args: Args, global: &Global) -> anyhow::Result<String> {
    wiring::block_on(async {
        let app = wiring::open_app(global).await?;
        let outcome = carry_out(&app, args, global.json).await;
        app.db.close().await;
        outcome
    })
}

async fn carry_out(app: &App, args: Args, json: bool) -> anyhow::Result<String> {
    let office = Office::of(app)?;
    let live = office.contracts.choose(args.contract.as_deref()).await?;
    let actor = Actor::machine("command-line");
    Ok(cli_work::run(&office.desk, live.id(), args.command, actor, json).await?)
}
