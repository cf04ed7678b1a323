//! Fields that responses get and lose.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, header};

use super::PolicyError;

/// Strict transport security (RFC 6797).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hsts {
    /// How long browsers remember it.
    pub max_age: Duration,
    /// Whether it holds for all names below.
    pub subdomains: bool,
}

/// What is done with fields of responses.
#[derive(Debug, Clone)]
pub struct HeaderPolicy {
    remove: Vec<HeaderName>,
    set: Vec<(HeaderName, HeaderValue)>,
    add: Vec<(HeaderName, HeaderValue)>,
}

impl Default for HeaderPolicy {
    /// Says nothing about the software behind, and lets browsers be careful where the site itself
    /// does not say how.
    fn default() -> Self {
        Self {
            remove: vec![
                header::SERVER,
                HeaderName::from_static("x-powered-by"),
                HeaderName::from_static("x-runtime"),
            ],
            set: Vec::new(),
            add: vec![
                (
                    header::X_CONTENT_TYPE_OPTIONS,
                    HeaderValue::from_static("nosniff"),
                ),
                (
                    header::X_FRAME_OPTIONS,
                    HeaderValue::from_static("SAMEORIGIN"),
                ),
                (
                    header::REFERRER_POLICY,
                    HeaderValue::from_static("strict-origin-when-cross-origin"),
                ),
            ],
        }
    }
}

impl HeaderPolicy {
    /// Fields to take away, to set whatever the site says, and to add where it says nothing.
    pub fn new(
        remove: &[&str],
        set: &[(&str, &str)],
        add: &[(&str, &str)],
    ) -> Result<Self, PolicyError> {
        let pairs = |list: &[(&str, &str)]| {
            list.iter()
                .map(|(field, value)| {
                    let value =
                        HeaderValue::from_str(value).map_err(|_| PolicyError::HeaderValue {
                            field: (*field).to_owned(),
                        })?;
                    Ok((name(field)?, value))
                })
                .collect::<Result<Vec<_>, PolicyError>>()
        };
        Ok(Self {
            remove: remove
                .iter()
                .map(|field| name(field))
                .collect::<Result<_, _>>()?,
            set: pairs(set)?,
            add: pairs(add)?,
        })
    }

    /// Nothing is changed.
    pub fn none() -> Self {
        Self {
            remove: Vec::new(),
            set: Vec::new(),
            add: Vec::new(),
        }
    }

    pub(crate) fn apply(&self, headers: &mut HeaderMap) {
        for field in &self.remove {
            headers.remove(field);
        }
        for (field, value) in &self.set {
            headers.insert(field.clone(), value.clone());
        }
        for (field, value) in &self.add {
            if !headers.contains_key(field) {
                headers.insert(field.clone(), value.clone());
            }
        }
    }
}

fn name(field: &str) -> Result<HeaderName, PolicyError> {
    let framing = [
        header::CONNECTION,
        header::CONTENT_LENGTH,
        header::TRANSFER_ENCODING,
        header::UPGRADE,
        header::TRAILER,
    ];
    HeaderName::from_bytes(field.as_bytes())
        .ok()
        .filter(|name| !framing.contains(name))
        .ok_or_else(|| PolicyError::HeaderName {
            field: field.to_owned(),
        })
}

impl Hsts {
    pub(crate) fn value(self) -> String {
        let below = if self.subdomains {
            "; includeSubDomains"
        } else {
            ""
        };
        format!("max-age={}{below}", self.max_age.as_secs())
    }
}
