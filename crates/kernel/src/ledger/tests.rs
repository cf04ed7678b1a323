use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::merkle::leaf_hash;

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(ms).expect("in range")
}

fn sample() -> NewRecord {
    NewRecord::new(
        "kokoshelju-r8",
        at(1_774_969_200_000),
        Actor::person("u-1"),
        "work.recorded",
        "O-012",
        &json!({"minutes": 90, "event": "「お知らせ」の更新"}),
    )
    .expect("valid")
}

#[test]
fn the_encoding_never_changes() {
    // A fixed example: if this digest changes, every ledger in the field stops verifying.
    let first = Record::chain(sample(), 1, Digest::ZERO, None, None);
    let second = Record::chain(
        sample()
            .version(2)
            .attach(Attachment {
                name: "写真.png".to_owned(),
                media_type: "image/png".to_owned(),
                sha256: Digest::of(b"picture"),
                size: 7,
            })
            .personal(&json!({"name": "見本 花子"}))
            .expect("valid"),
        2,
        first.hash,
        Some(at(1_774_969_300_000)),
        Some(Digest::of(b"salted")),
    );
    assert_eq!(
        (first.hash.to_hex().as_str(), second.hash.to_hex().as_str()),
        (
            "3f4346fc7f823d66f09e568c556f03251a84f9c6ffd32d7ec760f94d542f386d",
            "73ad9897297309c045393fdf189753e5a157da5bab0d0b35c227d54f4f315681"
        )
    );
    assert_eq!(
        leaf_hash(first.hash.as_bytes()).to_hex(),
        "42603cd3b048c2c87f8390dbb25a9f402d5e972a015f5f5dc55a989de2201b7f"
    );
}

#[test]
fn every_field_is_covered_by_the_hash() {
    let base = Record::chain(
        sample().attach(Attachment {
            name: "a.txt".to_owned(),
            media_type: "text/plain".to_owned(),
            sha256: Digest::of(b"a"),
            size: 1,
        }),
        5,
        Digest::of(b"prev"),
        Some(at(1_774_969_300_000)),
        Some(Digest::of(b"p")),
    );
    assert!(base.observed.is_some());
    let changes: Vec<fn(&mut Record)> = vec![
        |r| r.contract.push('x'),
        |r| r.seq += 1,
        |r| r.at = at(r.at.as_millisecond() + 1),
        |r| r.observed = None,
        |r| r.observed = Some(at(0)),
        |r| r.actor.kind = ActorKind::Job,
        |r| r.actor.id.push('x'),
        |r| r.kind.push('x'),
        |r| r.version += 1,
        |r| r.subject.push('x'),
        |r| r.payload = Canonical::parse("{}").expect("object"),
        |r| r.attachments.clear(),
        |r| r.attachments[0].name.push('x'),
        |r| r.attachments[0].media_type.push('x'),
        |r| r.attachments[0].size += 1,
        |r| r.attachments[0].sha256 = Digest::ZERO,
        |r| r.personal = None,
        |r| r.prev = Digest::ZERO,
    ];
    for (index, change) in changes.into_iter().enumerate() {
        let mut other = base.clone();
        change(&mut other);
        assert_ne!(other.compute_hash(), base.hash, "change {index}");
    }
    // Moving a byte between neighbouring texts must not give the same encoding.
    let mut moved = base.clone();
    moved.kind = format!("{}O", base.kind);
    moved.subject = base.subject[1..].to_owned();
    assert_ne!(moved.compute_hash(), base.hash);
}

#[test]
fn a_clock_that_is_behind_is_recorded_not_refused() {
    let before = at(1_000_000);
    let mut new = sample();
    new.at = at(900_000);
    let record = Record::chain(new, 2, Digest::ZERO, Some(before), None);
    assert_eq!(record.at, before);
    assert_eq!(record.observed, Some(at(900_000)));
    assert_eq!(record.clock_jump_ms(), Some(100_000));

    let mut new = sample();
    new.at = at(999_000);
    let record = Record::chain(new, 2, Digest::ZERO, Some(before), None);
    assert_eq!(record.observed, Some(at(999_000)));
    assert_eq!(record.clock_jump_ms(), None, "concurrent writers overtake");
}

#[test]
fn records_with_broken_fields_are_refused() {
    let valid = sample();
    let broken: Vec<fn(&mut NewRecord)> = vec![
        |r| r.contract = "Über".to_owned(),
        |r| r.contract = String::new(),
        |r| r.contract = "a:b".to_owned(),
        |r| r.contract = "-a".to_owned(),
        |r| r.kind = String::new(),
        |r| r.kind = "a b".to_owned(),
        |r| r.subject = "a\nb".to_owned(),
        |r| r.subject = "x".repeat(501),
        |r| r.actor.id = String::new(),
        |r| r.version = 0,
        |r| r.payload = Canonical::parse("[]").expect("json"),
        |r| r.dedup = Some(String::new()),
    ];
    for (index, breaking) in broken.into_iter().enumerate() {
        let mut record = valid.clone();
        breaking(&mut record);
        assert!(record.validate().is_err(), "case {index}");
    }
    assert!(matches!(
        NewRecord::new("c", at(0), Actor::job("j"), "k", "s", &json!(3)),
        Err(LedgerError::Json {
            field: "payload",
            ..
        })
    ));
}

#[test]
fn heads_print_and_parse() {
    let head = Record::chain(sample(), 7, Digest::of(b"x"), None, None).head();
    let full: HeadText = head.to_string().parse().expect("full form");
    assert_eq!(full, HeadText::from(&head));
    assert_eq!(full.to_string(), head.to_string());
    let short: HeadText = head.short().parse().expect("short form");
    assert_eq!((short.seq, short.hex().len()), (7, SHORT_HEX_DIGITS));
    assert_eq!(short.check("kokoshelju-r8", &head.hash), Ok(()));
    assert_eq!(
        short.check("kokoshelju-r8", &Digest::ZERO),
        Err(HeadMismatch::Hash)
    );
    assert_eq!(
        short.check("other", &head.hash),
        Err(HeadMismatch::Contract)
    );
    let hex_upper = head.short().to_uppercase();
    let typed = format!(
        "  {}\n",
        hex_upper.replacen("MAMORI1:KOKOSHELJU-R8", "mamori1:kokoshelju-r8", 1)
    );
    assert_eq!(typed.parse::<HeadText>().as_ref(), Ok(&short));
    for refused in [
        "",
        "mamori1:",
        "mamori2:a:1:000000000000000000000000",
        "mamori1:a:1:0000",
        "mamori1:a:01:000000000000000000000000",
        "mamori1:a:+1:000000000000000000000000",
        "mamori1:a:1:00000000000000000000000g",
        "mamori1:a:1:000000000000000000000000:x",
        "mamori1:A:1:000000000000000000000000",
        "mamori1:a:18446744073709551616:000000000000000000000000",
    ] {
        assert!(refused.parse::<HeadText>().is_err(), "{refused}");
    }
}

#[test]
fn actors_print_and_parse() {
    for actor in [
        Actor::person("u-1"),
        Actor::job("a:b"),
        Actor::machine("probe"),
    ] {
        assert_eq!(actor.to_string().parse::<Actor>(), Ok(actor));
    }
    for refused in ["", "person", "person:", "robot:x", "job:a\nb"] {
        assert!(refused.parse::<Actor>().is_err(), "{refused}");
    }
}

fn any_record() -> impl Strategy<Value = Record> {
    let text = "[^\\p{C}]{1,12}";
    let attachment = (text, text, any::<[u8; 32]>(), any::<u64>()).prop_map(
        |(name, media_type, sha256, size)| Attachment {
            name,
            media_type,
            sha256: Digest::from_bytes(sha256),
            size,
        },
    );
    (
        (any::<u64>(), -1_000_000i64..4_000_000_000_000, any::<u32>()),
        proptest::option::of(-1_000_000i64..4_000_000_000_000),
        // Any text at all, control characters included: the line must carry it.
        (
            any::<String>(),
            any::<String>(),
            any::<String>(),
            any::<String>(),
        ),
        proptest::collection::vec((any::<String>(), any::<i64>()), 0..4),
        proptest::collection::vec(attachment, 0..3),
        proptest::option::of(any::<[u8; 32]>()),
    )
        .prop_map(
            |((seq, ms, version), observed, texts, members, attachments, personal)| {
                let payload: serde_json::Map<String, serde_json::Value> =
                    members.into_iter().map(|(k, v)| (k, v.into())).collect();
                let mut record = Record {
                    contract: texts.0,
                    seq,
                    at: at(ms),
                    observed: observed.map(at),
                    actor: Actor::machine(texts.1),
                    kind: texts.2,
                    version,
                    subject: texts.3,
                    payload: Canonical::from_value(&payload.into()).expect("object"),
                    attachments,
                    personal: personal.map(Digest::from_bytes),
                    prev: Digest::of(b"prev"),
                    hash: Digest::ZERO,
                };
                record.hash = record.compute_hash();
                record
            },
        )
}

proptest! {
    #[test]
    fn a_line_reads_back_to_the_same_fields_and_hash(record in any_record()) {
        let text = record.to_line();
        let line = Line::parse(text.as_bytes()).expect("own line");
        prop_assert_eq!(line.fields(), record.fields());
        prop_assert_eq!((line.prev, line.hash), (record.prev, record.hash));
        prop_assert_eq!(record_hash(&line.prev, &line.fields(), &mut Vec::new()), record.hash);
        // A line is canonical JSON, so that ordinary tools read it.
        prop_assert!(Canonical::from_canonical(text).is_ok());
    }

    #[test]
    fn a_changed_byte_changes_the_hash_or_is_refused(
        record in any_record(), position in any::<prop::sample::Index>(), byte in any::<u8>(),
    ) {
        let text = record.to_line().into_bytes();
        let mut changed = text.clone();
        let position = position.index(changed.len());
        changed[position] = byte;
        if changed != text && let Ok(line) = Line::parse(&changed) {
            let hash = record_hash(&line.prev, &line.fields(), &mut Vec::new());
            prop_assert!(hash != line.hash || line.hash != record.hash);
        }
    }

    #[test]
    fn hostile_lines_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Line::parse(&bytes);
    }
}
