//! TLS: which certificate and which versions for which name.
//!
//! The name in the client's first message chooses the site, and its certificate, versions and (for
//! TLS-ALPN-01) proofs with it. Everything is made once per policy; tickets of an earlier policy go
//! on to work.

use std::collections::HashMap;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, ring};
use rustls::server::{ClientHello, ProducesTickets};
use rustls::sign::SingleCertAndKey;
use rustls::version::{TLS12, TLS13};

use crate::policy::{Certificate, Policy, PolicyError, TlsVersion};

/// The protocol of TLS-ALPN-01 (RFC 8737).
const PROOF: &[u8] = b"acme-tls/1";

/// What is needed to answer any client.
#[derive(Debug)]
pub(crate) struct Tls {
    /// By site.
    sites: Vec<Option<Arc<ServerConfig>>>,
    proofs: HashMap<String, Arc<ServerConfig>>,
}

/// What a connection is opened for.
#[derive(Debug)]
pub(crate) enum Opened {
    /// A site.
    Site(Arc<ServerConfig>),
    /// Only the proof of a name; nothing is served.
    Proof(Arc<ServerConfig>),
}

/// Makes and reads tickets; kept as long as the process lives, so that clients resume across
/// policies.
pub(crate) fn tickets() -> Result<Arc<dyn ProducesTickets>, rustls::Error> {
    ring::Ticketer::new()
}

impl Tls {
    pub(crate) fn new(
        policy: &Policy,
        tickets: &Arc<dyn ProducesTickets>,
    ) -> Result<Self, PolicyError> {
        let provider = Arc::new(ring::default_provider());
        let parts = policy.parts();
        let failed = |site: &str| {
            let site = site.to_owned();
            move |error: rustls::Error| PolicyError::Tls {
                site,
                reason: error.to_string(),
            }
        };
        let mut sites = Vec::with_capacity(parts.sites.len());
        for site in &parts.sites {
            let Some(certificate) = &site.certificate else {
                sites.push(None);
                continue;
            };
            let mut config =
                configured(&provider, certificate, site.least_tls).map_err(failed(&site.name))?;
            config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
            config.ticketer = Arc::clone(tickets);
            sites.push(Some(Arc::new(config)));
        }
        let mut proofs = HashMap::new();
        for (host, certificate) in &parts.challenges.tls {
            let mut config =
                configured(&provider, certificate, TlsVersion::Tls12).map_err(failed(host))?;
            config.alpn_protocols = vec![PROOF.to_vec()];
            proofs.insert(host.to_ascii_lowercase(), Arc::new(config));
        }
        Ok(Self { sites, proofs })
    }

    /// What this client gets; `None` if nothing here has the name.
    pub(crate) fn choose(&self, policy: &Policy, hello: &ClientHello<'_>) -> Option<Opened> {
        let name = hello.server_name().unwrap_or_default().to_ascii_lowercase();
        let asks_for_proof = hello
            .alpn()
            .is_some_and(|mut protocols| protocols.any(|protocol| protocol == PROOF));
        if asks_for_proof {
            return self
                .proofs
                .get(&name)
                .map(|config| Opened::Proof(Arc::clone(config)));
        }
        let site = policy.site_index(&name)?;
        let config = self.sites.get(site)?.as_ref()?;
        Some(Opened::Site(Arc::clone(config)))
    }
}

fn configured(
    provider: &Arc<CryptoProvider>,
    certificate: &Certificate,
    least: TlsVersion,
) -> Result<ServerConfig, rustls::Error> {
    let versions: &[_] = match least {
        TlsVersion::Tls12 => &[&TLS13, &TLS12],
        TlsVersion::Tls13 => &[&TLS13],
    };
    let key = Arc::new(SingleCertAndKey::from(Arc::clone(&certificate.key)));
    Ok(ServerConfig::builder_with_provider(Arc::clone(provider))
        .with_protocol_versions(versions)?
        .with_no_client_auth()
        .with_cert_resolver(key))
}
