//! Journeys through the real binary.

mod calendar;
mod contract;
mod demo;
mod ledger;
mod remote;
mod serve;
