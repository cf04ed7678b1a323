//! Requests as browsers send them, as bytes.

use std::fmt::Write as _;

use serde_json::json;

use super::texts::Writer;

/// The name of the site that the firewall guards.
pub const GUARDED: &str = "www.city.example.jp";
/// The name of the site that it leaves alone.
pub const OPEN: &str = "open.city.example.jp";

/// What a browser of our time sends beside.
const BROWSER: &[(&str, &str)] = &[
    (
        "User-Agent",
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36",
    ),
    (
        "Accept",
        "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
    ),
    ("Accept-Language", "ja,en-US;q=0.9,en;q=0.8"),
    ("Accept-Encoding", "gzip, deflate, br, zstd"),
    ("Sec-Fetch-Site", "same-origin"),
    ("Sec-Fetch-Mode", "navigate"),
    ("Sec-Fetch-Dest", "document"),
    ("Upgrade-Insecure-Requests", "1"),
    (
        "Referer",
        "https://www.city.example.jp/soshiki/kurashi/index.html",
    ),
    (
        "Cookie",
        "_ga=GA1.2.1234567890.1700000000; wp-settings-time-3=1764000000; font_size=large",
    ),
];

const PAGES: &[&str] = &[
    "/",
    "/soshiki/kurashi/gomi/1234.html",
    "/?s=%E3%81%94%E3%81%BF+%E5%8F%8E%E9%9B%86%E6%97%A5",
    "/wp-content/themes/city/style.css?ver=6.8.1",
    "/wp-content/uploads/2026/11/koho-11.pdf",
    "/wp-json/wp/v2/posts?per_page=10&_embed=1",
    "/kosodate/nursery/list/page/3/?area=nishi&order=asc",
    "/event/calendar/?year=2026&month=11&category%5B%5D=1&category%5B%5D=4",
    "/%E5%B8%82%E6%94%BF%E6%83%85%E5%A0%B1/%E5%85%A5%E6%9C%AD/",
    "/search?q=%22%E4%BD%8F%E6%B0%91%E7%A5%A8%22+%E3%82%B3%E3%83%B3%E3%83%93%E3%83%8B&utm_source=line&utm_medium=social",
];

/// What must be refused.
pub fn attack() -> Vec<u8> {
    get(
        GUARDED,
        "/?id=1%27%20UNION%20SELECT%20password%20FROM%20users--%20",
    )
}

/// Pages that people ask for.
pub fn pages(host: &str) -> Vec<Vec<u8>> {
    PAGES.iter().map(|page| get(host, page)).collect()
}

/// Pages asked for once each by people who were never here: browser, way here, cookies and address are
/// each one's own.
pub fn strangers(host: &str, count: usize) -> Vec<Vec<u8>> {
    let stranger = |at: usize| {
        let page = PAGES[at % PAGES.len()];
        let mark = if page.contains('?') { '&' } else { '?' };
        let mut head = format!("GET {page}{mark}visit={at} HTTP/1.1\r\nHost: {host}\r\n");
        for (name, value) in BROWSER {
            let own = match *name {
                "User-Agent" => value.replace("141.0.0.0", &format!("{}.0.{at}.0", 100 + at % 41)),
                "Referer" => value.replace("index", &format!("page-{at}")),
                "Cookie" => value.replace("1234567890", &format!("{}", 1_234_567_890 + at * 7919)),
                _ => (*value).to_owned(),
            };
            let _ = write!(head, "{name}: {own}\r\n");
        }
        head.push_str("\r\n");
        head.into_bytes()
    };
    (0..count).map(stranger).collect()
}

/// A page asked for by a browser.
pub fn get(host: &str, target: &str) -> Vec<u8> {
    let mut head = head("GET", host, target);
    head.push_str("\r\n");
    head.into_bytes()
}

/// A body sent by a browser.
pub fn post(target: &str, kind: &str, body: &[u8]) -> Vec<u8> {
    let mut head = head("POST", GUARDED, target);
    let _ = write!(
        head,
        "Origin: https://{GUARDED}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let mut bytes = head.into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

fn head(method: &str, host: &str, target: &str) -> String {
    let mut head = format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\n");
    for (name, value) in BROWSER {
        let _ = write!(head, "{name}: {value}\r\n");
    }
    head
}

/// A form sent by a browser.
pub fn form(target: &str, fields: &[(&str, &str)]) -> Vec<u8> {
    let pairs: Vec<String> = fields
        .iter()
        .map(|(name, value)| format!("{}={}", encoded(name), encoded(value)))
        .collect();
    post(
        target,
        "application/x-www-form-urlencoded",
        pairs.join("&").as_bytes(),
    )
}

/// The city's contact form with a text of some hundred to some thousand letters.
pub fn contact(writer: &mut Writer, sentences: usize) -> Vec<u8> {
    let (name, kana, address) = (writer.name(), writer.kana(), writer.address());
    let (phone, mail, text) = (writer.phone(), writer.mail(), writer.inquiry(sentences));
    form(
        "/contact/",
        &[
            ("your-name", &name),
            ("your-kana", &kana),
            ("your-address", &address),
            ("your-tel", &phone),
            ("your-email", &mail),
            ("your-message", &text),
            ("_wpcf7_unit_tag", "wpcf7-f1234-p56-o1"),
        ],
    )
}

/// A short field: an address in a form, or a name or a title in a search.
pub fn short(writer: &mut Writer, at: usize) -> Vec<u8> {
    match at % 4 {
        0 => form("/apply/step2", &[("address", &writer.address())]),
        1 => form(
            "/apply/step2",
            &[("tel", &writer.phone()), ("email", &writer.mail())],
        ),
        2 => get(
            GUARDED,
            &format!("/search?address={}", encoded(&writer.address())),
        ),
        _ => get(GUARDED, &format!("/?s={}", encoded(&writer.title()))),
    }
}

/// Saving a post in the classic editor.
pub fn classic(writer: &mut Writer, parts: usize) -> Vec<u8> {
    let (title, content, excerpt) = (writer.title(), writer.classic(parts), writer.inquiry(1));
    form(
        "/wp-admin/post.php",
        &[
            ("_wpnonce", "1a2b3c4d5e"),
            (
                "_wp_http_referer",
                "/wp-admin/post.php?post=123&action=edit",
            ),
            ("user_ID", "3"),
            ("action", "editpost"),
            ("originalaction", "editpost"),
            ("post_author", "3"),
            ("post_type", "post"),
            ("original_post_status", "publish"),
            (
                "referredby",
                "https://www.city.example.jp/wp-admin/edit.php",
            ),
            ("post_ID", "123"),
            ("post_title", &title),
            ("content", &content),
            ("hidden_post_status", "publish"),
            ("post_status", "publish"),
            ("visibility", "public"),
            ("mm", "11"),
            ("jj", "23"),
            ("aa", "2026"),
            ("hh", "10"),
            ("mn", "00"),
            ("save", "更新"),
            ("post_category[]", "5"),
            ("tax_input[post_tag]", "お知らせ,防災"),
            ("excerpt", &excerpt),
            ("comment_status", "closed"),
            ("post_name", "oshirase-2026"),
        ],
    )
}

/// Saving a post in the block editor.
pub fn blocks(writer: &mut Writer, parts: usize) -> Vec<u8> {
    let value = json!({
        "id": 123,
        "title": writer.title(),
        "content": writer.blocks(parts),
        "excerpt": writer.inquiry(1),
        "status": "publish",
        "categories": [5, 8],
        "tags": [12],
        "meta": { "footnotes": "" },
    });
    post(
        "/wp-json/wp/v2/posts/123?_locale=user",
        "application/json",
        value.to_string().as_bytes(),
    )
}

/// A contact form of about so many bytes as it is sent.
pub fn large(writer: &mut Writer, bytes: usize) -> Vec<u8> {
    let mut text = String::new();
    while encoded(&text).len() < bytes {
        text.push_str(&writer.inquiry(40));
    }
    form("/contact/", &[("your-message", &text)])
}

/// Percent encoding as forms do it.
pub fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'*' => {
                out.push(char::from(byte));
            }
            b' ' => out.push('+'),
            _ => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_says_its_length() {
        let text = String::from_utf8(form("/a", &[("名", "a b&c")])).expect("text");
        let (head, body) = text.split_once("\r\n\r\n").expect("a head");
        assert_eq!(body, "%E5%90%8D=a+b%26c");
        assert!(head.starts_with("POST /a HTTP/1.1\r\nHost: www.city.example.jp\r\n"));
        assert!(head.contains(&format!("Content-Length: {}", body.len())));
    }

    #[test]
    fn a_large_form_is_as_large_as_was_asked_for() {
        let bytes = large(&mut Writer::new(1), 128 * 1024).len();
        assert!((128 * 1024..160 * 1024).contains(&bytes), "{bytes}");
    }
}
