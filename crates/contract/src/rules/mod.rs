//! The arithmetic behind deadlines and thresholds: pure functions without a contract or a clock.

pub mod dates;
pub mod money;
pub mod numbers;
pub mod text;
