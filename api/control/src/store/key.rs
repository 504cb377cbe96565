//! Public keys that an organization trusts for signing.

use engine::id::{KeyId, OrganizationId};
use engine::{Digest, Name, Timestamp};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};

use super::entity::signing_key;
use super::row::{Row, bytes, insert, millis, one, record, records, time};
use super::{Reader, StoreError, Tx};

/// A registered public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningKey {
    /// Its identifier.
    pub id: KeyId,
    /// Who trusts it.
    pub org: OrganizationId,
    /// Its name, unique in the organization.
    pub name: Name,
    /// The digest of its DER form; unique in the organization.
    pub key_digest: Digest,
    /// The key in PEM.
    pub public_key: String,
    /// When it was registered.
    pub created_at: Timestamp,
    /// From when on it is trusted no more.
    pub revoked_at: Option<Timestamp>,
}

impl Reader<'_> {
    /// Every key of the organization, revoked ones too, by name.
    pub async fn signing_keys(&self, org: OrganizationId) -> Result<Vec<SigningKey>, StoreError> {
        let of_org = signing_key::Entity::find().filter(signing_key::Column::Org.eq(org.0));
        records(of_org.order_by_asc(signing_key::Column::Name).all(&self.db).await?)
    }

    /// The key of that identifier.
    pub async fn signing_key(
        &self,
        org: OrganizationId,
        id: KeyId,
    ) -> Result<Option<SigningKey>, StoreError> {
        let found =
            signing_key::Entity::find_by_id(id.0).filter(signing_key::Column::Org.eq(org.0));
        record(found.one(&self.db).await?)
    }

    /// The key of that name.
    pub async fn signing_key_by_name(
        &self,
        org: OrganizationId,
        name: &Name,
    ) -> Result<Option<SigningKey>, StoreError> {
        let of_org = signing_key::Entity::find().filter(signing_key::Column::Org.eq(org.0));
        record(of_org.filter(signing_key::Column::Name.eq(name.as_str())).one(&self.db).await?)
    }

    /// The key of that digest.
    pub async fn signing_key_by_digest(
        &self,
        org: OrganizationId,
        digest: Digest,
    ) -> Result<Option<SigningKey>, StoreError> {
        let of_org = signing_key::Entity::find().filter(signing_key::Column::Org.eq(org.0));
        record(of_org.filter(signing_key::Column::KeyDigest.eq(bytes(digest))).one(&self.db).await?)
    }
}

impl Tx<'_> {
    /// Adds a key. A name or key that the organization has already is a conflict.
    pub async fn insert_signing_key(&self, new: &SigningKey) -> Result<(), StoreError> {
        let model = signing_key::Model {
            id: new.id.0,
            org: new.org.0,
            name: new.name.to_string(),
            key_digest: bytes(new.key_digest),
            public_key: new.public_key.clone(),
            created_at: new.created_at.as_millis(),
            revoked_at: millis(new.revoked_at),
        };
        insert::<signing_key::Entity>(self.db(), vec![model]).await
    }

    /// Revokes a key. One that is missing or revoked already is a conflict.
    pub async fn revoke_signing_key(
        &self,
        org: OrganizationId,
        id: KeyId,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let done = signing_key::Entity::update_many()
            .col_expr(signing_key::Column::RevokedAt, Expr::value(at.as_millis()))
            .filter(signing_key::Column::Id.eq(id.0))
            .filter(signing_key::Column::Org.eq(org.0))
            .filter(signing_key::Column::RevokedAt.is_null())
            .exec(self.db())
            .await?;
        one(done.rows_affected, "an unrevoked signing_key")
    }
}

impl TryFrom<signing_key::Model> for SigningKey {
    type Error = StoreError;

    fn try_from(model: signing_key::Model) -> Result<Self, Self::Error> {
        let row = Row::new("signing_key", model.id);
        Ok(Self {
            id: KeyId(model.id),
            org: OrganizationId(model.org),
            name: row.text(&model.name)?,
            key_digest: row.digest(&model.key_digest)?,
            public_key: model.public_key,
            created_at: Timestamp::from_millis(model.created_at),
            revoked_at: time(model.revoked_at),
        })
    }
}
