//! Chains of transformations, shared by all rules that begin with the same steps.

use crate::ruleset::literal::ByteSet;
use crate::transform::Transform;

/// Number of a chain. Chain 0 changes nothing.
pub(crate) type ChainId = u32;

/// The chain that changes nothing.
pub(crate) const ROOT: ChainId = 0;

/// All chains, as a tree.
#[derive(Debug, Default)]
pub(crate) struct Chains {
    /// All but the root.
    nodes: Vec<Node>,
}

/// The last step of a chain.
#[derive(Debug)]
pub(crate) struct Node {
    /// What comes before.
    pub(crate) parent: ChainId,
    pub(crate) step: Transform,
    /// A value with none of these bytes is not changed by this step; `None`: every value may be.
    pub(crate) disturbers: Option<ByteSet>,
    /// The same for the whole chain.
    pub(crate) of_all: Option<ByteSet>,
    /// The same for the whole chain, if nothing but the case of letters counts as no change.
    pub(crate) of_any_case: Option<ByteSet>,
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
        let known = self
            .nodes
            .iter()
            .position(|node| (node.parent, node.step) == (parent, step));
        let at = known.unwrap_or_else(|| {
            let before = |of: fn(&Node) -> Option<ByteSet>| match self.get(parent) {
                Some(node) => of(node),
                None => Some(ByteSet::default()),
            };
            let both = |before: Option<ByteSet>, own: Option<ByteSet>| Some(before?.union(own?));
            let disturbers = step.disturbers();
            let of_all = both(before(|node| node.of_all), disturbers);
            let of_any_case = both(
                before(|node| node.of_any_case),
                step.disturbers_of_any_case(),
            );
            self.nodes.push(Node {
                parent,
                step,
                disturbers,
                of_all,
                of_any_case,
            });
            self.nodes.len() - 1
        });
        at as ChainId + 1
    }

    /// The last step of a chain. `None`: it changes nothing.
    pub(crate) fn get(&self, chain: ChainId) -> Option<&Node> {
        self.nodes.get(chain.checked_sub(1)? as usize)
    }

    /// How many chains there are, the root among them.
    pub(crate) fn len(&self) -> usize {
        self.nodes.len() + 1
    }
}

/// Whether a value of these bytes has nothing to fear of what is disturbed by those.
pub(crate) fn undisturbed(disturbers: Option<&ByteSet>, seen: &ByteSet) -> bool {
    disturbers.is_some_and(|set| !set.intersects(seen))
}
