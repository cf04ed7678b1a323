//! Whether a request comes in: its host, its site, its client, and what policy says to that.

use http::header::{CONTENT_LENGTH, EXPECT, HOST, REFERER, USER_AGENT};
use http::request::Parts;
use http::{Method, Version};

use super::Closing;
use super::forwarded::{self, Client};
use super::refused::Refused;
use crate::event::{Access, Refusal, cut};
use crate::framing::{Authority, Fault, Head};
use crate::ips::{self, Asked};
use crate::policy::{Policy, Serving};
use crate::server::Active;

/// Bytes of texts in records.
const PATH: usize = 2048;
const FIELD: usize = 512;

/// Where a certificate authority asks (RFC 8555, 8.3).
const CHALLENGE: &str = "/.well-known/acme-challenge/";

/// What is answered instead of the site.
pub(super) enum Instead {
    Refused(Box<Refused>),
    /// The proof for a certificate authority.
    Token(String),
}

impl From<Refusal> for Instead {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(Refused::refusal(refusal))
    }
}

/// The host that is asked for. HTTP/1.0 may leave it out.
pub(super) fn host(head: Option<&Head>, parts: &Parts) -> Result<Authority, Fault> {
    if let Some(head) = head {
        let none = || Authority {
            host: String::new(),
            port: None,
        };
        return Ok(head.host().cloned().unwrap_or_else(none));
    }
    let mut fields = parts.headers.get_all(HOST).iter();
    let field = match (fields.next(), fields.next()) {
        (_, Some(_)) => return Err(Fault::ManyHosts),
        (Some(field), None) => Some(Authority::parse(field.as_bytes()).ok_or(Fault::Host)?),
        (None, None) => None,
    };
    let pseudo = match parts.uri.authority() {
        Some(authority) => {
            Some(Authority::parse(authority.as_str().as_bytes()).ok_or(Fault::Host)?)
        }
        None => None,
    };
    match (pseudo, field) {
        (Some(pseudo), Some(field)) if !pseudo.same(&field, 443) => Err(Fault::HostMismatch),
        (Some(host), _) | (None, Some(host)) => Ok(host),
        (None, None) => Err(Fault::NoHost),
    }
}

/// Writes down what was asked for.
pub(super) fn describe(record: &mut Access, parts: &Parts, host: &Authority) {
    let field = |name| {
        parts
            .headers
            .get(name)
            .map(|value: &http::HeaderValue| cut(value.as_bytes(), FIELD))
    };
    parts.method.as_str().clone_into(&mut record.method);
    host.host.clone_into(&mut record.host);
    record.path = cut(parts.uri.path().as_bytes(), PATH);
    record.query = parts.uri.query().map(|query| cut(query.as_bytes(), PATH));
    record.version = match parts.version {
        Version::HTTP_2 => "HTTP/2.0",
        Version::HTTP_10 => "HTTP/1.0",
        _ => "HTTP/1.1",
    };
    record.user_agent = field(USER_AGENT);
    record.referrer = field(REFERER);
}

/// Lets a request in, or says what is answered instead.
pub(super) fn admit(
    closing: &mut Closing,
    active: &Active,
    parts: &Parts,
    host: &Authority,
) -> Result<(usize, Client), Instead> {
    let policy = &active.policy;
    let all = policy.parts();
    let conn = std::sync::Arc::clone(closing.conn());
    let client = forwarded::client(
        conn.peer_address(),
        conn.tls.is_some(),
        &parts.headers,
        &all.trusted_proxies,
        all.trusted_header,
    );
    closing.record().client = client.address;
    let Some(at) = policy.site_index(&host.host) else {
        return Err(Refusal::UnknownHost.into());
    };
    let site = &all.sites[at];
    closing.record().site = Some(std::sync::Arc::clone(&site.name));
    if let Some(token) = challenge(policy, parts) {
        return Err(Instead::Token(token));
    }
    if conn
        .tls
        .as_ref()
        .is_some_and(|name| policy.site_index(name) != Some(at))
    {
        return Err(Refusal::Misdirected.into());
    }
    if all.blocked.contains(client.address) && !all.allowed.contains(client.address) {
        return Err(Refusal::Blocked.into());
    }
    if !ips::is_exempt(all, client.address) {
        let asked = Asked {
            client: client.address,
            site: &site.name,
            method: &parts.method,
            path: parts.uri.path(),
        };
        let now = closing.record().at;
        match conn.shared.ips.admit(&all.ips, &active.ips, asked, now) {
            Ok(noted) => closing.record().by = noted,
            Err(kept) => {
                closing.record().by = Some(kept.by);
                // What a banned client does is not counted once more.
                if kept.refusal == Refusal::TooManyRequests {
                    closing.watching = ips::watching(&all.ips, &active.ips, asked);
                }
                let refused = Refused::refusal(kept.refusal).again(kept.wait);
                return Err(Instead::Refused(refused));
            }
        }
        closing.watching = ips::watching(&all.ips, &active.ips, asked);
    }
    if parts.method == Method::CONNECT || parts.method == Method::TRACE {
        return Err(Refusal::Method.into());
    }
    if policy.sends_to_https(at) && !client.secure {
        let rest = parts
            .uri
            .path_and_query()
            .map_or("/", http::uri::PathAndQuery::as_str);
        let rest = if rest.starts_with('/') { rest } else { "/" };
        let location = format!("https://{}{rest}", host.host);
        return Err(Instead::Refused(Refused::to_https(location)));
    }
    if let Serving::Closed {
        page,
        retry_after,
        except,
    } = &site.serving
        && !except.contains(client.address)
    {
        let refused = Refused::closed(page.clone(), retry_after.as_secs());
        return Err(Instead::Refused(refused));
    }
    if let Some(expect) = parts.headers.get(EXPECT)
        && !expect.as_bytes().eq_ignore_ascii_case(b"100-continue")
    {
        return Err(Refusal::Expectation.into());
    }
    let length = parts
        .headers
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.parse::<u64>().ok());
    if length.is_some_and(|length| length > site.body_limit) {
        return Err(Refusal::BodyTooLarge.into());
    }
    Ok((at, client))
}

fn challenge(policy: &Policy, parts: &Parts) -> Option<String> {
    let token = parts.uri.path().strip_prefix(CHALLENGE)?;
    policy.parts().challenges.http.get(token).cloned()
}
