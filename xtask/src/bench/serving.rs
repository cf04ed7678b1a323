//! The whole binary from outside: rehearsal, cold start, memory of the idle server.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};

use super::figure::{Figure, Goal, Measured};
use crate::binary;
use crate::step;

/// The real contract, as data.
pub const CONTRACT: &str = "contracts/kokoshelju-r8.toml";

const REHEARSAL: Figure = Figure {
    key: "rehearsal.year",
    what: "rehearsal of the fiscal year, all obligations",
    unit: "s",
    goal: Goal::AtMost(20.0),
};
const START: Figure = Figure {
    key: "serve.cold_start",
    what: "cold start to the first page",
    unit: "s",
    goal: Goal::AtMost(1.0),
};
const MEMORY: Figure = Figure {
    key: "serve.idle_memory",
    what: "memory of the idle server",
    unit: "MiB",
    goal: Goal::AtMost(80.0),
};

/// Wall time of `mamori rehearse`.
pub fn rehearsal(mamori: &Path, runs: u32) -> Vec<Measured> {
    let once = || {
        let started = Instant::now();
        step::output(
            binary::clean(mamori)
                .args(["rehearse", "--json", "--contract"])
                .arg(step::root().join(CONTRACT))
                .current_dir(scratch("rehearsal")?),
        )?;
        Ok(started.elapsed().as_secs_f64())
    };
    vec![Measured::new(
        REHEARSAL,
        (0..runs).map(|_| once()).collect(),
    )]
}

/// Starts `mamori serve` on a data directory with eight months of records, again and again.
pub fn serving(mamori: &Path, runs: u32) -> Vec<Measured> {
    let measured = demo_data(mamori).and_then(|data| {
        (0..runs)
            .map(|_| start_once(mamori, &data))
            .collect::<anyhow::Result<Vec<(f64, f64)>>>()
    });
    match measured {
        Ok(pairs) => {
            let (starts, memories) = pairs.into_iter().unzip();
            vec![
                Measured::new(START, Ok(starts)),
                Measured::new(MEMORY, Ok(memories)),
            ]
        }
        Err(error) => {
            let why = format!("{error:#}");
            vec![
                Measured::new(START, Err(error)),
                Measured::new(MEMORY, Err(anyhow::anyhow!(why))),
            ]
        }
    }
}

/// Seconds to the first page, MiB resident after ten idle seconds.
fn start_once(mamori: &Path, data: &Path) -> anyhow::Result<(f64, f64)> {
    let port = free_port()?;
    let started = Instant::now();
    let mut server = Running(
        binary::clean(mamori)
            .arg("serve")
            .arg("--data-dir")
            .arg(data)
            .args(["--listen", &format!("127.0.0.1:{port}")])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()?,
    );
    wait_for_page(&mut server.0, port, Duration::from_secs(30))?;
    let cold = started.elapsed().as_secs_f64();
    std::thread::sleep(Duration::from_secs(10));
    Ok((cold, memory_mib(server.0.id(), "VmRSS")?))
}

/// A data directory prepared by `mamori demo`.
fn demo_data(mamori: &Path) -> anyhow::Result<PathBuf> {
    let data = scratch("serving")?;
    step::run(
        binary::clean(mamori)
            .args(["demo", "--prepare-only", "--data-dir"])
            .arg(&data),
    )?;
    Ok(data)
}

/// A child that ends with us.
#[derive(Debug)]
pub struct Running(pub Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Already gone is fine.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// An empty folder for one measurement.
pub fn scratch(name: &str) -> anyhow::Result<PathBuf> {
    let folder = step::target_dir()?.join("bench").join(name);
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// A port that was free a moment ago.
pub fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
        .local_addr()?
        .port())
}

/// Asks for `/` until a page or a redirection to the sign-in comes.
pub fn wait_for_page(server: &mut Child, port: u16, limit: Duration) -> anyhow::Result<()> {
    let started = Instant::now();
    loop {
        if let Some(status) = server.try_wait()? {
            bail!("the server ended with {status} before its first page");
        }
        match status_of(port) {
            Ok(200 | 302 | 303 | 307) => return Ok(()),
            Ok(status) => bail!("the first page answered {status}"),
            Err(error) if started.elapsed() > limit => {
                return Err(error)
                    .with_context(|| format!("no page on port {port} after {limit:?}"));
            }
            Err(_) => std::thread::sleep(Duration::from_millis(5)),
        }
    }
}

fn status_of(port: u16) -> anyhow::Result<u16> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    write!(
        stream,
        "GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let status = answer.split_whitespace().nth(1).context("no status line")?;
    Ok(status.parse()?)
}

/// Memory of a process by its name in `/proc/PID/status`, MiB: `VmRSS` now, `VmHWM` at most since its
/// start.
pub fn memory_mib(process: u32, name: &str) -> anyhow::Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
        .with_context(|| format!("no {name}"))?;
    let kib: f64 = line.trim().trim_end_matches("kB").trim().parse()?;
    ensure!(kib > 0.0, "{name} is zero");
    Ok(kib / 1024.0)
}
