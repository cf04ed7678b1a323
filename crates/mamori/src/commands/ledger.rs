//! `mamori ledger`: append to, show, export and verify the evidence ledger.
//!
//! The commands open the database themselves, without starting the capabilities: a ledger must be
//! readable when nothing else of the installation is. `verify FILE` opens nothing at all.
//!
//! Exit codes: 0 done or intact, 1 refused or failed, 2 wrong usage.

mod input;
mod print;
mod prove;
mod remote;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Subcommand;
use jiff::Timestamp;
use mamori_kernel::Clock as _;
use mamori_kernel::ledger::{Actor, HeadText, NewRecord, Record};
use mamori_runtime::{SYSTEM_CHAIN, SystemClock};
use mamori_store::archive::{self, ExportRequest};
use mamori_store::{Blobs, Db, Error as StoreError, LedgerKey, LedgerQuery, MIGRATIONS};

use crate::global::Global;
use crate::wiring;

/// Contract id of a ledger that was begun without any contract.
const DEFAULT_CONTRACT: &str = "default";

/// Arguments of `mamori ledger`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Append a record
    Append(AppendArgs),
    /// Show records
    Show(ShowArgs),
    /// Write the records of a period into one ZIP that can be verified anywhere
    Export(ExportArgs),
    /// Verify an exported ZIP, or (without FILE) the ledger of the data directory
    Verify(VerifyArgs),
    /// Write one record with its way to a signed root, to be verified anywhere
    Prove(prove::ProveArgs),
    /// Verify a file made by prove
    VerifyRecord(prove::VerifyRecordArgs),
    /// Print the head of the ledger
    Head(HeadArgs),
    /// Erase the personal data of a record and leave a tombstone
    Erase(EraseArgs),
}

#[derive(Debug, clap::Args)]
struct AppendArgs {
    /// Evidence kind, e.g. work.recorded
    #[arg(long)]
    kind: String,
    /// What the record is about, e.g. O-012
    #[arg(long)]
    subject: String,
    /// JSON object with what happened; `-` reads standard input
    #[arg(long, value_name = "JSON", default_value = "{}")]
    payload: String,
    /// Version of the payload's form
    #[arg(long, value_name = "N", default_value_t = 1)]
    payload_version: u32,
    /// Contract id (default: the only one with a ledger, else `default`)
    #[arg(long, value_name = "ID")]
    contract: Option<String>,
    /// Who writes: person:ID, job:ID or machine:ID
    #[arg(long, value_name = "KIND:ID", default_value = "machine:cli")]
    actor: String,
    /// File to attach; may be repeated
    #[arg(long, value_name = "FILE")]
    attach: Vec<PathBuf>,
    /// Personal data as a JSON object: kept beside the chain and erasable
    #[arg(long, value_name = "JSON")]
    personal: Option<String>,
    /// Appending the same key again returns the first record
    #[arg(long, value_name = "KEY")]
    dedup: Option<String>,
}

#[derive(Debug, clap::Args)]
struct ShowArgs {
    /// Contract id
    #[arg(long, value_name = "ID")]
    contract: Option<String>,
    /// One record by its number
    #[arg(long, value_name = "N")]
    seq: Option<u64>,
    /// Only this kind; may be repeated
    #[arg(long)]
    kind: Vec<String>,
    /// Only this subject
    #[arg(long)]
    subject: Option<String>,
    /// From this day, month (2026-10) or instant
    #[arg(long, value_name = "WHEN")]
    from: Option<String>,
    /// Up to and with this day or month, or before this instant
    #[arg(long, value_name = "WHEN")]
    to: Option<String>,
    /// The newest N records that match
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: u32,
    /// With --seq: the Merkle proof that the record is in the ledger
    #[arg(long, requires = "seq")]
    proof: bool,
}

#[derive(Debug, clap::Args)]
struct ExportArgs {
    /// Contract id
    #[arg(long, value_name = "ID")]
    contract: Option<String>,
    /// From this day, month (2026-10) or instant
    #[arg(long, value_name = "WHEN")]
    from: Option<String>,
    /// Up to and with this day or month, or before this instant
    #[arg(long, value_name = "WHEN")]
    to: Option<String>,
    /// ZIP file to write (replaced when it exists)
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

#[derive(Debug, clap::Args)]
struct VerifyArgs {
    /// ZIP file made by `mamori ledger export`
    file: Option<PathBuf>,
    /// A head that you kept: mamori1:CONTRACT:SEQ:HEX, full or as printed in a footer
    #[arg(long, value_name = "HEAD")]
    against: Option<String>,
    /// Without FILE: only this contract's ledger
    #[arg(long, value_name = "ID")]
    contract: Option<String>,
}

#[derive(Debug, clap::Args)]
struct HeadArgs {
    /// Contract id
    #[arg(long, value_name = "ID")]
    contract: Option<String>,
}

#[derive(Debug, clap::Args)]
struct EraseArgs {
    /// Number of the record
    #[arg(long, value_name = "N")]
    seq: u64,
    /// Why: the clause, law or rule
    #[arg(long)]
    reason: String,
    /// Contract id
    #[arg(long, value_name = "ID")]
    contract: Option<String>,
    /// Who erases
    #[arg(long, value_name = "KIND:ID", default_value = "machine:cli")]
    actor: String,
}

/// The arguments make no sense: exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Usage(String);

fn usage(problem: impl std::fmt::Display) -> anyhow::Error {
    Usage(problem.to_string()).into()
}

/// Runs the command.
pub fn run(args: Args, global: &Global) -> anyhow::Result<ExitCode> {
    let command = args.command;
    let elsewhere = if remote::is_about_a_file(&command) {
        None
    } else {
        global.remote()?
    };
    let outcome = match elsewhere {
        Some(server) => remote::run(command, &server, global),
        None => run_here(command, global),
    };
    Ok(outcome.unwrap_or_else(|error| {
        let invalid = error
            .downcast_ref::<StoreError>()
            .is_some_and(|error| matches!(error, StoreError::Ledger(_) | StoreError::Invalid(_)));
        let is_usage = invalid || error.is::<Usage>();
        let code = match error.downcast_ref::<StoreError>() {
            Some(error) => error.code(),
            None if is_usage => "usage",
            None => "failed",
        };
        print::failure(global, code, &format!("{error:#}"));
        ExitCode::from(if is_usage { 2 } else { 1 })
    }))
}

/// The command on this machine's own data directory.
fn run_here(command: Command, global: &Global) -> anyhow::Result<ExitCode> {
    match command {
        Command::Verify(args) => match args.file.clone() {
            Some(file) => verify_file(&file, &args, global),
            None => wiring::block_on(verify_own(args, global)),
        },
        Command::Append(args) => wiring::block_on(append(args, global)),
        Command::Show(args) => wiring::block_on(show(args, global)),
        Command::Export(args) => wiring::block_on(export(args, global)),
        Command::Prove(args) => wiring::block_on(prove::prove(args, global)),
        Command::VerifyRecord(args) => prove::verify_record(&args, global),
        Command::Head(args) => wiring::block_on(head(args, global)),
        Command::Erase(args) => wiring::block_on(erase(args, global)),
    }
}

/// The data directory with its database.
struct House {
    data_dir: PathBuf,
    db: Db,
}

impl House {
    /// Opens the database of the configuration; `create` says whether a missing SQLite file may
    /// be made (by `append` only: looking must not leave an empty ledger behind).
    async fn open(global: &Global, create: bool) -> anyhow::Result<Self> {
        let config = wiring::load_config(global).map_err(usage)?;
        let data_dir = config.data_dir.clone();
        let url = config.database_url();
        let missing = url
            .expose()
            .strip_prefix("sqlite:")
            .is_some_and(|path| !Path::new(path.trim_start_matches("//")).exists());
        if missing && !create {
            return Err(
                StoreError::not_found(format!("記録のある台帳({})", data_dir.display())).into(),
            );
        }
        let db = Db::open(url.expose()).await?;
        db.migrate(MIGRATIONS).await?;
        Ok(Self { data_dir, db })
    }

    fn blobs(&self) -> Blobs {
        Blobs::new(self.data_dir.join("blobs"))
    }

    fn key(&self) -> Result<LedgerKey, StoreError> {
        LedgerKey::open_or_create(&self.data_dir.join("keys/ledger.key"))
    }

    /// The contract given, else the only one that has a ledger, else `default`.
    async fn contract(&self, given: Option<String>) -> anyhow::Result<String> {
        if let Some(given) = given {
            mamori_kernel::ledger::check_contract_id(&given).map_err(usage)?;
            return Ok(given);
        }
        let mut contracts: Vec<String> = self
            .db
            .ledger_heads()
            .await?
            .into_iter()
            .map(|head| head.contract)
            .filter(|contract| contract != SYSTEM_CHAIN)
            .collect();
        match (contracts.pop(), contracts.is_empty()) {
            (None, _) => Ok(DEFAULT_CONTRACT.to_owned()),
            (Some(only), true) => Ok(only),
            (Some(last), false) => Err(usage(format!(
                "台帳のある契約が複数あります。--contract で選んでください: {}, {last}",
                contracts.join(", ")
            ))),
        }
    }
}

async fn append(args: AppendArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let payload = input::json("--payload", &args.payload)?;
    let personal = match &args.personal {
        Some(text) => Some(input::json("--personal", text)?),
        None => None,
    };
    let actor: Actor = args.actor.parse().map_err(usage)?;
    let files = args
        .attach
        .iter()
        .map(|path| input::open_attachment(path))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let now = SystemClock.now();
    let mut new = NewRecord {
        contract: args
            .contract
            .clone()
            .unwrap_or_else(|| DEFAULT_CONTRACT.to_owned()),
        at: now,
        actor,
        kind: args.kind,
        version: args.payload_version,
        subject: args.subject,
        payload,
        attachments: Vec::new(),
        personal,
        dedup: args.dedup,
    };
    // Everything is judged before the database is opened: a mistake leaves nothing behind.
    new.validate().map_err(usage)?;
    let house = House::open(global, true).await?;
    new.contract = house.contract(args.contract).await?;
    let mut stored = Vec::new();
    for file in files {
        let blob = house.blobs().put_from(file.file)?;
        new.attachments.push(mamori_kernel::ledger::Attachment {
            name: file.name,
            media_type: file.media_type.to_owned(),
            sha256: blob.sha256,
            size: blob.size,
        });
        stored.push(blob);
    }
    let mut tx = house.db.begin_write().await?;
    for blob in &stored {
        tx.record_blob(blob, now).await?;
    }
    let appended = tx
        .append_all(vec![new])
        .await?
        .pop()
        .context("one record gives one outcome")??;
    tx.commit().await?;
    print::appended(global, &appended);
    Ok(ExitCode::SUCCESS)
}

async fn show(args: ShowArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let from = input::from(args.from.as_deref())?;
    let until = input::until(args.to.as_deref())?;
    let house = House::open(global, false).await?;
    let contract = house.contract(args.contract).await?;
    if let Some(seq) = args.seq {
        let record = house.db.ledger_record(&contract, seq).await?;
        let personal = house.db.ledger_personal(&contract, seq).await?;
        let proof = if args.proof {
            Some(prove(&house, &record).await?)
        } else {
            None
        };
        print::record(global, &record, personal.is_some(), proof.as_ref());
        return Ok(ExitCode::SUCCESS);
    }
    let query = LedgerQuery {
        kinds: args.kind,
        subject: args.subject,
        from,
        until,
        limit: args.limit,
        newest_first: true,
        ..LedgerQuery::new(contract)
    };
    let mut records = house.db.ledger_records(&query).await?;
    records.reverse();
    print::records(global, &records);
    Ok(ExitCode::SUCCESS)
}

async fn prove(house: &House, record: &Record) -> anyhow::Result<print::Proof> {
    let checkpoint = house
        .db
        .ledger_checkpoint(&record.contract, &house.key()?, SystemClock.now())
        .await?
        .context("a chain with a record has a checkpoint")?;
    let inclusion = house
        .db
        .ledger_inclusion_proof(&record.contract, record.seq, checkpoint.size)
        .await?;
    Ok(print::Proof {
        inclusion,
        checkpoint,
        public_key: house.key()?.public().to_hex(),
    })
}

async fn export(args: ExportArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let from = input::from(args.from.as_deref())?;
    let until = input::until(args.to.as_deref())?;
    let folder = input::folder_of(&args.out)?;
    let house = House::open(global, false).await?;
    let request = ExportRequest {
        contract: house.contract(args.contract).await?,
        from,
        until,
        now: SystemClock.now(),
    };
    // Written aside and renamed: a half-written archive never carries the name that was asked for.
    let failed = || format!("{} に書き出せません", args.out.display());
    let mut file = tempfile::Builder::new()
        .prefix(".mamori-export-")
        .tempfile_in(&folder)
        .with_context(failed)?;
    let report = archive::export(
        &house.db,
        &house.blobs(),
        &house.key()?,
        &request,
        &folder,
        file.as_file_mut(),
    )
    .await?;
    file.as_file().sync_all().with_context(failed)?;
    input::make_readable(file.as_file()).with_context(failed)?;
    file.persist(&args.out)
        .map_err(|error| error.error)
        .with_context(failed)?;
    print::exported(global, &args.out, &report);
    Ok(ExitCode::SUCCESS)
}

fn verify_file(file: &Path, args: &VerifyArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let against = parse_against(args.against.as_deref())?;
    let input = File::open(file).map_err(|error| usage(format!("{}: {error}", file.display())))?;
    match archive::verify(input, against.as_ref()) {
        Ok(report) => {
            print::verified(global, file, &report);
            Ok(ExitCode::SUCCESS)
        }
        Err(refusal) => {
            print::refused(global, file, &refusal);
            Ok(ExitCode::FAILURE)
        }
    }
}

async fn verify_own(args: VerifyArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let against = parse_against(args.against.as_deref())?;
    let house = House::open(global, false).await?;
    let contracts: Vec<String> = match (args.contract, &against) {
        (Some(contract), _) => vec![contract],
        (None, Some(against)) => vec![against.contract.clone()],
        (None, None) => house
            .db
            .ledger_heads()
            .await?
            .into_iter()
            .map(|head| head.contract)
            .collect(),
    };
    if contracts.is_empty() {
        return Err(StoreError::not_found("台帳の記録").into());
    }
    let key = house.key()?.public();
    let mut audits = Vec::new();
    for contract in contracts {
        audits.push(
            house
                .db
                .audit_ledger(&contract, &house.blobs(), Some(key), against.as_ref())
                .await?,
        );
    }
    print::audited(global, &audits, key);
    let intact = audits.iter().all(mamori_store::ledger::Audit::is_intact);
    Ok(ExitCode::from(u8::from(!intact)))
}

fn parse_against(text: Option<&str>) -> anyhow::Result<Option<HeadText>> {
    text.map(|text| text.parse().map_err(|e| usage(format!("--against: {e}"))))
        .transpose()
}

async fn head(args: HeadArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let house = House::open(global, false).await?;
    let heads = match args.contract {
        None => house.db.ledger_heads().await?,
        Some(contract) => vec![
            house
                .db
                .ledger_head(&contract)
                .await?
                .ok_or_else(|| StoreError::not_found(format!("契約 {contract} の台帳")))?,
        ],
    };
    print::heads(global, &heads);
    Ok(ExitCode::SUCCESS)
}

async fn erase(args: EraseArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let actor: Actor = args.actor.parse().map_err(usage)?;
    let house = House::open(global, false).await?;
    let contract = house.contract(args.contract).await?;
    let mut tx = house.db.begin_write().await?;
    let now: Timestamp = SystemClock.now();
    let erasure = tx
        .erase_personal(&contract, args.seq, &args.reason, actor, now)
        .await?;
    tx.commit().await?;
    house.db.wipe_deleted().await?;
    print::erased(global, &erasure);
    Ok(ExitCode::SUCCESS)
}
