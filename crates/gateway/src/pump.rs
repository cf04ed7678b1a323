//! From what the data plane tells to what is kept: access records, traffic by day, what the firewall
//! found, what watches saw.
//!
//! One transaction a second at most, whatever the traffic. Beyond [`MOST_FINDINGS`] findings a
//! second the rest is counted as traffic and not kept one by one: an attack must not fill the disk
//! with itself.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;
use mamori_kernel::clock::tokyo_date;
use mamori_proxy::{Access, Event, Events, Firewall, Intrusion, Outcome};
use mamori_store::Db;

use crate::access::Writer;
use crate::bans::store::{self as ban_store, Seen};
use crate::jobs::KEEP_MINUTES;
use crate::model::{Finding, Matched, Traffic};
use crate::store;
use crate::tally::{self, Tally};

/// How long events gather.
const EVERY: Duration = Duration::from_secs(1);
/// Events taken at once.
const MOST_EVENTS: usize = 65_536;
/// Findings kept of one second.
const MOST_FINDINGS: usize = 200;

/// What the pump lost, for the figures of the console.
#[derive(Debug, Default)]
pub struct Losses {
    /// Events that came faster than they were taken.
    pub events: AtomicU64,
    /// Findings beyond what is kept of a second.
    pub findings: AtomicU64,
    /// Why access records are not written; empty: they are.
    access: Mutex<String>,
}

impl Losses {
    /// Why access records are not written; empty: they are.
    pub fn access_trouble(&self) -> String {
        self.access
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// Takes events until nobody tells any more.
pub async fn run(db: Db, mut events: Events, mut writer: Writer, losses: Arc<Losses>) {
    let mut taken = Vec::new();
    let mut batch = Batch::default();
    loop {
        let count = events.gather(&mut taken, MOST_EVENTS).await;
        (writer, taken) = match logged(writer, taken).await {
            Ok(both) => both,
            Err(error) => {
                tracing::error!(%error, "the thread of the access log broke");
                return;
            }
        };
        if writer.trouble() != losses.access_trouble() {
            let mut access = losses.access.lock().unwrap_or_else(PoisonError::into_inner);
            writer.trouble().clone_into(&mut access);
        }
        for event in taken.drain(..) {
            batch.take(event);
        }
        losses.events.store(events.lost(), Ordering::Relaxed);
        losses
            .findings
            .fetch_add(std::mem::take(&mut batch.left_out), Ordering::Relaxed);
        if !batch.is_empty() {
            match write(&db, &batch).await {
                Ok(()) => batch = Batch::default(),
                // What was counted stays for the next second; findings are bounded.
                Err(error) => tracing::error!(%error, "the gateway's traffic was not written"),
            }
        }
        if count == 0 {
            return;
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// Keeps events of the past, as [`run`] would have, without what is forgotten again by now.
pub(crate) async fn keep(db: &Db, events: Vec<Event>, now: Timestamp) -> mamori_store::Result<()> {
    let mut batch = Batch::default();
    for event in events {
        batch.take(event);
    }
    let first = tally::minute_of(now.checked_sub(KEEP_MINUTES).unwrap_or(Timestamp::MIN));
    batch
        .tally
        .minutes
        .retain(|(_, minute), _| *minute >= first);
    write(db, &batch).await
}

/// Writes access records on a thread that may wait for the disk.
async fn logged(
    mut writer: Writer,
    events: Vec<Event>,
) -> Result<(Writer, Vec<Event>), tokio::task::JoinError> {
    tokio::task::spawn_blocking(move || {
        writer.write(&events);
        (writer, events)
    })
    .await
}

async fn write(db: &Db, batch: &Batch) -> mamori_store::Result<()> {
    let mut tx = db.begin_write().await?;
    ban_store::add_seen(&mut tx, &batch.seen).await?;
    store::add_traffic(&mut tx, &batch.traffic).await?;
    store::add_findings(&mut tx, &batch.findings).await?;
    tally::store::add(&mut tx, &batch.tally).await?;
    tx.commit().await
}

/// What gathered since the last transaction.
#[derive(Debug, Default)]
struct Batch {
    traffic: BTreeMap<(String, Date), Traffic>,
    tally: Tally,
    findings: Vec<Finding>,
    seen: BTreeMap<(Date, String), Seen>,
    left_out: u64,
}

impl Batch {
    fn is_empty(&self) -> bool {
        self.traffic.is_empty()
            && self.tally.is_empty()
            && self.findings.is_empty()
            && self.seen.is_empty()
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Access(access) => {
                self.tally.access(&access);
                self.count(&access);
            }
            Event::Waf(firewall) if is_finding(&firewall) => {
                self.tally.firewall(&firewall);
                if !firewall.refused {
                    let key = (firewall.site.to_string(), tokyo_date(firewall.at));
                    self.traffic.entry(key).or_default().observed += 1;
                }
                if self.findings.len() < MOST_FINDINGS {
                    self.findings.push(finding(*firewall));
                } else {
                    self.left_out += 1;
                }
            }
            Event::Intrusion(intrusion) => self.see(&intrusion),
            _ => {}
        }
    }

    fn see(&mut self, intrusion: &Intrusion) {
        let key = (tokyo_date(intrusion.at), intrusion.watch.to_string());
        let seen = self.seen.entry(key).or_default();
        seen.seen += 1;
        seen.banned += u64::from(intrusion.ban.is_some());
    }

    fn count(&mut self, access: &Access) {
        let Some(site) = &access.site else { return };
        let key = (site.to_string(), tokyo_date(access.at));
        let refused = access.outcome == Outcome::Firewall;
        self.traffic.entry(key).or_default().add(Traffic {
            requests: 1,
            refused: u64::from(refused),
            observed: 0,
            broken: u64::from(matches!(access.outcome, Outcome::Upstream(_))),
            bytes_in: access.bytes_in,
            bytes_out: access.bytes_out,
        });
    }
}

/// Whether something was refused, or would have been, had a mode or a rule not only to observe.
fn is_finding(firewall: &Firewall) -> bool {
    firewall.refused
        || firewall.would_refuse
        || firewall.matches.iter().any(|matched| matched.observed)
}

fn finding(firewall: Firewall) -> Finding {
    Finding {
        id: firewall.id.to_string(),
        site: firewall.site.to_string(),
        at: firewall.at,
        client: firewall.client.to_string(),
        method: firewall.method,
        path: firewall.path,
        mode: firewall.mode,
        refused: firewall.refused,
        score: firewall.score,
        incomplete: firewall.incomplete,
        matches: firewall
            .matches
            .into_iter()
            .map(|matched| Matched {
                rule: matched.rule,
                message: matched.message,
                tags: matched.tags,
                observed: matched.observed,
                hits: matched.hits,
            })
            .collect(),
    }
}
