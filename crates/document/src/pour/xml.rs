//! A flat view of an XML part: tags with their byte ranges, so that text can be replaced in place
//! and all else copied as it was.

use quick_xml::Reader;
use quick_xml::events::Event;

use crate::error::{Error, Result};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tag {
    Open,
    Close,
    Empty,
}

/// A tag and where it stands in the source.
#[derive(Debug, Clone)]
pub(super) struct Mark<'a> {
    pub(super) tag: Tag,
    /// Name without prefix.
    pub(super) name: &'a str,
    pub(super) from: usize,
    pub(super) to: usize,
}

/// Deepest nesting accepted.
const MAX_DEPTH: usize = 256;

/// All tags of a part. Refuses broken XML, other encodings and document type declarations.
pub(super) fn marks<'a>(source: &'a str, part: &str) -> Result<Vec<Mark<'a>>> {
    let refuse = |why: String| Error::Form(format!("{part}：{why}"));
    let mut reader = Reader::from_str(source);
    reader.config_mut().check_end_names = true;
    let mut out = Vec::new();
    let mut depth = 0usize;
    loop {
        let from = reader.buffer_position() as usize;
        let event = reader
            .read_event()
            .map_err(|e| refuse(format!("XML が壊れています：{e}")))?;
        let to = reader.buffer_position() as usize;
        let tag = match event {
            Event::Eof => break,
            Event::DocType(_) => {
                return Err(refuse(
                    "文書型宣言（DOCTYPE）のある様式は受け付けません".into(),
                ));
            }
            Event::Start(_) => {
                depth += 1;
                Tag::Open
            }
            Event::End(_) => {
                depth = depth.saturating_sub(1);
                Tag::Close
            }
            Event::Empty(_) => Tag::Empty,
            _ => continue,
        };
        if depth > MAX_DEPTH {
            return Err(refuse(format!("要素の入れ子が {MAX_DEPTH} を超えています")));
        }
        out.push(Mark {
            tag,
            name: local_name(&source[from..to]),
            from,
            to,
        });
    }
    if depth != 0 {
        return Err(refuse("XML が途中で切れています".into()));
    }
    Ok(out)
}

/// `<w:tr …>` → `tr`.
fn local_name(tag: &str) -> &str {
    let inner = tag.trim_start_matches(['<', '/']);
    let end = inner
        .find(|c: char| c.is_whitespace() || c == '>' || c == '/')
        .unwrap_or(inner.len());
    let name = &inner[..end];
    name.rsplit_once(':').map_or(name, |(_, local)| local)
}

/// The text of a part, which must be UTF-8 as Office writes it.
pub(super) fn text<'a>(bytes: &'a [u8], part: &str) -> Result<&'a str> {
    std::str::from_utf8(bytes)
        .map_err(|_| Error::Form(format!("{part}：文字コードが UTF-8 ではありません")))
}

/// Text content between two tags, with the predefined entities resolved.
pub(super) fn unescape(raw: &str, part: &str) -> Result<String> {
    if raw.contains('<') {
        // CDATA or comments inside a text: Office never writes them; leaving them alone is safe.
        return Ok(String::new());
    }
    quick_xml::escape::unescape(raw)
        .map(std::borrow::Cow::into_owned)
        .map_err(|e| Error::Form(format!("{part}：文字参照が不正です：{e}")))
}

/// Value of an attribute in a tag's source.
pub(super) fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    let (from, to) = attribute_range(tag, name)?;
    Some(&tag[from..to])
}

/// Byte range of an attribute's value within the tag's source.
pub(super) fn attribute_range(tag: &str, name: &str) -> Option<(usize, usize)> {
    let mut at = 0;
    while let Some(found) = tag[at..].find(name).map(|i| at + i) {
        let before = tag[..found].chars().next_back();
        let rest = tag[found + name.len()..].trim_start();
        if before.is_some_and(char::is_whitespace)
            && let Some(rest) = rest.strip_prefix('=')
        {
            let rest = rest.trim_start();
            let quote = rest.chars().next()?;
            if quote == '"' || quote == '\'' {
                let from = tag.len() - rest.len() + 1;
                let to = from + tag[from..].find(quote)?;
                return Some((from, to));
            }
        }
        at = found + name.len();
    }
    None
}

/// The tag with an attribute's value replaced.
pub(super) fn with_attribute(tag: &str, name: &str, value: &str) -> String {
    match attribute_range(tag, name) {
        Some((from, to)) => format!("{}{value}{}", &tag[..from], &tag[to..]),
        None => tag.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_found_by_whole_name() {
        let tag = "<c  rr='x' r = \"B7\" s='3'>";
        assert_eq!(attribute(tag, "r"), Some("B7"));
        assert_eq!(attribute(tag, "s"), Some("3"));
        assert_eq!(attribute(tag, "t"), None);
        assert_eq!(
            with_attribute(tag, "r", "B9"),
            "<c  rr='x' r = \"B9\" s='3'>"
        );
    }

    #[test]
    fn broken_and_hostile_parts_are_refused() {
        for bad in [
            "<a><b></a>",
            "<a>",
            "<!DOCTYPE x [<!ENTITY a \"b\">]><x/>",
            &"<a>".repeat(300),
        ] {
            assert!(marks(bad, "p").is_err(), "{bad}");
        }
        assert_eq!(
            marks("<?xml version=\"1.0\"?><w:a><b/></w:a>", "p")
                .unwrap()
                .len(),
            3
        );
    }
}
