//! Reads `mamori.toml` and `MAMORI_…` variables key by key and collects every problem.
//!
//! Written by hand because serde stops at the first error, while a person who edits a file wants
//! all of them at once, each with its place and its remedy. A key is known because the code asked
//! for it: [`Reader::finish`] reports whatever is left over.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problem::{Place, Problem, secret_problem};
use super::secret::Secret;

#[derive(Debug, Clone)]
enum Raw {
    Text(String),
    Integer(i64),
    Bool(bool),
    List(Vec<String>),
    Other(&'static str),
}

impl Raw {
    fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "文字列",
            Self::Integer(_) => "整数",
            Self::Bool(_) => "真偽値",
            Self::List(_) => "配列",
            Self::Other(kind) => kind,
        }
    }
}

#[derive(Debug, Clone)]
struct Leaf {
    raw: Raw,
    key: Range<usize>,
    value: Range<usize>,
}

/// Reader over one file and one environment.
pub(super) struct Reader {
    file: PathBuf,
    source: String,
    leaves: BTreeMap<String, Leaf>,
    tables: BTreeMap<String, Range<usize>>,
    environment: BTreeMap<String, String>,
    asked: BTreeSet<String>,
    secrets: BTreeMap<&'static str, &'static str>,
    pub(super) problems: Vec<Problem>,
}

const ENVIRONMENT_PREFIX: &str = "MAMORI_";
/// Variables that the command line or the tests read, not this file.
const FOREIGN_VARIABLES: [&str; 4] = [
    "MAMORI_DATA_DIR",
    "MAMORI_CONFIG",
    "MAMORI_SERVER",
    "MAMORI_TOKEN_FILE",
];
const FOREIGN_PREFIXES: [&str; 2] = ["MAMORI_TEST_", "MAMORI_BENCH_"];

impl Reader {
    pub(super) fn new(
        file: &Path,
        source: &str,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Self {
        let mut reader = Self {
            file: file.to_owned(),
            source: source.to_owned(),
            leaves: BTreeMap::new(),
            tables: BTreeMap::new(),
            environment: environment
                .into_iter()
                .filter(|(name, _)| name.starts_with(ENVIRONMENT_PREFIX))
                .filter(|(name, _)| {
                    !FOREIGN_VARIABLES.contains(&name.as_str())
                        && !FOREIGN_PREFIXES.iter().any(|p| name.starts_with(p))
                })
                .collect(),
            asked: BTreeSet::new(),
            secrets: BTreeMap::new(),
            problems: Vec::new(),
        };
        let text = reader.source.clone();
        let (table, errors) = DeTable::parse_recoverable(&text);
        for error in errors {
            let place = reader.place(error.span().map_or(0, |span| span.start));
            reader.problems.push(Problem {
                place,
                message: format!("TOML として読めません（{}）", error.message()),
                remedy: "この行の書き方を直してください。文字列は \"…\" で囲み、表は [名前] と書きます。"
                    .to_owned(),
            });
        }
        reader.flatten("", table.get_ref());
        reader
    }

    fn flatten(&mut self, prefix: &str, table: &DeTable<'_>) {
        for (key, value) in table {
            let path = if prefix.is_empty() {
                key.get_ref().to_string()
            } else {
                format!("{prefix}.{}", key.get_ref())
            };
            self.flatten_value(path, key.span(), value);
        }
    }

    fn flatten_value(&mut self, path: String, key: Range<usize>, value: &Spanned<DeValue<'_>>) {
        let raw = match value.get_ref() {
            DeValue::Table(inner) => {
                self.tables.insert(path.clone(), key);
                self.flatten(&path, inner);
                return;
            }
            DeValue::Array(items)
                if !items.is_empty() && items.iter().all(|item| item.get_ref().is_table()) =>
            {
                for (index, item) in items.iter().enumerate() {
                    self.flatten_value(format!("{path}[{index}]"), item.span(), item);
                }
                return;
            }
            DeValue::Array(items) => {
                let texts: Option<Vec<String>> = items
                    .iter()
                    .map(|item| item.get_ref().as_str().map(str::to_owned))
                    .collect();
                texts.map_or(Raw::Other("文字列以外を含む配列"), Raw::List)
            }
            DeValue::String(text) => Raw::Text(text.to_string()),
            DeValue::Boolean(value) => Raw::Bool(*value),
            DeValue::Integer(integer) => {
                i64::from_str_radix(&integer.as_str().replace('_', ""), integer.radix())
                    .map_or(Raw::Other("大きすぎる整数"), Raw::Integer)
            }
            DeValue::Float(_) => Raw::Other("小数"),
            DeValue::Datetime(_) => Raw::Other("日時"),
        };
        let leaf = Leaf {
            raw,
            key,
            value: value.span(),
        };
        self.leaves.insert(path, leaf);
    }

    fn place(&self, offset: usize) -> Place {
        let before = &self.source[..self.floor_boundary(offset)];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        Place::File {
            file: self.file.clone(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }

    fn floor_boundary(&self, offset: usize) -> usize {
        let mut offset = offset.min(self.source.len());
        while !self.source.is_char_boundary(offset) {
            offset -= 1;
        }
        offset
    }

    /// How many tables `[[name]]` the file has.
    pub(super) fn count(&self, name: &str) -> usize {
        (0..self.tables.len())
            .take_while(|index| self.tables.contains_key(&format!("{name}[{index}]")))
            .count()
    }

    /// Whether the file or the environment says anything below `[name]`.
    pub(super) fn mentions(&self, name: &str) -> bool {
        self.tables.contains_key(name)
            || self
                .environment
                .keys()
                .any(|variable| variable.starts_with(&format!("{}_", variable_of(name))))
    }

    /// Where a key was written, for problems found later.
    pub(super) fn place_of(&self, key: &str) -> Place {
        let variable = variable_of(key);
        if self.environment.contains_key(&variable) {
            return Place::Environment(variable);
        }
        match self.leaves.get(key) {
            Some(leaf) => self.place(leaf.value.start),
            None => self
                .tables
                .get(key)
                .map_or(Place::Nowhere, |span| self.place(span.start)),
        }
    }

    /// Reports a problem at a key.
    pub(super) fn problem(&mut self, key: &str, message: String, remedy: &str) {
        let place = self.place_of(key);
        self.problems.push(Problem {
            place,
            message,
            remedy: remedy.to_owned(),
        });
    }

    /// Declares that `key` must not be written and that `instead` holds the path of a file.
    pub(super) fn secret_only_from_file(&mut self, key: &'static str, instead: &'static str) {
        self.secrets.insert(key, instead);
    }

    fn raw(&mut self, key: &str) -> Option<Raw> {
        self.asked.insert(normalised(key));
        if let Some(text) = self.environment.get(&variable_of(key)) {
            return Some(Raw::Text(text.clone()));
        }
        self.leaves.get(key).map(|leaf| leaf.raw.clone())
    }

    fn wrong_type(&mut self, key: &str, found: &Raw, expected: &str, remedy: &str) {
        self.problem(
            key,
            format!(
                "{key} には{expected}が必要ですが、{}が書かれています",
                found.kind()
            ),
            remedy,
        );
    }

    /// A text.
    pub(super) fn text(&mut self, key: &str, example: &str) -> Option<String> {
        match self.raw(key)? {
            Raw::Text(text) if text.trim().is_empty() => {
                self.problem(
                    key,
                    format!("{key} が空です"),
                    &format!("値を書くか、行ごと消してください。例: {key} = {example}"),
                );
                None
            }
            Raw::Text(text) => Some(text),
            other => {
                self.wrong_type(key, &other, "文字列", &format!("例: {key} = {example}"));
                None
            }
        }
    }

    /// A text that `parse` turns into a value; its error names what was expected.
    pub(super) fn parsed<T>(
        &mut self,
        key: &str,
        example: &str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let text = self.text(key, example)?;
        match parse(text.trim()) {
            Ok(value) => Some(value),
            Err(why) => {
                self.problem(
                    key,
                    format!("{key} の値「{text}」は使えません（{why}）"),
                    &format!("例: {key} = {example}"),
                );
                None
            }
        }
    }

    /// One of a few words.
    pub(super) fn choice<T: Copy>(&mut self, key: &str, choices: &[(&str, T)]) -> Option<T> {
        let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
        let text = self.text(key, &format!("\"{}\"", words[0]))?;
        if let Some((_, value)) = choices.iter().find(|(word, _)| *word == text) {
            return Some(*value);
        }
        let hint = nearest(&text, words.iter().copied())
            .map(|word| format!("「{word}」ではありませんか。"))
            .unwrap_or_default();
        self.problem(
            key,
            format!("{key} の値「{text}」は選べません"),
            &format!("{hint}選べる値: {}", words.join(", ")),
        );
        None
    }

    /// An integer within a range.
    pub(super) fn integer(
        &mut self,
        key: &str,
        range: std::ops::RangeInclusive<i64>,
    ) -> Option<i64> {
        let remedy = format!(
            "{} から {} までの整数を書いてください。",
            range.start(),
            range.end()
        );
        let value = match self.raw(key)? {
            Raw::Integer(value) => value,
            Raw::Text(text) if self.environment.contains_key(&variable_of(key)) => {
                if let Ok(value) = text.trim().parse() {
                    value
                } else {
                    self.problem(
                        key,
                        format!("{key} の値「{text}」は整数ではありません"),
                        &remedy,
                    );
                    return None;
                }
            }
            other => {
                self.wrong_type(key, &other, "整数", &remedy);
                return None;
            }
        };
        if range.contains(&value) {
            Some(value)
        } else {
            self.problem(key, format!("{key} の値 {value} は範囲の外です"), &remedy);
            None
        }
    }

    /// A truth value.
    pub(super) fn boolean(&mut self, key: &str) -> Option<bool> {
        let remedy = format!("例: {key} = true");
        match self.raw(key)? {
            Raw::Bool(value) => Some(value),
            Raw::Text(text) if self.environment.contains_key(&variable_of(key)) => {
                match text.trim() {
                    "true" | "1" | "on" => Some(true),
                    "false" | "0" | "off" => Some(false),
                    other => {
                        let message = format!("{key} の値「{other}」は真偽値ではありません");
                        self.problem(key, message, &remedy);
                        None
                    }
                }
            }
            other => {
                self.wrong_type(key, &other, "真偽値（true か false）", &remedy);
                None
            }
        }
    }

    /// A list of texts; in the environment separated by commas.
    pub(super) fn list(&mut self, key: &str, example: &str) -> Vec<String> {
        let remedy = format!("例: {key} = {example}");
        match self.raw(key) {
            None => Vec::new(),
            Some(Raw::List(items)) => items,
            Some(Raw::Text(text)) if self.environment.contains_key(&variable_of(key)) => text
                .split(',')
                .map(|item| item.trim().to_owned())
                .filter(|item| !item.is_empty())
                .collect(),
            Some(other) => {
                self.wrong_type(key, &other, "文字列の配列", &remedy);
                Vec::new()
            }
        }
    }

    /// Where relative paths begin: the folder of the configuration file.
    pub(super) fn base(&self) -> PathBuf {
        self.file.parent().unwrap_or(Path::new(".")).to_owned()
    }

    /// A secret, read from the file whose path the key holds (relative to the configuration file).
    pub(super) fn secret_file(&mut self, key: &str) -> Option<Secret> {
        let path = self.text(key, "\"secrets/password\"")?;
        let base = self.base();
        let full = base.join(&path);
        let text = match std::fs::read_to_string(&full) {
            Ok(text) => text,
            Err(error) => {
                self.problem(
                    key,
                    format!("{key} のファイル「{path}」が読めません（{error}）"),
                    "ファイルを置き、所有者だけが読めるようにしてください（chmod 600）。",
                );
                return None;
            }
        };
        if !only_owner_reads(&full) {
            self.problem(
                key,
                format!("{key} のファイル「{path}」を他の利用者も読めます"),
                "所有者だけが読めるようにしてください（chmod 600）。",
            );
            return None;
        }
        let text = text.trim_end_matches(['\r', '\n']);
        if text.is_empty() {
            self.problem(
                key,
                format!("{key} のファイル「{path}」が空です"),
                "秘密の値を 1 行で書いてください。",
            );
            return None;
        }
        Some(Secret::new(text))
    }

    /// Reports the keys that nobody asked for; gives all problems in file order.
    pub(super) fn finish(mut self) -> Vec<Problem> {
        let leaves: Vec<(String, Range<usize>)> = self
            .leaves
            .iter()
            .map(|(path, leaf)| (path.clone(), leaf.key.clone()))
            .collect();
        for (path, span) in leaves {
            let key = normalised(&path);
            if self.asked.contains(&key) {
                continue;
            }
            let place = self.place(span.start);
            self.unknown(&path, &key, place);
        }
        let tables: Vec<(String, Range<usize>)> = self.tables.clone().into_iter().collect();
        for (path, span) in tables {
            let key = normalised(&path);
            let known = self
                .asked
                .iter()
                .any(|asked| asked.starts_with(&format!("{key}.")));
            let reported = self
                .leaves
                .keys()
                .any(|leaf| leaf.starts_with(&format!("{path}.")));
            if !known && !reported {
                let place = self.place(span.start);
                self.unknown(&path, &key, place);
            }
        }
        let variables: Vec<String> = self.environment.keys().cloned().collect();
        let asked: Vec<(String, String)> = self
            .asked
            .iter()
            .filter(|key| !key.contains("[]"))
            .map(|key| (variable_of(key), key.clone()))
            .collect();
        for variable in variables {
            if asked.iter().any(|(known, _)| *known == variable) {
                continue;
            }
            if let Some((key, instead)) = self
                .secrets
                .iter()
                .find(|(key, _)| variable_of(key) == variable)
            {
                self.problems
                    .push(secret_problem(key, instead, Place::Environment(variable)));
                continue;
            }
            let hint = nearest(&variable, asked.iter().map(|(known, _)| known.as_str()))
                .map(|known| format!("{known} ではありませんか。"))
                .unwrap_or_default();
            self.problems.push(Problem {
                place: Place::Environment(variable.clone()),
                message: format!("{variable} という設定はありません"),
                remedy: format!("{hint}使わないなら消してください（unset）。"),
            });
        }
        let mut problems = self.problems;
        problems.sort_by_key(|problem| match &problem.place {
            Place::File { line, column, .. } => (0, *line, *column),
            Place::Environment(_) => (1, 0, 0),
            Place::Nowhere => (2, 0, 0),
        });
        problems
    }

    fn unknown(&mut self, path: &str, key: &str, place: Place) {
        if let Some((key, instead)) = self.secrets.get_key_value(key) {
            self.problems.push(secret_problem(key, instead, place));
            return;
        }
        let tables: BTreeSet<&str> = self
            .asked
            .iter()
            .filter_map(|asked| asked.rsplit_once('.').map(|(table, _)| table))
            .collect();
        let candidates = self.asked.iter().map(String::as_str).chain(tables);
        let hint = nearest(key, candidates)
            .map(|known| format!("「{known}」ではありませんか。"))
            .unwrap_or_default();
        self.problems.push(Problem {
            place,
            message: format!("{path} という設定はありません"),
            remedy: format!("{hint}使わないなら行を消してください。"),
        });
    }
}

/// `smtp.host` → `MAMORI_SMTP_HOST`.
fn variable_of(key: &str) -> String {
    format!(
        "{ENVIRONMENT_PREFIX}{}",
        key.replace('.', "_").to_ascii_uppercase()
    )
}

/// `webhook[3].url` → `webhook[].url`.
fn normalised(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    let mut inside = false;
    for c in path.chars() {
        match c {
            '[' => {
                inside = true;
                out.push('[');
            }
            ']' => {
                inside = false;
                out.push(']');
            }
            _ if inside => {}
            _ => out.push(c),
        }
    }
    out
}

fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .map(|candidate| (strsim::jaro_winkler(word, candidate), candidate))
        .filter(|(score, _)| *score >= 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

#[cfg(unix)]
fn only_owner_reads(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    const GROUP_AND_OTHERS: u32 = 0o077;
    std::fs::metadata(path).is_ok_and(|meta| meta.permissions().mode() & GROUP_AND_OTHERS == 0)
}

#[cfg(not(unix))]
fn only_owner_reads(_path: &Path) -> bool {
    true
}
