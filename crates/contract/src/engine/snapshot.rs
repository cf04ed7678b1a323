//! Snapshots: the whole engine but the contract, so that a start needs no replay.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::gates::Gatebook;
use super::meter::Data;
use super::{Engine, Settled};
use crate::model::Contract;

/// Why a snapshot cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// Not a snapshot of this engine.
    #[error("写しを読めません。台帳から作り直してください (unreadable snapshot): {0}")]
    Unreadable(#[from] serde_json::Error),
    /// Taken under another contract file or another version of the engine.
    #[error(
        "写しは今の契約と合いません。台帳から作り直してください (snapshot of another contract)"
    )]
    OtherContract,
}

/// What a snapshot holds.
#[derive(Serialize, Deserialize)]
struct Snapshot<'a> {
    fingerprint: String,
    now: Timestamp,
    last_seq: u64,
    seen: Cow<'a, BTreeSet<String>>,
    written: Cow<'a, BTreeSet<String>>,
    gates: Cow<'a, Gatebook>,
    settled: Cow<'a, BTreeMap<usize, Vec<Settled>>>,
    data: Vec<Cow<'a, Data>>,
}

impl Engine {
    fn fingerprint(&self) -> String {
        // Meters in their order are what the data belongs to.
        let names: Vec<String> = self
            .meters
            .iter()
            .map(|meter| serde_json::to_string(&meter.spec).expect("a question is plain data"))
            .collect();
        let length: usize = names.iter().map(String::len).sum();
        let sum = names
            .iter()
            .flat_map(|name| name.bytes())
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
            });
        format!(
            "1:{}:{}:{length}:{sum:016x}",
            self.contract.file.contract.id,
            self.meters.len()
        )
    }

    /// The whole engine but the contract, as JSON.
    pub fn snapshot(&self) -> String {
        let snapshot = Snapshot {
            fingerprint: self.fingerprint(),
            now: self.now.at,
            last_seq: self.last_seq,
            seen: Cow::Borrowed(&self.seen),
            written: Cow::Borrowed(&self.written),
            gates: Cow::Borrowed(&self.gates),
            settled: Cow::Borrowed(&self.settled),
            data: self
                .meters
                .iter()
                .map(|meter| Cow::Borrowed(&meter.data))
                .collect(),
        };
        serde_json::to_string(&snapshot).expect("aggregates are plain data")
    }

    /// An engine from a snapshot of the same contract.
    pub fn restore(contract: Arc<Contract>, snapshot: &str) -> Result<Self, SnapshotError> {
        let stored: Snapshot<'_> = serde_json::from_str(snapshot)?;
        let mut engine = Self::new(contract, stored.written.into_owned());
        if engine.fingerprint() != stored.fingerprint || engine.meters.len() != stored.data.len() {
            return Err(SnapshotError::OtherContract);
        }
        for (meter, data) in engine.meters.iter_mut().zip(stored.data) {
            meter.data = data.into_owned();
        }
        engine.seen = stored.seen.into_owned();
        engine.gates = stored.gates.into_owned();
        engine.settled = stored.settled.into_owned();
        engine.last_seq = stored.last_seq;
        engine.advance(stored.now);
        Ok(engine)
    }
}
