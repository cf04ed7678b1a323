//! Every answer of the API that a test receives fits the description of its route.

use mamori_runtime::describe::Operation;
use serde_json::Value;

use crate::client::Answer;

/// Compares an answer with its route's description; errors with RFC 9457.
///
/// # Panics
/// When it does not fit, with the place in the answer.
pub(crate) fn check(asked: &str, answer: &Answer, operation: Option<&Operation>) {
    let status = answer.status;
    if status.is_client_error() || status.is_server_error() {
        assert_eq!(
            answer.header("content-type"),
            "application/problem+json",
            "{asked} {status}"
        );
        if !asked.starts_with("HEAD ") {
            fits(asked, &mamori_web::api::openapi::problem(), &answer.json());
        }
        return;
    }
    // Redirects and answers without a route of the API are nothing that was described.
    let Some(operation) = operation.filter(|_| status.is_success()) else {
        return;
    };
    let described = operation
        .answers
        .iter()
        .find(|each| each.status == status.as_u16())
        .unwrap_or_else(|| panic!("{asked}: {status} is not described"));
    if let (Some(schema), false) = (&described.schema, asked.starts_with("HEAD ")) {
        fits(asked, schema, &answer.json());
    }
}

fn fits(asked: &str, schema: &Value, value: &Value) {
    let mut wrong = Vec::new();
    compare(schema, value, "", &mut wrong);
    assert!(
        wrong.is_empty(),
        "{asked} answers what its description does not say: {wrong:#?}"
    );
}

/// Keywords of JSON Schema 2020-12 that descriptions of answers use; any other keyword is refused,
/// so that none is passed over in silence. Validators of other people look at the same answers in
/// `cargo xtask lab api`.
const KEYWORDS: [&str; 18] = [
    "type",
    "enum",
    "const",
    "anyOf",
    "properties",
    "required",
    "additionalProperties",
    "items",
    "pattern",
    "format",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "minItems",
    "maxItems",
    "title",
    "description",
];

fn compare(schema: &Value, value: &Value, place: &str, wrong: &mut Vec<String>) {
    let rules = schema.as_object().expect("a schema is an object");
    for keyword in rules.keys() {
        assert!(
            KEYWORDS.contains(&keyword.as_str()) || keyword.starts_with("x-"),
            "{place}: this comparison does not know {keyword}"
        );
    }
    let mut say = |what: &str| wrong.push(format!("{place}: {value} {what}"));
    if let Some(kind) = rules.get("type")
        && !of_type(kind, value)
    {
        return say(&format!("is no {kind}"));
    }
    if rules.get("const").is_some_and(|only| only != value) {
        say("is another value");
    }
    if let Some(words) = rules.get("enum").and_then(Value::as_array)
        && !words.contains(value)
    {
        say("is none of the known words");
    }
    if let Some(text) = value.as_str() {
        let length = text.chars().count() as u64;
        let bound = |name: &str| rules.get(name).and_then(Value::as_u64);
        if bound("minLength").is_some_and(|least| length < least)
            || bound("maxLength").is_some_and(|most| length > most)
        {
            say("has another length");
        }
        if rules.get("format").is_some_and(|format| format == "date")
            && text.parse::<jiff::civil::Date>().is_err()
        {
            say("is no day");
        }
        if rules
            .get("format")
            .is_some_and(|format| format == "date-time")
            && text.parse::<jiff::Timestamp>().is_err()
        {
            say("is no instant");
        }
        // The one pattern of digests; others are looked at by the lab.
        if rules
            .get("pattern")
            .is_some_and(|pattern| pattern == "^[0-9a-f]{64}$")
            && !(length == 64 && text.bytes().all(|byte| b"0123456789abcdef".contains(&byte)))
        {
            say("is no digest");
        }
    }
    if let Some(ways) = rules.get("anyOf").and_then(Value::as_array) {
        let fits = |way: &Value| {
            let mut wrong = Vec::new();
            compare(way, value, place, &mut wrong);
            wrong.is_empty()
        };
        if !ways.iter().any(fits) {
            say("fits none of the alternatives");
        }
    }
    match value {
        Value::Array(values) => {
            let bound = |name: &str| rules.get(name).and_then(Value::as_u64);
            let length = values.len() as u64;
            if bound("minItems").is_some_and(|least| length < least)
                || bound("maxItems").is_some_and(|most| length > most)
            {
                wrong.push(format!("{place}: has {length} items"));
            }
            if let Some(items) = rules.get("items") {
                for (index, each) in values.iter().enumerate() {
                    compare(items, each, &format!("{place}/{index}"), wrong);
                }
            }
        }
        Value::Object(map) => {
            let none = serde_json::Map::new();
            let known = rules.get("properties").and_then(Value::as_object);
            let known = known.unwrap_or(&none);
            for name in rules
                .get("required")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
            {
                if !map.contains_key(name.as_str().expect("a name")) {
                    wrong.push(format!("{place}: {name} is missing"));
                }
            }
            let closed = rules.get("additionalProperties") == Some(&Value::Bool(false));
            for (name, each) in map {
                match known.get(name) {
                    Some(schema) => compare(schema, each, &format!("{place}/{name}"), wrong),
                    None if closed => wrong.push(format!("{place}: {name} is not described")),
                    None => {}
                }
            }
        }
        _ => {}
    }
}

fn of_type(kind: &Value, value: &Value) -> bool {
    match kind {
        Value::Array(kinds) => kinds.iter().any(|kind| of_type(kind, value)),
        kind => match kind.as_str().expect("a type is a word") {
            "string" => value.is_string(),
            "integer" => value.is_u64() || value.is_i64(),
            "number" => value.is_number(),
            "boolean" => value.is_boolean(),
            "array" => value.is_array(),
            "object" => value.is_object(),
            _ => value.is_null(),
        },
    }
}

#[cfg(test)]
mod tests {
    use mamori_runtime::describe::schema;
    use serde_json::json;

    use super::*;

    fn wrong(schema: &Value, value: &Value) -> usize {
        let mut wrong = Vec::new();
        compare(schema, value, "", &mut wrong);
        wrong.len()
    }

    #[test]
    fn what_does_not_fit_is_seen() {
        let thing = schema::object([
            ("day", schema::nullable(schema::date())),
            ("state", schema::word(["open"])),
            ("more?", schema::list(schema::integer())),
        ]);
        assert_eq!(wrong(&thing, &json!({"day": null, "state": "open"})), 0);
        let all = json!({"day": "2026-10-05", "state": "open", "more": [1]});
        assert_eq!(wrong(&thing, &all), 0);
        for bad in [
            json!({"day": null}),
            json!({"day": "someday", "state": "open"}),
            json!({"day": 1, "state": "open"}),
            json!({"day": null, "state": "shut"}),
            json!({"day": null, "state": "open", "more": ["1"]}),
            json!({"day": null, "state": "open", "other": 1}),
            json!([]),
        ] {
            assert_eq!(wrong(&thing, &bad), 1, "{bad}");
        }
    }
}
