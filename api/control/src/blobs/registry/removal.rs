//! The removal of a blob from a registry, for which the client has no call.
//!
//! What is deleted is the blob's manifest:
//! <https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#deleting-manifests>. Bytes that no manifest
//! names any more are freed by the garbage collection of the registry; deleting them here would take them from other
//! manifests of the repository.

use engine::Digest;
use reqwest::{Method, StatusCode};

use super::{BlobError, Registry};

impl Registry {
    /// Deletes a manifest by its own digest.
    pub(super) async fn delete_manifest(
        &self,
        digest: Digest,
        manifest: &str,
    ) -> Result<(), BlobError> {
        let Self { address, repository, .. } = self;
        let operation = format!("delete the manifest of blob {digest} at {address}/{repository}");
        let path = format!("{repository}/manifests/{manifest}");
        let answer = self.ask(Method::DELETE, &path, &operation).await?;
        match answer.status() {
            status if status.is_success() => Ok(()),
            StatusCode::NOT_FOUND => Ok(()),
            status @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => {
                Err(BlobError::Kept(format!(
                    "the registry {address} lets nobody with these credentials delete: {status}"
                )))
            }
            StatusCode::METHOD_NOT_ALLOWED => {
                Err(BlobError::Kept(format!("the registry {address} is set up to delete nothing")))
            }
            status => Err(BlobError::storage(operation, format!("the answer was {status}"))),
        }
    }
}
