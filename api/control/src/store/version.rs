//! Versions of projects, and their release.

use std::collections::BTreeMap;

use engine::Timestamp;
use engine::id::{OrganizationId, ProjectId, TokenId};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;

use super::entity::{project_version, run};
use super::row::{Row, insert, millis, one, record, records, time};
use super::run::RunState;
use super::{Reader, StoreError, Tx};

/// A version of a project, since the first run of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectVersion {
    /// Its identifier.
    pub id: Uuid,
    /// Whose it is.
    pub org: OrganizationId,
    /// The project.
    pub project: ProjectId,
    /// The version, unique in the project.
    pub version: String,
    /// When the first run of it was opened.
    pub created_at: Timestamp,
    /// When it was released: it takes no more runs since.
    pub released_at: Option<Timestamp>,
    /// The token that released it.
    pub released_by: Option<TokenId>,
}

impl Reader<'_> {
    /// The version of a project.
    pub async fn project_version(
        &self,
        project: ProjectId,
        version: &str,
    ) -> Result<Option<ProjectVersion>, StoreError> {
        let found = project_version::Entity::find()
            .filter(project_version::Column::Project.eq(project.0))
            .filter(project_version::Column::Version.eq(version));
        record(found.one(&self.db).await?)
    }

    /// The newest versions of a project, newest first.
    pub async fn project_versions(
        &self,
        project: ProjectId,
        limit: u64,
    ) -> Result<Vec<ProjectVersion>, StoreError> {
        let found = project_version::Entity::find()
            .filter(project_version::Column::Project.eq(project.0))
            .order_by_desc(project_version::Column::Id)
            .limit(limit);
        records(found.all(&self.db).await?)
    }

    /// How many runs of each of these versions are in one of these states; those without a run are not in the answer.
    pub async fn count_runs_of_versions(
        &self,
        project: ProjectId,
        versions: &[&str],
        states: &[RunState],
    ) -> Result<BTreeMap<(String, RunState), u64>, StoreError> {
        let found: Vec<(String, String, i64)> = run::Entity::find()
            .select_only()
            .columns([run::Column::Version, run::Column::State])
            .column_as(run::Column::Id.count(), "runs")
            .filter(run::Column::Project.eq(project.0))
            .filter(run::Column::Version.is_in(versions.iter().copied()))
            .filter(run::Column::State.is_in(states.iter().map(|state| state.as_str())))
            .group_by(run::Column::Version)
            .group_by(run::Column::State)
            .into_tuple()
            .all(&self.db)
            .await?;
        let row = Row::new("run", project);
        let counted = found
            .into_iter()
            .map(|(version, state, runs)| Ok(((version, row.text(&state)?), row.count(runs)?)));
        counted.collect()
    }
}

impl Tx<'_> {
    /// Adds a version.
    pub async fn insert_project_version(&self, new: &ProjectVersion) -> Result<(), StoreError> {
        let model = project_version::Model {
            id: new.id,
            org: new.org.0,
            project: new.project.0,
            version: new.version.clone(),
            created_at: new.created_at.as_millis(),
            released_at: millis(new.released_at),
            released_by: new.released_by.map(|token| token.0),
        };
        insert::<project_version::Entity>(self.db(), vec![model]).await
    }

    /// Releases a version. One that was released already is a conflict.
    pub async fn release_project_version(
        &self,
        id: Uuid,
        by: TokenId,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let done = project_version::Entity::update_many()
            .col_expr(project_version::Column::ReleasedAt, Expr::value(at.as_millis()))
            .col_expr(project_version::Column::ReleasedBy, Expr::value(by.0))
            .filter(project_version::Column::Id.eq(id))
            .filter(project_version::Column::ReleasedAt.is_null())
            .exec(self.db())
            .await?;
        one(done.rows_affected, "the version")
    }
}

impl TryFrom<project_version::Model> for ProjectVersion {
    type Error = StoreError;

    fn try_from(model: project_version::Model) -> Result<Self, Self::Error> {
        Ok(Self {
            id: model.id,
            org: OrganizationId(model.org),
            project: ProjectId(model.project),
            version: model.version,
            created_at: Timestamp::from_millis(model.created_at),
            released_at: time(model.released_at),
            released_by: model.released_by.map(TokenId),
        })
    }
}
