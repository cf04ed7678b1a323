//! Sets of addresses: offices that always come in, proxies that are believed, networks that are
//! kept out. A million networks of IPv4 cost 8 MB, of IPv6 16 MB, and twenty comparisons.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// A text that is neither an address nor a network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no address and no network; write 192.0.2.7, 192.0.2.0/24 or 2001:db8::/32")]
pub struct NotAnAddress(pub String);

/// A list of networks that cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ListError {
    /// A line that is none of the three.
    #[error(
        "line {line}: {text:?} is no address, no network and no range; write 192.0.2.7, 192.0.2.0/24 or 192.0.2.0-192.0.2.99, and begin a comment with # or ;"
    )]
    Line {
        /// Its number, from one.
        line: usize,
        /// What stands there.
        text: String,
    },
    /// More than a set takes.
    #[error(
        "the list has more than {most} entries; leave out what is not needed, or join networks",
        most = AddressSet::MOST
    )]
    TooLong,
}

/// A set of addresses, given as addresses and networks.
///
/// Ranges lie sorted, without overlaps, and are searched by halving. Networks of IPv6 that are no
/// smaller than a /64, which is nearly all of them, are kept by the half that counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AddressSet {
    four: Ranges<u32>,
    six_wide: Ranges<u64>,
    six: Ranges<u128>,
}

/// Sorted ranges. Begins and ends lie apart: a search reads begins only.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Ranges<N> {
    lows: Box<[N]>,
    highs: Box<[N]>,
}

impl<N> Default for Ranges<N> {
    fn default() -> Self {
        Self {
            lows: Box::default(),
            highs: Box::default(),
        }
    }
}

/// Ranges as they are read.
#[derive(Default)]
struct Gathered {
    four: Vec<(u32, u32)>,
    six_wide: Vec<(u64, u64)>,
    six: Vec<(u128, u128)>,
}

impl Gathered {
    fn push(&mut self, low: IpAddr, high: IpAddr) {
        // Written as IPv6, meant as IPv4: clients are compared in their plain form.
        match (plain(low), plain(high)) {
            (IpAddr::V4(low), IpAddr::V4(high)) => self.four.push((low.to_bits(), high.to_bits())),
            (low, high) => {
                let (low, high) = (bits(low), bits(high));
                if low as u64 == 0 && high as u64 == u64::MAX {
                    self.six_wide
                        .push(((low >> 64) as u64, (high >> 64) as u64));
                } else {
                    self.six.push((low, high));
                }
            }
        }
    }

    fn done(self) -> AddressSet {
        AddressSet {
            four: Ranges::of(self.four),
            six_wide: Ranges::of(self.six_wide),
            six: Ranges::of(self.six),
        }
    }
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(four) => four.to_ipv6_mapped().to_bits(),
        IpAddr::V6(six) => six.to_bits(),
    }
}

/// First and last address of what is written: an address, a network or a range.
fn ends(text: &str) -> Option<(IpAddr, IpAddr)> {
    if let Ok(net) = text.parse::<IpNet>() {
        return Some((net.network(), net.broadcast()));
    }
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some((address, address));
    }
    let (low, high) = text.split_once('-')?;
    let (low, high): (IpAddr, IpAddr) = (low.trim().parse().ok()?, high.trim().parse().ok()?);
    (low.is_ipv4() == high.is_ipv4() && low <= high).then_some((low, high))
}

impl AddressSet {
    /// Entries of one list.
    pub const MOST: usize = 1_000_000;

    /// Reads addresses, networks and ranges.
    pub fn parse<'t>(texts: impl IntoIterator<Item = &'t str>) -> Result<Self, NotAnAddress> {
        let mut gathered = Gathered::default();
        for text in texts {
            let (low, high) = ends(text.trim()).ok_or_else(|| NotAnAddress(text.to_owned()))?;
            gathered.push(low, high);
        }
        Ok(gathered.done())
    }

    /// Reads a list as feeds and registries give it: one entry a line, comments after `#` or `;`.
    pub fn from_list(list: &str) -> Result<Self, ListError> {
        let mut gathered = Gathered::default();
        let mut entries = 0;
        for (at, line) in list.lines().enumerate() {
            let text = line.split(['#', ';']).next().unwrap_or_default().trim();
            if text.is_empty() {
                continue;
            }
            entries += 1;
            if entries > Self::MOST {
                return Err(ListError::TooLong);
            }
            let (low, high) = ends(text).ok_or_else(|| ListError::Line {
                line: at + 1,
                text: text.chars().take(80).collect(),
            })?;
            gathered.push(low, high);
        }
        Ok(gathered.done())
    }

    /// Whether the address belongs to the set.
    pub fn contains(&self, address: IpAddr) -> bool {
        match plain(address) {
            IpAddr::V4(address) => self.four.hold(address.to_bits()),
            IpAddr::V6(address) => {
                let bits = address.to_bits();
                self.six_wide.hold((bits >> 64) as u64) || self.six.hold(bits)
            }
        }
    }

    /// Whether nothing belongs to it.
    pub fn is_empty(&self) -> bool {
        self.ranges() == 0
    }

    /// How many separate ranges it is.
    pub fn ranges(&self) -> usize {
        self.four.lows.len() + self.six_wide.lows.len() + self.six.lows.len()
    }

    /// Bytes of memory.
    pub fn bytes(&self) -> usize {
        size_of_val(&*self.four.lows) * 2
            + size_of_val(&*self.six_wide.lows) * 2
            + size_of_val(&*self.six.lows) * 2
    }
}

impl<N: Copy + Ord + Successor> Ranges<N> {
    /// Sorts, and joins what overlaps or touches.
    fn of(mut ranges: Vec<(N, N)>) -> Self {
        ranges.sort_unstable();
        ranges.dedup_by(|next, last| {
            let joined = next.0 <= last.1.next();
            if joined {
                last.1 = last.1.max(next.1);
            }
            joined
        });
        Self {
            lows: ranges.iter().map(|(low, _)| *low).collect(),
            highs: ranges.iter().map(|(_, high)| *high).collect(),
        }
    }

    fn hold(&self, value: N) -> bool {
        let after = self.lows.partition_point(|low| *low <= value);
        after > 0 && value <= self.highs[after - 1]
    }
}

/// The next number, or the same at the end.
trait Successor {
    fn next(self) -> Self;
}

impl Successor for u32 {
    fn next(self) -> Self {
        self.saturating_add(1)
    }
}

impl Successor for u64 {
    fn next(self) -> Self {
        self.saturating_add(1)
    }
}

impl Successor for u128 {
    fn next(self) -> Self {
        self.saturating_add(1)
    }
}

/// IPv4 where IPv6 only wraps it.
pub(crate) fn plain(address: IpAddr) -> IpAddr {
    address.to_canonical()
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
        assert_eq!(set.four.lows.len(), 3, "neighbours became one range");
    }

    #[test]
    fn a_wrong_text_says_what_is_right() {
        let error = AddressSet::parse(["192.0.2.0/33"]).unwrap_err();
        assert!(error.to_string().contains("192.0.2.0/24"));
        assert!(AddressSet::parse(["example.org"]).is_err());
    }

    #[test]
    fn a_list_is_read_with_its_comments_and_mistakes_have_a_line() {
        let set = AddressSet::from_list(
            "# a feed\n192.0.2.0/24 ; SBL1\n\n198.51.100.5-198.51.100.9\r\n2001:db8::1\n",
        )
        .unwrap();
        for inside in ["192.0.2.9", "198.51.100.5", "198.51.100.9", "2001:db8::1"] {
            assert!(set.contains(address(inside)), "{inside}");
        }
        for outside in ["198.51.100.4", "198.51.100.10", "2001:db8::2"] {
            assert!(!set.contains(address(outside)), "{outside}");
        }
        assert_eq!((set.ranges(), set.bytes()), (3, 16 + 32));
        for (list, part) in [
            ("192.0.2.1\nexample.org\n", "line 2"),
            ("192.0.2.9-192.0.2.1", "line 1"),
            ("192.0.2.9-2001:db8::1", "line 1"),
        ] {
            let error = AddressSet::from_list(list).unwrap_err().to_string();
            assert!(
                error.contains(part) && error.contains("192.0.2.0/24"),
                "{error}"
            );
        }
        let long = "192.0.2.1\n".repeat(AddressSet::MOST + 1);
        assert_eq!(AddressSet::from_list(&long), Err(ListError::TooLong));
    }

    /// The best of some rounds, so that a busy machine does not decide.
    fn time_of_a_lookup(set: &AddressSet, probe: impl Fn(u32) -> IpAddr) -> std::time::Duration {
        const LOOKUPS: u32 = 20_000;
        let round = |_| {
            let begun = std::time::Instant::now();
            let found = (0..LOOKUPS)
                .filter(|at| set.contains(probe(at.wrapping_mul(2_654_435_761))))
                .count();
            assert!(found > 0);
            begun.elapsed() / LOOKUPS
        };
        (0..5).map(round).min().unwrap()
    }

    #[test]
    fn a_million_networks_are_small_and_found_within_a_microsecond() {
        let four: Vec<String> = (0..1_000_000_u32)
            .map(|at| format!("{}/30", Ipv4Addr::from_bits(at * 4096)))
            .collect();
        let six: Vec<String> = (0..1_000_000_u128)
            .map(|at| format!("{}/48", Ipv6Addr::from_bits((0x2001 << 112) | (at << 81))))
            .collect();
        let probe_four = |at| IpAddr::V4(Ipv4Addr::from_bits(at & !0xffc));
        let probe_six = |at: u32| {
            IpAddr::V6(Ipv6Addr::from_bits(
                (0x2001 << 112) | (u128::from(at % 2_000_000) << 80),
            ))
        };
        let (four, six) = (
            AddressSet::from_list(&four.join("\n")).unwrap(),
            AddressSet::from_list(&six.join("\n")).unwrap(),
        );
        assert!(four.contains(address("0.0.16.3")) && !four.contains(address("0.0.16.4")));
        for (set, bytes, time) in [
            (&four, 8_000_000, time_of_a_lookup(&four, probe_four)),
            (&six, 16_000_000, time_of_a_lookup(&six, probe_six)),
        ] {
            eprintln!(
                "{} ranges: {} bytes, {time:?} a lookup",
                set.ranges(),
                set.bytes()
            );
            assert_eq!((set.ranges(), set.bytes()), (1_000_000, bytes));
            // Promised of the program as it is delivered, not of one built for debugging.
            if !cfg!(debug_assertions) {
                assert!(time.as_nanos() < 1000, "{time:?}");
            }
        }
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
        fn a_set_of_ipv6_holds_what_one_of_its_networks_holds(
            nets in proptest::collection::vec((any::<u128>(), 0u8..=128), 0..20),
            near in any::<prop::sample::Index>(),
            offset in -2i64..=2,
            anywhere in any::<u128>(),
        ) {
            let nets: Vec<IpNet> = nets
                .into_iter()
                .map(|(bits, len)| IpNet::new(Ipv6Addr::from_bits(bits).into(), len).unwrap())
                .collect();
            let texts: Vec<String> = nets.iter().map(ToString::to_string).collect();
            let set = AddressSet::from_list(&texts.join("\n")).unwrap();
            let mut probes = vec![anywhere];
            if !nets.is_empty() {
                let net = near.get(&nets);
                for end in [bits(net.network()), bits(net.broadcast())] {
                    probes.push(end.wrapping_add_signed(i128::from(offset)));
                }
            }
            for probe in probes {
                let probe = IpAddr::V6(Ipv6Addr::from_bits(probe));
                // Wrapped IPv4 is IPv4, on both sides; a network around all of it is not.
                prop_assume!(probe.to_canonical().is_ipv6());
                prop_assert_eq!(set.contains(probe), nets.iter().any(|net| net.contains(&probe)));
            }
        }

        #[test]
        fn no_list_panics(list in "[0-9a-f.:/#; -]{0,40}(\n[0-9a-f.:/-]{0,20}){0,5}") {
            let _ = AddressSet::from_list(&list);
        }

        #[test]
        fn no_header_text_panics(text in "\\PC*") {
            let _ = of_header(&text);
        }
    }
}
