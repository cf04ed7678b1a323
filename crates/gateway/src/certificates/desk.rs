//! What people see and ask of certificates.

use jiff::Timestamp;
use mamori_kernel::ledger::{Actor, NewRecord};
use mamori_runtime::App;
use mamori_runtime::config::{GatewaySite, SiteCertificate};
use serde_json::json;

use super::facts::Facts;
use super::store::{self, State};
use super::{jobs, read};
use crate::acme::keep::Keep;
use crate::acme::{self, Standing};
use crate::desk::{self, DeskError};
use crate::evidence;

/// How it stands with the certificate of a site.
#[derive(Debug, Clone)]
pub struct Held {
    /// The site.
    pub site: GatewaySite,
    /// What the certificate says of itself; `None`: there is none.
    pub facts: Option<Facts>,
    /// Orders, where an authority is asked.
    pub state: State,
    /// Whether an order waits, and until when.
    pub standing: Standing,
}

impl Held {
    /// Whether an authority is asked for it.
    pub fn is_ordered(&self) -> bool {
        self.site.certificate == Some(SiteCertificate::Acme)
    }

    /// When it is renewed by itself; `None`: it is not.
    pub fn renews_at(&self) -> Option<Timestamp> {
        let due = self.facts.as_ref().filter(|_| self.is_ordered())?.due();
        Some(
            self.state
                .renew_at
                .map_or(due, |suggested| suggested.min(due)),
        )
    }
}

/// The certificates of a contract's sites.
pub async fn held(app: &App, contract: &str) -> Result<Vec<Held>, mamori_store::Error> {
    let keep = Keep::new(&app.config.data_dir);
    let mut all = Vec::new();
    for site in desk::sites(app, contract) {
        let facts = read(&keep, &site);
        let state = store::state(&app.db, &site.name).await?;
        let standing = acme::standing(&site, facts.as_ref(), &state, app.now());
        all.push(Held {
            site,
            facts,
            state,
            standing,
        });
    }
    Ok(all)
}

/// One of them, which an authority is asked for.
pub async fn ordered(app: &App, contract: &str, name: &str) -> Result<Held, DeskError> {
    let all = held(app, contract).await?;
    all.into_iter()
        .find(|held| held.site.name == name && held.is_ordered())
        .ok_or(DeskError::NoSite)
}

/// Asks for a new certificate now. What the authority said of the next time holds.
pub async fn want(app: &App, contract: &str, name: &str, actor: Actor) -> Result<Held, DeskError> {
    let before = ordered(app, contract, name).await?;
    if before.state.wanted {
        // Said already: the order waits.
        return Ok(before);
    }
    let record = NewRecord::new(
        contract,
        app.now(),
        actor,
        evidence::CERTIFICATE_WANTED,
        name,
        &json!({ "site": name }),
    )?;
    let mut tx = app.db.begin_write().await?;
    store::want(&mut tx, name).await?;
    app.append(&mut tx, record).await?;
    jobs::queue(app, &mut tx)
        .await
        .map_err(|error| mamori_store::Error::Invalid(error.to_string()))?;
    tx.commit().await?;
    ordered(app, contract, name).await
}
