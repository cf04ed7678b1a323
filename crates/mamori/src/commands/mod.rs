//! One module per command of the `mamori` binary.

pub mod calendar;
pub mod contract;
pub mod demo;
pub mod document;
pub mod ledger;
pub mod rehearse;
pub mod serve;
pub mod user;
pub mod work;
