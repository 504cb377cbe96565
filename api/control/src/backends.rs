//! Where an organization keeps its blobs: in backends that it names, or in the store of the instance.
//!
//! The *default* takes new blobs, the *fallback* those that the default cannot take; with no default the store of the
//! instance does. Where a blob is stands in its row, so nothing has to be moved when the roles change. What two backends
//! keep never meets, even where both were given the same place: each keeps its blobs under its own identifier.
//!
//! The operator of the instance may make a backend for an organization anywhere. One that the organization makes is no
//! directory of the server and has a public address, or one that the operator allowed.

mod health;
mod moving;
mod opened;
mod placing;
mod removing;
mod sweeping;

use engine::Name;
use engine::id::{BackendId, OrganizationId};
pub use moving::{MoveBlobs, MovedBlobs, UnmovedBlob};
pub(crate) use opened::Opened;
pub(crate) use placing::Kept;
pub use removing::{REMOVAL_DAYS, REMOVAL_MINUTES};
pub(crate) use removing::{asked as asked_removal, conflict as removal_conflict};
use serde_json::{Value, json};
pub use sweeping::{SweepBlobs, SweptBlobs};

use crate::actor::{Actor, Permission};
use crate::audit::Change;
use crate::blobs::{BlobsConfig, Credentials};
use crate::store::{self, Role, SealedColumn};
use crate::{Backend, Control, Error, Result, audit, fresh, now};

/// Most backends of one organization.
pub const BACKENDS_MAX: usize = 32;
/// What credentials are sealed for.
const CREDENTIALS: SealedColumn = SealedColumn { table: "backend", column: "credentials_sealed" };

/// A backend to be made.
#[derive(Debug, Clone)]
pub struct NewBackend {
    /// Its name.
    pub name: Name,
    /// The address of the place, as [`BlobsConfig`] reads it.
    pub place: String,
    /// What opens it, a JSON object; none where it is open.
    pub credentials: Option<Credentials>,
}

impl Control {
    /// Makes a backend, once it was found to work. It takes no blobs before it is given a role.
    pub async fn create_backend(&self, actor: &Actor, new: NewBackend) -> Result<Backend> {
        let org = actor.authorize(Permission::EditStorage)?;
        self.make_backend(actor, org, new, false).await
    }

    /// Makes a backend for an organization, as the operator of the instance: at any address, and in a directory too.
    pub async fn create_backend_for(
        &self,
        actor: &Actor,
        organization: &Name,
        new: NewBackend,
    ) -> Result<Backend> {
        actor.authorize_instance()?;
        let found = self.store.read().organization_by_name(organization).await?;
        let found = found.ok_or_else(|| Error::not_found("organization", organization))?;
        self.make_backend(actor, found.id, new, true).await
    }

    async fn make_backend(
        &self,
        actor: &Actor,
        org: OrganizationId,
        new: NewBackend,
        trusted: bool,
    ) -> Result<Backend> {
        let NewBackend { name, place, credentials } = new;
        let wrong = |error: crate::blobs::InvalidPlace| Error::invalid(error.to_string());
        let place: BlobsConfig = place.parse().map_err(wrong)?;
        let id = BackendId(fresh());
        let sealed =
            credentials.as_ref().map(|credentials| self.seal_credentials(org, id, credentials));
        let mut backend = store::Backend {
            id,
            org,
            name,
            kind: place.kind().to_owned(),
            settings: json!({ "address": place.to_string() }),
            credentials: sealed.transpose()?,
            role: None,
            trusted,
            created_at: now(),
            checked_at: None,
            failing_since: None,
            failure: None,
        };
        self.check_room_for_backend(&backend).await?;
        self.check_works(&backend, credentials.as_ref()).await?;
        backend.checked_at = Some(now());
        // What the operator does to an organization is for the auditors of both.
        let chains = [Some(org), None].into_iter().take(if trusted { 2 } else { 1 });
        let event = |chain| {
            let change = Change::made(side(&backend));
            audit::event(actor, chain, "backend.create", &backend.name, change)
        };
        let events: Vec<_> = chains.map(event).collect();
        let saved = backend.clone();
        self.store
            .write(move |tx| {
                let (backend, events) = (saved.clone(), events.clone());
                Box::pin(async move {
                    tx.insert_backend(&backend).await?;
                    tx.insert_audit(&events).await?;
                    Ok::<_, Error>(())
                })
            })
            .await?;
        self.described_backend(backend).await
    }

    /// Refuses one too many, and a name that is taken: before anything is asked over the network.
    async fn check_room_for_backend(&self, new: &store::Backend) -> Result<()> {
        let known = self.store.read().backends(new.org).await?;
        if known.iter().any(|backend| backend.name == new.name) {
            return Err(Error::Conflict(format!("there is a backend `{}` already", new.name)));
        }
        if known.len() >= BACKENDS_MAX {
            let message =
                format!("the organization has {BACKENDS_MAX} backends, the most it may have");
            return Err(Error::invalid(message));
        }
        Ok(())
    }

    /// Lists backends.
    pub async fn backends(&self, actor: &Actor) -> Result<Vec<Backend>> {
        let org = actor.authorize(Permission::EditStorage)?;
        let mut backends = Vec::new();
        for backend in self.store.read().backends(org).await? {
            backends.push(self.described_backend(backend).await?);
        }
        Ok(backends)
    }

    /// Shows a backend.
    pub async fn backend(&self, actor: &Actor, name: &Name) -> Result<Backend> {
        let org = actor.authorize(Permission::EditStorage)?;
        let backend = self.named_backend(org, name).await?;
        self.described_backend(backend).await
    }

    /// Looks at a backend now, and notes how it was found.
    pub async fn check_backend(&self, actor: &Actor, name: &Name) -> Result<Backend> {
        let org = actor.authorize(Permission::EditStorage)?;
        let backend = self.named_backend(org, name).await?;
        let backend = self.look_at(backend).await?;
        self.described_backend(backend).await
    }

    /// Replaces what opens a backend, once it was found to open it.
    pub async fn set_backend_credentials(
        &self,
        actor: &Actor,
        name: &Name,
        credentials: &Credentials,
    ) -> Result<Backend> {
        let org = actor.authorize(Permission::EditStorage)?;
        let mut backend = self.named_backend(org, name).await?;
        let before = side(&backend);
        let sealed = self.seal_credentials(org, backend.id, credentials)?;
        backend.credentials = Some(sealed.clone());
        self.check_works(&backend, Some(credentials)).await?;
        let change = Change::of(before, side(&backend));
        let event = audit::event(actor, Some(org), "backend.credentials", name, change);
        let saved = backend.clone();
        self.store
            .write(move |tx| {
                let (backend, sealed, event) = (saved.clone(), sealed.clone(), event.clone());
                Box::pin(async move {
                    tx.set_backend_credentials(&backend, &sealed).await?;
                    tx.insert_audit(&[event]).await?;
                    Ok::<_, Error>(())
                })
            })
            .await?;
        self.described_backend(backend).await
    }

    /// Gives a backend a role, which the one that had it loses; or takes its role away, so that it takes no new blobs.
    pub async fn set_backend_role(
        &self,
        actor: &Actor,
        name: &Name,
        role: Option<Role>,
    ) -> Result<Backend> {
        let org = actor.authorize(Permission::EditStorage)?;
        let backend = self.named_backend(org, name).await?;
        let after = store::Backend { role, ..backend.clone() };
        let change = Change::of(side(&backend), side(&after));
        let event = audit::event(actor, Some(org), "backend.role", name, change);
        self.store
            .write(move |tx| {
                let (backend, event) = (backend.clone(), event.clone());
                Box::pin(async move {
                    tx.set_backend_role(&backend, role).await?;
                    tx.insert_audit(&[event]).await?;
                    Ok::<_, Error>(())
                })
            })
            .await?;
        self.described_backend(after).await
    }

    /// Deletes a backend that takes no new blobs and has none. Bytes that are still to be removed from it are a conflict,
    /// unless they may stay there.
    pub async fn delete_backend(
        &self,
        actor: &Actor,
        name: &Name,
        leave_bytes: bool,
    ) -> Result<()> {
        let org = actor.authorize(Permission::EditStorage)?;
        let backend = self.named_backend(org, name).await?;
        if let Some(role) = backend.role {
            let message =
                format!("`{name}` is the {role}: give that to another backend, or to none");
            return Err(Error::Conflict(message));
        }
        let there = self.store.read().blobs_usage(org, Some(backend.id)).await?.blobs;
        if there > 0 {
            let message =
                format!("{there} blobs are in `{name}`: move them to another backend first");
            return Err(Error::Conflict(message));
        }
        let removing = self.store.read().removals_from(backend.id).await?;
        if removing.blobs > 0 && !leave_bytes {
            let message = format!(
                "the bytes of {} blobs are still to be removed from `{name}`, some {REMOVAL_MINUTES} minutes after they \
                 left it: wait, or let them stay there",
                removing.blobs
            );
            return Err(Error::Conflict(message));
        }
        let (before, after) = (Some(side(&backend)), Value::Null);
        let change = Change::revised(before, after);
        let event = audit::event(actor, Some(org), "backend.delete", name, change);
        self.store
            .write(move |tx| {
                let (backend, event) = (backend.clone(), event.clone());
                Box::pin(async move {
                    tx.delete_backend(&backend).await?;
                    tx.insert_audit(&[event]).await?;
                    Ok::<_, Error>(())
                })
            })
            .await
    }

    pub(crate) async fn named_backend(
        &self,
        org: OrganizationId,
        name: &Name,
    ) -> Result<store::Backend> {
        let found = self.store.read().backend_by_name(org, name).await?;
        found.ok_or_else(|| Error::not_found("backend", name))
    }

    async fn described_backend(&self, row: store::Backend) -> Result<Backend> {
        let usage = self.store.read().blobs_usage(row.org, Some(row.id)).await?;
        let removals = self.store.read().removals_from(row.id).await?;
        let place = address(&row)?.to_string();
        Ok(Backend {
            id: row.id,
            name: row.name,
            place,
            has_credentials: row.credentials.is_some(),
            role: row.role,
            created_at: row.created_at,
            checked_at: row.checked_at,
            failing_since: row.failing_since,
            failure: row.failure,
            blobs: usage.blobs,
            bytes: usage.bytes,
            removing: removals.blobs,
            removal_failure: removals.failure,
        })
    }
}

/// Where the backend is.
fn address(row: &store::Backend) -> Result<BlobsConfig> {
    let address = row.settings.get("address").and_then(Value::as_str).unwrap_or_default();
    address.parse().map_err(|error| {
        Error::internal(format!("the backend {} has no address that is one: {error}", row.id))
    })
}

/// What auditors are shown of a backend: whether there are credentials, and under which key they are sealed.
fn side(row: &store::Backend) -> Value {
    json!({
        "id": row.id, "name": row.name, "kind": row.kind, "place": row.settings.get("address"),
        "credentials_sealed_with": row.credentials.as_ref().map(|sealed| sealed.key().to_string()),
        "role": row.role.map(Role::as_str), "trusted": row.trusted, "created_at": row.created_at,
    })
}
