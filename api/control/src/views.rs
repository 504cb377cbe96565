//! What use cases answer: names instead of row ids, nothing that a caller may not see.

use std::collections::BTreeMap;

use engine::document::Diagnostic;
use engine::id::{GateId, KeyId, OrganizationId, ProjectId, RunId, TokenId, WorkflowId};
use engine::{Digest, Evaluation, Material, Name, Timestamp, Verdict};

use crate::actor::Scope;

/// A tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Organization {
    /// Its identifier.
    pub id: OrganizationId,
    /// Its name.
    pub name: Name,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A project of an organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// Its identifier.
    pub id: ProjectId,
    /// Its name.
    pub name: Name,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A workflow of a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workflow {
    /// Its identifier.
    pub id: WorkflowId,
    /// The project.
    pub project: Name,
    /// Its name.
    pub name: Name,
    /// The contract that its runs must meet.
    pub contract: Name,
    /// When it was made.
    pub created_at: Timestamp,
    /// How long its runs wait for their attestation, in minutes.
    pub deadline_minutes: u32,
}

/// One immutable revision of a contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContractRevision {
    /// The contract.
    pub name: Name,
    /// The revision, from 1.
    pub revision: u32,
    /// The digest of the compiled revision.
    pub digest: Digest,
    /// The document as it was written.
    pub source: String,
    /// The files that it names beside itself.
    pub files: BTreeMap<String, String>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// One immutable revision of a gate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GateRevision {
    /// The gate's identifier.
    pub id: GateId,
    /// The gate.
    pub name: Name,
    /// The revision, from 1.
    pub revision: u32,
    /// The digest of its policy and arguments.
    pub digest: Digest,
    /// The document as it was written.
    pub source: String,
    /// The files that it names beside itself.
    pub files: BTreeMap<String, String>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A public key that the organization trusts to sign attestations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Its identifier.
    pub id: KeyId,
    /// Its name.
    pub name: Name,
    /// The digest of its `SubjectPublicKeyInfo`: the hint in bundles.
    pub digest: Digest,
    /// The key, PEM.
    pub public_key: String,
    /// When it was registered.
    pub created_at: Timestamp,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

/// An API token, without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Its identifier.
    pub id: TokenId,
    /// Its name.
    pub name: Name,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Timestamp>,
}

/// What a run is waiting for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunState {
    /// Its attestation.
    Open,
    /// Nothing: its attestation was received and judged.
    Closed,
    /// Nothing: the job gave it up.
    Cancelled,
    /// Nothing: the job broke.
    Failed,
    /// Nothing: it waited too long.
    Expired,
}

impl RunState {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Closed => "closed",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
            Self::Expired => "expired",
        }
    }
}

/// One execution of a workflow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Its identifier.
    pub id: RunId,
    /// The project.
    pub project: Name,
    /// The workflow.
    pub workflow: Name,
    /// The contract.
    pub contract: Name,
    /// The revision that it must meet.
    pub contract_revision: u32,
    /// What it is waiting for.
    pub state: RunState,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When it stops waiting, at the latest.
    pub expires_at: Option<Timestamp>,
    /// When it stopped waiting.
    pub closed_at: Option<Timestamp>,
    /// Why it will get no attestation.
    pub reason: Option<String>,
    /// The run that it repeats.
    pub rerun_of: Option<RunId>,
    /// Its attestation, once received.
    pub attestation: Option<Digest>,
    /// What the server judged.
    pub verdict: Option<Verdict>,
}

/// A run that was just opened, with everything that a job needs to craft its attestation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenedRun {
    /// Its identifier.
    pub id: RunId,
    /// The organization, as statements name it.
    pub organization: Name,
    /// The project.
    pub project: Name,
    /// The workflow.
    pub workflow: Name,
    /// The contract revision that it must meet.
    pub contract: ContractRevision,
    /// When it stops waiting for its attestation.
    pub expires_at: Timestamp,
    /// The run that it repeats.
    pub rerun_of: Option<RunId>,
}

/// A subject of an attestation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// Its name in the statement.
    pub name: String,
    /// The digest algorithm, as in-toto names it.
    pub algorithm: String,
    /// The digest, hexadecimal.
    pub value: String,
}

/// A stored attestation and what the server judged.
#[derive(Debug, Clone, PartialEq)]
pub struct Attestation {
    /// The digest of the bundle.
    pub digest: Digest,
    /// Its run.
    pub run: RunId,
    /// The project.
    pub project: Name,
    /// The workflow.
    pub workflow: Name,
    /// The contract.
    pub contract: Name,
    /// Its revision.
    pub contract_revision: u32,
    /// The server's verdict.
    pub verdict: Verdict,
    /// The verdict that the job claimed.
    pub claimed_verdict: Verdict,
    /// The digest of the verdict record.
    pub verdict_digest: Digest,
    /// The digest of the key that signed it.
    pub key_digest: Digest,
    /// The size of the bundle in bytes.
    pub size: u64,
    /// When it was received.
    pub received_at: Timestamp,
    /// The log sequence number from which it holds.
    pub seq: u64,
    /// What it is about.
    pub subjects: Vec<Subject>,
    /// The evidence.
    pub materials: Vec<Material>,
    /// What each policy said, on the server.
    pub evaluations: Vec<Evaluation>,
}

/// The answer to a received attestation.
#[derive(Debug, Clone, PartialEq)]
pub struct Receipt {
    /// The attestation as it is stored.
    pub attestation: Attestation,
    /// False when the same bytes had been received before.
    pub new: bool,
    /// Why nothing is proven, besides what the evaluations say.
    pub reasons: Vec<String>,
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The entries.
    pub items: Vec<T>,
    /// Where the next page begins; absent on the last.
    pub next: Option<String>,
}

/// What is wrong with a document that was sent in.
pub type Diagnostics = Vec<Diagnostic>;
