//! What people decide: one transaction with its evidence each, then the running gateway is told.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use mamori_kernel::ledger::{Actor, NewRecord};
use mamori_runtime::App;
use mamori_runtime::config::GatewaySite;
use mamori_waf::RuleChoice;
use serde_json::{Value, json};

use crate::evidence;
use crate::known;
use crate::model::{Exclusion, ExclusionId, SitePolicy, Traffic, Wish, WrongWish, mode_word};
use crate::service;
use crate::store;

/// A decision cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    /// There is no such site in this contract.
    #[error("サイト")]
    NoSite,
    /// There is no such exclusion, or it has ended.
    #[error("続いている除外設定")]
    NoExclusion,
    /// There is no such ban, or it was lifted.
    #[error("続いている遮断")]
    NoBan,
    /// There is no such mode of a part of a site, or it has ended.
    #[error("続いている動作")]
    NoMode,
    /// What was asked for is wrong: field and key of its text.
    #[error("入力に誤りがあります")]
    Wrong(Vec<WrongWish>),
    /// Somebody else decided about the site meanwhile.
    #[error(
        "サイトの設定は、ほかの人が先に変えました（版 {revision}）。いまの設定を確かめてからやり直してください"
    )]
    Stale {
        /// What holds now.
        now: SitePolicy,
        /// Its revision.
        revision: i64,
    },
    /// The record.
    #[error(transparent)]
    Record(#[from] mamori_kernel::ledger::LedgerError),
    /// The database.
    #[error(transparent)]
    Store(#[from] mamori_store::Error),
}

impl DeskError {
    /// What is wrong with a wish, where it is the wish: fields with the keys of their texts.
    pub fn of_wish(self) -> Result<Vec<WrongWish>, Self> {
        match self {
            Self::Wrong(wrong) => Ok(wrong),
            Self::NoSite => Ok(vec![("site", "gateway-wrong-site")]),
            other => Err(other),
        }
    }
}

/// The sites of a contract, as configured.
pub fn sites(app: &App, contract: &str) -> Vec<GatewaySite> {
    app.config
        .gateway
        .iter()
        .flat_map(|gateway| &gateway.sites)
        .filter(|site| site.contract == contract)
        .cloned()
        .collect()
}

/// Traffic by day of all sites of a contract, both days included; days without are left out.
pub async fn traffic(
    app: &App,
    contract: &str,
    from: Date,
    to: Date,
) -> Result<BTreeMap<Date, Traffic>, mamori_store::Error> {
    let mut by_day = BTreeMap::<Date, Traffic>::new();
    for site in sites(app, contract) {
        for (day, traffic) in store::traffic(&app.db, &site.name, from, to).await? {
            by_day.entry(day).or_default().add(traffic);
        }
    }
    Ok(by_day)
}

pub(crate) fn site(app: &App, contract: &str, name: &str) -> Result<GatewaySite, DeskError> {
    sites(app, contract)
        .into_iter()
        .find(|site| site.name == name)
        .ok_or(DeskError::NoSite)
}

/// What came of a decision about a site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decided {
    /// Whether anything is different now.
    pub changed: bool,
    /// The revision of what holds now.
    pub revision: i64,
}

/// Changes what was decided about a site. What stays as it is leaves nothing.
pub async fn decide(
    app: &App,
    contract: &str,
    name: &str,
    wanted: &SitePolicy,
    actor: Actor,
) -> Result<Decided, DeskError> {
    decide_seen(app, contract, name, wanted, actor, None).await
}

/// The same, only if the site still is as it was seen, or is already as it is wanted.
pub async fn decide_seen(
    app: &App,
    contract: &str,
    name: &str,
    wanted: &SitePolicy,
    actor: Actor,
    seen: Option<i64>,
) -> Result<Decided, DeskError> {
    let site = site(app, contract, name)?;
    let mut tx = app.db.begin_write().await?;
    let (before, revision) = store::policy_alone(&mut tx, &site.name).await?;
    if before == *wanted {
        tx.rollback().await?;
        return Ok(Decided {
            changed: false,
            revision,
        });
    }
    if seen.is_some_and(|seen| seen != revision) {
        tx.rollback().await?;
        return Err(DeskError::Stale {
            now: before,
            revision,
        });
    }
    store::set_policy(&mut tx, &site.name, wanted, app.now(), &actor.id).await?;
    let payload = json!({
        "site": site.name,
        "mode": mode_word(wanted.mode),
        "paranoia": wanted.paranoia,
        "closed": wanted.closed,
        "before": {
            "mode": mode_word(before.mode),
            "paranoia": before.paranoia,
            "closed": before.closed,
        },
    });
    let record = record(
        app,
        contract,
        actor,
        evidence::CHANGED,
        &site.name,
        &payload,
    )?;
    app.append(&mut tx, record).await?;
    tx.commit().await?;
    service::told(app);
    Ok(Decided {
        changed: true,
        revision: revision + 1,
    })
}

/// What was checked of a wish, and whether there are such rules, said beside their field.
pub(crate) async fn named<T>(
    app: &App,
    rules: Option<RuleChoice>,
    field: &'static str,
    checked: Result<T, Vec<WrongWish>>,
) -> Result<T, Vec<WrongWish>> {
    let Some(rules) = rules else { return checked };
    match known::unknown(app, rules).await {
        None => checked,
        Some(key) => {
            let mut wrong = checked.err().unwrap_or_default();
            if wrong.iter().all(|(of, _)| *of != field) {
                wrong.push((field, key));
            }
            Err(wrong)
        }
    }
}

/// Takes a parameter away from a rule. One that holds already until that day is not made twice.
pub async fn exclude(
    app: &App,
    contract: &str,
    name: &str,
    wish: &Wish,
    actor: Actor,
) -> Result<Exclusion, DeskError> {
    let site = site(app, contract, name)?;
    let now = app.now();
    let checked = wish.check(mamori_kernel::clock::tokyo_date(now));
    let number = wish.rule.trim().parse().ok().map(RuleChoice::Id);
    let checked = named(app, number, "rule", checked).await;
    let (rule, expires_on) = checked.map_err(DeskError::Wrong)?;
    let below = wish.reach == "below";
    let open = store::exclusions(&app.db, &site.name, true).await?;
    let alike = open.into_iter().find(|one| {
        one.holds(now)
            && one.expires_on == expires_on
            && one.rule == rule
            && one.target == wish.target.trim()
            && (one.path.as_str(), one.below) == (wish.path.trim(), below)
    });
    if let Some(alike) = alike {
        return Ok(alike);
    }
    let exclusion = Exclusion {
        id: ExclusionId::new(now, rand::random()),
        site: site.name.clone(),
        rule,
        target: wish.target.trim().to_owned(),
        path: wish.path.trim().to_owned(),
        below,
        reason: wish.reason.trim().to_owned(),
        author: actor.id.clone(),
        request: wish.request.trim().to_owned(),
        created_at: now,
        expires_on,
        ended_at: None,
    };
    let mut tx = app.db.begin_write().await?;
    store::add_exclusion(&mut tx, &exclusion).await?;
    let mut payload = json!({
        "exclusion_id": exclusion.id,
        "site": exclusion.site,
        "rule": exclusion.rule,
        "target": exclusion.target,
        "path": exclusion.path,
        "below": exclusion.below,
        "reason": exclusion.reason,
        "expires_on": exclusion.expires_on.to_string(),
    });
    if !exclusion.request.is_empty() {
        payload["request"] = exclusion.request.clone().into();
    }
    let record = record(
        app,
        contract,
        actor,
        evidence::EXCLUDED,
        &exclusion.id.to_string(),
        &payload,
    )?;
    app.append(&mut tx, record).await?;
    tx.commit().await?;
    service::told(app);
    Ok(exclusion)
}

/// Ends an exclusion before its day.
pub async fn end_exclusion(
    app: &App,
    contract: &str,
    name: &str,
    id: &str,
    actor: Actor,
) -> Result<(), DeskError> {
    let site = site(app, contract, name)?;
    let id: ExclusionId = id.parse().map_err(|_| DeskError::NoExclusion)?;
    let open = store::exclusions(&app.db, &site.name, true).await?;
    if !open.iter().any(|exclusion| exclusion.id == id) {
        return Err(DeskError::NoExclusion);
    }
    let mut tx = app.db.begin_write().await?;
    if !store::end_exclusion(&mut tx, id, app.now(), &actor.id).await? {
        return Err(DeskError::NoExclusion);
    }
    let payload = json!({ "exclusion_id": id, "site": site.name });
    let record = record(
        app,
        contract,
        actor,
        evidence::EXCLUSION_ENDED,
        &id.to_string(),
        &payload,
    )?;
    app.append(&mut tx, record).await?;
    tx.commit().await?;
    service::told(app);
    Ok(())
}

pub(crate) fn record(
    app: &App,
    contract: &str,
    actor: Actor,
    kind: &str,
    subject: &str,
    payload: &Value,
) -> Result<NewRecord, DeskError> {
    let at: Timestamp = app.now();
    Ok(NewRecord::new(contract, at, actor, kind, subject, payload)?)
}
