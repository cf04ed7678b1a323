//! Papers from the command line: the real binary, a fresh data directory, the real contract. The
//! clock is the machine's, so nothing here depends on today's date.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

struct User {
    folder: TempDir,
}

impl User {
    fn new() -> Self {
        let user = Self {
            folder: tempfile::tempdir().expect("temp folder"),
        };
        let contract =
            PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../contracts/kokoshelju-r8.toml");
        let contract = contract.display().to_string();
        user.ok(&["contract", "activate", &contract]);
        user
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_mamori"))
            .args(arguments)
            .current_dir(self.path())
            .env_clear()
            .env("MAMORI_DATA_DIR", self.path().join("data"))
            .output()
            .expect("the binary runs")
    }

    fn ok(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            output.status.success(),
            "{arguments:?}: {text} {}",
            String::from_utf8_lossy(&output.stderr)
        );
        text
    }

    /// Runs `mamori document … --json` and reads every line.
    fn document(&self, arguments: &[&str]) -> Vec<Value> {
        self.ok(&[&["document"], arguments, &["--json"]].concat())
            .lines()
            .map(|line| {
                serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
            })
            .collect()
    }
}

#[test]
fn a_report_is_rendered_submitted_returned_replaced_and_accepted() {
    let user = User::new();
    let october = [
        "render",
        "monthly-report",
        "--period",
        "2026-10",
        "--out",
        "drafts",
    ];
    let draft = user.document(&october).remove(0);
    assert_eq!(
        (&draft["state"], &draft["paper"]["version"]),
        (&"draft".into(), &1.into())
    );
    let number = draft["number"].as_str().expect("has a number").to_owned();
    assert_eq!(user.document(&october)[0]["number"], draft["number"]);

    let done = user
        .document(&["submit", &number, "--how", "portal", "--out", "handed-in"])
        .remove(0);
    assert_eq!(done["state"], "submitted");
    let files: Vec<&str> = done["files"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(Value::as_str)
        .collect();
    assert_eq!(files.len(), 3, "{files:?}");
    for (file, magic) in files.iter().zip(["%PDF-", "PK", "PK"]) {
        let bytes = std::fs::read(user.path().join(file)).expect("is written");
        assert!(bytes.starts_with(magic.as_bytes()), "{file}");
    }

    user.document(&["return", &number, "--reason", "合計を確かめてください"]);
    let second = user.document(&["replace", &number, "--reason", "合計を直した"]);
    assert_eq!(second[0]["paper"]["version"], 2);
    user.document(&["submit", &number]);
    let accepted = user.document(&["accept", &number, "--section", "担当課"]);
    assert_eq!(accepted[0]["state"], "accepted");

    let listed = user.document(&["list", "--month", "2026-10"]);
    let report = listed
        .iter()
        .find(|line| line["number"] == number.as_str())
        .unwrap_or_else(|| panic!("{listed:?}"));
    assert_eq!(
        (&report["state"], &report["version"]),
        (&"accepted".into(), &2.into())
    );
    assert!(
        listed.iter().any(|line| line["state"] == "not_made"),
        "papers that nobody made are listed too"
    );
}

#[test]
fn what_is_unknown_is_refused_and_the_known_is_named() {
    let user = User::new();
    let cases = [
        (
            ["render", "monthly-reprot", "--period", "2026-10"],
            "monthly-report",
        ),
        (
            ["render", "monthly-report", "--period", "2026-13"],
            "2026-04",
        ),
        (["submit", "書類-R8-999", "--how", "mail"], "書類-R8-999"),
    ];
    for (arguments, named) in cases {
        let output = user.run(&[&["document"], &arguments[..]].concat());
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{arguments:?}");
        assert!(told.contains(named), "{arguments:?}: {told}");
    }
}
