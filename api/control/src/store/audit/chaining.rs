//! Giving events their place in a chain.

use engine::audit::{Event, Head};
use engine::id::OrganizationId;
use engine::{Digest, Timestamp};
use sea_orm::{ConnectionTrait, DbErr, QueryResult, Statement, Value as Sql};
use serde_json::Value;
use uuid::Uuid;

use super::{AuditEvent, key, something};
use crate::store::StoreError;
use crate::store::entity::audit_event;
use crate::store::row::{Row, bytes, insert, int};
use crate::store::session::Session;

/// Largest `before`, `after` or `detail` of an event, in bytes of canonical JSON; of a larger one the digest is kept.
const VALUE_BYTES_MAX: usize = 16 << 10;
/// How many older events are chained at a time.
const BATCH: usize = 1_000;

const ADVANCE: &str =
    "UPDATE audit_head SET position = position + $1 WHERE org = $2 RETURNING position, digest";
const BEGIN: &str =
    "INSERT INTO audit_head (org, position) VALUES ($1, 0) ON CONFLICT (org) DO NOTHING";
const SETTLE: &str = "UPDATE audit_head SET digest = $1 WHERE org = $2";

/// Adds events of one chain after its head, which stays locked until the commit.
pub(super) async fn append(
    db: &Session<'_>,
    seq: u64,
    events: &[AuditEvent],
) -> Result<(), StoreError> {
    let Some(org) = events.first().map(|event| event.org) else { return Ok(()) };
    let count = u64::try_from(events.len()).unwrap_or(u64::MAX);
    let mut head = advance(db, org, count).await?;
    let mut models = Vec::with_capacity(events.len());
    for event in events {
        let (next, model) = link(head, event, seq)?;
        head = Some(next);
        models.push(model);
    }
    insert::<audit_event::Entity>(db, models).await?;
    settle(db, org, head).await
}

/// Locks the head, moves it by `count` and answers where it was; none for a new chain.
async fn advance(
    db: &impl ConnectionTrait,
    org: Option<OrganizationId>,
    count: u64,
) -> Result<Option<Head>, StoreError> {
    let take = || statement(db, ADVANCE, [int(count).into(), key(org).into()]);
    let mut row = db.query_one_raw(take()).await?;
    if row.is_none() {
        db.execute_raw(statement(db, BEGIN, [key(org).into()])).await?;
        row = db.query_one_raw(take()).await?;
    }
    let at = Row::new("audit_head", key(org));
    let row = row.ok_or_else(|| at.corrupt("it is missing"))?;
    let position = at.count(row.try_get("", "position")?)?.saturating_sub(count);
    let digest: Option<Vec<u8>> = row.try_get("", "digest")?;
    let Some(digest) = digest else { return Ok(None) };
    Ok(Some(Head { position, digest: at.digest(&digest)? }))
}

async fn settle(
    db: &impl ConnectionTrait,
    org: Option<OrganizationId>,
    head: Option<Head>,
) -> Result<(), StoreError> {
    let Some(head) = head else { return Ok(()) };
    let values = [bytes(head.digest).into(), key(org).into()];
    db.execute_raw(statement(db, SETTLE, values)).await?;
    Ok(())
}

/// The row of the event after `last`, and the new head.
fn link(
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
    let place = "UPDATE audit_event SET position = $1, previous = $2, digest = $3 WHERE id = $4";
    loop {
        let owner: Vec<Sql> = org.iter().map(|org| org.0.into()).collect();
        let rows = db.query_all_raw(statement(db, &oldest, owner)).await?;
        if rows.is_empty() {
            return Ok(());
        }
        let mut head = advance(db, org, u64::try_from(rows.len()).unwrap_or(u64::MAX)).await?;
        for row in rows {
            let (seq, event) = older(&row, org)?;
            let (next, model) = link(head, &event, seq)?;
            let (position, id) = (model.position, model.id);
            let values = [position.into(), model.previous.into(), model.digest.into(), id.into()];
            db.execute_raw(statement(db, place, values)).await?;
            head = Some(next);
        }
        settle(db, org, head).await?;
    }
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
