//! A contract ready for use: names resolved, parameters put in, one rulebook per version.
//!
//! A version begins with the contract or with a `[[change]]`; old periods keep old rules. A
//! reading of an `[[ambiguity]]` is a patch on a version. Not here: evidence (see `engine`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::civil::Date;
use mamori_kernel::calendar::{
    Closure, DaySet, HolidayLaw, MonthDay, ServiceHours, Weekdays, Window, YearlyRange,
};
use mamori_kernel::period::{Period, PeriodKind, Term};
use serde_json::{Map, Value};

use crate::kinds::Kinds;
use crate::language::value::reference;
use crate::language::{
    Ambiguity, CalendarText, ContractFile, Counter, Deliverable, Gate, HoursText, Obligation,
    OrParam, Per, PeriodName, Straddling,
};
use crate::parse::diagnostics::Report;
use crate::rules::dates::{Book, DueDay, Hours};

/// A contract in force: `Send + Sync`, shared as `Arc<Contract>`.
#[derive(Debug, Clone)]
pub struct Contract {
    /// The file as written.
    pub file: ContractFile,
    /// 履行期間.
    pub term: Term,
    /// Known evidence kinds.
    pub kinds: Kinds,
    /// Versions in the order in which they begin.
    pub versions: Vec<Version>,
}

/// The rules from a day on.
#[derive(Debug, Clone)]
pub struct Version {
    /// First day.
    pub from: Date,
    /// Key of the change that began it; none for the first.
    pub change: Option<String>,
    /// For periods that the change cuts in two.
    pub straddling: Option<Straddling>,
    /// Calendars, hours, term, contract date.
    pub book: Arc<Book>,
    /// Values of parameters.
    pub parameters: Arc<BTreeMap<String, Value>>,
    /// Obligations by key, parameters put in.
    pub obligations: BTreeMap<String, Arc<Obligation>>,
    /// As written, for readings that patch them.
    raw: BTreeMap<String, Map<String, Value>>,
}

/// One choice of readings for an obligation.
#[derive(Debug, Clone)]
pub struct Reading {
    /// (index of the ambiguity, index of its reading), in order.
    pub choice: Vec<(usize, usize)>,
    /// The obligation under it.
    pub obligation: Arc<Obligation>,
    /// The book under it (a reading may set the contract date).
    pub book: Arc<Book>,
}

/// Most combinations of readings that are judged one by one.
const MOST_READINGS: usize = 64;

impl Contract {
    /// Reads and resolves a contract; the report holds warnings, or all errors.
    pub fn parse(file: &str, source: &str) -> Result<(Self, Report), Report> {
        let (parsed, report) = crate::parse::parse(file, source)?;
        Ok((Self::new(parsed), report))
    }

    /// Resolves a parsed file (which the parser has found free of errors).
    pub fn new(file: ContractFile) -> Self {
        let term = crate::parse::term_of(&file)
            .expect("the parser refuses a term that ends before it begins");
        let kinds = Kinds::with(&file.evidence_kinds);
        let mut parameters: BTreeMap<String, Value> = file
            .parameters
            .iter()
            .filter_map(|(name, parameter)| Some((name.clone(), parameter.value.clone()?)))
            .collect();
        let mut calendars = file.calendars.clone();
        let mut raw: BTreeMap<String, Map<String, Value>> = file
            .obligation
            .iter()
            .map(|each| (each.key.clone(), object(each)))
            .collect();
        let mut versions = vec![Version::new(
            &file,
            term,
            term.first(),
            &parameters,
            &calendars,
            &raw,
        )];
        let mut changes: Vec<_> = file.change.iter().collect();
        changes.sort_by_key(|change| change.from);
        for change in changes {
            parameters.extend(change.parameters.clone());
            for (name, patch) in &change.calendars {
                if let Some(calendar) = calendars.get_mut(name) {
                    let mut fields = object(calendar);
                    fields.extend(patch.clone());
                    if let Ok(patched) = serde_json::from_value(Value::Object(fields)) {
                        *calendar = patched;
                    }
                }
            }
            for (key, patch) in &change.patch {
                raw.entry(key.clone()).or_default().extend(patch.clone());
            }
            for key in &change.ends {
                raw.remove(key);
            }
            for obligation in &change.obligation {
                raw.insert(obligation.key.clone(), object(obligation));
            }
            let mut version =
                Version::new(&file, term, change.from.0, &parameters, &calendars, &raw);
            version.change = Some(change.key.clone());
            version.straddling = change.straddling;
            versions.push(version);
        }
        Self {
            file,
            term,
            kinds,
            versions,
        }
    }

    /// Keys of all obligations of all versions, in order.
    pub fn keys(&self) -> BTreeSet<&str> {
        self.versions
            .iter()
            .flat_map(|version| version.obligations.keys().map(String::as_str))
            .collect()
    }

    /// The rules as they stand on a day.
    pub fn on(&self, day: Date) -> &Version {
        self.versions
            .iter()
            .rev()
            .find(|version| version.from <= day)
            .unwrap_or(&self.versions[0])
    }

    /// The index of the version that governs a period.
    pub fn version_for(&self, period: Period) -> usize {
        let governs = |version: &Version| {
            let new = match version.straddling {
                Some(Straddling::New) => true,
                Some(Straddling::Old) => false,
                None => matches!(period, Period::Term(_) | Period::FiscalYear(_)),
            };
            version.from <= if new { period.last() } else { period.first() }
        };
        self.versions.iter().rposition(governs).unwrap_or(0)
    }

    /// The obligation as it governs a period, under no particular reading but the working ones.
    pub fn obligation(&self, key: &str, period: Period) -> Option<&Arc<Obligation>> {
        self.versions[self.version_for(period)].obligations.get(key)
    }

    /// The newest form of an obligation.
    pub fn latest(&self, key: &str) -> Option<&Arc<Obligation>> {
        self.versions
            .iter()
            .rev()
            .find_map(|version| version.obligations.get(key))
    }

    /// The periods of an obligation inside the term, its own active days and its versions.
    pub fn periods(&self, obligation: &Obligation) -> Vec<Period> {
        let active = obligation.active.clone().unwrap_or_default();
        let first = active
            .from
            .map_or(self.term.first(), |from| from.0.max(self.term.first()));
        let last = active
            .to
            .map_or(self.term.last(), |to| to.0.min(self.term.last()));
        if last < first {
            return Vec::new();
        }
        match period_kind(obligation.per()) {
            Some(kind) => kind.over(first, last).collect(),
            None => vec![Period::Term(self.term)],
        }
    }

    /// A gate by key.
    pub fn gate(&self, key: &str) -> Option<&Gate> {
        self.file.gates.get(key)
    }

    /// A counter by key.
    pub fn counter(&self, key: &str) -> Option<&Counter> {
        self.file.counters.get(key)
    }

    /// A deliverable by key.
    pub fn deliverable(&self, key: &str) -> Option<&Deliverable> {
        self.file.deliverables.get(key)
    }

    /// An ambiguity by key.
    pub fn ambiguity(&self, key: &str) -> Option<&Ambiguity> {
        self.file.ambiguity.iter().find(|each| each.key == key)
    }

    /// The number a quantity stands for in a version: itself or its parameter.
    pub fn number(&self, quantity: &crate::language::Quantity, version: usize) -> Option<f64> {
        match quantity {
            crate::language::Quantity::Number(number) => Some(*number),
            crate::language::Quantity::Text(text) => match reference(text) {
                Some(name) => self.versions[version]
                    .parameters
                    .get(name)
                    .and_then(Value::as_f64),
                None => text.parse().ok(),
            },
        }
    }

    /// The `[[override]]` of a period.
    pub fn override_of(&self, key: &str, period: Period) -> Option<DueDay> {
        let is = |name: PeriodName| match name {
            PeriodName::Term => matches!(period, Period::Term(_)),
            PeriodName::Period(named) => named == period,
        };
        let found = self
            .file
            .overrides
            .iter()
            .find(|each| each.obligation == key && is(each.period))?;
        let who = found
            .by
            .as_deref()
            .map_or(String::new(), |by| format!("、{by}"));
        let when = found
            .decided_on
            .map_or(String::new(), |on| format!("、{on}"));
        Some(DueDay {
            date: found.date.0,
            moved: None,
            exception: Some(format!("{}（特例{who}{when}）", found.reason)),
        })
    }

    /// Every combination of readings that touches an obligation in a version. The first is made of
    /// the working readings.
    pub fn readings(&self, key: &str, version: usize) -> Vec<Reading> {
        let Some(raw) = self.versions[version].raw.get(key) else {
            return Vec::new();
        };
        let text = serde_json::to_string(raw).unwrap_or_default();
        let touches = |ambiguity: &Ambiguity| {
            ambiguity.reading.len() > 1
                && ambiguity.reading.iter().any(|reading| {
                    reading.patch.contains_key(key)
                        || reading
                            .parameters
                            .keys()
                            .any(|name| text.contains(&format!("\"${name}\"")))
                        || (!reading.parameters.is_empty()
                            && self.dates_from_parameter(key, version, reading))
                })
        };
        let open: Vec<(usize, &Ambiguity)> = self
            .file
            .ambiguity
            .iter()
            .enumerate()
            .filter(|(_, ambiguity)| touches(ambiguity))
            .collect();
        let working = |ambiguity: &Ambiguity| {
            let position = |key: &String| {
                ambiguity
                    .reading
                    .iter()
                    .position(|reading| reading.key == *key)
            };
            ambiguity.working.as_ref().and_then(position).unwrap_or(0)
        };
        let mut choices: Vec<Vec<(usize, usize)>> = vec![Vec::new()];
        let total: usize = open
            .iter()
            .map(|(_, ambiguity)| ambiguity.reading.len())
            .product();
        if total <= MOST_READINGS {
            for (index, ambiguity) in &open {
                let first = working(ambiguity);
                let order = std::iter::once(first)
                    .chain((0..ambiguity.reading.len()).filter(move |r| *r != first));
                let order: Vec<usize> = order.collect();
                choices = order
                    .iter()
                    .flat_map(|reading| {
                        choices.iter().map(|choice| {
                            choice.iter().copied().chain([(*index, *reading)]).collect()
                        })
                    })
                    .collect();
            }
        } else {
            // Too many to combine: each ambiguity on its own against the working readings.
            let base: Vec<(usize, usize)> = open
                .iter()
                .map(|(index, each)| (*index, working(each)))
                .collect();
            choices = vec![base.clone()];
            for (slot, (_, ambiguity)) in open.iter().enumerate() {
                for reading in 0..ambiguity.reading.len() {
                    if reading != base[slot].1 {
                        let mut choice = base.clone();
                        choice[slot].1 = reading;
                        choices.push(choice);
                    }
                }
            }
        }
        choices
            .into_iter()
            .map(|choice| self.under(key, version, choice))
            .collect()
    }

    fn dates_from_parameter(
        &self,
        key: &str,
        version: usize,
        reading: &crate::language::Reading,
    ) -> bool {
        let counts_from_signing =
            self.versions[version]
                .obligations
                .get(key)
                .is_some_and(|obligation| {
                    matches!(
                        obligation.deadline.as_ref().map(|deadline| &deadline.rule),
                        Some(crate::language::Rule::AfterDate { from: None, .. })
                    )
                });
        let Some(OrParam::Param(name)) = &self.file.contract.signed_on else {
            return false;
        };
        counts_from_signing && reading.parameters.contains_key(name)
    }

    fn under(&self, key: &str, version: usize, choice: Vec<(usize, usize)>) -> Reading {
        let version = &self.versions[version];
        let mut raw = version.raw.get(key).cloned().unwrap_or_default();
        let mut parameters = (*version.parameters).clone();
        for (ambiguity, reading) in &choice {
            let reading = &self.file.ambiguity[*ambiguity].reading[*reading];
            if let Some(patch) = reading.patch.get(key) {
                raw.extend(patch.clone());
            }
            parameters.extend(reading.parameters.clone());
        }
        let obligation =
            typed(&raw, &parameters).expect("the parser checked every patch against the schema");
        let mut book = (*version.book).clone();
        book.signed_on = signed_on(&self.file, &parameters);
        Reading {
            choice,
            obligation: Arc::new(obligation),
            book: Arc::new(book),
        }
    }
}

impl Version {
    fn new(
        file: &ContractFile,
        term: Term,
        from: Date,
        parameters: &BTreeMap<String, Value>,
        calendars: &BTreeMap<String, CalendarText>,
        raw: &BTreeMap<String, Map<String, Value>>,
    ) -> Self {
        let sets: BTreeMap<String, DaySet> = calendars
            .keys()
            .map(|name| (name.clone(), day_set(name, calendars)))
            .collect();
        let hours = file
            .hours
            .iter()
            .filter_map(|(name, text)| Some((name.clone(), hours(text, &sets)?)))
            .collect();
        let book = Book {
            term,
            signed_on: signed_on(file, parameters),
            calendars: sets,
            hours,
            city_calendar: file.contract.city_calendar.clone(),
            service_hours: file.contract.service_hours.clone(),
        };
        let obligations = raw
            .iter()
            .filter_map(|(key, fields)| Some((key.clone(), Arc::new(typed(fields, parameters)?))))
            .collect();
        Self {
            from,
            change: None,
            straddling: None,
            book: Arc::new(book),
            parameters: Arc::new(parameters.clone()),
            obligations,
            raw: raw.clone(),
        }
    }
}

/// The kernel's period kind of a `per`; none for the term.
pub fn period_kind(per: Per) -> Option<PeriodKind> {
    match per {
        Per::Month => Some(PeriodKind::Month),
        Per::Quarter => Some(PeriodKind::Quarter),
        Per::Half => Some(PeriodKind::Half),
        Per::FiscalYear => Some(PeriodKind::FiscalYear),
        Per::Term => None,
    }
}

fn object<T: serde::Serialize>(value: &T) -> Map<String, Value> {
    match serde_json::to_value(value) {
        Ok(Value::Object(map)) => map,
        _ => Map::new(),
    }
}

/// Puts the values of parameters in place of `$name`; unknown ones stay.
fn put_in(value: &mut Value, parameters: &BTreeMap<String, Value>) {
    match value {
        Value::String(text) => {
            if let Some(known) = reference(text).and_then(|name| parameters.get(name)) {
                *value = known.clone();
            }
        }
        Value::Array(list) => list.iter_mut().for_each(|item| put_in(item, parameters)),
        Value::Object(map) => {
            for (key, item) in map.iter_mut() {
                if key != "text" && key != "remark" {
                    put_in(item, parameters);
                }
            }
        }
        _ => {}
    }
}

fn typed(fields: &Map<String, Value>, parameters: &BTreeMap<String, Value>) -> Option<Obligation> {
    let mut value = Value::Object(fields.clone());
    put_in(&mut value, parameters);
    serde_json::from_value(value)
        .or_else(|_| serde_json::from_value(Value::Object(fields.clone())))
        .ok()
}

fn signed_on(file: &ContractFile, parameters: &BTreeMap<String, Value>) -> Result<Date, String> {
    match &file.contract.signed_on {
        Some(OrParam::Value(date)) => Ok(date.0),
        Some(OrParam::Param(name)) => parameters
            .get(name)
            .and_then(Value::as_str)
            .and_then(|text| text.parse::<crate::language::DateText>().ok())
            .map(|date| date.0)
            .ok_or_else(|| name.clone()),
        None => Err("signed_on".to_owned()),
    }
}

fn month_day(day: crate::language::MonthDay) -> MonthDay {
    MonthDay::new(day.month, day.day).expect("the parser refuses days that no year has")
}

fn day_set(name: &str, calendars: &BTreeMap<String, CalendarText>) -> DaySet {
    let title = calendars
        .get(name)
        .map_or(name, |calendar| calendar.title.as_str());
    let mut builder = DaySet::builder(title);
    let mut todo = vec![name];
    let mut seen = BTreeSet::new();
    while let Some(at) = todo.pop() {
        let Some(calendar) = calendars.get(at).filter(|_| seen.insert(at)) else {
            continue;
        };
        if !calendar.weekdays.is_empty() {
            builder = builder.with(Closure::Weekdays(Weekdays::of(
                calendar.weekdays.iter().map(|day| day.weekday()),
            )));
        }
        if calendar.law_holidays {
            builder = builder.with(Closure::LawHolidays(HolidayLaw::standard()));
        }
        for range in &calendar.ranges {
            let days = YearlyRange {
                first: month_day(range.from),
                last: month_day(range.to),
            };
            let title = range.title.clone().unwrap_or_else(|| "閉庁".to_owned());
            builder = builder.with_during(
                Closure::Yearly(days, title),
                range.valid_from.map(|day| day.0),
                range.valid_until.map(|day| day.0),
            );
        }
        for day in &calendar.closed {
            let title = day.title.clone().unwrap_or_else(|| "臨時閉庁".to_owned());
            builder = builder.with(Closure::Days(day.date.0, day.date.0, title));
        }
        for day in &calendar.open {
            builder = builder.with(Closure::Open(day.date.0, day.date.0));
        }
        todo.extend(calendar.include.iter().map(String::as_str));
    }
    builder.build()
}

fn hours(text: &HoursText, calendars: &BTreeMap<String, DaySet>) -> Option<Hours> {
    let weekdays = Weekdays::of(text.weekdays.iter().map(|day| day.weekday()));
    let windows = text
        .windows
        .iter()
        .map(|window| Window::parse(weekdays, &format!("{}-{}", window.from, window.to)))
        .collect::<Result<Vec<_>, _>>()
        .ok()?;
    let closed = text
        .closed_on
        .as_ref()
        .and_then(|name| calendars.get(name))
        .cloned()
        .unwrap_or_else(DaySet::never_closed);
    let out: Vec<jiff::civil::Weekday> = {
        use jiff::civil::Weekday::{
            Friday, Monday, Saturday, Sunday, Thursday, Tuesday, Wednesday,
        };
        [
            Monday, Tuesday, Wednesday, Thursday, Friday, Saturday, Sunday,
        ]
        .into_iter()
        .filter(|day| !weekdays.contains(*day))
        .collect()
    };
    // The half-day rule asks for open days: weekdays without a window are closed too.
    let half_day_closed = if out.is_empty() {
        closed.clone()
    } else {
        closed
            .extend(closed.name())
            .with(Closure::Weekdays(Weekdays::of(out)))
            .build()
    };
    Some(Hours {
        title: text.title.clone(),
        service: ServiceHours::new(windows, closed).ok()?,
        closed: half_day_closed,
        noon: text.noon.map_or(
            jiff::civil::Time::constant(12, 0, 0, 0),
            crate::language::ClockTime::time,
        ),
        day_end: text
            .windows
            .last()
            .map_or(jiff::civil::Time::constant(17, 15, 0, 0), |window| {
                window.to.time()
            }),
    })
}
