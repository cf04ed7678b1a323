//! Checking the lines of `records.jsonl`, in blocks on all cores.
//!
//! A block is checked for itself (spelling, hashes, links and order inside it) by a worker; the
//! seams between blocks are checked in order by the caller. Hashing a record needs only its own
//! line, because each line carries the hash before it; that is what makes this parallel.

use std::collections::BTreeMap;

use mamori_kernel::evidence::LEDGER_ERASED;
use mamori_kernel::ledger::{CLOCK_TOLERANCE_MS, Line, record_hash};
use mamori_kernel::merkle::{CompactRange, Digest, leaf_hash};

use super::verify::Refusal;

/// Bytes of a block.
pub(super) const BLOCK: usize = 512 * 1024;
/// Longest line: a payload of a megabyte and the largest set of attachments fit.
const MAX_LINE: usize = 4 * 1024 * 1024;

/// What a block of lines holds.
#[derive(Debug, Default)]
pub(super) struct Block {
    first_prev: Option<Digest>,
    last_hash: Digest,
    first_at: i64,
    last_at: i64,
    leaves: Vec<Digest>,
    attachments: Vec<(Digest, u64)>,
    personal: u64,
    tombstones: u64,
    clock_jumps: u64,
    /// The recorded hash at the position that was asked for.
    wanted: Option<Digest>,
}

/// What a worker has to know.
#[derive(Debug, Clone, Copy)]
pub(super) struct Task<'a> {
    pub contract: &'a str,
    /// Position of the block's first line.
    pub first_seq: u64,
    /// Position whose hash is wanted.
    pub wanted_seq: Option<u64>,
}

/// Checks a block of whole lines.
pub(super) fn check_block(bytes: &[u8], task: Task<'_>) -> Result<Block, Refusal> {
    let mut block = Block::default();
    let mut scratch = Vec::with_capacity(2_048);
    let lines = bytes.split_inclusive(|&byte| byte == b'\n');
    for (seq, line) in (task.first_seq..).zip(lines) {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let record = Line::parse(line).map_err(|_| Refusal::Line(seq))?;
        if record.seq != seq {
            return Err(Refusal::Order {
                expected: seq,
                found: record.seq,
            });
        }
        if record.contract != task.contract {
            return Err(Refusal::Contract(seq));
        }
        if record_hash(&record.prev, &record.fields(), &mut scratch) != record.hash {
            return Err(Refusal::Hash(seq));
        }
        if block.first_prev.is_none() {
            block.first_prev = Some(record.prev);
            block.first_at = record.at_ms;
        } else {
            check_seam(
                seq,
                (block.last_hash, block.last_at),
                record.prev,
                record.at_ms,
            )?;
        }
        if let Some(observed_ms) = record.observed_ms {
            if observed_ms >= record.at_ms {
                return Err(Refusal::Clock(seq));
            }
            block.clock_jumps += u64::from(record.at_ms - observed_ms > CLOCK_TOLERANCE_MS);
        }
        block.last_hash = record.hash;
        block.last_at = record.at_ms;
        block.leaves.push(leaf_hash(record.hash.as_bytes()));
        block.personal += u64::from(record.personal.is_some());
        block.tombstones += u64::from(record.kind == LEDGER_ERASED);
        for attachment in &record.attachments {
            block.attachments.push((attachment.sha256, attachment.size));
        }
        if task.wanted_seq == Some(seq) {
            block.wanted = Some(record.hash);
        }
    }
    Ok(block)
}

/// A record must continue the one before.
fn check_seam(
    seq: u64,
    (before_hash, before_at): (Digest, i64),
    prev: Digest,
    at_ms: i64,
) -> Result<(), Refusal> {
    if prev != before_hash {
        return Err(Refusal::Link(seq));
    }
    if at_ms < before_at {
        return Err(Refusal::Clock(seq));
    }
    Ok(())
}

/// The chain as far as it has been checked.
#[derive(Debug)]
pub(super) struct Progress {
    pub next_seq: u64,
    pub hash: Digest,
    pub at: Option<i64>,
    pub first_at: Option<i64>,
    pub range: CompactRange,
    pub attachments: BTreeMap<Digest, u64>,
    pub personal: u64,
    pub tombstones: u64,
    pub clock_jumps: u64,
    pub wanted: Option<Digest>,
}

impl Progress {
    pub(super) fn new(first_seq: u64, prev: Digest, left: CompactRange) -> Self {
        Self {
            next_seq: first_seq,
            hash: prev,
            at: None,
            first_at: None,
            range: left,
            attachments: BTreeMap::new(),
            personal: 0,
            tombstones: 0,
            clock_jumps: 0,
            wanted: None,
        }
    }

    /// Joins the next block.
    pub(super) fn join(&mut self, block: Block) -> Result<(), Refusal> {
        let Some(first_prev) = block.first_prev else {
            return Ok(());
        };
        let before_at = self.at.unwrap_or(i64::MIN);
        check_seam(
            self.next_seq,
            (self.hash, before_at),
            first_prev,
            block.first_at,
        )?;
        self.first_at.get_or_insert(block.first_at);
        self.at = Some(block.last_at);
        self.hash = block.last_hash;
        self.next_seq += block.leaves.len() as u64;
        for leaf in block.leaves {
            self.range.push(leaf);
        }
        for (sha256, size) in block.attachments {
            if *self.attachments.entry(sha256).or_insert(size) != size {
                return Err(Refusal::Attachment(sha256));
            }
        }
        self.personal += block.personal;
        self.tombstones += block.tombstones;
        self.clock_jumps += block.clock_jumps;
        self.wanted = self.wanted.or(block.wanted);
        Ok(())
    }
}

/// Cuts a stream of bytes into blocks of whole lines.
#[derive(Debug, Default)]
pub(super) struct Cutter {
    pending: Vec<u8>,
    /// Lines handed out so far.
    pub lines: u64,
}

impl Cutter {
    /// Adds bytes; returns a block when enough have gathered, with its number of lines.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<Option<(Vec<u8>, u64)>, Refusal> {
        self.pending.extend_from_slice(bytes);
        if self.pending.len() < BLOCK {
            return Ok(None);
        }
        let Some(end) = self.pending.iter().rposition(|&byte| byte == b'\n') else {
            if self.pending.len() > MAX_LINE {
                return Err(Refusal::Line(self.lines));
            }
            return Ok(None);
        };
        let rest = self.pending.split_off(end + 1);
        Ok(Some(self.take(rest)))
    }

    /// The last block, if any; a last line without line feed is refused.
    pub(super) fn finish(&mut self) -> Result<Option<(Vec<u8>, u64)>, Refusal> {
        match self.pending.last() {
            None => Ok(None),
            Some(b'\n') => Ok(Some(self.take(Vec::new()))),
            Some(_) => Err(Refusal::Truncated),
        }
    }

    fn take(&mut self, rest: Vec<u8>) -> (Vec<u8>, u64) {
        let block = std::mem::replace(&mut self.pending, rest);
        let lines = block.split_inclusive(|&byte| byte == b'\n').count() as u64;
        self.lines += lines;
        (block, lines)
    }
}
