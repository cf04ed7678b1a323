//! Archives and audits: what is whole is accepted, whatever was touched is refused.

use std::path::Path;

use jiff::Timestamp;
use mamori_kernel::ledger::{Actor, Attachment, Head, HeadText, NewRecord};
use mamori_kernel::merkle::Digest;
use mamori_store::archive::{ExportReport, ExportRequest, Refusal, export, verify};
use mamori_store::ledger::AuditProblem;
use mamori_store::{Args, Blobs, Db, Error, LedgerKey, MIGRATIONS, args};
use serde_json::json;
use tempfile::TempDir;

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(1_790_000_000_000 + ms).expect("in range")
}

/// An installation with twelve records, one per second, two attachments, personal data, an
/// erasure and a moment in which the clock had jumped back.
struct House {
    folder: TempDir,
    db: Db,
    blobs: Blobs,
    key: LedgerKey,
}

impl House {
    async fn empty() -> Self {
        let folder = tempfile::tempdir().expect("temp folder");
        let db = Db::open_path(&folder.path().join("mamori.db"))
            .await
            .expect("opens");
        db.migrate(MIGRATIONS).await.expect("migrates");
        Self {
            db,
            blobs: Blobs::new(folder.path().join("blobs")),
            key: LedgerKey::open_or_create(&folder.path().join("keys/ledger.key")).expect("key"),
            folder,
        }
    }

    async fn filled(word: &str) -> Self {
        let house = Self::empty().await;
        for n in 0..12i64 {
            let ms = if n == 6 { 0 } else { n * 10_000 };
            let mut new = NewRecord::new(
                "koko",
                at(ms),
                Actor::person("u-1"),
                "work.recorded",
                format!("O-{n:03}"),
                &json!({"n": n, "word": word, "f": 0.5}),
            )
            .expect("valid");
            if n % 5 == 1 {
                let blob = house
                    .blobs
                    .put(format!("file {n}").as_bytes())
                    .expect("put");
                new = new.attach(Attachment {
                    name: format!("{n}.txt"),
                    media_type: "text/plain".to_owned(),
                    sha256: blob.sha256,
                    size: blob.size,
                });
                let mut tx = house.db.begin_write().await.expect("tx");
                tx.record_blob(&blob, at(ms)).await.expect("noted");
                tx.commit().await.expect("commit");
            }
            if n % 4 == 2 {
                new = new.personal(&json!({"name": "見本"})).expect("object");
            }
            house.append(new).await;
        }
        let mut tx = house.db.begin_write().await.expect("tx");
        tx.erase_personal("koko", 3, "期間満了", Actor::person("u-1"), at(115_000))
            .await
            .expect("erased");
        tx.commit().await.expect("commit");
        house
    }

    async fn append(&self, new: NewRecord) {
        let mut tx = self.db.begin_write().await.expect("tx");
        tx.append(new).await.expect("append");
        tx.commit().await.expect("commit");
    }

    async fn export(&self, from: Option<i64>, until: Option<i64>) -> (ExportReport, Vec<u8>) {
        self.try_export(from, until).await.expect("exports")
    }

    async fn try_export(
        &self,
        from: Option<i64>,
        until: Option<i64>,
    ) -> Result<(ExportReport, Vec<u8>), Error> {
        let request = ExportRequest {
            contract: "koko".to_owned(),
            from: from.map(at),
            until: until.map(at),
            now: at(200_000),
        };
        let mut bytes = Vec::new();
        let work: &Path = self.folder.path();
        let report = export(&self.db, &self.blobs, &self.key, &request, work, &mut bytes).await?;
        Ok((report, bytes))
    }

    async fn head(&self, seq: u64) -> Head {
        self.db
            .ledger_record("koko", seq)
            .await
            .expect("there")
            .head()
    }

    async fn problems(&self) -> Vec<AuditProblem> {
        self.db
            .audit_ledger("koko", &self.blobs, Some(self.key.public()), None)
            .await
            .expect("audits")
            .problems
    }

    async fn tamper(&self, sql: &str) {
        let touched = self.db.execute(sql, Args::new()).await.expect("tampers");
        assert!(touched > 0, "{sql}");
    }
}

#[tokio::test]
async fn a_whole_archive_is_accepted_and_repeats_exactly() {
    let house = House::filled("a").await;
    let (report, bytes) = house.export(None, None).await;
    assert_eq!(
        (report.first_seq, report.last_seq, report.count),
        (1, 13, 13)
    );
    assert_eq!(report.size_bytes, bytes.len() as u64);
    assert_eq!(report.attachments, 3);
    let found = verify(&bytes[..], None).expect("accepted");
    assert_eq!(found.head, house.head(13).await);
    assert_eq!((found.count, found.attachments), (13, 3));
    assert_eq!(
        (found.personal, found.erasures, found.clock_jumps),
        (3, 1, 1)
    );
    assert_eq!(found.key_fingerprint, house.key.public().fingerprint());
    assert_eq!(
        house.export(None, None).await.1,
        bytes,
        "the same bytes again"
    );
    let text = String::from_utf8_lossy(&bytes);
    assert!(!text.contains("見本"), "personal data stays at home");
}

#[tokio::test]
async fn every_changed_byte_and_every_cut_is_refused() {
    let house = House::filled("a").await;
    let (_, bytes) = house.export(Some(20_000), None).await;
    verify(&bytes[..], None).expect("whole");
    std::thread::scope(|scope| {
        for part in 0..2 {
            let bytes = &bytes;
            scope.spawn(move || {
                for position in (part..bytes.len()).step_by(2) {
                    let mut changed = bytes.clone();
                    changed[position] ^= 1 << (position % 8);
                    assert!(verify(&changed[..], None).is_err(), "byte {position}");
                    assert!(verify(&bytes[..position], None).is_err(), "cut {position}");
                }
            });
        }
    });
    for extra in [&b"\0"[..], b"PK", &bytes] {
        let longer = [&bytes, extra].concat();
        assert!(verify(&longer[..], None).is_err(), "garbage behind");
        let earlier = [extra, &bytes].concat();
        assert!(verify(&earlier[..], None).is_err(), "garbage before");
    }
    assert_eq!(verify(&b""[..], None), Err(Refusal::Truncated));
}

type Entries = Vec<(String, Vec<u8>)>;

/// Reads the container without any check, as an attacker would.
fn unpack(bytes: &[u8]) -> Entries {
    let mut entries = Vec::new();
    let mut at = 0;
    while bytes[at..at + 4] == *b"PK\x03\x04" {
        let number = |from: usize, count: usize| {
            (0..count).fold(0usize, |sum, i| {
                sum | usize::from(bytes[at + from + i]) << (8 * i)
            })
        };
        let (size, name) = (number(18, 4), number(26, 2));
        let text = String::from_utf8_lossy(&bytes[at + 30..at + 30 + name]).into_owned();
        let content = at + 30 + name;
        entries.push((text, bytes[content..content + size].to_vec()));
        at = content + size;
    }
    entries
}

/// Packs entries well-formed, as an attacker with a ZIP tool of our very form would.
fn pack(entries: &[(String, Vec<u8>)]) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for (name, content) in entries {
        let mut common = vec![0u8; 6];
        common.extend(0x0021u16.to_le_bytes());
        common.extend(crc32fast::hash(content).to_le_bytes());
        common.extend((content.len() as u32).to_le_bytes());
        common.extend((content.len() as u32).to_le_bytes());
        common.extend((name.len() as u16).to_le_bytes());
        common.extend([0; 2]);
        directory.extend(b"PK\x01\x02\x14\0\x14\0");
        directory.extend(&common);
        directory.extend([0; 10]);
        directory.extend((out.len() as u32).to_le_bytes());
        directory.extend(name.as_bytes());
        out.extend(b"PK\x03\x04\x14\0");
        out.extend(&common);
        out.extend(name.as_bytes());
        out.extend(content);
    }
    let (at, length) = (out.len() as u32, directory.len() as u32);
    out.extend(directory);
    out.extend(b"PK\x05\x06\0\0\0\0");
    out.extend((entries.len() as u16).to_le_bytes());
    out.extend((entries.len() as u16).to_le_bytes());
    out.extend(length.to_le_bytes());
    out.extend(at.to_le_bytes());
    out.extend([0; 2]);
    out
}

#[tokio::test]
async fn a_repacked_container_is_refused_for_what_it_says() {
    let house = House::filled("a").await;
    let (_, bytes) = house.export(None, None).await;
    let entries = unpack(&bytes);
    assert_eq!(pack(&entries), bytes, "the test packs as the export does");
    let names: Vec<&str> = entries.iter().map(|e| e.0.as_str()).collect();
    assert_eq!((names[0], names[1]), ("manifest.json", "records.jsonl"));
    assert_eq!(names[5], "README.txt");
    let refused = |change: &dyn Fn(&mut Entries)| {
        let mut changed = entries.clone();
        change(&mut changed);
        verify(&pack(&changed)[..], None).expect_err("refused")
    };
    let lines = |change: &dyn Fn(&mut Vec<String>)| {
        refused(&|entries| {
            let text = String::from_utf8(entries[1].1.clone()).expect("text");
            let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
            change(&mut lines);
            entries[1].1 = lines
                .iter()
                .flat_map(|l| format!("{l}\n").into_bytes())
                .collect();
        })
    };
    // Order, absence and presence of entries.
    assert!(matches!(refused(&|e| e.swap(0, 1)), Refusal::EntryList(_)));
    assert!(matches!(refused(&|e| e.swap(2, 3)), Refusal::EntryList(_)));
    for index in 0..entries.len() {
        assert!(matches!(
            refused(&|e| drop(e.remove(index))),
            Refusal::EntryList(_)
        ));
        let twice = refused(&|e| e.insert(index, e[index].clone()));
        assert!(matches!(twice, Refusal::EntryList(_)), "{twice:?}");
    }
    let extra = refused(&|e| e.push(("x".to_owned(), vec![])));
    assert!(matches!(extra, Refusal::EntryList(_)));
    // Records: the size binds first, so the changes below keep it.
    assert!(matches!(lines(&|l| l.swap(3, 4)), Refusal::Order { .. }));
    assert!(matches!(
        lines(&|l| drop(l.remove(5))),
        Refusal::EntryList(_)
    ));
    let edited = lines(&|l| l[4] = l[4].replace("\"n\":4", "\"n\":5"));
    assert_eq!(edited, Refusal::Hash(5));
    let other = lines(&|l| l[4] = l[4].replace("koko", "kok0"));
    assert_eq!(other, Refusal::Contract(5));
    let spelled = lines(&|l| l[4] = l[4].replace("\"f\":0.5", "\"f\":5e1"));
    assert_eq!(spelled, Refusal::Line(5));
    // Attachment, text and manifest.
    let attachment = refused(&|e| e[2].1[0] ^= 1);
    assert!(matches!(attachment, Refusal::Digest(_)));
    assert!(matches!(refused(&|e| e[5].1[9] ^= 1), Refusal::Digest(_)));
    let manifest = |from: &str, to: &str| {
        refused(&|e| {
            let text = String::from_utf8(e[0].1.clone()).expect("text");
            assert!(text.contains(from), "{from}");
            e[0].1 = text.replacen(from, to, 1).into_bytes();
        })
    };
    let count = manifest("\"count\":13", "\"count\":12");
    assert_eq!(count, Refusal::Signature("manifest.json"));
    assert!(matches!(
        manifest("\"count\"", "\"c0unt\""),
        Refusal::Manifest(_)
    ));
    assert!(matches!(
        manifest("{\"absent\"", "{ \"absent\""),
        Refusal::Manifest(_)
    ));
    assert!(matches!(
        manifest("archive-1", "archive-2"),
        Refusal::Format(_)
    ));
    let unended = refused(&|e| {
        e[0].1.pop();
    });
    assert!(matches!(unended, Refusal::Manifest(_)));
}

#[tokio::test]
async fn heads_that_somebody_kept_decide() {
    let house = House::filled("a").await;
    let forged = House::filled("b").await;
    let (_, whole) = house.export(None, None).await;
    let (report, slice) = house.export(Some(20_000), Some(90_000)).await;
    assert_eq!((report.first_seq, report.last_seq), (3, 9));
    let (_, forgery) = forged.export(None, None).await;
    verify(&forgery[..], None).expect("a forger with a key of his own is consistent in himself");
    for seq in 1..=13u64 {
        let head = house.head(seq).await;
        for text in [head.to_string(), head.short()] {
            let kept: HeadText = text.parse().expect("head");
            let report = verify(&whole[..], Some(&kept)).expect("fits");
            assert_eq!(report.against, Some(text.clone()));
            let refusal = verify(&forgery[..], Some(&kept)).expect_err("another ledger");
            assert!(
                matches!(refusal, Refusal::AgainstHash { .. }),
                "{refusal:?}"
            );
            match verify(&slice[..], Some(&kept)) {
                Ok(_) => assert!((2..=9).contains(&seq)),
                Err(Refusal::AgainstRange { first, last, .. }) => {
                    assert!(!(2..=9).contains(&seq));
                    assert_eq!((first, last), (2, 9));
                }
                Err(other) => panic!("{other:?}"),
            }
        }
    }
    let other: HeadText = house
        .head(5)
        .await
        .to_string()
        .replace("koko", "kiki")
        .parse()
        .expect("head");
    let refusal = verify(&whole[..], Some(&other)).expect_err("another contract");
    assert!(matches!(refusal, Refusal::AgainstContract { .. }));
}

#[tokio::test]
async fn slices_join_to_the_same_signed_root() {
    let house = House::filled("a").await;
    let (_, whole) = house.export(None, None).await;
    let root = verify(&whole[..], None).expect("whole").root;
    for from in 0..12 {
        let (report, bytes) = house.export(Some(from * 10_000), None).await;
        assert_eq!(report.last_seq, 13);
        let found = verify(&bytes[..], None).expect("slice");
        assert_eq!((found.root, found.first_seq), (root, report.first_seq));
    }
    // A period without records says so and is signed; a ledger without records has no archive.
    let (report, bytes) = house.export(Some(121_000), Some(122_000)).await;
    assert_eq!((report.first_seq, report.count), (14, 0));
    assert_eq!(verify(&bytes[..], None).expect("empty period").count, 0);
    let (report, bytes) = house.export(None, Some(-1)).await;
    assert_eq!((report.first_seq, report.last_seq), (1, 0));
    verify(&bytes[..], None).expect("before the first record");
    let backwards = house.try_export(Some(90_000), Some(20_000)).await;
    assert!(matches!(backwards, Err(Error::Invalid(_))));
    let nothing = House::empty().await.try_export(None, None).await;
    assert!(matches!(nothing, Err(Error::NotFound { .. })));
}

#[tokio::test]
async fn absent_attachments_are_erased_or_refused() {
    let house = House::filled("a").await;
    let sha256 = Digest::of(b"file 6");
    let mut tx = house.db.begin_write().await.expect("tx");
    tx.record_blob_erased(&sha256, "期間満了", at(1))
        .await
        .expect("noted");
    tx.commit().await.expect("commit");
    house.blobs.remove(&sha256).expect("removed");
    let (report, bytes) = house.export(None, None).await;
    assert_eq!((report.attachments, report.absent.len()), (2, 1));
    let found = verify(&bytes[..], None).expect("erased lawfully");
    assert_eq!((found.attachments, found.attachments_erased), (2, 1));
    house.blobs.remove(&Digest::of(b"file 1")).expect("lost");
    let (_, bytes) = house.export(None, None).await;
    let lost = verify(&bytes[..], None).expect_err("lost");
    assert_eq!(lost, Refusal::AttachmentMissing(Digest::of(b"file 1")));
}

type Check = fn(&AuditProblem) -> bool;

#[tokio::test]
async fn an_audit_finds_what_was_done_to_the_tables() {
    let clean = House::filled("a").await;
    clean.export(None, None).await;
    let audit = clean
        .db
        .audit_ledger("koko", &clean.blobs, Some(clean.key.public()), None)
        .await
        .expect("audits");
    assert!(audit.is_intact(), "{:?}", audit.problems);
    assert_eq!((audit.count, audit.checkpoints), (13, 1));
    assert_eq!((audit.personal_kept, audit.personal_erased), (2, 1));
    assert_eq!((audit.attachments, audit.clock_jumps), (3, 1));

    let cases: [(&str, Check); 12] = [
        (
            "UPDATE ledger_record SET subject = 'x' WHERE seq = 4",
            |p| *p == AuditProblem::Hash { seq: 4 },
        ),
        (
            "UPDATE ledger_record SET payload = '{ }' WHERE seq = 4",
            |p| matches!(p, AuditProblem::Unreadable { seq: 4, .. }),
        ),
        ("UPDATE ledger_record SET hash = prev WHERE seq = 4", |p| {
            *p == AuditProblem::Link { seq: 5 }
        }),
        ("UPDATE ledger_record SET at_ms = 0 WHERE seq = 4", |p| {
            *p == AuditProblem::Clock { seq: 4 }
        }),
        ("DELETE FROM ledger_record WHERE seq = 4", |p| {
            *p == AuditProblem::MissingRecord { seq: 4 }
        }),
        ("DELETE FROM ledger_record WHERE seq = 13", |p| {
            *p == AuditProblem::MissingRecord { seq: 13 }
        }),
        ("UPDATE ledger_head SET seq = 12", |p| {
            *p == AuditProblem::Head
        }),
        ("UPDATE ledger_head SET seq = 12", |p| {
            *p == AuditProblem::Beyond
        }),
        ("UPDATE ledger_checkpoint SET at_ms = 0", |p| {
            *p == AuditProblem::Checkpoint { size: 13 }
        }),
        ("DELETE FROM ledger_personal WHERE seq = 7", |p| {
            *p == AuditProblem::PersonalMissing { seq: 7 }
        }),
        (
            "UPDATE ledger_personal SET body = '{}' WHERE seq = 7",
            |p| *p == AuditProblem::PersonalChanged { seq: 7 },
        ),
        ("UPDATE ledger_head SET peaks = ''", |p| {
            *p == AuditProblem::Head
        }),
    ];
    for (sql, expected) in cases {
        let house = House::filled("a").await;
        house.export(None, None).await;
        house.tamper(sql).await;
        let problems = house.problems().await;
        assert!(problems.iter().any(expected), "{sql}: {problems:?}");
    }
    let house = House::filled("a").await;
    let path = house.blobs.path(&Digest::of(b"file 1"));
    std::fs::write(path, "changed").expect("tampers");
    house.blobs.remove(&Digest::of(b"file 6")).expect("loses");
    let problems = house.problems().await;
    assert!(matches!(problems[..], [_, _]), "{problems:?}");
    // A broken chain is not exported.
    house
        .tamper("UPDATE ledger_record SET subject = 'x' WHERE seq = 4")
        .await;
    let refused = house.try_export(None, None).await;
    assert!(matches!(refused, Err(Error::BrokenLedger(_))));
}

#[tokio::test]
async fn truncating_the_chain_below_a_checkpoint_shows() {
    let house = House::filled("a").await;
    house.export(None, None).await;
    let (_, earlier) = house.export(None, Some(50_000)).await;
    let old = verify(&earlier[..], None).expect("whole").head;
    // Somebody rewinds the whole database to record 5, consistently.
    let range = house
        .db
        .ledger_compact_range("koko", 5)
        .await
        .expect("range");
    let peaks: String = range.peaks().iter().map(|p| p.to_hex()).collect();
    house
        .tamper("DELETE FROM ledger_record WHERE seq > 5")
        .await;
    house
        .db
        .execute(
            "UPDATE ledger_head SET seq = 5, hash = $1, peaks = $2",
            args![old.hash, peaks],
        )
        .await
        .expect("tampers");
    let problems = house.problems().await;
    // The erasure of record 3 was recorded in what was cut off.
    assert_eq!(
        problems,
        [
            AuditProblem::Checkpoint { size: 13 },
            AuditProblem::PersonalMissing { seq: 3 }
        ]
    );
}

#[tokio::test]
async fn records_are_proved_one_by_one_and_trees_extend() {
    // More than one stored node (4,096 records), so that nodes and single records meet.
    let house = House::empty().await;
    let mut tx = house.db.begin_write().await.expect("tx");
    for batch in 0..9 {
        let records = (0..1_000)
            .map(|n| {
                NewRecord::new(
                    "koko",
                    at(batch),
                    Actor::job("j"),
                    "k",
                    "s",
                    &json!({"n": n}),
                )
                .expect("valid")
            })
            .collect();
        tx.append_all(records).await.expect("append");
    }
    tx.commit().await.expect("commit");
    let root = house
        .db
        .ledger_compact_range("koko", 9_000)
        .await
        .expect("range")
        .root();
    for seq in [1, 2, 4_095, 4_096, 4_097, 8_192, 8_193, 9_000] {
        let proof = house
            .db
            .ledger_inclusion_proof("koko", seq, 9_000)
            .await
            .expect("proof");
        assert_eq!(proof.root, root);
        assert!(proof.holds(), "{seq}");
        let record = house.db.ledger_record("koko", seq).await.expect("record");
        assert_eq!(
            proof.leaf,
            mamori_kernel::merkle::leaf_hash(record.hash.as_bytes())
        );
        let mut other = proof.clone();
        other.seq ^= 1;
        assert!(!other.holds());
    }
    for old in [1, 4_096, 5_000, 8_192, 9_000] {
        let old_root = house
            .db
            .ledger_compact_range("koko", old)
            .await
            .expect("range")
            .root();
        let path = house
            .db
            .ledger_consistency_proof("koko", old, 9_000)
            .await
            .expect("path");
        assert!(mamori_kernel::merkle::verify_consistency(
            old, 9_000, &path, old_root, root
        ));
    }
    let none = house.db.ledger_inclusion_proof("koko", 9_001, 9_000).await;
    assert!(matches!(none, Err(Error::NotFound { .. })));
    assert_eq!(house.problems().await, []);
    house
        .tamper("UPDATE ledger_node SET hash = contract WHERE idx = 1")
        .await;
    let unreadable = house
        .db
        .audit_ledger("koko", &house.blobs, None, None)
        .await;
    assert!(matches!(unreadable, Err(Error::Corrupt { .. })));
    let zero = Digest::ZERO;
    house
        .tamper(&format!(
            "UPDATE ledger_node SET hash = '{zero}' WHERE idx = 1"
        ))
        .await;
    assert_eq!(house.problems().await, [AuditProblem::Node { index: 1 }]);
}
