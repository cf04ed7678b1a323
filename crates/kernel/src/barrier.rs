//! Who is kept out for a while, and the port of whatever keeps them out.
//!
//! The gateway decides on bans (clause 6: IPS) and refuses them itself. A packet filter of the
//! machine can do the same earlier and cheaper: it implements [`Barrier`] and is told the same bans.
//! Nothing here knows how packets are filtered.

use std::net::{IpAddr, Ipv6Addr};

pub use ipnet::IpNet;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What counts as one client: an IPv4 address, or the /64 that one household or office gets of
/// IPv6. IPv4 wrapped in IPv6 is IPv4.
pub fn household(address: IpAddr) -> IpNet {
    match address.to_canonical() {
        IpAddr::V4(address) => IpNet::from(IpAddr::V4(address)),
        IpAddr::V6(address) => {
            let network = Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64));
            IpNet::new_assert(IpAddr::V6(network), 64)
        }
    }
}

/// Why somebody is kept out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum BanCause {
    /// A watch of the policy saw too much of something.
    Watch {
        /// Its name.
        watch: String,
    },
    /// A person decided so.
    Person {
        /// What the person wrote.
        reason: String,
    },
}

/// A network that is kept out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ban {
    /// Who.
    pub network: IpNet,
    /// Why.
    pub cause: BanCause,
    /// From when on.
    pub since: Timestamp,
    /// Until when; `None`: until a person lifts it.
    pub until: Option<Timestamp>,
    /// How often by now; the next ban is longer.
    pub times: u32,
}

impl Ban {
    /// Whether it is in force at an instant.
    pub fn holds(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

/// A barrier could not be set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the packet filter did not take the bans: {0}")]
pub struct BarrierError(pub String);

/// Something in front that keeps networks out: a packet filter of the machine.
///
/// It is told everything that is in force, again and again, and has to bring itself there: what is
/// not named any more is let in. So one that was away for a while needs no catching up.
pub trait Barrier: Send + Sync {
    /// Keeps out exactly these.
    fn set(&self, bans: &[Ban]) -> Result<(), BarrierError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_household_is_one_client() {
        let of = |text: &str| household(text.parse().unwrap()).to_string();
        assert_eq!(of("2001:db8:0:1:2:3:4:5"), "2001:db8:0:1::/64");
        assert_eq!(of("::ffff:192.0.2.9"), "192.0.2.9/32");
        assert_eq!(of("192.0.2.9"), "192.0.2.9/32");
    }

    #[test]
    fn a_ban_ends_when_it_says_and_survives_storage() {
        let mut ban = Ban {
            network: household("192.0.2.9".parse().unwrap()),
            cause: BanCause::Watch {
                watch: "logins".into(),
            },
            since: Timestamp::UNIX_EPOCH,
            until: Some("1970-01-01T00:10:00Z".parse().unwrap()),
            times: 1,
        };
        assert!(ban.holds("1970-01-01T00:09:59Z".parse().unwrap()));
        assert!(!ban.holds("1970-01-01T00:10:00Z".parse().unwrap()));
        let stored = serde_json::to_string(&ban).unwrap();
        assert_eq!(
            stored,
            r#"{"network":"192.0.2.9/32","cause":{"by":"watch","watch":"logins"},"since":"1970-01-01T00:00:00Z","until":"1970-01-01T00:10:00Z","times":1}"#
        );
        assert_eq!(serde_json::from_str::<Ban>(&stored).unwrap(), ban);
        ban.until = None;
        assert!(ban.holds(Timestamp::MAX));
    }
}
