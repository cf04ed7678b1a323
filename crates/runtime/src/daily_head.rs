//! The ledger's daily head: what makes the claim rest on more than our own machine.
//!
//! At 23:55 each chain's head is signed as a checkpoint, recorded, and mailed to the city. Whoever
//! keeps the mails can later prove that no record up to then was changed, taken out or reordered.
//! It proves nothing about records that were never written or were untrue when written; the mail
//! says so.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use jiff::civil::Date;
use mamori_kernel::clock::tokyo_datetime;
use mamori_kernel::evidence::{EvidenceKind, LEDGER_CHECKPOINT};
use mamori_kernel::ledger::{Checkpoint, NewRecord};
use serde_json::json;

use crate::app::{App, SYSTEM_CHAIN};
use crate::job::{JobContext, JobError, JobKind, RetryPolicy, Schedule};
use crate::notify::Notification;
use crate::schedule::{At, Rule};

const JOB: &str = "ledger.daily-head";

pub(crate) fn job() -> JobKind {
    JobKind::new(JOB, RetryPolicy::LOCAL, run)
}

pub(crate) fn schedule() -> Schedule {
    // A head after downtime is as good as several: it covers all records before it.
    Schedule::new(JOB, JOB, Rule::Daily(At::new(23, 55))).latest_only()
}

async fn run(context: JobContext) -> Result<(), JobError> {
    let app = &context.app;
    let day = tokyo_datetime(context.about()).date();
    let mut checkpoints = Vec::new();
    for head in app.db.ledger_heads().await? {
        checkpoints.extend(
            app.db
                .ledger_checkpoint(&head.contract, &app.ledger_key, app.now())
                .await?,
        );
    }
    if checkpoints.is_empty() {
        return Ok(());
    }
    let mails = mails(app, day, &checkpoints).await?;
    // Mails and records in one transaction: what is recorded as mailed is queued.
    let mut tx = app.db.begin_write().await?;
    for checkpoint in &checkpoints {
        let receivers: usize = mails
            .iter()
            .filter(|(_, about)| about.contains(&checkpoint.contract))
            .map(|(mail, _)| mail.to.len())
            .sum();
        let payload = json!({
            "day": day.to_string(),
            "head": checkpoint.head().to_string(),
            "root": checkpoint.root.to_string(),
            "key": checkpoint.key_id.to_string(),
            "by": "mail",
            "receivers": receivers,
        });
        let record = NewRecord::new(
            &checkpoint.contract,
            app.now(),
            context.actor(),
            LEDGER_CHECKPOINT,
            day.to_string(),
            &payload,
        )?
        .dedup(format!("daily-head:{day}"));
        app.append(&mut tx, record).await?;
    }
    for (mail, _) in &mails {
        app.notify(&mut tx, mail).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// One mail to each circle of receivers, with the chains it speaks of: the contracts' own and the
/// installation's. It goes at once, whatever the contract says of other mails to the city: a head
/// that waits for the contractor's word proves less. Where no city has an address the heads go to
/// the sender's own.
async fn mails(
    app: &App,
    day: Date,
    checkpoints: &[Checkpoint],
) -> Result<Vec<(Notification, BTreeSet<String>)>, JobError> {
    let (house, contracts): (Vec<&Checkpoint>, Vec<&Checkpoint>) = checkpoints
        .iter()
        .partition(|checkpoint| checkpoint.contract == SYSTEM_CHAIN);
    let mut circles: BTreeMap<Vec<String>, Vec<&Checkpoint>> = BTreeMap::new();
    for checkpoint in contracts {
        let to = app.city_addresses(&checkpoint.contract).await?;
        circles.entry(to).or_default().push(checkpoint);
    }
    if circles.is_empty() {
        circles.insert(app.config.mail.city.clone(), Vec::new());
    }
    Ok(circles
        .into_iter()
        .map(|(mut to, mut about)| {
            if to.is_empty() {
                to.push(app.config.mail.from.clone());
            }
            about.extend(&house);
            let chains = about.iter().map(|one| one.contract.clone()).collect();
            (mail(app, day, to, &about), chains)
        })
        .collect())
}

fn mail(app: &App, day: Date, to: Vec<String>, checkpoints: &[&Checkpoint]) -> Notification {
    let mut heads = String::new();
    for checkpoint in checkpoints {
        let _ = writeln!(heads, "{}", checkpoint.head());
    }
    let key = app.ledger_key.public().fingerprint();
    Notification {
        to,
        subject: format!("証跡台帳の先頭値 {day}"),
        body: format!(
            "本日終了時点の証跡台帳の先頭値をお知らせします。\n\n{heads}\n\
             このメールを保存してください。後日、書き出した台帳をこの値と照らし合わせると、\n\
             この時点までの記録が書き換え・抜き取り・並べ替えされていないことを確かめられます。\n\n\
             \u{3000}mamori ledger verify ファイル --against 先頭値\n\n\
             先頭値は、記録が書かれた時に事実だったこと、書かれなかった出来事がないことまでは示しません。\n\n\
             署名鍵の指紋: {key}\n"
        ),
        ..Notification::default()
    }
}

pub(crate) fn evidence() -> EvidenceKind {
    EvidenceKind {
        kind: LEDGER_CHECKPOINT,
        version: 1,
        title_ja: "証跡台帳の先頭値の通知",
        fields: &[
            ("day", "日"),
            ("head", "通知した先頭値"),
            ("root", "Merkle 木の根"),
            ("key", "署名鍵の番号"),
            ("by", "通知の方法"),
            ("receivers", "宛先の数"),
        ],
    }
}
