//! Contracts.

use async_graphql::{Json, Object};

use crate::scalar::{Digest, Timestamp};

/// One immutable revision of a contract.
#[derive(Debug)]
pub(crate) struct Contract(pub(crate) control::ContractRevision);

/// One immutable revision of a contract.
#[Object]
impl Contract {
    /// The contract.
    async fn name(&self) -> &str {
        self.0.name.as_str()
    }

    /// The revision, from 1.
    async fn revision(&self) -> u32 {
        self.0.revision
    }

    /// The digest of the compiled revision.
    async fn digest(&self) -> Digest {
        Digest(self.0.digest)
    }

    /// The document as it was written.
    async fn source(&self) -> &str {
        &self.0.source
    }

    /// The files that it names beside itself: texts by relative path.
    async fn files(&self) -> Json<&std::collections::BTreeMap<String, String>> {
        Json(&self.0.files)
    }

    /// When it was made.
    async fn created_at(&self) -> Timestamp {
        Timestamp(self.0.created_at)
    }
}
