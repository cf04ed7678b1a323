//! Certificates from an authority (RFC 8555): when one is ordered, and what is done when it fails.
//!
//! The library speaks the protocol; here stand the account and what is kept ([`keep`]), the way of
//! one order ([`order`]), and the patience that authorities ask for: a try counts against the day
//! ([`MOST_TRIES`]), failures make the pause between tries longer, and what the authority says of
//! the next time holds for people too. Whatever fails, the certificate before stays in force.
//!
//! Orders run as jobs, one at a time for each site (a lease in the database); questions of the
//! authority stand in the database too, so every gateway answers them, in whatever process it runs.

pub mod keep;
pub mod order;
pub mod trouble;
pub mod wire;

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use mamori_kernel::clock::tokyo_date;
use mamori_kernel::ledger::{Actor, NewRecord};
use mamori_runtime::App;
use mamori_runtime::config::{Gateway, GatewaySite, SiteCertificate};
use serde_json::json;

use crate::certificates;
use crate::certificates::facts::Facts;
use crate::certificates::store::{self, State};
use crate::evidence;
use keep::Keep;
use order::Orders;
use trouble::Trouble;
use wire::{Network, Way};

/// Tries a day for one site, whoever asks for them: authorities count failures by the hour and
/// certificates by the week.
pub const MOST_TRIES: u32 = 8;
/// A certificate that has just come is not ordered again because of its age.
const FRESH: SignedDuration = SignedDuration::from_hours(24);
/// How often the authority is asked when it wants a certificate renewed.
const ASK_EVERY: SignedDuration = SignedDuration::from_hours(24);
/// How long an order may hold a site.
const HOLD: SignedDuration = SignedDuration::from_mins(15);
/// The pause after the first failure; it doubles with each.
const FIRST_PAUSE: SignedDuration = SignedDuration::from_mins(5);
/// The longest pause.
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_hours(12);

/// The way to authorities, for tests that stand in between.
pub struct Authorities(pub Arc<dyn Way>);

/// How it stands with ordering.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Nothing is to be done.
    Fine,
    /// An order is due.
    Due,
    /// An order is due, but not before then.
    Waits(Timestamp),
}

/// Whether an order is due.
pub fn standing(
    site: &GatewaySite,
    facts: Option<&Facts>,
    state: &State,
    now: Timestamp,
) -> Standing {
    let fresh = state
        .issued_at
        .is_some_and(|issued| now.duration_since(issued) < FRESH);
    let due = match facts {
        None => true,
        Some(facts) => {
            let suggested = state.renew_at.is_some_and(|at| at <= now);
            !facts.covers(&site.hosts) || (!fresh && (facts.due() <= now || suggested))
        }
    };
    if !due && !state.wanted {
        return Standing::Fine;
    }
    let today = tokyo_date(now);
    let tomorrow = (state.tries_on(today) >= MOST_TRIES).then(|| {
        mamori_kernel::clock::tokyo_midnight(today.saturating_add(jiff::Span::new().days(1)))
    });
    let waits = [state.pause_until, state.told_until, tomorrow];
    match waits.into_iter().flatten().max() {
        Some(until) if until > now => Standing::Waits(until),
        _ => Standing::Due,
    }
}

/// Whether the authority should be asked what it suggests.
pub fn should_ask(facts: Option<&Facts>, state: &State, now: Timestamp) -> bool {
    facts.is_some()
        && state
            .asked_at
            .is_none_or(|asked| now.duration_since(asked) >= ASK_EVERY)
}

/// Sites whose certificate an authority is asked for.
pub fn sites(gateway: &Gateway) -> impl Iterator<Item = &GatewaySite> {
    gateway
        .sites
        .iter()
        .filter(|site| site.certificate == Some(SiteCertificate::Acme))
}

/// Does what is due for a site. What fails is kept for people to see; only the database's failures
/// are given back.
pub async fn look_after(
    app: &App,
    gateway: &Gateway,
    site: &GatewaySite,
    actor: Actor,
) -> Result<(), mamori_store::Error> {
    let now = app.now();
    let until = now.checked_add(HOLD).unwrap_or(Timestamp::MAX);
    if !store::hold(&app.db, &site.name, now, until).await? {
        return Ok(());
    }
    let outcome = look_after_held(app, gateway, site, actor).await;
    store::let_go(&app.db, &site.name).await?;
    outcome
}

async fn look_after_held(
    app: &App,
    gateway: &Gateway,
    site: &GatewaySite,
    actor: Actor,
) -> Result<(), mamori_store::Error> {
    let keep = Keep::new(&app.config.data_dir);
    let facts = certificates::read(&keep, site);
    let state = store::state(&app.db, &site.name).await?;
    let due = |state: &State| standing(site, facts.as_ref(), state, app.now()) == Standing::Due;
    let asks = should_ask(facts.as_ref(), &state, app.now());
    if !due(&state) && !asks {
        return Ok(());
    }
    let orders = match Orders::new(app, gateway, site, way(app)) {
        Ok(orders) => orders,
        Err(trouble) if due(&state) => return fail(app, site, &trouble).await,
        // The daily look tells it too; there is nothing to order now.
        Err(_) => return store::suggested(&app.db, &site.name, None, app.now()).await,
    };
    if asks {
        ask(app, site, &keep, &orders).await?;
    }
    if !due(&store::state(&app.db, &site.name).await?) {
        return Ok(());
    }
    if let Err(trouble) = orders.listens().await {
        // The authority is not troubled with what cannot work.
        return fail(app, site, &trouble).await;
    }
    store::begin_try(&app.db, &site.name, app.now()).await?;
    match orders.order().await {
        Ok(facts) => succeed(app, site, &facts, actor).await,
        Err(trouble) => fail(app, site, &trouble).await,
    }
}

fn way(app: &App) -> Arc<dyn Way> {
    app.slot::<Authorities>().map_or_else(
        || Arc::new(Network) as Arc<dyn Way>,
        |own| Arc::clone(&own.0),
    )
}

/// Asks what the authority suggests; what it does not say is our own rule's.
async fn ask(
    app: &App,
    site: &GatewaySite,
    keep: &Keep,
    orders: &Orders<'_>,
) -> Result<(), mamori_store::Error> {
    let Ok(pem) = std::fs::read(keep.certificate(&site.name)) else {
        return Ok(());
    };
    let suggested = match orders.suggestion(&pem).await {
        Ok(window) => window.map(|(start, end)| within(start, end)),
        Err(trouble) => {
            tracing::info!(
                site = site.name,
                detail = trouble.detail,
                "no renewal information"
            );
            None
        }
    };
    store::suggested(&app.db, &site.name, suggested, app.now()).await
}

/// A point in a window, so that not everybody comes at once.
fn within(start: Timestamp, end: Timestamp) -> Timestamp {
    let length = end.duration_since(start).as_secs().max(1);
    let part = rand::random_range(0..length);
    start
        .checked_add(SignedDuration::from_secs(part))
        .unwrap_or(start)
}

async fn fail(app: &App, site: &GatewaySite, trouble: &Trouble) -> Result<(), mamori_store::Error> {
    let state = store::state(&app.db, &site.name).await?;
    let until = app
        .now()
        .checked_add(pause(state.failures, rand::random_range(0.75..1.25)))
        .unwrap_or(Timestamp::MAX);
    tracing::error!(
        site = site.name,
        trouble = trouble.kind.word(),
        detail = trouble.detail,
        "no new certificate; the one before stays in force"
    );
    store::failed(&app.db, &site.name, trouble, until).await
}

/// The pause after so many failures before this one.
fn pause(failures: u32, jitter: f64) -> SignedDuration {
    let doubled = FIRST_PAUSE.saturating_mul(1 << failures.min(12));
    doubled.min(LONGEST_PAUSE).mul_f64(jitter)
}

async fn succeed(
    app: &App,
    site: &GatewaySite,
    facts: &Facts,
    actor: Actor,
) -> Result<(), mamori_store::Error> {
    let now = app.now();
    let payload = json!({
        "site": site.name,
        "hosts": site.hosts,
        "issuer": facts.issuer,
        "not_before": tokyo_date(facts.not_before).to_string(),
        "not_after": tokyo_date(facts.not_after).to_string(),
    });
    let record = NewRecord::new(
        &site.contract,
        now,
        actor,
        evidence::CERTIFICATE_ISSUED,
        &site.name,
        &payload,
    );
    let record = record.map_err(|error| mamori_store::Error::Invalid(error.to_string()))?;
    let mut tx = app.db.begin_write().await?;
    store::issued(&mut tx, &site.name, now).await?;
    app.append(&mut tx, record).await?;
    tx.commit().await?;
    tracing::info!(site = site.name, until = %facts.not_after, "a new certificate is in force");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("an instant")
    }

    fn site() -> GatewaySite {
        GatewaySite {
            name: "site".to_owned(),
            contract: "c1".to_owned(),
            hosts: vec!["www.example.jp".to_owned()],
            upstreams: Vec::new(),
            certificate: Some(SiteCertificate::Acme),
            inspect_answers: false,
        }
    }

    fn facts() -> Facts {
        Facts {
            issuer: String::new(),
            names: vec!["www.example.jp".to_owned()],
            not_before: at("2026-01-01T00:00:00Z"),
            not_after: at("2026-04-01T00:00:00Z"),
        }
    }

    #[test]
    fn an_order_is_due_without_a_certificate_for_other_names_at_a_third_and_when_wanted() {
        let (site, facts) = (site(), facts());
        let now = at("2026-02-01T00:00:00Z");
        let state = State::default();
        assert_eq!(standing(&site, None, &state, now), Standing::Due);
        assert_eq!(standing(&site, Some(&facts), &state, now), Standing::Fine);
        let other = GatewaySite {
            hosts: vec!["example.jp".to_owned()],
            ..site.clone()
        };
        assert_eq!(standing(&other, Some(&facts), &state, now), Standing::Due);
        let late = at("2026-03-03T00:00:00Z");
        assert_eq!(standing(&site, Some(&facts), &state, late), Standing::Due);
        let fresh = State {
            issued_at: Some(at("2026-03-02T12:00:00Z")),
            ..State::default()
        };
        assert_eq!(standing(&site, Some(&facts), &fresh, late), Standing::Fine);
        let wanted = State {
            wanted: true,
            ..fresh
        };
        assert_eq!(standing(&site, Some(&facts), &wanted, now), Standing::Due);
        let suggested = State {
            renew_at: Some(at("2026-01-31T00:00:00Z")),
            ..State::default()
        };
        assert_eq!(
            standing(&site, Some(&facts), &suggested, now),
            Standing::Due
        );
    }

    #[test]
    fn tries_wait_for_our_pause_the_authoritys_word_and_the_next_day() {
        let (site, now) = (site(), at("2026-02-01T00:00:00Z"));
        let (soon, later) = (at("2026-02-01T00:10:00Z"), at("2026-02-01T03:00:00Z"));
        let waits = |state: State| standing(&site, None, &state, now);
        let paused = State {
            pause_until: Some(soon),
            ..State::default()
        };
        assert_eq!(waits(paused.clone()), Standing::Waits(soon));
        let told = State {
            told_until: Some(later),
            ..paused
        };
        assert_eq!(waits(told), Standing::Waits(later));
        let over = State {
            pause_until: Some(at("2026-01-31T23:00:00Z")),
            ..State::default()
        };
        assert_eq!(waits(over), Standing::Due);
        let many = State {
            day: "2026-02-01".to_owned(),
            tries: MOST_TRIES,
            wanted: true,
            ..State::default()
        };
        // Midnight in Japan.
        assert_eq!(
            waits(many.clone()),
            Standing::Waits(at("2026-02-01T15:00:00Z"))
        );
        let yesterday = State {
            day: "2026-01-31".to_owned(),
            ..many
        };
        assert_eq!(waits(yesterday), Standing::Due);
    }

    #[test]
    fn pauses_double_up_to_half_a_day() {
        let minutes = |failures| pause(failures, 1.0).as_mins();
        assert_eq!([0, 1, 2, 3].map(minutes), [5, 10, 20, 40]);
        assert_eq!(minutes(40), 12 * 60);
        let point = within(at("2026-02-01T00:00:00Z"), at("2026-02-02T00:00:00Z"));
        assert!((at("2026-02-01T00:00:00Z")..at("2026-02-02T00:00:00Z")).contains(&point));
    }
}
