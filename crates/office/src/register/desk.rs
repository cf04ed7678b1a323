//! The desk: every act on every register goes through it, one transaction each.

use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use mamori_kernel::clock::tokyo_date;
use mamori_kernel::ledger::{Actor, Attachment, LedgerError, NewRecord};
use mamori_kernel::merkle::Digest;
use mamori_kernel::{FiscalYear, YearMonth, given, wareki};
use mamori_runtime::notify::NotifyError;
use mamori_runtime::{App, Notification};
use mamori_store::{BlobState, Blobs, Error as StoreError, Tx};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::fold::{self, Allowed, Current, Misfit};
use super::form::FileRef;
use super::item::{Context, Register, Stored, Warning};
use super::noted;
use super::refusal::{FieldProblem, Refusal};
use super::spec::{ActSpec, Side};
use super::store::{self, Claim, Filter, Page};
use crate::gate::{self, Verdict};
use crate::terms::{ContractTerms, TermsError, TermsSource};
use crate::work::Gauge;

mamori_kernel::typed_id! {
    /// An item of a register.
    ItemId,
}

/// Why the desk did not do what it was asked. Nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    /// The rules do not allow it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// There is no such item.
    #[error("{register_ja}「{reference}」は登録されていません")]
    NotFound {
        /// Name of the register.
        register_ja: &'static str,
        /// Id or number that was asked for.
        reference: String,
    },
    /// The register has no such act.
    #[error("{register_ja}: {act}。使える操作: {known}")]
    UnknownAct {
        /// Name of the register.
        register_ja: &'static str,
        /// What was asked for, and that it is none.
        act: String,
        /// What there is.
        known: String,
    },
    /// Somebody else changed the item in between.
    #[error(
        "{number} はほかの人が先に変更しました（版 {revision}）。最新の内容を確かめてからやり直してください"
    )]
    Stale {
        /// Number of the item.
        number: String,
        /// Its present revision.
        revision: i64,
    },
    /// The idempotency key was used for another act.
    #[error("Idempotency-Key「{0}」は別の内容で使われています。新しいキーで送ってください")]
    KeyReused(String),
    /// The contract's terms cannot be had.
    #[error(transparent)]
    Terms(#[from] TermsError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Evidence that the ledger does not take.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// A row that no longer fits its register: a mistake in the program.
    #[error(transparent)]
    Misfit(#[from] Misfit),
    /// A notification could not be queued.
    #[error(transparent)]
    Notify(#[from] NotifyError),
}

/// An act to be done.
#[derive(Debug, Clone)]
pub struct Order<'a> {
    /// Contract id.
    pub contract: &'a str,
    /// Register.
    pub register: &'a Register,
    /// Id or number of the item; `None` opens a new one.
    pub item: Option<&'a str>,
    /// Name of the act.
    pub act: &'a str,
    /// What was typed.
    pub form: Map<String, Value>,
    /// Who acts.
    pub actor: Actor,
    /// Whether it is the city itself that acts. A decision of the city that the contractor
    /// enters from a paper or a call says so in its evidence.
    pub side: Side,
    /// The revision that the person saw; refused when the item has moved on.
    pub revision: Option<i64>,
    /// The same key twice does the act once.
    pub key: Option<String>,
}

impl<'a> Order<'a> {
    /// An act of the contractor, without revision and key.
    pub fn new(
        contract: &'a str,
        register: &'a Register,
        item: Option<&'a str>,
        act: &'a str,
        form: Map<String, Value>,
        actor: Actor,
    ) -> Self {
        Self {
            contract,
            register,
            item,
            act,
            form,
            actor,
            side: Side::Contractor,
            revision: None,
            key: None,
        }
    }
}

/// An act that was done.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Done {
    /// The item afterwards.
    pub item: Stored,
    /// What is worth knowing.
    pub warnings: Vec<Warning>,
    /// True when the key was known and nothing was done again.
    pub repeated: bool,
}

/// Where the contract service puts its [`TermsSource`]: `app.provide(Arc::new(TermsPort(…)))`.
pub struct TermsPort(pub Arc<dyn TermsSource>);

/// The desk of all registers.
#[derive(Clone)]
pub struct Desk {
    pub(super) app: App,
    terms: Arc<dyn TermsSource>,
}

impl std::fmt::Debug for Desk {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Desk")
            .field("app", &self.app)
            .finish_non_exhaustive()
    }
}

impl Desk {
    /// The desk of an application whose contract service has provided its [`TermsPort`].
    pub fn of(app: &App) -> Result<Self, DeskError> {
        let port = app.slot::<TermsPort>().ok_or_else(|| {
            TermsError::Unavailable(
                "契約の機能が起動していません(no TermsPort provided)".to_owned(),
            )
        })?;
        Ok(Self::new(app.clone(), Arc::clone(&port.0)))
    }

    /// A desk over the application's database and clock.
    pub fn new(app: App, terms: Arc<dyn TermsSource>) -> Self {
        Self { app, terms }
    }

    /// Today in Japan.
    pub fn today(&self) -> Date {
        tokyo_date(self.app.now())
    }

    /// The terms of a contract as of a day.
    pub async fn terms(
        &self,
        contract: &str,
        day: Date,
    ) -> Result<Arc<dyn ContractTerms>, TermsError> {
        self.terms.terms(contract, day).await
    }

    /// Does an act: reads what the rules want to see, checks the gates, decides, writes the row
    /// and the evidence, queues notifications. All or nothing.
    pub async fn act(&self, order: Order<'_>) -> Result<Done, DeskError> {
        let now = self.app.now();
        let today = tokyo_date(now);
        let act = known_act(order.register, order.act, order.item.is_none())?;
        let terms = self.terms.terms(order.contract, today).await?;
        let mut tx = self.app.db.begin_write().await?;
        if let Some(item) = self.claim(&mut tx, &order, now).await? {
            return Ok(Done {
                item,
                warnings: Vec::new(),
                repeated: true,
            });
        }
        let before = self.before(&mut tx, &order).await?;
        let current = before.as_ref().map(|item| Current {
            id: &item.id,
            number: &item.number,
            state: &item.state,
            data: &item.data,
        });
        let proposal = fold::propose(order.register, act, current, &order.form, today)??;
        let mut guarded = Vec::new();
        for guard in proposal.guards(order.register, terms.as_ref()) {
            let found = store::find(&mut tx, order.contract, &guard.lookup()).await?;
            guarded.push((guard, found));
        }
        let mut found = Vec::new();
        for lookup in &proposal.lookups {
            found.extend(store::find(&mut tx, order.contract, lookup).await?);
        }
        let (id, number) = match &before {
            Some(item) => (item.id.clone(), item.number.clone()),
            None => (
                ItemId::new(now, rand::random()).to_string(),
                self.number(&mut tx, order.contract, order.register, today)
                    .await?,
            ),
        };
        let actor = order.actor.to_string();
        let context = Context {
            now,
            today,
            actor: &actor,
            number: &number,
            terms: terms.as_ref(),
            found: &found,
            side: order.side,
        };
        let allowed = fold::decide(order.register, proposal, &guarded, &id, current, &context)??;
        let attachments = self.attachments(act, &allowed.files).await?;
        let description = (order.register.describe)(&allowed.data).map_err(|source| Misfit {
            register: order.register.spec.key,
            source,
        })?;
        let item = Stored {
            id,
            contract: order.contract.to_owned(),
            register: order.register.spec.key.to_owned(),
            number,
            state: allowed.state.clone(),
            day: description.day,
            title: description.title,
            link: description.link,
            data: allowed.data.clone(),
            opened_by: before
                .as_ref()
                .map_or_else(|| actor.clone(), |item| item.opened_by.clone()),
            created_ms: before
                .as_ref()
                .map_or_else(|| now.as_millisecond(), |item| item.created_ms),
            updated_ms: now.as_millisecond(),
            revision: before.as_ref().map_or(0, |item| item.revision) + 1,
        };
        store::save(&mut tx, &item, &description.search_text).await?;
        append(&mut tx, &order, now, &item, &allowed, attachments).await?;
        if let Some(key) = &order.key {
            store::settle_key(&mut tx, order.contract, &actor, key, &item.id).await?;
        }
        self.notify(&mut tx, &order, act, &item).await?;
        tx.commit().await?;
        Ok(Done {
            item,
            warnings: allowed.warnings,
            repeated: false,
        })
    }

    /// Takes the order's key; the item when the same order was done before.
    async fn claim(
        &self,
        tx: &mut Tx,
        order: &Order<'_>,
        now: Timestamp,
    ) -> Result<Option<Stored>, DeskError> {
        let Some(key) = &order.key else {
            return Ok(None);
        };
        let register = order.register.spec.key;
        let form = Value::Object(order.form.clone()).to_string();
        let parts = [
            register,
            order.item.unwrap_or_default(),
            order.act,
            form.as_str(),
        ]
        .join("\n");
        let digest = Digest::of(parts.as_bytes()).to_hex();
        let actor = order.actor.to_string();
        match store::claim_key(
            tx,
            order.contract,
            &actor,
            key,
            &digest,
            now.as_millisecond(),
        )
        .await?
        {
            Claim::New => Ok(None),
            Claim::Different => Err(DeskError::KeyReused(key.clone())),
            Claim::Repeated(id) => {
                let item = store::lock(tx, order.contract, register, &id).await?;
                Ok(Some(item.ok_or_else(|| not_found(order.register, &id))?))
            }
        }
    }

    /// The item that the order is about, locked; `None` when it opens one.
    async fn before(&self, tx: &mut Tx, order: &Order<'_>) -> Result<Option<Stored>, DeskError> {
        let Some(reference) = order.item else {
            return Ok(None);
        };
        let item = store::lock(tx, order.contract, order.register.spec.key, reference)
            .await?
            .ok_or_else(|| not_found(order.register, reference))?;
        if order.revision.is_some_and(|seen| seen != item.revision) {
            return Err(DeskError::Stale {
                number: item.number,
                revision: item.revision,
            });
        }
        Ok(Some(item))
    }

    /// `依頼-R8-012`: numbered per register and fiscal year of the day of entry.
    async fn number(
        &self,
        tx: &mut Tx,
        contract: &str,
        register: &Register,
        today: Date,
    ) -> Result<String, StoreError> {
        let year = FiscalYear::of(today);
        let next = store::next_number(tx, contract, register.spec.key, year).await?;
        let era = wareki::short(year.first());
        let era = era.split('.').next().unwrap_or(&era);
        Ok(format!("{}-{era}-{next:03}", register.spec.number_ja))
    }

    /// The blobs behind the files that a form names.
    async fn attachments(
        &self,
        act: &ActSpec,
        files: &[FileRef],
    ) -> Result<Vec<Attachment>, DeskError> {
        let blobs = Blobs::new(self.app.config.data_dir.join("blobs"));
        let mut attachments = Vec::with_capacity(files.len());
        for file in files {
            let missing = || {
                let label = act
                    .fields
                    .iter()
                    .find(|field| matches!(field.kind, super::spec::FieldKind::File))
                    .map_or(("file", "ファイル"), |field| {
                        (field.name, field.label_ja)
                    });
                Refusal::Fields(vec![FieldProblem::new(
                    label.0,
                    label.1,
                    format!(
                        "「{}」の内容がまだ送られていません。先に POST …/files で送ってください",
                        file.name
                    ),
                )])
            };
            let digest = Digest::from_hex(&file.sha256).ok_or_else(missing)?;
            let BlobState::Present { size } = self.app.db.blob_state(&blobs, &digest).await? else {
                return Err(missing().into());
            };
            attachments.push(Attachment {
                name: file.name.clone(),
                media_type: file.media_type.clone(),
                sha256: digest,
                size,
            });
        }
        Ok(attachments)
    }

    /// Tells the other side when it has the next word or the city has spoken. Mails go to the
    /// configured addresses; an installation without addresses sends nothing.
    async fn notify(
        &self,
        tx: &mut Tx,
        order: &Order<'_>,
        act: &ActSpec,
        item: &Stored,
    ) -> Result<(), DeskError> {
        let (at_city, what) = match act.side {
            Side::City => (false, "が記録されました"),
            Side::Either if order.side == Side::City => (false, "が登録されました"),
            Side::Contractor if awaits_city(order.register, &item.state) => {
                (true, "をご確認ください")
            }
            Side::Contractor | Side::Either => return Ok(()),
        };
        let spec = order.register.spec;
        let mail = Notification {
            subject: format!("【{}】{} {}", spec.title_ja, item.number, act.title_ja),
            body: format!(
                "{}「{}」（{}）の{}{what}。\n状態: {}\n\n内容は Mamori の画面で確認できます。このメールには個人情報を載せていません。\n",
                spec.title_ja,
                item.title,
                item.number,
                act.title_ja,
                spec.state_ja(&item.state)
            ),
            ..Notification::default()
        };
        if at_city {
            self.app.notify_city(tx, order.contract, mail).await?;
            return Ok(());
        }
        let to = self
            .app
            .contractor_addresses(order.contract)
            .await
            .map_err(NotifyError::from)?;
        if !to.is_empty() {
            self.app.notify(tx, &Notification { to, ..mail }).await?;
        }
        Ok(())
    }

    /// The item of this id or number.
    pub async fn get(
        &self,
        contract: &str,
        register: &Register,
        reference: &str,
    ) -> Result<Stored, DeskError> {
        store::get(&self.app.db, contract, register.spec.key, reference)
            .await?
            .ok_or_else(|| not_found(register, reference))
    }

    /// A page of a register.
    pub async fn list(
        &self,
        contract: &str,
        register: &Register,
        filter: &Filter,
    ) -> Result<Page, DeskError> {
        Ok(store::list(&self.app.db, contract, register.spec.key, filter).await?)
    }

    /// All items of a register listed under these days, both included, oldest first.
    pub async fn on_days(
        &self,
        contract: &str,
        register: &Register,
        from: Date,
        to: Date,
    ) -> Result<Vec<Stored>, DeskError> {
        Ok(store::on_days(&self.app.db, contract, register.spec.key, from, to).await?)
    }

    /// All items of a register, or those with this link, oldest first.
    pub async fn all(
        &self,
        contract: &str,
        register: &Register,
        link: Option<&str>,
    ) -> Result<Vec<Stored>, DeskError> {
        Ok(store::all(&self.app.db, contract, register.spec.key, link).await?)
    }

    /// How many items are in each state.
    pub async fn tally(
        &self,
        contract: &str,
        register: &Register,
    ) -> Result<Vec<(String, u64)>, DeskError> {
        Ok(store::tally(&self.app.db, contract, register.spec.key).await?)
    }

    /// The gauge of a month's work.
    pub async fn work_gauge(&self, contract: &str, month: YearMonth) -> Result<Gauge, DeskError> {
        let register = crate::register("work").expect("the register of work entries");
        let terms = self.terms.terms(contract, month.last()).await?;
        let entries = self
            .on_days(contract, register, month.first(), month.last())
            .await?;
        Ok(crate::work::gauge(month, &entries, terms.as_ref()))
    }

    /// Whether a gate is open for something on a day: what a change, a stop or any act outside
    /// the registers asks first.
    pub async fn gate(
        &self,
        contract: &str,
        key: &str,
        about: &str,
        day: Date,
    ) -> Result<Verdict, DeskError> {
        let terms = self.terms.terms(contract, day).await?;
        let Some(gate) = terms.gate(key) else {
            return Err(TermsError::Unavailable(format!("関門「{key}」は契約にありません")).into());
        };
        let lookup = gate::lookup(gate);
        let mut tx = self.app.db.begin_read().await?;
        let found = store::find(&mut tx, contract, &lookup).await?;
        Ok(gate::judge(gate, about, day, &found))
    }
}

/// Whether the city has the next word in this state: one of its acts is possible, and none of
/// the contractor's brings the item forward.
pub(crate) fn awaits_city(register: &Register, state: &str) -> bool {
    register
        .spec
        .possible(Some(state))
        .any(|act| act.side == Side::City && act.name != "withdraw" && act.to.is_some())
}

async fn append(
    tx: &mut Tx,
    order: &Order<'_>,
    now: Timestamp,
    item: &Stored,
    allowed: &Allowed,
    attachments: Vec<Attachment>,
) -> Result<(), DeskError> {
    let record = |kind: &str, subject: String, payload: &Map<String, Value>| {
        NewRecord::new(
            order.contract,
            now,
            order.actor.clone(),
            kind,
            subject,
            payload,
        )
    };
    let mut own = record(&allowed.event.kind, item.subject(), &allowed.event.payload)?;
    let register = order.register.spec.key;
    noted::note_files(tx, order.contract, register, &attachments).await?;
    own.attachments = attachments;
    if let Some(personal) = &allowed.event.personal {
        own = own.personal(personal)?;
    }
    if let Some(key) = &order.key {
        own = own.dedup(format!("office:{}:{key}", order.actor));
    }
    tx.append(own).await?;
    for extra in &allowed.also {
        tx.append(record(extra.kind, extra.subject.clone(), &extra.payload)?)
            .await?;
    }
    Ok(())
}

pub(super) fn not_found(register: &Register, reference: &str) -> DeskError {
    DeskError::NotFound {
        register_ja: register.spec.title_ja,
        reference: reference.to_owned(),
    }
}

fn known_act(register: &Register, name: &str, opens: bool) -> Result<&'static ActSpec, DeskError> {
    let spec = register.spec;
    spec.act(name)
        .filter(|act| act.opens() == opens)
        .ok_or_else(|| {
            let known: Vec<String> = spec
                .acts
                .iter()
                .filter(|act| act.opens() == opens)
                .map(|act| format!("{}（{}）", act.name, act.title_ja))
                .collect();
            DeskError::UnknownAct {
                register_ja: spec.title_ja,
                act: given::wrong(name, "という操作はありません"),
                known: known.join("、"),
            }
        })
}

/// A form from anything that serialises to an object.
pub fn form<T: Serialize>(fields: &T) -> Map<String, Value> {
    match json!(fields) {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}
