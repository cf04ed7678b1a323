//! What was found out about values that come again and again.
//!
//! A browser sends the same dozen fields with each of the thirty requests of a page, and visitors
//! share browsers and pages. What the search for candidates says of such a value, and that it is no
//! injection, is kept from one transaction to the next: a table of fixed size, in which a new value
//! takes the place of another.
//!
//! It holds no value, only a hash of each under a key that this table drew at random: nobody outside
//! can make a value that is taken for another (one try in 2^64 hits a place). Only what the rules would
//! find again is kept, so answers are the same with and without it.

use std::hash::{BuildHasher, RandomState};

use crate::ruleset::ByteSet;

/// Places, a power of two.
const PLACES: usize = 1024;

/// Longer values seldom come again, and hashing them costs more.
const LONGEST: usize = 512;

/// Hash of a value; 0 where none was made.
pub(super) type Mark = u64;

/// What an operator that finds injections said.
#[derive(Debug, Clone, Copy)]
#[repr(u8)]
pub(super) enum Harmless {
    /// No SQL.
    Sql = 1,
    /// No script.
    Script = 2,
}

#[derive(Debug, Clone, Copy, Default)]
struct Place {
    mark: Mark,
    seen: ByteSet,
    harmless: u8,
}

/// The table.
#[derive(Debug)]
pub(super) struct Known {
    key: RandomState,
    /// Empty until the first value comes.
    places: Vec<Place>,
    /// Candidates of each.
    rows: Vec<u64>,
}

impl Known {
    pub(super) fn new() -> Self {
        Self {
            key: RandomState::new(),
            places: Vec::new(),
            rows: Vec::new(),
        }
    }

    /// The mark of a value; 0 for one that is not kept.
    pub(super) fn mark(&self, value: &[u8]) -> Mark {
        if value.is_empty() || value.len() > LONGEST {
            return 0;
        }
        self.key.hash_one(value).max(1)
    }

    /// Where a value is kept.
    fn find(&self, mark: Mark) -> Option<usize> {
        let at = place(mark);
        let place = self.places.get(at)?;
        (mark != 0 && place.mark == mark).then_some(at)
    }

    /// The bytes and the candidates of a value.
    pub(super) fn get(&self, mark: Mark, words: usize) -> Option<(ByteSet, &[u64])> {
        let at = self.find(mark)?;
        let row = self.rows.get(at * words..(at + 1) * words)?;
        Some((self.places[at].seen, row))
    }

    /// Keeps the bytes and the candidates of a value.
    pub(super) fn put(&mut self, mark: Mark, seen: ByteSet, row: &[u64]) {
        if mark == 0 {
            return;
        }
        if self.places.is_empty() {
            self.places = vec![Place::default(); PLACES];
            self.rows = vec![0; PLACES * row.len()];
        }
        let at = place(mark);
        let Some(own) = self.rows.get_mut(at * row.len()..(at + 1) * row.len()) else {
            return;
        };
        own.copy_from_slice(row);
        self.places[at] = Place {
            mark,
            seen,
            harmless: 0,
        };
    }

    /// Whether a value was found harmless.
    pub(super) fn is_harmless(&self, mark: Mark, what: Harmless) -> bool {
        self.find(mark)
            .is_some_and(|at| self.places[at].harmless & what as u8 != 0)
    }

    /// Keeps that a value is harmless, if it still has its place.
    pub(super) fn set_harmless(&mut self, mark: Mark, what: Harmless) {
        if let Some(at) = self.find(mark) {
            self.places[at].harmless |= what as u8;
        }
    }
}

fn place(mark: Mark) -> usize {
    mark as usize % PLACES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_known_until_another_takes_its_place() {
        let mut known = Known::new();
        let (mark, seen) = (known.mark(b"ja,en"), ByteSet::of(b"ja,en"));
        assert!(known.get(mark, 2).is_none());
        known.put(mark, seen, &[1, 2]);
        assert_eq!(known.get(mark, 2), Some((seen, &[1, 2][..])));
        assert!(!known.is_harmless(mark, Harmless::Sql));
        known.set_harmless(mark, Harmless::Sql);
        assert!(known.is_harmless(mark, Harmless::Sql));
        assert!(!known.is_harmless(mark, Harmless::Script));
        let other = mark ^ (1 << 60);
        known.put(other, ByteSet::default(), &[3, 4]);
        assert!(known.get(mark, 2).is_none());
        assert!(!known.is_harmless(mark, Harmless::Sql));
        assert!(!known.is_harmless(other, Harmless::Sql));
    }

    #[test]
    fn marks_are_under_keys_of_their_own_and_large_values_have_none() {
        let mut known = Known::new();
        known.put(5, ByteSet::of(b"x"), &[1, 2]);
        known.put(0, ByteSet::of(b"x"), &[1, 2]);
        assert_ne!(known.mark(b"value"), Known::new().mark(b"value"));
        assert_eq!(known.mark(b""), 0);
        assert_eq!(known.mark(&[b'a'; LONGEST + 1]), 0);
        assert!(known.get(0, 2).is_none());
        known.set_harmless(0, Harmless::Sql);
        assert!(!known.is_harmless(0, Harmless::Sql));
    }
}
