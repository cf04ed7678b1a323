//! What all capabilities stand on: the application, configuration, jobs and schedules,
//! notifications, logs and metrics.
//!
//! A capability is a value ([`Capability`]), not a trait:
//!
//! ```ignore
//! pub fn capability() -> Capability {
//!     Capability {
//!         id: "greeting",
//!         title_ja: "あいさつ",
//!         migrations: vec![Migration {
//!             name: "20261122_greeting_tables",
//!             sql: include_str!("../migrations/20261122_greeting_tables.sql"),
//!         }],
//!         jobs: vec![JobKind::new("greeting.send", RetryPolicy::LOCAL, |context| async move {
//!             let mut tx = context.app.db.begin_write().await?;
//!             let mail = Notification { to: …, subject: …, body: …, ..Notification::default() };
//!             context.app.notify(&mut tx, &mail).await?; // sent only if the commit succeeds
//!             tx.commit().await?;
//!             Ok(())
//!         })],
//!         schedules: vec![Schedule::new(
//!             "greeting.monthly",
//!             "greeting.send",
//!             Rule::Monthly(MonthDay::Day(10, Roll::Forward), At::new(9, 0)), // 10 日（翌開庁日）
//!         )],
//!         routes: vec![
//!             Route::get("/c/{contract}/greetings", Permission::read("greeting"), pages::list),
//!             Route::post("/c/{contract}/greetings", Permission::write("greeting"), pages::add),
//!             Route::get("/api/v1/contracts/{contract}/greetings", Permission::read("greeting"), api::list),
//!         ],
//!         navigation: vec![NavEntry {
//!             label: "nav-greeting", // key of a text
//!             href: "/c/{contract}/greetings",
//!             permission: Permission::read("greeting"),
//!             group: NavGroup::Services,
//!             order: 50,
//!         }],
//!         evidence: vec![EvidenceKind { kind: "greeting.sent", … }],
//!         ..Capability::default()
//!     }
//! }
//! ```
//!
//! Handlers are axum handlers with `State<App>`; `mamori_web::Visitor` is the signed-in person.
//! A handler opens one transaction, changes its tables, appends evidence ([`App::append`]), queues
//! jobs ([`App::enqueue`]) and commits. State that lives in memory (a contract engine) goes into a
//! typed slot: `app.provide(Arc::new(engine))` in [`Capability::start`], `app.slot::<Engine>()`
//! where it is used.
//!
//! This crate holds no page and no rule of a contract. It is the only caller of the machine's
//! clock ([`SystemClock`]) and the only one that speaks to mail relays and webhooks.

pub mod app;
mod builtin;
pub mod capability;
mod choice;
mod clock;
pub mod config;
mod daily_head;
pub mod describe;
pub mod job;
pub mod notify;
mod open_days;
pub mod outgoing;
mod recent_logs;
pub mod remote;
pub mod schedule;
pub mod seal;
pub mod search;
pub mod setting;
pub mod telemetry;
mod tile;

pub use app::{App, OpenError, SYSTEM_CHAIN};
pub use capability::{
    BoxFuture, Capability, DocumentSection, Finding, FindingValue, Guard, HealthCheck, HookError,
    NavEntry, NavGroup, Personal, Route, SectionRequest, Texts, Verb, start_hook,
};
pub use choice::{ChoiceWords, Chosen};
pub use clock::SystemClock;
pub use config::{Config, ConfigError, Secret};
pub use job::{
    CatchUp, JobAct, JobChangeError, JobContext, JobError, JobFilter, JobKind, JobRow, JobState,
    NewJob, RetryPolicy, RunSummary, Runner, Schedule,
};
pub use notify::{MailAttachment, Notification, WebhookMessage};
pub use recent_logs::{LogLine, RecentLogs};
pub use search::{SearchHit, SearchRequest, SearchSource};
pub use tile::{Tile, TileGroup, TileRequest, TileTone, TileView};
