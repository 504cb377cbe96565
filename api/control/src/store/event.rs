//! What must be told to others.

use std::collections::{BTreeMap, BTreeSet};

use engine::Timestamp;
use engine::id::OrganizationId;
use sea_orm::sea_query::{Expr, ExprTrait, Query};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde_json::Value;
use uuid::Uuid;

use super::entity::outbox_event;
use super::row::{Row, insert, int, json, record, records, time};
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
    /// When it was handed on: a delivery was made for everyone who wants to know of it.
    pub delivered_at: Option<Timestamp>,
}

impl Reader<'_> {
    /// The event of that identifier.
    pub async fn event(
        &self,
        org: OrganizationId,
        id: Uuid,
    ) -> Result<Option<OutboxEvent>, StoreError> {
        let found =
            outbox_event::Entity::find_by_id(id).filter(outbox_event::Column::Org.eq(org.0));
        let found: Option<Sequenced<OutboxEvent>> = record(found.one(&self.db).await?)?;
        Ok(found.map(|event| event.record))
    }

    /// The types of those events.
    pub async fn event_types(
        &self,
        org: OrganizationId,
        ids: &[Uuid],
    ) -> Result<BTreeMap<Uuid, String>, StoreError> {
        let found = outbox_event::Entity::find()
            .select_only()
            .columns([outbox_event::Column::Id, outbox_event::Column::Kind])
            .filter(outbox_event::Column::Org.eq(org.0))
            .filter(outbox_event::Column::Id.is_in(ids.iter().copied()));
        let found: Vec<(Uuid, String)> = found.into_tuple().all(&self.db).await?;
        Ok(found.into_iter().collect())
    }

    /// Events of every organization, handed on or not, oldest first.
    pub async fn events(&self, limit: u64) -> Result<Vec<Sequenced<OutboxEvent>>, StoreError> {
        let found = outbox_event::Entity::find()
            .order_by_asc(outbox_event::Column::Seq)
            .order_by_asc(outbox_event::Column::Id);
        records(found.limit(limit).all(&self.db).await?)
    }

    /// Events that are not handed on yet, oldest first.
    pub async fn waiting_events(
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

    /// Notes that events are handed on. Answers those that were not before: of two that try, one goes on.
    pub async fn hand_on(&self, ids: &[Uuid], at: Timestamp) -> Result<BTreeSet<Uuid>, StoreError> {
        let mut update = Query::update();
        update.table("outbox_event").value("delivered_at", at.as_millis());
        update.and_where(Expr::col("id").is_in(ids.iter().copied()));
        update.and_where(Expr::col("delivered_at").is_null());
        update.returning_col("id");
        let rows = self.db().query_all(&update).await?;
        rows.iter().map(|row| Ok(row.try_get("", "id")?)).collect()
    }

    /// Forgets events that were handed on before `until` and that no delivery names, at most `limit` of them.
    pub async fn forget_events(&self, until: Timestamp, limit: u64) -> Result<u64, StoreError> {
        let mut named = Query::select();
        named.expr(Expr::val(1)).from("delivery");
        named.and_where(Expr::col(("delivery", "event")).equals(("outbox_event", "id")));
        let mut old = Query::select();
        old.column("id").from("outbox_event").limit(limit);
        old.and_where(Expr::col("delivered_at").lt(until.as_millis()));
        old.and_where(Expr::exists(named).not());
        let mut delete = Query::delete();
        delete.from_table("outbox_event").and_where(Expr::col("id").in_subquery(old));
        Ok(self.db().execute(&delete).await?.rows_affected())
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
