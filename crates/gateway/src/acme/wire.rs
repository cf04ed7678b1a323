//! How the authority is spoken to: through `runtime`, like everything that goes out.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient};
use jiff::{SignedDuration, Timestamp};
use mamori_runtime::outgoing::{self, NoAnswer, Returned, Sent};

type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// The way to an authority.
pub trait Way: Send + Sync + 'static {
    /// Sends a request and gives the answer, whatever its status.
    fn send(&self, sent: Sent) -> Boxed<Result<Returned, NoAnswer>>;
}

/// Over the network.
#[derive(Debug, Clone, Copy)]
pub struct Network;

impl Way for Network {
    fn send(&self, sent: Sent) -> Boxed<Result<Returned, NoAnswer>> {
        Box::pin(outgoing::exchange(sent))
    }
}

/// What the library for ACME is given to speak with.
#[derive(Clone)]
pub struct Wire {
    way: Arc<dyn Way>,
    authorities: Arc<Vec<u8>>,
    patience: Arc<Patience>,
}

/// When the authority wants to be asked again, as the last refusal said.
#[derive(Debug, Default)]
pub struct Patience(Mutex<Option<String>>);

impl Patience {
    /// As an instant.
    pub fn until(&self, now: Timestamp) -> Option<Timestamp> {
        let said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        retry_after(said.as_deref()?, now)
    }
}

/// Seconds, or a date (RFC 9110, 10.2.3).
fn retry_after(text: &str, now: Timestamp) -> Option<Timestamp> {
    if let Ok(seconds) = text.parse::<u32>() {
        return now
            .checked_add(SignedDuration::from_secs(i64::from(seconds)))
            .ok();
    }
    jiff::fmt::rfc2822::parse(text)
        .ok()
        .map(|at| at.timestamp())
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wire").finish_non_exhaustive()
    }
}

impl Wire {
    /// A way, and the authorities (PEM) that its other end is believed by; none: the public ones.
    pub fn new(way: Arc<dyn Way>, authorities: Vec<u8>) -> Self {
        Self {
            way,
            authorities: Arc::new(authorities),
            patience: Arc::default(),
        }
    }

    /// What refusals said about the next time.
    pub fn patience(&self) -> &Patience {
        &self.patience
    }
}

impl HttpClient for Wire {
    fn request(
        &self,
        request: http::Request<BodyWrapper<Bytes>>,
    ) -> Boxed<Result<BytesResponse, Error>> {
        let wire = self.clone();
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let headers = parts.headers.iter().filter_map(|(name, value)| {
                Some((name.to_string(), value.to_str().ok()?.to_owned()))
            });
            let sent = Sent {
                method: parts.method.to_string(),
                url: parts.uri.to_string(),
                headers: headers.collect(),
                body: match body.collect().await {
                    Ok(body) => body.to_bytes().to_vec(),
                    Err(never) => match never {},
                },
                authorities: wire.authorities.as_ref().clone(),
            };
            let returned = wire.way.send(sent).await;
            let returned = returned.map_err(|error| Error::Other(Box::new(error)))?;
            wire.note(&returned);
            let mut response = http::Response::builder().status(returned.status);
            for (name, value) in &returned.headers {
                response = response.header(name, value);
            }
            // An error page of something in between is no problem document.
            let body = if returned.status >= 400 && !is_problem(&returned) {
                problem(returned.status).into_bytes()
            } else {
                returned.body
            };
            Ok(BytesResponse::from(
                response.body(Full::new(Bytes::from(body)))?,
            ))
        })
    }
}

impl Wire {
    fn note(&self, returned: &Returned) {
        let field = |(name, _): &&(String, String)| name.eq_ignore_ascii_case("retry-after");
        if returned.status >= 400
            && let Some((_, value)) = returned.headers.iter().find(field)
        {
            let mut said = self
                .patience
                .0
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            *said = Some(value.trim().to_owned());
        }
    }
}

fn is_problem(returned: &Returned) -> bool {
    serde_json::from_slice::<serde_json::Value>(&returned.body).is_ok_and(|body| body.is_object())
}

fn problem(status: u16) -> String {
    serde_json::json!({ "detail": format!("HTTP {status}"), "status": status }).to_string()
}

/// How often an order is looked at while the authority works on it.
pub const PATIENCE: instant_acme::RetryPolicy = instant_acme::RetryPolicy::new()
    .initial_delay(Duration::from_millis(500))
    .backoff(1.5)
    .timeout(Duration::from_mins(2));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_time_is_seconds_or_a_date() {
        let now: Timestamp = "2026-10-01T00:00:00Z".parse().expect("an instant");
        let later = |text: &str| retry_after(text, now).map(|at| at.to_string());
        assert_eq!(later("90").as_deref(), Some("2026-10-01T00:01:30Z"));
        assert_eq!(
            later("Fri, 02 Oct 2026 00:00:00 GMT").as_deref(),
            Some("2026-10-02T00:00:00Z")
        );
        assert_eq!(later("soon"), None);
    }
}
