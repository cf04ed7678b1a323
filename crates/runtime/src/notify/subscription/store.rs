//! All SQL of subscriptions and their deliveries.

use jiff::{SignedDuration, Timestamp};
use mamori_store::{Db, Error, Row, Tx, args};

/// A subscription without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// Id.
    pub id: String,
    /// Contract whose chain it follows.
    pub contract: String,
    /// Address that receives a POST.
    pub url: String,
    /// Kinds of evidence it gets.
    pub kinds: Vec<String>,
    /// Who made it.
    pub made_by: String,
    /// When.
    pub created_at: Timestamp,
    /// Up to here everything wanted has arrived.
    pub sent_seq: u64,
    /// Since when nothing arrives.
    pub failing_since: Option<Timestamp>,
    /// Since when it is stopped.
    pub disabled_at: Option<Timestamp>,
    /// Why it is stopped.
    pub disabled_reason: Option<String>,
}

/// One attempt to send a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Id.
    pub id: String,
    /// The record's number; 0 for a test.
    pub seq: u64,
    /// Kind of evidence, or `webhook.test`.
    pub event: String,
    /// `ledger`, `again` or `test`.
    pub reason: String,
    /// When.
    pub tried_at: Timestamp,
    /// What the receiver answered.
    pub status: Option<u16>,
    /// Why nothing was answered.
    pub error: Option<String>,
}

impl Delivery {
    /// Whether the receiver took it.
    pub fn arrived(&self) -> bool {
        self.status
            .is_some_and(|status| (200..300).contains(&status))
    }
}

const COLUMNS: &str = "id, contract, url, kinds, made_by, created_at, sent_seq, failing_since, \
     disabled_at, disabled_reason";

fn read(row: &Row) -> Result<Subscription, Error> {
    Ok(Subscription {
        id: row.text("id")?,
        contract: row.text("contract")?,
        url: row.text("url")?,
        kinds: row.text("kinds")?.split(' ').map(str::to_owned).collect(),
        made_by: row.text("made_by")?,
        created_at: row.get("created_at")?,
        sent_seq: row.get("sent_seq")?,
        failing_since: row.get("failing_since")?,
        disabled_at: row.get("disabled_at")?,
        disabled_reason: row.get("disabled_reason")?,
    })
}

pub(super) async fn insert(
    tx: &mut Tx,
    new: &Subscription,
    sealed: &str,
    key: Option<&str>,
) -> Result<(), Error> {
    tx.execute(
        "INSERT INTO webhook_subscription (id, contract, url, secret, kinds, made_by, \
         request_key, created_at, sent_seq) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        args![
            &new.id,
            &new.contract,
            &new.url,
            sealed,
            new.kinds.join(" "),
            &new.made_by,
            key.map(str::to_owned),
            new.created_at,
            new.sent_seq as i64
        ],
    )
    .await?;
    Ok(())
}

pub(super) async fn by_key(
    tx: &mut Tx,
    contract: &str,
    made_by: &str,
    key: &str,
) -> Result<Option<Subscription>, Error> {
    let sql = format!(
        "SELECT {COLUMNS} FROM webhook_subscription \
         WHERE contract = $1 AND made_by = $2 AND request_key = $3"
    );
    let row = tx
        .fetch_optional(&sql, args![contract, made_by, key])
        .await?;
    row.as_ref().map(read).transpose()
}

pub(super) async fn list(db: &Db, contract: &str) -> Result<Vec<Subscription>, Error> {
    let sql = format!(
        "SELECT {COLUMNS} FROM webhook_subscription WHERE contract = $1 AND ended_at IS NULL \
         ORDER BY created_at, id"
    );
    db.fetch_all(&sql, args![contract])
        .await?
        .iter()
        .map(read)
        .collect()
}

pub(super) async fn get(db: &Db, contract: &str, id: &str) -> Result<Option<Subscription>, Error> {
    let sql = format!(
        "SELECT {COLUMNS} FROM webhook_subscription \
         WHERE contract = $1 AND id = $2 AND ended_at IS NULL"
    );
    let row = db.fetch_optional(&sql, args![contract, id]).await?;
    row.as_ref().map(read).transpose()
}

/// All subscriptions that send.
pub(super) async fn active(tx: &mut Tx) -> Result<Vec<Subscription>, Error> {
    let sql = format!(
        "SELECT {COLUMNS} FROM webhook_subscription \
         WHERE ended_at IS NULL AND disabled_at IS NULL ORDER BY created_at, id"
    );
    tx.fetch_all(&sql, args![])
        .await?
        .iter()
        .map(read)
        .collect()
}

/// The subscription with its sealed secret, while it sends.
pub(super) async fn sending(db: &Db, id: &str) -> Result<Option<(Subscription, String)>, Error> {
    let sql = format!(
        "SELECT {COLUMNS}, secret FROM webhook_subscription \
         WHERE id = $1 AND ended_at IS NULL AND disabled_at IS NULL"
    );
    let row = db.fetch_optional(&sql, args![id]).await?;
    row.map(|row| Ok((read(&row)?, row.text("secret")?)))
        .transpose()
}

/// Secrets as they were kept before they were sealed: 64 hexadecimal digits; what is sealed is
/// longer.
pub(super) async fn clear(tx: &mut Tx) -> Result<Vec<(String, String)>, Error> {
    let rows = tx
        .fetch_all(
            "SELECT id, secret FROM webhook_subscription WHERE LENGTH(secret) = 64",
            args![],
        )
        .await?;
    rows.iter()
        .map(|row| Ok((row.text("id")?, row.text("secret")?)))
        .collect()
}

pub(super) async fn put_secret(tx: &mut Tx, id: &str, sealed: &str) -> Result<(), Error> {
    tx.execute(
        "UPDATE webhook_subscription SET secret = $1 WHERE id = $2",
        args![sealed, id],
    )
    .await?;
    Ok(())
}

/// Takes the subscription for one sender, so that messages stay in order; false when another has
/// it. A sender that died lets go by itself.
pub(super) async fn take(
    db: &Db,
    id: &str,
    now: Timestamp,
    hold: SignedDuration,
) -> Result<bool, Error> {
    let until = now.checked_add(hold).unwrap_or(Timestamp::MAX);
    let taken = db
        .execute(
            "UPDATE webhook_subscription SET busy_until = $1 \
             WHERE id = $2 AND (busy_until IS NULL OR busy_until < $3)",
            args![until, id, now],
        )
        .await?;
    Ok(taken == 1)
}

/// Lets go of the subscription.
pub(super) async fn release(db: &Db, id: &str) -> Result<(), Error> {
    db.execute(
        "UPDATE webhook_subscription SET busy_until = NULL WHERE id = $1",
        args![id],
    )
    .await?;
    Ok(())
}

/// Everything wanted up to `seq` has arrived.
pub(super) async fn moved(tx: &mut Tx, id: &str, seq: u64, until: Timestamp) -> Result<(), Error> {
    tx.execute(
        "UPDATE webhook_subscription SET sent_seq = $1, failing_since = NULL, busy_until = $2 \
         WHERE id = $3 AND sent_seq < $1",
        args![seq as i64, until, id],
    )
    .await?;
    Ok(())
}

/// Nothing arrives since `now`, if it was not so before.
pub(super) async fn failing(tx: &mut Tx, id: &str, now: Timestamp) -> Result<(), Error> {
    tx.execute(
        "UPDATE webhook_subscription SET failing_since = $1 \
         WHERE id = $2 AND failing_since IS NULL",
        args![now, id],
    )
    .await?;
    Ok(())
}

pub(super) async fn disable(tx: &mut Tx, id: &str, now: Timestamp, why: &str) -> Result<(), Error> {
    tx.execute(
        "UPDATE webhook_subscription SET disabled_at = $1, disabled_reason = $2 WHERE id = $3",
        args![now, why, id],
    )
    .await?;
    Ok(())
}

/// Attempts that are kept of each subscription.
const KEPT: i64 = 500;

/// Notes an attempt and forgets the oldest ones.
pub(super) async fn note(
    tx: &mut Tx,
    subscription: &str,
    delivery: &Delivery,
) -> Result<(), Error> {
    tx.execute(
        "INSERT INTO webhook_delivery (id, subscription, seq, event, reason, tried_at, status, \
         error) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        args![
            &delivery.id,
            subscription,
            delivery.seq as i64,
            &delivery.event,
            &delivery.reason,
            delivery.tried_at,
            delivery.status.map(i64::from),
            delivery.error.clone()
        ],
    )
    .await?;
    tx.execute(
        "DELETE FROM webhook_delivery WHERE subscription = $1 AND id NOT IN \
         (SELECT id FROM webhook_delivery WHERE subscription = $1 \
         ORDER BY tried_at DESC, id DESC LIMIT $2)",
        args![subscription, KEPT],
    )
    .await?;
    Ok(())
}

pub(super) async fn deliveries(db: &Db, id: &str, most: u32) -> Result<Vec<Delivery>, Error> {
    db.fetch_all(
        "SELECT id, seq, event, reason, tried_at, status, error FROM webhook_delivery \
         WHERE subscription = $1 ORDER BY tried_at DESC, id DESC LIMIT $2",
        args![id, most],
    )
    .await?
    .iter()
    .map(|row| {
        let status: Option<i64> = row.get("status")?;
        Ok(Delivery {
            id: row.text("id")?,
            seq: row.get("seq")?,
            event: row.text("event")?,
            reason: row.text("reason")?,
            tried_at: row.get("tried_at")?,
            status: status.and_then(|status| u16::try_from(status).ok()),
            error: row.get("error")?,
        })
    })
    .collect()
}
