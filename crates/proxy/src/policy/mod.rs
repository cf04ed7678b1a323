//! What the data plane does, as one immutable value.
//!
//! [`PolicyParts`] is filled in by whoever stores policies; [`Policy::new`] checks it as a whole and
//! says what to correct. A [`Policy`] that exists can be served.

mod certificate;
mod check;
mod firewall;
mod headers;
mod host;
mod ips;
mod limits;
mod upstream;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

pub use certificate::{Certificate, CertificateError, TlsVersion};
pub use check::PolicyError;
pub use firewall::{BeyondBuffer, FirewallPolicy, Inspection, Overload, PathMode, WafMode};
pub use headers::{HeaderPolicy, Hsts};
pub use host::Host;
pub(crate) use ips::Folded;
pub use ips::{Banning, IpsPolicy, NetworkRule, PathPattern, Rate, Requests, Sign, Watch};
pub use limits::{Limits, Pool};
pub use upstream::{NoAuthority, Upstream, UpstreamTls};

use http::header::STRICT_TRANSPORT_SECURITY;
use http::{HeaderMap, HeaderValue};

use crate::address::AddressSet;
use crate::pages::Page;

/// A socket that is served. The socket itself is handed to [`crate::Server::start`] under this name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// Its name in events.
    pub name: Arc<str>,
    /// Whether connections begin with TLS.
    pub tls: bool,
}

/// Which field of a trusted proxy names the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TrustedHeader {
    /// `X-Forwarded-For`
    #[default]
    XForwardedFor,
    /// `Forwarded` (RFC 7239)
    Forwarded,
}

/// Whether a site is open.
#[derive(Debug, Clone, Default)]
pub enum Serving {
    /// It is.
    #[default]
    Open,
    /// An operator closed it: 503 for everybody except some.
    Closed {
        /// What visitors read; without it the page for maintenance.
        page: Option<Arc<str>>,
        /// When to come again.
        retry_after: Duration,
        /// Who sees the site all the same.
        except: AddressSet,
    },
}

/// One site: what is served under some names.
#[derive(Debug, Clone)]
pub struct Site {
    /// Its name in events.
    pub name: Arc<str>,
    /// The names it is asked for by.
    pub hosts: Vec<Host>,
    /// The servers behind; any of them can answer any request.
    pub upstreams: Vec<Upstream>,
    /// How they are spoken to.
    pub pool: Pool,
    /// What proves its name; without it the site is not served over TLS.
    pub certificate: Option<Certificate>,
    /// Whether an authority is asked for the certificate while the site is served. Until it has come
    /// the certificate may be missing or be for other names: that is told and not refused, and
    /// visitors are not yet sent to TLS.
    pub acme: bool,
    /// The oldest TLS that is spoken.
    pub least_tls: TlsVersion,
    /// Whether plain requests are sent to the same address over TLS.
    pub to_https: bool,
    /// Whether browsers are told to come over TLS only.
    pub hsts: Option<Hsts>,
    /// Fields of responses.
    pub headers: HeaderPolicy,
    /// The largest request body.
    pub body_limit: u64,
    /// Inspection of requests.
    pub firewall: FirewallPolicy,
    /// Whether it is open.
    pub serving: Serving,
}

impl Site {
    /// A site with nothing but its names and servers, everything else as is usual.
    pub fn new(name: &str, hosts: Vec<Host>, upstreams: &[&str]) -> Self {
        Self {
            name: name.into(),
            hosts,
            upstreams: upstreams
                .iter()
                .map(|address| Upstream::plain(address))
                .collect(),
            pool: Pool::default(),
            certificate: None,
            acme: false,
            least_tls: TlsVersion::default(),
            to_https: false,
            hsts: None,
            headers: HeaderPolicy::default(),
            body_limit: 4 << 30,
            firewall: FirewallPolicy::default(),
            serving: Serving::Open,
        }
    }
}

impl Site {
    /// What every answer under the site's names says, whoever gives it.
    pub(crate) fn tell(&self, headers: &mut HeaderMap, secure: bool) {
        self.headers.apply(headers);
        if secure
            && let Some(hsts) = self.hsts
            && let Ok(value) = HeaderValue::try_from(hsts.value())
        {
            headers.insert(STRICT_TRANSPORT_SECURITY, value);
        }
    }
}

/// Answers to questions of a certificate authority (RFC 8555, RFC 8737).
#[derive(Debug, Clone, Default)]
pub struct Challenges {
    /// HTTP-01: token → key authorization.
    pub http: HashMap<String, String>,
    /// TLS-ALPN-01: host → certificate that carries the proof.
    pub tls: HashMap<String, Certificate>,
}

/// What visitors read when the gateway itself answers. `{{status}}` and `{{id}}` are replaced.
#[derive(Debug, Clone)]
pub struct Pages {
    /// The firewall refused.
    pub blocked: Arc<str>,
    /// The request makes no sense, or nobody here answers to it.
    pub refused: Arc<str>,
    /// The site behind does not answer.
    pub unavailable: Arc<str>,
    /// The operator closed the site.
    pub maintenance: Arc<str>,
    /// The client asks too often or is kept out for a while.
    pub limited: Arc<str>,
}

impl Default for Pages {
    fn default() -> Self {
        Self {
            blocked: Page::Blocked.built_in().into(),
            refused: Page::Refused.built_in().into(),
            unavailable: Page::Unavailable.built_in().into(),
            maintenance: Page::Maintenance.built_in().into(),
            limited: Page::Limited.built_in().into(),
        }
    }
}

/// Everything of a policy, not yet checked.
#[derive(Debug, Clone, Default)]
pub struct PolicyParts {
    /// What is listened on.
    pub listeners: Vec<Listener>,
    /// What is served.
    pub sites: Vec<Site>,
    /// Proxies in front that are believed about the client.
    pub trusted_proxies: AddressSet,
    /// What they write it into.
    pub trusted_header: TrustedHeader,
    /// Who always comes in, whatever the rules below say of addresses: offices, monitoring.
    pub allowed: AddressSet,
    /// Who does not come in.
    pub blocked: AddressSet,
    /// What is done against clients that overdo it. It never touches [`PolicyParts::allowed`].
    pub ips: IpsPolicy,
    /// Bounds of connections.
    pub limits: Limits,
    /// Where inspections run.
    pub inspection: Inspection,
    /// What the gateway itself answers.
    pub pages: Pages,
    /// Proofs for a certificate authority.
    pub challenges: Challenges,
}

/// A checked policy.
#[derive(Debug, Clone)]
pub struct Policy {
    parts: PolicyParts,
    /// By site: the names that its certificate is not (yet) for.
    uncovered: Vec<Vec<Host>>,
    exact: HashMap<String, usize>,
    below: HashMap<String, usize>,
    any: Option<usize>,
}

impl Policy {
    /// Checks the parts as a whole.
    pub fn new(parts: PolicyParts) -> Result<Self, PolicyError> {
        check::check(&parts)?;
        let mut policy = Self {
            uncovered: parts.sites.iter().map(check::uncovered).collect(),
            exact: HashMap::new(),
            below: HashMap::new(),
            any: None,
            parts,
        };
        for (at, site) in policy.parts.sites.iter().enumerate() {
            for host in &site.hosts {
                match host {
                    Host::Exact(name) => {
                        policy.exact.insert(name.clone(), at);
                    }
                    Host::Below(name) => {
                        policy.below.insert(name.clone(), at);
                    }
                    Host::Any => policy.any = Some(at),
                }
            }
        }
        Ok(policy)
    }

    /// What it was made of.
    pub fn parts(&self) -> &PolicyParts {
        &self.parts
    }

    /// The site that is asked for by this name (lower case, no port): the exact name first, then the
    /// nearest name above it, then the site for all names.
    pub fn site(&self, host: &str) -> Option<&Site> {
        self.site_index(host).map(|at| &self.parts.sites[at])
    }

    /// Names of sites, each with the host that its certificate is not for. Only sites that wait for an
    /// authority can be here.
    pub fn uncovered(&self) -> impl Iterator<Item = (&Arc<str>, &Host)> {
        let sites = self.parts.sites.iter().zip(&self.uncovered);
        sites.flat_map(|(site, hosts)| hosts.iter().map(|host| (&site.name, host)))
    }

    /// Whether visitors of this site are sent to TLS now.
    pub(crate) fn sends_to_https(&self, site: usize) -> bool {
        self.parts.sites[site].to_https && self.uncovered[site].is_empty()
    }

    pub(crate) fn site_index(&self, host: &str) -> Option<usize> {
        if let Some(at) = self.exact.get(host) {
            return Some(*at);
        }
        let mut rest = host;
        while let Some((_, above)) = rest.split_once('.') {
            if let Some(at) = self.below.get(above) {
                return Some(*at);
            }
            rest = above;
        }
        self.any
    }
}

#[cfg(test)]
mod tests;
