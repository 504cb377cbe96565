//! Which backend takes a blob, and which has one.

use std::sync::Arc;
use std::time::Duration;

use engine::Digest;
use engine::id::{BackendId, OrganizationId};
use uuid::Uuid;

use super::removing;
use crate::blobs::{BlobError, BlobStream, Blobs, ByteStream};
use crate::error::chain;
use crate::store::{self, Blob, Role};
use crate::{Control, Error, Result, now};

/// How long a backend may take to answer before another is asked.
const PATIENCE: Duration = Duration::from_secs(5);

/// A blob that is stored, and is to be noted in the transaction that needs it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kept {
    /// What to note.
    pub(crate) blob: Blob,
    /// Where it was said to be before, when that place does not answer and it is in another now.
    pub(crate) before: Option<Blob>,
    /// The removal from where it is that was done before it was stored.
    pub(crate) removed: Option<Uuid>,
}

impl Kept {
    /// Notes it; answers whether the organization had not handed it in before.
    pub(crate) async fn note(self, tx: &store::Tx<'_>) -> Result<bool> {
        let Self { blob, before, removed } = self;
        let conflict = |error| removing::conflict(error, blob.digest);
        let new = tx.reference_blob(blob, removed).await.map_err(conflict)?;
        if let (false, Some(before)) = (new, before) {
            // Somebody else may have moved it meanwhile: then it is where they say.
            let moved = tx.relocate_blob(&before, blob.backend, removed).await.map_err(conflict)?;
            if moved {
                tx.ask_removal(&removing::asked(&before)).await?;
            }
        }
        Ok(new)
    }
}

/// A backend that may take a blob.
struct Candidate<'r> {
    /// None is the store of the instance.
    row: Option<&'r store::Backend>,
    blobs: Arc<dyn Blobs>,
}

impl Control {
    /// Stores a blob where the organization keeps its blobs: in the backend that has it, else in the default, else,
    /// where that does not answer, in the fallback.
    pub(crate) async fn keep(
        &self,
        org: OrganizationId,
        digest: Digest,
        size: Option<u64>,
        stream: ByteStream,
    ) -> Result<Kept> {
        let backends = self.store.read().backends(org).await?;
        let known = match backends.as_slice() {
            [] => None,
            _ => self.store.read().blob(org, digest).await?,
        };
        let taker = self.taker(&backends, known.as_ref(), digest).await?;
        let backend = taker.row.map(|row| row.id);
        let removed = self.past_removal(backend, digest).await?;
        let put = taker.blobs.put(digest, size, stream).await;
        let size = put.map_err(|error| taker.failed(error))?;
        let blob = Blob { org, digest, size, created_at: now(), backend, expires_at: None };
        let before = known.filter(|known| known.backend != backend);
        Ok(Kept { blob, before, removed })
    }

    /// A blob that the organization has handed in. One that was moved since `blob` was read is fetched from where it is.
    pub(crate) async fn fetch(&self, blob: &Blob) -> Result<BlobStream> {
        let Blob { org, digest, mut backend, .. } = *blob;
        loop {
            let blobs = self.blobs_in(org, backend).await?;
            match blobs.get(digest).await {
                Ok(Some(found)) => return Ok(found),
                Ok(None) => {}
                Err(error) => return Err(self.unreadable(org, backend, error).await),
            }
            let moved = self.store.read().blob(org, digest).await?;
            backend = match moved {
                Some(moved) if moved.backend != backend => moved.backend,
                _ => {
                    let lost = format!("the blob {digest} is referenced, and not in the store");
                    return Err(Error::internal(lost));
                }
            };
        }
    }

    async fn taker<'r>(
        &self,
        backends: &'r [store::Backend],
        known: Option<&Blob>,
        digest: Digest,
    ) -> Result<Candidate<'r>> {
        let role = |role| backends.iter().find(|row| row.role == Some(role));
        let has = |id: BackendId| backends.iter().find(|row| row.id == id);
        let mut rows = Vec::new();
        rows.extend(known.map(|known| known.backend.and_then(has)));
        rows.push(role(Role::Default));
        rows.extend(role(Role::Fallback).map(Some));
        let last = rows.pop().flatten();
        for row in rows {
            // The same place is not asked twice, and the last is taken as it is: its error tells what is wrong.
            if row.map(|row| row.id) == last.map(|last| last.id) {
                break;
            }
            if let Some(found) = self.answering(row, digest).await {
                return Ok(found);
            }
        }
        self.candidate(last).await
    }

    async fn candidate<'r>(&self, row: Option<&'r store::Backend>) -> Result<Candidate<'r>> {
        let blobs = match row {
            Some(row) => self.open_backend(row).await?,
            None => Arc::clone(&self.blobs),
        };
        Ok(Candidate { row, blobs })
    }

    /// The backend, if it answers. One that is known to fail is not asked: it is looked at every minute.
    async fn answering<'r>(
        &self,
        row: Option<&'r store::Backend>,
        digest: Digest,
    ) -> Option<Candidate<'r>> {
        if row.is_some_and(|row| row.failing_since.is_some()) {
            return None;
        }
        let asked = async {
            let found = self.candidate(row).await?;
            found.blobs.size(digest).await?;
            Ok::<_, Error>(found)
        };
        let answer = tokio::time::timeout(PATIENCE, asked).await;
        match answer.map_err(Error::internal).flatten() {
            Ok(found) => Some(found),
            Err(error) => {
                tracing::warn!(backend = name(row), error = chain(&error), "passed over");
                None
            }
        }
    }

    /// What is said of a blob that cannot be read where it is.
    async fn unreadable(
        &self,
        org: OrganizationId,
        backend: Option<BackendId>,
        error: BlobError,
    ) -> Error {
        let Some(id) = backend else { return error.into() };
        match self.store.read().backend(org, id).await {
            Ok(row) => unavailable(row.as_ref(), error),
            Err(error) => error.into(),
        }
    }
}

impl Candidate<'_> {
    fn failed(&self, error: BlobError) -> Error {
        unavailable(self.row, error)
    }
}

fn unavailable(row: Option<&store::Backend>, error: BlobError) -> Error {
    match (row, Error::from(error)) {
        (Some(row), Error::Unavailable { source, .. }) => {
            let message = format!(
                "the blob store `{}` cannot be reached; nothing was lost, try again",
                row.name
            );
            Error::Unavailable { message, source }
        }
        (_, error) => error,
    }
}

fn name(row: Option<&store::Backend>) -> &str {
    row.map_or("the store of the instance", |row| row.name.as_str())
}
