//! Checking an archive: everything is recomputed, every byte is accounted for.

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::mpsc;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use mamori_kernel::ledger::{Head, HeadMismatch, HeadText};
use mamori_kernel::merkle::Digest;
use sha2::{Digest as _, Sha256};

use super::manifest::{Absence, EntryDigest, MAX_MANIFEST_BYTES, Manifest};
use super::records::{Block, Cutter, Progress, Task, check_block};
use super::zip::{Entry, ZipReader};
use super::{ATTACHMENTS, MANIFEST_NAME, README_NAME, RECORDS_NAME};

/// Why an archive is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The file ends too early.
    #[error("ファイルが途中で終わっています(truncated)")]
    Truncated,
    /// The container is not spelled as an export spells it.
    #[error("書出しの形と違うところがあります(container differs at byte {0})")]
    Layout(u64),
    /// The content of an entry does not fit its digest.
    #[error("{0} の内容が変わっています(digest differs)")]
    Digest(String),
    /// Another version of the form.
    #[error("この形の書出しは読めません(unknown format {0:?})。mamori を新しい版にしてください")]
    Format(String),
    /// The manifest is not well-formed.
    #[error("manifest.json が正しくありません(manifest): {0}")]
    Manifest(String),
    /// The entries are not those that the manifest names, in its order.
    #[error("{0} が manifest.json の一覧と合いません(entry list)")]
    EntryList(String),
    /// A signature does not fit.
    #[error("{0} の署名が合いません(bad signature)")]
    Signature(&'static str),
    /// A line is not the canonical line of a record.
    #[error("記録 #{0} の行が正規の形ではありません(record line)")]
    Line(u64),
    /// A record has another position than its place says.
    #[error("記録の順番が違います(order): #{expected} のはずが #{found} です")]
    Order {
        /// Position by place.
        expected: u64,
        /// Position by content.
        found: u64,
    },
    /// A record of another contract.
    #[error("記録 #{0} は別の契約のものです(contract)")]
    Contract(u64),
    /// A record was changed.
    #[error("記録 #{0} の内容が変わっています(hash differs)")]
    Hash(u64),
    /// A record does not continue the one before.
    #[error("記録 #{0} が前の記録とつながりません(link broken)")]
    Link(u64),
    /// Times of records contradict each other.
    #[error("記録 #{0} の時刻が前後と合いません(clock)")]
    Clock(u64),
    /// There are more or fewer records than the manifest says.
    #[error("記録の件数が違います(count): {expected} 件のはずが {found} 件です")]
    Count {
        /// By the manifest.
        expected: u64,
        /// Found.
        found: u64,
    },
    /// The chain does not end in the signed head or root.
    #[error("署名された先頭値と合いません(signed head differs)")]
    Head,
    /// Attachments and records contradict each other.
    #[error("添付 {0} が記録と合いません(attachment)")]
    Attachment(Digest),
    /// An attachment was lost before the export, without a lawful erasure.
    #[error("添付 {0} が失われています(attachment missing without erasure)")]
    AttachmentMissing(Digest),
    /// `--against` names another contract.
    #[error("先頭値 {head} は別の契約のものです(other contract): この書出しは {contract} です")]
    AgainstContract {
        /// The head given.
        head: String,
        /// The archive's contract.
        contract: String,
    },
    /// The chain has another hash at that position: this is not the ledger of that head.
    #[error(
        "先頭値 {head} と違います(head mismatch)。この台帳は #{seq} の時点であなたの控えと同じものではありません(こちらは {found})"
    )]
    AgainstHash {
        /// The head given.
        head: String,
        /// Its position.
        seq: u64,
        /// The hash found there.
        found: Digest,
    },
    /// The head's position is not covered.
    #[error(
        "先頭値 {head} はこの書出しの範囲の外です(out of range: {first} 〜 {last})。その番号を含む期間を書き出してもらってください"
    )]
    AgainstRange {
        /// The head given.
        head: String,
        /// First position that can be compared.
        first: u64,
        /// Last position that can be compared.
        last: u64,
    },
    /// Reading failed.
    #[error("読み込めません(read error): {0}")]
    Io(String),
}

impl Refusal {
    /// Stable code for `--json`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Truncated => "truncated",
            Self::Layout(_) => "layout",
            Self::Digest(_) => "digest",
            Self::Format(_) => "format",
            Self::Manifest(_) => "manifest",
            Self::EntryList(_) => "entry_list",
            Self::Signature(_) => "signature",
            Self::Line(_) => "line",
            Self::Order { .. } => "order",
            Self::Contract(_) => "contract",
            Self::Hash(_) => "hash",
            Self::Link(_) => "link",
            Self::Clock(_) => "clock",
            Self::Count { .. } => "count",
            Self::Head => "head",
            Self::Attachment(_) => "attachment",
            Self::AttachmentMissing(_) => "attachment_missing",
            Self::AgainstContract { .. } => "against_contract",
            Self::AgainstHash { .. } => "against_hash",
            Self::AgainstRange { .. } => "against_range",
            Self::Io(_) => "io",
        }
    }
}

/// What a good archive holds.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct VerifyReport {
    /// Contract id.
    pub contract: String,
    /// First position; greater than `last_seq` when there are no records.
    pub first_seq: u64,
    /// Last position.
    pub last_seq: u64,
    /// Number of records.
    pub count: u64,
    /// Time of the first record.
    pub first_at: Option<Timestamp>,
    /// Time of the last record.
    pub last_at: Option<Timestamp>,
    /// Head after the last record.
    pub head: Head,
    /// Merkle root over all records from the first of the chain.
    pub root: Digest,
    /// When the checkpoint was signed.
    pub signed_at: Option<Timestamp>,
    /// Public key in hex.
    pub public_key: String,
    /// SHA-256 of the public key, for comparing with what was handed over earlier.
    pub key_fingerprint: String,
    /// Attachments in the archive.
    pub attachments: u64,
    /// Attachments erased on purpose before the export.
    pub attachments_erased: u64,
    /// Records with (salted digests of) personal data.
    pub personal: u64,
    /// Records of lawful erasures.
    pub erasures: u64,
    /// Records written while the clock had jumped back.
    pub clock_jumps: u64,
    /// The head that was compared, when one was given.
    pub against: Option<String>,
}

/// Verifies an archive, optionally against a head that somebody kept. Uses all cores; holds a few
/// megabytes plus about 200 bytes per attachment.
pub fn verify(input: impl Read, against: Option<&HeadText>) -> Result<VerifyReport, Refusal> {
    let mut zip = ZipReader::new(input);
    let (manifest, key) = read_manifest(&mut zip)?;
    let wanted_seq = check_against_range(&manifest, against)?;
    let mut progress = Progress::new(manifest.first_seq, manifest.prev, manifest.left()?);
    if manifest.first_seq == 1 && manifest.prev != Digest::ZERO {
        return Err(Refusal::Link(1));
    }
    let mut included = BTreeMap::new();
    for (index, expected) in manifest.entries.iter().enumerate() {
        let entry = expect_entry(&mut zip, expected)?;
        let mut hasher = Sha256::new();
        if index == 0 {
            if expected.name != RECORDS_NAME {
                return Err(Refusal::EntryList(expected.name.clone()));
            }
            check_records(
                &mut zip,
                &entry,
                &mut hasher,
                &manifest,
                wanted_seq,
                &mut progress,
            )?;
        } else {
            zip.content(&entry, |piece| {
                hasher.update(piece);
                Ok(())
            })?;
            note_attachment(&mut included, expected, index + 1 == manifest.entries.len())?;
        }
        if Digest::from_bytes(hasher.finalize().into()) != expected.sha256 {
            return Err(Refusal::Digest(expected.name.clone()));
        }
    }
    if let Some(extra) = zip.next_entry()? {
        return Err(Refusal::EntryList(extra.name));
    }
    zip.finish()?;
    check_end(&manifest, &progress)?;
    let erased = check_attachments(&manifest, &included, &progress)?;
    if let Some(against) = against {
        check_against(&manifest, &progress, against)?;
    }
    let instant = |ms: Option<i64>| ms.and_then(|ms| Timestamp::from_millisecond(ms).ok());
    Ok(VerifyReport {
        first_seq: manifest.first_seq,
        last_seq: manifest.last_seq(),
        count: manifest.count,
        first_at: instant(progress.first_at),
        last_at: instant(progress.at),
        head: manifest.checkpoint.head(),
        root: manifest.checkpoint.root,
        signed_at: manifest.checkpoint.at(),
        public_key: manifest.public_key.clone(),
        key_fingerprint: key.fingerprint(),
        attachments: included.len() as u64,
        attachments_erased: erased,
        personal: progress.personal,
        erasures: progress.tombstones,
        clock_jumps: progress.clock_jumps,
        against: against.map(ToString::to_string),
        contract: manifest.contract,
    })
}

fn read_manifest<R: Read>(
    zip: &mut ZipReader<R>,
) -> Result<(Manifest, crate::key::PublicKey), Refusal> {
    let entry = zip
        .next_entry()?
        .ok_or_else(|| Refusal::EntryList(MANIFEST_NAME.to_owned()))?;
    if entry.name != MANIFEST_NAME {
        return Err(Refusal::EntryList(entry.name));
    }
    if entry.size > MAX_MANIFEST_BYTES {
        return Err(Refusal::Manifest("大きすぎます".to_owned()));
    }
    let mut bytes = Vec::new();
    zip.content(&entry, |piece| {
        bytes.extend_from_slice(piece);
        Ok(())
    })?;
    Manifest::from_bytes(&bytes)
}

fn expect_entry<R: Read>(zip: &mut ZipReader<R>, expected: &EntryDigest) -> Result<Entry, Refusal> {
    let entry = zip
        .next_entry()?
        .ok_or_else(|| Refusal::EntryList(expected.name.clone()))?;
    if entry.name == expected.name && entry.size == expected.size {
        Ok(entry)
    } else {
        Err(Refusal::EntryList(entry.name))
    }
}

/// Entries after the records: attachments sorted by digest, then the text.
fn note_attachment(
    included: &mut BTreeMap<Digest, u64>,
    entry: &EntryDigest,
    is_last: bool,
) -> Result<(), Refusal> {
    if is_last {
        return if entry.name == README_NAME {
            Ok(())
        } else {
            Err(Refusal::EntryList(entry.name.clone()))
        };
    }
    let sorted = included
        .last_key_value()
        .is_none_or(|(last, _)| *last < entry.sha256);
    let named = entry.name.strip_prefix(ATTACHMENTS) == Some(&entry.sha256.to_hex());
    if !sorted || !named {
        return Err(Refusal::EntryList(entry.name.clone()));
    }
    included.insert(entry.sha256, entry.size);
    Ok(())
}

/// Streams the records through the workers and joins their blocks in order.
fn check_records<R: Read>(
    zip: &mut ZipReader<R>,
    entry: &Entry,
    hasher: &mut Sha256,
    manifest: &Manifest,
    wanted_seq: Option<u64>,
    progress: &mut Progress,
) -> Result<(), Refusal> {
    let workers = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| {
        let (tasks, queue) = mpsc::channel::<(u64, u64, Vec<u8>)>();
        let (results, answers) = mpsc::channel::<(u64, Result<Block, Refusal>)>();
        let queue = std::sync::Arc::new(Mutex::new(queue));
        for _ in 0..workers {
            let (queue, results) = (queue.clone(), results.clone());
            let contract = manifest.contract.as_str();
            scope.spawn(move || {
                loop {
                    let next = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
                    let Ok((index, first_seq, bytes)) = next else {
                        break;
                    };
                    let task = Task {
                        contract,
                        first_seq,
                        wanted_seq,
                    };
                    if results.send((index, check_block(&bytes, task))).is_err() {
                        break;
                    }
                }
            });
        }
        let mut joiner = Joiner {
            tasks,
            answers,
            sent: 0,
            joined: 0,
            early: BTreeMap::new(),
            progress,
        };
        let mut cutter = Cutter::default();
        let limit = workers as u64 * 3;
        zip.content(entry, |piece| {
            hasher.update(piece);
            let first_seq = manifest.first_seq + cutter.lines;
            if let Some((block, _)) = cutter.push(piece)? {
                joiner.send(first_seq, block, limit)?;
            }
            Ok(())
        })?;
        let first_seq = manifest.first_seq + cutter.lines;
        if let Some((block, _)) = cutter.finish()? {
            joiner.send(first_seq, block, limit)?;
        }
        joiner.drain(0)
    })
}

/// Keeps a bounded number of blocks under way and joins answers in order.
struct Joiner<'p> {
    tasks: mpsc::Sender<(u64, u64, Vec<u8>)>,
    answers: mpsc::Receiver<(u64, Result<Block, Refusal>)>,
    sent: u64,
    joined: u64,
    early: BTreeMap<u64, Result<Block, Refusal>>,
    progress: &'p mut Progress,
}

impl Joiner<'_> {
    fn send(&mut self, first_seq: u64, block: Vec<u8>, limit: u64) -> Result<(), Refusal> {
        self.drain(limit - 1)?;
        self.tasks
            .send((self.sent, first_seq, block))
            .map_err(|_| Refusal::Io("worker ended".to_owned()))?;
        self.sent += 1;
        Ok(())
    }

    /// Joins answers until at most `under_way` blocks are open.
    fn drain(&mut self, under_way: u64) -> Result<(), Refusal> {
        while self.sent - self.joined > under_way {
            if let Some(block) = self.early.remove(&self.joined) {
                self.progress.join(block?)?;
                self.joined += 1;
                continue;
            }
            let (index, block) = self
                .answers
                .recv()
                .map_err(|_| Refusal::Io("worker ended".to_owned()))?;
            self.early.insert(index, block);
        }
        Ok(())
    }
}

fn check_end(manifest: &Manifest, progress: &Progress) -> Result<(), Refusal> {
    let found = progress.next_seq - manifest.first_seq;
    if found != manifest.count {
        return Err(Refusal::Count {
            expected: manifest.count,
            found,
        });
    }
    let too_early = manifest.from_ms > progress.first_at && progress.first_at.is_some();
    let too_late =
        matches!((manifest.until_ms, progress.at), (Some(until), Some(at)) if at >= until);
    if too_early || too_late {
        return Err(Refusal::Manifest("期間の外の記録があります".to_owned()));
    }
    let checkpoint = &manifest.checkpoint;
    if progress.hash != checkpoint.head || progress.range.root() != checkpoint.root {
        return Err(Refusal::Head);
    }
    Ok(())
}

/// Records, entries and the list of absent attachments must agree; returns how many were erased.
fn check_attachments(
    manifest: &Manifest,
    included: &BTreeMap<Digest, u64>,
    progress: &Progress,
) -> Result<u64, Refusal> {
    let mut absent = BTreeMap::new();
    let mut last = None;
    for item in &manifest.absent {
        let known = progress.attachments.contains_key(&item.sha256);
        if last >= Some(item.sha256) || !known || included.contains_key(&item.sha256) {
            return Err(Refusal::Attachment(item.sha256));
        }
        last = Some(item.sha256);
        absent.insert(item.sha256, item.reason);
    }
    for (sha256, size) in included {
        if progress.attachments.get(sha256) != Some(size) {
            return Err(Refusal::Attachment(*sha256));
        }
    }
    for sha256 in progress.attachments.keys() {
        match absent.get(sha256) {
            Some(Absence::Missing) => return Err(Refusal::AttachmentMissing(*sha256)),
            Some(Absence::Erased) => {}
            None if included.contains_key(sha256) => {}
            None => return Err(Refusal::Attachment(*sha256)),
        }
    }
    Ok(absent.len() as u64)
}

fn check_against_range(
    manifest: &Manifest,
    against: Option<&HeadText>,
) -> Result<Option<u64>, Refusal> {
    let Some(against) = against else {
        return Ok(None);
    };
    if against.contract != manifest.contract {
        return Err(Refusal::AgainstContract {
            head: against.to_string(),
            contract: manifest.contract.clone(),
        });
    }
    let (first, last) = (manifest.first_seq - 1, manifest.last_seq());
    if !(first..=last).contains(&against.seq) {
        return Err(Refusal::AgainstRange {
            head: against.to_string(),
            first,
            last,
        });
    }
    Ok(Some(against.seq))
}

fn check_against(
    manifest: &Manifest,
    progress: &Progress,
    against: &HeadText,
) -> Result<(), Refusal> {
    let found = if against.seq < manifest.first_seq {
        manifest.prev
    } else {
        progress.wanted.ok_or(Refusal::Head)?
    };
    match against.check(&manifest.contract, &found) {
        Ok(()) => Ok(()),
        Err(HeadMismatch::Contract | HeadMismatch::Hash) => Err(Refusal::AgainstHash {
            head: against.to_string(),
            seq: against.seq,
            found,
        }),
    }
}
