//! Who comes to the sample site and what for.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use jiff::civil::{Date, Weekday};
use jiff::{SignedDuration, Timestamp};
use mamori_kernel::clock::tokyo_midnight;
use mamori_proxy::{Access, Outcome, RequestId, UpstreamTrouble, WafMode};
use rand::RngExt as _;
use rand::seq::IndexedRandom as _;
use rand_chacha::ChaCha8Rng;

use super::{HOST, SITE};

/// Path, status, bytes of the answer, how often of a hundred.
const ASKED: [(&str, u16, u64, u32); 15] = [
    ("/", 200, 18_400, 14),
    ("/wp-content/themes/mihon/style.css", 200, 22_100, 15),
    ("/wp-content/themes/mihon/menu.js", 200, 9_800, 13),
    ("/wp-content/uploads/2026/11/top.webp", 200, 168_000, 12),
    ("/%E7%9B%B8%E8%AB%87/", 200, 14_900, 8),
    ("/event/", 200, 21_700, 7),
    ("/event/seminar/", 200, 16_300, 6),
    ("/column/", 200, 19_200, 5),
    ("/access/", 200, 12_100, 4),
    ("/contact/", 200, 11_600, 3),
    ("/wp-content/uploads/2026/11/chirashi.pdf", 200, 884_000, 2),
    ("/favicon.ico", 304, 0, 5),
    ("/news/old/", 301, 0, 2),
    ("/nen-kan-yotei.html", 404, 7_300, 3),
    ("/contact/thanks/", 502, 1_900, 1),
];

const BROWSERS: [&str; 4] = [
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 Safari/604.1",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/131.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/131.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:133.0) Gecko/20100101 Firefox/133.0",
];

/// Requests of an hour, of a thousand of a day: quiet at night, most at noon and in the evening.
const HOURS: [u32; 24] = [
    14, 8, 5, 4, 4, 7, 17, 32, 48, 62, 68, 66, 76, 66, 62, 58, 54, 50, 52, 58, 62, 58, 44, 25,
];

/// How many requests a day has.
fn requests(rng: &mut ChaCha8Rng, day: Date) -> u32 {
    let usual = match day.weekday() {
        Weekday::Saturday | Weekday::Sunday => 460,
        Weekday::Monday => 940,
        _ => 820,
    };
    usual * rng.random_range(88..=114) / 100
}

/// What ordinary visitors asked for on a day, up to an instant.
pub(super) fn of_day(rng: &mut ChaCha8Rng, day: Date, until: Timestamp) -> Vec<Access> {
    let count = requests(rng, day);
    let all = (0..count).map(|_| one(rng, day)).collect::<Vec<_>>();
    all.into_iter().filter(|access| access.at < until).collect()
}

fn one(rng: &mut ChaCha8Rng, day: Date) -> Access {
    let (path, status, bytes, _) = *ASKED
        .choose_weighted(rng, |(.., weight)| *weight)
        .unwrap_or(&ASKED[0]);
    let client = visitor(rng);
    let browser = BROWSERS.choose(rng).copied().unwrap_or_default();
    let mut access = bare(moment(rng, day), id(rng), client, "GET", path);
    access.user_agent = Some(browser.to_owned());
    access.status = status;
    access.bytes_out = bytes;
    if status == 502 {
        access.outcome = Outcome::Upstream(UpstreamTrouble::TimedOut);
    }
    let slow = if status == 502 { 30_000 } else { 0 };
    access.took = Duration::from_millis(slow + rng.random_range(12..220));
    access.upstream_took = (status != 502).then(|| access.took.mul_f64(0.8));
    access
}

/// A request that the site answered, without what differs.
pub(super) fn bare(
    at: Timestamp,
    id: RequestId,
    client: IpAddr,
    method: &str,
    path: &str,
) -> Access {
    Access {
        at,
        id,
        listener: "https-0".into(),
        site: Some(SITE.into()),
        client,
        peer: client,
        method: method.to_owned(),
        host: HOST.to_owned(),
        path: path.to_owned(),
        query: None,
        version: "HTTP/2.0",
        tls: true,
        user_agent: None,
        referrer: None,
        status: 200,
        bytes_in: 0,
        bytes_out: 0,
        complete: true,
        took: Duration::from_millis(4),
        upstream_took: None,
        upstream: None,
        outcome: Outcome::Served,
        waf: Some(WafMode::Block),
        score: 0,
        would_refuse: false,
        by: None,
    }
}

pub(super) fn id(rng: &mut ChaCha8Rng) -> RequestId {
    RequestId::from(rng.random::<[u8; 12]>())
}

/// An instant of a day, at the hours at which people come.
pub(super) fn moment(rng: &mut ChaCha8Rng, day: Date) -> Timestamp {
    let hours: Vec<(i64, u32)> = (0..).zip(HOURS).collect();
    let hour = hours.choose_weighted(rng, |(_, weight)| *weight);
    let hour = hour.map_or(12, |(hour, _)| *hour);
    let milliseconds = rng.random_range(0..3_600_000);
    tokyo_midnight(day)
        + SignedDuration::from_hours(hour)
        + SignedDuration::from_millis(milliseconds)
}

/// An ordinary visitor. One in four comes by IPv6.
fn visitor(rng: &mut ChaCha8Rng) -> IpAddr {
    if rng.random_range(0..4) == 0 {
        let household = rng.random_range(1..400);
        Ipv6Addr::new(0x2001, 0xdb8, 0x10, household, 0, 0, 0, 1).into()
    } else {
        Ipv4Addr::new(192, 0, 2, rng.random_range(1..250)).into()
    }
}
