//! Lineage: one question, one flat and bounded answer.

use std::collections::BTreeMap;

use engine::Digest;
use engine::id::OrganizationId;
use engine::lineage::{
    AttestationSummary, Closure, Direction, Edge, ImportedSummary, Node, NodeKind,
};

use crate::actor::{Actor, Permission};
use crate::store::{self, NodeKey, Reader, Walk};
use crate::{Attestation, Control, Error, Result, attestations, imports};

/// A question about lineage.
#[derive(Debug, Clone, Copy)]
pub struct LineageQuestion {
    /// The artifact.
    pub root: Digest,
    /// Which way to walk.
    pub direction: Direction,
    /// Most edges between the root and a node.
    pub max_hops: u32,
    /// Most nodes in the answer.
    pub max_nodes: usize,
    /// The log sequence number to ask as of; now when absent.
    pub as_of: Option<u64>,
}

impl Control {
    /// The lineage around an artifact.
    pub async fn lineage(&self, actor: &Actor, question: LineageQuestion) -> Result<Closure> {
        let org = actor.authorize(Permission::Read)?;
        let limits = &self.limits;
        if !(1..=limits.lineage_hops_max).contains(&question.max_hops) {
            return Err(Error::invalid(format!(
                "a walk takes 1 to {} hops",
                limits.lineage_hops_max
            )));
        }
        if !(1..=limits.lineage_nodes_max).contains(&question.max_nodes) {
            return Err(Error::invalid(format!(
                "an answer holds 1 to {} nodes",
                limits.lineage_nodes_max
            )));
        }
        let read = self.store.read();
        let as_of = as_of(&read, question.as_of).await?;
        closure(&read, org, question, as_of).await
    }
}

/// The sequence number to ask as of. One in the future has no answer yet.
pub(crate) async fn as_of(read: &Reader<'_>, asked: Option<u64>) -> Result<u64> {
    let current = read.current_seq().await?;
    match asked {
        Some(seq) if seq > current => Err(Error::invalid(format!(
            "the log is at {current}: there is nothing as of {seq} yet"
        ))),
        Some(seq) => Ok(seq),
        None => Ok(current),
    }
}

/// Walks, and adds what is known of the attestations that were reached.
pub(crate) async fn closure(
    read: &Reader<'_>,
    org: OrganizationId,
    question: LineageQuestion,
    as_of: u64,
) -> Result<Closure> {
    let walk = Walk {
        org,
        roots: vec![NodeKey::Artifact(question.root)],
        direction: match question.direction {
            Direction::Up => store::Direction::Up,
            Direction::Down => store::Direction::Down,
            Direction::Both => store::Direction::Both,
        },
        hops_max: question.max_hops,
        nodes_max: question.max_nodes,
        as_of,
    };
    let walked = read.walk(&walk).await?;
    let reached: Vec<Digest> = walked
        .nodes
        .iter()
        .filter_map(
            |node| if let NodeKey::Attestation(digest) = node.key { Some(digest) } else { None },
        )
        .collect();
    let found = read.attestations_by_digests(org, &reached).await?;
    let known: BTreeMap<Digest, Attestation> = attestations::describe(read, org, found)
        .await?
        .into_iter()
        .map(|attestation| (attestation.digest, attestation))
        .collect();
    let elsewhere: Vec<Digest> =
        reached.into_iter().filter(|digest| !known.contains_key(digest)).collect();
    let found = read.imported_by_digests(org, &elsewhere).await?;
    let imported = imports::standing(read, org, found).await?;
    let imported: BTreeMap<Digest, ImportedSummary> =
        imported.into_iter().map(|one| (one.summary.digest, one.summary)).collect();
    let nodes: Vec<Node> = walked.nodes.iter().map(|node| name(node, &known, &imported)).collect();
    let mut edges: Vec<Edge> = walked
        .edges
        .iter()
        .filter_map(|edge| {
            let (from, to) = (nodes.get(edge.src)?, nodes.get(edge.dst)?);
            Some(Edge {
                from: from.id.clone(),
                to: to.id.clone(),
                kind: edge.kind.as_str().to_owned(),
                seq: edge.seq,
            })
        })
        .collect();
    edges.sort();
    Ok(Closure {
        root: question.root,
        nodes,
        edges,
        complete: walked.complete,
        truncated: walked.truncated,
        redacted: walked.redacted,
        as_of_seq: as_of,
    })
}

fn name(
    node: &store::ClosureNode,
    known: &BTreeMap<Digest, Attestation>,
    elsewhere: &BTreeMap<Digest, ImportedSummary>,
) -> Node {
    let (id, kind) = match &node.key {
        NodeKey::Artifact(digest) => (digest.to_string(), NodeKind::Artifact),
        NodeKey::Attestation(digest) => (digest.to_string(), NodeKind::Attestation),
        NodeKey::Commit(id) => (format!("git:{id}"), NodeKind::Commit),
    };
    let (attestation, imported) = match &node.key {
        NodeKey::Attestation(digest) => {
            (known.get(digest).map(summary), elsewhere.get(digest).cloned())
        }
        _ => (None, None),
    };
    Node { id, kind, hops: node.hops, attestation, imported }
}

fn summary(attestation: &Attestation) -> AttestationSummary {
    AttestationSummary {
        digest: attestation.digest,
        project: attestation.project.clone(),
        workflow: attestation.workflow.clone(),
        contract: attestation.contract.clone(),
        contract_revision: attestation.contract_revision,
        verdict: attestation.verdict,
        received_at: attestation.received_at,
        subjects: attestation
            .subjects
            .iter()
            .filter(|subject| subject.algorithm == "sha256")
            .filter_map(|subject| Digest::from_hex(&subject.value).ok())
            .collect(),
        seq: attestation.seq,
    }
}
