//! Where a walk is: what it has reached, what it must still leave, and what it had to cut.

use std::collections::{BTreeMap, BTreeSet};

use engine::id::AttestationId;

use super::steps::{EdgeRow, Found, NodeRow, Question};
use super::{Closure, ClosureEdge, ClosureNode, Direction, EDGES_PER_NODE, Walk};
use crate::store::row::Row;
use crate::store::{NodeKey, StoreError};

/// One direction of the walk.
#[derive(Debug, Default)]
struct Way {
    wanted: bool,
    visited: BTreeSet<i64>,
    front: Vec<i64>,
}

#[derive(Debug)]
pub(super) struct State {
    as_of: u64,
    nodes_max: usize,
    edges_max: usize,
    /// Every node reached, with its hops.
    hops: BTreeMap<i64, u32>,
    /// Roots that no organization has ever mentioned.
    unknown: Vec<NodeKey>,
    up: Way,
    down: Way,
    edges: BTreeSet<EdgeRow>,
    cut: BTreeSet<i64>,
    truncated: bool,
}

impl State {
    pub(super) fn new(walk: &Walk, roots: usize) -> Self {
        let way = |wanted| Way { wanted, ..Way::default() };
        Self {
            as_of: walk.as_of,
            nodes_max: walk.nodes_max,
            edges_max: walk.nodes_max.saturating_mul(EDGES_PER_NODE),
            hops: BTreeMap::new(),
            unknown: Vec::new(),
            up: way(walk.direction != Direction::Down),
            down: way(walk.direction != Direction::Up),
            edges: BTreeSet::new(),
            cut: BTreeSet::new(),
            truncated: roots > walk.nodes_max,
        }
    }

    /// Places the roots.
    pub(super) fn start(&mut self, roots: &[&NodeKey], known: BTreeMap<NodeKey, i64>) {
        self.unknown = roots
            .iter()
            .filter(|root| !known.contains_key(**root))
            .map(|root| (*root).clone())
            .collect();
        self.hops = known.into_values().map(|id| (id, 0)).collect();
        for way in [&mut self.up, &mut self.down].into_iter().filter(|way| way.wanted) {
            way.visited = self.hops.keys().copied().collect();
            way.front = self.hops.keys().copied().collect();
        }
    }

    /// What to ask next; nothing when every node has been left.
    pub(super) fn question(&self) -> Option<Question> {
        let (up, down) = (self.up.front.clone(), self.down.front.clone());
        let edges_max = self.edges_max.saturating_sub(self.edges.len());
        (!up.is_empty() || !down.is_empty()).then_some(Question { up, down, edges_max })
    }

    /// Takes the edges found from the nodes of `question`, which are `hops` - 1 away from a root.
    pub(super) fn advance(&mut self, hops: u32, question: &Question, found: Found) {
        let up = self.step(hops, question, &question.up, found.up, |edge| (edge.dst, edge.src));
        let down =
            self.step(hops, question, &question.down, found.down, |edge| (edge.src, edge.dst));
        self.up.front = fresh(&mut self.up.visited, up);
        self.down.front = fresh(&mut self.down.visited, down);
    }

    /// Adds edges in one direction and answers the nodes that they lead to. `ends` tells the end of an edge that
    /// was left from the one that it leads to.
    fn step(
        &mut self,
        hops: u32,
        question: &Question,
        left: &[i64],
        mut rows: Vec<EdgeRow>,
        ends: fn(&EdgeRow) -> (i64, i64),
    ) -> BTreeSet<i64> {
        if let Some(first) = rows.get(question.edges_max).map(|edge| ends(edge).0) {
            rows.truncate(question.edges_max);
            self.truncated = true;
            self.cut.extend(left.iter().filter(|id| **id >= first));
        }
        let reached: BTreeSet<i64> = rows.iter().map(|edge| ends(edge).1).collect();
        for id in &reached {
            if self.hops.len().saturating_add(self.unknown.len()) < self.nodes_max {
                self.hops.entry(*id).or_insert(hops);
            }
        }
        for edge in rows {
            let (near, far) = ends(&edge);
            if self.hops.contains_key(&far) {
                self.edges.insert(edge);
            } else {
                self.truncated = true;
                self.cut.insert(near);
            }
        }
        reached.into_iter().filter(|id| self.hops.contains_key(id)).collect()
    }

    /// The numbers of all nodes reached.
    pub(super) fn ids(&self) -> Vec<i64> {
        self.hops.keys().copied().collect()
    }

    /// Names the nodes and puts everything in order.
    pub(super) fn finish(self, named: Vec<NodeRow>) -> Result<Closure, StoreError> {
        let pending = |node: &NodeRow| {
            (node.up && self.up.front.contains(&node.id))
                || (node.down && self.down.front.contains(&node.id))
        };
        let mut cut = self.cut.clone();
        cut.extend(named.iter().filter(|node| pending(node)).map(|node| node.id));
        let truncated = self.truncated || !cut.is_empty();

        let mut nodes: Vec<(u32, NodeKey, Option<i64>)> =
            self.unknown.into_iter().map(|key| (0, key, None)).collect();
        for node in named {
            let hops = self.hops.get(&node.id).copied().unwrap_or_default();
            nodes.push((hops, node.key, Some(node.id)));
        }
        nodes.sort();
        let places: BTreeMap<i64, usize> = nodes
            .iter()
            .enumerate()
            .filter_map(|(place, (.., id))| Some(((*id)?, place)))
            .collect();

        let mut edges =
            self.edges.iter().map(|edge| place(edge, &places)).collect::<Result<Vec<_>, _>>()?;
        edges.sort();
        let mut frontier: Vec<usize> =
            cut.iter().filter_map(|id| places.get(id).copied()).collect();
        frontier.sort_unstable();
        Ok(Closure {
            nodes: nodes.into_iter().map(|(hops, key, _)| ClosureNode { key, hops }).collect(),
            edges,
            frontier,
            truncated,
            redacted: 0,
            complete: !truncated,
            as_of: self.as_of,
            statements: 0,
        })
    }
}

fn fresh(visited: &mut BTreeSet<i64>, reached: BTreeSet<i64>) -> Vec<i64> {
    reached.into_iter().filter(|id| visited.insert(*id)).collect()
}

fn place(edge: &EdgeRow, places: &BTreeMap<i64, usize>) -> Result<ClosureEdge, StoreError> {
    let of = |id| {
        places
            .get(&id)
            .copied()
            .ok_or_else(|| Row::new("node", id).corrupt("edges name it, but it is not there"))
    };
    Ok(ClosureEdge {
        src: of(edge.src)?,
        dst: of(edge.dst)?,
        kind: edge.kind,
        seq: edge.seq,
        attestation: AttestationId(edge.attestation),
    })
}
