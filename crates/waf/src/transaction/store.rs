//! All bytes of a transaction in one place, and what was already found out about them.
//!
//! Values are ranges of one growing buffer. A transformation that changes nothing gives back the
//! same value, so that the search for candidates runs once for all chains that end in it.

use crate::ruleset::{ByteSet, ChainId, ROOT, RuleSet, ScanClass};
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
}

/// The store.
#[derive(Debug)]
pub(crate) struct Store {
    buffer: Vec<u8>,
    values: Vec<Value>,
    items: Vec<Vec<Item>>,
    seen: Vec<ByteSet>,
    rows: Vec<ValueId>,
    scans: [Vec<u64>; 2],
    scratch: Vec<u8>,
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
            seen: Vec::with_capacity(128),
            rows: Vec::new(),
            scans: [Vec::new(), Vec::new()],
            scratch: Vec::new(),
            work: 0,
            count: 0,
            full: false,
        };
        store.push(b"");
        store
    }

    /// As new, but for the memory that it has. `false`: it has grown too large to be kept.
    pub(crate) fn reset(&mut self) -> bool {
        let Self {
            buffer,
            values,
            items,
            seen,
            rows,
            scans,
            scratch,
            work,
            count,
            full,
        } = self;
        buffer.clear();
        values.clear();
        items.iter_mut().for_each(Vec::clear);
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
        self.items[variable as usize].push(item);
    }

    /// Sets the value of a scalar.
    pub(crate) fn set(&mut self, variable: Variable, value: &[u8]) {
        let value = self.push(value);
        self.set_value(variable, value);
    }

    pub(crate) fn set_value(&mut self, variable: Variable, value: ValueId) {
        let items = &mut self.items[variable as usize];
        items.clear();
        items.push(Item { name: EMPTY, value });
    }

    pub(crate) fn items(&self, variable: Variable) -> &[Item] {
        &self.items[variable as usize]
    }

    /// The value of a scalar.
    pub(crate) fn scalar(&self, variable: Variable) -> Option<&[u8]> {
        self.items(variable)
            .first()
            .map(|item| self.bytes(item.value))
    }

    /// Which bytes occur in a value.
    pub(crate) fn seen(&mut self, value: ValueId) -> ByteSet {
        let at = self.values[value as usize].seen;
        if at != UNKNOWN {
            return self.seen[at as usize];
        }
        let set = ByteSet::of(self.bytes(value));
        self.values[value as usize].seen = self.seen.len() as u32;
        self.seen.push(set);
        set
    }

    /// A value after a chain of transformations.
    pub(crate) fn transformed(
        &mut self,
        rules: &RuleSet,
        value: ValueId,
        chain: ChainId,
    ) -> ValueId {
        let Some((parent, step)) = rules.chains.last(chain) else {
            return value;
        };
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
        let before = if parent == ROOT {
            value
        } else {
            self.transformed(rules, value, parent)
        };
        let seen = self.seen(before);
        let after = if step.idle(&seen) {
            before
        } else {
            let mut scratch = std::mem::take(&mut self.scratch);
            self.work += self.bytes(before).len() as u64;
            let changed = step.apply(self.bytes(before), &mut scratch);
            let after = if changed { self.push(&scratch) } else { before };
            self.scratch = scratch;
            if changed && step == Transform::Lowercase {
                self.values[after as usize].same = self.values[before as usize].same;
            }
            after
        };
        self.rows[cell] = after;
        after
    }

    /// Where the candidates of a value are.
    pub(crate) fn scan(&mut self, rules: &RuleSet, value: ValueId, class: ScanClass) -> u32 {
        let known = self.values[value as usize].scan[class as usize];
        if known != UNKNOWN {
            return known;
        }
        let same = self.values[value as usize].same;
        let at = if same == value {
            let seen = self.seen(value);
            let at = self.scans[class as usize].len() as u32;
            let span = self.values[value as usize].span;
            let bytes = &self.buffer[span.start as usize..span.end as usize];
            self.work += bytes.len() as u64;
            rules.prefilters[class as usize].scan(bytes, &seen, &mut self.scans[class as usize]);
            at
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
            for (mine, theirs) in row.iter_mut().zip(words) {
                *mine |= theirs;
            }
        }
    }
}
