//! Against clients that overdo it (clause 6: IPS): networks, rates, watches and bans.
//!
//! What the policy says is data ([`crate::IpsPolicy`]); what clients did is kept here and outlives
//! policies. Everything is bounded, nothing waits. Offices and monitoring are never touched, nor is a
//! trusted proxy that does not say for whom it asks.

mod bans;
mod debts;
mod handle;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use http::Method;
use jiff::Timestamp;
use mamori_kernel::Ban;

pub use handle::{IpsFigures, IpsHandle};

use crate::event::{Access, Outcome, Refusal, RequestId};
use crate::policy::{Folded, IpsPolicy, PolicyParts, Sign, Watch};
use bans::Bans;
use debts::{Debtor, Debts, Terms};

/// How much of an answer is searched for a text.
const BEGINNING: usize = 32 * 1024;

/// What clients did.
#[derive(Debug)]
pub(crate) struct Ips {
    debts: Debts,
    bans: Bans,
    /// Rates and watches by their names: what is owed to one is owed to it under the next policy.
    rules: Mutex<HashMap<Arc<str>, u32>>,
}

/// What a policy asks, made ready for comparing.
#[derive(Debug)]
pub(crate) struct Prepared {
    rates: Vec<(u32, Terms)>,
    watches: Vec<(u32, Terms)>,
}

/// Somebody asks for something.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) client: IpAddr,
    pub(crate) site: &'a str,
    pub(crate) method: &'a Method,
    pub(crate) path: &'a str,
}

/// Why a request is not let in, by whom, and when to come again (seconds).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) refusal: Refusal,
    pub(crate) by: Arc<str>,
    pub(crate) wait: Option<u64>,
}

/// A watch saw too much.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Overdone {
    pub(crate) watch: Arc<str>,
    pub(crate) ban: Option<Ban>,
}

/// What watches look at in one request and its answer. Chosen when the request comes, from all of its
/// path: records keep only a part of a long one.
#[derive(Debug, Default)]
pub(crate) struct Watching {
    /// Numbers of the watches that are about the request.
    rules: Vec<u32>,
    /// The beginning of the answer, if one of them looks for a text there.
    beginning: Option<Vec<u8>>,
}

impl Watching {
    /// Whether the answer has to come as it is, not packed.
    pub(crate) fn reads_answer(&self) -> bool {
        self.beginning.is_some()
    }

    /// A part of the answer was handed over.
    pub(crate) fn take(&mut self, piece: &[u8]) {
        if let Some(beginning) = &mut self.beginning {
            let room = BEGINNING - beginning.len();
            beginning.extend_from_slice(&piece[..piece.len().min(room)]);
        }
    }

    fn saw(&self, text: &str) -> bool {
        let beginning = self.beginning.as_deref().unwrap_or_default();
        memchr::memmem::find(beginning, text.as_bytes()).is_some()
    }
}

/// The one that is too many is the one that does not pass any more.
fn terms(watch: &Watch) -> Terms {
    let terms = Terms::new(watch.count, watch.within, 1);
    Terms {
        most: terms.cost.saturating_mul(i64::from(watch.count) - 1),
        ..terms
    }
}

/// Whether nothing here is about this address.
pub(crate) fn is_exempt(parts: &PolicyParts, address: IpAddr) -> bool {
    parts.allowed.contains(address) || parts.trusted_proxies.contains(address)
}

impl Ips {
    pub(crate) fn new(policy: &IpsPolicy) -> Self {
        Self {
            debts: Debts::new(policy.places),
            bans: Bans::default(),
            rules: Mutex::default(),
        }
    }

    pub(crate) fn prepare(&self, policy: &IpsPolicy) -> Prepared {
        let mut rules = self.rules.lock().unwrap_or_else(PoisonError::into_inner);
        let mut number = |name: &Arc<str>| {
            let next = u32::try_from(rules.len()).unwrap_or(u32::MAX);
            *rules.entry(Arc::clone(name)).or_insert(next)
        };
        Prepared {
            rates: policy
                .rates
                .iter()
                .map(|rate| {
                    let terms = Terms::new(rate.count, rate.within, rate.burst);
                    (number(&rate.name), terms)
                })
                .collect(),
            watches: policy
                .watches
                .iter()
                .map(|watch| (number(&watch.name), terms(watch)))
                .collect(),
        }
    }

    /// The ban of an address, for connections.
    pub(crate) fn ban(&self, address: IpAddr, now: Timestamp) -> Option<Ban> {
        self.bans.of(address, now)
    }

    /// Lets a request in, or says why not. `Ok`: the name of a network rule that only tells.
    pub(crate) fn admit(
        &self,
        policy: &IpsPolicy,
        prepared: &Prepared,
        asked: Asked<'_>,
        now: Timestamp,
    ) -> Result<Option<Arc<str>>, Kept> {
        if let Some(ban) = self.ban(asked.client, now) {
            let by = match &ban.cause {
                mamori_kernel::BanCause::Watch { watch } => watch.as_str(),
                mamori_kernel::BanCause::Person { .. } => "person",
            };
            return Err(Kept {
                refusal: Refusal::Banned,
                by: by.into(),
                wait: ban
                    .until
                    .map(|until| seconds(until.duration_since(now).as_millis())),
            });
        }
        if policy.networks.is_empty() && policy.rates.is_empty() {
            return Ok(None);
        }
        let path = Folded::new(asked.path);
        let mut noted = None;
        for rule in &policy.networks {
            if rule.networks.contains(asked.client) == rule.inside
                && rule.requests.contain(asked.site, asked.method, &path)
            {
                if rule.refuses {
                    return Err(Kept {
                        refusal: Refusal::Network,
                        by: Arc::clone(&rule.name),
                        wait: None,
                    });
                }
                noted = Some(Arc::clone(&rule.name));
            }
        }
        for (rate, (rule, terms)) in policy.rates.iter().zip(&prepared.rates) {
            if !rate.requests.contain(asked.site, asked.method, &path) {
                continue;
            }
            let debtor = Debtor::new(asked.client, *rule);
            if let Err(wait) = self.debts.charge(debtor, *terms, now.as_microsecond()) {
                return Err(Kept {
                    refusal: Refusal::TooManyRequests,
                    by: Arc::clone(&rate.name),
                    wait: Some(seconds(i128::from(wait / 1000))),
                });
            }
        }
        Ok(noted)
    }

    /// A request has ended: what watches make of it.
    pub(crate) fn ended(
        &self,
        policy: &IpsPolicy,
        prepared: &Prepared,
        watching: &Watching,
        access: &Access,
        now: impl Fn() -> Timestamp,
    ) -> Vec<Overdone> {
        let mut overdone = Vec::new();
        for (watch, numbered) in policy.watches.iter().zip(&prepared.watches) {
            let seen = |sign| shows(sign, access, watching);
            if watching.rules.contains(&numbered.0) && watch.signs.iter().any(seen) {
                overdone.extend(self.count(policy, watch, *numbered, access.client, now()));
            }
        }
        overdone
    }

    /// Something came that is no request.
    pub(crate) fn malformed(
        &self,
        policy: &IpsPolicy,
        prepared: &Prepared,
        peer: IpAddr,
        now: Timestamp,
    ) -> Vec<Overdone> {
        let mut overdone = Vec::new();
        for (watch, numbered) in policy.watches.iter().zip(&prepared.watches) {
            if watch.signs.contains(&Sign::Malformed) {
                overdone.extend(self.count(policy, watch, *numbered, peer, now));
            }
        }
        overdone
    }

    fn count(
        &self,
        policy: &IpsPolicy,
        watch: &Watch,
        (rule, terms): (u32, Terms),
        client: IpAddr,
        now: Timestamp,
    ) -> Option<Overdone> {
        let debtor = Debtor::new(client, rule);
        self.debts
            .charge(debtor, terms, now.as_microsecond())
            .err()?;
        // Counting begins anew: after the ban, or to tell again.
        self.debts.forgive(debtor, now.as_microsecond());
        let ban = if watch.bans {
            // Requests that were on their way when the ban began are not told once more.
            Some(
                self.bans
                    .offend(client, &watch.name, &policy.banning, now)?,
            )
        } else {
            None
        };
        Some(Overdone {
            watch: Arc::clone(&watch.name),
            ban,
        })
    }
}

/// What watches of the policy look at in a request.
pub(crate) fn watching(policy: &IpsPolicy, prepared: &Prepared, asked: Asked<'_>) -> Watching {
    let mut watching = Watching::default();
    if policy.watches.is_empty() {
        return watching;
    }
    let path = Folded::new(asked.path);
    for (watch, (rule, _)) in policy.watches.iter().zip(&prepared.watches) {
        if !watch.requests.contain(asked.site, asked.method, &path) {
            continue;
        }
        watching.rules.push(*rule);
        let is_text = |sign: &Sign| matches!(sign, Sign::Text { .. });
        if watch.signs.iter().any(is_text) {
            watching.beginning.get_or_insert_default();
        }
    }
    watching
}

fn shows(sign: &Sign, access: &Access, watching: &Watching) -> bool {
    match sign {
        Sign::Status(from, to) => {
            access.outcome == Outcome::Served && (*from..=*to).contains(&access.status)
        }
        Sign::Text { status, text } => {
            access.outcome == Outcome::Served && access.status == *status && watching.saw(text)
        }
        Sign::Firewall => access.outcome == Outcome::Firewall || access.would_refuse,
        Sign::Rate => access.outcome == Outcome::Refused(Refusal::TooManyRequests),
        Sign::Malformed => false,
    }
}

fn seconds(milliseconds: i128) -> u64 {
    u64::try_from(milliseconds.max(0))
        .map_or(u64::MAX, |value| value.div_ceil(1000))
        .max(1)
}

/// Tells what watches saw.
pub(crate) fn tell(
    told: &crate::event::Told,
    overdone: Vec<Overdone>,
    at: Timestamp,
    id: Option<RequestId>,
    client: IpAddr,
) {
    for Overdone { watch, ban } in overdone {
        told.tell(crate::event::Event::Intrusion(Box::new(
            crate::event::Intrusion {
                at,
                id,
                client,
                watch,
                ban,
            },
        )));
    }
}
