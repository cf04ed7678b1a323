//! The running gateway: sockets, data plane, pump, and the watch that brings decisions into force.
//!
//! What people decide is read from the database: by whoever runs in this process at once, by a
//! gateway in another process within [`LOOK_EVERY`]. Certificates and rules are looked at as often,
//! so that whoever renews or installs them has nothing to restart. A policy that cannot be made leaves the one before in
//! force and is told: in the log, and by [`Status`] on the console.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use jiff::Timestamp;
use mamori_kernel::clock::tokyo_date;
use mamori_proxy::{Events, Policy, Server, StartError};
use mamori_rules::Folders;
use mamori_runtime::App;
use mamori_runtime::config::Gateway as Settings;
use tokio::sync::{Notify, watch};

use crate::access;
use crate::acme::keep::Keep;
use crate::bans::keeper::Keeper;
use crate::certificates::store::{self as certificate_store, Challenge};
use crate::certificates::{self, Sources};
use crate::compiled::{Compiled, OnDisk};
use crate::networks::Lists;
use crate::policy::{self, Decided, MakeError};
use crate::pump::{self, Losses};
use crate::room;
use crate::store::{self, Alive};

/// How often the database, the rules and the files of certificates are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How often it says that it runs.
const SAY_EVERY: Duration = Duration::from_mins(1);
/// Events that wait for the pump: some seconds of heavy traffic.
const EVENTS: usize = 131_072;
/// How often access records are put in order.
const TIDY_EVERY: Duration = Duration::from_hours(1);
/// How long requests may still run when the gateway stops.
const GRACE: Duration = Duration::from_secs(10);

/// What the console says of the gateway in this process.
#[derive(Debug, Clone, Default)]
pub struct Status {
    /// Since when it serves; `None`: not in this process.
    pub since: Option<Timestamp>,
    /// When the policy in force was made.
    pub policy_at: Option<Timestamp>,
    /// Why the newest decisions are not in force.
    pub trouble: Option<String>,
}

/// State that pages, jobs and the service share.
#[derive(Debug, Default)]
pub struct Running {
    status: Mutex<Status>,
    /// What was lost on the way to the database.
    pub losses: Arc<Losses>,
    changed: Notify,
}

impl Running {
    /// How it stands.
    pub fn status(&self) -> Status {
        self.lock().clone()
    }

    /// Decisions changed: they are brought into force now, not at the next look.
    pub fn changed(&self) {
        self.changed.notify_one();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Status> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The gateway does not start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// An address.
    #[error(
        "{address} で待ち受けられません（{error}）。ほかのプログラムが使っていないか（ss -ltnp）、1024 未満の番号を使う権限があるか（systemd の AmbientCapabilities=CAP_NET_BIND_SERVICE）を確かめてください"
    )]
    Bind {
        /// Which.
        address: SocketAddr,
        /// Why.
        error: std::io::Error,
    },
    /// The policy.
    #[error(transparent)]
    Make(#[from] MakeError),
    /// The data plane.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The database.
    #[error(transparent)]
    Store(#[from] mamori_store::Error),
    /// The pump.
    #[error(
        "アクセスの記録を残す処理が止まったため、ゲートウェイを終えます（{0:?}）。起動し直し、くり返すときはログを添えて知らせてください"
    )]
    Pump(Option<tokio::task::JoinError>),
    /// A thread broke.
    #[error("the policy was not made: {0}")]
    Broken(#[from] tokio::task::JoinError),
}

/// The sockets of a configuration, by the names of their listeners.
pub fn bind(settings: &Settings) -> Result<Vec<(String, TcpListener)>, ServeError> {
    room::ask_for_all();
    let mut sockets = Vec::new();
    for (tls, addresses) in [(false, &settings.http), (true, &settings.https)] {
        for (at, address) in addresses.iter().enumerate() {
            let socket = TcpListener::bind(address).map_err(|error| ServeError::Bind {
                address: *address,
                error,
            })?;
            sockets.push((policy::listener_name(tls, at), socket));
        }
    }
    Ok(sockets)
}

/// Serves until `stop` says true. Sockets come from [`bind`], before anything else is opened.
pub async fn serve(
    app: App,
    settings: Settings,
    sockets: Vec<(String, TcpListener)>,
    mut stop: watch::Receiver<bool>,
) -> Result<(), ServeError> {
    let running = app.slot_or_default::<Running>();
    let source = Source {
        lists: Arc::default(),
        settings,
        compiled: Arc::default(),
    };
    let mut seen = source.look(&app).await?;
    let made = source.make(&app, &seen).await?;
    let (told, events) = Events::channel(EVENTS);
    let server = Server::start(made, sockets, Arc::clone(&app.clock), told)?;
    let mut bans = Keeper::start(&app.db, server.ips()).await?;
    let mut pump = tokio::spawn(pump::run(
        app.db.clone(),
        events,
        access::folder(&app),
        Arc::clone(&running.losses),
    ));
    *running.lock() = Status {
        since: Some(app.now()),
        policy_at: Some(app.now()),
        trouble: None,
    };
    tracing::info!(sites = source.settings.sites.len(), "the gateway serves");
    let mut said: Option<Instant> = None;
    let mut tidied: Option<(Instant, String)> = None;
    loop {
        // That records are not written is to be seen at once, and that they are again.
        let trouble = running.losses.access_trouble();
        if tidied
            .as_ref()
            .is_none_or(|(at, noted)| at.elapsed() >= TIDY_EVERY || *noted != trouble)
        {
            tidy(&app, &source.settings, trouble.clone()).await;
            tidied = Some((Instant::now(), trouble));
        }
        if said.is_none_or(|said| said.elapsed() >= SAY_EVERY) {
            say_alive(&app, &running).await;
            certificates::jobs::ask_for_what_is_due(&app).await;
            said = Some(Instant::now());
        }
        let ended = tokio::select! {
            _ = stop.wait_for(|stop| *stop) => break,
            ended = &mut pump => Some(ended),
            () = running.changed.notified() => None,
            () = tokio::time::sleep(LOOK_EVERY) => None,
        };
        // Without it there would be no records: the process ends, and whoever began it sees that.
        if let Some(ended) = ended {
            running.lock().since = None;
            server.stop(Duration::ZERO).await;
            return Err(ServeError::Pump(ended.err()));
        }
        match source.look(&app).await {
            Ok(now) if now != seen => {
                seen = now;
                source.renew(&app, &seen, &server, &running).await;
                said = None;
            }
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "decisions about the gateway were not read"),
        }
        keep(&app, &mut bans).await;
    }
    running.lock().since = None;
    server.stop(GRACE).await;
    keep(&app, &mut bans).await;
    // The pump ends when nobody is left who could tell it something.
    drop(bans);
    if let Err(error) = pump.await {
        tracing::error!(%error, "the gateway's pump broke");
    }
    Ok(())
}

/// Bans outlive a restart and hold at every gateway; without the database they hold here all the same.
async fn keep(app: &App, bans: &mut Keeper) {
    if let Err(error) = bans.sync(&app.db).await {
        tracing::warn!(%error, "bans were not stored");
    }
}

async fn tidy(app: &App, settings: &Settings, trouble: String) {
    let folder = access::folder(app);
    let (now, days) = (app.now(), settings.access_days);
    if let Err(error) = access::tidy(&app.db, folder, now, days, trouble).await {
        tracing::warn!(%error, "what is kept of access records was not noted");
    }
}

/// Tells a gateway in this process that something was decided.
pub fn told(app: &App) {
    app.slot_or_default::<Running>().changed();
}

/// Says that the gateway runs, and how, for pages and jobs in whatever process.
async fn say_alive(app: &App, running: &Running) {
    let status = running.status();
    let now = app.now();
    let alive = Alive {
        at: now,
        since: status.since.unwrap_or(now),
        policy_at: status.policy_at.unwrap_or(now),
        trouble: status.trouble.unwrap_or_default(),
        lost: running.losses.events.load(Ordering::Relaxed),
        left_out: running.losses.findings.load(Ordering::Relaxed),
        unwritten: running.losses.unwritten.load(Ordering::Relaxed),
    };
    if let Err(error) = store::say_alive(&app.db, &alive).await {
        tracing::warn!(%error, "the gateway could not say that it runs");
    }
}

/// Folders of rules: as configured, or the version that was installed.
pub fn folders(app: &App, settings: &Settings) -> Option<Folders> {
    let installed = mamori_rules::in_force(&app.config.data_dir);
    let rules = settings
        .rules
        .clone()
        .or_else(|| installed.is_dir().then_some(installed))?;
    Some(Folders {
        rules,
        plugins: settings.plugin.iter().cloned().collect(),
    })
}

/// Where a policy comes from.
struct Source {
    settings: Settings,
    lists: Arc<Mutex<Lists>>,
    compiled: Arc<Mutex<Compiled>>,
}

/// What a policy was made from, as far as it can change: when one of these is another, it is made
/// anew.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    revision: i64,
    /// Exclusions end with a day.
    today: jiff::civil::Date,
    /// Certificates and lists of networks.
    files: Vec<(PathBuf, Option<SystemTime>)>,
    /// None before a version is installed.
    rules: Option<OnDisk>,
    /// What authorities ask at the moment.
    challenges: Vec<Challenge>,
}

impl Source {
    async fn look(&self, app: &App) -> Result<Seen, mamori_store::Error> {
        let keep = Keep::new(&app.config.data_dir);
        let files = self
            .settings
            .sites
            .iter()
            .filter_map(|site| certificates::files(&keep, site))
            .flat_map(|(chain, key)| [chain, key])
            .chain(self.settings.networks.iter().map(|list| list.file.clone()))
            .map(|file| {
                let changed = std::fs::metadata(&file).and_then(|about| about.modified());
                // A link leads elsewhere when another file is put in its place.
                let place = std::fs::canonicalize(&file).unwrap_or(file);
                (place, changed.ok())
            })
            .collect();
        Ok(Seen {
            revision: store::revision(&app.db).await?,
            today: tokyo_date(app.now()),
            files,
            rules: folders(app, &self.settings).map(OnDisk::look),
            challenges: certificate_store::challenges(&app.db).await?,
        })
    }

    async fn make(&self, app: &App, seen: &Seen) -> Result<Policy, ServeError> {
        let mut sites = Vec::new();
        for site in &self.settings.sites {
            sites.push(Decided::read(app, site).await?);
        }
        let (settings, rules) = (self.settings.clone(), seen.rules.clone());
        let (lists, compiled) = (Arc::clone(&self.lists), Arc::clone(&self.compiled));
        let sources = Sources {
            keep: Keep::new(&app.config.data_dir),
            challenges: seen.challenges.clone(),
        };
        let now = app.now();
        let made = tokio::task::spawn_blocking(move || {
            let networks = lists
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .rules(&settings.networks)?;
            let mut compiled = compiled.lock().unwrap_or_else(PoisonError::into_inner);
            policy::make(
                &settings,
                rules.as_ref(),
                &mut compiled,
                &sites,
                networks,
                &sources,
                now,
            )
        });
        Ok(made.await??)
    }

    async fn renew(&self, app: &App, seen: &Seen, server: &Server, running: &Running) {
        let outcome = match self.make(app, seen).await {
            Ok(policy) => server.swap(policy).map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        let mut status = running.lock();
        match outcome {
            Ok(()) => {
                status.policy_at = Some(app.now());
                status.trouble = None;
                tracing::info!("the gateway serves by the newest decisions");
            }
            Err(trouble) => {
                tracing::error!(%trouble, "the newest decisions are not in force");
                status.trouble = Some(trouble);
            }
        }
    }
}
