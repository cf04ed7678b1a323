//! Bans as whoever runs the data plane sees and sets them.

use std::net::IpAddr;
use std::sync::Arc;

use jiff::Timestamp;
use mamori_kernel::barrier::IpNet;
use mamori_kernel::{Ban, BanCause};

use crate::server::Shared;

/// Bans of a running server. Cheap to clone; stays valid after the server has stopped.
#[derive(Debug, Clone)]
pub struct IpsHandle {
    shared: Arc<Shared>,
}

/// How much is remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IpsFigures {
    /// Bytes of the places for rates and watches; they do not grow.
    pub bytes: usize,
    /// Debts that were forgotten before they were paid, because all places near were taken. A figure
    /// that grows says that more clients overdo it than there are places.
    pub pushed_out: u64,
    /// Bans in force.
    pub bans: usize,
}

impl IpsHandle {
    pub(crate) fn new(shared: &Arc<Shared>) -> Self {
        Self {
            shared: Arc::clone(shared),
        }
    }

    fn now(&self) -> Timestamp {
        self.shared.clock.now()
    }

    /// Bans in force and those past ones that make the next longer. Store all of them, and give them
    /// back with [`IpsHandle::restore`] after a start.
    pub fn remembered(&self) -> Vec<Ban> {
        let active = self.shared.active.load();
        let banning = &active.policy.parts().ips.banning;
        self.shared.ips.bans.sweep(banning, self.now());
        self.shared.ips.bans.all()
    }

    /// Bans in force, in the order of their networks. What a [`mamori_kernel::Barrier`] is set to.
    pub fn bans(&self) -> Vec<Ban> {
        let now = self.now();
        let mut bans = self.remembered();
        bans.retain(|ban| ban.holds(now));
        bans
    }

    /// The ban that keeps an address out.
    pub fn ban_of(&self, address: IpAddr) -> Option<Ban> {
        self.shared.ips.bans.of(address, self.now())
    }

    /// A person keeps a network out, until an instant or for good. Addresses that the policy always
    /// lets in come in all the same.
    pub fn ban(&self, network: IpNet, until: Option<Timestamp>, reason: &str) -> Ban {
        let ban = Ban {
            network,
            cause: BanCause::Person {
                reason: reason.to_owned(),
            },
            since: self.now(),
            until,
            times: 1,
        };
        self.shared.ips.bans.set(ban, self.most())
    }

    /// A person lets a network in again; what it did is forgotten. `None`: there is no such ban.
    pub fn lift(&self, network: IpNet) -> Option<Ban> {
        self.shared.ips.bans.lift(network)
    }

    /// Bans that were stored.
    pub fn restore(&self, bans: impl IntoIterator<Item = Ban>) {
        let most = self.most();
        for ban in bans {
            self.shared.ips.bans.set(ban, most);
        }
    }

    /// How much is remembered.
    pub fn figures(&self) -> IpsFigures {
        IpsFigures {
            bytes: self.shared.ips.debts.bytes(),
            pushed_out: self.shared.ips.debts.pushed_out(),
            bans: self.bans().len(),
        }
    }

    fn most(&self) -> usize {
        self.shared.active.load().policy.parts().ips.banning.most
    }
}
