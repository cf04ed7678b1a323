//! Gates: acts that the contract allows only after an approval (承認) or a consultation (協議).
//!
//! 仕様書 6, 7(3), 7(4), 10, 12, 15(1). Which gate guards which act is contract data
//! ([`Gate::guards`]); what opens it is an item of the registers [`crate::approval`] and
//! [`crate::consultation`]. The desk asks [`judge`] before every guarded act of every register;
//! capabilities outside the registers (a change of the chat service, a stop) ask
//! `register::Desk::gate` with the same result.

use jiff::civil::Date;

use crate::approval::Approval;
use crate::consultation::Consultation;
use crate::register::typed::normal;
use crate::register::{Lookup, Refusal, Stored};
use crate::terms::{Gate, GateKind};

/// Whether a gate is open for something on a day.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(tag = "gate", rename_all = "snake_case")]
pub enum Verdict {
    /// Open, by this item.
    Open {
        /// Register of the item that opens it.
        register: String,
        /// Its id.
        id: String,
        /// Its number.
        number: String,
    },
    /// Closed.
    Closed {
        /// What is missing and how to get it.
        missing_ja: String,
    },
}

/// What must be read to judge a gate.
pub fn lookup(gate: &Gate) -> Lookup {
    let register = match gate.kind {
        GateKind::Approval => "approval",
        GateKind::Consultation => "consultation",
    };
    Lookup::Link {
        register,
        link: gate.key.clone(),
    }
}

/// Judges a gate for `about` on `day` from the items that [`lookup`] found.
///
/// An item covers `about` when one text contains the other after normalisation: an approval
/// for 「株式会社○○への再委託」 covers 「株式会社○○」.
pub fn judge(gate: &Gate, about: &str, day: Date, found: &[Stored]) -> Verdict {
    let mut nearest: Option<(u8, String)> = None;
    for stored in found {
        let outcome = match gate.kind {
            GateKind::Approval if stored.register == "approval" => stored
                .read::<Approval>()
                .ok()
                .map(|item| approval(gate, about, day, stored, &item)),
            GateKind::Consultation if stored.register == "consultation" => stored
                .read::<Consultation>()
                .ok()
                .map(|item| consultation(gate, about, day, stored, &item)),
            _ => None,
        };
        match outcome {
            Some(Ok(())) => {
                return Verdict::Open {
                    register: stored.register.clone(),
                    id: stored.id.clone(),
                    number: stored.number.clone(),
                };
            }
            Some(Err(Some((closeness, why)))) => {
                if nearest.as_ref().is_none_or(|(best, _)| closeness > *best) {
                    nearest = Some((closeness, why));
                }
            }
            Some(Err(None)) | None => {}
        }
    }
    Verdict::Closed {
        missing_ja: nearest.map_or_else(
            || match gate.kind {
                GateKind::Approval => format!(
                    "「{about}」についての承認がまだありません。先に承認願を登録し{}札幌市など発注者の承認を記録してください",
                    if gate.written { "、書面での" } else { "、" }
                ),
                GateKind::Consultation => format!(
                    "「{about}」についての協議がまだ整っていません。先に協議を登録し、合意を記録してください"
                ),
            },
            |(_, why)| why,
        ),
    }
}

/// `Err(None)`: it has nothing to do with the matter; `Err(Some)`: how near it is, and why not.
type Outcome = Result<(), Option<(u8, String)>>;

fn approval(gate: &Gate, about: &str, day: Date, stored: &Stored, item: &Approval) -> Outcome {
    if item.gate != gate.key || !covers(&item.about, about) {
        return Err(None);
    }
    let number = &stored.number;
    match stored.state.as_str() {
        "granted" => {}
        "requested" => {
            return Err(Some((
                2,
                format!("承認願 {number} は回答待ちです。承認を待って記録してください"),
            )));
        }
        "refused" => {
            return Err(Some((
                1,
                format!("承認願 {number} は不承認です。内容を改めて願い出てください"),
            )));
        }
        _ => return Err(Some((1, format!("承認願 {number} は取り下げられています")))),
    }
    if gate.written && !item.written {
        return Err(Some((
            4,
            format!(
                "{number} は口頭の承認です。書面による承認を受け、「書面の受領」を記録してください"
            ),
        )));
    }
    if item.valid_from.is_some_and(|from| day < from) {
        return Err(Some((3, format!("{number} の承認はまだ有効期間の前です"))));
    }
    if item.valid_until.is_some_and(|until| day > until) {
        return Err(Some((
            3,
            format!("{number} の承認は有効期間を過ぎています。改めて承認を受けてください"),
        )));
    }
    if item.decided_on.is_none_or(|decided| decided > day) {
        return Err(Some((
            3,
            format!("{number} の承認日より前の日には行えません"),
        )));
    }
    Ok(())
}

fn consultation(
    gate: &Gate,
    about: &str,
    day: Date,
    stored: &Stored,
    item: &Consultation,
) -> Outcome {
    if item.gate.as_deref() != Some(gate.key.as_str()) || !covers(&item.topic, about) {
        return Err(None);
    }
    let number = &stored.number;
    let decided = match (stored.state.as_str(), item.decided_on) {
        ("agreed", Some(decided)) => decided,
        ("opened", _) => {
            return Err(Some((
                2,
                format!("協議 {number} はまだ合意に至っていません。合意を待って記録してください"),
            )));
        }
        _ => {
            return Err(Some((
                1,
                format!("協議 {number} は合意なく終わっています。改めて協議してください"),
            )));
        }
    };
    if decided > day {
        return Err(Some((
            3,
            format!("{number} の合意日より前の日には行えません"),
        )));
    }
    if gate.written && !item.written {
        return Err(Some((
            4,
            format!("{number} は口頭の合意です。書面による合意を記録してください"),
        )));
    }
    Ok(())
}

fn covers(granted: &str, wanted: &str) -> bool {
    let (granted, wanted) = (
        normal(granted).replace(' ', ""),
        normal(wanted).replace(' ', ""),
    );
    !granted.is_empty()
        && !wanted.is_empty()
        && (granted.contains(&wanted) || wanted.contains(&granted))
}

/// The refusal of an act behind a closed gate.
pub fn refusal(gate: &Gate, act_ja: &str, missing_ja: String) -> Refusal {
    Refusal::Gate {
        act_ja: act_ja.to_owned(),
        gate: gate.key.clone(),
        gate_ja: gate.title_ja.clone(),
        clause: gate.clause.clone(),
        missing_ja,
    }
}
