//! Walking the graph of materials, attestations and subjects.
//!
//! One statement per hop, whatever the number of roots and nodes: the set of visited nodes is kept here, so a
//! diamond is walked once and a cycle ends. Every step is bounded, and an answer that a bound cut says so.

mod state;
mod steps;

use engine::id::{AttestationId, OrganizationId};
use state::State;

use super::intern::numbers;
use super::{EdgeKind, NodeKey, Reader, StoreError};

/// Edges that an answer may hold for each node that it may hold. Attestations with thousands of materials are
/// within it; a hub with more consumers than the answer has room for is cut.
const EDGES_PER_NODE: usize = 8;

/// Which way to walk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Against the flow of data: what this was made from.
    Up,
    /// With the flow of data: what was made from this.
    Down,
    /// What the roots were made from and what was made from them, but not what else was made from the former.
    Both,
}

/// A question about lineage.
#[derive(Debug, Clone)]
pub struct Walk {
    /// Only edges of this organization are seen.
    pub org: OrganizationId,
    /// Where to start; repeated roots count once.
    pub roots: Vec<NodeKey>,
    /// Which way to go.
    pub direction: Direction,
    /// Most edges between a root and a node. An attestation is two edges wide: one in, one out.
    pub hops_max: u32,
    /// Most nodes in the answer, roots included.
    pub nodes_max: usize,
    /// Only edges at or before this sequence number are seen.
    pub as_of: u64,
}

/// A node of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClosureNode {
    /// What it is.
    pub key: NodeKey,
    /// Edges from the nearest root; 0 for a root.
    pub hops: u32,
}

/// An edge of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClosureEdge {
    /// Where the data came from: a position in [`Closure::nodes`].
    pub src: usize,
    /// Where it went: a position in [`Closure::nodes`].
    pub dst: usize,
    /// How.
    pub kind: EdgeKind,
    /// From which sequence number the edge holds.
    pub seq: u64,
    /// The attestation that says so.
    pub attestation: AttestationId,
}

/// The answer to a [`Walk`]. The same question on the same history has the same answer, in the same order.
///
/// A root that the organization has no edge of is in the answer without edges: nothing is known of it, which is
/// not the same as nothing being wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closure {
    /// The roots and what was reached, by hops and then by key.
    pub nodes: Vec<ClosureNode>,
    /// Every edge that was followed, between nodes of the answer, each once.
    pub edges: Vec<ClosureEdge>,
    /// Nodes, by position, that have edges in the walked direction which were not all followed.
    pub frontier: Vec<usize>,
    /// Whether a bound on hops, nodes or edges cut the answer.
    pub truncated: bool,
    /// Nodes left out because the asker may not see them.
    pub redacted: u64,
    /// Whether this is everything: neither truncated nor redacted.
    pub complete: bool,
    /// The sequence number that it holds for.
    pub as_of: u64,
    /// How many statements it took: at most `hops_max` + 2 for up to 5,000 roots.
    pub statements: u32,
}

impl Reader<'_> {
    /// Walks the graph from the roots.
    pub async fn walk(&self, walk: &Walk) -> Result<Closure, StoreError> {
        let before = self.statements();
        let mut roots: Vec<&NodeKey> = walk.roots.iter().collect();
        roots.sort();
        roots.dedup();
        let mut state = State::new(walk, roots.len());
        roots.truncate(walk.nodes_max);
        let known = numbers(&self.db, &roots).await?;
        state.start(&roots, known);
        for hops in 1..=walk.hops_max {
            let Some(question) = state.question() else { break };
            let rows = steps::edges(&self.db, walk, &question).await?;
            state.advance(hops, &question, rows);
        }
        let ids = state.ids();
        let named = steps::nodes(&self.db, &ids, state.question().map(|_| walk)).await?;
        let mut closure = state.finish(named)?;
        closure.statements = self.statements().saturating_sub(before);
        Ok(closure)
    }
}
