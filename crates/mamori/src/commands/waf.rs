//! `mamori waf`: rules of the firewall, tried on stored requests and kept in versions.
//!
//! Exit codes: 0 done, 1 refused, failed, or (inspect) a line was no request, 2 wrong usage.

mod inspect;
mod versions;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;
use mamori_rules::{Folders, Loaded};

use crate::global::Global;

/// Arguments of `mamori waf`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Judge stored requests: JSON lines in, decisions as JSON lines out
    Inspect(inspect::InspectArgs),
    /// Install a release archive of the rules beside the versions in place
    Install(versions::InstallArgs),
    /// Make an installed version the one in force
    Activate(versions::ActivateArgs),
    /// Go back to the version that was in force before
    Revert,
    /// List the installed versions
    List,
}

/// Where rules come from.
#[derive(Debug, clap::Args)]
struct From {
    /// Rules: a folder with rules/*.conf or *.conf, such as /usr/share/modsecurity-crs
    /// (default: the version in force)
    #[arg(long, value_name = "DIR")]
    rules: Option<PathBuf>,
    /// Plugin to load with them, such as the exclusions for WordPress; may be repeated
    #[arg(long = "plugin", value_name = "DIR")]
    plugins: Vec<PathBuf>,
}

impl From {
    fn folders(&self, global: &Global) -> anyhow::Result<Folders> {
        let current = mamori_rules::in_force(&global.data_dir());
        let rules = match &self.rules {
            Some(rules) => rules.clone(),
            None if current.is_dir() => current,
            None => anyhow::bail!(
                "規則がありません。--rules DIR で OWASP CRS のフォルダーを指定するか、`mamori waf install FILE --activate` で入れてください"
            ),
        };
        Ok(Folders {
            rules,
            plugins: self.plugins.clone(),
        })
    }
}

/// Runs the command.
pub fn run(args: Args, global: &Global) -> anyhow::Result<ExitCode> {
    match args.command {
        Command::Inspect(args) => inspect::run(&args, global),
        Command::Install(args) => versions::install(&args, global),
        Command::Activate(args) => versions::activate(&args, global),
        Command::Revert => versions::revert(global),
        Command::List => versions::list(global),
    }
}

/// What was loaded, for the person who asked.
fn say_loaded(loaded: &Loaded) {
    for note in &loaded.notes {
        eprintln!("mamori: {note}");
    }
    let setup = match &loaded.setup {
        Some(setup) => format!("、設定 {}", setup.display()),
        None => String::new(),
    };
    eprintln!(
        "mamori: 規則 {} 件（{} ファイル{setup}）",
        loaded.rules.len(),
        loaded.files
    );
}

/// Prints; who reads only the beginning has what they wanted.
fn print(text: &str) -> anyhow::Result<()> {
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}
