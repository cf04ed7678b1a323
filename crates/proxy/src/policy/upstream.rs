//! Servers behind the gateway, and how they prove who they are.

use std::sync::Arc;

use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};

/// A server behind the gateway: `host:port`, spoken to in HTTP/1.1, or in HTTP/2 where both sides
/// agree on it in the handshake of TLS.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Upstream {
    /// Name or address, and port.
    pub address: Arc<str>,
    /// Whether it is spoken to over TLS, and whom it is believed.
    pub tls: Option<UpstreamTls>,
}

impl Upstream {
    /// A server that is spoken to plainly.
    pub fn plain(address: &str) -> Self {
        Self {
            address: address.into(),
            tls: None,
        }
    }

    /// A server that is spoken to over TLS.
    pub fn tls(address: &str, tls: UpstreamTls) -> Self {
        Self {
            address: address.into(),
            tls: Some(tls),
        }
    }

    /// The name that its certificate has to be for.
    pub(crate) fn server_name(&self) -> Option<ServerName<'static>> {
        let named = self.tls.as_ref().and_then(|tls| tls.name.as_deref());
        let host = match named {
            Some(name) => name,
            None => self.address.rsplit_once(':')?.0,
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        ServerName::try_from(host.to_owned()).ok()
    }
}

/// What a server behind has to prove. There is no way to believe just anybody.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct UpstreamTls {
    /// The name in its certificate; without it the host of the address.
    pub name: Option<Arc<str>>,
    authorities: Option<Arc<[CertificateDer<'static>]>>,
}

/// Authorities that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "there is no usable certificate of an authority in PEM; give the file of the authority that issued the server's certificate, or that certificate itself"
)]
pub struct NoAuthority;

impl UpstreamTls {
    /// Its certificate has to come from a publicly known authority.
    pub fn public() -> Self {
        Self {
            name: None,
            authorities: None,
        }
    }

    /// Its certificate has to come from one of these authorities, given in PEM. The server's own
    /// certificate can be given as well, then no other is believed.
    pub fn of_authorities(pem: &[u8]) -> Result<Self, NoAuthority> {
        let authorities = CertificateDer::pem_slice_iter(pem)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|_| NoAuthority)?;
        let mut store = RootCertStore::empty();
        for authority in &authorities {
            store.add(authority.clone()).map_err(|_| NoAuthority)?;
        }
        if store.is_empty() {
            return Err(NoAuthority);
        }
        Ok(Self {
            name: None,
            authorities: Some(authorities.into()),
        })
    }

    /// Its certificate has to be for this name, wherever it is.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        self.name = Some(name.into());
        self
    }

    pub(crate) fn roots(&self) -> RootCertStore {
        let mut store = RootCertStore::empty();
        match &self.authorities {
            // Each was tried when it was read.
            Some(own) => {
                store.add_parsable_certificates(own.iter().cloned());
            }
            None => store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        }
        store
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_the_given_one_or_the_host() {
        let name = |upstream: Upstream| {
            upstream
                .server_name()
                .map(|name| name.to_str().into_owned())
        };
        let tls = UpstreamTls::public;
        assert_eq!(
            name(Upstream::tls("site.internal:443", tls())).as_deref(),
            Some("site.internal")
        );
        assert_eq!(
            name(Upstream::tls("[::1]:443", tls())).as_deref(),
            Some("::1")
        );
        assert_eq!(
            name(Upstream::tls("10.0.0.1:443", tls().named("www.example.jp"))).as_deref(),
            Some("www.example.jp")
        );
        assert_eq!(name(Upstream::tls("a:1", tls().named("a b"))), None);
        assert_eq!(UpstreamTls::of_authorities(b"nothing"), Err(NoAuthority));
        assert!(!tls().roots().is_empty());
    }
}
