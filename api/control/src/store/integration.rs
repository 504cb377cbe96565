//! Integrations: who is told of what happens in an organization.

use engine::id::{IntegrationId, OrganizationId};
use engine::{Name, Timestamp};
use sea_orm::sea_query::{Expr, ExprTrait, Query};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
};
use serde_json::Value;
use trust::Sealed;
use uuid::Uuid;

use super::delivery::DeliveryState;
use super::entity::{delivery, integration};
use super::row::{Row, insert, int, json, millis, record, records, time};
use super::{Reader, StoreError, Tx};

/// Someone who is told of what happens.
#[derive(Debug, Clone, PartialEq)]
pub struct Integration {
    /// Its identifier.
    pub id: IntegrationId,
    /// Whose it is.
    pub org: OrganizationId,
    /// Its name, unique in the organization.
    pub name: Name,
    /// What is at the other end, without what is secret in it.
    pub target: Value,
    /// The names of the events that it is told of; one that ends in `*` means all that begin so. None means all.
    pub events: Vec<String>,
    /// What is secret of it, if anything is.
    pub secret: Option<Sealed>,
    /// The secret before.
    pub previous: Option<Sealed>,
    /// Until when the secret before counts too.
    pub previous_until: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// The sequence number up to which it is told of nothing.
    pub seq: u64,
    /// Since when nothing is sent to it.
    pub disabled_at: Option<Timestamp>,
    /// Why.
    pub disabled_reason: Option<String>,
}

impl Reader<'_> {
    /// The integrations of the organization, by name.
    pub async fn integrations(&self, org: OrganizationId) -> Result<Vec<Integration>, StoreError> {
        self.integrations_of(&[org]).await
    }

    /// The integrations of those organizations, by name.
    pub async fn integrations_of(
        &self,
        orgs: &[OrganizationId],
    ) -> Result<Vec<Integration>, StoreError> {
        let orgs = orgs.iter().map(|org| org.0);
        let of_orgs = integration::Entity::find().filter(integration::Column::Org.is_in(orgs));
        records(of_orgs.order_by_asc(integration::Column::Name).all(&self.db).await?)
    }

    /// How many integrations the organization has.
    pub async fn count_integrations(&self, org: OrganizationId) -> Result<u64, StoreError> {
        let of_org = integration::Entity::find().filter(integration::Column::Org.eq(org.0));
        Ok(of_org.count(&self.db).await?)
    }

    /// The integration of that name.
    pub async fn integration_by_name(
        &self,
        org: OrganizationId,
        name: &Name,
    ) -> Result<Option<Integration>, StoreError> {
        let of_org = integration::Entity::find().filter(integration::Column::Org.eq(org.0));
        record(of_org.filter(integration::Column::Name.eq(name.as_str())).one(&self.db).await?)
    }

    /// The integration of that identifier.
    pub async fn integration(
        &self,
        org: OrganizationId,
        id: IntegrationId,
    ) -> Result<Option<Integration>, StoreError> {
        let found = integration::Entity::find_by_id(id.0);
        record(found.filter(integration::Column::Org.eq(org.0)).one(&self.db).await?)
    }

    /// The integrations that have deliveries due, the one that waits longest first. None that is disabled, and none of
    /// `but`.
    pub async fn integrations_due(
        &self,
        at: Timestamp,
        but: &[IntegrationId],
        limit: u64,
    ) -> Result<Vec<Integration>, StoreError> {
        let mut enabled = Query::select();
        enabled.column("id").from("integration").and_where(Expr::col("disabled_at").is_null());
        let due = delivery::Entity::find()
            .select_only()
            .column(delivery::Column::Integration)
            .filter(delivery::Column::State.eq(DeliveryState::Pending.as_str()))
            .filter(delivery::Column::DueAt.lte(at.as_millis()))
            .filter(delivery::Column::Integration.in_subquery(enabled))
            .filter(delivery::Column::Integration.is_not_in(but.iter().map(|id| id.0)))
            .group_by(delivery::Column::Integration)
            .order_by_asc(delivery::Column::DueAt.min())
            .limit(limit);
        let due: Vec<Uuid> = due.into_tuple().all(&self.db).await?;
        if due.is_empty() {
            return Ok(Vec::new());
        }
        let place = |one: &Integration| due.iter().position(|id| *id == one.id.0);
        let found = integration::Entity::find()
            .filter(integration::Column::Id.is_in(due.iter().copied()))
            .filter(integration::Column::DisabledAt.is_null());
        let mut found: Vec<Integration> = records(found.all(&self.db).await?)?;
        found.sort_by_key(place);
        Ok(found)
    }
}

impl Tx<'_> {
    /// Adds an integration. A name that is taken is a conflict.
    pub async fn insert_integration(&self, new: &Integration) -> Result<(), StoreError> {
        let model = integration::Model {
            id: new.id.0,
            org: new.org.0,
            name: new.name.to_string(),
            target: new.target.to_string(),
            events: json("integration", &new.events)?,
            secret_sealed: text(new.secret.as_ref()),
            previous_sealed: text(new.previous.as_ref()),
            previous_until: millis(new.previous_until),
            created_at: new.created_at.as_millis(),
            seq: int(new.seq),
            disabled_at: millis(new.disabled_at),
            disabled_reason: new.disabled_reason.clone(),
        };
        insert::<integration::Entity>(self.db(), vec![model]).await
    }

    /// Puts `new` in the place of `old`, but for its name and whether it is disabled. One whose secret was changed
    /// meanwhile is a conflict.
    pub async fn replace_integration(
        &self,
        old: &Integration,
        new: &Integration,
    ) -> Result<(), StoreError> {
        let unchanged = match &old.secret {
            Some(secret) => integration::Column::SecretSealed.eq(secret.as_str()),
            None => integration::Column::SecretSealed.is_null(),
        };
        let done = integration::Entity::update_many()
            .col_expr(integration::Column::Target, Expr::value(new.target.to_string()))
            .col_expr(integration::Column::Events, Expr::value(json("integration", &new.events)?))
            .col_expr(integration::Column::SecretSealed, Expr::value(text(new.secret.as_ref())))
            .col_expr(integration::Column::PreviousSealed, Expr::value(text(new.previous.as_ref())))
            .col_expr(integration::Column::PreviousUntil, Expr::value(millis(new.previous_until)))
            .filter(integration::Column::Id.eq(old.id.0))
            .filter(integration::Column::Org.eq(old.org.0))
            .filter(unchanged)
            .exec(self.db())
            .await?;
        changed(done.rows_affected, "the secret of the integration")
    }

    /// Stops sending to an integration, and says why; or goes on. One that is so already is a conflict.
    pub async fn set_integration_disabled(
        &self,
        org: OrganizationId,
        id: IntegrationId,
        disabled: Option<(Timestamp, String)>,
    ) -> Result<(), StoreError> {
        let column = integration::Column::DisabledAt;
        let otherwise = if disabled.is_some() { column.is_null() } else { column.is_not_null() };
        let (at, reason) = disabled.unzip();
        let done = integration::Entity::update_many()
            .col_expr(integration::Column::DisabledAt, Expr::value(millis(at)))
            .col_expr(integration::Column::DisabledReason, Expr::value(reason))
            .filter(integration::Column::Id.eq(id.0))
            .filter(integration::Column::Org.eq(org.0))
            .filter(otherwise)
            .exec(self.db())
            .await?;
        changed(done.rows_affected, "the integration in that state")
    }

    /// Removes an integration, its deliveries and what is known of their attempts.
    pub async fn remove_integration(
        &self,
        org: OrganizationId,
        id: IntegrationId,
    ) -> Result<(), StoreError> {
        let mut of_it = Query::select();
        of_it.column("id").from("delivery").and_where(Expr::col("integration").eq(id.0));
        let mut attempts = Query::delete();
        attempts.from_table("delivery_attempt");
        attempts.and_where(Expr::col("delivery").in_subquery(of_it));
        self.db().execute(&attempts).await?;
        let deliveries = delivery::Entity::delete_many()
            .filter(delivery::Column::Org.eq(org.0))
            .filter(delivery::Column::Integration.eq(id.0));
        deliveries.exec(self.db()).await?;
        let done = integration::Entity::delete_many()
            .filter(integration::Column::Org.eq(org.0))
            .filter(integration::Column::Id.eq(id.0))
            .exec(self.db())
            .await?;
        changed(done.rows_affected, "the integration")
    }
}

fn text(sealed: Option<&Sealed>) -> Option<String> {
    sealed.map(|sealed| sealed.as_str().to_owned())
}

fn changed(rows: u64, what: &'static str) -> Result<(), StoreError> {
    if rows == 1 { Ok(()) } else { Err(StoreError::conflict(what)) }
}

impl TryFrom<integration::Model> for Integration {
    type Error = StoreError;

    fn try_from(model: integration::Model) -> Result<Self, Self::Error> {
        let row = Row::new("integration", model.id);
        Ok(Self {
            id: IntegrationId(model.id),
            org: OrganizationId(model.org),
            name: row.text(&model.name)?,
            target: row.json(&model.target)?,
            events: row.json(&model.events)?,
            secret: model.secret_sealed.map(|sealed| row.text(&sealed)).transpose()?,
            previous: model.previous_sealed.map(|sealed| row.text(&sealed)).transpose()?,
            previous_until: time(model.previous_until),
            created_at: Timestamp::from_millis(model.created_at),
            seq: row.count(model.seq)?,
            disabled_at: time(model.disabled_at),
            disabled_reason: model.disabled_reason,
        })
    }
}
