//! Secrets that Muster must hand on: credentials of stores, secrets of webhooks. At rest they are sealed.
//!
//! The keys come from outside the database: whoever has a copy of it has no secret. What Muster only compares, such
//! as API tokens, is not sealed but hashed.

use std::sync::Arc;

use engine::id::OrganizationId;
use serde_json::json;
use trust::{Binding, KeyName, KeyRing, NONCE_BYTES, Sealed, Secret};
use uuid::Uuid;

use crate::actor::Actor;
use crate::store::{SealedColumn, SealedRow, Store};
use crate::{Control, Error, Result, audit};

/// How many secrets are sealed anew in one transaction.
const BATCH: u64 = 100;

/// The keys of this installation, as far as it was given any.
#[derive(Debug, Clone, Default)]
pub(crate) struct Secrets(Option<Arc<KeyRing>>);

/// What sealing everything anew came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rotation {
    /// The name of the key that seals everything now.
    pub key: KeyName,
    /// How many secrets were sealed anew.
    pub resealed: u64,
}

impl Secrets {
    /// The front door to the keys.
    pub(crate) fn new(ring: Option<KeyRing>) -> Self {
        Self(ring.map(Arc::new))
    }

    /// Seals what stands in that row. `purpose` is `table.column`, and a row of [`SealedColumn::ALL`].
    pub(crate) fn seal(
        &self,
        organization: Option<OrganizationId>,
        purpose: &str,
        row: Uuid,
        secret: &[u8],
    ) -> Result<Sealed> {
        let mut nonce = [0; NONCE_BYTES];
        getrandom::fill(&mut nonce).map_err(|error| Error::internal(error.to_string()))?;
        let sealed = self.ring()?.seal(Binding { organization, purpose, row }, nonce, secret);
        sealed.map_err(|error| match error {
            trust::SealError::TooLarge => Error::TooLarge(error.to_string()),
            error => Error::internal(error),
        })
    }

    /// Opens what was sealed for that row.
    pub(crate) fn open(
        &self,
        organization: Option<OrganizationId>,
        purpose: &str,
        row: Uuid,
        sealed: &Sealed,
    ) -> Result<Secret> {
        let opened = self.ring()?.open(Binding { organization, purpose, row }, sealed);
        opened.map_err(|error| {
            tracing::error!(purpose, %row, %error, "a secret does not open");
            Error::Unavailable {
                message: "a stored secret cannot be opened; the log of the server says why"
                    .to_owned(),
                source: error.into(),
            }
        })
    }

    /// Whether every stored secret was sealed with a key that is here. Asked before the first request is served.
    pub(crate) async fn check(&self, store: &Store) -> Result<()> {
        let keys: Vec<KeyName> = self.0.iter().flat_map(|ring| ring.names()).collect();
        for column in SealedColumn::ALL {
            let lost = store.read().sealed_otherwise(*column, &keys, 1).await?;
            if let Some(SealedRow { id, sealed, .. }) = lost.first() {
                return Err(Error::invalid(format!(
                    "the {} of {id} were sealed with the key {}, which is not among the keys given: {}",
                    column.purpose(),
                    sealed.key(),
                    "give the file with --secrets-key-file, or the keys in MUSTER_SECRETS_KEY",
                )));
            }
        }
        Ok(())
    }

    fn ring(&self) -> Result<&KeyRing> {
        self.0.as_deref().ok_or_else(|| {
            Error::invalid(
                "this server has no key to seal secrets with: start it with --secrets-key-file or MUSTER_SECRETS_KEY",
            )
        })
    }
}

impl Control {
    /// Seals every secret of the installation with the first key of this server. May be repeated, and be done while
    /// others serve that have the first key too.
    pub async fn rotate_secrets(&self, actor: &Actor) -> Result<Rotation> {
        actor.authorize_instance()?;
        let key = self.secrets.ring()?.first();
        let mut resealed = 0;
        for column in SealedColumn::ALL {
            resealed += self.reseal(*column, key).await?;
        }
        let after = json!({ "key": key.to_string(), "resealed": resealed });
        let event = audit::event(actor, None, "secrets.rotate", key, after);
        self.store
            .write(move |tx| {
                let event = event.clone();
                Box::pin(async move { Ok::<_, Error>(tx.insert_audit(&[event]).await?) })
            })
            .await?;
        Ok(Rotation { key, resealed })
    }

    async fn reseal(&self, column: SealedColumn, key: KeyName) -> Result<u64> {
        let mut resealed = 0;
        loop {
            let batch = self.store.read().sealed_otherwise(column, &[key], BATCH).await?;
            if batch.is_empty() {
                return Ok(resealed);
            }
            let renewed = batch.into_iter().map(|row| self.renewed(row));
            let renewed = renewed.collect::<Result<Vec<_>>>()?;
            resealed += self
                .store
                .write(move |tx| {
                    let renewed = renewed.clone();
                    Box::pin(async move {
                        let mut replaced = 0;
                        for (row, sealed) in &renewed {
                            replaced += u64::from(tx.replace_sealed(row, sealed).await?);
                        }
                        Ok::<_, Error>(replaced)
                    })
                })
                .await?;
        }
    }

    fn renewed(&self, row: SealedRow) -> Result<(SealedRow, Sealed)> {
        let purpose = row.column.purpose();
        let opened = self.secrets.open(row.org, &purpose, row.id, &row.sealed)?;
        let sealed = self.secrets.seal(row.org, &purpose, row.id, opened.expose())?;
        Ok((row, sealed))
    }
}
