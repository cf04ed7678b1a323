//! Journeys through the real binary.

mod calendar;
mod contract;
mod demo;
mod ledger;
mod serve;
