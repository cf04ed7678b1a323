//! How many connections each client holds.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use mamori_kernel::barrier::{IpNet, household};

/// Counts connections by client.
#[derive(Debug, Default)]
pub(crate) struct Census {
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    all: usize,
    by_client: HashMap<IpNet, usize>,
}

/// Why a connection is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Full {
    /// There are too many altogether.
    Altogether,
    /// This client has too many.
    Client,
}

/// A counted connection; it ends with this value.
#[derive(Debug)]
pub(crate) struct Place {
    census: Arc<Census>,
    client: IpNet,
}

impl Census {
    /// Counts one more connection, if there is room.
    pub(crate) fn enter(
        self: &Arc<Self>,
        client: IpAddr,
        most: usize,
        most_of_client: usize,
    ) -> Result<Place, Full> {
        let client = household(client);
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.all >= most {
            return Err(Full::Altogether);
        }
        let own = counts.by_client.entry(client).or_insert(0);
        if *own >= most_of_client {
            // An entry made just now would stay at nothing: a limit of nothing is refused by the policy.
            return Err(Full::Client);
        }
        *own += 1;
        counts.all += 1;
        Ok(Place {
            census: Arc::clone(self),
            client,
        })
    }

    /// Whether more than three quarters of the places are taken.
    pub(crate) fn is_crowded(&self, most: usize) -> bool {
        self.all().saturating_mul(4) > most.saturating_mul(3)
    }

    /// How many there are.
    pub(crate) fn all(&self) -> usize {
        self.counts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .all
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self
            .census
            .counts
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        counts.all = counts.all.saturating_sub(1);
        if let Some(own) = counts.by_client.get_mut(&self.client) {
            *own -= 1;
            if *own == 0 {
                counts.by_client.remove(&self.client);
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_household_shares_its_places_and_leaves_nothing_behind() {
        let census = Arc::new(Census::default());
        let one: IpAddr = "2001:db8::1".parse().unwrap();
        let two: IpAddr = "2001:db8::2".parse().unwrap();
        let other: IpAddr = "192.0.2.1".parse().unwrap();
        let first = census.enter(one, 3, 2).unwrap();
        let second = census.enter(two, 3, 2).unwrap();
        assert_eq!(census.enter(one, 3, 2).unwrap_err(), Full::Client);
        assert!(!census.is_crowded(3));
        let third = census.enter(other, 3, 2).unwrap();
        assert!(census.is_crowded(3));
        assert_eq!(census.enter(other, 3, 2).unwrap_err(), Full::Altogether);
        drop((first, second));
        assert_eq!(census.all(), 1);
        drop(third);
        assert!(census.counts.lock().unwrap().by_client.is_empty());
    }
}
