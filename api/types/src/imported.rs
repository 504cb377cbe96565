//! Attestations that were made elsewhere, and whose are believed.

use engine::{Digest, Name, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Subject, form};

/// Stores a trust root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PutTrustRoot {
    /// The `kind: TrustRoot` document, YAML or JSON.
    pub source: String,
}

/// A root under which attestations that were made elsewhere are believed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TrustRoot {
    /// Whose they are, and what they may say.
    #[schema(value_type = Object)]
    pub root: engine::TrustRoot,
    /// The digest of its canonical form.
    #[schema(value_type = form::Digest)]
    pub digest: Digest,
    /// When it was stored.
    #[schema(value_type = String, format = "date-time")]
    pub created_at: Timestamp,
}

/// An attestation that was made elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Imported {
    /// The digest of its bytes.
    #[schema(value_type = form::Digest)]
    pub digest: Digest,
    /// What it says, by the URI of its predicate.
    pub predicate_type: String,
    /// Who signed it.
    pub signer: Signer,
    /// The trust root that believed it when it was imported.
    #[schema(value_type = form::Name)]
    pub trust_root: Name,
    /// Whether that root, as it is now, still names who signed and allows what is said.
    pub believed: bool,
    /// When it was signed, by the evidence that came with it; absent where nothing says so.
    #[schema(value_type = Option<String>, format = "date-time")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_at: Option<Timestamp>,
    /// When it was received.
    #[schema(value_type = String, format = "date-time")]
    pub received_at: Timestamp,
    /// The size of its bytes.
    pub size: u64,
    /// The log sequence number from which it holds.
    pub seq: u64,
    /// What it is about.
    pub subjects: Vec<Subject>,
}

/// Who signed: whoever has a key, or whom a certificate is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Signer {
    /// The digest of the key.
    #[schema(value_type = Option<form::Digest>)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Digest>,
    /// Who said whom the certificate is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// Whom the certificate is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
}
