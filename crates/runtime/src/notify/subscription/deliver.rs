//! The jobs that send.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use mamori_kernel::ledger::Record;
use mamori_store::{LedgerQuery, args};
use serde::Deserialize;
use serde_json::{Value, json};

use super::store::{self, Delivery, Subscription};
use super::{WEBHOOK_ENDED, address, queue, record, unsealed, wants};
use crate::app::App;
use crate::job::{JobContext, JobError, RetryPolicy};
use crate::notify::{Notification, SIGNATURE_HEADER, TIMESTAMP_HEADER, count, webhook::signature};

const TIMEOUT: Duration = Duration::from_secs(10);
/// A sender holds its subscription so long after its last sign of life.
const HOLD: SignedDuration = SignedDuration::from_mins(2);
/// Records read at once.
const BATCH: u32 = 200;

#[derive(Deserialize)]
struct Order {
    subscription: String,
    #[serde(default)]
    seq: u64,
    #[serde(default)]
    reason: String,
}

/// Sends one message (a test, a repetition), or all that the subscription has not got.
pub(super) async fn run(context: JobContext) -> Result<(), JobError> {
    let order: Order = context.payload()?;
    let app = &context.app;
    let Some((subscription, sealed)) = store::sending(&app.db, &order.subscription).await? else {
        return Ok(());
    };
    let secret = unsealed(app, &subscription.id, &sealed).ok_or_else(|| {
        JobError::Permanent(
            "keys/web.key does not open the webhook's secret: end it and make it anew".to_owned(),
        )
    })?;
    match order.reason.as_str() {
        "" => in_order(&context, subscription, &secret).await,
        reason => {
            let message = match order.seq {
                0 => test_message(app, &subscription),
                seq => message(&app.db.ledger_record(&subscription.contract, seq).await?),
            };
            // Whoever asked for it looks at the log; there is nothing to try again.
            send(app, &subscription, &secret, reason, message).await?;
            Ok(())
        }
    }
}

async fn in_order(
    context: &JobContext,
    subscription: Subscription,
    secret: &str,
) -> Result<(), JobError> {
    let app = &context.app;
    // An earlier job waits to try again and carries the count of attempts; a new record must not
    // cut its pause short.
    if context.attempt == 1 && subscription.failing_since.is_some() {
        return Ok(());
    }
    if !store::take(&app.db, &subscription.id, app.now(), HOLD).await? {
        return Ok(());
    }
    let outcome = catch_up(app, &subscription, secret).await;
    store::release(&app.db, &subscription.id).await?;
    match outcome {
        Ok(()) => Ok(()),
        Err(error) if context.attempt >= RetryPolicy::REMOTE.attempts => {
            let text = error.to_string();
            stop(app, &subscription, &text).await?;
            Err(JobError::Permanent(text))
        }
        Err(error) => Err(error),
    }
}

async fn catch_up(app: &App, subscription: &Subscription, secret: &str) -> Result<(), JobError> {
    let mut sent = subscription.sent_seq;
    loop {
        let query = LedgerQuery {
            from_seq: Some(sent + 1),
            limit: BATCH,
            ..LedgerQuery::new(&subscription.contract)
        };
        let records = app.db.ledger_records(&query).await?;
        let Some(last) = records.last().map(|record| record.seq) else {
            return Ok(());
        };
        for record in &records {
            if !wants(&subscription.kinds, &record.kind) {
                continue;
            }
            // It may have been ended or stopped meanwhile.
            if store::sending(&app.db, &subscription.id).await?.is_none() {
                return Ok(());
            }
            let delivery = send(app, subscription, secret, "ledger", message(record)).await?;
            if !delivery.arrived() {
                return Err(told(subscription, &delivery).into());
            }
            moved(app, &subscription.id, record.seq).await?;
        }
        moved(app, &subscription.id, last).await?;
        sent = last;
    }
}

async fn moved(app: &App, id: &str, seq: u64) -> Result<(), mamori_store::Error> {
    let until = app.now().checked_add(HOLD).unwrap_or(Timestamp::MAX);
    let mut tx = app.db.begin_write().await?;
    store::moved(&mut tx, id, seq, until).await?;
    tx.commit().await
}

fn told(subscription: &Subscription, delivery: &Delivery) -> String {
    let host = address::host(&subscription.url);
    match (delivery.status, &delivery.error) {
        (Some(status), _) => format!("通知先 {host} が {status} と答えました"),
        (None, Some(error)) => format!("通知先 {host} に送れません: {error}"),
        (None, None) => format!("通知先 {host} に送れません"),
    }
}

/// A message: its number, its event, and its body but for the time of sending.
struct Message {
    seq: u64,
    event: String,
    body: Value,
}

fn message(record: &Record) -> Message {
    Message {
        seq: record.seq,
        event: record.kind.clone(),
        body: json!({
            "id": record.seq,
            "contract": record.contract,
            "event": record.kind,
            "at": record.at.to_string(),
            "data": {
                "seq": record.seq,
                "kind": record.kind,
                "version": record.version,
                "subject": record.subject,
                "payload": record.payload.value(),
                "hash": record.hash.to_hex(),
            },
        }),
    }
}

fn test_message(app: &App, subscription: &Subscription) -> Message {
    Message {
        seq: 0,
        event: "webhook.test".to_owned(),
        body: json!({
            "id": 0,
            "contract": subscription.contract,
            "event": "webhook.test",
            "at": app.now().to_string(),
            "data": {},
        }),
    }
}

/// Sends a message and notes what came of it.
async fn send(
    app: &App,
    subscription: &Subscription,
    secret: &str,
    reason: &str,
    message: Message,
) -> Result<Delivery, mamori_store::Error> {
    let now = app.now();
    let private = app.config.webhook_private;
    let (url, body, secret) = (
        subscription.url.clone(),
        message.body.to_string(),
        secret.to_owned(),
    );
    let posted = tokio::task::spawn_blocking(move || {
        // What was allowed when it was written down may be so no more.
        address::check(&url, private).map_err(|error| error.to_string())?;
        post(&url, &secret, now.as_second(), &body, private).map_err(|error| error.to_string())
    })
    .await
    .unwrap_or_else(|error| Err(error.to_string()));
    let (status, error) = match posted {
        Ok(status) => (Some(status), None),
        Err(error) => (None, Some(error.chars().take(300).collect())),
    };
    let delivery = Delivery {
        id: hex::encode(rand::random::<[u8; 8]>()),
        seq: message.seq,
        event: message.event,
        reason: reason.to_owned(),
        tried_at: now,
        status,
        error,
    };
    count(
        "webhook",
        if delivery.arrived() { "sent" } else { "failed" },
    );
    let mut tx = app.db.begin_write().await?;
    store::note(&mut tx, &subscription.id, &delivery).await?;
    if reason == "ledger" && !delivery.arrived() {
        store::failing(&mut tx, &subscription.id, now).await?;
    }
    tx.commit().await?;
    Ok(delivery)
}

fn post(
    url: &str,
    secret: &str,
    timestamp: i64,
    body: &str,
    private: bool,
) -> Result<u16, ureq::Error> {
    let response = address::agent(TIMEOUT, private)
        .post(url)
        .header("Content-Type", "application/json")
        .header(TIMESTAMP_HEADER, timestamp.to_string())
        .header(SIGNATURE_HEADER, signature(secret, timestamp, body))
        .send(body)?;
    Ok(response.status().as_u16())
}

/// Stops a subscription after its last attempt and tells the contractor.
async fn stop(app: &App, subscription: &Subscription, why: &str) -> Result<(), JobError> {
    let mut tx = app.db.begin_write().await?;
    store::disable(&mut tx, &subscription.id, app.now(), why).await?;
    let actor = mamori_kernel::ledger::Actor::job(super::DELIVER_JOB);
    record(app, &mut tx, &actor, WEBHOOK_ENDED, subscription, "stopped").await?;
    let to = app.contractor_addresses(&subscription.contract).await?;
    if !to.is_empty() {
        let mail = Notification {
            to,
            subject: format!("通知先 {} を止めました", address::host(&subscription.url)),
            body: format!(
                "契約 {} の通知先 {} に約2日間届かないため、送るのを止めました。\n\n最後の結果: {why}\n\n\
                 受け側を確かめ、管理画面の「通知先」で再開してください。止まった所から順に送ります。\n",
                subscription.contract, subscription.url
            ),
            ..Notification::default()
        };
        app.notify(&mut tx, &mail).await?;
    }
    tx.commit().await?;
    app.slot_or_default::<super::Believed>().forget();
    Ok(())
}

/// Queues the delivery of every subscription that is behind its chain.
pub(super) async fn follow(context: JobContext) -> Result<(), JobError> {
    let app = &context.app;
    let mut tx = app.db.begin_write().await?;
    let rows = tx
        .fetch_all(
            "SELECT s.id FROM webhook_subscription s JOIN ledger_head h ON h.contract = s.contract \
             WHERE s.ended_at IS NULL AND s.disabled_at IS NULL AND s.sent_seq < h.seq",
            args![],
        )
        .await?;
    for row in rows {
        queue(app, &mut tx, &row.text("id")?).await?;
    }
    tx.commit().await?;
    Ok(())
}
