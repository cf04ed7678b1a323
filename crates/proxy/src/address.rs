//! Sets of addresses: offices that always come in, proxies that are believed, networks that are
//! kept out. A million networks cost 8 MiB and about twenty comparisons.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// A text that is neither an address nor a network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no address and no network; write 192.0.2.7, 192.0.2.0/24 or 2001:db8::/32")]
pub struct NotAnAddress(pub String);

/// A set of addresses, given as addresses and networks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AddressSet {
    four: Vec<(u32, u32)>,
    six: Vec<(u128, u128)>,
}

impl AddressSet {
    /// Reads addresses and networks.
    pub fn parse<'t>(texts: impl IntoIterator<Item = &'t str>) -> Result<Self, NotAnAddress> {
        let mut set = Self::default();
        for text in texts {
            let wrong = || NotAnAddress(text.to_owned());
            let text = text.trim();
            let net = match text.parse::<IpNet>() {
                Ok(net) => net,
                Err(_) => IpNet::from(text.parse::<IpAddr>().map_err(|_| wrong())?),
            };
            set.push(net);
        }
        set.four = merged(std::mem::take(&mut set.four));
        set.six = merged(std::mem::take(&mut set.six));
        Ok(set)
    }

    fn push(&mut self, net: IpNet) {
        match net {
            IpNet::V4(net) => self
                .four
                .push((net.network().to_bits(), net.broadcast().to_bits())),
            IpNet::V6(net) => {
                let (low, high) = (net.network(), net.broadcast());
                // Written as IPv6, meant as IPv4: clients are compared in their plain form.
                match (low.to_ipv4_mapped(), high.to_ipv4_mapped()) {
                    (Some(low), Some(high)) => self.four.push((low.to_bits(), high.to_bits())),
                    _ => self.six.push((low.to_bits(), high.to_bits())),
                }
            }
        }
    }

    /// Whether the address belongs to the set.
    pub fn contains(&self, address: IpAddr) -> bool {
        match plain(address) {
            IpAddr::V4(address) => within(&self.four, address.to_bits()),
            IpAddr::V6(address) => within(&self.six, address.to_bits()),
        }
    }

    /// Whether nothing belongs to it.
    pub fn is_empty(&self) -> bool {
        self.four.is_empty() && self.six.is_empty()
    }
}

/// Sorted, without overlaps and gaps of nothing between two ranges.
fn merged<N: Copy + Ord + Successor>(mut ranges: Vec<(N, N)>) -> Vec<(N, N)> {
    ranges.sort_unstable();
    let mut out: Vec<(N, N)> = Vec::with_capacity(ranges.len());
    for (low, high) in ranges {
        match out.last_mut() {
            Some(last) if low <= last.1.next() => last.1 = last.1.max(high),
            _ => out.push((low, high)),
        }
    }
    out.shrink_to_fit();
    out
}

trait Successor {
    fn next(self) -> Self;
}

impl Successor for u32 {
    fn next(self) -> Self {
        self.saturating_add(1)
    }
}

impl Successor for u128 {
    fn next(self) -> Self {
        self.saturating_add(1)
    }
}

fn within<N: Copy + Ord>(ranges: &[(N, N)], value: N) -> bool {
    let after = ranges.partition_point(|(low, _)| *low <= value);
    after > 0 && value <= ranges[after - 1].1
}

/// IPv4 where IPv6 only wraps it.
pub(crate) fn plain(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

/// What counts as one client where clients are counted: an IPv4 address, an IPv6 /64.
pub(crate) fn household(address: IpAddr) -> IpAddr {
    match plain(address) {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)))
        }
    }
}

/// An address as headers carry it: with or without port, brackets and quotes.
pub(crate) fn of_header(text: &str) -> Option<IpAddr> {
    let text = text.trim().trim_matches('"');
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(plain(address));
    }
    if let Some(rest) = text.strip_prefix('[') {
        let (inside, _port) = rest.split_once(']')?;
        return inside.parse::<Ipv6Addr>().ok().map(|six| plain(six.into()));
    }
    let (address, port) = text.split_once(':')?;
    port.parse::<u16>().ok()?;
    address.parse::<Ipv4Addr>().ok().map(IpAddr::V4)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn addresses_and_networks_belong_to_their_set() {
        let set = AddressSet::parse([
            "192.0.2.0/25",
            "192.0.2.128/25",
            "198.51.100.7",
            "2001:db8::/32",
            "::ffff:203.0.113.0/120",
        ])
        .unwrap();
        for inside in [
            "192.0.2.0",
            "192.0.2.255",
            "198.51.100.7",
            "2001:db8:ffff::1",
            "203.0.113.9",
            "::ffff:192.0.2.3",
        ] {
            assert!(set.contains(address(inside)), "{inside}");
        }
        for outside in ["192.0.3.0", "198.51.100.8", "2001:db9::1", "::1"] {
            assert!(!set.contains(address(outside)), "{outside}");
        }
        assert_eq!(set.four.len(), 3, "neighbours became one range");
    }

    #[test]
    fn a_wrong_text_says_what_is_right() {
        let error = AddressSet::parse(["192.0.2.0/33"]).unwrap_err();
        assert!(error.to_string().contains("192.0.2.0/24"));
        assert!(AddressSet::parse(["example.org"]).is_err());
    }

    #[test]
    fn a_million_networks_are_looked_up_in_the_sorted_ranges() {
        let texts: Vec<String> = (0..1_000_000_u32)
            .map(|at| format!("{}/32", Ipv4Addr::from_bits(at * 4)))
            .collect();
        let set = AddressSet::parse(texts.iter().map(String::as_str)).unwrap();
        assert_eq!(set.four.len(), 1_000_000);
        assert!(set.contains(IpAddr::V4(Ipv4Addr::from_bits(4 * 777_777))));
        assert!(!set.contains(IpAddr::V4(Ipv4Addr::from_bits(4 * 777_777 + 1))));
    }

    #[test]
    fn one_household_is_one_client() {
        assert_eq!(
            household(address("2001:db8:0:1:2:3:4:5")),
            address("2001:db8:0:1::")
        );
        assert_eq!(household(address("::ffff:192.0.2.9")), address("192.0.2.9"));
    }

    #[test]
    fn headers_write_addresses_in_many_ways() {
        for text in ["192.0.2.1", "192.0.2.1:8080", " \"192.0.2.1\" "] {
            assert_eq!(of_header(text), Some(address("192.0.2.1")), "{text}");
        }
        assert_eq!(of_header("[2001:db8::1]:443"), Some(address("2001:db8::1")));
        for text in ["unknown", "_hidden", "", "192.0.2.1:x", "[2001:db8::1"] {
            assert_eq!(of_header(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_set_holds_what_one_of_its_networks_holds(
            nets in proptest::collection::vec((any::<u32>(), 0u8..=32), 0..20),
            probe in any::<u32>(),
        ) {
            let nets: Vec<IpNet> = nets
                .into_iter()
                .map(|(bits, len)| IpNet::new(Ipv4Addr::from_bits(bits).into(), len).unwrap())
                .collect();
            let texts: Vec<String> = nets.iter().map(ToString::to_string).collect();
            let set = AddressSet::parse(texts.iter().map(String::as_str)).unwrap();
            let probe = IpAddr::V4(Ipv4Addr::from_bits(probe));
            prop_assert_eq!(set.contains(probe), nets.iter().any(|net| net.contains(&probe)));
        }

        #[test]
        fn no_header_text_panics(text in "\\PC*") {
            let _ = of_header(&text);
        }
    }
}
