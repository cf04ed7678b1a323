//! The engine: facts in, verdicts out, incrementally.
//!
//! A fact touches the meters whose questions name its kind; each meter keeps aggregates, never
//! records, so that a fact costs the same after a million others. Verdicts are formed from the
//! aggregates when they are asked for and kept until a fact or the clock touches them. The whole
//! engine but the contract can be written as a snapshot and restored without replay.
//!
//! Facts are fed in the order of their `seq`; what they tell may be of any earlier day. Not here:
//! reading the ledger (crate `store`), the clock (callers `advance` the engine).

mod counter;
mod data;
mod events;
mod fact;
mod gates;
mod judge;
mod limits;
mod meter;
mod papers;
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
pub use state::{Candidate, Figure, PeriodState, State, Verdict};

use self::fact::read_date;
use self::judge::{Context, Part};
use self::meter::{Action, Data, Meter, Port, Question, Spec};
use crate::kinds::glob;
use crate::language::{Check, Counts, Deadline, Decide, Obligation, Rule, Select, Shape};
use crate::model::Contract;
use crate::rules::dates::{DueDay, NoDate, period_due};

/// Why a snapshot cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// Not a snapshot of this engine.
    #[error("写しを読めません。台帳から作り直してください (unreadable snapshot): {0}")]
    Unreadable(#[from] serde_json::Error),
    /// Taken under another contract file or another version of the engine.
    #[error(
        "写しは今の契約と合いません。台帳から作り直してください (snapshot of another contract)"
    )]
    OtherContract,
}

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

/// What a snapshot holds.
#[derive(Serialize, Deserialize)]
struct Snapshot<'a> {
    fingerprint: String,
    now: Timestamp,
    last_seq: u64,
    seen: std::borrow::Cow<'a, BTreeSet<String>>,
    written: std::borrow::Cow<'a, BTreeSet<String>>,
    gates: std::borrow::Cow<'a, Gatebook>,
    settled: std::borrow::Cow<'a, BTreeMap<usize, Vec<Settled>>>,
    data: Vec<std::borrow::Cow<'a, Data>>,
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

    fn build(&mut self) {
        let contract = Arc::clone(&self.contract);
        let mut known: HashMap<String, usize> = HashMap::new();
        for key in contract.keys() {
            let Some(latest) = contract.latest(key) else {
                continue;
            };
            if !latest.type_.is_judged() {
                continue;
            }
            let unit = self.units.len();
            let mut variants = Vec::new();
            for version in 0..contract.versions.len() {
                for reading in contract.readings(key, version) {
                    variants.push(self.variant(unit, version, reading, &mut known));
                }
            }
            let periods = if variants
                .iter()
                .any(|variant| once(&variant.reading.obligation))
            {
                // A date that does not depend on a period is judged once, over the term.
                contract.due_periods(latest)
            } else {
                contract.periods(latest)
            };
            let rolls_up = variants.iter().any(|variant| {
                variant
                    .reading
                    .obligation
                    .evidence
                    .iter()
                    .any(|check| matches!(check, Check::Rollup { .. }))
            });
            self.by_key.insert(key.to_owned(), unit);
            self.units.push(Unit {
                key: key.to_owned(),
                variants,
                periods,
                followers: Vec::new(),
                rolls_up,
            });
        }
        for unit in 0..self.units.len() {
            for variant in &self.units[unit].variants {
                let obligation = &variant.reading.obligation;
                let internal = obligation.waiting.iter().flatten().chain(&obligation.gates);
                let asked = obligation.evidence.iter().filter_map(|check| match check {
                    Check::Gate { gate }
                    | Check::None {
                        unless_gate: Some(gate),
                        ..
                    } => Some(gate),
                    _ => None,
                });
                for gate in internal.chain(asked) {
                    let users = self.by_gate.entry(gate.clone()).or_default();
                    if users.last() != Some(&unit) {
                        users.push(unit);
                    }
                }
            }
        }
        self.link_rollups();
        for (index, meter) in self.meters.iter().enumerate() {
            self.doors.extend(
                meter
                    .spec
                    .ports(&contract)
                    .into_iter()
                    .map(|(port, of)| (index, port, of)),
            );
        }
        self.kept = vec![None; self.units.len()];
    }

    fn link_rollups(&mut self) {
        for unit in 0..self.units.len() {
            if !self.units[unit].rolls_up {
                continue;
            }
            let checks: Vec<Check> = self.units[unit]
                .variants
                .iter()
                .flat_map(|variant| variant.reading.obligation.evidence.clone())
                .collect();
            for check in checks {
                let Check::Rollup {
                    obligations,
                    clause,
                } = check
                else {
                    continue;
                };
                for other in 0..self.units.len() {
                    let key = &self.units[other].key;
                    let clause_fits = clause.as_deref().is_some_and(|clause| {
                        self.contract
                            .latest(key)
                            .is_some_and(|each| each.clause.starts_with(clause))
                    });
                    if other != unit
                        && (clause_fits || obligations.contains(key))
                        && !self.units[other].followers.contains(&unit)
                    {
                        self.units[other].followers.push(unit);
                    }
                }
            }
        }
    }

    fn meter(&mut self, unit: usize, spec: Spec, known: &mut HashMap<String, usize>) -> usize {
        let name = serde_json::to_string(&spec).expect("a question is plain data");
        let meters = &mut self.meters;
        let index = *known.entry(name).or_insert_with(|| {
            meters.push(Meter {
                spec,
                data: Data::default(),
            });
            meters.len() - 1
        });
        if self.users.len() <= index {
            self.users.resize(index + 1, Vec::new());
        }
        if !self.users[index].contains(&unit) {
            self.users[index].push(unit);
        }
        index
    }

    fn variant(
        &mut self,
        unit: usize,
        version: usize,
        reading: crate::model::Reading,
        known: &mut HashMap<String, usize>,
    ) -> Variant {
        let obligation = Arc::clone(&reading.obligation);
        let mut parts = Vec::new();
        let mut money = Vec::new();
        let plain = |question: Question| Spec {
            question,
            obligation: None,
            window: None,
            unless: None,
            deliverable: None,
        };
        for check in &obligation.evidence {
            parts.push(self.meter(unit, check_spec(check, &obligation), known));
        }
        for gate in &obligation.gates {
            let asked = obligation
                .evidence
                .iter()
                .any(|check| matches!(check, Check::Gate { gate: named } if named == gate));
            if !asked {
                let check = Check::Gate { gate: gate.clone() };
                parts.push(self.meter(unit, plain(Question::Check(check)), known));
            }
        }
        for threshold in &obligation.thresholds {
            if matches!(
                threshold.shape,
                Shape::PenaltyMoney { .. } | Shape::LateInterest { .. }
            ) {
                money.push(threshold.clone());
            } else {
                parts.push(self.meter(
                    unit,
                    plain(Question::Threshold(Box::new(threshold.clone()))),
                    known,
                ));
            }
        }
        if let Some(counter) = &obligation.counter {
            parts.push(self.meter(unit, plain(Question::Counter(counter.clone())), known));
        }
        let targets = obligation
            .internal
            .iter()
            .flat_map(|internal| internal.thresholds.clone());
        let internal = targets
            .map(|each| self.meter(unit, plain(Question::Threshold(Box::new(each))), known))
            .collect();
        Variant {
            version,
            reading,
            parts,
            internal,
            money,
        }
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

    fn form(&self, unit: usize) -> (State, Timestamp) {
        let unit = &self.units[unit];
        let mut until = self
            .now
            .day
            .tomorrow()
            .map_or(Timestamp::MAX, tokyo_midnight);
        let mut periods = Vec::new();
        for period in &unit.periods {
            if let Some((state, next)) = self.form_period(unit, *period) {
                until = next.map_or(until, |next| until.min(next));
                periods.push(state);
            }
        }
        let begun = |state: &&PeriodState| {
            state.period.first() <= self.now.day || state.verdict != Verdict::Pending
        };
        let shown: Vec<&PeriodState> = periods.iter().filter(begun).collect();
        // A period that is not due yet does not hide those that are done.
        let verdict = shown
            .iter()
            .map(|state| state.verdict)
            .max_by_key(|verdict| match verdict {
                Verdict::NotApplicable => 0,
                Verdict::Pending => 1,
                other => *other as u8 + 2,
            })
            .unwrap_or(Verdict::Pending);
        let deciding = shown.iter().rev().filter(|state| state.verdict == verdict);
        let reasons = deciding
            .take(3)
            .flat_map(|state| {
                state
                    .reasons
                    .iter()
                    .map(|reason| format!("{}: {reason}", state.period.japanese()))
            })
            .collect();
        let current = periods
            .iter()
            .find(|state| state.period.contains(self.now.day));
        let next_due = periods
            .iter()
            .filter(|state| {
                matches!(
                    state.verdict,
                    Verdict::Pending | Verdict::Unmeasured | Verdict::Undecided
                )
            })
            .filter_map(|state| state.due)
            .filter(|due| *due >= self.now.day)
            .min();
        let state = State {
            key: unit.key.clone(),
            verdict,
            current: current.map(|state| state.verdict),
            reasons,
            warnings: current
                .map(|state| state.warnings.clone())
                .unwrap_or_default(),
            next_due,
            periods,
        };
        (state, until)
    }

    /// The verdict of one period under every reading still open.
    fn form_period(&self, unit: &Unit, period: Period) -> Option<(PeriodState, Option<Timestamp>)> {
        let version = self.contract.version_for(period);
        let variants: Vec<&Variant> = unit
            .variants
            .iter()
            .filter(|variant| variant.version == version)
            .collect();
        let open: Vec<&Variant> = variants
            .iter()
            .copied()
            .filter(|variant| {
                variant.reading.choice.iter().all(|(ambiguity, reading)| {
                    if let Some(chosen) = self.settled_for(*ambiguity, period) {
                        return chosen == *reading;
                    }
                    let each = &self.contract.file.ambiguity[*ambiguity];
                    let working = each
                        .working
                        .as_ref()
                        .and_then(|key| each.reading.iter().position(|r| r.key == *key));
                    each.decide == Decide::AllReadings || working.unwrap_or(0) == *reading
                })
            })
            .collect();
        let first = open.first().or(variants.first())?;
        let (mut state, mut next) = self.judge(unit, first, period);
        let mut candidates = vec![(first, state.verdict)];
        for variant in open.iter().skip(1) {
            let (other, other_next) = self.judge(unit, variant, period);
            next = [next, other_next].into_iter().flatten().min();
            candidates.push((variant, other.verdict));
        }
        if candidates
            .iter()
            .any(|(_, verdict)| *verdict != candidates[0].1)
        {
            self.undecide(&mut state, &candidates);
        }
        Some((state, next))
    }

    fn undecide(&self, state: &mut PeriodState, candidates: &[(&&Variant, Verdict)]) {
        state.verdict = Verdict::Undecided;
        let base = &candidates[0].0.reading.choice;
        for (variant, verdict) in candidates {
            // Name the reading that sets this variant apart; for the first, its own ones.
            let apart = variant
                .reading
                .choice
                .iter()
                .zip(base)
                .find(|(a, b)| a != b)
                .map(|(a, _)| *a);
            let Some((ambiguity, reading)) = apart.or_else(|| {
                let differs = candidates.iter().find_map(|(other, _)| {
                    other
                        .reading
                        .choice
                        .iter()
                        .zip(base)
                        .find(|(a, b)| a != b)
                        .map(|(_, b)| *b)
                });
                differs.or_else(|| base.first().copied())
            }) else {
                continue;
            };
            let ambiguity = &self.contract.file.ambiguity[ambiguity];
            let reading = &ambiguity.reading[reading];
            state.candidates.push(Candidate {
                note: ambiguity.key.clone(),
                reading: reading.key.clone(),
                title: reading.title.clone(),
                verdict: *verdict,
            });
            if let Some(question) = &ambiguity.question
                && !state.questions.contains(question)
            {
                state.questions.push(question.clone());
            }
        }
        let words: Vec<String> = state
            .candidates
            .iter()
            .map(|each| format!("「{}」なら{}", each.title, each.verdict.japanese()))
            .collect();
        state.reasons.insert(
            0,
            format!("仕様書の読みで結果が分かれます: {}", words.join("、")),
        );
    }

    /// The verdict of one period under one reading.
    fn judge(
        &self,
        unit: &Unit,
        variant: &Variant,
        period: Period,
    ) -> (PeriodState, Option<Timestamp>) {
        let obligation = &variant.reading.obligation;
        let book = &variant.reading.book;
        let term = self.contract.term;
        let active = obligation.active.clone().unwrap_or_default();
        let first = period
            .first()
            .max(term.first())
            .max(active.from.map_or(Date::MIN, |day| day.0));
        let last = period
            .last()
            .min(term.last())
            .min(active.to.map_or(Date::MAX, |day| day.0));
        let due = self.due(unit, obligation.deadline.as_ref(), period, variant);
        let (due_day, due_reason, due_unknown) = match &due {
            Some(Ok(day)) => (
                Some(day.date),
                day.moved.clone().or_else(|| day.exception.clone()),
                None,
            ),
            Some(Err(why)) => (None, None, Some(self.contract.unknown_ja(why))),
            None => (None, None, None),
        };
        let mut state = PeriodState {
            period,
            verdict: Verdict::Pending,
            due: due_day,
            due_reason,
            due_unknown,
            reasons: Vec::new(),
            warnings: Vec::new(),
            candidates: Vec::new(),
            questions: Vec::new(),
            evidence: Vec::new(),
            late_by_days: None,
            city_waiting_days: 0,
            figures: Vec::new(),
        };
        if self.now.day < first {
            state.reasons.push("まだ始まっていない期間です".into());
            return (state, None);
        }
        let written = |kind: &str| self.is_written(kind);
        let others = |key: &str| self.other(unit, key, period);
        let settled_categories = |period: Period| self.settled_categories(period);
        let context = Context {
            contract: &self.contract,
            book,
            obligation,
            period,
            first,
            last,
            now: self.now,
            due,
            gates: &self.gates,
            written: &written,
            others: &others,
            settled_categories: &settled_categories,
        };
        let mut total = Part::new(Verdict::NotApplicable, "");
        let mut decided = false;
        let mut thresholds = Vec::new();
        for index in &variant.parts {
            let meter = &self.meters[*index];
            let part = context.judge(&meter.spec, &meter.data);
            decided = true;
            if matches!(meter.spec.question, Question::Threshold(_)) {
                thresholds.extend(part.figures.first().cloned());
            }
            merge(&mut total, part);
        }
        if !decided {
            total = Part::new(
                Verdict::Unmeasured,
                "この義務を確かめる証跡が契約ファイルにありません",
            );
        }
        for threshold in &variant.money {
            total
                .figures
                .extend(context.money(threshold, &thresholds, total.late));
        }
        self.internal(variant, &context, obligation, &mut total);
        for word in &obligation.soft {
            if total.verdict == Verdict::NotMet {
                total.warnings.push(format!("仕様書の語は「{word}」です"));
            }
        }
        state.verdict = total.verdict;
        state.reasons = total.reasons;
        state.warnings = total.warnings;
        state.evidence = total.evidence;
        state.late_by_days = total.late;
        state.city_waiting_days = total.waiting;
        state.figures = total.figures;
        (state, total.next)
    }

    /// Our own targets: warnings, never verdicts.
    fn internal(
        &self,
        variant: &Variant,
        context: &Context<'_>,
        obligation: &Obligation,
        total: &mut Part,
    ) {
        for index in &variant.internal {
            let meter = &self.meters[*index];
            let part = context.judge(&meter.spec, &meter.data);
            if part.verdict == Verdict::NotMet {
                total.warnings.push(format!(
                    "社内目標に届いていません: {}",
                    part.reasons.join("、")
                ));
            }
            total
                .figures
                .extend(part.figures.into_iter().map(|figure| Figure {
                    internal: true,
                    ..figure
                }));
        }
        let target = obligation
            .internal
            .as_ref()
            .and_then(|internal| internal.deadline.as_ref())
            .and_then(|deadline| period_due(&deadline.rule, context.period, context.book).ok());
        if let Some(target) = target
            && self.now.day > target.date
            && matches!(total.verdict, Verdict::Pending)
        {
            total
                .warnings
                .push(format!("社内目標の日 {} を過ぎています", target.date));
        }
    }

    /// The due day of a period: an extension granted, an override of the contract, or the rule.
    fn due(
        &self,
        unit: &Unit,
        deadline: Option<&Deadline>,
        period: Period,
        variant: &Variant,
    ) -> Option<Result<DueDay, NoDate>> {
        let name = period.to_string();
        let named =
            |text: &str| text == name || (text == "term" && matches!(period, Period::Term(_)));
        let extension = self
            .gates
            .extensions
            .iter()
            .rev()
            .find(|each| each.obligation == unit.key && named(&each.period));
        if let Some(extension) = extension {
            let exception = format!("延長（{}、{}）", extension.by, extension.on);
            return Some(Ok(DueDay {
                date: extension.due,
                moved: None,
                exception: Some(exception),
            }));
        }
        if let Some(due) = self.contract.override_of(&unit.key, period) {
            return Some(Ok(due));
        }
        match period_due(&deadline?.rule, period, &variant.reading.book) {
            Err(NoDate::NotDated) => None,
            other => Some(other),
        }
    }

    fn is_written(&self, pattern: &str) -> bool {
        if pattern.contains('*') {
            self.written
                .iter()
                .chain(&self.seen)
                .any(|kind| glob(pattern, kind))
        } else {
            self.written.contains(pattern) || self.seen.contains(pattern)
        }
    }

    /// The verdict of another obligation for a period: that period's, or the one that holds its end.
    /// A roll-up does not count a roll-up that counts it.
    fn other(&self, unit: &Unit, key: &str, period: Period) -> Option<Verdict> {
        let other = *self.by_key.get(key)?;
        if self.units[other].rolls_up && unit.followers.contains(&other) {
            return None;
        }
        let kept = self.kept[other].as_ref()?;
        let state = &kept.state;
        let day = period.last().min(self.now.day);
        let found = state
            .period(period)
            .or_else(|| state.periods.iter().find(|each| each.period.contains(day)));
        found.map(|each| each.verdict)
    }

    fn settled_categories(&self, period: Period) -> BTreeMap<String, Counts> {
        let mut all = BTreeMap::new();
        for ambiguity in self.settled.keys() {
            if let Some(reading) = self.settled_for(*ambiguity, period) {
                all.extend(
                    self.contract.file.ambiguity[*ambiguity].reading[reading]
                        .categories
                        .clone(),
                );
            }
        }
        all
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

    fn fingerprint(&self) -> String {
        // Meters in their order are what the data belongs to.
        let names: Vec<String> = self
            .meters
            .iter()
            .map(|meter| serde_json::to_string(&meter.spec).expect("a question is plain data"))
            .collect();
        let length: usize = names.iter().map(String::len).sum();
        let sum = names
            .iter()
            .flat_map(|name| name.bytes())
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
            });
        format!(
            "1:{}:{}:{length}:{sum:016x}",
            self.contract.file.contract.id,
            self.meters.len()
        )
    }

    /// The whole engine but the contract, as JSON.
    pub fn snapshot(&self) -> String {
        use std::borrow::Cow;
        let snapshot = Snapshot {
            fingerprint: self.fingerprint(),
            now: self.now.at,
            last_seq: self.last_seq,
            seen: Cow::Borrowed(&self.seen),
            written: Cow::Borrowed(&self.written),
            gates: Cow::Borrowed(&self.gates),
            settled: Cow::Borrowed(&self.settled),
            data: self
                .meters
                .iter()
                .map(|meter| Cow::Borrowed(&meter.data))
                .collect(),
        };
        serde_json::to_string(&snapshot).expect("aggregates are plain data")
    }

    /// An engine from a snapshot of the same contract.
    pub fn restore(contract: Arc<Contract>, snapshot: &str) -> Result<Self, SnapshotError> {
        let stored: Snapshot<'_> = serde_json::from_str(snapshot)?;
        let mut engine = Self::new(contract, stored.written.into_owned());
        if engine.fingerprint() != stored.fingerprint || engine.meters.len() != stored.data.len() {
            return Err(SnapshotError::OtherContract);
        }
        for (meter, data) in engine.meters.iter_mut().zip(stored.data) {
            meter.data = data.into_owned();
        }
        engine.seen = stored.seen.into_owned();
        engine.gates = stored.gates.into_owned();
        engine.settled = stored.settled.into_owned();
        engine.last_seq = stored.last_seq;
        engine.advance(stored.now);
        Ok(engine)
    }
}

/// Whether the duty's date does not depend on a period.
fn once(obligation: &Obligation) -> bool {
    matches!(
        obligation.deadline.as_ref().map(|deadline| &deadline.rule),
        Some(Rule::Fixed { .. } | Rule::AfterDate { .. } | Rule::EndOfTerm { .. })
    )
}

fn check_spec(check: &Check, obligation: &Obligation) -> Spec {
    let rule = obligation.deadline.as_ref().map(|deadline| &deadline.rule);
    let own = matches!(
        check,
        Check::Attestation { .. } | Check::Record { .. } | Check::Rollup { .. }
    );
    let window = match (check, rule) {
        (
            Check::Each { .. },
            Some(Rule::Window {
                hours,
                principle,
                reason,
            }),
        ) => Some((hours.clone(), *principle, reason.clone())),
        _ => None,
    };
    let unless = match (check, rule) {
        (Check::Exists { .. } | Check::Record { .. }, Some(Rule::AtLeast { unless, .. })) => {
            unless.clone()
        }
        _ => None,
    };
    let deliverable = match check {
        Check::Document { deliverable, .. } => deliverable
            .clone()
            .or_else(|| obligation.deliverable.clone()),
        _ => None,
    };
    Spec {
        question: Question::Check(check.clone()),
        obligation: own.then(|| obligation.key.clone()),
        window,
        unless,
        deliverable,
    }
}

/// The worst part decides; its reasons lead, records and figures of all are kept.
fn merge(total: &mut Part, part: Part) {
    let rank = |verdict: Verdict| verdict;
    match rank(part.verdict).cmp(&rank(total.verdict)) {
        std::cmp::Ordering::Greater => {
            total.verdict = part.verdict;
            total.reasons = part.reasons;
        }
        std::cmp::Ordering::Equal => total.reasons.extend(part.reasons),
        std::cmp::Ordering::Less => {}
    }
    total.warnings.extend(part.warnings);
    let joined = Part::new(Verdict::Met, "").from(total.evidence.drain(..).chain(part.evidence));
    total.evidence = joined.evidence;
    total.late = total.late.max(part.late);
    total.waiting = total.waiting.max(part.waiting);
    total.figures.extend(part.figures);
    total.next = [total.next, part.next].into_iter().flatten().min();
}
