//! The fixed parts of a Word file: styles, header, footer, properties.

use std::fmt::Write as _;

use quick_xml::escape::escape;

use super::run;
use crate::clean::line;
use crate::letter::Letterhead;

pub(super) const XML: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n";
pub(super) const NAMESPACES: &str = "xmlns:w=\"http://schemas.openxmlformats.org/wordprocessingml/2006/main\" xmlns:r=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships\"";
const FACE: &str = "BIZ UDGothic";

pub(super) fn content_types() -> String {
    let kind = |name: &str, kind: &str| {
        format!(
            "<Override PartName=\"{name}\" ContentType=\"application/vnd.openxmlformats-{kind}+xml\"/>"
        )
    };
    let word = "officedocument.wordprocessingml";
    [
        XML,
        "<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\"><Default Extension=\"rels\" ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/><Default Extension=\"xml\" ContentType=\"application/xml\"/>",
        &kind("/word/document.xml", &format!("{word}.document.main")),
        &kind("/word/styles.xml", &format!("{word}.styles")),
        &kind("/word/settings.xml", &format!("{word}.settings")),
        &kind("/word/numbering.xml", &format!("{word}.numbering")),
        &kind("/word/header1.xml", &format!("{word}.header")),
        &kind("/word/footer1.xml", &format!("{word}.footer")),
        &kind("/docProps/core.xml", "package.core-properties"),
        &kind("/docProps/app.xml", "officedocument.extended-properties"),
        "</Types>",
    ]
    .concat()
}

fn rels(list: &[(&str, &str, &str)]) -> String {
    let mut out = format!(
        "{XML}<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">"
    );
    for (id, kind, target) in list {
        let _ = write!(
            out,
            "<Relationship Id=\"{id}\" Type=\"http://schemas.openxmlformats.org/{kind}\" Target=\"{target}\"/>"
        );
    }
    out.push_str("</Relationships>");
    out
}

pub(super) fn root_rels() -> String {
    rels(&[
        (
            "rId1",
            "officeDocument/2006/relationships/officeDocument",
            "word/document.xml",
        ),
        (
            "rId2",
            "package/2006/relationships/metadata/core-properties",
            "docProps/core.xml",
        ),
        (
            "rId3",
            "officeDocument/2006/relationships/extended-properties",
            "docProps/app.xml",
        ),
    ])
}

pub(super) fn document_rels() -> String {
    rels(&[
        (
            "rIdStyles",
            "officeDocument/2006/relationships/styles",
            "styles.xml",
        ),
        (
            "rIdSettings",
            "officeDocument/2006/relationships/settings",
            "settings.xml",
        ),
        (
            "rIdNumbering",
            "officeDocument/2006/relationships/numbering",
            "numbering.xml",
        ),
        (
            "rIdHeader",
            "officeDocument/2006/relationships/header",
            "header1.xml",
        ),
        (
            "rIdFooter",
            "officeDocument/2006/relationships/footer",
            "footer1.xml",
        ),
    ])
}

/// Core properties; the time of creation is the day on the paper, midnight in Japan.
pub(super) fn core(head: &Letterhead) -> String {
    let mut out = format!(
        "{XML}<cp:coreProperties xmlns:cp=\"http://schemas.openxmlformats.org/package/2006/metadata/core-properties\" xmlns:dc=\"http://purl.org/dc/elements/1.1/\" xmlns:dcterms=\"http://purl.org/dc/terms/\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"><dc:title>{}</dc:title><dc:subject>{}</dc:subject><dc:creator>{}</dc:creator><dc:language>ja-JP</dc:language>",
        escape(line(&head.title).as_str()),
        escape(line(&head.subject).as_str()),
        escape(line(&head.sender.name).as_str())
    );
    if let Some(day) = head.issued_on.or(head.replaced_on) {
        // Midnight in Japan is 15:00 UTC of the day before.
        let before = day.yesterday().unwrap_or(day);
        for name in ["created", "modified"] {
            let _ = write!(
                out,
                "<dcterms:{name} xsi:type=\"dcterms:W3CDTF\">{before}T15:00:00Z</dcterms:{name}>"
            );
        }
    }
    let _ = write!(
        out,
        "<cp:version>{}</cp:version></cp:coreProperties>",
        head.version
    );
    out
}

pub(super) fn app(head: &Letterhead) -> String {
    format!(
        "{XML}<Properties xmlns=\"http://schemas.openxmlformats.org/officeDocument/2006/extended-properties\"><Company>{}</Company><Application>Mamori</Application></Properties>",
        escape(line(&head.sender.name).as_str())
    )
}

pub(super) fn settings() -> String {
    format!(
        "{XML}<w:settings {NAMESPACES}><w:zoom w:percent=\"100\"/><w:defaultTabStop w:val=\"840\"/><w:characterSpacingControl w:val=\"compressPunctuation\"/><w:compat><w:compatSetting w:name=\"compatibilityMode\" w:uri=\"http://schemas.microsoft.com/office/word\" w:val=\"15\"/></w:compat><w:themeFontLang w:val=\"ja-JP\" w:eastAsia=\"ja-JP\"/></w:settings>"
    )
}

pub(super) fn styles() -> String {
    let style = |id: &str, name: &str, paragraph: &str, run: &str| {
        format!(
            "<w:style w:type=\"paragraph\" w:styleId=\"{id}\"><w:name w:val=\"{name}\"/><w:basedOn w:val=\"Normal\"/><w:qFormat/><w:pPr>{paragraph}</w:pPr><w:rPr>{run}</w:rPr></w:style>"
        )
    };
    let size = |half_points: u32| {
        format!("<w:sz w:val=\"{half_points}\"/><w:szCs w:val=\"{half_points}\"/>")
    };
    let bold = |half_points: u32| format!("<w:b/><w:bCs/>{}", size(half_points));
    let spacing = |before: u32, after: u32, line: u32| {
        format!(
            "<w:spacing w:before=\"{before}\" w:after=\"{after}\" w:line=\"{line}\" w:lineRule=\"auto\"/>"
        )
    };
    let border = |side: &str| {
        format!("<w:{side} w:val=\"single\" w:sz=\"4\" w:space=\"0\" w:color=\"3C3C3C\"/>")
    };
    [
        format!("{XML}<w:styles {NAMESPACES}><w:docDefaults><w:rPrDefault><w:rPr><w:rFonts w:ascii=\"{FACE}\" w:eastAsia=\"{FACE}\" w:hAnsi=\"{FACE}\" w:cs=\"{FACE}\"/><w:sz w:val=\"21\"/><w:szCs w:val=\"21\"/><w:lang w:val=\"ja-JP\" w:eastAsia=\"ja-JP\" w:bidi=\"ar-SA\"/></w:rPr></w:rPrDefault><w:pPrDefault><w:pPr><w:autoSpaceDE w:val=\"0\"/><w:autoSpaceDN w:val=\"0\"/></w:pPr></w:pPrDefault></w:docDefaults>"),
        format!("<w:style w:type=\"paragraph\" w:default=\"1\" w:styleId=\"Normal\"><w:name w:val=\"Normal\"/><w:qFormat/><w:pPr><w:autoSpaceDE w:val=\"0\"/><w:autoSpaceDN w:val=\"0\"/>{}</w:pPr></w:style>", spacing(0, 120, 320)),
        "<w:style w:type=\"table\" w:default=\"1\" w:styleId=\"TableNormal\"><w:name w:val=\"Normal Table\"/><w:uiPriority w:val=\"99\"/><w:semiHidden/><w:unhideWhenUsed/><w:tblPr><w:tblInd w:w=\"0\" w:type=\"dxa\"/><w:tblCellMar><w:top w:w=\"0\" w:type=\"dxa\"/><w:left w:w=\"108\" w:type=\"dxa\"/><w:bottom w:w=\"0\" w:type=\"dxa\"/><w:right w:w=\"108\" w:type=\"dxa\"/></w:tblCellMar></w:tblPr></w:style>".to_string(),
        style("Title", "Title", &format!("<w:keepNext/>{}<w:jc w:val=\"center\"/>", spacing(360, 280, 300)), &bold(30)),
        style("Heading1", "heading 1", &format!("<w:keepNext/>{}<w:outlineLvl w:val=\"0\"/>", spacing(320, 140, 300)), &bold(23)),
        style("Letterhead", "Letterhead", &spacing(0, 0, 290), ""),
        style("Remark", "Remark", &spacing(0, 120, 290), &size(18)),
        style("Emphasis1", "Emphasized line", &format!("<w:keepNext/>{}", spacing(160, 160, 300)), &bold(22)),
        style("Caption", "caption", &format!("<w:keepNext/>{}", spacing(140, 60, 280)), &bold(19)),
        style("ListParagraph", "List Paragraph", &spacing(0, 60, 300), ""),
        style("TableText", "Table text", &spacing(30, 30, 270), &size(18)),
        style("Gap", "Gap after table", "<w:spacing w:before=\"0\" w:after=\"0\" w:line=\"200\" w:lineRule=\"exact\"/>", &size(12)),
        style("Header", "header", &spacing(0, 0, 240), &size(17)),
        style("Footer", "footer", &spacing(0, 0, 260), &size(14)),
        format!(
            "<w:style w:type=\"table\" w:styleId=\"Ruled\"><w:name w:val=\"Ruled\"/><w:basedOn w:val=\"TableNormal\"/><w:tblPr><w:tblBorders>{}</w:tblBorders><w:tblCellMar><w:top w:w=\"40\" w:type=\"dxa\"/><w:left w:w=\"100\" w:type=\"dxa\"/><w:bottom w:w=\"40\" w:type=\"dxa\"/><w:right w:w=\"100\" w:type=\"dxa\"/></w:tblCellMar></w:tblPr></w:style></w:styles>",
            ["top", "left", "bottom", "right", "insideH", "insideV"].map(border).concat()
        ),
    ]
    .concat()
}

/// List 1 has bullets; lists 2… are numbered (1), (2) and restart each.
pub(super) fn numbering(step_lists: u32) -> String {
    let level = |format: &str, text: &str, indent: u32| {
        format!(
            "<w:multiLevelType w:val=\"singleLevel\"/><w:lvl w:ilvl=\"0\"><w:start w:val=\"1\"/><w:numFmt w:val=\"{format}\"/><w:lvlText w:val=\"{text}\"/><w:lvlJc w:val=\"left\"/><w:pPr><w:ind w:left=\"{indent}\" w:hanging=\"{indent}\"/></w:pPr></w:lvl>"
        )
    };
    let mut out = format!(
        "{XML}<w:numbering {NAMESPACES}><w:abstractNum w:abstractNumId=\"0\">{}</w:abstractNum><w:abstractNum w:abstractNumId=\"1\">{}</w:abstractNum><w:num w:numId=\"1\"><w:abstractNumId w:val=\"0\"/></w:num>",
        level("bullet", "・", 210),
        level("decimal", "(%1)", 480)
    );
    for i in 0..step_lists {
        let _ = write!(
            out,
            "<w:num w:numId=\"{}\"><w:abstractNumId w:val=\"1\"/><w:lvlOverride w:ilvl=\"0\"><w:startOverride w:val=\"1\"/></w:lvlOverride></w:num>",
            i + 2
        );
    }
    out.push_str("</w:numbering>");
    out
}

pub(super) fn header(head: &Letterhead, width: u32) -> String {
    let sample = if head.sample {
        run(
            "<w:b/><w:bCs/><w:color w:val=\"A00000\"/>",
            Letterhead::SAMPLE_LINE,
        )
    } else {
        String::new()
    };
    format!(
        "{XML}<w:hdr {NAMESPACES}><w:p><w:pPr><w:pStyle w:val=\"Header\"/><w:tabs><w:tab w:val=\"center\" w:pos=\"{}\"/><w:tab w:val=\"right\" w:pos=\"{width}\"/></w:tabs></w:pPr><w:r><w:tab/></w:r>{sample}<w:r><w:tab/></w:r>{}</w:p></w:hdr>",
        width / 2,
        run(
            "<w:bdr w:val=\"single\" w:sz=\"4\" w:space=\"0\" w:color=\"auto\"/>",
            &format!(" {} ", head.status.mark())
        )
    )
}

pub(super) fn footer(head: &Letterhead, width: u32) -> String {
    let field = |name: &str| {
        format!(
            "<w:fldSimple w:instr=\" {name} \"><w:r><w:rPr><w:sz w:val=\"17\"/><w:szCs w:val=\"17\"/></w:rPr><w:t>1</w:t></w:r></w:fldSimple>"
        )
    };
    let ledger = head
        .ledger_head
        .as_ref()
        .map(|l| run("", &l.in_words().map(|text| line(&text)).join("\n")))
        .unwrap_or_default();
    let rule =
        "<w:pBdr><w:top w:val=\"single\" w:sz=\"2\" w:space=\"4\" w:color=\"8C8C8C\"/></w:pBdr>";
    let pages = format!(
        "{}{}{}",
        field("PAGE"),
        run("<w:sz w:val=\"17\"/><w:szCs w:val=\"17\"/>", " ／ "),
        field("NUMPAGES")
    );
    format!(
        "{XML}<w:ftr {NAMESPACES}><w:p><w:pPr><w:pStyle w:val=\"Footer\"/>{rule}<w:tabs><w:tab w:val=\"right\" w:pos=\"{width}\"/></w:tabs><w:jc w:val=\"right\"/></w:pPr>{pages}</w:p><w:p><w:pPr><w:pStyle w:val=\"Footer\"/></w:pPr>{ledger}</w:p></w:ftr>"
    )
}
