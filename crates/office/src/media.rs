//! The register of equipment and media (機材・媒体) that hold the city's data: received or lent,
//! returned, erased. Who keeps one and who erased one are personal data.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::register::form::FileRef;
use crate::register::rules;
use crate::register::spec::FieldKind::{Bool, Choice, Date as Day, File, Text};
use crate::register::{ActSpec, Context, Decision, Item, Refusal, RegisterSpec, Side, may, must};

/// A piece of equipment or a medium.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Medium {
    /// What it is called.
    pub name: String,
    /// What it is.
    pub kind: String,
    /// Which data of the city it holds.
    pub holds: String,
    /// Day it came or was entered.
    pub registered_on: Date,
    /// Whether the city lent it.
    #[serde(default)]
    pub lent: Option<bool>,
    /// Number in somebody's inventory.
    #[serde(default)]
    pub inventory: Option<String>,
    /// Where it is kept.
    #[serde(default)]
    pub place: Option<String>,
    /// Who keeps it (personal).
    #[serde(default)]
    pub keeper: Option<String>,
    /// Day by which it must be given back.
    #[serde(default)]
    pub return_by: Option<Date>,
    /// Day it was given back.
    #[serde(default)]
    pub returned_on: Option<Date>,
    /// Day its data was erased.
    #[serde(default)]
    pub erased_on: Option<Date>,
    /// How.
    #[serde(default)]
    pub erased_how: Option<String>,
    /// Proof of the erasure.
    #[serde(default)]
    pub proof: Option<FileRef>,
}

const KINDS: &[(&str, &str)] = &[
    ("computer", "パソコン・端末"),
    ("usb", "USBメモリ・外付けディスク"),
    ("disc", "光学媒体"),
    ("paper", "紙の資料"),
    ("other", "その他"),
];

const ERASURES: &[(&str, &str)] = &[
    ("overwrite", "上書き消去"),
    ("key", "暗号化鍵の消去"),
    ("destroy", "物理的破壊"),
    ("shred", "裁断・溶解"),
];

static SPEC: RegisterSpec = RegisterSpec {
    key: "media",
    title_ja: "機材・媒体",
    number_ja: "媒体",
    id_field: "media_id",
    states: &[
        ("registered", "貸与・保管中"),
        ("returned", "返却済"),
        ("erased", "消去・廃棄済"),
    ],
    acts: &[
        ActSpec {
            name: "register",
            title_ja: "媒体の登録",
            from: &[],
            to: Some("registered"),
            kind: "media.registered",
            kind_ja: "媒体の登録",
            side: Side::Contractor,
            fields: &[
                must("name", "名称", Text(200)),
                must("kind", "種類", Choice(KINDS)),
                must("holds", "保管しているデータ", Text(500)),
                must("registered_on", "受領日・登録日", Day),
                may("lent", "市からの貸与", Bool),
                may("inventory", "管理番号", Text(100)),
                may("place", "保管場所", Text(200)),
                may("keeper", "保管する人", Text(100)).personal(),
                may("return_by", "返却期限", Day),
            ],
        },
        ActSpec {
            name: "return",
            title_ja: "返却",
            from: &["registered"],
            to: Some("returned"),
            kind: "media.returned",
            kind_ja: "媒体の返却",
            side: Side::Contractor,
            fields: &[
                must("returned_on", "返却日", Day),
                may("returned_to", "返却先の部署（氏名は書かない）", Text(100)),
                may("receipt", "受領書の写し", File),
            ],
        },
        ActSpec {
            name: "erase",
            title_ja: "消去・廃棄",
            from: &["registered"],
            to: Some("erased"),
            kind: "media.erased",
            kind_ja: "媒体のデータの消去",
            side: Side::Contractor,
            fields: &[
                must("erased_on", "消去日", Day),
                must("erased_how", "消去の方法", Choice(ERASURES)),
                may("erased_by", "立ち会った人・行った人", Text(100)).personal(),
                may("proof", "消去の証明", File),
            ],
        },
    ],
    derived: &[],
};

impl Item for Medium {
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
            "return" => ("returned_on", proposed.returned_on),
            _ => ("erased_on", proposed.erased_on),
        };
        rules::past(act, context, decision, field, day);
        rules::not_before(act, decision, field, day, "受領日・登録日", since);
        match act.name {
            "register" => {
                let last = proposed.return_by;
                rules::not_before(act, decision, "return_by", last, "受領日・登録日", since);
            }
            "erase" => {
                if proposed.lent == Some(true) {
                    decision.warn(
                        "lent",
                        "市から貸与されたものです。消去しただけでは返却したことになりません",
                    );
                }
                if proposed.proof.is_none() {
                    decision.warn(
                        "no_proof",
                        "消去の証明がありません。検収で求められることがあります",
                    );
                }
            }
            _ => {}
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
        [&self.inventory, &self.place, &self.keeper]
            .into_iter()
            .flatten()
            .map(String::as_str)
            .chain([self.holds.as_str()])
            .collect()
    }
}
