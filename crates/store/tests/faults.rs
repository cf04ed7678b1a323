//! What happens when the machine does not play along: a full disk, a lock that stays, an old, a
//! newer, a damaged or a foreign file. The message must say what to do, and nothing may be lost.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use mamori_kernel::ledger::{Actor, NewRecord};
use mamori_store::{Args, Blobs, Db, Error, Ledger, MIGRATIONS, Migration};
use serde_json::json;

fn record(n: i64, filler: usize) -> NewRecord {
    NewRecord::new(
        "a",
        Timestamp::from_millisecond(1_790_000_000_000 + n).expect("in range"),
        Actor::job("test"),
        "k",
        "s",
        &json!({"n": n, "filler": "x".repeat(filler)}),
    )
    .expect("valid")
}

async fn open(path: &Path) -> Db {
    let db = Db::open_path(path).await.expect("opens");
    db.migrate(MIGRATIONS).await.expect("migrates");
    db
}

async fn assert_intact(db: &Db, records: u64) {
    let audit = db
        .audit_ledger("a", &Blobs::new("none"), None, None)
        .await
        .expect("audits");
    assert!(audit.is_intact(), "{:?}", audit.problems);
    assert_eq!(audit.count, records);
}

/// Appends through the ledger until it is refused; returns what was acknowledged and the refusal.
async fn append_until_refused(db: &Db) -> (u64, Error) {
    let (ledger, _task) = Ledger::start(db.clone());
    for n in 0..10_000 {
        if let Err(error) = ledger.append(record(n, 4_000)).await {
            return (n as u64, error);
        }
    }
    panic!("the disk never filled up");
}

#[tokio::test]
async fn a_full_database_refuses_and_loses_nothing() {
    let folder = tempfile::tempdir().expect("temp folder");
    let db = open(&folder.path().join("m.db")).await;
    // SQLite answers SQLITE_FULL for its own limit as it does for a full disk.
    db.execute("PRAGMA max_page_count = 200", Args::new())
        .await
        .expect("limited");
    let (acknowledged, refusal) = append_until_refused(&db).await;
    assert!(matches!(refusal, Error::DiskFull { .. }), "{refusal:?}");
    assert!(refusal.to_string().contains("空きを作って"), "{refusal}");
    assert!(acknowledged > 10);
    assert_intact(&db, acknowledged).await;
    // With space again, the same handle goes on.
    db.execute("PRAGMA max_page_count = 100000", Args::new())
        .await
        .expect("unlimited");
    let (ledger, _task) = Ledger::start(db.clone());
    ledger.append(record(1, 10)).await.expect("goes on");
    assert_intact(&db, acknowledged + 1).await;
}

/// A file system of its own that is really full; needs the right to mount (root).
#[tokio::test]
async fn a_full_disk_refuses_and_loses_nothing() {
    struct Mounted<'p>(&'p Path);
    impl Drop for Mounted<'_> {
        fn drop(&mut self) {
            let _ = Command::new("umount").arg("-l").arg(self.0).status();
        }
    }
    let folder = tempfile::tempdir().expect("temp folder");
    let disk = folder.path().join("disk");
    std::fs::create_dir(&disk).expect("folder");
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=2m", "tmpfs"])
        .arg(&disk)
        .output();
    if !mounted.is_ok_and(|output| output.status.success()) {
        eprintln!("******** SKIPPED: no right to mount a small disk ********");
        return;
    }
    let _unmount = Mounted(&disk);
    let db = open(&disk.join("m.db")).await;
    let (acknowledged, refusal) = append_until_refused(&db).await;
    assert!(matches!(refusal, Error::DiskFull { .. }), "{refusal:?}");
    assert!(acknowledged > 10);
    let blob = Blobs::new(disk.join("blobs")).put(&vec![1u8; 3_000_000]);
    assert!(matches!(blob, Err(Error::DiskFull { .. })), "{blob:?}");
    assert_intact(&db, acknowledged).await;
    db.close().await;
    // A new process on the still full disk reads everything.
    let db = Db::open_path(&disk.join("m.db")).await.expect("opens");
    assert_intact(&db, acknowledged).await;
    db.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_that_stays_is_reported_and_a_short_one_is_waited_for() {
    let folder = tempfile::tempdir().expect("temp folder");
    let path = folder.path().join("m.db");
    let db = open(&path).await;
    let other = Db::open_path(&path).await.expect("second handle");
    let held = other.begin_write().await.expect("the other holds the lock");
    let release = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(300)).await;
        drop(held);
    });
    let mut tx = db.begin_write().await.expect("waits for a short lock");
    tx.append(record(1, 1)).await.expect("append");
    tx.commit().await.expect("commit");
    release.await.expect("no panic");

    let held = other.begin_write().await.expect("lock");
    let started = Instant::now();
    let refusal = db.begin_write().await.expect_err("a lock that stays");
    assert!(started.elapsed() >= Duration::from_secs(5), "it waited");
    assert!(matches!(refusal, Error::Busy { .. }), "{refusal:?}");
    assert!(refusal.is_retryable());
    assert!(refusal.to_string().contains("使用中"), "{refusal}");
    // Reading goes on meanwhile.
    assert_intact(&db, 1).await;
    drop(held);
    let mut tx = db.begin_write().await.expect("free again");
    tx.append(record(2, 1)).await.expect("append");
    tx.commit().await.expect("commit");
    assert_intact(&db, 2).await;
}

#[tokio::test]
async fn old_and_newer_databases_are_told_apart() {
    let folder = tempfile::tempdir().expect("temp folder");
    let path = folder.path().join("m.db");
    let db = Db::open_path(&path).await.expect("opens");
    db.migrate(&MIGRATIONS[..1]).await.expect("an old database");
    let old = db.check_migrated(MIGRATIONS).await.expect_err("old");
    assert!(old.to_string().contains("移行が要ります"), "{old}");
    let report = db.migrate(MIGRATIONS).await.expect("migrates");
    let copy = Db::open_path(&report.copy.expect("a copy"))
        .await
        .expect("the copy is a database");
    assert_eq!(copy.has_table("ledger_record").await, Ok(false));
    assert_eq!(copy.has_table("schema_migration").await, Ok(true));
    let mut future = MIGRATIONS.to_vec();
    future.push(Migration {
        name: "20991231_store_future",
        sql: "CREATE TABLE future (id BIGINT)",
    });
    db.migrate(&future).await.expect("a later program");
    let newer = db.migrate(MIGRATIONS).await.expect_err("newer");
    let text = newer.to_string();
    assert!(text.contains("20991231_store_future"), "{text}");
    assert!(text.contains("新しい版に更新"), "{text}");
}

#[tokio::test]
async fn damaged_and_foreign_files_are_refused() {
    let folder = tempfile::tempdir().expect("temp folder");
    let foreign = folder.path().join("foreign.db");
    std::fs::write(&foreign, "これはデータベースではありません。".repeat(500)).expect("write");
    let refusal = Db::open_path(&foreign).await.expect_err("no database");
    assert!(matches!(refusal, Error::Corrupt { .. }), "{refusal:?}");
    assert!(refusal.to_string().contains("バックアップ"), "{refusal}");

    let path = folder.path().join("m.db");
    let db = open(&path).await;
    let mut tx = db.begin_write().await.expect("tx");
    let many = (0..500).map(|n| record(n, 200)).collect();
    tx.append_all(many).await.expect("append");
    tx.commit().await.expect("commit");
    db.wipe_deleted().await.expect("checkpointed");
    db.close().await;
    let mut bytes = std::fs::read(&path).expect("read");
    for byte in &mut bytes[8_192..200_000] {
        *byte = 0xa5;
    }
    std::fs::write(&path, bytes).expect("damage");
    let outcome = async {
        let db = Db::open_path(&path).await?;
        db.audit_ledger("a", &Blobs::new("none"), None, None).await
    }
    .await;
    match outcome {
        Err(error) => assert!(matches!(error, Error::Corrupt { .. }), "{error:?}"),
        Ok(audit) => assert!(!audit.is_intact()),
    }

    for url in [
        "mysql://x",
        "sqlite:",
        "sqlite::memory:",
        "postgres://127.0.0.1:1/x",
    ] {
        let refusal = Db::open(url).await.expect_err(url);
        assert!(
            matches!(
                refusal,
                Error::CannotOpen { .. } | Error::Unavailable { .. }
            ),
            "{url}: {refusal:?}"
        );
    }
    let file = folder.path().join("file");
    std::fs::write(&file, "").expect("write");
    let refusal = Db::open_path(&file.join("m.db"))
        .await
        .expect_err("no folder");
    assert!(matches!(refusal, Error::File { .. }), "{refusal:?}");
}

/// A commit goes to the log; the checkpointer brings it into the file although nobody writes any
/// more, the log stays far below what would make a writer do it, and nobody closes the database.
#[tokio::test]
async fn the_log_reaches_the_file_beside_the_writers() {
    let folder = tempfile::tempdir().expect("temp folder");
    let path = folder.path().join("mamori.db");
    let db = open(&path).await;
    let (ledger, _task) = Ledger::start(db.clone());
    for n in 0..3 {
        ledger.append(record(n, 10)).await.expect("kept");
    }
    let waited = Instant::now();
    loop {
        // Without its log a file shows what was brought into it, and nothing else; a copy made in
        // the middle of that may be no database.
        let copy = folder
            .path()
            .join(format!("{}.db", waited.elapsed().as_micros()));
        std::fs::copy(&path, &copy).expect("copied");
        if let Ok(file) = Db::open_path(&copy).await {
            let head = file.ledger_head("a").await.ok().flatten();
            file.close().await;
            if head.is_some_and(|head| head.seq == 3) {
                break;
            }
        }
        assert!(
            waited.elapsed() < Duration::from_secs(20),
            "still in the log"
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_intact(&db, 3).await;
}
