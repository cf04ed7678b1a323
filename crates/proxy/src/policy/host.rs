//! Names that a site is asked for by.

use crate::framing::Authority;

/// A name, or a family of names.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Host {
    /// Exactly this name, in lower case.
    Exact(String),
    /// Every name below this one: `*.example.jp`.
    Below(String),
    /// Every name that no other site has.
    Any,
}

impl Host {
    /// Reads `www.example.jp`, `*.example.jp` or `*`. A name in Japanese is written in its ASCII
    /// form (`xn--…`), as browsers send it.
    pub fn parse(text: &str) -> Option<Self> {
        if text == "*" {
            return Some(Self::Any);
        }
        let name = text.strip_prefix("*.").unwrap_or(text);
        let authority = Authority::parse(name.as_bytes())?;
        if authority.port.is_some() || name.ends_with(':') {
            return None;
        }
        Some(if name.len() < text.len() {
            Self::Below(authority.host)
        } else {
            Self::Exact(authority.host)
        })
    }
}

impl std::fmt::Display for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exact(name) => f.write_str(name),
            Self::Below(name) => write!(f, "*.{name}"),
            Self::Any => f.write_str("*"),
        }
    }
}
