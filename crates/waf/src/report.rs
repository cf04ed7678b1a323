//! What came out of an inspection: the decision and everything a page needs to explain it.

use crate::ruleset::RuleSet;
use crate::seclang::actions::SEVERITIES;
use crate::variable::Variable;

/// What to do with the request or response.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Decision {
    /// Let it pass.
    #[default]
    Pass,
    /// Refuse it with this status.
    Refuse {
        /// The HTTP status.
        status: u16,
        /// Why.
        why: Why,
    },
    /// Close the connection without an answer.
    Drop {
        /// Why.
        why: Why,
    },
    /// Answer with a redirect.
    Redirect {
        /// The HTTP status.
        status: u16,
        /// Where to.
        to: Vec<u8>,
        /// Why.
        why: Why,
    },
}

impl Decision {
    /// Whether the request or response goes on.
    pub fn passes(&self) -> bool {
        matches!(self, Self::Pass)
    }
}

/// The reason of a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// The rule of this id.
    Rule(u64),
    /// The request body is larger than allowed.
    RequestBodyTooLarge,
    /// The response body is larger than allowed.
    ResponseBodyTooLarge,
    /// The inspection would cost more than allowed.
    TooCostly,
}

/// Everything about one inspected transaction.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// The decision.
    pub decision: Decision,
    /// What it would have been, had the engine not been told to detect only, or to observe the rule
    /// that decided.
    pub would: Decision,
    /// The inbound anomaly score that counts for blocking, where the rules keep one.
    pub score: i64,
    /// The rules that matched and are logged, in order.
    pub matches: Vec<RuleMatch>,
    /// Names of the caller's exclusions whose path was this request's.
    pub exclusions: Vec<String>,
    /// Whether rules left the transaction to the audit log.
    pub audit: bool,
    /// Bytes that the inspection looked at; the same on every machine.
    pub work: u64,
    /// The inspection was cut short by its limit and the rest was let pass.
    pub incomplete: bool,
}

impl Report {
    /// Whether this rule matched.
    pub fn has(&self, id: u64) -> bool {
        self.matches.iter().any(|one| one.id == id)
    }
}

/// A rule that matched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleMatch {
    /// Its number.
    pub id: u64,
    /// Its phase.
    pub phase: u8,
    /// Its message, with macros replaced.
    pub message: Vec<u8>,
    /// Its data for the log, with macros replaced and cut.
    pub data: Vec<u8>,
    /// Its severity: 0 emergency to 7 debug.
    pub severity: Option<u8>,
    /// Whether the rule wants to stand in the audit log.
    pub audit: bool,
    /// It is only observed: it added nothing to the score and decided nothing.
    pub observed: bool,
    /// Place of the rule, for its tags.
    pub(crate) rule: u32,
    /// What matched, the first link of the chain first.
    pub hits: Vec<Hit>,
}

impl RuleMatch {
    /// Its tags.
    pub fn tags<'r>(&self, rules: &'r RuleSet) -> &'r [String] {
        rules
            .rules
            .get(self.rule as usize)
            .filter(|rule| rule.id == self.id)
            .map_or(&[], |rule| rule.tags.as_slice())
    }

    /// The word for its severity.
    pub fn severity_name(&self) -> Option<&'static str> {
        self.severity
            .and_then(|severity| SEVERITIES.get(usize::from(severity)))
            .copied()
    }
}

/// One value that an operator matched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// The variable.
    pub variable: Variable,
    /// Its name in the collection; empty for scalars.
    pub name: Vec<u8>,
    /// The value as the operator saw it, cut; empty if rules hide it.
    pub value: Vec<u8>,
    /// Which link of the chain, from 0.
    pub link: u8,
}

impl Hit {
    /// As rules write it: `ARGS:comment`. This is the target of the narrowest exclusion.
    pub fn target(&self) -> String {
        target_name(self.variable, &self.name)
    }
}

/// `ARGS:comment`, or the variable alone where it has no names.
pub(crate) fn target_name(variable: Variable, name: &[u8]) -> String {
    if name.is_empty() {
        variable.name().to_owned()
    } else {
        format!("{}:{}", variable.name(), String::from_utf8_lossy(name))
    }
}
