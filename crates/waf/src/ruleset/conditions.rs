//! What links require of the bytes of a value, asked for all links at once.
//!
//! Most links need one byte out of each of a few sets. Bytes that no set tells apart form a class (a
//! rule set has some eighty), and for each class there is a row with a bit for every link whose set it
//! is in. The union of the rows of a value's classes says at once which links find what they need:
//! asking one link after another took a fifth of an ordinary request.

use crate::ruleset::literal::ByteSet;

/// What one link requires.
#[derive(Debug)]
pub(super) struct Demand {
    /// A match is at least this long.
    pub(super) length: usize,
    /// Each shares a byte with a value that matches.
    pub(super) sets: Vec<ByteSet>,
    /// A literal of it must be found, too.
    pub(super) literal: bool,
}

/// Links whose bits lie together: one line of a processor's cache.
const LINKS: usize = 512;
type Block = [u64; LINKS / 64];

/// Values at least this long are long enough for all links, as far as this goes.
const LONGEST: usize = 64;
/// Sets of each link that are asked for by rows; the rest is asked for one by one.
const BY_ROWS: usize = 2;
/// More classes than this fall together; then a link may be a candidate in vain.
const MOST_CLASSES: usize = 128;

/// Classes of bytes.
type Classes = [u64; MOST_CLASSES / 64];

/// What all links require.
#[derive(Debug)]
pub(super) struct Conditions {
    class_of: Box<[u8; 256]>,
    tables: Vec<Table>,
}

/// Of 512 links.
#[derive(Debug)]
struct Table {
    /// Those that need no literal.
    unsearched: Block,
    /// By the length of a value: those that so few bytes can match.
    by_length: Vec<Block>,
    /// Those without a first set, and those without a second.
    undemanding: [Block; BY_ROWS],
    /// By class: those in whose first set it is, and those in whose second.
    by_class: Vec<[Block; BY_ROWS]>,
    /// Those with more sets.
    further: Block,
    /// Their sets, as classes.
    sets: Vec<Vec<Classes>>,
}

impl Conditions {
    pub(super) fn new(demands: &[Demand]) -> Self {
        let (class_of, count) = classes(demands);
        let tables = demands
            .chunks(LINKS)
            .map(|some| Table::new(some, &class_of, count))
            .collect();
        Self { class_of, tables }
    }

    /// Words of a row.
    pub(super) fn words(&self) -> usize {
        self.tables.len() * (LINKS / 64)
    }

    /// Of a row with the links whose literals were found, leaves and adds those that a value of this
    /// length and of these bytes can match.
    pub(super) fn select(&self, length: usize, seen: &ByteSet, row: &mut [u64]) {
        let classes = self.classes(seen);
        for (table, row) in self.tables.iter().zip(row.as_chunks_mut().0) {
            table.select(length, &classes, row);
        }
    }

    fn classes(&self, seen: &ByteSet) -> Classes {
        let mut classes = Classes::default();
        for byte in seen.bytes() {
            insert(&mut classes, self.class_of[usize::from(byte)]);
        }
        classes
    }
}

impl Table {
    fn new(demands: &[Demand], class_of: &[u8; 256], count: usize) -> Self {
        let mut table = Self {
            unsearched: Block::default(),
            by_length: vec![Block::default(); LONGEST + 1],
            undemanding: Default::default(),
            by_class: vec![Default::default(); count],
            further: Block::default(),
            sets: Vec::with_capacity(demands.len()),
        };
        for (bit, demand) in demands.iter().enumerate() {
            let (word, mask) = (bit / 64, 1 << (bit % 64));
            if !demand.literal {
                table.unsearched[word] |= mask;
            }
            for block in table.by_length.iter_mut().skip(demand.length.min(LONGEST)) {
                block[word] |= mask;
            }
            for place in 0..BY_ROWS {
                match demand.sets.get(place) {
                    Some(set) => {
                        for byte in set.bytes() {
                            let class = usize::from(class_of[usize::from(byte)]);
                            table.by_class[class][place][word] |= mask;
                        }
                    }
                    None => table.undemanding[place][word] |= mask,
                }
            }
            let rest = demand.sets.iter().skip(BY_ROWS);
            let rest: Vec<Classes> = rest.map(|set| as_classes(set, class_of)).collect();
            if !rest.is_empty() {
                table.further[word] |= mask;
            }
            table.sets.push(rest);
        }
        table
    }

    fn select(&self, length: usize, classes: &Classes, row: &mut Block) {
        let mut held = self.undemanding;
        for (at, word) in classes.iter().enumerate() {
            let mut left = *word;
            while left != 0 {
                let class = at * 64 + left.trailing_zeros() as usize;
                left &= left - 1;
                for (held, more) in held.iter_mut().zip(&self.by_class[class]) {
                    for (word, more) in held.iter_mut().zip(more) {
                        *word |= more;
                    }
                }
            }
        }
        let long_enough = &self.by_length[length.min(LONGEST)];
        for (at, word) in row.iter_mut().enumerate() {
            *word = (*word | self.unsearched[at])
                & long_enough[at]
                & held.iter().fold(u64::MAX, |all, held| all & held[at]);
            let mut left = *word & self.further[at];
            while left != 0 {
                let bit = left.trailing_zeros();
                left &= left - 1;
                let sets = &self.sets[at * 64 + bit as usize];
                if !sets.iter().all(|set| intersect(set, classes)) {
                    *word &= !(1 << bit);
                }
            }
        }
    }
}

/// The class of each byte, and how many classes there are.
fn classes(demands: &[Demand]) -> (Box<[u8; 256]>, usize) {
    let mut known = std::collections::HashMap::new();
    let mut class_of = Box::new([0; 256]);
    for byte in 0..=u8::MAX {
        let sets = demands.iter().flat_map(|demand| &demand.sets);
        let belongs: Vec<bool> = sets.map(|set| set.contains(byte)).collect();
        let next = known.len().min(MOST_CLASSES - 1) as u8;
        class_of[usize::from(byte)] = *known.entry(belongs).or_insert(next);
    }
    (class_of, known.len().min(MOST_CLASSES))
}

fn as_classes(set: &ByteSet, class_of: &[u8; 256]) -> Classes {
    let mut classes = Classes::default();
    for byte in set.bytes() {
        insert(&mut classes, class_of[usize::from(byte)]);
    }
    classes
}

fn insert(classes: &mut Classes, class: u8) {
    classes[usize::from(class >> 6)] |= 1 << (class & 63);
}

fn intersect(a: &Classes, b: &Classes) -> bool {
    a.iter().zip(b).any(|(a, b)| a & b != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(demand: &Demand, value: &[u8], literal_found: bool) -> bool {
        let seen = ByteSet::of(value);
        value.len() >= demand.length.min(LONGEST)
            && (literal_found || !demand.literal)
            && demand.sets.iter().all(|set| set.intersects(&seen))
    }

    fn demands() -> impl proptest::strategy::Strategy<Value = Vec<Demand>> {
        use proptest::prelude::*;
        let set = prop::collection::vec(any::<u8>(), 1..6).prop_map(|bytes| ByteSet::of(&bytes));
        let demand = (0..100usize, prop::collection::vec(set, 0..5), any::<bool>());
        let demand = demand.prop_map(|(length, sets, literal)| Demand {
            length,
            sets,
            literal,
        });
        prop::collection::vec(demand, 0..700)
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]

        /// Links that are asked for at once are those that are asked for one by one; with more classes
        /// than are told apart there may be some in vain, but none is lost.
        #[test]
        fn rows_say_what_each_demand_says(
            demands in demands(),
            value in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..80),
            found in proptest::collection::vec(proptest::prelude::any::<bool>(), 700),
        ) {
            let conditions = Conditions::new(&demands);
            let mut row = vec![0u64; conditions.words()];
            for (bit, _) in demands.iter().enumerate().filter(|(bit, demand)| demand.literal && found[*bit]) {
                row[bit / 64] |= 1 << (bit % 64);
            }
            conditions.select(value.len(), &ByteSet::of(&value), &mut row);
            let exact = classes(&demands).1 < MOST_CLASSES;
            for (bit, demand) in demands.iter().enumerate() {
                let said = row[bit / 64] & (1 << (bit % 64)) != 0;
                let right = holds(demand, &value, found[bit]);
                proptest::prop_assert!(said == right || (said && !exact), "{bit}: {said}, {right}");
            }
            for bit in demands.len()..row.len() * 64 {
                proptest::prop_assert!(row[bit / 64] & (1 << (bit % 64)) == 0);
            }
        }
    }
}
