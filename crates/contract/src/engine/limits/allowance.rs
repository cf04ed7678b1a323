//! Counters: how much of an allowance is used up, and whether it is drawn as often as agreed.
//! The counting itself is in `counter`.

use crate::engine::counter::counter_state;
use crate::engine::data::Tally;
use crate::engine::judge::{Context, Part, worsen};
use crate::engine::state::{Figure, Verdict};
use crate::language::Over;
use crate::rules::numbers::number;

impl Context<'_> {
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
                    worsen(
                        &mut part,
                        Verdict::NotMet,
                        format!(
                            "{}は {have} 回です（{} 回以上）",
                            each.japanese(),
                            cadence.at_least
                        ),
                    );
                } else if from <= self.now.day {
                    worsen(
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
}
