//! `cargo xtask crs`: the regression tests of the Core Rule Set, judged by rule id.
//!
//! Rules and tests are the project's own files, named on the command line; none lie in this
//! repository. An example of `mamori-rules` runs them in process, in release.

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
    /// Only tests whose name begins so (942100, 942100-1), and what each logged
    #[arg(long, value_name = "NAME")]
    only: Option<String>,
}

/// Runs the command.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let steps = Steps::start();
    let (rules, tests) = (full(&args.rules)?, full(&args.tests)?);
    steps.say("building in release");
    let program = examples::built("crs")?;
    steps.say("in process");
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
