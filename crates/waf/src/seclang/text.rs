//! Texts with macros: `%{tx.anomaly_score}`, `%{MATCHED_VAR_NAME}` …

use std::collections::HashMap;

use crate::error::Problem;
use crate::variable::{Shape, Variable};

/// Names in TX that rules mention get a number, so that a transaction finds them without a search.
/// The first ten are the captures `0` to `9`.
#[derive(Debug, Clone)]
pub(crate) struct TxNames {
    numbers: HashMap<Vec<u8>, u16>,
    names: Vec<Vec<u8>>,
}

/// Number of a name in TX.
pub(crate) type Slot = u16;

/// Names beyond this many are kept by name.
const MOST_SLOTS: usize = 4096;

impl TxNames {
    pub(crate) fn new() -> Self {
        let mut names = Self {
            numbers: HashMap::new(),
            names: Vec::new(),
        };
        for digit in b'0'..=b'9' {
            names.slot(&[digit]);
        }
        names
    }

    /// The number of a name, given now if it has none yet.
    pub(crate) fn slot(&mut self, name: &[u8]) -> Option<Slot> {
        let name = name.to_ascii_lowercase();
        if let Some(slot) = self.numbers.get(&name) {
            return Some(*slot);
        }
        if self.names.len() >= MOST_SLOTS {
            return None;
        }
        let slot = Slot::try_from(self.names.len()).ok()?;
        self.numbers.insert(name.clone(), slot);
        self.names.push(name);
        Some(slot)
    }

    /// The number of a name in lower case, if rules mention it.
    pub(crate) fn find(&self, name: &[u8]) -> Option<Slot> {
        self.numbers.get(name).copied()
    }

    pub(crate) fn name(&self, slot: Slot) -> &[u8] {
        &self.names[usize::from(slot)]
    }

    pub(crate) fn len(&self) -> usize {
        self.names.len()
    }
}

/// A part of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Part {
    /// As it stands.
    Literal(Vec<u8>),
    /// A value of TX with a number.
    Tx(Slot),
    /// Another variable, with its selector in lower case.
    Variable(Variable, Option<Vec<u8>>),
    /// Something of the rule itself: `%{rule.id}`.
    Rule(RuleField),
}

/// Fields of `RULE`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RuleField {
    /// The number.
    Id,
    /// The message.
    Msg,
    /// The severity.
    Severity,
    /// The data for the log.
    Logdata,
    /// The revision.
    Rev,
}

impl RuleField {
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name.to_ascii_lowercase().as_str() {
            "id" => Self::Id,
            "msg" => Self::Msg,
            "severity" => Self::Severity,
            "logdata" => Self::Logdata,
            "rev" => Self::Rev,
            _ => return None,
        })
    }
}

/// A text that may contain macros.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Text {
    pub(crate) parts: Vec<Part>,
}

impl Text {
    /// Reads a text. A macro of an unknown variable is an error; `%{` without end is plain text.
    pub(crate) fn parse(text: &str, names: &mut TxNames) -> Result<Self, Problem> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(start) = rest.find("%{") {
            let Some(end) = rest[start..].find('}') else {
                break;
            };
            if start > 0 {
                parts.push(Part::Literal(rest.as_bytes()[..start].to_vec()));
            }
            parts.push(macro_of(&rest[start + 2..start + end], names)?);
            rest = &rest[start + end + 1..];
        }
        if !rest.is_empty() {
            parts.push(Part::Literal(rest.as_bytes().to_vec()));
        }
        Ok(Self { parts })
    }

    /// The text if it has no macros.
    pub(crate) fn fixed(&self) -> Option<&[u8]> {
        match self.parts.as_slice() {
            [] => Some(b""),
            [Part::Literal(text)] => Some(text),
            _ => None,
        }
    }
}

fn macro_of(inner: &str, names: &mut TxNames) -> Result<Part, Problem> {
    let inner = inner.trim();
    let (name, key) = match inner.find(['.', ':']) {
        Some(at) => (&inner[..at], Some(&inner[at + 1..])),
        None => (inner, None),
    };
    let variable =
        Variable::named(name).ok_or_else(|| Problem::UnknownVariable(name.to_owned()))?;
    let needs_key = || Problem::Selector {
        variable: name.to_owned(),
        reason: format!("write %{{{name}.NAME}}"),
    };
    match (variable, key) {
        (Variable::Tx, Some(key)) => Ok(match names.slot(key.as_bytes()) {
            Some(slot) => Part::Tx(slot),
            None => Part::Variable(Variable::Tx, Some(key.to_ascii_lowercase().into_bytes())),
        }),
        (Variable::Rule, Some(key)) => RuleField::named(key).map(Part::Rule).ok_or_else(needs_key),
        (Variable::Tx | Variable::Rule, None) => Err(needs_key()),
        (variable, key) => {
            if key.is_some() && variable.shape() == Shape::Scalar {
                return Err(Problem::Selector {
                    variable: name.to_owned(),
                    reason: "it has one value and takes no name".to_owned(),
                });
            }
            Ok(Part::Variable(
                variable,
                key.map(|key| key.to_ascii_lowercase().into_bytes()),
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn macros_are_read() {
        let mut names = TxNames::new();
        let text = Text::parse("a%{tx.Foo}b%{MATCHED_VAR}%{args.x}%{", &mut names).expect("reads");
        assert_eq!(
            text.parts,
            [
                Part::Literal(b"a".to_vec()),
                Part::Tx(10),
                Part::Literal(b"b".to_vec()),
                Part::Variable(Variable::MatchedVar, None),
                Part::Variable(Variable::Args, Some(b"x".to_vec())),
                Part::Literal(b"%{".to_vec()),
            ]
        );
        assert_eq!(names.find(b"foo"), Some(10));
        assert!(Text::parse("%{nothing}", &mut names).is_err());
        assert!(Text::parse("%{tx}", &mut names).is_err());
    }
}
