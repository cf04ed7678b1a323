//! The same requests to both sides, round after round.

use std::path::Path;

use serde_json::{Value, json};

use super::cases::{CASES, SIZE};
use super::load::{self, Load, Run};
use super::ours::Ours;
use super::peer::Nginx;
use super::requests::{self, GUARDED, OPEN};
use super::texts::Writer;
use crate::bench::Args;
use crate::bench::figure::{Figure, Goal, Measured, median};
use crate::bench::wire::Line;
use crate::step::Steps;

const GET: Figure = ratio("gateway.cpu_get", "CPU per benign GET, peer / ours", 15.0);
/// The gateway remembers what it found out about values; here it can remember nothing. Between this
/// and the figure above lies what a city sees.
const STRANGER: Figure = ratio(
    "gateway.cpu_stranger",
    "CPU per GET of strangers, peer / ours",
    10.0,
);
const FORM: Figure = ratio(
    "gateway.cpu_form",
    "CPU per Japanese form, peer / ours",
    10.0,
);
const POST: Figure = ratio(
    "gateway.cpu_post",
    "CPU per wp-admin post, peer / ours",
    10.0,
);
const THROUGHPUT: Figure = ratio(
    "gateway.throughput",
    "throughput with WAF, ours / peer",
    12.0,
);
const LARGE: Figure = Figure {
    key: "gateway.large_form",
    what: "CPU of a 128 kB form",
    unit: "ms",
    goal: Goal::AtMost(8.0),
};
const BAD: Figure = Figure {
    key: "gateway.twice",
    what: "time(2n) / time(n), worst of the bad cases",
    unit: "x",
    goal: Goal::AtMost(2.2),
};
const FALSE: Figure = Figure {
    key: "gateway.false_positives",
    what: "harmless texts refused at PL1",
    unit: "",
    goal: Goal::AtMost(0.0),
};

const FALSE_ALONE: Figure = Figure {
    key: "gateway.false_positives_alone",
    what: "harmless texts refused that the peer lets pass",
    unit: "",
    goal: Goal::AtMost(0.0),
};

const fn ratio(key: &'static str, what: &'static str, least: f64) -> Figure {
    Figure {
        key,
        what,
        unit: "x",
        goal: Goal::AtLeast(least),
    }
}

/// Requests of one size and case that are sent one after another.
const REPEAT: usize = 6;

/// So many that none is remembered when its turn comes again.
const STRANGERS: usize = 4_000;

/// One kind of load on one port.
struct Class {
    name: &'static str,
    load: Load,
    /// The same without firewall compares nginx's plain proxy with our open site.
    open: bool,
    /// A ratio of CPU time that was promised.
    promised: Option<Figure>,
}

/// Both sides and what was seen of them.
pub struct Bench {
    folder: std::path::PathBuf,
    rounds: usize,
    ours: (u16, Vec<u32>),
    plain: (u16, Vec<u32>),
    peer: (u16, Vec<u32>),
    detail: Value,
}

impl Bench {
    pub fn new(
        folder: &Path,
        ours: &Ours,
        plain: &Nginx,
        peer: &Nginx,
        args: &Args,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            folder: folder.to_owned(),
            rounds: args.runs as usize,
            ours: (ours.port, vec![ours.process()]),
            plain: (plain.port, plain.workers()?),
            peer: (peer.port, peer.workers()?),
            detail: json!({ "seed": args.seed }),
        })
    }

    /// Everything seen, for machines.
    pub fn detail(&self) -> Value {
        self.detail.clone()
    }

    fn classes(&self) -> anyhow::Result<Vec<Class>> {
        let mut writer = Writer::new(42);
        let mut drawn = |count: usize, make: &mut dyn FnMut(&mut Writer, usize) -> Vec<u8>| {
            (0..count)
                .map(|at| make(&mut writer, at))
                .collect::<Vec<_>>()
        };
        let forms = drawn(24, &mut |writer, at| requests::contact(writer, 3 + at % 10));
        let posts = drawn(16, &mut |writer, at| requests::classic(writer, 6 + at % 8));
        let large = drawn(4, &mut |writer, _| requests::large(writer, 128 * 1024));
        let load = |name: &str, requests: &[Vec<u8>], connections, seconds| {
            Load::new(&self.folder, name, requests, connections, seconds)
        };
        Ok(vec![
            Class {
                name: "benign GET",
                load: load("get", &requests::pages(GUARDED), 32, 2)?,
                open: false,
                promised: Some(GET),
            },
            Class {
                name: "GET of strangers",
                load: load("strangers", &requests::strangers(GUARDED, STRANGERS), 32, 2)?,
                open: false,
                promised: Some(STRANGER),
            },
            Class {
                name: "GET, no WAF",
                load: load("open", &requests::pages(OPEN), 32, 2)?,
                open: true,
                promised: None,
            },
            Class {
                name: "Japanese form",
                load: load("form", &forms, 16, 2)?,
                open: false,
                promised: Some(FORM),
            },
            Class {
                name: "wp-admin post",
                load: load("post", &posts, 16, 2)?,
                open: false,
                promised: Some(POST),
            },
            Class {
                name: "128 kB form",
                load: load("large", &large, 4, 2)?,
                open: false,
                promised: None,
            },
        ])
    }

    /// Rounds of load, both sides in turn.
    pub fn load(&mut self, steps: &Steps) -> anyhow::Result<Vec<Measured>> {
        let classes = self.classes()?;
        let mut seen: Vec<(Vec<Run>, Vec<Run>)> =
            classes.iter().map(|_| Default::default()).collect();
        for round in 0..self.rounds {
            for (class, (own, others)) in classes.iter().zip(&mut seen) {
                let peer = if class.open { &self.plain } else { &self.peer };
                // Whoever comes second finds the machine warmer: they take turns.
                for first in [round % 2 == 0, round % 2 != 0] {
                    let (to, (port, server)) = if first {
                        (&mut *own, &self.ours)
                    } else {
                        (&mut *others, peer)
                    };
                    to.push(class.load.run(*port, server)?);
                }
            }
            steps.say(format!("round {} of {} done", round + 1, self.rounds));
        }
        let mut measured = Vec::new();
        for (class, (own, others)) in classes.iter().zip(&seen) {
            let ratios = |of: fn(&Run, &Run) -> f64| -> Vec<f64> {
                own.iter()
                    .zip(others)
                    .map(|(own, other)| of(own, other))
                    .collect()
            };
            if let Some(figure) = class.promised {
                let costs = ratios(|own, other| other.cpu / own.cpu);
                measured.push(Measured::new(figure, Ok(costs)));
            }
            match class.name {
                "benign GET" => {
                    let faster = ratios(|own, other| own.per_second / other.per_second);
                    measured.push(Measured::new(THROUGHPUT, Ok(faster)));
                }
                "128 kB form" => {
                    let costs = own.iter().map(|run| run.cpu / 1_000.0).collect();
                    measured.push(Measured::new(LARGE, Ok(costs)));
                }
                _ => {}
            }
            self.detail["load"][class.name] = json!({ "ours": all(own), "peer": all(others) });
        }
        show(&classes, &seen);
        Ok(measured)
    }

    /// CPU microseconds of a benign GET through ours, so many times as there are rounds.
    pub fn get_cost(&self) -> anyhow::Result<Vec<f64>> {
        let load = Load::new(&self.folder, "cost", &requests::pages(GUARDED), 32, 1)?;
        (0..self.rounds)
            .map(|_| Ok(load.run(self.ours.0, &self.ours.1)?.cpu))
            .collect()
    }

    /// Texts that nobody has tried, through both: whatever is refused is refused wrongly.
    pub fn texts(&mut self, seed: u64, editor: bool) -> anyhow::Result<Vec<Measured>> {
        let mut writer = Writer::new(seed);
        let mut kinds: Vec<(&str, Vec<Vec<u8>>)> = vec![
            (
                "short field",
                (0..400)
                    .map(|at| requests::short(&mut writer, at))
                    .collect(),
            ),
            (
                "contact form",
                (0..300)
                    .map(|at| requests::contact(&mut writer, 1 + at % 12))
                    .collect(),
            ),
        ];
        if editor {
            kinds.push((
                "classic post",
                (0..150)
                    .map(|at| requests::classic(&mut writer, 1 + at % 14))
                    .collect(),
            ));
            kinds.push((
                "block post",
                (0..150)
                    .map(|at| requests::blocks(&mut writer, 1 + at % 14))
                    .collect(),
            ));
        } else {
            eprintln!(
                "the rule set has no exclusions for WordPress: posts in the editor are not tried"
            );
        }
        let (mut ours, mut peer) = (Line::new(self.ours.0), Line::new(self.peer.0));
        let (mut wrong, mut alone) = (0, 0);
        for (kind, all) in &kinds {
            let (mut own, mut others) = (Vec::new(), 0);
            for request in all {
                let status = ours.ask(request)?.status;
                let theirs = peer.ask(request)?.status;
                others += usize::from(theirs != 200);
                alone += usize::from(status != 200 && theirs == 200);
                if status != 200 {
                    own.push(json!({
                        "status": status, "peer": theirs,
                        "request": String::from_utf8_lossy(request),
                    }));
                }
            }
            eprintln!(
                "{kind}: {} of {} refused by ours, {others} by the peer",
                own.len(),
                all.len()
            );
            wrong += own.len();
            self.detail["texts"][*kind] = json!({ "sent": all.len(), "ours": own, "peer": others });
        }
        Ok(vec![
            Measured::new(FALSE, Ok(vec![wrong as f64])),
            Measured::new(FALSE_ALONE, Ok(vec![alone as f64])),
        ])
    }

    /// Every bad case in two sizes, in rounds.
    pub fn cases(&mut self) -> anyhow::Result<Vec<Measured>> {
        let mut line = Line::new(self.ours.0);
        let mut cost = |request: &[u8]| -> anyhow::Result<f64> {
            let before = load::cpu(&self.ours.1)?;
            for _ in 0..REPEAT {
                line.ask(request)?;
            }
            let used = load::spent(&before, &load::cpu(&self.ours.1)?);
            Ok(used / 1e6 / REPEAT as f64)
        };
        let mut rows = Vec::new();
        let mut worst: f64 = 0.0;
        eprintln!(
            "\n{:<18} {:>10} {:>10} {:>8}",
            "bad case", "n ms", "2n ms", "2n/n"
        );
        for (name, make) in CASES {
            let (half, whole) = (make(SIZE), make(2 * SIZE));
            let (mut small, mut large, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
            cost(&whole)?;
            for _ in 0..self.rounds {
                let (of_half, of_whole) = (cost(&half)?, cost(&whole)?);
                small.push(of_half);
                large.push(of_whole);
                ratios.push(of_whole / of_half);
            }
            let middle = |values: &[f64]| median(values.to_vec()).unwrap_or(f64::NAN);
            let ratio = middle(&ratios);
            eprintln!(
                "{name:<18} {:>10.2} {:>10.2} {ratio:>8.2}",
                middle(&small),
                middle(&large)
            );
            worst = worst.max(ratio);
            rows.push(json!({ "case": name, "n_ms": small, "2n_ms": large, "ratios": ratios }));
        }
        self.detail["cases"] = json!({ "n_bytes": SIZE, "rows": rows });
        Ok(vec![Measured::new(BAD, Ok(vec![worst]))])
    }
}

/// Medians of every load, for people.
fn show(classes: &[Class], seen: &[(Vec<Run>, Vec<Run>)]) {
    eprintln!(
        "\n{:<15} {:<6} {:>12} {:>12} {:>10} {:>10} {:>10}",
        "load", "side", "CPU us", "requests/s", "p99 ms", "generator", "not 2xx"
    );
    for (class, (own, others)) in classes.iter().zip(seen) {
        for (side, runs) in [("ours", own), ("peer", others)] {
            let middle =
                |of: fn(&Run) -> f64| median(runs.iter().map(of).collect()).unwrap_or(f64::NAN);
            eprintln!(
                "{:<15} {side:<6} {:>12.1} {:>12.0} {:>10.1} {:>8.0} % {:>10.0}",
                class.name,
                middle(|run| run.cpu),
                middle(|run| run.per_second),
                middle(|run| run.p99),
                middle(|run| run.generator) * 100.0,
                runs.iter().map(|run| run.failed).sum::<f64>(),
            );
        }
    }
    eprintln!(
        "generator: part of one core that wrk used; closed loop, so the servers had the rest\n"
    );
}

fn all(runs: &[Run]) -> Vec<Value> {
    runs.iter()
        .map(|run| {
            json!({
                "requests": run.requests, "per_second": run.per_second, "cpu_us": run.cpu,
                "p99_ms": run.p99, "generator_core": run.generator, "failed": run.failed,
            })
        })
        .collect()
}
