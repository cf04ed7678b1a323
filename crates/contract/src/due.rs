//! Due dates: every date by which the contract asks for something, within a range.

use std::fmt::Display;
use std::str::FromStr;

use jiff::civil::Date;
use mamori_kernel::period::Period;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::language::{Deadline, Kind, Obligation, Rule, Spacing};
use crate::model::{Contract, Reading, period_kind};
use crate::rules::dates::{Book, DueDay, NoDate, period_due};
use crate::rules::text::deadline_text;

/// One due date. Programs elsewhere read it back from what was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Due {
    /// Key of the obligation.
    pub obligation: String,
    /// Key of the deliverable, if it asks for one.
    pub deliverable: Option<String>,
    /// For which period.
    #[serde(serialize_with = "text", deserialize_with = "parsed")]
    pub period: Period,
    /// The date; none while something is unknown.
    #[serde(serialize_with = "optional_text", deserialize_with = "optional_parsed")]
    pub due: Option<Date>,
    /// The rule in Japanese.
    pub rule: String,
    /// Why it moved off the rule's own day; none when it did not.
    pub reason: Option<String>,
    /// What is unknown, while there is no date.
    pub unknown: Option<String>,
    /// The soft word of the text, such as 目処.
    pub soft: Option<String>,
    /// Whether it lies after the contract's term.
    pub after_term: bool,
    /// Title of the obligation.
    pub title: String,
    /// Title of the deliverable.
    pub deliverable_title: Option<String>,
    /// Clause.
    pub clause: String,
    /// Ambiguities that touch it.
    pub notes: Vec<String>,
    /// Dates under other readings, where they differ.
    pub other_readings: Vec<OtherReading>,
    /// Our own, earlier target.
    #[serde(serialize_with = "optional_text", deserialize_with = "optional_parsed")]
    pub internal: Option<Date>,
}

/// A due date under another reading of an ambiguity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OtherReading {
    /// The ambiguity.
    pub note: String,
    /// The reading.
    pub reading: String,
    /// Its title.
    pub title: String,
    /// The date under it.
    #[serde(serialize_with = "optional_text", deserialize_with = "optional_parsed")]
    pub due: Option<Date>,
}

fn text<T: ToString, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&value.to_string())
}

#[expect(clippy::ref_option, reason = "serde passes fields by reference")]
fn optional_text<T: ToString, S: Serializer>(
    value: &Option<T>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => serializer.serialize_str(&value.to_string()),
        None => serializer.serialize_none(),
    }
}

fn parsed<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: FromStr<Err: Display>,
    D: Deserializer<'de>,
{
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(de::Error::custom)
}

fn optional_parsed<'de, T, D>(deserializer: D) -> Result<Option<T>, D::Error>
where
    T: FromStr<Err: Display>,
    D: Deserializer<'de>,
{
    let text = Option::<String>::deserialize(deserializer)?;
    text.map(|text| text.parse().map_err(de::Error::custom))
        .transpose()
}

impl Contract {
    /// All due dates of duties that fall in `from..=to`, by date; those without a date yet last.
    ///
    /// Duties counted from events have none here: their limits begin with the event.
    pub fn due(&self, from: Date, to: Date) -> Vec<Due> {
        let mut all: Vec<Due> = self
            .all_due()
            .into_iter()
            .filter(|due| due.due.is_none_or(|day| from <= day && day <= to))
            .collect();
        all.sort_by(|a, b| {
            let key = |due: &Due| {
                (
                    due.due.is_none(),
                    due.due,
                    due.obligation.clone(),
                    due.period,
                )
            };
            key(a).cmp(&key(b))
        });
        all
    }

    fn all_due(&self) -> Vec<Due> {
        let mut all = Vec::new();
        for key in self.keys() {
            let Some(latest) = self.latest(key) else {
                continue;
            };
            if !latest.type_.is_judged() {
                continue;
            }
            for period in self.due_periods(latest) {
                let version = self.version_for(period);
                let readings = self.readings(key, version);
                if let Some(first) = readings.first() {
                    all.extend(self.due_of(key, period, first, &readings[1..]));
                }
            }
        }
        all
    }

    /// A date that does not depend on the period is due once, however the duty is judged.
    pub(crate) fn due_periods(&self, obligation: &Obligation) -> Vec<Period> {
        let once = match obligation.deadline.as_ref().map(|deadline| &deadline.rule) {
            Some(Rule::Fixed { .. } | Rule::AfterDate { .. } | Rule::EndOfTerm { .. }) => true,
            Some(_) => false,
            None => return Vec::new(),
        };
        let periods = self.periods(obligation);
        if once && (obligation.kind != Kind::OneOff || periods.len() != 1) {
            return vec![Period::Term(self.term)];
        }
        periods
    }

    fn due_of(&self, key: &str, period: Period, reading: &Reading, others: &[Reading]) -> Vec<Due> {
        let obligation = &reading.obligation;
        let Some(deadline) = &obligation.deadline else {
            return Vec::new();
        };
        let mut rows = Vec::new();
        for part in parts(deadline, period) {
            let due = self
                .override_of(key, period)
                .map_or_else(|| period_due(&deadline.rule, part, &reading.book), Ok);
            let (day, unknown) = match due {
                Ok(day) => (Some(day), None),
                Err(NoDate::NotDated) => continue,
                Err(other) => (None, Some(self.unknown_ja(&other))),
            };
            let other_readings = others
                .iter()
                .filter_map(|other| {
                    let deadline = other.obligation.deadline.as_ref()?;
                    let due = self
                        .override_of(key, period)
                        .map_or_else(|| period_due(&deadline.rule, part, &other.book).ok(), Some)
                        .map(|due| due.date);
                    (due != day.as_ref().map(|day| day.date))
                        .then(|| self.other_reading(reading, other, due))?
                })
                .collect();
            let internal = obligation
                .internal
                .as_ref()
                .and_then(|internal| internal.deadline.as_ref())
                .and_then(|deadline| period_due(&deadline.rule, part, &reading.book).ok())
                .map(|due| due.date);
            rows.push(self.row(
                obligation,
                deadline,
                part,
                day,
                unknown,
                other_readings,
                internal,
                &reading.book,
            ));
        }
        rows
    }

    #[expect(clippy::too_many_arguments, reason = "one row, assembled in one place")]
    fn row(
        &self,
        obligation: &Obligation,
        deadline: &Deadline,
        period: Period,
        day: Option<DueDay>,
        unknown: Option<String>,
        other_readings: Vec<OtherReading>,
        internal: Option<Date>,
        book: &Book,
    ) -> Due {
        let calendars = &self.file.calendars;
        let due = day.as_ref().map(|day| day.date);
        Due {
            obligation: obligation.key.clone(),
            deliverable: obligation.deliverable.clone(),
            period,
            due,
            rule: deadline_text(deadline, obligation.per(), Some(period), book, calendars),
            reason: day.and_then(|day| {
                day.moved
                    .or(day.exception.filter(|text| !text.ends_with("の特例")))
            }),
            unknown,
            soft: deadline.soft_word().map(str::to_owned),
            after_term: due.is_some_and(|due| due > self.term.last()),
            title: obligation.title.clone(),
            deliverable_title: obligation
                .deliverable
                .as_ref()
                .and_then(|key| self.deliverable(key))
                .map(|deliverable| deliverable.title.clone()),
            clause: obligation.clause.clone(),
            notes: obligation.notes.clone(),
            other_readings,
            internal,
        }
    }

    fn other_reading(
        &self,
        working: &Reading,
        other: &Reading,
        due: Option<Date>,
    ) -> Option<OtherReading> {
        let (ambiguity, chosen) = other
            .choice
            .iter()
            .zip(&working.choice)
            .find(|(a, b)| a != b)
            .map(|(a, _)| *a)?;
        let ambiguity = &self.file.ambiguity[ambiguity];
        let reading = &ambiguity.reading[chosen];
        Some(OtherReading {
            note: ambiguity.key.clone(),
            reading: reading.key.clone(),
            title: reading.title.clone(),
            due,
        })
    }

    /// Why there is no date, with the name people know a parameter by.
    pub(crate) fn unknown_ja(&self, why: &NoDate) -> String {
        match why {
            NoDate::Needs(name) => {
                let parameter = self.file.parameters.get(name);
                let title = parameter.map_or(name.as_str(), |parameter| parameter.title.as_str());
                let question = parameter
                    .and_then(|parameter| parameter.question.as_deref())
                    .unwrap_or("");
                format!("「{title}」がまだ決まっていません。{question}")
            }
            other => other.to_string(),
        }
    }
}

/// Spaced duties are due once in each part of their period.
fn parts(deadline: &Deadline, period: Period) -> Vec<Period> {
    let Rule::AtLeast {
        spacing: Some(spacing),
        ..
    } = &deadline.rule
    else {
        return vec![period];
    };
    let per = match spacing {
        Spacing::Month => crate::language::Per::Month,
        Spacing::Quarter => crate::language::Per::Quarter,
        Spacing::Half => crate::language::Per::Half,
    };
    match period_kind(per) {
        Some(kind) => kind.over(period.first(), period.last()).collect(),
        None => vec![period],
    }
}
