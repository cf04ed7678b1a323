//! Where messages may go: other people's machines, never our own network.
//!
//! The address is checked when it is written down, and the machine it leads to each time a message
//! is sent, on the very addresses that are then connected to, so that a name cannot be turned to
//! our own network in between (DNS rebinding).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use mamori_kernel::given;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};

/// An address that messages cannot go to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// It cannot be read.
    #[error(
        "{}。https://hooks.example.jp/mamori のように書いてください",
        given::wrong(.0, "は URL として読めません")
    )]
    Unreadable(String),
    /// It is not https.
    #[error("通知先は https:// で始めてください")]
    NotHttps,
    /// It leads into our own network.
    #[error(
        "通知先 {0} はこの機械か内部のネットワークです。必要なら mamori.toml に [webhooks] allow_private = true と書いてください"
    )]
    Private(String),
}

/// The host of an address; empty when there is none.
pub fn host(url: &str) -> String {
    url.parse::<Uri>()
        .ok()
        .and_then(|uri| uri.host().map(str::to_owned))
        .unwrap_or_default()
}

/// Checks an address as it is written down. `private`: our own network is allowed.
pub fn check(url: &str, private: bool) -> Result<(), AddressError> {
    let shown: String = url.chars().filter(|c| !c.is_control()).take(100).collect();
    let unreadable = || AddressError::Unreadable(shown.clone());
    let uri: Uri = url.parse().map_err(|_| unreadable())?;
    let authority = uri.authority().ok_or_else(unreadable)?;
    if url.len() > 500 || authority.as_str().contains('@') || authority.host().is_empty() {
        return Err(unreadable());
    }
    let host = authority
        .host()
        .trim_start_matches('[')
        .trim_end_matches(']');
    let ip: Option<IpAddr> = host.parse().ok();
    let inside = host.eq_ignore_ascii_case("localhost") || ip.is_some_and(is_private);
    let loopback = host.eq_ignore_ascii_case("localhost") || ip.is_some_and(|ip| ip.is_loopback());
    match uri.scheme_str() {
        Some("https") => {}
        Some("http") if loopback => {}
        Some("http") => return Err(AddressError::NotHttps),
        _ => return Err(unreadable()),
    }
    if inside && !private {
        return Err(AddressError::Private(host.to_owned()));
    }
    Ok(())
}

/// Whether an address is not one of the public internet.
pub fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => private_v4(ip),
        IpAddr::V6(ip) => private_v6(ip),
    }
}

fn private_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    ip.is_loopback()
        || ip.is_private()
        || ip.is_link_local()
        || ip.is_multicast()
        || ip.is_documentation()
        || a == 0
        || a >= 240
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && (b == 18 || b == 19))
}

fn private_v6(ip: Ipv6Addr) -> bool {
    let parts = ip.segments();
    let last = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        private_v4(Ipv4Addr::new(a, b, c, d))
    };
    if let Some(v4) = ip.to_ipv4_mapped() {
        return private_v4(v4);
    }
    ip.is_loopback()
        || ip.is_unspecified()
        || ip.is_multicast()
        || (parts[0] & 0xfe00) == 0xfc00
        || (parts[0] & 0xffc0) == 0xfe80
        || (parts[0] == 0x2001 && parts[1] == 0xdb8)
        // Addresses that carry an IPv4 one: NAT64 and 6to4.
        || (parts[0] == 0x64 && parts[1] == 0xff9b && last(parts[6], parts[7]))
        || (parts[0] == 0x2002 && last(parts[1], parts[2]))
        // The old form ::a.b.c.d.
        || (parts[..6] == [0; 6] && last(parts[6], parts[7]))
}

/// Finds only machines outside our own network.
struct OutsideOnly(DefaultResolver);

impl fmt::Debug for OutsideOnly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OutsideOnly")
    }
}

impl Resolver for OutsideOnly {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let found = self.0.resolve(uri, config, timeout)?;
        match found.iter().find(|address| is_private(address.ip())) {
            Some(_) => Err(ureq::Error::Other(Box::new(AddressError::Private(
                uri.host().unwrap_or_default().to_owned(),
            )))),
            None => Ok(found),
        }
    }
}

/// An agent that follows no redirect, uses no proxy, and reaches our own network only if allowed.
pub(crate) fn agent(timeout: std::time::Duration, private: bool) -> ureq::Agent {
    let config = ureq::Agent::config_builder()
        .timeout_global(Some(timeout))
        .max_redirects(0)
        .max_redirects_will_error(false)
        .http_status_as_error(false)
        .proxy(None)
        .build();
    if private {
        config.into()
    } else {
        let resolver = OutsideOnly(DefaultResolver::default());
        ureq::Agent::with_parts(config, DefaultConnector::default(), resolver)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_network_is_known_in_every_spelling() {
        let inside = [
            "127.0.0.1",
            "127.9.9.9",
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "0.0.0.0",
            "100.64.0.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::1",
            "::",
            "fc00::1",
            "fd12::1",
            "fe80::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
            "2002:7f00:1::",
            "::127.0.0.1",
            "2001:db8::1",
        ];
        for text in inside {
            assert!(is_private(text.parse().expect("an address")), "{text}");
        }
        for text in [
            "8.8.8.8",
            "172.32.0.1",
            "100.128.0.1",
            "2001:4860:4860::8888",
            "::ffff:8.8.8.8",
        ] {
            assert!(!is_private(text.parse().expect("an address")), "{text}");
        }
    }

    #[test]
    fn addresses_are_https_and_outside_unless_allowed() {
        assert_eq!(check("https://hooks.example.jp/mamori", false), Ok(()));
        assert_eq!(
            check("http://hooks.example.jp/", false),
            Err(AddressError::NotHttps)
        );
        assert_eq!(
            check("http://hooks.example.jp/", true),
            Err(AddressError::NotHttps)
        );
        assert_eq!(check("http://127.0.0.1:9000/", true), Ok(()));
        for inside in [
            "http://127.0.0.1:9000/",
            "https://localhost/",
            "https://10.0.0.1/",
            "https://[::1]/",
            "https://169.254.169.254/latest",
        ] {
            assert!(
                matches!(check(inside, false), Err(AddressError::Private(_))),
                "{inside}"
            );
        }
        for wrong in [
            "",
            "hooks",
            "/x",
            "ftp://a.example/",
            "https://a:b@c.example/",
            "javascript:x",
        ] {
            assert!(
                matches!(check(wrong, true), Err(AddressError::Unreadable(_))),
                "{wrong}"
            );
        }
    }

    #[test]
    fn a_name_that_leads_inside_is_found_out_when_it_is_connected_to() {
        let agent = agent(std::time::Duration::from_secs(5), false);
        let error = agent
            .get("http://localhost:9/")
            .call()
            .expect_err("refused");
        assert!(error.to_string().contains("内部のネットワーク"), "{error}");
    }
}
