//! The ledger on a fresh data directory, as an auditor tries it.

use std::path::{Path, PathBuf};

use mamori_e2e::Home;
use mamori_testkit::PrivatePostgres;
use serde_json::json;

/// Appends records `1..=count`; each is a person's record of the kind that every installation knows.
fn append(home: &Home, count: u32) {
    for number in 1..=count {
        let payload = json!({ "obligation": "O-001", "title": "点検", "note": format!("{number} 回目"), "day": "2026-10-01" });
        home.run(&[
            "ledger",
            "append",
            "--kind",
            "record.filed",
            "--subject",
            "O-001",
            "--payload",
            &payload.to_string(),
        ])
        .good();
    }
}

fn export(home: &Home, name: &str) -> PathBuf {
    let file = home.path().join(name);
    home.run(&["ledger", "export", "--out", file.to_str().expect("ASCII")])
        .good();
    file
}

/// Verifies somewhere else: another home knows nothing of the first one's key or database.
fn verify(file: &Path, more: &[&str]) -> mamori_e2e::Ran {
    let mut arguments = vec!["ledger", "verify", file.to_str().expect("ASCII")];
    arguments.extend(more);
    Home::new().run(&arguments)
}

#[test]
fn what_was_appended_is_exported_and_verified_elsewhere() {
    exported_and_verified(&Home::new());
}

#[test]
fn the_same_on_postgresql() {
    let Some(server) = PrivatePostgres::shared() else {
        return;
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime starts");
    let url = runtime.block_on(server.fresh_database());
    let home = Home::on(&url);
    exported_and_verified(&home);
    assert!(
        !home.data().join("mamori.db").exists(),
        "nothing was written to SQLite"
    );
}

fn exported_and_verified(home: &Home) {
    append(home, 3);
    let file = export(home, "a.zip");
    let said = verify(&file, &[]).good();
    assert!(
        said.contains('3'),
        "it says how many records it saw: {said}"
    );
    assert_eq!(
        std::fs::read(&file).expect("written"),
        std::fs::read(export(home, "b.zip")).expect("written"),
        "the same content makes the same bytes"
    );
}

#[test]
fn any_changed_byte_is_refused() {
    let home = Home::new();
    append(&home, 3);
    let file = export(&home, "a.zip");
    let bytes = std::fs::read(&file).expect("written");
    let step = (bytes.len() / 60).max(1);
    let places = (0..bytes.len()).step_by(step).chain([bytes.len() - 1]);
    let changed = home.path().join("changed.zip");
    for place in places {
        let mut copy = bytes.clone();
        copy[place] ^= 1;
        std::fs::write(&changed, copy).expect("written");
        verify(&changed, &[]).bad();
    }
}

#[test]
fn a_shortened_or_lengthened_file_is_refused() {
    let home = Home::new();
    append(&home, 2);
    let bytes = std::fs::read(export(&home, "a.zip")).expect("written");
    let changed = home.path().join("changed.zip");
    for content in [
        &bytes[..bytes.len() - 1],
        &[&bytes[..], b"\n"].concat(),
        b"",
    ] {
        std::fs::write(&changed, content).expect("written");
        verify(&changed, &[]).bad();
    }
}

#[test]
fn a_head_from_paper_decides() {
    let home = Home::new();
    append(&home, 2);
    let file = export(&home, "a.zip");
    let heads = home.run(&["ledger", "head", "--json"]).json();
    let head = heads[0]["head"]
        .as_str()
        .expect("the head as it is printed");
    verify(&file, &["--against", head]).good();

    let (before, hash) = head.rsplit_once(':').expect("mamori1:CONTRACT:SEQ:HEX");
    let other: String = hash
        .chars()
        .map(|c| if c == '0' { '1' } else { '0' })
        .collect();
    verify(&file, &["--against", &format!("{before}:{other}")]).bad();

    // What was kept on paper earlier still holds after more was written.
    append(&home, 1);
    verify(&export(&home, "later.zip"), &["--against", head]).good();
}

#[test]
fn a_payload_that_is_no_json_object_is_refused_and_nothing_is_written() {
    let home = Home::new();
    append(&home, 1);
    for payload in ["{", "[1]", "\"x\""] {
        home.run(&[
            "ledger",
            "append",
            "--kind",
            "record.filed",
            "--subject",
            "O-001",
            "--payload",
            payload,
        ])
        .bad();
    }
    let said = verify(&export(&home, "a.zip"), &["--json"]).json();
    assert_eq!(said[0]["count"], 1, "{said:?}");
}
