//! The registers with a database, as the console's API and as the command line see them.

#![expect(
    clippy::similar_names,
    reason = "`text` beside `test` is no mistake here"
)]

mod api;
mod api_now;
mod board;
mod closing;
mod command_line;
mod contract;
mod contracts;
mod documents;
mod evidence;
mod ledger;
mod paper_conflicts;
mod register_edges;
mod register_pages;
mod registers;
mod responsible;
mod shown;
mod start;

use std::sync::Arc;

use jiff::civil::{date, time};
use mamori_kernel::ledger::Actor;
use mamori_office::register::{Desk, Order, Register, TermsPort};
use mamori_office::terms::FixedTerms;
use mamori_runtime::{Capability, Config, start_hook};
use mamori_testkit::{PrivatePostgres, TestApp};
use serde_json::{Map, Value, json};

const CONTRACT: &str = "example-r8";

/// Stands in for the contract service.
fn terms_capability() -> Capability {
    Capability {
        id: "test-terms",
        title_ja: "試験用の契約",
        start: Some(start_hook(|app| async move {
            app.provide(Arc::new(TermsPort(Arc::new(FixedTerms::example()))));
            Ok(())
        })),
        ..Capability::default()
    }
}

async fn open(configure: impl FnOnce(&mut Config) + Send + 'static) -> TestApp {
    TestApp::builder()
        .with(registers_only())
        .with(terms_capability())
        .at(date(2026, 10, 30), time(9, 0, 0, 0))
        .configured(configure)
        .open()
        .await
}

/// The office without its contract service, which these tests replace.
fn registers_only() -> Capability {
    Capability {
        start: None,
        ..mamori_office::capability()
    }
}

/// Runs a story on SQLite and, where there is one, on PostgreSQL.
async fn on_both<F, Fut>(story: F)
where
    F: Fn(TestApp) -> Fut,
    Fut: Future<Output = ()>,
{
    story(open(|_| {}).await).await;
    if let Some(server) = PrivatePostgres::shared() {
        let url = server.fresh_database().await;
        story(open(move |config| config.database.url = Some(url)).await).await;
    }
}

fn register(key: &str) -> &'static Register {
    mamori_office::register(key).unwrap_or_else(|| panic!("no register {key}"))
}

fn desk(test: &TestApp) -> Desk {
    Desk::of(&test.app).expect("terms are provided")
}

fn form(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => panic!("no form: {other}"),
    }
}

fn order<'a>(key: &str, item: Option<&'a str>, act: &'a str, fields: Value) -> Order<'a> {
    Order::new(
        CONTRACT,
        register(key),
        item,
        act,
        form(fields),
        Actor::person("staff-1"),
    )
}

fn entry(event: &str, day: &str, hours: &str) -> Value {
    json!({"date": day, "hours": hours, "category": "site-correction", "event": event, "by": "佐藤 花子"})
}

async fn record(desk: &Desk, fields: Value) -> String {
    let done = desk.act(order("work", None, "record", fields)).await;
    done.unwrap_or_else(|error| panic!("{error}")).item.id
}
