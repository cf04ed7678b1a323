//! What the ledger commands print: Japanese for people, JSON for programs.

use std::path::Path;

use jiff::Timestamp;
use mamori_kernel::clock::tokyo_datetime;
use mamori_kernel::ledger::{Checkpoint, Head, Record};
use mamori_store::archive::{ExportReport, Refusal, VerifyReport};
use mamori_store::ledger::{Audit, Erasure, InclusionProof};
use mamori_store::{Appended, PublicKey};
use serde_json::{Value, json};

use crate::global::Global;

const LIMITS: &str = "証明しないこと: 書かれた時点で内容が本当だったこと、書かれる前に抜かれたものがないこと、\n                控えの先頭値より新しい記録が作り直されていないこと。";

/// A record's proof with the checkpoint that its root belongs to.
pub(super) struct Proof {
    pub inclusion: InclusionProof,
    pub checkpoint: Checkpoint,
    pub public_key: String,
}

fn print_json(value: &Value) {
    println!("{value}");
}

/// `value` as JSON with `ok` in front.
fn with_ok(ok: bool, value: &impl serde::Serialize) -> Value {
    let mut out = json!({"ok": ok});
    if let (Some(out), Ok(Value::Object(members))) =
        (out.as_object_mut(), serde_json::to_value(value))
    {
        out.extend(members);
    }
    out
}

fn local(instant: Timestamp) -> String {
    tokyo_datetime(instant)
        .strftime("%Y-%m-%d %H:%M:%S")
        .to_string()
}

fn period(first: Option<Timestamp>, last: Option<Timestamp>) -> String {
    match (first, last) {
        (Some(first), Some(last)) => format!("{} 〜 {}(日本時間)", local(first), local(last)),
        _ => "記録なし".to_owned(),
    }
}

pub(super) fn failure(global: &Global, code: &str, message: &str) {
    if global.json {
        print_json(&json!({"ok": false, "code": code, "message": message}));
    }
    eprintln!("mamori: {message}");
}

pub(super) fn appended(global: &Global, appended: &Appended) {
    let record = &appended.record;
    if global.json {
        let mut out = with_ok(true, record);
        out["head"] = json!(record.head().to_string());
        out["existed"] = json!(appended.existed);
        out["clock_jump_ms"] = json!(record.clock_jump_ms());
        print_json(&out);
    } else if appended.existed {
        println!("すでに記録されています: #{}", record.seq);
        println!("先頭値 {}", record.head());
    } else {
        println!("記録しました: #{} {}", record.seq, local(record.at));
        println!("先頭値 {}", record.head());
    }
    if let Some(behind) = record.clock_jump_ms() {
        eprintln!(
            "注意: この機械の時計が、前の記録より {} 秒遅れています(clock jumped back)。記録は失われていません。時計の設定を確かめてください",
            behind / 1_000
        );
    }
}

pub(super) fn records(global: &Global, records: &[Record]) {
    if global.json {
        print_json(&json!(records));
        return;
    }
    for record in records {
        println!(
            "#{} {} {} {} {} {}",
            record.seq,
            local(record.at),
            record.actor,
            record.kind,
            record.subject,
            record.payload
        );
    }
    if records.is_empty() {
        println!("該当する記録はありません");
    }
}

pub(super) fn record(global: &Global, record: &Record, has_personal: bool, proof: Option<&Proof>) {
    if global.json {
        let mut out = json!(record);
        out["head"] = json!(record.head().to_string());
        if record.personal.is_some() {
            out["personal_kept"] = json!(has_personal);
        }
        if let Some(proof) = proof {
            out["proof"] = json!({
                "inclusion": proof.inclusion,
                "checkpoint": proof.checkpoint,
                "public_key": proof.public_key,
            });
        }
        print_json(&out);
        return;
    }
    println!("番号   #{}(契約 {})", record.seq, record.contract);
    println!("時刻   {}", local(record.at));
    if let Some(observed) = record.observed {
        println!("時計   {}(前の記録より遅れていました)", local(observed));
    }
    println!("記録者 {}", record.actor);
    println!("種類   {} v{}", record.kind, record.version);
    println!("対象   {}", record.subject);
    println!("内容   {}", record.payload);
    for attachment in &record.attachments {
        println!(
            "添付   {} {} {} バイト {}",
            attachment.name, attachment.media_type, attachment.size, attachment.sha256
        );
    }
    if let Some(personal) = record.personal {
        let state = if has_personal {
            "保管中"
        } else {
            "消去済み"
        };
        println!("個人情報 {state}(ダイジェスト {personal})");
    }
    println!("前     {}", record.prev);
    println!("先頭値 {}", record.head());
    if let Some(proof) = proof {
        println!("証明   葉 {}", proof.inclusion.leaf);
        for step in &proof.inclusion.path {
            println!("       隣 {step}");
        }
        println!(
            "       根 {}({} 件)",
            proof.inclusion.root, proof.inclusion.size
        );
        println!("       署名 {}", proof.checkpoint.signature);
        println!("       公開鍵 {}", proof.public_key);
    }
}

pub(super) fn exported(global: &Global, out: &Path, report: &ExportReport) {
    if global.json {
        let mut value = with_ok(true, report);
        value["head"] = json!(report.head.to_string());
        value["out"] = json!(out.display().to_string());
        print_json(&value);
    } else {
        println!("書き出しました: {}", out.display());
        println!(
            "契約 {} #{} 〜 #{}({} 件、添付 {} 件、{} バイト)",
            report.contract,
            report.first_seq,
            report.last_seq,
            report.count,
            report.attachments,
            report.size_bytes
        );
        println!("先頭値 {}", report.head);
        println!("確かめ方: mamori ledger verify {}", out.display());
    }
    for absent in &report.absent {
        eprintln!(
            "注意: 添付 {} は入っていません({:?})",
            absent.sha256, absent.reason
        );
    }
}

/// An archive that came from another installation and was verified here.
pub(super) fn received(global: &Global, out: &Path, report: &VerifyReport, size_bytes: u64) {
    if global.json {
        let mut value = with_ok(true, report);
        value["head"] = json!(report.head.to_string());
        value["out"] = json!(out.display().to_string());
        value["size_bytes"] = json!(size_bytes);
        print_json(&value);
        return;
    }
    println!("受信して確かめました: {}", out.display());
    println!(
        "契約 {} #{} 〜 #{}({} 件、添付 {} 件、{size_bytes} バイト)",
        report.contract, report.first_seq, report.last_seq, report.count, report.attachments
    );
    println!("先頭値 {}", report.head);
}

pub(super) fn verified(global: &Global, file: &Path, report: &VerifyReport) {
    if global.json {
        let mut value = with_ok(true, report);
        value["head"] = json!(report.head.to_string());
        value["file"] = json!(file.display().to_string());
        print_json(&value);
        return;
    }
    println!("正しい書出しです: {}", file.display());
    println!("契約     {}", report.contract);
    println!(
        "範囲     #{} 〜 #{}({} 件)",
        report.first_seq, report.last_seq, report.count
    );
    println!("期間     {}", period(report.first_at, report.last_at));
    println!("先頭値   {}", report.head);
    println!("木の根   {}", report.root);
    println!(
        "添付     {} 件(消去済み {} 件)、個人情報のある記録 {} 件(この書出しには含まれません)",
        report.attachments, report.attachments_erased, report.personal
    );
    println!("消去の記録 {} 件", report.erasures);
    if report.clock_jumps > 0 {
        println!(
            "時計     戻った時計で書かれた記録が {} 件あります",
            report.clock_jumps
        );
    }
    println!("署名鍵   {}", report.key_fingerprint);
    match &report.against {
        Some(head) => println!("控え     {head} と一致しました"),
        None => println!(
            "控え     比べていません。報告書の脚注やメールの先頭値を --against に渡すと、同じ台帳かどうか確かめられます"
        ),
    }
    println!("{LIMITS}");
}

pub(super) fn refused(global: &Global, file: &Path, refusal: &Refusal) {
    if global.json {
        print_json(&json!({
            "ok": false,
            "code": refusal.code(),
            "message": refusal.to_string(),
            "file": file.display().to_string(),
        }));
    }
    eprintln!("拒否しました: {}: {refusal}", file.display());
}

pub(super) fn audited(global: &Global, audits: &[Audit], key: PublicKey) {
    if global.json {
        let ledgers: Vec<Value> = audits
            .iter()
            .map(|audit| {
                let mut value = with_ok(audit.is_intact(), audit);
                value["head"] = json!(audit.head.to_string());
                value["messages"] = audit.problems.iter().map(ToString::to_string).collect();
                value
            })
            .collect();
        print_json(&json!({
            "ok": audits.iter().all(Audit::is_intact),
            "ledgers": ledgers,
            "public_key": key.to_hex(),
            "key_fingerprint": key.fingerprint(),
        }));
        return;
    }
    for audit in audits {
        let verdict = if audit.is_intact() {
            "無事です"
        } else {
            "異常があります"
        };
        println!("契約 {}: {verdict}", audit.contract);
        println!(
            "  記録 {} 件、{}",
            audit.count,
            period(audit.first_at, audit.last_at)
        );
        println!("  先頭値 {}", audit.head);
        println!(
            "  検証点 {}、添付 {}(消去済み {})、個人情報 {}(消去済み {})",
            audit.checkpoints,
            audit.attachments,
            audit.attachments_erased,
            audit.personal_kept,
            audit.personal_erased
        );
        if audit.clock_jumps > 0 {
            println!(
                "  戻った時計で書かれた記録が {} 件あります",
                audit.clock_jumps
            );
        }
        for problem in &audit.problems {
            println!("  × {problem}");
        }
        let hidden = audit.problem_count - audit.problems.len() as u64;
        if hidden > 0 {
            println!("  ほか {hidden} 件");
        }
    }
    println!("署名鍵 {}", key.fingerprint());
    println!("{LIMITS}");
}

pub(super) fn heads(global: &Global, heads: &[Head]) {
    if global.json {
        let heads: Vec<Value> = heads
            .iter()
            .map(|head| {
                json!({
                    "contract": head.contract,
                    "seq": head.seq,
                    "hash": head.hash,
                    "head": head.to_string(),
                    "short": head.short(),
                })
            })
            .collect();
        print_json(&json!(heads));
        return;
    }
    for head in heads {
        println!("{head}");
    }
}

pub(super) fn erased(global: &Global, erasure: &Erasure) {
    if global.json {
        print_json(&json!({
            "ok": true,
            "seq": erasure.seq,
            "tombstone": erasure.tombstone,
            "head": erasure.tombstone.head().to_string(),
        }));
    } else {
        println!(
            "記録 #{} の個人情報を消去し、#{} に消去を記録しました",
            erasure.seq, erasure.tombstone.seq
        );
        println!("先頭値 {}", erasure.tombstone.head());
    }
}
