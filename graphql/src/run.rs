//! Runs.

use async_graphql::{Context, Enum, ID, Object, Result};

use crate::attestation::Attestation;
use crate::cost;
use crate::evaluation::Verdict;
use crate::execute::Asker;
use crate::job::Job;
use crate::scalar::Timestamp;

/// What a run is waiting for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "control::RunState")]
pub(crate) enum RunState {
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

/// One execution of a workflow.
#[derive(Debug)]
pub(crate) struct Run(pub(crate) control::Run);

/// One execution of a workflow.
#[Object]
impl Run {
    /// Its identifier.
    async fn id(&self) -> ID {
        ID(self.0.id.to_string())
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

    /// The revision that it must meet.
    async fn contract_revision(&self) -> u32 {
        self.0.contract_revision
    }

    /// What it is waiting for.
    async fn state(&self) -> RunState {
        self.0.state.into()
    }

    /// When it was opened.
    async fn created_at(&self) -> Timestamp {
        Timestamp(self.0.created_at)
    }

    /// When it stops waiting, at the latest.
    async fn expires_at(&self) -> Option<Timestamp> {
        self.0.expires_at.map(Timestamp)
    }

    /// When it stopped waiting.
    async fn closed_at(&self) -> Option<Timestamp> {
        self.0.closed_at.map(Timestamp)
    }

    /// Why it will get no attestation.
    async fn reason(&self) -> Option<&str> {
        self.0.reason.as_deref()
    }

    /// The version of the project that it builds.
    async fn version(&self) -> Option<&str> {
        self.0.version.as_deref()
    }

    /// The run that it repeats.
    async fn rerun_of(&self) -> Option<ID> {
        self.0.rerun_of.map(|run| ID(run.to_string()))
    }

    /// What the server judged; null until its attestation is received.
    async fn verdict(&self) -> Option<Verdict> {
        self.0.verdict.map(Into::into)
    }

    /// The CI job that opened it, when it was let in by a trust rule.
    async fn job(&self) -> Option<Job> {
        self.0.job.clone().map(Job)
    }

    /// Its attestation, once received.
    #[graphql(complexity = "cost::lookup(child_complexity)")]
    async fn attestation(&self, context: &Context<'_>) -> Result<Option<Attestation>> {
        match self.0.attestation {
            Some(digest) => Ok(Some(Asker::of(context)?.attestation(digest).await?)),
            None => Ok(None),
        }
    }
}
