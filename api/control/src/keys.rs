//! Public keys that an organization trusts to sign its attestations.

use engine::Name;
use engine::id::KeyId;
use serde_json::json;
use trust::PublicKey;

use crate::actor::{Actor, Permission};
use crate::audit::Change;
use crate::store::SigningKey;
use crate::{Control, Error, Key, Result, audit, fresh, now};

impl Control {
    /// Registers a public key (PEM) that may sign attestations from now on.
    pub async fn add_key(&self, actor: &Actor, name: Name, public_key: String) -> Result<Key> {
        let org = actor.authorize(Permission::EditKeys)?;
        let parsed =
            PublicKey::from_pem(&public_key).map_err(|error| Error::invalid(error.to_string()))?;
        let key = SigningKey {
            id: KeyId(fresh()),
            org,
            name,
            key_digest: parsed.id(),
            public_key,
            created_at: now(),
            revoked_at: None,
        };
        let event =
            audit::event(actor, Some(org), "key.create", &key.name, Change::made(side(&key)));
        let saved = key.clone();
        self.store
            .write(move |tx| {
                let (key, event) = (saved.clone(), event.clone());
                Box::pin(async move {
                    tx.insert_signing_key(&key).await?;
                    tx.insert_audit(&[event]).await?;
                    Ok::<_, Error>(())
                })
            })
            .await?;
        Ok(view(key))
    }

    /// Lists keys.
    pub async fn keys(&self, actor: &Actor) -> Result<Vec<Key>> {
        let org = actor.authorize(Permission::Read)?;
        Ok(self.store.read().signing_keys(org).await?.into_iter().map(view).collect())
    }

    /// Revokes a key from now on.
    pub async fn revoke_key(&self, actor: &Actor, id: KeyId) -> Result<()> {
        let org = actor.authorize(Permission::EditKeys)?;
        let (actor, at) = (actor.clone(), now());
        self.store
            .write(move |tx| {
                let actor = actor.clone();
                Box::pin(async move {
                    let before = tx.signing_key(org, id).await?;
                    tx.revoke_signing_key(org, id, at).await?;
                    let before = before.ok_or_else(|| Error::not_found("key", id))?;
                    let after = SigningKey { revoked_at: Some(at), ..before.clone() };
                    let change = Change::of(side(&before), side(&after));
                    let name = &before.name;
                    tx.insert_audit(&[audit::event(&actor, Some(org), "key.revoke", name, change)])
                        .await?;
                    Ok::<_, Error>(())
                })
            })
            .await
    }
}

/// What auditors are shown of a key.
fn side(key: &SigningKey) -> serde_json::Value {
    json!({
        "id": key.id, "name": key.name, "digest": key.key_digest,
        "created_at": key.created_at, "revoked_at": key.revoked_at,
    })
}

fn view(key: SigningKey) -> Key {
    Key {
        id: key.id,
        name: key.name,
        digest: key.key_digest,
        public_key: key.public_key,
        created_at: key.created_at,
        revoked_at: key.revoked_at,
    }
}
