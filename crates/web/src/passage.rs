//! Japanese passages in pages of another language: each is marked `lang="ja"`, so that a screen
//! reader speaks it and a browser breaks its lines as Japanese (WCAG 3.1.2).
//!
//! What the contract says, what the city and the contractor wrote and most names are Japanese
//! whatever language somebody reads the console in, and they stand everywhere: in cells, sentences,
//! headings, choices. So they are found in the page as it is sent, in one place, rather than marked
//! by every template that may come upon one. A template marks only what is Japanese as a whole: a
//! paper, a clause.
//!
//! It reads what our own templates write (tags closed, attributes in double quotes, texts escaped)
//! and is no parser of foreign HTML.

use std::ops::Range;

/// Elements that have no end tag.
const VOID: [&str; 8] = ["br", "hr", "img", "input", "link", "meta", "source", "wbr"];
/// Elements that hold a text and no `span`: they take the attribute themselves.
const TEXT_ONLY: [&str; 6] = ["option", "title", "textarea", "text", "tspan", "desc"];
const ATTRIBUTE: &str = " lang=\"ja\"";

/// An element that is open.
struct Open<'h> {
    name: &'h str,
    japanese: bool,
    has_lang: bool,
}

/// The page with its Japanese passages marked; a Japanese page as it is.
pub(crate) fn marked(html: String) -> String {
    let foreign = html
        .split_once("<html lang=\"")
        .is_some_and(|(_, rest)| !rest.starts_with("ja\""));
    if foreign {
        Marker::new(&html).run()
    } else {
        html
    }
}

struct Marker<'h> {
    html: &'h str,
    out: String,
    open: Vec<Open<'h>>,
    /// Nothing stands between the last start tag and here.
    fresh: bool,
}

impl<'h> Marker<'h> {
    fn new(html: &'h str) -> Self {
        Self {
            html,
            out: String::with_capacity(html.len() + html.len() / 8),
            open: Vec::new(),
            fresh: false,
        }
    }

    fn run(mut self) -> String {
        let mut rest = self.html;
        while let Some(at) = rest.find('<') {
            let (text, tag) = rest.split_at(at);
            let (tag, after) = tag.split_at(tag_length(tag));
            self.text(text, tag);
            self.tag(tag);
            rest = after;
        }
        self.out.push_str(rest);
        self.out
    }

    fn tag(&mut self, tag: &'h str) {
        self.out.push_str(tag);
        self.fresh = false;
        if let Some(name) = tag.strip_prefix("</") {
            let name = name.trim_end_matches('>').trim_end();
            if let Some(at) = self.open.iter().rposition(|open| open.name == name) {
                self.open.truncate(at);
            }
            return;
        }
        let name = tag[1..]
            .split(|sign: char| sign.is_ascii_whitespace() || matches!(sign, '>' | '/'))
            .next()
            .unwrap_or_default();
        if tag.starts_with("<!") || tag.ends_with("/>") || VOID.contains(&name) {
            return;
        }
        let within = self.open.last().is_some_and(|open| open.japanese);
        let has_lang = tag.contains(" lang=\"");
        self.open.push(Open {
            name,
            japanese: tag.contains(ATTRIBUTE) || within && !has_lang,
            has_lang,
        });
        self.fresh = true;
    }

    fn text(&mut self, text: &str, next: &str) {
        if text.is_empty() {
            return;
        }
        let fresh = std::mem::replace(&mut self.fresh, false);
        let Some(open) = self.open.last().filter(|open| !open.japanese) else {
            self.out.push_str(text);
            return;
        };
        let passages = passages(text);
        let takes_attribute = fresh && !open.has_lang;
        if passages.is_empty() {
            self.out.push_str(text);
        } else if TEXT_ONLY.contains(&open.name) {
            if takes_attribute {
                self.mark_start_tag();
            }
            self.out.push_str(text);
        } else if takes_attribute && next.starts_with("</") && is_all(&passages, text) {
            self.mark_start_tag();
            self.out.push_str(text);
        } else {
            self.wrap(text, &passages);
        }
    }

    /// Puts the attribute into the start tag that was written last.
    fn mark_start_tag(&mut self) {
        self.out.truncate(self.out.len() - 1);
        self.out.push_str(ATTRIBUTE);
        self.out.push('>');
    }

    fn wrap(&mut self, text: &str, passages: &[Range<usize>]) {
        // A line of text stays one item where its element lays out its parts (a badge, a button).
        let mixed = !is_all(passages, text);
        if mixed {
            self.out.push_str("<span>");
        }
        let mut done = 0;
        for passage in passages {
            self.out.push_str(&text[done..passage.start]);
            self.out.push_str("<span lang=\"ja\">");
            self.out.push_str(&text[passage.clone()]);
            self.out.push_str("</span>");
            done = passage.end;
        }
        self.out.push_str(&text[done..]);
        if mixed {
            self.out.push_str("</span>");
        }
    }
}

/// Bytes of the tag that a text begins with; a `>` within an attribute does not end it.
fn tag_length(tag: &str) -> usize {
    let mut quoted = false;
    for (at, byte) in tag.bytes().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            b'>' if !quoted => return at + 1,
            _ => {}
        }
    }
    tag.len()
}

/// Whether the only passage is the whole text, but for spaces around it.
fn is_all(passages: &[Range<usize>], text: &str) -> bool {
    let start = text.len() - text.trim_start().len();
    matches!(passages, [only] if only.start == start && only.end == text.trim_end().len())
}

/// Kana and kanji; a bracket or a wide space alone is no Japanese.
fn is_japanese(sign: char) -> bool {
    matches!(sign,
        '\u{3005}'..='\u{3007}' | '\u{3041}'..='\u{30ff}' | '\u{31f0}'..='\u{31ff}'
        | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}'
        | '\u{ff66}'..='\u{ff9f}' | '\u{20000}'..='\u{3134f}')
}

/// The Japanese passages of a text: words between spaces that hold Japanese, taken together with
/// what stands between them unless that holds words of another language.
fn passages(text: &str) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    if text.is_ascii() {
        return found;
    }
    let mut at = 0;
    for word in text.split(char::is_whitespace) {
        let own = at..at + word.len();
        let between = text[own.end..].chars().next().map_or(0, char::len_utf8);
        at = own.end + between;
        if !word.contains(is_japanese) {
            continue;
        }
        match found.last_mut() {
            Some(last)
                if !text[last.end..own.start].contains(|sign: char| sign.is_ascii_alphabetic()) =>
            {
                last.end = own.end;
            }
            _ => found.push(own),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(body: &str) -> String {
        format!("<!doctype html><html lang=\"en\"><body>{body}</body></html>")
    }

    #[track_caller]
    fn becomes(body: &str, expected: &str) {
        assert_eq!(marked(page(body)), page(expected));
    }

    #[test]
    fn an_element_that_is_japanese_takes_the_attribute() {
        becomes(
            "<td class=\"long\">毎月10日までに 提出</td>",
            "<td class=\"long\" lang=\"ja\">毎月10日までに 提出</td>",
        );
        becomes("<p> 契約\n</p>", "<p lang=\"ja\"> 契約\n</p>");
        becomes("<bdi>田中 花子</bdi>", "<bdi lang=\"ja\">田中 花子</bdi>");
    }

    #[test]
    fn a_passage_within_a_sentence_gets_an_element() {
        becomes(
            "<p>Rule: 毎月10日 (仕様書 5(2) による) and 別紙2.</p>",
            "<p><span>Rule: <span lang=\"ja\">毎月10日 (仕様書 5(2) による)</span> and \
             <span lang=\"ja\">別紙2.</span></span></p>",
        );
        becomes(
            "<a href=\"/x\">契約 <span>open</span></a>",
            "<a href=\"/x\"><span lang=\"ja\">契約</span> <span>open</span></a>",
        );
        becomes(
            "<td>3 &amp; 契約<br>協議</td>",
            "<td><span>3 &amp; <span lang=\"ja\">契約</span></span><br><span lang=\"ja\">協議</span></td>",
        );
    }

    #[test]
    fn what_holds_text_only_takes_the_attribute_whole() {
        becomes(
            "<option value=\"a\">田中 (Manager)</option>",
            "<option value=\"a\" lang=\"ja\">田中 (Manager)</option>",
        );
        becomes(
            "<svg><title>Hours of 十月</title><text x=\"1\">10月</text></svg>",
            "<svg><title lang=\"ja\">Hours of 十月</title><text x=\"1\" lang=\"ja\">10月</text></svg>",
        );
        becomes(
            "<textarea rows=\"3\">\n所見</textarea>",
            "<textarea rows=\"3\" lang=\"ja\">\n所見</textarea>",
        );
    }

    #[test]
    fn what_is_marked_or_not_japanese_stays() {
        for body in [
            "<div lang=\"ja\"><p>契約 <b>第1条</b></p></div>",
            "<p>Paper 3（draft）　10 November</p>",
            "<p data-why=\"契約>第1条\">a <input value=\"契約\"> b</p>",
            "<p>é — “x” &#38; ‧ 한국어</p>",
        ] {
            becomes(body, body);
        }
        // Within Japanese something may be said in the page's language, and within that not.
        becomes(
            "<p lang=\"ja\">契約<b lang=\"en\">signed 署名</b></p><p>after 後</p>",
            "<p lang=\"ja\">契約<b lang=\"en\"><span>signed <span lang=\"ja\">署名</span></span></b></p>\
             <p><span>after <span lang=\"ja\">後</span></span></p>",
        );
    }

    #[test]
    fn a_japanese_page_is_not_touched() {
        let page = "<!doctype html><html lang=\"ja\"><p>契約</p></html>";
        assert_eq!(marked(page.to_owned()), page);
        assert_eq!(marked("契約".to_owned()), "契約");
    }

    #[test]
    fn nothing_but_marks_is_added() {
        let body = "<ul><li>一<li>two 二</ul><br/><!-- 注 --><p>三</p>終<";
        let with = marked(page(body));
        let without = with
            .replace("<span lang=\"ja\">", "")
            .replace("<span>", "")
            .replace("</span>", "")
            .replace(ATTRIBUTE, "");
        assert_eq!(without, page(body));
    }
}
