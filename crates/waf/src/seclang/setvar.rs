//! `setvar`: `tx.name=value`, `tx.name=+1`, `tx.name=-%{tx.x}`, `!tx.name`, `tx.name`.

use std::sync::Arc;

use crate::error::Problem;
use crate::seclang::text::{Slot, Text, TxNames};
use crate::variable::Variable;

/// One assignment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SetVar {
    pub(crate) collection: Variable,
    pub(crate) name: Name,
    pub(crate) change: Change,
}

/// The name assigned to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Name {
    /// One of TX with a number.
    Slot(Slot),
    /// Any other, or one made of macros.
    Text(Text),
}

/// What happens to the value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    /// It becomes this number.
    Number(i64),
    /// It becomes this text without macros.
    Fixed(Arc<[u8]>),
    /// It becomes this text.
    Text(Text),
    /// This is added.
    Add(Amount),
    /// This is taken away.
    Subtract(Amount),
    /// It goes.
    Unset,
}

/// A number, fixed or from macros.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Amount {
    /// As written.
    Fixed(i64),
    /// Whatever the text gives.
    Text(Text),
}

/// The collection of that name, if values can be set in it.
pub(crate) fn collection(name: &str) -> Result<Variable, Problem> {
    match Variable::named(name.trim()) {
        Some(
            variable @ (Variable::Tx
            | Variable::Ip
            | Variable::Session
            | Variable::User
            | Variable::Global
            | Variable::Resource
            | Variable::Env),
        ) => Ok(variable),
        _ => Err(Problem::ActionArgument {
            action: "setvar".to_owned(),
            reason: format!("{name:?} is no collection that can be set; write tx.NAME=VALUE"),
        }),
    }
}

/// Reads one assignment.
pub(crate) fn parse(text: &str, names: &mut TxNames) -> Result<SetVar, Problem> {
    let (unset, text) = match text.strip_prefix('!') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    // The equals sign that ends the name is not one inside of a macro.
    let mut depth = 0usize;
    let equals = text.char_indices().find_map(|(at, c)| {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            '=' if depth == 0 => return Some(at),
            _ => {}
        }
        None
    });
    let (target, value) = match equals {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    };
    let (name, key) = target
        .split_once(['.', ':'])
        .ok_or_else(|| Problem::ActionArgument {
            action: "setvar".to_owned(),
            reason: "write tx.NAME=VALUE".to_owned(),
        })?;
    let variable = collection(name)?;
    let key = Text::parse(key.trim(), names)?;
    let name = match key.fixed() {
        Some(fixed) if variable == Variable::Tx => match names.slot(fixed) {
            Some(slot) => Name::Slot(slot),
            None => Name::Text(key),
        },
        _ => Name::Text(key),
    };
    let change = match (unset, value) {
        (true, _) => Change::Unset,
        (false, None) => Change::Number(1),
        (false, Some(value)) => change(value, names)?,
    };
    Ok(SetVar {
        collection: variable,
        name,
        change,
    })
}

fn change(value: &str, names: &mut TxNames) -> Result<Change, Problem> {
    let mut amount = |digits: &str| -> Result<Amount, Problem> {
        let text = Text::parse(digits.trim(), names)?;
        match text.fixed() {
            Some(fixed) => std::str::from_utf8(fixed)
                .ok()
                .and_then(|digits| digits.parse().ok())
                .map(Amount::Fixed)
                .ok_or_else(|| Problem::ActionArgument {
                    action: "setvar".to_owned(),
                    reason: format!("{digits:?} is no whole number to add or take away"),
                }),
            None => Ok(Amount::Text(text)),
        }
    };
    if let Some(digits) = value.strip_prefix('+') {
        return Ok(Change::Add(amount(digits)?));
    }
    if let Some(digits) = value.strip_prefix('-') {
        // A minus before anything that is no number is part of a text.
        if let Ok(found) = amount(digits) {
            return Ok(Change::Subtract(found));
        }
    }
    let text = Text::parse(value, names)?;
    let number = text
        .fixed()
        .and_then(|fixed| std::str::from_utf8(fixed).ok())
        .filter(|digits| !digits.starts_with('0') || *digits == "0")
        .and_then(|digits| digits.parse().ok());
    Ok(match (number, text.fixed()) {
        (Some(number), _) => Change::Number(number),
        (None, Some(fixed)) => Change::Fixed(fixed.into()),
        (None, None) => Change::Text(text),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form() {
        let mut names = TxNames::new();
        let mut read = |text: &str| parse(text, &mut names).expect(text);
        assert_eq!(read("tx.a=5").change, Change::Number(5));
        assert_eq!(read("tx.a").change, Change::Number(1));
        assert_eq!(read("!tx.a").change, Change::Unset);
        assert_eq!(read("tx.a=+5").change, Change::Add(Amount::Fixed(5)));
        assert!(matches!(
            read("tx.a=-%{tx.b}").change,
            Change::Subtract(Amount::Text(_))
        ));
        assert!(matches!(read("tx.a=007").change, Change::Fixed(_)));
        assert!(matches!(read("tx.a=-x").change, Change::Fixed(_)));
        assert!(matches!(
            read("tx.p_%{MATCHED_VAR_NAME}=+1").name,
            Name::Text(_)
        ));
        assert_eq!(read("ip.x=1").collection, Variable::Ip);
        assert!(parse("args.x=1", &mut names).is_err());
        assert!(parse("tx", &mut names).is_err());
        assert!(parse("tx.a=+x", &mut names).is_err());
    }
}
