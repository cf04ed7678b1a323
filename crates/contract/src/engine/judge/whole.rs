//! What must be reached as a whole: a share of a universe, or the verdicts of other obligations.

use std::collections::BTreeMap;

use jiff::civil::Date;

use super::{Context, Part};
use crate::engine::meter::{Data, Spec};
use crate::engine::state::{Figure, Verdict};

impl Context<'_> {
    pub(in crate::engine) fn cover(&self, data: &Data, share: f64, at_least: Option<u64>) -> Part {
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

    pub(super) fn rollup(&self, keys: &[String], clause: Option<&str>, spec: &Spec) -> Part {
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
