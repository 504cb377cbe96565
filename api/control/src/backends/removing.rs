//! Removes the bytes of blobs that were moved elsewhere or that nobody refers to any more.
//!
//! What may go wrong between asking and removing, and how rows and bytes stay together, is in
//! [`store::Removal`]'s module.

use std::time::Duration;

use engine::Digest;
use engine::id::BackendId;
use futures::{StreamExt, stream};
use uuid::Uuid;

use crate::blobs::BlobError;
use crate::error::chain;
use crate::store::{BLOB_BEING_REMOVED, Blob, Removal, RemovalState, Space, StoreError};
use crate::{Control, Error, Result, Timestamp, fresh, now, step};

/// Minutes between asking for a removal and claiming it: far more than a transaction takes that refers to the blob and
/// began before.
pub const REMOVAL_MINUTES: i64 = 10;
/// Days for which a removal that is done is remembered: far more than it takes to hand in a blob.
pub const REMOVAL_DAYS: i64 = 7;
/// How long a place may take to remove a blob.
const PATIENCE: Duration = Duration::from_mins(2);
/// After how many minutes a removal is taken from a replica that claimed it and is silent: more than its patience.
const CLAIM_MINUTES: i64 = 10;
/// After how many minutes a place that does not let go of a blob is asked again.
const KEPT_MINUTES: i64 = 60;
const MINUTE_MS: i64 = 60_000;
/// Most removals that are read, and how many go on, at once.
const BATCH: u64 = 500;
const AT_ONCE: usize = 8;

/// The removal of a blob from where it was, to be asked for in the transaction that says that it is not there any more.
pub(crate) fn asked(was: &Blob) -> Removal {
    asked_from(Space(was.backend), was.digest)
}

/// The same of bytes that may never have had a row.
pub(super) fn asked_from(space: Space, digest: Digest) -> Removal {
    let at = now();
    Removal {
        id: fresh(),
        space,
        digest,
        state: RemovalState::Asked,
        created_at: at,
        due_at: at.plus_millis(REMOVAL_MINUTES * MINUTE_MS),
    }
}

/// Why a row was not written that says where a blob is.
pub(crate) fn conflict(error: StoreError, digest: Digest) -> Error {
    match error {
        StoreError::Conflict { what } if what == BLOB_BEING_REMOVED => being_removed(digest),
        error => error.into(),
    }
}

fn being_removed(digest: Digest) -> Error {
    Error::Unavailable {
        message: format!("the blob {digest} is being removed from the blob store; try again"),
        source: "it was asked for before".into(),
    }
}

impl Control {
    /// Removes the blobs whose time has come at `at` and that no row refers to. Safe on every replica, and wherever it was
    /// stopped.
    pub async fn remove_blobs(&self, at: Timestamp) -> Result<()> {
        loop {
            let due = self.store.read().due_removals(at, BATCH).await?;
            let more = u64::try_from(due.len()).is_ok_and(|count| count == BATCH);
            let mut under_way = stream::iter(due)
                .map(|removal| self.go_on_with(removal, at))
                .buffer_unordered(AT_ONCE);
            while let Some(done) = under_way.next().await {
                done?;
            }
            if !more {
                break;
            }
        }
        self.store
            .write(move |tx| {
                Box::pin(async move { Ok::<_, Error>(tx.forget_removals_done(at).await?) })
            })
            .await
    }

    async fn go_on_with(&self, removal: Removal, at: Timestamp) -> Result<()> {
        let until = at.plus_millis(CLAIM_MINUTES * MINUTE_MS);
        let claim = self.store.write(move |tx| {
            Box::pin(async move { Ok::<_, Error>(tx.claim_removal(&removal, until).await?) })
        });
        if !claim.await? {
            return Ok(());
        }
        let claimed = Removal { state: RemovalState::Claimed, due_at: until, ..removal };
        step("removal::claimed");
        let (kept, due_at) = match self.remove_bytes(&claimed).await {
            Ok(()) => (None, at.plus_days(REMOVAL_DAYS)),
            Err(BlobError::Kept(why)) => (Some(why), at.plus_millis(KEPT_MINUTES * MINUTE_MS)),
            // It may be gone or not: the removal goes on until that is known.
            Err(error) => {
                let Removal { digest, .. } = claimed;
                tracing::warn!(%digest, error = chain(&error), "a blob could not be removed");
                return Ok(());
            }
        };
        step("removal::removed");
        if let Some(why) = &kept {
            tracing::warn!(digest = %claimed.digest, why, "a blob was not let go of");
        }
        self.store
            .write(move |tx| {
                let kept = kept.clone();
                Box::pin(async move {
                    Ok::<_, Error>(tx.settle_removal(&claimed, kept.as_deref(), due_at).await?)
                })
            })
            .await
    }

    async fn remove_bytes(&self, removal: &Removal) -> Result<(), BlobError> {
        // Nothing was sent: the blob is there as before.
        let unopened = |error: Error| BlobError::Kept(chain(&error));
        let place = match removal.space {
            Space(None) => std::sync::Arc::clone(&self.blobs),
            Space(Some(id)) => {
                let row = self.store.read().backend_of_any(id).await;
                let gone = || BlobError::Kept("the backend is gone".to_owned());
                let row = row.map_err(|error| unopened(error.into()))?.ok_or_else(gone)?;
                self.open_backend(&row).await.map_err(unopened)?
            }
        };
        let removed = tokio::time::timeout(PATIENCE, place.remove(removal.digest)).await;
        removed.map_err(|late| BlobError::Storage {
            operation: format!("remove blob {}", removal.digest),
            source: late.into(),
        })?
    }

    /// The removal from a place that is done, of which whoever stores the blob there now has to know. A blob whose
    /// removal goes on is to be stored later.
    pub(super) async fn past_removal(
        &self,
        backend: Option<BackendId>,
        digest: Digest,
    ) -> Result<Option<Uuid>> {
        match self.store.read().removal(Space(backend), digest).await? {
            Some(Removal { id, state: RemovalState::Done, .. }) => Ok(Some(id)),
            Some(Removal { state: RemovalState::Claimed, .. }) => Err(being_removed(digest)),
            Some(Removal { state: RemovalState::Asked, .. }) | None => Ok(None),
        }
    }
}
