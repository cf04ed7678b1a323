//! Storage: the database behind five verbs, migrations, the evidence ledger with its archives and
//! signing key, and content-addressed blobs.
//!
//! This crate alone names sqlx. It does not know what records mean, and it never asks for the
//! present time: instants come from the caller's clock.

pub mod archive;
mod blob;
mod checkpoint;
mod db;
mod error;
mod figures;
mod group;
mod key;
pub mod ledger;
mod migrate;
mod sql;
mod tx;

pub use blob::{Blob, BlobState, Blobs};
pub use db::{BUSY_TIMEOUT_MS, Backend, Db};
pub use error::{Error, Result};
pub use figures::{Figures, free_disk_bytes};
pub use group::Group;
pub use key::{LedgerKey, PublicKey};
pub use ledger::{Appended, Ledger, LedgerAbout, LedgerQuery, ProofFault, RecordProof};
pub use migrate::{Migration, MigrationReport};
pub use sql::{Arg, Args, FromColumn, Row};
pub use tx::Tx;

/// Tables of this crate. The program passes them to [`Db::migrate`] with those of all other
/// crates.
pub const MIGRATIONS: &[Migration] = &[
    Migration {
        name: "20261122_store_blob",
        sql: include_str!("../migrations/20261122_store_blob.sql"),
    },
    Migration {
        name: "20261122_store_ledger",
        sql: include_str!("../migrations/20261122_store_ledger.sql"),
    },
    Migration {
        name: "20261123_store_ledger_actor",
        sql: include_str!("../migrations/20261123_store_ledger_actor.sql"),
    },
    Migration {
        name: "20261124_store_ledger_at",
        sql: include_str!("../migrations/20261124_store_ledger_at.sql"),
    },
    Migration {
        name: "20261122_store_setting",
        sql: include_str!("../migrations/20261122_store_setting.sql"),
    },
];
