//! Walks the tree along the JSON Schema and reports every mistake of form: unknown and missing
//! keys, wrong types, unknown words, unreadable dates and lengths, unknown references.
//!
//! Serde would stop at the first mistake and know no place; a JSON Schema validator would know
//! no line, no did-you-mean and no references. Hence this walk over our own, closed schema.

use std::collections::BTreeMap;
use std::ops::Range;

use serde_json::Value;

use super::diagnostics::{Report, Severity};
use super::tree::{Content, Node};
use crate::kinds::Kinds;
use crate::language::value::{check_format, reference};

/// Names that may be referred to, by the word of `x-ref`.
pub type Names = BTreeMap<&'static str, Vec<String>>;

/// The walk and what it needs.
pub struct Walk<'a> {
    /// The closed schema.
    pub schema: &'a Value,
    /// Declared names.
    pub names: &'a Names,
    /// Known evidence kinds.
    pub kinds: &'a Kinds,
    /// Where findings go.
    pub report: &'a mut Report,
}

/// Whether required keys are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whole {
    /// The table must be complete.
    Yes,
    /// It is a patch: only what is there is checked.
    Patch,
}

/// The nearest of `candidates`, if near enough to be a slip.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .filter(|(distance, candidate)| {
            *distance <= (candidate.chars().count().max(word.chars().count()) / 3).clamp(1, 4)
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

fn listing<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let all: Vec<&str> = words.into_iter().collect();
    match all.len() {
        0..=24 => all.join("、"),
        count => format!("{} … 全{count}件", all[..24].join("、")),
    }
}

fn help_for<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str> + Clone) -> String {
    match nearest(word, candidates.clone()) {
        Some(near) => format!("もしかして「{near}」(did you mean `{near}`?)"),
        None if candidates.clone().into_iter().next().is_none() => {
            "まだ一つも書かれていません".to_owned()
        }
        None => format!("使えるもの: {}", listing(candidates)),
    }
}

impl<'a> Walk<'a> {
    fn resolve(&self, schema: &'a Value) -> &'a Value {
        let mut at = schema;
        while let Some(pointer) = at.get("$ref").and_then(Value::as_str) {
            match self.schema.pointer(pointer.trim_start_matches('#')) {
                Some(next) => at = next,
                None => return at,
            }
        }
        at
    }

    fn error(
        &mut self,
        code: &'static str,
        path: &str,
        span: Range<usize>,
        message: String,
        help: Option<String>,
    ) {
        self.report
            .add(Severity::Error, code, path, span, message, help);
    }

    /// Checks a node against a schema.
    pub fn node(&mut self, node: &Node, schema: &'a Value, path: &str, whole: Whole) {
        if schema.is_boolean() {
            self.parameter_reference(node, path);
            return;
        }
        let own_ref = schema.get("x-ref").and_then(Value::as_str);
        let schema = self.resolve(schema);
        if let Some(word) = own_ref.or_else(|| schema.get("x-ref").and_then(Value::as_str)) {
            self.references(node, word, path);
        }
        let branches = ["oneOf", "anyOf"]
            .iter()
            .find_map(|key| schema.get(*key))
            .and_then(Value::as_array);
        if let Some(branches) = branches {
            self.sum(node, branches, path, whole);
            return;
        }
        if let Some(words) = schema.get("enum").and_then(Value::as_array) {
            let words: Vec<&str> = words.iter().filter_map(Value::as_str).collect();
            self.word(node, &words, path);
            return;
        }
        if let Some(constant) = schema.get("const").and_then(Value::as_str) {
            self.word(node, &[constant], path);
            return;
        }
        if !Self::type_fits(node, schema) {
            let expected = expected_ja(schema);
            self.error(
                "wrong-type",
                path,
                node.span.clone(),
                format!("{expected}を書くところに{}があります", node.kind_ja()),
                Some(format!("{expected}で書いてください")),
            );
            return;
        }
        match &node.content {
            Content::Table(_) => self.table(node, schema, path, whole),
            Content::List(list) => {
                if let Some(items) = schema.get("items") {
                    for (index, item) in list.iter().enumerate() {
                        self.node(item, items, &format!("{path}[{index}]"), Whole::Yes);
                    }
                }
            }
            Content::Text(text) => {
                if let Some(format) = schema.get("format").and_then(Value::as_str)
                    && let Err(message) = check_format(format, text)
                {
                    self.error("bad-value", path, node.span.clone(), message, None);
                }
                self.parameter_reference(node, path);
            }
            _ => self.number(node, schema, path),
        }
    }

    fn number(&mut self, node: &Node, schema: &Value, path: &str) {
        let value = match node.content {
            Content::Integer(value) => value as f64,
            Content::Float(value) => value,
            _ => return,
        };
        let low = schema
            .get("minimum")
            .and_then(Value::as_f64)
            .is_some_and(|least| value < least);
        let high = schema
            .get("maximum")
            .and_then(Value::as_f64)
            .is_some_and(|most| value > most);
        if low || high {
            self.error(
                "bad-value",
                path,
                node.span.clone(),
                format!("{value} は範囲の外です"),
                None,
            );
        }
    }

    fn type_fits(node: &Node, schema: &Value) -> bool {
        match schema.get("type") {
            Some(Value::String(name)) => node.fits(name),
            Some(Value::Array(names)) => names
                .iter()
                .filter_map(Value::as_str)
                .any(|name| node.fits(name)),
            _ => true,
        }
    }

    fn sum(&mut self, node: &Node, branches: &'a [Value], path: &str, whole: Whole) {
        let branches: Vec<&'a Value> = branches
            .iter()
            .map(|branch| self.resolve(branch))
            .filter(|branch| branch.get("type").and_then(Value::as_str) != Some("null"))
            .collect();
        if let [only] = branches[..] {
            return self.node(node, only, path, whole);
        }
        // A sum of words.
        let constants: Vec<&str> = branches
            .iter()
            .filter_map(|branch| branch.get("const")?.as_str())
            .collect();
        if constants.len() == branches.len() {
            return self.word(node, &constants, path);
        }
        // A sum of tables told apart by a tag.
        if let Some(tag) = tag_of(&branches) {
            return self.tagged(node, &branches, tag, path, whole);
        }
        // A sum of types.
        let fitting: Vec<&'a Value> = branches
            .iter()
            .copied()
            .filter(|branch| self.branch_fits(node, branch))
            .collect();
        match fitting[..] {
            [] => {
                let expected: Vec<String> = branches
                    .iter()
                    .map(|branch| expected_ja(self.resolve(branch)))
                    .collect();
                self.error(
                    "wrong-type",
                    path,
                    node.span.clone(),
                    format!(
                        "{}を書くところに{}があります",
                        expected.join("か"),
                        node.kind_ja()
                    ),
                    None,
                );
            }
            [only] => self.node(node, only, path, whole),
            [first, ..] => self.node(node, first, path, whole),
        }
    }

    fn branch_fits(&self, node: &Node, branch: &'a Value) -> bool {
        let branch = self.resolve(branch);
        if branch.get("const").is_some() || branch.get("enum").is_some() {
            return node.fits("string");
        }
        if let Some(inner) = branch
            .get("oneOf")
            .or_else(|| branch.get("anyOf"))
            .and_then(Value::as_array)
        {
            return inner.iter().any(|each| self.branch_fits(node, each));
        }
        Self::type_fits(node, branch)
    }

    fn tagged(&mut self, node: &Node, branches: &[&'a Value], tag: &str, path: &str, whole: Whole) {
        if !node.fits("object") {
            return self.error(
                "wrong-type",
                path,
                node.span.clone(),
                format!("表を書くところに{}があります", node.kind_ja()),
                Some(format!("{{ {tag} = \"…\" }} の形で書いてください")),
            );
        }
        let words: Vec<&str> = branches
            .iter()
            .filter_map(|branch| branch["properties"][tag]["const"].as_str())
            .collect();
        let Some(chosen) = node.get(tag) else {
            return self.error(
                "missing-key",
                path,
                node.span.clone(),
                format!("「{tag}」がありません"),
                Some(format!(
                    "{tag} に次のどれかを書いてください: {}",
                    listing(words)
                )),
            );
        };
        let found = chosen
            .text()
            .and_then(|text| words.iter().position(|word| *word == text));
        match found {
            Some(index) => self.table(node, branches[index], path, whole),
            None => self.word(chosen, &words, &format!("{path}.{tag}")),
        }
    }

    fn word(&mut self, node: &Node, words: &[&str], path: &str) {
        match node.text() {
            Some(text) if words.contains(&text) => {}
            Some(text) => self.error(
                "unknown-word",
                path,
                node.span.clone(),
                format!("「{text}」は使えません"),
                Some(help_for(text, words.iter().copied())),
            ),
            None => self.error(
                "wrong-type",
                path,
                node.span.clone(),
                format!("文字列を書くところに{}があります", node.kind_ja()),
                Some(format!("使えるもの: {}", listing(words.iter().copied()))),
            ),
        }
    }

    fn table(&mut self, node: &Node, schema: &'a Value, path: &str, whole: Whole) {
        let Content::Table(entries) = &node.content else {
            return;
        };
        let properties = schema.get("properties").and_then(Value::as_object);
        let other = schema.get("additionalProperties");
        for (key, (key_span, value)) in entries {
            let inner = if path.is_empty() {
                key.clone()
            } else {
                format!("{path}.{key}")
            };
            if let Some(schema) = properties.and_then(|all| all.get(key)) {
                self.node(value, schema, &inner, Whole::Yes);
            } else if let Some(schema) = other.filter(|schema| schema.as_bool() != Some(false)) {
                self.node(value, schema, &inner, Whole::Yes);
            } else if let Some(all) = properties {
                self.error(
                    "unknown-key",
                    &inner,
                    key_span.clone(),
                    format!("「{key}」という鍵はありません"),
                    Some(help_for(key, all.keys().map(String::as_str))),
                );
            }
        }
        if whole == Whole::Patch {
            return;
        }
        let required = schema.get("required").and_then(Value::as_array);
        for key in required.into_iter().flatten().filter_map(Value::as_str) {
            if !entries.contains_key(key) {
                self.error(
                    "missing-key",
                    path,
                    node.span.clone(),
                    format!("「{key}」がありません"),
                    Some(
                        match properties
                            .and_then(|all| all.get(key))
                            .map(|s| self.resolve(s))
                        {
                            Some(schema) => format!("{key} = {} を書いてください", example(schema)),
                            None => format!("{key} を書いてください"),
                        },
                    ),
                );
            }
        }
    }

    fn references(&mut self, node: &Node, word: &str, path: &str) {
        match &node.content {
            Content::Text(text) => self.one_reference(text, node, word, path),
            Content::List(list) => {
                for (index, item) in list.iter().enumerate() {
                    if let Some(text) = item.text() {
                        self.one_reference(text, item, word, &format!("{path}[{index}]"));
                    }
                }
            }
            _ => {}
        }
    }

    fn one_reference(&mut self, text: &str, node: &Node, word: &str, path: &str) {
        if word == "kind" {
            return self.kind(text, node, path);
        }
        let empty = Vec::new();
        let declared = self.names.get(word).unwrap_or(&empty);
        if declared.iter().any(|name| name == text) {
            return;
        }
        let what = match word {
            "calendar" => "暦 [calendars]",
            "hours" => "時間帯 [hours]",
            "counter" => "枠 [counters]",
            "gate" => "承認 [gates]",
            "deliverable" => "成果物 [deliverables]",
            "note" => "注記 [[ambiguity]]",
            _ => "義務 [[obligation]]",
        };
        let help = help_for(text, declared.iter().map(String::as_str));
        self.error(
            "unknown-reference",
            path,
            node.span.clone(),
            format!("「{text}」という{what}がありません"),
            Some(help),
        );
    }

    fn kind(&mut self, text: &str, node: &Node, path: &str) {
        if self.kinds.knows(text) {
            return;
        }
        let near = nearest(text, self.kinds.names());
        let close = near.filter(|near| strsim::damerau_levenshtein(near, text) <= 2);
        match close {
            Some(near) => self.error(
                "unknown-kind",
                path,
                node.span.clone(),
                format!("「{text}」という証跡の種別はありません"),
                Some(format!("もしかして「{near}」(did you mean `{near}`?)")),
            ),
            None => self.report.add(
                Severity::Warning,
                "unknown-kind",
                path,
                node.span.clone(),
                format!("「{text}」という証跡の種別は知られていません。書く機能ができるまで「測っていない」になります"),
                Some("新しい種別なら [[evidence_kinds]] に kind を書いてください".into()),
            ),
        }
    }

    /// A text `$name` anywhere must name a parameter, except the record's own `$subject` etc.
    fn parameter_reference(&mut self, node: &Node, path: &str) {
        match &node.content {
            Content::Text(text) => {
                let Some(name) = reference(text) else { return };
                if matches!(name, "subject" | "at" | "kind" | "seq")
                    && path.rsplit('.').next() == Some("field")
                {
                    return;
                }
                let empty = Vec::new();
                let declared = self.names.get("parameter").unwrap_or(&empty);
                if !declared.iter().any(|each| each == name) {
                    let help = help_for(name, declared.iter().map(String::as_str));
                    self.error(
                        "unknown-reference",
                        path,
                        node.span.clone(),
                        format!("「${name}」という値 [parameters] がありません"),
                        Some(help),
                    );
                }
            }
            Content::List(list) => list
                .iter()
                .for_each(|item| self.parameter_reference(item, path)),
            _ => {}
        }
    }
}

fn tag_of(branches: &[&Value]) -> Option<&'static str> {
    ["rule", "check", "shape"].into_iter().find(|tag| {
        branches
            .iter()
            .all(|branch| branch["properties"][tag].get("const").is_some())
    })
}

fn expected_ja(schema: &Value) -> String {
    let name = |name: &str| match name {
        "string" => "文字列",
        "integer" => "整数",
        "number" => "数",
        "boolean" => "真偽値 (true/false)",
        "array" => "配列 […]",
        "object" => "表 { … }",
        _ => "",
    };
    match schema.get("type") {
        Some(Value::String(one)) => name(one).to_owned(),
        Some(Value::Array(many)) => {
            let words: Vec<&str> = many
                .iter()
                .filter_map(Value::as_str)
                .filter(|word| *word != "null")
                .map(name)
                .collect();
            words.join("か")
        }
        _ if schema.get("oneOf").is_some()
            || schema.get("anyOf").is_some()
            || schema.get("const").is_some() =>
        {
            "決まった語".to_owned()
        }
        _ => "値".to_owned(),
    }
}

fn example(schema: &Value) -> String {
    match schema.get("format").and_then(Value::as_str) {
        Some("mamori-date" | "mamori-date-or-param") => return "\"2027-02-19\"".into(),
        Some("mamori-span" | "mamori-span-or-param") => return "\"7日\"".into(),
        Some("mamori-time") => return "\"08:45\"".into(),
        Some("mamori-month-day") => return "\"12-29\"".into(),
        Some("mamori-period") => return "\"2026-10\"".into(),
        _ => {}
    }
    let words: Vec<&str> = schema
        .get("oneOf")
        .or_else(|| schema.get("anyOf"))
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|branch| branch.get("const")?.as_str())
        .collect();
    if !words.is_empty() {
        return words
            .iter()
            .map(|word| format!("\"{word}\""))
            .collect::<Vec<_>>()
            .join(" か ");
    }
    match schema.get("type").and_then(Value::as_str) {
        Some("string") => "\"…\"",
        Some("integer" | "number") => "数",
        Some("boolean") => "true か false",
        Some("array") => "[…]",
        _ => "{ … }",
    }
    .to_owned()
}
