//! A provider on loopback whose answers a test bends as it likes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::routing::{get, post};
use axum::{Form, Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

pub const CLIENT: &str = "mamori";
pub const SECRET: &str = "a secret & more";
/// Where the console says it is.
pub const PUBLIC: &str = "http://localhost:8080";

/// How the provider signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signed {
    /// As it should.
    Properly,
    /// Not at all: `alg` is `none`.
    NotAtAll,
    /// With the public key as if it were a shared secret.
    WithThePublicKey,
    /// With a key that it does not publish, under the name of one that it does.
    ByAnother,
}

type Bend = Box<dyn Fn(&mut Value) + Send>;

struct Code {
    claims: Value,
    challenge: String,
}

/// What the provider knows.
pub struct Inner {
    key: EcdsaKeyPair,
    kid: String,
    pub issuer: String,
    codes: HashMap<String, Code>,
    pub signed: Signed,
    /// What changes in the next tokens.
    pub bend: Option<Bend>,
    /// What it says at userinfo.
    pub userinfo: Value,
    pub down: bool,
    pub asked_for_keys: usize,
}

fn new_key() -> EcdsaKeyPair {
    let random = SystemRandom::new();
    let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &random).expect("a key");
    EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref(), &random).expect("a key")
}

/// A provider; it answers until the test ends.
#[derive(Clone)]
pub struct Provider(Arc<Mutex<Inner>>);

impl Provider {
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0))
            .await
            .expect("a port");
        let issuer = format!("http://{}", listener.local_addr().expect("bound"));
        let provider = Self(Arc::new(Mutex::new(Inner {
            key: new_key(),
            kid: "first".to_owned(),
            issuer,
            codes: HashMap::new(),
            signed: Signed::Properly,
            bend: None,
            userinfo: json!({}),
            down: false,
            asked_for_keys: 0,
        })));
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(metadata))
            .route("/jwks", get(keys))
            .route("/token", post(token))
            .route("/userinfo", get(userinfo))
            .with_state(provider.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        provider
    }

    pub fn with(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().expect("no test panicked with it")
    }

    pub fn issuer(&self) -> String {
        self.with().issuer.clone()
    }

    /// Takes a new key, under a new name.
    pub fn turn_key(&self) {
        let mut inner = self.with();
        inner.key = new_key();
        inner.kid.push_str("-next");
    }

    /// Gives a code for somebody who was sent here.
    pub fn code(&self, claims: Value, challenge: &str) -> String {
        let code = hex::encode(rand::random::<[u8; 16]>());
        let challenge = challenge.to_owned();
        self.with()
            .codes
            .insert(code.clone(), Code { claims, challenge });
        code
    }
}

async fn metadata(State(provider): State<Provider>) -> Result<Json<Value>, StatusCode> {
    let inner = provider.with();
    if inner.down {
        return Err(StatusCode::BAD_GATEWAY);
    }
    let issuer = &inner.issuer;
    Ok(Json(json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize?tenant=1"),
        "token_endpoint": format!("{issuer}/token"),
        "jwks_uri": format!("{issuer}/jwks"),
        "userinfo_endpoint": format!("{issuer}/userinfo"),
        "authorization_response_iss_parameter_supported": true,
    })))
}

async fn keys(State(provider): State<Provider>) -> Json<Value> {
    let mut inner = provider.with();
    inner.asked_for_keys += 1;
    let point = inner.key.public_key().as_ref();
    let (x, y) = (&point[1..33], &point[33..]);
    Json(json!({ "keys": [
        { "kty": "something-new", "kid": "unknown" },
        {
            "kty": "EC", "crv": "P-256", "use": "sig", "kid": inner.kid,
            "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y),
        },
    ]}))
}

async fn token(
    State(provider): State<Provider>,
    headers: HeaderMap,
    Form(form): Form<HashMap<String, String>>,
) -> (StatusCode, Json<Value>) {
    let refused = |error: &str| (StatusCode::BAD_REQUEST, Json(json!({ "error": error })));
    let wanted = format!(
        "Basic {}",
        STANDARD.encode(format!("{CLIENT}:a%20secret%20%26%20more"))
    );
    if headers[header::AUTHORIZATION] != wanted {
        return refused("invalid_client");
    }
    let mut inner = provider.with();
    let Some(code) = inner.codes.remove(&form["code"]) else {
        return refused("invalid_grant");
    };
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(&form["code_verifier"]));
    if challenge != code.challenge
        || form["redirect_uri"] != format!("{PUBLIC}/sign-in/oidc/answer")
    {
        return refused("invalid_grant");
    }
    let mut claims = code.claims;
    if let Some(bend) = &inner.bend {
        bend(&mut claims);
    }
    let token = sign(&inner, &claims);
    (
        StatusCode::OK,
        Json(json!({ "id_token": token, "access_token": "at", "token_type": "Bearer" })),
    )
}

fn sign(inner: &Inner, claims: &Value) -> String {
    let algorithm = match inner.signed {
        Signed::NotAtAll => "none",
        Signed::WithThePublicKey => "HS256",
        Signed::Properly | Signed::ByAnother => "ES256",
    };
    let head = json!({ "alg": algorithm, "kid": inner.kid });
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", part(&head), part(claims));
    let signature = match inner.signed {
        Signed::NotAtAll => Vec::new(),
        Signed::WithThePublicKey => {
            let key = inner.key.public_key().as_ref();
            let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, key);
            ring::hmac::sign(&key, message.as_bytes()).as_ref().to_vec()
        }
        Signed::Properly => signature(&inner.key, &message),
        Signed::ByAnother => signature(&new_key(), &message),
    };
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn signature(key: &EcdsaKeyPair, message: &str) -> Vec<u8> {
    key.sign(&SystemRandom::new(), message.as_bytes())
        .expect("signs")
        .as_ref()
        .to_vec()
}

async fn userinfo(State(provider): State<Provider>) -> Json<Value> {
    Json(provider.with().userinfo.clone())
}
