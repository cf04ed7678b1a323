//! The data plane over real sockets: a site behind, raw clients in front.

#![allow(clippy::unwrap_used)]

mod firewall;
mod framing;
mod ips;
mod lasting;
mod nginx;
mod policy;
mod serving;
mod slow;
mod stall;
mod support;
mod swap;
mod tls;
mod upstream;
mod upstream_tls;
