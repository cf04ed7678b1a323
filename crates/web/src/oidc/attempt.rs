//! Who was sent to the provider and is expected back: once, within minutes, in the same browser.
//!
//! The row is found by the digest of `state` and sealed under it; the browser is known by a cookie
//! of its own, so that an answer that somebody else obtained (or planted) is worth nothing.

use axum::http::HeaderMap;
use jiff::{SignedDuration, Timestamp};
use mamori_runtime::{App, Secret, seal};
use mamori_store::args;
use serde::{Deserialize, Serialize};

use super::OidcError;
use crate::sign_in::Carried;
use crate::{session, token};

/// The answer is expected within this time: signing in there takes people a while.
const WITHIN: SignedDuration = SignedDuration::from_mins(15);
/// A flood of beginnings does not fill the database.
const MOST_WAITING: i64 = 1000;
/// A form that is carried along is kept up to this size.
pub(super) const MOST_CARRIED: usize = 128 * 1024;

/// What the answer is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Purpose {
    /// Signing in.
    SignIn,
    /// Linking the provider's account to this one.
    Link {
        /// Id of the account.
        user: String,
    },
    /// Proving again who one is.
    Prove {
        /// Id of the account.
        user: String,
        /// Whether a code of the second factor was shown already.
        code_shown: bool,
    },
    /// Using an invitation.
    Join {
        /// Of the link.
        invitation: String,
        /// Name for signing in.
        name: String,
        /// Name on pages.
        display_name: String,
    },
}

/// What waits for an answer.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Waiting {
    pub(super) purpose: Purpose,
    pub(super) nonce: String,
    /// The secret behind the PKCE challenge.
    pub(super) verifier: String,
    at: i64,
    next: String,
    kept: String,
}

impl Waiting {
    /// When the person was sent away.
    pub(super) fn at(&self) -> Timestamp {
        Timestamp::from_millisecond(self.at).unwrap_or(Timestamp::MAX)
    }

    /// What goes on afterwards.
    pub(super) fn carried(&self) -> Carried {
        Carried {
            next: self.next.clone(),
            kept: self.kept.clone(),
        }
    }
}

/// What the provider is told, and what the browser keeps.
pub(super) struct Begun {
    pub(super) state: Secret,
    pub(super) nonce: String,
    pub(super) verifier: Secret,
    pub(super) browser: Secret,
}

fn purpose_of(state_hash: &str) -> String {
    format!("oidc-attempt:{state_hash}")
}

/// Notes that somebody is sent to the provider.
pub(super) async fn begin(
    app: &App,
    headers: &HeaderMap,
    purpose: Purpose,
    carried: &Carried,
) -> Result<Begun, OidcError> {
    let now = app.now();
    let begun = Begun {
        state: token::new(),
        nonce: token::new().expose().to_owned(),
        verifier: token::new(),
        // Two windows of one browser share it.
        browser: browser(app, headers).unwrap_or_else(token::new),
    };
    let waiting = Waiting {
        purpose,
        nonce: begun.nonce.clone(),
        verifier: begun.verifier.expose().to_owned(),
        at: now.as_millisecond(),
        next: carried.next.clone(),
        kept: carried.kept.clone(),
    };
    let state_hash = token::digest(begun.state.expose());
    let plain = serde_json::to_vec(&waiting).expect("texts become JSON");
    let sealed = seal::of(app).seal(&purpose_of(&state_hash), &plain);
    let mut tx = app.db.begin_write().await?;
    tx.execute(
        "DELETE FROM oidc_attempt WHERE expires_at <= $1",
        args![now],
    )
    .await?;
    let waiting = tx
        .fetch_one(
            "SELECT CAST(COUNT(*) AS BIGINT) AS n FROM oidc_attempt",
            args![],
        )
        .await?
        .i64("n")?;
    if waiting >= MOST_WAITING {
        return Err(OidcError::Busy);
    }
    tx.execute(
        "INSERT INTO oidc_attempt (state_hash, browser_hash, sealed, expires_at) \
         VALUES ($1, $2, $3, $4)",
        args![
            state_hash,
            token::digest(begun.browser.expose()),
            sealed,
            now.checked_add(WITHIN).unwrap_or(Timestamp::MAX)
        ],
    )
    .await?;
    tx.commit().await?;
    Ok(begun)
}

/// Takes what waits for this answer; it is gone afterwards, whatever the answer is.
pub(super) async fn take(
    app: &App,
    headers: &HeaderMap,
    state: &str,
) -> Result<Waiting, OidcError> {
    let browser = browser(app, headers).ok_or(OidcError::Stale)?;
    let state_hash = token::digest(state);
    let mut tx = app.db.begin_write().await?;
    let row = tx
        .fetch_optional(
            "SELECT sealed FROM oidc_attempt \
             WHERE state_hash = $1 AND browser_hash = $2 AND expires_at > $3",
            args![&state_hash, token::digest(browser.expose()), app.now()],
        )
        .await?
        .ok_or(OidcError::Stale)?;
    let taken = tx
        .execute(
            "DELETE FROM oidc_attempt WHERE state_hash = $1",
            args![&state_hash],
        )
        .await?;
    tx.commit().await?;
    if taken != 1 {
        return Err(OidcError::Stale);
    }
    let plain = seal::of(app)
        .open(&purpose_of(&state_hash), &row.text("sealed")?)
        .ok_or(OidcError::Stale)?;
    serde_json::from_slice(&plain).map_err(|_| OidcError::Stale)
}

fn cookie_name(app: &App) -> &'static str {
    if app.config.is_https() {
        "__Host-mamori-oidc"
    } else {
        "mamori_oidc"
    }
}

fn browser(app: &App, headers: &HeaderMap) -> Option<Secret> {
    session::cookie_value(headers, cookie_name(app))
        .filter(|value| value.len() == 64 && value.bytes().all(|byte| byte.is_ascii_hexdigit()))
        .map(Secret::new)
}

/// `Set-Cookie` by which the browser is known when it comes back. It comes back by a link from
/// another site, so it is `Lax`.
pub(super) fn cookie(app: &App, begun: &Begun) -> String {
    let secure = if app.config.is_https() {
        "; Secure"
    } else {
        ""
    };
    format!(
        "{}={}; Path=/; HttpOnly; SameSite=Lax; Max-Age={}{secure}",
        cookie_name(app),
        begun.browser.expose(),
        WITHIN.as_secs(),
    )
}
