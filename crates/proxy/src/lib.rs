//! The data plane of the gateway: what every visitor connects to (clause 6, 別紙2 通信回線).
//!
//! It takes an immutable [`Policy`], serves by it and tells what happened as [`Event`]s. It opens no
//! database, reads no file ([`access_log`] stands beside it) and binds no address: sockets,
//! certificates and rules are handed in, so it can run as a process of its own without rights.
//! Pages, jobs, storage of policies and evidence are the gateway's, above.
//!
//! The way of a request: `connection` takes it off the socket, `wire` and [`framing`] decide where it
//! begins and ends (strictly: what two readers could understand differently is refused), `exchange`
//! finds the site and applies its policy, `inspect` asks the firewall, `upstream` carries it to the
//! site behind.
//!
//! Whoever runs it holds four things: the [`Policy`] that is in force ([`Server::swap`] replaces it),
//! the [`Events`] that it takes (requests, findings, [`Intrusion`]s), the [`IpsHandle`] of
//! [`Server::ips`] (bans: read, set, lift, store and restore them; what a packet filter is set to),
//! and, for what is kept, an [`access_log::AccessLog`] fed with the events, whose
//! [`access_log::Transfer`] counts each month's traffic. Country and feed lists are
//! [`AddressSet::from_list`], shared between policies. [`visit`] looks at a listener from outside.
//!
//! Invariants: a policy is replaced as a whole while connections go on, and a request is served by
//! one policy from beginning to end; telling an event never waits; memory per request is bounded,
//! whatever the size of its body; nothing that a client sends is believed about who it is, unless it
//! comes through a proxy that the policy trusts.

pub mod access_log;
mod address;
mod body;
mod census;
mod commons;
mod connection;
mod event;
mod exchange;
pub mod framing;
#[cfg(fuzzing)]
pub mod fuzzing;
mod inspect;
mod ips;
mod pace;
mod pages;
mod policy;
mod server;
mod tls;
mod turn;
mod upstream;
pub mod visit;
mod wire;

pub use address::{AddressSet, ListError, NotAnAddress};
pub use event::{
    Access, Event, Events, Firewall, Intrusion, Match, Outcome, Refusal, RequestId, Told,
    UpstreamTrouble,
};
pub use ips::{IpsFigures, IpsHandle};
pub use policy::{
    Banning, BeyondBuffer, Certificate, CertificateError, Challenges, FirewallPolicy, HeaderPolicy,
    Host, Hsts, Inspection, IpsPolicy, Limits, Listener, NetworkRule, NoAuthority, Overload, Pages,
    PathMode, PathPattern, Policy, PolicyError, PolicyParts, Pool, Rate, Requests, Serving, Sign,
    Site, TlsVersion, TrustedHeader, Upstream, UpstreamTls, WafMode, Watch,
};
pub use server::{Server, StartError, SwapError};
