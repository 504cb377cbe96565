//! Deliveries: one event that one integration is to be told of, until it was, or was given up.

use std::fmt;
use std::str::FromStr;

use engine::Timestamp;
use engine::id::{DeliveryId, IntegrationId, OrganizationId};
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;

use super::entity::delivery;
use super::row::{Row, insert, millis, one, record, records, time};
use super::{Page, Reader, StoreError, Tx};

/// What became of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DeliveryState {
    /// It will be tried, again if need be.
    Pending,
    /// The receiver has it.
    Delivered,
    /// It was given up.
    Dead,
}

impl DeliveryState {
    const ALL: [(Self, &'static str); 3] =
        [(Self::Pending, "pending"), (Self::Delivered, "delivered"), (Self::Dead, "dead")];

    /// The state in lower case.
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(state, _)| *state == self).map_or("", |(_, text)| text)
    }
}

impl fmt::Display for DeliveryState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for DeliveryState {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = Self::ALL.iter().find(|(_, name)| *name == text).map(|(state, _)| *state);
        known.ok_or_else(|| {
            format!("`{text}` is not a state of a delivery: expected pending, delivered or dead")
        })
    }
}

/// One event on its way to one integration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Its identifier; later ones sort after earlier ones.
    pub id: DeliveryId,
    /// Whose it is.
    pub org: OrganizationId,
    /// Who is told.
    pub integration: IntegrationId,
    /// Of which event.
    pub event: Uuid,
    /// What became of it.
    pub state: DeliveryState,
    /// How many attempts were begun since `since`.
    pub attempts: u32,
    /// From when the days count after which it is given up: when it was made, or asked for again.
    pub since: Timestamp,
    /// When the next attempt may begin.
    pub due_at: Timestamp,
    /// The attempt that is under way, or was when the server ended.
    pub lease: Option<Uuid>,
    /// The HTTP status that the last attempt was answered with.
    pub status: Option<u16>,
    /// Why the last attempt failed. No secret.
    pub failure: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When the last attempt began.
    pub attempted_at: Option<Timestamp>,
    /// When it was delivered or given up.
    pub settled_at: Option<Timestamp>,
}

/// Which deliveries a list holds; everything that is `None` matches.
#[derive(Debug, Clone, Copy, Default)]
pub struct DeliveryFilter {
    /// To this integration.
    pub integration: Option<IntegrationId>,
    /// In this state.
    pub state: Option<DeliveryState>,
}

/// What an attempt came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempted {
    /// What became of the delivery.
    pub state: DeliveryState,
    /// When to try again, of one that is pending.
    pub due_at: Timestamp,
    /// The HTTP status, or the code of another protocol.
    pub status: Option<u16>,
    /// Why it failed.
    pub failure: Option<String>,
    /// When it was over.
    pub at: Timestamp,
}

impl Reader<'_> {
    /// The delivery of that identifier.
    pub async fn delivery(
        &self,
        org: OrganizationId,
        id: DeliveryId,
    ) -> Result<Option<Delivery>, StoreError> {
        let found = delivery::Entity::find_by_id(id.0).filter(delivery::Column::Org.eq(org.0));
        record(found.one(&self.db).await?)
    }

    /// Deliveries, newest first.
    pub async fn list_deliveries(
        &self,
        org: OrganizationId,
        filter: DeliveryFilter,
        page: Page<DeliveryId>,
    ) -> Result<Vec<Delivery>, StoreError> {
        let mut found = delivery::Entity::find().filter(delivery::Column::Org.eq(org.0));
        if let Some(integration) = filter.integration {
            found = found.filter(delivery::Column::Integration.eq(integration.0));
        }
        if let Some(state) = filter.state {
            found = found.filter(delivery::Column::State.eq(state.as_str()));
        }
        if let Some(after) = page.after {
            found = found.filter(delivery::Column::Id.lt(after.0));
        }
        let found = found.order_by_desc(delivery::Column::Id).limit(page.limit);
        records(found.all(&self.db).await?)
    }

    /// Deliveries to that integration that are due, the one that waits longest first.
    pub async fn deliveries_due(
        &self,
        integration: IntegrationId,
        at: Timestamp,
        limit: u64,
    ) -> Result<Vec<Delivery>, StoreError> {
        let found = delivery::Entity::find()
            .filter(delivery::Column::State.eq(DeliveryState::Pending.as_str()))
            .filter(delivery::Column::Integration.eq(integration.0))
            .filter(delivery::Column::DueAt.lte(at.as_millis()))
            .order_by_asc(delivery::Column::DueAt)
            .order_by_asc(delivery::Column::Id);
        records(found.limit(limit).all(&self.db).await?)
    }
}

impl Tx<'_> {
    /// Adds deliveries. A second one of the same event to the same integration is a conflict.
    pub async fn insert_deliveries(&self, new: &[Delivery]) -> Result<(), StoreError> {
        let models = new.iter().map(|new| delivery::Model {
            id: new.id.0,
            org: new.org.0,
            integration: new.integration.0,
            event: new.event,
            state: new.state.to_string(),
            attempts: i64::from(new.attempts),
            since: new.since.as_millis(),
            due_at: new.due_at.as_millis(),
            lease: new.lease,
            status: new.status.map(i64::from),
            failure: new.failure.clone(),
            created_at: new.created_at.as_millis(),
            attempted_at: millis(new.attempted_at),
            settled_at: millis(new.settled_at),
        });
        insert::<delivery::Entity>(self.db(), models.collect()).await
    }

    /// Begins an attempt: nobody else does before `until`. Answers false when someone was faster, or it is not due.
    pub async fn lease_delivery(
        &self,
        id: DeliveryId,
        lease: Uuid,
        at: Timestamp,
        until: Timestamp,
    ) -> Result<bool, StoreError> {
        let done = delivery::Entity::update_many()
            .col_expr(delivery::Column::Lease, Expr::value(lease))
            .col_expr(delivery::Column::DueAt, Expr::value(until.as_millis()))
            .col_expr(delivery::Column::AttemptedAt, Expr::value(at.as_millis()))
            .col_expr(delivery::Column::Attempts, Expr::col(delivery::Column::Attempts).add(1))
            .filter(delivery::Column::Id.eq(id.0))
            .filter(delivery::Column::State.eq(DeliveryState::Pending.as_str()))
            .filter(delivery::Column::DueAt.lte(at.as_millis()))
            .exec(self.db())
            .await?;
        Ok(done.rows_affected == 1)
    }

    /// Ends the attempt of that lease. Answers false when its lease ended before, and another attempt began.
    pub async fn settle_delivery(
        &self,
        id: DeliveryId,
        lease: Uuid,
        attempted: &Attempted,
    ) -> Result<bool, StoreError> {
        let pending = attempted.state == DeliveryState::Pending;
        let settled_at = (!pending).then_some(attempted.at.as_millis());
        let done = delivery::Entity::update_many()
            .col_expr(delivery::Column::State, Expr::value(attempted.state.as_str()))
            .col_expr(delivery::Column::DueAt, Expr::value(attempted.due_at.as_millis()))
            .col_expr(delivery::Column::Status, Expr::value(attempted.status.map(i64::from)))
            .col_expr(delivery::Column::Failure, Expr::value(attempted.failure.clone()))
            .col_expr(delivery::Column::SettledAt, Expr::value(settled_at))
            .col_expr(delivery::Column::Lease, Expr::value(None::<Uuid>))
            .filter(delivery::Column::Id.eq(id.0))
            .filter(delivery::Column::State.eq(DeliveryState::Pending.as_str()))
            .filter(delivery::Column::Lease.eq(lease))
            .exec(self.db())
            .await?;
        Ok(done.rows_affected == 1)
    }

    /// Makes a delivery due at once, with its schedule from the beginning. One that is under way, or missing, is a
    /// conflict.
    pub async fn renew_delivery(
        &self,
        org: OrganizationId,
        id: DeliveryId,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let pending = DeliveryState::Pending.as_str();
        let idle = delivery::Column::State
            .ne(pending)
            .or(delivery::Column::Lease.is_null())
            .or(delivery::Column::DueAt.lte(at.as_millis()));
        let done = delivery::Entity::update_many()
            .col_expr(delivery::Column::State, Expr::value(pending))
            .col_expr(delivery::Column::Attempts, Expr::value(0_i64))
            .col_expr(delivery::Column::Since, Expr::value(at.as_millis()))
            .col_expr(delivery::Column::DueAt, Expr::value(at.as_millis()))
            .col_expr(delivery::Column::SettledAt, Expr::value(None::<i64>))
            .filter(delivery::Column::Id.eq(id.0))
            .filter(delivery::Column::Org.eq(org.0))
            .filter(idle)
            .exec(self.db())
            .await?;
        one(done.rows_affected, "a delivery that is not under way")
    }
}

impl TryFrom<delivery::Model> for Delivery {
    type Error = StoreError;

    fn try_from(model: delivery::Model) -> Result<Self, Self::Error> {
        let row = Row::new("delivery", model.id);
        let status = model.status.map(u16::try_from).transpose();
        Ok(Self {
            id: DeliveryId(model.id),
            org: OrganizationId(model.org),
            integration: IntegrationId(model.integration),
            event: model.event,
            state: row.text(&model.state)?,
            attempts: row.small(model.attempts)?,
            since: Timestamp::from_millis(model.since),
            due_at: Timestamp::from_millis(model.due_at),
            lease: model.lease,
            status: status.map_err(|error| row.corrupt(error))?,
            failure: model.failure,
            created_at: Timestamp::from_millis(model.created_at),
            attempted_at: time(model.attempted_at),
            settled_at: time(model.settled_at),
        })
    }
}
