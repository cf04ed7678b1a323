//! The ledger's daily head: what makes the claim rest on more than our own machine.
//!
//! At 23:55 each chain's head is signed as a checkpoint, recorded, and mailed to the city. Whoever
//! keeps the mails can later prove that no record up to then was changed, taken out or reordered.
//! It proves nothing about records that were never written or were untrue when written; the mail
//! says so.

use std::fmt::Write as _;

use jiff::Timestamp;
use mamori_kernel::clock::tokyo_datetime;

use crate::app::App;
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
    let mut heads = Vec::new();
    for head in app.db.ledger_heads().await? {
        heads.push(head);
    }
    if heads.is_empty() {
        return Ok(());
    }
    let mut text = String::new();
    for head in &heads {
        let _ = writeln!(text, "{head}");
    }
    let mut tx = app.db.begin_write().await?;
    app.notify(&mut tx, &mail(app, context.about(), &text))
        .await?;
    tx.commit().await?;
    Ok(())
}

fn mail(app: &App, about: Timestamp, heads: &str) -> Notification {
    let day = tokyo_datetime(about).date();
    let to = if app.config.mail.city.is_empty() {
        vec![app.config.mail.from.clone()]
    } else {
        app.config.mail.city.clone()
    };
    Notification {
        to,
        subject: format!("証跡台帳の先頭値 {day}"),
        body: format!(
            "本日終了時点の証跡台帳の先頭値をお知らせします。\n\n{heads}\n\
             このメールを保存してください。後日、書き出した台帳をこの値と照らし合わせると、\n\
             この時点までの記録が書き換え・抜き取り・並べ替えされていないことを確かめられます。\n\n\
             \u{3000}mamori ledger verify ファイル --against 先頭値\n\n\
             先頭値は、記録が書かれた時に事実だったこと、書かれなかった出来事がないことまでは示しません。\n"
        ),
        attachments: Vec::new(),
    }
}
