//! Servers that end with us, however we end.
//!
//! A server runs below a small shell that waits on a pipe from this process: when the value is
//! dropped, or the process ends in any way, the pipe closes, the shell stops the server and removes
//! its folder. The shell is a process group of its own, so that Ctrl-C reaches us alone and servers
//! stop in an orderly way.

use std::ffi::OsString;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::SiteError;
use crate::user::User;

/// How long a server may take until it is ready.
const READY_WITHIN: Duration = Duration::from_mins(2);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// `$1` log, `$2` signal, `$3` folder to remove or empty, then the server.
///
/// `cat` returns when this process ends or drops the pipe. The folder above goes with the last
/// server that had a folder in it.
const SHELL: &str = r#"
    log=$1 signal=$2 folder=$3
    shift 3
    "$@" >"$log" 2>&1 </dev/null &
    server=$!
    echo "$server"
    exec >/dev/null
    cat >/dev/null
    kill -s "$signal" "$server" 2>/dev/null
    wait "$server"
    if [ -n "$folder" ]; then
        rm -rf "$folder"
        above=$(dirname "$folder")
        case $above in */mamori-*) rmdir "$above" 2>/dev/null ;; esac
    fi
"#;

/// A running server.
#[derive(Debug)]
pub struct Kept {
    name: String,
    log: PathBuf,
    pid: u32,
    shell: Child,
}

/// How a server is started.
#[derive(Debug, Clone)]
pub struct Start<'a> {
    /// For messages.
    pub name: &'a str,
    /// Who runs it.
    pub user: &'a User,
    /// The program with its arguments.
    pub command: Vec<OsString>,
    /// Where its output goes.
    pub log: PathBuf,
    /// The signal that ends it in an orderly way: `TERM`, `INT`, `QUIT`.
    pub signal: &'a str,
    /// A folder that is removed after it.
    pub remove: Option<PathBuf>,
}

impl Kept {
    /// Starts a server.
    pub fn start(start: Start<'_>) -> Result<Self, SiteError> {
        let mut command = start.user.command("/bin/sh");
        command
            .args(["-c", SHELL, "sh"])
            .arg(&start.log)
            .arg(start.signal)
            .arg(start.remove.unwrap_or_default())
            .args(&start.command)
            .current_dir(start.log.parent().unwrap_or(Path::new("/")))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        Self::below(start.name, start.log, &mut command)
    }

    fn below(name: &str, log: PathBuf, command: &mut Command) -> Result<Self, SiteError> {
        let wrong = |error: std::io::Error| SiteError::program(name, error);
        let mut shell = command.process_group(0).spawn().map_err(wrong)?;
        let mut line = String::new();
        if let Some(output) = shell.stdout.take() {
            BufReader::new(output).read_line(&mut line).map_err(wrong)?;
        }
        let pid = line
            .trim()
            .parse()
            .map_err(|_| SiteError::program(name, "its shell did not start it"))?;
        Ok(Self {
            name: name.to_owned(),
            log,
            pid,
            shell,
        })
    }

    /// Waits until `ready` says so; an error with the end of its log when it ends before or takes
    /// too long.
    pub fn ready(self, mut ready: impl FnMut(&Self) -> bool) -> Result<Self, SiteError> {
        let started = Instant::now();
        while !ready(&self) {
            let why = if !self.runs() {
                "ended before it was ready"
            } else if started.elapsed() > READY_WITHIN {
                "was not ready in time"
            } else {
                std::thread::sleep(LOOK_EVERY);
                continue;
            };
            return Err(SiteError::program(
                &self.name,
                format!("{why}\n{}", self.log_end()),
            ));
        }
        Ok(self)
    }

    /// Number of the server's process.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Whether it still runs.
    pub fn runs(&self) -> bool {
        // A process that ended and that the shell did not ask for yet is a zombie.
        fs::read_to_string(format!("/proc/{}/stat", self.pid))
            .ok()
            .and_then(|stat| stat.rsplit_once(')').map(|(_, rest)| rest.to_owned()))
            .is_some_and(|rest| !rest.trim_start().starts_with(['Z', 'X']))
    }

    /// What it wrote.
    pub fn log(&self) -> String {
        fs::read(&self.log).map_or_else(
            |_| String::new(),
            |bytes| String::from_utf8_lossy(&bytes).into_owned(),
        )
    }

    fn log_end(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        // The shell ends after its server; already gone is fine.
        let _ = self.shell.wait();
    }
}

/// A folder of our own in the system's temporary folder: short, since paths of sockets are limited
/// to 107 bytes. Whoever is started in it removes their part; the rest goes here.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    /// Makes `NAME-PROCESS-NUMBER`, which belongs to the user.
    pub fn make(name: &str, user: &User) -> Result<Self, SiteError> {
        let path = std::env::temp_dir().join(format!(
            "{name}-{}-{:x}",
            std::process::id(),
            rand::random::<u32>()
        ));
        fs::create_dir(&path).map_err(SiteError::file(&path))?;
        let folder = Self { path };
        user.own(&folder.path)
            .map_err(|why| SiteError::program("chown", why))?;
        Ok(folder)
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes a folder in it that belongs to the user.
    pub fn part(&self, name: &str, user: &User) -> Result<PathBuf, SiteError> {
        let path = self.path.join(name);
        fs::create_dir(&path).map_err(SiteError::file(&path))?;
        user.own(&path)
            .map_err(|why| SiteError::program("chown", why))?;
        Ok(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Gone already when servers removed their parts.
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// A port on loopback that was free a moment ago.
pub fn free_port() -> Result<u16, SiteError> {
    std::net::TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0))
        .and_then(|socket| socket.local_addr())
        .map(|address| address.port())
        .map_err(|error| SiteError::program("loopback", error))
}

/// Runs a program to its end; an error carries what it said.
pub(crate) fn run(name: &str, command: &mut Command) -> Result<String, SiteError> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| SiteError::program(name, error))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = [output.stdout, output.stderr].concat();
    Err(SiteError::program(
        name,
        String::from_utf8_lossy(&said).trim_end(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn started(folder: &Folder, script: &str) -> Kept {
        let part = folder.part("one", &User::Ourselves).expect("a folder");
        Kept::start(Start {
            name: "sleeper",
            user: &User::Ourselves,
            command: ["/bin/sh", "-c", script].map(OsString::from).to_vec(),
            log: part.join("log"),
            signal: "TERM",
            remove: Some(part),
        })
        .expect("started")
    }

    #[test]
    fn a_server_ends_with_its_value_and_leaves_nothing() {
        let folder = Folder::make("mamori-keeper", &User::Ourselves).expect("a folder");
        let place = folder.path().to_owned();
        let kept = started(&folder, "echo up; exec sleep 600");
        let kept = kept.ready(|kept| kept.log().contains("up")).expect("ready");
        let pid = kept.pid();
        assert!(kept.runs());
        drop(kept);
        assert!(!Path::new(&format!("/proc/{pid}")).exists());
        assert!(!place.exists(), "the folder is left");
    }

    #[test]
    fn one_that_ends_early_is_told_with_what_it_said() {
        let folder = Folder::make("mamori-keeper", &User::Ourselves).expect("a folder");
        let kept = started(&folder, "echo no socket; exit 1");
        let error = kept.ready(|_| false).expect_err("it ended");
        assert!(error.to_string().contains("no socket"), "{error}");
    }
}
