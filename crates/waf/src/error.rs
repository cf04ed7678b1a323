//! Why a rule set does not load.
//!
//! Nothing that a rule file says is ever ignored: what this engine does not know is an error that
//! names the file, the line and what to do about it.

use std::fmt;

/// A rule file that cannot be loaded, with the place.
#[derive(Debug, thiserror::Error)]
#[error("{place}: {problem}")]
pub struct LoadError {
    /// Where.
    pub place: Place,
    /// What is wrong there, and the remedy.
    #[source]
    pub problem: Problem,
}

/// A line of a rule file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Place {
    /// Name of the file as it was included.
    pub file: String,
    /// First line of the directive, from 1.
    pub line: u32,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

impl Problem {
    /// This problem at a place.
    pub(crate) fn at(self, place: &Place) -> LoadError {
        LoadError {
            place: place.clone(),
            problem: self,
        }
    }
}

/// What can be wrong with a directive.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The reader's callback failed.
    #[error("cannot read {path}: {reason}; check that the file exists and is readable")]
    Unreadable {
        /// The path as asked for.
        path: String,
        /// What the callback said.
        reason: String,
    },
    /// Includes go in a circle.
    #[error(
        "includes are nested deeper than {0}; a file probably includes itself: remove that Include"
    )]
    IncludeDepth(usize),
    /// A rule file in another encoding.
    #[error("the line is not UTF-8; save the file as UTF-8, and write bytes in patterns as \\xHH")]
    NotText,
    /// The directive has no closing quote.
    #[error("a quote is opened but not closed; close it, or write \\\" for a quote inside")]
    UnclosedQuote,
    /// The directive has the wrong number of arguments.
    #[error(
        "{directive} takes {expected}, but {found} were written; put arguments with spaces in double quotes"
    )]
    Arguments {
        /// The directive.
        directive: String,
        /// How many it takes.
        expected: &'static str,
        /// How many there are.
        found: usize,
    },
    /// Not a directive of SecLang that this engine has.
    #[error("unknown directive {0}; correct its spelling or remove the line")]
    UnknownDirective(String),
    /// A directive that exists elsewhere but means something this engine does not do.
    #[error("{directive} is not supported: {why}")]
    UnsupportedDirective {
        /// The directive.
        directive: String,
        /// Why, and what to do instead.
        why: &'static str,
    },
    /// Not an operator.
    #[error("unknown operator @{0}; correct its spelling or remove the rule")]
    UnknownOperator(String),
    /// An operator that exists elsewhere but needs something this engine does not have.
    #[error("operator @{operator} is not supported: {why}")]
    UnsupportedOperator {
        /// The operator.
        operator: String,
        /// Why, and what to do instead.
        why: &'static str,
    },
    /// The operator's argument makes no sense.
    #[error("argument of @{operator} is not valid: {reason}")]
    OperatorArgument {
        /// The operator.
        operator: String,
        /// Why.
        reason: String,
    },
    /// A regular expression that does not compile.
    #[error("regular expression does not compile: {0}; correct the pattern")]
    Pattern(String),
    /// A regular expression that cannot run in linear time.
    #[error(
        "regular expression uses {0}, which cannot run in linear time; rewrite the pattern without it, for instance as a chain of two rules"
    )]
    NotLinear(&'static str),
    /// Not a variable.
    #[error("unknown variable {0}; correct its spelling or remove it from the rule")]
    UnknownVariable(String),
    /// A selector on a variable that has none, or an XPath beyond the two supported.
    #[error("selector of {variable} is not valid: {reason}")]
    Selector {
        /// The variable.
        variable: String,
        /// Why, and what to write.
        reason: String,
    },
    /// Not a transformation.
    #[error("unknown transformation t:{0}; correct its spelling or remove it")]
    UnknownTransformation(String),
    /// Not an action.
    #[error("unknown action {0}; correct its spelling or remove it")]
    UnknownAction(String),
    /// An action that exists elsewhere but that this engine will not do.
    #[error("action {action} is not supported: {why}")]
    UnsupportedAction {
        /// The action.
        action: String,
        /// Why, and what to do instead.
        why: &'static str,
    },
    /// The action's argument makes no sense.
    #[error("argument of action {action} is not valid: {reason}")]
    ActionArgument {
        /// The action.
        action: String,
        /// Why, and what to write.
        reason: String,
    },
    /// The directive's argument makes no sense.
    #[error("argument of {directive} is not valid: {reason}")]
    DirectiveArgument {
        /// The directive.
        directive: String,
        /// Why, and what to write.
        reason: String,
    },
    /// Every rule needs an id of its own.
    #[error("the rule has no id; add id:N with a number that no other rule has")]
    NoId,
    /// Two rules with one id.
    #[error("rule id {id} is used already at {first}; give one of the two another id")]
    DuplicateId {
        /// The id.
        id: u64,
        /// Where it was used first.
        first: String,
    },
    /// A link of a chain says what only its first rule may say.
    #[error("{0} may stand only in the first rule of a chain; move it there")]
    OnlyInChainStart(&'static str),
    /// The last rule of the file opens a chain.
    #[error("the rule ends with chain, but no SecRule follows; remove chain or add the rule")]
    OpenChain,
    /// A jump to nowhere.
    #[error(
        "skipAfter names {0}, but no SecMarker or rule id of that name follows; add the marker or correct the name"
    )]
    NoMarker(String),
    /// An exclusion given by the caller that makes no sense.
    #[error("exclusion is not valid: {0}")]
    Exclusion(String),
}
