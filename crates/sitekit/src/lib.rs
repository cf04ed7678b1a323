//! A city's site in miniature, for tests and trials: a private MariaDB, PHP, nginx and a WordPress
//! in Japanese on them, each a value that stops and cleans up when it is dropped.
//!
//! Everything lies in one folder below the system's temporary folder and listens on loopback or on
//! a socket in that folder. Nothing here touches the services of the machine: their packages only
//! have to be installed. What is missing is an error that names the packages.
//!
//! It names no crate of ours, so that `xtask` can build it on a fresh machine; tests that need an
//! application beside the site take `mamori-testkit` as well.

mod keeper;
mod mariadb;
mod nginx;
mod php;
mod user;
mod wordpress;

use std::path::PathBuf;

pub use keeper::{Folder, Kept, Start, free_port};
pub use mariadb::PrivateMariaDb;
pub use nginx::PrivateNginx;
pub use php::PrivatePhp;
pub use user::{User, unprivileged};
pub use wordpress::{Person, Wanted, WordPress};

/// A server or the site did not come up.
#[derive(Debug, thiserror::Error)]
pub enum SiteError {
    /// Programs or files of packages that are not installed.
    #[error("not installed: {}. `cargo xtask setup --site` installs it", .0.join(", "))]
    Missing(Vec<&'static str>),
    /// A file or folder.
    #[error("{path}: {error}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// A program did not do its work.
    #[error("{program}: {why}")]
    Program {
        /// Which.
        program: String,
        /// What it said.
        why: String,
    },
}

impl SiteError {
    pub(crate) fn file(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |error| Self::File { path, error }
    }

    pub(crate) fn program(program: &str, why: impl std::fmt::Display) -> Self {
        Self::Program {
            program: program.to_owned(),
            why: why.to_string(),
        }
    }
}

/// What a WordPress needs of the machine and does not find: names of packages.
pub fn missing() -> Vec<&'static str> {
    let found = [
        ("mariadb-server", mariadb::programs().is_some()),
        ("php-fpm", php::program().is_some()),
        ("php-cli", user::which("php").is_some()),
        ("nginx", nginx::program().is_some()),
        ("wordpress", wordpress::tree().join("wp-load.php").is_file()),
        ("wordpress-l10n", wordpress::translation().is_file()),
        (
            "wordpress-theme-twentytwentythree",
            wordpress::theme().is_some(),
        ),
    ];
    found
        .into_iter()
        .filter_map(|(package, there)| (!there).then_some(package))
        .collect()
}
