//! The log of deliveries: what each attempt came to. It is forgotten with its delivery.

use engine::Timestamp;
use engine::id::{DeliveryId, OrganizationId};
use sea_orm::sea_query::{Expr, ExprTrait, Query};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;

use super::delivery::DeliveryState;
use super::entity::{delivery, delivery_attempt};
use super::row::{Row, insert, records};
use super::{Reader, StoreError, Tx};

/// One attempt that came to an end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Its identifier: that of its lease.
    pub id: Uuid,
    /// Whose it is.
    pub org: OrganizationId,
    /// Of which delivery.
    pub delivery: DeliveryId,
    /// When it began.
    pub began_at: Timestamp,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// The HTTP status, or the code of another protocol.
    pub status: Option<u16>,
    /// Why it failed. No secret.
    pub failure: Option<String>,
    /// The beginning of what was answered. No secret.
    pub excerpt: Option<String>,
}

impl Reader<'_> {
    /// The attempts of a delivery, newest first.
    pub async fn attempts(
        &self,
        org: OrganizationId,
        delivery: DeliveryId,
        limit: u64,
    ) -> Result<Vec<Attempt>, StoreError> {
        let found = delivery_attempt::Entity::find()
            .filter(delivery_attempt::Column::Org.eq(org.0))
            .filter(delivery_attempt::Column::Delivery.eq(delivery.0))
            .order_by_desc(delivery_attempt::Column::BeganAt)
            .order_by_desc(delivery_attempt::Column::Id);
        records(found.limit(limit).all(&self.db).await?)
    }
}

impl Tx<'_> {
    /// Adds an attempt to the log.
    pub async fn insert_attempt(&self, new: &Attempt) -> Result<(), StoreError> {
        let model = delivery_attempt::Model {
            id: new.id,
            org: new.org.0,
            delivery: new.delivery.0,
            began_at: new.began_at.as_millis(),
            duration_ms: super::row::int(new.duration_ms),
            status: new.status.map(i64::from),
            failure: new.failure.clone(),
            excerpt: new.excerpt.clone(),
        };
        insert::<delivery_attempt::Entity>(self.db(), vec![model]).await
    }

    /// Gives up deliveries that wait since before `until`, because their integration is disabled; at most `limit`.
    pub async fn give_up_deliveries(
        &self,
        until: Timestamp,
        at: Timestamp,
        reason: &str,
        limit: u64,
    ) -> Result<u64, StoreError> {
        let mut disabled = Query::select();
        disabled.column("id").from("integration");
        disabled.and_where(Expr::col("disabled_at").is_not_null());
        let mut old = Query::select();
        old.column("id").from("delivery").limit(limit);
        old.and_where(Expr::col("state").eq(DeliveryState::Pending.as_str()));
        old.and_where(Expr::col("integration").in_subquery(disabled));
        old.and_where(Expr::col("since").lt(until.as_millis()));
        let done = delivery::Entity::update_many()
            .col_expr(delivery::Column::State, Expr::value(DeliveryState::Dead.as_str()))
            .col_expr(delivery::Column::Failure, Expr::value(reason))
            .col_expr(delivery::Column::SettledAt, Expr::value(at.as_millis()))
            .filter(delivery::Column::Id.in_subquery(old))
            .exec(self.db())
            .await?;
        Ok(done.rows_affected)
    }

    /// Forgets deliveries that were settled before `until`, with their attempts; at most `limit` of them.
    pub async fn forget_deliveries(&self, until: Timestamp, limit: u64) -> Result<u64, StoreError> {
        let mut old = Query::select();
        old.column("id").from("delivery").limit(limit);
        old.and_where(Expr::col("settled_at").lt(until.as_millis()));
        old.order_by("settled_at", sea_orm::sea_query::Order::Asc);
        old.order_by("id", sea_orm::sea_query::Order::Asc);
        let mut attempts = Query::delete();
        attempts.from_table("delivery_attempt");
        attempts.and_where(Expr::col("delivery").in_subquery(old.clone()));
        self.db().execute(&attempts).await?;
        let mut deliveries = Query::delete();
        deliveries.from_table("delivery").and_where(Expr::col("id").in_subquery(old));
        Ok(self.db().execute(&deliveries).await?.rows_affected())
    }
}

impl TryFrom<delivery_attempt::Model> for Attempt {
    type Error = StoreError;

    fn try_from(model: delivery_attempt::Model) -> Result<Self, Self::Error> {
        let row = Row::new("delivery_attempt", model.id);
        let status = model.status.map(u16::try_from).transpose();
        Ok(Self {
            id: model.id,
            org: OrganizationId(model.org),
            delivery: DeliveryId(model.delivery),
            began_at: Timestamp::from_millis(model.began_at),
            duration_ms: row.count(model.duration_ms)?,
            status: status.map_err(|error| row.corrupt(error))?,
            failure: model.failure,
            excerpt: model.excerpt,
        })
    }
}
