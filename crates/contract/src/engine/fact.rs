//! Facts (evidence as the engine sees it), when they happened, and conditions on them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use mamori_kernel::clock::{tokyo_date, tokyo_instant, tokyo_midnight};
use mamori_kernel::period::YearMonth;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::kinds::glob;
use crate::language::{ClockTime, Condition, Select};
use crate::rules::dates::Hours;

/// One record of the ledger, as far as judging needs it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fact {
    /// Its number in the ledger; later records have higher ones.
    pub seq: u64,
    /// When it was written.
    pub at: Timestamp,
    /// Its kind, such as `work.recorded`.
    pub kind: String,
    /// What it speaks of.
    pub subject: String,
    /// The payload, a JSON object.
    pub payload: Value,
}

/// When something happened: an instant and its day in Japan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Moment {
    /// The instant; midnight where only the day is known.
    pub at: Timestamp,
    /// The day in Japan.
    pub day: Date,
    /// Whether the time of day is known.
    pub exact: bool,
}

impl Moment {
    /// A known instant.
    pub fn exactly(at: Timestamp) -> Self {
        Self {
            at,
            day: tokyo_date(at),
            exact: true,
        }
    }

    /// Whether this is not after `other`, by the day where a time of day is unknown.
    pub fn not_after(self, other: Self) -> bool {
        if self.exact && other.exact {
            self.at <= other.at
        } else {
            self.day <= other.day
        }
    }

    /// Whether this is in time for a limit.
    pub fn within(self, limit: crate::rules::dates::Limit) -> bool {
        if self.exact {
            return limit.allows(self.at);
        }
        // Only the day is known: it is late only if the whole day is.
        limit.allows(tokyo_midnight(self.day))
    }
}

/// Reads a date, month (its last day) or instant of a payload.
fn read_moment(text: &str, written: Timestamp) -> Option<Moment> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some(Moment::exactly(at));
    }
    if text.len() > 10
        && let Ok(civil) = text.parse::<DateTime>()
    {
        return Some(Moment::exactly(tokyo_instant(civil)));
    }
    let day = if text.len() == 7 {
        text.parse::<YearMonth>().ok()?.last()
    } else {
        text.parse::<Date>().ok()?
    };
    if day == tokyo_date(written) {
        // Recorded on the day itself: the order within the day is that of the records.
        return Some(Moment::exactly(written));
    }
    Some(Moment {
        at: tokyo_midnight(day),
        day,
        exact: false,
    })
}

impl Fact {
    /// When it happened: the named field where it has one, otherwise when it was written.
    pub fn when(&self, field: Option<&str>) -> Moment {
        field
            .and_then(|field| self.value(field))
            .and_then(Value::as_str)
            .and_then(|text| read_moment(text, self.at))
            .unwrap_or_else(|| Moment::exactly(self.at))
    }

    /// A field by path; `a.b` goes inside.
    pub fn value(&self, path: &str) -> Option<&Value> {
        path.split('.')
            .try_fold(&self.payload, |value, part| value.get(part))
    }

    /// A field as text, numbers and booleans included.
    pub fn text(&self, path: &str) -> Option<String> {
        if path == "$subject" {
            return Some(self.subject.clone());
        }
        match self.value(path)? {
            Value::String(text) => Some(text.clone()),
            Value::Null => None,
            other => Some(other.to_string()),
        }
    }

    /// A field as a number; numbers written as text are read.
    pub fn number(&self, path: &str) -> Option<f64> {
        match self.value(path)? {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => text.parse().ok(),
            _ => None,
        }
    }

    /// A field as a list of texts; a single value is a list of one.
    pub fn texts(&self, path: &str) -> Vec<String> {
        let one = |value: &Value| match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        match self.value(path) {
            Some(Value::Array(list)) => list.iter().map(one).collect(),
            Some(Value::Null) | None => Vec::new(),
            Some(value) => vec![one(value)],
        }
    }

    /// Whether a selection takes this record (its kind is known to match).
    pub fn selected(&self, select: &Select, when: Moment, hours: &BTreeMap<String, Hours>) -> bool {
        select
            .subject()
            .is_none_or(|pattern| glob(pattern, &self.subject))
            && select
                .conditions()
                .iter()
                .all(|condition| self.holds(condition, when, hours))
    }

    /// Whether a condition holds.
    pub fn holds(
        &self,
        condition: &Condition,
        when: Moment,
        hours: &BTreeMap<String, Hours>,
    ) -> bool {
        if let Some(any) = &condition.any
            && !any.iter().any(|inner| self.holds(inner, when, hours))
        {
            return false;
        }
        if let Some(all) = &condition.all
            && !all.iter().all(|inner| self.holds(inner, when, hours))
        {
            return false;
        }
        if let Some(not) = &condition.not
            && self.holds(not, when, hours)
        {
            return false;
        }
        let Some(field) = &condition.field else {
            return true;
        };
        if let Some((list, rest)) = field.split_once(".*") {
            let inner = rest.trim_start_matches('.');
            let Some(Value::Array(items)) = self.value(list) else {
                return false;
            };
            return items.iter().all(|item| {
                let value = if inner.is_empty() {
                    Some(item)
                } else {
                    inner.split('.').try_fold(item, |v, p| v.get(p))
                };
                compare(condition, value, when, hours)
            });
        }
        let special = match field.as_str() {
            "$subject" => Some(Value::String(self.subject.clone())),
            "$kind" => Some(Value::String(self.kind.clone())),
            "$at" => Some(Value::String(self.at.to_string())),
            _ => None,
        };
        match special {
            Some(value) => compare(condition, Some(&value), when, hours),
            None => compare(condition, self.value(field), when, hours),
        }
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => false,
    }
}

fn order(a: &Value, b: &Value) -> Option<std::cmp::Ordering> {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.as_f64()?.partial_cmp(&b.as_f64()?),
        (Value::String(a), Value::Number(b)) => a.parse::<f64>().ok()?.partial_cmp(&b.as_f64()?),
        (Value::Number(a), Value::String(b)) => a.as_f64()?.partial_cmp(&b.parse::<f64>().ok()?),
        // ISO dates and times order as text.
        (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
        (Value::Bool(a), Value::Bool(b)) => Some(a.cmp(b)),
        _ => None,
    }
}

fn same(a: &Value, b: &Value) -> bool {
    order(a, b).map_or_else(|| a == b, std::cmp::Ordering::is_eq)
}

fn compare(
    condition: &Condition,
    value: Option<&Value>,
    when: Moment,
    hours: &BTreeMap<String, Hours>,
) -> bool {
    let ordered = |limit: &Value| value.and_then(|value| order(value, limit));
    let present = value.filter(|value| !is_empty(value));
    condition
        .eq
        .as_ref()
        .is_none_or(|wanted| value.is_some_and(|value| same(value, wanted)))
        && condition
            .ne
            .as_ref()
            .is_none_or(|other| value.is_none_or(|value| !same(value, other)))
        && condition
            .lt
            .as_ref()
            .is_none_or(|limit| ordered(limit).is_some_and(std::cmp::Ordering::is_lt))
        && condition
            .le
            .as_ref()
            .is_none_or(|limit| ordered(limit).is_some_and(std::cmp::Ordering::is_le))
        && condition
            .gt
            .as_ref()
            .is_none_or(|limit| ordered(limit).is_some_and(std::cmp::Ordering::is_gt))
        && condition
            .ge
            .as_ref()
            .is_none_or(|limit| ordered(limit).is_some_and(std::cmp::Ordering::is_ge))
        && condition
            .one_of
            .as_ref()
            .is_none_or(|list| value.is_some_and(|value| list.iter().any(|each| same(value, each))))
        && condition
            .not_in
            .as_ref()
            .is_none_or(|list| value.is_none_or(|value| !list.iter().any(|each| same(value, each))))
        && condition
            .exists
            .is_none_or(|wanted| present.is_some() == wanted)
        && condition
            .contains
            .as_ref()
            .is_none_or(|wanted| match (value, wanted) {
                (Some(Value::Array(list)), _) => list.iter().any(|each| same(each, wanted)),
                (Some(Value::String(text)), Value::String(part)) => text.contains(part.as_str()),
                _ => false,
            })
        && condition.like.as_ref().is_none_or(|pattern| {
            value
                .and_then(Value::as_str)
                .is_some_and(|text| glob(pattern, text))
        })
        && condition
            .min_days_left
            .is_none_or(|days| days_left(value, when.day).is_some_and(|left| left >= days))
        && condition.hours.as_ref().is_none_or(|name| {
            let at =
                value
                    .and_then(Value::as_str)
                    .and_then(|text| match text.parse::<ClockTime>() {
                        Ok(time) => Some(tokyo_instant(when.day.to_datetime(time.time()))),
                        Err(_) => read_moment(text, when.at)
                            .filter(|moment| moment.exact)
                            .map(|moment| moment.at),
                    });
            match (at, hours.get(name)) {
                (Some(at), Some(hours)) => hours.service.contains(at),
                _ => false,
            }
        })
}

/// Days from `today` to the date in a value.
pub fn days_left(value: Option<&Value>, today: Date) -> Option<i64> {
    let day = read_date(value?)?;
    today.until(day).ok().map(|span| i64::from(span.get_days()))
}

/// A date, or the day of an instant.
pub fn read_date(value: &Value) -> Option<Date> {
    let text = value.as_str()?;
    text.parse::<Date>()
        .ok()
        .or_else(|| text.parse::<Timestamp>().ok().map(tokyo_date))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fact(payload: Value) -> Fact {
        Fact {
            seq: 1,
            at: "2026-10-05T03:00:00Z".parse().unwrap(),
            kind: "x.y".into(),
            subject: "s/1".into(),
            payload,
        }
    }

    #[test]
    fn conditions_compare_as_written() {
        let record = fact(json!({
            "n": 3, "t": "abc", "list": ["a", "b"], "ok": true, "empty": "", "d": "2026-10-19",
            "items": [ { "level": "high" }, { "level": "" } ]
        }));
        let check = |condition: Value| {
            let condition: Condition = serde_json::from_value(condition).unwrap();
            record.holds(&condition, record.when(None), &BTreeMap::new())
        };
        for (condition, expected) in [
            (json!({ "field": "n", "eq": 3 }), true),
            (json!({ "field": "n", "ge": 3, "lt": 3 }), false),
            (json!({ "field": "n", "gt": 2.5 }), true),
            (json!({ "field": "gone", "ne": 3 }), true),
            (json!({ "field": "gone", "eq": 3 }), false),
            (json!({ "field": "t", "in": ["x", "abc"] }), true),
            (json!({ "field": "t", "not_in": ["x", "abc"] }), false),
            (json!({ "field": "empty", "exists": true }), false),
            (json!({ "field": "list", "contains": "b" }), true),
            (json!({ "field": "t", "like": "a*c" }), true),
            (json!({ "field": "$subject", "like": "s/*" }), true),
            (json!({ "field": "items.*.level", "exists": true }), false),
            (json!({ "field": "d", "min_days_left": 14 }), true),
            (json!({ "field": "d", "min_days_left": 15 }), false),
            (
                json!({ "any": [ { "field": "n", "eq": 9 }, { "field": "ok", "eq": true } ] }),
                true,
            ),
            (json!({ "not": { "field": "ok", "eq": true } }), false),
        ] {
            assert_eq!(check(condition.clone()), expected, "{condition}");
        }
    }

    #[test]
    fn when_reads_days_months_and_instants() {
        let at = |payload: Value| {
            let moment = fact(payload).when(Some("d"));
            (moment.day.to_string(), moment.exact)
        };
        assert_eq!(
            at(json!({ "d": "2026-10-05" })),
            ("2026-10-05".into(), true)
        );
        assert_eq!(
            at(json!({ "d": "2026-09-30" })),
            ("2026-09-30".into(), false)
        );
        assert_eq!(at(json!({ "d": "2026-09" })), ("2026-09-30".into(), false));
        assert_eq!(
            at(json!({ "d": "2026-10-01T23:00:00Z" })),
            ("2026-10-02".into(), true)
        );
        assert_eq!(
            at(json!({ "d": "2026-10-01T23:00" })),
            ("2026-10-01".into(), true)
        );
        assert_eq!(at(json!({})), ("2026-10-05".into(), true));
    }
}
