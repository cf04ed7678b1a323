//! Rules of the firewall as files: found, loaded, installed, tried on stored requests.
//!
//! The engine ([`mamori_waf`]) opens nothing. Here are the parts around it that do: the order in
//! which the OWASP Core Rule Set wants its files read, release archives and the versions made of
//! them, and requests kept as JSON lines that show what a change of rules would do. The gateway,
//! the command line and the tasks of developers load rules through this one place.
//!
//! What it does not do: it knows no HTTP server and no database.

mod archive;
mod base;
mod compare;
mod folder;
mod layout;
mod left_out;
mod request;
mod signature;
mod stamp;
mod stream;
mod verdict;
mod versions;

pub use archive::{ArchiveError, Unpacked};
pub use compare::{Comparison, Difference, compare};
pub use folder::{Folders, Loaded, RulesError, Wanted, load};
pub use request::{BadRequest, Request, Response};
pub use signature::Signature;
pub use stamp::Stamp;
pub use stream::{Inspected, inspect};
pub use verdict::{Judged, judge};
pub use versions::{InstallError, Installed, Manifest, Staged, Versions, checksum, in_force};
