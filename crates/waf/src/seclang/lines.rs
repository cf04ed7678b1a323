//! From the bytes of a rule file to directives with their arguments.

use crate::error::{LoadError, Place, Problem};

/// One directive: its name, its arguments without quotes, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Directive {
    pub(crate) name: String,
    pub(crate) arguments: Vec<String>,
    pub(crate) place: Place,
}

/// Reads a file into directives. Comments and blank lines fall away, a backslash at the end of a
/// line joins it with the next one.
pub(crate) fn directives(file: &str, bytes: &[u8]) -> Result<Vec<Directive>, LoadError> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let before = &bytes[..error.valid_up_to()];
        let lines = memchr::memchr_iter(b'\n', before).count();
        Problem::NotText.at(&Place {
            file: file.to_owned(),
            line: u32::try_from(lines + 1).unwrap_or(u32::MAX),
        })
    })?;
    let mut found = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((at, line)) = lines.next() {
        let start = line.trim_start_matches(['\u{feff}', ' ', '\t']);
        if start.trim().is_empty() || start.starts_with('#') {
            continue;
        }
        let place = Place {
            file: file.to_owned(),
            line: u32::try_from(at + 1).unwrap_or(u32::MAX),
        };
        let mut whole = String::new();
        let mut part = start;
        while let Some(open) = part.trim_end_matches('\r').strip_suffix('\\') {
            whole.push_str(open);
            match lines.next() {
                Some((_, next)) => part = next,
                None => part = "",
            }
        }
        whole.push_str(part.trim_end());
        let mut words = words(&whole).map_err(|problem| problem.at(&place))?;
        if words.is_empty() {
            continue;
        }
        let name = words.remove(0);
        found.push(Directive {
            name,
            arguments: words,
            place,
        });
    }
    Ok(found)
}

/// Splits at white space; double (or single) quotes hold a word together, `\"` is a quote inside.
fn words(line: &str) -> Result<Vec<String>, Problem> {
    let mut words = Vec::new();
    let mut rest = line.trim();
    while let Some(first) = rest.chars().next() {
        if first == '"' || first == '\'' {
            let mut word = String::new();
            let mut escaped = false;
            let mut end = None;
            for (at, c) in rest.char_indices().skip(1) {
                if escaped {
                    if c != first {
                        word.push('\\');
                    }
                    word.push(c);
                    escaped = false;
                } else if c == '\\' {
                    escaped = true;
                } else if c == first {
                    end = Some(at + 1);
                    break;
                } else {
                    word.push(c);
                }
            }
            let end = end.ok_or(Problem::UnclosedQuote)?;
            words.push(word);
            rest = &rest[end..];
        } else {
            let end = rest
                .find(|c: char| c.is_ascii_whitespace())
                .unwrap_or(rest.len());
            words.push(rest[..end].to_owned());
            rest = &rest[end..];
        }
        rest = rest.trim_start();
    }
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn continuations_quotes_and_comments() {
        let text = b"# c \\\nSecRule ARGS \"@rx a\\\"b\\s\" \\\n  \"id:1,\\\n  deny\"\r\n\nSecRuleEngine On";
        let read = directives("x", text).expect("reads");
        assert_eq!(read.len(), 2);
        assert_eq!(read[0].place.line, 2);
        assert_eq!(read[0].arguments, ["ARGS", "@rx a\"b\\s", "id:1,  deny"]);
        assert_eq!(read[1].place.line, 6);
    }

    #[test]
    fn an_open_quote_is_an_error_with_its_line() {
        let error = directives("f.conf", b"\nSecRule ARGS \"x").expect_err("open");
        assert_eq!(error.place.to_string(), "f.conf:2");
        assert_eq!(error.problem, Problem::UnclosedQuote);
    }
}
