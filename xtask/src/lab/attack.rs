//! Attack programs of the distribution against the gateway with a WordPress behind it: `sqlmap`,
//! `wapiti`, `slowhttptest`, all on loopback, and an ordinary visitor beside them.
//!
//! A page that can be injected stands beside WordPress: what is found on it without the gateway
//! shows that the programs work, what is found through it shows what the gateway lets pass. The
//! scanners' address is allowed by name, so that neither limits nor bans do the firewall's work; a
//! second gateway before the same site shows what limits and bans do. Slow clients are tried at both.

mod slow;
mod tools;
mod visitor;

use std::path::Path;
use std::time::Duration;

use mamori_sitekit::{WordPress, free_port};
use serde_json::{Value, json};

use crate::bench::figure::{Figure, Goal, Measured, Sheet};
use crate::bench::serving::memory_mib;
use crate::site::guard::{self, Front, Guard, Rules};
use crate::site::{NAMES, Site};
use crate::step::{self, Steps};
use tools::{Aim, Scan, Scratch};
use visitor::{Visitor, Went};

/// What the programs are given.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Seconds of each slow attack.
    pub slow: u32,
    /// Most seconds of each scan.
    pub scan: u32,
    /// Slow connections at the same time.
    pub connections: u32,
    /// Whether only a part is tried.
    pub quick: bool,
}

/// A page as nobody should write it.
const TORN: (&str, &str) = ("torn.php", include_str!("attack/torn.php"));

/// Somewhere WordPress takes what visitors send.
struct Door {
    path: &'static str,
    data: Option<&'static str>,
    level: u8,
}

/// Searching, a page by its number, the programs' interface, signing in, a comment, the contact form.
const DOORS: &[Door] = &[
    Door {
        path: "/?s=gomi",
        data: None,
        level: 3,
    },
    Door {
        path: "/wp-comments-post.php",
        data: Some(
            "comment=gomi&author=a&email=a%40example.jp&url=&comment_post_ID=1&comment_parent=0",
        ),
        level: 2,
    },
    Door {
        path: "/?page_id=2",
        data: None,
        level: 2,
    },
    Door {
        path: "/?rest_route=/wp/v2/posts&search=gomi&per_page=5",
        data: None,
        level: 2,
    },
    Door {
        path: "/wp-login.php",
        data: Some("log=kanri&pwd=gomi"),
        level: 2,
    },
    Door {
        path: "/contact/",
        data: Some("inquiry_name=a&inquiry_mail=a%40example.jp&inquiry_body=gomi"),
        level: 2,
    },
];
/// How many of them a quick trial tries.
const QUICK_DOORS: usize = 2;
/// How long the visitor asks before anything else happens.
const QUIET: Duration = Duration::from_secs(8);
/// A page that nobody is refused but who is banned.
const HARMLESS: &str = "/readme.html";

const CONTROL_SQLMAP: Figure = figure(
    "attack.control.sqlmap",
    "sqlmap finds the torn page without the gateway",
    Goal::AtLeast(1.0),
    "found",
);
const CONTROL_WAPITI: Figure = figure(
    "attack.control.wapiti",
    "wapiti finds the torn page without the gateway",
    Goal::AtLeast(1.0),
    "found",
);
const TORN_SQLMAP: Figure = figure(
    "attack.sqlmap.torn",
    "sqlmap through the gateway: the torn page",
    Goal::AtMost(0.0),
    "found",
);
const TORN_TAMPERED: Figure = figure(
    "attack.sqlmap.tampered",
    "sqlmap with disguises, level 3: the torn page",
    Goal::AtMost(0.0),
    "found",
);
const SITE_SQLMAP: Figure = figure(
    "attack.sqlmap.site",
    "sqlmap through the gateway: WordPress",
    Goal::AtMost(0.0),
    "found",
);
const TORN_WAPITI: Figure = figure(
    "attack.wapiti.torn",
    "wapiti through the gateway: the torn page",
    Goal::AtMost(0.0),
    "found",
);
const SITE_WAPITI: Figure = figure(
    "attack.wapiti.site",
    "wapiti through the gateway: WordPress",
    Goal::AtMost(0.0),
    "found",
);
const BANNED: Figure = figure(
    "attack.banned",
    "scanners whose address is banned, where bans are on",
    Goal::AtLeast(1.0),
    "clients",
);
const GROWTH: Figure = figure(
    "attack.memory.growth",
    "memory of a gateway, growth during slow attacks",
    Goal::AtMost(64.0),
    "MiB",
);
const AGAIN: Figure = figure(
    "attack.memory.again",
    "memory of a gateway, growth of its peak when the same slow attacks come again",
    Goal::AtMost(16.0),
    "MiB",
);
const PEAK: Figure = figure(
    "attack.memory.peak",
    "memory of a gateway at its peak",
    Goal::AtMost(256.0),
    "MiB",
);
const STOPPED: Figure = figure(
    "attack.stopped",
    "gateways that stopped",
    Goal::AtMost(0.0),
    "processes",
);

const fn figure(key: &'static str, what: &'static str, goal: Goal, unit: &'static str) -> Figure {
    Figure {
        key,
        what,
        unit,
        goal,
    }
}

/// What came of everything.
#[derive(Debug)]
pub struct Outcome {
    sheet: Sheet,
    visitors: Vec<Went>,
}

impl Outcome {
    /// Whether nothing was found and the visitor noticed nothing.
    pub fn is_clean(&self) -> bool {
        self.sheet.all_reached()
            && !self.visitors.is_empty()
            && self.visitors.iter().all(Went::is_well)
    }

    /// For people.
    pub fn table(&self) -> String {
        format!("{}\n{}", self.sheet.table(), visitor::table(&self.visitors))
    }

    /// For machines.
    pub fn json(&self) -> Value {
        let visitors: Vec<Value> = self.visitors.iter().map(Went::json).collect();
        json!({ "attack": self.sheet.json(), "visitor": visitors })
    }
}

/// Runs everything.
pub fn trials(
    steps: &Steps,
    bounds: Bounds,
    mamori: &Path,
    rules: &Rules,
) -> anyhow::Result<Outcome> {
    let open = guard::Strictness {
        allowed: &["127.0.0.1"],
        inspect_answers: true,
    };
    let site = Site::start(steps, mamori, rules, open)?;
    site.wordpress.add_file(TORN.0, TORN.1)?;
    let limited = second(mamori, rules, &site.wordpress)?;
    let guards = [&site.guard, &limited];
    let mut trial = Trial {
        steps,
        bounds,
        site: &site,
        scratch: Scratch::new(step::target_dir()?.join("attack"))?,
        visitors: Vec::new(),
    };
    trial.meanwhile("nothing else", &site.guard, |_| {
        std::thread::sleep(QUIET);
    })?;
    let mut rows = trial.scans()?;
    let peak = of_all(guards, "VmHWM")?;
    // From here on the kernel counts anew.
    for guard in guards {
        std::fs::write(format!("/proc/{}/clear_refs", guard.server.pid()), "5")?;
    }
    let before = of_all(guards, "VmRSS")?;
    for (guard, from) in [(&limited, slow::From::One), (&site.guard, slow::From::Many)] {
        trial.slowly(guard, from)?;
    }
    let banned = trial.banned(&limited)?;
    rows.push(Measured::new(BANNED, banned));

    let after = of_all(guards, "VmHWM")?;
    let most = |after: &[f64], before: &[f64]| {
        let growths = after
            .iter()
            .zip(before)
            .map(|(after, before)| after - before);
        growths.fold(0.0, f64::max)
    };
    rows.push(Measured::new(GROWTH, Ok(vec![most(&after, &before)])));
    // The same once more: what a gateway only keeps ready it has by now, what it loses grows again.
    trial.slowly(&site.guard, slow::From::Many)?;
    let again = of_all(guards, "VmHWM")?;
    rows.push(Measured::new(AGAIN, Ok(vec![most(&again, &after)])));
    let peak = peak.into_iter().chain(again).fold(0.0, f64::max);
    rows.push(Measured::new(PEAK, Ok(vec![peak])));
    let stopped = guards.iter().filter(|guard| !guard.server.runs()).count();
    rows.push(Measured::new(STOPPED, Ok(vec![stopped as f64])));
    Ok(Outcome {
        sheet: Sheet::from(rows),
        visitors: trial.visitors,
    })
}

/// The same site behind a gateway that limits and bans everybody.
fn second(mamori: &Path, rules: &Rules, wordpress: &WordPress) -> anyhow::Result<Guard> {
    let front = Front {
        hosts: NAMES,
        port: free_port()?,
        strictness: guard::Strictness::default(),
    };
    Guard::start(mamori, rules, wordpress.address(), &front)
}

/// A trial that goes on.
struct Trial<'t> {
    steps: &'t Steps,
    bounds: Bounds,
    site: &'t Site,
    scratch: Scratch,
    visitors: Vec<Went>,
}

impl Trial<'_> {
    /// All slow attacks, one after the other.
    fn slowly(&mut self, guard: &Guard, from: slow::From) -> anyhow::Result<()> {
        for mode in slow::MODES {
            self.steps
                .say(format!("slowhttptest: {}, {from}", mode.name));
            let went = slow::trial(guard, mode, from, self.bounds)?;
            self.visitors.push(went);
        }
        Ok(())
    }

    /// Does something while a visitor asks for pages.
    fn meanwhile<T>(
        &mut self,
        what: &str,
        guard: &Guard,
        work: impl FnOnce(&Self) -> T,
    ) -> anyhow::Result<T> {
        let visitor = Visitor::comes(guard);
        let done = work(self);
        self.visitors.push(visitor.goes(what)?);
        Ok(done)
    }

    fn scans(&mut self) -> anyhow::Result<Vec<Measured>> {
        let site = self.site;
        let direct = format!("http://{}/{}?id=1", site.wordpress.address(), TORN.0);
        let through = format!("http://localhost:{}", site.guard.port);
        let torn = format!("{through}/{}?id=1", TORN.0);
        let plain = |address| Aim {
            address,
            data: None,
            level: 1,
            disguised: false,
        };
        let disguised = Aim {
            level: 3,
            disguised: true,
            ..plain(&torn)
        };
        let mut rows = vec![
            Measured::new(
                CONTROL_SQLMAP,
                self.sqlmap("the torn page, directly", &plain(&direct)),
            ),
            Measured::new(CONTROL_WAPITI, self.wapiti("torn-directly", &direct)),
        ];
        rows.extend(self.meanwhile("sqlmap", &site.guard, |trial| {
            let doors = if trial.bounds.quick {
                &DOORS[..QUICK_DOORS]
            } else {
                DOORS
            };
            let on_site = doors.iter().map(|door| {
                let aim = Aim {
                    address: &format!("{through}{}", door.path),
                    data: door.data,
                    level: door.level,
                    disguised: true,
                };
                Ok(trial.sqlmap(door.path, &aim)?.into_iter().sum::<f64>())
            });
            let on_site = on_site.collect::<anyhow::Result<Vec<f64>>>();
            [
                Measured::new(TORN_SQLMAP, trial.sqlmap("the torn page", &plain(&torn))),
                Measured::new(
                    TORN_TAMPERED,
                    trial.sqlmap("the torn page, disguised", &disguised),
                ),
                Measured::new(
                    SITE_SQLMAP,
                    on_site.map(|found| vec![found.into_iter().sum()]),
                ),
            ]
        })?);
        rows.extend(self.meanwhile("wapiti", &site.guard, |trial| {
            [
                Measured::new(TORN_WAPITI, trial.wapiti("torn", &torn)),
                Measured::new(
                    SITE_WAPITI,
                    trial.wapiti("wordpress", &format!("{through}/")),
                ),
            ]
        })?);
        Ok(rows)
    }

    /// What a scanner comes to where bans are on: whether its address is banned afterwards.
    fn banned(&mut self, guard: &Guard) -> anyhow::Result<anyhow::Result<Vec<f64>>> {
        let address = format!("http://localhost:{}/?s=gomi", guard.port);
        let aim = Aim {
            address: &address,
            data: None,
            level: 1,
            disguised: false,
        };
        self.meanwhile("sqlmap, and the ban that it gets", guard, |trial| {
            trial.sqlmap("a gateway that bans", &aim)?;
            let status = guard::ask(guard.port, NAMES[0], HARMLESS, Duration::from_secs(10))?;
            Ok(vec![f64::from(u8::from(status != 200))])
        })
    }

    fn limit(&self) -> Duration {
        Duration::from_secs(u64::from(self.bounds.scan))
    }

    fn sqlmap(&self, what: &str, aim: &Aim<'_>) -> anyhow::Result<Vec<f64>> {
        self.steps.say(format!("sqlmap: {what}"));
        Ok(self.told(&self.scratch.sqlmap(aim, self.limit())?))
    }

    fn wapiti(&self, name: &str, address: &str) -> anyhow::Result<Vec<f64>> {
        self.steps.say(format!("wapiti: {name}"));
        Ok(self.told(&self.scratch.wapiti(address, name, self.limit())?))
    }

    fn told(&self, scan: &Scan) -> Vec<f64> {
        for found in &scan.found {
            self.steps.say(format!("  found: {found}"));
        }
        if !scan.in_time {
            self.steps
                .say("  its time was over before it had tried everything");
        }
        vec![scan.found.len() as f64]
    }
}

/// Memory of the gateways, MiB ([`memory_mib`]).
fn of_all(guards: [&Guard; 2], field: &str) -> anyhow::Result<Vec<f64>> {
    guards
        .iter()
        .map(|guard| memory_mib(guard.server.pid(), field))
        .collect()
}
