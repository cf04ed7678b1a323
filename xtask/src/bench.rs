//! `cargo xtask bench NAME`: measured figures beside the promised ones.
//!
//! Each figure is measured several times in release; the table shows medians, and the JSON keeps
//! every run. A figure that could not be measured is a failure of the bench, not a gap in it.

mod chance;
mod clone;
mod console;
mod edit;
pub mod examples;
pub mod figure;
mod gateway;
pub mod serving;
mod visit;
mod wire;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::ValueEnum;

use crate::binary::{self, Profile};
use crate::lab;
use crate::step::{self, Steps};
use figure::{Measured, Sheet};

/// Arguments of `cargo xtask bench`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Which figures
    name: Name,
    /// Runs of each figure (medians are compared)
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// Only parts whose name contains this
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Of `gateway`: the rules both sides run (default: those of the distribution)
    #[arg(long, value_name = "DIR")]
    rules: Option<PathBuf>,
    /// Of `gateway`: seed of the texts that must not be refused
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Name {
    /// Ledger, contract engine, documents, rehearsal, serving, crash trials, incremental build
    Spine,
    /// Every page of the console: server time under load, weight
    Console,
    /// The gateway beside nginx with libmodsecurity and the same rules
    Gateway,
    /// Clean clone to the first page, once (builds everything anew)
    Clone,
}

/// Runs the command.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let steps = Steps::start();
    let (file, sheet) = match args.name {
        Name::Spine => ("spine.json", spine(&steps, args)?),
        Name::Console => ("console.json", Sheet::from(console::measure(&steps, args)?)),
        Name::Gateway => ("gateway.json", Sheet::from(gateway::measure(&steps, args)?)),
        Name::Clone => ("clone.json", Sheet::from(vec![clone::measure(&steps)])),
    };
    eprintln!("\n{}", sheet.table());
    let path = step::target_dir()?.join("bench").join(file);
    std::fs::create_dir_all(path.parent().expect("has a folder"))?;
    std::fs::write(&path, serde_json::to_string_pretty(&sheet.json())?)
        .with_context(|| format!("could not write {}", path.display()))?;
    eprintln!("written: {}", path.display());
    Ok(if sheet.all_reached() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// A part of a bench: its name and what measures it.
type Part<'a> = (&'static str, Box<dyn Fn() -> Vec<Measured> + 'a>);

fn spine(steps: &Steps, args: &Args) -> anyhow::Result<Sheet> {
    let runs = args.runs;
    steps.say("building mamori in release");
    let mamori = binary::build(steps, Profile::Release)?;
    let parts: Vec<Part<'_>> = vec![
        ("ledger", Box::new(|| examples::ledger(runs))),
        ("states", Box::new(|| examples::states(runs))),
        ("documents", Box::new(|| examples::documents(runs))),
        ("rehearsal", Box::new(|| serving::rehearsal(&mamori, runs))),
        ("serving", Box::new(|| serving::serving(&mamori, runs))),
        ("crash", Box::new(|| vec![lab::figure(200)])),
        ("edit", Box::new(|| vec![edit::measure(runs)])),
    ];
    let mut measured = Vec::new();
    for (name, part) in parts {
        if args
            .only
            .as_ref()
            .is_some_and(|only| !name.contains(only.as_str()))
        {
            continue;
        }
        steps.say(format!("measuring {name}"));
        measured.extend(part());
    }
    Ok(Sheet::from(measured))
}
