//! A fresh installation of Mamori whose gateway stands before some web server.

use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail};
use mamori_sitekit::{Folder, Kept, Start, User, free_port};
use serde_json::Value;

use crate::binary;
use crate::step;

/// The contract that is put into force.
const CONTRACT_FILE: &str = "contracts/kokoshelju-r8.toml";
/// Its id.
pub const CONTRACT: &str = "kokoshelju-r8";
/// Who administers the console.
pub const ADMINISTRATOR: &str = "sekinin";

/// Begins as a service of the system does, whatever this shell allows: with 1,024 open files.
const AS_A_SERVICE: &str = "ulimit -S -n 1024; exec \"$@\"";

/// How long the first page may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Where the rules of the firewall come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    folder: PathBuf,
    plugin: Plugin,
}

/// How rules learn of WordPress.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Plugin {
    /// A folder of exclusions.
    Folder(PathBuf),
    /// CRS 3 has them inside, switched off.
    Switch,
}

/// In CRS 3, the exclusions that wait for their switch.
const INSIDE: &str = "rules/REQUEST-903.9002-WORDPRESS-EXCLUSION-RULES.conf";
/// Switches them on.
const SWITCH: &str = "SecAction \"id:9000000,phase:1,pass,t:none,nolog,\
                      setvar:tx.crs_exclusions_wordpress=1\"\n";

impl Rules {
    /// The rules given, else those of `MAMORI_TEST_CRS`, else Debian's.
    pub fn find(folder: Option<PathBuf>, plugin: Option<PathBuf>) -> anyhow::Result<Self> {
        let folder = folder
            .or_else(|| std::env::var_os("MAMORI_TEST_CRS").map(PathBuf::from))
            .unwrap_or_else(|| PathBuf::from("/usr/share/modsecurity-crs"));
        if !folder.is_dir() {
            bail!(
                "no rules at {}: install modsecurity-crs (cargo xtask setup) or give --rules DIR",
                folder.display()
            );
        }
        let beside = folder.join("plugins");
        let plugin = match plugin {
            Some(plugin) => Plugin::Folder(plugin),
            None if beside.is_dir() => Plugin::Folder(beside),
            None if folder.join(INSIDE).is_file() => Plugin::Switch,
            None => bail!(
                "{} has no exclusions for WordPress: give their folder with --plugin DIR",
                folder.display()
            ),
        };
        Ok(Self {
            folder: fs::canonicalize(&folder)?,
            plugin,
        })
    }
}

impl fmt::Display for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rules of {}", self.folder.display())?;
        match &self.plugin {
            Plugin::Folder(folder) => write!(f, " with {}", folder.display()),
            Plugin::Switch => f.write_str(" with their own exclusions for WordPress"),
        }
    }
}

/// What visitors connect to.
#[derive(Debug, Clone, Copy)]
pub struct Front<'a> {
    /// Names of the site.
    pub hosts: &'a [&'a str],
    /// On loopback.
    pub port: u16,
    /// What it looks at.
    pub strictness: Strictness<'a>,
}

/// How strict a gateway is beyond the policy of a new site.
#[derive(Debug, Clone, Copy, Default)]
pub struct Strictness<'a> {
    /// Addresses that are never limited or banned.
    pub allowed: &'a [&'a str],
    /// Whether the rules look at answers too.
    pub inspect_answers: bool,
}

/// A running gateway with its console.
#[derive(Debug)]
pub struct Guard {
    /// `mamori serve`; ends with this.
    pub server: Kept,
    /// Where visitors connect, on loopback.
    pub port: u16,
    /// Where the console listens, on loopback.
    pub console: u16,
    /// For the API, with every right.
    pub token: String,
    /// The administrator's.
    pub password: String,
    _folder: Folder,
}

impl Guard {
    /// Starts it before a server. The policy is the one of a new site: it refuses, at level 1.
    pub fn start(
        mamori: &Path,
        rules: &Rules,
        behind: SocketAddr,
        front: &Front<'_>,
    ) -> anyhow::Result<Self> {
        let Front {
            hosts,
            port,
            strictness,
        } = *front;
        let folder = Folder::make("mamori-guard", &User::Ourselves)?;
        let part = folder.part("all", &User::Ourselves)?;
        let data = part.join("data");
        fs::create_dir(&data)?;
        let mut lines = vec![
            "[gateway]".to_owned(),
            format!("http = [\"127.0.0.1:{port}\"]"),
            format!("rules = {}", quoted(&rules.folder)),
            format!("allowed = {:?}", strictness.allowed),
        ];
        lines.push(format!(
            "plugin = {}",
            quoted(&match &rules.plugin {
                Plugin::Folder(folder) => fs::canonicalize(folder)?,
                Plugin::Switch => {
                    let own = folder.part("plugin", &User::Ourselves)?;
                    fs::write(own.join("wordpress-config.conf"), SWITCH)?;
                    own
                }
            })
        ));
        lines.push("[[gateway.site]]\nname = \"mihon\"".to_owned());
        lines.push(format!("contract = \"{CONTRACT}\""));
        lines.push(format!("hosts = {hosts:?}"));
        lines.push(format!("upstreams = [\"{behind}\"]"));
        lines.push(format!("inspect_answers = {}", strictness.inspect_answers));
        fs::write(data.join("mamori.toml"), lines.join("\n"))?;

        let on_data = |arguments: &[&str]| {
            let mut command = binary::clean(mamori);
            command
                .args(arguments)
                .args(["--json", "--data-dir"])
                .arg(&data);
            command
        };
        let contract = step::root().join(CONTRACT_FILE);
        let contract = contract.to_string_lossy();
        step::output(&mut on_data(&["contract", "activate", &contract]))?;
        let said = |command: &mut Command, key: &str| -> anyhow::Result<String> {
            let line: Value = serde_json::from_str(step::output(command)?.trim())?;
            let value = line[key].as_str().map(str::to_owned);
            value.with_context(|| format!("mamori told no {key}"))
        };
        let password = said(
            on_data(&["user", "add", ADMINISTRATOR]).args([
                "--role",
                "administrator",
                "--generate",
            ]),
            "password",
        )?;
        let token = said(
            on_data(&["user", "token", "add", "trial"]).args(["--role", "administrator"]),
            "token",
        )?;

        let console = free_port()?;
        // The shell that keeps it hands its environment on.
        let mut command = ["sh", "-c", AS_A_SERVICE, "sh", "env"]
            .map(OsString::from)
            .to_vec();
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("MAMORI_") {
                command.extend(["-u".into(), name]);
            }
        }
        command.extend([mamori.into(), "serve".into(), "--data-dir".into()]);
        command.extend([data.into(), "--listen".into()]);
        command.push(format!("127.0.0.1:{console}").into());
        let listens = |port| TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok();
        let server = Kept::start(Start {
            name: "mamori serve",
            user: &User::Ourselves,
            command,
            log: part.join("log"),
            signal: "TERM",
            remove: Some(part),
        })?
        // Its sockets are there before it serves on them.
        .ready(|_| {
            listens(console)
                && listens(port)
                && ask(port, hosts[0], "/", PATIENCE).is_ok_and(|s| s == 200)
        })?;
        Ok(Self {
            server,
            port,
            console,
            token,
            password,
            _folder: folder,
        })
    }
}

fn quoted(path: &Path) -> String {
    Value::from(path.to_string_lossy()).to_string()
}

/// Asks the gateway for a page as a browser would, and returns its status.
pub fn ask(port: u16, host: &str, target: &str, limit: Duration) -> anyhow::Result<u16> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect_timeout(&address, limit)?;
    stream.set_read_timeout(Some(limit))?;
    write!(
        stream,
        "GET {target} HTTP/1.1\r\nHost: {host}:{port}\r\nUser-Agent: Mozilla/5.0 (X11; Linux)\r\n\
         Accept: text/html\r\nConnection: close\r\n\r\n"
    )?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let head = String::from_utf8_lossy(&answer[..answer.len().min(64)]).into_owned();
    let status = head.split(' ').nth(1).context("no status line")?;
    Ok(status.parse()?)
}
