//! Trust roots: stored, replaced and deleted. What was imported under a root is believed as long as the root says so.

use engine::document::Document;
use engine::id::{OrganizationId, TrustRootId};
use engine::trust_root::TRUST_ROOTS_MAX;
use engine::{Digest, Name, Timestamp, TrustRoot as Root};
use serde_json::{Value, json};
use trust::ForeignRoot;

use crate::actor::{Actor, Permission};
use crate::audit::Change;
use crate::{Control, Error, Expected, Result, audit, fresh, now, store};

/// A root under which attestations that were made elsewhere are believed.
#[derive(Debug, Clone, PartialEq)]
pub struct TrustRoot {
    /// What it says.
    pub root: Root,
    /// The digest of its canonical form.
    pub digest: Digest,
    /// When it was stored.
    pub created_at: Timestamp,
}

impl Control {
    /// Stores a trust root in the place of the one of its name, if there is one that says something else. What was imported
    /// before is held against what the new one names; its signature is not looked at again, so another instance of
    /// Sigstore is better given another name.
    pub async fn put_trust_root(&self, actor: &Actor, source: &str) -> Result<TrustRoot> {
        self.put_trust_root_over(actor, source, Expected::default()).await
    }

    /// The same over what the caller has read.
    pub async fn put_trust_root_over(
        &self,
        actor: &Actor,
        source: &str,
        expected: Expected,
    ) -> Result<TrustRoot> {
        let new = self.read_trust_root(actor, source)?;
        let before = self.store.read().trust_root_by_name(new.org, &new.root.name).await?;
        let there = before.as_ref().map(|before| before.digest.to_string());
        expected.check("trust root", there.as_deref())?;
        match before {
            Some(same) if same.digest == new.digest => Ok(view(same)),
            before => self.save_trust_root(actor, new, before).await,
        }
    }

    fn read_trust_root(&self, actor: &Actor, source: &str) -> Result<store::TrustRoot> {
        let org = actor.authorize(Permission::EditTrust)?;
        let wrong = |error| Error::invalid_document("trust root", error);
        let document = Document::parse(source, &self.limits).map_err(wrong)?;
        let root = Root::parse(&document).map_err(wrong)?;
        let digest = root.digest().map_err(Error::internal)?;
        // A key or an instance that cannot be verified with is said now, and not at the first import.
        ForeignRoot::new(root.clone()).map_err(|error| Error::invalid(error.to_string()))?;
        let (created_at, created_by) = (now(), actor.token);
        Ok(store::TrustRoot { id: TrustRootId(fresh()), org, digest, root, created_at, created_by })
    }

    /// One transaction: the root before is gone, this one is there.
    async fn save_trust_root(
        &self,
        actor: &Actor,
        new: store::TrustRoot,
        before: Option<store::TrustRoot>,
    ) -> Result<TrustRoot> {
        let change = Change::revised(before.as_ref().map(side), side(&new));
        let event = audit::event(actor, Some(new.org), "trust-root.revise", &new.root.name, change);
        let (saved, before) = (new.clone(), before.map(|before| before.id));
        self.store
            .write(move |tx| {
                let (new, event) = (saved.clone(), event.clone());
                Box::pin(async move {
                    if let Some(before) = before {
                        tx.delete_trust_root(new.org, before).await?;
                    }
                    let count = tx.count_trust_roots(new.org).await?;
                    if usize::try_from(count).is_ok_and(|count| count >= TRUST_ROOTS_MAX) {
                        return Err(Error::Conflict(format!(
                            "there are {count} trust roots, the most there may be: delete one first"
                        )));
                    }
                    tx.insert_trust_root(&new).await?;
                    tx.insert_audit(&[event]).await?;
                    Ok(())
                })
            })
            .await?;
        Ok(view(new))
    }

    /// Lists trust roots, by name.
    pub async fn trust_roots(&self, actor: &Actor) -> Result<Vec<TrustRoot>> {
        let org = actor.authorize(Permission::Read)?;
        Ok(self.store.read().trust_roots(org).await?.into_iter().map(view).collect())
    }

    /// A trust root.
    pub async fn trust_root(&self, actor: &Actor, name: &Name) -> Result<TrustRoot> {
        let org = actor.authorize(Permission::Read)?;
        self.trust_root_named(org, name).await.map(view)
    }

    /// Deletes a trust root: nothing that was imported under it is believed any more.
    pub async fn delete_trust_root(&self, actor: &Actor, name: &Name) -> Result<()> {
        let org = actor.authorize(Permission::EditTrust)?;
        let root = self.trust_root_named(org, name).await?;
        let change = Change::of(side(&root), json!({ "id": root.id, "deleted": true }));
        let event = audit::event(actor, Some(org), "trust-root.delete", name, change);
        let id = root.id;
        self.store
            .write(move |tx| {
                let event = event.clone();
                Box::pin(async move {
                    tx.delete_trust_root(org, id).await?;
                    tx.insert_audit(&[event]).await?;
                    Ok::<_, Error>(())
                })
            })
            .await
    }

    async fn trust_root_named(&self, org: OrganizationId, name: &Name) -> Result<store::TrustRoot> {
        let found = self.store.read().trust_root_by_name(org, name).await?;
        found.ok_or_else(|| Error::not_found("trust root", name))
    }
}

/// What auditors are shown.
fn side(root: &store::TrustRoot) -> Value {
    json!({ "id": root.id, "digest": root.digest, "root": root.root })
}

fn view(root: store::TrustRoot) -> TrustRoot {
    let store::TrustRoot { digest, root, created_at, .. } = root;
    TrustRoot { root, digest, created_at }
}
