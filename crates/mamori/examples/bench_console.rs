//! Fills a demo's data directory for `cargo xtask bench console`, through the paths that the
//! program itself uses, and prints the routes of all capabilities:
//!
//! `bench_console --data-dir DIR --records 1000000 --work 10000`
//!
//! Work entries go through the register's desk (rules, numbering, evidence, one transaction each);
//! the other records are what probes and checks leave, appended in batches of 10,000.

#[path = "../src/capabilities.rs"]
mod capabilities;

use std::sync::Arc;
use std::time::Instant;

use anyhow::Context as _;
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp, ToSpan as _};
use mamori_contract::language::Counts;
use mamori_kernel::Clock as _;
use mamori_kernel::clock::tokyo_date;
use mamori_kernel::ledger::{Actor, NewRecord};
use mamori_office::Office;
use mamori_office::register::{Desk, Order};
use mamori_runtime::notify::subscription::{self, NewSubscription};
use mamori_runtime::{App, Config, SystemClock};
use serde_json::{Value, json};

const BATCH: u64 = 10_000;

fn option(name: &str) -> Option<String> {
    let mut arguments = std::env::args().skip_while(|argument| argument != name);
    arguments.next()?;
    arguments.next()
}

fn number(name: &str) -> anyhow::Result<u64> {
    let text = option(name).with_context(|| format!("{name} N is missing"))?;
    Ok(text.parse()?)
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let folder = option("--data-dir").context("--data-dir DIR is missing")?;
    let (records, work) = (number("--records")?, number("--work")?);
    let mut config = Config::load(std::path::Path::new(&folder), None)?;
    "warn".clone_into(&mut config.log.filter);
    let app = App::open(config, Arc::new(SystemClock), capabilities::all()).await?;
    let office = Office::of(&app)?;
    let live = office
        .contracts
        .all()
        .first()
        .cloned()
        .context("the demo has a contract")?;
    let contract = live.id().to_owned();
    let today = tokyo_date(SystemClock.now());
    let first = live.contract().file.contract.term.from.0;

    let categories: Vec<String> = live
        .contract()
        .file
        .categories
        .iter()
        .filter(|(_, category)| category.counts != Counts::Yes)
        .map(|(key, _)| key.clone())
        .collect();
    let started = Instant::now();
    enter_work(&app, &contract, &categories, (first, today), work).await?;
    let working = started.elapsed();

    let started = Instant::now();
    let before = app.db.ledger_head(&contract).await?.map_or(0, |h| h.seq);
    append(&app, &contract, before, records).await?;
    let appending = started.elapsed();
    listen(&app, &contract).await?;
    // Saved as the running program saves it every night.
    live.states(app.now()).await?;
    live.save().await?;

    let routes: Vec<Value> = app
        .capabilities()
        .iter()
        .flat_map(|capability| &capability.routes)
        .map(|route| json!({ "verb": route.verb.as_str(), "path": route.path }))
        .collect();
    println!(
        "{}",
        json!({
            "contract": contract,
            "records": app.db.ledger_head(&contract).await?.map_or(0, |h| h.seq),
            "work_seconds": working.as_secs_f64(),
            "append_seconds": appending.as_secs_f64(),
            "routes": routes,
        })
    );
    app.db.close().await;
    Ok(())
}

/// Entries spread over the days of the term so far, as people write them.
async fn enter_work(
    app: &App,
    contract: &str,
    categories: &[String],
    (first, today): (Date, Date),
    count: u64,
) -> anyhow::Result<()> {
    anyhow::ensure!(!categories.is_empty(), "no category of work");
    let desk = Desk::of(app)?;
    let register = mamori_office::register("work").context("the register of work")?;
    let days = i64::from(first.until((jiff::Unit::Day, today))?.get_days()).max(1);
    for n in 0..count {
        let day = first + (n as i64 * days / count as i64).days();
        let hour = 9 + n % 7;
        let start = n % 20;
        let form = json!({
            "date": day.to_string(),
            "start": format!("{hour:02}:{start:02}"),
            "end": format!("{hour:02}:{:02}", start + 15 + n % 20),
            "category": categories[n as usize % categories.len()],
            "event": format!("見本の作業 {n}：お知らせの文と表の差し替え"),
            "response": "内容を確かめて差し替え、表示を見た",
            "outside_hours_reason": "閉庁日の分は市の依頼による",
            "by": "見本　花子",
        });
        let Value::Object(form) = form else {
            continue;
        };
        let order = Order::new(
            contract,
            register,
            None,
            "record",
            form,
            Actor::person("bench"),
        );
        desk.act(order).await?;
    }
    Ok(())
}

/// A receiver of webhooks, so that its page can be measured. It waits for what never happens here:
/// nothing leaves the machine.
async fn listen(app: &App, contract: &str) -> anyhow::Result<()> {
    let new = NewSubscription {
        contract: contract.to_owned(),
        url: "https://hooks.example.jp/mamori".to_owned(),
        kinds: vec!["bench.never".to_owned()],
        key: None,
    };
    subscription::add(app, &Actor::person("bench"), new).await?;
    Ok(())
}

/// What probes and checks leave, from the chain's end to now.
async fn append(app: &App, contract: &str, before: u64, until: u64) -> anyhow::Result<()> {
    let now = app.now();
    let from = now
        .checked_sub(SignedDuration::from_hours(24))
        .unwrap_or(Timestamp::MIN);
    let step = SignedDuration::from_hours(24).as_millis() as i64 / (until.max(1) as i64);
    let mut n = before;
    while n < until {
        let end = (n + BATCH).min(until);
        let batch = (n..end)
            .map(|n| {
                let at = from + SignedDuration::from_millis(step * (n - before) as i64);
                record(contract, at, n)
            })
            .collect::<Result<Vec<_>, _>>()?;
        let mut tx = app.db.begin_write().await?;
        for outcome in tx.append_all(batch).await? {
            outcome?;
        }
        tx.commit().await?;
        n = end;
    }
    Ok(())
}

fn record(
    contract: &str,
    at: Timestamp,
    n: u64,
) -> Result<NewRecord, mamori_kernel::ledger::LedgerError> {
    let day = tokyo_date(at).to_string();
    let (kind, subject, payload) = match n % 10 {
        0..=6 => (
            "watch.probe",
            "probe:top",
            json!({ "target": "https://www.example.jp/", "ok": true, "ms": n % 900 }),
        ),
        7 => (
            "tls.checked",
            "host:www",
            json!({ "host": "www.example.jp", "ok": true, "not_after": "2027-12-31" }),
        ),
        8 => (
            "waf.checked",
            "host:www",
            json!({ "host": "www.example.jp", "ok": true, "findings": 0 }),
        ),
        _ => (
            "mail.volume",
            "mail",
            json!({ "date": day, "mails": 120 + n % 90 }),
        ),
    };
    NewRecord::new(contract, at, Actor::job("bench"), kind, subject, &payload)
}
