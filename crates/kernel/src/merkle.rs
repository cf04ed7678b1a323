//! SHA-256 digests and the Merkle tree of RFC 6962 (the same tree as RFC 9162).
//!
//! The tree is never stored whole: a [`CompactRange`] holds one digest per set bit of the size and
//! gives the root after each append. Proofs are described as index ranges ([`inclusion_path`],
//! [`consistency_path`]); the storage turns ranges into digests. Self-written because the digest
//! layout must stay fixed for decades and the whole is shorter than a dependency's interface.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use sha2::{Digest as _, Sha256};

/// A SHA-256 digest, printed as 64 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Digest([u8; 32]);

impl Digest {
    /// 32 zero bytes: what precedes the first record of a chain.
    pub const ZERO: Self = Self([0; 32]);

    /// Wraps raw bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The raw bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// SHA-256 of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// SHA-256 of the concatenation of `parts`.
    pub fn of_parts(parts: &[&[u8]]) -> Self {
        let mut hasher = Sha256::new();
        for part in parts {
            hasher.update(part);
        }
        Self(hasher.finalize().into())
    }

    /// 64 lower-case hex digits.
    pub fn to_hex(self) -> String {
        hex::encode(self.0)
    }

    /// Reads exactly 64 lower-case hex digits.
    pub fn from_hex(text: &str) -> Option<Self> {
        Self::from_hex_bytes(text.as_bytes())
    }

    /// As [`Digest::from_hex`], from ASCII bytes.
    pub fn from_hex_bytes(text: &[u8]) -> Option<Self> {
        if text.len() != 64 {
            return None;
        }
        let mut bytes = [0u8; 32];
        for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
            *byte = hex_digit(pair[0])? * 16 + hex_digit(pair[1])?;
        }
        Some(Self(bytes))
    }
}

/// Lower-case only: a digest has one spelling.
fn hex_digit(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_hex())
    }
}

/// The text was not 64 lower-case hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("SHA-256 のダイジェスト(小文字の 16 進 64 桁)ではありません(not a SHA-256 digest)")]
pub struct NotADigest;

impl FromStr for Digest {
    type Err = NotADigest;

    fn from_str(text: &str) -> Result<Self, NotADigest> {
        Self::from_hex(text).ok_or(NotADigest)
    }
}

impl serde::Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Digest of a leaf: SHA-256(0x00 ‖ data) (RFC 6962 §2.1).
pub fn leaf_hash(data: &[u8]) -> Digest {
    Digest::of_parts(&[&[0], data])
}

/// Digest of an inner node: SHA-256(0x01 ‖ left ‖ right) (RFC 6962 §2.1).
pub fn node_hash(left: &Digest, right: &Digest) -> Digest {
    let mut bytes = [0u8; 65];
    bytes[0] = 1;
    bytes[1..33].copy_from_slice(&left.0);
    bytes[33..].copy_from_slice(&right.0);
    Digest::of(&bytes)
}

/// Root of the tree without leaves: SHA-256 of nothing (RFC 6962 §2.1).
pub fn empty_root() -> Digest {
    Digest::of(&[])
}

/// The right edge of a growing tree: the roots of its complete subtrees, largest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CompactRange {
    size: u64,
    peaks: Vec<Digest>,
}

impl CompactRange {
    /// The empty tree.
    pub fn new() -> Self {
        Self::default()
    }

    /// A stored range; `None` when the number of peaks does not fit the size.
    pub fn from_parts(size: u64, peaks: Vec<Digest>) -> Option<Self> {
        (peaks.len() == size.count_ones() as usize).then_some(Self { size, peaks })
    }

    /// Number of leaves.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Roots of the complete subtrees, largest first.
    pub fn peaks(&self) -> &[Digest] {
        &self.peaks
    }

    /// Appends a leaf digest (see [`leaf_hash`]).
    pub fn push(&mut self, leaf: Digest) {
        self.push_with(leaf, |_, _, _| {});
    }

    /// Appends a leaf digest and reports every complete subtree that this closes as
    /// `(level, index, root)`: the subtree covers leaves `index·2^level ..(index+1)·2^level`.
    pub fn push_with(&mut self, leaf: Digest, mut completed: impl FnMut(u32, u64, Digest)) {
        let mut node = leaf;
        let mut level = 0;
        completed(0, self.size, node);
        while self.size >> level & 1 == 1 {
            let left = self.peaks.pop().expect("one peak per set bit of the size");
            node = node_hash(&left, &node);
            level += 1;
            completed(level, self.size >> level, node);
        }
        self.peaks.push(node);
        self.size += 1;
    }

    /// Root of the tree over all leaves so far.
    pub fn root(&self) -> Digest {
        let mut peaks = self.peaks.iter().rev();
        match peaks.next() {
            None => empty_root(),
            Some(smallest) => peaks.fold(*smallest, |right, left| node_hash(left, &right)),
        }
    }
}

/// Root over `leaves` (digests as of [`leaf_hash`]).
pub fn root_of(leaves: &[Digest]) -> Digest {
    let mut range = CompactRange::new();
    for leaf in leaves {
        range.push(*leaf);
    }
    range.root()
}

/// Largest power of two smaller than `size` (RFC 6962's k); `size` must be at least 2.
fn split(size: u64) -> u64 {
    1 << (size - 1).ilog2()
}

/// The ranges of leaves whose roots prove that leaf `index` is in the tree of `size` leaves,
/// nearest first (RFC 6962 §2.1.1). Empty when `index >= size` or the tree has one leaf.
pub fn inclusion_path(index: u64, size: u64) -> Vec<Range<u64>> {
    let mut path = Vec::new();
    if index >= size {
        return path;
    }
    let (mut from, mut to) = (0, size);
    while to - from > 1 {
        let middle = from + split(to - from);
        if index < middle {
            path.push(middle..to);
            to = middle;
        } else {
            path.push(from..middle);
            from = middle;
        }
    }
    path.reverse();
    path
}

/// The ranges of leaves whose roots prove that the tree of `new` leaves extends the tree of `old`
/// leaves (RFC 6962 §2.1.2). Empty when `old` is 0, equal to `new` or larger.
pub fn consistency_path(old: u64, new: u64) -> Vec<Range<u64>> {
    let mut path = Vec::new();
    if old == 0 || old >= new {
        return path;
    }
    let (mut from, mut to) = (0, new);
    let mut whole = true;
    loop {
        if old == to {
            if !whole {
                path.push(from..to);
            }
            break;
        }
        let middle = from + split(to - from);
        if old <= middle {
            path.push(middle..to);
            to = middle;
        } else {
            path.push(from..middle);
            from = middle;
            whole = false;
        }
    }
    path.reverse();
    path
}

/// A step of the way from a leaf to the root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InclusionStep {
    /// Digest that is joined.
    pub sibling: Digest,
    /// Whether it stands at the left.
    pub is_left: bool,
    /// Indices of the leaves below it.
    pub covers: Range<u64>,
    /// Digest of the two together.
    pub result: Digest,
}

/// The way that an inclusion proof takes, for people who want to follow it; the last result is the
/// root when the proof holds. `None` when the proof has not as many digests as the place needs.
pub fn inclusion_steps(
    leaf: Digest,
    index: u64,
    size: u64,
    proof: &[Digest],
) -> Option<Vec<InclusionStep>> {
    let ranges = inclusion_path(index, size);
    if index >= size || ranges.len() != proof.len() {
        return None;
    }
    let mut hash = leaf;
    let steps = ranges.into_iter().zip(proof).map(|(covers, sibling)| {
        let is_left = covers.end <= index;
        hash = if is_left {
            node_hash(sibling, &hash)
        } else {
            node_hash(&hash, sibling)
        };
        InclusionStep {
            sibling: *sibling,
            is_left,
            covers,
            result: hash,
        }
    });
    Some(steps.collect())
}

/// Checks an inclusion proof (RFC 9162 §2.1.3.2).
pub fn verify_inclusion(
    leaf: Digest,
    index: u64,
    size: u64,
    proof: &[Digest],
    root: Digest,
) -> bool {
    if index >= size {
        return false;
    }
    let (mut fn_, mut sn) = (index, size - 1);
    let mut hash = leaf;
    for step in proof {
        if sn == 0 {
            return false;
        }
        if fn_ & 1 == 1 || fn_ == sn {
            hash = node_hash(step, &hash);
            while fn_ & 1 == 0 && fn_ != 0 {
                fn_ >>= 1;
                sn >>= 1;
            }
        } else {
            hash = node_hash(&hash, step);
        }
        fn_ >>= 1;
        sn >>= 1;
    }
    sn == 0 && hash == root
}

/// Checks a consistency proof (RFC 9162 §2.1.4.2).
pub fn verify_consistency(
    old: u64,
    new: u64,
    proof: &[Digest],
    old_root: Digest,
    new_root: Digest,
) -> bool {
    if old == new {
        return proof.is_empty() && old_root == new_root;
    }
    if old > new {
        return false;
    }
    if old == 0 {
        return proof.is_empty() && old_root == empty_root();
    }
    let mut steps = proof.iter();
    let first = if old.is_power_of_two() {
        Some(&old_root)
    } else {
        steps.next()
    };
    let Some(first) = first else { return false };
    let (mut fn_, mut sn) = (old - 1, new - 1);
    while fn_ & 1 == 1 {
        fn_ >>= 1;
        sn >>= 1;
    }
    let (mut old_hash, mut new_hash) = (*first, *first);
    for step in steps {
        if sn == 0 {
            return false;
        }
        if fn_ & 1 == 1 || fn_ == sn {
            old_hash = node_hash(step, &old_hash);
            new_hash = node_hash(step, &new_hash);
            while fn_ & 1 == 0 && fn_ != 0 {
                fn_ >>= 1;
                sn >>= 1;
            }
        } else {
            new_hash = node_hash(&new_hash, step);
        }
        fn_ >>= 1;
        sn >>= 1;
    }
    sn == 0 && old_hash == old_root && new_hash == new_root
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn leaves(count: u64) -> Vec<Digest> {
        (0..count).map(|i| leaf_hash(&i.to_be_bytes())).collect()
    }

    fn slice_root(leaves: &[Digest], range: &Range<u64>) -> Digest {
        root_of(&leaves[range.start as usize..range.end as usize])
    }

    /// RFC 6962's recursive definition, written independently of [`CompactRange`].
    fn recursive_root(leaves: &[Digest]) -> Digest {
        match leaves.len() {
            0 => empty_root(),
            1 => leaves[0],
            n => {
                let k = n.next_power_of_two() / 2;
                node_hash(&recursive_root(&leaves[..k]), &recursive_root(&leaves[k..]))
            }
        }
    }

    #[test]
    fn the_steps_of_a_proof_lead_to_the_root_and_cover_every_other_leaf() {
        for size in 1..40u64 {
            let leaves = leaves(size);
            let root = root_of(&leaves);
            for index in 0..size {
                let proof: Vec<Digest> = inclusion_path(index, size)
                    .iter()
                    .map(|range| slice_root(&leaves, range))
                    .collect();
                let leaf = leaves[index as usize];
                let steps = inclusion_steps(leaf, index, size, &proof).expect("fits");
                let last = steps.last().map_or(leaf, |step| step.result);
                assert_eq!(last, root, "{index} of {size}");
                let covered: u64 = steps.iter().map(|s| s.covers.end - s.covers.start).sum();
                assert_eq!(covered, size - 1);
                assert!(steps.iter().all(|s| s.is_left == (s.covers.end <= index)));
                assert_eq!(inclusion_steps(leaf, index + size, size, &proof), None);
            }
        }
    }

    #[test]
    fn known_roots_of_certificate_transparency() {
        // Test vectors of the certificate-transparency project (leaf inputs and roots).
        let inputs: [&str; 8] = [
            "",
            "00",
            "10",
            "2021",
            "3031",
            "40414243",
            "5051525354555657",
            "606162636465666768696a6b6c6d6e6f",
        ];
        let roots = [
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
            "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
            "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
        ];
        let mut range = CompactRange::new();
        for (input, root) in inputs.iter().zip(roots) {
            range.push(leaf_hash(&hex::decode(input).expect("hex")));
            assert_eq!(range.root().to_hex(), root);
        }
    }

    #[test]
    fn compact_range_equals_the_recursive_definition() {
        let all = leaves(130);
        let mut range = CompactRange::new();
        assert_eq!(range.root(), empty_root());
        for (count, leaf) in all.iter().enumerate() {
            range.push_with(*leaf, |level, index, root| {
                let (from, to) = (index << level, (index + 1) << level);
                assert_eq!(root, recursive_root(&all[from as usize..to as usize]));
            });
            assert_eq!(range.root(), recursive_root(&all[..=count]));
            let copy = CompactRange::from_parts(range.size(), range.peaks().to_vec());
            assert_eq!(copy.as_ref(), Some(&range));
        }
        assert_eq!(CompactRange::from_parts(3, vec![Digest::ZERO]), None);
    }

    #[test]
    fn every_leaf_of_every_small_tree_has_a_proof() {
        let all = leaves(40);
        for size in 1..=40u64 {
            let root = root_of(&all[..size as usize]);
            for index in 0..size {
                let proof: Vec<Digest> = inclusion_path(index, size)
                    .iter()
                    .map(|range| slice_root(&all, range))
                    .collect();
                let leaf = all[index as usize];
                assert!(verify_inclusion(leaf, index, size, &proof, root));
                assert!(!verify_inclusion(Digest::ZERO, index, size, &proof, root));
                assert!(!verify_inclusion(leaf, index, size, &proof, Digest::ZERO));
                if size > 1 {
                    assert!(!verify_inclusion(leaf, index, size, &proof[1..], root));
                }
            }
        }
    }

    #[test]
    fn every_older_tree_has_a_consistency_proof() {
        let all = leaves(40);
        for new in 1..=40u64 {
            let new_root = root_of(&all[..new as usize]);
            for old in 0..=new {
                let old_root = root_of(&all[..old as usize]);
                let proof: Vec<Digest> = consistency_path(old, new)
                    .iter()
                    .map(|range| slice_root(&all, range))
                    .collect();
                assert!(
                    verify_consistency(old, new, &proof, old_root, new_root),
                    "{old} {new}"
                );
                if old > 0 && old < new {
                    assert!(!verify_consistency(
                        old,
                        new,
                        &proof,
                        Digest::ZERO,
                        new_root
                    ));
                    assert!(!verify_consistency(
                        old,
                        new,
                        &proof,
                        old_root,
                        Digest::ZERO
                    ));
                    assert!(
                        !verify_consistency(old, new, &[], old_root, new_root) || proof.is_empty()
                    );
                }
            }
        }
    }

    proptest! {
        #[test]
        fn hostile_proofs_never_panic(
            old in any::<u64>(), new in any::<u64>(), index in any::<u64>(),
            proof in proptest::collection::vec(any::<[u8; 32]>().prop_map(Digest::from_bytes), 0..70),
        ) {
            let _ = verify_inclusion(Digest::ZERO, index, new, &proof, Digest::ZERO);
            let _ = verify_consistency(old, new, &proof, Digest::ZERO, Digest::ZERO);
            let _ = inclusion_path(index, new);
            let _ = consistency_path(old, new);
        }
    }
}
