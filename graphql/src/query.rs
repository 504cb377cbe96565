//! The questions.

use async_graphql::{Context, ID, Object, Result};

use crate::artifact::Artifact;
use crate::attestation::Attestation;
use crate::audit::{AuditEvent, AuditFilter};
use crate::contract::Contract;
use crate::cost;
use crate::error::{convert, invalid};
use crate::execute::Asker;
use crate::gate::{Decision, Gate};
use crate::lineage::{Direction, Lineage};
use crate::page::{self, List, PageOf};
use crate::run::{Run, RunState};
use crate::scalar::{Digest, UInt64};
use crate::viewer::Viewer;
use crate::workflow::Workflow;

/// How many hops a lineage takes when it is not said.
pub(crate) const HOPS: u32 = 16;
/// How many nodes a lineage holds when it is not said.
pub(crate) const NODES: u32 = 500;

const RUNS: List = List("runs");
const ATTESTATIONS: List = List("attestations");
const AUDIT_EVENTS: List = List("auditEvents");

/// Everything that can be asked. Every field needs a token with the scope `read`, except `viewer`, and
/// `auditEvents`, which needs the scope `admin`.
#[derive(Debug)]
pub struct Query;

/// Everything that can be asked. Every field needs a token with the scope `read`, except `viewer`, and
/// `auditEvents`, which needs the scope `admin`.
#[Object]
impl Query {
    /// Who is asking.
    #[expect(clippy::unused_async, reason = "resolvers are asynchronous, this one needs no wait")]
    async fn viewer(&self, context: &Context<'_>) -> Result<Viewer> {
        Ok(Viewer(Asker::of(context)?.actor.clone()))
    }

    /// Whatever a digest names. Muster need not have seen it.
    async fn artifact(&self, digest: Digest) -> Artifact {
        Artifact(digest.0)
    }

    /// Runs, newest first, optionally of one workflow, `project/workflow`, or in one state.
    #[graphql(complexity = "cost::page(first, child_complexity)")]
    async fn runs(
        &self,
        context: &Context<'_>,
        #[graphql(default = 50)] first: u32,
        after: Option<String>,
        workflow: Option<String>,
        state: Option<RunState>,
    ) -> Result<PageOf<Run>> {
        let Asker { control, actor } = Asker::of(context)?;
        let workflow = workflow.map(|path| path.parse()).transpose();
        let workflow = workflow
            .map_err(|error: engine::run::ParseWorkflowPathError| invalid(error.to_string()))?;
        let position = RUNS.position(after.as_deref())?;
        let (state, after) = (state.map(Into::into), position.as_deref());
        let found = control.runs(actor, workflow.as_ref(), state, after, page::size(first)).await;
        let found = found.map_err(convert)?;
        let entries = found.items.into_iter().map(|run| (run.id.to_string(), Run(run)));
        Ok(RUNS.page(entries, position.is_some(), found.next.is_some()))
    }

    /// A run.
    #[graphql(complexity = "cost::lookup(child_complexity)")]
    async fn run(&self, context: &Context<'_>, id: ID) -> Result<Option<Run>> {
        let id =
            id.parse().map_err(|error: engine::id::ParseIdError| invalid(error.to_string()))?;
        Asker::of(context)?.run(id).await.map(Some)
    }

    /// Attestations, newest first.
    #[graphql(complexity = "cost::page(first, child_complexity)")]
    async fn attestations(
        &self,
        context: &Context<'_>,
        #[graphql(default = 50)] first: u32,
        after: Option<String>,
    ) -> Result<PageOf<Attestation>> {
        let Asker { control, actor } = Asker::of(context)?;
        let position = ATTESTATIONS.position(after.as_deref())?;
        let found = control
            .attestations(actor, position.as_deref(), page::size(first))
            .await
            .map_err(convert)?;
        let entries = found.items.into_iter().map(|one| (one.seq.to_string(), Attestation(one)));
        Ok(ATTESTATIONS.page(entries, position.is_some(), found.next.is_some()))
    }

    /// An attestation, by the digest of its bundle.
    #[graphql(complexity = "cost::lookup(child_complexity)")]
    async fn attestation(
        &self,
        context: &Context<'_>,
        digest: Digest,
    ) -> Result<Option<Attestation>> {
        Asker::of(context)?.attestation(digest.0).await.map(Some)
    }

    /// Audit events, newest first.
    #[graphql(complexity = "cost::page(first, child_complexity)")]
    async fn audit_events(
        &self,
        context: &Context<'_>,
        #[graphql(default = 50)] first: u32,
        after: Option<String>,
        filter: Option<AuditFilter>,
    ) -> Result<PageOf<AuditEvent>> {
        let Asker { control, actor } = Asker::of(context)?;
        let position = AUDIT_EVENTS.position(after.as_deref())?;
        let filter = filter.unwrap_or_default().into();
        let found = control
            .audit_events(actor, &filter, position.as_deref(), page::size(first))
            .await
            .map_err(convert)?;
        let entries =
            found.items.into_iter().map(|one| (one.event.position.to_string(), AuditEvent(one)));
        Ok(AUDIT_EVENTS.page(entries, position.is_some(), found.next.is_some()))
    }

    /// The lineage around an artifact. `asOf` is a log sequence number.
    #[graphql(complexity = "cost::lineage(max_nodes, child_complexity)")]
    async fn lineage(
        &self,
        context: &Context<'_>,
        root: Digest,
        #[graphql(default_with = "Direction::Up")] direction: Direction,
        #[graphql(default_with = "HOPS")] max_hops: u32,
        #[graphql(default_with = "NODES")] max_nodes: u32,
        as_of: Option<UInt64>,
    ) -> Result<Lineage> {
        let question = control::LineageQuestion {
            root: root.0,
            direction: direction.into(),
            max_hops,
            max_nodes: page::size(max_nodes),
            as_of: as_of.map(|seq| seq.0),
        };
        Asker::of(context)?.lineage(question).await
    }

    /// Asks a gate about artifacts: one decision per digest, in the order of the question, all as of one log
    /// sequence number.
    #[graphql(complexity = "cost::decisions(digests.len(), child_complexity)")]
    async fn decision(
        &self,
        context: &Context<'_>,
        gate: String,
        digests: Vec<Digest>,
        as_of: Option<UInt64>,
    ) -> Result<Vec<Decision>> {
        let Asker { control, actor } = Asker::of(context)?;
        let gate = gate
            .parse()
            .map_err(|error: engine::name::ParseNameError| invalid(error.to_string()))?;
        let digests: Vec<engine::Digest> = digests.iter().map(|digest| digest.0).collect();
        let decisions = control
            .decide(actor, &gate, &digests, as_of.map(|seq| seq.0))
            .await
            .map_err(convert)?;
        Ok(decisions.into_iter().map(Decision).collect())
    }

    /// The latest revision of every contract.
    #[graphql(complexity = "cost::list(child_complexity)")]
    async fn contracts(&self, context: &Context<'_>) -> Result<Vec<Contract>> {
        let Asker { control, actor } = Asker::of(context)?;
        Ok(control
            .contracts(actor, false)
            .await
            .map_err(convert)?
            .into_iter()
            .map(Contract)
            .collect())
    }

    /// The latest revision of every gate.
    #[graphql(complexity = "cost::list(child_complexity)")]
    async fn gates(&self, context: &Context<'_>) -> Result<Vec<Gate>> {
        let Asker { control, actor } = Asker::of(context)?;
        Ok(control.gates(actor).await.map_err(convert)?.into_iter().map(Gate).collect())
    }

    /// The workflows.
    #[graphql(complexity = "cost::list(child_complexity)")]
    async fn workflows(&self, context: &Context<'_>) -> Result<Vec<Workflow>> {
        let Asker { control, actor } = Asker::of(context)?;
        Ok(control
            .workflows(actor, false)
            .await
            .map_err(convert)?
            .into_iter()
            .map(Workflow)
            .collect())
    }
}
