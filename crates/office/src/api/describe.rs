//! The registers' descriptions told as JSON Schema: what their acts take, what their items hold.
//!
//! Everything is read from [`crate::register::RegisterSpec`], so a new field or act is in the
//! OpenAPI document without a further word. Fields marked `x-personal` are kept out of the chain
//! and can be erased; they are shown to those who work with the register only.

use mamori_runtime::describe::{Operation, schema};
use serde_json::{Map, Value, json};

use crate::register::{ActSpec, FieldKind, FieldSpec, Register, RegisterSpec, Side};

/// Orders of a register's list.
pub const SORTS: [&str; 4] = ["day", "number", "updated", "title"];

/// `Work` for `work`, `PersonalData` for `personal-data`: the name of a register's component.
fn component(key: &str) -> String {
    key.split(['-', '_'])
        .map(|word| {
            let mut letters = word.chars();
            letters.next().map_or(String::new(), |first| {
                first.to_ascii_uppercase().to_string() + letters.as_str()
            })
        })
        .collect()
}

/// What a field takes.
fn taken(field: &FieldSpec) -> Value {
    let mut types = match field.kind {
        FieldKind::Date => schema::date_typed(),
        FieldKind::Time => json!({ "type": "string", "examples": ["9:05", "24:00"] }),
        FieldKind::Minutes => json!({
            "type": ["string", "number"], "examples": ["1.5", "1:30", "90m", "1時間30分"],
        }),
        FieldKind::Count => json!({
            "type": ["integer", "string"], "minimum": 0, "maximum": u32::MAX,
        }),
        FieldKind::Text(limit) => json!({
            "type": ["string", "number"], "maxLength": limit, "minLength": 1,
        }),
        FieldKind::Bool => json!({ "type": ["boolean", "string", "number"] }),
        FieldKind::Choice(choices) => json!({
            // The Japanese names are understood too.
            "type": "string",
            "enum": choices.iter().flat_map(|(key, name)| [*key, *name]).collect::<Vec<_>>(),
        }),
        FieldKind::Names => json!({ "anyOf": [
            { "type": "array", "items": { "type": "string", "maxLength": 200 }, "minItems": 1 },
            { "type": ["string", "number"], "minLength": 1 },
        ] }),
        FieldKind::Rows(fields) => schema::list(form(fields, None)),
        // In a wrapper of its own: the label belongs to the field, not to the component.
        FieldKind::File => json!({ "anyOf": [schema::named("File", file())] }),
    };
    if matches!(field.kind, FieldKind::Rows(_)) && field.required {
        types["minItems"] = json!(1);
    }
    if !field.required {
        // Nothing typed, and nothing any more.
        let nothing = json!({ "type": ["null", "string"], "maxLength": 0 });
        types = json!({ "anyOf": [types, nothing] });
    }
    if field.personal {
        types["x-personal"] = json!(true);
    }
    types["title"] = json!(field.label_ja);
    types
}

/// A file that was sent before.
pub fn file() -> Value {
    schema::object([
        ("name", schema::text_within(200)),
        ("media_type", schema::text()),
        (
            "sha256",
            json!({ "type": "string", "pattern": "^[0-9a-fA-F]{64}$" }),
        ),
    ])
}

/// What a form of these fields looks like; `act` names the act when there are several.
fn form(fields: &[FieldSpec], act: Option<(&ActSpec, bool)>) -> Value {
    let mut properties = Map::new();
    let mut required: Vec<&str> = Vec::new();
    if let Some((act, must)) = act {
        properties.insert("act".to_owned(), json!({ "const": act.name }));
        if must {
            required.push("act");
        }
    }
    for field in fields {
        properties.insert(field.name.to_owned(), taken(field));
        if field.required {
            required.push(field.name);
        }
    }
    json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

/// What an act takes.
pub fn act_form(act: &ActSpec) -> Value {
    form(act.fields, None)
}

/// What opening an item takes: the first opening act unless `act` names another.
pub fn opening_form(spec: &RegisterSpec, side: Side) -> Value {
    let acts: Vec<&ActSpec> = spec
        .possible(None)
        .filter(|act| side != Side::City || act.side != Side::Contractor)
        .collect();
    let first = spec.possible(None).next().map(|act| act.name);
    let forms: Vec<Value> = acts
        .iter()
        .map(|act| form(act.fields, Some((act, Some(act.name) != first))))
        .collect();
    match <[Value; 1]>::try_from(forms) {
        Ok([only]) => only,
        Err(forms) => json!({ "anyOf": forms }),
    }
}

/// How a field's value is kept.
fn kept(field: &FieldSpec) -> Value {
    let mut kept = schema::nullable(match field.kind {
        FieldKind::Date => schema::date(),
        FieldKind::Time => json!({ "type": "string", "pattern": "^[0-9]{2}:[0-9]{2}$" }),
        FieldKind::Minutes | FieldKind::Count => schema::integer(),
        FieldKind::Text(limit) => json!({ "type": "string", "maxLength": limit }),
        FieldKind::Bool => schema::boolean(),
        FieldKind::Choice(choices) => schema::word(choices.iter().map(|(key, _)| *key)),
        FieldKind::Names => schema::list(schema::text()),
        FieldKind::Rows(_) => schema::list(schema::free_object()),
        FieldKind::File => schema::named("File", file()),
    });
    kept["title"] = json!(field.label_ja);
    if field.personal {
        kept["x-personal"] = json!(true);
    }
    kept
}

/// What an item says.
fn data(spec: &RegisterSpec) -> Value {
    let mut properties = Map::new();
    for (name, meaning) in spec.derived {
        properties.insert((*name).to_owned(), json!({ "title": meaning }));
    }
    for field in spec.acts.iter().flat_map(|act| act.fields) {
        // A derived value of the same name is worked out anew and may be of another kind.
        properties
            .entry(field.name.to_owned())
            .or_insert_with(|| kept(field));
    }
    json!({ "type": "object", "properties": properties })
}

/// An item of a register as the API shows it.
pub fn item(spec: &RegisterSpec) -> Value {
    let act = schema::named(
        "PossibleAct",
        schema::object([
            ("name", schema::text()),
            ("title_ja", schema::text()),
            ("href", schema::text()),
        ]),
    );
    let warning = schema::named(
        "Warning",
        schema::object([("code", schema::text()), ("message_ja", schema::text())]),
    );
    schema::named(
        &component(spec.key),
        schema::object([
            ("id", schema::text()),
            ("contract", schema::text()),
            ("register", schema::word([spec.key])),
            ("number", schema::text()),
            (
                "state",
                schema::word(spec.states.iter().map(|(key, _)| *key)),
            ),
            ("day", schema::date()),
            ("title", schema::text()),
            ("link", schema::nullable(schema::text())),
            ("data", data(spec)),
            ("opened_by", schema::text()),
            ("created_ms", schema::integer()),
            ("updated_ms", schema::integer()),
            ("revision", schema::integer()),
            ("state_ja", schema::text()),
            ("acts", schema::list(act)),
            ("warnings?", schema::list(warning)),
            ("versions?", schema::list(version())),
        ]),
    )
}

/// What became of a version of a paper.
fn version() -> Value {
    let day = || schema::nullable(schema::date());
    let text = || schema::nullable(schema::text());
    schema::named(
        "PaperVersion",
        schema::object([
            ("version", schema::nullable(schema::integer())),
            ("state", text()),
            ("rendered_on", day()),
            ("submitted_on", day()),
            ("returned_on", day()),
            ("returned_reason", text()),
            ("accepted_on", day()),
            ("replaced_reason", text()),
            ("pdf_sha256", text()),
            ("seq", schema::integer()),
        ]),
    )
}

/// The ledger records of an item.
pub fn history() -> Value {
    let entry = schema::named(
        "HistoryEntry",
        schema::object([
            ("seq", schema::integer()),
            ("at", schema::timestamp()),
            ("actor", schema::text()),
            ("kind", schema::text()),
            ("kind_ja", schema::text()),
            ("payload", schema::free_object()),
            ("personal", schema::nullable(schema::free_object())),
            ("erased", schema::boolean()),
            ("attachments", schema::list(attachment())),
            ("hash", schema::digest()),
        ]),
    );
    schema::object([("history", schema::list(entry))])
}

/// A file of a record.
pub fn attachment() -> Value {
    schema::named(
        "Attachment",
        schema::object([
            ("name", schema::text()),
            ("media_type", schema::text()),
            ("sha256", schema::digest()),
            ("size", schema::integer()),
        ]),
    )
}

/// The list of a register.
pub fn list(register: &Register) -> Operation {
    let spec = register.spec;
    Operation::new(
        spec.key,
        format!("{}の一覧", spec.title_ja),
        format!("List the items of the register {}", spec.key),
    )
    .query("q", "検索語", "Words that must all occur", schema::text())
    .query(
        "state",
        "状態（コンマで区切る）",
        "States, separated by commas",
        schema::words(spec.states.iter().map(|(key, _)| *key)),
    )
    .query("from", "初日", "First day", schema::date_typed())
    .query("to", "末日", "Last day, included", schema::date_typed())
    .query(
        "link",
        "結び付き（義務、関門、依頼の id）",
        "Exactly this link: an obligation, a gate, an id",
        schema::text(),
    )
    .sorted(&SORTS)
    .paged()
    .gives(schema::page(item(spec)))
}

/// One item.
pub fn one(register: &Register) -> Operation {
    let spec = register.spec;
    Operation::new(
        spec.key,
        format!("{}1件", spec.title_ja),
        format!("One item of the register {}", spec.key),
    )
    .gives(item(spec))
}

/// An item's story.
pub fn story(register: &Register) -> Operation {
    let spec = register.spec;
    Operation::new(
        spec.key,
        format!("{}の経過（証跡）", spec.title_ja),
        "The ledger records of an item",
    )
    .gives(history())
}

/// Lawful erasure.
pub fn erasure(register: &Register, body: Value) -> Operation {
    let spec = register.spec;
    Operation::new(
        spec.key,
        format!("{}の個人情報の消去", spec.title_ja),
        "Erase the personal data of an item lawfully",
    )
    .takes(body)
    .conflicting()
    .gives(schema::object([("erased_records", schema::integer())]))
}

/// Opening an item.
pub fn opening(register: &Register, side: Side) -> Operation {
    let spec = register.spec;
    Operation::new(
        spec.key,
        format!("{}の新規{}", spec.title_ja, by(side)),
        format!("Open an item of the register {}", spec.key),
    )
    .takes_form(opening_form(spec, side))
    .idempotent_by_key()
    .answers(201, "The new item", item(spec))
    .answers(200, "The item that the same key made before", item(spec))
}

/// An act on an item.
pub fn acting(register: &Register, act: &ActSpec, side: Side) -> Operation {
    let spec = register.spec;
    Operation::new(
        spec.key,
        format!("{}: {}{}", spec.title_ja, act.title_ja, by(side)),
        format!("{} an item of the register {}", act.name, spec.key),
    )
    .takes_form(act_form(act))
    .idempotent_by_key()
    .matched()
    .gives(item(spec))
}

fn by(side: Side) -> &'static str {
    if side == Side::City {
        "（市が自ら）"
    } else {
        ""
    }
}

/// Turns a type's derived schema into a plain value.
pub fn of<T: schemars::JsonSchema>() -> Value {
    schemars::schema_for!(T).to_value()
}
