//! `cargo xtask test`: everything that must hold, on a machine that has only Rust.
//!
//! Stages go on after a failure, so that one run shows all of them; the last lines add them up.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use anyhow::Context;

use crate::apt;
use crate::binary;
use crate::lint;
use crate::step::{self, Steps};

/// Names under which Firefox is found, best first.
pub const FIREFOXES: &[&str] = &["firefox-esr", "firefox"];

/// Names under which Chromium is found, best first.
pub const BROWSERS: &[&str] = &["chromium", "chromium-browser", "google-chrome"];

/// Arguments of `cargo xtask test`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Install nothing; leave out clippy, PostgreSQL and the browser
    #[arg(long)]
    fast: bool,
}

/// What one stage counted.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    pub passed: u64,
    pub failed: u64,
    pub skipped: u64,
}

/// A stage with its result.
struct Stage {
    name: &'static str,
    count: Count,
    took: Duration,
    note: Option<String>,
}

/// Runs the command.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let steps = Steps::start();
    if !args.fast {
        apt::ensure(&steps, &[apt::DEMO, apt::GATEWAY, apt::TEST, apt::SITE])?;
    }
    let mut stages = Vec::new();
    let mut stage = |name: &'static str, work: &mut dyn FnMut() -> anyhow::Result<Count>| {
        steps.say(format!("stage {name}"));
        let started = Instant::now();
        let (count, note) = match work() {
            Ok(count) => (count, None),
            // A stage that could not run at all is a failure, not a gap.
            Err(error) => (
                Count {
                    failed: 1,
                    ..Count::default()
                },
                Some(format!("{error:#}")),
            ),
        };
        steps.say(format!("stage {name}: {}", words(count)));
        if let Some(note) = &note {
            eprintln!("{note}");
        }
        stages.push(Stage {
            name,
            count,
            took: started.elapsed(),
            note,
        });
    };

    stage("lint", &mut || {
        Ok(lint::all(
            &steps,
            if args.fast {
                lint::Depth::Fast
            } else {
                lint::Depth::Full
            },
        ))
    });
    let mut mamori = None;
    stage("build", &mut || {
        mamori = Some(binary::build_with_tests(&steps)?);
        Ok(Count {
            passed: 1,
            ..Count::default()
        })
    });
    stage("rust", &mut || rust(args.fast, mamori.as_deref()));
    if !args.fast {
        stage("browser", &mut || {
            let binary = mamori.as_deref().context("mamori was not built")?;
            browser(&steps, binary)
        });
    }

    let mut total = Count::default();
    let mut table = String::from("\nstage      passed  failed  skipped      time\n");
    for stage in &stages {
        let Count {
            passed,
            failed,
            skipped,
        } = stage.count;
        let _ = writeln!(
            table,
            "{:<9} {passed:>7} {failed:>7} {skipped:>8} {:>9}",
            stage.name,
            step::short(stage.took)
        );
        total.passed += passed;
        total.failed += failed;
        total.skipped += skipped;
    }
    for stage in &stages {
        if let Some(note) = &stage.note {
            let first = note.lines().next().unwrap_or_default();
            let _ = writeln!(table, "{} did not run to its end: {first}", stage.name);
        }
    }
    eprintln!(
        "{table}\n{} in {}",
        words(total),
        step::short(steps.elapsed())
    );
    Ok(if total.failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn words(count: Count) -> String {
    format!(
        "{} passed, {} failed, {} skipped",
        count.passed, count.failed, count.skipped
    )
}

/// All Rust tests, with nextest where it is installed.
fn rust(fast: bool, mamori: Option<&Path>) -> anyhow::Result<Count> {
    let nextest = Command::new("cargo-nextest")
        .args(["nextest", "--version"])
        .output()
        .is_ok_and(|output| output.status.success());
    let mut command = step::cargo();
    if nextest {
        command.args([
            "nextest",
            "run",
            "--workspace",
            "--no-fail-fast",
            "--color",
            "never",
        ]);
        command.env("NEXTEST_HIDE_PROGRESS_BAR", "1");
    } else {
        // Building nextest takes longer on two cores than it saves; `cargo test` runs the same tests.
        eprintln!(
            "cargo-nextest is not installed (cargo install --locked cargo-nextest): using cargo test"
        );
        command.args(["test", "--workspace", "--no-fail-fast", "--color", "never"]);
    }
    let peers = if fast { "off" } else { "required" };
    for variable in ["MAMORI_TEST_POSTGRES", "MAMORI_TEST_PEBBLE"] {
        command.env(variable, peers);
    }
    if let Some(mamori) = mamori {
        command.env("E2E_MAMORI", mamori);
    }
    counted(
        &mut command,
        if nextest {
            from_nextest
        } else {
            from_cargo_test
        },
    )
}

/// The browser walks: Playwright drives the system's Chromium, Puppeteer its Firefox (WebDriver
/// BiDi), against `mamori demo`.
fn browser(steps: &Steps, mamori: &Path) -> anyhow::Result<Count> {
    let folder = walks_folder();
    let chromium = chromium()?;
    let firefox = FIREFOXES.iter().find_map(|name| step::which(name));
    if firefox.is_none() {
        steps.say("no Firefox on PATH: its walks are skipped and say so");
    }
    let walks = walks(&folder)?;
    browser_tools(steps)?;
    steps.say("building the gallery of components");
    step::run(step::cargo().args(["build", "--workspace", "--example", "gallery"]))?;
    let gallery = step::target_dir()?.join("debug/examples/gallery");
    let mut command = Command::new("node");
    command
        .args(["--test", "--test-concurrency=1", "--test-reporter=tap"])
        .args(walks)
        .env("E2E_MAMORI", mamori)
        .env("E2E_GALLERY", gallery)
        .env("E2E_CHROMIUM", chromium)
        // Brings up a WordPress with the gateway before it.
        .env("E2E_XTASK", std::env::current_exe()?)
        .current_dir(&folder);
    if let Some(firefox) = firefox {
        command.env("E2E_FIREFOX", firefox);
    }
    counted(&mut command, from_tap)
}

/// Where the walks lie.
pub fn walks_folder() -> PathBuf {
    step::root().join("tests/browser")
}

/// The system's Chromium.
pub fn chromium() -> anyhow::Result<PathBuf> {
    BROWSERS
        .iter()
        .find_map(|name| step::which(name))
        .context("no Chromium on PATH")
}

/// Fetches what drives the browsers.
pub fn browser_tools(steps: &Steps) -> anyhow::Result<()> {
    let folder = walks_folder();
    steps.say("fetching Playwright, Puppeteer, axe and an identity provider (npm ci)");
    // No install scripts: Playwright's would download browsers.
    step::run(
        Command::new("npm")
            .args([
                "ci",
                "--ignore-scripts",
                "--no-audit",
                "--no-fund",
                "--loglevel=error",
            ])
            .env("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1")
            .current_dir(&folder),
    )?;
    Ok(())
}

/// Every walk there is, in the order of their names.
fn walks(folder: &Path) -> anyhow::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.ends_with(".test.js") {
            names.push(name);
        }
    }
    names.sort();
    anyhow::ensure!(!names.is_empty(), "there is no walk in tests/browser");
    Ok(names)
}

/// Runs a test program and counts what its lines say; a failure without a count counts as one.
fn counted(command: &mut Command, read: fn(&str, &mut Count)) -> anyhow::Result<Count> {
    let mut count = Count::default();
    let ok = step::watched(command, |line| read(line, &mut count))?;
    if !ok && count.failed == 0 {
        count.failed = 1;
    }
    anyhow::ensure!(
        !ok || count.passed > 0,
        "the test program ended well but ran no test"
    );
    Ok(count)
}

/// `Summary [ 3.1s] 12 tests run: 10 passed (1 slow), 1 failed, 1 timed out, 2 skipped`.
fn from_nextest(line: &str, count: &mut Count) {
    let Some((_, tail)) = line
        .trim_start()
        .strip_prefix("Summary [")
        .and_then(|rest| rest.split_once(':'))
    else {
        return;
    };
    for part in tail.split(',') {
        let mut words = part.split_whitespace();
        let Some(number) = words.next().and_then(|word| word.parse::<u64>().ok()) else {
            continue;
        };
        match words.next() {
            Some("passed") => count.passed += number,
            Some("skipped") => count.skipped += number,
            // failed, timed out, exec failed
            Some(_) => count.failed += number,
            None => {}
        }
    }
}

/// `test result: ok. 3 passed; 0 failed; 1 ignored; …`, once per test binary.
fn from_cargo_test(line: &str, count: &mut Count) {
    let Some(tail) = line.trim_start().strip_prefix("test result:") else {
        return;
    };
    for part in tail.split([';', '.']) {
        let mut words = part.split_whitespace();
        let Some(number) = words.next().and_then(|word| word.parse::<u64>().ok()) else {
            continue;
        };
        match words.next() {
            Some("passed") => count.passed += number,
            Some("failed") => count.failed += number,
            Some("ignored") => count.skipped += number,
            _ => {}
        }
    }
}

/// The closing lines of node's TAP reporter: `# pass 3`, `# fail 0`, `# skipped 1`.
fn from_tap(line: &str, count: &mut Count) {
    let mut words = line
        .strip_prefix("# ")
        .unwrap_or_default()
        .split_whitespace();
    let (Some(word), Some(number), None) = (words.next(), words.next(), words.next()) else {
        return;
    };
    let Ok(number) = number.parse::<u64>() else {
        return;
    };
    match word {
        "pass" => count.passed += number,
        "fail" | "cancelled" => count.failed += number,
        "skipped" | "todo" => count.skipped += number,
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(read: fn(&str, &mut Count), lines: &[&str], passed: u64, failed: u64, skipped: u64) {
        let mut count = Count::default();
        for line in lines {
            read(line, &mut count);
        }
        assert_eq!(
            count,
            Count {
                passed,
                failed,
                skipped
            }
        );
    }

    #[test]
    fn reads_the_summary_of_nextest() {
        check(
            from_nextest,
            &["     Summary [   0.007s] 5 tests run: 5 passed, 0 skipped"],
            5,
            0,
            0,
        );
        check(
            from_nextest,
            &[
                "PASS [0.1s] 9 passed",
                "     Summary [  9.1s] 12 tests run: 9 passed (1 slow), 2 failed, 1 timed out, 4 skipped",
            ],
            9,
            3,
            4,
        );
        // With fail-fast nextest writes `7/12 tests run`.
        check(
            from_nextest,
            &["     Summary [  9.1s] 7/12 tests run: 6 passed, 1 failed, 0 skipped"],
            6,
            1,
            0,
        );
    }

    #[test]
    fn adds_up_the_binaries_of_cargo_test() {
        check(
            from_cargo_test,
            &[
                "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s",
                "test a ... ok",
                "test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s",
            ],
            4,
            2,
            1,
        );
    }

    #[test]
    fn reads_the_closing_lines_of_tap() {
        check(
            from_tap,
            &[
                "# tests 5",
                "# pass 3",
                "# fail 1",
                "# cancelled 0",
                "# skipped 1",
                "# todo 0",
                "# a comment 7",
            ],
            3,
            1,
            1,
        );
    }

    #[test]
    fn a_test_program_that_runs_nothing_is_not_a_pass() {
        let error = counted(&mut Command::new("true"), from_tap).expect_err("no test ran");
        assert!(error.to_string().contains("ran no test"));
        let count = counted(&mut Command::new("false"), from_tap).expect("it ran");
        assert_eq!(count.failed, 1);
    }
}
