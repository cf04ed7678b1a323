//! Adding a record to the aggregates of a threshold: one arm per shape. Comparing with the limit
//! is the work of `limits`, except where a record is good or bad by itself.

use jiff::Timestamp;

use super::{Data, Door, Port, comparison};
use crate::engine::data::{Outage, Part, Snap};
use crate::engine::fact::{Fact, read_date};
use crate::language::threshold::{Aggregate, NumberOrField};
use crate::language::{Shape, Threshold};

impl Data {
    pub(super) fn take_threshold(&mut self, threshold: &Threshold, door: &Door<'_>) {
        let Door {
            port,
            fact,
            when,
            contract,
            ..
        } = *door;
        let hours = &contract.versions[0].book.hours;
        let limit = comparison(threshold);
        let mut part = Part::of(fact.seq, when.day);
        let snap = |value: Option<f64>, text: Option<String>, ok: bool| Snap {
            when,
            seq: fact.seq,
            ok,
            keep_away: Vec::new(),
            value,
            text,
        };
        match &threshold.shape {
            Shape::Availability {
                total: Some(total),
                down: Some(down),
                exclude,
                ..
            } => {
                let planned = fact.number(total).unwrap_or(0.0);
                let out = fact.number(down).unwrap_or(0.0);
                let excluded: f64 = exclude
                    .iter()
                    .filter(|each| {
                        each.proof
                            .as_deref()
                            .is_none_or(|field| !fact.texts(field).is_empty())
                    })
                    .filter(|each| {
                        each.conditions
                            .iter()
                            .all(|condition| fact.holds(condition, when, hours))
                    })
                    .filter_map(|each| fact.number(each.field.as_deref()?))
                    .sum();
                part.values = [planned, out, excluded];
                part.valued = true;
                self.put_part(part, door);
            }
            Shape::Availability {
                from, to, exclude, ..
            } => {
                let instant = |field: &Option<String>| {
                    field
                        .as_deref()
                        .and_then(|field| fact.text(field))
                        .and_then(|text| {
                            text.parse::<Timestamp>().ok().or_else(|| {
                                text.parse::<jiff::civil::DateTime>()
                                    .ok()
                                    .map(mamori_kernel::clock::tokyo_instant)
                            })
                        })
                };
                let Some(start) = instant(from) else { return };
                let end = instant(to);
                let seconds = end.map_or(i64::MAX, |end| end.as_second() - start.as_second());
                let excluded = exclude
                    .iter()
                    .find(|each| {
                        each.proof
                            .as_deref()
                            .is_none_or(|field| !fact.texts(field).is_empty())
                            && each
                                .conditions
                                .iter()
                                .all(|condition| fact.holds(condition, when, hours))
                            && each.shorter_than.is_none_or(|span| {
                                span.seconds().is_some_and(|least| seconds < least)
                            })
                    })
                    .map(|each| each.title.clone());
                // The same outage told again (closed later) replaces the open one.
                self.outages
                    .retain(|known| known.from != start || known.seq > fact.seq);
                if !self.outages.iter().any(|known| known.from == start) {
                    self.outages.push(Outage {
                        from: start,
                        to: end,
                        excluded,
                        seq: fact.seq,
                    });
                    self.outages.sort_by_key(|outage| (outage.from, outage.seq));
                }
                self.tally.first = Some(
                    self.tally
                        .first
                        .map_or(when.day, |first| first.min(when.day)),
                );
            }
            Shape::Share { good } => {
                part.good = good
                    .iter()
                    .all(|condition| fact.holds(condition, when, hours));
                self.put_part(part, door);
            }
            Shape::Performance { field, .. } => {
                let value = fact.number(field);
                part.good = value
                    .zip(limit)
                    .is_some_and(|(value, limit)| limit.holds(value));
                part.valued = value.is_some();
                part.values[0] = value.unwrap_or(0.0);
                self.put_part(part, door);
            }
            Shape::Longest { field, from, to } => {
                let value = match field {
                    Some(field) => fact.number(field),
                    None => duration(
                        fact,
                        from.as_deref(),
                        to.as_deref(),
                        threshold.unit.as_deref(),
                    ),
                };
                self.valued(part, value, limit, door);
            }
            Shape::RecoveryTime { field } | Shape::Sum { field } => {
                let value = fact.number(field);
                self.valued(part, value, limit, door);
            }
            Shape::Value { field, aggregate } => {
                let value = fact.number(field);
                if *aggregate == Aggregate::Newest {
                    self.latest.put(String::new(), snap(value, None, true));
                }
                let each = (*aggregate == Aggregate::Each).then_some(limit).flatten();
                self.valued(part, value, each, door);
            }
            Shape::PlanCap { field, .. } => {
                let value = field
                    .as_deref()
                    .map_or(Some(1.0), |field| fact.number(field));
                if value.is_some() {
                    self.latest.put(String::new(), snap(value, None, true));
                }
                self.valued(part, value, None, door);
            }
            Shape::Count { distinct } => {
                if let Some(field) = distinct {
                    part.distinct = fact.texts(field);
                }
                self.put_part(part, door);
            }
            Shape::RecoveryPoint => {
                self.times.insert(when.at);
                self.put_part(part, door);
            }
            Shape::Capacity { field, by } => {
                let by = by
                    .as_deref()
                    .and_then(|field| fact.text(field))
                    .unwrap_or_default();
                self.latest.put(by, snap(fact.number(field), None, true));
            }
            Shape::Coverage {
                universe_field,
                covered_field,
                ..
            } => {
                let field = match port {
                    Port::Answer => covered_field.as_deref().unwrap_or(universe_field),
                    _ => universe_field,
                };
                self.cover(port, field, fact, when);
            }
            Shape::Generations {
                class,
                class_field,
                method_field,
                generations_field,
                ..
            } => {
                let class_field = class_field.as_deref().unwrap_or("class");
                if class
                    .as_ref()
                    .is_some_and(|class| fact.text(class_field).as_ref() != Some(class))
                {
                    return;
                }
                if fact.value("ok") == Some(&serde_json::Value::Bool(false)) {
                    return;
                }
                let method = fact
                    .text(method_field.as_deref().unwrap_or("method"))
                    .unwrap_or_default();
                let generations =
                    fact.number(generations_field.as_deref().unwrap_or("generations"));
                if method == "full" {
                    self.tally.add(&part);
                } else {
                    self.side.add(&part);
                }
                if generations.is_some() {
                    self.latest
                        .put(String::new(), snap(generations, None, true));
                }
            }
            Shape::Retention {
                oldest: Some(field),
                ..
            } => {
                let oldest = fact.value(field).and_then(read_date);
                self.latest.put(
                    String::new(),
                    snap(None, oldest.map(|day| day.to_string()), true),
                );
                self.tally.add(&part);
            }
            Shape::Retention {
                keep,
                basis,
                deleted,
                ..
            } => {
                let original = deleted
                    .as_deref()
                    .and_then(|field| fact.value(field))
                    .and_then(read_date);
                if let (Some(original), crate::language::OrParam::Value(keep)) = (original, keep) {
                    let until = crate::rules::numbers::keep_until(original, *keep, *basis);
                    if until.is_some_and(|until| when.day <= until) {
                        part.good = false;
                        part.bad = Some(format!(
                            "{original}の記録を保存期間の終わる前（{}）に消しています",
                            when.day
                        ));
                    }
                }
                self.put_part(part, door);
            }
            Shape::Range { field, min, max } => {
                let value = fact.number(field);
                if let Some(value) = value {
                    let out = min.is_some_and(|least| value < least)
                        || max.is_some_and(|most| value > most);
                    if out {
                        part.good = false;
                        part.bad = Some(format!("{}の値 {value} が範囲の外です", when.day));
                    }
                    self.latest
                        .put(String::new(), snap(Some(value), None, !out));
                }
                part.valued = value.is_some();
                part.values[0] = value.unwrap_or(0.0);
                self.put_part(part, door);
            }
            Shape::Version {
                field,
                newest_from,
                by,
                ..
            } => {
                let by = by
                    .as_deref()
                    .and_then(|field| fact.text(field))
                    .unwrap_or_default();
                if port == Port::Known {
                    let field = newest_from
                        .as_ref()
                        .map_or("version", |newest| newest.field.as_str());
                    self.known.put(by, snap(None, fact.text(field), true));
                } else {
                    self.latest.put(by, snap(None, fact.text(field), true));
                }
            }
            Shape::Score { points, full } => {
                let whole = match full {
                    NumberOrField::Number(number) => Some(*number),
                    NumberOrField::Field(field) => fact.number(field),
                };
                part.values = [
                    fact.number(points).unwrap_or(0.0),
                    whole.unwrap_or(0.0),
                    0.0,
                ];
                part.valued = true;
                self.put_part(part, door);
            }
            Shape::PenaltyPoints { items, .. } => {
                for (index, item) in items.iter().enumerate() {
                    if item
                        .conditions
                        .iter()
                        .all(|condition| fact.holds(condition, when, hours))
                    {
                        let entry = (when.day, index, item.points, fact.seq);
                        let at = self
                            .points
                            .partition_point(|known| (known.0, known.3) <= (entry.0, entry.3));
                        self.points.insert(at, entry);
                    }
                }
                self.put_part(part, door);
            }
            Shape::PenaltyMoney { .. } | Shape::LateInterest { .. } => {}
        }
    }
}

fn duration(fact: &Fact, from: Option<&str>, to: Option<&str>, unit: Option<&str>) -> Option<f64> {
    let at = |field: Option<&str>| {
        field
            .and_then(|field| fact.value(field))
            .map(|_| fact.when(field).at.as_second())
    };
    let seconds = (at(to)? - at(from)?) as f64;
    Some(match unit {
        Some("seconds" | "秒" | "s") => seconds,
        Some("hours" | "時間" | "h") => seconds / 3600.0,
        Some("days" | "日" | "d") => seconds / 86_400.0,
        _ => seconds / 60.0,
    })
}
