//! What a person entered a moment ago: the same once more is asked about before it is entered again.
//!
//! *Back* shows the form as it was with a new key, so the key alone does not tell a second sending
//! from a second item. Two items that are the same word for word within minutes are possible (two
//! calls about one thing), so nothing is dropped silently either.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use mamori_kernel::merkle::Digest;
use serde_json::{Map, Value};

use super::Here;
use crate::register::ActSpec;

/// For so long a person may have forgotten that it was sent.
const WITHIN: SignedDuration = SignedDuration::from_mins(10);

/// What was entered in the last minutes, by its digest.
#[derive(Debug, Default)]
pub(super) struct Recent {
    entered: Mutex<HashMap<String, Entered>>,
}

#[derive(Debug)]
struct Entered {
    number: String,
    once: Option<String>,
    at: Timestamp,
}

fn digest(here: &Here, act: &ActSpec, values: &Map<String, Value>) -> String {
    let parts = [
        here.visitor.actor().to_string(),
        here.contract.clone(),
        here.register.spec.key.to_owned(),
        act.name.to_owned(),
        Value::Object(values.clone()).to_string(),
    ];
    Digest::of(parts.join("\n").as_bytes()).to_hex()
}

/// The number of the item that the person entered with the same words from another showing of the
/// form.
pub(super) fn same(
    here: &Here,
    act: &ActSpec,
    values: &Map<String, Value>,
    once: Option<&str>,
) -> Option<String> {
    let recent = here.app.slot_or_default::<Recent>();
    let mut entered = recent
        .entered
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    let now = here.app.now();
    entered.retain(|_, one| now.duration_since(one.at) <= WITHIN);
    entered
        .get(&digest(here, act, values))
        .filter(|one| one.once.as_deref() != once)
        .map(|one| one.number.clone())
}

/// Notes what was entered.
pub(super) fn note(
    here: &Here,
    act: &ActSpec,
    values: &Map<String, Value>,
    once: Option<String>,
    number: &str,
) {
    let recent = here.app.slot_or_default::<Recent>();
    let mut entered = recent
        .entered
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    entered.insert(
        digest(here, act, values),
        Entered {
            number: number.to_owned(),
            once,
            at: here.app.now(),
        },
    );
}
