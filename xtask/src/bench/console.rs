//! The console under load: fifty people at once on an installation with a million records.
//!
//! The server's own time of each answer is read from its `server-timing` header; weights are bytes
//! as they come over the wire with Brotli. No other product is measured: none runs here. The
//! people, the server and whatever else the machine does share its cores; the machine's load
//! is printed beside the figures.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde_json::{Value, json};

use super::Args;
use super::chance::Chance;
use super::figure::{Figure, Goal, Measured, percentile};
use super::serving::{Running, free_port, scratch, wait_for_page};
use super::visit::{self, Addresses, Weight};
use super::wire::Wire;
use crate::binary;
use crate::step::{self, Steps};

const SERVER_TIME: Figure = Figure {
    key: "console.p99",
    what: "server time p99 of the slowest page, 50 people",
    unit: "ms",
    goal: Goal::AtMost(80.0),
};
const ALL_PAGES: Figure = Figure {
    key: "console.p99_all",
    what: "server time p99 over all page views, 50 people",
    unit: "ms",
    goal: Goal::AtMost(80.0),
};
const WEIGHT: Figure = Figure {
    key: "console.weight",
    what: "heaviest page, first view, transferred",
    unit: "kB",
    goal: Goal::AtMost(200.0),
};
const SCRIPT: Figure = Figure {
    key: "console.script",
    what: "script of a page, transferred",
    unit: "kB",
    goal: Goal::AtMost(60.0),
};
const OFF_ORIGIN: Figure = Figure {
    key: "console.off_origin",
    what: "requests off origin",
    unit: "",
    goal: Goal::AtMost(0.0),
};

const PEOPLE: usize = 50;
const ROUND: Duration = Duration::from_secs(20);
/// Somebody who opens a page looks at it: between none and twice this.
const LOOK_MS: u64 = 1_000;
const RECORDS: &str = "1000000";
const WORK: &str = "10000";

/// Measures; `runs` is the number of rounds.
pub fn measure(steps: &Steps, args: &Args) -> anyhow::Result<Vec<Measured>> {
    let (mamori, filler) = binary::build_with_example(steps, "bench_console")?;
    let data = scratch("console")?;
    steps.say("making the installation");
    step::run(
        binary::clean(&mamori)
            .args(["demo", "--prepare-only", "--data-dir"])
            .arg(&data),
    )?;
    let told = step::output(Command::new(filler).arg("--data-dir").arg(&data).args([
        "--records",
        RECORDS,
        "--work",
        WORK,
    ]))?;
    let installed: Value = serde_json::from_str(told.lines().last().unwrap_or_default())?;
    steps.say(format!(
        "{} records ({:.0} s), {WORK} work entries more ({:.0} s)",
        installed["records"],
        installed["append_seconds"].as_f64().unwrap_or(0.0),
        installed["work_seconds"].as_f64().unwrap_or(0.0),
    ));
    let port = free_port()?;
    let mut server = Running(
        binary::clean(&mamori)
            .arg("serve")
            .arg("--data-dir")
            .arg(&data)
            .args(["--listen", &format!("127.0.0.1:{port}")])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()?,
    );
    wait_for_page(&mut server.0, port, Duration::from_mins(1))?;
    steps.say(format!("machine load before: {}", load()));
    let routes = routes(&installed);
    let people = people(&data, port, &visit::pages(&routes))?;
    let weights = weigh(port, &people)?;
    steps.say(format!(
        "{PEOPLE} people, {} rounds of {} s, on average {LOOK_MS} ms between pages",
        args.runs,
        ROUND.as_secs()
    ));
    let mut rounds = Vec::new();
    for _ in 0..args.runs {
        rounds.push(round(port, &people)?);
        steps.say(format!("round done; machine load: {}", load()));
    }
    let failed: u64 = rounds.iter().map(|round| round.failed).sum();
    ensure!(failed == 0, "{failed} page views failed under load");
    show(&rounds, &weights, &visit::pages(&routes))?;
    let heaviest = weights.values().map(|weight| weight.all).max();
    let script = weights.values().map(|weight| weight.script).max();
    let off_origin: usize = weights.values().map(|weight| weight.off_origin).sum();
    let kilobytes = |bytes: Option<usize>| {
        bytes
            .map(|bytes| vec![bytes as f64 / 1_000.0])
            .context("no page was weighed")
    };
    Ok(vec![
        Measured::new(
            SERVER_TIME,
            Ok(rounds.iter().map(Round::slowest_page).collect()),
        ),
        Measured::new(ALL_PAGES, Ok(rounds.iter().map(Round::all_pages).collect())),
        Measured::new(WEIGHT, kilobytes(heaviest)),
        Measured::new(SCRIPT, kilobytes(script)),
        Measured::new(OFF_ORIGIN, Ok(vec![off_origin as f64])),
    ])
}

/// The machine's load of the last minute, and how many compilers run.
fn load() -> String {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let minute = load.split(' ').next().unwrap_or("?").to_owned();
    let compilers = step::output(Command::new("pgrep").args(["-fc", "rustc --crate-name"]))
        .unwrap_or_else(|_| "0".to_owned());
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    format!("{minute} on {cores} cores, {} compilers", compilers.trim())
}

fn routes(filled: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    filled["routes"]
        .as_array()
        .map(|routes| {
            routes
                .iter()
                .map(|route| (text(&route["verb"]), text(&route["path"])))
                .collect()
        })
        .unwrap_or_default()
}

/// A sample person of a role, and the pages open to them.
struct Person {
    name: String,
    password: String,
    addresses: Addresses,
}

fn people(data: &Path, port: u16, pages: &[String]) -> anyhow::Result<Vec<Person>> {
    let text = std::fs::read_to_string(data.join("demo-sign-ins.json"))?;
    let sign_ins: Vec<Value> = serde_json::from_str(&text)?;
    let mut people = Vec::new();
    for one in sign_ins {
        let word = |key: &str| one[key].as_str().unwrap_or_default().to_owned();
        let (name, password) = (word("name"), word("password"));
        let mut wire = Wire::new(port);
        wire.sign_in(&name, &password)?;
        let addresses = visit::discover(&mut wire, pages)?;
        ensure!(!addresses.is_empty(), "{name} may open no page");
        people.push(Person {
            name,
            password,
            addresses,
        });
    }
    ensure!(!people.is_empty(), "the demo has no people");
    Ok(people)
}

/// Every route once, for the first person who may open it.
fn weigh(port: u16, people: &[Person]) -> anyhow::Result<BTreeMap<String, Weight>> {
    let mut weights = BTreeMap::new();
    for person in people {
        let mut wire = Wire::new(port);
        wire.sign_in(&person.name, &person.password)?;
        for (route, addresses) in &person.addresses {
            if let (false, Some(address)) = (weights.contains_key(route), addresses.first()) {
                weights.insert(route.clone(), visit::weigh(&mut wire, address)?);
            }
        }
    }
    Ok(weights)
}

/// Server times by route, in milliseconds.
#[derive(Default)]
struct Round {
    times: BTreeMap<String, Vec<f64>>,
    failed: u64,
}

impl Round {
    fn slowest_page(&self) -> f64 {
        self.times
            .values()
            .map(|times| percentile(times, 99))
            .fold(0.0, f64::max)
    }

    fn all_pages(&self) -> f64 {
        let all: Vec<f64> = self.times.values().flatten().copied().collect();
        percentile(&all, 99)
    }
}

fn round(port: u16, people: &[Person]) -> anyhow::Result<Round> {
    let round = Mutex::new(Round::default());
    // Sign-in hashes passwords, which is no page view: everybody is in before the clock starts.
    let mut wires = Vec::new();
    for number in 0..PEOPLE {
        let person = &people[number % people.len()];
        let mut wire = Wire::new(port);
        wire.sign_in(&person.name, &person.password)?;
        // Those of a role begin at pages apart: together they come by every page, which chance
        // alone would not promise.
        let alike = PEOPLE.div_ceil(people.len());
        let first = number / people.len() * person.addresses.len() / alike;
        wires.push((number, person, first, wire));
    }
    let until = Instant::now() + ROUND;
    std::thread::scope(|scope| {
        for (number, person, first, mut wire) in wires {
            let round = &round;
            scope.spawn(move || {
                let mut chance = Chance::new(number as u64 + 1);
                let mut pages = person.addresses.iter().cycle().skip(first);
                while Instant::now() < until {
                    std::thread::sleep(Duration::from_millis(chance.below(2 * LOOK_MS)));
                    let Some((route, addresses)) = pages.next() else {
                        break;
                    };
                    let address = &addresses[chance.below(addresses.len() as u64) as usize];
                    let answer = wire.get(address);
                    let mut round = round
                        .lock()
                        .unwrap_or_else(std::sync::PoisonError::into_inner);
                    match answer.map(|answer| (answer.status, answer.server_ms())) {
                        Ok((200, Some(time))) => {
                            round.times.entry(route.clone()).or_default().push(time);
                        }
                        other => {
                            eprintln!("{address}: {other:?}");
                            round.failed += 1;
                        }
                    }
                }
            });
        }
    });
    Ok(round
        .into_inner()
        .unwrap_or_else(std::sync::PoisonError::into_inner))
}

/// A row per page, and the same as JSON beside the figures.
fn show(
    rounds: &[Round],
    weights: &BTreeMap<String, Weight>,
    pages: &[String],
) -> anyhow::Result<()> {
    let mut times: BTreeMap<&String, Vec<f64>> = BTreeMap::new();
    for (route, round) in rounds.iter().flat_map(|round| &round.times) {
        times.entry(route).or_default().extend(round);
    }
    eprintln!(
        "\n{:<52} {:>6} {:>8} {:>8} {:>8} {:>8} {:>8}",
        "page", "views", "p50 ms", "p99 ms", "max ms", "html kB", "all kB"
    );
    let mut rows: Vec<_> = times.iter().collect();
    rows.sort_by(|a, b| percentile(b.1, 99).total_cmp(&percentile(a.1, 99)));
    let mut found = Vec::new();
    for (route, times) in rows {
        let weight = weights.get(*route).copied().unwrap_or_default();
        let [p50, p99, max] = [50, 99, 100].map(|percent| percentile(times, percent));
        eprintln!(
            "{route:<52} {:>6} {p50:>8.1} {p99:>8.1} {max:>8.1} {:>8.1} {:>8.1}",
            times.len(),
            weight.html as f64 / 1_000.0,
            weight.all as f64 / 1_000.0
        );
        found.push(json!({
            "page": route, "views": times.len(), "p50_ms": p50, "p99_ms": p99, "max_ms": max,
            "html_bytes": weight.html, "first_view_bytes": weight.all, "script_bytes": weight.script,
            "off_origin": weight.off_origin,
        }));
    }
    let unvisited: Vec<&String> = pages
        .iter()
        .filter(|page| !times.contains_key(page))
        .collect();
    let mut missed = Vec::new();
    for page in &unvisited {
        match visit::excuse(page) {
            Some(reason) => eprintln!("not visited: {page} ({reason})"),
            None => missed.push(page.as_str()),
        }
    }
    eprintln!("no other product was measured: none runs here\n");
    let path = step::target_dir()?.join("bench").join("console-pages.json");
    let all = json!({ "pages": found, "not_visited": unvisited, "load": load() });
    std::fs::write(&path, serde_json::to_string_pretty(&all)?)
        .with_context(|| format!("could not write {}", path.display()))?;
    ensure!(
        missed.is_empty(),
        "pages that nobody visited, so that nobody knows their times: {}",
        missed.join(", ")
    );
    Ok(())
}
