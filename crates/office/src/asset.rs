//! The register of assets: servers, domains, certificates, services, what the site runs on.
//!
//! What ends has a day by which it must be renewed; [`crate::expiry`] reminds of it. What is
//! measured of them (is the certificate valid, does the domain answer) is not here: that is the
//! evidence of the capabilities that watch.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::register::rules;
use crate::register::spec::FieldKind::{Choice, Date as Day, Text};
use crate::register::{
    ActSpec, Context, Decision, FieldSpec, Item, Refusal, RegisterSpec, Side, may, must,
};

/// An asset.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Asset {
    /// What it is called.
    pub name: String,
    /// What it is.
    pub kind: String,
    /// Number in somebody's inventory, name of the host.
    #[serde(default)]
    pub inventory: Option<String>,
    /// Who provides it.
    #[serde(default)]
    pub provider: Option<String>,
    /// Where it stands.
    #[serde(default)]
    pub place: Option<String>,
    /// Since when it is used.
    pub registered_on: Date,
    /// Day by which it must be renewed.
    #[serde(default)]
    pub expires_on: Option<Date>,
    /// Remarks.
    #[serde(default)]
    pub note: Option<String>,
    /// Day of the last change.
    #[serde(default)]
    pub changed_on: Option<Date>,
    /// Day it was retired.
    #[serde(default)]
    pub retired_on: Option<Date>,
}

const KINDS: &[(&str, &str)] = &[
    ("server", "サーバ"),
    ("domain", "ドメイン"),
    ("certificate", "証明書"),
    ("service", "クラウドサービス"),
    ("software", "ソフトウェア"),
    ("network", "ネットワーク機器"),
    ("other", "その他"),
];

const INVENTORY: FieldSpec = may("inventory", "管理番号", Text(100));
const PROVIDER: FieldSpec = may("provider", "提供者", Text(200));
const PLACE: FieldSpec = may("place", "所在・場所", Text(200));
const EXPIRES: FieldSpec = may("expires_on", "更新期限", Day);
const NOTE: FieldSpec = may("note", "備考", Text(2000));

static SPEC: RegisterSpec = RegisterSpec {
    key: "asset",
    title_ja: "資産",
    number_ja: "資産",
    id_field: "asset_id",
    states: &[("registered", "使用中"), ("retired", "廃止")],
    acts: &[
        ActSpec {
            name: "register",
            title_ja: "資産の登録",
            from: &[],
            to: Some("registered"),
            kind: "asset.registered",
            kind_ja: "資産の登録",
            side: Side::Contractor,
            fields: &[
                must("name", "名称", Text(200)),
                must("kind", "種類", Choice(KINDS)),
                must("registered_on", "利用開始日", Day),
                INVENTORY,
                PROVIDER,
                PLACE,
                EXPIRES,
                NOTE,
            ],
        },
        ActSpec {
            name: "change",
            title_ja: "変更",
            from: &["registered"],
            to: None,
            kind: "asset.changed",
            kind_ja: "資産の変更",
            side: Side::Contractor,
            fields: &[
                must("changed_on", "変更日", Day),
                may("name", "名称", Text(200)),
                INVENTORY,
                PROVIDER,
                PLACE,
                EXPIRES,
                NOTE,
                must("change_reason", "変更の理由", Text(500)),
            ],
        },
        ActSpec {
            name: "retire",
            title_ja: "資産の廃止",
            from: &["registered"],
            to: Some("retired"),
            kind: "asset.retired",
            kind_ja: "資産の廃止",
            side: Side::Contractor,
            fields: &[
                must("retired_on", "廃止日", Day),
                must("retired_reason", "廃止の理由・データの扱い", Text(2000)),
            ],
        },
    ],
    derived: &[],
};

impl Item for Asset {
    const SPEC: &'static RegisterSpec = &SPEC;

    fn decide(
        proposed: &Self,
        _before: Option<&Self>,
        act: &'static ActSpec,
        context: &Context<'_>,
        decision: &mut Decision,
    ) -> Result<(), Refusal> {
        let since = Some(proposed.registered_on);
        let (field, day) = match act.name {
            "register" => ("registered_on", since),
            "change" => ("changed_on", proposed.changed_on),
            _ => ("retired_on", proposed.retired_on),
        };
        rules::past(act, context, decision, field, day);
        rules::not_before(act, decision, field, day, "利用開始日", since);
        if act.name == "retire" {
            return Ok(());
        }
        let last = proposed.expires_on;
        rules::not_before(act, decision, "expires_on", last, "利用開始日", since);
        if last.is_some_and(|last| last < context.today) {
            decision.warn("expired", "更新期限を過ぎています");
        }
        Ok(())
    }

    fn title(&self) -> String {
        self.name.clone()
    }

    fn day(&self) -> Date {
        self.registered_on
    }

    fn search_text(&self) -> Vec<&str> {
        [&self.inventory, &self.provider, &self.place, &self.note]
            .into_iter()
            .flatten()
            .map(String::as_str)
            .chain([self.kind.as_str()])
            .collect()
    }
}
