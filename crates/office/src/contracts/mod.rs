//! Contracts in force: their text, their engine, and how both keep up with the ledger.
//!
//! A contract is activated from its TOML text; the act is evidence (`contract.activated`, later
//! `contract.changed`). Each contract has one engine in memory. It reads the ledger from where its
//! saved state ends, then follows what is appended; the state is saved now and then, so that a
//! start with a million records takes no longer than one with ten.
//!
//! **Invariants.** The engine's state follows from contract text and ledger alone; deleting the
//! saved states changes nothing but the next start's time. Nothing here decides what a contract
//! means: that is `mamori-contract`.

mod live;
mod store;
mod terms;

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use jiff::civil::Date;
use mamori_contract::Contract;
use mamori_contract::parse::diagnostics::Report;
use mamori_kernel::ledger::{Actor, LedgerError, NewRecord};
use mamori_kernel::merkle::Digest;
use mamori_runtime::App;
use serde_json::json;

pub use live::{Live, brief, standing_verdict};
pub use store::ContractRow;
pub use terms::{Terms, open_day, work_counter};

use crate::terms::{ContractTerms, TermsError, TermsFuture, TermsSource};

/// Why a contract cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum ContractsError {
    /// None of that id.
    #[error(
        "契約「{0}」は登録されていません。`mamori contract activate FILE` で契約ファイルを有効にしてください"
    )]
    Unknown(String),
    /// None at all, or several and none was named.
    #[error("{0}")]
    Choose(String),
    /// The text has errors; the report names them all.
    #[error(
        "契約ファイルに誤りがあります。`mamori contract check FILE` で場所を確かめてください\n{0}"
    )]
    Wrong(Box<Report>),
    /// The database.
    #[error(transparent)]
    Store(#[from] mamori_store::Error),
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// What an activation did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// The contract is new here.
    New,
    /// Its text changed.
    Changed,
    /// The same text was in force already.
    Unchanged,
}

/// All contracts of the installation.
#[derive(Debug)]
pub struct Contracts {
    app: App,
    live: RwLock<BTreeMap<String, Arc<Live>>>,
}

impl Contracts {
    /// Loads the contracts in force; engines catch up with the ledger at their first use.
    pub async fn load(app: App) -> Result<Arc<Self>, ContractsError> {
        let contracts = Arc::new(Self {
            app,
            live: RwLock::default(),
        });
        for row in store::all(&contracts.app.db).await? {
            let (contract, _) = Contract::parse(&row.id, &row.source)
                .map_err(|report| ContractsError::Wrong(Box::new(report)))?;
            contracts.put(Arc::new(contract), &row.sha256);
        }
        Ok(contracts)
    }

    fn put(&self, contract: Arc<Contract>, sha256: &str) {
        let id = contract.file.contract.id.clone();
        let live = Arc::new(Live::new(self.app.clone(), contract, sha256));
        self.live
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(id, live);
        self.announce();
    }

    /// Tells the shell which contracts there are, and the runtime the first one's calendar: what
    /// the installation schedules for itself follows it.
    fn announce(&self) {
        let Some(first) = self.all().into_iter().next() else {
            return;
        };
        let contract = Arc::clone(first.contract());
        self.app
            .set_open_days(Arc::new(move |day| open_day(&contract, day)));
        let before = self
            .app
            .slot::<mamori_web::Installation>()
            .unwrap_or_default();
        self.app.provide(Arc::new(mamori_web::Installation {
            contracts: self
                .all()
                .iter()
                .map(|live| mamori_web::ContractTitle {
                    id: live.id().to_owned(),
                    title: live.contract().file.contract.name.clone(),
                })
                .collect(),
            sample: before.sample,
        }));
    }

    /// Puts a contract into force, or a new text of one; leaves evidence. The same text twice does
    /// nothing.
    pub async fn activate(
        &self,
        name: &str,
        source: &str,
        actor: Actor,
    ) -> Result<(Arc<Live>, Activation, Report), ContractsError> {
        let (contract, report) = Contract::parse(name, source)
            .map_err(|report| ContractsError::Wrong(Box::new(report)))?;
        let id = contract.file.contract.id.clone();
        let sha256 = Digest::of(source.as_bytes()).to_hex();
        let now = self.app.now();
        let mut tx = self.app.db.begin_write().await?;
        let before = store::digest(&mut tx, &id).await?;
        let done = match &before {
            Some(known) if *known == sha256 => Activation::Unchanged,
            Some(_) => Activation::Changed,
            None => Activation::New,
        };
        if done != Activation::Unchanged {
            let row = ContractRow {
                id: id.clone(),
                name: contract.file.contract.name.clone(),
                source: source.to_owned(),
                sha256: sha256.clone(),
                activated: now,
            };
            store::save(&mut tx, &row, now).await?;
            let kind = if done == Activation::New {
                "contract.activated"
            } else {
                "contract.changed"
            };
            let payload = json!({
                "name": row.name,
                "sha256": sha256,
                "before": before,
                "obligations": contract.file.obligation.len(),
            });
            tx.append(NewRecord::new(
                &id,
                now,
                actor,
                kind,
                format!("contract:{id}"),
                &payload,
            )?)
            .await?;
            tx.commit().await?;
            self.put(Arc::new(contract), &sha256);
        }
        Ok((self.live(&id).await?, done, report))
    }

    /// All contracts, by id.
    pub fn all(&self) -> Vec<Arc<Live>> {
        self.live
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .values()
            .cloned()
            .collect()
    }

    /// The contract of this id. Looks into the database too: another process may have activated it.
    pub async fn live(&self, id: &str) -> Result<Arc<Live>, ContractsError> {
        let known = self
            .live
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(id)
            .cloned();
        if let Some(live) = known {
            return Ok(live);
        }
        self.reload(id).await?;
        self.live
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(id)
            .cloned()
            .ok_or_else(|| ContractsError::Unknown(id.to_owned()))
    }

    /// Takes a contract's text from the database, unless it is the one already loaded.
    pub(crate) async fn reload(&self, id: &str) -> Result<(), ContractsError> {
        let loaded = self
            .live
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(id)
            .map(|live| live.sha256().to_owned());
        let rows = store::all(&self.app.db).await?;
        if let Some(row) = rows.into_iter().find(|row| row.id == id)
            && loaded.as_deref() != Some(row.sha256.as_str())
        {
            let (contract, _) = Contract::parse(&row.id, &row.source)
                .map_err(|report| ContractsError::Wrong(Box::new(report)))?;
            self.put(Arc::new(contract), &row.sha256);
        }
        Ok(())
    }

    /// The named contract, or the only one there is.
    pub async fn choose(&self, id: Option<&str>) -> Result<Arc<Live>, ContractsError> {
        if let Some(id) = id {
            return self.live(id).await;
        }
        let all = self.all();
        match all.as_slice() {
            [only] => Ok(Arc::clone(only)),
            [] => Err(ContractsError::Choose(
                "有効な契約がありません。`mamori contract activate FILE` で契約ファイルを有効にしてください".to_owned(),
            )),
            several => {
                let ids: Vec<&str> =
                    several.iter().map(|live| live.contract().file.contract.id.as_str()).collect();
                Err(ContractsError::Choose(format!(
                    "契約がいくつもあります。--contract で選んでください: {}",
                    ids.join("、")
                )))
            }
        }
    }

    /// Saves the state of every engine.
    pub async fn save_states(&self) -> Result<(), ContractsError> {
        for live in self.all() {
            live.save().await?;
        }
        Ok(())
    }
}

impl TermsSource for Contracts {
    fn terms<'a>(&'a self, contract: &'a str, day: Date) -> TermsFuture<'a> {
        Box::pin(async move {
            let live = self.live(contract).await.map_err(|error| match error {
                ContractsError::Unknown(id) => TermsError::NoContract(id),
                other => TermsError::Unavailable(other.to_string()),
            })?;
            Ok(live.terms(day) as Arc<dyn ContractTerms>)
        })
    }
}
