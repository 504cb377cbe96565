//! The predicate of Muster's attestations, `https://muster.dev/attestation/v1`: what a job says about its run.

use serde::{Deserialize, Serialize};

use crate::evaluation::{Evaluation, Verdict};
use crate::id::RunId;
use crate::material::Material;
use crate::run::Circumstances;
use crate::{Digest, Name, Timestamp};

/// The predicate type.
pub const TYPE: &str = "https://muster.dev/attestation/v1";

/// What a job says about its run. The evaluations and the verdict are the job's own check: nobody has to believe
/// them, and the server does not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Predicate {
    /// The run that the server opened for this attestation.
    pub run: RunId,
    /// The contract it was crafted under.
    pub contract: ContractRef,
    /// Workflow, runner, environment, annotations and commit.
    pub circumstances: Circumstances,
    /// The evidence.
    pub materials: Vec<Material>,
    /// What the job's own check said.
    pub evaluations: Vec<Evaluation>,
    /// What followed from it.
    pub verdict: Verdict,
    /// When the job began.
    pub started_at: Timestamp,
    /// When the statement was made.
    pub finished_at: Timestamp,
}

/// A revision of a contract.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContractRef {
    /// Its name.
    pub name: Name,
    /// The revision, from 1.
    pub revision: u32,
    /// The digest of the compiled revision.
    pub digest: Digest,
}
