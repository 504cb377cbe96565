//! Gates and their decisions.

use async_graphql::{Enum, ID, Json, Object};

use crate::cost;
use crate::evaluation::Violation;
use crate::scalar::{Digest, Timestamp, UInt64};

/// A gate's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "engine::gate::Answer", name = "GateAnswer")]
pub(crate) enum Answer {
    /// It may ship.
    Allow,
    /// It must not.
    Deny,
    /// It cannot be told; treat it as a denial.
    Indeterminate,
}

/// One immutable revision of a gate.
#[derive(Debug)]
pub(crate) struct Gate(pub(crate) control::GateRevision);

/// One immutable revision of a gate.
#[Object]
impl Gate {
    /// The gate's identifier.
    async fn id(&self) -> ID {
        ID(self.0.id.to_string())
    }

    /// The gate.
    async fn name(&self) -> &str {
        self.0.name.as_str()
    }

    /// The revision, from 1.
    async fn revision(&self) -> u32 {
        self.0.revision
    }

    /// The digest of its policy and arguments.
    async fn digest(&self) -> Digest {
        Digest(self.0.digest)
    }

    /// The document as it was written.
    async fn source(&self) -> &str {
        &self.0.source
    }

    /// The files that it names beside itself: texts by relative path.
    async fn files(&self) -> Json<&std::collections::BTreeMap<String, String>> {
        Json(&self.0.files)
    }

    /// When it was made.
    async fn created_at(&self) -> Timestamp {
        Timestamp(self.0.created_at)
    }
}

/// A gate's answer about one artifact, with everything that decided it.
#[derive(Debug)]
pub(crate) struct Decision(pub(crate) engine::gate::Decision);

/// A gate's answer about one artifact, with everything that decided it.
#[Object]
impl Decision {
    /// What evaluation meant.
    async fn semantics(&self) -> &str {
        &self.0.semantics
    }

    /// The artifact.
    async fn artifact(&self) -> Digest {
        Digest(self.0.artifact)
    }

    /// The gate.
    async fn gate(&self) -> &str {
        self.0.gate.as_str()
    }

    /// The digest of its policy and arguments.
    async fn gate_digest(&self) -> Digest {
        Digest(self.0.gate_digest)
    }

    /// The digest of the lineage that it looked at.
    async fn lineage_digest(&self) -> Digest {
        Digest(self.0.lineage_digest)
    }

    /// The log sequence number that the lineage is as of.
    async fn as_of_seq(&self) -> UInt64 {
        UInt64(self.0.as_of_seq)
    }

    /// When it was decided.
    async fn decided_at(&self) -> Timestamp {
        Timestamp(self.0.decided_at)
    }

    /// The answer.
    async fn answer(&self) -> Answer {
        self.0.answer.into()
    }

    /// Why it was denied.
    #[graphql(complexity = "cost::inner(child_complexity)")]
    async fn violations(&self) -> Vec<Violation> {
        self.0.violations.iter().cloned().map(Violation).collect()
    }

    /// What should be noticed.
    #[graphql(complexity = "cost::inner(child_complexity)")]
    async fn warnings(&self) -> Vec<Violation> {
        self.0.warnings.iter().cloned().map(Violation).collect()
    }

    /// Why it cannot be told.
    #[graphql(complexity = 5)]
    async fn undecided(&self) -> &[String] {
        &self.0.undecided
    }
}
