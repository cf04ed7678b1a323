//! How much the inspection of one transaction may cost.
//!
//! Cost is counted, not timed: the number of bytes that transformations wrote and operators read.
//! The count of a request is the same on every machine, so a limit can be tested. Beyond it the
//! engine fails closed by default: what cannot be inspected is refused.

/// What happens when a limit is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Exhausted {
    /// The transaction is refused (fail closed).
    #[default]
    Refuse,
    /// The rest is not inspected, and the report says so (fail open).
    Pass,
}

/// Limits of one transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes that transformations and operators may look at.
    pub work: u64,
    /// What happens beyond it.
    pub exhausted: Exhausted,
    /// Status of a refusal for cost or size.
    pub status: u16,
    /// Values (parameters, headers, cookies, texts of XML, values of JSON) in one request.
    pub values: usize,
    /// Matched values listed in a report for one rule.
    pub hits: usize,
    /// Bytes kept of a matched value in a report.
    pub excerpt: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            work: 256 << 20,
            exhausted: Exhausted::Refuse,
            status: 413,
            values: 100_000,
            hits: 16,
            excerpt: 256,
        }
    }
}
