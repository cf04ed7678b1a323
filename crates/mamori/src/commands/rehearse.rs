//! `mamori rehearse`: a whole contract year with a driven clock.

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::civil::Date;
use mamori_kernel::{Clock, DrivenClock, wareki};
use mamori_runtime::Config;

use crate::global::Global;
use crate::rehearsal::{self, Options};
use crate::wiring;

/// Arguments of `mamori rehearse`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Contract file
    #[arg(long, value_name = "FILE")]
    contract: PathBuf,
    /// First day looked at (default: first day of the term)
    #[arg(long, value_name = "DATE")]
    from: Option<String>,
    /// Last day played (default: last day of the term)
    #[arg(long, value_name = "DATE")]
    to: Option<String>,
    /// Seed of everything invented
    #[arg(long, default_value_t = 8)]
    seed: u64,
    /// Keep the rehearsed installation in this new directory instead of a temporary one
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
}

/// Runs the command.
pub fn run(args: Args, global: &Global) -> anyhow::Result<ExitCode> {
    let name = args.contract.display().to_string();
    let source = std::fs::read_to_string(&args.contract)
        .with_context(|| format!("契約ファイル {name} を読めません"))?;
    let day = |text: Option<String>| text.map(|text| wareki::parse(&text)).transpose();
    let options = Options {
        from: day(args.from)?,
        to: day(args.to)?,
        seed: args.seed,
        people: rehearsal::People::default(),
    };
    let temporary = tempfile::tempdir().context("一時フォルダーを作れません")?;
    let folder = match args.keep {
        Some(folder) => {
            let used = folder
                .read_dir()
                .is_ok_and(|mut entries| entries.next().is_some());
            anyhow::ensure!(
                !used,
                "{} は空ではありません。リハーサルには新しい場所を指定してください",
                folder.display()
            );
            folder
        }
        None => temporary.path().to_owned(),
    };
    let report = wiring::block_on(async {
        let clock = DrivenClock::new(jiff::Timestamp::UNIX_EPOCH);
        let shared: Arc<dyn Clock> = Arc::new(clock.clone());
        let mut config = Config::for_data_dir(folder);
        "error".clone_into(&mut config.log.filter);
        let app = wiring::open_with(config, shared).await?;
        let bar = bar();
        let mut progress = |day: Date, done: u64, all: u64| {
            bar.set_length(all);
            bar.set_position(done);
            bar.set_message(wareki::with_weekday(day));
        };
        let report = rehearsal::run(&app, &clock, &name, &source, &options, &mut progress).await?;
        bar.finish_and_clear();
        Ok(report)
    })?;
    if global.json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        print!("{}", report.text());
    }
    Ok(ExitCode::SUCCESS)
}

/// A bar on a terminal; nothing elsewhere.
pub fn bar() -> ProgressBar {
    let target = if std::io::stderr().is_terminal() {
        ProgressDrawTarget::stderr()
    } else {
        ProgressDrawTarget::hidden()
    };
    let bar = ProgressBar::with_draw_target(None, target);
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} 日  {msg}") {
        bar.set_style(style);
    }
    bar
}
