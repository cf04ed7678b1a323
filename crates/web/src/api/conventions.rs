//! What every request to the API and every answer keeps, whatever the handler does.
//!
//! Two layers. [`admit`] stands behind the guard and compares a request with its route's
//! description: unknown or repeated query parameters, numbers that are none, control characters,
//! another media type than JSON, JSON that cannot be read. [`finish`] stands around all routes: it
//! answers `OPTIONS` and verbs that a path does not know, gives lists their `Link`, and answers
//! from the client's own copy by `ETag` and `If-None-Match`.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{MatchedPath, Query, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use mamori_kernel::given;
use mamori_runtime::describe::{self, Operation, Place};
use mamori_runtime::{App, Verb};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::Paging;
use super::strict::Strict;
use crate::error::{FieldError, PlacedError, WebError};

/// Answers above this size are sent without an `ETag`: they are files, which have their own.
const MOST_TAGGED_BYTES: usize = 8 * 1024 * 1024;

/// What [`admit`] knows of a route.
#[derive(Clone)]
pub(crate) struct Rules {
    pub(crate) operation: Arc<Operation>,
    pub(crate) body_limit_bytes: usize,
}

/// `If-Match: "3"`: the revision that the caller has seen.
pub fn seen_revision(headers: &HeaderMap) -> Result<Option<i64>, WebError> {
    let Some(value) = headers.get(header::IF_MATCH) else {
        return Ok(None);
    };
    let text = value.to_str().unwrap_or_default().trim();
    if text == "*" {
        return Ok(None);
    }
    text.trim_matches('"').parse().map(Some).map_err(|_| {
        WebError::invalid(
            "If-Match には、見ている版の番号（revision）を \"3\" のように書いてください",
        )
    })
}

/// Compares a request with the description of its route.
pub(crate) async fn admit(State(rules): State<Rules>, request: Request, next: Next) -> Response {
    match admitted(&rules, request).await {
        Ok(request) => {
            let mut response = next.run(request).await;
            // Tests compare the answer with it.
            response.extensions_mut().insert(rules.operation);
            response
        }
        Err(error) => error.into_response(),
    }
}

async fn admitted(rules: &Rules, request: Request) -> Result<Request, WebError> {
    if has_control_characters(request.uri().path()) {
        return Err(WebError::NotFound("制御文字を含むアドレス".to_owned()));
    }
    check_query(&rules.operation, request.uri())?;
    let schema = match &rules.operation.body {
        Some(describe::Body::Json(schema)) => Some(schema),
        Some(describe::Body::Form(_)) => None,
        Some(describe::Body::File) | None => return Ok(request),
    };
    if !is_json(request.headers()) {
        return Err(WebError::MediaType("application/json"));
    }
    let (parts, body) = request.into_parts();
    let bytes = to_bytes(body, rules.body_limit_bytes)
        .await
        .map_err(|_| WebError::TooLarge(rules.body_limit_bytes))?;
    let value = read_json(&bytes)?;
    let mut wrong = Vec::new();
    control_characters(&value, "", &mut wrong);
    if let (Some(schema), true) = (schema, wrong.is_empty()) {
        compare(&value, schema, "", &mut wrong);
    }
    if !wrong.is_empty() {
        return Err(WebError::Invalid {
            message: "送られた内容に誤りがあります".to_owned(),
            fields: wrong,
        });
    }
    Ok(Request::from_parts(parts, Body::from(bytes)))
}

fn has_control_characters(path: &str) -> bool {
    let bytes = path.as_bytes();
    bytes.windows(3).any(|window| {
        window[0] == b'%'
            && std::str::from_utf8(&window[1..])
                .ok()
                .and_then(|hex| u8::from_str_radix(hex, 16).ok())
                .is_some_and(|byte| byte < 0x20 || byte == 0x7f)
    })
}

fn is_json(headers: &HeaderMap) -> bool {
    let media_type = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .unwrap_or("")
        .trim()
        .to_ascii_lowercase();
    media_type == "application/json"
        || (media_type.starts_with("application/") && media_type.ends_with("+json"))
}

fn read_json(bytes: &Bytes) -> Result<Value, WebError> {
    let read = serde_json::from_slice(bytes).map(|Strict(value)| value);
    read.map_err(|error| WebError::Placed {
        status: StatusCode::BAD_REQUEST,
        message: "JSON を読めません".to_owned(),
        errors: vec![PlacedError {
            field: "body".to_owned(),
            message: format!(
                "{}行目の{}文字目で{}",
                error.line(),
                error.column(),
                if error.is_data() {
                    "、同じ項目が2回書かれています。1回だけ書いてください"
                } else {
                    " JSON の書き方に誤りがあります"
                }
            ),
            line: error.line(),
            column: error.column(),
        }],
    })
}

/// Whether a character may stand in no text: control characters but tab and line ends.
fn forbidden(c: char) -> bool {
    c.is_control() && !matches!(c, '\n' | '\r' | '\t')
}

fn control_characters(value: &Value, place: &str, wrong: &mut Vec<FieldError>) {
    let mut look = |text: &str, field: &str| {
        if let Some(found) = text.chars().find(|c| forbidden(*c)) {
            wrong.push(FieldError {
                field: field.to_owned(),
                message: format!(
                    "使えない制御文字（U+{:04X}）が含まれています",
                    u32::from(found)
                ),
            });
        }
    };
    match value {
        Value::String(text) => look(text, place),
        Value::Array(values) => {
            for (index, each) in values.iter().enumerate() {
                control_characters(each, &format!("{place}[{index}]"), wrong);
            }
        }
        Value::Object(map) => {
            for key in map.keys() {
                look(key, if place.is_empty() { "body" } else { place });
            }
            for (key, each) in map {
                let deeper = if place.is_empty() {
                    key.clone()
                } else {
                    format!("{place}.{key}")
                };
                control_characters(each, &deeper, wrong);
            }
        }
        _ => {}
    }
}

/// Compares a body with the part of JSON Schema that bodies use here: types, properties, items,
/// words, lengths. What is left over the handler refuses.
fn compare(value: &Value, schema: &Value, place: &str, wrong: &mut Vec<FieldError>) {
    let mut say = |field: &str, message: String| {
        wrong.push(FieldError {
            field: if field.is_empty() { "body" } else { field }.to_owned(),
            message,
        });
    };
    if !of_type(value, &schema["type"]) {
        return say(
            place,
            format!("{}で書いてください", type_ja(&schema["type"])),
        );
    }
    if let Some(words) = schema["enum"].as_array()
        && !words.contains(value)
    {
        let words: Vec<&str> = words.iter().filter_map(Value::as_str).collect();
        return say(place, format!("使える値: {}", words.join(", ")));
    }
    match value {
        Value::String(text) => {
            let length = text.chars().count() as u64;
            if schema["minLength"]
                .as_u64()
                .is_some_and(|least| length < least)
            {
                say(place, "入力してください".to_owned());
            } else if let Some(most) = schema["maxLength"].as_u64().filter(|most| length > *most) {
                say(
                    place,
                    format!("{most}文字以内で書いてください（いま{length}文字）"),
                );
            }
        }
        Value::Number(_) => {
            let number = value.as_f64().unwrap_or(f64::NAN);
            if let Some(message) = out_of_bounds(number, schema) {
                say(place, message);
            }
        }
        Value::Array(values) => {
            if schema["minItems"]
                .as_u64()
                .is_some_and(|least| (values.len() as u64) < least)
            {
                say(place, "1つ以上書いてください".to_owned());
            }
            if let Some(most) = schema["maxItems"]
                .as_u64()
                .filter(|most| values.len() as u64 > *most)
            {
                say(place, format!("{most}個以内で書いてください"));
            }
            for (index, each) in values.iter().enumerate() {
                compare(each, &schema["items"], &format!("{place}[{index}]"), wrong);
            }
        }
        Value::Object(map) => {
            let Some(properties) = schema["properties"].as_object() else {
                return;
            };
            let deeper = |key: &str| {
                if place.is_empty() {
                    key.to_owned()
                } else {
                    format!("{place}.{key}")
                }
            };
            for name in schema["required"].as_array().into_iter().flatten() {
                if let Some(name) = name.as_str().filter(|name| !map.contains_key(*name)) {
                    say(&deeper(name), "入力してください".to_owned());
                }
            }
            for (key, each) in map {
                match properties.get(key) {
                    Some(schema) => compare(each, schema, &deeper(key), wrong),
                    None => wrong.push(FieldError {
                        field: deeper(key),
                        message: unknown("項目", key, properties.keys().map(String::as_str)),
                    }),
                }
            }
        }
        _ => {}
    }
}

fn of_type(value: &Value, kind: &Value) -> bool {
    match kind {
        Value::String(kind) => match kind.as_str() {
            "string" => value.is_string(),
            "integer" => value.is_u64() || value.is_i64(),
            "number" => value.is_number(),
            "boolean" => value.is_boolean(),
            "array" => value.is_array(),
            "object" => value.is_object(),
            _ => value.is_null(),
        },
        Value::Array(kinds) => kinds.iter().any(|kind| of_type(value, kind)),
        _ => true,
    }
}

fn type_ja(kind: &Value) -> &'static str {
    let kind = match kind {
        Value::Array(kinds) => &kinds[0],
        kind => kind,
    };
    match kind.as_str().unwrap_or("") {
        "string" => "文字列",
        "integer" | "number" => "整数",
        "boolean" => "true か false",
        "array" => "配列",
        _ => "項目と値の組",
    }
}

fn out_of_bounds(number: f64, schema: &Value) -> Option<String> {
    let least = schema["minimum"].as_f64();
    let most = schema["maximum"].as_f64();
    let below = least.is_some_and(|least| number < least);
    let above = most.is_some_and(|most| number > most);
    (below || above).then(|| match (least, most) {
        (Some(least), Some(most)) => format!("{least}から{most}までの整数で書いてください"),
        (Some(least), None) => format!("{least}以上の整数で書いてください"),
        _ => "大きすぎます".to_owned(),
    })
}

fn unknown<'a>(what: &str, name: &str, known: impl Iterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.collect();
    match describe::nearest(name, known.iter().copied()) {
        Some(near) => format!("この{what}はありません。{near} のことですか"),
        None if known.is_empty() => format!("この{what}はありません"),
        None => format!("この{what}はありません。使えるもの: {}", known.join(", ")),
    }
}

fn check_query(operation: &Operation, uri: &Uri) -> Result<(), WebError> {
    let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(uri)
        .map_err(|_| WebError::invalid("アドレスの ? より後ろを読めません"))?;
    let known: Vec<_> = operation
        .parameters
        .iter()
        .filter(|each| each.place == Place::Query)
        .collect();
    let mut wrong = Vec::new();
    let mut say = |field: &str, message: String| {
        wrong.push(FieldError {
            field: field.chars().filter(|c| !forbidden(*c)).take(80).collect(),
            message,
        });
    };
    for (index, (name, value)) in pairs.iter().enumerate() {
        let Some(parameter) = known.iter().find(|each| each.name == name) else {
            say(
                name,
                unknown("条件", name, known.iter().map(|each| each.name)),
            );
            continue;
        };
        if pairs[..index].iter().any(|(before, _)| before == name) {
            say(name, "2回書かれています。1回だけ書いてください".to_owned());
            continue;
        }
        if let Some(found) = value.chars().find(|c| c.is_control()) {
            let code = u32::from(found);
            say(
                name,
                format!("使えない制御文字（U+{code:04X}）が含まれています"),
            );
            continue;
        }
        if let Some(message) = misfit(value, &parameter.schema) {
            say(name, message);
        }
    }
    for parameter in known.iter().filter(|each| each.required) {
        if pairs.iter().all(|(name, _)| name != parameter.name) {
            say(parameter.name, "入力してください".to_owned());
        }
    }
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(WebError::Invalid {
            message: "条件に誤りがあります".to_owned(),
            fields: wrong,
        })
    }
}

/// What is wrong with the text of a query parameter, by its schema.
fn misfit(value: &str, schema: &Value) -> Option<String> {
    match schema["type"].as_str()? {
        "integer" => match value.parse::<i64>() {
            Ok(number) => out_of_bounds(number as f64, schema),
            Err(_) => Some("整数で書いてください".to_owned()),
        },
        "boolean" if !matches!(value, "true" | "false") => {
            Some("true か false で書いてください".to_owned())
        }
        "array" => {
            let words = schema["items"]["enum"].as_array()?;
            value
                .split(',')
                .find(|word| !word.is_empty() && !words.iter().any(|known| known == word))
                .map(|word| among(word, words))
        }
        _ => {
            let length = value.chars().count() as u64;
            if schema["minLength"]
                .as_u64()
                .is_some_and(|least| length < least)
            {
                return Some("入力してください".to_owned());
            }
            if let Some(most) = schema["maxLength"].as_u64().filter(|most| length > *most) {
                return Some(format!(
                    "{most}文字以内で書いてください（いま{length}文字）"
                ));
            }
            let words = schema["enum"].as_array()?;
            (!words.iter().any(|known| known == value)).then(|| among(value, words))
        }
    }
}

fn among(word: &str, words: &[Value]) -> String {
    let words: Vec<&str> = words.iter().filter_map(Value::as_str).collect();
    format!(
        "{}。使える値: {}",
        given::wrong(word, "は使えません"),
        words.join(", ")
    )
}

/// The verbs of every path of the API.
pub(crate) type Verbs = Arc<HashMap<&'static str, Vec<Verb>>>;

/// The verbs of the application's API.
pub(crate) fn verbs(app: &App) -> Verbs {
    let mut verbs: HashMap<&'static str, Vec<Verb>> = HashMap::new();
    for route in app.capabilities().iter().flat_map(|each| &each.routes) {
        if route.path.starts_with("/api/") {
            verbs.entry(route.path).or_default().push(route.verb);
        }
    }
    Arc::new(verbs)
}

/// The layer around all routes; leaves everything that is not below `/api/` alone.
pub(crate) async fn finish(State(verbs): State<Verbs>, request: Request, next: Next) -> Response {
    let known = request
        .extensions()
        .get::<MatchedPath>()
        .and_then(|path| verbs.get(path.as_str()));
    let Some(known) = known else {
        return next.run(request).await;
    };
    if let Some(answer) = by_method(request.method(), known) {
        return answer;
    }
    let reads = request.method() == Method::GET;
    let seen = request.headers().get(header::IF_NONE_MATCH).cloned();
    let uri = request.uri().clone();
    let mut response = next.run(request).await;
    if response.status() == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(
            header::WWW_AUTHENTICATE,
            HeaderValue::from_static("Bearer realm=\"mamori\""),
        );
    }
    if let Some(paging) = response.extensions_mut().remove::<Paging>()
        && let Ok(link) = HeaderValue::from_str(&links(&uri, paging))
    {
        response.headers_mut().insert(header::LINK, link);
    }
    if reads && response.status() == StatusCode::OK {
        return tagged(response, seen.as_ref()).await;
    }
    response
}

fn by_method(method: &Method, known: &[Verb]) -> Option<Response> {
    let fits = |method: &str| known.iter().any(|verb| verb.as_str() == method);
    let is_options = method == Method::OPTIONS;
    if !is_options && (fits(method.as_str()) || (method == Method::HEAD && fits("GET"))) {
        return None;
    }
    let mut allowed: Vec<&str> = known.iter().map(|verb| verb.as_str()).collect();
    if allowed.contains(&"GET") {
        allowed.push("HEAD");
    }
    allowed.push("OPTIONS");
    let status = if is_options {
        StatusCode::NO_CONTENT
    } else {
        StatusCode::METHOD_NOT_ALLOWED
    };
    let mut response = status.into_response();
    if let Ok(value) = HeaderValue::from_str(&allowed.join(", ")) {
        response.headers_mut().insert(header::ALLOW, value);
    }
    Some(response)
}

/// RFC 8288: where the other pages of a list are.
fn links(uri: &Uri, paging: Paging) -> String {
    let rest: Vec<&str> = uri
        .query()
        .unwrap_or("")
        .split('&')
        .filter(|pair| !pair.is_empty() && !pair.starts_with("page="))
        .collect();
    let mut text = String::new();
    let mut say = |relation: &str, page: u64| {
        let query = rest
            .iter()
            .map(|pair| (*pair).to_owned())
            .chain([format!("page={page}")])
            .collect::<Vec<_>>()
            .join("&");
        let comma = if text.is_empty() { "" } else { ", " };
        let _ = write!(text, "{comma}<{}?{query}>; rel=\"{relation}\"", uri.path());
    };
    let last = paging.last();
    say("first", 1);
    if paging.page > 1 {
        say("prev", (paging.page - 1).min(last));
    }
    if paging.page < last {
        say("next", paging.page + 1);
    }
    say("last", last);
    text
}

async fn tagged(response: Response, seen: Option<&HeaderValue>) -> Response {
    let (mut parts, body) = response.into_parts();
    let mut body = body;
    if !parts.headers.contains_key(header::ETAG) {
        let small = axum::body::HttpBody::size_hint(&body)
            .upper()
            .is_some_and(|most| most <= MOST_TAGGED_BYTES as u64);
        if !small {
            return Response::from_parts(parts, body);
        }
        let Ok(bytes) = to_bytes(body, MOST_TAGGED_BYTES).await else {
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        };
        let tag = format!("\"{}\"", hex::encode(&Sha256::digest(&bytes)[..16]));
        if let Ok(value) = HeaderValue::from_str(&tag) {
            parts.headers.insert(header::ETAG, value);
        }
        body = Body::from(bytes);
    }
    // May be kept by the client alone, and only with a question before each use.
    parts
        .headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("private, no-cache"));
    let same = parts
        .headers
        .get(header::ETAG)
        .and_then(|tag| tag.to_str().ok())
        .zip(seen.and_then(|seen| seen.to_str().ok()))
        .is_some_and(|(tag, seen)| matches(tag, seen));
    if same {
        parts.status = StatusCode::NOT_MODIFIED;
        parts.headers.remove(header::CONTENT_TYPE);
        parts.headers.remove(header::CONTENT_LENGTH);
        body = Body::empty();
    }
    Response::from_parts(parts, body)
}

/// RFC 9110 13.1.2: weak comparison with each tag of the list.
fn matches(tag: &str, seen: &str) -> bool {
    seen.split(',')
        .map(|each| each.trim().trim_start_matches("W/"))
        .any(|each| each == "*" || each == tag)
}

#[cfg(test)]
mod tests {
    use mamori_runtime::describe::schema;
    use serde_json::json;

    use super::*;

    fn uri(text: &str) -> Uri {
        text.parse().expect("an address")
    }

    fn fields(outcome: Result<(), WebError>) -> Vec<(String, String)> {
        match outcome {
            Err(WebError::Invalid { fields, .. }) => fields
                .into_iter()
                .map(|each| (each.field, each.message))
                .collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_query_is_compared_with_the_description() {
        let operation = Operation::new("t", "", "")
            .query("state", "", "", schema::words(["open", "closed"]))
            .query("name", "", "", schema::text_within(3))
            .paged();
        let query = |text: &str| check_query(&operation, &uri(&format!("/api/v1/x{text}")));
        assert!(query("").is_ok() && query("?page=2&state=open,closed").is_ok());
        let wrong = fields(query("?pgae=2&page=0&per_page=x&state=opn&page=1"));
        let names: Vec<&str> = wrong.iter().map(|(field, _)| field.as_str()).collect();
        assert_eq!(names, ["pgae", "page", "per_page", "state", "page"]);
        assert!(wrong[0].1.contains("page のことですか"), "{}", wrong[0].1);
        for name in ["?name=", "?name=abcd"] {
            assert_eq!(fields(query(name))[0].0, "name");
        }
        assert!(query("?name=%E5%AE%88%E3%82%8A").is_ok());
        assert!(fields(query("?state=a%00"))[0].1.contains("U+0000"));
    }

    #[test]
    fn a_body_is_compared_with_its_schema() {
        let schema = schema::object([
            ("name", schema::text_within(5)),
            ("days?", schema::integer_from(1)),
            ("kinds?", schema::list(schema::text())),
        ]);
        let cases = [
            (json!({"name": "a", "days": 3, "kinds": ["x"]}), ""),
            (json!({}), "name"),
            (json!({"name": ""}), "name"),
            (json!({"name": "abcdef"}), "name"),
            (json!({"name": 1}), "name"),
            (json!({"name": "a", "days": 0}), "days"),
            (json!({"name": "a", "days": "3"}), "days"),
            (json!({"name": "a", "kinds": [1]}), "kinds[0]"),
            (json!({"name": "a", "dys": 1}), "dys"),
            (json!([]), "body"),
        ];
        for (body, field) in cases {
            let mut wrong = Vec::new();
            compare(&body, &schema, "", &mut wrong);
            let found = wrong.first().map_or("", |wrong| wrong.field.as_str());
            assert_eq!(found, field, "{body}");
        }
    }

    #[test]
    fn control_characters_are_found_wherever_they_stand() {
        let mut wrong = Vec::new();
        let body = json!({"a": {"b": ["fine\n", "\u{0}"]}, "c\u{7}": 1});
        control_characters(&body, "", &mut wrong);
        let fields: Vec<&str> = wrong.iter().map(|each| each.field.as_str()).collect();
        assert_eq!(fields, ["body", "a.b[1]"]);
        assert!(has_control_characters("/a/%00") && has_control_characters("/a%7F"));
        assert!(!has_control_characters("/a/%E4%BD%9C%") && !has_control_characters("/%zz"));
    }

    #[test]
    fn links_lead_to_the_neighbours_and_keep_the_rest_of_the_query() {
        let paging = |page, total| Paging {
            total,
            page,
            per_page: 10,
        };
        let there = uri("/api/v1/x?q=a%26b&page=2&per_page=10");
        assert_eq!(
            links(&there, paging(2, 30)),
            "</api/v1/x?q=a%26b&per_page=10&page=1>; rel=\"first\", \
             </api/v1/x?q=a%26b&per_page=10&page=1>; rel=\"prev\", \
             </api/v1/x?q=a%26b&per_page=10&page=3>; rel=\"next\", \
             </api/v1/x?q=a%26b&per_page=10&page=3>; rel=\"last\""
        );
        let empty = links(&uri("/api/v1/x"), paging(1, 0));
        assert!(
            !empty.contains("next") && !empty.contains("prev"),
            "{empty}"
        );
        let beyond = links(&there, paging(9, 30));
        assert!(beyond.contains("page=3>; rel=\"prev\""), "{beyond}");
    }

    #[test]
    fn tags_are_compared_weakly_and_in_lists() {
        for seen in ["\"a\"", "W/\"a\"", "\"b\", \"a\"", "*"] {
            assert!(matches("\"a\"", seen), "{seen}");
        }
        assert!(!matches("\"a\"", "\"b\""));
    }
}
