//! Subscriptions: a contract's evidence, sent to other programs as it is written.
//!
//! A subscription follows the chain of one contract and sends the records whose kind it asked for,
//! in the order of the chain, each at least once: the record's number is the message's id, so a
//! receiver drops a double by it. The place in the chain moves only after the receiver answered
//! 2xx; a receiver that is away delays its own messages and nobody else's. After the last of the
//! attempts (about two days) the subscription is stopped and the contractor told.
//!
//! What is sent is the record's public part. Personal data is not in the chain and is never sent.

pub mod address;
mod deliver;
mod store;

use jiff::{SignedDuration, Timestamp};
use mamori_kernel::evidence::EvidenceKind;
use mamori_kernel::given;
use mamori_kernel::ledger::{Actor, LedgerError, NewRecord};
use mamori_store::{Tx, args};
use serde_json::json;

pub use address::AddressError;
pub use store::{Delivery, Subscription};

use crate::app::{App, SYSTEM_CHAIN};
use crate::job::{JobKind, JobQueueError, NewJob, RetryPolicy, Schedule};
use crate::schedule::{At, Rule};
use crate::seal;

/// Sends what a subscription has not got yet.
pub(crate) const DELIVER_JOB: &str = "webhook.deliver";
/// Looks for subscriptions that are behind, whoever wrote the records.
pub(crate) const FOLLOW_JOB: &str = "webhook.follow";
/// Evidence: a subscription was made.
pub const WEBHOOK_ADDED: &str = "webhook.added";
/// Evidence: a subscription was ended, or stopped after long failure.
pub const WEBHOOK_ENDED: &str = "webhook.ended";

/// Most subscriptions of one contract.
const MOST: usize = 20;
/// How long a process believes what it knows of subscriptions.
const BELIEVED: SignedDuration = SignedDuration::from_secs(30);

/// A subscription could not be made or changed.
#[derive(Debug, thiserror::Error)]
pub enum SubscriptionError {
    /// The address cannot be used.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// A kind of evidence is none.
    #[error(
        "{}。work.recorded、work.*、* のように書いてください",
        given::wrong(.0, "は証跡の種類ではありません")
    )]
    Kind(String),
    /// There are too many.
    #[error("通知先は契約ごとに {MOST} 件までです。使わないものを終了してください")]
    TooMany,
    /// There is no such subscription.
    #[error("通知先「{0}」")]
    Unknown(String),
    /// It was ended or stopped.
    #[error("この通知先は止まっています。再開してから送ってください")]
    Stopped,
    /// The same key made another subscription before.
    #[error("この Idempotency-Key は別の通知先の登録に使われています。新しいキーで送ってください")]
    KeyReused,
    /// The database.
    #[error(transparent)]
    Store(#[from] mamori_store::Error),
    /// The queue.
    #[error(transparent)]
    Queue(#[from] JobQueueError),
    /// A record about it breaks the ledger's rules.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// A subscription to be made.
#[derive(Debug, Clone)]
pub struct NewSubscription {
    /// Contract.
    pub contract: String,
    /// Address that receives a POST.
    pub url: String,
    /// Kinds of evidence: `work.recorded`, `work.*` or `*`.
    pub kinds: Vec<String>,
    /// The same key twice makes one.
    pub key: Option<String>,
}

/// What making a subscription led to.
#[derive(Debug, Clone)]
pub struct Made {
    /// The subscription.
    pub subscription: Subscription,
    /// Its secret, shown this once; none when the same key made it before.
    pub secret: Option<String>,
}

/// Whether a subscription to `wanted` gets records of `kind`.
pub fn wants(wanted: &[String], kind: &str) -> bool {
    wanted
        .iter()
        .any(|pattern| match pattern.strip_suffix('*') {
            Some(beginning) => kind.starts_with(beginning),
            None => pattern == kind,
        })
}

fn check_kinds(kinds: &[String]) -> Result<(), SubscriptionError> {
    let word = |text: &str| {
        !text.is_empty()
            && text
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || matches!(byte, b'_' | b'-'))
    };
    for kind in kinds {
        let fits = kind == "*"
            || (kind.len() <= 60
                && kind
                    .split_once('.')
                    .is_some_and(|(area, event)| word(area) && (event == "*" || word(event))));
        if !fits {
            return Err(SubscriptionError::Kind(kind.clone()));
        }
    }
    if kinds.is_empty() || kinds.len() > 50 {
        return Err(SubscriptionError::Kind(String::new()));
    }
    Ok(())
}

/// Makes a subscription that gets what is written from now on.
pub async fn add(
    app: &App,
    actor: &Actor,
    new: NewSubscription,
) -> Result<Made, SubscriptionError> {
    address::check(&new.url, app.config.webhook_private)?;
    check_kinds(&new.kinds)?;
    let made_by = actor.to_string();
    let mut tx = app.db.begin_write().await?;
    if let Some(key) = &new.key
        && let Some(before) = store::by_key(&mut tx, &new.contract, &made_by, key).await?
    {
        tx.rollback().await?;
        return if before.url == new.url && before.kinds == new.kinds {
            Ok(Made {
                subscription: before,
                secret: None,
            })
        } else {
            Err(SubscriptionError::KeyReused)
        };
    }
    let others = store::list(&app.db, &new.contract).await?;
    if others.len() >= MOST {
        return Err(SubscriptionError::TooMany);
    }
    let head = app.db.ledger_head(&new.contract).await?;
    let secret = hex::encode(rand::random::<[u8; 32]>());
    let subscription = Subscription {
        id: hex::encode(rand::random::<[u8; 8]>()),
        contract: new.contract,
        url: new.url,
        kinds: new.kinds,
        made_by,
        created_at: app.now(),
        sent_seq: head.map_or(0, |head| head.seq),
        failing_since: None,
        disabled_at: None,
        disabled_reason: None,
    };
    let sealed = sealed(app, &subscription.id, &secret);
    store::insert(&mut tx, &subscription, &sealed, new.key.as_deref()).await?;
    record(app, &mut tx, actor, WEBHOOK_ADDED, &subscription, "added").await?;
    tx.commit().await?;
    app.slot_or_default::<Believed>().forget();
    Ok(Made {
        subscription,
        secret: Some(secret),
    })
}

fn purpose(id: &str) -> String {
    format!("webhook:{id}")
}

fn sealed(app: &App, id: &str, secret: &str) -> String {
    seal::of(app).seal(&purpose(id), secret.as_bytes())
}

/// The secret as it signs; `None` when `keys/web.key` is not the one that sealed it.
fn unsealed(app: &App, id: &str, sealed: &str) -> Option<String> {
    let plain = seal::of(app).open(&purpose(id), sealed)?;
    String::from_utf8(plain).ok()
}

/// Seals what an earlier version kept in the clear. Called when the application opens.
pub(crate) async fn seal_clear_ones(app: &App) -> Result<(), mamori_store::Error> {
    let mut tx = app.db.begin_write().await?;
    let clear = store::clear(&mut tx).await?;
    for (id, secret) in &clear {
        store::put_secret(&mut tx, id, &sealed(app, id, secret)).await?;
    }
    tx.commit().await?;
    if !clear.is_empty() {
        tracing::info!(count = clear.len(), "secrets of webhooks sealed");
    }
    Ok(())
}

/// Subscriptions of a contract that were not ended, oldest first.
pub async fn list(app: &App, contract: &str) -> Result<Vec<Subscription>, SubscriptionError> {
    Ok(store::list(&app.db, contract).await?)
}

/// One subscription of a contract.
pub async fn get(app: &App, contract: &str, id: &str) -> Result<Subscription, SubscriptionError> {
    store::get(&app.db, contract, id)
        .await?
        .ok_or_else(|| SubscriptionError::Unknown(id.to_owned()))
}

/// Ends a subscription for good.
pub async fn end(
    app: &App,
    actor: &Actor,
    contract: &str,
    id: &str,
) -> Result<(), SubscriptionError> {
    let found = get(app, contract, id).await?;
    let mut tx = app.db.begin_write().await?;
    tx.execute(
        "UPDATE webhook_subscription SET ended_at = $1, secret = '' WHERE id = $2",
        args![app.now(), id],
    )
    .await?;
    record(app, &mut tx, actor, WEBHOOK_ENDED, &found, "ended").await?;
    tx.commit().await?;
    app.slot_or_default::<Believed>().forget();
    Ok(())
}

/// Lets a stopped subscription go on where it stopped.
pub async fn resume(
    app: &App,
    actor: &Actor,
    contract: &str,
    id: &str,
) -> Result<Subscription, SubscriptionError> {
    let mut found = get(app, contract, id).await?;
    let mut tx = app.db.begin_write().await?;
    tx.execute(
        "UPDATE webhook_subscription SET disabled_at = NULL, disabled_reason = NULL, \
         failing_since = NULL WHERE id = $1",
        args![id],
    )
    .await?;
    record(app, &mut tx, actor, WEBHOOK_ADDED, &found, "resumed").await?;
    queue(app, &mut tx, id).await?;
    tx.commit().await?;
    app.slot_or_default::<Believed>().forget();
    (
        found.disabled_at,
        found.disabled_reason,
        found.failing_since,
    ) = (None, None, None);
    Ok(found)
}

/// The newest deliveries of a subscription first.
pub async fn deliveries(
    app: &App,
    id: &str,
    most: u32,
) -> Result<Vec<Delivery>, SubscriptionError> {
    Ok(store::deliveries(&app.db, id, most).await?)
}

/// Sends a message that only says that messages arrive.
pub async fn test(app: &App, contract: &str, id: &str) -> Result<(), SubscriptionError> {
    single(app, contract, id, 0, "test").await
}

/// Sends a record's message once more.
pub async fn again(app: &App, contract: &str, id: &str, seq: u64) -> Result<(), SubscriptionError> {
    app.db.ledger_record(contract, seq).await?;
    single(app, contract, id, seq, "again").await
}

async fn single(
    app: &App,
    contract: &str,
    id: &str,
    seq: u64,
    reason: &str,
) -> Result<(), SubscriptionError> {
    if get(app, contract, id).await?.disabled_at.is_some() {
        return Err(SubscriptionError::Stopped);
    }
    let mut tx = app.db.begin_write().await?;
    let payload = json!({ "subscription": id, "seq": seq, "reason": reason });
    let job = NewJob::new(DELIVER_JOB, &payload).dedup(format!("{id}:{reason}:{seq}"));
    app.enqueue(&mut tx, job).await?;
    tx.commit().await?;
    Ok(())
}

async fn queue(app: &App, tx: &mut Tx, id: &str) -> Result<(), JobQueueError> {
    let job = NewJob::new(DELIVER_JOB, &json!({ "subscription": id })).dedup(id);
    app.enqueue(tx, job).await?;
    Ok(())
}

async fn record(
    app: &App,
    tx: &mut Tx,
    actor: &Actor,
    kind: &'static str,
    subscription: &Subscription,
    act: &str,
) -> Result<(), SubscriptionError> {
    let payload = json!({
        "webhook": subscription.id,
        "contract": subscription.contract,
        "host": address::host(&subscription.url),
        "kinds": subscription.kinds,
        "act": act,
    });
    let record = NewRecord::new(
        SYSTEM_CHAIN,
        app.now(),
        actor.clone(),
        kind,
        &subscription.id,
        &payload,
    )?;
    app.append(tx, record).await?;
    Ok(())
}

/// What this process knows of subscriptions, so that an append need not ask each time.
#[derive(Debug, Default)]
pub(crate) struct Believed(std::sync::RwLock<Option<(Timestamp, Vec<Subscription>)>>);

impl Believed {
    fn forget(&self) {
        *self
            .0
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner) = None;
    }

    fn get(&self, now: Timestamp) -> Option<Vec<Subscription>> {
        let known = self
            .0
            .read()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let (at, list) = known.as_ref()?;
        let age = now.duration_since(*at);
        (!age.is_negative() && age < BELIEVED).then(|| list.clone())
    }

    fn set(&self, now: Timestamp, list: Vec<Subscription>) {
        *self
            .0
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner) = Some((now, list));
    }
}

/// Queues the deliveries that a record of `contract` asks for, in the record's transaction.
pub(crate) async fn appended(
    app: &App,
    tx: &mut Tx,
    contract: &str,
    kind: &str,
) -> Result<(), mamori_store::Error> {
    let believed = app.slot_or_default::<Believed>();
    let now = app.now();
    let active = if let Some(active) = believed.get(now) {
        active
    } else {
        let active = store::active(tx).await?;
        believed.set(now, active.clone());
        active
    };
    for each in active {
        if each.contract == contract && wants(&each.kinds, kind) {
            queue(app, tx, &each.id)
                .await
                .map_err(|error| match error {
                    JobQueueError::Store(error) => error,
                    other => mamori_store::Error::Unavailable {
                        detail: other.to_string(),
                    },
                })?;
        }
    }
    Ok(())
}

pub(crate) fn jobs() -> Vec<JobKind> {
    vec![
        JobKind::new(DELIVER_JOB, RetryPolicy::REMOTE, deliver::run),
        JobKind::new(FOLLOW_JOB, RetryPolicy::LOCAL, deliver::follow),
    ]
}

pub(crate) fn schedule() -> Schedule {
    Schedule::new(FOLLOW_JOB, FOLLOW_JOB, Rule::Daily(At::new(3, 20))).latest_only()
}

pub(crate) fn evidence() -> Vec<EvidenceKind> {
    let fields: &'static [(&'static str, &'static str)] = &[
        ("webhook", "通知先の番号"),
        ("contract", "契約"),
        ("host", "送り先のホスト"),
        ("kinds", "送る証跡の種類"),
        ("act", "行為"),
    ];
    let kind = |kind, title_ja| EvidenceKind {
        kind,
        version: 1,
        title_ja,
        fields,
    };
    vec![
        kind(WEBHOOK_ADDED, "通知先の登録・再開"),
        kind(WEBHOOK_ENDED, "通知先の終了・停止"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn patterns_choose_kinds_by_area() {
        assert!(wants(&kinds(&["work.*"]), "work.recorded"));
        assert!(!wants(&kinds(&["work.*"]), "worker.hired"));
        assert!(wants(&kinds(&["*"]), "anything.atall"));
        assert!(wants(
            &kinds(&["a.b", "document.submitted"]),
            "document.submitted"
        ));
        assert!(!wants(&kinds(&["document.submitted"]), "document.accepted"));
    }

    #[test]
    fn only_kinds_and_areas_are_taken() {
        assert!(check_kinds(&kinds(&["*"])).is_ok());
        assert!(check_kinds(&kinds(&["work.*", "personal_data.measure"])).is_ok());
        for wrong in [
            "",
            "work",
            "work.",
            ".x",
            "Work.done",
            "w*.x",
            "a.b.c",
            "a.\u{0}",
        ] {
            assert!(check_kinds(&kinds(&[wrong])).is_err(), "{wrong:?}");
        }
        assert!(check_kinds(&[]).is_err());
    }
}
