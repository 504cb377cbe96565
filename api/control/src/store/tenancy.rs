//! Organizations, their projects and workflows.

use engine::id::{ContractId, OrganizationId, ProjectId, WorkflowId};
use engine::{Name, Timestamp};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};

use super::entity::{organization, project, workflow};
use super::row::{Row, insert, millis, one, record, records, time};
use super::{Reader, StoreError, Tx};

/// A tenant. Everything else belongs to one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Organization {
    /// Its identifier.
    pub id: OrganizationId,
    /// Its name, unique in the installation.
    pub name: Name,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A product or service of an organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// Its identifier.
    pub id: ProjectId,
    /// Whose it is.
    pub org: OrganizationId,
    /// Its name, unique in the organization.
    pub name: Name,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A kind of build of a project, bound to a contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workflow {
    /// Its identifier.
    pub id: WorkflowId,
    /// Whose it is.
    pub org: OrganizationId,
    /// The project that it builds.
    pub project: ProjectId,
    /// Its name, unique in the project.
    pub name: Name,
    /// The contract that its runs answer to; a run names the revision.
    pub contract: ContractId,
    /// The number of the revision that it stays at; none when it follows the latest.
    pub contract_revision: Option<u32>,
    /// When it was made.
    pub created_at: Timestamp,
    /// How long its runs wait for their attestation, in minutes; none for the default.
    pub deadline_minutes: Option<u32>,
    /// When it was deleted; it can be restored.
    pub deleted_at: Option<Timestamp>,
}

impl Reader<'_> {
    /// The organization of that identifier.
    pub async fn organization(
        &self,
        id: OrganizationId,
    ) -> Result<Option<Organization>, StoreError> {
        record(organization::Entity::find_by_id(id.0).one(&self.db).await?)
    }

    /// The organization of that name.
    pub async fn organization_by_name(
        &self,
        name: &Name,
    ) -> Result<Option<Organization>, StoreError> {
        let found =
            organization::Entity::find().filter(organization::Column::Name.eq(name.as_str()));
        record(found.one(&self.db).await?)
    }

    /// Every organization, by name.
    pub async fn organizations(&self) -> Result<Vec<Organization>, StoreError> {
        records(
            organization::Entity::find()
                .order_by_asc(organization::Column::Name)
                .all(&self.db)
                .await?,
        )
    }

    /// The project of that identifier.
    pub async fn project(
        &self,
        org: OrganizationId,
        id: ProjectId,
    ) -> Result<Option<Project>, StoreError> {
        let found = project::Entity::find_by_id(id.0).filter(project::Column::Org.eq(org.0));
        record(found.one(&self.db).await?)
    }

    /// The project of that name.
    pub async fn project_by_name(
        &self,
        org: OrganizationId,
        name: &Name,
    ) -> Result<Option<Project>, StoreError> {
        let of_org = project::Entity::find().filter(project::Column::Org.eq(org.0));
        record(of_org.filter(project::Column::Name.eq(name.as_str())).one(&self.db).await?)
    }

    /// Every project of the organization, by name.
    pub async fn projects(&self, org: OrganizationId) -> Result<Vec<Project>, StoreError> {
        let of_org = project::Entity::find().filter(project::Column::Org.eq(org.0));
        records(of_org.order_by_asc(project::Column::Name).all(&self.db).await?)
    }

    /// The workflow of that identifier.
    pub async fn workflow(
        &self,
        org: OrganizationId,
        id: WorkflowId,
    ) -> Result<Option<Workflow>, StoreError> {
        let found = workflow::Entity::find_by_id(id.0).filter(workflow::Column::Org.eq(org.0));
        record(found.one(&self.db).await?)
    }

    /// The workflow of that name in the project.
    pub async fn workflow_by_name(
        &self,
        org: OrganizationId,
        project: ProjectId,
        name: &Name,
    ) -> Result<Option<Workflow>, StoreError> {
        let found = workflow::Entity::find()
            .filter(workflow::Column::Org.eq(org.0))
            .filter(workflow::Column::Project.eq(project.0))
            .filter(workflow::Column::Name.eq(name.as_str()));
        record(found.one(&self.db).await?)
    }

    /// Every workflow of the organization, or of one of its projects, by name.
    pub async fn workflows(
        &self,
        org: OrganizationId,
        project: Option<ProjectId>,
    ) -> Result<Vec<Workflow>, StoreError> {
        let mut found = workflow::Entity::find().filter(workflow::Column::Org.eq(org.0));
        if let Some(project) = project {
            found = found.filter(workflow::Column::Project.eq(project.0));
        }
        let ordered = found.order_by_asc(workflow::Column::Name).order_by_asc(workflow::Column::Id);
        records(ordered.all(&self.db).await?)
    }

    /// The workflows under a contract that were not deleted, by name.
    pub async fn workflows_under(
        &self,
        org: OrganizationId,
        contract: ContractId,
    ) -> Result<Vec<Workflow>, StoreError> {
        let found = workflow::Entity::find()
            .filter(workflow::Column::Org.eq(org.0))
            .filter(workflow::Column::Contract.eq(contract.0))
            .filter(workflow::Column::DeletedAt.is_null());
        let ordered = found.order_by_asc(workflow::Column::Name).order_by_asc(workflow::Column::Id);
        records(ordered.all(&self.db).await?)
    }
}

impl Tx<'_> {
    /// Adds an organization. A name that is taken is a conflict.
    pub async fn insert_organization(&self, new: &Organization) -> Result<(), StoreError> {
        let model = organization::Model {
            id: new.id.0,
            name: new.name.to_string(),
            created_at: new.created_at.as_millis(),
        };
        insert::<organization::Entity>(self.db(), vec![model]).await
    }

    /// Adds a project. A name that is taken is a conflict.
    pub async fn insert_project(&self, new: &Project) -> Result<(), StoreError> {
        let model = project::Model {
            id: new.id.0,
            org: new.org.0,
            name: new.name.to_string(),
            created_at: new.created_at.as_millis(),
        };
        insert::<project::Entity>(self.db(), vec![model]).await
    }

    /// Adds a workflow. A name that is taken in the project is a conflict.
    pub async fn insert_workflow(&self, new: &Workflow) -> Result<(), StoreError> {
        let model = workflow::Model {
            id: new.id.0,
            org: new.org.0,
            project: new.project.0,
            name: new.name.to_string(),
            contract: new.contract.0,
            created_at: new.created_at.as_millis(),
            deadline_minutes: new.deadline_minutes.map(i64::from),
            contract_revision: new.contract_revision.map(i64::from),
            deleted_at: millis(new.deleted_at),
        };
        insert::<workflow::Entity>(self.db(), vec![model]).await
    }

    /// Gives a workflow another contract, revision or deadline. One that was changed meanwhile is a conflict.
    pub async fn replace_workflow(&self, old: &Workflow, new: &Workflow) -> Result<(), StoreError> {
        let pinned = workflow::Column::ContractRevision;
        let deadline = workflow::Column::DeadlineMinutes;
        let same = |column: workflow::Column, value: Option<u32>| match value {
            Some(value) => column.eq(i64::from(value)),
            None => column.is_null(),
        };
        let done = workflow::Entity::update_many()
            .col_expr(workflow::Column::Contract, Expr::value(new.contract.0))
            .col_expr(pinned, Expr::value(new.contract_revision.map(i64::from)))
            .col_expr(deadline, Expr::value(new.deadline_minutes.map(i64::from)))
            .filter(workflow::Column::Id.eq(old.id.0))
            .filter(workflow::Column::Org.eq(old.org.0))
            .filter(workflow::Column::Contract.eq(old.contract.0))
            .filter(same(pinned, old.contract_revision))
            .filter(same(deadline, old.deadline_minutes))
            .exec(self.db())
            .await?;
        one(done.rows_affected, "the workflow")
    }

    /// Deletes a workflow, or restores one that was deleted. One of which that was done meanwhile is a conflict.
    pub async fn set_workflow_deleted(
        &self,
        old: &Workflow,
        at: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        let deleted = workflow::Column::DeletedAt;
        let same = if at.is_some() { deleted.is_null() } else { deleted.is_not_null() };
        let done = workflow::Entity::update_many()
            .col_expr(deleted, Expr::value(millis(at)))
            .filter(workflow::Column::Id.eq(old.id.0))
            .filter(workflow::Column::Org.eq(old.org.0))
            .filter(same)
            .exec(self.db())
            .await?;
        one(done.rows_affected, "the workflow")
    }
}

impl TryFrom<organization::Model> for Organization {
    type Error = StoreError;

    fn try_from(model: organization::Model) -> Result<Self, Self::Error> {
        let row = Row::new("organization", model.id);
        Ok(Self {
            id: OrganizationId(model.id),
            name: row.text(&model.name)?,
            created_at: Timestamp::from_millis(model.created_at),
        })
    }
}

impl TryFrom<project::Model> for Project {
    type Error = StoreError;

    fn try_from(model: project::Model) -> Result<Self, Self::Error> {
        let row = Row::new("project", model.id);
        Ok(Self {
            id: ProjectId(model.id),
            org: OrganizationId(model.org),
            name: row.text(&model.name)?,
            created_at: Timestamp::from_millis(model.created_at),
        })
    }
}

impl TryFrom<workflow::Model> for Workflow {
    type Error = StoreError;

    fn try_from(model: workflow::Model) -> Result<Self, Self::Error> {
        let row = Row::new("workflow", model.id);
        Ok(Self {
            id: WorkflowId(model.id),
            org: OrganizationId(model.org),
            project: ProjectId(model.project),
            name: row.text(&model.name)?,
            contract: ContractId(model.contract),
            created_at: Timestamp::from_millis(model.created_at),
            deadline_minutes: model.deadline_minutes.map(|it| row.small(it)).transpose()?,
            contract_revision: model.contract_revision.map(|it| row.small(it)).transpose()?,
            deleted_at: time(model.deleted_at),
        })
    }
}
