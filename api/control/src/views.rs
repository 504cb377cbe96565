//! What use cases answer: names instead of row ids, nothing that a caller may not see.

use std::collections::BTreeMap;

use engine::document::Diagnostic;
use engine::id::{
    BackendId, GateId, KeyId, OrganizationId, ProjectId, RunId, TokenId, TrustRuleId, WorkflowId,
};
use engine::trust_rule::{IssuerKind, Miss};
use engine::waiver::{Applied, Party};
use engine::{Digest, Evaluation, Material, Name, Timestamp, Verdict};

use crate::BackendRole;
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
    /// The revision of it that they must meet; none when it is the latest, whichever that is when a run is opened.
    pub contract_revision: Option<u32>,
    /// When it was made.
    pub created_at: Timestamp,
    /// How long its runs wait for their attestation, in minutes.
    pub deadline_minutes: u32,
    /// When it was deleted; it can be restored.
    pub deleted_at: Option<Timestamp>,
}

/// A place that an organization keeps its blobs in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backend {
    /// Its identifier.
    pub id: BackendId,
    /// Its name.
    pub name: Name,
    /// Where it is.
    pub place: String,
    /// Whether it is opened with credentials.
    pub has_credentials: bool,
    /// Which new blobs it takes.
    pub role: Option<BackendRole>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last looked at.
    pub checked_at: Option<Timestamp>,
    /// Since when it does not work.
    pub failing_since: Option<Timestamp>,
    /// What is wrong with it then.
    pub failure: Option<String>,
    /// How many blobs of the organization are in it.
    pub blobs: u64,
    /// Their bytes.
    pub bytes: u64,
    /// How many blobs left it whose bytes are still to be removed from it.
    pub removing: u64,
    /// Why it did not let go of one of them, when that was tried last.
    pub removal_failure: Option<String>,
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
    /// When the contract was deleted; it can be restored.
    pub deleted_at: Option<Timestamp>,
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
    /// The workflows whose runs alone it attests; none where it is not restricted so.
    pub grants: Option<Vec<String>>,
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
    /// The version of the project that it builds.
    pub version: Option<String>,
    /// Its attestation, once received.
    pub attestation: Option<Digest>,
    /// What the server judged.
    pub verdict: Option<Verdict>,
    /// The CI job that opened it, when it was let in by a trust rule.
    pub job: Option<Job>,
}

/// A CI job that was let in by a trust rule: who it is by the word of its issuer, which was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// The rule, which may have been deleted since.
    pub rule: Name,
    /// Which CI system it ran on.
    pub kind: IssuerKind,
    /// Who says who it is.
    pub issuer: String,
    /// What its issuer calls it.
    pub subject: String,
    /// The claims that the rule stands on, and those that say who ran what, where.
    pub claims: BTreeMap<String, String>,
    /// When it was let in.
    pub admitted_at: Timestamp,
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
    /// The version of the project that it builds.
    pub version: Option<String>,
    /// The waivers in force that may reach it, for the job's own check.
    pub waivers: Vec<engine::Waiver>,
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
    /// The waivers that reached the run, and what each did.
    pub waivers: Vec<Applied>,
}

/// What a revision of a waiver is, now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum WaiverState {
    /// It waits for someone to decide.
    Pending,
    /// It was approved, and starts later.
    Scheduled,
    /// It holds, and accepted something.
    InForce,
    /// It holds, and matched nothing yet.
    Unused,
    /// It ended, decided or not.
    Expired,
    /// It was rejected.
    Rejected,
    /// It was approved, and taken back.
    Revoked,
    /// A later revision took its place.
    Superseded,
}

impl WaiverState {
    /// Every state with the word for it.
    pub const ALL: [(Self, &'static str); 8] = [
        (Self::Pending, "pending"),
        (Self::Scheduled, "scheduled"),
        (Self::InForce, "in-force"),
        (Self::Unused, "unused"),
        (Self::Expired, "expired"),
        (Self::Rejected, "rejected"),
        (Self::Revoked, "revoked"),
        (Self::Superseded, "superseded"),
    ];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(state, _)| *state == self).map_or("", |(_, word)| word)
    }

    /// Whether it was approved, and holds or will.
    pub const fn is_approved(self) -> bool {
        matches!(self, Self::Scheduled | Self::InForce | Self::Unused)
    }
}

impl std::fmt::Display for WaiverState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One revision of a waiver, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiver {
    /// Its identifier.
    pub id: uuid::Uuid,
    /// What is accepted, where, why and until when.
    pub waiver: engine::Waiver,
    /// The revision, from 1.
    pub revision: u32,
    /// The digest of its canonical form: what verdict records name.
    pub digest: Digest,
    /// What it is now.
    pub state: WaiverState,
    /// Who asked for it.
    pub requested_by: Party,
    /// When.
    pub requested_at: Timestamp,
    /// The log sequence number of the request.
    pub seq: u64,
    /// Its approval or rejection.
    pub decided: Option<WaiverDecided>,
    /// Its revocation.
    pub revoked: Option<WaiverDecided>,
    /// How many attestations it was used for.
    pub uses: u64,
    /// When it was last used.
    pub last_used_at: Option<Timestamp>,
}

/// Who decided about a waiver, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaiverDecided {
    /// Who.
    pub by: Party,
    /// When.
    pub at: Timestamp,
    /// The log sequence number from which it holds.
    pub seq: u64,
    /// Why, of a rejection or revocation.
    pub reason: Option<String>,
    /// The digest of the signed statement's bundle, of an approval.
    pub statement: Option<Digest>,
    /// The digest of the key that signed it.
    pub key_digest: Option<Digest>,
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

/// A rule under which CI jobs are let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustRule {
    /// Its identifier.
    pub id: TrustRuleId,
    /// What it says.
    pub rule: engine::TrustRule,
    /// The digest of its canonical form.
    pub digest: Digest,
    /// When it was made.
    pub created_at: Timestamp,
}

/// Why an identity token lets a CI job in or not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Explanation {
    /// The rule that lets it in; none when it is not let in.
    pub rule: Option<Name>,
    /// Who the token says issued it.
    pub issuer: Option<String>,
    /// Why it is not accepted, whatever the rules say.
    pub refusal: Option<ExplainedRefusal>,
    /// What each rule missed, by name; of a token that does not verify, in what it claims.
    pub rules: Vec<ExplainedRule>,
}

/// Why an identity token is not accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExplainedRefusal {
    /// The stable name of the step.
    pub step: &'static str,
    /// What is wrong.
    pub message: String,
}

/// What one rule missed in an identity token; nothing when it lets it in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExplainedRule {
    /// The rule.
    pub name: Name,
    /// What it missed.
    pub misses: Vec<Miss>,
}
