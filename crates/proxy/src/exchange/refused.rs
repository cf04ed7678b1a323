//! Answers that the gateway gives itself.

// Boxed where it is made: as the error of every step it would make the good results large.
#![allow(clippy::unnecessary_box_returns)]

use http::header::{ALLOW, CONNECTION, LOCATION};
use http::{HeaderValue, Response, StatusCode};
use mamori_waf::Decision;

use super::forwarded::X_REQUEST_ID;
use crate::body::{Answer, BodyFault};
use crate::event::{Outcome, Refusal, RequestId, UpstreamTrouble};
use crate::framing::Fault;
use crate::inspect::Stop;
use crate::pages::{self, Page};
use crate::policy::{Pages, Site};

/// Why the site does not answer, and what is said instead.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) status: StatusCode,
    pub(crate) page: Page,
    pub(crate) outcome: Outcome,
    pub(crate) retry_after: Option<u64>,
    pub(crate) location: Option<Vec<u8>>,
    /// An own page of the site.
    pub(crate) text: Option<std::sync::Arc<str>>,
    /// Nothing more is read from this connection.
    pub(crate) close: bool,
}

impl Refused {
    fn new(status: StatusCode, page: Page, outcome: Outcome) -> Box<Self> {
        Box::new(Self {
            status,
            page,
            outcome,
            retry_after: None,
            location: None,
            text: None,
            close: false,
        })
    }

    pub(crate) fn refusal(refusal: Refusal) -> Box<Self> {
        let status = match refusal {
            Refusal::Framing(fault) => {
                StatusCode::from_u16(fault.status()).unwrap_or(StatusCode::BAD_REQUEST)
            }
            Refusal::UnknownHost | Refusal::Misdirected => StatusCode::MISDIRECTED_REQUEST,
            Refusal::Method => StatusCode::METHOD_NOT_ALLOWED,
            Refusal::Expectation => StatusCode::EXPECTATION_FAILED,
            Refusal::Blocked | Refusal::Banned | Refusal::Network => StatusCode::FORBIDDEN,
            Refusal::TooManyRequests => StatusCode::TOO_MANY_REQUESTS,
            Refusal::BodyTooLarge | Refusal::Bomb => StatusCode::PAYLOAD_TOO_LARGE,
            Refusal::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Refusal::Encoding => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Refusal::BodyBroken | Refusal::Tls => StatusCode::BAD_REQUEST,
            Refusal::TooManyConnections | Refusal::TooManyOfClient | Refusal::NotInspected => {
                StatusCode::SERVICE_UNAVAILABLE
            }
        };
        let page = match refusal {
            Refusal::NotInspected => Page::Unavailable,
            Refusal::Blocked => Page::Blocked,
            Refusal::Banned | Refusal::TooManyRequests => Page::Limited,
            _ => Page::Refused,
        };
        let mut refused = Self::new(status, page, Outcome::Refused(refusal));
        refused.close = matches!(
            refusal,
            Refusal::Framing(_)
                | Refusal::BodyTooLarge
                | Refusal::Bomb
                | Refusal::TooSlow
                | Refusal::BodyBroken
        );
        if refusal == Refusal::NotInspected {
            refused.retry_after = Some(5);
        }
        refused
    }

    /// When to come again, in seconds.
    pub(crate) fn again(mut self: Box<Self>, seconds: Option<u64>) -> Box<Self> {
        self.retry_after = seconds.or(self.retry_after);
        self
    }

    /// The body of the request failed; `framing`: the scanner found why.
    pub(crate) fn body(fault: BodyFault, framing: Option<Fault>) -> Box<Self> {
        Self::refusal(match fault {
            BodyFault::TooLarge => Refusal::BodyTooLarge,
            BodyFault::TooSlow => Refusal::TooSlow,
            BodyFault::Broken | BodyFault::Stopped => {
                framing.map_or(Refusal::BodyBroken, Refusal::Framing)
            }
        })
    }

    pub(crate) fn stop(stop: Stop) -> Box<Self> {
        Self::refusal(match stop {
            Stop::Encoding => Refusal::Encoding,
            Stop::Bomb => Refusal::Bomb,
        })
    }

    /// What the firewall decided; never a decision to pass.
    pub(crate) fn firewall(decision: &Decision) -> Box<Self> {
        let mut refused = Self::new(StatusCode::FORBIDDEN, Page::Blocked, Outcome::Firewall);
        match decision {
            Decision::Refuse { status, .. } => {
                refused.status = StatusCode::from_u16(*status)
                    .ok()
                    .filter(|status| status.is_client_error() || status.is_server_error())
                    .unwrap_or(StatusCode::FORBIDDEN);
            }
            Decision::Redirect { status, to, .. } => {
                refused.status = StatusCode::from_u16(*status)
                    .ok()
                    .filter(StatusCode::is_redirection)
                    .unwrap_or(StatusCode::FOUND);
                refused.location = Some(to.clone());
            }
            Decision::Drop { .. } => refused.close = true,
            Decision::Pass => {}
        }
        refused
    }

    pub(crate) fn upstream(trouble: UpstreamTrouble) -> Box<Self> {
        let status = match trouble {
            UpstreamTrouble::Down | UpstreamTrouble::Busy => StatusCode::SERVICE_UNAVAILABLE,
            UpstreamTrouble::Connect | UpstreamTrouble::Broken => StatusCode::BAD_GATEWAY,
            UpstreamTrouble::TimedOut => StatusCode::GATEWAY_TIMEOUT,
        };
        let mut refused = Self::new(status, Page::Unavailable, Outcome::Upstream(trouble));
        refused.retry_after = Some(30);
        refused
    }

    pub(crate) fn to_https(location: String) -> Box<Self> {
        let mut refused = Self::new(
            StatusCode::PERMANENT_REDIRECT,
            Page::Refused,
            Outcome::ToHttps,
        );
        refused.location = Some(location.into_bytes());
        refused
    }

    pub(crate) fn closed(text: Option<std::sync::Arc<str>>, retry_after: u64) -> Box<Self> {
        let mut refused = Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            Page::Maintenance,
            Outcome::Maintenance,
        );
        refused.text = text;
        refused.retry_after = Some(retry_after);
        refused
    }

    /// The answer itself. `site`: the one that was asked for, and whether over TLS.
    pub(crate) fn into_response(
        self,
        pages: &Pages,
        site: Option<(&Site, bool)>,
        id: RequestId,
    ) -> Response<Answer> {
        let location = self
            .location
            .as_deref()
            .and_then(|to| HeaderValue::from_bytes(to).ok());
        let body = if location.is_some() {
            String::new()
        } else {
            let template = self.text.as_deref().unwrap_or_else(|| self.page.of(pages));
            pages::text(template, self.status, id)
        };
        let mut response = Response::new(Answer::whole(body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        if let Some((site, secure)) = site {
            site.tell(headers, secure);
        }
        if let Some(location) = location {
            headers.insert(LOCATION, location);
        } else {
            pages::headers(headers, self.retry_after);
        }
        if self.status == StatusCode::METHOD_NOT_ALLOWED {
            headers.insert(
                ALLOW,
                HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"),
            );
        }
        if self.close {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        if let Ok(id) = HeaderValue::try_from(id.to_string()) {
            headers.insert(X_REQUEST_ID, id);
        }
        response
    }
}
