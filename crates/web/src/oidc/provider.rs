//! The provider: what it says of itself, its keys, and what it answers to a code.
//!
//! What it says of itself is asked once an hour; while it does not answer, what it said within the
//! last day holds. Keys are asked again when a token names one that is not there, at most once a
//! minute.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::jwk::Jwk;
use mamori_runtime::outgoing::{self, Question};
use mamori_runtime::{App, Secret};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use tokio::sync::Mutex;

use super::attempt::Begun;
use super::{OidcError, redirect_address, settings};
use crate::components::percent_encoded;

const FRESH: SignedDuration = SignedDuration::from_hours(1);
const USABLE: SignedDuration = SignedDuration::from_hours(24);
const KEYS_AGAIN: SignedDuration = SignedDuration::from_mins(1);
/// After a failure nobody waits for another one.
const PAUSE: SignedDuration = SignedDuration::from_secs(10);

/// What the provider says of itself (OpenID Connect Discovery 1.0, RFC 9207).
#[derive(Debug, Clone, Deserialize)]
struct Metadata {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    userinfo_endpoint: Option<String>,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

/// What is known of the provider.
#[derive(Debug)]
pub(super) struct Known {
    metadata: Metadata,
    pub(super) keys: Vec<Jwk>,
    at: Timestamp,
    keys_at: Timestamp,
}

#[derive(Default)]
struct Cache(Mutex<Cached>);

#[derive(Default)]
struct Cached {
    known: Option<Arc<Known>>,
    failed_at: Option<Timestamp>,
}

/// The provider as it is known; asks it when that is too old.
pub(super) async fn known(app: &App) -> Result<Arc<Known>, OidcError> {
    // That there is none to ask is no failure of a provider.
    settings(app)?;
    let cache = app.slot_or_default::<Cache>();
    // Held while asking: many people at once ask once.
    let mut cached = cache.0.lock().await;
    let now = app.now();
    let age = |at: Timestamp| now.duration_since(at);
    if let Some(known) = cached.known.as_ref().filter(|known| age(known.at) < FRESH) {
        return Ok(Arc::clone(known));
    }
    let old = cached
        .known
        .as_ref()
        .filter(|known| age(known.at) < USABLE)
        .map(Arc::clone);
    if cached.failed_at.is_some_and(|at| age(at) < PAUSE) {
        return old.ok_or_else(|| OidcError::Unreachable("it did not just now".to_owned()));
    }
    match ask(app).await {
        Ok(known) => {
            let known = Arc::new(known);
            *cached = Cached {
                known: Some(Arc::clone(&known)),
                failed_at: None,
            };
            Ok(known)
        }
        Err(error) => {
            cached.failed_at = Some(now);
            tracing::warn!(%error, "the identity provider cannot be used");
            old.ok_or(error)
        }
    }
}

/// The provider with keys that are not older than a minute.
pub(super) async fn with_new_keys(app: &App) -> Result<Arc<Known>, OidcError> {
    let known = known(app).await?;
    let cache = app.slot_or_default::<Cache>();
    let mut cached = cache.0.lock().await;
    let now = app.now();
    let known = cached.known.as_ref().map_or(known, Arc::clone);
    if now.duration_since(known.keys_at) < KEYS_AGAIN {
        return Ok(known);
    }
    let again = Arc::new(Known {
        metadata: known.metadata.clone(),
        keys: keys(&known.metadata.jwks_uri).await?,
        at: known.at,
        keys_at: now,
    });
    cached.known = Some(Arc::clone(&again));
    Ok(again)
}

async fn ask(app: &App) -> Result<Known, OidcError> {
    let issuer = &settings(app)?.issuer;
    let base = issuer.trim_end_matches('/');
    let address = format!("{base}/.well-known/openid-configuration");
    let metadata: Metadata = json(Question::get(address)).await?;
    if metadata.issuer != *issuer {
        return Err(OidcError::Misfit(format!(
            "it calls itself {}, the configuration {issuer}",
            metadata.issuer
        )));
    }
    let keys = keys(&metadata.jwks_uri).await?;
    let now = app.now();
    Ok(Known {
        metadata,
        keys,
        at: now,
        keys_at: now,
    })
}

async fn keys(address: &str) -> Result<Vec<Jwk>, OidcError> {
    #[derive(Deserialize)]
    struct Set {
        keys: Vec<Value>,
    }
    let set: Set = json(Question::get(address)).await?;
    // Kinds of key that we do not know are none of ours.
    Ok(set
        .keys
        .into_iter()
        .filter_map(|key| serde_json::from_value(key).ok())
        .collect())
}

async fn json<T: DeserializeOwned>(question: Question) -> Result<T, OidcError> {
    let url = question.url.clone();
    let answer = outgoing::ask(question)
        .await
        .map_err(|error| OidcError::Unreachable(error.to_string()))?;
    if answer.status != 200 {
        let text = format!("{url} answered {}", answer.status);
        return Err(if answer.status >= 500 {
            OidcError::Unreachable(text)
        } else {
            OidcError::Misfit(text)
        });
    }
    serde_json::from_slice(&answer.body)
        .map_err(|error| OidcError::Misfit(format!("{url}: {error}")))
}

impl Known {
    /// Where a person is sent. With `again` the provider asks them even if they are signed in there.
    pub(super) fn address(
        &self,
        app: &App,
        begun: &Begun,
        again: bool,
    ) -> Result<String, OidcError> {
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(begun.verifier.expose()));
        let redirect = redirect_address(app)?;
        let mut parameters = vec![
            ("response_type", "code"),
            ("client_id", settings(app)?.client_id.as_str()),
            ("redirect_uri", redirect.as_str()),
            ("scope", "openid email"),
            ("state", begun.state.expose()),
            ("nonce", begun.nonce.as_str()),
            ("code_challenge", challenge.as_str()),
            ("code_challenge_method", "S256"),
        ];
        if again {
            parameters.extend([("prompt", "login"), ("max_age", "0")]);
        }
        let endpoint = &self.metadata.authorization_endpoint;
        let mut address = endpoint.clone();
        let mut sign = if endpoint.contains('?') { '&' } else { '?' };
        for (name, value) in parameters {
            address.push(sign);
            address.push_str(name);
            address.push('=');
            address.push_str(&percent_encoded(value));
            sign = '&';
        }
        Ok(address)
    }

    /// Whether an answer names its issuer as it must (RFC 9207): who sends another provider's code
    /// here is told from ours.
    pub(super) fn is_from_us(&self, iss: Option<&str>) -> bool {
        match iss {
            Some(iss) => iss == self.metadata.issuer,
            None => !self.metadata.authorization_response_iss_parameter_supported,
        }
    }

    /// What the provider gives for a code.
    pub(super) async fn exchange(
        &self,
        app: &App,
        code: &str,
        verifier: &str,
    ) -> Result<Tokens, OidcError> {
        let oidc = settings(app)?;
        let mut form = vec![
            ("grant_type".to_owned(), Secret::new("authorization_code")),
            ("code".to_owned(), Secret::new(code)),
            (
                "redirect_uri".to_owned(),
                Secret::new(redirect_address(app)?),
            ),
            ("code_verifier".to_owned(), Secret::new(verifier)),
        ];
        let methods = self.metadata.token_endpoint_auth_methods_supported.as_ref();
        let in_form = methods.is_some_and(|list| {
            let offers = |name: &str| list.iter().any(|one| one == name);
            offers("client_secret_post") && !offers("client_secret_basic")
        });
        let authorization = if in_form {
            form.push(("client_id".to_owned(), Secret::new(&oidc.client_id)));
            form.push(("client_secret".to_owned(), oidc.client_secret.clone()));
            None
        } else {
            let pair = format!(
                "{}:{}",
                percent_encoded(&oidc.client_id),
                percent_encoded(oidc.client_secret.expose())
            );
            Some(Secret::new(format!("Basic {}", STANDARD.encode(pair))))
        };
        let question = Question {
            url: self.metadata.token_endpoint.clone(),
            form: Some(form),
            authorization,
        };
        let answer = outgoing::ask(question)
            .await
            .map_err(|error| OidcError::Unreachable(error.to_string()))?;
        match answer.status {
            200 => serde_json::from_slice(&answer.body)
                .map_err(|error| OidcError::Misfit(format!("the token endpoint: {error}"))),
            // A code that is used, late or not ours; or a wrong client.
            400 | 401 | 403 => Err(refusal(&answer.body)),
            other => Err(OidcError::Unreachable(format!(
                "the token endpoint answered {other}"
            ))),
        }
    }

    /// What the provider says of the person beyond the token.
    pub(super) async fn about(
        &self,
        access_token: &str,
        subject: &str,
    ) -> Result<Map<String, Value>, OidcError> {
        let Some(endpoint) = &self.metadata.userinfo_endpoint else {
            return Ok(Map::new());
        };
        let said: Map<String, Value> = json(Question {
            authorization: Some(Secret::new(format!("Bearer {access_token}"))),
            ..Question::get(endpoint)
        })
        .await?;
        if said.get("sub").and_then(Value::as_str) != Some(subject) {
            return Err(OidcError::NotProved("userinfo is about another".to_owned()));
        }
        Ok(said)
    }
}

fn refusal(body: &[u8]) -> OidcError {
    #[derive(Deserialize)]
    struct Refusal {
        error: String,
    }
    match serde_json::from_slice::<Refusal>(body) {
        Ok(refusal) if refusal.error == "invalid_grant" => {
            OidcError::NotProved("the code was not accepted".to_owned())
        }
        Ok(refusal) => OidcError::Misfit(format!("the token endpoint: {}", refusal.error)),
        Err(_) => OidcError::Misfit("the token endpoint refused".to_owned()),
    }
}

/// What comes for a code.
#[derive(Deserialize)]
pub(super) struct Tokens {
    pub(super) id_token: String,
    pub(super) access_token: String,
}
