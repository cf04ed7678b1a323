//! Clients over time, against what the policy promises.

use std::time::Duration;

use mamori_kernel::BanCause;
use proptest::prelude::*;

use super::*;
use crate::policy::{Banning, PathPattern, Requests};

/// So many failures are too many…
const COUNT: u32 = 5;
/// …when they come within these seconds, and never when they lie so far apart.
const APART: i64 = 12;

struct World {
    policy: IpsPolicy,
    prepared: Prepared,
    ips: Ips,
}

impl World {
    fn new() -> Self {
        let policy = IpsPolicy {
            watches: vec![Watch {
                name: "logins".into(),
                requests: Requests {
                    paths: vec![PathPattern::Ends("/wp-login.php".to_owned())],
                    ..Requests::default()
                },
                signs: vec![Sign::Status(403, 403)],
                count: COUNT,
                within: Duration::from_mins(1),
                bans: true,
            }],
            banning: Banning {
                first: Duration::from_secs(20),
                growth: 2,
                longest: Duration::from_secs(100),
                ..Banning::default()
            },
            ..IpsPolicy::default()
        };
        let ips = Ips::new(&policy);
        Self {
            prepared: ips.prepare(&policy),
            policy,
            ips,
        }
    }

    /// A request, let in or not, that ends with a status.
    fn asks(&self, client: IpAddr, path: &str, status: u16, now: i64) -> Result<Vec<Ban>, Kept> {
        let at = Timestamp::from_second(now).unwrap();
        let asked = Asked {
            client,
            site: "city",
            method: &Method::POST,
            path,
        };
        self.ips.admit(&self.policy, &self.prepared, asked, at)?;
        let watching = watching(&self.policy, &self.prepared, asked);
        let access = access(client, status, at);
        let overdone = self
            .ips
            .ended(&self.policy, &self.prepared, &watching, &access, || at);
        Ok(overdone.into_iter().filter_map(|one| one.ban).collect())
    }

    fn fails(&self, client: IpAddr, now: i64) -> Result<Option<Ban>, Kept> {
        let bans = self.asks(client, "/wp-login.php", 403, now)?;
        assert!(bans.len() <= 1);
        Ok(bans.into_iter().next())
    }
}

fn access(client: IpAddr, status: u16, at: Timestamp) -> Access {
    Access {
        at,
        id: RequestId::new(),
        listener: "http".into(),
        site: Some("city".into()),
        client,
        peer: client,
        method: "POST".to_owned(),
        host: "www.example.jp".to_owned(),
        // Records keep a part of a long path; nothing is decided by it.
        path: "/…".to_owned(),
        query: None,
        version: "HTTP/1.1",
        tls: false,
        user_agent: None,
        referrer: None,
        status,
        bytes_in: 0,
        bytes_out: 0,
        complete: true,
        took: Duration::ZERO,
        upstream_took: None,
        upstream: None,
        outcome: Outcome::Served,
        waf: None,
        score: 0,
        would_refuse: false,
        by: None,
    }
}

fn client(last: u8) -> IpAddr {
    IpAddr::from([192, 0, 2, last])
}

#[test]
fn a_long_path_does_not_hide_what_is_asked_for() {
    let world = World::new();
    let long = format!("{}wp-login.php", "/x/..".repeat(2_000) + "/");
    for at in 1..=COUNT {
        let bans = world.asks(client(1), &long, 403, 0).unwrap();
        assert_eq!(bans.len(), usize::from(at == COUNT));
    }
}

#[test]
fn what_goes_well_and_what_is_elsewhere_does_not_count() {
    let world = World::new();
    for at in 0..50 {
        for (path, status) in [("/wp-login.php", 302), ("/", 403), ("/wp-login.php5", 403)] {
            assert_eq!(world.asks(client(1), path, status, at), Ok(Vec::new()));
        }
    }
}

#[test]
fn a_watch_that_waits_for_one_bans_at_the_first() {
    let mut world = World::new();
    world.policy.watches[0].count = 1;
    world.prepared = world.ips.prepare(&world.policy);
    let ban = world.fails(client(1), 0).unwrap().unwrap();
    assert_eq!(
        ban.cause,
        BanCause::Watch {
            watch: "logins".to_owned()
        }
    );
    let kept = world.fails(client(1), 5).unwrap_err();
    assert_eq!(
        (kept.refusal, &*kept.by, kept.wait),
        (Refusal::Banned, "logins", Some(15))
    );
}

/// What is known of one client.
#[derive(Default)]
struct Known {
    /// Its failures since the last ban.
    failures: Vec<i64>,
    out_until: i64,
    bans: u32,
}

proptest! {
    #[test]
    fn bans_come_when_due_grow_and_touch_nobody_else(
        steps in proptest::collection::vec((0_u8..3, 0_i64..8), 1..300),
    ) {
        let world = World::new();
        let mut known = [Known::default(), Known::default(), Known::default()];
        let mut now = 0;
        for (who, gap) in steps {
            now += gap;
            let one = &mut known[usize::from(who)];
            match world.fails(client(who), now) {
                Err(kept) => {
                    prop_assert!(now < one.out_until);
                    prop_assert_eq!(kept.wait, u64::try_from(one.out_until - now).ok());
                }
                Ok(ban) => {
                    prop_assert!(now >= one.out_until);
                    one.failures.push(now);
                    let enough = one.failures.len() >= COUNT as usize;
                    if let Some(ban) = ban {
                        prop_assert!(enough, "a ban after too few");
                        let length = (20_i64 << one.bans.min(10)).min(100);
                        one.bans += 1;
                        one.out_until = now + length;
                        one.failures.clear();
                        prop_assert_eq!(ban.times, one.bans);
                        prop_assert_eq!(ban.until.map(Timestamp::as_second), Some(one.out_until));
                    } else if enough {
                        let first = one.failures[one.failures.len() - COUNT as usize];
                        prop_assert!(now - first >= APART, "no ban although it was too much");
                    }
                }
            }
        }
    }

    #[test]
    fn who_fails_now_and_then_is_never_kept_out(
        gaps in proptest::collection::vec(APART..600, 1..100),
    ) {
        let world = World::new();
        let mut now = 0;
        for gap in gaps {
            now += gap;
            prop_assert_eq!(world.fails(client(1), now), Ok(None));
            // Somebody else does much worse at the same time.
            for _ in 0..3 {
                let _ = world.fails(client(2), now);
            }
        }
    }
}
