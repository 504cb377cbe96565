//! Runs: opened for one execution of a workflow, closed by its attestation.

mod ending;

use std::collections::BTreeMap;

pub use ending::REASON_CHARS_MAX;
pub(crate) use ending::{check_open, check_reason};
use engine::id::{OrganizationId, RunId, TokenId};
use engine::run::WorkflowPath;
use engine::{Digest, Name, Timestamp, Verdict};
use serde_json::json;

use crate::actor::{Actor, Permission, With};
use crate::audit::Change;
use crate::store::{AuditEvent, Reader, RunFilter};
use crate::workflows::{self, Names};
use crate::{
    ContractRevision, Control, Error, Job, OpenedRun, Page, Result, Run, RunState, audit,
    contracts, fresh, jobs, now, store, versions, waivers,
};

/// What a run builds, and repeats.
struct Of {
    version: Option<String>,
    rerun_of: Option<RunId>,
}

impl Control {
    /// Opens a run of a workflow under the latest revision of its contract, or the one that it stays at.
    pub async fn open_run(&self, actor: &Actor, path: &WorkflowPath) -> Result<OpenedRun> {
        self.open_run_of(actor, path, None).await
    }

    /// The same for a version of the project, which must not be released.
    pub async fn open_run_of(
        &self,
        actor: &Actor,
        path: &WorkflowPath,
        version: Option<String>,
    ) -> Result<OpenedRun> {
        let org = actor.authorize_job(Permission::Attest, With::NoRun)?;
        version.as_deref().map(versions::check).transpose()?;
        let workflow = workflows::find(&self.store.read(), org, path).await?;
        self.begin(actor, path, &workflow, Of { version, rerun_of: None }).await
    }

    /// Opens a run that repeats one which is not open any more, under what a new one is opened under.
    pub async fn rerun(&self, actor: &Actor, id: RunId) -> Result<OpenedRun> {
        let org = actor.authorize_job(Permission::Attest, With::NoRun)?;
        self.expire_overdue(Some(org)).await?;
        let read = self.store.read();
        let run = read.run(org, id).await?.ok_or_else(|| Error::not_found("run", id))?;
        let (workflow, path) = workflow_of(&read, &run).await?;
        actor.check_workflow(&workflow, &path)?;
        if run.state == store::RunState::Open {
            let message = format!("the run {id} is still open: push its attestation, or cancel it");
            return Err(Error::Conflict(message));
        }
        let of = Of { version: run.version, rerun_of: Some(id) };
        self.begin(actor, &path, &workflow, of).await
    }

    /// Refuses a restricted token a run of a workflow that it was not made for.
    pub(crate) async fn check_granted(
        &self,
        actor: &Actor,
        org: OrganizationId,
        id: RunId,
    ) -> Result<()> {
        if !actor.is_restricted() {
            return Ok(());
        }
        let read = self.store.read();
        let run = read.run(org, id).await?.ok_or_else(|| Error::not_found("run", id))?;
        let (workflow, path) = workflow_of(&read, &run).await?;
        actor.check_workflow(&workflow, &path)
    }

    async fn begin(
        &self,
        actor: &Actor,
        path: &WorkflowPath,
        workflow: &store::Workflow,
        Of { version, rerun_of }: Of,
    ) -> Result<OpenedRun> {
        actor.check_workflow(workflow, path)?;
        workflows::standing(workflow, path)?;
        let (org, read) = (workflow.org, self.store.read());
        let lost = || Error::internal(format!("the workflow {path} has no contract"));
        let contract = read.contract(org, workflow.contract).await?.ok_or_else(lost)?;
        let revision = match workflow.contract_revision {
            Some(pinned) => read.contract_revision(org, workflow.contract, pinned).await?,
            None => read.latest_contract_revision(org, workflow.contract).await?,
        };
        let revision = revision.ok_or_else(lost)?.record;
        let created_at = now();
        let expires_at = deadline(workflow, created_at);
        let run = store::Run {
            id: RunId(fresh()),
            org,
            project: workflow.project,
            workflow: workflow.id,
            contract_revision: revision.id,
            state: store::RunState::Open,
            created_at,
            created_by: actor.token,
            closed_at: None,
            reason: None,
            expires_at: Some(expires_at),
            rerun_of,
            version,
        };
        let id = run.id;
        let made = json!({
            "state": run.state.as_str(), "workflow": path.to_string(), "expires_at": expires_at,
            "contract": contract.name, "contract_revision": revision.revision, "rerun_of": rerun_of,
            "version": run.version,
        });
        let action = if rerun_of.is_some() { "run.rerun" } else { "run.open" };
        let event = audit::event(actor, Some(org), action, id, Change::made(made));
        let job = actor.job.map(|_| actor.token);
        self.save_run(run.clone(), path.project.clone(), job, event).await?;
        let contract = contracts::view(contract, revision);
        opened(&read, actor, path, run, contract).await
    }

    /// The run as its job was given it when it was opened, under the waivers that are in force now.
    pub(crate) async fn reopened(&self, actor: &Actor, run: store::Run) -> Result<OpenedRun> {
        let read = self.store.read();
        let (workflow, path) = workflow_of(&read, &run).await?;
        let lost = || Error::internal(format!("the contract of run {} is not there", run.id));
        let contract = read.contract(run.org, workflow.contract).await?.ok_or_else(lost)?;
        let revision = read.contract_revision_by_id(run.org, run.contract_revision).await?;
        let contract = contracts::view(contract, revision.ok_or_else(lost)?.record);
        opened(&read, actor, &path, run, contract).await
    }

    /// One transaction: the run, the version that it is of, the job that it belongs to.
    async fn save_run(
        &self,
        run: store::Run,
        project: Name,
        job: Option<TokenId>,
        event: AuditEvent,
    ) -> Result<()> {
        self.store
            .write(move |tx| {
                let (run, event, project) = (run.clone(), event.clone(), project.clone());
                Box::pin(async move {
                    if let Some(version) = &run.version {
                        versions::begin(&tx, &run, &project, version).await?;
                    }
                    tx.insert_run(&run).await?;
                    if let Some(job) = job {
                        tx.bind_job(job, run.id).await?;
                    }
                    tx.insert_audit(&[event]).await?;
                    Ok::<_, Error>(())
                })
            })
            .await
    }

    /// A run.
    pub async fn run(&self, actor: &Actor, id: RunId) -> Result<Run> {
        let (org, within) = actor.authorize_within(Permission::ReadProjects)?;
        self.expire_overdue(Some(org)).await?;
        let run = self.store.read().run(org, id).await?;
        run.filter(|run| within.has(run.project)).ok_or_else(|| Error::not_found("run", id))?;
        self.one(org, id).await
    }

    /// Runs, newest first, optionally of one workflow or in one state. `after` is the `next` of the page before.
    pub async fn runs(
        &self,
        actor: &Actor,
        workflow: Option<&WorkflowPath>,
        state: Option<RunState>,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<Run>> {
        let (org, within) = actor.authorize_within(Permission::ReadProjects)?;
        let limit = self.page_size(limit)?;
        self.expire_overdue(Some(org)).await?;
        let read = self.store.read();
        let mut filter = RunFilter { state: state.map(stored), ..RunFilter::default() };
        if let Some(path) = workflow {
            filter.workflow = Some(workflows::find_within(&read, org, &within, path).await?.id);
        }
        filter.projects = within.projects();
        let after = after
            .map(str::parse::<RunId>)
            .transpose()
            .map_err(|error| Error::invalid(error.to_string()))?;
        let mut found =
            read.list_runs(org, filter, store::Page { after, limit: limit + 1 }).await?;
        let more = found.len() > usize::try_from(limit).unwrap_or(usize::MAX);
        if more {
            found.pop();
        }
        let next = found.last().filter(|_| more).map(|run| run.id.to_string());
        Ok(Page { items: describe(&read, org, found).await?, next })
    }

    async fn one(&self, org: OrganizationId, id: RunId) -> Result<Run> {
        let missing = || Error::not_found("run", id);
        let read = self.store.read();
        let run = read.run(org, id).await?.ok_or_else(missing)?;
        describe(&read, org, vec![run]).await?.pop().ok_or_else(missing)
    }

    /// The number of entries on a page, or why that many are too many.
    pub(crate) fn page_size(&self, limit: usize) -> Result<u64> {
        let max = self.limits.page_max;
        if !(1..=max).contains(&limit) {
            return Err(Error::invalid(format!("a page holds 1 to {max} entries, not {limit}")));
        }
        Ok(u64::try_from(limit).unwrap_or(u64::MAX))
    }
}

/// What the job of a run is given.
async fn opened(
    read: &Reader<'_>,
    actor: &Actor,
    path: &WorkflowPath,
    run: store::Run,
    contract: ContractRevision,
) -> Result<OpenedRun> {
    let lost = || Error::internal("a token without an organization opens no run");
    let organization = actor.organization.clone().map(|(_, name)| name).ok_or_else(lost)?;
    let endless = || Error::internal(format!("the run {} has no deadline", run.id));
    let expires_at = run.expires_at.ok_or_else(endless)?;
    let waivers = waivers::in_force(read, run.org, now()).await?;
    let waivers = waivers.into_iter().map(|one| one.document);
    let waivers = waivers.filter(|one| one.covers(&path.project, &path.workflow)).collect();
    let WorkflowPath { project, workflow } = path.clone();
    let store::Run { id, rerun_of, version, .. } = run;
    Ok(OpenedRun {
        id,
        organization,
        project,
        workflow,
        contract,
        expires_at,
        rerun_of,
        version,
        waivers,
    })
}

/// The workflow of a run, and its full name.
async fn workflow_of(
    read: &Reader<'_>,
    run: &store::Run,
) -> Result<(store::Workflow, WorkflowPath)> {
    let lost = || Error::internal(format!("the workflow of run {} is not there", run.id));
    let workflow = read.workflow(run.org, run.workflow).await?.ok_or_else(lost)?;
    let project = read.project(run.org, run.project).await?.ok_or_else(lost)?.name;
    let path = WorkflowPath { project, workflow: workflow.name.clone() };
    Ok((workflow, path))
}

/// Runs with the names of what they refer to, in a bounded number of statements.
async fn describe(
    read: &Reader<'_>,
    org: OrganizationId,
    runs: Vec<store::Run>,
) -> Result<Vec<Run>> {
    let names = Names::load(read, org).await?;
    let revisions: Vec<uuid::Uuid> = runs.iter().map(|run| run.contract_revision).collect();
    let revisions = read.contract_revision_names(org, &revisions).await?;
    let ids: Vec<RunId> = runs.iter().map(|run| run.id).collect();
    let judged: BTreeMap<RunId, (Digest, Verdict)> = read
        .attestations_of_runs(org, &ids)
        .await?
        .into_iter()
        .map(|found| {
            Ok((
                found.record.run,
                (found.record.digest, found.record.verdict.parse().map_err(Error::internal)?),
            ))
        })
        .collect::<Result<_>>()?;
    let mut jobs: BTreeMap<Option<RunId>, Job> = read
        .jobs_of_runs(org, &ids)
        .await?
        .into_iter()
        .map(|job| (job.run, jobs::view(job)))
        .collect();
    runs.into_iter()
        .map(|run| {
            let lost = || Error::internal(format!("the contract of run {} is not there", run.id));
            let (contract, contract_revision) =
                revisions.get(&run.contract_revision).cloned().ok_or_else(lost)?;
            let judged = judged.get(&run.id);
            Ok(Run {
                id: run.id,
                project: names.project(run.project)?,
                workflow: names.workflow(run.workflow)?,
                contract,
                contract_revision,
                state: state(run.state),
                created_at: run.created_at,
                expires_at: run.expires_at,
                closed_at: run.closed_at,
                reason: run.reason,
                rerun_of: run.rerun_of,
                version: run.version,
                attestation: judged.map(|(digest, _)| *digest),
                verdict: judged.map(|(_, verdict)| *verdict),
                job: jobs.remove(&Some(run.id)),
            })
        })
        .collect()
}

/// When a run of the workflow that was opened at `at` stops waiting.
fn deadline(workflow: &store::Workflow, at: Timestamp) -> Timestamp {
    at.plus_millis(i64::from(workflows::minutes(workflow)) * 60_000)
}

const fn stored(state: RunState) -> store::RunState {
    match state {
        RunState::Open => store::RunState::Open,
        RunState::Closed => store::RunState::Closed,
        RunState::Cancelled => store::RunState::Cancelled,
        RunState::Failed => store::RunState::Failed,
        RunState::Expired => store::RunState::Expired,
    }
}

const fn state(state: store::RunState) -> RunState {
    match state {
        store::RunState::Open => RunState::Open,
        store::RunState::Closed => RunState::Closed,
        store::RunState::Cancelled => RunState::Cancelled,
        store::RunState::Failed => RunState::Failed,
        store::RunState::Expired => RunState::Expired,
    }
}
