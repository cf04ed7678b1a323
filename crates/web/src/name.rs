//! Names of people: the one they sign in with, and the one that pages show.

use crate::account::AccountError;

/// Checks a name for signing in.
pub fn check_name(name: &str) -> Result<(), AccountError> {
    let fits = (2..=32).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b));
    if fits {
        Ok(())
    } else {
        Err(AccountError::Name(name.to_owned()))
    }
}

/// Most characters of a name for pages.
pub(crate) const MOST_SIGNS: usize = 60;

/// What is wrong with a name for pages: without one nobody could be told from others, and one that
/// is cut off is not what was typed. Signs that change the line are left out by [`shown`].
pub(crate) fn check_shown(name: &str) -> Result<(), String> {
    let typed = name.trim();
    if shown(typed).is_empty() {
        return Err("名前を書いてください".to_owned());
    }
    let count = typed.chars().count();
    if count > MOST_SIGNS {
        return Err(format!(
            "{MOST_SIGNS}文字以内で書いてください（いま{count}文字）"
        ));
    }
    Ok(())
}

/// A name for pages: without what would confuse a line of text.
pub(crate) fn shown(name: &str) -> String {
    name.trim()
        .chars()
        .filter(|sign| !sign.is_control() && !is_direction(*sign))
        .take(MOST_SIGNS)
        .collect()
}

/// Whether a text has letters that are written from right to left, or signs that turn the
/// direction of writing: it must be kept apart from what stands beside it.
pub(crate) fn turns(text: &str) -> bool {
    !text.is_ascii()
        && text.chars().any(|sign| {
            is_direction(sign)
                || matches!(sign, '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{feff}' | '\u{10800}'..='\u{10fff}' | '\u{1e800}'..='\u{1efff}')
        })
}

/// A text that turns ([`turns`]) between signs that keep it apart, for sentences made of several
/// texts (UAX #9: isolates). What it opens ends with it.
pub fn apart(text: &str) -> String {
    const FIRST_STRONG: char = '\u{2068}';
    const POP: char = '\u{2069}';
    if !turns(text) {
        return text.to_owned();
    }
    let mut open = 0;
    let mut shown = String::from(FIRST_STRONG);
    for sign in text.chars() {
        match sign {
            '\u{2066}'..='\u{2068}' => open += 1,
            // One that closes nothing here would close ours.
            POP if open == 0 => continue,
            POP => open -= 1,
            _ => {}
        }
        shown.push(sign);
    }
    shown.extend(std::iter::repeat_n(POP, open + 1));
    shown
}

/// Signs that turn the direction of what follows them.
fn is_direction(sign: char) -> bool {
    matches!(sign, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_would_be_cut_off_or_empty_are_told() {
        for fine in [
            "田中 花子",
            " 田中\u{202e} ",
            "😀",
            "محمد",
            &"あ".repeat(60),
        ] {
            assert_eq!(check_shown(fine), Ok(()), "{fine}");
        }
        for (wrong, said) in [
            ("", "書いて"),
            (" \u{200f}", "書いて"),
            (&"あ".repeat(61), "いま61文字"),
        ] {
            let message = check_shown(wrong).expect_err("refused");
            assert!(message.contains(said), "{message}");
        }
    }

    #[test]
    fn texts_that_turn_are_known() {
        for turning in ["a محمد", "שלום", "x\u{202e}y", "\u{2067}"] {
            assert!(turns(turning), "{turning}");
        }
        for plain in ["", "abc", "田中 花子", "😀👩‍👩‍👧‍👦", "é̂", "（令和8年）"]
        {
            assert!(!turns(plain), "{plain}");
        }
    }

    #[test]
    fn what_turns_is_kept_apart_and_closed() {
        for (text, shown) in [
            ("田中", "田中"),
            ("محمد", "\u{2068}محمد\u{2069}"),
            ("a\u{202e}b", "\u{2068}a\u{202e}b\u{2069}"),
            ("a\u{2067}b", "\u{2068}a\u{2067}b\u{2069}\u{2069}"),
            (
                "a\u{2069}\u{2067}b\u{2069}",
                "\u{2068}a\u{2067}b\u{2069}\u{2069}",
            ),
        ] {
            assert_eq!(apart(text), shown, "{text:?}");
        }
    }

    #[test]
    fn shown_names_hold_no_signs_that_change_the_line() {
        assert_eq!(shown("  田中\u{202e} 花子\n\u{7}😀 "), "田中 花子😀");
        assert_eq!(shown(&"あ".repeat(100)).chars().count(), 60);
        assert_eq!(shown("\u{200f}"), "");
    }
}
