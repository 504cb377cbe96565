//! The predicate of Muster's attestations, `https://muster.dev/attestation/v1`: what a job says about its run.

use serde::{Deserialize, Serialize};

use crate::contract::Contract;
use crate::evaluation::{Evaluation, Verdict};
use crate::id::RunId;
use crate::material::Material;
use crate::run::{Circumstances, Commit};
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

/// The subjects that a statement must have, as (name, digest algorithm, digest).
///
/// They are the `output` materials of the contract and the source commit. Where there is neither, the statement is about the evidence itself.
pub fn subjects(
    contract: &Contract,
    materials: &[Material],
    commit: Option<&Commit>,
) -> Vec<(String, String, String)> {
    let subject = |material: &Material| {
        (material.name.to_string(), "sha256".to_owned(), material.digest.to_hex())
    };
    let is_output = |material: &&Material| {
        contract.material(&material.name).is_some_and(|demand| demand.output)
    };
    let mut subjects: Vec<_> = materials.iter().filter(is_output).map(subject).collect();
    subjects.extend(
        commit.map(|commit| (COMMIT_SUBJECT.to_owned(), "gitCommit".to_owned(), commit.id.clone())),
    );
    if subjects.is_empty() {
        subjects = materials.iter().map(subject).collect();
    }
    subjects
}

/// The name of the subject that is the source commit.
pub const COMMIT_SUBJECT: &str = "git.head";
