//! Small words for JSON Schema 2020-12, the dialect of OpenAPI 3.1.
//!
//! Types that derive `JsonSchema` give their own; these are for values that are put together by
//! hand, and for what a register's description says.

use serde_json::{Map, Value, json};

/// Key under which [`named`] leaves the name for the document's list of components.
pub const NAME: &str = "x-component";

/// Any text.
pub fn text() -> Value {
    json!({ "type": "string" })
}

/// A text of at most so many characters.
pub fn text_within(longest: usize) -> Value {
    json!({ "type": "string", "minLength": 1, "maxLength": longest })
}

/// One of these words.
pub fn word<'a>(words: impl IntoIterator<Item = &'a str>) -> Value {
    json!({ "type": "string", "enum": words.into_iter().collect::<Vec<_>>() })
}

/// Words of a list, separated by commas. OpenAPI says that as an array that is not exploded.
pub fn words<'a>(words: impl IntoIterator<Item = &'a str>) -> Value {
    json!({ "type": "array", "items": word(words) })
}

/// A whole number from `least` on.
pub fn integer_from(least: i64) -> Value {
    json!({ "type": "integer", "minimum": least, "maximum": u32::MAX })
}

/// A whole number.
pub fn integer() -> Value {
    json!({ "type": "integer" })
}

/// True or false.
pub fn boolean() -> Value {
    json!({ "type": "boolean" })
}

/// A day in an answer.
pub fn date() -> Value {
    json!({ "type": "string", "format": "date" })
}

/// A day that somebody writes: ISO, 和暦, or a word such as 今日.
pub fn date_typed() -> Value {
    json!({
        "anyOf": [{ "type": "string", "format": "date" }, { "type": "string" }],
        "examples": ["2026-10-05", "R8.10.5"],
    })
}

/// An instant, RFC 3339.
pub fn timestamp() -> Value {
    json!({ "type": "string", "format": "date-time" })
}

/// A SHA-256 as hexadecimal.
pub fn digest() -> Value {
    json!({ "type": "string", "pattern": "^[0-9a-f]{64}$" })
}

/// Anything.
pub fn any() -> Value {
    json!({})
}

/// An object whose keys depend on the contract.
pub fn free_object() -> Value {
    json!({ "type": "object" })
}

/// A list.
pub fn list(of: Value) -> Value {
    let mut list = json!({ "type": "array" });
    list["items"] = of;
    list
}

/// The same, or null.
pub fn nullable(schema: Value) -> Value {
    match schema.get("type").and_then(Value::as_str) {
        Some(kind) if schema.get("enum").is_none() && schema.get(NAME).is_none() => {
            let kind = kind.to_owned();
            let mut schema = schema;
            schema["type"] = json!([kind, "null"]);
            schema
        }
        _ => json!({ "anyOf": [schema, { "type": "null" }] }),
    }
}

/// An object with exactly these fields, all of them always there. A name that ends in `?` may be
/// missing.
pub fn object<'a>(fields: impl IntoIterator<Item = (&'a str, Value)>) -> Value {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for (name, schema) in fields {
        let known = name.trim_end_matches('?');
        if known == name {
            required.push(name);
        }
        properties.insert(known.to_owned(), schema);
    }
    json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

/// Gives a schema a name: the document lists it once and refers to it.
pub fn named(name: &str, mut schema: Value) -> Value {
    schema[NAME] = json!(name);
    schema
}

/// A page of a list.
pub fn page(of: Value) -> Value {
    object([
        ("items", list(of)),
        ("total", integer()),
        ("page", integer()),
        ("per_page", integer()),
    ])
}
