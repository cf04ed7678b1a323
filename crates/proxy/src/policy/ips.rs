//! What is done against clients that overdo it: how often they may ask, what they must not do again
//! and again, which networks stay outside. All of it is data; the gateway above stores it.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use http::Method;

use super::PolicyError;
use crate::address::AddressSet;

/// Which requests something is about. An empty list means all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Requests {
    /// Names of sites.
    pub sites: Vec<Arc<str>>,
    /// Methods.
    pub methods: Vec<Method>,
    /// Paths.
    pub paths: Vec<PathPattern>,
}

/// Which paths are meant. Encoded letters are read, doubled slashes are one, the case of letters does
/// not matter, and a path with `.` and `..` is compared with and without them resolved: servers read
/// such paths differently, so a pattern catches rather too much.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathPattern {
    /// Exactly this path.
    Is(String),
    /// This path and everything below it.
    Below(String),
    /// Paths that end like this: `/wp-login.php`, wherever WordPress is installed.
    Ends(String),
}

/// How often one client may ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rate {
    /// Its name in records.
    pub name: Arc<str>,
    /// What is counted.
    pub requests: Requests,
    /// How many at once after a pause.
    pub burst: u32,
    /// How many in the long run…
    pub count: u32,
    /// …in this time.
    pub within: Duration,
}

/// What is seen of a request or of its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sign {
    /// The site answered with a status from the first to the second of these.
    Status(u16, u16),
    /// The site answered with this status, and the beginning of its answer holds the text. For such
    /// requests the site is asked for an answer that is not packed.
    Text {
        /// The status.
        status: u16,
        /// The text, as it is in the answer.
        text: String,
    },
    /// The firewall refused, or would have, had it not been told only to observe.
    Firewall,
    /// A rate was exceeded.
    Rate,
    /// What arrived was no request. Such a thing belongs to no site.
    Malformed,
}

/// Something that a client must not do again and again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watch {
    /// Its name in records.
    pub name: Arc<str>,
    /// What is looked at.
    pub requests: Requests,
    /// What counts: any of these.
    pub signs: Vec<Sign>,
    /// How often…
    pub count: u32,
    /// …within this time is too often.
    pub within: Duration,
    /// Whether the client is kept out for a while; otherwise it is only told.
    pub bans: bool,
}

/// How long clients are kept out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Banning {
    /// The first time.
    pub first: Duration,
    /// How many times longer each further time.
    pub growth: u32,
    /// At most.
    pub longest: Duration,
    /// After this time of good behaviour the next ban is a first one again.
    pub forgiven_after: Duration,
    /// Whether connections of banned clients are closed at once. Otherwise they get a page that says
    /// what happened.
    pub close: bool,
    /// Bans and past bans that are remembered.
    pub most: usize,
}

impl Default for Banning {
    fn default() -> Self {
        Self {
            first: Duration::from_mins(10),
            growth: 4,
            longest: Duration::from_hours(7 * 24),
            forgiven_after: Duration::from_hours(30 * 24),
            close: false,
            most: 100_000,
        }
    }
}

/// Networks that are kept out of some requests: a country, a feed, everybody but the office.
#[derive(Debug, Clone)]
pub struct NetworkRule {
    /// Its name in records.
    pub name: Arc<str>,
    /// The networks; shared with the policies before and after.
    pub networks: Arc<AddressSet>,
    /// Whether those in the set are kept out; otherwise those who are not in it.
    pub inside: bool,
    /// What they are kept out of.
    pub requests: Requests,
    /// Whether they are refused; otherwise it is only told.
    pub refuses: bool,
}

/// Everything against clients that overdo it.
#[derive(Debug, Clone)]
pub struct IpsPolicy {
    /// Networks.
    pub networks: Vec<NetworkRule>,
    /// Rates.
    pub rates: Vec<Rate>,
    /// Watches.
    pub watches: Vec<Watch>,
    /// Bans.
    pub banning: Banning,
    /// What is remembered: one place for each client and each rate or watch that it has used up a
    /// part of. A place costs 32 bytes. Fixed when the server starts.
    pub places: usize,
}

impl Default for IpsPolicy {
    /// Nothing is limited.
    fn default() -> Self {
        Self {
            networks: Vec::new(),
            rates: Vec::new(),
            watches: Vec::new(),
            banning: Banning::default(),
            places: 131_072,
        }
    }
}

impl IpsPolicy {
    /// What suits a site made with WordPress. Bounds are far above what people do: an office behind
    /// one address counts as one client.
    pub fn wordpress() -> Self {
        let login = || Requests {
            methods: vec![Method::POST],
            paths: vec![PathPattern::Ends("/wp-login.php".to_owned())],
            ..Requests::default()
        };
        let remote = || Requests {
            methods: vec![Method::POST],
            paths: vec![PathPattern::Ends("/xmlrpc.php".to_owned())],
            ..Requests::default()
        };
        Self {
            rates: vec![
                rate("requests", Requests::default(), 1_500, 2_400),
                rate("logins", login(), 10, 20),
                rate("xmlrpc", remote(), 20, 30),
            ],
            watches: vec![
                Watch {
                    name: "failed-logins".into(),
                    requests: login(),
                    signs: vec![
                        Sign::Text {
                            status: 200,
                            text: "id=\"login_error\"".to_owned(),
                        },
                        Sign::Status(401, 401),
                        Sign::Status(403, 403),
                    ],
                    count: 8,
                    within: Duration::from_mins(10),
                    bans: true,
                },
                Watch {
                    name: "failed-xmlrpc".into(),
                    requests: remote(),
                    signs: vec![
                        Sign::Text {
                            status: 200,
                            text: "<int>403</int>".to_owned(),
                        },
                        Sign::Status(401, 405),
                    ],
                    count: 5,
                    within: Duration::from_mins(10),
                    bans: true,
                },
                watch("searching", vec![Sign::Status(404, 404)], 60, 1),
                watch("attacks", vec![Sign::Firewall], 20, 5),
                watch("malformed", vec![Sign::Malformed], 30, 5),
                watch("flooding", vec![Sign::Rate], 600, 1),
            ],
            ..Self::default()
        }
    }
}

fn rate(name: &str, requests: Requests, burst: u32, a_minute: u32) -> Rate {
    Rate {
        name: name.into(),
        requests,
        burst,
        count: a_minute,
        within: Duration::from_mins(1),
    }
}

fn watch(name: &str, signs: Vec<Sign>, count: u32, minutes: u64) -> Watch {
    Watch {
        name: name.into(),
        requests: Requests::default(),
        signs,
        count,
        within: Duration::from_mins(minutes),
        bans: true,
    }
}

impl Requests {
    /// Whether a request is meant.
    pub(crate) fn contain(&self, site: &str, method: &Method, path: &Folded<'_>) -> bool {
        (self.sites.is_empty() || self.sites.iter().any(|own| &**own == site))
            && (self.methods.is_empty() || self.methods.contains(method))
            && (self.paths.is_empty() || self.paths.iter().any(|own| path.fits(own)))
    }
}

impl PathPattern {
    fn text(&self) -> &str {
        match self {
            Self::Is(text) | Self::Below(text) | Self::Ends(text) => text,
        }
    }

    fn fits(&self, path: &str) -> bool {
        let starts = |text: &str| {
            path.get(..text.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(text))
        };
        match self {
            Self::Is(text) => path.eq_ignore_ascii_case(text),
            Self::Below(text) => {
                let text = text.trim_end_matches('/');
                starts(text) && matches!(path.as_bytes().get(text.len()), None | Some(b'/'))
            }
            Self::Ends(text) => path
                .len()
                .checked_sub(text.len())
                .and_then(|at| path.get(at..))
                .is_some_and(|end| end.eq_ignore_ascii_case(text)),
        }
    }
}

/// A path as patterns see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Folded<'p> {
    /// Percent-encoded letters read, doubled slashes made one.
    read: Cow<'p, str>,
    /// The same without `.` and `..`, where there were any.
    resolved: Option<String>,
}

impl<'p> Folded<'p> {
    pub(crate) fn new(path: &'p str) -> Self {
        let read = read(path);
        let resolved = read.contains("/.").then(|| resolved(&read));
        Self { read, resolved }
    }

    fn fits(&self, pattern: &PathPattern) -> bool {
        pattern.fits(&self.read)
            || self
                .resolved
                .as_deref()
                .is_some_and(|path| pattern.fits(path))
    }
}

fn read(path: &str) -> Cow<'_, str> {
    if !path.contains('%') && !path.contains("//") {
        return path.into();
    }
    let mut out: Vec<u8> = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let [first, after @ ..] = rest {
        let (byte, left) = match after {
            [high, low, left @ ..] if *first == b'%' => match (nibble(*high), nibble(*low)) {
                (Some(high), Some(low)) => (high << 4 | low, left),
                _ => (*first, after),
            },
            _ => (*first, after),
        };
        rest = left;
        if byte != b'/' || out.last() != Some(&b'/') {
            out.push(byte);
        }
    }
    String::from_utf8_lossy(&out).into_owned().into()
}

/// RFC 3986, 5.2.4, for a path that begins with a slash.
fn resolved(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for segment in path.split('/').skip(1) {
        match segment {
            "." => {}
            ".." => drop(kept.pop()),
            _ => kept.push(segment),
        }
    }
    format!("/{}", kept.join("/"))
}

fn nibble(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}

pub(super) fn check(ips: &IpsPolicy, sites: &[&str]) -> Result<(), PolicyError> {
    let mut names = std::collections::HashSet::new();
    let own = ips
        .rates
        .iter()
        .map(|rate| (&rate.name, &rate.requests))
        .chain(
            ips.watches
                .iter()
                .map(|watch| (&watch.name, &watch.requests)),
        )
        .chain(ips.networks.iter().map(|rule| (&rule.name, &rule.requests)));
    for (name, requests) in own {
        if !names.insert(name) {
            return Err(PolicyError::IpsTwice(name.to_string()));
        }
        for site in &requests.sites {
            if !sites.contains(&&**site) {
                return Err(PolicyError::IpsSite {
                    name: name.to_string(),
                    site: site.to_string(),
                });
            }
        }
        if let Some(path) = requests
            .paths
            .iter()
            .find(|path| !path.text().starts_with('/'))
        {
            return Err(PolicyError::IpsPath {
                name: name.to_string(),
                path: path.text().to_owned(),
            });
        }
    }
    for watch in &ips.watches {
        if watch.signs.is_empty() {
            return Err(PolicyError::IpsSigns(watch.name.to_string()));
        }
    }
    let rates = ips
        .rates
        .iter()
        .flat_map(|rate| [rate.burst, rate.count, u32::from(!rate.within.is_zero())]);
    let watches = ips
        .watches
        .iter()
        .flat_map(|watch| [watch.count, u32::from(!watch.within.is_zero())]);
    if rates.chain(watches).any(|value| value == 0) {
        return Err(PolicyError::Limit(
            "of a rate or watch (count, burst, within)",
        ));
    }
    let banning = &ips.banning;
    for (limit, nothing) in [
        ("ips.places", ips.places == 0),
        ("ips.banning.first", banning.first.is_zero()),
        ("ips.banning.growth", banning.growth == 0),
        ("ips.banning.longest", banning.longest.is_zero()),
        ("ips.banning.most", banning.most == 0),
    ] {
        if nothing {
            return Err(PolicyError::Limit(limit));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_catch_every_spelling_of_a_path() {
        let ends = PathPattern::Ends("/wp-login.php".to_owned());
        let below = PathPattern::Below("/wp-admin/".to_owned());
        for path in [
            "/wp-login.php",
            "/blog/wp-login.php",
            "//wp-login.php",
            "/WP-Login.php",
            "/wp%2Dlogin.ph%70",
            "/%2fwp-login.php",
            "/wp-login.php/.",
            "/blog/x/%2e%2E/wp-login.php",
        ] {
            assert!(Folded::new(path).fits(&ends), "{path}");
        }
        for path in ["/", "/wp-login.php5", "/xwp-login.php/a", "/市"] {
            assert!(!Folded::new(path).fits(&ends), "{path}");
        }
        for (path, fits) in [
            ("/wp-admin", true),
            ("/wp-admin/post.php", true),
            ("/wp-administrator", false),
            ("/市役所", false),
            ("/x/../wp-admin/", true),
            ("/./wp-admin", true),
            ("/../../wp-admin/post.php", true),
            // A server that does not read `%2f` is below the console here.
            ("/wp-admin/index.php/%2f../..", true),
            ("/x/..wp-admin", false),
            ("/.well-known/wp-admin", false),
        ] {
            assert_eq!(Folded::new(path).fits(&below), fits, "{path}");
        }
        assert_eq!(read("/%e5%b8%82/%zz%"), "/市/%zz%");
    }

    #[test]
    fn the_usual_policy_is_valid_and_mistakes_are_named() {
        assert_eq!(check(&IpsPolicy::wordpress(), &[]), Ok(()));
        let wrong = |change: fn(&mut IpsPolicy)| {
            let mut ips = IpsPolicy::wordpress();
            change(&mut ips);
            check(&ips, &["city"]).unwrap_err().to_string()
        };
        for (text, part) in [
            (
                wrong(|ips| ips.rates[1].name = "requests".into()),
                "a name of its own",
            ),
            (
                wrong(|ips| ips.rates[0].requests.sites = vec!["town".into()]),
                "there is no site town",
            ),
            (
                wrong(|ips| {
                    ips.watches[0].requests.paths = vec![PathPattern::Is("login".to_owned())];
                }),
                "begin it with a slash",
            ),
            (
                wrong(|ips| ips.watches[0].signs.clear()),
                "looks for nothing",
            ),
            (wrong(|ips| ips.rates[0].burst = 0), "lets nothing pass"),
            (wrong(|ips| ips.banning.most = 0), "ips.banning.most"),
        ] {
            assert!(text.contains(part), "{text}");
        }
    }
}
