//! One question to another server: [`ask`] for what the console must know before it can answer, such
//! as the keys of an identity provider; [`exchange`] for a protocol on top of HTTP that a library
//! speaks.
//!
//! TLS unless the server is this machine, no redirects (a secret goes where it was meant to go or
//! nowhere), a short wait and a small answer.

use std::time::Duration;

use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};

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

/// A request as some library wants it sent.
#[derive(Debug, Clone, Default)]
pub struct Sent {
    /// `GET`, `HEAD`, `POST`.
    pub method: String,
    /// Address.
    pub url: String,
    /// Header fields.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Vec<u8>,
    /// Authorities (PEM) that the server's certificate has to come from; empty: the publicly known
    /// ones.
    pub authorities: Vec<u8>,
}

/// What came back, with its header fields.
#[derive(Debug, Clone, Default)]
pub struct Returned {
    /// Status.
    pub status: u16,
    /// Header fields, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Vec<u8>,
}

/// How long the other side may think: a certificate authority signs in that time.
const LONG: Duration = Duration::from_mins(1);

/// Sends a request; statuses of failure are answers too.
pub async fn exchange(sent: Sent) -> Result<Returned, NoAnswer> {
    let url = sent.url.clone();
    let failed = |detail: String| NoAnswer { url, detail };
    if let Err(why) = http_url(&sent.url) {
        return Err(failed(why));
    }
    match tokio::task::spawn_blocking(move || exchanged(sent)).await {
        Ok(Ok(returned)) => Ok(returned),
        Ok(Err(error)) => Err(failed(error.to_string())),
        Err(error) => Err(failed(error.to_string())),
    }
}

fn exchanged(sent: Sent) -> Result<Returned, ureq::Error> {
    let mut tls = TlsConfig::builder();
    if !sent.authorities.is_empty() {
        let roots: Vec<_> = parse_pem(&sent.authorities)
            .filter_map(|item| match item {
                Ok(PemItem::Certificate(root)) => Some(root),
                _ => None,
            })
            .collect();
        tls = tls.root_certs(RootCerts::new_with_certs(&roots));
    }
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(LONG))
        .max_redirects(0)
        .max_redirects_will_error(false)
        .http_status_as_error(false)
        .tls_config(tls.build())
        .build()
        .into();
    let mut request = ureq::http::Request::builder()
        .method(sent.method.as_str())
        .uri(&sent.url);
    for (name, value) in &sent.headers {
        request = request.header(name, value);
    }
    let mut response = agent.run(request.body(sent.body)?)?;
    let headers = response
        .headers()
        .iter()
        .filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())))
        .collect();
    let body = response
        .body_mut()
        .with_config()
        .limit(MOST_BYTES)
        .read_to_vec()?;
    Ok(Returned {
        status: response.status().as_u16(),
        headers,
        body,
    })
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
