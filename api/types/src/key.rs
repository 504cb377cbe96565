//! Public keys that may sign attestations.

use engine::id::KeyId;
use engine::{Digest, Name, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::form;

/// Registers a public key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateKey {
    /// Its name.
    #[schema(value_type = form::Name)]
    pub name: Name,
    /// The key, PEM (`-----BEGIN PUBLIC KEY-----`).
    pub public_key: String,
}

/// A public key that the organization trusts to sign attestations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Key {
    /// Its identifier.
    #[schema(value_type = String, format = "uuid")]
    pub id: KeyId,
    /// Its name.
    #[schema(value_type = form::Name)]
    pub name: Name,
    /// The digest of its `SubjectPublicKeyInfo`: the hint in bundles.
    #[schema(value_type = form::Digest)]
    pub digest: Digest,
    /// The key, PEM.
    pub public_key: String,
    /// When it was registered.
    #[schema(value_type = String, format = "date-time")]
    pub created_at: Timestamp,
    /// When it was revoked.
    #[schema(value_type = Option<String>, format = "date-time")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<Timestamp>,
}
