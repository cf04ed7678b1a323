//! Who is kept out, for how long, and how often already.
//!
//! Read for every request, written seldom. Bounded: when it is full, what ended longest ago goes
//! first, then the ban that ends soonest; what a person set never goes by itself.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use jiff::{SignedDuration, Timestamp};
use mamori_kernel::barrier::{IpNet, household};
use mamori_kernel::{Ban, BanCause};

use crate::policy::Banning;

/// All bans, those in force and those remembered.
#[derive(Debug, Default)]
pub(crate) struct Bans {
    inside: RwLock<Inside>,
    /// Whether there is anything to look for.
    count: AtomicUsize,
}

#[derive(Debug, Default)]
struct Inside {
    by_network: HashMap<IpNet, Ban>,
    /// Those that end, the first to end first.
    by_end: BTreeSet<(Timestamp, IpNet)>,
    /// How many networks there are of each length.
    lengths: BTreeMap<(bool, u8), usize>,
}

impl Inside {
    fn put(&mut self, ban: Ban) {
        self.take(ban.network);
        if let Some(until) = ban.until {
            self.by_end.insert((until, ban.network));
        }
        *self.lengths.entry(length(ban.network)).or_insert(0) += 1;
        self.by_network.insert(ban.network, ban);
    }

    fn take(&mut self, network: IpNet) -> Option<Ban> {
        let ban = self.by_network.remove(&network)?;
        if let Some(until) = ban.until {
            self.by_end.remove(&(until, network));
        }
        if let Some(count) = self.lengths.get_mut(&length(network)) {
            *count -= 1;
            if *count == 0 {
                self.lengths.remove(&length(network));
            }
        }
        Some(ban)
    }

    /// The ban of this address that is in force.
    fn of(&self, address: IpAddr, now: Timestamp) -> Option<&Ban> {
        let address = address.to_canonical();
        self.lengths
            .keys()
            .filter(|(six, _)| *six == address.is_ipv6())
            .filter_map(|(_, length)| IpNet::new(address, *length).ok())
            .filter_map(|net| self.by_network.get(&net.trunc()))
            .find(|ban| ban.holds(now))
    }

    /// Makes room for one more. Sets of persons stay, so nothing may be found.
    fn make_room(&mut self, most: usize) {
        while self.by_network.len() >= most {
            let Some((_, network)) = self.by_end.first().copied() else {
                return;
            };
            self.take(network);
        }
    }
}

fn length(network: IpNet) -> (bool, u8) {
    (network.addr().is_ipv6(), network.prefix_len())
}

/// IPv4 wrapped in IPv6 is IPv4; bits beyond the prefix are nothing.
fn plain(network: IpNet) -> IpNet {
    if let IpNet::V6(six) = network
        && six.prefix_len() >= 96
        && let Some(four) = six.addr().to_ipv4_mapped()
        && let Ok(net) = IpNet::new(four.into(), six.prefix_len() - 96)
    {
        return net.trunc();
    }
    network.trunc()
}

impl Bans {
    fn read(&self) -> RwLockReadGuard<'_, Inside> {
        self.inside.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write<T>(&self, act: impl FnOnce(&mut Inside) -> T) -> T {
        let mut inside: RwLockWriteGuard<'_, Inside> =
            self.inside.write().unwrap_or_else(PoisonError::into_inner);
        let done = act(&mut inside);
        self.count.store(inside.by_network.len(), Ordering::Release);
        done
    }

    /// The ban that keeps this address out now.
    pub(crate) fn of(&self, address: IpAddr, now: Timestamp) -> Option<Ban> {
        if self.count.load(Ordering::Acquire) == 0 {
            return None;
        }
        self.read().of(address, now).cloned()
    }

    /// A client did it again: keeps it out, longer than the last time. `None`: it is out already.
    pub(crate) fn offend(
        &self,
        client: IpAddr,
        watch: &str,
        banning: &Banning,
        now: Timestamp,
    ) -> Option<Ban> {
        let network = household(client);
        self.write(|inside| {
            let before = inside.by_network.get(&network);
            if before.is_some_and(|ban| ban.holds(now)) {
                return None;
            }
            let forgiven =
                SignedDuration::try_from(banning.forgiven_after).unwrap_or(SignedDuration::MAX);
            let times = before
                .filter(|ban| {
                    ban.until
                        .is_some_and(|until| now.duration_since(until) < forgiven)
                })
                .map_or(0, |ban| ban.times);
            let ban = Ban {
                network,
                cause: BanCause::Watch {
                    watch: watch.to_owned(),
                },
                since: now,
                until: Some(after(now, length_of(times, banning))),
                times: times.saturating_add(1),
            };
            inside.make_room(banning.most);
            inside.put(ban.clone());
            Some(ban)
        })
    }

    /// Sets a ban as it is given: by a person, or from a store after a start.
    pub(crate) fn set(&self, mut ban: Ban, most: usize) -> Ban {
        ban.network = plain(ban.network);
        self.write(|inside| {
            if !inside.by_network.contains_key(&ban.network) {
                inside.make_room(most);
            }
            inside.put(ban.clone());
        });
        ban
    }

    /// Lets a network in again and forgets what it did.
    pub(crate) fn lift(&self, network: IpNet) -> Option<Ban> {
        self.write(|inside| inside.take(plain(network)))
    }

    /// All that are known, past ones too, in the order of their networks.
    pub(crate) fn all(&self) -> Vec<Ban> {
        let mut all: Vec<Ban> = self.read().by_network.values().cloned().collect();
        all.sort_by_key(|ban| ban.network);
        all
    }

    /// Forgets what is long past.
    pub(crate) fn sweep(&self, banning: &Banning, now: Timestamp) {
        let forgiven =
            SignedDuration::try_from(banning.forgiven_after).unwrap_or(SignedDuration::MAX);
        self.write(|inside| {
            while let Some((until, network)) = inside.by_end.first().copied() {
                if now.duration_since(until) < forgiven {
                    break;
                }
                inside.take(network);
            }
        });
    }
}

/// How long the next ban lasts after so many.
fn length_of(times: u32, banning: &Banning) -> SignedDuration {
    let growth = f64::from(banning.growth).powf(f64::from(times.min(64)));
    let seconds = (banning.first.as_secs_f64() * growth).min(banning.longest.as_secs_f64());
    SignedDuration::try_from_secs_f64(seconds).unwrap_or(SignedDuration::MAX)
}

fn after(now: Timestamp, length: SignedDuration) -> Timestamp {
    now.checked_add(length).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_second(minutes * 60).unwrap()
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn minutes(ban: &Ban) -> i64 {
        ban.until.unwrap().duration_since(ban.since).as_mins()
    }

    fn by_hand(network: &str, until: Option<Timestamp>) -> Ban {
        Ban {
            network: network.parse().unwrap(),
            cause: BanCause::Person {
                reason: "noise".to_owned(),
            },
            since: at(0),
            until,
            times: 1,
        }
    }

    #[test]
    fn each_ban_is_longer_until_all_is_forgiven() {
        let bans = Bans::default();
        let banning = Banning {
            longest: Duration::from_mins(100),
            ..Banning::default()
        };
        let client = address("2001:db8::5");
        let first = bans.offend(client, "logins", &banning, at(0)).unwrap();
        assert_eq!((minutes(&first), first.times), (10, 1));
        assert_eq!(bans.offend(client, "logins", &banning, at(5)), None);
        assert!(
            bans.of(address("2001:db8::9"), at(9)).is_some(),
            "the household"
        );
        assert!(bans.of(address("2001:db8:0:1::9"), at(9)).is_none());
        assert!(bans.of(client, at(10)).is_none());
        let second = bans.offend(client, "logins", &banning, at(11)).unwrap();
        assert_eq!((minutes(&second), second.times), (40, 2));
        let third = bans.offend(client, "logins", &banning, at(60)).unwrap();
        assert_eq!((minutes(&third), third.times), (100, 3), "the longest");
        let later = at(60 + 100 + 30 * 24 * 60);
        let fourth = bans.offend(client, "logins", &banning, later).unwrap();
        assert_eq!(fourth.times, 1);
        bans.sweep(&banning, at(1_000_000));
        assert!(bans.all().is_empty());
        assert_eq!(bans.count.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn persons_keep_out_networks_of_any_size() {
        let bans = Bans::default();
        bans.set(by_hand("192.0.2.77/24", None), 10);
        bans.set(by_hand("::ffff:198.51.100.0/120", Some(at(5))), 10);
        bans.set(by_hand("2001:db8::/32", None), 10);
        for (text, out) in [
            ("192.0.2.1", true),
            ("::ffff:192.0.2.1", true),
            ("192.0.3.1", false),
            ("198.51.100.9", true),
            ("2001:db8:ffff::1", true),
            ("2001:db9::1", false),
        ] {
            assert_eq!(bans.of(address(text), at(1)).is_some(), out, "{text}");
        }
        assert!(bans.of(address("198.51.100.9"), at(5)).is_none());
        assert!(bans.lift("192.0.2.0/24".parse().unwrap()).is_some());
        assert!(bans.lift("192.0.2.0/24".parse().unwrap()).is_none());
        assert!(bans.of(address("192.0.2.1"), at(1)).is_none());
        assert_eq!(bans.all().len(), 2);
    }

    #[test]
    fn when_it_is_full_the_ban_that_ends_first_goes_and_never_a_persons() {
        let bans = Bans::default();
        let banning = Banning {
            most: 3,
            ..Banning::default()
        };
        bans.set(by_hand("203.0.113.0/24", None), 3);
        for last in 1..=4_u8 {
            let client = IpAddr::from([192, 0, 2, last]);
            bans.offend(client, "w", &banning, at(i64::from(last)))
                .unwrap();
        }
        let kept: Vec<String> = bans
            .all()
            .iter()
            .map(|ban| ban.network.to_string())
            .collect();
        assert_eq!(kept, ["192.0.2.3/32", "192.0.2.4/32", "203.0.113.0/24"]);
        let inside = bans.read();
        assert_eq!(inside.by_end.len(), 2);
        assert_eq!(inside.lengths.len(), 2);
    }
}
