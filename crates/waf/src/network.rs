//! Sets of networks for `@ipMatch`.

use std::net::IpAddr;

/// Networks of both families, as sorted ranges.
#[derive(Debug, Default)]
pub(crate) struct Networks {
    ranges: Vec<(u128, u128)>,
}

/// Addresses of IPv4 live in the mapped range, so that one order holds both families.
fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(v4.to_ipv6_mapped()),
        IpAddr::V6(v6) => u128::from(v6),
    }
}

impl Networks {
    /// Reads addresses and networks.
    pub(crate) fn parse<'a>(parts: impl Iterator<Item = &'a str>) -> Result<Self, String> {
        let mut ranges = Vec::new();
        for part in parts.map(str::trim).filter(|part| !part.is_empty()) {
            let wrong = || format!("{part:?} is no address or network");
            let (address, bits) = match part.split_once('/') {
                Some((address, bits)) => (address, Some(bits)),
                None => (part, None),
            };
            let address: IpAddr = address.parse().map_err(|_| wrong())?;
            let width = if address.is_ipv4() { 32 } else { 128 };
            let bits: u32 = match bits {
                Some(bits) => bits.parse().map_err(|_| wrong())?,
                None => width,
            };
            let free = width.checked_sub(bits).ok_or_else(wrong)?;
            let mask = 1u128.checked_shl(free).map_or(u128::MAX, |size| size - 1);
            let start = number(address) & !mask;
            ranges.push((start, start | mask));
        }
        if ranges.is_empty() {
            return Err("no address or network given".to_owned());
        }
        ranges.sort_unstable();
        let mut merged: Vec<(u128, u128)> = Vec::with_capacity(ranges.len());
        for (start, end) in ranges {
            match merged.last_mut() {
                Some(last) if start <= last.1.saturating_add(1) => last.1 = last.1.max(end),
                _ => merged.push((start, end)),
            }
        }
        Ok(Self { ranges: merged })
    }

    /// Whether a text is an address in one of the networks.
    pub(crate) fn contain(&self, text: &[u8]) -> bool {
        let Some(address) = std::str::from_utf8(text)
            .ok()
            .and_then(|text| text.trim().parse::<IpAddr>().ok())
        else {
            return false;
        };
        let number = number(address);
        let after = self.ranges.partition_point(|range| range.0 <= number);
        after > 0 && self.ranges[after - 1].1 >= number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_families() {
        let set = Networks::parse("10.0.0.0/8, 192.0.2.1,2001:db8::/32".split(',')).expect("reads");
        for inside in ["10.1.2.3", "192.0.2.1", "2001:db8:1::1", "::ffff:10.0.0.1"] {
            assert!(set.contain(inside.as_bytes()), "{inside}");
        }
        for outside in ["11.0.0.0", "192.0.2.2", "2001:db9::", "x", ""] {
            assert!(!set.contain(outside.as_bytes()), "{outside}");
        }
        assert!(Networks::parse("10.0.0.0/33".split(',')).is_err());
        assert!(Networks::parse("0.0.0.0/0,::/0".split(',')).is_ok_and(|all| all.contain(b"::1")));
    }
}
