//! Webhooks: a signed POST of JSON.
//!
//! `X-Mamori-Signature: sha256=HEX` is HMAC-SHA256 (RFC 2104) over `TIMESTAMP.BODY` with the
//! webhook's secret; `X-Mamori-Timestamp` holds the seconds since 1970, so that a receiver can
//! refuse old messages. Redirects are not followed: a signed message goes where the configuration
//! says or nowhere.

use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use serde_json::json;
use sha2::Sha256;

use super::{WebhookMessage, count};
use crate::config::Webhook;
use crate::job::{JobContext, JobError};

/// Header that carries the signature.
pub const SIGNATURE_HEADER: &str = "X-Mamori-Signature";
/// Header that carries the time of sending.
pub const TIMESTAMP_HEADER: &str = "X-Mamori-Timestamp";

const TIMEOUT: Duration = Duration::from_secs(10);

/// The value of [`SIGNATURE_HEADER`] for a body sent at `timestamp` (seconds since 1970).
pub fn signature(secret: &str, timestamp: i64, body: &str) -> String {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes a key of any length");
    mac.update(format!("{timestamp}.{body}").as_bytes());
    format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
}

pub(super) async fn deliver(context: JobContext) -> Result<(), JobError> {
    let message: WebhookMessage = context.payload()?;
    let webhook = context
        .app
        .config
        .webhooks
        .iter()
        .find(|webhook| webhook.name == message.webhook)
        .cloned()
        .ok_or_else(|| {
            JobError::Permanent(format!("webhook {} is not configured", message.webhook))
        })?;
    let timestamp = context.app.now().as_second();
    let body = json!({
        "id": context.id,
        "at": context.app.now().to_string(),
        "event": message.event,
        "data": message.data,
    })
    .to_string();
    let status = tokio::task::spawn_blocking(move || post(&webhook, timestamp, &body)).await??;
    match status {
        200..=299 => {
            count("webhook", "sent");
            Ok(())
        }
        400 | 401 | 403 | 404 | 405 | 410 | 413 | 415 | 422 => {
            count("webhook", "failed");
            Err(JobError::Permanent(format!(
                "webhook {} answered {status}",
                message.webhook
            )))
        }
        _ => {
            count("webhook", "failed");
            Err(format!("webhook {} answered {status}", message.webhook).into())
        }
    }
}

fn post(webhook: &Webhook, timestamp: i64, body: &str) -> Result<u16, ureq::Error> {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(TIMEOUT))
        .max_redirects(0)
        .max_redirects_will_error(false)
        .http_status_as_error(false)
        .build()
        .into();
    let response = agent
        .post(&webhook.url)
        .header("Content-Type", "application/json")
        .header(TIMESTAMP_HEADER, timestamp.to_string())
        .header(
            SIGNATURE_HEADER,
            signature(webhook.secret.expose(), timestamp, body),
        )
        .send(body)?;
    Ok(response.status().as_u16())
}
