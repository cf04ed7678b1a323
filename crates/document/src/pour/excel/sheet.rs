//! A sheet as it stands in the form: its rows, the cells with text, the lists its rows repeat.

use std::collections::BTreeMap;

use super::super::xml::{Mark, Tag, attribute, marks, text, unescape};
use super::super::{PourData, holes, row_name};
use super::shift::Shift;
use crate::error::{Error, Result};
use crate::zipped::Part;

/// Last row of a sheet.
const MAX_ROW: u32 = 1_048_576;

/// Text of each shared string, without reading aids (furigana).
pub(super) fn shared_strings(parts: &[Part]) -> Result<Vec<String>> {
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

pub(super) fn close_of(marks: &[Mark<'_>], open: usize) -> usize {
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
pub(super) struct TextCell {
    pub(super) close: usize,
    pub(super) text: String,
}

/// A sheet row: opening tag, closing tag, number, list it repeats.
pub(super) struct SheetRow {
    pub(super) open: usize,
    pub(super) close: usize,
    pub(super) number: u32,
    pub(super) list: Option<String>,
}

pub(super) struct Sheet<'a> {
    pub(super) source: &'a str,
    pub(super) part: &'a str,
    pub(super) marks: Vec<Mark<'a>>,
    pub(super) cells: BTreeMap<usize, TextCell>,
    pub(super) rows: Vec<SheetRow>,
}

impl<'a> Sheet<'a> {
    pub(super) fn read(source: &'a str, part: &'a str, shared: &[String]) -> Result<Self> {
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

    pub(super) fn tag(&self, index: usize) -> &'a str {
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

    pub(super) fn shift(&self, data: &PourData) -> Result<Shift> {
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
}
