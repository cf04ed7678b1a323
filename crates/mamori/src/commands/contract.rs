//! `mamori contract`: check a contract file, print the language's schema, due dates, put a
//! contract into force, and show the state of its obligations.
//!
//! `check`, `schema` and `due` read a file only; `activate` and `status` need the data directory.

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use jiff::civil::Date;
use mamori_contract::engine::Verdict;
use mamori_contract::{Contract, Due, schema};
use mamori_kernel::ledger::Actor;
use mamori_kernel::{Clock, wareki};
use mamori_office::contracts::{Activation, Live};
use mamori_office::office::Office;
use mamori_runtime::SystemClock;
use serde_json::json;

use crate::global::Global;
use crate::wiring;

/// Exit code for input that cannot be used, the same as clap's own.
const BAD_INPUT: u8 = 2;

/// Arguments of `mamori contract`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Check contract files: every mistake with file, line, column and what would be right
    Check {
        /// Contract files (TOML); `-` reads standard input
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Print the JSON Schema of the contract language, for editors
    Schema,
    /// Print the due dates of a contract (JSON: one object per line)
    Due {
        /// Contract file (TOML); with --server the contract's id
        #[arg(long, value_name = "FILE")]
        contract: Option<PathBuf>,
        /// First day, ISO or 和暦 (default: the term's first)
        #[arg(long, value_name = "DATE")]
        from: Option<String>,
        /// Last day, included (default: the last due date)
        #[arg(long, value_name = "DATE")]
        to: Option<String>,
    },
    /// Put a contract file into force in the data directory, or its new text
    Activate {
        /// Contract file (TOML)
        file: PathBuf,
    },
    /// Show the state of every obligation of a contract in force
    Status {
        /// Contract id (default: the only one in force)
        #[arg(long, value_name = "ID")]
        contract: Option<String>,
        /// Only this obligation, with all its periods
        #[arg(long, value_name = "KEY")]
        obligation: Option<String>,
    },
}

/// Runs the command.
pub fn run(args: Args, global: &Global) -> anyhow::Result<ExitCode> {
    match args.command {
        Command::Check { files } => check(&files, global),
        Command::Schema => {
            std::io::stdout().write_all(schema::schema_text().as_bytes())?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Due { contract, from, to } => {
            if let Some(remote) = global.remote()? {
                let id = contract.as_deref().and_then(std::path::Path::to_str);
                let place = super::remote::place(&remote, id, global.json)?;
                print!("{}", place.due(from.as_deref(), to.as_deref())?);
                return Ok(ExitCode::SUCCESS);
            }
            let contract = contract.context("--contract に契約ファイルを指定してください")?;
            due(&contract, from.as_deref(), to.as_deref(), global)
        }
        Command::Activate { file } if global.server.is_some() => {
            let remote = global.remote()?.context("--server がありません")?;
            let source = read(&file)?;
            let name = file.display().to_string();
            print!(
                "{}",
                super::remote::activate(&remote, &name, &source, global.json)?
            );
            Ok(ExitCode::SUCCESS)
        }
        Command::Activate { file } => wiring::block_on(activate(file, global)),
        Command::Status {
            contract,
            obligation,
        } if global.server.is_some() => {
            let remote = global.remote()?.context("--server がありません")?;
            let place = super::remote::place(&remote, contract.as_deref(), global.json)?;
            print!("{}", place.status(obligation.as_deref())?);
            Ok(ExitCode::SUCCESS)
        }
        Command::Status {
            contract,
            obligation,
        } => wiring::block_on(status(contract.as_deref(), obligation.as_deref(), global)),
    }
}

fn read(file: &PathBuf) -> anyhow::Result<String> {
    if file.as_os_str() == "-" {
        let mut text = String::new();
        std::io::stdin()
            .read_to_string(&mut text)
            .context("標準入力を読めません")?;
        return Ok(text);
    }
    std::fs::read_to_string(file).with_context(|| {
        format!(
            "契約ファイル {} を読めません。場所と文字コード（UTF-8）を確かめてください",
            file.display()
        )
    })
}

fn check(files: &[PathBuf], global: &Global) -> anyhow::Result<ExitCode> {
    let mut refused = false;
    let mut out = std::io::stdout().lock();
    for file in files {
        let source = read(file)?;
        let parsed = Contract::parse(&file.display().to_string(), &source);
        let (report, obligations) = match &parsed {
            Ok((contract, report)) => (report, Some(judged(contract))),
            Err(report) => (report, None),
        };
        refused |= report.has_errors();
        if global.json {
            let (errors, warnings) = report.counts();
            let line = json!({
                "file": report.file,
                "ok": !report.has_errors(),
                "errors": errors,
                "warnings": warnings,
                "obligations": obligations,
                "diagnostics": report.diagnostics,
            });
            writeln!(out, "{line}")?;
        } else {
            writeln!(out, "{report}")?;
            if let Ok((contract, _)) = &parsed {
                writeln!(
                    out,
                    "「{}」 {} 行（うち義務・禁止 {}）",
                    contract.file.contract.name,
                    contract.file.obligation.len(),
                    judged(contract)
                )?;
            }
        }
    }
    Ok(if refused {
        ExitCode::from(BAD_INPUT)
    } else {
        ExitCode::SUCCESS
    })
}

fn judged(contract: &Contract) -> usize {
    contract
        .file
        .obligation
        .iter()
        .filter(|each| each.type_.is_judged())
        .count()
}

fn day(text: &str) -> anyhow::Result<Date> {
    wareki::parse(text).map_err(|error| anyhow::anyhow!("{error}"))
}

fn due(
    file: &PathBuf,
    from: Option<&str>,
    to: Option<&str>,
    global: &Global,
) -> anyhow::Result<ExitCode> {
    let contract = match Contract::parse(&file.display().to_string(), &read(file)?) {
        Ok((contract, _)) => contract,
        Err(report) => {
            eprintln!("{report}");
            return Ok(ExitCode::from(BAD_INPUT));
        }
    };
    let from = from.map_or(Ok(contract.term.first()), day)?;
    let to = to.map_or(Ok(Date::MAX), day)?;
    anyhow::ensure!(
        from <= to,
        "--to {to} が --from {from} より前です。順を直してください"
    );
    let mut out = std::io::stdout().lock();
    for due in contract.due(from, to) {
        out.write_all(due_said(&due, global.json)?.as_bytes())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// A due date with what stands below it: why it moved, what is unknown, other readings.
pub(super) fn due_said(due: &Due, json: bool) -> anyhow::Result<String> {
    if json {
        return Ok(format!("{}\n", serde_json::to_string(due)?));
    }
    let when = due.due.map_or_else(
        || "未定".to_owned(),
        |day| format!("{day} {}", wareki::with_weekday(day)),
    );
    let mut text = format!(
        "{when}  {}  {}  {}（{}）\n",
        due.obligation,
        due.deliverable_title.as_deref().unwrap_or(&due.title),
        due.period.japanese(),
        due.rule
    );
    for more in [&due.reason, &due.unknown].into_iter().flatten() {
        writeln!(text, "            {more}")?;
    }
    if due.after_term {
        writeln!(text, "            履行期間の終わりより後です")?;
    }
    for other in &due.other_readings {
        let day = other
            .due
            .map_or_else(|| "日付なし".to_owned(), |day| day.to_string());
        writeln!(
            text,
            "            {} の読み「{}」なら {day}",
            other.note, other.title
        )?;
    }
    Ok(text)
}

/// What to say of a text that was sent; `done` is the API's word.
pub(super) fn activated(done: &str, name: &str, id: &str) -> String {
    let text = match done {
        "new" => "を有効にしました",
        "changed" => "の新しい本文を有効にしました",
        _ => "は同じ本文で既に有効です",
    };
    format!("「{name}」（{id}）{text}")
}

async fn activate(file: PathBuf, global: &Global) -> anyhow::Result<ExitCode> {
    let source = read(&file)?;
    let app = wiring::open_app(global).await?;
    let office = Office::of(&app)?;
    let name = file.display().to_string();
    let (live, done, report) = office
        .contracts
        .activate(&name, &source, Actor::machine("cli"))
        .await?;
    let word = match done {
        Activation::New => "new",
        Activation::Changed => "changed",
        Activation::Unchanged => "unchanged",
    };
    if global.json {
        println!(
            "{}",
            json!({ "contract": live.id(), "activation": word, "warnings": report.diagnostics })
        );
    } else {
        let name = &live.contract().file.contract.name;
        println!("{}", activated(word, name, live.id()));
    }
    Ok(ExitCode::SUCCESS)
}

async fn status(
    contract: Option<&str>,
    obligation: Option<&str>,
    global: &Global,
) -> anyhow::Result<ExitCode> {
    let app = wiring::open_app(global).await?;
    let office = Office::of(&app)?;
    let live = office.contracts.choose(contract).await?;
    let now = SystemClock.now();
    let mut states = live.states(now).await?;
    if let Some(key) = obligation {
        states.retain(|state| state.key == key);
        anyhow::ensure!(
            !states.is_empty(),
            "義務「{key}」は契約「{}」にありません（定め・許可には判定がありません）",
            live.id()
        );
    }
    let mut out = std::io::stdout().lock();
    if global.json {
        for state in &states {
            writeln!(out, "{}", serde_json::to_string(state.as_ref())?)?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    for state in &states {
        writeln!(
            out,
            "{}  {}  {}",
            state.key,
            state.verdict.japanese(),
            title(&live, &state.key)
        )?;
        for reason in &state.reasons {
            writeln!(out, "            {reason}")?;
        }
        for warning in &state.warnings {
            writeln!(out, "            注意: {warning}")?;
        }
        if obligation.is_some() {
            for period in &state.periods {
                let due = period
                    .due
                    .map_or_else(String::new, |due| format!("（期限 {due}）"));
                writeln!(
                    out,
                    "    {} {}{due}",
                    period.period.japanese(),
                    period.verdict.japanese()
                )?;
                for reason in &period.reasons {
                    writeln!(out, "            {reason}")?;
                }
            }
        }
    }
    if obligation.is_none() {
        let count = |verdict: Verdict| {
            states
                .iter()
                .filter(|state| state.verdict == verdict)
                .count()
        };
        let all = [
            Verdict::Met,
            Verdict::NotMet,
            Verdict::Undecided,
            Verdict::Pending,
            Verdict::Unmeasured,
            Verdict::NotApplicable,
        ];
        let words: Vec<String> = all
            .iter()
            .map(|verdict| format!("{} {}", verdict.japanese(), count(*verdict)))
            .collect();
        writeln!(out, "義務・禁止 {}: {}", states.len(), words.join("、"))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn title(live: &Live, key: &str) -> String {
    live.contract()
        .latest(key)
        .map(|each| each.title.clone())
        .unwrap_or_default()
}
