//! `mamori waf install`, `activate`, `revert` and `list`.

use std::fmt::Write as _;
use std::fs::File;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use mamori_kernel::Clock as _;
use mamori_kernel::clock::tokyo_datetime;
use mamori_rules::{
    Comparison, Folders, InstallError, Manifest, Signature, Versions, Wanted, checksum, compare,
    load,
};
use mamori_runtime::SystemClock;
use serde_json::json;

use crate::global::Global;

#[derive(Debug, clap::Args)]
pub struct InstallArgs {
    /// Release archive of the OWASP Core Rule Set (.tar.gz or .zip); FILE.asc beside it is its signature
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// SHA-256 that the archive must have
    #[arg(long, value_name = "HEX")]
    sha256: Option<String>,
    /// Keyring (of gpg --export, not armored) whose keys may have signed the archive
    #[arg(long, value_name = "FILE")]
    keyring: Option<PathBuf>,
    /// Name of the version (default: as the rules call themselves)
    #[arg(long, value_name = "VERSION")]
    name: Option<String>,
    /// Stored requests (as for inspect): list those on which the new version decides otherwise
    #[arg(long, value_name = "FILE")]
    compare: Option<PathBuf>,
    /// Rules to compare with (default: the version in force), and plugins for both
    #[command(flatten)]
    against: super::From,
    /// Make it the version in force
    #[arg(long)]
    activate: bool,
}

#[derive(Debug, clap::Args)]
pub struct ActivateArgs {
    /// An installed version (see list)
    #[arg(value_name = "VERSION")]
    version: String,
}

pub fn install(args: &InstallArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let sha256 = checksum(&args.file, args.sha256.as_deref())?;
    let signature = Signature::of(&args.file, args.keyring.as_deref());
    let compared = args.sha256.is_some();
    if !global.json {
        super::print(&format!(
            "SHA-256 {sha256}{}\n{}\n",
            if compared {
                "（指定と一致）"
            } else {
                ""
            },
            signed(&signature)
        ))?;
    }
    match &signature {
        Signature::Bad { why } => return Err(InstallError::Signature(why.clone()).into()),
        // Whoever names a keyring wants it used.
        Signature::Unverified { why } if args.keyring.is_some() => {
            return Err(InstallError::Unverified(why.clone()).into());
        }
        Signature::Missing if args.keyring.is_some() => {
            let why = format!("{}.asc がありません", args.file.display());
            return Err(InstallError::Unverified(why).into());
        }
        _ => {}
    }
    let now = SystemClock.now();
    let versions = Versions::open(&global.data_dir())?;
    let staged = versions.stage(&args.file, args.name.as_deref(), &sha256, signature, now)?;
    let was_there = versions.folder(&staged.manifest.version).exists();
    if !global.json {
        super::say_loaded(&staged.loaded);
    }
    // The comparison comes before the version is in place: what fails here installs nothing.
    let comparison = args
        .compare
        .as_ref()
        .map(|requests| compared_with(args, global, staged.folder(), requests))
        .transpose()?;
    let manifest = versions.keep(&staged)?;
    if args.activate {
        versions.activate(&manifest.version, now)?;
    }
    if global.json {
        let report =
            json!({"installed": manifest, "active": args.activate, "comparison": comparison});
        super::print(&format!("{report}\n"))?;
    } else {
        super::print(&installed(
            &manifest,
            was_there,
            args.activate,
            comparison.as_ref(),
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn compared_with(
    args: &InstallArgs,
    global: &Global,
    new: &std::path::Path,
    requests: &std::path::Path,
) -> anyhow::Result<Comparison> {
    let input = File::open(requests).with_context(|| {
        format!(
            "{} が読めません。パスと権限を確かめてください",
            requests.display()
        )
    })?;
    let now = args
        .against
        .folders(global)
        .context("比べる相手の規則がありません（--compare）")?;
    let new = Folders {
        rules: new.to_owned(),
        plugins: now.plugins.clone(),
    };
    let wanted = Wanted::default();
    let (now, new) = (load(&now, &wanted)?, load(&new, &wanted)?);
    Ok(compare(&now.rules, &new.rules, input)?)
}

fn signed(signature: &Signature) -> String {
    match signature {
        Signature::Good {
            fingerprint,
            signer,
        } => {
            format!("署名: 正しい（{signer}、鍵 {fingerprint}）")
        }
        Signature::Bad { why } => format!("署名: 正しくない（{why}）"),
        Signature::Unverified { why } => format!("署名: 検証していません（{why}）"),
        Signature::Missing => {
            "署名: 検証していません（署名ファイル FILE.asc がありません）".to_owned()
        }
    }
}

fn installed(
    manifest: &Manifest,
    was_there: bool,
    activated: bool,
    comparison: Option<&Comparison>,
) -> String {
    let version = &manifest.version;
    let mut text = String::new();
    if let Some(comparison) = comparison {
        differences(&mut text, comparison);
    }
    let _ = if was_there {
        writeln!(text, "版 {version} は同じ配布物からすでに入っています")
    } else {
        writeln!(
            text,
            "版 {version} を入れました（規則 {} 件）",
            manifest.rules
        )
    };
    let _ = if activated {
        writeln!(
            text,
            "版 {version} を有効にしました。戻すには `mamori waf revert`"
        )
    } else {
        writeln!(text, "有効にするには `mamori waf activate {version}`")
    };
    text
}

fn differences(text: &mut String, comparison: &Comparison) {
    let _ = writeln!(
        text,
        "保存した要求 {} 件のうち {} 件で判定が変わります（新たに遮断 {} 件）",
        comparison.judged, comparison.different, comparison.newly_blocked
    );
    for one in &comparison.differences {
        let _ = writeln!(
            text,
            "  {} 行目 {} {}: {} {} {:?} → {} {} {:?}",
            one.line,
            one.now.id,
            one.request,
            one.now.action,
            one.now.status,
            one.now.rules,
            one.new.action,
            one.new.status,
            one.new.rules
        );
    }
    let listed = comparison.differences.len() as u64;
    if comparison.different > listed {
        let _ = writeln!(text, "  ほか {} 件", comparison.different - listed);
    }
    for (line, why) in &comparison.bad {
        let _ = writeln!(text, "  {line} 行目は比べていません: {why}");
    }
}

pub fn activate(args: &ActivateArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let versions = Versions::open(&global.data_dir())?;
    versions.activate(&args.version, SystemClock.now())?;
    changed(global, &args.version, "を有効にしました")
}

pub fn revert(global: &Global) -> anyhow::Result<ExitCode> {
    let versions = Versions::open(&global.data_dir())?;
    let version = versions.revert(SystemClock.now())?;
    changed(global, &version, "に戻しました")
}

fn changed(global: &Global, version: &str, done: &str) -> anyhow::Result<ExitCode> {
    super::print(&if global.json {
        format!("{}\n", json!({"active": version}))
    } else {
        format!("版 {version} {done}\n")
    })?;
    Ok(ExitCode::SUCCESS)
}

pub fn list(global: &Global) -> anyhow::Result<ExitCode> {
    let all = Versions::open(&global.data_dir())?.list()?;
    if global.json {
        super::print(&format!("{}\n", serde_json::to_string(&all)?))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut text = String::new();
    if all.is_empty() {
        text.push_str("入っている版はありません。`mamori waf install FILE` で入れてください\n");
    }
    for one in all {
        let manifest = &one.manifest;
        let _ = writeln!(
            text,
            "{} {}  {}  規則 {} 件  SHA-256 {}  {}",
            if one.active { "*" } else { " " },
            manifest.version,
            tokyo_datetime(manifest.installed_at).strftime("%Y-%m-%d %H:%M"),
            manifest.rules,
            manifest.sha256,
            signed(&manifest.signature)
        );
    }
    super::print(&text)?;
    Ok(ExitCode::SUCCESS)
}
