//! Who is told of what happens in an organization.
//!
//! The secret of a webhook is made here and shown once; of Slack and Discord the address itself is the secret; of a mail
//! server its password is. None is shown again, and each is sealed. What is sent, and when, is in [`crate::dispatch`].

mod mail;
mod target;

use std::collections::BTreeSet;

use engine::id::{DeliveryId, IntegrationId, OrganizationId};
use engine::{Digest, Name, Timestamp};
pub use mail::Mail;
pub(crate) use mail::{MailServer, Security};
use serde::Deserialize;
use serde_json::{Value, json};
use target::Checked;
pub use target::{Target, WebhookFormat};
use trust::{Sealed, Secret};

use crate::actor::{Actor, Permission};
use crate::audit::Change;
use crate::events::{self, EVENTS};
use crate::store::{self, OutboxEvent, Reader};
use crate::{Control, Delivery, Error, Expected, Result, audit, deliveries, fresh, now, runs};

/// Most integrations of an organization.
pub const INTEGRATIONS_MAX: u64 = 50;
/// How long the secret before signs beside the new one, in hours.
pub const ROTATION_HOURS: i64 = 24;
/// Most names of events that an integration has.
const EVENTS_MAX: usize = 20;
/// What secrets are sealed for; rows of `SealedColumn::ALL`.
const SECRET: &str = "integration.secret_sealed";
const PREVIOUS: &str = "integration.previous_sealed";

/// Someone who is told of what happens, without any secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Integration {
    /// Its name.
    pub name: Name,
    /// What is at the other end.
    pub target: Target,
    /// The names of the events that it is told of; one that ends in `*` names all that begin so.
    pub events: Vec<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Until when the secret before the present one signs too.
    pub previous_until: Option<Timestamp>,
    /// Since when nothing is sent to it.
    pub disabled_at: Option<Timestamp>,
    /// Why.
    pub disabled_reason: Option<String>,
}

impl Integration {
    /// What tells how it stands from how it stood before any change of it that is shown.
    pub fn tag(&self) -> String {
        let Self { target, events, previous_until, disabled_at, .. } = self;
        let stands = json!([target, events, previous_until, disabled_at]);
        Digest::of(stands.to_string()).to_string()
    }
}

/// An integration with its secret, shown once.
#[derive(Clone)]
pub struct NewIntegration {
    /// The integration.
    pub integration: Integration,
    /// The secret with which a receiver checks signatures; none where there is none to check.
    pub secret: Option<String>,
}

impl std::fmt::Debug for NewIntegration {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewIntegration")
            .field("integration", &self.integration)
            .finish_non_exhaustive()
    }
}

/// What is to be different about an integration; what is `None` stays.
#[derive(Default)]
pub struct IntegrationUpdate {
    /// What is at the other end, of the same kind.
    pub target: Option<Target>,
    /// The names of the events.
    pub events: Option<Vec<String>>,
    /// What is secret of it, for kinds whose secret is given.
    pub secret: Option<String>,
}

impl std::fmt::Debug for IntegrationUpdate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IntegrationUpdate")
            .field("target", &self.target)
            .field("events", &self.events)
            .finish_non_exhaustive()
    }
}

impl Control {
    /// Makes an integration. `secret` is for kinds whose secret is given.
    pub async fn create_integration(
        &self,
        actor: &Actor,
        name: Name,
        target: Target,
        events: Vec<String>,
        secret: Option<String>,
    ) -> Result<NewIntegration> {
        let org = actor.authorize(Permission::EditIntegrations)?;
        let events = checked_events(events, &target)?;
        let Checked { target, secret, shown } =
            target.checked(&self.outbound, secret.as_deref(), false)?;
        let id = IntegrationId(fresh());
        let new = store::Integration {
            id,
            org,
            name,
            target: stored(&target)?,
            events,
            secret: secret.map(|secret| self.sealed(org, SECRET, id, &secret)).transpose()?,
            previous: None,
            previous_until: None,
            created_at: now(),
            seq: 0,
            disabled_at: None,
            disabled_reason: None,
        };
        let change = Change::made(side(&new));
        let event = audit::event(actor, Some(org), "integration.create", &new.name, change);
        let saved = new.clone();
        self.store
            .write(move |tx| {
                let (mut new, event) = (saved.clone(), event.clone());
                Box::pin(async move {
                    if tx.count_integrations(org).await? >= INTEGRATIONS_MAX {
                        return Err(Error::Conflict(format!(
                            "an organization has at most {INTEGRATIONS_MAX} integrations: delete one"
                        )));
                    }
                    new.seq = tx.next_seq(1).await?;
                    tx.insert_integration(&new).await?;
                    tx.insert_audit(&[event]).await?;
                    Ok(())
                })
            })
            .await?;
        Ok(NewIntegration { integration: view(new)?, secret: shown })
    }

    /// Lists integrations.
    pub async fn integrations(&self, actor: &Actor) -> Result<Vec<Integration>> {
        let org = actor.authorize(Permission::EditIntegrations)?;
        self.store.read().integrations(org).await?.into_iter().map(view).collect()
    }

    /// Shows an integration.
    pub async fn integration(&self, actor: &Actor, name: &Name) -> Result<Integration> {
        let org = actor.authorize(Permission::EditIntegrations)?;
        view(find(&self.store.read(), org, name).await?)
    }

    /// Changes where an integration is, what it is told of, or its secret.
    pub async fn update_integration(
        &self,
        actor: &Actor,
        name: &Name,
        update: IntegrationUpdate,
    ) -> Result<Integration> {
        self.update_integration_over(actor, name, update, Expected::default()).await
    }

    /// The same over what the caller has read.
    pub async fn update_integration_over(
        &self,
        actor: &Actor,
        name: &Name,
        update: IntegrationUpdate,
        expected: Expected,
    ) -> Result<Integration> {
        let org = actor.authorize(Permission::EditIntegrations)?;
        let before = find(&self.store.read(), org, name).await?;
        expected.check("integration", Some(&view(before.clone())?.tag()))?;
        let mut after = before.clone();
        if let Some(events) = update.events {
            after.events = checked_events(events, &parsed(&before.target)?)?;
        }
        let new_secret = self.retarget(&mut after, update.target, update.secret.as_deref())?;
        let mut shown = side(&after);
        if let Some(members) = shown.as_object_mut() {
            members.insert("new_secret".to_owned(), new_secret.into());
        }
        let change = Change::of(side(&before), shown);
        self.replace(actor, "integration.update", before, after.clone(), change).await?;
        view(after)
    }

    /// Gives the integration another target, another secret, or both, and says whether the secret is another.
    fn retarget(
        &self,
        after: &mut store::Integration,
        target: Option<Target>,
        secret: Option<&str>,
    ) -> Result<bool> {
        if target.is_none() && secret.is_none() {
            return Ok(false);
        }
        let old = parsed(&after.target)?;
        let target = target.unwrap_or_else(|| old.clone());
        if target.kind() != old.kind() {
            return Err(Error::invalid(format!(
                "`{}` is a {}, and stays one: create another integration",
                after.name,
                old.kind()
            )));
        }
        let kept = after.secret.is_some() && target.shares_secret(&old);
        let Checked { target, secret, .. } = target.checked(&self.outbound, secret, kept)?;
        after.target = stored(&target)?;
        // Such a secret is changed by a rotation only, in which two count for a while.
        if target.makes_its_secret() {
            return Ok(false);
        }
        let Some(secret) = secret else {
            after.secret = after.secret.take().filter(|_| kept);
            return Ok(false);
        };
        after.secret = Some(self.sealed(after.org, SECRET, after.id, &secret)?);
        Ok(true)
    }

    /// Gives a webhook another secret, shown once. The one before signs too for [`ROTATION_HOURS`].
    pub async fn rotate_integration(&self, actor: &Actor, name: &Name) -> Result<NewIntegration> {
        let org = actor.authorize(Permission::EditIntegrations)?;
        let before = find(&self.store.read(), org, name).await?;
        let target = parsed(&before.target)?;
        let old = before.secret.as_ref().filter(|_| target.makes_its_secret());
        let Some(old) = old else {
            return Err(Error::invalid(format!(
                "the secret of `{name}` is not made here: update it with another"
            )));
        };
        let opened = self.opened(&before, SECRET, old)?;
        let Checked { secret, shown, .. } = target.checked(&self.outbound, None, true)?;
        let until = now().plus_millis(ROTATION_HOURS * 3_600_000);
        let after = store::Integration {
            secret: secret
                .map(|secret| self.sealed(org, SECRET, before.id, &secret))
                .transpose()?,
            previous: Some(self.sealed(org, PREVIOUS, before.id, opened.expose())?),
            previous_until: Some(until),
            ..before.clone()
        };
        let change = Change::made(json!({ "previous_until": until }));
        self.replace(actor, "integration.rotate", before, after.clone(), change).await?;
        Ok(NewIntegration { integration: view(after)?, secret: shown })
    }

    async fn replace(
        &self,
        actor: &Actor,
        action: &str,
        before: store::Integration,
        after: store::Integration,
        change: Change,
    ) -> Result<()> {
        let event = audit::event(actor, Some(before.org), action, &before.name, change);
        self.store
            .write(move |tx| {
                let (before, after, event) = (before.clone(), after.clone(), event.clone());
                Box::pin(async move {
                    // Of two who change it at once, one waits here, and finds what the other did.
                    tx.take_turn().await?;
                    if find(&tx, before.org, &before.name).await? != before {
                        let message = "the integration was changed meanwhile: read it again";
                        return Err(Error::Conflict(message.to_owned()));
                    }
                    tx.replace_integration(&before, &after).await?;
                    tx.insert_audit(&[event]).await?;
                    Ok::<_, Error>(())
                })
            })
            .await
    }

    /// Deletes an integration, and the record of its deliveries.
    pub async fn delete_integration(&self, actor: &Actor, name: Name) -> Result<()> {
        let org = actor.authorize(Permission::EditIntegrations)?;
        let actor = actor.clone();
        self.store
            .write(move |tx| {
                let (actor, name) = (actor.clone(), name.clone());
                Box::pin(async move {
                    let before = find(&tx, org, &name).await?;
                    tx.remove_integration(org, before.id).await?;
                    let change = Change::of(side(&before), Value::Null);
                    let action = "integration.delete";
                    let event = audit::event(&actor, Some(org), action, &name, change);
                    tx.insert_audit(&[event]).await?;
                    Ok(())
                })
            })
            .await
    }

    /// Goes on sending to an integration; what waited is sent.
    pub async fn enable_integration(&self, actor: &Actor, name: Name) -> Result<Integration> {
        let org = actor.authorize(Permission::EditIntegrations)?;
        self.switch(actor, org, name, None).await
    }

    /// Stops sending to an integration; events wait until it is enabled again, as long as deliveries are kept.
    pub async fn disable_integration(
        &self,
        actor: &Actor,
        name: Name,
        reason: String,
    ) -> Result<Integration> {
        let org = actor.authorize(Permission::EditIntegrations)?;
        runs::check_reason(&reason)?;
        self.switch(actor, org, name, Some(reason)).await
    }

    async fn switch(
        &self,
        actor: &Actor,
        org: OrganizationId,
        name: Name,
        reason: Option<String>,
    ) -> Result<Integration> {
        let (actor, at) = (actor.clone(), now());
        let action = if reason.is_some() { "integration.disable" } else { "integration.enable" };
        let after = self.store.write(move |tx| {
            let (actor, name, reason) = (actor.clone(), name.clone(), reason.clone());
            Box::pin(async move {
                let before = find(&tx, org, &name).await?;
                let disabled = reason.map(|reason| (at, reason));
                tx.set_integration_disabled(org, before.id, disabled.clone()).await?;
                let after = switched(&before, disabled);
                let change = Change::of(side(&before), side(&after));
                let event = audit::event(&actor, Some(org), action, &name, change);
                tx.insert_audit(&[event]).await?;
                Ok::<_, Error>(after)
            })
        });
        view(after.await?)
    }

    /// Sends a test event to an integration now, and answers what came of it. It is tried again like any other.
    pub async fn test_integration(&self, actor: &Actor, name: &Name) -> Result<Delivery> {
        let org = actor.authorize(Permission::EditIntegrations)?;
        let at = now();
        let integration = find(&self.store.read(), org, name).await?;
        check_enabled(&integration)?;
        let event = events::event(org, events::TEST, at, json!({ "integration": name }));
        let event = OutboxEvent { delivered_at: Some(at), ..event };
        let delivery = deliveries::new(org, integration.id, event.id, at);
        let told = json!({ "event": event.id, "delivery": delivery.id });
        let audited = audit::event(actor, Some(org), "integration.test", name, told);
        let id: DeliveryId = delivery.id;
        self.store
            .write(move |tx| {
                let (event, delivery, audited) = (event.clone(), delivery.clone(), audited.clone());
                Box::pin(async move {
                    tx.insert_outbox(&[event]).await?;
                    tx.insert_deliveries(&[delivery]).await?;
                    tx.insert_audit(&[audited]).await?;
                    Ok::<_, Error>(())
                })
            })
            .await?;
        self.attempt_now(org, id, at).await?;
        deliveries::one(&self.store.read(), org, id).await
    }

    /// What is secret of it, and what was before as long as that counts.
    pub(crate) fn secrets_of(
        &self,
        integration: &store::Integration,
        at: Timestamp,
    ) -> Result<Vec<Secret>> {
        let counts = integration.previous_until.is_some_and(|until| at < until);
        let present = integration.secret.iter().map(|sealed| (SECRET, sealed));
        let previous = integration.previous.iter().filter(|_| counts);
        let previous = previous.map(|sealed| (PREVIOUS, sealed));
        let opened = present
            .chain(previous)
            .map(|(purpose, sealed)| self.opened(integration, purpose, sealed));
        opened.collect()
    }

    fn sealed(
        &self,
        org: OrganizationId,
        purpose: &str,
        id: IntegrationId,
        secret: &[u8],
    ) -> Result<Sealed> {
        self.secrets.seal(Some(org), purpose, id.0, secret)
    }

    fn opened(
        &self,
        integration: &store::Integration,
        purpose: &str,
        sealed: &Sealed,
    ) -> Result<Secret> {
        self.secrets.open(Some(integration.org), purpose, integration.id.0, sealed)
    }
}

/// The integration of that name.
pub(crate) async fn find(
    read: &Reader<'_>,
    org: OrganizationId,
    name: &Name,
) -> Result<store::Integration> {
    let found = read.integration_by_name(org, name).await?;
    found.ok_or_else(|| Error::not_found("integration", name))
}

/// Refuses one that nothing is sent to.
pub(crate) fn check_enabled(integration: &store::Integration) -> Result<()> {
    let Some(reason) = &integration.disabled_reason else { return Ok(()) };
    let name = &integration.name;
    Err(Error::Conflict(format!("the integration `{name}` is disabled ({reason}): enable it")))
}

/// The integration after it was disabled or enabled.
pub(crate) fn switched(
    before: &store::Integration,
    disabled: Option<(Timestamp, String)>,
) -> store::Integration {
    let (disabled_at, disabled_reason) = disabled.unzip();
    store::Integration { disabled_at, disabled_reason, ..before.clone() }
}

/// What is at the other end, of a row.
pub(crate) fn parsed(target: &Value) -> Result<Target> {
    Target::deserialize(target).map_err(Error::internal)
}

fn stored(target: &Target) -> Result<Value> {
    serde_json::to_value(target).map_err(Error::internal)
}

/// Names of events, each of which there is: one that never happens would be silence.
fn checked_events(events: Vec<String>, target: &Target) -> Result<Vec<String>> {
    if !(1..=EVENTS_MAX).contains(&events.len()) {
        let count = events.len();
        return Err(Error::invalid(format!(
            "an integration names 1 to {EVENTS_MAX} events, not {count}; `*` names every event"
        )));
    }
    for event in &events {
        let named = |known: &&str| events::wanted(std::slice::from_ref(event), known);
        let mut named = EVENTS.into_iter().filter(named).peekable();
        if named.peek().is_none() {
            return Err(Error::invalid(format!(
                "there is no event `{event}`: expected {}, or the beginning of one and `*`",
                EVENTS.join(", ")
            )));
        }
        if let Some(other) = named.find(|known| !target.takes(known)) {
            return Err(Error::invalid(format!(
                "`{event}` names `{other}`, which has no evidence: a {} is told of attestation.received or verdict.*",
                target.kind()
            )));
        }
    }
    Ok(events.into_iter().collect::<BTreeSet<_>>().into_iter().collect())
}

/// What auditors are shown of an integration.
pub(crate) fn side(one: &store::Integration) -> Value {
    json!({
        "id": one.id, "name": one.name, "target": one.target, "events": one.events,
        "disabled_at": one.disabled_at, "disabled_reason": one.disabled_reason,
    })
}

fn view(one: store::Integration) -> Result<Integration> {
    Ok(Integration {
        name: one.name,
        target: parsed(&one.target)?,
        events: one.events,
        created_at: one.created_at,
        previous_until: one.previous_until,
        disabled_at: one.disabled_at,
        disabled_reason: one.disabled_reason,
    })
}
