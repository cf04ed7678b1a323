//! Verdicts of thresholds and counters for one period.
//!
//! Here: the choice by shape and the comparison with a limit. `service` measures running systems,
//! `keeping` backups and retention, `allowance` counters, `money` what a breach costs.

mod allowance;
mod keeping;
mod money;
mod service;

use jiff::civil::Date;

use super::judge::{Context, Part};
use super::meter::{Data, comparison, missing_parameter};
use super::state::{Figure, Verdict};
use crate::language::threshold::Aggregate;
use crate::language::{OrParam, Shape, Threshold};
use crate::rules::dates::minus;
use crate::rules::money::penalty_points;
use crate::rules::numbers::{Comparison, availability, number, percent};

/// How a measured value relates to the time still to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Course {
    /// It may still rise or fall: a miss before the period's end is not final, nor is a hit.
    Open,
    /// It only grows: a miss of an upper limit is final, a hit of a lower one too.
    Grows,
    /// It is as it is now.
    Now,
}

impl Context<'_> {
    /// The verdict of a threshold.
    pub fn threshold(&self, threshold: &Threshold, data: &Data) -> Part {
        if matches!(
            threshold.shape,
            Shape::PenaltyMoney { .. } | Shape::LateInterest { .. }
        ) {
            // Computed from other parts, see `money`.
            return Part::new(Verdict::NotApplicable, "");
        }
        let kinds = threshold
            .of
            .as_ref()
            .map(crate::language::Select::kinds)
            .unwrap_or_default();
        if !kinds.is_empty() && !kinds.iter().any(|kind| (self.written)(kind)) {
            return Self::no_figure(
                threshold,
                format!("証跡「{}」を書く機能がまだありません", kinds.join("、")),
            );
        }
        if let Some(name) = missing_parameter(threshold) {
            let why = self
                .contract
                .unknown_ja(&crate::rules::dates::NoDate::Needs(name.to_owned()));
            return Part::new(Verdict::Undecided, format!("限度が決まりません: {why}"));
        }
        let total = data.tally.sum(self.first, self.as_of());
        let value = |value: Option<f64>, course: Course, unit: &str| {
            self.compare(threshold, value, course, unit, &total.recent)
        };
        match &threshold.shape {
            Shape::Availability { total: Some(_), .. } => {
                let [planned, down, excluded] = total.sums;
                // Excluded minutes are part of the downtime told; they are not held against it.
                value(
                    availability(planned, (down - excluded).max(0.0), excluded),
                    Course::Open,
                    "%",
                )
            }
            Shape::Availability { hours, .. } => {
                let figure = data
                    .tally
                    .first
                    .map(|_| self.outages(data, hours.as_deref()));
                // The base grows with every moment.
                value(figure.flatten(), Course::Open, "%").until(self.now.at)
            }
            Shape::Share { .. } => value(
                percent(total.good as f64, total.count as f64),
                Course::Open,
                "%",
            ),
            Shape::Performance {
                percent: wanted, ..
            } => {
                let share = percent(total.good as f64, total.count as f64);
                let wanted = wanted.unwrap_or(100.0);
                let limit = comparison(threshold).map_or(String::new(), |limit| {
                    limit.japanese(Self::unit(threshold, "秒"))
                });
                let Some(share) = share else {
                    return Self::no_figure(threshold, "まだ測った記録がありません".into());
                };
                let holds = share + 1e-9 >= wanted;
                let text = format!(
                    "{}% が {limit}（{}% 以上が要ります）",
                    number(share),
                    number(wanted)
                );
                let mut part = self.judged(threshold, holds, text, Course::Open);
                part.figures.push(self.figure(
                    threshold,
                    Some(share),
                    "%",
                    format!("{limit}: {}%以上", number(wanted)),
                    Some(holds),
                ));
                part.from(total.recent)
            }
            Shape::Longest { .. } | Shape::RecoveryTime { .. } => {
                if total.count == 0 {
                    return Part::new(Verdict::NotApplicable, "該当する記録がありません");
                }
                value(total.max, Course::Grows, Self::unit(threshold, "分"))
            }
            Shape::RecoveryPoint => {
                // The running gap grows with every moment.
                value(
                    self.longest_gap(data, threshold),
                    Course::Grows,
                    Self::unit(threshold, "分"),
                )
                .until(self.now.at)
            }
            Shape::Count { distinct } => {
                let count = if distinct.is_some() {
                    total.distinct.len() as f64
                } else {
                    total.count as f64
                };
                value(Some(count), Course::Grows, Self::unit(threshold, "件"))
            }
            Shape::Sum { .. } => value(
                Some(total.sums[0]),
                Course::Grows,
                Self::unit(threshold, ""),
            ),
            Shape::PlanCap { aggregate, .. } => {
                let figure = match aggregate.unwrap_or(Aggregate::Sum) {
                    Aggregate::Newest => data
                        .latest
                        .as_of("", self.as_of())
                        .and_then(|snap| snap.value),
                    Aggregate::Max => total.max,
                    Aggregate::Min => total.min,
                    Aggregate::Average => percent(total.sums[0], total.count as f64 * 100.0),
                    Aggregate::Count => Some(total.count as f64),
                    Aggregate::Sum | Aggregate::Each => (total.count > 0).then_some(total.sums[0]),
                };
                value(figure, Course::Grows, Self::unit(threshold, ""))
            }
            Shape::Value { aggregate, .. } => match aggregate {
                Aggregate::Newest => {
                    let snap = data.latest.as_of("", self.as_of());
                    value(
                        snap.and_then(|snap| snap.value),
                        Course::Now,
                        Self::unit(threshold, ""),
                    )
                    .from(snap.map(|snap| snap.seq))
                }
                Aggregate::Each => {
                    let worst = match comparison(threshold) {
                        Some(Comparison::AtLeast(_) | Comparison::MoreThan(_)) => total.min,
                        _ => total.max,
                    };
                    value(worst, Course::Grows, Self::unit(threshold, ""))
                }
                Aggregate::Min => value(total.min, Course::Grows, Self::unit(threshold, "")),
                Aggregate::Max => value(total.max, Course::Grows, Self::unit(threshold, "")),
                Aggregate::Sum => value(
                    (total.count > 0).then_some(total.sums[0]),
                    Course::Grows,
                    Self::unit(threshold, ""),
                ),
                Aggregate::Count => value(
                    Some(total.count as f64),
                    Course::Grows,
                    Self::unit(threshold, "件"),
                ),
                Aggregate::Average => {
                    let mean = (total.count > 0).then(|| total.sums[0] / total.count as f64);
                    value(mean, Course::Open, Self::unit(threshold, ""))
                }
            },
            Shape::Capacity { .. } => self.capacity(threshold, data),
            Shape::Coverage { .. } => {
                let share = match comparison(threshold) {
                    Some(Comparison::AtLeast(share)) => share,
                    _ => 100.0,
                };
                self.cover(data, share, None)
            }
            Shape::Generations {
                full,
                differential,
                keep,
                ..
            } => self.generations(threshold, data, *full, *differential, *keep),
            Shape::Retention {
                keep,
                basis: _,
                oldest,
                ..
            } => {
                if oldest.is_none() {
                    return self.deletions(threshold, data);
                }
                let OrParam::Value(keep) = keep else {
                    return Part::new(Verdict::Undecided, "保存期間がまだ決まっていません");
                };
                let day = self.as_of();
                let Some(snap) = data.latest.as_of("", day) else {
                    return Self::no_figure(threshold, "まだ測った記録がありません".into());
                };
                let oldest: Option<Date> = snap.text.as_deref().and_then(|text| text.parse().ok());
                // Nothing older than the beginning of the contract can be asked for.
                let wanted =
                    minus(snap.when.day, *keep).map(|day| day.max(self.contract.term.first()));
                let holds = oldest
                    .zip(wanted)
                    .is_some_and(|(oldest, wanted)| oldest <= wanted);
                let text = match (oldest, wanted) {
                    (Some(oldest), Some(wanted)) => format!(
                        "{oldest} から残っています（{} なら {wanted} から）",
                        keep.japanese()
                    ),
                    _ => "残る最古の日がわかりません".into(),
                };
                self.judged(threshold, holds, text, Course::Now)
                    .from([snap.seq])
            }
            Shape::Range { min, max, .. } => {
                if total.count == 0 {
                    return Self::no_figure(threshold, "まだ測った記録がありません".into());
                }
                let edge = |value: Option<f64>| value.map_or(String::new(), number);
                let limit = format!("{}〜{}", edge(*min), edge(*max));
                let holds = total.good == total.count;
                let text = if holds {
                    format!("{} 件すべてが {limit} の内です", total.count)
                } else {
                    format!(
                        "{} 件のうち {} 件が {limit} の外です",
                        total.count,
                        total.count - total.good
                    )
                };
                let mut part = self.judged(threshold, holds, text, Course::Grows);
                let newest = data
                    .latest
                    .as_of("", self.as_of())
                    .and_then(|snap| snap.value);
                part.figures.push(self.figure(
                    threshold,
                    newest,
                    Self::unit(threshold, ""),
                    limit,
                    Some(holds),
                ));
                part.from(total.bad.iter().map(|bad| bad.seq))
                    .from(total.recent)
            }
            Shape::Version {
                newest_from,
                grace,
                edition,
                ..
            } => self.versions(
                threshold,
                data,
                newest_from.is_some(),
                *grace,
                edition.as_deref(),
            ),
            Shape::Score { .. } => value(percent(total.sums[0], total.sums[1]), Course::Open, "%"),
            Shape::PenaltyPoints {
                repeat, expires, ..
            } => {
                let day = self.as_of();
                let events: Vec<(Date, usize, f64)> = data
                    .points
                    .iter()
                    .filter(|(at, ..)| *at <= day)
                    .map(|(at, item, points, _)| (*at, *item, *points))
                    .collect();
                let points = penalty_points(&events, repeat.unwrap_or(1.0), *expires, day);
                self.compare(
                    threshold,
                    Some(points),
                    Course::Now,
                    Self::unit(threshold, "点"),
                    &data
                        .points
                        .iter()
                        .rev()
                        .take(8)
                        .map(|(_, _, _, seq)| *seq)
                        .collect::<Vec<_>>(),
                )
            }
            Shape::PenaltyMoney { .. } | Shape::LateInterest { .. } => {
                Part::new(Verdict::NotApplicable, "")
            }
        }
    }

    fn unit<'a>(threshold: &'a Threshold, otherwise: &'a str) -> &'a str {
        match threshold.unit.as_deref() {
            Some("minutes" | "m") => "分",
            Some("seconds" | "s") => "秒",
            Some("hours" | "h") => "時間",
            Some("days" | "d") => "日",
            Some(other) => other,
            None => otherwise,
        }
    }

    fn figure(
        &self,
        threshold: &Threshold,
        value: Option<f64>,
        unit: &str,
        limit: String,
        holds: Option<bool>,
    ) -> Figure {
        Figure {
            title: threshold
                .title
                .clone()
                .unwrap_or_else(|| self.obligation.title.clone()),
            value,
            unit: unit.to_owned(),
            limit: if threshold.guide {
                format!("{limit}（目安）")
            } else {
                limit
            },
            holds,
            internal: false,
        }
    }

    fn no_figure(threshold: &Threshold, why: String) -> Part {
        let verdict = if threshold.guide {
            Verdict::NotApplicable
        } else {
            Verdict::Unmeasured
        };
        Part::new(verdict, why)
    }

    /// A verdict from holding or not: guide values only warn.
    fn judged(&self, threshold: &Threshold, holds: bool, text: String, course: Course) -> Part {
        let open = course == Course::Open && !self.over();
        match (holds, threshold.guide) {
            (true, _) => Part::new(Verdict::Met, text),
            (false, true) => Part::new(Verdict::Met, "").warn(format!("目安の外です: {text}")),
            // The mean of a running period may still recover.
            (false, false) if open => Part::new(Verdict::Pending, format!("{text}（期間の途中）"))
                .warn(format!("このままでは限度を割ります: {text}")),
            (false, false) => Part::new(Verdict::NotMet, text),
        }
    }

    fn compare(
        &self,
        threshold: &Threshold,
        value: Option<f64>,
        course: Course,
        unit: &str,
        recent: &[u64],
    ) -> Part {
        let Some(limit) = comparison(threshold) else {
            return Part::new(Verdict::Undecided, "限度を読めません");
        };
        let words = limit.japanese(unit);
        let Some(value) = value else {
            let mut part = Self::no_figure(threshold, "まだ測った記録がありません".into());
            part.figures
                .push(self.figure(threshold, None, unit, words, None));
            return part;
        };
        let holds = limit.holds(value);
        let text = format!("{}{unit}（{words}）", number(value));
        let mut part = match course {
            Course::Grows if !self.over() => {
                if !limit.may_still_hold(value) {
                    self.judged(threshold, false, text, course)
                } else if limit.is_settled(value)
                    || (holds && !matches!(limit, Comparison::Exactly(_)))
                {
                    Part::new(Verdict::Met, text)
                } else {
                    self.growing(&text)
                }
            }
            _ => self.judged(threshold, holds, text, course),
        };
        part.figures
            .push(self.figure(threshold, Some(value), unit, words, Some(holds)));
        part.from(recent.iter().copied())
    }

    /// Not enough yet: pending until the due date or the period's end.
    fn growing(&self, text: &str) -> Part {
        match &self.due {
            Some(Ok(due)) if self.now.day > due.date => Part::new(
                Verdict::NotMet,
                format!("{text}。期限 {} を過ぎています", due.date),
            ),
            _ => Part::new(Verdict::Pending, format!("{text}（期間の途中）")),
        }
    }
}
