//! The OpenAPI 3.1 document, assembled from the descriptions of the routes.
//!
//! Nothing is written here about a single route: what a route says of itself is in its
//! [`Operation`], the conventions that all share are added.

use std::collections::BTreeMap;

use mamori_runtime::describe::{Body, Operation, Parameter, Place, schema};
use mamori_runtime::{Guard, Route, Verb};
use serde_json::{Map, Value, json};

/// Statuses that every operation may answer.
const ALWAYS: [u16; 7] = [400, 401, 403, 404, 422, 429, 503];

/// The whole document.
pub fn document<'r>(routes: impl Iterator<Item = &'r Route>) -> Value {
    let mut paths: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    let mut components = Map::new();
    components.insert("Problem".to_owned(), problem());
    let mut tags: Vec<&str> = Vec::new();
    for route in routes.filter(|route| route.path.starts_with("/api/")) {
        let Some(operation) = &route.operation else {
            continue;
        };
        if !tags.contains(&operation.tag.as_str()) {
            tags.push(&operation.tag);
        }
        let described = described(route, operation, &mut components);
        paths
            .entry(route.path)
            .or_default()
            .insert(route.verb.as_str().to_ascii_lowercase(), described);
    }
    tags.sort_unstable();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Mamori API",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "契約の記録・義務・書類・証跡を扱うAPI。/ Works, obligations, papers and evidence of a contract. \
                Programs send `Authorization: Bearer TOKEN`; pages of the console use their session and `x-csrf-token`.",
            "license": { "name": "Apache-2.0 OR MIT", "identifier": "Apache-2.0 OR MIT" },
        },
        "servers": [{ "url": "/" }],
        "security": [{ "token": [] }, { "session": [] }],
        "tags": tags.iter().map(|tag| json!({ "name": tag })).collect::<Vec<_>>(),
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "token": { "type": "http", "scheme": "bearer" },
                "session": { "type": "apiKey", "in": "cookie", "name": "mamori" },
            },
            "responses": {
                "Problem": {
                    "description": "問題の説明（RFC 9457） / What is wrong and what to do",
                    "content": { "application/problem+json": {
                        "schema": { "$ref": "#/components/schemas/Problem" },
                    } },
                },
            },
            "headers": {
                "RequestId": {
                    "description": "Leads to the log",
                    "schema": { "type": "string", "pattern": "^[0-9a-f]{16}$" },
                },
                "ETag": {
                    "description": "Send it back as If-None-Match, or a revision as If-Match",
                    "schema": { "type": "string" },
                },
            },
        },
    })
}

/// An error, as RFC 9457 wants it.
pub fn problem() -> Value {
    schema::object([
        (
            "type",
            json!({ "type": "string", "pattern": "^urn:mamori:problem:[a-z-]+$" }),
        ),
        ("title", schema::text()),
        ("status", schema::integer()),
        ("detail", schema::text()),
        (
            "errors",
            schema::list(schema::object([
                ("field", schema::text()),
                ("message", schema::text()),
                ("line?", schema::integer()),
                ("column?", schema::integer()),
            ])),
        ),
        ("request_id", schema::text()),
    ])
}

/// `get_contracts_contract_work`: stable as long as verb and path are.
fn id(route: &Route) -> String {
    let words: Vec<&str> = route
        .path
        .trim_start_matches("/api/v1/")
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect();
    format!(
        "{}_{}",
        route.verb.as_str().to_ascii_lowercase(),
        words.join("_")
    )
}

/// Names of the path's parameters, in order.
pub(crate) fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.split('/')
        .filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
}

fn described(route: &Route, operation: &Operation, components: &mut Map<String, Value>) -> Value {
    let mut parameters: Vec<Value> = segments(route.path)
        .map(|name| {
            operation
                .parameters
                .iter()
                .find(|each| each.place == Place::Path && each.name == name)
                .map_or_else(|| plain_segment(name), |each| parameter(each, components))
        })
        .collect();
    parameters.extend(
        operation
            .parameters
            .iter()
            .filter(|each| each.place == Place::Query)
            .map(|each| parameter(each, components)),
    );
    if operation.idempotency_key {
        parameters.push(json!({
            "name": "Idempotency-Key", "in": "header", "required": false,
            "description": "同じキーの再送は1回と数える / The same key twice counts once",
            "schema": { "type": "string", "pattern": "^[!-~]{1,100}$" },
        }));
    }
    if operation.if_match {
        parameters.push(json!({
            "name": "If-Match", "in": "header", "required": false,
            "description": "見ている版（revision） / The revision that was seen",
            "schema": { "type": "string", "pattern": "^\"[0-9]{1,9}\"$" },
        }));
    }
    let permission = match route.guard {
        Guard::Public => "public".to_owned(),
        Guard::SignedIn => "signed-in".to_owned(),
        Guard::Needs(permission) => permission.to_string(),
    };
    let mut value = json!({
        "operationId": id(route),
        "tags": [operation.tag],
        "summary": format!("{} / {}", operation.summary_ja, operation.summary_en),
        "x-permission": permission,
        "parameters": parameters,
        "responses": responses(route, operation, components),
    });
    if route.guard == Guard::Public {
        value["security"] = json!([]);
    }
    match &operation.body {
        None => {}
        Some(Body::Json(schema) | Body::Form(schema)) => {
            value["requestBody"] = json!({
                "required": true,
                "content": { "application/json": { "schema": hoisted(schema, components) } },
            });
        }
        Some(Body::File) => {
            value["requestBody"] = json!({
                "required": true,
                "content": { "application/octet-stream": { "schema": { "type": "string", "format": "binary", "minLength": 1 } } },
            });
        }
    }
    value
}

fn plain_segment(name: &str) -> Value {
    json!({
        "name": name, "in": "path", "required": true,
        "description": match name {
            "contract" => "契約の番号 / Id of the contract",
            "item" | "number" => "番号か id / Number or id",
            _ => name,
        },
        "schema": { "type": "string", "minLength": 1 },
    })
}

fn parameter(parameter: &Parameter, components: &mut Map<String, Value>) -> Value {
    let mut value = json!({
        "name": parameter.name,
        "in": match parameter.place { Place::Path => "path", Place::Query => "query" },
        "required": parameter.required || parameter.place == Place::Path,
        "description": format!("{} / {}", parameter.about_ja, parameter.about_en),
        "schema": hoisted(&parameter.schema, components),
    });
    if parameter.schema["type"] == "array" {
        // Words stand in one value, separated by commas.
        value["style"] = json!("form");
        value["explode"] = json!(false);
    }
    value
}

fn responses(route: &Route, operation: &Operation, components: &mut Map<String, Value>) -> Value {
    let mut answers = Map::new();
    for answer in &operation.answers {
        let mut value = json!({
            "description": answer.about_en,
            "headers": { "x-request-id": { "$ref": "#/components/headers/RequestId" } },
        });
        if route.verb == Verb::Get && answer.status == 200 {
            value["headers"]["etag"] = json!({ "$ref": "#/components/headers/ETag" });
        }
        if !answer.media_types.is_empty() {
            let content: Map<String, Value> = answer
                .media_types
                .iter()
                .map(|media_type| {
                    let schema = answer.schema.as_ref().map_or_else(
                        || json!({ "type": "string", "format": "binary" }),
                        |schema| hoisted(schema, components),
                    );
                    ((*media_type).to_owned(), json!({ "schema": schema }))
                })
                .collect();
            value["content"] = Value::Object(content);
        }
        answers.insert(answer.status.to_string(), value);
    }
    if route.verb == Verb::Get {
        answers.insert(
            "304".to_owned(),
            json!({ "description": "Not changed since If-None-Match" }),
        );
    }
    for status in statuses(operation) {
        answers.insert(
            status.to_string(),
            json!({ "$ref": "#/components/responses/Problem" }),
        );
    }
    Value::Object(answers)
}

fn statuses(operation: &Operation) -> Vec<u16> {
    let mut statuses = ALWAYS.to_vec();
    if operation.conflicts {
        statuses.push(409);
    }
    if operation.if_match {
        statuses.push(412);
    }
    if operation.body.is_some() {
        statuses.push(413);
    }
    if matches!(operation.body, Some(Body::Json(_) | Body::Form(_))) {
        statuses.push(415);
    }
    statuses.sort_unstable();
    statuses
}

/// The schema with its named parts moved to the components and referred to.
fn hoisted(schema: &Value, components: &mut Map<String, Value>) -> Value {
    let mut schema = schema.clone();
    hoist(&mut schema, components);
    schema
}

fn hoist(value: &mut Value, components: &mut Map<String, Value>) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(|each| hoist(each, components)),
        Value::Object(map) => {
            map.remove("$schema");
            if let Some(Value::Object(definitions)) = map.remove("$defs") {
                for (name, mut definition) in definitions {
                    hoist(&mut definition, components);
                    components.insert(name, definition);
                }
            }
            if let Some(Value::String(target)) = map.get_mut("$ref")
                && let Some(name) = target.strip_prefix("#/$defs/")
            {
                *target = format!("#/components/schemas/{name}");
            }
            let name = map.remove(schema::NAME);
            map.values_mut().for_each(|each| hoist(each, components));
            if let Some(Value::String(name)) = name {
                let reference = json!({ "$ref": format!("#/components/schemas/{name}") });
                let schema = std::mem::replace(value, reference);
                let before = components.insert(name, schema.clone());
                assert!(
                    before.is_none_or(|before| before == schema),
                    "two schemas of the API bear the name of {value}"
                );
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn named_schemas_and_definitions_become_components() {
        let mut components = Map::new();
        let inner = schema::named("Thing", schema::object([("a", schema::text())]));
        let outer = hoisted(&schema::list(inner), &mut components);
        assert_eq!(outer["items"]["$ref"], "#/components/schemas/Thing");
        assert_eq!(components["Thing"]["required"], json!(["a"]));
        let derived = json!({
            "$schema": "x", "$ref": "#/$defs/Other", "$defs": { "Other": { "type": "string" } },
        });
        let derived = hoisted(&derived, &mut components);
        assert_eq!(derived, json!({ "$ref": "#/components/schemas/Other" }));
        assert_eq!(components["Other"], json!({ "type": "string" }));
    }

    #[test]
    fn a_name_may_lead_to_null_without_losing_its_component() {
        let name = schema::nullable(schema::named("Thing", schema::free_object()));
        let mut components = Map::new();
        let told = hoisted(&name, &mut components);
        assert_eq!(told["anyOf"][1], json!({ "type": "null" }));
        assert!(components.contains_key("Thing"));
    }
}
