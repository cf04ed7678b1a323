//! The JSON Schema of the language, generated from the types.
//!
//! The generated schema is closed: a combined object (a tagged sum beside common fields) gets the
//! common fields in each branch and refuses all others, because editors check branches one by
//! one. The parser walks the same closed schema, so editors and `check` agree by construction.

use std::sync::LazyLock;

use serde_json::{Map, Value, json};

use crate::language::ContractFile;

static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
    let mut schema = schemars::schema_for!(ContractFile).to_value();
    close(&mut schema);
    schema["$id"] = json!("https://mamori.invalid/contract.schema.json");
    schema["title"] = json!("Mamori contract");
    schema
});

/// The closed schema.
pub fn schema() -> &'static Value {
    &SCHEMA
}

/// The schema as printed by `mamori contract schema` and checked in under `contracts/schema/`.
pub fn schema_text() -> String {
    let mut text = serde_json::to_string_pretty(schema()).expect("a JSON value can be printed");
    text.push('\n');
    text
}

fn close(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            distribute(object);
            for (_, inner) in object.iter_mut() {
                close(inner);
            }
            if object.contains_key("properties") && !object.contains_key("additionalProperties") {
                object.insert("additionalProperties".into(), json!(false));
            }
        }
        Value::Array(list) => list.iter_mut().for_each(close),
        _ => {}
    }
}

/// Moves the common properties of a tagged sum into its branches.
fn distribute(object: &mut Map<String, Value>) {
    let is_sum = |branches: &Value| {
        branches
            .as_array()
            .is_some_and(|list| list.iter().all(|branch| branch.get("properties").is_some()))
    };
    if !object.contains_key("properties") || !object.get("oneOf").is_some_and(is_sum) {
        return;
    }
    let common = object.remove("properties").expect("checked above");
    let required = object.remove("required");
    object.remove("type");
    object.remove("additionalProperties");
    object.remove("unevaluatedProperties");
    let Some(branches) = object.get_mut("oneOf").and_then(Value::as_array_mut) else {
        return;
    };
    for branch in branches {
        let Some(properties) = branch.get_mut("properties").and_then(Value::as_object_mut) else {
            continue;
        };
        for (name, schema) in common.as_object().into_iter().flatten() {
            properties.insert(name.clone(), schema.clone());
        }
        if let Some(extra) = required.as_ref().and_then(Value::as_array) {
            let list = branch["required"].as_array().cloned().unwrap_or_default();
            branch["required"] = list.into_iter().chain(extra.iter().cloned()).collect();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checked_in_schema_is_the_generated_one() {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../contracts/schema/contract.schema.json"
        );
        let stored = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            stored == schema_text(),
            "contracts/schema/contract.schema.json is stale: run `mamori contract schema > contracts/schema/contract.schema.json`"
        );
    }

    #[test]
    fn sums_carry_their_common_fields() {
        let deadline = &schema()["$defs"]["Deadline"];
        let branches = deadline["oneOf"].as_array().unwrap();
        assert_eq!(branches.len(), 12);
        for branch in branches {
            assert!(branch["properties"]["soft"].is_object());
            assert_eq!(branch["additionalProperties"], json!(false));
        }
    }
}
