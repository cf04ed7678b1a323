//! A certificate authority for tests: Pebble, the authority that Let's Encrypt gives to people who
//! write clients. It is a program of its own (Debian's package `pebble`, installed by
//! `cargo xtask setup --tests`), validates names over real connections, and refuses some nonces.
//!
//! `MAMORI_TEST_PEBBLE=required` turns "no pebble found" from a loud skip into a failure.

use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use mamori_gateway::acme::wire::{Network, Way};
use mamori_gateway::acme::{self, Authorities};
use mamori_gateway::certificates::facts::Facts;
use mamori_gateway::certificates::{self, store::State};
use mamori_gateway::{capability, service, store};
use mamori_kernel::ledger::Actor;
use mamori_proxy::WafMode;
use mamori_proxy::visit::{Seen, Visit};
use mamori_runtime::config::{
    Acme, AcmeChallenge, Gateway, GatewaySite, Protection, SiteCertificate,
};
use mamori_runtime::outgoing::{self, NoAnswer, Returned, Sent};
use mamori_testkit::TestApp;
use tempfile::TempDir;
use tokio::sync::watch;

pub const CONTRACT: &str = "c1";
pub const HOST: &str = "www.example.jp";
/// Days that its certificates are good.
pub const LIFE_DAYS: i64 = 90;

/// A running authority. Its programs end with it.
pub struct Authority {
    programs: Vec<Child>,
    folder: TempDir,
    address: u16,
    management: u16,
    config: serde_json::Value,
}

impl Drop for Authority {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A port that is free for TCP and UDP now.
fn port() -> u16 {
    loop {
        let tcp = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = tcp.local_addr().expect("an address").port();
        if UdpSocket::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

impl Authority {
    /// One that looks for proofs at these ports; `None`: this machine has none, which is said aloud.
    pub async fn start(http: u16, tls: u16, binding: bool) -> Option<Self> {
        if Command::new("pebble").arg("-h").output().is_err() {
            let required = std::env::var("MAMORI_TEST_PEBBLE").as_deref() == Ok("required");
            assert!(
                !required,
                "pebble is required for tests (apt install pebble)"
            );
            eprintln!("******** SKIPPED: no pebble on this machine (apt install pebble) ********");
            return None;
        }
        let folder = tempfile::tempdir().expect("a folder");
        let own = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]);
        let own = own.expect("a certificate");
        let (address, management) = (port(), port());
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("own.pem"), own.cert.pem()).expect("written");
        std::fs::write(path("own.key"), own.signing_key.serialize_pem()).expect("written");
        let config = serde_json::json!({ "pebble": {
            "listenAddress": format!("127.0.0.1:{address}"),
            "managementListenAddress": format!("127.0.0.1:{management}"),
            "certificate": path("own.pem"),
            "privateKey": path("own.key"),
            "httpPort": http,
            "tlsPort": tls,
            "ocspResponderURL": "",
            "externalAccountBindingRequired": binding,
            "externalAccountMACKeys": { "kid-1": "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W" },
            "certificateValidityPeriod": LIFE_DAYS * 24 * 3600,
        }});
        let mut authority = Self {
            programs: Vec::new(),
            folder,
            address,
            management,
            config,
        };
        authority.run().await;
        Some(authority)
    }

    /// Ends it: whoever asks gets no connection.
    pub fn stop(&mut self) {
        for mut program in self.programs.drain(..) {
            let _ended = program.kill();
            let _status = program.wait();
        }
    }

    /// Begins anew at the same address. It forgets everything when it ends.
    pub async fn run(&mut self) {
        let config = self.folder.path().join("config.json");
        std::fs::write(&config, self.config.to_string()).expect("written");
        let names = port();
        let quiet = |command: &mut Command| {
            command
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .expect("started")
        };
        // Every name leads to this machine.
        let dns = quiet(
            Command::new("pebble-challtestsrv")
                .args(["-defaultIPv6", "", "-http01", "", "-https01", ""])
                .args(["-tlsalpn01", "", "-dns01", &format!("127.0.0.1:{names}")])
                .args(["-management", &format!("127.0.0.1:{}", port())]),
        );
        let pebble = quiet(
            Command::new("pebble")
                .arg("-config")
                .arg(&config)
                .args(["-dnsserver", &format!("127.0.0.1:{names}")])
                .env("PEBBLE_VA_NOSLEEP", "1")
                // Nonces are refused where a test says so, not by chance.
                .env("PEBBLE_WFE_NONCEREJECT", "0"),
        );
        self.programs = vec![dns, pebble];
        for _ in 0..200 {
            if let Ok(root) = outgoing::exchange(self.ask("roots/0")).await
                && root.status == 200
            {
                let own = std::fs::read(self.folder.path().join("own.pem")).expect("written");
                let trusted = [own, root.body].concat();
                std::fs::write(self.trusted(), trusted).expect("written");
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the authority never answered");
    }

    fn ask(&self, path: &str) -> Sent {
        Sent {
            method: "GET".to_owned(),
            url: format!("https://localhost:{}/{path}", self.management),
            authorities: std::fs::read(self.folder.path().join("own.pem")).expect("written"),
            ..Sent::default()
        }
    }

    /// The file of its own certificate and of the root that it issues by.
    pub fn trusted(&self) -> PathBuf {
        self.folder.path().join("trusted.pem")
    }

    pub fn acme(&self, challenge: AcmeChallenge) -> Acme {
        Acme {
            directory: format!("https://localhost:{}/dir", self.address),
            contact: vec!["webmaster@example.jp".to_owned()],
            challenge,
            ca_file: Some(self.trusted()),
            external_account: None,
        }
    }
}

/// What stands in between does with a request: nothing, or it answers itself.
type Meddle = Box<dyn FnMut(&Sent) -> Option<Result<Returned, NoAnswer>> + Send>;

/// Stands between us and the authority: notes what goes by, and breaks it where a test says so.
#[derive(Clone, Default)]
pub struct Between {
    seen: Arc<Mutex<Vec<String>>>,
    meddle: Arc<Mutex<Option<Meddle>>>,
}

impl Between {
    /// How many requests went to addresses that hold this text.
    pub fn count(&self, part: &str) -> usize {
        let seen = self.seen.lock().expect("no panic");
        seen.iter().filter(|url| url.contains(part)).count()
    }

    pub fn meddle(
        &self,
        with: impl FnMut(&Sent) -> Option<Result<Returned, NoAnswer>> + Send + 'static,
    ) {
        *self.meddle.lock().expect("no panic") = Some(Box::new(with));
    }

    pub fn leave_alone(&self) {
        *self.meddle.lock().expect("no panic") = None;
    }
}

impl Way for Between {
    fn send(
        &self,
        sent: Sent,
    ) -> std::pin::Pin<Box<dyn Future<Output = Result<Returned, NoAnswer>> + Send>> {
        self.seen.lock().expect("no panic").push(sent.url.clone());
        let mut meddle = self.meddle.lock().expect("no panic");
        match meddle.as_mut().and_then(|meddle| meddle(&sent)) {
            Some(answer) => Box::pin(async move { answer }),
            None => Network.send(sent),
        }
    }
}

/// A gateway that serves one site, and the authority that it orders at.
pub struct Bench {
    pub test: TestApp,
    pub authority: Authority,
    pub between: Between,
    pub gateway: Gateway,
    stop: watch::Sender<bool>,
    served: tokio::task::JoinHandle<Result<(), service::ServeError>>,
}

/// What differs between tests.
#[derive(Default)]
pub struct Wanted {
    pub hosts: Vec<&'static str>,
    pub challenge: AcmeChallenge,
    pub binding: bool,
    /// The authority comes to a port where somebody else answers.
    pub astray: bool,
}

impl Bench {
    pub async fn open(wanted: Wanted) -> Option<Self> {
        let (http, https) = (port(), port());
        let comes_to = if wanted.astray { port() } else { http };
        let authority = Authority::start(comes_to, https, wanted.binding).await?;
        let address = |port: u16| SocketAddr::from(([127, 0, 0, 1], port));
        let mut acme = authority.acme(wanted.challenge);
        if wanted.binding {
            let keys = &authority.config["pebble"]["externalAccountMACKeys"];
            let key = keys["kid-1"].as_str().expect("a key");
            acme.external_account = Some(("kid-1".to_owned(), mamori_runtime::Secret::new(key)));
        }
        let hosts = if wanted.hosts.is_empty() {
            vec![HOST]
        } else {
            wanted.hosts
        };
        let gateway = Gateway {
            http: match wanted.challenge {
                AcmeChallenge::Http => vec![address(http)],
                AcmeChallenge::TlsAlpn => Vec::new(),
            },
            https: vec![address(https)],
            // Visitors of a test come all at once.
            protection: Protection::Off,
            acme,
            sites: vec![GatewaySite {
                name: "site".to_owned(),
                contract: CONTRACT.to_owned(),
                hosts: hosts.into_iter().map(str::to_owned).collect(),
                // Nobody there: 502 is an answer too.
                upstreams: vec!["127.0.0.1:1".to_owned()],
                certificate: Some(SiteCertificate::Acme),
                inspect_answers: false,
            }],
            ..Gateway::default()
        };
        let own = gateway.clone();
        let test = TestApp::builder()
            .configured(move |config| config.gateway = Some(own))
            .with(capability())
            .open()
            .await;
        // The authority's clock is the machine's; ours stands still meanwhile.
        test.clock
            .set(Timestamp::now() + SignedDuration::from_mins(5));
        let between = Between::default();
        test.app
            .provide(Arc::new(Authorities(Arc::new(between.clone()))));
        without_firewall(&test).await;
        let (stop, served) = serve(&test, &gateway);
        Some(Self {
            test,
            authority,
            between,
            gateway,
            stop,
            served,
        })
    }

    pub fn site(&self) -> &GatewaySite {
        &self.gateway.sites[0]
    }

    /// Orders what is due, as the job does.
    pub async fn look_after(&self) {
        acme::look_after(
            &self.test.app,
            &self.gateway,
            self.site(),
            Actor::job("gateway.certificates"),
        )
        .await
        .expect("the database");
    }

    pub async fn state(&self) -> State {
        let state = certificates::store::state(&self.test.app.db, "site").await;
        state.expect("the database")
    }

    /// The certificate in its file.
    pub fn facts(&self) -> Option<Facts> {
        let keep = acme::keep::Keep::new(self.test.data_dir());
        certificates::read(&keep, self.site())
    }

    /// Its bytes: two that are made within one second differ in nothing else.
    pub fn certificate(&self) -> Vec<u8> {
        let keep = acme::keep::Keep::new(self.test.data_dir());
        std::fs::read(keep.certificate(&self.site().name)).expect("a certificate")
    }

    /// What a visitor sees.
    pub async fn visit(&self, host: &str) -> Result<Seen, String> {
        let trusted = std::fs::read(self.authority.trusted()).expect("written");
        let visit = Visit {
            listener: self.gateway.https[0],
            host,
            protocol: b"http/1.1",
            authorities: &trusted,
            at: self.test.app.now(),
        };
        let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        let seen = visit.over_tls(Some(request.as_bytes())).await;
        seen.map_err(|error| error.to_string())
    }

    /// Waits until visitors get a certificate that this is true of.
    pub async fn serves(&self, host: &str, which: impl Fn(&Facts) -> bool) -> Seen {
        let mut last = None;
        for _ in 0..200 {
            if let Ok(seen) = self.visit(host).await {
                let facts = seen.chain.first().and_then(|own| Facts::of_der(own));
                if facts.as_ref().is_some_and(&which) {
                    return seen;
                }
                last = facts;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("no such certificate came into force; the last one was {last:?}");
    }

    pub async fn end(self) {
        self.stop.send_replace(true);
        self.served.await.expect("no panic").expect("served");
    }
}

/// These tests are about certificates; rules of a firewall are not on every machine.
async fn without_firewall(test: &TestApp) {
    let policy = mamori_gateway::model::SitePolicy {
        mode: WafMode::Off,
        ..mamori_gateway::model::SitePolicy::default()
    };
    let mut tx = test.app.db.begin_write().await.expect("a transaction");
    let set = store::set_policy(&mut tx, "site", &policy, test.app.now(), "u1").await;
    set.expect("set");
    tx.commit().await.expect("committed");
}

fn serve(
    test: &TestApp,
    gateway: &Gateway,
) -> (
    watch::Sender<bool>,
    tokio::task::JoinHandle<Result<(), service::ServeError>>,
) {
    let sockets = service::bind(gateway).expect("bound");
    let (stop, stopped) = watch::channel(false);
    let served = tokio::spawn(service::serve(
        test.app.clone(),
        gateway.clone(),
        sockets,
        stopped,
    ));
    (stop, served)
}
