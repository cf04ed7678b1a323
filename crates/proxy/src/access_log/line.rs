//! What of an event is written down, and what never is.
//!
//! Query strings are not logged at all, nor are those of referrers: forms send passwords, tokens and
//! names in them. No header fields are logged beside `User-Agent` and `Referer`. Parts of a path that
//! look like a secret are masked. Characters that a terminal would obey are written as their number.

use std::net::IpAddr;

use jiff::Timestamp;
use mamori_kernel::{Ban, BanCause};
use serde::{Deserialize, Serialize};

use crate::event::{Access, Intrusion, Outcome};
use crate::policy::WafMode;

/// One line of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Line {
    /// A request and its answer.
    Access(Box<AccessLine>),
    /// Something that was no request.
    Refused {
        /// When.
        at: Timestamp,
        /// Who was connected.
        peer: IpAddr,
        /// Name of the listener.
        listener: String,
        /// The id on the answer.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<String>,
        /// Why.
        refusal: String,
    },
    /// A watch saw too much of a client.
    Intrusion {
        /// When.
        at: Timestamp,
        /// The request that was one too many.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<String>,
        /// Who.
        client: IpAddr,
        /// Name of the watch.
        watch: String,
        /// The network that is kept out now.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        banned: Option<String>,
        /// Until when.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<Timestamp>,
    },
}

/// What the firewall said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It did not look.
    NotInspected,
    /// Nothing that would refuse the request.
    Passed,
    /// It would have refused, but only observes.
    WouldRefuse,
    /// It refused.
    Refused,
}

/// A request and its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessLine {
    /// When it arrived.
    pub at: Timestamp,
    /// Its id.
    pub id: String,
    /// Name of the listener.
    pub listener: String,
    /// Name of the site.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<String>,
    /// Who asked.
    pub client: IpAddr,
    /// The proxy between, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<IpAddr>,
    /// The method.
    pub method: String,
    /// The host asked for.
    pub host: String,
    /// The path, without anything that looks like a secret.
    pub path: String,
    /// The version of HTTP.
    pub version: String,
    /// Whether it came over TLS.
    pub tls: bool,
    /// `User-Agent`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    /// `Referer`, without its query.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub referrer: Option<String>,
    /// The status answered.
    pub status: u16,
    /// Bytes of the request body.
    pub bytes_in: u64,
    /// Bytes of the answer's body.
    pub bytes_out: u64,
    /// Whether the whole answer was sent.
    pub complete: bool,
    /// Microseconds from its arrival to its end.
    pub took_us: u64,
    /// Microseconds that the site took to begin its answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upstream_us: Option<u64>,
    /// The server that answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upstream: Option<String>,
    /// How it ended.
    pub outcome: String,
    /// What the firewall said.
    pub verdict: Verdict,
    /// The anomaly score.
    pub score: i64,
    /// The rules of the firewall that matched.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<u64>,
    /// The rate, network rule or watch that had a say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

impl AccessLine {
    /// Of a record, with the rules that matched.
    pub fn of(access: &Access, rules: Vec<u64>) -> Self {
        let verdict = match (access.waf, access.outcome) {
            (_, Outcome::Firewall) => Verdict::Refused,
            (_, _) if access.would_refuse => Verdict::WouldRefuse,
            (None | Some(WafMode::Off), _) => Verdict::NotInspected,
            _ => Verdict::Passed,
        };
        Self {
            at: access.at,
            id: access.id.to_string(),
            listener: access.listener.to_string(),
            site: access.site.as_deref().map(str::to_owned),
            client: access.client,
            peer: (access.peer != access.client).then_some(access.peer),
            method: clean(&access.method),
            host: clean(&access.host),
            path: clean(&without_secrets(&access.path)),
            version: access.version.to_owned(),
            tls: access.tls,
            user_agent: access.user_agent.as_deref().map(clean),
            referrer: access.referrer.as_deref().map(|text| clean(&bare(text))),
            status: access.status,
            bytes_in: access.bytes_in,
            bytes_out: access.bytes_out,
            complete: access.complete,
            took_us: micros(access.took),
            upstream_us: access.upstream_took.map(micros),
            upstream: access.upstream.as_deref().map(str::to_owned),
            outcome: access.outcome.to_string(),
            verdict,
            score: access.score,
            rules,
            by: access.by.as_deref().map(str::to_owned),
        }
    }
}

impl Line {
    pub(super) fn intrusion(intrusion: &Intrusion) -> Self {
        let ban: Option<&Ban> = intrusion.ban.as_ref();
        debug_assert!(ban.is_none_or(|ban| matches!(ban.cause, BanCause::Watch { .. })));
        Self::Intrusion {
            at: intrusion.at,
            id: intrusion.id.map(|id| id.to_string()),
            client: intrusion.client,
            watch: intrusion.watch.to_string(),
            banned: ban.map(|ban| ban.network.to_string()),
            until: ban.and_then(|ban| ban.until),
        }
    }

    /// When it happened.
    pub fn at(&self) -> Timestamp {
        match self {
            Self::Access(line) => line.at,
            Self::Refused { at, .. } | Self::Intrusion { at, .. } => *at,
        }
    }
}

fn micros(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// What a terminal or a reader of lines would obey: control characters, and those that turn the
/// direction of writing.
fn is_obeyed(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// Text that is safe to print.
pub(super) fn clean(text: &str) -> String {
    if !text.contains(is_obeyed) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len() + 8);
    for letter in text.chars() {
        if is_obeyed(letter) {
            out.extend(letter.escape_unicode());
        } else {
            out.push(letter);
        }
    }
    out
}

/// An address without user, query and fragment.
fn bare(address: &str) -> String {
    let end = address.find(['?', '#']).unwrap_or(address.len());
    let address = &address[..end];
    let Some((scheme, rest)) = address.split_once("://") else {
        return without_secrets(address);
    };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = authority.rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{host}{}", without_secrets(path))
}

/// What stands in place of a secret.
const MASK: &str = "***";

/// A path whose parts that look like secrets are masked.
fn without_secrets(path: &str) -> String {
    let parts: Vec<String> = path
        .split('/')
        .map(|part| {
            let (part, parameters) = match part.split_once(';') {
                Some((part, _)) => (part, true),
                None => (part, false),
            };
            let own = if looks_secret(part) { MASK } else { part };
            if parameters {
                format!("{own};{MASK}")
            } else {
                own.to_owned()
            }
        })
        .collect();
    parts.join("/")
}

/// Whether a part of a path looks like a key and not like a name: long runs of letters and digits
/// mixed as nobody names a page, and tokens and numbers of the usual kinds. File names keep their
/// look, for what follows a dot is short.
fn looks_secret(part: &str) -> bool {
    /// Runs of this length with digits in them are no words.
    const RUN: usize = 20;
    let token = part.starts_with("eyJ") && part.matches('.').count() == 2;
    let hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let groups: Vec<usize> = part.split('-').map(str::len).collect();
    let uuid = groups == [8, 4, 4, 4, 12] && hex(&part.replace('-', ""));
    let file = part
        .rsplit_once('.')
        .is_some_and(|(_, end)| (1..=5).contains(&end.len()));
    let run = |text: &str| {
        text.len() >= RUN
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
            && text.bytes().any(|byte| byte.is_ascii_digit())
            && text.bytes().any(|byte| byte.is_ascii_alphabetic())
    };
    token || uuid || (!file && part.split(['-', '_', '.', '=', '~']).any(run))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn secrets_in_paths_are_masked_and_names_are_not() {
        for (path, logged) in [
            ("/", "/"),
            (
                "/kurashi/gomi/2026-10-no-oshirase-desu/",
                "/kurashi/gomi/2026-10-no-oshirase-desu/",
            ),
            (
                "/%E3%81%94%E3%81%BF%E5%8F%8E%E9%9B%86/",
                "/%E3%81%94%E3%81%BF%E5%8F%8E%E9%9B%86/",
            ),
            ("/reset/4f9c1b22d3aa4e5f8b7c6d5e4f3a2b1c", "/reset/***"),
            ("/a/0f8fad5b-d9cb-469f-a165-70867728950e/b", "/a/***/b"),
            ("/t/eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "/t/***"),
            ("/app;jsessionid=12AB/x", "/app;***/x"),
            (
                "/assets/4f9c1b22d3aa4e5f8b7c6d5e4f3a2b1c.css",
                "/assets/4f9c1b22d3aa4e5f8b7c6d5e4f3a2b1c.css",
            ),
        ] {
            assert_eq!(without_secrets(path), logged);
        }
        assert_eq!(
            bare("https://user:word@www.example.jp/find?q=name#part"),
            "https://www.example.jp/find"
        );
        assert_eq!(bare("https://www.example.jp"), "https://www.example.jp");
    }

    #[test]
    fn what_a_terminal_obeys_is_written_as_its_number() {
        assert_eq!(
            clean("a\u{1b}[2J\n\u{9b}\u{202e}b"),
            "a\\u{1b}[2J\\u{a}\\u{9b}\\u{202e}b"
        );
        assert_eq!(clean("市役所"), "市役所");
    }

    proptest! {
        #[test]
        fn no_text_is_obeyed_or_panics(text in any::<String>()) {
            prop_assert!(!clean(&bare(&text)).contains(is_obeyed));
        }
    }
}
