//! How long a one-line change in a capability takes until the binary is there again.
//!
//! Measured in a copy of the tree, so that nobody's working files are touched; third-party crates
//! are shared with the ordinary build folder.

use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use super::figure::{Figure, Goal, Measured};
use crate::step;

const FIGURE: Figure = Figure {
    key: "build.incremental",
    what: "incremental build after a change in one capability",
    unit: "s",
    goal: Goal::AtMost(30.0),
};

pub fn measure(runs: u32) -> Measured {
    Measured::new(FIGURE, seconds(runs))
}

fn seconds(runs: u32) -> anyhow::Result<Vec<f64>> {
    let target = step::target_dir()?;
    let copy = target.join("bench").join("tree");
    if copy.exists() {
        std::fs::remove_dir_all(&copy)?;
    }
    let files = step::output(
        Command::new("git")
            .args(["ls-files", "-z"])
            .current_dir(step::root()),
    )?;
    for path in files.split('\0').filter(|path| !path.is_empty()) {
        let (from, to) = (step::root().join(path), copy.join(path));
        if from.is_file() {
            std::fs::create_dir_all(to.parent().expect("has a folder"))?;
            std::fs::copy(from, to)?;
        }
    }
    let build = |copy: &Path| {
        step::run(
            step::cargo()
                .current_dir(copy)
                .args(["build", "--quiet", "--workspace", "--bin", "mamori"])
                .env("CARGO_TARGET_DIR", &target)
                .env("CARGO_INCREMENTAL", "1"),
        )
    };
    build(&copy)?;
    let mut seconds = Vec::new();
    for run in 0..runs {
        // A public item with a body: the capability and everything above it are compiled and linked.
        let mut file = std::fs::OpenOptions::new()
            .append(true)
            .open(copy.join("crates/office/src/lib.rs"))?;
        writeln!(
            file,
            "\n/// Probe of the bench.\npub fn bench_probe_{run}(value: u32) -> u32 {{\n    value.wrapping_add({run})\n}}"
        )?;
        drop(file);
        let started = Instant::now();
        build(&copy)?;
        seconds.push(started.elapsed().as_secs_f64());
    }
    std::fs::remove_dir_all(&copy)?;
    Ok(seconds)
}
