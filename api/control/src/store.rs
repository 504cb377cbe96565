//! The rows: organizations, contracts, runs, attestations and the lineage between them.
//!
//! One schema on SQLite (embedded) and PostgreSQL (many replicas). History is append-only; the few columns that
//! change are a run's state, a revocation, a token's last use, a job's run, an integration, and how a delivery goes.
//! Every write runs in a transaction through [`Store::write`] and is durable when that answers. Every read takes the
//! organization it reads for, except where an identifier or a secret's hash alone is the question.
//!
//! `sea_orm` is named only below this module: functions take and return plain records made of engine types.

mod attempt;
mod attestation;
mod audit;
mod backend;
mod batch;
mod blob;
mod connection;
mod contract;
mod crafting;
mod delivery;
#[expect(unreachable_pub, reason = "sea-orm derives public items beside them")]
mod entity;
mod error;
mod event;
mod gate;
mod imported;
mod integration;
mod intern;
mod job;
mod key;
mod lineage;
mod log;
mod migration;
mod page;
mod person;
mod project_role;
mod receipt;
mod removal;
mod repeat;
mod retention;
mod row;
mod run;
mod schema;
mod sealed;
mod seq;
mod session;
mod tenancy;
mod token;
mod trust_root;
mod trust_rule;
mod turn;
mod version;
mod waiver;
mod writer;

use std::path::Path;
use std::sync::Arc;

pub use attempt::Attempt;
pub use attestation::{Attestation, AttestationFilter, EvaluationRow, SubjectRow, VerdictRow};
pub use audit::{AuditEvent, AuditFilter, TrailRow};
pub use backend::{Backend, Role};
pub use blob::{Blob, Usage};
pub use contract::{Contract, ContractRevision};
pub use crafting::Crafting;
pub use delivery::{Attempted, Delivery, DeliveryFilter, DeliveryState};
pub use error::StoreError;
pub use event::OutboxEvent;
use futures::future::BoxFuture;
pub use gate::{Gate, GateRevision};
pub use imported::{Imported, ImportedSubject};
pub use integration::Integration;
pub use intern::{EdgeKind, NodeKey};
pub use job::Job;
pub use key::SigningKey;
pub use lineage::{Closure, ClosureEdge, ClosureNode, Direction, Walk};
pub use log::{LogKind, LogLeaf};
pub use page::Page;
pub use person::{GroupRole, Invitation, Member, Person, Session};
pub use project_role::{Grantee, ProjectRole};
pub use receipt::{Edge, Receipt};
pub use removal::{BLOB_BEING_REMOVED, Removal, RemovalState, Removals, Space};
pub use repeat::{KeptAnswer, Repeat};
pub use retention::{Examined, Retention, RetentionRule};
pub use run::{BoundRun, Run, RunFilter, RunState};
pub use sealed::{SealedColumn, SealedRow};
pub use seq::Sequenced;
pub use session::{Reader, Tx};
pub use tenancy::{Organization, Project, Workflow};
pub use token::ApiToken;
pub use trust_root::TrustRoot;
pub use trust_rule::TrustRule;
pub use turn::Turn;
pub use version::ProjectVersion;
pub use waiver::{
    WAIVER_IN_FORCE, Waiver, WaiverDecision, WaiverDecisionKind, WaiverRevision, WaiverUse,
    WaiverUses,
};

/// The database of one Muster installation. Clones share its connections.
#[derive(Debug, Clone)]
pub struct Store {
    pools: Arc<connection::Pools>,
    writer: writer::Writer,
    receipts: receipt::Gathering,
    turns: turn::Turns,
}

impl Store {
    /// Opens the database at `url` and brings its schema up to date.
    ///
    /// `sqlite://PATH?mode=rwc` or `postgres://…`. On PostgreSQL several replicas may open at once: the schema is
    /// changed under a lock. Must be called inside a Tokio runtime, which the writer of a SQLite database lives on.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        let pools = Arc::new(connection::Pools::open(url).await?);
        migration::run(&pools.write).await?;
        Ok(Self::over(pools))
    }

    /// Opens the database at `url` as it is: one whose schema is not the one of this version is [`StoreError::Schema`].
    pub async fn open_current(url: &str) -> Result<Self, StoreError> {
        let pools = Arc::new(connection::Pools::open(url).await?);
        if !migration::is_current(&pools.write).await? {
            return Err(StoreError::Schema);
        }
        Ok(Self::over(pools))
    }

    fn over(pools: Arc<connection::Pools>) -> Self {
        let writer = writer::Writer::start(&pools);
        let receipts = receipt::Gathering::start(writer.clone());
        Self { pools, writer, receipts, turns: turn::Turns::default() }
    }

    /// A view for reading outside any transaction: each call sees what was committed when it started.
    pub fn read(&self) -> Reader<'_> {
        Reader::of_pool(&self.pools.read)
    }

    /// Runs `work` in a transaction and answers when its effects are durable.
    ///
    /// An error rolls back this work only. On SQLite many works share one commit; on PostgreSQL a serialization
    /// failure or deadlock runs `work` again, so it must have no effect but through `tx`. When the answer is
    /// [`StoreError::Unavailable`] because the connection was lost while committing, the outcome is not known:
    /// repeat with the same identifiers and digests.
    pub async fn write<T, E, F>(&self, work: F) -> Result<T, E>
    where
        F: for<'t> Fn(Tx<'t>) -> BoxFuture<'t, Result<T, E>> + Send + Sync + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        self.writer.write(work).await
    }

    /// Stores a receipt, references its bundle and closes its run; answers the sequence number of all its rows when they
    /// are durable. Leaf *n* of `log` has that number plus *n*.
    ///
    /// When the run is not open any more this is a conflict on `an open run`; when the organization has the same
    /// bundle already, on `attestation`. Look the bundle up by its digest before asking, and after a conflict.
    pub async fn receive(&self, receipt: Receipt) -> Result<u64, StoreError> {
        self.receipts.write(receipt).await
    }

    /// Writes the SQLite database as it is in one moment to a file that is not there yet, while others read and write.
    pub async fn snapshot(&self, file: &Path) -> Result<(), StoreError> {
        self.pools.snapshot(file).await
    }

    /// Waits until it is this caller's turn to do what one at a time may do, over all replicas. For what is short.
    pub async fn turn(&self) -> Result<Turn, StoreError> {
        turn::take(&self.turns, &self.pools).await
    }

    /// How many transactions were committed by this process since it started: fewer than writes when they share one.
    pub fn commits(&self) -> u64 {
        self.writer.commits()
    }

    /// Whether both a read and a write connection answer.
    pub async fn check(&self) -> Result<(), StoreError> {
        self.pools.ping().await
    }

    /// Finishes queued writes and closes the connections. Later calls answer [`StoreError::Unavailable`].
    pub async fn close(&self) -> Result<(), StoreError> {
        self.receipts.close().await;
        self.writer.close().await;
        self.pools.close().await
    }
}
