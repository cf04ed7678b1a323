//! `cargo xtask demo`: from a clone to the first page in one command.
//!
//! The sample installation itself is made by `mamori demo`; this only prepares the machine, builds
//! and hands over. Nothing is opened outside loopback.

use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};

use crate::apt;
use crate::binary::{self, Profile};
use crate::step::{self, Steps};

/// The port of the demo's pages.
const PORT: u16 = 8420;

/// Arguments of `cargo xtask demo`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Port on 127.0.0.1
    #[arg(long, default_value_t = PORT)]
    port: u16,
    /// Where the sample installation lives (default: `demo` in the build folder)
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

/// Runs the command; on success the process becomes `mamori demo`.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let steps = Steps::start();
    // Before the long build, not after it.
    if let Some(free) = other_if_taken(args.port)? {
        bail!(
            "port {} is taken on 127.0.0.1; use: cargo xtask demo --port {free}",
            args.port
        );
    }
    apt::ensure(&steps, &[apt::DEMO])?;
    steps.say("building mamori (the first time takes some minutes; cargo shows each crate)");
    let binary = binary::build(&steps, Profile::Dev)?;
    let data_dir = match &args.data_dir {
        Some(folder) => folder.clone(),
        None => step::target_dir()?.join("demo"),
    };
    steps.say(format!(
        "sample installation in {}; Ctrl-C stops it",
        data_dir.display()
    ));
    // exec: signals (Ctrl-C, TERM) reach mamori itself, with nobody between who could swallow them.
    let error = binary::clean(&binary)
        .arg("demo")
        .arg("--data-dir")
        .arg(data_dir)
        .arg("--port")
        .arg(args.port.to_string())
        .exec();
    Err(error).context("could not start mamori demo")
}

/// `None` when the port is free, else a free one near it.
fn other_if_taken(port: u16) -> anyhow::Result<Option<u16>> {
    let free = |port: u16| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
    if free(port) {
        return Ok(None);
    }
    (port.saturating_add(1)..=u16::MAX)
        .take(100)
        .find(|candidate| free(*candidate))
        .map(Some)
        .with_context(|| {
            format!(
                "ports {port} to {} are all taken on 127.0.0.1",
                port.saturating_add(100)
            )
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_names_a_free_one() {
        let held = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback offers a port");
        let port = held.local_addr().expect("bound").port();
        let other = other_if_taken(port).expect("some port is free");
        assert!(other.is_some_and(|other| other != port), "{other:?}");
        drop(held);
        assert_eq!(other_if_taken(port).expect("free now"), None);
    }
}
