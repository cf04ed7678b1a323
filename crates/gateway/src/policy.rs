//! From the configuration and what people decided to the policy that the data plane serves.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use mamori_proxy::{
    AddressSet, CertificateError, FirewallPolicy, Host, Hsts, IpsPolicy, Listener, NetworkRule,
    PathMode, Policy, PolicyError, PolicyParts, Serving, Site, WafMode,
};
use mamori_rules::RulesError;
use mamori_runtime::App;
use mamori_runtime::config::{Gateway, GatewaySite, Network, Protection, SiteCertificate};
use mamori_waf::{PathMatch, RuleSet};

use crate::certificates::{self, Sources};
use crate::compiled::{Choices, Compiled, OnDisk};
use crate::local::{self, LocalMode, Scope};
use crate::model::{Exclusion, SitePolicy};
use crate::networks::NetworksError;
use crate::room;
use crate::store;

/// Half a year, the usual beginning for a site that stays on TLS.
const HSTS: Duration = Duration::from_hours(180 * 24);

/// A policy cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum MakeError {
    /// The rules.
    #[error(transparent)]
    Rules(#[from] RulesError),
    /// No rules are configured although a site wants them.
    #[error(
        "サイト {0} に WAF の規則がありません。gateway.rules に OWASP CRS のフォルダーを書くか、`mamori waf install` で入れてください"
    )]
    NoRules(String),
    /// A certificate.
    #[error("サイト {site} の証明書: {error}")]
    Certificate {
        /// The site.
        site: String,
        /// Why.
        error: CertificateError,
    },
    /// A self-made certificate.
    #[error(
        "サイト {site} の自己署名証明書を作れません（{detail}）。データのフォルダーの空きと書き込みの権限を確かめてください"
    )]
    Made {
        /// The site.
        site: String,
        /// Why.
        detail: String,
    },
    /// A file.
    #[error(
        "サイト {site} のファイル {file} が読めません（{error}）。パスと読み取り権限を確かめてください"
    )]
    File {
        /// The site.
        site: String,
        /// The file.
        file: String,
        /// Why.
        error: std::io::Error,
    },
    /// A name.
    #[error(
        "サイト {site} の hosts の「{host}」はホスト名ではありません。www.example.jp か *.example.jp のように書いてください"
    )]
    Host {
        /// The site.
        site: String,
        /// What was written.
        host: String,
    },
    /// A list of networks.
    #[error(transparent)]
    Networks(#[from] NetworksError),
    /// The whole.
    #[error("設定をまとめて調べたところ: {0}")]
    Policy(#[from] PolicyError),
}

/// A site with what was decided about it.
#[derive(Debug, Clone)]
pub struct Decided {
    /// From the configuration.
    pub site: GatewaySite,
    /// In daily work.
    pub policy: SitePolicy,
    /// All that no person ended.
    pub exclusions: Vec<Exclusion>,
    /// Modes of its parts that no person ended.
    pub local: Vec<LocalMode>,
}

impl Decided {
    /// Reads what was decided about a site.
    pub async fn read(app: &App, site: &GatewaySite) -> Result<Self, mamori_store::Error> {
        Ok(Self {
            site: site.clone(),
            policy: store::policy(&app.db, &site.name).await?,
            exclusions: store::exclusions(&app.db, &site.name, true).await?,
            local: local::store::all(&app.db, &site.name, true).await?,
        })
    }

    /// Modes of its parts that hold now.
    fn holding(&self, now: Timestamp) -> impl Iterator<Item = &LocalMode> {
        self.local.iter().filter(move |one| one.holds(now))
    }

    /// How many parts of it let more pass than what blocks.
    pub fn eased(&self, now: Timestamp) -> usize {
        self.holding(now)
            .filter(|one| one.mode < WafMode::Block)
            .count()
    }

    /// Other modes on some paths.
    fn paths(&self, now: Timestamp) -> Vec<PathMode> {
        self.holding(now)
            .filter_map(|one| match &one.scope {
                Scope::Path(path) => Some(PathMode {
                    path: path.clone(),
                    mode: one.mode,
                }),
                Scope::Rule(_) | Scope::Tag(_) => None,
            })
            .collect()
    }

    /// What rules are compiled with.
    fn choices(&self, now: Timestamp) -> Choices {
        let mut choices = Choices {
            paranoia: self.policy.paranoia,
            exclusions: self
                .exclusions
                .iter()
                .filter(|exclusion| exclusion.holds(now))
                .map(Exclusion::for_engine)
                .collect(),
            observed: Vec::new(),
        };
        for one in self.holding(now) {
            match (one.scope.rules(), one.mode) {
                (Some(rules), WafMode::Detect) => choices.observed.push(rules),
                (Some(rules), WafMode::Off) => choices.exclusions.push(mamori_waf::Exclusion {
                    name: one.id.to_string(),
                    rules,
                    target: None,
                    path: PathMatch::Any,
                }),
                _ => {}
            }
        }
        choices
    }
}

/// Reads rules and certificates and makes the whole. Blocks: compiling rules takes a processor for
/// about a second.
pub fn make(
    gateway: &Gateway,
    files: Option<&OnDisk>,
    compiled: &mut Compiled,
    sites: &[Decided],
    networks: Vec<NetworkRule>,
    sources: &Sources,
    now: Timestamp,
) -> Result<Policy, MakeError> {
    compiled.begin();
    let mut made = Vec::new();
    for decided in sites {
        let paths = decided.paths(now);
        let looks = |mode| mode != WafMode::Off;
        let wanted = looks(decided.policy.mode) || paths.iter().any(|path| looks(path.mode));
        let rules = wanted
            .then(|| compile(files, compiled, decided, now))
            .transpose()?;
        made.push(site(decided, rules, paths)?);
    }
    compiled.done();
    let listeners = |addresses: usize, tls: bool| {
        (0..addresses).map(move |at| Listener {
            name: listener_name(tls, at).into(),
            tls,
        })
    };
    let mut parts = PolicyParts {
        listeners: listeners(gateway.http.len(), false)
            .chain(listeners(gateway.https.len(), true))
            .collect(),
        sites: made,
        trusted_proxies: addresses(&gateway.trusted_proxies),
        allowed: addresses(&gateway.allowed),
        ips: IpsPolicy {
            networks,
            ..ips(gateway.protection)
        },
        ..PolicyParts::default()
    };
    parts.limits.connections = room::connections(parts.limits.connections, behind(&parts.sites));
    certificates::put(&mut parts, gateway, sources, now)?;
    Ok(Policy::new(parts)?)
}

fn ips(protection: Protection) -> IpsPolicy {
    match protection {
        Protection::WordPress => IpsPolicy::wordpress(),
        Protection::Off => IpsPolicy::default(),
    }
}

/// Connections that servers of all sites may have.
fn behind(sites: &[Site]) -> usize {
    sites
        .iter()
        .map(|site| {
            let pool = &site.pool;
            site.upstreams.len() * (pool.connections + pool.lasting + pool.spare)
        })
        .sum()
}

/// Name of a socket: `http-0`, `https-1`.
pub fn listener_name(tls: bool, at: usize) -> String {
    format!("{}-{at}", if tls { "https" } else { "http" })
}

/// The rules of a site with what was decided about them, whatever its mode. Blocks.
pub fn compile(
    files: Option<&OnDisk>,
    compiled: &mut Compiled,
    decided: &Decided,
    now: Timestamp,
) -> Result<Arc<RuleSet>, MakeError> {
    let files = files.ok_or_else(|| MakeError::NoRules(decided.site.name.clone()))?;
    Ok(compiled.rules(files, decided.choices(now))?)
}

fn site(
    decided: &Decided,
    rules: Option<Arc<RuleSet>>,
    paths: Vec<PathMode>,
) -> Result<Site, MakeError> {
    let own = &decided.site;
    let hosts = own
        .hosts
        .iter()
        .map(|text| {
            Host::parse(text).ok_or_else(|| MakeError::Host {
                site: own.name.clone(),
                host: text.clone(),
            })
        })
        .collect::<Result<Vec<_>, _>>()?;
    let upstreams: Vec<&str> = own.upstreams.iter().map(String::as_str).collect();
    let mut site = Site::new(&own.name, hosts, &upstreams);
    site.to_https = own.certificate.is_some();
    // A browser that was told would never come back to a trial that ended.
    let lasting = own.certificate.as_ref();
    site.hsts = lasting
        .filter(|source| **source != SiteCertificate::SelfMade)
        .map(|_| Hsts {
            max_age: HSTS,
            subdomains: false,
        });
    site.firewall = FirewallPolicy {
        mode: decided.policy.mode,
        rules,
        paths,
        responses: own.inspect_answers,
        ..FirewallPolicy::default()
    };
    if decided.policy.closed {
        site.serving = Serving::Closed {
            page: None,
            retry_after: Duration::from_mins(u64::from(decided.policy.retry_minutes)),
            except: AddressSet::default(),
        };
    }
    Ok(site)
}

fn addresses(networks: &[Network]) -> AddressSet {
    let texts: Vec<String> = networks.iter().map(ToString::to_string).collect();
    // What the configuration took is a network.
    AddressSet::parse(texts.iter().map(String::as_str)).unwrap_or_default()
}
