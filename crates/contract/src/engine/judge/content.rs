//! What records must say: the newest of each subject, every single one, or none at all. Whether
//! a record fulfils its conditions was settled when the meter took it.

use mamori_kernel::clock::tokyo_midnight;

use super::{Context, Part, days_between, just_after, worsen};
use crate::engine::data::Tally;
use crate::engine::meter::Data;
use crate::engine::state::Verdict;
use crate::rules::dates::age_limit;

impl Context<'_> {
    pub(super) fn newest(
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

    pub(super) fn each(&self, tally: &Tally) -> Part {
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

    pub(super) fn none(&self, data: &Data, unless_gate: Option<&str>) -> Part {
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
}
