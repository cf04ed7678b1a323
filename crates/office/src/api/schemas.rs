//! Descriptions of the routes beside the registers: contracts, ledger, papers, files, gates.

use mamori_runtime::describe::schema::{
    any, boolean, date, date_typed, digest, free_object, integer, integer_from, list, named,
    nullable, object, page, text, text_within, timestamp, word, words,
};
use mamori_runtime::describe::{Operation, Parameter, Place};
use serde_json::{Value, json};

use super::contract::{VERDICTS, key};
use super::describe;
use crate::documents::Papers;
use crate::register::Side;

fn verdict() -> Value {
    let words: Vec<String> = VERDICTS.iter().map(|verdict| key(*verdict)).collect();
    word(words.iter().map(String::as_str))
}

pub(super) fn counts() -> Value {
    let words: Vec<String> = VERDICTS.iter().map(|verdict| key(*verdict)).collect();
    object(words.iter().map(|word| (word.as_str(), integer())))
}

fn head_schema() -> Value {
    named(
        "Head",
        object([("seq", integer()), ("hash", digest()), ("text", text())]),
    )
}

fn contract() -> Value {
    named(
        "Contract",
        object([
            ("id", text()),
            ("name", text()),
            ("city", any()),
            ("term", object([("from", date()), ("to", date())])),
            ("obligations", integer()),
            ("judged", integer()),
            ("counts", counts()),
            ("head", nullable(head_schema())),
            ("href", text()),
        ]),
    )
}

fn placed() -> Value {
    named(
        "Finding",
        object([
            ("field", text()),
            ("message", text()),
            ("line", integer()),
            ("column", integer()),
        ]),
    )
}

pub fn contracts() -> Operation {
    Operation::new(
        "contract",
        "有効な契約の一覧",
        "List the contracts in force",
    )
    .paged()
    .gives(page(contract()))
}

pub fn activate(body: Value) -> Operation {
    let told = object([
        ("activation", word(["new", "changed", "unchanged"])),
        ("contract", contract()),
        ("sha256", digest()),
        ("warnings", list(placed())),
    ]);
    Operation::new(
        "contract",
        "契約（または新しい本文）を有効にする",
        "Put a contract, or a new text of one, into force",
    )
    .takes(body)
    .conflicting()
    .answers(201, "A contract that was not in force before", told.clone())
    .answers(200, "Its text was changed, or is the same", told)
}

fn obligation_fields() -> Vec<(&'static str, Value)> {
    vec![
        ("key", text()),
        ("clause", text()),
        ("title", text()),
        ("text", text()),
        ("deliverable", nullable(text())),
        ("verdict", nullable(verdict())),
        ("verdict_ja", nullable(text())),
        ("current", nullable(verdict())),
        ("next_due", nullable(date())),
        ("reason", nullable(text())),
        ("href", text()),
    ]
}

pub fn obligations() -> Operation {
    let words_of: Vec<String> = VERDICTS.iter().map(|verdict| key(*verdict)).collect();
    Operation::new(
        "contract",
        "義務の一覧",
        "List the obligations of a contract",
    )
    .query(
        "verdict",
        "判定（コンマで区切る）",
        "Verdicts, separated by commas",
        words(words_of.iter().map(String::as_str)),
    )
    .query("q", "検索語", "Words that must all occur", text())
    .sorted(&["key", "clause", "verdict", "next_due"])
    .paged()
    .gives(page(named("Obligation", object(obligation_fields()))))
}

fn period_state() -> Value {
    named(
        "PeriodState",
        object([
            ("period", text()),
            ("verdict", verdict()),
            ("due", nullable(date())),
            ("due_reason", nullable(text())),
            ("due_unknown", nullable(text())),
            ("reasons", list(text())),
            ("warnings", list(text())),
            ("candidates", list(free_object())),
            ("questions", list(text())),
            ("evidence", list(integer())),
            ("late_by_days", nullable(integer())),
            ("city_waiting_days", integer()),
            ("figures", list(free_object())),
        ]),
    )
}

pub fn obligation() -> Operation {
    Operation::new(
        "contract",
        "義務1件（期間ごとの判定と根拠）",
        "One obligation with the state of every period",
    )
    .gives(obligation_in_full())
}

/// An obligation with the state of every period.
pub(super) fn obligation_in_full() -> Value {
    let note = object([
        ("key", text()),
        ("text", text()),
        ("question", any()),
        (
            "readings",
            list(object([("key", text()), ("title", text())])),
        ),
    ]);
    let state = object([
        ("key", text()),
        ("verdict", verdict()),
        ("current", nullable(verdict())),
        ("reasons", list(text())),
        ("warnings", list(text())),
        ("next_due", nullable(date())),
        ("periods", list(period_state())),
    ]);
    let mut fields = obligation_fields();
    fields.extend([
        ("soft", any()),
        ("remark", any()),
        ("notes", list(note)),
        ("rule", free_object()),
        ("state", nullable(named("ObligationState", state))),
    ]);
    named("ObligationInFull", object(fields))
}

pub fn due() -> Operation {
    let reading = object([
        ("note", text()),
        ("reading", text()),
        ("title", text()),
        ("due", nullable(date())),
    ]);
    let due = object([
        ("obligation", text()),
        ("deliverable", nullable(text())),
        ("period", text()),
        ("due", nullable(date())),
        ("rule", text()),
        ("reason", nullable(text())),
        ("unknown", nullable(text())),
        ("soft", nullable(text())),
        ("after_term", boolean()),
        ("title", text()),
        ("deliverable_title", nullable(text())),
        ("clause", text()),
        ("notes", list(text())),
        ("other_readings", list(reading)),
        ("internal", nullable(date())),
    ]);
    Operation::new("contract", "期限の一覧", "List due dates")
        .query("from", "初日（今日）", "First day; today", date_typed())
        .query("to", "末日（31日後）", "Last day; 31 days on", date_typed())
        .sorted(&["due"])
        .paged()
        .gives(page(named("Due", due)))
}

fn record() -> Value {
    named(
        "LedgerRecord",
        object([
            ("seq", integer()),
            ("at", timestamp()),
            ("observed", nullable(timestamp())),
            ("actor", text()),
            ("kind", text()),
            ("version", integer()),
            ("subject", text()),
            ("payload", free_object()),
            ("attachments", list(describe::attachment())),
            ("personal", nullable(digest())),
            ("prev", digest()),
            ("hash", digest()),
        ]),
    )
}

pub fn records() -> Operation {
    Operation::new(
        "ledger",
        "証跡の一覧（古い順）",
        "List records, oldest first",
    )
    .query(
        "from_seq",
        "最初の番号",
        "First number",
        json!({ "type": "integer", "minimum": 1, "maximum": i64::MAX }),
    )
    .query(
        "kind",
        "証跡の種類（コンマで区切る）",
        "Kinds of evidence, separated by commas",
        text(),
    )
    .query(
        "limit",
        "件数（1000まで）",
        "How many; more than 1000 counts as 1000",
        integer_from(1),
    )
    .gives(object([
        ("items", list(record())),
        ("next_from_seq", nullable(integer())),
    ]))
}

pub fn head() -> Operation {
    Operation::new(
        "ledger",
        "証跡の先頭（最後の記録の番号とハッシュ）",
        "The last record's number and hash",
    )
    .gives(head_schema())
}

pub fn one_record() -> Operation {
    Operation::new("ledger", "証跡1件", "One record")
        .path("seq", "番号", "Number", integer_from(1))
        .gives(record())
}

pub fn proof() -> Operation {
    Operation::new(
        "ledger",
        "証跡1件の証明（記録、経路、署名された先頭）",
        "Proof of a record: record, Merkle path, signed checkpoint",
    )
    .path("seq", "番号", "Number", integer_from(1))
    .gives(object([
        ("record", record()),
        (
            "proof",
            object([
                ("leaf_index", integer()),
                ("tree_size", integer()),
                ("leaf", digest()),
                ("path", list(digest())),
                ("root", digest()),
            ]),
        ),
        (
            "checkpoint",
            object([
                ("contract", text()),
                ("size", integer()),
                ("head", digest()),
                ("root", digest()),
                ("at_ms", integer()),
                ("key_id", digest()),
                (
                    "signature",
                    json!({ "type": "string", "pattern": "^[0-9a-f]{128}$" }),
                ),
                ("signed_text", text()),
            ]),
        ),
        ("public_key", digest()),
    ]))
}

pub(super) fn paper() -> Value {
    describe::item(Papers::register().spec)
}

pub fn documents() -> Operation {
    let states = || {
        let known = Papers::register().spec.states.iter().map(|(key, _)| *key);
        ["not_made"].into_iter().chain(known)
    };
    let line = object([
        ("document", text()),
        ("period", text()),
        ("title", text()),
        ("due", nullable(date())),
        ("number", nullable(text())),
        ("state", word(states())),
        ("state_ja", text()),
        ("version", nullable(integer())),
        ("submitted_on", nullable(date())),
        ("acceptance_due", nullable(date())),
        ("accepted_on", nullable(date())),
        ("href", nullable(text())),
    ]);
    Operation::new(
        "document",
        "書類の一覧（期限のもの、作ったもの）",
        "List papers that are due or made",
    )
    .query(
        "state",
        "状態（コンマで区切る）",
        "States, separated by commas",
        words(states()),
    )
    .query(
        "document",
        "書類の種類（コンマで区切る）",
        "Keys of deliverables, separated by commas",
        text(),
    )
    .query("from", "期限の初日", "First due day", date_typed())
    .query("to", "期限の末日", "Last due day", date_typed())
    .sorted(&["due", "document", "period", "state"])
    .paged()
    .gives(page(named("PaperLine", line)))
}

pub fn draft(body: Value) -> Operation {
    Operation::new(
        "document",
        "書類の案を作る（あれば作り直す）",
        "Make the draft of a paper, anew when there is one",
    )
    .takes(body)
    .conflicting()
    .answers(201, "The new draft", paper())
    .answers(200, "The draft, made anew", paper())
}

pub fn document_file() -> Operation {
    Operation::new("document", "書類のファイル", "A file of a paper")
        .path("format", "形式", "Format", word(["pdf", "docx", "xlsx"]))
        .query(
            "version",
            "版",
            "Version; the newest unless told",
            integer_from(1),
        )
        .gives_file(&[
            "application/pdf",
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        ])
}

pub fn refresh() -> Operation {
    Operation::new(
        "document",
        "今日の証跡で案を作り直す",
        "Make the draft from today's evidence",
    )
    .matched()
    .gives(paper())
}

pub fn submit(body: Value) -> Operation {
    Operation::new("document", "書類を提出する", "Hand a draft in")
        .takes(body)
        .matched()
        .gives(paper())
}

pub fn replace(body: Value) -> Operation {
    Operation::new(
        "document",
        "次の版を案として作る",
        "Make the next version, as a draft",
    )
    .takes(body)
    .matched()
    .gives(paper())
}

/// The city's answer to a paper.
pub fn answer_of_city(act: &str, side: Side) -> Operation {
    let register = Papers::register();
    let act = register.spec.act(act).expect("an act of papers");
    describe::acting(register, act, side)
}

pub fn registers() -> Operation {
    Operation::new(
        "api",
        "台帳の種類・項目・行為",
        "The registers with their acts and fields, as data",
    )
    .gives(object([("registers", list(free_object()))]))
}

pub fn upload() -> Operation {
    Operation::new(
        "file",
        "ファイルを預ける（あとの行為で使う）",
        "Store a file for a later act",
    )
    .parameter(Parameter {
        name: "name",
        place: Place::Query,
        about_ja: "ファイル名",
        about_en: "Name of the file",
        schema: json!({ "type": "string", "minLength": 1, "maxLength": 200 }),
        required: true,
    })
    .takes_file()
    .answers(
        201,
        "The file, to be named in an act",
        named("File", describe::file()),
    )
}

/// A month's hours against the cap.
pub(super) fn gauge_schema() -> Value {
    let cap = object([
        ("title_ja", text()),
        ("clause", text()),
        ("minutes", integer()),
    ]);
    let category = object([
        ("category", text()),
        ("title_ja", text()),
        ("minutes", integer()),
        ("entries", integer()),
    ]);
    named(
        "Gauge",
        object([
            ("month", text()),
            ("cap", nullable(cap)),
            ("counted_minutes", integer()),
            ("undecided_minutes", integer()),
            ("not_counted_minutes", integer()),
            ("left_minutes", integer()),
            ("over_minutes", integer()),
            ("over_minutes_at_most", integer()),
            ("categories", list(category)),
        ]),
    )
}

pub fn gauge() -> Operation {
    Operation::new("work", "月の算入時間", "The month's hours against the cap")
        .query(
            "month",
            "月（2026-10）",
            "Month; this one unless told",
            json!({ "anyOf": [
                { "type": "string", "pattern": "^20[0-9]{2}-(0[1-9]|1[0-2])$" }, { "type": "string" },
            ] }),
        )
        .gives(gauge_schema())
}

pub fn standings() -> Operation {
    let spoken = object([
        ("number", text()),
        ("id", text()),
        (
            "validity",
            word(["valid", "expiring", "expired", "not_applicable"]),
        ),
        ("days?", integer()),
        ("accepted", boolean()),
    ]);
    let obligation = object([
        ("key", text()),
        ("title_ja", text()),
        ("clause", text()),
        ("by_attestation", boolean()),
    ]);
    Operation::new(
        "attestation",
        "証明書類が要る義務の状況",
        "Where the obligations that need an attestation stand",
    )
    .gives(object([
        ("day", date()),
        ("gaps", integer()),
        (
            "standings",
            list(object([
                ("obligation", obligation),
                ("attestation", nullable(spoken)),
                ("gap", boolean()),
                ("standing_ja", text()),
            ])),
        ),
    ]))
}

pub fn gate() -> Operation {
    let gate = object([
        ("key", text()),
        ("title_ja", text()),
        ("clause", text()),
        ("kind", text()),
        ("written", boolean()),
        ("guards", list(text())),
    ]);
    let verdict = object([
        ("gate", word(["open", "closed"])),
        ("register?", text()),
        ("id?", text()),
        ("number?", text()),
        ("missing_ja?", text()),
    ]);
    Operation::new(
        "approval",
        "関門（承認・協議）が開いているか",
        "Whether a gate is open for something on a day",
    )
    .path("gate", "関門", "Key of the gate", text_within(100))
    .query("about", "何について", "What it is about", text())
    .query("day", "日（今日）", "Day; today", date_typed())
    .gives(object([
        ("gate", gate),
        ("about", text()),
        ("day", date()),
        ("verdict", verdict),
    ]))
}
