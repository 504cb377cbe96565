//! Secrets at rest.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What sealing every secret anew came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Rotation {
    /// The name of the key that seals every secret now.
    pub key: String,
    /// How many secrets were sealed anew; those that the key had sealed before do not count.
    pub resealed: u64,
}
