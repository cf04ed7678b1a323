//! Deciding them: one transaction with its evidence, then the running gateway is told.

use mamori_kernel::clock::tokyo_date;
use mamori_kernel::ledger::Actor;
use mamori_runtime::App;
use mamori_store::Tx;
use serde_json::json;

use super::{LocalMode, LocalModeId, Scope, Wish, store};
use crate::desk::{DeskError, named, record, site};
use crate::evidence;
use crate::model::mode_word;
use crate::service;

/// Decides what the firewall does with a part of a site. What is decided so already is not decided
/// twice; another decision about the same part ends.
pub async fn decide(
    app: &App,
    contract: &str,
    name: &str,
    wish: &Wish,
    actor: Actor,
) -> Result<LocalMode, DeskError> {
    let site = site(app, contract, name)?;
    let now = app.now();
    let checked = wish.check(tokyo_date(now));
    let rules = Scope::of(&wish.about, wish.name.trim()).and_then(|scope| scope.rules());
    let checked = named(app, rules, "name", checked).await;
    let (scope, mode, expires_on) = checked.map_err(DeskError::Wrong)?;
    let open = store::all(&app.db, &site.name, true).await?;
    let same = |one: &&LocalMode| one.scope == scope;
    let alike = open
        .iter()
        .filter(same)
        .find(|one| one.holds(now) && (one.mode, one.expires_on) == (mode, expires_on));
    if let Some(alike) = alike {
        return Ok(alike.clone());
    }
    let chosen = LocalMode {
        id: LocalModeId::new(now, rand::random()),
        site: site.name.clone(),
        scope: scope.clone(),
        mode,
        reason: wish.reason.trim().to_owned(),
        author: actor.id.clone(),
        created_at: now,
        expires_on,
        ended_at: None,
    };
    let mut tx = app.db.begin_write().await?;
    for before in open.iter().filter(same) {
        close(app, &mut tx, contract, before, actor.clone()).await?;
    }
    store::add(&mut tx, &chosen).await?;
    let mut payload = json!({
        "mode_id": chosen.id.to_string(),
        "site": chosen.site,
        "about": chosen.scope.word(),
        "name": chosen.scope.name(),
        "mode": mode_word(chosen.mode),
        "reason": chosen.reason,
    });
    if let Some(day) = chosen.expires_on {
        payload["expires_on"] = day.to_string().into();
    }
    let id = chosen.id.to_string();
    let record = record(app, contract, actor, evidence::MODE_SET, &id, &payload)?;
    app.append(&mut tx, record).await?;
    tx.commit().await?;
    service::told(app);
    Ok(chosen)
}

/// Ends one before its day.
pub async fn end(
    app: &App,
    contract: &str,
    name: &str,
    id: &str,
    actor: Actor,
) -> Result<(), DeskError> {
    let site = site(app, contract, name)?;
    let id: LocalModeId = id.parse().map_err(|_| DeskError::NoMode)?;
    let open = store::all(&app.db, &site.name, true).await?;
    let one = open.iter().find(|one| one.id == id);
    let one = one.ok_or(DeskError::NoMode)?;
    let mut tx = app.db.begin_write().await?;
    close(app, &mut tx, contract, one, actor).await?;
    tx.commit().await?;
    service::told(app);
    Ok(())
}

async fn close(
    app: &App,
    tx: &mut Tx,
    contract: &str,
    one: &LocalMode,
    actor: Actor,
) -> Result<(), DeskError> {
    if !store::end(tx, one.id, app.now(), &actor.id).await? {
        return Err(DeskError::NoMode);
    }
    let id = one.id.to_string();
    let payload = json!({ "mode_id": id, "site": one.site });
    let record = record(app, contract, actor, evidence::MODE_ENDED, &id, &payload)?;
    app.append(tx, record).await?;
    Ok(())
}
