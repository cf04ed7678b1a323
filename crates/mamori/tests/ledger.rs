//! The ledger from the command line, as a new user and as the city run it: the real binary, a
//! fresh data directory, no configuration.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

struct User {
    folder: TempDir,
}

impl User {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().expect("temp folder"),
        }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mamori"));
        command
            .arg("ledger")
            .args(arguments)
            .current_dir(self.path())
            .env_clear()
            .env("MAMORI_DATA_DIR", self.path().join("data"));
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("the binary runs")
    }

    /// Runs with `--json`, expects an exit code and returns what was printed.
    fn json(&self, code: i32, arguments: &[&str]) -> Value {
        let output = self.run(&[arguments, &["--json"]].concat());
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(
            output.status.code(),
            Some(code),
            "{arguments:?}: {text} {}",
            String::from_utf8_lossy(&output.stderr)
        );
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {text}"))
    }

    fn append(&self, subject: &str) -> Value {
        let arguments = ["append", "--kind", "test.note", "--subject", subject];
        self.json(
            0,
            &[&arguments[..], &["--payload", r#"{"b":1,"a":"あ"}"#]].concat(),
        )
    }
}

#[test]
fn a_fresh_directory_appends_exports_and_verifies_at_once() {
    let user = User::new();
    let first = user.append("S1");
    assert_eq!(first["seq"], 1);
    assert_eq!(first["contract"], "default");
    let second = user.append("S2");
    assert_eq!(second["prev"], first["hash"]);
    let exported = user.json(0, &["export", "--out", "e.zip"]);
    assert_eq!(exported["count"], 2);

    // The city's machine: only the file.
    let city = User::new();
    std::fs::copy(user.path().join("e.zip"), city.path().join("e.zip")).expect("copied");
    let report = city.json(0, &["verify", "e.zip"]);
    assert_eq!(report["head"], second["head"]);
    assert!(
        !city.path().join("data").exists(),
        "verifying leaves nothing"
    );
    let head = second["head"].as_str().expect("text");
    city.json(0, &["verify", "e.zip", "--against", head]);
    let short = user.json(0, &["head"])[0]["short"].clone();
    let short = short.as_str().expect("text");
    city.json(0, &["verify", "e.zip", "--against", short]);
    let wrong = format!(
        "{}{}",
        &short[..short.len() - 1],
        u8::from(short.ends_with('0'))
    );
    let refusal = city.json(1, &["verify", "e.zip", "--against", &wrong]);
    assert_eq!(refusal["code"], "against_hash");
    let later = head.replace(":2:", ":3:");
    let refusal = city.json(1, &["verify", "e.zip", "--against", &later]);
    assert_eq!(refusal["code"], "against_range");
    let other = head.replace("default", "other");
    let refusal = city.json(1, &["verify", "e.zip", "--against", &other]);
    assert_eq!(refusal["code"], "against_contract");
    assert_eq!(
        city.run(&["verify", "e.zip", "--against", "x"])
            .status
            .code(),
        Some(2)
    );
    assert_eq!(city.run(&["verify", "none.zip"]).status.code(), Some(2));

    let mut bytes = std::fs::read(city.path().join("e.zip")).expect("read");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(city.path().join("e.zip"), bytes).expect("changed");
    let output = city.run(&["verify", "e.zip"]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(text.contains("拒否しました"), "{text}");
}

#[test]
fn wrong_input_is_refused_with_its_place_and_writes_nothing() {
    let user = User::new();
    let append = ["append", "--kind", "k", "--subject", "s", "--payload"];
    let output = user.run(&[&append[..], &["{\"a\":1,}"]].concat());
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(text.contains("line 1 column 8"), "{text}");
    for (option, value) in [
        ("--payload", "[1]"),
        ("--payload", r#"{"a":1,"a":2}"#),
        ("--payload", r#"{"a":123456789012345678901234567890}"#),
        ("--actor", "nobody"),
        ("--attach", "missing.txt"),
        ("--contract", "A B"),
        ("--personal", "3"),
    ] {
        let arguments = ["append", "--kind", "k", "--subject", "s", option, value];
        assert_eq!(
            user.run(&arguments).status.code(),
            Some(2),
            "{option} {value}"
        );
    }
    let spaced = ["append", "--kind", "a b", "--subject", "s"];
    assert_eq!(user.run(&spaced).status.code(), Some(2));
    assert_eq!(user.json(1, &["show"])["code"], "not_found");
    assert_eq!(
        user.json(1, &["export", "--out", "e.zip"])["code"],
        "not_found"
    );
    assert_eq!(user.json(1, &["verify"])["code"], "not_found");
    assert!(!user.path().join("e.zip").exists());
}

#[test]
fn standard_input_attachments_dedup_proofs_and_periods() {
    let user = User::new();
    std::fs::write(user.path().join("写真.png"), "picture").expect("file");
    let arguments = [
        "append",
        "--kind",
        "k",
        "--subject",
        "s",
        "--payload",
        "-",
        "--attach",
        "写真.png",
        "--personal",
        r#"{"name":"見本"}"#,
        "--dedup",
        "once",
        "--actor",
        "person:u-1",
        "--json",
    ];
    let append = || {
        let mut child = user
            .command(&arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("runs");
        let mut input = child.stdin.take().expect("piped");
        input.write_all(b"{\"from\":\"stdin\"}").expect("written");
        drop(input);
        let output = child.wait_with_output().expect("ends");
        assert!(output.status.success());
        serde_json::from_slice::<Value>(&output.stdout).expect("JSON")
    };
    let first = append();
    assert_eq!(first["attachments"][0]["media_type"], "image/png");
    assert_eq!(first["existed"], false);
    assert_eq!(append()["existed"], true);
    user.append("t");
    let shown = user.json(0, &["show", "--seq", "1", "--proof"]);
    assert_eq!(shown["payload"]["from"], "stdin");
    assert_eq!(shown["personal_kept"], true);
    assert_eq!(shown["proof"]["inclusion"]["size"], 2);
    let listed = user.json(0, &["show", "--subject", "t"]);
    assert_eq!(listed.as_array().map(Vec::len), Some(1));
    let past = user.json(0, &["export", "--to", "2000-01", "--out", "past.zip"]);
    assert_eq!(past["count"], 0);
    user.json(0, &["verify", "past.zip"]);
    let all = user.json(0, &["export", "--from", "2000-01-01", "--out", "all.zip"]);
    assert_eq!((&all["count"], &all["attachments"]), (&2.into(), &1.into()));
    user.json(0, &["erase", "--seq", "1", "--reason", "期間満了"]);
    let audit = user.json(0, &["verify"]);
    assert_eq!(audit["ledgers"][0]["personal_erased"], 1);
    assert_eq!(
        user.json(1, &["erase", "--seq", "1", "--reason", "x"])["code"],
        "not_found"
    );
    assert_eq!(
        user.run(&["show", "--from", "yesterday"]).status.code(),
        Some(2)
    );
}

#[test]
fn several_processes_append_to_one_chain() {
    let user = User::new();
    std::thread::scope(|scope| {
        for writer in 0..4 {
            let user = &user;
            scope.spawn(move || {
                for n in 0..5 {
                    user.append(&format!("{writer}-{n}"));
                }
            });
        }
    });
    let audit = user.json(0, &["verify"]);
    assert_eq!(audit["ledgers"][0]["count"], 20);
}

#[test]
fn a_contract_must_be_named_when_there_are_several() {
    let user = User::new();
    for contract in ["one", "two"] {
        let arguments = [
            "append",
            "--kind",
            "k",
            "--subject",
            "s",
            "--contract",
            contract,
        ];
        user.json(0, &arguments);
    }
    let arguments = ["append", "--kind", "k", "--subject", "s"];
    let refusal = user.json(2, &arguments);
    let message = refusal["message"].as_str().expect("text");
    assert!(
        message.contains("one") && message.contains("two"),
        "{message}"
    );
    assert_eq!(
        user.json(0, &["verify"])["ledgers"]
            .as_array()
            .map(Vec::len),
        Some(2)
    );
}
