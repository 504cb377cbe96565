//! Blobs on their way in and out. An organization sees only the digests that it references.

use engine::Digest;
use engine::id::OrganizationId;
use serde_json::json;

use crate::actor::{Actor, Permission, With};
use crate::audit::{self, Change};
use crate::blobs::{BlobStream, ByteStream};
use crate::store::Blob;
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
    pub async fn blob(&self, actor: &Actor, digest: Digest) -> Result<(Blob, BlobStream)> {
        let org = self.authorize_blob(actor, digest).await?;
        let blob = self.referenced(org, digest).await?;
        Ok((blob, self.fetch(&blob).await?))
    }

    /// The same without its bytes. A job may ask, to skip what is there.
    pub async fn blob_known(&self, actor: &Actor, digest: Digest) -> Result<Blob> {
        let org = actor.authorize_job(Permission::SeeBlobs, With::Evidence)?;
        if !actor.attests() {
            self.authorize_blob(actor, digest).await?;
        }
        self.referenced(org, digest).await
    }

    /// The organization, if this actor may read that blob: all of its projects, or one with an attestation of it.
    async fn authorize_blob(&self, actor: &Actor, digest: Digest) -> Result<OrganizationId> {
        let (org, within) = actor.authorize_within(Permission::ReadProjects)?;
        let Some(projects) = within.projects() else { return Ok(org) };
        let used = self.store.read().is_of_projects(org, digest, &projects).await?;
        used.then_some(org).ok_or_else(|| Error::not_found("blob", digest))
    }

    async fn referenced(&self, org: OrganizationId, digest: Digest) -> Result<Blob> {
        let read = self.store.read();
        if let Some(blob) = read.blob(org, digest).await? {
            return Ok(blob);
        }
        if read.is_evidence(org, digest).await? {
            let gone = "it was removed under the retention rule of the organization";
            return Err(Error::NotFound(format!("there is no blob `{digest}` any more: {gone}")));
        }
        Err(Error::not_found("blob", digest))
    }
}
