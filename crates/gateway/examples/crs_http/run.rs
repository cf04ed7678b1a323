//! The gateway between the tests and the site, and the tests one after another through it.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use mamori_kernel::Clock;
use mamori_proxy::{
    AddressSet, Event, Events, FirewallPolicy, Host, Listener, Policy, PolicyParts, Server, Site,
    WafMode,
};
use mamori_rules::{Folders, Wanted, load};
use mamori_waf::Mode;

use super::judge::{self, Outcome, Seen};
use super::support::ftw::Test;
use super::support::regression::SETTINGS;
use super::{site, wire};

/// How long the record of a request may come after its answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// The clock of this machine.
struct Here;

impl Clock for Here {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// The data plane with the rules in it.
pub struct Gateway {
    server: Server,
    events: Events,
    address: SocketAddr,
}

impl Gateway {
    /// Loads the rules as the tests want them and listens on loopback.
    pub async fn start(rules: PathBuf) -> Result<Self, String> {
        let said = |error: &dyn std::fmt::Display| error.to_string();
        let folders = Folders {
            rules,
            plugins: Vec::new(),
        };
        let wanted = Wanted {
            mode: Mode::DetectionOnly,
            after_setup: SETTINGS.to_owned(),
            // The tests are written for an engine without rules of its own.
            check_bodies: false,
            ..Wanted::default()
        };
        let loaded = load(&folders, &wanted).map_err(|error| said(&error))?;
        for note in &loaded.notes {
            eprintln!("{note}");
        }
        let behind = site::start().await.map_err(|error| said(&error))?;
        let mut site = Site::new("tests", vec![Host::Any], &[&behind.to_string()]);
        site.firewall = FirewallPolicy {
            rules: Some(loaded.rules),
            mode: WafMode::Detect,
            responses: true,
            ..FirewallPolicy::default()
        };
        let policy = Policy::new(PolicyParts {
            listeners: vec![Listener {
                name: "http".into(),
                tls: false,
            }],
            sites: vec![site],
            // One client sends thousands of attacks here, and none of them may be its last.
            allowed: AddressSet::parse(["127.0.0.1/32"]).map_err(|error| said(&error))?,
            ..PolicyParts::default()
        })
        .map_err(|error| said(&error))?;
        let socket = TcpListener::bind("127.0.0.1:0").map_err(|error| said(&error))?;
        let address = socket.local_addr().map_err(|error| said(&error))?;
        let (told, events) = Events::channel(1024);
        let sockets = vec![("http".to_owned(), socket)];
        let server =
            Server::start(policy, sockets, Arc::new(Here), told).map_err(|error| said(&error))?;
        Ok(Self {
            server,
            events,
            address,
        })
    }

    /// Runs the tests in order; `aloud`: says what came of each.
    pub async fn run_all(
        &mut self,
        tests: &[(String, Test)],
        aloud: bool,
    ) -> Result<Outcome, String> {
        let mut outcome = Outcome::default();
        for (name, test) in tests {
            outcome.judged += 1;
            let mut wrong = Vec::new();
            for stage in &test.stages {
                let seen = self.send(&wire::bytes(&stage.input)).await?;
                if aloud {
                    eprintln!("{name}: {}\n{}", judge::found(&seen), seen.log);
                }
                wrong.extend(judge::wrong(stage, &seen));
            }
            if !wrong.is_empty() {
                outcome.failed.push((name.clone(), wrong));
            }
        }
        Ok(outcome)
    }

    /// One request over a connection of its own, with all that is told until the connection is gone.
    pub async fn send(&mut self, bytes: &[u8]) -> Result<Seen, String> {
        let status = wire::exchange(self.address, bytes)
            .await
            .map_err(|error| error.to_string())?;
        let mut seen = Seen {
            status,
            ..Seen::default()
        };
        let (begun, mut recorded) = (Instant::now(), false);
        loop {
            let gone = self.server.connections() == 0;
            while let Some(event) = self.events.try_next() {
                recorded |= matches!(event, Event::Access(_) | Event::Refused { .. });
                seen.take(&event);
            }
            if gone && recorded {
                return Ok(seen);
            }
            if begun.elapsed() > PATIENCE {
                // A request that never became one may have left nothing.
                return Ok(seen);
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}
