//! `mamori demo`: a sample installation with the real contract and rehearsed records up to
//! yesterday, served on loopback.
//!
//! Everything in it is marked 見本, on pages and on papers. The directory is made once and served
//! again the next time; a directory with real data is refused.

use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use jiff::ToSpan as _;
use jiff::civil::Date;
use mamori_gateway::sample::{self, Stand};
use mamori_kernel::clock::{tokyo_date, tokyo_midnight};
use mamori_kernel::ledger::Actor;
use mamori_kernel::permission::Role;
use mamori_kernel::{Clock, DrivenClock, wareki};
use mamori_runtime::{App, Config, Secret, SystemClock};
use mamori_web::account::{self, NewAccount};
use rand::RngExt as _;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::rehearse::bar;
use super::serve;
use crate::global::Global;
use crate::rehearsal::{self, Options};
use crate::wiring;

/// The real contract, as data.
const CONTRACT: &str = include_str!("../../../../contracts/kokoshelju-r8.toml");
const CONTRACT_NAME: &str = "kokoshelju-r8.toml";
/// Where the sample sign-ins are kept, for the next start.
const SIGN_INS: &str = "demo-sign-ins.json";
const SEED: u64 = 8;
/// Stands in the directory while the sample is being made.
const UNFINISHED: &str = "demo-unfinished";

/// Arguments of `mamori demo`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Port on 127.0.0.1; 0 takes a free one
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// Another contract file than the built-in one; more of them stand beside it without a past
    #[arg(long, value_name = "FILE")]
    contract: Vec<PathBuf>,
    /// Prepare the installation and end, without serving it
    #[arg(long)]
    prepare_only: bool,
}

/// A sample person.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct SignIn {
    name: String,
    password: String,
    role: Role,
    role_ja: String,
}

/// Runs the command.
pub fn run(args: &Args, global: &Global) -> anyhow::Result<ExitCode> {
    let folder = global
        .data_dir
        .clone()
        .unwrap_or_else(|| PathBuf::from("mamori-demo"));
    let mut contracts = Vec::new();
    for file in &args.contract {
        let name = file.display().to_string();
        let source = std::fs::read_to_string(file)
            .with_context(|| format!("契約ファイル {name} を読めません"))?;
        contracts.push((name, source));
    }
    if contracts.is_empty() {
        contracts.push((CONTRACT_NAME.to_owned(), with_sample_contractor(CONTRACT)));
    }
    let json = global.json;
    wiring::block_on(async move {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, args.port));
        // Bound first: a port that is taken is told before minutes of preparation.
        let listener = if args.prepare_only {
            None
        } else {
            Some(serve::bind(address).await?)
        };
        let mut config = Config::load(&folder, None)?;
        config.listen = address;
        "warn".clone_into(&mut config.log.filter);
        let stand = stand(&config, &contracts)?;
        let sign_ins = prepare(&config, stand.as_ref(), &contracts).await?;
        let Some(listener) = listener else {
            return Ok(ExitCode::SUCCESS);
        };
        let site = stand.as_ref().map(Stand::address);
        let gateway = stand
            .map(|stand| stand.open(SystemClock.now()))
            .transpose()?;
        if let Some((settings, _)) = &gateway {
            config.gateway = Some(settings.clone());
        }
        let app = wiring::open_with(config, Arc::new(SystemClock)).await?;
        // Before the address is told: everything is there when somebody looks.
        serve::warm(&app).await?;
        let stop = serve::stop_on_signal()?;
        let addresses = Addresses {
            console: listener.local_addr()?,
            site,
        };
        announce(&sign_ins, &addresses, &folder, json)?;
        serve::serve(
            &app,
            serve::Parts {
                listener: Some(listener),
                jobs: true,
                gateway,
            },
            stop,
        )
        .await
    })
}

/// A gateway of the sample's own, unless the configuration of the directory brings one.
fn stand(config: &Config, contracts: &[(String, String)]) -> anyhow::Result<Option<Stand>> {
    let (name, source) = contracts.first().context("no contract")?;
    if config.gateway.is_some() {
        return Ok(None);
    }
    let (parsed, _) = mamori_contract::Contract::parse(name, source)
        .map_err(|report| anyhow::anyhow!("{report}"))?;
    let id = &parsed.file.contract.id;
    Ok(Some(Stand::new(&config.data_dir, id)?))
}

/// The built-in contract names no contractor; papers of the demo show an invented one.
fn with_sample_contractor(source: &str) -> String {
    [
        ("name", "株式会社見本システム"),
        ("address", "見本市見本町1丁目1番1号"),
        ("representative", "代表取締役　見本　太郎"),
        ("responsible", "運用部長　見本　次郎"),
        ("contact", "運用課　見本　花子"),
        ("telephone", "000-000-0000"),
        ("mail", "mihon@example.jp"),
    ]
    .into_iter()
    .fold(source.to_owned(), |text, (key, value)| {
        text.replacen(
            &format!("\n{key} = \"\""),
            &format!("\n{key} = \"{value}\""),
            1,
        )
    })
}

/// Makes the sample installation, unless it is there: the first contract with a past, the others as
/// they are on their first day.
async fn prepare(
    config: &Config,
    stand: Option<&Stand>,
    contracts: &[(String, String)],
) -> anyhow::Result<Vec<SignIn>> {
    let ((name, source), others) = contracts.split_first().context("no contract")?;
    let folder = &config.data_dir;
    let kept = folder.join(SIGN_INS);
    if let Ok(text) = std::fs::read_to_string(&kept) {
        return serde_json::from_str(&text).with_context(|| {
            format!(
                "{} を読めません。フォルダーごと消してやり直してください",
                kept.display()
            )
        });
    }
    let unfinished = folder.join(UNFINISHED);
    if unfinished.exists() {
        clear(folder)?;
    }
    if folder.join("mamori.db").exists() {
        bail!(
            "{} には見本でないデータがあります。--data-dir で新しい場所を指定してください",
            folder.display()
        );
    }
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(&unfinished, "見本を作っている途中です。\n"))
        .with_context(|| format!("{} に書けません", folder.display()))?;
    eprintln!("見本を作っています（{}）…", folder.display());
    let yesterday = tokyo_date(SystemClock.now()).checked_sub(1.day())?;
    let (parsed, _) = mamori_contract::Contract::parse(name, source)
        .map_err(|report| anyhow::anyhow!("{report}"))?;
    let to = yesterday.min(parsed.term.last());
    let clock = DrivenClock::new(SystemClock.now());
    let shared: Arc<dyn Clock> = Arc::new(clock.clone());
    let app = wiring::open_with(config.clone(), shared).await?;
    if !mamori_office::Office::of(&app)?.contracts.all().is_empty() {
        std::fs::remove_file(&unfinished)?;
        bail!("設定されたデータベースには契約があります。見本は空のデータベースに作ってください");
    }
    // Whoever acts in the sample has an account from its first day, so that pages name them.
    if to >= parsed.term.first() {
        clock.set(tokyo_midnight(parsed.term.first()));
    }
    let (sign_ins, actors, manager) = people(&app).await?;
    if to >= parsed.term.first() {
        let progress_bar = bar();
        let mut progress = |day: Date, done: u64, all: u64| {
            progress_bar.set_length(all);
            progress_bar.set_position(done);
            progress_bar.set_message(wareki::with_weekday(day));
        };
        let options = Options {
            from: None,
            to: Some(to),
            seed: SEED,
            people: actors,
        };
        let report = rehearsal::run(&app, &clock, name, source, &options, &mut progress).await?;
        progress_bar.finish_and_clear();
        eprintln!(
            "証跡 {} 件を {:.1} 秒で作りました",
            report.records, report.seconds
        );
        for line in &report.refused {
            eprintln!("  受け付けられなかった操作：{line}");
        }
    } else {
        rehearsal::mark(&app).await?;
        mamori_office::Office::of(&app)?
            .contracts
            .activate(name, source, Actor::machine("demo"))
            .await?;
    }
    rehearsal::catch_up(&app, &clock, SystemClock.now()).await?;
    for (name, source) in others {
        mamori_office::Office::of(&app)?
            .contracts
            .activate(name, source, Actor::machine("demo"))
            .await
            .with_context(|| format!("契約ファイル {name} を有効にできません"))?;
    }
    app.db.close().await;
    if let Some(stand) = stand {
        guard(config, stand, &parsed.file.contract.id, &manager).await?;
    }
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&kept)
        .with_context(|| format!("{} に書けません", kept.display()))?;
    file.write_all(serde_json::to_string_pretty(&sign_ins)?.as_bytes())?;
    file.sync_all()?;
    std::fs::remove_file(&unfinished)?;
    Ok(sign_ins)
}

/// Gives the sample's gateway its past. The rehearsal knows no gateway: it plans for itself what one
/// would have told the ledger.
async fn guard(
    config: &Config,
    stand: &Stand,
    contract: &str,
    manager: &Actor,
) -> anyhow::Result<()> {
    let config = Config {
        gateway: Some(stand.settings.clone()),
        ..config.clone()
    };
    let app = wiring::open_with(config, Arc::new(SystemClock)).await?;
    sample::fill(&app, stand, contract, manager, SEED).await?;
    app.db.close().await;
    Ok(())
}

/// Takes away what an interrupted start left; only names that a start makes.
fn clear(folder: &Path) -> anyhow::Result<()> {
    eprintln!("途中で終わった見本を消して作り直します");
    for name in ["mamori.db", "mamori.db-wal", "mamori.db-shm"] {
        match std::fs::remove_file(folder.join(name)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
    }
    for name in ["blobs", "keys", "mail", "gateway"] {
        match std::fs::remove_dir_all(folder.join(name)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
    }
    Ok(())
}

/// Adds the sample's people: their sign-ins, who acts in the rehearsal, and who decides.
async fn people(app: &App) -> anyhow::Result<(Vec<SignIn>, rehearsal::People, Actor)> {
    let mut sign_ins = Vec::new();
    let mut actors = rehearsal::People::default();
    let mut manager = Actor::machine("demo");
    for (name, display, role) in [
        ("sekinin", "見本 責任者", Role::Manager),
        ("tantou", "見本 担当者", Role::Staff),
        ("shi", "見本 市担当者", Role::City),
        ("soudan", "見本 相談員", Role::Counsellor),
        ("etsuran", "見本 閲覧者", Role::Viewer),
        ("kanri", "見本 管理者", Role::Administrator),
    ] {
        let password = invent();
        let new = NewAccount {
            name: name.to_owned(),
            display_name: display.to_owned(),
            role,
            password: Secret::new(password.clone()),
        };
        let account = account::add(app, Actor::machine("demo"), new).await?;
        match role {
            Role::Staff => actors.staff = account.id.to_string(),
            Role::City => actors.city = account.id.to_string(),
            Role::Manager => manager = Actor::person(account.id.to_string()),
            _ => {}
        }
        sign_ins.push(SignIn {
            name: name.to_owned(),
            password,
            role,
            role_ja: role.title_ja().to_owned(),
        });
    }
    Ok((sign_ins, actors, manager))
}

/// 16 letters and digits that are not mistaken for one another.
fn invent() -> String {
    const LETTERS: &[u8] = b"abcdefghjkmnpqrstuvwxyz23456789";
    let mut rng = rand::rng();
    (0..16)
        .map(|_| char::from(LETTERS[rng.random_range(0..LETTERS.len())]))
        .collect()
}

/// Where the sample is seen.
struct Addresses {
    console: SocketAddr,
    /// The site, through its gateway.
    site: Option<String>,
}

fn announce(
    sign_ins: &[SignIn],
    addresses: &Addresses,
    folder: &Path,
    json: bool,
) -> anyhow::Result<()> {
    let url = format!("http://{}/", addresses.console);
    if json {
        let line = json!({
            "ready": true,
            "address": url,
            "addresses": { "console": url, "health": format!("{url}healthz"), "api": format!("{url}api/v1/"), "site": addresses.site },
            "data_dir": std::path::absolute(folder)?.display().to_string(),
            "sign_ins": sign_ins,
        });
        println!("{line}");
    } else {
        println!("\n見本を {url} で見られます（この機械の中からだけ届きます）。\n");
        println!("  {:<12} {:<18} 役割", "利用者名", "パスワード");
        for person in sign_ins {
            println!(
                "  {:<12} {:<18} {}",
                person.name, person.password, person.role_ja
            );
        }
        if let Some(site) = &addresses.site {
            println!("\n見本のサイト（ゲートウェイ越し）: {site}");
        }
        println!("\n終えるには Ctrl-C を押してください。");
    }
    std::io::stdout().flush()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_contractor_stands_in_the_contract() {
        let source = with_sample_contractor(CONTRACT);
        let (contract, _) = mamori_contract::Contract::parse(CONTRACT_NAME, &source).unwrap();
        let contractor = &contract.file.contract.contractor;
        assert_eq!(contractor.name, "株式会社見本システム");
        assert_eq!(contractor.mail, "mihon@example.jp");
        assert!(!contractor.address.is_empty() && !contractor.contact.is_empty());
    }
}
