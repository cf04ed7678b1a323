//! `mamori serve`: the console, the job runner and the gateway, until SIGTERM or SIGINT.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use mamori_gateway::service;
use mamori_runtime::config::{Gateway, REMOTE_REMEDY};
use mamori_runtime::{App, Runner};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::global::Global;
use crate::wiring;

/// Arguments of `mamori serve`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Address to listen on (default: `listen` of the configuration, 127.0.0.1:8080)
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub listen: Option<SocketAddr>,

    /// What this process does: console, jobs, gateway (several processes may share one PostgreSQL)
    #[arg(long, value_delimiter = ',', value_name = "ROLE,…", default_values_t = [Role::Console, Role::Jobs, Role::Gateway])]
    pub roles: Vec<Role>,
}

/// A part of the work that a process takes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Role {
    /// Pages and API.
    Console,
    /// Schedules, queued jobs, mail.
    Jobs,
    /// What visitors of the city's sites connect to, where `[gateway]` is configured.
    Gateway,
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Console => "console",
            Self::Jobs => "jobs",
            Self::Gateway => "gateway",
        })
    }
}

/// Runs the command.
pub fn run(args: Args, global: &Global) -> anyhow::Result<ExitCode> {
    let mut config = wiring::load_config(global)?;
    if let Some(listen) = args.listen {
        config.listen = listen;
    }
    if !config.listen.ip().is_loopback() && !config.allow_remote {
        bail!(
            "{} はこの機械の外からも届くアドレスです。{REMOTE_REMEDY}",
            config.listen
        );
    }
    let json = global.json;
    wiring::block_on(async move {
        let listener = if args.roles.contains(&Role::Console) {
            // Bound before anything is opened: a second server on the port changes nothing.
            Some(bind(config.listen).await?)
        } else {
            None
        };
        // Its sockets too.
        let gateway = match config.gateway.clone() {
            Some(settings) if args.roles.contains(&Role::Gateway) => {
                let sockets = service::bind(&settings)?;
                Some((settings, sockets))
            }
            _ => None,
        };
        let app =
            wiring::open_with(config, std::sync::Arc::new(mamori_runtime::SystemClock)).await?;
        let stop = stop_on_signal()?;
        let parts = Parts {
            listener,
            jobs: args.roles.contains(&Role::Jobs),
            gateway,
        };
        if let Some(listener) = &parts.listener {
            announce(&app, listener.local_addr()?, json).await?;
        }
        serve(&app, parts, stop).await
    })
}

/// Binds the listener, with an error that says what to do.
pub async fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    match TcpListener::bind(address).await {
        Ok(listener) => Ok(listener),
        Err(error) if error.kind() == ErrorKind::AddrInUse => bail!(
            "{address} はほかのプログラムが使っています。--listen 127.0.0.1:{} のように別の番号を指定するか、そのプログラムを止めてください（ss -ltnp で調べられます）",
            address.port().checked_add(1).unwrap_or(8081)
        ),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            bail!("{address} を使う権限がありません。1024 以上の番号を指定してください")
        }
        Err(error) => Err(error).with_context(|| format!("{address} で待ち受けられません")),
    }
}

/// What a process serves.
pub struct Parts {
    /// Pages and API.
    pub listener: Option<TcpListener>,
    /// The job runner.
    pub jobs: bool,
    /// The gateway with its sockets.
    pub gateway: Option<(Gateway, Vec<(String, std::net::TcpListener)>)>,
}

/// Serves until `stop` says true. A gateway that cannot serve ends the process: a site without its
/// firewall must not look as if it had one.
pub async fn serve(
    app: &App,
    parts: Parts,
    stop: watch::Receiver<bool>,
) -> anyhow::Result<ExitCode> {
    let gateway = parts.gateway.map(|(settings, sockets)| {
        tokio::spawn(service::serve(app.clone(), settings, sockets, stop.clone()))
    });
    let house = house(app, parts.listener, parts.jobs, stop);
    if let Some(mut gateway) = gateway {
        tokio::pin!(house);
        tokio::select! {
            outcome = &mut gateway => {
                outcome.context("the gateway ended badly")??;
                house.await?;
            }
            outcome = &mut house => {
                outcome?;
                gateway.await.context("the gateway ended badly")??;
            }
        }
    } else {
        house.await?;
    }
    app.db.close().await;
    Ok(ExitCode::SUCCESS)
}

/// Console and jobs.
async fn house(
    app: &App,
    listener: Option<TcpListener>,
    with_jobs: bool,
    stop: watch::Receiver<bool>,
) -> anyhow::Result<()> {
    let jobs = with_jobs.then(|| tokio::spawn(Runner::new(app.clone()).serve(stop.clone())));
    if let Some(listener) = listener {
        // Beside serving: whoever comes first after a restart need not wait for years of evidence.
        let app_to_warm = app.clone();
        tokio::spawn(async move {
            if let Err(error) = warm(&app_to_warm).await {
                tracing::warn!(%error, "the contracts' states were not read ahead");
            }
        });
        mamori_web::serve(app.clone(), listener, stop).await?;
    } else {
        let mut stop = stop;
        let _ = stop.wait_for(|stop| *stop).await;
    }
    if let Some(jobs) = jobs {
        jobs.await.context("the job runner ended badly")?;
    }
    Ok(())
}

/// Lets every contract's engine read its saved state and what was appended since.
pub async fn warm(app: &App) -> anyhow::Result<()> {
    for live in mamori_office::Office::of(app)?.contracts.all() {
        live.states(app.now()).await?;
    }
    Ok(())
}

async fn announce(app: &App, address: SocketAddr, json: bool) -> anyhow::Result<()> {
    let url = format!("http://{address}/");
    let public = app.config.public_url.clone();
    let base = public.unwrap_or_else(|| format!("http://{address}"));
    // The one place that shows the link: whoever reads this screen administers the machine.
    let set_up = mamori_web::setup::open(app)
        .await?
        .map(|path| format!("{base}{}", path.expose()));
    if json {
        let mut line = json!({ "address": url });
        if let Some(link) = set_up {
            line["set_up"] = link.into();
        }
        println!("{line}");
        return Ok(());
    }
    println!("まもりは {url} で動いています。止めるには Ctrl+C を押してください。");
    if let Some(link) = set_up {
        tracing::info!(
            "no account yet: the link for the first administrator is on standard output"
        );
        println!(
            "利用者がまだいません。次のリンクを開いて、はじめの管理者を作ってください（このサーバーが動いている間、1 回だけ使えます）:\n  {link}"
        );
    }
    Ok(())
}

/// True after the first SIGTERM or SIGINT; a second one ends the process at once.
pub fn stop_on_signal() -> anyhow::Result<watch::Receiver<bool>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let (sender, receiver) = watch::channel(false);
    tokio::spawn(async move {
        for _ in 0..2 {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            if *sender.borrow() {
                std::process::exit(130);
            }
            tracing::info!("stopping");
            sender.send_replace(true);
        }
    });
    Ok(receiver)
}
