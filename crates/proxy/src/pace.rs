//! How slow the other side may be.
//!
//! Only time spent waiting for it counts: a client is not blamed for a site that is slow behind us.

use std::time::{Duration, Instant};

/// What is asked of the other side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pace {
    /// The longest time without a byte.
    pub(crate) stall: Duration,
    /// Bytes per second on the whole, once `grace` of waiting is used up.
    pub(crate) least_rate: u64,
    /// Waiting that is never counted.
    pub(crate) grace: Duration,
}

/// How it is doing.
#[derive(Debug)]
pub(crate) struct Progress {
    pace: Pace,
    bytes: u64,
    waited: Duration,
    since: Option<Instant>,
}

impl Progress {
    pub(crate) fn new(pace: Pace) -> Self {
        Self {
            pace,
            bytes: 0,
            waited: Duration::ZERO,
            since: None,
        }
    }

    /// Waiting begins or goes on. Gives the instant at which patience ends.
    pub(crate) fn waiting(&mut self, now: Instant) -> Instant {
        let since = *self.since.get_or_insert(now);
        let earned = if self.pace.least_rate == 0 {
            Duration::MAX
        } else {
            Duration::from_secs_f64(self.bytes as f64 / self.pace.least_rate as f64)
        };
        let left = self
            .pace
            .grace
            .saturating_add(earned)
            .saturating_sub(self.waited);
        let patience = self.pace.stall.min(left);
        since
            .checked_add(patience)
            .unwrap_or_else(|| since + Duration::from_hours(24))
    }

    /// Something came (or went) without waiting.
    pub(crate) fn gained(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
    }

    /// Something came (or went), perhaps after waiting.
    pub(crate) fn moved(&mut self, bytes: usize, now: Instant) {
        if let Some(since) = self.since.take() {
            self.waited += now.saturating_duration_since(since);
        }
        self.bytes += bytes as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACE: Pace = Pace {
        stall: Duration::from_secs(10),
        least_rate: 100,
        grace: Duration::from_secs(20),
    };

    #[test]
    fn a_silent_client_is_left_after_the_stall() {
        let start = Instant::now();
        let mut progress = Progress::new(PACE);
        assert_eq!(progress.waiting(start), start + PACE.stall);
        let later = start + Duration::from_secs(3);
        assert_eq!(progress.waiting(later), start + PACE.stall, "the same wait");
    }

    #[test]
    fn a_drip_uses_up_its_grace_and_a_river_does_not() {
        let mut now = Instant::now();
        let mut drip = Progress::new(PACE);
        let mut ended = false;
        for _ in 0..10 {
            let patience = drip.waiting(now);
            now += Duration::from_secs(9);
            if patience <= now {
                ended = true;
                break;
            }
            drip.moved(1, now);
        }
        assert!(ended);

        let mut river = Progress::new(PACE);
        for _ in 0..1000 {
            let patience = river.waiting(now);
            now += Duration::from_secs(9);
            assert!(patience > now);
            river.moved(1000, now);
        }
    }

    #[test]
    fn time_that_we_ourselves_take_is_not_counted() {
        let mut now = Instant::now();
        let mut progress = Progress::new(PACE);
        for _ in 0..100 {
            progress.moved(1, now);
            now += Duration::from_mins(1);
        }
        assert_eq!(progress.waiting(now), now + PACE.stall);
    }
}
