//! Writing an archive: the same records, attachments and key give the same bytes.

use std::collections::BTreeMap;
use std::io::{self, BufWriter, Seek as _, Write};
use std::path::Path;

use jiff::Timestamp;
use mamori_kernel::ledger::{Head, Record};
use mamori_kernel::merkle::{CompactRange, Digest, leaf_hash};
use sha2::{Digest as _, Sha256};

use super::manifest::{Absence, Absent, EntryDigest, FORMAT, Manifest};
use super::zip::{Entry, ZipWriter};
use super::{ATTACHMENTS, MANIFEST_NAME, README, README_NAME, RECORDS_NAME};
use crate::args;
use crate::blob::{BlobState, Blobs};
use crate::db::Db;
use crate::error::{Error, Result};
use crate::key::LedgerKey;
use crate::ledger::LedgerQuery;

/// Records per page read from the database.
const PAGE: u32 = 5_000;

/// What to export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportRequest {
    /// Contract id.
    pub contract: String,
    /// First instant; from the beginning when `None`.
    pub from: Option<Timestamp>,
    /// End, excluded; to the last record when `None`.
    pub until: Option<Timestamp>,
    /// The present time, for a checkpoint that has to be made.
    pub now: Timestamp,
}

/// What was exported.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct ExportReport {
    /// Contract id.
    pub contract: String,
    /// First position; greater than `last_seq` when the period holds no record.
    pub first_seq: u64,
    /// Last position.
    pub last_seq: u64,
    /// Number of records.
    pub count: u64,
    /// Head after the last record.
    pub head: Head,
    /// Attachments written.
    pub attachments: u64,
    /// Attachments that could not be written, with the reason.
    pub absent: Vec<Absent>,
    /// Size of the archive in bytes.
    pub size_bytes: u64,
}

/// Writes the archive of a period to `out`. `work_folder` takes a temporary file of about the
/// archive's size. Refuses ([`Error::BrokenLedger`]) to export a chain that does not verify.
pub async fn export<W: Write>(
    db: &Db,
    blobs: &Blobs,
    key: &LedgerKey,
    request: &ExportRequest,
    work_folder: &Path,
    out: W,
) -> Result<ExportReport> {
    let contract = &request.contract;
    let head = db
        .ledger_head(contract)
        .await?
        .filter(|head| head.seq > 0)
        .ok_or_else(|| Error::not_found(format!("契約 {contract} の台帳の記録")))?;
    let (first_seq, last_seq) = find_range(db, request, head.seq).await?;
    let left = db.ledger_compact_range(contract, first_seq - 1).await?;
    let prev = match first_seq {
        1 => Digest::ZERO,
        _ => db.ledger_record(contract, first_seq - 1).await?.hash,
    };
    let temporary = tempfile::tempfile_in(work_folder)
        .map_err(|e| Error::file(work_folder, "作業ファイルの作成", &e))?;
    let failed = |e: io::Error| Error::file(work_folder, "書出し", &e);
    let mut spool = Spool::new(temporary, left.clone(), prev, first_seq);
    let mut query = LedgerQuery::new(contract.as_str());
    query.limit = PAGE;
    query.to_seq = Some(last_seq);
    while spool.next_seq <= last_seq {
        query.from_seq = Some(spool.next_seq);
        let page = db.ledger_records(&query).await?;
        if page.is_empty() {
            return Err(Error::BrokenLedger(format!(
                "#{} がありません",
                spool.next_seq
            )));
        }
        for record in &page {
            spool.add(record)?;
        }
    }
    let mut records = spool.finish().map_err(failed)?;
    let checkpoint = db
        .sign_checkpoint(
            contract,
            last_seq,
            records.hash,
            records.range.root(),
            key,
            request.now,
        )
        .await?;
    let mut manifest = Manifest {
        format: FORMAT.to_owned(),
        contract: contract.clone(),
        from_ms: request.from.map(Timestamp::as_millisecond),
        until_ms: request.until.map(Timestamp::as_millisecond),
        first_seq,
        count: last_seq + 1 - first_seq,
        prev,
        left_peaks: left.peaks().to_vec(),
        entries: vec![records.digest.clone()],
        absent: Vec::new(),
        checkpoint,
        public_key: key.public().to_hex(),
        signature: String::new(),
    };
    let mut attachments = Vec::new();
    for (sha256, size) in &records.attachments {
        match db.blob_state(blobs, sha256).await? {
            BlobState::Present { size: found } if found == *size => {
                let mut crc = CrcSink::default();
                blobs.copy_to(sha256, &mut crc)?;
                let name = format!("{ATTACHMENTS}{sha256}");
                manifest.entries.push(EntryDigest {
                    name: name.clone(),
                    sha256: *sha256,
                    size: *size,
                });
                let entry = Entry {
                    name,
                    size: *size,
                    crc: crc.0.finalize(),
                };
                attachments.push((*sha256, entry));
            }
            BlobState::Erased { .. } => manifest.absent.push(Absent {
                sha256: *sha256,
                reason: Absence::Erased,
            }),
            BlobState::Present { .. } | BlobState::Missing => manifest.absent.push(Absent {
                sha256: *sha256,
                reason: Absence::Missing,
            }),
        }
    }
    manifest.entries.push(EntryDigest {
        name: README_NAME.to_owned(),
        sha256: Digest::of(README.as_bytes()),
        size: README.len() as u64,
    });
    let mut zip = ZipWriter::new(BufWriter::with_capacity(256 * 1024, out));
    zip.add(MANIFEST_NAME, &manifest.to_bytes(key)?)
        .map_err(failed)?;
    zip.begin(records.entry.clone()).map_err(failed)?;
    io::copy(&mut records.file, &mut zip).map_err(failed)?;
    let count = attachments.len() as u64;
    for (sha256, entry) in attachments {
        zip.begin(entry).map_err(failed)?;
        blobs.copy_to(&sha256, &mut zip)?;
    }
    zip.add(README_NAME, README.as_bytes()).map_err(failed)?;
    let size_bytes = zip.finish().map_err(failed)?;
    Ok(ExportReport {
        contract: contract.clone(),
        first_seq,
        last_seq,
        count: manifest.count,
        head: manifest.checkpoint.head(),
        attachments: count,
        absent: manifest.absent,
        size_bytes,
    })
}

/// First and last position of a period; times never go back along a chain, so a period is one
/// run of positions. An empty period gives `(n + 1, n)`.
async fn find_range(db: &Db, request: &ExportRequest, last: u64) -> Result<(u64, u64)> {
    let before = async |limit: Option<Timestamp>, otherwise: u64| -> Result<u64> {
        let Some(limit) = limit else {
            return Ok(otherwise);
        };
        let row = db
            .fetch_one(
                "SELECT CAST(COALESCE(MAX(seq), 0) AS BIGINT) AS seq FROM ledger_record \
                 WHERE contract = $1 AND at_ms = (SELECT MAX(at_ms) FROM ledger_record \
                 WHERE contract = $1 AND at_ms < $2)",
                args![request.contract.as_str(), limit],
            )
            .await?;
        row.get("seq")
    };
    let first = before(request.from, 0).await? + 1;
    let last = before(request.until, last).await?;
    if last + 1 < first {
        return Err(Error::Invalid(
            "期間の終わりが始まりより前です(--to is before --from)".to_owned(),
        ));
    }
    Ok((first, last))
}

/// The lines of the records on their way into the archive.
struct Spool {
    out: BufWriter<std::fs::File>,
    line: String,
    size: u64,
    crc: crc32fast::Hasher,
    sha256: Sha256,
    next_seq: u64,
    hash: Digest,
    range: CompactRange,
    attachments: BTreeMap<Digest, u64>,
}

/// The finished lines.
struct Spooled {
    file: std::fs::File,
    entry: Entry,
    digest: EntryDigest,
    hash: Digest,
    range: CompactRange,
    attachments: BTreeMap<Digest, u64>,
}

impl Spool {
    fn new(file: std::fs::File, left: CompactRange, prev: Digest, first_seq: u64) -> Self {
        Self {
            out: BufWriter::with_capacity(256 * 1024, file),
            line: String::new(),
            size: 0,
            crc: crc32fast::Hasher::new(),
            sha256: Sha256::new(),
            next_seq: first_seq,
            hash: prev,
            range: left,
            attachments: BTreeMap::new(),
        }
    }

    fn add(&mut self, record: &Record) -> Result<()> {
        let continues = record.seq == self.next_seq && record.prev == self.hash;
        if !continues || record.compute_hash() != record.hash {
            return Err(Error::BrokenLedger(format!(
                "記録 #{} が変わっているか、つながっていません。`mamori ledger verify` で調べてください",
                self.next_seq
            )));
        }
        self.line.clear();
        mamori_kernel::ledger::write_line(record, &mut self.line);
        self.line.push('\n');
        let bytes = self.line.as_bytes();
        self.crc.update(bytes);
        self.sha256.update(bytes);
        self.size += bytes.len() as u64;
        self.out
            .write_all(bytes)
            .map_err(|e| Error::file(Path::new(RECORDS_NAME), "作業ファイルの書込み", &e))?;
        self.next_seq += 1;
        self.hash = record.hash;
        self.range.push(leaf_hash(record.hash.as_bytes()));
        for attachment in &record.attachments {
            self.attachments.insert(attachment.sha256, attachment.size);
        }
        Ok(())
    }

    fn finish(self) -> io::Result<Spooled> {
        let mut file = self.out.into_inner()?;
        file.rewind()?;
        Ok(Spooled {
            file,
            entry: Entry {
                name: RECORDS_NAME.to_owned(),
                size: self.size,
                crc: self.crc.finalize(),
            },
            digest: EntryDigest {
                name: RECORDS_NAME.to_owned(),
                sha256: Digest::from_bytes(self.sha256.finalize().into()),
                size: self.size,
            },
            hash: self.hash,
            range: self.range,
            attachments: self.attachments,
        })
    }
}

#[derive(Default)]
struct CrcSink(crc32fast::Hasher);

impl Write for CrcSink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
