//! What a policy must fulfil as a whole.

use std::collections::{HashMap, HashSet};

use super::{Host, PolicyParts, Site, WafMode};
use crate::framing::Authority;

/// Why a policy cannot be served, and what to correct.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// No listeners.
    #[error("the policy listens nowhere; add a listener")]
    NoListener,
    /// Two listeners of one name.
    #[error("two listeners are called {0}; give each a name of its own")]
    ListenerTwice(String),
    /// No sites.
    #[error("the policy has no site; add one with its names and servers")]
    NoSite,
    /// Two sites of one name.
    #[error("two sites are called {0}; give each a name of its own")]
    SiteTwice(String),
    /// A site without names.
    #[error("site {site} has no host names; add those that visitors use, or * for all others")]
    NoHost {
        /// The site.
        site: String,
    },
    /// Two sites want the same name.
    #[error("the host {host} belongs to both {first} and {second}; take it away from one of them")]
    HostTwice {
        /// The name.
        host: String,
        /// The first site.
        first: String,
        /// The second site.
        second: String,
    },
    /// A site without servers.
    #[error("site {site} has no server behind it; add one as host:port")]
    NoUpstream {
        /// The site.
        site: String,
    },
    /// A server that cannot be reached as written.
    #[error(
        "{upstream:?} of site {site} is no server; write host:port, for instance 127.0.0.1:8080"
    )]
    Upstream {
        /// The site.
        site: String,
        /// As written.
        upstream: String,
    },
    /// A listener for TLS without any certificate.
    #[error(
        "listener {listener} speaks TLS, but no site has a certificate; add one, or listen plainly"
    )]
    NoCertificate {
        /// The listener.
        listener: String,
    },
    /// A site wants its visitors on TLS but cannot be served there.
    #[error("site {site} sends visitors to https but cannot be served there; {remedy}")]
    NoHttps {
        /// The site.
        site: String,
        /// What to do.
        remedy: &'static str,
    },
    /// A certificate that is not for the names of its site.
    #[error(
        "the certificate of site {site} is not for {host}; get one that names it, take the name away from the site, or let an authority issue it (acme)"
    )]
    NotCovered {
        /// The site.
        site: String,
        /// The name.
        host: String,
    },
    /// A server whose certificate could be for no name.
    #[error(
        "the server {upstream} of site {site} is spoken to over TLS, but {name:?} is no name that a certificate could be for; write the name in its certificate"
    )]
    UpstreamName {
        /// The site.
        site: String,
        /// The server.
        upstream: String,
        /// As written.
        name: String,
    },
    /// A firewall without rules.
    #[error(
        "site {site} is to be inspected but has no rules; load a rule set, or switch the firewall off"
    )]
    NoRules {
        /// The site.
        site: String,
    },
    /// A path that is none.
    #[error("{path:?} of site {site} is no path; begin it with a slash")]
    Path {
        /// The site.
        site: String,
        /// As written.
        path: String,
    },
    /// Two rules against overdoing it of one name.
    #[error(
        "two of the rates, watches and network rules are called {0}; give each a name of its own"
    )]
    IpsTwice(String),
    /// One of them is about a site that is not there.
    #[error(
        "{name} is about site {site}, but there is no site {site}; name one of the policy's sites"
    )]
    IpsSite {
        /// The rate, watch or network rule.
        name: String,
        /// The site.
        site: String,
    },
    /// A path that is none.
    #[error("{path:?} of {name} is no path; begin it with a slash")]
    IpsPath {
        /// The rate, watch or network rule.
        name: String,
        /// As written.
        path: String,
    },
    /// A watch without signs.
    #[error("the watch {0} looks for nothing; say which answers count")]
    IpsSigns(String),
    /// A limit that lets nothing pass.
    #[error("the limit {0} lets nothing pass; set it to one or more")]
    Limit(&'static str),
    /// A field that cannot be set.
    #[error(
        "{field:?} is no header field that a policy may change; the gateway itself sets lengths and connections"
    )]
    HeaderName {
        /// As written.
        field: String,
    },
    /// A value that cannot be sent.
    #[error("the value of {field} holds characters that header fields cannot carry; write ASCII")]
    HeaderValue {
        /// The field.
        field: String,
    },
    /// A token that could not be asked for.
    #[error("{0:?} is no token of a certificate authority; letters, digits, - and _ only")]
    Token(String),
    /// TLS could not be set up.
    #[error("TLS of site {site} cannot be set up: {reason}")]
    Tls {
        /// The site.
        site: String,
        /// Why.
        reason: String,
    },
}

pub(super) fn check(parts: &PolicyParts) -> Result<(), PolicyError> {
    listeners(parts)?;
    limits(parts)?;
    if parts.sites.is_empty() {
        return Err(PolicyError::NoSite);
    }
    let mut names = HashSet::new();
    let mut hosts: HashMap<&Host, &Site> = HashMap::new();
    for site in &parts.sites {
        if !names.insert(&site.name) {
            return Err(PolicyError::SiteTwice(site.name.to_string()));
        }
        self::site(parts, site)?;
        for host in &site.hosts {
            if let Some(first) = hosts.insert(host, site) {
                return Err(PolicyError::HostTwice {
                    host: host.to_string(),
                    first: first.name.to_string(),
                    second: site.name.to_string(),
                });
            }
        }
    }
    let sites: Vec<&str> = parts.sites.iter().map(|site| &*site.name).collect();
    super::ips::check(&parts.ips, &sites)?;
    for token in parts.challenges.http.keys() {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if token.is_empty() || !token.bytes().all(plain) {
            return Err(PolicyError::Token(token.clone()));
        }
    }
    Ok(())
}

fn listeners(parts: &PolicyParts) -> Result<(), PolicyError> {
    if parts.listeners.is_empty() {
        return Err(PolicyError::NoListener);
    }
    let mut names = HashSet::new();
    for listener in &parts.listeners {
        if !names.insert(&listener.name) {
            return Err(PolicyError::ListenerTwice(listener.name.to_string()));
        }
        let speaks_tls = |site: &Site| site.certificate.is_some() || site.acme;
        if listener.tls && !parts.sites.iter().any(speaks_tls) {
            return Err(PolicyError::NoCertificate {
                listener: listener.name.to_string(),
            });
        }
    }
    Ok(())
}

fn site(parts: &PolicyParts, site: &Site) -> Result<(), PolicyError> {
    let name = || site.name.to_string();
    if site.hosts.is_empty() {
        return Err(PolicyError::NoHost { site: name() });
    }
    if site.upstreams.is_empty() {
        return Err(PolicyError::NoUpstream { site: name() });
    }
    for upstream in &site.upstreams {
        let authority = Authority::parse(upstream.address.as_bytes());
        if authority.and_then(|authority| authority.port).unwrap_or(0) == 0 {
            return Err(PolicyError::Upstream {
                site: name(),
                upstream: upstream.address.to_string(),
            });
        }
    }
    for upstream in site.upstreams.iter().filter(|own| own.tls.is_some()) {
        if upstream.server_name().is_none() {
            let named = upstream.tls.as_ref().and_then(|tls| tls.name.as_deref());
            return Err(PolicyError::UpstreamName {
                site: name(),
                upstream: upstream.address.to_string(),
                name: named.unwrap_or(&upstream.address).to_owned(),
            });
        }
    }
    if site.certificate.is_some()
        && !site.acme
        && let Some(host) = uncovered(site).first()
    {
        return Err(PolicyError::NotCovered {
            site: name(),
            host: host.to_string(),
        });
    }
    if site.to_https {
        let remedy = if site.certificate.is_none() && !site.acme {
            "give it a certificate"
        } else if parts.listeners.iter().all(|listener| !listener.tls) {
            "add a listener for TLS"
        } else {
            ""
        };
        if !remedy.is_empty() {
            return Err(PolicyError::NoHttps {
                site: name(),
                remedy,
            });
        }
    }
    let firewall = &site.firewall;
    let modes = firewall.paths.iter().map(|path| path.mode);
    let looks = modes
        .chain([firewall.mode])
        .any(|mode| mode != WafMode::Off);
    if looks && firewall.rules.is_none() {
        return Err(PolicyError::NoRules { site: name() });
    }
    for own in &firewall.paths {
        if !own.path.starts_with('/') {
            return Err(PolicyError::Path {
                site: name(),
                path: own.path.clone(),
            });
        }
    }
    for (limit, value) in [
        ("pool.connections", site.pool.connections),
        (
            "pool.connections_of_client",
            site.pool.connections_of_client,
        ),
        ("pool.lasting", site.pool.lasting),
        ("pool.lasting_of_client", site.pool.lasting_of_client),
        ("pool.down_after", site.pool.down_after as usize),
        ("firewall.buffer", firewall.buffer),
    ] {
        if value == 0 {
            return Err(PolicyError::Limit(limit));
        }
    }
    Ok(())
}

/// The names of a site that its certificate is not for. Without a certificate: those of a site that
/// waits for one.
pub(super) fn uncovered(site: &Site) -> Vec<Host> {
    let covers = |host: &Host| match &site.certificate {
        Some(certificate) => certificate.covers(host),
        None => !site.acme,
    };
    site.hosts
        .iter()
        .filter(|host| !covers(host))
        .cloned()
        .collect()
}

fn limits(parts: &PolicyParts) -> Result<(), PolicyError> {
    let limits = &parts.limits;
    for (limit, value) in [
        ("head.head", limits.head.head),
        ("head.target", limits.head.target),
        ("head.fields", limits.head.fields),
        ("connections", limits.connections),
        ("connections_of_client", limits.connections_of_client),
        ("streams", limits.streams as usize),
        ("inspection.threads", parts.inspection.threads),
        ("inspection.queue", parts.inspection.queue),
        (
            "inspection.memory_of_client",
            parts.inspection.memory_of_client,
        ),
    ] {
        if value == 0 {
            return Err(PolicyError::Limit(limit));
        }
    }
    for (limit, value) in [
        ("head_within", limits.head_within),
        ("handshake_within", limits.handshake_within),
        ("idle", limits.idle),
        ("stall", limits.stall),
        ("tunnel_idle", limits.tunnel_idle),
    ] {
        if value.is_zero() {
            return Err(PolicyError::Limit(limit));
        }
    }
    Ok(())
}
