//! Whose turn it is in an exchange, and how far its client is behind.
//!
//! A client may be slow; what it holds meanwhile (a connection to the site, memory for its body)
//! others may need. Behind is who was waited for longer than what it moved meanwhile would have
//! taken at [`SLOWEST`]. What went fast earlier is no credit: a client that takes a megabyte at once
//! and then a byte a second is behind after that second.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Bytes per second that every way to a city's site carries; a telephone at the edge of its network
/// is still faster.
const SLOWEST: f64 = 32.0 * 1024.0;

/// Whose turn it is.
#[derive(Debug, Default)]
pub(crate) struct Turn(Mutex<State>);

#[derive(Debug, Default, Clone, Copy)]
struct State {
    /// Since when the client is waited for.
    since: Option<Instant>,
    /// What it was handed to take.
    bytes: usize,
    /// How far it was behind when its turn began.
    behind: Duration,
}

impl State {
    fn behind(&self, since: Instant, now: Instant, more: usize) -> Duration {
        let fair = Duration::from_secs_f64((self.bytes + more) as f64 / SLOWEST);
        (self.behind + now.saturating_duration_since(since)).saturating_sub(fair)
    }
}

impl Turn {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The client has to take these bytes, or (none) to send some.
    pub(crate) fn begins(&self, bytes: usize) {
        self.begins_at(bytes, Instant::now());
    }

    fn begins_at(&self, bytes: usize, now: Instant) {
        let mut state = self.state();
        state.since.get_or_insert(now);
        state.bytes += bytes;
    }

    /// The client has taken what it was handed, and sent these bytes.
    pub(crate) fn ends(&self, bytes: usize) {
        // The clock is asked only where somebody waited.
        if self.state().since.is_some() {
            self.ends_at(bytes, Instant::now());
        }
    }

    fn ends_at(&self, bytes: usize, now: Instant) {
        let mut state = self.state();
        if let Some(since) = state.since.take() {
            state.behind = state.behind(since, now, bytes);
            state.bytes = 0;
        }
    }

    /// How far the client is behind; nothing when it is not its turn.
    pub(crate) fn behind(&self, now: Instant) -> Duration {
        let state = *self.state();
        state
            .since
            .map_or(Duration::ZERO, |since| state.behind(since, now, 0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: usize = 64 * 1024;

    /// Takes frames, one in each of these seconds, and gives how far it is behind at the end.
    fn taken(seconds: &[u64]) -> Duration {
        let turn = Turn::default();
        let mut now = Instant::now();
        for (at, pause) in seconds.iter().enumerate() {
            turn.begins_at(FRAME, now);
            now += Duration::from_secs(*pause);
            if at + 1 < seconds.len() {
                turn.ends_at(0, now);
            }
        }
        turn.behind(now)
    }

    #[test]
    fn who_keeps_the_pace_is_never_behind() {
        assert_eq!(taken(&[2; 100]), Duration::ZERO);
        assert_eq!(taken(&[1, 1, 2, 1, 2]), Duration::ZERO);
    }

    #[test]
    fn who_was_fast_before_has_no_credit() {
        assert_eq!(taken(&[0, 0, 0, 0, 0, 30]), Duration::from_secs(28));
        assert_eq!(taken(&[30, 0, 0, 5]), Duration::from_secs(27));
        assert_eq!(taken(&[30, 0, 0, 0, 0, 5]), Duration::from_secs(23));
    }

    #[test]
    fn a_drip_is_behind_and_a_server_that_thinks_is_not_the_clients_fault() {
        let turn = Turn::default();
        let mut now = Instant::now();
        for _ in 0..10 {
            turn.begins_at(0, now);
            turn.begins_at(0, now);
            now += Duration::from_secs(1);
            turn.ends_at(1, now);
            now += Duration::from_mins(1);
        }
        assert_eq!(turn.behind(now), Duration::ZERO, "it is not its turn");
        turn.begins_at(0, now);
        let behind = turn.behind(now);
        assert!(behind > Duration::from_secs(9) && behind < Duration::from_secs(10));
    }
}
