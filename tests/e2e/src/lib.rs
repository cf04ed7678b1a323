//! What journeys through the real `mamori` binary are written with.
//!
//! Nothing of ours is linked: a journey sees what a person at a shell or a browser sees. The binary
//! comes from `E2E_MAMORI` (set by `cargo xtask test`), else it is built once here.

mod http;
mod server;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{LazyLock, OnceLock};

use anyhow::Context;
use serde_json::Value;

pub use http::{Answer, Browser};
pub use server::{Server, free_port};

/// The root of the repository.
pub fn root() -> &'static Path {
    static ROOT: LazyLock<PathBuf> = LazyLock::new(|| {
        // Where the test runs, not where it was compiled: a build folder may serve two checkouts.
        std::env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from)
            .ancestors()
            .nth(2)
            .expect("tests/e2e lies two folders below the root")
            .to_owned()
    });
    &ROOT
}

/// The real contract, as data.
pub fn contract() -> PathBuf {
    root().join("contracts/kokoshelju-r8.toml")
}

/// The binary under test.
pub fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| match std::env::var_os("E2E_MAMORI") {
        Some(path) => PathBuf::from(path),
        None => build().expect("mamori builds"),
    })
}

/// Builds the binary; cargo itself says where it put it.
fn build() -> anyhow::Result<PathBuf> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // Those of this test's package: build scripts that read them would run again.
    for (name, _) in std::env::vars_os() {
        let told = name.to_string_lossy();
        if told.starts_with("CARGO_PKG_") || told.starts_with("CARGO_MANIFEST_") {
            cargo.env_remove(&name);
        }
    }
    let output = cargo
        .args([
            "build",
            "--quiet",
            "--workspace",
            "--bin",
            "mamori",
            "--message-format=json-render-diagnostics",
        ])
        .current_dir(root())
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()?;
    anyhow::ensure!(
        output.status.success(),
        "cargo build ended with {}",
        output.status
    );
    String::from_utf8(output.stdout)?
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
        .context("cargo named no executable")
}

/// What a command left behind.
#[derive(Debug)]
pub struct Ran {
    /// The exit code was 0.
    pub ok: bool,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Ran {
    /// Standard output; panics with everything the command said when it failed.
    #[track_caller]
    pub fn good(self) -> String {
        assert!(
            self.ok,
            "the command failed\n--- out\n{}\n--- err\n{}",
            self.out, self.err
        );
        self.out
    }

    /// Both outputs; panics when the command did not fail, or died of a panic.
    #[track_caller]
    pub fn bad(self) -> String {
        assert!(
            !self.ok,
            "the command should have failed\n--- out\n{}\n--- err\n{}",
            self.out, self.err
        );
        assert!(
            !self.err.contains("Usage: "),
            "refused for its arguments, not for what they say\n{}",
            self.err
        );
        assert!(
            !self.err.contains("panicked at"),
            "a panic is no error message\n{}",
            self.err
        );
        format!("{}{}", self.out, self.err)
    }

    /// Standard output as JSON values: one value, or one a line.
    #[track_caller]
    pub fn json(self) -> Vec<Value> {
        let out = self.good();
        match serde_json::from_str(&out) {
            Ok(Value::Array(values)) => values,
            Ok(value) => vec![value],
            Err(_) => out
                .lines()
                .filter(|line| !line.trim().is_empty())
                .map(|line| {
                    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line:?}"))
                })
                .collect(),
        }
    }
}

/// A data directory of its own, on SQLite or on another database.
#[derive(Debug)]
pub struct Home {
    folder: tempfile::TempDir,
    database_url: Option<String>,
}

impl Home {
    /// A fresh directory; storage is SQLite.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        Self {
            folder,
            database_url: None,
        }
    }

    /// A fresh directory whose tables lie in a database elsewhere.
    pub fn on(database_url: &str) -> Self {
        Self {
            database_url: Some(database_url.to_owned()),
            ..Self::new()
        }
    }

    /// The folder of this home; data lies in `data` below it.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The data directory.
    pub fn data(&self) -> PathBuf {
        self.path().join("data")
    }

    /// A command of the binary, free of the caller's configuration.
    pub fn command<A: AsRef<OsStr>>(&self, arguments: &[A]) -> Command {
        let mut command = Command::new(binary());
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("MAMORI_") {
                command.env_remove(name);
            }
        }
        command
            .args(arguments)
            .env("MAMORI_DATA_DIR", self.data())
            .current_dir(self.path())
            .stdin(Stdio::null());
        if let Some(url) = &self.database_url {
            command.env("MAMORI_DATABASE_URL", url);
        }
        command
    }

    /// Runs the binary to its end.
    pub fn run<A: AsRef<OsStr>>(&self, arguments: &[A]) -> Ran {
        let output = self.command(arguments).output().expect("mamori starts");
        Ran {
            ok: output.status.success(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Default for Home {
    fn default() -> Self {
        Self::new()
    }
}
