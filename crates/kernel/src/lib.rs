//! Ground of everything: ids, the clock port, the Japanese calendar, 和暦, periods, and what
//! the evidence ledger rests on (records, canonical JSON, Merkle hashing, permissions).
//!
//! Invariant: pure. No I/O, no async, no present time, no chance: instants and random bytes
//! come from the caller, so that every rule above can be tested on any day.

pub mod barrier;
pub mod calendar;
pub mod canonical;
pub mod clock;
pub mod evidence;
pub mod given;
pub mod ids;
pub mod ledger;
pub mod merkle;
pub mod period;
pub mod permission;
pub mod wareki;

pub use barrier::{Ban, BanCause, Barrier, BarrierError};
pub use clock::{Clock, DrivenClock};
pub use ids::{ContractId, ObligationKey};
pub use period::{FiscalYear, Half, Period, PeriodKind, Quarter, YearMonth};
