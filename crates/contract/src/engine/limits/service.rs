//! Measures of running systems: uptime from outages, gaps between records, room used, versions.

use mamori_kernel::clock::tokyo_midnight;

use super::Course;
use crate::engine::judge::{Context, Part, worsen};
use crate::engine::meter::{Data, comparison};
use crate::engine::state::Verdict;
use crate::language::{Quantity, Threshold};
use crate::rules::dates::plus;
use crate::rules::numbers::{availability, compare_versions, number};

impl Context<'_> {
    /// Percent of planned service time that was up, from outages.
    pub(super) fn outages(&self, data: &Data, hours: Option<&str>) -> Option<f64> {
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
    pub(super) fn longest_gap(&self, data: &Data, threshold: &Threshold) -> Option<f64> {
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

    pub(super) fn capacity(&self, threshold: &Threshold, data: &Data) -> Part {
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
                worsen(&mut part, one.verdict, reason);
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

    pub(super) fn versions(
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
                    worsen(
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
                worsen(&mut part, one.verdict, reason);
            }
        }
        if seen == 0 {
            Self::no_figure(threshold, "まだ測った記録がありません".into())
        } else {
            part
        }
    }
}
