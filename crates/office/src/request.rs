//! Requests from the city (依頼): 仕様書 7(2)ア・イ and whatever else the city asks for.
//!
//! A request is received, estimated, approved by the city, done and accepted (検収). A small
//! one may be done without an estimate; an estimated one waits for the city. Both spans in
//! which the city has the next word are kept. The minutes worked come from the work
//! entries that name the request.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::register::form::FileRef;
use crate::register::rules::{self, CityWait, HOW};
use crate::register::spec::FieldKind::{Choice, Date as Day, File, Minutes, Text};
use crate::register::typed::minutes_ja;
use crate::register::{
    ActSpec, Context, Decision, Item, Lookup, Refusal, RegisterSpec, Side, may, must,
};
use crate::work::WorkEntry;

/// A request from the city.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// UUID text; empty until it is stored.
    #[serde(default)]
    pub request_id: String,
    /// One line.
    pub title: String,
    /// What is asked for.
    #[serde(default)]
    pub detail: Option<String>,
    /// Day it came.
    pub received_on: Date,
    /// How it came.
    pub channel: String,
    /// Day the city wishes it done.
    #[serde(default)]
    pub wanted_by: Option<Date>,
    /// Section that asks.
    #[serde(default)]
    pub section: Option<String>,
    /// Person who asks (personal).
    #[serde(default)]
    pub requester: Option<String>,
    /// Material.
    #[serde(default)]
    pub file: Option<FileRef>,
    /// Estimated work in minutes.
    #[serde(default)]
    pub estimate_minutes: Option<u32>,
    /// Day of the estimate.
    #[serde(default)]
    pub estimated_on: Option<Date>,
    /// Day of the city's approval.
    #[serde(default)]
    pub approved_on: Option<Date>,
    /// How the approval came.
    #[serde(default)]
    pub approved_how: Option<String>,
    /// Day it was done, as of the last time.
    #[serde(default)]
    pub done_on: Option<Date>,
    /// What was done.
    #[serde(default)]
    pub result: Option<String>,
    /// Minutes worked, summed from the work entries when it was done.
    #[serde(default)]
    pub worked_minutes: Option<u32>,
    /// Day the city sent it back.
    #[serde(default)]
    pub returned_on: Option<Date>,
    /// Day of acceptance (検収).
    #[serde(default)]
    pub accepted_on: Option<Date>,
    /// Day of withdrawal.
    #[serde(default)]
    pub withdrawn_on: Option<Date>,
    /// Spans in which the city had the next word.
    #[serde(default)]
    pub city_waits: Vec<CityWait>,
}

const CHANNELS: &[(&str, &str)] = &[
    ("mail", "メール"),
    ("phone", "電話"),
    ("meeting", "打合せ"),
    ("portal", "ポータル"),
    ("paper", "書面"),
];

static SPEC: RegisterSpec = RegisterSpec {
    key: "request",
    title_ja: "依頼",
    number_ja: "依頼",
    id_field: "request_id",
    states: &[
        ("received", "受付"),
        ("estimated", "見積済（市の承認待ち）"),
        ("approved", "承認済（作業中）"),
        ("done", "作業完了（検収待ち）"),
        ("accepted", "検収済"),
        ("withdrawn", "取下げ"),
    ],
    acts: &[
        ActSpec {
            name: "receive",
            title_ja: "受付",
            from: &[],
            to: Some("received"),
            kind: "request.received",
            kind_ja: "依頼の受付",
            side: Side::Either,
            fields: &[
                must("title", "件名", Text(200)),
                must("received_on", "受付日", Day),
                must("channel", "受付方法", Choice(CHANNELS)),
                may("detail", "内容", Text(4000)),
                may("wanted_by", "希望日", Day),
                may("section", "依頼元の部署", Text(100)),
                may("requester", "依頼者の氏名", Text(100)).personal(),
                may("file", "資料", File),
            ],
        },
        ActSpec {
            name: "amend",
            title_ja: "内容の変更",
            from: &["received", "estimated", "approved"],
            to: None,
            kind: "request.amended",
            kind_ja: "依頼の内容の変更",
            side: Side::Contractor,
            fields: &[
                may("title", "件名", Text(200)),
                may("detail", "内容", Text(4000)),
                may("wanted_by", "希望日", Day),
                may("section", "依頼元の部署", Text(100)),
                may("requester", "依頼者の氏名", Text(100)).personal(),
                may("file", "資料", File),
                must("amend_reason", "変更の理由", Text(500)),
            ],
        },
        ActSpec {
            name: "estimate",
            title_ja: "見積り",
            from: &["received", "estimated"],
            to: Some("estimated"),
            kind: "request.estimated",
            kind_ja: "依頼の見積り",
            side: Side::Contractor,
            fields: &[
                must("estimate_minutes", "見積り時間", Minutes),
                must("estimated_on", "見積り日", Day),
                may("estimate_note", "見積りの説明", Text(2000)),
            ],
        },
        ActSpec {
            name: "approve",
            title_ja: "市の承認",
            from: &["estimated"],
            to: Some("approved"),
            kind: "request.approved",
            kind_ja: "依頼の市の承認",
            side: Side::City,
            fields: &[
                must("approved_on", "承認日", Day),
                may("approved_how", "方法", Choice(HOW)),
                may(
                    "approved_by",
                    "承認した部署・職名（氏名は書かない）",
                    Text(100),
                ),
                may("approved_by_name", "承認した人の氏名", Text(100)).personal(),
            ],
        },
        ActSpec {
            name: "finish",
            title_ja: "作業完了",
            from: &["received", "approved"],
            to: Some("done"),
            kind: "request.done",
            kind_ja: "依頼の作業完了",
            side: Side::Contractor,
            fields: &[
                must("done_on", "完了日", Day),
                must("result", "対応内容", Text(4000)),
                may("result_file", "完了の資料", File),
            ],
        },
        ActSpec {
            name: "return",
            title_ja: "差戻し",
            from: &["done"],
            to: Some("approved"),
            kind: "request.returned",
            kind_ja: "依頼の差戻し",
            side: Side::City,
            fields: &[
                must("returned_on", "差戻し日", Day),
                must("return_reason", "差戻しの理由", Text(2000)),
            ],
        },
        ActSpec {
            name: "accept",
            title_ja: "検収",
            from: &["done"],
            to: Some("accepted"),
            kind: "request.accepted",
            kind_ja: "依頼の検収",
            side: Side::City,
            fields: &[
                must("accepted_on", "検収日", Day),
                may(
                    "accepted_by",
                    "検収した部署・職名（氏名は書かない）",
                    Text(100),
                ),
                may("accepted_by_name", "検収した人の氏名", Text(100)).personal(),
                may("accepted_file", "検収の資料", File),
            ],
        },
        ActSpec {
            name: "withdraw",
            title_ja: "取下げ",
            from: &["received", "estimated", "approved"],
            to: Some("withdrawn"),
            kind: "request.withdrawn",
            kind_ja: "依頼の取下げ",
            side: Side::City,
            fields: &[
                must("withdrawn_on", "取下げ日", Day),
                may("withdrawn_reason", "取下げの理由", Text(2000)),
            ],
        },
    ],
    derived: &[
        ("worked_minutes", "作業時間の合計"),
        ("city_waits", "市の回答を待った期間"),
    ],
};

impl Request {
    /// Calendar days the city took so far, waits that still run included up to `today`.
    pub fn city_wait_days(&self, state: &str, today: Date) -> u32 {
        let running = match state {
            "estimated" => self.estimated_on,
            "done" => self.done_on,
            _ => None,
        }
        .filter(|from| *from <= today)
        .map(|from| CityWait {
            what: String::new(),
            from,
            to: today,
        });
        self.city_waits
            .iter()
            .chain(running.as_ref())
            .map(CityWait::days)
            .sum()
    }

    /// The latest day of its story so far.
    fn latest(&self) -> (&'static str, Date) {
        [
            ("受付日", Some(self.received_on)),
            ("見積り日", self.estimated_on),
            ("承認日", self.approved_on),
            ("完了日", self.done_on),
            ("差戻し日", self.returned_on),
        ]
        .into_iter()
        .filter_map(|(name, day)| day.map(|day| (name, day)))
        .max_by_key(|(_, day)| *day)
        .expect("a request has a day of receipt")
    }
}

impl Item for Request {
    const SPEC: &'static RegisterSpec = &SPEC;

    fn lookups(proposed: &Self, act: &ActSpec) -> Vec<Lookup> {
        if act.name == "finish" && !proposed.request_id.is_empty() {
            vec![Lookup::Link {
                register: "work",
                link: proposed.request_id.clone(),
            }]
        } else {
            Vec::new()
        }
    }

    fn decide(
        proposed: &Self,
        before: Option<&Self>,
        act: &'static ActSpec,
        context: &Context<'_>,
        decision: &mut Decision,
    ) -> Result<(), Refusal> {
        let (field, day) = match act.name {
            "receive" => ("received_on", Some(proposed.received_on)),
            "estimate" => ("estimated_on", proposed.estimated_on),
            "approve" => ("approved_on", proposed.approved_on),
            "finish" => ("done_on", proposed.done_on),
            "return" => ("returned_on", proposed.returned_on),
            "accept" => ("accepted_on", proposed.accepted_on),
            "withdraw" => ("withdrawn_on", proposed.withdrawn_on),
            _ => return Ok(()),
        };
        rules::past(act, context, decision, field, day);
        if let Some(before) = before {
            let (earlier_ja, earlier) = before.latest();
            rules::not_before(act, decision, field, day, earlier_ja, Some(earlier));
        }
        let waits = &proposed.city_waits;
        match act.name {
            "receive" => rules::heard(act, context, decision, "channel", Some(&proposed.channel)),
            "approve" => {
                rules::heard(
                    act,
                    context,
                    decision,
                    "approved_how",
                    proposed.approved_how.as_deref(),
                );
                if let Some(from) = proposed.estimated_on {
                    rules::waited(decision, waits, "承認", from, day);
                }
            }
            "return" | "accept" => {
                if let Some(from) = proposed.done_on {
                    rules::waited(decision, waits, "検収", from, day);
                }
            }
            "finish" => {
                let worked: u32 = context
                    .typed::<WorkEntry>()
                    .iter()
                    .filter(|(stored, _)| stored.state != "withdrawn")
                    .map(|(_, entry)| entry.minutes)
                    .sum();
                decision.set("worked_minutes", worked);
                if worked == 0 {
                    decision.warn(
                        "no_work",
                        "この依頼に結び付いた作業記録がありません。作業時間を記録してください",
                    );
                }
                if let Some(estimate) = proposed
                    .estimate_minutes
                    .filter(|estimate| worked > *estimate)
                {
                    decision.warn(
                        "over_estimate",
                        format!(
                            "作業時間 {} が見積り {} を超えています",
                            minutes_ja(worked),
                            minutes_ja(estimate)
                        ),
                    );
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn title(&self) -> String {
        self.title.clone()
    }

    fn day(&self) -> Date {
        self.received_on
    }

    fn search_text(&self) -> Vec<&str> {
        [&self.detail, &self.section, &self.requester, &self.result]
            .into_iter()
            .flatten()
            .map(String::as_str)
            .collect()
    }
}
