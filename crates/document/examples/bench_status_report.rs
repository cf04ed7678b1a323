//! Measures 別紙3 with 200 rows: fonts and first PDF of a fresh process, then medians of PDF, Word
//! and Excel. Prints one JSON object; `cargo xtask bench spine` calls it.

#[path = "../tests/common/mod.rs"]
mod common;

use std::time::Instant;

use mamori_document::{Document, Fonts, render_docx, render_pdf};
use serde_json::json;

const ROWS: usize = 200;
const RUNS: usize = 7;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut report = common::status_report(ROWS);
    // Word first, because the PDF's first run must not profit from anything before it.
    let docx_first = Instant::now();
    let docx = render_docx(&Document::StatusReport(report.clone()))?;
    let docx_first = ms(docx_first);
    let start = Instant::now();
    let fonts = Fonts::system()?;
    let fonts_ms = ms(start);
    let pdf = render_pdf(&Document::StatusReport(report.clone()), &fonts)?;
    let pdf_first = ms(start);
    let (mut pdfs, mut docxs) = (Vec::new(), Vec::new());
    for run in 0..RUNS {
        // Another text each time: repeating one paper would only measure the cache.
        for (i, row) in report.rows.iter_mut().enumerate() {
            row.event = format!("{}回目の作業 {i}：画像の差替え", run + 1);
            row.response = format!(
                "依頼{}に基づき、{i}件目の画像を差し替えて表示を確認した。",
                run * ROWS + i
            );
        }
        let document = Document::StatusReport(report.clone());
        let start = Instant::now();
        render_pdf(&document, &fonts)?;
        pdfs.push(ms(start));
        let start = Instant::now();
        render_docx(&document)?;
        docxs.push(ms(start));
    }
    println!(
        "{}",
        json!({
            "rows": ROWS,
            "runs": RUNS,
            "profile": if cfg!(debug_assertions) { "dev" } else { "release" },
            "fonts_ms": fonts_ms,
            "pdf_first_ms": pdf_first,
            "pdf_median_ms": median(pdfs),
            "docx_first_ms": docx_first,
            "docx_median_ms": median(docxs),
            "pdf_bytes": pdf.len(),
            "docx_bytes": docx.len(),
        })
    );
    Ok(())
}

fn ms(start: Instant) -> f64 {
    (start.elapsed().as_secs_f64() * 10_000.0).round() / 10.0
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
