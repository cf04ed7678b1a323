//! A private MariaDB: its own folder, a Unix socket, no network.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::SiteError;
use crate::keeper::{Folder, Kept, Start, run};
use crate::user::{User, which};

/// A running server with one database per site.
#[derive(Debug)]
pub struct PrivateMariaDb {
    server: Kept,
    socket: PathBuf,
}

/// What is needed of the package.
pub(crate) struct Programs {
    server: PathBuf,
    install: PathBuf,
    client: PathBuf,
}

pub(crate) fn programs() -> Option<Programs> {
    Some(Programs {
        server: which("mariadbd")?,
        install: which("mariadb-install-db")?,
        client: which("mariadb")?,
    })
}

/// Small and quick; what a crash would lose is lost with the folder anyway.
const SETTINGS: &[&str] = &[
    "--innodb-log-file-size=16M",
    "--innodb-buffer-pool-size=64M",
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-doublewrite=0",
    "--skip-name-resolve",
];

impl PrivateMariaDb {
    /// Starts a server in a folder.
    pub fn start(folder: &Folder, user: &User) -> Result<Self, SiteError> {
        let programs = programs().ok_or_else(|| SiteError::Missing(vec!["mariadb-server"]))?;
        let part = folder.part("db", user)?;
        let data = part.join("data");
        let socket = part.join("socket");
        run(
            "mariadb-install-db",
            user.command(&programs.install)
                .args(["--no-defaults", "--skip-test-db"])
                .arg("--auth-root-authentication-method=normal")
                .arg(option("--datadir=", &data))
                .args(&SETTINGS[..1])
                .current_dir(&part),
        )?;
        let mut command = vec![programs.server.into_os_string(), "--no-defaults".into()];
        command.push(option("--datadir=", &data));
        command.push(option("--socket=", &socket));
        command.push(option("--pid-file=", &part.join("pid")));
        command.push("--skip-networking".into());
        command.extend(SETTINGS.iter().map(OsString::from));
        let server = Kept::start(Start {
            name: "mariadbd",
            user,
            command,
            log: part.join("log"),
            signal: "TERM",
            remove: Some(part),
        })?
        .ready(|server| server.log().contains("ready for connections"))?;
        Ok(Self { server, socket })
    }

    /// Runs statements as the server's root and returns what they print, columns parted by tabs.
    pub fn run(&self, statements: &str) -> Result<String, SiteError> {
        let programs = programs().ok_or_else(|| SiteError::Missing(vec!["mariadb-client"]))?;
        run(
            "mariadb",
            std::process::Command::new(programs.client)
                .args(["--no-defaults", "-uroot", "--batch", "--skip-column-names"])
                .arg("--default-character-set=utf8mb4")
                .arg(option("--socket=", &self.socket))
                .args(["-e", statements]),
        )
    }

    /// Where it listens.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// The process, for trials that stop it or measure it.
    pub fn server(&self) -> &Kept {
        &self.server
    }
}

fn option(name: &str, value: &Path) -> OsString {
    let mut text = OsString::from(name);
    text.push(value);
    text
}
