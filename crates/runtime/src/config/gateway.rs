//! `[gateway]`: what visitors connect to in front of the city's sites, off without it.
//!
//! Here stands what belongs to the machine: addresses, servers behind, certificates. What is
//! decided in daily work (modes, exclusions, bans, closing a site) lives in the database.
//!
//! ```toml
//! [gateway]
//! http = ["0.0.0.0:80"]
//! https = ["0.0.0.0:443"]
//! rules = "/usr/share/modsecurity-crs"   # a folder of rules; default: the installed version
//! plugin = "plugins/wordpress"            # exclusions for WordPress, beside the rules
//! trusted_proxies = ["10.0.0.0/8"]        # believed about the client's address
//! allowed = ["203.0.113.0/24"]            # offices and monitoring: never limited or banned
//! plan_gigabytes = 400                    # transfer a month that the contract buys
//! protection = "wordpress"                # limits and bans; "off": none
//! access_days = 400                       # how long access records are kept
//!
//! [[gateway.site]]
//! name = "kokoshelju"
//! contract = "kokoshelju-r8"
//! hosts = ["kokoshelju.example.lg.jp"]
//! upstreams = ["127.0.0.1:8081"]
//! certificate_file = "secrets/site.pem"  # the site's certificate first; read again when it changes
//! key_file = "secrets/site.key"
//! certificate = "acme"                    # or, instead of files: from an authority; "self-made"
//! inspect_answers = true                  # the rules look at answers too; without it at requests
//!
//! [[gateway.network]]                     # a country, a feed of attackers, the office
//! name = "office-only"
//! file = "lists/office.txt"               # an address, network or range a line; read again when it changes
//! refuses = "unlisted"                    # who stays outside: "listed" or "unlisted"
//! paths = ["/wp-admin/"]                  # of what; without it the whole site
//! ```
//!
//! `[gateway.acme]`: the authority, see `config/certificate.rs`.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::certificate::{self, Acme, Listens, SiteCertificate};
use super::reader::Reader;
use super::{Config, Network, Place};

/// `[gateway]`.
#[derive(Debug, Clone)]
pub struct Gateway {
    /// Addresses for plain HTTP.
    pub http: Vec<SocketAddr>,
    /// Addresses for TLS.
    pub https: Vec<SocketAddr>,
    /// Folder of the firewall's rules; `None`: the version installed in the data directory.
    pub rules: Option<PathBuf>,
    /// Folder of a plugin of exclusions.
    pub plugin: Option<PathBuf>,
    /// Proxies in front that are believed about the client.
    pub trusted_proxies: Vec<Network>,
    /// Networks that are never limited or banned.
    pub allowed: Vec<Network>,
    /// Gigabytes (10⁹ bytes) a month that the contract's plan holds.
    pub plan_gigabytes: u64,
    /// Limits and bans against clients that overdo it.
    pub protection: Protection,
    /// Days for which access records are kept.
    pub access_days: u32,
    /// Lists of networks and what they are kept out of.
    pub networks: Vec<GatewayNetwork>,
    /// Who issues certificates.
    pub acme: Acme,
    /// What is served, at least one.
    pub sites: Vec<GatewaySite>,
}

impl Default for Gateway {
    /// Nothing is served, everything else as when the file is silent.
    fn default() -> Self {
        Self {
            http: Vec::new(),
            https: Vec::new(),
            rules: None,
            plugin: None,
            trusted_proxies: Vec::new(),
            allowed: Vec::new(),
            plan_gigabytes: PLAN_GIGABYTES,
            protection: Protection::default(),
            access_days: ACCESS_DAYS,
            networks: Vec::new(),
            acme: Acme::default(),
            sites: Vec::new(),
        }
    }
}

/// Limits and bans against clients that overdo it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Protection {
    /// What suits a site made with WordPress.
    #[default]
    WordPress,
    /// None.
    Off,
}

/// `[[gateway.network]]`.
#[derive(Debug, Clone)]
pub struct GatewayNetwork {
    /// Its name in records.
    pub name: String,
    /// The list.
    pub file: PathBuf,
    /// Whether those in the list stay outside; otherwise those who are not in it.
    pub refuses_listed: bool,
    /// Whether it is only told and nobody stays outside.
    pub observes: bool,
    /// Names of sites; none: all.
    pub sites: Vec<String>,
    /// Paths, each with everything below it; none: all.
    pub paths: Vec<String>,
}

/// `[[gateway.site]]`.
#[derive(Debug, Clone)]
pub struct GatewaySite {
    /// Its name in records.
    pub name: String,
    /// The contract it belongs to.
    pub contract: String,
    /// The names it is asked for by; `*.example.jp` stands for all below.
    pub hosts: Vec<String>,
    /// `host:port` of the servers behind.
    pub upstreams: Vec<String>,
    /// Where its certificate comes from; `None`: the site is plain HTTP only.
    pub certificate: Option<SiteCertificate>,
    /// Whether the firewall looks at answers too.
    pub inspect_answers: bool,
}

const SECTION: &str = "gateway";
const HTTP: &str = "[\"0.0.0.0:80\"]";
/// What the contract of the first city buys (clause 6).
const PLAN_GIGABYTES: u64 = 400;
/// A fiscal year and the month after it, in which the year is closed.
const ACCESS_DAYS: u32 = 400;
const NETWORKS: &str = "[\"203.0.113.0/24\"]";

impl Config {
    pub(super) fn read_gateway(&mut self, reader: &mut Reader) {
        let wanted = reader.mentions(SECTION) || reader.count("gateway.site") > 0;
        let http = addresses(reader, "gateway.http");
        let https = addresses(reader, "gateway.https");
        let rules = reader.text("gateway.rules", "\"/usr/share/modsecurity-crs\"");
        let plugin = reader.text("gateway.plugin", "\"plugins/wordpress\"");
        let trusted_proxies = networks(reader, "gateway.trusted_proxies");
        let allowed = networks(reader, "gateway.allowed");
        let plan = reader.integer("gateway.plan_gigabytes", 1..=1_000_000);
        let protection = reader.choice(
            "gateway.protection",
            &[
                ("wordpress", Protection::WordPress),
                ("off", Protection::Off),
            ],
        );
        let access_days = reader.integer("gateway.access_days", 1..=3_660);
        let lists = network_lists(reader);
        let acme = certificate::acme(reader);
        let listens = Listens {
            http: !http.is_empty(),
            https: !https.is_empty(),
        };
        let sites = sites(reader, listens, &acme);
        if !wanted {
            return;
        }
        if http.is_empty() && https.is_empty() && reader.place_of("gateway.http") == Place::Nowhere
        {
            reader.problem(
                SECTION,
                "[gateway] に http も https もありません".to_owned(),
                &format!("待ち受けるアドレスを書いてください。例: http = {HTTP}"),
            );
        }
        if sites.is_empty() && reader.count("gateway.site") == 0 {
            reader.problem(
                SECTION,
                "[gateway] に [[gateway.site]] がありません".to_owned(),
                "守るサイトを 1 つ以上書いてください（name, contract, hosts, upstreams）。",
            );
        }
        let base = reader.base();
        self.gateway = Some(Gateway {
            http,
            https,
            rules: rules.map(|path| base.join(path)),
            plugin: plugin.map(|path| base.join(path)),
            trusted_proxies,
            allowed,
            plan_gigabytes: plan
                .and_then(|plan| u64::try_from(plan).ok())
                .unwrap_or(PLAN_GIGABYTES),
            protection: protection.unwrap_or_default(),
            access_days: access_days
                .and_then(|days| u32::try_from(days).ok())
                .unwrap_or(ACCESS_DAYS),
            networks: lists,
            acme,
            sites,
        });
    }
}

fn addresses(reader: &mut Reader, key: &str) -> Vec<SocketAddr> {
    let mut addresses: Vec<SocketAddr> = Vec::new();
    for text in reader.list(key, HTTP) {
        match text.parse() {
            Ok(address) if addresses.contains(&address) => reader.problem(
                key,
                format!("{key} に「{text}」が 2 度あります"),
                "片方を消してください。",
            ),
            Ok(address) => addresses.push(address),
            Err(_) => reader.problem(
                key,
                format!("{key} の「{text}」は アドレス:ポート ではありません"),
                &format!("例: {HTTP}、IPv6 は [\"[::]:80\"]"),
            ),
        }
    }
    addresses
}

fn networks(reader: &mut Reader, key: &str) -> Vec<Network> {
    let mut networks = Vec::new();
    for text in reader.list(key, NETWORKS) {
        match text.parse() {
            Ok(network) => networks.push(network),
            Err(wrong) => {
                reader.problem(key, format!("{key} の{wrong}"), &format!("例: {NETWORKS}"));
            }
        }
    }
    networks
}

fn network_lists(reader: &mut Reader) -> Vec<GatewayNetwork> {
    let mut lists: Vec<GatewayNetwork> = Vec::new();
    for index in 0..reader.count("gateway.network") {
        let place = format!("gateway.network[{index}]");
        let key = |name: &str| format!("{place}.{name}");
        let name = reader.text(&key("name"), "\"office-only\"");
        let base = reader.base();
        let file = reader
            .text(&key("file"), "\"lists/office.txt\"")
            .map(|path| base.join(path));
        let refuses = reader.choice(&key("refuses"), &[("listed", true), ("unlisted", false)]);
        let observes = reader.boolean(&key("observe")).unwrap_or_default();
        let sites = reader.list(&key("sites"), "[\"kokoshelju\"]");
        let paths = reader.list(&key("paths"), "[\"/wp-admin/\"]");
        for (field, there) in [
            ("name", name.is_some()),
            ("file", file.is_some()),
            ("refuses", refuses.is_some()),
        ] {
            if !there && reader.place_of(&key(field)) == Place::Nowhere {
                reader.problem(
                    &place,
                    format!("[[gateway.network]] に {field} がありません"),
                    "name, file, refuses（\"listed\" か \"unlisted\"）の 3 つを書いてください。",
                );
            }
        }
        let (Some(name), Some(file), Some(refuses_listed)) = (name, file, refuses) else {
            continue;
        };
        if lists.iter().any(|list| list.name == name) {
            reader.problem(
                &key("name"),
                format!("一覧の名前「{name}」が 2 度使われています"),
                "名前を変えてください。",
            );
        }
        lists.push(GatewayNetwork {
            name,
            file,
            refuses_listed,
            observes,
            sites,
            paths,
        });
    }
    lists
}

fn sites(reader: &mut Reader, listens: Listens, acme: &Acme) -> Vec<GatewaySite> {
    let mut sites: Vec<GatewaySite> = Vec::new();
    for index in 0..reader.count("gateway.site") {
        let place = format!("gateway.site[{index}]");
        let key = |name: &str| format!("{place}.{name}");
        let name = reader.text(&key("name"), "\"kokoshelju\"");
        let contract = reader.text(&key("contract"), "\"kokoshelju-r8\"");
        let hosts = reader.list(&key("hosts"), "[\"www.example.lg.jp\"]");
        let upstreams = reader.list(&key("upstreams"), "[\"127.0.0.1:8081\"]");
        let certificate = certificate::of_site(reader, &place, &hosts, listens, acme.challenge);
        let inspect_answers = reader.boolean(&key("inspect_answers")).unwrap_or_default();
        for (field, there) in [
            ("name", name.is_some()),
            ("contract", contract.is_some()),
            ("hosts", !hosts.is_empty()),
            ("upstreams", !upstreams.is_empty()),
        ] {
            if !there && reader.place_of(&key(field)) == Place::Nowhere {
                reader.problem(
                    &place,
                    format!("[[gateway.site]] に {field} がありません"),
                    "name, contract, hosts, upstreams の 4 つを書いてください。",
                );
            }
        }
        let (Some(name), Some(contract)) = (name, contract) else {
            continue;
        };
        if sites.iter().any(|site| site.name == name) {
            reader.problem(
                &key("name"),
                format!("サイトの名前「{name}」が 2 度使われています"),
                "名前を変えてください。",
            );
        }
        sites.push(GatewaySite {
            name,
            contract,
            hosts,
            upstreams,
            certificate,
            inspect_answers,
        });
    }
    sites
}
