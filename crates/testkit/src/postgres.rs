//! A private PostgreSQL server for tests: its own folder, a Unix socket, no network, no sync.
//!
//! It ends with this process, however that ends ([`Kept`]). PostgreSQL refuses to run as root; then
//! an unprivileged user is taken.
//!
//! `MAMORI_TEST_POSTGRES=required` turns "no server found" from a loud skip into a failure.

use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use mamori_sitekit::{Folder, Kept, Start, unprivileged};
use mamori_store::{Args, Db};

/// A running server.
#[derive(Debug)]
pub struct PrivatePostgres {
    databases: AtomicU32,
    _server: Kept,
    folder: Folder,
}

/// What a crash would lose is lost with the folder anyway.
const SETTINGS: &[&str] = &[
    "listen_addresses=",
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "max_connections=60",
];

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
            self.folder.path().display()
        )
    }

    fn start() -> Result<Self, String> {
        let programs = find_programs().ok_or("no initdb and postgres found")?;
        let user = unprivileged(&["postgres", "nobody"])?;
        let folder = Folder::make("mamori-pg", &user).map_err(|error| error.to_string())?;
        let data = folder.path().join("data");
        let mut initdb = user.command(programs.join("initdb"));
        initdb
            .arg("-D")
            .arg(&data)
            .args(["-U", "mamori", "-A", "trust", "-E", "UTF8"])
            .args(["--locale=C", "--no-sync"])
            .current_dir(folder.path());
        let made = initdb.output().map_err(|e| format!("initdb: {e}"))?;
        if !made.status.success() {
            return Err(format!("initdb: {}", String::from_utf8_lossy(&made.stderr)));
        }
        let mut command = vec![programs.join("postgres").into_os_string(), "-D".into()];
        command.extend([data.into_os_string(), "-k".into(), folder.path().into()]);
        for setting in SETTINGS {
            command.extend(["-c".into(), setting.into()]);
        }
        // The log says it only once the server accepts connections.
        let server = Kept::start(Start {
            name: "postgres",
            user: &user,
            command,
            log: folder.path().join("log"),
            signal: "INT",
            remove: Some(folder.path().to_owned()),
        })
        .and_then(|server| {
            server.ready(|server| server.log().contains("ready to accept connections"))
        })
        .map_err(|error| error.to_string())?;
        Ok(Self {
            databases: AtomicU32::new(0),
            _server: server,
            folder,
        })
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
