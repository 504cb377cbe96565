//! The use cases of the control plane: authorize, load, ask the engine, save.
//!
//! Transports (HTTP, GraphQL) call these and convert; they hold no rules. Storage is private: rows never leave it.

mod actor;
pub mod blobs;
mod error;
pub mod store;
mod views;

pub use actor::{Actor, Scope};
pub use error::Error;
pub use views::*;

use std::collections::BTreeMap;

use engine::gate::Decision;
use engine::id::{KeyId, RunId, TokenId};
use engine::lineage::{Closure, Direction};
use engine::run::WorkflowPath;
use engine::{Digest, Limits, Name, Timestamp};

/// The control plane.
#[derive(Debug, Clone)]
pub struct Control {
    limits: Limits,
}

/// A token with its secret, shown once.
#[derive(Debug, Clone)]
pub struct NewToken {
    /// The token.
    pub token: Token,
    /// The secret, `muster_pat_…`.
    pub secret: String,
}

/// A blob on its way out.
pub struct BlobStream {
    /// Its size in bytes.
    pub size: u64,
    /// Its bytes; ends in an error when they do not have the digest that was asked for.
    pub stream: futures::stream::BoxStream<'static, std::io::Result<tokio_util::bytes::Bytes>>,
}

impl std::fmt::Debug for BlobStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BlobStream").field("size", &self.size).finish_non_exhaustive()
    }
}

type Result<T> = std::result::Result<T, Error>;

#[expect(unused_variables, clippy::unused_async, reason = "the bodies follow with the store")]
impl Control {
    /// The limits in force.
    pub const fn limits(&self) -> &Limits { &self.limits }
    /// Accepts a bearer token.
    pub async fn authenticate(&self, bearer: &str) -> Result<Actor> { Err(Error::internal("not built")) }
    /// Whether the database and the blob store answer.
    pub async fn ready(&self) -> Result<()> { Err(Error::internal("not built")) }
    /// Makes an organization and its first token (all scopes but instance). Needs a token of the instance.
    pub async fn create_organization(&self, actor: &Actor, name: Name) -> Result<(Organization, NewToken)> { Err(Error::internal("not built")) }
    /// Lists organizations. Needs a token of the instance.
    pub async fn organizations(&self, actor: &Actor) -> Result<Vec<Organization>> { Err(Error::internal("not built")) }
    /// Makes a project.
    pub async fn create_project(&self, actor: &Actor, name: Name) -> Result<Project> { Err(Error::internal("not built")) }
    /// Lists projects.
    pub async fn projects(&self, actor: &Actor) -> Result<Vec<Project>> { Err(Error::internal("not built")) }
    /// Stores a contract document; a new revision unless it compiles to the same digest as the latest.
    pub async fn put_contract(&self, actor: &Actor, source: String, files: BTreeMap<String, String>) -> Result<ContractRevision> { Err(Error::internal("not built")) }
    /// The latest revision of every contract.
    pub async fn contracts(&self, actor: &Actor) -> Result<Vec<ContractRevision>> { Err(Error::internal("not built")) }
    /// A contract, the latest revision when none is named.
    pub async fn contract(&self, actor: &Actor, name: &Name, revision: Option<u32>) -> Result<ContractRevision> { Err(Error::internal("not built")) }
    /// Makes a workflow whose runs must meet `contract`.
    pub async fn create_workflow(&self, actor: &Actor, path: WorkflowPath, contract: Name) -> Result<Workflow> { Err(Error::internal("not built")) }
    /// Lists workflows.
    pub async fn workflows(&self, actor: &Actor) -> Result<Vec<Workflow>> { Err(Error::internal("not built")) }
    /// Registers a public key (PEM) that may sign attestations.
    pub async fn add_key(&self, actor: &Actor, name: Name, public_key: String) -> Result<Key> { Err(Error::internal("not built")) }
    /// Lists keys.
    pub async fn keys(&self, actor: &Actor) -> Result<Vec<Key>> { Err(Error::internal("not built")) }
    /// Revokes a key from now on.
    pub async fn revoke_key(&self, actor: &Actor, id: KeyId) -> Result<()> { Err(Error::internal("not built")) }
    /// Makes a token for this organization.
    pub async fn create_token(&self, actor: &Actor, name: Name, scopes: Vec<Scope>, expires_at: Option<Timestamp>) -> Result<NewToken> { Err(Error::internal("not built")) }
    /// Lists tokens.
    pub async fn tokens(&self, actor: &Actor) -> Result<Vec<Token>> { Err(Error::internal("not built")) }
    /// Revokes a token.
    pub async fn revoke_token(&self, actor: &Actor, id: TokenId) -> Result<()> { Err(Error::internal("not built")) }
    /// Opens a run of a workflow under the latest revision of its contract.
    pub async fn open_run(&self, actor: &Actor, workflow: &WorkflowPath) -> Result<OpenedRun> { Err(Error::internal("not built")) }
    /// Gives a run up.
    pub async fn cancel_run(&self, actor: &Actor, id: RunId, reason: String) -> Result<Run> { Err(Error::internal("not built")) }
    /// A run.
    pub async fn run(&self, actor: &Actor, id: RunId) -> Result<Run> { Err(Error::internal("not built")) }
    /// Runs, newest first, optionally of one workflow. `after` is the `next` of the page before.
    pub async fn runs(&self, actor: &Actor, workflow: Option<&WorkflowPath>, after: Option<&str>, limit: usize) -> Result<Page<Run>> { Err(Error::internal("not built")) }
    /// Stores a blob under its digest, hashing as it streams; answers its size.
    pub async fn put_blob(&self, actor: &Actor, digest: Digest, size: Option<u64>, stream: futures::stream::BoxStream<'static, std::io::Result<tokio_util::bytes::Bytes>>) -> Result<u64> { Err(Error::internal("not built")) }
    /// A blob that the organization references.
    pub async fn blob(&self, actor: &Actor, digest: Digest) -> Result<BlobStream> { Err(Error::internal("not built")) }
    /// The size of a blob that the organization references.
    pub async fn blob_size(&self, actor: &Actor, digest: Digest) -> Result<u64> { Err(Error::internal("not built")) }
    /// Receives the attestation of a run: verifies, judges again, stores. The same bytes twice answer the same.
    pub async fn receive(&self, actor: &Actor, run: RunId, bundle: Vec<u8>) -> Result<Receipt> { Err(Error::internal("not built")) }
    /// A stored attestation.
    pub async fn attestation(&self, actor: &Actor, digest: Digest) -> Result<Attestation> { Err(Error::internal("not built")) }
    /// The bundle of a stored attestation, byte for byte.
    pub async fn bundle(&self, actor: &Actor, digest: Digest) -> Result<Vec<u8>> { Err(Error::internal("not built")) }
    /// The verdict record of a stored attestation, byte for byte (canonical JSON).
    pub async fn verdict(&self, actor: &Actor, digest: Digest) -> Result<Vec<u8>> { Err(Error::internal("not built")) }
    /// The attestations that have this digest as a subject, newest first.
    pub async fn attestations_of(&self, actor: &Actor, subject: Digest) -> Result<Vec<Attestation>> { Err(Error::internal("not built")) }
    /// Attestations, newest first.
    pub async fn attestations(&self, actor: &Actor, after: Option<&str>, limit: usize) -> Result<Page<Attestation>> { Err(Error::internal("not built")) }
    /// The lineage around a digest. `as_of` is a log sequence number.
    pub async fn lineage(&self, actor: &Actor, root: Digest, direction: Direction, max_hops: u32, max_nodes: usize, as_of: Option<u64>) -> Result<Closure> { Err(Error::internal("not built")) }
    /// Stores a gate document.
    pub async fn put_gate(&self, actor: &Actor, source: String, files: BTreeMap<String, String>) -> Result<GateRevision> { Err(Error::internal("not built")) }
    /// The latest revision of every gate.
    pub async fn gates(&self, actor: &Actor) -> Result<Vec<GateRevision>> { Err(Error::internal("not built")) }
    /// Asks a gate about artifacts, in the order given, all as of one log sequence number.
    pub async fn decide(&self, actor: &Actor, gate: &Name, digests: &[Digest], as_of: Option<u64>) -> Result<Vec<Decision>> { Err(Error::internal("not built")) }
}
