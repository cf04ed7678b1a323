//! What all clients share and one could take for itself: connections to a server, memory for bodies.
//!
//! Each household (an IPv4 address, an IPv6 /64) has a share. Where several wait, the one that holds
//! least comes first, so that nobody stands behind the hundred requests of somebody else; and the
//! last eighth is for those who hold next to nothing, so that somebody new rarely waits at all. When
//! something is wanted and nothing is left, those go who hold it only because they are slow
//! ([`Turn`](crate::turn::Turn)): their connections are ended, the slowest first. Who keeps the pace
//! is never ended, and while nobody waits, nobody is ended.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use mamori_kernel::barrier::{IpNet, household};
use tokio::sync::oneshot;

use crate::body::Count;
use crate::wire::Link;

/// Who is this far behind gives up what others wait for.
const BEHIND: Duration = Duration::from_secs(1);
/// This part of all is for those who hold next to nothing…
const RESERVED: u32 = 8;
/// …which is less than this part of all.
const LITTLE: u32 = 64;
/// How often somebody slow is looked for while others wait.
const EVERY: Duration = Duration::from_millis(50);

/// Who asks for something.
#[derive(Debug, Clone)]
pub(crate) struct Asker {
    household: IpNet,
    /// Whether it has a share only; not so an office, monitoring, a proxy for many.
    limited: bool,
    count: Arc<Count>,
    link: Arc<Link>,
}

impl Asker {
    pub(crate) fn new(client: IpAddr, limited: bool, count: &Arc<Count>, link: &Arc<Link>) -> Self {
        Self {
            household: household(client),
            limited,
            count: Arc::clone(count),
            link: Arc::clone(link),
        }
    }
}

/// What is shared.
#[derive(Debug)]
pub(crate) struct Commons {
    bounds: Bounds,
    state: Mutex<State>,
}

/// Who gets how much.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    most: u32,
    share: u32,
}

#[derive(Debug, Default)]
struct State {
    free: u32,
    next: u64,
    holders: HashMap<u64, Holder>,
    /// Those that hold something or wait for it.
    households: HashMap<IpNet, Household>,
    /// Whether somebody slow is being looked for.
    looking: bool,
}

#[derive(Debug)]
struct Holder {
    asker: Asker,
    units: u32,
    /// Its connection was told to end.
    leaving: bool,
}

#[derive(Debug, Default)]
struct Household {
    held: u32,
    waiting: VecDeque<Waiter>,
}

#[derive(Debug)]
struct Waiter {
    key: u64,
    asker: Asker,
    units: u32,
    grant: oneshot::Sender<Portion>,
}

/// A part of what is shared; it is given back with the value.
#[derive(Debug)]
pub(crate) struct Portion {
    commons: Arc<Commons>,
    key: u64,
}

impl Commons {
    /// So many units, of which one household gets at most its share.
    pub(crate) fn new(most: usize, share: usize) -> Arc<Self> {
        let units = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Arc::new(Self {
            bounds: Bounds {
                most: units(most),
                share: units(share),
            },
            state: Mutex::new(State {
                free: units(most),
                ..State::default()
            }),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes so many units; waits for them, but not longer than this.
    pub(crate) async fn take(
        self: &Arc<Self>,
        asker: &Asker,
        units: u32,
        wait: Duration,
    ) -> Option<Portion> {
        if units > self.bounds.most {
            return None;
        }
        let mut waits = self.ask(asker, units);
        if let Ok(portion) = waits.try_recv() {
            return Some(portion);
        }
        if !std::mem::replace(&mut self.state().looking, true) {
            tokio::spawn(relieve(Arc::downgrade(self)));
        }
        tokio::time::timeout(wait, waits).await.ok()?.ok()
    }

    fn ask(self: &Arc<Self>, asker: &Asker, units: u32) -> oneshot::Receiver<Portion> {
        let (grant, waits) = oneshot::channel();
        let mut state = self.state();
        let key = state.next;
        state.next += 1;
        let household = state.households.entry(asker.household).or_default();
        household.waiting.push_back(Waiter {
            key,
            asker: asker.clone(),
            units,
            grant,
        });
        drop(state);
        self.serve();
        waits
    }

    /// Gives what is free to those who wait.
    fn serve(self: &Arc<Self>) {
        loop {
            let mut state = self.state();
            let Some(waiter) = state.next_waiter(self.bounds) else {
                return;
            };
            let Waiter {
                key,
                asker,
                units,
                grant,
            } = waiter;
            state.free -= units;
            state.households.entry(asker.household).or_default().held += units;
            let holder = Holder {
                asker,
                units,
                leaving: false,
            };
            state.holders.insert(key, holder);
            drop(state);
            // Who went meanwhile gives it back at once.
            let _ = grant.send(Portion {
                commons: Arc::clone(self),
                key,
            });
        }
    }

    /// Ends connections of slow clients for as much as others wait for. Gives whether anybody waits.
    fn look(&self, now: Instant) -> bool {
        let mut state = self.state();
        let State {
            free,
            holders,
            households,
            looking,
            ..
        } = &mut *state;
        let (mut wanted, mut within) = (0_u64, HashMap::new());
        for (own, household) in &mut *households {
            household.waiting.retain(|waiter| !waiter.grant.is_closed());
            for waiter in &household.waiting {
                if household.allows(waiter, self.bounds) {
                    wanted += u64::from(waiter.units);
                } else {
                    *within.entry(*own).or_insert(0) += u64::from(waiter.units);
                }
            }
        }
        households.retain(|_, household| household.held > 0 || !household.waiting.is_empty());
        if wanted == 0 && within.is_empty() {
            *looking = false;
            return false;
        }
        let left = free.saturating_sub(self.bounds.most / RESERVED);
        wanted = wanted.saturating_sub(u64::from(left));
        let mut serves = |holder: &Holder| {
            let units = u64::from(holder.units);
            let mut served = wanted > 0;
            wanted = wanted.saturating_sub(units);
            if let Some(of_own) = within.get_mut(&holder.asker.household) {
                served |= *of_own > 0;
                *of_own = of_own.saturating_sub(units);
            }
            served
        };
        // What those give up who are about to go is not asked of others.
        for holder in holders.values().filter(|holder| holder.leaving) {
            serves(holder);
        }
        let mut slow: Vec<(Duration, &mut Holder)> = holders
            .values_mut()
            .filter(|holder| !holder.leaving)
            .map(|holder| (holder.asker.count.turn.behind(now), holder))
            .filter(|(behind, _)| *behind >= BEHIND)
            .collect();
        slow.sort_by_key(|(behind, _)| std::cmp::Reverse(*behind));
        for (_, holder) in slow {
            if serves(holder) {
                holder.leaving = true;
                holder.asker.link.end();
            }
        }
        true
    }
}

impl Bounds {
    /// What is not for a household that holds this much.
    fn reserved(self, held: u32) -> u32 {
        if held < (self.most / LITTLE).max(1) {
            0
        } else {
            self.most / RESERVED
        }
    }
}

impl Household {
    /// Whether its share allows what somebody waits for. What is larger than a share takes all of it.
    fn allows(&self, waiter: &Waiter, bounds: Bounds) -> bool {
        !waiter.asker.limited
            || self.held == 0
            || self.held.saturating_add(waiter.units) <= bounds.share
    }
}

impl State {
    /// Who comes first, if there is enough: of those who hold least who has waited longest.
    fn next_waiter(&mut self, bounds: Bounds) -> Option<Waiter> {
        let first = |(own, household): (&IpNet, &mut Household)| {
            let gone = |waiter: &Waiter| waiter.grant.is_closed();
            while household.waiting.front().is_some_and(gone) {
                household.waiting.pop_front();
            }
            let waiter = household.waiting.front()?;
            let allowed = household.allows(waiter, bounds);
            allowed.then_some((household.held, waiter.key, waiter.units, *own))
        };
        let (held, _, units, own) = self
            .households
            .iter_mut()
            .filter_map(first)
            .min_by_key(|(held, key, _, _)| (*held, *key))?;
        if units > self.free.saturating_sub(bounds.reserved(held)) {
            return None;
        }
        self.households.get_mut(&own)?.waiting.pop_front()
    }

    fn give_back(&mut self, key: u64) -> Option<Holder> {
        let holder = self.holders.remove(&key)?;
        self.free += holder.units;
        let own = holder.asker.household;
        if let Some(household) = self.households.get_mut(&own) {
            household.held -= holder.units;
            if household.held == 0 && household.waiting.is_empty() {
                self.households.remove(&own);
            }
        }
        Some(holder)
    }
}

impl Drop for Portion {
    fn drop(&mut self) {
        let gone = self.commons.state().give_back(self.key);
        // Outside of the lock: what it refers to may end with it.
        drop(gone);
        self.commons.serve();
    }
}

/// Looks for slow clients as long as others wait.
async fn relieve(commons: Weak<Commons>) {
    while commons
        .upgrade()
        .is_some_and(|commons| commons.look(Instant::now()))
    {
        tokio::time::sleep(EVERY).await;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_millis(30);
    const LONG: Duration = Duration::from_secs(5);

    fn asker(client: &str) -> Asker {
        Asker::new(client.parse().unwrap(), true, &Arc::default(), &Link::new())
    }

    fn waiting(commons: &Commons) -> usize {
        let state = commons.state();
        let waiting = |household: &Household| household.waiting.len();
        state.households.values().map(waiting).sum()
    }

    #[tokio::test]
    async fn a_household_has_its_share_and_leaves_nothing_behind() {
        let commons = Commons::new(4, 2);
        let (one, two) = (asker("2001:db8::1"), asker("2001:db8::2"));
        let first = commons.take(&one, 1, SOON).await.unwrap();
        let second = commons.take(&two, 1, SOON).await.unwrap();
        assert!(commons.take(&one, 1, SOON).await.is_none(), "a neighbour");
        let office = Asker {
            limited: false,
            ..asker("192.0.2.200")
        };
        let first_of_office = commons.take(&office, 1, SOON).await.unwrap();
        let second_of_office = commons.take(&office, 1, SOON).await.unwrap();
        assert!(
            commons.take(&office, 1, SOON).await.is_none(),
            "all is taken"
        );
        let other = asker("192.0.2.1");
        assert!(
            commons.take(&other, 1, SOON).await.is_none(),
            "all is taken"
        );
        drop(first);
        let third = commons.take(&other, 1, SOON).await.unwrap();
        assert!(commons.take(&other, 5, LONG).await.is_none(), "never there");
        drop((second, third, first_of_office, second_of_office));
        commons.look(Instant::now());
        let state = commons.state();
        assert!(state.holders.is_empty() && state.households.is_empty());
        assert_eq!(state.free, 4);
    }

    #[tokio::test]
    async fn who_holds_least_comes_first_and_who_went_is_passed_over() {
        let commons = Commons::new(2, 2);
        let (one, two) = (asker("192.0.2.1"), asker("192.0.2.2"));
        let first = commons.take(&one, 1, SOON).await.unwrap();
        let second = commons.take(&one, 1, SOON).await.unwrap();
        let office = Asker {
            limited: false,
            ..one
        };
        let mut crowd: Vec<_> = (0..100).map(|_| commons.ask(&office, 1)).collect();
        drop(commons.ask(&two, 1));
        let mut visitor = commons.ask(&two, 1);
        drop(first);
        let third = visitor.try_recv().expect("before a hundred others");
        assert!(crowd[0].try_recv().is_err());
        drop(second);
        let fourth = crowd[0].try_recv().expect("then the first of them");
        assert!(crowd[1].try_recv().is_err());
        drop((third, fourth));
        assert!(crowd[1].try_recv().is_ok() && crowd[2].try_recv().is_ok());
    }

    #[tokio::test]
    async fn the_last_eighth_is_for_those_who_hold_next_to_nothing() {
        let commons = Commons::new(256, 256);
        let hog = asker("192.0.2.1");
        let mut held: Vec<_> = (0..256).map(|_| commons.ask(&hog, 1)).collect();
        let got = |one: &mut oneshot::Receiver<Portion>| one.try_recv().ok();
        let held: Vec<Portion> = held.iter_mut().filter_map(got).collect();
        assert_eq!(held.len(), 224);
        let mut visits = Vec::new();
        for visitor in 0..8 {
            let visitor = asker(&format!("192.0.2.{}", 100 + visitor));
            let mut own: Vec<_> = (0..5).map(|_| commons.ask(&visitor, 1)).collect();
            let own: Vec<Portion> = own.iter_mut().filter_map(got).collect();
            assert_eq!(own.len(), 4);
            visits.extend(own);
        }
        drop((held, visits));
    }

    #[tokio::test]
    async fn what_is_larger_than_a_share_takes_all_of_it() {
        let commons = Commons::new(8, 2);
        let one = asker("192.0.2.1");
        let large = commons.take(&one, 5, SOON).await.unwrap();
        assert!(commons.take(&one, 1, SOON).await.is_none());
        assert!(commons.take(&asker("192.0.2.2"), 3, SOON).await.is_some());
        drop(large);
        assert!(commons.take(&one, 1, SOON).await.is_some());
    }

    #[tokio::test]
    async fn the_slowest_goes_and_only_as_many_as_are_waited_for() {
        let commons = Commons::new(3, 3);
        let slow: Vec<Asker> = ["192.0.2.1", "192.0.2.2", "192.0.2.3"].map(asker).into();
        let mut held = Vec::new();
        for (at, one) in slow.iter().enumerate() {
            held.push(commons.take(one, 1, SOON).await);
            if at < 2 {
                one.count.turn.begins(0);
                tokio::time::sleep(SOON).await;
            }
        }
        let waits = {
            let commons = Arc::clone(&commons);
            tokio::spawn(async move { commons.take(&asker("192.0.2.9"), 1, LONG).await.is_some() })
        };
        while waiting(&commons) == 0 {
            tokio::task::yield_now().await;
        }
        let leaving = || -> Vec<bool> {
            let state = commons.state();
            (0..3).map(|key| state.holders[&key].leaving).collect()
        };
        assert!(commons.look(Instant::now()));
        assert_eq!(leaving(), [false; 3], "nobody is behind yet");
        let later = Instant::now() + Duration::from_secs(3);
        for _ in 0..2 {
            assert!(commons.look(later));
            assert_eq!(leaving(), [true, false, false], "one is enough");
        }
        tokio::time::timeout(LONG, slow[0].link.ended())
            .await
            .unwrap();
        held.remove(0);
        assert!(waits.await.unwrap());
        assert!(!commons.look(later), "nobody waits any more");
    }

    #[tokio::test]
    async fn a_full_share_is_relieved_within_the_household() {
        let commons = Commons::new(9, 1);
        let (own, other) = (asker("192.0.2.1"), asker("192.0.2.2"));
        for one in [&own, &other] {
            one.count.turn.begins(0);
        }
        let _held = (
            commons.take(&other, 1, SOON).await.unwrap(),
            commons.take(&own, 1, SOON).await.unwrap(),
        );
        let waits = {
            let (commons, own) = (Arc::clone(&commons), own.clone());
            tokio::spawn(async move { commons.take(&own, 1, LONG).await.is_some() })
        };
        while waiting(&commons) == 0 {
            tokio::task::yield_now().await;
        }
        commons.look(Instant::now() + Duration::from_secs(3));
        let state = commons.state();
        assert!(!state.holders[&0].leaving && state.holders[&1].leaving);
        drop(state);
        waits.abort();
    }
}
