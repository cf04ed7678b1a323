//! Who the client is, and what the site behind is told of it.
//!
//! The address of the connection is all that is known. Only where a trusted proxy is connected does
//! its field say more; it is read from the end, because everything before the last untrusted address
//! was written by somebody unknown.

use std::net::IpAddr;

use http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::address::{AddressSet, of_header};
use crate::event::RequestId;
use crate::policy::TrustedHeader;

pub(crate) const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
pub(crate) const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
pub(crate) const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
pub(crate) const X_FORWARDED_PORT: HeaderName = HeaderName::from_static("x-forwarded-port");
pub(crate) const X_REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");
pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Proxies between a client and us that are looked through at most.
const MOST_PROXIES: usize = 32;

/// The client as far as it can be known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Client {
    pub(crate) address: IpAddr,
    /// Whether it came over TLS, to us or to a trusted proxy.
    pub(crate) secure: bool,
    /// The trusted proxies between, from the client to us.
    pub(crate) through: Vec<IpAddr>,
}

/// Finds the client of a request.
pub(crate) fn client(
    peer: IpAddr,
    tls: bool,
    headers: &HeaderMap,
    trusted: &AddressSet,
    field: TrustedHeader,
) -> Client {
    let mut client = Client {
        address: peer,
        secure: tls,
        through: Vec::new(),
    };
    if !trusted.contains(peer) {
        return client;
    }
    let hops = match field {
        TrustedHeader::XForwardedFor => addresses(headers),
        TrustedHeader::Forwarded => forwarded(headers),
    };
    for hop in hops.into_iter().rev().take(MOST_PROXIES) {
        // What cannot be read was not written by a proxy that we trust.
        let Some(address) = hop else { break };
        client.through.insert(0, client.address);
        client.address = address;
        if !trusted.contains(address) {
            break;
        }
    }
    let proto = match field {
        TrustedHeader::XForwardedFor => headers
            .get_all(X_FORWARDED_PROTO)
            .iter()
            .next_back()
            .map(|value| last(value.as_bytes()).to_ascii_lowercase()),
        TrustedHeader::Forwarded => elements(headers)
            .last()
            .and_then(|element| parameter(element, "proto"))
            .map(|proto| proto.to_ascii_lowercase().into_bytes()),
    };
    if let Some(proto) = proto {
        client.secure = proto == b"https";
    }
    client
}

fn last(value: &[u8]) -> &[u8] {
    value
        .rsplit(|byte| *byte == b',')
        .next()
        .unwrap_or_default()
        .trim_ascii()
}

/// The addresses of all `X-Forwarded-For`, in order.
fn addresses(headers: &HeaderMap) -> Vec<Option<IpAddr>> {
    headers
        .get_all(X_FORWARDED_FOR)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .map(|part| std::str::from_utf8(part).ok().and_then(of_header))
        .collect()
}

/// The addresses of all `Forwarded`, in order.
fn forwarded(headers: &HeaderMap) -> Vec<Option<IpAddr>> {
    elements(headers)
        .iter()
        .map(|element| parameter(element, "for").and_then(|value| of_header(&value)))
        .collect()
}

fn elements(headers: &HeaderMap) -> Vec<String> {
    headers
        .get_all(header::FORWARDED)
        .iter()
        .flat_map(|value| split(&String::from_utf8_lossy(value.as_bytes()), ','))
        .collect()
}

fn parameter(element: &str, name: &str) -> Option<String> {
    split(element, ';').into_iter().find_map(|pair| {
        let (own, value) = pair.split_once('=')?;
        own.trim()
            .eq_ignore_ascii_case(name)
            .then(|| value.trim().trim_matches('"').to_owned())
    })
}

/// Splits outside of quotes.
fn split(text: &str, separator: char) -> Vec<String> {
    let mut parts = vec![String::new()];
    let (mut quoted, mut escaped) = (false, false);
    for letter in text.chars() {
        if letter == separator && !quoted {
            parts.push(String::new());
            continue;
        }
        match letter {
            '"' if !escaped => quoted = !quoted,
            _ => {}
        }
        escaped = quoted && letter == '\\' && !escaped;
        if let Some(part) = parts.last_mut() {
            part.push(letter);
        }
    }
    parts
}

/// Tells the site who asks; whatever the client wrote into these fields is gone.
pub(crate) fn tell(headers: &mut HeaderMap, client: &Client, host: &str, port: u16, id: RequestId) {
    headers.remove(header::FORWARDED);
    let mut chain = client.address.to_string();
    for proxy in &client.through {
        chain.push_str(", ");
        chain.push_str(&proxy.to_string());
    }
    let proto = if client.secure { "https" } else { "http" };
    for (name, value) in [
        (X_FORWARDED_FOR, chain),
        (X_FORWARDED_HOST, host.to_owned()),
        (X_FORWARDED_PORT, port.to_string()),
        (X_REAL_IP, client.address.to_string()),
        (X_REQUEST_ID, id.to_string()),
    ] {
        match HeaderValue::try_from(value) {
            Ok(value) => headers.insert(name, value),
            Err(_) => headers.remove(name),
        };
    }
    headers.insert(X_FORWARDED_PROTO, HeaderValue::from_static(proto));
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn find(peer: &str, fields: &[(HeaderName, &str)], field: TrustedHeader) -> Client {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(name.clone(), value.parse().unwrap());
        }
        let trusted = AddressSet::parse(["10.0.0.0/8", "2001:db8::/64"]).unwrap();
        client(address(peer), false, &headers, &trusted, field)
    }

    #[test]
    fn a_stranger_is_believed_nothing() {
        let client = find(
            "192.0.2.9",
            &[(X_FORWARDED_FOR, "10.0.0.1"), (X_FORWARDED_PROTO, "https")],
            TrustedHeader::XForwardedFor,
        );
        assert_eq!(client.address, address("192.0.2.9"));
        assert!(!client.secure && client.through.is_empty());
    }

    #[test]
    fn trusted_proxies_are_looked_through_from_the_end() {
        for (value, expected) in [
            ("203.0.113.5", "203.0.113.5"),
            ("1.1.1.1, 203.0.113.5, 10.0.0.7", "203.0.113.5"),
            ("203.0.113.5, nonsense, 10.0.0.7", "10.0.0.7"),
            ("nonsense", "10.0.0.1"),
            ("", "10.0.0.1"),
            ("10.0.0.3, 10.0.0.2", "10.0.0.3"),
        ] {
            let client = find(
                "10.0.0.1",
                &[(X_FORWARDED_FOR, value)],
                TrustedHeader::XForwardedFor,
            );
            assert_eq!(client.address, address(expected), "{value:?}");
        }
        let two = find(
            "10.0.0.1",
            &[
                (X_FORWARDED_FOR, "203.0.113.5"),
                (X_FORWARDED_FOR, "10.0.0.7"),
                (X_FORWARDED_PROTO, "http"),
                (X_FORWARDED_PROTO, "HTTPS"),
            ],
            TrustedHeader::XForwardedFor,
        );
        assert_eq!(two.address, address("203.0.113.5"));
        assert_eq!(two.through, [address("10.0.0.7"), address("10.0.0.1")]);
        assert!(two.secure);
    }

    #[test]
    fn the_standard_field_is_read_when_it_is_the_one_trusted() {
        let value =
            "for=\"[2001:db8:cafe::17]:4711\";note=\"a,b;c\";proto=https, for=10.0.0.5;proto=https";
        let client = find(
            "10.0.0.1",
            &[(header::FORWARDED, value), (X_FORWARDED_FOR, "6.6.6.6")],
            TrustedHeader::Forwarded,
        );
        assert_eq!(client.address, address("2001:db8:cafe::17"));
        assert!(client.secure);
        let other = find(
            "10.0.0.1",
            &[(header::FORWARDED, "for=203.0.113.5")],
            TrustedHeader::XForwardedFor,
        );
        assert_eq!(
            other.address,
            address("10.0.0.1"),
            "the other field is not asked"
        );
    }

    #[test]
    fn what_the_client_wrote_does_not_reach_the_site() {
        let mut headers = HeaderMap::new();
        for name in [
            X_FORWARDED_FOR,
            X_REAL_IP,
            X_FORWARDED_HOST,
            header::FORWARDED,
        ] {
            headers.append(name.clone(), HeaderValue::from_static("evil"));
            headers.append(name, HeaderValue::from_static("evil"));
        }
        let client = Client {
            address: address("192.0.2.9"),
            secure: true,
            through: vec![address("10.0.0.1")],
        };
        tell(&mut headers, &client, "example.jp", 443, RequestId::new());
        assert!(headers.values().all(|value| value != "evil"));
        assert_eq!(headers[X_FORWARDED_FOR], "192.0.2.9, 10.0.0.1");
        assert_eq!(headers[X_FORWARDED_PROTO], "https");
    }

    proptest! {
        #[test]
        fn no_field_panics(value in "[ -~]{0,60}") {
            for field in [TrustedHeader::XForwardedFor, TrustedHeader::Forwarded] {
                let _ = find(
                    "10.0.0.1",
                    &[(X_FORWARDED_FOR, &value), (header::FORWARDED, &value)],
                    field,
                );
            }
        }
    }
}
