//! Questions of the city's staff and of the counter (問合せ), by phone or mail: 仕様書 9.
//!
//! The contract sets no time for answering: the time taken is kept and shown, never
//! judged. In principle the minutes do not count to the seven hours; they live here, apart
//! from the work entries. Who asked and what was said word by word is personal data.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::register::rules;
use crate::register::spec::FieldKind::{Choice, Date as Day, Minutes, Text, Time};
use crate::register::{ActSpec, Context, Decision, Item, Refusal, RegisterSpec, Side, may, must};

/// A question of the city's staff.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Question {
    /// What it is about, one line without names.
    pub topic: String,
    /// `phone`, `mail` or `portal`.
    pub channel: String,
    /// Day it came.
    pub received_on: Date,
    /// Time it came, `HH:MM`.
    #[serde(default)]
    pub received_at: Option<String>,
    /// Section that asked.
    #[serde(default)]
    pub section: Option<String>,
    /// Who asked (personal).
    #[serde(default)]
    pub caller: Option<String>,
    /// What was asked (personal).
    #[serde(default)]
    pub detail: Option<String>,
    /// Day of the answer.
    #[serde(default)]
    pub answered_on: Option<Date>,
    /// Time of the answer, `HH:MM`.
    #[serde(default)]
    pub answered_at: Option<String>,
    /// What was answered (personal).
    #[serde(default)]
    pub answer: Option<String>,
    /// Minutes it took.
    #[serde(default)]
    pub minutes: Option<u32>,
    /// Minutes from question to answer, when both times are known.
    #[serde(default)]
    pub answer_time_minutes: Option<i64>,
}

/// How a question comes. 仕様書 9 names telephone and mail; who asks here writes it down.
const CHANNELS: &[(&str, &str)] = &[
    ("phone", "電話"),
    ("mail", "メール"),
    ("portal", "ポータル"),
];

static SPEC: RegisterSpec = RegisterSpec {
    key: "question",
    title_ja: "問合せ",
    number_ja: "問合せ",
    id_field: "question_id",
    states: &[
        ("received", "回答待ち"),
        ("answered", "回答済"),
        ("withdrawn", "取消し"),
    ],
    acts: &[
        ActSpec {
            name: "receive",
            title_ja: "受付",
            from: &[],
            to: Some("received"),
            kind: "question.received",
            kind_ja: "問合せの受付",
            side: Side::Either,
            fields: &[
                must("topic", "件名（氏名は書かない）", Text(200)),
                must("channel", "方法", Choice(CHANNELS)),
                must("received_on", "受付日", Day),
                may("received_at", "受付時刻", Time),
                may("section", "部署", Text(100)),
                may("caller", "質問者", Text(100)).personal(),
                may("detail", "質問の内容", Text(4000)).personal(),
            ],
        },
        ActSpec {
            name: "answer",
            title_ja: "回答",
            from: &["received", "answered"],
            to: Some("answered"),
            kind: "question.answered",
            kind_ja: "問合せの回答",
            side: Side::Contractor,
            fields: &[
                must("answered_on", "回答日", Day),
                may("answered_at", "回答時刻", Time),
                may("answer", "回答の内容", Text(4000)).personal(),
                may("minutes", "対応時間", Minutes),
            ],
        },
        ActSpec {
            name: "withdraw",
            title_ja: "取消し",
            from: &["received", "answered"],
            to: Some("withdrawn"),
            kind: "question.withdrawn",
            kind_ja: "問合せの取消し",
            side: Side::Contractor,
            fields: &[must("withdrawn_reason", "取消しの理由", Text(500))],
        },
    ],
    derived: &[("answer_time_minutes", "受付から回答までの分")],
};

impl Question {
    /// Minutes from question to answer; none unless both times are known.
    fn answer_time(&self) -> Option<i64> {
        let instant = |day: Date, time: Option<&String>| {
            let minutes = crate::register::typed::clock_minutes(time?).ok()?;
            day.at(0, 0, 0, 0)
                .checked_add(jiff::Span::new().minutes(i64::from(minutes)))
                .ok()
        };
        let from = instant(self.received_on, self.received_at.as_ref())?;
        let to = instant(self.answered_on?, self.answered_at.as_ref())?;
        Some(from.duration_until(to).as_mins())
    }
}

impl Item for Question {
    const SPEC: &'static RegisterSpec = &SPEC;

    fn decide(
        proposed: &Self,
        _before: Option<&Self>,
        act: &'static ActSpec,
        context: &Context<'_>,
        decision: &mut Decision,
    ) -> Result<(), Refusal> {
        rules::past(
            act,
            context,
            decision,
            "received_on",
            Some(proposed.received_on),
        );
        if act.opens() {
            let how = Some(proposed.channel.as_str());
            rules::heard(act, context, decision, "channel", how);
        }
        if act.name == "answer" {
            rules::past(act, context, decision, "answered_on", proposed.answered_on);
            rules::not_before(
                act,
                decision,
                "answered_on",
                proposed.answered_on,
                "受付日",
                Some(proposed.received_on),
            );
            let taken = proposed.answer_time();
            if taken.is_some_and(|minutes| minutes < 0) {
                decision.problem(act, "answered_at", "受付時刻より前の時刻は書けません");
            }
            decision.set("answer_time_minutes", taken);
        }
        Ok(())
    }

    fn title(&self) -> String {
        self.topic.clone()
    }

    fn day(&self) -> Date {
        self.received_on
    }

    fn search_text(&self) -> Vec<&str> {
        [&self.section, &self.caller, &self.detail, &self.answer]
            .into_iter()
            .flatten()
            .map(String::as_str)
            .collect()
    }
}
