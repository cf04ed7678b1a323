//! `cargo xtask lab NAME`: experiments that break things on purpose and look at what is left.

use std::process::ExitCode;

use crate::apt;
use crate::bench::figure::{Figure, Goal, Measured};
use crate::binary::{self, Profile};
use crate::site::RulesArgs;
use crate::step::Steps;

mod api;
mod attack;
mod crash;

/// Arguments of `cargo xtask lab`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    experiment: Experiment,
}

#[derive(Debug, clap::Subcommand)]
enum Experiment {
    /// kill -9 while the ledger is written: no acknowledged record may be missing afterwards
    Crash {
        /// How often
        #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..))]
        trials: u32,
    },
    /// schemathesis against the OpenAPI description, as each role: no server error, no violation
    Api {
        /// Most cases of one operation and phase
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
        examples: u32,
        /// Most seconds for one role; six roles stay within ten minutes
        #[arg(long, default_value_t = 90, value_parser = clap::value_parser!(u32).range(10..))]
        seconds: u32,
        /// A mamori that is built already, instead of building one
        #[arg(long, value_name = "FILE")]
        binary: Option<std::path::PathBuf>,
    },
    /// sqlmap, wapiti and slowhttptest on loopback against the gateway with a WordPress behind
    Attack {
        #[command(flatten)]
        rules: RulesArgs,
        /// Seconds of each slow attack (twelve of them; 12, quickly 5)
        #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(3..))]
        slow: Option<u32>,
        /// Slow connections at the same time
        #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..))]
        connections: u32,
        /// Most seconds of one scan (twelve of them; 40, quickly 20)
        #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(10..))]
        scan: Option<u32>,
        /// Half the time: shorter, and at two doors of WordPress instead of six
        #[arg(long)]
        quick: bool,
        /// A mamori that is built already, instead of building one in release
        #[arg(long, value_name = "FILE")]
        binary: Option<std::path::PathBuf>,
        /// Print the figures as JSON on standard output
        #[arg(long)]
        json: bool,
    },
}

const LOST: Figure = Figure {
    key: "crash.lost",
    what: "acknowledged records lost, kill -9 trials",
    unit: "records",
    goal: Goal::AtMost(0.0),
};

/// Runs the command.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let steps = Steps::start();
    match &args.experiment {
        Experiment::Crash { trials } => crash(&steps, *trials),
        Experiment::Api {
            examples,
            seconds,
            binary,
        } => {
            let bounds = api::Bounds {
                examples: *examples,
                seconds: *seconds,
            };
            api(&steps, bounds, binary.as_deref())
        }
        Experiment::Attack {
            rules,
            slow,
            connections,
            scan,
            quick,
            binary,
            json,
        } => {
            let or = |given: &Option<u32>, usual, short| {
                given.unwrap_or(if *quick { short } else { usual })
            };
            let bounds = attack::Bounds {
                slow: or(slow, 12, 5),
                connections: *connections,
                scan: or(scan, 40, 20),
                quick: *quick,
            };
            apt::ensure(&steps, &[apt::GATEWAY, apt::SITE, apt::ATTACK])?;
            let rules = rules.find()?;
            let mamori = match binary {
                Some(binary) => binary.clone(),
                None => binary::build(&steps, Profile::Release)?,
            };
            let outcome = attack::trials(&steps, bounds, &mamori, &rules)?;
            eprintln!("\n{}", outcome.table());
            if *json {
                println!("{:#}", outcome.json());
            }
            Ok(if outcome.is_clean() {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            })
        }
    }
}

fn api(
    steps: &Steps,
    bounds: api::Bounds,
    binary: Option<&std::path::Path>,
) -> anyhow::Result<ExitCode> {
    // Not measured is not passed.
    let Some(report) = api::trials(steps, bounds, binary)? else {
        return Ok(ExitCode::FAILURE);
    };
    print!("{}", report.table());
    Ok(if report.is_clean() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn crash(steps: &Steps, trials: u32) -> anyhow::Result<ExitCode> {
    let outcome = crash::trials(trials)?;
    steps.say(format!(
        "{trials} trials: {} records acknowledged, {} lost, {} chains broken",
        outcome.acknowledged, outcome.lost, outcome.broken
    ));
    Ok(if outcome.lost == 0 && outcome.broken == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The figure of the bench: lost records and broken chains together, which must be none.
pub fn figure(trials: u32) -> Measured {
    let runs = crash::trials(trials).map(|outcome| vec![(outcome.lost + outcome.broken) as f64]);
    Measured::new(LOST, runs)
}
