//! Announcing steps with the time since the start, running programs, and adding up results.
//!
//! Output is plain lines: it must read the same on a terminal, in a log and with `TERM=dumb`.

use std::fmt;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{LazyLock, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

/// The root of the repository: the folder above `xtask/`.
///
/// What cargo says now goes before what it said at compile time: a build folder that is shared by
/// checkouts may hold an xtask that was compiled elsewhere.
pub fn root() -> &'static Path {
    static ROOT: LazyLock<PathBuf> = LazyLock::new(|| {
        std::env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from)
            .parent()
            .expect("xtask lies in a folder of the workspace")
            .to_owned()
    });
    &ROOT
}

/// The cargo that runs us, or the one on `PATH`.
pub fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    // Set by `cargo run` for xtask itself; a build script that reads them (ring's does) would run
    // again, and everything above it would be compiled again, whenever somebody calls cargo by hand.
    for (name, _) in std::env::vars_os() {
        let told = name.to_string_lossy();
        if told.starts_with("CARGO_PKG_") || told.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
    command
}

/// The build folder cargo uses here (`CARGO_TARGET_DIR`, else `target/` of the workspace).
pub fn target_dir() -> anyhow::Result<PathBuf> {
    let metadata = cargo_metadata::MetadataCommand::new()
        .manifest_path(root().join("Cargo.toml"))
        .no_deps()
        .exec()
        .context("cargo metadata failed")?;
    Ok(metadata.target_directory.into_std_path_buf())
}

/// Steps of one command: announces each with the time since the start.
#[derive(Debug)]
pub struct Steps {
    started: Instant,
}

impl Steps {
    /// Starts counting now.
    pub fn start() -> Self {
        Self {
            started: Instant::now(),
        }
    }

    /// Says what begins now.
    pub fn say(&self, what: impl fmt::Display) {
        eprintln!("[{:>7}] {what}", short(self.started.elapsed()));
    }

    /// Time since the start.
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }
}

/// `7s`, `3m05s`, `1h02m`.
pub fn short(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..60 => format!("{:.1}s", time.as_secs_f64()),
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h{:02}m", seconds / 3600, seconds % 3600 / 60),
    }
}

/// Runs a program with our own output and no input; an error names the command.
pub fn run(command: &mut Command) -> anyhow::Result<()> {
    let status = command
        .stdin(Stdio::null())
        .status()
        .with_context(|| format!("could not start {}", shown(command)))?;
    if !status.success() {
        bail!("{} ended with {status}", shown(command));
    }
    Ok(())
}

/// Runs a program and returns its standard output; an error carries its standard error.
pub fn output(command: &mut Command) -> anyhow::Result<String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("could not start {}", shown(command)))?;
    if !output.status.success() {
        bail!(
            "{} ended with {}\n{}",
            shown(command),
            output.status,
            String::from_utf8_lossy(&output.stderr).trim_end()
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs a program, passes every line of its output on, and shows it to `see` as well.
/// Returns whether the program succeeded.
pub fn watched(command: &mut Command, see: impl FnMut(&str) + Send) -> anyhow::Result<bool> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("could not start {}", shown(command)))?;
    let stdout = child.stdout.take().expect("stdout is piped");
    let stderr = child.stderr.take().expect("stderr is piped");
    let see = Mutex::new(see);
    let pass = |line: &str| {
        eprintln!("{line}");
        (see.lock().expect("no reader panics"))(line);
    };
    std::thread::scope(|scope| {
        scope.spawn(|| lines(stdout, &pass));
        scope.spawn(|| lines(stderr, &pass));
    });
    Ok(child.wait()?.success())
}

fn lines(source: impl std::io::Read, each: &(impl Fn(&str) + Sync)) {
    let mut reader = BufReader::new(source);
    let mut bytes = Vec::new();
    while matches!(reader.read_until(b'\n', &mut bytes), Ok(count) if count > 0) {
        each(String::from_utf8_lossy(&bytes).trim_end());
        bytes.clear();
    }
}

fn shown(command: &Command) -> String {
    let mut text = command.get_program().to_string_lossy().into_owned();
    for argument in command.get_args() {
        text.push(' ');
        text.push_str(&argument.to_string_lossy());
    }
    text
}

/// Where a program lies on `PATH`.
pub fn which(program: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?)
        .map(|folder| folder.join(program))
        .find(|path| path.is_file())
}
