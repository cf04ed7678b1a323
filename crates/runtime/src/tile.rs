//! Tiles: the figures with which a capability takes part in the start page of a contract.
//!
//! A tile says one figure, how it stands and where more is to be found; it never makes one up: a
//! capability without a measurement says so in the tile's words.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use mamori_kernel::permission::{Permission, Role};

use crate::app::App;
use crate::capability::{BoxFuture, HookError};

/// How the figure of a tile stands. Each has a colour and an icon of its own shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TileTone {
    /// As it should be.
    Ok,
    /// Broken, overdue.
    Bad,
    /// Needs attention soon.
    Warn,
    /// Somebody else has the next word, or it is not due yet.
    Wait,
    /// The text does not decide.
    Doubt,
    /// Nothing can be said, or nothing is to be done.
    Quiet,
}

/// For whom a tile is made.
#[derive(Debug, Clone)]
pub struct TileRequest {
    /// Contract id.
    pub contract: String,
    /// The visitor's role on that contract.
    pub role: Role,
    /// The present instant.
    pub now: Timestamp,
    /// Language of the page: `ja` or `en`.
    pub language: &'static str,
    /// Whether days are written the ISO way rather than in 和暦.
    pub iso_dates: bool,
    together: Together,
}

/// What the tiles of one page work out together, by type.
type Together = Arc<Mutex<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>>;

impl TileRequest {
    /// The tiles of a contract's start page, in Japanese and with 和暦.
    pub fn new(contract: impl Into<String>, role: Role, now: Timestamp) -> Self {
        Self {
            contract: contract.into(),
            role,
            now,
            language: "ja",
            iso_dates: false,
            together: Together::default(),
        }
    }

    /// What several tiles need, worked out by the first that asks: a page reads it once.
    pub async fn shared<T, E>(&self, make: impl Future<Output = Result<T, E>>) -> Result<Arc<T>, E>
    where
        T: Any + Send + Sync,
    {
        let known = self
            .together
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&TypeId::of::<T>())
            .cloned();
        if let Some(known) = known.and_then(|known| known.downcast().ok()) {
            return Ok(known);
        }
        let value = Arc::new(make.await?);
        self.together
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(TypeId::of::<T>(), Arc::<T>::clone(&value));
        Ok(value)
    }
}

/// What a tile shows: texts in the language that was asked for.
#[derive(Debug, Clone)]
pub struct TileView {
    /// What the figure counts.
    pub label: String,
    /// The figure; a dash when there is none.
    pub figure: String,
    /// Its unit; may be empty.
    pub unit: String,
    /// How it stands.
    pub tone: TileTone,
    /// The tone in a word: no tile speaks by colour alone. May be empty.
    pub state: String,
    /// Why it is so, in a line; may be empty.
    pub detail: String,
    /// Where more stands.
    pub href: String,
}

/// What a tile is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TileGroup {
    /// What is to be done now.
    ToDo,
    /// How the contract is kept.
    Contract,
    /// How the services run.
    Services,
}

type TileFn =
    Arc<dyn Fn(App, TileRequest) -> BoxFuture<Result<Option<TileView>, HookError>> + Send + Sync>;

/// One figure of a contract's start page. Whoever holds the permission sees it; a tile that has
/// nothing to say to a role gives `None`.
#[derive(Clone)]
pub struct Tile {
    /// Stable key: `work-hours`.
    pub key: &'static str,
    /// Who sees it.
    pub permission: Permission,
    /// Place among all tiles, small first (steps of 10): what is to be done below 50, the contract
    /// below 100, the services from there on.
    pub order: u16,
    build: TileFn,
}

impl Tile {
    /// A tile built by an async function.
    pub fn new<F, Fut>(key: &'static str, permission: Permission, order: u16, build: F) -> Self
    where
        F: Fn(App, TileRequest) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Option<TileView>, HookError>> + Send + 'static,
    {
        Self {
            key,
            permission,
            order,
            build: Arc::new(move |app, request| Box::pin(build(app, request))),
        }
    }

    /// Under which heading it stands.
    pub const fn group(&self) -> TileGroup {
        match self.order {
            0..50 => TileGroup::ToDo,
            50..100 => TileGroup::Contract,
            _ => TileGroup::Services,
        }
    }

    /// Builds the tile.
    pub async fn build(
        &self,
        app: App,
        request: TileRequest,
    ) -> Result<Option<TileView>, HookError> {
        (self.build)(app, request).await
    }
}

impl fmt::Debug for Tile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tile({})", self.key)
    }
}
