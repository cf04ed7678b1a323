//! `sqlmap` and `wapiti`, and what they say they found.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use serde_json::Value;

/// What wapiti tries: everything that puts something into something.
const MODULES: &str = "sql,blindsql,xss,permanentxss,exec,file,crlf,xxe";
/// Its names for what those modules find.
const INJECTIONS: &[&str] = &[
    "SQL Injection",
    "Blind SQL Injection",
    "Cross Site Scripting",
    "Stored Cross Site Scripting",
    "Command execution",
    "Commands execution",
    "File Handling",
    "Path Traversal",
    "CRLF Injection",
    "XXE",
];
/// How sqlmap disguises what it sends.
const DISGUISES: &str = "between,randomcase,space2comment";

/// Where its levels of risk end.
const MOST_RISK: u8 = 3;

/// What sqlmap tries to inject into.
#[derive(Debug, Clone, Copy)]
pub struct Aim<'a> {
    /// With its parameters.
    pub address: &'a str,
    /// A form to send.
    pub data: Option<&'a str>,
    /// How much it tries, from 1 to 5.
    pub level: u8,
    /// Whether it disguises what it sends.
    pub disguised: bool,
}

/// What a scan gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scan {
    /// What it says it found.
    pub found: Vec<String>,
    /// Whether it tried everything it knows; otherwise its time was over before.
    pub in_time: bool,
}

/// A folder for what the programs write.
#[derive(Debug)]
pub struct Scratch(PathBuf);

impl Scratch {
    /// Makes it, empty.
    pub fn new(folder: PathBuf) -> anyhow::Result<Self> {
        if folder.exists() {
            std::fs::remove_dir_all(&folder)?;
        }
        std::fs::create_dir_all(&folder)?;
        Ok(Self(folder))
    }

    /// How many addresses sqlmap can inject into: none or one. It looks like a browser, since the
    /// rules know its own name.
    pub fn sqlmap(&self, aim: &Aim<'_>, limit: Duration) -> anyhow::Result<Scan> {
        let mut command = self.bounded("sqlmap", limit);
        command
            .args([
                "-u",
                aim.address,
                "--batch",
                "--flush-session",
                "--random-agent",
            ])
            .args(["--disable-coloring", "--ignore-code=403", "--skip-waf"])
            .args(["--dbms=MySQL", "--threads=4", "--timeout=20", "--retries=1"])
            .args(["--level", &aim.level.to_string()])
            .args(["--risk", &aim.level.min(MOST_RISK).to_string()])
            .arg("--output-dir")
            .arg(self.0.join("sqlmap"));
        if let Some(data) = aim.data {
            command.args(["--data", data]);
        }
        if aim.disguised {
            command.args(["--tamper", DISGUISES]);
        }
        let (text, in_time) = said(&mut command)?;
        judged(&text, in_time)
    }

    /// How many injections wapiti reports below an address. Its report is kept under this name.
    pub fn wapiti(&self, address: &str, name: &str, limit: Duration) -> anyhow::Result<Scan> {
        let report = self.0.join(format!("{name}.json"));
        let crawl = (limit.as_secs() / 5).max(5).to_string();
        // It ends each module by itself; the outer bound is for one that hangs.
        let attack = (limit.as_secs() / 10).max(2).to_string();
        let mut command = self.bounded("wapiti", limit * 3);
        command
            .args(["-u", address, "--scope", "folder", "-m", MODULES])
            .args(["--flush-session", "--no-bugreport", "-v", "0", "-d", "2"])
            .args(["--max-links-per-page", "12", "-t", "5"])
            .args(["--max-scan-time", &crawl, "--max-attack-time", &attack])
            .args([
                "-A",
                "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
            ])
            .arg("--store-session")
            .arg(self.0.join("wapiti"))
            .args(["-f", "json", "-o"])
            .arg(&report);
        let _ = std::fs::remove_file(&report);
        let (text, in_time) = said(&mut command)?;
        let report = std::fs::read_to_string(&report)
            .with_context(|| format!("wapiti wrote no report: {}", end(&text)))?;
        Ok(Scan {
            found: reported(&serde_json::from_str(&report)?)?,
            in_time,
        })
    }

    fn bounded(&self, program: &str, limit: Duration) -> Command {
        let mut command = Command::new("timeout");
        command
            .arg(limit.as_secs().to_string())
            .arg(program)
            .current_dir(&self.0)
            // Python's programs keep state below the home folder.
            .env("HOME", &self.0);
        command
    }
}

/// What sqlmap came to.
fn judged(text: &str, in_time: bool) -> anyhow::Result<Scan> {
    let found = text.contains("sqlmap identified the following injection point");
    ensure!(
        found || !in_time || text.contains("do not appear to be injectable"),
        "sqlmap came to no end: {}",
        end(text)
    );
    // One address is one finding, whatever it can be shown with.
    let payload = text
        .lines()
        .find_map(|line| line.trim().strip_prefix("Payload: "))
        .unwrap_or("a payload that it does not name");
    Ok(Scan {
        found: found.then(|| payload.to_owned()).into_iter().collect(),
        in_time,
    })
}

/// The injections of a report of wapiti.
fn reported(report: &Value) -> anyhow::Result<Vec<String>> {
    let kinds = report["vulnerabilities"]
        .as_object()
        .context("wapiti's report has no vulnerabilities")?;
    // Names differ between its versions: one that is not known at all would hide findings.
    let known = |name: &&&str| kinds.contains_key(**name);
    ensure!(
        INJECTIONS.iter().filter(known).count() >= 5,
        "wapiti names its findings in another way: {:?}",
        kinds.keys().collect::<Vec<_>>()
    );
    let found = INJECTIONS.iter().flat_map(|name| {
        let found = kinds.get(*name).and_then(Value::as_array);
        found.into_iter().flatten().map(move |one| {
            let text = |key: &str| one[key].as_str().unwrap_or_default().trim().to_owned();
            format!(
                "{name}: {} ({})",
                text("info"),
                text("http_request").lines().next().unwrap_or_default()
            )
        })
    });
    Ok(found.collect())
}

/// What a program says, and whether it ended by itself.
fn said(command: &mut Command) -> anyhow::Result<(String, bool)> {
    let output = command.stdin(Stdio::null()).output()?;
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    match output.status.code() {
        Some(124) => Ok((text, false)),
        Some(126 | 127) => bail!("not installed: {}", end(&text)),
        _ => Ok((text, true)),
    }
}

fn end(text: &str) -> String {
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    lines[lines.len().saturating_sub(4)..].join(" / ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const FOUND: &str = "sqlmap identified the following injection point(s) with a total of 40 HTTP(s) requests:\n---\n\
        Parameter: id (GET)\n    Type: boolean-based blind\n    Payload: id=1 AND 1=1\n\n    Payload: id=2\n---\nback-end DBMS: MySQL";

    #[test]
    fn sqlmap_is_read_as_it_speaks() {
        let scan = judged(FOUND, true).expect("an end");
        assert_eq!(scan.found, ["id=1 AND 1=1"]);
        let nothing = "[CRITICAL] all tested parameters do not appear to be injectable.";
        assert!(judged(nothing, true).expect("an end").found.is_empty());
        let cut = judged("[INFO] testing 'MySQL'", false).expect("its time was over");
        assert!(cut.found.is_empty() && !cut.in_time);
        assert!(judged("[CRITICAL] unable to connect", true).is_err());
    }

    #[test]
    fn wapiti_is_read_by_the_names_it_has() {
        let mut kinds: serde_json::Map<String, Value> = INJECTIONS
            .iter()
            .map(|name| ((*name).to_owned(), json!([])))
            .collect();
        let report = |kinds: &serde_json::Map<_, _>| json!({ "vulnerabilities": kinds });
        assert!(reported(&report(&kinds)).expect("names").is_empty());
        kinds.insert("Cookies".to_owned(), json!([{ "info": "not set" }]));
        let one = json!({ "info": "via id", "http_request": "GET /a?id=1 HTTP/1.1\nhost: a" });
        kinds.insert("SQL Injection".to_owned(), json!([one]));
        let found = reported(&report(&kinds)).expect("names");
        assert_eq!(found, ["SQL Injection: via id (GET /a?id=1 HTTP/1.1)"]);
        let others = json!({ "vulnerabilities": { "SQLi": [] } });
        assert!(reported(&others).is_err(), "other names hide nothing");
    }
}
