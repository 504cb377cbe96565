//! What auditors are told, and what they ask: every change and every denied attempt.

use std::fmt::Display;

use engine::audit::{End, Entry, Head, Line};
use engine::id::OrganizationId;
use futures::TryStreamExt;
use futures::stream::{self, BoxStream};
use serde_json::Value;
use uuid::Uuid;

use crate::actor::{Actor, Permission};
use crate::store::{self, AuditEvent, AuditFilter, TrailRow};
use crate::{Control, Error, Page, Result, fresh, now};

/// How many rows an export reads at a time.
const BATCH: u64 = 500;

/// Both sides of a change. What a use case hands in here is read by auditors: names and digests, never a secret.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Change {
    before: Option<Value>,
    after: Option<Value>,
}

impl Change {
    /// Something new.
    pub(crate) const fn made(after: Value) -> Self {
        Self { before: None, after: Some(after) }
    }

    /// Something that is different now.
    pub(crate) const fn of(before: Value, after: Value) -> Self {
        Self { before: Some(before), after: Some(after) }
    }

    /// A new revision, of something that may be new itself.
    pub(crate) const fn revised(before: Option<Value>, after: Value) -> Self {
        Self { before, after: Some(after) }
    }
}

impl From<Value> for Change {
    fn from(after: Value) -> Self {
        Self::made(after)
    }
}

/// An event about something that `actor` did to `target`.
pub(crate) fn event(
    actor: &Actor,
    org: Option<OrganizationId>,
    action: &str,
    target: impl Display,
    change: impl Into<Change>,
) -> AuditEvent {
    by(actor.label(), org, action, target, change)
}

/// The same for an actor who has no token: a part of the server, or someone who was not let in.
pub(crate) fn by(
    actor: impl Into<String>,
    org: Option<OrganizationId>,
    action: &str,
    target: impl Display,
    change: impl Into<Change>,
) -> AuditEvent {
    let Change { before, after } = change.into();
    AuditEvent {
        id: fresh(),
        org,
        actor: actor.into(),
        action: action.to_owned(),
        target: target.to_string(),
        before,
        after,
        detail: None,
        created_at: now(),
    }
}

impl Control {
    /// Events of the actor's chain, newest first. `after` is the `next` of the page before.
    pub async fn audit_events(
        &self,
        actor: &Actor,
        filter: &AuditFilter,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<Entry>> {
        let chain = actor.authorize_chain(Permission::ReadAudit)?;
        let limit = self.page_size(limit)?;
        let wrong = |_error| Error::invalid("`after` is not the `next` of a page of audit events");
        let after = after.map(str::parse::<u64>).transpose().map_err(wrong)?;
        let page = store::Page { after, limit: limit + 1 };
        let mut items = self.store.read().audit_events(chain, filter, page).await?;
        let more = items.len() > usize::try_from(limit).unwrap_or(usize::MAX);
        if more {
            items.pop();
        }
        let next = items.last().filter(|_| more).map(|last| last.event.position.to_string());
        Ok(Page { items, next })
    }

    /// The head of the actor's chain: note it somewhere else, and nobody can cut the chain unnoticed.
    pub async fn audit_head(&self, actor: &Actor) -> Result<Option<Head>> {
        let chain = actor.authorize_chain(Permission::ReadAudit)?;
        Ok(self.store.read().audit_head(chain).await?)
    }

    /// The actor's chain after position `after` as lines, oldest first, up to the head that it has now. Rows that were
    /// tampered with are there as they are: whoever reads the lines recomputes the chain and finds them.
    pub async fn audit_trail(
        &self,
        actor: &Actor,
        after: u64,
    ) -> Result<BoxStream<'static, Result<Line>>> {
        let chain = actor.authorize_chain(Permission::ReadAudit)?;
        let head = self.store.read().audit_head(chain).await?;
        let until = head.map_or(0, |head| head.position);
        if after > until {
            return Err(Error::Conflict(format!(
                "the chain ends at position {until}, before {after}"
            )));
        }
        let after = (after, Uuid::max());
        let trail = Trail { control: self.clone(), chain, head, after, ended: false };
        Ok(Box::pin(stream::try_unfold(trail, Trail::next).map_ok(stream_of).try_flatten()))
    }
}

fn stream_of(lines: Vec<Line>) -> BoxStream<'static, Result<Line>> {
    Box::pin(stream::iter(lines.into_iter().map(Ok)))
}

/// An export on its way.
struct Trail {
    control: Control,
    chain: Option<OrganizationId>,
    head: Option<Head>,
    after: (u64, Uuid),
    ended: bool,
}

impl Trail {
    /// The next lines; the last of them is the end.
    async fn next(mut self) -> Result<Option<(Vec<Line>, Self)>> {
        if self.ended {
            return Ok(None);
        }
        let read = self.control.store.read();
        let until = self.head.map_or(0, |head| head.position);
        let page = store::Page { after: Some(self.after), limit: BATCH };
        let rows = read.audit_trail(self.chain, until, page).await?;
        let Some(last) = rows.last().map(place) else {
            let outside = read.audit_outside(self.chain).await?;
            let end = End { organization: self.chain, head: self.head, outside };
            self.ended = true;
            return Ok(Some((vec![Line::End(end)], self)));
        };
        self.after = last;
        Ok(Some((rows.into_iter().map(line).collect(), self)))
    }
}

fn place(row: &TrailRow) -> (u64, Uuid) {
    match row {
        TrailRow::Entry(entry) => (entry.event.position, entry.event.id),
        TrailRow::Damaged(damage) => (damage.position, damage.id),
    }
}

fn line(row: TrailRow) -> Line {
    match row {
        TrailRow::Entry(entry) => Line::Entry(entry),
        TrailRow::Damaged(damage) => Line::Damaged(damage),
    }
}
