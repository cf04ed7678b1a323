//! Word and Excel files opened by LibreOffice, which is a required tool of the test run: what it
//! reads must be what was written, and a poured form must still open.

#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

mod common;

use std::path::PathBuf;
use std::process::Command;

use mamori_document::*;

struct Desk(PathBuf);

impl Desk {
    fn new(name: &str) -> Self {
        let dir =
            std::env::temp_dir().join(format!("mamori-document-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        Desk(dir)
    }

    /// Converts a file and returns the result's bytes.
    fn convert(&self, name: &str, bytes: &[u8], to: &str) -> Vec<u8> {
        let input = self.0.join(name);
        std::fs::write(&input, bytes).unwrap();
        let profile = self.0.join("profile");
        let output = Command::new("soffice")
            .arg(format!("-env:UserInstallation=file://{}", profile.display()))
            .args(["--headless", "--convert-to", to, "--outdir"])
            .arg(&self.0)
            .arg(&input)
            .output()
            .unwrap_or_else(|e| {
                panic!("soffice: {e}. Install it: sudo apt-get install libreoffice-writer-nogui libreoffice-calc-nogui")
            });
        let extension = to.split(':').next().unwrap();
        let result = input.with_extension(extension);
        std::fs::read(&result).unwrap_or_else(|e| {
            panic!(
                "{}: {e}: {}",
                result.display(),
                String::from_utf8_lossy(&output.stderr)
            )
        })
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn squeezed(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect()
}

#[test]
fn libreoffice_reads_what_was_written_and_poured() {
    let desk = Desk::new("office");
    let report = common::status_report(12);
    let document = Document::StatusReport(report.clone());

    let docx = desk.convert(
        "report.docx",
        &render_docx(&document).unwrap(),
        "txt:Text (encoded):UTF8",
    );
    let text = squeezed(&String::from_utf8(docx).unwrap());
    for row in &report.rows {
        assert!(text.contains(&squeezed(&row.response)), "{}", row.response);
    }
    assert!(text.contains("上記仕様該当合計時間：5.5時間"));

    let csv = desk.convert(
        "report.xlsx",
        &render_xlsx(&document).unwrap(),
        "csv:Text - txt - csv (StarCalc):44,34,76",
    );
    let csv = String::from_utf8(csv).unwrap();
    assert!(
        csv.contains("10月1日（木）,WordPress本体の更新（6.8.3）,"),
        "{csv}"
    );
    assert!(
        csv.lines()
            .any(|l| l.contains("上記仕様該当合計時間,5.5時間")),
        "{csv}"
    );

    // The city's form: here our own Word file with placeholders typed into it.
    // Passed through LibreOffice, so that it is written as an office suite writes it.
    let form = desk.convert("form-a.docx", &form_docx(), "odt");
    let form = desk.convert("form-a.odt", &form, "docx");
    let poured = pour(&form, &document.pour_data()).unwrap();
    let text = desk.convert("form.docx", &poured, "txt:Text (encoded):UTF8");
    let text = squeezed(&String::from_utf8(text).unwrap());
    assert!(text.contains("ここシェルジュ運用システム等保守管理状況報告書（10月分）"));
    assert_eq!(text.matches("画像3点を差し替え").count(), 3, "{text}");
    assert!(!text.contains("{{"), "{text}");

    // Excel form: hours as numbers, so that the form's own sum works after pouring.
    let mut data = document.pour_data();
    let work = data.rows.get_mut("work").unwrap();
    let at = work.fields.iter().position(|f| f == "hours").unwrap();
    for row in &mut work.rows {
        row[at] = row[at].trim_end_matches("時間").to_owned();
    }
    let form = desk.convert("form-b.xlsx", &form_xlsx(), "ods");
    let form = desk.convert("form-b.ods", &form, "xlsx");
    let poured = pour(&form, &data).unwrap();
    let csv = desk.convert(
        "form.xlsx",
        &poured,
        "csv:Text - txt - csv (StarCalc):44,34,76",
    );
    let csv = String::from_utf8(csv).unwrap();
    // 60+90+30+45+15 minutes twice, then 60+90: 10.5 hours.
    assert!(
        csv.lines().any(|line| line.starts_with("計,,10.5")),
        "{csv}"
    );
    assert_eq!(csv.matches("画像3点").count(), 3, "{csv}");
}

fn form_docx() -> Vec<u8> {
    let head = Letterhead {
        title: "{{title}}".into(),
        ..common::head("")
    };
    let table = Table::new(
        "",
        vec![
            Column::new("事象", 1.0, Align::Left),
            Column::new("対応", 1.0, Align::Left),
        ],
    )
    .row(vec![
        Cell::text("{{rows.work.event}}"),
        Cell::text("{{rows.work.response}}"),
    ]);
    let report = Report {
        head,
        opening: vec![Block::Table(table)],
        sections: vec![],
        landscape: false,
    };
    render_docx(&Document::Report(report)).unwrap()
}

fn form_xlsx() -> Vec<u8> {
    let mut book = rust_xlsxwriter::Workbook::new();
    let sheet = book.add_worksheet();
    sheet.set_name("様式").unwrap();
    sheet.write(0, 0, "{{title}}").unwrap();
    sheet.write(2, 0, "{{rows.work.event}}").unwrap();
    sheet.write(2, 1, "{{rows.work.response}}").unwrap();
    sheet.write(2, 2, "{{rows.work.hours}}").unwrap();
    sheet.write(3, 0, "計").unwrap();
    sheet.write_formula(3, 2, "=SUM(C3:C3)").unwrap();
    book.save_to_buffer().unwrap()
}
