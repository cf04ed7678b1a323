//! Kills a writing process at random moments and checks that nothing acknowledged is lost.
//!
//! `cargo run -p mamori-store --release --example crash_ledger -- [--trials N] [--url URL]`
//!
//! Each trial starts this program again as a child that appends records from 16 callers through
//! group commit and prints the number and hash of each record after it was acknowledged; the
//! parent ends it with SIGKILL after 5 to 250 ms, then reads the database: every printed record
//! must be there with that hash and the chain must be intact. All trials use one database, so a
//! later trial also starts on what a crash left. Prints one JSON object; exit code 1 on any loss.
//! (A kill does not test the disk's own cache; that is what `synchronous=FULL` is for.)

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, ExitCode, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use mamori_kernel::ledger::{Actor, NewRecord};
use mamori_kernel::merkle::Digest;
use mamori_store::{Blobs, Db, Ledger, MIGRATIONS};
use serde_json::json;

const CALLERS: u64 = 16;

type AnyError = Box<dyn std::error::Error>;

fn option(name: &str) -> Option<String> {
    let mut arguments = std::env::args().skip_while(|argument| argument != name);
    arguments.next()?;
    arguments.next()
}

#[tokio::main]
async fn main() -> Result<ExitCode, AnyError> {
    if let Some(url) = option("--child") {
        write_until_killed(&url).await?;
        return Ok(ExitCode::SUCCESS);
    }
    let trials: u64 = option("--trials").map_or(Ok(200), |text| text.parse())?;
    let folder = tempfile::tempdir()?;
    let url = option("--url")
        .unwrap_or_else(|| format!("sqlite:{}", folder.path().join("crash.db").display()));
    run(&url, trials, &Blobs::new(folder.path())).await
}

/// The child: appends for ever.
async fn write_until_killed(url: &str) -> Result<(), AnyError> {
    let db = Db::open(url).await?;
    let (ledger, task) = Ledger::start(db);
    for caller in 0..CALLERS {
        let ledger = ledger.clone();
        tokio::spawn(async move {
            for n in 0u64.. {
                let new = NewRecord::new(
                    "crash",
                    Timestamp::from_millisecond(1_790_000_000_000).unwrap_or_default(),
                    Actor::machine(format!("caller-{caller}")),
                    "crash.tried",
                    "trial",
                    &json!({"caller": caller, "n": n, "filler": "x".repeat(300)}),
                );
                let Ok(new) = new else { return };
                let Ok(appended) = ledger.append(new).await else {
                    return;
                };
                // One write per line: a torn line is a line that was never acknowledged.
                let line = format!("{} {}\n", appended.record.seq, appended.record.hash);
                if std::io::stdout().write_all(line.as_bytes()).is_err() {
                    return;
                }
            }
        });
    }
    drop(ledger);
    task.await?;
    Ok(())
}

async fn run(url: &str, trials: u64, blobs: &Blobs) -> Result<ExitCode, AnyError> {
    let db = Db::open(url).await?;
    db.migrate(MIGRATIONS).await?;
    let started = Instant::now();
    let (mut acknowledged, mut lost, mut broken, mut unacknowledged) = (0u64, 0u64, 0u64, 0u64);
    let mut size = 0;
    for trial in 0..trials {
        let lines = trial_once(url)?;
        for (seq, hash) in &lines {
            acknowledged += 1;
            match db.ledger_record("crash", *seq).await {
                Ok(record) if record.hash == *hash => {}
                _ => lost += 1,
            }
        }
        let head = db.ledger_head("crash").await?.map_or(0, |head| head.seq);
        unacknowledged += (head - size).saturating_sub(lines.len() as u64);
        size = head;
        // The whole chain is read every tenth time; it only grows.
        if head > 0 && (trial % 10 == 9 || trial + 1 == trials) {
            let audit = db.audit_ledger("crash", blobs, None, None).await?;
            broken += audit.problem_count;
        }
    }
    let good = lost == 0 && broken == 0 && acknowledged > 0;
    println!(
        "{}",
        json!({
            "trials": trials,
            "acknowledged": acknowledged,
            "lost": lost,
            "chain_problems": broken,
            "durable_but_unacknowledged": unacknowledged,
            "records": size,
            "seconds": started.elapsed().as_secs(),
            "ok": good,
        })
    );
    Ok(ExitCode::from(u8::from(!good)))
}

/// Runs a child, kills it after a random time, returns what it acknowledged.
fn trial_once(url: &str) -> Result<Vec<(u64, Digest)>, AnyError> {
    let mut child = Command::new(std::env::current_exe()?)
        .args(["--child", url])
        .stdout(Stdio::piped())
        .spawn()?;
    let stdout = child.stdout.take().ok_or("child has no output")?;
    let (sender, first_line) = mpsc::channel();
    let reader = std::thread::spawn(move || {
        let mut lines = Vec::new();
        let mut input = BufReader::new(stdout);
        let mut line = String::new();
        while input.read_line(&mut line).is_ok_and(|count| count > 0) {
            let complete = line.strip_suffix('\n').and_then(|line| {
                let (seq, hash) = line.split_once(' ')?;
                Some((seq.parse().ok()?, hash.parse().ok()?))
            });
            lines.extend(complete);
            let _ = sender.send(());
            line.clear();
        }
        lines
    });
    // Count from the first acknowledgement, so that every kill falls among writes.
    let _ = first_line.recv_timeout(Duration::from_secs(30));
    let wait: u64 = rand::random::<u64>() % 246 + 5;
    std::thread::sleep(Duration::from_millis(wait));
    child.kill()?;
    child.wait()?;
    reader.join().map_err(|_| "reader failed".into())
}
