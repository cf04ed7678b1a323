//! How often records must come: a number of them in the period, or one in every day, week, month.
//! What the records say is not looked at here.

use jiff::ToSpan;
use jiff::civil::Date;
use mamori_kernel::period::PeriodKind;

use super::{Context, Part};
use crate::engine::meter::Data;
use crate::engine::state::Verdict;
use crate::language::{Each, Rule, Spacing};
use crate::rules::dates::{NoDate, plus};

impl Context<'_> {
    pub(in crate::engine) fn exists(
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

    pub(super) fn every(
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
}
