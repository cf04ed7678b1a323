//! What tests need around them: an application in a folder of its own with a driven clock, a
//! browser that is none, mails that went to the sink, and a private PostgreSQL.
//!
//! A dev-dependency only. No sleeps, no network, no order between tests.

mod app;
mod client;
mod described;
mod postgres;

pub use app::{PASSWORD, TestApp, TestAppBuilder};
pub use client::{Answer, Client};
pub use postgres::PrivatePostgres;
