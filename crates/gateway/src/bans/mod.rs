//! Who is kept out: by watches of the data plane, or because a person decided so (clause 6: IPS).
//!
//! The data plane keeps bans in memory and judges by them. The database holds the same bans, so that
//! they outlive a restart, stand on the console, and hold at every gateway of the installation;
//! [`keeper`] brings both together. Addresses never enter the ledger: its records say that somebody
//! was banned, why and until when.

pub mod keeper;
pub mod store;

use jiff::{SignedDuration, Timestamp};
use mamori_kernel::barrier::{IpNet, household};
use mamori_kernel::ledger::{Actor, NewRecord};
use mamori_kernel::{Ban, BanCause};
use mamori_runtime::App;
use serde::Deserialize;
use serde_json::json;

use crate::desk::DeskError;
use crate::evidence;
use crate::model::{WrongWish, is_reason};
use crate::service;

/// The longest ban that has an end: a year.
pub const LONGEST_HOURS: i64 = 366 * 24;
/// The widest networks that a person keeps out at once. Wider ones are rules about networks in the
/// configuration, not bans.
const WIDEST: (u8, u8) = (16, 32);

/// A ban with who decided it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// The ban.
    pub ban: Ban,
    /// The person who decided; empty: a watch.
    pub author: String,
    /// Whether a person lifted it and no gateway has forgotten it yet.
    pub lifted: bool,
}

/// A ban as a person asks for it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct BanWish {
    /// Address or network.
    pub network: String,
    /// For how many hours; empty: until a person lifts it.
    pub hours: String,
    /// Why.
    pub reason: String,
}

impl BanWish {
    /// Checks the wish against the networks that are never kept out.
    pub fn check(
        &self,
        allowed: &[mamori_runtime::config::Network],
        now: Timestamp,
    ) -> Result<(IpNet, Option<Timestamp>), Vec<WrongWish>> {
        let mut wrong = Vec::new();
        let network = network_of(&self.network);
        match network {
            None => wrong.push(("network", "gateway-ban-wrong-network")),
            Some(network) if too_wide(network) => {
                wrong.push(("network", "gateway-ban-too-wide"));
            }
            Some(network) if allowed.iter().any(|own| own.contains(network.addr())) => {
                wrong.push(("network", "gateway-ban-allowed"));
            }
            Some(_) => {}
        }
        let until = match self.hours.trim() {
            "" => Some(None),
            hours => hours
                .parse::<i64>()
                .ok()
                .filter(|hours| (1..=LONGEST_HOURS).contains(hours))
                .and_then(|hours| now.checked_add(SignedDuration::from_hours(hours)).ok())
                .map(Some),
        };
        if until.is_none() {
            wrong.push(("hours", "gateway-ban-wrong-hours"));
        }
        if !is_reason(&self.reason) {
            wrong.push(("reason", "gateway-wrong-reason"));
        }
        match (network, until) {
            (Some(network), Some(until)) if wrong.is_empty() => Ok((network, until)),
            _ => Err(wrong),
        }
    }
}

/// The network that a text names. A single address is its household: an IPv4 address or the /64 of
/// IPv6.
fn network_of(text: &str) -> Option<IpNet> {
    let text = text.trim();
    match text.parse::<std::net::IpAddr>() {
        Ok(address) => Some(household(address)),
        Err(_) => text.parse::<IpNet>().ok().map(|network| network.trunc()),
    }
}

fn too_wide(network: IpNet) -> bool {
    let widest = if network.addr().is_ipv6() {
        WIDEST.1
    } else {
        WIDEST.0
    };
    network.prefix_len() < widest
}

/// Keeps a network out. Evidence goes to the contract in which the person works.
pub async fn ban(
    app: &App,
    contract: &str,
    wish: &BanWish,
    actor: Actor,
) -> Result<Ban, DeskError> {
    let now = app.now();
    let allowed = app
        .config
        .gateway
        .as_ref()
        .map(|gateway| gateway.allowed.clone())
        .unwrap_or_default();
    let (network, until) = wish.check(&allowed, now).map_err(DeskError::Wrong)?;
    let reason = wish.reason.trim().to_owned();
    let ban = Ban {
        network,
        cause: BanCause::Person {
            reason: reason.clone(),
        },
        since: now,
        until,
        times: 1,
    };
    let mut payload = json!({
        "prefix": format!("IPv{}/{}", if network.addr().is_ipv6() { 6 } else { 4 }, network.prefix_len()),
        "reason": reason,
    });
    if let Some(until) = until {
        payload["until"] = until.to_string().into();
    }
    let stored = Stored {
        ban: ban.clone(),
        author: actor.id.clone(),
        lifted: false,
    };
    let record = NewRecord::new(contract, now, actor, evidence::BANNED, "gateway", &payload)?;
    let mut tx = app.db.begin_write().await?;
    store::set(&mut tx, std::slice::from_ref(&stored)).await?;
    store::count_up(&mut tx).await?;
    app.append(&mut tx, record).await?;
    tx.commit().await?;
    service::told(app);
    Ok(ban)
}

/// Lets a network in again. What it did is forgotten.
pub async fn lift(app: &App, contract: &str, network: &str, actor: Actor) -> Result<(), DeskError> {
    let network: IpNet = network.parse().map_err(|_| DeskError::NoBan)?;
    let mut tx = app.db.begin_write().await?;
    let Some(lifted) = store::lift(&mut tx, network).await? else {
        return Err(DeskError::NoBan);
    };
    let by = match &lifted.ban.cause {
        BanCause::Watch { watch } => watch.as_str(),
        BanCause::Person { .. } => "person",
    };
    let payload = json!({ "by": by, "since": lifted.ban.since.to_string() });
    let record = NewRecord::new(
        contract,
        app.now(),
        actor,
        evidence::BAN_LIFTED,
        "gateway",
        &payload,
    )?;
    app.append(&mut tx, record).await?;
    tx.commit().await?;
    service::told(app);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(network: &str, hours: &str) -> BanWish {
        BanWish {
            network: network.to_owned(),
            hours: hours.to_owned(),
            reason: "問い合わせフォームへの連続した送信".to_owned(),
        }
    }

    fn check(wish: &BanWish) -> Result<(String, bool), Vec<&'static str>> {
        let allowed = ["203.0.113.0/24".parse().expect("a network")];
        wish.check(&allowed, Timestamp::UNIX_EPOCH)
            .map(|(network, until)| (network.to_string(), until.is_some()))
            .map_err(|wrong| wrong.into_iter().map(|(_, key)| key).collect())
    }

    #[test]
    fn an_address_is_its_household_and_offices_are_never_kept_out() {
        assert_eq!(
            check(&wish("192.0.2.9", "24")),
            Ok(("192.0.2.9/32".to_owned(), true))
        );
        assert_eq!(
            check(&wish(" 2001:db8:0:1::5 ", "")),
            Ok(("2001:db8:0:1::/64".to_owned(), false))
        );
        assert_eq!(
            check(&wish("192.0.2.77/24", "1")),
            Ok(("192.0.2.0/24".to_owned(), true))
        );
        for (text, key) in [
            ("203.0.113.8", "gateway-ban-allowed"),
            ("203.0.113.128/25", "gateway-ban-allowed"),
            ("10.0.0.0/8", "gateway-ban-too-wide"),
            ("2001::/16", "gateway-ban-too-wide"),
            ("example.jp", "gateway-ban-wrong-network"),
            ("", "gateway-ban-wrong-network"),
        ] {
            assert_eq!(check(&wish(text, "1")), Err(vec![key]), "{text}");
        }
        for hours in ["0", "-1", "9000", "x", "1.5"] {
            assert_eq!(
                check(&wish("192.0.2.9", hours)),
                Err(vec!["gateway-ban-wrong-hours"])
            );
        }
        let silent = BanWish {
            reason: " ".to_owned(),
            ..wish("192.0.2.9", "1")
        };
        assert_eq!(check(&silent), Err(vec!["gateway-wrong-reason"]));
    }
}
