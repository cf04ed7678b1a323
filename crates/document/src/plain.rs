//! Report → plain text, for previews, snapshots and search.

use std::fmt::Write as _;

use crate::clean::{clean, line};
use crate::kinds::Document;
use crate::letter::Letterhead;
use crate::report::{Block, Report};
use crate::table::Table;

/// The paper as text: same content and order as the PDF, tables with `|` between cells.
pub fn render_text(document: &Document) -> String {
    let report = document.to_report();
    let mut out = String::new();
    head(&mut out, &report);
    for b in &report.opening {
        block(&mut out, b);
    }
    for section in &report.sections {
        let _ = writeln!(out, "\n■ {}\n", line(&section.heading));
        for b in &section.blocks {
            block(&mut out, b);
        }
    }
    if let Some(ledger) = &report.head.ledger_head {
        let _ = writeln!(
            out,
            "\n{}",
            ledger.in_words().map(|text| line(&text)).join("\n")
        );
    }
    out
}

fn head(out: &mut String, report: &Report) {
    let h = &report.head;
    if h.sample {
        let _ = writeln!(out, "{}", Letterhead::SAMPLE_LINE);
    }
    let _ = writeln!(out, "〔{}〕{}", h.status.mark(), h.version_line());
    for text in [&h.number, &h.date_line()] {
        if !text.is_empty() {
            let _ = writeln!(out, "{}", line(text));
        }
    }
    if !h.addressee.is_empty() {
        let _ = writeln!(out, "（あて先）{}", line(&h.addressee));
    }
    for text in h.sender.lines() {
        let _ = writeln!(out, "{text}");
    }
    let _ = writeln!(out, "\n{}\n", line(&h.title));
    for (label, value) in h.facts() {
        let _ = writeln!(out, "{}：{value}", label.replace('　', ""));
    }
    out.push('\n');
}

fn block(out: &mut String, b: &Block) {
    match b {
        Block::Paragraph(t)
        | Block::Note(t)
        | Block::Emphasis(t)
        | Block::Centered(t)
        | Block::Right(t) => {
            let _ = writeln!(out, "{}", clean(t));
        }
        Block::List(items) => items.iter().for_each(|i| {
            let _ = writeln!(out, "・{}", clean(i));
        }),
        Block::Steps(items) => items.iter().enumerate().for_each(|(n, i)| {
            let _ = writeln!(out, "({}) {}", n + 1, clean(i));
        }),
        Block::Facts(facts) => facts.iter().for_each(|f| {
            let _ = writeln!(out, "{}：{}", line(&f.label), line(&f.value));
        }),
        Block::Table(t) => table(out, t),
        Block::Chart(c) => {
            let _ = writeln!(out, "［図］{}\n{}", line(c.title()), clean(&c.sentence()));
            table(out, &c.table());
        }
    }
}

fn table(out: &mut String, t: &Table) {
    if !t.caption.is_empty() {
        let _ = writeln!(out, "{}", line(&t.caption));
    }
    let titles: Vec<String> = t.columns.iter().map(|c| line(&c.title)).collect();
    let _ = writeln!(out, "| {} |", titles.join(" | "));
    for row in t.text_rows() {
        let cells: Vec<String> = row.iter().map(|cell| line(cell)).collect();
        let _ = writeln!(out, "| {} |", cells.join(" | "));
    }
    if t.rows.is_empty() {
        out.push_str("（該当なし）\n");
    }
    if let Some((label, _, value)) = t.total_text() {
        let _ = writeln!(out, "| {}：{value} |", line(&label));
    }
}
