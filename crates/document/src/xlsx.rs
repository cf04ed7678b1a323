//! Report → Excel: one sheet per table, one datum per cell, no merged cells; sums are formulas with
//! their result stored, dates are dates (shown with the era), hours are numbers.

use quick_xml::escape::escape;
use rust_xlsxwriter::{
    Color, DocProperties, ExcelDateTime, Format, FormatAlign, FormatBorder, Formula, Workbook,
    Worksheet, XlsxError,
};

use crate::clean::{clean, line};
use crate::error::{Error, Result};
use crate::kinds::Document;
use crate::letter::Letterhead;
use crate::report::{Block, Report};
use crate::table::{Align, Cell, HourStyle, Table, Total};
use crate::zipped::{pack, unpack};

const FACE: &str = "BIZ UDGothic";
const DATE: &str = "[$-411]ggge\"年\"m\"月\"d\"日（\"aaa\"）\"";
const DAY: &str = "[$-411]m\"月\"d\"日（\"aaa\"）\"";
/// Character widths over all columns of a page.
const PORTRAIT: f64 = 92.0;
const LANDSCAPE: f64 = 136.0;
/// Longest text a cell may hold.
const CELL_LIMIT: usize = 32_767;

/// Renders the tables of a paper as Excel. Fails with [`Error::NoTable`] when there is none.
pub fn render_xlsx(document: &Document) -> Result<Vec<u8>> {
    let report = document.to_report();
    let tables = report.tables();
    if tables.is_empty() {
        return Err(Error::NoTable(line(&report.head.title)));
    }
    for block in report.blocks() {
        if let Block::Chart(chart) = block {
            chart.check()?;
        }
    }
    let bytes = write(&report, &tables).map_err(|e| failed(&e))?;
    with_language(&bytes)
}

fn failed(error: &XlsxError) -> Error {
    Error::Write {
        format: "Excel",
        reason: error.to_string(),
    }
}

fn write(report: &Report, tables: &[(String, Table)]) -> std::result::Result<Vec<u8>, XlsxError> {
    let mut book = Workbook::new();
    // Widths are counted in digits of the default face: with ours the columns are as wide in every
    // reader, whether it has Excel's own face or not. 18 and 64 pixels belong to 10 points.
    book.set_default_format(&text_format(), 18, 64)?;
    let mut properties = DocProperties::new()
        .set_title(line(&report.head.title))
        .set_subject(line(&report.head.subject))
        .set_author(line(&report.head.sender.name))
        .set_company(line(&report.head.sender.name));
    // Without a day of its own a draft gets the format's epoch, never today.
    let created = match report.head.issued_on.or(report.head.replaced_on) {
        Some(day) => excel_date(day)?,
        None => ExcelDateTime::from_ymd(1980, 1, 1)?,
    };
    properties = properties.set_creation_datetime(&created);
    book.set_properties(&properties);
    let mut names: Vec<String> = Vec::new();
    for (index, (heading, table)) in tables.iter().enumerate() {
        let name = sheet_name(
            if table.caption.is_empty() {
                heading
            } else {
                &table.caption
            },
            &names,
        );
        names.push(name.clone());
        let sheet = book.add_worksheet();
        sheet.set_name(&name)?;
        page(sheet, report);
        let top = opening(sheet, report, index == 0)?;
        fill(
            sheet,
            table,
            top,
            if report.landscape {
                LANDSCAPE
            } else {
                PORTRAIT
            },
        )?;
    }
    book.save_to_buffer()
}

fn page(sheet: &mut Worksheet, report: &Report) {
    let head = &report.head;
    sheet
        .set_paper_size(9)
        .set_print_fit_to_pages(1, 0)
        .set_margins(0.6, 0.6, 0.8, 0.8, 0.35, 0.35);
    if report.landscape {
        sheet.set_landscape();
    }
    // `&` starts a code in headers and footers.
    let plain = |text: &str| line(text).replace('&', "&&");
    let sample = if head.sample {
        format!("&C&KA00000{}", Letterhead::SAMPLE_LINE)
    } else {
        String::new()
    };
    sheet.set_header(format!("{sample}&R{}", head.status.mark()));
    let ledger = head
        .ledger_head
        .as_ref()
        .map(|ledger| {
            format!(
                "&L&7{}",
                ledger.in_words().map(|text| plain(&text)).join("\n")
            )
        })
        .unwrap_or_default();
    sheet.set_footer(format!("{ledger}&R&9&P／&N"));
}

/// Title, number, date and the text before the table; returns the row of the table's header.
fn opening(
    sheet: &mut Worksheet,
    report: &Report,
    first: bool,
) -> std::result::Result<u32, XlsxError> {
    let head = &report.head;
    let mut row = 0;
    if head.sample {
        let format = text_format()
            .set_bold()
            .set_font_color(Color::RGB(0xa0_0000));
        sheet.write_string_with_format(row, 0, Letterhead::SAMPLE_LINE, &format)?;
        row += 1;
    }
    sheet.set_row_height(row, 22)?;
    sheet.write_string_with_format(
        row,
        0,
        line(&head.title),
        &text_format().set_bold().set_font_size(14),
    )?;
    row += 1;
    let mut lines = vec![
        line(&head.subject),
        format!(
            "{}　{}　{}　{}",
            line(&head.number),
            head.date_line(),
            head.version_line(),
            head.status.mark()
        ),
    ];
    lines.extend(head.sender.lines());
    if first {
        for block in &report.opening {
            match block {
                Block::Paragraph(text) | Block::Note(text) | Block::Emphasis(text) => {
                    lines.extend(clean(text).split('\n').map(str::to_owned));
                }
                _ => {}
            }
        }
    }
    for text in lines
        .iter()
        .filter(|text| !text.trim().is_empty())
        .flat_map(|text| chunks(text, 44))
    {
        sheet.write_string_with_format(row, 0, text, &text_format())?;
        row += 1;
    }
    Ok(row + 1)
}

fn fill(
    sheet: &mut Worksheet,
    table: &Table,
    top: u32,
    width: f64,
) -> std::result::Result<(), XlsxError> {
    let weights: f64 = table.columns.iter().map(|c| c.weight.max(0.1)).sum();
    let head = cell_format(Align::Center)
        .set_bold()
        .set_background_color(Color::RGB(0xee_eeee))
        .set_align(FormatAlign::VerticalCenter);
    for (column, at) in table.columns.iter().zip(0u16..) {
        sheet.set_column_width(at, width * column.weight.max(0.1) / weights)?;
        sheet.write_string_with_format(top, at, clean(&column.title).as_ref(), &head)?;
    }
    sheet.set_freeze_panes(top + 1, 0)?;
    sheet.set_repeat_rows(top, top)?;
    let style = table.hour_style();
    let shares: Vec<f64> = table
        .columns
        .iter()
        .map(|c| width * c.weight.max(0.1) / weights)
        .collect();
    let titles: Vec<String> = table.columns.iter().map(|c| c.title.clone()).collect();
    sheet.set_row_height(top, height(&titles, &shares))?;
    for (texts, row) in table.text_rows().iter().zip(top + 1..) {
        sheet.set_row_height(row, height(texts, &shares))?;
    }
    for (cells, row) in table.rows.iter().zip(top + 1..) {
        for (column, at) in table.columns.iter().zip(0u16..) {
            let cell = cells.get(usize::from(at)).unwrap_or(&Cell::Empty);
            put(sheet, row, at, cell, &cell_format(column.align), style)?;
        }
    }
    let below = top + 1 + u32::try_from(table.rows.len()).unwrap_or(u32::MAX - 2);
    if let Some(total) = &table.total {
        sum(sheet, table, total, top + 1, below)?;
    }
    Ok(())
}

fn put(
    sheet: &mut Worksheet,
    row: u32,
    at: u16,
    cell: &Cell,
    format: &Format,
    style: HourStyle,
) -> std::result::Result<(), XlsxError> {
    match cell {
        Cell::Empty => sheet.write_blank(row, at, format)?,
        Cell::Text(text) => {
            let text: String = clean(text).chars().take(CELL_LIMIT).collect();
            if text.is_empty() {
                sheet.write_blank(row, at, format)?
            } else {
                sheet.write_string_with_format(row, at, text, format)?
            }
        }
        Cell::Number { value, .. } if !value.is_finite() => {
            sheet.write_string_with_format(row, at, "—", format)?
        }
        Cell::Number { value, decimals } => {
            sheet.write_number_with_format(row, at, *value, &number_format(format, *decimals))?
        }
        Cell::Minutes(minutes) => {
            let (value, format) = hours(*minutes, style, format);
            sheet.write_number_with_format(row, at, value, &format)?
        }
        Cell::Date(date) => {
            let format = format.clone().set_num_format(DATE);
            sheet.write_datetime_with_format(row, at, excel_date(*date)?, &format)?
        }
        Cell::Day(date) => {
            let format = format.clone().set_num_format(DAY);
            sheet.write_datetime_with_format(row, at, excel_date(*date)?, &format)?
        }
    };
    Ok(())
}

/// The closing row: a formula over the rows, its result stored for readers that do not calculate.
fn sum(
    sheet: &mut Worksheet,
    table: &Table,
    total: &Total,
    first: u32,
    row: u32,
) -> std::result::Result<(), XlsxError> {
    let style = table.hour_style();
    let bold = cell_format(Align::Right)
        .set_bold()
        .set_background_color(Color::RGB(0xee_eeee));
    for at in 0..table.columns.len() {
        sheet.write_blank(row, at as u16, &bold)?;
    }
    let at = total.column as u16;
    sheet.write_string_with_format(row, at.saturating_sub(1), line(&total.label), &bold)?;
    let (value, format) = match table.total_cell(total) {
        Cell::Minutes(minutes) => hours(minutes, style, &bold),
        Cell::Number { value, decimals } => (value, number_format(&bold, decimals)),
        _ => (0.0, bold.clone()),
    };
    if table.rows.is_empty() {
        sheet.write_number_with_format(row, at, value, &format)?;
        return Ok(());
    }
    let range = |column: usize| {
        let name = rust_xlsxwriter::utility::column_number_to_name(column as u16);
        format!("{name}{}:{name}{row}", first + 1)
    };
    let formula = match &total.only {
        None => format!("=SUM({})", range(total.column)),
        Some((column, mark)) => format!(
            "=SUMIF({},\"{}\",{})",
            range(*column),
            // Quotation marks are doubled; * ? ~ would be wildcards.
            mark.replace('~', "~~")
                .replace('*', "~*")
                .replace('?', "~?")
                .replace('"', "\"\""),
            range(total.column)
        ),
    };
    sheet.write_formula_with_format(
        row,
        at,
        Formula::new(formula).set_result(value.to_string()),
        &format,
    )?;
    Ok(())
}

/// Height in points for wrapped texts in columns of these widths. Readers differ in whether they
/// fit rows on opening, so the file says it.
fn height(texts: &[String], widths: &[f64]) -> f64 {
    let lines = texts.iter().zip(widths).map(|(text, width)| {
        let room = width.max(2.0);
        text.split('\n')
            .map(|line| {
                let used: u32 = line.chars().map(|c| if c.is_ascii() { 1 } else { 2 }).sum();
                (f64::from(used) / room).ceil().max(1.0)
            })
            .sum::<f64>()
    });
    // Excel's limit is 409 points.
    (lines.fold(1.0, f64::max) * 14.0 + 4.0).min(409.0)
}

fn hours(minutes: u32, style: HourStyle, format: &Format) -> (f64, Format) {
    match style {
        HourStyle::Decimal => (
            f64::from(minutes) / 60.0,
            format.clone().set_num_format("General\"時間\""),
        ),
        // A time of day in Excel is a fraction of a day.
        HourStyle::HoursMinutes => (
            f64::from(minutes) / 1440.0,
            format.clone().set_num_format("[h]\"時間\"mm\"分\""),
        ),
    }
}

fn number_format(format: &Format, decimals: u8) -> Format {
    let pattern = match decimals {
        0 => "#,##0".to_owned(),
        n => format!("#,##0.{}", "0".repeat(usize::from(n.min(10)))),
    };
    format.clone().set_num_format(pattern)
}

fn text_format() -> Format {
    Format::new().set_font_name(FACE).set_font_size(10)
}

fn cell_format(align: Align) -> Format {
    let format = text_format()
        .set_border(FormatBorder::Thin)
        .set_border_color(Color::RGB(0x3c_3c3c))
        .set_text_wrap()
        .set_align(FormatAlign::Top);
    match align {
        Align::Left => format.set_align(FormatAlign::Left),
        Align::Center => format.set_align(FormatAlign::Center),
        Align::Right => format.set_align(FormatAlign::Right),
    }
}

/// Days before 1900 do not exist in Excel; contracts of that age do not exist either.
fn excel_date(date: jiff::civil::Date) -> std::result::Result<ExcelDateTime, XlsxError> {
    let year = u16::try_from(date.year()).unwrap_or(0).max(1900);
    ExcelDateTime::from_ymd(year, date.month().unsigned_abs(), date.day().unsigned_abs())
}

/// A name Excel accepts: at most 31 characters, none of `[]:*?/\`, unlike the ones before.
fn sheet_name(wanted: &str, taken: &[String]) -> String {
    let base: String = line(wanted)
        .chars()
        .filter(|c| !"[]:*?/\\'".contains(*c))
        .take(26)
        .collect::<String>()
        .trim()
        .to_owned();
    let base = if base.is_empty() {
        "表".to_owned()
    } else {
        base
    };
    let mut name = base.clone();
    let mut n = 2;
    while taken
        .iter()
        .any(|t| t.to_lowercase() == name.to_lowercase())
    {
        name = format!("{base} {n}");
        n += 1;
    }
    name
}

/// Lines of at most `width` full-width characters: text above a table is not wrapped by Excel.
fn chunks(text: &str, width: usize) -> Vec<String> {
    let mut out = vec![String::new()];
    let mut used = 0;
    for c in text.chars() {
        let w = if c.is_ascii() { 1 } else { 2 };
        if used + w > width * 2 {
            out.push(String::new());
            used = 0;
        }
        used += w;
        out.last_mut().expect("starts with one line").push(c);
    }
    out
}

/// rust_xlsxwriter has no field for the document's language; the package has.
fn with_language(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut parts = unpack(bytes)?;
    let core = parts
        .iter_mut()
        .find(|part| part.name == "docProps/core.xml")
        .ok_or(Error::Write {
            format: "Excel",
            reason: "docProps/core.xml is missing".into(),
        })?;
    let text = String::from_utf8_lossy(&core.bytes).replace(
        "</cp:coreProperties>",
        &format!(
            "<dc:language>{}</dc:language></cp:coreProperties>",
            escape("ja-JP")
        ),
    );
    core.bytes = text.into_bytes();
    pack(&parts, "Excel")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sheet_names_are_legal_and_distinct() {
        let first = sheet_name("2　稼働状況／[10月]: 全*部?", &[]);
        assert_eq!(first, "2　稼働状況／10月 全部");
        assert_eq!(
            sheet_name("2　稼働状況／10月 全部", std::slice::from_ref(&first)),
            "2　稼働状況／10月 全部 2"
        );
        assert_eq!(sheet_name("", &[]), "表");
        assert!(sheet_name(&"あ".repeat(100), &[]).chars().count() <= 31);
    }

    #[test]
    fn long_lines_are_cut_by_width() {
        assert_eq!(chunks(&"あ".repeat(50), 44).len(), 2);
        assert_eq!(chunks(&"a".repeat(88), 44).len(), 1);
    }
}
