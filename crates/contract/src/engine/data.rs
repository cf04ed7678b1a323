//! What meters keep of the facts they have seen: aggregates by month, newest records, pairs.
//!
//! Everything here is serialised in snapshots. Sizes follow months, distinct things and events,
//! not records; only what may be corrected later keeps an entry per thing.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;
use mamori_kernel::period::YearMonth;
use serde::{Deserialize, Serialize};

use super::fact::Moment;

/// Months counted from year 0; orders and serialises plainly.
pub type MonthIndex = i32;

/// The month of a day.
pub fn month_index(day: Date) -> MonthIndex {
    i32::from(day.year()) * 12 + i32::from(day.month()) - 1
}

/// The last day of a month.
pub fn month_last(index: MonthIndex) -> Date {
    let year = index.div_euclid(12) as i16;
    let month = index.rem_euclid(12) as i8 + 1;
    YearMonth::new(year, month).map_or(Date::MAX, YearMonth::last)
}

const MOST_RECENT: usize = 8;
const MOST_BAD: usize = 16;

/// A record that breaks a rule, with its reason.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Bad {
    /// Number of the record.
    pub seq: u64,
    /// Day.
    pub day: Date,
    /// Why.
    pub why: String,
}

/// Sums of one month.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Bucket {
    /// Records.
    pub count: u64,
    /// Records that fulfil the conditions.
    pub good: u64,
    /// Sums of up to three fields.
    pub sums: [f64; 3],
    /// Smallest value of the first field.
    pub min: Option<f64>,
    /// Largest value of the first field.
    pub max: Option<f64>,
    /// Records by day of the month.
    pub days: BTreeMap<i8, u64>,
    /// Different values.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub distinct: BTreeSet<String>,
    /// Count and sum by group.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub groups: BTreeMap<String, (u64, f64)>,
    /// Newest record numbers.
    pub recent: Vec<u64>,
    /// Records that break the rule, newest.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub bad: Vec<Bad>,
    /// Records that may break it: a warning.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub doubtful: Vec<Bad>,
}

/// What one record adds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// Number of the record.
    pub seq: u64,
    /// Day.
    pub day: Date,
    /// Whether it fulfils the conditions.
    pub good: bool,
    /// Values.
    pub values: [f64; 3],
    /// Whether the first value was there.
    pub valued: bool,
    /// Different values.
    pub distinct: Vec<String>,
    /// Group.
    pub group: Option<String>,
    /// Why it breaks the rule.
    pub bad: Option<String>,
    /// Why it may break it.
    pub doubtful: Option<String>,
}

impl Part {
    /// A plain record.
    pub fn of(seq: u64, day: Date) -> Self {
        Self {
            seq,
            day,
            good: true,
            values: [0.0; 3],
            valued: false,
            distinct: Vec::new(),
            group: None,
            bad: None,
            doubtful: None,
        }
    }
}

/// Aggregates by month; things that may be corrected are kept one by one.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tally {
    /// By month.
    pub months: BTreeMap<MonthIndex, Bucket>,
    /// First day ever seen.
    pub first: Option<Date>,
    /// Correctable things: id → what the newest record of it adds (none: withdrawn), and its number.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub things: BTreeMap<String, (u64, Option<Part>)>,
}

fn keep_newest<T: Ord + Clone>(list: &mut Vec<T>, item: T, most: usize) {
    let at = list.binary_search(&item).unwrap_or_else(|at| at);
    list.insert(at, item);
    if list.len() > most {
        list.remove(0);
    }
}

impl Tally {
    /// Adds a record that is never corrected.
    pub fn add(&mut self, part: &Part) {
        self.first = Some(self.first.map_or(part.day, |first| first.min(part.day)));
        let bucket = self.months.entry(month_index(part.day)).or_default();
        bucket.count += 1;
        bucket.good += u64::from(part.good);
        for (sum, value) in bucket.sums.iter_mut().zip(part.values) {
            *sum += value;
        }
        if part.valued {
            let value = part.values[0];
            bucket.min = Some(bucket.min.map_or(value, |least| least.min(value)));
            bucket.max = Some(bucket.max.map_or(value, |most| most.max(value)));
        }
        *bucket.days.entry(part.day.day()).or_default() += 1;
        bucket.distinct.extend(part.distinct.iter().cloned());
        if let Some(group) = &part.group {
            let entry = bucket.groups.entry(group.clone()).or_default();
            entry.0 += 1;
            entry.1 += part.values[0];
        }
        keep_newest(&mut bucket.recent, part.seq, MOST_RECENT);
        if let Some(why) = &part.bad {
            keep_newest(
                &mut bucket.bad,
                Bad {
                    seq: part.seq,
                    day: part.day,
                    why: why.clone(),
                },
                MOST_BAD,
            );
        }
        if let Some(why) = &part.doubtful {
            keep_newest(
                &mut bucket.doubtful,
                Bad {
                    seq: part.seq,
                    day: part.day,
                    why: why.clone(),
                },
                MOST_BAD,
            );
        }
    }

    /// Puts the newest record of a correctable thing; `None` takes the thing back. An older record
    /// than the one known changes nothing, in whatever order they come.
    pub fn put(&mut self, id: String, seq: u64, part: Option<Part>) {
        if self.things.get(&id).is_some_and(|(known, _)| *known > seq) {
            return;
        }
        let touched: BTreeSet<MonthIndex> = self
            .things
            .get(&id)
            .and_then(|(_, old)| old.as_ref())
            .into_iter()
            .chain(part.as_ref())
            .map(|part| month_index(part.day))
            .collect();
        let new_only = self.things.get(&id).is_none_or(|(_, old)| old.is_none());
        self.things.insert(id, (seq, part.clone()));
        match (new_only, part) {
            (true, Some(part)) => self.add(&part),
            (true, None) => {}
            // A correction is rare: the touched months are built anew from the things in them, so
            // that smallest, largest and distinct values stay right.
            (false, _) => self.rebuild(&touched),
        }
    }

    fn rebuild(&mut self, months: &BTreeSet<MonthIndex>) {
        for month in months {
            self.months.remove(month);
        }
        let mut parts: Vec<Part> = self
            .things
            .values()
            .filter_map(|(_, part)| part.clone())
            .filter(|part| months.contains(&month_index(part.day)))
            .collect();
        parts.sort_by_key(|part| part.seq);
        for part in &parts {
            self.add(part);
        }
        self.first = self
            .things
            .values()
            .filter_map(|(_, part)| part.as_ref().map(|part| part.day))
            .min();
    }

    /// The buckets of the months from `first` to `last`.
    pub fn range(
        &self,
        first: Date,
        last: Date,
    ) -> impl DoubleEndedIterator<Item = (&MonthIndex, &Bucket)> {
        let (from, to) = (month_index(first), month_index(last));
        self.months.range(from..=to.max(from))
    }

    /// Records on days `first..=last`.
    pub fn count(&self, first: Date, last: Date) -> u64 {
        if last < first {
            return 0;
        }
        self.range(first, last)
            .map(|(month, bucket)| {
                let whole = month_index(first) < *month && *month < month_index(last);
                if whole {
                    return bucket.count;
                }
                bucket
                    .days
                    .iter()
                    .filter(|(day, _)| {
                        let day = month_last(*month)
                            .with()
                            .day(**day)
                            .build()
                            .unwrap_or(Date::MAX);
                        first <= day && day <= last
                    })
                    .map(|(_, count)| count)
                    .sum()
            })
            .sum()
    }

    /// Records on one day.
    pub fn on(&self, day: Date) -> u64 {
        self.months
            .get(&month_index(day))
            .and_then(|bucket| bucket.days.get(&day.day()))
            .copied()
            .unwrap_or(0)
    }

    /// The first days with records in `first..=last`, in order.
    pub fn days_in(&self, first: Date, last: Date) -> impl Iterator<Item = Date> {
        self.range(first, last)
            .flat_map(|(month, bucket)| {
                let end = month_last(*month);
                bucket
                    .days
                    .keys()
                    .filter_map(move |day| end.with().day(*day).build().ok())
            })
            .filter(move |day| first <= *day && *day <= last)
    }

    /// One bucket with all of `first..=last` (whole months).
    pub fn sum(&self, first: Date, last: Date) -> Bucket {
        let mut total = Bucket::default();
        for (_, bucket) in self.range(first, last) {
            total.count += bucket.count;
            total.good += bucket.good;
            for (sum, value) in total.sums.iter_mut().zip(bucket.sums) {
                *sum += value;
            }
            let pick = |a: Option<f64>, b: Option<f64>, f: fn(f64, f64) -> f64| match (a, b) {
                (Some(a), Some(b)) => Some(f(a, b)),
                (a, b) => a.or(b),
            };
            total.min = pick(total.min, bucket.min, f64::min);
            total.max = pick(total.max, bucket.max, f64::max);
            total.distinct.extend(bucket.distinct.iter().cloned());
            for (group, (count, sum)) in &bucket.groups {
                let entry = total.groups.entry(group.clone()).or_default();
                entry.0 += count;
                entry.1 += sum;
            }
            for seq in &bucket.recent {
                keep_newest(&mut total.recent, *seq, MOST_RECENT);
            }
            for bad in &bucket.bad {
                keep_newest(&mut total.bad, bad.clone(), MOST_BAD);
            }
            for bad in &bucket.doubtful {
                keep_newest(&mut total.doubtful, bad.clone(), MOST_BAD);
            }
        }
        total
    }
}

/// The newest record of something in a month.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Snap {
    /// When.
    pub when: Moment,
    /// Number of the record.
    pub seq: u64,
    /// Whether its conditions hold.
    pub ok: bool,
    /// Dates that must stay so many days away.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keep_away: Vec<(Date, i64)>,
    /// Value.
    pub value: Option<f64>,
    /// Text.
    pub text: Option<String>,
}

/// Newest records by value of a field, by month.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Latest {
    /// By value, by month.
    pub by: BTreeMap<String, BTreeMap<MonthIndex, Snap>>,
}

impl Latest {
    /// Takes a record if it is newer than the one of its month.
    pub fn put(&mut self, by: String, snap: Snap) {
        let months = self.by.entry(by).or_default();
        let month = month_index(snap.when.day);
        let newer = months
            .get(&month)
            .is_none_or(|known| (known.when, known.seq) <= (snap.when, snap.seq));
        if newer {
            months.insert(month, snap);
        }
    }

    /// The newest of a value not after a day's month.
    pub fn as_of(&self, by: &str, day: Date) -> Option<&Snap> {
        self.by
            .get(by)?
            .range(..=month_index(day))
            .next_back()
            .map(|(_, snap)| snap)
    }
}

/// A trigger and its answers.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Pair {
    /// The event.
    pub trigger: Option<(Moment, u64)>,
    /// Answers, earliest first.
    pub answers: Vec<(Moment, u64)>,
    /// When it was closed.
    pub closed: Option<Moment>,
}

/// A universe and what covers it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Covering {
    /// Elements: the newest list, or all single ones.
    pub universe: BTreeSet<String>,
    /// When the newest list came.
    pub listed: Option<(Moment, u64)>,
    /// Element → first day on which it was covered.
    pub covered: BTreeMap<String, Date>,
    /// Newest record numbers.
    pub recent: Vec<u64>,
}

impl Covering {
    /// Notes a record number.
    pub fn note(&mut self, seq: u64) {
        keep_newest(&mut self.recent, seq, MOST_RECENT);
    }
}

/// A paper with an expiry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Paper {
    /// When it was filed.
    pub filed: Moment,
    /// Number of the record.
    pub seq: u64,
    /// Issue date.
    pub issued: Option<Date>,
    /// Last day of validity.
    pub expires: Option<Date>,
    /// Whether it says that the row does not apply, and why.
    pub not_applicable: Option<String>,
    /// Issuer.
    pub issuer: String,
    /// When the city accepted it.
    pub accepted: Option<Moment>,
    /// When it was withdrawn.
    pub withdrawn: Option<Moment>,
}

/// The life of a document for one period.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Life {
    /// Rendered: when, number, conditions hold.
    pub rendered: Vec<(Moment, u64, bool)>,
    /// Handed in.
    pub submitted: Vec<(Moment, u64, bool)>,
    /// Accepted.
    pub accepted: Vec<(Moment, u64, bool)>,
    /// Sent back.
    pub returned: Vec<(Moment, u64)>,
}

/// An act that waits for a gate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Deed {
    /// When.
    pub when: Moment,
    /// Number of the record.
    pub seq: u64,
    /// The approval it names.
    pub approval: Option<String>,
    /// Why it is wrong by itself (fields missing, closed by another).
    pub wrong: Option<String>,
}

/// Time out of service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outage {
    /// Start.
    pub from: Timestamp,
    /// End; none while it lasts.
    pub to: Option<Timestamp>,
    /// Left out, with its title.
    pub excluded: Option<String>,
    /// Number of the record.
    pub seq: u64,
}
