//! Runs: the one record whose state changes, once.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use engine::id::{OrganizationId, ProjectId, RunId, TokenId, WorkflowId};
use engine::{Digest, Name, Timestamp};
use sea_orm::sea_query::{CaseStatement, Expr, ExprTrait};
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, FromQueryResult, JoinType, QueryFilter, QueryOrder,
    QuerySelect,
};
use uuid::Uuid;

use super::entity::{contract, contract_revision, project, run, workflow};
use super::row::{Row, insert, millis, one, record, records, time};
use super::{Page, Reader, StoreError, Tx};

/// Whether a run still takes an attestation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RunState {
    /// It waits for its attestation.
    Open,
    /// It has its attestation.
    Closed,
    /// It was given up; it never gets one.
    Cancelled,
    /// Its job said that it broke; it never gets one.
    Failed,
    /// It waited too long; it never gets one.
    Expired,
}

impl RunState {
    /// Every state with its name.
    pub const ALL: [(Self, &'static str); 5] = [
        (Self::Open, "open"),
        (Self::Closed, "closed"),
        (Self::Cancelled, "cancelled"),
        (Self::Failed, "failed"),
        (Self::Expired, "expired"),
    ];

    /// The state in lower case.
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(state, _)| *state == self).map_or("", |(_, text)| text)
    }
}

impl fmt::Display for RunState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for RunState {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = Self::ALL.iter().find(|(_, name)| *name == text).map(|(state, _)| *state);
        known.ok_or_else(|| {
            format!("`{text}` is not a state of a run: expected open, closed, cancelled, failed or expired")
        })
    }
}

/// One execution of a workflow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Its identifier, a version 7 UUID: runs sort by when they were made.
    pub id: RunId,
    /// Whose it is.
    pub org: OrganizationId,
    /// The project.
    pub project: ProjectId,
    /// The workflow.
    pub workflow: WorkflowId,
    /// The revision of the contract that it answers to.
    pub contract_revision: Uuid,
    /// Whether it still takes an attestation.
    pub state: RunState,
    /// When it was made.
    pub created_at: Timestamp,
    /// The token that made it.
    pub created_by: TokenId,
    /// When it stopped waiting.
    pub closed_at: Option<Timestamp>,
    /// Why it will get no attestation.
    pub reason: Option<String>,
    /// When it stops waiting; none for a run that did before there were deadlines.
    pub expires_at: Option<Timestamp>,
    /// The run that it repeats.
    pub rerun_of: Option<RunId>,
    /// The version of the project that it builds.
    pub version: Option<String>,
}

/// Which runs a list holds; everything that is `None` matches.
#[derive(Debug, Clone, Default)]
pub struct RunFilter {
    /// Runs of these projects.
    pub projects: Option<BTreeSet<ProjectId>>,
    /// Runs of this workflow.
    pub workflow: Option<WorkflowId>,
    /// Runs in this state.
    pub state: Option<RunState>,
}

/// A run and the names of what it belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoundRun {
    /// The run.
    pub run: Run,
    /// The name of its project.
    pub project: Name,
    /// The name of its workflow.
    pub workflow: Name,
    /// The name of its contract.
    pub contract: Name,
    /// The number of its contract's revision.
    pub revision: u32,
    /// The digest of that revision's compiled form.
    pub contract_digest: Digest,
}

#[derive(FromQueryResult)]
struct BoundRow {
    #[sea_orm(nested)]
    run: run::Model,
    project_name: String,
    workflow_name: String,
    contract_name: String,
    revision: i64,
    contract_digest: Vec<u8>,
}

impl Reader<'_> {
    /// The run of that identifier with what it is bound to, in one statement.
    pub async fn bound_run(
        &self,
        org: OrganizationId,
        id: RunId,
    ) -> Result<Option<BoundRun>, StoreError> {
        let project = run::Entity::belongs_to(project::Entity)
            .from(run::Column::Project)
            .to(project::Column::Id);
        let workflow = run::Entity::belongs_to(workflow::Entity)
            .from(run::Column::Workflow)
            .to(workflow::Column::Id);
        let revision = run::Entity::belongs_to(contract_revision::Entity)
            .from(run::Column::ContractRevision)
            .to(contract_revision::Column::Id);
        let contract = contract_revision::Entity::belongs_to(contract::Entity)
            .from(contract_revision::Column::Contract)
            .to(contract::Column::Id);
        let found = run::Entity::find_by_id(id.0)
            .filter(run::Column::Org.eq(org.0))
            .join(JoinType::InnerJoin, project.into())
            .join(JoinType::InnerJoin, workflow.into())
            .join(JoinType::InnerJoin, revision.into())
            .join(JoinType::InnerJoin, contract.into())
            .column_as(project::Column::Name, "project_name")
            .column_as(workflow::Column::Name, "workflow_name")
            .column_as(contract::Column::Name, "contract_name")
            .column_as(contract_revision::Column::Revision, "revision")
            .column_as(contract_revision::Column::Digest, "contract_digest");
        record(found.into_model::<BoundRow>().one(&self.db).await?)
    }

    /// The run of that identifier.
    pub async fn run(&self, org: OrganizationId, id: RunId) -> Result<Option<Run>, StoreError> {
        record(
            run::Entity::find_by_id(id.0).filter(run::Column::Org.eq(org.0)).one(&self.db).await?,
        )
    }

    /// Runs, newest first.
    pub async fn list_runs(
        &self,
        org: OrganizationId,
        filter: RunFilter,
        page: Page<RunId>,
    ) -> Result<Vec<Run>, StoreError> {
        let mut found =
            run::Entity::find().filter(run::Column::Org.eq(org.0)).order_by_desc(run::Column::Id);
        if let Some(projects) = filter.projects {
            found = found.filter(run::Column::Project.is_in(projects.iter().map(|one| one.0)));
        }
        if let Some(workflow) = filter.workflow {
            found = found.filter(run::Column::Workflow.eq(workflow.0));
        }
        if let Some(state) = filter.state {
            found = found.filter(run::Column::State.eq(state.as_str()));
        }
        if let Some(after) = page.after {
            found = found.filter(run::Column::Id.lt(after.0));
        }
        records(found.limit(page.limit).all(&self.db).await?)
    }

    /// Open runs whose time was over at `at`, of one organization or of all, oldest first.
    pub async fn overdue_runs(
        &self,
        org: Option<OrganizationId>,
        at: Timestamp,
        limit: u64,
    ) -> Result<Vec<Run>, StoreError> {
        let mut found = run::Entity::find()
            .filter(run::Column::State.eq(RunState::Open.as_str()))
            .filter(run::Column::ExpiresAt.lte(at.as_millis()))
            .order_by_asc(run::Column::Id);
        if let Some(org) = org {
            found = found.filter(run::Column::Org.eq(org.0));
        }
        records(found.limit(limit).all(&self.db).await?)
    }
}

impl Tx<'_> {
    /// Adds a run.
    pub async fn insert_run(&self, new: &Run) -> Result<(), StoreError> {
        let model = run::Model {
            id: new.id.0,
            org: new.org.0,
            project: new.project.0,
            workflow: new.workflow.0,
            contract_revision: new.contract_revision,
            state: new.state.to_string(),
            created_at: new.created_at.as_millis(),
            created_by: new.created_by.0,
            closed_at: millis(new.closed_at),
            reason: new.reason.clone(),
            expires_at: millis(new.expires_at),
            rerun_of: new.rerun_of.map(|run| run.0),
            version: new.version.clone(),
        };
        insert::<run::Entity>(self.db(), vec![model]).await
    }

    /// Ends an open run that gets no attestation. One that is missing or not open any more is a conflict.
    pub async fn end_run(
        &self,
        org: OrganizationId,
        id: RunId,
        state: RunState,
        reason: &str,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        self.leave_open(org, id, state, Some(reason.to_owned()), at).await
    }

    /// Closes open runs, each at its time. All or none: one that is missing or not open any more is a conflict.
    pub(super) async fn close_runs(
        &self,
        runs: impl Iterator<Item = (OrganizationId, RunId, Timestamp)>,
    ) -> Result<(), StoreError> {
        let (mut which, mut when, mut count) = (Condition::any(), CaseStatement::new(), 0);
        for (org, id, at) in runs {
            let this = run::Column::Id.eq(id.0);
            which = which.add(this.clone().and(run::Column::Org.eq(org.0)));
            when = when.case(this, Expr::value(at.as_millis()));
            count += 1;
        }
        let done = run::Entity::update_many()
            .col_expr(run::Column::State, Expr::value(RunState::Closed.as_str()))
            .col_expr(run::Column::ClosedAt, when.into())
            .filter(which)
            .filter(run::Column::State.eq(RunState::Open.as_str()))
            .exec(self.db())
            .await?;
        if done.rows_affected == count { Ok(()) } else { Err(StoreError::conflict("an open run")) }
    }

    /// Changes the state if, and only if, the run is still open: of two that try, one wins.
    async fn leave_open(
        &self,
        org: OrganizationId,
        id: RunId,
        state: RunState,
        reason: Option<String>,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let done = run::Entity::update_many()
            .col_expr(run::Column::State, Expr::value(state.as_str()))
            .col_expr(run::Column::ClosedAt, Expr::value(at.as_millis()))
            .col_expr(run::Column::Reason, Expr::value(reason))
            .filter(run::Column::Id.eq(id.0))
            .filter(run::Column::Org.eq(org.0))
            .filter(run::Column::State.eq(RunState::Open.as_str()))
            .exec(self.db())
            .await?;
        one(done.rows_affected, "an open run")
    }
}

impl TryFrom<BoundRow> for BoundRun {
    type Error = StoreError;

    fn try_from(found: BoundRow) -> Result<Self, Self::Error> {
        let row = Row::new("run", found.run.id);
        Ok(Self {
            project: row.text(&found.project_name)?,
            workflow: row.text(&found.workflow_name)?,
            contract: row.text(&found.contract_name)?,
            revision: row.small(found.revision)?,
            contract_digest: row.digest(&found.contract_digest)?,
            run: found.run.try_into()?,
        })
    }
}

impl TryFrom<run::Model> for Run {
    type Error = StoreError;

    fn try_from(model: run::Model) -> Result<Self, Self::Error> {
        let row = Row::new("run", model.id);
        Ok(Self {
            id: RunId(model.id),
            org: OrganizationId(model.org),
            project: ProjectId(model.project),
            workflow: WorkflowId(model.workflow),
            contract_revision: model.contract_revision,
            state: row.text(&model.state)?,
            created_at: Timestamp::from_millis(model.created_at),
            created_by: TokenId(model.created_by),
            closed_at: time(model.closed_at),
            reason: model.reason,
            expires_at: time(model.expires_at),
            rerun_of: model.rerun_of.map(RunId),
            version: model.version,
        })
    }
}
