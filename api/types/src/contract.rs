//! Contracts.

use std::collections::BTreeMap;

use engine::{Digest, Name, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::form;

/// A contract or gate document with the files that it names beside itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PutDocument {
    /// The document as it is written, YAML or JSON.
    pub source: String,
    /// Policies and schemas by the relative path under which the document names them.
    #[serde(default)]
    pub files: BTreeMap<String, String>,
}

/// One immutable revision of a contract.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ContractRevision {
    /// The contract.
    #[schema(value_type = form::Name)]
    pub name: Name,
    /// The revision, from 1.
    pub revision: u32,
    /// The digest of the compiled revision, also its `ETag`.
    #[schema(value_type = form::Digest)]
    pub digest: Digest,
    /// The document as it was written.
    pub source: String,
    /// The files that it names beside itself.
    pub files: BTreeMap<String, String>,
    /// When it was made.
    #[schema(value_type = String, format = "date-time")]
    pub created_at: Timestamp,
    /// When the contract was deleted; it can be restored.
    #[schema(value_type = Option<String>, format = "date-time")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted_at: Option<Timestamp>,
}
