//! The gateway in front of a city's sites: what people decide about it, what it did, what it proves
//! (clauses 5(1)イ(エ) and 6, 別紙2 通信回線 and 運用).
//!
//! The data plane is `mamori-proxy`; this capability makes its policy out of the configuration and
//! of decisions, takes what it tells, and shows it.
//!
//! * [`service`]: sockets, data plane and the watch that brings decisions into force.
//! * [`policy`]: from configuration and decisions to what is served; [`compiled`] keeps its rules.
//! * [`pump`]: from events to traffic by day and findings; [`tally`] counts minutes and kinds.
//! * [`bans`]: who is kept out, shared between gateways and kept over restarts.
//! * [`access`]: access records in files: written, packed, searched, removed.
//! * [`section`]: the firewall in the monthly report.
//! * [`desk`]: what people decide, each with its evidence; [`local`]: modes of paths and rules.
//! * [`certificates`], [`acme`]: certificates of the sites, from an authority where it is asked.
//! * [`sample`]: a gateway with an invented past, for the demonstration.
//!
//! Invariants: a decision that cannot be brought into force leaves the one before in force and says
//! so; addresses of visitors and values of requests never enter the ledger; an exclusion has a
//! reason, an author and a last day.

pub mod access;
pub mod acme;
pub mod api;
pub mod bans;
pub mod certificates;
pub mod compiled;
pub mod desk;
pub mod evidence;
pub mod jobs;
mod known;
pub mod local;
pub mod model;
pub mod networks;
pub mod pages;
pub mod policy;
pub mod probe;
pub mod pump;
pub mod room;
pub mod sample;
pub mod section;
pub mod service;
pub mod store;
pub mod tally;

use mamori_runtime::Capability;
use mamori_store::Migration;

/// The gateway.
pub fn capability() -> Capability {
    Capability {
        id: "gateway",
        title_ja: "ゲートウェイ",
        migrations: vec![
            Migration {
                name: "20261125_gateway",
                sql: include_str!("../migrations/20261125_gateway.sql"),
            },
            Migration {
                name: "20261126_gateway_ips",
                sql: include_str!("../migrations/20261126_gateway_ips.sql"),
            },
            Migration {
                name: "20261127_gateway_certificates",
                sql: include_str!("../migrations/20261127_gateway_certificates.sql"),
            },
            Migration {
                name: "20261127_gateway_losses",
                sql: include_str!("../migrations/20261127_gateway_losses.sql"),
            },
            Migration {
                name: "20261127_gateway_modes",
                sql: include_str!("../migrations/20261127_gateway_modes.sql"),
            },
            Migration {
                name: "20261127_gateway_tally",
                sql: include_str!("../migrations/20261127_gateway_tally.sql"),
            },
            Migration {
                name: "20261128_gateway_policy_revision",
                sql: include_str!("../migrations/20261128_gateway_policy_revision.sql"),
            },
            Migration {
                name: "20261129_gateway_unwritten",
                sql: include_str!("../migrations/20261129_gateway_unwritten.sql"),
            },
        ],
        jobs: [jobs::kinds(), certificates::jobs::kinds()].concat(),
        schedules: [jobs::schedules(), certificates::jobs::schedules()].concat(),
        routes: [api::routes(), certificates::api::routes(), pages::routes()].concat(),
        navigation: pages::navigation(),
        texts: pages::texts(),
        tiles: pages::tiles(),
        search: vec![pages::source()],
        choices: Some(pages::choice_words),
        evidence: evidence::kinds(),
        sections: section::sections(),
        ..Capability::default()
    }
}
