//! What a rule looks at: `ARGS|!ARGS:password|&REQUEST_HEADERS:Host|XML:/*`.

use crate::error::Problem;
use crate::pattern::{LazyRegex, Pattern};
use crate::seclang::text::{RuleField, Slot, TxNames};
use crate::variable::{Shape, Variable};

/// Which of the named values.
#[derive(Debug, Clone)]
pub(crate) enum Selector {
    /// All of them.
    All,
    /// The one of this name (lower case), and its number if it is one of TX.
    Name(Vec<u8>, Option<Slot>),
    /// Those whose name matches.
    Pattern(LazyRegex, String),
}

impl Selector {
    /// Whether a name is selected.
    pub(crate) fn selects(&self, name: &[u8]) -> bool {
        match self {
            Self::All => true,
            Self::Name(own, _) => own.eq_ignore_ascii_case(name),
            Self::Pattern(regex, _) => regex.is_match(name),
        }
    }
}

impl PartialEq for Selector {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::All, Self::All) => true,
            (Self::Name(a, _), Self::Name(b, _)) => a == b,
            (Self::Pattern(_, a), Self::Pattern(_, b)) => a == b,
            _ => false,
        }
    }
}

/// One variable of a rule.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Target {
    pub(crate) variable: Variable,
    pub(crate) selector: Selector,
    /// `&`: how many there are.
    pub(crate) count: bool,
    /// The same number for the same choice of values, given when rules are compiled: what is chosen
    /// stays the same while nothing new arrives. `None`: it may change with every rule.
    pub(crate) choice: Option<u32>,
}

/// What a rule looks at, and what of it not.
#[derive(Debug, Clone, Default)]
pub(crate) struct Targets {
    pub(crate) wanted: Vec<Target>,
    pub(crate) excluded: Vec<Target>,
}

/// Reads a list of variables.
pub(crate) fn parse(text: &str, names: &mut TxNames) -> Result<Targets, Problem> {
    let mut targets = Targets::default();
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(Problem::UnknownVariable(String::new()));
    }
    while !rest.is_empty() {
        let (one, after) = split(rest);
        rest = after;
        let one = one.trim();
        let (excluded, one) = match one.strip_prefix('!') {
            Some(one) => (true, one),
            None => (false, one),
        };
        let (count, one) = match one.strip_prefix('&') {
            Some(one) => (true, one),
            None => (false, one),
        };
        let target = target(one, count, names)?;
        if excluded {
            targets.excluded.push(target);
        } else {
            targets.wanted.push(target);
        }
    }
    Ok(targets)
}

/// The first target and the rest after the bar (or comma). A bar inside `/…/` separates nothing.
fn split(text: &str) -> (&str, &str) {
    let name_end = text.find([':', '|', ',']).unwrap_or(text.len());
    if text[name_end..].starts_with(':') {
        let selector = &text[name_end + 1..];
        let quoted = selector.starts_with("'/");
        let is_path = text[..name_end].ends_with("XML");
        if !is_path && (quoted || selector.starts_with('/')) {
            let open = name_end + 1 + if quoted { 2 } else { 1 };
            let mut escaped = false;
            for (at, c) in text[open..].char_indices() {
                let end = open + at + 1;
                if escaped {
                    escaped = false;
                } else if c == '\\' {
                    escaped = true;
                } else if c == '/' {
                    let end = if quoted { end + 1 } else { end };
                    if end >= text.len() {
                        return (text, "");
                    }
                    if text.is_char_boundary(end) && text[end..].starts_with(['|', ',']) {
                        return (&text[..end], &text[end + 1..]);
                    }
                }
            }
            return (text, "");
        }
    }
    match text.find(['|', ',']) {
        Some(at) => (&text[..at], &text[at + 1..]),
        None => (text, ""),
    }
}

/// Reads one variable with its selector.
pub(crate) fn target(one: &str, count: bool, names: &mut TxNames) -> Result<Target, Problem> {
    let (name, selector) = match one.split_once(':') {
        Some((name, selector)) => (name.trim(), Some(selector.trim())),
        None => (one.trim(), None),
    };
    let variable =
        Variable::named(name).ok_or_else(|| Problem::UnknownVariable(name.to_owned()))?;
    let wrong = |reason: &str| Problem::Selector {
        variable: variable.to_string(),
        reason: reason.to_owned(),
    };
    let selector = match selector {
        None | Some("") => {
            if matches!(variable, Variable::Xml) {
                return Err(wrong("write XML:/* or XML://@*"));
            }
            Selector::All
        }
        Some(_) if variable.shape() == Shape::Scalar => {
            return Err(wrong("it has one value and takes no name"));
        }
        Some(path) if variable == Variable::Xml => match path {
            "/*" | "//@*" => Selector::Name(path.as_bytes().to_vec(), None),
            _ => {
                return Err(wrong(
                    "of XPath only /* (texts) and //@* (attributes) are known here",
                ));
            }
        },
        Some(text) => {
            let unquoted = text
                .strip_prefix('\'')
                .and_then(|text| text.strip_suffix('\''))
                .unwrap_or(text);
            if let Some(pattern) = unquoted
                .strip_prefix('/')
                .and_then(|text| text.strip_suffix('/'))
            {
                let compiled = Pattern::new(&pattern.replace("\\/", "/"), true)?;
                Selector::Pattern(compiled.regex, pattern.to_owned())
            } else {
                if variable == Variable::Rule && RuleField::named(unquoted).is_none() {
                    return Err(wrong("write id, msg, severity, logdata or rev"));
                }
                let name = unquoted.to_ascii_lowercase().into_bytes();
                let slot = (variable == Variable::Tx)
                    .then(|| names.slot(&name))
                    .flatten();
                Selector::Name(name, slot)
            }
        }
    };
    Ok(Target {
        variable,
        selector,
        count,
        choice: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Targets {
        parse(text, &mut TxNames::new()).expect(text)
    }

    #[test]
    fn lists_selectors_and_exclusions() {
        let targets = read(r"ARGS_NAMES|!ARGS_NAMES:/^[\w]+\[[a|b]\/$/|&ARGS:X|XML:/*|TX:'/a b/'");
        assert_eq!(targets.wanted.len(), 4);
        assert_eq!(targets.excluded.len(), 1);
        assert!(targets.wanted[1].count);
        assert!(targets.wanted[1].selector.selects(b"x"));
        assert!(targets.excluded[0].selector.selects(b"q[|/"));
        assert!(targets.wanted[3].selector.selects(b"A B"));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let mut names = TxNames::new();
        for text in [
            "ARGZ",
            "REQUEST_URI:a",
            "XML://foo",
            "XML",
            "ARGS:/(/",
            "",
            "RULE:x",
        ] {
            assert!(parse(text, &mut names).is_err(), "{text}");
        }
    }
}
