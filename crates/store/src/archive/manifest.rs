//! The first entry of an archive: range, digests, checkpoint, key and signature.

use mamori_kernel::canonical::Canonical;
use mamori_kernel::ledger::Checkpoint;
use mamori_kernel::merkle::{CompactRange, Digest};
use serde::{Deserialize, Serialize};

use super::verify::Refusal;
use crate::key::{LedgerKey, PublicKey};

/// Name and version of the archive's form.
pub const FORMAT: &str = "mamori-ledger-archive-1";
const SIGNED_PREFIX: &str = "mamori-archive-v1\n";
/// Largest manifest that is read (it grows by about 150 bytes per attachment).
pub(super) const MAX_MANIFEST_BYTES: u64 = 256 * 1024 * 1024;

/// What an archive says about itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`FORMAT`].
    pub format: String,
    /// Contract id.
    pub contract: String,
    /// Requested period: first instant, milliseconds UTC.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub from_ms: Option<i64>,
    /// Requested period: end, excluded, milliseconds UTC.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub until_ms: Option<i64>,
    /// Position of the first record (of the next one, when there are none).
    pub first_seq: u64,
    /// Number of records.
    pub count: u64,
    /// Hash of the record before the first.
    pub prev: Digest,
    /// Compact Merkle range over the records before the first, largest subtree first.
    pub left_peaks: Vec<Digest>,
    /// All entries but the manifest, in order.
    pub entries: Vec<EntryDigest>,
    /// Attachments that records name but the archive does not hold, sorted by digest.
    pub absent: Vec<Absent>,
    /// Signed statement about the chain up to the last record.
    pub checkpoint: Checkpoint,
    /// Public key, 64 hex digits.
    pub public_key: String,
    /// Signature over the manifest without this member.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub signature: String,
}

/// Digest of an entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EntryDigest {
    /// Name in the container.
    pub name: String,
    /// SHA-256 of the content.
    pub sha256: Digest,
    /// Bytes of content.
    pub size: u64,
}

/// An attachment that is not in the archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Absent {
    /// Digest that the records name.
    pub sha256: Digest,
    /// Why it is not here.
    pub reason: Absence,
}

/// Why an attachment is not in the archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Absence {
    /// Erased on purpose; the exporter has a tombstone.
    Erased,
    /// Lost: neither there nor erased.
    Missing,
}

impl Manifest {
    /// Position of the last record (`first_seq - 1` when there are none).
    pub fn last_seq(&self) -> u64 {
        (self.first_seq - 1).saturating_add(self.count)
    }

    /// Signs and spells the manifest, with a line feed at the end.
    pub(super) fn to_bytes(&self, key: &LedgerKey) -> Result<Vec<u8>, crate::Error> {
        let spell = |manifest: &Self| {
            Canonical::from_serialize(manifest).map_err(|e| crate::Error::Invalid(e.to_string()))
        };
        let mut manifest = self.clone();
        manifest.signature = String::new();
        let unsigned = spell(&manifest)?;
        manifest.signature = key.sign(format!("{SIGNED_PREFIX}{unsigned}").as_bytes());
        Ok(format!("{}\n", spell(&manifest)?).into_bytes())
    }

    /// Reads and checks everything that the manifest says by itself: spelling, form, signatures.
    pub(super) fn from_bytes(bytes: &[u8]) -> Result<(Self, PublicKey), Refusal> {
        let form = |problem: &str| Refusal::Manifest(problem.to_owned());
        let text = std::str::from_utf8(bytes).map_err(|_| form("UTF-8 ではありません"))?;
        let text = text
            .strip_suffix('\n')
            .ok_or_else(|| form("改行で終わっていません"))?;
        let canonical = Canonical::from_canonical(text.to_owned())
            .map_err(|e| Refusal::Manifest(e.to_string()))?;
        let manifest: Self = canonical
            .read()
            .map_err(|e| Refusal::Manifest(e.to_string()))?;
        let again =
            Canonical::from_serialize(&manifest).map_err(|e| Refusal::Manifest(e.to_string()))?;
        if again != canonical {
            return Err(form("正規の形ではありません"));
        }
        if manifest.format != FORMAT {
            return Err(Refusal::Format(manifest.format));
        }
        if manifest.first_seq == 0 || manifest.first_seq.checked_add(manifest.count).is_none() {
            return Err(form("番号の範囲が正しくありません"));
        }
        let key = PublicKey::from_hex(&manifest.public_key)
            .ok_or_else(|| form("公開鍵が正しくありません"))?;
        let mut unsigned = manifest.clone();
        unsigned.signature = String::new();
        let unsigned =
            Canonical::from_serialize(&unsigned).map_err(|e| Refusal::Manifest(e.to_string()))?;
        let signed = format!("{SIGNED_PREFIX}{unsigned}");
        if !key.verifies(signed.as_bytes(), &manifest.signature) {
            return Err(Refusal::Signature("manifest.json"));
        }
        if !key.vouches(&manifest.checkpoint) {
            return Err(Refusal::Signature("checkpoint"));
        }
        if manifest.checkpoint.contract != manifest.contract
            || manifest.checkpoint.size != manifest.last_seq()
        {
            return Err(form("検証点の範囲が記録の範囲と違います"));
        }
        Ok((manifest, key))
    }

    /// The tree before the first record.
    pub(super) fn left(&self) -> Result<CompactRange, Refusal> {
        CompactRange::from_parts(self.first_seq - 1, self.left_peaks.clone())
            .ok_or_else(|| Refusal::Manifest("左側の木の節の数が合いません".to_owned()))
    }
}
