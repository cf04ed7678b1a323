//! `slowhttptest`, and a visitor beside it.

use std::fmt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context as _;

use super::Bounds;
use super::visitor::{Visitor, Went};
use crate::bench::serving::Running;
use crate::site::guard::Guard;

/// A kind of slowness.
#[derive(Debug, Clone, Copy)]
pub struct Mode {
    /// For people.
    pub name: &'static str,
    arguments: &'static [&'static str],
    /// What is asked for.
    path: &'static str,
}

/// A file that is too large for the buffers of a connection.
const LARGE: &str = "/wp-includes/js/dist/block-editor.js";
/// How often it is looked whether an attack has ended.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// What `slowhttptest` can do. Bodies are announced as large as what is held back of one, so that
/// they ask for all the memory there is.
pub const MODES: &[Mode] = &[
    Mode {
        name: "slow headers",
        arguments: &["-H", "-i", "3", "-x", "24"],
        path: "/",
    },
    Mode {
        name: "slow bodies",
        arguments: &["-B", "-i", "3", "-x", "24", "-s", "262144"],
        path: "/wp-comments-post.php",
    },
    Mode {
        name: "slow readers",
        arguments: &["-X", "-n", "3", "-z", "16", "-w", "512", "-y", "1024"],
        path: LARGE,
    },
    Mode {
        name: "ranges",
        arguments: &["-R", "-t", "HEAD", "-a", "10", "-b", "3000"],
        path: LARGE,
    },
];

/// Where the slow clients come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    /// One address, which is limited.
    One,
    /// As from many: an address that is not limited.
    Many,
}

impl fmt::Display for From {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::One => "one address",
            Self::Many => "many addresses",
        })
    }
}

/// Runs one attack with a visitor beside it.
pub fn trial(guard: &Guard, mode: &Mode, from: From, bounds: Bounds) -> anyhow::Result<Went> {
    let start = || Attack::start(guard, mode, bounds);
    let visitor = Visitor::comes(guard);
    let mut attack = start()?;
    let until = Instant::now() + Duration::from_secs(u64::from(bounds.slow));
    while Instant::now() < until {
        // It ends early when all its connections were closed, and comes again.
        if attack.ended()? {
            attack = start()?;
        }
        std::thread::sleep(LOOK_EVERY);
    }
    visitor.goes(format!("{} of {from}", mode.name))
}

/// A running `slowhttptest`.
struct Attack(Running);

impl Attack {
    fn start(guard: &Guard, mode: &Mode, bounds: Bounds) -> anyhow::Result<Self> {
        let child = Command::new("slowhttptest")
            .args(mode.arguments)
            .args(["-c", &bounds.connections.to_string(), "-r", "200"])
            .args(["-p", "3", "-l", &bounds.slow.to_string(), "-u"])
            .arg(format!("http://localhost:{}{}", guard.port, mode.path))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("slowhttptest did not start")?;
        Ok(Self(Running(child)))
    }

    fn ended(&mut self) -> anyhow::Result<bool> {
        Ok(self.0.0.try_wait()?.is_some())
    }
}
