//! Makes people's text safe for every format without changing what a reader sees.
//!
//! XML 1.0 cannot hold most control characters at all, and direction overrides (U+202E and kin)
//! let a text look different from what it says; both are removed at the one gate all renderers
//! share. A control character that stood for something is shown as the geta mark 〓, so that its
//! loss stays visible.

use std::borrow::Cow;

/// The text as it is set: line ends unified to `\n`, tabs to spaces, controls to 〓, invisible
/// direction and joining marks and variation selectors dropped.
pub(crate) fn clean(text: &str) -> Cow<'_, str> {
    if !text.chars().any(|c| c != '\n' && fate(c) != Fate::Keep) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\r' => {
                if chars.peek() != Some(&'\n') {
                    out.push('\n');
                }
            }
            '\t' => out.push(' '),
            _ => match fate(c) {
                Fate::Keep => out.push(c),
                Fate::Drop => {}
                Fate::Mark => out.push('〓'),
                Fate::Line => out.push('\n'),
            },
        }
    }
    Cow::Owned(out)
}

/// One line: line ends become a space. For titles, headings and names.
pub(crate) fn line(text: &str) -> String {
    clean(text)
        .split('\n')
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

#[derive(PartialEq, Eq)]
enum Fate {
    Keep,
    Drop,
    Mark,
    Line,
}

fn fate(c: char) -> Fate {
    match c {
        '\n' => Fate::Keep,
        '\u{2028}' | '\u{2029}' | '\u{85}' | '\u{b}' | '\u{c}' => Fate::Line,
        // Tab and CR are handled by the caller; here they only mean "not clean".
        '\t' | '\r' => Fate::Mark,
        // Soft hyphen, zero-width, direction marks and overrides, byte order mark, interlinear
        // annotation, variation selectors, tags.
        '\u{ad}'
        | '\u{61c}'
        | '\u{180e}'
        | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{e0000}'..='\u{e0fff}' => Fate::Drop,
        c if c.is_control() => Fate::Mark,
        // Noncharacters U+nFFFE, U+nFFFF, U+FDD0..EF; private use has no agreed shape.
        c if (c as u32) & 0xfffe == 0xfffe => Fate::Mark,
        '\u{fdd0}'..='\u{fdef}' => Fate::Mark,
        _ => Fate::Keep,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_text_is_borrowed_unchanged() {
        let text = "髙﨑 #let $x$ *太字*\n2行目 \\ @ref \"引用\" <w:t>";
        assert!(matches!(clean(text), Cow::Borrowed(t) if t == text));
    }

    #[test]
    fn controls_show_and_direction_marks_go() {
        assert_eq!(
            clean("a\u{0}b\u{1b}[31m\r\nc\rd\te\u{202e}f\u{200b}\u{feff}g\u{2028}h"),
            "a〓b〓[31m\nc\nd ef".to_owned() + "g\nh"
        );
        assert_eq!(clean("葛\u{e0100}飾\u{ffff}"), "葛飾〓");
    }

    #[test]
    fn a_line_has_no_line_end() {
        assert_eq!(line(" 一行目\r\n\n 二行目 "), "一行目 二行目");
    }
}
