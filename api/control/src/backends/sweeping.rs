//! Finds bytes to which no row refers, and asks for their removal.
//!
//! They are what is left of uploads whose server was killed before it noted them, or of a blob that was handed in while
//! it was moved. A place is swept only when somebody says so: a copy of a database that is old, or of a test, knows
//! nothing of what others keep in the same place.

use std::sync::Arc;
use std::time::{Duration, Instant};

use engine::id::OrganizationId;
use engine::{Digest, Name};
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::json;

use super::moving::INSTANCE;
use super::removing::asked_from;
use crate::actor::{Actor, Permission};
use crate::blobs::Blobs;
use crate::store::{Space, Usage};
use crate::{Control, Error, Result, audit};

/// Blobs that are listed at once.
const PAGE: usize = 1_000;
/// Most blobs whose removal is asked for, and told of, in one transaction.
const BATCH: usize = 100;
/// Blobs that are looked at at once.
const AT_ONCE: usize = 8;
/// How long a call begins to list more.
const SLICE: Duration = Duration::from_secs(10);

/// How a place is to be swept.
#[derive(Debug, Clone, Copy, Default)]
pub struct SweepBlobs {
    /// Go on after this blob: the `next` of the call before.
    pub after: Option<Digest>,
    /// Say only what would be removed.
    pub dry_run: bool,
}

/// What a call found.
#[derive(Debug, Clone, Copy, Default)]
pub struct SweptBlobs {
    /// How many blobs it looked at.
    pub looked_at: u64,
    /// Those to which no row refers. They are removed after a while, unless somebody hands them in.
    pub orphans: Usage,
    /// Where the next call has to go on; none when all were looked at.
    pub next: Option<Digest>,
}

/// What is swept, and for whom that is told.
struct Swept {
    org: Option<OrganizationId>,
    space: Space,
    name: String,
    blobs: Arc<dyn Blobs>,
}

impl Control {
    /// Sweeps some of a backend of the actor's organization; the last answer has no `next`.
    pub async fn sweep_backend(
        &self,
        actor: &Actor,
        name: &Name,
        asked: SweepBlobs,
    ) -> Result<SweptBlobs> {
        let org = actor.authorize(Permission::EditStorage)?;
        let row = self.named_backend(org, name).await?;
        let (space, blobs) = (Space(Some(row.id)), self.open_backend(&row).await?);
        let place = Swept { org: Some(org), space, name: name.to_string(), blobs };
        self.sweep(actor, &place, asked).await
    }

    /// The same of the store of the instance.
    pub async fn sweep_instance(&self, actor: &Actor, asked: SweepBlobs) -> Result<SweptBlobs> {
        actor.authorize_instance()?;
        let (name, blobs) = (INSTANCE.to_owned(), Arc::clone(&self.blobs));
        let place = Swept { org: None, space: Space(None), name, blobs };
        self.sweep(actor, &place, asked).await
    }

    async fn sweep(&self, actor: &Actor, place: &Swept, asked: SweepBlobs) -> Result<SweptBlobs> {
        let (begun, mut swept) =
            (Instant::now(), SweptBlobs { next: asked.after, ..Default::default() });
        loop {
            let page = place.blobs.list(swept.next, PAGE).await?;
            let orphans = self.store.read().orphans(place.space, &page).await?;
            swept.looked_at += u64::try_from(page.len()).map_err(Error::internal)?;
            for orphans in orphans.chunks(BATCH) {
                let usage = usage(&*place.blobs, orphans).await?;
                if !asked.dry_run {
                    self.ask_for_removal(actor, place, orphans, usage).await?;
                }
                swept.orphans.blobs += usage.blobs;
                swept.orphans.bytes += usage.bytes;
            }
            swept.next = page.last().filter(|_| page.len() == PAGE).copied();
            if swept.next.is_none() || begun.elapsed() > SLICE {
                return Ok(swept);
            }
        }
    }

    /// In one transaction, so that nothing is removed that auditors are not told of.
    async fn ask_for_removal(
        &self,
        actor: &Actor,
        place: &Swept,
        orphans: &[Digest],
        usage: Usage,
    ) -> Result<()> {
        let (space, orphans) = (place.space, Arc::<[Digest]>::from(orphans));
        let told = json!({ "bytes": usage.bytes, "blobs": &*orphans });
        let event = audit::event(actor, place.org, "backend.sweep", &place.name, told);
        self.store
            .write(move |tx| {
                let (orphans, event) = (Arc::clone(&orphans), event.clone());
                Box::pin(async move {
                    for digest in orphans.iter() {
                        tx.ask_removal(&asked_from(space, *digest)).await?;
                    }
                    tx.insert_audit(&[event]).await?;
                    Ok::<_, Error>(())
                })
            })
            .await
    }
}

/// How much they are; what is gone since it was listed has no bytes.
async fn usage(blobs: &dyn Blobs, orphans: &[Digest]) -> Result<Usage> {
    let sizes = stream::iter(orphans.to_vec()).map(|digest| blobs.size(digest));
    let mut sizes = sizes.buffer_unordered(AT_ONCE);
    let mut usage = Usage::default();
    while let Some(size) = sizes.try_next().await? {
        usage.blobs += 1;
        usage.bytes += size.unwrap_or(0);
    }
    Ok(usage)
}
