//! What fuzzers reach into; compiled for them alone (`crates/proxy/fuzz`).

use std::net::IpAddr;

use http::header::FORWARDED;
use http::{HeaderMap, HeaderValue};

use crate::address::AddressSet;
use crate::exchange::forwarded;
use crate::inspect::{Packing, Unpacker};
use crate::policy::TrustedHeader;

/// The client that was found.
#[derive(Debug)]
pub struct Found {
    /// The proxies between.
    pub through: Vec<IpAddr>,
    /// Whether it is who is connected.
    pub is_peer: bool,
    /// Whether everybody between is trusted.
    pub trusted_between: bool,
}

/// Finds the client behind a trusted proxy that sends these values.
pub fn client<'v>(standard: bool, values: impl Iterator<Item = &'v [u8]>) -> Found {
    let (name, field) = if standard {
        (FORWARDED, TrustedHeader::Forwarded)
    } else {
        (forwarded::X_FORWARDED_FOR, TrustedHeader::XForwardedFor)
    };
    let mut headers = HeaderMap::new();
    for value in values
        .filter_map(|value| HeaderValue::from_bytes(value).ok())
        .take(100)
    {
        headers.append(name.clone(), value);
    }
    let trusted = AddressSet::parse(["10.0.0.0/8", "2001:db8::/64"]).unwrap_or_default();
    let peer = IpAddr::from([10, 0, 0, 1]);
    let client = forwarded::client(peer, false, &headers, &trusted, field);
    Found {
        is_peer: client.address == peer,
        trusted_between: client.through.iter().all(|hop| trusted.contains(*hop)),
        through: client.through,
    }
}

/// What a body unpacks to, taken in pieces of this size; `None` where it is refused.
pub fn unpacked(packing: u8, body: &[u8], step: usize, limit: u64) -> Option<Vec<u8>> {
    let packing = match packing {
        0 => Packing::Gzip,
        1 => Packing::Deflate,
        _ => Packing::Brotli,
    };
    let mut unpacker = Unpacker::new(packing, limit);
    let mut plain = Vec::new();
    for piece in body.chunks(step) {
        unpacker
            .take(piece, &mut |part| plain.extend_from_slice(part))
            .ok()?;
    }
    unpacker
        .finish(&mut |part| plain.extend_from_slice(part))
        .ok()?;
    Some(plain)
}
