//! Certificates with their keys, and the versions of TLS.

use std::sync::Arc;

use rustls::client::verify_server_name;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;

use super::Host;

/// A certificate chain with the key of its first certificate.
#[derive(Debug, Clone)]
pub struct Certificate {
    pub(crate) key: Arc<CertifiedKey>,
}

/// Why a certificate cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// The chain is no PEM or holds no certificate.
    #[error(
        "the chain holds no certificate in PEM; give the file that begins with the site's own certificate"
    )]
    Chain,
    /// The key is no PEM or holds no key.
    #[error("there is no private key in PEM; give the key file that belongs to the certificate")]
    Key,
    /// The key does not belong to the certificate, or is of an unknown kind.
    #[error("the key cannot be used with the certificate ({0}); give both files of one issue")]
    Mismatch(String),
}

impl Certificate {
    /// Reads a chain (the site's certificate first) and its key, both in PEM.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, CertificateError> {
        let (chain, key) = read(chain, key)?;
        let key = CertifiedKey::from_der(chain, key, &ring::default_provider())
            .map_err(|error| CertificateError::Mismatch(error.to_string()))?;
        Ok(Self { key: Arc::new(key) })
    }

    /// Reads a certificate that proves a name to an authority (RFC 8737), and its key. It has a
    /// critical extension that nobody else understands, so the two are not held against each other.
    pub fn proof_from_pem(chain: &[u8], key: &[u8]) -> Result<Self, CertificateError> {
        let (chain, key) = read(chain, key)?;
        let key = ring::default_provider()
            .key_provider
            .load_private_key(key)
            .map_err(|error| CertificateError::Mismatch(error.to_string()))?;
        Ok(Self {
            key: Arc::new(CertifiedKey::new(chain, key)),
        })
    }

    /// Whether clients that ask for this host accept it, as far as names go.
    pub fn covers(&self, host: &Host) -> bool {
        let name = match host {
            // Which names these are nobody knows.
            Host::Any => return true,
            Host::Exact(name) => name.clone(),
            // Any one of them stands for all.
            Host::Below(name) => format!("any.{name}"),
        };
        let Ok(name) = ServerName::try_from(name.as_str()) else {
            return false;
        };
        let first = self.key.cert.first();
        let parsed = first.and_then(|first| ParsedCertificate::try_from(first).ok());
        parsed.is_some_and(|parsed| verify_server_name(&parsed, &name).is_ok())
    }
}

type Read = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn read(chain: &[u8], key: &[u8]) -> Result<Read, CertificateError> {
    let chain = CertificateDer::pem_slice_iter(chain)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|_| CertificateError::Chain)?;
    if chain.is_empty() {
        return Err(CertificateError::Chain);
    }
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| CertificateError::Key)?;
    Ok((chain, key))
}

/// A version of TLS. Older ones are not spoken at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum TlsVersion {
    /// TLS 1.2
    #[default]
    Tls12,
    /// TLS 1.3
    Tls13,
}
