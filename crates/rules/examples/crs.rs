//! The regression tests of the Core Rule Set through the engine, for `cargo xtask crs`:
//!
//! `crs --rules DIR --tests DIR [--only 942100]`
//!
//! Prints each failure with the rule ids expected and found, and `passed N of M`. Ends with 1 if a
//! test fails that is not listed with its reason.

#[path = "../../waf/tests/support/mod.rs"]
mod support;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use mamori_rules::{Folders, Wanted, load};
use mamori_waf::Mode;
use support::ftw;
use support::regression::{self, Outcome};

fn option(name: &str) -> Option<String> {
    let mut arguments = std::env::args().skip_while(|argument| argument != name);
    arguments.nth(1)
}

fn run(rules: &Path, tests: &Path) -> Result<ExitCode, String> {
    if !tests.is_dir() {
        return Err(format!(
            "{} is no folder: name the folder of the regression tests (tests/ of the rule set)",
            tests.display()
        ));
    }
    let folders = Folders {
        rules: rules.to_owned(),
        plugins: Vec::new(),
    };
    let wanted = Wanted {
        mode: Mode::DetectionOnly,
        after_setup: regression::SETTINGS.to_owned(),
        // The tests are written for an engine without rules of its own.
        check_bodies: false,
        ..Wanted::default()
    };
    let loaded = load(&folders, &wanted).map_err(|error| error.to_string())?;
    for note in &loaded.notes {
        eprintln!("{note}");
    }
    let only = option("--only");
    let outcome = regression::run_all(&loaded.rules, &ftw::all(tests), only.as_deref());
    if outcome.judged == 0 {
        return Err(format!("no test by rule id in {}", tests.display()));
    }
    for (name, failures) in &outcome.failed {
        for failure in failures {
            println!("{name}: {failure}");
        }
        if let Some(reason) = Outcome::reason(name) {
            println!("    known: {reason}");
        }
    }
    println!("passed {} of {}", outcome.passed(), outcome.judged);
    let unknown = outcome
        .failed
        .iter()
        .any(|(name, _)| Outcome::reason(name).is_none());
    Ok(if unknown {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

fn main() -> ExitCode {
    let (Some(rules), Some(tests)) = (option("--rules"), option("--tests")) else {
        eprintln!("usage: crs --rules DIR --tests DIR [--only 942100]");
        return ExitCode::from(2);
    };
    match run(&PathBuf::from(rules), &PathBuf::from(tests)) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("crs: {error}");
            ExitCode::FAILURE
        }
    }
}
