//! From the text of a contract file to its types, with every mistake reported at once.

pub mod diagnostics;
mod meaning;
mod shape;
mod tree;

use mamori_kernel::period::Term;
use toml::de::DeTable;

use self::diagnostics::{Report, Severity};
use self::shape::{Names, Walk, Whole};
use self::tree::{Content, Node};
use crate::kinds::Kinds;
use crate::language::{ContractFile, DeclaredKind, LANGUAGE};
use crate::schema::schema;

/// Reads a contract file.
///
/// Returns the file and the warnings, or the report with all errors.
pub fn parse(file: &str, source: &str) -> Result<(ContractFile, Report), Report> {
    let mut report = Report::new(file, source);
    let (table, errors) = DeTable::parse_recoverable(source);
    for error in errors {
        let span = error.span().unwrap_or(0..0);
        let (message, help) = syntax_ja(error.message());
        report.add(Severity::Error, "syntax", "", span, message, help);
    }
    if report.has_errors() {
        report.finish();
        return Err(report);
    }
    let root = Node::of_table(0..0, table.get_ref());
    let kinds = Kinds::with(&declared_kinds(&root));
    let names = names(&root);
    let mut walk = Walk {
        schema: schema(),
        names: &names,
        kinds: &kinds,
        report: &mut report,
    };
    walk.node(&root, schema(), "", Whole::Yes);
    patches(&mut walk, &root);
    if let Some(Content::Integer(version)) = root.get("language").map(|node| &node.content)
        && *version != i64::from(LANGUAGE)
    {
        let span = root.at("language").span.clone();
        report.add(
            Severity::Error,
            "language-version",
            "language",
            span,
            format!("言語の版 {version} は読めません"),
            Some(format!("language = {LANGUAGE} と書いてください")),
        );
    }
    let typed = if report.has_errors() {
        None
    } else {
        match serde_json::from_value::<ContractFile>(root.to_json()) {
            Ok(typed) => Some(typed),
            Err(error) => {
                // The walk covers the same schema; what is left is a gap between the two.
                report.add(
                    Severity::Error,
                    "unreadable",
                    "",
                    0..0,
                    error.to_string(),
                    None,
                );
                None
            }
        }
    };
    if let Some(typed) = &typed {
        meaning::check(typed, &root, &kinds, &mut report);
    } else {
        meaning::check_untyped(&root, &mut report);
    }
    report.finish();
    match typed {
        Some(typed) if !report.has_errors() => Ok((typed, report)),
        _ => Err(report),
    }
}

/// The term of a parsed file; the parser has checked its order.
pub fn term_of(file: &ContractFile) -> Option<Term> {
    Term::new(file.contract.term.from.0, file.contract.term.to.0).ok()
}

fn declared_kinds(root: &Node) -> Vec<DeclaredKind> {
    root.get("evidence_kinds")
        .map(Node::list)
        .unwrap_or_default()
        .iter()
        .filter_map(|node| serde_json::from_value(node.to_json()).ok())
        .collect()
}

fn names(root: &Node) -> Names {
    let tables = |key: &str| match root.get(key).map(|node| &node.content) {
        Some(Content::Table(entries)) => entries.keys().cloned().collect(),
        _ => Vec::new(),
    };
    let keys = |node: Option<&Node>| -> Vec<String> {
        node.map(Node::list)
            .unwrap_or_default()
            .iter()
            .filter_map(|each| each.get("key")?.text().map(str::to_owned))
            .collect()
    };
    let mut obligations = keys(root.get("obligation"));
    for change in root.get("change").map(Node::list).unwrap_or_default() {
        obligations.extend(keys(change.get("obligation")));
    }
    Names::from([
        ("calendar", tables("calendars")),
        ("hours", tables("hours")),
        ("counter", tables("counters")),
        ("gate", tables("gates")),
        ("deliverable", tables("deliverables")),
        ("parameter", tables("parameters")),
        ("note", keys(root.get("ambiguity"))),
        ("obligation", obligations),
    ])
}

/// Patches name fields of obligations (and calendars): each is checked against theirs.
fn patches(walk: &mut Walk<'_>, root: &Node) {
    let mut places = Vec::new();
    for (a, ambiguity) in root
        .get("ambiguity")
        .map(Node::list)
        .unwrap_or_default()
        .iter()
        .enumerate()
    {
        for (r, reading) in ambiguity
            .get("reading")
            .map(Node::list)
            .unwrap_or_default()
            .iter()
            .enumerate()
        {
            places.push((format!("ambiguity[{a}].reading[{r}]"), reading));
        }
    }
    for (c, change) in root
        .get("change")
        .map(Node::list)
        .unwrap_or_default()
        .iter()
        .enumerate()
    {
        places.push((format!("change[{c}]"), change));
    }
    for (path, node) in places {
        for (field, target, word) in [
            ("patch", "Obligation", "obligation"),
            ("calendars", "CalendarText", "calendar"),
            ("parameters", "", "parameter"),
        ] {
            let Some(Content::Table(entries)) = node.get(field).map(|node| &node.content) else {
                continue;
            };
            for (key, (key_span, patch)) in entries {
                let inner = format!("{path}.{field}.{key}");
                if !walk
                    .names
                    .get(word)
                    .is_some_and(|names| names.iter().any(|name| name == key))
                {
                    let names = walk.names.get(word).cloned().unwrap_or_default();
                    let help = shape::nearest(key, names.iter().map(String::as_str))
                        .map(|near| format!("もしかして「{near}」(did you mean `{near}`?)"));
                    walk.report.add(
                        Severity::Error,
                        "unknown-reference",
                        &inner,
                        key_span.clone(),
                        format!("「{key}」はこの契約にありません"),
                        help,
                    );
                }
                if !target.is_empty() {
                    let target = &walk.schema["$defs"][target];
                    walk.node(patch, target, &inner, Whole::Patch);
                }
            }
        }
    }
}

fn syntax_ja(message: &str) -> (String, Option<String>) {
    if message.contains("duplicate key") {
        return (
            format!("同じ鍵が二度あります ({message})"),
            Some("片方を消すか、名前を変えてください".into()),
        );
    }
    (
        format!("TOML として読めません ({message})"),
        Some("括弧・引用符・「=」を見直してください".into()),
    )
}
