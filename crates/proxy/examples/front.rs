//! Serves one site by a small file, for trials and for measuring.
//!
//! ```text
//! cargo run --release -p mamori-proxy --example front -- front.toml
//! ```
//!
//! ```toml
//! http = "127.0.0.1:8080"          # where plain connections are taken
//! https = "127.0.0.1:8443"         # with a certificate that is made at start, for trials only
//! site = "127.0.0.1:8081"          # the server behind
//! hosts = ["*"]
//! firewall = "block"               # "off", "detect", "block"
//! rules = ["rules.conf"]           # files of SecLang, in order
//! head = "SecRuleEngine On"        # directives before them
//! responses = false
//! events = "none"                  # "lines" prints every event
//! threads = 1                      # of the runtime
//! ```
//!
//! The signal HUP reads the file again and replaces the policy.

#![allow(clippy::print_stdout)]

use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use mamori_kernel::Clock;
use mamori_proxy::{
    Certificate, Events, FirewallPolicy, Host, Listener, Policy, PolicyParts, Server, Site, WafMode,
};
use mamori_waf::{Builder, RuleSet, Source};
use tokio::signal::unix::{SignalKind, signal};

type Wrong = Box<dyn std::error::Error + Send + Sync>;

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    http: Option<String>,
    https: Option<String>,
    site: String,
    #[serde(default)]
    hosts: Vec<String>,
    #[serde(default)]
    firewall: Firewall,
    #[serde(default)]
    rules: Vec<String>,
    #[serde(default)]
    head: String,
    #[serde(default)]
    responses: bool,
    #[serde(default)]
    events: Telling,
    threads: Option<usize>,
}

#[derive(serde::Deserialize, Default, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum Firewall {
    #[default]
    Off,
    Detect,
    Block,
}

#[derive(serde::Deserialize, Default, Clone, Copy, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Telling {
    #[default]
    None,
    Lines,
}

/// The clock of this machine; the library takes it from its caller.
struct Here;

impl Clock for Here {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

struct Disk;

impl Source for Disk {
    fn read(&mut self, path: &str) -> Result<Vec<u8>, String> {
        std::fs::read(path).map_err(|error| error.to_string())
    }

    fn list(&mut self, directory: &str) -> Result<Vec<String>, String> {
        std::fs::read_dir(directory)
            .and_then(|entries| {
                entries
                    .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
                    .collect()
            })
            .map_err(|error| error.to_string())
    }
}

fn rules(file: &File) -> Result<Option<Arc<RuleSet>>, Wrong> {
    if file.rules.is_empty() && file.head.is_empty() {
        return Ok(None);
    }
    let mut builder = Builder::new();
    builder.inline("head", &file.head)?;
    for path in &file.rules {
        if path.contains('*') {
            builder.text(&mut Disk, "rules", &format!("Include {path}"))?;
        } else {
            builder.file(&mut Disk, path)?;
        }
    }
    Ok(Some(builder.build()?))
}

fn policy(file: &File) -> Result<Policy, Wrong> {
    let hosts = if file.hosts.is_empty() {
        vec![Host::Any]
    } else {
        file.hosts
            .iter()
            .map(|host| Host::parse(host).ok_or_else(|| format!("{host:?} is no host")))
            .collect::<Result<_, _>>()?
    };
    let mut site = Site::new("site", hosts, &[&file.site]);
    site.firewall = FirewallPolicy {
        rules: rules(file)?,
        mode: match file.firewall {
            Firewall::Off => WafMode::Off,
            Firewall::Detect => WafMode::Detect,
            Firewall::Block => WafMode::Block,
        },
        responses: file.responses,
        ..FirewallPolicy::default()
    };
    let mut listeners = Vec::new();
    if file.http.is_some() {
        listeners.push(Listener {
            name: "http".into(),
            tls: false,
        });
    }
    if file.https.is_some() {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()])?;
        site.certificate = Some(Certificate::from_pem(
            made.cert.pem().as_bytes(),
            made.signing_key.serialize_pem().as_bytes(),
        )?);
        listeners.push(Listener {
            name: "https".into(),
            tls: true,
        });
    }
    let mut parts = PolicyParts {
        listeners,
        sites: vec![site],
        ..PolicyParts::default()
    };
    // A machine that measures is one client.
    parts.limits.connections_of_client = parts.limits.connections;
    Ok(Policy::new(parts)?)
}

/// The file that the command line names, and its policy.
fn read() -> Result<(Policy, File), Wrong> {
    let path = std::env::args()
        .nth(1)
        .ok_or("name a file; the head of this example shows what it holds")?;
    let file: File = toml::from_str(&std::fs::read_to_string(Path::new(&path))?)?;
    Ok((policy(&file)?, file))
}

async fn serve(policy: Policy, file: File) -> Result<(), Wrong> {
    let mut sockets = Vec::new();
    for (name, address) in [("http", &file.http), ("https", &file.https)] {
        if let Some(address) = address {
            sockets.push((name.to_owned(), TcpListener::bind(address)?));
            println!("{name} on {address}");
        }
    }
    let (teller, mut events) = Events::channel(1024);
    let server = Server::start(policy, sockets, Arc::new(Here), teller)?;
    let mut told = Vec::new();
    let lines = file.events == Telling::Lines;
    let mut again = signal(SignalKind::hangup())?;
    loop {
        tokio::select! {
            count = events.gather(&mut told, 256) => {
                if count == 0 {
                    break;
                }
                for event in told.drain(..).filter(|_| lines) {
                    println!("{event:?}");
                }
            }
            // Compiling rules takes a processor for a while: beside the traffic.
            _ = again.recv() => match tokio::task::spawn_blocking(read).await? {
                Ok((policy, _)) => println!("{:?}", server.swap(policy)),
                Err(wrong) => println!("{wrong}"),
            },
            stop = tokio::signal::ctrl_c() => {
                stop?;
                break;
            }
        }
    }
    server.stop(Duration::from_secs(5)).await;
    Ok(())
}

fn main() -> Result<(), Wrong> {
    let (policy, file) = read()?;
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    if let Some(threads) = file.threads {
        runtime.worker_threads(threads);
    }
    // On a worker, so that events do not wake another thread.
    let runtime = runtime.enable_all().build()?;
    let serving = runtime.spawn(serve(policy, file));
    runtime.block_on(serving)?
}
