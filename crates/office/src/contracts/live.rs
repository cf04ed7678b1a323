//! One contract in force with its engine, kept up with the ledger.

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan as _};
use mamori_contract::engine::{Engine, Fact, State, Verdict};
use mamori_contract::language::evidence::Check;
use mamori_contract::{Contract, Due};
use mamori_document::ConformityState;
use mamori_kernel::ledger::Record;
use mamori_kernel::merkle::Digest;
use mamori_kernel::period::Period;
use mamori_runtime::App;
use mamori_store::LedgerQuery;
use tokio::sync::Mutex;

use super::ContractsError;
use super::store::{self, Saved};
use super::terms::Terms;
use crate::documents::sources::Standing;

/// Records after which the state is saved while following.
const SAVE_EVERY: u64 = 5_000;
/// Records read from the ledger at once.
const PAGE: u32 = 5_000;

/// A contract in force.
pub struct Live {
    app: App,
    contract: Arc<Contract>,
    /// SHA-256 of the contract's text, hex.
    sha256: String,
    basis: String,
    follower: Mutex<Option<Follower>>,
    /// The terms of the day last asked for: most questions are about today.
    terms: RwLock<Option<Arc<Terms>>>,
    /// All dates of the text.
    dues: OnceLock<Vec<Arc<Due>>>,
    /// Each row of the text as a search reads it.
    words: OnceLock<Vec<(String, String)>>,
}

/// How long after the term dates may lie: the last paper on the last year.
const AFTER_TERM_DAYS: i64 = 400;

/// The engine and how far it has read.
struct Follower {
    engine: Engine,
    seq: u64,
    saved: u64,
}

impl std::fmt::Debug for Live {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Live")
            .field("contract", &self.contract.file.contract.id)
            .finish_non_exhaustive()
    }
}

impl Live {
    pub(super) fn new(app: App, contract: Arc<Contract>, sha256: &str) -> Self {
        let kinds: Vec<String> = written_kinds(&app, &contract).into_iter().collect();
        let basis = format!(
            "{}\n{sha256}\n{}",
            env!("CARGO_PKG_VERSION"),
            kinds.join(" ")
        );
        Self {
            basis: Digest::of(basis.as_bytes()).to_hex(),
            sha256: sha256.to_owned(),
            app,
            contract,
            follower: Mutex::new(None),
            terms: RwLock::new(None),
            dues: OnceLock::new(),
            words: OnceLock::new(),
        }
    }

    /// The contract.
    pub fn contract(&self) -> &Arc<Contract> {
        &self.contract
    }

    /// SHA-256 of its text, hex.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// Its id.
    pub fn id(&self) -> &str {
        &self.contract.file.contract.id
    }

    /// Its terms as of a day.
    pub fn terms(&self, day: Date) -> Arc<Terms> {
        let known = self
            .terms
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        if let Some(terms) = known.filter(|terms| terms.day() == day) {
            return terms;
        }
        let terms = Arc::new(Terms::new(Arc::clone(&self.contract), day));
        *self.terms.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&terms));
        terms
    }

    /// Every date of the text in order, those without a day last; a paper that several duties ask
    /// for stands once. Worked out once: a text that changes is another `Live`.
    pub fn dues(&self) -> &[Arc<Due>] {
        self.dues.get_or_init(|| {
            let term = self.contract.term;
            let last = term.last().saturating_add(AFTER_TERM_DAYS.days());
            let mut seen = BTreeSet::new();
            self.contract
                .due(term.first(), last)
                .into_iter()
                .filter(|due| {
                    due.deliverable.is_none()
                        || seen.insert((due.deliverable.clone(), due.period.to_string()))
                })
                .map(Arc::new)
                .collect()
        })
    }

    /// Key and searchable words (number, clause, title, text; normalised) of every row.
    pub fn words(&self) -> &[(String, String)] {
        self.words.get_or_init(|| {
            self.contract
                .keys()
                .into_iter()
                .filter_map(|key| {
                    let row = self.contract.latest(key)?;
                    let words = format!("{key} {} {} {}", row.clause, row.title, row.text);
                    Some((key.to_owned(), crate::register::typed::normal(&words)))
                })
                .collect()
        })
    }

    /// Lets `look` see the engine after it has read the whole ledger and been told the time.
    pub async fn engine<T>(
        &self,
        now: Timestamp,
        look: impl FnOnce(&mut Engine) -> T,
    ) -> Result<T, ContractsError> {
        let mut guard = self.follower.lock().await;
        let mut follower = match guard.take() {
            Some(follower) => follower,
            None => self.open().await?,
        };
        let caught_up = self.catch_up(&mut follower).await;
        follower.engine.advance(now);
        let seen = look(&mut follower.engine);
        let behind = follower.seq - follower.saved >= SAVE_EVERY;
        let saved = if behind {
            Some(self.snapshot(&mut follower))
        } else {
            None
        };
        *guard = Some(follower);
        drop(guard);
        let replaced = caught_up?;
        if let Some(saved) = saved {
            store::save_state(&self.app.db, self.id(), &saved, self.app.now()).await?;
        }
        if replaced && let Some(office) = self.app.slot::<crate::Office>() {
            office.contracts.reload(self.id()).await?;
        }
        Ok(seen)
    }

    async fn open(&self) -> Result<Follower, ContractsError> {
        if let Some(saved) = store::saved(&self.app.db, self.id()).await?
            && saved.basis == self.basis
        {
            match Engine::restore(Arc::clone(&self.contract), &saved.state) {
                Ok(engine) => {
                    return Ok(Follower {
                        engine,
                        seq: saved.seq,
                        saved: saved.seq,
                    });
                }
                Err(error) => {
                    tracing::warn!(contract = self.id(), %error, "saved state unreadable, reading the ledger anew");
                }
            }
        }
        let kinds = written_kinds(&self.app, &self.contract);
        let engine = Engine::new(Arc::clone(&self.contract), kinds);
        Ok(Follower {
            engine,
            seq: 0,
            saved: 0,
        })
    }

    /// Reads what was appended; tells whether another text than ours came into force, which
    /// another process may have done.
    async fn catch_up(&self, follower: &mut Follower) -> Result<bool, ContractsError> {
        let mut replaced = false;
        loop {
            let query = LedgerQuery {
                from_seq: Some(follower.seq + 1),
                limit: PAGE,
                ..LedgerQuery::new(self.id())
            };
            let records = self.app.db.ledger_records(&query).await?;
            for record in &records {
                follower.engine.apply(&fact(record));
                follower.seq = record.seq;
                replaced |= record.kind == "contract.changed"
                    && record.payload.value()["sha256"] != self.sha256.as_str();
            }
            if records.len() < PAGE as usize {
                return Ok(replaced);
            }
        }
    }

    fn snapshot(&self, follower: &mut Follower) -> Saved {
        follower.saved = follower.seq;
        Saved {
            seq: follower.seq,
            basis: self.basis.clone(),
            state: follower.engine.snapshot(),
        }
    }

    /// Saves the engine's state, if the engine was used.
    pub async fn save(&self) -> Result<(), ContractsError> {
        let mut guard = self.follower.lock().await;
        let Some(follower) = guard
            .as_mut()
            .filter(|follower| follower.seq > follower.saved)
        else {
            return Ok(());
        };
        let saved = self.snapshot(follower);
        drop(guard);
        store::save_state(&self.app.db, self.id(), &saved, self.app.now()).await?;
        Ok(())
    }

    /// The state of every judged obligation, in the contract's order.
    pub async fn states(&self, now: Timestamp) -> Result<Vec<Arc<State>>, ContractsError> {
        self.engine(now, Engine::states).await
    }

    /// Every judged obligation with its state, as documents and pages show it.
    pub async fn standings(&self, now: Timestamp) -> Result<Vec<Standing>, ContractsError> {
        let states = self.states(now).await?;
        Ok(states
            .iter()
            .filter_map(|state| {
                let obligation = self.contract.latest(&state.key)?;
                Some(Standing {
                    key: state.key.clone(),
                    clause: obligation.clause.clone(),
                    title: obligation.title.clone(),
                    text: obligation.text.clone(),
                    verdict: standing_verdict(state.verdict),
                    reason: brief(state),
                    deliverable: obligation.deliverable.clone(),
                    by_attestation: obligation
                        .evidence
                        .iter()
                        .any(|check| matches!(check, Check::Attestation { .. })),
                })
            })
            .collect())
    }
}

/// Why an obligation stands as it does, in one line: the first reason of the newest period that
/// decides the verdict, and how many more that period has. The state's own reasons tell of several
/// periods and are too long for a cell of a table.
pub fn brief(state: &State) -> String {
    let deciding = state
        .periods
        .iter()
        .rev()
        .find(|period| period.verdict == state.verdict && !period.reasons.is_empty());
    let (place, reasons) = match deciding {
        Some(period) => {
            let place = match period.period {
                Period::Term(_) => String::new(),
                other => format!("{}：", other.japanese()),
            };
            (place, &period.reasons)
        }
        None => (String::new(), &state.reasons),
    };
    match reasons.as_slice() {
        [] => String::new(),
        [only] => format!("{place}{only}"),
        [first, rest @ ..] => format!("{place}{first}　ほか{}件", rest.len()),
    }
}

/// The engine's verdict as documents name it.
pub fn standing_verdict(verdict: Verdict) -> ConformityState {
    match verdict {
        Verdict::Met => ConformityState::Met,
        Verdict::NotMet => ConformityState::NotMet,
        Verdict::Undecided => ConformityState::Undecided,
        Verdict::Pending => ConformityState::Pending,
        Verdict::Unmeasured => ConformityState::Unmeasured,
        Verdict::NotApplicable => ConformityState::NotApplicable,
    }
}

/// The kinds of evidence that somebody here writes: those of the capabilities and those that the
/// contract itself declares for people.
fn written_kinds(app: &App, contract: &Contract) -> BTreeSet<String> {
    app.capabilities()
        .iter()
        .flat_map(|capability| &capability.evidence)
        .map(|kind| kind.kind.to_owned())
        .chain(
            contract
                .file
                .evidence_kinds
                .iter()
                .map(|kind| kind.kind.clone()),
        )
        .collect()
}

fn fact(record: &Record) -> Fact {
    Fact {
        seq: record.seq,
        at: record.at,
        kind: record.kind.clone(),
        subject: record.subject.clone(),
        payload: record.payload.value(),
    }
}
