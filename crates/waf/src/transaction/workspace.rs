//! Memory that a transaction leaves to the next one.
//!
//! A transaction would ask for some fifty pieces of memory and give them back at its end. What is left
//! behind is emptied before it is kept; nothing of a request reaches another.

use std::sync::{Mutex, PoisonError};

use super::Found;
use super::collect::Choices;
use super::store::Store;
use super::tx::Tx;
use crate::ruleset::{Bits, RuleSet};

/// What a transaction works in.
#[derive(Debug)]
pub(super) struct Workspace {
    pub(super) store: Store,
    pub(super) tx: Tx,
    pub(super) removed: Bits,
    pub(super) narrowed: Bits,
    pub(super) group_rows: Vec<u64>,
    pub(super) group_known: Vec<bool>,
    pub(super) found: Vec<Found>,
    pub(super) choices: Choices,
}

impl Workspace {
    pub(super) fn new(rules: &RuleSet) -> Self {
        let bound = rules.rules.len();
        Self {
            store: Store::new(),
            tx: Tx::new(rules.names.len()),
            removed: Bits::new(bound),
            narrowed: Bits::new(bound),
            group_rows: vec![0; rules.groups.len() * rules.widest()],
            group_known: vec![false; rules.groups.len()],
            found: Vec::new(),
            choices: Choices::new(rules.choices),
        }
    }

    /// Empties it. `false`: a large request has made it too large to be kept.
    fn reset(&mut self) -> bool {
        self.tx.reset();
        self.removed.clear();
        self.narrowed.clear();
        self.group_known.fill(false);
        self.found.clear();
        self.choices.reset();
        self.store.reset()
    }
}

/// Emptied workspaces.
#[derive(Debug, Default)]
pub(crate) struct Spare(Mutex<Vec<Workspace>>);

/// As many as transactions commonly run at once.
const MOST: usize = 16;

impl Spare {
    pub(super) fn take(&self) -> Option<Workspace> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    pub(super) fn put(&self, mut workspace: Workspace) {
        if !workspace.reset() {
            return;
        }
        let mut spare = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if spare.len() < MOST {
            spare.push(workspace);
        }
    }
}
