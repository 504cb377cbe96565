//! Moves blobs from one place of an organization to another, a part of them in each call.
//!
//! A blob is copied and hashed, then its row says that it is in the other place, and only then are the bytes that were
//! left behind asked to be removed. So it can be read at any time, and whoever was stopped goes on where that was.

use std::future::ready;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use engine::id::{BackendId, OrganizationId};
use engine::{Digest, Name};
use futures::{StreamExt, stream};
use serde_json::json;
use uuid::Uuid;

use super::removing;
use crate::actor::{Actor, Permission};
use crate::audit::Change;
use crate::blobs::{BlobError, Blobs};
use crate::store::{Blob, Role, Usage};
use crate::{Control, Error, Result, audit, step};

/// Most blobs that one call looks at.
const BATCH: u64 = 200;
/// How long a call begins to copy blobs: those that are under way then are copied to their end.
const SLICE: Duration = Duration::from_secs(10);
/// Blobs copied at once.
const AT_ONCE: usize = 4;
/// What the store of the instance is called where a backend has a name.
pub(super) const INSTANCE: &str = "the store of the server";

/// Which blobs are to be moved.
#[derive(Debug, Clone, Default)]
pub struct MoveBlobs {
    /// The backend that they are in; none for the store of the instance.
    pub from: Option<Name>,
    /// The backend that they are to be in; none for the store of the instance.
    pub to: Option<Name>,
    /// Those after this one in the order of digests: the `next` of the call before.
    pub after: Option<Digest>,
    /// Say only what would be moved.
    pub dry_run: bool,
}

/// What a call moved.
#[derive(Debug, Clone, Default)]
pub struct MovedBlobs {
    /// What is in the other place now.
    pub moved: Usage,
    /// What could not be moved, and stays where it is.
    pub unmoved: Vec<UnmovedBlob>,
    /// Where the next call has to go on; none when all were looked at.
    pub next: Option<Digest>,
    /// What is still in the place that they are moved from.
    pub left: Usage,
}

/// A blob that could not be moved.
#[derive(Debug, Clone)]
pub struct UnmovedBlob {
    /// The blob.
    pub digest: Digest,
    /// Why.
    pub reason: String,
}

/// One end of the way.
struct Place {
    backend: Option<BackendId>,
    blobs: Arc<dyn Blobs>,
}

/// A blob whose bytes are in both places.
struct Copied {
    blob: Blob,
    removed: Option<Uuid>,
}

/// What became of one blob, when nothing keeps the next from being tried.
enum Fate {
    Copied(Copied),
    Unmoved(UnmovedBlob),
}

impl Control {
    /// Moves some of the blobs that an organization has in one place to another; the last answer has no `next`.
    pub async fn move_blobs(&self, actor: &Actor, asked: &MoveBlobs) -> Result<MovedBlobs> {
        let org = actor.authorize(Permission::EditStorage)?;
        if asked.from == asked.to {
            return Err(Error::invalid("the blobs are to be moved to where they are"));
        }
        self.check_takes_none(org, asked.from.as_ref()).await?;
        let from = self.place_of(org, asked.from.as_ref()).await?;
        let to = self.place_of(org, asked.to.as_ref()).await?;
        if asked.dry_run {
            let left = self.store.read().blobs_usage(org, from.backend).await?;
            return Ok(MovedBlobs { left, ..MovedBlobs::default() });
        }
        let read = self.store.read();
        let page = read.blobs_in(org, from.backend, asked.after, BATCH).await?;
        let (copied, unmoved, next) = self.copy(page, &from, &to).await?;
        step("move::before-transaction");
        let moved = self.relocate(actor, org, asked, copied, to.backend).await?;
        let left = self.store.read().blobs_usage(org, from.backend).await?;
        Ok(MovedBlobs { moved, unmoved, next, left })
    }

    /// Refuses a place to which new blobs go: it would not become empty.
    async fn check_takes_none(&self, org: OrganizationId, from: Option<&Name>) -> Result<()> {
        let backends = self.store.read().backends(org).await?;
        let message = if let Some(name) = from {
            let role = backends.iter().find(|row| row.name == *name).and_then(|row| row.role);
            role.map(|role| {
                format!("`{name}` is the {role}, which takes new blobs: let it rest, or give that to another backend")
            })
        } else {
            let default = backends.iter().any(|row| row.role == Some(Role::Default));
            (!default).then(|| {
                format!("{INSTANCE} takes the new blobs: make a backend the default first")
            })
        };
        message.map_or(Ok(()), |message| Err(Error::Conflict(message)))
    }

    async fn place_of(&self, org: OrganizationId, name: Option<&Name>) -> Result<Place> {
        let Some(name) = name else {
            return Ok(Place { backend: None, blobs: Arc::clone(&self.blobs) });
        };
        let row = self.named_backend(org, name).await?;
        Ok(Place { backend: Some(row.id), blobs: self.open_backend(&row).await? })
    }

    /// Copies blobs until the time is up or a place fails; answers after which one to go on.
    async fn copy(
        &self,
        page: Vec<Blob>,
        from: &Place,
        to: &Place,
    ) -> Result<(Vec<Copied>, Vec<UnmovedBlob>, Option<Digest>)> {
        let whole = u64::try_from(page.len()).is_ok_and(|count| count < BATCH);
        let (begun, failed, count) = (Instant::now(), AtomicBool::new(false), page.len());
        let mut under_way = stream::iter(page)
            .take_while(|_| ready(begun.elapsed() < SLICE && !failed.load(Ordering::Relaxed)))
            .map(|blob| async move { (blob.digest, self.copy_one(blob, from, to).await) })
            .buffered(AT_ONCE);
        let (mut copied, mut unmoved, mut next, mut looked_at) = (Vec::new(), Vec::new(), None, 0);
        let mut failure = None;
        while let Some((digest, fate)) = under_way.next().await {
            match fate {
                Ok(Fate::Copied(one)) => copied.push(one),
                Ok(Fate::Unmoved(one)) => unmoved.push(one),
                Err(error) => {
                    failed.store(true, Ordering::Relaxed);
                    failure.get_or_insert(error);
                }
            }
            if failure.is_none() {
                (next, looked_at) = (Some(digest), looked_at + 1);
            }
        }
        match failure {
            // What is copied is noted first; the next call meets the failure again, if it lasts.
            Some(error) if copied.is_empty() => Err(error),
            _ => Ok((copied, unmoved, next.filter(|_| !(whole && looked_at == count)))),
        }
    }

    async fn copy_one(&self, blob: Blob, from: &Place, to: &Place) -> Result<Fate> {
        let digest = blob.digest;
        let unmoved = |reason: String| Ok(Fate::Unmoved(UnmovedBlob { digest, reason }));
        let removed = match self.past_removal(to.backend, digest).await {
            Ok(removed) => removed,
            Err(error @ Error::Unavailable { .. }) => return unmoved(error.to_string()),
            Err(error) => return Err(error),
        };
        let Some(found) = from.blobs.get(digest).await? else {
            return unmoved("it is not where it should be".to_owned());
        };
        match to.blobs.put(digest, Some(blob.size), found.stream).await {
            Ok(_size) => Ok(Fate::Copied(Copied { blob, removed })),
            Err(error)
                if error.is_of_the_bytes() || matches!(error, BlobError::TooLarge { .. }) =>
            {
                unmoved(crate::chain(&error))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Notes where the blobs are since; in one transaction, so that none is noted that is not told to auditors.
    async fn relocate(
        &self,
        actor: &Actor,
        org: OrganizationId,
        asked: &MoveBlobs,
        copied: Vec<Copied>,
        to: Option<BackendId>,
    ) -> Result<Usage> {
        if copied.is_empty() {
            return Ok(Usage::default());
        }
        let (actor, asked, copied) = (actor.clone(), asked.clone(), Arc::new(copied));
        self.store
            .write(move |tx| {
                let (actor, asked, copied) = (actor.clone(), asked.clone(), Arc::clone(&copied));
                Box::pin(async move {
                    let mut moved = Usage::default();
                    for Copied { blob, removed } in copied.iter() {
                        let relocated = tx.relocate_blob(blob, to, *removed).await;
                        let conflict = |error| removing::conflict(error, blob.digest);
                        let left_at = if relocated.map_err(conflict)? {
                            moved.blobs += 1;
                            moved.bytes += blob.size;
                            *blob
                        } else {
                            // Somebody else was first. If that was not with the same aim, the copy is one too many.
                            Blob { backend: to, ..*blob }
                        };
                        tx.ask_removal(&removing::asked(&left_at)).await?;
                    }
                    tx.insert_audit(&[moved_event(&actor, org, &asked, moved)]).await?;
                    Ok::<_, Error>(moved)
                })
            })
            .await
    }
}

fn moved_event(
    actor: &Actor,
    org: OrganizationId,
    asked: &MoveBlobs,
    moved: Usage,
) -> crate::store::AuditEvent {
    let name =
        |name: &Option<Name>| name.as_ref().map_or_else(|| INSTANCE.to_owned(), Name::to_string);
    let Usage { blobs, bytes } = moved;
    let (from, to) = (name(&asked.from), name(&asked.to));
    let change = Change::made(json!({ "from": from, "to": to, "blobs": blobs, "bytes": bytes }));
    audit::event(actor, Some(org), "backend.move", from, change)
}
