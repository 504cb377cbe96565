//! Stored attestations.

use engine::id::RunId;
use engine::{Digest, Evaluation, Material, Name, Timestamp, Verdict};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::form;

/// What an attestation is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Subject {
    /// Its name in the statement.
    pub name: String,
    /// The digest algorithm, as in-toto names it.
    pub algorithm: String,
    /// The digest, hexadecimal.
    pub value: String,
}

/// A stored attestation and what the server judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Attestation {
    /// The digest of the bundle.
    #[schema(value_type = form::Digest)]
    pub digest: Digest,
    /// Its run.
    #[schema(value_type = String, format = "uuid")]
    pub run: RunId,
    /// The project.
    #[schema(value_type = form::Name)]
    pub project: Name,
    /// The workflow.
    #[schema(value_type = form::Name)]
    pub workflow: Name,
    /// The contract.
    #[schema(value_type = form::Name)]
    pub contract: Name,
    /// Its revision.
    pub contract_revision: u32,
    /// The server's verdict: `passed`, `failed` or `indeterminate`.
    #[schema(value_type = String)]
    pub verdict: Verdict,
    /// The verdict that the job claimed.
    #[schema(value_type = String)]
    pub claimed_verdict: Verdict,
    /// The digest of the verdict record.
    #[schema(value_type = form::Digest)]
    pub verdict_digest: Digest,
    /// The digest of the key that signed it.
    #[schema(value_type = form::Digest)]
    pub key_digest: Digest,
    /// The size of the bundle in bytes.
    pub size: u64,
    /// When it was received.
    #[schema(value_type = String, format = "date-time")]
    pub received_at: Timestamp,
    /// The log sequence number from which it holds.
    pub seq: u64,
    /// What it is about.
    pub subjects: Vec<Subject>,
    /// The evidence.
    #[schema(value_type = Vec<Object>)]
    pub materials: Vec<Material>,
    /// What each policy said, on the server.
    #[schema(value_type = Vec<Object>)]
    pub evaluations: Vec<Evaluation>,
}

/// The answer to a received attestation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Receipt {
    /// The attestation as it is stored.
    pub attestation: Attestation,
    /// False when the same bytes had been received before.
    pub new: bool,
    /// Why nothing is proven, besides what the evaluations say.
    pub reasons: Vec<String>,
    /// The waivers that reached the run, and what each did.
    #[schema(value_type = Vec<Object>)]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waivers: Vec<engine::waiver::Applied>,
}
