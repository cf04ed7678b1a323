//! Verdicts of single questions for one period: aggregates in, a part with its reasons out.

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};
use mamori_kernel::clock::tokyo_midnight;
use mamori_kernel::period::{Period, PeriodKind};

use super::data::Tally;
use super::fact::Moment;
use super::gates::Gatebook;
use super::meter::{Data, Question, Spec};
use super::state::{Figure, MOST_EVIDENCE, Verdict};
use crate::language::evidence::Over;
use crate::language::{Binding, Check, Counts, Each, Obligation, Rule, Spacing};
use crate::model::Contract;
use crate::rules::dates::{Book, DueDay, NoDate, age_limit, plus};

/// Everything a verdict depends on besides the aggregates.
pub struct Context<'a> {
    /// The contract.
    pub contract: &'a Contract,
    /// Calendars and hours of the version and reading.
    pub book: &'a Book,
    /// The obligation under the reading.
    pub obligation: &'a Obligation,
    /// The period.
    pub period: Period,
    /// Its first day within the term.
    pub first: Date,
    /// Its last day within the term.
    pub last: Date,
    /// The present.
    pub now: Moment,
    /// Due date of the period, if the rule gives one.
    pub due: Option<Result<DueDay, NoDate>>,
    /// Approvals.
    pub gates: &'a Gatebook,
    /// Whether a kind (or glob) is written by anything here.
    pub written: &'a dyn Fn(&str) -> bool,
    /// Verdicts of other obligations for this period.
    pub others: &'a dyn Fn(&str) -> Option<Verdict>,
    /// What the city decided of work categories, for a period.
    pub settled_categories: &'a dyn Fn(Period) -> BTreeMap<String, Counts>,
}

/// The verdict of one question.
#[derive(Debug, Clone)]
pub struct Part {
    /// The verdict.
    pub verdict: Verdict,
    /// Why.
    pub reasons: Vec<String>,
    /// Warnings.
    pub warnings: Vec<String>,
    /// Records behind it.
    pub evidence: Vec<u64>,
    /// Days late, waiting subtracted.
    pub late: Option<i64>,
    /// Days the city took.
    pub waiting: i64,
    /// Measured values.
    pub figures: Vec<Figure>,
    /// When it may change by time alone, before the next midnight.
    pub next: Option<Timestamp>,
}

impl Part {
    /// A bare verdict with its reason.
    pub fn new(verdict: Verdict, reason: impl Into<String>) -> Self {
        let reason = reason.into();
        Self {
            verdict,
            reasons: if reason.is_empty() {
                Vec::new()
            } else {
                vec![reason]
            },
            warnings: Vec::new(),
            evidence: Vec::new(),
            late: None,
            waiting: 0,
            figures: Vec::new(),
            next: None,
        }
    }

    /// With the records behind it.
    #[must_use]
    pub fn from(mut self, evidence: impl IntoIterator<Item = u64>) -> Self {
        self.evidence.extend(evidence);
        self.evidence.sort_unstable();
        self.evidence.dedup();
        let extra = self.evidence.len().saturating_sub(MOST_EVIDENCE);
        self.evidence.drain(..extra);
        self
    }

    /// With a warning.
    #[must_use]
    pub fn warn(mut self, warning: impl Into<String>) -> Self {
        self.warnings.push(warning.into());
        self
    }

    /// Which time alone may change, from an instant on.
    #[must_use]
    pub fn until(mut self, next: Timestamp) -> Self {
        self.next = Some(self.next.map_or(next, |known| known.min(next)));
        self
    }
}

/// The first instant after another.
pub(super) fn just_after(at: Timestamp) -> Timestamp {
    at.checked_add(jiff::SignedDuration::from_nanos(1))
        .unwrap_or(Timestamp::MAX)
}

pub(super) fn days_between(from: Date, to: Date) -> i64 {
    from.until(to).map_or(0, |span| i64::from(span.get_days()))
}

impl Context<'_> {
    /// The last day of evidence that may be looked at: today, or the period's last.
    pub fn as_of(&self) -> Date {
        self.now.day.min(self.last)
    }

    /// Whether the period is over.
    pub fn over(&self) -> bool {
        self.now.day > self.last
    }

    pub(super) fn binding(&self) -> Binding {
        self.obligation
            .deadline
            .as_ref()
            .map_or(Binding::Hard, crate::language::Deadline::binding)
    }

    pub(super) fn soft_word(&self) -> &str {
        self.obligation
            .deadline
            .as_ref()
            .and_then(crate::language::Deadline::soft_word)
            .unwrap_or("定めのない語")
    }

    /// Until when something is in time: the due date, or the period's last day.
    pub(super) fn limit(&self) -> Date {
        match &self.due {
            Some(Ok(due)) => due.date,
            _ => self.last,
        }
    }

    pub(super) fn waiting_gates(&self) -> Vec<&str> {
        self.obligation
            .waiting
            .as_ref()
            .unwrap_or(&self.obligation.gates)
            .iter()
            .map(String::as_str)
            .collect()
    }

    /// Whole days the city took between two days.
    pub(super) fn waited(&self, from: Date, to: Date) -> i64 {
        let end = to.tomorrow().map_or(self.now.at, tokyo_midnight);
        // Whole days: what still waits has waited until this morning.
        let morning = tokyo_midnight(self.now.day);
        self.gates
            .waiting_seconds(self.waiting_gates(), tokyo_midnight(from), end, morning)
            / 86_400
    }

    pub(super) fn unwritten(&self, kinds: &[&str]) -> Option<Part> {
        (!kinds.iter().any(|kind| (self.written)(kind))).then(|| {
            Part::new(
                Verdict::Unmeasured,
                format!("証跡「{}」を書く機能がまだありません", kinds.join("、")),
            )
        })
    }

    /// Something was done on a day: in time or late.
    pub(super) fn done(&self, day: Date, what: &str) -> Part {
        let limit = self.limit();
        if day <= limit {
            return Part::new(Verdict::Met, format!("{what}（{day}）"));
        }
        let waiting = self.waited(self.first, day);
        let late = days_between(limit, day) - waiting;
        if late <= 0 {
            let mut part = Part::new(
                Verdict::Met,
                format!(
                    "{what}（{day}）。期限 {limit} の後ですが、市の回答待ち {waiting} 日を除くと期限内です"
                ),
            );
            part.waiting = waiting;
            return part;
        }
        let text = format!("{what}（{day}）は期限 {limit} から {late} 日遅れです");
        let mut part = match self.binding() {
            Binding::Hard => Part::new(Verdict::NotMet, text),
            Binding::Soft => Part::new(Verdict::Met, format!("{what}（{day}）")).warn(format!(
                "{text}。ただし「{}」なので警告だけです",
                self.soft_word()
            )),
            Binding::Undecided => Part::new(
                Verdict::Undecided,
                format!(
                    "{text}。「{}」の意味を仕様書は定めていません",
                    self.soft_word()
                ),
            ),
        };
        part.late = Some(late);
        part.waiting = waiting;
        part
    }

    /// Something was not done so far.
    pub(super) fn missing(&self, what: &str) -> Part {
        if let Some(Err(why)) = &self.due {
            let text = format!("{what}。期限は未定です: {}", self.contract.unknown_ja(why));
            let over = self.now.day > self.contract.term.last();
            return Part::new(
                if over {
                    Verdict::Undecided
                } else {
                    Verdict::Pending
                },
                text,
            );
        }
        let limit = self.limit();
        if self.now.day <= limit {
            return Part::new(Verdict::Pending, format!("{what}。期限は {limit} です"));
        }
        let waiting = self.waited(self.first, self.now.day);
        let late = days_between(limit, self.now.day) - waiting;
        if late <= 0 {
            let mut part = Part::new(
                Verdict::Pending,
                format!("{what}。市の回答待ち {waiting} 日を除くと期限内です"),
            );
            part.waiting = waiting;
            return part;
        }
        let text = format!("{what}。期限 {limit} を {late} 日過ぎています");
        let mut part = match self.binding() {
            Binding::Hard => Part::new(Verdict::NotMet, text),
            Binding::Soft if self.now.day > self.contract.term.last() => {
                Part::new(Verdict::NotMet, text)
            }
            Binding::Soft => Part::new(Verdict::Pending, what).warn(format!(
                "{text}。ただし「{}」なので警告だけです",
                self.soft_word()
            )),
            Binding::Undecided => Part::new(Verdict::Undecided, text),
        };
        part.late = Some(late);
        part.waiting = waiting;
        part
    }

    /// The verdict of a question.
    pub fn judge(&self, spec: &Spec, data: &Data) -> Part {
        match &spec.question {
            Question::Check(check) => self.check(check, spec, data),
            Question::Threshold(threshold) => self.threshold(threshold, data),
            Question::Counter(name) => self.counter(name, &data.tally),
        }
    }

    fn check(&self, check: &Check, spec: &Spec, data: &Data) -> Part {
        match check {
            Check::Exists {
                of,
                count,
                distinct,
                at_most,
                exactly,
                over,
                when,
            } => {
                let (kinds, from) = (
                    of.kinds(),
                    match over {
                        Over::Period => self.first,
                        Over::Term => self.contract.term.first(),
                    },
                );
                if let Some(when) = when
                    && data.side.count(from, self.as_of()) == 0
                {
                    return self.not_asked(&when.kinds());
                }
                if let Some(part) = self.unwritten(&kinds) {
                    return part;
                }
                self.exists(data, from, *count, distinct.is_some(), *at_most, *exactly)
            }
            Check::Newest {
                of,
                max_age,
                subjects,
                must,
                ..
            } => match self.unwritten(&of.kinds()) {
                Some(part) => part,
                None => self.newest(data, *max_age, subjects, must.is_empty()),
            },
            Check::Every {
                of,
                each,
                count,
                allow_missing,
                calendar,
                by,
            } => match self.unwritten(&of.kinds()) {
                Some(part) => part,
                None => self.every(
                    data,
                    *each,
                    count.unwrap_or(1),
                    allow_missing.unwrap_or(0),
                    calendar.as_deref(),
                    by.is_some(),
                ),
            },
            Check::Each { of, .. } => match self.unwritten(&of.kinds()) {
                Some(part) => part,
                None => self.each(&data.tally),
            },
            Check::None { of, unless_gate } => match self.unwritten(&of.kinds()) {
                Some(part) => part,
                None => self.none(data, unless_gate.as_deref()),
            },
            Check::Pair {
                trigger,
                response,
                response_first,
                responses,
                closed_by,
                ..
            } => {
                if let Some(part) = self.unwritten(&trigger.kinds()) {
                    return part;
                }
                self.pairs(
                    data,
                    &response.kinds(),
                    *response_first,
                    responses.unwrap_or(1).max(1) as usize,
                    closed_by.is_some(),
                )
            }
            Check::Cover {
                universe,
                covered,
                share,
                at_least,
                ..
            } => {
                match self
                    .unwritten(&universe.kinds())
                    .or_else(|| self.unwritten(&covered.kinds()))
                {
                    Some(part) => part,
                    None => self.cover(data, share.unwrap_or(100.0), *at_least),
                }
            }
            Check::Attestation {
                warn_before,
                expired,
                review,
                accepted,
            } => self.attestation(data, *warn_before, *expired, *review, *accepted),
            Check::Record { max_age, count } => self.record(data, *max_age, *count),
            Check::Document {
                deliverable,
                stage,
                when,
                ..
            } => {
                if let Some(when) = when
                    && data.side.count(self.contract.term.first(), self.now.day) == 0
                {
                    return self.not_asked(&when.kinds());
                }
                let key = deliverable
                    .as_ref()
                    .or(self.obligation.deliverable.as_ref());
                let title = key
                    .and_then(|key| self.contract.deliverable(key))
                    .map_or("書類", |deliverable| deliverable.title.as_str());
                self.document(data, *stage, title)
            }
            Check::Gate { gate } => self.gate(gate, data),
            Check::Rollup {
                obligations,
                clause,
            } => self.rollup(obligations, clause.as_deref(), spec),
        }
    }

    fn not_asked(&self, kinds: &[&str]) -> Part {
        self.unwritten(kinds).unwrap_or_else(|| {
            Part::new(
                Verdict::NotApplicable,
                format!("「{}」の記録がなく、求められていません", kinds.join("、")),
            )
        })
    }

    pub(super) fn exists(
        &self,
        data: &Data,
        from: Date,
        count: Option<u64>,
        distinct: bool,
        at_most: Option<u64>,
        exactly: Option<u64>,
    ) -> Part {
        let limit = self.limit().max(self.last);
        let total = data.tally.sum(from, limit);
        let amount = |to: Date| {
            if distinct {
                total.distinct.len() as u64
            } else {
                data.tally.count(from, to)
            }
        };
        let have = amount(limit);
        if let Some(most) = at_most.or(exactly)
            && have > most
        {
            return Part::new(
                Verdict::NotMet,
                format!("{have}件あり、{most}件を超えています"),
            )
            .from(total.recent);
        }
        if let Some(Rule::AtLeast {
            count,
            spacing,
            min_gap,
            ..
        }) = self.obligation.deadline.as_ref().map(|d| &d.rule)
        {
            return self
                .at_least(data, *count, spacing.as_ref(), *min_gap)
                .from(total.recent);
        }
        let wanted = exactly.or(count).unwrap_or(u64::from(at_most.is_none()));
        if wanted == 0 {
            return Part::new(Verdict::Met, format!("{have}件です")).from(total.recent);
        }
        let in_time = amount(self.limit());
        if in_time >= wanted && !distinct || distinct && have >= wanted {
            let done = Part::new(Verdict::Met, format!("{have}件の記録があります"));
            let day = data.tally.days_in(from, limit).next();
            return match day.filter(|day| *day > self.limit()) {
                Some(day) => self.done(day, &format!("{have}件の記録")),
                None => done,
            }
            .from(total.recent);
        }
        if have >= wanted {
            // Enough, but not all in time: the day on which the last of them came.
            let mut seen = 0;
            let day = data.tally.days_in(from, limit).find(|day| {
                seen += data.tally.on(*day);
                seen >= wanted
            });
            return self
                .done(day.unwrap_or(limit), &format!("{wanted}件目の記録"))
                .from(total.recent);
        }
        self.missing(&format!("記録が {have} 件で、{wanted} 件に足りません"))
            .from(total.recent)
    }

    fn at_least(
        &self,
        data: &Data,
        count: u64,
        spacing: Option<&Spacing>,
        min_gap: Option<crate::language::Span>,
    ) -> Part {
        let have = data.tally.count(self.first, self.as_of());
        let mut open = Vec::new();
        if let Some(spacing) = spacing {
            let kind = match spacing {
                Spacing::Month => PeriodKind::Month,
                Spacing::Quarter => PeriodKind::Quarter,
                Spacing::Half => PeriodKind::Half,
            };
            for part in kind.over(self.first, self.last) {
                let (from, to) = (part.first().max(self.first), part.last().min(self.last));
                if data.tally.count(from, to) == 0 && data.side.count(from, to) == 0 {
                    if to < self.now.day {
                        return Part::new(
                            Verdict::NotMet,
                            format!("{}に1回もありません", part.japanese()),
                        );
                    }
                    open.push(part);
                }
            }
        }
        if let Some(gap) = min_gap {
            let days: Vec<Date> = data.tally.days_in(self.first, self.as_of()).collect();
            for pair in days.windows(2) {
                if plus(pair[0], gap).is_some_and(|earliest| pair[1] < earliest) {
                    return Part::new(
                        Verdict::NotMet,
                        format!(
                            "{} と {} の間隔が {} に足りません",
                            pair[0],
                            pair[1],
                            gap.japanese()
                        ),
                    );
                }
            }
        }
        let excused = data.side.count(self.first, self.last);
        if have >= count || (excused > 0 && have + excused >= count) {
            return match open.first() {
                Some(part) if spacing.is_some() => Part::new(
                    Verdict::Pending,
                    format!("{have}回。{}の分はこれからです", part.japanese()),
                ),
                _ => Part::new(Verdict::Met, format!("{count}回以上のところ{have}回です")),
            };
        }
        if self.over() {
            return Part::new(
                Verdict::NotMet,
                format!("{count}回以上のところ{have}回でした"),
            );
        }
        Part::new(
            Verdict::Pending,
            format!("{count}回以上のところ、まだ{have}回です"),
        )
    }

    fn newest(
        &self,
        data: &Data,
        max_age: Option<crate::language::Span>,
        subjects: &[String],
        any: bool,
    ) -> Part {
        let day = self.as_of();
        let at = if self.over() {
            tokyo_midnight(self.last.tomorrow().unwrap_or(self.last))
        } else {
            self.now.at
        };
        let keys: Vec<&String> = if subjects.is_empty() {
            data.latest.by.keys().collect()
        } else {
            subjects.iter().collect()
        };
        let mut part = Part::new(Verdict::Met, "");
        let mut seen = 0;
        for key in keys {
            let name = if key.is_empty() {
                String::new()
            } else {
                format!("「{key}」の")
            };
            let Some(snap) = data.latest.as_of(key, day) else {
                worsen(
                    &mut part,
                    Verdict::Unmeasured,
                    format!("{name}記録がありません"),
                );
                continue;
            };
            seen += 1;
            part = part.from([snap.seq]);
            if let Some(age) = max_age {
                let end = age_limit(snap.when.at, age);
                if at > end {
                    worsen(
                        &mut part,
                        Verdict::Unmeasured,
                        format!(
                            "{name}最新の記録（{}）が {} より古くなっています",
                            snap.when.day,
                            age.japanese()
                        ),
                    );
                    continue;
                }
                part = part.until(just_after(end));
            }
            if !snap.ok {
                worsen(
                    &mut part,
                    Verdict::NotMet,
                    format!(
                        "{name}最新の記録（{}）が条件を満たしていません",
                        snap.when.day
                    ),
                );
            }
            for (away, days) in &snap.keep_away {
                let left = days_between(day, *away);
                if left < *days {
                    worsen(
                        &mut part,
                        Verdict::NotMet,
                        format!("{name}{away} まで残り {left} 日です（{days} 日以上）"),
                    );
                }
            }
        }
        if seen == 0 {
            return Part::new(Verdict::Unmeasured, "まだ測った記録がありません");
        }
        if part.verdict == Verdict::Met {
            part.reasons.push(if any {
                "最新の記録があります".into()
            } else {
                "最新の記録が条件を満たしています".into()
            });
        }
        part
    }

    fn every(
        &self,
        data: &Data,
        each: Each,
        count: u64,
        allowed: u64,
        calendar: Option<&str>,
        by: bool,
    ) -> Part {
        let Some(first_ever) = data.tally.first else {
            return Part::new(Verdict::Unmeasured, "まだ測った記録がありません");
        };
        let from = first_ever.max(self.first);
        // Today is not over.
        let to = if self.over() {
            self.last
        } else {
            self.now.day.yesterday().unwrap_or(self.now.day)
        };
        if self.as_of() < from {
            return Part::new(
                Verdict::Unmeasured,
                format!("{first_ever} から測っています"),
            );
        }
        let has = |first: Date, last: Date| {
            if by {
                // Every value that was ever seen must be there each time.
                let values: std::collections::BTreeSet<&str> = data
                    .tally
                    .months
                    .values()
                    .flat_map(|bucket| bucket.distinct.iter())
                    .filter_map(|entry| entry.split('\n').next())
                    .collect();
                let days: Vec<String> =
                    std::iter::successors(Some(first), |day| day.tomorrow().ok())
                        .take_while(|day| *day <= last)
                        .map(|day| day.to_string())
                        .collect();
                let all = data.tally.sum(first, last).distinct;
                values.iter().all(|value| {
                    days.iter()
                        .any(|day| all.contains(&format!("{value}\n{day}")))
                })
            } else {
                data.tally.count(first, last) >= count
            }
        };
        let spans = match self.spans(each, from, to, calendar) {
            Ok(spans) => spans,
            Err(why) => return Part::new(Verdict::Undecided, why.to_string()),
        };
        let missing: Vec<Date> = spans
            .iter()
            .filter(|(first, last)| !has(*first, *last))
            .map(|(first, _)| *first)
            .collect();
        let recent = data.tally.sum(from, self.as_of()).recent;
        let word = match each {
            Each::Day => "日",
            Each::OpenDay => "開庁日",
            Each::Week => "週",
            Each::Month => "月",
            Each::Quarter => "四半期",
            Each::Half => "半期",
        };
        if missing.len() as u64 > allowed {
            let shown: Vec<String> = missing.iter().take(5).map(ToString::to_string).collect();
            let more = if missing.len() > 5 { " ほか" } else { "" };
            return Part::new(
                Verdict::NotMet,
                format!(
                    "記録の無い{word}が {} あります: {}{more}",
                    missing.len(),
                    shown.join("、")
                ),
            )
            .from(recent);
        }
        if spans.is_empty() {
            return Part::new(
                Verdict::Pending,
                format!("まだ一つの{word}も終わっていません"),
            )
            .from(recent);
        }
        let mut part = Part::new(
            Verdict::Met,
            format!(
                "{} の{word}すべてに記録があります",
                spans.len() - missing.len()
            ),
        )
        .from(recent);
        if first_ever > self.first {
            part = part.warn(format!(
                "{first_ever} から測っています（それより前は測っていません）"
            ));
        }
        part
    }

    /// The complete days, weeks, … within two days.
    fn spans(
        &self,
        each: Each,
        from: Date,
        to: Date,
        calendar: Option<&str>,
    ) -> Result<Vec<(Date, Date)>, NoDate> {
        let days = || {
            std::iter::successors(Some(from), |day| day.tomorrow().ok())
                .take_while(|day| *day <= to)
        };
        let whole = |kind: PeriodKind| {
            kind.over(from, to)
                .map(|period| (period.first(), period.last()))
                .filter(|(first, last)| *last <= to && (*first >= from || *first >= self.first))
                .map(|(first, last)| (first.max(self.first), last))
                .collect()
        };
        Ok(match each {
            Each::Day => days().map(|day| (day, day)).collect(),
            Each::OpenDay => {
                let set = self.book.calendar(calendar)?;
                days()
                    .filter(|day| set.is_open(*day))
                    .map(|day| (day, day))
                    .collect()
            }
            Each::Week => days()
                .filter(|day| day.weekday() == jiff::civil::Weekday::Monday)
                .filter_map(|day| Some((day, day.checked_add(6.days()).ok()?)))
                .filter(|(_, last)| *last <= to)
                .collect(),
            Each::Month => whole(PeriodKind::Month),
            Each::Quarter => whole(PeriodKind::Quarter),
            Each::Half => whole(PeriodKind::Half),
        })
    }

    fn each(&self, tally: &Tally) -> Part {
        let total = tally.sum(self.first, self.as_of());
        if total.count == 0 {
            return Part::new(Verdict::NotApplicable, "該当する記録がありません");
        }
        let mut part = if total.good < total.count {
            let bad: Vec<String> = total
                .bad
                .iter()
                .rev()
                .take(3)
                .map(|bad| bad.why.clone())
                .collect();
            Part::new(
                Verdict::NotMet,
                format!(
                    "{} 件のうち {} 件: {}",
                    total.count,
                    total.count - total.good,
                    bad.join("、")
                ),
            )
            .from(total.bad.iter().map(|bad| bad.seq))
        } else {
            Part::new(
                Verdict::Met,
                format!("{} 件すべてが条件を満たしています", total.count),
            )
            .from(total.recent)
        };
        for doubt in total.doubtful {
            part = part.warn(doubt.why).from([doubt.seq]);
        }
        part
    }

    fn none(&self, data: &Data, unless_gate: Option<&str>) -> Part {
        let total = data.tally.sum(self.first, self.as_of());
        if total.count == 0 {
            return Part::new(Verdict::Met, "該当する記録がありません");
        }
        if let Some(key) = unless_gate {
            return self.gate(key, data);
        }
        Part::new(
            Verdict::NotMet,
            format!("あってはならない記録が {} 件あります", total.count),
        )
        .from(total.recent)
    }

    pub(super) fn cover(&self, data: &Data, share: f64, at_least: Option<u64>) -> Part {
        let cover = &data.cover;
        let limit = self.limit();
        let whole = cover.universe.len() as u64;
        if whole == 0 && cover.listed.is_some() && at_least.is_none_or(|least| least == 0) {
            return Part::new(Verdict::NotApplicable, "一覧は空で、対象がありません")
                .from(cover.recent.iter().copied());
        }
        if whole == 0 {
            return self.missing("対象の一覧がありません");
        }
        if let Some(least) = at_least
            && whole < least
        {
            return self
                .missing(&format!("対象が {whole} 件で、{least} 件に足りません"))
                .from(cover.recent.iter().copied());
        }
        let by = |day: Date| {
            cover
                .universe
                .iter()
                .filter(|element| {
                    cover
                        .covered
                        .get(*element)
                        .is_some_and(|first| *first <= day)
                })
                .count()
        };
        let percent = |covered: usize| covered as f64 / whole as f64 * 100.0;
        let (in_time, so_far) = (by(limit), by(self.now.day));
        let mut part = if percent(in_time) + 1e-9 >= share {
            Part::new(
                Verdict::Met,
                format!("{whole} 件のうち {in_time} 件に及んでいます"),
            )
        } else if percent(so_far) + 1e-9 >= share {
            let mut days: Vec<Date> = cover
                .universe
                .iter()
                .filter_map(|element| cover.covered.get(element).copied())
                .collect();
            days.sort_unstable();
            let needed = ((whole as f64 * share / 100.0) - 1e-9).ceil().max(1.0) as usize;
            self.done(
                days.get(needed - 1).copied().unwrap_or(limit),
                &format!("{needed} 件目"),
            )
        } else {
            let left: Vec<&str> = cover
                .universe
                .iter()
                .filter(|element| !cover.covered.contains_key(*element))
                .take(3)
                .map(String::as_str)
                .collect();
            self.missing(&format!(
                "{whole} 件のうち {so_far} 件です（残り: {} など）",
                left.join("、")
            ))
        };
        part.figures.push(Figure {
            title: "行き渡り".into(),
            value: Some(percent(so_far)),
            unit: "%".into(),
            limit: format!("{share}%以上"),
            holds: Some(percent(so_far) + 1e-9 >= share),
            internal: false,
        });
        part.from(cover.recent.iter().copied())
    }

    fn rollup(&self, keys: &[String], clause: Option<&str>, spec: &Spec) -> Part {
        let own = spec.obligation.as_deref().unwrap_or(&self.obligation.key);
        let mut counts: BTreeMap<Verdict, Vec<&str>> = BTreeMap::new();
        for key in self.contract.keys() {
            let Some(other) = self.contract.latest(key) else {
                continue;
            };
            let wanted = keys.iter().any(|wanted| wanted == key)
                || clause.is_some_and(|clause| other.clause.starts_with(clause));
            if !wanted || key == own || !other.type_.is_judged() {
                continue;
            }
            if let Some(verdict) = (self.others)(key) {
                counts.entry(verdict).or_default().push(key);
            }
        }
        let Some((worst, keys)) = counts.iter().next_back() else {
            return Part::new(Verdict::NotApplicable, "まとめる義務がありません");
        };
        let worst = if *worst == Verdict::Pending && counts.contains_key(&Verdict::Met) {
            Verdict::Pending
        } else {
            *worst
        };
        let shown: Vec<&str> = keys.iter().copied().take(5).collect();
        let total: usize = counts.values().map(Vec::len).sum();
        Part::new(
            worst,
            format!(
                "{total} 件をまとめた結果「{}」{} 件（{}）",
                worst.japanese(),
                keys.len(),
                shown.join("、")
            ),
        )
    }
}

/// Takes over a worse verdict, with its reason; reasons of better ones are dropped.
pub fn worsen(part: &mut Part, verdict: Verdict, reason: String) {
    match verdict.cmp(&part.verdict) {
        std::cmp::Ordering::Greater => {
            part.verdict = verdict;
            part.reasons = vec![reason];
        }
        std::cmp::Ordering::Equal => part.reasons.push(reason),
        std::cmp::Ordering::Less => {}
    }
}
