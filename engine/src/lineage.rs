//! Lineage: what an artifact was made from, and what was made from it.
//!
//! Edges point the way data flows: material → attestation → subject. An answer is flat and says how complete it is.

use serde::{Deserialize, Serialize};

use crate::evaluation::Verdict;
use crate::{Digest, Name};

/// Which way to walk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Towards what it was made from.
    Up,
    /// Towards what was made from it.
    Down,
    /// Both ways.
    Both,
}

/// What a node stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NodeKind {
    /// Some bytes: an artifact, a material, or both.
    Artifact,
    /// A stored attestation.
    Attestation,
    /// A source commit.
    Commit,
}

/// One node of an answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Node {
    /// Its identity: a digest, or `git:<id>` for a commit.
    pub id: String,
    /// What it stands for.
    pub kind: NodeKind,
    /// How many edges away from the root it is.
    pub hops: u32,
    /// What is known of an attestation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attestation: Option<AttestationSummary>,
    /// What is known of an attestation that was made elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub imported: Option<ImportedSummary>,
}

/// What gates and lineage answers say about an attestation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttestationSummary {
    /// The digest of the bundle.
    pub digest: Digest,
    /// The project.
    pub project: Name,
    /// The workflow.
    pub workflow: Name,
    /// The contract.
    pub contract: Name,
    /// Its revision.
    pub contract_revision: u32,
    /// What the server judged.
    pub verdict: Verdict,
    /// When it was received.
    pub received_at: crate::Timestamp,
    /// Its subjects.
    pub subjects: Vec<Digest>,
    /// The log sequence number from which it holds.
    pub seq: u64,
}

/// What gates and lineage answers say about an attestation that was made elsewhere.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImportedSummary {
    /// The digest of its bytes.
    pub digest: Digest,
    /// What it says, by the URI of its predicate.
    pub predicate_type: String,
    /// Who signed it.
    pub signer: Signer,
    /// The trust root that believed it when it was imported.
    pub trust_root: Name,
    /// Whether that root, as it is now, still names who signed and allows what is said.
    pub believed: bool,
    /// When it was signed, by the evidence that came with it; absent where nothing says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_at: Option<crate::Timestamp>,
    /// When it was received.
    pub received_at: crate::Timestamp,
    /// Its subjects that have a SHA-256 digest.
    pub subjects: Vec<Digest>,
    /// The log sequence number from which it holds.
    pub seq: u64,
}

/// Who signed an attestation that was made elsewhere: whoever has a key, or whom a certificate is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signer {
    /// The digest of the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Digest>,
    /// Who said whom the certificate is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// Whom the certificate is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
}

/// One edge of an answer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edge {
    /// Where the data comes from.
    pub from: String,
    /// Where it goes.
    pub to: String,
    /// What it is there: `material`, `subject` or `commit`.
    pub kind: String,
    /// The log sequence number from which it holds.
    pub seq: u64,
}

/// A bounded part of the lineage around one artifact.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Closure {
    /// The artifact asked about.
    pub root: Digest,
    /// The nodes, nearest first, then by identity.
    pub nodes: Vec<Node>,
    /// The edges between them, in order.
    pub edges: Vec<Edge>,
    /// True when nothing was left out for any reason.
    pub complete: bool,
    /// True when a limit on hops or nodes was reached.
    pub truncated: bool,
    /// How many nodes were hidden from the asker.
    pub redacted: u64,
    /// The log sequence number that the answer is as of.
    pub as_of_seq: u64,
}
