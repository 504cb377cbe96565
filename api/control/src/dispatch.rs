//! Telling integrations of what happened: at least once, for days, by any replica.
//!
//! A receipt writes its event in its own transaction. Here events are *handed on*: one transaction marks them and
//! adds a delivery for every integration that wants to know, so that a crash loses and doubles none. A delivery is
//! then *leased*, sent, and *settled*. A lease is a conditional update: of any number of replicas one gets it, and when
//! that one dies the lease ends and the delivery is due again. Only such a death, or an answer that was lost, makes a
//! receiver see an event twice, under the same identifier.

mod attempt;
mod busy;
mod cdevents;
mod evidence;
mod mail;
mod message;
mod referrers;
mod schedule;

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

pub(crate) use busy::Busy;
use busy::Slot;
use engine::Timestamp;
use engine::id::{DeliveryId, OrganizationId};
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;
use uuid::Uuid;

use crate::store::{self, OutboxEvent, Sequenced, Tx};
use crate::{Control, Error, Result, deliveries, events, fresh};

/// How long a lease goes on after the attempt must have ended, for the time that the database takes.
const LEASE_MARGIN: Duration = Duration::from_secs(5);
/// How often the database is asked for what is due.
const PERIOD: Duration = Duration::from_secs(1);
/// Most events that are handed on in one transaction.
const EVENTS_MAX: u64 = 500;
/// Most integrations that are looked at together.
const INTEGRATIONS_MAX: u64 = 100;

/// A delivery that is ours until its lease ends.
#[derive(Debug)]
struct Claim {
    delivery: store::Delivery,
    integration: Arc<store::Integration>,
    lease: Uuid,
    _slot: Slot,
}

impl Control {
    /// Delivers what is due, again and again, until `stopped`; then begins nothing, and ends when the attempts that are
    /// under way are settled. An attempt that was cut off would be made again, although its receiver has the event.
    /// Safe on every replica.
    pub async fn dispatch(&self, stopped: impl Future<Output = ()>) {
        let mut ticks = tokio::time::interval(PERIOD);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut attempts = JoinSet::new();
        let mut stopped = std::pin::pin!(stopped);
        loop {
            tokio::select! {
                biased;
                () = &mut stopped => break,
                _ = ticks.tick() => {}
                Some(_ended) = attempts.join_next() => {}
            }
            let at = crate::now();
            match self.claim_due(at).await {
                Ok(claims) => claims.into_iter().for_each(|claim| {
                    let control = self.clone();
                    attempts.spawn(async move { control.attempt(claim, at).await });
                }),
                Err(error) => tracing::error!(%error, "deliveries could not be begun"),
            }
        }
        while attempts.join_next().await.is_some() {}
    }

    /// Hands on what happened, and attempts what is due at `at`, once. Answers how many attempts there were.
    pub async fn deliver_due(&self, at: Timestamp) -> Result<usize> {
        let claims = self.claim_due(at).await?;
        let count = claims.len();
        futures::future::join_all(claims.into_iter().map(|claim| self.attempt(claim, at))).await;
        Ok(count)
    }

    async fn claim_due(&self, at: Timestamp) -> Result<Vec<Claim>> {
        self.hand_on(at).await?;
        let read = self.store.read();
        let mut claims = Vec::new();
        for due in read.integrations_due(at, &self.busy.full(), INTEGRATIONS_MAX).await? {
            let room = self.busy.room(due.org, due.id);
            if room == 0 {
                continue;
            }
            let integration = Arc::new(due);
            let due = read.deliveries_due(integration.id, at, room).await?;
            claims.extend(self.claim(&integration, due, at).await?);
        }
        Ok(claims)
    }

    /// Makes a delivery for everyone who wants to know of what happened.
    async fn hand_on(&self, at: Timestamp) -> Result<()> {
        loop {
            let events = self.store.read().waiting_events(EVENTS_MAX).await?;
            if events.is_empty() {
                return Ok(());
            }
            self.store
                .write(move |tx| {
                    let events = events.clone();
                    Box::pin(async move { hand_on(&tx, events, at).await })
                })
                .await?;
        }
    }

    /// Leases those of the deliveries that nobody else has.
    async fn claim(
        &self,
        integration: &Arc<store::Integration>,
        due: Vec<store::Delivery>,
        at: Timestamp,
    ) -> Result<Vec<Claim>> {
        let timeout = attempt::timeout(integration) + LEASE_MARGIN;
        let until = schedule::after(at, timeout);
        let claim = |delivery| Claim {
            _slot: self.busy.slot(integration.org, integration.id),
            integration: Arc::clone(integration),
            lease: fresh(),
            delivery,
        };
        let claims: Vec<Claim> = due.into_iter().map(claim).collect();
        let leases: Vec<(DeliveryId, Uuid)> =
            claims.iter().map(|claim| (claim.delivery.id, claim.lease)).collect();
        let ours = self.store.write(move |tx| {
            let leases = leases.clone();
            Box::pin(async move {
                let mut ours = BTreeSet::new();
                for (delivery, lease) in leases {
                    if tx.lease_delivery(delivery, lease, at, until).await? {
                        ours.insert(lease);
                    }
                }
                Ok::<_, Error>(ours)
            })
        });
        let ours = ours.await?;
        let mut claims = claims;
        claims.retain(|claim| ours.contains(&claim.lease));
        for claim in &mut claims {
            claim.delivery.attempts = claim.delivery.attempts.saturating_add(1);
        }
        Ok(claims)
    }

    /// Attempts one delivery, unless someone else does already.
    pub(crate) async fn attempt_now(
        &self,
        org: OrganizationId,
        id: DeliveryId,
        at: Timestamp,
    ) -> Result<()> {
        let read = self.store.read();
        let Some(delivery) = read.delivery(org, id).await? else { return Ok(()) };
        let integration = read.integration(org, delivery.integration).await?;
        let Some(integration) = integration.map(Arc::new) else { return Ok(()) };
        for claim in self.claim(&integration, vec![delivery], at).await? {
            self.attempt(claim, at).await;
        }
        Ok(())
    }
}

/// Those of the events that nobody else handed on, and what follows from them, get their deliveries.
async fn hand_on(
    tx: &Tx<'_>,
    mut events: Vec<Sequenced<OutboxEvent>>,
    at: Timestamp,
) -> Result<()> {
    let ids: Vec<Uuid> = events.iter().map(|event| event.record.id).collect();
    let ours = tx.hand_on(&ids, at).await?;
    events.retain(|event| ours.contains(&event.record.id));
    let orgs: BTreeSet<OrganizationId> = events.iter().map(|event| event.record.org).collect();
    let orgs: Vec<OrganizationId> = orgs.into_iter().collect();
    let mut known: BTreeMap<OrganizationId, Vec<store::Integration>> = BTreeMap::new();
    for integration in tx.integrations_of(&orgs).await? {
        known.entry(integration.org).or_default().push(integration);
    }
    let mut made = Vec::new();
    let mut follow = Vec::new();
    for Sequenced { seq, record: event } in events {
        let known = known.get(&event.org).into_iter().flatten();
        let known: Vec<&store::Integration> = known.filter(|one| one.seq < seq).collect();
        made.extend(wanted(&known, &event, at));
        if let Some(following) = events::following(&event) {
            let following = OutboxEvent { delivered_at: Some(at), ..following };
            let wanted = wanted(&known, &following, at);
            if !wanted.is_empty() {
                made.extend(wanted);
                follow.push(following);
            }
        }
    }
    if !follow.is_empty() {
        tx.insert_outbox(&follow).await?;
    }
    Ok(tx.insert_deliveries(&made).await?)
}

/// A delivery for every integration that wants to know of the event.
fn wanted(
    known: &[&store::Integration],
    event: &OutboxEvent,
    at: Timestamp,
) -> Vec<store::Delivery> {
    let name = events::name(&event.kind);
    let wants = known.iter().filter(|one| events::wanted(&one.events, name));
    wants.map(|one| deliveries::new(event.org, one.id, event.id, at)).collect()
}
