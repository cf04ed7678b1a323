//! Regular expressions: from the dialect of PCRE that rules are written in to an engine that runs
//! in linear time over bytes.
//!
//! The dialects differ in places where a pattern would compile and mean something else; those are
//! rewritten ([`rewrite`]). What cannot run in linear time (look-around, back references) is a load
//! error. Two things are loosened, which can only match more: atomic groups `(?>…)` become plain
//! groups, possessive quantifiers become greedy ones.

use std::sync::OnceLock;

use regex_automata::{Input, Match, meta};
use regex_syntax::hir::Hir;

use crate::error::Problem;

/// A pattern that was read, and its structure.
#[derive(Debug)]
pub(crate) struct Pattern {
    /// The engine.
    pub(crate) regex: LazyRegex,
    /// For the literal analysis while rules are compiled.
    pub(crate) hir: Hir,
}

/// An expression that may wait with being compiled until a value needs it ([`LazyRegex::lazy`]).
///
/// Of the hundreds in a rule set, those that ordinary traffic never comes near would take most of
/// the memory of the process. That they can be compiled is tried when the rules are loaded.
#[derive(Debug, Clone)]
pub(crate) struct LazyRegex {
    rewritten: Box<str>,
    fold: bool,
    lines: bool,
    compiled: OnceLock<Option<meta::Regex>>,
}

impl LazyRegex {
    pub(crate) fn as_str(&self) -> &str {
        &self.rewritten
    }

    pub(crate) fn is_match(&self, value: impl AsRef<[u8]>) -> bool {
        // An attack must not pass by an expression that cannot be had. Not by the library's own
        // `is_match`: where its search from inner literals gives up, that goes on with the slowest
        // of its engines, this with a fast one.
        let input = Input::new(value.as_ref()).earliest(true);
        self.get()
            .is_none_or(|regex| regex.search_half(&input).is_some())
    }

    /// What the groups matched, the whole first; empty where nothing did.
    pub(crate) fn groups(&self, value: &[u8], most: usize) -> Vec<Option<Vec<u8>>> {
        let Some(regex) = self.get() else {
            return Vec::new();
        };
        let mut groups = regex.create_captures();
        regex.captures(value, &mut groups);
        (0..groups.group_len().min(most))
            .map(|at| {
                groups
                    .get_group(at)
                    .map(|span| value[span.range()].to_vec())
            })
            .collect()
    }

    pub(crate) fn find_iter<'v>(&'v self, value: &'v [u8]) -> impl Iterator<Item = Match> + 'v {
        self.get()
            .into_iter()
            .flat_map(move |regex| regex.find_iter(value))
    }

    /// The same, to be compiled again when a value first needs it.
    pub(crate) fn lazy(mut self) -> Self {
        self.compiled = OnceLock::new();
        self
    }

    /// Compiles it now, if it has not been needed yet.
    pub(crate) fn warm(&self) {
        self.get();
    }

    fn get(&self) -> Option<&meta::Regex> {
        self.compiled
            .get_or_init(|| {
                let hir = parse(&self.rewritten, self.fold, self.lines).ok()?;
                compile(&hir).ok()
            })
            .as_ref()
    }
}

/// How much one regular expression may take.
const NFA_LIMIT: usize = 8 << 20;
/// Lazy DFA states kept per expression and thread.
const CACHE: usize = 1 << 20;

impl Pattern {
    /// Compiles a pattern; `fold` makes it ignore ASCII case, as selectors do.
    pub(crate) fn new(pattern: &str, fold: bool) -> Result<Self, Problem> {
        Self::with(pattern, fold, false)
    }

    /// Compiles a pattern whose `^` and `$` hold at every line of a value too.
    pub(crate) fn of_lines(pattern: &str) -> Result<Self, Problem> {
        Self::with(pattern, false, true)
    }

    fn with(pattern: &str, fold: bool, lines: bool) -> Result<Self, Problem> {
        let rewritten = rewrite(pattern)?;
        let hir = parse(&rewritten, fold, lines)?;
        let regex = LazyRegex {
            fold,
            lines,
            compiled: OnceLock::from(Some(compile(&hir)?)),
            rewritten: rewritten.into_boxed_str(),
        };
        Ok(Self { regex, hir })
    }
}

fn parse(rewritten: &str, fold: bool, lines: bool) -> Result<Hir, Problem> {
    regex_syntax::ParserBuilder::new()
        .unicode(false)
        .utf8(false)
        .dot_matches_new_line(true)
        .case_insensitive(fold)
        .multi_line(lines)
        .nest_limit(200)
        .build()
        .parse(rewritten)
        .map_err(|error| Problem::Pattern(one_line(&error.to_string())))
}

fn compile(hir: &Hir) -> Result<meta::Regex, Problem> {
    meta::Builder::new()
        .configure(
            meta::Config::new()
                .utf8_empty(false)
                .nfa_size_limit(Some(NFA_LIMIT))
                .hybrid_cache_capacity(CACHE),
        )
        .build_from_hir(hir)
        .map_err(|error| Problem::Pattern(one_line(&error.to_string())))
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Rewrites PCRE to the dialect of the engine without changing what it means.
pub(crate) fn rewrite(pattern: &str) -> Result<String, Problem> {
    let mut out = String::with_capacity(pattern.len() + 8);
    let chars: Vec<char> = pattern.chars().collect();
    let mut at = 0;
    // Whether the last thing written is a quantifier, for possessive ones.
    let mut after_quantifier = false;
    while at < chars.len() {
        let mut quantifier = false;
        match chars[at] {
            '\\' => at = escape(&chars, at, false, &mut out)?,
            '[' => at = class(&chars, at, &mut out)?,
            '(' => at = group(&chars, at, &mut out)?,
            '{' => {
                if let Some(end) = counted(&chars, at) {
                    out.extend(&chars[at..end]);
                    at = end;
                    quantifier = true;
                } else {
                    out.push_str("\\{");
                    at += 1;
                }
            }
            '}' => {
                out.push_str("\\}");
                at += 1;
            }
            '+' if after_quantifier => at += 1,
            '?' if after_quantifier => {
                out.push('?');
                at += 1;
            }
            c @ ('*' | '+' | '?') => {
                out.push(c);
                at += 1;
                quantifier = true;
            }
            c => {
                out.push(c);
                at += 1;
            }
        }
        after_quantifier = quantifier;
    }
    Ok(out)
}

/// The end of `{2}`, `{2,}` or `{2,3}` that begins at `at`.
fn counted(chars: &[char], at: usize) -> Option<usize> {
    let end = at + chars[at..].iter().position(|c| *c == '}')?;
    let inner: String = chars[at + 1..end].iter().collect();
    let (low, high) = inner.split_once(',').unwrap_or((&inner, ""));
    let digits = |text: &str| text.chars().all(|c| c.is_ascii_digit());
    (!low.is_empty() && digits(low) && digits(high)).then_some(end + 1)
}

fn group(chars: &[char], at: usize, out: &mut String) -> Result<usize, Problem> {
    let ahead: String = chars[at..chars.len().min(at + 4)].iter().collect();
    if ["(?=", "(?!"].iter().any(|start| ahead.starts_with(start)) {
        return Err(Problem::NotLinear("look-ahead"));
    }
    if ["(?<=", "(?<!"]
        .iter()
        .any(|start| ahead.starts_with(start))
    {
        return Err(Problem::NotLinear("look-behind"));
    }
    for start in ["(?(", "(?R", "(?&", "(?1", "(?P>", "(?P=", "(?|"] {
        if ahead.starts_with(start) {
            return Err(Problem::NotLinear("conditions, recursion or branch reset"));
        }
    }
    if ahead.starts_with("(?#") {
        let end = chars[at..].iter().position(|c| *c == ')');
        return end
            .map(|end| at + end + 1)
            .ok_or_else(|| Problem::Pattern("comment without end".to_owned()));
    }
    if ahead.starts_with("(?>") {
        out.push_str("(?:");
        return Ok(at + 3);
    }
    if ahead.starts_with("(?") {
        // The question mark is no quantifier here.
        out.push_str("(?");
        return Ok(at + 2);
    }
    out.push('(');
    Ok(at + 1)
}

/// Writes one escape and gives back the place after it.
fn escape(chars: &[char], at: usize, in_class: bool, out: &mut String) -> Result<usize, Problem> {
    let Some(&c) = chars.get(at + 1) else {
        return Err(Problem::Pattern("backslash at the end".to_owned()));
    };
    let next = at + 2;
    match c {
        'x' => hex(chars, next, out),
        '0' => {
            let digits: String = chars[at + 1..]
                .iter()
                .take(3)
                .take_while(|c| ('0'..='7').contains(*c))
                .collect();
            let value = u32::from_str_radix(&digits, 8).unwrap_or(0);
            write_byte(value & 0xff, out);
            Ok(at + 1 + digits.len())
        }
        '1'..='9' if !in_class => Err(Problem::NotLinear("back references")),
        'k' | 'g' if !in_class => Err(Problem::NotLinear("back references")),
        'K' | 'G' if !in_class => Err(Problem::NotLinear("\\K or \\G")),
        'Q' => {
            let rest: String = chars[next..].iter().collect();
            let end = rest.find("\\E").unwrap_or(rest.len());
            out.push_str(&regex_syntax::escape(&rest[..end]));
            let skipped = rest[..end].chars().count();
            Ok((next + skipped + 2).min(chars.len()))
        }
        'E' => Ok(next),
        'e' => {
            out.push_str("\\x1B");
            Ok(next)
        }
        // In PCRE these are classes of horizontal and vertical space.
        'h' => {
            out.push_str(if in_class { " \\t\\xA0" } else { "[ \\t\\xA0]" });
            Ok(next)
        }
        'v' => {
            out.push_str(if in_class {
                "\\n\\x0B\\x0C\\r\\x85"
            } else {
                "[\\n\\x0B\\x0C\\r\\x85]"
            });
            Ok(next)
        }
        'R' if !in_class => {
            out.push_str("(?:\\r\\n|[\\n\\x0B\\x0C\\r\\x85])");
            Ok(next)
        }
        'Z' if !in_class => {
            out.push_str("\\n?\\z");
            Ok(next)
        }
        'b' if in_class => {
            out.push_str("\\x08");
            Ok(next)
        }
        // The engine reads these as edges of words.
        '<' | '>' => {
            out.push(c);
            Ok(next)
        }
        c => {
            out.push('\\');
            out.push(c);
            Ok(next)
        }
    }
}

fn write_byte(value: u32, out: &mut String) {
    use std::fmt::Write as _;
    // Writing to memory does not fail.
    let _ = write!(out, "\\x{value:02X}");
}

/// `\xHH` and `\x{HH}`: one byte.
fn hex(chars: &[char], at: usize, out: &mut String) -> Result<usize, Problem> {
    let (digits, next): (String, usize) = if chars.get(at) == Some(&'{') {
        let end = chars[at..]
            .iter()
            .position(|c| *c == '}')
            .ok_or_else(|| Problem::Pattern("\\x{ without }".to_owned()))?;
        (chars[at + 1..at + end].iter().collect(), at + end + 1)
    } else {
        let digits: String = chars[at..]
            .iter()
            .take(2)
            .take_while(|c| c.is_ascii_hexdigit())
            .collect();
        let length = digits.len();
        (digits, at + length)
    };
    let value = if digits.is_empty() {
        0
    } else {
        u32::from_str_radix(&digits, 16)
            .map_err(|_| Problem::Pattern(format!("\\x{{{digits}}} is no number")))?
    };
    if value > 0xff {
        return Err(Problem::Pattern(format!(
            "\\x{{{digits}}} is more than one byte; write its UTF-8 bytes one after another"
        )));
    }
    write_byte(value, out);
    Ok(next)
}

/// Writes a bracketed class. The engine knows nested classes and set operations in it, PCRE does
/// not: what would begin one is escaped.
fn class(chars: &[char], at: usize, out: &mut String) -> Result<usize, Problem> {
    out.push('[');
    let mut at = at + 1;
    if chars.get(at) == Some(&'^') {
        out.push('^');
        at += 1;
    }
    let mut first = true;
    // Whether a minus now would stand between two ends of a range.
    let mut range_open = false;
    loop {
        let Some(&c) = chars.get(at) else {
            return Err(Problem::Pattern("class without ]".to_owned()));
        };
        match c {
            ']' if !first => {
                out.push(']');
                return Ok(at + 1);
            }
            '[' if chars.get(at + 1) == Some(&':') => {
                let rest: String = chars[at..].iter().take(14).collect();
                if let Some(end) = rest.find(":]") {
                    out.push_str(&rest[..end + 2]);
                    at += end + 2;
                } else {
                    out.push_str("\\[");
                    at += 1;
                }
                range_open = false;
            }
            '-' => {
                let closes = chars.get(at + 1).is_none_or(|next| *next == ']');
                if range_open && !closes {
                    // A range: its upper end follows, whatever it is.
                    out.push('-');
                    at += 1;
                    at = member(chars, at, out)?;
                    range_open = false;
                } else {
                    out.push_str("\\-");
                    at += 1;
                    range_open = !range_open;
                }
            }
            _ => {
                let shorthand = c == '\\'
                    && chars
                        .get(at + 1)
                        .is_some_and(|next| "dDwWsShHvV".contains(*next));
                at = member(chars, at, out)?;
                range_open = !shorthand;
            }
        }
        first = false;
    }
}

/// One member of a class, escaped where the engine would read more into it.
fn member(chars: &[char], at: usize, out: &mut String) -> Result<usize, Problem> {
    match chars[at] {
        '\\' => escape(chars, at, true, out),
        c @ ('[' | ']' | '&' | '~' | '-' | '^') => {
            out.push('\\');
            out.push(c);
            Ok(at + 1)
        }
        c if c.is_ascii() => {
            out.push(c);
            Ok(at + 1)
        }
        // Rules are matched as bytes: each byte of the character is a member.
        c => {
            for byte in c.to_string().bytes() {
                write_byte(u32::from(byte), out);
            }
            Ok(at + 1)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_match(pattern: &str, value: &[u8]) -> bool {
        Pattern::new(pattern, false)
            .expect(pattern)
            .regex
            .is_match(value)
    }

    #[test]
    fn means_what_pcre_means() {
        assert!(is_match(r"^\x{e3}\x81$", b"\xe3\x81"));
        assert!(is_match(r"\<script\>", b"<script>"));
        assert!(is_match(r"^[[a]$", b"["));
        assert!(is_match(r"^[a&&b]$", b"&"));
        assert!(is_match(r"^[+--]$", b","));
        assert!(!is_match(r"^[a-z\-_]$", b"`"));
        assert!(is_match(r"^[]a]$", b"]"));
        assert!(is_match(r"^[\w-.]$", b"-"));
        assert!(is_match("^a{b$", b"a{b"));
        assert!(is_match("^a{,2}$", b"a{,2}"));
        assert!(is_match("^a{2}$", b"aa"));
        assert!(is_match(r"^\Qa.b\E$", b"a.b"));
        assert!(is_match(r"^\v$", b"\x0c"));
        assert!(is_match("^a++b(?>c|d)$", b"aabc"));
        assert!(is_match("^a.b$", b"a\nb"));
        assert!(!is_match("a$", b"a\n"));
        assert!(is_match(r"^[\x5c'\b]$", b"\\"));
        assert!(is_match(r"^[^\]]$", b"["));
        assert!(is_match(r"(?i)^AB$", b"ab"));
        assert!(!is_match(r"(?i)^\xc1$", b"\xe1"));
        assert!(is_match(r"^a+?b$", b"aab"));
        assert!(is_match("^[´’]{2}$", b"\xc2\x99"));
        assert!(!is_match("[^´]", "´".as_bytes()));
    }

    #[test]
    fn what_is_not_linear_is_refused() {
        for pattern in ["a(?=b)", "(?<!a)b", r"(a)\1", "(?R)", "(?!x)"] {
            assert!(
                matches!(Pattern::new(pattern, false), Err(Problem::NotLinear(_))),
                "{pattern}"
            );
        }
        assert!(matches!(Pattern::new("(", false), Err(Problem::Pattern(_))));
        assert!(matches!(
            Pattern::new(r"\x{3042}", false),
            Err(Problem::Pattern(_))
        ));
    }
}
