//! Counters: hours, visits or points of a period against a cap, with carry-over and what is open.

use std::collections::BTreeMap;

use jiff::civil::Date;
use mamori_kernel::period::Period;
use serde::{Deserialize, Serialize};

use super::data::Tally;
use crate::language::{Carry, CarryWord, Category, Counter, Counts};
use crate::model::period_kind;

/// A counter for one period, in its own unit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CounterState {
    /// The period.
    pub period: Period,
    /// What counts.
    pub counted: f64,
    /// What does not count.
    pub excluded: f64,
    /// What the text leaves open.
    pub undecided: f64,
    /// The cap of the period, without what was carried over.
    pub cap: Option<f64>,
    /// What was carried over from earlier periods.
    pub carried: f64,
    /// What counts beyond cap and carried.
    pub over: f64,
    /// What it would be beyond if all that is open counted.
    pub over_if_all: f64,
    /// Amount by category.
    pub categories: BTreeMap<String, f64>,
    /// Unit.
    pub unit: String,
}

/// Whether a group counts: the record's own word, then the city's decision, then the category.
pub fn group_counts(
    group: &str,
    categories: &BTreeMap<String, Category>,
    settled: &BTreeMap<String, Counts>,
) -> Counts {
    let (category, own) = group.split_once('\n').unwrap_or((group, ""));
    match own {
        "yes" => return Counts::Yes,
        "no" => return Counts::No,
        _ => {}
    }
    settled
        .get(category)
        .copied()
        .or_else(|| categories.get(category).map(|category| category.counts))
        .unwrap_or(if category.is_empty() && own.is_empty() {
            Counts::Yes
        } else {
            Counts::Undecided
        })
}

/// The counter over one period, without carry-over.
fn plain(
    counter: &Counter,
    tally: &Tally,
    period: Period,
    cap: Option<f64>,
    categories: &BTreeMap<String, Category>,
    settled: &BTreeMap<String, Counts>,
) -> CounterState {
    let mut state = CounterState {
        period,
        counted: 0.0,
        excluded: 0.0,
        undecided: 0.0,
        cap,
        carried: 0.0,
        over: 0.0,
        over_if_all: 0.0,
        categories: BTreeMap::new(),
        unit: counter.unit.clone().unwrap_or_default(),
    };
    for (group, (_, sum)) in tally.sum(period.first(), period.last()).groups {
        let name = group.split('\n').next().unwrap_or_default().to_owned();
        *state.categories.entry(name).or_default() += sum;
        match group_counts(&group, categories, settled) {
            Counts::Yes => state.counted += sum,
            Counts::No => state.excluded += sum,
            Counts::Undecided => state.undecided += sum,
        }
    }
    state
}

/// The counter for a period, carry-over included.
pub fn counter_state(
    counter: &Counter,
    tally: &Tally,
    period: Period,
    term_first: Date,
    cap: impl Fn(Period) -> Option<f64>,
    categories: &BTreeMap<String, Category>,
    settled: impl Fn(Period) -> BTreeMap<String, Counts>,
) -> CounterState {
    let of = |period: Period| {
        plain(
            counter,
            tally,
            period,
            cap(period),
            categories,
            &settled(period),
        )
    };
    let mut state = of(period);
    let (most, life) = match counter.carry {
        Carry::Word(CarryWord::None) => (0.0, 0),
        Carry::Word(CarryWord::Next) => (f64::MAX, 1),
        Carry::Limited(limit) => (limit.at_most, limit.periods.unwrap_or(1)),
    };
    if life > 0 && period_kind(counter.per).is_some() {
        // From the first period of the term on: what is left, used oldest first, each rest living
        // for `life` periods.
        let mut chain: Vec<Period> =
            std::iter::successors(period.previous(), |earlier| earlier.previous())
                .take_while(|earlier| earlier.last() >= term_first)
                .collect();
        chain.reverse();
        let mut rests: Vec<(u32, f64)> = Vec::new();
        for earlier in chain {
            let past = of(earlier);
            let mut need = (past.counted - past.cap.unwrap_or(0.0)).max(0.0);
            for (_, rest) in &mut rests {
                let used = need.min(*rest);
                *rest -= used;
                need -= used;
            }
            let fresh = (past.cap.unwrap_or(0.0) - past.counted).max(0.0).min(most);
            rests.retain_mut(|(left, _)| {
                *left -= 1;
                *left > 0
            });
            rests.push((life, fresh));
        }
        state.carried = rests.iter().map(|(_, rest)| rest).sum::<f64>().min(most);
    }
    if let Some(cap) = state.cap {
        state.over = (state.counted - cap - state.carried).max(0.0);
        state.over_if_all = (state.counted + state.undecided - cap - state.carried).max(0.0);
    }
    state
}
