//! Which rules can match a value at all.
//!
//! One search for the literals of all rules, and a comparison of the bytes that occur in a value,
//! select the candidates; only their own operators then run. A value is searched once, whatever the
//! number of rules.

use aho_corasick::automaton::Automaton;
use aho_corasick::{Anchored, MatchKind, dfa, nfa};

use crate::ruleset::conditions::{Conditions, Demand};
use crate::ruleset::literal::{ByteSet, Required};

/// Requests and responses are searched for different literals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum ScanClass {
    /// Values of requests.
    Request = 0,
    /// Values of responses.
    Response = 1,
}

/// The search for literals.
#[derive(Debug)]
enum Literals {
    /// Every request is searched: a table.
    Fast(dfa::DFA),
    /// Few responses are searched: there memory counts more than speed.
    Small(nfa::contiguous::NFA),
}

/// The search for one class.
#[derive(Debug)]
pub(crate) struct Prefilter {
    literals: Option<Literals>,
    /// Of each byte whether it begins a literal.
    begins: Box<[u8; 256]>,
    /// For each literal the bits that it makes candidates.
    owners: Vec<Vec<u32>>,
    conditions: Conditions,
}

/// Gathers what links require.
#[derive(Debug, Default)]
pub(crate) struct PrefilterBuilder {
    literals: std::collections::BTreeMap<Vec<u8>, Vec<u32>>,
    demands: Vec<Demand>,
}

/// Bytes of literals up to which the search is a table; it takes about 200 bytes for each of them.
const MOST_DFA: usize = 128 * 1024;

/// Bytes of a literal that are searched for at the most. With whole literals the table would take
/// tens of megabytes and no cache would hold it; the rules themselves look at what is left.
const WINDOW: usize = 6;

impl PrefilterBuilder {
    /// Adds a link; gives back its bit.
    pub(crate) fn add(&mut self, required: &Required) -> u32 {
        let bit = self.demands.len() as u32;
        self.demands.push(Demand {
            length: required.length,
            sets: required.bytes.clone(),
            literal: !required.literals.is_empty(),
        });
        for literal in &required.literals {
            let bits = self.literals.entry(window(literal).to_vec()).or_default();
            if bits.last() != Some(&bit) {
                bits.push(bit);
            }
        }
        bit
    }

    pub(crate) fn build(mut self, class: ScanClass) -> Prefilter {
        let (literals, owners): (Vec<Vec<u8>>, Vec<_>) = self.literals.into_iter().unzip();
        let size: usize = literals.iter().map(Vec::len).sum();
        let fast = class == ScanClass::Request && size <= MOST_DFA;
        let searched = (!literals.is_empty())
            .then(|| Literals::new(&literals, fast))
            .flatten();
        let mut begins = Box::new([0; 256]);
        for first in literals.iter().filter_map(|literal| literal.first()) {
            begins[usize::from(first.to_ascii_lowercase())] = 1;
            begins[usize::from(first.to_ascii_uppercase())] = 1;
        }
        if searched.is_none() {
            // Without the automaton every link is a candidate: slow, but right.
            for demand in &mut self.demands {
                demand.literal = false;
            }
        }
        Prefilter {
            begins,
            literals: searched,
            owners,
            conditions: Conditions::new(&self.demands),
        }
    }
}

impl Prefilter {
    /// Words of a row of candidates.
    pub(crate) fn words(&self) -> usize {
        self.conditions.words()
    }

    /// Appends the candidates of a value to `rows`.
    pub(crate) fn scan(&self, value: &[u8], seen: &ByteSet, rows: &mut Vec<u64>) {
        let start = rows.len();
        rows.resize(start + self.words(), 0);
        let row = &mut rows[start..];
        let begins = &self.begins;
        match &self.literals {
            Some(Literals::Fast(automaton)) => mark(automaton, value, &self.owners, begins, row),
            Some(Literals::Small(automaton)) => mark(automaton, value, &self.owners, begins, row),
            None => {}
        }
        self.conditions.select(value.len(), seen, row);
    }
}

/// The part of a literal that is searched for: the one that is least to be expected in ordinary
/// text, the first of equals.
fn window(literal: &[u8]) -> &[u8] {
    literal
        .windows(WINDOW)
        .min_by_key(|part| part.iter().map(|byte| commonness(*byte)).sum::<u32>())
        .unwrap_or(literal)
}

/// How often a byte occurs in addresses, forms and pages of Japanese sites, roughly.
fn commonness(byte: u8) -> u32 {
    match byte {
        0x80.. => 12,
        b'e' | b't' | b'a' | b'o' | b'i' | b'n' | b's' | b'r' | b'p' => 10,
        b'd' | b'l' | b'c' | b'm' | b'u' | b'h' | b'w' | b'f' | b'g' => 7,
        b' ' | b'/' | b'.' | b'-' | b'=' | b'"' | b'<' | b'>' | b'%' | b':' => 6,
        b'0'..=b'9' => 6,
        b'b' | b'y' | b'v' | b'k' | b'_' | b'&' | b';' | b',' => 5,
        b'(' | b')' | b'{' | b'}' | b'[' | b']' | b'\'' | b'?' => 4,
        _ => 2,
    }
}

impl Literals {
    fn new(literals: &[Vec<u8>], fast: bool) -> Option<Self> {
        Some(if fast {
            let made = dfa::DFA::builder()
                .ascii_case_insensitive(true)
                .match_kind(MatchKind::Standard)
                .build(literals);
            Self::Fast(made.ok()?)
        } else {
            let made = nfa::contiguous::NFA::builder()
                .ascii_case_insensitive(true)
                .match_kind(MatchKind::Standard)
                .build(literals);
            Self::Small(made.ok()?)
        })
    }
}

/// Marks the bits of all literals in a value. In step with the automaton: there is a match every few
/// bytes, and beginning a search anew after each costs more than the search. What
/// begins no literal is passed over: most bytes of Japanese text.
fn mark<A: Automaton>(
    automaton: &A,
    value: &[u8],
    owners: &[Vec<u32>],
    begins: &[u8; 256],
    row: &mut [u64],
) {
    if value.len() < automaton.min_pattern_len() {
        return;
    }
    let Ok(start) = automaton.start_state(Anchored::No) else {
        return;
    };
    let mut state = start;
    let mut at = 0;
    while let Some(byte) = value.get(at).copied() {
        state = automaton.next_state(Anchored::No, state, byte);
        at += 1;
        if state == start {
            let rest = value[at..].iter();
            at += rest
                .take_while(|byte| begins[usize::from(**byte)] == 0)
                .count();
        } else if automaton.is_special(state) && automaton.is_match(state) {
            for at in 0..automaton.match_len(state) {
                for bit in &owners[automaton.match_pattern(state, at).as_usize()] {
                    row[*bit as usize / 64] |= 1 << (bit % 64);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is searched for must be in every value that the literal is in.
    #[test]
    fn long_literals_are_found_by_a_part_of_them() {
        let mut builder = PrefilterBuilder::default();
        builder.add(&Required {
            literals: vec![
                b"/etc/apache2/conf".to_vec(),
                b"/etc/apache2/apache2".to_vec(),
            ],
            ..Required::default()
        });
        let filter = builder.build(ScanClass::Request);
        let found = |value: &[u8]| {
            let mut rows = Vec::new();
            filter.scan(value, &ByteSet::of(value), &mut rows);
            rows[0]
        };
        assert_eq!(found(b"../../ETC/apache2/conf.d"), 1);
        assert_eq!(found(b"/etc/apache2/apache2.conf"), 1);
        assert_eq!(found(b"/etc/hosts"), 0);
        assert!(window(b"/etc/apache2/conf").len() <= WINDOW);
        assert_eq!(window(b"abc"), b"abc");
    }

    /// A literal that itself lies beyond ASCII is found in such text.
    #[test]
    fn literals_beyond_ascii_are_found() {
        let mut builder = PrefilterBuilder::default();
        for literal in [&b"\xe3\x81\x82"[..], b"\xef\xbc\x9cscript"] {
            builder.add(&Required {
                literals: vec![literal.to_vec()],
                ..Required::default()
            });
        }
        let filter = builder.build(ScanClass::Request);
        let found = |value: &str| {
            let mut rows = Vec::new();
            filter.scan(value.as_bytes(), &ByteSet::of(value.as_bytes()), &mut rows);
            rows[0]
        };
        assert_eq!(found("漢字漢字漢字あ漢字"), 0b01);
        assert_eq!(found("漢字漢字漢字＜script"), 0b10);
        assert_eq!(found("漢字漢字漢字"), 0);
    }

    /// Literals that begin, end and lie within each other, in any case.
    #[test]
    fn all_literals_are_found_by_both_automata() {
        let words = ["select", "ele", "Lect", "t from", "from"];
        for class in [ScanClass::Request, ScanClass::Response] {
            let mut builder = PrefilterBuilder::default();
            for word in words {
                builder.add(&Required {
                    literals: vec![word.to_ascii_lowercase().into_bytes()],
                    ..Required::default()
                });
            }
            let filter = builder.build(class);
            let found = |value: &[u8]| {
                let mut rows = Vec::new();
                filter.scan(value, &ByteSet::of(value), &mut rows);
                rows[0]
            };
            assert_eq!(found(b"x SELECT FROM y"), 0b11111);
            assert_eq!(found(b"elect"), 0b00110);
            assert_eq!(found(b"from"), 0b10000);
            assert_eq!(found(b"fr"), 0);
            // Behind, between and within text beyond ASCII.
            let text = "ごみの収集日をおしえてください".repeat(3);
            let value = |word: &str| format!("{text}{word}{text}").into_bytes();
            assert_eq!(found(&value("ELECT")), 0b00110);
            assert_eq!(found(&value("t from")), 0b11000);
            assert_eq!(found(&value("seléct")), 0);
            assert_eq!(found(text.as_bytes()), 0);
        }
    }
}
