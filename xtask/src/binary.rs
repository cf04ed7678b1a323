//! Building the `mamori` binary and asking it things.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Context;

use crate::step::{self, Steps};

/// How the binary is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// What demo and tests use: dependencies at `opt-level = 1`, so that both share artefacts.
    Dev,
    /// What figures are measured with.
    Release,
}

/// Builds `mamori` and returns where it lies. Cargo's own progress is shown.
pub fn build(steps: &Steps, profile: Profile) -> anyhow::Result<PathBuf> {
    let mut command = step::cargo();
    // The whole workspace is selected so that cargo joins features as it does for the tests: with
    // `--package mamori` it would compile the heavy dependencies a second time.
    command.args(["build", "--workspace", "--bin", "mamori"]);
    if profile == Profile::Release {
        command.arg("--release");
    }
    step::run(&mut command).context("mamori could not be built")?;
    let folder = match profile {
        Profile::Dev => "debug",
        Profile::Release => "release",
    };
    let binary = step::target_dir()?.join(folder).join("mamori");
    steps.say(format!("built {}", binary.display()));
    Ok(binary)
}

/// Builds `mamori` and an example in release, both in one call of cargo: one after the other they
/// would join features differently and compile the heavy crates twice.
pub fn build_with_example(steps: &Steps, example: &str) -> anyhow::Result<(PathBuf, PathBuf)> {
    step::run(step::cargo().args([
        "build",
        "--release",
        "--workspace",
        "--bin",
        "mamori",
        "--example",
        example,
    ]))
    .context("mamori could not be built")?;
    let folder = step::target_dir()?.join("release");
    let built = (folder.join("mamori"), folder.join("examples").join(example));
    steps.say(format!("built {} and {example}", built.0.display()));
    Ok(built)
}

/// Builds all tests, and with them `mamori`, which tests of its package run.
///
/// Tests join features differently from [`build`] (their dev-dependencies count), so a second
/// build of the binary alone would compile the heavy dependencies again.
pub fn build_with_tests(steps: &Steps) -> anyhow::Result<PathBuf> {
    step::run(step::cargo().args(["test", "--workspace", "--no-run"]))
        .context("the tests could not be built")?;
    let binary = step::target_dir()?.join("debug").join("mamori");
    steps.say(format!("built the tests and {}", binary.display()));
    Ok(binary)
}

/// A command on the binary with no configuration of ours in its environment.
pub fn clean(binary: &std::path::Path) -> Command {
    let mut command = Command::new(binary);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("MAMORI_") {
            command.env_remove(name);
        }
    }
    command
}
