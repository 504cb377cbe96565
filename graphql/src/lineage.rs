//! Lineage answers: flat, bounded, and honest about what is left out.

use async_graphql::{Enum, Object};
use engine::lineage::{AttestationSummary, Closure, ImportedSummary};

use crate::evaluation::Verdict;
use crate::scalar::{Digest, Timestamp, UInt64};

/// Which way to walk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "engine::lineage::Direction")]
pub(crate) enum Direction {
    /// Towards what it was made from.
    Up,
    /// Towards what was made from it.
    Down,
    /// Both ways.
    Both,
}

/// What a node stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "engine::lineage::NodeKind")]
pub(crate) enum NodeKind {
    /// Some bytes: an artifact, a material, or both.
    Artifact,
    /// A stored attestation.
    Attestation,
    /// A source commit.
    Commit,
}

/// A bounded part of the lineage around one artifact.
#[derive(Debug)]
pub(crate) struct Lineage(pub(crate) Closure);

// `max_nodes` of the field that answers a lineage multiplies the cost of everything below.
/// A bounded part of the lineage around one artifact.
#[Object]
impl Lineage {
    /// The artifact asked about.
    async fn root(&self) -> Digest {
        Digest(self.0.root)
    }

    /// The nodes, nearest first, then by identity.
    async fn nodes(&self) -> Vec<Node> {
        self.0.nodes.iter().cloned().map(Node).collect()
    }

    /// The edges between them, in the direction in which data flows.
    async fn edges(&self) -> Vec<Edge> {
        self.0.edges.iter().cloned().map(Edge).collect()
    }

    /// True when nothing was left out for any reason.
    async fn complete(&self) -> bool {
        self.0.complete
    }

    /// True when a limit on hops or nodes was reached.
    async fn truncated(&self) -> bool {
        self.0.truncated
    }

    /// How many nodes were hidden from the asker.
    async fn redacted(&self) -> UInt64 {
        UInt64(self.0.redacted)
    }

    /// The log sequence number that the answer is as of.
    async fn as_of_seq(&self) -> UInt64 {
        UInt64(self.0.as_of_seq)
    }
}

/// One node of a lineage.
#[derive(Debug)]
pub(crate) struct Node(engine::lineage::Node);

/// One node of a lineage.
#[Object(name = "LineageNode")]
impl Node {
    /// Its identity: a digest, or `git:` and the object id of a commit.
    async fn id(&self) -> &str {
        &self.0.id
    }

    /// What it stands for.
    async fn kind(&self) -> NodeKind {
        self.0.kind.into()
    }

    /// How many edges away from the root it is.
    async fn hops(&self) -> u32 {
        self.0.hops
    }

    /// What is known of an attestation.
    async fn attestation(&self) -> Option<Summary> {
        self.0.attestation.clone().map(Summary)
    }

    /// What is known of an attestation that was made elsewhere.
    async fn imported(&self) -> Option<Imported> {
        self.0.imported.clone().map(Imported)
    }
}

/// One edge of a lineage.
#[derive(Debug)]
pub(crate) struct Edge(engine::lineage::Edge);

/// One edge of a lineage.
#[Object(name = "LineageEdge")]
impl Edge {
    /// Where the data comes from.
    async fn from(&self) -> &str {
        &self.0.from
    }

    /// Where it goes.
    async fn to(&self) -> &str {
        &self.0.to
    }

    /// What it is there: `material`, `subject` or `commit`.
    async fn kind(&self) -> &str {
        &self.0.kind
    }

    /// The log sequence number from which it holds.
    async fn seq(&self) -> UInt64 {
        UInt64(self.0.seq)
    }
}

/// What lineage says about an attestation.
#[derive(Debug)]
pub(crate) struct Summary(AttestationSummary);

/// What lineage says about an attestation.
#[Object(name = "AttestationSummary")]
impl Summary {
    /// The digest of the bundle.
    async fn digest(&self) -> Digest {
        Digest(self.0.digest)
    }

    /// The project.
    async fn project(&self) -> &str {
        self.0.project.as_str()
    }

    /// The workflow.
    async fn workflow(&self) -> &str {
        self.0.workflow.as_str()
    }

    /// The contract.
    async fn contract(&self) -> &str {
        self.0.contract.as_str()
    }

    /// Its revision.
    async fn contract_revision(&self) -> u32 {
        self.0.contract_revision
    }

    /// What the server judged.
    async fn verdict(&self) -> Verdict {
        self.0.verdict.into()
    }

    /// When it was received.
    async fn received_at(&self) -> Timestamp {
        Timestamp(self.0.received_at)
    }

    /// The digests of its subjects.
    #[graphql(complexity = 5)]
    async fn subjects(&self) -> Vec<Digest> {
        self.0.subjects.iter().copied().map(Digest).collect()
    }

    /// The log sequence number from which it holds.
    async fn seq(&self) -> UInt64 {
        UInt64(self.0.seq)
    }
}

/// What lineage says about an attestation that was made elsewhere.
#[derive(Debug)]
pub(crate) struct Imported(ImportedSummary);

/// What lineage says about an attestation that was made elsewhere.
#[Object(name = "ImportedSummary")]
impl Imported {
    /// The digest of its bytes.
    async fn digest(&self) -> Digest {
        Digest(self.0.digest)
    }

    /// What it says, by the URI of its predicate.
    async fn predicate_type(&self) -> &str {
        &self.0.predicate_type
    }

    /// The digest of the key that signed it.
    async fn signer_key(&self) -> Option<Digest> {
        self.0.signer.key.map(Digest)
    }

    /// Who said whom the certificate is for that signed it.
    async fn signer_issuer(&self) -> Option<&str> {
        self.0.signer.issuer.as_deref()
    }

    /// Whom the certificate is for that signed it.
    async fn signer_subject(&self) -> Option<&str> {
        self.0.signer.subject.as_deref()
    }

    /// The trust root that believed it when it was imported.
    async fn trust_root(&self) -> &str {
        self.0.trust_root.as_str()
    }

    /// Whether that root, as it is now, still names who signed and allows what is said.
    async fn believed(&self) -> bool {
        self.0.believed
    }

    /// When it was signed, by the evidence that came with it.
    async fn signed_at(&self) -> Option<Timestamp> {
        self.0.signed_at.map(Timestamp)
    }

    /// When it was received.
    async fn received_at(&self) -> Timestamp {
        Timestamp(self.0.received_at)
    }

    /// The SHA-256 digests of its subjects.
    #[graphql(complexity = 5)]
    async fn subjects(&self) -> Vec<Digest> {
        self.0.subjects.iter().copied().map(Digest).collect()
    }

    /// The log sequence number from which it holds.
    async fn seq(&self) -> UInt64 {
        UInt64(self.0.seq)
    }
}
