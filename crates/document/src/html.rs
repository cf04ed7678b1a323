//! Report → HTML fragment, for previews on pages: same content and order as the PDF, with headings,
//! tables with their header cells, and drawings with their numbers.
//!
//! No style attribute and no script, so that a strict content policy holds; classes are those of
//! the console's style sheet. Whatever people wrote is escaped here.

use std::fmt::Write as _;

use crate::chart::{Chart, Theme};
use crate::clean::{clean, line};
use crate::kinds::Document;
use crate::letter::Letterhead;
use crate::report::{Block, Report};
use crate::table::{Align, Table};

/// The paper as a fragment whose first heading has this level (2 to 5).
pub fn render_html(document: &Document, level: u8) -> String {
    let mut page = Fragment {
        out: String::new(),
        level: level.clamp(2, 5),
        tables: 0,
    };
    page.report(&document.to_report());
    page.out
}

struct Fragment {
    out: String,
    level: u8,
    /// Tables so far: every scrollable region has a name of its own.
    tables: usize,
}

impl Fragment {
    fn report(&mut self, report: &Report) {
        self.head(&report.head);
        for block in &report.opening {
            self.block(block, &report.head.title);
        }
        let level = self.level + 1;
        for section in &report.sections {
            let _ = write!(self.out, "<h{level}>{}</h{level}>", one(&section.heading));
            for block in &section.blocks {
                self.block(block, &section.heading);
            }
        }
        if let Some(ledger) = &report.head.ledger_head {
            self.out.push_str("<p class=\"small muted\">");
            let [short, full] = ledger.in_words();
            let _ = write!(self.out, "{}<br>{}</p>", one(&short), one(&full));
        }
    }

    fn head(&mut self, head: &Letterhead) {
        let out = &mut self.out;
        if head.sample {
            let _ = write!(out, "<p><strong>{}</strong></p>", Letterhead::SAMPLE_LINE);
        }
        let mut right = vec![format!("〔{}〕{}", head.status.mark(), head.version_line())];
        right.push(head.number.clone());
        right.push(head.date_line());
        let _ = write!(out, "<p class=\"paper-right\">{}</p>", lines(&right));
        if !head.addressee.is_empty() {
            let _ = write!(out, "<p>（あて先）{}</p>", one(&head.addressee));
        }
        let sender = head.sender.lines();
        if !sender.is_empty() {
            let _ = write!(out, "<p class=\"paper-right\">{}</p>", lines(&sender));
        }
        let level = self.level;
        let _ = write!(out, "<h{level}>{}</h{level}>", one(&head.title));
        let facts = head.facts();
        if !facts.is_empty() {
            out.push_str("<dl class=\"facts\">");
            for (label, value) in facts {
                let label = label.replace('　', "");
                let _ = write!(out, "<dt>{}</dt><dd>{}</dd>", one(&label), one(&value));
            }
            out.push_str("</dl>");
        }
    }

    fn block(&mut self, block: &Block, under: &str) {
        let out = &mut self.out;
        let _ = match block {
            Block::Paragraph(text) => write!(out, "<p dir=\"auto\">{}</p>", many(text)),
            Block::Note(text) => write!(out, "<p class=\"small\" dir=\"auto\">{}</p>", many(text)),
            Block::Emphasis(text) => {
                write!(out, "<p dir=\"auto\"><strong>{}</strong></p>", many(text))
            }
            Block::Centered(text) => write!(out, "<p class=\"paper-center\">{}</p>", many(text)),
            Block::Right(text) => write!(out, "<p class=\"paper-right\">{}</p>", many(text)),
            Block::List(items) => write!(out, "<ul>{}</ul>", entries(items)),
            Block::Steps(items) => write!(out, "<ol>{}</ol>", entries(items)),
            Block::Facts(facts) => {
                out.push_str("<dl class=\"facts\">");
                for fact in facts {
                    let (label, value) = (one(&fact.label), many(&fact.value));
                    let _ = write!(out, "<dt>{label}</dt><dd dir=\"auto\">{value}</dd>");
                }
                write!(out, "</dl>")
            }
            Block::Table(table) => {
                self.table(table, under);
                Ok(())
            }
            Block::Chart(chart) => {
                self.chart(chart);
                Ok(())
            }
        };
    }

    fn table(&mut self, table: &Table, under: &str) {
        self.tables += 1;
        let caption = one(&table.caption);
        let name = if table.caption.is_empty() {
            one(under)
        } else {
            caption.clone()
        };
        let out = &mut self.out;
        let _ = write!(
            out,
            "<div class=\"table\" role=\"region\" tabindex=\"0\" aria-label=\"表{} {name}\"><table>",
            self.tables
        );
        if !table.caption.is_empty() {
            let _ = write!(out, "<caption>{caption}</caption>");
        }
        out.push_str("<thead><tr>");
        let classes: Vec<&str> = table
            .columns
            .iter()
            .map(|column| match column.align {
                Align::Right => " class=\"number\"",
                Align::Left | Align::Center => "",
            })
            .collect();
        for (column, class) in table.columns.iter().zip(&classes) {
            let _ = write!(out, "<th scope=\"col\"{class}>{}</th>", one(&column.title));
        }
        out.push_str("</tr></thead><tbody>");
        for row in table.text_rows() {
            out.push_str("<tr>");
            for (index, (cell, class)) in row.iter().zip(&classes).enumerate() {
                let text = many(cell);
                let _ = if index == 0 && table.row_headers {
                    write!(out, "<th scope=\"row\" dir=\"auto\">{text}</th>")
                } else {
                    write!(out, "<td{class} dir=\"auto\">{text}</td>")
                };
            }
            out.push_str("</tr>");
        }
        let columns = table.columns.len();
        if table.rows.is_empty() {
            let _ = write!(out, "<tr><td colspan=\"{columns}\">（該当なし）</td></tr>");
        }
        out.push_str("</tbody>");
        if let Some((label, _, value)) = table.total_text() {
            let text = format!("{}：{}", one(&label), one(&value));
            let _ = write!(
                out,
                "<tfoot><tr><td colspan=\"{columns}\"><strong>{text}</strong></td></tr></tfoot>"
            );
        }
        out.push_str("</table></div>");
    }

    fn chart(&mut self, chart: &Chart) {
        let title = one(chart.title());
        let _ = write!(
            self.out,
            "<figure class=\"chart\"><div class=\"chart-scroll\" role=\"region\" tabindex=\"0\" aria-label=\"図 {title}\">{}</div><figcaption>{}</figcaption></figure>",
            chart.svg(Theme::Console),
            many(&chart.sentence())
        );
        self.table(&chart.table(), chart.title());
    }
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            _ => out.push(c),
        }
    }
    out
}

/// One line.
fn one(text: &str) -> String {
    escaped(&line(text))
}

/// Text whose line ends stay.
fn many(text: &str) -> String {
    escaped(&clean(text)).replace('\n', "<br>")
}

fn lines(texts: &[String]) -> String {
    let shown: Vec<String> = texts
        .iter()
        .filter(|text| !text.is_empty())
        .map(|text| one(text))
        .collect();
    shown.join("<br>")
}

fn entries(items: &[String]) -> String {
    let mut out = String::new();
    for item in items {
        let _ = write!(out, "<li>{}</li>", many(item));
    }
    out
}
