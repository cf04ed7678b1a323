//! What an inspection costs, by class of request, and what the peer (libmodsecurity) pays for the
//! same requests with the same rules in the same run.
//!
//! `cargo bench -p mamori-waf` prints CPU microseconds per request. The peer takes part where a C
//! compiler and Debian's `libmodsecurity-dev` are installed. CPU time of this thread is read from
//! the kernel, so that other work on the machine counts little; rounds of both are interleaved.
//! `cargo bench -p mamori-waf -- GET --alone` measures the classes with that word, without the peer:
//! for a profiler.

#[path = "../tests/support/mod.rs"]
mod support;

use std::io::Read as _;
use std::sync::Arc;

use mamori_waf::RuleSet;
use support::corpus::{self, INQUIRIES};
use support::peer::Peer;
use support::request::Request;

/// Interleaved rounds; the median of their ratios counts.
const ROUNDS: usize = 5;
/// Repetitions within a round.
const REPEAT: usize = 20;
/// Inspections within a round without the peer, which is slow.
const ALONE: usize = 600;

/// Requests of one kind, with the least ratio to the peer that is promised for them.
struct Class {
    name: &'static str,
    goal: f64,
    requests: Vec<Request>,
}

fn classes() -> Vec<Class> {
    let benign = corpus::benign();
    let pick = |start: &str| -> Vec<Request> {
        benign
            .iter()
            .filter(|(name, _)| name.starts_with(start))
            .map(|(_, request)| request.clone())
            .collect()
    };
    let posts = corpus::posts();
    let posts_of = |start: &str| -> Vec<Request> {
        posts
            .iter()
            .filter(|(name, _)| name.starts_with(start))
            .map(|(_, request)| request.clone())
            .collect()
    };
    let large = {
        let mut text = INQUIRIES.join("\r\n");
        // About 128 kB as it is sent.
        while text.len() < 46_000 {
            text = format!("{text}\r\n{text}");
        }
        let end = (0..=43_000)
            .rev()
            .find(|at| text.is_char_boundary(*at))
            .unwrap_or(0);
        vec![Request::form(
            "/contact/",
            &[("your-message", &text.as_bytes()[..end])],
        )]
    };
    let forms = pick("form utf-8")
        .into_iter()
        .chain(pick("form long"))
        .collect();
    vec![
        Class {
            name: "benign GET",
            goal: 15.0,
            requests: pick("get"),
        },
        Class {
            name: "Japanese form",
            goal: 10.0,
            requests: forms,
        },
        Class {
            name: "classic post",
            goal: 10.0,
            requests: posts_of("classic"),
        },
        Class {
            name: "Gutenberg JSON",
            goal: 10.0,
            requests: posts_of("blocks"),
        },
        Class {
            name: "attack",
            goal: 1.0,
            requests: corpus::ATTACKS
                .iter()
                .map(|uri| Request::get(uri))
                .collect(),
        },
        Class {
            name: "128 kB form",
            goal: 1.0,
            requests: large,
        },
    ]
}

/// Nanoseconds of CPU that this process has used in user mode and in the kernel.
fn cpu_nanoseconds() -> u64 {
    let mut text = String::new();
    let read = std::fs::File::open("/proc/thread-self/schedstat")
        .and_then(|mut file| file.read_to_string(&mut text));
    match read {
        Ok(_) => text
            .split(' ')
            .next()
            .and_then(|first| first.parse().ok())
            .unwrap_or(0),
        Err(_) => 0,
    }
}

fn resident_kilobytes() -> u64 {
    std::fs::read_to_string("/proc/self/status")
        .ok()
        .and_then(|text| {
            let line = text.lines().find(|line| line.starts_with("VmRSS:"))?;
            line.split_whitespace().nth(1)?.parse().ok()
        })
        .unwrap_or(0)
}

/// Mean CPU microseconds per request, and how many were refused.
fn ours(rules: &Arc<RuleSet>, requests: &[Request], repeat: usize) -> (f64, usize) {
    let mut refused = 0;
    let start = cpu_nanoseconds();
    for round in 0..repeat {
        for request in requests {
            let report = request.inspect(rules);
            if round == 0 && !report.decision.passes() {
                refused += 1;
            }
        }
    }
    let used = cpu_nanoseconds().saturating_sub(start) as f64 / 1000.0;
    (used / (repeat * requests.len()) as f64, refused)
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn main() {
    // `cargo test --benches` runs this too; there is nothing to assert there.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let Some(crs) = support::crs() else { return };
    let before = resident_kilobytes();
    let start = cpu_nanoseconds();
    let rules = support::production(&crs, true);
    println!(
        "{} rules compiled in {:.0} ms of CPU; {:.1} MiB resident",
        rules.len(),
        cpu_nanoseconds().saturating_sub(start) as f64 / 1e6,
        (resident_kilobytes() - before) as f64 / 1024.0
    );
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let alone = arguments.iter().any(|argument| argument == "--alone");
    let wanted = arguments
        .iter()
        .find(|argument| !argument.starts_with("--"));
    let peer = if alone { None } else { Peer::production(&crs) };
    println!(
        "{:<16} {:>4} {:>10} {:>8} {:>12} {:>8} {:>7} {:>5}",
        "class", "n", "ours µs", "refused", "peer µs", "refused", "ratio", "goal"
    );
    let mut short = false;
    for class in classes() {
        if wanted.is_some_and(|word| !class.name.contains(word.as_str())) {
            continue;
        }
        let repeat = if alone {
            ALONE.div_ceil(class.requests.len())
        } else {
            REPEAT
        };
        let (mut own, mut others, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        let (mut refused, mut peer_refused) = (0, 0);
        ours(&rules, &class.requests, repeat);
        for _ in 0..ROUNDS {
            let (cost, count) = ours(&rules, &class.requests, repeat);
            own.push(cost);
            refused = count;
            if let Some(peer) = &peer {
                let requests: Vec<&Request> = class.requests.iter().collect();
                let outcomes = peer.run(&requests, 3);
                let sum: f64 = outcomes.iter().map(|outcome| outcome.microseconds).sum();
                let theirs = sum / outcomes.len() as f64;
                others.push(theirs);
                ratios.push(theirs / cost);
                peer_refused = outcomes
                    .iter()
                    .filter(|outcome| outcome.status != 200)
                    .count();
            }
        }
        let ratio = median(&mut ratios);
        println!(
            "{:<16} {:>4} {:>10.1} {:>8} {:>12.1} {:>8} {:>7.1} {:>5}",
            class.name,
            class.requests.len(),
            median(&mut own),
            refused,
            median(&mut others),
            peer_refused,
            ratio,
            class.goal
        );
        short |= !ratios.is_empty() && ratio < class.goal;
    }
    println!(
        "{:.1} MiB resident at the end",
        resident_kilobytes() as f64 / 1024.0
    );
    assert!(!short, "a class is slower than promised");
}
