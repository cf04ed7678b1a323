//! A sheet filled: repeated rows written one below the other, cells with their values, and what
//! lies outside the rows moved along.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use quick_xml::escape::escape;

use super::super::xml::{Tag, attribute, unescape, with_attribute};
use super::super::{PourData, holes};
use super::sheet::{Sheet, SheetRow, close_of};
use super::shift::{self, Shift, shift_formula, shift_reference};
use super::without_attribute;
use crate::clean::clean;
use crate::error::{Error, Result};

impl Sheet<'_> {
    pub(super) fn fill(
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

/// A plain decimal number as people write it; `007` is a code, not a number.
fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let all = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    all(whole) && all(fraction) && text.len() <= 15 && (whole == "0" || !whole.starts_with('0'))
}
