//! Writes every kind of paper in every format into a directory, to be looked at.
//! `cargo run -p mamori-document --example samples -- DIR`

#[path = "../tests/common/mod.rs"]
mod common;

use mamori_document::{Error, Fonts, render_docx, render_pdf, render_text, render_xlsx};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dir = std::path::PathBuf::from(std::env::args().nth(1).ok_or("usage: samples DIR")?);
    std::fs::create_dir_all(&dir)?;
    let fonts = Fonts::system()?;
    for document in common::all() {
        let base = dir.join(document.kind());
        std::fs::write(base.with_extension("pdf"), render_pdf(&document, &fonts)?)?;
        std::fs::write(base.with_extension("docx"), render_docx(&document)?)?;
        std::fs::write(base.with_extension("txt"), render_text(&document))?;
        match render_xlsx(&document) {
            Ok(bytes) => std::fs::write(base.with_extension("xlsx"), bytes)?,
            Err(Error::NoTable(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
