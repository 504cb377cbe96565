//! Stored evidence.

use engine::Digest;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::form;

/// The answer to a stored blob.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Blob {
    /// The digest of its bytes.
    #[schema(value_type = form::Digest)]
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
}
