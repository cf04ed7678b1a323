//! `mamori waf inspect`: what the rules say of stored requests.

use std::fs::File;
use std::io::{self, IsTerminal as _, Read};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::ValueEnum;
use mamori_rules::{Wanted, load};
use mamori_waf::Mode;

use crate::global::Global;

/// One JSON object a line:
/// {"id":"1","method":"POST","uri":"/contact/","version":"HTTP/1.1",
///  "headers":[["Host","www.example.jp"],["Content-Type","application/x-www-form-urlencoded"]],
///  "body":"name=x","client":"192.0.2.1"}
///
/// A body that is no text goes into "body_base64" instead; a stored answer may be given as
/// "response":{"status","headers","body"}. Nothing is added to a request: a header that is not
/// there did not arrive.
///
/// One decision a line, in the same order:
/// {"id":"1","action":"block","status":403,"score":15,"rules":[942100,949110],"cpu_us":180,"why":"rule 949110"}
///
/// rules: ids of the rules that matched and are logged, in order. status: what the client would be
/// answered (200: nothing stands against the request; 0: closed without an answer). cpu_us: CPU
/// time of the inspection alone. A line that is no request gives {"id","line","error"}, and the
/// command ends with 1.
#[allow(clippy::doc_link_with_quotes)] // A person reads this as help: JSON, not links.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct InspectArgs {
    #[command(flatten)]
    from: super::From,
    /// Whether to refuse, or only to say what would be refused ("would", "would_status")
    #[arg(long, value_enum, default_value = "block")]
    mode: ModeName,
    /// Blocking paranoia level (default: as crs-setup.conf says)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=4))]
    paranoia: Option<u8>,
    /// Threads that judge; the output keeps the order of the input
    #[arg(long, value_name = "N", default_value = "1", value_parser = jobs)]
    jobs: NonZeroUsize,
    /// Requests (default: standard input)
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ModeName {
    /// Refuse
    Block,
    /// Let everything pass, and say what would be refused
    Detect,
}

fn jobs(text: &str) -> Result<NonZeroUsize, String> {
    text.parse()
        .ok()
        .filter(|jobs: &NonZeroUsize| jobs.get() <= 256)
        .ok_or_else(|| "1 から 256 までの数を指定してください".to_owned())
}

pub fn run(args: &InspectArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let detect = args.mode == ModeName::Detect;
    let wanted = Wanted {
        mode: if detect {
            Mode::DetectionOnly
        } else {
            Mode::On
        },
        paranoia: args.paranoia,
        ..Wanted::default()
    };
    // A file that is not there is said before the rules are compiled.
    let input: Box<dyn Read> = match &args.file {
        Some(file) => Box::new(File::open(file).with_context(|| {
            format!(
                "{} が読めません。パスと権限を確かめてください",
                file.display()
            )
        })?),
        None => Box::new(io::stdin()),
    };
    let loaded = load(&args.from.folders(global)?, &wanted)?;
    super::say_loaded(&loaded);
    if args.file.is_none() && io::stdin().is_terminal() {
        eprintln!("mamori: 要求を 1 行に 1 つ、JSON で入力してください（終わりは Ctrl-D）");
    }
    let outcome = mamori_rules::inspect(
        &loaded.rules,
        detect,
        args.jobs,
        input,
        io::stdout(),
        |line| {
            eprintln!("mamori: {line}");
        },
    );
    let inspected = match outcome {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(ExitCode::SUCCESS),
        outcome => outcome.context("要求の読み取りか結果の書き出しに失敗しました")?,
    };
    if inspected.bad > 0 {
        eprintln!(
            "mamori: {} 行が要求として読めませんでした（判定した要求: {} 件）",
            inspected.bad, inspected.judged
        );
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}
