//! Which organization may see which blob, and where it is. The bytes are in a blob store.

use std::collections::BTreeMap;

use engine::id::{BackendId, OrganizationId};
use engine::{Digest, Timestamp};
use sea_orm::sea_query::{Expr, ExprTrait, OnConflict, Query, SimpleExpr};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter,
    QueryOrder, QuerySelect, UpdateMany,
};
use uuid::Uuid;

use super::attestation::KEYS_PER_QUERY;
use super::entity::org_blob;
use super::row::{Row, bytes, int, millis, time};
use super::{Reader, StoreError, Tx};

/// A blob that an organization has handed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Blob {
    /// Whose it is.
    pub org: OrganizationId,
    /// Its digest.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// When it was handed in last.
    pub created_at: Timestamp,
    /// The backend that it is in; none for the store of the instance.
    pub backend: Option<BackendId>,
    /// From when on it may be removed; none while nothing says that it may.
    pub expires_at: Option<Timestamp>,
}

/// How much is in one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// How many blobs.
    pub blobs: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl Reader<'_> {
    /// A blob that the organization has handed in; `None` when it has not, whoever else has.
    pub async fn blob(
        &self,
        org: OrganizationId,
        digest: Digest,
    ) -> Result<Option<Blob>, StoreError> {
        Ok(self.blobs(org, &[digest]).await?.remove(&digest))
    }

    /// Those of the blobs that the organization has handed in.
    pub async fn blobs(
        &self,
        org: OrganizationId,
        digests: &[Digest],
    ) -> Result<BTreeMap<Digest, Blob>, StoreError> {
        let mut blobs = BTreeMap::new();
        for chunk in digests.chunks(KEYS_PER_QUERY) {
            let found = org_blob::Entity::find()
                .filter(org_blob::Column::Org.eq(org.0))
                .filter(org_blob::Column::Digest.is_in(chunk.iter().map(|digest| bytes(*digest))));
            for model in found.all(&self.db).await? {
                let blob = Blob::try_from(model)?;
                blobs.insert(blob.digest, blob);
            }
        }
        Ok(blobs)
    }

    /// Blobs of the organization that are in that backend, by digest, those after `after`; none is the store of the
    /// instance.
    pub async fn blobs_in(
        &self,
        org: OrganizationId,
        backend: Option<BackendId>,
        after: Option<Digest>,
        limit: u64,
    ) -> Result<Vec<Blob>, StoreError> {
        let mut found = org_blob::Entity::find()
            .filter(org_blob::Column::Org.eq(org.0))
            .filter(within(backend))
            .order_by_asc(org_blob::Column::Digest)
            .limit(limit);
        if let Some(after) = after {
            found = found.filter(org_blob::Column::Digest.gt(bytes(after)));
        }
        super::row::records(found.all(&self.db).await?)
    }

    /// How much of the organization is in that backend; none is the store of the instance.
    pub async fn blobs_usage(
        &self,
        org: OrganizationId,
        backend: Option<BackendId>,
    ) -> Result<Usage, StoreError> {
        self.usage(org, within(backend)).await
    }

    /// How much of the organization may be removed at some time.
    pub async fn expiring_usage(&self, org: OrganizationId) -> Result<Usage, StoreError> {
        self.usage(org, org_blob::Column::ExpiresAt.is_not_null()).await
    }

    async fn usage(&self, org: OrganizationId, of: SimpleExpr) -> Result<Usage, StoreError> {
        let mut query = Query::select();
        // The sum of a column has another type than the column on PostgreSQL.
        query
            .expr_as(Expr::cust("COUNT(*)"), "blobs")
            .expr_as(Expr::cust("CAST(COALESCE(SUM(size), 0) AS BIGINT)"), "bytes")
            .from("org_blob")
            .and_where(Expr::col("org").eq(org.0))
            .and_where(of);
        let Some(found) = self.db.query_one(&query).await? else { return Ok(Usage::default()) };
        let row = Row::new("org_blob", org);
        Ok(Usage {
            blobs: row.count(found.try_get("", "blobs")?)?,
            bytes: row.count(found.try_get("", "bytes")?)?,
        })
    }
}

impl Reader<'_> {
    /// How many blobs all organizations handed in; one that two handed in counts twice.
    pub async fn count_blobs(&self) -> Result<u64, StoreError> {
        Ok(org_blob::Entity::find().count(&self.db).await?)
    }

    /// The blobs of all organizations in the order of organization and digest, those after `after`.
    pub async fn every_blob(
        &self,
        after: Option<Blob>,
        limit: u64,
    ) -> Result<Vec<Blob>, StoreError> {
        let columns = (org_blob::Column::Org, org_blob::Column::Digest);
        let mut query = org_blob::Entity::find().cursor_by(columns);
        if let Some(after) = after {
            query.after((after.org.0, bytes(after.digest)));
        }
        let found = query.first(limit).all(&self.db).await?;
        found.into_iter().map(Blob::try_from).collect()
    }
}

impl Tx<'_> {
    /// Notes that the organization handed in a blob; answers whether that is new. Doing so again keeps it for as long as a
    /// new one is kept. A backend that was deleted meanwhile is a conflict, and so is that the blob is being removed from
    /// there; `removed` is the removal that was known to be done before the blob was stored.
    pub async fn reference_blob(
        &self,
        blob: Blob,
        removed: Option<Uuid>,
    ) -> Result<bool, StoreError> {
        // First, so that the row cannot be removed any more when it is found.
        let new = !self.renew_blob(&blob).await? && self.insert_blobs([blob], once()).await? == 1;
        if new {
            self.hold_blobs(&[(blob, removed)]).await?;
        }
        Ok(new)
    }

    async fn renew_blob(&self, blob: &Blob) -> Result<bool, StoreError> {
        let renewed = one_blob(blob)
            .col_expr(org_blob::Column::CreatedAt, Expr::value(blob.created_at.as_millis()))
            .col_expr(org_blob::Column::ExpiresAt, Expr::value(None::<i64>))
            .exec(self.db())
            .await?;
        Ok(renewed.rows_affected == 1)
    }

    /// Notes blobs of any organizations, as above.
    pub(super) async fn reference_blobs(
        &self,
        blobs: impl IntoIterator<Item = (Blob, Option<Uuid>)>,
    ) -> Result<(), StoreError> {
        let blobs: Vec<_> = blobs.into_iter().collect();
        let keep = once().value(org_blob::Column::ExpiresAt, Expr::value(None::<i64>)).to_owned();
        self.insert_blobs(blobs.iter().map(|(blob, _)| *blob), keep).await?;
        self.hold_blobs(&blobs).await
    }

    /// Answers how many of them are new. Sorted, so that two transactions that share some wait for each other instead of
    /// locking each other out.
    async fn insert_blobs(
        &self,
        blobs: impl IntoIterator<Item = Blob>,
        on_conflict: OnConflict,
    ) -> Result<u64, StoreError> {
        let sorted: BTreeMap<_, _> =
            blobs.into_iter().map(|blob| ((blob.org, blob.digest), blob)).collect();
        self.hold_backends(sorted.values().filter_map(|blob| blob.backend)).await?;
        let models = sorted.into_values().map(|blob| {
            let model = org_blob::Model {
                org: blob.org.0,
                digest: bytes(blob.digest),
                size: int(blob.size),
                created_at: blob.created_at.as_millis(),
                backend: blob.backend.map(|backend| backend.0),
                expires_at: millis(blob.expires_at),
            };
            model.into_active_model()
        });
        let inserted = org_blob::Entity::insert_many(models)
            .on_conflict(on_conflict)
            .exec_without_returning(self.db())
            .await
            .map_err(|error| StoreError::of_insert(error, "org_blob"))?;
        Ok(inserted)
    }

    /// Notes that a blob is in another backend now; answers false when it was not where it was said to be. `removed` is
    /// what [`Tx::reference_blob`] says, of the other backend.
    pub async fn relocate_blob(
        &self,
        blob: &Blob,
        to: Option<BackendId>,
        removed: Option<Uuid>,
    ) -> Result<bool, StoreError> {
        self.hold_backends(to).await?;
        let done = one_blob(blob)
            .col_expr(org_blob::Column::Backend, Expr::value(to.map(|to| to.0)))
            .filter(within(blob.backend))
            .exec(self.db())
            .await?;
        let moved = done.rows_affected == 1;
        if moved {
            self.hold_blobs(&[(Blob { backend: to, ..*blob }, removed)]).await?;
        }
        Ok(moved)
    }
}

/// A row that is there already stays as it is.
fn once() -> OnConflict {
    OnConflict::columns([org_blob::Column::Org, org_blob::Column::Digest]).do_nothing().to_owned()
}

pub(super) fn one_blob(blob: &Blob) -> UpdateMany<org_blob::Entity> {
    org_blob::Entity::update_many()
        .filter(org_blob::Column::Org.eq(blob.org.0))
        .filter(org_blob::Column::Digest.eq(bytes(blob.digest)))
}

pub(super) fn within(backend: Option<BackendId>) -> SimpleExpr {
    match backend {
        Some(backend) => org_blob::Column::Backend.eq(backend.0),
        None => org_blob::Column::Backend.is_null(),
    }
}

impl TryFrom<org_blob::Model> for Blob {
    type Error = StoreError;

    fn try_from(model: org_blob::Model) -> Result<Self, Self::Error> {
        let row = Row::new("org_blob", model.org);
        Ok(Self {
            org: OrganizationId(model.org),
            digest: row.digest(&model.digest)?,
            size: row.count(model.size)?,
            created_at: Timestamp::from_millis(model.created_at),
            backend: model.backend.map(BackendId),
            expires_at: time(model.expires_at),
        })
    }
}
