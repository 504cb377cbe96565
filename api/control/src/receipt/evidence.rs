//! The evidence of a run, fetched to be judged: the bytes decide, not what the job says about them.

use std::collections::BTreeMap;
use std::sync::Arc;

use engine::id::OrganizationId;
use engine::judge::{Exhibit, Label};
use engine::{Digest, Kind, Limits, Material};
use futures::TryStreamExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::retention::{EXPIRY_MARGIN_HOURS, HOUR_MS};
use crate::store::Blob;
use crate::{Control, Error, Result, now};

/// Most KiB of evidence that are judged at once, by all receipts together; those that come later wait their turn. To
/// judge an SBOM takes some nine times as much memory as it has bytes, and no more than a few can go on at the same time
/// anyway.
const KIB_AT_ONCE: u32 = 48 << 10;

/// Bounds how much evidence is in memory.
#[derive(Debug, Clone)]
pub(crate) struct Room(Arc<Semaphore>);

impl Default for Room {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(KIB_AT_ONCE.try_into().unwrap_or(Semaphore::MAX_PERMITS))))
    }
}

impl Room {
    /// Waits until there is room for so many bytes. What is larger than all of the room gets all of it.
    async fn take(&self, bytes: u64) -> Result<OwnedSemaphorePermit> {
        let kib = u32::try_from(bytes.div_ceil(1024)).unwrap_or(KIB_AT_ONCE).min(KIB_AT_ONCE);
        Arc::clone(&self.0).acquire_many_owned(kib).await.map_err(Error::internal)
    }
}

/// Evidence that is in memory, and the room that it takes.
pub(super) struct Evidence {
    pieces: Vec<Piece>,
    room: OwnedSemaphorePermit,
}

impl Evidence {
    /// Recognises it; the room is to be kept as long as the exhibits are. Blocks: call it where blocking is fine.
    pub(super) fn read(self, limits: &Limits) -> (Vec<Exhibit>, OwnedSemaphorePermit) {
        (self.pieces.into_iter().map(|piece| piece.read(limits)).collect(), self.room)
    }
}

enum Piece {
    /// What is told without its bytes.
    Told(Exhibit),
    /// What was fetched.
    Bytes(Label, Vec<u8>),
}

impl Piece {
    fn read(self, limits: &Limits) -> Exhibit {
        match self {
            Self::Told(exhibit) => exhibit,
            Self::Bytes(label, bytes) => Exhibit::read(label, &bytes, limits),
        }
    }
}

/// Whether the bytes of a material are needed.
enum Wanted {
    Not(Exhibit),
    Bytes(Label, Blob),
}

impl Control {
    /// Fetches what the judgement of these materials needs; waits while too much evidence of others is in memory.
    pub(super) async fn evidence(
        &self,
        org: OrganizationId,
        materials: &[Material],
    ) -> Result<Evidence> {
        let digests: Vec<Digest> = materials.iter().map(|material| material.digest).collect();
        let blobs = self.store.read().blobs(org, &digests).await?;
        let wanted = materials.iter().map(|material| wanted(material, &blobs, &self.limits));
        let wanted = wanted.collect::<Result<Vec<_>>>()?;
        let bytes = wanted.iter().map(|wanted| match wanted {
            Wanted::Not(_) => 0,
            Wanted::Bytes(_, blob) => blob.size,
        });
        let room = self.room.take(bytes.fold(0, u64::saturating_add)).await?;
        let mut pieces = Vec::with_capacity(wanted.len());
        for wanted in wanted {
            pieces.push(match wanted {
                Wanted::Not(exhibit) => Piece::Told(exhibit),
                Wanted::Bytes(label, blob) => Piece::Bytes(label, self.bytes(&blob).await?),
            });
        }
        Ok(Evidence { pieces, room })
    }

    /// The bytes of a blob that is known to be small enough to hold.
    pub(crate) async fn bytes(&self, blob: &Blob) -> Result<Vec<u8>> {
        let blob = self.fetch(blob).await?;
        let mut bytes = Vec::with_capacity(usize::try_from(blob.size).unwrap_or(0));
        let mut stream = blob.stream;
        while let Some(chunk) = stream.try_next().await.map_err(Error::internal)? {
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }
}

fn wanted(material: &Material, blobs: &BTreeMap<Digest, Blob>, limits: &Limits) -> Result<Wanted> {
    let Material { name, kind, digest, source, .. } = material.clone();
    if material.reference_only {
        let label = Label { name, kind, digest, source, size: 0 };
        return Ok(Wanted::Not(Exhibit::reference(label)));
    }
    let missing = || {
        Error::refused(
            "evidence",
            format!("the blob {digest} of the material `{name}` was not stored"),
        )
    };
    let blob = *blobs.get(&digest).ok_or_else(missing)?;
    let soon = now().plus_millis(EXPIRY_MARGIN_HOURS * HOUR_MS);
    if blob.expires_at.is_some_and(|end| end <= soon) {
        let expires = format!("the blob {digest} of the material `{name}` is about to be removed");
        return Err(Error::refused("evidence", format!("{expires}: hand it in again")));
    }
    let size = blob.size;
    let (label, max) = (Label { name, kind, digest, source, size }, limits.evidence_bytes_max);
    Ok(match kind {
        Kind::Artifact => Wanted::Not(Exhibit::opaque(label)),
        _ if size > max => {
            let reason = format!("it has {size} bytes, more than the limit of {max}");
            Wanted::Not(Exhibit::missing(label, reason))
        }
        _ => Wanted::Bytes(label, blob),
    })
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::{KIB_AT_ONCE, Room};

    #[tokio::test]
    async fn what_has_no_room_waits_until_there_is() {
        let room = Room::default();
        let all = room.take(u64::MAX).await.unwrap();
        assert!(room.take(1).now_or_never().is_none());
        drop(all);
        let half = room.take(u64::from(KIB_AT_ONCE) * 512).await.unwrap();
        let other = room.take(u64::from(KIB_AT_ONCE) * 512).await.unwrap();
        assert!(room.take(1).now_or_never().is_none());
        drop((half, other));
        assert!(room.take(1).now_or_never().is_some());
    }
}
