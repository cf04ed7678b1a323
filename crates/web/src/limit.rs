//! Limits on failed sign-ins, made so that nobody can lock out an office.
//!
//! Only failures count: a try counts while it is being judged, and no longer once it was right. A
//! whole office behind one address signs in as often as it likes; one
//! person's slips block that person from that address, not the neighbours. A stranger who tries
//! one account from many addresses is stopped by the account's own limit, but addresses from
//! which the account signed in before stay open, so the owner is not shut out.
//!
//! Kept in memory, per process: a restart forgets. That is enough against guessing (argon2 costs
//! the guesser more) and needs no table that a flood could fill; the maps are bounded.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

use crate::error::WebError;

/// How many failures within which time.
#[derive(Debug, Clone, Copy)]
pub struct Quota {
    failures: usize,
    within: SignedDuration,
}

const fn quota(failures: usize, minutes: i64) -> Quota {
    Quota {
        failures,
        within: SignedDuration::from_mins(minutes),
    }
}

/// One account from one address.
pub const PER_PAIR: Quota = quota(6, 15);
/// One account from all addresses that are new to it.
pub const PER_ACCOUNT: Quota = quota(30, 60);
/// One address over all accounts.
pub const PER_ADDRESS: Quota = quota(60, 15);

/// Most keys kept; the oldest go first.
const MOST_KEYS: usize = 20_000;

#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Key {
    Pair(String, Network),
    Account(String),
    Address(Network),
}

/// An IPv4 address, or the /64 of an IPv6 address (one customer holds at least that).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Network(u128);

impl From<IpAddr> for Network {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => Self(u128::from(u32::from(v4))),
            IpAddr::V6(v6) => Self(u128::from(v6) >> 64 << 64),
        }
    }
}

#[derive(Default)]
struct State {
    failures: HashMap<Key, VecDeque<Timestamp>>,
    known: BTreeMap<(String, Network), Timestamp>,
}

/// Failed sign-ins of this process.
#[derive(Default)]
pub struct SignInLimits(Mutex<State>);

/// Sign-in is refused for now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooMany {
    /// After this time it is worth trying again.
    pub retry_after: SignedDuration,
}

impl From<TooMany> for WebError {
    fn from(refused: TooMany) -> Self {
        Self::TooMany {
            retry_after_seconds: refused.retry_after.as_secs().max(1),
        }
    }
}

/// A try that is being judged. It stays counted as a failure unless it is said to have been right.
#[derive(Debug)]
#[must_use]
pub struct Attempt {
    account: String,
    network: Network,
    at: Timestamp,
    counted: Vec<Key>,
}

impl SignInLimits {
    /// Whether this account may be tried from this address now. Ask before the password is looked
    /// at.
    pub fn admit(&self, account: &str, from: IpAddr, now: Timestamp) -> Result<(), TooMany> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let checks = state.checks(account, Network::from(from));
        match state.longest_wait(&checks, now) {
            Some(retry_after) => Err(TooMany { retry_after }),
            None => Ok(()),
        }
    }

    /// Begins a try, which counts from now on: tries that run side by side count before any of them
    /// is judged.
    pub fn attempt(&self, account: &str, from: IpAddr, now: Timestamp) -> Result<Attempt, TooMany> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let network = Network::from(from);
        let checks = state.checks(account, network);
        if let Some(retry_after) = state.longest_wait(&checks, now) {
            return Err(TooMany { retry_after });
        }
        for (key, quota) in &checks {
            state.count(key.clone(), *quota, now);
        }
        state.bound();
        Ok(Attempt {
            account: account.to_owned(),
            network,
            at: now,
            counted: checks.into_iter().map(|(key, _)| key).collect(),
        })
    }

    /// The try was right as far as it went, but somebody is not in yet: it no longer counts, what
    /// failed before does.
    pub fn right_so_far(&self, attempt: &Attempt) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.take_back(attempt);
    }

    /// Forgets the slips of a person who then got it right, and remembers the address.
    pub fn succeeded(&self, attempt: Attempt) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.take_back(&attempt);
        let (account, network) = (attempt.account, attempt.network);
        state.failures.remove(&Key::Pair(account.clone(), network));
        state.known.insert((account, network), attempt.at);
        state.bound();
    }
}

impl State {
    /// What counts for an account that is tried from a network.
    fn checks(&self, account: &str, network: Network) -> Vec<(Key, Quota)> {
        let mut checks = vec![
            (Key::Pair(account.to_owned(), network), PER_PAIR),
            (Key::Address(network), PER_ADDRESS),
        ];
        if !self.known.contains_key(&(account.to_owned(), network)) {
            checks.push((Key::Account(account.to_owned()), PER_ACCOUNT));
        }
        checks
    }

    fn longest_wait(&mut self, checks: &[(Key, Quota)], now: Timestamp) -> Option<SignedDuration> {
        checks
            .iter()
            .filter_map(|(key, quota)| self.wait(key, *quota, now))
            .max()
    }

    fn take_back(&mut self, attempt: &Attempt) {
        for key in &attempt.counted {
            let Some(times) = self.failures.get_mut(key) else {
                continue;
            };
            if let Some(place) = times.iter().position(|at| *at == attempt.at) {
                times.remove(place);
            }
            if times.is_empty() {
                self.failures.remove(key);
            }
        }
    }

    fn wait(&mut self, key: &Key, quota: Quota, now: Timestamp) -> Option<SignedDuration> {
        let times = self.failures.get_mut(key)?;
        drop_old(times, quota, now);
        (times.len() >= quota.failures).then(|| {
            let oldest = times[times.len() - quota.failures];
            quota.within - now.duration_since(oldest)
        })
    }

    fn count(&mut self, key: Key, quota: Quota, now: Timestamp) {
        let times = self.failures.entry(key).or_default();
        drop_old(times, quota, now);
        times.push_back(now);
        while times.len() > quota.failures {
            times.pop_front();
        }
    }

    fn bound(&mut self) {
        if self.failures.len() > MOST_KEYS {
            let mut ages: Vec<Timestamp> = self
                .failures
                .values()
                .filter_map(|times| times.back().copied())
                .collect();
            ages.sort_unstable();
            let cut = ages[ages.len() / 4];
            self.failures
                .retain(|_, times| times.back().is_some_and(|last| *last > cut));
        }
        if self.known.len() > MOST_KEYS {
            let mut ages: Vec<Timestamp> = self.known.values().copied().collect();
            ages.sort_unstable();
            let cut = ages[ages.len() / 4];
            self.known.retain(|_, last| *last > cut);
        }
    }
}

/// Failures in the future (the clock jumped back) are dropped too: they would block for ever.
fn drop_old(times: &mut VecDeque<Timestamp>, quota: Quota, now: Timestamp) {
    times.retain(|at| *at <= now && now.duration_since(*at) < quota.within);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + minute * 60).expect("in range")
    }

    fn ip(n: u32) -> IpAddr {
        IpAddr::V4(std::net::Ipv4Addr::from(0x0a00_0000 + n))
    }

    fn fail(limits: &SignInLimits, account: &str, from: IpAddr, times: usize, now: Timestamp) {
        for _ in 0..times {
            failed(limits, account, from, now);
        }
    }

    fn failed(limits: &SignInLimits, account: &str, from: IpAddr, now: Timestamp) {
        let _ = limits.attempt(account, from, now);
    }

    fn succeeded(limits: &SignInLimits, account: &str, from: IpAddr, now: Timestamp) {
        let attempt = limits.attempt(account, from, now).expect("admitted");
        limits.succeeded(attempt);
    }

    #[test]
    fn an_office_behind_one_address_signs_in_as_often_as_it_likes() {
        let limits = SignInLimits::default();
        for n in 0..500 {
            let name = format!("user{}", n % 40);
            // With a second factor: the password first, then the code.
            let password = limits.attempt(&name, ip(1), at(0)).expect("admitted");
            limits.right_so_far(&password);
            succeeded(&limits, &name, ip(1), at(0));
        }
        assert!(limits.0.lock().expect("not poisoned").failures.is_empty());
    }

    #[test]
    fn a_right_password_does_not_wash_away_wrong_codes() {
        let limits = SignInLimits::default();
        for _ in 0..6 {
            let password = limits.attempt("tanaka", ip(1), at(0)).expect("admitted");
            limits.right_so_far(&password);
            failed(&limits, "tanaka", ip(1), at(0));
        }
        assert!(limits.attempt("tanaka", ip(1), at(1)).is_err());
    }

    #[test]
    fn tries_side_by_side_count_before_they_are_judged() {
        let limits = SignInLimits::default();
        let running: Vec<Attempt> = (0..6)
            .map(|_| limits.attempt("tanaka", ip(1), at(0)).expect("admitted"))
            .collect();
        assert!(limits.attempt("tanaka", ip(1), at(0)).is_err());
        drop(running);
        assert!(limits.attempt("tanaka", ip(1), at(0)).is_err());
    }

    #[test]
    fn slips_block_the_person_not_the_office() {
        let limits = SignInLimits::default();
        fail(&limits, "tanaka", ip(1), 6, at(0));
        let refused = limits.admit("tanaka", ip(1), at(1)).expect_err("blocked");
        assert_eq!(refused.retry_after, SignedDuration::from_mins(14));
        assert_eq!(limits.admit("suzuki", ip(1), at(1)), Ok(()));
        assert_eq!(limits.admit("tanaka", ip(2), at(1)), Ok(()));
        assert_eq!(limits.admit("tanaka", ip(1), at(15)), Ok(()));
    }

    #[test]
    fn a_stranger_with_many_addresses_is_stopped_but_the_owner_is_not() {
        let limits = SignInLimits::default();
        succeeded(&limits, "tanaka", ip(1), at(0));
        for n in 0..30 {
            fail(&limits, "tanaka", ip(100 + n), 1, at(1));
        }
        assert!(limits.admit("tanaka", ip(500), at(2)).is_err());
        assert_eq!(limits.admit("tanaka", ip(1), at(2)), Ok(()));
    }

    #[test]
    fn one_address_over_many_accounts_is_stopped() {
        let limits = SignInLimits::default();
        for n in 0..60 {
            fail(&limits, &format!("user{n}"), ip(9), 1, at(0));
        }
        assert!(limits.admit("fresh", ip(9), at(1)).is_err());
        assert_eq!(limits.admit("fresh", ip(8), at(1)), Ok(()));
    }

    #[test]
    fn a_clock_that_jumps_back_blocks_nobody_for_ever() {
        let limits = SignInLimits::default();
        fail(&limits, "tanaka", ip(1), 6, at(10_000));
        assert_eq!(limits.admit("tanaka", ip(1), at(0)), Ok(()));
    }

    #[test]
    fn neighbours_in_one_ipv6_network_count_as_one() {
        let limits = SignInLimits::default();
        for n in 0..6 {
            let from: IpAddr = format!("2001:db8::{n:x}").parse().expect("address");
            failed(&limits, "tanaka", from, at(0));
        }
        let other: IpAddr = "2001:db8::ffff".parse().expect("address");
        assert!(limits.admit("tanaka", other, at(0)).is_err());
    }

    #[test]
    fn a_flood_does_not_grow_without_end() {
        let limits = SignInLimits::default();
        for n in 0..30_000_u32 {
            failed(&limits, &format!("u{n}"), ip(n), at(i64::from(n) / 1000));
        }
        let state = limits.0.lock().expect("not poisoned");
        assert!(
            state.failures.len() <= MOST_KEYS + 3,
            "{}",
            state.failures.len()
        );
    }

    proptest! {
        /// Whatever others do, somebody who never failed and whose address is not over its quota
        /// gets in.
        #[test]
        fn the_innocent_are_admitted(events in prop::collection::vec((0_u32..8, 0_u32..8, 0_i64..20), 0..200)) {
            let limits = SignInLimits::default();
            let mut events = events;
            events.sort_by_key(|(_, _, minute)| *minute);
            for (account, address, minute) in &events {
                failed(&limits, &format!("u{account}"), ip(*address), at(*minute));
            }
            prop_assert_eq!(limits.admit("innocent", ip(77), at(20)), Ok(()));
        }

        /// After the longest window everybody is admitted again.
        #[test]
        fn every_block_ends(events in prop::collection::vec((0_u32..3, 0_u32..3, 0_i64..20), 0..300)) {
            let limits = SignInLimits::default();
            for (account, address, minute) in &events {
                failed(&limits, &format!("u{account}"), ip(*address), at(*minute));
            }
            for account in 0..3 {
                for address in 0..3 {
                    prop_assert_eq!(limits.admit(&format!("u{account}"), ip(address), at(20 + 60)), Ok(()));
                }
            }
        }

        /// The promised wait is kept: a moment before it is too early, after it is not.
        #[test]
        fn retry_after_is_true(extra in 0_usize..5, minute in 0_i64..14) {
            let limits = SignInLimits::default();
            for n in 0..6 + extra {
                failed(&limits, "tanaka", ip(1), at(0) + SignedDuration::from_secs(n as i64));
            }
            let now = at(minute) + SignedDuration::from_secs(20);
            let refused = limits.admit("tanaka", ip(1), now).expect_err("blocked");
            let free = now + refused.retry_after;
            prop_assert!(limits.admit("tanaka", ip(1), free - SignedDuration::from_secs(1)).is_err());
            prop_assert_eq!(limits.admit("tanaka", ip(1), free), Ok(()));
        }
    }
}
