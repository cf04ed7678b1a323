//! `mamori ledger prove` and `verify-record`: one record with its way to a signed root, as a file
//! that anybody can check on another machine.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use mamori_kernel::Clock as _;
use mamori_runtime::SystemClock;
use mamori_store::RecordProof;
use serde_json::json;

use super::{House, parse_against, print, usage};
use crate::global::Global;

#[derive(Debug, clap::Args)]
pub(super) struct ProveArgs {
    /// Number of the record
    pub(super) seq: u64,
    /// JSON file to write; standard output without it
    #[arg(long, value_name = "FILE")]
    pub(super) out: Option<PathBuf>,
    /// Contract id
    #[arg(long, value_name = "ID")]
    pub(super) contract: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(super) struct VerifyRecordArgs {
    /// JSON file made by `mamori ledger prove` or saved from the ledger's page
    file: PathBuf,
    /// A head that you kept: mamori1:CONTRACT:SEQ:HEX, full or as printed in a footer
    #[arg(long, value_name = "HEAD")]
    against: Option<String>,
}

pub(super) async fn prove(args: ProveArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let house = House::open(global, false).await?;
    let contract = house.contract(args.contract).await?;
    let proof = house
        .db
        .ledger_record_proof(&contract, args.seq, &house.key()?, SystemClock.now())
        .await?;
    write(&proof, args.seq, args.out.as_deref(), global)?;
    Ok(ExitCode::SUCCESS)
}

/// Writes a proof to its file, or to standard output.
pub(super) fn write(
    proof: &RecordProof,
    seq: u64,
    out: Option<&Path>,
    global: &Global,
) -> anyhow::Result<()> {
    let text = serde_json::to_string_pretty(proof)?;
    let Some(out) = out else {
        println!("{text}");
        return Ok(());
    };
    std::fs::write(out, format!("{text}\n"))
        .with_context(|| format!("{} に書き出せません", out.display()))?;
    if global.json {
        let told = json!({ "ok": true, "out": out.display().to_string(), "seq": seq });
        println!("{told}");
    } else {
        println!("書き出しました: {}", out.display());
        println!("確かめ方: mamori ledger verify-record {}", out.display());
    }
    Ok(())
}

pub(super) fn verify_record(args: &VerifyRecordArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let against = parse_against(args.against.as_deref())?;
    let text = std::fs::read_to_string(&args.file)
        .map_err(|error| usage(format!("{}: {error}", args.file.display())))?;
    let proof: RecordProof = serde_json::from_str(&text).map_err(|error| {
        usage(format!(
            "{}: 記録の証明として読めません({error})",
            args.file.display()
        ))
    })?;
    if let Err(fault) = proof.verify(against.as_ref()) {
        print::failure(global, "proof", &fault.to_string());
        return Ok(ExitCode::FAILURE);
    }
    let checkpoint = &proof.checkpoint.checkpoint;
    if global.json {
        println!(
            "{}",
            json!({
                "ok": true,
                "contract": checkpoint.contract,
                "seq": proof.record.seq,
                "hash": proof.record.hash.to_hex(),
                "size": checkpoint.size,
                "head": checkpoint.head().to_string(),
                "public_key": proof.public_key,
            })
        );
    } else {
        println!("正しい証明です: {}", args.file.display());
        println!(
            "記録     契約 {} #{} {}",
            checkpoint.contract, proof.record.seq, proof.record.kind
        );
        println!("要約値   {}", proof.record.hash);
        println!("先頭値   {}({} 件)", checkpoint.head(), checkpoint.size);
        println!("公開鍵   {}", proof.public_key);
        println!(
            "公開鍵が正しいことは、手元の控え(月次の書類、メール)の先頭値を --against に渡すと確かめられます。"
        );
    }
    Ok(ExitCode::SUCCESS)
}
