//! Word forms: placeholders may be split over runs (Word splits text at every spelling mark), so a
//! paragraph's text is looked at as a whole and its pieces are edited.

use std::fmt::Write as _;

use std::collections::{BTreeMap, BTreeSet};

use quick_xml::escape::escape;

use super::xml::{Mark, Tag, marks, text, unescape};
use super::{Hole, PourData, holes, row_name};
use crate::clean::clean;
use crate::error::{Error, Result};
use crate::zipped::Part;

/// Parts of a Word file that hold text of the form.
fn holds_text(name: &str) -> bool {
    let Some(rest) = name.strip_prefix("word/") else {
        return false;
    };
    rest == "document.xml"
        || (rest
            .strip_suffix(".xml")
            .is_some_and(|stem| !stem.contains('/'))
            && ["header", "footer", "footnotes", "endnotes"]
                .iter()
                .any(|p| rest.starts_with(p)))
}

pub(super) fn placeholders(parts: &[Part]) -> Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    for part in parts.iter().filter(|part| holds_text(&part.name)) {
        let page = Page::read(text(&part.bytes, &part.name)?, &part.name)?;
        names.extend(
            page.paragraphs
                .iter()
                .flat_map(|p| p.holes.iter().map(|h| h.name.clone())),
        );
    }
    Ok(names)
}

pub(super) fn fill(mut parts: Vec<Part>, data: &PourData) -> Result<Vec<Part>> {
    for part in &mut parts {
        if !holds_text(&part.name) {
            continue;
        }
        let source = text(&part.bytes, &part.name)?;
        let page = Page::read(source, &part.name)?;
        if page.paragraphs.iter().all(|p| p.holes.is_empty()) {
            continue;
        }
        let filled = page.fill(data)?;
        part.bytes = filled.into_bytes();
    }
    Ok(parts)
}

/// A text element: indices of its tags, its paragraph, and where its text begins in the paragraph's.
struct Piece {
    open: usize,
    close: usize,
    paragraph: usize,
    from: usize,
    text: String,
}

#[derive(Default)]
struct Paragraph {
    text: String,
    holes: Vec<Hole>,
    /// Tag index of the innermost table row around it.
    row: Option<usize>,
}

struct Page<'a> {
    source: &'a str,
    part: &'a str,
    marks: Vec<Mark<'a>>,
    pieces: Vec<Piece>,
    /// Tag index of a text element → piece.
    piece_at: BTreeMap<usize, usize>,
    paragraphs: Vec<Paragraph>,
    /// Repeated table rows: open tag index → (close tag index, list).
    rows: BTreeMap<usize, (usize, String)>,
}

impl<'a> Page<'a> {
    fn read(source: &'a str, part: &'a str) -> Result<Self> {
        let marks = marks(source, part)?;
        let mut page = Page {
            source,
            part,
            marks,
            pieces: Vec::new(),
            piece_at: BTreeMap::new(),
            paragraphs: Vec::new(),
            rows: BTreeMap::new(),
        };
        page.collect()?;
        page.find_rows()?;
        Ok(page)
    }

    fn collect(&mut self) -> Result<()> {
        let (mut open_paragraphs, mut open_rows): (Vec<usize>, Vec<usize>) = Default::default();
        let mut index = 0;
        while index < self.marks.len() {
            let mark = &self.marks[index];
            match (mark.tag, mark.name) {
                (Tag::Open, "p") => {
                    let row = open_rows.last().copied();
                    self.paragraphs.push(Paragraph {
                        row,
                        ..Paragraph::default()
                    });
                    open_paragraphs.push(self.paragraphs.len() - 1);
                }
                (Tag::Close, "p") => {
                    open_paragraphs.pop();
                }
                (Tag::Open, "tr") => open_rows.push(index),
                (Tag::Close, "tr") => {
                    open_rows.pop();
                }
                (Tag::Open, "t") => {
                    let close = self.marks[index + 1..]
                        .iter()
                        .position(|m| m.tag == Tag::Close && m.name == "t")
                        .map(|i| index + 1 + i);
                    if let (Some(close), Some(&paragraph)) = (close, open_paragraphs.last()) {
                        let raw = &self.source[mark.to..self.marks[close].from];
                        let text = unescape(raw, self.part)?;
                        let whole = &mut self.paragraphs[paragraph].text;
                        let from = whole.len();
                        whole.push_str(&text);
                        self.piece_at.insert(index, self.pieces.len());
                        self.pieces.push(Piece {
                            open: index,
                            close,
                            paragraph,
                            from,
                            text,
                        });
                        index = close;
                    }
                }
                _ => {}
            }
            index += 1;
        }
        for paragraph in &mut self.paragraphs {
            paragraph.holes = holes(&paragraph.text);
        }
        Ok(())
    }

    fn find_rows(&mut self) -> Result<()> {
        for paragraph in &self.paragraphs {
            for hole in &paragraph.holes {
                let Some((list, _)) = row_name(&hole.name) else {
                    continue;
                };
                let Some(row) = paragraph.row else {
                    return Err(Error::Form(format!(
                        "{}：{{{{{}}}}} は表の行の中に書いてください",
                        self.part, hole.name
                    )));
                };
                let close = self.close_of(row);
                let entry = self
                    .rows
                    .entry(row)
                    .or_insert_with(|| (close, list.to_owned()));
                if entry.1 != list {
                    return Err(Error::Form(format!(
                        "{}：表の一つの行に二つの一覧（rows.{}、rows.{list}）があります",
                        self.part, entry.1
                    )));
                }
            }
        }
        let nested = self
            .rows
            .iter()
            .any(|(row, (close, _))| self.rows.range(row + 1..).any(|(inner, _)| inner < close));
        if nested {
            return Err(Error::Form(format!(
                "{}：くり返す行の中にくり返す行があります",
                self.part
            )));
        }
        Ok(())
    }

    fn close_of(&self, open: usize) -> usize {
        let mut depth = 0usize;
        for (index, mark) in self.marks.iter().enumerate().skip(open) {
            match mark.tag {
                Tag::Open => depth += 1,
                Tag::Close => {
                    depth -= 1;
                    if depth == 0 {
                        return index;
                    }
                }
                Tag::Empty => {}
            }
        }
        self.marks.len() - 1
    }

    fn fill(&self, data: &PourData) -> Result<String> {
        let mut out = String::with_capacity(self.source.len() * 2);
        let mut at = 0;
        let mut index = 0;
        while index < self.marks.len() {
            if let Some((close, list)) = self.rows.get(&index) {
                out.push_str(&self.source[at..self.marks[index].from]);
                for row in 0..data.repeats(list) {
                    self.range(index, *close, data, Some(row), &mut out);
                    if out.len() as u64 > crate::zipped::MAX_UNPACKED {
                        return Err(Error::Form(format!(
                            "{}：差し込み後の大きさが上限を超えます",
                            self.part
                        )));
                    }
                }
                at = self.marks[*close].to;
                index = close + 1;
                continue;
            }
            if self.piece_at.contains_key(&index) {
                index = self.piece(index, data, None, &mut at, &mut out);
            }
            index += 1;
        }
        out.push_str(&self.source[at..]);
        Ok(out)
    }

    /// Copies the tags from..=to with their placeholders filled.
    fn range(&self, from: usize, to: usize, data: &PourData, row: Option<usize>, out: &mut String) {
        let mut at = self.marks[from].from;
        let mut index = from;
        while index <= to {
            if self.piece_at.contains_key(&index) {
                index = self.piece(index, data, row, &mut at, out);
            }
            index += 1;
        }
        out.push_str(&self.source[at..self.marks[to].to]);
    }

    /// Writes one text element if it changes; returns the index of its closing tag.
    fn piece(
        &self,
        index: usize,
        data: &PourData,
        row: Option<usize>,
        at: &mut usize,
        out: &mut String,
    ) -> usize {
        let piece = &self.pieces[self.piece_at[&index]];
        let paragraph = &self.paragraphs[piece.paragraph];
        if let Some(new) = edited(piece, &paragraph.holes, data, row) {
            let (open, close) = (&self.marks[piece.open], &self.marks[piece.close]);
            out.push_str(&self.source[*at..open.from]);
            let tag = &self.source[open.from..open.to];
            let prefix = tag[1..].split_once(':').map_or("", |(p, _)| p);
            let name = |local: &str| {
                if prefix.is_empty() {
                    local.to_owned()
                } else {
                    format!("{prefix}:{local}")
                }
            };
            let (t, br) = (name("t"), name("br"));
            for (i, part) in new.split('\n').enumerate() {
                if i > 0 {
                    let _ = write!(out, "<{br}/>");
                }
                let _ = write!(out, "<{t} xml:space=\"preserve\">{}</{t}>", escape(part));
            }
            *at = close.to;
        }
        piece.close
    }
}

/// The piece's new text, or `None` when no placeholder touches it. The value goes where the
/// placeholder begins; its other pieces lose their share.
fn edited(piece: &Piece, holes: &[Hole], data: &PourData, row: Option<usize>) -> Option<String> {
    let (from, to) = (piece.from, piece.from + piece.text.len());
    let touching: Vec<&Hole> = holes
        .iter()
        .filter(|h| h.from < to && h.to > from)
        .collect();
    if touching.is_empty() {
        return None;
    }
    let mut out = String::new();
    let mut at = from;
    for hole in touching {
        if hole.from >= from {
            out.push_str(&piece.text[at - from..hole.from - from]);
            out.push_str(&clean(data.resolve(&hole.name, row).unwrap_or_default()));
        }
        at = hole.to.min(to);
    }
    out.push_str(&piece.text[at - from..]);
    Some(out)
}
