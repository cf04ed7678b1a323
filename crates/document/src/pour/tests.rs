use super::*;
use crate::zipped::Part;

fn archive(parts: &[(&str, &str)]) -> Vec<u8> {
    let parts: Vec<Part> = parts
        .iter()
        .map(|(name, text)| Part {
            name: (*name).into(),
            bytes: text.as_bytes().to_vec(),
        })
        .collect();
    pack(&parts, "様式").unwrap()
}

fn part(bytes: &[u8], name: &str) -> String {
    let parts = unpack(bytes).unwrap();
    String::from_utf8(parts.into_iter().find(|p| p.name == name).unwrap().bytes).unwrap()
}

fn data() -> PourData {
    let text = |s: &str| s.to_owned();
    PourData {
        values: [
            ("title", "報告書 <&>"),
            ("note", "一行目\n二行目"),
            ("total", "5.5"),
        ]
        .map(|(k, v)| (text(k), text(v)))
        .into(),
        rows: [(
            text("work"),
            RowSet {
                fields: vec![text("event"), text("hours")],
                rows: vec![
                    vec![text("画像の差替え"), text("1.5")],
                    vec![text("{{title}}"), text("0.5")],
                    vec![text("文言"), text("007")],
                ],
            },
        )]
        .into(),
    }
}

const W: &str = "xmlns:w=\"http://schemas.openxmlformats.org/wordprocessingml/2006/main\"";

fn word(body: &str) -> Vec<u8> {
    archive(&[
        ("[Content_Types].xml", "<Types/>"),
        (
            "word/document.xml",
            &format!("<?xml version=\"1.0\"?><w:document {W}><w:body>{body}</w:body></w:document>"),
        ),
        ("word/media/seal.png", "not touched"),
    ])
}

#[test]
fn a_placeholder_split_over_runs_is_filled() {
    let form = word(
        "<w:p><w:r><w:t>前{</w:t></w:r><w:proofErr/><w:r><w:rPr><w:b/></w:rPr><w:t>{ti</w:t></w:r><w:r><w:t>tle}}後</w:t></w:r></w:p><w:p><w:r><w:t>{{note}}</w:t></w:r></w:p>",
    );
    let out = pour(&form, &data()).unwrap();
    let xml = part(&out, "word/document.xml");
    assert!(xml.contains("前報告書 &lt;&amp;&gt;"), "{xml}");
    assert!(xml.contains(">後</w:t>") && xml.contains("<w:proofErr/>") && xml.contains("<w:b/>"));
    assert!(xml.contains("一行目</w:t><w:br/><w:t xml:space=\"preserve\">二行目"));
    assert!(!xml.contains("{{") && !xml.contains("}}"));
    assert_eq!(part(&out, "word/media/seal.png"), "not touched");
}

#[test]
fn table_rows_are_repeated_and_values_are_not_read_again() {
    let form = word(
        "<w:tbl><w:tr><w:trPr><w:tblHeader/></w:trPr><w:tc><w:p><w:r><w:t>事象</w:t></w:r></w:p></w:tc></w:tr><w:tr><w:tc><w:p><w:r><w:t>{{rows.work.event}}</w:t></w:r></w:p></w:tc><w:tc><w:p><w:r><w:t>{{ rows.work.hours }}時間</w:t></w:r></w:p></w:tc></w:tr></w:tbl>",
    );
    let xml = part(&pour(&form, &data()).unwrap(), "word/document.xml");
    assert_eq!(xml.matches("<w:tr>").count(), 4, "{xml}");
    assert_eq!(xml.matches("<w:tblHeader/>").count(), 1);
    assert!(xml.contains("1.5時間") && xml.contains("0.5時間"));
    assert!(
        xml.contains("{{title}}"),
        "a value that looks like a placeholder stays text"
    );
    let empty = PourData {
        rows: [(
            "work".to_owned(),
            RowSet {
                fields: vec!["event".into(), "hours".into()],
                rows: vec![],
            },
        )]
        .into(),
        ..data()
    };
    let xml = part(&pour(&form, &empty).unwrap(), "word/document.xml");
    assert_eq!(xml.matches("<w:tr>").count(), 2, "one blank row stays");
    assert!(!xml.contains("{{"));
}

#[test]
fn unknown_names_are_listed_with_a_suggestion() {
    let form = word("<w:p><w:r><w:t>{{titel}} {{zzz}} {{title}}</w:t></w:r></w:p>");
    let Error::UnknownPlaceholders(list) = pour(&form, &data()).unwrap_err() else {
        panic!()
    };
    assert_eq!(list, ["{{titel}}（もしかして {{title}}）", "{{zzz}}"]);
}

#[test]
fn misplaced_placeholders_are_refused() {
    for (body, word_in_error) in [
        (
            "<w:p><w:r><w:t>{{rows.work.event}}</w:t></w:r></w:p>",
            "表の行の中",
        ),
        (
            "<w:p><w:r><w:t>差し込みなし</w:t></w:r></w:p>",
            "一つもありません",
        ),
        (
            "<w:tbl><w:tr><w:tc><w:p><w:r><w:t>{{rows.a.x}}{{rows.b.x}}</w:t></w:r></w:p></w:tc></w:tr></w:tbl>",
            "二つの一覧",
        ),
    ] {
        let error = pour(&word(body), &data()).unwrap_err().to_string();
        assert!(error.contains(word_in_error), "{error}");
    }
}

fn excel(sheet: &str, strings: &str) -> Vec<u8> {
    archive(&[
        (
            "[Content_Types].xml",
            "<Types><Override PartName=\"/xl/calcChain.xml\" ContentType=\"c\"/></Types>",
        ),
        (
            "xl/workbook.xml",
            "<workbook xmlns:r=\"r\"><sheets><sheet name=\"様式\" sheetId=\"1\" r:id=\"rId1\"/></sheets><definedNames><definedName name=\"_xlnm.Print_Area\" localSheetId=\"0\">様式!$A$1:$C$6</definedName></definedNames><calcPr calcId=\"1\"/></workbook>",
        ),
        (
            "xl/_rels/workbook.xml.rels",
            "<Relationships><Relationship Id=\"rId1\" Target=\"worksheets/sheet1.xml\"/><Relationship Id=\"rId9\" Target=\"calcChain.xml\"/></Relationships>",
        ),
        ("xl/calcChain.xml", "<calcChain/>"),
        ("xl/sharedStrings.xml", &format!("<sst>{strings}</sst>")),
        (
            "xl/worksheets/sheet1.xml",
            &format!("<worksheet>{sheet}</worksheet>"),
        ),
    ])
}

#[test]
fn sheet_rows_are_repeated_and_what_is_below_moves() {
    let strings = "<si><t>{{title}}</t><rPh sb=\"0\" eb=\"1\"><t>フリガナ</t></rPh></si><si><r><t>{{rows.work</t></r><r><t>.event}}</t></r></si><si><t>{{rows.work.hours}}</t></si><si><t>計</t></si>";
    let sheet = "<dimension ref=\"A1:C6\"/><sheetData><row r=\"1\"><c r=\"A1\" s=\"1\" t=\"s\"><v>0</v></c></row><row r=\"5\" ht=\"20\"><c r=\"A5\" s=\"2\" t=\"s\"><v>1</v></c><c r=\"B5\" s=\"3\"/><c r=\"C5\" s=\"4\" t=\"s\"><v>2</v></c></row><row r=\"6\"><c r=\"A6\" t=\"s\"><v>3</v></c><c r=\"C6\"><f>SUM(C5:C5)</f><v>0</v></c></row></sheetData><mergeCells count=\"2\"><mergeCell ref=\"A5:B5\"/><mergeCell ref=\"A6:B6\"/></mergeCells>";
    let out = pour(&excel(sheet, strings), &data()).unwrap();
    let xml = part(&out, "xl/worksheets/sheet1.xml");
    assert!(xml.contains("<dimension ref=\"A1:C8\"/>"), "{xml}");
    assert!(xml.contains("<c r=\"A1\" s=\"1\" t=\"inlineStr\"><is><t xml:space=\"preserve\">報告書 &lt;&amp;&gt;</t></is></c>"), "{xml}");
    assert!(xml.contains("<row r=\"7\" ht=\"20\">") && xml.contains("<row r=\"8\">"));
    assert!(
        xml.contains("<c r=\"C5\" s=\"4\"><v>1.5</v></c>"),
        "a number stays a number: {xml}"
    );
    assert!(
        xml.contains("<t xml:space=\"preserve\">007</t>"),
        "a code stays text: {xml}"
    );
    assert!(xml.contains("<c r=\"C8\"><f>SUM(C5:C7)</f></c>"), "{xml}");
    assert!(xml.contains("<mergeCells><mergeCell ref=\"A5:B5\"/><mergeCell ref=\"A6:B6\"/><mergeCell ref=\"A7:B7\"/><mergeCell ref=\"A8:B8\"/></mergeCells>"), "{xml}");
    let book = part(&out, "xl/workbook.xml");
    assert!(
        book.contains("様式!$A$1:$C$8") && book.contains("fullCalcOnLoad=\"1\""),
        "{book}"
    );
    assert!(
        unpack(&out)
            .unwrap()
            .iter()
            .all(|p| !p.name.contains("calcChain"))
    );
    assert!(!part(&out, "[Content_Types].xml").contains("calcChain"));
    assert!(!part(&out, "xl/_rels/workbook.xml.rels").contains("calcChain"));
    assert!(
        part(&out, "xl/sharedStrings.xml").contains("{{title}}"),
        "shared strings stay as they were"
    );
}

#[test]
fn hostile_forms_are_refused_with_a_reason() {
    let bomb = {
        let zeros = "<a/>".repeat(60_000_000 / 4);
        // Four parts of 60 MB each, a few kilobytes packed.
        let parts: Vec<(String, &str)> = (0..4)
            .map(|i| (format!("word/x{i}.xml"), zeros.as_str()))
            .collect();
        let refs: Vec<(&str, &str)> = parts.iter().map(|(n, t)| (n.as_str(), *t)).collect();
        archive(&refs)
    };
    let mut cut = word("<w:p><w:r><w:t>{{title}}</w:t></w:r></w:p>");
    cut.truncate(cut.len() / 2);
    let doctype = archive(&[(
        "word/document.xml",
        "<!DOCTYPE a [<!ENTITY a \"aaaa\">]><a>&a;</a>",
    )]);
    let escape = archive(&[("../evil.xml", "x"), ("word/document.xml", "<a/>")]);
    let absolute = archive(&[("/etc/evil", "x"), ("word/document.xml", "<a/>")]);
    let broken = archive(&[("word/document.xml", "<a><b></a>")]);
    let neither = archive(&[("readme.txt", "x")]);
    for (form, reason) in [
        (bomb, "展開すると"),
        (cut, "読めません"),
        (doctype, "DOCTYPE"),
        (escape, "名前が不正"),
        (absolute, "名前が不正"),
        (broken, "XML が壊れています"),
        (neither, "Word（.docx）でも Excel"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".to_vec(), "パスワード"),
        (b"plain text".to_vec(), "読めません"),
        (Vec::new(), "読めません"),
    ] {
        let error = pour(&form, &data()).unwrap_err().to_string();
        assert!(error.contains(reason), "expected {reason}: {error}");
    }
}

#[test]
fn an_encrypted_part_is_refused() {
    // Bit 0 of the general purpose flags says encrypted: set it in both headers of a sound file.
    let mut form = word("<w:p><w:r><w:t>{{title}}</w:t></w:r></w:p>");
    for (signature, flags) in [(b"PK\x03\x04", 6), (b"PK\x01\x02", 8)] {
        let hits: Vec<usize> = (0..form.len() - 4)
            .filter(|i| form[*i..].starts_with(signature))
            .collect();
        for hit in hits {
            form[hit + flags] |= 1;
        }
    }
    let error = pour(&form, &data()).unwrap_err().to_string();
    assert!(
        error.contains("暗号化") || error.contains("パスワード"),
        "{error}"
    );
}

#[test]
fn broken_braces_are_the_forms_own_text() {
    assert!(holes("{{}} {{ }} {{a{b}} {{a\nb}} }}{{").is_empty());
    assert_eq!(holes("{{{title}}}").len(), 1);
    assert_eq!(
        holes("あ{{x}}い{{ y }}う")
            .iter()
            .map(|h| h.name.as_str())
            .collect::<Vec<_>>(),
        ["x", "y"]
    );
}

proptest::proptest! {
    #[test]
    fn any_value_survives_xml(value in "\\PC{0,60}") {
        let mut data = data();
        data.values.insert("title".into(), value.clone());
        let form = word("<w:p><w:r><w:t>[{{title}}]</w:t></w:r></w:p>");
        let xml = part(&pour(&form, &data).unwrap(), "word/document.xml");
        let marks = xml::marks(&xml, "p").unwrap();
        let mut text = String::new();
        for pair in marks.windows(2) {
            if pair[0].name == "t" && pair[0].tag == xml::Tag::Open {
                text.push_str(&xml::unescape(&xml[pair[0].to..pair[1].from], "p").unwrap());
            }
        }
        let expected = clean(&value).replace('\n', "");
        proptest::prop_assert_eq!(text, format!("[{expected}]"));
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..400)) {
        let _ = pour(&bytes, &data());
    }

    #[test]
    fn no_text_makes_the_search_panic(text in "[{}a あ\\n]{0,40}") {
        for hole in holes(&text) {
            proptest::prop_assert!(text[hole.from..hole.to].starts_with("{{"));
        }
    }
}
