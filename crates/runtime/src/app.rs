//! The application: what every page, job and command works with, opened once.

use std::any::{Any, TypeId};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Deref;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use jiff::Timestamp;
use mamori_kernel::Clock;
use mamori_kernel::ledger::{NewRecord, Record};
use mamori_kernel::merkle::Digest;
use mamori_store::{Blob, Blobs, Db, Ledger, LedgerKey, Migration, Tx};
use tokio::sync::Notify;

use crate::capability::{Capability, HookError};
use crate::config::Config;
use crate::job::JobKind;
use crate::notify::subscription;
use crate::schedule::OpenDays;
use crate::telemetry::{LEDGER_RECORDS, Metrics};

/// The contract id of the chain that holds what concerns the installation rather than a contract
/// (`job.failed`, `user.added`, …).
pub const SYSTEM_CHAIN: &str = "system";

/// The application. Cloning is cheap: all clones are handles to the same state.
#[derive(Clone)]
pub struct App(Arc<State>);

/// What [`App`] derefs to.
pub struct State {
    /// Configuration.
    pub config: Config,
    /// Database, with the ledgers in it.
    pub db: Db,
    /// Appends to ledgers with group commit, for evidence that comes in streams. Evidence of a
    /// change goes through [`App::append`], in the change's own transaction.
    pub ledger: Ledger,
    /// Files, by their digest. Its methods block: use [`App::store_blob`] and [`App::read_blob`].
    pub blobs: Blobs,
    /// Signs checkpoints of ledgers.
    pub ledger_key: LedgerKey,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Metrics of the process.
    pub metrics: Metrics,
    capabilities: Vec<Capability>,
    kinds: BTreeMap<&'static str, JobKind>,
    slots: RwLock<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>,
    open_days: RwLock<Arc<dyn OpenDays>>,
    pub(crate) jobs_queued: Notify,
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App")
            .field("db", &self.db)
            .field("capabilities", &self.capabilities)
            .finish_non_exhaustive()
    }
}

impl Deref for App {
    type Target = State;

    fn deref(&self) -> &State {
        &self.0
    }
}

/// The application cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The database or the data directory.
    #[error(transparent)]
    Store(#[from] mamori_store::Error),
    /// The list of capabilities contradicts itself: a mistake in the program.
    #[error("capability list is wrong: {0}")]
    Capabilities(String),
    /// A capability could not start.
    #[error("{capability}: {error}")]
    Start {
        /// Its id.
        capability: &'static str,
        /// Why.
        error: HookError,
    },
}

impl App {
    /// Opens database and data directory, migrates, starts the capabilities.
    ///
    /// `capabilities` come on top of the runtime's own (delivery of notifications, pruning); ids,
    /// job kinds, schedules and routes must not repeat.
    pub async fn open(
        config: Config,
        clock: Arc<dyn Clock>,
        capabilities: Vec<Capability>,
    ) -> Result<Self, OpenError> {
        let mut all = vec![crate::builtin::capability()];
        all.extend(capabilities);
        check(&all).map_err(OpenError::Capabilities)?;
        let db = Db::open(config.database_url().expose()).await?;
        let migrations = migrations(&all);
        db.migrate(&migrations).await?;
        db.check_no_foreign_migrations(&migrations).await?;
        let kinds = all
            .iter()
            .flat_map(|capability| &capability.jobs)
            .map(|kind| (kind.name, kind.clone()))
            .collect();
        let ledger_key = LedgerKey::open_or_create(&config.data_dir.join("keys/ledger.key"))?;
        // The writer ends with the last handle to the application.
        let (ledger, _writer) = Ledger::start(db.clone());
        let app = Self(Arc::new(State {
            blobs: Blobs::new(config.data_dir.join("blobs")),
            ledger,
            ledger_key,
            config,
            db,
            clock,
            metrics: Metrics::global(),
            capabilities: all,
            kinds,
            slots: RwLock::default(),
            open_days: RwLock::new(Arc::new(crate::open_days::LawCalendar::default())),
            jobs_queued: Notify::new(),
        }));
        for capability in &app.capabilities {
            if let Some(start) = &capability.start {
                start(app.clone()).await.map_err(|error| OpenError::Start {
                    capability: capability.id,
                    error,
                })?;
            }
        }
        Ok(app)
    }

    /// The present instant.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// All capabilities, the runtime's own first.
    pub fn capabilities(&self) -> &[Capability] {
        &self.capabilities
    }

    /// The kind of job of that name.
    pub fn job_kind(&self, name: &str) -> Option<&JobKind> {
        self.kinds.get(name)
    }

    /// Appends evidence in `tx`: `tx.append`, the webhooks that subscribed to it, the metric.
    pub async fn append(
        &self,
        tx: &mut Tx,
        record: NewRecord,
    ) -> Result<Record, mamori_store::Error> {
        let kind = record.kind.clone();
        let record = tx.append(record).await?;
        subscription::appended(self, tx, &record.contract, &kind).await?;
        metrics::counter!(LEDGER_RECORDS, "kind" => kind).increment(1);
        Ok(record)
    }

    /// Stores a file; durable when this returns. Note it with `tx.record_blob` in the transaction
    /// of the change that names it.
    pub async fn store_blob(&self, bytes: Vec<u8>) -> Result<Blob, mamori_store::Error> {
        let blobs = self.blobs.clone();
        blocking(move || blobs.put(&bytes)).await
    }

    /// All bytes of a file, checked against its name.
    pub async fn read_blob(&self, sha256: Digest) -> Result<Vec<u8>, mamori_store::Error> {
        let blobs = self.blobs.clone();
        blocking(move || blobs.read(&sha256)).await
    }

    /// Names of all kinds of job.
    pub fn job_kinds(&self) -> impl Iterator<Item = &'static str> {
        self.kinds.keys().copied()
    }

    /// Puts a capability's state where others find it by type; replaces what was there.
    pub fn provide<T: Any + Send + Sync>(&self, value: Arc<T>) {
        self.slots
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(TypeId::of::<T>(), value);
    }

    /// The state of type `T`, if a capability provided it.
    pub fn slot<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        let slots = self.slots.read().unwrap_or_else(PoisonError::into_inner);
        let value = Arc::clone(slots.get(&TypeId::of::<T>())?);
        drop(slots);
        value.downcast().ok()
    }

    /// The state of type `T`, made at the first call.
    pub fn slot_or_default<T: Any + Send + Sync + Default>(&self) -> Arc<T> {
        if let Some(value) = self.slot::<T>() {
            return value;
        }
        let mut slots = self.slots.write().unwrap_or_else(PoisonError::into_inner);
        let value = slots
            .entry(TypeId::of::<T>())
            .or_insert_with(|| Arc::new(T::default()));
        Arc::clone(value)
            .downcast()
            .expect("the slot of a type holds that type")
    }

    /// Which days count as open for schedules.
    pub fn open_days(&self) -> Arc<dyn OpenDays> {
        Arc::clone(
            &self
                .open_days
                .read()
                .unwrap_or_else(PoisonError::into_inner),
        )
    }

    /// Sets the contract's calendar (default: the holiday law and 12/29–1/3).
    pub fn set_open_days(&self, days: Arc<dyn OpenDays>) {
        *self
            .open_days
            .write()
            .unwrap_or_else(PoisonError::into_inner) = days;
    }

    /// Folder of the local mail sink.
    pub fn mail_sink(&self) -> PathBuf {
        self.config.data_dir.join("mail")
    }

    /// Folder of contract files.
    pub fn contracts_dir(&self) -> PathBuf {
        self.config.data_dir.join("contracts")
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, mamori_store::Error> + Send + 'static,
) -> Result<T, mamori_store::Error> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| mamori_store::Error::Unavailable {
            detail: error.to_string(),
        })?
}

/// All migrations of the program: the store's own and those of the capabilities.
pub fn migrations(capabilities: &[Capability]) -> Vec<Migration> {
    mamori_store::MIGRATIONS
        .iter()
        .copied()
        .chain(
            capabilities
                .iter()
                .flat_map(|capability| capability.migrations.iter().copied()),
        )
        .collect()
}

/// What must hold of a list of capabilities, as one text with all mistakes.
pub fn check(capabilities: &[Capability]) -> Result<(), String> {
    let mut wrong = Vec::new();
    let mut seen = BTreeSet::new();
    let mut once = |what: &str, name: String| {
        if !seen.insert(format!("{what} {name}")) {
            wrong.push(format!("{what} {name} twice"));
        }
    };
    for capability in capabilities {
        once("capability", capability.id.to_owned());
        for kind in &capability.jobs {
            once("job", kind.name.to_owned());
        }
        for schedule in &capability.schedules {
            once("schedule", schedule.name.to_owned());
        }
        for route in &capability.routes {
            once("route", format!("{} {}", route.verb.as_str(), route.path));
        }
        for kind in &capability.evidence {
            once("evidence", format!("{} v{}", kind.kind, kind.version));
        }
        for tile in &capability.tiles {
            once("tile", tile.key.to_owned());
        }
        for source in &capability.search {
            once("source of the search", source.key.to_owned());
        }
        for setting in &capability.settings {
            once("setting", setting.key.to_owned());
        }
        for check in &capability.health {
            once("health check", check.name.to_owned());
        }
    }
    let kinds: BTreeSet<&str> = capabilities
        .iter()
        .flat_map(|capability| &capability.jobs)
        .map(|kind| kind.name)
        .collect();
    for capability in capabilities {
        for schedule in &capability.schedules {
            if !kinds.contains(schedule.job) {
                wrong.push(format!(
                    "schedule {} names the unknown job {}",
                    schedule.name, schedule.job
                ));
            }
        }
        for kind in &capability.jobs {
            if kind.retry.attempts == 0 {
                wrong.push(format!("job {} is never tried", kind.name));
            }
        }
    }
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(wrong.join("; "))
    }
}
