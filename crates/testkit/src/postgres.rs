//! A private PostgreSQL server for tests: its own folder, a Unix socket, no network, no sync.
//!
//! The server runs below a small shell that waits on a pipe from this process: when the process
//! ends in any way, the pipe closes, the shell stops the server and removes the folder. PostgreSQL
//! refuses to run as root; then an unprivileged user is taken (`setpriv`).
//!
//! `MAMORI_TEST_POSTGRES=required` turns "no server found" from a loud skip into a failure.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use mamori_store::{Args, Db};

/// A running server.
#[derive(Debug)]
pub struct PrivatePostgres {
    folder: PathBuf,
    databases: AtomicU32,
    // Held for its standard input: closing it stops the server.
    _shell: Child,
}

impl PrivatePostgres {
    /// The server of this process, started on first use. `None` (with a loud message) when the
    /// machine has no PostgreSQL and tests do not require it.
    pub fn shared() -> Option<&'static Self> {
        static SERVER: OnceLock<Option<PrivatePostgres>> = OnceLock::new();
        SERVER
            .get_or_init(|| match Self::start() {
                Ok(server) => Some(server),
                Err(problem) => {
                    let required =
                        std::env::var("MAMORI_TEST_POSTGRES").as_deref() == Ok("required");
                    assert!(!required, "PostgreSQL is required for tests: {problem}");
                    eprintln!("******** SKIPPED: PostgreSQL tests did not run: {problem} ********");
                    None
                }
            })
            .as_ref()
    }

    /// URL of a new, empty database.
    pub async fn fresh_database(&self) -> String {
        let number = self.databases.fetch_add(1, Ordering::Relaxed);
        let name = format!("test_{number}");
        let admin = Db::open(&self.url("postgres"))
            .await
            .expect("the private server answers");
        admin
            .execute(&format!("CREATE DATABASE {name}"), Args::new())
            .await
            .expect("the test user may create databases");
        admin.close().await;
        self.url(&name)
    }

    fn url(&self, database: &str) -> String {
        format!(
            "postgres://mamori@localhost/{database}?host={}",
            self.folder.display()
        )
    }

    fn start() -> Result<Self, String> {
        let programs = find_programs().ok_or("no initdb and postgres found")?;
        let user = unprivileged_user()?;
        let folder = make_folder(user.as_deref())?;
        let data = folder.join("data");
        let log = folder.join("log");
        let mut initdb = command_as(user.as_deref(), &programs.join("initdb"));
        initdb
            .arg("-D")
            .arg(&data)
            .args(["-U", "mamori", "-A", "trust", "-E", "UTF8"])
            .args(["--locale=C", "--no-sync"])
            .current_dir(&folder);
        let made = initdb.output().map_err(|e| format!("initdb: {e}"))?;
        if !made.status.success() {
            let _ = fs::remove_dir_all(&folder);
            return Err(format!("initdb: {}", String::from_utf8_lossy(&made.stderr)));
        }
        // `cat` returns when this process ends or drops the pipe.
        let script = r#"
            "$1/postgres" -D "$2/data" -k "$2" -c listen_addresses= -c fsync=off \
                -c synchronous_commit=off -c full_page_writes=off -c max_connections=60 \
                >"$2/log" 2>&1 </dev/null &
            server=$!
            cat >/dev/null
            kill -INT "$server"
            wait "$server"
            rm -rf "$2"
        "#;
        let mut shell = command_as(user.as_deref(), Path::new("/bin/sh"));
        shell
            .args(["-c", script, "sh"])
            .arg(&programs)
            .arg(&folder)
            .current_dir(&folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let shell = shell.spawn().map_err(|e| format!("sh: {e}"))?;
        let server = Self {
            folder,
            databases: AtomicU32::new(0),
            _shell: shell,
        };
        // The log says it only once the server accepts connections.
        let started = Instant::now();
        while started.elapsed() < Duration::from_mins(1) {
            let text = fs::read_to_string(&log).unwrap_or_default();
            if text.contains("ready to accept connections") {
                return Ok(server);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Err(format!(
            "the server did not start: {}",
            fs::read_to_string(&log).unwrap_or_default()
        ))
    }
}

/// The folder with `initdb` and `postgres`: the newest Debian version, else along `PATH`.
fn find_programs() -> Option<PathBuf> {
    let mut folders: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path().join("bin"))
        .collect();
    folders.sort();
    folders.reverse();
    let path = std::env::var_os("PATH").unwrap_or_default();
    folders.extend(std::env::split_paths(&path));
    folders.into_iter().find_map(|folder| {
        let initdb = folder.join("initdb").canonicalize().ok()?;
        let folder = initdb.parent()?.to_path_buf();
        folder.join("postgres").exists().then_some(folder)
    })
}

/// `None` when we are an ordinary user already.
fn unprivileged_user() -> Result<Option<String>, String> {
    let id = |args: &[&str]| {
        Command::new("id")
            .args(args)
            .output()
            .ok()
            .filter(|output| output.status.success())
            .map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    if id(&["-u"]).as_deref() != Some("0") {
        return Ok(None);
    }
    ["postgres", "nobody"]
        .into_iter()
        .find(|user| id(&["-u", user]).is_some())
        .map(|user| Some(user.to_owned()))
        .ok_or_else(|| "no unprivileged user to run PostgreSQL".to_owned())
}

fn command_as(user: Option<&str>, program: &Path) -> Command {
    match user {
        None => Command::new(program),
        Some(user) => {
            let mut command = Command::new("setpriv");
            command
                .args(["--reuid", user, "--regid"])
                .arg(primary_group(user))
                .args(["--clear-groups", "--"])
                .arg(program);
            command
        }
    }
}

fn primary_group(user: &str) -> String {
    let output = Command::new("id").args(["-g", user]).output();
    output.map_or_else(
        |_| user.to_owned(),
        |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
    )
}

/// A folder in the system's temporary folder: short (socket paths are limited to 107 bytes) and
/// owned by the user that runs the server.
fn make_folder(user: Option<&str>) -> Result<PathBuf, String> {
    let folder = std::env::temp_dir().join(format!(
        "mamori-pg-{}-{:x}",
        std::process::id(),
        rand::random::<u32>()
    ));
    fs::create_dir(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    if let Some(user) = user {
        let owned = Command::new("chown").arg(user).arg(&folder).status();
        if !owned.is_ok_and(|status| status.success()) {
            return Err(format!("chown {user} {}", folder.display()));
        }
    }
    Ok(folder)
}
