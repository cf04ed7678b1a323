//! The collection TX, and those that would outlive a transaction elsewhere (IP, SESSION …) and here
//! live as long as it does.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::seclang::text::{Slot, TxNames};
use crate::variable::Variable;

/// A value that rules set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TxValue {
    /// A number.
    Number(i64),
    /// A text of the rule itself.
    Fixed(Arc<[u8]>),
    /// A text made of macros, or captured.
    Text(Vec<u8>),
}

impl TxValue {
    /// As a number: leading digits, 0 without any.
    pub(crate) fn number(&self) -> i64 {
        match self {
            Self::Number(number) => *number,
            Self::Fixed(text) => number(text),
            Self::Text(text) => number(text),
        }
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Number(number) => write_number(*number, out),
            Self::Fixed(text) => out.extend_from_slice(text),
            Self::Text(text) => out.extend_from_slice(text),
        }
    }
}

/// Writes a number in digits.
pub(crate) fn write_number(number: i64, out: &mut Vec<u8>) {
    use std::io::Write as _;
    // Writing to memory does not fail.
    let _ = write!(out, "{number}");
}

/// What a text is worth as a number: leading white space, a sign, digits; 0 without any.
pub(crate) fn number(text: &[u8]) -> i64 {
    let text = text.trim_ascii_start();
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    let value =
        digits
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .fold(0i64, |value, digit| {
                value
                    .saturating_mul(10)
                    .saturating_add(i64::from(digit - b'0'))
            });
    if negative { -value } else { value }
}

/// The values.
#[derive(Debug)]
pub(crate) struct Tx {
    slots: Vec<Option<TxValue>>,
    /// Names that no rule mentions as such.
    others: BTreeMap<(Variable, Vec<u8>), TxValue>,
}

/// Names that macros may make up in one transaction.
const MOST_NAMES: usize = 10_000;

impl Tx {
    pub(crate) fn new(slots: usize) -> Self {
        Self {
            slots: vec![None; slots],
            others: BTreeMap::new(),
        }
    }

    /// As new.
    pub(crate) fn reset(&mut self) {
        self.slots.fill(None);
        self.others.clear();
    }

    pub(crate) fn slot(&self, slot: Slot) -> Option<&TxValue> {
        self.slots.get(usize::from(slot)).and_then(Option::as_ref)
    }

    pub(crate) fn set_slot(&mut self, slot: Slot, value: Option<TxValue>) {
        if let Some(own) = self.slots.get_mut(usize::from(slot)) {
            *own = value;
        }
    }

    /// A value by its name in lower case.
    pub(crate) fn get(&self, names: &TxNames, variable: Variable, name: &[u8]) -> Option<&TxValue> {
        if variable == Variable::Tx
            && let Some(slot) = names.find(name)
        {
            return self.slot(slot);
        }
        self.others.get(&(variable, name.to_vec()))
    }

    pub(crate) fn set(
        &mut self,
        names: &TxNames,
        variable: Variable,
        name: Vec<u8>,
        value: Option<TxValue>,
    ) {
        if variable == Variable::Tx
            && let Some(slot) = names.find(&name)
        {
            return self.set_slot(slot, value);
        }
        let key = (variable, name);
        match value {
            Some(value) if self.others.len() < MOST_NAMES || self.others.contains_key(&key) => {
                self.others.insert(key, value);
            }
            Some(_) => {}
            None => {
                self.others.remove(&key);
            }
        }
    }

    /// All values of a collection with their names.
    pub(crate) fn all<'t>(
        &'t self,
        names: &'t TxNames,
        variable: Variable,
    ) -> impl Iterator<Item = (&'t [u8], &'t TxValue)> {
        let slots = if variable == Variable::Tx {
            self.slots.as_slice()
        } else {
            &[]
        };
        slots
            .iter()
            .enumerate()
            .filter_map(|(at, value)| Some((names.name(at as Slot), value.as_ref()?)))
            .chain(
                self.others
                    .iter()
                    .filter(move |((own, _), _)| *own == variable)
                    .map(|((_, name), value)| (name.as_slice(), value)),
            )
    }
}
