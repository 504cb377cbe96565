//! Which organization may see which blob. The bytes are in the blob store, shared by all.

use engine::id::OrganizationId;
use engine::{Digest, Timestamp};
use sea_orm::sea_query::OnConflict;
use sea_orm::{ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter};

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
        let model = org_blob::Model {
            org: org.0,
            digest: bytes(digest),
            size: int(size),
            created_at: at.as_millis(),
        };
        let columns = [org_blob::Column::Org, org_blob::Column::Digest];
        let inserted = org_blob::Entity::insert_many([model.into_active_model()])
            .on_conflict(OnConflict::columns(columns).do_nothing().to_owned())
            .exec_without_returning(self.db())
            .await
            .map_err(|error| StoreError::of_insert(error, "org_blob"))?;
        Ok(inserted > 0)
    }
}
