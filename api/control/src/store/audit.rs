//! What happened, for auditors: a chain of events for each organization, and one for the installation.
//!
//! The head of a chain is a row. Whoever adds to any chain holds the counter of sequence numbers, from before it reads
//! the head to the commit, so that positions have no gap and no fork whoever writes at once; a unique index refuses
//! what would be one. A job that fails in a group commit takes its savepoint's head back with it.

pub(super) mod chaining;

use engine::Timestamp;
use engine::audit::{Damage, Entry, Event, Head};
use engine::id::OrganizationId;
use sea_orm::sea_query::{Expr, ExprTrait, Func, SimpleExpr};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde_json::Value;
use uuid::Uuid;

pub(super) use self::chaining::chain_existing;
use super::entity::{audit_event, audit_head};
use super::row::{Row, insert, int};
use super::{Page, Reader, StoreError, Tx};

/// Most rows outside every chain that are named.
const OUTSIDE_MAX: u64 = 10;

/// Who did, or tried to do, what to what; not yet in its chain.
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
    /// What was there before.
    pub before: Option<Value>,
    /// What is there since.
    pub after: Option<Value>,
    /// Anything else worth keeping.
    pub detail: Option<Value>,
    /// When.
    pub created_at: Timestamp,
}

/// Which events a list holds; everything that is `None` matches. A text that ends in `*` matches what begins so.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Events by this actor.
    pub actor: Option<String>,
    /// Events of this action.
    pub action: Option<String>,
    /// Events about this target.
    pub target: Option<String>,
    /// Events at or after this time.
    pub since: Option<Timestamp>,
    /// Events before this time.
    pub until: Option<Timestamp>,
}

/// A row of the trail as it is stored now.
#[derive(Debug, Clone, PartialEq)]
pub enum TrailRow {
    /// It reads as an event; whether it is the one that was written, the chain says.
    Entry(Box<Entry>),
    /// It does not read as an event any more.
    Damaged(Damage),
}

impl Reader<'_> {
    /// Events of the chain, newest first; the cursor is a position. A damaged row is an error.
    pub async fn audit_events(
        &self,
        org: Option<OrganizationId>,
        filter: &AuditFilter,
        page: Page<u64>,
    ) -> Result<Vec<Entry>, StoreError> {
        let mut found = of_chain(org).filter(conditions(filter));
        if let Some(after) = page.after {
            found = found.filter(audit_event::Column::Position.lt(int(after)));
        }
        let ordered = found.order_by_desc(audit_event::Column::Position).limit(page.limit);
        ordered.all(&self.db).await?.into_iter().map(entry).collect()
    }

    /// Every row of the chain up to position `until`, oldest first, damaged or not. The cursor is a position and an
    /// identifier: in a chain that was tampered with a position may have several rows, and none must be passed over.
    pub async fn audit_trail(
        &self,
        org: Option<OrganizationId>,
        until: u64,
        page: Page<(u64, Uuid)>,
    ) -> Result<Vec<TrailRow>, StoreError> {
        let (position, id) = page.after.unwrap_or((0, Uuid::max()));
        let beside = Condition::all()
            .add(audit_event::Column::Position.eq(int(position)))
            .add(audit_event::Column::Id.gt(id));
        let later = audit_event::Column::Position.gt(int(position));
        let found = of_chain(org)
            .filter(Condition::any().add(later).add(beside))
            .filter(audit_event::Column::Position.lte(int(until)))
            .order_by_asc(audit_event::Column::Position)
            .order_by_asc(audit_event::Column::Id)
            .limit(page.limit);
        Ok(found.all(&self.db).await?.into_iter().map(trail_row).collect())
    }

    /// The head of the chain; none before its first event.
    pub async fn audit_head(
        &self,
        org: Option<OrganizationId>,
    ) -> Result<Option<Head>, StoreError> {
        let found = audit_head::Entity::find_by_id(key(org)).one(&self.db).await?;
        found.map_or(Ok(None), |model| head_of(&model))
    }

    /// Rows that belong to the chain's owner and are in no place of the chain; a few of them when there are many.
    pub async fn audit_outside(
        &self,
        org: Option<OrganizationId>,
    ) -> Result<Vec<Uuid>, StoreError> {
        // In one statement, so that an event that is written meanwhile is not taken for a stray one.
        let head = audit_head::Entity::find_by_id(key(org))
            .select_only()
            .column(audit_head::Column::Position);
        let head =
            SimpleExpr::SubQuery(None, Box::new(sea_orm::QueryTrait::into_query(head).into()));
        let beyond = Expr::col(audit_event::Column::Position).gt(Func::coalesce([head, 0.into()]));
        let stray = Condition::any()
            .add(audit_event::Column::Position.is_null())
            .add(audit_event::Column::Position.lt(1))
            .add(beyond);
        let found = of_chain(org).select_only().column(audit_event::Column::Id).filter(stray);
        let ordered = found.order_by_asc(audit_event::Column::Id).limit(OUTSIDE_MAX);
        Ok(ordered.into_tuple().all(&self.db).await?)
    }
}

impl Tx<'_> {
    /// Adds audit events to their chains under one new sequence number, which it answers.
    pub async fn insert_audit(&self, events: &[AuditEvent]) -> Result<u64, StoreError> {
        let seq = self.next_seq(1).await?;
        self.insert_audit_at(seq, events).await?;
        Ok(seq)
    }

    /// The same under a number that this transaction has taken already.
    pub(super) async fn insert_audit_at(
        &self,
        seq: u64,
        events: &[AuditEvent],
    ) -> Result<(), StoreError> {
        if events.is_empty() {
            return Ok(());
        }
        let events: Vec<_> = events.iter().map(|event| (seq, event)).collect();
        let linked = chaining::link(self.db(), &events).await?;
        insert::<audit_event::Entity>(self.db(), linked.events).await?;
        chaining::moved(linked.heads).exec_without_returning(self.db()).await?;
        Ok(())
    }
}

fn head_of(model: &audit_head::Model) -> Result<Option<Head>, StoreError> {
    let row = Row::new("audit_head", model.org);
    let position = row.count(model.position)?;
    let digest = model.digest.as_deref().map(|digest| row.digest(digest)).transpose()?;
    Ok(digest.map(|digest| Head { position, digest }))
}

/// The key of a chain's head.
fn key(org: Option<OrganizationId>) -> Uuid {
    org.map_or(Uuid::nil(), |org| org.0)
}

fn of_chain(org: Option<OrganizationId>) -> sea_orm::Select<audit_event::Entity> {
    let whose = org.map_or_else(
        || audit_event::Column::Org.is_null(),
        |org| audit_event::Column::Org.eq(org.0),
    );
    audit_event::Entity::find().filter(whose)
}

fn conditions(filter: &AuditFilter) -> Condition {
    let texts = [
        (audit_event::Column::Actor, &filter.actor),
        (audit_event::Column::Action, &filter.action),
        (audit_event::Column::Target, &filter.target),
    ];
    let texts =
        texts.into_iter().filter_map(|(column, text)| Some(matches(column, text.as_deref()?)));
    let since = filter.since.map(|at| audit_event::Column::CreatedAt.gte(at.as_millis()));
    let until = filter.until.map(|at| audit_event::Column::CreatedAt.lt(at.as_millis()));
    // What is not in the chain is not an event.
    let chained = audit_event::Column::Position.is_not_null();
    let all = texts.chain(since).chain(until).chain([chained]);
    all.fold(Condition::all(), Condition::add)
}

/// The whole text, or its beginning before a `*`. Not LIKE, which on SQLite does not tell `a` from `A`.
fn matches(column: audit_event::Column, text: &str) -> SimpleExpr {
    let Some(beginning) = text.strip_suffix('*') else { return column.eq(text) };
    let length = i32::try_from(beginning.chars().count()).unwrap_or(i32::MAX);
    let start = Func::cust("substr").arg(Expr::col(column)).arg(1).arg(length);
    SimpleExpr::from(start).eq(beginning)
}

fn trail_row(model: audit_event::Model) -> TrailRow {
    let (id, position) = (model.id, model.position);
    match entry(model) {
        Ok(entry) => TrailRow::Entry(Box::new(entry)),
        Err(error) => {
            let position = position.and_then(|position| u64::try_from(position).ok()).unwrap_or(0);
            TrailRow::Damaged(Damage { id, position, why: error.to_string() })
        }
    }
}

/// The entry as the row has it; the digest is the stored one.
fn entry(model: audit_event::Model) -> Result<Entry, StoreError> {
    let row = Row::new("audit_event", model.id);
    let missing = |what: &str| row.corrupt(format!("it has no {what}"));
    let json = |text: Option<String>| {
        let value = text.map(|text| row.json::<Value>(&text)).transpose()?;
        Ok::<_, StoreError>(value.filter(something))
    };
    let previous = model.previous.as_deref().map(|digest| row.digest(digest)).transpose()?;
    let digest = model.digest.as_deref().ok_or_else(|| missing("digest"))?;
    let event = Event {
        organization: model.org.map(OrganizationId),
        position: row.count(model.position.ok_or_else(|| missing("position"))?)?,
        previous,
        id: model.id,
        at: Timestamp::from_millis(model.created_at),
        seq: row.count(model.seq)?,
        actor: model.actor,
        action: model.action,
        target: model.target,
        before: json(model.before)?,
        after: json(model.after)?,
        detail: json(Some(model.detail))?,
    };
    Ok(Entry { digest: row.digest(digest)?, event })
}

/// Nothing is stored as no text, `null` or an empty map; an event then has no such member.
fn something(value: &Value) -> bool {
    !value.is_null() && value.as_object().is_none_or(|members| !members.is_empty())
}
