//! Measures the engine on the real contract: `cargo run --release -p mamori-contract --example
//! contract_bench -- contracts/kokoshelju-r8.toml 1000000`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::ToSpan;
use mamori_contract::engine::{Engine, Fact};
use mamori_contract::{Contract, schema};
use mamori_kernel::clock::tokyo_midnight;
use serde_json::json;

fn main() {
    let mut args = std::env::args().skip(1);
    let file = args.next().expect("a contract file");
    let count: u64 = args
        .next()
        .map_or(1_000_000, |text| text.parse().expect("a number"));
    let source = std::fs::read_to_string(&file).expect("the file can be read");
    let started = Instant::now();
    let (contract, _) = Contract::parse(&file, &source).expect("the contract is right");
    println!(
        "parse: {:?} (schema {} bytes)",
        started.elapsed(),
        schema::schema_text().len()
    );
    let contract = Arc::new(contract);
    let started = Instant::now();
    let mut engine = Engine::new(
        Arc::clone(&contract),
        contract.kinds.names().map(str::to_owned),
    );
    println!("new: {:?}", started.elapsed());
    let start = tokyo_midnight(contract.term.first());
    let kinds = [
        "watch.probe",
        "watch.availability",
        "backup.finished",
        "tls.checked",
        "waf.checked",
        "mail.volume",
        "vulnerability.feed",
        "virus.scan",
        "host.hardening",
        "chat.checked",
    ];
    let started = Instant::now();
    let mut slowest = Duration::ZERO;
    let mut applying = Duration::ZERO;
    for seq in 1..=count {
        let seconds = (seq as f64 / count as f64 * 230.0 * 86_400.0) as i64;
        let at = start
            .checked_add(seconds.seconds())
            .expect("within the year");
        let day = mamori_kernel::clock::tokyo_date(at).to_string();
        let kind = kinds[(seq % 10) as usize];
        let fact = Fact {
            seq,
            at,
            kind: kind.to_owned(),
            subject: "web".to_owned(),
            payload: json!({
                "day": day, "date": day, "ok": true, "host": "web", "target": "https://example.invalid/", "mails": 3, "total_minutes": 1440,
                "down_minutes": 0, "class": "data", "method": "full", "generations": 3, "not_after": "2027-12-31", "scenario": "choice",
            }),
        };
        let one = Instant::now();
        engine.apply(&fact);
        let took = one.elapsed();
        applying += took;
        slowest = slowest.max(took);
    }
    println!(
        "apply {count}: {:?} ({:.0} facts/s with making them {:?}), slowest {slowest:?}",
        applying,
        count as f64 / applying.as_secs_f64(),
        started.elapsed()
    );
    let mut all = Vec::new();
    let mut one_record = Vec::new();
    for round in 0..200_u64 {
        engine.advance(
            start
                .checked_add((231 * 86_400 + round as i64 * 86_400 / 2).seconds())
                .expect("within range"),
        );
        let started = Instant::now();
        let states = engine.states();
        all.push(started.elapsed());
        assert!(!states.is_empty());
        let fact = Fact {
            seq: count + 1 + round,
            at: engine.now(),
            kind: "watch.probe".into(),
            subject: "web".into(),
            payload: json!({ "ok": true, "target": "x" }),
        };
        let started = Instant::now();
        let touched = engine.apply(&fact);
        for key in &touched {
            engine.state(key);
        }
        one_record.push(started.elapsed());
    }
    all.sort();
    one_record.sort();
    println!(
        "states of {}: median {:?}, p99 {:?}",
        engine.states().len(),
        all[100],
        all[198]
    );
    println!(
        "one record re-evaluated: median {:?}, p99 {:?}",
        one_record[100], one_record[198]
    );
    let started = Instant::now();
    let snapshot = engine.snapshot();
    println!(
        "snapshot: {} bytes in {:?}",
        snapshot.len(),
        started.elapsed()
    );
    let started = Instant::now();
    let restored = Engine::restore(contract, &snapshot);
    println!("restore: {:?}, ok {}", started.elapsed(), restored.is_ok());
}
