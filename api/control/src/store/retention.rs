//! How long an organization keeps its evidence, and which of it is kept no longer.
//!
//! A pass over all blobs of an organization says of each from when on it may be removed: a while later, so that whoever
//! was told that the blob is there can still hand in what refers to it. Then it is looked at again, in the statement that
//! removes its row.

use std::collections::BTreeSet;

use engine::id::{OrganizationId, ProjectId};
use engine::{Digest, Timestamp};
use sea_orm::sea_query::{Expr, ExprTrait, OnConflict, Query, SelectStatement, SimpleExpr};
use sea_orm::{
    ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
};

use super::blob::{Blob, one_blob};
use super::entity::{attestation, material, org_blob, retention};
use super::row::{Row, bytes, int, millis, record, records, time};
use super::{Reader, StoreError, Tx};

/// Which evidence is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetentionRule {
    /// For how many days after it was handed in, or was used in an attestation.
    pub keep_days: u32,
    /// Whether what a released version was attested with is kept for good.
    pub keep_released: bool,
}

/// The rule of an organization, and how far it was applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Whose it is.
    pub org: OrganizationId,
    /// Which evidence is kept.
    pub rule: RetentionRule,
    /// When the rule was set.
    pub created_at: Timestamp,
    /// The last blob that was looked at, while a pass goes on.
    pub position: Option<Digest>,
    /// When the last pass ended.
    pub swept_at: Option<Timestamp>,
}

/// A blob that was held against a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Examined {
    /// The blob.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// Whether it is kept no longer.
    pub removable: bool,
}

impl Reader<'_> {
    /// The rule of the organization; without one everything is kept.
    pub async fn retention(&self, org: OrganizationId) -> Result<Option<Retention>, StoreError> {
        record(retention::Entity::find_by_id(org.0).one(&self.db).await?)
    }

    /// The rules of all organizations.
    pub async fn retentions(&self) -> Result<Vec<Retention>, StoreError> {
        let all = retention::Entity::find().order_by_asc(retention::Column::Org);
        records(all.all(&self.db).await?)
    }

    /// Holds blobs of the organization against a rule at `at`: by digest, those after `after`.
    pub async fn examine_blobs(
        &self,
        org: OrganizationId,
        rule: RetentionRule,
        at: Timestamp,
        after: Option<Digest>,
        limit: u64,
    ) -> Result<Vec<Examined>, StoreError> {
        let mut query = org_blob::Entity::find()
            .select_only()
            .columns([org_blob::Column::Digest, org_blob::Column::Size])
            .expr_as(removable(rule, at), "removable")
            .filter(org_blob::Column::Org.eq(org.0))
            .order_by_asc(org_blob::Column::Digest)
            .limit(limit);
        if let Some(after) = after {
            query = query.filter(org_blob::Column::Digest.gt(bytes(after)));
        }
        let found: Vec<(Vec<u8>, i64, bool)> = query.into_tuple().all(&self.db).await?;
        let row = Row::new("org_blob", org);
        let examined = found.into_iter().map(|(digest, size, removable)| {
            Ok(Examined { digest: row.digest(&digest)?, size: row.count(size)?, removable })
        });
        examined.collect()
    }

    /// Blobs of the organization that may be removed at `at`, those of the earliest time first.
    pub async fn expired_blobs(
        &self,
        org: OrganizationId,
        at: Timestamp,
        limit: u64,
    ) -> Result<Vec<Blob>, StoreError> {
        let found = org_blob::Entity::find()
            .filter(org_blob::Column::Org.eq(org.0))
            .filter(org_blob::Column::ExpiresAt.lte(at.as_millis()))
            .order_by_asc(org_blob::Column::ExpiresAt)
            .limit(limit);
        records(found.all(&self.db).await?)
    }

    /// Whether it is an attestation of one of these projects, or evidence with which one was made.
    pub async fn is_of_projects(
        &self,
        org: OrganizationId,
        digest: Digest,
        projects: &BTreeSet<ProjectId>,
    ) -> Result<bool, StoreError> {
        let of_them = || {
            let projects = projects.iter().map(|project| project.0);
            attestation::Column::Project.is_in(projects).and(attestation::Column::Org.eq(org.0))
        };
        let own = attestation::Entity::find()
            .filter(of_them())
            .filter(attestation::Column::Digest.eq(bytes(digest)));
        if own.one(&self.db).await?.is_some() {
            return Ok(true);
        }
        let with = material::Entity::find()
            .select_only()
            .column(material::Column::Attestation)
            .filter(material::Column::Org.eq(org.0))
            .filter(material::Column::Digest.eq(bytes(digest)))
            .filter(material::Column::ReferenceOnly.eq(false));
        let made = attestation::Entity::find()
            .filter(of_them())
            .filter(attestation::Column::Id.in_subquery(with.into_query()));
        Ok(made.one(&self.db).await?.is_some())
    }

    /// Whether an attestation of the organization was made with that evidence.
    pub async fn is_evidence(
        &self,
        org: OrganizationId,
        digest: Digest,
    ) -> Result<bool, StoreError> {
        let found = material::Entity::find()
            .filter(material::Column::Org.eq(org.0))
            .filter(material::Column::Digest.eq(bytes(digest)))
            .filter(material::Column::ReferenceOnly.eq(false));
        Ok(found.one(&self.db).await?.is_some())
    }
}

impl Tx<'_> {
    /// Sets the rule of an organization. What may be removed under the one before is kept until a pass says so again.
    pub async fn set_retention(&self, new: &Retention) -> Result<(), StoreError> {
        let model = retention::Model {
            org: new.org.0,
            keep_days: int(new.rule.keep_days.into()),
            keep_released: new.rule.keep_released,
            created_at: new.created_at.as_millis(),
            position: new.position.map(bytes),
            swept_at: millis(new.swept_at),
        };
        let replaced = OnConflict::column(retention::Column::Org)
            .update_columns([
                retention::Column::KeepDays,
                retention::Column::KeepReleased,
                retention::Column::CreatedAt,
                retention::Column::Position,
                retention::Column::SweptAt,
            ])
            .to_owned();
        retention::Entity::insert(model.into_active_model())
            .on_conflict(replaced)
            .exec_without_returning(self.db())
            .await?;
        self.keep_all_blobs(new.org).await
    }

    /// Takes the rule of an organization away: everything that is there is kept.
    pub async fn delete_retention(&self, org: OrganizationId) -> Result<(), StoreError> {
        retention::Entity::delete_by_id(org.0).exec(self.db()).await?;
        self.keep_all_blobs(org).await
    }

    async fn keep_all_blobs(&self, org: OrganizationId) -> Result<(), StoreError> {
        org_blob::Entity::update_many()
            .col_expr(org_blob::Column::ExpiresAt, Expr::value(None::<i64>))
            .filter(org_blob::Column::Org.eq(org.0))
            .filter(org_blob::Column::ExpiresAt.is_not_null())
            .exec(self.db())
            .await?;
        Ok(())
    }

    /// Notes how far a pass is; answers false when the rule was changed or somebody else is further.
    pub async fn advance_retention(
        &self,
        known: &Retention,
        position: Option<Digest>,
        swept_at: Option<Timestamp>,
    ) -> Result<bool, StoreError> {
        let at = match known.position {
            Some(position) => retention::Column::Position.eq(bytes(position)),
            None => retention::Column::Position.is_null(),
        };
        let advanced = retention::Entity::update_many()
            .col_expr(retention::Column::Position, Expr::value(position.map(bytes)))
            .col_expr(retention::Column::SweptAt, Expr::value(millis(swept_at)))
            .filter(retention::Column::Org.eq(known.org.0))
            .filter(retention::Column::CreatedAt.eq(known.created_at.as_millis()))
            .filter(at)
            .exec(self.db())
            .await?;
        Ok(advanced.rows_affected == 1)
    }

    /// Says from when on these blobs may be removed, of which that was not said before.
    pub async fn expire_blobs(
        &self,
        org: OrganizationId,
        digests: &[Digest],
        expires_at: Timestamp,
    ) -> Result<(), StoreError> {
        org_blob::Entity::update_many()
            .col_expr(org_blob::Column::ExpiresAt, Expr::value(expires_at.as_millis()))
            .filter(org_blob::Column::Org.eq(org.0))
            .filter(org_blob::Column::Digest.is_in(digests.iter().map(|digest| bytes(*digest))))
            .filter(org_blob::Column::ExpiresAt.is_null())
            .exec(self.db())
            .await?;
        Ok(())
    }

    /// Removes the row of a blob that expired, unless the rule keeps it at `at` or it was handed in again since it was
    /// read; answers whether it is gone.
    pub async fn delete_expired_blob(
        &self,
        blob: &Blob,
        rule: RetentionRule,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        let deleted = org_blob::Entity::delete_many()
            .filter(org_blob::Column::Org.eq(blob.org.0))
            .filter(org_blob::Column::Digest.eq(bytes(blob.digest)))
            .filter(org_blob::Column::ExpiresAt.eq(millis(blob.expires_at)))
            .filter(removable(rule, at))
            .exec(self.db())
            .await?;
        Ok(deleted.rows_affected == 1)
    }

    /// Keeps a blob that was to expire.
    pub async fn keep_blob(&self, blob: &Blob) -> Result<(), StoreError> {
        one_blob(blob)
            .col_expr(org_blob::Column::ExpiresAt, Expr::value(None::<i64>))
            .exec(self.db())
            .await?;
        Ok(())
    }
}

/// Whether the blob of a row of `org_blob` is kept no longer: it is old, and is no attestation, no decision
/// on a waiver, and no evidence that is still used.
fn removable(rule: RetentionRule, at: Timestamp) -> SimpleExpr {
    let since = at.plus_days(-i64::from(rule.keep_days)).as_millis();
    let old = Expr::col(("org_blob", "created_at")).lt(since);
    let named = |table, column| Expr::exists(naming(table, column)).not();
    old.and(named("attestation", "digest"))
        .and(named("imported_attestation", "digest"))
        .and(named("waiver_decision", "statement"))
        .and(Expr::exists(used(rule.keep_released, since)).not())
}

/// The rows of a table of the organization that name the blob in a column.
fn naming(table: &'static str, column: &'static str) -> SelectStatement {
    Query::select()
        .expr(Expr::value(1))
        .from(table)
        .and_where(Expr::col((table, "org")).equals(("org_blob", "org")))
        .and_where(Expr::col((table, column)).equals(("org_blob", "digest")))
        .to_owned()
}

/// The materials of attestations since then, and of released versions where they are kept.
fn used(keep_released: bool, since: i64) -> SelectStatement {
    let recent = Expr::col(("attestation", "created_at")).gte(since);
    let mut used = naming("material", "digest");
    used.inner_join(
        "attestation",
        Expr::col(("attestation", "id")).equals(("material", "attestation")),
    );
    if !keep_released {
        return used.and_where(recent).to_owned();
    }
    let same = |column| Expr::col(("project_version", column)).equals(("run", column));
    used.inner_join("run", Expr::col(("run", "id")).equals(("attestation", "run")))
        .left_join("project_version", same("project").and(same("version")))
        .and_where(recent.or(Expr::col(("project_version", "released_at")).is_not_null()))
        .to_owned()
}

impl TryFrom<retention::Model> for Retention {
    type Error = StoreError;

    fn try_from(model: retention::Model) -> Result<Self, Self::Error> {
        let row = Row::new("retention", model.org);
        let (keep_days, keep_released) = (row.small(model.keep_days)?, model.keep_released);
        let position = model.position.map(|digest| row.digest(&digest)).transpose()?;
        Ok(Self {
            org: OrganizationId(model.org),
            rule: RetentionRule { keep_days, keep_released },
            created_at: Timestamp::from_millis(model.created_at),
            position,
            swept_at: time(model.swept_at),
        })
    }
}
