//! The contract as data: a TOML language for 仕様書 (`language`, `parse`), due dates (`due`), the
//! rules behind them (`rules`), and the engine that turns evidence into verdicts (`engine`).
//!
//! Pure: text and facts in, verdicts out; no I/O, no present time, no database. What a contract
//! says stands in `contracts/*.toml`; nothing of any city stands in this code.

pub mod due;
pub mod engine;
pub mod kinds;
pub mod language;
pub mod model;
pub mod parse;
pub mod rules;
pub mod schema;

pub use due::Due;
pub use engine::{Engine, Fact, PeriodState, State, Verdict};
pub use model::Contract;
