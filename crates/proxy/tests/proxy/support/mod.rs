//! A gateway on real sockets, a site behind it, and clients that say exactly what they want.

#![allow(dead_code, clippy::unwrap_used)] // Each test binary uses a part of this.

pub mod site;
pub mod wire;

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use mamori_kernel::DrivenClock;
use mamori_proxy::{
    Access, Certificate, Event, Events, Firewall, FirewallPolicy, Host, Limits, Listener, Outcome,
    Policy, PolicyParts, Refusal, Server, Site, WafMode,
};

pub const HOST: &str = "www.example.jp";

/// A running gateway with its events.
pub struct Gateway {
    pub server: Server,
    pub events: Events,
    pub http: SocketAddr,
    pub https: SocketAddr,
    pub root: Vec<u8>,
    pub clock: DrivenClock,
}

/// A certificate for some names, with its key, both as PEM.
pub fn certificate(hosts: &[&str]) -> (Certificate, Vec<u8>) {
    let names: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
    let made = rcgen::generate_simple_self_signed(names).unwrap();
    let pem = made.cert.pem();
    let certificate =
        Certificate::from_pem(pem.as_bytes(), made.signing_key.serialize_pem().as_bytes()).unwrap();
    (certificate, made.cert.der().to_vec())
}

/// What most tests serve: one site on one server, plainly.
pub fn parts(upstreams: &[SocketAddr]) -> PolicyParts {
    let addresses: Vec<String> = upstreams.iter().map(ToString::to_string).collect();
    let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
    let mut site = Site::new("city", vec![Host::parse(HOST).unwrap()], &addresses);
    site.pool.probe_every = Duration::from_millis(50);
    PolicyParts {
        listeners: vec![Listener {
            name: "http".into(),
            tls: false,
        }],
        sites: vec![site],
        limits: Limits {
            linger: Duration::from_millis(300),
            ..Limits::default()
        },
        ..PolicyParts::default()
    }
}

/// The same over TLS as well; gives the certificate that clients have to trust.
pub fn tls_parts(upstreams: &[SocketAddr]) -> (PolicyParts, Vec<u8>) {
    let mut parts = parts(upstreams);
    let (certificate, root) = certificate(&[HOST]);
    parts.sites[0].certificate = Some(certificate);
    parts.listeners.push(Listener {
        name: "https".into(),
        tls: true,
    });
    (parts, root)
}

/// Rules in a few lines: refuse `attack` in parameters, tell of `odd`, refuse `secret` in answers.
pub const RULES: &str = r#"
SecRuleEngine On
SecRequestBodyAccess On
SecResponseBodyAccess On
SecRequestBodyLimit 4294967296
SecRequestBodyNoFilesLimit 1048576
SecRule REQUEST_HEADERS:Content-Type "^application/json" "id:1,phase:1,pass,nolog,ctl:requestBodyProcessor=JSON"
SecRule ARGS|REQUEST_HEADERS:X-Probe "@contains attack" "id:100,phase:2,deny,status:403,log,msg:'An attack',tag:'test'"
SecRule REQUEST_HEADERS:User-Agent "@contains scanner" "id:101,phase:1,deny,status:403,log,msg:'A scanner'"
SecRule ARGS "@contains odd" "id:102,phase:2,pass,log,msg:'Something odd'"
SecRule REQUEST_HEADERS_NAMES "@streq X_Odd-Name" "id:103,phase:1,deny,status:403,log,msg:'The letters of the client'"
SecRule RESPONSE_BODY "@contains secret" "id:200,phase:4,deny,status:403,log,msg:'A leak'"
SecRule RESPONSE_HEADERS:X-Leak "@contains yes" "id:201,phase:3,deny,status:403,log,msg:'A leak in a field'"
"#;

pub fn firewall(mode: WafMode) -> FirewallPolicy {
    let mut builder = mamori_waf::Builder::new();
    builder.inline("test", RULES).unwrap();
    FirewallPolicy {
        rules: Some(builder.build().unwrap()),
        mode,
        ..FirewallPolicy::default()
    }
}

impl Gateway {
    pub fn start(parts: PolicyParts) -> Self {
        Self::start_with(parts, Vec::new())
    }

    pub fn start_with(parts: PolicyParts, root: Vec<u8>) -> Self {
        let mut sockets = Vec::new();
        let mut addresses = [SocketAddr::from(([127, 0, 0, 1], 0)); 2];
        for listener in &parts.listeners {
            let socket = TcpListener::bind("127.0.0.1:0").unwrap();
            addresses[usize::from(listener.tls)] = socket.local_addr().unwrap();
            sockets.push((listener.name.to_string(), socket));
        }
        let (told, events) = Events::channel(10_000);
        let clock = DrivenClock::new(jiff::Timestamp::UNIX_EPOCH);
        let policy = Policy::new(parts).unwrap();
        let server = Server::start(policy, sockets, Arc::new(clock.clone()), told).unwrap();
        Self {
            server,
            events,
            http: addresses[0],
            https: addresses[1],
            root,
            clock,
        }
    }

    /// The next event, which must come soon.
    pub async fn event(&mut self) -> Event {
        tokio::time::timeout(Duration::from_secs(10), self.events.next())
            .await
            .expect("an event comes")
            .unwrap()
    }

    /// The next access record; other events before it are dropped.
    pub async fn access(&mut self) -> Access {
        loop {
            if let Event::Access(access) = self.event().await {
                return *access;
            }
        }
    }

    /// The next finding of the firewall; it comes before the access record.
    pub async fn finding(&mut self) -> Firewall {
        match self.event().await {
            Event::Waf(finding) => *finding,
            other => panic!("no finding, but {other:?}"),
        }
    }

    /// The next refusal of something that is no request.
    pub async fn refusal(&mut self) -> Refusal {
        match self.event().await {
            Event::Refused { refusal, .. } => refusal,
            other => panic!("no refusal, but {other:?}"),
        }
    }

    /// Nothing more was told.
    pub async fn silence(&mut self) {
        tokio::time::sleep(Duration::from_millis(100)).await;
        if let Some(event) = self.events.try_next() {
            panic!("one event too many: {event:?}");
        }
    }

    pub async fn outcome(&mut self) -> Outcome {
        self.access().await.outcome
    }
}
