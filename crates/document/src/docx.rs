//! Report → Word (.docx).
//!
//! Self-written on zip and quick-xml's escaping, because docx-rs writes neither repeating header
//! rows (`w:tblHeader`) nor a language (`w:lang`), without which a table is not accessible. Elements
//! stand in the order of the schema (ECMA-376 part 1, transitional).
//!
//! Charts are given as their sentence and their table: the numbers stay editable and readable
//! aloud; the drawing itself is in the PDF, which is the record.

mod parts;

use std::fmt::Write as _;

use quick_xml::escape::escape;

use crate::clean::{clean, line};
use crate::error::Result;
use crate::kinds::Document;
use crate::report::{Block, Fact, Report};
use crate::table::{Align, Table};
use crate::zipped::{Part, pack};

/// Twentieths of a point: width of the text on A4 with 22 mm margins.
const PORTRAIT: u32 = 11_906 - 2 * MARGIN;
const LANDSCAPE: u32 = 16_838 - 2 * MARGIN;
const MARGIN: u32 = 1_247;

/// Renders a paper as Word. Equal documents give equal bytes.
pub fn render_docx(document: &Document) -> Result<Vec<u8>> {
    let report = document.to_report();
    for block in report.blocks() {
        if let Block::Chart(chart) = block {
            chart.check()?;
        }
    }
    let mut body = Body {
        out: String::with_capacity(64 * 1024),
        width: if report.landscape {
            LANDSCAPE
        } else {
            PORTRAIT
        },
        step_lists: 0,
    };
    body.head(&report);
    for block in &report.opening {
        body.block(block);
    }
    for section in &report.sections {
        if !section.heading.is_empty() {
            let before = if section.new_page {
                "<w:pageBreakBefore/>"
            } else {
                ""
            };
            body.paragraph_with(
                &format!("<w:pStyle w:val=\"Heading1\"/>{before}"),
                "",
                &line(&section.heading),
            );
        } else if section.new_page {
            body.paragraph_with("<w:pageBreakBefore/>", "", "");
        }
        for block in &section.blocks {
            body.block(block);
        }
    }
    let document_xml = body.finish(&report);
    let mut all = vec![
        part("[Content_Types].xml", parts::content_types()),
        part("_rels/.rels", parts::root_rels()),
        part("docProps/core.xml", parts::core(&report.head)),
        part("docProps/app.xml", parts::app(&report.head)),
        part("word/document.xml", document_xml),
        part("word/_rels/document.xml.rels", parts::document_rels()),
        part("word/styles.xml", parts::styles()),
        part("word/settings.xml", parts::settings()),
        part("word/numbering.xml", parts::numbering(body.step_lists)),
        part("word/header1.xml", parts::header(&report.head, body.width)),
    ];
    all.push(part(
        "word/footer1.xml",
        parts::footer(&report.head, body.width),
    ));
    pack(&all, "Word")
}

fn part(name: &str, text: String) -> Part {
    Part {
        name: name.to_owned(),
        bytes: text.into_bytes(),
    }
}

/// A run: text with line breaks kept.
fn run(properties: &str, text: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    let mut out = String::from("<w:r>");
    if !properties.is_empty() {
        let _ = write!(out, "<w:rPr>{properties}</w:rPr>");
    }
    for (i, piece) in text.split('\n').enumerate() {
        if i > 0 {
            out.push_str("<w:br/>");
        }
        if !piece.is_empty() {
            let _ = write!(out, "<w:t xml:space=\"preserve\">{}</w:t>", escape(piece));
        }
    }
    out.push_str("</w:r>");
    out
}

struct Body {
    out: String,
    width: u32,
    /// Numbered lists so far; each restarts at (1).
    step_lists: u32,
}

const RIGHT: &str = "<w:jc w:val=\"right\"/>";

impl Body {
    fn paragraph_with(&mut self, paragraph: &str, run_properties: &str, text: &str) {
        self.out.push_str("<w:p>");
        if !paragraph.is_empty() {
            let _ = write!(self.out, "<w:pPr>{paragraph}</w:pPr>");
        }
        self.out.push_str(&run(run_properties, text));
        self.out.push_str("</w:p>");
    }

    fn head(&mut self, report: &Report) {
        let head = &report.head;
        let tight = |rest: &str| format!("<w:pStyle w:val=\"Letterhead\"/>{rest}");
        if !head.number.is_empty() {
            self.paragraph_with(&tight(RIGHT), "", &line(&head.number));
        }
        self.paragraph_with(&tight(RIGHT), "", &head.date_line());
        self.paragraph_with(
            &tight(RIGHT),
            "<w:sz w:val=\"17\"/><w:szCs w:val=\"17\"/>",
            &head.version_line(),
        );
        if !head.addressee.is_empty() {
            self.paragraph_with(
                &tight("<w:spacing w:before=\"200\"/>"),
                "",
                &format!("（あて先）{}", line(&head.addressee)),
            );
        }
        // The sender's lines start together, as far right as the longest allows.
        let lines = head.sender.lines();
        let longest = lines.iter().map(|text| twips(text)).max().unwrap_or(0);
        let indent = self.width.saturating_sub(longest + 40);
        for (i, text) in lines.iter().enumerate() {
            let before = if i == 0 {
                "<w:spacing w:before=\"160\"/>"
            } else {
                ""
            };
            self.paragraph_with(
                &tight(&format!("{before}<w:ind w:left=\"{indent}\"/>")),
                "",
                text,
            );
        }
        self.paragraph_with("<w:pStyle w:val=\"Title\"/>", "", &line(&head.title));
        let facts = head.facts();
        for (i, (label, value)) in facts.iter().enumerate() {
            let after = if i + 1 == facts.len() {
                "<w:spacing w:after=\"200\"/>"
            } else {
                ""
            };
            self.paragraph_with(
                &tight(&format!("<w:tabs><w:tab w:val=\"left\" w:pos=\"1400\"/></w:tabs>{after}<w:ind w:left=\"1400\" w:hanging=\"1400\"/>")),
                "<w:sz w:val=\"19\"/><w:szCs w:val=\"19\"/>",
                "",
            );
            // The tab is an element of its own inside the paragraph just closed.
            let tail = "</w:p>";
            self.out.truncate(self.out.len() - tail.len());
            let _ = write!(
                self.out,
                "{}<w:r><w:tab/></w:r>{}{tail}",
                run("<w:sz w:val=\"19\"/><w:szCs w:val=\"19\"/>", label),
                run("<w:sz w:val=\"19\"/><w:szCs w:val=\"19\"/>", value)
            );
        }
    }

    fn block(&mut self, block: &Block) {
        match block {
            Block::Paragraph(text) => self.paragraph_with("", "", &clean(text)),
            Block::Note(text) => {
                self.paragraph_with("<w:pStyle w:val=\"Remark\"/>", "", &clean(text));
            }
            Block::Emphasis(text) => {
                self.paragraph_with("<w:pStyle w:val=\"Emphasis1\"/>", "", &clean(text));
            }
            Block::Centered(text) => {
                self.paragraph_with("<w:jc w:val=\"center\"/>", "", &clean(text));
            }
            Block::Right(text) => self.paragraph_with(RIGHT, "", &clean(text)),
            Block::List(items) => self.list(items, 1),
            Block::Steps(items) => {
                self.step_lists += 1;
                self.list(items, 1 + self.step_lists);
            }
            Block::Facts(facts) => self.facts(facts),
            Block::Table(table) => self.table(table),
            Block::Chart(chart) => {
                self.paragraph_with(
                    "<w:pStyle w:val=\"Caption\"/><w:keepNext/>",
                    "",
                    &line(chart.title()),
                );
                self.paragraph_with("", "", &clean(&chart.sentence()));
                self.table(&chart.table());
            }
        }
    }

    fn list(&mut self, items: &[String], number: u32) {
        for item in items {
            self.paragraph_with(
                &format!("<w:pStyle w:val=\"ListParagraph\"/><w:numPr><w:ilvl w:val=\"0\"/><w:numId w:val=\"{number}\"/></w:numPr>"),
                "",
                &clean(item),
            );
        }
    }

    fn facts(&mut self, facts: &[Fact]) {
        let left = self.width * 10 / 44;
        let widths = [left, self.width - left];
        self.open_table("", &widths, false);
        for fact in facts {
            self.out.push_str("<w:tr><w:trPr><w:cantSplit/><w:trHeight w:val=\"400\" w:hRule=\"atLeast\"/></w:trPr>");
            self.cell(
                widths[0],
                1,
                true,
                "center",
                &head_run(&clean(&fact.label)),
                Align::Left,
            );
            self.cell(
                widths[1],
                1,
                false,
                "center",
                &run("", &clean(&fact.value)),
                Align::Left,
            );
            self.out.push_str("</w:tr>");
        }
        self.close_table();
    }

    fn table(&mut self, table: &Table) {
        if !table.caption.is_empty() {
            self.paragraph_with(
                "<w:pStyle w:val=\"Caption\"/><w:keepNext/>",
                "",
                &line(&table.caption),
            );
        }
        let widths = widths(table, self.width);
        self.open_table(&line(&table.caption), &widths, table.row_headers);
        self.out.push_str("<w:tr><w:trPr><w:cantSplit/><w:trHeight w:val=\"380\" w:hRule=\"atLeast\"/><w:tblHeader/></w:trPr>");
        for (column, width) in table.columns.iter().zip(&widths) {
            self.cell(
                *width,
                1,
                true,
                "center",
                &head_run(&clean(&column.title)),
                Align::Center,
            );
        }
        self.out.push_str("</w:tr>");
        for row in table.text_rows() {
            self.out
                .push_str("<w:tr><w:trPr><w:trHeight w:val=\"380\" w:hRule=\"atLeast\"/></w:trPr>");
            for ((text, column), width) in row.iter().zip(&table.columns).zip(&widths) {
                self.cell(*width, 1, false, "", &run("", text), column.align);
            }
            self.out.push_str("</w:tr>");
        }
        if let Some((label, column, value)) = table.total_text() {
            self.total_row(&widths, &clean(&label), column, &value);
        }
        self.close_table();
        if table.rows.is_empty() {
            self.paragraph_with("", "", "（該当なし）");
        }
    }

    fn total_row(&mut self, widths: &[u32], label: &str, column: usize, value: &str) {
        self.out.push_str(
            "<w:tr><w:trPr><w:cantSplit/><w:trHeight w:val=\"380\" w:hRule=\"atLeast\"/></w:trPr>",
        );
        if column > 0 {
            let span = widths[..column].iter().sum();
            self.cell(span, column, true, "center", &head_run(label), Align::Right);
            self.cell(
                widths[column],
                1,
                true,
                "center",
                &head_run(value),
                Align::Right,
            );
        } else {
            self.cell(
                widths[0],
                1,
                true,
                "center",
                &head_run(&format!("{label} {value}")),
                Align::Right,
            );
        }
        let rest = &widths[column + 1..];
        if !rest.is_empty() {
            self.cell(
                rest.iter().sum(),
                rest.len(),
                true,
                "center",
                "",
                Align::Left,
            );
        }
        self.out.push_str("</w:tr>");
    }

    fn open_table(&mut self, caption: &str, widths: &[u32], row_headers: bool) {
        let look = if row_headers {
            "w:firstColumn=\"1\""
        } else {
            "w:firstColumn=\"0\""
        };
        let _ = write!(
            self.out,
            "<w:tbl><w:tblPr><w:tblStyle w:val=\"Ruled\"/><w:tblW w:w=\"{}\" w:type=\"dxa\"/><w:tblLayout w:type=\"fixed\"/><w:tblLook w:val=\"0020\" w:firstRow=\"1\" w:lastRow=\"0\" {look} w:lastColumn=\"0\" w:noHBand=\"1\" w:noVBand=\"1\"/>",
            self.width
        );
        if !caption.is_empty() {
            let _ = write!(self.out, "<w:tblCaption w:val=\"{}\"/>", escape(caption));
        }
        self.out.push_str("</w:tblPr><w:tblGrid>");
        for width in widths {
            let _ = write!(self.out, "<w:gridCol w:w=\"{width}\"/>");
        }
        self.out.push_str("</w:tblGrid>");
    }

    /// A table must be followed by a paragraph; this one is also the distance to what follows.
    fn close_table(&mut self) {
        self.out
            .push_str("</w:tbl><w:p><w:pPr><w:pStyle w:val=\"Gap\"/></w:pPr></w:p>");
    }

    fn cell(
        &mut self,
        width: u32,
        span: usize,
        shaded: bool,
        vertical: &str,
        content: &str,
        align: Align,
    ) {
        let _ = write!(
            self.out,
            "<w:tc><w:tcPr><w:tcW w:w=\"{width}\" w:type=\"dxa\"/>"
        );
        if span > 1 {
            let _ = write!(self.out, "<w:gridSpan w:val=\"{span}\"/>");
        }
        if shaded {
            self.out
                .push_str("<w:shd w:val=\"clear\" w:color=\"auto\" w:fill=\"EEEEEE\"/>");
        }
        if !vertical.is_empty() {
            let _ = write!(self.out, "<w:vAlign w:val=\"{vertical}\"/>");
        }
        let align = match align {
            Align::Left => "",
            Align::Center => "<w:jc w:val=\"center\"/>",
            Align::Right => RIGHT,
        };
        let _ = write!(
            self.out,
            "</w:tcPr><w:p><w:pPr><w:pStyle w:val=\"TableText\"/>{align}</w:pPr>{content}</w:p></w:tc>"
        );
    }

    fn finish(&self, report: &Report) -> String {
        let (w, h, orient) = if report.landscape {
            (16_838, 11_906, " w:orient=\"landscape\"")
        } else {
            (11_906, 16_838, "")
        };
        format!(
            "{}<w:document {}><w:body>{}<w:sectPr><w:headerReference w:type=\"default\" r:id=\"rIdHeader\"/><w:footerReference w:type=\"default\" r:id=\"rIdFooter\"/><w:pgSz w:w=\"{w}\" w:h=\"{h}\"{orient}/><w:pgMar w:top=\"1361\" w:right=\"{MARGIN}\" w:bottom=\"1361\" w:left=\"{MARGIN}\" w:header=\"567\" w:footer=\"567\" w:gutter=\"0\"/></w:sectPr></w:body></w:document>",
            parts::XML,
            parts::NAMESPACES,
            self.out
        )
    }
}

fn head_run(text: &str) -> String {
    run("<w:b/><w:bCs/>", text)
}

/// Column widths that add up exactly to the width of the text.
fn widths(table: &Table, total: u32) -> Vec<u32> {
    let weight = |w: f64| if w.is_finite() && w > 0.0 { w } else { 1.0 };
    let sum: f64 = table.columns.iter().map(|c| weight(c.weight)).sum();
    let mut widths: Vec<u32> = table
        .columns
        .iter()
        .map(|c| (f64::from(total) * weight(c.weight) / sum) as u32)
        .collect();
    let used: u32 = widths.iter().sum();
    if let Some(last) = widths.last_mut() {
        *last += total - used;
    }
    widths
}

/// Width of a line at 10.5 points: full-width characters are square, ASCII half as wide. Some
/// readers add a quarter space where the two meet, whatever the file says.
fn twips(text: &str) -> u32 {
    let mut last = None;
    text.chars()
        .map(|c| {
            let ascii = c.is_ascii();
            let gap = if last.replace(ascii).is_some_and(|before| before != ascii) {
                55
            } else {
                0
            };
            gap + if ascii { 105 } else { 210 }
        })
        .sum()
}
