//! Report → PDF/UA-1 through typst.
//!
//! The template is constant; data enters as one JSON file and is never read as markup. File ids are
//! constant too: typst interns each path it ever sees and would run out of them in a server.

use std::sync::LazyLock;

use serde_json::{Value, json};
use typst::diag::{FileError, FileResult, SourceDiagnostic};
use typst::foundations::{Bytes, Datetime, Duration, Smart};
use typst::syntax::{FileId, RootedPath, Source, VirtualPath, VirtualRoot};
use typst::text::{Font, FontBook};
use typst::utils::LazyHash;
use typst::{Feature, Features, Library, LibraryExt, World};
use typst_layout::PagedDocument;
use typst_pdf::{PdfOptions, PdfStandard, PdfStandards, Timestamp};

use crate::chart::Theme;
use crate::clean::{clean, line};
use crate::error::{Error, Result};
use crate::fonts::{FAMILIES, Fonts};
use crate::kinds::Document;
use crate::letter::Letterhead;
use crate::report::{Block, Report};
use crate::table::{Align, Table};

const TEMPLATE: &str = include_str!("template.typ");

/// Most drawings one paper may hold; each needs a constant file id.
const MAX_CHARTS: usize = 100;

/// How many renderings unused typesetting results are kept for. A month's papers share fonts and
/// template, but not text.
const CACHE_AGE: usize = 2;

static LIBRARY: LazyLock<LazyHash<Library>> = LazyLock::new(|| {
    let features: Features = [Feature::A11yExtras].into_iter().collect();
    LazyHash::new(Library::builder().with_features(features).build())
});
static MAIN: LazyLock<Source> =
    LazyLock::new(|| Source::new(file_id("/main.typ"), TEMPLATE.to_owned()));
static DATA: LazyLock<FileId> = LazyLock::new(|| file_id("/data.json"));
static CHARTS: LazyLock<Vec<FileId>> = LazyLock::new(|| {
    (0..MAX_CHARTS)
        .map(|i| file_id(&format!("/chart-{i}.svg")))
        .collect()
});

fn file_id(path: &str) -> FileId {
    let path = VirtualPath::new(path).expect("constant paths are valid");
    RootedPath::new(VirtualRoot::Project, path).intern()
}

/// Renders a paper as PDF/UA-1. Equal documents and fonts give equal bytes.
pub fn render_pdf(document: &Document, fonts: &Fonts) -> Result<Vec<u8>> {
    let report = document.to_report();
    let mut charts = Vec::new();
    let data = data(&report, &mut charts)?;
    let faces = fonts.covering(
        &texts(&data)
            .into_iter()
            .chain(charts.iter().map(String::as_str)),
    )?;
    let world = PaperWorld {
        book: LazyHash::new(FontBook::from_fonts(&faces)),
        faces,
        data: Bytes::from_string(data.to_string()),
        charts: charts.into_iter().map(Bytes::from_string).collect(),
    };
    let result = compile(&world, &report.head);
    typst::comemo::evict(CACHE_AGE);
    result
}

fn compile(world: &PaperWorld, head: &Letterhead) -> Result<Vec<u8>> {
    let document = typst::compile::<PagedDocument>(world)
        .output
        .map_err(|e| typeset(&e))?;
    let standards = PdfStandards::new(&[PdfStandard::Ua_1])
        .map_err(|e| Error::Typeset(e.message().to_string()))?;
    let day = head.issued_on.or(head.replaced_on);
    let timestamp = day.and_then(|day| {
        let datetime = Datetime::from_ymd_hms(
            i32::from(day.year()),
            day.month().unsigned_abs(),
            day.day().unsigned_abs(),
            0,
            0,
            0,
        )?;
        Timestamp::new_local(datetime, 9 * 60)
    });
    let options = PdfOptions {
        // Number, title and version name the paper; typst hashes the text.
        ident: Smart::Custom(format!("{}\n{}\n{}", head.number, head.title, head.version)),
        creator: Smart::Custom(Some(format!("Mamori {}", env!("CARGO_PKG_VERSION")))),
        timestamp,
        standards,
        ..PdfOptions::default()
    };
    typst_pdf::pdf(&document, &options).map_err(|e| typeset(&e))
}

fn typeset(errors: &[SourceDiagnostic]) -> Error {
    let texts: Vec<String> = errors
        .iter()
        .map(|e| {
            let hints: Vec<&str> = e.hints.iter().map(|hint| hint.v.as_str()).collect();
            if hints.is_empty() {
                e.message.to_string()
            } else {
                format!("{} ({})", e.message, hints.join("; "))
            }
        })
        .collect();
    Error::Typeset(texts.join(" / "))
}

struct PaperWorld {
    book: LazyHash<FontBook>,
    faces: Vec<Font>,
    data: Bytes,
    charts: Vec<Bytes>,
}

impl World for PaperWorld {
    fn library(&self) -> &LazyHash<Library> {
        &LIBRARY
    }

    fn book(&self) -> &LazyHash<FontBook> {
        &self.book
    }

    fn main(&self) -> FileId {
        MAIN.id()
    }

    fn source(&self, id: FileId) -> FileResult<Source> {
        if id == MAIN.id() {
            Ok(MAIN.clone())
        } else {
            Err(FileError::AccessDenied)
        }
    }

    fn file(&self, id: FileId) -> FileResult<Bytes> {
        if id == *DATA {
            return Ok(self.data.clone());
        }
        let index = CHARTS.iter().position(|chart| *chart == id);
        index
            .and_then(|i| self.charts.get(i))
            .cloned()
            .ok_or(FileError::AccessDenied)
    }

    fn font(&self, index: usize) -> Option<Font> {
        self.faces.get(index).cloned()
    }

    /// No clock: the template must not ask for today.
    fn today(&self, _: Option<Duration>) -> Option<Datetime> {
        None
    }
}

/// Every text of the JSON that may be printed.
fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(items) => items.iter().flat_map(texts).collect(),
        Value::Object(fields) => fields.values().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}

fn data(report: &Report, charts: &mut Vec<String>) -> Result<Value> {
    let head = &report.head;
    let mut opening = Vec::new();
    for b in &report.opening {
        opening.push(block(b, charts)?);
    }
    let mut sections = Vec::new();
    for section in &report.sections {
        let mut blocks = Vec::new();
        for b in &section.blocks {
            blocks.push(block(b, charts)?);
        }
        sections.push(json!({
            "heading": line(&section.heading),
            "new_page": section.new_page,
            "blocks": blocks,
        }));
    }
    let facts: Vec<Value> = head
        .facts()
        .into_iter()
        .map(|(label, value)| json!([label, value]))
        .collect();
    Ok(json!({
        "fonts": FAMILIES,
        "title": line(&head.title),
        "author": line(&head.sender.name),
        "landscape": report.landscape,
        "number": line(&head.number),
        "version": head.version_line(),
        "date": head.date_line(),
        "addressee": line(&head.addressee),
        "sender": head.sender.lines(),
        "facts": facts,
        "status": head.status.mark(),
        "ledger": head.ledger_head.as_ref().map(|l| l.in_words().map(|text| line(&text))),
        "sample": head.sample.then_some(Letterhead::SAMPLE),
        "sample_line": head.sample.then_some(Letterhead::SAMPLE_LINE),
        "opening": opening,
        "sections": sections,
    }))
}

fn block(block: &Block, charts: &mut Vec<String>) -> Result<Value> {
    let simple = |kind: &str, text: &str| json!({"kind": kind, "text": clean(text)});
    Ok(match block {
        Block::Paragraph(text) => simple("paragraph", text),
        Block::Note(text) => simple("note", text),
        Block::Emphasis(text) => simple("emphasis", text),
        Block::Centered(text) => simple("centered", text),
        Block::Right(text) => simple("right", text),
        Block::List(items) => json!({"kind": "list", "items": cleaned(items)}),
        Block::Steps(items) => json!({"kind": "steps", "items": cleaned(items)}),
        Block::Facts(facts) => json!({
            "kind": "facts",
            "rows": facts.iter().map(|f| [clean(&f.label), clean(&f.value)]).collect::<Vec<_>>(),
        }),
        Block::Table(table) => table_data(table),
        Block::Chart(chart) => {
            chart.check()?;
            if charts.len() == MAX_CHARTS {
                return Err(Error::Invalid(format!(
                    "図が {MAX_CHARTS} 個を超えています"
                )));
            }
            charts.push(chart.svg(Theme::Print));
            json!({
                "kind": "chart",
                "file": format!("/chart-{}.svg", charts.len() - 1),
                "caption": line(chart.title()),
                "alt": line(&format!("{}。{}", chart.title(), chart.sentence())),
                "sentence": clean(&chart.sentence()),
                "table": table_data(&chart.table()),
            })
        }
    })
}

fn cleaned(items: &[String]) -> Vec<std::borrow::Cow<'_, str>> {
    items.iter().map(|item| clean(item)).collect()
}

fn table_data(table: &Table) -> Value {
    json!({
        "kind": "table",
        "caption": line(&table.caption),
        "columns": table.columns.iter().map(|c| json!({
            "title": clean(&c.title),
            "weight": if c.weight.is_finite() && c.weight > 0.0 { c.weight } else { 1.0 },
            "align": match c.align { Align::Left => "left", Align::Center => "center", Align::Right => "right" },
        })).collect::<Vec<_>>(),
        "rows": table.text_rows(),
        "row_headers": table.row_headers,
        "total": table.total_text().map(|(label, column, value)| json!({
            "label": clean(&label), "column": column, "value": value,
        })),
    })
}
