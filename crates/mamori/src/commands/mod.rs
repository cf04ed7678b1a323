//! One module per command of the `mamori` binary.

pub mod api;
pub mod calendar;
pub mod contract;
pub mod demo;
pub mod document;
pub mod ledger;
pub mod rehearse;
mod remote;
pub mod serve;
pub mod user;
mod user_remote;
pub mod waf;
pub mod work;
