//! Forms verdicts from aggregates: by period, under every open reading, and over all periods.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use mamori_kernel::clock::tokyo_midnight;
use mamori_kernel::period::Period;

use super::judge::{Context, Part};
use super::meter::Question;
use super::state::{Candidate, Figure, PeriodState, State, Verdict};
use super::{Engine, Unit, Variant};
use crate::kinds::glob;
use crate::language::{Counts, Deadline, Decide, Obligation};
use crate::rules::dates::{DueDay, NoDate, period_due};

impl Engine {
    pub(super) fn form(&self, unit: usize) -> (State, Timestamp) {
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

    pub(super) fn settled_categories(&self, period: Period) -> BTreeMap<String, Counts> {
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
