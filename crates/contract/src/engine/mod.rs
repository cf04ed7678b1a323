//! The engine: facts in, verdicts out, incrementally.
//!
//! A fact touches the meters whose questions name its kind; each meter keeps aggregates, never
//! records, so that a fact costs the same after a million others. Verdicts are formed from the
//! aggregates when they are asked for and kept until a fact or the clock touches them. The whole
//! engine but the contract can be written as a snapshot and restored without replay.
//!
//! Facts are fed in the order of their `seq`; what they tell may be of any earlier day. Not here:
//! reading the ledger (crate `store`), the clock (callers `advance` the engine).

mod build;
mod counter;
mod data;
mod events;
mod fact;
mod form;
mod gates;
mod judge;
mod limits;
mod meter;
mod papers;
mod snapshot;
mod state;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use mamori_kernel::clock::tokyo_midnight;
use mamori_kernel::period::Period;
use serde::{Deserialize, Serialize};

pub use counter::CounterState;
pub use fact::{Fact, Moment};
pub use gates::{Approval, Extension, GateState, Gatebook};
pub use snapshot::SnapshotError;
pub use state::{Candidate, Figure, PeriodState, State, Verdict};

use self::fact::read_date;
use self::meter::{Action, Meter, Port, Question};
use crate::kinds::glob;
use crate::language::Select;
use crate::model::Contract;

/// A decision on an ambiguity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Settled {
    reading: usize,
    from: Date,
    seq: u64,
}

/// One reading of one version of an obligation, with its meters.
#[derive(Debug)]
struct Variant {
    version: usize,
    reading: crate::model::Reading,
    /// Meters of the parts, in order: evidence, gates, thresholds, counter.
    parts: Vec<usize>,
    /// Meters of our own targets.
    internal: Vec<usize>,
    /// Thresholds that compute money, with the number of the part they follow.
    money: Vec<crate::language::Threshold>,
}

/// An obligation as the engine holds it.
#[derive(Debug)]
struct Unit {
    key: String,
    variants: Vec<Variant>,
    periods: Vec<Period>,
    /// Units whose verdict depends on this one.
    followers: Vec<usize>,
    rolls_up: bool,
}

/// Verdicts kept until something touches them.
#[derive(Debug, Clone)]
struct Kept {
    state: Arc<State>,
    until: Timestamp,
}

/// The engine of one contract.
#[derive(Debug)]
pub struct Engine {
    contract: Arc<Contract>,
    /// Kinds that something in this installation writes.
    written: BTreeSet<String>,
    /// Kinds of which a record was seen.
    seen: BTreeSet<String>,
    meters: Vec<Meter>,
    users: Vec<Vec<usize>>,
    units: Vec<Unit>,
    by_key: BTreeMap<String, usize>,
    by_gate: BTreeMap<String, Vec<usize>>,
    doors: Vec<(usize, Port, Select)>,
    routes: HashMap<String, Arc<[(usize, Action)]>>,
    gates: Gatebook,
    settled: BTreeMap<usize, Vec<Settled>>,
    now: Moment,
    last_seq: u64,
    kept: Vec<Option<Kept>>,
}

impl Engine {
    /// An engine that has seen nothing. `written` are the kinds that this installation writes;
    /// kinds the contract declares itself count too, for people can write them.
    pub fn new<T: Into<String>>(
        contract: Arc<Contract>,
        written: impl IntoIterator<Item = T>,
    ) -> Self {
        let mut engine = Self {
            written: written
                .into_iter()
                .map(Into::into)
                .chain(
                    contract
                        .file
                        .evidence_kinds
                        .iter()
                        .map(|kind| kind.kind.clone()),
                )
                .collect(),
            seen: BTreeSet::new(),
            meters: Vec::new(),
            users: Vec::new(),
            units: Vec::new(),
            by_key: BTreeMap::new(),
            by_gate: BTreeMap::new(),
            doors: Vec::new(),
            routes: HashMap::new(),
            gates: Gatebook::default(),
            settled: BTreeMap::new(),
            now: Moment::exactly(tokyo_midnight(contract.term.first())),
            last_seq: 0,
            kept: Vec::new(),
            contract,
        };
        engine.build();
        engine
    }

    /// The contract.
    pub fn contract(&self) -> &Arc<Contract> {
        &self.contract
    }

    /// Number of the last record taken.
    pub fn last_seq(&self) -> u64 {
        self.last_seq
    }

    /// The present as the engine knows it.
    pub fn now(&self) -> Timestamp {
        self.now.at
    }

    /// Where a kind goes; worked out once per kind.
    fn route(&mut self, kind: &str) -> Arc<[(usize, Action)]> {
        if let Some(route) = self.routes.get(kind) {
            return Arc::clone(route);
        }
        let kinds = &self.contract.kinds;
        let fits = |of: &Select, name: &str| of.kinds().iter().any(|pattern| glob(pattern, name));
        let keeps = kinds
            .get(kind)
            .is_some_and(|info| info.corrected_by.is_some() || info.withdrawn_by.is_some());
        let route: Arc<[(usize, Action)]> = self
            .doors
            .iter()
            .enumerate()
            .filter_map(|(door, (_, _, of))| {
                let base = |pick: fn(&crate::kinds::KindInfo) -> Option<&str>| {
                    kinds
                        .names()
                        .any(|name| fits(of, name) && kinds.get(name).and_then(pick) == Some(kind))
                };
                if base(|info| info.withdrawn_by.as_deref()) {
                    Some((door, Action::Withdraw))
                } else if base(|info| info.corrected_by.as_deref()) {
                    Some((door, Action::Keep))
                } else if fits(of, kind) {
                    Some((door, if keeps { Action::Keep } else { Action::Take }))
                } else {
                    None
                }
            })
            .collect();
        self.routes.insert(kind.to_owned(), Arc::clone(&route));
        route
    }

    /// Takes a fact; returns the keys of the obligations it touched. A fact that was already taken
    /// (its `seq` is not newer) changes nothing.
    pub fn apply(&mut self, fact: &Fact) -> Vec<String> {
        if fact.seq <= self.last_seq {
            return Vec::new();
        }
        self.last_seq = fact.seq;
        if fact.at > self.now.at {
            // A record cannot be older than the present.
            self.advance(fact.at);
        }
        let mut touched: BTreeSet<usize> = BTreeSet::new();
        if !self.seen.contains(&fact.kind) {
            // The first record of a kind shows that something writes it.
            self.seen.insert(fact.kind.clone());
            touched.extend(0..self.units.len());
        }
        let route = self.route(&fact.kind);
        for (door, action) in route.iter() {
            let (meter, port, of) = &self.doors[*door];
            if self.meters[*meter].take(*port, of, *action, fact, &self.contract) {
                touched.extend(&self.users[*meter]);
            }
        }
        if Gatebook::concerns(&fact.kind) {
            let field = self
                .contract
                .kinds
                .get(&fact.kind)
                .and_then(|info| info.date.as_deref());
            let extensions = self.gates.extensions.len();
            if let Some(gate) = self.gates.take(fact, field) {
                touched.extend(self.by_gate.get(&gate).into_iter().flatten());
            }
            for extension in &self.gates.extensions[extensions..] {
                touched.extend(self.by_key.get(&extension.obligation));
            }
        }
        if fact.kind == "contract.reading" {
            touched.extend(self.settle(fact));
        }
        self.touch(&touched);
        touched
            .iter()
            .map(|unit| self.units[*unit].key.clone())
            .collect()
    }

    fn touch(&mut self, units: &BTreeSet<usize>) {
        let mut todo: Vec<usize> = units.iter().copied().collect();
        let mut done = BTreeSet::new();
        while let Some(unit) = todo.pop() {
            if done.insert(unit) {
                self.kept[unit] = None;
                todo.extend(&self.units[unit].followers);
            }
        }
    }

    fn settle(&mut self, fact: &Fact) -> Vec<usize> {
        let Some(note) = fact.text("note") else {
            return Vec::new();
        };
        let Some(index) = self
            .contract
            .file
            .ambiguity
            .iter()
            .position(|each| each.key == note)
        else {
            return Vec::new();
        };
        let ambiguity = &self.contract.file.ambiguity[index];
        let chosen = fact.text("reading");
        let Some(reading) = ambiguity
            .reading
            .iter()
            .position(|each| Some(&each.key) == chosen.as_ref())
        else {
            return Vec::new();
        };
        let from = fact
            .value("from")
            .and_then(read_date)
            .unwrap_or_else(|| fact.when(None).day);
        let list = self.settled.entry(index).or_default();
        list.push(Settled {
            reading,
            from,
            seq: fact.seq,
        });
        list.sort_by_key(|settled| (settled.from, settled.seq));
        (0..self.units.len()).collect()
    }

    /// The reading the city chose for a period, if it has.
    fn settled_for(&self, ambiguity: usize, period: Period) -> Option<usize> {
        let list = self.settled.get(&ambiguity)?;
        list.iter()
            .rev()
            .find(|settled| settled.from <= period.last())
            .map(|settled| settled.reading)
    }

    /// Moves the clock; verdicts that time alone changes are formed anew when asked for. A clock
    /// that goes back is followed too: everything is then judged as of that moment.
    pub fn advance(&mut self, now: Timestamp) {
        let back = now < self.now.at;
        self.now = Moment::exactly(now);
        for kept in &mut self.kept {
            if back || kept.as_ref().is_some_and(|kept| kept.until <= now) {
                *kept = None;
            }
        }
    }

    /// The state of an obligation; none for rules, permissions and unknown keys.
    pub fn state(&mut self, key: &str) -> Option<State> {
        let unit = *self.by_key.get(key)?;
        Some((*self.state_of(unit)).clone())
    }

    /// The states of all duties and prohibitions, by key.
    pub fn states(&mut self) -> Vec<Arc<State>> {
        for unit in 0..self.units.len() {
            self.ensure(unit, &mut Vec::new());
        }
        self.kept
            .iter()
            .flatten()
            .map(|kept| Arc::clone(&kept.state))
            .collect()
    }

    fn state_of(&mut self, unit: usize) -> Arc<State> {
        self.ensure(unit, &mut Vec::new());
        let kept = self.kept[unit].as_ref().expect("formed just now");
        Arc::clone(&kept.state)
    }

    /// Forms a state if none is kept, those it rolls up first.
    fn ensure(&mut self, unit: usize, path: &mut Vec<usize>) {
        if self.kept[unit].is_some() || path.contains(&unit) {
            return;
        }
        let mut soonest = Timestamp::MAX;
        if self.units[unit].rolls_up {
            path.push(unit);
            for other in 0..self.units.len() {
                if other != unit && self.units[other].followers.contains(&unit) {
                    self.ensure(other, path);
                    soonest = self.kept[other]
                        .as_ref()
                        .map_or(soonest, |kept| soonest.min(kept.until));
                }
            }
            path.pop();
        }
        let (state, until) = self.form(unit);
        self.kept[unit] = Some(Kept {
            state: Arc::new(state),
            until: until.min(soonest),
        });
    }

    /// A counter for a period.
    pub fn counter(&self, name: &str, period: Period) -> Option<CounterState> {
        let counter = self.contract.counter(name)?;
        let meter = self.meters.iter().find(
            |meter| matches!(&meter.spec.question, Question::Counter(each) if each == name),
        )?;
        Some(counter::counter_state(
            counter,
            &meter.data.tally,
            period,
            self.contract.term.first(),
            |period| {
                self.contract
                    .number(&counter.cap, self.contract.version_for(period))
            },
            &self.contract.file.categories,
            |period| self.settled_categories(period),
        ))
    }

    /// What waits at a gate and what passed it.
    pub fn gate(&self, key: &str) -> Option<GateState> {
        let gate = self.contract.gate(key)?;
        Some(self.gates.state(key, Some(gate), self.now))
    }

    /// All approvals and extensions.
    pub fn gatebook(&self) -> &Gatebook {
        &self.gates
    }
}
