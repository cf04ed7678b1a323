//! Bodies that make inspection costly, in two sizes: twice the bytes may cost little more than twice
//! the time.

use super::requests::{form, post};
use super::texts::Writer;

/// Bytes of the smaller body.
pub const SIZE: usize = 48 * 1024;

/// Makes a request of about so many bytes.
type Make = fn(usize) -> Vec<u8>;

/// What is sent, and what makes it.
pub const CASES: &[(&str, Make)] = &[
    ("one letter", |size| value(&"a".repeat(size))),
    ("quotes", |size| value(&"'".repeat(size / 3))),
    ("open tags", |size| value(&"<a ".repeat(size / 5))),
    ("open brackets", |size| value(&"(((".repeat(size / 9))),
    ("encoded twice", |size| value(&"%2525".repeat(size / 7))),
    ("words of SQL", |size| {
        value(&"union select ".repeat(size / 13))
    }),
    ("comments", |size| value(&"/*x*/".repeat(size / 9))),
    ("steps up", |size| value(&"../".repeat(size / 5))),
    ("entities", |size| value(&"&#x3c;".repeat(size / 12))),
    ("escapes", |size| value(&"\\u003c".repeat(size / 8))),
    ("spaces", |size| value(&format!("x{}x", " ".repeat(size)))),
    ("commands", |size| value(&";cat /e".repeat(size / 11))),
    ("Japanese", japanese),
    ("many parameters", |size| plain("a=1&", size)),
    ("JSON of lists", |size| json("[1],", size)),
    ("JSON of names", |size| json("{\"a\":\"'\"},", size)),
    ("XML", xml),
    ("parts", parts),
];

fn value(text: &str) -> Vec<u8> {
    form("/contact/", &[("your-message", text)])
}

fn japanese(size: usize) -> Vec<u8> {
    let mut writer = Writer::new(99);
    let mut text = String::new();
    // Three bytes of a letter are nine as they are sent.
    while text.len() * 3 < size {
        text.push_str(&writer.inquiry(4));
    }
    value(&text)
}

fn plain(part: &str, size: usize) -> Vec<u8> {
    let body = part.repeat(size / part.len());
    post(
        "/contact/",
        "application/x-www-form-urlencoded",
        body.as_bytes(),
    )
}

fn json(part: &str, size: usize) -> Vec<u8> {
    let body = format!("[{}0]", part.repeat(size / part.len()));
    post("/api/items", "application/json", body.as_bytes())
}

fn xml(size: usize) -> Vec<u8> {
    let part = "<a b=\"c\">d</a>";
    let body = format!("<all>{}</all>", part.repeat(size / part.len()));
    post("/api/items", "application/xml", body.as_bytes())
}

fn parts(size: usize) -> Vec<u8> {
    let part = "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n";
    let body = format!("{}--b--\r\n", part.repeat(size / part.len()));
    post(
        "/contact/",
        "multipart/form-data; boundary=b",
        body.as_bytes(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twice_the_size_is_twice_the_bytes() {
        for (name, make) in CASES {
            let (one, two) = (make(SIZE).len() as f64, make(2 * SIZE).len() as f64);
            assert!((0.8..1.5).contains(&(one / SIZE as f64)), "{name}: {one}");
            assert!((1.9..2.05).contains(&(two / one)), "{name}: {one}, {two}");
        }
    }
}
