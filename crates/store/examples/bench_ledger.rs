//! Measures the ledger on SQLite with `synchronous=FULL` and prints one JSON object:
//!
//! `cargo run -p mamori-store --release --example bench_ledger -- [--records N] [--dir DIR]`
//!
//! `append_per_second`: durable appends with 256 concurrent callers (group commit), 50,000 of
//! them; then N records (default 1,000,000) are filled in for `export_per_second`,
//! `verify_per_second` (the exported file, all cores) and `audit_per_second` (own database).

use std::time::{Duration, Instant};

use jiff::Timestamp;
use mamori_kernel::ledger::{Actor, NewRecord};
use mamori_store::archive::{ExportRequest, export, verify};
use mamori_store::{Blobs, Db, Ledger, LedgerKey, LedgerQuery, MIGRATIONS};
use serde_json::json;

const CALLERS: u64 = 256;
const APPENDS: u64 = 50_000;
const START_MS: i64 = 1_775_000_000_000;

type AnyError = Box<dyn std::error::Error>;

fn record(n: u64) -> Result<NewRecord, mamori_kernel::ledger::LedgerError> {
    let at = Timestamp::from_millisecond(START_MS + n as i64 * 30).unwrap_or(Timestamp::MAX);
    let kind = [
        "watch.probe",
        "work.recorded",
        "question.received",
        "waf.checked",
    ];
    NewRecord::new(
        "bench",
        at,
        Actor::job("watch.probe"),
        kind[n as usize % kind.len()],
        format!("O-{:03}", n % 149 + 1),
        &json!({"probe": "top", "url": "https://www.example.jp/", "status": 200, "ms": n % 900}),
    )
}

fn per_second(count: u64, time: Duration) -> u64 {
    (count as f64 / time.as_secs_f64()) as u64
}

fn option(name: &str) -> Option<String> {
    let mut arguments = std::env::args().skip_while(|argument| argument != name);
    arguments.next()?;
    arguments.next()
}

#[tokio::main]
async fn main() -> Result<(), AnyError> {
    let records: u64 = option("--records").map_or(Ok(1_000_000), |text| text.parse())?;
    let folder = match option("--dir") {
        Some(folder) => tempfile::tempdir_in(folder)?,
        None => tempfile::tempdir()?,
    };
    let db = Db::open_path(&folder.path().join("bench.db")).await?;
    db.migrate(MIGRATIONS).await?;

    let (ledger, _task) = Ledger::start(db.clone());
    let started = Instant::now();
    let mut callers = Vec::new();
    for caller in 0..CALLERS {
        let ledger = ledger.clone();
        callers.push(tokio::spawn(async move {
            let mut n = caller;
            while n < APPENDS {
                let new = record(n).map_err(mamori_store::Error::from)?;
                ledger.append(new).await?;
                n += CALLERS;
            }
            Ok::<(), mamori_store::Error>(())
        }));
    }
    for caller in callers {
        caller.await??;
    }
    let append = started.elapsed();
    let appended = db.ledger_head("bench").await?.map_or(0, |head| head.seq);
    assert_eq!(appended, APPENDS, "every append is in the chain");

    let started = Instant::now();
    let mut n = APPENDS;
    while n < records {
        let end = (n + 20_000).min(records);
        let batch = (n..end).map(record).collect::<Result<Vec<_>, _>>()?;
        let mut tx = db.begin_write().await?;
        for outcome in tx.append_all(batch).await? {
            outcome?;
        }
        tx.commit().await?;
        n = end;
    }
    let filling = started.elapsed();
    let total = records.max(APPENDS);

    let key = LedgerKey::open_or_create(&folder.path().join("keys/ledger.key"))?;
    let blobs = Blobs::new(folder.path().join("blobs"));
    let request = ExportRequest {
        contract: "bench".to_owned(),
        from: None,
        until: None,
        now: Timestamp::from_millisecond(START_MS)?,
    };
    let path = folder.path().join("bench.zip");
    let started = Instant::now();
    let file = std::fs::File::create(&path)?;
    let report = export(&db, &blobs, &key, &request, folder.path(), &file).await?;
    file.sync_all()?;
    let exported = started.elapsed();

    let mut times = Vec::new();
    for _ in 0..3 {
        let started = Instant::now();
        let found = verify(std::fs::File::open(&path)?, None)?;
        assert_eq!(found.count, total);
        times.push(started.elapsed());
    }
    times.sort();

    let started = Instant::now();
    let audit = db
        .audit_ledger("bench", &blobs, Some(key.public()), None)
        .await?;
    assert!(audit.is_intact(), "{:?}", audit.problems);
    let audited = started.elapsed();

    let mut queries = Vec::new();
    for n in 0..200u64 {
        let query = LedgerQuery {
            subject: Some(format!("O-{:03}", n % 149 + 1)),
            newest_first: true,
            limit: 20,
            ..LedgerQuery::new("bench")
        };
        let started = Instant::now();
        let found = db.ledger_records(&query).await?;
        assert!(!found.is_empty());
        queries.push(started.elapsed());
    }
    queries.sort();

    println!(
        "{}",
        json!({
            "records": total,
            "append_callers": CALLERS,
            "append_per_second": per_second(APPENDS, append),
            "fill_per_second": per_second(records.saturating_sub(APPENDS), filling),
            "export_per_second": per_second(total, exported),
            "verify_per_second": per_second(total, times[1]),
            "audit_per_second": per_second(total, audited),
            "query_20_of_subject_p99_ms": queries[197].as_secs_f64() * 1_000.0,
            "archive_bytes": report.size_bytes,
        })
    );
    Ok(())
}
