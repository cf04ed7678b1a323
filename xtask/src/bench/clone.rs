//! From a clean clone to the first page, as a newcomer sees it.

use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::figure::{Figure, Goal, Measured};
use super::serving::{free_port, scratch, wait_for_page};
use crate::step::{self, Steps};

const FIGURE: Figure = Figure {
    key: "clone.first_page",
    what: "clean clone to the first page by cargo xtask demo",
    unit: "min",
    goal: Goal::AtMost(15.0),
};

pub fn measure(steps: &Steps) -> Measured {
    Measured::new(FIGURE, minutes(steps).map(|minutes| vec![minutes]))
}

fn minutes(steps: &Steps) -> anyhow::Result<f64> {
    let folder = scratch("clone")?;
    let clone = folder.join("tree");
    let port = free_port()?;
    let started = Instant::now();
    step::run(
        Command::new("git")
            .arg("clone")
            .arg("--quiet")
            .arg(step::root())
            .arg(&clone),
    )?;
    steps.say(format!(
        "cloned; cargo xtask demo --port {port} with an empty build folder"
    ));
    let child = step::cargo()
        .current_dir(&clone)
        .args(["xtask", "demo", "--port", &port.to_string()])
        .env_remove("CARGO_TARGET_DIR")
        .stdin(Stdio::null())
        .process_group(0)
        .spawn()?;
    let mut group = Group(child);
    let found = wait_for_page(&mut group.0, port, Duration::from_mins(90));
    let minutes = started.elapsed().as_secs_f64() / 60.0;
    group.stop();
    found?;
    std::fs::remove_dir_all(&folder)?;
    Ok(minutes)
}

/// cargo, xtask and mamori one after the other in one process (each hands over by exec), and rustc
/// below them while building: stopped as one group.
struct Group(std::process::Child);

impl Group {
    fn stop(&mut self) {
        let _ = Command::new("kill")
            .arg("-TERM")
            .arg("--")
            .arg(format!("-{}", self.0.id()))
            .status();
        let _ = self.0.wait();
    }
}
