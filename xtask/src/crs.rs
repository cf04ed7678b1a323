//! `cargo xtask crs`: the regression tests of the Core Rule Set, judged by rule id.
//!
//! Rules and tests are the project's own files, named on the command line; none lie in this
//! repository. In release, an example of `mamori-rules` runs them in process, and one of
//! `mamori-gateway` sends them through the data plane over sockets of loopback.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::Context;

use crate::bench::examples;
use crate::step::Steps;

/// Arguments of `cargo xtask crs`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The rules: a folder with rules/*.conf
    #[arg(long, value_name = "DIR")]
    rules: PathBuf,
    /// The tests: the rule set's tests/, or a folder of *.yaml
    #[arg(long, value_name = "DIR")]
    tests: PathBuf,
    /// Through the gateway over real HTTP, with the tests of statuses and of logs
    #[arg(long)]
    http: bool,
    /// Only tests whose name begins so (942100, 942100-1), and what each logged
    #[arg(long, value_name = "NAME")]
    only: Option<String>,
}

/// Runs the command.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let steps = Steps::start();
    let (rules, tests) = (full(&args.rules)?, full(&args.tests)?);
    steps.say("building in release");
    let (example, how) = if args.http {
        ("crs_http", "through the gateway")
    } else {
        ("crs", "in process")
    };
    let program = examples::built(example)?;
    steps.say(how);
    let mut command = Command::new(program);
    command.arg("--rules").arg(rules).arg("--tests").arg(tests);
    if let Some(only) = &args.only {
        command.arg("--only").arg(only);
    }
    let status = command.stdin(Stdio::null()).status()?;
    steps.say("done");
    Ok(if status.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn full(folder: &Path) -> anyhow::Result<PathBuf> {
    folder.canonicalize().with_context(|| {
        format!(
            "{} cannot be read: name a folder of the Core Rule Set",
            folder.display()
        )
    })
}
