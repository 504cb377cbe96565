//! What happened, for auditors, and what must be told to others.

use engine::Timestamp;
use engine::id::OrganizationId;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde_json::Value;
use uuid::Uuid;

use super::entity::{audit_event, outbox_event};
use super::row::{Row, insert, int, json, records, time};
use super::{Page, Reader, Sequenced, StoreError, Tx};

/// Who did what to what.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditEvent {
    /// Its identifier.
    pub id: Uuid,
    /// Where it happened; none for the whole installation.
    pub org: Option<OrganizationId>,
    /// Who: a token's identifier or a person's.
    pub actor: String,
    /// What, such as `contract.revise`.
    pub action: String,
    /// To what.
    pub target: String,
    /// Anything else worth keeping.
    pub detail: Value,
    /// When.
    pub created_at: Timestamp,
}

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
    /// What happened in the organization, or to the installation, newest first; the cursor is a sequence number.
    pub async fn audit_events(
        &self,
        org: Option<OrganizationId>,
        page: Page<u64>,
    ) -> Result<Vec<Sequenced<AuditEvent>>, StoreError> {
        let whose = org.map_or_else(
            || audit_event::Column::Org.is_null(),
            |org| audit_event::Column::Org.eq(org.0),
        );
        let mut found = audit_event::Entity::find().filter(whose);
        if let Some(after) = page.after {
            found = found.filter(audit_event::Column::Seq.lt(int(after)));
        }
        let ordered =
            found.order_by_desc(audit_event::Column::Seq).order_by_desc(audit_event::Column::Id);
        records(ordered.limit(page.limit).all(&self.db).await?)
    }

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
    /// Adds audit events under one new sequence number, which it answers.
    pub async fn insert_audit(&self, events: &[AuditEvent]) -> Result<u64, StoreError> {
        let seq = self.next_seq(1).await?;
        self.insert_audit_at(seq, events).await?;
        Ok(seq)
    }

    /// Adds events to deliver under one new sequence number, which it answers.
    pub async fn insert_outbox(&self, events: &[OutboxEvent]) -> Result<u64, StoreError> {
        let seq = self.next_seq(1).await?;
        self.insert_outbox_at(seq, events).await?;
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

    pub(super) async fn insert_audit_at(
        &self,
        seq: u64,
        events: &[AuditEvent],
    ) -> Result<(), StoreError> {
        let models = events.iter().map(|event| {
            Ok(audit_event::Model {
                id: event.id,
                org: event.org.map(|org| org.0),
                seq: int(seq),
                actor: event.actor.clone(),
                action: event.action.clone(),
                target: event.target.clone(),
                detail: json("audit_event", &event.detail)?,
                created_at: event.created_at.as_millis(),
            })
        });
        let models = models.collect::<Result<Vec<_>, StoreError>>()?;
        insert::<audit_event::Entity>(self.db(), models).await
    }

    pub(super) async fn insert_outbox_at(
        &self,
        seq: u64,
        events: &[OutboxEvent],
    ) -> Result<(), StoreError> {
        let models = events.iter().map(|event| {
            Ok(outbox_event::Model {
                id: event.id,
                org: event.org.0,
                seq: int(seq),
                kind: event.kind.clone(),
                payload: json("outbox_event", &event.payload)?,
                created_at: event.created_at.as_millis(),
                delivered_at: event.delivered_at.map(Timestamp::as_millis),
            })
        });
        let models = models.collect::<Result<Vec<_>, StoreError>>()?;
        insert::<outbox_event::Entity>(self.db(), models).await
    }
}

impl TryFrom<audit_event::Model> for Sequenced<AuditEvent> {
    type Error = StoreError;

    fn try_from(model: audit_event::Model) -> Result<Self, Self::Error> {
        let row = Row::new("audit_event", model.id);
        let record = AuditEvent {
            id: model.id,
            org: model.org.map(OrganizationId),
            actor: model.actor,
            action: model.action,
            target: model.target,
            detail: row.json(&model.detail)?,
            created_at: Timestamp::from_millis(model.created_at),
        };
        Ok(Self { seq: row.count(model.seq)?, record })
    }
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
