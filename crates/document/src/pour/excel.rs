//! Excel forms: cells with placeholders become inline strings (or numbers), so that the shared
//! strings stay as they are; a sheet row with row placeholders is repeated and what lies below it
//! moves down: rows, merged cells, formulas, print areas.
//!
//! Here: the workbook as a whole; `sheet` reads one sheet, `write` fills it, `shift` moves
//! references.
//!
//! Pictures and charts keep their place on the sheet; a form whose seal picture lies below a
//! repeated row should leave room for the rows.

mod sheet;
mod shift;
mod write;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use quick_xml::escape::escape;

use self::sheet::{Sheet, shared_strings};
use self::shift::{Shift, shift_formula};
use super::xml::{Tag, attribute, marks, text, unescape};
use super::{PourData, holes};
use crate::error::{Error, Result};
use crate::zipped::Part;

fn is_sheet(name: &str) -> bool {
    name.strip_prefix("xl/worksheets/")
        .and_then(|rest| rest.strip_suffix(".xml"))
        .is_some_and(|rest| !rest.contains('/'))
}

pub(super) fn placeholders(parts: &[Part]) -> Result<BTreeSet<String>> {
    let shared = shared_strings(parts)?;
    let mut names = BTreeSet::new();
    for part in parts.iter().filter(|part| is_sheet(&part.name)) {
        let sheet = Sheet::read(text(&part.bytes, &part.name)?, &part.name, &shared)?;
        for cell in sheet.cells.values() {
            names.extend(holes(&cell.text).into_iter().map(|h| h.name));
        }
    }
    Ok(names)
}

pub(super) fn fill(mut parts: Vec<Part>, data: &PourData) -> Result<Vec<Part>> {
    let shared = shared_strings(&parts)?;
    let titles = sheet_titles(&parts)?;
    // First where rows move on which sheet, because formulas elsewhere may point there.
    let mut shifts: BTreeMap<String, Shift> = BTreeMap::new();
    for part in parts.iter().filter(|part| is_sheet(&part.name)) {
        let sheet = Sheet::read(text(&part.bytes, &part.name)?, &part.name, &shared)?;
        let shift = sheet.shift(data)?;
        if !shift.is_empty() {
            let title = titles
                .get(&part.name)
                .cloned()
                .unwrap_or_else(|| part.name.clone());
            shifts.insert(title, shift);
        }
    }
    for part in parts.iter_mut().filter(|part| is_sheet(&part.name)) {
        let source = text(&part.bytes, &part.name)?.to_owned();
        let sheet = Sheet::read(&source, &part.name, &shared)?;
        let title = titles
            .get(&part.name)
            .cloned()
            .unwrap_or_else(|| part.name.clone());
        let touched = sheet.cells.values().any(|c| !holes(&c.text).is_empty());
        if touched || (!shifts.is_empty() && source.contains("<f")) {
            part.bytes = sheet.fill(data, &title, &shifts)?.into_bytes();
        }
    }
    workbook(&mut parts, &shifts)?;
    if !shifts.is_empty() {
        drop_calculation_chain(&mut parts);
    }
    Ok(parts)
}

/// Part name of a sheet → its title in the workbook.
fn sheet_titles(parts: &[Part]) -> Result<BTreeMap<String, String>> {
    let source_of = |name: &str| -> Result<&str> {
        let part = parts
            .iter()
            .find(|part| part.name == name)
            .ok_or_else(|| Error::Form(format!("{name} がありません")))?;
        text(&part.bytes, &part.name)
    };
    let rels = source_of("xl/_rels/workbook.xml.rels")?;
    let mut targets = BTreeMap::new();
    for mark in marks(rels, "xl/_rels/workbook.xml.rels")? {
        let tag = &rels[mark.from..mark.to];
        if let (Some(id), Some(target)) = (attribute(tag, "Id"), attribute(tag, "Target")) {
            let path = target.trim_start_matches('/');
            let path = if path.starts_with("xl/") {
                path.to_owned()
            } else {
                format!("xl/{path}")
            };
            targets.insert(id.to_owned(), path);
        }
    }
    let book = source_of("xl/workbook.xml")?;
    let mut titles = BTreeMap::new();
    for mark in marks(book, "xl/workbook.xml")?
        .iter()
        .filter(|m| m.name == "sheet")
    {
        let tag = &book[mark.from..mark.to];
        if let (Some(name), Some(id)) = (attribute(tag, "name"), attribute(tag, "r:id"))
            && let Some(path) = targets.get(id)
        {
            titles.insert(path.clone(), unescape(name, "xl/workbook.xml")?);
        }
    }
    Ok(titles)
}

fn without_attribute(tag: &str, name: &str) -> String {
    let Some((from, to)) = super::xml::attribute_range(tag, name) else {
        return tag.to_owned();
    };
    let before = tag[..from].rfind(name).unwrap_or(from);
    format!("{}{}", tag[..before].trim_end(), &tag[to + 1..])
}

/// Print areas and other names move with their sheet; readers are told to calculate on opening.
fn workbook(parts: &mut [Part], shifts: &BTreeMap<String, Shift>) -> Result<()> {
    let Some(part) = parts.iter_mut().find(|part| part.name == "xl/workbook.xml") else {
        return Ok(());
    };
    let source = text(&part.bytes, &part.name)?.to_owned();
    let marks = marks(&source, &part.name)?;
    let mut out = String::new();
    let mut at = 0;
    for (index, mark) in marks.iter().enumerate() {
        let tag = &source[mark.from..mark.to];
        match (mark.tag, mark.name) {
            (Tag::Open, "definedName") if !shifts.is_empty() => {
                let end = marks[index + 1].from;
                let name = unescape(&source[mark.to..end], "xl/workbook.xml")?;
                out.push_str(&source[at..mark.to]);
                out.push_str(&escape(shift_formula(&name, "", shifts).as_str()));
                at = end;
            }
            (Tag::Open | Tag::Empty, "calcPr") => {
                out.push_str(&source[at..mark.from]);
                let tag = without_attribute(tag, "fullCalcOnLoad");
                let (body, end) = match tag.strip_suffix("/>") {
                    Some(body) => (body, "/>"),
                    None => (tag.trim_end_matches('>'), ">"),
                };
                let _ = write!(out, "{} fullCalcOnLoad=\"1\"{end}", body.trim_end());
                at = mark.to;
            }
            _ => {}
        }
    }
    out.push_str(&source[at..]);
    part.bytes = out.into_bytes();
    Ok(())
}

/// The chain lists cells with formulas in the order of calculation; Excel makes it anew.
fn drop_calculation_chain(parts: &mut Vec<Part>) {
    const CHAIN: &str = "xl/calcChain.xml";
    if !parts.iter().any(|part| part.name == CHAIN) {
        return;
    }
    parts.retain(|part| part.name != CHAIN);
    for part in parts.iter_mut() {
        if part.name == "[Content_Types].xml" || part.name == "xl/_rels/workbook.xml.rels" {
            let source = String::from_utf8_lossy(&part.bytes).into_owned();
            let mut out = String::new();
            for (i, piece) in source.split('<').enumerate() {
                if i == 0 {
                    out.push_str(piece);
                } else if !piece.contains("calcChain.xml") {
                    out.push('<');
                    out.push_str(piece);
                }
            }
            part.bytes = out.into_bytes();
        }
    }
}
