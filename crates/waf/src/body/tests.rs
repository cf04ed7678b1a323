use proptest::prelude::*;

use super::multipart::Multipart;
use super::*;

#[derive(Default)]
struct Pairs(Vec<(String, String)>);

impl Sink for Pairs {
    fn value(&mut self, name: &[u8], value: &[u8]) -> bool {
        self.0.push((
            String::from_utf8_lossy(name).into_owned(),
            String::from_utf8_lossy(value).into_owned(),
        ));
        self.0.len() < 1000
    }
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

#[test]
fn forms() {
    let mut found = Pairs::default();
    let outcome = urlencoded::parse(b"a=1&b=%E3%81%82+x&&c&=d", b'&', |n, v| found.value(n, v));
    assert_eq!(outcome, urlencoded::Outcome::default());
    assert_eq!(
        found.0,
        pairs(&[("a", "1"), ("b", "あ x"), ("c", ""), ("", "d")])
    );
    assert!(urlencoded::parse(b"a=%zz", b'&', |_, _| true).invalid);
    assert!(urlencoded::parse(b"a=1&b=2", b'&', |_, _| false).stopped);
}

#[test]
fn json_values_have_paths() {
    let mut found = Pairs::default();
    let text =
        br#" {"a":{"b":[1,"x\u3042\ud83d\ude00\n",{"c":null}],"e":{}},"d":true,"n":-1.5e+3} "#;
    json::parse(text, 10, &mut found).expect("valid");
    assert_eq!(
        found.0,
        pairs(&[
            ("json.a.b.0", "1"),
            ("json.a.b.1", "xあ😀\n"),
            ("json.a.b.2.c", "null"),
            ("json.a.b", "3"),
            ("json.a.e", ""),
            ("json.d", "true"),
            ("json.n", "-1.5e+3"),
        ])
    );
}

#[test]
fn broken_json_is_reported() {
    for text in [
        "",
        "{",
        "[1,]",
        "{\"a\"}",
        "{\"a\":1,}",
        "\"\\x\"",
        "01x",
        "[1]2",
        "tru",
        "[[[[",
        "{a:1}",
        "\"\n\"",
    ] {
        assert!(
            json::parse(text.as_bytes(), 3, &mut Pairs::default()).is_err(),
            "{text}"
        );
    }
    let deep = "[".repeat(100_000);
    assert!(json::parse(deep.as_bytes(), 1_000_000, &mut Pairs::default()).is_err());
}

#[test]
fn xml_texts_and_attributes() {
    let mut found = Pairs::default();
    xml::parse(
        b"<?xml version='1.0'?><a x='1&lt;2'>t&amp;u<!-- c -->v<b>w</b><![CDATA[<z>]]></a>",
        10,
        &mut found,
    )
    .expect("valid");
    assert_eq!(
        found.0,
        pairs(&[("//@*", "1<2"), ("/*", "t&uv"), ("/*", "w"), ("/*", "<z>")])
    );
    for text in ["", "<a>", "<a></b>", "x", "<a><b><c></c></b></a>"] {
        assert!(
            xml::parse(text.as_bytes(), 2, &mut Pairs::default()).is_err(),
            "{text}"
        );
    }
}

fn multipart(content_type: &str, body: &str) -> (Multipart, Result<(), BodyError>) {
    let mut reader = Multipart::new(content_type.as_bytes(), 10, 100);
    reader.feed(body.as_bytes());
    let outcome = reader.finish();
    (reader, outcome)
}

const TYPE: &str = "multipart/form-data; boundary=B";

#[test]
fn parts_of_a_form() {
    let (reader, outcome) = multipart(
        TYPE,
        "--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nx\r\ny\r\n--B\r\n\
         Content-Disposition: form-data; name=\"f\"; filename=\"写真.jpg\"\r\nContent-Type: image/jpeg\r\n\r\nDATA\r\n--B--\r\n",
    );
    assert_eq!(outcome, Ok(()));
    assert!(!reader.flags.strict_error(), "{:?}", reader.flags);
    assert_eq!(reader.parts[0].value, b"x\r\ny");
    assert_eq!(
        reader.parts[1].filename.as_deref(),
        Some("写真.jpg".as_bytes())
    );
    assert_eq!(reader.parts[1].size, 4);
    assert!(reader.parts[1].value.is_empty());
    assert_eq!(reader.parts[1].headers.len(), 2);
}

#[test]
fn what_readers_differ_about_is_flagged() {
    let part = "Content-Disposition: form-data; name=\"a\"\r\n\r\nx\r\n";
    let flags = |content_type: &str, body: &str| multipart(content_type, body).0.flags;
    assert!(
        flags(
            "multipart/form-data; boundary=\"B\"",
            &format!("--B\r\n{part}--B--\r\n")
        )
        .boundary_quoted
    );
    assert!(
        flags(
            "multipart/form-data, boundary=B",
            &format!("--B\r\n{part}--B--\r\n")
        )
        .missing_semicolon
    );
    assert!(flags(TYPE, &format!("x\r\n--B\r\n{part}--B--\r\n")).data_before);
    assert!(flags(TYPE, &format!("--B\r\n{part}--B--\r\nx")).data_after);
    assert!(flags(TYPE, &format!("--B\n{part}--B--\r\n")).lf_line);
    assert!(
        flags(
            TYPE,
            "--B\r\nContent-Disposition: form-data;\r\n name=\"a\"\r\n\r\nx\r\n--B--\r\n"
        )
        .header_folding
    );
    assert!(
        flags(
            TYPE,
            "--B\r\nContent-Disposition: form-data; name=\"a\"b\"\r\n\r\nx\r\n--B--\r\n"
        )
        .invalid_quoting
    );
    assert!(flags(TYPE, "--B\r\nX: y\r\n\r\nx\r\n--B--\r\n").invalid_part);
    assert_eq!(
        flags(TYPE, &format!("--B\r\n{part}--Bx\r\n--B--\r\n")).unmatched_boundary,
        1
    );
    assert_eq!(
        flags(TYPE, &format!("--B\r\n{part}--C\r\n--B--\r\n")).unmatched_boundary,
        2
    );
    for broken in [
        "",
        "--B\r\n",
        &format!("--B\r\n{part}"),
        "--B\r\nContent-Disposition: form-data; name=a; name=b\r\n\r\n--B--",
    ] {
        assert!(multipart(TYPE, broken).1.is_err(), "{broken:?}");
    }
    assert!(multipart("multipart/form-data", "").1.is_err());
}

#[test]
fn a_large_file_costs_one_line() {
    let mut reader = Multipart::new(TYPE.as_bytes(), 10, 100);
    reader.feed(b"--B\r\nContent-Disposition: form-data; name=\"f\"; filename=\"x\"\r\n\r\n");
    let chunk = vec![0u8; 65_536];
    for _ in 0..1000 {
        reader.feed(&chunk);
    }
    assert!(reader.kept < 100);
    reader.feed(b"\r\n--B--\r\n");
    assert_eq!(reader.finish(), Ok(()));
    assert_eq!(reader.parts[0].size, 65_536_000);
}

proptest! {
    #[test]
    fn bodies_never_panic(input in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = json::parse(&input, 5, &mut Pairs::default());
        let _ = xml::parse(&input, 5, &mut Pairs::default());
        urlencoded::parse(&input, b'&', |_, _| true);
        let mut reader = Multipart::new(TYPE.as_bytes(), 2, 10);
        reader.feed(&input);
        let _ = reader.finish();
        let _ = Multipart::new(&input, 1, 1);
    }

    /// Where the chunks are cut changes nothing.
    #[test]
    fn cuts_change_nothing(
        pieces in proptest::collection::vec(proptest::sample::select(vec![
            "--B\r\n", "--B--\r\n", "--B", "\r\n", "\n", "Content-Disposition: form-data; name=\"a\"\r\n\r\n",
            "x", "--", " y", "Content-Disposition: form-data; name=a; filename=b\r\n\r\n", "\r",
        ]), 0..24),
        cut in 1usize..7,
    ) {
        let body = pieces.concat();
        let (whole, outcome) = multipart(TYPE, &body);
        let mut cutter = Multipart::new(TYPE.as_bytes(), 10, 100);
        for chunk in body.as_bytes().chunks(cut) {
            cutter.feed(chunk);
        }
        prop_assert_eq!(cutter.finish(), outcome);
        prop_assert_eq!(cutter.parts, whole.parts);
        prop_assert_eq!(cutter.flags, whole.flags);
    }

    #[test]
    fn json_of_serde_reads_the_same(text in "[a-zあ\"\\\\\n<]{0,20}", number in any::<i64>()) {
        let value = serde_json::json!({"k": [text, number]});
        let mut found = Pairs::default();
        json::parse(value.to_string().as_bytes(), 5, &mut found).expect("valid");
        prop_assert_eq!(&found.0[0].1, &text);
        prop_assert_eq!(&found.0[1].1, &number.to_string());
    }
}
