//! All bytes of a transaction in one place, and what was already found out about them.
//!
//! Values are ranges of one growing buffer. A transformation that changes nothing gives back the
//! same value, so that the search for candidates runs once for all chains that end in it.

use super::known::{Harmless, Known, Mark};
use crate::ruleset::{ByteSet, ChainId, RuleSet, ScanClass, undisturbed};
use crate::transform::Transform;
use crate::variable::{COUNT, Variable};

/// A range of the buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Span {
    pub(crate) start: u32,
    pub(crate) end: u32,
}

/// Number of a value.
pub(crate) type ValueId = u32;

/// A named value of a collection, or the one of a scalar (without name).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) name: ValueId,
    pub(crate) value: ValueId,
}

const UNKNOWN: u32 = u32::MAX;

#[derive(Debug, Clone, Copy)]
struct Value {
    span: Span,
    /// Where the bytes that occur are kept.
    seen: u32,
    /// First of the results of its transformations.
    row: u32,
    /// Where its candidates are kept, by class.
    scan: [u32; 2],
    /// A value with the same candidates: the one before it was put into lower case.
    same: ValueId,
    /// By what it is known from one transaction to the next.
    mark: Mark,
    /// Where its candidates are that were kept from a transaction before.
    kept: u32,
}

/// The store.
#[derive(Debug)]
pub(crate) struct Store {
    buffer: Vec<u8>,
    values: Vec<Value>,
    items: Vec<Vec<Item>>,
    /// How often the values of each variable have changed.
    changes: Vec<u32>,
    seen: Vec<ByteSet>,
    rows: Vec<ValueId>,
    scans: [Vec<u64>; 2],
    scratch: Vec<u8>,
    known: Known,
    /// Bytes looked at.
    pub(crate) work: u64,
    /// Named values.
    pub(crate) count: usize,
    /// Something could not be taken in: too many values, or more bytes than numbers reach.
    pub(crate) full: bool,
}

/// The buffer never grows beyond this.
const LARGEST: usize = u32::MAX as usize - 1;

/// Bytes of a store that is kept for the next transaction.
const LARGEST_KEPT: usize = 256 * 1024;

/// The empty value.
pub(crate) const EMPTY: ValueId = 0;

impl Store {
    pub(crate) fn new() -> Self {
        let mut store = Self {
            buffer: Vec::with_capacity(8 * 1024),
            values: Vec::with_capacity(256),
            items: vec![Vec::new(); COUNT],
            changes: vec![0; COUNT],
            seen: Vec::with_capacity(128),
            rows: Vec::new(),
            scans: [Vec::new(), Vec::new()],
            scratch: Vec::new(),
            known: Known::new(),
            work: 0,
            count: 0,
            full: false,
        };
        store.push(b"");
        store
    }

    /// As new, but for the memory that it has and what it knows of values. `false`: it has grown too large to be kept.
    pub(crate) fn reset(&mut self) -> bool {
        let Self {
            buffer,
            values,
            items,
            changes,
            seen,
            rows,
            scans,
            scratch,
            known: _,
            work,
            count,
            full,
        } = self;
        buffer.clear();
        values.clear();
        items.iter_mut().for_each(Vec::clear);
        changes.fill(0);
        seen.clear();
        rows.clear();
        scans.iter_mut().for_each(Vec::clear);
        scratch.clear();
        (*work, *count, *full) = (0, 0, false);
        let kept = buffer.capacity() + scratch.capacity() + 4 * rows.capacity();
        self.push(b"");
        kept <= LARGEST_KEPT
    }

    /// Adds bytes as a value.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> ValueId {
        let start = self.buffer.len();
        if start + bytes.len() > LARGEST {
            self.full = true;
            return EMPTY;
        }
        self.buffer.extend_from_slice(bytes);
        self.push_span(Span {
            start: start as u32,
            end: self.buffer.len() as u32,
        })
    }

    /// Makes a part of the buffer a value.
    pub(crate) fn push_span(&mut self, span: Span) -> ValueId {
        let id = self.values.len() as ValueId;
        self.values.push(Value {
            span,
            seen: UNKNOWN,
            row: UNKNOWN,
            scan: [UNKNOWN; 2],
            same: id,
            mark: 0,
            kept: UNKNOWN,
        });
        id
    }

    pub(crate) fn bytes(&self, value: ValueId) -> &[u8] {
        self.span(self.values[value as usize].span)
    }

    pub(crate) fn span(&self, span: Span) -> &[u8] {
        &self.buffer[span.start as usize..span.end as usize]
    }

    /// Adds a named value.
    pub(crate) fn add(&mut self, variable: Variable, name: &[u8], value: &[u8]) {
        let name = self.push(name);
        let value = self.push(value);
        self.add_item(variable, Item { name, value });
    }

    pub(crate) fn add_item(&mut self, variable: Variable, item: Item) {
        self.count += 1;
        self.changes[variable as usize] += 1;
        self.items[variable as usize].push(item);
    }

    /// Sets the value of a scalar.
    pub(crate) fn set(&mut self, variable: Variable, value: &[u8]) {
        let value = self.push(value);
        self.set_value(variable, value);
    }

    pub(crate) fn set_value(&mut self, variable: Variable, value: ValueId) {
        self.changes[variable as usize] += 1;
        let items = &mut self.items[variable as usize];
        items.clear();
        items.push(Item { name: EMPTY, value });
    }

    pub(crate) fn items(&self, variable: Variable) -> &[Item] {
        &self.items[variable as usize]
    }

    /// How often the values of a variable have changed.
    pub(crate) fn changes(&self, variable: Variable) -> u32 {
        self.changes[variable as usize]
    }

    /// The value of a scalar.
    pub(crate) fn scalar(&self, variable: Variable) -> Option<&[u8]> {
        self.items(variable)
            .first()
            .map(|item| self.bytes(item.value))
    }

    /// Which bytes occur in a value.
    #[inline]
    pub(crate) fn seen(&mut self, rules: &RuleSet, value: ValueId) -> ByteSet {
        match self.values[value as usize].seen {
            UNKNOWN => self.look(rules, value),
            at => self.seen[at as usize],
        }
    }

    /// Finds out which bytes occur in a value, and, where it is known from before, its candidates.
    fn look(&mut self, rules: &RuleSet, value: ValueId) -> ByteSet {
        let own = &mut self.values[value as usize];
        own.seen = self.seen.len() as u32;
        let bytes = &self.buffer[own.span.start as usize..own.span.end as usize];
        own.mark = self.known.mark(bytes);
        let words = rules.prefilters[ScanClass::Request as usize].words();
        let set = match self.known.get(own.mark, words) {
            Some((set, row)) => {
                let scans = &mut self.scans[ScanClass::Request as usize];
                own.kept = scans.len() as u32;
                scans.extend_from_slice(row);
                set
            }
            None => ByteSet::of(bytes),
        };
        self.seen.push(set);
        set
    }

    /// Whether it is known that an operator finds nothing in a value.
    pub(super) fn is_harmless(&self, value: ValueId, what: Harmless) -> bool {
        let mark = self.values[value as usize].mark;
        self.known.is_harmless(mark, what)
    }

    /// Keeps that an operator found nothing in a value.
    pub(super) fn set_harmless(&mut self, value: ValueId, what: Harmless) {
        let mark = self.values[value as usize].mark;
        self.known.set_harmless(mark, what);
    }

    /// A value after a chain of transformations.
    pub(crate) fn transformed(
        &mut self,
        rules: &RuleSet,
        value: ValueId,
        chain: ChainId,
    ) -> ValueId {
        let Some(node) = rules.chains.get(chain) else {
            return value;
        };
        let seen = self.seen(rules, value);
        if undisturbed(node.of_all.as_ref(), &seen) {
            return value;
        }
        let mut row = self.values[value as usize].row;
        if row == UNKNOWN {
            row = self.rows.len() as u32;
            self.values[value as usize].row = row;
            let end = self.rows.len() + rules.chains.len();
            self.rows.resize(end, UNKNOWN);
        }
        let cell = (row + chain) as usize;
        if self.rows[cell] != UNKNOWN {
            return self.rows[cell];
        }
        let before = self.transformed(rules, value, node.parent);
        let seen = self.seen(rules, before);
        let after = if undisturbed(node.disturbers.as_ref(), &seen) {
            before
        } else {
            let mut scratch = std::mem::take(&mut self.scratch);
            self.work += self.bytes(before).len() as u64;
            let changed = node.step.apply(self.bytes(before), &mut scratch);
            let after = if changed { self.push(&scratch) } else { before };
            self.scratch = scratch;
            if changed && node.step == Transform::Lowercase {
                self.values[after as usize].same = self.values[before as usize].same;
            }
            after
        };
        self.rows[cell] = after;
        after
    }

    /// Where the candidates of a value after a chain of transformations are. The search sees no
    /// difference between letters of either case, so a value need not be put into lower case for it.
    pub(crate) fn scan_after(
        &mut self,
        rules: &RuleSet,
        value: ValueId,
        chain: ChainId,
        class: ScanClass,
    ) -> u32 {
        let seen = self.seen(rules, value);
        let of_any_case = rules
            .chains
            .get(chain)
            .and_then(|node| node.of_any_case.as_ref());
        let value = if undisturbed(of_any_case, &seen) {
            value
        } else {
            self.transformed(rules, value, chain)
        };
        self.scan(rules, value, class)
    }

    /// Where the candidates of a value are.
    pub(crate) fn scan(&mut self, rules: &RuleSet, value: ValueId, class: ScanClass) -> u32 {
        let known = self.values[value as usize].scan[class as usize];
        if known != UNKNOWN {
            return known;
        }
        let Value { same, span, .. } = self.values[value as usize];
        let at = if same == value {
            let seen = self.seen(rules, value);
            let Value { kept, mark, .. } = self.values[value as usize];
            let bytes = &self.buffer[span.start as usize..span.end as usize];
            // Known or not: what a request may cost does not hang on those before it.
            self.work += bytes.len() as u64;
            let of_request = class == ScanClass::Request;
            if of_request && kept != UNKNOWN {
                kept
            } else {
                let scans = &mut self.scans[class as usize];
                let at = scans.len();
                rules.prefilters[class as usize].scan(bytes, &seen, scans);
                if of_request {
                    self.known.put(mark, seen, &scans[at..]);
                }
                at as u32
            }
        } else {
            self.scan(rules, same, class)
        };
        self.values[value as usize].scan[class as usize] = at;
        at
    }

    /// Whether a link is a candidate by the scan at that place.
    pub(crate) fn candidate(&self, class: ScanClass, scan: u32, bit: u32) -> bool {
        self.scans[class as usize]
            .get(scan as usize + bit as usize / 64)
            .is_some_and(|word| word & (1 << (bit % 64)) != 0)
    }

    /// Adds the candidates at a place to a row.
    pub(crate) fn merge(&self, class: ScanClass, scan: u32, row: &mut [u64]) {
        let from = scan as usize;
        if let Some(words) = self.scans[class as usize].get(from..from + row.len()) {
            // By eight, as rows are made: several at once.
            let (mine, theirs) = (row.as_chunks_mut::<8>().0, words.as_chunks::<8>().0);
            for (mine, theirs) in mine.iter_mut().zip(theirs) {
                for (mine, theirs) in mine.iter_mut().zip(theirs) {
                    *mine |= theirs;
                }
            }
        }
    }
}
