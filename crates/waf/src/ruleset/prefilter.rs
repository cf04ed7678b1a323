//! Which rules can match a value at all.
//!
//! One search for the literals of all rules, and a comparison of the bytes that occur in a value,
//! select the candidates; only their own operators then run. A value is searched once, whatever the
//! number of rules.

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use crate::ruleset::literal::{ByteSet, Required};

/// Requests and responses are searched for different literals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum ScanClass {
    /// Values of requests.
    Request = 0,
    /// Values of responses.
    Response = 1,
}

/// What a rule needs besides a literal.
#[derive(Debug)]
struct Condition {
    length: usize,
    bytes: Vec<ByteSet>,
}

/// The search for one class.
#[derive(Debug)]
pub(crate) struct Prefilter {
    automaton: Option<AhoCorasick>,
    /// For each literal the bits that it makes candidates.
    owners: Vec<Vec<u32>>,
    conditions: Vec<Condition>,
    /// Bits without literals that need one of these bytes, a row for each byte.
    by_byte: Vec<u64>,
    /// Bits without literals and bytes.
    always: Vec<u64>,
    words: usize,
}

/// Gathers what links require.
#[derive(Debug, Default)]
pub(crate) struct PrefilterBuilder {
    literals: std::collections::BTreeMap<Vec<u8>, Vec<u32>>,
    conditions: Vec<Condition>,
    unconditional: Vec<u32>,
}

/// Bytes of literals up to which the search is a table; it takes about 200 bytes for each of them.
const MOST_DFA: usize = 128 * 1024;

impl PrefilterBuilder {
    /// Adds a link; gives back its bit.
    pub(crate) fn add(&mut self, required: &Required) -> u32 {
        let bit = self.conditions.len() as u32;
        self.conditions.push(Condition {
            length: required.length,
            bytes: required.bytes.clone(),
        });
        if required.literals.is_empty() {
            self.unconditional.push(bit);
        }
        for literal in &required.literals {
            self.literals.entry(literal.clone()).or_default().push(bit);
        }
        bit
    }

    pub(crate) fn build(self, class: ScanClass) -> Prefilter {
        let (literals, owners): (Vec<Vec<u8>>, Vec<_>) = self.literals.into_iter().unzip();
        let size: usize = literals.iter().map(Vec::len).sum();
        // Every request is searched, few responses are: there memory counts more than speed.
        let kind = if class == ScanClass::Request && size <= MOST_DFA {
            AhoCorasickKind::DFA
        } else {
            AhoCorasickKind::ContiguousNFA
        };
        let automaton = (!literals.is_empty())
            .then(|| {
                AhoCorasick::builder()
                    .ascii_case_insensitive(true)
                    .match_kind(MatchKind::Standard)
                    .kind(Some(kind))
                    .build(&literals)
                    .ok()
            })
            .flatten();
        // Without the automaton every link is a candidate: slow, but right.
        let unconditional = if automaton.is_none() {
            (0..self.conditions.len() as u32).collect()
        } else {
            self.unconditional
        };
        let words = self.conditions.len().div_ceil(64);
        let mut always = vec![0; words];
        let mut by_byte = vec![0; words * 256];
        for bit in unconditional {
            let (word, mask) = (bit as usize / 64, 1u64 << (bit % 64));
            match self.conditions[bit as usize].bytes.first() {
                Some(set) => {
                    for byte in set.bytes() {
                        by_byte[usize::from(byte) * words + word] |= mask;
                    }
                }
                None => always[word] |= mask,
            }
        }
        Prefilter {
            automaton,
            owners,
            words,
            conditions: self.conditions,
            always,
            by_byte,
        }
    }
}

impl Prefilter {
    /// Words of a row of candidates.
    pub(crate) fn words(&self) -> usize {
        self.words
    }

    /// Appends the candidates of a value to `rows`.
    pub(crate) fn scan(&self, value: &[u8], seen: &ByteSet, rows: &mut Vec<u64>) {
        let start = rows.len();
        rows.extend_from_slice(&self.always);
        let row = &mut rows[start..];
        for byte in seen.bytes() {
            let from = usize::from(byte) * self.words;
            for (word, more) in row.iter_mut().zip(&self.by_byte[from..from + self.words]) {
                *word |= more;
            }
        }
        if let Some(automaton) = &self.automaton
            && value.len() >= automaton.min_pattern_len()
        {
            for found in automaton.find_overlapping_iter(value) {
                for bit in &self.owners[found.pattern().as_usize()] {
                    row[*bit as usize / 64] |= 1 << (bit % 64);
                }
            }
        }
        for (at, word) in row.iter_mut().enumerate() {
            let mut left = *word;
            while left != 0 {
                let bit = left.trailing_zeros();
                left &= left - 1;
                if !self.conditions[at * 64 + bit as usize].holds(value.len(), seen) {
                    *word &= !(1 << bit);
                }
            }
        }
    }
}

impl Condition {
    fn holds(&self, length: usize, seen: &ByteSet) -> bool {
        length >= self.length && self.bytes.iter().all(|set| set.intersects(seen))
    }
}
