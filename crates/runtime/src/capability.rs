//! What a capability tells the rest of the system about itself: plain data and functions.
//!
//! There is no trait and no registration macro: `crates/mamori/src/capabilities.rs` holds the one
//! list, and tests walk over it.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::handler::Handler;
use axum::routing::{MethodFilter, MethodRouter};
use mamori_kernel::evidence::EvidenceKind;
use mamori_kernel::period::Period;
use mamori_kernel::permission::Permission;
use mamori_store::Migration;
use serde_json::Value;

use crate::app::App;
use crate::choice::ChoiceWords;
use crate::describe::Operation;
use crate::job::{JobKind, Schedule};
use crate::search::SearchSource;
use crate::setting::Setting;
use crate::tile::Tile;

/// A boxed future, as the function types of a capability return it.
pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// One capability: everything the runtime, the console and the documents need to know of it.
///
/// The command line is not here: `mamori` wires commands itself.
#[derive(Default)]
pub struct Capability {
    /// Stable id, also the prefix of its tables: `work`.
    pub id: &'static str,
    /// Name on pages.
    pub title_ja: &'static str,
    /// Its tables, oldest first.
    pub migrations: Vec<Migration>,
    /// Its kinds of job.
    pub jobs: Vec<JobKind>,
    /// When its jobs run by themselves.
    pub schedules: Vec<Schedule>,
    /// Its pages and API routes.
    pub routes: Vec<Route>,
    /// Its entries in the menu.
    pub navigation: Vec<NavEntry>,
    /// The evidence it writes.
    pub evidence: Vec<EvidenceKind>,
    /// What it gives to documents.
    pub sections: Vec<DocumentSection>,
    /// Its texts for people, by language.
    pub texts: Vec<Texts>,
    /// Its figures on the start page of a contract.
    pub tiles: Vec<Tile>,
    /// What of it is found by the search.
    pub search: Vec<SearchSource>,
    /// What the choices of its forms are called.
    pub choices: Option<ChoiceWords>,
    /// What people may decide about it for a contract, in daily work.
    pub settings: Vec<Setting>,
    /// What `/readyz` asks it.
    pub health: Vec<HealthCheck>,
    /// Called once when the application opens, after the migrations: loads state into slots.
    pub start: Option<StartHook>,
}

impl fmt::Debug for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Capability")
            .field("id", &self.id)
            .field("jobs", &self.jobs.len())
            .field("routes", &self.routes.len())
            .finish_non_exhaustive()
    }
}

/// A failure of a hook, with a text for people.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct HookError {
    /// What happened and what to do.
    pub message: String,
    /// The cause.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl HookError {
    /// A failure without a cause of its own.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            source: None,
        }
    }

    /// A failure caused by `source`.
    pub fn caused_by(
        message: impl Into<String>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self {
            message: message.into(),
            source: Some(source.into()),
        }
    }
}

/// Runs when the application opens.
pub type StartHook = Arc<dyn Fn(App) -> BoxFuture<Result<(), HookError>> + Send + Sync>;

/// Wraps an async function as a [`StartHook`].
pub fn start_hook<F, Fut>(run: F) -> StartHook
where
    F: Fn(App) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), HookError>> + Send + 'static,
{
    Arc::new(move |app| Box::pin(run(app)))
}

/// Who may use a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guard {
    /// Everyone, without sign-in: sign-in page, assets, health.
    Public,
    /// Everyone who is signed in: sign-out, the first page.
    SignedIn,
    /// Who holds the permission.
    Needs(Permission),
}

impl From<Permission> for Guard {
    fn from(permission: Permission) -> Self {
        Self::Needs(permission)
    }
}

/// HTTP verbs the console and the API use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Verb {
    /// Reads; never changes anything.
    Get,
    /// Changes something.
    Post,
    /// Replaces (API only: HTML forms know get and post).
    Put,
    /// Changes in part (API only).
    Patch,
    /// Removes (API only).
    Delete,
}

impl Verb {
    fn filter(self) -> MethodFilter {
        match self {
            Self::Get => MethodFilter::GET,
            Self::Post => MethodFilter::POST,
            Self::Put => MethodFilter::PUT,
            Self::Patch => MethodFilter::PATCH,
            Self::Delete => MethodFilter::DELETE,
        }
    }

    /// The verb as HTTP writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// Personal data that a route shows: the console writes down who was shown it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Personal {
    /// Area of the note: `question`.
    pub area: &'static str,
    /// Who sees the personal values there: holders of any of these; empty: whoever may use the
    /// route.
    pub seen_by: Vec<Permission>,
}

/// One verb on one path, with the permission it needs. `web` checks the permission before the
/// handler runs, for pages and API alike.
#[derive(Clone)]
pub struct Route {
    /// Verb.
    pub verb: Verb,
    /// Path as axum writes it: `/work/{id}`. API routes begin with `/api/v1/`.
    pub path: &'static str,
    /// Who may use it.
    pub guard: Guard,
    /// Whether it needs a proof of who one is from the last minutes, not only a session.
    pub fresh: bool,
    /// Greatest request body in bytes; `None` means the console's default (1 MiB).
    pub body_limit_bytes: Option<usize>,
    /// After this time a request is given up; `None` means the console's default (30 seconds).
    pub within: Option<Duration>,
    /// What an API route promises; pages have none.
    pub operation: Option<Arc<Operation>>,
    /// Personal data that it shows.
    pub personal: Option<Personal>,
    handler: MethodRouter<App>,
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {:?}", self.verb.as_str(), self.path, self.guard)
    }
}

impl Route {
    /// A route with any verb.
    pub fn new<H, T>(verb: Verb, path: &'static str, guard: impl Into<Guard>, handler: H) -> Self
    where
        H: Handler<T, App>,
        T: 'static,
    {
        Self {
            verb,
            path,
            guard: guard.into(),
            fresh: false,
            body_limit_bytes: None,
            within: None,
            operation: None,
            personal: None,
            handler: axum::routing::on(verb.filter(), handler),
        }
    }

    /// `GET path`.
    pub fn get<H, T>(path: &'static str, guard: impl Into<Guard>, handler: H) -> Self
    where
        H: Handler<T, App>,
        T: 'static,
    {
        Self::new(Verb::Get, path, guard, handler)
    }

    /// `POST path`.
    pub fn post<H, T>(path: &'static str, guard: impl Into<Guard>, handler: H) -> Self
    where
        H: Handler<T, App>,
        T: 'static,
    {
        Self::new(Verb::Post, path, guard, handler)
    }

    /// Allows request bodies up to `bytes` (file uploads).
    #[must_use]
    pub fn with_body_limit(mut self, bytes: usize) -> Self {
        self.body_limit_bytes = Some(bytes);
        self
    }

    /// Allows more time than a page needs, for answers that grow with the years.
    #[must_use]
    pub fn within(mut self, time: Duration) -> Self {
        self.within = Some(time);
        self
    }

    /// Says what the route promises; every route below `/api/` must.
    #[must_use]
    pub fn describe(mut self, operation: Operation) -> Self {
        self.operation = Some(Arc::new(operation));
        self
    }

    /// Says that the route shows personal data; each answer that does is written down, and where
    /// that fails nothing is shown.
    #[must_use]
    pub fn personal(mut self, area: &'static str, seen_by: impl Into<Vec<Permission>>) -> Self {
        self.personal = Some(Personal {
            area,
            seen_by: seen_by.into(),
        });
        self
    }

    /// Asks for the password (or passkey) again when the last proof is older than five minutes: for
    /// acts that somebody at an unattended screen must not do.
    #[must_use]
    pub fn fresh(mut self) -> Self {
        self.fresh = true;
        self
    }

    /// The handler, for the server alone.
    pub fn handler(&self) -> MethodRouter<App> {
        self.handler.clone()
    }
}

/// Texts of a capability in one language, as a Fluent source. Every key exists in every language.
#[derive(Debug, Clone, Copy)]
pub struct Texts {
    /// `ja` or `en`.
    pub language: &'static str,
    /// Name of the file, for messages about it.
    pub name: &'static str,
    /// Its content.
    pub source: &'static str,
}

/// One entry of the menu.
#[derive(Debug, Clone, Copy)]
pub struct NavEntry {
    /// Key of its text: `nav-work`.
    pub label: &'static str,
    /// Address; `{contract}` in it stands for the contract that the visitor is at.
    pub href: &'static str,
    /// Who sees it.
    pub permission: Permission,
    /// Under which heading.
    pub group: NavGroup,
    /// Place in its group, small first (steps of 10).
    pub order: u16,
}

/// Headings of the menu, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum NavGroup {
    /// What is to be done now.
    Today,
    /// What the contract says and how it stands.
    Contract,
    /// What people record.
    Records,
    /// The services that the contract buys.
    Services,
    /// The contractor's house.
    House,
}

impl NavGroup {
    /// Key of its text.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Today => "nav-group-today",
            Self::Contract => "nav-group-contract",
            Self::Records => "nav-group-records",
            Self::Services => "nav-group-services",
            Self::House => "nav-group-house",
        }
    }
}

/// What a section of a document is asked for.
#[derive(Debug, Clone)]
pub struct SectionRequest {
    /// Contract key.
    pub contract: String,
    /// Document kind, the contract's key: `status-report`.
    pub document: String,
    /// Period the document covers.
    pub period: Period,
}

type SectionFn =
    Arc<dyn Fn(App, SectionRequest) -> BoxFuture<Result<Value, HookError>> + Send + Sync>;

/// A part of a document that a capability fills from its evidence. The office asks for it when it
/// makes a paper of that kind about a period: the JSON is a `mamori_document::Section`, or null where
/// the capability has nothing to say about this contract.
#[derive(Clone)]
pub struct DocumentSection {
    /// Document kind: the key or the model of a contract's deliverable.
    pub document: &'static str,
    /// Key of the section in the document's model.
    pub section: &'static str,
    build: SectionFn,
}

impl DocumentSection {
    /// A section built by an async function.
    pub fn new<F, Fut>(document: &'static str, section: &'static str, build: F) -> Self
    where
        F: Fn(App, SectionRequest) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Value, HookError>> + Send + 'static,
    {
        Self {
            document,
            section,
            build: Arc::new(move |app, request| Box::pin(build(app, request))),
        }
    }

    /// Builds the section.
    pub async fn build(&self, app: App, request: SectionRequest) -> Result<Value, HookError> {
        (self.build)(app, request).await
    }
}

impl fmt::Debug for DocumentSection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DocumentSection({}/{})", self.document, self.section)
    }
}

/// What a check found: a text of the pages, `system-found-KEY`, and its values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Which text.
    pub key: &'static str,
    /// What is put into it, by name.
    pub values: Vec<(&'static str, FindingValue)>,
}

/// A value in the text of a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FindingValue {
    /// So many.
    Count(i64),
    /// Words that are data: a path, an error of the system.
    Words(String),
}

impl Finding {
    /// A text without values.
    pub fn new(key: &'static str) -> Self {
        Self {
            key,
            values: Vec::new(),
        }
    }

    /// The check itself could not be made.
    pub fn error(error: &impl fmt::Display) -> Self {
        Self::new("error").words("detail", error)
    }

    /// With a count.
    #[must_use]
    pub fn count(mut self, name: &'static str, count: i64) -> Self {
        self.values.push((name, FindingValue::Count(count)));
        self
    }

    /// With words that are data.
    #[must_use]
    pub fn words(mut self, name: &'static str, words: &impl fmt::Display) -> Self {
        let words = FindingValue::Words(words.to_string());
        self.values.push((name, words));
        self
    }
}

type HealthFn = Arc<dyn Fn(App) -> BoxFuture<Result<Finding, Finding>> + Send + Sync>;

/// A check of `/readyz`: `Ok` carries a figure for people, `Err` what is wrong.
#[derive(Clone)]
pub struct HealthCheck {
    /// Name in the JSON: `database`.
    pub name: &'static str,
    check: HealthFn,
}

impl HealthCheck {
    /// A check by an async function.
    pub fn new<F, Fut>(name: &'static str, check: F) -> Self
    where
        F: Fn(App) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Finding, Finding>> + Send + 'static,
    {
        Self {
            name,
            check: Arc::new(move |app| Box::pin(check(app))),
        }
    }

    /// Runs the check.
    pub async fn run(&self, app: App) -> Result<Finding, Finding> {
        (self.check)(app).await
    }
}

impl fmt::Debug for HealthCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HealthCheck({})", self.name)
    }
}
