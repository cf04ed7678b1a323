//! Verdicts of thresholds and counters for one period.

use jiff::civil::Date;
use mamori_kernel::clock::tokyo_midnight;

use super::counter::counter_state;
use super::data::Tally;
use super::judge::{Context, Part};
use super::meter::{Data, comparison, missing_parameter};
use super::state::{Figure, Verdict};
use crate::language::threshold::{Aggregate, Cycle, Formula};
use crate::language::{OrParam, Over, Quantity, Shape, Threshold};
use crate::rules::dates::{minus, plus};
use crate::rules::money::{late_interest, penalty_points, percent_cut, shortfall};
use crate::rules::numbers::{Comparison, availability, compare_versions, number, percent};

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

    /// Percent of planned service time that was up, from outages.
    fn outages(&self, data: &Data, hours: Option<&str>) -> Option<f64> {
        let service = |from: jiff::Timestamp, to: jiff::Timestamp| -> f64 {
            if to <= from {
                return 0.0;
            }
            match hours.and_then(|name| self.book.hours.get(name)) {
                Some(hours) => hours.service.seconds_between(from, to) as f64,
                None => (to.as_second() - from.as_second()) as f64,
            }
        };
        let start = tokyo_midnight(self.first);
        let end = self.now.at.min(tokyo_midnight(self.last.tomorrow().ok()?));
        let mut reached = start;
        let (mut down, mut excluded) = (0.0, 0.0);
        for outage in &data.outages {
            let from = outage.from.max(reached);
            let to = outage.to.unwrap_or(self.now.at).min(end);
            let seconds = service(from, to);
            if outage.excluded.is_some() {
                excluded += seconds;
            } else {
                down += seconds;
            }
            reached = reached.max(to);
        }
        availability(service(start, end), down, excluded)
    }

    /// Longest time without a record, the running gap included, in the threshold's unit.
    fn longest_gap(&self, data: &Data, threshold: &Threshold) -> Option<f64> {
        let start = tokyo_midnight(self.first);
        let end = self.now.at.min(tokyo_midnight(self.last.tomorrow().ok()?));
        let before = data.times.range(..start).next_back().copied();
        let mut inside = data.times.range(start..=end).copied();
        let mut known = before.or_else(|| inside.next())?;
        let mut longest = 0;
        for at in inside.chain([end]) {
            longest = longest.max(at.as_second() - known.max(start).as_second());
            known = at;
        }
        Some(match threshold.unit.as_deref() {
            Some("seconds" | "秒" | "s") => longest as f64,
            Some("hours" | "時間" | "h") => longest as f64 / 3600.0,
            Some("days" | "日" | "d") => longest as f64 / 86_400.0,
            _ => longest as f64 / 60.0,
        })
    }

    fn capacity(&self, threshold: &Threshold, data: &Data) -> Part {
        let Some(limit) = comparison(threshold) else {
            return Part::new(Verdict::Undecided, "限度を読めません");
        };
        let unit = Self::unit(threshold, "");
        let mut part = Part::new(Verdict::Met, "");
        let mut seen = false;
        for by in data.latest.by.keys() {
            let Some(snap) = data.latest.as_of(by, self.as_of()) else {
                continue;
            };
            let Some(value) = snap.value else { continue };
            seen = true;
            let name = if by.is_empty() {
                String::new()
            } else {
                format!("{by}: ")
            };
            let holds = limit.holds(value);
            let text = format!("{name}{}{unit}（{}）", number(value), limit.japanese(unit));
            let one = self.judged(threshold, holds, text, Course::Now);
            part.warnings.extend(one.warnings);
            for reason in one.reasons {
                super::judge::worsen(&mut part, one.verdict, reason);
            }
            part.figures.push(self.figure(
                threshold,
                Some(value),
                unit,
                limit.japanese(unit),
                Some(holds),
            ));
            part = part.from([snap.seq]);
        }
        if seen {
            part
        } else {
            Self::no_figure(threshold, "まだ測った記録がありません".into())
        }
    }

    fn generations(
        &self,
        threshold: &Threshold,
        data: &Data,
        full: Cycle,
        differential: Option<Cycle>,
        keep: u64,
    ) -> Part {
        let day = self.as_of();
        let first = [data.tally.first, data.side.first]
            .into_iter()
            .flatten()
            .min();
        let Some(first) = first.filter(|first| *first <= day) else {
            return Self::no_figure(threshold, "バックアップの記録がまだありません".into());
        };
        let from = first.max(self.first);
        let to = if self.over() {
            self.last
        } else {
            self.now.day.yesterday().unwrap_or(self.now.day)
        };
        let missing_full = Self::cycles(full, from, to, |a, b| data.tally.count(a, b) > 0);
        let missing_diff = differential.map_or(Vec::new(), |cycle| {
            // On the day of a full backup no differential one is needed.
            Self::cycles(cycle, from, to, |a, b| {
                data.side.count(a, b) > 0 || data.tally.count(a, b) > 0
            })
        });
        let snap = data.latest.as_of("", day);
        let kept = snap.and_then(|snap| snap.value);
        let mut part = Part::new(Verdict::Met, "");
        let name = |cycle: Cycle| match cycle {
            Cycle::Day => "日次",
            Cycle::Week => "週次",
            Cycle::Month => "月次",
        };
        let mut lack = |missing: &[Date], what: &str| {
            if let Some(first) = missing.first() {
                let text = format!("{what}が {} 回欠けています（{first} など）", missing.len());
                let one = self.judged(threshold, false, text, Course::Now);
                part.warnings.extend(one.warnings);
                for reason in one.reasons {
                    super::judge::worsen(&mut part, one.verdict, reason);
                }
            }
        };
        lack(&missing_full, &format!("{}の全量バックアップ", name(full)));
        if let Some(cycle) = differential {
            lack(&missing_diff, &format!("{}の差分バックアップ", name(cycle)));
        }
        match kept {
            Some(kept) if kept >= keep as f64 => {}
            Some(kept) => {
                // The first generations take their cycles to fill up.
                let filling = data.tally.count(first, day) < keep;
                let verdict = if filling {
                    Verdict::Pending
                } else {
                    Verdict::NotMet
                };
                super::judge::worsen(
                    &mut part,
                    verdict,
                    format!("{kept} 世代です（{keep} 世代以上）"),
                );
            }
            None => super::judge::worsen(
                &mut part,
                Verdict::Unmeasured,
                "世代数の記録がありません".into(),
            ),
        }
        part.figures.push(self.figure(
            threshold,
            kept,
            "世代",
            format!("{keep}世代以上"),
            kept.map(|kept| kept >= keep as f64),
        ));
        if part.verdict == Verdict::Met {
            part.reasons.push(format!(
                "周期どおりのバックアップが {keep} 世代以上あります"
            ));
        }
        part.from(data.tally.sum(from, day).recent)
            .from(snap.map(|snap| snap.seq))
    }

    /// First days of complete cycles without a record.
    fn cycles(cycle: Cycle, from: Date, to: Date, has: impl Fn(Date, Date) -> bool) -> Vec<Date> {
        use jiff::ToSpan;
        let days = || {
            std::iter::successors(Some(from), |day| day.tomorrow().ok())
                .take_while(|day| *day <= to)
        };
        let spans: Vec<(Date, Date)> = match cycle {
            Cycle::Day => days().map(|day| (day, day)).collect(),
            Cycle::Week => days()
                .filter(|day| day.weekday() == jiff::civil::Weekday::Monday)
                .filter_map(|day| Some((day, day.checked_add(6.days()).ok()?)))
                .filter(|(_, last)| *last <= to)
                .collect(),
            Cycle::Month => mamori_kernel::period::PeriodKind::Month
                .over(from, to)
                .map(|month| (month.first(), month.last()))
                .filter(|(_, last)| *last <= to)
                .collect(),
        };
        spans
            .into_iter()
            .filter(|(a, b)| !has(*a, *b))
            .map(|(a, _)| a)
            .collect()
    }

    fn deletions(&self, threshold: &Threshold, data: &Data) -> Part {
        let total = data.tally.sum(self.first, self.as_of());
        if total.count == 0 {
            return Part::new(Verdict::NotApplicable, "消した記録がありません");
        }
        let holds = total.good == total.count;
        let text = if holds {
            format!("{} 件とも保存期間の後に消しています", total.count)
        } else {
            total.bad.last().map_or_else(
                || "保存期間の前に消しています".to_owned(),
                |bad| bad.why.clone(),
            )
        };
        self.judged(threshold, holds, text, Course::Grows)
            .from(total.bad.iter().map(|bad| bad.seq))
            .from(total.recent)
    }

    fn versions(
        &self,
        threshold: &Threshold,
        data: &Data,
        by_known: bool,
        grace: Option<crate::language::Span>,
        edition: Option<&str>,
    ) -> Part {
        if let Some(name) = edition.and_then(|edition| edition.strip_prefix('$')) {
            let why = self
                .contract
                .unknown_ja(&crate::rules::dates::NoDate::Needs(name.to_owned()));
            return Part::new(Verdict::Undecided, format!("版が決まりません: {why}"));
        }
        let day = self.as_of();
        let mut part = Part::new(Verdict::Met, "");
        let mut seen = 0;
        for by in data.latest.by.keys() {
            let Some(snap) = data.latest.as_of(by, day) else {
                continue;
            };
            let Some(version) = &snap.text else { continue };
            seen += 1;
            part = part.from([snap.seq]);
            let name = if by.is_empty() {
                String::new()
            } else {
                format!("{by} ")
            };
            let (holds, text) = if by_known {
                let newest = data
                    .known
                    .as_of(by, day)
                    .or_else(|| data.known.as_of("", day));
                let Some((newest, known)) =
                    newest.and_then(|snap| Some((snap, snap.text.as_ref()?)))
                else {
                    super::judge::worsen(
                        &mut part,
                        Verdict::Unmeasured,
                        format!("{name}最新版がわかりません"),
                    );
                    continue;
                };
                part = part.from([newest.seq]);
                let behind = compare_versions(version, known).is_lt();
                let in_grace = grace
                    .and_then(|grace| plus(newest.when.day, grace))
                    .is_some_and(|last| day <= last);
                (
                    !behind || in_grace,
                    format!("{name}{version}（最新 {known}）"),
                )
            } else if let Some(edition) = edition {
                (version == edition, format!("{name}{version}（{edition}）"))
            } else {
                let least = match &threshold.at_least {
                    Some(Quantity::Text(text)) => text.clone(),
                    Some(Quantity::Number(least)) => number(*least),
                    None => String::new(),
                };
                (
                    compare_versions(version, &least).is_ge(),
                    format!("{name}{version}（{least}以上）"),
                )
            };
            let one = self.judged(threshold, holds, text, Course::Now);
            part.warnings.extend(one.warnings);
            for reason in one.reasons {
                super::judge::worsen(&mut part, one.verdict, reason);
            }
        }
        if seen == 0 {
            Self::no_figure(threshold, "まだ測った記録がありません".into())
        } else {
            part
        }
    }

    /// The verdict of a counter for this period.
    pub fn counter(&self, name: &str, tally: &Tally) -> Part {
        let Some(counter) = self.contract.counter(name) else {
            return Part::new(Verdict::NotApplicable, "");
        };
        if !counter.of.kinds().iter().any(|kind| (self.written)(kind)) {
            return Part::new(
                Verdict::Unmeasured,
                format!(
                    "証跡「{}」を書く機能がまだありません",
                    counter.of.kinds().join("、")
                ),
            );
        }
        let state = counter_state(
            counter,
            tally,
            self.period,
            self.contract.term.first(),
            |period| {
                self.contract
                    .number(&counter.cap, self.contract.version_for(period))
            },
            &self.contract.file.categories,
            |period| (self.settled_categories)(period),
        );
        let unit = &state.unit;
        if state.categories.is_empty() && counter.cadence.is_none() {
            return Part::new(
                Verdict::NotApplicable,
                format!("「{}」に数える記録がありません", counter.title),
            );
        }
        let Some(cap) = state.cap else {
            return Part::new(
                Verdict::Undecided,
                format!("「{}」の上限がまだ決まっていません", counter.title),
            );
        };
        let all = cap + state.carried;
        let open = if state.undecided > 0.0 {
            format!("、未決 {}{unit}", number(state.undecided))
        } else {
            String::new()
        };
        let text = format!(
            "{}{unit} / {}{unit}{open}",
            number(state.counted),
            number(all)
        );
        let over_text = format!(
            "{text}。{}{unit} 超えています。{}",
            number(state.over),
            counter.over_note.as_deref().unwrap_or("")
        );
        let mut part = match (state.over > 0.0, counter.over) {
            (false, _) => Part::new(Verdict::Met, text.clone()),
            (true, Over::Breach) => Part::new(Verdict::NotMet, over_text),
            (true, Over::Warn) => Part::new(Verdict::Met, text.clone()).warn(over_text),
            (true, Over::Allow) => Part::new(Verdict::Met, over_text),
        };
        if state.over <= 0.0 && state.over_if_all > 0.0 {
            // Whether the cap is kept depends on work the text does not classify.
            if counter.over == Over::Breach {
                part = Part::new(
                    Verdict::Undecided,
                    format!("{text}。数え方の決まらない作業を数えれば超えます"),
                );
            } else {
                part = part.warn(format!(
                    "数え方の決まらない作業を数えると {}{unit} 超えます",
                    number(state.over_if_all)
                ));
            }
        }
        if let Some(cadence) = counter.cadence
            && let Some(kind) = crate::model::period_kind(cadence.per)
        {
            for each in kind.over(self.first, self.last) {
                let (from, to) = (each.first().max(self.first), each.last().min(self.last));
                let have = tally.count(from, to);
                if have >= u64::from(cadence.at_least) {
                    continue;
                }
                if to < self.now.day {
                    super::judge::worsen(
                        &mut part,
                        Verdict::NotMet,
                        format!(
                            "{}は {have} 回です（{} 回以上）",
                            each.japanese(),
                            cadence.at_least
                        ),
                    );
                } else if from <= self.now.day {
                    super::judge::worsen(
                        &mut part,
                        Verdict::Pending,
                        format!("{}はまだ {have} 回です", each.japanese()),
                    );
                }
            }
        }
        part.figures.push(Figure {
            title: counter.title.clone(),
            value: Some(state.counted),
            unit: unit.clone(),
            limit: format!("{}{unit}以内", number(all)),
            holds: Some(state.over <= 0.0),
            internal: false,
        });
        part.from(tally.sum(self.first, self.as_of()).recent)
    }

    /// Money computed from the other parts of a period: shown, never judged.
    pub fn money(
        &self,
        threshold: &Threshold,
        figures: &[Figure],
        late_days: Option<i64>,
    ) -> Option<Figure> {
        let plain = |quantity: &Quantity| match quantity {
            Quantity::Number(number) => Some(*number),
            Quantity::Text(text) => text.parse().ok(),
        };
        let (title, value) = match &threshold.shape {
            Shape::PenaltyMoney {
                fee,
                formula,
                percent,
                amount,
                from_threshold,
            } => {
                let measured = figures.get(from_threshold.unwrap_or(0))?;
                let broken = measured.holds == Some(false);
                let money = match formula {
                    Formula::Shortfall => shortfall(plain(fee)?, measured.value?),
                    Formula::Percent => percent_cut(plain(fee)?, percent.unwrap_or(0.0)),
                    Formula::Guarantee => amount.unwrap_or(0.0),
                };
                ("違約金の計算", if broken { money } else { 0.0 })
            }
            Shape::LateInterest {
                rate,
                amount,
                year_days,
            } => {
                let due = self.due.as_ref()?.as_ref().ok()?.date;
                let days = late_days.unwrap_or(0).max(0);
                let paid = due.checked_add(jiff::ToSpan::days(days)).ok()?;
                (
                    "遅延利息の計算",
                    late_interest(
                        plain(amount)?,
                        plain(rate)?,
                        due,
                        paid,
                        year_days.unwrap_or(365.0),
                    ),
                )
            }
            _ => return None,
        };
        Some(Figure {
            title: threshold.title.clone().unwrap_or_else(|| title.to_owned()),
            value: Some(value),
            unit: threshold.unit.clone().unwrap_or_else(|| "円".to_owned()),
            limit: String::new(),
            holds: None,
            internal: false,
        })
    }
}
