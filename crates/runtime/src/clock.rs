//! The machine's clock: the only place that asks for the real time.

use jiff::Timestamp;
use mamori_kernel::clock::Clock;

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}
