//! `cargo xtask bench gateway`: ours beside nginx with libmodsecurity, with the same rules, in front of
//! the same site, in one run.
//!
//! Rounds of both sides are interleaved, and a figure that compares is the median of the rounds' own
//! ratios, so that whatever else the machine does strikes both. CPU time is that of the servers'
//! processes alone. Absolute figures of every round are printed and kept beside the ratios.

mod cases;
mod load;
mod ours;
mod peer;
mod reload;
mod requests;
mod side;
mod texts;
mod upload;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::{Value, json};

use super::Args;
use super::figure::{Figure, Goal, Measured};
use super::serving::{memory_mib, scratch};
use crate::apt;
use crate::binary::{self, Profile};
use crate::step::{self, Steps};
use ours::{Installation, Ours};
use peer::{Nginx, Rules};
use side::Bench;

const DEBIAN: &str = "/usr/share/modsecurity-crs";
const RELOADS: usize = 200;
const EXCLUSIONS: u64 = 50;
/// Rules that every version of the rule set has; one that is not there cannot be named.
const EXCLUDED_RULES: [u64; 5] = [942_100, 942_140, 942_160, 942_170, 942_190];

const MEMORY: Figure = Figure {
    key: "gateway.memory",
    what: "memory with the rules loaded, whole product",
    unit: "MiB",
    goal: Goal::AtMost(80.0),
};
const MEMORY_ALONE: Figure = Figure {
    key: "gateway.memory_alone",
    what: "memory with the rules loaded, gateway alone",
    unit: "MiB",
    goal: Goal::AtMost(80.0),
};
const UPLOAD: Figure = Figure {
    key: "gateway.upload",
    what: "memory that a 2 GB upload adds",
    unit: "MiB",
    goal: Goal::AtMost(16.0),
};
const FAILED: Figure = Figure {
    key: "gateway.reload_failed",
    what: "failed requests during 200 reloads",
    unit: "",
    goal: Goal::AtMost(0.0),
};
const GROWTH: Figure = Figure {
    key: "gateway.reload_growth",
    what: "memory growth by 200 reloads",
    unit: "%",
    goal: Goal::AtMost(2.0),
};
const EXCLUDED: Figure = Figure {
    key: "gateway.exclusions",
    what: "CPU per GET, 50 exclusions against none",
    unit: "x",
    goal: Goal::AtMost(1.1),
};

/// Measures.
pub fn measure(steps: &Steps, args: &Args) -> anyhow::Result<Vec<Measured>> {
    apt::ensure(steps, &[apt::GATEWAY, apt::PEER])?;
    let rules = Rules::find(args.rules.as_deref().unwrap_or(Path::new(DEBIAN)))?;
    steps.say("building mamori in release");
    let mamori = binary::build(steps, Profile::Release)?;
    let folder = scratch("gateway")?;
    let site = Nginx::site(&folder, upload::sink()?)?;
    let installation = Installation::make(&mamori, &folder, site.port, &rules)?;
    let wanted = |part: &str| args.only.as_deref().is_none_or(|only| part.contains(only));
    let mut measured = Vec::new();

    if wanted("memory") {
        steps.say("memory of the gateway alone");
        let alone = installation.serve(Some("gateway"))?;
        measured.push(Measured::new(MEMORY_ALONE, Ok(settled(&alone, args.runs)?)));
    }
    let mut ours = installation.serve(None)?;
    ours.decide("open", "off")?;
    if wanted("memory") {
        steps.say("memory of the whole product");
        measured.push(Measured::new(MEMORY, Ok(settled(&ours, args.runs)?)));
    }
    let plain = Nginx::plain(&folder, site.port)?;
    let guarded = Nginx::guarded(&folder, site.port, &rules)?;
    let attack = requests::attack();
    ensure!(ours.ask(&attack)? == 403, "ours does not refuse an attack");
    let theirs = wire_status(guarded.port, &attack)?;
    ensure!(
        theirs == 403,
        "the peer does not refuse an attack: {theirs}"
    );

    let mut bench = Bench::new(&folder, &ours, &plain, &guarded, args)?;
    if wanted("rounds") {
        steps.say(format!("{} interleaved rounds of load", args.runs));
        measured.extend(bench.load(steps)?);
    }
    if wanted("texts") {
        steps.say(format!("texts of seed {}", args.seed));
        measured.extend(bench.texts(args.seed, rules.plugins.is_some())?);
    }
    if wanted("cases") {
        steps.say("bad cases in two sizes");
        measured.extend(bench.cases()?);
    }
    if wanted("file") {
        steps.say("uploading 2 GB");
        let added = upload::memory(ours.port, ours.process(), upload::BYTES);
        measured.push(Measured::new(UPLOAD, added.map(|added| vec![added])));
    }
    if wanted("exclusions") {
        steps.say(format!("{EXCLUSIONS} exclusions"));
        let before = bench.get_cost()?;
        for at in 0..EXCLUSIONS {
            let rule = EXCLUDED_RULES[at as usize % EXCLUDED_RULES.len()];
            ours.exclude(rule, "ARGS:s", &format!("/bench/{at}"))?;
        }
        // The last of them is in force when one more decision is.
        ours.decide("guarded", "detect")?;
        ours.until(200)?;
        ours.decide("guarded", "block")?;
        ours.until(403)?;
        let after = bench.get_cost()?;
        let ratios = after
            .iter()
            .zip(&before)
            .map(|(after, before)| after / before);
        measured.push(Measured::new(EXCLUDED, Ok(ratios.collect())));
    }
    let mut detail = bench.detail();
    if wanted("reload") {
        steps.say(format!("{RELOADS} reloads under load"));
        let found = reload::run(&mut ours, RELOADS)?;
        steps.say(format!(
            "{} requests meanwhile; {:.1} MiB before, {:.1} MiB after",
            found.requests, found.before, found.after
        ));
        measured.push(Measured::new(FAILED, Ok(vec![found.failed as f64])));
        measured.push(Measured::new(GROWTH, Ok(vec![found.growth()])));
        detail["reloads"] = json!({
            "requests": found.requests, "failed": found.failed,
            "before_mib": found.before, "after_mib": found.after,
        });
    }
    keep(&rules, &detail)?;
    Ok(measured)
}

/// Memory at rest, so many times.
fn settled(ours: &Ours, runs: u32) -> anyhow::Result<Vec<f64>> {
    (0..runs)
        .map(|_| {
            std::thread::sleep(Duration::from_secs(1));
            memory_mib(ours.process(), "VmRSS")
        })
        .collect()
}

fn wire_status(port: u16, request: &[u8]) -> anyhow::Result<u16> {
    Ok(super::wire::Line::new(port).ask(request)?.status)
}

/// Keeps everything that the figures come from.
fn keep(rules: &Rules, detail: &Value) -> anyhow::Result<()> {
    let mut detail = detail.clone();
    detail["rules"] = json!(rules.folder.display().to_string());
    let path: PathBuf = step::target_dir()?.join("bench/gateway-rounds.json");
    std::fs::write(&path, serde_json::to_string_pretty(&detail)?)
        .with_context(|| format!("could not write {}", path.display()))?;
    eprintln!("rounds: {}", path.display());
    Ok(())
}
