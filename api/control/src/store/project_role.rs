//! What people, and groups of the login provider, are in projects.

use std::collections::BTreeSet;

use engine::Timestamp;
use engine::id::{OrganizationId, PersonId, ProjectId, ProjectRoleId};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder};

use super::entity::project_role;
use super::row::{Row, insert, one, records};
use super::{Reader, StoreError, Tx};
use crate::actor::ProjectRole as Role;

/// Who is something in a project.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grantee {
    /// A person.
    Person(PersonId),
    /// Everyone in a group of the login provider.
    Group(String),
}

/// What someone is in a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectRole {
    /// The identifier.
    pub id: ProjectRoleId,
    /// The organization.
    pub org: OrganizationId,
    /// The project.
    pub project: ProjectId,
    /// Who it is; once in each project.
    pub grantee: Grantee,
    /// What they are.
    pub role: Role,
    /// Since when.
    pub created_at: Timestamp,
}

impl Reader<'_> {
    /// What people and groups are in a project, those first who were first.
    pub async fn project_roles(&self, project: ProjectId) -> Result<Vec<ProjectRole>, StoreError> {
        let found = project_role::Entity::find()
            .filter(project_role::Column::Project.eq(project.0))
            .order_by_asc(project_role::Column::Id);
        records(found.all(&self.db).await?)
    }

    /// What a person who is in these groups is in projects of an organization.
    pub async fn project_roles_of(
        &self,
        org: OrganizationId,
        person: PersonId,
        groups: &BTreeSet<String>,
    ) -> Result<Vec<ProjectRole>, StoreError> {
        let mut whose = Condition::any().add(project_role::Column::Person.eq(person.0));
        if !groups.is_empty() {
            let groups = groups.iter().map(String::as_str);
            whose = whose.add(project_role::Column::GroupName.is_in(groups));
        }
        let found = project_role::Entity::find().filter(project_role::Column::Org.eq(org.0));
        records(found.filter(whose).all(&self.db).await?)
    }
}

impl Tx<'_> {
    /// Says what somebody is in a project, whether or not they were something before.
    pub async fn put_project_role(&self, new: &ProjectRole) -> Result<(), StoreError> {
        let done = project_role::Entity::update_many()
            .col_expr(project_role::Column::Role, Expr::value(new.role.name()))
            .filter(project_role::Column::Id.eq(new.id.0))
            .filter(project_role::Column::Org.eq(new.org.0))
            .exec(self.db())
            .await?;
        if done.rows_affected == 1 {
            return Ok(());
        }
        let (person, group_name) = match &new.grantee {
            Grantee::Person(person) => (Some(person.0), None),
            Grantee::Group(group) => (None, Some(group.clone())),
        };
        let model = project_role::Model {
            id: new.id.0,
            org: new.org.0,
            project: new.project.0,
            person,
            group_name,
            role: new.role.name().to_owned(),
            created_at: new.created_at.as_millis(),
        };
        insert::<project_role::Entity>(self.db(), vec![model]).await
    }

    /// Makes somebody nothing in a project. What is missing is a conflict.
    pub async fn delete_project_role(
        &self,
        project: ProjectId,
        id: ProjectRoleId,
    ) -> Result<(), StoreError> {
        let done = project_role::Entity::delete_many()
            .filter(project_role::Column::Id.eq(id.0))
            .filter(project_role::Column::Project.eq(project.0))
            .exec(self.db())
            .await?;
        one(done.rows_affected, "the role")
    }

    /// Makes a person nothing in any project of an organization.
    pub async fn delete_project_roles_of(
        &self,
        org: OrganizationId,
        person: PersonId,
    ) -> Result<(), StoreError> {
        project_role::Entity::delete_many()
            .filter(project_role::Column::Org.eq(org.0))
            .filter(project_role::Column::Person.eq(person.0))
            .exec(self.db())
            .await?;
        Ok(())
    }
}

impl TryFrom<project_role::Model> for ProjectRole {
    type Error = StoreError;

    fn try_from(model: project_role::Model) -> Result<Self, Self::Error> {
        let row = Row::new("project_role", model.id);
        let grantee = match (model.person, model.group_name) {
            (Some(person), None) => Grantee::Person(PersonId(person)),
            (None, Some(group)) => Grantee::Group(group),
            _ => return Err(row.corrupt("it is of one person or one group")),
        };
        Ok(Self {
            id: ProjectRoleId(model.id),
            org: OrganizationId(model.org),
            project: ProjectId(model.project),
            grantee,
            role: row.text(&model.role)?,
            created_at: Timestamp::from_millis(model.created_at),
        })
    }
}
