//! What must be told to others.

use engine::Timestamp;
use engine::id::OrganizationId;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde_json::Value;
use uuid::Uuid;

use super::entity::outbox_event;
use super::row::{Row, insert, int, json, records, time};
use super::{Reader, Sequenced, StoreError, Tx};

/// Something to deliver to the outside, at least once.
#[derive(Debug, Clone, PartialEq)]
pub struct OutboxEvent {
    /// Its identifier; receivers drop a second delivery by it.
    pub id: Uuid,
    /// Whose it is.
    pub org: OrganizationId,
    /// What happened, such as `attestation.received`.
    pub kind: String,
    /// What is sent.
    pub payload: Value,
    /// When it happened.
    pub created_at: Timestamp,
    /// When it was delivered.
    pub delivered_at: Option<Timestamp>,
}

impl Reader<'_> {
    /// Events that are not delivered yet, oldest first.
    pub async fn undelivered_events(
        &self,
        limit: u64,
    ) -> Result<Vec<Sequenced<OutboxEvent>>, StoreError> {
        let found = outbox_event::Entity::find()
            .filter(outbox_event::Column::DeliveredAt.is_null())
            .order_by_asc(outbox_event::Column::Seq)
            .order_by_asc(outbox_event::Column::Id);
        records(found.limit(limit).all(&self.db).await?)
    }
}

impl Tx<'_> {
    /// Adds events to deliver under one new sequence number, which it answers.
    pub async fn insert_outbox(&self, events: &[OutboxEvent]) -> Result<u64, StoreError> {
        let seq = self.next_seq(1).await?;
        insert::<outbox_event::Entity>(self.db(), outbox_models(seq, events)?).await?;
        Ok(seq)
    }

    /// Notes that an event was delivered. Doing so again changes nothing.
    pub async fn mark_delivered(&self, id: Uuid, at: Timestamp) -> Result<(), StoreError> {
        outbox_event::Entity::update_many()
            .col_expr(outbox_event::Column::DeliveredAt, Expr::value(at.as_millis()))
            .filter(outbox_event::Column::Id.eq(id))
            .filter(outbox_event::Column::DeliveredAt.is_null())
            .exec(self.db())
            .await?;
        Ok(())
    }
}

pub(super) fn outbox_models(
    seq: u64,
    events: &[OutboxEvent],
) -> Result<Vec<outbox_event::Model>, StoreError> {
    let model = |event: &OutboxEvent| {
        Ok(outbox_event::Model {
            id: event.id,
            org: event.org.0,
            seq: int(seq),
            kind: event.kind.clone(),
            payload: json("outbox_event", &event.payload)?,
            created_at: event.created_at.as_millis(),
            delivered_at: event.delivered_at.map(Timestamp::as_millis),
        })
    };
    events.iter().map(model).collect()
}

impl TryFrom<outbox_event::Model> for Sequenced<OutboxEvent> {
    type Error = StoreError;

    fn try_from(model: outbox_event::Model) -> Result<Self, Self::Error> {
        let row = Row::new("outbox_event", model.id);
        let record = OutboxEvent {
            id: model.id,
            org: OrganizationId(model.org),
            kind: model.kind,
            payload: row.json(&model.payload)?,
            created_at: Timestamp::from_millis(model.created_at),
            delivered_at: time(model.delivered_at),
        };
        Ok(Self { seq: row.count(model.seq)?, record })
    }
}
