//! Every kind of paper in every format, looked at from outside: with poppler as a reader of PDF,
//! and as XML for Word and Excel. Poppler is a required tool here: without it the tests fail and
//! name the package.

#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

mod common;

use std::collections::BTreeMap;
use std::io::{Cursor, Read, Write};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use mamori_document::*;

static FONTS: LazyLock<Fonts> = LazyLock::new(|| Fonts::system().unwrap());

fn poppler(tool: &str, args: &[&str], input: &[u8]) -> Vec<u8> {
    let mut child = Command::new(tool)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|e| panic!("{tool}: {e}. Install it: sudo apt-get install poppler-utils"));
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let feed = std::thread::spawn(move || {
        let _ = stdin.write_all(&input);
    });
    let output = child.wait_with_output().unwrap();
    feed.join().unwrap();
    assert!(
        output.status.success(),
        "{tool}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

fn poppler_text(tool: &str, args: &[&str], input: &[u8]) -> String {
    // Alternative texts in the structure listing are in PDF's own encoding.
    String::from_utf8_lossy(&poppler(tool, args, input)).into_owned()
}

fn pdf_text(pdf: &[u8]) -> String {
    poppler_text("pdftotext", &["-layout", "-", "-"], pdf)
}

/// Text without any white space: line breaks depend on the face's version, content does not.
fn squeezed(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect()
}

fn unzip(bytes: &[u8]) -> BTreeMap<String, String> {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    (0..archive.len())
        .map(|i| {
            let mut file = archive.by_index(i).unwrap();
            let mut text = String::new();
            file.read_to_string(&mut text).unwrap();
            (file.name().unwrap().into_owned(), text)
        })
        .collect()
}

fn assert_well_formed(name: &str, xml: &str) {
    let mut reader = quick_xml::Reader::from_str(xml);
    reader.config_mut().check_end_names = true;
    loop {
        match reader.read_event() {
            Ok(quick_xml::events::Event::Eof) => break,
            Ok(_) => {}
            Err(e) => panic!("{name}: {e}"),
        }
    }
}

#[test]
fn every_kind_reads_the_same_as_ever() {
    for document in common::all() {
        insta::assert_snapshot!(format!("text-{}", document.kind()), render_text(&document));
    }
}

#[test]
fn the_html_is_well_formed_and_says_what_the_text_says() {
    for document in common::all() {
        let kind = document.kind();
        let html = render_html(&document, 2);
        let closed = html.replace("<br>", "<br/>");
        assert_well_formed(kind, &format!("<div>{closed}</div>"));
        let text = closed
            .split('<')
            .map(|part| part.split_once('>').map_or(part, |(_, text)| text))
            .collect::<String>();
        let said = squeezed(&text.replace("&amp;", "&").replace("&quot;", "\""));
        let plain = render_text(&document);
        for part in plain.lines().flat_map(|line| line.split(['|', '：'])) {
            let part = part.trim_start_matches(['■', '・', ' ']);
            let part = part.trim_start_matches("［図］");
            let part = part.split_once(") ").map_or(part, |(number, rest)| {
                if number.starts_with('(') { rest } else { part }
            });
            assert!(said.contains(&squeezed(part)), "{kind} lacks {part}");
        }
    }
}

#[test]
fn nothing_that_people_wrote_becomes_markup() {
    let mut report = common::status_report(1);
    report.head.title = "<script>alert(1)</script>".to_owned();
    report.rows[0].event = "\"><img src=x onerror=alert(1)>\u{202e}".to_owned();
    let html = render_html(&Document::StatusReport(report), 3);
    assert!(
        !html.contains("<script") && !html.contains("<img"),
        "{html}"
    );
    assert!(html.contains("&lt;script&gt;") && !html.contains('\u{202e}'));
    assert!(html.contains("<h3>") && html.contains("<h4>"));
}

#[test]
fn a_remark_without_words_prints_nothing() {
    assert_eq!(Section::remark("所見", " \r\n\r\n "), None);
    let section = Section::remark("所見", "一つ目\n続き\r\n\r\n二つ目").unwrap();
    assert_eq!(
        section.blocks,
        [
            Block::Paragraph("一つ目\n続き".to_owned()),
            Block::Paragraph("二つ目".to_owned())
        ]
    );
}

#[test]
fn every_pdf_is_tagged_titled_and_says_what_the_model_says() {
    for document in common::all() {
        let kind = document.kind();
        let pdf = render_pdf(&document, &FONTS).unwrap();
        let info = poppler_text("pdfinfo", &["-"], &pdf);
        assert!(info.contains("Tagged:          yes"), "{kind}: {info}");
        assert!(info.contains(&document.head().title), "{kind}: {info}");
        assert!(info.contains("A4"), "{kind}: {info}");
        let meta = poppler_text("pdfinfo", &["-meta", "-"], &pdf);
        assert!(meta.contains("pdfuaid:part"), "{kind}: {meta}");
        assert!(meta.contains("ja"), "{kind}: {meta}");
        let read = squeezed(&pdf_text(&pdf));
        let head = document.head();
        for expected in [
            &head.title,
            &head.subject,
            &head.number,
            &head.sender.representative,
        ] {
            assert!(
                read.contains(&squeezed(expected)),
                "{kind} lacks {expected}"
            );
        }
        // Everything the plain text says stands in the PDF too. Cells are compared one by one:
        // poppler mixes the lines of neighbouring cells.
        let raw = squeezed(&poppler_text("pdftotext", &["-raw", "-", "-"], &pdf));
        for table in document.to_report().sections.iter().flat_map(|s| &s.blocks) {
            if let Block::Facts(facts) = table {
                for fact in facts {
                    for line in fact.value.lines() {
                        assert!(raw.contains(&squeezed(line)), "{kind} lacks {line}");
                    }
                }
            }
        }
    }
}

#[test]
fn the_structure_tree_has_header_rows_alternative_texts_and_headings() {
    for document in common::all() {
        let pdf = render_pdf(&document, &FONTS).unwrap();
        // Only kinds of elements and their nesting: texts are covered elsewhere.
        let listing = poppler_text("pdfinfo", &["-struct", "-"], &pdf);
        let tree: Vec<String> = listing
            .lines()
            .filter(|line| !line.trim().is_empty())
            // Of the attributes only those that carry meaning; boxes and borders are looks.
            .filter(|line| {
                let name = line.trim_start();
                !name.starts_with('/')
                    || ["/Scope", "/Headers", "/Alt"]
                        .iter()
                        .any(|a| name.starts_with(a))
            })
            .map(|line| {
                let name = line
                    .trim_start()
                    .split([' ', '(', '"'])
                    .next()
                    .unwrap_or_default();
                format!("{}{name}", &line[..line.len() - line.trim_start().len()])
            })
            .collect();
        // Equal siblings (rows, cells) are folded so that the picture stays readable.
        let mut folded = tree;
        folded.dedup();
        insta::assert_snapshot!(format!("struct-{}", document.kind()), folded.join("\n"));
    }
}

#[test]
fn the_sample_mark_is_on_every_page_and_only_on_samples() {
    let mut document = Document::StatusReport(common::status_report(200));
    let count = |document: &Document| -> (usize, usize) {
        let pdf = render_pdf(document, &FONTS).unwrap();
        let text = pdf_text(&pdf);
        let pages: Vec<&str> = text
            .split('\u{c}')
            .filter(|p| !p.trim().is_empty())
            .collect();
        (
            pages.len(),
            pages
                .iter()
                .filter(|p| squeezed(p).contains("見本（実際の業務"))
                .count(),
        )
    };
    let (pages, marked) = count(&document);
    assert!(pages > 4 && pages == marked, "{marked} of {pages}");
    let docx = unzip(&render_docx(&document).unwrap());
    assert!(docx["word/header1.xml"].contains("見本（実際の業務"));
    let xlsx = unzip(&render_xlsx(&document).unwrap());
    assert!(xlsx["xl/worksheets/sheet1.xml"].contains("見本（実際の業務"));
    document.head_mut().sample = false;
    assert_eq!(count(&document).1, 0);
    assert!(!unzip(&render_docx(&document).unwrap())["word/header1.xml"].contains("見本"));
}

#[test]
fn two_hundred_rows_repeat_their_header_and_number_their_pages() {
    let mut report = common::status_report(200);
    report.sections.clear();
    let pdf = render_pdf(&Document::StatusReport(report), &FONTS).unwrap();
    let text = pdf_text(&pdf);
    let pages: Vec<&str> = text
        .split('\u{c}')
        .filter(|p| !p.trim().is_empty())
        .collect();
    assert!(pages.len() >= 5, "{}", pages.len());
    for (i, page) in pages.iter().enumerate() {
        let page = squeezed(page);
        assert!(page.contains("発生日"), "page {}", i + 1);
        assert!(
            page.contains(&format!("{}／{}", i + 1, pages.len())),
            "page {}",
            i + 1
        );
        assert!(page.contains("証跡台帳先頭値：3f5a9c0e"), "page {}", i + 1);
        assert!(page.contains("3f5a9c0e7b1d4826a0c9e8f7d6b5a4938271605f4e3d2c1b0a99887766554433"));
    }
}

#[test]
fn equal_papers_have_equal_bytes() {
    let other = Document::ConsultationRecord(common::consultation());
    for document in common::all() {
        let first = render_pdf(&document, &FONTS).unwrap();
        render_pdf(&other, &FONTS).unwrap();
        // Fresh fonts: nothing may depend on what was loaded or cached before.
        assert!(first == render_pdf(&document, &Fonts::system().unwrap()).unwrap());
        assert!(render_docx(&document).unwrap() == render_docx(&document).unwrap());
        match render_xlsx(&document) {
            Ok(bytes) => assert!(bytes == render_xlsx(&document).unwrap()),
            Err(Error::NoTable(_)) => {}
            Err(e) => panic!("{e}"),
        }
    }
}

const HOSTILE: [&str; 12] = [
    "#let x = 1; #panic(\"no\")",
    "*bold* _it_ `raw` $x^2$ = 見出し",
    "\\ \\n \\u{41} ~ -- --- ...",
    "@ref <label> https://example.jp/?a=1&b=2",
    "\"引用\" 'single' “curly”",
    "<script>alert(1)</script> <w:t/> ]]> &amp; {{title}}",
    "一行目\n二行目\r\n三行目\rおわり",
    "制御\u{0}\u{1}\u{8}\u{1b}[31m文字\u{7f}",
    "/* コメント */ // 行",
    "+ 1. - [ ] | 表 | #[中]",
    "=SUM(A1:A9) @cmd -1+1",
    "\u{202e}反転\u{202c} \u{feff}\u{200b}見えない",
];

fn with_text(text: &str) -> Document {
    let mut report = common::status_report(1);
    report.rows[0].event = text.into();
    report.rows[0].response = text.into();
    report.note = text.into();
    report.head.subject = text.into();
    report.head.title = format!("題 {text}");
    report.sections = vec![
        Section::new(text)
            .paragraph(text)
            .block(Block::List(vec![text.into()]))
            .block(Block::Steps(vec![text.into()]))
            .block(Block::Facts(vec![Fact::new(text, text)]))
            .chart(Chart::Bar(BarChart {
                title: text.into(),
                unit: text.chars().take(4).collect(),
                bars: vec![Bar {
                    label: text.into(),
                    value: 1.0,
                }],
                limit: Some((text.into(), 2.0)),
                decimals: 0,
            })),
    ];
    Document::StatusReport(report)
}

#[test]
fn no_text_is_read_as_markup() {
    for text in HOSTILE {
        let document = with_text(text);
        let pdf = render_pdf(&document, &FONTS).unwrap_or_else(|e| panic!("{text:?}: {e}"));
        let read = squeezed(&poppler_text("pdftotext", &["-raw", "-", "-"], &pdf));
        // The list item stands on a line of its own, whole.
        let visible: String = text
            .chars()
            .filter(|c| !c.is_whitespace() && !"\u{202e}\u{202c}\u{feff}\u{200b}".contains(*c))
            .map(|c| if c.is_control() { '〓' } else { c })
            .collect();
        // Poppler writes curly quotes and the like as they are; only spaces may differ.
        assert!(read.matches(&visible).count() >= 3, "{visible}\n--\n{read}");
        let docx = unzip(&render_docx(&document).unwrap());
        for (name, xml) in &docx {
            assert_well_formed(name, xml);
        }
        let xlsx = unzip(&render_xlsx(&document).unwrap());
        for (name, xml) in &xlsx {
            assert_well_formed(name, xml);
        }
        let formulas: usize = xlsx
            .iter()
            .filter(|(name, _)| name.starts_with("xl/worksheets/"))
            .map(|(_, xml)| xml.matches("<f>").count())
            .sum();
        assert_eq!(formulas, 1, "only our own sum is a formula");
    }
}

#[test]
fn a_cell_of_ten_thousand_characters_breaks_over_pages() {
    let long: String = (0..10_000)
        .map(|i| char::from(b'a' + (i % 26) as u8))
        .collect();
    for text in [long, "長い説明文。".repeat(1_700)] {
        let document = with_text_in_cell(&text);
        let pdf = render_pdf(&document, &FONTS).unwrap();
        let read = squeezed(&poppler_text("pdftotext", &["-raw", "-", "-"], &pdf));
        let tail: String = text
            .chars()
            .rev()
            .take(5)
            .collect::<Vec<_>>()
            .into_iter()
            .rev()
            .collect();
        let count = |c: char, s: &str| s.chars().filter(|x| *x == c).count();
        let c = text.chars().next().unwrap();
        assert!(read.contains(&tail));
        let (set, given) = (count(c, &read), count(c, &text));
        assert!(set >= given, "{set} of {given} {c} are set");
        render_docx(&document).unwrap();
        render_xlsx(&document).unwrap();
    }
}

fn with_text_in_cell(text: &str) -> Document {
    let mut report = common::status_report(2);
    report.sections.clear();
    report.rows[0].response = text.into();
    Document::StatusReport(report)
}

#[test]
fn rare_kanji_and_right_to_left_are_shown_and_missing_ones_named() {
    let pdf = render_pdf(&with_text_in_cell("𠮷野家 髙島屋 﨑 彅"), &FONTS).unwrap();
    assert!(squeezed(&pdf_text(&pdf)).contains("𠮷野家髙島屋﨑彅"));
    let fonts = String::from_utf8(poppler_file("pdffonts", &pdf)).unwrap();
    assert!(
        fonts.contains("BIZUDGothic") && fonts.contains("NotoSansCJK"),
        "{fonts}"
    );
    let pdf = render_pdf(&with_text_in_cell("שלום は平和のこと"), &FONTS).unwrap();
    assert!(squeezed(&pdf_text(&pdf)).contains("は平和のこと"));
    let error = render_pdf(&with_text_in_cell("象形文字𓀀です"), &FONTS).unwrap_err();
    let Error::MissingGlyph {
        characters,
        context,
        ..
    } = &error
    else {
        panic!("{error}")
    };
    assert_eq!(
        (characters.as_str(), context.as_str()),
        ("𓀀 (U+13000)", "象形文字𓀀です")
    );
    // Word carries the text as it is: the reader's machine has its own faces.
    render_docx(&with_text_in_cell("象形文字𓀀です")).unwrap();
}

/// Tools that cannot read standard input get a file.
fn poppler_file(tool: &str, pdf: &[u8]) -> Vec<u8> {
    let path =
        std::env::temp_dir().join(format!("mamori-document-{tool}-{}.pdf", std::process::id()));
    std::fs::write(&path, pdf).unwrap();
    let out = poppler(tool, &[path.to_str().unwrap()], b"");
    std::fs::remove_file(path).unwrap();
    out
}

#[test]
fn word_has_header_rows_language_styles_and_schema_order() {
    let document = Document::StatusReport(common::status_report(3));
    let parts = unzip(&render_docx(&document).unwrap());
    for (name, xml) in &parts {
        assert_well_formed(name, xml);
    }
    let body = &parts["word/document.xml"];
    let tables = body.matches("<w:tbl>").count();
    assert_eq!(
        body.matches("<w:tblHeader/>").count(),
        tables,
        "each table has its header row"
    );
    assert!(parts["word/styles.xml"].contains("<w:lang w:val=\"ja-JP\" w:eastAsia=\"ja-JP\""));
    assert!(parts["docProps/core.xml"].contains("<dc:language>ja-JP</dc:language>"));
    assert!(
        parts["docProps/core.xml"].contains(
            "<dc:title>ここシェルジュ運用システム等保守管理状況報告書（10月分）</dc:title>"
        )
    );
    assert!(
        parts["word/footer1.xml"].contains(" PAGE ")
            && parts["word/footer1.xml"].contains(" NUMPAGES ")
    );
    assert_eq!(body.matches("<w:pStyle w:val=\"Heading1\"/>").count(), 4);
    insta::assert_snapshot!(
        "docx-status_report",
        body.replace("<w:p>", "\n<w:p>")
            .replace("<w:tr>", "\n<w:tr>")
    );
}

/// ECMA-376 gives the children of these elements an order that Word insists on.
#[test]
fn word_properties_stand_in_the_order_of_the_schema() {
    let paragraph = [
        "pStyle",
        "keepNext",
        "keepLines",
        "pageBreakBefore",
        "numPr",
        "pBdr",
        "shd",
        "tabs",
        "autoSpaceDE",
        "autoSpaceDN",
        "spacing",
        "ind",
        "jc",
        "outlineLvl",
        "rPr",
    ];
    let run = [
        "rFonts", "b", "bCs", "color", "sz", "szCs", "bdr", "shd", "lang",
    ];
    let cell = ["tcW", "gridSpan", "vMerge", "shd", "vAlign"];
    let table = [
        "tblStyle",
        "tblW",
        "tblInd",
        "tblBorders",
        "tblLayout",
        "tblCellMar",
        "tblLook",
        "tblCaption",
    ];
    for document in common::all() {
        for (name, xml) in unzip(&render_docx(&document).unwrap()) {
            for (element, order) in [
                ("pPr", &paragraph[..]),
                ("rPr", &run[..]),
                ("tcPr", &cell[..]),
                ("tblPr", &table[..]),
            ] {
                for piece in xml.split(&format!("<w:{element}>")).skip(1) {
                    let inside = piece.split(&format!("</w:{element}>")).next().unwrap();
                    let places: Vec<usize> = children(inside)
                        .iter()
                        .map(|child| {
                            order.iter().position(|o| o == child).unwrap_or_else(|| {
                                panic!("{name}: {child} in {element} is not in this test's list")
                            })
                        })
                        .collect();
                    assert!(places.is_sorted(), "{name}: {inside}");
                }
            }
        }
    }
}

/// Names of the direct children of an element's content.
fn children(xml: &str) -> Vec<String> {
    let mut reader = quick_xml::Reader::from_str(xml);
    reader.config_mut().check_end_names = false;
    let (mut depth, mut names) = (0, Vec::new());
    loop {
        use quick_xml::events::Event;
        let name = |n: &str| n.to_owned();
        match reader.read_event().unwrap() {
            Event::Eof => return names,
            Event::Start(e) => {
                if depth == 0 {
                    names.push(name(e.local_name().as_ref()));
                }
                depth += 1;
            }
            Event::End(_) => depth -= 1,
            Event::Empty(e) if depth == 0 => names.push(name(e.local_name().as_ref())),
            _ => {}
        }
    }
}

#[test]
fn excel_reads_back_with_numbers_dates_and_a_sum() {
    let document = Document::StatusReport(common::status_report(5));
    let parts = unzip(&render_xlsx(&document).unwrap());
    for (name, xml) in &parts {
        assert_well_formed(name, xml);
    }
    assert!(parts["docProps/core.xml"].contains("<dc:language>ja-JP</dc:language>"));
    let sheet = &parts["xl/worksheets/sheet1.xml"];
    // Samples 2 and 3 carry ※: 90 + 30 minutes.
    assert!(sheet.contains("<f>SUMIF(E"), "{sheet}");
    assert!(
        sheet.contains("</f><v>2</v>"),
        "the sum's result is stored: {sheet}"
    );
    assert!(sheet.contains("<v>1.5</v>") && sheet.contains("<v>0.75</v>"));
    // 2026-10-01 is day 46296 of Excel's calendar.
    assert!(sheet.contains("<v>46296</v>"), "{sheet}");
    assert!(sheet.contains("state=\"frozen\"") && sheet.contains("fitToHeight=\"0\""));
    assert!(!sheet.contains("<mergeCell"));
    assert!(parts["xl/workbook.xml"].contains("_xlnm.Print_Titles"));
}

#[test]
fn a_paper_without_a_table_has_no_excel() {
    let error = render_xlsx(&Document::ConsultationRecord(common::consultation())).unwrap_err();
    assert!(
        matches!(&error, Error::NoTable(title) if title == "協議書"),
        "{error}"
    );
}

#[test]
fn charts_that_cannot_be_drawn_are_an_error_in_every_format() {
    let mut report = common::status_report(1);
    report.sections = vec![Section::new("図").chart(Chart::Gauge(Gauge {
        title: "使用".into(),
        unit: String::new(),
        value: f64::NAN,
        limit: 7.0,
        undecided: 0.0,
        decimals: 0,
    }))];
    let document = Document::StatusReport(report);
    assert!(matches!(
        render_pdf(&document, &FONTS),
        Err(Error::Invalid(_))
    ));
    assert!(matches!(render_docx(&document), Err(Error::Invalid(_))));
    assert!(matches!(render_xlsx(&document), Err(Error::Invalid(_))));
}

#[test]
fn a_draft_has_an_open_date_and_a_second_version_names_its_day() {
    let mut document = Document::StatusReport(common::status_report(1));
    let head = document.head_mut();
    head.issued_on = None;
    head.status = Status::Draft;
    let text = render_text(&document);
    assert!(
        text.contains("令和　　年　　月　　日") && text.contains("〔案〕第1版"),
        "{text}"
    );
    render_pdf(&document, &FONTS).unwrap();
    let head = document.head_mut();
    head.version = 2;
    head.replaced_on = Some(jiff::civil::date(2026, 11, 12));
    assert!(render_text(&document).contains("第2版　令和8年11月12日（木）差替え"));
}

#[test]
fn the_total_counts_only_what_counts() {
    let report = common::status_report(5);
    assert_eq!(report.minutes(Counts::Yes), 120);
    assert_eq!(report.total_in_words(), "2時間");
    let text = render_text(&Document::StatusReport(report));
    assert!(text.contains("・上記仕様該当合計時間： 2時間"));
    assert!(text.contains("協議中の作業：1件 0.75時間"));
}

#[test]
fn papers_survive_json() {
    for document in common::all() {
        let json = serde_json::to_string(&document).unwrap();
        let back: Document = serde_json::from_str(&json).unwrap();
        assert_eq!(document, back);
    }
}

/// Fields across and down.
const GRID: (usize, usize) = (8, 12);

/// Ink per field of a coarse grid: tells whether a page still looks alike, whatever the exact face.
fn ink(pgm: &[u8]) -> (usize, usize, Vec<u32>) {
    let header: Vec<&[u8]> = pgm.splitn(4, |b| *b == b'\n').collect();
    let size = String::from_utf8(header[1].to_vec()).unwrap();
    let (w, h) = size.split_once(' ').unwrap();
    let (w, h): (usize, usize) = (w.parse().unwrap(), h.parse().unwrap());
    let pixels = header[3];
    let mut sums = vec![0u64; GRID.0 * GRID.1];
    for y in 0..h {
        for x in 0..w {
            let field = (y * GRID.1 / h) * GRID.0 + x * GRID.0 / w;
            sums[field] += u64::from(255 - pixels[y * w + x]);
        }
    }
    let area = (w * h / (GRID.0 * GRID.1)) as u64;
    // Per mille of full black.
    (
        w,
        h,
        sums.iter()
            .map(|s| (s * 1000 / (area * 255)) as u32)
            .collect(),
    )
}

#[test]
fn first_pages_look_as_they_were_accepted() {
    let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/ink");
    let write = std::env::var_os("UPDATE_INK").is_some();
    for document in common::all() {
        let pdf = render_pdf(&document, &FONTS).unwrap();
        let pgm = poppler(
            "pdftoppm",
            &["-r", "50", "-gray", "-f", "1", "-l", "1", "-"],
            &pdf,
        );
        let (w, h, fields) = ink(&pgm);
        let path = dir.join(format!("{}.json", document.kind()));
        if write {
            std::fs::create_dir_all(&dir).unwrap();
            std::fs::write(
                &path,
                serde_json::to_string(&(w, h, &fields)).unwrap() + "\n",
            )
            .unwrap();
            continue;
        }
        let accepted = std::fs::read_to_string(&path).unwrap_or_else(|e| {
            panic!(
                "{}: {e}. Look at the page, then run with UPDATE_INK=1",
                path.display()
            )
        });
        let (aw, ah, accepted): (usize, usize, Vec<u32>) = serde_json::from_str(&accepted).unwrap();
        assert_eq!((w, h), (aw, ah), "{}: page size", document.kind());
        let distance: u32 = fields
            .iter()
            .zip(&accepted)
            .map(|(a, b)| a.abs_diff(*b))
            .sum();
        let total: u32 = accepted.iter().sum();
        assert!(
            distance * 100 <= total * 15,
            "{}: {distance} of {total} ‰ ink moved. Look at the page; if it is right, UPDATE_INK=1",
            document.kind()
        );
    }
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config { cases: 24, ..Default::default() })]

    /// Any text of characters the faces have passes through typst, Word and Excel unread.
    #[test]
    fn any_text_is_set_as_text(text in "[ -~ぁ-んァ-ヶ一-三\\n\\t\u{0}-\u{1f}]{1,80}") {
        let document = with_text(&text);
        let pdf = render_pdf(&document, &FONTS);
        proptest::prop_assert!(pdf.is_ok(), "{:?}", pdf.err());
        for (name, xml) in unzip(&render_docx(&document).unwrap()) {
            assert_well_formed(&name, &xml);
        }
        for (name, xml) in unzip(&render_xlsx(&document).unwrap()) {
            assert_well_formed(&name, &xml);
        }
    }
}
