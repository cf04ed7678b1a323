//! The evidence kinds that the registers write, declared from the registers' descriptions, so
//! that declaration and payload cannot drift apart.

use mamori_kernel::evidence::EvidenceKind;

use crate::REGISTERS;
use crate::register::RegisterSpec;

/// What the contract service writes.
const CONTRACT: [EvidenceKind; 4] = {
    const FIELDS: &[(&str, &str)] = &[
        ("name", "件名"),
        ("sha256", "契約ファイルの要約値"),
        ("before", "前の契約ファイルの要約値"),
        ("obligations", "行の数"),
    ];
    [
        EvidenceKind {
            kind: "contract.activated",
            version: 1,
            title_ja: "契約の有効化",
            fields: FIELDS,
        },
        EvidenceKind {
            kind: "contract.changed",
            version: 1,
            title_ja: "契約の変更",
            fields: FIELDS,
        },
        EvidenceKind {
            kind: "contract.reading",
            version: 1,
            title_ja: "仕様書の読み方の決定",
            fields: &[
                ("note", "疑義の番号"),
                ("reading", "読み方"),
                ("from", "適用の始め"),
                ("by?", "決めた部署・職名"),
                ("decided_on?", "決まった日"),
                ("consultation?", "協議の番号"),
            ],
        },
        EvidenceKind {
            kind: "obligation.assigned",
            version: 1,
            title_ja: "義務の担当者の決定",
            fields: &[
                ("obligation", "義務"),
                ("user", "担当者の利用者番号。担当者を外したときは空"),
                ("before", "前の担当者の利用者番号。いなければ空"),
            ],
        },
    ]
};

/// Every kind of every register and of the contract service, each once.
pub fn kinds() -> Vec<EvidenceKind> {
    REGISTERS
        .iter()
        .chain([crate::documents::Papers::register()])
        .flat_map(|register| of(register.spec))
        .chain(CONTRACT)
        .collect()
}

/// The kinds of one register. A payload is the whole public part of the item, so all kinds of a
/// register have the same fields; only id, number and state are always there.
fn of(spec: &'static RegisterSpec) -> Vec<EvidenceKind> {
    let mut fields: Vec<(&'static str, &'static str)> = vec![
        (spec.id_field, "識別子"),
        ("number", "番号"),
        ("state", "状態"),
        (
            "entered_by?",
            "市の決定を登録したのは市か受託者か（city・contractor）",
        ),
    ];
    let derived = spec.derived.iter().copied();
    let typed = spec
        .acts
        .iter()
        .flat_map(|act| act.fields)
        .filter(|field| !field.personal)
        .map(|field| (field.name, field.label_ja));
    let mut known: Vec<&str> = Vec::new();
    for (name, title) in typed.chain(derived) {
        if !known.contains(&name) {
            known.push(name);
            // Declarations live as long as the program and are made once per process.
            fields.push((format!("{name}?").leak(), title));
        }
    }
    let fields: &'static [(&'static str, &'static str)] = fields.leak();
    let mut kinds: Vec<EvidenceKind> = Vec::new();
    for act in spec.acts {
        if kinds.iter().all(|kind| kind.kind != act.kind) {
            kinds.push(EvidenceKind {
                kind: act.kind,
                version: 1,
                title_ja: act.kind_ja,
                fields,
            });
        }
    }
    kinds
}
