//! Descriptions of how a contract stands: start page, calendar, closing, search, what people decide
//! about obligations and add to papers.

use mamori_kernel::permission::Role;
use mamori_runtime::describe::schema::{
    boolean, date, date_typed, digest, integer, integer_from, list, named, nullable, object, page,
    text, text_within, timestamp, word, words,
};
use mamori_runtime::describe::{Operation, Parameter, Place};
use serde_json::{Value, json};

use super::schemas::{counts, gauge_schema, obligation_in_full, paper};
use super::standing::STANDINGS;
use crate::documents::Papers;

fn tone() -> Value {
    word(["ok", "bad", "warn", "wait", "doubt", "quiet"])
}

fn waiting() -> Value {
    named(
        "Waiting",
        object([
            ("register", text()),
            ("number", text()),
            ("title", text()),
            ("state", text()),
            ("state_ja", text()),
            ("day", date()),
            ("waited_days", integer()),
            ("act", nullable(text())),
            ("acceptance_due", nullable(date())),
            ("href", text()),
        ]),
    )
}

pub fn standing() -> Operation {
    let tile = object([
        ("key", text()),
        ("label", text()),
        ("figure", text()),
        ("unit", text()),
        ("tone", tone()),
        ("state", text()),
        ("detail", text()),
        ("page", text()),
    ]);
    let health = named(
        "ContractHealth",
        object([
            ("counts", counts()),
            ("overdue", integer()),
            ("next_due", nullable(date())),
            ("my_turn", list(waiting())),
            ("city_turn", list(waiting())),
            ("gauge", gauge_schema()),
        ]),
    );
    Operation::new(
        "contract",
        "契約のいまの状態（タイル、件数、順番待ち）",
        "How a contract stands now: tiles, counts, whose turn it is",
    )
    .gives(named(
        "ContractStanding",
        object([
            ("id", text()),
            ("name", text()),
            ("term", object([("from", date()), ("to", date())])),
            ("today", date()),
            ("role", word(Role::ALL.map(Role::as_str))),
            ("tiles", list(named("Tile", tile))),
            ("health", nullable(health)),
        ]),
    ))
}

pub fn calendar() -> Operation {
    let states = || STANDINGS.map(|(word, _)| word);
    let entry = object([
        ("obligation", text()),
        ("clause", text()),
        ("title", text()),
        ("deliverable", nullable(text())),
        ("period", text()),
        ("due", nullable(date())),
        ("standing", word(states())),
        ("days_left", nullable(integer())),
        ("reasons", list(text())),
        ("href", text()),
    ]);
    Operation::new(
        "contract",
        "期限の暦（それぞれがどうなったか）",
        "Dates with what has become of each",
    )
    .query("from", "初日", "First day", date_typed())
    .query("to", "末日", "Last day, included", date_typed())
    .query(
        "standing",
        "どうなったか（コンマで区切る）",
        "What has become of it, separated by commas",
        words(states()),
    )
    .paged()
    .gives(page(named("CalendarEntry", entry)))
}

pub fn closing() -> Operation {
    let gap = object([
        ("tone", tone()),
        ("printed", text()),
        ("what", text()),
        ("why", text()),
        ("page", nullable(text())),
    ]);
    let states = Papers::register().spec.states.iter().map(|(key, _)| *key);
    let task = object([
        ("document", text()),
        ("period", text()),
        ("title", text()),
        ("obligation", text()),
        ("due", nullable(date())),
        ("due_unknown", nullable(text())),
        ("state", word(["not_made"].into_iter().chain(states))),
        ("number", nullable(text())),
        ("version", nullable(integer())),
        ("submitted_on", nullable(date())),
        ("acceptance_due", nullable(date())),
        ("accepted_on", nullable(date())),
        ("returned_reason", nullable(text())),
        ("open", boolean()),
        ("gaps", list(named("Gap", gap))),
        ("href", nullable(text())),
    ]);
    Operation::new(
        "document",
        "月次の締め（その月の書類と足りないもの）",
        "The papers of a month, with what each still lacks",
    )
    .query(
        "month",
        "月（いちばん急ぐ月）",
        "Month; the most urgent unless told",
        json!({ "anyOf": [
            { "type": "string", "pattern": "^20[0-9]{2}-(0[1-9]|1[0-2])$" }, { "type": "string" },
        ] }),
    )
    .gives(object([
        ("month", text()),
        ("months", list(text())),
        ("papers", list(named("ClosingPaper", task))),
    ]))
}

pub fn search() -> Operation {
    let hit = object([
        ("kind", text()),
        ("title", text()),
        ("note", text()),
        ("page", text()),
        ("href", nullable(text())),
    ]);
    Operation::new(
        "api",
        "すべての契約から探す",
        "Search over all contracts of the caller",
    )
    .parameter(Parameter {
        name: "q",
        place: Place::Query,
        about_ja: "検索語",
        about_en: "Words that must all occur",
        schema: text_within(200),
        required: true,
    })
    .paged()
    .gives(page(named("Hit", hit)))
}

fn assigned() -> Value {
    let mut name = nullable(text());
    name["x-personal"] = json!(true);
    named(
        "Responsible",
        object([
            ("obligation", text()),
            ("assigned", boolean()),
            ("person", nullable(text())),
            ("name", name),
        ]),
    )
}

pub fn person() -> Operation {
    Operation::new("contract", "義務の担当", "Who answers for an obligation").gives(assigned())
}

pub fn name(body: Value) -> Operation {
    Operation::new(
        "contract",
        "義務の担当を決める",
        "Say who answers for an obligation; nobody when empty",
    )
    .takes(body)
    .gives(assigned())
}

pub fn settle(body: Value) -> Operation {
    Operation::new(
        "contract",
        "文の読み方についての市の決定を記録する",
        "Record how the city decided that a text is to be read",
    )
    .takes(body)
    .idempotent_by_key()
    .gives(obligation_in_full())
}

pub fn wording(body: Value) -> Operation {
    Operation::new(
        "document",
        "案に文を書き加える",
        "Put words of people into a draft",
    )
    .takes(body)
    .matched()
    .gives(paper())
}

pub fn receipt(body: Value) -> Operation {
    Operation::new(
        "document",
        "受領の番号などを記録する",
        "Record the receipt of a submitted paper",
    )
    .takes(body)
    .matched()
    .gives(paper())
}

fn rendition() -> Value {
    named(
        "Rendition",
        object([
            ("seq", integer()),
            ("at", timestamp()),
            ("actor", text()),
            ("kind_ja", text()),
            ("version", integer()),
            ("state", text()),
            ("rendered_on", nullable(date())),
            ("submitted_on", nullable(date())),
            ("pdf_sha256", nullable(digest())),
            ("docx_sha256", nullable(digest())),
            ("xlsx_sha256", nullable(digest())),
        ]),
    )
}

pub fn renditions() -> Operation {
    Operation::new(
        "document",
        "書類の版の一覧（古い順）",
        "Every rendering of a paper, oldest first",
    )
    .paged()
    .gives(page(rendition()))
}

pub fn compare() -> Operation {
    let side = || {
        nullable(named(
            "ComparedLine",
            object([("line", integer()), ("text", text())]),
        ))
    };
    let line = object([
        ("kind", word(["same", "added", "removed", "changed"])),
        ("skipped", integer()),
        ("before", side()),
        ("after", side()),
    ]);
    Operation::new(
        "document",
        "2つの版を行ごとに比べる",
        "Two renderings, line by line",
    )
    .query(
        "from",
        "古い版の証跡の番号",
        "Record of the older one; the one before unless told",
        integer_from(1),
    )
    .query(
        "to",
        "新しい版の証跡の番号",
        "Record of the newer one; the newest unless told",
        integer_from(1),
    )
    .gives(object([
        ("from", rendition()),
        ("to", rendition()),
        ("changes", integer()),
        ("lines", list(line)),
        ("skipped", integer()),
    ]))
}

pub fn checkpoints() -> Operation {
    let signature = json!({ "type": "string", "pattern": "^[0-9a-f]{128}$" });
    let one = object([
        ("size", integer()),
        ("head", digest()),
        ("root", digest()),
        ("at", nullable(timestamp())),
        ("key_id", digest()),
        ("signature", signature),
        ("vouched", boolean()),
    ]);
    Operation::new(
        "ledger",
        "署名された先頭の一覧（古い順）",
        "What the installation signed, oldest first",
    )
    .paged()
    .gives(page(named("Checkpoint", one)))
}

pub fn export() -> Operation {
    Operation::new(
        "ledger",
        "証跡の書出し（どこでも検証できるZIP）",
        "The records of a period with their files, to be verified anywhere",
    )
    .query("from", "初日", "First day", date_typed())
    .query("to", "末日", "Last day, included", date_typed())
    .conflicting()
    .gives_file(&["application/zip"])
}

pub fn download() -> Operation {
    Operation::new(
        "file",
        "証跡に付いたファイル",
        "A file that a record of the contract came with",
    )
    .path("sha256", "ダイジェスト", "SHA-256", digest())
    .gives_file(&[
        "application/json",
        "application/octet-stream",
        "application/pdf",
        "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "application/zip",
        "image/jpeg",
        "image/png",
        "message/rfc822",
        "text/csv",
        "text/plain",
    ])
}
