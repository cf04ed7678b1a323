//! Verdicts of questions about papers: attestations, a person's records, documents, approvals.

use jiff::civil::Date;
use mamori_kernel::clock::tokyo_midnight;
use mamori_kernel::period::Period;

use super::data::Life;
use super::judge::{Context, Part, days_between, just_after, worsen};
use super::meter::Data;
use super::state::Verdict;
use crate::language::{Expired, Rule, Stage};
use crate::rules::dates::{age_limit, plus};

impl Context<'_> {
    pub(super) fn attestation(
        &self,
        data: &Data,
        warn_before: Option<crate::language::Span>,
        expired: Expired,
        review: Option<crate::language::Span>,
        accepted: bool,
    ) -> Part {
        if let Some(part) = self.unwritten(&["attestation.filed"]) {
            return part;
        }
        let day = self.as_of();
        let valid = data
            .papers
            .values()
            .filter(|paper| paper.filed.day <= day && paper.withdrawn.is_none_or(|at| at.day > day))
            .filter(|paper| !accepted || paper.accepted.is_some_and(|at| at.day <= day));
        let end = |paper: &super::data::Paper| {
            paper
                .expires
                .or_else(|| plus(paper.issued.unwrap_or(paper.filed.day), review?))
        };
        let best = valid.max_by_key(|paper| (end(paper).unwrap_or(Date::MAX), paper.seq));
        let Some(paper) = best else {
            let waiting = data
                .papers
                .values()
                .any(|paper| paper.filed.day <= day && paper.withdrawn.is_none());
            let text = if waiting {
                "証明書類は出ていますが、市の受領がまだです"
            } else {
                "証明書類がまだありません"
            };
            return Part::new(Verdict::Unmeasured, text);
        };
        if let Some(reason) = &paper.not_applicable {
            return Part::new(Verdict::NotApplicable, format!("対象外: {reason}"))
                .from([paper.seq]);
        }
        let Some(last) = end(paper) else {
            return Part::new(
                Verdict::Met,
                format!("{}の証明書類があります（期限の記載なし）", paper.issuer),
            )
            .from([paper.seq]);
        };
        if last < day {
            let verdict = match expired {
                Expired::Unmeasured => Verdict::Unmeasured,
                Expired::NotMet => Verdict::NotMet,
            };
            return Part::new(verdict, format!("証明書類の期限 {last} が過ぎています"))
                .from([paper.seq]);
        }
        let mut part = Part::new(
            Verdict::Met,
            format!("{}の証明書類が {last} まで有効です", paper.issuer),
        )
        .from([paper.seq]);
        let warn_from = warn_before.and_then(|span| crate::rules::dates::minus(last, span));
        if warn_from.is_some_and(|from| day >= from) {
            part = part.warn(format!(
                "証明書類の期限 {last} まで残り {} 日です",
                days_between(day, last)
            ));
        }
        part
    }

    pub(super) fn record(
        &self,
        data: &Data,
        max_age: Option<crate::language::Span>,
        count: Option<u64>,
    ) -> Part {
        if let Some(part) = self.unwritten(&["record.filed"]) {
            return part;
        }
        if self.due.is_some()
            || matches!(
                self.obligation.deadline.as_ref().map(|d| &d.rule),
                Some(Rule::AtLeast { .. })
            )
        {
            return self.exists(data, self.first, count, false, None, None);
        }
        let wanted = count.unwrap_or(1);
        let have = data.tally.count(
            self.contract
                .term
                .first()
                .min(data.tally.first.unwrap_or(Date::MAX)),
            self.as_of(),
        );
        let Some(snap) = data
            .latest
            .as_of("", self.as_of())
            .filter(|_| have >= wanted)
        else {
            return Part::new(
                Verdict::Unmeasured,
                format!("人の記録が {have} 件です（{wanted} 件要ります）"),
            );
        };
        let done = Part::new(
            Verdict::Met,
            format!("人の記録があります（{}）", snap.when.day),
        )
        .from([snap.seq]);
        let Some(end) = max_age.map(|age| age_limit(snap.when.at, age)) else {
            return done;
        };
        if end
            < self
                .now
                .at
                .min(tokyo_midnight(self.last.tomorrow().unwrap_or(self.last)))
        {
            return Part::new(
                Verdict::Unmeasured,
                format!("人の記録（{}）が古くなっています", snap.when.day),
            )
            .from([snap.seq]);
        }
        done.until(just_after(end))
    }

    pub(super) fn document(&self, data: &Data, stage: Stage, title: &str) -> Part {
        let kind = match stage {
            Stage::Rendered => "document.rendered",
            Stage::Submitted => "document.submitted",
            Stage::Accepted => "document.accepted",
        };
        if let Some(part) = self.unwritten(&[kind]) {
            return part;
        }
        let mut whole = Life::default();
        for (period, life) in &data.lives {
            if self.names_period(period) {
                whole.rendered.extend(&life.rendered);
                whole.submitted.extend(&life.submitted);
                whole.accepted.extend(&life.accepted);
                whole.returned.extend(&life.returned);
            }
        }
        let steps = match stage {
            Stage::Rendered => &mut whole.rendered,
            Stage::Submitted => &mut whole.submitted,
            Stage::Accepted => &mut whole.accepted,
        };
        steps.sort_unstable_by_key(|(when, seq, _)| (*when, *seq));
        steps.retain(|(when, _, _)| when.at <= self.now.at);
        let word = match stage {
            Stage::Rendered => "の作成",
            Stage::Submitted => "の提出",
            Stage::Accepted => "の検収",
        };
        let Some((_, newest_seq, newest_ok)) = steps.last().copied() else {
            return self.missing(&format!("「{title}」{word}がまだです"));
        };
        // Sent back and not handed in again: not handed in.
        let back = whole
            .returned
            .iter()
            .filter(|(when, _)| when.at <= self.now.at)
            .max()
            .copied();
        let after_return = back.map_or(0, |(when, seq)| {
            steps.partition_point(|step| (step.0, step.1) < (when, seq))
        });
        if stage == Stage::Submitted && back.is_some() && after_return == steps.len() {
            let back = back
                .map(|(when, _)| when.day.to_string())
                .unwrap_or_default();
            return self
                .missing(&format!(
                    "「{title}」は {back} に差し戻され、再提出がまだです"
                ))
                .from([newest_seq]);
        }
        // The first that fulfils the conditions counts; a replacement later does not make it late.
        let Some((when, seq, _)) = steps
            .iter()
            .find(|(_, _, ok)| *ok)
            .copied()
            .filter(|_| newest_ok)
        else {
            return Part::new(Verdict::NotMet, format!("「{title}」の欄が足りません"))
                .from([newest_seq]);
        };
        self.done(when.day, &format!("「{title}」{word}"))
            .from([seq, newest_seq])
    }

    /// Whether the period written in a document's record is this one.
    fn names_period(&self, text: &str) -> bool {
        if matches!(self.period, Period::Term(_)) {
            return true;
        }
        text.parse::<Period>()
            .is_ok_and(|period| period == self.period)
    }

    pub(super) fn gate(&self, key: &str, data: &Data) -> Part {
        let Some(gate) = self.contract.gate(key) else {
            return Part::new(Verdict::NotApplicable, "");
        };
        let kinds: Vec<&str> = gate.acts.iter().map(|act| act.kind.as_str()).collect();
        let day = self.as_of();
        if gate.kind == crate::language::GateKind::Inspection
            || gate.kind == crate::language::GateKind::Extension
        {
            return self.inspection(key, gate);
        }
        if kinds.is_empty() && data.deeds.is_empty() {
            if self
                .unwritten(&["approval.granted", "consultation.agreed"])
                .is_some()
            {
                return Part::new(
                    Verdict::Unmeasured,
                    "承認・協議を記録する機能がまだありません",
                );
            }
            return match self.gates.granted(key, gate, self.now.day) {
                Some((on, records)) => self.done(on, &gate.title).from(records),
                None => self.missing(&format!("「{}」の記録がまだありません", gate.title)),
            };
        }
        if let Some(part) = self.unwritten(&kinds)
            && data.deeds.is_empty()
        {
            return part;
        }
        let deeds: Vec<_> = data
            .deeds
            .iter()
            .filter(|deed| self.first <= deed.when.day && deed.when.day <= day)
            .collect();
        if deeds.is_empty() {
            return Part::new(Verdict::NotApplicable, "対象となる行為がありません");
        }
        let mut part = Part::new(Verdict::Met, "");
        for deed in &deeds {
            part = part.from([deed.seq]);
            match self.gates.passed(key, gate, deed) {
                Ok(records) => part = part.from(records),
                Err(why) => worsen(&mut part, Verdict::NotMet, why),
            }
        }
        if part.verdict == Verdict::Met {
            part.reasons.push(format!(
                "{} 件の行為すべてに先立つ「{}」があります",
                deeds.len(),
                gate.title
            ));
        }
        part
    }

    /// Inspection is the city's act: shown, with its days, never the contractor's breach.
    fn inspection(&self, key: &str, gate: &crate::language::Gate) -> Part {
        let state = self.gates.state(key, Some(gate), self.now);
        let mut part = match (state.waiting.first(), state.granted.len()) {
            (Some((id, days)), _) => Part::new(
                Verdict::Pending,
                format!("「{}」{id} は市の回答待ち {days} 日です", gate.title),
            ),
            (None, 0) => Part::new(
                Verdict::NotApplicable,
                format!("「{}」の申出がありません", gate.title),
            ),
            (None, count) => Part::new(
                Verdict::Met,
                format!("「{}」は {count} 件済んでいます", gate.title),
            ),
        };
        if state.overdue {
            part = part.warn(format!(
                "市の側の {} 日を過ぎています",
                gate.days.unwrap_or(0)
            ));
        }
        part.waiting = state
            .waiting
            .iter()
            .map(|(_, days)| *days)
            .max()
            .unwrap_or(0);
        part
    }
}
