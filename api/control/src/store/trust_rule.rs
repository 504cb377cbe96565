//! Trust rules of an organization.

use engine::id::{OrganizationId, TokenId, TrustRuleId};
use engine::{Digest, Name, Timestamp, TrustRule as Rule};
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder};

use super::entity::trust_rule;
use super::row::{Row, bytes, insert, json, one, record, records};
use super::{Reader, StoreError, Tx};

/// A rule under which CI jobs are let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustRule {
    /// Its identifier.
    pub id: TrustRuleId,
    /// Whose it is.
    pub org: OrganizationId,
    /// The digest of its canonical form.
    pub digest: Digest,
    /// What it says.
    pub rule: Rule,
    /// When it was made.
    pub created_at: Timestamp,
    /// The token that made it.
    pub created_by: TokenId,
}

impl Reader<'_> {
    /// The rules of the organization, by name; optionally only those that name an issuer.
    pub async fn trust_rules(
        &self,
        org: OrganizationId,
        issuer: Option<&str>,
    ) -> Result<Vec<TrustRule>, StoreError> {
        let mut found = trust_rule::Entity::find().filter(trust_rule::Column::Org.eq(org.0));
        if let Some(issuer) = issuer {
            found = found.filter(trust_rule::Column::Issuer.eq(issuer));
        }
        records(found.order_by_asc(trust_rule::Column::Name).all(&self.db).await?)
    }

    /// Whether the organization still has the rule.
    pub async fn has_trust_rule(
        &self,
        org: OrganizationId,
        id: TrustRuleId,
    ) -> Result<bool, StoreError> {
        let found = trust_rule::Entity::find_by_id(id.0).filter(trust_rule::Column::Org.eq(org.0));
        Ok(found.count(&self.db).await? > 0)
    }

    /// The rule of that name.
    pub async fn trust_rule_by_name(
        &self,
        org: OrganizationId,
        name: &Name,
    ) -> Result<Option<TrustRule>, StoreError> {
        let found = trust_rule::Entity::find()
            .filter(trust_rule::Column::Org.eq(org.0))
            .filter(trust_rule::Column::Name.eq(name.as_str()));
        record(found.one(&self.db).await?)
    }

    /// How many rules the organization has.
    pub async fn count_trust_rules(&self, org: OrganizationId) -> Result<u64, StoreError> {
        let found = trust_rule::Entity::find().filter(trust_rule::Column::Org.eq(org.0));
        Ok(found.count(&self.db).await?)
    }
}

impl Tx<'_> {
    /// Adds a rule. A name that the organization has already is a conflict.
    pub async fn insert_trust_rule(&self, new: &TrustRule) -> Result<(), StoreError> {
        let model = trust_rule::Model {
            id: new.id.0,
            org: new.org.0,
            name: new.rule.name.to_string(),
            issuer: new.rule.issuer.url.clone(),
            digest: bytes(new.digest),
            document: json("trust_rule", &new.rule)?,
            created_at: new.created_at.as_millis(),
            created_by: new.created_by.0,
        };
        insert::<trust_rule::Entity>(self.db(), vec![model]).await
    }

    /// Deletes a rule. One that is missing is a conflict: someone else was first.
    pub async fn delete_trust_rule(
        &self,
        org: OrganizationId,
        id: TrustRuleId,
    ) -> Result<(), StoreError> {
        let done = trust_rule::Entity::delete_many()
            .filter(trust_rule::Column::Id.eq(id.0))
            .filter(trust_rule::Column::Org.eq(org.0))
            .exec(self.db())
            .await?;
        one(done.rows_affected, "the trust_rule")
    }
}

impl TryFrom<trust_rule::Model> for TrustRule {
    type Error = StoreError;

    fn try_from(model: trust_rule::Model) -> Result<Self, Self::Error> {
        let row = Row::new("trust_rule", model.id);
        Ok(Self {
            id: TrustRuleId(model.id),
            org: OrganizationId(model.org),
            digest: row.digest(&model.digest)?,
            rule: row.json(&model.document)?,
            created_at: Timestamp::from_millis(model.created_at),
            created_by: TokenId(model.created_by),
        })
    }
}
