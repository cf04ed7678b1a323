//! What somebody typed, in the message that refuses it.

/// Whether nothing of a text can be seen.
pub fn is_empty(text: &str) -> bool {
    text.chars().all(|c| {
        c.is_whitespace()
            || c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}')
    })
}

/// Begins such a message: `「13」は時刻として読めません`. Of a text in which nothing can be seen it says
/// that it is empty, as 「」 tells nobody what is wrong. What to write instead follows after a 。.
pub fn wrong(text: &str, why: &str) -> String {
    if is_empty(text) {
        "空欄です".to_owned()
    } else {
        format!("「{text}」{why}")
    }
}

#[cfg(test)]
mod tests {
    use super::wrong;

    #[test]
    fn what_is_empty_is_called_empty_and_what_is_there_is_shown() {
        for empty in ["", " ", "\u{3000}\t\r\n", "\u{200b}", "\0"] {
            assert_eq!(wrong(empty, "は読めません"), "空欄です", "{empty:?}");
        }
        assert_eq!(wrong(" 13", "は読めません"), "「 13」は読めません");
    }
}
