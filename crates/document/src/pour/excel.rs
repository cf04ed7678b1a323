//! Excel forms: cells with placeholders become inline strings (or numbers), so that the shared
//! strings stay as they are; a sheet row with row placeholders is repeated and what lies below it
//! moves down: rows, merged cells, formulas, print areas.
//!
//! Pictures and charts keep their place on the sheet; a form whose seal picture lies below a
//! repeated row should leave room for the rows.

mod shift;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use quick_xml::escape::escape;

use self::shift::{Shift, shift_formula, shift_reference};
use super::xml::{Mark, Tag, attribute, marks, text, unescape, with_attribute};
use super::{PourData, holes, row_name};
use crate::clean::clean;
use crate::error::{Error, Result};
use crate::zipped::Part;

/// Last row of a sheet.
const MAX_ROW: u32 = 1_048_576;

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

/// Text of each shared string, without reading aids (furigana).
fn shared_strings(parts: &[Part]) -> Result<Vec<String>> {
    let Some(part) = parts
        .iter()
        .find(|part| part.name == "xl/sharedStrings.xml")
    else {
        return Ok(Vec::new());
    };
    let source = text(&part.bytes, &part.name)?;
    let marks = marks(source, &part.name)?;
    let mut strings = Vec::new();
    let mut index = 0;
    while index < marks.len() {
        match (marks[index].tag, marks[index].name) {
            (Tag::Empty, "si") => strings.push(String::new()),
            (Tag::Open, "si") => {
                let close = close_of(&marks, index);
                strings.push(string_text(source, &marks[index..=close], &part.name)?);
                index = close;
            }
            _ => {}
        }
        index += 1;
    }
    Ok(strings)
}

/// Text of a string item: all `t` outside `rPh`.
fn string_text(source: &str, marks: &[Mark<'_>], part: &str) -> Result<String> {
    let mut out = String::new();
    let mut reading = 0u32;
    for (i, mark) in marks.iter().enumerate() {
        match (mark.tag, mark.name) {
            (Tag::Open, "rPh") => reading += 1,
            (Tag::Close, "rPh") => reading -= 1,
            (Tag::Open, "t") if reading == 0 => {
                if let Some(end) = marks.get(i + 1) {
                    out.push_str(&unescape(&source[mark.to..end.from], part)?);
                }
            }
            _ => {}
        }
    }
    Ok(out)
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

fn close_of(marks: &[Mark<'_>], open: usize) -> usize {
    let mut depth = 0usize;
    for (index, mark) in marks.iter().enumerate().skip(open) {
        match mark.tag {
            Tag::Open => depth += 1,
            Tag::Close => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return index;
                }
            }
            Tag::Empty => {}
        }
    }
    marks.len() - 1
}

/// A cell with text, by the index of its opening tag.
struct TextCell {
    close: usize,
    text: String,
}

/// A sheet row: opening tag, closing tag, number, list it repeats.
struct SheetRow {
    open: usize,
    close: usize,
    number: u32,
    list: Option<String>,
}

struct Sheet<'a> {
    source: &'a str,
    part: &'a str,
    marks: Vec<Mark<'a>>,
    cells: BTreeMap<usize, TextCell>,
    rows: Vec<SheetRow>,
}

impl<'a> Sheet<'a> {
    fn read(source: &'a str, part: &'a str, shared: &[String]) -> Result<Self> {
        let marks = marks(source, part)?;
        let mut sheet = Sheet {
            source,
            part,
            marks,
            cells: BTreeMap::new(),
            rows: Vec::new(),
        };
        let mut last = 0;
        for index in 0..sheet.marks.len() {
            let mark = &sheet.marks[index];
            match (mark.tag, mark.name) {
                (Tag::Open | Tag::Empty, "row") => {
                    let number = attribute(sheet.tag(index), "r").and_then(|r| r.parse().ok());
                    last = number.unwrap_or(last + 1);
                    let close = if mark.tag == Tag::Open {
                        close_of(&sheet.marks, index)
                    } else {
                        index
                    };
                    sheet.rows.push(SheetRow {
                        open: index,
                        close,
                        number: last,
                        list: None,
                    });
                }
                (Tag::Open, "c") => {
                    if let Some(cell) = sheet.text_cell(index, shared)? {
                        sheet.cells.insert(index, cell);
                    }
                }
                _ => {}
            }
        }
        sheet.find_lists()?;
        Ok(sheet)
    }

    fn tag(&self, index: usize) -> &'a str {
        &self.source[self.marks[index].from..self.marks[index].to]
    }

    fn text_cell(&self, index: usize, shared: &[String]) -> Result<Option<TextCell>> {
        let close = close_of(&self.marks, index);
        let inside = &self.marks[index..=close];
        let text = match attribute(self.tag(index), "t") {
            Some("s") => {
                let Some(at) = inside
                    .iter()
                    .position(|m| m.name == "v" && m.tag == Tag::Open)
                else {
                    return Ok(None);
                };
                let raw = self.source[inside[at].to..inside[at + 1].from].trim();
                let number: usize = raw.parse().map_err(|_| {
                    Error::Form(format!(
                        "{}：共有文字列の番号が不正です：{raw:?}",
                        self.part
                    ))
                })?;
                shared.get(number).cloned().ok_or_else(|| {
                    Error::Form(format!("{}：共有文字列 {number} がありません", self.part))
                })?
            }
            Some("inlineStr") => string_text(self.source, inside, self.part)?,
            _ => return Ok(None),
        };
        Ok(Some(TextCell { close, text }))
    }

    fn find_lists(&mut self) -> Result<()> {
        for row in &mut self.rows {
            for (_, cell) in self.cells.range(row.open..=row.close) {
                for hole in holes(&cell.text) {
                    let Some((list, _)) = row_name(&hole.name) else {
                        continue;
                    };
                    match &row.list {
                        Some(other) if other != list => {
                            return Err(Error::Form(format!(
                                "{}：{}行目に二つの一覧（rows.{other}、rows.{list}）があります",
                                self.part, row.number
                            )));
                        }
                        _ => row.list = Some(list.to_owned()),
                    }
                }
            }
        }
        Ok(())
    }

    fn shift(&self, data: &PourData) -> Result<Shift> {
        let mut shift = Shift::default();
        for row in &self.rows {
            if let Some(list) = &row.list {
                let more = u32::try_from(data.repeats(list) - 1).unwrap_or(MAX_ROW);
                if more > 0 {
                    shift.add(row.number, more);
                }
            }
        }
        if self.rows.iter().any(|row| shift.end(row.number) > MAX_ROW) {
            return Err(Error::Form(format!(
                "{}：行数が Excel の上限を超えます",
                self.part
            )));
        }
        Ok(shift)
    }

    fn fill(
        &self,
        data: &PourData,
        title: &str,
        shifts: &BTreeMap<String, Shift>,
    ) -> Result<String> {
        let none = Shift::default();
        let shift = shifts.get(title).unwrap_or(&none);
        let mut writer = Writer {
            sheet: self,
            data,
            title,
            shifts,
            shift,
            out: String::new(),
            at: 0,
        };
        let by_open: BTreeMap<usize, &SheetRow> = self.rows.iter().map(|r| (r.open, r)).collect();
        let mut index = 0;
        while index < self.marks.len() {
            if let Some(row) = by_open.get(&index) {
                writer.copy_to(self.marks[row.open].from);
                let times = row.list.as_ref().map_or(1, |list| data.repeats(list));
                for n in 0..times {
                    writer.at = self.marks[row.open].from;
                    let number = shift.start(row.number) + n as u32;
                    writer.row(row, number, row.list.is_some().then_some(n))?;
                }
                index = row.close + 1;
                continue;
            }
            writer.outside(index);
            index += 1;
        }
        writer.copy_to(self.source.len());
        Ok(writer.out)
    }
}

struct Writer<'s> {
    sheet: &'s Sheet<'s>,
    data: &'s PourData,
    title: &'s str,
    shifts: &'s BTreeMap<String, Shift>,
    shift: &'s Shift,
    out: String,
    at: usize,
}

impl Writer<'_> {
    fn copy_to(&mut self, to: usize) {
        if to > self.at {
            self.out.push_str(&self.sheet.source[self.at..to]);
            self.at = to;
        }
    }

    fn replace(&mut self, index: usize, new: &str) {
        let mark = &self.sheet.marks[index];
        self.copy_to(mark.from);
        self.out.push_str(new);
        self.at = mark.to;
    }

    fn row(&mut self, row: &SheetRow, number: u32, nth: Option<usize>) -> Result<()> {
        let tag = with_attribute(self.sheet.tag(row.open), "r", &number.to_string());
        self.replace(row.open, &tag);
        let mut index = row.open + 1;
        while index <= row.close {
            let mark = &self.sheet.marks[index];
            match (mark.tag, mark.name) {
                (Tag::Open | Tag::Empty, "c") => {
                    let tag = self.sheet.tag(index);
                    let tag = match attribute(tag, "r") {
                        Some(cell) => {
                            let column = cell.trim_end_matches(|c: char| c.is_ascii_digit());
                            with_attribute(tag, "r", &format!("{column}{number}"))
                        }
                        None => tag.to_owned(),
                    };
                    index = self.cell(index, &tag, nth)?;
                }
                _ => index += 1,
            }
        }
        self.copy_to(self.sheet.marks[row.close].to);
        if self.out.len() as u64 > crate::zipped::MAX_UNPACKED {
            return Err(Error::Form(format!(
                "{}：差し込み後の大きさが上限を超えます",
                self.sheet.part
            )));
        }
        Ok(())
    }

    /// Writes a cell; returns the index after it.
    fn cell(&mut self, index: usize, tag: &str, nth: Option<usize>) -> Result<usize> {
        let sheet = self.sheet;
        if sheet.marks[index].tag == Tag::Empty {
            self.replace(index, tag);
            return Ok(index + 1);
        }
        let close = close_of(&sheet.marks, index);
        if let Some(cell) = sheet.cells.get(&index)
            && !holes(&cell.text).is_empty()
        {
            self.copy_to(sheet.marks[index].from);
            self.out.push_str(&self.filled(tag, &cell.text, nth));
            self.at = sheet.marks[cell.close].to;
            return Ok(close + 1);
        }
        self.replace(index, tag);
        let inside = &sheet.marks[index..=close];
        let Some(f) = inside.iter().position(|m| m.name == "f") else {
            return Ok(close + 1);
        };
        let f = index + f;
        if sheet.marks[f].tag == Tag::Open {
            let end = f + 1;
            if attribute(sheet.tag(f), "ref").is_some() && !self.shift.is_empty() {
                return Err(Error::Form(format!(
                    "{}：行をくり返すシートに共有数式・配列数式があります。通常の数式に直してください",
                    sheet.part
                )));
            }
            let raw = &sheet.source[sheet.marks[f].to..sheet.marks[end].from];
            let formula = unescape(raw, sheet.part)?;
            let moved = shift_formula(&formula, self.title, self.shifts);
            self.copy_to(sheet.marks[f].to);
            self.out.push_str(&escape(moved.as_str()));
            self.at = sheet.marks[end].from;
        }
        // The stored result is of the empty form; without it every reader calculates.
        if let Some(v) = inside
            .iter()
            .position(|m| m.name == "v" && m.tag == Tag::Open)
        {
            let v = index + v;
            self.copy_to(sheet.marks[v].from);
            self.at = sheet.marks[v + 1].to;
        }
        Ok(close + 1)
    }

    fn filled(&self, tag: &str, template: &str, nth: Option<usize>) -> String {
        let found = holes(template);
        let mut text = String::new();
        let mut at = 0;
        for hole in &found {
            text.push_str(&template[at..hole.from]);
            text.push_str(self.data.resolve(&hole.name, nth).unwrap_or_default());
            at = hole.to;
        }
        text.push_str(&template[at..]);
        let text = clean(&text);
        let bare = without_attribute(tag, "t");
        let bare = bare.trim_end_matches('>').trim_end();
        let alone = found.len() == 1 && found[0].from == 0 && found[0].to == template.len();
        if alone && is_number(&text) {
            format!("{bare}><v>{text}</v></c>")
        } else if text.is_empty() {
            format!("{bare}/>")
        } else {
            let text: String = text.chars().take(32_767).collect();
            format!(
                "{bare} t=\"inlineStr\"><is><t xml:space=\"preserve\">{}</t></is></c>",
                escape(text.as_str())
            )
        }
    }

    /// Tags outside the rows that name cells.
    fn outside(&mut self, index: usize) {
        if self.shift.is_empty() {
            return;
        }
        let mark = &self.sheet.marks[index];
        let tag = self.sheet.tag(index);
        match (mark.tag, mark.name) {
            (Tag::Open | Tag::Empty, "mergeCell") => {
                let Some(reference) = attribute(tag, "ref") else {
                    return;
                };
                let mut new = with_attribute(tag, "ref", &shift_reference(reference, self.shift));
                // A merge inside a repeated row is repeated with it.
                if let Some((row, more)) = self.shift.repeated_single(reference) {
                    new = String::new();
                    for n in 0..=more {
                        let moved = shift::at_row(reference, self.shift.start(row) + n);
                        let _ = write!(new, "{}", with_attribute(tag, "ref", &moved));
                    }
                }
                self.replace(index, &new);
            }
            (
                Tag::Open | Tag::Empty,
                "dimension"
                | "autoFilter"
                | "hyperlink"
                | "dataValidation"
                | "conditionalFormatting",
            ) => {
                let mut new = tag.to_owned();
                for name in ["ref", "sqref"] {
                    if let Some(references) = attribute(&new, name) {
                        let moved: Vec<String> = references
                            .split(' ')
                            .map(|r| shift_reference(r, self.shift))
                            .collect();
                        new = with_attribute(&new, name, &moved.join(" "));
                    }
                }
                self.replace(index, &new);
            }
            // The count of merged cells is optional and may now be wrong.
            (Tag::Open, "mergeCells") => self.replace(index, &without_attribute(tag, "count")),
            _ => {}
        }
    }
}

fn without_attribute(tag: &str, name: &str) -> String {
    let Some((from, to)) = super::xml::attribute_range(tag, name) else {
        return tag.to_owned();
    };
    let before = tag[..from].rfind(name).unwrap_or(from);
    format!("{}{}", tag[..before].trim_end(), &tag[to + 1..])
}

/// A plain decimal number as people write it; `007` is a code, not a number.
fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let all = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    all(whole) && all(fraction) && text.len() <= 15 && (whole == "0" || !whole.starts_with('0'))
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
