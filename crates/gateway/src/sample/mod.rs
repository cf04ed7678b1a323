//! A gateway for the sample installation: two sites of an invented city, what came to them in the
//! last weeks, and what was decided there.
//!
//! It is a running gateway like any other, on free ports of the loopback interface, in front of a
//! page of its own. What lies in the past is invented by a seed and goes the way that events of the
//! data plane go, so that every page shows what it would show of a real site. Attacks are judged by
//! the rules that then run. Addresses come from the ranges that are kept for documentation.

mod attacks;
mod authority;
mod behind;
mod decisions;
mod past;
mod visitors;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use mamori_kernel::ledger::Actor;
use mamori_proxy::access_log::LogError;
use mamori_runtime::App;
use mamori_runtime::config::{Acme, Gateway, GatewaySite, SiteCertificate};

use crate::acme::trouble::Trouble;
use crate::desk::DeskError;
use crate::policy::{MakeError, listener_name};

/// The rules that it runs with.
const RULES: &str = include_str!("rules.conf");
/// The site that is open to everybody.
const SITE: &str = "mihon";
/// The site on which changes are tried: it only observes.
const TRIAL: &str = "mihon-trial";
const HOST: &str = HOSTS[0];
const HOSTS: [&str; 2] = ["www.mihon.example.jp", "mihon.example.jp"];
/// An office of the sample, never kept out.
const OFFICE: &str = "203.0.113.0/24";

/// The sample cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum SampleError {
    /// A file or a socket.
    #[error(
        "見本のゲートウェイを用意できません（{0}）。データのフォルダーの空きと書き込みの権限を確かめてください"
    )]
    Io(#[from] std::io::Error),
    /// The certificate.
    #[error("見本の証明書を作れません（{0}）")]
    Certificate(#[from] rcgen::Error),
    /// A file of the certificate.
    #[error("見本の証明書を置けません（{}）。書き込みの権限を確かめてください", .0.detail)]
    File(Trouble),
    /// The rules.
    #[error(transparent)]
    Rules(#[from] MakeError),
    /// A decision.
    #[error(transparent)]
    Desk(#[from] DeskError),
    /// The database.
    #[error(transparent)]
    Store(#[from] mamori_store::Error),
    /// The access records.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A thread broke.
    #[error("the sample was not made: {0}")]
    Broken(#[from] tokio::task::JoinError),
}

/// What a gateway runs with: its settings, and its sockets by the names of their listeners.
pub type Ready = (Gateway, Vec<(String, TcpListener)>);

/// A gateway that is ready to run.
#[derive(Debug)]
pub struct Stand {
    /// As if it stood in the configuration.
    pub settings: Gateway,
    sockets: Vec<(String, TcpListener)>,
    behind: TcpListener,
    files: Files,
}

impl Stand {
    /// Takes free ports. Nothing is written yet: the directory may turn out to hold real data.
    pub fn new(data_dir: &Path, contract: &str) -> Result<Self, SampleError> {
        let folder = data_dir.join("gateway").join("sample");
        let files = Files {
            rules: folder.join("rules"),
            authority: folder.join("authority.pem"),
            certificate: folder.join("site.pem"),
        };
        let (http, https, behind) = (free()?, free()?, free()?);
        let upstreams = vec![behind.local_addr()?.to_string()];
        let sites = vec![
            GatewaySite {
                name: SITE.to_owned(),
                contract: contract.to_owned(),
                hosts: HOSTS.map(str::to_owned).into(),
                upstreams: upstreams.clone(),
                certificate: Some(SiteCertificate::Files(
                    files.certificate.clone(),
                    files.certificate.clone(),
                )),
                inspect_answers: false,
            },
            GatewaySite {
                name: TRIAL.to_owned(),
                contract: contract.to_owned(),
                // Found by a browser of this machine without anything to set up.
                hosts: vec!["localhost".to_owned()],
                upstreams,
                certificate: None,
                inspect_answers: false,
            },
        ];
        let settings = Gateway {
            http: vec![http.local_addr()?],
            https: vec![https.local_addr()?],
            rules: Some(files.rules.clone()),
            allowed: OFFICE.parse().into_iter().collect(),
            acme: Acme {
                ca_file: Some(files.authority.clone()),
                ..Acme::default()
            },
            sites,
            ..Gateway::default()
        };
        Ok(Self {
            settings,
            sockets: vec![
                (listener_name(false, 0), http),
                (listener_name(true, 0), https),
            ],
            behind,
            files,
        })
    }

    /// Puts the rules and a certificate that lasts into their places.
    fn put(&self, now: Timestamp) -> Result<(), SampleError> {
        std::fs::create_dir_all(&self.files.rules)?;
        std::fs::write(self.files.rules.join("sample.conf"), RULES)?;
        authority::put(&self.files, &HOSTS.map(str::to_owned), now)
    }

    /// Where a browser of this machine meets the gateway.
    pub fn address(&self) -> String {
        let port = self.settings.http.first().map_or(0, SocketAddr::port);
        format!("http://localhost:{port}/")
    }

    /// Lets the site behind answer, as long as the runtime runs; gives what the gateway needs.
    pub fn open(self, now: Timestamp) -> Result<Ready, SampleError> {
        self.put(now)?;
        behind::serve(self.behind)?;
        Ok((self.settings, self.sockets))
    }
}

/// A socket on a port that nobody uses.
fn free() -> Result<TcpListener, std::io::Error> {
    TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
}

/// What it reads, like an operator's.
#[derive(Debug)]
struct Files {
    /// The folder of its rules.
    rules: PathBuf,
    authority: PathBuf,
    /// With its key.
    certificate: PathBuf,
}

/// Invents the weeks before now and what was decided, for an application whose configuration is
/// that of the stand. Everything follows from the seed, the day and the hour.
pub async fn fill(
    app: &App,
    stand: &Stand,
    contract: &str,
    actor: &Actor,
    seed: u64,
) -> Result<(), SampleError> {
    stand.put(app.now())?;
    let report = past::fill(app, &stand.files.rules, seed).await?;
    decisions::take(app, contract, actor, &report).await
}
