//! Mails to the city of a contract: what waits for a person's word, and that word.
//!
//! Letting a mail go and taking it back are acts towards the city, so they stand in the contract's
//! own chain, not in the installation's.

use mamori_kernel::evidence::EvidenceKind;
use mamori_kernel::ledger::{Actor, NewRecord};
use mamori_store::args;
use serde_json::json;

use super::{MAIL_JOB, Notification};
use crate::app::App;
use crate::job::{JobAct, JobChangeError, JobFilter, JobRow, JobState};

/// A person let a mail to the city go.
const LETTER_RELEASED: &str = "letter.released";
/// A person took a mail to the city back before it went.
const LETTER_WITHDRAWN: &str = "letter.withdrawn";

/// Most mails that are looked through for those of one contract.
const LOOKED_THROUGH: u32 = 1_000;

/// A mail to the city with its place in the queue.
#[derive(Debug, Clone)]
pub struct Letter {
    /// Where it stands.
    pub job: JobRow,
    /// What it says.
    pub mail: Notification,
}

/// What a person does with a waiting mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LetterAct {
    /// Let it go.
    Release,
    /// Take it back.
    Withdraw,
}

impl App {
    /// Mails to the city of a contract, the newest first; finished ones as long as the queue keeps
    /// them.
    pub async fn letters(
        &self,
        contract: &str,
        states: Vec<JobState>,
    ) -> Result<Vec<Letter>, mamori_store::Error> {
        let rows = self
            .jobs(&JobFilter {
                states,
                kind: Some(MAIL_JOB),
                limit: LOOKED_THROUGH,
                ..JobFilter::default()
            })
            .await?;
        Ok(rows
            .into_iter()
            .filter_map(|job| {
                let mail: Notification = serde_json::from_str(&job.payload).ok()?;
                (mail.contract.as_deref() == Some(contract)).then_some(Letter { job, mail })
            })
            .collect())
    }

    /// Lets a waiting mail go or takes it back, and records who did. A mail of another contract
    /// counts as not there.
    pub async fn settle_letter(
        &self,
        contract: &str,
        id: &str,
        act: LetterAct,
        actor: Actor,
    ) -> Result<Notification, JobChangeError> {
        let now = self.now();
        let (act, kind) = match act {
            LetterAct::Release => (JobAct::Release, LETTER_RELEASED),
            LetterAct::Withdraw => (JobAct::Cancel, LETTER_WITHDRAWN),
        };
        let mut tx = self.db.begin_write().await?;
        let row = tx
            .fetch_optional(
                &format!(
                    "UPDATE job SET {} WHERE id = $1 AND state = 'held' AND kind = $3 \
                     RETURNING payload",
                    act.change()
                ),
                args![id, now, MAIL_JOB],
            )
            .await?;
        let mail = match row {
            Some(row) => serde_json::from_str::<Notification>(&row.text("payload")?).ok(),
            None => None,
        };
        let Some(mail) = mail.filter(|mail| mail.contract.as_deref() == Some(contract)) else {
            return Err(JobChangeError::Elsewhere);
        };
        let payload = json!({ "mail": id, "subject": mail.subject, "receivers": mail.to.len() });
        let record = NewRecord::new(contract, now, actor, kind, id, &payload)?;
        self.append(&mut tx, record).await?;
        tx.commit().await?;
        self.jobs_queued.notify_one();
        Ok(mail)
    }
}

/// What these acts leave.
pub(crate) fn evidence() -> [EvidenceKind; 2] {
    const FIELDS: &[(&str, &str)] = &[
        ("mail", "メールの番号"),
        ("subject", "件名"),
        ("receivers", "宛先の数"),
    ];
    [
        EvidenceKind {
            kind: LETTER_RELEASED,
            version: 1,
            title_ja: "市へのメールの送信許可",
            fields: FIELDS,
        },
        EvidenceKind {
            kind: LETTER_WITHDRAWN,
            version: 1,
            title_ja: "市へのメールの取りやめ",
            fields: FIELDS,
        },
    ]
}
