//! Trust roots of an organization.

use engine::id::{OrganizationId, TokenId, TrustRootId};
use engine::{Digest, Name, Timestamp, TrustRoot as Root};
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder};

use super::entity::trust_root;
use super::row::{Row, bytes, insert, json, one, record, records};
use super::{Reader, StoreError, Tx};

/// A root under which attestations that were made elsewhere are believed.
#[derive(Debug, Clone, PartialEq)]
pub struct TrustRoot {
    /// Its identifier.
    pub id: TrustRootId,
    /// Whose it is.
    pub org: OrganizationId,
    /// The digest of its canonical form.
    pub digest: Digest,
    /// What it says.
    pub root: Root,
    /// When it was made.
    pub created_at: Timestamp,
    /// The token that made it.
    pub created_by: TokenId,
}

impl Reader<'_> {
    /// The roots of the organization, by name.
    pub async fn trust_roots(&self, org: OrganizationId) -> Result<Vec<TrustRoot>, StoreError> {
        let found = trust_root::Entity::find().filter(trust_root::Column::Org.eq(org.0));
        records(found.order_by_asc(trust_root::Column::Name).all(&self.db).await?)
    }

    /// The root of that name.
    pub async fn trust_root_by_name(
        &self,
        org: OrganizationId,
        name: &Name,
    ) -> Result<Option<TrustRoot>, StoreError> {
        let found = trust_root::Entity::find()
            .filter(trust_root::Column::Org.eq(org.0))
            .filter(trust_root::Column::Name.eq(name.as_str()));
        record(found.one(&self.db).await?)
    }

    /// How many roots the organization has.
    pub async fn count_trust_roots(&self, org: OrganizationId) -> Result<u64, StoreError> {
        let found = trust_root::Entity::find().filter(trust_root::Column::Org.eq(org.0));
        Ok(found.count(&self.db).await?)
    }
}

impl Tx<'_> {
    /// Adds a root. A name that the organization has already is a conflict.
    pub async fn insert_trust_root(&self, new: &TrustRoot) -> Result<(), StoreError> {
        let model = trust_root::Model {
            id: new.id.0,
            org: new.org.0,
            name: new.root.name.to_string(),
            digest: bytes(new.digest),
            document: json("trust_root", &new.root)?,
            created_at: new.created_at.as_millis(),
            created_by: new.created_by.0,
        };
        insert::<trust_root::Entity>(self.db(), vec![model]).await
    }

    /// Deletes a root. One that is missing is a conflict: someone else was first.
    pub async fn delete_trust_root(
        &self,
        org: OrganizationId,
        id: TrustRootId,
    ) -> Result<(), StoreError> {
        let done = trust_root::Entity::delete_many()
            .filter(trust_root::Column::Id.eq(id.0))
            .filter(trust_root::Column::Org.eq(org.0))
            .exec(self.db())
            .await?;
        one(done.rows_affected, "the trust_root")
    }
}

impl TryFrom<trust_root::Model> for TrustRoot {
    type Error = StoreError;

    fn try_from(model: trust_root::Model) -> Result<Self, Self::Error> {
        let row = Row::new("trust_root", model.id);
        Ok(Self {
            id: TrustRootId(model.id),
            org: OrganizationId(model.org),
            digest: row.digest(&model.digest)?,
            root: row.json(&model.document)?,
            created_at: Timestamp::from_millis(model.created_at),
            created_by: TokenId(model.created_by),
        })
    }
}
