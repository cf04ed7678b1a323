//! Rules are made anew again and again while visitors come.
//!
//! Each reload is a decision over the API, as an operator takes it on a page: the guarded site is told
//! to observe, then to refuse again. The gateway compiles the whole rule set for it each time, and the
//! next decision is taken when an attack is answered by the new one.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use super::super::serving::memory_mib;
use super::super::wire::Line;
use super::ours::Ours;
use super::requests::{self, GUARDED};

/// Reloads before memory is read for the first time: the allocator has seen everything by then.
const WARM: usize = 10;
const VISITORS: usize = 4;
/// How long a visitor waits after an answer.
const LOOK: Duration = Duration::from_millis(2);

/// What came of it.
#[derive(Debug, Clone, Copy)]
pub struct Reloads {
    pub requests: u64,
    pub failed: u64,
    /// MiB after the first ones and at the end.
    pub before: f64,
    pub after: f64,
}

impl Reloads {
    /// Per cent.
    pub fn growth(&self) -> f64 {
        (self.after / self.before - 1.0) * 100.0
    }
}

/// Reloads so many times.
pub fn run(ours: &mut Ours, count: usize) -> anyhow::Result<Reloads> {
    let (requests, failed) = (AtomicU64::new(0), AtomicU64::new(0));
    let stop = AtomicBool::new(false);
    let port = ours.port;
    std::thread::scope(|scope| {
        for _ in 0..VISITORS {
            scope.spawn(|| {
                let mut line = Line::new(port);
                let pages = requests::pages(GUARDED);
                for page in pages.iter().cycle() {
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                    requests.fetch_add(1, Ordering::Relaxed);
                    if !line.ask(page).is_ok_and(|answer| answer.status == 200) {
                        failed.fetch_add(1, Ordering::Relaxed);
                    }
                    std::thread::sleep(LOOK);
                }
            });
        }
        let outcome = reload(ours, WARM).and_then(|()| {
            let before = memory_mib(ours.process(), "VmRSS")?;
            reload(ours, count)?;
            Ok((before, memory_mib(ours.process(), "VmRSS")?))
        });
        stop.store(true, Ordering::Relaxed);
        outcome
    })
    .map(|(before, after)| Reloads {
        requests: requests.load(Ordering::Relaxed),
        failed: failed.load(Ordering::Relaxed),
        before,
        after,
    })
}

fn reload(ours: &mut Ours, count: usize) -> anyhow::Result<()> {
    for at in 0..count {
        let (mode, status) = if at % 2 == 0 {
            ("detect", 200)
        } else {
            ("block", 403)
        };
        ours.decide("guarded", mode)?;
        ours.until(status)?;
    }
    if count % 2 == 1 {
        ours.decide("guarded", "block")?;
        ours.until(403)?;
    }
    Ok(())
}
