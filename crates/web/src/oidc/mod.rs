//! Sign-in by the accounts of an organisation: OpenID Connect, authorization code with PKCE.
//! Off without `[oidc]` in the configuration.
//!
//! The provider's accounts open nothing by themselves. One is linked to an account here by whoever
//! is signed in ([`links`]) or by an administrator's invitation, and is known by the provider's
//! issuer and `sub` from then on; no e-mail address is ever compared with anything but the allowed
//! domains. What comes back is believed only when its signature, issuer, audience, times and nonce
//! fit ([`id_token`]), in the browser that was sent ([`attempt`]), once.
//!
//! Not here: logout at the provider, refresh tokens, encrypted tokens. Nothing of the provider's
//! is kept but the link.

mod attempt;
mod id_token;
mod identify;
pub mod links;
mod pages;
mod provider;
mod signature;

use mamori_runtime::App;
use mamori_runtime::config::Oidc;

pub(crate) use pages::{Prompt, routes};

/// Why somebody does not come in. The page says what to do; the log says the details.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OidcError {
    /// The installation has no provider.
    #[error("oidc is not configured")]
    Off,
    /// The provider does not answer.
    #[error("the provider does not answer: {0}")]
    Unreachable(String),
    /// The provider answers, but not as the configuration says.
    #[error("the provider does not fit the configuration: {0}")]
    Misfit(String),
    /// What came back belongs to nothing that waits: late, twice, or in another browser.
    #[error("nothing waits for this answer")]
    Stale,
    /// The provider said no, or the person did there.
    #[error("the provider refused: {0}")]
    Denied(String),
    /// What came back does not prove who somebody is.
    #[error("the answer proves nothing: {0}")]
    NotProved(String),
    /// The account is none of those that the configuration lets in.
    #[error("the account is not admitted: {0}")]
    NotAdmitted(String),
    /// The provider's account belongs to no account here.
    #[error("the provider's account is not linked")]
    NotLinked,
    /// The provider's account, or this one, is linked already.
    #[error("linked to another account")]
    Taken,
    /// It was another person's account.
    #[error("another person's account")]
    AnotherPerson,
    /// The person's second factor was not shown.
    #[error("the second factor was not shown")]
    SecondNeeded,
    /// Too many sign-ins are under way.
    #[error("too many sign-ins are under way")]
    Busy,
    /// The database does not answer.
    #[error(transparent)]
    Store(#[from] mamori_store::Error),
    /// The account cannot be made or changed.
    #[error(transparent)]
    Account(#[from] crate::account::AccountError),
}

impl OidcError {
    /// Key of the text that says what to do.
    pub(crate) fn key(&self) -> &'static str {
        match self {
            Self::Off => "oidc-off",
            Self::Unreachable(_) | Self::Store(_) => "oidc-unreachable",
            Self::Misfit(_) => "oidc-misfit",
            Self::Stale => "oidc-stale",
            Self::Denied(_) => "oidc-denied",
            Self::NotProved(_) | Self::Account(_) => "oidc-not-proved",
            Self::NotAdmitted(_) => "oidc-not-admitted",
            Self::NotLinked => "oidc-not-linked",
            Self::Taken => "oidc-taken",
            Self::AnotherPerson => "oidc-another-person",
            Self::SecondNeeded => "oidc-second-needed",
            Self::Busy => "oidc-busy",
        }
    }
}

/// The provider of this installation.
pub(crate) fn settings(app: &App) -> Result<&Oidc, OidcError> {
    app.config.oidc.as_ref().ok_or(OidcError::Off)
}

/// What stands on the button; `None`: there is none.
pub(crate) fn label(app: &App) -> Option<String> {
    app.config.oidc.as_ref().map(|oidc| oidc.label.clone())
}

/// Where the provider sends people back to: from the configured address, never from a request.
fn redirect_address(app: &App) -> Result<String, OidcError> {
    let public = app.config.public_url.as_deref().ok_or(OidcError::Off)?;
    Ok(format!("{public}{}", pages::ANSWER))
}
