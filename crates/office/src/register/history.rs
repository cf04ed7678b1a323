//! An item's story: its ledger records, its lawful erasure, and its row rebuilt from them.

use jiff::Timestamp;
use mamori_kernel::ledger::{Actor, Attachment, Record};
use mamori_kernel::merkle::Digest;
use mamori_store::{Error as StoreError, LedgerQuery, Tx};
use serde::Serialize;
use serde_json::{Map, Value};

use super::desk::{Desk, DeskError, not_found};
use super::fold::{self, Event, Misfit};
use super::item::{Register, Stored, subject};
use super::store;

/// One line of an item's history.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HistoryEntry {
    /// Position in the ledger.
    pub seq: u64,
    /// Instant, RFC 3339 UTC.
    pub at: Timestamp,
    /// `person:ID`, `job:NAME`, `machine:NAME`.
    pub actor: String,
    /// Evidence kind.
    pub kind: String,
    /// For people.
    pub kind_ja: String,
    /// What the item said after the act.
    pub payload: Value,
    /// Personal values of the act; `null` when it had none or they are erased.
    pub personal: Option<Value>,
    /// The record had personal values that were erased.
    pub erased: bool,
    /// Files.
    pub attachments: Vec<Attachment>,
    /// Hash of the record.
    pub hash: Digest,
}

impl Desk {
    /// The story of an item: its ledger records, oldest first.
    pub async fn history(
        &self,
        contract: &str,
        register: &Register,
        reference: &str,
    ) -> Result<Vec<HistoryEntry>, DeskError> {
        let item = self.get(contract, register, reference).await?;
        let mut entries = Vec::new();
        for record in self.records(contract, &item.subject()).await? {
            let personal = self.personal(&record).await?;
            let kind_ja = register
                .spec
                .acts
                .iter()
                .find(|act| act.kind == record.kind)
                .map_or_else(|| record.kind.clone(), |act| act.kind_ja.to_owned());
            entries.push(HistoryEntry {
                seq: record.seq,
                at: record.at,
                actor: record.actor.to_string(),
                kind_ja,
                payload: record.payload.value(),
                erased: record.personal.is_some() && personal.is_none(),
                personal: personal.map(Value::Object),
                attachments: record.attachments,
                kind: record.kind,
                hash: record.hash,
            });
        }
        Ok(entries)
    }

    /// Erases the personal data of an item lawfully: from its ledger records, each with a
    /// tombstone, and from its row. Returns how many records held any.
    pub async fn erase_personal(
        &self,
        contract: &str,
        register: &Register,
        reference: &str,
        reason: &str,
        actor: &Actor,
    ) -> Result<u32, DeskError> {
        let now = self.app.now();
        let mut tx = self.app.db.begin_write().await?;
        let mut item = store::lock(&mut tx, contract, register.spec.key, reference)
            .await?
            .ok_or_else(|| not_found(register, reference))?;
        let mut erased = 0;
        // The row is locked: no other act can add records of this item meanwhile.
        for record in self.records(contract, &item.subject()).await? {
            if self.personal(&record).await?.is_some() {
                tx.erase_personal(contract, record.seq, reason, actor.clone(), now)
                    .await?;
                erased += 1;
            }
        }
        store::forget_keys(&mut tx, &item.id).await?;
        let events = self.events(contract, register, &item.id, false).await?;
        self.rebuild_row(&mut tx, register, &mut item, &events, now)
            .await?;
        tx.commit().await?;
        Ok(erased)
    }

    /// Rebuilds an item's row from its ledger records; true when the row had differed.
    pub async fn rebuild(
        &self,
        contract: &str,
        register: &Register,
        reference: &str,
    ) -> Result<bool, DeskError> {
        let mut tx = self.app.db.begin_write().await?;
        let mut item = store::lock(&mut tx, contract, register.spec.key, reference)
            .await?
            .ok_or_else(|| not_found(register, reference))?;
        let before = item.data.clone();
        let events = self.events(contract, register, &item.id, true).await?;
        let differed = fold::fold(register, &events).is_some_and(|data| data != before);
        if differed {
            self.rebuild_row(&mut tx, register, &mut item, &events, self.app.now())
                .await?;
            tx.commit().await?;
        }
        Ok(differed)
    }

    async fn rebuild_row(
        &self,
        tx: &mut Tx,
        register: &Register,
        item: &mut Stored,
        events: &[Event],
        now: Timestamp,
    ) -> Result<(), DeskError> {
        let misfit = |source| Misfit {
            register: register.spec.key,
            source,
        };
        let Some(data) = fold::fold(register, events) else {
            return Ok(());
        };
        let description = (register.describe)(&data).map_err(misfit)?;
        if let Some(state) = data.get("state").and_then(Value::as_str) {
            state.clone_into(&mut item.state);
        }
        item.data = data;
        item.day = description.day;
        item.title = description.title;
        item.link = description.link;
        item.updated_ms = now.as_millisecond();
        item.revision += 1;
        store::save(tx, item, &description.search_text).await?;
        Ok(())
    }

    /// The records of a subject, oldest first.
    async fn records(&self, contract: &str, subject: &str) -> Result<Vec<Record>, StoreError> {
        let query = LedgerQuery {
            subject: Some(subject.to_owned()),
            limit: 10_000,
            ..LedgerQuery::new(contract)
        };
        self.app.db.ledger_records(&query).await
    }

    async fn personal(&self, record: &Record) -> Result<Option<Map<String, Value>>, DeskError> {
        if record.personal.is_none() {
            return Ok(None);
        }
        let personal = self
            .app
            .db
            .ledger_personal(&record.contract, record.seq)
            .await?;
        Ok(personal.and_then(|personal| object(personal.value())))
    }

    async fn events(
        &self,
        contract: &str,
        register: &Register,
        id: &str,
        with_personal: bool,
    ) -> Result<Vec<Event>, DeskError> {
        let mut events = Vec::new();
        for record in self
            .records(contract, &subject(register.spec.key, id))
            .await?
        {
            let personal = if with_personal {
                self.personal(&record).await?
            } else {
                None
            };
            events.push(Event {
                kind: record.kind.clone(),
                payload: object(record.payload.value()).unwrap_or_default(),
                personal,
            });
        }
        Ok(events)
    }
}

fn object(value: Value) -> Option<Map<String, Value>> {
    match value {
        Value::Object(map) => Some(map),
        _ => None,
    }
}
