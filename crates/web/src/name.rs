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

/// A name for pages: without what would confuse a line of text.
pub(crate) fn shown(name: &str) -> String {
    name.trim()
        .chars()
        .filter(|sign| !sign.is_control() && !is_direction(*sign))
        .take(60)
        .collect()
}

/// Signs that turn the direction of what follows them.
fn is_direction(sign: char) -> bool {
    matches!(sign, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shown_names_hold_no_signs_that_change_the_line() {
        assert_eq!(shown("  田中\u{202e} 花子\n\u{7}😀 "), "田中 花子😀");
        assert_eq!(shown(&"あ".repeat(100)).chars().count(), 60);
        assert_eq!(shown("\u{200f}"), "");
    }
}
