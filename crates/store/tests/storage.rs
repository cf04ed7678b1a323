//! The same story on SQLite and on PostgreSQL.

#[path = "../../testkit/src/postgres.rs"]
mod postgres; // by path: testkit as a whole would pull the upper rows into this crate's tests

use std::future::Future;

use jiff::Timestamp;
use mamori_kernel::evidence;
use mamori_kernel::ledger::{Actor, NewRecord, Record};
use mamori_kernel::merkle::{CompactRange, Digest, leaf_hash};
use mamori_store::{Args, Db, Error, Ledger, LedgerQuery, MIGRATIONS, Migration, args};
use serde_json::json;

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(1_790_000_000_000 + ms).expect("in range")
}

fn record(contract: &str, ms: i64, subject: &str) -> NewRecord {
    NewRecord::new(
        contract,
        at(ms),
        Actor::job("test"),
        "work.recorded",
        subject,
        &json!({"n": ms, "text": "作業 \" \\ \u{1f600}"}),
    )
    .expect("valid")
}

async fn append(db: &Db, new: NewRecord) -> Result<Record, Error> {
    let mut tx = db.begin_write().await?;
    let record = tx.append(new).await?;
    tx.commit().await?;
    Ok(record)
}

async fn all(db: &Db, contract: &str) -> Vec<Record> {
    let mut query = LedgerQuery::new(contract);
    query.limit = 100_000;
    db.ledger_records(&query).await.expect("readable")
}

fn assert_chain(records: &[Record]) {
    let mut prev = Digest::ZERO;
    let mut last = None;
    for (index, record) in records.iter().enumerate() {
        assert_eq!(record.seq, index as u64 + 1);
        assert_eq!(record.prev, prev);
        assert_eq!(record.hash, record.compute_hash());
        assert!(Some(record.at) >= last, "time never goes back");
        prev = record.hash;
        last = Some(record.at);
    }
}

/// Runs a case on a fresh, migrated SQLite file.
async fn on_sqlite<F: Future<Output = ()>>(case: impl Fn(Db, String) -> F) {
    let folder = tempfile::tempdir().expect("temp folder");
    let url = format!("sqlite:{}/見本 #1?.db", folder.path().display()).replace('?', "");
    let db = Db::open(&url).await.expect("opens");
    db.migrate(MIGRATIONS).await.expect("migrates");
    case(db, url).await;
}

/// Runs a case on a fresh, migrated PostgreSQL database, where there is a server.
async fn on_postgres<F: Future<Output = ()>>(case: impl Fn(Db, String) -> F) {
    let Some(server) = postgres::PrivatePostgres::shared() else {
        return;
    };
    let url = server.fresh_database().await;
    let db = Db::open(&url).await.expect("opens");
    db.migrate(MIGRATIONS).await.expect("migrates");
    case(db.clone(), url).await;
    db.close().await;
}

/// Each case becomes a test on SQLite; one test runs them all on PostgreSQL (one server).
macro_rules! on_both {
    ($($case:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $case() {
                super::on_sqlite(super::$case).await;
            })*
        }

        #[tokio::test(flavor = "multi_thread")]
        async fn the_same_on_postgresql() {
            $(
                eprintln!("postgresql: {}", stringify!($case));
                on_postgres($case).await;
            )*
        }
    };
}

on_both![
    values_come_back_as_they_went_in,
    a_transaction_is_all_or_nothing,
    errors_say_what_the_caller_can_do,
    records_are_chained_and_read_back,
    a_dedup_key_writes_once,
    a_failing_append_leaves_the_chain_as_it_was,
    a_clock_that_jumps_back_loses_nothing,
    concurrent_writers_leave_no_gap,
    group_commit_answers_every_caller,
    followers_hear_of_commits_only,
    erased_personal_data_leaves_a_tombstone,
    queries_select_and_page,
    migrations_run_once_and_refuse_what_they_do_not_know,
    two_handles_migrate_at_once,
];

async fn values_come_back_as_they_went_in(db: Db, _: String) {
    db.execute(
        "CREATE TABLE t (id BIGINT PRIMARY KEY, i BIGINT, r DOUBLE PRECISION, s TEXT, b BIGINT)",
        Args::new(),
    )
    .await
    .expect("portable DDL");
    let long = "あ\n'\"\\$1;--".repeat(1_000);
    let mut tx = db.begin_write().await.expect("tx");
    tx.execute(
        "INSERT INTO t (id, i, r, s, b) VALUES ($1, $2, $3, $4, $5), ($6, $7, $8, $9, $10)",
        args![
            1,
            i64::MIN,
            0.1 + 0.2,
            long.as_str(),
            true,
            2,
            None::<i64>,
            None::<f64>,
            None::<String>,
            false
        ],
    )
    .await
    .expect("insert");
    tx.commit().await.expect("commit");
    let rows = db
        .fetch_all("SELECT * FROM t ORDER BY id", Args::new())
        .await
        .expect("rows");
    assert_eq!(rows[0].i64("i"), Ok(i64::MIN));
    assert_eq!(rows[0].f64("r"), Ok(0.1 + 0.2));
    assert_eq!(rows[0].text("s"), Ok(long));
    assert_eq!(rows[0].bool("b"), Ok(true));
    assert_eq!(rows[1].get::<Option<i64>>("i"), Ok(None));
    assert_eq!(rows[1].get::<Option<f64>>("r"), Ok(None));
    assert_eq!(rows[1].get::<Option<String>>("s"), Ok(None));
    assert_eq!(rows[1].get::<Option<bool>>("b"), Ok(Some(false)));
    assert!(matches!(rows[1].i64("missing"), Err(Error::Bug { .. })));
    let sums = db
        .fetch_one(
            "SELECT CAST(COUNT(*) AS BIGINT) AS n, CAST(SUM(id) AS BIGINT) AS s FROM t",
            Args::new(),
        )
        .await
        .expect("sums");
    assert_eq!((sums.i64("n"), sums.i64("s")), (Ok(2), Ok(3)));
    let returned = db
        .fetch_one(
            "INSERT INTO t (id, s) VALUES ($1, $2) RETURNING id",
            args![3, "x"],
        )
        .await
        .expect("returning");
    assert_eq!(returned.i64("id"), Ok(3));
}

async fn a_transaction_is_all_or_nothing(db: Db, _: String) {
    let put = "INSERT INTO setting (key, value) VALUES ($1, $2)";
    let mut tx = db.begin_write().await.expect("tx");
    tx.execute(put, args!["a", "1"]).await.expect("insert");
    drop(tx);
    let mut tx = db.begin_write().await.expect("tx after a dropped one");
    tx.execute(put, args!["b", "2"]).await.expect("insert");
    let inside = tx.fetch_all("SELECT key FROM setting", Args::new()).await;
    assert_eq!(inside.expect("rows").len(), 1, "a was rolled back");
    let outside = db.fetch_all("SELECT key FROM setting", Args::new()).await;
    assert_eq!(outside.expect("rows").len(), 0, "not committed yet");
    tx.commit().await.expect("commit");
    let row = db
        .fetch_one("SELECT value FROM setting WHERE key = $1", args!["b"])
        .await
        .expect("committed");
    assert_eq!(row.text("value").as_deref(), Ok("2"));
}

async fn errors_say_what_the_caller_can_do(db: Db, _: String) {
    let put = "INSERT INTO setting (key, value) VALUES ($1, $2)";
    db.execute(put, args!["k", "1"]).await.expect("first");
    let twice = db.execute(put, args!["k", "2"]).await;
    assert!(matches!(twice, Err(Error::Conflict { .. })), "{twice:?}");
    let null = db.execute(put, args!["n", None::<String>]).await;
    assert!(matches!(null, Err(Error::Invalid(_))), "{null:?}");
    let none = db
        .fetch_one("SELECT value FROM setting WHERE key = $1", args!["?"])
        .await;
    assert!(matches!(none, Err(Error::NotFound { .. })), "{none:?}");
    let nonsense = db.execute("SELEC 1", Args::new()).await;
    assert!(matches!(nonsense, Err(Error::Bug { .. })), "{nonsense:?}");
}

async fn records_are_chained_and_read_back(db: Db, _: String) {
    let mut appended = Vec::new();
    for n in 0..70 {
        appended.push(append(&db, record("a", n, "s")).await.expect("append"));
    }
    let mut tx = db.begin_write().await.expect("tx");
    let many = (0..40).map(|n| record("a", 70 + n, "s")).collect();
    for outcome in tx.append_all(many).await.expect("batch") {
        appended.push(outcome.expect("append").record);
    }
    tx.append(record("b", 0, "s")).await.expect("other chain");
    tx.commit().await.expect("commit");
    let read = all(&db, "a").await;
    assert_eq!(read, appended);
    assert_chain(&read);
    assert_chain(&all(&db, "b").await);
    let head = db
        .ledger_head("a")
        .await
        .expect("readable")
        .expect("exists");
    assert_eq!(head, appended[109].head());
    let heads = db.ledger_heads().await.expect("heads");
    assert_eq!(heads.len(), 2);
    let mut range = CompactRange::new();
    for record in &read {
        range.push(leaf_hash(record.hash.as_bytes()));
    }
    let row = db
        .fetch_one(
            "SELECT peaks FROM ledger_head WHERE contract = 'a'",
            Args::new(),
        )
        .await
        .expect("row");
    let expected: String = range.peaks().iter().map(|p| p.to_hex()).collect();
    assert_eq!(row.text("peaks"), Ok(expected));
    let before = db.ledger_head_before("a", at(100)).await.expect("readable");
    assert_eq!(before.map(|head| head.seq), Some(100));
}

async fn a_dedup_key_writes_once(db: Db, _: String) {
    let new = || record("a", 1, "s").dedup("k");
    let first = append(&db, new()).await.expect("first");
    let again = append(&db, new()).await.expect("again");
    assert_eq!(first, again);
    let other = append(&db, record("a", 2, "s").dedup("k")).await;
    assert!(matches!(other, Err(Error::Conflict { .. })), "{other:?}");
    append(&db, record("b", 2, "s").dedup("k"))
        .await
        .expect("another contract has its own keys");
    let mut tx = db.begin_write().await.expect("tx");
    let batch = vec![
        record("a", 5, "s").dedup("m"),
        record("a", 5, "s").dedup("m"),
        record("a", 6, "s").dedup("m"),
    ];
    let outcomes = tx.append_all(batch).await.expect("batch");
    tx.commit().await.expect("commit");
    let existed: Vec<Option<bool>> = outcomes
        .iter()
        .map(|o| o.as_ref().ok().map(|a| a.existed))
        .collect();
    assert_eq!(existed, [Some(false), Some(true), None]);
    assert_eq!(all(&db, "a").await.len(), 2);
}

async fn a_failing_append_leaves_the_chain_as_it_was(db: Db, _: String) {
    append(&db, record("a", 1, "s")).await.expect("first");
    let mut tx = db.begin_write().await.expect("tx");
    let mut broken = record("a", 2, "s");
    broken.kind = String::from("with space");
    let outcomes = tx
        .append_all(vec![record("a", 2, "s"), broken, record("a", 3, "s")])
        .await
        .expect("the batch lives");
    assert_eq!(
        outcomes.iter().map(Result::is_ok).collect::<Vec<_>>(),
        [true, false, true]
    );
    tx.commit().await.expect("commit");
    let mut tx = db.begin_write().await.expect("tx");
    tx.append(record("a", 4, "s")).await.expect("append");
    tx.rollback().await.expect("rollback");
    let records = all(&db, "a").await;
    assert_eq!(records.len(), 3);
    assert_chain(&records);
}

async fn a_clock_that_jumps_back_loses_nothing(db: Db, _: String) {
    append(&db, record("a", 60_000, "before"))
        .await
        .expect("first");
    let back = append(&db, record("a", 0, "after")).await.expect("kept");
    assert_eq!(back.at, at(60_000));
    assert_eq!(back.observed, Some(at(0)));
    assert_eq!(back.clock_jump_ms(), Some(60_000));
    let later = append(&db, record("a", 61_000, "later"))
        .await
        .expect("kept");
    assert_eq!((later.at, later.observed), (at(61_000), None));
    let records = all(&db, "a").await;
    assert_eq!(records[1], back);
    assert_chain(&records);
}

async fn concurrent_writers_leave_no_gap(db: Db, url: String) {
    // Two handles stand for two processes; the first appends meet on an empty chain.
    let other = Db::open(&url).await.expect("second handle");
    let mut tasks = Vec::new();
    for writer in 0..6i64 {
        let db = if writer % 2 == 0 {
            db.clone()
        } else {
            other.clone()
        };
        tasks.push(tokio::spawn(async move {
            for n in 0..15 {
                append(&db, record("a", writer * 1_000 + n, "s"))
                    .await
                    .expect("append");
            }
        }));
    }
    for task in tasks {
        task.await.expect("no panic");
    }
    let records = all(&db, "a").await;
    assert_eq!(records.len(), 90);
    assert_chain(&records);
    other.close().await;
}

async fn group_commit_answers_every_caller(db: Db, _: String) {
    let (ledger, task) = Ledger::start(db.clone());
    let mut tasks = Vec::new();
    for n in 0..300 {
        let ledger = ledger.clone();
        tasks.push(tokio::spawn(async move {
            let mut new = record("a", n, "s");
            if n % 100 == 7 {
                new.version = 0;
            }
            (n, ledger.append(new).await)
        }));
    }
    let mut kept = 0;
    for task in tasks {
        let (n, outcome) = task.await.expect("no panic");
        if n % 100 == 7 {
            assert!(matches!(outcome, Err(Error::Ledger(_))), "{outcome:?}");
        } else {
            let record = outcome.expect("kept").record;
            assert_eq!(db.ledger_record("a", record.seq).await, Ok(record));
            kept += 1;
        }
    }
    drop(ledger);
    task.await.expect("ends with its last handle");
    let records = all(&db, "a").await;
    assert_eq!(records.len(), kept);
    assert_chain(&records);
}

async fn followers_hear_of_commits_only(db: Db, _: String) {
    let mut follower = db.follow_ledger();
    follower.mark_unchanged();
    let mut tx = db.begin_write().await.expect("tx");
    tx.append(record("a", 1, "s")).await.expect("append");
    drop(tx);
    assert_eq!(follower.has_changed().ok(), Some(false));
    append(&db, record("a", 1, "s")).await.expect("append");
    assert_eq!(follower.has_changed().ok(), Some(true));
    assert_eq!(follower.borrow_and_update().get("a"), Some(&1));
}

async fn erased_personal_data_leaves_a_tombstone(db: Db, _: String) {
    let new = record("a", 1, "s")
        .personal(&json!({"name": "見本 花子"}))
        .expect("object");
    let kept = append(&db, new.clone()).await.expect("append");
    let twin = append(&db, new).await.expect("append");
    assert_ne!(kept.personal, twin.personal, "salted");
    let body = db.ledger_personal("a", 1).await.expect("readable");
    assert_eq!(body.expect("there").as_str(), "{\"name\":\"見本 花子\"}");
    let mut tx = db.begin_write().await.expect("tx");
    let erasure = tx
        .erase_personal("a", 1, "保存期間の満了", Actor::person("u"), at(9))
        .await
        .expect("erased");
    tx.commit().await.expect("commit");
    assert_eq!(erasure.tombstone.kind, evidence::LEDGER_ERASED);
    assert_eq!(db.ledger_personal("a", 1).await, Ok(None));
    assert!(
        db.ledger_personal("a", 2)
            .await
            .expect("readable")
            .is_some()
    );
    for seq in [1, 3, 99] {
        let mut tx = db.begin_write().await.expect("tx");
        let again = tx
            .erase_personal("a", seq, "again", Actor::person("u"), at(9))
            .await;
        assert!(matches!(again, Err(Error::NotFound { .. })), "{seq}");
    }
    assert_chain(&all(&db, "a").await);
}

async fn queries_select_and_page(db: Db, _: String) {
    for n in 0..30 {
        let mut new = record("a", n * 10, if n % 3 == 0 { "x" } else { "y" });
        if n % 2 == 0 {
            new.kind = String::from("question.received");
        }
        append(&db, new).await.expect("append");
    }
    let seqs = async |query: LedgerQuery| -> Vec<u64> {
        let records = db.ledger_records(&query).await.expect("readable");
        records.iter().map(|r| r.seq).collect()
    };
    let base = LedgerQuery::new("a");
    let subject = LedgerQuery {
        subject: Some("x".to_owned()),
        kinds: vec!["question.received".to_owned(), "nothing".to_owned()],
        ..base.clone()
    };
    assert_eq!(seqs(subject).await, [1, 7, 13, 19, 25]);
    let page = LedgerQuery {
        from_seq: Some(5),
        to_seq: Some(20),
        limit: 3,
        newest_first: true,
        ..base.clone()
    };
    assert_eq!(seqs(page).await, [20, 19, 18]);
    let period = LedgerQuery {
        from: Some(at(100)),
        until: Some(at(130)),
        ..base.clone()
    };
    assert_eq!(seqs(period).await, [11, 12, 13]);
    assert_eq!(seqs(LedgerQuery::new("none")).await, [0; 0]);
    let few = LedgerQuery {
        kinds: ["work.recorded", "question.received", "nothing"]
            .map(str::to_owned)
            .to_vec(),
        from: Some(at(100)),
        newest_first: true,
        limit: 4,
        to_seq: Some(17),
        ..base.clone()
    };
    assert_eq!(seqs(few.clone()).await, [17, 16, 15, 14]);
    let many = LedgerQuery {
        kinds: (0..20)
            .map(|n| format!("kind.{n}"))
            .chain(few.kinds.clone())
            .collect(),
        ..few.clone()
    };
    assert_eq!(seqs(many).await, [17, 16, 15, 14]);
    let oldest = LedgerQuery {
        newest_first: false,
        until: Some(at(160)),
        ..few
    };
    assert_eq!(seqs(oldest).await, [11, 12, 13, 14]);
    let never = LedgerQuery {
        from: Some(at(1_000)),
        ..base.clone()
    };
    assert_eq!(seqs(never).await, [0; 0]);
    let missing = db.ledger_record("a", 31).await;
    assert!(matches!(missing, Err(Error::NotFound { .. })));
}

const EXTRA: Migration = Migration {
    name: "20270101_store_extra",
    sql: "CREATE TABLE extra (id BIGINT PRIMARY KEY); INSERT INTO extra VALUES (1);",
};

async fn migrations_run_once_and_refuse_what_they_do_not_know(db: Db, _: String) {
    let again = db.migrate(MIGRATIONS).await.expect("nothing to do");
    assert_eq!(again.applied, [""; 0]);
    db.check_migrated(MIGRATIONS).await.expect("current");
    let mut longer = MIGRATIONS.to_vec();
    longer.push(EXTRA);
    let old = db.check_migrated(&longer).await;
    assert!(matches!(old, Err(Error::OlderDatabase { .. })), "{old:?}");
    let report = db.migrate(&longer).await.expect("one step");
    assert_eq!(report.applied, [EXTRA.name]);
    assert_eq!(report.copy.is_some(), db.is_sqlite());
    let newer = db.migrate(MIGRATIONS).await;
    assert!(
        matches!(newer, Err(Error::NewerDatabase { .. })),
        "{newer:?}"
    );
    let mut edited = longer.clone();
    edited[3].sql = "CREATE TABLE extra (id TEXT)";
    let refused = db.migrate(&edited).await;
    assert!(
        matches!(refused, Err(Error::EditedMigration { .. })),
        "{refused:?}"
    );
    // A failing migration leaves nothing behind, not even its first statements.
    let failing = Migration {
        name: "20270102_store_failing",
        sql: "CREATE TABLE half (id BIGINT); INSERT INTO nowhere VALUES (1)",
    };
    longer.push(failing);
    let failed = db.migrate(&longer).await;
    assert!(matches!(failed, Err(Error::Migration { .. })), "{failed:?}");
    assert_eq!(db.has_table("half").await, Ok(false));
    // Another crate's list is judged by itself, the whole program's list by everything.
    let web = [Migration {
        name: "20270103_web_x",
        sql: "CREATE TABLE web_x (id BIGINT)",
    }];
    db.migrate(&web).await.expect("another area");
    let foreign = db.check_no_foreign_migrations(MIGRATIONS).await;
    assert!(matches!(foreign, Err(Error::NewerDatabase { .. })));
}

async fn two_handles_migrate_at_once(db: Db, url: String) {
    let mut longer = MIGRATIONS.to_vec();
    longer.push(EXTRA);
    let mut tasks = Vec::new();
    for _ in 0..4 {
        let (url, longer) = (url.clone(), longer.clone());
        tasks.push(tokio::spawn(async move {
            let db = Db::open(&url).await.expect("opens");
            let report = db.migrate(&longer).await.expect("migrates or waits");
            db.close().await;
            report.applied.len()
        }));
    }
    let mut applied = 0;
    for task in tasks {
        applied += task.await.expect("no panic");
    }
    assert_eq!(applied, 1);
    let rows = db.fetch_all("SELECT id FROM extra", Args::new()).await;
    assert_eq!(rows.expect("rows").len(), 1);
}
