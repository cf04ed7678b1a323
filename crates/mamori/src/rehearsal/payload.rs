//! Plausible payloads for machine evidence, by kind; a kind nobody knows starts empty and is
//! filled from the contract's own conditions. Nothing here is a measurement: rehearsed records
//! are marked, see [`super`].

use jiff::civil::{Date, DateTime};
use mamori_contract::language::evidence::Condition;
use serde_json::{Map, Value, json};

/// The plain form of a payload of `kind` on `day`; `variant` changes the numbers a little.
pub fn base(kind: &str, at: DateTime, variant: u64) -> Map<String, Value> {
    let day = at.date();
    let wobble = |span: u64| variant % span.max(1);
    let value = match kind {
        "watch.availability" => json!({"day": day.to_string(), "total_minutes": 1440,
            "down_minutes": if variant % 37 == 5 { 3 } else { 0 }, "planned_minutes": 0}),
        "watch.probe" => json!({"target": "https://www.example.jp/", "ok": true}),
        "tls.checked" => json!({"host": "www.example.jp", "ok": true,
            "not_after": (day + days(60 + wobble(20))).to_string()}),
        "domain.checked" => json!({"domain": "example.jp", "ok": true,
            "expires_on": (day + days(200)).to_string()}),
        "capacity.mail" => json!({"gigabytes": 50}),
        "capacity.transfer" => json!({"date": day.to_string(), "gigabytes": 3 + wobble(4)}),
        "mail.volume" => json!({"date": day.to_string(), "mails": 120 + wobble(90)}),
        "host.hardening" | "encryption.checked" | "waf.checked" | "mail.checked" => {
            json!({"host": "www.example.jp", "ok": true, "findings": 0})
        }
        "page.published" => {
            json!({"page": "policy", "url": "https://www.example.jp/policy", "ok": true})
        }
        "chat.checked" => json!({"scenario": "choice", "ok": true}),
        "wordpress.inventory" => json!({"version": "6.9", "supported": true}),
        "wordpress.updated" => json!({"version": "6.9", "bug": false}),
        "browser.tested" => json!({"browser": "chrome", "version": "最新", "ok": true}),
        "access.month" => json!({"month": super::plan::month_of(day), "complete": true}),
        "backup.finished" => {
            json!({"class": "system", "method": "full", "generations": 3, "ok": true})
        }
        "backup.drill" => json!({"ok": true, "minutes": 12 + wobble(9)}),
        "virus.scan" => json!({"host": "www.example.jp", "ok": true, "detections": 0}),
        "virus.pattern" => json!({"host": "www.example.jp", "published_on": day.to_string()}),
        "chat.handover" | "vulnerability.feed" => json!({"ok": true}),
        "vulnerability.test" => json!({"test_id": format!("VT-{day}"), "scope": "公開サイト一式",
            "findings": [
                {"id": "V-1", "threat": "6.1", "risk": "中", "advice": "入力値の検査を追加する"},
                {"id": "V-2", "threat": "3.7", "risk": "低", "advice": "応答ヘッダーを追加する"}]}),
        "inspection.done" => json!({"day": day.to_string(), "ok": true}),
        "log.kept" => json!({"log": "access", "oldest_on": (day - days(365)).to_string()}),
        "oncall.roster" => {
            json!({"from": day.to_string(), "to": (day + days(30)).to_string(), "filled": true})
        }
        "runbook.run" => json!({"step": "process-restart", "ok": true}),
        "a11y.pages" => {
            json!({"pages": (1..=40).map(|n| format!("/page-{n:02}")).collect::<Vec<_>>()})
        }
        "a11y.checklist" => {
            json!({"checklist": "implementation", "edition": "2020-12", "criteria": 38})
        }
        "a11y.judged" => json!({"level": "AA", "failing": []}),
        _ => json!({}),
    };
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

fn days(count: u64) -> jiff::Span {
    jiff::Span::new().days(i64::try_from(count).unwrap_or(0))
}

/// Makes a payload fulfil a condition as far as one value can. `resolve` gives the value of a
/// `"$parameter"`.
pub fn satisfy(
    payload: &mut Map<String, Value>,
    condition: &Condition,
    day: Date,
    resolve: &dyn Fn(&Value) -> Value,
) {
    for inner in condition.all.iter().flatten() {
        satisfy(payload, inner, day, resolve);
    }
    if let Some(first) = condition.any.iter().flatten().next() {
        satisfy(payload, first, day, resolve);
    }
    let Some(field) = condition.field.as_deref() else {
        return;
    };
    if field.starts_with('$') {
        return;
    }
    if let Some(value) = wanted(payload, field, condition, day, resolve) {
        put(payload, field, value);
    }
}

fn wanted(
    payload: &Map<String, Value>,
    field: &str,
    condition: &Condition,
    day: Date,
    resolve: &dyn Fn(&Value) -> Value,
) -> Option<Value> {
    if let Some(value) = &condition.eq {
        return Some(resolve(value));
    }
    if let Some(first) = condition.one_of.as_ref().and_then(|values| values.first()) {
        let present = get(payload, field);
        let values = condition.one_of.as_deref().unwrap_or_default();
        return match present {
            Some(value) if values.iter().any(|known| resolve(known) == *value) => None,
            _ => Some(resolve(first)),
        };
    }
    if let Some(value) = &condition.contains {
        return Some(resolve(value));
    }
    if let Some(pattern) = &condition.like {
        return Some(json!(pattern.replace('*', "見本")));
    }
    if let Some(left) = condition.min_days_left {
        return Some(json!((day + jiff::Span::new().days(left + 60)).to_string()));
    }
    let bound = |value: &Value, step: f64| resolve(value).as_f64().map(|number| number + step);
    if let Some(number) = condition.ge.as_ref().and_then(|value| bound(value, 0.0)) {
        return larger(payload, field, number);
    }
    if let Some(number) = condition.gt.as_ref().and_then(|value| bound(value, 1.0)) {
        return larger(payload, field, number);
    }
    if let Some(number) = condition.le.as_ref().and_then(|value| bound(value, 0.0)) {
        return smaller(payload, field, number);
    }
    if let Some(number) = condition.lt.as_ref().and_then(|value| bound(value, -1.0)) {
        return smaller(payload, field, number);
    }
    if condition.exists == Some(true) && get(payload, field).is_none() {
        let last = field.rsplit('.').next().unwrap_or(field);
        return Some(
            if last.ends_with("_on") || last == "day" || last == "date" {
                json!(day.to_string())
            } else {
                json!("見本")
            },
        );
    }
    None
}

fn larger(payload: &Map<String, Value>, field: &str, number: f64) -> Option<Value> {
    let fits = get(payload, field)
        .and_then(Value::as_f64)
        .is_some_and(|now| now >= number);
    (!fits).then(|| whole(number))
}

fn smaller(payload: &Map<String, Value>, field: &str, number: f64) -> Option<Value> {
    let fits = get(payload, field)
        .and_then(Value::as_f64)
        .is_some_and(|now| now <= number);
    (!fits).then(|| whole(number))
}

/// A whole number stays whole in JSON.
pub fn whole(number: f64) -> Value {
    if number.fract() == 0.0 && number.abs() < 9.0e15 {
        json!(number as i64)
    } else {
        json!(number)
    }
}

/// The value at `a.b`; lists are not entered.
pub fn get<'a>(payload: &'a Map<String, Value>, field: &str) -> Option<&'a Value> {
    let mut parts = field.split('.');
    let mut value = payload.get(parts.next()?)?;
    for part in parts {
        value = value.get(part)?;
    }
    Some(value)
}

/// Sets `a.b`; a part of a list (`a.*.b`) is left as it is.
pub fn put(payload: &mut Map<String, Value>, field: &str, value: Value) {
    match field.split_once('.') {
        None => {
            payload.insert(field.to_owned(), value);
        }
        Some((head, rest)) if !rest.starts_with('*') => {
            let inner = payload.entry(head.to_owned()).or_insert_with(|| json!({}));
            if let Value::Object(map) = inner {
                put(map, rest, value);
            }
        }
        Some(_) => {}
    }
}
