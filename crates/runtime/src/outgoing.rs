//! One question to another server: for what the console must know before it can answer, such as
//! the keys of an identity provider.
//!
//! TLS unless the server is this machine, no redirects (a secret goes where it was meant to go or
//! nowhere), a short wait and a small answer.

use std::time::Duration;

use crate::config::{Secret, http_url};

const TIMEOUT: Duration = Duration::from_secs(10);
/// Largest answer that is read.
const MOST_BYTES: u64 = 1024 * 1024;

/// A question.
#[derive(Debug, Clone)]
pub struct Question {
    /// Address.
    pub url: String,
    /// A form to post; none: `GET`.
    pub form: Option<Vec<(String, Secret)>>,
    /// The `Authorization` header.
    pub authorization: Option<Secret>,
}

impl Question {
    /// `GET url`.
    pub fn get(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            form: None,
            authorization: None,
        }
    }
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Status.
    pub status: u16,
    /// Body.
    pub body: Vec<u8>,
}

/// Nothing usable came back.
#[derive(Debug, thiserror::Error)]
#[error("{url}: {detail}")]
pub struct NoAnswer {
    /// Address.
    pub url: String,
    /// Why.
    pub detail: String,
}

/// Asks; statuses of failure are answers too.
pub async fn ask(question: Question) -> Result<Answer, NoAnswer> {
    let url = question.url.clone();
    let failed = |detail: String| NoAnswer { url, detail };
    if let Err(why) = http_url(&question.url) {
        return Err(failed(why));
    }
    match tokio::task::spawn_blocking(move || asked(&question)).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(failed(error.to_string())),
        Err(error) => Err(failed(error.to_string())),
    }
}

fn asked(question: &Question) -> Result<Answer, ureq::Error> {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(TIMEOUT))
        .max_redirects(0)
        .max_redirects_will_error(false)
        .http_status_as_error(false)
        .build()
        .into();
    let authorization = question.authorization.as_ref().map(Secret::expose);
    let mut response = match &question.form {
        None => {
            let mut request = agent
                .get(&question.url)
                .header("Accept", "application/json");
            if let Some(value) = authorization {
                request = request.header("Authorization", value);
            }
            request.call()?
        }
        Some(form) => {
            let mut request = agent
                .post(&question.url)
                .header("Accept", "application/json");
            if let Some(value) = authorization {
                request = request.header("Authorization", value);
            }
            request.send_form(
                form.iter()
                    .map(|(name, value)| (name.as_str(), value.expose())),
            )?
        }
    };
    let body = response
        .body_mut()
        .with_config()
        .limit(MOST_BYTES)
        .read_to_vec()?;
    Ok(Answer {
        status: response.status().as_u16(),
        body,
    })
}
