//! What does not belong to a site and comes all the same, judged by the sample's rules; and one
//! citizen whom they wronged.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use mamori_proxy::{Access, Event, Firewall, Intrusion, Match, Outcome, RequestId, WafMode};
use mamori_waf::{Report, RuleSet};
use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;

use super::{SITE, TRIAL, visitors};

/// A request as it arrives.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attack {
    method: &'static str,
    target: &'static str,
    agent: &'static str,
    /// A form that was sent.
    form: &'static str,
}

const SCRIPT: &str = "python-requests/2.32";
const BROWSER: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36";

const fn get(target: &'static str, agent: &'static str) -> Attack {
    Attack {
        method: "GET",
        target,
        agent,
        form: "",
    }
}

const ATTACKS: [Attack; 10] = [
    get(
        "/event/?id=1%27%20UNION%20SELECT%20user_login,user_pass%20FROM%20wp_users--%20-",
        BROWSER,
    ),
    get("/column/?id=12%27%20OR%20%271%27=%271", BROWSER),
    get("/?s=%3Cscript%3Ealert(1)%3C/script%3E", BROWSER),
    get(
        "/wp-content/plugins/download/get.php?file=../../../../wp-config.php",
        SCRIPT,
    ),
    get("/.env", SCRIPT),
    get("/.git/config", SCRIPT),
    get("/backup/site.sql", SCRIPT),
    get("/wp-login.php", "sqlmap/1.8"),
    get("/cgi-bin/status?host=127.0.0.1;cat%20/etc/passwd", SCRIPT),
    Attack {
        method: "POST",
        target: "/wp-content/uploads/upload.php",
        agent: SCRIPT,
        form: "content=%3C%3Fphp+eval%28base64_decode%28%24_POST%5B1%5D%29%29%3B",
    },
];

/// What watches see beside that, and on how many days of ten.
const WATCHED: [(&str, u32); 3] = [("searching", 7), ("failed-logins", 4), ("flooding", 1)];

/// A citizen writes about a page and quotes it: what the exclusion of the sample is for.
pub(super) const WRONGED: Attack = Attack {
    method: "POST",
    target: "/contact/",
    agent: BROWSER,
    form: "name=%E8%A6%8B%E6%9C%AC+%E8%8A%B1%E5%AD%90&message=%E4%BC%9A%E5%A0%B4%E3%81%AE%E5%9C%B0%E5%9B%B3%EF%BC%88%3Ciframe+src%3D%22https%3A%2F%2Fmap.example.jp%2F%22%3E%EF%BC%89%E3%81%8C%E8%A1%A8%E7%A4%BA%E3%81%95%E3%82%8C%E3%81%BE%E3%81%9B%E3%82%93%E3%80%82",
};

/// Where somebody comes from who does that.
pub(super) fn attacker(number: u8) -> IpAddr {
    Ipv4Addr::new(198, 51, 100, number).into()
}

/// When, by which name, from where.
#[derive(Debug, Clone, Copy)]
pub(super) struct Arrival {
    pub(super) at: Timestamp,
    pub(super) id: RequestId,
    pub(super) client: IpAddr,
}

/// What came on a day up to an instant: some of everything, and now and then somebody who tries
/// everything one after the other and is kept out for it.
pub(super) fn of_day(
    rng: &mut ChaCha8Rng,
    rules: &Arc<RuleSet>,
    day: jiff::civil::Date,
    until: Timestamp,
) -> Vec<Event> {
    let mut events = Vec::new();
    for (watch, of_ten) in WATCHED {
        if rng.random_range(0..10) < of_ten {
            let at = visitors::moment(rng, day);
            let client = attacker(rng.random_range(1..200));
            events.extend((at < until).then(|| seen(client, watch, at)));
        }
    }
    let mut come = |attack: &Attack, arrival: Arrival| {
        if arrival.at < until {
            events.extend(judged(rules, attack, arrival, SITE, WafMode::Block));
        }
    };
    for _ in 0..rng.random_range(6..16) {
        let attack = ATTACKS[rng.random_range(0..ATTACKS.len())];
        let arrival = Arrival {
            at: visitors::moment(rng, day),
            id: visitors::id(rng),
            client: attacker(rng.random_range(1..200)),
        };
        come(&attack, arrival);
    }
    if rng.random_range(0..4) > 0 {
        return events;
    }
    let client = attacker(rng.random_range(200..250));
    let mut at = visitors::moment(rng, day);
    for attack in ATTACKS.iter().cycle().take(rng.random_range(12..28)) {
        at += SignedDuration::from_millis(rng.random_range(300..2_400));
        let id = visitors::id(rng);
        come(attack, Arrival { at, id, client });
    }
    if at < until {
        events.push(seen(client, "attacks", at));
    }
    events
}

fn seen(client: IpAddr, watch: &str, at: Timestamp) -> Event {
    Event::Intrusion(Box::new(Intrusion {
        at,
        id: None,
        client,
        watch: watch.into(),
        ban: Some(super::decisions::by_watch(client, watch, at, 1)),
    }))
}

/// The events of a request that the rules judge.
pub(super) fn judged(
    rules: &Arc<RuleSet>,
    attack: &Attack,
    arrival: Arrival,
    site: &str,
    mode: WafMode,
) -> [Event; 2] {
    let report = report(rules, attack, arrival.client);
    let found = !report.decision.passes();
    let refused = found && mode == WafMode::Block;
    let (path, query) = attack.target.split_once('?').unzip();
    let path = path.unwrap_or(attack.target);
    let matches = report.matches.iter();
    let firewall = Firewall {
        at: arrival.at,
        id: arrival.id,
        site: site.into(),
        client: arrival.client,
        method: attack.method.to_owned(),
        path: path.to_owned(),
        mode,
        refused,
        would_refuse: found,
        score: report.score,
        matches: matches.map(|one| Match::new(one, rules)).collect(),
        exclusions: Vec::new(),
        incomplete: report.incomplete,
    };
    let usual = visitors::bare(arrival.at, arrival.id, arrival.client, attack.method, path);
    let access = Access {
        site: Some(site.into()),
        query: query.map(str::to_owned),
        user_agent: Some(attack.agent.to_owned()),
        status: if refused { 403 } else { 200 },
        bytes_in: attack.form.len() as u64,
        bytes_out: 1_740,
        outcome: if refused {
            Outcome::Firewall
        } else {
            Outcome::Served
        },
        waf: Some(mode),
        score: report.score,
        would_refuse: found && !refused,
        ..usual
    };
    let access = if site == TRIAL {
        Access {
            host: "localhost".to_owned(),
            listener: "http-0".into(),
            tls: false,
            version: "HTTP/1.1",
            ..access
        }
    } else {
        access
    };
    [
        Event::Waf(Box::new(firewall)),
        Event::Access(Box::new(access)),
    ]
}

fn report(rules: &Arc<RuleSet>, attack: &Attack, client: IpAddr) -> Report {
    let mut transaction = rules.transaction();
    transaction.connection(client, 40_000, Ipv4Addr::LOCALHOST.into(), 443);
    transaction.request_line(
        attack.method.as_bytes(),
        attack.target.as_bytes(),
        b"HTTP/1.1",
    );
    let kind = (!attack.form.is_empty()).then_some("application/x-www-form-urlencoded");
    let length = attack.form.len().to_string();
    for (name, value) in [
        ("Host", Some(super::HOST)),
        ("User-Agent", Some(attack.agent)),
        ("Content-Type", kind),
        ("Content-Length", kind.map(|_| length.as_str())),
    ] {
        if let Some(value) = value {
            transaction.request_header(name.as_bytes(), value.as_bytes());
        }
    }
    if transaction.request_headers().passes() {
        transaction.request_body_chunk(attack.form.as_bytes());
        transaction.request_body();
    }
    transaction.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe;
    use crate::sample::past::rules_in;

    #[test]
    fn the_rules_find_each_attack_by_its_own_rule_and_pass_what_citizens_write() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("sample.conf"), super::super::RULES).expect("written");
        let rules = rules_in(folder.path()).expect("rules");
        let numbers = [
            100_300, 100_300, 100_400, 100_210, 100_200, 100_200, 100_200, 100_100, 100_500,
            100_600, 100_400,
        ];
        for (attack, number) in ATTACKS.iter().chain([&WRONGED]).zip(numbers) {
            let report = report(&rules, attack, attacker(1));
            assert!(!report.decision.passes(), "{attack:?}");
            let first = report.matches.first().map(|one| one.id);
            assert_eq!(first, Some(number), "{attack:?}");
        }
        assert!(probe::attempt(&rules, super::super::HOST).ok());
    }
}
