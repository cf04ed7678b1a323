//! Chains of transformations, shared by all rules that begin with the same steps.

use crate::transform::Transform;

/// Number of a chain. Chain 0 changes nothing.
pub(crate) type ChainId = u32;

/// The chain that changes nothing.
pub(crate) const ROOT: ChainId = 0;

/// All chains, as a tree.
#[derive(Debug, Default)]
pub(crate) struct Chains {
    /// For every chain but the root: what comes before, and the last step.
    nodes: Vec<(ChainId, Transform)>,
}

impl Chains {
    /// The chain of these steps.
    pub(crate) fn intern(&mut self, steps: &[Transform]) -> ChainId {
        steps
            .iter()
            .fold(ROOT, |parent, step| self.extend(parent, *step))
    }

    /// A chain with one more step.
    pub(crate) fn extend(&mut self, parent: ChainId, step: Transform) -> ChainId {
        let at = if let Some(at) = self.nodes.iter().position(|node| *node == (parent, step)) {
            at
        } else {
            self.nodes.push((parent, step));
            self.nodes.len() - 1
        };
        at as ChainId + 1
    }

    /// What comes before the last step, and that step.
    pub(crate) fn last(&self, chain: ChainId) -> Option<(ChainId, Transform)> {
        chain
            .checked_sub(1)
            .and_then(|at| self.nodes.get(at as usize))
            .copied()
    }

    /// How many chains there are, the root among them.
    pub(crate) fn len(&self) -> usize {
        self.nodes.len() + 1
    }
}
