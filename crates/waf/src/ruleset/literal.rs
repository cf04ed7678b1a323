//! What a value must contain for a pattern to be able to match it.
//!
//! Two kinds of necessary conditions are read off a pattern: a set of literals of which at least
//! one must occur (without regard to ASCII case), and sets of bytes each of which must share a byte
//! with the value. Both are sound: a value that fails them cannot match.

use std::collections::BTreeSet;

use regex_syntax::hir::{Class, Hir, HirKind};

/// A set of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, PartialOrd, Ord)]
pub(crate) struct ByteSet(pub(crate) [u64; 4]);

/// Bytes up to which a value is gone through one by one.
const SHORT: usize = 32;

impl ByteSet {
    pub(crate) fn insert(&mut self, byte: u8) {
        self.0[usize::from(byte >> 6)] |= 1 << (byte & 63);
    }

    pub(crate) fn contains(&self, byte: u8) -> bool {
        self.0[usize::from(byte >> 6)] & (1 << (byte & 63)) != 0
    }

    /// The bytes that occur in a value. Most values are short and there are hundreds in a request:
    /// looking at all 256 places of a table for each would cost more than the search itself.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let mut set = Self::default();
        if bytes.len() <= SHORT {
            for byte in bytes {
                set.insert(*byte);
            }
            return set;
        }
        let mut seen = [0u8; 256];
        for byte in bytes {
            seen[usize::from(*byte)] = 1;
        }
        for (at, eight) in seen.as_chunks::<8>().0.iter().enumerate() {
            // The product brings the lowest bits of eight bytes together in the highest byte.
            let packed = u64::from_le_bytes(*eight).wrapping_mul(0x0102_0408_1020_4080) >> 56;
            set.0[at / 8] |= packed << (at % 8 * 8);
        }
        set
    }

    pub(crate) fn intersects(&self, other: &Self) -> bool {
        (self.0[0] & other.0[0])
            | (self.0[1] & other.0[1])
            | (self.0[2] & other.0[2])
            | (self.0[3] & other.0[3])
            != 0
    }

    /// With each letter in both cases: conditions are compared with a value before it is put into
    /// lower case too.
    pub(crate) fn folded(&self) -> Self {
        let mut set = *self;
        for byte in self.bytes() {
            set.insert(byte.to_ascii_lowercase());
            set.insert(byte.to_ascii_uppercase());
        }
        set
    }

    pub(crate) fn without(mut self, bytes: impl IntoIterator<Item = u8>) -> Self {
        for byte in bytes {
            self.0[usize::from(byte >> 6)] &= !(1 << (byte & 63));
        }
        self
    }

    pub(crate) fn union(mut self, other: Self) -> Self {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            *mine |= theirs;
        }
        self
    }

    /// The bytes in the set, in order.
    pub(crate) fn bytes(&self) -> impl Iterator<Item = u8> + use<> {
        let words = self.0;
        let mut at = 0usize;
        let mut left = words[0];
        std::iter::from_fn(move || {
            while left == 0 {
                at += 1;
                left = *words.get(at)?;
            }
            let bit = left.trailing_zeros();
            left &= left - 1;
            Some((at as u32 * 64 + bit) as u8)
        })
    }

    /// How likely ordinary text is to contain one of these; smaller selects better.
    fn commonness(&self) -> u32 {
        self.bytes()
            .map(|byte| match byte {
                b'a'..=b'z' | b' ' => 30,
                b'A'..=b'Z' | b'0'..=b'9' | 0x80.. => 20,
                b'.' | b'-' | b'/' | b':' | b',' | b'\n' | b'\r' | b'_' | b'=' => 10,
                b'"' | b'\'' | b'(' | b')' | b'<' | b'>' | b';' | b'&' | b'?' | b'%' => 4,
                _ => 1,
            })
            .sum()
    }
}

/// What is necessary for a match.
#[derive(Debug, Clone, Default)]
pub(crate) struct Required {
    /// At least one of these occurs, in any ASCII case (they are lower case). Empty: unknown.
    pub(crate) literals: Vec<Vec<u8>>,
    /// Each of these sets shares a byte with the value; the most selective first.
    pub(crate) bytes: Vec<ByteSet>,
    /// A match is at least this long.
    pub(crate) length: usize,
}

/// Literals beyond this many say too little about a value for what they cost.
const MOST_LITERALS: usize = 256;
/// Strings followed at once through a concatenation.
const MOST_EXACT: usize = 128;
/// Byte sets kept.
const MOST_SETS: usize = 4;

/// What a pattern requires.
pub(crate) fn of_pattern(hir: &Hir) -> Required {
    let found = visit(hir);
    let mut literals: Option<Strings> = found.any;
    if let Some(exact) = found.exact {
        literals = better(literals, Some(exact));
    }
    let literals = literals
        .filter(useful)
        .map(|set| set.into_iter().collect())
        .unwrap_or_default();
    Required {
        literals,
        bytes: strongest(&found.bytes),
        length: hir.properties().minimum_len().unwrap_or(0),
    }
}

/// What a fixed text requires.
pub(crate) fn of_text(text: &[u8]) -> Required {
    let lower = text.to_ascii_lowercase();
    let sets: Vec<ByteSet> = text
        .iter()
        .map(|byte| {
            let mut set = ByteSet::default();
            set.insert(byte.to_ascii_lowercase());
            set.insert(byte.to_ascii_uppercase());
            set
        })
        .collect();
    let literals = BTreeSet::from([lower]);
    Required {
        literals: if useful(&literals) {
            literals.into_iter().collect()
        } else {
            Vec::new()
        },
        bytes: strongest(&sets),
        length: text.len(),
    }
}

/// What a list of words requires.
pub(crate) fn of_words(words: &[Vec<u8>]) -> Required {
    let set: BTreeSet<Vec<u8>> = words.iter().map(|word| word.to_ascii_lowercase()).collect();
    let length = words.iter().map(Vec::len).min().unwrap_or(0);
    // Lists are what the literal search is for: no limit on their number.
    let worthy = set.iter().all(|word| selective(word));
    Required {
        literals: if worthy {
            set.into_iter().collect()
        } else {
            Vec::new()
        },
        bytes: Vec::new(),
        length,
    }
}

type Strings = BTreeSet<Vec<u8>>;

#[derive(Debug, Default)]
struct Found {
    /// All strings that match, in lower case, where they are few.
    exact: Option<Strings>,
    /// One of these occurs in every match.
    any: Option<Strings>,
    /// Each of these shares a byte with every match.
    bytes: Vec<ByteSet>,
}

fn visit(hir: &Hir) -> Found {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => Found {
            exact: Some(BTreeSet::from([Vec::new()])),
            ..Found::default()
        },
        HirKind::Literal(literal) => Found {
            exact: Some(BTreeSet::from([literal.0.to_ascii_lowercase()])),
            any: None,
            bytes: literal
                .0
                .iter()
                .map(|byte| {
                    let mut set = ByteSet::default();
                    set.insert(*byte);
                    set
                })
                .collect(),
        },
        HirKind::Class(class) => of_class(class),
        HirKind::Capture(capture) => visit(&capture.sub),
        HirKind::Repetition(repetition) => {
            let inner = visit(&repetition.sub);
            if repetition.min == 0 {
                let exact = (repetition.max == Some(1))
                    .then(|| {
                        inner.exact.map(|mut set| {
                            set.insert(Vec::new());
                            set
                        })
                    })
                    .flatten();
                Found {
                    exact,
                    ..Found::default()
                }
            } else if repetition.min == 1 && repetition.max == Some(1) {
                inner
            } else {
                let any = better(inner.any, inner.exact);
                Found {
                    exact: None,
                    any,
                    bytes: inner.bytes,
                }
            }
        }
        HirKind::Concat(parts) => concat(parts),
        HirKind::Alternation(parts) => alternation(parts),
    }
}

fn of_class(class: &Class) -> Found {
    let mut set = ByteSet::default();
    match class {
        Class::Bytes(class) => {
            for range in class.ranges() {
                for byte in range.start()..=range.end() {
                    set.insert(byte);
                }
            }
        }
        Class::Unicode(class) => {
            // With Unicode off the parser makes these only where all of it is ASCII.
            for range in class.ranges() {
                for c in range.start()..=range.end() {
                    match u8::try_from(c) {
                        Ok(byte) if byte < 0x80 => set.insert(byte),
                        _ => return Found::default(),
                    }
                }
            }
        }
    }
    let folded: Strings = set
        .bytes()
        .map(|byte| vec![byte.to_ascii_lowercase()])
        .collect();
    Found {
        exact: (folded.len() <= 16).then_some(folded),
        any: None,
        bytes: vec![set],
    }
}

fn concat(parts: &[Hir]) -> Found {
    let mut bytes = Vec::new();
    let mut any: Option<Strings> = None;
    let mut run: Strings = BTreeSet::from([Vec::new()]);
    let mut whole = true;
    for part in parts {
        let found = visit(part);
        bytes.extend(found.bytes);
        any = better(any, found.any);
        match found.exact {
            Some(exact) if run.len() * exact.len() <= MOST_EXACT => {
                run = run
                    .iter()
                    .flat_map(|head| {
                        exact.iter().map(move |tail| {
                            let mut text = head.clone();
                            text.extend_from_slice(tail);
                            text
                        })
                    })
                    .collect();
            }
            Some(exact) => {
                any = better(any, Some(run));
                run = exact;
                whole = false;
            }
            None => {
                any = better(any, Some(run));
                run = BTreeSet::from([Vec::new()]);
                whole = false;
            }
        }
    }
    if whole {
        Found {
            exact: Some(run),
            any,
            bytes,
        }
    } else {
        any = better(any, Some(run));
        Found {
            exact: None,
            any,
            bytes,
        }
    }
}

fn alternation(parts: &[Hir]) -> Found {
    let mut exact = Some(Strings::new());
    let mut any = Some(Strings::new());
    let mut bytes: Option<ByteSet> = Some(ByteSet::default());
    for part in parts {
        let found = visit(part);
        let best = better(found.any.clone(), found.exact.clone());
        exact = match (exact, found.exact) {
            (Some(mut all), Some(more)) if all.len() + more.len() <= MOST_EXACT * 2 => {
                all.extend(more);
                Some(all)
            }
            _ => None,
        };
        any = match (any, best) {
            (Some(mut all), Some(more)) => {
                all.extend(more);
                Some(all)
            }
            _ => None,
        };
        // One of the sets that each branch requires.
        let least = found.bytes.into_iter().min_by_key(ByteSet::commonness);
        bytes = match (bytes, least) {
            (Some(all), Some(set)) => Some(all.union(set)),
            _ => None,
        };
    }
    Found {
        exact,
        any: any.filter(|set| set.len() <= MOST_LITERALS),
        bytes: bytes.into_iter().collect(),
    }
}

/// A literal that ordinary text seldom contains.
fn selective(literal: &[u8]) -> bool {
    match literal {
        [] | [_] => false,
        [a, b] => {
            let plain = |byte: &u8| byte.is_ascii_alphanumeric() || byte.is_ascii_whitespace();
            !(plain(a) || plain(b)) || *a >= 0x80
        }
        _ => true,
    }
}

fn useful(set: &Strings) -> bool {
    !set.is_empty() && set.len() <= MOST_LITERALS && set.iter().all(|text| selective(text))
}

/// The set that selects better: longer literals first, then fewer.
fn better(a: Option<Strings>, b: Option<Strings>) -> Option<Strings> {
    let rank = |set: &Strings| {
        let shortest = set.iter().map(Vec::len).min().unwrap_or(0);
        (
            useful(set),
            shortest.min(5),
            usize::MAX - set.len(),
            shortest,
        )
    };
    match (a, b) {
        (Some(a), Some(b)) => Some(if rank(&b) > rank(&a) { b } else { a }),
        (a, b) => a.or(b),
    }
    .filter(|set| set.iter().all(|text| !text.is_empty()))
}

fn strongest(sets: &[ByteSet]) -> Vec<ByteSet> {
    let mut sets: Vec<ByteSet> = sets.iter().map(ByteSet::folded).collect();
    sets.sort_by_key(|set| (set.commonness(), *set));
    sets.dedup();
    sets.truncate(MOST_SETS);
    sets
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pattern::Pattern;

    fn required(pattern: &str) -> Required {
        of_pattern(&Pattern::new(pattern, false).expect(pattern).hir)
    }

    fn literals(pattern: &str) -> Vec<String> {
        required(pattern)
            .literals
            .iter()
            .map(|text| String::from_utf8_lossy(text).into_owned())
            .collect()
    }

    proptest::proptest! {
        /// Short values and long ones are gone through differently and must agree.
        #[test]
        fn every_byte_of_a_value_is_in_its_set_and_no_other(
            value in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..90)
        ) {
            let set = ByteSet::of(&value);
            for byte in 0..=255 {
                proptest::prop_assert_eq!(set.contains(byte), value.contains(&byte));
            }
        }
    }

    #[test]
    fn literals_are_read_off() {
        assert_eq!(literals(r"(?i)\bunion\s+select\b"), ["select"]);
        assert_eq!(literals(r"(?i)(?:foo|barz?)\("), ["bar(", "barz(", "foo("]);
        assert_eq!(literals(r"a|bcd"), Vec::<String>::new());
        assert_eq!(literals(r"x*<\?php"), ["<?php"]);
        assert_eq!(literals(r"(?:abc)?"), Vec::<String>::new());
        assert_eq!(literals(r"(?:abc){2,}"), ["abc"]);
        assert_eq!(literals(r"\d+"), Vec::<String>::new());
    }

    #[test]
    fn bytes_are_read_off() {
        let required = required(r#"["'`][^a]*\("#);
        assert!(required.literals.is_empty());
        assert_eq!(required.length, 2);
        let text = ByteSet::of("お問い合わせ(テスト)".as_bytes());
        assert!(!required.bytes.iter().all(|set| set.intersects(&text)));
        let attack = ByteSet::of(b"' or sleep(1)");
        assert!(required.bytes.iter().all(|set| set.intersects(&attack)));
    }

    proptest::proptest! {
        /// Whatever matches passes the conditions.
        #[test]
        fn conditions_are_necessary(
            pieces in proptest::collection::vec(proptest::sample::select(vec![
                "a", "B", "ab", "(?i:ab?)", "[a-c]{1,2}", r"\(x", "c+", r"d\?", "(?:ab|CD)+", "(?:a(b|c)d|xy)",
                r"\b", "[^a]", "abc", "(?:abc)?", "(?:ab|)", "x{2,}", "[ab][cd]", "(?i)d", ".", "(?:aB|c.d)",
            ]), 1..6),
            value in "[a-dx(?A-D]{0,12}",
        ) {
            let Ok(pattern) = Pattern::new(&pieces.concat(), false) else { return Ok(()); };
            if pattern.regex.is_match(value.as_bytes()) {
                let required = of_pattern(&pattern.hir);
                let lower = value.to_ascii_lowercase();
                let seen = ByteSet::of(value.as_bytes());
                proptest::prop_assert!(required.length <= value.len());
                proptest::prop_assert!(required.bytes.iter().all(|set| set.intersects(&seen)));
                proptest::prop_assert!(required.literals.is_empty() || required.literals.iter().any(
                    |literal| lower.contains(std::str::from_utf8(literal).expect("ascii"))
                ), "{required:?}");
            }
        }
    }
}
