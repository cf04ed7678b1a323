//! What a rule tests: `@rx …`, `!@eq 0`, `@pmFromFile words.data` …

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use crate::error::Problem;
use crate::network::Networks;
use crate::pattern::{LazyRegex, Pattern};
use crate::ruleset::{ByteSet, Required, of_pattern, of_text, of_words};
use crate::seclang::late::LatePattern;
use crate::seclang::text::{Text, TxNames};

/// An operator with its argument, ready to run.
#[derive(Debug)]
pub(crate) enum Operator {
    /// `@rx`
    Rx(LazyRegex),
    /// `@rx` with macros in its pattern.
    RxText(Box<LatePattern>),
    /// `@pm`, `@pmFromFile`
    Pm(Box<AhoCorasick>),
    /// `@beginsWith`
    BeginsWith(Text),
    /// `@contains`, `@strmatch`
    Contains(Text),
    /// `@containsWord`
    ContainsWord(Text),
    /// `@endsWith`
    EndsWith(Text),
    /// `@streq`
    Streq(Text),
    /// `@within`
    Within(Text),
    /// `@eq`, `@ge`, `@gt`, `@le`, `@lt`
    Compare(Comparison, Number),
    /// `@ipMatch`, `@ipMatchFromFile`
    IpMatch(Box<Networks>),
    /// `@detectSQLi`
    DetectSqli,
    /// `@detectXSS`
    DetectXss,
    /// `@validateByteRange`
    ValidateByteRange(ByteSet),
    /// `@validateUrlEncoding`
    ValidateUrlEncoding,
    /// `@validateUtf8Encoding`
    ValidateUtf8Encoding,
    /// `@verifyCC`
    VerifyCc(LazyRegex),
    /// `@unconditionalMatch`
    Always,
    /// `@noMatch`
    Never,
}

/// A comparison of whole numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    /// `@eq`
    Eq,
    /// `@ge`
    Ge,
    /// `@gt`
    Gt,
    /// `@le`
    Le,
    /// `@lt`
    Lt,
}

impl Comparison {
    pub(crate) fn holds(self, left: i64, right: i64) -> bool {
        match self {
            Self::Eq => left == right,
            Self::Ge => left >= right,
            Self::Gt => left > right,
            Self::Le => left <= right,
            Self::Lt => left < right,
        }
    }
}

/// A number, fixed or from a macro.
#[derive(Debug)]
pub(crate) enum Number {
    /// As written.
    Fixed(i64),
    /// Whatever the text gives.
    Text(Text),
}

/// An operator as a rule names it.
#[derive(Debug)]
pub(crate) struct Test {
    pub(crate) operator: Operator,
    pub(crate) negated: bool,
    /// What a value needs so that the operator can hold; `None` where nothing can be said.
    pub(crate) required: Option<Required>,
}

/// Reads files that rules name, relative to the rule file.
pub(crate) type ReadFile<'a> = &'a mut dyn FnMut(&str) -> Result<Vec<u8>, Problem>;

/// Reads the operator of a rule.
pub(crate) fn parse(text: &str, names: &mut TxNames, read: ReadFile<'_>) -> Result<Test, Problem> {
    let text = text.trim_start();
    let (negated, text) = match text.strip_prefix('!') {
        Some(rest) => (true, rest.trim_start()),
        None => (false, text),
    };
    let (name, argument) = match text.strip_prefix('@') {
        Some(rest) => match rest.split_once(|c: char| c.is_ascii_whitespace()) {
            Some((name, argument)) => (name, argument.trim()),
            None => (rest.trim(), ""),
        },
        None => ("rx", text),
    };
    let (operator, required) = operator(name, argument, negated, names, read)?;
    let required = if negated { None } else { required };
    Ok(Test {
        operator,
        negated,
        required,
    })
}

fn operator(
    name: &str,
    argument: &str,
    negated: bool,
    names: &mut TxNames,
    read: ReadFile<'_>,
) -> Result<(Operator, Option<Required>), Problem> {
    let wrong = |reason: &str| Problem::OperatorArgument {
        operator: name.to_owned(),
        reason: reason.to_owned(),
    };
    let mut text = |make: fn(Text) -> Operator| -> Result<(Operator, Option<Required>), Problem> {
        let text = Text::parse(argument, names)?;
        let required = text.fixed().map(of_text);
        Ok((make(text), required))
    };
    let plain = |operator| Ok((operator, None));
    Ok(match name.to_ascii_lowercase().as_str() {
        "rx" if argument.contains("%{") => {
            return plain(Operator::RxText(Box::new(LatePattern::parse(
                argument, !negated, names,
            )?)));
        }
        "rx" => {
            // Engines differ about lines. A line end before or behind an attack must not hide it, so
            // a rule looks at every line; a rule that demands a form looks at the whole value.
            let pattern = if negated {
                Pattern::new(argument, false)?
            } else {
                Pattern::of_lines(argument)?
            };
            let required = of_pattern(&pattern.hir);
            (Operator::Rx(pattern.regex.lazy()), Some(required))
        }
        "pm" => words(&phrases(argument).map_err(|reason| wrong(&reason))?, name)?,
        "pmf" | "pmfromfile" => {
            let mut all = Vec::new();
            for file in argument.split_ascii_whitespace() {
                all.extend(lines(&read(file)?));
            }
            words(&all, name)?
        }
        "beginswith" => text(Operator::BeginsWith)?,
        "contains" | "strmatch" => text(Operator::Contains)?,
        "containsword" => text(Operator::ContainsWord)?,
        "endswith" => text(Operator::EndsWith)?,
        "streq" => text(Operator::Streq)?,
        "within" => {
            let text = Text::parse(argument, names)?;
            return plain(Operator::Within(text));
        }
        "eq" => return compare(Comparison::Eq, argument, names),
        "ge" => return compare(Comparison::Ge, argument, names),
        "gt" => return compare(Comparison::Gt, argument, names),
        "le" => return compare(Comparison::Le, argument, names),
        "lt" => return compare(Comparison::Lt, argument, names),
        "ipmatch" => {
            let networks = Networks::parse(argument.split(',')).map_err(|reason| wrong(&reason))?;
            return plain(Operator::IpMatch(Box::new(networks)));
        }
        "ipmatchf" | "ipmatchfromfile" => {
            let mut all = Vec::new();
            for file in argument.split_ascii_whitespace() {
                all.extend(lines(&read(file)?));
            }
            let all: Vec<_> = all
                .iter()
                .map(|line| String::from_utf8_lossy(line).into_owned())
                .collect();
            let networks =
                Networks::parse(all.iter().map(String::as_str)).map_err(|reason| wrong(&reason))?;
            return plain(Operator::IpMatch(Box::new(networks)));
        }
        "detectsqli" => return plain(Operator::DetectSqli),
        "detectxss" => return plain(Operator::DetectXss),
        "validatebyterange" => {
            let set = byte_range(argument).map_err(|reason| wrong(&reason))?;
            return plain(Operator::ValidateByteRange(set));
        }
        "validateurlencoding" => return plain(Operator::ValidateUrlEncoding),
        "validateutf8encoding" => return plain(Operator::ValidateUtf8Encoding),
        "verifycc" => {
            let pattern = Pattern::new(argument, false)?;
            let required = of_pattern(&pattern.hir);
            (Operator::VerifyCc(pattern.regex.lazy()), Some(required))
        }
        "unconditionalmatch" => return plain(Operator::Always),
        "nomatch" => return plain(Operator::Never),
        "geolookup" | "rbl" | "gsblookup" => {
            return Err(unsupported(
                name,
                "the engine asks no database and no network; block countries and addresses in the gateway's lists",
            ));
        }
        "inspectfile" | "fuzzyhash" | "validatedtd" | "validateschema" | "validatehash" => {
            return Err(unsupported(
                name,
                "the engine opens no files and starts no programs; scan uploads behind the gateway and remove the rule",
            ));
        }
        "rsub" | "verifyssn" | "verifycpf" | "verifysvnr" | "rxglobal" => {
            return Err(unsupported(name, "write the test with @rx"));
        }
        _ => return Err(Problem::UnknownOperator(name.to_owned())),
    })
}

fn unsupported(operator: &str, why: &'static str) -> Problem {
    Problem::UnsupportedOperator {
        operator: operator.to_owned(),
        why,
    }
}

fn compare(
    comparison: Comparison,
    argument: &str,
    names: &mut TxNames,
) -> Result<(Operator, Option<Required>), Problem> {
    let text = Text::parse(argument, names)?;
    let number = match text.fixed() {
        Some(fixed) => {
            let digits = std::str::from_utf8(fixed).unwrap_or_default().trim();
            Number::Fixed(digits.parse().map_err(|_| Problem::OperatorArgument {
                operator: format!("{comparison:?}").to_ascii_lowercase(),
                reason: format!("{digits:?} is no whole number"),
            })?)
        }
        None => Number::Text(text),
    };
    Ok((Operator::Compare(comparison, number), None))
}

fn words(words: &[Vec<u8>], name: &str) -> Result<(Operator, Option<Required>), Problem> {
    let wrong = |reason: String| Problem::OperatorArgument {
        operator: name.to_owned(),
        reason,
    };
    if words.is_empty() {
        return Err(wrong("no words given".to_owned()));
    }
    let required = of_words(words);
    let automaton = AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .match_kind(MatchKind::LeftmostLongest)
        .kind(Some(AhoCorasickKind::ContiguousNFA))
        .build(words)
        .map_err(|error| wrong(error.to_string()))?;
    Ok((Operator::Pm(Box::new(automaton)), Some(required)))
}

/// Words between spaces; `|41 42|` are bytes in hexadecimal.
fn phrases(argument: &str) -> Result<Vec<Vec<u8>>, String> {
    argument
        .split_ascii_whitespace_outside_bars()
        .into_iter()
        .map(|word| {
            let mut bytes = Vec::new();
            for (at, part) in word.split('|').enumerate() {
                if at % 2 == 0 {
                    bytes.extend_from_slice(part.as_bytes());
                    continue;
                }
                for digits in part.split_ascii_whitespace() {
                    let byte = u8::from_str_radix(digits, 16).map_err(|_| {
                        format!("{digits:?} between bars is no byte in hexadecimal")
                    })?;
                    bytes.push(byte);
                }
            }
            Ok(bytes)
        })
        .collect()
}

/// Splitting that keeps `|41 42|` together.
trait OutsideBars {
    fn split_ascii_whitespace_outside_bars(&self) -> Vec<String>;
}

impl OutsideBars for str {
    fn split_ascii_whitespace_outside_bars(&self) -> Vec<String> {
        // A single bar is a word like any other.
        let paired = self.matches('|').count().is_multiple_of(2);
        let mut inside = false;
        let mut words = vec![String::new()];
        for c in self.chars() {
            if c == '|' && paired {
                inside = !inside;
            }
            if c.is_ascii_whitespace() && !inside {
                words.push(String::new());
            } else if let Some(word) = words.last_mut() {
                word.push(c);
            }
        }
        words.retain(|word| !word.is_empty());
        words
    }
}

/// Lines of a data file without comments and blanks.
fn lines(bytes: &[u8]) -> Vec<Vec<u8>> {
    bytes
        .split(|byte| *byte == b'\n')
        .map(<[u8]>::trim_ascii)
        .filter(|line| !line.is_empty() && !line.starts_with(b"#"))
        .map(<[u8]>::to_vec)
        .collect()
}

fn byte_range(argument: &str) -> Result<ByteSet, String> {
    let mut set = ByteSet::default();
    if argument.is_empty() {
        return Err("write ranges like 32-126,10,13".to_owned());
    }
    for part in argument.split(',') {
        let part = part.trim();
        let (low, high) = part.split_once('-').unwrap_or((part, part));
        let number = |text: &str| {
            text.trim()
                .parse::<u8>()
                .map_err(|_| format!("{text:?} is no byte (0 to 255)"))
        };
        let (low, high) = (number(low)?, number(high)?);
        if low > high {
            return Err(format!("{part} goes downwards"));
        }
        for byte in low..=high {
            set.insert(byte);
        }
    }
    Ok(set)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Test, Problem> {
        parse(text, &mut TxNames::new(), &mut |name| {
            if name == "words.data" {
                Ok(b"# no\nfoo\n\n bar baz \n".to_vec())
            } else {
                Err(Problem::Unreadable {
                    path: name.to_owned(),
                    reason: "none".to_owned(),
                })
            }
        })
    }

    #[test]
    fn operators_are_read() {
        assert!(matches!(read("^a").expect("rx").operator, Operator::Rx(_)));
        assert!(read("!@eq 0").expect("eq").negated);
        let Operator::Pm(pm) = read("@pmFromFile words.data").expect("pm").operator else {
            panic!("no pm")
        };
        assert!(pm.is_match("x BAR BAZ x"));
        let Operator::Pm(pm) = read("@pm a|41 20|b ccc").expect("pm").operator else {
            panic!("no pm")
        };
        assert!(pm.is_match("aa b"));
        let Operator::ValidateByteRange(set) =
            read("@validateByteRange 9,32-126").expect("range").operator
        else {
            panic!("no range")
        };
        assert!(set.contains(9) && set.contains(126) && !set.contains(10));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for text in [
            "@foo",
            "@rbl x",
            "@eq x",
            "@validateByteRange 5-1",
            "@ipMatch 1.2.3",
            "@pmFromFile nothing",
            "@pm",
            "@rx (",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
