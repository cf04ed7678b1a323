//! Load on a server from `wrk`, and what it costs the server's processes.
//!
//! CPU time is what the kernel says of the server's own threads, so that generator and site behind
//! count for neither side. The generator's own CPU time is read too: a generator that is busy all the
//! time would measure itself.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};
use serde_json::Value;

use crate::step;

/// More of a core than this and the generator may be what is measured.
const BUSY: f64 = 0.8;

/// What a run showed.
#[derive(Debug, Clone, Copy, Default)]
pub struct Run {
    pub requests: f64,
    pub per_second: f64,
    /// CPU microseconds of the server per request.
    pub cpu: f64,
    /// Milliseconds.
    pub p99: f64,
    /// Part of one core that the generator used.
    pub generator: f64,
    /// Answers that were neither 2xx nor 3xx, and requests without an answer.
    pub failed: f64,
}

/// What is sent, and how.
#[derive(Debug)]
pub struct Load {
    script: PathBuf,
    connections: usize,
    seconds: u64,
}

impl Load {
    /// Requests that are sent in turn.
    pub fn new(
        folder: &Path,
        name: &str,
        requests: &[Vec<u8>],
        connections: usize,
        seconds: u64,
    ) -> anyhow::Result<Self> {
        let path = folder.join(format!("{name}.lua"));
        std::fs::write(&path, script(requests))?;
        Ok(Self {
            script: path,
            connections,
            seconds,
        })
    }

    /// Sends for some seconds and reads what the processes used meanwhile.
    pub fn run(&self, port: u16, server: &[u32]) -> anyhow::Result<Run> {
        let (before, own) = (cpu(server)?, children_seconds()?);
        let told = step::output(
            Command::new("wrk")
                .args(["-t1", &format!("-c{}", self.connections)])
                .arg(format!("-d{}s", self.seconds))
                .args(["--timeout", "20s", "-s"])
                .arg(&self.script)
                .arg(format!("http://127.0.0.1:{port}/")),
        )?;
        let (after, own) = (cpu(server)?, children_seconds()? - own);
        let line = told
            .lines()
            .find(|line| line.starts_with('{'))
            .context("wrk told nothing")?;
        let told: Value = serde_json::from_str(line)?;
        let number = |key: &str| told[key].as_f64().unwrap_or(0.0);
        let (requests, seconds) = (number("requests"), number("microseconds") / 1e6);
        ensure!(requests > 0.0 && seconds > 0.0, "wrk sent nothing: {line}");
        let run = Run {
            requests,
            per_second: requests / seconds,
            cpu: spent(&before, &after) / 1_000.0 / requests,
            p99: number("p99") / 1_000.0,
            generator: own / seconds,
            failed: number("failed"),
        };
        ensure!(
            run.generator < BUSY,
            "the generator used {:.0} % of a core: it may be what was measured",
            run.generator * 100.0
        );
        Ok(run)
    }
}

/// Makes `wrk` send these requests in turn and tell its results as JSON.
fn script(requests: &[Vec<u8>]) -> String {
    let mut text = "local requests = {\n".to_owned();
    for request in requests {
        text.push('"');
        for byte in request {
            match byte {
                b'"' | b'\\' => {
                    text.push('\\');
                    text.push(char::from(*byte));
                }
                0x20..=0x7e => text.push(char::from(*byte)),
                _ => {
                    let _ = write!(text, "\\{byte:03}");
                }
            }
        }
        text.push_str("\",\n");
    }
    text.push_str(
        "}
local at = 0
request = function()
  at = at % #requests + 1
  return requests[at]
end
done = function(summary, latency)
  local errors = summary.errors
  io.write(string.format('\\n{\"requests\":%d,\"microseconds\":%d,\"p99\":%d,\"failed\":%d}\\n',
    summary.requests, summary.duration, latency:percentile(99),
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
",
    );
    text
}

/// Nanoseconds of CPU by thread.
pub type Threads = HashMap<(u32, u32), u64>;

/// What the threads of these processes have used so far, in user mode and in the kernel.
pub fn cpu(processes: &[u32]) -> anyhow::Result<Threads> {
    let mut threads = Threads::new();
    for process in processes {
        for task in std::fs::read_dir(format!("/proc/{process}/task"))? {
            let task = task?;
            let number = task.file_name().to_string_lossy().parse()?;
            // A thread may end meanwhile.
            let Ok(text) = std::fs::read_to_string(task.path().join("schedstat")) else {
                continue;
            };
            let used = text.split(' ').next().context("an empty schedstat")?;
            threads.insert((*process, number), used.parse()?);
        }
    }
    ensure!(!threads.is_empty(), "the server's processes are gone");
    Ok(threads)
}

/// Nanoseconds between two readings. What a thread used that ended in between is not seen; those of
/// the servers stay.
pub fn spent(before: &Threads, after: &Threads) -> f64 {
    after
        .iter()
        .map(|(thread, used)| used - before.get(thread).copied().unwrap_or(0).min(*used))
        .sum::<u64>() as f64
}

/// CPU seconds of programs that we started and that have ended.
fn children_seconds() -> anyhow::Result<f64> {
    let text = std::fs::read_to_string("/proc/self/stat")?;
    let (_, fields) = text.rsplit_once(')').context("an unreadable stat")?;
    // Fields 16 and 17, counted from 1, in hundredths of a second on every Linux.
    let ticks: f64 = fields
        .split_whitespace()
        .skip(13)
        .take(2)
        .filter_map(|field| field.parse::<f64>().ok())
        .sum();
    Ok(ticks / 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_written_so_that_lua_reads_them_back() {
        let text = script(&[b"a\"\\\r\n\xe3b".to_vec()]);
        assert!(text.contains("\"a\\\"\\\\\\013\\010\\227b\","), "{text}");
    }

    #[test]
    fn threads_that_came_or_went_do_not_make_time_run_backwards() {
        let before = Threads::from([((1, 1), 100), ((1, 2), 50)]);
        let after = Threads::from([((1, 1), 160), ((1, 3), 5)]);
        assert!((spent(&before, &after) - 65.0).abs() < f64::EPSILON);
    }

    #[test]
    fn our_own_threads_are_seen() {
        let threads = cpu(&[std::process::id()]).expect("ours");
        assert!(threads.values().any(|used| *used > 0));
    }
}
