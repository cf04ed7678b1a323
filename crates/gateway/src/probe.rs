//! Trying the firewall with requests whose right answer is known: attacks that must be refused and
//! what citizens write, which must not.
//!
//! They are few on purpose: they show that rules are loaded and decide, not how good the rules are.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use mamori_waf::RuleSet;

/// Attacks of four kinds, as the query of an address.
const ATTACKS: [(&str, &str); 4] = [
    (
        "sql",
        "/?id=1%27%20UNION%20SELECT%20user_login,user_pass%20FROM%20wp_users--%20-",
    ),
    (
        "script",
        "/?s=%3Cscript%3Ealert(document.cookie)%3C/script%3E",
    ),
    ("path", "/?file=../../../../etc/passwd"),
    ("command", "/?host=127.0.0.1;cat%20/etc/passwd"),
];

/// What people look for and write.
const ORDINARY: [&str; 3] = [
    "/",
    "/?s=%E5%A5%B3%E6%80%A7%E3%81%AE%E5%83%8D%E3%81%8D%E6%96%B9%E7%9B%B8%E8%AB%87%EF%BC%889%E6%99%82%E3%80%9C17%E6%99%82%EF%BC%89",
    "/contact/?name=%E5%B1%B1%E7%94%B0+%E8%8A%B1%E5%AD%90&text=%E3%80%8C%E5%83%8D%E3%81%8D%E6%96%B9%E3%80%8D%E3%81%AE%E7%9B%B8%E8%AB%87%E3%82%92%E3%81%97%E3%81%9F%E3%81%84%E3%81%A7%E3%81%99%E3%80%82%E9%9B%BB%E8%A9%B1%3A011-000-0000",
];

/// What came of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tried {
    /// Attacks that passed.
    pub missed: Vec<&'static str>,
    /// Ordinary requests that were refused.
    pub wronged: Vec<&'static str>,
}

impl Tried {
    /// Whether everything was decided as it should be.
    pub fn ok(&self) -> bool {
        self.missed.is_empty() && self.wronged.is_empty()
    }
}

/// Tries rules. Takes some milliseconds of a processor.
pub fn attempt(rules: &Arc<RuleSet>, host: &str) -> Tried {
    Tried {
        missed: ATTACKS
            .iter()
            .filter(|(_, address)| passes(rules, host, address))
            .map(|(name, _)| *name)
            .collect(),
        wronged: ORDINARY
            .into_iter()
            .filter(|address| !passes(rules, host, address))
            .collect(),
    }
}

fn passes(rules: &Arc<RuleSet>, host: &str, address: &str) -> bool {
    let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let mut transaction = rules.transaction();
    transaction.connection(here, 40_000, here, 443);
    transaction.request_line(b"GET", address.as_bytes(), b"HTTP/1.1");
    for (name, value) in [
        ("Host", host),
        ("User-Agent", "Mozilla/5.0 (X11; Linux x86_64) Mamori-Check"),
        ("Accept", "text/html,application/xhtml+xml"),
        ("Accept-Language", "ja"),
    ] {
        transaction.request_header(name.as_bytes(), value.as_bytes());
    }
    transaction.request_headers().passes() && transaction.request_body().passes()
}
