//! Verdicts of questions about events: an answer to each, or a notice before each.

use super::fact::Moment;
use super::judge::{Context, Part, worsen};
use super::meter::Data;
use super::state::{Figure, Verdict};
use crate::language::{Binding, Rule};
use crate::rules::dates::{NoDate, event_limit};

impl Context<'_> {
    pub(super) fn pairs(
        &self,
        data: &Data,
        response: &[&str],
        first: bool,
        wanted: usize,
        closes: bool,
    ) -> Part {
        let mut part = Part::new(Verdict::NotApplicable, "対象となる事象がありません");
        let mut events = 0;
        let rule = self
            .obligation
            .deadline
            .as_ref()
            .map(|deadline| &deadline.rule);
        for (key, pair) in &data.pairs {
            let Some((event, seq)) = pair.trigger else {
                continue;
            };
            if event.day < self.first || event.day > self.last {
                continue;
            }
            if event.at > self.now.at {
                // Told ahead: it counts from its own moment on.
                part = part.until(event.at);
                continue;
            }
            if events == 0 {
                part = Part {
                    next: part.next,
                    ..Part::new(Verdict::Met, "")
                };
            }
            events += 1;
            part = part
                .from([seq])
                .from(pair.answers.iter().map(|(_, seq)| *seq).take(wanted));
            let dated = match (rule, &self.due) {
                (
                    Some(Rule::Fixed { .. } | Rule::AfterDate { .. } | Rule::EndOfTerm { .. }),
                    Some(Ok(due)),
                ) => Some(Ok(crate::rules::dates::Limit::Day(due.date))),
                (Some(rule), _) => match event_limit(rule, event.at, self.book) {
                    Err(NoDate::NotDated) => None,
                    other => Some(other),
                },
                (None, _) => None,
            };
            let limit = match dated {
                Some(Ok(limit)) => Some(limit),
                Some(Err(why)) => {
                    worsen(
                        &mut part,
                        Verdict::Undecided,
                        format!("期限が決まりません: {}", self.contract.unknown_ja(&why)),
                    );
                    continue;
                }
                None => None,
            };
            let answer = pair.answers.get(wanted - 1).map(|(when, _)| *when);
            if first {
                self.before(&mut part, key, event, answer, limit);
                continue;
            }
            let until = answer.map_or(self.now.at, |answer| answer.at);
            let waiting =
                self.gates
                    .waiting_seconds(self.waiting_gates(), event.at, until, self.now.at);
            part.waiting += waiting / 86_400;
            if answer.is_none() && waiting > 0 {
                // The city's time may still be running.
                part = part.until(self.now.at);
            }
            if let Some(closed) = pair.closed.filter(|closed| closed.at > self.now.at) {
                part = part.until(closed.at);
            }
            let limit = limit.map(|limit| {
                if waiting > 0 {
                    limit.extended(waiting)
                } else {
                    limit
                }
            });
            match (answer, limit) {
                (Some(_), None) => {}
                (Some(answer), Some(limit)) if answer.within(limit) => {}
                (Some(answer), Some(limit)) => {
                    let late = (answer.at.as_second() - limit.late_from().as_second()).max(0);
                    let days = late / 86_400 + 1;
                    part.late = Some(part.late.unwrap_or(0).max(days));
                    self.late(
                        &mut part,
                        format!(
                            "{key}: {}（事象 {}）は{}遅れです",
                            answer.day,
                            event.day,
                            span_ja(late)
                        ),
                    );
                }
                (None, Some(limit)) if limit.allows(self.now.at) => {
                    part = part.until(limit.late_from());
                    worsen(
                        &mut part,
                        Verdict::Pending,
                        format!("{key}: 応答待ちです（事象 {}）", event.day),
                    );
                }
                (None, Some(_)) => self.late(
                    &mut part,
                    format!(
                        "{key}: 期限を過ぎても応答がありません（事象 {}）",
                        event.day
                    ),
                ),
                (None, None) => {
                    if let Some(unwritten) = self.unwritten(response) {
                        worsen(&mut part, Verdict::Unmeasured, unwritten.reasons.join("、"));
                    } else if closes && pair.closed.is_some_and(|at| at.at <= self.now.at) {
                        worsen(
                            &mut part,
                            Verdict::NotMet,
                            format!("{key}: 応答の無いまま終わっています（事象 {}）", event.day),
                        );
                    } else {
                        worsen(
                            &mut part,
                            Verdict::Pending,
                            format!(
                                "{key}: 応答待ちです（事象 {}。数の期限はありません）",
                                event.day
                            ),
                        );
                        if let Some(word) = self
                            .obligation
                            .deadline
                            .as_ref()
                            .and_then(crate::language::Deadline::soft_word)
                        {
                            part = part.warn(format!("{key}: 「{word}」の応答がまだありません"));
                        }
                    }
                }
            }
            if let (Some(answer), None, Some(word)) = (
                answer,
                limit,
                self.obligation
                    .deadline
                    .as_ref()
                    .and_then(crate::language::Deadline::soft_word),
            ) {
                let minutes = (answer.at.as_second() - event.at.as_second()) as f64 / 60.0;
                part.figures.push(Figure {
                    title: format!("{key} の応答まで"),
                    value: (answer.exact && event.exact).then_some(minutes),
                    unit: "分".into(),
                    limit: format!("「{word}」（数の定めなし）"),
                    holds: None,
                    internal: false,
                });
            }
        }
        if events > 0 && part.verdict == Verdict::Met {
            part.reasons
                .push(format!("{events} 件の事象すべてに応答があります"));
        }
        part
    }

    /// An answer that must come before its event.
    fn before(
        &self,
        part: &mut Part,
        key: &str,
        event: Moment,
        answer: Option<Moment>,
        limit: Option<crate::rules::dates::Limit>,
    ) {
        let in_time = answer.is_some_and(|answer| match limit {
            Some(limit) => answer.within(limit),
            None => answer.not_after(event),
        });
        if in_time {
            return;
        }
        let text = match answer {
            Some(answer) => format!(
                "{key}: {} の届出は事象（{}）に間に合っていません",
                answer.day, event.day
            ),
            None => format!("{key}: 事象（{}）より前の届出がありません", event.day),
        };
        // A plan for the future may still be told.
        let open = limit.is_some_and(|limit| limit.allows(self.now.at)) && answer.is_none();
        if open {
            worsen(part, Verdict::Pending, text);
        } else {
            self.late(part, text);
        }
    }

    fn late(&self, part: &mut Part, text: String) {
        match self.binding() {
            Binding::Hard => worsen(part, Verdict::NotMet, text),
            Binding::Undecided => worsen(part, Verdict::Undecided, text),
            Binding::Soft => part.warnings.push(format!(
                "{text}。ただし「{}」なので警告だけです",
                self.soft_word()
            )),
        }
    }
}

fn span_ja(seconds: i64) -> String {
    match seconds {
        0..=3599 => format!("{}分", seconds / 60),
        3600..=172_799 => format!("{}時間", seconds / 3600),
        _ => format!("{}日", seconds / 86_400),
    }
}
