//! Regular expressions with macros in them: `@rx ^%{tx.allowed_charset}$`, as CRS 3 has one.
//!
//! What stands in the macro is known only when the rule runs. It is the same in nearly every
//! transaction, so the last expression is kept.

use std::sync::{Arc, Mutex, PoisonError};

use crate::error::Problem;
use crate::pattern::{LazyRegex, Pattern};
use crate::seclang::text::{Text, TxNames};

/// The longest expression that is compiled while a request waits.
const LONGEST: usize = 4096;

/// A pattern that is compiled when its text is known.
#[derive(Debug)]
pub(crate) struct LatePattern {
    pub(crate) text: Text,
    lines: bool,
    last: Mutex<Option<Last>>,
}

/// An expression and what came of it; nothing where it is none.
#[derive(Debug)]
struct Last {
    text: Vec<u8>,
    regex: Option<Arc<LazyRegex>>,
}

impl LatePattern {
    /// Reads the pattern; `lines` lets `^` and `$` hold at every line.
    pub(crate) fn parse(text: &str, lines: bool, names: &mut TxNames) -> Result<Self, Problem> {
        Ok(Self {
            text: Text::parse(text, names)?,
            lines,
            last: Mutex::new(None),
        })
    }

    /// The expression for a text with its macros replaced; nothing where that is no expression.
    pub(crate) fn regex(&self, text: &[u8]) -> Option<Arc<LazyRegex>> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = last.as_ref()
            && last.text == text
        {
            return last.regex.clone();
        }
        let regex = self.compile(text);
        *last = Some(Last {
            text: text.to_owned(),
            regex: regex.clone(),
        });
        regex
    }

    fn compile(&self, text: &[u8]) -> Option<Arc<LazyRegex>> {
        let text = std::str::from_utf8(text).ok()?;
        if text.len() > LONGEST {
            return None;
        }
        let pattern = if self.lines {
            Pattern::of_lines(text)
        } else {
            Pattern::new(text, false)
        };
        pattern.ok().map(|pattern| Arc::new(pattern.regex))
    }
}
