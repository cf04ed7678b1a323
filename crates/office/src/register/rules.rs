//! Rules that several registers share: order of days, waiting time of the city, known keys.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::item::{Context, Decision};
use super::refusal::nearest;
use super::spec::{ActSpec, Side};
use crate::terms::{Gate, GateKind};

/// How a decision of the city came.
pub const HOW: &[(&str, &str)] = &[
    ("paper", "書面"),
    ("mail", "メール"),
    ("portal", "ポータル"),
    ("phone", "電話"),
    ("meeting", "打合せ"),
];

/// Whether a decision that came this way is in writing. A mail is kept, so it counts; a talk
/// does not.
pub fn is_writing(how: Option<&str>) -> bool {
    matches!(how, Some("paper" | "mail" | "portal"))
}

/// A decision "by portal" is one that the city entered itself; the contractor names the paper,
/// mail or call that it heard the decision by.
pub fn heard(
    act: &ActSpec,
    context: &Context<'_>,
    decision: &mut Decision,
    field: &str,
    how: Option<&str>,
) {
    if how == Some("portal") && context.side != Side::City {
        decision.problem(act, field, "「ポータル」は市が自分で登録したときだけ選べます。書面・メール・電話・打合せから選んでください");
    }
}

/// A span in which the city had the next word: lateness in it is not the contractor's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CityWait {
    /// What was waited for (`承認`).
    pub what: String,
    /// Day of asking.
    pub from: Date,
    /// Day of the answer.
    pub to: Date,
}

impl CityWait {
    /// Calendar days, the first day not counted.
    pub fn days(&self) -> u32 {
        self.from
            .until((jiff::Unit::Day, self.to))
            .map_or(0, |span| u32::try_from(span.get_days()).unwrap_or(0))
    }
}

/// Adds a finished span of waiting for the city to the item.
pub fn waited(
    decision: &mut Decision,
    so_far: &[CityWait],
    what: &str,
    from: Date,
    to: Option<Date>,
) {
    let Some(to) = to.filter(|to| *to >= from) else {
        return;
    };
    let mut waits = so_far.to_vec();
    waits.push(CityWait {
        what: what.to_owned(),
        from,
        to,
    });
    decision.set("city_waits", waits);
}

/// A day on which something happened cannot lie ahead.
pub fn past(
    act: &ActSpec,
    context: &Context<'_>,
    decision: &mut Decision,
    field: &str,
    day: Option<Date>,
) {
    if let Some(day) = day.filter(|day| *day > context.today) {
        decision.problem(
            act,
            field,
            format!(
                "{day} はまだ先の日です。今日（{}）までの日を書いてください",
                context.today
            ),
        );
    }
}

/// Days in order.
pub fn not_before(
    act: &ActSpec,
    decision: &mut Decision,
    field: &str,
    day: Option<Date>,
    earlier_ja: &str,
    earlier: Option<Date>,
) {
    if let (Some(day), Some(earlier)) = (day, earlier)
        && day < earlier
    {
        decision.problem(
            act,
            field,
            format!("{earlier_ja}（{earlier}）より前の日は書けません"),
        );
    }
}

/// A day within the contract's term.
pub fn in_term(
    act: &ActSpec,
    context: &Context<'_>,
    decision: &mut Decision,
    field: &str,
    day: Date,
) {
    let (first, last) = context.terms.term();
    if day < first || day > last {
        decision.problem(
            act,
            field,
            format!("履行期間（{first} から {last}）の外の日です"),
        );
    }
}

/// The gate of this key, if it is one and of the right kind.
pub fn known_gate<'t>(
    act: &ActSpec,
    context: &Context<'t>,
    decision: &mut Decision,
    key: &str,
    kind: GateKind,
) -> Option<&'t Gate> {
    let terms = context.terms;
    match terms.gate(key) {
        Some(gate) if gate.kind == kind => Some(gate),
        Some(gate) => {
            let register = match gate.kind {
                GateKind::Approval => "承認願（approval）",
                GateKind::Consultation => "協議（consultation）",
            };
            decision.problem(
                act,
                "gate",
                format!("「{}」は{register}の登録簿で扱います", gate.title_ja),
            );
            None
        }
        None => {
            let of_kind: Vec<&Gate> = terms
                .gates()
                .iter()
                .filter(|gate| gate.kind == kind)
                .collect();
            let known = of_kind
                .iter()
                .map(|gate| (gate.key.as_str(), gate.title_ja.as_str()));
            decision.problem(act, "gate", unknown(key, known));
            None
        }
    }
}

/// An obligation key that the contract has.
pub fn known_obligation(act: &ActSpec, context: &Context<'_>, decision: &mut Decision, key: &str) {
    let terms = context.terms;
    if terms.obligation(key).is_none() {
        let keys = terms
            .obligations()
            .iter()
            .map(|o| (o.key.as_str(), o.title_ja.as_str()));
        let near = nearest(key, keys.clone().map(|(key, _)| key));
        let message = if near.is_empty() {
            format!(
                "義務「{key}」は契約にありません。`mamori contract status` で番号を確かめてください"
            )
        } else {
            unknown(key, keys.filter(|(key, _)| near.contains(key)))
        };
        decision.problem(act, "obligation", message);
    }
}

/// "Unknown key" with the nearest first and then all that exist.
pub fn unknown<'a>(key: &str, known: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let known: Vec<(&str, &str)> = known.collect();
    let near = nearest(key, known.iter().map(|(key, _)| *key));
    let list: Vec<String> = known
        .iter()
        .map(|(key, title)| format!("{key}（{title}）"))
        .collect();
    let list = if list.is_empty() {
        "なし".to_owned()
    } else {
        list.join("、")
    };
    if near.is_empty() {
        format!("「{key}」は契約にありません。使えるもの: {list}")
    } else {
        format!(
            "「{key}」は契約にありません。{} のことですか。使えるもの: {list}",
            near.join(" / ")
        )
    }
}
