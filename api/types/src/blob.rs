//! Stored evidence.

use engine::Digest;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The answer to a stored blob.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Blob {
    /// The digest of its bytes.
    #[schema(value_type = String)]
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
}
