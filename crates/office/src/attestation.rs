//! Attestations (証明書類): what only somebody outside can vouch for.
//!
//! 仕様書 7(3)ア・イ, 14 and 別紙2 (the data centre). Every such row is answered in one of three
//! ways: it does not apply, with a reason; it applies and a paper of the provider says
//! so; or it is a gap. Whether a paper is valid follows from today, never from a stored flag.
//! [`gaps`] feeds the サーバー変更計画書.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::register::form::FileRef;
use crate::register::rules;
use crate::register::spec::FieldKind::{Date as Day, File, Text};
use crate::register::{
    ActSpec, Context, Decision, Item, Lookup, Refusal, RegisterSpec, Side, Stored, may, must,
};
use crate::terms::{ContractTerms, ObligationRef};

/// An attestation for one obligation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Attestation {
    /// Obligation key (`O-118`).
    pub obligation: String,
    /// `applies` or `not_applicable`; set by the act that filed it.
    #[serde(default)]
    pub applicability: String,
    /// Why it does not apply.
    #[serde(default)]
    pub reason: Option<String>,
    /// Who vouches.
    #[serde(default)]
    pub issuer: Option<String>,
    /// What it says in one line, or the number of the certificate.
    #[serde(default)]
    pub statement: Option<String>,
    /// Day of the paper, or of the statement that the row does not apply.
    pub issued_on: Date,
    /// Last day of validity.
    #[serde(default)]
    pub expires_on: Option<Date>,
    /// Day on which it must be looked at again.
    #[serde(default)]
    pub review_on: Option<Date>,
    /// The paper.
    #[serde(default)]
    pub file: Option<FileRef>,
    /// Day the city accepted it.
    #[serde(default)]
    pub accepted_on: Option<Date>,
}

/// What a day says about an attestation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "validity", rename_all = "snake_case")]
pub enum Validity {
    /// Valid on the day.
    Valid,
    /// Valid, and ends or needs review within the notice period.
    Expiring {
        /// Days left; 0 on the last day.
        days: u32,
    },
    /// The last day has passed.
    Expired,
    /// The row does not apply, with a reason.
    NotApplicable,
}

/// Days of notice before an attestation ends.
pub const NOTICE_DAYS: u32 = 60;

const FILED: &[&str] = &["filed"];

static SPEC: RegisterSpec = RegisterSpec {
    key: "attestation",
    title_ja: "証明書類",
    number_ja: "証明",
    id_field: "attestation_id",
    states: &[
        ("filed", "登録（市の確認待ち）"),
        ("accepted", "市が確認"),
        ("withdrawn", "取下げ"),
    ],
    acts: &[
        ActSpec {
            name: "file",
            title_ja: "証明書類の登録",
            from: &[],
            to: Some("filed"),
            kind: "attestation.filed",
            kind_ja: "証明書類の登録",
            side: Side::Contractor,
            fields: &[
                must("obligation", "義務の番号", Text(32)),
                must("issuer", "発行者", Text(200)),
                may("statement", "証明の内容・番号", Text(500)),
                must("issued_on", "発行日", Day),
                may("expires_on", "有効期限", Day),
                may("review_on", "見直し日", Day),
                may("file", "証明書類", File),
            ],
        },
        ActSpec {
            name: "exempt",
            title_ja: "該当しない旨の登録",
            from: &[],
            to: Some("filed"),
            kind: "attestation.filed",
            kind_ja: "証明書類の登録",
            side: Side::Contractor,
            fields: &[
                must("obligation", "義務の番号", Text(32)),
                must("reason", "該当しない理由", Text(2000)),
                must("issued_on", "判断した日", Day),
                may("review_on", "見直し日", Day),
                may("file", "資料", File),
            ],
        },
        ActSpec {
            name: "accept",
            title_ja: "市の確認",
            from: FILED,
            to: Some("accepted"),
            kind: "attestation.accepted",
            kind_ja: "証明書類の市の確認",
            side: Side::City,
            fields: &[
                must("accepted_on", "確認日", Day),
                may(
                    "accepted_by",
                    "確認した部署・職名（氏名は書かない）",
                    Text(100),
                ),
                may("accepted_by_name", "確認した人の氏名", Text(100)).personal(),
            ],
        },
        ActSpec {
            name: "withdraw",
            title_ja: "取下げ",
            from: &["filed", "accepted"],
            to: Some("withdrawn"),
            kind: "attestation.withdrawn",
            kind_ja: "証明書類の取下げ",
            side: Side::Contractor,
            fields: &[
                must("withdrawn_on", "取下げ日", Day),
                must("withdrawn_reason", "取下げの理由", Text(2000)),
            ],
        },
    ],
    derived: &[("applicability", "該当の有無")],
};

impl Attestation {
    /// What `today` says. The earlier of expiry and review decides about notice; only the
    /// expiry ends it.
    pub fn validity(&self, today: Date) -> Validity {
        if self.expires_on.is_some_and(|last| today > last) {
            return Validity::Expired;
        }
        let next = [self.expires_on, self.review_on]
            .into_iter()
            .flatten()
            .min();
        let left = next.map(|day| {
            today
                .until((jiff::Unit::Day, day))
                .map_or(0, |span| span.get_days())
        });
        if let Some(left) = left
            && left <= i32::try_from(NOTICE_DAYS).expect("a small number")
        {
            return Validity::Expiring {
                days: u32::try_from(left).unwrap_or(0),
            };
        }
        if self.applicability == "not_applicable" {
            Validity::NotApplicable
        } else {
            Validity::Valid
        }
    }
}

impl Item for Attestation {
    const SPEC: &'static RegisterSpec = &SPEC;

    fn lookups(proposed: &Self, act: &ActSpec) -> Vec<Lookup> {
        if act.opens() {
            vec![Lookup::Link {
                register: "attestation",
                link: proposed.obligation.clone(),
            }]
        } else {
            Vec::new()
        }
    }

    fn decide(
        proposed: &Self,
        _before: Option<&Self>,
        act: &'static ActSpec,
        context: &Context<'_>,
        decision: &mut Decision,
    ) -> Result<(), Refusal> {
        match act.name {
            "file" | "exempt" => {
                let applicability = if act.name == "file" {
                    "applies"
                } else {
                    "not_applicable"
                };
                decision.set("applicability", applicability);
                rules::known_obligation(act, context, decision, &proposed.obligation);
                rules::past(
                    act,
                    context,
                    decision,
                    "issued_on",
                    Some(proposed.issued_on),
                );
                rules::not_before(
                    act,
                    decision,
                    "expires_on",
                    proposed.expires_on,
                    "発行日",
                    Some(proposed.issued_on),
                );
                rules::not_before(
                    act,
                    decision,
                    "review_on",
                    proposed.review_on,
                    "発行日",
                    Some(proposed.issued_on),
                );
                if proposed.expires_on.is_some_and(|last| last < context.today) {
                    decision.warn("expired", "有効期限を過ぎた証明書類です。記録としては残りますが、適合の根拠にはなりません");
                }
                if act.name == "file" && proposed.file.is_none() {
                    decision.warn(
                        "no_file",
                        "証明書類のファイルがありません。検収で求められることがあります",
                    );
                }
                if let Some(standing) = context
                    .found
                    .iter()
                    .find(|stored| stored.state != "withdrawn")
                {
                    decision.warn(
                        "renewal",
                        format!(
                            "同じ義務の証明書類 {} があります。新しいものが優先されます",
                            standing.number
                        ),
                    );
                }
            }
            "accept" => {
                rules::past(act, context, decision, "accepted_on", proposed.accepted_on);
                rules::not_before(
                    act,
                    decision,
                    "accepted_on",
                    proposed.accepted_on,
                    "発行日",
                    Some(proposed.issued_on),
                );
            }
            _ => {}
        }
        Ok(())
    }

    fn title(&self) -> String {
        match (&self.statement, &self.issuer) {
            (Some(statement), _) => format!("{} {statement}", self.obligation),
            (None, Some(issuer)) => format!("{} {issuer}", self.obligation),
            (None, None) => format!("{} 該当しない", self.obligation),
        }
    }

    fn day(&self) -> Date {
        self.issued_on
    }

    fn search_text(&self) -> Vec<&str> {
        [&self.issuer, &self.reason]
            .into_iter()
            .flatten()
            .map(String::as_str)
            .collect()
    }

    fn link(&self) -> Option<&str> {
        Some(&self.obligation)
    }
}

/// Where an obligation that needs an attestation stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Standing {
    /// The obligation.
    pub obligation: ObligationRef,
    /// The attestation that speaks for it, if there is one.
    pub attestation: Option<Spoken>,
    /// Whether this is a gap: nothing valid and no reason why it does not apply.
    pub gap: bool,
    /// In words.
    pub standing_ja: String,
}

/// The attestation that speaks for an obligation.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Spoken {
    /// Its number.
    pub number: String,
    /// Its id.
    pub id: String,
    /// What today says about it.
    #[serde(flatten)]
    pub validity: Validity,
    /// Whether the city accepted it.
    pub accepted: bool,
}

/// Where every obligation that needs an attestation stands today, in the contract's order.
///
/// Of several attestations the best speaks: valid before expiring before expired, accepted
/// before filed, then the newest.
pub fn standings(terms: &dyn ContractTerms, filed: &[Stored], today: Date) -> Vec<Standing> {
    let read: Vec<(&Stored, Attestation)> = filed
        .iter()
        .filter(|stored| stored.register == "attestation" && stored.state != "withdrawn")
        .filter_map(|stored| Some((stored, stored.read().ok()?)))
        .collect();
    terms
        .obligations()
        .iter()
        .filter(|obligation| obligation.by_attestation)
        .map(|obligation| {
            let best = read
                .iter()
                .filter(|(_, item)| item.obligation == obligation.key)
                .map(|(stored, item)| (stored, item, item.validity(today)))
                .max_by_key(|(stored, item, validity)| {
                    let rank = match validity {
                        Validity::Expired => 0,
                        Validity::Expiring { .. } => 1,
                        Validity::Valid | Validity::NotApplicable => 2,
                    };
                    (
                        rank,
                        stored.state == "accepted",
                        item.issued_on,
                        stored.created_ms,
                    )
                });
            standing(
                obligation,
                best.map(|(stored, item, validity)| (*stored, item, validity)),
            )
        })
        .collect()
}

/// The gaps among the standings: items of the サーバー変更計画書.
pub fn gaps(terms: &dyn ContractTerms, filed: &[Stored], today: Date) -> Vec<Standing> {
    standings(terms, filed, today)
        .into_iter()
        .filter(|standing| standing.gap)
        .collect()
}

fn standing(
    obligation: &ObligationRef,
    best: Option<(&Stored, &Attestation, Validity)>,
) -> Standing {
    let (gap, standing_ja) = match best {
        None => (true, "証明書類がありません".to_owned()),
        Some((_, item, Validity::Expired)) => (
            true,
            format!(
                "証明書類の期限が切れています（{}）",
                item.expires_on.map(|d| d.to_string()).unwrap_or_default()
            ),
        ),
        Some((_, item, Validity::Expiring { days })) => (
            false,
            if item
                .expires_on
                .is_some_and(|last| item.review_on.is_none_or(|review| last <= review))
            {
                format!("あと{days}日で期限です")
            } else if days == 0 {
                "見直し日です".to_owned()
            } else {
                format!("あと{days}日で見直し日です")
            },
        ),
        Some((_, _, Validity::Valid)) => (false, "有効".to_owned()),
        Some((_, item, Validity::NotApplicable)) => (
            false,
            format!(
                "該当しない（{}）",
                item.reason.as_deref().unwrap_or_default()
            ),
        ),
    };
    Standing {
        obligation: obligation.clone(),
        attestation: best.map(|(stored, _, validity)| Spoken {
            number: stored.number.clone(),
            id: stored.id.clone(),
            validity,
            accepted: stored.state == "accepted",
        }),
        gap,
        standing_ja,
    }
}
