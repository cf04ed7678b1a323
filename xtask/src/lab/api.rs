//! schemathesis against the OpenAPI description: people who know nothing of the program but what it
//! says of itself send it what fits and what does not.
//!
//! The sample installation is made in the build folder and served on a free port of loopback; each
//! role calls with a token of its own. Counted are answers that are a server's error and answers
//! that are not what the description says. The document itself is looked at by another validator.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use anyhow::{Context, bail};
use serde_json::Value;

use crate::binary::{self, Profile};
use crate::step::{self, Steps};

/// Versions whose findings were looked at.
const PACKAGES: [&str; 2] = ["schemathesis==4.*", "openapi-spec-validator>=0.7"];
const ROLES: [&str; 6] = [
    "administrator",
    "manager",
    "staff",
    "city",
    "counsellor",
    "viewer",
];
/// Checks about the server alone; what a rule of the contract refuses is no finding.
const SETTINGS: &str = r#"
[checks.positive_data_acceptance]
# Data that fits its schema may still break a rule of the contract (422), a state (409), or be
# unreadable as a path (400).
expected-statuses = ["2xx", "304", "400", "401", "403", "404", "409", "412", "413", "422"]

[checks.negative_data_rejection]
expected-statuses = ["400", "401", "403", "404", "405", "406", "409", "412", "413", "415", "422", "431"]
"#;

/// What came of a run as each role, in the order in which they ran.
#[derive(Debug)]
pub struct Report {
    /// Role, what came of it, seconds that it took.
    pub runs: Vec<(&'static str, Outcome, u64)>,
}

impl Report {
    /// Whether nothing was found.
    pub fn is_clean(&self) -> bool {
        self.runs
            .iter()
            .all(|(_, run, _)| run.server_errors == 0 && run.violations == 0)
    }

    /// A line for each role and their sum, then every kind of finding with how often it came.
    pub fn table(&self) -> String {
        let mut text = format!(
            "{:<14} {:>10} {:>8} {:>13} {:>10} {:>7}\n",
            "role", "operations", "cases", "server errors", "violations", "seconds"
        );
        let mut line = |role: &str, run: &Outcome, seconds: u64| {
            let _ = writeln!(
                text,
                "{role:<14} {:>10} {:>8} {:>13} {:>10} {seconds:>7}",
                run.operations, run.cases, run.server_errors, run.violations
            );
        };
        let mut sum = Outcome::default();
        for (role, run, seconds) in &self.runs {
            line(role, run, *seconds);
            sum.operations = sum.operations.max(run.operations);
            sum.cases += run.cases;
            sum.server_errors += run.server_errors;
            sum.violations += run.violations;
        }
        line("all", &sum, self.runs.iter().map(|run| run.2).sum());
        for (role, run, _) in &self.runs {
            for (finding, count) in &run.findings {
                let _ = writeln!(text, "{role}: {count} x {finding}");
            }
        }
        text
    }
}

/// What came of one role's run.
#[derive(Debug, Default, Clone)]
pub struct Outcome {
    /// Operations that were called.
    pub operations: u64,
    /// Requests.
    pub cases: u64,
    /// Answers 5xx.
    pub server_errors: u64,
    /// Answers that are not what the description says, and other failed checks.
    pub violations: u64,
    /// Operation and what was wrong with its answers, with how often.
    pub findings: BTreeMap<String, u64>,
}

impl Outcome {
    fn found(&mut self, label: &str, what: &str) {
        *self.findings.entry(format!("{label}: {what}")).or_default() += 1;
    }
}

/// How much is tried.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Most cases of one operation and phase.
    pub examples: u32,
    /// Most seconds for one role.
    pub seconds: u32,
}

/// Ends the server with the lab.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs all roles; `None` when the tools cannot be installed here.
pub fn trials(
    steps: &Steps,
    bounds: Bounds,
    binary: Option<&Path>,
) -> anyhow::Result<Option<Report>> {
    let folder = step::target_dir()?.join("lab-api");
    std::fs::create_dir_all(&folder)?;
    let Some(tools) = tools(steps, &folder.join("venv")) else {
        return Ok(None);
    };
    let binary = match binary {
        Some(binary) => binary.to_owned(),
        None => binary::build(steps, Profile::Dev)?,
    };
    let described = folder.join("openapi.json");
    step::run(
        binary::clean(&binary)
            .args(["api", "describe", "--out"])
            .arg(&described),
    )?;
    step::run(Command::new(tools.join("openapi-spec-validator")).arg(&described))
        .context("the description is no valid OpenAPI document")?;

    let data = folder.join("data");
    if data.exists() {
        std::fs::remove_dir_all(&data)?;
    }
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
        .local_addr()?
        .port();
    steps.say("making the sample installation");
    let _server = serve(&binary, &data, port)?;
    let url = format!("http://127.0.0.1:{port}");
    let settings = folder.join("schemathesis.toml");

    let contract = first_contract(&binary, &data)?;
    let mut runs = Vec::new();
    for role in ROLES {
        let begun = Instant::now();
        let token = token(&binary, &data, role)?;
        let text = format!("{SETTINGS}\n[parameters]\n\"path.contract\" = \"{contract}\"\n");
        std::fs::write(&settings, text)?;
        let reports = folder.join(format!("report-{role}"));
        let outcome = one(&tools, &settings, &url, &token, &reports, bounds)?;
        let seconds = begun.elapsed().as_secs();
        steps.say(format!("{role}: {} cases in {seconds} s", outcome.cases));
        runs.push((role, outcome, seconds));
    }
    Ok(Some(Report { runs }))
}

/// The folder with the programs; none, said loudly, when they cannot be installed.
fn tools(steps: &Steps, venv: &Path) -> Option<PathBuf> {
    let programs = venv.join("bin");
    if programs.join("schemathesis").is_file() {
        return Some(programs);
    }
    steps.say("installing schemathesis into the build folder");
    let made = step::run(Command::new("python3").args(["-m", "venv"]).arg(venv)).and_then(|()| {
        step::run(
            Command::new(programs.join("pip"))
                .args(["install", "--quiet"])
                .args(PACKAGES),
        )
    });
    match made {
        Ok(()) => Some(programs),
        Err(error) => {
            steps.say(format!(
                "SKIPPED: schemathesis cannot be installed here, so NOTHING WAS MEASURED: {error:#}"
            ));
            None
        }
    }
}

/// Serves the sample installation; returns when it answers.
fn serve(binary: &Path, data: &Path, port: u16) -> anyhow::Result<Server> {
    let mut child = binary::clean(binary)
        .args(["--json", "demo", "--data-dir"])
        .arg(data)
        .args(["--port", &port.to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("could not start mamori demo")?;
    let stdout = child.stdout.take().context("stdout is piped")?;
    let server = Server(child);
    // The first line says that it serves.
    let mut line = String::new();
    let mut reader = BufReader::new(stdout);
    reader.read_line(&mut line)?;
    if line.trim().is_empty() {
        bail!("mamori demo ended before it served");
    }
    // Whatever it says later is read away, so that it never waits for us.
    std::thread::spawn(move || std::io::copy(&mut reader, &mut std::io::sink()));
    Ok(server)
}

fn token(binary: &Path, data: &Path, role: &str) -> anyhow::Result<String> {
    let told = step::output(
        binary::clean(binary)
            .args([
                "--json", "user", "token", "add", "lab", "--role", role, "--days", "1",
            ])
            .arg("--data-dir")
            .arg(data),
    )?;
    let told: Value = serde_json::from_str(&told).context("the token's answer is no JSON")?;
    let token = told["token"].as_str().context("no token was printed")?;
    Ok(token.to_owned())
}

/// Id of the contract of the sample installation.
fn first_contract(binary: &Path, data: &Path) -> anyhow::Result<String> {
    let told = step::output(
        binary::clean(binary)
            .args(["--json", "ledger", "head", "--data-dir"])
            .arg(data),
    )?;
    told.lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .flat_map(|value| match value {
            Value::Array(heads) => heads,
            one => vec![one],
        })
        .filter_map(|head| head["contract"].as_str().map(str::to_owned))
        .find(|contract| contract != "system")
        .context("the sample installation has no contract")
}

fn one(
    tools: &Path,
    settings: &Path,
    url: &str,
    token: &str,
    reports: &Path,
    bounds: Bounds,
) -> anyhow::Result<Outcome> {
    if reports.exists() {
        std::fs::remove_dir_all(reports)?;
    }
    let report = reports.join("report.ndjson");
    std::fs::create_dir_all(reports)?;
    let mut command = Command::new(tools.join("schemathesis"));
    command
        .arg("--config-file")
        .arg(settings)
        .args(["run", &format!("{url}/api/v1/openapi.json")])
        .args(["-H", &format!("Authorization: Bearer {token}")])
        .args(["--checks", "all", "--continue-on-failure", "--workers", "1"])
        .args(["--max-examples", &bounds.examples.to_string()])
        .args(["--max-time", &bounds.seconds.to_string()])
        .args([
            "--request-timeout",
            "35",
            "--seed",
            "1",
            "--warnings",
            "off",
        ])
        .args(["--suppress-health-check", "all"])
        .args(["--report", "ndjson", "--report-ndjson-path"])
        .arg(&report)
        .stdin(Stdio::null())
        .stdout(std::fs::File::create(reports.join("output.txt"))?);
    // It fails when it finds something; what it found is read from its report.
    command
        .status()
        .context("schemathesis could not be started")?;
    let text = std::fs::read_to_string(&report).context("schemathesis left no report")?;
    read(&text).with_context(|| format!("see {}", reports.display()))
}

/// Counts what a report in lines of JSON says.
fn read(text: &str) -> anyhow::Result<Outcome> {
    let mut outcome = Outcome::default();
    let mut ended = false;
    for line in text.lines() {
        let event: Value = serde_json::from_str(line).context("a line is no JSON")?;
        if let Some(loaded) = event.get("LoadingFinished") {
            outcome.operations = loaded["statistic"]["operations"]["selected"]
                .as_u64()
                .context("the number of operations is missing")?;
        }
        // An answer that cannot be read at all is one that the description does not say.
        if let Some(error) = event.get("NonFatalError").or(event.get("FatalError")) {
            outcome.violations += 1;
            let label = error["label"].as_str().unwrap_or("the run");
            outcome.found(label, "an error of the run");
        }
        ended |= event.get("EngineFinished").is_some();
        let Some(recorder) = event.get("ScenarioFinished").map(|it| &it["recorder"]) else {
            continue;
        };
        let label = recorder["label"].as_str().unwrap_or_default();
        for call in recorder["interactions"].as_object().into_iter().flatten() {
            outcome.cases += 1;
            let status = call.1["response"]["status_code"].as_u64().unwrap_or(0);
            if status >= 500 {
                outcome.server_errors += 1;
                outcome.found(label, &format!("status {status}"));
            }
        }
        let checks = recorder["checks"].as_object().into_iter().flatten();
        for check in checks.flat_map(|(_, checks)| checks.as_array().into_iter().flatten()) {
            if check["status"] == "failure" {
                outcome.violations += 1;
                outcome.found(label, check["name"].as_str().unwrap_or("a check"));
            }
        }
    }
    if !ended || outcome.operations == 0 || outcome.cases == 0 {
        bail!("schemathesis called nothing or ended too early");
    }
    Ok(outcome)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_and_violations_are_counted() {
        let report = r#"{"LoadingFinished":{"statistic":{"operations":{"selected":2}}}}
{"ScenarioFinished":{"recorder":{"label":"GET /a","interactions":{"1":{"response":{"status_code":200}},"2":{"response":{"status_code":503}}},"checks":{"1":[{"name":"x","status":"success"},{"name":"y","status":"failure"}]}}}}
{"ScenarioFinished":{"recorder":{"label":"GET /b"}}}
{"NonFatalError":{"label":"GET /b"}}
{"EngineFinished":{}}"#;
        let outcome = read(report).expect("a report");
        assert_eq!((outcome.operations, outcome.cases), (2, 2));
        assert_eq!((outcome.server_errors, outcome.violations), (1, 2));
        let found: Vec<&str> = outcome.findings.keys().map(String::as_str).collect();
        let expected = [
            "GET /a: status 503",
            "GET /a: y",
            "GET /b: an error of the run",
        ];
        assert_eq!(found, expected);
        let runs = vec![("staff", outcome.clone(), 3), ("city", outcome, 4)];
        let report = Report { runs };
        assert!(!report.is_clean());
        let table = report.table();
        let sum = table.lines().nth(3).expect("a line of sums");
        let figures: Vec<&str> = sum.split_whitespace().collect();
        assert_eq!(figures, ["all", "2", "4", "2", "4", "7"], "{table}");
    }

    #[test]
    fn a_report_without_calls_is_no_success() {
        assert!(read("{\"EngineFinished\":{}}").is_err());
        assert!(read("").is_err());
    }
}
