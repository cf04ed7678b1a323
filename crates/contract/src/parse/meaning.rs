//! Mistakes of meaning: twofold keys, dates outside the term, contradictory weekdays in quoted
//! texts, rules with too few or too many parts, readings without effect.
//!
//! Here: the file as a whole; the parts of one obligation are looked at in `obligation`.

mod obligation;

use std::collections::BTreeMap;

use jiff::civil::Date;
use regex::Regex;

use super::diagnostics::{Report, Severity};
use super::tree::Node;
use crate::kinds::Kinds;
use crate::language::ContractFile;
use crate::language::value::PeriodName;

struct Pass<'a> {
    root: &'a Node,
    report: &'a mut Report,
}

impl Pass<'_> {
    fn error(&mut self, code: &'static str, path: &str, message: String, help: Option<String>) {
        let span = self.root.at(path).span.clone();
        self.report
            .add(Severity::Error, code, path, span, message, help);
    }

    fn warn(&mut self, code: &'static str, path: &str, message: String, help: Option<String>) {
        let span = self.root.at(path).span.clone();
        self.report
            .add(Severity::Warning, code, path, span, message, help);
    }
}

/// Checks that need no types: repeated keys. Runs even when the file could not be typed.
pub fn check_untyped(root: &Node, report: &mut Report) {
    let mut pass = Pass { root, report };
    repeated_keys(&mut pass);
    weekdays_in_texts(&mut pass);
}

/// All checks.
pub fn check(file: &ContractFile, root: &Node, _kinds: &Kinds, report: &mut Report) {
    let mut pass = Pass { root, report };
    repeated_keys(&mut pass);
    weekdays_in_texts(&mut pass);
    let (first, last) = (file.contract.term.from.0, file.contract.term.to.0);
    if last < first {
        pass.error(
            "term",
            "contract.term.to",
            format!("履行期間の終わり {last} が始め {first} より前です"),
            Some("from と to を見直してください".into()),
        );
    }
    calendars(file, &mut pass);
    for (name, hours) in &file.hours {
        for (index, window) in hours.windows.iter().enumerate() {
            if window.to <= window.from {
                pass.error(
                    "window",
                    &format!("hours.{name}.windows[{index}]"),
                    format!(
                        "時間帯の終わり {} が始め {} より後ではありません",
                        window.to, window.from
                    ),
                    Some("日をまたぐ時間帯は 24:00 で二つに分けてください".into()),
                );
            }
        }
    }
    for (index, obligation) in file.obligation.iter().enumerate() {
        obligation::check(
            obligation,
            &format!("obligation[{index}]"),
            first,
            last,
            &mut pass,
        );
    }
    for (c, change) in file.change.iter().enumerate() {
        if change.from.0 < first || change.from.0 > last {
            pass.warn(
                "outside-term",
                &format!("change[{c}].from"),
                format!("{} は履行期間の外です", change.from),
                None,
            );
        }
        for (index, obligation) in change.obligation.iter().enumerate() {
            obligation::check(
                obligation,
                &format!("change[{c}].obligation[{index}]"),
                first,
                last,
                &mut pass,
            );
        }
    }
    for (index, each) in file.overrides.iter().enumerate() {
        if let PeriodName::Period(period) = each.period
            && (period.last() < first || period.first() > last)
        {
            pass.error(
                "outside-term",
                &format!("override[{index}].period"),
                format!("期間 {period} は履行期間の外です"),
                None,
            );
        }
    }
    ambiguities(file, &mut pass);
}

fn repeated_keys(pass: &mut Pass<'_>) {
    let mut seen: BTreeMap<String, String> = BTreeMap::new();
    let mut visit = |pass: &mut Pass<'_>, path: String, node: &Node| {
        let Some(key) = node.get("key").and_then(Node::text) else {
            return;
        };
        match seen.get(key) {
            Some(earlier) => pass.error(
                "repeated-key",
                &format!("{path}.key"),
                format!("鍵「{key}」は {earlier} にもあります"),
                Some("鍵は一つに一度だけ使ってください".into()),
            ),
            None => {
                seen.insert(key.to_owned(), path);
            }
        }
    };
    let root = pass.root;
    for table in ["obligation", "ambiguity", "change"] {
        for (index, node) in root
            .get(table)
            .map(Node::list)
            .unwrap_or_default()
            .iter()
            .enumerate()
        {
            visit(pass, format!("{table}[{index}]"), node);
            if table == "change" {
                for (inner, node) in node
                    .get("obligation")
                    .map(Node::list)
                    .unwrap_or_default()
                    .iter()
                    .enumerate()
                {
                    visit(pass, format!("change[{index}].obligation[{inner}]"), node);
                }
            }
        }
    }
}

/// Dates with a weekday inside quoted texts must agree with the calendar.
fn weekdays_in_texts(pass: &mut Pass<'_>) {
    let root = pass.root;
    for (index, node) in root
        .get("obligation")
        .map(Node::list)
        .unwrap_or_default()
        .iter()
        .enumerate()
    {
        let Some(text) = node.get("text").and_then(Node::text) else {
            continue;
        };
        for (found, result) in dates_in(text) {
            if let Err(message) = result {
                pass.warn(
                    "weekday",
                    &format!("obligation[{index}].text"),
                    format!("引用の中の「{found}」: {message}"),
                    Some(
                        "仕様書そのものの誤りなら、[[ambiguity]] に書いて市に尋ねてください".into(),
                    ),
                );
            }
        }
    }
}

/// 和暦 dates printed in a text, each read or with what is wrong.
fn dates_in(text: &str) -> Vec<(&str, Result<Date, String>)> {
    let pattern = Regex::new(r"(令和|平成)[0-9０-９元]+年[0-9０-９]+月[0-9０-９]+日(?:[（(][月火水木金土日](?:曜日?)?[）)])?")
        .expect("the pattern is valid");
    pattern
        .find_iter(text)
        .map(|found| {
            let text = found.as_str();
            (
                text,
                mamori_kernel::wareki::parse(text).map_err(|error| error.to_string()),
            )
        })
        .collect()
}

fn calendars(file: &ContractFile, pass: &mut Pass<'_>) {
    for name in file.calendars.keys() {
        let mut stack = vec![name.as_str()];
        let mut seen = Vec::new();
        while let Some(at) = stack.pop() {
            let Some(calendar) = file.calendars.get(at) else {
                continue;
            };
            for next in &calendar.include {
                if next == name {
                    pass.error(
                        "cycle",
                        &format!("calendars.{name}.include"),
                        format!("暦「{name}」が自分自身を含みます"),
                        Some("include の輪を切ってください".into()),
                    );
                } else if !seen.contains(&next.as_str()) {
                    seen.push(next);
                    stack.push(next);
                }
            }
        }
    }
}

fn ambiguities(file: &ContractFile, pass: &mut Pass<'_>) {
    for (index, ambiguity) in file.ambiguity.iter().enumerate() {
        let path = format!("ambiguity[{index}]");
        if let Some(working) = &ambiguity.working
            && !ambiguity
                .reading
                .iter()
                .any(|reading| reading.key == *working)
        {
            pass.error(
                "unknown-reference",
                &format!("{path}.working"),
                format!("「{working}」という読みがありません"),
                Some(format!(
                    "次のどれか: {}",
                    ambiguity
                        .reading
                        .iter()
                        .map(|r| r.key.as_str())
                        .collect::<Vec<_>>()
                        .join("、")
                )),
            );
        }
        if ambiguity.reading.len() == 1 {
            pass.warn(
                "one-reading",
                &path,
                "読みが一つだけなら、分かれていません".into(),
                None,
            );
        }
    }
}
