//! Why no certificate came, in words that pages have a remedy for.

use std::fmt;

use instant_acme::{Error, Problem};
use jiff::Timestamp;

/// What went wrong. Pages say what it means and what to do: `gateway-trouble-{word}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The gateway does not answer the authority's question on its own listener.
    NotServing,
    /// The authority cannot be reached.
    Unreachable,
    /// The authority did not find what it asked for: the name leads elsewhere.
    Unproved,
    /// The name is not known, or its address cannot be found.
    Dns,
    /// The domain's CAA record does not allow this authority.
    Caa,
    /// The authority issues nothing for this name.
    Rejected,
    /// Too many orders.
    RateLimited,
    /// The account is not accepted, or the authority wants to know who we are first.
    Account,
    /// The authority is at fault or overloaded.
    Authority,
    /// It answered what makes no sense here.
    Answer,
    /// The certificate does not fit what was ordered.
    Misfit,
    /// Files cannot be written or read.
    Files,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::NotServing,
        Self::Unreachable,
        Self::Unproved,
        Self::Dns,
        Self::Caa,
        Self::Rejected,
        Self::RateLimited,
        Self::Account,
        Self::Authority,
        Self::Answer,
        Self::Misfit,
        Self::Files,
    ];

    /// One word; it does not change between versions.
    pub fn word(self) -> &'static str {
        match self {
            Self::NotServing => "not-serving",
            Self::Unreachable => "unreachable",
            Self::Unproved => "unproved",
            Self::Dns => "dns",
            Self::Caa => "caa",
            Self::Rejected => "rejected",
            Self::RateLimited => "rate-limited",
            Self::Account => "account",
            Self::Authority => "authority",
            Self::Answer => "answer",
            Self::Misfit => "misfit",
            Self::Files => "files",
        }
    }
}

/// Why a try failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// What.
    pub kind: Kind,
    /// As it was said.
    pub detail: String,
    /// When the authority wants to be asked again.
    pub again: Option<Timestamp>,
}

impl Trouble {
    /// A trouble that was seen here.
    pub fn new(kind: Kind, detail: impl fmt::Display) -> Self {
        Self {
            kind,
            detail: detail.to_string(),
            again: None,
        }
    }

    /// The file of a key or certificate.
    pub fn file(path: &std::path::Path, error: &std::io::Error) -> Self {
        Self::new(Kind::Files, format!("{}: {error}", path.display()))
    }

    /// What an authority said, about this name where it is about one.
    pub fn said(problem: &Problem, host: Option<&str>) -> Self {
        let word = problem.r#type.as_deref().unwrap_or_default();
        let word = word.rsplit(':').next().unwrap_or_default();
        let kind = match word {
            "rateLimited" => Kind::RateLimited,
            "unauthorized" | "connection" | "tls" | "incorrectResponse" => Kind::Unproved,
            "dns" => Kind::Dns,
            "caa" => Kind::Caa,
            "rejectedIdentifier" | "unsupportedIdentifier" => Kind::Rejected,
            "accountDoesNotExist"
            | "externalAccountRequired"
            | "userActionRequired"
            | "invalidContact"
            | "unsupportedContact" => Kind::Account,
            "serverInternal" => Kind::Authority,
            _ if problem.status == Some(429) => Kind::RateLimited,
            _ if problem.status.is_some_and(|status| status >= 500) => Kind::Authority,
            _ => Kind::Answer,
        };
        let detail = problem.to_string();
        Self::new(
            kind,
            match host {
                Some(host) => format!("{host}: {detail}"),
                None => detail,
            },
        )
    }

    /// Whether the authority does not know the account that it was asked by.
    pub fn is_unknown_account(error: &Error) -> bool {
        matches!(error, Error::Api(problem)
            if problem.r#type.as_deref().is_some_and(|word| word.ends_with(":accountDoesNotExist")))
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        match error {
            Error::Api(problem) => Self::said(&problem, None),
            // What our own client gives when nothing came back.
            Error::Other(error) => Self::new(Kind::Unreachable, error),
            Error::Timeout(_) => Self::new(Kind::Authority, "no decision in time"),
            error => Self::new(Kind::Answer, error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(word: &str, status: u16) -> Problem {
        let text = format!(
            r#"{{"type":"urn:ietf:params:acme:error:{word}","detail":"d","status":{status}}}"#
        );
        serde_json::from_str(&text).expect("a problem")
    }

    #[test]
    fn what_an_authority_says_becomes_something_to_do() {
        for (word, status, kind) in [
            ("rateLimited", 429, Kind::RateLimited),
            ("unauthorized", 403, Kind::Unproved),
            ("connection", 400, Kind::Unproved),
            ("dns", 400, Kind::Dns),
            ("caa", 403, Kind::Caa),
            ("rejectedIdentifier", 400, Kind::Rejected),
            ("externalAccountRequired", 403, Kind::Account),
            ("serverInternal", 500, Kind::Authority),
            ("somethingNew", 503, Kind::Authority),
            ("somethingNew", 400, Kind::Answer),
        ] {
            assert_eq!(
                Trouble::said(&problem(word, status), None).kind,
                kind,
                "{word}"
            );
        }
        let said = Trouble::said(&problem("dns", 400), Some("www.example.jp"));
        assert!(said.detail.starts_with("www.example.jp: "), "{said:?}");
        let unknown = Error::Api(problem("accountDoesNotExist", 400));
        assert!(Trouble::is_unknown_account(&unknown));
        assert!(!Trouble::is_unknown_account(&Error::Crypto));
    }

    #[test]
    fn words_are_different() {
        let mut words: Vec<_> = Kind::ALL.iter().map(|kind| kind.word()).collect();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), Kind::ALL.len());
    }
}
