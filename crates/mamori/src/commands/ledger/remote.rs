//! The ledger of another installation, through its API: what can be read and proved. What writes
//! beside the acts of the registers (append, erase) is done on the server's own machine.

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::Context as _;
use mamori_runtime::remote::Remote;
use mamori_store::RecordProof;
use mamori_store::archive;

use super::prove::{self, ProveArgs};
use super::{Command, ExportArgs, ShowArgs, input, print, usage};
use crate::commands::remote::place;
use crate::global::Global;

/// Whether the command only reads a file that is here, whatever `--server` says.
pub(super) fn is_about_a_file(command: &Command) -> bool {
    match command {
        Command::Verify(args) => args.file.is_some(),
        Command::VerifyRecord(_) => true,
        _ => false,
    }
}

pub(super) fn run(command: Command, remote: &Remote, global: &Global) -> anyhow::Result<ExitCode> {
    match command {
        Command::Head(args) => {
            let place = place(remote, args.contract.as_deref(), global.json)?;
            print!("{}", place.head()?);
            Ok(ExitCode::SUCCESS)
        }
        Command::Export(args) => export(&args, remote, global),
        Command::Prove(args) => prove_one(&args, remote, global),
        Command::Show(ShowArgs {
            contract,
            seq: Some(seq),
            proof: false,
            ..
        }) => {
            let place = place(remote, contract.as_deref(), global.json)?;
            println!("{}", place.record(seq)?);
            Ok(ExitCode::SUCCESS)
        }
        Command::Show(_) => anyhow::bail!(
            "--server では ledger show --seq 番号 だけが使えます。まとめて見るには ledger export、証明は ledger prove を使ってください"
        ),
        Command::Append(_) | Command::Erase(_) | Command::Verify(_) | Command::VerifyRecord(_) => {
            anyhow::bail!(
                "この ledger の操作は --server では使えません。サーバーの機械で実行してください。--server で使えるのは head、show --seq、prove、export です"
            )
        }
    }
}

/// Receives the archive piece by piece and verifies it here before it gets its name.
fn export(args: &ExportArgs, remote: &Remote, global: &Global) -> anyhow::Result<ExitCode> {
    let days = input::days(args.from.as_deref(), args.to.as_deref())?;
    let folder = input::folder_of(&args.out)?;
    let place = place(remote, args.contract.as_deref(), global.json)?;
    let failed = || format!("{} に書き出せません", args.out.display());
    let mut file = tempfile::Builder::new()
        .prefix(".mamori-export-")
        .tempfile_in(&folder)
        .with_context(failed)?;
    let size = place.export(days, file.as_file_mut())?;
    file.as_file_mut().flush().with_context(failed)?;
    file.as_file().sync_all().with_context(failed)?;
    let received = std::fs::File::open(file.path()).with_context(failed)?;
    let report = match archive::verify(received, None) {
        Ok(report) => report,
        Err(refusal) => {
            print::refused(global, &args.out, &refusal);
            return Ok(ExitCode::FAILURE);
        }
    };
    input::make_readable(file.as_file()).with_context(failed)?;
    file.persist(&args.out)
        .map_err(|error| error.error)
        .with_context(failed)?;
    print::received(global, &args.out, &report, size);
    Ok(ExitCode::SUCCESS)
}

fn prove_one(args: &ProveArgs, remote: &Remote, global: &Global) -> anyhow::Result<ExitCode> {
    let place = place(remote, args.contract.as_deref(), global.json)?;
    let proof: RecordProof = serde_json::from_value(place.proof(args.seq)?)
        .context("サーバーの応答を読めません。サーバーとこの命令の版を揃えてください")?;
    // What does not prove itself here is handed to nobody.
    proof.verify(None).map_err(usage)?;
    prove::write(&proof, args.seq, args.out.as_deref(), global)?;
    Ok(ExitCode::SUCCESS)
}
