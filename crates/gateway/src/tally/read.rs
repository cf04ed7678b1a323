//! All sites of a contract together, as pages and programs look at them.

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use mamori_store::{Db, Result};

use super::{Found, Minute, What, minute_of, store};

/// Minutes that count as now. The one that is running is not complete and left out.
pub const NOW: i64 = 5;
/// Hours that are shown.
pub const HOURS: i64 = 24;
/// Days that are shown.
pub const DAYS: i64 = 14;
/// Kinds, rules and paths that are listed.
pub const MOST: usize = 10;
const MINUTES_OF_HOUR: i64 = 60;

/// Minutes of sites, as far back as hours are shown.
pub async fn minutes(db: &Db, sites: &[String], now: Timestamp) -> Result<BTreeMap<i64, Minute>> {
    let from = now
        .checked_sub(SignedDuration::from_hours(HOURS))
        .unwrap_or(Timestamp::MIN);
    let mut all = BTreeMap::<i64, Minute>::new();
    for site in sites {
        for (at, minute) in store::minutes(db, site, from).await? {
            all.entry(at).or_default().add(minute);
        }
    }
    Ok(all)
}

fn sum(minutes: &BTreeMap<i64, Minute>, range: std::ops::Range<i64>) -> Minute {
    let mut sum = Minute::default();
    for (_, minute) in minutes.range(range) {
        sum.add(*minute);
    }
    sum
}

/// The last whole minutes together.
pub fn lately(minutes: &BTreeMap<i64, Minute>, now: Timestamp) -> Minute {
    let running = minute_of(now);
    sum(minutes, running - NOW..running)
}

/// Requests of a second in what [`lately`] gives.
pub fn rate(lately: Minute) -> f64 {
    lately.requests as f64 / (NOW * 60) as f64
}

/// Hours with the instant at which they began, the oldest first; the last one is still running.
/// Japan's hours begin with those of UTC.
pub fn hours(minutes: &BTreeMap<i64, Minute>, now: Timestamp) -> Vec<(Timestamp, Minute)> {
    let last = minute_of(now).div_euclid(MINUTES_OF_HOUR);
    (last - HOURS + 1..=last)
        .map(|hour| {
            let began = Timestamp::from_second(hour * 3600).unwrap_or(now);
            let of_hour = hour * MINUTES_OF_HOUR..(hour + 1) * MINUTES_OF_HOUR;
            (began, sum(minutes, of_hour))
        })
        .collect()
}

/// What was found on sites, the most frequent first.
pub async fn found(
    db: &Db,
    sites: &[String],
    what: What,
    from: Date,
    to: Date,
) -> Result<Vec<(String, Found)>> {
    let mut names = BTreeMap::<String, Found>::new();
    for site in sites {
        for (name, found) in store::found(db, site, what, from, to).await? {
            names.entry(name).or_default().add(found);
        }
    }
    let mut names: Vec<_> = names.into_iter().collect();
    names.sort_by_key(|(_, found)| std::cmp::Reverse(found.all()));
    Ok(names)
}

/// Paths of what was refused, the most frequent first.
pub async fn paths(db: &Db, sites: &[String], since: Timestamp) -> Result<Vec<(String, u64)>> {
    // A path that is frequent on all sites together is among the first of one of them.
    let most = i64::try_from(MOST * 10).unwrap_or(i64::MAX);
    let mut all = BTreeMap::<String, u64>::new();
    for site in sites {
        for (path, count) in store::paths(db, site, since, most).await? {
            *all.entry(path).or_default() += count;
        }
    }
    let mut all: Vec<_> = all.into_iter().collect();
    all.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    all.truncate(MOST);
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_begin_with_the_hour_and_now_leaves_out_the_running_minute() {
        let now: Timestamp = "2026-11-23T10:30:30+09:00".parse().expect("an instant");
        let running = minute_of(now);
        let one = |requests| Minute {
            requests,
            ..Minute::default()
        };
        let minutes: BTreeMap<_, _> = [
            (running, one(1)),
            (running - 1, one(10)),
            (running - 5, one(100)),
            (running - 6, one(1_000)),
            (running - 31, one(10_000)),
        ]
        .into();
        assert_eq!(lately(&minutes, now).requests, 110);
        let hours = hours(&minutes, now);
        assert_eq!(hours.len(), 24);
        let requests: Vec<u64> = hours.iter().map(|(_, one)| one.requests).collect();
        assert_eq!(requests[22..], [10_000, 1_111]);
        assert_eq!(hours[23].0.to_string(), "2026-11-23T01:00:00Z");
    }
}
