//! Work entries (作業記録): what was done when, and whether it counts to the monthly hours.
//!
//! The smallest complete example of a register, and the one to copy:
//!
//! 1. a type of what an item holds ([`WorkEntry`]),
//! 2. a description of its states, acts and fields as data (`SPEC`),
//! 3. [`Item::decide`]: the rules that need more than one field, as a pure function,
//! 4. one line in [`crate::REGISTERS`].
//!
//! Storage, numbering, evidence, history, search, the JSON API with its permissions and the
//! handling of personal data come with that; nothing here knows of them.
//!
//! 仕様書 5(2)イ(イ) plans work on weekdays 8:45–17:15 in principle: work outside needs a
//! reason. 7(2) sets seven hours a month for the city's requests: the sum is shown and warned
//! of, never a ground to refuse, since the contractor may do more. Whether a category
//! counts is the contract's table, entered otherwise only where the text is open and
//! with a reason. A correction or withdrawal is a new record; nothing is edited away.

mod gauge;
#[cfg(test)]
mod tests;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

pub use gauge::{CategorySum, Gauge};

use crate::register::rules;
use crate::register::spec::FieldKind::{Choice, Date as Day, Minutes, Text, Time};
use crate::register::typed::{clock_minutes, minutes_ja, minutes_of};
use crate::register::{
    ActSpec, Context, Decision, FieldSpec, Item, Lookup, Refusal, RegisterSpec, Side, may, must,
};
use crate::terms::{Category, ContractTerms, Counts, Window};
use mamori_kernel::period::YearMonth;
use mamori_kernel::wareki;

/// A work entry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorkEntry {
    /// UUID text; empty until it is stored.
    #[serde(default)]
    pub work_id: String,
    /// Day of the work.
    pub date: Date,
    /// Start, `HH:MM`.
    #[serde(default)]
    pub start: Option<String>,
    /// End, `HH:MM`, up to `24:00`.
    #[serde(default)]
    pub end: Option<String>,
    /// Minutes worked; less than end − start when there were breaks.
    #[serde(default)]
    pub minutes: u32,
    /// Key of the contract's category table.
    pub category: String,
    /// Whether it counts to the monthly hours.
    #[serde(default = "undecided")]
    pub counts: Counts,
    /// A person's answer where the contract's table is open.
    #[serde(default)]
    pub counts_as: Option<Counts>,
    /// Why.
    #[serde(default)]
    pub counts_reason: Option<String>,
    /// 事象 of 別紙3: what there was to do.
    pub event: String,
    /// 対応 of 別紙3: what was done.
    #[serde(default)]
    pub response: Option<String>,
    /// Why the work lay outside the planned window.
    #[serde(default)]
    pub outside_hours_reason: Option<String>,
    /// The request it belongs to.
    #[serde(default)]
    pub request_id: Option<String>,
    /// Its number.
    #[serde(default)]
    pub request_number: Option<String>,
    /// Who worked (personal).
    #[serde(default)]
    pub by: Option<String>,
    /// As typed: the length. Becomes `minutes`.
    #[serde(default)]
    hours: Option<u32>,
    /// As typed: id or number of the request. Becomes `request_id`.
    #[serde(default)]
    request: Option<String>,
}

fn undecided() -> Counts {
    Counts::Undecided
}

const START: FieldSpec = may("start", "開始時刻", Time);
const END: FieldSpec = may("end", "終了時刻", Time);
const HOURS: FieldSpec = may("hours", "作業時間", Minutes);
const RESPONSE: FieldSpec = may("response", "対応", Text(2000));
const REQUEST: FieldSpec = may("request", "依頼の番号（外すときは「なし」）", Text(64));
const REASON: FieldSpec = may("outside_hours_reason", "時間外の理由", Text(500));
const COUNTS_AS: FieldSpec = may(
    "counts_as",
    "月の上限時間への算入",
    Choice(&[("yes", "算入する"), ("no", "算入しない")]),
);
const COUNTS_REASON: FieldSpec = may("counts_reason", "算入の判断の理由", Text(500));
const BY: FieldSpec = may("by", "作業者", Text(100)).personal();

static SPEC: RegisterSpec = RegisterSpec {
    key: "work",
    title_ja: "作業記録",
    number_ja: "作業",
    id_field: "work_id",
    states: &[("recorded", "記録"), ("withdrawn", "取消し")],
    acts: &[
        ActSpec {
            name: "record",
            title_ja: "作業の記録",
            from: &[],
            to: Some("recorded"),
            kind: "work.recorded",
            kind_ja: "作業の記録",
            side: Side::Contractor,
            fields: &[
                must("date", "作業日", Day),
                must("category", "区分", Text(64)),
                must("event", "事象", Text(2000)),
                START,
                END,
                HOURS,
                RESPONSE,
                REQUEST,
                REASON,
                COUNTS_AS,
                COUNTS_REASON,
                BY,
            ],
        },
        ActSpec {
            name: "correct",
            title_ja: "訂正",
            from: &["recorded"],
            to: None,
            kind: "work.corrected",
            kind_ja: "作業記録の訂正",
            side: Side::Contractor,
            fields: &[
                may("date", "作業日", Day),
                may("category", "区分", Text(64)),
                may("event", "事象", Text(2000)),
                START,
                END,
                HOURS,
                RESPONSE,
                REQUEST,
                REASON,
                COUNTS_AS,
                COUNTS_REASON,
                BY,
                must("correction_reason", "訂正の理由", Text(500)),
            ],
        },
        ActSpec {
            name: "withdraw",
            title_ja: "取消し",
            from: &["recorded"],
            to: Some("withdrawn"),
            kind: "work.withdrawn",
            kind_ja: "作業記録の取消し",
            side: Side::Contractor,
            fields: &[must("withdrawn_reason", "取消しの理由", Text(500))],
        },
    ],
    derived: &[
        ("minutes", "作業時間（分）"),
        ("counts", "月の上限時間に算入するか（yes・no・undecided）"),
        ("request_id", "依頼の識別子"),
        ("request_number", "依頼の番号"),
    ],
};

impl WorkEntry {
    /// Start and end in minutes after midnight, when both are known.
    pub fn span(&self) -> Option<(u32, u32)> {
        let start = clock_minutes(self.start.as_deref()?).ok()?;
        let end = clock_minutes(self.end.as_deref()?).ok()?;
        Some((start, end))
    }

    /// Why the work lies outside the planned window, if it does.
    fn outside(&self, window: &Window) -> Option<String> {
        let day = wareki::with_weekday(self.date);
        match window {
            Window::None => None,
            // The weekday is in the day already.
            Window::Closed(reason) if day.contains(reason.as_str()) => {
                Some(format!("{day}は作業日ではありません"))
            }
            Window::Closed(reason) => Some(format!("{day}は作業日ではありません（{reason}）")),
            Window::Between { from, to } => {
                let (start, end) = self.span()?;
                (start < minutes_of(*from) || end > minutes_of(*to)).then(|| {
                    format!(
                        "{day} {}～{} は作業時間帯（{}～{}）の外です",
                        self.start.as_deref().unwrap_or_default(),
                        self.end.as_deref().unwrap_or_default(),
                        from.strftime("%-H:%M"),
                        to.strftime("%-H:%M"),
                    )
                })
            }
        }
    }

    /// The minutes, from what was typed: hours, or start and end, or what stood before.
    fn length(
        &self,
        before: Option<&Self>,
        act: &'static ActSpec,
        decision: &mut Decision,
    ) -> Option<u32> {
        let span = self.span();
        if let Some((start, end)) = span
            && end <= start
        {
            decision.problem(
                act,
                "end",
                "開始時刻より後の時刻を書いてください。日をまたぐ作業は日ごとに分けて記録します",
            );
            return None;
        }
        if self.start.is_some() != self.end.is_some() {
            let missing = if self.start.is_some() { "end" } else { "start" };
            decision.problem(act, missing, "開始と終了は両方書いてください。片方しか分からないときは作業時間だけを書いてください");
            return None;
        }
        let whole = span.map(|(start, end)| end - start);
        let same_span =
            before.is_some_and(|before| before.start == self.start && before.end == self.end);
        let minutes = match (self.hours, whole) {
            (Some(typed), _) => typed,
            (None, Some(whole)) if !same_span => whole,
            (None, _) if before.is_some() => self.minutes,
            (None, Some(whole)) => whole,
            (None, None) => {
                decision.problem(
                    act,
                    "hours",
                    "作業時間（1.5、1:30、90m）か、開始と終了の時刻を書いてください",
                );
                return None;
            }
        };
        if let Some(whole) = whole.filter(|whole| minutes > *whole) {
            decision.problem(
                act,
                "hours",
                format!(
                    "作業時間 {} が開始から終了まで（{}）より長くなっています",
                    minutes_ja(minutes),
                    minutes_ja(whole)
                ),
            );
            return None;
        }
        Some(minutes)
    }

    /// Whether it counts: the contract's table, or a person's answer where the table is open.
    fn counted(
        &self,
        before: Option<&Self>,
        category: &Category,
        act: &'static ActSpec,
        decision: &mut Decision,
    ) -> Counts {
        // An answer given for another category says nothing about this one.
        let stale = before.is_some_and(|before| {
            before.category != self.category && before.counts_as == self.counts_as
        });
        if stale {
            decision.set("counts_as", ());
            decision.set("counts_reason", ());
        }
        let claim = self
            .counts_as
            .filter(|claimed| !stale && *claimed != category.counts);
        let Some(claimed) = claim else {
            return category.counts;
        };
        let open = category.may_differ || category.counts == Counts::Undecided;
        if !open {
            decision.problem(
                act,
                "counts_as",
                format!(
                    "区分「{}」は仕様書 {} により「{}」です。変えるときは区分を選び直してください",
                    category.title_ja,
                    category.clause,
                    category.counts.title_ja()
                ),
            );
        } else if self.counts_reason.is_none() {
            decision.problem(act, "counts_reason", format!(
                "区分「{}」（仕様書 {}）は契約では「{}」です。「{}」とする根拠（協議の番号など）を書いてください",
                category.title_ja, category.clause, category.counts.title_ja(), claimed.title_ja()
            ));
        }
        claimed
    }
}

impl Item for WorkEntry {
    const SPEC: &'static RegisterSpec = &SPEC;

    fn lookups(proposed: &Self, act: &ActSpec) -> Vec<Lookup> {
        if act.name == "withdraw" {
            return Vec::new();
        }
        let month = YearMonth::of(proposed.date);
        let mut lookups = vec![Lookup::Days {
            register: "work",
            from: month.first(),
            to: month.last(),
        }];
        if let Some(reference) = &proposed.request {
            lookups.push(Lookup::Item {
                register: "request",
                reference: reference.clone(),
            });
        }
        lookups
    }

    fn decide(
        proposed: &Self,
        before: Option<&Self>,
        act: &'static ActSpec,
        context: &Context<'_>,
        decision: &mut Decision,
    ) -> Result<(), Refusal> {
        if act.name == "withdraw" {
            return Ok(());
        }
        rules::past(act, context, decision, "date", Some(proposed.date));
        rules::in_term(act, context, decision, "date", proposed.date);
        let mut after = proposed.clone();
        if let Some(minutes) = proposed.length(before, act, decision) {
            after.minutes = minutes;
            decision.set("minutes", minutes);
        }
        decision.set("hours", ());
        if after.by.is_none() {
            after.by = Some(context.actor.to_owned());
            decision.set_personal("by", context.actor);
        }
        let terms = context.terms;
        if let Some(category) = terms.category(&proposed.category) {
            after.counts = proposed.counted(before, category, act, decision);
            decision.set("counts", after.counts);
            if after.counts == Counts::Undecided {
                decision.warn("undecided", format!(
                    "区分「{}」が月の上限時間に入るかは契約に書かれていません。協議で決まるまで別に集計します",
                    category.title_ja
                ));
            }
            if let Some(why) = proposed
                .outside(&terms.window(proposed.date))
                .filter(|_| category.in_window)
                && proposed.outside_hours_reason.is_none()
            {
                decision.problem(
                    act,
                    "outside_hours_reason",
                    format!("{why}。時間外に行った理由を書いてください"),
                );
            }
        } else {
            let known = terms
                .categories()
                .iter()
                .map(|c| (c.key.as_str(), c.title_ja.as_str()));
            decision.problem(act, "category", rules::unknown(&proposed.category, known));
        }
        link_request(proposed, act, context, decision);
        compare(&after, context, decision);
        Ok(())
    }

    fn title(&self) -> String {
        self.event.lines().next().unwrap_or_default().to_owned()
    }

    fn day(&self) -> Date {
        self.date
    }

    fn search_text(&self) -> Vec<&str> {
        [
            Some(self.event.as_str()),
            self.response.as_deref(),
            Some(self.category.as_str()),
            self.request_number.as_deref(),
            self.outside_hours_reason.as_deref(),
            self.by.as_deref(),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    fn link(&self) -> Option<&str> {
        self.request_id.as_deref()
    }
}

/// Ties the entry to the request that was named.
fn link_request(
    proposed: &WorkEntry,
    act: &ActSpec,
    context: &Context<'_>,
    decision: &mut Decision,
) {
    let Some(reference) = &proposed.request else {
        return;
    };
    decision.set("request", ());
    if matches!(reference.as_str(), "-" | "なし") {
        decision.set("request_id", ());
        decision.set("request_number", ());
        return;
    }
    match context.of("request").next() {
        None => decision.problem(act, "request", format!(
            "依頼「{reference}」は登録されていません。依頼-R8-001 のような番号か識別子を書いてください"
        )),
        Some(request) if request.state == "withdrawn" => {
            decision.problem(act, "request", format!("{} は取り下げられています", request.number));
        }
        Some(request) => {
            decision.set("request_id", &request.id);
            decision.set("request_number", &request.number);
            if request.state == "estimated" {
                decision.warn("not_approved", format!("{} は市の承認待ちです", request.number));
            }
        }
    }
}

/// Warns of overlaps with the same person's other entries and of a month beyond its hours.
fn compare(after: &WorkEntry, context: &Context<'_>, decision: &mut Decision) {
    let others: Vec<_> = context
        .typed::<WorkEntry>()
        .into_iter()
        .filter(|(stored, entry)| stored.state != "withdrawn" && entry.work_id != after.work_id)
        .collect();
    if let Some((start, end)) = after.span() {
        for (stored, entry) in &others {
            let overlaps = entry.date == after.date
                && entry.by == after.by
                && entry
                    .span()
                    .is_some_and(|(from, to)| start < to && from < end);
            if overlaps {
                decision.warn(
                    "overlap",
                    format!(
                        "同じ作業者の {}（{}～{}）と時間が重なっています",
                        stored.number,
                        entry.start.as_deref().unwrap_or_default(),
                        entry.end.as_deref().unwrap_or_default(),
                    ),
                );
            }
        }
    }
    let month = YearMonth::of(after.date);
    let gauge = Gauge::of(
        month,
        others.iter().map(|(_, entry)| entry).chain([after]),
        context.terms,
    );
    if after.counts == Counts::Yes
        && gauge.over_minutes > 0
        && let Some(cap) = &gauge.cap
    {
        decision.warn(
            "over_cap",
            format!(
                "{}の算入時間は {} となり、{}を {} 超えます",
                wareki::month(month),
                minutes_ja(gauge.counted_minutes),
                cap.title_ja,
                minutes_ja(gauge.over_minutes)
            ),
        );
    }
}

/// The gauge of a month from the contract's terms and stored entries.
pub fn gauge(
    month: YearMonth,
    stored: &[crate::register::Stored],
    terms: &dyn ContractTerms,
) -> Gauge {
    let entries: Vec<WorkEntry> = stored
        .iter()
        .filter(|row| row.register == "work" && row.state != "withdrawn")
        .filter_map(|row| row.read().ok())
        .collect();
    Gauge::of(month, entries.iter(), terms)
}
