//! The gateway as an operator runs it: `mamori serve` with `[gateway]` in its configuration, decisions
//! over its API.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use serde_json::{Value, json};

use super::super::serving::{CONTRACT, Running, free_port};
use super::super::wire::Line;
use super::peer::Rules;
use super::requests::{self, GUARDED, OPEN};
use crate::{binary, step};

/// Names that the open site has beside: a name is looked up among many.
const NAMES: usize = 200;
/// The contract's id in its file.
const CONTRACT_ID: &str = "kokoshelju-r8";

/// The running product.
#[derive(Debug)]
pub struct Ours {
    server: Running,
    /// Where visitors come.
    pub port: u16,
    /// Where people and programs decide.
    console: Line,
    token: String,
}

/// A data directory with the contract, a token for it, and the gateway in its configuration.
#[derive(Debug)]
pub struct Installation {
    mamori: PathBuf,
    data: PathBuf,
    port: u16,
    token: String,
}

impl Installation {
    pub fn make(mamori: &Path, folder: &Path, site: u16, rules: &Rules) -> anyhow::Result<Self> {
        let data = folder.join("data");
        let own = |words: &[&str]| -> Command {
            let mut command = binary::clean(mamori);
            command.args(words).arg("--data-dir").arg(&data);
            command
        };
        step::output(own(&["contract", "activate"]).arg(step::root().join(CONTRACT)))?;
        let told = step::output(&mut own(&[
            "--json", "user", "token", "add", "bench", "--role", "manager", "--days", "1",
        ]))?;
        let told: Value = serde_json::from_str(&told).context("the token's answer is no JSON")?;
        let token = told["token"].as_str().context("no token was printed")?;
        let port = free_port()?;
        std::fs::write(data.join("mamori.toml"), configuration(port, site, rules))?;
        Ok(Self {
            mamori: mamori.to_owned(),
            token: token.to_owned(),
            data,
            port,
        })
    }

    /// Starts it; `roles`: what this process does, everything without.
    pub fn serve(&self, roles: Option<&str>) -> anyhow::Result<Ours> {
        let console = free_port()?;
        let mut command = binary::clean(&self.mamori);
        command
            .arg("serve")
            .arg("--data-dir")
            .arg(&self.data)
            .args(["--listen", &format!("127.0.0.1:{console}")]);
        if let Some(roles) = roles {
            command.args(["--roles", roles]);
        }
        let log = std::fs::File::create(self.data.with_extension("log"))?;
        let server = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()?;
        let mut ours = Ours {
            server: Running(server),
            port: self.port,
            console: Line::new(console),
            token: self.token.clone(),
        };
        ours.wait()
            .with_context(|| format!("see {}", self.data.with_extension("log").display()))?;
        Ok(ours)
    }
}

fn configuration(port: u16, site: u16, rules: &Rules) -> String {
    // What is measured is one client; an address that is allowed is not held back.
    let mut text = format!(
        "[gateway]\nhttp = [\"127.0.0.1:{port}\"]\nallowed = [\"127.0.0.1/32\"]\nrules = \"{}\"\n",
        rules.folder.display()
    );
    if let Some(plugins) = &rules.plugins {
        let _ = writeln!(text, "plugin = \"{}\"", plugins.display());
    }
    let others = (0..NAMES).map(|at| format!("site-{at}.city.example.jp"));
    let open: Vec<String> = others.chain([OPEN.to_owned()]).collect();
    for (name, hosts) in [("guarded", vec![GUARDED.to_owned()]), ("open", open)] {
        let _ = write!(
            text,
            "\n[[gateway.site]]\nname = \"{name}\"\ncontract = \"{CONTRACT_ID}\"\nhosts = {hosts:?}\n\
             upstreams = [\"127.0.0.1:{site}\"]\n"
        );
    }
    text
}

impl Ours {
    fn wait(&mut self) -> anyhow::Result<()> {
        let started = Instant::now();
        loop {
            if let Some(status) = self.server.0.try_wait()? {
                bail!("mamori ended with {status}");
            }
            match self.ask(&requests::get(GUARDED, "/")) {
                Ok(200) => return Ok(()),
                Ok(status) => bail!("the gateway answers {status}"),
                Err(error) if started.elapsed() > Duration::from_mins(1) => return Err(error),
                Err(_) => std::thread::sleep(Duration::from_millis(50)),
            }
        }
    }

    /// The process.
    pub fn process(&self) -> u32 {
        self.server.0.id()
    }

    /// The status that a visitor gets.
    pub fn ask(&self, request: &[u8]) -> anyhow::Result<u16> {
        Ok(Line::new(self.port).ask(request)?.status)
    }

    fn call(&mut self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let body = body.to_string();
        let request = format!(
            "POST /api/v1/contracts/{CONTRACT_ID}/gateway{path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\
             Authorization: Bearer {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.token,
            body.len()
        );
        let answer = self.console.ask(request.as_bytes())?;
        ensure!(
            answer.status == 200,
            "{path} answers {}: {}",
            answer.status,
            answer.text()
        );
        Ok(serde_json::from_str(&answer.text())?)
    }

    /// Decides what the gateway does for a site.
    pub fn decide(&mut self, site: &str, mode: &str) -> anyhow::Result<()> {
        let wanted = json!({ "mode": mode, "paranoia": 1, "closed": false, "retry_minutes": 60 });
        self.call(&format!("/sites/{site}"), &wanted).map(|_| ())
    }

    /// Takes a parameter of a path away from a rule.
    pub fn exclude(&mut self, rule: u64, target: &str, path: &str) -> anyhow::Result<()> {
        let year = 60 * 60 * 24 * 360;
        let day =
            step::output(Command::new("date").args(["-d", &format!("@{}", now() + year), "+%F"]))?;
        let wanted = json!({
            "site": "guarded", "rule": rule, "target": target, "path": path,
            "reason": "bench", "expires_on": day.trim(),
        });
        self.call("/exclusions", &wanted).map(|_| ())
    }

    /// Waits until an attack is answered so: a decision is in force.
    pub fn until(&self, status: u16) -> anyhow::Result<()> {
        let (attack, started) = (requests::attack(), Instant::now());
        let mut line = Line::new(self.port);
        loop {
            if line.ask(&attack)?.status == status {
                return Ok(());
            }
            ensure!(
                started.elapsed() < Duration::from_mins(1),
                "a decision is not in force after a minute"
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

fn now() -> u64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_names_both_sites() {
        let rules = Rules {
            folder: PathBuf::from("/rules"),
            plugins: Some(PathBuf::from("/rules/plugins")),
        };
        let text = configuration(8080, 8081, &rules);
        let read: toml::Table = toml::from_str(&text).expect("TOML");
        let gateway = read["gateway"].as_table().expect("a table");
        assert_eq!(gateway["plugin"].as_str(), Some("/rules/plugins"));
        let sites = gateway["site"].as_array().expect("sites");
        assert_eq!(sites.len(), 2);
        assert_eq!(sites[0]["hosts"][0].as_str(), Some(GUARDED));
        assert_eq!(sites[1]["hosts"].as_array().map(Vec::len), Some(NAMES + 1));
    }
}
