//! Which organization may see which blob. The bytes are in the blob store, shared by all.

use std::collections::BTreeMap;

use engine::id::OrganizationId;
use engine::{Digest, Timestamp};
use sea_orm::sea_query::OnConflict;
use sea_orm::{ColumnTrait, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter};

use super::attestation::KEYS_PER_QUERY;
use super::entity::org_blob;
use super::row::{Row, bytes, int};
use super::{Reader, StoreError, Tx};

impl Reader<'_> {
    /// The size in bytes of a blob that the organization has handed in; `None` when it has not, whoever else has.
    pub async fn blob_size(
        &self,
        org: OrganizationId,
        digest: Digest,
    ) -> Result<Option<u64>, StoreError> {
        let found = org_blob::Entity::find()
            .filter(org_blob::Column::Org.eq(org.0))
            .filter(org_blob::Column::Digest.eq(bytes(digest)))
            .one(&self.db)
            .await?;
        found.map(|model| Row::new("org_blob", digest).count(model.size)).transpose()
    }

    /// The sizes of those of the blobs that the organization has handed in.
    pub async fn blob_sizes(
        &self,
        org: OrganizationId,
        digests: &[Digest],
    ) -> Result<BTreeMap<Digest, u64>, StoreError> {
        let mut sizes = BTreeMap::new();
        for chunk in digests.chunks(KEYS_PER_QUERY) {
            let found = org_blob::Entity::find()
                .filter(org_blob::Column::Org.eq(org.0))
                .filter(org_blob::Column::Digest.is_in(chunk.iter().map(|digest| bytes(*digest))));
            for model in found.all(&self.db).await? {
                let row = Row::new("org_blob", org);
                sizes.insert(row.digest(&model.digest)?, row.count(model.size)?);
            }
        }
        Ok(sizes)
    }
}

/// That an organization handed in a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredBlob {
    /// The organization.
    pub org: OrganizationId,
    /// The blob.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// Whether it is kept where the organization said, and not where the server keeps blobs.
    pub elsewhere: bool,
}

impl Reader<'_> {
    /// How many blobs all organizations handed in; one that two handed in counts twice.
    pub async fn count_blobs(&self) -> Result<u64, StoreError> {
        Ok(org_blob::Entity::find().count(&self.db).await?)
    }

    /// The blobs of all organizations in the order of organization and digest, those after `after`.
    pub async fn every_blob(
        &self,
        after: Option<StoredBlob>,
        limit: u64,
    ) -> Result<Vec<StoredBlob>, StoreError> {
        let columns = (org_blob::Column::Org, org_blob::Column::Digest);
        let mut query = org_blob::Entity::find().cursor_by(columns);
        if let Some(after) = after {
            query.after((after.org.0, bytes(after.digest)));
        }
        let found = query.first(limit).all(&self.db).await?;
        let blob = |model: org_blob::Model| {
            let row = Row::new("org_blob", model.org);
            Ok(StoredBlob {
                org: OrganizationId(model.org),
                digest: row.digest(&model.digest)?,
                size: row.count(model.size)?,
                elsewhere: model.backend.is_some(),
            })
        };
        found.into_iter().map(blob).collect()
    }
}

impl Tx<'_> {
    /// Notes that the organization handed in a blob; answers whether that is new. Doing so again changes nothing.
    pub async fn reference_blob(
        &self,
        org: OrganizationId,
        digest: Digest,
        size: u64,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        Ok(self.reference_blobs([(org, digest, size, at)]).await? == 1)
    }

    /// Notes blobs of any organizations, as above; answers how many of them are new. Sorted, so that two transactions
    /// that share some wait for each other instead of locking each other out.
    pub(super) async fn reference_blobs(
        &self,
        blobs: impl IntoIterator<Item = (OrganizationId, Digest, u64, Timestamp)>,
    ) -> Result<u64, StoreError> {
        let model = |(org, digest, size, at): (OrganizationId, Digest, u64, Timestamp)| {
            let row = org_blob::Model {
                org: org.0,
                digest: bytes(digest),
                size: int(size),
                created_at: at.as_millis(),
                backend: None,
            };
            ((org, digest), row.into_active_model())
        };
        let sorted: BTreeMap<_, _> = blobs.into_iter().map(model).collect();
        let columns = [org_blob::Column::Org, org_blob::Column::Digest];
        let inserted = org_blob::Entity::insert_many(sorted.into_values())
            .on_conflict(OnConflict::columns(columns).do_nothing().to_owned())
            .exec_without_returning(self.db())
            .await
            .map_err(|error| StoreError::of_insert(error, "org_blob"))?;
        Ok(inserted)
    }
}
