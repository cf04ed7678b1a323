//! Keeping and deleting: backups by cycle and generation, deletions after the retention period.

use jiff::civil::Date;

use super::Course;
use crate::engine::judge::{Context, Part, worsen};
use crate::engine::meter::Data;
use crate::engine::state::Verdict;
use crate::language::Threshold;
use crate::language::threshold::Cycle;

impl Context<'_> {
    pub(super) fn generations(
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
                    worsen(&mut part, one.verdict, reason);
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
                worsen(
                    &mut part,
                    verdict,
                    format!("{kept} 世代です（{keep} 世代以上）"),
                );
            }
            None => worsen(
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

    pub(super) fn deletions(&self, threshold: &Threshold, data: &Data) -> Part {
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
}
