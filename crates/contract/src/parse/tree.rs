//! The TOML document as a tree with the place of every key and value.

use std::collections::BTreeMap;
use std::ops::Range;

use serde_json::{Map, Value};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A value with its place.
#[derive(Debug, Clone)]
pub struct Node {
    /// Bytes of the value.
    pub span: Range<usize>,
    /// What it is.
    pub content: Content,
}

/// What a node holds.
#[derive(Debug, Clone)]
pub enum Content {
    /// Text; TOML dates and times become text.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// Another number.
    Float(f64),
    /// True or false.
    Bool(bool),
    /// A list.
    List(Vec<Node>),
    /// A table: key → place of the key, value.
    Table(BTreeMap<String, (Range<usize>, Node)>),
}

impl Node {
    /// The tree of a parsed table.
    pub fn of_table(span: Range<usize>, table: &DeTable<'_>) -> Self {
        let entries = table
            .iter()
            .map(|(key, value)| (key.get_ref().to_string(), (key.span(), Self::of(value))))
            .collect();
        Self {
            span,
            content: Content::Table(entries),
        }
    }

    fn of(value: &Spanned<DeValue<'_>>) -> Self {
        let content = match value.get_ref() {
            DeValue::String(text) => Content::Text(text.to_string()),
            DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
                .map_or_else(|_| Content::Text(number.to_string()), Content::Integer),
            DeValue::Float(number) => number
                .as_str()
                .parse()
                .map_or_else(|_| Content::Text(number.to_string()), Content::Float),
            DeValue::Boolean(yes) => Content::Bool(*yes),
            DeValue::Datetime(at) => Content::Text(at.to_string()),
            DeValue::Array(list) => Content::List(list.iter().map(Self::of).collect()),
            DeValue::Table(table) => return Self::of_table(value.span(), table),
        };
        Self {
            span: value.span(),
            content,
        }
    }

    /// The entry of a table.
    pub fn get(&self, key: &str) -> Option<&Node> {
        match &self.content {
            Content::Table(entries) => entries.get(key).map(|(_, node)| node),
            _ => None,
        }
    }

    /// The elements of a list.
    pub fn list(&self) -> &[Node] {
        match &self.content {
            Content::List(list) => list,
            _ => &[],
        }
    }

    /// The text.
    pub fn text(&self) -> Option<&str> {
        match &self.content {
            Content::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The node at a path such as `obligation[3].deadline.date`; as far as it exists.
    pub fn at(&self, path: &str) -> &Node {
        let mut node = self;
        for part in path.split('.') {
            let (key, indexes) = part
                .split_once('[')
                .map_or((part, None), |(key, rest)| (key, Some(rest)));
            if !key.is_empty() {
                match node.get(key) {
                    Some(next) => node = next,
                    None => return node,
                }
            }
            for index in indexes
                .unwrap_or("")
                .split('[')
                .filter(|text| !text.is_empty())
            {
                let Some(next) = index
                    .trim_end_matches(']')
                    .parse()
                    .ok()
                    .and_then(|i: usize| node.list().get(i))
                else {
                    return node;
                };
                node = next;
            }
        }
        node
    }

    /// As JSON, for the typed reading.
    pub fn to_json(&self) -> Value {
        match &self.content {
            Content::Text(text) => Value::String(text.clone()),
            Content::Integer(number) => Value::from(*number),
            Content::Float(number) => Value::from(*number),
            Content::Bool(yes) => Value::Bool(*yes),
            Content::List(list) => list.iter().map(Self::to_json).collect(),
            Content::Table(entries) => {
                let map: Map<String, Value> = entries
                    .iter()
                    .map(|(key, (_, node))| (key.clone(), node.to_json()))
                    .collect();
                Value::Object(map)
            }
        }
    }

    /// What it is, in Japanese, for messages.
    pub fn kind_ja(&self) -> &'static str {
        match &self.content {
            Content::Text(_) => "文字列",
            Content::Integer(_) => "整数",
            Content::Float(_) => "小数",
            Content::Bool(_) => "真偽値",
            Content::List(_) => "配列",
            Content::Table(_) => "表",
        }
    }

    /// The JSON Schema type names it satisfies.
    pub fn fits(&self, type_name: &str) -> bool {
        matches!(
            (&self.content, type_name),
            (Content::Text(_), "string")
                | (Content::Integer(_), "integer" | "number")
                | (Content::Float(_), "number")
                | (Content::Bool(_), "boolean")
                | (Content::List(_), "array")
                | (Content::Table(_), "object")
        )
    }
}
