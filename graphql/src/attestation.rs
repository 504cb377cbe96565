//! Attestations.

use async_graphql::{Context, Json, Object, Result};

use crate::cost;
use crate::evaluation::{Evaluation, Verdict};
use crate::execute::Asker;
use crate::run::Run;
use crate::scalar::{Digest, Timestamp, UInt64};

/// What an attestation is about.
#[derive(Debug)]
pub(crate) struct Subject(control::Subject);

/// What an attestation is about.
#[Object]
impl Subject {
    /// Its name in the statement.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// The digest algorithm, as in-toto names it.
    async fn algorithm(&self) -> &str {
        &self.0.algorithm
    }

    /// The digest, hexadecimal.
    async fn value(&self) -> &str {
        &self.0.value
    }
}

/// One piece of evidence in a run.
#[derive(Debug)]
pub(crate) struct Material(engine::Material);

/// One piece of evidence in a run.
#[Object]
impl Material {
    /// Its name in the contract, or one derived from the file.
    async fn name(&self) -> &str {
        self.0.name.as_str()
    }

    /// What it is, as contracts name it.
    async fn kind(&self) -> &'static str {
        self.0.kind.name()
    }

    /// The digest of its bytes; for a container image that of its manifest.
    async fn digest(&self) -> Digest {
        Digest(self.0.digest)
    }

    /// Its size in bytes; 0 for a reference.
    async fn size(&self) -> UInt64 {
        UInt64(self.0.size)
    }

    /// True when only the digest is recorded and the bytes are elsewhere.
    async fn reference_only(&self) -> bool {
        self.0.reference_only
    }

    /// Where it came from: the file's name or the image reference.
    async fn source(&self) -> &str {
        &self.0.source
    }

    /// What was learned from its content.
    async fn facts(&self) -> Json<&engine::material::Facts> {
        Json(&self.0.facts)
    }
}

/// A stored attestation and what the server judged.
#[derive(Debug)]
pub(crate) struct Attestation(pub(crate) control::Attestation);

/// A stored attestation and what the server judged.
#[Object]
impl Attestation {
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

    /// The server's verdict.
    async fn verdict(&self) -> Verdict {
        self.0.verdict.into()
    }

    /// The verdict that the job claimed.
    async fn claimed_verdict(&self) -> Verdict {
        self.0.claimed_verdict.into()
    }

    /// The digest of the verdict record.
    async fn verdict_digest(&self) -> Digest {
        Digest(self.0.verdict_digest)
    }

    /// The digest of the key that signed it.
    async fn key_digest(&self) -> Digest {
        Digest(self.0.key_digest)
    }

    /// The size of the bundle in bytes.
    async fn size(&self) -> UInt64 {
        UInt64(self.0.size)
    }

    /// When it was received.
    async fn received_at(&self) -> Timestamp {
        Timestamp(self.0.received_at)
    }

    /// The log sequence number from which it holds.
    async fn seq(&self) -> UInt64 {
        UInt64(self.0.seq)
    }

    /// What it is about.
    #[graphql(complexity = "cost::inner(child_complexity)")]
    async fn subjects(&self) -> Vec<Subject> {
        self.0.subjects.iter().cloned().map(Subject).collect()
    }

    /// The evidence.
    #[graphql(complexity = "cost::inner(child_complexity)")]
    async fn materials(&self) -> Vec<Material> {
        self.0.materials.iter().cloned().map(Material).collect()
    }

    /// What each policy said, on the server.
    #[graphql(complexity = "cost::inner(child_complexity)")]
    async fn evaluations(&self) -> Vec<Evaluation> {
        self.0.evaluations.iter().cloned().map(Evaluation).collect()
    }

    /// Its run.
    #[graphql(complexity = "cost::lookup(child_complexity)")]
    async fn run(&self, context: &Context<'_>) -> Result<Option<Run>> {
        Asker::of(context)?.run(self.0.run).await.map(Some)
    }
}
