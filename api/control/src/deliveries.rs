//! What became of the events that integrations were to be told of.

use std::collections::BTreeMap;

use engine::id::{DeliveryId, IntegrationId, OrganizationId};
use engine::{Name, Timestamp};
use serde_json::json;
use uuid::Uuid;

use crate::actor::{Actor, Permission};
use crate::audit::Change;
use crate::store::{self, Attempt, DeliveryFilter, DeliveryState, Reader};
use crate::{Control, Error, Page, Result, audit, fresh, integrations, now};

/// One event on its way to one integration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Its identifier.
    pub id: DeliveryId,
    /// Who is told.
    pub integration: Name,
    /// The identifier of the event; every attempt sends the same.
    pub event: Uuid,
    /// The type of the event.
    pub event_type: String,
    /// What became of it.
    pub state: DeliveryState,
    /// How many attempts were begun since it was made, or asked for again.
    pub attempts: u32,
    /// When the next attempt is due; none when there is none.
    pub due_at: Option<Timestamp>,
    /// The HTTP status that the last attempt was answered with.
    pub status: Option<u16>,
    /// Why the last attempt failed.
    pub failure: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When the last attempt began.
    pub attempted_at: Option<Timestamp>,
    /// When it was delivered or given up.
    pub settled_at: Option<Timestamp>,
    /// Its attempts, newest first. Only when one delivery is asked for.
    pub log: Vec<Attempt>,
}

/// How long deliveries are kept after they were delivered or given up, in days; and how long they wait for a disabled
/// integration.
pub const DELIVERY_DAYS: i64 = 30;
/// Most attempts that are shown of a delivery.
const LOG_MAX: u64 = 200;
/// How many deliveries are forgotten in one transaction.
const BATCH: u64 = 500;

impl Control {
    /// Lists deliveries, newest first. `after` is the `next` of the page before.
    pub async fn deliveries(
        &self,
        actor: &Actor,
        integration: Option<&Name>,
        state: Option<DeliveryState>,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<Delivery>> {
        let org = actor.authorize(Permission::EditIntegrations)?;
        let limit = self.page_size(limit)?;
        let after = after.map(str::parse::<DeliveryId>).transpose();
        let after = after.map_err(|error| Error::invalid(format!("`after`: {error}")))?;
        let read = self.store.read();
        let integration = match integration {
            Some(name) => Some(integrations::find(&read, org, name).await?.id),
            None => None,
        };
        let filter = DeliveryFilter { integration, state };
        let page = store::Page { after, limit: limit + 1 };
        let mut rows = read.list_deliveries(org, filter, page).await?;
        let more = rows.len() > usize::try_from(limit).unwrap_or(usize::MAX);
        if more {
            rows.pop();
        }
        let next = rows.last().filter(|_| more).map(|last| last.id.to_string());
        Ok(Page { items: describe(&read, org, rows).await?, next })
    }

    /// Shows a delivery.
    pub async fn delivery(&self, actor: &Actor, id: DeliveryId) -> Result<Delivery> {
        let org = actor.authorize(Permission::EditIntegrations)?;
        one(&self.store.read(), org, id).await
    }

    /// Delivers again what was delivered or given up, and now what waits for its next attempt, with its schedule from
    /// the beginning.
    pub async fn redeliver(&self, actor: &Actor, id: DeliveryId) -> Result<Delivery> {
        let org = actor.authorize(Permission::EditIntegrations)?;
        let (by, at) = (actor.clone(), now());
        self.store
            .write(move |tx| {
                let actor = by.clone();
                Box::pin(async move {
                    let before = row(&tx, org, id).await?;
                    let lost = || Error::internal(format!("the integration of delivery {id} is not there"));
                    let told = tx.integration(org, before.integration).await?.ok_or_else(lost)?;
                    integrations::check_enabled(&told)?;
                    let under_way = before.lease.is_some() && before.due_at > at;
                    if before.state == DeliveryState::Pending && under_way {
                        return Err(Error::Conflict(format!("the delivery {id} is under way")));
                    }
                    tx.renew_delivery(org, id, at).await?;
                    let side = |state: DeliveryState| json!({ "state": state.as_str(), "integration": told.name });
                    let change = Change::of(side(before.state), side(DeliveryState::Pending));
                    tx.insert_audit(&[audit::event(&actor, Some(org), "delivery.redeliver", id, change)])
                        .await?;
                    Ok(())
                })
            })
            .await?;
        one(&self.store.read(), org, id).await
    }
}

impl Control {
    /// Forgets what was told long ago, and gives up what waits for an integration that is disabled since long.
    pub async fn forget_deliveries(&self, at: Timestamp) -> Result<()> {
        let until = at.plus_days(-DELIVERY_DAYS);
        loop {
            let done = self.store.write(move |tx| {
                Box::pin(async move {
                    let reason = format!("the integration was disabled for {DELIVERY_DAYS} days");
                    let given_up = tx.give_up_deliveries(until, at, &reason, BATCH).await?;
                    let forgotten = tx.forget_deliveries(until, BATCH).await?;
                    let events = tx.forget_events(until, BATCH).await?;
                    Ok::<_, Error>([given_up, forgotten, events])
                })
            });
            if done.await?.iter().all(|count| *count < BATCH) {
                return Ok(());
            }
        }
    }
}

/// A delivery that is due at once.
pub(crate) fn new(
    org: OrganizationId,
    integration: IntegrationId,
    event: Uuid,
    at: Timestamp,
) -> store::Delivery {
    store::Delivery {
        id: DeliveryId(fresh()),
        org,
        integration,
        event,
        state: DeliveryState::Pending,
        attempts: 0,
        since: at,
        due_at: at,
        lease: None,
        status: None,
        failure: None,
        created_at: at,
        attempted_at: None,
        settled_at: None,
    }
}

/// The delivery of that identifier, as it is shown.
pub(crate) async fn one(
    read: &Reader<'_>,
    org: OrganizationId,
    id: DeliveryId,
) -> Result<Delivery> {
    let row = row(read, org, id).await?;
    let found = describe(read, org, vec![row]).await?.pop();
    let found = found.ok_or_else(|| Error::not_found("delivery", id))?;
    Ok(Delivery { log: read.attempts(org, id, LOG_MAX).await?, ..found })
}

async fn row(read: &Reader<'_>, org: OrganizationId, id: DeliveryId) -> Result<store::Delivery> {
    read.delivery(org, id).await?.ok_or_else(|| Error::not_found("delivery", id))
}

/// Deliveries with the names of what they refer to, in three statements.
async fn describe(
    read: &Reader<'_>,
    org: OrganizationId,
    rows: Vec<store::Delivery>,
) -> Result<Vec<Delivery>> {
    let names: BTreeMap<IntegrationId, Name> =
        read.integrations(org).await?.into_iter().map(|one| (one.id, one.name)).collect();
    let ids: Vec<Uuid> = rows.iter().map(|row| row.event).collect();
    let types = read.event_types(org, &ids).await?;
    // An integration that was removed between the statements has no deliveries any more.
    let shown = rows.into_iter().filter_map(|row| {
        Some(Delivery {
            id: row.id,
            integration: names.get(&row.integration)?.clone(),
            event: row.event,
            event_type: types.get(&row.event)?.clone(),
            state: row.state,
            attempts: row.attempts,
            due_at: (row.state == DeliveryState::Pending).then_some(row.due_at),
            status: row.status,
            failure: row.failure,
            created_at: row.created_at,
            attempted_at: row.attempted_at,
            settled_at: row.settled_at,
            log: Vec::new(),
        })
    });
    Ok(shown.collect())
}
