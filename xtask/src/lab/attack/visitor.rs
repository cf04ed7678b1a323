//! An ordinary visitor, who asks every tenth of a second whatever else is going on, from an address
//! of its own.

use std::fmt::Write as _;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use crate::bench::figure::percentile;
use crate::site::NAME;
use crate::site::guard::Guard;

/// Whom nobody bans: the attackers come from 127.0.0.1.
const ADDRESS: &str = "127.0.0.2";
/// How often it asks; later answers do not delay the next question.
const EVERY: Duration = Duration::from_millis(100);
/// What it waits for at most, seconds.
const PATIENCE: &str = "10";
/// What it asks for, over and over: a page, what belongs to the page, and a form it sends.
const ASKS: &[Ask] = &[
    Ask::Page("/"),
    Ask::Page(STYLE),
    Ask::Page(SCRIPT),
    Ask::Page(STYLE),
    Ask::Page(SCRIPT),
    Ask::Form("/", "s=%E3%81%94%E3%81%BF"),
    Ask::Page(STYLE),
    Ask::Page(SCRIPT),
    Ask::Page(STYLE),
    Ask::Page(SCRIPT),
];
const STYLE: &str = "/wp-includes/css/dist/block-library/style.min.css";
const SCRIPT: &str = "/wp-includes/js/jquery/jquery.min.js";

/// What half of the answers need at most, milliseconds.
pub const MOST_P50: f64 = 500.0;
/// What all but one of a hundred need at most, milliseconds.
pub const MOST_P99: f64 = 2_000.0;

#[derive(Debug, Clone, Copy)]
enum Ask {
    Page(&'static str),
    Form(&'static str, &'static str),
}

/// How it went for the visitor during something.
#[derive(Debug, Clone, PartialEq)]
pub struct Went {
    /// What went on meanwhile.
    pub meanwhile: String,
    /// How often it asked.
    pub asked: usize,
    /// Half of the answers came within, milliseconds.
    pub p50: f64,
    /// All but one of a hundred came within, milliseconds.
    pub p99: f64,
    /// What was not answered as it should be.
    pub failed: usize,
}

impl Went {
    fn new(meanwhile: String, times: &[f64], failed: usize) -> Self {
        let asked = times.len() + failed;
        Self {
            meanwhile,
            asked,
            p50: percentile(times, 50),
            p99: percentile(times, 99),
            failed,
        }
    }

    /// Whether the visitor noticed nothing that matters.
    pub fn is_well(&self) -> bool {
        self.asked > 0 && self.failed == 0 && self.p50 <= MOST_P50 && self.p99 <= MOST_P99
    }

    /// For machines.
    pub fn json(&self) -> Value {
        json!({
            "meanwhile": self.meanwhile, "asked": self.asked, "failed": self.failed,
            "p50_ms": round(self.p50), "p99_ms": round(self.p99), "reached": self.is_well(),
        })
    }
}

/// For people: one row for each thing that went on.
pub fn table(all: &[Went]) -> String {
    let mut text = format!(
        "{:<52} {:>7} {:>9} {:>9} {:>7}  result (failed 0, p50 <= {MOST_P50} ms, p99 <= {MOST_P99} ms)\n",
        "ordinary visitor meanwhile", "asked", "p50 ms", "p99 ms", "failed"
    );
    for went in all {
        let result = if went.is_well() { "ok" } else { "MISSED" };
        let _ = writeln!(
            text,
            "{:<52} {:>7} {:>9.0} {:>9.0} {:>7}  {result}",
            went.meanwhile, went.asked, went.p50, went.p99, went.failed
        );
    }
    text
}

fn round(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

/// A visitor who is asking.
#[derive(Debug)]
pub struct Visitor {
    enough: Arc<AtomicBool>,
    asking: JoinHandle<anyhow::Result<(Vec<f64>, usize)>>,
}

impl Visitor {
    /// Comes and begins to ask.
    pub fn comes(guard: &Guard) -> Self {
        let enough = Arc::new(AtomicBool::new(false));
        let (stop, port) = (Arc::clone(&enough), guard.port);
        Self {
            enough,
            asking: std::thread::spawn(move || ask(port, &stop)),
        }
    }

    /// Goes, with what it saw.
    pub fn goes(self, meanwhile: impl Into<String>) -> anyhow::Result<Went> {
        self.enough.store(true, Ordering::Relaxed);
        let asked = self.asking.join();
        let (times, failed) = asked.map_err(|_| anyhow::anyhow!("the visitor broke"))??;
        Ok(Went::new(meanwhile.into(), &times, failed))
    }
}

/// Asks until it is enough; milliseconds of what was answered, and how much was not.
fn ask(port: u16, enough: &AtomicBool) -> anyhow::Result<(Vec<f64>, usize)> {
    let (mut asking, mut times, mut failed) = (Vec::new(), Vec::new(), 0);
    let mut next = Instant::now();
    for what in ASKS.iter().cycle() {
        if enough.load(Ordering::Relaxed) {
            break;
        }
        asking.push(question(port, *what)?);
        next += EVERY;
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
        for at in (0..asking.len()).rev() {
            let one: &mut Child = &mut asking[at];
            if one.try_wait()?.is_some() {
                note(asking.swap_remove(at), &mut times, &mut failed)?;
            }
        }
    }
    for one in asking {
        note(one, &mut times, &mut failed)?;
    }
    Ok((times, failed))
}

fn question(port: u16, what: Ask) -> anyhow::Result<Child> {
    let mut command = Command::new("curl");
    command
        .args(["--silent", "--output", "/dev/null", "--max-time", PATIENCE])
        .args(["--interface", ADDRESS])
        .args(["--user-agent", "Mozilla/5.0 (X11; Linux x86_64)"])
        .args(["--header", &format!("Host: {NAME}:{port}")])
        .args(["--write-out", "%{http_code} %{time_total}"]);
    let path = match what {
        Ask::Page(path) => path,
        Ask::Form(path, body) => {
            command.args(["--data", body]);
            path
        }
    };
    command
        .arg(format!("http://127.0.0.1:{port}{path}"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .context("curl did not start")
}

fn note(one: Child, times: &mut Vec<f64>, failed: &mut usize) -> anyhow::Result<()> {
    let output = one.wait_with_output()?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    match answered(&said)? {
        Some(milliseconds) if output.status.success() => times.push(milliseconds),
        _ => *failed += 1,
    }
    Ok(())
}

/// What curl said of an answer: milliseconds, if it was the one that was asked for.
fn answered(said: &str) -> anyhow::Result<Option<f64>> {
    let (status, seconds) = said.split_once(' ').context("curl told no time")?;
    let seconds: f64 = seconds.parse()?;
    ensure!(seconds.is_finite(), "curl told no time");
    Ok((status == "200").then_some(seconds * 1_000.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_a_hundred_may_be_slower() {
        let went = |slow: usize, failed| {
            let times = [vec![20.0; 200 - slow], vec![9_000.0; slow]].concat();
            Went::new("a storm".to_owned(), &times, failed)
        };
        assert!(went(2, 0).is_well());
        assert!(!went(3, 0).is_well());
        assert!(!went(0, 1).is_well(), "nobody may stay without an answer");
        assert_eq!(went(3, 1).asked, 201);
        assert_eq!(went(3, 0).json()["p99_ms"], 9_000.0);
        assert_eq!(went(3, 0).json()["p50_ms"], 20.0);
        assert!(table(&[went(2, 0), went(3, 0)]).ends_with("MISSED\n"));
    }

    #[test]
    fn who_was_never_answered_is_not_well() {
        assert!(!Went::new("nothing".to_owned(), &[], 0).is_well());
        assert!(!Went::new("nothing".to_owned(), &[], 3).is_well());
    }

    #[test]
    fn only_the_page_itself_counts_as_an_answer() {
        assert_eq!(answered("200 0.0125").expect("told"), Some(12.5));
        assert_eq!(answered("503 0.0125").expect("told"), None);
        assert_eq!(answered("000 10.000").expect("told"), None);
        assert!(answered("").is_err());
    }
}
