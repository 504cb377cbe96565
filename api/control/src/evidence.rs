//! Blobs on their way in and out. An organization sees only the digests that it references.

use engine::Digest;
use serde_json::json;

use crate::actor::{Actor, Permission, With};
use crate::audit::{self, Change};
use crate::blobs::{BlobStream, ByteStream};
use crate::{Control, Error, Result};

impl Control {
    /// Stores a blob under its digest, hashing as it streams; answers its size. Refused when the bytes have another
    /// digest. A blob that is there already is read and compared all the same: knowing a digest is not having the bytes.
    pub async fn put_blob(
        &self,
        actor: &Actor,
        digest: Digest,
        size: Option<u64>,
        stream: ByteStream,
    ) -> Result<u64> {
        let org = actor.authorize_job(Permission::Attest, With::Evidence)?;
        let kept = self.keep(org, digest, size, stream).await?;
        let size = kept.blob.size;
        let change = Change::made(json!({ "digest": digest, "size": size }));
        let event = audit::event(actor, Some(org), "blob.put", digest, change);
        self.store
            .write(move |tx| {
                let event = event.clone();
                Box::pin(async move {
                    if kept.note(&tx).await? {
                        tx.insert_audit(&[event]).await?;
                    }
                    Ok::<_, Error>(())
                })
            })
            .await?;
        Ok(size)
    }

    /// A blob that the organization references.
    pub async fn blob(&self, actor: &Actor, digest: Digest) -> Result<BlobStream> {
        let org = actor.authorize(Permission::Read)?;
        let missing = || Error::not_found("blob", digest);
        let blob = self.store.read().blob(org, digest).await?.ok_or_else(missing)?;
        self.fetch(&blob).await
    }

    /// The size of a blob that the organization references. A job may ask, to skip what is there.
    pub async fn blob_size(&self, actor: &Actor, digest: Digest) -> Result<u64> {
        let org = actor.authorize_job(Permission::SeeBlobs, With::Evidence)?;
        let missing = || Error::not_found("blob", digest);
        Ok(self.store.read().blob(org, digest).await?.ok_or_else(missing)?.size)
    }
}
