//! Reads what was typed into an act's fields, all problems at once.
//!
//! The console, the API and the command line bring the same thing: a JSON object of what a
//! person typed. Values become canonical (days ISO, minutes whole) and are split into the
//! public part, which the chain holds, and the personal part, which can be erased. An empty
//! text or `null` clears a field that may stay empty. Unknown keys are refused with the
//! nearest right one: a mistyped key must not lose what a person wrote.

use jiff::civil::Date;
use mamori_kernel::given;
use serde_json::{Map, Value, json};

use super::refusal::{FieldProblem, nearest};
use super::spec::{ActSpec, FieldKind, FieldSpec};
use super::typed;

/// The canonical values of one act.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Filled {
    /// Values that the chain may hold.
    pub public: Map<String, Value>,
    /// Personal data.
    pub personal: Map<String, Value>,
    /// Files named by the form, in the order of the fields.
    pub files: Vec<FileRef>,
}

/// A stored file named by a form.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileRef {
    /// Name for people (`証明書.pdf`).
    pub name: String,
    /// Media type (`application/pdf`).
    pub media_type: String,
    /// SHA-256 of the content, 64 hex digits.
    pub sha256: String,
}

/// Reads a form for an act. `today` is what `今日` means.
pub fn read(
    act: &ActSpec,
    form: &Map<String, Value>,
    today: Date,
) -> Result<Filled, Vec<FieldProblem>> {
    let mut filled = Filled::default();
    let mut problems = unknown_keys(act.fields, form, "");
    for spec in act.fields {
        match read_field(spec, form.get(spec.name), today, &mut filled.files) {
            Ok(None) => {}
            Ok(Some(value)) => {
                let part = if spec.personal {
                    &mut filled.personal
                } else {
                    &mut filled.public
                };
                part.insert(spec.name.to_owned(), value);
            }
            Err(found) => problems.extend(found),
        }
    }
    if problems.is_empty() {
        Ok(filled)
    } else {
        Err(problems)
    }
}

fn unknown_keys(
    fields: &[FieldSpec],
    form: &Map<String, Value>,
    prefix: &str,
) -> Vec<FieldProblem> {
    form.keys()
        .filter(|key| fields.iter().all(|spec| spec.name != key.as_str()))
        .map(|key| {
            let near = nearest(key, fields.iter().map(|spec| spec.name));
            let message = if near.is_empty() {
                let names: Vec<&str> = fields.iter().map(|spec| spec.name).collect();
                format!("この項目はありません。使える項目: {}", names.join(", "))
            } else {
                format!("この項目はありません。{} のことですか", near.join(" / "))
            };
            FieldProblem::new(&format!("{prefix}{key}"), key, message)
        })
        .collect()
}

/// `Ok(None)`: not given; `Ok(Some(Null))`: cleared.
fn read_field(
    spec: &FieldSpec,
    given: Option<&Value>,
    today: Date,
    files: &mut Vec<FileRef>,
) -> Result<Option<Value>, Vec<FieldProblem>> {
    let problem = |message: String| vec![FieldProblem::new(spec.name, spec.label_ja, message)];
    let Some(given) = given else {
        return if spec.required {
            Err(problem("入力してください".to_owned()))
        } else {
            Ok(None)
        };
    };
    let text = as_text(given);
    let empty = given.is_null()
        || text.as_deref().is_some_and(given::is_empty)
        || given.as_array().is_some_and(Vec::is_empty);
    if empty {
        return if spec.required {
            Err(problem("入力してください".to_owned()))
        } else {
            Ok(Some(Value::Null))
        };
    }
    let need_text = || {
        text.clone()
            .ok_or_else(|| problem("文字列で書いてください".to_owned()))
    };
    let value = match spec.kind {
        FieldKind::Date => json!(typed::date(&need_text()?, today).map_err(problem)?),
        FieldKind::Time => {
            let minutes = typed::clock_minutes(&need_text()?).map_err(problem)?;
            json!(typed::clock_text(minutes))
        }
        FieldKind::Minutes => json!(typed::work_minutes(&need_text()?).map_err(problem)?),
        FieldKind::Count => {
            let number = typed::normal(&need_text()?);
            json!(
                number
                    .parse::<u32>()
                    .map_err(|_| problem("0以上の整数で書いてください".to_owned()))?
            )
        }
        FieldKind::Text(limit) => json!(read_text(&need_text()?, limit).map_err(problem)?),
        FieldKind::Bool => json!(read_bool(given, text.as_deref()).map_err(problem)?),
        FieldKind::Choice(choices) => json!(read_choice(&need_text()?, choices).map_err(problem)?),
        FieldKind::Names => json!(read_names(given, text.as_deref()).map_err(problem)?),
        FieldKind::Rows(fields) => Value::Array(read_rows(spec, given, fields, today, files)?),
        FieldKind::File => {
            let file = read_file(given).map_err(problem)?;
            files.push(file.clone());
            json!(file)
        }
    };
    Ok(Some(value))
}

/// A text as typed; numbers count as typed text, so `"hours": 1.5` works.
fn as_text(given: &Value) -> Option<String> {
    match given {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn read_text(text: &str, limit: usize) -> Result<String, String> {
    let trimmed = text.trim().replace("\r\n", "\n");
    if let Some(control) = trimmed
        .chars()
        .find(|c| c.is_control() && *c != '\n' && *c != '\t')
    {
        return Err(format!(
            "使えない制御文字（U+{:04X}）が含まれています",
            u32::from(control)
        ));
    }
    let length = trimmed.chars().count();
    if length > limit {
        return Err(format!(
            "{limit}文字以内で書いてください（いま{length}文字）"
        ));
    }
    Ok(trimmed)
}

fn read_bool(given: &Value, text: Option<&str>) -> Result<bool, String> {
    if let Some(truth) = given.as_bool() {
        return Ok(truth);
    }
    match text.map(typed::normal).as_deref() {
        Some("true" | "yes" | "on" | "1" | "はい" | "有" | "あり") => Ok(true),
        Some("false" | "no" | "off" | "0" | "いいえ" | "無" | "なし") => Ok(false),
        _ => Err("はい（true）か いいえ（false）で答えてください".to_owned()),
    }
}

fn read_choice(text: &str, choices: &[(&'static str, &str)]) -> Result<&'static str, String> {
    let typed = typed::normal(text);
    choices
        .iter()
        .find(|(key, name)| *key == typed || typed::normal(name) == typed)
        .map(|(key, _)| *key)
        .ok_or_else(|| {
            let all: Vec<String> = choices
                .iter()
                .map(|(key, name)| format!("{key}（{name}）"))
                .collect();
            format!(
                "「{text}」は選べません。次から選んでください: {}",
                all.join("、")
            )
        })
}

fn read_names(given: &Value, text: Option<&str>) -> Result<Vec<String>, String> {
    let lines: Vec<String> = match (given, text) {
        (Value::Array(entries), _) => entries
            .iter()
            .map(|entry| entry.as_str().map(str::to_owned))
            .collect::<Option<_>>()
            .ok_or("文字列の配列で書いてください")?,
        (_, Some(text)) => text.split(['\n', '、', ',']).map(str::to_owned).collect(),
        _ => return Err("1行に1つずつ書いてください".to_owned()),
    };
    let mut names: Vec<String> = Vec::new();
    for line in lines {
        let name = read_text(&line, 200)?;
        if name.is_empty() {
            continue;
        }
        if names
            .iter()
            .any(|known| typed::normal(known) == typed::normal(&name))
        {
            return Err(format!("「{name}」が2回書かれています"));
        }
        names.push(name);
    }
    if names.is_empty() {
        return Err("1つ以上書いてください".to_owned());
    }
    Ok(names)
}

fn read_rows(
    spec: &FieldSpec,
    given: &Value,
    fields: &'static [FieldSpec],
    today: Date,
    files: &mut Vec<FileRef>,
) -> Result<Vec<Value>, Vec<FieldProblem>> {
    let Some(rows) = given.as_array() else {
        return Err(vec![FieldProblem::new(
            spec.name,
            spec.label_ja,
            "配列で書いてください",
        )]);
    };
    let mut problems = Vec::new();
    let mut read = Vec::new();
    for (index, row) in rows.iter().enumerate() {
        let prefix = format!("{}[{index}].", spec.name);
        let Some(row) = row.as_object() else {
            problems.push(FieldProblem::new(
                &format!("{}[{index}]", spec.name),
                spec.label_ja,
                "項目と値の組で書いてください",
            ));
            continue;
        };
        problems.extend(unknown_keys(fields, row, &prefix));
        let mut values = Map::new();
        for inner in fields {
            match read_field(inner, row.get(inner.name), today, files) {
                Ok(None | Some(Value::Null)) => {}
                Ok(Some(value)) => {
                    values.insert(inner.name.to_owned(), value);
                }
                Err(found) => problems.extend(found.into_iter().map(|mut problem| {
                    problem.field.insert_str(0, &prefix);
                    problem.label_ja =
                        format!("{}{}行目の{}", spec.label_ja, index + 1, problem.label_ja);
                    problem
                })),
            }
        }
        read.push(Value::Object(values));
    }
    if problems.is_empty() {
        Ok(read)
    } else {
        Err(problems)
    }
}

fn read_file(given: &Value) -> Result<FileRef, String> {
    let file: FileRef = serde_json::from_value(given.clone()).map_err(|_| {
        "先に POST …/files でファイルを送り、返された {name, media_type, sha256} を書いてください".to_owned()
    })?;
    let hex = file.sha256.len() == 64 && file.sha256.bytes().all(|b| b.is_ascii_hexdigit());
    if !hex {
        return Err("sha256 は64桁の16進数で書いてください".to_owned());
    }
    let name = read_text(&file.name, 200)?;
    if name.is_empty() || name.contains(['/', '\\']) {
        return Err("ファイル名に / と \\ は使えません".to_owned());
    }
    Ok(FileRef {
        name,
        sha256: file.sha256.to_ascii_lowercase(),
        ..file
    })
}
