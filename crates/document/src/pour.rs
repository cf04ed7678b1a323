//! Pours a paper's data into the city's own form (.docx or .xlsx).
//!
//! The form holds placeholders: `{{title}}` takes a value, `{{rows.work.event}}` a field of a list.
//! In Word the table row around row placeholders is repeated, in Excel the sheet row. Everything
//! else of the form, its seals, widths, faces and other parts, stays byte for byte as the city made
//! it; therefore only the parts that hold placeholders are touched, by editing their text in place
//! (docx-template and umya-spreadsheet rewrite the whole file).
//!
//! The file is foreign: sizes, names and XML are checked before use, document type declarations
//! (entity bombs) are refused.

mod excel;
mod word;
mod xml;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::clean::{clean, line};
use crate::error::{Error, Result};
use crate::kinds::{Document, StatusField, StatusReport};
use crate::report::Block;
use crate::table::Table;
use crate::zipped::{pack, unpack};

/// What may be poured.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PourData {
    /// Values by placeholder name.
    pub values: BTreeMap<String, String>,
    /// Lists by name: `rows.NAME.FIELD`.
    pub rows: BTreeMap<String, RowSet>,
}

/// A list to pour.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RowSet {
    /// Field names.
    pub fields: Vec<String>,
    /// One value per field and row.
    pub rows: Vec<Vec<String>>,
}

impl RowSet {
    fn value(&self, row: usize, field: &str) -> Option<&str> {
        let at = self.fields.iter().position(|f| f == field)?;
        self.rows.get(row)?.get(at).map(String::as_str)
    }
}

impl PourData {
    /// All names a form may use, lists as `rows.NAME.FIELD`.
    pub fn names(&self) -> Vec<String> {
        let lists = self
            .rows
            .iter()
            .flat_map(|(name, set)| set.fields.iter().map(move |f| format!("rows.{name}.{f}")));
        self.values.keys().cloned().chain(lists).collect()
    }

    /// Value of a placeholder; `row` is the row being repeated.
    fn resolve(&self, name: &str, row: Option<usize>) -> Option<&str> {
        match row_name(name) {
            None => self.values.get(name).map(String::as_str),
            Some((list, field)) => {
                let set = self.rows.get(list)?;
                // A list without rows leaves one blank row in the form.
                row.map(|row| set.value(row, field).unwrap_or_default())
            }
        }
    }

    /// How often a row of this list is repeated.
    fn repeats(&self, list: &str) -> usize {
        self.rows.get(list).map_or(1, |set| set.rows.len().max(1))
    }
}

/// `rows.work.event` → (`work`, `event`).
fn row_name(name: &str) -> Option<(&str, &str)> {
    name.strip_prefix("rows.")?.split_once('.')
}

/// A placeholder in a text: byte range and name.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Hole {
    from: usize,
    to: usize,
    name: String,
}

/// Longest name; longer braces are the form's own text.
const MAX_NAME: usize = 100;

fn holes(text: &str) -> Vec<Hole> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(open) = text[at..].find("{{").map(|i| at + i) {
        let Some(close) = text[open + 2..].find("}}").map(|i| open + 2 + i) else {
            break;
        };
        let name = text[open + 2..close].trim();
        if name.is_empty() || name.len() > MAX_NAME || name.contains(['{', '}', '\n']) {
            at = open + 1;
            // `{{` is ASCII, so the next byte is a character boundary.
            continue;
        }
        found.push(Hole {
            from: open,
            to: close + 2,
            name: name.to_owned(),
        });
        at = close + 2;
    }
    found
}

enum Kind {
    Word,
    Excel,
}

fn kind_of(parts: &[crate::zipped::Part]) -> Result<Kind> {
    let has = |name: &str| parts.iter().any(|part| part.name == name);
    if has("word/document.xml") {
        Ok(Kind::Word)
    } else if has("xl/workbook.xml") {
        Ok(Kind::Excel)
    } else {
        Err(Error::Form(
            "Word（.docx）でも Excel（.xlsx）でもありません".into(),
        ))
    }
}

/// The placeholder names a form uses, sorted; also a check that the form can be read.
pub fn placeholders(form: &[u8]) -> Result<BTreeSet<String>> {
    let parts = unpack(form)?;
    match kind_of(&parts)? {
        Kind::Word => word::placeholders(&parts),
        Kind::Excel => excel::placeholders(&parts),
    }
}

/// Fills a form. All unknown placeholders are reported at once, with what may have been meant.
pub fn pour(form: &[u8], data: &PourData) -> Result<Vec<u8>> {
    let parts = unpack(form)?;
    let kind = kind_of(&parts)?;
    let used = match kind {
        Kind::Word => word::placeholders(&parts)?,
        Kind::Excel => excel::placeholders(&parts)?,
    };
    if used.is_empty() {
        return Err(Error::Form(
            "差し込み名（{{title}} など）が一つもありません。様式に書き加えてください".into(),
        ));
    }
    let known = data.names();
    let unknown: Vec<String> = used
        .iter()
        .filter(|name| !known.contains(name))
        .map(|name| match near(name, &known) {
            Some(meant) => format!("{{{{{name}}}}}（もしかして {{{{{meant}}}}}）"),
            None => format!("{{{{{name}}}}}"),
        })
        .collect();
    if !unknown.is_empty() {
        return Err(Error::UnknownPlaceholders(unknown));
    }
    let parts = match kind {
        Kind::Word => word::fill(parts, data)?,
        Kind::Excel => excel::fill(parts, data)?,
    };
    pack(&parts, "様式")
}

fn near<'a>(name: &str, known: &'a [String]) -> Option<&'a String> {
    known
        .iter()
        .map(|candidate| (strsim::jaro_winkler(name, candidate), candidate))
        .filter(|(score, _)| *score > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

impl Document {
    /// What this paper offers to a form: the letter head, the labelled facts in order (`fact1`…),
    /// every table as `rows.tableN.cM`, and for the status report `note`, `total` and
    /// `rows.work.date|event|response|hours|counts`.
    pub fn pour_data(&self) -> PourData {
        let report = self.to_report();
        let head = &report.head;
        let mut data = PourData::default();
        let mut put = |name: &str, value: &str| data.values.insert(name.into(), line(value));
        put("title", &head.title);
        put("subject", &head.subject);
        put("number", &head.number);
        put("date", &head.date_line());
        put("addressee", &head.addressee);
        put("sender.address", &head.sender.address);
        put("sender.name", &head.sender.name);
        put("sender.representative", &head.sender.representative);
        for (key, person) in [
            ("responsible", &head.responsible),
            ("contact", &head.contact),
        ] {
            let (name, phone, mail) = person.as_ref().map_or(("", "", ""), |p| {
                (p.name.as_str(), p.phone.as_str(), p.mail.as_str())
            });
            put(&format!("{key}.name"), name);
            put(&format!("{key}.phone"), phone);
            put(&format!("{key}.mail"), mail);
        }
        put("version", &head.version_line());
        put("status", head.status.mark());
        put(
            "sample",
            if head.sample {
                crate::letter::Letterhead::SAMPLE_LINE
            } else {
                ""
            },
        );
        put(
            "ledger",
            &head
                .ledger_head
                .as_ref()
                .map(|l| l.in_words().join(" "))
                .unwrap_or_default(),
        );
        let facts = report.blocks().filter_map(|b| match b {
            Block::Facts(facts) => Some(facts),
            _ => None,
        });
        for (i, fact) in facts.flatten().enumerate() {
            data.values
                .insert(format!("fact{}", i + 1), clean(&fact.value).into_owned());
        }
        for (i, (_, table)) in report.tables().iter().enumerate() {
            let fields = (1..=table.columns.len()).map(|c| format!("c{c}")).collect();
            data.rows
                .insert(format!("table{}", i + 1), row_set(fields, table));
        }
        if let Document::StatusReport(status) = self {
            status_data(status, &mut data);
        }
        data
    }
}

fn status_data(status: &StatusReport, data: &mut PourData) {
    data.values.insert("note".into(), line(&status.note));
    data.values.insert("total".into(), status.total_in_words());
    let fields = status
        .columns
        .iter()
        .map(|column| match &column.field {
            StatusField::Date => "date".to_owned(),
            StatusField::Event => "event".to_owned(),
            StatusField::Response => "response".to_owned(),
            StatusField::Hours => "hours".to_owned(),
            StatusField::Counts => "counts".to_owned(),
            StatusField::Extra(name) => name.clone(),
        })
        .collect();
    data.rows
        .insert("work".into(), row_set(fields, &status.table()));
}

fn row_set(fields: Vec<String>, table: &Table) -> RowSet {
    RowSet {
        fields,
        rows: table.text_rows(),
    }
}

#[cfg(test)]
mod tests;
