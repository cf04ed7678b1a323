//! How much of each rate every client has used up, in memory of one size.
//!
//! A debt is one instant: when the client will have paid everything back (the generic cell rate
//! algorithm, a token bucket in eight bytes). Places are found by a keyed hash, eight to a row, and
//! the least debt in a row gives way when all are in use. So nobody chooses whom to push out; and a
//! large debt is pushed out only by seven larger ones in the same row, which somebody has to run up
//! from that many addresses: filling the whole table costs full bursts from as many clients as it
//! has places. Small debts, which mean little, give way first. What was pushed out is counted.

use std::hash::{BuildHasher as _, RandomState};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use mamori_kernel::barrier::household;

/// Places in a row.
const ROW: usize = 8;
/// Rows under one lock.
const ROWS_A_SHARD: usize = 512;

/// Whose debt, and to which rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Debtor {
    client: u128,
    rule: u32,
}

impl Debtor {
    pub(crate) fn new(client: IpAddr, rule: u32) -> Self {
        let client = match household(client).addr() {
            IpAddr::V4(four) => four.to_ipv6_mapped().to_bits(),
            IpAddr::V6(six) => six.to_bits(),
        };
        Self { client, rule }
    }
}

/// A place; free once the debt is paid.
#[derive(Debug, Clone, Copy)]
struct Debt {
    client: u128,
    /// Microseconds since 1970 at which everything is paid; nothing: never used.
    paid_at: i64,
    rule: u32,
}

const FREE: Debt = Debt {
    client: 0,
    paid_at: i64::MIN,
    rule: 0,
};

/// What one more costs, and how much may be owed. In microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Terms {
    pub(crate) cost: i64,
    pub(crate) most: i64,
}

impl Terms {
    /// `count` in `within`, `burst` at once.
    pub(crate) fn new(count: u32, within: std::time::Duration, burst: u32) -> Self {
        let within = i64::try_from(within.as_micros()).unwrap_or(i64::MAX);
        let cost = (within / i64::from(count.max(1))).max(1);
        Self {
            cost,
            most: cost.saturating_mul(i64::from(burst.max(1))),
        }
    }
}

/// All debts.
pub(crate) struct Debts {
    shards: Vec<Mutex<Vec<[Debt; ROW]>>>,
    rows: u64,
    key: RandomState,
    pushed_out: AtomicU64,
}

impl std::fmt::Debug for Debts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Debts")
            .field("places", &(self.rows * ROW as u64))
            .finish_non_exhaustive()
    }
}

impl Debts {
    /// Room for at least this many.
    pub(crate) fn new(places: usize) -> Self {
        let rows = places.div_ceil(ROW).max(1);
        let shards = rows.div_ceil(ROWS_A_SHARD);
        let a_shard = rows.div_ceil(shards);
        Self {
            shards: (0..shards)
                .map(|_| Mutex::new(vec![[FREE; ROW]; a_shard]))
                .collect(),
            rows: (shards * a_shard) as u64,
            key: RandomState::new(),
            pushed_out: AtomicU64::new(0),
        }
    }

    /// Bytes that it holds, whatever happens.
    pub(crate) fn bytes(&self) -> usize {
        self.rows as usize * size_of::<[Debt; ROW]>()
    }

    /// Debts that were forgotten before they were paid.
    pub(crate) fn pushed_out(&self) -> u64 {
        self.pushed_out.load(Ordering::Relaxed)
    }

    /// One more, at `now` (microseconds). Refused, it costs nothing and gives how long to wait.
    pub(crate) fn charge(&self, debtor: Debtor, terms: Terms, now: i64) -> Result<(), i64> {
        self.at(debtor, now, |paid_at| {
            // A clock that went back does not make a debt larger than it can be.
            let owed = (*paid_at - now).clamp(0, terms.most);
            let after = owed.saturating_add(terms.cost);
            if after > terms.most {
                *paid_at = now.saturating_add(owed);
                return Err(after - terms.most);
            }
            *paid_at = now.saturating_add(after);
            Ok(())
        })
    }

    /// Everything is forgiven.
    pub(crate) fn forgive(&self, debtor: Debtor, now: i64) {
        self.at(debtor, now, |paid_at| *paid_at = now);
    }

    fn at<T>(&self, debtor: Debtor, now: i64, act: impl FnOnce(&mut i64) -> T) -> T {
        let row = self.key.hash_one(debtor) % self.rows;
        let (shard, row) = (
            row as usize % self.shards.len(),
            row as usize / self.shards.len(),
        );
        let mut rows = self.shards[shard]
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let places = &mut rows[row];
        let own = places
            .iter()
            .position(|own| own.client == debtor.client && own.rule == debtor.rule);
        let place = own.unwrap_or_else(|| {
            let least = (0..ROW).min_by_key(|at| places[*at].paid_at).unwrap_or(0);
            if places[least].paid_at > now {
                self.pushed_out.fetch_add(1, Ordering::Relaxed);
            }
            places[least] = Debt {
                client: debtor.client,
                rule: debtor.rule,
                paid_at: now,
            };
            least
        });
        act(&mut places[place].paid_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::net::Ipv4Addr;
    use std::time::Duration;

    const SECOND: i64 = 1_000_000;

    fn debtor(client: u32) -> Debtor {
        Debtor::new(IpAddr::V4(Ipv4Addr::from_bits(client)), 1)
    }

    /// Ten at once, then one a second.
    fn terms() -> Terms {
        Terms::new(60, Duration::from_mins(1), 10)
    }

    #[test]
    fn a_burst_passes_and_then_one_for_each_that_was_paid() {
        let debts = Debts::new(100);
        for _ in 0..10 {
            assert_eq!(debts.charge(debtor(1), terms(), 0), Ok(()));
        }
        assert_eq!(debts.charge(debtor(1), terms(), 0), Err(SECOND));
        assert_eq!(
            debts.charge(debtor(2), terms(), 0),
            Ok(()),
            "another client"
        );
        assert_eq!(debts.charge(debtor(1), terms(), SECOND - 1), Err(1));
        assert_eq!(debts.charge(debtor(1), terms(), SECOND), Ok(()));
        assert_eq!(debts.charge(debtor(1), terms(), SECOND), Err(SECOND));
        debts.forgive(debtor(1), SECOND);
        assert_eq!(debts.charge(debtor(1), terms(), SECOND), Ok(()));
    }

    #[test]
    fn neighbours_in_one_household_share_and_a_clock_that_goes_back_punishes_nobody() {
        let debts = Debts::new(100);
        let one = Debtor::new("2001:db8::1".parse().unwrap(), 1);
        let two = Debtor::new("2001:db8::ffff:2".parse().unwrap(), 1);
        assert_eq!(one, two);
        assert_ne!(one, Debtor::new("2001:db8::1".parse().unwrap(), 2));
        assert_ne!(one, Debtor::new("2001:db8:0:1::1".parse().unwrap(), 1));
        for _ in 0..5 {
            assert_eq!(debts.charge(one, terms(), 3_600 * SECOND), Ok(()));
        }
        assert_eq!(
            debts.charge(two, terms(), 0),
            Err(SECOND),
            "at most a full debt"
        );
        assert_eq!(debts.charge(two, terms(), SECOND), Ok(()));
    }

    #[test]
    fn a_flood_of_newcomers_does_not_push_out_a_large_debt() {
        let debts = Debts::new(1024);
        for _ in 0..10 {
            assert!(debts.charge(debtor(7), terms(), 0).is_ok());
        }
        // A hundred times more clients than there are places, each with a small debt.
        for newcomer in 1_000..101_000 {
            let _ = debts.charge(debtor(newcomer), terms(), 0);
        }
        assert_eq!(debts.charge(debtor(7), terms(), 0), Err(SECOND));
        assert!(debts.pushed_out() > 90_000);
        // Once debts are paid, places are free and nothing is pushed out.
        let before = debts.pushed_out();
        for newcomer in 0..100 {
            assert!(debts.charge(debtor(newcomer), terms(), 60 * SECOND).is_ok());
        }
        assert_eq!(debts.pushed_out(), before);
    }

    #[test]
    fn memory_is_what_was_said() {
        let debts = Debts::new(131_072);
        assert_eq!(size_of::<Debt>(), 32);
        assert_eq!(debts.bytes(), 131_072 * 32);
        let debts = Debts::new(1);
        assert!(debts.charge(debtor(1), terms(), 0).is_ok());
    }

    proptest! {
        #[test]
        fn never_more_than_burst_and_rate_allow(
            steps in proptest::collection::vec(0i64..3_000_000, 1..200),
        ) {
            let debts = Debts::new(64);
            let (mut now, mut passed) = (0, 0);
            for step in steps {
                now += step;
                if debts.charge(debtor(1), terms(), now).is_ok() {
                    passed += 1;
                }
                prop_assert!(passed <= 10 + now / SECOND);
            }
        }
    }
}
