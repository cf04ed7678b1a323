//! Notifications: mail and webhooks, queued in the transaction of the change they speak of.
//!
//! A notification is a row of the job queue, so what rolls back is never sent and what is
//! committed is tried until it arrives or its attempts are used up. Delivery is at least once: the
//! `Message-ID` and the webhook's `id` are the job's id, so a receiver can drop a double.

mod letters;
mod mail;
pub mod subscription;
mod webhook;

use mamori_kernel::evidence::EvidenceKind;
use mamori_kernel::merkle::Digest;
use mamori_store::Tx;
use serde::{Deserialize, Serialize};

pub use letters::{Letter, LetterAct};
pub use webhook::{SIGNATURE_HEADER, TIMESTAMP_HEADER, signature};

use crate::app::App;
use crate::job::{JobKind, NewJob, RetryPolicy};
use crate::setting::{MAIL_CITY_RELEASE, RELEASE_AT_ONCE, SettingValue};

/// A file that goes with a mail; its bytes are in the blob store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailAttachment {
    /// File name the receiver sees.
    pub name: String,
    /// Media type.
    pub media_type: String,
    /// Name of the blob.
    pub sha256: Digest,
}

/// A mail.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notification {
    /// Receivers; all see each other.
    pub to: Vec<String>,
    /// Subject.
    pub subject: String,
    /// Plain text.
    pub body: String,
    /// Files.
    #[serde(default)]
    pub attachments: Vec<MailAttachment>,
    /// The contract on whose page mails to the city are listed; set by [`App::notify_city`].
    #[serde(default)]
    pub contract: Option<String>,
}

/// A message to a configured webhook.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WebhookMessage {
    /// Name of the webhook in the configuration.
    pub webhook: String,
    /// What happened: lower-case dotted text.
    pub event: String,
    /// What the receiver needs to know.
    pub data: serde_json::Value,
}

/// Whether the text is one mail address.
pub fn is_address(text: &str) -> bool {
    crate::config::address(text).is_ok()
}

/// Kind of the jobs that deliver mail.
pub const MAIL_JOB: &str = "notify.mail";
pub(crate) const WEBHOOK_JOB: &str = "notify.webhook";

/// Notifications could not be queued or sent.
#[derive(Debug, thiserror::Error)]
pub enum NotifyError {
    /// The notification has no receiver.
    #[error("通知の宛先がありません。mamori.toml の [mail] に宛先を書いてください (no receiver)")]
    NoReceiver,
    /// There is no such webhook in the configuration.
    #[error("webhook「{0}」は設定にありません。mamori.toml の [[webhook]] を確かめてください")]
    UnknownWebhook(String),
    /// The contract's settings could not be read.
    #[error(transparent)]
    Setting(#[from] crate::setting::SettingError),
    /// The queue could not take it.
    #[error(transparent)]
    Queue(#[from] crate::job::JobQueueError),
}

impl App {
    /// Queues a mail in `tx`.
    pub async fn notify(&self, tx: &mut Tx, mail: &Notification) -> Result<(), NotifyError> {
        if mail.to.is_empty() {
            return Err(NotifyError::NoReceiver);
        }
        self.enqueue(tx, NewJob::new(MAIL_JOB, mail)).await?;
        Ok(())
    }

    /// Queues a mail to the city's addresses of a contract in `tx`; its receivers are set here. It
    /// waits for a person's word unless the contract's settings let it go at once. Without
    /// addresses nothing is queued.
    pub async fn notify_city(
        &self,
        tx: &mut Tx,
        contract: &str,
        mail: Notification,
    ) -> Result<(), NotifyError> {
        let to = self.city_addresses(contract).await?;
        if to.is_empty() {
            return Ok(());
        }
        let mail = Notification {
            to,
            contract: Some(contract.to_owned()),
            ..mail
        };
        let job = NewJob::new(MAIL_JOB, &mail);
        let at_once = SettingValue::Word(RELEASE_AT_ONCE.to_owned());
        let job = if self.setting(contract, MAIL_CITY_RELEASE).await? == at_once {
            job
        } else {
            job.held()
        };
        self.enqueue(tx, job).await?;
        Ok(())
    }

    /// Queues a webhook message in `tx`.
    pub async fn notify_webhook(
        &self,
        tx: &mut Tx,
        message: &WebhookMessage,
    ) -> Result<(), NotifyError> {
        if !self
            .config
            .webhooks
            .iter()
            .any(|webhook| webhook.name == message.webhook)
        {
            return Err(NotifyError::UnknownWebhook(message.webhook.clone()));
        }
        self.enqueue(tx, NewJob::new(WEBHOOK_JOB, message)).await?;
        Ok(())
    }
}

/// What notifications leave in the ledger.
pub(crate) fn evidence() -> impl Iterator<Item = EvidenceKind> {
    letters::evidence()
        .into_iter()
        .chain(subscription::evidence())
}

/// The kinds of job that deliver.
pub(crate) fn jobs() -> Vec<JobKind> {
    vec![
        JobKind::new(MAIL_JOB, RetryPolicy::REMOTE, mail::deliver),
        JobKind::new(WEBHOOK_JOB, RetryPolicy::REMOTE, webhook::deliver),
    ]
    .into_iter()
    .chain(subscription::jobs())
    .collect()
}

fn count(channel: &'static str, outcome: &'static str) {
    metrics::counter!(crate::telemetry::NOTIFICATIONS, "channel" => channel, "outcome" => outcome)
        .increment(1);
}
