//! Brings the bans of a running data plane and those of the database together.
//!
//! Whoever changed something wins over whoever did not: a row that is another than it was goes to the
//! data plane, a ban of the data plane that is another than it was goes to the database. When both
//! changed, the person's row wins, for it is read first.

use std::collections::BTreeMap;

use jiff::Timestamp;
use mamori_kernel::Ban;
use mamori_kernel::barrier::IpNet;
use mamori_proxy::IpsHandle;
use mamori_store::{Db, Result};

use super::{Stored, store};

/// What both sides held when they were last the same.
#[derive(Debug)]
pub struct Keeper {
    ips: IpsHandle,
    revision: i64,
    known: BTreeMap<IpNet, Ban>,
}

impl Keeper {
    /// Gives the data plane what is stored.
    pub async fn start(db: &Db, ips: IpsHandle) -> Result<Self> {
        let mut keeper = Self {
            ips,
            revision: i64::MIN,
            known: BTreeMap::new(),
        };
        keeper.sync(db).await?;
        Ok(keeper)
    }

    /// Brings both sides together; does nothing when neither changed.
    pub async fn sync(&mut self, db: &Db) -> Result<()> {
        let revision = store::revision(db).await?;
        let mut lifted = Vec::new();
        if revision != self.revision {
            lifted = self.take(store::all(db).await?);
            self.revision = revision;
        }
        let now = self.remembered();
        let changed: Vec<Stored> = now
            .iter()
            .filter(|(network, ban)| self.known.get(network) != Some(*ban))
            .map(|(_, ban)| Stored {
                ban: ban.clone(),
                author: String::new(),
                lifted: false,
            })
            .collect();
        let gone = self
            .known
            .keys()
            .filter(|network| !now.contains_key(network));
        lifted.extend(gone.copied());
        if changed.is_empty() && lifted.is_empty() {
            return Ok(());
        }
        let mut tx = db.begin_write().await?;
        let counted = store::count_up(&mut tx).await?;
        if counted != self.revision + 1 {
            // Somebody decided meanwhile: that is read first, at the next look.
            return tx.rollback().await;
        }
        store::forget(&mut tx, &lifted).await?;
        store::set(&mut tx, &changed).await?;
        tx.commit().await?;
        self.revision = counted;
        self.known = now;
        Ok(())
    }

    /// Takes over what the database holds; gives the networks that can be forgotten there.
    fn take(&mut self, rows: Vec<Stored>) -> Vec<IpNet> {
        let mut lifted = Vec::new();
        let mut held = BTreeMap::new();
        for stored in rows {
            let network = stored.ban.network;
            if stored.lifted {
                self.ips.lift(network);
                lifted.push(network);
            } else {
                if self.known.get(&network) != Some(&stored.ban) {
                    self.ips.restore([stored.ban.clone()]);
                }
                held.insert(network, stored.ban);
            }
        }
        // What another gateway forgot is forgotten here too, unless it was banned here anew.
        let now = self.remembered();
        for (network, ban) in &self.known {
            if !held.contains_key(network) && now.get(network) == Some(ban) {
                self.ips.lift(*network);
            }
        }
        self.known = held;
        lifted
    }

    fn remembered(&self) -> BTreeMap<IpNet, Ban> {
        let bans = self.ips.remembered();
        bans.into_iter()
            .map(|ban| (ban.network, as_stored(ban)))
            .collect()
    }
}

/// A ban as it comes back from the database, whose instants are milliseconds.
fn as_stored(mut ban: Ban) -> Ban {
    ban.since = in_milliseconds(ban.since);
    ban.until = ban.until.map(in_milliseconds);
    ban
}

fn in_milliseconds(at: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(at)
}
