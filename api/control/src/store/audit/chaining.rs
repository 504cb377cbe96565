//! Giving events their place in a chain.

use std::collections::{BTreeMap, BTreeSet};

use engine::audit::{Event, Head};
use engine::id::OrganizationId;
use engine::{Digest, Timestamp};
use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, InsertMany, IntoActiveModel, QueryFilter,
    QueryResult, Statement, Value as Sql,
};
use serde_json::Value;
use uuid::Uuid;

use super::{AuditEvent, head_of, key, something};
use crate::store::StoreError;
use crate::store::entity::{audit_event, audit_head};
use crate::store::row::{Row, bytes, int};

/// Largest `before`, `after` or `detail` of an event, in bytes of canonical JSON; of a larger one the digest is kept.
const VALUE_BYTES_MAX: usize = 16 << 10;
/// How many older events are chained at a time.
const BATCH: usize = 1_000;

/// Events in their places, and where their chains end then. Both are to be written in the same transaction.
#[derive(Debug, Default)]
pub(in crate::store) struct Linked {
    pub(in crate::store) events: Vec<audit_event::Model>,
    pub(in crate::store) heads: Vec<audit_head::Model>,
}

/// Links events, each with its sequence number, to the heads of their chains, of one organization or of many.
///
/// Nobody else may move a head meanwhile: the transaction must have taken a sequence number before.
pub(in crate::store) async fn link(
    db: &impl ConnectionTrait,
    events: &[(u64, &AuditEvent)],
) -> Result<Linked, StoreError> {
    let mut heads = heads(db, events.iter().map(|(_, event)| key(event.org)).collect()).await?;
    let mut linked = Linked::default();
    for (seq, event) in events {
        let last = heads.get(&key(event.org)).copied();
        let (head, model) = place(last, event, *seq)?;
        heads.insert(key(event.org), head);
        linked.events.push(model);
    }
    linked.heads = heads.into_iter().map(|(org, head)| head_model(org, head)).collect();
    Ok(linked)
}

/// Moves heads to where they are now.
pub(in crate::store) fn moved(
    heads: Vec<audit_head::Model>,
) -> InsertMany<audit_head::ActiveModel> {
    let mut taken = OnConflict::column(audit_head::Column::Org);
    taken.update_columns([audit_head::Column::Position, audit_head::Column::Digest]);
    let heads = heads.into_iter().map(IntoActiveModel::into_active_model);
    audit_head::Entity::insert_many(heads).on_conflict(taken)
}

/// The heads of those chains that have one.
async fn heads(
    db: &impl ConnectionTrait,
    keys: BTreeSet<Uuid>,
) -> Result<BTreeMap<Uuid, Head>, StoreError> {
    let found = audit_head::Entity::find().filter(audit_head::Column::Org.is_in(keys));
    let mut heads = BTreeMap::new();
    for model in found.all(db).await? {
        let org = model.org;
        heads.extend(head_of(&model)?.map(|head| (org, head)));
    }
    Ok(heads)
}

fn head_model(org: Uuid, head: Head) -> audit_head::Model {
    audit_head::Model { org, position: int(head.position), digest: Some(bytes(head.digest)) }
}

/// The row of the event after `last`, and the new head.
fn place(
    last: Option<Head>,
    event: &AuditEvent,
    seq: u64,
) -> Result<(Head, audit_event::Model), StoreError> {
    let row = Row::new("audit_event", event.id);
    let wrong = |error: engine::canonical::CanonicalError| row.corrupt(error);
    let sealed = Event {
        organization: event.org,
        position: last.map_or(0, |last| last.position).saturating_add(1),
        previous: last.map(|last| last.digest),
        id: event.id,
        at: event.created_at,
        seq,
        actor: event.actor.clone(),
        action: event.action.clone(),
        target: event.target.clone(),
        before: kept(event.before.as_ref()).map_err(wrong)?,
        after: kept(event.after.as_ref()).map_err(wrong)?,
        detail: kept(event.detail.as_ref()).map_err(wrong)?,
    };
    let sealed = sealed.seal().map_err(wrong)?;
    let head = Head { position: sealed.event.position, digest: sealed.digest };
    Ok((head, model(sealed)))
}

/// The value as it is kept: not at all when it says nothing, as its digest when it is too large or when its text does
/// not read back as itself, which some fractions do not.
fn kept(value: Option<&Value>) -> Result<Option<Value>, engine::canonical::CanonicalError> {
    let Some(value) = value.filter(|value| something(value)) else { return Ok(None) };
    let text = engine::canonical::to_bytes(value)?;
    let again = serde_json::from_slice::<Value>(&text).ok();
    let stable = again.map(|again| engine::canonical::to_bytes(&again)).transpose()?;
    if text.len() <= VALUE_BYTES_MAX && stable.as_ref() == Some(&text) {
        return Ok(Some(value.clone()));
    }
    let digest = Digest::of(&text);
    Ok(Some(serde_json::json!({ "omitted_bytes": text.len(), "digest": digest })))
}

fn model(sealed: engine::audit::Entry) -> audit_event::Model {
    let engine::audit::Entry { digest, event } = sealed;
    let text = |value: Option<Value>| value.map(|value| value.to_string());
    audit_event::Model {
        id: event.id,
        org: event.organization.map(|org| org.0),
        seq: int(event.seq),
        actor: event.actor,
        action: event.action,
        target: event.target,
        detail: text(event.detail).unwrap_or_else(|| "{}".to_owned()),
        created_at: event.at.as_millis(),
        position: Some(int(event.position)),
        before: text(event.before),
        after: text(event.after),
        previous: event.previous.map(bytes),
        digest: Some(bytes(digest)),
    }
}

/// Chains the events that were there before there were chains, from the oldest.
///
/// Names its columns, so that a later migration's columns do not matter: at that point they are not there yet.
pub(in crate::store) async fn chain_existing(db: &impl ConnectionTrait) -> Result<(), DbErr> {
    let owners = "SELECT DISTINCT org FROM audit_event ORDER BY org";
    let owners = db.query_all_raw(statement(db, owners, [])).await?;
    for owner in owners {
        let org: Option<Uuid> = owner.try_get("", "org")?;
        chain_of(db, org.map(OrganizationId))
            .await
            .map_err(|error| DbErr::Custom(error.to_string()))?;
    }
    Ok(())
}

async fn chain_of(
    db: &impl ConnectionTrait,
    org: Option<OrganizationId>,
) -> Result<(), StoreError> {
    let whose = org.map_or("org IS NULL", |_| "org = $1");
    let oldest = format!(
        "SELECT id, seq, actor, action, target, detail, created_at FROM audit_event \
         WHERE {whose} AND position IS NULL ORDER BY seq, id LIMIT {BATCH}"
    );
    let chain = "UPDATE audit_event SET position = $1, previous = $2, digest = $3 WHERE id = $4";
    let mut head = None;
    loop {
        let owner: Vec<Sql> = org.iter().map(|org| org.0.into()).collect();
        let rows = db.query_all_raw(statement(db, &oldest, owner)).await?;
        if rows.is_empty() {
            break;
        }
        for row in rows {
            let (seq, event) = older(&row, org)?;
            let (next, model) = place(head, &event, seq)?;
            let (position, id) = (model.position, model.id);
            let values = [position.into(), model.previous.into(), model.digest.into(), id.into()];
            db.execute_raw(statement(db, chain, values)).await?;
            head = Some(next);
        }
    }
    let Some(head) = head else { return Ok(()) };
    let begin = "INSERT INTO audit_head (org, position, digest) VALUES ($1, $2, $3)";
    let values = [key(org).into(), int(head.position).into(), bytes(head.digest).into()];
    db.execute_raw(statement(db, begin, values)).await?;
    Ok(())
}

/// An event of the time before chains, and its sequence number.
fn older(row: &QueryResult, org: Option<OrganizationId>) -> Result<(u64, AuditEvent), StoreError> {
    let id: Uuid = row.try_get("", "id")?;
    let at = Row::new("audit_event", id);
    let event = AuditEvent {
        id,
        org,
        actor: row.try_get("", "actor")?,
        action: row.try_get("", "action")?,
        target: row.try_get("", "target")?,
        before: None,
        after: None,
        detail: Some(at.json(&row.try_get::<String>("", "detail")?)?),
        created_at: Timestamp::from_millis(row.try_get("", "created_at")?),
    };
    Ok((at.count(row.try_get("", "seq")?)?, event))
}

fn statement(
    db: &impl ConnectionTrait,
    sql: &str,
    values: impl IntoIterator<Item = Sql>,
) -> Statement {
    Statement::from_sql_and_values(db.get_database_backend(), sql, values)
}
