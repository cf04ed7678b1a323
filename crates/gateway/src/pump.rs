//! From what the data plane tells to what is kept: access records, traffic by day, what the firewall
//! found, what watches saw.
//!
//! One transaction a second at most, whatever the traffic. Beyond [`MOST_FINDINGS`] findings a
//! second the rest is counted as traffic and not kept one by one: an attack must not fill the disk
//! with itself.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;
use mamori_kernel::clock::tokyo_date;
use mamori_proxy::{Access, Event, Events, Firewall, Intrusion, Outcome};
use mamori_store::Db;

use crate::access::{self, Writer};
use crate::bans::store::{self as ban_store, Seen};
use crate::jobs::KEEP_MINUTES;
use crate::model::{Finding, Matched, Traffic};
use crate::store;
use crate::tally::{self, Tally};

/// How long events gather.
const EVERY: Duration = Duration::from_secs(1);
/// Events taken at once.
const MOST_EVENTS: usize = 65_536;
/// How long the disk may take for a batch of access records before that is told.
const DISK_WITHIN: Duration = Duration::from_secs(30);
const NO_DISK: &str = "the disk does not answer; check it, and whether its folder is on a network";
/// Findings kept of one second.
const MOST_FINDINGS: usize = 200;

/// What the pump lost, for the figures of the console.
#[derive(Debug, Default)]
pub struct Losses {
    /// Events that came faster than they were taken.
    pub events: AtomicU64,
    /// Findings beyond what is kept of a second.
    pub findings: AtomicU64,
    /// Access records that could not be written.
    pub unwritten: AtomicU64,
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

    fn set_access_trouble(&self, trouble: &str) {
        let mut access = self.access.lock().unwrap_or_else(PoisonError::into_inner);
        if *access != trouble {
            trouble.clone_into(&mut access);
        }
    }
}

/// Takes events until nobody tells any more.
pub async fn run(db: Db, mut events: Events, folder: PathBuf, losses: Arc<Losses>) {
    let mut taken = Vec::new();
    let mut pump = Pump {
        db,
        writer: Writer::open(folder.clone()),
        folder,
        batch: Batch::default(),
        lost: events.counter(),
        losses,
    };
    loop {
        let count = events.gather(&mut taken, MOST_EVENTS).await;
        taken = pump.take(taken).await;
        if count == 0 {
            return;
        }
        tokio::time::sleep(EVERY).await;
    }
}

struct Pump {
    db: Db,
    folder: PathBuf,
    writer: Writer,
    batch: Batch,
    /// Events that came faster than they were taken.
    lost: Arc<AtomicU64>,
    losses: Arc<Losses>,
}

impl Pump {
    /// Keeps what the events say. Gives their empty list back.
    async fn take(&mut self, taken: Vec<Event>) -> Vec<Event> {
        let mut taken = self.log(taken).await;
        self.losses.set_access_trouble(self.writer.trouble());
        for event in taken.drain(..) {
            self.batch.take(event);
        }
        let left_out = std::mem::take(&mut self.batch.left_out);
        self.losses.findings.fetch_add(left_out, Ordering::Relaxed);
        self.note_lost();
        if !self.batch.is_empty() {
            match write(&self.db, &self.batch).await {
                Ok(()) => self.batch = Batch::default(),
                // What was counted stays for the next second; findings are bounded.
                Err(error) => tracing::error!(%error, "the gateway's traffic was not written"),
            }
        }
        taken
    }

    /// Writes access records on a thread that may wait for the disk. Should it break, the log is
    /// opened anew and what may be missing is counted: no later record may be lost with it.
    async fn log(&mut self, events: Vec<Event>) -> Vec<Event> {
        let events = Arc::new(events);
        let unused = Writer::unopened(self.folder.clone());
        let mut writer = std::mem::replace(&mut self.writer, unused);
        let own = Arc::clone(&events);
        let mut writing = tokio::task::spawn_blocking(move || {
            let missing = writer.write(&own);
            (writer, missing)
        });
        let written = loop {
            if let Ok(written) = tokio::time::timeout(DISK_WITHIN, &mut writing).await {
                break written;
            }
            self.note_lost();
            tracing::error!("the disk of the access records does not answer");
            self.losses.set_access_trouble(NO_DISK);
        };
        let missing = match written {
            Ok((writer, missing)) => {
                self.writer = writer;
                missing
            }
            Err(error) => {
                tracing::error!(%error, "the thread of the access log broke; it is begun anew");
                access::records(&events)
            }
        };
        self.losses.unwritten.fetch_add(missing, Ordering::Relaxed);
        Arc::unwrap_or_clone(events)
    }

    fn note_lost(&self) {
        let lost = self.lost.load(Ordering::Relaxed);
        self.losses.events.store(lost, Ordering::Relaxed);
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

#[cfg(test)]
mod tests {
    use mamori_proxy::access_log::Archive;
    use mamori_testkit::TestApp;

    use super::*;

    fn refused(at: Timestamp) -> Event {
        Event::Refused {
            at,
            peer: std::net::Ipv4Addr::LOCALHOST.into(),
            listener: "http-0".into(),
            id: None,
            refusal: mamori_proxy::Refusal::Tls,
        }
    }

    fn kept(folder: &std::path::Path) -> usize {
        let archive = Archive::new(folder);
        let files = archive.files().expect("read");
        let lines = |file: &_| archive.lines(*file, 0).expect("read").count();
        files.iter().map(lines).sum()
    }

    #[tokio::test]
    async fn a_writer_that_breaks_or_has_no_place_is_counted_and_begun_anew() {
        let test = TestApp::builder().with(crate::capability()).open().await;
        let folder = test.app.config.data_dir.join("access");
        let losses = Arc::new(Losses::default());
        let mut pump = Pump {
            db: test.app.db.clone(),
            writer: Writer::open(folder.clone()),
            folder: folder.clone(),
            batch: Batch::default(),
            lost: Arc::new(AtomicU64::new(7)),
            losses: Arc::clone(&losses),
        };
        let two = || vec![refused(test.app.now()), refused(test.app.now())];
        let unwritten = || losses.unwritten.load(Ordering::Relaxed);
        pump.take(two()).await;
        assert_eq!((kept(&folder), unwritten()), (2, 0));
        pump.writer.breaks = true;
        pump.take(two()).await;
        assert_eq!((kept(&folder), unwritten()), (2, 2));
        pump.take(two()).await;
        assert_eq!((kept(&folder), unwritten()), (4, 2));
        assert_eq!(losses.access_trouble(), "");

        // A file where the folder was: nothing can be written until that is mended.
        let away = folder.with_file_name("away");
        std::fs::rename(&folder, &away).expect("renamed");
        std::fs::write(&folder, "").expect("written");
        pump.writer = Writer::open(folder.clone());
        pump.take(two()).await;
        assert_eq!(unwritten(), 4);
        assert_ne!(losses.access_trouble(), "");
        std::fs::remove_file(&folder).expect("removed");
        std::fs::rename(&away, &folder).expect("renamed");
        pump.take(two()).await;
        assert_eq!((kept(&folder), unwritten()), (6, 4));
        assert_eq!(losses.access_trouble(), "");
        assert_eq!(losses.events.load(Ordering::Relaxed), 7);
    }
}
